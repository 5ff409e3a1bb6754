/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A byte queue in one block: bytes are appended at the tail and consumed at the head.
 *
 *      block                                                    block + capacity
 *        |  consumed  |  content (size bytes)  |   free          |
 *                     ^ head                   ^ tail
 *
 * The owner of the structure owns the block. Growth doubles, so appending is amortised O(1).
 * A buffer that could not grow remembers it (`failed`) and drops what follows until it is reset:
 * whoever fills it checks once at the end and not at every call.
 */
#ifndef DUNLIN_BASE_BUFFER_H
#define DUNLIN_BASE_BUFFER_H

#include "base/span.h"

struct buffer {
    uint8_t *block;
    size_t capacity;
    size_t head;
    size_t tail;
    bool failed;
};

/* A zeroed structure is a valid, empty buffer; this is the same with a name. */
void buffer_init(struct buffer *buffer);
/* Frees the block; the buffer is empty and may be used again. */
void buffer_deinit(struct buffer *buffer);

static inline size_t buffer_size(const struct buffer *buffer)
{
    return buffer->tail - buffer->head;
}

static inline struct span buffer_content(const struct buffer *buffer)
{
    /* Adding to NULL is undefined, 0 as well. */
    return span_of(buffer->block != NULL ? buffer->block + buffer->head : NULL,
                   buffer->tail - buffer->head);
}

/* Room for `size` more bytes at the tail, to be filled by the caller and then claimed with
 * buffer_commit. Moves the content when that is enough. NULL (and `failed`) when out of memory. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);
/* Makes `size` bytes written behind the tail part of the content. */
void buffer_commit(struct buffer *buffer, size_t size);

void buffer_append(struct buffer *buffer, const void *data, size_t size);
static inline void buffer_append_span(struct buffer *buffer, struct span span)
{
    buffer_append(buffer, span.data, span.size);
}
void buffer_append_string(struct buffer *buffer, const char *string);
void buffer_append_int64(struct buffer *buffer, int64_t value); /* in decimal */
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops `size` bytes from the head; at most buffer_size. */
void buffer_consume(struct buffer *buffer, size_t size);
/* Drops the content from `size` bytes on; the undo of what was appended since. */
void buffer_truncate(struct buffer *buffer, size_t size);
/* Empties it and clears `failed`; keeps the block unless it is larger than `keep` bytes. */
void buffer_reset(struct buffer *buffer, size_t keep);

#endif
