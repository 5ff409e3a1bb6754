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

#include "base/assert.h"
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
    if (buffer->block == NULL) /* an offset to NULL is undefined, be it 0 */
        return span_of(NULL, 0);
    return span_of(buffer->block + buffer->head, buffer->tail - buffer->head);
}

/* For buffer_reserve, where the room is not there yet. */
uint8_t *buffer_grow(struct buffer *buffer, size_t size);

/* Room for `size` more bytes at the tail, to be filled by the caller and then claimed with
 * buffer_commit. Moves the content when that is enough. NULL (and `failed`) when out of memory. */
static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->failed)
        return NULL;
    if (buffer->block == NULL || buffer->capacity - buffer->tail < size)
        return buffer_grow(buffer, size);
    return buffer->block + buffer->tail;
}

/* The same with no more room than that, for who knows how much is to come. */
uint8_t *buffer_reserve_exactly(struct buffer *buffer, size_t size);
/* Begins the content of an empty buffer behind `before` bytes of room, for buffer_prepend, with
 * room for `size` bytes. */
void buffer_begin_behind(struct buffer *buffer, size_t before, size_t size);
/* Puts bytes before the content; false, with nothing done, when there is no room. */
bool buffer_prepend(struct buffer *buffer, const void *data, size_t size);

/* Makes `size` bytes written behind the tail part of the content. */
static inline void buffer_commit(struct buffer *buffer, size_t size)
{
    ensure(size <= buffer->capacity - buffer->tail);
    buffer->tail += size;
}

static inline void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    uint8_t *room = buffer_reserve(buffer, size);
    if (room == NULL)
        return;
    memcpy(room, data, size);
    buffer->tail += size;
}

static inline void buffer_append_span(struct buffer *buffer, struct span span)
{
    buffer_append(buffer, span.data, span.size);
}
void buffer_append_string(struct buffer *buffer, const char *string);
void buffer_append_int64(struct buffer *buffer, int64_t value); /* in decimal */
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends `words` in lines that open with `indent` and are at most BUFFER_COLUMNS long. */
#define BUFFER_COLUMNS 80
void buffer_append_wrapped(struct buffer *buffer, const char *indent, const char *words);

/* Drops `size` bytes from the head; at most buffer_size. */
void buffer_consume(struct buffer *buffer, size_t size);
/* Drops the content from `size` bytes on; the undo of what was appended since. */
void buffer_truncate(struct buffer *buffer, size_t size);
/* Empties it and clears `failed`; keeps the block unless it is larger than `keep` bytes. */
static inline void buffer_reset(struct buffer *buffer, size_t keep)
{
    buffer->head = buffer->tail = 0;
    buffer->failed = false;
    if (buffer->capacity > keep)
        buffer_deinit(buffer);
}

#endif
