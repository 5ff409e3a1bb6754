/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CONFIG, INFO, COMMAND, and the arguments of what the engine runs.
 */
#include <criterion/criterion.h>

#include "base/metrics.h"
#include "base/work.h"
#include "causal/hlc.h"
#include "command/errorstats.h"
#include "command_fixture.h"
#include "lib/timeout.h"
#include "resp/answer.h"

TestSuite(command_server, .timeout = TIMEOUT_S(10));
TestSuite(command_introspect, .timeout = TIMEOUT_S(10));

#define OK     "+OK\r\n"
#define SYNTAX "-ERR syntax error\r\n"

Test(command_server, config_reads_and_changes_directives)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "CONFIG GET port", NULL, "*2\r\n$4\r\nport\r\n$4\r\n6379\r\n");
    session_set_protocol(&fixture.session, 3);
    fixture_expect(&fixture, "CONFIG GET port nosuch", NULL, "%1\r\n$4\r\nport\r\n$4\r\n6379\r\n");
    fixture_expect(&fixture, "CONFIG GET nosuch", NULL, "%0\r\n");
    fixture_expect(&fixture, "CONFIG SET maxmemory 1mb timeout 5", NULL, OK);
    cr_assert(span_equal(buffer_content(&fixture.config), SPAN("maxmemory=1mb;timeout=5;")));
    fixture_expect(&fixture, "CONFIG SET a b c", NULL, SYNTAX);
    fixture_expect(&fixture, "CONFIG REWRITE", NULL,
                   "-ERR The server is running without a config file\r\n");
    fixture.identity.config_file = "dunlin.conf";
    fixture_expect(&fixture, "CONFIG REWRITE", NULL, OK);
    fixture.config_fails = true;
    fixture_expect(&fixture, "CONFIG SET a b", NULL, "-ERR CONFIG SET failed\r\n");
    fixture_expect(&fixture, "CONFIG REWRITE", NULL,
                   "-ERR Rewriting config file: No space left on device\r\n");
    fixture_expect(&fixture, "CONFIG RESETSTAT", NULL, OK);
    cr_assert_eq(fixture.resets, 1);
    fixture_deinit(&fixture);
}

Test(command_server, time_is_the_time_of_the_call)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "TIME", NULL, "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
    fixture_deinit(&fixture);
}

Test(command_server, the_arguments_of_what_the_engine_runs_are_checked_before)
{
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"FLUSHALL", ""},
        {"FLUSHDB ASYNC", ""},
        {"FLUSHALL SYNC", ""},
        {"FLUSHALL foo", SYNTAX},
        {"FLUSHALL SYNC ASYNC", SYNTAX},
        {"DBSIZE", ""},
        {"WAIT x 0", "-ERR value is not an integer or out of range\r\n"},
        {"WAIT 1 x", "-ERR timeout is not an integer or out of range\r\n"},
        {"WAIT 1 -1", "-ERR timeout is negative\r\n"},
        {"WAIT 2 100", ""},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_expect(&fixture, cases[i].line, NULL, cases[i].reply);
        cr_assert_eq(fixture.prepared, cases[i].reply[0] == '\0');
    }
    cr_assert_eq(fixture.call.options.integer, 2);
    cr_assert_eq(fixture.call.options.deadline_ms, 100);
    fixture_deinit(&fixture);
}

Test(command_server, info_has_the_fields_that_redis_tools_read)
{
    static const char *const fields[] = {
        "# Server\r\nredis_version:7.0.15\r\ndunlin_version:0.1.0\r\n",
        "\r\nredis_mode:cluster\r\n",
        "\r\nrun_id:f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0\r\n",
        "\r\ntcp_port:6379\r\n",
        "\r\nuptime_in_seconds:5\r\n",
        "\r\n\r\n# Clients\r\nconnected_clients:1\r\n",
        "\r\nused_memory:1536\r\nused_memory_human:1.50K\r\n",
        "\r\nused_memory_rss:5\r\nused_memory_rss_human:5B\r\n",
        "\r\nmaxmemory:0\r\nmaxmemory_human:0B\r\n",
        "\r\nused_memory_overhead:796\r\nused_memory_dataset:740\r\n",
        "\r\nmaxmemory_policy:allkeys-clock\r\n",
        "\r\nmem_clients_normal:400\r\nmem_cluster_links:200\r\nmem_hints:100\r\n"
        "mem_marks:96\r\n",
        "\r\nloading:0\r\n",
        "\r\nevicted_keys:9\r\n",
        "\r\n\r\n# Repair\r\nsettled_age_ms:52\r\ntombstones:5\r\nmarks:4\r\nfloors:6\r\n"
        "recovering_partitions:7\r\n",
        "\r\nhints:0\r\nhint_bytes:100\r\n",
        "\r\nhints_dropped:0\r\n",
        "\r\ntotal_commands_processed:2\r\n",
        "\r\nkeyspace_hits:0\r\n",
        "\r\nrole:master\r\nconnected_slaves:0\r\n",
        "\r\nused_cpu_user:1.500000\r\n",
        "\r\nerrorstat_ERR:count=2\r\nerrorstat_WRONGTYPE:count=1\r\n",
        "\r\n\r\n# Cluster\r\ncluster_enabled:1\r\n",
        "\r\n\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\n",
    };
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.facts = (struct node_facts){.memory_used = 1536,
                                        .memory_resident = 5,
                                        .census = {.keys = 3,
                                                   .expiring = 1,
                                                   .marks = 4,
                                                   .mark_bytes = 96,
                                                   .tombstones = 5,
                                                   .floors = 6,
                                                   .partitions = 8,
                                                   .recovering = 7,
                                                   .settled = hlc_stamp(FIXTURE_NOW_MS - 52)},
                                        .cpu_user_seconds = 1.5};
    fixture.options->maxmemory_policy = STORE_ALLKEYS_CLOCK;
    errorstats_count(fixture.environment.errorstats, SPAN("-WRONGTYPE Operation against a key"));
    for (unsigned i = 0; i < 2; i++)
        errorstats_count(fixture.environment.errorstats, SPAN("-ERR syntax error\r\n"));
    metrics_add(metrics_block(fixture.metrics, 0), METRIC_COMMANDS, 2);
    metrics_add(metrics_block(fixture.metrics, 0), METRIC_EVICTED_KEYS, 9);
    metrics_add(metrics_block(fixture.metrics, 0), METRIC_CLIENT_BYTES, 400);
    metrics_add(metrics_block(fixture.metrics, 0), METRIC_LINK_BYTES, 200);
    metrics_add(metrics_block(fixture.metrics, 0), METRIC_HINT_BYTES, 100);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        fixture_expect_part(&fixture, "INFO", fields[i]);
    fixture_deinit(&fixture);
}

Test(command_server, info_says_when_nothing_is_settled)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.facts.census.partitions = 1;
    fixture_expect_part(&fixture, "INFO repair", "# Repair\r\nsettled_age_ms:-1\r\n");
    fixture_deinit(&fixture);
}

Test(command_server, info_shows_the_turns_and_what_the_longest_did)
{
    struct fixture fixture;

    fixture_init(&fixture);
    struct metrics_block *block = metrics_block(fixture.metrics, 0);
    metrics_observe(block, METRIC_TURN_TIME, 3);
    metrics_observe(block, METRIC_TURN_TIME, 4);
    metrics_observe(block, METRIC_TURN_TIME, 100);
    metrics_add(block, METRIC_LONG_TURNS, 1);
    metrics_turn_took(block, 1234, work_bit(WORK_ACCEPT) | work_bit(WORK_OUTPUT));
    fixture_expect_part(&fixture, "INFO latency",
                        "# Latency\r\nlong_turns:1\r\nlongest_turn_usec:1234\r\n"
                        "longest_turn_doing:accept+output\r\n"
                        "turn_usec:count=3,p50=4,p99=101,p99.9=101,max=101\r\n"
                        "turn_usec_histogram:3=1,7=2,127=3\r\n"
                        "read_latency_usec:count=0,p50=0,p99=0,p99.9=0,max=0\r\n"
                        "read_latency_usec_histogram:\r\n");
    fixture_deinit(&fixture);
}

Test(command_server, info_shows_the_sections_asked_for)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "INFO CLUSTER", NULL, "$30\r\n# Cluster\r\ncluster_enabled:1\r\n\r\n");
    fixture_expect(&fixture, "INFO nosuch", NULL, "$0\r\n\r\n");
    metrics_command_called(metrics_block(fixture.metrics, 0), 1, 10, false);
    metrics_command_called(metrics_block(fixture.metrics, 0), 1, 5, true);
    fixture_expect(&fixture, "INFO commandstats", NULL,
                   "$96\r\n# Commandstats\r\ncmdstat_set:calls=2,usec=15,usec_per_call=7.50,"
                   "rejected_calls=0,failed_calls=1\r\n\r\n");
    fixture_expect_part(&fixture, "INFO all", "# Commandstats");
    fixture_expect_part(&fixture, "INFO everything", "# Keyspace");
    fixture_expect_part(&fixture, "INFO nosuch default", "# Server");
    fixture_deinit(&fixture);
}

/* Whatever the table holds, a reply has to be one whole value in either protocol. */
static void expect_whole(struct fixture *fixture, const char *line)
{
    for (int protocol = 2; protocol <= 3; protocol++) {
        struct answer answer;

        session_set_protocol(&fixture->session, protocol);
        fixture_run(fixture, line, NULL);
        answer_init(&answer);
        cr_assert_eq(answer_read(&answer, buffer_content(&fixture->reply)), ANSWER_COMPLETE, "%s",
                     line);
        cr_assert_eq(answer.size, buffer_size(&fixture->reply), "%s", line);
    }
    session_set_protocol(&fixture->session, 2);
}

Test(command_introspect, every_reply_made_of_the_table_is_one_whole_value)
{
    static const char *const lines[] = {
        "COMMAND",
        "COMMAND INFO",
        "COMMAND INFO get nosuch client client|list",
        "COMMAND DOCS",
        "COMMAND DOCS set nosuch client",
        "COMMAND LIST",
        "COMMAND COUNT",
        "COMMAND HELP",
        "CLIENT HELP",
        "CONFIG HELP",
        "CLUSTER HELP",
        "HELLO",
        "CLIENT INFO",
        "CLIENT LIST",
        "INFO everything",
        "CONFIG GET *",
        "CONSISTENCY",
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        expect_whole(&fixture, lines[i]);
    fixture_deinit(&fixture);
}

Test(command_introspect, info_is_redis_own_of_get)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(
        &fixture, "COMMAND INFO get", NULL,
        "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n"
        "+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n"
        "$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\n"
        "index\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n"
        "$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n");
    fixture_expect(&fixture, "COMMAND INFO nosuch", NULL, "*1\r\n$-1\r\n");
    fixture_deinit(&fixture);
}

Test(command_introspect, docs_tell_the_arguments)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "COMMAND DOCS nosuch", NULL, "*0\r\n");
    fixture_expect(&fixture, "COMMAND DOCS echo", NULL,
                   "*2\r\n$4\r\necho\r\n*10\r\n$7\r\nsummary\r\n$19\r\nAnswer the message.\r\n$5"
                   "\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n$10\r\n"
                   "complexity\r\n$4\r\nO(1)\r\n$9\r\narguments\r\n*1\r\n*4\r\n$4\r\nname\r\n$7\r\n"
                   "message\r\n$4\r\ntype\r\n$6\r\nstring\r\n");
    fixture_expect_part(&fixture, "COMMAND DOCS set",
                        "$12\r\nmilliseconds\r\n$4\r\ntype\r\n$7\r\ninteger\r\n$5\r\ntoken\r\n$2"
                        "\r\nPX\r\n");
    fixture_expect_part(&fixture, "COMMAND DOCS config", "$11\r\nsubcommands\r\n");
    fixture_deinit(&fixture);
}

Test(command_introspect, getkeys_and_list_answer_and_refuse_as_redis_does)
{
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"COMMAND GETKEYS mset a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
        {"COMMAND GETKEYS at one set k v", "*1\r\n$1\r\nk\r\n"},
        {"COMMAND GETKEYS nosuch a", "-ERR Invalid command specified\r\n"},
        {"COMMAND GETKEYS client nosuch", "-ERR Invalid command specified\r\n"},
        {"COMMAND GETKEYS ping",
         "-ERR wrong number of arguments for 'command|getkeys' command\r\n"},
        {"COMMAND GETKEYS ping a", "-ERR The command has no key arguments\r\n"},
        {"COMMAND GETKEYSANDFLAGS get a", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n"},
        {"COMMAND GETKEYSANDFLAGS set a 1", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"},
        {"COMMAND GETKEYSANDFLAGS set a 1 get",
         "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n"},
        {"COMMAND GETKEYS client id", "-ERR The command has no key arguments\r\n"},
        {"COMMAND GETKEYS get a b", "-ERR Invalid number of arguments specified for command\r\n"},
        {"COMMAND LIST FILTERBY PATTERN getd*", "*1\r\n$6\r\ngetdel\r\n"},
        {"COMMAND LIST FILTERBY MODULE x", "*0\r\n"},
        {"COMMAND LIST FILTERBY ACLCAT nosuch", "*0\r\n"},
        {"COMMAND LIST FILTERBY foo x", SYNTAX},
        {"COMMAND LIST foo", SYNTAX},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        fixture_expect(&fixture, cases[i].line, NULL, cases[i].reply);
    fixture_expect_part(&fixture, "COMMAND LIST FILTERBY ACLCAT string", "$3\r\nget\r\n");
    fixture_expect_part(&fixture, "CONFIG HELP",
                        "+RESETSTAT\r\n+    Set what INFO counts back to zero.\r\n");
    fixture_deinit(&fixture);
}
