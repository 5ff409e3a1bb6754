/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/block.h"

#include "base/memory.h"

struct block *block_adopt(struct buffer *buffer)
{
    struct block *block;

    ensure(buffer->block != NULL && !buffer->failed);
    block = memory_try_alloc(sizeof *block);
    if (block == NULL)
        return NULL;
    atomic_init(&block->shares, 1);
    block->capacity = buffer->capacity;
    block->memory = buffer->block;
    buffer_init(buffer);
    return block;
}

struct block *block_share(struct block *block)
{
    const unsigned before = atomic_fetch_add_explicit(&block->shares, 1, memory_order_relaxed);

    ensure(before > 0 && before < UINT32_MAX);
    return block;
}

void block_release(struct block **block)
{
    struct block *given = *block;

    *block = NULL;
    /* What was read in it by others comes before it is freed. */
    if (given == NULL || atomic_fetch_sub_explicit(&given->shares, 1, memory_order_acq_rel) > 1)
        return;
    memory_free(given->memory);
    memory_free(given);
}

bool block_holds(const struct block *block, struct span bytes)
{
    const uintptr_t from = (uintptr_t)block->memory, at = (uintptr_t)bytes.data;

    return at >= from && at - from <= block->capacity &&
           bytes.size <= block->capacity - (at - from);
}
