/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/node.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "command/cluster.h"
#include "command/directory.h"
#include "node/parts.h"
#include "sim/world/control.h"
#include "store/internal.h"

/* No two nodes' monotonic clocks are alike. */
#define MONO_STEP_US 1000003

/* What waits for the end of a pause. */
struct deferred {
    struct list link;
    void (*fire)(void *object, uint64_t number);
    void *object;
    uint64_t number;
};

/* ---- its clock ---- */

int64_t sim_node_clock_off_us(const struct sim_node *node)
{
    const int64_t for_us = node->world->now_us - node->clock_since_us;

    return node->clock_off_us + for_us * node->drift_ppm / 1000000;
}

struct instant sim_node_now(const struct sim_node *node)
{
    const int64_t now_us = node->world->now_us;

    return (struct instant){
        .wall_ms = WORLD_WALL_MS + (now_us + sim_node_clock_off_us(node)) / 1000,
        .mono_us = now_us + (int64_t)node->number * MONO_STEP_US,
    };
}

int64_t sim_node_world_us(const struct sim_node *node, int64_t mono_us)
{
    return mono_us - (int64_t)node->number * MONO_STEP_US;
}

void sim_node_set_clock(struct sim_node *node, int64_t off_us, int64_t drift_ppm)
{
    world_trace(node->world, "%u clock off %" PRId64 " us, %" PRId64 " ppm", node->number, off_us,
                drift_ppm);
    node->clock_off_us = off_us;
    node->drift_ppm = drift_ppm;
    node->clock_since_us = node->world->now_us;
    if (node->world->clocks != NULL)
        clocks_add(node->world->clocks, &(struct clock_step){.since_us = node->world->now_us,
                                                             .off_us = off_us,
                                                             .drift_ppm = drift_ppm,
                                                             .node = node->number});
}

/* ---- pauses ---- */

bool sim_node_defers(struct sim_node *node, void (*fire)(void *object, uint64_t number),
                     void *object, uint64_t number)
{
    if (!node->paused)
        return false;
    struct deferred *deferred = memory_alloc(sizeof *deferred);
    deferred->fire = fire;
    deferred->object = object;
    deferred->number = number;
    list_append(&node->backlog, &deferred->link);
    return true;
}

void sim_node_pause(struct sim_node *node)
{
    if (node->paused || !node->running)
        return;
    world_trace(node->world, "%u paused", node->number);
    node->paused = true;
    node->paused_since_us = node->world->now_us;
}

int64_t sim_node_paused_us(const struct sim_node *node)
{
    const int64_t now_us = node->world->now_us;

    return node->paused_for_us + (node->paused ? now_us - node->paused_since_us : 0);
}

static void drop_backlog(struct sim_node *node, bool fire)
{
    /* A process that goes on reads its sockets before its timers fire. */
    for (int timers = 0; timers < 2; timers++)
        list_for_each_removable(at, &node->backlog)
        {
            struct deferred *deferred = list_entry(at, struct deferred, link);
            if ((deferred->fire == sim_node_wake) != (timers == 1))
                continue;
            list_remove(&deferred->link);
            if (fire)
                world_after(node->world, 0, deferred->fire, deferred->object, deferred->number);
            memory_free(deferred);
        }
}

void sim_node_resume(struct sim_node *node)
{
    if (!node->paused)
        return;
    world_trace(node->world, "%u goes on", node->number);
    node->paused_for_us = sim_node_paused_us(node);
    node->paused = false;
    drop_backlog(node, true);
}

/* ---- its life ---- */

static void note_log(void *context, enum log_level level, struct span line)
{
    const struct sim_node *node = context;

    (void)level;
    world_trace(node->world, "%u logs: %.*s", node->number, (int)line.size,
                (const char *)line.data);
}

/* Nobody kills clients here. */
static void wake_worker(void *context, uint32_t worker)
{
    (void)context, (void)worker;
}

struct identity sim_node_identity(unsigned number)
{
    struct identity identity;

    memset(identity.bytes, (int)number, IDENTITY_SIZE);
    return identity;
}

struct sim_node *sim_node_create(struct world *world, unsigned number)
{
    struct sim_node *node = memory_alloc_apart(sizeof *node);

    node->world = world;
    node->number = number;
    node->identity = sim_node_identity(number);
    node->options = world_options(&world->settings, number);
    allocator_init(&node->allocator, world->settings.seed * 100 + number);
    node->evicted = memory_alloc_array(world->settings.partitions, sizeof node->evicted[0]);
    list_init(&node->backlog);
    list_init(&node->links);
    list_init(&node->clients);
    return node;
}

/* ---- what commands say of the ring ---- */

static enum member_state member_state(void *context, const struct ring_member *member)
{
    const struct sim_node *node = context;

    return view_member_state(node->view, member);
}

static struct member_address member_address(void *context, const struct ring_member *member)
{
    const struct sim_node *node = context;

    return view_member_address(node->view, member);
}

/* What the load and the checkers ask needs no other. */
static const struct environment_functions environment_functions = {
    .member_state = member_state,
    .member_address = member_address,
};

/* ---- a process ---- */

/* Returns a share of the first view. */
static struct view *begin_control(struct sim_node *node)
{
    if (!node->world->settings.detector) {
        sim_control_create(node);
        return view_retain(node->view);
    }
    node->bounds.ceiling_at_start = node->ceiling;
    atomic_store(&node->bounds.ahead_max_ms, NODE_AHEAD_MS(node->world->options));
    sim_node_raise_ceiling(node);
    node->in_line = true;
    if (node->forgot)
        sim_node_forget(node);
    sim_node_set_headers(node);
    return sim_node_first_view(node);
}

void sim_node_start(struct sim_node *node, bool forgot)
{
    struct world *world = node->world;
    const struct instant now = sim_node_now(node);
    const struct store_options store = {.partitions = world->settings.partitions,
                                        .seed = world->settings.seed,
                                        .now_ms = now.wall_ms};

    const char *refusal = NULL;
    size_t commands;

    ensure(!node->running);
    world_trace(world, "%u starts", node->number);
    if (!world->settings.detector)
        refusal = sim_disk_open(&node->disk, &node->identity, &node->ceiling);
    if (refusal != NULL) {
        world_trace(world, "%u refuses to start: %s", node->number, refusal);
        return;
    }
    node->running = true;
    node->boots++;
    node->forgot = forgot;
    node->failed = false;
    memset(&node->bounds, 0, sizeof node->bounds); /* a process begins with none of it */
    node->boot = node->number * 100 + node->boots;
    node->turning = false;
    node->waking_us = INT64_MAX;
    node->store = store_create(&store);
    store_set_memory_max(node->store, world->settings.memory_bytes);
    store_set_policy(node->store, world->settings.evicts ? STORE_ALLKEYS_CLOCK : STORE_NOEVICTION);
    if (world->settings.mark_slots > 0)
        node->store->mark_slots_max = world->settings.mark_slots;
    log_init(&node->log, LOG_NOTICE, note_log, node);
    struct view *view = begin_control(node);
    command_table(&commands);
    node->metrics = metrics_create(1, (uint32_t)commands);
    node->environment = (struct environment){.functions = &environment_functions,
                                             .context = node,
                                             .options = node->options,
                                             .metrics = node->metrics,
                                             .directory = directory_create(wake_worker, node, 1),
                                             .cluster_cache = cluster_cache_create()};
    const struct engine_options options = {
        .workers = 1,
        .seed = world->settings.seed * 1000 + node->number * 10 + node->boots,
        .boot = node->boot,
        .identity = node->identity,
        .log = &node->log,
        .store = node->store,
        .bounds = &node->bounds,
        .environment = &node->environment,
        .metrics = metrics_block(node->metrics, 0),
        .options = node->options,
        .view = view,
    };
    node->engine = engine_create(&options, &sim_node_calls, node, now);
    view_release(&view);
    if (world->settings.window > 0)
        node->engine->window.size = node->engine->window.least = world->settings.window;
    if (world->settings.detector)
        sim_node_watch(node);
    sim_node_touch(node);
}

bool sim_node_runs(const struct sim_node *node)
{
    return node->running;
}

uint64_t sim_node_evicted(const struct sim_node *node, uint32_t partition)
{
    const uint64_t before = node->evicted[partition];

    return !node->running ? before
                          : before + store_partition(node->store, partition)->evicted_total;
}

void sim_node_move(struct sim_node *node)
{
    ensure(!node->running && node->place < WORLD_PLACES_MAX);
    node->place++;
    world_trace(node->world, "%u moves to port %u", node->number,
                (unsigned)world_port(node->number, node->place));
}

void sim_node_set_options(struct sim_node *node, const struct options *options)
{
    engine_set_options(node->engine, options);
    sim_node_touch(node);
}

const struct ring *sim_node_ring(const struct sim_node *node)
{
    if (!node->running)
        return NULL;
    if (node->world->settings.detector)
        return node->world->ring;
    return node->view != NULL && !node->view->implicit ? node->view->ring : NULL;
}

bool sim_node_forgetful(const struct sim_node *node)
{
    const struct ring *ring = sim_node_ring(node);

    if (ring == NULL)
        return !node->running;
    for (uint32_t p = 0; p < ring_partition_count(ring); p++)
        if (ring_claim_index(ring_claim(ring, p), (node_number)node->number) >= 0 &&
            store_partition(node->store, p)->recovering)
            return true;
    return false;
}

void sim_node_kill(struct sim_node *node)
{
    if (!node->running)
        return;
    world_trace(node->world, "%u killed", node->number);
    node->paused_for_us = sim_node_paused_us(node);
    node->paused = false;
    drop_backlog(node, true);
    sim_node_lose_all(node);
    node->running = false;
    net_node_died(node->world, node->number);
    memset(node->peers, 0, sizeof node->peers);
    memset(node->peer_dirty, 0, sizeof node->peer_dirty);
    engine_destroy(&node->engine);
    if (node->control != NULL)
        sim_control_destroy(&node->control);
    view_release(&node->view);
    for (uint32_t p = 0; p < store_partitions(node->store); p++)
        node->evicted[p] += store_partition(node->store, p)->evicted_total;
    store_destroy(&node->store);
    metrics_destroy(&node->metrics);
    directory_destroy(&node->environment.directory);
    cluster_cache_destroy(&node->environment.cluster_cache);
}

void sim_node_destroy(struct sim_node **node)
{
    struct sim_node *n = *node;

    *node = NULL;
    sim_node_kill(n);
    drop_backlog(n, false);
    options_release(&n->options);
    sim_disk_deinit(&n->disk);
    memory_free(n->evicted);
    memory_free(n);
}
