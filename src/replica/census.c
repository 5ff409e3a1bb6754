/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/census.h"

#include "causal/hlc.h"
#include "ring/ring.h"

static void add(struct census *census, const struct partition *partition, bool owned)
{
    struct partition_counts counts;

    partition_count(partition, &counts);
    census->keys += counts.keys;
    census->expiring += counts.expiring;
    census->marks += counts.marks;
    census->mark_bytes += counts.mark_bytes;
    census->tombstones += counts.tombstones;
    census->floors += partition->floor > 0;
    if (!owned)
        return;
    if (census->partitions == 0 || partition->settled < census->settled)
        census->settled = partition->settled;
    census->partitions++;
    census->recovering += partition->recovering;
}

void census_take(struct store *store, const struct ring *ring, node_number self,
                 struct census *census)
{
    const uint32_t owned_max = ring != NULL ? ring_partition_count(ring) : 0;

    *census = (struct census){0};
    for (uint32_t p = 0; p < store_partitions(store); p++) {
        struct partition *partition = store_partition(store, p);
        const bool owned = p < owned_max && ring_claim_index(ring_claim(ring, p), self) >= 0;
        partition_lock(partition);
        add(census, partition, owned);
        partition_unlock(partition);
    }
}

int64_t census_settled_age_ms(const struct census *census, int64_t now_ms)
{
    const int64_t age_ms = now_ms - hlc_ms(census->settled);

    if (census->settled == 0)
        return -1;
    return age_ms > 0 ? age_ms : 0;
}
