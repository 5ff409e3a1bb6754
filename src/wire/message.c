/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "value/siblings.h"
#include "wire/map.h"
#include "wire/wire.h"

bool wire_take_version(struct wire_cursor *cursor, struct version *version)
{
    uint8_t kind;
    uint64_t deadline;

    *version = (struct version){0};
    if (!wire_take_u8(cursor, &kind))
        return false;
    if (kind == WIRE_NO_VERSION)
        return true;
    if (!wire_take_dot(cursor, &version->dot) || !wire_take_u64(cursor, &deadline) ||
        !wire_take_span(cursor, &version->value))
        return false;
    if (!dot_exists(version->dot) || version->dot.node == 0 || kind > VALUE_SIBLINGS)
        return false;
    version->kind = (enum value_kind)kind;
    version->deadline_ms = (int64_t)deadline;
    if (kind == VALUE_STRING || (kind == VALUE_TOMBSTONE && version->value.size == 0))
        return true;
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

bool wire_take_args(struct wire_cursor *cursor, struct wire_args *args)
{
    struct span arg;

    *args = (struct wire_args){0};
    if (!wire_take_u32(cursor, &args->count) || !wire_take_span(cursor, &args->packed))
        return false;
    struct wire_cursor packed = {.at = args->packed.data,
                                 .end = args->packed.data + args->packed.size};
    for (uint32_t i = 0; i < args->count; i++)
        if (!wire_take_span(&packed, &arg))
            return false;
    return wire_left(&packed) == 0;
}

struct span wire_next_arg(struct span *packed)
{
    struct wire_cursor cursor = {.at = packed->data, .end = packed->data + packed->size};
    struct span arg;
    const bool there = wire_take_span(&cursor, &arg);

    ensure(there);
    *packed = span_of(cursor.at, wire_left(&cursor));
    return arg;
}

#define TAKE(kind, name) &&wire_take_##kind(cursor, &message->name)
#define ROW(number, NAME, name, FIELDS)                                              \
    static bool take_##name(struct wire_cursor *cursor, struct wire_##name *message) \
    {                                                                                \
        return true FIELDS(TAKE);                                                    \
    }
WIRE_MESSAGES(ROW)
#undef ROW
#undef TAKE

enum wire_result wire_next_message(struct wire_cursor *messages, struct wire_message *message,
                                   const char **error)
{
    uint32_t size;
    uint16_t type;

    while (wire_left(messages) > 0) {
        if (!wire_take_u32(messages, &size) || size < sizeof type || size > wire_left(messages)) {
            *error = "a message does not fit into its frame";
            return WIRE_BAD;
        }
        struct wire_cursor fields = {.at = messages->at + sizeof type, .end = messages->at + size};
        type = bytes_get_u16(messages->at);
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
