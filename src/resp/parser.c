/* SPDX-License-Identifier: BSD-3-Clause */
#include "resp/parser.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/word.h"

/* Room for this many arguments stays with a connection between its commands. */
#define CAPACITY_KEPT  256
#define FIRST_CAPACITY 4

/* While a command is incomplete the buffer may move, so arguments are kept as places, from the
 * input's head; a complete command has them turned into spans where they stand. */
union parser_argument {
    struct {
        size_t offset;
        size_t size;
    } place;
    struct span span;
};

_Static_assert(sizeof(union parser_argument) == sizeof(struct span),
               "an array of arguments is read as an array of spans");

void parser_init(struct parser *parser, size_t bulk_max)
{
    *parser = (struct parser){.bulk_max = bulk_max, .bulk = -1};
}

void parser_deinit(struct parser *parser)
{
    memory_free(parser->arguments);
    *parser = (struct parser){0};
}

void parser_consume(struct parser *parser, struct buffer *input)
{
    buffer_consume(input, parser->taken);
    parser->position -= parser->taken;
    parser->scanned -= parser->scanned < parser->taken ? parser->scanned : parser->taken;
    /* The places of a command in progress lie behind what was taken. */
    if (parser->pending > 0)
        for (size_t i = 0; i < parser->count; i++)
            parser->arguments[i].place.offset -= parser->taken;
    parser->taken = 0;
}

size_t parser_missing(const struct parser *parser, const struct buffer *input)
{
    if (parser->pending == 0 || parser->bulk < 0)
        return 0;
    const size_t end = parser->position + (size_t)parser->bulk + 2 +
                       (parser->pending > 1 ? PARSER_ROOM_BEHIND : 0);
    return end > buffer_size(input) ? end - buffer_size(input) : 0;
}

void parser_forget(struct parser *parser, const struct buffer *input)
{
    ensure(parser->pending == 0 && parser->taken == buffer_size(input));
    parser->taken = parser->position = parser->scanned = 0;
}

void parser_rewind(struct parser *parser, size_t taken)
{
    ensure(taken <= parser->taken);
    parser->taken = parser->position = taken;
    parser->scanned = parser->scanned < taken ? parser->scanned : taken;
    parser->pending = 0;
}

static enum parser_status fail(struct parser *parser, const char *reason)
{
    snprintf(parser->error, sizeof parser->error, "Protocol error: %s", reason);
    return PARSER_ERROR;
}

static bool add_argument(struct parser *parser, size_t offset, size_t size)
{
    if (parser->count == parser->capacity) {
        const size_t capacity = parser->capacity > 0 ? 2 * parser->capacity : FIRST_CAPACITY;
        union parser_argument *arguments = memory_try_realloc(parser->arguments,
                                                              capacity * sizeof *arguments);
        if (arguments == NULL)
            return false;
        parser->arguments = arguments;
        parser->capacity = capacity;
    }
    parser->arguments[parser->count].place.offset = offset;
    parser->arguments[parser->count].place.size = size;
    parser->count++;
    return true;
}

static void begin_command(struct parser *parser)
{
    parser->count = 0;
    if (parser->capacity > CAPACITY_KEPT) {
        memory_free(parser->arguments);
        parser->arguments = NULL;
        parser->capacity = 0;
    }
}

static enum parser_status finish_command(struct parser *parser, struct span input)
{
    union parser_argument *arguments = parser->arguments;
    const size_t count = parser->count;

    for (size_t i = 0; i < count; i++)
        arguments[i].span = span_of(input.data + arguments[i].place.offset,
                                    arguments[i].place.size);
    parser->argv = (const struct span *)parser->arguments;
    parser->argc = parser->count;
    parser->taken = parser->position;
    return PARSER_COMMAND;
}

/* The line at `position` up to `end`, which is not part of it. False when `end`, or `behind` more
 * bytes, are yet to come; *too_long when that is past bearing. */
static bool find_line(struct parser *parser, struct span input, uint8_t end, size_t behind,
                      struct span *line, bool *too_long)
{
    if (parser->scanned < parser->position)
        parser->scanned = parser->position;
    const uint8_t *from = input.data + parser->scanned;
    const uint8_t *found = memchr(from, end, input.size - parser->scanned);
    const size_t until = found != NULL ? (size_t)(found - input.data) : input.size;

    parser->scanned = until;
    *too_long = until - parser->position > PARSER_LINE_MAX;
    *line = span_of(input.data + parser->position, until - parser->position);
    return found != NULL && !*too_long && input.size - until > behind;
}

/* The header lines that nearly all are: a few digits, all there, CR and one byte more. Returns the
 * bytes up to CR, 0 where it is another. */
static inline size_t read_short_header(const uint8_t *line, size_t size, int64_t *number)
{
    size_t at = 1;
    int64_t value = 0;

    if (size >= 5 && (uint8_t)(line[1] - '0') <= 9) { /* by far the most have one digit or two */
        value = line[1] - '0';
        if (line[2] == '\r') {
            *number = value;
            return 2;
        }
        if (line[3] == '\r' && value > 0 && (uint8_t)(line[2] - '0') <= 9) {
            *number = 10 * value + (line[2] - '0');
            return 3;
        }
        value = 0;
    }
    while (at < 9 && at < size && (uint8_t)(line[at] - '0') <= 9)
        value = value * 10 + (line[at++] - '0');
    if (at == 1 || (line[1] == '0' && at > 2) || size < at + 2 || line[at] != '\r')
        return 0;
    *number = value;
    return at;
}

/* The number in a header line, behind its first byte; the line ends in CR and one byte more, which
 * like Redis we take for an LF. *ok is false when it is no number. */
static bool read_header(struct parser *parser, struct span input, struct span *line, bool *too_long,
                        bool *ok, int64_t *number)
{
    if (input.size == parser->position) {
        *too_long = false;
        return false;
    }
    const uint8_t *start = input.data + parser->position;
    const size_t size = read_short_header(start, input.size - parser->position, number);
    if (size > 0) {
        *line = span_of(start, size);
        *ok = true;
        return true;
    }
    if (!find_line(parser, input, '\r', 1, line, too_long))
        return false;
    *ok = line->size > 0 && span_to_int64(span_of(line->data + 1, line->size - 1), number);
    return true;
}

static enum parser_status read_count(struct parser *parser, struct span input)
{
    struct span line;
    bool too_long, ok;
    int64_t count = 0;

    if (!read_header(parser, input, &line, &too_long, &ok, &count))
        return too_long ? fail(parser, "too big mbulk count string") : PARSER_MORE;
    if (!ok || count > PARSER_ARGUMENTS_MAX)
        return fail(parser, "invalid multibulk length");
    if (parser->restricted && count > PARSER_RESTRICTED_ARGUMENTS_MAX)
        return fail(parser, "unauthenticated multibulk length");
    parser->position += line.size + 2;
    parser->bulk = -1;
    parser->pending = count > 0 ? count : 0;
    return PARSER_COMMAND;
}

static enum parser_status fail_no_dollar(struct parser *parser, uint8_t got)
{
    /* An error reply is one line of text. */
    const bool fits = got != '\r' && got != '\n' && got != '\0';

    snprintf(parser->error, sizeof parser->error, "Protocol error: expected '$', got '%c'",
             fits ? got : ' ');
    return PARSER_ERROR;
}

static enum parser_status read_bulk_header(struct parser *parser, struct span input)
{
    struct span line;
    bool too_long, ok;
    int64_t size = 0;

    if (!read_header(parser, input, &line, &too_long, &ok, &size))
        return too_long ? fail(parser, "too big bulk count string") : PARSER_MORE;
    if (input.data[parser->position] != '$')
        return fail_no_dollar(parser, input.data[parser->position]);
    if (!ok || size < 0 || (uint64_t)size > parser->bulk_max)
        return fail(parser, "invalid bulk length");
    if (parser->restricted && size > PARSER_RESTRICTED_BULK_MAX)
        return fail(parser, "unauthenticated bulk length");
    parser->position += line.size + 2;
    parser->bulk = size;
    return PARSER_COMMAND;
}

/* Spans of arguments that are all there, with short headers (nearly all are), at most `most`. Where
 * it stops, the next is to be read with care. */
static inline size_t read_plain_arguments(const struct parser *parser, struct span input,
                                          size_t *position, union parser_argument *arguments,
                                          size_t most)
{
    const size_t bulk_max = parser->restricted && parser->bulk_max > PARSER_RESTRICTED_BULK_MAX
                                ? PARSER_RESTRICTED_BULK_MAX
                                : parser->bulk_max;
    const uint8_t *at = input.data + *position;
    const uint8_t *const end = input.data + input.size;
    size_t done;

    for (done = 0; done < most && at < end && *at == '$'; done++) {
        int64_t bulk = 0;
        const size_t header = read_short_header(at, (size_t)(end - at), &bulk) + 2;
        const size_t size = (size_t)bulk;
        const size_t left = (size_t)(end - at) - header; /* the line was there, or `header` is 2 */
        if (header == 2 || size > bulk_max || left < 2 || left - 2 < size)
            break;
        arguments[done].span = span_of(at + header, size);
        at += header + size + 2;
    }
    *position = (size_t)(at - input.data);
    return done;
}

static void keep_places(union parser_argument *arguments, size_t count, struct span input)
{
    for (size_t i = 0; i < count; i++) {
        const struct span span = arguments[i].span;
        arguments[i].place.offset = (size_t)(span.data - input.data);
        arguments[i].place.size = span.size;
    }
}

/* The command at `position`, where it begins with a short header. True where all of it was plain
 * and is read; else its first arguments may have been, and the others are to be. */
static inline bool read_plain_command(struct parser *parser, struct span input)
{
    const size_t most = parser->restricted ? PARSER_RESTRICTED_ARGUMENTS_MAX : PARSER_ARGUMENTS_MAX;
    size_t position = parser->position;
    int64_t count = 0;
    const size_t header = read_short_header(input.data + position, input.size - position, &count);
    if (header == 0 || count == 0 || (size_t)count > most || (size_t)count > parser->capacity)
        return false;
    position += header + 2;
    const size_t done = read_plain_arguments(parser, input, &position, parser->arguments,
                                             (size_t)count);
    parser->position = position;
    parser->count = done;
    if (done == (size_t)count) {
        parser->argv = (const struct span *)parser->arguments;
        parser->argc = done;
        parser->taken = position;
        return true;
    }
    keep_places(parser->arguments, done, input);
    parser->pending = count - (int64_t)done;
    parser->bulk = -1;
    return false;
}

static void read_more_plain_arguments(struct parser *parser, struct span input)
{
    const size_t room = parser->capacity - parser->count;
    const size_t most = (size_t)parser->pending < room ? (size_t)parser->pending : room;
    union parser_argument *arguments = parser->arguments + parser->count;
    const size_t done = read_plain_arguments(parser, input, &parser->position, arguments, most);

    keep_places(arguments, done, input);
    parser->count += done;
    parser->pending -= (int64_t)done;
}

static enum parser_status read_arguments(struct parser *parser, struct span input)
{
    if (parser->bulk < 0 && parser->capacity > 0)
        read_more_plain_arguments(parser, input);
    while (parser->pending > 0) {
        if (parser->bulk < 0) {
            const enum parser_status status = read_bulk_header(parser, input);
            if (status != PARSER_COMMAND)
                return status;
        }
        const size_t size = (size_t)parser->bulk;
        if (input.size - parser->position < 2 || input.size - parser->position - 2 < size)
            return PARSER_MORE;
        if (!add_argument(parser, parser->position, size))
            return PARSER_NO_MEMORY;
        parser->position += size + 2;
        parser->bulk = -1;
        parser->pending--;
    }
    return finish_command(parser, input);
}

static enum parser_status read_inline(struct parser *parser, struct buffer *buffer)
{
    const struct span input = buffer_content(buffer);
    struct span line;
    bool too_long;

    if (!find_line(parser, input, '\n', 0, &line, &too_long))
        return too_long ? fail(parser, "too big inline request") : PARSER_MORE;

    const size_t end = parser->position + line.size;
    size_t line_end = end;
    if (line.size > 0 && input.data[end - 1] == '\r')
        line_end--;
    uint8_t *bytes = buffer->block + buffer->head;
    struct word word = {.next = parser->position};
    enum word_status status;

    while ((status = word_next(bytes, line_end, &word)) == WORD_FOUND)
        if (!add_argument(parser, word.offset, word.size))
            return PARSER_NO_MEMORY;
    if (status == WORD_UNBALANCED)
        return fail(parser, "unbalanced quotes in request");
    parser->position = end + 1;
    return finish_command(parser, input);
}

enum parser_status parser_next(struct parser *parser, struct buffer *buffer)
{
    const struct span input = buffer_content(buffer);

    if (parser->pending > 0)
        return read_arguments(parser, input);
    for (;;) {
        enum parser_status status;

        if (parser->position == input.size)
            return PARSER_MORE;
        begin_command(parser);
        if (input.data[parser->position] != '*') {
            status = read_inline(parser, buffer);
        } else {
            if (read_plain_command(parser, input))
                return PARSER_COMMAND;
            status = parser->pending > 0 ? PARSER_COMMAND : read_count(parser, input);
            if (status == PARSER_COMMAND && parser->pending > 0)
                return read_arguments(parser, input);
            parser->taken = status == PARSER_COMMAND ? parser->position : parser->taken;
        }
        /* Empty lines and "*0" are nothing at all. */
        if (status != PARSER_COMMAND || parser->count > 0)
            return status;
    }
}
