/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Other nodes' questions. Each comes on a link that the other node opened, and is answered on it;
 * the answers of one turn leave in one frame. What control answers (RING INIT, exchanges of node
 * records) goes to it as it came.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "node/parts.h"

struct link *engine_link_open(struct engine *engine, struct instant now, void *connection)
{
    struct link *link = memory_alloc(sizeof *link);

    engine->now = now;
    link->engine = engine;
    link->connection = connection;
    link->id = ++engine->next_link;
    list_init(&link->dirty);
    list_init(&link->requests);
    trail_init(&link->trail);
    list_append(&engine->links, &link->member);
    handshake_accept(&link->handshake, &engine->rng);
    return link;
}

struct buffer *engine_link_in(struct link *link)
{
    return &link->in;
}

struct buffer *engine_link_out(struct link *link)
{
    return &link->out;
}

void engine_link_closed(struct engine *engine, struct link *link)
{
    (void)engine;
    while (!list_empty(&link->requests))
        request_disown(list_entry(link->requests.next, struct request, from_link));
    trail_deinit(&link->trail);
    list_remove(&link->dirty);
    list_remove(&link->member);
    buffer_deinit(&link->in);
    buffer_deinit(&link->out);
    memory_free(link);
}

struct buffer *link_message(struct link *link)
{
    struct engine *engine = link->engine;

    if (link->framing && buffer_size(&link->out) - link->frame_at > FRAME_SIZE_SOFT) {
        wire_frame_end(&link->out, link->frame_at);
        link->framing = false;
    }
    if (!link->framing) {
        link->frame_at = wire_frame_begin(&link->out, engine->replica.hlc.last, 0);
        link->framing = true;
        if (list_empty(&link->dirty))
            list_append(&engine->dirty_links, &link->dirty);
    }
    metrics_add(engine->metrics, METRIC_PEER_MESSAGES_OUT, 1);
    return &link->out;
}

void links_turn_end(struct engine *engine)
{
    while (!list_empty(&engine->dirty_links)) {
        struct link *link = list_entry(engine->dirty_links.next, struct link, dirty);
        list_remove(&link->dirty);
        if (link->framing)
            wire_frame_end(&link->out, link->frame_at);
        link->framing = false;
        engine->calls->link_output(link->connection);
    }
}

static void break_link(struct link *link, const char *why)
{
    struct engine *engine = link->engine;

    metrics_add(engine->metrics, METRIC_PEER_PROTOCOL_ERRORS, 1);
    log_write(engine->own.log, LOG_WARNING, "link from another node closed: %s", why);
    link->broken = true;
    engine->calls->link_close(link->connection);
}

/* ---- questions ---- */

static bool place_of(const struct engine *engine, uint16_t partition, uint64_t claim_version,
                     struct span key, struct place *place)
{
    if (partition >= store_partitions(engine->own.store))
        return false;
    *place = (struct place){.partition = partition,
                            .claim_version = claim_version,
                            .hash = store_hash(engine->own.store, key),
                            .key = key};
    return true;
}

static void on_write(struct link *link, const struct wire_write *write)
{
    struct engine *engine = link->engine;
    struct offered offered = {.status = ACK_STALE_CLAIM};
    struct place place;

    if (place_of(engine, write->partition, write->claim_version, write->key, &place))
        offered = replica_offer(&engine->replica, engine->now, &place, write->over,
                                &write->version);
    if (offered.diverged)
        metrics_add(engine->metrics, METRIC_DIVERGENCES, 1);
    if (offered.status == ACK_STALE_CLAIM)
        metrics_add(engine->metrics, METRIC_CLAIM_REFUSALS, 1);
    const struct wire_ack ack = {.id = write->id,
                                 .status = (uint8_t)offered.status,
                                 .known = offered.known,
                                 .claim_version = offered.claim_version};
    wire_put_ack(link_message(link), &ack);
}

static void on_read(struct link *link, const struct wire_read *read)
{
    struct engine *engine = link->engine;
    struct looked looked = {.status = ANSWER_STALE_CLAIM};
    struct place place;

    buffer_reset(&engine->looked, BUFFER_KEEP);
    if (place_of(engine, read->partition, read->claim_version, read->key, &place))
        looked = replica_look(&engine->replica, &place, read->have, read->have_digest,
                              &engine->looked);
    if (looked.status == ANSWER_STALE_CLAIM)
        metrics_add(engine->metrics, METRIC_CLAIM_REFUSALS, 1);
    struct wire_answer answer = {
        .id = read->id, .status = (uint8_t)looked.status, .claim_version = looked.claim_version};
    if (looked.status == ANSWER_VERSION)
        answer.version = looked.version;
    wire_put_answer(link_message(link), &answer);
}

static void on_flush(struct link *link, const struct wire_flush *flush)
{
    const struct offered offered = sweep_flush(link->engine, flush->ring_version, flush->dot,
                                               flush->partitions);
    const struct wire_ack ack = {.id = flush->id,
                                 .status = (uint8_t)offered.status,
                                 .known = offered.known,
                                 .claim_version = offered.claim_version};

    wire_put_ack(link_message(link), &ack);
}

static void on_count(struct link *link, const struct wire_count *count)
{
    struct wire_counted counted = {.id = count->id};

    sweep_count(link->engine, count->partitions, &counted.keys, &counted.expiring);
    wire_put_counted(link_message(link), &counted);
}

static void receive(struct link *link, const struct wire_message *message)
{
    metrics_add(link->engine->metrics, METRIC_PEER_MESSAGES_IN, 1);
    switch (message->type) {
    case WIRE_WRITE:
        on_write(link, &message->write);
        return;
    case WIRE_READ:
        on_read(link, &message->read);
        return;
    case WIRE_FORWARD:
        dispatch_forwarded(link, &message->forward);
        return;
    case WIRE_FLUSH:
        on_flush(link, &message->flush);
        return;
    case WIRE_COUNT:
        on_count(link, &message->count);
        return;
    case WIRE_PING: {
        const struct wire_pong pong = {.id = message->ping.id};
        wire_put_pong(link_message(link), &pong);
        return;
    }
    default:
        break_link(link, "it sent an answer on a link for questions");
        return;
    }
}

static void greet(struct link *link, const struct wire_message *message)
{
    const struct handshake_self self = engine_self(link->engine);

    if (handshake_message(&link->handshake, &self, message, &link->out) == HANDSHAKE_FAILED)
        break_link(link, link->handshake.error);
    link->engine->calls->link_output(link->connection);
}

/* A message for control goes there as it came, and only on a link that was opened for it. */
static void receive_raw(struct link *link, const struct wire_message *message, struct span raw)
{
    struct engine *engine = link->engine;

    if (link->handshake.state != HANDSHAKE_DONE)
        greet(link, message);
    else if (link->handshake.role == WIRE_ROLE_CONTROL)
        engine->calls->control_message(engine->host, link->id, raw);
    else
        receive(link, message);
}

static void receive_frame(struct link *link, struct wire_frame *frame)
{
    struct wire_cursor *messages = &frame->messages;
    struct wire_message message;
    const char *error = NULL;
    enum wire_result result = WIRE_END;

    /* Who has proven nothing does not move our clock. */
    if (link->handshake.state == HANDSHAKE_DONE)
        engine_observe(link->engine, frame->hlc);
    while (!link->broken) {
        const uint8_t *before = messages->at;
        result = wire_next_message(messages, &message, &error);
        if (result != WIRE_OK)
            break;
        receive_raw(link, &message, span_of(before, (size_t)(messages->at - before)));
    }
    if (result == WIRE_BAD)
        break_link(link, error);
}

void engine_link_input(struct engine *engine, struct instant now, struct link *link)
{
    struct wire_frame frame;

    engine->now = now;
    while (!link->broken) {
        /* Before the handshake is over nobody makes this node take much memory. */
        const size_t frame_max = link->handshake.state == HANDSHAKE_DONE
                                     ? engine->options->peer_frame_max
                                     : HANDSHAKE_FRAME_MAX;
        const enum wire_result result = wire_next_frame(buffer_content(&link->in), frame_max,
                                                        &frame);
        if (result == WIRE_BAD)
            break_link(link, frame.error);
        if (result != WIRE_OK)
            break;
        receive_frame(link, &frame);
        buffer_consume(&link->in, frame.size);
    }
    engine_run_again(engine);
}

void engine_link_answer(struct engine *engine, struct instant now, uint64_t id, struct span message)
{
    engine->now = now;
    list_for_each(member, &engine->links)
    {
        struct link *link = list_entry(member, struct link, member);
        if (link->id == id && !link->broken) {
            buffer_append_span(link_message(link), message);
            return;
        }
    }
}
