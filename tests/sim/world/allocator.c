/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/allocator.h"

#include <stdbool.h>

#include "base/buffer.h"

/* The wrapped functions have no context to find it in; a run has one thread. */
static _Thread_local struct allocator *in_use;

void *__real_memory_try_alloc(size_t size) __attribute__((weak));
void *__real_memory_try_alloc_aligned(size_t alignment, size_t size) __attribute__((weak));
void __real_buffer_append(struct buffer *buffer, const void *data, size_t size)
    __attribute__((weak));
void *__wrap_memory_try_alloc(size_t size);
void *__wrap_memory_try_alloc_aligned(size_t alignment, size_t size);
void __wrap_buffer_append(struct buffer *buffer, const void *data, size_t size);

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

static bool refuses(size_t size)
{
    if (in_use == NULL || in_use->of_1000 == 0 || size < in_use->least ||
        rng_below(&in_use->rng, 1000) >= in_use->of_1000)
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

void __wrap_buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size > 0 && buffer->capacity - buffer->tail < size && refuses(size))
        buffer->failed = true;
    else
        __real_buffer_append(buffer, data, size);
}
