/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "system/compare/server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/process.h"
#include "lib/raw.h"
#include "lib/redis.h"
#include "lib/talk.h"
#include "lib/tree.h"
#include "resp/answer.h"

#define START_TIMEOUT_MS 10000
#define READ_BYTES       65536
#define WALK_STEPS_MAX   100000
#define WALK_ITEMS_MAX   256

struct connection {
    int fd; /* -1: none */
    bool closed;
    struct buffer received;
    size_t passed_on; /* bytes of `received` that the caller still looks at */
};

struct server {
    char name[32];
    struct process redis;
    uint16_t redis_port;
    struct cluster *cluster; /* NULL: a redis-server */
    struct connection connections[SERVER_CONNECTIONS];
    struct buffer walked;
    char *names; /* of all commands, each between blanks */
};

static uint16_t port_of(const struct server *server, int connection)
{
    return server->cluster == NULL
               ? server->redis_port
               : cluster_port(server->cluster, 1 + connection % cluster_nodes(server->cluster));
}

/* ---- bytes to and fro ---- */

static void receive_some(struct connection *connection)
{
    uint8_t *room = buffer_reserve(&connection->received, READ_BYTES);
    ssize_t got;

    check_that(room != NULL, "memory");
    got = raw_receive_some(connection->fd, room, READ_BYTES);
    connection->closed = got == 0;
    buffer_commit(&connection->received, (size_t)got);
}

/* The next reply; it stays until the next call. */
static struct span receive(struct connection *connection)
{
    struct answer answer;

    buffer_consume(&connection->received, connection->passed_on);
    connection->passed_on = 0;
    answer_init(&answer);
    while (!connection->closed) {
        const enum answer_progress progress = answer_read(&answer,
                                                          buffer_content(&connection->received));
        check_that(progress != ANSWER_INVALID, "the reply is one of RESP: '%.*s'",
                   (int)buffer_size(&connection->received),
                   (const char *)buffer_content(&connection->received).data);
        if (progress == ANSWER_COMPLETE) {
            connection->passed_on = answer.size;
            return span_of(buffer_content(&connection->received).data, answer.size);
        }
        receive_some(connection);
    }
    return SPAN("-closed\r\n");
}

static void encode(const struct span *words, size_t count, struct buffer *bytes)
{
    char head[32];

    snprintf(head, sizeof head, "*%zu\r\n", count);
    buffer_append_string(bytes, head);
    for (size_t i = 0; i < count; i++) {
        snprintf(head, sizeof head, "$%zu\r\n", words[i].size);
        buffer_append_string(bytes, head);
        buffer_append_span(bytes, words[i]);
        buffer_append_string(bytes, "\r\n");
    }
}

static void send_bytes(struct connection *connection, struct buffer *bytes)
{
    const struct span content = buffer_content(bytes);

    raw_send(connection->fd, content.data, content.size);
    buffer_deinit(bytes);
}

static struct span ask(struct connection *connection, const struct span *words, size_t count)
{
    struct buffer bytes = {0};

    encode(words, count, &bytes);
    send_bytes(connection, &bytes);
    return receive(connection);
}

/* ---- a walk with a cursor ---- */

/* What a walk brought, each once: it may bring something twice. */
struct brought {
    size_t count;
    struct span items[WALK_ITEMS_MAX]; /* in `copies` */
    uint8_t *copies[WALK_ITEMS_MAX];
};

static void bring(struct brought *brought, struct span item)
{
    for (size_t i = 0; i < brought->count; i++)
        if (span_equal(brought->items[i], item))
            return;
    uint8_t *copy = malloc(item.size + 1);
    check_that(copy != NULL && brought->count < WALK_ITEMS_MAX, "few keys");
    memcpy(copy, item.data, item.size);
    brought->copies[brought->count] = copy;
    brought->items[brought->count++] = span_of(copy, item.size);
}

/* Takes the items of a reply to SCAN; the cursor to go on with goes to `cursor`. False when the
 * reply is none: an error, or a command that was put off. */
static bool take_part(struct brought *brought, struct span reply, char cursor[32])
{
    struct tree tree;

    tree_init(&tree, reply);
    const bool is_part = tree.type == '*' && tree.count == 2 && tree.members[1].type == '*';
    if (is_part) {
        const struct span next = tree.members[0].text;
        check_that(next.size < 32, "a cursor is a number");
        memcpy(cursor, next.data, next.size);
        cursor[next.size] = '\0';
        for (size_t i = 0; i < tree.members[1].count; i++)
            bring(brought, tree.members[1].members[i].text);
    }
    tree_deinit(&tree);
    return is_part;
}

static struct span walk(struct server *server, const struct step *step)
{
    struct connection *connection = &server->connections[step->connection];
    struct brought brought = {0};
    struct line line = step->line;
    char cursor[32] = "";
    struct span reply = ask(connection, line.words, line.count);

    if (!take_part(&brought, reply, cursor))
        return reply;
    /* From elsewhere than the beginning a walk brings what the server pleases. */
    const bool whole = span_equal(step->line.words[1], SPAN("0"));
    for (int steps = 0; strcmp(cursor, "0") != 0; steps++) {
        check_that(steps < WALK_STEPS_MAX, "a walk ends");
        line.words[1] = span_of_string(cursor);
        reply = ask(connection, line.words, line.count);
        check_that(take_part(&brought, reply, cursor), "a walk goes on, and not with '%.*s'",
                   (int)reply.size, (const char *)reply.data);
    }
    buffer_deinit(&server->walked);
    encode(brought.items, whole ? brought.count : 0, &server->walked);
    for (size_t i = 0; i < brought.count; i++)
        free(brought.copies[i]);
    return buffer_content(&server->walked);
}

/* ---- a stream ---- */

static void connection_end(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    buffer_deinit(&connection->received);
    *connection = (struct connection){.fd = -1};
}

static bool flushes(void *context)
{
    static const struct span flush[] = {SPAN("FLUSHALL")};

    return span_equal(ask(context, flush, 1), SPAN("+OK\r\n"));
}

void server_begin(struct server *server)
{
    static const struct span hello[] = {SPAN("HELLO"), SPAN("3")};

    for (int i = 0; i < SERVER_CONNECTIONS; i++) {
        struct connection *connection = &server->connections[i];
        connection_end(connection);
        connection->fd = raw_connect(port_of(server, i));
        if (i > 0)
            ask(connection, hello, 2);
    }
    /* A disk that is slow for a moment makes a node refuse writes for as long. */
    check_that(check_until(START_TIMEOUT_MS, flushes, &server->connections[0]), "FLUSHALL");
}

void server_send(struct server *server, const struct step *steps, size_t count)
{
    struct buffer bytes = {0};

    if (steps[0].compared->likeness == COMPARED_WALK)
        return; /* server_receive asks */
    for (size_t i = 0; i < count; i++)
        encode(steps[i].line.words, steps[i].line.count, &bytes);
    send_bytes(&server->connections[steps[0].connection], &bytes);
}

struct span server_receive(struct server *server, const struct step *step)
{
    return step->compared->likeness == COMPARED_WALK
               ? walk(server, step)
               : receive(&server->connections[step->connection]);
}

/* ---- starting and ending ---- */

static void learn_names(struct server *server)
{
    static const struct span list[] = {SPAN("COMMAND"), SPAN("LIST")};
    struct tree tree;
    size_t size = 1;

    server_begin(server);
    tree_init(&tree, ask(&server->connections[0], list, 2));
    for (size_t i = 0; i < tree.count; i++)
        size += tree.members[i].text.size + 1;
    server->names = malloc(size + 1);
    check_that(server->names != NULL && tree.count > 0, "COMMAND LIST has names");
    char *at = server->names;
    *at++ = ' ';
    for (size_t i = 0; i < tree.count; i++) {
        const struct span name = tree.members[i].text;
        memcpy(at, name.data, name.size);
        at += name.size;
        *at++ = ' ';
    }
    *at = '\0';
    tree_deinit(&tree);
}

static struct server *create(const char *name)
{
    struct server *server = calloc(1, sizeof *server);

    check_that(server != NULL, "memory");
    snprintf(server->name, sizeof server->name, "%s", name);
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        server->connections[i].fd = -1;
    return server;
}

/* Whether Redis' reply to the question holds the text. */
static bool redis_says(const struct server *server, const char *question, const char *text)
{
    redisContext *connection = redisConnect("127.0.0.1", server->redis_port);
    redisReply *reply = connection != NULL && connection->err == 0
                            ? redisCommand(connection, question)
                            : NULL;
    const bool says = reply != NULL && reply->str != NULL && strstr(reply->str, text) != NULL;

    if (reply != NULL)
        freeReplyObject(reply);
    if (connection != NULL)
        redisFree(connection);
    return says;
}

static bool redis_answers(void *context)
{
    return redis_says(context, "PING", "PONG");
}

static bool redis_has_all_slots(void *context)
{
    return redis_says(context, "CLUSTER INFO", "cluster_state:ok");
}

static void take_all_slots(struct server *server)
{
    check_that(redis_says(server, "CLUSTER ADDSLOTSRANGE 0 16383", "OK"), "Redis takes all slots");
    check_that(check_until(START_TIMEOUT_MS, redis_has_all_slots, server), "its cluster is well");
}

static void write_configuration(const char *path, uint16_t port, const char *without, bool routes)
{
    FILE *file = fopen(path, "w");

    check_that(file != NULL, "%s", path);
    fprintf(file, "port %u\nbind 127.0.0.1\nsave \"\"\nappendonly no\ndatabases 1\ndir \"%s\"\n",
            port, check_scratch());
    if (routes)
        fprintf(file,
                "cluster-enabled yes\ncluster-config-file nodes-%u.conf\n"
                "cluster-announce-ip 127.0.0.1\n",
                port);
    if (without != NULL)
        fprintf(file, "rename-command %s renamed\n", without);
    check_that(fclose(file) == 0, "%s", path);
}

static struct server *create_redis(const char *without, bool routes)
{
    struct server *server = create("redis");
    char program[PATH_MAX], configuration[PATH_MAX + 32], log[PATH_MAX + 32];

    redis_program(program);
    server->redis_port = port_reserve();
    snprintf(configuration, sizeof configuration, "%s/redis-%u.conf", check_scratch(),
             server->redis_port);
    snprintf(log, sizeof log, "%s/redis-%u.log", check_scratch(), server->redis_port);
    write_configuration(configuration, server->redis_port, without, routes);
    process_start(&server->redis, log, (char *[]){program, configuration, NULL});
    check_that(check_until(START_TIMEOUT_MS, redis_answers, server), "redis-server answers");
    if (routes)
        take_all_slots(server);
    learn_names(server);
    return server;
}

struct server *server_create_redis(const char *without)
{
    return create_redis(without, false);
}

struct server *server_create_redis_cluster(void)
{
    return create_redis(NULL, true);
}

struct server *server_create_dunlin(int nodes)
{
    struct server *server = create("dunlin");

    server->cluster = cluster_create(&(struct cluster_options){.nodes = nodes, .threads = 2});
    if (nodes > 1)
        talk_wait_linked(server->cluster, 2);
    learn_names(server);
    return server;
}

void server_destroy(struct server **server)
{
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        connection_end(&(*server)->connections[i]);
    buffer_deinit(&(*server)->walked);
    process_kill(&(*server)->redis);
    if ((*server)->cluster != NULL)
        cluster_destroy(&(*server)->cluster);
    free((*server)->names);
    free(*server);
    *server = NULL;
}

const char *server_name(const struct server *server)
{
    return server->name;
}

int server_nodes(const struct server *server)
{
    return server->cluster == NULL ? 0 : cluster_nodes(server->cluster);
}

bool server_knows(const struct server *server, const char *name)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, " %s ", name);
    return name[0] == '\0' || strstr(server->names, wanted) != NULL;
}

size_t server_names(const struct server *server)
{
    size_t count = 0;

    for (const char *at = server->names + 1; *at != '\0'; at++)
        count += *at == ' ';
    return count;
}
