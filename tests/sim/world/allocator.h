/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocations that fail: those of memory_try_alloc and its like (base/memory.h), whose callers
 * promise to go on without, and buffers that cannot grow for what is appended. The simulator's
 * programs are linked with these functions wrapped, so the core neither knows nor pays; in a
 * program that is not, none fails. What the simulator itself allocates never fails: only what
 * happens between two calls of allocator_use.
 *
 * What is left out is buffer_reserve: a request keeps its own words through it, and a server that
 * cannot do that ends.
 */
#ifndef DUNLIN_TESTS_SIM_ALLOCATOR_H
#define DUNLIN_TESTS_SIM_ALLOCATOR_H

#include <stddef.h>

#include "base/rng.h"

struct allocator {
    struct rng rng;
    unsigned of_1000; /* so many fail; 0: none */
    size_t least;     /* of those of so many bytes at least */
    uint64_t refused; /* how many did */
};

void allocator_init(struct allocator *allocator, uint64_t seed);
/* Allocations are this one's from now on; NULL: none fails. Returns the one before. */
struct allocator *allocator_use(struct allocator *allocator);

#endif
