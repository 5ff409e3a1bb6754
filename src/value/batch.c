/* SPDX-License-Identifier: BSD-3-Clause */
#include "value/batch.h"

#include "base/bytes.h"
#include "value/merge.h"

/* Bytes of an item before its key. */
#define HEAD_SIZE (10 + 1 + 10 + 8 + 4 + 4)

size_t batch_item_size(size_t key_size, size_t value_size)
{
    return HEAD_SIZE + key_size + value_size;
}

static uint8_t *put_dot(uint8_t *at, struct dot dot)
{
    bytes_put_u64(at, dot.stamp);
    bytes_put_u16(at + 8, dot.node);
    return at + 10;
}

static struct dot get_dot(const uint8_t *at)
{
    return (struct dot){.stamp = bytes_get_u64(at), .node = bytes_get_u16(at + 8)};
}

void batch_append(struct buffer *out, const struct batch_item *item)
{
    const struct version *version = &item->version;
    uint8_t *at = item->key.size <= UINT32_MAX && version->value.size <= UINT32_MAX
                      ? buffer_reserve(out, HEAD_SIZE)
                      : NULL;

    if (at == NULL) {
        out->failed = true;
        return;
    }
    at = put_dot(at, item->over);
    *at++ = (uint8_t)version->kind;
    at = put_dot(at, version->dot);
    bytes_put_u64(at, (uint64_t)version->deadline_ms);
    bytes_put_u32(at + 8, (uint32_t)item->key.size);
    bytes_put_u32(at + 12, (uint32_t)version->value.size);
    buffer_commit(out, HEAD_SIZE);
    buffer_append_span(out, item->key);
    buffer_append_span(out, version->value);
}

bool batch_next(struct span *rest, struct batch_item *item)
{
    const uint8_t *at = rest->data;

    if (rest->size < HEAD_SIZE)
        return false;
    const size_t key_size = bytes_get_u32(at + 29), value_size = bytes_get_u32(at + 33);
    if (key_size > rest->size - HEAD_SIZE || value_size > rest->size - HEAD_SIZE - key_size)
        return false;
    item->over = get_dot(at);
    item->version = (struct version){.kind = (enum value_kind)at[10],
                                     .dot = get_dot(at + 11),
                                     .deadline_ms = (int64_t)bytes_get_u64(at + 21)};
    item->key = span_of(at + HEAD_SIZE, key_size);
    item->version.value = span_of(at + HEAD_SIZE + key_size, value_size);
    *rest = span_of(at + HEAD_SIZE + key_size + value_size,
                    rest->size - HEAD_SIZE - key_size - value_size);
    return true;
}

/* As wire/ asks of a version that comes alone. */
static bool may_be_kept(const struct version *version)
{
    if (!dot_exists(version->dot) || version->dot.node == 0)
        return false;
    if (version->kind == VALUE_STRING ||
        (version->kind == VALUE_TOMBSTONE && version->value.size == 0))
        return true;
    if (version_is_counter(version))
        return counter_valid(version);
    if (version->kind > VALUE_SIBLINGS || !siblings_valid(version->value))
        return false;
    const struct version set = siblings_version(version->value);
    return dot_equal(set.dot, version->dot) && set.kind == version->kind;
}

struct dot batch_highest(struct span bytes)
{
    struct dot highest = DOT_NONE;
    struct batch_item item;

    while (batch_next(&bytes, &item)) {
        if (!may_be_kept(&item.version))
            return DOT_NONE;
        highest = dot_max(highest, item.version.dot);
    }
    return bytes.size == 0 ? highest : DOT_NONE;
}

struct version batch_version(struct span bytes, struct dot dot)
{
    return (struct version){
        .dot = dot, .kind = VALUE_BATCH, .deadline_ms = DEADLINE_NEVER, .value = bytes};
}
