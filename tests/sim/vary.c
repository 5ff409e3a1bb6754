/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a seed says of the nodes, their levels and bounds, and of what goes wrong.
 */
#include "base/rng.h"
#include "sim/run.h"

/* Of a bound on memory that is reached, bytes: what connections and requests take, and a part of
 * what the load would have in the stores. */
#define MEMORY_OF_NODE   (360u * 1024)
#define MEMORY_OF_OTHER  (60u * 1024)
#define MEMORY_OF_VALUES (400u * 1024)

/* One of `of` worlds has it. */
static bool one_of(struct rng *rng, unsigned of)
{
    return rng_below(rng, of) == 0;
}

/* Most runs are of three nodes and three copies at QUORUM, as most rings are. */
static void vary_ring(struct world_settings *world)
{
    static const struct {
        unsigned nodes, replicas;
    } sizes[] = {{3, 3}, {3, 3}, {3, 3}, {4, 3}, {5, 3}, {5, 5}, {7, 3}, {6, 5}};
    const size_t count = sizeof sizes / sizeof sizes[0];

    world->nodes = sizes[world->seed % count].nodes;
    world->replicas = sizes[world->seed % count].replicas;
    world->read_level = world->seed % 11 == 9 ? LEVEL_ONE : LEVEL_QUORUM;
    world->write_level = world->seed % 11 == 9 ? LEVEL_ALL : LEVEL_QUORUM;
    world->conflict = world->seed % 11 == 10 ? RING_CONFLICT_SIBLINGS : RING_CONFLICT_LWW;
}

/* The bounds are wide in most runs; where they are not, they are reached all the time. */
void run_vary(struct run_settings *settings)
{
    struct world_settings *world = &settings->world;
    struct rng rng;

    vary_ring(world);
    rng_init(&rng, world->seed ^ UINT64_C(0xb0d5));
    world->evicts = one_of(&rng, 5);
    world->partitions = world->evicts ? 16 : 64;
    world->memory_bytes = world->evicts ? MEMORY_OF_NODE + world->nodes * MEMORY_OF_OTHER +
                                              rng_below(&rng, MEMORY_OF_VALUES)
                                        : 0;
    world->hint_bytes = one_of(&rng, 5) ? 2000 + rng_below(&rng, 40000) : 0;
    world->hint_window_s = one_of(&rng, 6) ? 1 + (int64_t)rng_below(&rng, 3) : 0;
    world->repair_interval_s = one_of(&rng, 3) ? 1 + (int64_t)rng_below(&rng, 5) : 0;
    world->mark_slots = one_of(&rng, 3) ? 4 : 0;
    settings->load.flushes = one_of(&rng, 4);
    fault_settings_draw(&settings->faults, world->seed);
}
