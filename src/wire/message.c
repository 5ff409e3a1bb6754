/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "value/batch.h"
#include "value/merge.h"
#include "wire/map.h"
#include "wire/wire.h"

void wire_acks_add(struct buffer *buffer, size_t place, uint64_t id)
{
    uint8_t *at = buffer_reserve(buffer, WIRE_IDS_STEP);

    if (at == NULL)
        return;
    bytes_put_u64(at, id);
    buffer_commit(buffer, WIRE_IDS_STEP);
    uint8_t *message = buffer->block + buffer->head + place;
    const size_t size = buffer_size(buffer) - place;
    bytes_put_u32(message, (uint32_t)size - 4);
    bytes_put_u32(message + WIRE_HEAD_SIZE, (uint32_t)size - WIRE_HEAD_SIZE - WIRE_LEAST_ids);
}

bool wire_take_version(struct wire_fields *fields, struct version *version)
{
    const size_t more = WIRE_VERSION_SIZE - WIRE_LEAST_version;
    uint64_t deadline;
    uint8_t kind;

    wire_take_u8(fields, &kind);
    if (kind == WIRE_NO_VERSION) {
        *version = (struct version){0};
        return true;
    }
    if (fields->spare < more)
        return false;
    fields->spare -= more;
    wire_take_dot(fields, &version->dot);
    wire_take_u64(fields, &deadline);
    if (!wire_take_span(fields, &version->value))
        return false;
    if (!dot_exists(version->dot) || version->dot.node == 0 || kind > VALUE_COUNTER)
        return false;
    version->kind = (enum value_kind)kind;
    version->deadline_ms = (int64_t)deadline;
    if (kind == VALUE_STRING || (kind == VALUE_TOMBSTONE && version->value.size == 0))
        return true;
    if (kind == VALUE_BATCH)
        return dot_exists(batch_highest(version->value));
    if (version_is_counter(version))
        return counter_valid(version);
    if (!siblings_valid(version->value))
        return false;
    const struct version set = siblings_version(version->value);
    return dot_equal(set.dot, version->dot) && set.kind == version->kind;
}

size_t wire_size_args(struct wire_args args)
{
    size_t size = 8;

    ensure(args.items != NULL || args.count == 0);
    for (uint32_t i = 0; i < args.count; i++)
        size += wire_size_span(args.items[i]);
    return size;
}

uint8_t *wire_store_args(uint8_t *at, struct wire_args args)
{
    at = wire_store_u32(at, args.count);
    at = wire_store_u32(at, (uint32_t)(wire_size_args(args) - 8));
    for (uint32_t i = 0; i < args.count; i++)
        at = wire_store_span(at, args.items[i]);
    return at;
}

static bool take_arg(struct wire_cursor *packed, struct span *arg)
{
    const size_t left = wire_left(packed);
    struct wire_fields fields = {.at = packed->at, .spare = left - WIRE_LEAST_span};

    if (left < WIRE_LEAST_span || !wire_take_span(&fields, arg))
        return false;
    packed->at = fields.at;
    return true;
}

bool wire_take_args(struct wire_fields *fields, struct wire_args *args)
{
    struct span arg;

    *args = (struct wire_args){0};
    wire_take_u32(fields, &args->count);
    if (!wire_take_span(fields, &args->packed))
        return false;
    struct wire_cursor packed = {.at = args->packed.data,
                                 .end = args->packed.data + args->packed.size};
    for (uint32_t i = 0; i < args->count; i++)
        if (!take_arg(&packed, &arg))
            return false;
    return wire_left(&packed) == 0;
}

struct span wire_next_arg(struct span *packed)
{
    struct wire_cursor cursor = {.at = packed->data, .end = packed->data + packed->size};
    struct span arg;
    const bool there = take_arg(&cursor, &arg);

    ensure(there);
    *packed = span_of(cursor.at, wire_left(&cursor));
    return arg;
}

#define LEAST(kind, name) +WIRE_LEAST_##kind
#define TAKE(kind, name)  &&wire_take_##kind(&fields, &message->name)
#define ROW(number, NAME, name, FIELDS)                                              \
    static bool take_##name(struct wire_cursor *cursor, struct wire_##name *message) \
    {                                                                                \
        const size_t least = 0 FIELDS(LEAST), left = wire_left(cursor);              \
        struct wire_fields fields = {.at = cursor->at, .spare = left - least};       \
                                                                                     \
        return left >= least FIELDS(TAKE);                                           \
    }
WIRE_MESSAGES(ROW)
#undef ROW
#undef TAKE
#undef LEAST

enum wire_result wire_next_message(struct wire_cursor *messages, struct wire_message *message,
                                   const char **error)
{
    uint32_t size;
    uint16_t type;

    while (wire_left(messages) > 0) {
        const size_t left = wire_left(messages);
        size = left >= sizeof size ? bytes_get_u32(messages->at) : 0;
        if (size < sizeof type || size > left - sizeof size) {
            *error = "a message does not fit into its frame";
            return WIRE_BAD;
        }
        struct wire_cursor fields = {.at = messages->at + WIRE_HEAD_SIZE,
                                     .end = messages->at + sizeof size + size};
        type = bytes_get_u16(messages->at + sizeof size);
        messages->at = fields.end;
        switch (type) {
#define ROW(number, NAME, name, FIELDS)                                     \
    case number:                                                            \
        message->type = WIRE_##NAME;                                        \
        if (take_##name(&fields, &message->name))                           \
            return WIRE_OK;                                                 \
        *error = "the fields of a " #NAME " are cut short or out of range"; \
        return WIRE_BAD;
            WIRE_MESSAGES(ROW)
#undef ROW
#define ROW(number, NAME, name, FIELDS)                                                    \
    case number:                                                                           \
        message->type = WIRE_##NAME;                                                       \
        if (wire_map_read(number, span_of(fields.at, wire_left(&fields)), &message->name)) \
            return WIRE_OK;                                                                \
        *error = "a " #NAME " is no map of its fields";                                    \
        return WIRE_BAD;
            WIRE_MAPS(ROW)
#undef ROW
        default:
            break;
        }
    }
    return WIRE_END;
}
