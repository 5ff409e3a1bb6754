/* SPDX-License-Identifier: BSD-3-Clause */
#include "value/siblings.h"

#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"

#define HEAD_SIZE 4
#define ROW_SIZE  22

/* A set, taken apart. `values` is where the values begin. */
struct set {
    uint32_t entries;
    uint32_t count;
    const uint8_t *context_rows;
    const uint8_t *rows;
    const uint8_t *values;
};

/* What a new set is made of, before it is written out. */
struct draft {
    struct context context;
    uint32_t count;
    struct sibling siblings[SIBLINGS_MAX];
};

static struct sibling read_row(const uint8_t *row, const uint8_t *value)
{
    return (struct sibling){
        .dot = {.stamp = bytes_get_u64(row), .node = bytes_get_u16(row + 8)},
        .deadline_ms = (int64_t)bytes_get_u64(row + 10),
        .value = span_of(value, bytes_get_u32(row + 18)),
    };
}

static bool check_rows(const struct set *set, const struct context *context, size_t values_size)
{
    struct dot previous = DOT_NONE;

    for (uint32_t i = 0; i < set->count; i++) {
        const struct sibling sibling = read_row(set->rows + (size_t)i * ROW_SIZE, NULL);
        if (dot_compare(sibling.dot, previous) <= 0 || !context_covers(context, sibling.dot) ||
            sibling.value.size > values_size)
            return false;
        values_size -= sibling.value.size;
        previous = sibling.dot;
    }
    return values_size == 0;
}

/* Takes `bytes` apart; false unless they are what emit writes. */
static bool take_apart(struct span bytes, struct set *set, struct context *context)
{
    *set = (struct set){0};
    context->count = 0;
    if (bytes.size == 0)
        return true;
    if (bytes.size < HEAD_SIZE)
        return false;
    set->entries = bytes_get_u16(bytes.data);
    set->count = bytes_get_u16(bytes.data + 2);
    if (set->entries == 0 || set->entries > CONTEXT_MAX || set->count > SIBLINGS_MAX)
        return false;
    const size_t context_size = (size_t)set->entries * CONTEXT_ROW_SIZE;
    const size_t fixed_size = HEAD_SIZE + context_size + (size_t)set->count * ROW_SIZE;
    if (bytes.size < fixed_size)
        return false;
    set->context_rows = bytes.data + HEAD_SIZE;
    set->rows = set->context_rows + context_size;
    set->values = bytes.data + fixed_size;
    return context_decode(span_of(set->context_rows, context_size), context) &&
           check_rows(set, context, bytes.size - fixed_size);
}

bool siblings_valid(struct span set)
{
    struct set parts;
    struct context context;

    return take_apart(set, &parts, &context);
}

static void open_set(struct span bytes, struct set *set, struct context *context)
{
    const bool valid = take_apart(bytes, set, context);

    ensure(valid);
}

static struct siblings_cursor cursor_of(const struct set *set)
{
    return (struct siblings_cursor){.row = set->rows, .value = set->values, .left = set->count};
}

static bool draft_add(struct draft *draft, const struct sibling *sibling)
{
    if (draft->count == SIBLINGS_MAX)
        return false;
    draft->siblings[draft->count++] = *sibling;
    return true;
}

static enum siblings_status emit(const struct draft *draft, struct buffer *out)
{
    const size_t context_size = (size_t)draft->context.count * CONTEXT_ROW_SIZE;
    size_t size = HEAD_SIZE + context_size + (size_t)draft->count * ROW_SIZE;

    if (draft->context.count == 0)
        return SIBLINGS_OK;
    for (uint32_t i = 0; i < draft->count; i++)
        size += draft->siblings[i].value.size;
    uint8_t *at = buffer_reserve(out, size);
    if (at == NULL)
        return SIBLINGS_NO_MEMORY;
    bytes_put_u16(at, (uint16_t)draft->context.count);
    bytes_put_u16(at + 2, (uint16_t)draft->count);
    context_encode(&draft->context, at + HEAD_SIZE);
    at += HEAD_SIZE + context_size;
    for (uint32_t i = 0; i < draft->count; i++, at += ROW_SIZE) {
        const struct sibling *sibling = &draft->siblings[i];
        bytes_put_u64(at, sibling->dot.stamp);
        bytes_put_u16(at + 8, sibling->dot.node);
        bytes_put_u64(at + 10, (uint64_t)sibling->deadline_ms);
        bytes_put_u32(at + 18, (uint32_t)sibling->value.size);
    }
    for (uint32_t i = 0; i < draft->count; i++) {
        const struct span value = draft->siblings[i].value;
        if (value.size > 0)
            memcpy(at, value.data, value.size);
        at += value.size;
    }
    buffer_commit(out, size);
    return SIBLINGS_OK;
}

enum siblings_status siblings_merge(struct span a, struct span b, struct buffer *out)
{
    struct set set[2];
    struct context context[2];
    struct sibling next[2];
    struct siblings_cursor cursor[2];
    bool has[2];
    struct draft draft = {.count = 0};

    open_set(a, &set[0], &context[0]);
    open_set(b, &set[1], &context[1]);
    draft.context = context[0];
    if (!context_merge(&draft.context, &context[1]))
        return SIBLINGS_CONTEXT_FULL;
    for (int side = 0; side < 2; side++) {
        cursor[side] = cursor_of(&set[side]);
        has[side] = siblings_next(&cursor[side], &next[side]);
    }
    while (has[0] || has[1]) {
        int order = has[0] ? -1 : 1;
        if (has[0] && has[1])
            order = dot_compare(next[0].dot, next[1].dot);
        const int side = order <= 0 ? 0 : 1; /* the side with the lower dot, 0 when both have it */
        if (order == 0 || !context_covers(&context[1 - side], next[side].dot)) {
            if (!draft_add(&draft, &next[side]))
                return SIBLINGS_TOO_MANY;
        }
        if (order == 0)
            has[1] = siblings_next(&cursor[1], &next[1]);
        has[side] = siblings_next(&cursor[side], &next[side]);
    }
    return emit(&draft, out);
}

/* Whether `own` neither has the sibling nor knows that it is over. */
static bool is_news(const struct context *own, const struct sibling *sibling)
{
    return !context_covers(own, sibling->dot);
}

enum siblings_status siblings_merge_old(struct span own, struct span old, struct buffer *out)
{
    struct set set;
    struct context own_context, context;
    struct draft known = {.count = 0};
    struct sibling sibling;
    struct buffer bytes = {0};
    bool news[CONTEXT_MAX] = {false};

    siblings_context(own, &own_context);
    open_set(old, &set, &context);
    for (struct siblings_cursor cursor = cursor_of(&set); siblings_next(&cursor, &sibling);)
        for (uint32_t i = 0; i < context.count; i++)
            news[i] |= context.entries[i].node == sibling.dot.node &&
                       is_news(&own_context, &sibling);
    for (uint32_t i = 0; i < context.count; i++)
        if (!news[i])
            known.context.entries[known.context.count++] = context.entries[i];
    for (struct siblings_cursor cursor = cursor_of(&set); siblings_next(&cursor, &sibling);)
        if (context_covers(&known.context, sibling.dot))
            draft_add(&known, &sibling);
    enum siblings_status status = emit(&known, &bytes);
    if (status == SIBLINGS_OK)
        status = siblings_merge(own, buffer_content(&bytes), out);
    buffer_deinit(&bytes);
    return status;
}

/* The draft of a write: what of `old` stays, and the context with the new dot in it. */
static enum siblings_status begin_write(struct span old, const struct context *context,
                                        struct dot dot, int64_t now_ms, struct draft *draft)
{
    struct set set;
    struct sibling sibling;

    draft->count = 0;
    open_set(old, &set, &draft->context);
    if (!context_merge(&draft->context, context))
        return SIBLINGS_CONTEXT_FULL;
    ensure(dot.node != 0 && dot.stamp > context_newest(&draft->context).stamp);
    if (!context_add(&draft->context, dot))
        return SIBLINGS_CONTEXT_FULL;
    struct siblings_cursor cursor = cursor_of(&set);
    while (siblings_next(&cursor, &sibling))
        if (!context_covers(context, sibling.dot) && sibling.deadline_ms > now_ms)
            draft_add(draft, &sibling);
    return SIBLINGS_OK;
}

enum siblings_status siblings_write(struct span old, const struct context *context, struct dot dot,
                                    int64_t deadline_ms, struct span value, int64_t now_ms,
                                    struct buffer *out)
{
    struct draft draft;
    const struct sibling sibling = {.dot = dot, .deadline_ms = deadline_ms, .value = value};
    const enum siblings_status status = begin_write(old, context, dot, now_ms, &draft);

    ensure(value.size <= UINT32_MAX);
    if (status != SIBLINGS_OK)
        return status;
    if (!draft_add(&draft, &sibling))
        return SIBLINGS_TOO_MANY;
    return emit(&draft, out);
}

enum siblings_status siblings_erase(struct span old, const struct context *context, struct dot dot,
                                    int64_t now_ms, struct buffer *out)
{
    struct draft draft;
    const enum siblings_status status = begin_write(old, context, dot, now_ms, &draft);

    return status == SIBLINGS_OK ? emit(&draft, out) : status;
}

enum siblings_status siblings_restamp(struct span set, struct dot from, struct dot to,
                                      struct buffer *out)
{
    static const struct context none;
    struct draft draft;
    const enum siblings_status status = begin_write(set, &none, to, INT64_MIN, &draft);

    if (status != SIBLINGS_OK)
        return status;
    for (uint32_t i = 0; i < draft.count; i++) {
        if (!dot_equal(draft.siblings[i].dot, from))
            continue;
        struct sibling moved = draft.siblings[i];
        moved.dot = to;
        memmove(&draft.siblings[i], &draft.siblings[i + 1],
                (draft.count - i - 1) * sizeof draft.siblings[0]);
        draft.siblings[draft.count - 1] = moved;
        break;
    }
    return emit(&draft, out);
}

enum siblings_status siblings_empty(struct span set, struct buffer *out)
{
    struct draft draft = {.count = 0};

    siblings_context(set, &draft.context);
    return emit(&draft, out);
}

enum siblings_status siblings_after(struct span set, struct dot dot, struct buffer *out)
{
    struct draft draft = {.count = 0};
    struct siblings_cursor cursor = siblings_begin(set);
    struct sibling sibling;

    siblings_context(set, &draft.context);
    while (siblings_next(&cursor, &sibling))
        if (dot_compare(sibling.dot, dot) > 0 && !draft_add(&draft, &sibling))
            return SIBLINGS_TOO_MANY;
    return emit(&draft, out);
}

/* They are in ascending order. */
bool siblings_any_before(struct span set, struct dot dot)
{
    struct siblings_cursor cursor = siblings_begin(set);
    struct sibling first;

    return siblings_next(&cursor, &first) && dot_compare(first.dot, dot) <= 0;
}

void siblings_context(struct span set, struct context *context)
{
    struct set parts;

    open_set(set, &parts, context);
}

uint32_t siblings_count(struct span set)
{
    struct set parts;
    struct context context;

    open_set(set, &parts, &context);
    return parts.count;
}

uint64_t siblings_digest(struct span set)
{
    struct set parts;
    struct context context;

    open_set(set, &parts, &context);
    return parts.count + parts.entries == 0
               ? 0
               : XXH3_64bits(set.data, (size_t)(parts.values - set.data));
}

struct version siblings_version(struct span set)
{
    struct set parts;
    struct context context;
    struct sibling sibling;
    struct version version = {.kind = VALUE_TOMBSTONE, .deadline_ms = INT64_MIN, .value = set};

    open_set(set, &parts, &context);
    version.dot = context_newest(&context);
    for (struct siblings_cursor cursor = cursor_of(&parts); siblings_next(&cursor, &sibling);) {
        version.kind = VALUE_SIBLINGS;
        if (sibling.deadline_ms > version.deadline_ms)
            version.deadline_ms = sibling.deadline_ms;
    }
    if (version.kind == VALUE_TOMBSTONE)
        version.deadline_ms = DEADLINE_NEVER;
    return version;
}

struct siblings_cursor siblings_begin(struct span set)
{
    struct set parts;
    struct context context;

    open_set(set, &parts, &context);
    return cursor_of(&parts);
}

bool siblings_next(struct siblings_cursor *cursor, struct sibling *sibling)
{
    if (cursor->left == 0)
        return false;
    *sibling = read_row(cursor->row, cursor->value);
    cursor->row += ROW_SIZE;
    cursor->value += sibling->value.size;
    cursor->left--;
    return true;
}

bool siblings_newest(struct span set, int64_t now_ms, struct sibling *sibling)
{
    struct siblings_cursor cursor = siblings_begin(set);
    struct sibling next;
    bool found = false;

    while (siblings_next(&cursor, &next)) {
        if (next.deadline_ms <= now_ms)
            continue;
        *sibling = next;
        found = true;
    }
    return found;
}
