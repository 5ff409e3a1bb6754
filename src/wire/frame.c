/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "wire/wire.h"

/*
 * The envelope as it is written, offsets in a frame:
 *
 *      0        4    5          14         23          28
 *     +--------+----+----------+----------+-----------+------------
 *     | length | 93 | cf hlc   | cf sett. | c6 size   | messages
 *     +--------+----+----------+----------+-----------+------------
 */
#define LENGTH_SIZE   4
#define ENVELOPE_SIZE 28
#define BIN_SIZE_AT   24

enum {
    MSGPACK_ARRAY_3 = 0x93,
    MSGPACK_U64 = 0xcf,
    MSGPACK_BIN_32 = 0xc6,
};

/* msgpack's numbers are big-endian. */
static uint64_t big_endian(const uint8_t *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static void put_u64(uint8_t *at, uint64_t value)
{
    at[0] = MSGPACK_U64;
    bytes_put_u64(at + 1, __builtin_bswap64(value));
}

size_t wire_frame_begin(struct buffer *buffer, uint64_t hlc, uint64_t settled)
{
    const size_t place = buffer_size(buffer);
    uint8_t *at = buffer_reserve(buffer, ENVELOPE_SIZE);

    if (at == NULL)
        return place;
    at[4] = MSGPACK_ARRAY_3;
    put_u64(at + 5, hlc);
    put_u64(at + 14, settled);
    at[23] = MSGPACK_BIN_32;
    buffer_commit(buffer, ENVELOPE_SIZE);
    return place;
}

void wire_frame_end(struct buffer *buffer, size_t place)
{
    wire_frame_end_behind(buffer, place, 0);
}

void wire_frame_end_behind(struct buffer *buffer, size_t place, size_t behind)
{
    if (buffer->failed)
        return;
    ensure(buffer_size(buffer) >= place + ENVELOPE_SIZE);
    const size_t size = buffer_size(buffer) - place + behind;
    if (size - LENGTH_SIZE > UINT32_MAX) {
        buffer->failed = true;
        return;
    }
    uint8_t *frame = buffer->block + buffer->head + place;
    bytes_put_u32(frame, (uint32_t)(size - LENGTH_SIZE));
    bytes_put_u32(frame + BIN_SIZE_AT, __builtin_bswap32((uint32_t)(size - ENVELOPE_SIZE)));
}

void wire_extend_message(struct buffer *buffer, size_t at, size_t here, size_t behind)
{
    const size_t size = buffer_size(buffer) - at - 4 + behind;

    if (buffer->failed)
        return;
    if (size > UINT32_MAX) {
        buffer->failed = true;
        return;
    }
    ensure(buffer_size(buffer) >= at + WIRE_HEAD_SIZE + 4 + here);
    uint8_t *content = buffer->block + buffer->head;
    bytes_put_u32(content + at, (uint32_t)size);
    bytes_put_u32(content + buffer_size(buffer) - here - 4, (uint32_t)(here + behind));
}

/* Reads the `size` bytes behind the type byte as a number. */
static bool take_number(struct wire_cursor *cursor, size_t size, uint64_t *value)
{
    if (wire_left(cursor) < 1 + size)
        return false;
    *value = big_endian(cursor->at + 1, size);
    cursor->at += 1 + size;
    return true;
}

static bool take_array(struct wire_cursor *cursor, uint64_t *count)
{
    if (wire_left(cursor) == 0)
        return false;
    const uint8_t type = *cursor->at;
    if ((type & 0xf0) == 0x90) {
        cursor->at++;
        *count = type & 0x0f;
        return true;
    }
    return (type == 0xdc || type == 0xdd) && take_number(cursor, type == 0xdc ? 2 : 4, count);
}

static bool take_unsigned(struct wire_cursor *cursor, uint64_t *value)
{
    if (wire_left(cursor) == 0)
        return false;
    const uint8_t type = *cursor->at;
    if (type < 0x80) {
        cursor->at++;
        *value = type;
        return true;
    }
    return type >= 0xcc && type <= MSGPACK_U64 &&
           take_number(cursor, (size_t)1 << (type - 0xcc), value);
}

static bool take_bin(struct wire_cursor *cursor, struct wire_cursor *bytes)
{
    uint64_t size;

    if (wire_left(cursor) == 0)
        return false;
    const uint8_t type = *cursor->at;
    if (type < 0xc4 || type > MSGPACK_BIN_32 ||
        !take_number(cursor, (size_t)1 << (type - 0xc4), &size) || wire_left(cursor) < size)
        return false;
    *bytes = (struct wire_cursor){.at = cursor->at, .end = cursor->at + size};
    return true;
}

enum wire_result wire_next_frame(struct span input, size_t frame_max, struct wire_frame *frame)
{
    uint64_t count;

    *frame = (struct wire_frame){.size = LENGTH_SIZE};
    if (input.size < LENGTH_SIZE)
        return WIRE_MORE;
    const size_t length = bytes_get_u32(input.data);
    if (length > frame_max) {
        frame->error = "a frame is longer than it may be, or this is no peer";
        return WIRE_BAD;
    }
    frame->size = LENGTH_SIZE + length;
    if (input.size < frame->size)
        return WIRE_MORE;
    struct wire_cursor cursor = {.at = input.data + LENGTH_SIZE, .end = input.data + frame->size};
    if (take_array(&cursor, &count) && count >= 3 && take_unsigned(&cursor, &frame->hlc) &&
        take_unsigned(&cursor, &frame->settled) && take_bin(&cursor, &frame->messages))
        return WIRE_OK;
    frame->error = "a frame is not [hlc, settled, messages]";
    return WIRE_BAD;
}
