/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/control.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/memory.h"
#include "node/control_parts.h"
#include "ring/ring_codec.h"
#include "sim/world/describe.h"
#include "wire/wire.h"

#define WORDS_MAX   (WORLD_NODES_MAX + 8)
#define ANSWER_MAX  (32u << 20)
#define POST_US_MAX 60

/* What one thread of the node has for the other. */
enum errand_kind {
    ERRAND_COMMAND, /* for control */
    ERRAND_MESSAGE,
    ERRAND_REPLY, /* for the engine */
    ERRAND_ANSWER,
    ERRAND_VIEW,
};

struct errand {
    struct list link;
    enum errand_kind kind;
    uint64_t id; /* of the request, or of the link */
    struct buffer bytes;
    size_t sizes[WORDS_MAX]; /* COMMAND: of the words in `bytes`, back to back */
    size_t count;
    struct view *view;
};

/* A call to another node's control, on a connection of its own. */
struct sim_call {
    struct list link;
    struct sim_node *node;
    struct sim_connection *connection;
    uint64_t id;
    struct handshake handshake;
    struct buffer in, out, question;
};

struct sim_control {
    struct control *control;
    struct rng rng; /* of handshakes */
    struct list for_control, for_engine;
    struct list calls;
    int64_t wake_us;   /* by the world's time */
    int64_t waking_us; /* the earliest event for it; INT64_MAX: none */
};

/* ---- between the threads ---- */

static void free_errand(struct errand *errand)
{
    list_remove(&errand->link);
    buffer_deinit(&errand->bytes);
    view_release(&errand->view);
    memory_free(errand);
}

static void run_for_control(struct sim_node *node, struct errand *errand)
{
    struct control *control = node->control->control;
    const struct control_asker asker = {.worker = node, .id = errand->id};
    struct span argv[WORDS_MAX];
    const uint8_t *at = buffer_content(&errand->bytes).data;

    if (errand->kind == ERRAND_MESSAGE) {
        control_message(control, sim_node_now(node), &asker, buffer_content(&errand->bytes));
        return;
    }
    for (size_t i = 0; i < errand->count; i++) {
        argv[i] = span_of(at, errand->sizes[i]);
        at += errand->sizes[i];
    }
    control_command(control, sim_node_now(node), &asker, argv, errand->count);
}

static void run_for_engine(struct sim_node *node, struct errand *errand)
{
    const struct instant now = sim_node_now(node);

    if (errand->kind == ERRAND_VIEW)
        engine_set_view(node->engine, now, errand->view);
    else if (errand->kind == ERRAND_REPLY)
        engine_control_answer(node->engine, now, errand->id, buffer_content(&errand->bytes));
    else
        engine_link_answer(node->engine, now, errand->id, buffer_content(&errand->bytes));
    sim_node_touch(node);
}

static void take_for_control(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (!node->running || node->boots != number ||
        sim_node_defers(node, take_for_control, object, number))
        return;
    struct errand *errand = list_entry(node->control->for_control.next, struct errand, link);
    run_for_control(node, errand);
    free_errand(errand);
}

static void take_for_engine(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (!node->running || node->boots != number ||
        sim_node_defers(node, take_for_engine, object, number))
        return;
    struct errand *errand = list_entry(node->control->for_engine.next, struct errand, link);
    run_for_engine(node, errand);
    free_errand(errand);
}

/* Each event takes the oldest one, so that they keep their order. */
static struct errand *post(struct sim_node *node, enum errand_kind kind, uint64_t id,
                           struct span bytes)
{
    const bool for_engine = kind >= ERRAND_REPLY;
    struct errand *errand = memory_alloc(sizeof *errand);

    errand->kind = kind;
    errand->id = id;
    buffer_append_span(&errand->bytes, bytes);
    list_append(for_engine ? &node->control->for_engine : &node->control->for_control,
                &errand->link);
    world_after(node->world, world_draw(node->world, 1, POST_US_MAX),
                for_engine ? take_for_engine : take_for_control, node, node->boots);
    return errand;
}

void sim_control_command(struct sim_node *node, uint64_t request, const struct span *argv,
                         size_t argc)
{
    struct errand *errand = post(node, ERRAND_COMMAND, request, span_of(NULL, 0));

    ensure(argc <= WORDS_MAX);
    for (; errand->count < argc; errand->count++) {
        errand->sizes[errand->count] = argv[errand->count].size;
        buffer_append_span(&errand->bytes, argv[errand->count]);
    }
}

void sim_control_message(struct sim_node *node, uint64_t link, struct span message)
{
    post(node, ERRAND_MESSAGE, link, message);
}

/* ---- calls ---- */

static void free_call(struct sim_call *call)
{
    call->connection->call = NULL;
    list_remove(&call->link);
    buffer_deinit(&call->in);
    buffer_deinit(&call->out);
    buffer_deinit(&call->question);
    memory_free(call);
}

static void end_call(struct sim_call *call, struct span answer, const char *error)
{
    struct sim_node *node = call->node;

    net_close(call->connection, NET_OPENER);
    world_trace_bytes(node->world, "%u's call #%" PRIu64 " ends: %s", node->number,
                      call->connection->id, error != NULL ? error : "answered");
    control_call_answer(node->control->control, sim_node_now(node), call->id, answer, error);
    free_call(call);
}

static void fail_call(struct sim_call *call, const char *error)
{
    end_call(call, span_of(NULL, 0), error);
}

static void send_out(struct sim_call *call)
{
    net_send(call->connection, NET_OPENER, buffer_content(&call->out));
    buffer_reset(&call->out, SIZE_MAX);
}

static void trace_question(const struct sim_call *call)
{
    const struct span bytes = buffer_content(&call->question);
    struct wire_cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct wire_message message;
    const char *error;
    char text[DESCRIBE_MAX];

    if (call->node->world->settings.trace_file == NULL ||
        wire_next_message(&cursor, &message, &error) != WIRE_OK)
        return;
    describe_message(&message, text);
    world_remark(call->node->world, "%u>%u call #%" PRIu64 " %s", call->node->number,
                 call->connection->nodes[NET_ACCEPTOR], call->connection->id, text);
}

static void ask(struct sim_call *call)
{
    const size_t frame = wire_frame_begin(&call->out, 0, 0);

    trace_question(call);
    buffer_append_span(&call->out, buffer_content(&call->question));
    wire_frame_end(&call->out, frame);
}

void sim_control_call_opened(struct sim_call *call)
{
    struct sim_control *control = call->node->control;
    const struct handshake_self self = control_self(control->control);

    handshake_open(&call->handshake, &self, WIRE_ROLE_CONTROL, NULL, &control->rng, &call->out);
    send_out(call);
}

/* False when the call has ended. */
static bool greet(struct sim_call *call, struct wire_frame *frame)
{
    const struct handshake_self self = control_self(call->node->control->control);
    struct wire_message message;
    const char *error = "an empty frame in the handshake";

    if (wire_next_message(&frame->messages, &message, &error) != WIRE_OK) {
        fail_call(call, error);
        return false;
    }
    switch (handshake_message(&call->handshake, &self, &message, &call->out)) {
    case HANDSHAKE_WAITING:
        break;
    case HANDSHAKE_DONE:
        ask(call);
        break;
    case HANDSHAKE_FAILED:
        fail_call(call, call->handshake.error);
        return false;
    }
    send_out(call);
    return true;
}

void sim_control_call_input(struct sim_call *call, struct span bytes)
{
    struct wire_frame frame;

    buffer_append_span(&call->in, bytes);
    for (;;) {
        const enum wire_result result = wire_next_frame(buffer_content(&call->in), ANSWER_MAX,
                                                        &frame);
        if (result == WIRE_MORE)
            return;
        if (result != WIRE_OK) {
            fail_call(call, frame.error);
            return;
        }
        if (call->handshake.state == HANDSHAKE_DONE) {
            end_call(call,
                     span_of(frame.messages.at, (size_t)(frame.messages.end - frame.messages.at)),
                     NULL);
            return;
        }
        if (!greet(call, &frame))
            return;
        buffer_consume(&call->in, frame.size);
    }
}

void sim_control_call_lost(struct sim_call *call)
{
    fail_call(call, "it closed the connection");
}

/* `number`: the connection's, which is never another call's. */
static void call_timeout(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (!node->running || sim_node_defers(node, call_timeout, object, number))
        return;
    list_for_each(at, &node->control->calls)
    {
        struct sim_call *call = list_entry(at, struct sim_call, link);
        if (call->connection->id != number)
            continue;
        fail_call(call, "it did not answer in time");
        return;
    }
}

/* ---- what control wants ---- */

/* Nobody's address but that of a node that there is, or was, goes around. */
static unsigned number_at(const struct sim_node *node, const struct node_address *bus,
                          unsigned *place)
{
    const unsigned number = world_find(node->world, bus->host, bus->port, place);

    ensure(number != 0);
    return number;
}

static void on_send(void *host, const struct node_address *to, struct span datagram)
{
    struct sim_node *node = host;
    unsigned place;
    const unsigned number = number_at(node, to, &place);

    net_send_datagram(node->world, node->number, number, place, datagram);
}

static void on_call(void *host, uint64_t id, const struct node_address *to, struct span messages)
{
    struct sim_node *node = host;
    struct sim_call *call = memory_alloc(sizeof *call);
    unsigned place;
    const unsigned number = number_at(node, to, &place);

    call->node = node;
    call->id = id;
    buffer_append_span(&call->question, messages);
    call->connection = net_open(node->world, node->number, number, place);
    call->connection->call = call;
    list_append(&node->control->calls, &call->link);
    world_after(node->world, CONTROL_CALL_TIMEOUT_MS * 1000, call_timeout, node,
                call->connection->id);
}

static void on_answer(void *host, const struct control_asker *asker, struct span message)
{
    post(host, ERRAND_ANSWER, asker->id, message);
}

static void on_reply(void *host, const struct control_asker *asker, struct span reply)
{
    post(host, ERRAND_REPLY, asker->id, reply);
}

static void on_publish(void *host, struct view *view)
{
    struct sim_node *node = host;

    world_trace(node->world, "%u publishes a view", node->number);
    view_release(&node->view);
    node->view = view_retain(view);
    node->in_line = view->self_in_line;
    /* RING INIT numbers the nodes as it names them. */
    for (size_t i = 0; i < view->node_count; i++) {
        const struct view_node *other = &view->nodes[i];
        unsigned place;
        ensure(world_find(node->world, other->host, other->bus_port, &place) == other->number ||
               view->implicit);
    }
    if (view->ring != NULL && !view->implicit)
        world_note_ring(node->world, view->ring);
    if (node->engine != NULL)
        post(node, ERRAND_VIEW, 0, span_of(NULL, 0))->view = view_retain(view);
}

/* Within its write the process was killed: it hears nothing more but that the write failed. */
static void die(void *object, uint64_t number)
{
    struct sim_node *node = object;

    if (node->boots == number)
        sim_node_kill(node);
}

static bool note_write(struct sim_node *node, bool kept)
{
    if (node->disk.cut_now) {
        node->disk.cut_now = false;
        world_trace(node->world, "%u's write is cut", node->number);
        world_after(node->world, 0, die, node, node->boots);
    }
    return kept;
}

static bool on_persist_ring(void *host, struct span ring)
{
    struct sim_node *node = host;

    return note_write(node, sim_disk_keep_ring(&node->disk, ring));
}

static bool on_persist_ceiling(void *host, uint64_t ceiling)
{
    struct sim_node *node = host;

    ensure(ceiling > node->ceiling);
    if (!note_write(node, sim_disk_keep_ceiling(&node->disk, ceiling)))
        return false;
    node->ceiling = ceiling;
    return true;
}

static void wake(void *object, uint64_t number)
{
    struct sim_node *node = object;
    struct sim_control *control = node->control;

    if (!node->running || node->boots != number || sim_node_defers(node, wake, object, number))
        return;
    if (node->world->now_us < control->waking_us)
        return; /* an earlier one took its place, and has been here */
    control->waking_us = INT64_MAX;
    if (node->world->now_us < control->wake_us) {
        control->waking_us = control->wake_us;
        world_after(node->world, control->wake_us - node->world->now_us, wake, node, number);
        return;
    }
    control_wake(control->control, sim_node_now(node));
}

static void on_wake_at(void *host, int64_t mono_us)
{
    struct sim_node *node = host;
    struct sim_control *control = node->control;
    const int64_t now_us = node->world->now_us;

    control->wake_us = sim_node_world_us(node, mono_us);
    if (control->wake_us <= now_us)
        control->wake_us = now_us + 1;
    if (control->wake_us < control->waking_us) {
        control->waking_us = control->wake_us;
        world_after(node->world, control->wake_us - now_us, wake, node, node->boots);
    }
}

static void on_fatal(void *host, const char *text)
{
    struct sim_node *node = host;

    world_trace(node->world, "%u cannot go on: %s", node->number, text);
    node->failed = true;
}

static const struct control_calls calls = {
    .send = on_send,
    .call = on_call,
    .answer = on_answer,
    .reply = on_reply,
    .publish = on_publish,
    .persist_ring = on_persist_ring,
    .persist_ceiling = on_persist_ceiling,
    .wake_at = on_wake_at,
    .fatal = on_fatal,
};

void sim_control_datagram(struct sim_node *node, unsigned from, unsigned place,
                          struct span datagram)
{
    const struct node_address source = control_bus(WORLD_HOST, world_port(from, place));

    control_datagram(node->control->control, sim_node_now(node), &source, datagram);
}

/* ---- its life ---- */

struct sim_control *sim_control_create(struct sim_node *node)
{
    struct sim_control *control = memory_alloc(sizeof *control);
    const struct instant now = sim_node_now(node);
    const uint64_t ceiling_ms = (uint64_t)hlc_ms(node->ceiling);
    char error[RING_ERROR_MAX];
    struct ring *ring = NULL;

    node->control = control;
    list_init(&control->for_control);
    list_init(&control->for_engine);
    list_init(&control->calls);
    control->waking_us = INT64_MAX;
    rng_init(&control->rng, node->world->settings.seed * 1000 + node->number * 100 + node->boots);
    const struct span kept = sim_disk_ring(&node->disk);
    if (kept.size > 0) {
        ring = ring_decode(kept, error);
        ensure(ring != NULL);
    }
    node->boot = rng_next(&control->rng);
    const struct control_options options = {
        .identity = node->identity,
        .host = WORLD_HOST,
        .client_port = world_port(node->number, node->place),
        .boot = (uint64_t)now.wall_ms > ceiling_ms ? (uint64_t)now.wall_ms : ceiling_ms + 1,
        .boot_nonce = node->boot,
        .seed = rng_next(&control->rng),
        .ceiling = node->ceiling,
        .ring = ring,
        .options = node->options,
        .log = &node->log,
        .store = node->store,
        .bounds = &node->bounds,
    };
    control->control = control_create(&options, &calls, node, now);
    if (ring != NULL)
        ring_release(&ring);
    control_wake(control->control, now);
    ensure(node->view != NULL);
    return control;
}

void sim_control_destroy(struct sim_control **control)
{
    struct sim_control *c = *control;

    *control = NULL;
    control_destroy(&c->control);
    list_for_each_removable(at, &c->for_control) free_errand(list_entry(at, struct errand, link));
    list_for_each_removable(at, &c->for_engine) free_errand(list_entry(at, struct errand, link));
    list_for_each_removable(at, &c->calls) free_call(list_entry(at, struct sim_call, link));
    memory_free(c);
}

const struct control *sim_control_of(const struct sim_node *node)
{
    return node->control->control;
}

size_t sim_control_calls(const struct sim_node *node)
{
    size_t count = 0;

    list_for_each(at, &node->control->calls) count++;
    return count;
}
