/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The hash table of a partition: linear hashing (Litwin, "Linear hashing: a new tool for file and
 * table addressing", VLDB 1980). It grows and shrinks by one bucket at a time, so that no operation
 * costs more than a few entries moved. Buckets stand in segments, so that growing copies none.
 *
 *     directory   segment 0           segment 1
 *     +-----+     +---+---+-   -+     +---+---+-   -+
 *     |  o--+---> | 0 | 1 | ... |     |16 |17 | ... |      a bucket: one cache line
 *     |  o--+---------------------->  +---+---+-   -+
 *     +-----+     +---+---+-   -+       |
 *                                       v  6 more words
 *         63     48 47           0    +---------------+------+----------+
 *         +--------+-------------+ <- | word          | .... | overflow-+--> another bucket
 *         |  tag   |  entry      |    +---------------+------+----------+
 *         +--------+-------------+
 *
 * tag: the top 16 bits of the hash, never 0; a word of 0 is free. The words of a bucket and of its
 * overflow buckets are filled from the front, without gaps. An overflow bucket is never empty.
 *
 * With n buckets, and p the highest power of two that is at most n, the bucket of a hash is
 * hash mod 2p when that is below n, else hash mod p. Only the low 32 bits of a hash say where an
 * entry stands. No entry keeps them but that of a long key: who splits a bucket hashes the other
 * keys again, which are short, and stand in the cache line that a kept hash would be read from.
 *
 * A table owns its buckets and its wheel; entries come and go by table_insert and table_remove. All
 * of it is guarded by the partition's lock. Without memory to grow or shrink, a table goes on as it
 * is and tries again at the next insert or remove.
 */
#ifndef DUNLIN_STORE_TABLE_H
#define DUNLIN_STORE_TABLE_H

#include "base/wheel.h"
#include "store/entry.h"
#include "store/hasher.h"

#define BUCKET_SLOTS    7
#define SEGMENT_BUCKETS 16u

struct bucket {
    _Alignas(64) uint64_t words[BUCKET_SLOTS];
    struct bucket *overflow;
};

_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");

struct table {
    const struct hasher *hasher; /* the owner's */
    struct bucket **segments;
    uint32_t bucket_count;     /* n, at least 1 */
    uint32_t segment_capacity; /* pointers in the directory, a power of two */
    uint64_t seen; /* the bits of a hash that it goes by: all but the hasher's cleared */
    bool clocked;  /* the owner's: looking up an entry marks it as used */
    uint64_t entry_count;
    uint64_t memory;     /* bytes of the table and its entries, without the wheel's */
    struct wheel *wheel; /* NULL while no entry has a deadline; the owner's to make */
    struct table *next;  /* in the graveyard */
    /* The owner's. */
    struct circle *tombstones; /* by their timers' links, as they came */
    uint64_t tombstone_count;
    uint64_t expiring_count;
};

/* Empty, with one bucket. NULL when there is no memory. Hashes are those of `hasher`, which stays
 * where it is. */
struct table *table_create(const struct hasher *hasher);

/* The entry that most probably has that hash, as far as its bucket tells; reads no entry. NULL:
 * there is none. */
const struct entry *table_likely(const struct table *table, uint64_t hash);
struct entry *table_find(const struct table *table, uint64_t hash, struct span key);

/* The key is not in the table. False, with nothing changed, when there is no memory. */
bool table_insert(struct table *table, uint64_t hash, struct entry *entry);
/* Puts `new` in the place of `old`, an entry of the same key that is in the table. The caller frees
 * `old`. */
void table_replace(struct table *table, uint64_t hash, struct entry *old, struct entry *new);
/* Takes `entry`, which is in the table, out of it. The caller frees it. */
void table_remove(struct table *table, uint64_t hash, struct entry *entry);

/* The bucket of `hash` among `count` buckets. */
static inline uint32_t table_address(uint32_t hash, uint32_t count)
{
    const uint32_t mask = count > 1 ? UINT32_MAX >> __builtin_clz(count - 1) : 0;
    const uint32_t index = hash & mask;

    return index < count ? index : index & (mask >> 1);
}

/* Which segment's pointer a look-up of `hash` reads in a table of so many buckets. */
static inline size_t table_segment(uint64_t hash, uint32_t bucket_count)
{
    return table_address((uint32_t)hash, bucket_count) / SEGMENT_BUCKETS;
}

static inline struct bucket *table_bucket_at(const struct table *table, uint32_t index)
{
    return &table->segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS];
}

/* The first bucket that a look-up of `hash` reads. */
static inline struct bucket *table_bucket(const struct table *table, uint64_t hash)
{
    return table_bucket_at(table,
                           table_address((uint32_t)(hash & table->seen), table->bucket_count));
}

/* The entries of bucket `index`, below bucket_count, with their memory on its way to the cache; not
 * more than `max` of them. Returns how many. */
unsigned table_bucket_entries(const struct table *table, uint32_t index, struct entry **entries,
                              unsigned max);

/* Bytes of the table, its entries and its wheel; NULL has none. */
static inline uint64_t table_memory(const struct table *table)
{
    if (table == NULL)
        return 0;
    if (table->wheel == NULL)
        return table->memory;
    return table->memory + memory_size_class(sizeof *table->wheel) + wheel_memory(table->wheel);
}

/* The low half of a hash, as the table sees it, read from its lowest bit. */
static inline uint32_t table_position(uint32_t bits)
{
    bits = __builtin_bswap32(bits);
    bits = (bits & 0x0f0f0f0f) << 4 | (bits >> 4 & 0x0f0f0f0f);
    bits = (bits & 0x33333333) << 2 | (bits >> 2 & 0x33333333);
    return (bits & 0x55555555) << 1 | (bits >> 1 & 0x55555555);
}

/* As partition_scan (store/store.h), giving entries. */
uint64_t table_scan(const struct table *table, uint64_t cursor, uint32_t limit,
                    void (*visit)(void *context, const struct entry *entry), void *context);

/* As partition_list (store/store.h), giving entries and their positions. */
uint64_t table_list(const struct table *table, uint64_t position, uint32_t limit,
                    bool (*visit)(void *context, uint32_t position, const struct entry *entry),
                    void *context);

/* Frees about *work entries, each with its bucket when that empties, and takes what it freed from
 * *work. Once begun, the table is good for nothing else. The last call frees the table and clears
 * *table. */
void table_dismantle(struct table **table, uint64_t *work);

#endif
