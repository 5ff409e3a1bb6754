/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Links for questions to other nodes. A worker has one to each other node of the ring and opens it
 * by itself; what it asks in one turn leaves in one frame. What comes back goes to answers.c.
 *
 * The circuit breaker: a peer that was asked and says nothing at all for a while is left out until
 * it is heard again, so that one that hangs costs a time-out and not one for each request. A small
 * question (PING) goes out from time to time to find out.
 */
#include "base/memory.h"
#include "node/parts.h"
#include "node/recover.h"

/* How often a tripped peer is asked whether it is back. */
#define PING_INTERVAL_US 250000
/* An idle link carries a frame so often. */
#define TELL_INTERVAL_US 250000
/* Waits between attempts to open a link, doubling. */
#define RETRY_US_MIN 20000
#define RETRY_US_MAX 1000000

struct peer *peer_find(struct engine *engine, node_number number)
{
    return number < engine->peer_limit ? engine->peers[number] : NULL;
}

bool peer_promising(struct engine *engine, node_number number)
{
    const struct peer *peer = peer_find(engine, number);

    return peer != NULL && peer->stage == PEER_OPEN && !peer->tripped && peer->trusted;
}

/* Gossip may be behind the link; one that does not vote says so itself. */
static bool trusted(const struct view_node *node)
{
    return node != NULL &&
           (node->health == HEALTH_UNKNOWN ||
            (node->votes && node->health != HEALTH_DEAD && node->health != HEALTH_LEFT));
}

static void end_frame(struct peer *peer)
{
    if (peer->framed != NULL) {
        wire_frame_end(peer->framed, peer->frame_at);
        peer->framed = NULL;
    }
}

static struct buffer *begin_message(struct peer *peer, size_t size)
{
    struct engine *engine = peer->engine;
    const size_t queued = outbox_size(&peer->out);

    if (queued > 0 && queued + size > engine->options->peer_queue_bytes) {
        metrics_add(engine->metrics, METRIC_PEER_QUEUE_REFUSALS, 1);
        return NULL;
    }
    if (peer->framed != NULL && buffer_size(peer->framed) - peer->frame_at + size > FRAME_SIZE_SOFT)
        end_frame(peer);
    if (peer->framed == NULL) {
        peer->framed = outbox_last(&peer->out);
        peer->frame_at = wire_frame_begin(peer->framed, engine->replica.hlc.last,
                                          engine_bound(engine));
        peer->sent_us = engine->now.mono_us;
        if (list_empty(&peer->dirty))
            list_append(&engine->dirty_peers, &peer->dirty);
    }
    metrics_add(engine->metrics, METRIC_PEER_MESSAGES_OUT, 1);
    if (peer->asked_us == 0)
        peer->asked_us = engine->now.mono_us;
    return peer->framed;
}

struct buffer *peer_message(struct engine *engine, node_number number, size_t size)
{
    struct peer *peer = peer_find(engine, number);

    if (peer == NULL || peer->stage != PEER_OPEN || peer->tripped)
        return NULL;
    return begin_message(peer, size);
}

struct buffer *peer_message_alone(struct engine *engine, node_number number, size_t size)
{
    struct peer *peer = peer_find(engine, number);

    if (peer != NULL)
        end_frame(peer);
    return peer_message(engine, number, size);
}

void peer_end_alone(struct engine *engine, node_number number, size_t at, struct block *block,
                    struct span bytes)
{
    struct peer *peer = peer_find(engine, number);

    wire_extend_message(peer->framed, at, 0, bytes.size);
    wire_frame_end_behind(peer->framed, peer->frame_at, bytes.size);
    peer->framed = NULL;
    outbox_refer(&peer->out, block, bytes);
}

void peer_put_write(struct engine *engine, node_number number, struct buffer *out,
                    const struct wire_write *write, struct block *block)
{
    const size_t at = buffer_size(out);
    struct wire_write without = *write;

    without.version.value.size = 0;
    wire_put_write(out, &without);
    peer_end_alone(engine, number, at, block, write->version.value);
}

void peers_turn_end(struct engine *engine)
{
    while (!list_empty(&engine->dirty_peers)) {
        struct peer *peer = list_entry(engine->dirty_peers.next, struct peer, dirty);
        list_remove(&peer->dirty);
        end_frame(peer);
        engine->calls->peer_output(engine->host, peer->number);
    }
}

/* ---- settling ---- */

bool peers_settling(const struct engine *engine)
{
    /* What has waited for links needs the rest of its time for itself. */
    const int64_t limit_us = engine->options->request_timeout_ms * 1000 / 2;

    for (size_t number = 0; number < engine->peer_limit; number++) {
        const struct peer *peer = engine->peers[number];
        if (peer != NULL && !peer->known && engine->now.mono_us - peer->created_us < limit_us)
            return true;
    }
    return false;
}

/* Clients whose command waited for links go on once there is nothing left to wait for. */
static void settle(struct engine *engine)
{
    if (!engine->settling || peers_settling(engine))
        return;
    engine->settling = false;
    list_for_each(link, &engine->clients)
    {
        struct client *client = list_entry(link, struct client, link);
        if (client->held && list_empty(&client->resumed))
            list_append(&engine->resumed, &client->resumed);
    }
}

/* ---- opening and closing ---- */

static void forget_link(struct peer *peer)
{
    peer->stage = PEER_CLOSED;
    peer->framed = NULL;
    peer->tripped = false;
    peer->mates_refused = false;
    peer->asked_us = 0;
    list_remove(&peer->dirty);
    list_remove(&peer->unread);
    peer->taken = 0;
    buffer_deinit(&peer->in);
    outbox_deinit(&peer->out);
}

static void close_link(struct peer *peer)
{
    struct engine *engine = peer->engine;
    const bool was_open = peer->stage == PEER_OPEN;

    /* One that refuses may only be new to the ring. */
    if (peer->stage == PEER_OPENING)
        peer->known = true;
    forget_link(peer);
    peer->retry_us = engine->now.mono_us + peer->retry_wait_us;
    peer->retry_wait_us = peer->retry_wait_us * 2 < RETRY_US_MAX ? peer->retry_wait_us * 2
                                                                 : RETRY_US_MAX;
    if (was_open) {
        track_peer_lost(peer);
        metrics_subtract(engine->metrics, METRIC_PEERS_CONNECTED, 1);
        trails_note(engine, peer->number, 0);
        hints_lost(engine, peer->number);
        answers_lost(peer);
        sync_lost(engine->sync, peer->number);
    }
    settle(engine);
}

static void create_peer(struct engine *engine, node_number number)
{
    struct peer *peer = memory_alloc(sizeof *peer);

    peer->engine = engine;
    peer->number = number;
    peer->retry_wait_us = RETRY_US_MIN;
    peer->created_us = engine->now.mono_us;
    peer->trusted = trusted(view_node(engine->view, number));
    list_init(&peer->dirty);
    list_init(&peer->unread);
    task_init(&peer->losing, &answers_losing, engine);
    outbox_init(&peer->out);
    engine->peers[number] = peer;
    engine->settling = true;
}

static void destroy_peer(struct engine *engine, struct peer *peer)
{
    const node_number number = peer->number;

    if (peer->stage != PEER_CLOSED) {
        engine->calls->peer_close(engine->host, number);
        close_link(peer);
    }
    while (peer->loses)
        answers_losing.run(&peer->losing);
    list_remove(&peer->losing.link);
    engine->footprint.links -= peer->footprint;
    buffer_deinit(&peer->in);
    outbox_deinit(&peer->out);
    memory_free(peer);
    engine->peers[number] = NULL;
}

void peers_follow_view(struct engine *engine)
{
    const struct view *view = engine->view;
    const size_t limit = view->node_count > 0 ? view->nodes[view->node_count - 1].number + 1u : 0;

    if (limit > engine->peer_limit) {
        struct peer **peers = memory_alloc_array(limit, sizeof peers[0]);
        if (engine->peer_limit > 0)
            memcpy(peers, engine->peers, engine->peer_limit * sizeof peers[0]);
        memory_free(engine->peers);
        engine->peers = peers;
        engine->peer_limit = limit;
    }
    /* What is asked of a node that has left is asked of others at once. */
    for (size_t number = 0; number < engine->peer_limit; number++)
        if (engine->peers[number] != NULL)
            engine->peers[number]->trusted = trusted(view_node(view, (node_number)number));
    for (size_t number = 0; number < engine->peer_limit; number++)
        if (engine->peers[number] != NULL && view_node(view, (node_number)number) == NULL)
            destroy_peer(engine, engine->peers[number]);
    for (size_t i = 0; i < view->node_count; i++)
        if (view->nodes[i].number != view->self && engine->peers[view->nodes[i].number] == NULL)
            create_peer(engine, view->nodes[i].number);
    settle(engine);
    peers_wake(engine);
}

void peers_destroy(struct engine *engine)
{
    for (size_t number = 0; number < engine->peer_limit; number++) {
        struct peer *peer = engine->peers[number];
        if (peer == NULL)
            continue;
        buffer_deinit(&peer->in);
        outbox_deinit(&peer->out);
        memory_free(peer);
    }
    memory_free(engine->peers);
}

/* ---- time ---- */

static void ping(struct peer *peer)
{
    const struct wire_ping message = {.id = 0};
    struct buffer *out = begin_message(peer, 64);

    if (out != NULL)
        wire_put_ping(out, &message);
}

/* What this node owes, and what the other does, is told in the heads of frames: an idle link gets
 * one now and then, or nothing would settle. One worker tells for all. */
static void tell(struct peer *peer)
{
    struct engine *engine = peer->engine;

    if (engine->own.index == 0 && engine->now.mono_us - peer->sent_us >= TELL_INTERVAL_US)
        ping(peer);
}

/* Requests that wait for it have their own time-out, and reads ask others long before. */
static void check_breaker(struct peer *peer)
{
    struct engine *engine = peer->engine;
    const int64_t quiet_us = engine->now.mono_us - peer->asked_us;

    if (peer->asked_us == 0) {
        tell(peer);
        return;
    }
    if (quiet_us < engine->options->request_timeout_ms * 1000)
        return;
    if (!peer->tripped) {
        peer->tripped = true;
        peer->ping_us = 0;
        metrics_add(engine->metrics, METRIC_CIRCUIT_OPENS, 1);
    }
    if (engine->now.mono_us >= peer->ping_us && outbox_size(&peer->out) == 0) {
        ping(peer);
        peer->ping_us = engine->now.mono_us + PING_INTERVAL_US;
    }
}

static void break_link(struct peer *peer, const char *why);

void peers_wake(struct engine *engine)
{
    for (size_t number = 0; number < engine->peer_limit; number++) {
        struct peer *peer = engine->peers[number];
        if (peer == NULL)
            continue;
        if (peer->stage == PEER_OPEN) {
            check_breaker(peer);
        } else if (peer->stage == PEER_GREETING &&
                   engine->now.mono_us - peer->asked_us > HANDSHAKE_US) {
            break_link(peer, "its handshake takes too long");
        } else if (peer->stage == PEER_CLOSED && !peer->loses &&
                   engine->now.mono_us >= peer->retry_us) {
            peer->stage = PEER_OPENING;
            engine->calls->peer_open(engine->host, peer->number);
        }
    }
    settle(engine);
}

/* ---- what the host tells ---- */

struct buffer *engine_peer_in(struct engine *engine, node_number node)
{
    return &peer_find(engine, node)->in;
}

struct outbox *engine_peer_out(struct engine *engine, node_number node)
{
    return &peer_find(engine, node)->out;
}

void engine_peer_opened(struct engine *engine, struct instant now, node_number node)
{
    struct peer *peer = peer_find(engine, node);
    const struct handshake_self self = engine_self(engine);
    const struct ring_member *member = ring_member_by_number(engine->view->ring, node);

    engine->now = now;
    peer->stage = PEER_GREETING;
    peer->asked_us = now.mono_us;
    handshake_open(&peer->handshake, &self, WIRE_ROLE_WORKER,
                   member != NULL ? &member->identity : NULL, &engine->rng, &peer->out.head);
    engine->calls->peer_output(engine->host, node);
}

static void break_link(struct peer *peer, const char *why)
{
    struct engine *engine = peer->engine;

    metrics_add(engine->metrics, METRIC_PEER_PROTOCOL_ERRORS, 1);
    log_write(engine->own.log, LOG_WARNING, "link to node %u closed: %s", peer->number, why);
    engine->calls->peer_close(engine->host, peer->number);
    close_link(peer);
}

static void greet(struct peer *peer, const struct wire_message *message)
{
    struct engine *engine = peer->engine;
    const struct handshake_self self = engine_self(engine);

    switch (handshake_message(&peer->handshake, &self, message, &peer->out.head)) {
    case HANDSHAKE_WAITING:
        break;
    case HANDSHAKE_DONE:
        peer->stage = PEER_OPEN;
        peer->asked_us = 0;
        peer->known = true;
        peer->retry_wait_us = RETRY_US_MIN;
        metrics_add(engine->metrics, METRIC_PEERS_CONNECTED, 1);
        if (outbox_size(&peer->out) > 0)
            engine->calls->peer_output(engine->host, peer->number);
        peer->sent_us = engine->now.mono_us;
        settle(engine);
        hints_proceed(engine, peer->number);
        break;
    case HANDSHAKE_FAILED:
        break_link(peer, peer->handshake.error);
        break;
    }
}

/* ---- frames ---- */

/* Whether the turn has had its answers. One that is late has. */
static bool enough(struct engine *engine)
{
    if (engine->turn_answers >= engine->turn_ask_at &&
        engine->turn_answers < PEER_ANSWERS_PER_TURN) {
        engine->turn_ask_at = engine->turn_answers + PEER_ANSWERS_UNASKED;
        if (engine_late(engine))
            engine->turn_answers = PEER_ANSWERS_PER_TURN;
    }
    return engine->turn_answers >= PEER_ANSWERS_PER_TURN;
}

/* Takes the messages of the frame that `in` begins with; false: some are the next turn's. */
static bool receive_frame(struct peer *peer, struct wire_frame *frame, bool all)
{
    struct engine *engine = peer->engine;
    struct wire_message message;
    const char *error = NULL;
    enum wire_result result = WIRE_OK;
    const uint8_t *begin = frame->messages.at;

    if (peer->stage == PEER_OPEN && peer->taken == 0) {
        engine_observe(engine, frame->hlc);
        ledger_hear(&engine->own.bounds->ledger, peer->number, frame->settled);
    }
    frame->messages.at += peer->taken;
    while (peer->stage != PEER_CLOSED && (all || !enough(engine)) &&
           (result = wire_next_message(&frame->messages, &message, &error)) == WIRE_OK) {
        if (peer->stage == PEER_GREETING)
            greet(peer, &message);
        else if (!answers_take(peer, &message))
            break_link(peer, "it sent a question on a link for answers");
    }
    if (peer->stage == PEER_CLOSED)
        return true;
    if (result == WIRE_BAD)
        break_link(peer, error);
    peer->taken = result == WIRE_OK ? (size_t)(frame->messages.at - begin) : 0;
    return result != WIRE_OK;
}

/* Takes what came: all of it, or as far as the turn goes. */
static void receive(struct peer *peer, bool all)
{
    struct engine *engine = peer->engine;
    struct wire_frame frame;

    list_remove(&peer->unread);
    while (peer->stage != PEER_CLOSED) {
        const size_t frame_max = peer->stage == PEER_OPEN ? engine->options->peer_frame_max
                                                          : HANDSHAKE_FRAME_MAX;
        const enum wire_result result = wire_next_frame(buffer_content(&peer->in), frame_max,
                                                        &frame);
        if (result == WIRE_BAD)
            break_link(peer, frame.error);
        if (result == WIRE_MORE && frame.size > BUFFER_KEEP)
            engine_make_room(&peer->in, frame.size - buffer_size(&peer->in));
        if (result != WIRE_OK)
            break;
        if (!receive_frame(peer, &frame, all)) {
            list_append(&engine->unread_peers, &peer->unread);
            break;
        }
        if (peer->stage != PEER_CLOSED)
            buffer_consume(&peer->in, frame.size);
    }
}

void peers_proceed(struct engine *engine)
{
    while (!list_empty(&engine->unread_peers) && engine->turn_answers < PEER_ANSWERS_PER_TURN) {
        struct peer *peer = list_entry(engine->unread_peers.next, struct peer, unread);
        engine_note(engine, WORK_PEERS);
        receive(peer, false);
    }
}

void engine_peer_input(struct engine *engine, struct instant now, node_number node)
{
    struct peer *peer = peer_find(engine, node);

    engine->now = now;
    engine_note(engine, WORK_PEERS);
    if (peer->stage == PEER_OPEN)
        peer->asked_us = 0;
    peer->tripped = false;
    receive(peer, false);
}

void engine_peer_closed(struct engine *engine, struct instant now, node_number node)
{
    struct peer *peer = peer_find(engine, node);

    engine->now = now;
    if (peer != NULL && !list_empty(&peer->unread))
        receive(peer, true); /* it was answered before the link broke */
    if (peer != NULL && peer->stage != PEER_CLOSED)
        close_link(peer);
}
