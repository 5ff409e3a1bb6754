/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"

/* The first block of a buffer, bytes. */
#define FIRST_CAPACITY 256

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
}

void buffer_deinit(struct buffer *buffer)
{
    memory_free(buffer->block);
    buffer_init(buffer);
}

/* Makes room by moving the content to the front (when no more than was consumed, so that the move
 * is paid for) or by growing. */
static bool make_room(struct buffer *buffer, size_t size)
{
    const size_t content = buffer_size(buffer);
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
    size_t needed;

    if (__builtin_add_overflow(content, size, &needed))
        return false;
    if (needed <= buffer->capacity && buffer->head >= content) {
        memmove(buffer->block, buffer->block + buffer->head, content);
        buffer->head = 0;
        buffer->tail = content;
        return true;
    }
    while (capacity < buffer->head + needed)
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
            return false;
    uint8_t *block = memory_try_realloc(buffer->block, capacity);
    if (block == NULL)
        return false;
    buffer->block = block;
    buffer->capacity = capacity;
    return true;
}

uint8_t *buffer_reserve_exactly(struct buffer *buffer, size_t size)
{
    const size_t content = buffer_size(buffer);
    size_t needed;

    if (buffer->failed)
        return NULL;
    if (buffer->block != NULL && buffer->capacity - buffer->tail >= size)
        return buffer->block + buffer->tail;
    if (__builtin_add_overflow(content, size, &needed) || needed > SIZE_MAX / 2)
        return buffer_grow(buffer, size);
    if (buffer->head > 0)
        memmove(buffer->block, buffer->block + buffer->head, content);
    buffer->head = 0;
    buffer->tail = content;
    if (buffer->capacity < needed) {
        uint8_t *block = memory_try_realloc(buffer->block, needed);
        buffer->failed = block == NULL;
        if (block == NULL)
            return NULL;
        buffer->block = block;
        buffer->capacity = needed;
    }
    return buffer->block + buffer->tail;
}

void buffer_begin_behind(struct buffer *buffer, size_t before, size_t size)
{
    size_t all;

    ensure(buffer_size(buffer) == 0);
    if (__builtin_add_overflow(before, size, &all))
        buffer->failed = true;
    else if (buffer_reserve_exactly(buffer, all) != NULL)
        buffer->head = buffer->tail = before;
}

bool buffer_prepend(struct buffer *buffer, const void *data, size_t size)
{
    if (buffer->failed || size > buffer->head)
        return false;
    buffer->head -= size;
    memcpy(buffer->block + buffer->head, data, size);
    return true;
}

uint8_t *buffer_grow(struct buffer *buffer, size_t size)
{
    if (!make_room(buffer, size)) {
        buffer->failed = true;
        return NULL;
    }
    return buffer->block + buffer->tail;
}

void buffer_append_string(struct buffer *buffer, const char *string)
{
    buffer_append(buffer, string, strlen(string));
}

void buffer_append_int64(struct buffer *buffer, int64_t value)
{
    char text[INT64_TEXT_MAX];

    buffer_append(buffer, text, int64_to_text(value, text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ensure(size >= 0);
    uint8_t *room = buffer_reserve(buffer, (size_t)size + 1);
    if (room == NULL)
        return;
    va_start(arguments, format);
    vsnprintf((char *)room, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buffer->tail += (size_t)size;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    ensure(size <= buffer_size(buffer));
    buffer->head += size;
    if (buffer->head == buffer->tail)
        buffer->head = buffer->tail = 0;
}

void buffer_truncate(struct buffer *buffer, size_t size)
{
    ensure(size <= buffer_size(buffer));
    buffer->tail = buffer->head + size;
}

void buffer_append_wrapped(struct buffer *buffer, const char *indent, const char *words)
{
    size_t column = 0;

    while (*words != '\0') {
        const size_t size = strcspn(words, " ");
        if (column > 0 && column + 1 + size > BUFFER_COLUMNS) {
            buffer_append_string(buffer, "\n");
            column = 0;
        }
        buffer_append_string(buffer, column == 0 ? indent : " ");
        buffer_append(buffer, words, size);
        column += size + (column == 0 ? strlen(indent) : 1);
        words += size + strspn(words + size, " ");
    }
    buffer_append_string(buffer, "\n");
}
