/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order within the claims, rank by rank: a flow of one slot a partition, over the nodes that
 * have a copy and no rank yet, where staying at the present rank costs nothing. Rank 0, the
 * primaries, goes by the shares of primaries. For each later rank every partition counts for each
 * of its m candidates as 1/m, and a node gets the sum of its parts, rounded down or up: the parts
 * are a fractional solution, so there is a whole one. This keeps the first k of all claims balanced
 * too, for rules with a smaller N. Where there are fewer zones than copies, the candidates for the
 * first ranks are those in zones that the claim does not have yet.
 */
#include "ring/planner_work.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ring/planner_flow.h"
#include "ring/ring.h"

#define PARTS 420 /* a multiple of all numbers up to RING_REPLICAS_MAX */

struct order {
    struct planner_work *work;
    uint16_t *own_zones; /* of each node: one slot a partition needs no zones */
    uint64_t *parts;     /* of each node, in PARTS of a partition */
    uint32_t *low;
    uint32_t *high;
    uint16_t *ranked; /* the claims, in order up to `rank` */
    uint32_t rank;
};

static bool in_row(const uint16_t *row, uint32_t count, uint16_t node)
{
    for (uint32_t i = 0; i < count; i++) {
        if (row[i] == node)
            return true;
    }
    return false;
}

/* Whether the zone of `node` is in the ranked part of the row. */
static bool zone_in_row(const struct order *order, const uint16_t *row, uint16_t node)
{
    const uint16_t *zones = order->work->zones;

    for (uint32_t i = 0; i < order->rank; i++) {
        if (zones[row[i]] == zones[node])
            return true;
    }
    return false;
}

/* Lists the nodes of the partition's claim that may have this rank; returns how many. */
static uint32_t candidates_of(const struct order *order, uint32_t partition, uint16_t *candidates)
{
    const struct planner_work *work = order->work;
    const uint16_t *claim = &work->claims[(size_t)partition * work->copies];
    const uint16_t *row = &order->ranked[(size_t)partition * work->copies];
    const bool new_zone = order->rank < work->zone_spread && work->zone_spread < work->copies;
    uint32_t count = 0;

    for (uint32_t k = 0; k < work->copies; k++) {
        if (!in_row(row, order->rank, claim[k]) && !(new_zone && zone_in_row(order, row, claim[k])))
            candidates[count++] = claim[k];
    }
    return count;
}

static void fill_in_pairs(const struct order *order, struct planner_flow *flow)
{
    const struct planner_work *work = order->work;

    for (uint32_t p = 0; p < work->partition_count; p++) {
        uint16_t candidates[RING_REPLICAS_MAX];
        const uint32_t count = candidates_of(order, p, candidates);
        const uint16_t present = work->present[(size_t)p * RING_REPLICAS_MAX + order->rank];

        for (uint32_t i = 0; i < count; i++) {
            if (candidates[i] == present)
                planner_flow_allow_free(flow, candidates[i], p);
            else
                planner_flow_allow(flow, candidates[i], p);
        }
        if (in_row(candidates, count, present) && planner_flow_fits(flow, present, p))
            planner_flow_place(flow, present, p);
    }
}

/* Gives each partition without a node for this rank the candidate that is furthest below its bound.
 */
static void place_greedily(const struct order *order, struct planner_flow *flow)
{
    const struct planner_work *work = order->work;

    for (uint32_t p = 0; p < work->partition_count; p++) {
        uint16_t candidates[RING_REPLICAS_MAX];
        const uint32_t count = candidates_of(order, p, candidates);
        double best_need = 0;
        int best = -1;

        for (uint32_t i = 0; i < count; i++) {
            const uint16_t node = candidates[i];

            if (!planner_flow_fits(flow, node, p))
                continue;

            const double need = 1.0 -
                                (double)planner_flow_load(flow, node) / (double)order->high[node];

            if (best < 0 || need > best_need) {
                best = node;
                best_need = need;
            }
        }
        if (best >= 0)
            planner_flow_place(flow, (uint32_t)best, p);
    }
}

/* One rank within order->low and order->high; false, and nothing done, when that cannot be. */
static bool solve_rank(struct order *order)
{
    const struct planner_work *work = order->work;
    const struct planner_flow_options options = {
        .node_count = work->node_count,
        .partition_count = work->partition_count,
        .slots = 1,
        .zone_count = work->node_count,
        .zones = order->own_zones,
        .low = order->low,
        .high = order->high,
    };
    struct planner_flow *flow = planner_flow_create(&options);

    fill_in_pairs(order, flow);
    planner_flow_solve_free(flow);
    place_greedily(order, flow);

    const bool solved = planner_flow_solve(flow);

    for (uint32_t p = 0; p < work->partition_count && solved; p++) {
        uint32_t count;

        order->ranked[(size_t)p * work->copies + order->rank] = planner_flow_holders(flow, p,
                                                                                     &count)[0];
    }
    planner_flow_destroy(&flow);
    return solved;
}

/* The bounds for the primaries: their shares, and `widened` more in both directions. */
static void bound_primaries(struct order *order, uint32_t widened)
{
    for (uint32_t i = 0; i < order->work->node_count; i++) {
        const struct planner_share *share = &order->work->primary_shares[i];

        order->low[i] = share->low > widened ? share->low - widened : 0;
        order->high[i] = share->high + widened;
    }
}

static bool order_primaries(struct order *order, bool strict)
{
    uint32_t widened = 0;

    bound_primaries(order, widened);
    while (!solve_rank(order)) {
        ensure(widened <= order->work->partition_count); /* each partition has some candidate */
        if (strict)
            return false;
        bound_primaries(order, ++widened);
    }
    return true;
}

static void order_others(struct order *order)
{
    const struct planner_work *work = order->work;

    memset(order->parts, 0, work->node_count * sizeof *order->parts);
    for (uint32_t p = 0; p < work->partition_count; p++) {
        uint16_t candidates[RING_REPLICAS_MAX];
        const uint32_t count = candidates_of(order, p, candidates);

        for (uint32_t i = 0; i < count; i++)
            order->parts[candidates[i]] += PARTS / count;
    }
    for (uint32_t i = 0; i < work->node_count; i++) {
        order->low[i] = (uint32_t)(order->parts[i] / PARTS);
        order->high[i] = (uint32_t)((order->parts[i] + PARTS - 1) / PARTS);
    }

    const bool solved = solve_rank(order);

    ensure(solved);
}

bool planner_order(struct planner_work *work, bool strict)
{
    const size_t nodes = work->node_count, copies = (size_t)work->partition_count * work->copies;
    struct order order = {
        .work = work,
        .own_zones = memory_alloc_array(nodes, sizeof *order.own_zones),
        .parts = memory_alloc_array(nodes, sizeof *order.parts),
        .low = memory_alloc_array(nodes, sizeof *order.low),
        .high = memory_alloc_array(nodes, sizeof *order.high),
        .ranked = memory_alloc_array(copies, sizeof *order.ranked),
    };

    for (uint32_t i = 0; i < nodes; i++)
        order.own_zones[i] = (uint16_t)i;

    const bool done = order_primaries(&order, strict);

    for (order.rank = 1; order.rank < work->copies && done; order.rank++)
        order_others(&order);
    if (done)
        memcpy(work->claims, order.ranked, copies * sizeof *order.ranked);
    memory_free(order.own_zones);
    memory_free(order.parts);
    memory_free(order.low);
    memory_free(order.high);
    memory_free(order.ranked);
    return done;
}
