/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is to be written to one connection, however slow its other side is. A buffer is moved as a
 * whole whenever it grows, which takes 3 ms for 8 MB; here what is queued lies in pieces, and only
 * the last of them grows. Most of the time there is but the head.
 *
 *     head  <-  piece, piece, piece  <- appended to
 *
 * A piece is bytes of its own, or refers to some in a shared block: a large value is not copied to
 * be sent. An item (a frame) lies in one piece, and what the piece behind it refers to; so a piece
 * of own bytes is longer than OUTBOX_PIECE by one item at most. One that lacks bytes, since there
 * was no memory for them, is `failed`, and neither it nor what follows may be written.
 *
 * Whoever owns the structure owns the pieces. A reply that is being made is a buffer and a list of
 * such pieces behind it, and is moved to an outbox as a whole.
 */
#ifndef DUNLIN_BASE_OUTBOX_H
#define DUNLIN_BASE_OUTBOX_H

#include "base/block.h"
#include "base/buffer.h"
#include "base/list.h"

/* A piece of so many bytes or more gets no other item. */
#define OUTBOX_PIECE (128u * 1024)
/* A buffer with more bytes is taken over as a piece; fewer are copied. */
#define OUTBOX_TAKE (16u * 1024)

struct outbox {
    struct buffer head;
    struct list behind; /* of struct outbox_piece */
    size_t between;     /* bytes of those but the last */
};

struct outbox_piece {
    struct list link;
    struct buffer bytes;  /* its own, or, */
    struct block *block;  /* where this is not NULL, a share of a block */
    struct span referred; /* and what of it is not written yet */
};

void outbox_init(struct outbox *outbox);
/* Frees the pieces; it is empty and may be used again. */
void outbox_deinit(struct outbox *outbox);

/* For outbox_last, where more than the head is there. */
struct buffer *outbox_last_piece(struct outbox *outbox);

/* Where the next item is to be appended. */
static inline struct buffer *outbox_last(struct outbox *outbox)
{
    if (list_empty(&outbox->behind) && buffer_size(&outbox->head) < OUTBOX_PIECE)
        return &outbox->head;
    return outbox_last_piece(outbox);
}

/* Appends what the pieces of a list hold, and empties the list. */
void outbox_append_pieces(struct outbox *outbox, struct list *pieces);
/* Appends the content of a buffer, which gets another block, or keeps its own and is empty. */
void outbox_append_buffer(struct outbox *outbox, struct buffer *buffer);
/* Appends bytes that lie in the block; it takes a share. */
void outbox_refer(struct outbox *outbox, struct block *block, struct span bytes);

/* Bytes in it. */
size_t outbox_size_behind(const struct outbox *outbox);
static inline size_t outbox_size(const struct outbox *outbox)
{
    const size_t head = buffer_size(&outbox->head);

    if (__builtin_expect(list_empty(&outbox->behind), 1))
        return head;
    return head + outbox_size_behind(outbox);
}

/* What its pieces take, and refer to. */
size_t outbox_capacity(const struct outbox *outbox);

/* ---- for who writes it ---- */

/* Whether what comes next is failed. */
static inline bool outbox_failed(const struct outbox *outbox)
{
    return outbox->head.failed;
}

/* The bytes that come next, in up to `most` spans and until they are `size` bytes or little more;
 * returns how many. */
size_t outbox_gather(const struct outbox *outbox, struct span *spans, size_t most, size_t size);
/* They are written, `size` bytes of them. */
void outbox_consume(struct outbox *outbox, size_t size);

/* ---- pieces behind a buffer ---- */

/* Refers to bytes in a block, of which it takes a share. */
void outbox_pieces_refer(struct list *pieces, struct block *block, struct span bytes);
/* Where the next bytes behind `first` and its pieces are to be appended. */
struct buffer *outbox_pieces_last(struct buffer *first, struct list *pieces);
/* Bytes in them. */
size_t outbox_pieces_size(const struct list *pieces);
void outbox_pieces_free(struct list *pieces);

#endif
