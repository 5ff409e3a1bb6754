/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What operators ask of a node, and what has no meaning here and is refused with a reason.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/metrics.h"
#include "command/latency.h"
#include "command/slowlog.h"
#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_operator, .timeout = TIMEOUT_S(10));

#define OK     "+OK\r\n"
#define SYNTAX "-ERR syntax error\r\n"

Test(command_operator, each_refusal_says_why)
{
    size_t rows, refused = 0;
    const struct command *table = command_table(&rows);
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < rows; i++) {
        char line[256];
        const char *bar = strchr(table[i].name, '|');

        if (strncmp(table[i].summary, "Refuse:", 7) != 0 &&
            strncmp(table[i].summary, "Refuse,", 7) != 0)
            continue;
        refused++;
        snprintf(line, sizeof line, "%.*s %s%.*s",
                 bar != NULL ? (int)(bar - table[i].name) : (int)strlen(table[i].name),
                 table[i].name, bar != NULL ? bar + 1 : "",
                 2 * (abs(table[i].arity) - (bar != NULL ? 2 : 1)), " a a a a a a");
        fixture_expect_part(&fixture, line, "-ERR ");
        cr_assert_null(memmem(buffer_content(&fixture.reply).data, buffer_size(&fixture.reply),
                              "wrong number", 12),
                       "%s", line);
        cr_assert_not(session_closing(&fixture.session));
    }
    cr_assert_geq(refused, 25);
    fixture_expect(&fixture, "SWAPDB 0 1", NULL, "-ERR SWAPDB is not allowed in cluster mode\r\n");
    fixture_expect(&fixture, "REPLICAOF no one", NULL,
                   "-ERR REPLICAOF not allowed in cluster mode.\r\n");
    fixture_expect_part(&fixture, "DEBUG SLEEP 1",
                        "-ERR DEBUG command not allowed. If the enable-debug-command option is");
    fixture_expect_part(&fixture, "MODULE LOAD x", "-ERR MODULE command not allowed.");
    fixture_expect(&fixture, "MODULE LIST", NULL, "*0\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, there_is_one_user)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "ACL WHOAMI", NULL, "$7\r\ndefault\r\n");
    fixture_expect(&fixture, "ACL USERS", NULL, "*1\r\n$7\r\ndefault\r\n");
    fixture_expect(&fixture, "ACL LIST", NULL,
                   "*1\r\n$34\r\nuser default on nopass ~* &* +@all\r\n");
    fixture_expect_part(&fixture, "ACL GETUSER default",
                        "*12\r\n$5\r\nflags\r\n*2\r\n$2\r\non\r\n$6\r\nnopass\r\n");
    fixture_expect(&fixture, "ACL GETUSER foo", NULL, "$-1\r\n");
    fixture_expect(&fixture, "ACL LOG", NULL, "*0\r\n");
    fixture_expect(&fixture, "ACL LOG RESET", NULL, OK);
    fixture_expect(&fixture, "ACL LOG x", NULL, "-ERR value is not an integer or out of range\r\n");
    fixture_expect(&fixture, "ACL CAT foo", NULL, "-ERR Unknown category 'foo'\r\n");
    fixture_expect_part(&fixture, "ACL CAT", "*21\r\n$8\r\nkeyspace\r\n");
    fixture_expect_part(&fixture, "ACL CAT string", "$3\r\nget\r\n");
    fixture_expect(&fixture, "ACL CAT a b", NULL,
                   "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL "
                   "HELP.\r\n");
    fixture_set_password(&fixture, "secret");
    fixture_expect(&fixture, "ACL LIST", NULL, "*1\r\n$27\r\nuser default on ~* &* +@all\r\n");
    fixture_expect_part(&fixture, "ACL GETUSER default", "*1\r\n$2\r\non\r\n$9\r\npasswords\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, shutdown_ends_the_node_and_is_answered_only_when_refused)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SHUTDOWN foo", NULL, SYNTAX);
    fixture_expect(&fixture, "SHUTDOWN SAVE NOSAVE", NULL, SYNTAX);
    fixture_expect(&fixture, "SHUTDOWN ABORT NOW", NULL, SYNTAX);
    fixture_expect(&fixture, "SHUTDOWN ABORT", NULL, "-ERR No shutdown in progress.\r\n");
    cr_assert_not(fixture.shut_down);
    fixture_expect(&fixture, "SHUTDOWN NOSAVE NOW FORCE", NULL, "");
    cr_assert(fixture.shut_down);
    cr_assert(session_closing(&fixture.session));
    fixture_deinit(&fixture);
}

Test(command_operator, answers_what_tools_ask_first)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.identity.started_us = FIXTURE_NOW_US - 3000000;
    fixture_expect(&fixture, "ROLE", NULL, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    fixture_expect(&fixture, "LASTSAVE", NULL, ":1699999997\r\n");
    fixture_expect_part(&fixture, "LOLWUT VERSION 5 1", "Dunlin ver. 0.1.0\nRedis ver. 7.0.15\n");
    fixture_expect(&fixture, "READONLY", NULL, OK);
    fixture_expect(&fixture, "READWRITE", NULL, OK);
    fixture_expect(&fixture, "ASKING", NULL, OK);
    fixture_deinit(&fixture);
}

/* A request that was as slow as that, at FIXTURE_NOW_MS and so many seconds. */
static void be_slow(struct fixture *fixture, const char *line, uint64_t usec, int64_t later_s)
{
    struct call call;

    fixture_run(fixture, line, NULL);
    call = fixture->call;
    call.now.wall_ms += later_s * 1000;
    slowlog_add(fixture->environment.slowlog, &call, usec, 3);
    latency_add(fixture->environment.latency, &call, usec);
}

Test(command_operator, the_slow_log_keeps_the_last_ones)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SLOWLOG GET", NULL, "*0\r\n");
    be_slow(&fixture, "GET a", 11000, 0);
    fixture_expect(&fixture, "CLIENT SETNAME me", NULL, OK);
    be_slow(&fixture, "GET b", 12000, 5);
    fixture_expect(&fixture, "SLOWLOG GET", NULL,
                   "*2\r\n"
                   "*6\r\n:1\r\n:1700000005\r\n:12000\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"
                   "$14\r\n127.0.0.1:4711\r\n$2\r\nme\r\n"
                   "*6\r\n:0\r\n:1700000000\r\n:11000\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
                   "$14\r\n127.0.0.1:4711\r\n$0\r\n\r\n");
    fixture_expect_part(&fixture, "SLOWLOG GET 1", "*1\r\n*6\r\n:1\r\n");
    fixture_expect_part(&fixture, "SLOWLOG GET -1", "*2\r\n");
    be_slow(&fixture, "GET c", 1, 6);
    be_slow(&fixture, "GET d", 1, 7);
    fixture_expect_part(&fixture, "SLOWLOG GET", "*3\r\n*6\r\n:3\r\n");
    fixture_expect(&fixture, "SLOWLOG LEN", NULL, ":3\r\n");
    fixture_expect(&fixture, "SLOWLOG RESET", NULL, OK);
    fixture_expect(&fixture, "SLOWLOG LEN", NULL, ":0\r\n");
    fixture_expect(&fixture, "SLOWLOG GET -2", NULL,
                   "-ERR count should be greater than or equal to -1\r\n");
    fixture_expect(&fixture, "SLOWLOG GET x", NULL,
                   "-ERR count should be greater than or equal to -1\r\n");
    fixture_expect(&fixture, "SLOWLOG GET 1 2", NULL,
                   "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG "
                   "HELP.\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, the_slow_log_cuts_what_is_long_and_hides_what_is_secret)
{
    struct fixture fixture;
    char line[400] = "SET k ";

    fixture_init(&fixture);
    memset(line + 6, 'v', 130);
    be_slow(&fixture, line, 1, 0);
    fixture_expect_part(&fixture, "SLOWLOG GET 1", "vv... (2 more bytes)\r\n$14\r\n");
    strcpy(line, "MGET");
    for (int i = 0; i < 40; i++)
        strcat(line, " k");
    be_slow(&fixture, line, 1, 0);
    fixture_expect_part(&fixture, "SLOWLOG GET 1", "*32\r\n$4\r\nMGET\r\n");
    fixture_expect_part(&fixture, "SLOWLOG GET 1",
                        "$1\r\nk\r\n$23\r\n... (10 more arguments)\r\n$14\r\n");
    be_slow(&fixture, "CONFIG SET maxclients 5 requirepass secret", 1, 0);
    fixture_expect_part(&fixture, "SLOWLOG GET 1",
                        "$1\r\n5\r\n$11\r\nrequirepass\r\n$10\r\n(redacted)\r\n");
    be_slow(&fixture, "HELLO 3 SETNAME me AUTH default secret", 1, 0);
    fixture_expect_part(&fixture, "SLOWLOG GET 1",
                        "$4\r\nAUTH\r\n$10\r\n(redacted)\r\n$10\r\n(redacted)\r\n$14\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, latency_keeps_the_worst_of_each_second)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect_part(&fixture, "LATENCY DOCTOR", "CONFIG SET latency-monitor-threshold");
    fixture.options->latency_monitor_threshold = 10;
    fixture_expect_part(&fixture, "LATENCY DOCTOR", "No request took that long.");
    fixture_expect(&fixture, "LATENCY LATEST", NULL, "*0\r\n");
    fixture_expect(&fixture, "LATENCY HISTORY fast-command", NULL, "*0\r\n");
    fixture_expect(&fixture, "LATENCY GRAPH fast-command", NULL,
                   "-ERR No samples available for event 'fast-command'\r\n");
    be_slow(&fixture, "GET a", 20000, -70);
    be_slow(&fixture, "GET a", 50000, -70);
    be_slow(&fixture, "GET a", 30000, -70);
    be_slow(&fixture, "GET a", 10000, -2);
    be_slow(&fixture, "SET a b", 25000, -1);
    fixture_expect(&fixture, "LATENCY HISTORY fast-command", NULL,
                   "*2\r\n*2\r\n:1699999930\r\n:50\r\n*2\r\n:1699999998\r\n:10\r\n");
    fixture_expect(&fixture, "LATENCY LATEST", NULL,
                   "*2\r\n*4\r\n$7\r\ncommand\r\n:1699999999\r\n:25\r\n:25\r\n"
                   "*4\r\n$12\r\nfast-command\r\n:1699999998\r\n:10\r\n:50\r\n");
    fixture_expect_part(&fixture, "LATENCY GRAPH fast-command",
                        "fast-command - high 50 ms, low 10 ms (all time high 50 ms)\n");
    fixture_expect_part(&fixture, "LATENCY GRAPH fast-command", "-\n# \n| \n| \n|_\n\n12\nms\n");
    fixture_expect_part(&fixture, "LATENCY DOCTOR",
                        "fast-command: 2 slow seconds, 30 ms in the mean, 50 ms at worst.\n");
    fixture_expect(&fixture, "LATENCY RESET nosuch command", NULL, ":1\r\n");
    fixture_expect(&fixture, "LATENCY RESET", NULL, ":1\r\n");
    fixture_expect(&fixture, "LATENCY LATEST", NULL, "*0\r\n");
    for (int i = 0; i < 200; i++)
        be_slow(&fixture, "GET a", 20000 + (uint64_t)i * 1000, i);
    fixture_expect_part(&fixture, "LATENCY HISTORY fast-command",
                        "*160\r\n*2\r\n:1700000040\r\n:60\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, latency_tells_the_calls_by_powers_of_two)
{
    const uint64_t times[] = {0, 1, 3, 4, 900};
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        metrics_command_called(metrics_block(fixture.metrics, 0),
                               command_index(command_named(SPAN("get"))), times[i], false);
    metrics_command_called(metrics_block(fixture.metrics, 0),
                           command_index(command_named(SPAN("client|id"))), 7, false);
    fixture_expect(&fixture, "LATENCY HISTOGRAM get nosuch", NULL,
                   "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:5\r\n$14\r\nhistogram_usec\r\n"
                   "*6\r\n:1\r\n:2\r\n:4\r\n:4\r\n:1024\r\n:5\r\n");
    fixture_expect(&fixture, "LATENCY HISTOGRAM client", NULL,
                   "*2\r\n$9\r\nclient|id\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\n"
                   "histogram_usec\r\n*2\r\n:8\r\n:1\r\n");
    fixture_expect_part(&fixture, "LATENCY HISTOGRAM", "*4\r\n");
    fixture_expect(&fixture, "LATENCY HISTOGRAM set", NULL, "*0\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, memory_tells_what_a_key_takes)
{
    const struct version version = fixture_string("hello", DEADLINE_NEVER);
    const struct version passing = fixture_string("hello", FIXTURE_NOW_MS + 1000);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "MEMORY USAGE k", NULL, "$-1\r\n");
    fixture_expect(&fixture, "MEMORY USAGE k", &version, ":32\r\n"); /* 16 + 1 + 5 */
    fixture_expect(&fixture, "MEMORY USAGE k SAMPLES 0", &passing, ":48\r\n");
    fixture_expect(&fixture, "MEMORY USAGE k SAMPLES", &version, SYNTAX);
    fixture_expect(&fixture, "MEMORY USAGE k SAMPLES -1", &version, SYNTAX);
    fixture_expect(&fixture, "MEMORY USAGE k FOO 1", &version, SYNTAX);
    fixture_expect(&fixture, "MEMORY USAGE k SAMPLES x", &version,
                   "-ERR value is not an integer or out of range\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, memory_tells_what_the_node_takes)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.facts.memory_used = 2000;
    fixture.facts.memory_peak = 4000;
    fixture.facts.memory_resident = 3000;
    fixture.facts.census.keys = 10;
    fixture.facts.census.mark_bytes = 500;
    fixture_expect_part(&fixture, "MEMORY STATS", "*34\r\n$14\r\npeak.allocated\r\n:4000\r\n");
    fixture_expect_part(&fixture, "MEMORY STATS", "$13\r\ndataset.bytes\r\n:1500\r\n");
    fixture_expect_part(&fixture, "MEMORY STATS", "$18\r\ndataset.percentage\r\n$2\r\n75\r\n");
    fixture_expect_part(&fixture, "MEMORY STATS", "$13\r\nfragmentation\r\n$3\r\n1.5\r\n");
    fixture_expect_part(&fixture, "MEMORY DOCTOR", "next to nothing");
    fixture.facts.memory_used = fixture.facts.memory_resident = UINT64_C(1) << 30;
    fixture.facts.memory_system = UINT64_C(8) << 30;
    fixture_expect_part(&fixture, "MEMORY DOCTOR", "maxmemory is 0");
    fixture.options->maxmemory = UINT64_C(1) << 30;
    fixture_expect_part(&fixture, "MEMORY DOCTOR", "maxmemory is reached");
    fixture.options->maxmemory = UINT64_C(2) << 30;
    fixture_expect_part(&fixture, "MEMORY DOCTOR", "There is nothing wrong");
    session_set_protocol(&fixture.session, 3);
    fixture_expect_part(&fixture, "MEMORY STATS", "$13\r\nfragmentation\r\n,1\r\n");
    fixture_expect(&fixture, "MEMORY PURGE", NULL, OK);
    fixture_expect_part(&fixture, "MEMORY MALLOC-STATS", "=");
    fixture_deinit(&fixture);
}
