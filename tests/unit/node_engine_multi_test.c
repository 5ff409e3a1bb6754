/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Engines of one ring: transactions, and the commands of several keys that are one step.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_multi, .timeout = TIMEOUT_S(10));

#define OK     "+OK\r\n"
#define QUEUED "+QUEUED\r\n"

static struct pair pair;
static struct pair_client *client;

static void begin(size_t nodes)
{
    const struct pair_setup setup = {.nodes = nodes};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

static void end(void)
{
    pair_deinit(&pair);
}

/* MULTI, the lines, EXEC. */
static void ask_multi(struct pair_client *who, const char *const *lines, const char *reply)
{
    pair_ask(who, "MULTI", OK);
    for (; *lines != NULL; lines++)
        pair_ask(who, *lines, QUEUED);
    pair_ask(who, "EXEC", reply);
}

Test(engine_multi, each_command_sees_what_those_before_it_left)
{
    static const char *const lines[] = {
        "SET {a}n 5",     "INCR {a}n",          "APPEND {a}n 0", "SET {a}m {a}",
        "MGET {a}n {a}m", "DEL {a}n {a}m {a}o", "EXISTS {a}n",   NULL};

    for (size_t nodes = 1; nodes <= 3; nodes += 2) {
        begin(nodes);
        ask_multi(client, lines,
                  "*7\r\n" OK ":6\r\n:2\r\n" OK "*2\r\n$2\r\n60\r\n$3\r\n{a}\r\n:2\r\n:0\r\n");
        end();
    }
}

/* As a client that speaks RESP2 so far: what comes behind HELLO 3 is RESP3. */
Test(engine_multi, hello_changes_the_protocol_of_what_comes_behind_it)
{
    static const char *const lines[] = {"GET {a}x", "HELLO 3",     "GET {a}x", "GET b",
                                        "HELLO 2",  "MGET {a}x c", NULL};

    for (size_t nodes = 1; nodes <= 3; nodes += 2) {
        begin(nodes);
        pair_ask(client, "MULTI", OK);
        for (const char *const *line = lines; *line != NULL; line++)
            pair_ask(client, *line, QUEUED);
        pair_command(client, "EXEC");
        const struct span got = buffer_content(&client->got);
        cr_assert(got.size > 0);
        cr_assert(memmem(got.data, got.size, "*6\r\n$-1\r\n%7\r\n", 13) == got.data);
        cr_assert_not_null(memmem(got.data, got.size, "\r\n_\r\n_\r\n*14\r\n", 13));
        cr_assert_not_null(memmem(got.data, got.size, "\r\n*2\r\n$-1\r\n$-1\r\n", 16));
        end();
    }
}

Test(engine_multi, replies_are_in_the_order_of_the_commands_wherever_their_keys_are)
{
    static const char *const lines[] = {"SET a 1",    "SET b 2", "PING",   "INCR a",
                                        "MGET a b c", "GET b",   "INCR a", NULL};

    begin(3);
    ask_multi(client, lines,
              "*7\r\n" OK OK "+PONG\r\n:2\r\n*3\r\n$1\r\n2\r\n$1\r\n2\r\n$-1\r\n$1\r\n2\r\n:3\r\n");
    end();
}

Test(engine_multi, where_too_few_answer_all_of_the_group_is_in_doubt)
{
    begin(3);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_ask(client, "MULTI", OK);
    pair_ask(client, "SET {a}x 1", QUEUED);
    pair_ask(client, "SET {a}y 2", QUEUED);
    pair_command(client, "EXEC");
    pair_pass(&pair, 1000);
    pair_expect_begin(client, "-NOQUORUM");
    end();
}

Test(engine_multi, what_a_replica_missed_reaches_it_as_a_whole)
{
    struct pair_client *other;

    begin(3);
    pair_ask(client, "SET {a}x 0", OK);
    pair_silence(&pair, 0, 2, true); /* the third hears nothing of it */
    pair_ask(client, "MULTI", OK);
    pair_ask(client, "SET {a}x 1", QUEUED);
    pair_ask(client, "SET {a}y 2", QUEUED);
    pair_ask(client, "EXEC", "*2\r\n" OK OK);
    pair_silence(&pair, 0, 2, false);
    other = pair_connect(&pair, 2);
    pair_ask(other, "GET {a}x", "$1\r\n1\r\n");
    /* Reading one key there brought the other: all that it has agrees. */
    pair_ask(other, "AT ONE GET {a}y", "$1\r\n2\r\n");
    end();
}

Test(engine_multi, a_watched_key_that_changed_fails_exec_and_nothing_is_written)
{
    static const char *const lines[] = {"SET {a}b 1", "SET c 1", NULL};
    struct pair_client *other;

    begin(3);
    other = pair_connect(&pair, 1);
    pair_ask(client, "SET {a}w 1", OK);
    pair_ask(client, "WATCH {a}w {a}absent far", OK);
    pair_ask(other, "SET {a}w 2", OK);
    ask_multi(client, lines, "*-1\r\n");
    pair_ask(client, "EXISTS {a}b c", ":0\r\n");
    pair_ask(client, "WATCH far", OK);
    pair_ask(other, "SET far 2", OK);
    ask_multi(client, lines, "*-1\r\n");
    pair_ask(client, "EXISTS {a}b c", ":0\r\n");
    pair_ask(client, "WATCH {a}w far nothing", OK);
    ask_multi(client, lines, "*2\r\n" OK OK);
    pair_ask(client, "WATCH {a}w", OK);
    pair_ask(client, "SET {a}w 3", OK);
    pair_ask(client, "UNWATCH", OK);
    ask_multi(client, lines, "*2\r\n" OK OK);
    end();
}

Test(engine_multi, what_cannot_be_queued_discards_the_transaction)
{
    begin(1);
    pair_ask(client, "EXEC", "-ERR EXEC without MULTI\r\n");
    pair_ask(client, "DISCARD", "-ERR DISCARD without MULTI\r\n");
    pair_ask(client, "MULTI", OK);
    pair_ask(client, "MULTI", "-ERR MULTI calls can not be nested\r\n");
    pair_ask(client, "WATCH k", "-ERR WATCH inside MULTI is not allowed\r\n");
    pair_ask(client, "SET k 1", QUEUED);
    pair_ask(client, "AT ONE GET k", "-ERR Command not allowed inside a transaction\r\n");
    pair_ask(client, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    pair_ask(client, "GET k", "$-1\r\n");
    pair_ask(client, "MULTI", OK);
    pair_ask(client, "SET k 1", QUEUED);
    pair_ask(client, "DISCARD", OK);
    pair_ask(client, "EXEC", "-ERR EXEC without MULTI\r\n");
    end();
}

Test(engine_multi, a_pipeline_of_transactions_keeps_its_order)
{
    static const char *const lines[] = {"MULTI",  "INCR a", "INCR b", "EXEC",  "MULTI",
                                        "INCR b", "INCR a", "EXEC",   "GET a", NULL};

    begin(3);
    pair_pipeline(client, lines);
    pair_expect(client, OK QUEUED QUEUED "*2\r\n:1\r\n:1\r\n" OK QUEUED QUEUED
                                         "*2\r\n:2\r\n:2\r\n$1\r\n2\r\n");
    end();
}

Test(engine_multi, names_are_moved_and_copied_in_one_partition_and_across)
{
    begin(3);
    pair_ask(client, "MSETNX a 1 b 2", ":1\r\n");
    pair_ask(client, "MSETNX b 3 c 4", ":0\r\n");
    pair_ask(client, "EXISTS c", ":0\r\n");
    pair_ask(client, "RENAME a {t}a", OK);
    pair_ask(client, "RENAME a {t}a", "-ERR no such key\r\n");
    pair_ask(client, "PEXPIRE {t}a 100000", ":1\r\n");
    pair_ask(client, "RENAME {t}a {t}b", OK);
    pair_ask(client, "TTL {t}b", ":100\r\n");
    pair_ask(client, "RENAMENX {t}b b", ":0\r\n");
    pair_ask(client, "COPY {t}b b", ":0\r\n");
    pair_ask(client, "COPY {t}b b REPLACE", ":1\r\n");
    pair_ask(client, "TTL b", ":100\r\n");
    pair_ask(client, "MGET a b {t}a {t}b", "*4\r\n$-1\r\n$1\r\n1\r\n$-1\r\n$1\r\n1\r\n");
    end();
}

Test(engine_multi, what_one_command_does_to_the_keys_of_one_partition_is_one_step)
{
    struct pair_client *other;

    begin(3);
    other = pair_connect(&pair, 2);
    pair_silence(&pair, 0, 2, true); /* the third hears nothing of it */
    pair_ask(client, "MSET b 1 {a}x 1 {a}y 2 c 3 {a}x 4", OK);
    pair_silence(&pair, 0, 2, false);
    pair_ask(other, "GET {a}x", "$1\r\n4\r\n");
    /* Reading one key there brought the other. */
    pair_ask(other, "AT ONE GET {a}y", "$1\r\n2\r\n");
    pair_ask(client, "MGET b c", "*2\r\n$1\r\n1\r\n$1\r\n3\r\n");
    pair_silence(&pair, 0, 2, true);
    pair_ask(client, "DEL {a}x {a}y {a}z", ":2\r\n");
    pair_silence(&pair, 0, 2, false);
    pair_ask(other, "GET {a}x", "$-1\r\n");
    pair_ask(other, "AT ONE GET {a}y", "$-1\r\n");
    pair_ask(client, "DEL b {a}y {a}x c d", ":2\r\n");
    end();
}

Test(engine_multi, of_several_keys_the_one_that_failed_is_named)
{
    begin(3);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "MGET {a}x b");
    pair_pass(&pair, 1000);
    pair_expect_begin(client, "-NOQUORUM needed 2 of 3, got 1 in 500 ms, key '{a}x'\r\n");
    pair_command(client, "MGET {a}x");
    pair_pass(&pair, 1000);
    pair_expect_begin(client, "-NOQUORUM needed 2 of 3, got 1 in 0 ms\r\n");
    end();
}

Test(engine_multi, sorting_nothing_into_a_key_deletes_it)
{
    static const char *const lines[] = {"SET b 2", "SORT absent STORE b", "GET b", NULL};
    static const char *const queue[] = {
        "SET b 2", "MULTI", "SORT absent ALPHA STORE b", "SORT a", "GET b", "EXEC", NULL};

    begin(3);
    pair_ask(client, "SET a 1", OK);
    pair_pipeline(client, lines);
    pair_expect(client, OK ":0\r\n$-1\r\n");
    pair_pipeline(client, queue);
    pair_expect(client, OK OK QUEUED QUEUED QUEUED
                "*3\r\n:0\r\n-WRONGTYPE Operation against a key holding the wrong kind of "
                "value\r\n$-1\r\n");
    pair_ask(client, "SORT a STORE b",
             "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    pair_ask(client,
             "EVAL \"redis.call('set', KEYS[1], 1) return redis.pcall('sort', KEYS[1]).err\" 1 c",
             "$65\r\nWRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    pair_ask(client, "AT ONE SORT b STORE a", ":0\r\n");
    pair_ask(client, "EXISTS a", ":0\r\n");
    end();
}
