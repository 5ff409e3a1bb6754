/* SPDX-License-Identifier: BSD-3-Clause
 *
 * New claims from present ones, with as few moves as can be: a copy that stays costs nothing, one
 * that moves costs 1, and planner_flow finds the cheapest. Which of the cheapest is up to what is
 * placed by hand before and between the solver's stages: first copies that stay, all but those that
 * nodes with too many shed, which are chosen to part nodes that share the most partitions; then
 * copies that move, each to the one of a few random candidates that shares the fewest partitions
 * with the nodes that are there.
 */
#include "ring/planner_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ring/planner_flow.h"
#include "ring/ring.h"

#define CANDIDATES 8

struct copies {
    struct planner_work *work;
    struct planner_flow *flow;
    uint32_t *order;   /* of the partitions, random */
    uint8_t *shed;     /* of each partition: bit k: its present copy of rank k shall go */
    uint16_t *tickets; /* a node for each copy that it is to get yet */
    uint32_t ticket_count;
    uint16_t *together; /* node_count squared: partitions that two nodes share */
};

static uint32_t max_of(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint16_t *pair_of(const struct copies *copies, uint32_t a, uint32_t b)
{
    return &copies->together[(size_t)a * copies->work->node_count + b];
}

/* Counts each pair of the row's nodes; it may have gaps. */
static void count_pairs(struct copies *copies, const uint16_t *row, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        for (uint32_t j = 0; j < size; j++) {
            if (row[i] != PLANNER_NONE && row[j] != PLANNER_NONE)
                ++*pair_of(copies, row[i], row[j]);
        }
    }
}

/* How much `node` is paired with the others in the row already, for what it is to hold. */
static double pairing(const struct copies *copies, uint32_t node, const uint16_t *row,
                      uint32_t size)
{
    double pairs = 0;

    for (uint32_t i = 0; i < size; i++) {
        if (row[i] != PLANNER_NONE && row[i] != node)
            pairs += (double)*pair_of(copies, node, row[i]) /
                     max_of(copies->work->copy_shares[row[i]].high, 1);
    }
    return pairs;
}

/* What of its present copies a node keeps, and how many it has too many of. */
struct keeper {
    uint32_t *partitions;
    uint32_t count;
    uint32_t excess;
};

static const uint16_t *present_row(const struct copies *copies, uint32_t partition)
{
    return &copies->work->present[(size_t)partition * RING_REPLICAS_MAX];
}

static uint32_t rank_in(const uint16_t *row, uint32_t node)
{
    for (uint32_t k = 0; k < RING_REPLICAS_MAX; k++) {
        if (row[k] == node)
            return k;
    }
    ensure(!"the node is in the row");
    return 0;
}

/* Chooses one of the node's copies to go: of a few, that whose others it shares the most with, and
 * rather from a partition that loses none yet. */
static void shed_one(struct copies *copies, struct keeper *keeper, uint16_t node)
{
    double best_pairing = -1;
    uint32_t best = 0;

    for (int i = 0; i < CANDIDATES; i++) {
        const uint32_t at = (uint32_t)rng_below(&copies->work->rng, keeper->count);
        const uint32_t partition = keeper->partitions[at];
        const double pairs = pairing(copies, node, present_row(copies, partition),
                                     RING_REPLICAS_MAX) /
                             (copies->shed[partition] == 0 ? 1 : 16);

        if (pairs > best_pairing) {
            best_pairing = pairs;
            best = at;
        }
    }

    const uint32_t partition = keeper->partitions[best];
    const uint16_t *row = present_row(copies, partition);

    copies->shed[partition] |= (uint8_t)(1u << rank_in(row, node));
    keeper->partitions[best] = keeper->partitions[--keeper->count];
    keeper->excess--;
    for (uint32_t k = 0; k < RING_REPLICAS_MAX; k++) {
        if (row[k] == PLANNER_NONE || (copies->shed[partition] >> k & 1) != 0)
            continue;
        --*pair_of(copies, node, row[k]);
        --*pair_of(copies, row[k], node);
    }
}

/* Says of each node what it has at present, and how much above its share. */
static void list_present(struct copies *copies, struct keeper *keepers, uint32_t *partitions)
{
    const struct planner_work *work = copies->work;
    uint32_t extras = work->copies * work->partition_count;

    for (uint32_t i = 0; i < work->partition_count * RING_REPLICAS_MAX; i++) {
        if (work->present[i] != PLANNER_NONE)
            keepers[work->present[i]].count++;
    }
    for (uint32_t i = 0; i < work->node_count; i++) {
        keepers[i].partitions = partitions;
        partitions += keepers[i].count;
        extras -= work->copy_shares[i].low;
    }
    for (uint32_t i = 0; i < work->node_count; i++) {
        const struct planner_share *share = &work->copy_shares[i];
        uint32_t most = share->low;

        if (keepers[i].count > share->low && share->high > share->low && extras > 0) {
            most++;
            extras--;
        }
        keepers[i].excess = keepers[i].count > most ? keepers[i].count - most : 0;
        keepers[i].count = 0;
    }
    for (uint32_t i = 0; i < work->partition_count * RING_REPLICAS_MAX; i++) {
        if (work->present[i] == PLANNER_NONE)
            continue;

        struct keeper *keeper = &keepers[work->present[i]];

        keeper->partitions[keeper->count++] = i / RING_REPLICAS_MAX;
    }
}

/* Chooses what goes from the nodes that have too much, one each in turn. */
static void shed_excess(struct copies *copies)
{
    const struct planner_work *work = copies->work;
    struct keeper *keepers = memory_alloc_array(work->node_count, sizeof *keepers);
    uint32_t *partitions = memory_alloc_array((size_t)work->partition_count * RING_REPLICAS_MAX,
                                              sizeof *partitions);
    bool again = true;

    list_present(copies, keepers, partitions);
    for (uint32_t p = 0; p < work->partition_count; p++)
        count_pairs(copies, present_row(copies, p), RING_REPLICAS_MAX);
    while (again) {
        again = false;
        for (uint32_t i = 0; i < work->node_count; i++) {
            if (keepers[i].excess == 0)
                continue;
            shed_one(copies, &keepers[i], (uint16_t)i);
            again = true;
        }
    }
    memory_free(keepers);
    memory_free(partitions);
}

/* Lets stay what can, greedily: first what is not to be shed, and of that the primaries. */
static void keep_present(struct copies *copies)
{
    const struct planner_work *work = copies->work;

    for (uint32_t turn = 0; turn < 2 * RING_REPLICAS_MAX; turn++) {
        const uint32_t rank = turn % RING_REPLICAS_MAX;

        for (uint32_t i = 0; i < work->partition_count; i++) {
            const uint32_t partition = copies->order[i];
            const uint16_t node = present_row(copies, partition)[rank];
            const bool shed = (copies->shed[partition] >> rank & 1) != 0;

            if (node != PLANNER_NONE && shed == (turn >= RING_REPLICAS_MAX) &&
                planner_flow_fits(copies->flow, node, partition))
                planner_flow_place(copies->flow, node, partition);
        }
    }
}

/* A node that may get one more than its share rounded down. */
struct extra {
    double remainder;
    uint16_t node;
};

static int compare_extras(const void *a, const void *b)
{
    const struct extra *left = a, *right = b;

    if (left->remainder != right->remainder)
        return left->remainder > right->remainder ? -1 : 1;
    return (left->node > right->node) - (left->node < right->node);
}

/* A ticket for each copy below the share rounded down, and one more by largest remainder as long as
 * there are any, and the zone's own share is not full. They only guide the greedy part. */
static void issue_tickets(struct copies *copies)
{
    const struct planner_work *work = copies->work;
    struct extra *extras = memory_alloc_array(work->node_count, sizeof *extras);
    uint32_t *zone_totals = memory_alloc_array(work->zone_count, sizeof *zone_totals);
    uint32_t left = work->copies * work->partition_count;
    size_t count = 0;

    for (uint32_t i = 0; i < work->node_count; i++) {
        const struct planner_share *share = &work->copy_shares[i];
        const uint32_t load = planner_flow_load(copies->flow, i);

        for (uint32_t j = load; j < share->low; j++)
            copies->tickets[copies->ticket_count++] = (uint16_t)i;
        if (max_of(load, share->low) < share->high)
            extras[count++] = (struct extra){planner_remainder(share), (uint16_t)i};
        zone_totals[work->zones[i]] += max_of(load, share->low);
        left -= max_of(load, share->low);
    }
    qsort(extras, count, sizeof *extras, compare_extras);
    for (size_t i = 0; i < count && left > 0; i++) {
        const uint32_t zone = work->zones[extras[i].node];

        if (zone_totals[zone] >= work->zone_shares[zone].high)
            continue;
        zone_totals[zone]++;
        left--;
        copies->tickets[copies->ticket_count++] = extras[i].node;
    }
    memory_free(extras);
    memory_free(zone_totals);
}

/* The index of a ticket whose node fits the partition, or -1: a few at random, then one after the
 * other. Tickets whose nodes are full by now go as they are met. */
static int64_t choose_ticket(struct copies *copies, uint32_t partition)
{
    struct planner_work *work = copies->work;
    uint32_t count;
    const uint16_t *holders = planner_flow_holders(copies->flow, partition, &count);
    double best_pairing = 0;
    int64_t best = -1;

    for (int i = 0; i < CANDIDATES && copies->ticket_count > 0; i++) {
        const uint32_t ticket = (uint32_t)rng_below(&work->rng, copies->ticket_count);
        const uint32_t node = copies->tickets[ticket];

        if (!planner_flow_fits(copies->flow, node, partition))
            continue;

        const double pairs = pairing(copies, node, holders, count) /
                             max_of(work->copy_shares[node].high, 1);

        if (best < 0 || pairs < best_pairing) {
            best_pairing = pairs;
            best = ticket;
        }
    }
    for (uint32_t i = 0; i < copies->ticket_count && i < work->node_count && best < 0; i++) {
        if (planner_flow_fits(copies->flow, copies->tickets[i], partition))
            best = i;
    }
    return best;
}

static void move_greedily(struct copies *copies)
{
    const struct planner_work *work = copies->work;

    for (uint32_t i = 0; i < work->partition_count; i++) {
        const uint32_t partition = copies->order[i];
        uint32_t count;
        const uint16_t *holders = planner_flow_holders(copies->flow, partition, &count);

        while (count < work->copies) {
            const int64_t ticket = choose_ticket(copies, partition);

            if (ticket < 0)
                break;

            const uint16_t node = copies->tickets[ticket];

            copies->tickets[ticket] = copies->tickets[--copies->ticket_count];
            for (uint32_t j = 0; j < count; j++) {
                ++*pair_of(copies, node, holders[j]);
                ++*pair_of(copies, holders[j], node);
            }
            planner_flow_place(copies->flow, node, partition);
            count++;
        }
    }
}

static void count_kept_pairs(struct copies *copies)
{
    const size_t nodes = copies->work->node_count;

    memset(copies->together, 0, nodes * nodes * sizeof *copies->together);
    for (uint32_t p = 0; p < copies->work->partition_count; p++) {
        uint32_t count;
        const uint16_t *holders = planner_flow_holders(copies->flow, p, &count);

        count_pairs(copies, holders, count);
    }
}

static void solve(struct copies *copies)
{
    struct planner_work *work = copies->work;

    planner_shuffle(&work->rng, copies->order, work->partition_count);
    for (size_t i = 0; i < (size_t)work->partition_count * RING_REPLICAS_MAX; i++) {
        if (work->present[i] != PLANNER_NONE)
            planner_flow_allow_free(copies->flow, work->present[i],
                                    (uint32_t)(i / RING_REPLICAS_MAX));
    }
    shed_excess(copies);
    keep_present(copies);
    planner_flow_solve_free(copies->flow);
    count_kept_pairs(copies);
    issue_tickets(copies);
    move_greedily(copies);

    const bool solved = planner_flow_solve(copies->flow);

    ensure(solved); /* the shares are such that there always is a plan */
    for (uint32_t p = 0; p < work->partition_count; p++) {
        uint32_t count;
        const uint16_t *holders = planner_flow_holders(copies->flow, p, &count);

        memcpy(&work->claims[(size_t)p * work->copies], holders, count * sizeof *holders);
    }
}

void planner_copies(struct planner_work *work)
{
    const size_t nodes = work->node_count;
    uint32_t *low = memory_alloc_array(nodes, sizeof *low);
    uint32_t *high = memory_alloc_array(nodes, sizeof *high);

    for (size_t i = 0; i < nodes; i++) {
        low[i] = work->copy_shares[i].low;
        high[i] = work->copy_shares[i].high;
    }

    const struct planner_flow_options options = {
        .node_count = work->node_count,
        .partition_count = work->partition_count,
        .slots = work->copies,
        .zone_count = work->zone_count,
        .zones = work->zones,
        .low = low,
        .high = high,
        .all_allowed = true,
    };
    struct copies copies = {
        .work = work,
        .flow = planner_flow_create(&options),
        .order = memory_alloc_array(work->partition_count, sizeof *copies.order),
        .shed = memory_alloc_array(work->partition_count, sizeof *copies.shed),
        .tickets = memory_alloc_array((size_t)work->partition_count * work->copies + nodes,
                                      sizeof *copies.tickets),
        .together = memory_alloc_array(nodes * nodes, sizeof *copies.together),
    };

    solve(&copies);
    planner_flow_destroy(&copies.flow);
    memory_free(copies.order);
    memory_free(copies.shed);
    memory_free(copies.tickets);
    memory_free(copies.together);
    memory_free(low);
    memory_free(high);
}
