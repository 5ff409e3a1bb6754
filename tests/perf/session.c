/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The fixed session whose instructions scripts/perf-gate counts, under callgrind: engines of one
 * node and of three, in memory (lib/engine_pair.h), asked the same commands in the same order
 * every time. What callgrind collects is what runs inside counted_*: whole turns of an engine, as a
 * worker has them, or the coding of peer messages; the fixture that moves the bytes is outside.
 * Time stands still within a turn and moves between them, uncounted.
 *
 *   perf_session               asks
 *   perf_session --compiler    names the compiler that built it
 *
 * Prints a line a case, "name operations". perf_session_case_begins and _ends are called around
 * each: callgrind drops there what it has, and writes a part of its output. Ends with an assertion
 * when a reply is not the one that is due: a session that is cheap because it fails counts nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "lib/engine_pair.h"
#include "lib/flat.h"
#include "perf/compiler.h"

#define KEYS         1024u /* each asked for once in a case, after a first round that warms up */
#define KEY_FORMAT   "key:%012u"
#define KEY_SIZE     16
#define VALUE        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define QUORUM_NODES 3 /* N; R = W = 2 */
/* Time that passes uncounted, after so many operations, and before a case: timers of nodes run. */
#define PASS_EVERY 64u
#define PASS_MS    1
#define SETTLE_MS  1000

enum question {
    PING,
    GET,
    SET,
};

/* One turn of one engine: what came in, then its end. */
struct turn {
    struct engine *engine;
    struct instant now;
    struct client *client;            /* or NULL */
    struct link *links[QUORUM_NODES]; /* that have input */
    node_number peers[QUORUM_NODES];  /* the same */
    size_t link_count, peer_count;
};

struct scene {
    struct pair pair;
    struct pair_client *client; /* of node 0 */
    struct buffer requests;     /* composed outside of what is counted */
    struct buffer replies;      /* what must come back */
    bool replicas_only;         /* node 0's turns are not counted */
    unsigned answered;          /* messages that the others answered */
};

/* Named on valgrind's command line, so they must not be inlined, cloned or renamed: they are called
 * by pointers that the compiler cannot see through. */
void counted_turn(const struct turn *turn);
void counted_pack(struct buffer *buffer, const struct wire_write *message, unsigned messages);
unsigned counted_unpack(struct span bytes);
void perf_session_case_begins(void);
void perf_session_case_ends(void);

static inline void take_turn(const struct turn *turn)
{
    if (turn->client != NULL)
        engine_client_input(turn->engine, turn->now, turn->client);
    for (size_t i = 0; i < turn->link_count; i++)
        engine_link_input(turn->engine, turn->now, turn->links[i]);
    for (size_t i = 0; i < turn->peer_count; i++)
        engine_peer_input(turn->engine, turn->now, turn->peers[i]);
    engine_turn_end(turn->engine, turn->now);
}

void counted_turn(const struct turn *turn)
{
    take_turn(turn);
}

void counted_pack(struct buffer *buffer, const struct wire_write *message, unsigned messages)
{
    const size_t place = wire_frame_begin(buffer, 1, 1);

    for (unsigned i = 0; i < messages; i++)
        wire_put_write(buffer, message);
    wire_frame_end(buffer, place);
}

unsigned counted_unpack(struct span bytes)
{
    struct wire_message message;
    struct wire_frame frame;
    const char *error;
    unsigned messages = 0;

    if (wire_next_frame(bytes, SIZE_MAX, &frame) != WIRE_OK)
        return 0;
    while (wire_next_message(&frame.messages, &message, &error) == WIRE_OK)
        messages += message.type == WIRE_WRITE && message.write.version.value.size > 0;
    return messages;
}

void perf_session_case_begins(void)
{
    __asm__ volatile("");
}

void perf_session_case_ends(void)
{
    __asm__ volatile("");
}

static void (*volatile const run_turn)(const struct turn *) = counted_turn;
static void (*volatile const run_uncounted)(const struct turn *) = take_turn;
static void (*volatile const run_pack)(struct buffer *, const struct wire_write *,
                                       unsigned) = counted_pack;
static unsigned (*volatile const run_unpack)(struct span) = counted_unpack;
static void (*volatile const case_begins)(void) = perf_session_case_begins;
static void (*volatile const case_ends)(void) = perf_session_case_ends;

/* ---- the nodes ---- */

static void begin(struct scene *scene, size_t nodes)
{
    memset(scene, 0, sizeof *scene);
    pair_init(&scene->pair, &(struct pair_setup){.nodes = nodes});
    for (size_t i = 0; i < nodes; i++)
        log_set_level(&scene->pair.nodes[i].log, LOG_WARNING);
    scene->client = pair_connect(&scene->pair, 0);
}

static void end(struct scene *scene)
{
    buffer_deinit(&scene->requests);
    buffer_deinit(&scene->replies);
    pair_deinit(&scene->pair);
}

static bool move(struct buffer *from, struct buffer *to)
{
    if (buffer_size(from) == 0)
        return false;
    buffer_append_span(to, buffer_content(from));
    buffer_consume(from, buffer_size(from));
    return true;
}

static unsigned count_messages(struct span bytes)
{
    struct wire_message message;
    struct wire_frame frame;
    const char *error;
    unsigned messages = 0;

    while (wire_next_frame(bytes, SIZE_MAX, &frame) == WIRE_OK) {
        while (wire_next_message(&frame.messages, &message, &error) == WIRE_OK)
            messages++;
        bytes = span_of((const uint8_t *)bytes.data + frame.size, bytes.size - frame.size);
    }
    return messages;
}

/* What node 0 asked of another, and what that answers: a turn of the other's. */
static void answer(struct scene *scene, struct pair_cable *cable)
{
    struct pair_node *from = cable->from;
    struct pair_node *to = cable->to;
    struct turn turn = {.engine = to->engine, .now = pair_now(to)};

    struct buffer *asked = flat(engine_peer_out(from->engine, to->number));

    scene->answered += count_messages(buffer_content(asked));
    if (!move(asked, engine_link_in(cable->link)))
        return;
    turn.links[turn.link_count++] = cable->link;
    run_turn(&turn);
}

/* The requests from their first byte to the last reply: a turn of node 0's, one of each other that
 * was asked, one more of node 0's for all that came back; again while more is asked. */
static void exchange(struct scene *scene)
{
    struct pair *pair = &scene->pair;
    struct pair_node *node = &pair->nodes[0];
    struct turn turn = {
        .engine = node->engine, .now = pair_now(node), .client = scene->client->client};

    move(&scene->requests, engine_client_in(turn.client));
    do {
        (scene->replicas_only ? run_uncounted : run_turn)(&turn);
        turn.client = NULL;
        turn.peer_count = 0;
        for (size_t i = 1; i < pair->count; i++) {
            struct pair_cable *cable = pair_cable(pair, 0, i);

            answer(scene, cable);
            if (move(flat(engine_link_out(cable->link)),
                     engine_peer_in(node->engine, cable->to->number)))
                turn.peers[turn.peer_count++] = cable->to->number;
        }
    } while (turn.peer_count > 0);
    struct buffer *out = flat(engine_client_out(scene->client->client));
    ensure(span_equal(buffer_content(out), buffer_content(&scene->replies)));
    buffer_consume(out, buffer_size(out));
    buffer_reset(&scene->replies, SIZE_MAX);
}

/* ---- what is asked ---- */

static void compose(struct scene *scene, enum question question, unsigned nth)
{
    struct buffer *requests = &scene->requests;
    char key[KEY_SIZE + 1];

    /* Odd, so that it goes through all keys, in no order that a table would have. */
    snprintf(key, sizeof key, KEY_FORMAT, nth * 363u % KEYS);
    switch (question) {
    case PING:
        buffer_append_string(requests, "*1\r\n$4\r\nPING\r\n");
        buffer_append_string(&scene->replies, "+PONG\r\n");
        break;
    case GET:
        buffer_append_format(requests, "*2\r\n$3\r\nGET\r\n$16\r\n%s\r\n", key);
        buffer_append_string(&scene->replies, "$64\r\n" VALUE "\r\n");
        break;
    default:
        buffer_append_format(requests, "*3\r\n$3\r\nSET\r\n$16\r\n%s\r\n$64\r\n" VALUE "\r\n", key);
        buffer_append_string(&scene->replies, "+OK\r\n");
        break;
    }
}

static void ask_all(struct scene *scene, enum question question, unsigned pipeline)
{
    for (unsigned nth = 0; nth < KEYS;) {
        for (unsigned i = 0; i < pipeline; i++)
            compose(scene, question, nth++);
        exchange(scene);
        if (nth % PASS_EVERY == 0)
            pair_pass(&scene->pair, PASS_MS);
    }
}

/* ---- the cases ---- */

static void report(const char *name, unsigned pipeline, unsigned operations)
{
    printf("%s-%u %u\n", name, pipeline, operations);
    case_ends();
}

/* Where what is counted is what replicas do with the messages of a quorum, an operation is one
 * message. */
static void run_requests(const char *name, size_t nodes, enum question question, unsigned pipeline,
                         bool replicas_only)
{
    static struct scene scene; /* too large for a stack */

    begin(&scene, nodes);
    scene.replicas_only = replicas_only;
    ask_all(&scene, SET, pipeline);
    ask_all(&scene, question, pipeline);
    pair_pass(&scene.pair, SETTLE_MS);
    scene.answered = 0;
    case_begins();
    ask_all(&scene, question, pipeline);
    report(name, pipeline, replicas_only ? scene.answered : KEYS);
    end(&scene);
}

/* A WRITE as a coordinator sends it: 16 bytes of key, 64 of value. */
static void run_messages(unsigned messages)
{
    const struct wire_write write = {
        .id = 1,
        .claim_version = 1,
        .key = span_of_string("key:000000000001"),
        .version = {.kind = VALUE_STRING, .dot = {1, 1}, .value = span_of_string(VALUE)}};
    struct buffer frame = {0};

    run_pack(&frame, &write, messages);
    case_begins();
    for (unsigned done = 0; done < KEYS; done += messages) {
        buffer_reset(&frame, SIZE_MAX);
        run_pack(&frame, &write, messages);
    }
    report("message-pack", messages, KEYS);
    case_begins();
    for (unsigned done = 0; done < KEYS; done += messages)
        ensure(run_unpack(buffer_content(&frame)) == messages);
    report("message-unpack", messages, KEYS);
    buffer_deinit(&frame);
}

int main(int argc, char **argv)
{
    static const unsigned pipelines[] = {1, 16};

    if (argc > 1) {
        const bool wanted = strcmp(argv[1], "--compiler") == 0;
        if (wanted)
            printf("%s\n", COMPILER);
        return wanted ? 0 : 2;
    }
    for (size_t i = 0; i < sizeof pipelines / sizeof pipelines[0]; i++) {
        const unsigned pipeline = pipelines[i];

        run_requests("ping", 1, PING, pipeline, false);
        run_requests("get", 1, GET, pipeline, false);
        run_requests("set", 1, SET, pipeline, false);
        run_requests("quorum-get", QUORUM_NODES, GET, pipeline, false);
        run_requests("quorum-set", QUORUM_NODES, SET, pipeline, false);
        run_messages(pipeline);
        run_requests("message-answer-read", QUORUM_NODES, GET, pipeline, true);
        run_requests("message-answer-write", QUORUM_NODES, SET, pipeline, true);
    }
    return 0;
}
