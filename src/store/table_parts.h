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

/* The low half of the entry's hash, as far as the table goes by it. */
static inline uint32_t hash_of(const struct table *table, const struct entry *entry)
{
    if ((entry->traits & ENTRY_LONG) != 0)
        return entry_long(entry)->hash & (uint32_t)table->seen;
    return (uint32_t)(hasher_hash(table->hasher, entry_key(entry)) & table->seen);
}

#endif
