/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Nodes are killed and paused under a running load through the others. The load is a register for
 * each of many keys: each key is written by one connection, with the numbers 1, 2, 3, ..., and read
 * by all. Whatever was acknowledged before a read was sent is seen by it, or something newer, and
 * no plain command fails at QUORUM while two of three nodes are there.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WRITERS        6  /* connections */
#define KEYS           16 /* of each */
#define DEPTH          12 /* commands of a connection in a round */
#define ROUNDS         40 /* at least, before and after whatever happens */
#define MGET_KEYS      4
#define COUNTERS       8
#define FAULT_LIMIT_MS 20000

static const char *const quick[] = {"--gossip-interval-ms", "200", NULL};
static const struct cluster_options three = {.nodes = 3, .threads = 2, .directives = quick};

/* ---- the load ---- */

struct key {
    unsigned sent, acknowledged; /* numbers; each write is the next */
};

/* What a connection has asked and not yet heard. */
struct question {
    enum { ASKED_SET, ASKED_GET, ASKED_MGET, ASKED_INCR } what;
    unsigned writer[MGET_KEYS], key[MGET_KEYS];
    unsigned least[MGET_KEYS]; /* acknowledged when it was asked */
    unsigned number;           /* that SET writes */
};

struct counter {
    unsigned acknowledged, unknown;
};

struct load {
    struct cluster *cluster;
    redisContext *contexts[WRITERS];
    struct key keys[WRITERS][KEYS];
    struct counter counters[COUNTERS];
    bool counting; /* INCR as well, which may fail while its coordinator is in doubt */
    struct question asked[WRITERS][DEPTH];
    uint64_t random;
    unsigned long rounds;
};

static unsigned draw(struct load *load, unsigned below)
{
    load->random = load->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(load->random >> 33) % below;
}

/* Connections to all nodes but `victim`. */
static struct load *load_create(struct cluster *cluster, int victim)
{
    struct load *load = calloc(1, sizeof *load);
    int node = 0;

    check_that(load != NULL, "memory");
    load->cluster = cluster;
    load->random = 42;
    for (int i = 0; i < WRITERS; i++) {
        do
            node = node % 3 + 1;
        while (node == victim);
        load->contexts[i] = cluster_connect(cluster, node);
    }
    return load;
}

static void load_destroy(struct load **load)
{
    for (int i = 0; i < WRITERS; i++)
        redisFree((*load)->contexts[i]);
    free(*load);
    *load = NULL;
}

/* A connection sees its own writes, also those before this question in its pipeline. */
static void choose_key(struct load *load, struct question *question, int index, unsigned asker)
{
    question->writer[index] = draw(load, WRITERS);
    question->key[index] = draw(load, KEYS);
    const struct key *key = &load->keys[question->writer[index]][question->key[index]];
    question->least[index] = question->writer[index] == asker ? key->sent : key->acknowledged;
}

static void ask(struct load *load, unsigned writer, struct question *question)
{
    redisContext *context = load->contexts[writer];
    const unsigned dice = draw(load, load->counting ? 12 : 10);

    if (dice < 4) {
        question->what = ASKED_SET;
        question->writer[0] = writer;
        question->key[0] = draw(load, KEYS);
        question->number = ++load->keys[writer][question->key[0]].sent;
        redisAppendCommand(context, "SET key:%u:%u %u:%u:%u:%0100u", writer, question->key[0],
                           writer, question->key[0], question->number, question->number);
    } else if (dice < 8) {
        question->what = ASKED_GET;
        choose_key(load, question, 0, writer);
        redisAppendCommand(context, "GET key:%u:%u", question->writer[0], question->key[0]);
    } else if (dice < 10) {
        question->what = ASKED_MGET;
        for (int i = 0; i < MGET_KEYS; i++)
            choose_key(load, question, i, writer);
        redisAppendCommand(context, "MGET key:%u:%u key:%u:%u key:%u:%u key:%u:%u",
                           question->writer[0], question->key[0], question->writer[1],
                           question->key[1], question->writer[2], question->key[2],
                           question->writer[3], question->key[3]);
    } else {
        question->what = ASKED_INCR;
        question->key[0] = draw(load, COUNTERS);
        redisAppendCommand(context, "INCR counter:%u", question->key[0]);
    }
}

/* What a read gave for the key at `index` of the question. */
static void check_value(struct load *load, const struct question *question, int index,
                        const redisReply *reply)
{
    const unsigned writer = question->writer[index], key = question->key[index];
    const unsigned sent = load->keys[writer][key].sent;
    unsigned in_writer = writer, in_key = key, number = 0;

    if (reply->type != REDIS_REPLY_NIL)
        check_that(reply->type == REDIS_REPLY_STRING &&
                       sscanf(reply->str, "%u:%u:%u:", &in_writer, &in_key, &number) == 3,
                   "a value, got %s", talk_text(reply));
    check_that(in_writer == writer && in_key == key, "the value of key:%u:%u, got %s", writer, key,
               talk_text(reply));
    check_that(question->least[index] <= number && number <= sent,
               "key:%u:%u from %u to %u, got %u (round %lu)", writer, key, question->least[index],
               sent, number, load->rounds);
}

static void check_incr(struct load *load, const struct question *question, const redisReply *reply)
{
    struct counter *counter = &load->counters[question->key[0]];

    if (reply->type == REDIS_REPLY_INTEGER) {
        counter->acknowledged++;
        return;
    }
    check_that(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOQUORUM ", 9) == 0,
               "NOQUORUM or a number, got %s", talk_text(reply));
    counter->unknown++;
}

static void hear(struct load *load, const struct question *question, const redisReply *reply)
{
    switch (question->what) {
    case ASKED_SET: {
        struct key *key = &load->keys[question->writer[0]][question->key[0]];
        check_that(reply->type == REDIS_REPLY_STATUS, "SET is acknowledged, got %s (round %lu)",
                   talk_text(reply), load->rounds);
        if (question->number > key->acknowledged)
            key->acknowledged = question->number;
        return;
    }
    case ASKED_GET:
        check_value(load, question, 0, reply);
        return;
    case ASKED_MGET:
        check_that(reply->type == REDIS_REPLY_ARRAY && reply->elements == MGET_KEYS,
                   "four values, got %s (round %lu)", talk_text(reply), load->rounds);
        for (int i = 0; i < MGET_KEYS; i++)
            check_value(load, question, i, reply->element[i]);
        return;
    case ASKED_INCR:
        check_incr(load, question, reply);
        return;
    }
}

static void send_all(redisContext *context)
{
    int sent = 0;

    while (!sent)
        check_that(redisBufferWrite(context, &sent) == REDIS_OK, "%s", context->errstr);
}

/* All connections send their commands, then all answers are read. */
static void load_round(struct load *load)
{
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        for (unsigned i = 0; i < DEPTH; i++)
            ask(load, writer, &load->asked[writer][i]);
        send_all(load->contexts[writer]);
    }
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        for (unsigned i = 0; i < DEPTH; i++) {
            void *reply = NULL;
            check_that(redisGetReply(load->contexts[writer], &reply) == REDIS_OK,
                       "connection %u is answered: %s", writer, load->contexts[writer]->errstr);
            hear(load, &load->asked[writer][i], reply);
            freeReplyObject(reply);
        }
    }
    load->rounds++;
}

static void load_run(struct load *load)
{
    for (int i = 0; i < ROUNDS; i++)
        load_round(load);
}

struct goal {
    struct load *load;
    int node;
    const char *words; /* in RING STATUS */
};

static bool reached(void *context)
{
    const struct goal *goal = context;

    load_round(goal->load);
    return strstr(talk_node(goal->load->cluster, goal->node, "RING STATUS"), goal->words) != NULL;
}

/* Runs the load until all nodes but the victim say of it in RING STATUS that it is `health`. */
static void load_until(struct load *load, int victim, const char *health)
{
    char words[64];

    for (int node = 1; node <= 3; node++) {
        if (node == victim)
            continue;
        snprintf(words, sizeof words, "127.0.0.1:%u zone '' weight 100, %s",
                 cluster_port(load->cluster, victim), health);
        struct goal goal = {.load = load, .node = node, .words = words};
        check_that(check_until(FAULT_LIMIT_MS, reached, &goal), "node %d says '%s'", node, words);
    }
}

/* Everything is read once more through every node that runs, the victim included. */
static void check_all(struct load *load)
{
    for (int node = 1; node <= 3; node++) {
        if (!cluster_running(load->cluster, node))
            continue;
        redisContext *context = cluster_connect(load->cluster, node);
        for (unsigned writer = 0; writer < WRITERS; writer++) {
            for (unsigned key = 0; key < KEYS; key++) {
                const struct question question = {.writer = {writer},
                                                  .key = {key},
                                                  .least = {load->keys[writer][key].acknowledged}};
                redisReply *reply = redisCommand(context, "GET key:%u:%u", writer, key);
                check_that(reply != NULL, "%s", context->errstr);
                check_value(load, &question, 0, reply);
                freeReplyObject(reply);
            }
        }
        redisFree(context);
    }
}

static void check_counters(struct load *load)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        const struct counter *counter = &load->counters[i];
        const char *text = talk_node(load->cluster, 1, "GET counter:%u", i);
        const unsigned count = (unsigned)strtoul(text, NULL, 10);
        check_that(counter->acknowledged <= count &&
                       count <= counter->acknowledged + counter->unknown,
                   "counter:%u from %u to %u, got %s", i, counter->acknowledged,
                   counter->acknowledged + counter->unknown, text);
    }
}

static struct cluster *whole_cluster(void)
{
    struct cluster *cluster = cluster_create(&three);

    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
    talk_wait_linked(cluster, 2);
    return cluster;
}

/* ---- one node is killed ---- */

static void kill_one(int victim, bool counting)
{
    struct cluster *cluster = whole_cluster();
    struct load *load = load_create(cluster, victim);

    load->counting = counting;
    load_run(load);
    cluster_kill(cluster, victim);
    load_until(load, victim, "dead");
    load_run(load);
    check_all(load);
    if (victim != 1)
        check_counters(load);

    /* While the others learn that it votes again, two may coordinate updates of one key. */
    load->counting = false;
    cluster_start(cluster, victim);
    load_until(load, victim, "alive, votes");
    talk_wait_linked(cluster, 2);
    load->counting = counting;
    load_run(load);
    check_all(load);
    check_counters(load);
    load_destroy(&load);
    cluster_destroy(&cluster);
}

static void node_1_is_killed(void)
{
    kill_one(1, false);
}

static void node_2_is_killed(void)
{
    kill_one(2, false);
}

static void node_3_is_killed(void)
{
    kill_one(3, false);
}

static void a_node_is_killed_while_counters_count(void)
{
    kill_one(2, true);
}

/* ---- one node is paused ----
 *
 * Without counters: while the nodes differ about who is there, two may coordinate updates of one
 * key, and one that comes back late may answer for a version that it did not make. */

static void pause_one(int victim)
{
    struct cluster *cluster = whole_cluster();
    struct load *load = load_create(cluster, victim);

    load_run(load);
    cluster_pause(cluster, victim);
    load_until(load, victim, "dead");
    load_run(load);
    cluster_resume(cluster, victim);
    load_until(load, victim, "alive, votes");
    load_run(load);
    check_all(load);
    load_destroy(&load);
    cluster_destroy(&cluster);
}

static void node_1_is_paused(void)
{
    pause_one(1);
}

static void node_2_is_paused(void)
{
    pause_one(2);
}

static void node_3_is_paused(void)
{
    pause_one(3);
}

/* Again and again, too short to be called dead: its questions and answers come late. */
static void a_node_stutters(void)
{
    struct cluster *cluster = whole_cluster();
    struct load *load = load_create(cluster, 2);

    for (int i = 0; i < 10; i++) {
        cluster_pause(cluster, 2);
        for (int round = 0; round < 4; round++)
            load_round(load);
        cluster_resume(cluster, 2);
        for (int round = 0; round < 4; round++)
            load_round(load);
    }
    check_all(load);
    load_destroy(&load);
    cluster_destroy(&cluster);
}

/* ---- two of three ---- */

static void two_nodes_are_killed(void)
{
    struct cluster *cluster = whole_cluster();
    redisContext *context = cluster_connect(cluster, 1);

    talk_expect(context, "OK", "SET key value");
    cluster_kill(cluster, 2);
    cluster_kill(cluster, 3);
    talk_expect(context, "-NOQUORUM needed 2 of 3, got 1 in * ms; the write may still take effect",
                "SET key other");
    talk_expect(context, "-NOQUORUM needed 2 of 3, got 1 in * ms", "GET key");
    talk_expect(context, "-NOQUORUM needed 2 of 3, got 1 in * ms", "INCR counter");
    talk_expect(context, "-NOQUORUM *", "MGET key other");
    talk_until(cluster, 1, "*with a quorum: 0, of 1024*", "RING STATUS");
    talk_expect(context, "other", "AT ONE GET key");
    talk_expect(context, "OK", "AT 1 SET key another");
    talk_expect(context, "another", "AT 1 GET key");
    talk_expect(context, "PONG", "PING");
    redisFree(context);
    cluster_destroy(&cluster);
}

/* Who is asked and does not answer costs a time-out, of which the first questions get to know; then
 * it is left out, and the error comes at once. */
static void two_nodes_are_paused(void)
{
    struct cluster *cluster = whole_cluster();
    redisContext *context = cluster_connect(cluster, 3);

    talk_expect(context, "OK", "SET key value");
    cluster_pause(cluster, 1);
    cluster_pause(cluster, 2);
    const char *text = talk(context, "SET key other");
    unsigned took_ms;
    check_that(sscanf(text,
                      "-NOQUORUM needed 2 of 3, got 1 in %u ms; the write may still take effect",
                      &took_ms) == 1 &&
                   took_ms >= 500 && took_ms < 5000,
               "an error after 500 ms, got %s", text);
    talk_expect(context, "-NOQUORUM needed 2 of 3, got 1 in * ms", "GET key");
    talk_until(cluster, 3, "-NOQUORUM needed 2 of 3, got 1 in 0 ms", "GET key");
    cluster_resume(cluster, 1);
    talk_until(cluster, 3, "other", "GET key");
    cluster_destroy(&cluster);
    redisFree(context);
}

/* A client of a paused node waits for its own time-out; its connection works when the node is back,
 * and what it asked meanwhile is answered then. */
static void a_client_of_a_paused_node_waits(void)
{
    struct cluster *cluster = whole_cluster();
    redisContext *context = cluster_connect(cluster, 2);
    const struct timeval moment = {.tv_usec = 100000};
    const struct timeval long_while = {.tv_sec = 60};
    void *reply = NULL;

    talk_expect(context, "OK", "SET key value");
    cluster_pause(cluster, 2);
    redisSetTimeout(context, moment);
    redisAppendCommand(context, "GET key");
    send_all(context);
    check_that(redisBufferRead(context) == REDIS_ERR && context->err == REDIS_ERR_IO, "a time-out");
    context->err = 0;
    talk_until(cluster, 1, "*node 2: * dead, *", "RING STATUS");
    talk_expect_node(cluster, 3, "OK", "SET key other");
    cluster_resume(cluster, 2);
    redisSetTimeout(context, long_while);
    check_that(redisGetReply(context, &reply) == REDIS_OK, "an answer: %s", context->errstr);
    talk_match(__FILE__, __LINE__, "other", talk_text(reply), "GET key");
    freeReplyObject(reply);
    redisFree(context);
    cluster_destroy(&cluster);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"node_1_is_killed", 60, node_1_is_killed},
        {"node_2_is_killed", 60, node_2_is_killed},
        {"node_3_is_killed", 60, node_3_is_killed},
        {"a_node_is_killed_while_counters_count", 60, a_node_is_killed_while_counters_count},
        {"node_1_is_paused", 60, node_1_is_paused},
        {"node_2_is_paused", 60, node_2_is_paused},
        {"node_3_is_paused", 60, node_3_is_paused},
        {"a_node_stutters", 60, a_node_stutters},
        {"two_nodes_are_killed", 60, two_nodes_are_killed},
        {"two_nodes_are_paused", 60, two_nodes_are_paused},
        {"a_client_of_a_paused_node_waits", 60, a_client_of_a_paused_node_waits},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
