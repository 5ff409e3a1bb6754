/* SPDX-License-Identifier: BSD-3-Clause */
#include "resp/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

/* Error texts made by reply_error_format, bytes; what is longer is cut. */
#define ERROR_MAX 512

/* "\r\n", a type's byte and a number. */
#define HEAD_MAX (INT64_TEXT_MAX + 3)

/* What a text takes beyond its bytes: its head, a tag, and an end of line. */
#define TEXT_SPARE (HEAD_MAX + 4 + 2)

/* Smaller values are copied: their buffer is kept for the next, bytes. */
#define TAKEN_MIN (16 * 1024)

static inline size_t write_head(char *head, char type, int64_t number)
{
    size_t size = 1;

    head[0] = type;
    if ((uint64_t)number < 100) { /* nearly all are that short */
        if (number >= 10)
            head[size++] = (char)('0' + number / 10);
        head[size++] = (char)('0' + number % 10);
    } else {
        size += int64_to_text(number, head + size);
    }
    head[size++] = '\r';
    head[size++] = '\n';
    return size;
}

static void append_head(struct buffer *reply, char type, int64_t number)
{
    char *room = (char *)buffer_reserve(reply, HEAD_MAX);

    if (room != NULL)
        buffer_commit(reply, write_head(room, type, number));
}

static void append_line(struct buffer *reply, char type, const char *text, size_t size)
{
    uint8_t *room = buffer_reserve(reply, size + 3);

    if (room == NULL)
        return;
    *room++ = (uint8_t)type;
    for (size_t i = 0; i < size; i++)
        *room++ = (uint8_t)text[i] < ' ' ? ' ' : (uint8_t)text[i];
    *room++ = '\r';
    *room = '\n';
    buffer_commit(reply, size + 3);
}

void reply_simple(struct buffer *reply, const char *text)
{
    append_line(reply, '+', text, strlen(text));
}

void reply_pong(struct buffer *reply)
{
    buffer_append(reply, "+PONG\r\n", 7);
}

void reply_ok(struct buffer *reply)
{
    buffer_append(reply, "+OK\r\n", 5);
}

void reply_error(struct buffer *reply, const char *text)
{
    append_line(reply, '-', text, strlen(text));
}

void reply_error_format(struct buffer *reply, const char *format, ...)
{
    char text[ERROR_MAX];
    va_list arguments;

    va_start(arguments, format);
    const int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ensure(size >= 0);
    /* As Redis: line ends at the end are no part of what is told. */
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '\r' || text[length - 1] == '\n'))
        length--;
    append_line(reply, '-', text, length);
}

void reply_integer(struct buffer *reply, int64_t value)
{
    append_head(reply, ':', value);
}

/* The tag is of no more than four bytes. */
static inline void append_text(struct buffer *reply, char type, const char *tag, size_t tag_size,
                               struct span value)
{
    if (value.size > SIZE_MAX - TEXT_SPARE) {
        reply->failed = true;
        return;
    }
    char *room = (char *)buffer_reserve(reply, value.size + TEXT_SPARE);
    if (room == NULL)
        return;
    char *at = room + write_head(room, type, (int64_t)(value.size + tag_size));
    for (size_t i = 0; i < tag_size; i++)
        *at++ = tag[i];
    if (value.size > 0)
        memcpy(at, value.data, value.size);
    at += value.size;
    *at++ = '\r';
    *at++ = '\n';
    buffer_commit(reply, (size_t)(at - room));
}

void reply_bulk(struct buffer *reply, struct span value)
{
    append_text(reply, '$', "", 0, value);
}

void reply_bulk_taking(struct buffer *reply, struct span value, struct buffer *bytes)
{
    char head[HEAD_MAX];

    if (bytes != NULL && value.size >= TAKEN_MIN && buffer_size(reply) == 0 && !reply->failed &&
        value.data == buffer_content(bytes).data && value.size == buffer_size(bytes) &&
        buffer_prepend(bytes, head, write_head(head, '$', (int64_t)value.size))) {
        const struct buffer taken = *bytes;
        *bytes = *reply;
        *reply = taken;
        buffer_append(reply, "\r\n", 2);
    } else {
        reply_bulk(reply, value);
    }
}

void reply_bulk_referring(struct buffer *reply, struct list *behind, struct span value,
                          struct block *block)
{
    append_head(outbox_pieces_last(reply, behind), '$', (int64_t)value.size);
    outbox_pieces_refer(behind, block, value);
    buffer_append(outbox_pieces_last(reply, behind), "\r\n", 2);
}

void reply_bulk_string(struct buffer *reply, const char *string)
{
    reply_bulk(reply, span_of_string(string));
}

void reply_bulk_integer(struct buffer *reply, int64_t value)
{
    char text[INT64_TEXT_MAX];

    reply_bulk(reply, span_of(text, int64_to_text(value, text)));
}

void reply_null(struct buffer *reply, int protocol)
{
    buffer_append_string(reply, protocol >= 3 ? "_\r\n" : "$-1\r\n");
}

void reply_null_array(struct buffer *reply, int protocol)
{
    buffer_append_string(reply, protocol >= 3 ? "_\r\n" : "*-1\r\n");
}

void reply_array(struct buffer *reply, size_t count)
{
    append_head(reply, '*', (int64_t)count);
}

void reply_map(struct buffer *reply, size_t pairs, int protocol)
{
    if (protocol >= 3)
        append_head(reply, '%', (int64_t)pairs);
    else
        append_head(reply, '*', (int64_t)(2 * pairs));
}

void reply_set(struct buffer *reply, size_t count, int protocol)
{
    append_head(reply, protocol >= 3 ? '~' : '*', (int64_t)count);
}

void reply_push(struct buffer *reply, size_t count, int protocol)
{
    append_head(reply, protocol >= 3 ? '>' : '*', (int64_t)count);
}

void reply_verbatim(struct buffer *reply, struct span text, int protocol)
{
    if (protocol >= 3)
        append_text(reply, '=', "txt:", 4, text);
    else
        append_text(reply, '$', "", 0, text);
}

void reply_put_head(struct buffer *reply, const struct buffer *head)
{
    struct buffer whole = {0};

    reply->failed |= head->failed;
    if (reply->failed || buffer_prepend(reply, buffer_content(head).data, buffer_size(head)))
        return;
    /* The room before it was lost as it grew, which happens to short ones. */
    buffer_append_span(&whole, buffer_content(head));
    buffer_append_span(&whole, buffer_content(reply));
    buffer_deinit(reply);
    *reply = whole;
}

void reply_verbatim_around(struct buffer *reply, int protocol)
{
    static const char tag[] = "txt:";
    struct buffer head = {0};
    const size_t tag_size = protocol >= 3 ? sizeof tag - 1 : 0;

    append_head(&head, protocol >= 3 ? '=' : '$', (int64_t)(buffer_size(reply) + tag_size));
    buffer_append(&head, tag, tag_size);
    reply_put_head(reply, &head);
    buffer_append(reply, "\r\n", 2);
    buffer_deinit(&head);
}
