/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A page of a listing (SCAN, KEYS): what one replica has between two places of the ring's order, as
 * nodes send it to each other, and what several of them say together (messages LIST and LISTED).
 *
 * A place is 46 bits: the partition, and a position in it (store/store.h). A page has, for each
 * partition where there is anything to tell, a head, and then keys in the order of their places,
 * those of one position in the order of their bytes. Little-endian:
 *
 *      0     1           3
 *     +-----+-----------+------------+
 *     |  0  | partition | flushed 10 |                                            a head
 *     +-----+-----------+------------+
 *
 *      0     1          5        15         23         27
 *     +-----+----------+--------+----------+----------+-----+
 *     |  1  | position | dot 10 | deadline | key size | key |                     a key
 *     +-----+----------+--------+----------+----------+-----+
 *     |  2  | the same, of a key that was deleted           |
 *
 * Marks come beside it, those of the same interval, as sync/stream.h lays them out.
 *
 * Decided is as a read decides, of the R replicas that were asked: the newest version counts, and a
 * newer mark, flush or tombstone takes the key out. A read goes on to ask again where an absence
 * is no vote (rules 10 and 11); here a version that is shown is believed: a key that is there is
 * never left out, and one that vanished a moment before may be named once more.
 */
#ifndef DUNLIN_SYNC_PAGE_H
#define DUNLIN_SYNC_PAGE_H

#include "base/buffer.h"
#include "store/store.h"

#define PAGE_SOURCES_MAX 8
/* A page ends behind about so many bytes. */
#define PAGE_BYTES 32768u

static inline uint64_t page_place(uint32_t partition, uint64_t position)
{
    return ((uint64_t)partition << 32) + position;
}

static inline uint32_t page_partition(uint64_t place)
{
    return (uint32_t)(place >> 32);
}

/* ---- one replica's ---- */

struct page {
    bool matched; /* keys that do not match `pattern` are left out */
    struct span pattern;
    struct buffer *entries;
    struct buffer *marks;
    uint32_t seen; /* entries that were looked at, be they wanted or not */
};

/* Appends what the partition has at `place` and behind it, which is in this partition: looks at
 * about `limit` entries. Returns the place to go on from, in the next partition at the end. The
 * lock is held. */
uint64_t page_read(struct page *page, struct partition *partition, uint64_t place, uint32_t limit);

/* ---- all of them ---- */

struct page_source {
    struct span rest;
    bool there; /* the item in hand: a key, or a head where `heads` */
    bool heads;
    bool dead;
    uint64_t place;
    struct dot dot;
    int64_t deadline_ms;
    struct span key;
};

struct page_merge {
    const struct store *store; /* which hashes */
    unsigned count;
    struct page_source sources[PAGE_SOURCES_MAX];
    struct marks *marks;
    uint32_t partition; /* that `flushed` is of */
    struct dot flushed;
    uint64_t end; /* what stands at or above this place is left out */
    bool failed;  /* no memory, or what a node sent is no page */
};

void page_merge_init(struct page_merge *merge, const struct store *store);
void page_merge_deinit(struct page_merge *merge);
/* The bytes of another source, which ended at `end`. All sources come first, at most
 * PAGE_SOURCES_MAX. */
void page_merge_add(struct page_merge *merge, struct span entries, struct span marks, uint64_t end);
/* The next key that is there, in the order of places. False at the end, and on `failed`. */
bool page_merge_next(struct page_merge *merge, int64_t now_ms, struct span *key);

#endif
