/* SPDX-License-Identifier: BSD-3-Clause */
#include "resp/answer.h"

void answer_init(struct answer *answer)
{
    *answer = (struct answer){.pending = 1};
}

/* Finds the line at answer->size, up to its "\r\n". */
static enum answer_progress find_line(struct answer *answer, struct span bytes, struct span *line)
{
    while (answer->scanned < bytes.size) {
        const uint8_t *from = bytes.data + answer->scanned;
        const uint8_t *found = memchr(from, '\r', bytes.size - answer->scanned);
        const size_t until = found != NULL ? (size_t)(found - bytes.data) : bytes.size;

        answer->scanned = until;
        if (until - answer->size > ANSWER_LINE_MAX)
            return ANSWER_INVALID;
        if (found == NULL || until + 1 == bytes.size)
            return ANSWER_MORE;
        if (bytes.data[until + 1] != '\n')
            return ANSWER_INVALID;
        *line = span_of(bytes.data + answer->size, until - answer->size);
        return ANSWER_COMPLETE;
    }
    return ANSWER_MORE;
}

/* A value of `line.size + 2` bytes and, for a bulk, what its header says. */
static enum answer_progress pass(struct answer *answer, struct span bytes, struct span line,
                                 bool bulk, int64_t number)
{
    size_t size = line.size + 2;

    if (bulk && number >= 0) {
        size += (size_t)number + 2;
        if (bytes.size - answer->size < size)
            return ANSWER_MORE;
        const uint8_t *end = bytes.data + answer->size + size - 2;
        if (end[0] != '\r' || end[1] != '\n')
            return ANSWER_INVALID;
    }
    answer->size += size;
    answer->scanned = answer->size;
    answer->pending--;
    return ANSWER_COMPLETE;
}

/* Values that stand for one more in an aggregate's header, 0 when `type` is none. An attribute
 * (RESP3's '|') is followed by the value that it speaks of. */
static unsigned members_each(uint8_t type)
{
    switch (type) {
    case '*':
    case '~':
    case '>':
        return 1;
    case '%':
    case '|':
        return 2;
    default:
        return 0;
    }
}

static enum answer_progress read_value(struct answer *answer, struct span bytes)
{
    struct span line;
    int64_t number;
    enum answer_progress status = find_line(answer, bytes, &line);

    if (status != ANSWER_COMPLETE)
        return status;
    if (line.size == 0)
        return ANSWER_INVALID;
    const uint8_t type = line.data[0];
    const unsigned each = members_each(type);
    const bool bulk = type == '$' || type == '=' || type == '!';

    if (!bulk && each == 0) {
        if (memchr("+-:_#,(", type, 7) == NULL)
            return ANSWER_INVALID;
        return pass(answer, bytes, line, false, 0);
    }
    if (!span_to_int64(span_of(line.data + 1, line.size - 1), &number) || number < -1 ||
        number > ANSWER_COUNT_MAX)
        return ANSWER_INVALID;
    if (bulk)
        return pass(answer, bytes, line, true, number);

    const uint64_t members = number > 0 ? (uint64_t)number : 0;
    if (answer->pending + members * each > (uint64_t)ANSWER_COUNT_MAX)
        return ANSWER_INVALID;
    status = pass(answer, bytes, line, false, 0);
    answer->pending += members * each + (type == '|' ? 1 : 0);
    return status;
}

enum answer_progress answer_read(struct answer *answer, struct span bytes)
{
    while (answer->pending > 0) {
        const enum answer_progress status = read_value(answer, bytes);
        if (status != ANSWER_COMPLETE)
            return status;
    }
    return ANSWER_COMPLETE;
}

bool answer_integer(struct span bytes, int64_t *value)
{
    return bytes.size > 3 && bytes.data[0] == ':' && bytes.data[bytes.size - 2] == '\r' &&
           bytes.data[bytes.size - 1] == '\n' &&
           span_to_int64(span_of(bytes.data + 1, bytes.size - 3), value);
}
