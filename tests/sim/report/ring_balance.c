/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim/report/ring_parts.h"

/* Shares are computed in floating point: so close to a whole number is that number. */
#define EPSILON 1e-9

const struct ring_kind ring_kinds[RING_KINDS] = {
    {"equal", "equal nodes", false, false},
    {"weights", "weights 1, 2, 4", false, true},
    {"zones", "a zone a copy", true, false},
    {"zones_weights", "zones and weights", true, true},
};

const struct ring_change ring_changes[RING_CHANGES] = {
    {"leave", "one leaves", false, 0},
    {"join", "one joins", true, 0},
    {"leave_tenth", "a tenth leaves", false, 0.1},
    {"join_tenth", "a tenth joins", true, 0.1},
};

static const char *const zone_names[RING_REPLICAS_MAX] = {"a", "b", "c", "d", "e", "f", "g"};

struct cluster {
    struct ring_shape shape;
    const struct ring_kind *kind;
    struct rng rng;
    struct planner_node nodes[RING_MEMBERS_MAX];
    size_t count;
    node_number last_number;
    struct planner_plan plan;
    uint32_t *copies;    /* by number, as the plan has it */
    uint32_t *primaries; /* the same */
};

/* Numbers are not used again. */
#define NUMBERS_MAX 65536

static void add_node(struct cluster *cluster)
{
    struct planner_node *node = &cluster->nodes[cluster->count];
    uint32_t in_zone[RING_REPLICAS_MAX] = {0}, zone = 0;

    ensure(cluster->count++ < RING_MEMBERS_MAX && cluster->last_number + 1 < NUMBERS_MAX);
    node->number = ++cluster->last_number;
    node->weight = cluster->kind->weights ? 1u << rng_below(&cluster->rng, 3) : 1;
    node->zone = "";
    if (!cluster->kind->zones)
        return;
    for (size_t i = 0; i + 1 < cluster->count; i++)
        in_zone[cluster->nodes[i].zone[0] - 'a']++;
    for (uint32_t i = 1; i < cluster->shape.replicas; i++)
        zone = in_zone[i] < in_zone[zone] ? i : zone;
    node->zone = zone_names[zone];
}

static void remove_node(struct cluster *cluster)
{
    const size_t gone = rng_below(&cluster->rng, cluster->count);

    cluster->nodes[gone] = cluster->nodes[--cluster->count];
}

/* The weight of all that share with `node`: of its zone, or of the cluster. */
static double weight_beside(const struct cluster *cluster, const struct planner_node *node)
{
    double sum = 0;

    for (size_t i = 0; i < cluster->count; i++) {
        if (strcmp(cluster->nodes[i].zone, node->zone) == 0)
            sum += cluster->nodes[i].weight;
    }
    return sum;
}

/* In copies. Nobody's is above the number of partitions in clusters as large as these. */
static double share_of(const struct cluster *cluster, const struct planner_node *node)
{
    const uint32_t copies = cluster->kind->zones ? 1 : cluster->shape.replicas;
    const double share = (double)cluster->shape.partitions * copies * node->weight /
                         weight_beside(cluster, node);

    ensure(share <= cluster->shape.partitions);
    return share;
}

static double primary_share_of(const struct cluster *cluster, const struct planner_node *node)
{
    double sum = 0;

    for (size_t i = 0; i < cluster->count; i++)
        sum += cluster->nodes[i].weight;
    return (double)cluster->shape.partitions * node->weight / sum;
}

static void count_copies(struct cluster *cluster)
{
    memset(cluster->copies, 0, NUMBERS_MAX * sizeof *cluster->copies);
    memset(cluster->primaries, 0, NUMBERS_MAX * sizeof *cluster->primaries);
    for (uint32_t p = 0; p < cluster->shape.partitions; p++) {
        const struct ring_claim *claim = &cluster->plan.claims[p];

        cluster->primaries[claim->nodes[0]]++;
        for (uint32_t k = 0; k < claim->count; k++)
            cluster->copies[claim->nodes[k]]++;
    }
}

static void plan(struct cluster *cluster)
{
    const struct planner_input input = {
        .partition_count = cluster->shape.partitions,
        .replicas = cluster->shape.replicas,
        .nodes = cluster->nodes,
        .node_count = cluster->count,
        .present = cluster->plan.claims,
    };
    struct planner_plan next;
    char error[RING_ERROR_MAX];

    ensure(planner_plan(&input, &next, error));
    planner_plan_deinit(&cluster->plan);
    cluster->plan = next;
    count_copies(cluster);
}

static void weigh(const struct cluster *cluster, struct ring_balance *balance)
{
    balance->plans++;
    balance->primaries_loose += !cluster->plan.primaries_strict;
    for (size_t i = 0; i < cluster->count; i++) {
        const struct planner_node *node = &cluster->nodes[i];
        const double share = share_of(cluster, node);
        const double copies = cluster->copies[node->number];
        const double primaries = cluster->primaries[node->number];

        balance->least = fmin(balance->least, copies / share);
        balance->largest = fmax(balance->largest, copies / share);
        balance->low = fmin(balance->low, floor(share + EPSILON) / share);
        balance->high = fmax(balance->high, ceil(share - EPSILON) / share);
        balance->primary_largest = fmax(balance->primary_largest,
                                        primaries / primary_share_of(cluster, node));
    }
}

/* What any plan must move, given what is where: each node must come up to its share, and of what
 * is to be somewhere no more can stay than fits. Both are bounds from below. */
static double least_moves(const struct cluster *cluster)
{
    double missing = 0, staying = 0;

    for (size_t i = 0; i < cluster->count; i++) {
        const double share = share_of(cluster, &cluster->nodes[i]);
        const double copies = cluster->copies[cluster->nodes[i].number];

        missing += fmax(0, floor(share + EPSILON) - copies);
        staying += fmin(ceil(share - EPSILON), copies);
    }
    return fmax(missing, (double)cluster->shape.partitions * cluster->shape.replicas - staying);
}

/* Makes the change; the shares of those who came, or the copies of those who went. */
static double make_change(struct cluster *cluster, const struct ring_change *change, size_t times)
{
    double formula = 0, copies_before = 0, copies_after = 0;

    for (size_t i = 0; i < cluster->count; i++)
        copies_before += cluster->copies[cluster->nodes[i].number];
    for (size_t i = 0; i < times; i++) {
        if (change->join)
            add_node(cluster);
        else
            remove_node(cluster);
    }
    for (size_t i = 0; i < cluster->count; i++)
        copies_after += cluster->copies[cluster->nodes[i].number];
    for (size_t i = cluster->count - times; change->join && i < cluster->count; i++)
        formula += share_of(cluster, &cluster->nodes[i]);
    return change->join ? formula : copies_before - copies_after;
}

static void move(struct cluster *cluster, const struct ring_change *change,
                 struct ring_movement *movement)
{
    const size_t part = (size_t)(change->part * (double)cluster->shape.nodes);
    const double formula = make_change(cluster, change, part > 0 ? part : 1);
    const double least = least_moves(cluster);

    plan(cluster);
    sample_add(&movement->formula, formula);
    sample_add(&movement->least, least);
    sample_add(&movement->moved, (double)cluster->plan.moves);
    sample_add(&movement->over, (double)cluster->plan.moves / least);
}

void ring_measure(uint64_t seed, const struct ring_shape *shape, const struct ring_kind *kind,
                  unsigned rounds, struct ring_balance *balance,
                  struct ring_movement movements[RING_CHANGES])
{
    struct cluster *cluster = memory_alloc(sizeof *cluster);

    *balance = (struct ring_balance){.share = (double)shape->partitions * shape->replicas /
                                              (double)shape->nodes,
                                     .least = INFINITY,
                                     .low = INFINITY};
    memset(movements, 0, RING_CHANGES * sizeof *movements);
    cluster->shape = *shape;
    cluster->kind = kind;
    rng_init(&cluster->rng, seed);
    cluster->copies = memory_alloc_array(NUMBERS_MAX, sizeof *cluster->copies);
    cluster->primaries = memory_alloc_array(NUMBERS_MAX, sizeof *cluster->primaries);
    while (cluster->count < shape->nodes)
        add_node(cluster);
    plan(cluster);
    weigh(cluster, balance);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < RING_CHANGES; i++) {
            move(cluster, &ring_changes[i], &movements[i]);
            weigh(cluster, balance);
        }
    }
    planner_plan_deinit(&cluster->plan);
    memory_free(cluster->copies);
    memory_free(cluster->primaries);
    memory_free(cluster);
}

void ring_movement_deinit(struct ring_movement *movement)
{
    sample_deinit(&movement->moved);
    sample_deinit(&movement->least);
    sample_deinit(&movement->over);
    sample_deinit(&movement->formula);
}
