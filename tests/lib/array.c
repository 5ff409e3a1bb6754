/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/array.h"

#include "base/assert.h"
#include "base/memory.h"
#include "lib/allocator.h"

/* Items of an array that begins. */
#define FIRST 64

void *array_room(void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity > 0 ? *capacity * 2 : FIRST;

    struct allocator *before = allocator_use(NULL);
    void *grown = memory_try_realloc(items, *capacity * item_size);

    allocator_use(before);
    ensure(grown != NULL);
    return grown;
}
