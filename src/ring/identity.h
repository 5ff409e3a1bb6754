/* SPDX-License-Identifier: BSD-3-Clause
 *
 * 128 random bits that name a node or a ring for good, whatever its address. All zero: none.
 */
#ifndef DUNLIN_RING_IDENTITY_H
#define DUNLIN_RING_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IDENTITY_SIZE 16

struct identity {
    uint8_t bytes[IDENTITY_SIZE];
};

/* Below 0, 0 or above 0, byte by byte. */
static inline int identity_compare(const struct identity *a, const struct identity *b)
{
    return memcmp(a->bytes, b->bytes, IDENTITY_SIZE);
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
