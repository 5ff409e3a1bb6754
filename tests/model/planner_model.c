/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The planner against what it promises (ring/planner.h), over seeded random clusters and sequences
 * of changes. Shares are computed here by bisection, in floating point; the least number of moves
 * of a small ring by a plain minimum-cost flow over explicit edges, that of a large one is bounded
 * from below. DUNLIN_SEED=n runs the one sequence of that seed.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "lib/runs.h"
#include "lib/timeout.h"
#include "ring/planner.h"

#define EPSILON 1e-6
#define ZONES   16

struct cluster {
    struct rng rng;
    uint64_t seed;
    uint32_t partition_count;
    uint32_t replicas;
    uint32_t zone_count; /* names in use, at most */
    uint32_t weight_max;
    size_t node_max;
    struct planner_node nodes[RING_MEMBERS_MAX];
    size_t node_count;
    node_number last_number;
    uint16_t positions[UINT16_MAX + 1]; /* in `nodes`, of each number; see index_nodes */
    struct planner_plan plan;           /* the present one; claims NULL before the first */
};

static const char *const zone_names[ZONES] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                              "i", "j", "k", "l", "m", "n", "o", "p"};

#define expect(cluster, condition, ...)                                                \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, __VA_ARGS__);                                              \
            cr_assert_fail("%s; replay: DUNLIN_SEED=%llu ./model_planner", #condition, \
                           (unsigned long long)(cluster)->seed);                       \
        }                                                                              \
    } while (0)

/* ------------------------------------------------------------------------------------ the shares
 */

struct view {
    size_t nodes;
    uint32_t zones; /* in use */
    uint32_t copies;
    uint32_t spread;
    uint32_t zone[RING_MEMBERS_MAX]; /* of each node */
    uint32_t zone_nodes[RING_MEMBERS_MAX];
    double share[RING_MEMBERS_MAX];
};

/* Zones in the order of their first node. */
static void view_init(struct view *view, const struct cluster *cluster)
{
    const char *names[RING_MEMBERS_MAX];

    memset(view, 0, sizeof *view);
    view->nodes = cluster->node_count;
    view->copies = cluster->replicas < cluster->node_count ? cluster->replicas
                                                           : (uint32_t)cluster->node_count;
    for (size_t i = 0; i < cluster->node_count; i++) {
        uint32_t z = 0;

        while (z < view->zones && strcmp(names[z], cluster->nodes[i].zone) != 0)
            z++;
        if (z == view->zones)
            names[view->zones++] = cluster->nodes[i].zone;
        view->zone[i] = z;
        view->zone_nodes[z]++;
    }
    if (view->zones == 1) {
        for (uint32_t i = 0; i < view->nodes; i++) {
            view->zone[i] = i;
            view->zone_nodes[i] = 1;
        }
        view->zones = (uint32_t)view->nodes;
    }
    view->spread = view->copies < view->zones ? view->copies : view->zones;
}

static double capped_sum(const struct cluster *cluster, const struct view *view, uint32_t zone,
                         double rate)
{
    double sum = 0;

    for (size_t i = 0; i < view->nodes; i++) {
        if (view->zone[i] == zone)
            sum += fmin(cluster->partition_count, rate * cluster->nodes[i].weight);
    }
    return sum;
}

static double zone_low(const struct cluster *cluster, const struct view *view)
{
    return view->spread == view->zones ? cluster->partition_count : 0;
}

static double zone_high(const struct cluster *cluster, const struct view *view, uint32_t zone)
{
    return (double)cluster->partition_count *
           fmin(view->zone_nodes[zone], 1 + view->copies - view->spread);
}

/* The rate at which the zone's nodes, each capped, sum up to `total`. */
static double rate_for(const struct cluster *cluster, const struct view *view, uint32_t zone,
                       double total)
{
    double low = 0, high = cluster->partition_count;

    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;

        if (capped_sum(cluster, view, zone, middle) < total)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static double zone_total(const struct cluster *cluster, const struct view *view, uint32_t zone,
                         double rate)
{
    return fmin(fmax(capped_sum(cluster, view, zone, rate), zone_low(cluster, view)),
                zone_high(cluster, view, zone));
}

static void view_shares(struct view *view, const struct cluster *cluster)
{
    double low = 0, high = cluster->partition_count;

    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        double sum = 0;

        for (uint32_t z = 0; z < view->zones; z++)
            sum += zone_total(cluster, view, z, middle);
        if (sum < (double)cluster->partition_count * view->copies)
            low = middle;
        else
            high = middle;
    }
    for (uint32_t z = 0; z < view->zones; z++) {
        const double rate = rate_for(cluster, view, z, zone_total(cluster, view, z, high));

        for (size_t i = 0; i < view->nodes; i++) {
            if (view->zone[i] == z)
                view->share[i] = fmin(cluster->partition_count, rate * cluster->nodes[i].weight);
        }
    }
}

/* The whole numbers around a share that bisection may have missed by a little. */
static uint32_t share_low(const struct view *view, size_t node)
{
    return (uint32_t)floor(view->share[node] + EPSILON);
}

static uint32_t share_high(const struct view *view, size_t node)
{
    return (uint32_t)ceil(view->share[node] - EPSILON);
}

/* ------------------------------------------------------------------------------------- the checks
 */

static void index_nodes(struct cluster *cluster)
{
    memset(cluster->positions, 0xff, sizeof cluster->positions);
    for (size_t i = 0; i < cluster->node_count; i++)
        cluster->positions[cluster->nodes[i].number] = (uint16_t)i;
}

static size_t node_index(const struct cluster *cluster, node_number number)
{
    return cluster->positions[number] == UINT16_MAX ? SIZE_MAX : cluster->positions[number];
}

/* Distinct nodes, and as many zones as can be from the front on. */
static void check_claim(const struct cluster *cluster, const struct view *view,
                        const struct ring_claim *claim)
{
    uint32_t zones[RING_REPLICAS_MAX], count = 0;

    expect(cluster, claim->count == view->copies, "claim of %u, wanted %u\n", claim->count,
           view->copies);
    for (uint32_t k = 0; k < claim->count; k++) {
        const size_t node = node_index(cluster, claim->nodes[k]);
        bool seen = false;

        expect(cluster, node != SIZE_MAX, "node %u is gone\n", claim->nodes[k]);
        for (uint32_t j = 0; j < k; j++)
            expect(cluster, claim->nodes[j] != claim->nodes[k], "twice\n");
        for (uint32_t j = 0; j < count; j++)
            seen = seen || zones[j] == view->zone[node];
        if (!seen)
            zones[count++] = view->zone[node];
        expect(cluster, count == (k + 1 < view->spread ? k + 1 : view->spread),
               "%u zones in the first %u\n", count, k + 1);
    }
}

static void check_balance(const struct cluster *cluster, const struct view *view,
                          const struct planner_plan *plan)
{
    uint32_t copies[RING_MEMBERS_MAX] = {0}, primaries[RING_MEMBERS_MAX] = {0};
    double weight = 0;

    for (uint32_t p = 0; p < cluster->partition_count; p++) {
        check_claim(cluster, view, &plan->claims[p]);
        for (uint32_t k = 0; k < plan->claims[p].count; k++)
            copies[node_index(cluster, plan->claims[p].nodes[k])]++;
        primaries[node_index(cluster, plan->claims[p].nodes[0])]++;
    }
    for (size_t i = 0; i < view->nodes; i++)
        weight += cluster->nodes[i].weight;
    for (size_t i = 0; i < view->nodes; i++) {
        const double share = cluster->partition_count * (cluster->nodes[i].weight / weight);

        expect(cluster, fabs(copies[i] - view->share[i]) < 1 + EPSILON,
               "node %u has %u copies, its share is %f\n", cluster->nodes[i].number, copies[i],
               view->share[i]);
        expect(cluster, fabs(primaries[i] - share) < 1 + EPSILON,
               "node %u has %u primaries, its share is %f\n", cluster->nodes[i].number,
               primaries[i], share);
    }
    expect(cluster, plan->primaries_strict, "not strict\n");
}

static bool has(const struct ring_claim *claim, node_number number)
{
    return ring_claim_index(claim, number) >= 0;
}

/* No plan can have fewer: what each node must get, and what each partition must. */
static uint64_t moves_bound(const struct cluster *cluster, const struct view *view,
                            const struct ring_claim *present)
{
    uint64_t must_get = 0, kept_by_nodes = 0, kept_by_partitions = 0;
    uint32_t loads[RING_MEMBERS_MAX] = {0};

    for (uint32_t p = 0; p < cluster->partition_count; p++) {
        for (uint32_t k = 0; k < present[p].count; k++) {
            const size_t node = node_index(cluster, present[p].nodes[k]);

            if (node != SIZE_MAX)
                loads[node]++;
        }
    }
    for (size_t i = 0; i < view->nodes; i++) {
        const uint32_t before = loads[i];

        must_get += before < share_low(view, i) ? share_low(view, i) - before : 0;
        kept_by_nodes += before < share_high(view, i) ? before : share_high(view, i);
    }
    for (uint32_t p = 0; p < cluster->partition_count; p++) {
        uint32_t zones[RING_REPLICAS_MAX], distinct = 0, left = 0;

        for (uint32_t k = 0; k < present[p].count; k++) {
            const size_t node = node_index(cluster, present[p].nodes[k]);
            bool seen = false;

            if (node == SIZE_MAX)
                continue;
            left++;
            for (uint32_t j = 0; j < distinct; j++)
                seen = seen || zones[j] == view->zone[node];
            if (!seen)
                zones[distinct++] = view->zone[node];
        }

        const uint32_t most = distinct + view->copies - view->spread;

        left = left < most ? left : most;
        kept_by_partitions += left < view->copies ? left : view->copies;
    }

    const uint64_t all = (uint64_t)cluster->partition_count * view->copies;
    const uint64_t kept = kept_by_nodes < kept_by_partitions ? kept_by_nodes : kept_by_partitions;

    return must_get > all - kept ? must_get : all - kept;
}

/* Whether that many moves do: no zones, and nobody keeps so much that the two bounds interfere. */
static bool bound_is_tight(const struct cluster *cluster, const struct view *view,
                           const struct ring_claim *present)
{
    for (size_t i = 0; i < view->nodes; i++) {
        if (view->share[i] > cluster->partition_count / 2.0)
            return false;
    }
    return view->zones == view->nodes && present[0].count <= view->copies;
}

/* -------------------------------------------------------- the least moves of a small ring, exactly
 */

#define EDGES_MAX  120000
#define VERTEX_MAX 9000
#define MUST       100000 /* what an edge earns that has to be used */

struct edge {
    int to, room, cost;
    int next;
};

struct graph {
    struct edge edges[EDGES_MAX];
    int heads[VERTEX_MAX];
    int edge_count, vertex_count;
};

static void connect(struct graph *graph, int from, int to, int room, int cost)
{
    const int ends[2] = {from, to};

    cr_assert(graph->edge_count + 2 <= EDGES_MAX && from < VERTEX_MAX && to < VERTEX_MAX);
    for (int i = 0; i < 2; i++) {
        graph->edges[graph->edge_count] = (struct edge){
            ends[1 - i], i == 0 ? room : 0, i == 0 ? cost : -cost, graph->heads[ends[i]]};
        graph->heads[ends[i]] = graph->edge_count++;
    }
}

/* One unit along the cheapest path (Bellman and Ford, with a queue); its cost, or INT32_MAX. */
static int send_unit(struct graph *graph, int source, int sink)
{
    static int distance[VERTEX_MAX], via[VERTEX_MAX], queue[VERTEX_MAX];
    static bool queued[VERTEX_MAX];
    int head = 0, count = 0;

    for (int i = 0; i < graph->vertex_count; i++) {
        distance[i] = INT32_MAX;
        queued[i] = false;
    }
    distance[source] = 0;
    queue[count++] = source;
    while (count > 0) {
        const int at = queue[head];

        head = (head + 1) % VERTEX_MAX;
        count--;
        queued[at] = false;
        for (int e = graph->heads[at]; e >= 0; e = graph->edges[e].next) {
            const struct edge *edge = &graph->edges[e];

            if (edge->room == 0 || distance[at] + edge->cost >= distance[edge->to])
                continue;
            distance[edge->to] = distance[at] + edge->cost;
            via[edge->to] = e;
            if (!queued[edge->to]) {
                queued[edge->to] = true;
                queue[(head + count++) % VERTEX_MAX] = edge->to;
            }
        }
    }
    if (distance[sink] == INT32_MAX)
        return INT32_MAX;
    for (int at = sink; at != source; at = graph->edges[via[at] ^ 1].to) {
        graph->edges[via[at]].room--;
        graph->edges[via[at] ^ 1].room++;
    }
    return distance[sink];
}

/* Bounds with a lower end are two edges: the lower part earns MUST, and so is always used. */
static void connect_between(struct graph *graph, int from, int to, int low, int high, int64_t *must)
{
    if (low > 0)
        connect(graph, from, to, low, -MUST);
    if (high > low)
        connect(graph, from, to, high - low, 0);
    *must += low;
}

static uint64_t least_moves(const struct cluster *cluster, const struct view *view,
                            const struct ring_claim *present)
{
    struct graph *graph = memory_alloc(sizeof *graph);
    const int q = (int)cluster->partition_count, nodes = (int)view->nodes;
    const int gates = nodes, partitions = gates + q * (int)view->zones;
    const int source = partitions + q, sink = source + 1;
    const int spare = (int)(view->copies - view->spread);
    int64_t must = 0, cost = 0;

    graph->vertex_count = sink + 1;
    memset(graph->heads, 0xff, sizeof graph->heads);
    for (int i = 0; i < nodes; i++) {
        connect_between(graph, source, i, (int)share_low(view, (size_t)i),
                        (int)share_high(view, (size_t)i), &must);
        for (int p = 0; p < q; p++)
            connect(graph, i, gates + p * (int)view->zones + (int)view->zone[i], 1,
                    has(&present[p], cluster->nodes[i].number) ? 0 : 1);
    }
    for (int p = 0; p < q; p++) {
        for (int z = 0; z < (int)view->zones; z++)
            connect_between(graph, gates + p * (int)view->zones + z, partitions + p,
                            view->spread == view->zones ? 1 : 0, 1 + spare, &must);
        connect(graph, partitions + p, sink, (int)view->copies, 0);
    }
    for (int i = 0; i < q * (int)view->copies; i++) {
        const int unit = send_unit(graph, source, sink);

        cr_assert(unit != INT32_MAX, "the model itself finds no plan");
        cost += unit;
    }
    memory_free(graph);
    cost += must * MUST;
    cr_assert(cost >= 0 && cost < MUST, "the model missed a lower bound");
    return (uint64_t)cost;
}

/* ---------------------------------------------------------------------------------- the sequences
 */

static void add_node(struct cluster *cluster)
{
    if (cluster->node_count == cluster->node_max)
        return;
    cluster->nodes[cluster->node_count++] = (struct planner_node){
        .number = ++cluster->last_number,
        .weight = 1 + (uint32_t)rng_below(&cluster->rng, cluster->weight_max),
        .zone = zone_names[rng_below(&cluster->rng, cluster->zone_count)],
    };
}

static void remove_node(struct cluster *cluster)
{
    if (cluster->node_count == 1)
        return;

    const uint64_t gone = rng_below(&cluster->rng, cluster->node_count--);

    cluster->nodes[gone] = cluster->nodes[cluster->node_count];
}

static void change(struct cluster *cluster)
{
    struct planner_node *some = &cluster->nodes[rng_below(&cluster->rng, cluster->node_count)];
    const uint64_t times = 1 + rng_below(&cluster->rng, 1 + cluster->node_max / 4);

    switch (rng_below(&cluster->rng, 6)) {
    case 0:
    case 1:
        for (uint64_t i = 0; i < times; i++)
            add_node(cluster);
        break;
    case 2:
    case 3:
        for (uint64_t i = 0; i < times; i++)
            remove_node(cluster);
        break;
    case 4:
        some->weight = 1 + (uint32_t)rng_below(&cluster->rng, cluster->weight_max);
        break;
    default:
        if (rng_chance(&cluster->rng, 1, 2))
            cluster->replicas = 1 + (uint32_t)rng_below(&cluster->rng, RING_REPLICAS_MAX);
        else
            some->zone = zone_names[rng_below(&cluster->rng, cluster->zone_count)];
    }
}

static void plan(const struct cluster *cluster, const struct ring_claim *present,
                 struct planner_plan *result)
{
    const struct planner_input input = {
        .partition_count = cluster->partition_count,
        .replicas = cluster->replicas,
        .nodes = cluster->nodes,
        .node_count = cluster->node_count,
        .present = present,
    };
    char error[RING_ERROR_MAX] = "";

    expect(cluster, planner_plan(&input, result, error), "%s\n", error);
}

static void check_same(const struct cluster *cluster, const struct planner_plan *a,
                       const struct planner_plan *b)
{
    expect(cluster, memcmp(a->claims, b->claims, cluster->partition_count * sizeof *a->claims) == 0,
           "plans differ\n");
}

/* Plans for the cluster as it is now, and holds the plan against all promises. */
static void plan_and_check(struct cluster *cluster, bool exact)
{
    struct planner_plan next, again;
    struct view *view = memory_alloc(sizeof *view);
    const struct ring_claim *present = cluster->plan.claims;

    index_nodes(cluster);
    view_init(view, cluster);
    view_shares(view, cluster);
    plan(cluster, present, &next);
    check_balance(cluster, view, &next);
    if (present != NULL && exact) {
        const uint64_t least = least_moves(cluster, view, present);

        expect(cluster, next.moves == least, "%llu moves, %llu would do\n",
               (unsigned long long)next.moves, (unsigned long long)least);
    } else if (present != NULL) {
        const uint64_t bound = moves_bound(cluster, view, present);

        expect(cluster, next.moves >= bound, "the bound is wrong\n");
        if (bound_is_tight(cluster, view, present))
            expect(cluster, next.moves == bound, "%llu moves, bound %llu\n",
                   (unsigned long long)next.moves, (unsigned long long)bound);
    }

    plan(cluster, present, &again);
    check_same(cluster, &next, &again);
    planner_plan_deinit(&again);
    plan(cluster, next.claims, &again);
    expect(cluster, again.moves == 0 && again.primary_changes == 0, "not at rest\n");
    check_same(cluster, &next, &again);
    planner_plan_deinit(&again);
    planner_plan_deinit(&cluster->plan);
    cluster->plan = next;
    memory_free(view);
}

static void run_sequence(uint64_t seed, uint32_t partitions_max, size_t node_max, int steps,
                         bool exact)
{
    struct cluster *cluster = memory_alloc(sizeof *cluster);
    static const uint32_t weights[] = {1, 2, 10, 1000, UINT32_MAX};

    cluster->seed = seed;
    rng_init(&cluster->rng, seed);
    cluster->partition_count = partitions_max >> rng_below(&cluster->rng, 3);
    cluster->replicas = 1 + (uint32_t)rng_below(&cluster->rng, RING_REPLICAS_MAX);
    cluster->zone_count = rng_chance(&cluster->rng, 1, 3)
                              ? 1
                              : 1 + (uint32_t)rng_below(&cluster->rng, ZONES);
    cluster->weight_max = weights[rng_below(&cluster->rng, 5)];
    cluster->node_max = 1 + rng_below(&cluster->rng, node_max);
    for (uint64_t i = rng_below(&cluster->rng, cluster->node_max); i < cluster->node_max; i++)
        add_node(cluster);
    plan_and_check(cluster, exact);
    for (int i = 0; i < steps; i++) {
        change(cluster);
        plan_and_check(cluster, exact);
    }
    planner_plan_deinit(&cluster->plan);
    memory_free(cluster);
}

static void run_sequences(uint64_t first, uint64_t count, uint32_t partitions_max, size_t node_max,
                          int steps, bool exact)
{
    const char *seed = getenv("DUNLIN_SEED");

    if (seed != NULL) {
        run_sequence(strtoull(seed, NULL, 10), partitions_max, node_max, steps, exact);
        return;
    }
    for (uint64_t i = 0; i < RUNS_OF(count); i++)
        run_sequence(first + i, partitions_max, node_max, steps, exact);
}

TestSuite(planner, .timeout = TIMEOUT_S(60));

Test(planner, keeps_every_promise_in_small_rings_with_the_least_moves_there_are)
{
    run_sequences(1, 300, 64, 12, 6, true);
}

Test(planner, keeps_every_promise_in_middling_rings_with_the_least_moves_there_are)
{
    run_sequences(50000, 8, 256, 30, 4, true);
}

Test(planner, keeps_every_promise_in_larger_rings)
{
    run_sequences(100000, 300, 512, 40, 6, false);
}

/* ------------------------------------------------------------------------------------- the spread
 */

static void grow_to(struct cluster *cluster, size_t count)
{
    cluster->node_max = count;
    while (cluster->node_count < count)
        add_node(cluster);
}

static struct cluster *equal_cluster(uint32_t partition_count, size_t node_count)
{
    struct cluster *cluster = memory_alloc(sizeof *cluster);

    rng_init(&cluster->rng, 1);
    cluster->partition_count = partition_count;
    cluster->replicas = 3;
    cluster->zone_count = 1;
    cluster->weight_max = 1;
    grow_to(cluster, node_count);
    return cluster;
}

static void cluster_destroy(struct cluster **cluster)
{
    planner_plan_deinit(&(*cluster)->plan);
    memory_free(*cluster);
    *cluster = NULL;
}

/* When one node fails, how much of its data the most burdened of the others shares with it, in
 * parts of what it would be if all shared the same. The worst over all nodes. */
static double worst_burden(const struct cluster *cluster)
{
    const size_t nodes = cluster->node_count;
    uint32_t *together = memory_alloc_array(nodes * nodes, sizeof *together);
    double worst = 0;

    for (uint32_t p = 0; p < cluster->partition_count; p++) {
        const struct ring_claim *claim = &cluster->plan.claims[p];

        for (uint32_t i = 0; i < claim->count; i++) {
            for (uint32_t j = 0; j < claim->count; j++) {
                if (i != j)
                    together[node_index(cluster, claim->nodes[i]) * nodes +
                             node_index(cluster, claim->nodes[j])]++;
            }
        }
    }
    for (size_t i = 0; i < nodes; i++) {
        uint32_t sum = 0, most = 0;

        for (size_t j = 0; j < nodes; j++) {
            sum += together[i * nodes + j];
            most = together[i * nodes + j] > most ? together[i * nodes + j] : most;
        }
        worst = fmax(worst, most * (double)(nodes - 1) / sum);
    }
    memory_free(together);
    return worst;
}

Test(planner, spreads_the_load_of_a_lost_node_over_all_others_at_first)
{
    static const struct {
        uint32_t partitions;
        size_t nodes;
        double burden_max;
    } rows[] = {{1024, 4, 1.05}, {1024, 10, 1.1}, {1024, 32, 1.3}, {4096, 100, 2}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cluster *cluster = equal_cluster(rows[i].partitions, rows[i].nodes);

        plan_and_check(cluster, false);
        cr_expect_leq(worst_burden(cluster), rows[i].burden_max, "%zu nodes: %f", rows[i].nodes,
                      worst_burden(cluster));
        cluster_destroy(&cluster);
    }
}

Test(planner, spreads_the_load_of_a_lost_node_after_nodes_joined_one_by_one)
{
    struct cluster *cluster = equal_cluster(1024, 3);

    plan_and_check(cluster, false);
    while (cluster->node_count < 16) {
        grow_to(cluster, cluster->node_count + 1);
        plan_and_check(cluster, false);
        cr_expect_leq(worst_burden(cluster), 1.3, "%zu nodes: %f", cluster->node_count,
                      worst_burden(cluster));
    }
    cluster_destroy(&cluster);
}

/* ------------------------------------------------------------------------------- the far corners
 */

Test(planner, plans_for_a_thousand_nodes_and_all_slots)
{
    struct cluster *cluster = equal_cluster(16384, 1000);

    plan_and_check(cluster, false);
    grow_to(cluster, 1001);
    plan_and_check(cluster, false);
    cluster->zone_count = 3;
    cluster->weight_max = 100;
    for (size_t i = 0; i < cluster->node_count; i++) {
        cluster->nodes[i].weight = 1 + (uint32_t)rng_below(&cluster->rng, 100);
        cluster->nodes[i].zone = zone_names[i % 3];
    }
    plan_and_check(cluster, false);
    for (int i = 0; i < 100; i++)
        remove_node(cluster);
    plan_and_check(cluster, false);
    cluster_destroy(&cluster);
}

/* Two zones, so that every partition has one copy in each. The large zone's nodes have 2 or 3
 * copies and must be primary of 2 or 3; the small zone's have 9 or 10, and must be primary of 1
 * or 2. */
static void fill_lopsided(struct cluster *cluster, size_t large, size_t small)
{
    for (size_t i = 0; i < large + small; i++) {
        cluster->nodes[i] = (struct planner_node){
            .number = (node_number)(i + 1),
            .weight = i < large ? 570 : 299,
            .zone = i < large ? "a" : "b",
        };
    }
    cluster->node_count = large + small;
    cluster->replicas = 2;
}

Test(planner, tries_other_copies_when_the_first_leave_a_node_without_primaries)
{
    struct cluster *cluster = equal_cluster(256, 1);

    fill_lopsided(cluster, 108, 28);
    plan_and_check(cluster, false);
    cluster_destroy(&cluster);
}

Test(planner, says_so_when_the_copies_that_must_stay_leave_no_choice_of_primaries)
{
    struct cluster *cluster = equal_cluster(256, 1);
    struct ring_claim *present = memory_alloc_array(256, sizeof *present);
    struct planner_plan result;
    uint32_t begin = 0;

    /* 40 nodes with 2 copies stand beside the first 8 of the small zone, which so get no primary.
     */
    fill_lopsided(cluster, 100, 28);
    for (uint32_t i = 0; i < 100; i++) {
        const uint32_t copies = i < 44 ? 2 : 3;

        for (uint32_t p = begin; p < begin + copies; p++) {
            present[p].nodes[0] = (node_number)(i + 1);
            present[p].nodes[1] = (node_number)(101 + p * 28 / 256);
            present[p].count = 2;
        }
        begin += copies;
    }
    cr_assert_eq(begin, 256);
    plan(cluster, present, &result);
    cr_expect_eq(result.moves, 0);
    cr_expect_not(result.primaries_strict);
    planner_plan_deinit(&result);
    memory_free(present);
    cluster_destroy(&cluster);
}

Test(planner, says_what_is_wrong_with_its_input)
{
    const struct planner_node good = {.number = 1, .weight = 1, .zone = ""};
    const struct planner_node weightless = {.number = 1, .weight = 0, .zone = ""};
    const struct planner_node nameless = {.number = 0, .weight = 1, .zone = ""};
    const struct planner_node twins[] = {good, good};
    const struct {
        struct planner_input input;
        const char *error;
    } rows[] = {
        {{48, 3, &good, 1, NULL}, "partitions are a power of two up to 16384, found 48"},
        {{64, 0, &good, 1, NULL}, "replicas are 1 to 7, found 0"},
        {{64, 8, &good, 1, NULL}, "replicas are 1 to 7, found 8"},
        {{64, 3, &good, 0, NULL}, "nodes are 1 to 1024, found 0"},
        {{64, 3, &weightless, 1, NULL}, "a node's weight is 1 or more, found 0"},
        {{64, 3, &nameless, 1, NULL}, "a node's number is 1 or more, found 0"},
        {{64, 3, twins, 2, NULL}, "nodes have distinct numbers, found 1"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct planner_plan result;
        char error[RING_ERROR_MAX];

        cr_assert_not(planner_plan(&rows[i].input, &result, error));
        cr_expect_str_eq(error, rows[i].error);
        planner_plan_deinit(&result);
    }
}
