/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/traffic.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/check.h"
#include "lib/timeout.h"

#define CONNECTIONS       4     /* to each node */
#define PACE_US           10000 /* between the questions of one connection */
#define POLL_MS           2
#define RUN_ON_ANSWERS    400
#define ANSWER_TIMEOUT_US (TIMEOUT_MS(10000) * 1000)
#define PX_MIN_MS         200
#define PX_RANGE_MS       3000

/* Nodes read their clocks once a turn. */
#define CLOCK_SLACK_US (TIMEOUT_MS(50) * 1000)

struct change {
    enum { CHANGE_SET, CHANGE_EXPIRE, CHANGE_DELETE } kind;
    unsigned px_ms;
    int64_t sent_us;         /* first */
    int64_t acknowledged_us; /* INT64_MAX: not yet */
};

struct key {
    struct change *changes; /* number 1 at index 0 */
    unsigned room;
    unsigned sent;  /* the last change that was begun */
    unsigned known; /* the last one that was acknowledged, or seen */
    bool busy;      /* a change is not yet acknowledged */
};

struct connection {
    int node;
    redisContext *context; /* NULL: closed */
    int64_t next_us;       /* not asked before */

    bool asking;   /* a question waits for its answer */
    bool changing; /* its change is not acknowledged: `key` is busy */
    unsigned key;
    unsigned number; /* of the change; 0: a GET */
    unsigned least;  /* known when it was asked */
    bool in_doubt;
    int64_t asked_us;
};

struct traffic {
    struct cluster *cluster;
    pthread_t thread;

    /* Guards all that follows; the thread holds it but while it waits. */
    pthread_mutex_t lock;
    pthread_cond_t turned; /* after each turn of the thread */
    bool used[CLUSTER_NODES_MAX + 1];
    bool resting, doubt, ending;
    unsigned long answers;
    struct traffic_waits waits;
    uint64_t random;
    struct key keys[TRAFFIC_KEYS];
    struct connection connections[CLUSTER_NODES_MAX * CONNECTIONS];
    int connection_count;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static unsigned draw(struct traffic *traffic, unsigned below)
{
    traffic->random = traffic->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(traffic->random >> 33) % below;
}

/* ---- what a key may answer ---- */

static struct change *change_of(struct key *key, unsigned number)
{
    return &key->changes[number - 1];
}

static unsigned begin_change(struct traffic *traffic, struct key *key)
{
    const unsigned dice = draw(traffic, 8);

    if (key->sent == key->room) {
        key->room = key->room == 0 ? 16 : 2 * key->room;
        key->changes = realloc(key->changes, key->room * sizeof *key->changes);
        check_that(key->changes != NULL, "memory");
    }
    key->busy = true;
    *change_of(key, ++key->sent) = (struct change){
        .kind = dice == 0   ? CHANGE_DELETE
                : dice == 1 ? CHANGE_EXPIRE
                            : CHANGE_SET,
        .px_ms = PX_MIN_MS + draw(traffic, PX_RANGE_MS),
        .sent_us = now_us(),
        .acknowledged_us = INT64_MAX,
    };
    return key->sent;
}

/* Whether the change may have left nothing by now. */
static bool may_be_gone(const struct change *change)
{
    return change->kind == CHANGE_DELETE ||
           (change->kind == CHANGE_EXPIRE &&
            now_us() >= change->sent_us + change->px_ms * INT64_C(1000) - CLOCK_SLACK_US);
}

/* Whether the change's deadline had passed for sure when a question was asked. */
static bool must_be_gone(const struct change *change, int64_t asked_us)
{
    return change->kind == CHANGE_DELETE ||
           (change->kind == CHANGE_EXPIRE && change->acknowledged_us != INT64_MAX &&
            asked_us > change->acknowledged_us + change->px_ms * INT64_C(1000) + CLOCK_SLACK_US);
}

/* Whether `reply` is what the key held at some time after change `least`, asked at `asked_us`. */
static bool answer_fits(struct key *key, unsigned index, unsigned least, int64_t asked_us,
                        const redisReply *reply)
{
    unsigned in_key = TRAFFIC_KEYS, number = 0;

    if (reply->type == REDIS_REPLY_NIL) {
        if (least == 0)
            return true;
        for (number = least; number <= key->sent; number++)
            if (may_be_gone(change_of(key, number)))
                return true;
        return false;
    }
    if (reply->type != REDIS_REPLY_STRING || sscanf(reply->str, "%u:%u:", &in_key, &number) != 2 ||
        in_key != index)
        return false;
    if (number == 0 || number < least || number > key->sent ||
        must_be_gone(change_of(key, number), asked_us))
        return false;
    if (number > key->known)
        key->known = number;
    return true;
}

/* talk_text is the case's own. */
static const char *text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_NIL       ? "(nil)"
           : reply->type == REDIS_REPLY_INTEGER ? "a number"
                                                : reply->str;
}

static const char *describe_key(struct key *key, unsigned index, unsigned least)
{
    static const char *const kinds[] = {"SET", "SET with PX", "DEL"};
    static char text[256];
    const struct change *last = key->sent > 0 ? change_of(key, key->sent) : NULL;

    snprintf(text, sizeof text, "load:%u from change %u to %u (%s, px %u, %lld ms ago)", index,
             least, key->sent, last != NULL ? kinds[last->kind] : "none",
             last != NULL ? last->px_ms : 0,
             last != NULL ? (long long)(now_us() - last->sent_us) / 1000 : 0);
    return text;
}

/* ---- questions and answers ---- */

static void append_change(struct connection *connection, const struct change *change)
{
    const unsigned key = connection->key, number = connection->number;

    if (change->kind == CHANGE_DELETE)
        redisAppendCommand(connection->context, "DEL load:%u", key);
    else if (change->kind == CHANGE_EXPIRE)
        redisAppendCommand(connection->context, "SET load:%u %u:%u:%0100u PX %u", key, key, number,
                           number, change->px_ms);
    else
        redisAppendCommand(connection->context, "SET load:%u %u:%u:%0100u", key, key, number,
                           number);
}

static void ask(struct traffic *traffic, struct connection *connection)
{
    int sent = 0;

    if (!connection->changing) {
        connection->key = draw(traffic, TRAFFIC_KEYS);
        struct key *key = &traffic->keys[connection->key];
        connection->changing = !key->busy && draw(traffic, 2) == 0;
        connection->number = connection->changing ? begin_change(traffic, key) : 0;
        connection->least = key->known;
    }
    if (connection->changing)
        append_change(connection, change_of(&traffic->keys[connection->key], connection->number));
    else
        redisAppendCommand(connection->context, "GET load:%u", connection->key);
    connection->asking = true;
    connection->in_doubt = traffic->doubt;
    connection->asked_us = now_us();
    connection->next_us = connection->asked_us + PACE_US;
    while (!sent)
        check_that(redisBufferWrite(connection->context, &sent) == REDIS_OK, "node %d: %s",
                   connection->node, connection->context->errstr);
}

static void hear_change(struct traffic *traffic, struct connection *connection,
                        const redisReply *reply, int64_t waited_us)
{
    struct key *key = &traffic->keys[connection->key];
    struct change *change = change_of(key, connection->number);

    if (change->kind == CHANGE_DELETE) {
        if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOQUORUM ", 9) == 0 &&
            (traffic->doubt || connection->in_doubt))
            return;
        check_that(reply->type == REDIS_REPLY_INTEGER,
                   "DEL by node %d is acknowledged, got %s after %lld ms", connection->node,
                   text_of(reply), (long long)waited_us / 1000);
    } else {
        check_that(reply->type == REDIS_REPLY_STATUS,
                   "SET by node %d is acknowledged, got %s after %lld ms", connection->node,
                   text_of(reply), (long long)waited_us / 1000);
    }
    change->acknowledged_us = now_us();
    if (connection->number > key->known)
        key->known = connection->number;
    key->busy = false;
    connection->changing = false;
}

static void count_wait(struct traffic *traffic, const struct connection *connection,
                       int64_t waited_us)
{
    struct key *key = &traffic->keys[connection->key];
    const bool deletes = connection->changing &&
                         change_of(key, connection->number)->kind == CHANGE_DELETE;
    double *worst_ms = deletes ? &traffic->waits.worst_del_ms : &traffic->waits.worst_ms;

    traffic->answers++;
    traffic->waits.answers++;
    if ((double)waited_us / 1000 > *worst_ms)
        *worst_ms = (double)waited_us / 1000;
}

static void hear(struct traffic *traffic, struct connection *connection, const redisReply *reply)
{
    const int64_t waited_us = now_us() - connection->asked_us;

    connection->asking = false;
    count_wait(traffic, connection, waited_us);
    if (connection->changing) {
        hear_change(traffic, connection, reply, waited_us);
        return;
    }
    struct key *key = &traffic->keys[connection->key];
    check_that(answer_fits(key, connection->key, connection->least, connection->asked_us, reply),
               "node %d, asked %lld ms ago: %s; got %s", connection->node,
               (long long)waited_us / 1000, describe_key(key, connection->key, connection->least),
               text_of(reply));
}

/* ---- the thread ---- */

static bool idle(const struct connection *connection)
{
    return !connection->asking && !connection->changing;
}

/* Asks whom it is time to ask; opens and closes connections. */
static void ask_all(struct traffic *traffic)
{
    const int64_t now = now_us();

    for (int i = 0; i < traffic->connection_count; i++) {
        struct connection *connection = &traffic->connections[i];
        const bool used = traffic->used[connection->node];
        if (!used && connection->context != NULL && idle(connection)) {
            redisFree(connection->context);
            connection->context = NULL;
        }
        if (used && connection->context == NULL)
            connection->context = cluster_connect(traffic->cluster, connection->node);
        if (connection->context == NULL || connection->asking || now < connection->next_us)
            continue;
        if (!connection->changing && (traffic->resting || !used))
            continue;
        ask(traffic, connection);
    }
}

/* Waits for answers, without the lock. */
static void wait_answers(struct traffic *traffic, struct pollfd *polled)
{
    for (int i = 0; i < traffic->connection_count; i++) {
        const struct connection *connection = &traffic->connections[i];
        polled[i] = (struct pollfd){.fd = connection->asking ? connection->context->fd : -1,
                                    .events = POLLIN};
    }
    pthread_cond_broadcast(&traffic->turned);
    pthread_mutex_unlock(&traffic->lock);
    poll(polled, (nfds_t)traffic->connection_count, POLL_MS);
    pthread_mutex_lock(&traffic->lock);
}

static void hear_all(struct traffic *traffic, const struct pollfd *polled)
{
    for (int i = 0; i < traffic->connection_count; i++) {
        struct connection *connection = &traffic->connections[i];
        void *reply = NULL;
        if (!connection->asking)
            continue;
        check_that(now_us() - connection->asked_us < ANSWER_TIMEOUT_US, "node %d answers",
                   connection->node);
        if (polled[i].revents == 0)
            continue;
        check_that(redisBufferRead(connection->context) == REDIS_OK &&
                       redisGetReplyFromReader(connection->context, &reply) == REDIS_OK,
                   "node %d keeps its connections: %s", connection->node,
                   connection->context->errstr);
        if (reply == NULL)
            continue;
        hear(traffic, connection, reply);
        freeReplyObject(reply);
    }
}

static void *run(void *context)
{
    struct traffic *traffic = context;
    struct pollfd polled[CLUSTER_NODES_MAX * CONNECTIONS];

    pthread_mutex_lock(&traffic->lock);
    while (!traffic->ending) {
        ask_all(traffic);
        wait_answers(traffic, polled);
        hear_all(traffic, polled);
    }
    pthread_mutex_unlock(&traffic->lock);
    return NULL;
}

/* ---- for the case ---- */

struct traffic *traffic_create(struct cluster *cluster)
{
    struct traffic *traffic = calloc(1, sizeof *traffic);

    check_that(traffic != NULL, "memory");
    traffic->cluster = cluster;
    traffic->random = 42;
    for (int node = 1; node <= cluster_nodes(cluster); node++) {
        traffic->used[node] = true;
        for (int i = 0; i < CONNECTIONS; i++)
            traffic->connections[traffic->connection_count++].node = node;
    }
    check_that(pthread_mutex_init(&traffic->lock, NULL) == 0 &&
                   pthread_cond_init(&traffic->turned, NULL) == 0 &&
                   pthread_create(&traffic->thread, NULL, run, traffic) == 0,
               "a thread");
    return traffic;
}

void traffic_destroy(struct traffic **traffic)
{
    pthread_mutex_lock(&(*traffic)->lock);
    (*traffic)->ending = true;
    pthread_mutex_unlock(&(*traffic)->lock);
    pthread_join((*traffic)->thread, NULL);
    for (int i = 0; i < (*traffic)->connection_count; i++)
        if ((*traffic)->connections[i].context != NULL)
            redisFree((*traffic)->connections[i].context);
    for (unsigned key = 0; key < TRAFFIC_KEYS; key++)
        free((*traffic)->keys[key].changes);
    pthread_cond_destroy(&(*traffic)->turned);
    pthread_mutex_destroy(&(*traffic)->lock);
    free(*traffic);
    *traffic = NULL;
}

static bool all_idle(const struct traffic *traffic)
{
    for (int i = 0; i < traffic->connection_count; i++)
        if (!idle(&traffic->connections[i]))
            return false;
    return true;
}

static bool has_left(const struct traffic *traffic, int node)
{
    for (int i = 0; i < traffic->connection_count; i++)
        if (traffic->connections[i].node == node && traffic->connections[i].context != NULL)
            return false;
    return true;
}

void traffic_leave(struct traffic *traffic, int node)
{
    pthread_mutex_lock(&traffic->lock);
    traffic->used[node] = false;
    while (!has_left(traffic, node))
        pthread_cond_wait(&traffic->turned, &traffic->lock);
    pthread_mutex_unlock(&traffic->lock);
}

void traffic_join(struct traffic *traffic, int node)
{
    pthread_mutex_lock(&traffic->lock);
    traffic->used[node] = true;
    pthread_mutex_unlock(&traffic->lock);
}

void traffic_doubt(struct traffic *traffic, bool doubt)
{
    pthread_mutex_lock(&traffic->lock);
    traffic->doubt = doubt;
    for (int i = 0; i < traffic->connection_count; i++) /* those that wait for their answer, too */
        traffic->connections[i].in_doubt |= doubt;
    pthread_mutex_unlock(&traffic->lock);
}

void traffic_run_on(struct traffic *traffic)
{
    pthread_mutex_lock(&traffic->lock);
    const unsigned long wanted = traffic->answers + RUN_ON_ANSWERS;
    while (traffic->answers < wanted)
        pthread_cond_wait(&traffic->turned, &traffic->lock);
    pthread_mutex_unlock(&traffic->lock);
}

void traffic_rest(struct traffic *traffic)
{
    pthread_mutex_lock(&traffic->lock);
    traffic->resting = true;
    while (!all_idle(traffic))
        pthread_cond_wait(&traffic->turned, &traffic->lock);
    pthread_mutex_unlock(&traffic->lock);
}

void traffic_go_on(struct traffic *traffic)
{
    pthread_mutex_lock(&traffic->lock);
    traffic->resting = false;
    pthread_mutex_unlock(&traffic->lock);
}

bool traffic_held(struct traffic *traffic, redisContext *context, char *why, size_t why_size)
{
    bool held = true;

    pthread_mutex_lock(&traffic->lock);
    const int64_t asked_us = now_us();
    for (unsigned index = 0; index < TRAFFIC_KEYS; index++)
        redisAppendCommand(context, "AT ONE GET load:%u", index);
    for (unsigned index = 0; index < TRAFFIC_KEYS; index++) {
        struct key *key = &traffic->keys[index];
        void *reply = NULL;
        check_that(redisGetReply(context, &reply) == REDIS_OK, "an answer: %s", context->errstr);
        /* It is the last change that counts, acknowledged as all are now. */
        if (held && !answer_fits(key, index, key->sent, asked_us, reply)) {
            snprintf(why, why_size, "%s; got %.100s", describe_key(key, index, key->sent),
                     text_of(reply));
            held = false;
        }
        freeReplyObject(reply);
    }
    pthread_mutex_unlock(&traffic->lock);
    return held;
}

struct traffic_waits traffic_waits(struct traffic *traffic)
{
    pthread_mutex_lock(&traffic->lock);
    const struct traffic_waits waits = traffic->waits;
    traffic->waits = (struct traffic_waits){0};
    pthread_mutex_unlock(&traffic->lock);
    return waits;
}
