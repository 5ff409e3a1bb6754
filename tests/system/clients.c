/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clients that ask for much, too much, or behave badly: each gets what it is due, costs bounded
 * memory, and harms no other.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/raw.h"
#include "lib/talk.h"
#include "lib/timeout.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MB           (1 << 20)

/* Large values take their time on a slow machine. */
static const char *const patient[] = {"--request-timeout-ms", "20000", NULL};
static const struct cluster_options one = {.nodes = 1, .threads = 2};
static const struct cluster_options three = {.nodes = 3, .threads = 2, .directives = patient};

static char *filled(size_t size, char with)
{
    char *bytes = malloc(size + 1);

    check_that(bytes != NULL, "memory");
    memset(bytes, with, size);
    bytes[size] = '\0';
    return bytes;
}

static void *next_reply(redisContext *context)
{
    void *reply = NULL;

    check_that(redisGetReply(context, &reply) == REDIS_OK, "an answer: %s", context->errstr);
    return reply;
}

static void expect_next(redisContext *context, const char *wanted)
{
    redisReply *reply = next_reply(context);

    check_that(strcmp(talk_text(reply), wanted) == 0, "'%s', got '%.200s'", wanted,
               talk_text(reply));
    freeReplyObject(reply);
}

static long long stat_of(const struct cluster *cluster, const char *section, const char *name)
{
    return talk_number(talk_node(cluster, 1, "INFO %s", section), name);
}

/* The most memory that node 1 ever had. */
static long long peak(const struct cluster *cluster)
{
    return raw_resident_peak(stat_of(cluster, "server", "process_id"));
}

/* ---- many ---- */

static void hundreds_come_at_once(void)
{
    struct cluster *cluster = cluster_create(&one);
    int fds[500];
    char text[8];

    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = raw_connect(cluster_port(cluster, 1));
    for (size_t i = 0; i < COUNT(fds); i++)
        check_that(raw_send(fds[i], "PING\r\n", 6), "client %zu is taken", i);
    for (size_t i = 0; i < COUNT(fds); i++)
        check_that(raw_receive(fds[i], text, 7) == 7 && strcmp(text, "+PONG\r\n") == 0,
                   "client %zu is answered, got '%s'", i, text);
    check_that(stat_of(cluster, "clients", "connected_clients") == COUNT(fds) + 1,
               "all are counted");
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    talk_until(cluster, 1, "*\nconnected_clients:1\r\n*", "INFO clients");
    cluster_destroy(&cluster);
}

static void one_too_many_is_told_so(void)
{
    struct cluster *cluster = cluster_create(&one);
    redisContext *context = cluster_connect(cluster, 1);
    redisContext *second = cluster_connect(cluster, 1);
    char text[64];

    talk_expect(second, "PONG", "PING");
    talk_expect(context, "OK", "CONFIG SET maxclients 2");
    const int fd = raw_connect(cluster_port(cluster, 1));
    raw_receive(fd, text, sizeof text - 1);
    check_that(strcmp(text, "-ERR max number of clients reached\r\n") == 0, "'%s'", text);
    close(fd);
    talk_expect(context, "*\nrejected_connections:1\r\n*", "INFO stats");
    redisFree(second);
    /* Its place is free once its worker has noticed. */
    talk_expect(context, "OK", "CONFIG SET maxclients 100");
    talk_until(cluster, 1, "PONG", "PING");
    redisFree(context);
    cluster_destroy(&cluster);
}

/* ---- pipelines ---- */

#define DEPTH 10000

static void a_deep_pipeline_is_answered_in_order(void)
{
    struct cluster *cluster = cluster_create(&three);
    redisContext *context = cluster_connect(cluster, 2);
    char wanted[32];

    for (int i = 0; i < DEPTH; i++) {
        redisAppendCommand(context, "SET key:%d %d", i % 100, i);
        redisAppendCommand(context, "GET key:%d", i % 100);
        redisAppendCommand(context, "INCR counter:%d", i % 10);
        redisAppendCommand(context, "ECHO %d", i);
    }
    for (int i = 0; i < DEPTH; i++) {
        snprintf(wanted, sizeof wanted, "%d", i);
        expect_next(context, "OK");
        expect_next(context, wanted);
        snprintf(wanted, sizeof wanted, ":%d", i / 10 + 1);
        expect_next(context, wanted);
        snprintf(wanted, sizeof wanted, "%d", i);
        expect_next(context, wanted);
    }
    redisFree(context);
    cluster_destroy(&cluster);
}

/* ---- large values ---- */

static void large_values_pass_through_three_nodes(void)
{
    struct cluster *cluster = cluster_create(&three);
    const size_t size = 20 * MB;
    char *value = filled(size, 'v');

    for (size_t i = 0; i < size; i += 4096)
        value[i] = (char)('a' + i / 4096 % 26);
    for (int node = 1; node <= 3; node++) {
        redisContext *context = cluster_connect(cluster, node);
        redisReply *reply = redisCommand(context, "SET large:%d %b", node, value, size);
        check_that(reply != NULL && reply->type == REDIS_REPLY_STATUS, "SET through node %d: %s",
                   node, reply != NULL ? reply->str : context->errstr);
        freeReplyObject(reply);
        redisFree(context);
    }
    for (int node = 1; node <= 3; node++) {
        redisContext *context = cluster_connect(cluster, node);
        redisReply *reply = redisCommand(context, "MGET large:1 large:2 large:3");
        check_that(reply != NULL && reply->elements == 3, "three values through node %d: %.200s",
                   node, reply != NULL ? talk_text(reply) : context->errstr);
        for (size_t i = 0; i < 3; i++)
            check_that(reply->element[i]->type == REDIS_REPLY_STRING &&
                           reply->element[i]->len == size &&
                           memcmp(reply->element[i]->str, value, size) == 0,
                       "value %zu through node %d is whole, not %.200s", i, node,
                       talk_text(reply->element[i]));
        freeReplyObject(reply);
        redisFree(context);
    }
    talk_expect_node(cluster, 2, ":20971530", "APPEND large:3 0123456789");
    talk_expect_node(cluster, 1, ":20971530", "STRLEN large:3");
    free(value);
    cluster_destroy(&cluster);
}

static void keys_and_values_are_binary(void)
{
    struct cluster *cluster = cluster_create(&three);
    static const char key[] = "k\0\r\n\xff{}", value[] = "\0v\r\n$5\r\n\x80";
    redisContext *context = cluster_connect(cluster, 1);
    redisReply *reply = redisCommand(context, "SET %b %b", key, sizeof key, value, sizeof value);

    check_that(reply != NULL && reply->type == REDIS_REPLY_STATUS, "SET");
    freeReplyObject(reply);
    redisFree(context);
    context = cluster_connect(cluster, 3);
    reply = redisCommand(context, "GET %b", key, sizeof key);
    check_that(reply != NULL && reply->len == sizeof value &&
                   memcmp(reply->str, value, sizeof value) == 0,
               "the value comes back");
    freeReplyObject(reply);
    redisFree(context);
    cluster_destroy(&cluster);
}

/* ---- who does not read ---- */

/* Asks for `count` values of a megabyte and reads nothing; returns the connection. */
static int ask_and_never_read(const struct cluster *cluster, int count)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n";
    const int fd = raw_connect(cluster_port(cluster, 1));

    for (int i = 0; i < count; i++)
        if (!raw_send(fd, get, sizeof get - 1))
            break;
    return fd;
}

static void set_large(const struct cluster *cluster)
{
    char *value = filled(MB, 'v');

    talk_expect_node(cluster, 1, "OK", "SET large %s", value);
    free(value);
}

static void a_client_that_never_reads_is_dropped(void)
{
    static const char *const limits[] = {"--client-output-buffer-limit", "normal 16mb 0 0", NULL};
    const struct cluster_options options = {.nodes = 1, .threads = 2, .directives = limits};
    struct cluster *cluster = cluster_create(&options);

    set_large(cluster);
    const long long before = peak(cluster);
    const int fd = ask_and_never_read(cluster, 3000);
    talk_until(cluster, 1, "*\nclient_limit_closes:1\r\n*", "INFO stats");
    const long long grown = peak(cluster) - before;
    check_that(grown < 200 * MB, "of 3000 MB that were asked for few were taken, not %lld MB",
               grown / MB);
    raw_expect_end(fd);
    close(fd);
    talk_expect_node(cluster, 1, "PONG", "PING");
    cluster_destroy(&cluster);
}

/* The same through a node that is not alone: there the answers wait for others. */
static void a_client_that_never_reads_from_three_is_dropped(void)
{
    static const char *const limits[] = {"--client-output-buffer-limit", "normal 16mb 0 0",
                                         "--request-timeout-ms", "20000", NULL};
    const struct cluster_options options = {.nodes = 3, .threads = 2, .directives = limits};
    struct cluster *cluster = cluster_create(&options);

    set_large(cluster);
    const long long before = peak(cluster);
    const int fd = ask_and_never_read(cluster, 3000);
    talk_until(cluster, 1, "*\nclient_limit_closes:1\r\n*", "INFO stats");
    const long long grown = peak(cluster) - before;
    check_that(grown < 200 * MB, "of 3000 MB that were asked for few were taken, not %lld MB",
               grown / MB);
    raw_expect_end(fd);
    close(fd);
    talk_expect_node(cluster, 2, "OK", "SET key value");
    talk_expect_node(cluster, 1, "value", "GET key");
    cluster_destroy(&cluster);
}

/* Over the soft limit it is not read from, costs what is there, and others go on; once it reads it
 * gets all that it asked for. */
static void a_client_that_never_reads_is_stopped(int nodes)
{
    static const char *const limits[] = {"--client-output-buffer-limit", "normal 256mb 16mb 60",
                                         "--request-timeout-ms", "20000", NULL};
    const struct cluster_options options = {.nodes = nodes, .threads = 1, .directives = limits};
    struct cluster *cluster = cluster_create(&options);
    const int asked = 300;
    char *text = malloc(MB + 1);

    check_that(text != NULL, "memory");
    set_large(cluster);
    const long long before = peak(cluster);
    const int fd = ask_and_never_read(cluster, asked);
    /* More than once where the kernel takes some of it later. */
    talk_until(cluster, 1, "*\nclient_limit_stops:[1-9]*", "INFO stats");
    for (int i = 0; i < 100; i++) {
        talk_expect_node(cluster, 1, "OK", "SET key:%d value", i);
        talk_expect_node(cluster, 1, "value", "GET key:%d", i);
    }
    const long long grown = peak(cluster) - before;
    check_that(grown < 150 * MB, "of %d MB that were asked for few were taken, not %lld MB", asked,
               grown / MB);
    for (int i = 0; i < asked; i++) {
        raw_receive(fd, text, 10);
        check_that(strcmp(text, "$1048576\r\n") == 0, "head %d, not '%s'", i, text);
        check_that(raw_receive(fd, text, MB) == MB && strspn(text, "v") == MB, "value %d", i);
        raw_receive(fd, text, 2);
    }
    check_that(stat_of(cluster, "stats", "client_limit_closes") == 0, "nobody was closed");
    close(fd);
    free(text);
    cluster_destroy(&cluster);
}

static void a_client_that_never_reads_from_one_is_stopped(void)
{
    a_client_that_never_reads_is_stopped(1);
}

static void a_client_that_never_reads_from_three_is_stopped(void)
{
    a_client_that_never_reads_is_stopped(3);
}

static void a_slow_reader_within_its_limit_gets_all(void)
{
    struct cluster *cluster = cluster_create(&one);
    char *text = malloc(MB + 1);

    check_that(text != NULL, "memory");
    set_large(cluster);
    const int fd = ask_and_never_read(cluster, 40);
    talk_until(cluster, 1, "*\nkeyspace_hits:40\r\n*", "INFO stats");
    for (int i = 0; i < 40; i++) {
        raw_receive(fd, text, 10);
        check_that(strcmp(text, "$1048576\r\n") == 0, "a value's head, not '%s'", text);
        check_that(raw_receive(fd, text, MB) == MB && strspn(text, "v") == MB, "a value");
        raw_receive(fd, text, 2);
    }
    close(fd);
    free(text);
    cluster_destroy(&cluster);
}

static void a_killed_client_that_never_reads_goes_at_once(void)
{
    struct cluster *cluster = cluster_create(&one);

    set_large(cluster);
    const int fd = ask_and_never_read(cluster, 40);
    talk_until(cluster, 1, "*\nkeyspace_hits:40\r\n*", "INFO stats");
    /* Those of the questions before may not be gone yet. */
    talk_expect_node(cluster, 1, ":[123]", "CLIENT KILL TYPE normal SKIPME yes");
    talk_until(cluster, 1, "*\nconnected_clients:1\r\n*", "INFO clients");
    close(fd);
    cluster_destroy(&cluster);
}

/* ---- silence ---- */

static void half_a_command_and_then_silence(void)
{
    struct cluster *cluster = cluster_create(&three);
    static const char half[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\nabc";
    int fds[20];

    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = raw_connect(cluster_port(cluster, 1));
        check_that(raw_send(fds[i], half, sizeof half - 1 - i), "a part is taken");
    }
    talk_expect_node(cluster, 1, "OK", "SET key value");
    talk_expect_node(cluster, 2, "value", "GET key");
    talk_expect_node(cluster, 1, "OK", "CONFIG SET timeout 1");
    for (size_t i = 0; i < COUNT(fds); i++) {
        raw_expect_end(fds[i]);
        close(fds[i]);
    }
    talk_expect_node(cluster, 1, "value", "GET key");
    cluster_destroy(&cluster);
}

/* ---- passwords, memory, CLIENT KILL ---- */

static void a_password_is_asked_for(void)
{
    struct cluster *cluster = cluster_create(&three);
    redisContext *admin = cluster_connect(cluster, 1);

    talk_expect(admin, "OK", "CONFIG SET requirepass secret");
    talk_expect(admin, "OK", "SET key value");
    redisContext *context = cluster_connect(cluster, 1);
    talk_expect(context, "-NOAUTH Authentication required.", "GET key");
    talk_expect(context, "-NOAUTH Authentication required.", "AT ONE GET key");
    talk_expect(context, "-NOAUTH Authentication required.", "RING STATUS");
    talk_expect(context, "-NOAUTH *", "HELLO 2");
    talk_expect(context, "-WRONGPASS invalid username-password pair or user is disabled.",
                "AUTH wrong");
    talk_expect(context, "-NOAUTH Authentication required.", "CONFIG GET requirepass");
    talk_expect(context, "OK", "AUTH secret");
    talk_expect(context, "value", "GET key");
    talk_expect(context, "RESET", "RESET");
    talk_expect(context, "-NOAUTH Authentication required.", "GET key");
    talk_expect(context, "(server, *", "HELLO 2 AUTH default secret");
    talk_expect(context, "value", "GET key");
    talk_expect(admin, "OK", "CONFIG SET requirepass %s", "");
    talk_expect_node(cluster, 1, "value", "GET key");
    redisFree(context);
    redisFree(admin);
    cluster_destroy(&cluster);
}

static void before_a_password_nobody_takes_memory(void)
{
    struct cluster *cluster = cluster_create(&one);
    redisContext *admin = cluster_connect(cluster, 1);
    char text[128];

    talk_expect(admin, "OK", "CONFIG SET requirepass secret");
    static const char *const greedy[] = {"*1000\r\n", "*2\r\n$3\r\nGET\r\n$1000000\r\n"};
    for (size_t i = 0; i < COUNT(greedy); i++) {
        const int fd = raw_connect(cluster_port(cluster, 1));
        check_that(raw_send(fd, greedy[i], strlen(greedy[i])), "it is taken");
        raw_receive(fd, text, sizeof text - 1);
        check_that(strstr(text, "-ERR Protocol error: unauthenticated") == text, "'%s'", text);
        close(fd);
    }
    redisFree(admin);
    cluster_destroy(&cluster);
}

static void at_maxmemory_writes_are_refused(void)
{
    struct cluster *cluster = cluster_create(&one);
    redisContext *context = cluster_connect(cluster, 1);
    char *value = filled(100000, 'v');
    const char *text = "OK";
    int written = 0;

    talk_expect(context, "OK", "CONFIG SET maxmemory 10mb");
    for (; written < 1000 && strcmp(text, "OK") == 0; written++)
        text = talk(context, "SET key:%d %s", written, value);
    check_that(strcmp(text, "-OOM command not allowed when used memory > 'maxmemory'.") == 0,
               "Redis' error, not '%s'", text);
    check_that(written >= 50, "some fit, not %d", written);
    talk_expect(context, "vvv*", "GET key:0");
    talk_expect(context, "-OOM *", "SET another %s", value);
    talk_expect(context, ":1", "DEL key:0");
    talk_expect(context, "OK", "CONFIG SET maxmemory 20mb");
    talk_expect(context, "OK", "SET another %s", value);
    talk_expect(context, "*\noom_refusals:*", "INFO stats");
    free(value);
    redisFree(context);
    cluster_destroy(&cluster);
}

static void clients_kill_each_other_across_workers(void)
{
    struct cluster *cluster = cluster_create(&one);
    redisContext *contexts[16];
    long long ids[16];

    for (size_t i = 0; i < COUNT(contexts); i++) {
        contexts[i] = cluster_connect(cluster, 1);
        ids[i] = strtoll(talk(contexts[i], "CLIENT ID") + 1, NULL, 10);
    }
    for (size_t i = 1; i < COUNT(contexts); i++) {
        talk_expect(contexts[0], ":1", "CLIENT KILL ID %lld", ids[i]);
        check_that(redisCommand(contexts[i], "PING") == NULL, "client %zu is gone", i);
        redisFree(contexts[i]);
    }
    talk_expect(contexts[0], ":0", "CLIENT KILL ID %lld", ids[1]);
    redisContext *other = cluster_connect(cluster, 1);
    talk_expect(other, "OK", "CLIENT SETNAME other");
    talk_expect(contexts[0], "*name=other *", "CLIENT LIST");
    talk_expect(contexts[0], ":1", "CLIENT KILL TYPE normal");
    check_that(redisCommand(other, "PING") == NULL, "it is gone");
    redisFree(other);
    redisFree(contexts[0]);
    cluster_destroy(&cluster);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"hundreds_come_at_once", 30, hundreds_come_at_once},
        {"one_too_many_is_told_so", 30, one_too_many_is_told_so},
        {"a_deep_pipeline_is_answered_in_order", 60, a_deep_pipeline_is_answered_in_order},
        {"large_values_pass_through_three_nodes", 60, large_values_pass_through_three_nodes},
        {"keys_and_values_are_binary", 30, keys_and_values_are_binary},
        {"a_client_that_never_reads_is_dropped", 60, a_client_that_never_reads_is_dropped},
        {"a_client_that_never_reads_from_three_is_dropped", 60,
         a_client_that_never_reads_from_three_is_dropped},
        {"a_client_that_never_reads_from_one_is_stopped", 60,
         a_client_that_never_reads_from_one_is_stopped},
        {"a_client_that_never_reads_from_three_is_stopped", 60,
         a_client_that_never_reads_from_three_is_stopped},
        {"a_slow_reader_within_its_limit_gets_all", 60, a_slow_reader_within_its_limit_gets_all},
        {"a_killed_client_that_never_reads_goes_at_once", 60,
         a_killed_client_that_never_reads_goes_at_once},
        {"half_a_command_and_then_silence", 60, half_a_command_and_then_silence},
        {"a_password_is_asked_for", 30, a_password_is_asked_for},
        {"before_a_password_nobody_takes_memory", 30, before_a_password_nobody_takes_memory},
        {"at_maxmemory_writes_are_refused", 30, at_maxmemory_writes_are_refused},
        {"clients_kill_each_other_across_workers", 30, clients_kill_each_other_across_workers},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
