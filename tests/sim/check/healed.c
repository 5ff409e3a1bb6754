/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "base/metrics.h"
#include "causal/hlc.h"
#include "sim/check/stores.h"
#include "sim/world/node.h"

/* What is missing at a node, the first of it. */
struct lack {
    const struct sim_node *node;
    FILE *report;
    bool any;
};

static void say(struct lack *lack, const char *what, uint32_t partition, uint64_t number)
{
    if (!lack->any && lack->report != NULL)
        fprintf(lack->report, "    node %u, partition %u: %s (%" PRIu64 ")\n", lack->node->number,
                partition, what, number);
    lack->any = true;
}

static int64_t stamp_us(uint64_t stamp)
{
    return stamp > 0 ? (hlc_ms(stamp) - WORLD_WALL_MS) * 1000 : 0;
}

static void look_at_partition(struct lack *lack, const struct ring_claim *claim, uint32_t p,
                              int64_t since_us)
{
    struct partition *partition = store_partition(lack->node->store, p);
    struct partition_counts counts;

    if (ring_claim_index(claim, (node_number)lack->node->number) < 0)
        return;
    if (!partition->eligible || partition->recovering)
        say(lack, partition->recovering ? "has not recovered" : "does not vote", p, 0);
    if (stamp_us(partition->settled) < since_us)
        say(lack, "is not settled since then, us behind", p,
            (uint64_t)(since_us - stamp_us(partition->settled)));
    /* Stamps run ahead of the clocks where one of those was wrong, so that is not enough. */
    if (partition->settled < partition->last_stamp)
        say(lack, "has what is not settled, us behind", p,
            (uint64_t)(stamp_us(partition->last_stamp) - stamp_us(partition->settled)));
    partition_count(partition, &counts);
    if (counts.tombstones > 0)
        say(lack, "has tombstones", p, counts.tombstones);
    if (counts.marks > 0)
        say(lack, "has marks", p, counts.marks);
}

/* A node whose last ceiling is ahead of its clock, since that was, waits for it before it votes. */
static void look_at_view(struct lack *lack, const struct view *view)
{
    for (size_t i = 0; i < view->node_count; i++)
        if (!view->nodes[i].votes)
            say(lack, "sees one that does not vote", 0, view->nodes[i].number);
}

static bool is_whole(const struct sim_node *node, int64_t since_us, FILE *report)
{
    const struct ring *ring = sim_node_ring(node);
    struct lack lack = {.node = node, .report = report};

    if (ring == NULL || node->paused) {
        say(&lack, "is not there", 0, 0);
        return false;
    }
    if (atomic_load(&node->bounds.ledger.uncompared) > 0)
        say(&lack, "has not been compared", 0, 0);
    if (metrics_sum(node->metrics, METRIC_HINTS) > 0)
        say(&lack, "holds hints", 0, metrics_sum(node->metrics, METRIC_HINTS));
    if (node->view != NULL) /* with --control detector nobody publishes one */
        look_at_view(&lack, node->view);
    for (uint32_t p = 0; p < ring_partition_count(ring) && !lack.any; p++)
        look_at_partition(&lack, ring_claim(ring, p), p, since_us);
    return !lack.any;
}

bool stores_whole(const struct world *world, int64_t since_us, FILE *report)
{
    bool whole = true;

    for (unsigned i = 1; i <= world->settings.nodes; i++)
        whole &= is_whole(world->nodes[i], since_us, report);
    return whole;
}

void check_whole(const struct world *world, int64_t since_us, struct verdict *verdict)
{
    verdict->judged++;
    if (stores_whole(world, since_us, NULL))
        return;
    verdict_wrong(verdict, "whole: %" PRId64 " s after the faults something is missing:",
                  (world->now_us - since_us) / 1000000);
    stores_whole(world, since_us, verdict->report);
}
