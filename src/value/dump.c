/* SPDX-License-Identifier: BSD-3-Clause */
#include "value/dump.h"

#include "base/bytes.h"
#include "base/crc64.h"
#include "value/lzf.h"

#define FOOTER_SIZE 10 /* the version's two bytes and the sum's eight */

enum { TYPE_STRING = 0 };

/* The first two bits of a length; with LENGTH_CODE the others say what is there in its place. */
enum { LENGTH_6 = 0, LENGTH_14 = 1, LENGTH_LONG = 2, LENGTH_CODE = 3 };
enum { LENGTH_32_BYTE = 0x80, LENGTH_64_BYTE = 0x81 };
enum { CODE_INT8 = 0, CODE_INT16 = 1, CODE_INT32 = 2, CODE_LZF = 3 };

/* ---- writing ---- */

static void append_byte(struct buffer *out, unsigned byte)
{
    const uint8_t value = (uint8_t)byte;

    buffer_append(out, &value, 1);
}

static void append_big_endian(struct buffer *out, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        append_byte(out, (unsigned)(value >> 8 * bytes) & 0xff);
}

static void append_length(struct buffer *out, uint64_t length)
{
    if (length < 1 << 6) {
        append_byte(out, (unsigned)length);
    } else if (length < 1 << 14) {
        append_big_endian(out, LENGTH_14 << 14 | length, 2);
    } else if (length <= UINT32_MAX) {
        append_byte(out, LENGTH_32_BYTE);
        append_big_endian(out, length, 4);
    } else {
        append_byte(out, LENGTH_64_BYTE);
        append_big_endian(out, length, 8);
    }
}

static bool append_integer(struct buffer *out, struct span value)
{
    uint8_t bytes[1 + sizeof(int32_t)];
    int64_t integer;

    if (!span_to_int64(value, &integer) || integer < INT32_MIN || integer > INT32_MAX)
        return false;
    const unsigned code = integer >= INT8_MIN && integer <= INT8_MAX     ? CODE_INT8
                          : integer >= INT16_MIN && integer <= INT16_MAX ? CODE_INT16
                                                                         : CODE_INT32;
    bytes[0] = (uint8_t)(LENGTH_CODE << 6 | code);
    bytes_put_u32(bytes + 1, (uint32_t)integer);
    buffer_append(out, bytes, 1 + ((size_t)1 << code));
    return true;
}

void dump_write(struct span value, struct buffer *out)
{
    const size_t before = buffer_size(out);
    uint8_t footer[FOOTER_SIZE];

    append_byte(out, TYPE_STRING);
    if (!append_integer(out, value)) {
        append_length(out, value.size);
        buffer_append_span(out, value);
    }
    if (out->failed)
        return;
    bytes_put_u16(footer, DUMP_VERSION);
    const struct span content = buffer_content(out);
    uint64_t crc = crc64(0, span_of(content.data + before, content.size - before));
    crc = crc64(crc, span_of(footer, 2));
    bytes_put_u64(footer + 2, crc);
    buffer_append(out, footer, sizeof footer);
}

/* ---- reading ---- */

enum dump_status dump_check(struct span payload)
{
    if (payload.size < FOOTER_SIZE)
        return DUMP_WRONG;
    const uint8_t *footer = payload.data + payload.size - FOOTER_SIZE;
    if (bytes_get_u16(footer) > DUMP_VERSION)
        return DUMP_WRONG;
    return crc64(0, span_of(payload.data, payload.size - 8)) == bytes_get_u64(footer + 2)
               ? DUMP_OK
               : DUMP_WRONG;
}

/* `size` bytes from the head of what is left. */
static bool take(struct span *left, uint64_t size, struct span *taken)
{
    if (size > left->size)
        return false;
    *taken = span_of(left->data, (size_t)size);
    left->data += size;
    left->size -= (size_t)size;
    return true;
}

static bool take_big_endian(struct span *left, unsigned bytes, uint64_t *value)
{
    struct span taken;

    if (!take(left, bytes, &taken))
        return false;
    *value = 0;
    for (unsigned i = 0; i < bytes; i++)
        *value = *value << 8 | taken.data[i];
    return true;
}

/* A length, or what stands in its place: then *code is true and *value what that is. */
static bool take_length(struct span *left, uint64_t *value, bool *code)
{
    uint64_t first, second;

    *code = false;
    if (!take_big_endian(left, 1, &first))
        return false;
    *value = first & 0x3f;
    switch (first >> 6) {
    case LENGTH_6:
        return true;
    case LENGTH_14:
        if (!take_big_endian(left, 1, &second))
            return false;
        *value = *value << 8 | second;
        return true;
    case LENGTH_LONG:
        return (first == LENGTH_32_BYTE && take_big_endian(left, 4, value)) ||
               (first == LENGTH_64_BYTE && take_big_endian(left, 8, value));
    default:
        *code = true;
        return true;
    }
}

static bool find_integer(struct span *left, unsigned code, char *text, struct dump *dump)
{
    const unsigned bits = 8u << code;
    uint8_t bytes[sizeof(int64_t)] = {0};
    struct span taken;

    if (!take(left, bits / 8, &taken))
        return false;
    memcpy(bytes, taken.data, taken.size);
    /* To the upper end, and back with its sign. */
    const int64_t value = (int64_t)(bytes_get_u64(bytes) << (64 - bits)) >> (64 - bits);
    dump->size = int64_to_text(value, text);
    dump->bytes = span_of(text, dump->size);
    return true;
}

static bool find_packed(struct span *left, struct dump *dump)
{
    uint64_t packed, size;
    bool code;

    if (!take_length(left, &packed, &code) || code || !take_length(left, &size, &code) || code ||
        !take(left, packed, &dump->bytes) || size > packed * LZF_RATIO_MAX)
        return false;
    dump->packed = true;
    dump->size = (size_t)size;
    return true;
}

static bool find_string(struct span *left, char *text, struct dump *dump)
{
    uint64_t length;
    bool code;

    if (!take_length(left, &length, &code))
        return false;
    if (!code) {
        dump->size = (size_t)length;
        return take(left, length, &dump->bytes);
    }
    if (length == CODE_LZF)
        return find_packed(left, dump);
    return length <= CODE_INT32 && find_integer(left, (unsigned)length, text, dump);
}

/* The types of Redis 7.0; there is no other number in a payload that it takes. */
static const char *type_word(unsigned type)
{
    static const char *const words[] = {
        [1] = "list",       [2] = "set",          [3] = "sorted set",   [4] = "hash",
        [5] = "sorted set", [6] = "module value", [7] = "module value", [9] = "hash",
        [10] = "list",      [11] = "set",         [12] = "sorted set",  [13] = "hash",
        [14] = "list",      [15] = "stream",      [16] = "hash",        [17] = "sorted set",
        [18] = "list",      [19] = "stream",
    };

    return type < sizeof words / sizeof words[0] ? words[type] : NULL;
}

enum dump_status dump_find(struct span payload, char text[INT64_TEXT_MAX], struct dump *dump)
{
    dump->packed = false;
    dump->type = NULL;
    if (payload.size <= FOOTER_SIZE)
        return DUMP_BAD;
    struct span left = span_of(payload.data + 1, payload.size - FOOTER_SIZE - 1);
    if (payload.data[0] != TYPE_STRING) {
        dump->type = type_word(payload.data[0]);
        return dump->type != NULL ? DUMP_FOREIGN : DUMP_BAD;
    }
    return find_string(&left, text, dump) ? DUMP_OK : DUMP_BAD;
}

bool dump_unpack(const struct dump *dump, struct buffer *out)
{
    uint8_t *room = buffer_reserve(out, dump->size + 1); /* one more, so that there is some */

    if (room == NULL || !lzf_unpack(dump->bytes, room, dump->size))
        return false;
    buffer_commit(out, dump->size);
    return true;
}
