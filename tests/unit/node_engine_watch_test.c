/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What people do to all clients of a node: CLIENT PAUSE, MONITOR, CLIENT UNBLOCK; and CLIENT REPLY.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_watch, .timeout = TIMEOUT_S(20));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client, *other;

static void begin(const struct pair_setup *setup)
{
    pair_init(&pair, setup);
    client = pair_connect(&pair, 0);
    other = pair_connect(&pair, 0);
}

static void end(void)
{
    pair_deinit(&pair);
}

/* ---- CLIENT PAUSE ---- */

Test(engine_watch, a_pause_of_writes_holds_them_until_it_ends)
{
    begin(NULL);
    pair_ask(client, "CLIENT PAUSE 300 WRITE", OK);
    pair_pipeline(other, (const char *const[]){"GET k", "SET k v", "GET k", NULL});
    pair_expect(other, "$-1\r\n");
    pair_ask(client, "GET k", "$-1\r\n");
    pair_pass(&pair, 290);
    pair_expect(other, "");
    pair_pass(&pair, 20);
    pair_expect(other, OK "$1\r\nv\r\n");
    pair_ask(client, "SET k w", OK);
    end();
}

Test(engine_watch, a_pause_of_all_holds_all_but_what_steers_it)
{
    begin(NULL);
    pair_ask(client, "CLIENT PAUSE 300000", OK);
    pair_command(other, "PING");
    pair_send(other, "PING inline\r\n", 13);
    pair_expect(other, "");
    pair_command(other, "NOSUCH");
    pair_pass(&pair, 10000);
    pair_expect(other, "");
    pair_ask(client, "CLIENT UNPAUSE", OK);
    pair_expect(other, "+PONG\r\n$6\r\ninline\r\n"
                       "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    pair_ask(client, "CLIENT UNPAUSE", OK);
    end();
}

Test(engine_watch, another_pause_makes_it_no_shorter_and_holds_no_less)
{
    begin(NULL);
    pair_ask(client, "CLIENT PAUSE 300 ALL", OK);
    pair_ask(client, "CLIENT PAUSE 100 WRITE", OK);
    pair_command(other, "PING");
    pair_pass(&pair, 200);
    pair_expect(other, "");
    pair_ask(client, "CLIENT PAUSE 300 WRITE", OK);
    pair_pass(&pair, 150);
    pair_expect(other, "");
    pair_pass(&pair, 200);
    pair_expect(other, "+PONG\r\n");
    pair_ask(client, "CLIENT PAUSE 9223372036854775807 WRITE", OK);
    pair_ask(client, "CLIENT UNPAUSE", OK);
    pair_ask(client, "SET k v", OK);
    end();
}

/* The time of what was held begins when it goes on. */
Test(engine_watch, what_was_held_has_its_whole_time)
{
    const struct pair_setup setup = {.nodes = 3};
    char key[PAIR_KEY_MAX], line[64];

    begin(&setup);
    pair_ask(client, "CLIENT PAUSE 5000", OK);
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 0, 0, key));
    pair_command(other, line);
    pair_pass(&pair, 5001);
    pair_expect(other, OK);
    cr_assert(pair_has(&pair, 1, key, "v"));
    end();
}

Test(engine_watch, a_paused_node_serves_the_other_nodes)
{
    const struct pair_setup setup = {.nodes = 3};
    char key[PAIR_KEY_MAX], line[64];
    struct pair_client *elsewhere;

    begin(&setup);
    elsewhere = pair_connect(&pair, 1);
    pair_ask(client, "CLIENT PAUSE 100000 ALL", OK);
    /* An INCR runs at the key's first replica: the paused one. */
    snprintf(line, sizeof line, "INCR %s", pair_key(&pair, 0, 0, key));
    pair_ask(elsewhere, line, ":1\r\n");
    cr_assert(pair_has(&pair, 0, key, "1"));
    end();
}

Test(engine_watch, who_is_held_can_be_killed)
{
    begin(NULL);
    pair_ask(client, "CLIENT PAUSE 100000 WRITE", OK);
    pair_command(other, "SET k v");
    pair_ask(client, "CLIENT KILL ID 2", ":1\r\n");
    cr_assert_null(other->client);
    pair_ask(client, "CLIENT UNPAUSE", OK);
    pair_ask(client, "GET k", "$-1\r\n");
    end();
}

/* ---- MONITOR ---- */

/* What a monitor is to be shown of a command that ran now. */
static void expect_shown(struct pair_client *monitor, const char *arguments)
{
    char line[512];

    snprintf(line, sizeof line, "+%lld.%06lld [0 127.0.0.1:4711] %s\r\n",
             (long long)pair.now.wall_ms / 1000, (long long)pair.now.wall_ms % 1000 * 1000,
             arguments);
    pair_expect(monitor, line);
}

Test(engine_watch, monitors_are_shown_what_others_run)
{
    begin(NULL);
    pair_ask(other, "MONITOR", OK);
    pair_ask(other, "MONITOR", "");
    pair_ask(client, "SET k v", OK);
    expect_shown(other, "\"SET\" \"k\" \"v\"");
    pair_ask(client, "AT ONE GET k", "$1\r\nv\r\n");
    expect_shown(other, "\"AT\" \"ONE\" \"GET\" \"k\"");
    pair_send(client, "*2\r\n$4\r\nECHO\r\n$6\r\n\"\\\n\x01\xff~\r\n", 26);
    pair_expect(client, "$6\r\n\"\\\n\x01\xff~\r\n");
    expect_shown(other, "\"ECHO\" \"\\\"\\\\\\n\\x01\\xff~\"");
    pair_ask(client, "SET k v NX XX", "-ERR syntax error\r\n");
    expect_shown(other, "\"SET\" \"k\" \"v\" \"NX\" \"XX\"");
    /* What never ran, and what administers the node. */
    pair_ask(client, "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    pair_ask(client, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    pair_ask(client, "CONFIG SET loglevel debug", OK);
    pair_expect(other, "");
    pair_ask(other, "RESET", "+RESET\r\n");
    pair_ask(client, "PING", "+PONG\r\n");
    pair_expect(other, "");
    end();
}

Test(engine_watch, monitors_learn_no_password)
{
    const struct pair_setup setup = {
        .options = (const char *const[]){"--requirepass", "secret", NULL}};

    begin(&setup);
    pair_ask(other, "AUTH secret", OK);
    pair_ask(other, "MONITOR", OK);
    pair_ask(client, "GET k", "-NOAUTH Authentication required.\r\n");
    pair_expect(other, "");
    pair_ask(client, "AUTH secre",
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    expect_shown(other, "\"AUTH\" \"(redacted)\"");
    pair_ask(client, "AUTH default secret", OK);
    expect_shown(other, "\"AUTH\" \"(redacted)\" \"(redacted)\"");
    pair_command(client, "HELLO 2 SETNAME me AUTH default secret");
    expect_shown(other,
                 "\"HELLO\" \"2\" \"SETNAME\" \"me\" \"AUTH\" \"(redacted)\" \"(redacted)\"");
    end();
}

Test(engine_watch, a_monitor_that_does_not_read_is_dropped_at_its_limit)
{
    const struct pair_setup setup = {
        .options = (const char *const[]){"--client-output-buffer-limit", "normal 1mb 0 0", NULL}};
    enum { SIZE = 40000 };
    static char line[SIZE + 64];

    begin(&setup);
    pair_ask(other, "MONITOR", OK);
    other->stalled = true;
    const int at = snprintf(line, sizeof line, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", SIZE);
    memset(line + at, 'v', SIZE);
    memcpy(line + at + SIZE, "\r\n", 2);
    for (int i = 0; i < 20; i++) {
        pair_send(client, line, (size_t)at + SIZE + 2);
        pair_expect(client, OK);
    }
    cr_assert(!other->closing);
    for (int i = 0; i < 20; i++) {
        pair_send(client, line, (size_t)at + SIZE + 2);
        pair_expect(client, OK);
    }
    cr_assert(other->closing);
    cr_assert_eq(outbox_size(engine_client_out(other->client)), 0);
    pair_ask(client, "GET nosuch", "$-1\r\n");
    end();
}

Test(engine_watch, a_monitor_that_leaves_is_forgotten)
{
    begin(NULL);
    pair_ask(other, "MONITOR", OK);
    pair_ask(client, "PING", "+PONG\r\n");
    expect_shown(other, "\"PING\"");
    pair_disconnect(other);
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}

/* ---- CLIENT UNBLOCK ---- */

Test(engine_watch, a_wait_can_be_unblocked)
{
    const struct pair_setup setup = {.nodes = 3};
    char key[PAIR_KEY_MAX], line[64];

    begin(&setup);
    pair_silence(&pair, 0, 2, true);
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 0, 0, key));
    pair_ask(client, "CLIENT UNBLOCK 2", ":0\r\n");
    pair_ask(other, line, OK);
    pair_ask(other, "WAIT 2 100000", "");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_BLOCKED_CLIENTS), 1);
    pair_ask(client, "CLIENT UNBLOCK 2", ":1\r\n");
    pair_expect(other, ":1\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_BLOCKED_CLIENTS), 0);
    pair_ask(client, "CLIENT UNBLOCK 2", ":0\r\n");
    pair_ask(other, line, OK);
    pair_ask(other, "WAIT 2 100000", "");
    pair_ask(client, "CLIENT UNBLOCK 2 ERROR", ":1\r\n");
    pair_expect(other, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    pair_ask(other, "WAIT 0 0", ":1\r\n");
    pair_ask(client, "CLIENT UNBLOCK 99", ":0\r\n");
    pair_ask(other, line, OK);
    pair_ask(other, "WAIT 2 100000", "");
    pair_disconnect(other);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_BLOCKED_CLIENTS), 0);
    end();
}

/* ---- CLIENT REPLY ---- */

Test(engine_watch, replies_are_left_out_as_the_client_wants)
{
    begin(NULL);
    pair_pipeline(client, (const char *const[]){"CLIENT REPLY OFF", "SET k v", "NOSUCH", "GET k",
                                                "CLIENT REPLY foo", "CLIENT REPLY SKIP", "GET k",
                                                "CLIENT REPLY ON", "GET k", NULL});
    pair_expect(client, OK "$1\r\nv\r\n");
    pair_pipeline(client, (const char *const[]){"CLIENT REPLY SKIP", "NOSUCH", "ECHO a",
                                                "CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "ECHO b",
                                                "ECHO c", "CLIENT REPLY SKIP", "CLIENT REPLY ON",
                                                "ECHO d", NULL});
    pair_expect(client, "$1\r\na\r\n$1\r\nc\r\n" OK "$1\r\nd\r\n");
    pair_ask(client, "CLIENT REPLY foo", "-ERR syntax error\r\n");
    pair_ask(client, "CLIENT REPLY OFF", "");
    pair_ask(client, "RESET", "+RESET\r\n");
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}

/* Replies that are due from before are still given. */
Test(engine_watch, replies_of_what_was_sent_before_are_not_left_out)
{
    const struct pair_setup setup = {.nodes = 3};
    char key[PAIR_KEY_MAX], line[64], get[64];

    begin(&setup);
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 0, 0, key));
    snprintf(get, sizeof get, "GET %s", key);
    pair_pipeline(client, (const char *const[]){line, "CLIENT REPLY SKIP", get, get, NULL});
    pair_expect(client, OK "$1\r\nv\r\n");
    end();
}

/* ---- slow requests ---- */

Test(engine_watch, what_waits_long_for_other_nodes_is_in_the_slow_log)
{
    const struct pair_setup setup = {
        .nodes = 3,
        .options = (const char *const[]){"--slowlog-log-slower-than", "50000",
                                         "--latency-monitor-threshold", "100", NULL}};
    char key[PAIR_KEY_MAX], line[64], wanted[128];

    begin(&setup);
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 0, 0, key));
    pair_ask(client, line, OK);
    pair_ask(client, "SLOWLOG LEN", ":0\r\n");
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(other, line);
    pair_pass(&pair, 60);
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_expect(other, OK);
    pair_ask(client, "SLOWLOG LEN", ":1\r\n");
    pair_command(client, "SLOWLOG GET 1");
    snprintf(wanted, sizeof wanted,
             "*1\r\n*6\r\n:0\r\n:%lld\r\n:", (long long)pair.now.wall_ms / 1000);
    cr_assert_eq(memcmp(buffer_content(&client->got).data, wanted, strlen(wanted)), 0);
    snprintf(wanted, sizeof wanted, "$3\r\nSET\r\n$%zu\r\n%s\r\n$1\r\nv\r\n", strlen(key), key);
    cr_assert_not_null(memmem(buffer_content(&client->got).data, buffer_size(&client->got), wanted,
                              strlen(wanted)));
    buffer_reset(&client->got, SIZE_MAX);
    /* It was not slow enough for the other. */
    pair_ask(client, "LATENCY LATEST", "*0\r\n");
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(other, line);
    pair_pass(&pair, 120);
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_expect(other, OK);
    pair_ask(client, "LATENCY RESET", ":1\r\n");
    pair_ask(client, "SLOWLOG LEN", ":2\r\n");
    pair_ask(client, "SLOWLOG RESET", OK);
    pair_ask(client, "SLOWLOG LEN", ":0\r\n");
    end();
}
