/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a seed says of a run: its nodes and how they are set up, its clients, and what goes wrong.
 * Each run leaves much of it at what most clusters have, since some things show only when others
 * are quiet (swarm testing: Groce et al., ISSTA 2012).
 */
#include <string.h>

#include "base/rng.h"
#include "sim/run.h"

#define SECOND_US INT64_C(1000000)

/* Of a bound on memory that is reached, bytes: what connections and requests take, and a part of
 * what the load would have in the stores. */
#define MEMORY_OF_NODE   (460u * 1024)
#define MEMORY_OF_OTHER  (60u * 1024)
#define MEMORY_OF_VALUES (400u * 1024)

/* What a client takes, of more than a few on a node: pipelines of long values. */
#define MEMORY_OF_CLIENT (80u * 1024)
#define CLIENTS_FEW      3

/* A ring of so many nodes or more is large: it is in few runs, since they take long. */
#define LARGE_MIN 10

/* Clients of all nodes: so many at most, but one a node. */
#define CLIENTS_MAX 12

/* One of `of` worlds has it. */
static bool one_of(struct rng *rng, unsigned of)
{
    return rng_below(rng, of) == 0;
}

/* Most runs are of three nodes and three copies, as most rings are. */
void run_vary_ring(struct run_settings *settings)
{
    static const struct {
        unsigned nodes, replicas;
    } sizes[] = {{3, 3}, {3, 3}, {3, 3}, {3, 3}, {3, 3}, {4, 3}, {4, 2},
                 {5, 3}, {5, 3}, {5, 5}, {7, 3}, {6, 5}, {2, 3}, {9, 7}};
    struct world_settings *world = &settings->world;
    struct rng rng;

    rng_init(&rng, world->seed ^ UINT64_C(0x5126));
    const uint64_t size = rng_below(&rng, sizeof sizes / sizeof sizes[0]);
    world->nodes = sizes[size].nodes;
    world->replicas = sizes[size].replicas;
    if (one_of(&rng, 40))
        world->nodes = LARGE_MIN + (unsigned)rng_below(&rng, WORLD_NODES_MAX - LARGE_MIN + 1);
    world->conflict = one_of(&rng, 5) ? RING_CONFLICT_SIBLINGS : RING_CONFLICT_LWW;
}

/* QUORUM for both in most; else levels that overlap as closely as they can, or any. */
static void vary_levels(struct world_settings *world, struct rng *rng)
{
    const unsigned copies = world->replicas < world->nodes ? world->replicas : world->nodes;

    world->read_level = world->write_level = LEVEL_QUORUM;
    switch (rng_below(rng, 8)) {
    case 0:
        world->write_level = LEVEL_ALL;
        world->read_level = LEVEL_ONE;
        break;
    case 1:
        world->write_level = (uint8_t)(copies / 2 + 1 + rng_below(rng, copies - copies / 2));
        world->read_level = (uint8_t)(copies - world->write_level + 1);
        break;
    case 2:
        world->write_level = (uint8_t)(1 + rng_below(rng, copies));
        world->read_level = (uint8_t)(1 + rng_below(rng, copies));
        break;
    default:
        break;
    }
    world->sloppy_quorum = one_of(rng, 6);
}

/* The bounds are wide in most runs; where they are not, they are reached all the time. */
static void vary_bounds(struct world_settings *world, struct rng *rng)
{
    world->zones = one_of(rng, 3) ? 1 + (unsigned)rng_below(rng, world->nodes) : 0;
    world->evicts = one_of(rng, 5);
    world->partitions = world->evicts ? 16 : 64;
    world->memory_bytes = world->evicts ? MEMORY_OF_NODE + world->nodes * MEMORY_OF_OTHER +
                                              rng_below(rng, MEMORY_OF_VALUES)
                                        : 0;
    world->hint_bytes = one_of(rng, 5) ? 2000 + rng_below(rng, 40000) : 0;
    world->hint_window_s = one_of(rng, 6) ? 1 + (int64_t)rng_below(rng, 3) : 0;
    world->repair_interval_s = one_of(rng, 3) ? 1 + (int64_t)rng_below(rng, 5) : 0;
    world->mark_slots = one_of(rng, 3) ? 4 : 0;
}

/* A network that is fast, one that is now and then slow, one that is a little far. */
static void vary_delay(struct world_settings *world, struct rng *rng)
{
    static const char *const delays[] = {"exp(5)", "const(0.3):0.95+uniform(1,5):0.05",
                                         "uniform(1,2)"};
    const char *delay = delays[rng_below(rng, sizeof delays / sizeof delays[0])];

    world->delay[0] = '\0';
    if (one_of(rng, 6) && !world->evicts)
        memcpy(world->delay, delay, strlen(delay) + 1);
}

static void vary_load(struct run_settings *settings, struct rng *rng)
{
    static const unsigned keys[] = {40, 160, 160, 160, 600};
    static const int64_t think_ms[] = {20, 40, 40, 40, 100};
    const unsigned most = CLIENTS_MAX / settings->world.nodes;
    struct load_settings *load = &settings->load;

    load->flushes = one_of(rng, 4);
    load->clients = most < 2 ? 1 : 1 + (unsigned)rng_below(rng, most < 6 ? most : 6);
    load->keys = keys[rng_below(rng, sizeof keys / sizeof keys[0])];
    load->think_us = 1000 * think_ms[rng_below(rng, sizeof think_ms / sizeof think_ms[0])];
    settings->chaos_us = (4 + (int64_t)rng_below(rng, 9)) * SECOND_US;
}

/* They are few, and in few runs: most are about data. */
static void vary_listeners(struct run_settings *settings)
{
    struct rng rng;

    rng_init(&rng, settings->world.seed ^ UINT64_C(0x7157));
    settings->load.listeners = one_of(&rng, 3) ? 1 + (unsigned)rng_below(&rng, 4) : 0;
}

/* A load so small fills no window that is not small. */
static void vary_window(struct world_settings *world)
{
    struct rng rng;

    rng_init(&rng, world->seed ^ UINT64_C(0x41d0));
    world->window = one_of(&rng, 3) ? 1 + (uint32_t)rng_below(&rng, 16) : 0;
}

void run_vary_rest(struct run_settings *settings)
{
    struct rng rng;

    rng_init(&rng, settings->world.seed ^ UINT64_C(0xb0d5));
    vary_bounds(&settings->world, &rng);
    vary_levels(&settings->world, &rng);
    vary_load(settings, &rng);
    vary_delay(&settings->world, &rng);
    vary_listeners(settings);
    vary_window(&settings->world);
    if (settings->world.memory_bytes > 0 && settings->load.clients > CLIENTS_FEW)
        settings->world.memory_bytes += (settings->load.clients - CLIENTS_FEW) *
                                        (uint64_t)MEMORY_OF_CLIENT;
    fault_settings_draw(&settings->faults, settings->world.seed);
    settings->load.caches = one_of(&rng, 3);
}

void run_vary(struct run_settings *settings)
{
    run_vary_ring(settings);
    run_vary_rest(settings);
}
