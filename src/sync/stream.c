/* SPDX-License-Identifier: BSD-3-Clause */
#include "sync/stream.h"

#include "base/bytes.h"
#include "value/merge.h"

enum { ENTRY_VERSION = 0, ENTRY_MARK = 1 };

#define DOT_BYTES     10
#define VERSION_BYTES 28 /* before the key */

/* ---- writing ---- */

static void put_dot(uint8_t *at, struct dot dot)
{
    bytes_put_u64(at, dot.stamp);
    bytes_put_u16(at + 8, dot.node);
}

void stream_put_version(struct buffer *out, struct span key, const struct version *version)
{
    uint8_t *head = buffer_reserve(out, VERSION_BYTES);

    if (head == NULL)
        return;
    head[0] = ENTRY_VERSION;
    head[1] = (uint8_t)version->kind;
    put_dot(head + 2, version->dot);
    bytes_put_u64(head + 12, (uint64_t)version->deadline_ms);
    bytes_put_u32(head + 20, (uint32_t)key.size);
    bytes_put_u32(head + 24, (uint32_t)version->value.size);
    buffer_commit(out, VERSION_BYTES);
    buffer_append_span(out, key);
    buffer_append_span(out, version->value);
}

void stream_put_mark(struct buffer *out, uint64_t hash, struct dot dot)
{
    uint8_t *at = buffer_reserve(out, STREAM_MARK_BYTES);

    if (at == NULL)
        return;
    at[0] = ENTRY_MARK;
    bytes_put_u64(at + 1, hash);
    put_dot(at + 9, dot);
    buffer_commit(out, STREAM_MARK_BYTES);
}

/* ---- reading ---- */

static struct dot get_dot(const uint8_t *at)
{
    return (struct dot){.stamp = bytes_get_u64(at), .node = bytes_get_u16(at + 8)};
}

static void skip(struct span *rest, size_t size)
{
    *rest = span_of(rest->data + size, rest->size - size);
}

static bool is_valid(const struct version *version)
{
    switch (version->kind) {
    case VALUE_TOMBSTONE:
        return version->value.size == 0 ||
               (version_is_counter(version) ? counter_valid(version)
                                            : siblings_valid(version->value));
    case VALUE_STRING:
        return true;
    case VALUE_SIBLINGS:
        return siblings_valid(version->value);
    case VALUE_COUNTER:
        return counter_valid(version);
    case VALUE_BATCH:
        break;
    }
    return false;
}

static enum stream_result next_version(struct span *rest, struct stream_entry *entry)
{
    const uint8_t *at = rest->data;

    if (rest->size < VERSION_BYTES)
        return STREAM_BAD;
    const size_t key_size = bytes_get_u32(at + 20), value_size = bytes_get_u32(at + 24);
    if (rest->size - VERSION_BYTES < key_size || rest->size - VERSION_BYTES - key_size < value_size)
        return STREAM_BAD;
    entry->is_mark = false;
    entry->key = span_of(at + VERSION_BYTES, key_size);
    entry->version = (struct version){.kind = (enum value_kind)at[1],
                                      .dot = get_dot(at + 2),
                                      .deadline_ms = (int64_t)bytes_get_u64(at + 12),
                                      .value = span_of(at + VERSION_BYTES + key_size, value_size)};
    if (!version_exists(&entry->version) || !is_valid(&entry->version))
        return STREAM_BAD;
    skip(rest, VERSION_BYTES + key_size + value_size);
    return STREAM_OK;
}

enum stream_result stream_next(struct span *rest, struct stream_entry *entry)
{
    if (rest->size == 0)
        return STREAM_END;
    if (rest->data[0] == ENTRY_VERSION)
        return next_version(rest, entry);
    if (rest->data[0] != ENTRY_MARK || rest->size < STREAM_MARK_BYTES)
        return STREAM_BAD;
    *entry = (struct stream_entry){.is_mark = true,
                                   .hash = bytes_get_u64(rest->data + 1),
                                   .version = {.dot = get_dot(rest->data + 9)}};
    skip(rest, STREAM_MARK_BYTES);
    return dot_exists(entry->version.dot) ? STREAM_OK : STREAM_BAD;
}

/* ---- a partition's parts ----
 *
 * A step of the scan gives a bucket's entries at once. Where they are too much for one part, as
 * large values may be, each of them becomes a part: in the order of the upper 31 bits of their
 * hashes, plus 1, of which the next goes into the upper half of the cursor. */

struct part {
    const struct store *store;
    struct buffer *out;
    struct dot flushed; /* what is at or below it is dead, and not there */
    uint16_t leaves;
    uint32_t seen;
    uint64_t from;  /* of a bucket cut up: entries whose upper_bits are at least this */
    uint64_t least; /* the least of those; UINT64_MAX: none */
    uint64_t after; /* the least above it */
    bool cut;
};

static bool wanted(const struct part *part, uint64_t hash, const struct version *version)
{
    return dot_compare(version->dot, part->flushed) > 0 &&
           (version->kind == VALUE_TOMBSTONE || (part->leaves >> store_leaf(hash) & 1) != 0);
}

static void add(void *context, struct span key, const struct version *version)
{
    struct part *part = context;

    part->seen++;
    /* Of all leaves no hash is needed. */
    if (wanted(part, part->leaves == STREAM_ALL_LEAVES ? 0 : store_hash(part->store, key), version))
        stream_put_version(part->out, key, version);
}

static uint64_t upper_bits(uint64_t hash)
{
    return (hash >> 33) + 1;
}

static void find_least(void *context, struct span key, const struct version *version)
{
    struct part *part = context;
    const uint64_t hash = store_hash(part->store, key);
    const uint64_t number = upper_bits(hash);

    if (!wanted(part, hash, version) || number < part->from)
        return;
    if (number < part->least) {
        part->after = part->least;
        part->least = number;
    } else if (number > part->least && number < part->after) {
        part->after = number;
    }
}

static void add_least(void *context, struct span key, const struct version *version)
{
    struct part *part = context;
    const uint64_t hash = store_hash(part->store, key);

    if (wanted(part, hash, version) && upper_bits(hash) == part->least)
        stream_put_version(part->out, key, version);
}

/* One entry of the bucket at `bucket`; returns the cursor to go on from. */
static uint64_t read_cut(struct partition *partition, struct part *part, uint64_t bucket,
                         uint64_t from)
{
    part->from = from;
    part->least = part->after = UINT64_MAX;
    const uint64_t next = partition_scan(partition, bucket, 1, find_least, part);
    if (part->least == UINT64_MAX)
        return next;
    partition_scan(partition, bucket, 1, add_least, part);
    return part->after == UINT64_MAX ? next : part->after << 32 | bucket;
}

static void add_mark(void *context, uint64_t hash, struct dot dot)
{
    stream_put_mark(context, hash, dot);
}

uint64_t stream_read(struct partition *partition, uint16_t leaves, uint64_t cursor, uint32_t bytes,
                     struct buffer *out)
{
    const size_t limit = bytes < STREAM_PART_BYTES ? bytes : STREAM_PART_BYTES;
    const size_t begin = buffer_size(out);
    struct part part = {
        .store = partition->store, .out = out, .flushed = partition->flushed, .leaves = leaves};
    uint64_t at = cursor & UINT32_MAX;

    if (cursor >> 32 != 0) {
        at = read_cut(partition, &part, at, cursor >> 32);
    } else {
        do {
            const size_t before = buffer_size(out);
            const uint64_t next = partition_scan(partition, at, 1, add, &part);
            if (buffer_size(out) - before > STREAM_PART_BYTES) {
                buffer_truncate(out, before);
                if (before == begin)
                    at = read_cut(partition, &part, at, 1);
                break;
            }
            at = next;
        } while (at != 0 && buffer_size(out) - begin < limit && part.seen < STREAM_PART_ENTRIES);
    }
    if (at == 0)
        partition_scan_marks(partition, add_mark, out);
    return at;
}
