/* SPDX-License-Identifier: BSD-3-Clause */
#include "sync/gather.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/rule.h"
#include "value/merge.h"

#define BUCKETS_MIN 16
#define MERGED_KEEP 65536

void gather_init(struct gather *gather)
{
    *gather = (struct gather){0};
}

static void destroy_key(struct gather_key *key)
{
    memory_free(key->key_block);
    memory_free(key->value_block);
    memory_free(key);
}

/* The keys of a table, from its end, until so many are gone. */
static void free_keys(struct gather_table *table, size_t *most)
{
    while (table->bucket_count > 0 && *most > 0) {
        struct gather_key *next = table->buckets[--table->bucket_count];
        for (struct gather_key *key = next; key != NULL; key = next) {
            next = key->next;
            destroy_key(key);
            *most -= *most > 0;
        }
    }
    if (table->bucket_count > 0)
        return;
    memory_free(table->buckets);
    *table = (struct gather_table){0};
}

bool gather_free_some(struct gather *gather, size_t most)
{
    for (unsigned i = 0; i < PARTITION_LEAVES; i++) {
        free_keys(&gather->tables[i], &most);
        if (most == 0)
            return true;
    }
    buffer_deinit(&gather->merged);
    gather_init(gather);
    return false;
}

void gather_deinit(struct gather *gather)
{
    gather_free_some(gather, SIZE_MAX);
}

/* ---- sources ---- */

unsigned gather_source(struct gather *gather, uint8_t place, bool votes)
{
    ensure(gather->source_count < GATHER_SOURCES_MAX && gather->key_count == 0);
    gather->sources[gather->source_count] = (struct gather_source){.place = place, .votes = votes};
    return gather->source_count++;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void gather_begin(struct gather *gather, unsigned index, uint64_t floor, uint64_t settled)
{
    struct gather_source *source = &gather->sources[index];

    if (source->begun)
        return;
    source->begun = true;
    source->first_floor = floor;
    source->first_settled = settled;
}

void gather_bounds(struct gather *gather, unsigned index, uint64_t floor, uint64_t settled,
                   struct dot flushed, uint64_t number)
{
    struct gather_source *source = &gather->sources[index];

    gather_begin(gather, index, floor, settled);
    gather_raise(gather, index, floor, settled);
    source->flushed = dot_max(source->flushed, flushed);
    source->ended = number;
}

void gather_raise(struct gather *gather, unsigned index, uint64_t floor, uint64_t settled)
{
    struct gather_source *source = &gather->sources[index];

    source->floor = higher(source->floor, floor);
    source->settled = higher(source->settled, settled);
}

uint64_t gather_floor(const struct gather *gather)
{
    uint64_t floor = 0;

    for (unsigned i = 0; i < gather->source_count; i++)
        floor = higher(floor, gather->sources[i].floor);
    return floor;
}

uint64_t gather_settled(const struct gather *gather)
{
    uint64_t settled = 0;

    for (unsigned i = 0; i < gather->source_count; i++)
        settled = higher(settled, gather->sources[i].settled);
    return settled;
}

struct dot gather_flushed(const struct gather *gather)
{
    struct dot flushed = DOT_NONE;

    for (unsigned i = 0; i < gather->source_count; i++)
        flushed = dot_max(flushed, gather->sources[i].flushed);
    return flushed;
}

/* ---- keys ---- */

static struct gather_key **bucket_of(const struct gather_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static bool grow(struct gather *gather, struct gather_table *table)
{
    const size_t count = table->bucket_count == 0 ? BUCKETS_MIN : table->bucket_count * 2;
    struct gather_key **buckets = memory_try_alloc(count * sizeof buckets[0]);

    if (buckets == NULL)
        return table->bucket_count != 0; /* chains only get longer */
    memset(buckets, 0, count * sizeof buckets[0]);
    const struct gather_table before = *table;
    table->buckets = buckets;
    table->bucket_count = count;
    for (size_t i = 0; i < before.bucket_count; i++)
        for (struct gather_key *key = before.buckets[i], *next; key != NULL; key = next) {
            next = key->next;
            struct gather_key **bucket = bucket_of(table, key->hash);
            key->next = *bucket;
            *bucket = key;
        }
    memory_free(before.buckets);
    gather->memory += memory_size_class(count * sizeof buckets[0]) -
                      memory_size_class(before.bucket_count * sizeof buckets[0]);
    return true;
}

/* A key of which only marks are known is any key with its hash. */
static bool is_key(const struct gather_key *key, uint64_t hash, struct span name)
{
    return key->hash == hash &&
           (key->key.data == NULL || name.data == NULL || span_equal(key->key, name));
}

struct gather_key *gather_find(const struct gather *gather, uint64_t hash, struct span name)
{
    const struct gather_table *table = &gather->tables[store_leaf(hash)];
    struct gather_key *key = table->bucket_count > 0 ? *bucket_of(table, hash) : NULL;

    while (key != NULL && !is_key(key, hash, name))
        key = key->next;
    return key;
}

struct gather_key *gather_next(const struct gather *gather, const struct gather_key *key)
{
    unsigned leaf = 0;
    size_t at = 0;

    if (key != NULL && key->next != NULL)
        return key->next;
    if (key != NULL) {
        leaf = store_leaf(key->hash);
        at = (key->hash & (gather->tables[leaf].bucket_count - 1)) + 1;
    }
    for (; leaf < PARTITION_LEAVES; leaf++, at = 0)
        for (const struct gather_table *table = &gather->tables[leaf]; at < table->bucket_count;
             at++)
            if (table->buckets[at] != NULL)
                return table->buckets[at];
    return NULL;
}

static size_t key_bytes(const struct gather *gather)
{
    return sizeof(struct gather_key) + gather->source_count * sizeof(struct gather_look);
}

static struct gather_key *find_or_create(struct gather *gather, uint64_t hash, struct span name)
{
    struct gather_key *key = gather_find(gather, hash, name);

    if (key != NULL)
        return key;
    struct gather_table *table = &gather->tables[store_leaf(hash)];
    if (table->key_count >= table->bucket_count && !grow(gather, table))
        return NULL;
    key = memory_try_alloc(key_bytes(gather));
    if (key == NULL)
        return NULL;
    memset(key, 0, key_bytes(gather));
    key->hash = hash;
    key->copies = GATHER_SOURCES_MAX;
    struct gather_key **bucket = bucket_of(table, hash);
    key->next = *bucket;
    *bucket = key;
    table->key_count++;
    gather->key_count++;
    gather->memory += memory_size_class(key_bytes(gather));
    return key;
}

/* A block with a copy of the bytes; not NULL for no bytes, but where there is no memory. */
static uint8_t *copy(struct gather *gather, struct span from)
{
    const size_t size = from.size > 0 ? from.size : 1;
    uint8_t *block = memory_try_alloc(size);

    if (block == NULL)
        return NULL;
    if (from.size > 0)
        memcpy(block, from.data, from.size);
    gather->memory += memory_size_class(size);
    return block;
}

static bool name_key(struct gather *gather, struct gather_key *key, struct span name)
{
    key->key_block = copy(gather, name);
    key->key = span_of(key->key_block, key->key_block != NULL ? name.size : 0);
    return key->key_block != NULL;
}

static bool keep(struct gather *gather, struct gather_key *key, const struct version *version)
{
    const size_t before = key->version.value.size;
    uint8_t *block = copy(gather, version->value);

    if (block == NULL)
        return false;
    if (key->value_block != NULL)
        gather->memory -= memory_size_class(before > 0 ? before : 1);
    memory_free(key->value_block);
    key->value_block = block;
    key->version = *version;
    key->version.value = span_of(block, version->value.size);
    return true;
}

/* One that has too many shares is kept as it is. */
static bool merge_counter(struct gather *gather, struct gather_key *key,
                          const struct version *version)
{
    struct version merged;

    buffer_reset(&gather->merged, MERGED_KEEP);
    const enum counter_status status = counter_merge(&key->version, version, 0, &gather->merged,
                                                     &merged);
    if (status != COUNTER_OK)
        return status == COUNTER_TOO_MANY;
    return (dot_equal(merged.dot, key->version.dot) &&
            version_digest(&merged) == version_digest(&key->version)) ||
           keep(gather, key, &merged);
}

/* Siblings and counters are merged; otherwise the newer dot wins. */
static bool merge(struct gather *gather, struct gather_key *key, const struct version *version)
{
    if (version_exists(&key->version) && version_is_set(&key->version) && version_is_set(version)) {
        if (siblings_equal(key->version.value, version->value))
            return true;
        buffer_reset(&gather->merged, MERGED_KEEP);
        /* Where a bound of siblings is reached, the newer is kept: what the replicas cannot merge,
         * reads and later comparisons cannot either. */
        if (siblings_merge(key->version.value, version->value, &gather->merged) == SIBLINGS_OK) {
            const struct version merged = siblings_version(buffer_content(&gather->merged));
            return keep(gather, key, &merged);
        }
    }
    if (versions_count(&key->version, version))
        return merge_counter(gather, key, version);
    if (dot_compare(version->dot, key->version.dot) <= 0)
        return true;
    return keep(gather, key, version);
}

static uint32_t values_of(const struct version *version)
{
    return version_is_set(version) ? siblings_count(version->value) : 0;
}

void gather_add(struct gather *gather, unsigned source, uint64_t hash,
                const struct stream_entry *entry, unsigned copies, uint64_t asked)
{
    const struct span name = entry->is_mark ? span_of(NULL, 0) : entry->key;
    struct gather_key *key = find_or_create(gather, hash, name);

    ensure(source < gather->source_count);
    if (key == NULL) {
        gather->failed = true;
        return;
    }
    struct gather_look *look = &key->looks[source];
    if (entry->is_mark) {
        look->mark = dot_max(look->mark, entry->version.dot);
        return;
    }
    if (key->key.data == NULL && !name_key(gather, key, name))
        gather->failed = true;
    key->copies = (uint8_t)copies;
    if (dot_compare(entry->version.dot, look->dot) >= 0) {
        look->dot = entry->version.dot;
        look->content = version_digest(&entry->version);
        look->values = values_of(&entry->version);
        look->asked = asked;
    }
    if (!merge(gather, key, &entry->version))
        gather->failed = true;
}

/* Whether the source has a version that counts in the sums of leaves. */
static bool is_live(const struct gather_key *key, unsigned source)
{
    return dot_exists(key->looks[source].dot) && key->version.kind != VALUE_TOMBSTONE;
}

void gather_same(struct gather_key *key, unsigned source, unsigned from, uint16_t leaves,
                 uint64_t asked)
{
    if ((leaves >> store_leaf(key->hash) & 1) == 0 || !is_live(key, from))
        return;
    key->looks[source].dot = key->looks[from].dot;
    key->looks[source].content = key->looks[from].content;
    key->looks[source].values = key->looks[from].values;
    key->looks[source].asked = asked;
}

void gather_sum(const struct gather_key *key, unsigned source, uint64_t leaves[PARTITION_LEAVES])
{
    if (is_live(key, source))
        leaves[store_leaf(key->hash)] += store_version_digest(key->hash, key->looks[source].dot,
                                                              key->looks[source].content);
}

/* ---- deciding ---- */

static bool counts(const struct gather *gather, const struct gather_key *key, unsigned source)
{
    return gather->sources[source].place < key->copies;
}

static struct dot mark_at(const struct gather *gather, const struct gather_key *key,
                          unsigned source)
{
    return dot_max(key->looks[source].mark, gather->sources[source].flushed);
}

static struct dot newest_mark(const struct gather *gather, const struct gather_key *key)
{
    struct dot mark = DOT_NONE;

    for (unsigned i = 0; i < gather->source_count; i++)
        mark = dot_max(mark, mark_at(gather, key, i));
    return mark;
}

/* When a source was last looked at that has the newest version. */
static uint64_t last_seen(const struct gather *gather, const struct gather_key *key)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i < gather->source_count; i++)
        if (dot_equal(key->looks[i].dot, key->version.dot))
            seen = higher(seen, key->looks[i].asked);
    return seen;
}

/* An absence was looked at before this number. */
static uint64_t absent_before(const struct gather *gather, const struct gather_key *key,
                              unsigned source)
{
    return key->looked != 0 ? key->looked : gather->sources[source].ended;
}

/* Whether what the source has, or has not, counts for the newest version. */
static bool is_vote(const struct gather *gather, const struct gather_key *key, unsigned source)
{
    const struct gather_source *from = &gather->sources[source];
    const struct dot dot = key->version.dot;

    if (dot_exists(key->looks[source].dot) || dot_compare(mark_at(gather, key, source), dot) > 0)
        return true;
    if (RULE(10) && from->floor >= dot.stamp)
        return false;
    if (RULE(11) && from->settled >= dot.stamp &&
        absent_before(gather, key, source) > last_seen(gather, key))
        return false;
    return true;
}

/* Of all N replicas a comparison needs N - QUORUM + 1 votes; of that many, a recovery needs all. */
static bool lacks_votes(const struct gather *gather, const struct gather_key *key)
{
    unsigned sources = 0, lacking = 0;

    for (unsigned i = 0; i < gather->source_count; i++) {
        sources += counts(gather, key, i);
        lacking += counts(gather, key, i) && !is_vote(gather, key, i);
    }
    return lacking > (gather->comparing ? sources / 2 : 0);
}

/* Whether a source that has no version of this stamp may have had it, and let it vanish. */
static bool may_have_had(const struct gather *gather, const struct gather_source *source,
                         uint64_t stamp)
{
    const bool before = stamp <= gather->began;
    const uint64_t settled = before ? source->settled : source->first_settled;
    const uint64_t floor = before ? source->floor : source->first_floor;

    return settled >= stamp || floor >= stamp;
}

/* Where too few vote: whether one that does has nothing where it must have had the version before
 * it was looked at. What those that forgot do not have says nothing. */
static bool has_vanished(const struct gather *gather, const struct gather_key *key)
{
    const uint64_t stamp = key->version.dot.stamp;

    for (unsigned i = 0; i < gather->source_count; i++) {
        const struct gather_source *source = &gather->sources[i];
        if (counts(gather, key, i) && source->votes && !dot_exists(key->looks[i].dot) &&
            may_have_had(gather, source, stamp))
            return true;
    }
    return false;
}

struct gather_decision gather_decide(const struct gather *gather, const struct gather_key *key)
{
    const struct dot mark = newest_mark(gather, key);
    const struct dot dot = key->version.dot;

    if (dot_compare(mark, dot) > 0)
        return (struct gather_decision){GATHER_MARK, mark};
    if (!dot_exists(dot))
        return (struct gather_decision){GATHER_NOTHING, DOT_NONE};
    if (RULE(14) && (gather->forced ? has_vanished(gather, key) : lacks_votes(gather, key)))
        return (struct gather_decision){GATHER_DROPPED, dot};
    return (struct gather_decision){GATHER_VERSION, dot};
}

bool gather_contested(const struct gather *gather, const struct gather_key *key)
{
    if (gather->forced || key->looked != 0 || key->key.data == NULL ||
        !version_exists(&key->version) ||
        dot_compare(newest_mark(gather, key), key->version.dot) > 0)
        return false;
    for (unsigned i = 0; i < gather->source_count; i++)
        if (counts(gather, key, i) && !dot_exists(key->looks[i].dot))
            return true;
    return false;
}

void gather_look_again(struct gather *gather, struct gather_key *key, unsigned source,
                       const struct version *version, uint64_t content, struct dot mark,
                       uint64_t asked, uint64_t answered)
{
    struct gather_look *look = &key->looks[source];

    if (!version_exists(version)) {
        look->dot = DOT_NONE;
        look->mark = dot_max(look->mark, mark);
        key->looked = answered;
        return;
    }
    look->dot = version->dot;
    look->content = content;
    look->values = content == version_digest(version) ? values_of(version) : UINT32_MAX;
    look->asked = asked;
    if (!merge(gather, key, version))
        gather->failed = true;
}

bool gather_has_all(const struct gather_key *key, unsigned source)
{
    const struct gather_look *look = &key->looks[source];
    const int order = dot_compare(look->dot, key->version.dot);

    return order > 0 || (order == 0 && look->content == version_digest(&key->version));
}

bool gather_lacks_values(const struct gather_key *key, unsigned source)
{
    return !dot_exists(key->looks[source].dot) ||
           (version_is_set(&key->version) && key->looks[source].values < values_of(&key->version));
}

bool gather_outlived(const struct gather *gather, const struct gather_key *key, struct dot own)
{
    bool outlived = false;

    for (unsigned i = 0; i < gather->source_count; i++) {
        const struct gather_source *source = &gather->sources[i];
        if (key != NULL && dot_compare(key->looks[i].dot, own) >= 0)
            return false;
        outlived |= (source->votes || !gather->forced) && may_have_had(gather, source, own.stamp);
    }
    return outlived;
}
