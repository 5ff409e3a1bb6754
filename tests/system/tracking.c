/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CLIENT TRACKING beside a real redis-server: a story of commands on two connections, one in RESP2
 * and one in RESP3 that tracks, and all that the second is told, byte for byte.
 *
 * A push of Dunlin may come a moment after the reply to the command that caused it: the one that
 * tracks pings until it has as much as Redis told it.
 */
#include "config.h" /* strsep */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "lib/check.h"
#include "system/compare/server.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Pings, and between them: 2 s in all. */
#define PINGS_MAX 400
#define PING_US   5000

enum { OTHER, TRACKER };

static const struct compared same = {.likeness = COMPARED_SAME};

/* By each line begins anew what nobody tracks. */
static const struct {
    int connection;
    const char *words;
} story[] = {
    {TRACKER, "HELLO 3"},
    {TRACKER, "CLIENT TRACKING ON PREFIX a"},
    {TRACKER, "CLIENT TRACKING ON BCAST OPTIN"},
    {TRACKER, "CLIENT TRACKING ON OPTIN OPTOUT"},
    {TRACKER, "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab"},
    {TRACKER, "CLIENT TRACKING ON REDIRECT"},
    {TRACKER, "CLIENT TRACKING ON REDIRECT x"},
    {TRACKER, "CLIENT TRACKING ON REDIRECT 0"},
    {TRACKER, "CLIENT TRACKING x REDIRECT 999999"},
    {TRACKER, "CLIENT TRACKING ON NOSUCH"},
    {TRACKER, "CLIENT CACHING YES"},
    {TRACKER, "CLIENT TRACKINGINFO"},
    {TRACKER, "CLIENT GETREDIR"},

    {TRACKER, "CLIENT TRACKING ON"},
    {TRACKER, "CLIENT TRACKINGINFO"},
    {TRACKER, "CLIENT TRACKING ON BCAST"},
    {TRACKER, "CLIENT CACHING NO"},
    {TRACKER, "GET k"},
    {OTHER, "SET k 1"},
    {OTHER, "SET k 2"},
    {TRACKER, "MGET k l k"},
    {OTHER, "MSET l 1 k 1"},
    {TRACKER, "GET k"},
    {TRACKER, "SET k 3"},
    {TRACKER, "EXISTS k none"},
    {OTHER, "DEL k none"},
    {TRACKER, "TTL k"},
    {OTHER, "DEL k"},
    {OTHER, "SETNX k v"},
    {TRACKER, "STRLEN k"},
    {OTHER, "SETNX k v"},
    {OTHER, "APPEND k w"},
    {TRACKER, "GET k"},
    {OTHER, "EXPIRE k 1000"},
    {TRACKER, "GET k"},
    {OTHER, "PERSIST k"},
    {OTHER, "PERSIST k"},
    {TRACKER, "GET k"},
    {OTHER, "RENAME k l"},
    {TRACKER, "GET l"},
    {OTHER, "COPY l m"},
    {OTHER, "COPY m l REPLACE"},
    {TRACKER, "GET n"},
    {OTHER, "INCR n"},
    {TRACKER, "GET n"},
    {OTHER, "GETEX n EX 100"},
    {TRACKER, "GET n"},
    {OTHER, "GETEX n"},
    {OTHER, "GETDEL n"},
    {TRACKER, "MULTI"},
    {TRACKER, "GET l"},
    {TRACKER, "SET l 5"},
    {TRACKER, "EXEC"},
    {TRACKER, "GET l"},
    {OTHER, "MULTI"},
    {OTHER, "SET l 1"},
    {OTHER, "SET l 2"},
    {OTHER, "EXEC"},
    {TRACKER, "GET l"},
    {OTHER, "FLUSHALL"},
    {TRACKER, "FLUSHALL"},

    {TRACKER, "CLIENT TRACKING OFF"},
    {TRACKER, "CLIENT TRACKING ON OPTIN"},
    {TRACKER, "CLIENT TRACKING ON OPTOUT"},
    {TRACKER, "CLIENT CACHING NO"},
    {TRACKER, "GET k"},
    {TRACKER, "CLIENT CACHING YES"},
    {TRACKER, "CLIENT TRACKINGINFO"},
    {TRACKER, "GET l"},
    {TRACKER, "GET m"},
    {OTHER, "MSET k 1 l 1 m 1"},

    {TRACKER, "CLIENT TRACKING OFF"},
    {TRACKER, "CLIENT TRACKING ON BCAST PREFIX y PREFIX x"},
    {TRACKER, "CLIENT TRACKING ON BCAST PREFIX xa"},
    {TRACKER, "CLIENT TRACKINGINFO"},
    {OTHER, "MSET y 1 xb 2 xa 3 z 1"},
    {TRACKER, "MSET xb 2 y 1"},
    {OTHER, "SET z 1"},
    {OTHER, "DEL xb z none"},
    {OTHER, "FLUSHALL"},

    {TRACKER, "CLIENT TRACKING OFF"},
    {TRACKER, "CLIENT TRACKING ON NOLOOP"},
    {TRACKER, "GET k"},
    {TRACKER, "SET k 1"},
    {TRACKER, "GET k"},
    {OTHER, "SET k 2"},
    {TRACKER, "RESET"},
    {TRACKER, "CLIENT TRACKINGINFO"},
};

static struct step step_of(size_t at, char *words)
{
    struct step step = {.compared = &same, .connection = story[at].connection};
    char *rest = words;

    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        step.line.words[step.line.count++] = span_of_string(word);
    return step;
}

static bool is_push(struct span reply)
{
    return reply.size > 0 && reply.data[0] == '>';
}

/* The reply, and before or behind it what the connection is told. */
static void play(struct server *server, const struct step *step, struct buffer *told)
{
    struct span reply;

    server_send(server, step, 1);
    do {
        reply = server_receive(server, step);
        buffer_append_span(told, reply);
    } while (is_push(reply));
}

/* What the one that tracks is told besides. */
static void ping(struct server *server, struct buffer *told)
{
    const struct step step = {
        .compared = &same, .connection = TRACKER, .line = {.count = 1, .words = {SPAN("PING")}}};
    struct span reply;

    server_send(server, &step, 1);
    while (is_push(reply = server_receive(server, &step)))
        buffer_append_span(told, reply);
}

static bool told_alike(const struct buffer *dunlin, const struct buffer *redis)
{
    return span_equal(buffer_content(dunlin), buffer_content(redis));
}

static void step_both(struct server *dunlin, struct server *redis, size_t at)
{
    const struct timespec nap = {.tv_nsec = PING_US * 1000};
    struct buffer by_redis = {0}, by_dunlin = {0};
    char words[2][128];

    snprintf(words[0], sizeof words[0], "%s", story[at].words);
    snprintf(words[1], sizeof words[1], "%s", story[at].words);
    const struct step for_redis = step_of(at, words[0]), for_dunlin = step_of(at, words[1]);
    play(redis, &for_redis, &by_redis);
    ping(redis, &by_redis);
    play(dunlin, &for_dunlin, &by_dunlin);
    ping(dunlin, &by_dunlin);
    for (int i = 0; i < PINGS_MAX && buffer_size(&by_dunlin) < buffer_size(&by_redis); i++) {
        nanosleep(&nap, NULL);
        ping(dunlin, &by_dunlin);
    }
    check_that(at == 0 || told_alike(&by_dunlin, &by_redis), "%s: '%.*s' and not '%.*s'",
               story[at].words, (int)buffer_size(&by_dunlin),
               (const char *)buffer_content(&by_dunlin).data, (int)buffer_size(&by_redis),
               (const char *)buffer_content(&by_redis).data);
    buffer_deinit(&by_redis);
    buffer_deinit(&by_dunlin);
}

static void compare(struct server *dunlin)
{
    struct server *redis = server_create_redis(NULL);

    server_begin(dunlin);
    server_begin(redis);
    for (size_t at = 0; at < COUNT(story); at++)
        step_both(dunlin, redis, at);
    server_destroy(&redis);
    server_destroy(&dunlin);
}

static void redis_tells_as_redis(void)
{
    compare(server_create_redis(NULL));
}

static void one_node_tells_as_redis(void)
{
    compare(server_create_dunlin(1));
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"redis_tells_as_redis", 60, redis_tells_as_redis},
        {"one_node_tells_as_redis", 60, one_node_tells_as_redis},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
