/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the table share: table.c (entries come and go), table_scan.c (scans). Nobody
 * else includes it.
 */
#ifndef DUNLIN_STORE_TABLE_PARTS_H
#define DUNLIN_STORE_TABLE_PARTS_H

#include "store/table.h"

#define ENTRY_MASK ((UINT64_C(1) << 48) - 1)
#define TAG_SHIFT  48

static inline struct entry *word_entry(uint64_t word)
{
    return (struct entry *)(uintptr_t)(word & ENTRY_MASK);
}

/* The bucket of `hash` among `count` buckets. */
static inline uint32_t address(uint32_t hash, uint32_t count)
{
    const uint32_t mask = count > 1 ? UINT32_MAX >> __builtin_clz(count - 1) : 0;
    const uint32_t index = hash & mask;

    return index < count ? index : index & (mask >> 1);
}

static inline struct bucket *bucket_at(const struct table *table, uint32_t index)
{
    return &table->segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS];
}

/* The low half of the entry's hash, as far as the table goes by it. */
static inline uint32_t hash_of(const struct table *table, const struct entry *entry)
{
    if ((entry->traits & ENTRY_LONG) != 0)
        return entry_long(entry)->hash & (uint32_t)table->seen;
    return (uint32_t)(hasher_hash(table->hasher, entry_key(entry)) & table->seen);
}

#endif
