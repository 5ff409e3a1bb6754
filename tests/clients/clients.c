/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Real clients against a cluster of three nodes. hiredis is linked in; each other client is a
 * program beside this one, in its own language, that is given the nodes' ports as arguments. It
 * ends with 0 when all is as it should be, and may write to its output
 *
 *   kill N      SIGKILL for node N; it is answered "done" on its input
 *   start N     starts it again, and waits until it answers; "done"
 *
 * What it says otherwise goes to its error output, which is shown when it fails. ./scripts/test
 * clients installs what they need: DUNLIN_CLIENTS is the folder of the programs, NODE_PATH that of
 * the packages of JavaScript.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/talk.h"
#include "lib/timeout.h"

#define NODES        3
#define THREADS      2
#define PORT_ROOM    8
#define RECONNECT_MS 20000

static const struct cluster_options three = {.nodes = NODES, .threads = THREADS};

static struct cluster *begin(void)
{
    struct cluster *cluster = cluster_create(&three);

    talk_wait_linked(cluster, THREADS);
    return cluster;
}

/* ---- hiredis ---- */

static void expect(redisContext *context, const char *answer)
{
    redisReply *reply = NULL;

    check_that(redisGetReply(context, (void **)&reply) == REDIS_OK && reply != NULL, "%s",
               context->errstr);
    check_that(strcmp(talk_text(reply), answer) == 0, "'%s', not '%s'", answer, talk_text(reply));
    freeReplyObject(reply);
}

struct reconnecting {
    redisContext *context;
};

static bool is_back(void *context)
{
    struct reconnecting *reconnecting = context;
    redisReply *reply = NULL;

    if (redisReconnect(reconnecting->context) == REDIS_OK)
        reply = redisCommand(reconnecting->context, "GET pipelined:7");
    const bool back = reply != NULL && reply->type == REDIS_REPLY_STRING;
    if (reply != NULL)
        freeReplyObject(reply);
    return back;
}

/* Goes through all keys; how many it was given. */
static size_t scan_all(redisContext *context)
{
    char cursor[32] = "0";
    size_t count = 0;

    do {
        redisReply *reply = redisCommand(context, "SCAN %s COUNT 100", cursor);
        check_that(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2,
                   "a cursor and keys");
        snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        count += reply->element[1]->elements;
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);
    return count;
}

static void hiredis_pipelines_and_reconnects(void)
{
    struct cluster *cluster = begin();
    redisContext *context = cluster_connect(cluster, 1);
    char value[16];

    talk_expect(context, "PONG", "PING");
    for (int i = 0; i < 1000; i++)
        redisAppendCommand(context, "SET pipelined:%d %d", i, i);
    for (int i = 0; i < 1000; i++)
        redisAppendCommand(context, "GET pipelined:%d", i);
    for (int i = 0; i < 1000; i++)
        expect(context, "OK");
    for (int i = 0; i < 1000; i++) {
        snprintf(value, sizeof value, "%d", i);
        expect(context, value);
    }
    talk_expect(context, "OK", "MULTI");
    talk_expect(context, "QUEUED", "SET moved 1");
    talk_expect(context, "QUEUED", "INCR moved");
    talk_expect(context, "(OK, :2)", "EXEC");
    redisReply *sha = redisCommand(context, "SCRIPT LOAD %s", "return redis.call('get', KEYS[1])");
    check_that(sha != NULL && sha->type == REDIS_REPLY_STRING, "it is loaded");
    talk_expect(context, "2", "EVALSHA %s 1 moved", sha->str);
    freeReplyObject(sha);
    check_that(scan_all(context) == 1001, "all keys are returned, and once");
    cluster_kill(cluster, 1);
    redisReply *reply = redisCommand(context, "PING");
    check_that(reply == NULL && context->err != 0, "the connection has ended");
    cluster_start(cluster, 1);
    check_that(check_until(RECONNECT_MS, is_back, &(struct reconnecting){context}),
               "what was written is there on the node that came back");
    redisFree(context);
    cluster_destroy(&cluster);
}

static bool is_linked(void *context)
{
    return strcmp(talk(context, "PUBLISH news again"), ":1") == 0;
}

static void hiredis_hears_what_is_published_elsewhere(void)
{
    struct cluster *cluster = begin();
    redisContext *listener = cluster_connect(cluster, 1), *publisher = cluster_connect(cluster, 2);
    char message[64];

    talk_expect(listener, "(subscribe, news, :1)", "SUBSCRIBE news");
    talk_expect(listener, "(psubscribe, n?ws, :2)", "PSUBSCRIBE n?ws");
    for (int i = 0; i < 1000; i++)
        redisAppendCommand(publisher, "PUBLISH news %d", i);
    for (int i = 0; i < 1000; i++)
        expect(publisher, ":2");
    for (int i = 0; i < 1000; i++) {
        snprintf(message, sizeof message, "(message, news, %d)", i);
        expect(listener, message);
        snprintf(message, sizeof message, "(pmessage, n?ws, news, %d)", i);
        expect(listener, message);
    }
    talk_expect(listener, "-ERR Can't execute 'get': *", "GET k");
    talk_expect(listener, "(punsubscribe, n?ws, :1)", "PUNSUBSCRIBE");

    /* Of a node that was killed the listener subscribes anew. */
    cluster_kill(cluster, 1);
    talk_expect(publisher, ":0", "PUBLISH news nobody");
    cluster_start(cluster, 1);
    check_that(redisReconnect(listener) == REDIS_OK, "it is back: %s", listener->errstr);
    talk_expect(listener, "(subscribe, news, :1)", "SUBSCRIBE news");
    check_that(check_until(RECONNECT_MS, is_linked, publisher), "the nodes are linked again");
    expect(listener, "(message, news, again)");
    redisFree(listener);
    redisFree(publisher);
    cluster_destroy(&cluster);
}

/* ---- programs ---- */

struct program {
    pid_t pid;
    FILE *questions; /* what it writes */
    FILE *answers;   /* what it reads */
};

_Noreturn static void run_program(char *const argv[], int input, int output, const char *log)
{
    const int errors = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);

    alarm(0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (errors < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0)
        _exit(126);
    execvp(argv[0], argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void program_start(struct program *program, char *const argv[])
{
    int down[2], up[2];
    char log[PATH_MAX];

    snprintf(log, sizeof log, "%s/program.log", check_scratch());
    check_that(pipe2(down, O_CLOEXEC) == 0 && pipe2(up, O_CLOEXEC) == 0, "%s", strerror(errno));
    fflush(NULL);
    program->pid = fork();
    if (program->pid == 0)
        run_program(argv, down[0], up[1], log);
    check_that(program->pid > 0, "fork: %s", strerror(errno));
    close(down[0]);
    close(up[1]);
    program->answers = fdopen(down[1], "w");
    program->questions = fdopen(up[0], "r");
    check_that(program->answers != NULL && program->questions != NULL, "%s", strerror(errno));
}

static void do_as_asked(struct cluster *cluster, const char *line)
{
    int node;

    if (sscanf(line, "kill %d", &node) == 1)
        cluster_kill(cluster, node);
    else if (sscanf(line, "start %d", &node) == 1)
        cluster_start(cluster, node);
    else
        check_that(false, "'%s' is asked for", line);
}

static void program_finish(struct program *program, struct cluster *cluster)
{
    char line[128];
    int status;

    while (fgets(line, sizeof line, program->questions) != NULL) {
        do_as_asked(cluster, line);
        fputs("done\n", program->answers);
        fflush(program->answers);
    }
    check_that(waitpid(program->pid, &status, 0) == program->pid, "%s", strerror(errno));
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ends with 0, not %d", status);
    fclose(program->answers);
    fclose(program->questions);
}

/* Runs a program of the folder with what runs its language. */
static void run(const char *interpreter, const char *name)
{
    const char *folder = getenv("DUNLIN_CLIENTS");
    char path[PATH_MAX], language[PATH_MAX], ports[NODES][PORT_ROOM];
    char *argv[2 + NODES + 1] = {language, path};
    struct cluster *cluster = begin();
    struct program program;

    check_that(folder != NULL,
               "DUNLIN_CLIENTS in the environment, as ./scripts/test clients sets it");
    snprintf(language, sizeof language, "%s", interpreter);
    check_that(snprintf(path, sizeof path, "%s/%s", folder, name) < PATH_MAX, "a path");
    for (int i = 0; i < NODES; i++) {
        snprintf(ports[i], sizeof ports[i], "%u", cluster_port(cluster, i + 1));
        argv[2 + i] = ports[i];
    }
    program_start(&program, argv);
    program_finish(&program, cluster);
    cluster_destroy(&cluster);
}

#define PYTHON "/usr/bin/python3" /* the one that Debian's python3-redis belongs to */

static void redis_cli_answers_people(void)
{
    run("bash", "redis_cli.sh");
}

static void redis_py_pipelines_and_reconnects(void)
{
    run(PYTHON, "redis_py.py");
}

static void copies_are_invalidated_through_any_node(void)
{
    run(PYTHON, "tracking.py");
}

static void redis_py_cluster_routes(void)
{
    run(PYTHON, "redis_py_cluster.py");
}

static void ioredis_pipelines_and_reconnects(void)
{
    run("node", "ioredis.js");
}

static void ioredis_cluster_routes(void)
{
    run("node", "ioredis_cluster.js");
}

static void node_redis_pipelines_and_reconnects(void)
{
    run("node", "node_redis.js");
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"hiredis_hears_what_is_published_elsewhere", 60,
         hiredis_hears_what_is_published_elsewhere},
        {"hiredis_pipelines_and_reconnects", 60, hiredis_pipelines_and_reconnects},
        {"redis_cli_answers_people", 60, redis_cli_answers_people},
        {"redis_py_pipelines_and_reconnects", 60, redis_py_pipelines_and_reconnects},
        {"copies_are_invalidated_through_any_node", 60, copies_are_invalidated_through_any_node},
        {"redis_py_cluster_routes", 60, redis_py_cluster_routes},
        {"ioredis_pipelines_and_reconnects", 60, ioredis_pipelines_and_reconnects},
        {"ioredis_cluster_routes", 60, ioredis_cluster_routes},
        {"node_redis_pipelines_and_reconnects", 60, node_redis_pipelines_and_reconnects},
    };

    return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
