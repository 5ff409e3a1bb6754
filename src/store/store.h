/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store of a node: an entry for each key, in one hash table a partition. All workers share it.
 * Each partition carries its own lock; a caller holds it for one operation on memory, never across
 * I/O, and never two at once. Functions named partition_* want the lock held unless they say
 * otherwise.
 *
 * A version is kept as it was given: the store does not compare dots (src/replica decides what may
 * replace what). What vanishes from it, it remembers as long as it matters (design: What may
 * vanish): a version that is evicted or expires leaves a mark, unless it is settled; marks and
 * tombstones go once they are settled; marks are bounded, and past the bound the oldest raise the
 * floor. Marks are kept by the key's hash, which is the same on all nodes of a ring.
 */
#ifndef DUNLIN_STORE_STORE_H
#define DUNLIN_STORE_STORE_H

#include <stdatomic.h>

#include "base/block.h"
#include "base/latch.h"
#include "base/span.h"
#include "value/version.h"

struct entry;
struct marks;
struct mates;
struct taken;
struct store;
struct table;

struct store_options {
    uint32_t partitions;   /* Q: a power of two, 1..16384 */
    uint64_t seed;         /* of the hash, until store_set_seed */
    int64_t now_ms;        /* wall clock; the wheels start here */
    uint64_t hash_cleared; /* bits of a hash that tables take for 0: none, but in tests of
                            * collisions */
};

enum store_status {
    STORE_OK,
    STORE_FULL,      /* the entry does not fit below memory_max */
    STORE_NO_MEMORY, /* the allocator has nothing left */
};

/* What a partition's contents are compared by: its keys are cut into so many leaves, by their
 * hash, and each leaf has the sum of the digests of its versions (sync/). */
#define PARTITION_LEAVES 16

/* The header of a partition. Its first cache line holds what a look-up reads before it goes on to
 * the table, the second what else a write reads, and what is fetched ahead by; then comes what is
 * rare, and the leaves in two lines. claim_version, last_stamp, flushed, flush_cursor, eligible,
 * recovering, forgotten and doubts belong to src/replica and above: the store only keeps them here,
 * beside the lock that guards them. */
struct partition {
    _Alignas(64) struct latch lock;
    bool eligible;          /* this node is a replica here, and its clock is in line */
    bool recovering;        /* it forgot, and has not recovered: it does not vote (rule 12) */
    bool flushing;          /* entries at or below `flushed` may be here yet, behind flush_cursor */
    uint64_t claim_version; /* of the claim this node goes by, 0: it has none (ring/ring.h) */
    struct table *table;    /* the store's; NULL while there is no entry */
    struct dot flushed;     /* all versions at or below this dot are dead (FLUSHALL), for good */
    uint64_t last_stamp;    /* the highest stamp issued or accepted here */
    uint64_t settled;       /* a stamp: nothing at or below it is missing at any replica */
    uint64_t floor;         /* a stamp: marks at or below it may have been given up */

    _Alignas(64) struct store *store;
    struct marks *marks;  /* the store's; NULL while there is none */
    uint64_t memory_told; /* the store's: what its sum of memory has of this partition */
    uint64_t forgotten;   /* while recovering, a stamp: what this node acknowledged at or below it,
                           * it may have forgotten */
    /* The store's own. Where the table and its buckets' segments were of late, and how many buckets
     * there were: read without the lock, to fetch what is there, never to look at it. */
    _Atomic(const void *) table_at;
    _Atomic(const void *) segments_at;
    _Atomic uint32_t buckets;
    uint32_t index;    /* 0..Q-1 */
    uint32_t recovery; /* raised when it has to be recovered anew */

    _Alignas(64) uint32_t flush_cursor; /* of partition_scan */
    uint32_t doubts;     /* how often this node dropped what it owed here, since the replicas were
                          * compared */
    struct mates *mates; /* of batches that are not settled (mates.h); NULL while there is none */
    struct taken *taken; /* versions of others' writes (taken.h); NULL while there is none */
    /* The store's own. */
    int64_t wheel_now_ms; /* the last time handed to partition_expire */
    uint64_t expired_total;
    uint64_t evicted_total;
    uint64_t clock_visit; /* the hand of eviction: the bucket that it has come to, and in which */
    uint32_t clock_hand;  /* visit (clock.c) */
    uint32_t mates_count;

    _Alignas(64) uint64_t leaves[PARTITION_LEAVES];
};

/* Whether this node's answers count in a read's R here. */
static inline bool partition_votes(const struct partition *partition)
{
    return partition->eligible && !partition->recovering;
}

struct partition_counts {
    uint64_t keys; /* entries that are not tombstones, expired or not */
    uint64_t tombstones;
    uint64_t expiring; /* keys with a deadline */
    uint64_t expired;  /* entries that partition_expire ever dropped */
    uint64_t evicted;  /* entries that were ever dropped for want of memory */
    uint64_t marks;
    uint64_t mark_bytes; /* what those take */
};

/* What happens when memory_max is reached: the words of maxmemory-policy, in its order. */
enum store_policy {
    STORE_NOEVICTION,
    STORE_ALLKEYS_CLOCK, /* a second chance for what was used since the hand last came by */
};

struct store *store_create(const struct store_options *options);
/* Frees everything at once; no lock may be held. */
void store_destroy(struct store **store);

/* The one hash of `key` (store/hasher.h), which the partition_* functions want: tables, marks,
 * leaves and the order of scans go by it. */
uint64_t store_hash(const struct store *store, struct span key);
/* For who takes a ring: its seed. Nothing is in the store, and nobody puts anything there meanwhile
 * (partitions' claim versions are 0). A hash from before is refused later on by the claim's version
 * that it came with. */
void store_set_seed(struct store *store, uint64_t seed);
/* `index` is below Q. Needs no lock. */
struct partition *store_partition(struct store *store, uint32_t index);
uint32_t store_partitions(const struct store *store);

/* Bytes of entries, tables and marks, by memory_size_class, and what was charged; atomic, needs no
 * lock. A partition tells the sum when it has changed by more than a little, so the answer may be
 * off by up to 1 MiB, or a 64th of memory_max; that of a store without entries and marks is what
 * was charged, once store_reclaim is through. */
uint64_t store_memory_used(const struct store *store);
/* The bound for partition_put, 0: none. May change at any time, from any thread. */
void store_set_memory_max(struct store *store, uint64_t bytes);

static inline void partition_lock(struct partition *partition)
{
    latch_take(&partition->lock);
}

static inline void partition_unlock(struct partition *partition)
{
    latch_release(&partition->lock);
}

/* What a worker holds besides the store and counts against memory_max: hints, buffers, requests.
 * Added to memory_used; negative gives back. */
void store_charge(struct store *store, int64_t bytes);
/* May change at any time, from any thread. */
void store_set_policy(struct store *store, enum store_policy policy);
/* Makes room for `bytes` below memory_max by evicting, a bounded number of entries and one
 * partition's lock at a time: to be called without any lock, before a partition_put that may need
 * it. False when there is no room: nothing may be evicted, or not enough in one call. Cheap when
 * there is room. `evicted` is raised by how many entries went. */
bool store_make_room(struct store *store, size_t bytes, uint64_t *evicted);
/* What partition_put may need for one key and value, bytes. */
size_t store_room_for(size_t key_size, size_t value_size);
/* store_make_room for that; where there is plenty nothing is computed. */
bool store_make_room_for(struct store *store, size_t key_size, size_t value_size,
                         uint64_t *evicted);

/* One more (1) or less (-1) wants what changes here to be noted (changes.h). To be called without
 * any lock. */
void store_watch(struct store *store, int by);
/* Whether anything was noted that nobody took yet. */
bool store_changed(const struct store *store);
/* Appends what was noted to `records`, as changed_next reads it; where there is no memory,
 * records->failed, and it is lost. Any thread may take. */
void store_take_changes(struct store *store, struct buffer *records);

/* The leaf of a key with that hash. */
static inline unsigned store_leaf(uint64_t hash)
{
    return (unsigned)(hash >> 60);
}
/* What a version adds to its leaf: `content` is version_digest of it, since a dot does not tell
 * sets apart. Tombstones add nothing, those of sets neither: each replica drops them when it learns
 * that they are settled. Two that differ in their contexts alone do so until then, and no longer.
 * Sums wrap. The same on all machines: the golden ratio, which keeps apart all dots that there can
 * be, and a round of Murmur's finalizer. */
static inline uint64_t store_version_digest(uint64_t hash, struct dot dot, uint64_t content)
{
    uint64_t digest = hash ^ content ^ (dot.stamp * UINT64_C(0x9e3779b97f4a7c15) + dot.node);

    digest = (digest ^ digest >> 32) * UINT64_C(0xff51afd7ed558ccd);
    return digest ^ digest >> 29;
}

/* A look-up that is to come soon. */
struct store_visit {
    struct partition *partition;
    uint64_t hash;
};

/* Visits of one batch. */
#define STORE_PREFETCH_MAX 16

/* Hints the processor that these look-ups come soon, so that it waits for the memory of all of them
 * at once and not of one after another. To be called without a lock: takes each partition's for a
 * moment where it is free, and leaves out those where it is not. */
void store_prefetch(const struct store_visit *visits, size_t count);

/* Fills in `version`; its value points into the entry and is valid until the lock is released or
 * the key changes. False, with version->dot none, when there is no entry. Entries past their
 * deadline are still found: callers ask version_visible. */
bool partition_get(struct partition *partition, uint64_t hash, struct span key,
                   struct version *version);

/* As partition_get. What it returns, NULL when there is no entry, is for partition_put_over alone,
 * before anything else of the partition changes. */
struct entry *partition_find(struct partition *partition, uint64_t hash, struct span key,
                             struct version *version);

/* Keeps `version` under `key`, in place of what was there, and of its mark. The value is the
 * concatenation of `pieces` (version->value is not looked at); pieces may point into the entry that
 * is replaced. On a failure nothing has changed. STORE_FULL is never said of a tombstone, nor of a
 * version that takes no more memory than the one that it replaces. */
enum store_status partition_put(struct partition *partition, uint64_t hash, struct span key,
                                const struct version *version, const struct span *pieces,
                                size_t piece_count);
/* The same where partition_find has just found `old`, and need not be looked for again. */
enum store_status partition_put_over(struct partition *partition, uint64_t hash, struct span key,
                                     struct entry *old, const struct version *version,
                                     const struct span *pieces, size_t piece_count);
/* Whether a value that lies in a block of that capacity may be kept there: it is large, and fills
 * it. */
bool store_may_share(size_t capacity, size_t value_size);
/* The same with version->value, which lies in `block`: where it is large and fills it, the entry
 * takes a share of the block in place of a copy. Nobody writes to the block any more. */
enum store_status partition_put_block(struct partition *partition, uint64_t hash, struct span key,
                                      struct entry *old, const struct version *version,
                                      struct block *block);

/* A share of the block that the key's value lies in, where it is large and has one; else NULL. The
 * value stays there, whatever becomes of the key, until the share is given back. */
struct block *partition_share_value(const struct partition *partition, uint64_t hash,
                                    struct span key);

/* Drops the entry without a trace; false when there was none. */
bool partition_remove(struct partition *partition, uint64_t hash, struct span key);

/* The same by a write with that dot, a delete that need not be remembered. */
bool partition_delete(struct partition *partition, uint64_t hash, struct span key, struct dot dot);

/* Drops the entry as one that is evicted (rule 3): it leaves a mark, unless it is settled. False
 * when there was none. */
bool partition_vanish(struct partition *partition, uint64_t hash, struct span key);

/* There is no room for a version that is owed to this node: what is here goes, and leaves its mark,
 * as if the version had been kept and evicted at once. */
void partition_leave_out(struct partition *partition, uint64_t hash, struct span key,
                         struct dot dot);

/* ---- marks, floor, settled ---- */

/* The mark of the key; DOT_NONE where there is none, and where there is an entry. */
struct dot partition_mark(const struct partition *partition, uint64_t hash, struct span key);
/* Leaves a mark for a key that has no entry, unless it has a higher one or `dot` is settled. A full
 * table of marks (store.c has the bound; of memory_max it is an eighth at most) gives up its oldest
 * and raises the floor (rule 5). */
void partition_leave_mark(struct partition *partition, uint64_t hash, struct dot dot);
void partition_raise_floor(struct partition *partition, uint64_t stamp);
/* All at or below `stamp` is settled: marks and tombstones there go (rules 4 and 6), at most about
 * `limit` in a call; true when there are more. A lower stamp than before only goes on with that. */
bool partition_settle(struct partition *partition, uint64_t stamp, uint32_t limit);
/* All at or below `dot` is dead from now on: marks go, and entries count as not there for whoever
 * looks at `flushed`. The caller removes them later, and clears `flushing`. */
void partition_flush(struct partition *partition, struct dot dot);
/* Calls `visit` for each mark. */
void partition_scan_marks(const struct partition *partition,
                          void (*visit)(void *context, uint64_t hash, struct dot dot),
                          void *context);

/* Unlinks all entries at once, and drops the marks at or below `flushed`. The entries are freed
 * little by little by store_reclaim. */
void partition_clear(struct partition *partition);
/* Frees at most about `entries` of what partition_clear unlinked; false when nothing is left.
 * Takes no partition's lock. */
bool store_reclaim(struct store *store, uint32_t entries);

/* Drops entries whose deadline is at or before `now_ms`; they leave marks, sets of siblings
 * tombstones with their contexts, unless they are settled (rules 3 and 7). It works in steps of
 * which it takes at most `limit`, and returns how many it took; less than `limit` means that there
 * are no more. A step drops one entry or moves one to a finer level of the timing wheel. The wall
 * clock may jump: a backward jump delays, a forward jump expires at once. */
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

/* ---- the order of a ring ----
 *
 * A key's position is the low half of its hash, read from its lowest bit: the same at all nodes of
 * a ring, and in that order scans go through a table, whatever its size. */

#define POSITION_END (UINT64_C(1) << 32)

/* Calls `visit` for the entries at `position` and behind it, in the order of their positions, and
 * those of one position all or none: until it has been called `limit` times, or once `visit` has
 * returned false. Returns the position to go on from, POSITION_END at the end: what was there all
 * the time below that, and at or above `position`, was visited, once. `visit` must not change the
 * partition. */
uint64_t partition_list(struct partition *partition, uint64_t position, uint32_t limit,
                        bool (*visit)(void *context, uint32_t position, struct span key,
                                      const struct version *version),
                        void *context);

/* The position of a key with that hash. */
uint32_t store_position(const struct store *store, uint64_t hash);

#endif
