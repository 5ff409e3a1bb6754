/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "store/internal.h"
#include "store/mates.h"
#include "store/taken.h"
#include "value/merge.h"

/* ------------------------------------------------------------------------------------- memory */

static inline uint64_t memory_of(const struct partition *partition)
{
    return table_memory(partition->table) + marks_memory(partition->marks);
}

/* Unsigned numbers wrap, and so does their sum back. */
void partition_tell_memory(struct partition *partition)
{
    const uint64_t memory = memory_of(partition);

    atomic_fetch_add_explicit(&partition->store->memory_used, memory - partition->memory_told,
                              memory_order_relaxed);
    partition->memory_told = memory;
}

bool partition_fits(const struct partition *partition, uint64_t growth)
{
    const struct store *store = partition->store;
    const uint64_t max = store_memory_max(store);

    if (max == 0)
        return true;
    const uint64_t untold = memory_of(partition) - partition->memory_told;
    return store_memory_used(store) + untold + growth <= max;
}

/* Tells who fetches ahead where the table is. */
static void tell_place(struct partition *partition)
{
    const struct table *table = partition->table;
    const void *segments = table != NULL ? table->segments : NULL;
    const uint32_t buckets = table != NULL ? table->bucket_count : 0;

    if (atomic_load_explicit(&partition->buckets, memory_order_relaxed) == buckets &&
        atomic_load_explicit(&partition->table_at, memory_order_relaxed) == table &&
        atomic_load_explicit(&partition->segments_at, memory_order_relaxed) == segments)
        return;
    atomic_store_explicit(&partition->buckets, buckets, memory_order_relaxed);
    atomic_store_explicit(&partition->table_at, table, memory_order_relaxed);
    atomic_store_explicit(&partition->segments_at, segments, memory_order_relaxed);
}

void partition_finish(struct partition *partition)
{
    struct table *table = partition->table;

    if (table != NULL && table->wheel != NULL && table->wheel->count == 0) {
        wheel_deinit(table->wheel);
        memory_free(table->wheel);
        table->wheel = NULL;
    }
    if (table != NULL && table->entry_count == 0) {
        uint64_t work = UINT64_MAX;

        table_dismantle(&partition->table, &work);
    }
    tell_place(partition);
    const uint64_t memory = memory_of(partition);
    const uint64_t told = partition->memory_told;
    const uint64_t moved = memory > told ? memory - told : told - memory;
    if (moved > store_slack(partition->store) || (moved > 0 && partition->table == NULL))
        partition_tell_memory(partition);
}

/* ------------------------------------------------------------------------------------- leaves */

/* What the entry adds to its leaf. */
static uint64_t entry_digest(const struct entry *entry, uint64_t hash)
{
    const struct version version = {.kind = entry_kind(entry), .value = entry_value(entry)};

    if (entry_tombstone(entry))
        return 0;
    return store_version_digest(hash, entry_dot(entry), version_digest(&version));
}

/* ------------------------------------------------------------------------------------ entries */

/* Counts an entry in (`by` 1) or out (-1). */
static void count_entry(struct table *table, const struct entry *entry, int by)
{
    if (entry_tombstone(entry))
        table->tombstone_count += (uint64_t)by;
    else if (entry_timed(entry))
        table->expiring_count += (uint64_t)by;
}

void partition_link_timer(struct table *table, struct entry *entry)
{
    if (entry_expires(entry))
        wheel_insert(table->wheel, entry_timer(entry));
    else if (entry_timed(entry))
        circle_append(&table->tombstones, &entry_timer(entry)->link);
}

void partition_unlink_timer(struct table *table, struct entry *entry, bool tombstone)
{
    if (tombstone)
        circle_remove(&table->tombstones, &entry_timer(entry)->link);
    else if (entry_timed(entry))
        wheel_remove(table->wheel, entry_timer(entry));
}

/* Whether looking up an entry marks it as used changes with the policy. */
static void follow_policy(const struct partition *partition, struct table *table)
{
    const bool clocked = store_evicts(partition->store);

    if (table->clocked != clocked)
        table->clocked = clocked;
}

/* Makes the table, and the wheel where the entry `expires`, that the partition does not have yet.
 */
static bool prepare(struct partition *partition, bool expires)
{
    if (partition->table == NULL)
        partition->table = table_create(&partition->store->hasher);
    struct table *table = partition->table;
    if (table == NULL)
        return false;
    follow_policy(partition, table);
    if (expires && table->wheel == NULL) {
        table->wheel = memory_try_alloc(sizeof *table->wheel);
        if (table->wheel == NULL)
            return false;
        wheel_init(table->wheel, partition->wheel_now_ms, entry_timer_deadline_ms);
    }
    return true;
}

/* Whether a read may find the entry: what a FLUSHALL killed is only yet to be removed. */
static bool alive(const struct partition *partition, const struct entry *entry)
{
    return entry != NULL && !entry_tombstone(entry) &&
           dot_compare(entry_dot(entry), partition->flushed) > 0;
}

/* Tells those who watch that a read may find something else from now on. */
static void note(struct partition *partition, enum changed_kind kind, struct dot dot,
                 struct span key)
{
    changes_note(&partition->store->changes, kind, dot, key);
}

/* Marks the entry as used, if anybody wants to know; what is written already costs no write. */
static void use(const struct table *table, struct entry *entry)
{
    if (table->clocked && (entry->traits & ENTRY_USED) == 0)
        entry->traits |= ENTRY_USED;
}

struct entry *partition_find(struct partition *partition, uint64_t hash, struct span key,
                             struct version *version)
{
    struct entry *entry = partition_entry(partition, hash, key);

    if (entry == NULL) {
        *version = (struct version){.dot = DOT_NONE, .deadline_ms = DEADLINE_NEVER};
        return NULL;
    }
    use(partition->table, entry);
    entry_read(entry, version);
    return entry;
}

bool partition_get(struct partition *partition, uint64_t hash, struct span key,
                   struct version *version)
{
    return partition_find(partition, hash, key, version) != NULL;
}

/* Puts `entry`, NULL: none could be made, in the place of `old`, or where there was none. The
 * entry, or NULL. */
static struct entry *put_new(struct table *table, uint64_t hash, struct entry *entry,
                             struct entry *old)
{
    if (entry == NULL)
        return NULL;
    if (old != NULL) {
        count_entry(table, old, -1);
        partition_unlink_timer(table, old, entry_tombstone(old));
        use(table, entry);
        table_replace(table, hash, old, entry);
        entry_destroy(&old);
    } else if (!table_insert(table, hash, entry)) {
        entry_destroy(&entry);
        return NULL;
    }
    count_entry(table, entry, 1);
    partition_link_timer(table, entry);
    return entry;
}

/* Writes over `entry` where that needs no new allocation. */
static bool put_over(struct table *table, struct entry *entry, const struct version *version,
                     const struct span *pieces, size_t piece_count)
{
    const struct entry before = *entry;

    if (!entry_overwrite(entry, version, pieces, piece_count))
        return false;
    count_entry(table, &before, -1);
    count_entry(table, entry, 1);
    use(table, entry);
    if (!entry_timed(entry))
        return true;
    /* A timer that is to stay where it is, is left there. */
    if (entry_expires(entry) && entry_expires(&before) &&
        entry_deadline_ms(entry) == version->deadline_ms)
        return true;
    partition_unlink_timer(table, entry, entry_tombstone(&before));
    if (entry_expires(entry))
        entry_set_deadline(entry, version->deadline_ms);
    partition_link_timer(table, entry);
    return true;
}

/* How many bytes more a new entry takes than `old`, which may be NULL. */
static uint64_t growth(const struct entry *old, uint8_t parts, size_t key_size, size_t value_size)
{
    if (old != NULL && value_size == old->value_size && parts == (old->traits & ENTRY_PARTS))
        return 0;
    const uint64_t memory = entry_memory_for(parts, key_size, value_size);
    const uint64_t before = old != NULL ? entry_memory(old) : 0;
    return memory > before ? memory - before : 0;
}

/* With `block`, the one piece lies in it, and the entry takes a share. */
static enum store_status put(struct partition *partition, uint64_t hash, struct span key,
                             struct entry *old, const struct version *version,
                             const struct span *pieces, size_t piece_count, struct block *block)
{
    const bool tombstone = version->kind == VALUE_TOMBSTONE;
    const unsigned parts = entry_parts_for(key.size, version) | (block != NULL ? ENTRY_APART : 0);
    const uint64_t more = growth(old, (uint8_t)parts, key.size,
                                 entry_pieces_size(pieces, piece_count));
    const uint64_t before = old != NULL ? entry_digest(old, hash) : 0;
    struct entry *entry = NULL;

    ensure(version_exists(version));
    if (!tombstone && more > 0 && !partition_fits(partition, more)) {
        partition_tell_memory(partition); /* for who makes room and tries again */
        return STORE_FULL;
    }
    /* Before `old` goes, which the key may point into. */
    if (store_watched(partition->store) && (!tombstone || alive(partition, old)))
        note(partition, CHANGED_WRITTEN, version->dot, key);
    if (prepare(partition, !tombstone && version->deadline_ms != DEADLINE_NEVER)) {
        struct table *table = partition->table;
        if (block != NULL)
            entry = put_new(table, hash, entry_create_apart((uint32_t)hash, key, version, block),
                            old);
        else if (old != NULL && put_over(table, old, version, pieces, piece_count))
            entry = old;
        else
            entry = put_new(table, hash,
                            entry_create((uint32_t)hash, key, version, pieces, piece_count), old);
    }
    if (entry != NULL) { /* the key may be gone, with `old` */
        uint64_t *leaf = &partition->leaves[store_leaf(hash)];
        *leaf -= before;
        if (version->kind == VALUE_STRING)
            *leaf += store_version_digest(hash, version->dot, 0);
        else if (!tombstone)
            *leaf += entry_digest(entry, hash);
        if (partition->marks != NULL)
            marks_remove(&partition->marks, hash);
    }
    partition_finish(partition);
    return entry != NULL ? STORE_OK : STORE_NO_MEMORY;
}

/* Writes `value` over that of a plain entry of its size: nothing but those bytes, the dot and the
 * leaf's sum change. */
static void put_alike(struct partition *partition, struct entry *entry, uint64_t hash,
                      struct dot dot, struct span value)
{
    ensure(dot_exists(dot));
    partition->leaves[store_leaf(hash)] += store_version_digest(hash, dot, 0) -
                                           store_version_digest(hash, entry_dot(entry), 0);
    follow_policy(partition, partition->table);
    use(partition->table, entry);
    entry_rewrite(entry, dot, value);
    if (store_watched(partition->store))
        note(partition, CHANGED_WRITTEN, dot, entry_key(entry));
}

enum store_status partition_put(struct partition *partition, uint64_t hash, struct span key,
                                const struct version *version, const struct span *pieces,
                                size_t piece_count)
{
    return partition_put_over(partition, hash, key, partition_entry(partition, hash, key), version,
                              pieces, piece_count);
}

enum store_status partition_put_over(struct partition *partition, uint64_t hash, struct span key,
                                     struct entry *old, const struct version *version,
                                     const struct span *pieces, size_t piece_count)
{
    if (old == NULL || piece_count != 1 || partition->marks != NULL ||
        !entry_alike(old, version, pieces[0].size))
        return put(partition, hash, key, old, version, pieces, piece_count, NULL);
    put_alike(partition, old, hash, version->dot, pieces[0]);
    return STORE_OK;
}

enum store_status partition_put_block(struct partition *partition, uint64_t hash, struct span key,
                                      struct entry *old, const struct version *version,
                                      struct block *block)
{
    return put(partition, hash, key, old, version, &version->value, 1,
               entry_may_share(block, version->value) ? block : NULL);
}

struct block *partition_share_value(const struct partition *partition, uint64_t hash,
                                    struct span key)
{
    const struct entry *entry = partition_entry(partition, hash, key);

    if (entry == NULL || (entry->traits & ENTRY_APART) == 0)
        return NULL;
    return block_share(entry_apart(entry)->block);
}

/* Takes an entry whose timer is in no list any more out of the partition, and frees it. Those who
 * watch are told of that kind of change, and that dot. */
static void take_out_by(struct partition *partition, uint64_t hash, struct entry *entry,
                        enum changed_kind kind, struct dot dot)
{
    struct table *table = partition->table;

    if (store_watched(partition->store) && alive(partition, entry))
        note(partition, kind, dot, entry_key(entry));
    count_entry(table, entry, -1);
    partition->leaves[store_leaf(hash)] -= entry_digest(entry, hash);
    table_remove(table, hash, entry);
    entry_destroy(&entry);
}

void partition_take_out(struct partition *partition, uint64_t hash, struct entry *entry)
{
    take_out_by(partition, hash, entry, CHANGED_GONE, entry_dot(entry));
}

static bool remove_by(struct partition *partition, uint64_t hash, struct span key,
                      enum changed_kind kind, struct dot dot)
{
    struct entry *entry = partition_entry(partition, hash, key);

    if (entry == NULL)
        return false;
    partition_unlink_timer(partition->table, entry, entry_tombstone(entry));
    take_out_by(partition, hash, entry, kind, kind == CHANGED_GONE ? entry_dot(entry) : dot);
    partition_finish(partition);
    return true;
}

bool partition_remove(struct partition *partition, uint64_t hash, struct span key)
{
    return remove_by(partition, hash, key, CHANGED_GONE, DOT_NONE);
}

bool partition_delete(struct partition *partition, uint64_t hash, struct span key, struct dot dot)
{
    return remove_by(partition, hash, key, CHANGED_WRITTEN, dot);
}

/* ---------------------------------------------------------------------------------- the whole */

void partition_flush(struct partition *partition, struct dot dot)
{
    if (dot_compare(dot, partition->flushed) <= 0)
        return;
    partition->flushed = dot;
    partition->flushing = partition->table != NULL;
    partition->flush_cursor = 0;
    marks_drop(&partition->marks, dot);
    partition_drop_mates(partition, dot.stamp);
    if (store_watched(partition->store))
        note(partition, CHANGED_FLUSHED, dot, span_of(NULL, 0));
    partition_finish(partition);
}

static void clear_entries(struct partition *partition)
{
    struct table *table = partition->table;

    memset(partition->leaves, 0, sizeof partition->leaves);
    if (table == NULL)
        return;
    /* The sum keeps the memory, told in full, until store_reclaim takes it away piece by piece. */
    partition_tell_memory(partition);
    partition->memory_told -= table_memory(table);
    partition->table = NULL;
    store_bury(partition->store, table);
}

void partition_clear(struct partition *partition)
{
    if (store_watched(partition->store))
        note(partition, dot_exists(partition->flushed) ? CHANGED_FLUSHED : CHANGED_UNKNOWN,
             partition->flushed, span_of(NULL, 0));
    clear_entries(partition);
    partition->flushing = false;
    marks_drop(&partition->marks, partition->flushed);
    partition_drop_mates(partition, partition->flushed.stamp);
    partition_drop_taken(partition, partition->flushed.stamp);
    partition_finish(partition);
}

void partition_deinit(struct partition *partition)
{
    clear_entries(partition);
    memory_free(partition->marks);
    partition->marks = NULL;
    partition_drop_mates(partition, UINT64_MAX);
    partition_drop_taken(partition, UINT64_MAX);
}

void partition_count(const struct partition *partition, struct partition_counts *counts)
{
    const struct table *table = partition->table;

    *counts = (struct partition_counts){.expired = partition->expired_total,
                                        .evicted = partition->evicted_total,
                                        .marks = marks_count(partition->marks),
                                        .mark_bytes = marks_memory(partition->marks)};
    if (table == NULL)
        return;
    counts->keys = table->entry_count - table->tombstone_count;
    counts->tombstones = table->tombstone_count;
    counts->expiring = table->expiring_count;
}

struct scan {
    void (*visit)(void *context, struct span key, const struct version *version);
    void *context;
};

static void visit_entry(void *context, const struct entry *entry)
{
    const struct scan *scan = context;
    struct version version;

    entry_read(entry, &version);
    scan->visit(scan->context, entry_key(entry), &version);
}

struct listing {
    bool (*visit)(void *context, uint32_t position, struct span key, const struct version *version);
    void *context;
};

static bool list_entry_at(void *context, uint32_t position, const struct entry *entry)
{
    const struct listing *listing = context;
    struct version version;

    entry_read(entry, &version);
    return listing->visit(listing->context, position, entry_key(entry), &version);
}

uint64_t partition_list(struct partition *partition, uint64_t position, uint32_t limit,
                        bool (*visit)(void *context, uint32_t position, struct span key,
                                      const struct version *version),
                        void *context)
{
    struct listing listing = {.visit = visit, .context = context};

    if (partition->table == NULL)
        return POSITION_END;
    return table_list(partition->table, position, limit, list_entry_at, &listing);
}

uint64_t partition_scan(struct partition *partition, uint64_t cursor, uint32_t limit,
                        void (*visit)(void *context, struct span key,
                                      const struct version *version),
                        void *context)
{
    struct scan scan = {.visit = visit, .context = context};

    if (partition->table == NULL)
        return 0;
    return table_scan(partition->table, cursor, limit, visit_entry, &scan);
}
