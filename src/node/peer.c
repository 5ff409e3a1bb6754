/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Questions to other nodes, and their answers. A worker has one link to each other node of the ring
 * and opens it by itself; what it asks in one turn leaves in one frame.
 *
 * The circuit breaker: a peer that was asked and says nothing at all for a while is left out until
 * it is heard again, so that one that hangs costs a time-out and not one for each request. A small
 * question (PING) goes out from time to time to find out.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "base/rule.h"
#include "node/inspect.h"
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
    const struct view_node *node = view_node(engine->view, number);

    if (peer == NULL || peer->stage != PEER_OPEN || peer->tripped || node == NULL)
        return false;
    /* Gossip may be behind the link; one that does not vote says so itself. */
    return node->health == HEALTH_UNKNOWN ||
           (node->votes && node->health != HEALTH_DEAD && node->health != HEALTH_LEFT);
}

static void end_frame(struct peer *peer)
{
    if (peer->framing) {
        wire_frame_end(&peer->out, peer->frame_at);
        peer->framing = false;
    }
}

static struct buffer *begin_message(struct peer *peer, size_t size)
{
    struct engine *engine = peer->engine;
    const size_t queued = buffer_size(&peer->out);

    if (queued > 0 && queued + size > engine->options->peer_queue_bytes) {
        metrics_add(engine->metrics, METRIC_PEER_QUEUE_REFUSALS, 1);
        return NULL;
    }
    if (peer->framing && buffer_size(&peer->out) - peer->frame_at + size > FRAME_SIZE_SOFT)
        end_frame(peer);
    if (!peer->framing) {
        peer->frame_at = wire_frame_begin(&peer->out, engine->replica.hlc.last,
                                          engine_bound(engine));
        peer->framing = true;
        peer->sent_us = engine->now.mono_us;
        if (list_empty(&peer->dirty))
            list_append(&engine->dirty_peers, &peer->dirty);
    }
    metrics_add(engine->metrics, METRIC_PEER_MESSAGES_OUT, 1);
    if (peer->asked_us == 0)
        peer->asked_us = engine->now.mono_us;
    return &peer->out;
}

struct buffer *peer_message(struct engine *engine, node_number number, size_t size)
{
    struct peer *peer = peer_find(engine, number);

    if (peer == NULL || peer->stage != PEER_OPEN || peer->tripped)
        return NULL;
    return begin_message(peer, size);
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
    peer->framing = false;
    peer->tripped = false;
    peer->asked_us = 0;
    list_remove(&peer->dirty);
    buffer_deinit(&peer->in);
    buffer_deinit(&peer->out);
}

static void lose(struct request *request, node_number number)
{
    struct engine *engine = request->engine;

    switch (request->stage) {
    case STAGE_OPERATION:
        operation_lost(&engine->coordinator, &request->operation, engine->now, number);
        coordinate_proceed(request);
        return;
    case STAGE_FORWARDED:
        if (request->route != number)
            return;
        /* What may have run is sent to nobody else, unless it is a read. */
        if (request->kind == COMMAND_READ)
            route_again(request, number);
        else
            coordinate_lost(request);
        return;
    case STAGE_SWEEP:
        sweep_lost(request, number);
        return;
    case STAGE_INSPECT:
        inspect_lost(request, number);
        return;
    case STAGE_LINGERING:
        if (request->sweep != NULL)
            sweep_lost(request, number);
        else
            operation_lost(&engine->coordinator, &request->operation, engine->now, number);
        linger_proceed(request, false);
        return;
    case STAGE_DONE:
        if (request->coordinated)
            operation_lost(&engine->coordinator, &request->operation, engine->now, number);
        return;
    case STAGE_WAIT:
        wait_lost(request, number);
        return;
    default:
        return;
    }
}

/* Every request that waits for the node learns that it will not answer. */
static void lose_requests(struct engine *engine, node_number number)
{
    const size_t count = engine->slot_count; /* what is begun meanwhile knows it already */

    for (size_t i = 0; i < count; i++)
        lose(engine->slots[i], number);
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
        metrics_subtract(engine->metrics, METRIC_PEERS_CONNECTED, 1);
        trails_note(engine, peer->number, 0);
        hints_lost(engine, peer->number);
        lose_requests(engine, peer->number);
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
    list_init(&peer->dirty);
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
    engine->footprint.links -= peer->footprint;
    buffer_deinit(&peer->in);
    buffer_deinit(&peer->out);
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
        buffer_deinit(&peer->out);
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
    if (engine->now.mono_us >= peer->ping_us && buffer_size(&peer->out) == 0) {
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
        } else if (peer->stage == PEER_CLOSED && engine->now.mono_us >= peer->retry_us) {
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

struct buffer *engine_peer_out(struct engine *engine, node_number node)
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
                   member != NULL ? &member->identity : NULL, &engine->rng, &peer->out);
    engine->calls->peer_output(engine->host, node);
}

void engine_peer_closed(struct engine *engine, struct instant now, node_number node)
{
    struct peer *peer = peer_find(engine, node);

    engine->now = now;
    if (peer != NULL && peer->stage != PEER_CLOSED)
        close_link(peer);
    engine_run_again(engine);
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

    switch (handshake_message(&peer->handshake, &self, message, &peer->out)) {
    case HANDSHAKE_WAITING:
        break;
    case HANDSHAKE_DONE:
        peer->stage = PEER_OPEN;
        peer->asked_us = 0;
        peer->known = true;
        peer->retry_wait_us = RETRY_US_MIN;
        metrics_add(engine->metrics, METRIC_PEERS_CONNECTED, 1);
        if (buffer_size(&peer->out) > 0)
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

/* ---- answers ---- */

/* How long the node takes usually: a moving average over about eight answers. */
static void note_time(struct peer *peer, const struct request *request)
{
    const int64_t took_us = peer->engine->now.mono_us - request->began_us;

    peer->usual_us += (took_us - peer->usual_us) / 8;
    metrics_observe(peer->engine->metrics, METRIC_PEER_LATENCY, (uint64_t)took_us);
}

static void on_ack(struct peer *peer, const struct wire_ack *ack, struct request *request)
{
    struct engine *engine = peer->engine;
    const struct offered offered = {.status = (enum ack_status)ack->status,
                                    .known = ack->known,
                                    .claim_version = ack->claim_version};

    /* A write that waits counts none that comes after its time: who gave one before may have
     * crashed since, and has waited no longer for this one (rule 15). A process that was stopped
     * reads what has come meanwhile before its timers fire. */
    if (RULE(15) && (request->stage == STAGE_SWEEP || request->stage == STAGE_OPERATION) &&
        request_is_late(request))
        return;
    if (request->stage == STAGE_SWEEP) {
        sweep_acknowledged(request, peer->number, &offered);
        return;
    }
    if (request->stage == STAGE_DONE && request->coordinated) {
        operation_acknowledged(&engine->coordinator, &request->operation, engine->now, peer->number,
                               &offered);
        return;
    }
    if (request->stage == STAGE_LINGERING) {
        if (request->sweep != NULL)
            sweep_acknowledged(request, peer->number, &offered);
        else
            operation_acknowledged(&engine->coordinator, &request->operation, engine->now,
                                   peer->number, &offered);
        linger_proceed(request, false);
        return;
    }
    if (request->stage != STAGE_OPERATION)
        return;
    if (ack->status == ACK_NEWER && !request->operation.repaired)
        metrics_add(engine->metrics, METRIC_RESTAMPS, 1);
    note_time(peer, request);
    operation_acknowledged(&engine->coordinator, &request->operation, engine->now, peer->number,
                           &offered);
    coordinate_proceed(request);
}

static void answered(struct peer *peer, uint64_t id, const struct looked *looked)
{
    struct engine *engine = peer->engine;

    if ((id & ID_SYNC) != 0) {
        sync_looked(engine->sync, peer->number, id, looked);
        return;
    }
    struct request *request = request_find(engine, id);
    if (request == NULL || request->stage != STAGE_OPERATION)
        return;
    note_time(peer, request);
    operation_answered(&engine->coordinator, &request->operation, engine->now, peer->number,
                       looked);
    coordinate_proceed(request);
}

static void on_answer(struct peer *peer, const struct wire_answer *answer)
{
    const struct looked looked = {.status = (enum answer_status)answer->status,
                                  .version = answer->version,
                                  .claim_version = answer->claim_version};

    answered(peer, answer->id, &looked);
}

static void on_absent(struct peer *peer, const struct wire_absent *absent)
{
    const struct looked looked = {.status = ANSWER_NONE,
                                  .mark = absent->mark,
                                  .floor = absent->floor,
                                  .settled = absent->settled};

    answered(peer, absent->id, &looked);
}

static void on_reply(struct peer *peer, const struct wire_reply *reply, struct request *request)
{
    if (request->stage == STAGE_WAIT) {
        wait_answered(request, peer->number, reply);
        return;
    }
    if (request->stage != STAGE_FORWARDED || request->route != peer->number)
        return;
    if (reply->status == REPLY_LATE) {
        coordinate_timeout(request);
    } else if (reply->status != REPLY_OK) {
        route_again(request, peer->number);
    } else {
        buffer_append_span(&request->reply, reply->bytes);
        request_finish(request);
    }
}

static void receive(struct peer *peer, const struct wire_message *message)
{
    struct engine *engine = peer->engine;
    struct request *request;

    metrics_add(engine->metrics, METRIC_PEER_MESSAGES_IN, 1);
    switch (message->type) {
    case WIRE_ACK:
        if ((message->ack.id & ID_HINT) != 0) {
            hints_acknowledged(engine, peer->number, &message->ack);
            break;
        }
        request = request_find(engine, message->ack.id);
        if (request != NULL)
            on_ack(peer, &message->ack, request);
        break;
    case WIRE_ANSWER:
        on_answer(peer, &message->answer);
        break;
    case WIRE_ABSENT:
        on_absent(peer, &message->absent);
        break;
    case WIRE_REPLY:
        request = request_find(engine, message->reply.id);
        if (request != NULL)
            on_reply(peer, &message->reply, request);
        break;
    case WIRE_COUNTED:
        request = request_find(engine, message->counted.id);
        if (request != NULL && request->stage == STAGE_SWEEP)
            sweep_counted(request, peer->number, &message->counted);
        break;
    case WIRE_CHUNK:
        sync_chunk(engine->sync, peer->number, &message->chunk);
        break;
    case WIRE_COMPARED:
        sync_compared(engine->sync, peer->number, &message->compared);
        break;
    case WIRE_INSPECTED:
        request = request_find(engine, message->inspected.id);
        if (request != NULL && request->stage == STAGE_INSPECT)
            inspect_answered(request, peer->number, &message->inspected);
        break;
    case WIRE_PONG:
        break;
    default:
        break_link(peer, "it sent a question on a link for answers");
        break;
    }
}

static void receive_frame(struct peer *peer, struct wire_frame *frame)
{
    struct engine *engine = peer->engine;
    struct wire_message message;
    const char *error = NULL;
    enum wire_result result = WIRE_END;

    if (peer->stage == PEER_OPEN) {
        engine_observe(engine, frame->hlc);
        ledger_hear(&engine->own.bounds->ledger, peer->number, frame->settled);
    }
    while (peer->stage != PEER_CLOSED &&
           (result = wire_next_message(&frame->messages, &message, &error)) == WIRE_OK) {
        if (peer->stage == PEER_GREETING)
            greet(peer, &message);
        else
            receive(peer, &message);
    }
    if (result == WIRE_BAD && peer->stage != PEER_CLOSED)
        break_link(peer, error);
}

void engine_peer_input(struct engine *engine, struct instant now, node_number node)
{
    struct peer *peer = peer_find(engine, node);
    struct wire_frame frame;

    engine->now = now;
    if (peer->stage == PEER_OPEN)
        peer->asked_us = 0;
    peer->tripped = false;
    while (peer->stage != PEER_CLOSED) {
        const size_t frame_max = peer->stage == PEER_OPEN ? engine->options->peer_frame_max
                                                          : HANDSHAKE_FRAME_MAX;
        const enum wire_result result = wire_next_frame(buffer_content(&peer->in), frame_max,
                                                        &frame);
        if (result == WIRE_BAD)
            break_link(peer, frame.error);
        if (result != WIRE_OK)
            break;
        receive_frame(peer, &frame);
        if (peer->stage != PEER_CLOSED)
            buffer_consume(&peer->in, frame.size);
    }
    engine_run_again(engine);
}
