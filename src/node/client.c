/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A client's connection: takes commands out of what it sends, in order, and gives the replies back
 * in the same order, whichever was complete first. A command that has to wait for earlier ones of
 * its client stops the reading of more; nothing that was read is copied for that.
 */
#include "node/parts.h"

#include "base/assert.h"
#include "base/memory.h"
#include "command/directory.h"
#include "resp/reply.h"

static const char *refuse(const struct engine *engine, bool local)
{
    const struct options *options = engine->options;

    if (directory_count(engine->own.environment->directory) >= (size_t)options->maxclients)
        return "ERR max number of clients reached";
    if (options->protected_mode && options->requirepass[0] == '\0' && !local)
        return "DENIED Dunlin is running in protected mode because protected mode is enabled and "
               "no "
               "password is set for the default user. In this mode connections are only accepted "
               "from the loopback interface. To connect from other computers, set requirepass in "
               "the configuration file or, from this machine, with CONFIG SET requirepass; or, if "
               "nobody else can reach the port, set protected-mode no.";
    return NULL;
}

struct client *engine_client_open(struct engine *engine, struct instant now, void *connection,
                                  const struct engine_client *about, struct buffer *refusal)
{
    const char *why = refuse(engine, about->local);

    engine->now = now;
    if (why != NULL) {
        metrics_add(engine->metrics, METRIC_CONNECTIONS_REJECTED, 1);
        reply_error(refusal, why);
        return NULL;
    }
    struct client *client = memory_alloc(sizeof *client);
    client->engine = engine;
    client->connection = connection;
    parser_init(&client->parser, (size_t)engine->options->proto_max_bulk_len);
    list_init(&client->pending);
    list_init(&client->resumed);
    list_append(&engine->clients, &client->link);
    session_init(&client->session, about->address, about->local_address, now,
                 engine->options->requirepass[0] == '\0');
    client->session.descriptor = about->descriptor;
    client->session.worker = engine->own.index;
    directory_add(engine->own.environment->directory, &client->session);
    metrics_add(engine->metrics, METRIC_CONNECTIONS, 1);
    metrics_add(engine->metrics, METRIC_CONNECTIONS_RECEIVED, 1);
    return client;
}

struct buffer *engine_client_in(struct client *client)
{
    return &client->in;
}

struct buffer *engine_client_out(struct client *client)
{
    return &client->out;
}

static void hold(struct client *client, bool held)
{
    if (client->held != held) {
        client->held = held;
        client->engine->calls->client_hold(client->connection, held);
    }
}

/* Closes once what is owed to the client is on its way. */
static void close_when_delivered(struct client *client)
{
    if (client->closing && list_empty(&client->pending))
        client->engine->calls->client_close(client->connection);
}

void client_append(struct client *client, struct request *request)
{
    list_append(&client->pending, &request->link);
    client->in_flight++;
    request->unordered = dispatch_unordered(request);
    client->unordered += request->unordered;
}

/* The reply moves to the output; a large one without a copy, when it comes first. */
static void take_reply(struct client *client, struct request *request)
{
    if (buffer_size(&client->out) == 0 && buffer_size(&request->reply) > BUFFER_KEEP) {
        const struct buffer out = client->out;
        client->out = request->reply;
        request->reply = out;
    } else {
        buffer_append_span(&client->out, buffer_content(&request->reply));
    }
}

void client_deliver(struct client *client)
{
    bool any = false;

    while (!list_empty(&client->pending)) {
        struct request *request = list_entry(client->pending.next, struct request, link);
        if (request->stage != STAGE_DONE)
            break;
        take_reply(client, request);
        client->in_flight--;
        client->unordered -= request->unordered;
        request_delivered(request);
        any = true;
    }
    if (any && buffer_size(&client->out) > 0)
        client->engine->calls->client_output(client->connection);
    if (any && (client->held || client->closing) && list_empty(&client->resumed))
        list_append(&client->engine->resumed, &client->resumed);
}

static void reject_input(struct client *client, const char *error)
{
    struct request *request = request_borrow(client->engine);

    metrics_add(client->engine->metrics, METRIC_PROTOCOL_ERRORS, 1);
    client->closing = true;
    if (request == NULL)
        return;
    request->owner = OWNER_CLIENT;
    request->client = client;
    client_append(client, request);
    request_fail(request, "ERR %s", error);
}

/* Runs commands until the input is used up, or one has to wait. */
static void run_input(struct client *client)
{
    while (!client->closing) {
        client->parser.restricted = !client->session.authenticated;
        switch (parser_next(&client->parser, &client->in)) {
        case PARSER_COMMAND:
            if (!dispatch_client(client, client->parser.argv, client->parser.argc)) {
                hold(client, true);
                return;
            }
            if (client->session.close_after_reply)
                client->closing = true;
            break;
        case PARSER_MORE:
            hold(client, false);
            return;
        case PARSER_ERROR:
            reject_input(client, client->parser.error);
            return;
        case PARSER_NO_MEMORY:
            reject_input(client, "out of memory for the request");
            return;
        }
    }
}

void client_proceed(struct client *client)
{
    struct parser *parser = &client->parser;

    if (client->held && !client->closing) {
        /* The command that had to wait is still where the parser found it. */
        if (client->in_flight >= CLIENT_IN_FLIGHT_MAX / 2 ||
            !dispatch_client(client, parser->argv, parser->argc))
            return;
        if (client->session.close_after_reply)
            client->closing = true;
    }
    run_input(client);
    if (!client->held || client->closing)
        parser_consume(parser, &client->in);
    if (client->closing)
        hold(client, true);
    if (buffer_size(&client->out) > 0)
        client->engine->calls->client_output(client->connection);
    close_when_delivered(client);
}

void client_close_killed(struct client *client)
{
    if (session_killed(&client->session)) {
        client->closing = true;
        client->engine->calls->client_close(client->connection);
    }
}

void engine_client_input(struct engine *engine, struct instant now, struct client *client)
{
    engine->now = now;
    if (buffer_size(&client->in) > engine->options->client_query_buffer_limit) {
        client->closing = true;
        close_when_delivered(client);
        return;
    }
    if (!client->held && !client->closing)
        client_proceed(client);
}

void engine_client_closed(struct engine *engine, struct instant now, struct client *client)
{
    engine->now = now;
    while (!list_empty(&client->pending))
        request_disown(list_entry(client->pending.next, struct request, link));
    directory_remove(engine->own.environment->directory, &client->session);
    session_deinit(&client->session);
    metrics_subtract(engine->metrics, METRIC_CONNECTIONS, 1);
    list_remove(&client->link);
    list_remove(&client->resumed);
    parser_deinit(&client->parser);
    buffer_deinit(&client->in);
    buffer_deinit(&client->out);
    memory_free(client);
}
