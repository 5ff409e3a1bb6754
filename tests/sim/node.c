/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/node.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "command/cluster.h"
#include "command/directory.h"
#include "sim/client.h"
#include "sim/control.h"
#include "sim/describe.h"
#include "store/internal.h"
#include "wire/wire.h"

/* No two nodes' monotonic clocks are alike. */
#define MONO_STEP_US 1000003
/* What a buffer without content keeps, bytes. */
#define IDLE_KEEP 4096

/* What waits for the end of a pause. */
struct deferred {
    struct list link;
    void (*fire)(void *object, uint64_t number);
    void *object;
    uint64_t number;
};

/* A connection that another node opened. */
struct sim_link {
    struct list link; /* node->links */
    struct sim_node *node;
    struct sim_connection *connection;
    struct link *engine;
    bool dirty, closing;
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

static void wake(void *object, uint64_t number);

static void drop_backlog(struct sim_node *node, bool fire)
{
    /* A process that goes on reads its sockets before its timers fire. */
    for (int timers = 0; timers < 2; timers++)
        list_for_each_removable(at, &node->backlog)
        {
            struct deferred *deferred = list_entry(at, struct deferred, link);
            if ((deferred->fire == wake) != (timers == 1))
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

/* ---- turns ---- */

static void trace_messages(struct sim_node *node, struct sim_connection *connection,
                           enum net_end end, const struct buffer *out)
{
    struct world *world = node->world;
    struct span bytes = buffer_content(out);
    struct wire_frame frame;
    struct wire_message message;
    const char *error;
    char text[DESCRIBE_MAX];
    const unsigned to = connection->nodes[end == NET_OPENER ? NET_ACCEPTOR : NET_OPENER];

    bytes = span_of(bytes.data + connection->seen[end], bytes.size - connection->seen[end]);
    while (wire_next_frame(bytes, SIZE_MAX / 2, &frame) == WIRE_OK) {
        while (wire_next_message(&frame.messages, &message, &error) == WIRE_OK) {
            if (world->settings.messages) {
                describe_message(&message, text);
                world_trace(world, "%u>%u %" PRIx64 " %s", node->number, to, describe_id(&message),
                            text);
            }
            for (size_t i = 0; i < world->watcher_count; i++)
                world->watchers[i].on_message(world->watchers[i].context, node->number, to,
                                              &message);
        }
        bytes = span_of(bytes.data + frame.size, bytes.size - frame.size);
    }
    ensure(bytes.size == 0);
}

/* Writes what the socket takes; true when something is left. */
static bool write_out(struct sim_node *node, struct sim_connection *connection, enum net_end end,
                      struct buffer *out)
{
    size_t size = buffer_size(out);

    if (size == 0)
        return false;
    trace_messages(node, connection, end, out);
    if (world_chance(node->world, 1, 16))
        size = (size_t)world_draw(node->world, 1, (int64_t)size);
    net_send(connection, end, span_of(buffer_content(out).data, size));
    buffer_consume(out, size);
    connection->seen[end] = buffer_size(out);
    return buffer_size(out) > 0;
}

static void free_link(struct sim_link *link)
{
    engine_link_closed(link->node->engine, link->engine);
    link->connection->link = NULL;
    list_remove(&link->link);
    memory_free(link);
}

static void flush_links(struct sim_node *node)
{
    list_for_each_removable(at, &node->links)
    {
        struct sim_link *link = list_entry(at, struct sim_link, link);
        if (link->dirty) {
            link->dirty = write_out(node, link->connection, NET_ACCEPTOR,
                                    engine_link_out(link->engine));
            if (link->dirty)
                sim_node_touch(node);
        }
        if (link->closing) {
            net_close(link->connection, NET_ACCEPTOR);
            free_link(link);
        }
    }
}

static void flush_peers(struct sim_node *node)
{
    for (unsigned i = 1; i <= node->world->settings.nodes; i++) {
        if (!node->peer_dirty[i] || node->peers[i] == NULL)
            continue;
        node->peer_dirty[i] = write_out(node, node->peers[i], NET_OPENER,
                                        engine_peer_out(node->engine, (node_number)i));
        if (node->peer_dirty[i])
            sim_node_touch(node);
    }
}

/* As io/connection.c does with a connection that rests. */
static void trim(struct buffer *buffer)
{
    if (buffer_size(buffer) == 0)
        buffer_reset(buffer, IDLE_KEEP);
}

static void trim_all(struct sim_node *node)
{
    list_for_each(at, &node->clients)
    {
        struct sim_client *client = list_entry(at, struct sim_client, link);
        trim(engine_client_in(client->engine));
        trim(engine_client_out(client->engine));
    }
    list_for_each(at, &node->links)
    {
        struct sim_link *link = list_entry(at, struct sim_link, link);
        trim(engine_link_in(link->engine));
        trim(engine_link_out(link->engine));
    }
    for (unsigned i = 1; i <= node->world->settings.nodes; i++) {
        if (node->peers[i] == NULL)
            continue;
        trim(engine_peer_in(node->engine, (node_number)i));
        trim(engine_peer_out(node->engine, (node_number)i));
    }
}

static void end_turn(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (!node->running || node->boots != number || sim_node_defers(node, end_turn, object, number))
        return;
    node->turning = false;
    engine_turn_end(node->engine, sim_node_now(node));
    flush_peers(node);
    flush_links(node);
    list_for_each_removable(at, &node->clients)
        sim_client_flush(list_entry(at, struct sim_client, link));
    trim_all(node);
}

void sim_node_touch(struct sim_node *node)
{
    if (node->turning)
        return;
    node->turning = true;
    world_after(node->world, world_draw(node->world, 1, 60), end_turn, node, node->boots);
}

/* ---- what the engine wants ---- */

static void link_output(void *connection)
{
    struct sim_link *link = connection;

    link->dirty = true;
}

static void link_close(void *connection)
{
    struct sim_link *link = connection;

    link->closing = true;
    sim_node_touch(link->node);
}

static void peer_output(void *host, node_number number)
{
    struct sim_node *node = host;

    node->peer_dirty[number] = true;
    sim_node_touch(node);
}

static void peer_open(void *host, node_number number)
{
    struct sim_node *node = host;

    node->peer_dirty[number] = false;
    node->peers[number] = net_open(node->world, node->number, number);
}

static void peer_close(void *host, node_number number)
{
    struct sim_node *node = host;

    if (node->peers[number] != NULL)
        net_close(node->peers[number], NET_OPENER);
    node->peers[number] = NULL;
}

static void control_command(void *host, uint64_t request, const struct span *argv, size_t argc)
{
    sim_control_command(host, request, argv, argc);
}

static void control_message(void *host, uint64_t link, struct span message)
{
    sim_control_message(host, link, message);
}

static void wake(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (!node->running || node->boots != number || sim_node_defers(node, wake, object, number))
        return;
    node->waking_us = INT64_MAX;
    if (node->world->now_us < node->wake_us) {
        node->waking_us = node->wake_us;
        world_after(node->world, node->wake_us - node->world->now_us, wake, node, number);
        return;
    }
    engine_wake(node->engine, sim_node_now(node));
    sim_node_touch(node);
}

static void wake_at(void *host, int64_t mono_us)
{
    struct sim_node *node = host;
    const int64_t now_us = node->world->now_us;

    node->wake_us = sim_node_world_us(node, mono_us);
    if (node->wake_us <= now_us)
        node->wake_us = now_us + 1;
    if (node->wake_us < node->waking_us) {
        node->waking_us = node->wake_us;
        world_after(node->world, node->wake_us - now_us, wake, node, node->boots);
    }
}

static const struct engine_calls calls = {
    .client_output = sim_client_output,
    .client_hold = sim_client_hold,
    .client_close = sim_client_close,
    .link_output = link_output,
    .link_close = link_close,
    .peer_output = peer_output,
    .peer_open = peer_open,
    .peer_close = peer_close,
    .control_command = control_command,
    .control_message = control_message,
    .wake_at = wake_at,
};

/* ---- what the network brings ---- */

void sim_node_link_opened(struct sim_node *node, struct sim_connection *connection)
{
    struct sim_link *link = memory_alloc(sizeof *link);

    link->node = node;
    link->connection = connection;
    link->engine = engine_link_open(node->engine, sim_node_now(node), link);
    connection->link = link->engine;
    list_append(&node->links, &link->link);
    sim_node_touch(node);
}

void sim_node_peer_opened(struct sim_node *node, struct sim_connection *connection)
{
    if (connection->call != NULL) {
        sim_control_call_opened(connection->call);
        return;
    }
    if (node->peers[connection->nodes[NET_ACCEPTOR]] != connection)
        return;
    engine_peer_opened(node->engine, sim_node_now(node),
                       (node_number)connection->nodes[NET_ACCEPTOR]);
    sim_node_touch(node);
}

static struct sim_link *find_link(struct sim_node *node, const struct sim_connection *connection)
{
    list_for_each(at, &node->links)
    {
        struct sim_link *link = list_entry(at, struct sim_link, link);
        if (link->connection == connection)
            return link;
    }
    return NULL;
}

void sim_node_input(struct sim_node *node, struct sim_connection *connection, enum net_end end,
                    struct span bytes)
{
    if (connection->call != NULL && end == NET_OPENER) {
        sim_control_call_input(connection->call, bytes);
        return;
    }
    if (end == NET_OPENER) {
        const node_number other = (node_number)connection->nodes[NET_ACCEPTOR];
        if (node->peers[other] != connection)
            return;
        buffer_append_span(engine_peer_in(node->engine, other), bytes);
        engine_peer_input(node->engine, sim_node_now(node), other);
    } else {
        struct sim_link *link = find_link(node, connection);
        if (link == NULL || link->closing)
            return;
        buffer_append_span(engine_link_in(link->engine), bytes);
        engine_link_input(node->engine, sim_node_now(node), link->engine);
    }
    sim_node_touch(node);
}

void sim_node_lost(struct sim_node *node, struct sim_connection *connection, enum net_end end)
{
    if (!node->running)
        return;
    if (connection->call != NULL && end == NET_OPENER) {
        sim_control_call_lost(connection->call);
        return;
    }
    if (end == NET_OPENER) {
        const node_number other = (node_number)connection->nodes[NET_ACCEPTOR];
        if (node->peers[other] != connection)
            return;
        node->peers[other] = NULL;
        engine_peer_closed(node->engine, sim_node_now(node), other);
    } else {
        struct sim_link *link = find_link(node, connection);
        if (link != NULL)
            free_link(link);
    }
    sim_node_touch(node);
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
    struct sim_node *node = memory_alloc(sizeof *node);

    node->world = world;
    node->number = number;
    node->identity = sim_node_identity(number);
    list_init(&node->backlog);
    list_init(&node->links);
    list_init(&node->clients);
    return node;
}

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

    size_t commands;

    ensure(!node->running);
    world_trace(world, "%u starts", node->number);
    node->running = true;
    node->boots++;
    node->forgot = forgot;
    node->failed = false;
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
    node->environment = (struct environment){.options = world->options,
                                             .metrics = node->metrics,
                                             .directory = directory_create(wake_worker, node),
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
        .options = world->options,
        .view = view,
    };
    node->engine = engine_create(&options, &calls, node, now);
    view_release(&view);
    if (world->settings.detector)
        sim_node_watch(node);
    sim_node_touch(node);
}

bool sim_node_runs(const struct sim_node *node)
{
    return node->running;
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
    list_for_each_removable(at, &node->clients)
        sim_client_lost(list_entry(at, struct sim_client, link));
    list_for_each_removable(at, &node->links) free_link(list_entry(at, struct sim_link, link));
    node->running = false;
    net_node_died(node->world, node->number);
    memset(node->peers, 0, sizeof node->peers);
    memset(node->peer_dirty, 0, sizeof node->peer_dirty);
    engine_destroy(&node->engine);
    if (node->control != NULL)
        sim_control_destroy(&node->control);
    view_release(&node->view);
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
    buffer_deinit(&n->disk_ring);
    memory_free(n);
}
