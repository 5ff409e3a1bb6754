/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a command to a request that may begin. A command of one key runs where route.c finds; a
 * command of many keys is cut into parts (many.c), each of which does.
 */
#include "command/transaction.h"
#include "node/exec.h"
#include "node/group.h"
#include "node/inspect.h"
#include "node/listing.h"
#include "node/parts.h"
#include "node/publish.h"
#include "node/script.h"

#include "base/level.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* Whether it waits for requests of its client. What a client is subscribed to changes between
 * replies. */
static bool must_wait(const struct client *client, const struct request *request)
{
    if (request->kind == COMMAND_LOCAL)
        return pubsub_changes(request->call.command);
    return order_must_wait(&client->order, request);
}

/* ---- its kind ---- */

static inline bool keeps_siblings(const struct request *request)
{
    const struct ring *ring = request->engine->view->ring;
    const struct call *call = &request->call;
    const size_t first = (size_t)call->command->first_key;

    return ring != NULL && first > 0 && first < call->argc &&
           ring_key_rule(ring, call->argv[first])->conflict == RING_CONFLICT_SIBLINGS;
}

static bool prepare(struct request *request)
{
    struct call *call = &request->call;

    request->kind = call->command->kind;
    call->siblings = keeps_siblings(request);
    return call->command->prepare == NULL || call->command->prepare(call, &request->kind);
}

/* The commands that change or show the ring. */
static bool for_control(const struct command *command)
{
    return strncmp(command->name, "ring|", 5) == 0;
}

static bool is_wait(const struct command *command)
{
    return strcmp(command->name, "wait") == 0;
}

static bool is_inspection(const struct command *command)
{
    return strcmp(command->name, "version") == 0;
}

static bool is_exec(const struct command *command)
{
    return strcmp(command->name, "exec") == 0;
}

/* An EXEC that cannot begin ends its transaction all the same. */
static void give_up_exec(const struct request *request)
{
    if (is_exec(request->call.command) && request->call.session != NULL)
        session_end_transaction(request->call.session);
}

/* Begins a request whose command is prepared and that need not wait for others. Once it has asked
 * other nodes it may have to wait for them: it begins with room for that, or not at all. */
static void begin(struct request *request)
{
    if (request->kind != COMMAND_LOCAL && !request_reserve(request)) {
        give_up_exec(request);
        request_fail(request, NO_ROOM_FOR_REQUEST);
        return;
    }
    switch (request->kind) {
    case COMMAND_LOCAL:
        request->call.command->run(&request->call);
        if (__builtin_expect(request->call.rest == NULL, 1))
            request_finish(request);
        else
            local_begin(request);
        return;
    case COMMAND_READ:
    case COMMAND_WRITE:
    case COMMAND_UPDATE:
        if (!request->placed && many_is(&request->call)) /* what is forwarded is a part already */
            many_begin(request);
        else
            route_take(request);
        return;
    case COMMAND_STEPS:
        exec_begin_alone(request);
        return;
    case COMMAND_CLUSTER:
        if ((request->call.command->flags & FLAG_PUBSUB) != 0)
            publish_begin(request);
        else if (for_control(request->call.command))
            control_begin(request);
        else if (is_wait(request->call.command))
            wait_begin(request);
        else if (is_inspection(request->call.command))
            inspect_begin(request);
        else if (listing_is(request->call.command))
            listing_begin(request);
        else if (is_exec(request->call.command))
            exec_begin(request);
        else if (script_is(request->call.command))
            script_begin(request);
        else if (script_is_command(request->call.command))
            script_command_begin(request);
        else
            sweep_begin(request);
        return;
    }
}

/* ---- from clients ---- */

static inline bool is_at(struct span name)
{
    return name.size == 2 && span_is(name, "at");
}

/* "AT level command ...": takes the level, and leaves the command. */
static bool unwrap(struct request *request)
{
    struct call *call = &request->call;

    while (call->argc > 0 && is_at(call->argv[0])) {
        uint8_t level;
        if (call->argc < 3) {
            reply_error(&request->reply, "ERR wrong number of arguments for 'at' command");
            return false;
        }
        if (!level_parse(call->argv[1], &level)) {
            reply_error(&request->reply, "ERR unknown level, expected " LEVEL_FORMS);
            return false;
        }
        request->read_level = request->write_level = level;
        call->argv += 2;
        call->argc -= 2;
    }
    return true;
}

/* An error that EXEC answers for. */
static bool abort_transaction(struct session *session)
{
    if (session != NULL && session->queueing)
        session->transaction->aborted = true;
    return false;
}

/* Of a session that is not authenticated, queues its commands, or listens: whether this one is to
 * run. */
static bool admit(struct request *request, struct session *session)
{
    const struct call *call = &request->call;
    const bool at = request->input != NULL && call->argv != request->input->argv;

    if (!session_authorize(session, call->command, &request->reply))
        return abort_transaction(session);
    if (session_only_listens(session) && !pubsub_allows(call->command)) {
        const bool ends = is_exec(call->command);
        reply_error_format(&request->reply,
                           "%s Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                           "QUIT / RESET are allowed in this context",
                           ends ? "EXECABORT Transaction discarded because of:" : "ERR",
                           call->command->name);
        if (ends)
            session_end_transaction(session);
        return abort_transaction(session);
    }
    if (!session->queueing || transaction_passes(call->command))
        return true;
    if (at || (call->command->flags & FLAG_NO_MULTI) != 0) {
        reply_error(&request->reply, "ERR Command not allowed inside a transaction");
        return abort_transaction(session);
    }
    if (!transaction_queue(session->transaction, call->command, call->argv, call->argc,
                           request->engine->options->client_query_buffer_limit)) {
        reply_error(&request->reply, "ERR the transaction is too large");
        return abort_transaction(session);
    }
    session_note_queued(session);
    reply_simple(&request->reply, "QUEUED");
    return false;
}

/* Everything up to where the command could begin. False: the reply has an error. */
static bool understand(struct request *request, struct session *session)
{
    struct call *call = &request->call;

    if (!unwrap(request))
        return abort_transaction(session);
    if (call->argc == 0) { /* no client's, but another node may send anything */
        reply_error(&request->reply, "ERR empty command");
        return false;
    }
    call->command = command_find(
        call->argv, call->argc, session != NULL ? session_command(session) : NULL, &request->reply);
    if (call->command == NULL)
        return abort_transaction(session);
    if (session != NULL &&
        (!session->authenticated | session->queueing | session_subscribes(session)) &&
        !admit(request, session))
        return false;
    if (!prepare(request))
        return false;
    if (request->kind == COMMAND_LOCAL || request->engine->view->ring != NULL ||
        for_control(call->command))
        return true;
    give_up_exec(request);
    reply_error(&request->reply,
                "CLUSTERDOWN This node is in no ring yet: RING INIT host:port ... forms one");
    return false;
}

/* What is longer than a frame between nodes could be kept here, and nowhere else. */
static bool fits_a_frame(struct request *request)
{
    const struct call *call = &request->call;
    const uint64_t most = request->engine->options->peer_frame_max;
    uint64_t size = FRAME_SPARE;

    if (request->engine->view->node_count == 1)
        return true;
    for (size_t i = 0; i < call->argc; i++)
        size += call->argv[i].size;
    if (size <= most || many_is(call))
        return true;
    reply_error(&request->reply,
                "ERR the key and the value together are longer than peer-frame-max");
    return false;
}

/* Its order among the requests of its client is by its key, where it has one. */
static bool aim_script(struct request *request)
{
    const struct call *call = &request->call;

    if (request->kind == COMMAND_CLUSTER)
        return true;
    if (!fits_a_frame(request))
        return false;
    route_find(request, call->argv[script_first_key(call)]);
    if (call->options.integer > 1)
        request->hash = 0;
    return true;
}

/* Finds out where the command runs. */
static bool aim(struct request *request)
{
    struct call *call = &request->call;

    if (__builtin_expect(script_is(call->command), 0))
        return aim_script(request);
    if (request->kind == COMMAND_LOCAL || request->kind == COMMAND_CLUSTER ||
        request->kind == COMMAND_STEPS)
        return true;
    if (!fits_a_frame(request))
        return false;
    if (!many_is(call))
        route_find(request, call->argv[call->command->first_key]);
    return true;
}

/* Whether the request may need a node whose link is not open yet. */
static bool waits_for_links(const struct request *request)
{
    return request->engine->settling && request->kind != COMMAND_LOCAL &&
           !for_control(request->call.command);
}

/* CLIENT REPLY OFF and SKIP. What steers them knows by itself what to answer, and RESET ends them.
 */
static void silence(struct request *request, struct session *session)
{
    const struct command *command = request->call.command;

    if (command != NULL && (command->run == client_reply || command->run == connection_reset))
        return;
    request->silent = command == NULL || !pubsub_changes(command);
    if (session->replies == REPLIES_SKIP_ONE)
        session->replies = REPLIES_ON;
}

/* Whether a transaction of the client is under way. It may change what the connection itself may do
 * (SUBSCRIBE, CLIENT SETNAME), so that nothing behind it is looked at; hence it is the last. */
static bool executes(const struct client *client)
{
    const struct request *last = list_entry(client->pending.previous, struct request, link);

    if (last->pushed && last->link.previous != &client->pending)
        last = list_entry(last->link.previous, struct request, link);
    return last->stage != STAGE_DONE && last->kind == COMMAND_CLUSTER &&
           is_exec(last->call.command);
}

bool dispatch_client(struct client *client, const struct command_input *input)
{
    struct engine *engine = client->engine;
    struct session *session = &client->session;
    const unsigned alerts = engine_alerts(engine);
    struct request *request;

    if (client->in_flight >= CLIENT_IN_FLIGHT_MAX || client->weight >= CLIENT_BYTES_IN_FLIGHT_MAX)
        return false;
    if (client->order.wide > 0 && executes(client))
        return false;
    request = request_borrow(engine);
    if (request == NULL && client->in_flight > 0)
        return false;
    if (request == NULL) {
        client_refuse(client, "ERR too many requests in flight");
        return true;
    }
    request->input = input;
    request->call.argv = input->argv;
    request->call.argc = input->argc;
    request->call.session = session;
    request->call.protocol = session_protocol(session);
    request->read_level = session->read_level;
    request->write_level = session->write_level;
    request->owner = OWNER_CLIENT;
    request->client = client;
    if (client->waits_us != 0)
        request_began(request, client->waits_us);

    const bool understood = understand(request, session) && aim(request);
    if (understood && ((alerts != 0 && watch_holds(request, alerts)) || waits_for_links(request) ||
                       (client->in_flight > 0 && must_wait(client, request)))) {
        if (client->waits_us == 0)
            client->waits_us = engine->settling ? engine->now.mono_us : 0;
        request_abandon(request);
        return false;
    }
    client->waits_us = 0;
    session_note(session, request->call.command, engine->now);
    if (session->replies != REPLIES_ON)
        silence(request, session);
    if ((alerts & ALERT_MONITORED) != 0)
        watch_show(request);
    if ((alerts & ALERT_TRACKED) != 0 && session->tracker != NULL)
        track_begins(request, understood);
    if (client->in_flight > 0)
        client_append(client, request);
    if (understood)
        begin(request);
    else
        request_finish(request);
    return true;
}

struct request *dispatch_step(struct request *whole, const struct span *argv, size_t argc)
{
    struct request *step = request_borrow(whole->engine);

    if (step == NULL)
        return NULL;
    request_began(step, whole->began_us);
    step->owner = OWNER_WHOLE;
    step->whole = whole;
    step->call.argv = argv;
    step->call.argc = argc;
    step->call.session = whole->client != NULL ? &whole->client->session : NULL;
    step->call.protocol = whole->call.protocol;
    step->read_level = whole->read_level;
    step->write_level = whole->write_level;
    list_append(&whole->parts, &step->link);
    return step;
}

void dispatch_begin_step(struct request *step)
{
    if (!understand(step, NULL) || !aim(step))
        request_finish(step);
    else if (step->kind == COMMAND_LOCAL && step->call.session == NULL)
        request_fail(step, "ERR the connection is closed");
    else if (strcmp(step->call.command->name, "ssubscribe") == 0)
        request_fail(step, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    else
        begin(step);
}

/* ---- from other nodes ---- */

/* Why this node does not coordinate what was forwarded to it. */
static enum reply_status forward_refusal(const struct request *request,
                                         const struct wire_forward *forward)
{
    if (engine_date_ms(request->engine) >= (int64_t)forward->deadline_ms)
        return REPLY_LATE;
    if (request->operation.place.claim_version != forward->claim_version)
        return REPLY_STALE_CLAIM;
    if (request->engine->settling)
        return REPLY_NOT_VOTING; /* another may have its links already */
    return request->route == request->engine->view->self ? REPLY_OK : REPLY_NOT_VOTING;
}

static bool unpack(struct request *request, const struct wire_args *args)
{
    struct span packed = args->packed;

    if (!request_make_room(request, args->count))
        return false;
    for (uint32_t i = 0; i < args->count; i++)
        request->room[i] = wire_next_arg(&packed);
    request->call.argv = request->room;
    request->call.argc = args->count;
    return true;
}

void dispatch_forwarded(struct link *link, const struct wire_forward *forward)
{
    struct engine *engine = link->engine;
    struct request *request = engine->view->ring != NULL ? request_borrow(engine) : NULL;

    if (request == NULL) {
        route_refuse(link, forward->id,
                     engine->view->ring != NULL ? REPLY_BUSY : REPLY_STALE_CLAIM);
        return;
    }
    if (!unpack(request, &forward->args)) {
        request_abandon(request);
        route_refuse(link, forward->id, REPLY_BUSY);
        return;
    }
    request->call.protocol = forward->flags & WIRE_FORWARD_RESP3 ? 3 : 2;
    request->read_level = level_valid(forward->read_level) ? forward->read_level : LEVEL_DEFAULT;
    request->write_level = level_valid(forward->write_level) ? forward->write_level : LEVEL_DEFAULT;
    request->placed = true;
    request->owner = OWNER_LINK;
    request->from = link;
    request->from_id = forward->id;
    list_append(&link->requests, &request->from_link);
    const bool group = (forward->flags & WIRE_FORWARD_BATCH) != 0;
    if (group && request_reserve(request))
        request_keep(request); /* its keys point there */
    if (group ? !group_create(request) : !understand(request, NULL)) {
        request_finish(request);
        return;
    }
    if (request->kind == COMMAND_LOCAL || request->kind == COMMAND_STEPS ||
        (request->kind == COMMAND_CLUSTER && !is_wait(request->call.command))) {
        request_fail(request, "ERR a node answers this command to its own clients only");
        return;
    }
    if (request->kind == COMMAND_CLUSTER) {
        begin(request);
        return;
    }
    /* The origin's deadline holds, not one that begins here; one that is past is refused below. */
    const bool script = !group && script_is(request->call.command);
    const int64_t now_ms = engine_date_ms(engine);
    int64_t left_ms = engine->options->request_timeout_ms;
    if (script)
        left_ms += script_time_us(engine) / 1000;
    request->deadline_wall_ms = (int64_t)forward->deadline_ms;
    if (request->deadline_wall_ms > now_ms && request->deadline_wall_ms - now_ms < left_ms)
        left_ms = request->deadline_wall_ms - now_ms;
    request->deadline_us = engine->now.mono_us + left_ms * 1000;
    route_find(request,
               group ? group_first_key(request)
                     : request->call.argv[script ? script_first_key(&request->call)
                                                 : (size_t)request->call.command->first_key]);
    const enum reply_status refusal = forward_refusal(request, forward);
    if (refusal != REPLY_OK) {
        request_abandon(request);
        route_refuse(link, forward->id, refusal);
        return;
    }
    begin(request);
}
