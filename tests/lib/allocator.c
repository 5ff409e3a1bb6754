/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/allocator.h"

#include <stdbool.h>

/* The wrapped functions have no context to find it in; each run has one thread. */
static _Thread_local struct allocator *in_use;

void *__real_memory_try_alloc(size_t size) __attribute__((weak));
void *__real_memory_try_alloc_aligned(size_t alignment, size_t size) __attribute__((weak));
void *__real_memory_try_realloc(void *block, size_t size) __attribute__((weak));
void *__wrap_memory_try_alloc(size_t size);
void *__wrap_memory_try_alloc_aligned(size_t alignment, size_t size);
void *__wrap_memory_try_realloc(void *block, size_t size);

void allocator_init(struct allocator *allocator, uint64_t seed)
{
    *allocator = (struct allocator){.of_1000 = 0};
    rng_init(&allocator->rng, seed);
}

struct allocator *allocator_use(struct allocator *allocator)
{
    struct allocator *before = in_use;

    in_use = allocator;
    return before;
}

void allocator_grant(struct allocator *allocator, uint64_t count)
{
    *allocator = (struct allocator){.of_1000 = 1000, .spared = count};
    allocator_use(allocator);
}

static bool refuses(size_t size)
{
    if (in_use == NULL || in_use->of_1000 == 0 || size < in_use->least)
        return false;
    if (in_use->spared > 0) {
        in_use->spared--;
        return false;
    }
    if (in_use->of_1000 < 1000 && rng_below(&in_use->rng, 1000) >= in_use->of_1000)
        return false;
    in_use->refused++;
    return true;
}

void *__wrap_memory_try_alloc(size_t size)
{
    return refuses(size) ? NULL : __real_memory_try_alloc(size);
}

void *__wrap_memory_try_alloc_aligned(size_t alignment, size_t size)
{
    return refuses(size) ? NULL : __real_memory_try_alloc_aligned(alignment, size);
}

void *__wrap_memory_try_realloc(void *block, size_t size)
{
    return refuses(size) ? NULL : __real_memory_try_realloc(block, size);
}
