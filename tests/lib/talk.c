/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/talk.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"

#define TEXTS            8
#define UNTIL_TIMEOUT_MS 20000
#define VOTES_TIMEOUT_MS 30000 /* until a node that came back votes */

struct text {
    char *at;
    size_t left;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const int size = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    const size_t taken = (size_t)size < text->left ? (size_t)size : text->left - 1;
    text->at += taken;
    text->left -= taken;
}

static void put_reply(struct text *text, const redisReply *reply);

static void put_elements(struct text *text, const redisReply *reply)
{
    put(text, "(");
    for (size_t i = 0; i < reply->elements; i++) {
        if (i > 0)
            put(text, ", ");
        put_reply(text, reply->element[i]);
    }
    put(text, ")");
}

static void put_reply(struct text *text, const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        put(text, ":%lld", reply->integer);
        return;
    case REDIS_REPLY_NIL:
        put(text, "(nil)");
        return;
    case REDIS_REPLY_ERROR:
        put(text, "-%s", reply->str);
        return;
    case REDIS_REPLY_ARRAY:
        put_elements(text, reply);
        return;
    default:
        put(text, "%s", reply->str);
    }
}

const char *talk_text(const redisReply *reply)
{
    static char texts[TEXTS][TALK_TEXT_MAX];
    static unsigned next;
    char *buffer = texts[next++ % TEXTS];
    struct text text = {.at = buffer, .left = TALK_TEXT_MAX};

    put_reply(&text, reply);
    return buffer;
}

static const char *ask(redisContext *context, const char *format, va_list arguments)
{
    redisReply *reply = redisvCommand(context, format, arguments);

    check_that(reply != NULL, "'%s' is answered: %s", format, context->errstr);
    const char *text = talk_text(reply);
    freeReplyObject(reply);
    return text;
}

const char *talk(redisContext *context, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = ask(context, format, arguments);
    va_end(arguments);
    return text;
}

const char *talk_node(const struct cluster *cluster, int node, const char *format, ...)
{
    redisContext *context = cluster_connect(cluster, node);
    va_list arguments;

    va_start(arguments, format);
    const char *text = ask(context, format, arguments);
    va_end(arguments);
    redisFree(context);
    return text;
}

void talk_match(const char *file, int line, const char *pattern, const char *text,
                const char *question)
{
    if (fnmatch(pattern, text, 0) != 0)
        check_failed(file, line, question, "'%s', got '%.3000s'", pattern, text);
}

struct wanted {
    const struct cluster *cluster;
    int node;
    const char *pattern;
    const char *question;
    const char *text;
};

static bool answers_so(void *context)
{
    struct wanted *wanted = context;

    wanted->text = talk_node(wanted->cluster, wanted->node, wanted->question, "");
    return fnmatch(wanted->pattern, wanted->text, 0) == 0;
}

void talk_until(const struct cluster *cluster, int node, const char *pattern, const char *question)
{
    struct wanted wanted = {
        .cluster = cluster, .node = node, .pattern = pattern, .question = question};

    check_that(check_until(UNTIL_TIMEOUT_MS, answers_so, &wanted),
               "node %d answers %s with '%s'; got '%.3000s'", node, question, pattern, wanted.text);
}

long long talk_number(const char *text, const char *name)
{
    char field[64];

    snprintf(field, sizeof field, "\n%s:", name);
    const char *at = strstr(text, field);
    check_that(at != NULL, "a field '%s' in '%.3000s'", name, text);
    return strtoll(at + strlen(field), NULL, 10);
}

struct health {
    struct cluster *cluster;
    int node;
    bool dead;
    char words[64];
    const char *text; /* of the node that did not say so */
};

static bool said_by_all(void *context)
{
    struct health *health = context;

    for (int node = 1; node <= cluster_nodes(health->cluster); node++) {
        if ((node == health->node && health->dead) || !cluster_running(health->cluster, node))
            continue;
        health->text = talk_node(health->cluster, node, "RING STATUS");
        if (strstr(health->text, health->words) == NULL)
            return false;
    }
    return true;
}

static void wait_health(struct cluster *cluster, int node, bool dead, int64_t timeout_ms)
{
    struct health health = {.cluster = cluster, .node = node, .dead = dead};

    snprintf(health.words, sizeof health.words, "127.0.0.1:%u zone '' weight 100, %s",
             cluster_port(cluster, node), dead ? "dead" : "alive, votes");
    check_that(check_until(timeout_ms, said_by_all, &health), "'%s' in '%.3000s'", health.words,
               health.text);
}

void talk_wait_dead(struct cluster *cluster, int node)
{
    wait_health(cluster, node, true, UNTIL_TIMEOUT_MS);
}

struct recovering {
    struct cluster *cluster;
    int node;
};

static bool recovered(void *context)
{
    const struct recovering *recovering = context;

    return talk_number(talk_node(recovering->cluster, recovering->node, "INFO repair"),
                       "recovering_partitions") == 0;
}

void talk_wait_votes(struct cluster *cluster, int node)
{
    struct recovering recovering = {.cluster = cluster, .node = node};

    wait_health(cluster, node, false, VOTES_TIMEOUT_MS);
    check_that(check_until(VOTES_TIMEOUT_MS, recovered, &recovering),
               "node %d votes on all partitions: '%.3000s'", node,
               talk_node(cluster, node, "RING STATUS"));
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct settling {
    struct cluster *cluster;
    int64_t begin_ms;
    const char *text; /* of the node that has not settled all */
};

static bool all_settled(void *context)
{
    struct settling *settling = context;

    for (int node = 1; node <= cluster_nodes(settling->cluster); node++) {
        if (!cluster_running(settling->cluster, node))
            continue;
        const int64_t since_ms = now_ms() - settling->begin_ms;
        settling->text = talk_node(settling->cluster, node, "INFO repair");
        const int64_t age_ms = talk_number(settling->text, "settled_age_ms");
        if (age_ms < 0 || age_ms >= since_ms || talk_number(settling->text, "hints") != 0)
            return false;
    }
    return true;
}

void talk_wait_settled(struct cluster *cluster)
{
    struct settling settling = {.cluster = cluster, .begin_ms = now_ms()};

    check_that(check_until(UNTIL_TIMEOUT_MS, all_settled, &settling),
               "all that was written before is settled: '%.3000s'", settling.text);
}

struct linked {
    struct cluster *cluster;
    int threads;
};

static bool all_linked(void *context)
{
    const struct linked *linked = context;
    const int nodes = cluster_nodes(linked->cluster);
    int running = 0;

    for (int i = 1; i <= nodes; i++)
        running += cluster_running(linked->cluster, i);
    for (int i = 1; i <= nodes; i++)
        if (cluster_running(linked->cluster, i) &&
            talk_number(talk_node(linked->cluster, i, "INFO stats"), "peers_connected") !=
                linked->threads * (running - 1))
            return false;
    return true;
}

void talk_wait_linked(struct cluster *cluster, int threads)
{
    struct linked linked = {.cluster = cluster, .threads = threads};

    check_that(check_until(UNTIL_TIMEOUT_MS, all_linked, &linked), "all workers are linked");
}
