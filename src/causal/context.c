/* SPDX-License-Identifier: BSD-3-Clause */
#include "causal/context.h"

#include <xxhash.h>

#include "base/bytes.h"

#define TEXT_VERSION  1
#define CHECK_SIZE    4
#define TEXT_BYTES    (1 + CONTEXT_MAX * CONTEXT_ROW_SIZE + CHECK_SIZE)
#define TEXT_SIZE_MAX ((TEXT_BYTES * 4 + 2) / 3)

/* The index of the node's entry, or where it would stand. */
static uint32_t find(const struct context *context, node_number node)
{
    uint32_t low = 0;
    uint32_t high = context->count;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (context->entries[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_entry(const struct context *context, uint32_t index, node_number node)
{
    return index < context->count && context->entries[index].node == node;
}

bool context_covers(const struct context *context, struct dot dot)
{
    const uint32_t index = find(context, dot.node);

    return is_entry(context, index, dot.node) && context->entries[index].stamp >= dot.stamp;
}

bool context_add(struct context *context, struct dot dot)
{
    const uint32_t index = find(context, dot.node);

    if (is_entry(context, index, dot.node)) {
        if (context->entries[index].stamp < dot.stamp)
            context->entries[index].stamp = dot.stamp;
        return true;
    }
    if (context->count == CONTEXT_MAX)
        return false;
    memmove(&context->entries[index + 1], &context->entries[index],
            (context->count - index) * sizeof context->entries[0]);
    context->entries[index] = dot;
    context->count++;
    return true;
}

bool context_merge(struct context *context, const struct context *other)
{
    uint32_t missing = 0;

    for (uint32_t i = 0; i < other->count; i++) {
        const node_number node = other->entries[i].node;
        missing += !is_entry(context, find(context, node), node);
    }
    if (missing > CONTEXT_MAX - context->count)
        return false;
    for (uint32_t i = 0; i < other->count; i++)
        context_add(context, other->entries[i]);
    return true;
}

struct dot context_newest(const struct context *context)
{
    struct dot newest = DOT_NONE;

    for (uint32_t i = 0; i < context->count; i++)
        newest = dot_max(newest, context->entries[i]);
    return newest;
}

void context_encode(const struct context *context, uint8_t *rows)
{
    for (uint32_t i = 0; i < context->count; i++) {
        bytes_put_u16(rows, context->entries[i].node);
        bytes_put_u64(rows + 2, context->entries[i].stamp);
        rows += CONTEXT_ROW_SIZE;
    }
}

bool context_decode(struct span rows, struct context *context)
{
    node_number previous = 0;

    if (rows.size % CONTEXT_ROW_SIZE != 0 || rows.size / CONTEXT_ROW_SIZE > CONTEXT_MAX)
        return false;
    context->count = (uint32_t)(rows.size / CONTEXT_ROW_SIZE);
    for (uint32_t i = 0; i < context->count; i++) {
        const uint8_t *row = rows.data + (size_t)i * CONTEXT_ROW_SIZE;
        const struct dot entry = {.node = bytes_get_u16(row), .stamp = bytes_get_u64(row + 2)};
        if (entry.node <= previous || !dot_exists(entry))
            return false;
        context->entries[i] = entry;
        previous = entry.node;
    }
    return true;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int digit_value(uint8_t digit)
{
    const char *found = digit == 0 ? NULL : strchr(digits, digit);

    return found == NULL ? -1 : (int)(found - digits);
}

static uint32_t check_of(const uint8_t *bytes, size_t size)
{
    return (uint32_t)XXH3_64bits(bytes, size);
}

void context_to_text(const struct context *context, struct buffer *text)
{
    uint8_t bytes[TEXT_BYTES];
    char out[TEXT_SIZE_MAX];
    size_t size = 1 + (size_t)context->count * CONTEXT_ROW_SIZE;
    size_t out_size = 0;
    uint32_t bits = 0; /* of the bytes taken, the low `bit_count` are not written yet */
    unsigned bit_count = 0;

    bytes[0] = TEXT_VERSION;
    context_encode(context, bytes + 1);
    bytes_put_u32(bytes + size, check_of(bytes, size));
    size += CHECK_SIZE;
    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8) | bytes[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            out[out_size++] = digits[(bits >> (bit_count - 6)) & 63];
    }
    if (bit_count > 0)
        out[out_size++] = digits[(bits << (6 - bit_count)) & 63];
    buffer_append(text, out, out_size);
}

bool context_from_text(struct span text, struct context *context)
{
    uint8_t bytes[TEXT_BYTES];
    size_t size = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;

    if (text.size > TEXT_SIZE_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        const int value = digit_value(text.data[i]);
        if (value < 0)
            return false;
        bits = (bits << 6) | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[size++] = (uint8_t)(bits >> bit_count);
        }
    }
    /* One context has one text: a spare digit or a spare bit is somebody else's. */
    if (bit_count >= 6 || (bits & ((1u << bit_count) - 1)) != 0)
        return false;
    if (size < 1 + CHECK_SIZE || bytes[0] != TEXT_VERSION)
        return false;
    size -= CHECK_SIZE;
    if (bytes_get_u32(bytes + size) != check_of(bytes, size))
        return false;
    return context_decode(span_of(bytes + 1, size - 1), context);
}
