/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/net.h"

#include <inttypes.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim/world/control.h"
#include "sim/world/delay.h"
#include "sim/world/node.h"

#define DELAY_US_MIN       50
#define DELAY_US_MAX       900
#define CONNECT_TIMEOUT_US 1000000

enum chunk_kind { CHUNK_OPEN, CHUNK_OPENED, CHUNK_BYTES, CHUNK_CLOSE };

static const char *const chunk_names[] = {"open", "opened", "bytes", "close"};

struct chunk {
    struct list link;
    enum chunk_kind kind;
    size_t size;
    uint8_t bytes[];
};

static enum net_end other(enum net_end end)
{
    return end == NET_OPENER ? NET_ACCEPTOR : NET_OPENER;
}

/* ---- the way ---- */

int64_t net_delay_us(struct world *world, unsigned from)
{
    const struct world_line *line = &world->lines[from];
    int64_t delay_us = world->delay != NULL ? delay_draw_us(world->delay, &world->rng)
                                            : world_draw(world, DELAY_US_MIN, DELAY_US_MAX);

    delay_us += world_draw(world, 0, line->slow_us);
    if (line->delay != NULL)
        delay_us += delay_draw_us(line->delay, &world->rng);
    return delay_us;
}

int64_t net_pass_us(struct world *world, unsigned from, unsigned to, size_t size)
{
    struct world_route *route = &world->routes[from][to];

    if (route->free_us < world->now_us)
        route->free_us = world->now_us;
    if (route->bytes_s > 0)
        route->free_us += (int64_t)size * 1000000 / route->bytes_s;
    return route->free_us;
}

/* ---- arriving ---- */

/* Whose address it was opened to listens there no more, or another process of it does elsewhere. */
static bool is_astray(const struct sim_connection *connection, const struct sim_node *node)
{
    return !sim_node_runs(node) || node->place != connection->place;
}

static void accept_connection(struct sim_connection *connection, struct sim_node *node)
{
    if (is_astray(connection, node)) {
        connection->open[NET_ACCEPTOR] = true;
        net_close(connection, NET_ACCEPTOR);
        return;
    }
    connection->open[NET_ACCEPTOR] = true;
    sim_node_link_opened(node, connection);
}

static void note_arrival(struct sim_connection *connection, enum net_end from, size_t size)
{
    const struct world_witness *witness = connection->world->settings.witness;

    connection->lanes[from].arrived += size;
    if (witness != NULL)
        witness->on_arrived(witness->context, connection, from);
}

static void take_chunk(struct sim_connection *connection, enum net_end from,
                       const struct chunk *chunk)
{
    const enum net_end to = other(from);
    struct sim_node *node = connection->world->nodes[connection->nodes[to]];

    world_trace_bytes(connection->world, "%u>%u #%" PRIu64 " %s %zu %016" PRIx64,
                      connection->nodes[from], connection->nodes[to], connection->id,
                      chunk_names[chunk->kind], chunk->size,
                      (uint64_t)XXH3_64bits(chunk->bytes, chunk->size));
    if (chunk->kind == CHUNK_OPEN) {
        accept_connection(connection, node);
        return;
    }
    if (!connection->open[to])
        return;
    switch (chunk->kind) {
    case CHUNK_OPENED:
        sim_node_peer_opened(node, connection);
        break;
    case CHUNK_BYTES:
        note_arrival(connection, from, chunk->size);
        sim_node_input(node, connection, to, span_of(chunk->bytes, chunk->size));
        break;
    case CHUNK_OPEN:
    case CHUNK_CLOSE:
        connection->open[to] = false;
        sim_node_lost(node, connection, to);
        break;
    }
}

static void add_chunk(struct sim_connection *connection, enum net_end end, enum chunk_kind kind,
                      struct span bytes);

static void arrive(void *object, uint64_t number)
{
    struct sim_connection *connection = object;
    const enum net_end from = (enum net_end)number;
    struct world *world = connection->world;
    struct net_lane *lane = &connection->lanes[from];
    const unsigned to = connection->nodes[other(from)];

    if (connection->lost || list_empty(&lane->chunks))
        return;
    if (world->routes[connection->nodes[from]][to].blocked || lane->held > 0) {
        lane->held++;
        return;
    }
    struct chunk *chunk = list_entry(lane->chunks.next, struct chunk, link);
    /* A host takes connections for a process that is stopped. */
    if (chunk->kind == CHUNK_OPEN && !is_astray(connection, world->nodes[to]) &&
        !connection->answered) {
        connection->answered = true;
        add_chunk(connection, NET_ACCEPTOR, CHUNK_OPENED, span_of(NULL, 0));
    }
    if (sim_node_defers(world->nodes[to], arrive, object, number))
        return;
    list_remove(&chunk->link);
    lane->bytes -= chunk->size;
    if (lane->wanted && connection->open[from]) {
        lane->wanted = false;
        sim_node_touch(world->nodes[connection->nodes[from]]);
    }
    take_chunk(connection, from, chunk);
    memory_free(chunk);
}

/* ---- sending ---- */

static void add_chunk(struct sim_connection *connection, enum net_end end, enum chunk_kind kind,
                      struct span bytes)
{
    struct world *world = connection->world;
    struct net_lane *lane = &connection->lanes[end];
    struct chunk *chunk = memory_alloc(sizeof *chunk + bytes.size);
    const unsigned from = connection->nodes[end];
    const int64_t delay_us = net_delay_us(world, from);
    int64_t at_us = net_pass_us(world, from, connection->nodes[other(end)], bytes.size) + delay_us;

    if (at_us < lane->last_us)
        at_us = lane->last_us;
    lane->last_us = at_us;
    chunk->kind = kind;
    chunk->size = bytes.size;
    if (bytes.size > 0)
        memcpy(chunk->bytes, bytes.data, bytes.size);
    lane->bytes += bytes.size;
    list_append(&lane->chunks, &chunk->link);
    events_add(&world->events, at_us, arrive, connection, end);
}

size_t net_room(struct sim_connection *connection, enum net_end end)
{
    struct net_lane *lane = &connection->lanes[end];

    if (lane->bytes < NET_SOCKET_BYTES)
        return NET_SOCKET_BYTES - lane->bytes;
    lane->wanted = true;
    return 0;
}

void net_send(struct sim_connection *connection, enum net_end end, struct span bytes)
{
    struct world *world = connection->world;

    connection->lanes[end].sent += bytes.size;
    while (bytes.size > 0) {
        size_t size = bytes.size;
        if (world_chance(world, 1, 8))
            size = (size_t)world_draw(world, 1, (int64_t)bytes.size);
        add_chunk(connection, end, CHUNK_BYTES, span_of(bytes.data, size));
        bytes = span_of(bytes.data + size, bytes.size - size);
    }
}

/* ---- opening and closing ---- */

static void connect_timeout(void *object, uint64_t number)
{
    struct sim_connection *connection = object;

    (void)number;
    if (!connection->answered && connection->open[NET_OPENER])
        net_break(connection);
}

struct sim_connection *net_open(struct world *world, unsigned from, unsigned to, unsigned place)
{
    struct sim_connection *connection = memory_alloc(sizeof *connection);

    connection->world = world;
    connection->id = ++world->last_connection;
    connection->nodes[NET_OPENER] = from;
    connection->nodes[NET_ACCEPTOR] = to;
    connection->place = place;
    connection->open[NET_OPENER] = true;
    list_init(&connection->lanes[NET_OPENER].chunks);
    list_init(&connection->lanes[NET_ACCEPTOR].chunks);
    connection->next = world->connections;
    world->connections = connection;
    add_chunk(connection, NET_OPENER, CHUNK_OPEN, span_of(NULL, 0));
    world_after(world, CONNECT_TIMEOUT_US, connect_timeout, connection, 0);
    return connection;
}

void net_close(struct sim_connection *connection, enum net_end end)
{
    if (!connection->open[end])
        return;
    connection->open[end] = false;
    if (!connection->lost)
        add_chunk(connection, end, CHUNK_CLOSE, span_of(NULL, 0));
}

static void lose_end(void *object, uint64_t number)
{
    struct sim_connection *connection = object;
    const enum net_end end = (enum net_end)number;
    struct sim_node *node = connection->world->nodes[connection->nodes[end]];

    if (!connection->open[end] || sim_node_defers(node, lose_end, object, number))
        return;
    world_trace(connection->world, "%u lost #%" PRIu64, node->number, connection->id);
    connection->open[end] = false;
    sim_node_lost(node, connection, end);
}

void net_break(struct sim_connection *connection)
{
    struct world *world = connection->world;

    if (connection->lost)
        return;
    world_trace(world, "%u>%u #%" PRIu64 " breaks", connection->nodes[NET_OPENER],
                connection->nodes[NET_ACCEPTOR], connection->id);
    connection->lost = true;
    for (int end = 0; end < 2; end++)
        world_after(world, world_draw(world, DELAY_US_MIN, 20 * DELAY_US_MAX), lose_end, connection,
                    (uint64_t)end);
}

/* ---- faults ---- */

void net_block(struct world *world, unsigned from, unsigned to, bool blocked)
{
    if (world->routes[from][to].blocked == blocked)
        return;
    world_trace(world, "%u>%u %s", from, to, blocked ? "blocked" : "free");
    world->routes[from][to].blocked = blocked;
    if (blocked)
        return;
    for (struct sim_connection *c = world->connections; c != NULL; c = c->next) {
        for (unsigned end = 0; end < 2; end++) {
            struct net_lane *lane = &c->lanes[end];
            if (c->nodes[end] != from || c->nodes[1 - end] != to)
                continue;
            if (lane->last_us < world->now_us)
                lane->last_us = world->now_us;
            for (; lane->held > 0; lane->held--)
                events_add(&world->events, lane->last_us, arrive, c, end);
        }
    }
}

void net_node_died(struct world *world, unsigned node)
{
    for (struct sim_connection *c = world->connections; c != NULL; c = c->next)
        for (unsigned end = 0; end < 2; end++)
            if (c->nodes[end] == node) {
                net_close(c, (enum net_end)end);
                if (end == NET_ACCEPTOR)
                    c->link = NULL;
            }
}

void net_destroy(struct world *world)
{
    net_destroy_datagrams(world);
    while (world->connections != NULL) {
        struct sim_connection *connection = world->connections;
        world->connections = connection->next;
        for (int end = 0; end < 2; end++)
            while (!list_empty(&connection->lanes[end].chunks)) {
                struct chunk *chunk = list_entry(connection->lanes[end].chunks.next, struct chunk,
                                                 link);
                list_remove(&chunk->link);
                memory_free(chunk);
            }
        memory_free(connection);
    }
}
