/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The footprint: what the connections of an engine and their requests hold, so that maxmemory
 * counts it. Looking at all of them at once could take too long for a turn, so each tick looks at
 * some and corrects the sums by what has changed since it looked at them before; sizes are bytes,
 * and what the allocator takes beyond them is left out.
 */
#include "command/audience.h"
#include "command/transaction.h"
#include "node/parts.h"
#include "node/script.h"

#include "base/metrics.h"

/* Connections of one kind, and requests, that one tick looks at: well below a millisecond. */
#define FOOTPRINT_PER_TICK 1000
/* Ticks that come sooner after the last look, since there is much else to do, look at nothing. */
#define FOOTPRINT_US 50000

static void note(uint64_t *sum, size_t *before, size_t now)
{
    *sum += (uint64_t)now - (uint64_t)*before;
    *before = now;
}

static size_t request_bytes(const struct request *request)
{
    const struct operation *operation = &request->operation;

    return sizeof *request + request->room_capacity * sizeof request->room[0] +
           request->kept.capacity + (request->block != NULL ? request->block->capacity : 0) +
           request->reply.capacity + request->made.capacity + operation->written_bytes.capacity +
           operation->reading.bytes.capacity + operation->reading.spare.capacity;
}

/* Of a long block that something is to arrive in, what has not arrived takes no memory. */
static size_t input_bytes(const struct buffer *in)
{
    if (in->capacity <= ROOM_AHEAD_MAX)
        return in->capacity;
    return in->tail > ROOM_AHEAD_MAX ? in->tail : ROOM_AHEAD_MAX;
}

static size_t client_bytes(const struct client *client)
{
    const struct subscriber *subscriber = session_subscriber(&client->session);

    return sizeof *client + input_bytes(&client->in) + outbox_capacity(&client->out) +
           client->trail.elsewhere.capacity + client->parser.capacity * sizeof(struct span) +
           (client->order.places != NULL ? ORDER_HASHES * sizeof client->order.places[0] : 0) +
           (client->session.transaction != NULL ? client->session.transaction->bytes : 0) +
           (subscriber != NULL ? subscriber->bytes : 0);
}

static size_t link_bytes(const struct link *link)
{
    return sizeof *link + input_bytes(&link->in) + outbox_capacity(&link->out) +
           link->trail.elsewhere.capacity;
}

static size_t peer_bytes(const struct peer *peer)
{
    return sizeof *peer + input_bytes(&peer->in) + outbox_capacity(&peer->out);
}

/* Who was looked at goes to the end of the list, so the next tick goes on with the others. */

static void look_at_clients(struct engine *engine)
{
    struct list *const last = engine->clients.previous;

    for (unsigned i = 0; i < FOOTPRINT_PER_TICK && !list_empty(&engine->clients); i++) {
        struct client *client = list_entry(engine->clients.next, struct client, link);
        const bool done = &client->link == last;
        note(&engine->footprint.clients, &client->footprint, client_bytes(client));
        list_remove(&client->link);
        list_append(&engine->clients, &client->link);
        if (done)
            return;
    }
}

static void look_at_links(struct engine *engine)
{
    struct list *const last = engine->links.previous;

    for (unsigned i = 0; i < FOOTPRINT_PER_TICK && !list_empty(&engine->links); i++) {
        struct link *link = list_entry(engine->links.next, struct link, member);
        const bool done = &link->member == last;
        note(&engine->footprint.links, &link->footprint, link_bytes(link));
        list_remove(&link->member);
        list_append(&engine->links, &link->member);
        if (done)
            return;
    }
}

static void look_at_peers(struct engine *engine)
{
    for (size_t i = 0; i < FOOTPRINT_PER_TICK && i < engine->peer_limit; i++) {
        if (engine->footprint.peer >= engine->peer_limit)
            engine->footprint.peer = 0;
        struct peer *peer = engine->peers[engine->footprint.peer++];
        if (peer != NULL)
            note(&engine->footprint.links, &peer->footprint, peer_bytes(peer));
    }
}

static void look_at_requests(struct engine *engine)
{
    for (size_t i = 0; i < FOOTPRINT_PER_TICK && i < engine->slot_count; i++) {
        if (engine->footprint.slot >= engine->slot_count)
            engine->footprint.slot = 0;
        struct request *request = engine->slots[engine->footprint.slot++];
        note(&engine->footprint.clients, &request->footprint, request_bytes(request));
    }
}

static void charge(struct engine *engine, enum metric metric, uint64_t bytes, uint64_t *charged)
{
    store_charge(engine->own.store, (int64_t)(bytes - *charged));
    metrics_add(engine->metrics, metric, bytes - *charged);
    *charged = bytes;
}

static void look_at_post(struct engine *engine)
{
    note(&engine->footprint.clients, &engine->footprint.post,
         post_footprint(engine->inbox) + engine->posted.capacity + engine->changes.capacity +
             tracking_bytes(engine->own.environment->tracking));
}

static void charge_all(struct engine *engine)
{
    charge(engine, METRIC_CLIENT_BYTES, engine->footprint.clients,
           &engine->footprint.clients_charged);
    charge(engine, METRIC_LINK_BYTES, engine->footprint.links, &engine->footprint.links_charged);
}

void footprint_wake(struct engine *engine)
{
    if (engine->now.mono_us < engine->footprint.next_us)
        return;
    engine->footprint.next_us = engine->now.mono_us + FOOTPRINT_US;
    look_at_clients(engine);
    look_at_links(engine);
    look_at_peers(engine);
    look_at_requests(engine);
    look_at_post(engine);
    script_pool_charge(engine);
    charge_all(engine);
}

void footprint_end(struct engine *engine)
{
    engine->footprint.clients = engine->footprint.links = 0;
    charge_all(engine);
}
