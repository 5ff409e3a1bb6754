/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/msgpack_check.h"

#include "base/assert.h"

/* What the first byte of an item says of the rest. */
struct header {
    uint8_t length_size;  /* bytes of the big-endian length that follows */
    uint8_t body_size;    /* bytes after it, whatever the length is */
    uint8_t length;       /* where it is part of the first byte */
    enum { BYTES, ITEMS, PAIRS, INVALID } counts; /* what the length counts */
};

static struct header header_of(uint8_t byte)
{
    if (byte <= 0x7f || byte >= 0xe0)
        return (struct header){.counts = BYTES}; /* fixint */
    if (byte <= 0x8f)
        return (struct header){.length = byte & 0x0f, .counts = PAIRS};
    if (byte <= 0x9f)
        return (struct header){.length = byte & 0x0f, .counts = ITEMS};
    if (byte <= 0xbf)
        return (struct header){.length = byte & 0x1f, .counts = BYTES};

    static const struct header headers[0x20] = {
        [0x00] = {.counts = BYTES},                                    /* nil */
        [0x01] = {.counts = INVALID},                                  /* never used */
        [0x02] = {.counts = BYTES},                                    /* false */
        [0x03] = {.counts = BYTES},                                    /* true */
        [0x04] = {.length_size = 1, .counts = BYTES},                  /* bin 8 */
        [0x05] = {.length_size = 2, .counts = BYTES},                  /* bin 16 */
        [0x06] = {.length_size = 4, .counts = BYTES},                  /* bin 32 */
        [0x07] = {.length_size = 1, .body_size = 1, .counts = BYTES},  /* ext 8 */
        [0x08] = {.length_size = 2, .body_size = 1, .counts = BYTES},  /* ext 16 */
        [0x09] = {.length_size = 4, .body_size = 1, .counts = BYTES},  /* ext 32 */
        [0x0a] = {.body_size = 4, .counts = BYTES},                    /* float 32 */
        [0x0b] = {.body_size = 8, .counts = BYTES},                    /* float 64 */
        [0x0c] = {.body_size = 1, .counts = BYTES},                    /* uint 8 */
        [0x0d] = {.body_size = 2, .counts = BYTES},                    /* uint 16 */
        [0x0e] = {.body_size = 4, .counts = BYTES},                    /* uint 32 */
        [0x0f] = {.body_size = 8, .counts = BYTES},                    /* uint 64 */
        [0x10] = {.body_size = 1, .counts = BYTES},                    /* int 8 */
        [0x11] = {.body_size = 2, .counts = BYTES},                    /* int 16 */
        [0x12] = {.body_size = 4, .counts = BYTES},                    /* int 32 */
        [0x13] = {.body_size = 8, .counts = BYTES},                    /* int 64 */
        [0x14] = {.body_size = 2, .counts = BYTES},                    /* fixext 1 */
        [0x15] = {.body_size = 3, .counts = BYTES},                    /* fixext 2 */
        [0x16] = {.body_size = 5, .counts = BYTES},                    /* fixext 4 */
        [0x17] = {.body_size = 9, .counts = BYTES},                    /* fixext 8 */
        [0x18] = {.body_size = 17, .counts = BYTES},                   /* fixext 16 */
        [0x19] = {.length_size = 1, .counts = BYTES},                  /* str 8 */
        [0x1a] = {.length_size = 2, .counts = BYTES},                  /* str 16 */
        [0x1b] = {.length_size = 4, .counts = BYTES},                  /* str 32 */
        [0x1c] = {.length_size = 2, .counts = ITEMS},                  /* array 16 */
        [0x1d] = {.length_size = 4, .counts = ITEMS},                  /* array 32 */
        [0x1e] = {.length_size = 2, .counts = PAIRS},                  /* map 16 */
        [0x1f] = {.length_size = 4, .counts = PAIRS},                  /* map 32 */
    };

    return headers[byte - 0xc0];
}

/* Reads one header off `rest`; false when it is cut short. */
static bool take_header(struct span *rest, struct header *header, uint64_t *length)
{
    *header = header_of(rest->data[0]);
    if (header->counts == INVALID || rest->size < 1u + header->length_size)
        return false;
    *length = header->length;
    for (unsigned i = 0; i < header->length_size; i++)
        *length = *length << 8 | rest->data[1 + i];
    *rest = span_of(rest->data + 1 + header->length_size, rest->size - 1 - header->length_size);
    return true;
}

bool msgpack_check(struct span bytes, size_t depth_max, size_t items_max)
{
    uint64_t open[MSGPACK_CHECK_DEPTH_MAX + 1]; /* items still to come in each open container */
    size_t depth = 0;
    uint64_t items = 1; /* claimed so far */

    ensure(depth_max <= MSGPACK_CHECK_DEPTH_MAX);
    if (items_max < 1)
        return false;
    open[0] = 1;
    while (open[0] > 0 || depth > 0) {
        struct header header;
        uint64_t length;

        if (open[depth] == 0) {
            depth--;
            continue;
        }
        if (bytes.size == 0 || !take_header(&bytes, &header, &length))
            return false;
        open[depth]--;
        if (header.counts == BYTES) {
            if (length + header.body_size > bytes.size)
                return false;
            length += header.body_size;
            bytes = span_of(bytes.data + length, bytes.size - length);
            continue;
        }
        if (header.counts == PAIRS)
            length *= 2;
        /* Each item takes a byte at least. */
        if (depth == depth_max || length > bytes.size || length > items_max - items)
            return false;
        items += length;
        open[++depth] = length;
    }
    return bytes.size == 0;
}
