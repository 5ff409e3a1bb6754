/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The stranger's walk: what somebody does who has just started three nodes, with a client library
 * and with redis-cli.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/process.h"
#include "lib/talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLOTS        16384

static const char *const quick[] = {"--gossip-interval-ms", "200", NULL};
static const struct cluster_options three = {.nodes = 3, .threads = 2, .directives = quick};
static const struct cluster_options one = {.nodes = 1, .threads = 2};

/* Three nodes that know each other. */
static struct cluster *whole_cluster(void)
{
    struct cluster *cluster = cluster_create(&three);

    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
    return cluster;
}

static void what_one_node_took_all_give(void)
{
    struct cluster *cluster = cluster_create(&three);

    talk_expect_node(cluster, 1, "OK", "SET greeting hello");
    for (int node = 1; node <= 3; node++)
        talk_expect_node(cluster, node, "hello", "GET greeting");
    talk_expect_node(cluster, 2, "OK", "MSET a 1 b 2 c 3");
    talk_expect_node(cluster, 3, "(1, 2, 3, (nil))", "MGET a b c d");
    talk_expect_node(cluster, 1, ":2", "DEL a d b");
    talk_expect_node(cluster, 2, "((nil), (nil), 3)", "MGET a b c");
    talk_expect_node(cluster, 3, ":1", "INCR counter");
    talk_expect_node(cluster, 2, ":2", "INCR counter");
    talk_expect_node(cluster, 1, ":3", "DBSIZE");
    talk_expect_node(cluster, 2, "OK", "FLUSHALL");
    talk_expect_node(cluster, 3, "(nil)", "GET greeting");
    cluster_destroy(&cluster);
}

/* Every question at once, right after RING INIT said OK. */
static void a_ring_that_was_formed_serves_at_once(void)
{
    struct cluster *cluster = cluster_create_apart(&three);
    redisContext *contexts[3];

    for (int i = 0; i < 3; i++)
        contexts[i] = cluster_connect(cluster, i + 1);
    talk_expect(contexts[0], "OK*", "RING INIT 127.0.0.1:%u 127.0.0.1:%u 127.0.0.1:%u",
                cluster_port(cluster, 1), cluster_port(cluster, 2), cluster_port(cluster, 3));
    for (int i = 0; i < 3; i++)
        talk_expect(contexts[i], "OK", "SET key-%d value-%d", i, i);
    for (int i = 0; i < 3; i++)
        talk_expect(contexts[i], "(value-0, value-1, value-2)", "MGET key-0 key-1 key-2");
    for (int i = 0; i < 3; i++)
        redisFree(contexts[i]);
    cluster_destroy(&cluster);
}

static void two_nodes_of_three_serve_on(void)
{
    struct cluster *cluster = whole_cluster();

    talk_wait_linked(cluster, 2);
    talk_expect_node(cluster, 1, "OK", "SET greeting hello");
    cluster_kill(cluster, 2);
    talk_expect_node(cluster, 1, "OK", "SET greeting again");
    talk_expect_node(cluster, 3, "again", "GET greeting");
    talk_until(cluster, 1, "*node 2: * dead, *whole: no*with a quorum: 1024, of 1024*",
               "RING STATUS");
    talk_until(cluster, 3, "*node 2: * dead, *", "RING STATUS");
    talk_expect_node(cluster, 3, "again", "GET greeting");
    talk_expect_node(cluster, 1, ":1", "INCR counter");
    talk_expect_node(cluster, 3, ":2", "INCR counter");
    cluster_destroy(&cluster);
}

struct kept {
    struct cluster *cluster;
    char slot[16];
};

/* What was written before it forgot lies below its ceiling, and clocks take a moment to pass that.
 * COUNTKEYSINSLOT is of one node, other than DBSIZE. */
static bool node_2_keeps_what_is_written(void *context)
{
    struct kept *kept = context;

    talk_expect_node(kept->cluster, 1, "OK", "SET after 2");
    return strcmp(talk_node(kept->cluster, 2, "CLUSTER COUNTKEYSINSLOT %s", kept->slot), ":1") == 0;
}

static void a_restarted_node_recovers_and_votes(void)
{
    struct cluster *cluster = whole_cluster();
    char identity[64];

    talk_wait_linked(cluster, 2);
    snprintf(identity, sizeof identity, "%s", talk_node(cluster, 2, "CLUSTER MYID"));
    talk_expect_node(cluster, 1, "OK", "SET before 1");
    cluster_kill(cluster, 2);
    talk_wait_dead(cluster, 2);
    talk_expect_node(cluster, 1, "OK", "SET meanwhile 1");
    cluster_start(cluster, 2);
    talk_expect_node(cluster, 2, identity, "CLUSTER MYID");
    talk_wait_votes(cluster, 2);
    for (int node = 1; node <= 3; node++)
        talk_until(cluster, node, "*\nwhole: yes\n*", "RING STATUS");
    talk_wait_linked(cluster, 2);

    /* With it and one other there is a quorum. */
    cluster_kill(cluster, 3);
    talk_wait_dead(cluster, 3);
    for (int node = 1; node <= 2; node++) {
        talk_expect_node(cluster, node, "(1, 1)", "MGET before meanwhile");
        talk_expect_node(cluster, node, "OK", "SET after %d", node);
        talk_expect_node(cluster, 3 - node, node == 1 ? "1" : "2", "GET after");
    }
    cluster_destroy(&cluster);
}

/* One voter of three is left, and nobody is to decide that what the third has does not matter. */
static void until_it_has_recovered_a_node_takes_writes_and_does_not_vote(void)
{
    static const char *const never[] = {"--recovery-wait", "never", "--gossip-interval-ms", "200",
                                        NULL};
    const struct cluster_options patient = {.nodes = 3, .threads = 2, .directives = never};
    struct cluster *cluster = cluster_create(&patient);

    talk_wait_linked(cluster, 2);
    talk_expect_node(cluster, 1, "OK", "AT ALL SET before 1");
    /* Who was never heard of is not found dead. */
    talk_until(cluster, 1, "*node 2: * alive, votes*", "RING STATUS");
    talk_until(cluster, 1, "*node 3: * alive, votes*", "RING STATUS");
    for (int node = 2; node <= 3; node++)
        cluster_kill(cluster, node);
    for (int node = 2; node <= 3; node++)
        talk_wait_dead(cluster, node);
    cluster_start(cluster, 2);
    for (int node = 1; node <= 2; node++)
        talk_until(cluster, node, "*node 2: * alive, does not vote*", "RING STATUS");
    talk_wait_linked(cluster, 2);

    talk_expect_node(cluster, 2, "1", "AT ONE GET before");
    talk_expect_node(cluster, 2, "OK", "SET after 2");
    talk_expect_node(cluster, 1, "-NOQUORUM needed 2 of 3, got 1 in * ms", "GET after");
    talk_expect_node(cluster, 2, "2", "AT ONE GET after");
    struct kept kept = {.cluster = cluster};
    snprintf(kept.slot, sizeof kept.slot, "%s", talk_node(cluster, 2, "CLUSTER KEYSLOT after") + 1);
    check_that(check_until(20000, node_2_keeps_what_is_written, &kept), "node 2 takes writes");

    /* With all of them there, there is nothing to wait for. */
    cluster_start(cluster, 3);
    for (int node = 1; node <= 3; node++)
        talk_wait_votes(cluster, node);
    talk_wait_linked(cluster, 2);
    for (int node = 1; node <= 3; node++)
        talk_expect_node(cluster, node, "(1, 2)", "MGET before after");
    cluster_destroy(&cluster);
}

static void a_ring_of_one_serves_and_restarts(void)
{
    struct cluster *cluster = cluster_create(&one);
    char identity[64];

    talk_expect_node(cluster, 1, "OK", "SET key value");
    talk_expect_node(cluster, 1, "value", "GET key");
    talk_expect_node(cluster, 1, "*of this node alone*", "RING STATUS");
    snprintf(identity, sizeof identity, "%s", talk_node(cluster, 1, "CLUSTER MYID"));
    cluster_stop(cluster, 1);
    cluster_start(cluster, 1);
    cluster_wait_ok(cluster);
    talk_expect_node(cluster, 1, identity, "CLUSTER MYID");
    talk_expect_node(cluster, 1, "(nil)", "GET key");
    talk_expect_node(cluster, 1, "OK", "SET key other");
    talk_expect_node(cluster, 1, "other", "GET key");
    talk_expect_node(cluster, 1, ":1", "INCR counter");
    cluster_kill(cluster, 1);
    cluster_start(cluster, 1);
    cluster_wait_ok(cluster);
    talk_expect_node(cluster, 1, identity, "CLUSTER MYID");
    talk_expect_node(cluster, 1, ":1", "INCR counter");
    cluster_destroy(&cluster);
}

/* ---- what cluster-aware clients read ---- */

static const redisReply *at(const redisReply *reply, size_t index)
{
    check_that(reply->type == REDIS_REPLY_ARRAY && index < reply->elements, "element %zu", index);
    return reply->element[index];
}

static long long number_at(const redisReply *reply, size_t index)
{
    check_that(at(reply, index)->type == REDIS_REPLY_INTEGER, "an integer at %zu", index);
    return at(reply, index)->integer;
}

static const char *string_at(const redisReply *reply, size_t index)
{
    check_that(at(reply, index)->type == REDIS_REPLY_STRING, "a string at %zu", index);
    return at(reply, index)->str;
}

/* The value that follows the name in a flat list of names and values. */
static const redisReply *field(const redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (strcmp(string_at(reply, i), name) == 0)
            return at(reply, i + 1);
    check_that(false, "a field '%s'", name);
    return NULL;
}

static bool is_port_of(const struct cluster *cluster, long long port)
{
    for (int node = 1; node <= cluster_nodes(cluster); node++)
        if (cluster_port(cluster, node) == port)
            return true;
    return false;
}

/* Marks a run of slots; none may have been marked before. */
static void cover(char *slots, long long first, long long last)
{
    check_that(0 <= first && first <= last && last < SLOTS, "a run from %lld to %lld", first, last);
    for (long long slot = first; slot <= last; slot++) {
        check_that(!slots[slot], "slot %lld once", slot);
        slots[slot] = 1;
    }
}

static void all_covered(const char *slots)
{
    for (int slot = 0; slot < SLOTS; slot++)
        check_that(slots[slot], "slot %d has a master", slot);
}

static void cluster_slots_cover_the_ring(void)
{
    struct cluster *cluster = whole_cluster();
    char slots[SLOTS] = {0};
    redisReply *reply = cluster_command(cluster, 2, "CLUSTER SLOTS");

    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *run = at(reply, i);
        /* Each node stands alone once, before all others, so that clients take it for a master. */
        check_that(run->elements == (i < 3 ? 3 : 5), "run %zu lists %zu elements", i,
                   run->elements);
        cover(slots, number_at(run, 0), number_at(run, 1));
        for (size_t n = 2; n < run->elements; n++) {
            check_that(strcmp(string_at(at(run, n), 0), "127.0.0.1") == 0, "an address");
            check_that(is_port_of(cluster, number_at(at(run, n), 1)), "a node's port");
            check_that(strlen(string_at(at(run, n), 2)) == 40, "an identity");
        }
    }
    all_covered(slots);
    freeReplyObject(reply);
    cluster_destroy(&cluster);
}

static void cluster_shards_cover_the_ring(void)
{
    struct cluster *cluster = whole_cluster();
    char slots[SLOTS] = {0};
    redisReply *reply = cluster_command(cluster, 3, "CLUSTER SHARDS");

    check_that(reply->elements == 3, "three shards, not %zu", reply->elements);
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *runs = field(at(reply, i), "slots");
        const redisReply *node = at(field(at(reply, i), "nodes"), 0);
        for (size_t r = 0; r + 1 < runs->elements; r += 2)
            cover(slots, number_at(runs, r), number_at(runs, r + 1));
        check_that(is_port_of(cluster, field(node, "port")->integer), "a node's port");
        check_that(strcmp(field(node, "role")->str, "master") == 0, "a master");
        check_that(strcmp(field(node, "health")->str, "online") == 0, "online");
    }
    all_covered(slots);
    freeReplyObject(reply);
    cluster_destroy(&cluster);
}

static void read_node_line(const struct cluster *cluster, char *line, char *slots, int *selves)
{
    char id[64], address[64], flags[64];
    int read = 0;
    unsigned port, bus;

    check_that(
        sscanf(line, "%63s %63s %63s - %*s %*s %*s connected%n", id, address, flags, &read) == 3 &&
            read > 0,
        "a line of CLUSTER NODES, not '%.200s'", line);
    check_that(strlen(id) == 40, "an identity, not '%s'", id);
    check_that(sscanf(address, "127.0.0.1:%u@%u", &port, &bus) == 2 && bus == port + BUS_OFFSET &&
                   is_port_of(cluster, port),
               "an address, not '%s'", address);
    *selves += strncmp(flags, "myself,", 7) == 0;
    check_that(strstr(flags, "master") != NULL, "a master, not '%s'", flags);
    char *rest;
    for (char *run = strtok_r(line + read, " ", &rest); run != NULL;
         run = strtok_r(NULL, " ", &rest)) {
        long long first, last;
        const int numbers = sscanf(run, "%lld-%lld", &first, &last);
        check_that(numbers >= 1, "a run, not '%s'", run);
        cover(slots, first, numbers == 2 ? last : first);
    }
}

static void cluster_nodes_cover_the_ring(void)
{
    struct cluster *cluster = whole_cluster();
    char slots[SLOTS] = {0};
    int lines = 0, selves = 0;
    char *rest;
    redisReply *reply = cluster_command(cluster, 1, "CLUSTER NODES");

    for (char *line = strtok_r(reply->str, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        lines++;
        read_node_line(cluster, line, slots, &selves);
    }
    check_that(lines == 3 && selves == 1, "three nodes, this one among them");
    all_covered(slots);
    freeReplyObject(reply);
    cluster_destroy(&cluster);
}

/* ---- redis-cli ---- */

static void read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");

    check_that(file != NULL, "%s", path);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* Runs redis-cli on a node, and fails the case unless it ends with 0 and has said `wanted`. */
static void cli(const struct cluster *cluster, int node, const char *wanted,
                const char *const *words)
{
    static unsigned number;
    static char text[1 << 20];
    struct process process = {0};
    char port[12], log[4200];
    const char *said[32] = {"redis-cli", "-p", port};
    char *argv[32] = {NULL};
    size_t count = 3;

    if (system("command -v redis-cli >/dev/null") != 0)
        check_skip("redis-cli is not installed");
    snprintf(port, sizeof port, "%u", cluster_port(cluster, node));
    snprintf(log, sizeof log, "%s/cli-%u.log", check_scratch(), number++);
    for (; *words != NULL && count < COUNT(said) - 1; words++)
        said[count++] = *words;
    for (size_t i = 0; i < count; i++)
        memcpy(&argv[i], &said[i], sizeof argv[i]); /* execvp changes none of them */
    process_start(&process, log, argv);
    const int status = process_wait(&process, 30000);
    read_file(log, text, sizeof text);
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, "redis-cli ends with 0: %s", text);
    check_that(strstr(text, wanted) != NULL, "redis-cli says '%s', not '%s'", wanted, text);
}

#define CLI(cluster, node, wanted, ...) \
    cli(cluster, node, wanted, (const char *const[]){__VA_ARGS__, NULL})

static void a_transaction_sees_what_its_commands_left(void)
{
    struct cluster *cluster = whole_cluster();
    redisContext *context = cluster_connect(cluster, 1);

    talk_expect(context, "OK", "MULTI");
    talk_expect(context, "QUEUED", "SETRANGE padded 3 x"); /* zeros before it */
    talk_expect(context, "QUEUED", "APPEND padded y");
    talk_expect(context, "QUEUED", "STRLEN padded");
    talk_expect(context, "QUEUED", "GETRANGE padded 3 4");
    talk_expect(context, "(:4, :5, :5, xy)", "EXEC");
    talk_expect(context, "xy", "GETRANGE padded 3 4");
    redisFree(context);
    cluster_destroy(&cluster);
}

#define FOR_EVER "redis.call('set', KEYS[1], 1) while true do end"

static void a_script_that_runs_for_ever_is_ended_and_others_are_served(void)
{
    struct cluster *cluster = whole_cluster();
    redisContext *context = cluster_connect(cluster, 1);
    redisReply *reply = NULL;
    int done = 0;

    talk_expect(context, "OK", "CONFIG SET lua-time-limit 60000");
    check_that(redisAppendCommand(context, "EVAL %s 1 endless", FOR_EVER) == REDIS_OK,
               "it is sent");
    while (!done)
        check_that(redisBufferWrite(context, &done) == REDIS_OK, "it is sent");
    talk_until(cluster, 2, "OK", "SCRIPT KILL");
    check_that(redisGetReply(context, (void **)&reply) == REDIS_OK, "it is answered");
    talk_match(__FILE__, __LINE__, "-ERR Script killed by user with SCRIPT KILL*", talk_text(reply),
               "EVAL");
    freeReplyObject(reply);
    for (int node = 1; node <= 3; node++)
        talk_expect_node(cluster, node, "OK", "CONFIG SET lua-time-limit 100");
    talk_expect(context, "-ERR the script ran for longer than it may*", "EVAL %s 1 endless",
                FOR_EVER);
    talk_expect(context, "(nil)", "GET endless");
    /* Sanitizers make a long string a long turn. */
    for (int node = 1; node <= 3; node++)
        talk_expect_node(cluster, node, "OK", "CONFIG SET request-timeout-ms 20000");
    talk_expect(context, "-ERR the script needs more than script-memory-limit*", "EVAL %s 1 k",
                "local s = 'x' while true do s = s .. s end");
    redisFree(context);
    cluster_destroy(&cluster);
}

static void redis_cli_is_content(void)
{
    struct cluster *cluster = whole_cluster();
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%u", cluster_port(cluster, 1));
    CLI(cluster, 1, "OK", "set", "greeting", "hello");
    CLI(cluster, 3, "hello", "get", "greeting");
    CLI(cluster, 3, "hello", "-3", "get", "greeting");
    CLI(cluster, 2, "hello", "-c", "get", "greeting");
    CLI(cluster, 2, "server", "-3", "hello");
    CLI(cluster, 1, "[OK] All 16384 slots covered.", "--cluster", "check", address);
    CLI(cluster, 1, "summary", "command", "docs", "get");
    CLI(cluster, 1, "movablekeys", "command", "info", "at");
    CLI(cluster, 1, "redis_version:", "info", "server");
    CLI(cluster, 1, "cluster_state:ok", "cluster", "info");
    CLI(cluster, 1, "whole: yes", "ring", "status");
    CLI(cluster, 1, "maxmemory", "config", "get", "max*");
    CLI(cluster, 1, "ERR unknown command", "nonsense");
    CLI(cluster, 1, "ERR wrong number of arguments for 'get' command", "get");
    cluster_destroy(&cluster);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"what_one_node_took_all_give", 30, what_one_node_took_all_give},
        {"a_ring_that_was_formed_serves_at_once", 30, a_ring_that_was_formed_serves_at_once},
        {"two_nodes_of_three_serve_on", 60, two_nodes_of_three_serve_on},
        {"a_restarted_node_recovers_and_votes", 60, a_restarted_node_recovers_and_votes},
        {"until_it_has_recovered_a_node_takes_writes_and_does_not_vote", 60,
         until_it_has_recovered_a_node_takes_writes_and_does_not_vote},
        {"a_ring_of_one_serves_and_restarts", 30, a_ring_of_one_serves_and_restarts},
        {"cluster_slots_cover_the_ring", 30, cluster_slots_cover_the_ring},
        {"cluster_shards_cover_the_ring", 30, cluster_shards_cover_the_ring},
        {"cluster_nodes_cover_the_ring", 30, cluster_nodes_cover_the_ring},
        {"a_transaction_sees_what_its_commands_left", 30,
         a_transaction_sees_what_its_commands_left},
        {"a_script_that_runs_for_ever_is_ended_and_others_are_served", 30,
         a_script_that_runs_for_ever_is_ended_and_others_are_served},
        {"redis_cli_is_content", 30, redis_cli_is_content},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
