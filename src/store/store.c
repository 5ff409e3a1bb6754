/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/store.h"

#include "base/assert.h"
#include "base/memory.h"
#include "store/internal.h"

#define PARTITIONS_MAX 16384u

/* How far a partition's memory may move before the store's sum is told, bytes: with all partitions
 * together no further than the first, nor than a share of memory_max, and no partition further than
 * the last. */
#define SLACK_MAX           (UINT64_C(1) << 20)
#define SLACK_SHARE         64u
#define SLACK_PARTITION_MAX UINT64_C(4096)

/* Slots for marks: of all partitions together, and the least and the most that one has for its
 * part. A table is three quarters full at most, and a mark is 24 bytes: 24 MiB with up to 8192
 * partitions. The most bounds how many are looked at in one go. */
#define MARK_SLOTS_MAX           (1u << 20)
#define MARK_SLOTS_PARTITION_MIN 128u
#define MARK_SLOTS_PARTITION_MAX 16384u

_Static_assert(offsetof(struct partition, flushed) + sizeof(struct dot) <= 64,
               "a look-up reads one line of the header");
_Static_assert(offsetof(struct partition, store) == 64 &&
                   offsetof(struct partition, buckets) < 128 &&
                   offsetof(struct partition, leaves) % 64 == 0,
               "what prefetch.c fetches of a header are whole lines");

_Static_assert(sizeof(struct partition) % 64 == 0, "no two partitions share a cache line");
_Static_assert(offsetof(struct store, watchers) < MEMORY_APART &&
                   offsetof(struct store, memory_used) >= MEMORY_APART &&
                   offsetof(struct store, clock_hand) - offsetof(struct store, memory_used) >=
                       MEMORY_APART,
               "what all threads read is on no line that they write");

static uint32_t mark_slots_max(uint32_t partitions)
{
    const uint32_t slots = MARK_SLOTS_MAX / partitions;

    if (slots > MARK_SLOTS_PARTITION_MAX)
        return MARK_SLOTS_PARTITION_MAX;
    return slots > MARK_SLOTS_PARTITION_MIN ? slots : MARK_SLOTS_PARTITION_MIN;
}

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
    store->mark_slots_max = mark_slots_max(count);
    store->hasher.cleared = options->hash_cleared;
    store->hasher.seed = options->seed;
    store_set_memory_max(store, 0);
    ensure(pthread_mutex_init(&store->graveyard_lock, NULL) == 0);
    for (uint32_t index = 0; index < count; index++) {
        struct partition *partition = &store->partitions[index];

        *partition = (struct partition){
            .index = index,
            .store = store,
            .wheel_now_ms = options->now_ms,
        };
    }
    return store;
}

void store_destroy(struct store **store_pointer)
{
    struct store *store = *store_pointer;

    if (store == NULL)
        return;
    for (uint32_t index = 0; index < store->count; index++)
        partition_deinit(&store->partitions[index]);
    while (store_reclaim(store, UINT32_MAX))
        continue;
    pthread_mutex_destroy(&store->graveyard_lock);
    changes_deinit(&store->changes);
    memory_free(store->partitions);
    memory_free(store);
    *store_pointer = NULL;
}

void store_watch(struct store *store, int by)
{
    atomic_fetch_add(&store->watchers, (uint32_t)by);
}

bool store_changed(const struct store *store)
{
    return changes_wait(&store->changes);
}

void store_take_changes(struct store *store, struct buffer *records)
{
    changes_take(&store->changes, records);
}

uint64_t store_hash(const struct store *store, struct span key)
{
    return hasher_hash(&store->hasher, key);
}

void store_set_seed(struct store *store, uint64_t seed)
{
    for (uint32_t index = 0; index < store->count; index++) {
        struct partition *partition = &store->partitions[index];

        partition_lock(partition);
        ensure(partition->table == NULL && partition->marks == NULL);
        partition_unlock(partition);
    }
    atomic_store_explicit(&store->hasher.seed, seed, memory_order_relaxed);
}

uint32_t store_position(const struct store *store, uint64_t hash)
{
    return table_position((uint32_t)(hash & ~store->hasher.cleared));
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

uint64_t store_memory_used(const struct store *store)
{
    return atomic_load_explicit(&store->memory_used, memory_order_relaxed);
}

void store_set_memory_max(struct store *store, uint64_t bytes)
{
    uint64_t slack = SLACK_MAX;

    if (bytes > 0 && bytes / SLACK_SHARE < slack)
        slack = bytes / SLACK_SHARE;
    slack /= store->count;
    if (slack > SLACK_PARTITION_MAX)
        slack = SLACK_PARTITION_MAX;
    atomic_store_explicit(&store->slack, slack, memory_order_relaxed);
    atomic_store_explicit(&store->memory_max, bytes, memory_order_relaxed);
}

void store_charge(struct store *store, int64_t bytes)
{
    atomic_fetch_add_explicit(&store->memory_used, (uint64_t)bytes, memory_order_relaxed);
}

void store_set_policy(struct store *store, enum store_policy policy)
{
    atomic_store_explicit(&store->policy, (uint32_t)policy, memory_order_relaxed);
}

/* ---------------------------------------------------------------------------------- graveyard */

void store_bury(struct store *store, struct table *table)
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
    store_bury(store, table);
    return true;
}
