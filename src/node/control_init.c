/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RING INIT host:port ...: the proposer's side. In three rounds:
 *
 *      INQUIRE   every node at once: who are you? Learns identities, zones and weights
 *      PREPARE   one node after another, in the order of identities: promise me. Of two INITs of
 *                the same nodes one so gets the first promise and then all, and the other is
 *                refused at its first step, holding none
 *      COMMIT    this node takes the ring itself: it is decided. Then all others at once, again and
 *                again until each has answered or promises lapse
 *
 * A refusal before the decision voids all promises (WITHDRAW) and is the client's error. A node
 * that no COMMIT reaches learns of the ring by gossip, because the ring names it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "node/control_parts.h"
#include "resp/reply.h"
#include "ring/ring_codec.h"

enum candidate_state {
    CANDIDATE_NAMED,
    CANDIDATE_KNOWN,    /* it told who it is */
    CANDIDATE_PROMISED, /* it promised, or may have */
    CANDIDATE_ADOPTED,
    CANDIDATE_FAILED, /* `why` */
};

struct candidate {
    char name[NODE_HOST_MAX + 8]; /* as the client has it */
    bool self;
    bool asking; /* a COMMIT is on its way */
    enum candidate_state state;
    struct node_address bus;
    struct ring_member member;
    int64_t again_us;
    char why[REASON_MAX];
};

enum phase {
    PHASE_INQUIRE,
    PHASE_PREPARE,
    PHASE_COMMIT,
};

struct forming {
    struct control_asker asker;
    struct identity ring; /* to be */
    enum phase phase;
    int64_t began_us; /* PREPARE; promises were given after that */
    struct buffer ring_bytes;
    size_t waiting; /* INQUIRE: answers to come */
    size_t at;      /* PREPARE: the place in `order` of the one that is asked */
    size_t count;
    struct candidate *candidates; /* in the order named */
    struct candidate **order;     /* in the order of identities */
};

/* ---- the end ---- */

void init_destroy(struct control *control)
{
    struct forming *forming = control->forming;

    control->forming = NULL;
    if (forming == NULL)
        return;
    buffer_deinit(&forming->ring_bytes);
    memory_free(forming->candidates);
    memory_free(forming->order);
    memory_free(forming);
}

static void send_reply(struct control *control, const struct control_asker *asker,
                       struct buffer *reply)
{
    control->calls->reply(control->host, asker, buffer_content(reply));
    buffer_deinit(reply);
}

/* Ends with an error; nobody is left with a promise. */
__attribute__((format(printf, 2, 3))) static void give_up(struct control *control,
                                                          const char *format, ...)
{
    struct forming *forming = control->forming;
    struct wire_withdraw message = {.id = 0};
    const struct control_asker asker = forming->asker;
    struct buffer reply = {0};
    char text[2 * REASON_MAX];
    va_list arguments;

    memcpy(message.ring, forming->ring.bytes, IDENTITY_SIZE);
    memcpy(message.proposer, control->identity.bytes, IDENTITY_SIZE);
    promise_void(control, &forming->ring, &control->identity);
    for (size_t i = 0; i < forming->count; i++) {
        if (forming->candidates[i].self || forming->candidates[i].state != CANDIDATE_PROMISED)
            continue;
        wire_put_withdraw(&control->out, &message);
        control_ask(control, &forming->candidates[i].bus, NULL);
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_write(control->log, LOG_NOTICE, "RING INIT failed: %s", text);
    reply_error_format(&reply, "ERR RING INIT: %s", text);
    init_destroy(control);
    send_reply(control, &asker, &reply);
}

/* ---- COMMIT ---- */

/* Answers the client once every node has the ring, or will not take it, or the time is up. */
static void finish_if_done(struct control *control)
{
    struct forming *forming = control->forming;
    const bool late = control->now.mono_us >= forming->began_us + INIT_COMMIT_US;
    const struct control_asker asker = forming->asker;
    const struct candidate *missing = NULL;
    struct buffer reply = {0};
    char text[3 * REASON_MAX];

    for (size_t i = 0; i < forming->count; i++) {
        if (forming->candidates[i].state == CANDIDATE_PROMISED && !late)
            return;
        if (forming->candidates[i].state != CANDIDATE_ADOPTED)
            missing = &forming->candidates[i];
    }
    if (missing == NULL) {
        reply_ok(&reply);
    } else {
        snprintf(text, sizeof text,
                 "OK the ring is formed, but %.200s has not taken it yet: %.200s. It learns of it "
                 "by gossip",
                 missing->name, missing->why[0] != '\0' ? missing->why : "it does not answer");
        reply_simple(&reply, text);
    }
    init_destroy(control);
    send_reply(control, &asker, &reply);
}

/* The candidate of an answer; NULL when this INIT is over. */
static struct candidate *candidate_of(const struct control *control,
                                      const struct question *question, enum phase phase)
{
    struct forming *forming = control->forming;

    return forming != NULL && forming->phase == phase &&
                   identity_equal(&forming->ring, &question->subject)
               ? &forming->candidates[question->index]
               : NULL;
}

static void ask(struct control *control, const struct candidate *candidate,
                question_answered *answered)
{
    struct question *question = control_ask(control, &candidate->bus, answered);

    question->subject = control->forming->ring;
    question->index = (size_t)(candidate - control->forming->candidates);
}

static void copy_text(char why[REASON_MAX], struct span text)
{
    snprintf(why, REASON_MAX, "%.*s", (int)(text.size < REASON_MAX ? text.size : REASON_MAX - 1),
             (const char *)text.data);
}

static void commit_answered(struct control *control, const struct question *question,
                            const struct wire_message *message, const char *error)
{
    struct candidate *candidate = candidate_of(control, question, PHASE_COMMIT);

    if (candidate == NULL)
        return;
    candidate->asking = false;
    candidate->again_us = control->now.mono_us + INIT_COMMIT_AGAIN_US;
    if (message != NULL && message->type == WIRE_PROMISE) {
        candidate->state = message->promise.status == PROMISE_OK ? CANDIDATE_ADOPTED
                                                                 : CANDIDATE_FAILED;
        copy_text(candidate->why, message->promise.text);
    } else {
        copy_text(candidate->why,
                  span_of_string(error != NULL ? error : "it answers something else"));
    }
    if (candidate->state == CANDIDATE_FAILED)
        log_write(control->log, LOG_WARNING, "RING INIT: %s does not take the ring: %s",
                  candidate->name, candidate->why);
    finish_if_done(control);
}

static void send_commits(struct control *control)
{
    struct forming *forming = control->forming;
    struct wire_commit message = {.id = 0, .ring = buffer_content(&forming->ring_bytes)};

    memcpy(message.proposer, control->identity.bytes, IDENTITY_SIZE);
    for (size_t i = 0; i < forming->count; i++) {
        struct candidate *candidate = &forming->candidates[i];
        if (candidate->state != CANDIDATE_PROMISED || candidate->asking ||
            control->now.mono_us < candidate->again_us)
            continue;
        candidate->asking = true;
        wire_put_commit(&control->out, &message);
        ask(control, candidate, commit_answered);
    }
}

/* The ring of all candidates, numbered in the order named; NULL with the reason. */
static struct ring *form(struct control *control, char reason[REASON_MAX])
{
    const struct forming *forming = control->forming;
    struct ring_member *members = memory_alloc_array(forming->count, sizeof *members);
    struct ring_draft draft = {.identity = forming->ring,
                               .version = ring_version(1, 1),
                               .partition_count = store_partitions(control->store),
                               .last_number = (node_number)forming->count,
                               .members = members,
                               .member_count = forming->count};
    struct ring_rule rules[RING_RULES_MAX];
    struct planner_plan plan;
    struct ring *ring = NULL;

    for (size_t i = 0; i < forming->count; i++) {
        members[i] = forming->candidates[i].member;
        members[i].number = (node_number)(i + 1);
    }
    ring_set_rules(&draft, rules, control->options);
    if (ring_plan(&draft, &plan, reason)) {
        ring = ring_create(&draft, reason);
        planner_plan_deinit(&plan);
    }
    memory_free(members);
    return ring;
}

static void decide(struct control *control)
{
    struct forming *forming = control->forming;
    char reason[REASON_MAX] = "";

    if (control->now.mono_us >= forming->began_us + INIT_DECIDE_US) {
        give_up(control, "the nodes took too long to promise");
        return;
    }
    struct ring *ring = form(control, reason);
    if (ring == NULL || promise_keep(control, ring, &control->identity, reason) != PROMISE_OK) {
        if (ring != NULL)
            ring_release(&ring);
        give_up(control, "this node: %s", reason);
        return;
    }
    ring_encode(ring, &forming->ring_bytes);
    ring_release(&ring);
    ensure(!forming->ring_bytes.failed);
    forming->phase = PHASE_COMMIT;
    for (size_t i = 0; i < forming->count; i++) {
        if (forming->candidates[i].self)
            forming->candidates[i].state = CANDIDATE_ADOPTED;
    }
    send_commits(control);
    finish_if_done(control);
}

/* ---- PREPARE ---- */

static void prepare_answered(struct control *control, const struct question *question,
                             const struct wire_message *message, const char *error);

/* Asks for promises from forming->at on, as far as that goes without waiting. */
static void prepare_next(struct control *control)
{
    struct forming *forming = control->forming;
    char reason[REASON_MAX] = "";
    struct wire_prepare message = {.id = 0, .partitions = store_partitions(control->store)};

    memcpy(message.ring, forming->ring.bytes, IDENTITY_SIZE);
    memcpy(message.proposer, control->identity.bytes, IDENTITY_SIZE);
    for (; forming->at < forming->count; forming->at++) {
        struct candidate *candidate = forming->order[forming->at];
        candidate->state = CANDIDATE_PROMISED;
        if (!candidate->self) {
            wire_put_prepare(&control->out, &message);
            ask(control, candidate, prepare_answered);
            return;
        }
        if (promise_give(control, &forming->ring, &control->identity, message.partitions, reason) !=
            PROMISE_OK) {
            give_up(control, "%s: %s", candidate->name, reason);
            return;
        }
    }
    decide(control);
}

static void prepare_answered(struct control *control, const struct question *question,
                             const struct wire_message *message, const char *error)
{
    struct candidate *candidate = candidate_of(control, question, PHASE_PREPARE);

    if (candidate == NULL)
        return;
    if (message == NULL || message->type != WIRE_PROMISE) {
        /* It may have promised: it is told that nothing comes of it. */
        give_up(control, "%s cannot be reached: %s", candidate->name,
                error != NULL ? error : "it answers something else");
    } else if (message->promise.status != PROMISE_OK) {
        candidate->state = CANDIDATE_KNOWN;
        copy_text(candidate->why, message->promise.text);
        give_up(control, "%s: %s", candidate->name, candidate->why);
    } else {
        control->forming->at++;
        prepare_next(control);
    }
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *const *left = a, *const *right = b;

    return identity_compare(&(*left)->member.identity, &(*right)->member.identity);
}

/* All have answered: goes on if they can form a ring. */
static void begin_preparing(struct control *control)
{
    struct forming *forming = control->forming;

    for (size_t i = 0; i < forming->count; i++) {
        const struct candidate *candidate = &forming->candidates[i];
        if (candidate->state == CANDIDATE_FAILED) {
            give_up(control, "%s %s", candidate->name, candidate->why);
            return;
        }
        forming->order[i] = &forming->candidates[i];
    }
    qsort(forming->order, forming->count, sizeof forming->order[0], compare_candidates);
    for (size_t i = 1; i < forming->count; i++) {
        if (compare_candidates(&forming->order[i - 1], &forming->order[i]) == 0) {
            give_up(control, "%s and %s are the same node", forming->order[i - 1]->name,
                    forming->order[i]->name);
            return;
        }
    }
    forming->phase = PHASE_PREPARE;
    forming->began_us = control->now.mono_us;
    prepare_next(control);
}

/* ---- INQUIRE ---- */

static bool printable(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 127)
            return false;
    }
    return true;
}

/* Takes over what a node says of itself; false when it makes no sense. */
static bool describe(struct ring_member *member, const struct wire_description *description)
{
    member->identity = control_identity(description->node);
    member->client_port = description->client_port;
    member->weight = description->weight;
    if (!identity_exists(&member->identity) || description->client_port == 0 ||
        description->client_port > UINT16_MAX - GOSSIP_BUS_OFFSET || description->weight == 0 ||
        description->host.size == 0 || description->host.size > RING_HOST_MAX ||
        description->zone.size > RING_ZONE_MAX || !printable(description->host) ||
        !printable(description->zone))
        return false;
    member->bus_port = (uint16_t)(description->client_port + GOSSIP_BUS_OFFSET);
    memcpy(member->host, description->host.data, description->host.size);
    if (description->zone.size > 0)
        memcpy(member->zone, description->zone.data, description->zone.size);
    return true;
}

static void inquire_answered(struct control *control, const struct question *question,
                             const struct wire_message *message, const char *error)
{
    struct candidate *candidate = candidate_of(control, question, PHASE_INQUIRE);

    if (candidate == NULL)
        return;
    candidate->state = CANDIDATE_FAILED;
    if (message == NULL) {
        snprintf(candidate->why, sizeof candidate->why, "cannot be reached: %s", error);
    } else if (message->type != WIRE_DESCRIPTION ||
               !describe(&candidate->member, &message->description)) {
        snprintf(candidate->why, sizeof candidate->why, "answers nonsense");
    } else {
        const struct identity ring = control_identity(message->description.ring);
        if (identity_exists(&ring))
            snprintf(candidate->why, sizeof candidate->why, "is in ring %016" PRIx64 " already",
                     ring_label(&ring));
        else
            candidate->state = CANDIDATE_KNOWN;
    }
    if (--control->forming->waiting == 0)
        begin_preparing(control);
}

static void describe_self(const struct control *control, struct candidate *candidate)
{
    candidate->state = CANDIDATE_KNOWN;
    candidate->member = (struct ring_member){
        .identity = control->identity,
        .client_port = control->client_port,
        .bus_port = (uint16_t)(control->client_port + GOSSIP_BUS_OFFSET),
        .weight = (uint32_t)control->options->weight};
    memcpy(candidate->member.host, control->host_name, strlen(control->host_name) + 1);
    memcpy(candidate->member.zone, control->zone, strlen(control->zone) + 1);
}

static void begin_inquiring(struct control *control)
{
    struct forming *forming = control->forming;
    const struct wire_inquire message = {.id = 0};

    for (size_t i = 0; i < forming->count; i++) {
        if (forming->candidates[i].self) {
            describe_self(control, &forming->candidates[i]);
            continue;
        }
        forming->waiting++;
        wire_put_inquire(&control->out, &message);
        ask(control, &forming->candidates[i], inquire_answered);
    }
    if (forming->waiting == 0)
        begin_preparing(control);
}

/* ---- the command ---- */

/* "127.0.0.1", "::1" and "localhost" are this machine. */
static bool loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

/* Reads host:port, [host]:port too. */
static bool parse(struct span text, struct candidate *candidate)
{
    size_t colon = text.size;
    struct span host;
    int64_t port;

    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon == 0 || !span_to_int64(span_of(text.data + colon, text.size - colon), &port) ||
        port < 1 || port > UINT16_MAX - GOSSIP_BUS_OFFSET)
        return false;
    host = span_of(text.data, colon - 1);
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = span_of(host.data + 1, host.size - 2);
    if (host.size == 0 || host.size > NODE_HOST_MAX || !printable(host))
        return false;
    memcpy(candidate->bus.host, host.data, host.size);
    candidate->bus.port = (uint16_t)(port + GOSSIP_BUS_OFFSET);
    snprintf(candidate->name, sizeof candidate->name, "%s:%u", candidate->bus.host, (unsigned)port);
    return true;
}

/* Reads the arguments into forming->candidates; false with the error in `reply`. */
static bool read_candidates(const struct control *control, struct forming *forming,
                            const struct span *addresses, struct buffer *reply)
{
    size_t selves = 0;

    for (size_t i = 0; i < forming->count; i++) {
        struct candidate *candidate = &forming->candidates[i];
        const struct node_address *bus = &candidate->bus;
        if (!parse(addresses[i], candidate)) {
            reply_error_format(reply, "ERR RING INIT: '%.*s' is no host:port with a port up to %d",
                               (int)(addresses[i].size < 100 ? addresses[i].size : 100),
                               (const char *)addresses[i].data, UINT16_MAX - GOSSIP_BUS_OFFSET);
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (node_address_equal(&forming->candidates[j].bus, bus)) {
                reply_error_format(reply, "ERR RING INIT: %s is named twice", candidate->name);
                return false;
            }
        }
        candidate->self = bus->port == control->client_port + GOSSIP_BUS_OFFSET &&
                          (strcmp(bus->host, control->host_name) == 0 || loopback(bus->host));
        selves += candidate->self;
    }
    if (selves != 1)
        reply_error_format(reply, "ERR RING INIT: %s",
                           selves == 0
                               ? "this node is not among those named; send it to one that is"
                               : "this node is named twice");
    return selves == 1;
}

static bool may_begin(const struct control *control, size_t count, struct buffer *reply)
{
    const struct ring *ring = control_real_ring(control);

    if (ring != NULL)
        reply_error_format(
            reply, "ERR RING INIT: this node is in ring %016" PRIx64 " already, see RING STATUS",
            ring_label(&ring->content.identity));
    else if (control->forming != NULL)
        reply_error(reply, "ERR RING INIT: another one is in progress on this node");
    else if (count > RING_MEMBERS_MAX)
        reply_error_format(reply, "ERR RING INIT: %zu nodes are named, at most %d are accepted",
                           count, RING_MEMBERS_MAX);
    else
        return true;
    return false;
}

void init_command(struct control *control, const struct control_asker *asker,
                  const struct span *argv, size_t argc)
{
    const size_t count = argc - 2;
    struct buffer reply = {0};

    if (!may_begin(control, count, &reply)) {
        send_reply(control, asker, &reply);
        return;
    }
    struct forming *forming = memory_alloc(sizeof *forming);
    forming->asker = *asker;
    forming->ring = control_draw(control);
    forming->count = count;
    forming->candidates = memory_alloc_array(count, sizeof *forming->candidates);
    forming->order = memory_alloc_array(count, sizeof *forming->order);
    control->forming = forming;
    if (!read_candidates(control, forming, argv + 2, &reply)) {
        init_destroy(control);
        send_reply(control, asker, &reply);
        return;
    }
    begin_inquiring(control);
}

/* ---- time ---- */

void init_wake(struct control *control)
{
    if (control->forming == NULL || control->forming->phase != PHASE_COMMIT)
        return;
    send_commits(control);
    finish_if_done(control);
}

int64_t init_next_us(const struct control *control)
{
    const struct forming *forming = control->forming;

    if (forming == NULL || forming->phase != PHASE_COMMIT)
        return INT64_MAX;
    int64_t next_us = forming->began_us + INIT_COMMIT_US;
    for (size_t i = 0; i < forming->count; i++) {
        const struct candidate *candidate = &forming->candidates[i];
        if (candidate->state == CANDIDATE_PROMISED && !candidate->asking &&
            candidate->again_us < next_us)
            next_us = candidate->again_us;
    }
    return next_us;
}
