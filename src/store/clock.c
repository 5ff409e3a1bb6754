/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Eviction by CLOCK (Corbato, "A paging experiment with the Multics system", 1968): a hand goes
 * round over all entries, takes what was not used since it last came by, and gives what was used a
 * second chance.
 *
 * The hand of the node counts visits to partitions. So that no partition loses many entries at a
 * time (their marks would overflow, and its lock would be everybody's), a visit is to one part in
 * CLOCK_SLICES of a partition's buckets, and CLOCK_SLICES laps over the partitions are one round
 * over the entries:
 *
 *     visit v:  partition v mod Q, slice (v div Q + partition) mod CLOCK_SLICES
 *
 * A partition keeps how far its own hand has come in which visit, so that a visit may be broken off
 * where there is room, and gone on with by the next who wants some. Who finds a partition locked
 * goes on to the next visit, and leaves the node's hand where it is.
 *
 * A call gives a bounded number of second chances; when they are used up, what the hand finds goes.
 * Without this bound, the first to want room in a cache where all was used would go all the way
 * round.
 */
#include "base/assert.h"
#include "store/internal.h"

#define CLOCK_SLICES 16u

/* Bounds of a call: visits (16 find one bucket where a partition has but one); entries that go, for
 * large values one more for so many bytes, up to a most, and as many second chances. */
#define CLOCK_VISITS_MAX      1024u
#define CLOCK_VICTIMS         256u
#define CLOCK_BYTES_A_VICTIM  32u
#define CLOCK_VICTIMS_MAX     16384u
#define CLOCK_RECLAIMS_MAX    4u  /* times, */
#define CLOCK_RECLAIM_ENTRIES 64u /* so many of what was cleared, before anything is evicted */

/* Of the partitions that are found locked, one in this many is waited for. */
#define CLOCK_BUSY_MAX 8u

/* Entries of one bucket that are looked at. A bucket has some 5; only a bad hash has more. */
#define CLOCK_CHAIN_MAX 32u

/* A key and its value take less than twice their bytes and these: their header, the header of a
 * block, and what size classes round up. */
#define ROOM_AROUND 1024u

struct sweep {
    struct store *store;
    uint64_t wanted; /* bytes */
    uint32_t chances;
    uint32_t victims; /* that may still go */
    uint64_t evicted;
};

static bool has_room(const struct store *store, uint64_t bytes)
{
    const uint64_t max = store_memory_max(store);

    return max == 0 || store_memory_used(store) + bytes <= max;
}

/* Buckets of `count` before the slice. */
static uint32_t slice_begin(uint32_t count, uint32_t slice)
{
    return (uint32_t)((uint64_t)count * slice / CLOCK_SLICES);
}

static void pass_bucket(struct sweep *sweep, struct partition *partition, uint32_t index)
{
    struct entry *entries[CLOCK_CHAIN_MAX];
    const unsigned count = table_bucket_entries(partition->table, index, entries, CLOCK_CHAIN_MAX);

    for (unsigned i = 0; i < count && sweep->victims > 0; i++) {
        if ((entries[i]->traits & ENTRY_USED) != 0 && sweep->chances > 0) {
            entries[i]->traits &= (uint8_t)~ENTRY_USED;
            sweep->chances--;
            continue;
        }
        partition_evict(partition, entries[i]);
        sweep->victims--;
        sweep->evicted++;
    }
}

/* Goes on with visit number `at` until there is room; true when it is through with it. */
static bool pass_slice(struct sweep *sweep, struct partition *partition, uint64_t at)
{
    struct table *table = partition->table;
    const uint32_t slice = (uint32_t)((at / sweep->store->count + partition->index) % CLOCK_SLICES);

    if (table == NULL || partition->clock_visit > at)
        return true;
    table->clocked = true;
    if (partition->clock_visit != at) {
        partition->clock_visit = at;
        partition->clock_hand = slice_begin(table->bucket_count, slice);
    }
    while (partition->clock_hand < slice_begin(table->bucket_count, slice + 1)) {
        if (sweep->victims == 0 || partition_fits(partition, sweep->wanted))
            return false;
        pass_bucket(sweep, partition, partition->clock_hand++);
    }
    return true;
}

static bool visit(struct sweep *sweep, struct partition *partition, uint64_t at)
{
    const uint64_t before = sweep->evicted;
    const bool through = pass_slice(sweep, partition, at);

    if (sweep->evicted > before) {
        partition_finish(partition);
        partition_tell_memory(partition);
    }
    return through;
}

static void run_clock(struct sweep *sweep)
{
    struct store *store = sweep->store;
    uint64_t at = atomic_load_explicit(&store->clock_hand, memory_order_relaxed);
    uint32_t busy = 0;

    for (uint32_t visits = 0; visits < CLOCK_VISITS_MAX; visits++, at++) {
        struct partition *partition = &store->partitions[at % store->count];

        if (!latch_try(&partition->lock)) {
            if (++busy % CLOCK_BUSY_MAX != 0)
                continue;
            partition_lock(partition);
        }
        const bool through = visit(sweep, partition, at);
        partition_unlock(partition);
        if (!through)
            return;
        uint64_t expected = at;
        atomic_compare_exchange_strong_explicit(&store->clock_hand, &expected, at + 1,
                                                memory_order_relaxed, memory_order_relaxed);
        if (sweep->victims == 0 || has_room(store, sweep->wanted))
            return;
    }
}

static uint32_t victims_for(size_t bytes)
{
    const size_t victims = CLOCK_VICTIMS + bytes / CLOCK_BYTES_A_VICTIM;

    return victims < CLOCK_VICTIMS_MAX ? (uint32_t)victims : CLOCK_VICTIMS_MAX;
}

bool store_make_room(struct store *store, size_t bytes, uint64_t *evicted)
{
    const uint64_t max = store_memory_max(store);

    if (max == 0)
        return true;
    if (bytes > max)
        return false;
    /* A partition that is about to grow may have that much more than it told. */
    struct sweep sweep = {.store = store, .wanted = bytes + store_slack(store)};
    if (has_room(store, sweep.wanted))
        return true;
    for (uint32_t i = 0; i < CLOCK_RECLAIMS_MAX && !has_room(store, sweep.wanted); i++)
        if (!store_reclaim(store, CLOCK_RECLAIM_ENTRIES))
            break;
    if (store_evicts(store) && !has_room(store, sweep.wanted)) {
        sweep.victims = sweep.chances = victims_for(bytes);
        run_clock(&sweep);
        *evicted += sweep.evicted;
    }
    return has_room(store, bytes);
}

bool store_make_room_for(struct store *store, size_t key_size, size_t value_size, uint64_t *evicted)
{
    /* More than store_room_for would say, and nearly always there. */
    const size_t plenty = 2 * (key_size + value_size) + ROOM_AROUND;

    return has_room(store, plenty + store_slack(store)) ||
           store_make_room(store, store_room_for(key_size, value_size), evicted);
}

size_t store_room_for(size_t key_size, size_t value_size)
{
    const size_t inside = entry_memory_for(ENTRY_PARTS & ~ENTRY_APART, key_size, value_size);
    const size_t apart = entry_memory_for(ENTRY_PARTS, key_size, value_size);

    return value_size < BLOCK_SHARED_MIN || apart < inside ? inside : apart;
}
