/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the store share: store.c (the node's store, its memory, what was cleared),
 * partition.c (entries), vanish.c (how they vanish, and marks), clock.c (eviction). Nobody else
 * includes it.
 */
#ifndef DUNLIN_STORE_INTERNAL_H
#define DUNLIN_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "store/changes.h"
#include "store/marks.h"
#include "store/store.h"
#include "store/table.h"

struct store {
    /* Read by each operation. Never changed after store_create: */
    struct partition *partitions;
    uint32_t count;
    uint32_t mark_slots_max; /* of a partition */
    /* when the node takes its ring; */
    struct hasher hasher;
    /* and when an operator says so. */
    _Atomic uint64_t memory_max;
    _Atomic uint64_t slack;  /* how far a partition's memory may move before it is told */
    _Atomic uint32_t policy; /* enum store_policy */
    /* How many want changes to be noted (store_watch). */
    _Atomic uint32_t watchers;

    /* Written by all threads while memory grows, or entries are evicted: away from what is read. */
    _Alignas(MEMORY_APART) _Atomic uint64_t memory_used;
    _Alignas(MEMORY_APART) _Atomic uint64_t clock_hand; /* see clock.c; never goes back */

    /* For what partition_clear unlinked. */
    _Alignas(MEMORY_APART) pthread_mutex_t graveyard_lock;
    struct table *graveyard; /* unlinked tables, through `next`; under graveyard_lock */

    struct changes changes; /* noted while there are watchers */
};

static inline bool store_evicts(const struct store *store)
{
    return atomic_load_explicit(&store->policy, memory_order_relaxed) == STORE_ALLKEYS_CLOCK;
}

static inline uint64_t store_memory_max(const struct store *store)
{
    return atomic_load_explicit(&store->memory_max, memory_order_relaxed);
}

static inline uint64_t store_slack(const struct store *store)
{
    return atomic_load_explicit(&store->slack, memory_order_relaxed);
}

/* Whether changes are to be noted: hardly ever. */
static inline bool store_watched(const struct store *store)
{
    return __builtin_expect(atomic_load_explicit(&store->watchers, memory_order_acquire) != 0, 0);
}

/* For store_reclaim to free; `table` is told in full in memory_used. */
void store_bury(struct store *store, struct table *table);

/* Whether `growth` bytes more are within memory_max. */
bool partition_fits(const struct partition *partition, uint64_t growth);
static inline struct entry *partition_entry(const struct partition *partition, uint64_t hash,
                                            struct span key)
{
    return partition->table != NULL ? table_find(partition->table, hash, key) : NULL;
}
/* Puts the entry's timer where it belongs, if it has one. */
void partition_link_timer(struct table *table, struct entry *entry);
/* Takes the timer out of where it was while the entry was a `tombstone`, or none. */
void partition_unlink_timer(struct table *table, struct entry *entry, bool tombstone);
/* Takes an entry whose timer is in no list any more out of the partition, and frees it. */
void partition_take_out(struct partition *partition, uint64_t hash, struct entry *entry);
/* partition_vanish for an entry that is at hand, to make room. The caller ends with
 * partition_finish. */
void partition_evict(struct partition *partition, struct entry *entry);
/* The end of all that changes entries or marks: drops what has become empty, and tells the sum of
 * memory when it has moved by more than the slack. */
void partition_finish(struct partition *partition);
/* Tells the sum what the partition has more or less than it last told. */
void partition_tell_memory(struct partition *partition);
/* Frees everything; for store_destroy. */
void partition_deinit(struct partition *partition);

#endif
