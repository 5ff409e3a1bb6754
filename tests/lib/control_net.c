/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/control_net.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "ring/ring_codec.h"

enum event_kind {
    EVENT_DATAGRAM,
    EVENT_CALL,
    EVENT_ANSWER,
};

struct net_event {
    struct net_event *next;
    int64_t at_us;
    uint64_t order;
    enum event_kind kind;
    unsigned from, lives;   /* the sender, in which life */
    struct node_address to; /* DATAGRAM, CALL */
    uint64_t call;
    bool failed;
    char error[HANDSHAKE_ERROR_MAX];
    struct buffer bytes;
};

struct instant net_now(const struct net_node *node)
{
    return (struct instant){.wall_ms = NET_WALL_MS + node->skew_ms + node->net->now_us / 1000,
                            .mono_us = node->net->now_us};
}

static struct net_event *post(struct net *net, const struct net_node *from, enum event_kind kind,
                              int64_t delay_us, struct span bytes)
{
    struct net_event *event = memory_alloc(sizeof *event);
    struct net_event **at = &net->events;

    event->kind = kind;
    event->at_us = net->now_us + delay_us;
    event->order = ++net->order;
    event->from = from->index;
    event->lives = from->lives;
    buffer_append_span(&event->bytes, bytes);
    if (net->tamper != NULL)
        net->tamper(net->tamper_context, &event->bytes);
    while (*at != NULL && (*at)->at_us <= event->at_us)
        at = &(*at)->next;
    event->next = *at;
    *at = event;
    return event;
}

static int64_t delay(struct net *net)
{
    return net->delay_min_us +
           (int64_t)rng_below(&net->rng, (uint64_t)(net->delay_max_us - net->delay_min_us + 1));
}

static struct net_node *node_at(struct net *net, const struct node_address *bus)
{
    for (unsigned i = 0; i < net->count; i++) {
        struct net_node *node = &net->nodes[i];
        if (node->control != NULL && !node->fatal && node->port + 10000 == bus->port &&
            (strcmp(node->host, bus->host) == 0 || strcmp(bus->host, "localhost") == 0))
            return node;
    }
    return NULL;
}

/* ---- the trace ---- */

static void trace(struct net *net, const struct net_node *from, const struct net_node *to,
                  struct span bytes)
{
    static const char *const statuses[] = {"ok", "has-ring", "other", "refused"};
    struct wire_cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct wire_message message;
    const char *error;
    const char *name = NULL, *more = "";

    if (!net->tracing || wire_next_message(&cursor, &message, &error) != WIRE_OK)
        return;
    switch (message.type) {
    case WIRE_INQUIRE:
        name = "INQUIRE";
        break;
    case WIRE_DESCRIPTION:
        name = "DESCRIPTION";
        break;
    case WIRE_PREPARE:
        name = "PREPARE";
        break;
    case WIRE_PROMISE:
        name = "PROMISE ";
        more = statuses[message.promise.status];
        break;
    case WIRE_COMMIT:
        name = "COMMIT";
        break;
    case WIRE_WITHDRAW:
        name = "WITHDRAW";
        break;
    default:
        return;
    }
    net->trace_size += (size_t)snprintf(net->trace + net->trace_size,
                                        sizeof net->trace - net->trace_size,
                                        "%3d ms  %u to %u  %s%s\n", (int)(net->now_us / 1000),
                                        from->index + 1, to->index + 1, name, more);
    cr_assert_lt(net->trace_size, sizeof net->trace);
}

/* ---- the host's side ---- */

static void host_send(void *host, const struct node_address *to, struct span datagram)
{
    struct net_node *node = host;

    post(node->net, node, EVENT_DATAGRAM, delay(node->net), datagram)->to = *to;
}

static void host_call(void *host, uint64_t call, const struct node_address *to,
                      struct span messages)
{
    struct net_node *node = host;
    struct net_event *event = post(node->net, node, EVENT_CALL, delay(node->net), messages);

    event->to = *to;
    event->call = call;
}

static void host_answer(void *host, const struct control_asker *asker, struct span message)
{
    struct net_node *node = host;

    cr_assert_eq(asker->id, 7);
    buffer_append_span(&node->answer, message);
}

static void host_reply(void *host, const struct control_asker *asker, struct span reply)
{
    struct net_node *node = host;

    cr_assert_eq(asker->worker, node);
    buffer_reset(&node->reply, SIZE_MAX);
    buffer_append_span(&node->reply, reply);
    buffer_append(&node->reply, "", 1);
    node->replies++;
}

static void host_publish(void *host, struct view *view)
{
    struct net_node *node = host;

    view_release(&node->view);
    node->view = view_retain(view);
    node->views++;
}

static bool host_persist_ring(void *host, struct span ring)
{
    struct net_node *node = host;

    if (node->disk_full)
        return false;
    buffer_reset(&node->disk_ring, SIZE_MAX);
    buffer_append_span(&node->disk_ring, ring);
    return true;
}

static bool host_persist_ceiling(void *host, uint64_t ceiling)
{
    struct net_node *node = host;

    if (node->disk_full)
        return false;
    cr_assert_gt(ceiling, node->disk_ceiling);
    node->disk_ceiling = ceiling;
    return true;
}

static void host_wake_at(void *host, int64_t mono_us)
{
    struct net_node *node = host;

    node->wake_us = mono_us;
}

static void host_fatal(void *host, const char *text)
{
    struct net_node *node = host;

    node->fatal = true;
    snprintf(node->fatal_text, sizeof node->fatal_text, "%s", text);
}

static const struct control_calls calls = {
    .send = host_send,
    .call = host_call,
    .answer = host_answer,
    .reply = host_reply,
    .publish = host_publish,
    .persist_ring = host_persist_ring,
    .persist_ceiling = host_persist_ceiling,
    .wake_at = host_wake_at,
    .fatal = host_fatal,
};

static void to_nowhere(void *context, enum log_level level, struct span line)
{
    const struct net_node *node = context;

    if (getenv("DUNLIN_TEST_LOG") != NULL)
        fprintf(stderr, "%8.3f %u %d %.*s\n", (double)node->net->now_us / 1e6, node->index + 1,
                (int)level, (int)line.size, (const char *)line.data);
}

/* ---- nodes ---- */

struct net *net_create(uint64_t seed)
{
    struct net *net = memory_alloc_apart(sizeof *net);

    rng_init(&net->rng, seed);
    net->delay_min_us = net->delay_max_us = 1000;
    return net;
}

struct net_node *net_add(struct net *net, const char *seeds, const char *const *more, size_t count)
{
    struct net_node *node = &net->nodes[net->count];
    const char *arguments[16] = {"--partitions", "64"};
    size_t used = 2;
    struct buffer error = {0};
    char words[256];

    cr_assert_lt(net->count, NET_NODES_MAX);
    node->net = net;
    node->index = net->count++;
    node->port = (uint16_t)(7001 + node->index);
    snprintf(node->host, sizeof node->host, "127.0.0.1");
    /* Identities fall as numbers rise, so that the order of identities is not that of names. */
    node->identity.bytes[0] = (uint8_t)(100 - node->index);
    log_init(&node->log, LOG_DEBUG, to_nowhere, node);
    for (size_t i = 0; i < count; i++)
        arguments[used++] = more[i];
    if (seeds != NULL) {
        arguments[used++] = "--seeds";
        snprintf(words, sizeof words, "%s", seeds);
        for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
            arguments[used++] = word;
    }
    node->options = options_load(NULL, arguments, used, NULL, &error);
    cr_assert_not_null(node->options, "%.*s", (int)buffer_size(&error),
                       (const char *)buffer_content(&error).data);
    return node;
}

void net_start(struct net_node *node)
{
    struct net *net = node->net;
    const struct store_options store = {.partitions = (uint32_t)node->options->partitions,
                                        .seed = 1,
                                        .now_ms = net_now(node).wall_ms};
    char error[RING_ERROR_MAX];
    struct ring *ring = NULL;

    cr_assert_null(node->control);
    node->lives++;
    node->fatal = false;
    node->store = store_create(&store);
    if (buffer_size(&node->disk_ring) > 0)
        ring = ring_decode(buffer_content(&node->disk_ring), error);
    const struct control_options options = {.identity = node->identity,
                                            .host = node->host,
                                            .client_port = node->port,
                                            .boot = node->lives + (uint64_t)net->now_us,
                                            .boot_nonce = rng_next(&net->rng),
                                            .seed = rng_next(&net->rng),
                                            .ceiling = node->disk_ceiling,
                                            .ring = ring,
                                            .options = node->options,
                                            .log = &node->log,
                                            .store = node->store,
                                            .bounds = &node->bounds};
    node->control = control_create(&options, &calls, node, net_now(node));
    if (ring != NULL)
        ring_release(&ring);
    control_wake(node->control, net_now(node));
}

void net_crash(struct net_node *node)
{
    control_destroy(&node->control);
    store_destroy(&node->store);
    view_release(&node->view);
    node->wake_us = INT64_MAX;
}

static void free_event(struct net_event *event)
{
    buffer_deinit(&event->bytes);
    memory_free(event);
}

void net_destroy(struct net **net)
{
    struct net *n = *net;

    *net = NULL;
    for (unsigned i = 0; i < n->count; i++) {
        struct net_node *node = &n->nodes[i];
        if (node->control != NULL)
            net_crash(node);
        options_release(&node->options);
        buffer_deinit(&node->disk_ring);
        buffer_deinit(&node->reply);
        buffer_deinit(&node->answer);
    }
    while (n->events != NULL) {
        struct net_event *event = n->events;
        n->events = event->next;
        free_event(event);
    }
    memory_free(n);
}

/* ---- events ---- */

/* What an engine of the node says of itself (engine.c, engine_self). */
static struct handshake_self accepting_self(const struct net_node *node)
{
    struct handshake_self self = control_self(node->control);
    const struct view *view = node->view;

    self.ring = view->ring != NULL && view->self != 0 && !view->implicit
                    ? view->ring->content.identity
                    : (struct identity){{0}};
    return self;
}

static enum handshake_state pass(struct buffer *bytes, struct handshake *handshake,
                                 const struct handshake_self *self, struct buffer *out)
{
    struct wire_frame frame;
    struct wire_message message;
    const char *error;

    cr_assert_eq(wire_next_frame(buffer_content(bytes), 4096, &frame), WIRE_OK);
    cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_OK);
    const enum handshake_state state = handshake_message(handshake, self, &message, out);
    buffer_reset(bytes, SIZE_MAX);
    return state;
}

/* The handshake of a call; false with the opener's error. */
static bool shake(struct net_node *from, struct net_node *to, char error[HANDSHAKE_ERROR_MAX])
{
    struct handshake opener, acceptor;
    struct buffer out = {0}, back = {0};
    const struct handshake_self self = control_self(from->control);
    const struct handshake_self other = accepting_self(to);

    handshake_accept(&acceptor, &from->net->rng);
    handshake_open(&opener, &self, WIRE_ROLE_CONTROL, NULL, &from->net->rng, &out);
    pass(&out, &acceptor, &other, &back);
    if (pass(&back, &opener, &self, &out) == HANDSHAKE_DONE && buffer_size(&out) > 0)
        pass(&out, &acceptor, &other, &back);
    memcpy(error, opener.error, HANDSHAKE_ERROR_MAX);
    buffer_deinit(&out);
    buffer_deinit(&back);
    return opener.state == HANDSHAKE_DONE && acceptor.state == HANDSHAKE_DONE;
}

static void fail_call(struct net *net, const struct net_event *call, int64_t delay_us,
                      const char *error)
{
    struct net_event *back = post(net, &net->nodes[call->from], EVENT_ANSWER, delay_us,
                                  span_of(NULL, 0));

    back->call = call->call;
    back->failed = true;
    snprintf(back->error, sizeof back->error, "%s", error);
}

static void deliver_call(struct net *net, struct net_event *event)
{
    struct net_node *from = &net->nodes[event->from];
    struct net_node *to = node_at(net, &event->to);
    char error[HANDSHAKE_ERROR_MAX];

    if (to == NULL) {
        fail_call(net, event, delay(net), "connection refused");
        return;
    }
    if (to->group != from->group || rng_below(&net->rng, 100) < net->loss_percent) {
        fail_call(net, event, CONTROL_CALL_TIMEOUT_MS * 1000, "timed out");
        return;
    }
    if (!shake(from, to, error)) {
        fail_call(net, event, delay(net), error);
        return;
    }
    const struct control_asker asker = {.worker = to, .id = 7};
    trace(net, from, to, buffer_content(&event->bytes));
    buffer_reset(&to->answer, SIZE_MAX);
    control_message(to->control, net_now(to), &asker, buffer_content(&event->bytes));
    if (buffer_size(&to->answer) == 0 || rng_below(&net->rng, 100) < net->loss_percent) {
        fail_call(net, event, CONTROL_CALL_TIMEOUT_MS * 1000, "timed out");
        return;
    }
    struct net_event *back = post(net, from, EVENT_ANSWER, delay(net), buffer_content(&to->answer));
    back->call = event->call;
    back->to = event->to;
}

static void deliver(struct net *net, struct net_event *event)
{
    struct net_node *from = &net->nodes[event->from];

    if (event->kind == EVENT_DATAGRAM) {
        struct net_node *to = node_at(net, &event->to);
        struct node_address source = {.port = (uint16_t)(from->port + 10000)};
        memcpy(source.host, from->host, sizeof from->host);
        if (to != NULL && to->group == from->group)
            control_datagram(to->control, net_now(to), &source, buffer_content(&event->bytes));
        return;
    }
    if (from->control == NULL || from->lives != event->lives)
        return;
    if (event->kind == EVENT_CALL) {
        deliver_call(net, event);
        return;
    }
    struct net_node *to = event->failed ? NULL : node_at(net, &event->to);
    if (to != NULL)
        trace(net, to, from, buffer_content(&event->bytes));
    control_call_answer(from->control, net_now(from), event->call, buffer_content(&event->bytes),
                        event->failed ? event->error : NULL);
}

bool net_step(struct net *net, int64_t until_us)
{
    struct net_node *sleeper = NULL;

    for (unsigned i = 0; i < net->count; i++) {
        struct net_node *node = &net->nodes[i];
        if (node->control != NULL && !node->fatal &&
            (sleeper == NULL || node->wake_us < sleeper->wake_us))
            sleeper = node;
    }
    struct net_event *event = net->events;
    const bool wakes = sleeper != NULL && (event == NULL || sleeper->wake_us < event->at_us);
    if (!wakes && event == NULL)
        return false;
    const int64_t at_us = wakes ? sleeper->wake_us : event->at_us;
    if (at_us > until_us)
        return false;
    if (at_us > net->now_us)
        net->now_us = at_us;
    if (wakes) {
        control_wake(sleeper->control, net_now(sleeper));
        cr_assert(sleeper->fatal || sleeper->wake_us >= net->now_us);
        return true;
    }
    net->events = event->next;
    net->delivered++;
    deliver(net, event);
    free_event(event);
    return true;
}

void net_run(struct net *net, int64_t duration_ms)
{
    const int64_t until_us = net->now_us + duration_ms * 1000;

    while (net_step(net, until_us))
        continue;
    net->now_us = until_us;
}

/* ---- commands ---- */

void net_command(struct net_node *node, const char *words)
{
    struct span argv[16];
    size_t argc = 0;
    char text[512];
    const struct control_asker asker = {.worker = node, .id = 9};

    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = span_of_string(word);
    control_command(node->control, net_now(node), &asker, argv, argc);
}

const char *net_reply(struct net_node *node)
{
    return (const char *)buffer_content(&node->reply).data;
}

const char *net_ask(struct net_node *node, const char *words)
{
    const unsigned before = node->replies;
    const int64_t until_us = node->net->now_us + 30000000;

    net_command(node, words);
    while (node->replies == before && net_step(node->net, until_us))
        continue;
    cr_assert_eq(node->replies, before + 1, "'%s' was not answered", words);
    return net_reply(node);
}

const struct ring *net_ring(const struct net_node *node)
{
    return node->control != NULL && node->view != NULL && !node->view->implicit ? node->view->ring
                                                                                : NULL;
}

unsigned net_rings(const struct net *net)
{
    unsigned rings = 0;

    for (unsigned i = 0; i < net->count; i++) {
        const struct ring *ring = net_ring(&net->nodes[i]);
        bool seen = ring == NULL;
        for (unsigned j = 0; j < i && !seen; j++) {
            const struct ring *other = net_ring(&net->nodes[j]);
            seen = other != NULL &&
                   identity_equal(&ring->content.identity, &other->content.identity);
        }
        rings += !seen;
    }
    return rings;
}

void net_put(struct net_node *node, uint32_t partition)
{
    const struct version version = {.dot = {.stamp = hlc_stamp(net_now(node).wall_ms), .node = 1},
                                    .kind = VALUE_STRING,
                                    .deadline_ms = DEADLINE_NEVER};
    const struct span value = SPAN("value");
    struct partition *header = store_partition(node->store, partition);

    partition_lock(header);
    cr_assert_eq(partition_put(header, store_hash(node->store, SPAN("key")), SPAN("key"), &version,
                               &value, 1),
                 STORE_OK);
    partition_unlock(header);
}
