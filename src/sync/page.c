/* SPDX-License-Identifier: BSD-3-Clause */
#include "sync/page.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/glob.h"
#include "base/memory.h"
#include "store/marks.h"
#include "sync/stream.h"

enum { ITEM_HEAD = 0, ITEM_KEY = 1, ITEM_DEAD = 2 };

#define DOT_BYTES  10
#define HEAD_BYTES 13
#define KEY_BYTES  27 /* before the key */

/* Slots for the marks of all sources: as many as their tables have. */
#define MARK_SLOTS_MAX (1u << 20)

static void put_dot(uint8_t *at, struct dot dot)
{
    bytes_put_u64(at, dot.stamp);
    bytes_put_u16(at + 8, dot.node);
}

static struct dot get_dot(const uint8_t *at)
{
    return (struct dot){.stamp = bytes_get_u64(at), .node = bytes_get_u16(at + 8)};
}

/* ---- one replica's ---- */

/* Where keys of one position begin, which are put in order. */
struct reading {
    struct page *page;
    struct dot flushed;
    size_t begin; /* of the page */
    size_t tied;  /* of the keys with the last position */
    uint32_t position;
    bool any;
};

static int compare_keys(struct span a, struct span b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static void put_key(struct buffer *out, uint32_t position, struct span key,
                    const struct version *version)
{
    uint8_t *at = buffer_reserve(out, KEY_BYTES);

    if (at == NULL)
        return;
    at[0] = version->kind == VALUE_TOMBSTONE ? ITEM_DEAD : ITEM_KEY;
    bytes_put_u32(at + 1, position);
    put_dot(at + 5, version->dot);
    bytes_put_u64(at + 15, (uint64_t)version->deadline_ms);
    bytes_put_u32(at + 23, (uint32_t)key.size);
    buffer_commit(out, KEY_BYTES);
    buffer_append_span(out, key);
}

static size_t item_size(const uint8_t *at)
{
    return KEY_BYTES + bytes_get_u32(at + 23);
}

/* Of two keys in 2^32 one pair has the same position: the last key, which was appended at `last`,
 * goes before the first of its position that is behind it. */
static void put_in_order(struct reading *reading, size_t last)
{
    struct buffer *out = reading->page->entries;
    struct buffer item = {0};

    if (out->failed)
        return;
    uint8_t *bytes = out->block + out->head;
    const size_t size = buffer_size(out) - last;
    const struct span key = span_of(bytes + last + KEY_BYTES, size - KEY_BYTES);
    size_t at = reading->tied;
    while (at < last &&
           compare_keys(span_of(bytes + at + KEY_BYTES, item_size(bytes + at) - KEY_BYTES), key) <
               0)
        at += item_size(bytes + at);
    buffer_append(&item, bytes + last, size);
    out->failed |= item.failed;
    if (!item.failed) {
        memmove(bytes + at + size, bytes + at, last - at);
        memcpy(bytes + at, buffer_content(&item).data, size);
    }
    buffer_deinit(&item);
}

static bool read_key(void *context, uint32_t position, struct span key,
                     const struct version *version)
{
    struct reading *reading = context;
    struct page *page = reading->page;
    const size_t last = buffer_size(page->entries);
    const bool tied = reading->any && reading->position == position;

    page->seen++;
    if (!tied)
        reading->tied = last;
    reading->any = true;
    reading->position = position;
    if (dot_compare(version->dot, reading->flushed) > 0 &&
        (!page->matched || glob_match(page->pattern, key, false))) {
        put_key(page->entries, position, key, version);
        if (tied)
            put_in_order(reading, last);
    }
    return buffer_size(page->entries) - reading->begin < PAGE_BYTES;
}

struct mark_reading {
    struct page *page;
    const struct store *store;
    uint64_t from, end; /* positions */
};

static void read_mark(void *context, uint64_t hash, struct dot dot)
{
    const struct mark_reading *reading = context;
    const uint32_t position = store_position(reading->store, hash);

    if (position >= reading->from && position < reading->end)
        stream_put_mark(reading->page->marks, hash, dot);
}

static void put_head(struct buffer *out, const struct partition *partition)
{
    uint8_t *at = buffer_reserve(out, HEAD_BYTES);

    if (at == NULL)
        return;
    at[0] = ITEM_HEAD;
    bytes_put_u16(at + 1, (uint16_t)partition->index);
    put_dot(at + 3, partition->flushed);
    buffer_commit(out, HEAD_BYTES);
}

uint64_t page_read(struct page *page, struct partition *partition, uint64_t place, uint32_t limit)
{
    const uint64_t from = place & UINT32_MAX;
    uint64_t end = POSITION_END;

    if (partition->table != NULL || dot_exists(partition->flushed))
        put_head(page->entries, partition);
    if (partition->table != NULL) {
        struct reading reading = {
            .page = page, .flushed = partition->flushed, .begin = buffer_size(page->entries)};
        end = partition_list(partition, from, limit, read_key, &reading);
    }
    if (partition->marks != NULL) {
        struct mark_reading reading = {
            .page = page, .store = partition->store, .from = from, .end = end};
        partition_scan_marks(partition, read_mark, &reading);
    }
    return page_place(partition->index, end);
}

/* ---- all of them ---- */

void page_merge_init(struct page_merge *merge, const struct store *store)
{
    *merge = (struct page_merge){.store = store, .partition = UINT32_MAX, .end = UINT64_MAX};
}

void page_merge_deinit(struct page_merge *merge)
{
    memory_free(merge->marks);
    merge->marks = NULL;
}

static void skip(struct span *rest, size_t size)
{
    *rest = span_of(rest->data + size, rest->size - size);
}

static bool take_head(struct page_source *source)
{
    const uint8_t *at = source->rest.data;

    if (source->rest.size < HEAD_BYTES)
        return false;
    source->heads = true;
    source->place = page_place(bytes_get_u16(at + 1), 0);
    source->dot = get_dot(at + 3);
    skip(&source->rest, HEAD_BYTES);
    return true;
}

static bool take_key(struct page_source *source)
{
    const uint8_t *at = source->rest.data;

    if (source->rest.size < KEY_BYTES || source->rest.size < item_size(at))
        return false;
    source->heads = false;
    source->dead = at[0] == ITEM_DEAD;
    source->place = page_place(page_partition(source->place), bytes_get_u32(at + 1));
    source->dot = get_dot(at + 5);
    source->deadline_ms = (int64_t)bytes_get_u64(at + 15);
    source->key = span_of(at + KEY_BYTES, item_size(at) - KEY_BYTES);
    skip(&source->rest, item_size(at));
    return dot_exists(source->dot);
}

/* Puts the source's next item into its hand. */
static void advance(struct page_merge *merge, struct page_source *source)
{
    source->there = source->rest.size > 0;
    if (!source->there)
        return;
    const uint8_t kind = source->rest.data[0];
    const bool good = kind == ITEM_HEAD                       ? take_head(source)
                      : kind == ITEM_KEY || kind == ITEM_DEAD ? take_key(source)
                                                              : false;
    merge->failed |= !good;
    source->there = good;
}

void page_merge_add(struct page_merge *merge, struct span entries, struct span marks, uint64_t end)
{
    struct page_source *source = &merge->sources[merge->count];
    struct stream_entry mark;
    enum stream_result result;

    ensure(merge->count < PAGE_SOURCES_MAX);
    merge->count++;
    *source = (struct page_source){.rest = entries};
    if (end < merge->end)
        merge->end = end;
    while ((result = stream_next(&marks, &mark)) == STREAM_OK)
        merge->failed |= !mark.is_mark ||
                         !marks_put(&merge->marks, mark.hash, mark.version.dot, MARK_SLOTS_MAX);
    merge->failed |= result != STREAM_END;
    advance(merge, source);
}

/* Heads come before the keys of their partition. */
static bool comes_before(const struct page_source *a, const struct page_source *b)
{
    const uint32_t of_a = page_partition(a->place), of_b = page_partition(b->place);

    if (of_a != of_b || a->heads || b->heads)
        return of_a < of_b || (of_a == of_b && a->heads && !b->heads);
    return a->place < b->place || (a->place == b->place && compare_keys(a->key, b->key) < 0);
}

static struct page_source *first_of(struct page_merge *merge)
{
    struct page_source *first = NULL;

    for (unsigned i = 0; i < merge->count; i++) {
        struct page_source *source = &merge->sources[i];

        if (source->there && (first == NULL || comes_before(source, first)))
            first = source;
    }
    return first;
}

static void take_flushed(struct page_merge *merge, const struct page_source *head)
{
    if (page_partition(head->place) != merge->partition)
        merge->flushed = DOT_NONE;
    merge->partition = page_partition(head->place);
    merge->flushed = dot_max(merge->flushed, head->dot);
}

static struct dot mark_of(const struct page_merge *merge, struct span key)
{
    return merge->marks == NULL ? DOT_NONE
                                : marks_find(merge->marks, store_hash(merge->store, key));
}

bool page_merge_next(struct page_merge *merge, int64_t now_ms, struct span *key)
{
    struct page_source *first;

    while (!merge->failed && (first = first_of(merge)) != NULL && first->place < merge->end) {
        if (first->heads) {
            take_flushed(merge, first);
            advance(merge, first);
            continue;
        }
        struct page_source newest = *first;
        for (unsigned i = 0; i < merge->count && !merge->failed; i++) {
            struct page_source *source = &merge->sources[i];
            if (!source->there || source->heads || source->place != newest.place ||
                !span_equal(source->key, newest.key))
                continue;
            if (dot_compare(source->dot, newest.dot) > 0)
                newest = *source;
            advance(merge, source);
        }
        if (!newest.dead && newest.deadline_ms > now_ms &&
            dot_compare(newest.dot, merge->flushed) > 0 &&
            dot_compare(newest.dot, mark_of(merge, newest.key)) >= 0) {
            *key = newest.key;
            return !merge->failed;
        }
    }
    return false;
}
