/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is to be written to one connection, however slow its other side is. A buffer is moved as a
 * whole whenever it grows, which takes 3 ms for 8 MB; here what is queued lies in blocks, and only
 * the last of them grows. The host writes `head` and nothing else; once that is empty outbox_next
 * puts the next block there.
 *
 *     head  <-  block, block, block  <- appended to
 *
 * An item (a frame) lies in one block, so a block is longer than OUTBOX_BLOCK by one item at most.
 * A block that lacks bytes, since there was no memory for them, is `failed` and may not be written.
 * Whoever owns the structure owns the blocks.
 */
#ifndef DUNLIN_BASE_OUTBOX_H
#define DUNLIN_BASE_OUTBOX_H

#include "base/buffer.h"
#include "base/list.h"

/* A block of so many bytes or more gets no other item. */
#define OUTBOX_BLOCK (128u * 1024)

struct outbox {
    struct buffer head;
    struct list behind; /* of struct outbox_block */
    size_t between;     /* bytes of those but the last */
};

struct outbox_block {
    struct list link;
    struct buffer bytes;
};

void outbox_init(struct outbox *outbox);
/* Frees the blocks; it is empty and may be used again. */
void outbox_deinit(struct outbox *outbox);

/* For outbox_last, where more than the head is there. */
struct buffer *outbox_last_block(struct outbox *outbox);

/* Where the next item is to be appended. */
static inline struct buffer *outbox_last(struct outbox *outbox)
{
    if (list_empty(&outbox->behind) && buffer_size(&outbox->head) < OUTBOX_BLOCK)
        return &outbox->head;
    return outbox_last_block(outbox);
}

/* The head is written: the next block takes its place, complete items only. False: there is none,
 * and the head is as it was. */
bool outbox_next(struct outbox *outbox);

/* Bytes in it. */
static inline size_t outbox_size(const struct outbox *outbox)
{
    const size_t head = buffer_size(&outbox->head);

    if (list_empty(&outbox->behind))
        return head;
    return head + outbox->between +
           buffer_size(&list_entry(outbox->behind.previous, struct outbox_block, link)->bytes);
}

/* What its blocks take. */
size_t outbox_capacity(const struct outbox *outbox);

#endif
