/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A node comes back whole without anybody's help: killed or paused under a running load through the
 * others, and started or resumed, it votes again by itself. Then it alone, the others paused,
 * answers for every key with what should be there, and with nothing for what was deleted or has
 * expired, though nobody read those keys.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/talk.h"
#include "lib/timeout.h"
#include "lib/traffic.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SHELF_KEYS     1500
#define SHELF_PX_MS    300 /* of what is to expire */
#define FAULT_LIMIT_MS 20000
#define HELD_LIMIT_MS  10000
#define PAUSE_MS       (TIMEOUT_MS(1) == 1 ? 15000 : 5000) /* slow under sanitizers as it is */

/* A time-out decides nothing here but how long a DEL waits; slow servers need not be told apart. */
static const char *const quick[] = {"--gossip-interval-ms", "200", "--request-timeout-ms",
                                    TIMEOUT_MS(1) == 1 ? "500" : "2000", NULL};
static const struct cluster_options three = {.nodes = 3, .threads = 2, .directives = quick};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the shelf: keys that nobody reads until the end ---- */

struct shelf {
    struct cluster *cluster;
    unsigned written;            /* the last number that was given to a value */
    unsigned number[SHELF_KEYS]; /* of the value that a key should have; 0: none */
    bool deleting[SHELF_KEYS];   /* not yet acknowledged */
};

enum { SHELF_SET, SHELF_EXPIRE, SHELF_DELETE };

static redisReply *next_reply(redisContext *context)
{
    void *reply = NULL;

    check_that(redisGetReply(context, &reply) == REDIS_OK, "an answer: %s", context->errstr);
    return reply;
}

static void shelf_append(struct shelf *shelf, redisContext *context, int change, unsigned key)
{
    shelf->number[key] = change == SHELF_SET ? ++shelf->written : 0;
    if (change == SHELF_DELETE)
        redisAppendCommand(context, "DEL shelf:%u", key);
    else if (change == SHELF_EXPIRE)
        redisAppendCommand(context, "SET shelf:%u gone PX %d", key, SHELF_PX_MS);
    else
        redisAppendCommand(context, "SET shelf:%u %u:%u", key, key, shelf->number[key]);
}

/* A DEL may fail as long as its coordinator is in doubt. */
static void shelf_hear(struct shelf *shelf, redisContext *context, int change, unsigned key)
{
    redisReply *reply = next_reply(context);
    const char *text = talk_text(reply);

    if (change == SHELF_DELETE) {
        shelf->deleting[key] = reply->type != REDIS_REPLY_INTEGER;
        check_that(!shelf->deleting[key] || strncmp(text, "-NOQUORUM ", 10) == 0, "DEL: %s", text);
    } else {
        check_that(reply->type == REDIS_REPLY_STATUS, "SET: %s", text);
    }
    freeReplyObject(reply);
}

struct deletion {
    struct shelf *shelf;
    redisContext *context;
};

static bool deleted_all(void *context)
{
    struct deletion *deletion = context;
    struct shelf *shelf = deletion->shelf;
    bool left = false;

    for (unsigned key = 0; key < SHELF_KEYS; key++) {
        if (!shelf->deleting[key])
            continue;
        shelf_append(shelf, deletion->context, SHELF_DELETE, key);
        shelf_hear(shelf, deletion->context, SHELF_DELETE, key);
        left |= shelf->deleting[key];
    }
    return !left;
}

/* Changes every `step`th key from `first` on, through a node. */
static void shelf_change(struct shelf *shelf, int node, int change, unsigned first, unsigned step)
{
    redisContext *context = cluster_connect(shelf->cluster, node);
    struct deletion deletion = {.shelf = shelf, .context = context};

    for (unsigned key = first; key < SHELF_KEYS; key += step)
        shelf_append(shelf, context, change, key);
    for (unsigned key = first; key < SHELF_KEYS; key += step)
        shelf_hear(shelf, context, change, key);
    check_that(check_until(FAULT_LIMIT_MS, deleted_all, &deletion), "all deletes succeed");
    redisFree(context);
}

static bool shelf_held(const struct shelf *shelf, redisContext *context, char *why, size_t why_size)
{
    bool held = true;

    for (unsigned key = 0; key < SHELF_KEYS; key++)
        redisAppendCommand(context, "AT ONE GET shelf:%u", key);
    for (unsigned key = 0; key < SHELF_KEYS; key++) {
        char wanted[32] = "(nil)";
        redisReply *reply = next_reply(context);
        if (shelf->number[key] != 0)
            snprintf(wanted, sizeof wanted, "%u:%u", key, shelf->number[key]);
        if (held && strcmp(talk_text(reply), wanted) != 0) {
            snprintf(why, why_size, "shelf:%u is %s; got %.100s", key, wanted, talk_text(reply));
            held = false;
        }
        freeReplyObject(reply);
    }
    return held;
}

/* ---- what a node holds by itself ---- */

static struct cluster *whole_cluster(void)
{
    struct cluster *cluster = cluster_create(&three);

    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
    talk_wait_linked(cluster, 2);
    return cluster;
}

struct alone {
    const struct shelf *shelf;
    struct traffic *traffic; /* NULL: there is none */
    redisContext *context;
    char first[512]; /* what was missing at first */
    char why[512];
};

static bool holds_all(void *context)
{
    struct alone *alone = context;

    if (alone->first[0] == '\0')
        memcpy(alone->first, alone->why, sizeof alone->first);
    return shelf_held(alone->shelf, alone->context, alone->why, sizeof alone->why) &&
           (alone->traffic == NULL ||
            traffic_held(alone->traffic, alone->context, alone->why, sizeof alone->why));
}

/* Pauses the others, asks the node for everything, and resumes them. Nobody can give it anything
 * meanwhile but what is on its way to it already. */
static void check_alone(const struct shelf *shelf, struct traffic *traffic, int node)
{
    struct cluster *cluster = shelf->cluster;
    struct alone alone = {.shelf = shelf, .traffic = traffic};

    talk_wait_settled(cluster);
    for (int other = 1; other <= 3; other++)
        if (other != node)
            cluster_pause(cluster, other);
    alone.context = cluster_connect(cluster, node);
    check_that(check_until(HELD_LIMIT_MS, holds_all, &alone),
               "node %d by itself: %s; at first: %s; it says '%.3000s'", node, alone.why,
               alone.first, talk_node(cluster, node, "RING STATUS"));
    redisFree(alone.context);
    for (int other = 1; other <= 3; other++)
        if (other != node)
            cluster_resume(cluster, other);
    for (int other = 1; other <= 3; other++)
        talk_wait_votes(cluster, other);
    talk_wait_linked(cluster, 2);
}

/* The load rests meanwhile, since it would fail. */
static void check_alone_under(struct traffic *traffic, const struct shelf *shelf, int node)
{
    traffic_rest(traffic);
    check_alone(shelf, traffic, node);
    traffic_go_on(traffic);
}

static void say_worst(struct traffic *traffic, const char *when, int node)
{
    const struct traffic_waits waits = traffic_waits(traffic);

    printf("node %d %s: %lu replies, worst %.1f ms, of DEL %.1f ms\n", node, when, waits.answers,
           waits.worst_ms, waits.worst_del_ms);
}

/* ---- killed under load ---- */

/* What is kept, changed, deleted and expires while the node is away, and what had expired already.
 * Keys by their number mod 6. */
static void shelf_begin(struct shelf *shelf, int node)
{
    shelf_change(shelf, node, SHELF_SET, 0, 1);
    shelf_change(shelf, node, SHELF_EXPIRE, 0, 6);
}

static void shelf_go_on(struct shelf *shelf, int node)
{
    shelf_change(shelf, node, SHELF_SET, 1, 6);
    shelf_change(shelf, node, SHELF_DELETE, 2, 6);
    shelf_change(shelf, node, SHELF_EXPIRE, 3, 6);
}

/* It is started again after the others have found it dead, or at once. */
static void kill_under_load(struct traffic *traffic, struct shelf *shelf, int victim, bool at_once)
{
    struct cluster *cluster = shelf->cluster;
    const int other = victim % 3 + 1;

    shelf_begin(shelf, other);
    traffic_run_on(traffic);
    traffic_leave(traffic, victim);
    say_worst(traffic, "before its end", victim);
    traffic_doubt(traffic, true);
    cluster_kill(cluster, victim);
    if (!at_once) {
        talk_wait_dead(cluster, victim);
        traffic_run_on(traffic); /* workers know a little later */
        traffic_doubt(traffic, false);
        say_worst(traffic, "is killed", victim);
        shelf_go_on(shelf, other);
    }
    traffic_run_on(traffic);
    const int64_t started_ms = now_ms();
    cluster_start(cluster, victim);
    if (at_once)
        shelf_go_on(shelf, other);
    shelf_change(shelf, other, SHELF_SET, 4, 6);
    talk_wait_votes(cluster, victim);
    traffic_run_on(traffic);
    traffic_doubt(traffic, false);
    printf("node %d votes %lld ms after its start\n", victim, (long long)(now_ms() - started_ms));
    say_worst(traffic, at_once ? "is killed and recovers" : "recovers", victim);
    talk_wait_linked(cluster, 2);
    traffic_join(traffic, victim);
    traffic_run_on(traffic);
    check_alone_under(traffic, shelf, victim);
}

static void each_node_is_killed_in_turn_and_comes_back_whole(void)
{
    struct cluster *cluster = whole_cluster();
    struct traffic *traffic = traffic_create(cluster);
    struct shelf shelf = {.cluster = cluster};

    kill_under_load(traffic, &shelf, 1, false);
    kill_under_load(traffic, &shelf, 2, true);
    kill_under_load(traffic, &shelf, 3, false);
    traffic_destroy(&traffic);
    cluster_destroy(&cluster);
}

/* ---- paused under load ---- */

struct moment {
    int64_t end_ms;
};

static bool has_come(void *context)
{
    return now_ms() >= ((struct moment *)context)->end_ms;
}

static void a_node_is_paused_for_long_and_comes_back_whole(void)
{
    struct cluster *cluster = whole_cluster();
    struct traffic *traffic = traffic_create(cluster);
    struct shelf shelf = {.cluster = cluster};

    shelf_begin(&shelf, 1);
    traffic_run_on(traffic);
    traffic_leave(traffic, 2);
    traffic_doubt(traffic, true);
    cluster_pause(cluster, 2);
    struct moment end = {.end_ms = now_ms() + PAUSE_MS};
    talk_wait_dead(cluster, 2);
    traffic_run_on(traffic); /* workers know a little later */
    traffic_doubt(traffic, false);
    say_worst(traffic, "is paused", 2);
    shelf_go_on(&shelf, 1);
    check_that(check_until(PAUSE_MS + FAULT_LIMIT_MS, has_come, &end), "time passes");
    say_worst(traffic, "stays paused", 2);
    traffic_doubt(traffic, true);
    cluster_resume(cluster, 2);
    shelf_change(&shelf, 3, SHELF_SET, 4, 6);
    talk_wait_votes(cluster, 2);
    traffic_run_on(traffic);
    traffic_doubt(traffic, false);
    say_worst(traffic, "is back", 2);
    talk_wait_linked(cluster, 2);
    traffic_join(traffic, 2);
    traffic_run_on(traffic);
    check_alone_under(traffic, &shelf, 2);
    traffic_destroy(&traffic);
    cluster_destroy(&cluster);
}

/* ---- FLUSHALL ---- */

static void shelf_flush(struct shelf *shelf, int node)
{
    talk_expect_node(shelf->cluster, node, "OK", "FLUSHALL");
    memset(shelf->number, 0, sizeof shelf->number);
    shelf_change(shelf, node, SHELF_SET, 5, 6);
}

static void a_flush_reaches_who_was_away(void)
{
    struct cluster *cluster = whole_cluster();
    struct shelf shelf = {.cluster = cluster};

    shelf_change(&shelf, 1, SHELF_SET, 0, 1);
    cluster_pause(cluster, 2);
    talk_wait_dead(cluster, 2);
    shelf_flush(&shelf, 1);
    cluster_resume(cluster, 2);
    talk_wait_votes(cluster, 2);
    check_alone(&shelf, NULL, 2);

    shelf_change(&shelf, 1, SHELF_SET, 0, 1);
    cluster_kill(cluster, 3);
    talk_wait_dead(cluster, 3);
    shelf_flush(&shelf, 1);
    cluster_start(cluster, 3);
    talk_wait_votes(cluster, 3);
    talk_wait_linked(cluster, 2);
    check_alone(&shelf, NULL, 3);
    cluster_destroy(&cluster);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"each_node_is_killed_in_turn_and_comes_back_whole", 90,
         each_node_is_killed_in_turn_and_comes_back_whole},
        {"a_node_is_paused_for_long_and_comes_back_whole", 90,
         a_node_is_paused_for_long_and_comes_back_whole},
        {"a_flush_reaches_who_was_away", 60, a_flush_reaches_who_was_away},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
