/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order within the claims, rank by rank: a flow of one slot a partition, over the nodes that
 * have a copy and no rank yet, where staying at the present rank costs nothing. Rank 0, the
 * primaries, goes by the shares of primaries. Each later rank k takes from every node its remaining
 * copies / (N - k), rounded down or up; that always exists (each partition has N - k left, so the
 * even split of them is a fractional solution, and then there is a whole one), and keeps the first
 * k of the claims balanced for rules with a smaller N. Where there are fewer zones than copies, the
 * first ranks take zones that the claim does not have yet, which comes before balance.
 */
#include "ring/planner_work.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ring/planner_flow.h"
#include "ring/ring.h"

struct order {
    struct planner_work *work;
    uint16_t *own_zones; /* of each node: one slot a partition needs no zones */
    uint32_t *left;      /* of each node: copies without a rank */
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
        const uint16_t node = planner_flow_holders(flow, p, &count)[0];

        order->ranked[(size_t)p * work->copies + order->rank] = node;
        order->left[node]--;
    }
    planner_flow_destroy(&flow);
    return solved;
}

static void set_bounds(struct order *order)
{
    const struct planner_work *work = order->work;
    const uint32_t ranks = work->copies - order->rank;

    for (uint32_t i = 0; i < work->node_count; i++) {
        if (order->rank == 0) {
            order->low[i] = work->primary_shares[i].low;
            order->high[i] = work->primary_shares[i].high;
        } else {
            order->low[i] = order->left[i] / ranks;
            order->high[i] = (order->left[i] + ranks - 1) / ranks;
        }
    }
}

/* `by` in both directions; `whole_only`: just for shares that are whole numbers, where one more or
 * less is still within one partition. */
static void widen_bounds(struct order *order, uint32_t by, bool whole_only)
{
    for (uint32_t i = 0; i < order->work->node_count; i++) {
        if (whole_only && order->low[i] != order->high[i])
            continue;
        order->low[i] -= order->low[i] < by ? order->low[i] : by;
        order->high[i] += by;
    }
}

static bool order_rank(struct order *order, bool strict)
{
    set_bounds(order);
    if (solve_rank(order))
        return true;
    if (order->rank == 0) {
        widen_bounds(order, 1, true);
        if (solve_rank(order))
            return true;
        if (strict)
            return false;
    }
    for (uint32_t by = 1; by <= 2 * order->work->partition_count; by *= 2) {
        widen_bounds(order, by, false);
        if (solve_rank(order))
            return true;
    }
    ensure(!"each partition has a candidate for each rank");
    return false;
}

bool planner_order(struct planner_work *work, bool strict)
{
    const size_t nodes = work->node_count, copies = (size_t)work->partition_count * work->copies;
    struct order order = {
        .work = work,
        .own_zones = memory_alloc_array(nodes, sizeof *order.own_zones),
        .left = memory_alloc_array(nodes, sizeof *order.left),
        .low = memory_alloc_array(nodes, sizeof *order.low),
        .high = memory_alloc_array(nodes, sizeof *order.high),
        .ranked = memory_alloc_array(copies, sizeof *order.ranked),
    };
    bool done = true;

    for (uint32_t i = 0; i < nodes; i++)
        order.own_zones[i] = (uint16_t)i;
    for (size_t i = 0; i < copies; i++)
        order.left[work->claims[i]]++;
    for (; order.rank < work->copies && done; order.rank++)
        done = order_rank(&order, strict);
    if (done)
        memcpy(work->claims, order.ranked, copies * sizeof *order.ranked);
    memory_free(order.own_zones);
    memory_free(order.left);
    memory_free(order.low);
    memory_free(order.high);
    memory_free(order.ranked);
    return done;
}
