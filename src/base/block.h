/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block of bytes that several hold at once, and that none of them writes any more: a large value
 * as it arrived, which a request, and the store, keep without a copy. It is made of a buffer's
 * block; whoever gives back the last share frees it. Shares may be taken and given back by any
 * thread; who takes one has one, or a lock under which the block is held.
 */
#ifndef DUNLIN_BASE_BLOCK_H
#define DUNLIN_BASE_BLOCK_H

#include <stdatomic.h>

#include "base/buffer.h"

/* Smaller values are copied, bytes: that costs less than to allocate a block for each. */
#define BLOCK_SHARED_MIN (64u * 1024)

struct block {
    atomic_uint shares;
    size_t capacity; /* bytes allocated at `memory` */
    uint8_t *memory;
};

/* The buffer's block, with one share, which is the caller's; the buffer has none then. NULL, with
 * the buffer as it was, when there is no memory. */
struct block *block_adopt(struct buffer *buffer);
/* Another share. */
struct block *block_share(struct block *block);
/* Gives back a share; NULL is none. */
void block_release(struct block **block);

/* Whether all of `bytes` lie in the block. */
bool block_holds(const struct block *block, struct span bytes);

#endif
