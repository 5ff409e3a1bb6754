/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values as Redis writes them for DUMP, in the format of its RDB files:
 *
 *      0      1                       n - 10    n - 8        n
 *     +------+-----------------------+---------+------------+
 *     | type | the value             | version | CRC-64     |    both little-endian; the sum is of
 *     +------+-----------------------+---------+------------+    all before it (base/crc64.h)
 *
 * A string (type 0) is a length and so many bytes, or packed. A length, big-endian, in 1, 2, 5 or 9
 * bytes, by the first byte's upper bits; lower ones are the length's own where there is room:
 *
 *     00llllll                        01llllll llllllll
 *     10000000 4 bytes                10000001 8 bytes
 *     11000000 an 8-bit integer       11000001, 11000010 one of 16, 32 bits, little-endian:
 *     11000011 packed by LZF:                  the value is its decimal text
 *              length packed, length unpacked, bytes
 *
 * We write strings as they are, or as integers where Redis does; packing would only save room.
 */
#ifndef DUNLIN_VALUE_DUMP_H
#define DUNLIN_VALUE_DUMP_H

#include "base/buffer.h"

/* The format of Redis 7.0; what is newer is refused, as that does. */
#define DUMP_VERSION 10

enum dump_status {
    DUMP_OK,
    DUMP_WRONG,   /* the version is newer than ours, or the sum is another */
    DUMP_BAD,     /* the value is none */
    DUMP_FOREIGN, /* it is of a type that cannot be kept */
};

/* A value that was found in a payload; no memory was taken for it. */
struct dump {
    struct span
        bytes; /* in the payload, an integer in `text`: the value, or what it is packed in */
    bool packed;
    size_t size;      /* of the value */
    const char *type; /* DUMP_FOREIGN: in words */
};

/* Appends the payload for a string. */
void dump_write(struct span value, struct buffer *out);

/* Version and sum: reads all of the payload. */
enum dump_status dump_check(struct span payload);
/* Finds the value, and does not unpack it. Version and sum are not looked at; what follows the
 * value is not either, as Redis does. */
enum dump_status dump_find(struct span payload, char text[INT64_TEXT_MAX], struct dump *dump);
/* Appends the value of a packed one. False: it is none, or out of memory (then `out` failed). */
bool dump_unpack(const struct dump *dump, struct buffer *out);

#endif
