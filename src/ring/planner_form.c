/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The first claims. Whole shares are fixed first. Then each partition in turn draws its nodes by
 * systematic sampling (Madow, "On the theory of systematic sampling, II", 1949):
 *
 *      left[0]   left[1]      left[2]        left[3]  ...     nodes in random order, zone by zone
 *      |---------|------------|--------------|------|--
 *           ^                     ^                     ^     `distance` apart, from a random start
 *
 * where left[i] is what node i has yet to get and `distance` how many partitions are yet to come.
 * Since left[i] <= distance, no node is hit twice, and one that needs every partition left is hit
 * for sure; what is left after fits the partitions left after. A zone's nodes lie side by side, so
 * a zone whose sum is at most `distance` is hit at most once, and one whose sum is at least that,
 * at least once. So the shares come out exactly, with no repair. Of a few draws the one is taken
 * whose nodes share the fewest partitions so far.
 */
#include "ring/planner_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ring/ring.h"

#define DRAWS_MAX   16
#define DRAW_BUDGET 2048 /* nodes looked at for one partition */

struct form {
    struct planner_work *work;
    uint32_t *left;     /* of each node */
    uint16_t *order;    /* all nodes, each zone's side by side */
    uint32_t *begins;   /* of each zone in `order`, and the end */
    uint16_t *zones;    /* in random order */
    uint16_t *together; /* node_count squared: partitions that two nodes share */
};

struct ranked {
    double remainder;
    uint32_t index;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;

    if (left->remainder != right->remainder)
        return left->remainder > right->remainder ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

/* Gives `extras` of the ranked one more each, the largest remainders first. */
static void give_extras(struct ranked *ranked, size_t count, uint32_t extras, uint32_t *values)
{
    ensure(extras <= count);
    qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (uint32_t i = 0; i < extras; i++)
        values[ranked[i].index]++;
}

/* The whole number of copies of each zone: its share rounded down or up, by largest remainder. */
static void round_zones(const struct planner_work *work, struct ranked *ranked, uint32_t *totals)
{
    uint32_t extras = work->copies * work->partition_count;
    size_t count = 0;

    for (uint32_t z = 0; z < work->zone_count; z++) {
        const struct planner_share *share = &work->zone_shares[z];

        totals[z] = share->low;
        extras -= share->low;
        if (share->high > share->low)
            ranked[count++] = (struct ranked){planner_remainder(share), z};
    }
    give_extras(ranked, count, extras, totals);
}

/* The whole number of copies of each node, such that those of its zone add up. */
static void round_nodes(struct form *form)
{
    const struct planner_work *work = form->work;
    const uint32_t most = work->node_count > work->zone_count ? work->node_count : work->zone_count;
    struct ranked *ranked = memory_alloc_array(most, sizeof *ranked);
    uint32_t *totals = memory_alloc_array(work->zone_count, sizeof *totals);

    round_zones(work, ranked, totals);
    for (uint32_t z = 0; z < work->zone_count; z++) {
        uint32_t extras = totals[z];
        size_t count = 0;

        for (uint32_t i = form->begins[z]; i < form->begins[z + 1]; i++) {
            const uint16_t node = form->order[i];
            const struct planner_share *share = &work->copy_shares[node];

            form->left[node] = share->low;
            extras -= share->low;
            if (share->high > share->low)
                ranked[count++] = (struct ranked){planner_remainder(share), node};
        }
        give_extras(ranked, count, extras, form->left);
    }
    memory_free(ranked);
    memory_free(totals);
}

/* Puts the nodes of each zone side by side. */
static void group_zones(struct form *form)
{
    const struct planner_work *work = form->work;
    uint32_t *at = memory_alloc_array(work->zone_count, sizeof *at);

    for (uint32_t i = 0; i < work->node_count; i++)
        form->begins[work->zones[i] + 1]++;
    for (uint32_t z = 0; z < work->zone_count; z++) {
        form->begins[z + 1] += form->begins[z];
        at[z] = form->begins[z];
        form->zones[z] = (uint16_t)z;
    }
    for (uint32_t i = 0; i < work->node_count; i++)
        form->order[at[work->zones[i]]++] = (uint16_t)i;
    memory_free(at);
}

static void draw(struct form *form, uint32_t distance, uint16_t *claim)
{
    struct planner_work *work = form->work;
    uint64_t next = rng_below(&work->rng, distance), end = 0;
    uint32_t count = 0;

    planner_shuffle_nodes(&work->rng, form->zones, work->zone_count);
    for (uint32_t z = 0; z < work->zone_count; z++) {
        const uint32_t begin = form->begins[form->zones[z]];
        const uint32_t size = form->begins[form->zones[z] + 1] - begin;

        planner_shuffle_nodes(&work->rng, form->order + begin, size);
        for (uint32_t i = begin; i < begin + size; i++) {
            end += form->left[form->order[i]];
            if (next < end) {
                claim[count++] = form->order[i];
                next += distance;
            }
        }
    }
    ensure(count == work->copies);
}

/* How much the nodes of the claim are paired already, for what they hold. */
static double cost_of(const struct form *form, const uint16_t *claim)
{
    const struct planner_work *work = form->work;
    double cost = 0;

    for (uint32_t i = 0; i < work->copies; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const double shares = (double)work->copy_shares[claim[i]].high *
                                  (double)work->copy_shares[claim[j]].high;

            cost += form->together[(size_t)claim[i] * work->node_count + claim[j]] / shares;
        }
    }
    return cost;
}

static void take(struct form *form, const uint16_t *claim)
{
    const struct planner_work *work = form->work;

    for (uint32_t i = 0; i < work->copies; i++) {
        form->left[claim[i]]--;
        for (uint32_t j = 0; j < work->copies; j++)
            form->together[(size_t)claim[i] * work->node_count + claim[j]]++;
    }
}

static void draw_all(struct form *form)
{
    const struct planner_work *work = form->work;
    const uint32_t most = DRAW_BUDGET / work->node_count;
    const uint32_t draws = most < 1 ? 1 : most > DRAWS_MAX ? DRAWS_MAX : most;

    for (uint32_t p = 0; p < work->partition_count; p++) {
        const uint32_t distance = work->partition_count - p;
        uint16_t *best = &work->claims[(size_t)p * work->copies];
        double best_cost;

        draw(form, distance, best);
        best_cost = cost_of(form, best);
        for (uint32_t i = 1; i < draws; i++) {
            uint16_t claim[RING_REPLICAS_MAX];

            draw(form, distance, claim);
            if (cost_of(form, claim) < best_cost) {
                best_cost = cost_of(form, claim);
                memcpy(best, claim, work->copies * sizeof *claim);
            }
        }
        take(form, best);
    }
}

void planner_form(struct planner_work *work)
{
    const size_t nodes = work->node_count, zones = work->zone_count;
    struct form form = {
        .work = work,
        .left = memory_alloc_array(nodes, sizeof *form.left),
        .order = memory_alloc_array(nodes, sizeof *form.order),
        .begins = memory_alloc_array(zones + 1, sizeof *form.begins),
        .zones = memory_alloc_array(zones, sizeof *form.zones),
        .together = memory_alloc_array(nodes * nodes, sizeof *form.together),
    };

    group_zones(&form);
    round_nodes(&form);
    draw_all(&form);
    memory_free(form.left);
    memory_free(form.order);
    memory_free(form.begins);
    memory_free(form.zones);
    memory_free(form.together);
}
