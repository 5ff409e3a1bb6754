/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checkers of rings and of membership. They look at the nodes after all faults: what control
 * tells its engine, what the partitions' headers say, and what is on disk. Of the rings that nodes
 * went by, all that there ever were count.
 */
#include "sim/check/ring.h"

#include <inttypes.h>

#include "ring/ring_codec.h"
#include "sim/world/node.h"

/* Equal versions are equal rings, and there is one identity only. */
static void check_rings_seen(const struct world *world, struct verdict *verdict)
{
    for (size_t i = 0; i < world->ring_count; i++) {
        verdict->judged++;
        if (!identity_equal(&world->rings[i].identity, &world->rings[0].identity))
            verdict_wrong(verdict, "ring: there were rings of two identities");
        for (size_t j = 0; j < i; j++)
            if (world->rings[i].version == world->rings[j].version)
                verdict_wrong(verdict, "ring: two rings have the version %" PRIx64,
                              world->rings[i].version);
    }
}

/* The headers of a node's partitions go by its ring; no stamp is above its ceiling. */
static void check_headers(const struct sim_node *node, const struct ring *ring,
                          struct verdict *verdict)
{
    const bool detector = node->world->settings.detector;

    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        struct partition *partition = store_partition(node->store, p);
        const bool owns = ring_claim_index(claim, (node_number)node->number) >= 0;
        verdict->judged++;
        if (partition->claim_version != (owns || !detector ? claim->version : 0))
            verdict_wrong(verdict, "ring: node %u goes by another claim of partition %u",
                          node->number, p);
        if (partition_votes(partition) != (owns && !partition->recovering && node->in_line))
            verdict_wrong(verdict, "ring: node %u votes wrongly in partition %u", node->number, p);
        if (partition->last_stamp > node->ceiling)
            verdict_wrong(verdict, "ring: node %u took a stamp above its ceiling", node->number);
    }
}

/* The ring on disk is the one that the node goes by. */
static void check_disk(const struct sim_node *node, const struct ring *ring,
                       struct verdict *verdict)
{
    char error[RING_ERROR_MAX];
    struct ring *kept = ring_decode(sim_disk_ring(&node->disk), error);

    verdict->judged++;
    if (kept == NULL || ring_digest(kept) != ring_digest(ring))
        verdict_wrong(verdict, "ring: node %u has another ring on disk", node->number);
    if (kept != NULL)
        ring_release(&kept);
}

void check_ring(const struct world *world, struct verdict *verdict)
{
    check_rings_seen(world, verdict);
    for (unsigned i = 1; i <= world->settings.nodes; i++) {
        const struct sim_node *node = world->nodes[i];
        const struct ring *ring = sim_node_ring(node);
        verdict->judged++;
        if (node->failed)
            verdict_wrong(verdict, "ring: the control of node %u cannot go on", i);
        if (ring == NULL) {
            verdict_wrong(verdict, "ring: node %u has none", i);
            continue;
        }
        check_headers(node, ring, verdict);
        if (!world->settings.detector)
            check_disk(node, ring, verdict);
    }
}

/* ---- membership ---- */

static bool agrees(const struct sim_node *node, const struct sim_node *other)
{
    const struct view_node *seen = view_node(node->view, (node_number)other->number);

    return seen != NULL && seen->health == HEALTH_ALIVE &&
           seen->votes == (!sim_node_forgetful(other) && other->in_line);
}

void check_members(const struct world *world, struct verdict *verdict)
{
    for (unsigned i = 1; i <= world->settings.nodes; i++) {
        const struct sim_node *node = world->nodes[i];
        for (unsigned j = 1; j <= world->settings.nodes; j++) {
            if (world->settings.detector)
                continue;
            verdict->judged++;
            if (sim_node_ring(node) == NULL || !agrees(node, world->nodes[j])) {
                verdict_wrong(verdict, "members: node %u does not see node %u as it is", i, j);
                verdict_about(verdict, j, -1, world->now_us);
            }
        }
    }
}

bool members_agree(const struct world *world)
{
    struct verdict verdict = {0};

    check_members(world, &verdict);
    return verdict.wrong == 0;
}
