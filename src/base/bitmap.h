/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bits by number: bit n % 8 of byte n / 8, as messages have them. The caller owns the bytes.
 */
#ifndef DUNLIN_BASE_BITMAP_H
#define DUNLIN_BASE_BITMAP_H

#include <stdbool.h>

#include "base/span.h"

/* Bytes for so many bits. */
static inline size_t bitmap_size(size_t count)
{
    return (count + 7) / 8;
}

/* The bit has to be below the bitmap's end. */
static inline void bitmap_set(uint8_t *map, size_t at)
{
    map[at / 8] |= (uint8_t)(1u << at % 8);
}

/* A bit past the end is not set. */
static inline bool bitmap_has(struct span map, size_t at)
{
    return at / 8 < map.size && (map.data[at / 8] & 1u << at % 8) != 0;
}

#endif
