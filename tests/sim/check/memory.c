/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "sim/check/stores.h"
#include "sim/world/node.h"

/* How far a partition's memory may be from what the store's sum has of it (store/store.c). */
#define UNTOLD_MAX 4096
/* A value that arrives is in memory before there is room for it; so is what is being evicted. */
#define PASSING_MAX (256u * 1024)
/* What could be evicted. What connections and requests hold cannot; their number is bounded. */
static uint64_t data_of(const struct sim_node *node)
{
    uint64_t bytes = 0;

    for (uint32_t p = 0; p < store_partitions(node->store); p++)
        bytes += store_partition(node->store, p)->memory_told;
    return bytes;
}

static void check_node(const struct sim_node *node, struct verdict *verdict)
{
    const struct world *world = node->world;
    const uint64_t most = world->settings.memory_bytes;
    const uint64_t used = store_memory_used(node->store);
    const uint64_t slack = world->settings.partitions * UNTOLD_MAX + PASSING_MAX;

    verdict->judged++;
    if (most > 0 && used > most + slack && data_of(node) > slack) {
        verdict_wrong(verdict, "memory: node %u holds %" PRIu64 " bytes of %" PRIu64 " at %" PRId64,
                      node->number, used, most, world->now_us);
        verdict_about(verdict, node->number, -1, world->now_us);
    }
}

void check_memory(const struct world *world, struct verdict *verdict)
{
    for (unsigned i = 1; i <= world->settings.nodes; i++)
        if (sim_node_runs(world->nodes[i]))
            check_node(world->nodes[i], verdict);
}
