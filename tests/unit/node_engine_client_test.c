/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An engine and its clients: what they send, in whatever pieces, and the replies in order. Most of
 * it on a ring of one node, where every request is done at once.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_client, .timeout = TIMEOUT_S(10));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client;

static void begin(void)
{
    pair_init(&pair, NULL);
    client = pair_connect(&pair, 0);
}

static void end(void)
{
    pair_deinit(&pair);
}

Test(engine_client, a_ring_of_one_serves)
{
    begin();
    pair_ask(client, "GET k", "$-1\r\n");
    pair_ask(client, "SET k v", OK);
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    pair_ask(client, "SET k '' ", OK);
    pair_ask(client, "GET k", "$0\r\n\r\n");
    pair_ask(client, "DEL k", ":1\r\n");
    pair_ask(client, "GET k", "$-1\r\n");
    pair_ask(client, "DEL k", ":0\r\n");
    end();
}

Test(engine_client, a_pipeline_is_answered_in_order)
{
    begin();
    pair_pipeline(client, (const char *const[]){"PING", "SET a 1", "INCR a", "GET a", "NOSUCH x",
                                                "GET", "MGET a b", "ECHO hi", NULL});
    pair_expect(client, "+PONG\r\n+OK\r\n:2\r\n$1\r\n2\r\n"
                        "-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n"
                        "-ERR wrong number of arguments for 'get' command\r\n"
                        "*2\r\n$1\r\n2\r\n$-1\r\n$2\r\nhi\r\n");
    end();
}

/* Longer than what is read ahead, with commands of few and of many arguments in turn. */
Test(engine_client, long_and_short_commands_may_follow_each_other)
{
    struct buffer wanted = {0};
    char set[64], many[256];
    const char *lines[61] = {0};

    begin();
    snprintf(many, sizeof many, "MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7");
    snprintf(set, sizeof set, "SET k v");
    for (size_t i = 0; i < 60; i++) {
        lines[i] = i % 7 == 3 ? many : i % 2 == 0 ? set : "GET k";
        buffer_append_string(&wanted, i % 7 == 3 || i % 2 == 0 ? OK : "$1\r\nv\r\n");
    }
    pair_pipeline(client, lines);
    buffer_append(&wanted, "", 1);
    pair_expect(client, (const char *)buffer_content(&wanted).data);
    buffer_deinit(&wanted);
    end();
}

Test(engine_client, inline_commands_are_commands)
{
    static const char bytes[] = "PING\r\nSET k \"a b\\x41\"\r\n\r\nget k\n";

    begin();
    pair_send(client, bytes, sizeof bytes - 1);
    pair_expect(client, "+PONG\r\n+OK\r\n$4\r\na bA\r\n");
    end();
}

Test(engine_client, inline_and_multibulk_may_be_mixed)
{
    static const char bytes[] = "*1\r\n$4\r\nPING\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n"
                                "ECHO 'y z'\r\n*1\r\n$4\r\nPING\r\n";

    begin();
    pair_send(client, bytes, sizeof bytes - 1);
    pair_expect(client, "+PONG\r\n+PONG\r\n$1\r\nx\r\n$3\r\ny z\r\n+PONG\r\n");
    end();
}

Test(engine_client, a_command_may_be_cut_at_every_byte)
{
    static const char bytes[] = "*3\r\n$3\r\nSET\r\n$2\r\nab\r\n$3\r\na\r\n\r\nGET ab\r\n"
                                "*2\r\n$3\r\nGET\r\n$2\r\nab\r\n";
    const size_t size = sizeof bytes - 1;

    begin();
    for (size_t cut = 0; cut <= size; cut++) {
        pair_send(client, bytes, cut);
        pair_send(client, bytes + cut, size - cut);
        pair_expect(client, "+OK\r\n$3\r\na\r\n\r\n$3\r\na\r\n\r\n");
    }
    for (size_t i = 0; i < size; i++)
        pair_send(client, bytes + i, 1);
    pair_expect(client, "+OK\r\n$3\r\na\r\n\r\n$3\r\na\r\n\r\n");
    end();
}

/* More keys than fit three turns. */
#define VERY_MANY (3 * MANY_PER_TURN + 1)

/* One turn, in which what came is read. */
static void turn(void)
{
    struct engine *engine = pair.nodes[0].engine;

    engine_wake(engine, pair_now(&pair.nodes[0]));
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
}

/* "word k0 between k1 between ... end", which comes and is not gone on with. */
static void send_very_many(const char *word, const char *between, const char *end_with)
{
    struct buffer line = {0};
    struct engine *engine = pair.nodes[0].engine;

    buffer_append_string(&line, word);
    for (unsigned i = 0; i < VERY_MANY; i++)
        buffer_append_format(&line, " k%u%s", i, between);
    buffer_append_format(&line, "%s\r\n", end_with);
    buffer_append_span(engine_client_in(client->client), buffer_content(&line));
    engine_client_input(engine, pair_now(&pair.nodes[0]), client->client);
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
    buffer_deinit(&line);
}

Test(engine_client, a_command_of_very_many_keys_takes_turns)
{
    char all[64];

    begin();
    struct pair_client *other = pair_connect(&pair, 0);
    send_very_many("MSET", " v", " k0 w");
    for (unsigned i = 0; i < 3; i++) /* to cut it */
        turn();
    cr_assert_not(pair_has(&pair, 0, "k1", "v"));
    turn();
    turn(); /* to begin it */
    cr_assert(pair_has(&pair, 0, "k1", "v"));
    cr_assert_not(pair_has(&pair, 0, "k384", "v"));
    buffer_append_string(engine_client_in(other->client), "GET k1\r\n");
    engine_client_input(pair.nodes[0].engine, pair_now(&pair.nodes[0]), other->client);
    turn();
    cr_assert_gt(outbox_size(engine_client_out(other->client)), 0);
    cr_assert_eq(outbox_size(engine_client_out(client->client)), 0);
    pair_settle(&pair);
    pair_expect(client, OK);
    cr_assert(pair_has(&pair, 0, "k384", "v"));
    pair_ask(client, "GET k0", "$1\r\nw\r\n");

    send_very_many("MGET", "", " x");
    pair_settle(&pair);
    snprintf(all, sizeof all, "*%u\r\n$1\r\nw\r\n$1\r\nv\r\n", VERY_MANY + 1);
    const struct span got = buffer_content(&client->got);
    cr_assert_eq(got.size, strlen("*386\r\n") + VERY_MANY * strlen("$1\r\nv\r\n") + 5);
    cr_assert_eq(memcmp(got.data, all, strlen(all)), 0);
    buffer_reset(&client->got, 0);

    send_very_many("DEL", "", " x k1");
    pair_expect(client, "");
    pair_command(client, "EXISTS k1"); /* waits for it */
    snprintf(all, sizeof all, ":%u\r\n:0\r\n", VERY_MANY);
    pair_expect(client, all);
    end();
}

Test(engine_client, who_leaves_takes_a_command_of_very_many_keys_along)
{
    begin();
    struct pair_client *other = pair_connect(&pair, 0);
    send_very_many("MSET", " v", "");
    turn();
    turn();
    pair_disconnect(client);
    pair_settle(&pair);
    pair_ask(other, "GET k384", "$1\r\nv\r\n");
    end();
}

/* They have come, and none has run. */
static struct engine *send_pings(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_append_string(engine_client_in(client->client), "*1\r\n$4\r\nPING\r\n");
    engine_client_input(pair.nodes[0].engine, pair.now, client->client);
    return pair.nodes[0].engine;
}

Test(engine_client, more_than_fits_a_turn_is_run_in_the_next)
{
    enum { PINGS = 3 * CLIENT_COMMANDS_PER_TURN };

    begin();
    engine_turn_end(send_pings(PINGS), pair.now);
    const size_t first = outbox_size(engine_client_out(client->client)) / strlen("+PONG\r\n");
    cr_assert(first > 0 && first <= CLIENT_COMMANDS_PER_TURN, "%zu", first);
    cr_assert_leq(pair.nodes[0].wake_at_us, pair.now.mono_us);
    pair_settle(&pair);
    cr_assert_eq(buffer_size(&client->got), PINGS * strlen("+PONG\r\n"));
    end();
}

/* Each client's batch, whoever was first in the turn before. */
Test(engine_client, a_turn_that_is_late_runs_one_batch_and_then_the_others)
{
    enum { PINGS = 8 * BATCH_COMMANDS_MAX };

    begin();
    struct pair_client *other = pair_connect(&pair, 0);
    struct engine *engine = send_pings(PINGS);
    buffer_append_string(engine_client_in(other->client), "PING other\r\n");
    engine_client_input(engine, pair.now, other->client);
    pair.nodes[0].late = true;
    engine_turn_end(engine, pair.now);
    cr_assert_eq(outbox_size(engine_client_out(client->client)),
                 BATCH_COMMANDS_MAX * strlen("+PONG\r\n"), "%zu",
                 outbox_size(engine_client_out(client->client)));
    cr_assert_eq(outbox_size(engine_client_out(other->client)), 0);
    cr_assert_leq(pair.nodes[0].wake_at_us, pair.now.mono_us);
    engine_turn_end(engine, pair.now);
    cr_assert_eq(outbox_size(engine_client_out(other->client)), strlen("$5\r\nother\r\n"));
    pair_settle(&pair);
    cr_assert_eq(buffer_size(&client->got), PINGS * strlen("+PONG\r\n"));
    end();
}

Test(engine_client, a_turn_that_took_many_answers_runs_few_commands_but_some)
{
    begin();
    struct engine *engine = send_pings(CLIENT_COMMANDS_PER_TURN);

    engine->turn_answers = 100 * CLIENT_COMMANDS_PER_TURN;
    engine_turn_end(engine, pair.now);
    const size_t first = outbox_size(engine_client_out(client->client)) / strlen("+PONG\r\n");
    cr_assert(first > 0 && first <= BATCH_COMMANDS_MAX, "%zu", first);
    cr_assert_eq(engine->turn_answers, 0);
    pair_settle(&pair);
    cr_assert_eq(buffer_size(&client->got), CLIENT_COMMANDS_PER_TURN * strlen("+PONG\r\n"));
    end();
}

Test(engine_client, commands_of_many_keys_are_cut_and_gathered)
{
    begin();
    pair_ask(client, "MSET a 1 b 2 c 3 d 4", OK);
    pair_ask(client, "MGET a x b c a", "*5\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n1\r\n");
    pair_ask(client, "MGET a", "*1\r\n$1\r\n1\r\n");
    pair_ask(client, "EXISTS a a b x", ":3\r\n");
    pair_ask(client, "DEL a b b x", ":2\r\n");
    pair_ask(client, "TOUCH a c d", ":2\r\n");
    pair_ask(client, "UNLINK c", ":1\r\n");
    pair_ask(client, "MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n");
    pair_ask(client, "EXISTS a b", ":0\r\n");
    end();
}

Test(engine_client, at_sets_the_level_of_one_command)
{
    begin();
    pair_ask(client, "AT ONE SET k v", OK);
    pair_ask(client, "AT all GET k", "$1\r\nv\r\n");
    pair_ask(client, "AT TWO GET k", "-NOQUORUM needed 2 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "AT TWO SET k w", "-NOQUORUM needed 2 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    pair_ask(client, "AT TWO INCR k", "-NOQUORUM needed 2 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "AT SOME GET k",
             "-ERR unknown level, expected ONE, TWO, THREE, QUORUM, ALL or a number from 1 to "
             "7\r\n");
    pair_ask(client, "AT ONE", "-ERR wrong number of arguments for 'at' command\r\n");
    pair_ask(client, "AT ONE AT ALL GET k", "$1\r\nv\r\n");
    pair_ask(client, "AT ONE MGET k x", "*2\r\n$1\r\nv\r\n$-1\r\n");
    pair_ask(client, "AT 2 MGET k x", "-NOQUORUM needed 2 of 1, got 0 in 0 ms, key 'k'\r\n");
    pair_ask(client, "AT ONE PING", "+PONG\r\n");
    end();
}

Test(engine_client, consistency_sets_the_levels_of_a_connection)
{
    begin();
    pair_ask(client, "CONSISTENCY READ TWO WRITE THREE", OK);
    pair_ask(client, "GET k", "-NOQUORUM needed 2 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "SET k v", "-NOQUORUM needed 3 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "AT ONE SET k v", OK);
    pair_ask(client, "CONSISTENCY READ DEFAULT", OK);
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    pair_ask(client, "RESET", "+RESET\r\n");
    pair_ask(client, "SET k w", OK);
    end();
}

Test(engine_client, a_keyspace_rule_sets_the_levels_of_its_keys)
{
    static const char *const options[] = {"--keyspace", "s:",    "read", "TWO",
                                          "write",      "THREE", NULL};
    const struct pair_setup setup = {.options = options};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_ask(client, "SET k v", OK);
    pair_ask(client, "GET s:k", "-NOQUORUM needed 2 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "SET s:k v", "-NOQUORUM needed 3 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "AT ONE SET s:k v", OK);
    end();
}

Test(engine_client, nothing_runs_before_the_password)
{
    static const char *const options[] = {"--requirepass", "pw", NULL};
    const struct pair_setup setup = {.options = options};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_pipeline(client, (const char *const[]){"GET k", "SET k v", "FLUSHALL", "RING STATUS",
                                                "AUTH no", "AUTH pw", "GET k", NULL});
    pair_expect(client, "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n"
                        "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n"
                        "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                        "+OK\r\n$-1\r\n");
    cr_assert_eq(buffer_size(&pair.nodes[0].commands), 0);
    pair_pipeline(client, (const char *const[]){"RESET", "GET k", NULL});
    pair_expect(client, "+RESET\r\n-NOAUTH Authentication required.\r\n");
    end();
}

Test(engine_client, who_is_not_authenticated_sends_little)
{
    static const char *const options[] = {"--requirepass", "pw", NULL};
    const struct pair_setup setup = {.options = options};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_send(client, SPAN("*11\r\n").data, 5);
    pair_expect(client, "-ERR Protocol error: unauthenticated multibulk length\r\n");
    cr_assert_null(client->client);
    client = pair_connect(&pair, 0);
    pair_send(client, SPAN("*1\r\n$16385\r\n").data, 12);
    pair_expect(client, "-ERR Protocol error: unauthenticated bulk length\r\n");
    cr_assert_null(client->client);
    end();
}

Test(engine_client, a_protocol_error_closes_after_its_reply)
{
    static const char bytes[] = "*1\r\n$4\r\nPING\r\n*1\r\n!4\r\nPING\r\n*1\r\n$4\r\nPING\r\n";

    begin();
    pair_send(client, bytes, sizeof bytes - 1);
    pair_expect(client, "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
    cr_assert_null(client->client);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PROTOCOL_ERRORS), 1);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CONNECTIONS), 0);
    client = pair_connect(&pair, 0);
    pair_send(client, SPAN("*-5\r\nPING\r\n*1048577\r\n").data, 21);
    pair_expect(client, "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
    client = pair_connect(&pair, 0);
    pair_send(client, SPAN("SET k \"x\r\n").data, 10);
    pair_expect(client, "-ERR Protocol error: unbalanced quotes in request\r\n");
    end();
}

Test(engine_client, a_bulk_string_over_the_bound_is_refused)
{
    begin();
    pair_configure(&pair, 0, "proto-max-bulk-len", "1mb");
    pair_send(client, SPAN("*2\r\n$4\r\nECHO\r\n$1048577\r\n").data, 24);
    pair_expect(client, "-ERR Protocol error: invalid bulk length\r\n");
    end();
}

Test(engine_client, quit_answers_and_closes_and_what_follows_is_not_run)
{
    begin();
    pair_pipeline(client, (const char *const[]){"SET k v", "QUIT", "SET k w", NULL});
    pair_expect(client, OK OK);
    cr_assert_null(client->client);
    client = pair_connect(&pair, 0);
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    end();
}

Test(engine_client, a_killed_client_is_closed)
{
    struct pair_client *other;

    begin();
    other = pair_connect(&pair, 0);
    pair_ask(client, "CLIENT KILL ID 2", ":1\r\n");
    cr_assert_null(other->client);
    pair_ask(client, "CLIENT KILL ID 2", ":0\r\n");
    pair_ask(client, "CLIENT KILL ID 1 SKIPME no", ":1\r\n");
    cr_assert_null(client->client);
    end();
}

Test(engine_client, too_many_clients_are_refused)
{
    struct pair_client *other;

    begin();
    pair_configure(&pair, 0, "maxclients", "1");
    other = pair_connect(&pair, 0);
    pair_expect(other, "-ERR max number of clients reached\r\n");
    cr_assert_null(other->client);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CONNECTIONS_REJECTED), 1);
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}

Test(engine_client, protected_mode_refuses_other_machines)
{
    const struct engine_client about = {.address = "10.0.0.1:1", .local_address = "10.0.0.2:2"};
    struct buffer refusal = {0};

    begin();
    cr_assert_null(engine_client_open(pair.nodes[0].engine, pair.now, NULL, &about, &refusal));
    cr_assert(buffer_size(&refusal) > 7 &&
              memcmp(buffer_content(&refusal).data, "-DENIED", 7) == 0);
    buffer_deinit(&refusal);
    end();
}

Test(engine_client, what_config_sets_holds_at_once)
{
    begin();
    pair_ask(client, "CONFIG SET write-level TWO", OK);
    pair_ask(client, "SET k v", "-NOQUORUM needed 2 of 1, got 0 in 0 ms\r\n");
    pair_ask(client, "CONFIG GET write-level", "*2\r\n$11\r\nwrite-level\r\n$3\r\nTWO\r\n");
    pair_ask(client, "CONFIG SET write-level QUORUM", OK);
    pair_ask(client, "SET k v", OK);
    pair_command(client, "CONFIG SET write-level x");
    pair_expect_begin(client, "-ERR CONFIG SET failed");
    end();
}

Test(engine_client, a_client_learns_resp3)
{
    begin();
    pair_command(client, "HELLO 3");
    buffer_reset(&client->got, SIZE_MAX);
    pair_ask(client, "GET k", "_\r\n");
    pair_ask(client, "MGET k", "*1\r\n_\r\n");
    end();
}

Test(engine_client, keys_expire_unread)
{
    begin();
    pair_ask(client, "SET k v PX 20", OK);
    pair_ask(client, "SET l w", OK);
    pair_ask(client, "DBSIZE", ":2\r\n");
    pair_pass(&pair, 19);
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    pair_pass(&pair, 1);
    pair_ask(client, "GET k", "$-1\r\n");
    pair_pass(&pair, 100);
    pair_ask(client, "DBSIZE", ":1\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_EXPIRED_KEYS), 1);
    end();
}

Test(engine_client, writes_stop_at_maxmemory)
{
    begin();
    store_set_memory_max(pair.nodes[0].store, 1);
    pair_ask(client, "SET k v", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    pair_ask(client, "GET k", "$-1\r\n");
    pair_ask(client, "DEL k", ":0\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_OOM_REFUSALS), 1);
    end();
}

Test(engine_client, without_a_ring_only_this_node_answers)
{
    const struct pair_setup setup = {.no_ring = true};
    const char *down = "-CLUSTERDOWN This node is in no ring yet: RING INIT host:port ... forms "
                       "one\r\n";

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_ask(client, "PING", "+PONG\r\n");
    pair_ask(client, "GET k", down);
    pair_ask(client, "MGET a b", down);
    pair_ask(client, "FLUSHALL", down);
    pair_ask(client, "DBSIZE", down);
    pair_command(client, "RING INIT a:1 b:2");
    pair_expect(client, "");
    cr_assert(span_equal(buffer_content(&pair.nodes[0].commands), SPAN("RING INIT a:1 b:2\n")));
    engine_control_answer(pair.nodes[0].engine, pair.now, pair.nodes[0].command, SPAN(OK));
    pair_settle(&pair);
    pair_expect(client, OK);
    end();
}

Test(engine_client, control_answers_late_or_never)
{
    begin();
    pair_command(client, "RING STATUS");
    pair_command(client, "PING");
    pair_pass(&pair, CONTROL_TIMEOUT_MS - 1);
    pair_expect(client, "");
    pair_pass(&pair, 1);
    pair_expect(client, "-TRYAGAIN control did not answer in time; see RING STATUS\r\n+PONG\r\n");
    engine_control_answer(pair.nodes[0].engine, pair.now, pair.nodes[0].command, SPAN(OK));
    pair_settle(&pair);
    pair_expect(client, "");
    end();
}

Test(engine_client, who_leaves_while_control_works_is_forgotten)
{
    begin();
    pair_command(client, "RING STATUS");
    pair_disconnect(client);
    engine_control_answer(pair.nodes[0].engine, pair.now, pair.nodes[0].command, SPAN(OK));
    pair_settle(&pair);
    client = pair_connect(&pair, 0);
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}

Test(engine_client, quit_waits_for_what_is_in_flight)
{
    begin();
    pair_pipeline(client, (const char *const[]){"RING STATUS", "QUIT", NULL});
    pair_expect(client, "");
    cr_assert_not_null(client->client);
    engine_control_answer(pair.nodes[0].engine, pair.now, pair.nodes[0].command, SPAN("+x\r\n"));
    pair_settle(&pair);
    pair_expect(client, "+x\r\n+OK\r\n");
    cr_assert_null(client->client);
    end();
}

/* What the host does when more was sent than is held for one client. */
Test(engine_client, too_much_input_closes)
{
    char block[4096];

    memset(block, 'x', sizeof block);
    begin();
    pair_configure(&pair, 0, "client-query-buffer-limit", "1mb");
    pair_send(client, SPAN("*2\r\n$4\r\nECHO\r\n$2000000\r\n").data, 24);
    for (size_t sent = 0; client->client != NULL; sent += sizeof block) {
        cr_assert_leq(sent, (1 << 20) + sizeof block);
        pair_send(client, block, sizeof block);
    }
    end();
}

Test(engine_client, a_large_value_comes_back_whole)
{
    struct buffer bytes = {0}, wanted = {0};
    const size_t size = 3 << 20;

    begin();
    for (unsigned i = 0; i < 2; i++) {
        buffer_append_format(&bytes, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", size);
        uint8_t *at = buffer_reserve(&bytes, size);
        memset(at, 'a' + (int)i, size);
        buffer_commit(&bytes, size);
        buffer_append_string(&bytes, "\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        buffer_append_format(&wanted, "+OK\r\n$%zu\r\n", size);
        at = buffer_reserve(&wanted, size);
        memset(at, 'a' + (int)i, size);
        buffer_commit(&wanted, size);
        buffer_append_string(&wanted, "\r\n");
    }
    pair_send(client, buffer_content(&bytes).data, buffer_size(&bytes));
    cr_assert(span_equal(buffer_content(&client->got), buffer_content(&wanted)));
    buffer_deinit(&bytes);
    buffer_deinit(&wanted);
    end();
}

/* The block of the input, which has room made for what was announced, becomes the store's. */
Test(engine_client, a_large_value_is_kept_where_it_arrived)
{
    static uint8_t value[1 << 20];
    struct version version;

    begin();
    memset(value, 'v', sizeof value);
    for (unsigned i = 0; i < 2; i++) { /* also in place of another */
        struct engine *engine = pair.nodes[0].engine;
        const char begun[] = "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\n";
        pair_send(client, begun, sizeof begun - 1);
        pair_send(client, value, 100000);
        const uint8_t *const block = client->client->in.block;
        const size_t capacity = client->client->in.capacity;
        pair_send(client, value, sizeof value - 100000);
        pair_send(client, "\r\n$2\r\nPX\r\n$5\r\n10000\r\n", 21);
        pair_expect(client, OK);
        struct partition *partition = store_partition(
            pair.nodes[0].store, ring_key_partition(engine->view->ring, SPAN("k")));
        cr_assert(partition_get(partition, store_hash(pair.nodes[0].store, SPAN("k")), SPAN("k"),
                                &version));
        cr_assert_eq(version.value.data, block + sizeof begun - 1);
        cr_assert_eq(version.value.size, sizeof value);
        cr_assert_eq(capacity, sizeof begun - 1 + sizeof value + 2 + PARSER_ROOM_BEHIND);
        cr_assert_null(client->client->in.block);
        pair_ask(client, "STRLEN k", ":1048576\r\n");
    }
    end();
}

/* The bound of requests in flight, which no test reaches in earnest. */
Test(engine_client, when_no_request_is_left_a_command_is_refused_whole)
{
    struct engine *engine;

    begin();
    engine = pair.nodes[0].engine;
    pair_ask(client, "MSET a 1 b 2", OK); /* three requests are there now */
    const size_t count = engine->slot_count;
    cr_assert_eq(count, 3);
    engine->slot_count = REQUESTS_MAX;
    pair_ask(client, "DEL a b c d", "-ERR too many requests in flight\r\n");
    pair_ask(client, "MGET a b", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    engine->slot_count = count;
    pair_ask(client, "DEL a b c d", ":2\r\n");
    end();
}

Test(engine_client, errors_are_counted_by_their_first_word)
{
    static const char *const questions[] = {"NONSENSE", "EXEC", "SELECT 5", "AUTH a b", "GET k"};
    static const char counts[] = "errorstat_ERR:count=3\r\nerrorstat_WRONGPASS:count=1\r\n";
    static const char none[] = "$14\r\n# Errorstats\r\n\r\n";

    begin();
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        pair_command(client, questions[i]);
    buffer_reset(&client->got, SIZE_MAX);
    pair_command(client, "INFO errorstats");
    const struct span got = buffer_content(&client->got);
    cr_assert(got.size > 0);
    cr_assert_not_null(memmem(got.data, got.size, counts, sizeof counts - 1), "'%.*s'",
                       (int)got.size, (const char *)got.data);
    buffer_reset(&client->got, SIZE_MAX);
    pair_ask(client, "CONFIG RESETSTAT", OK);
    pair_ask(client, "INFO errorstats", none);
    end();
}
