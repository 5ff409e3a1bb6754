/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A client's connection: takes commands out of what it sends, in order, and gives the replies back
 * in the same order, whichever was complete first. A command that has to wait for earlier ones of
 * its client stops the reading of more; nothing that was read is copied for that.
 */
#include "node/parts.h"

#include "base/assert.h"
#include "base/memory.h"
#include "command/audience.h"
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
    outbox_init(&client->out);
    list_init(&client->pending);
    trail_init(&client->trail);
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

struct outbox *engine_client_out(struct client *client)
{
    return &client->out;
}

const struct option_output_limit *engine_client_limit(const struct client *client)
{
    return client_output_limit(client);
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

void client_note_waiting(struct request *request)
{
    if (!request->noted)
        order_note(&request->client->order, request);
}

/* What it has read, and has not put into its reply yet. */
static inline size_t size_read(const struct request *request)
{
    const struct read_tally *reading = &request->operation.reading;

    if (__builtin_expect(reading->block != NULL && list_empty(&request->behind), 0))
        return reading->winner.value.size;
    return buffer_size(&reading->bytes);
}

/* Its weight by now; what it has grown by counts for the turn. */
static inline size_t weigh(const struct request *request)
{
    const size_t weight = request_kept_bytes(request) + request_reply_size(request) +
                          size_read(request);

    if (weight > request->weight)
        request->engine->turn_bytes += weight - request->weight;
    return weight;
}

void client_weigh(struct request *request)
{
    const size_t weight = weigh(request);

    request->client->weight += weight - request->weight;
    request->weight = weight;
}

void client_append(struct client *client, struct request *request)
{
    list_append(&client->pending, &request->link);
    client->in_flight++;
}

/* Closes at once: what it has not read it never gets, for it may never read. */
static void drop(struct client *client)
{
    client->closing = client->dropped = true;
    outbox_deinit(&client->out);
    client->engine->calls->client_close(client->connection);
}

/* client-output-buffer-limit, the hard limit: looked at with each reply, because one turn can make
 * any number of them. */
static inline bool takes_too_much(const struct client *client)
{
    const uint64_t limit = client_output_limit(client)->hard_bytes;

    return limit > 0 && outbox_size(&client->out) > limit;
}

/* A large reply moves to the output without a copy, and what refers to values does. */
static bool move_large(struct outbox *out, struct request *request)
{
    struct buffer *last = outbox_last(out);

    if (request->reply.failed)
        return false;
    if (buffer_size(&request->reply) > OUTBOX_TAKE)
        outbox_append_buffer(out, &request->reply);
    else
        buffer_append_span(last, buffer_content(&request->reply));
    outbox_append_pieces(out, &request->behind);
    return !last->failed;
}

/* The reply moves to the output; false where there is no memory. */
static inline bool move_reply(struct outbox *out, struct request *request)
{
    const size_t size = buffer_size(&request->reply);

    if (__builtin_expect(!list_empty(&out->behind) || !list_empty(&request->behind) ||
                             size > OUTBOX_TAKE || buffer_size(&out->head) >= OUTBOX_PIECE ||
                             request->reply.failed,
                         0))
        return move_large(out, request);
    buffer_append_span(&out->head, buffer_content(&request->reply));
    return !out->head.failed;
}

/* Where there is no memory for a reply the connection ends: its client would take the next one for
 * it. */
static void take_reply(struct client *client, struct request *request)
{
    if (client->dropped || request->silent)
        return;
    if (!move_reply(&client->out, request)) {
        drop(client);
    } else if (takes_too_much(client)) {
        client_give_up(client);
    }
}

void client_refuse(struct client *client, const char *error)
{
    ensure(list_empty(&client->pending));
    struct buffer *out = outbox_last(&client->out);
    reply_error(out, error);
    if (out->failed)
        drop(client);
}

static void tell_of_output(struct client *client)
{
    if (outbox_size(&client->out) > 0)
        client->engine->calls->client_output(client->connection);
}

void client_answer(struct request *request)
{
    (void)weigh(request);
    take_reply(request->client, request);
    request_answered(request);
}

void client_deliver(struct client *client)
{
    bool any = false;

    while (!list_empty(&client->pending)) {
        struct request *request = list_entry(client->pending.next, struct request, link);
        if (request->stage != STAGE_DONE)
            break;
        (void)weigh(request);
        take_reply(client, request);
        client->in_flight--;
        client->weight -= request->weight;
        request_delivered(request);
        any = true;
    }
    if (any && !client->running)
        tell_of_output(client);
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

/* What is known of a command's key before it is run. Two rounds of fetching follow: each makes the
 * processor wait for the memory of a whole batch at once, and not of one command after another. */
static void look_ahead(struct engine *engine, struct command_input *input)
{
    const struct ring *ring = engine->view->ring;

    input->hashed = ring != NULL && input->argc > 1;
    if (!input->hashed)
        return;
    input->partition = ring_key_partition(ring, input->argv[1]);
    __builtin_prefetch(ring_claim(ring, input->partition));
    input->hash = store_hash(engine->own.store, input->argv[1]);
}

static void fetch(struct engine *engine)
{
    const struct command_input *commands = engine->batch.commands;
    const size_t count = engine->batch.count;
    struct store_visit visits[BATCH_COMMANDS_MAX];
    size_t visited = 0;

    for (size_t i = 0; i < count; i++)
        if (commands[i].hashed)
            visits[visited++] = (struct store_visit){
                .partition = store_partition(engine->own.store, commands[i].partition),
                .hash = commands[i].hash};
    store_prefetch(visits, visited);
}

/* Whether all that it has sent is read. */
static inline bool all_read(const struct client *client)
{
    return client->parser.pending == 0 && client->parser.position == buffer_size(&client->in);
}

/* Whether what comes next is an inline command. Such a one cannot be taken back, for it is changed
 * where it stands. */
static inline bool inline_next(const struct client *client)
{
    const struct buffer *in = &client->in;
    const struct parser *parser = &client->parser;

    return parser->pending == 0 && !all_read(client) &&
           in->block[in->head + parser->position] != '*';
}

/* Whether the client has to read what it was answered first: it is over the soft limit. */
static inline bool must_stop(struct client *client)
{
    struct engine *engine = client->engine;
    const uint64_t soft = client_output_limit(client)->soft_bytes;
    const bool over = soft > 0 && outbox_size(&client->out) > soft;

    if (over && !client->stopped)
        metrics_add(engine->metrics, METRIC_CLIENT_LIMIT_STOPS, 1);
    client->stopped = over;
    return over;
}

/* Whether the clients' share of this turn is spent. */
static bool turn_spent(const struct engine *engine)
{
    return engine->turn_commands >= CLIENT_COMMANDS_PER_TURN ||
           engine->turn_bytes >= CLIENT_BYTES_A_TURN;
}

/* Whether no other batch of commands is begun in it. */
static bool turn_over(struct engine *engine)
{
    return engine->turn_late || turn_spent(engine) ||
           window_is_full(&engine->window, engine->now.mono_us);
}

/* Whether not even the next command may be read yet. */
static bool must_not_read(struct client *client)
{
    if (must_stop(client))
        return true;
    if (client->held && client->in_flight >= CLIENT_IN_FLIGHT_MAX / 2)
        return true;
    return inline_next(client) &&
           (client->in_flight > 0 || client->engine->settling || watch_pauses(client->engine));
}

/* Reads its next commands into the batch. */
static void read_ahead(struct client *client, struct batch *batch)
{
    struct parser *parser = &client->parser;
    const size_t first = batch->count;
    /* Who waited may soon wait again. */
    const size_t end = client->waits ? first + 1 : BATCH_COMMANDS_MAX;

    client->waits = !client->closing && must_not_read(client);
    client->status = client->closing || client->waits ? PARSER_MORE : PARSER_COMMAND;
    parser->restricted = !client->session.authenticated;
    while (client->status == PARSER_COMMAND && batch->count < end && !all_read(client)) {
        struct command_input *input = &batch->commands[batch->count];
        struct span *room = batch->arguments + batch->argument_count;
        input->taken = parser->taken;
        input->inlined = inline_next(client);
        if (batch->count > first && (input->inlined || parser->restricted))
            break; /* not before the one before it has run */
        client->status = parser_next(parser, &client->in);
        if (client->status != PARSER_COMMAND)
            break;
        batch->count++;
        input->argv = parser->argv;
        input->argc = parser->argc;
        look_ahead(client->engine, input);
        if (parser->argc > BATCH_ARGUMENTS_MAX)
            break; /* its argv is the parser's own: the next would overwrite it */
        for (size_t i = 0; i < parser->argc; i++) /* they are few */
            room[i] = parser->argv[i];
        input->argv = room;
        batch->argument_count += parser->argc;
    }
    client->ahead = (uint8_t)(batch->count - first);
    if (client->status == PARSER_COMMAND && all_read(client))
        client->status = PARSER_MORE;
}

/* All that may run for now has run. */
static void stop_running(struct client *client)
{
    if (client->status == PARSER_ERROR)
        reject_input(client, client->parser.error);
    else if (client->status == PARSER_NO_MEMORY)
        reject_input(client, "out of memory for the request");
    hold(client, client->waits || client->closing);
    parser_consume(&client->parser, &client->in);
    const size_t missing = client->closing ? 0 : parser_missing(&client->parser, &client->in);
    if (missing > BUFFER_KEEP)
        engine_make_room(&client->in, missing);
    close_when_delivered(client);
}

/* Runs what was read of it. A command that has to wait is taken back until then. */
static void run(struct client *client, const struct command_input *commands)
{
    client->running = true;
    for (size_t i = 0; i < client->ahead && !client->closing && !client->waits; i++) {
        const bool may_wait = !commands[i].inlined;
        const bool for_turn = may_wait && turn_spent(client->engine);
        client->waits = for_turn || (may_wait && must_stop(client)) ||
                        !dispatch_client(client, &commands[i]);
        if (for_turn && list_empty(&client->resumed))
            list_append(&client->engine->resumed, &client->resumed);
        if (client->waits)
            parser_rewind(&client->parser, commands[i].taken);
        client->closing = client->closing || session_closing(&client->session);
    }
    client->running = false;
    tell_of_output(client);
    if (client->closing || client->waits)
        client->status = PARSER_MORE;
    if (client->status != PARSER_COMMAND) {
        stop_running(client);
        return;
    }
    list_remove(&client->resumed);
    if (turn_over(client->engine)) /* the others are first in the next one */
        list_append(&client->engine->resumed, &client->resumed);
    else
        list_prepend(&client->engine->resumed, &client->resumed);
}

/* Answers of other nodes have taken of it already: each about half as long as a command. One batch
 * is run however many there were. */
static void begin_share(struct engine *engine)
{
    const size_t taken = engine->turn_answers / 2;

    engine->turn_commands = taken < CLIENT_COMMANDS_PER_TURN ? taken : CLIENT_COMMANDS_PER_TURN - 1;
    engine->turn_answers = 0;
    engine->turn_ask_at = PEER_ANSWERS_UNASKED;
    engine->turn_bytes = 0;
    engine->turn_late = false;
}

/* Asks the window in each turn, whoever waits. */
static void note_rest(struct engine *engine)
{
    if (window_is_full(&engine->window, engine->now.mono_us) && !list_empty(&engine->resumed))
        metrics_add(engine->metrics, METRIC_CLIENT_RESTS, 1);
}

void clients_proceed(struct engine *engine)
{
    struct batch *batch = &engine->batch;
    const struct command_input *next;
    struct list running;

    list_init(&running);
    begin_share(engine);
    if (!list_empty(&engine->resumed))
        engine_note(engine, WORK_CLIENTS);
    while (!list_empty(&engine->resumed) && !turn_over(engine)) {
        batch->count = batch->argument_count = 0;
        while (!list_empty(&engine->resumed) && batch->count < BATCH_COMMANDS_MAX) {
            struct client *client = list_entry(engine->resumed.next, struct client, resumed);
            list_remove(&client->resumed);
            list_append(&running, &client->resumed);
            read_ahead(client, batch);
        }
        if (batch->count > 1)
            fetch(engine);
        engine->turn_late = engine_late(engine);
        for (next = batch->commands; !list_empty(&running);) {
            struct client *client = list_entry(running.next, struct client, resumed);
            const size_t ahead = client->ahead;
            list_remove(&client->resumed);
            run(client, next);
            next += ahead;
        }
        /* What is read ahead is run, unless bytes are too many: reading it again costs more. Who
         * has nothing to run takes time as well. */
        engine->turn_commands += batch->count + 1;
    }
    note_rest(engine);
}

int64_t clients_next(const struct engine *engine)
{
    const struct window *window = &engine->window;

    if (list_empty(&engine->resumed))
        return INT64_MAX;
    return window_rests(window) ? window_rests_until(window) : engine->now.mono_us;
}

void client_give_up(struct client *client)
{
    metrics_add(client->engine->metrics, METRIC_CLIENT_LIMIT_CLOSES, 1);
    drop(client);
}

void client_tell(struct client *client, struct span bytes)
{
    if (client->session.replies != REPLIES_OFF)
        client_push(client, bytes);
}

void client_push(struct client *client, struct span bytes)
{
    if (client->dropped || client->closing)
        return;
    struct buffer *out = outbox_last(&client->out);
    buffer_append_span(out, bytes);
    if (out->failed || takes_too_much(client))
        client_give_up(client);
    else
        tell_of_output(client);
}

/* What stands in the order of replies for what is told; NULL: there are too many requests. */
static struct request *stand_behind(struct client *client)
{
    struct request *last = list_entry(client->pending.previous, struct request, link);

    if (last->pushed)
        return last;
    last = request_borrow(client->engine);
    if (last == NULL)
        return NULL;
    last->owner = OWNER_CLIENT;
    last->client = client;
    last->kind = COMMAND_LOCAL;
    last->stage = STAGE_DONE;
    last->pushed = true;
    client_append(client, last);
    return last;
}

void client_push_behind(struct client *client, const struct span *pieces, size_t count)
{
    if (client->dropped || client->closing)
        return;
    if (list_empty(&client->pending)) {
        for (size_t i = 0; i < count; i++)
            client_push(client, pieces[i]);
        return;
    }
    struct request *request = stand_behind(client);
    if (request == NULL) { /* not to know of it would be worse */
        client_give_up(client);
        return;
    }
    for (size_t i = 0; i < count; i++)
        buffer_append_span(&request->reply, pieces[i]);
    client_weigh(request);
}

void client_close_killed(struct client *client)
{
    if (session_killed(&client->session) && !client->dropped)
        drop(client);
}

void engine_client_input(struct engine *engine, struct instant now, struct client *client)
{
    engine->now = now;
    engine_note(engine, WORK_CLIENTS);
    if (buffer_size(&client->in) > engine->options->client_query_buffer_limit) {
        metrics_add(engine->metrics, METRIC_CLIENT_LIMIT_CLOSES, 1);
        client->closing = true;
        hold(client, true);
        close_when_delivered(client);
        return;
    }
    if (client->held || client->closing)
        return;
    if (list_empty(&client->resumed))
        list_append(&engine->resumed, &client->resumed);
    else /* a turn was too short for what it had sent */
        hold(client, true);
}

void engine_client_drained(struct engine *engine, struct instant now, struct client *client)
{
    engine->now = now;
    if (!client->stopped || !list_empty(&client->resumed))
        return;
    list_append(&engine->resumed, &client->resumed);
    engine->calls->wake_at(engine->host, now.mono_us);
}

void engine_client_closed(struct engine *engine, struct instant now, struct client *client)
{
    engine->now = now;
    while (!list_empty(&client->pending))
        request_disown(list_entry(client->pending.next, struct request, link));
    trail_deinit(&client->trail);
    if (atomic_load_explicit(&client->session.monitors, memory_order_relaxed))
        watch_forget(client);
    audience_leave(engine->own.environment->audience, &client->session);
    track_forget(client);
    directory_remove(engine->own.environment->directory, &client->session);
    session_deinit(&client->session);
    metrics_subtract(engine->metrics, METRIC_CONNECTIONS, 1);
    engine->footprint.clients -= client->footprint;
    list_remove(&client->link);
    list_remove(&client->resumed);
    parser_deinit(&client->parser);
    buffer_deinit(&client->in);
    outbox_deinit(&client->out);
    memory_free(client);
}
