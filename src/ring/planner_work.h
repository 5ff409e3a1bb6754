/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the planner's files share: the question in small indices. Nodes are 0..node_count-1 in the
 * order of their numbers, zones 0..zone_count-1. Where all nodes are in one zone, each is given a
 * zone of its own: that is the same question, and spares a case.
 */
#ifndef DUNLIN_RING_PLANNER_WORK_H
#define DUNLIN_RING_PLANNER_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

#define PLANNER_NONE UINT16_MAX /* no node */

/* numerator / denominator, and the whole numbers around it. */
struct planner_share {
    uint64_t numerator;
    uint64_t denominator;
    uint32_t low;
    uint32_t high;
};

struct planner_work {
    uint32_t node_count;
    uint32_t zone_count;
    uint32_t partition_count;
    uint32_t copies;      /* N, at most node_count */
    uint32_t zone_spread; /* min(N, zone_count): distinct zones in each claim */

    uint32_t *weights; /* of each node */
    uint16_t *zones;   /* of each node */

    struct planner_share *copy_shares;    /* of each node */
    struct planner_share *zone_shares;    /* of each zone, in copies */
    struct planner_share *primary_shares; /* of each node */

    /* A row of RING_REPLICAS_MAX nodes for each partition; PLANNER_NONE for nodes that leave. */
    uint16_t *present;
    uint16_t *claims; /* a row of `copies` nodes for each partition */
    bool has_present; /* some copy could stay */

    struct rng rng; /* from a fixed seed: a choice among equals, the same everywhere */
};

static inline double planner_remainder(const struct planner_share *share)
{
    return (double)(share->numerator % share->denominator) / (double)share->denominator;
}

/* planner_shares.c: fills in the three arrays of shares. */
void planner_shares(struct planner_work *work);
/* planner_form.c: fills in the claims, unordered, where no copy could stay. */
void planner_form(struct planner_work *work);
/* planner_copies.c: fills in the claims, unordered, with as few moves as can be. */
void planner_copies(struct planner_work *work);
/* planner_order.c: puts each claim in order. `strict`: changes nothing and returns false when some
 * node could not get its share of the primaries; else always true. */
bool planner_order(struct planner_work *work, bool strict);

/* A random order of 0..count-1. */
void planner_shuffle(struct rng *rng, uint32_t *order, uint32_t count);
/* Swaps the items of an array at random; count is below 2^21. */
void planner_shuffle_nodes(struct rng *rng, uint16_t *nodes, uint32_t count);

#endif
