/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/map.h"

#include <msgpack.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/msgpack_check.h"
#include "wire/wire.h"

/* What a map may hold, with room for the fields of later versions. */
#define DEPTH_MAX 8
#define ITEMS_MAX 256

enum kind { KIND_u8, KIND_u16, KIND_u64, KIND_id, KIND_span };

struct field {
    const char *name;
    enum kind kind;
    size_t offset; /* in the message's structure */
};

struct map {
    int number;
    const struct field *fields;
    size_t field_count;
    size_t size; /* of the structure */
};

#define FIELD(kind, name) {#name, KIND_##kind, offsetof(struct MESSAGE, name)},
#define MESSAGE           wire_hello
static const struct field hello_fields[] = {WIRE_HELLO_FIELDS(FIELD)};
#undef MESSAGE
#define MESSAGE wire_hello_ok
static const struct field hello_ok_fields[] = {WIRE_HELLO_OK_FIELDS(FIELD)};
#undef MESSAGE
#define MESSAGE wire_proof
static const struct field proof_fields[] = {WIRE_PROOF_FIELDS(FIELD)};
#undef MESSAGE
#undef FIELD

#define ROW(number, NAME, name, FIELDS)                                     \
    {number, name##_fields, sizeof name##_fields / sizeof name##_fields[0], \
     sizeof(struct wire_##name)},
static const struct map maps[] = {WIRE_MAPS(ROW)};
#undef ROW

static const struct map *find_map(int number)
{
    size_t i = 0;

    while (i < sizeof maps / sizeof maps[0] && maps[i].number != number)
        i++;
    ensure(i < sizeof maps / sizeof maps[0]);
    return &maps[i];
}

/* ---- writing ---- */

static int write_packed(void *data, const char *bytes, size_t size)
{
    struct buffer *buffer = data;

    buffer_append(buffer, bytes, size);
    return buffer->failed ? -1 : 0;
}

static void pack_bin(msgpack_packer *packer, struct span bytes)
{
    msgpack_pack_bin(packer, bytes.size);
    msgpack_pack_bin_body(packer, bytes.data, bytes.size);
}

static void pack_field(msgpack_packer *packer, const struct field *field, const uint8_t *at)
{
    msgpack_pack_str_with_body(packer, field->name, strlen(field->name));
    switch (field->kind) {
    case KIND_u8:
        msgpack_pack_uint8(packer, *at);
        break;
    case KIND_u16:
        msgpack_pack_uint16(packer, bytes_get_u16(at));
        break;
    case KIND_u64:
        msgpack_pack_uint64(packer, bytes_get_u64(at));
        break;
    case KIND_id:
        pack_bin(packer, span_of(at, WIRE_ID_SIZE));
        break;
    case KIND_span: {
        struct span span;
        memcpy(&span, at, sizeof span);
        pack_bin(packer, span);
        break;
    }
    }
}

static void put_map(struct buffer *buffer, int number, const void *fields)
{
    const struct map *map = find_map(number);
    const size_t place = buffer_size(buffer);
    msgpack_packer packer;

    buffer_append(buffer, (uint8_t[WIRE_HEAD_SIZE]){0}, WIRE_HEAD_SIZE);
    msgpack_packer_init(&packer, buffer, write_packed);
    msgpack_pack_map(&packer, map->field_count);
    for (size_t i = 0; i < map->field_count; i++)
        pack_field(&packer, &map->fields[i], (const uint8_t *)fields + map->fields[i].offset);
    if (buffer->failed)
        return;
    uint8_t *head = buffer->block + buffer->head + place;
    bytes_put_u32(head, (uint32_t)(buffer_size(buffer) - place - 4));
    bytes_put_u16(head + 4, (uint16_t)number);
}

#define ROW(number, NAME, name, FIELDS)                                            \
    void wire_put_##name(struct buffer *buffer, const struct wire_##name *message) \
    {                                                                              \
        put_map(buffer, number, message);                                          \
    }
WIRE_MAPS(ROW)
#undef ROW

/* ---- reading ---- */

static bool read_number(const msgpack_object *value, uint64_t max, uint64_t *number)
{
    *number = value->via.u64;
    return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && *number <= max;
}

static bool read_field(const struct field *field, const msgpack_object *value, uint8_t *at)
{
    uint64_t number;

    switch (field->kind) {
    case KIND_u8:
        if (!read_number(value, UINT8_MAX, &number))
            return false;
        *at = (uint8_t)number;
        return true;
    case KIND_u16:
        if (!read_number(value, UINT16_MAX, &number))
            return false;
        bytes_put_u16(at, (uint16_t)number);
        return true;
    case KIND_u64:
        if (!read_number(value, UINT64_MAX, &number))
            return false;
        bytes_put_u64(at, number);
        return true;
    case KIND_id:
        if (value->type != MSGPACK_OBJECT_BIN || value->via.bin.size != WIRE_ID_SIZE)
            return false;
        memcpy(at, value->via.bin.ptr, WIRE_ID_SIZE);
        return true;
    case KIND_span:
        if (value->type != MSGPACK_OBJECT_BIN)
            return false;
        memcpy(at, &(struct span){(const uint8_t *)value->via.bin.ptr, value->via.bin.size},
               sizeof(struct span));
        return true;
    }
    return false;
}

static bool read_pair(const struct map *map, const msgpack_object_kv *pair, uint8_t *fields)
{
    if (pair->key.type != MSGPACK_OBJECT_STR)
        return true;
    const struct span name = span_of(pair->key.via.str.ptr, pair->key.via.str.size);
    for (size_t i = 0; i < map->field_count; i++)
        if (span_equal(name, span_of_string(map->fields[i].name)))
            return read_field(&map->fields[i], &pair->val, fields + map->fields[i].offset);
    return true;
}

bool wire_map_read(int number, struct span bytes, void *fields)
{
    const struct map *map = find_map(number);
    msgpack_unpacked unpacked;
    size_t offset = 0;
    bool good;

    memset(fields, 0, map->size);
    if (!msgpack_check(bytes, DEPTH_MAX, ITEMS_MAX))
        return false;
    msgpack_unpacked_init(&unpacked);
    good = msgpack_unpack_next(&unpacked, (const char *)bytes.data, bytes.size, &offset) ==
               MSGPACK_UNPACK_SUCCESS &&
           unpacked.data.type == MSGPACK_OBJECT_MAP;
    for (uint32_t i = 0; good && i < unpacked.data.via.map.size; i++)
        good = read_pair(map, &unpacked.data.via.map.ptr[i], fields);
    /* Bins and strings point into `bytes`, not into what is freed here. */
    msgpack_unpacked_destroy(&unpacked);
    return good;
}
