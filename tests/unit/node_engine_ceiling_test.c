/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A ceiling that is raised late: what cannot be stamped yet waits for it, as long as its time
 * lasts, and nothing of it is written before.
 */
#include <criterion/criterion.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_ceiling, .timeout = TIMEOUT_S(10));

#define OK     "+OK\r\n"
#define QUEUED "+QUEUED\r\n"

static struct pair pair;
static struct pair_client *client;
static size_t home; /* the node that the client talks to, which coordinates the keys {k} */

static void set_ceiling(uint64_t ceiling)
{
    for (size_t i = 0; i < pair.count; i++)
        atomic_store(&pair.nodes[i].bounds.ceiling, ceiling);
}

/* The clock has passed it. */
static void begin(size_t nodes)
{
    const struct pair_setup setup = {.nodes = nodes};

    pair_init(&pair, &setup);
    home = pair_partition_of(&pair, "{k}") % pair.count;
    client = pair_connect(&pair, home);
    pair_ask(client, "SET {k}old 1", OK);
    set_ceiling(hlc_stamp(PAIR_BEGIN_MS) - 1);
}

static void end(void)
{
    pair_deinit(&pair);
}

/* The commands wait, together; then they are answered so. */
static void expect_waits(const char *const *lines, const char *replies)
{
    struct pair_client *other = pair_connect(&pair, home);
    const uint64_t before = pair_metric(&pair, home, METRIC_CEILING_RESTS);

    pair_pipeline(client, lines);
    pair_pass(&pair, 20);
    pair_expect(client, "");
    pair_ask(other, "GET {k}old", "$1\r\n1\r\n");
    pair_ask(other, "GET {k}new", "$-1\r\n");
    cr_assert_gt(pair_metric(&pair, home, METRIC_CEILING_RESTS), before);
    set_ceiling(UINT64_MAX);
    pair_pass(&pair, 20);
    pair_expect(client, replies);
    pair_disconnect(other);
}

Test(engine_ceiling, writes_wait_until_it_has_risen)
{
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"SET {k}new v", OK},
        {"INCR {k}old", ":2\r\n"},
        {"APPEND {k}new v", ":1\r\n"},
        {"DEL {k}old", ":1\r\n"},
        {"MSET {k}new v {k}other w", OK},
        {"EVAL 'return redis.call(\"INCRBY\", KEYS[1], 41)' 1 {k}old", ":42\r\n"},
        {"FLUSHALL", OK},
    };

    for (size_t nodes = 1; nodes <= 3; nodes += 2)
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            begin(nodes);
            expect_waits((const char *const[]){cases[i].line, NULL}, cases[i].reply);
            end();
        }
}

Test(engine_ceiling, a_transaction_waits_as_one)
{
    for (size_t nodes = 1; nodes <= 3; nodes += 2) {
        begin(nodes);
        pair_ask(client, "MULTI", OK);
        pair_ask(client, "INCR {k}old", QUEUED);
        pair_ask(client, "SET {k}new v", QUEUED);
        pair_ask(client, "GET {k}new", QUEUED);
        expect_waits((const char *const[]){"EXEC", NULL}, "*3\r\n:2\r\n+OK\r\n$1\r\nv\r\n");
        end();
    }
}

Test(engine_ceiling, a_pipeline_waits_and_is_answered_in_order)
{
    begin(3);
    expect_waits((const char *const[]){"SET {k}new a", "APPEND {k}new b", "GET {k}new", "PING",
                                       "INCR {k}old", "GET {k}old", NULL},
                 "+OK\r\n:2\r\n$2\r\nab\r\n+PONG\r\n:2\r\n$1\r\n2\r\n");
    end();
}

static void expect_vain(const char *line, int64_t time_ms, const char *error)
{
    begin(3);
    pair_command(client, line);
    pair_pass(&pair, time_ms - 1);
    pair_expect(client, "");
    pair_pass(&pair, 10);
    pair_expect_begin(client, error);
    set_ceiling(UINT64_MAX);
    pair_pass(&pair, 100);
    pair_ask(client, "GET {k}old", "$1\r\n1\r\n");
    pair_ask(client, "GET {k}new", "$-1\r\n");
    end();
}

Test(engine_ceiling, what_has_waited_in_vain_has_written_nothing)
{
    const struct options *options = options_create();
    static const char *const lines[] = {"SET {k}new v", "INCR {k}old", "FLUSHALL",
                                        "EVAL 'return redis.call(\"INCR\", KEYS[1])' 1 {k}old"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        expect_vain(lines[i], options->request_timeout_ms, "-MISCONF no version can be given ");
    options_release(&options);
}

/* A disk that refuses it is not better in a moment. */
Test(engine_ceiling, nobody_waits_for_one_that_cannot_be_kept)
{
    begin(3);
    atomic_store(&pair.nodes[home].bounds.ceiling_failed, true);
    pair_command(client, "SET {k}new v");
    pair_expect_begin(client, "-MISCONF ");
    pair_command(client, "INCR {k}old");
    pair_expect_begin(client, "-MISCONF ");
    pair_command(client, "FLUSHALL");
    pair_expect_begin(client, "-MISCONF ");
    pair_ask(client, "GET {k}old", "$1\r\n1\r\n");
    set_ceiling(UINT64_MAX);
    pair_ask(client, "SET {k}new v", OK);
    end();
}

Test(engine_ceiling, a_client_that_leaves_meanwhile_is_not_missed)
{
    begin(3);
    pair_pipeline(client, (const char *const[]){"SET {k}new v", "INCR {k}old", "FLUSHALL", NULL});
    pair_disconnect(client);
    pair_pass(&pair, 10);
    set_ceiling(UINT64_MAX);
    pair_pass(&pair, 1000);
    end();
}

/* What it read is read again, so a quorum has to be left. */
Test(engine_ceiling, a_link_that_breaks_meanwhile_ends_nothing)
{
    begin(3);
    pair_pipeline(client, (const char *const[]){"SET {k}new v", "INCR {k}old", NULL});
    pair_break(&pair, home, (home + 1) % 3);
    pair_pass(&pair, 10);
    pair_expect(client, "");
    set_ceiling(UINT64_MAX);
    pair_pass(&pair, 20);
    pair_expect(client, "+OK\r\n:2\r\n");
    end();
}
