/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The host around a node's engine: its connections, the end of its turns, its alarm. It writes what
 * a socket would take, which is not always all.
 */
#include "sim/world/node.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/memory.h"
#include "lib/flat.h"
#include "sim/world/client.h"
#include "sim/world/control.h"
#include "sim/world/describe.h"
#include "sim/world/legs.h"
#include "wire/wire.h"

/* What a buffer without content keeps, bytes. */
#define IDLE_KEEP 4096

/* A connection that another node opened. */
struct sim_link {
    struct list link; /* node->links */
    struct sim_node *node;
    struct sim_connection *connection;
    struct link *engine;
    bool dirty, closing;
};

/* ---- turns ---- */

static void trace_messages(struct sim_node *node, struct sim_connection *connection,
                           enum net_end end, const struct buffer *out)
{
    struct world *world = node->world;
    struct span bytes = buffer_content(out);
    struct wire_frame frame;
    struct wire_message message;
    struct span acks = span_of(NULL, 0);
    char text[DESCRIBE_MAX];
    const unsigned to = connection->nodes[end == NET_OPENER ? NET_ACCEPTOR : NET_OPENER];
    const struct world_witness *witness = world->settings.witness;
    uint64_t until = connection->lanes[end].sent + connection->seen[end];

    bytes = span_of(bytes.data + connection->seen[end], bytes.size - connection->seen[end]);
    while (wire_next_frame(bytes, SIZE_MAX / 2, &frame) == WIRE_OK) {
        until += frame.size;
        while (describe_next(&frame.messages, &acks, &message)) {
            if (world->settings.trace_file != NULL) {
                describe_message(&message, text);
                world_remark(world, "%u>%u %" PRIx64 " %s", node->number, to, describe_id(&message),
                             text);
            }
            for (size_t i = 0; i < world->watcher_count; i++)
                world->watchers[i].on_message(world->watchers[i].context, node->number, to,
                                              &message);
            if (witness != NULL)
                witness->on_sent(witness->context, connection, end, until, &message);
        }
        bytes = span_of(bytes.data + frame.size, bytes.size - frame.size);
    }
    ensure(bytes.size == 0);
}

/* Writes what the socket takes; true when something is left, for which the node is touched again.
 */
static bool write_out(struct sim_node *node, struct sim_connection *connection, enum net_end end,
                      struct buffer *out)
{
    size_t size = buffer_size(out);

    if (size == 0)
        return false;
    trace_messages(node, connection, end, out);
    if (node->world->settings.legs != NULL) {
        legs_send(node->world->settings.legs, connection, end, out);
        connection->seen[end] = 0;
        return false;
    }
    connection->seen[end] = size;
    const size_t room = net_room(connection, end);
    if (room == 0)
        return true;
    if (size > room)
        size = room;
    if (world_chance(node->world, 1, 16))
        size = (size_t)world_draw(node->world, 1, (int64_t)size);
    net_send(connection, end, span_of(buffer_content(out).data, size));
    buffer_consume(out, size);
    connection->seen[end] = buffer_size(out);
    if (buffer_size(out) > 0 && net_room(connection, end) > 0)
        sim_node_touch(node);
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
        struct buffer *out = flat(engine_link_out(link->engine));
        if (link->dirty && !out->failed)
            link->dirty = write_out(node, link->connection, NET_ACCEPTOR, out);
        if (link->closing || out->failed) {
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
        struct buffer *out = flat(engine_peer_out(node->engine, (node_number)i));
        if (!out->failed)
            node->peer_dirty[i] = write_out(node, node->peers[i], NET_OPENER, out);
    }
}

/* Something between the bytes that are there is missing: as io/connection.c does then. The engine
 * hears of it when all is written, for it may ask and answer others then, in frames that its next
 * turn completes. */
static void drop_peers(struct sim_node *node)
{
    for (unsigned i = 1; i <= node->world->settings.nodes; i++) {
        if (!node->peer_dirty[i] || node->peers[i] == NULL ||
            !outbox_failed(engine_peer_out(node->engine, (node_number)i)))
            continue;
        net_close(node->peers[i], NET_OPENER);
        node->peers[i] = NULL;
        engine_peer_closed(node->engine, sim_node_now(node), (node_number)i);
        sim_node_touch(node);
    }
}

/* As io/connection.c does with a connection that rests. */
static void trim(struct buffer *buffer)
{
    if (buffer_size(buffer) == 0 && !buffer->failed)
        buffer_reset(buffer, IDLE_KEEP);
}

static void trim_all(struct sim_node *node)
{
    list_for_each(at, &node->clients)
    {
        struct sim_client *client = list_entry(at, struct sim_client, link);
        trim(engine_client_in(client->engine));
        trim(&engine_client_out(client->engine)->head);
    }
    list_for_each(at, &node->links)
    {
        struct sim_link *link = list_entry(at, struct sim_link, link);
        trim(engine_link_in(link->engine));
        trim(&engine_link_out(link->engine)->head);
    }
    for (unsigned i = 1; i <= node->world->settings.nodes; i++) {
        if (node->peers[i] == NULL)
            continue;
        trim(engine_peer_in(node->engine, (node_number)i));
        trim(&engine_peer_out(node->engine, (node_number)i)->head);
    }
}

static void end_turn(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (!node->running || node->boots != number || sim_node_defers(node, end_turn, object, number))
        return;
    node->turning = false;
    allocator_use(&node->allocator);
    engine_turn_end(node->engine, sim_node_now(node));
    allocator_use(NULL);
    flush_peers(node);
    flush_links(node);
    list_for_each_removable(at, &node->clients)
        sim_client_flush(list_entry(at, struct sim_client, link));
    drop_peers(node);
    trim_all(node);
}

void sim_node_touch(struct sim_node *node)
{
    if (node->turning)
        return;
    node->turning = true;
    world_after(node->world, world_work(node->world, 1, 60), end_turn, node, node->boots);
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

/* Where the node thinks that the other one listens. */
static unsigned place_of(const struct sim_node *node, node_number number)
{
    const struct view_node *other = node->view != NULL ? view_node(node->view, number) : NULL;
    unsigned place = node->world->nodes[number]->place;

    if (other != NULL)
        world_find(node->world, other->host, other->bus_port, &place);
    return place;
}

static void peer_open(void *host, node_number number)
{
    struct sim_node *node = host;

    node->peer_dirty[number] = false;
    node->peers[number] = net_open(node->world, node->number, number, place_of(node, number));
}

static void peer_close(void *host, node_number number)
{
    struct sim_node *node = host;

    if (node->peers[number] != NULL)
        net_close(node->peers[number], NET_OPENER);
    node->peers[number] = NULL;
}

/* What is copied here is the host's. */
static void control_command(void *host, uint64_t request, const struct span *argv, size_t argc)
{
    struct allocator *before = allocator_use(NULL);

    sim_control_command(host, request, argv, argc);
    allocator_use(before);
}

static void control_message(void *host, uint64_t link, struct span message)
{
    struct allocator *before = allocator_use(NULL);

    sim_control_message(host, link, message);
    allocator_use(before);
}

void sim_node_wake(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (!node->running || node->boots != number ||
        sim_node_defers(node, sim_node_wake, object, number))
        return;
    if (node->world->now_us < node->waking_us)
        return; /* an earlier one took its place, and has been here */
    node->waking_us = INT64_MAX;
    if (node->world->now_us < node->wake_us) {
        node->waking_us = node->wake_us;
        world_after(node->world, node->wake_us - node->world->now_us, sim_node_wake, node, number);
        return;
    }
    allocator_use(&node->allocator);
    engine_wake(node->engine, sim_node_now(node));
    allocator_use(NULL);
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
        world_after(node->world, node->wake_us - now_us, sim_node_wake, node, node->boots);
    }
}

const struct engine_calls sim_node_calls = {
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
        allocator_use(&node->allocator);
        engine_peer_input(node->engine, sim_node_now(node), other);
    } else {
        struct sim_link *link = find_link(node, connection);
        if (link == NULL || link->closing)
            return;
        buffer_append_span(engine_link_in(link->engine), bytes);
        allocator_use(&node->allocator);
        engine_link_input(node->engine, sim_node_now(node), link->engine);
    }
    allocator_use(NULL);
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

void sim_node_lose_all(struct sim_node *node)
{
    list_for_each_removable(at, &node->clients)
        sim_client_lost(list_entry(at, struct sim_client, link));
    list_for_each_removable(at, &node->links) free_link(list_entry(at, struct sim_link, link));
}
