/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/record.h"

#include "base/assert.h"
#include "gossip/pack.h"

enum field_type {
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_STATE,
    FIELD_IDENTITY,
    FIELD_TEXT,
};

struct field {
    uint8_t key; /* never given to another field */
    enum field_type type;
    size_t offset;
    size_t size;
};

#define FIELD(key_, type_, member)                                                      \
    {                                                                                   \
        .key = (key_), .type = (type_), .offset = offsetof(struct node_record, member), \
        .size = sizeof(((struct node_record *)0)->member)                               \
    }

/* The row of key k is fields[k - 1]. */
static const struct field fields[] = {
    FIELD(1, FIELD_IDENTITY, identity), FIELD(2, FIELD_TEXT, host),
    FIELD(3, FIELD_U16, client_port),   FIELD(4, FIELD_U16, bus_port),
    FIELD(5, FIELD_TEXT, zone),         FIELD(6, FIELD_U32, weight),
    FIELD(7, FIELD_STATE, state),       FIELD(8, FIELD_U64, incarnation),
    FIELD(9, FIELD_U64, boot),          FIELD(10, FIELD_U64, boot_nonce),
    FIELD(11, FIELD_IDENTITY, ring),    FIELD(12, FIELD_U64, ring_version),
    FIELD(13, FIELD_U64, ring_digest),  FIELD(14, FIELD_U32, flags),
    FIELD(15, FIELD_U16, protocol_min), FIELD(16, FIELD_U16, protocol_max),
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

int node_record_compare(const struct node_record *a, const struct node_record *b)
{
    if (a->incarnation != b->incarnation)
        return a->incarnation < b->incarnation ? -1 : 1;
    return (a->state > b->state) - (a->state < b->state);
}

struct node_address node_record_bus(const struct node_record *record)
{
    struct node_address address = {.port = record->bus_port};

    memcpy(address.host, record->host, sizeof address.host);
    return address;
}

bool node_address_equal(const struct node_address *a, const struct node_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* A number, whatever its width. */
static uint64_t field_number(const struct field *field, const void *at)
{
    switch (field->type) {
    case FIELD_U16:
        return *(const uint16_t *)at;
    case FIELD_U32:
        return *(const uint32_t *)at;
    case FIELD_U64:
        return *(const uint64_t *)at;
    case FIELD_STATE:
        return *(const enum node_state *)at;
    case FIELD_IDENTITY:
    case FIELD_TEXT:
        break;
    }
    ensure(!"a number");
    return 0;
}

static bool field_same(const struct field *field, const void *a, const void *b)
{
    if (field->type == FIELD_TEXT)
        return strcmp(a, b) == 0;
    return memcmp(a, b, field->size) == 0;
}

bool node_record_same_content(const struct node_record *a, const struct node_record *b)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        size_t offset = fields[i].offset;

        if (offset == offsetof(struct node_record, state) ||
            offset == offsetof(struct node_record, incarnation))
            continue;
        if (!field_same(&fields[i], (const char *)a + offset, (const char *)b + offset))
            return false;
    }
    return true;
}

static bool field_empty(const struct field *field, const void *at)
{
    if (field->type == FIELD_TEXT)
        return *(const char *)at == '\0';
    if (field->type == FIELD_IDENTITY)
        return !identity_exists((const struct identity *)at);
    return field_number(field, at) == 0;
}

void node_record_pack(msgpack_packer *packer, const struct node_record *record)
{
    size_t count = 0;

    for (size_t i = 0; i < FIELD_COUNT; i++)
        count += !field_empty(&fields[i], (const char *)record + fields[i].offset);
    msgpack_pack_map(packer, count);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const void *at = (const char *)record + fields[i].offset;

        if (field_empty(&fields[i], at))
            continue;
        msgpack_pack_uint8(packer, fields[i].key);
        if (fields[i].type == FIELD_TEXT)
            pack_text(packer, at);
        else if (fields[i].type == FIELD_IDENTITY)
            pack_identity(packer, *(const struct identity *)at);
        else
            msgpack_pack_uint64(packer, field_number(&fields[i], at));
    }
}

static bool field_unpack(const struct field *field, const msgpack_object *object, void *at)
{
    uint64_t value = 0;

    switch (field->type) {
    case FIELD_U16:
        if (!unpack_u64(object, UINT16_MAX, &value))
            return false;
        *(uint16_t *)at = (uint16_t)value;
        return true;
    case FIELD_U32:
        if (!unpack_u64(object, UINT32_MAX, &value))
            return false;
        *(uint32_t *)at = (uint32_t)value;
        return true;
    case FIELD_U64:
        return unpack_u64(object, UINT64_MAX, at);
    case FIELD_STATE:
        if (!unpack_u64(object, NODE_LEFT, &value))
            return false;
        *(enum node_state *)at = (enum node_state)value;
        return true;
    case FIELD_IDENTITY:
        return unpack_identity(object, at);
    case FIELD_TEXT:
        return unpack_text(object, at, field->size);
    }
    return false;
}

/* NULL for one that we do not know. */
static const struct field *field_of(const msgpack_object *key)
{
    if (key->type != MSGPACK_OBJECT_POSITIVE_INTEGER || key->via.u64 - 1 >= FIELD_COUNT)
        return NULL;
    return &fields[key->via.u64 - 1];
}

bool node_record_unpack(const msgpack_object *object, struct node_record *record)
{
    memset(record, 0, sizeof *record);
    if (object->type != MSGPACK_OBJECT_MAP)
        return false;
    for (uint32_t i = 0; i < object->via.map.size; i++) {
        const msgpack_object_kv *pair = &object->via.map.ptr[i];
        const struct field *field = field_of(&pair->key);

        if (field != NULL && !field_unpack(field, &pair->val, (char *)record + field->offset))
            return false;
    }
    return identity_exists(&record->identity) && record->host[0] != '\0' &&
           record->client_port != 0 && record->bus_port != 0 &&
           record->incarnation >= record->boot && record->incarnation < UINT64_MAX &&
           record->protocol_min <= record->protocol_max;
}
