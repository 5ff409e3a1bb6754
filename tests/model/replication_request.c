/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/replication_request.h"

#include <stdio.h>

#include "base/assert.h"
#include "model/replication_engine.h"
#include "model/replication_network.h"

static const char *const kind_names[] = {"read", "write", "update"};
static const char *const answer_names[] = {"the same", "a version", "nothing", "no vote",
                                           "STALE_CLAIM"};

static struct coordinator coordinator_of(struct world *world, unsigned node);

static unsigned index_of(node_number number)
{
    return number - 1u;
}

/* Whether a message of a request may be sent; otherwise the replica counts as down. */
static bool may_send(struct world *world, const struct world_request *request, unsigned node)
{
    return !world->links_are_known || world_reaches(world, request->node, node);
}

/* ---- what operations want ---- */

static bool ask(void *host, struct operation *operation, node_number number)
{
    struct world *world = host;
    struct world_request *request = (struct world_request *)operation;
    const unsigned node = index_of(number);
    struct message *message;

    if (!may_send(world, request, node))
        return false;
    message = network_push(world, &world->questions, MESSAGE_READ, request->node, node);
    if (message == NULL)
        return false;
    message->requester_life = message->sender_life;
    message->request = request->serial;
    message->generation = request->generation;
    message->serial = request->questions[node] = ++world->serial;
    message->have = operation->reading.asking;
    message->have_digest = operation->reading.asking_digest;
    return true;
}

/* A stamp of its own that was not seen before names this write from now on. */
static void note_stamp(struct world *world, struct world_request *request)
{
    const struct operation *operation = &request->operation;
    const struct dot dot = operation->written.dot;
    char text[CHECKER_DOT_TEXT_MAX];

    if (operation->kind == OPERATION_READ || !operation->wrote || operation->adopted ||
        !dot_exists(dot) || dot_equal(dot, request->issued))
        return;
    request->issued = dot;
    world_say(world, "%s %u is stamped %s", kind_names[operation->kind], request->serial,
              checker_dot_text(dot, text));
    checker_issued(&world->checker, dot, request->serial, request->deletes);
}

static bool offer_one(void *host, struct operation *operation, node_number number)
{
    struct world *world = host;
    struct world_request *request = (struct world_request *)operation;
    struct message *message;

    note_stamp(world, request);
    if (!may_send(world, request, index_of(number)))
        return false;
    message = network_push(world, &world->versions, MESSAGE_WRITE, request->node, index_of(number));
    if (message == NULL)
        return false;
    message->requester_life = message->sender_life;
    message->request = request->serial;
    message->generation = request->generation;
    message->over = operation->over;
    message->copy = copy_of(&operation->written);
    return true;
}

static uint16_t offer(void *host, struct operation *operation, uint16_t to)
{
    uint16_t sent = 0;

    for (unsigned i = 0; to >> i != 0; i++)
        if ((to >> i & 1) != 0 && offer_one(host, operation, operation->nodes[i]))
            sent |= (uint16_t)(1u << i);
    return sent;
}

static bool promising(void *host, node_number number)
{
    struct world *world = host;

    return !world->links_are_known || world->nodes[index_of(number)].up;
}

static void renew(void *host, struct operation *operation)
{
    struct world_request *request = (struct world_request *)operation;

    (void)host;
    request->generation++;
    memset(request->questions, 0, sizeof request->questions);
}

/* What a client is shown of the key is never older than what was acknowledged before it asked. */
static void check_shown(struct world *world, const struct world_request *request,
                        const struct version *shown)
{
    const struct instant now = world_now(world, request->node);
    char text[VALUE_MAX + 1] = "";
    unsigned write = 0;

    if (version_visible(shown, now.wall_ms)) {
        ensure(shown->value.size <= VALUE_MAX);
        memcpy(text, shown->value.data, shown->value.size);
        sscanf(text, "%u", &write);
        checker_read_value(&world->checker, shown->dot, write, request->before);
        return;
    }
    if (shown->deadline_ms <= now.wall_ms)
        checker_gone(&world->checker, shown->dot);
    checker_read_nil(&world->checker, request->before);
}

/* It goes on at once. */
static bool rest(void *host, struct operation *operation)
{
    (void)host;
    (void)operation;
    return false;
}

static void change(void *host, struct operation *operation, const struct version *current,
                   struct change *wanted)
{
    struct world *world = host;
    struct world_request *request = (struct world_request *)operation;

    if (world->configuration.runs_full)
        world_note_room_made(world, request->node);
    if (current != NULL)
        check_shown(world, request, current);
    wanted->action = request->deletes ? CHANGE_DELETE : CHANGE_PUT;
    if (request->nothing)
        wanted->action = CHANGE_NOTHING;
    wanted->deadline_ms = request->deadline_ms;
    wanted->pieces[0] = span_of_string(request->value);
    wanted->piece_count = 1;
}

static void found(void *host, struct operation *operation)
{
    check_shown(host, (struct world_request *)operation, &operation->found);
}

static const struct operation_calls calls = {.ask = ask,
                                             .offer = offer,
                                             .promising = promising,
                                             .renew = renew,
                                             .rest = rest,
                                             .change = change,
                                             .found = found};

static struct coordinator coordinator_of(struct world *world, unsigned node)
{
    return (struct coordinator){
        .replica = world->nodes[node].replica, .calls = &calls, .host = world};
}

/* ---- the life of a request ---- */

uint64_t world_request_owes(const struct world_request *request, unsigned node)
{
    node_number nodes[COPIES_MAX];

    if (!request->used || request->node != node || operation_owes(&request->operation, nodes) == 0)
        return 0;
    return request->operation.writing.dot.stamp;
}

void world_request_drop(struct world_request *request)
{
    if (!request->used)
        return;
    operation_rest(&request->operation);
    request->used = false;
}

/* The version as it was offered last. One that could not be stamped anew is what is stored here by
 * now, if that is no older (as in node/owed.c). */
static bool offered_last(struct world *world, const struct world_request *request,
                         struct copy *copy)
{
    const struct operation *operation = &request->operation;

    if (dot_equal(operation->written.dot, operation->writing.dot)) {
        *copy = copy_of(&operation->written);
        return true;
    }
    *copy = world_holds(world, request->node);
    return dot_compare(copy->version.dot, operation->writing.dot) >= 0;
}

/* What it still owes becomes hints, and it is over. */
static void end(struct world *world, struct world_request *request)
{
    node_number nodes[COPIES_MAX];
    const unsigned count = operation_owes(&request->operation, nodes);
    struct copy copy;
    const bool known = count > 0 && offered_last(world, request, &copy);

    for (unsigned i = 0; i < count; i++)
        world_engine_hint(world, request->node, index_of(nodes[i]), known ? &copy : NULL,
                          request->operation.writing.dot.stamp);
    world_request_drop(request);
}

static void tell_client(struct world *world, struct world_request *request)
{
    struct operation *operation = &request->operation;
    const bool reads = operation->kind == OPERATION_READ;
    char text[CHECKER_DOT_TEXT_MAX];

    request->answered = true;
    if (operation->state == OPERATION_FAILED) {
        world_say(world, "%s %u fails (%d)", kind_names[operation->kind], request->serial,
                  (int)operation->failure);
        return;
    }
    if (operation->unchanged) /* and the change saw what there is */
        return;
    world_say(world, "%s %u %s %s", kind_names[operation->kind], request->serial,
              reads ? "finds" : "is acknowledged as",
              checker_dot_text(reads ? operation->found.dot : operation->written.dot, text));
    if (!reads)
        checker_write_acknowledged(&world->checker, operation->written.dot, request->before,
                                   request->voids);
}

/* After whatever has happened to it. */
static void follow(struct world *world, struct world_request *request)
{
    const struct operation *operation = &request->operation;
    const bool over = operation->state == OPERATION_DONE || operation->state == OPERATION_FAILED;
    node_number nodes[COPIES_MAX];

    note_stamp(world, request);
    if (over && !request->answered)
        tell_client(world, request);
    if (over && operation_owes(operation, nodes) == 0)
        end(world, request);
    world_end_turn(world, request->node);
}

static struct world_request *find_free(struct world *world)
{
    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++)
        if (!world->requests[i].used)
            return &world->requests[i];
    return NULL;
}

bool world_request_begin(struct world *world, unsigned node, enum operation_kind kind,
                         enum world_request_action action, int64_t deadline_ms)
{
    const struct configuration configuration = world->configuration;
    struct world_request *request = find_free(world);
    struct coordinator coordinator = coordinator_of(world, node);
    struct operation *operation;
    const unsigned first = world_any(world, configuration.copies);

    if (request == NULL)
        return false;
    operation = &request->operation;
    request->used = true;
    request->answered = false;
    request->deletes = action == REQUEST_DELETE;
    request->nothing = action == REQUEST_NOTHING;
    request->node = node;
    request->serial = ++world->serial;
    request->generation = 0;
    memset(request->questions, 0, sizeof request->questions);
    request->issued = DOT_NONE;
    request->before = world->checker.promise;
    request->voids = 0;
    request->deadline_ms = deadline_ms;
    snprintf(request->value, sizeof request->value, "%u", request->serial);
    operation->kind = kind;
    operation->read_needed = configuration.read;
    operation->write_needed = configuration.write;
    operation->copies = configuration.copies;
    for (unsigned i = 0; i < configuration.copies; i++)
        operation->nodes[i] = world_number((first + i) % configuration.copies);
    operation->place = world->nodes[node].place;
    operation->deadline_wall_ms = INT64_MAX;
    world_say(world, "%s %u begins at node %u", kind_names[kind], request->serial,
              world_number(node));
    world_raise_ceiling(world, node, 0);
    operation_begin(&coordinator, operation, world_now(world, node));
    follow(world, request);
    return true;
}

void world_request_give_up(struct world *world, struct world_request *request)
{
    const enum operation_state state = request->operation.state;

    if (state != OPERATION_DONE && state != OPERATION_FAILED)
        operation_expire(&request->operation);
    if (!request->answered)
        tell_client(world, request);
    const unsigned node = request->node;
    end(world, request);
    world_end_turn(world, node);
}

void world_request_hedge(struct world *world, struct world_request *request)
{
    struct coordinator coordinator = coordinator_of(world, request->node);

    world_raise_ceiling(world, request->node, 0);
    operation_hedge(&coordinator, &request->operation, world_now(world, request->node));
    follow(world, request);
}

void world_request_lose(struct world *world, struct world_request *request, unsigned node)
{
    struct coordinator coordinator = coordinator_of(world, request->node);

    request->questions[node] = 0;
    world_raise_ceiling(world, request->node, 0);
    operation_lost(&coordinator, &request->operation, world_now(world, request->node),
                   world_number(node));
    follow(world, request);
}

/* ---- delivery ---- */

static struct world_request *find(struct world *world, uint32_t serial)
{
    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++)
        if (world->requests[i].used && world->requests[i].serial == serial)
            return &world->requests[i];
    return NULL;
}

static void receive_read(struct world *world, const struct message *message)
{
    struct node *node = &world->nodes[message->to];
    struct buffer bytes = {0};
    struct looked looked = replica_look(node->replica, &node->place, message->have,
                                        message->have_digest, &bytes);
    struct message *answer = network_push(world, &world->questions, MESSAGE_ANSWER, message->to,
                                          message->from);

    /* Whatever was named, an absence travels as ABSENT. */
    if (looked.status == ANSWER_SAME && !version_exists(&looked.version))
        looked.status = ANSWER_NONE;
    if (answer != NULL) {
        answer->requester_life = message->requester_life;
        answer->request = message->request;
        answer->generation = message->generation;
        answer->serial = message->serial;
        answer->looked = looked;
        answer->copy = copy_of(&looked.version);
    }
    buffer_deinit(&bytes);
}

static void receive_answer(struct world *world, const struct message *message)
{
    struct world_request *request = find(world, message->request);
    struct looked looked = message->looked;

    if (request == NULL || request->generation != message->generation ||
        request->questions[message->from] != message->serial)
        return;
    struct coordinator coordinator = coordinator_of(world, message->to);
    request->questions[message->from] = 0;
    looked.version = copy_version(&message->copy);
    world_say(world, "%s %u hears of node %u: %s", kind_names[request->operation.kind],
              request->serial, world_number(message->from), answer_names[looked.status]);
    world_raise_ceiling(world, message->to, looked.version.dot.stamp);
    operation_answered(&coordinator, &request->operation, world_now(world, message->to),
                       world_number(message->from), &looked);
    follow(world, request);
}

static void receive_write(struct world *world, const struct message *message)
{
    const struct version version = copy_version(&message->copy);
    const struct offered offered = world_offer(world, message->to, message->from, message->over,
                                               &version, "write");
    struct message *answer = network_push(world, &world->versions, MESSAGE_ACK, message->to,
                                          message->from);

    if (answer != NULL) {
        answer->requester_life = message->requester_life;
        answer->request = message->request;
        answer->generation = message->generation;
        answer->offered = offered;
    }
    world_end_turn(world, message->to);
}

static void receive_ack(struct world *world, const struct message *message)
{
    struct world_request *request = find(world, message->request);

    if (request == NULL || request->generation != message->generation)
        return;
    struct coordinator coordinator = coordinator_of(world, message->to);
    world_raise_ceiling(world, message->to, message->offered.known.stamp);
    operation_acknowledged(&coordinator, &request->operation, world_now(world, message->to),
                           world_number(message->from), &message->offered);
    follow(world, request);
}

void world_request_receive(struct world *world, const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_READ:
        receive_read(world, message);
        return;
    case MESSAGE_ANSWER:
        receive_answer(world, message);
        return;
    case MESSAGE_WRITE:
        receive_write(world, message);
        return;
    case MESSAGE_ACK:
        receive_ack(world, message);
        return;
    case MESSAGE_QUESTION:
    case MESSAGE_REPLY:
        break;
    }
    ensure(false);
}

/* Half of the time it is told at once, else by its deadline. */
void world_request_lost(struct world *world, const struct message *message, unsigned asked)
{
    struct world_request *request = find(world, message->request);

    if (request != NULL && request->generation == message->generation && world_any(world, 2) == 0)
        world_request_lose(world, request, asked);
}
