/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/message.h"

#include "base/assert.h"
#include "base/msgpack_check.h"
#include "gossip/pack.h"

enum message_key {
    KEY_KIND = 0,
    KEY_NUMBER = 1,
    KEY_TARGET = 2,
    KEY_HOST = 3,
    KEY_PORT = 4,
    KEY_RECORD = 5,
    KEY_ACCUSERS = 6,
    KEY_NONCE = 7,
    KEY_STAMP = 8,
    KEY_JOINING = 9,
    KEY_COUNT,
};

#define BIT(key) (1U << (key))

/* The keys that each kind carries. All must be there but those that may be empty. */
static const struct {
    unsigned required;
    unsigned optional;
} kinds[] = {
    [MESSAGE_PING] = {BIT(KEY_NUMBER), 0},
    [MESSAGE_ACK] = {BIT(KEY_NUMBER), 0},
    [MESSAGE_NACK] = {BIT(KEY_NUMBER), 0},
    [MESSAGE_RELAY] = {BIT(KEY_NUMBER) | BIT(KEY_TARGET) | BIT(KEY_HOST) | BIT(KEY_PORT), 0},
    [MESSAGE_RECORD] = {BIT(KEY_RECORD), BIT(KEY_ACCUSERS)},
    [MESSAGE_CHALLENGE] = {BIT(KEY_NONCE) | BIT(KEY_STAMP), 0},
    [MESSAGE_PROOF] = {BIT(KEY_NONCE) | BIT(KEY_STAMP), 0},
    [MESSAGE_EXCHANGE] = {BIT(KEY_NUMBER) | BIT(KEY_JOINING), 0},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* An array of 32-bit length: 0xdd and the count, big-endian. */
#define ARRAY_HEAD_BYTES 5

/* array, message, record or accusers, and one level for what later versions may add */
#define DEPTH_MAX 8

void message_writer_init(struct message_writer *writer, struct buffer *buffer, size_t size_max)
{
    static const uint8_t head[ARRAY_HEAD_BYTES] = {0xdd};

    *writer = (struct message_writer){
        .buffer = buffer, .start = buffer_size(buffer), .size_max = size_max};
    buffer_append(buffer, head, sizeof head);
}

static void write_accusers(msgpack_packer *packer, const struct accusers *accusers)
{
    msgpack_pack_array(packer, accusers->count);
    for (size_t i = 0; i < accusers->count; i++)
        pack_identity(packer, accusers->list[i]);
}

static void write_value(msgpack_packer *packer, enum message_key key, const struct message *message)
{
    switch (key) {
    case KEY_KIND:
        msgpack_pack_uint8(packer, (uint8_t)message->kind);
        break;
    case KEY_NUMBER:
        msgpack_pack_uint64(packer, message->number);
        break;
    case KEY_TARGET:
        pack_identity(packer, message->target);
        break;
    case KEY_HOST:
        pack_text(packer, message->address.host);
        break;
    case KEY_PORT:
        msgpack_pack_uint16(packer, message->address.port);
        break;
    case KEY_RECORD:
        node_record_pack(packer, &message->record);
        break;
    case KEY_ACCUSERS:
        write_accusers(packer, &message->accusers);
        break;
    case KEY_NONCE:
        msgpack_pack_uint64(packer, message->nonce);
        break;
    case KEY_STAMP:
        msgpack_pack_uint64(packer, message->stamp);
        break;
    case KEY_JOINING:
        msgpack_pack_uint8(packer, message->joining);
        break;
    case KEY_COUNT:
        break;
    }
}

bool message_write(struct message_writer *writer, const struct message *message)
{
    unsigned keys = BIT(KEY_KIND) | kinds[message->kind].required;
    size_t before = buffer_size(writer->buffer);
    msgpack_packer packer;

    if (message->kind == MESSAGE_RECORD && message->accusers.count > 0)
        keys |= BIT(KEY_ACCUSERS);
    msgpack_packer_init(&packer, writer->buffer, pack_to_buffer);
    msgpack_pack_map(&packer, (size_t)__builtin_popcount(keys));
    for (enum message_key key = 0; key < KEY_COUNT; key++) {
        if (keys & BIT(key)) {
            msgpack_pack_uint8(&packer, (uint8_t)key);
            write_value(&packer, key, message);
        }
    }
    if (writer->buffer->failed || buffer_size(writer->buffer) - writer->start > writer->size_max) {
        if (!writer->buffer->failed)
            buffer_truncate(writer->buffer, before);
        return false;
    }
    writer->count++;
    return true;
}

void message_writer_finish(struct message_writer *writer)
{
    if (writer->buffer->failed)
        return;
    uint8_t *head = writer->buffer->block + writer->buffer->head + writer->start;

    for (int i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)(writer->count >> (24 - 8 * i));
}

bool message_reader_init(struct message_reader *reader, struct span body, size_t items_max)
{
    size_t at = 0;

    if (!msgpack_check(body, DEPTH_MAX, items_max))
        return false;
    reader->next = 0;
    msgpack_unpacked_init(&reader->unpacked);
    if (msgpack_unpack_next(&reader->unpacked, (const char *)body.data, body.size, &at) !=
            MSGPACK_UNPACK_SUCCESS ||
        reader->unpacked.data.type != MSGPACK_OBJECT_ARRAY) {
        msgpack_unpacked_destroy(&reader->unpacked);
        return false;
    }
    return true;
}

void message_reader_deinit(struct message_reader *reader)
{
    msgpack_unpacked_destroy(&reader->unpacked);
}

/* More accusers than we keep are no error: another node may count further. */
static bool read_accusers(const msgpack_object *object, struct accusers *accusers)
{
    if (object->type != MSGPACK_OBJECT_ARRAY)
        return false;
    for (uint32_t i = 0; i < object->via.array.size && accusers->count < ACCUSERS_MAX; i++) {
        if (!unpack_identity(&object->via.array.ptr[i], &accusers->list[accusers->count++]))
            return false;
    }
    return true;
}

static bool read_value(const msgpack_object *object, enum message_key key, struct message *message)
{
    uint64_t small = 0;

    switch (key) {
    case KEY_NUMBER:
        return unpack_u64(object, UINT64_MAX, &message->number);
    case KEY_TARGET:
        return unpack_identity(object, &message->target);
    case KEY_HOST:
        return unpack_text(object, message->address.host, sizeof message->address.host) &&
               message->address.host[0] != '\0';
    case KEY_PORT:
        if (!unpack_u64(object, UINT16_MAX, &small))
            return false;
        message->address.port = (uint16_t)small;
        return true;
    case KEY_RECORD:
        return node_record_unpack(object, &message->record);
    case KEY_ACCUSERS:
        return read_accusers(object, &message->accusers);
    case KEY_NONCE:
        return unpack_u64(object, UINT64_MAX, &message->nonce);
    case KEY_STAMP:
        return unpack_u64(object, UINT64_MAX, &message->stamp);
    case KEY_JOINING:
        if (!unpack_u64(object, 1, &small))
            return false;
        message->joining = small != 0;
        return true;
    case KEY_KIND:
    case KEY_COUNT:
        break;
    }
    return true;
}

/* The value of integer key `key`, or NULL. */
static const msgpack_object *find(const msgpack_object_map *map, enum message_key key)
{
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object_kv *pair = &map->ptr[i];

        if (pair->key.type == MSGPACK_OBJECT_POSITIVE_INTEGER && pair->key.via.u64 == key)
            return &pair->val;
    }
    return NULL;
}

static bool read_fields(const msgpack_object_map *map, struct message *message)
{
    for (enum message_key key = KEY_NUMBER; key < KEY_COUNT; key++) {
        bool required = kinds[message->kind].required & BIT(key);
        const msgpack_object *value;

        if (!required && !(kinds[message->kind].optional & BIT(key)))
            continue;
        value = find(map, key);
        if (value == NULL ? required : !read_value(value, key, message))
            return false;
    }
    return true;
}

enum message_status message_read(struct message_reader *reader, struct message *message)
{
    const msgpack_object_array *array = &reader->unpacked.data.via.array;

    while (reader->next < array->size) {
        const msgpack_object *object = &array->ptr[reader->next++];
        const msgpack_object *kind;

        if (object->type != MSGPACK_OBJECT_MAP)
            return MESSAGE_BAD;
        kind = find(&object->via.map, KEY_KIND);
        if (kind == NULL || kind->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return MESSAGE_BAD;
        if (kind->via.u64 == 0 || kind->via.u64 >= KIND_COUNT)
            continue;
        memset(message, 0, sizeof *message);
        message->kind = (enum message_kind)kind->via.u64;
        return read_fields(&object->via.map, message) ? MESSAGE_READ : MESSAGE_BAD;
    }
    return MESSAGE_END;
}
