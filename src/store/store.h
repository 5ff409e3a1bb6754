/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store of a node: an entry for each key, in one hash table a partition. All workers share it.
 * Each partition carries its own lock; a caller holds it for one operation on memory, never across
 * I/O, and never two at once. Functions named partition_* want the lock held unless they say
 * otherwise.
 *
 * A version is kept as it was given: the store does not compare dots (src/replica decides what may
 * replace what) and expires nothing but what its timing wheel says is past its deadline.
 */
#ifndef DUNLIN_STORE_STORE_H
#define DUNLIN_STORE_STORE_H

#include <pthread.h>

#include "base/span.h"
#include "value/version.h"

struct store;
struct table;

struct store_options {
    uint32_t partitions; /* Q: a power of two, 1..16384 */
    uint64_t seed;       /* of the hash, so that no client can choose colliding keys */
    int64_t now_ms;      /* wall clock; the wheels start here */
};

enum store_status {
    STORE_OK,
    STORE_FULL,      /* the entry does not fit below memory_max */
    STORE_NO_MEMORY, /* the allocator has nothing left */
};

/* The header of a partition, two cache lines. The first holds what a look-up reads before it goes
 * on to the table. claim_version, last_stamp, flushed and votes belong to src/replica: the store
 * only keeps them here, beside the lock that guards them. */
struct partition {
    _Alignas(64) pthread_mutex_t lock;
    uint64_t claim_version; /* of the claim this node goes by, 0: it has none (ring/ring.h) */
    uint64_t last_stamp;    /* the highest stamp issued or accepted here */
    struct table *table;    /* the store's; NULL while there is no entry */
    struct dot flushed;     /* all versions at or below this dot are dead (FLUSHALL) */
    bool votes;             /* this node's answers count in a read's R here */
    uint32_t index;         /* 0..Q-1 */
    struct store *store;
    /* The store's own. */
    uint64_t memory_told; /* what the store's sum of memory has of this partition */
    int64_t wheel_now_ms; /* the last time handed to partition_expire */
    uint64_t expired_total;
};

struct partition_counts {
    uint64_t keys; /* entries that are not tombstones, expired or not */
    uint64_t tombstones;
    uint64_t expiring; /* keys with a deadline */
    uint64_t expired;  /* entries that partition_expire ever dropped */
};

struct store *store_create(const struct store_options *options);
/* Frees everything at once; no lock may be held. */
void store_destroy(struct store **store);

/* The hash that the partition_* functions want for `key` (XXH3, seeded). */
uint64_t store_hash(const struct store *store, struct span key);
/* `index` is below Q. Needs no lock. */
struct partition *store_partition(struct store *store, uint32_t index);
uint32_t store_partitions(const struct store *store);

/* Bytes of entries and tables, by memory_size_class; atomic, needs no lock. A partition tells the
 * sum when it has changed by more than a little, so the answer may be off by up to 1 MiB; that of a
 * store without entries is 0, once store_reclaim is through. */
uint64_t store_memory_used(const struct store *store);
/* The bound for partition_put, 0: none. May change at any time, from any thread. */
void store_set_memory_max(struct store *store, uint64_t bytes);

static inline void partition_lock(struct partition *partition)
{
    pthread_mutex_lock(&partition->lock);
}

static inline void partition_unlock(struct partition *partition)
{
    pthread_mutex_unlock(&partition->lock);
}

/* Hints the processor that (partition, hash) will be looked up soon: first where its bucket is, and
 * when that has had time to arrive, where its entry is. To be called without the lock: both take it
 * for a moment if it is free, and do nothing if it is not. */
void partition_prefetch(struct partition *partition, uint64_t hash);
void partition_prefetch_entry(struct partition *partition, uint64_t hash);

/* Fills in `version`; its value points into the entry and is valid until the lock is released or
 * the key changes. False, with version->dot none, when there is no entry. Entries past their
 * deadline are still found: callers ask version_visible. */
bool partition_get(struct partition *partition, uint64_t hash, struct span key,
                   struct version *version);

/* Keeps `version` under `key`, in place of what was there. The value is the concatenation of
 * `pieces` (version->value is not looked at); pieces may point into the entry that is replaced.
 * On a failure nothing has changed. STORE_FULL is never said of a tombstone, nor of a version that
 * takes no more memory than the one that it replaces. */
enum store_status partition_put(struct partition *partition, uint64_t hash, struct span key,
                                const struct version *version, const struct span *pieces,
                                size_t piece_count);

/* Drops the entry; false when there was none. */
bool partition_remove(struct partition *partition, uint64_t hash, struct span key);

/* Unlinks all entries at once. They are freed little by little by store_reclaim. */
void partition_clear(struct partition *partition);
/* Frees at most about `entries` of what partition_clear unlinked; false when nothing is left.
 * Takes no partition's lock. */
bool store_reclaim(struct store *store, uint32_t entries);

/* Drops entries (tombstones too) whose deadline is at or before `now_ms`, in steps of which it
 * takes at most `limit`, and returns how many it took; less than `limit` means that there are no
 * more. A step drops one entry or moves one to a finer level of the timing wheel. The wall clock
 * may jump: a backward jump delays, a forward jump expires at once. */
uint32_t partition_expire(struct partition *partition, int64_t now_ms, uint32_t limit);

void partition_count(const struct partition *partition, struct partition_counts *counts);

/* Calls `visit` for the entries behind `cursor` (0 to begin), at least `limit` where there are as
 * many, and returns the cursor to go on from, 0 at the end. Every entry that is there from the
 * first call to the last is visited once, even when the table grows or shrinks in between. A cursor
 * is below 2^32, and any number is a safe one. `visit` must not change the partition. */
uint64_t partition_scan(struct partition *partition, uint64_t cursor, uint32_t limit,
                        void (*visit)(void *context, struct span key,
                                      const struct version *version),
                        void *context);

#endif
