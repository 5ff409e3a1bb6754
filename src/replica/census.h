/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The census: what INFO and RING STATUS tell of a node's partitions, summed up. It takes each
 * partition's lock for a moment, one after the other.
 */
#ifndef DUNLIN_REPLICA_CENSUS_H
#define DUNLIN_REPLICA_CENSUS_H

#include "causal/dot.h"
#include "store/store.h"

struct ring;

struct census {
    /* Of all partitions of the store. */
    uint64_t keys, expiring;
    uint64_t marks, tombstones;
    uint64_t mark_bytes;
    uint32_t floors; /* partitions that have given up marks, or inherited such a floor */
    /* Of those that the ring gives to this node. */
    uint32_t partitions;
    uint32_t recovering;
    uint64_t settled; /* a stamp: the least; 0 where nothing is settled, or there are none */
};

/* `ring` may be NULL: then no partition is this node's. */
void census_take(struct store *store, const struct ring *ring, node_number self,
                 struct census *census);

/* How long ago the settled stamp was given, ms; -1: nothing is settled. */
int64_t census_settled_age_ms(const struct census *census, int64_t now_ms);

#endif
