/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocations that fail: those of memory_try_alloc and its like (base/memory.h), whose callers
 * promise to go on without. A program that is linked with `fail_allocations` (Makefile.am) has
 * these functions wrapped, so the code that it tests neither knows nor pays; in any other none
 * fails. What fails is what happens between two calls of allocator_use: a test's own buffers are
 * outside.
 */
#ifndef DUNLIN_TESTS_LIB_ALLOCATOR_H
#define DUNLIN_TESTS_LIB_ALLOCATOR_H

#include <stddef.h>

#include "base/rng.h"

struct allocator {
    struct rng rng;
    unsigned of_1000; /* so many fail; 0: none, 1000: all */
    size_t least;     /* of those of so many bytes at least */
    uint64_t spared;  /* of those, so many are granted first */
    uint64_t refused; /* how many failed */
};

void allocator_init(struct allocator *allocator, uint64_t seed);
/* Puts one to use that grants so many, and refuses all others. */
void allocator_grant(struct allocator *allocator, uint64_t count);
/* Allocations are this one's from now on; NULL: none fails. Returns the one before. */
struct allocator *allocator_use(struct allocator *allocator);

#endif
