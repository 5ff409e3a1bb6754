/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The field kinds of wire/messages.h: for each its C type (WIRE_MEMBER_*), the bytes it takes
 * (wire_size_*) and takes at the least (WIRE_LEAST_*), how it is written (wire_store_*, into room
 * that was made before) and read (wire_take_*). What is read points into the bytes that it was read
 * from.
 *
 * That there are bytes for the least of all fields is checked once a message, before the first is
 * read; a field that takes more than its least takes it from what is to spare beyond that, and
 * returns false where that is not enough:
 *
 *     +-----+-----+-------+-----------+-----+
 *     | u64 | u16 | size  | key bytes | u8  |     at: before `size`; spare: key bytes, and more
 *     +-----+-----+-------+-----------+-----+     where a later version added fields
 *                 ^ at
 */
#ifndef DUNLIN_WIRE_FIELDS_H
#define DUNLIN_WIRE_FIELDS_H

#include "base/bytes.h"
#include "value/version.h"

#define WIRE_ID_SIZE 16

/* The arguments of a command. A writer fills in `items`; a reader gets `packed` (with items NULL)
 * and takes them out one by one with wire_next_arg. Packed: u32 size, bytes, again and again. */
struct wire_args {
    uint32_t count;
    const struct span *items;
    struct span packed;
};

/* The bytes of a frame that are not read yet. */
struct wire_cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* The fields of a message that are not read yet. */
struct wire_fields {
    const uint8_t *at;
    size_t spare; /* bytes beyond the least of those fields */
};

#define WIRE_MEMBER_u8(name)      uint8_t name;
#define WIRE_MEMBER_u16(name)     uint16_t name;
#define WIRE_MEMBER_u32(name)     uint32_t name;
#define WIRE_MEMBER_u64(name)     uint64_t name;
#define WIRE_MEMBER_id(name)      uint8_t name[WIRE_ID_SIZE];
#define WIRE_MEMBER_dot(name)     struct dot name;
#define WIRE_MEMBER_span(name)    struct span name;
#define WIRE_MEMBER_ids(name)     struct span name;
#define WIRE_MEMBER_version(name) struct version name;
#define WIRE_MEMBER_args(name)    struct wire_args name;

static inline size_t wire_left(const struct wire_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

#define WIRE_LEAST_u8      1
#define WIRE_LEAST_u16     2
#define WIRE_LEAST_u32     4
#define WIRE_LEAST_u64     8
#define WIRE_LEAST_id      WIRE_ID_SIZE
#define WIRE_LEAST_dot     WIRE_DOT_SIZE
#define WIRE_LEAST_span    4
#define WIRE_LEAST_ids     4
#define WIRE_LEAST_version 1
#define WIRE_LEAST_args    8

/* ---- numbers ---- */

#define WIRE_NUMBER(kind, type, bytes, store, load)                              \
    static inline size_t wire_size_##kind(type value)                            \
    {                                                                            \
        (void)value;                                                             \
        return bytes;                                                            \
    }                                                                            \
    static inline uint8_t *wire_store_##kind(uint8_t *at, type value)            \
    {                                                                            \
        store;                                                                   \
        return at + (bytes);                                                     \
    }                                                                            \
    static inline bool wire_take_##kind(struct wire_fields *fields, type *value) \
    {                                                                            \
        *value = load;                                                           \
        fields->at += (bytes);                                                   \
        return true;                                                             \
    }

WIRE_NUMBER(u8, uint8_t, 1, *at = value, *fields->at)
WIRE_NUMBER(u16, uint16_t, 2, bytes_put_u16(at, value), bytes_get_u16(fields->at))
WIRE_NUMBER(u32, uint32_t, 4, bytes_put_u32(at, value), bytes_get_u32(fields->at))
WIRE_NUMBER(u64, uint64_t, 8, bytes_put_u64(at, value), bytes_get_u64(fields->at))

#undef WIRE_NUMBER

/* ---- id ---- */

static inline size_t wire_size_id(const uint8_t *id)
{
    (void)id;
    return WIRE_ID_SIZE;
}

static inline uint8_t *wire_store_id(uint8_t *at, const uint8_t *id)
{
    memcpy(at, id, WIRE_ID_SIZE);
    return at + WIRE_ID_SIZE;
}

static inline bool wire_take_id(struct wire_fields *fields, uint8_t (*id)[WIRE_ID_SIZE])
{
    memcpy(*id, fields->at, WIRE_ID_SIZE);
    fields->at += WIRE_ID_SIZE;
    return true;
}

/* ---- dot ---- */

#define WIRE_DOT_SIZE 10

static inline size_t wire_size_dot(struct dot dot)
{
    (void)dot;
    return WIRE_DOT_SIZE;
}

static inline uint8_t *wire_store_dot(uint8_t *at, struct dot dot)
{
    return wire_store_u16(wire_store_u64(at, dot.stamp), dot.node);
}

static inline bool wire_take_dot(struct wire_fields *fields, struct dot *dot)
{
    return wire_take_u64(fields, &dot->stamp) && wire_take_u16(fields, &dot->node);
}

/* ---- span ---- */

static inline size_t wire_size_span(struct span span)
{
    return 4 + span.size;
}

static inline uint8_t *wire_store_span(uint8_t *at, struct span span)
{
    at = wire_store_u32(at, (uint32_t)span.size);
    if (span.size > 0)
        memcpy(at, span.data, span.size);
    return at + span.size;
}

static inline bool wire_take_span(struct wire_fields *fields, struct span *span)
{
    const uint32_t size = bytes_get_u32(fields->at);

    if (size > fields->spare)
        return false;
    *span = span_of(fields->at + 4, size);
    fields->at += 4 + (size_t)size;
    fields->spare -= size;
    return true;
}

/* ---- ids ----
 *
 * Numbers of eight bytes each, as wire_store_u64 writes them. */

#define WIRE_IDS_STEP 8u

static inline size_t wire_size_ids(struct span ids)
{
    return wire_size_span(ids);
}

static inline uint8_t *wire_store_ids(uint8_t *at, struct span ids)
{
    return wire_store_span(at, ids);
}

static inline bool wire_take_ids(struct wire_fields *fields, struct span *ids)
{
    return wire_take_span(fields, ids) && ids->size % WIRE_IDS_STEP == 0;
}

/* ---- version ---- */

#define WIRE_NO_VERSION 255
/* Of one that is there, without its value. */
#define WIRE_VERSION_SIZE (1 + WIRE_DOT_SIZE + 8 + 4)

static inline size_t wire_size_version(struct version version)
{
    return version_exists(&version) ? WIRE_VERSION_SIZE + version.value.size : 1;
}

static inline uint8_t *wire_store_version(uint8_t *at, struct version version)
{
    if (!version_exists(&version))
        return wire_store_u8(at, WIRE_NO_VERSION);
    at = wire_store_u8(at, (uint8_t)version.kind);
    at = wire_store_dot(at, version.dot);
    at = wire_store_u64(at, (uint64_t)version.deadline_ms);
    return wire_store_span(at, version.value);
}

/* Refuses a kind that it does not know, and bytes that are no valid set where the kind wants one.
 */
bool wire_take_version(struct wire_fields *fields, struct version *version);

/* ---- args ---- */

size_t wire_size_args(struct wire_args args);
uint8_t *wire_store_args(uint8_t *at, struct wire_args args);
/* Refuses a count that the bytes do not bear out, so that a reader may take memory by it. */
bool wire_take_args(struct wire_fields *fields, struct wire_args *args);

#endif
