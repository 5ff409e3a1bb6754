/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Engines of one ring: scripts.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/script.h"

TestSuite(engine_script, .timeout = TIMEOUT_S(20));

#define OK "+OK\r\n"

/* What caching layers send. */
#define COMPARE_AND_DELETE                                                  \
    "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del'," \
    "KEYS[1]) else return 0 end"
#define RATE_LIMIT                                                             \
    "local n = redis.call('incr',KEYS[1]) if n == 1 then "                     \
    "redis.call('pexpire',KEYS[1],ARGV[1]) end if n > tonumber(ARGV[2]) then " \
    "return {0,redis.call('pttl',KEYS[1])} end return {1,n}"
/* Between what it reads and what it writes it asks another node. */
#define ADD_SLOWLY                                                                  \
    "local n = tonumber(redis.call('get',KEYS[1]) or 0) redis.call('get',KEYS[2]) " \
    "redis.call('set',KEYS[1],n + ARGV[1]) return n"

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

Test(engine_script, a_script_reads_and_writes_its_keys_at_every_replica)
{
    for (size_t nodes = 1; nodes <= 3; nodes++) {
        begin(nodes);
        pair_ask(client,
                 "EVAL \"return {redis.call('set',KEYS[1],ARGV[1]),redis.call('get',KEYS[1]),"
                 "redis.call('append',KEYS[1],'!'),redis.call('incr',KEYS[2])}\" 2 {a}x {a}n v",
                 "*4\r\n" OK "$1\r\nv\r\n:2\r\n:1\r\n");
        for (size_t node = 0; node < nodes; node++) {
            cr_assert(pair_has(&pair, node, "{a}x", "v!"));
            cr_assert(pair_has(&pair, node, "{a}n", "1"));
        }
        end();
    }
}

Test(engine_script, whoever_is_asked_the_first_replica_runs_it)
{
    char key[PAIR_KEY_MAX], line[256];
    struct pair_client *clients[3];

    begin(3);
    for (size_t node = 0; node < 3; node++)
        clients[node] = pair_connect(&pair, node);
    for (size_t node = 0; node < 3; node++) {
        pair_key(&pair, node, 0, key);
        snprintf(line, sizeof line, "EVAL \"return redis.call('incr',KEYS[1])\" 1 %s", key);
        for (size_t asked = 0; asked < 3; asked++) {
            snprintf(line + 200, 20, ":%zu\r\n", asked + 1);
            pair_ask(clients[asked], line, line + 200);
        }
        cr_assert(pair_has(&pair, 0, key, "3"));
    }
    end();
}

Test(engine_script, a_lock_is_given_back_by_who_holds_it)
{
    begin(3);
    pair_ask(client, "SET lock mine PX 10000", OK);
    pair_ask(client, "EVAL \"" COMPARE_AND_DELETE "\" 1 lock other", ":0\r\n");
    pair_ask(client, "GET lock", "$4\r\nmine\r\n");
    pair_ask(client, "EVAL \"" COMPARE_AND_DELETE "\" 1 lock mine", ":1\r\n");
    pair_ask(client, "GET lock", "$-1\r\n");
    end();
}

Test(engine_script, a_rate_limiter_counts_until_its_window_ends)
{
    begin(3);
    pair_ask(client, "EVAL \"" RATE_LIMIT "\" 1 r 10000 2", "*2\r\n:1\r\n:1\r\n");
    pair_ask(client, "EVAL \"" RATE_LIMIT "\" 1 r 10000 2", "*2\r\n:1\r\n:2\r\n");
    pair_ask(client, "EVAL \"" RATE_LIMIT "\" 1 r 10000 2", "*2\r\n:0\r\n:10000\r\n");
    pair_pass(&pair, 10001);
    pair_ask(client, "EVAL \"" RATE_LIMIT "\" 1 r 10000 2", "*2\r\n:1\r\n:1\r\n");
    end();
}

Test(engine_script, keys_that_are_not_declared_are_found_out)
{
    begin(3);
    pair_ask(client, "SET {a}y 5", OK);
    pair_ask(client,
             "EVAL \"return {redis.call('incr','{a}y'),redis.call('get','{a}z'),"
             "redis.call('incrby',KEYS[1],2)}\" 1 {a}x",
             "*3\r\n:6\r\n$-1\r\n:2\r\n");
    cr_assert(pair_has(&pair, 2, "{a}y", "6"));
    end();
}

Test(engine_script, keys_of_other_partitions_are_ordinary_commands)
{
    begin(3);
    pair_ask(client, "MSET a 1 b 2 c 3", OK);
    pair_ask(client,
             "EVAL \"return {redis.call('incr','a'),redis.call('incr','b'),redis.call('mget','a',"
             "'b','c'),redis.call('del','b','c')}\" 1 a",
             "*4\r\n:2\r\n:3\r\n*3\r\n$1\r\n1\r\n$1\r\n3\r\n$1\r\n3\r\n:2\r\n");
    pair_ask(client, "MGET a b c", "*3\r\n$1\r\n2\r\n$-1\r\n$-1\r\n");
    /* From within a callback, where the script cannot wait. */
    pair_ask(
        client,
        "EVAL \"local ok, n = pcall(function() redis.call('incr',KEYS[1]) redis.call('incr','b') "
        "return redis.call('incr','b') end) return n\" 1 a",
        ":2\r\n");
    pair_ask(client, "MGET a b", "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
    end();
}

Test(engine_script, one_without_keys_runs_where_it_is_asked)
{
    begin(3);
    pair_ask(
        client,
        "EVAL \"for i = 1, 20 do redis.call('set','k'..i,i) end return redis.call('get','k7')\" 0",
        "$1\r\n7\r\n");
    pair_ask(client, "EVAL \"return redis.call('del',unpack(redis.call('keys','k*')))\" 0",
             ":20\r\n");
    pair_ask(client, "EVAL \"return redis.call('ping')\" 0", "+PONG\r\n");
    end();
}

Test(engine_script, an_error_leaves_what_was_done_before_it)
{
    begin(3);
    pair_command(client, "EVAL \"redis.call('set',KEYS[1],'x') redis.call('incr',KEYS[1])\" 1 k");
    pair_expect_begin(client, "-ERR value is not an integer or out of range script: ");
    cr_assert(pair_has(&pair, 1, "k", "x"));
    pair_command(client, "EVAL \"redis.call('set',KEYS[1],'y') error('e')\" 1 k");
    pair_expect_begin(client, "-ERR user_script:1: e script: ");
    cr_assert(pair_has(&pair, 1, "k", "y"));
    end();
}

Test(engine_script, what_may_not_write_does_not)
{
    begin(3);
    pair_command(client, "EVAL_RO \"return redis.call('set',KEYS[1],'x')\" 1 k");
    pair_expect_begin(client,
                      "-ERR Write commands are not allowed from read-only scripts. script: ");
    pair_ask(client, "SET k v", OK);
    pair_ask(client, "EVAL_RO \"return redis.call('get',KEYS[1])\" 1 k", "$1\r\nv\r\n");
    pair_ask(client, "EVAL \"return redis.pcall('multi')\" 1 k",
             "-ERR This Redis command is not allowed from script\r\n");
    pair_ask(client, "EVAL \"return redis.pcall('nosuch')\" 1 k",
             "-ERR Unknown Redis command called from script\r\n");
    pair_ask(client, "EVAL \"return redis.pcall('get')\" 1 k",
             "-ERR Wrong number of args calling Redis command from script\r\n");
    end();
}

Test(engine_script, arguments_are_checked_before_anything_runs)
{
    begin(1);
    pair_ask(client, "EVAL x a", "-ERR value is not an integer or out of range\r\n");
    pair_ask(client, "EVAL x -1", "-ERR Number of keys can't be negative\r\n");
    pair_ask(client, "EVAL x 2 a", "-ERR Number of keys can't be greater than number of args\r\n");
    pair_ask(client, "EVAL \"return +\" 1 k",
             "-ERR Error compiling script (new function): user_script:1: unexpected symbol near "
             "'+'\r\n");
    pair_ask(client, "EVALSHA ffff 0", "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    pair_ask(client, "COMMAND GETKEYS EVAL x 2 a b c", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    end();
}

#define RETURN_1 "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

static struct scripts *scripts_of(size_t node)
{
    return pair.nodes[node].engine->script_pool->scripts;
}

Test(engine_script, a_script_that_is_loaded_anywhere_runs_everywhere)
{
    begin(3);
    pair_ask(client, "SCRIPT LOAD \"return 1\"", "$40\r\n" RETURN_1 "\r\n");
    for (size_t node = 0; node < 3; node++)
        cr_assert_eq(scripts_count(scripts_of(node)), 1);
    pair_ask(pair_connect(&pair, 1), "EVALSHA " RETURN_1 " 1 k", ":1\r\n");
    pair_ask(client, "SCRIPT EXISTS " RETURN_1 " ffff", "*2\r\n:1\r\n:0\r\n");
    pair_ask(client, "SCRIPT FLUSH", OK);
    for (size_t node = 0; node < 3; node++)
        cr_assert_eq(scripts_count(scripts_of(node)), 0);
    pair_ask(client, "EVALSHA " RETURN_1 " 1 k",
             "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    pair_ask(client, "EVAL \"return 1\" 1 k", ":1\r\n");
    for (size_t node = 0; node < 3; node++)
        cr_assert_eq(scripts_count(scripts_of(node)), 1);
    pair_ask(client, "SCRIPT LOAD \"return +\"",
             "-ERR Error compiling script (new function): user_script:1: unexpected symbol near "
             "'+'\r\n");
    pair_ask(client, "SCRIPT KILL", "-NOTBUSY No scripts in execution right now.\r\n");
    end();
}

Test(engine_script, who_does_not_know_a_script_asks_the_others)
{
    char key[PAIR_KEY_MAX], line[128];

    begin(3);
    pair_ask(client, "SCRIPT LOAD \"return 1\"", "$40\r\n" RETURN_1 "\r\n");
    scripts_flush(scripts_of(1));
    scripts_flush(scripts_of(2));
    snprintf(line, sizeof line, "EVALSHA " RETURN_1 " 1 %s", pair_key(&pair, 2, 0, key));
    pair_ask(pair_connect(&pair, 1), line, ":1\r\n");
    cr_assert_eq(scripts_count(scripts_of(2)), 1);
    pair_ask(pair_connect(&pair, 1), "SCRIPT EXISTS ffff " RETURN_1, "*2\r\n:0\r\n:1\r\n");
    /* Who does not answer is done without. */
    scripts_flush(scripts_of(0));
    scripts_flush(scripts_of(1));
    scripts_flush(scripts_of(2));
    pair_silence(&pair, 0, 1, true);
    pair_command(client, "EVALSHA " RETURN_1 " 0");
    pair_expect(client, "");
    pair_pass(&pair, 501);
    pair_expect(client, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    pair_silence(&pair, 0, 1, false);
    end();
}

/* Two nodes with a copy each, so that only keys of the other node's take a message. */
static void begin_apart(char near[PAIR_KEY_MAX], char far[PAIR_KEY_MAX])
{
    const struct pair_setup setup = {.nodes = 2, .replicas = 1};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_key(&pair, 0, 0, near);
    pair_key(&pair, 1, 0, far);
}

Test(engine_script, what_changed_under_a_script_makes_it_run_again)
{
    char near[PAIR_KEY_MAX], far[PAIR_KEY_MAX], line[512];

    begin_apart(near, far);
    pair_silence(&pair, 0, 1, true);
    snprintf(line, sizeof line, "EVAL \"" ADD_SLOWLY "\" 2 %s %s 1", near, far);
    pair_command(client, line);
    pair_expect(client, "");
    snprintf(line, sizeof line, "SET %s 10", near);
    pair_ask(pair_connect(&pair, 0), line, OK);
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    pair_expect(client, ":10\r\n");
    cr_assert(pair_has(&pair, 0, near, "11"));
    end();
}

Test(engine_script, of_scripts_that_run_at_once_each_counts)
{
    struct pair_client *clients[7];
    char near[PAIR_KEY_MAX], far[PAIR_KEY_MAX], line[512];

    begin_apart(near, far);
    pair_silence(&pair, 0, 1, true);
    snprintf(line, sizeof line, "EVAL \"" ADD_SLOWLY "\" 2 %s %s 1", near, far);
    for (size_t i = 0; i < 7; i++) {
        clients[i] = pair_connect(&pair, 0);
        pair_command(clients[i], line);
    }
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    for (size_t i = 0; i < 7; i++)
        cr_assert_eq(buffer_size(&clients[i]->got), 4, "%zu", i);
    cr_assert(pair_has(&pair, 0, near, "7"));
    end();
}

Test(engine_script, one_that_takes_too_long_is_ended_and_leaves_nothing)
{
    char near[PAIR_KEY_MAX], far[PAIR_KEY_MAX], line[512];

    begin_apart(near, far);
    pair_configure(&pair, 0, "lua-time-limit", "1");
    pair_silence(&pair, 0, 1, true);
    snprintf(line, sizeof line,
             "EVAL \"redis.call('set',KEYS[1],1) redis.pcall('get',KEYS[2]) "
             "redis.pcall('get',KEYS[2])\" 2 %s %s",
             near, far);
    pair_command(client, line);
    pair_pass(&pair, 1100);
    pair_expect_begin(client, "-ERR the script ran for longer than it may");
    cr_assert_not(pair_has(&pair, 0, near, "1"));
    pair_silence(&pair, 0, 1, false);
    end();
}

/* Keys whose first replicas are the three nodes, in this order. */
static void name_keys(char keys[3][PAIR_KEY_MAX])
{
    for (size_t node = 0; node < 3; node++)
        pair_key(&pair, node, 0, keys[node]);
}

/* Of three, by node 0: it writes to a key of node 1's, and then waits for node 2. */
static void begin_writer(char keys[3][PAIR_KEY_MAX], size_t asked)
{
    char line[512];

    begin(3);
    name_keys(keys);
    client = pair_connect(&pair, asked);
    pair_configure(&pair, 0, "lua-time-limit", "1");
    pair_silence(&pair, 0, 2, true);
    snprintf(line, sizeof line,
             "EVAL \"redis.call('incr',KEYS[2]) redis.pcall('incr',KEYS[3]) "
             "redis.pcall('incr',KEYS[3]) return redis.call('incr',KEYS[1])\" 3 %s %s %s",
             keys[0], keys[1], keys[2]);
    pair_command(client, line);
    pair_expect(client, "");
    cr_assert(pair_has(&pair, 1, keys[1], "1"));
}

Test(engine_script, one_that_takes_too_long_tells_that_it_wrote_elsewhere)
{
    char keys[3][PAIR_KEY_MAX];

    begin_writer(keys, 0);
    pair_pass(&pair, 1100);
    pair_expect(client, "-ERR the script ran for longer than it may (lua-time-limit), and was "
                        "ended; what it wrote by other commands stays\r\n");
    cr_assert_not(pair_has(&pair, 0, keys[0], "1"));
    end();
}

/* Its coordinator forgets in the middle of it: whoever ran it again would count twice. */
Test(engine_script, one_that_wrote_elsewhere_is_not_begun_anew)
{
    char keys[3][PAIR_KEY_MAX];

    begin_writer(keys, 1);
    pair_forget(&pair, 0);
    pair_silence(&pair, 0, 2, false);
    pair_settle(&pair);
    pair_expect(client, "-ERR this replica votes no more; what the script wrote by other commands "
                        "stays\r\n");
    cr_assert(pair_has(&pair, 1, keys[1], "1"));
    cr_assert_not(pair_has(&pair, 1, keys[0], "1"));
    end();
}

Test(engine_script, one_that_wrote_nothing_is_begun_anew)
{
    char keys[3][PAIR_KEY_MAX], line[512];

    begin(3);
    name_keys(keys);
    client = pair_connect(&pair, 1);
    for (size_t node = 1; node < 3; node++)
        pair_silence(&pair, 0, node, true);
    snprintf(line, sizeof line,
             "EVAL \"redis.call('get',KEYS[2]) return redis.call('incr',KEYS[1])\" 2 %s %s",
             keys[0], keys[1]);
    pair_command(client, line);
    pair_expect(client, "");
    pair_forget(&pair, 0);
    for (size_t node = 1; node < 3; node++)
        pair_silence(&pair, 0, node, false);
    pair_settle(&pair);
    pair_expect(client, ":1\r\n");
    end();
}

Test(engine_script, one_that_is_killed_leaves_nothing_unless_it_wrote_elsewhere)
{
    static const char *const commands[] = {"get", "set"};
    char near[PAIR_KEY_MAX], far[PAIR_KEY_MAX], line[512];
    struct pair_client *other;

    for (size_t i = 0; i < 2; i++) {
        begin_apart(near, far);
        other = pair_connect(&pair, 0);
        pair_silence(&pair, 0, 1, true);
        snprintf(line, sizeof line,
                 "EVAL \"redis.call('set',KEYS[1],1) return "
                 "redis.call('%s',KEYS[2],unpack(ARGV))\" 2 %s %s%s",
                 commands[i], near, far, i == 0 ? "" : " x");
        pair_command(client, line);
        pair_expect(client, "");
        pair_command(other, "SCRIPT KILL");
        pair_silence(&pair, 0, 1, false);
        pair_settle(&pair);
        pair_expect_begin(other, i == 0 ? OK : "-UNKILLABLE Sorry the script already executed");
        pair_expect_begin(client,
                          i == 0 ? "-ERR Script killed by user with SCRIPT KILL...\r\n" : OK);
        cr_assert_eq(pair_has(&pair, 0, near, "1"), i == 1);
        pair_ask(client, "SCRIPT KILL", "-NOTBUSY No scripts in execution right now.\r\n");
        end();
    }
}

/* It is begun again for a key that it did not declare, and what it wrote stays written. */
Test(engine_script, one_that_wrote_elsewhere_is_not_killed_in_a_later_run)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 1};
    char keys[3][PAIR_KEY_MAX], line[512];
    struct pair_client *other;

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    other = pair_connect(&pair, 0);
    name_keys(keys);
    pair_silence(&pair, 0, 2, true);
    snprintf(line, sizeof line,
             "EVAL \"redis.call('set',KEYS[2],1) redis.call('get','{'..KEYS[1]..'}x') return "
             "redis.call('get',KEYS[3])\" 3 %s %s %s",
             keys[0], keys[1], keys[2]);
    pair_command(client, line);
    cr_assert(pair_has(&pair, 1, keys[1], "1"));
    pair_expect(client, "");
    pair_command(other, "SCRIPT KILL");
    pair_silence(&pair, 0, 2, false);
    pair_settle(&pair);
    pair_expect_begin(other, "-UNKILLABLE Sorry the script already executed");
    pair_expect(client, "$-1\r\n");
    end();
}

Test(engine_script, a_transaction_runs_its_scripts_in_order)
{
    begin(3);
    pair_ask(client, "MULTI", OK);
    pair_ask(client, "SET {a}n 5", "+QUEUED\r\n");
    pair_ask(client, "EVAL \"return redis.call('incr',KEYS[1])\" 1 {a}n", "+QUEUED\r\n");
    pair_ask(client, "EVAL \"return +\" 0", "+QUEUED\r\n");
    pair_ask(client, "GET {a}n", "+QUEUED\r\n");
    pair_ask(client, "EXEC",
             "*4\r\n" OK ":6\r\n"
             "-ERR Error compiling script (new function): user_script:1: unexpected symbol near "
             "'+'\r\n$1\r\n6\r\n");
    end();
}

Test(engine_script, a_client_sees_its_scripts_in_order)
{
    begin(3);
    pair_pipeline(client,
                  (const char *const[]){"SET k 1", "EVAL \"return redis.call('incr',KEYS[1])\" 1 k",
                                        "INCR k", "GET k", NULL});
    pair_expect(client, OK ":2\r\n:3\r\n$1\r\n3\r\n");
    end();
}

Test(engine_script, where_too_few_answer_the_script_fails)
{
    char key[PAIR_KEY_MAX], line[128];

    begin(3);
    snprintf(line, sizeof line, "EVAL \"return redis.call('incr',KEYS[1])\" 1 %s",
             pair_key(&pair, 0, 0, key));
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, line);
    pair_pass(&pair, 600);
    pair_expect_begin(client, "-NOQUORUM needed 2 of 3, got 1 in ");
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_pass(&pair, 100);
    pair_ask(client, line, ":1\r\n");
    end();
}
