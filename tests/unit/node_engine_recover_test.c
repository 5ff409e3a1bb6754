/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Engines of one ring of which some forgot what they had: how they recover it, and vote again.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_recover, .timeout = TIMEOUT_S(10));

#define OK   "+OK\r\n"
#define KEYS 60

static struct pair pair;
static struct pair_client *client;

/* Three nodes, three copies, a client at the first. */
static void begin(const char *const *options)
{
    const struct pair_setup setup = {.nodes = 3, .options = options};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

static void end(void)
{
    pair_deinit(&pair);
}

static void set(const char *key, unsigned value)
{
    char line[64];

    snprintf(line, sizeof line, "SET %s %u", key, value);
    pair_ask(client, line, OK);
}

static void set_all(unsigned value)
{
    char key[PAIR_KEY_MAX];

    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        set(key, value + i);
    }
}

static bool has_all(size_t node, unsigned value)
{
    char key[PAIR_KEY_MAX], text[16];

    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        snprintf(text, sizeof text, "%u", value + i);
        if (!pair_has(&pair, node, key, text))
            return false;
    }
    return true;
}

static struct partition *partition_at(size_t node, uint32_t index)
{
    return store_partition(pair.nodes[node].store, index);
}

/* The node has lost its memory: as after a restart, but with its links. */
static void forget(size_t node)
{
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        struct partition *partition = partition_at(node, p);
        partition_clear(partition);
        partition->recovering = true;
        partition->recovery++;
        partition->forgotten = hlc_stamp(pair.now.wall_ms);
        partition->last_stamp = partition->floor = partition->settled = 0;
        partition->flushed = DOT_NONE;
    }
}

static unsigned recovering(size_t node)
{
    unsigned count = 0;

    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++)
        count += partition_at(node, p)->recovering;
    return count;
}

Test(engine_recover, what_one_forgot_it_fetches_from_two_others)
{
    begin(NULL);
    set_all(100);
    pair_ask(client, "DEL key:7", ":1\r\n");
    forget(2);
    cr_assert(!has_all(2, 100));
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    set("key:7", 107);
    cr_assert(has_all(2, 100));
    cr_assert_eq(pair_metric(&pair, 2, METRIC_RECOVERED_PARTITIONS), PAIR_PARTITIONS);
    cr_assert_eq(pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES), 0);
    cr_assert_geq(pair_metric(&pair, 2, METRIC_RECOVERED_KEYS), KEYS - 1);
    end();
}

Test(engine_recover, nobody_recovers_before_writes_in_flight_are_over)
{
    begin(NULL);
    set_all(100);
    forget(2);
    pair_pass(&pair, PAIR_TIMEOUT_MS - 10);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    pair_pass(&pair, 200);
    cr_assert_eq(recovering(2), 0);
    end();
}

Test(engine_recover, a_version_that_one_of_the_others_missed_is_fetched)
{
    begin(NULL);
    pair_silence(&pair, 0, 1, true);
    set_all(100);
    forget(2);
    pair_break(&pair, 0, 1);
    pair_silence(&pair, 0, 1, false);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 100));
    end();
}

Test(engine_recover, writes_go_on_meanwhile)
{
    begin(NULL);
    set_all(100);
    forget(2);
    for (unsigned i = 0; i < 70; i++) {
        set_all(1000 * i);
        pair_pass(&pair, 10);
    }
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 69000));
    end();
}

Test(engine_recover, bounds_are_taken_over)
{
    begin(NULL);
    set_all(100);
    forget(2);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        partition_raise_floor(partition_at(0, p), 5000 + p);
        partition_raise_floor(partition_at(1, p), 4000 + p);
        partition_settle(partition_at(1, p), 6000 + p, 100);
    }
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        cr_assert_eq(partition_at(2, p)->floor, 5000 + p);
        cr_assert_geq(partition_at(2, p)->settled, 6000 + p);
    }
    end();
}

Test(engine_recover, where_all_forgot_they_vote_again_by_themselves)
{
    begin(NULL);
    set_all(100);
    for (size_t i = 0; i < 3; i++)
        forget(i);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 500);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(recovering(i), 0);
    cr_assert_gt(pair_metric(&pair, 0, METRIC_FORCED_RECOVERIES) +
                     pair_metric(&pair, 1, METRIC_FORCED_RECOVERIES) +
                     pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES),
                 0);
    pair_pass(&pair, 3000);
    set_all(300);
    cr_assert(has_all(1, 300));
    end();
}

Test(engine_recover, one_that_cannot_be_reached_is_waited_for)
{
    static const char *const options[] = {"--recovery-wait", "3", NULL};

    begin(options);
    set_all(100);
    forget(2);
    pair.nodes[1].unreachable = true;
    pair_break(&pair, 2, 1);
    pair_pass(&pair, 3000);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    pair_pass(&pair, 1500);
    cr_assert_eq(recovering(2), 0);
    cr_assert_eq(pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES), PAIR_PARTITIONS);
    cr_assert(has_all(2, 100));
    end();
}

Test(engine_recover, never_means_that_only_an_operator_ends_the_wait)
{
    static const char *const options[] = {"--recovery-wait", "never", NULL};

    begin(options);
    set_all(100);
    forget(2);
    pair.nodes[1].unreachable = true;
    pair_break(&pair, 2, 1);
    pair_pass(&pair, 100000);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    atomic_store(&pair.nodes[2].bounds.recovery.force, true);
    pair_pass(&pair, 500);
    cr_assert_eq(recovering(2), 0);
    end();
}

Test(engine_recover, one_that_is_silent_is_waited_for_and_then_asked_again)
{
    begin(NULL);
    set_all(100);
    forget(2);
    pair_silence(&pair, 2, 1, true);
    pair_pass(&pair, 3000);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    pair_silence(&pair, 2, 1, false);
    pair_pass(&pair, 1000);
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 100));
    cr_assert_eq(pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES), 0);
    end();
}
