/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/cluster.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/check.h"
#include "lib/process.h"
#include "lib/timeout.h"

#define START_TIMEOUT_MS  10000 /* until a node that was started answers */
#define STOP_TIMEOUT_MS   10000 /* until a node has ended after SIGTERM */
#define RING_TIMEOUT_MS   20000 /* until all nodes agree that the ring is whole */
#define PROBE_TIMEOUT_MS  500   /* for one answer to a question that is asked again */
#define ANSWER_TIMEOUT_MS 10000 /* for one answer to a command */

#define PATH_ROOM    (PATH_MAX + 32)
#define WORDS_MAX    64
#define ADDRESS_ROOM 24

struct node {
    struct process process;
    uint16_t port;
    bool paused;
    char dir[PATH_ROOM];
    char log[PATH_ROOM];
};

struct cluster {
    int nodes;
    char threads[12];
    const char *const *directives;
    const char *server;
    struct node node[CLUSTER_NODES_MAX];
};

static struct node *node_of(struct cluster *cluster, int node)
{
    check_that(node >= 1 && node <= cluster->nodes, "node %d of %d", node, cluster->nodes);
    return &cluster->node[node - 1];
}

static const struct node *const_node_of(const struct cluster *cluster, int node)
{
    check_that(node >= 1 && node <= cluster->nodes, "node %d of %d", node, cluster->nodes);
    return &cluster->node[node - 1];
}

static redisContext *try_connect(uint16_t port, int64_t timeout_ms)
{
    const int64_t stretched_ms = TIMEOUT_MS(timeout_ms);
    const struct timeval timeout = {.tv_sec = stretched_ms / 1000,
                                    .tv_usec = stretched_ms % 1000 * 1000};
    redisContext *context = redisConnectWithTimeout("127.0.0.1", port, timeout);

    if (context == NULL)
        return NULL;
    if (context->err == 0 && redisSetTimeout(context, timeout) == REDIS_OK)
        return context;
    redisFree(context);
    return NULL;
}

/* One question to a node, over a connection of its own; NULL when no answer came. */
static redisReply *probe(const struct node *node, const char *question)
{
    redisContext *context = try_connect(node->port, PROBE_TIMEOUT_MS);

    if (context == NULL)
        return NULL;
    redisReply *reply = redisCommand(context, question);
    redisFree(context);
    return reply;
}

/* Whether the reply is text that contains `words`. Frees the reply. */
static bool says(redisReply *reply, const char *words)
{
    const bool found = reply != NULL &&
                       (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
                       strstr(reply->str, words) != NULL;

    if (reply != NULL)
        freeReplyObject(reply);
    return found;
}

static bool answers(void *context)
{
    struct node *node = context;
    int status = 0;

    check_that(process_running(&node->process, &status), "the server stays up; it ended with %s %d",
               WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return says(probe(node, "PING"), "PONG");
}

static bool all_ok(void *context)
{
    struct cluster *cluster = context;

    for (int i = 0; i < cluster->nodes; i++) {
        struct node *node = &cluster->node[i];
        if (node->process.pid != 0 && !node->paused &&
            !says(probe(node, "CLUSTER INFO"), "cluster_state:ok"))
            return false;
    }
    return true;
}

/* "127.0.0.1:p1 127.0.0.1:p2 ..." of all nodes but `except` (0: all), into `text`. */
static void list_addresses(const struct cluster *cluster, int except,
                           char text[CLUSTER_NODES_MAX * ADDRESS_ROOM])
{
    size_t size = 0;

    text[0] = '\0';
    for (int i = 1; i <= cluster->nodes; i++)
        if (i != except)
            size += (size_t)snprintf(text + size, ADDRESS_ROOM, "%s127.0.0.1:%u",
                                     size > 0 ? " " : "", const_node_of(cluster, i)->port);
}

static void spawn(struct cluster *cluster, int number)
{
    struct node *node = node_of(cluster, number);
    char port[12];
    char seeds[CLUSTER_NODES_MAX * ADDRESS_ROOM];
    const char *words[WORDS_MAX] = {cluster->server, "--port",        port, "--dir", node->dir,
                                    "--threads",     cluster->threads};
    size_t count = 7;

    snprintf(port, sizeof port, "%u", node->port);
    list_addresses(cluster, number, seeds);
    if (cluster->nodes > 1) {
        words[count++] = "--seeds";
        words[count++] = seeds;
    }
    for (const char *const *word = cluster->directives; word != NULL && *word != NULL; word++) {
        check_that(count < WORDS_MAX - 1, "at most %d words", WORDS_MAX - 1);
        words[count++] = *word;
    }
    node->paused = false;
    char *argv[WORDS_MAX];
    for (size_t i = 0; i < WORDS_MAX; i++)
        memcpy(&argv[i], &words[i], sizeof argv[i]); /* execvp changes none of them */
    process_start(&node->process, node->log, argv);
}

struct cluster *cluster_create_apart(const struct cluster_options *options)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);

    check_that(cluster != NULL, "memory");
    check_that(options->nodes >= 1 && options->nodes <= CLUSTER_NODES_MAX, "%d nodes",
               options->nodes);
    cluster->nodes = options->nodes;
    cluster->directives = options->directives;
    cluster->server = options->server != NULL ? options->server : getenv("DUNLIN_SERVER");
    check_that(cluster->server != NULL, "DUNLIN_SERVER in the environment, as make check sets it");
    snprintf(cluster->threads, sizeof cluster->threads, "%d",
             options->threads > 0 ? options->threads : 2);
    for (int i = 1; i <= cluster->nodes; i++) {
        struct node *node = node_of(cluster, i);
        node->port = port_reserve();
        snprintf(node->dir, sizeof node->dir, "%s/node-%d-%u", check_scratch(), i, node->port);
        snprintf(node->log, sizeof node->log, "%s/node-%d-%u.log", check_scratch(), i, node->port);
        check_that(mkdir(node->dir, 0755) == 0, "%s", node->dir);
    }
    for (int i = 1; i <= cluster->nodes; i++)
        spawn(cluster, i);
    for (int i = 1; i <= cluster->nodes; i++)
        cluster_wait_answering(cluster, i);
    return cluster;
}

struct cluster *cluster_create(const struct cluster_options *options)
{
    struct cluster *cluster = cluster_create_apart(options);

    if (cluster->nodes > 1) {
        char all[CLUSTER_NODES_MAX * ADDRESS_ROOM];
        char command[sizeof all + 16];
        list_addresses(cluster, 0, all);
        snprintf(command, sizeof command, "RING INIT %s", all);
        redisContext *context = cluster_connect(cluster, 1);
        redisReply *reply = redisCommand(context, command);
        check_that(reply != NULL && reply->type != REDIS_REPLY_ERROR, "RING INIT: %s",
                   reply != NULL ? reply->str : context->errstr);
        freeReplyObject(reply);
        redisFree(context);
    }
    cluster_wait_ok(cluster);
    return cluster;
}

void cluster_destroy(struct cluster **cluster)
{
    for (int i = 1; i <= (*cluster)->nodes; i++)
        if (cluster_running(*cluster, i))
            cluster_stop(*cluster, i);
    free(*cluster);
    *cluster = NULL;
}

int cluster_nodes(const struct cluster *cluster)
{
    return cluster->nodes;
}

uint16_t cluster_port(const struct cluster *cluster, int node)
{
    return const_node_of(cluster, node)->port;
}

const char *cluster_log(const struct cluster *cluster, int node)
{
    return const_node_of(cluster, node)->log;
}

const char *cluster_dir(const struct cluster *cluster, int node)
{
    return const_node_of(cluster, node)->dir;
}

bool cluster_running(struct cluster *cluster, int node)
{
    int status;

    return process_running(&node_of(cluster, node)->process, &status);
}

void cluster_start(struct cluster *cluster, int node)
{
    spawn(cluster, node);
    cluster_wait_answering(cluster, node);
}

void cluster_stop(struct cluster *cluster, int node)
{
    struct node *stopped = node_of(cluster, node);

    if (stopped->paused)
        cluster_resume(cluster, node);
    process_signal(&stopped->process, SIGTERM);
    const int status = process_wait(&stopped->process, STOP_TIMEOUT_MS);
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, "node %d ends with 0, not %s %d",
               node, WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void cluster_kill(struct cluster *cluster, int node)
{
    process_kill(&node_of(cluster, node)->process);
}

void cluster_pause(struct cluster *cluster, int node)
{
    process_pause(&node_of(cluster, node)->process);
    node_of(cluster, node)->paused = true;
}

void cluster_resume(struct cluster *cluster, int node)
{
    process_signal(&node_of(cluster, node)->process, SIGCONT);
    node_of(cluster, node)->paused = false;
}

void cluster_wait_answering(struct cluster *cluster, int node)
{
    check_that(check_until(START_TIMEOUT_MS, answers, node_of(cluster, node)),
               "node %d answers PING", node);
}

void cluster_wait_ok(struct cluster *cluster)
{
    check_that(check_until(RING_TIMEOUT_MS, all_ok, cluster), "every node says cluster_state:ok");
}

redisContext *cluster_connect(const struct cluster *cluster, int node)
{
    redisContext *context = try_connect(cluster_port(cluster, node), ANSWER_TIMEOUT_MS);

    check_that(context != NULL, "node %d takes a connection", node);
    return context;
}

redisReply *cluster_command(const struct cluster *cluster, int node, const char *format, ...)
{
    redisContext *context = cluster_connect(cluster, node);
    va_list arguments;

    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    check_that(reply != NULL, "node %d answers: %s", node, context->errstr);
    redisFree(context);
    return reply;
}
