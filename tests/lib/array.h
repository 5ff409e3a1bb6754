/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arrays of the tests' own that grow by an item at a time. They never lack memory, whatever
 * allocations of the code under test fail meanwhile (allocator.h).
 */
#ifndef DUNLIN_TESTS_LIB_ARRAY_H
#define DUNLIN_TESTS_LIB_ARRAY_H

#include <stddef.h>

/* Room for one item behind `count` of them: returns where the array is from now on, and sets its
 * capacity, in items. NULL and 0 are an empty array; it is freed by memory_free. */
void *array_room(void *items, size_t count, size_t *capacity, size_t item_size);

#endif
