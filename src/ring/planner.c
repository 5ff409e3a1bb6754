/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring/planner.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ring/planner_work.h"
#include "ring/slot.h"

/* Where caps leave some node without its share of the primaries, other copies are tried. */
#define ATTEMPTS 6

static int compare_nodes(const void *a, const void *b)
{
    const struct planner_node *const *left = a, *const *right = b;

    return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

static int compare_zones(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

void planner_shuffle(struct rng *rng, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t j = (uint32_t)rng_below(rng, i + 1);

        order[i] = order[j];
        order[j] = i;
    }
}

void planner_shuffle_nodes(struct rng *rng, uint16_t *nodes, uint32_t count)
{
    uint64_t bits = 0;
    unsigned numbers = 0;

    for (uint32_t i = count; i > 1; i--) {
        if (numbers == 0) {
            bits = rng_next(rng);
            numbers = 3;
        }

        /* A number of 21 bits, scaled to 0..i-1: a bias of 1 in 2000 does no harm here. */
        const uint32_t j = (uint32_t)(((bits & 0x1fffff) * i) >> 21);
        const uint16_t node = nodes[i - 1];

        nodes[i - 1] = nodes[j];
        nodes[j] = node;
        bits >>= 21;
        numbers--;
    }
}

static bool refuse(char error[RING_ERROR_MAX], const char *what, unsigned long value)
{
    snprintf(error, RING_ERROR_MAX, "%s, found %lu", what, value);
    return false;
}

/* Checks the input, and lists its nodes in the order of their numbers. */
static bool check(const struct planner_input *input, const struct planner_node **nodes,
                  char error[RING_ERROR_MAX])
{
    for (size_t i = 0; i < input->node_count; i++) {
        nodes[i] = &input->nodes[i];
        if (nodes[i]->number == 0)
            return refuse(error, "a node's number is 1 or more", 0);
        if (nodes[i]->weight == 0)
            return refuse(error, "a node's weight is 1 or more", 0);
    }
    qsort(nodes, input->node_count, sizeof *nodes, compare_nodes);
    for (size_t i = 1; i < input->node_count; i++) {
        if (nodes[i - 1]->number == nodes[i]->number)
            return refuse(error, "nodes have distinct numbers", nodes[i]->number);
    }
    return true;
}

static bool check_sizes(const struct planner_input *input, char error[RING_ERROR_MAX])
{
    if (!ring_partition_count_valid(input->partition_count))
        return refuse(error, "partitions are a power of two up to 16384", input->partition_count);
    if (input->replicas < 1 || input->replicas > RING_REPLICAS_MAX)
        return refuse(error, "replicas are 1 to 7", input->replicas);
    if (input->node_count < 1 || input->node_count > RING_MEMBERS_MAX)
        return refuse(error, "nodes are 1 to 1024", input->node_count);
    return true;
}

/* Numbers the zones in the order of their names. */
static void number_zones(struct planner_work *work, const struct planner_node *const *nodes)
{
    const char **names = memory_alloc_array(work->node_count, sizeof *names);
    uint32_t count = 1;

    for (uint32_t i = 0; i < work->node_count; i++)
        names[i] = nodes[i]->zone;
    qsort(names, work->node_count, sizeof *names, compare_zones);
    for (uint32_t i = 1; i < work->node_count; i++) {
        if (strcmp(names[i], names[count - 1]) != 0)
            names[count++] = names[i];
    }
    for (uint32_t i = 0; i < work->node_count; i++) {
        const char *const *found = bsearch(&nodes[i]->zone, names, count, sizeof *names,
                                           compare_zones);

        work->zones[i] = (uint16_t)(count == 1 ? i : found - names);
    }
    work->zone_count = count == 1 ? work->node_count : count;
    memory_free(names);
}

/* Turns the numbers in the present claims into positions; gone nodes into PLANNER_NONE. */
static void take_present(struct planner_work *work, const struct ring_claim *present,
                         const uint16_t *positions)
{
    for (uint32_t p = 0; p < work->partition_count; p++) {
        for (uint32_t k = 0; k < RING_REPLICAS_MAX; k++) {
            uint16_t *at = &work->present[(size_t)p * RING_REPLICAS_MAX + k];

            *at = PLANNER_NONE;
            if (present != NULL && k < present[p].count)
                *at = positions[present[p].nodes[k]];
            work->has_present = work->has_present || *at != PLANNER_NONE;
        }
    }
}

static void work_init(struct planner_work *work, const struct planner_input *input,
                      const struct planner_node *const *nodes)
{
    const size_t count = input->node_count, partitions = input->partition_count;
    uint16_t *positions = memory_alloc_array(UINT16_MAX + 1, sizeof *positions);

    *work = (struct planner_work){
        .node_count = (uint32_t)count,
        .partition_count = input->partition_count,
        .copies = input->replicas < count ? input->replicas : (uint32_t)count,
        .weights = memory_alloc_array(count, sizeof *work->weights),
        .zones = memory_alloc_array(count, sizeof *work->zones),
        .copy_shares = memory_alloc_array(count, sizeof *work->copy_shares),
        .zone_shares = memory_alloc_array(count, sizeof *work->zone_shares),
        .primary_shares = memory_alloc_array(count, sizeof *work->primary_shares),
        .present = memory_alloc_array(partitions * RING_REPLICAS_MAX, sizeof *work->present),
    };
    work->claims = memory_alloc_array(partitions * work->copies, sizeof *work->claims);
    memset(positions, 0xff, (UINT16_MAX + 1) * sizeof *positions);
    for (uint32_t i = 0; i < count; i++) {
        work->weights[i] = nodes[i]->weight;
        positions[nodes[i]->number] = (uint16_t)i;
    }
    number_zones(work, nodes);
    work->zone_spread = work->copies < work->zone_count ? work->copies : work->zone_count;
    take_present(work, input->present, positions);
    memory_free(positions);
}

static void work_deinit(struct planner_work *work)
{
    memory_free(work->weights);
    memory_free(work->zones);
    memory_free(work->copy_shares);
    memory_free(work->zone_shares);
    memory_free(work->primary_shares);
    memory_free(work->present);
    memory_free(work->claims);
}

/* Makes claims that are in order; says whether the primaries are within their shares. */
static bool solve(struct planner_work *work)
{
    planner_shares(work);
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
        rng_init(&work->rng, (uint64_t)attempt);
        if (work->has_present)
            planner_copies(work);
        else
            planner_form(work);
        if (planner_order(work, true))
            return true;
    }
    planner_order(work, false);
    return false;
}

/* Whether the node had a copy of the partition. */
static bool was_there(const struct planner_work *work, uint32_t partition, uint16_t node)
{
    for (uint32_t k = 0; k < RING_REPLICAS_MAX; k++) {
        if (work->present[(size_t)partition * RING_REPLICAS_MAX + k] == node)
            return true;
    }
    return false;
}

static void write_plan(const struct planner_work *work, const struct planner_node *const *nodes,
                       struct planner_plan *plan)
{
    plan->claims = memory_alloc_array(work->partition_count, sizeof *plan->claims);
    for (uint32_t p = 0; p < work->partition_count; p++) {
        const uint16_t *row = &work->claims[(size_t)p * work->copies];

        plan->claims[p].count = (uint16_t)work->copies;
        plan->primary_changes += work->present[(size_t)p * RING_REPLICAS_MAX] != row[0];
        for (uint32_t k = 0; k < work->copies; k++) {
            plan->claims[p].nodes[k] = nodes[row[k]]->number;
            plan->moves += !was_there(work, p, row[k]);
        }
    }
}

bool planner_plan(const struct planner_input *input, struct planner_plan *plan,
                  char error[RING_ERROR_MAX])
{
    const struct planner_node *nodes[RING_MEMBERS_MAX];
    struct planner_work work;

    *plan = (struct planner_plan){0};
    if (!check_sizes(input, error) || !check(input, nodes, error))
        return false;
    work_init(&work, input, nodes);
    plan->primaries_strict = solve(&work);
    write_plan(&work, nodes, plan);
    work_deinit(&work);
    return true;
}

void planner_plan_deinit(struct planner_plan *plan)
{
    memory_free(plan->claims);
    *plan = (struct planner_plan){0};
}
