/* SPDX-License-Identifier: BSD-3-Clause
 *
 * 128 random bits that name a node or a ring for good, whatever its address. All zero: none.
 */
#ifndef DUNLIN_RING_IDENTITY_H
#define DUNLIN_RING_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define IDENTITY_SIZE 16

struct identity {
    uint8_t bytes[IDENTITY_SIZE];
};

/* Below 0, 0 or above 0, byte by byte. Gossip asks this some ten times a record: two numbers take
 * a fraction of a memcmp. */
static inline int identity_compare(const struct identity *a, const struct identity *b)
{
    uint64_t left = bytes_get_u64(a->bytes), right = bytes_get_u64(b->bytes);

    if (left == right) {
        left = bytes_get_u64(a->bytes + 8);
        right = bytes_get_u64(b->bytes + 8);
    }
    /* The first byte counts most, and it is the lowest of a little-endian number. */
    left = __builtin_bswap64(left);
    right = __builtin_bswap64(right);
    return (left > right) - (left < right);
}

static inline bool identity_equal(const struct identity *a, const struct identity *b)
{
    return identity_compare(a, b) == 0;
}

static inline bool identity_exists(const struct identity *identity)
{
    const struct identity none = {{0}};

    return !identity_equal(identity, &none);
}

#endif
