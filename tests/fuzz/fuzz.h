/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What all fuzzers share: the entry that libFuzzer calls, and a reader that draws decisions from
 * the bytes that it gives. What is drawn past the end is 0, so that every input means something and
 * a shorter one means nearly the same.
 */
#ifndef DUNLIN_TESTS_FUZZ_FUZZ_H
#define DUNLIN_TESTS_FUZZ_FUZZ_H

#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct draw {
    const uint8_t *at;
    size_t left;
};

static inline struct draw draw_from(const uint8_t *data, size_t size)
{
    return (struct draw){data, size};
}

static inline uint8_t draw_byte(struct draw *draw)
{
    if (draw->left == 0)
        return 0;
    draw->left--;
    return *draw->at++;
}

/* 0 .. count - 1; count is 1..65536. */
static inline size_t draw_below(struct draw *draw, size_t count)
{
    size_t number = draw_byte(draw);

    if (count > 256)
        number |= (size_t)draw_byte(draw) << 8;
    return number % count;
}

static inline uint64_t draw_u64(struct draw *draw)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < 8; i++)
        number |= (uint64_t)draw_byte(draw) << 8 * i;
    return number;
}

/* The next bytes as they are, as many as there are. */
static inline struct span draw_span(struct draw *draw, size_t size)
{
    const struct span span = span_of(draw->at, size < draw->left ? size : draw->left);

    draw->at += span.size;
    draw->left -= span.size;
    return span;
}

/* Reads every byte, for the sanitizer to see. */
static inline void touch(struct span bytes)
{
    volatile uint8_t last = 0;

    for (size_t at = 0; at < bytes.size; at++)
        last = bytes.data[at];
    (void)last;
}

#endif
