/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring/slot.h"

#include "base/assert.h"

/* CRC16/XMODEM: polynomial 0x1021, not reflected; starts at 0, no final exclusive or. Bytes one by
 * one would each wait for the one before; so eight are looked up side by side, each in the table of
 * its place. */
#define SLICES 8

/* crc16_tables[n][b]: what a byte b, with n more behind it, does to the remainder. That is linear:
 * what single bits do gives all the rest. */
#define FROM_1(x, bit0)      (uint16_t)(x), (uint16_t)((x) ^ (bit0))
#define FROM_2(x, bit1, ...) FROM_1(x, __VA_ARGS__), FROM_1((x) ^ (bit1), __VA_ARGS__)
#define FROM_3(x, bit2, ...) FROM_2(x, __VA_ARGS__), FROM_2((x) ^ (bit2), __VA_ARGS__)
#define FROM_4(x, bit3, ...) FROM_3(x, __VA_ARGS__), FROM_3((x) ^ (bit3), __VA_ARGS__)
#define FROM_5(x, bit4, ...) FROM_4(x, __VA_ARGS__), FROM_4((x) ^ (bit4), __VA_ARGS__)
#define FROM_6(x, bit5, ...) FROM_5(x, __VA_ARGS__), FROM_5((x) ^ (bit5), __VA_ARGS__)
#define FROM_7(x, bit6, ...) FROM_6(x, __VA_ARGS__), FROM_6((x) ^ (bit6), __VA_ARGS__)
#define FROM_8(bit7, ...)                                 \
    {                                                     \
        FROM_7(0, __VA_ARGS__), FROM_7(bit7, __VA_ARGS__) \
    }

static const uint16_t crc16_tables[SLICES][256] = {
    FROM_8(0x9188, 0x48c4, 0x2462, 0x1231, 0x8108, 0x4084, 0x2042, 0x1021),
    FROM_8(0x1b98, 0x0dcc, 0x06e6, 0x0373, 0x89a9, 0xccc4, 0x6662, 0x3331),
    FROM_8(0x3b5a, 0x1dad, 0x86c6, 0x4363, 0xa9a1, 0xdcc0, 0x6e60, 0x3730),
    FROM_8(0xdd38, 0x6e9c, 0x374e, 0x1ba7, 0x85c3, 0xcaf1, 0xed68, 0x76b4),
    FROM_8(0x22d0, 0x1168, 0x08b4, 0x045a, 0x022d, 0x8906, 0x4483, 0xaa51),
    FROM_8(0xd420, 0x6a10, 0x3508, 0x1a84, 0x0d42, 0x06a1, 0x8b40, 0x45a0),
    FROM_8(0xabf9, 0xddec, 0x6ef6, 0x377b, 0x93ad, 0xc1c6, 0x60e3, 0xb861),
    FROM_8(0xfd81, 0xf6d0, 0x7b68, 0x3db4, 0x1eda, 0x0f6d, 0x8fa6, 0x47d3),
};

static uint16_t crc16(struct span bytes)
{
    const uint8_t *at = bytes.data;
    const size_t first = bytes.size % SLICES;
    uint16_t crc = 0;

    /* Zeros in front change nothing: the odd bytes come first, as a slice that lacks some. */
    for (size_t i = 0; i < first; i++)
        crc ^= crc16_tables[first - 1 - i][*at++];
    for (size_t left = bytes.size - first; left > 0; left -= SLICES, at += SLICES)
        crc = crc16_tables[7][at[0] ^ crc >> 8] ^ crc16_tables[6][at[1] ^ (crc & 0xff)] ^
              crc16_tables[5][at[2]] ^ crc16_tables[4][at[3]] ^ crc16_tables[3][at[4]] ^
              crc16_tables[2][at[5]] ^ crc16_tables[1][at[6]] ^ crc16_tables[0][at[7]];
    return crc;
}

struct span ring_hash_tag(struct span key)
{
    const uint8_t *open = key.size > 0 ? memchr(key.data, '{', key.size) : NULL;

    if (open == NULL)
        return key;

    const uint8_t *inside = open + 1;
    const size_t left = key.size - (size_t)(inside - key.data);
    const uint8_t *close = left > 0 ? memchr(inside, '}', left) : NULL;

    if (close == NULL || close == inside)
        return key;
    return span_of(inside, (size_t)(close - inside));
}

uint32_t ring_slot(struct span key)
{
    return crc16(ring_hash_tag(key)) % RING_SLOTS;
}

bool ring_partition_count_valid(uint64_t count)
{
    return count >= 1 && count <= RING_SLOTS && (count & (count - 1)) == 0;
}

uint32_t ring_slot_partition(uint32_t slot, uint32_t partition_count)
{
    ensure(slot < RING_SLOTS);
    return slot / (RING_SLOTS / partition_count);
}

uint32_t ring_partition_slot(uint32_t partition, uint32_t partition_count)
{
    ensure(partition < partition_count);
    return partition * (RING_SLOTS / partition_count);
}
