/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a batch of look-ups will touch is fetched in rounds: the partitions' headers, the buckets,
 * the entries. A round reads what the one before it fetched, and nothing in it waits for memory.
 *
 * The addresses of a round are gathered first, each under its partition's lock, and fetched in one
 * go: a fetch whose page the processor does not know yet waits for that, and beside a lock, which
 * lets nothing pass, it would wait alone.
 */
#include "base/assert.h"
#include "store/internal.h"

/* The cache lines that a look-up and a write touch of a header. */
static void fetch_headers(const struct store_visit *visits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct partition *partition = visits[i].partition;
        __builtin_prefetch(partition);
        __builtin_prefetch(&partition->store);
        __builtin_prefetch(&partition->leaves[0]);
        __builtin_prefetch(&partition->leaves[PARTITION_LEAVES - 1]);
    }
}

/* Where in its partition's table the visit will look; NULL where there is none, or somebody else
 * has the lock. What is there may be gone by now: it is not to be read. */
static const void *address(const struct store_visit *visit,
                           const void *(*look)(const struct table *table, uint64_t hash))
{
    struct partition *partition = visit->partition;
    const void *at = NULL;

    if (!latch_try(&partition->lock))
        return NULL;
    if (partition->table != NULL)
        at = look(partition->table, visit->hash);
    latch_release(&partition->lock);
    return at;
}

static const void *bucket_of(const struct table *table, uint64_t hash)
{
    return table_bucket(table, hash);
}

static const void *entry_of(const struct table *table, uint64_t hash)
{
    return table_likely(table, hash);
}

void store_prefetch(const struct store_visit *visits, size_t count)
{
    const void *at[STORE_PREFETCH_MAX];

    ensure(count <= STORE_PREFETCH_MAX);
    fetch_headers(visits, count);
    for (size_t i = 0; i < count; i++)
        at[i] = address(&visits[i], bucket_of);
    for (size_t i = 0; i < count; i++)
        if (at[i] != NULL)
            __builtin_prefetch(at[i]);
    for (size_t i = 0; i < count; i++)
        at[i] = address(&visits[i], entry_of);
    for (size_t i = 0; i < count; i++) {
        if (at[i] == NULL)
            continue;
        __builtin_prefetch(at[i]);
        __builtin_prefetch((const uint8_t *)at[i] + 64);
        __builtin_prefetch((const uint8_t *)at[i] + 95); /* the end of a small one */
    }
}
