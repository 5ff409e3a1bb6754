/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A minimum-cost flow that gives partitions to nodes. Each partition has `slots` places, for
 * distinct nodes in min(slots, zone_count) distinct zones; node i takes between low[i] and high[i]
 * places; a pair (node, partition) is free, costs 1, or is forbidden; the sum of costs is least.
 *
 *                     low             pair          one each      hub, one each
 *          source ----------> node --------> gate ---------> partition ---------> sink
 *             \              /                (partition, zone)  \                 /
 *              \-> extras --/                                     \-> spare ------/
 *           the rest   high - low                             slots - zones, where above 0
 *
 * A unit passes the gate of its node's zone. Where there are at least as many zones as slots, a
 * gate lets one unit pass. Where there are fewer, the first unit of each gate fills the zone's own
 * place and all others share the spare places.
 *
 * The algorithm is primal-dual (Ford and Fulkerson, "Flows in Networks", 1962, chapter III; the
 * Hungarian method is its case for matchings): a potential for each vertex, paths along arcs of
 * reduced cost 0 only, found depth first; when there is none, the potentials of all that was not
 * reached rise by 1. So every state is the cheapest for the units that it has placed. Costs are 0
 * or 1, so that the potentials stay small, and pairs stand in bit rows, not in lists of arcs.
 */
#ifndef DUNLIN_RING_PLANNER_FLOW_H
#define DUNLIN_RING_PLANNER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct planner_flow;

struct planner_flow_options {
    uint32_t node_count;
    uint32_t partition_count; /* a power of two */
    uint32_t slots;           /* of each partition */
    uint32_t zone_count;
    const uint16_t *zones; /* of each node; borrowed */
    const uint32_t *low;   /* of each node; borrowed */
    const uint32_t *high;  /* of each node; borrowed */
    bool all_allowed;      /* else only pairs named by planner_flow_allow */
};

struct planner_flow *planner_flow_create(const struct planner_flow_options *options);
void planner_flow_destroy(struct planner_flow **flow);

/* Says that the pair may be used, at the cost of 1. */
void planner_flow_allow(struct planner_flow *flow, uint32_t node, uint32_t partition);
/* Says that the pair may be used for nothing. */
void planner_flow_allow_free(struct planner_flow *flow, uint32_t node, uint32_t partition);

/* Whether the node could take a place of the partition as things stand. */
bool planner_flow_fits(const struct planner_flow *flow, uint32_t node, uint32_t partition);
/* Lets it take it. Before planner_flow_solve_free only for free pairs, after it for any: the state
 * stays the cheapest, and the solver has less to do. */
void planner_flow_place(struct planner_flow *flow, uint32_t node, uint32_t partition);

/* Places as many units as free pairs can hold. Once, before planner_flow_solve. */
void planner_flow_solve_free(struct planner_flow *flow);
/* Places all units; false when that cannot be. */
bool planner_flow_solve(struct planner_flow *flow);

/* The partition's nodes; *count of its slots are filled. */
const uint16_t *planner_flow_holders(const struct planner_flow *flow, uint32_t partition,
                                     uint32_t *count);
/* The places that `node` has. */
uint32_t planner_flow_load(const struct planner_flow *flow, uint32_t node);

#endif
