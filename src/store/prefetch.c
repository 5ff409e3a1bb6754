/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a batch of look-ups will touch is fetched in rounds: the partitions' headers, the tables,
 * the buckets, the entries. A round reads what the one before it fetched, and nothing in it waits
 * for memory.
 *
 * The addresses of a round are gathered first, each under its partition's lock, and fetched in one
 * go: a fetch whose page the processor does not know yet waits for that, and beside a lock, which
 * lets nothing pass, it would wait alone.
 */
#include "base/assert.h"
#include "store/internal.h"

/* gcc 12 takes a function that does nothing but fetch for one without effects, and drops its calls
 * unless they are gone by then. */
#define FETCHES __attribute__((always_inline)) static inline

/* The cache lines that a look-up and a write touch of a header. */
FETCHES void fetch_headers(const struct store_visit *visits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct partition *partition = visits[i].partition;
        __builtin_prefetch(&partition->store); /* read first, in the next round */
        __builtin_prefetch(partition);
        __builtin_prefetch(&partition->leaves[store_leaf(visits[i].hash)]);
    }
}

/* The tables, and the segments of their buckets. No lock is between two visits here, so that the
 * processor waits for all headers at once. */
FETCHES void fetch_tables(const struct store_visit *visits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct partition *partition = visits[i].partition;
        const uint32_t buckets = atomic_load_explicit(&partition->buckets, memory_order_relaxed);
        const uint8_t *segments = atomic_load_explicit(&partition->segments_at,
                                                       memory_order_relaxed);

        __builtin_prefetch(atomic_load_explicit(&partition->table_at, memory_order_relaxed));
        if (buckets > 0)
            __builtin_prefetch(segments + table_segment(visits[i].hash, buckets) * sizeof(void *));
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
    fetch_tables(visits, count);
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
