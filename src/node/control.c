/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "node/control_parts.h"
#include "resp/reply.h"

/* Buffers larger than this are given back between two uses, bytes. */
#define OUT_KEEP (64 * 1024)

/* ---- small things ---- */

const char *control_short(const struct identity *identity, char text[IDENTITY_SHORT_MAX])
{
    snprintf(text, IDENTITY_SHORT_MAX, "%02x%02x%02x%02x", identity->bytes[0], identity->bytes[1],
             identity->bytes[2], identity->bytes[3]);
    return text;
}

struct identity control_draw(struct control *control)
{
    struct identity identity;

    do {
        for (size_t i = 0; i < IDENTITY_SIZE; i += 8) {
            const uint64_t number = rng_next(&control->rng);
            memcpy(identity.bytes + i, &number, 8);
        }
    } while (!identity_exists(&identity));
    return identity;
}

struct node_address control_bus(const char *host, uint16_t client_port)
{
    struct node_address address = {.port = (uint16_t)(client_port + GOSSIP_BUS_OFFSET)};

    ensure(client_port <= UINT16_MAX - GOSSIP_BUS_OFFSET);
    snprintf(address.host, sizeof address.host, "%s", host);
    return address;
}

void control_fatal(struct control *control, const char *format, ...)
{
    char text[2 * REASON_MAX + NODE_HOST_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    control->ended = true;
    control->calls->fatal(control->host, text);
}

/* ---- calls ---- */

struct question *control_ask(struct control *control, const struct node_address *to,
                             question_answered *answered)
{
    struct question *question = memory_alloc(sizeof *question);

    question->id = ++control->last_question;
    question->answered = answered;
    question->to = *to;
    list_append(&control->questions, &question->link);
    control->calls->call(control->host, question->id, to, buffer_content(&control->out));
    buffer_reset(&control->out, OUT_KEEP);
    return question;
}

static struct question *find_question(struct control *control, uint64_t id)
{
    list_for_each(link, &control->questions)
    {
        struct question *question = list_entry(link, struct question, link);
        if (question->id == id)
            return question;
    }
    return NULL;
}

static void exchange_answered(struct control *control, const struct question *question,
                              const struct wire_message *message, const char *error)
{
    struct buffer reply = {0};

    if (message == NULL || message->type != WIRE_EXCHANGE) {
        log_write(control->log, LOG_DEBUG, "no exchange with %s:%u: %s", question->to.host,
                  question->to.port, error != NULL ? error : "it answers something else");
        return;
    }
    const enum gossip_drop drop = gossip_exchange_receive(control->gossip, control->now,
                                                          message->exchange.records, &reply);
    if (drop != GOSSIP_DROP_NONE)
        log_write(control->log, LOG_VERBOSE, "the exchange with %s:%u was dropped: %s",
                  question->to.host, question->to.port, gossip_drop_name(drop));
    buffer_deinit(&reply);
}

static void exchange(struct control *control, const struct node_address *to)
{
    struct buffer request = {0};

    gossip_exchange_begin(control->gossip, control->now, &request);
    const struct wire_exchange message = {.records = buffer_content(&request)};
    wire_put_exchange(&control->out, &message);
    if (buffer_size(&request) > 0)
        control_ask(control, to, exchange_answered);
    else
        buffer_reset(&control->out, OUT_KEEP);
    buffer_deinit(&request);
}

/* ---- what gossip asks for ---- */

static void gossip_send(void *host, const struct node_address *to, struct span datagram)
{
    struct control *control = host;

    control->calls->send(control->host, to, datagram);
}

static void gossip_exchange(void *host, const struct node_address *to)
{
    struct control *control = host;

    if (control->exchange_count < EXCHANGES_WAITING_MAX)
        control->exchanges[control->exchange_count++] = *to;
}

static bool gossip_kept(void *host, struct identity identity)
{
    const struct control *control = host;
    const struct ring *ring = control_real_ring(control);

    return ring != NULL && ring_member_by_identity(ring, &identity) != NULL;
}

static void log_member(struct control *control, const struct gossip_event *event)
{
    static const char *const words[] = {
        [GOSSIP_EVENT_JOINED] = "was found", [GOSSIP_EVENT_SUSPECT] = "may be down",
        [GOSSIP_EVENT_ALIVE] = "is back",    [GOSSIP_EVENT_DEAD] = "is down",
        [GOSSIP_EVENT_LEFT] = "left",        [GOSSIP_EVENT_FORGOTTEN] = "is no longer listed"};
    char id[IDENTITY_SHORT_MAX];
    const enum log_level level = event->kind == GOSSIP_EVENT_DEAD ? LOG_WARNING : LOG_NOTICE;

    if ((size_t)event->kind < sizeof words / sizeof words[0] && words[event->kind] != NULL)
        log_write(control->log, level, "node %s at %s:%u %s%s",
                  control_short(&event->record->identity, id), event->record->host,
                  event->record->client_port, words[event->kind],
                  event->restarted ? ", restarted" : "");
}

static void note_ring_newer(struct control *control, const struct node_record *record)
{
    const bool refused = identity_equal(&record->ring, &control->refused_ring) &&
                         record->ring_version == control->refused_version &&
                         control->now.mono_us < control->refused_until_us;

    if (control->fetching || control->fetch_wanted || refused)
        return;
    control->fetch_wanted = true;
    control->fetch_from = node_record_bus(record);
    control->fetch_ring = record->ring;
    control->fetch_version = record->ring_version;
}

static void note_clash(struct control *control, const struct gossip_event *event)
{
    control->clash = event->address;
    if (event->ours_is_later)
        control->clashed = true;
    else
        log_write(control->log, LOG_WARNING,
                  "a node at %s:%u has this node's identity and started later; it should stop. Was "
                  "the dir copied?",
                  event->address.host, event->address.port);
}

static void gossip_told(void *host, const struct gossip_event *event)
{
    struct control *control = host;

    switch (event->kind) {
    case GOSSIP_EVENT_ACTIVE:
        log_write(control->log, LOG_VERBOSE, "gossip is active");
        break;
    case GOSSIP_EVENT_RING_NEWER:
        note_ring_newer(control, event->record);
        return;
    case GOSSIP_EVENT_RING_CONFLICT:
        if (!control->conflict_logged)
            log_write(control->log, LOG_WARNING,
                      "%s:%u has another ring of this ring's identity and version: one of the two "
                      "was damaged",
                      event->record->host, event->record->client_port);
        control->conflict_logged = true;
        return;
    case GOSSIP_EVENT_IDENTITY_CLASH:
        note_clash(control, event);
        return;
    case GOSSIP_EVENT_JOINED:
    case GOSSIP_EVENT_UPDATED:
    case GOSSIP_EVENT_SUSPECT:
    case GOSSIP_EVENT_ALIVE:
    case GOSSIP_EVENT_DEAD:
    case GOSSIP_EVENT_LEFT:
    case GOSSIP_EVENT_FORGOTTEN:
        log_member(control, event);
        break;
    }
    control->view_due = true;
}

static const struct gossip_calls gossip_calls = {
    .send = gossip_send,
    .event = gossip_told,
    .exchange = gossip_exchange,
    .kept = gossip_kept,
};

/* ---- the end of each entry ---- */

static void ask_wake(struct control *control)
{
    int64_t wake_us = control->tick_us;
    const int64_t gossip_us = gossip_next_wake(control->gossip);
    const int64_t init_us = init_next_us(control);

    if (gossip_us < wake_us)
        wake_us = gossip_us;
    if (init_us < wake_us)
        wake_us = init_us;
    if (control->promise.given && control->promise.until_us < wake_us)
        wake_us = control->promise.until_us;
    control->calls->wake_at(control->host, wake_us);
}

static void settle(struct control *control)
{
    if (control->ended)
        return;
    if (control->clashed) {
        control_fatal(control,
                      "a node with this node's identity is alive at %s:%u; two nodes cannot share "
                      "one dir, nor a copy of it",
                      control->clash.host, control->clash.port);
        return;
    }
    if (!control->started)
        return;
    if (control->fetch_wanted && !control->fetching)
        ring_fetch(control);
    for (size_t i = 0; i < control->exchange_count; i++)
        exchange(control, &control->exchanges[i]);
    control->exchange_count = 0;
    if (control->view_due)
        view_publish(control);
    control->view_due = false;
    ask_wake(control);
}

/* ---- creation ---- */

/* Where a seed is worth asking: not this node itself, and with a port that has a bus port. */
static bool useful_seed(const struct control *control, const char *host, uint16_t port)
{
    return port > 0 && port <= UINT16_MAX - GOSSIP_BUS_OFFSET && strlen(host) <= NODE_HOST_MAX &&
           (port != control->client_port || strcmp(host, control->host_name) != 0);
}

/* The seeds of the options, and the members of the ring, as far as useful; returns how many. */
static size_t gather_seeds(struct control *control, struct node_address **seeds)
{
    const struct option_addresses *given = &control->options->seeds;
    const size_t members = control->ring != NULL ? ring_draft_of(control->ring).member_count : 0;
    size_t count = 0;

    *seeds = memory_alloc_array(given->count + members + 1, sizeof **seeds);
    for (size_t i = 0; i < given->count; i++) {
        const struct option_address *seed = &given->items[i];
        if (!useful_seed(control, seed->host, seed->port))
            continue;
        (*seeds)[count].port = seed->port;
        memcpy((*seeds)[count++].host, seed->host, strlen(seed->host) + 1);
    }
    for (size_t i = 0; i < members; i++) {
        const struct ring_member *member = &ring_draft_of(control->ring).members[i];
        if (identity_equal(&member->identity, &control->identity) ||
            !useful_seed(control, member->host, member->client_port))
            continue;
        (*seeds)[count].port = member->client_port;
        memcpy((*seeds)[count++].host, member->host, sizeof member->host);
    }
    return count;
}

/* Intervals that follow from the one that is configured; the others stay at their defaults. */
static void set_intervals(struct gossip_options *gossip, const struct options *options)
{
    const uint32_t interval_ms = (uint32_t)options->gossip_interval_ms;
    const uint32_t spread_ms = interval_ms / 5;

    gossip->probe_interval_ms = interval_ms;
    gossip->probe_timeout_ms = interval_ms * 3 / 10;
    gossip->spread_interval_ms = spread_ms > 0 ? spread_ms : 1;
}

static size_t create_gossip(struct control *control, const struct control_options *own)
{
    const struct options *options = control->options;
    struct gossip_options gossip = gossip_options_default;
    struct node_address *seeds;
    const size_t seed_count = gather_seeds(control, &seeds);

    gossip.identity = own->identity;
    gossip.host = control->host_name;
    gossip.client_port = own->client_port;
    gossip.zone = control->zone;
    gossip.weight = (uint32_t)options->weight;
    gossip.flags = recovery_silences(control) ? NODE_FORGETFUL : 0;
    gossip.protocol_min = WIRE_PROTOCOL_MIN;
    gossip.protocol_max = WIRE_PROTOCOL_MAX;
    gossip.boot = own->boot;
    gossip.boot_nonce = own->boot_nonce;
    gossip.seed = rng_next(&control->rng);
    gossip.cluster_name = span_of_string(options->cluster_name);
    gossip.cluster_secret = span_of_string(options->cluster_secret);
    gossip.seeds = seeds;
    gossip.seed_count = seed_count;
    set_intervals(&gossip, options);
    control->gossip = gossip_create(&gossip, &gossip_calls, control);
    memory_free(seeds);
    return seed_count;
}

/* A zone stands in lines of text and in records: no blanks, nothing unprintable. */
static void copy_zone(struct control *control, const char *zone)
{
    ensure(strlen(zone) <= NODE_ZONE_MAX);
    for (size_t i = 0; zone[i] != '\0'; i++)
        control->zone[i] = zone[i] > ' ' && zone[i] < 127 ? zone[i] : '_';
    if (strcmp(zone, control->zone) != 0)
        log_write(control->log, LOG_NOTICE, "the zone is called '%s'", control->zone);
}

struct control *control_create(const struct control_options *options,
                               const struct control_calls *calls, void *host, struct instant now)
{
    struct control *control = memory_alloc(sizeof *control);

    ensure(strlen(options->host) <= NODE_HOST_MAX);
    ensure(options->ring == NULL ||
           ring_partition_count(options->ring) == store_partitions(options->store));
    control->calls = calls;
    control->host = host;
    control->now = now;
    control->options = options_retain(options->options);
    control->log = options->log;
    control->store = options->store;
    control->bounds = options->bounds;
    control->identity = options->identity;
    control->client_port = options->client_port;
    control->boot_nonce = options->boot_nonce;
    memcpy(control->host_name, options->host, strlen(options->host) + 1);
    copy_zone(control, control->options->zone);
    rng_init(&control->rng, options->seed);
    list_init(&control->questions);
    control->tick_us = now.mono_us;
    if (options->ring != NULL) {
        control->ring = ring_retain(options->ring);
        control->restored = true;
        store_set_seed(control->store, ring_hash_seed(control->ring));
    }
    bounds_begin(control, options->ceiling);
    recovery_begin(control);
    if (create_gossip(control, options) == 0 && control->ring == NULL)
        ring_begin_implicit(control);
    return control;
}

void control_destroy(struct control **control)
{
    struct control *c = *control;

    *control = NULL;
    init_destroy(c);
    list_for_each_removable(link, &c->questions)
        memory_free(list_entry(link, struct question, link));
    gossip_destroy(&c->gossip);
    ring_release(&c->ring);
    view_release(&c->view);
    options_release(&c->options);
    buffer_deinit(&c->out);
    memory_free(c);
}

/* ---- entries ---- */

static bool enter(struct control *control, struct instant now)
{
    control->now = now;
    return !control->ended;
}

static void start(struct control *control)
{
    control->started = true;
    if (control->ring != NULL && !control->implicit) {
        if (ring_member_by_identity(control->ring, &control->identity) == NULL) {
            control_fatal(control, "the ring that was kept on disk does not name this node");
            return;
        }
        ring_tell_gossip(control);
    }
    view_write_headers(control, false);
    control->view_due = true;
}

static void tick(struct control *control)
{
    recovery_look(control);
    control->tick_us = control->now.mono_us +
                       (recovery_goes_on(control) ? RECOVERY_TICK_US : TICK_US);
    const bool moved = bounds_check_clock(control);
    bounds_raise_ceiling(control);
    if (moved) {
        view_write_headers(control, control->promise.given);
        ring_tell_gossip(control);
        control->view_due = true;
    }
    ring_introduce(control);
}

void control_wake(struct control *control, struct instant now)
{
    if (!enter(control, now))
        return;
    if (!control->started)
        start(control);
    if (control->ended)
        return;
    gossip_tick(control->gossip, now);
    if (now.mono_us >= control->tick_us)
        tick(control);
    promise_wake(control);
    init_wake(control);
    settle(control);
}

void control_datagram(struct control *control, struct instant now, const struct node_address *from,
                      struct span datagram)
{
    if (!enter(control, now))
        return;
    const enum gossip_drop drop = gossip_receive(control->gossip, now, from, datagram);
    if (drop != GOSSIP_DROP_NONE)
        log_write(control->log, LOG_DEBUG, "a datagram from %s:%u was dropped: %s", from->host,
                  from->port, gossip_drop_name(drop));
    settle(control);
}

/* Reads the first message; false, with *error, when there is none. */
static bool first_message(struct span messages, struct wire_message *message, const char **error)
{
    struct wire_cursor cursor = {.at = messages.data, .end = messages.data + messages.size};

    *error = "it answers nothing that is known here";
    return messages.size > 0 && wire_next_message(&cursor, message, error) == WIRE_OK;
}

void control_message(struct control *control, struct instant now, const struct control_asker *asker,
                     struct span bytes)
{
    struct wire_message message;
    const char *error;

    if (!enter(control, now) || !first_message(bytes, &message, &error) ||
        !serve_message(control, &message))
        return;
    control->calls->answer(control->host, asker, buffer_content(&control->out));
    buffer_reset(&control->out, OUT_KEEP);
    settle(control);
}

static void recovery_command(struct control *control, const struct control_asker *asker,
                             struct span word)
{
    if (!span_is(word, "force")) {
        reply_error(&control->out, "ERR syntax error: RING RECOVER FORCE");
    } else if (!recovery_goes_on(control)) {
        reply_error(&control->out, "ERR this node has nothing to recover");
    } else {
        recovery_force(control);
        reply_simple(&control->out, "OK");
    }
    control->calls->reply(control->host, asker, buffer_content(&control->out));
    buffer_reset(&control->out, OUT_KEEP);
}

void control_command(struct control *control, struct instant now, const struct control_asker *asker,
                     const struct span *argv, size_t argc)
{
    if (!enter(control, now))
        return;
    if (argc > 2 && span_is(argv[1], "init")) {
        init_command(control, asker, argv, argc);
    } else if (argc > 2 && span_is(argv[1], "recover")) {
        recovery_command(control, asker, argv[2]);
    } else {
        struct buffer text = {0};
        ensure(argc > 1 && span_is(argv[1], "status"));
        status_write(control, &text);
        reply_bulk(&control->out, buffer_content(&text));
        buffer_deinit(&text);
        control->calls->reply(control->host, asker, buffer_content(&control->out));
        buffer_reset(&control->out, OUT_KEEP);
    }
    settle(control);
}

void control_call_answer(struct control *control, struct instant now, uint64_t call,
                         struct span answer, const char *error)
{
    struct question *question = find_question(control, call);
    struct wire_message message;
    const char *wrong;

    if (!enter(control, now) || question == NULL)
        return;
    list_remove(&question->link);
    const bool read = error == NULL && first_message(answer, &message, &wrong);
    if (question->answered != NULL)
        question->answered(control, question, read ? &message : NULL,
                           error != NULL ? error
                           : read        ? NULL
                                         : wrong);
    memory_free(question);
    settle(control);
}

void control_set_options(struct control *control, struct instant now, const struct options *options)
{
    const struct options *before = control->options;

    control->options = options_retain(options);
    options_release(&before);
    bounds_follow_options(control);
    if (!enter(control, now))
        return;
    control->tick_us = now.mono_us; /* the clock is checked against the new limit */
    settle(control);
}

void control_leave(struct control *control, struct instant now)
{
    if (!enter(control, now))
        return;
    gossip_leave(control->gossip, now);
    settle(control);
}

bool control_left(const struct control *control)
{
    return control->ended || gossip_farewell_done(control->gossip);
}

struct handshake_self control_self(const struct control *control)
{
    struct handshake_self self = {.cluster = control->options->cluster_name,
                                  .secret = control->options->cluster_secret,
                                  .node = control->identity,
                                  .boot = control->boot_nonce};
    const struct ring *ring = control_real_ring(control);

    if (ring == NULL)
        return self;
    const struct ring_member *member = ring_member_by_identity(ring, &control->identity);
    self.ring = ring->content.identity;
    self.number = member != NULL ? member->number : 0;
    return self;
}

struct view *control_view(const struct control *control)
{
    return control->view;
}

const struct gossip *control_gossip(const struct control *control)
{
    return control->gossip;
}
