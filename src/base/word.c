/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/word.h"

#include <stdbool.h>

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The value of a hexadecimal digit, -1 for any other byte. */
static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static uint8_t escaped(uint8_t byte)
{
    switch (byte) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return byte;
    }
}

/* Copies what stands between `quote`s from *at to *to and leaves *at behind the closing one. */
static bool copy_quoted(uint8_t *bytes, size_t end, uint8_t quote, size_t *at, size_t *to)
{
    size_t from = *at;

    while (from < end && bytes[from] != quote) {
        const size_t left = end - from;

        if (quote == '"' && left >= 4 && bytes[from] == '\\' && bytes[from + 1] == 'x' &&
            hex_digit(bytes[from + 2]) >= 0 && hex_digit(bytes[from + 3]) >= 0) {
            bytes[(*to)++] = (uint8_t)(hex_digit(bytes[from + 2]) * 16 +
                                       hex_digit(bytes[from + 3]));
            from += 4;
        } else if (quote == '"' && left >= 2 && bytes[from] == '\\') {
            bytes[(*to)++] = escaped(bytes[from + 1]);
            from += 2;
        } else if (quote == '\'' && left >= 2 && bytes[from] == '\\' && bytes[from + 1] == '\'') {
            bytes[(*to)++] = '\'';
            from += 2;
        } else {
            bytes[(*to)++] = bytes[from++];
        }
    }
    if (from == end)
        return false;
    *at = from + 1;
    /* A closing quote ends the word. */
    return *at == end || is_blank(bytes[*at]);
}

enum word_status word_next(uint8_t *bytes, size_t end, struct word *word)
{
    size_t at = word->next;

    while (at < end && is_blank(bytes[at]))
        at++;
    if (at == end)
        return WORD_END;

    size_t to = at;
    word->offset = at;
    while (at < end && !is_blank(bytes[at])) {
        const uint8_t byte = bytes[at];

        if (byte == '"' || byte == '\'') {
            at++;
            if (!copy_quoted(bytes, end, byte, &at, &to))
                return WORD_UNBALANCED;
        } else {
            bytes[to++] = byte;
            at++;
        }
    }
    word->size = to - word->offset;
    word->next = at;
    return WORD_FOUND;
}
