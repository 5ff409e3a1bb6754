/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is left when more was lost than copies make good: all nodes killed at once, too few voters
 * left, hints dropped, more keys than memory. Nothing waits for an operator but what was told to.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MB           (1 << 20)

#define BATCH         64 /* commands in a pipeline */
#define COME_LIMIT_MS 20000

static struct cluster *whole_cluster(const char *const *directives)
{
    const struct cluster_options three = {.nodes = 3, .threads = 2, .directives = directives};
    struct cluster *cluster = cluster_create(&three);

    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
    talk_wait_linked(cluster, 2);
    return cluster;
}

static long long number_of(const struct cluster *cluster, int node, const char *section,
                           const char *name)
{
    return talk_number(talk_node(cluster, node, "INFO %s", section), name);
}

static redisReply *next_reply(redisContext *context)
{
    void *reply = NULL;

    check_that(redisGetReply(context, &reply) == REDIS_OK, "an answer: %s", context->errstr);
    return reply;
}

/* ---- all restarted ---- */

static void kill_all(struct cluster *cluster)
{
    for (int node = 1; node <= 3; node++)
        cluster_kill(cluster, node);
}

static void check_serves(struct cluster *cluster, const char *value)
{
    for (int node = 1; node <= 3; node++) {
        if (!cluster_running(cluster, node))
            continue;
        talk_expect_node(cluster, node, "OK", "SET key %s-%d", value, node);
        for (int other = 1; other <= 3; other++) {
            char wanted[64];
            snprintf(wanted, sizeof wanted, "%s-%d", value, node);
            if (cluster_running(cluster, other))
                talk_expect_node(cluster, other, wanted, "GET key");
        }
        talk_expect_node(cluster, node, ":?*", "INCR counter");
    }
}

static void all_nodes_killed_at_once_serve_again_by_themselves(void)
{
    static const char *const quick[] = {"--gossip-interval-ms", "200", NULL};
    struct cluster *cluster = whole_cluster(quick);
    long long forced = 0;

    check_serves(cluster, "before");
    kill_all(cluster);
    for (int node = 1; node <= 3; node++)
        cluster_start(cluster, node);
    for (int node = 1; node <= 3; node++)
        talk_wait_votes(cluster, node);
    for (int node = 1; node <= 3; node++) {
        talk_expect_node(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
        forced += number_of(cluster, node, "repair", "forced_recoveries");
    }
    check_that(forced > 0, "it is counted that too few voted");
    talk_expect_node(cluster, 1, "(nil)", "GET key");
    check_serves(cluster, "after");
    cluster_destroy(&cluster);
}

/* What the third alone holds might be lost: an operator decides. */
static void recovery_wait_never_waits_for_ring_recover_force(void)
{
    static const char *const never[] = {"--gossip-interval-ms", "200", "--recovery-wait", "never",
                                        NULL};
    struct cluster *cluster = whole_cluster(never);

    check_serves(cluster, "before");
    kill_all(cluster);
    for (int node = 1; node <= 2; node++)
        cluster_start(cluster, node);
    for (int node = 1; node <= 2; node++) {
        talk_until(cluster, node, "*RING RECOVER FORCE*", "RING STATUS");
        talk_expect_node(cluster, node, "*whole: no\n*with a quorum: 0, *", "RING STATUS");
        talk_expect_node(cluster, node, "-*", "SET key other");
        talk_expect_node(cluster, node, "-*", "GET key");
    }
    for (int node = 1; node <= 2; node++)
        talk_expect_node(cluster, node, "OK*", "RING RECOVER FORCE");
    for (int node = 1; node <= 2; node++)
        talk_wait_votes(cluster, node);
    check_serves(cluster, "forced");

    /* The third finds two that vote: it needs nobody. */
    cluster_start(cluster, 3);
    talk_wait_votes(cluster, 3);
    talk_wait_linked(cluster, 2);
    check_serves(cluster, "whole");
    cluster_destroy(&cluster);
}

/* ---- values by the thousands ---- */

#define VALUE_BYTES_MAX 16000

static void write_values(struct cluster *cluster, int node, unsigned from, unsigned to, int size,
                         unsigned generation)
{
    static char padding[VALUE_BYTES_MAX + 1];
    redisContext *context = cluster_connect(cluster, node);

    memset(padding, 'x', (size_t)size);
    padding[size] = '\0';
    for (unsigned begin = from; begin < to; begin += BATCH) {
        const unsigned end = begin + BATCH < to ? begin + BATCH : to;
        for (unsigned key = begin; key < end; key++)
            redisAppendCommand(context, "SET key:%u %u:%u:%s", key, key, generation, padding);
        for (unsigned key = begin; key < end; key++) {
            redisReply *reply = next_reply(context);
            check_that(reply->type == REDIS_REPLY_STATUS, "SET key:%u: %s", key, talk_text(reply));
            freeReplyObject(reply);
        }
    }
    redisFree(context);
}

/* Reads all keys, at ONE or QUORUM; returns how many are there. All must be of their last
 * generation; not to be there counts as it is wished. */
static unsigned read_values(redisContext *context, const char *level, unsigned count,
                            unsigned generation)
{
    unsigned there = 0;

    for (unsigned begin = 0; begin < count; begin += BATCH) {
        const unsigned end = begin + BATCH < count ? begin + BATCH : count;
        for (unsigned key = begin; key < end; key++)
            redisAppendCommand(context, "AT %s GET key:%u", level, key);
        for (unsigned key = begin; key < end; key++) {
            char wanted[32];
            redisReply *reply = next_reply(context);
            snprintf(wanted, sizeof wanted, "%u:%u:", key, generation);
            check_that(reply->type == REDIS_REPLY_NIL ||
                           (reply->type == REDIS_REPLY_STRING &&
                            strncmp(reply->str, wanted, strlen(wanted)) == 0),
                       "key:%u is '%s...' or nil, got %.100s", key, wanted, talk_text(reply));
            there += reply->type == REDIS_REPLY_STRING;
            freeReplyObject(reply);
        }
    }
    return there;
}

/* ---- hints dropped ---- */

#define HINT_KEYS  3000
#define HINT_BYTES 1000 /* of a value: three times what hint-bytes lets each of two nodes keep */

struct coming {
    struct cluster *cluster;
    int node;
    const char *name; /* in INFO repair */
};

static bool counted(void *context)
{
    const struct coming *coming = context;

    return number_of(coming->cluster, coming->node, "repair", coming->name) > 0;
}

static void wait_counted(struct cluster *cluster, int node, const char *name)
{
    struct coming coming = {.cluster = cluster, .node = node, .name = name};

    check_that(check_until(COME_LIMIT_MS, counted, &coming), "node %d counts %s", node, name);
}

static void dropped_hints_make_one_who_forgot(void)
{
    static const char *const small[] = {"--gossip-interval-ms", "200", "--hint-bytes", "1mb", NULL};
    struct cluster *cluster = whole_cluster(small);

    write_values(cluster, 1, 0, HINT_KEYS, HINT_BYTES, 1);
    cluster_pause(cluster, 3);
    talk_wait_dead(cluster, 3);
    for (int node = 1; node <= 2; node++) {
        write_values(cluster, node, (unsigned)(node - 1) * HINT_KEYS, (unsigned)node * HINT_KEYS,
                     HINT_BYTES, 2);
        wait_counted(cluster, node, "hints_dropped");
        const long long bytes = number_of(cluster, node, "repair", "hint_bytes");
        check_that(0 < bytes && bytes < MB + MB / 4, "node %d keeps %lld bytes of hints", node,
                   bytes);
    }

    cluster_resume(cluster, 3);
    wait_counted(cluster, 3, "recovered_partitions");
    talk_wait_votes(cluster, 3);
    talk_wait_linked(cluster, 2);
    talk_wait_settled(cluster);
    for (int node = 1; node <= 2; node++)
        cluster_pause(cluster, node);
    redisContext *context = cluster_connect(cluster, 3);
    const unsigned there = read_values(context, "ONE", 2 * HINT_KEYS, 2);
    check_that(there == 2 * HINT_KEYS, "node 3 has all of %d keys, got %u", 2 * HINT_KEYS, there);
    redisFree(context);
    cluster_destroy(&cluster);
}

/* ---- a full cache ---- */

#define FULL_MAXMEMORY   (16 * MB)
#define FULL_MEMORY_MAX  (FULL_MAXMEMORY + FULL_MAXMEMORY / 8)
#define FULL_KEYS        2000
#define FULL_BYTES       16000 /* of a value: twice what fits */
#define FULL_STEP        250
#define FULL_GENERATIONS 2

static void a_full_cache_evicts_and_refuses_nothing(void)
{
    static const char *const full[] = {"--maxmemory", "16mb", "--maxmemory-policy", "allkeys-clock",
                                       NULL};
    struct cluster *cluster = whole_cluster(full);

    for (unsigned generation = 1; generation <= FULL_GENERATIONS; generation++) {
        for (unsigned from = 0; from < FULL_KEYS; from += FULL_STEP) {
            write_values(cluster, (int)(from / FULL_STEP % 3) + 1, from, from + FULL_STEP,
                         FULL_BYTES, generation);
            for (int node = 1; node <= 3; node++) {
                const long long used = number_of(cluster, node, "memory", "used_memory");
                check_that(used <= FULL_MEMORY_MAX, "node %d uses at most %d bytes, got %lld", node,
                           FULL_MEMORY_MAX, used);
            }
        }
    }
    for (int node = 1; node <= 3; node++) {
        check_that(number_of(cluster, node, "stats", "evicted_keys") > 0, "node %d evicts", node);
        redisContext *context = cluster_connect(cluster, node);
        const unsigned there = read_values(context, "QUORUM", FULL_KEYS, FULL_GENERATIONS);
        check_that(there >= FULL_KEYS / 4, "some of %d keys are there, got %u", FULL_KEYS, there);
        redisFree(context);
    }
    cluster_destroy(&cluster);
}

/* ---- VERSION ---- */

static void version_shows_what_each_replica_holds(void)
{
    static const char *const quick[] = {"--gossip-interval-ms", "200", NULL};
    struct cluster *cluster = whole_cluster(quick);

    talk_expect_node(cluster, 1, "OK", "SET key value");
    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node,
                   "(node *: votes; dot *5 bytes*, node *: votes; dot *5 bytes*, "
                   "node *: votes; dot *5 bytes*)",
                   "VERSION key");
    redisReply *reply = cluster_command(cluster, 2, "VERSION key");
    check_that(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3, "a line for each, got %s",
               talk_text(reply));
    freeReplyObject(reply);
    cluster_kill(cluster, 2);
    talk_wait_dead(cluster, 2);
    talk_expect_node(cluster, 1, "(node *, node *, node *)", "VERSION key");
    talk_expect_node(cluster, 1, "*cannot be reached*", "VERSION key");
    cluster_destroy(&cluster);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"all_nodes_killed_at_once_serve_again_by_themselves", 90,
         all_nodes_killed_at_once_serve_again_by_themselves},
        {"recovery_wait_never_waits_for_ring_recover_force", 90,
         recovery_wait_never_waits_for_ring_recover_force},
        {"dropped_hints_make_one_who_forgot", 90, dropped_hints_make_one_who_forgot},
        {"a_full_cache_evicts_and_refuses_nothing", 90, a_full_cache_evicts_and_refuses_nothing},
        {"version_shows_what_each_replica_holds", 60, version_shows_what_each_replica_holds},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
