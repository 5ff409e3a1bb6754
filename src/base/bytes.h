/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers in byte layouts (files and peer messages): little-endian, unaligned.
 */
#ifndef DUNLIN_BASE_BYTES_H
#define DUNLIN_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the byte layouts are little-endian; this machine needs swaps in base/bytes.h"
#endif

#define BYTES_DEFINE(bits)                                                  \
    static inline uint##bits##_t bytes_get_u##bits(const uint8_t *at)       \
    {                                                                       \
        uint##bits##_t value;                                               \
        memcpy(&value, at, sizeof value);                                   \
        return value;                                                       \
    }                                                                       \
    static inline void bytes_put_u##bits(uint8_t *at, uint##bits##_t value) \
    {                                                                       \
        memcpy(at, &value, sizeof value);                                   \
    }

BYTES_DEFINE(16)
BYTES_DEFINE(32)
BYTES_DEFINE(64)

#undef BYTES_DEFINE

#endif
