/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LCS: two keys that may be anywhere, read as GETs and compared here in steps.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_lcs, .timeout = TIMEOUT_S(30));

#define OK "+OK\r\n"
/* Of two values of 11000 bytes, with the way back: bytes. */
#define TABLE_LEAST 15000000
#define MATCHES2    "*4\r\n$7\r\nmatches\r\n"

static struct pair pair;
static struct pair_client *client;

static void begin(const struct pair_setup *setup)
{
    pair_init(&pair, setup);
    client = pair_connect(&pair, 0);
}

/* One turn, in which the client's command is read. */
static void turn(struct pair_client *from, const char *command)
{
    struct engine *engine = pair.nodes[0].engine;
    const struct instant now = pair_now(&pair.nodes[0]);

    engine_wake(engine, now);
    if (command != NULL) {
        buffer_append_string(engine_client_in(from->client), command);
        engine_client_input(engine, now, from->client);
    }
    engine_turn_end(engine, now);
}

/* As many turns as it may take. */
static void work(void)
{
    for (unsigned i = 0; i < 500; i++)
        turn(NULL, NULL);
    pair_settle(&pair);
}

/* What waits for other nodes gets their answers before. */
static void ask(const char *line, const char *reply)
{
    pair_command(client, line);
    work();
    pair_expect(client, reply);
}

Test(engine_lcs, all_forms_are_answered_as_redis_does)
{
    begin(NULL);
    pair_ask(client, "MSET key1 ohmytext key2 mynewtext", OK);
    ask("LCS key1 key2", "$6\r\nmytext\r\n");
    ask("LCS key1 key2 LEN", ":6\r\n");
    ask("LCS key1 key2 IDX",
        MATCHES2 "*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
                 "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n");
    ask("LCS key1 key2 IDX MINMATCHLEN 4",
        MATCHES2 "*1\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n$3\r\nlen\r\n:6\r\n");
    ask("LCS key1 key2 withmatchlen idx minmatchlen 4",
        MATCHES2 "*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
                 "$3\r\nlen\r\n:6\r\n");
    ask("LCS key1 key2 IDX MINMATCHLEN 5", MATCHES2 "*0\r\n$3\r\nlen\r\n:6\r\n");
    ask("LCS key1 key1", "$8\r\nohmytext\r\n");
    ask("LCS key1 absent", "$0\r\n\r\n");
    ask("LCS absent absent LEN", ":0\r\n");
    ask("LCS absent key1 IDX", MATCHES2 "*0\r\n$3\r\nlen\r\n:0\r\n");
    ask("LCS absent key1 MINMATCHLEN -3", "$0\r\n\r\n");
    pair_deinit(&pair);
}

Test(engine_lcs, the_third_protocol_answers_a_map_and_absent_keys_are_empty_there_too)
{
    begin(NULL);
    pair_ask(client, "MSET a x b x", OK);
    pair_command(client, "HELLO 3");
    buffer_reset(&client->got, SIZE_MAX);
    ask("LCS a b IDX", "%2\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:0\r\n:0\r\n*2\r\n:0\r\n:0\r\n"
                       "$3\r\nlen\r\n:1\r\n");
    ask("LCS a absent LEN", ":0\r\n");
    pair_deinit(&pair);
}

Test(engine_lcs, options_are_refused_as_redis_does)
{
    begin(NULL);
    ask("LCS a", "-ERR wrong number of arguments for 'lcs' command\r\n");
    ask("LCS a b NOSUCH", "-ERR syntax error\r\n");
    ask("LCS a b MINMATCHLEN", "-ERR syntax error\r\n");
    ask("LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range\r\n");
    ask("LCS a b LEN IDX",
        "-ERR If you want both the length and indexes, please just use IDX.\r\n");
    pair_deinit(&pair);
}

static void set_long(const char *key, uint8_t letter, size_t size)
{
    char head[128];
    uint8_t *value = memory_alloc(size + 2);

    memset(value, letter, size);
    memcpy(value + size, "\r\n", 2);
    const int length = snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n",
                                strlen(key), key, size);
    pair_send(client, head, (size_t)length);
    pair_send(client, value, size + 2);
    pair_expect(client, OK);
    memory_free(value);
}

Test(engine_lcs, what_is_too_long_is_refused_and_costs_nothing)
{
    begin(NULL);
    set_long("long", 'a', 11600);
    ask("LCS long long LEN",
        "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
    pair_configure(&pair, 0, "maxmemory", "2000000");
    set_long("less", 'a', 11500);
    ask("LCS less less",
        "-ERR Insufficient memory, failed allocating transient memory for LCS\r\n");
    ask("LCS less less LEN", ":11500\r\n");
    pair_deinit(&pair);
}

static size_t answered(const struct pair_client *from)
{
    return outbox_size(engine_client_out(from->client)) + buffer_size(&from->got);
}

Test(engine_lcs, others_are_answered_while_it_works)
{
    struct pair_client *other;

    begin(NULL);
    other = pair_connect(&pair, 0);
    set_long("a", 'a', 11000);
    const uint64_t before = store_memory_used(pair.nodes[0].store);
    turn(client, "LCS a a\r\n");
    turn(NULL, NULL);
    cr_assert_gt(store_memory_used(pair.nodes[0].store), before + TABLE_LEAST);
    cr_assert_eq(answered(client), 0);
    turn(other, "PING\r\n");
    cr_assert_gt(answered(other), 0);
    cr_assert_eq(answered(client), 0);
    work();
    pair_expect(other, "+PONG\r\n");
    cr_assert_gt(answered(client), 11000);
    cr_assert_lt(store_memory_used(pair.nodes[0].store), before + TABLE_LEAST);
    pair_deinit(&pair);
}

Test(engine_lcs, who_leaves_is_not_worked_for)
{
    begin(NULL);
    set_long("a", 'a', 11000);
    const uint64_t before = store_memory_used(pair.nodes[0].store);
    turn(client, "LCS a a\r\n");
    turn(NULL, NULL);
    cr_assert_gt(store_memory_used(pair.nodes[0].store), before + TABLE_LEAST);
    pair_disconnect(client);
    turn(NULL, NULL);
    cr_assert_lt(store_memory_used(pair.nodes[0].store), before + TABLE_LEAST);
    pair_deinit(&pair);
}

Test(engine_lcs, several_are_answered_in_order)
{
    begin(NULL);
    set_long("a", 'a', 3000);
    pair_pipeline(client,
                  (const char *const[]){"LCS a a LEN", "SET a b", "LCS a a", "GET a", NULL});
    work();
    pair_expect(client, ":3000\r\n+OK\r\n$1\r\nb\r\n$1\r\nb\r\n");
    pair_deinit(&pair);
}

/* Its reply is no copy of it. */
Test(engine_lcs, a_value_in_a_block_of_its_own_is_found_there)
{
    begin(NULL);
    pair_ask(client, "MSET one aa other b", OK);
    set_long("large", 'a', 1000000);
    ask("LCS one large", "$2\r\naa\r\n");
    ask("LCS large one LEN", ":2\r\n");
    ask("LCS other large LEN", ":0\r\n");
    pair_deinit(&pair);
}

Test(engine_lcs, keys_of_other_nodes_are_read_there)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 1};
    char keys[2][PAIR_KEY_MAX], line[128];

    begin(&setup);
    pair_key(&pair, 1, 0, keys[0]);
    pair_key(&pair, 2, 0, keys[1]);
    snprintf(line, sizeof line, "MSET %s ohmytext %s mynewtext", keys[0], keys[1]);
    pair_ask(client, line, OK);
    snprintf(line, sizeof line, "LCS %s %s", keys[0], keys[1]);
    ask(line, "$6\r\nmytext\r\n");
    /* One that cannot be read is the answer. */
    pair_break(&pair, 0, 2);
    pair_see(&pair, 0, 2, false, HEALTH_DEAD);
    pair_command(client, line);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 10);
    pair_expect_begin(client, "-NOQUORUM");
    snprintf(line, sizeof line, "LCS %s %s LEN", keys[0], keys[0]);
    ask(line, ":8\r\n");
    pair_deinit(&pair);
}
