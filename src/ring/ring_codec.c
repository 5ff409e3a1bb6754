/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring/ring_codec.h"

#include <msgpack.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "base/msgpack_check.h"
#include "ring/slot.h"

#define DEPTH_MAX 16
#define ITEMS_MAX 65536 /* 15 a member, 7 a rule, and room for what later versions add */

#define CLAIM_HEADER_SIZE 9
#define CLAIM_SIZE_MAX    (CLAIM_HEADER_SIZE + 2 * RING_REPLICAS_MAX)

/* ---------------------------------------------------------------------------------- encoding */

static int append(void *buffer, const char *data, size_t size)
{
    buffer_append(buffer, data, size);
    return 0; /* the buffer remembers when it failed */
}

static void pack_string(msgpack_packer *packer, const char *string)
{
    msgpack_pack_str_with_body(packer, string, strlen(string));
}

static void pack_uint(msgpack_packer *packer, const char *key, uint64_t value)
{
    pack_string(packer, key);
    msgpack_pack_uint64(packer, value);
}

static void pack_bytes(msgpack_packer *packer, const char *key, struct span value)
{
    pack_string(packer, key);
    msgpack_pack_bin(packer, value.size);
    if (value.size > 0)
        msgpack_pack_bin_body(packer, value.data, value.size);
}

static void pack_rules(msgpack_packer *packer, const struct ring_draft *ring)
{
    pack_string(packer, "rules");
    msgpack_pack_array(packer, ring->rule_count);
    for (size_t i = 0; i < ring->rule_count; i++) {
        const struct ring_rule *rule = &ring->rules[i];

        msgpack_pack_map(packer, 3);
        pack_bytes(packer, "prefix", rule->prefix);
        pack_uint(packer, "n", rule->replicas);
        pack_uint(packer, "conflict", rule->conflict);
    }
}

static void pack_members(msgpack_packer *packer, const struct ring_draft *ring)
{
    pack_string(packer, "members");
    msgpack_pack_array(packer, ring->member_count);
    for (size_t i = 0; i < ring->member_count; i++) {
        const struct ring_member *member = &ring->members[i];

        msgpack_pack_map(packer, 7);
        pack_uint(packer, "number", member->number);
        pack_bytes(packer, "id", span_of(member->identity.bytes, IDENTITY_SIZE));
        pack_string(packer, "zone");
        pack_string(packer, member->zone);
        pack_uint(packer, "weight", member->weight);
        pack_string(packer, "host");
        pack_string(packer, member->host);
        pack_uint(packer, "port", member->client_port);
        pack_uint(packer, "bus", member->bus_port);
    }
}

static void pack_claims(msgpack_packer *packer, const struct ring_draft *ring, struct buffer *out)
{
    size_t size = 0;

    for (uint32_t i = 0; i < ring->partition_count; i++)
        size += CLAIM_HEADER_SIZE + 2u * ring->claims[i].count;
    pack_string(packer, "claims");
    msgpack_pack_bin(packer, size);
    for (uint32_t i = 0; i < ring->partition_count; i++) {
        const struct ring_claim *claim = &ring->claims[i];
        uint8_t row[CLAIM_SIZE_MAX];

        bytes_put_u64(row, claim->version);
        row[8] = (uint8_t)claim->count;
        for (unsigned j = 0; j < claim->count; j++)
            bytes_put_u16(row + CLAIM_HEADER_SIZE + 2 * j, claim->nodes[j]);
        buffer_append(out, row, CLAIM_HEADER_SIZE + 2u * claim->count);
    }
}

void ring_encode(const struct ring *ring, struct buffer *out)
{
    const struct ring_draft *content = &ring->content;
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, append);
    msgpack_pack_map(&packer, 9);
    pack_bytes(&packer, "id", span_of(content->identity.bytes, IDENTITY_SIZE));
    pack_uint(&packer, "version", content->version);
    pack_uint(&packer, "last", content->last_number);
    pack_uint(&packer, "n", content->base.replicas);
    pack_uint(&packer, "conflict", content->base.conflict);
    pack_rules(&packer, content);
    pack_members(&packer, content);
    pack_uint(&packer, "q", content->partition_count);
    pack_claims(&packer, content, out);
}

uint64_t ring_digest(const struct ring *ring)
{
    struct buffer bytes;

    buffer_init(&bytes);
    ring_encode(ring, &bytes);
    ensure(!bytes.failed);

    const struct span content = buffer_content(&bytes);
    const uint64_t digest = XXH3_64bits(content.data, content.size);

    buffer_deinit(&bytes);
    return digest;
}

/* ---------------------------------------------------------------------------------- decoding */

/* Where a read failed says what was expected; the first failure is kept. */
struct reader {
    char *error;
    const char *where; /* "the ring", "a member", "a rule" */
    bool failed;
};

static void fail(struct reader *reader, const char *key, const char *what)
{
    if (!reader->failed)
        snprintf(reader->error, RING_ERROR_MAX, "%s: \"%s\" %s", reader->where, key, what);
    reader->failed = true;
}

/* The value of `key`, or NULL and a failure when it is absent, doubled or of another type. */
static const msgpack_object *take(struct reader *reader, const msgpack_object *map, const char *key,
                                  msgpack_object_type type, const char *type_name)
{
    const msgpack_object *found = NULL;

    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];

        if (pair->key.type != MSGPACK_OBJECT_STR ||
            !span_equal(span_of(pair->key.via.str.ptr, pair->key.via.str.size),
                        span_of_string(key)))
            continue;
        if (found != NULL) {
            fail(reader, key, "is there twice");
            return NULL;
        }
        found = &pair->val;
    }
    if (found == NULL) {
        fail(reader, key, "is missing");
    } else if (found->type != type) {
        fail(reader, key, type_name);
        return NULL;
    }
    return found;
}

static uint64_t take_uint(struct reader *reader, const msgpack_object *map, const char *key,
                          uint64_t max)
{
    const msgpack_object *value = take(reader, map, key, MSGPACK_OBJECT_POSITIVE_INTEGER,
                                       "is not a number from 0 up");

    if (value == NULL)
        return 0;
    if (value->via.u64 > max) {
        fail(reader, key, "is too large");
        return 0;
    }
    return value->via.u64;
}

static struct span take_bytes(struct reader *reader, const msgpack_object *map, const char *key)
{
    const msgpack_object *value = take(reader, map, key, MSGPACK_OBJECT_BIN,
                                       "is not a string of bytes");

    return value == NULL ? (struct span){0} : span_of(value->via.bin.ptr, value->via.bin.size);
}

static struct identity take_identity(struct reader *reader, const msgpack_object *map)
{
    const struct span bytes = take_bytes(reader, map, "id");
    struct identity identity = {{0}};

    if (bytes.size == IDENTITY_SIZE)
        memcpy(identity.bytes, bytes.data, IDENTITY_SIZE);
    else
        fail(reader, "id", "is not of 16 bytes");
    return identity;
}

/* `text` is zeroed and has room for size_max bytes and a terminator. */
static void take_text(struct reader *reader, const msgpack_object *map, const char *key, char *text,
                      size_t size_max)
{
    const msgpack_object *value = take(reader, map, key, MSGPACK_OBJECT_STR, "is not a text");

    if (value == NULL)
        return;

    const size_t size = value->via.str.size;

    if (size > size_max)
        fail(reader, key, "is too long");
    else if (size > 0 && memchr(value->via.str.ptr, 0, size) != NULL)
        fail(reader, key, "has a NUL in it");
    else if (size > 0)
        memcpy(text, value->via.str.ptr, size);
}

static void take_rule(struct reader *reader, const msgpack_object *map, struct ring_rule *rule)
{
    rule->replicas = (uint32_t)take_uint(reader, map, "n", RING_REPLICAS_MAX);
    rule->conflict = (enum ring_conflict)take_uint(reader, map, "conflict", RING_CONFLICT_SIBLINGS);
}

static void take_member(struct reader *reader, const msgpack_object *map,
                        struct ring_member *member)
{
    member->number = (node_number)take_uint(reader, map, "number", UINT16_MAX);
    member->identity = take_identity(reader, map);
    take_text(reader, map, "zone", member->zone, RING_ZONE_MAX);
    member->weight = (uint32_t)take_uint(reader, map, "weight", UINT32_MAX);
    take_text(reader, map, "host", member->host, RING_HOST_MAX);
    member->client_port = (uint16_t)take_uint(reader, map, "port", UINT16_MAX);
    member->bus_port = (uint16_t)take_uint(reader, map, "bus", UINT16_MAX);
}

/* The array `key`, of maps only and at most `count_max` of them. */
static const msgpack_object_array *take_maps(struct reader *reader, const msgpack_object *map,
                                             const char *key, size_t count_max)
{
    const msgpack_object *value = take(reader, map, key, MSGPACK_OBJECT_ARRAY, "is not an array");

    if (value == NULL)
        return NULL;
    if (value->via.array.size > count_max) {
        fail(reader, key, "has too many items");
        return NULL;
    }
    for (uint32_t i = 0; i < value->via.array.size; i++) {
        if (value->via.array.ptr[i].type != MSGPACK_OBJECT_MAP) {
            fail(reader, key, "has an item that is not a map");
            return NULL;
        }
    }
    return &value->via.array;
}

static struct ring_rule *take_rules(struct reader *reader, const msgpack_object *map, size_t *count)
{
    const msgpack_object_array *array = take_maps(reader, map, "rules", RING_RULES_MAX);
    struct reader item = {.error = reader->error, .where = "a rule", .failed = reader->failed};

    if (array == NULL || array->size == 0)
        return NULL;

    struct ring_rule *rules = memory_alloc_array(array->size, sizeof *rules);

    *count = array->size;
    for (size_t i = 0; i < array->size; i++) {
        rules[i].prefix = take_bytes(&item, &array->ptr[i], "prefix");
        take_rule(&item, &array->ptr[i], &rules[i]);
    }
    reader->failed = item.failed;
    return rules;
}

static struct ring_member *take_members(struct reader *reader, const msgpack_object *map,
                                        size_t *count)
{
    const msgpack_object_array *array = take_maps(reader, map, "members", RING_MEMBERS_MAX);
    struct reader item = {.error = reader->error, .where = "a member", .failed = reader->failed};

    if (array == NULL || array->size == 0)
        return NULL;

    struct ring_member *members = memory_alloc_array(array->size, sizeof *members);

    *count = array->size;
    for (size_t i = 0; i < array->size; i++)
        take_member(&item, &array->ptr[i], &members[i]);
    reader->failed = item.failed;
    return members;
}

/* Reads a row off `rows`; false when it is cut short or claims too many replicas. */
static bool take_claim(struct span *rows, struct ring_claim *claim)
{
    if (rows->size < CLAIM_HEADER_SIZE)
        return false;

    const size_t count = rows->data[8];
    const size_t size = CLAIM_HEADER_SIZE + 2 * count;

    if (count > RING_REPLICAS_MAX || rows->size < size)
        return false;
    claim->version = bytes_get_u64(rows->data);
    claim->count = (uint16_t)count;
    for (size_t i = 0; i < count; i++)
        claim->nodes[i] = bytes_get_u16(rows->data + CLAIM_HEADER_SIZE + 2 * i);
    *rows = span_of(rows->data + size, rows->size - size);
    return true;
}

static struct ring_claim *take_claims(struct reader *reader, const msgpack_object *map,
                                      uint32_t partition_count)
{
    struct span rows = take_bytes(reader, map, "claims");

    if (reader->failed)
        return NULL;
    if (rows.size < (size_t)partition_count * CLAIM_HEADER_SIZE) {
        fail(reader, "claims", "has fewer rows than the ring has partitions");
        return NULL;
    }

    struct ring_claim *claims = memory_alloc_array(partition_count, sizeof *claims);

    for (uint32_t i = 0; i < partition_count && !reader->failed; i++) {
        if (!take_claim(&rows, &claims[i]))
            fail(reader, "claims", "has a row that is cut short or too long");
    }
    if (rows.size > 0)
        fail(reader, "claims", "has bytes after its last row");
    return claims;
}

static struct ring *decode_map(const msgpack_object *map, char error[RING_ERROR_MAX])
{
    struct reader reader = {.error = error, .where = "the ring"};
    struct ring_draft draft = {
        .identity = take_identity(&reader, map),
        .version = take_uint(&reader, map, "version", UINT64_MAX),
        .last_number = (node_number)take_uint(&reader, map, "last", UINT16_MAX),
        .partition_count = (uint32_t)take_uint(&reader, map, "q", RING_SLOTS),
    };
    struct ring *ring = NULL;

    take_rule(&reader, map, &draft.base);
    if (reader.failed)
        return NULL;

    struct ring_rule *rules = take_rules(&reader, map, &draft.rule_count);
    struct ring_member *members = take_members(&reader, map, &draft.member_count);
    struct ring_claim *claims = take_claims(&reader, map, draft.partition_count);

    draft.rules = rules;
    draft.members = members;
    draft.claims = claims;
    if (!reader.failed)
        ring = ring_create(&draft, error);
    memory_free(rules);
    memory_free(members);
    memory_free(claims);
    return ring;
}

struct ring *ring_decode(struct span bytes, char error[RING_ERROR_MAX])
{
    msgpack_unpacked unpacked;
    struct ring *ring = NULL;
    size_t offset = 0;

    if (bytes.size > RING_ENCODED_MAX || !msgpack_check(bytes, DEPTH_MAX, ITEMS_MAX)) {
        snprintf(error, RING_ERROR_MAX,
                 "%zu bytes that are cut short, damaged or too many: not a ring", bytes.size);
        return NULL;
    }
    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, (const char *)bytes.data, bytes.size, &offset) !=
        MSGPACK_UNPACK_SUCCESS)
        snprintf(error, RING_ERROR_MAX, "no memory to read a ring of %zu bytes", bytes.size);
    else if (unpacked.data.type != MSGPACK_OBJECT_MAP)
        snprintf(error, RING_ERROR_MAX, "not a map: not a ring");
    else
        ring = decode_map(&unpacked.data, error);
    msgpack_unpacked_destroy(&unpacked);
    return ring;
}
