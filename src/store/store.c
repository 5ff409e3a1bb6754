/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/store.h"

#include <stdatomic.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/memory.h"
#include "store/table.h"

#define PARTITIONS_MAX 16384u

/* How far a partition's memory may move before the store's sum is told, bytes: with all partitions
 * together no further than the first, and no partition further than the second. */
#define SLACK_MAX           (UINT64_C(1) << 20)
#define SLACK_PARTITION_MAX UINT64_C(4096)

_Static_assert(offsetof(struct partition, table) + sizeof(struct table *) <= 64,
               "a look-up reads one line of the header");

struct store {
    /* Never changed after store_create. */
    struct partition *partitions;
    uint32_t count;
    uint64_t seed;
    uint64_t slack;

    /* Written by any thread: on a line of their own. */
    _Alignas(64) _Atomic uint64_t memory_used;
    _Atomic uint64_t memory_max;

    pthread_mutex_t graveyard_lock;
    struct table *graveyard; /* unlinked tables, through `next`; under graveyard_lock */
};

/* -------------------------------------------------------------------------------------- store */

struct store *store_create(const struct store_options *options)
{
    const uint32_t count = options->partitions;

    ensure(count > 0 && count <= PARTITIONS_MAX && (count & (count - 1)) == 0);
    struct store *store = memory_try_alloc_aligned(_Alignof(struct store), sizeof *store);
    ensure(store != NULL);
    memset(store, 0, sizeof *store);
    store->partitions = memory_try_alloc_aligned(_Alignof(struct partition),
                                                 count * sizeof *store->partitions);
    ensure(store->partitions != NULL);
    store->count = count;
    store->seed = options->seed;
    store->slack = SLACK_MAX / count;
    if (store->slack > SLACK_PARTITION_MAX)
        store->slack = SLACK_PARTITION_MAX;
    ensure(pthread_mutex_init(&store->graveyard_lock, NULL) == 0);
    for (uint32_t index = 0; index < count; index++) {
        struct partition *partition = &store->partitions[index];

        *partition = (struct partition){
            .index = index,
            .store = store,
            .wheel_now_ms = options->now_ms,
        };
        ensure(pthread_mutex_init(&partition->lock, NULL) == 0);
    }
    return store;
}

void store_destroy(struct store **store_pointer)
{
    struct store *store = *store_pointer;

    if (store == NULL)
        return;
    for (uint32_t index = 0; index < store->count; index++) {
        partition_clear(&store->partitions[index]);
        pthread_mutex_destroy(&store->partitions[index].lock);
    }
    while (store_reclaim(store, UINT32_MAX))
        continue;
    pthread_mutex_destroy(&store->graveyard_lock);
    memory_free(store->partitions);
    memory_free(store);
    *store_pointer = NULL;
}

uint64_t store_hash(const struct store *store, struct span key)
{
    return XXH3_64bits_withSeed(key.data, key.size, store->seed);
}

struct partition *store_partition(struct store *store, uint32_t index)
{
    ensure(index < store->count);
    return &store->partitions[index];
}

uint32_t store_partitions(const struct store *store)
{
    return store->count;
}

/* ------------------------------------------------------------------------------------- memory */

void store_charge(struct store *store, int64_t bytes)
{
    atomic_fetch_add_explicit(&store->memory_used, (uint64_t)bytes, memory_order_relaxed);
}

void store_set_policy(struct store *store, enum store_policy policy)
{
    (void)store;
    (void)policy;
}

bool store_make_room(struct store *store, size_t bytes, uint64_t *evicted)
{
    (void)store;
    (void)bytes;
    (void)evicted;
    return true;
}

uint64_t store_key_digest(struct span key)
{
    return XXH3_64bits(key.data, key.size);
}

uint64_t store_version_digest(uint64_t key_digest, struct dot dot)
{
    const uint64_t words[] = {key_digest, dot.stamp, dot.node};

    return XXH3_64bits(words, sizeof words);
}

uint64_t store_memory_used(const struct store *store)
{
    return atomic_load_explicit(&store->memory_used, memory_order_relaxed);
}

void store_set_memory_max(struct store *store, uint64_t bytes)
{
    atomic_store_explicit(&store->memory_max, bytes, memory_order_relaxed);
}

static uint64_t table_memory(const struct table *table)
{
    if (table == NULL)
        return 0;
    if (table->wheel == NULL)
        return table->memory;
    return table->memory + memory_size_class(sizeof *table->wheel) + wheel_memory(table->wheel);
}

/* Adds what the partition has more or less than it last told; unsigned numbers wrap, and so does
 * their sum back. */
static void tell_memory(struct partition *partition)
{
    const uint64_t memory = table_memory(partition->table);

    atomic_fetch_add_explicit(&partition->store->memory_used, memory - partition->memory_told,
                              memory_order_relaxed);
    partition->memory_told = memory;
}

static bool fits(const struct partition *partition, uint64_t growth)
{
    const struct store *store = partition->store;
    const uint64_t max = atomic_load_explicit(&store->memory_max, memory_order_relaxed);
    const uint64_t untold = table_memory(partition->table) - partition->memory_told;

    return max == 0 || store_memory_used(store) + untold + growth <= max;
}

/* The end of all that changes entries: drops what has become empty, and tells the sum. */
static void finish(struct partition *partition)
{
    struct table *table = partition->table;

    if (table == NULL)
        return;
    if (table->wheel != NULL && table->wheel->count == 0) {
        wheel_deinit(table->wheel);
        memory_free(table->wheel);
        table->wheel = NULL;
    }
    if (table->entry_count == 0) {
        uint64_t work = UINT64_MAX;

        table_dismantle(&partition->table, &work);
        tell_memory(partition);
        return;
    }
    const uint64_t memory = table_memory(table);
    const uint64_t told = partition->memory_told;
    if ((memory > told ? memory - told : told - memory) > partition->store->slack)
        tell_memory(partition);
}

/* ------------------------------------------------------------------------------------ entries */

/* Counts an entry in (`by` 1) or out (-1). */
static void count_entry(struct table *table, const struct entry *entry, int by)
{
    if (entry->kind == VALUE_TOMBSTONE)
        table->tombstone_count += (uint64_t)by;
    else if (entry_timed(entry))
        table->expiring_count += (uint64_t)by;
}

/* What a table keeps of an entry besides the entry: its timer and its place in the counts. */
static void attach(struct table *table, struct entry *entry, int64_t deadline_ms)
{
    count_entry(table, entry, 1);
    if (entry_timed(entry))
        wheel_insert(table->wheel, entry_timer(entry), deadline_ms);
}

static void detach(struct table *table, struct entry *entry)
{
    count_entry(table, entry, -1);
    if (entry_timed(entry))
        wheel_remove(table->wheel, entry_timer(entry));
}

/* Makes the table, and the wheel where `timed`, that the partition does not have yet. */
static bool prepare(struct partition *partition, bool timed)
{
    if (partition->table == NULL)
        partition->table = table_create();
    struct table *table = partition->table;
    if (table == NULL)
        return false;
    if (timed && table->wheel == NULL) {
        table->wheel = memory_try_alloc(sizeof *table->wheel);
        if (table->wheel == NULL)
            return false;
        wheel_init(table->wheel, partition->wheel_now_ms);
    }
    return true;
}

bool partition_get(struct partition *partition, uint64_t hash, struct span key,
                   struct version *version)
{
    const struct entry *entry = partition->table != NULL ? table_find(partition->table, hash, key)
                                                         : NULL;

    if (entry == NULL) {
        *version = (struct version){.dot = DOT_NONE, .deadline_ms = DEADLINE_NEVER};
        return false;
    }
    entry_read(entry, version);
    return true;
}

/* Puts a new entry in the place of `old`, or where there was none. */
static bool put_new(struct partition *partition, uint64_t hash, struct span key,
                    const struct version *version, const struct span *pieces, size_t piece_count,
                    struct entry *old)
{
    struct table *table = partition->table;
    struct entry *entry = entry_create((uint32_t)hash, key, version, pieces, piece_count);

    if (entry == NULL)
        return false;
    if (old != NULL) {
        detach(table, old);
        table_replace(table, old, entry);
        entry_destroy(&old);
    } else if (!table_insert(table, hash, entry)) {
        entry_destroy(&entry);
        return false;
    }
    attach(table, entry, version->deadline_ms);
    return true;
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
    if (entry_timed(entry) && entry_timer(entry)->deadline != version->deadline_ms) {
        wheel_remove(table->wheel, entry_timer(entry));
        wheel_insert(table->wheel, entry_timer(entry), version->deadline_ms);
    }
    return true;
}

enum store_status partition_put(struct partition *partition, uint64_t hash, struct span key,
                                const struct version *version, const struct span *pieces,
                                size_t piece_count)
{
    const bool timed = version->deadline_ms != DEADLINE_NEVER;
    const uint64_t memory = entry_memory_for(key.size, entry_pieces_size(pieces, piece_count),
                                             timed);
    struct entry *old = partition->table != NULL ? table_find(partition->table, hash, key) : NULL;
    const uint64_t memory_before = old != NULL ? entry_memory(old) : 0;
    enum store_status status = STORE_OK;

    ensure(version_exists(version));
    if (version->kind != VALUE_TOMBSTONE && memory > memory_before &&
        !fits(partition, memory - memory_before))
        return STORE_FULL;
    if (!prepare(partition, timed))
        status = STORE_NO_MEMORY;
    else if (old == NULL || !put_over(partition->table, old, version, pieces, piece_count))
        status = put_new(partition, hash, key, version, pieces, piece_count, old) ? STORE_OK
                                                                                  : STORE_NO_MEMORY;
    finish(partition);
    return status;
}

/* Takes an entry out of the table and frees it. */
static void drop(struct table *table, struct entry *entry)
{
    table_remove(table, entry);
    entry_destroy(&entry);
}

bool partition_remove(struct partition *partition, uint64_t hash, struct span key)
{
    struct entry *entry = partition->table != NULL ? table_find(partition->table, hash, key) : NULL;

    if (entry == NULL)
        return false;
    detach(partition->table, entry);
    drop(partition->table, entry);
    finish(partition);
    return true;
}

bool partition_vanish(struct partition *partition, uint64_t hash, struct span key)
{
    return partition_remove(partition, hash, key);
}

struct dot partition_mark(const struct partition *partition, uint64_t hash, struct span key)
{
    (void)partition;
    (void)hash;
    (void)key;
    return DOT_NONE;
}

void partition_leave_mark(struct partition *partition, uint64_t key_digest, struct dot dot)
{
    (void)key_digest;
    partition_raise_floor(partition, dot.stamp);
}

void partition_raise_floor(struct partition *partition, uint64_t stamp)
{
    if (stamp > partition->floor)
        partition->floor = stamp;
}

bool partition_settle(struct partition *partition, uint64_t stamp, uint32_t limit)
{
    (void)limit;
    if (stamp > partition->settled)
        partition->settled = stamp;
    return false;
}

void partition_scan_marks(const struct partition *partition,
                          void (*visit)(void *context, uint64_t key_digest, struct dot dot),
                          void *context)
{
    (void)partition;
    (void)visit;
    (void)context;
}

uint32_t partition_expire(struct partition *partition, int64_t now_ms, uint32_t limit)
{
    struct table *table = partition->table;
    uint32_t work = limit;
    struct wheel_timer *timer;

    partition->wheel_now_ms = now_ms;
    if (table == NULL || table->wheel == NULL)
        return 0;
    while ((timer = wheel_pop(table->wheel, now_ms, &work)) != NULL) {
        struct entry *entry = entry_of_timer(timer);

        count_entry(table, entry, -1);
        drop(table, entry);
        partition->expired_total++;
    }
    finish(partition);
    return limit - work;
}

/* ---------------------------------------------------------------------------------- the whole */

static void bury(struct store *store, struct table *table)
{
    pthread_mutex_lock(&store->graveyard_lock);
    table->next = store->graveyard;
    store->graveyard = table;
    pthread_mutex_unlock(&store->graveyard_lock);
}

static struct table *exhume(struct store *store)
{
    pthread_mutex_lock(&store->graveyard_lock);
    struct table *table = store->graveyard;
    if (table != NULL)
        store->graveyard = table->next;
    pthread_mutex_unlock(&store->graveyard_lock);
    return table;
}

void partition_clear(struct partition *partition)
{
    struct table *table = partition->table;

    if (table == NULL)
        return;
    /* The sum keeps the memory, told in full, until store_reclaim takes it away piece by piece. */
    tell_memory(partition);
    partition->table = NULL;
    partition->memory_told = 0;
    bury(partition->store, table);
}

bool store_reclaim(struct store *store, uint32_t entries)
{
    uint64_t work = entries;
    struct table *table = exhume(store);

    /* The table in hand is nobody else's: only taking it and putting it back wants the lock. */
    while (table != NULL && work > 0) {
        const uint64_t before = table_memory(table);

        table_dismantle(&table, &work);
        atomic_fetch_sub_explicit(&store->memory_used, before - table_memory(table),
                                  memory_order_relaxed);
        if (table == NULL)
            table = exhume(store);
    }
    if (table == NULL)
        return false;
    bury(store, table);
    return true;
}

void partition_count(const struct partition *partition, struct partition_counts *counts)
{
    const struct table *table = partition->table;

    *counts = (struct partition_counts){.expired = partition->expired_total};
    if (table == NULL)
        return;
    counts->keys = table->entry_count - table->tombstone_count;
    counts->tombstones = table->tombstone_count;
    counts->expiring = table->expiring_count;
}

void partition_prefetch(struct partition *partition, uint64_t hash)
{
    if (pthread_mutex_trylock(&partition->lock) != 0)
        return;
    if (partition->table != NULL)
        __builtin_prefetch(table_bucket(partition->table, hash));
    pthread_mutex_unlock(&partition->lock);
}

void partition_prefetch_entry(struct partition *partition, uint64_t hash)
{
    if (pthread_mutex_trylock(&partition->lock) != 0)
        return;
    if (partition->table != NULL)
        table_prefetch_entry(partition->table, hash);
    pthread_mutex_unlock(&partition->lock);
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
