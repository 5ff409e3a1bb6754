/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A span: bytes that somebody else owns. Keys, values and arguments are spans everywhere; they may
 * hold any byte, NUL included, and are not terminated.
 */
#ifndef DUNLIN_BASE_SPAN_H
#define DUNLIN_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;         /* bytes */
};

/* A span over a string literal, without its terminator. */
#define SPAN(literal) \
    ((struct span){.data = (const uint8_t *)(literal), .size = sizeof(literal) - 1})

static inline struct span span_of(const void *data, size_t size)
{
    return (struct span){.data = data, .size = size};
}

static inline struct span span_of_string(const char *string)
{
    return span_of(string, strlen(string));
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Whether `span` is `string`, upper and lower case alike, as Redis compares names and options.
 * Locale-free: only A to Z fold. */
bool span_is(struct span span, const char *string);

/* Reads all of `span` as a decimal integer in Redis' canonical form: an optional minus, no plus, no
 * leading zero, no blank, in the range of int64_t. False, and *value untouched, for anything else.
 */
bool span_to_int64(struct span span, int64_t *value);

/* Bytes that int64_to_text writes at most; there is no terminator. */
#define INT64_TEXT_MAX 20

/* Writes `value` in decimal to `text` and returns the number of bytes. */
size_t int64_to_text(int64_t value, char text[INT64_TEXT_MAX]);

#endif
