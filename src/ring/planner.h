/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The planner: which nodes keep which partition. A pure function of the present claims and of the
 * nodes that there shall be; the same input gives the same plan on every machine.
 *
 * Words used here. A node's share is what its weight entitles it to: of the Q primaries Q * weight
 * / sum of weights, and of the Q * N copies as much as its weight says after nobody has more than
 * one copy of a partition and no zone more than it may; what a capped node or zone cannot take is
 * shared out among the others by weight.
 *
 * Promises, for 1 to 1024 nodes, Q from 1 to 16384, N from 1 to 7, any weights and zones:
 *
 *  - each partition has min(N, nodes) copies, on distinct nodes, in min(N, zones) distinct zones,
 * and the first of a claim are in distinct zones while zones last;
 *  - each node has its share of the copies, rounded down or up: within one partition;
 *  - each node has its share of the primaries, within one partition. Where shares are capped there
 *    are small rings whose copies leave no such choice; then the planner tries other copies of the
 *    same number of moves, and at last gives the nearest that it finds (`primaries_strict` tells);
 *  - no plan that keeps the first two promises moves fewer copies, with zones or without;
 *  - given the copies, as few partitions as can be get another primary;
 *  - the partners of a node (nodes that share partitions with it) are spread, so that its load
 * falls on many when it fails. This one is statistical.
 *
 * Cost, measured for 1000 nodes, Q = 16384, N = 3 on one core of an x86-64 machine: 0.15 to 0.3 s
 * for first claims, 0.02 to 0.2 s for any change of them; about 10 MB while it runs.
 *
 * How: planner_shares.c apportions; planner_form.c draws the first claims; planner_flow.c is a
 * minimum-cost flow that changes present ones, and orders each claim rank by rank; planner_copies.c
 * and planner_order.c put the questions to it.
 */
#ifndef DUNLIN_RING_PLANNER_H
#define DUNLIN_RING_PLANNER_H

#include "base/span.h"
#include "causal/dot.h"
#include "ring/ring.h"

struct planner_node {
    node_number number; /* over 0, distinct */
    uint32_t weight;    /* over 0 */
    const char *zone;   /* nodes of equal text are in one zone; "" is a zone like any other */
};

struct planner_input {
    uint32_t partition_count; /* Q: a power of two, 1..RING_SLOTS */
    uint32_t replicas;        /* N: 1..RING_REPLICAS_MAX; cut to the number of nodes */
    const struct planner_node *nodes;
    size_t node_count; /* 1..RING_MEMBERS_MAX */
    /* The present claims, partition_count of them, or NULL. They may name nodes that leave. Only
     * `nodes` and `count` are looked at. */
    const struct ring_claim *present;
};

struct planner_plan {
    struct ring_claim
        *claims;              /* partition_count of them; the versions are 0, the caller's to set */
    uint64_t moves;           /* copies that a node gets which it did not have */
    uint64_t primary_changes; /* partitions that get another primary */
    bool primaries_strict;    /* every node's primaries are within one of its share */
};

/* Fills in `plan`, which the caller ends with planner_plan_deinit; or false, and in `error` what is
 * wrong with the input. */
bool planner_plan(const struct planner_input *input, struct planner_plan *plan,
                  char error[RING_ERROR_MAX]);
void planner_plan_deinit(struct planner_plan *plan);

#endif
