/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is owed: hints, the bound that follows from them, and what settles.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_hints, .timeout = TIMEOUT_S(10));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client;

static void begin_with(const struct pair_setup *setup)
{
    pair_init(&pair, setup);
    client = pair_connect(&pair, 0);
}

static void begin(void)
{
    begin_with(&(const struct pair_setup){.nodes = 3});
}

/* Node 0 cannot reach the node, and its link is gone. */
static void take_away(size_t node)
{
    pair.nodes[node].unreachable = true;
    pair_break(&pair, 0, node);
}

static void bring_back(size_t node)
{
    pair.nodes[node].unreachable = false;
    pair_pass(&pair, 1100); /* the longest wait before a link is opened again */
}

static uint64_t bound(size_t node)
{
    return atomic_load(&pair.nodes[node].bounds.ledger.bounds[0].stamp);
}

static uint64_t settled(size_t node, const char *key)
{
    return store_partition(pair.nodes[node].store, pair_partition_of(&pair, key))->settled;
}

static uint64_t stamp_of(size_t node, const char *key)
{
    const struct span name = span_of_string(key);
    struct store *store = pair.nodes[node].store;
    struct version version;

    cr_assert(partition_get(store_partition(store, pair_partition_of(&pair, key)),
                            store_hash(store, name), name, &version));
    return version.dot.stamp;
}

Test(engine_hints, a_replica_that_was_down_gets_its_writes_when_it_is_back)
{
    begin();
    const uint64_t memory = store_memory_used(pair.nodes[0].store);
    take_away(2);
    pair_ask(client, "SET a 1", OK);
    pair_ask(client, "SET b 2", OK);
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    cr_assert_not(pair_has(&pair, 2, "a", "1"));
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 2);
    cr_assert_gt(store_memory_used(pair.nodes[0].store), memory);
    bring_back(2);
    cr_assert(pair_has(&pair, 2, "a", "1"));
    cr_assert(pair_has(&pair, 2, "b", "2"));
    cr_assert_eq(stamp_of(2, "a"), stamp_of(0, "a"));
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 0);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINT_BYTES), 0);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DELIVERED), 2);
    pair_deinit(&pair);
}

Test(engine_hints, what_settles_rises_on_idle_nodes_and_stands_while_a_write_is_owed)
{
    begin();
    pair_ask(client, "SET a 1", OK);
    pair_pass(&pair, 1000);
    for (size_t node = 0; node < 3; node++)
        cr_assert_geq(settled(node, "a"), stamp_of(node, "a"));
    take_away(2);
    pair_ask(client, "SET a 2", OK);
    const uint64_t owed = stamp_of(0, "a");
    pair_pass(&pair, 5000);
    cr_assert_lt(bound(0), owed);
    for (size_t node = 0; node < 3; node++)
        cr_assert_lt(settled(node, "a"), owed);
    bring_back(2);
    pair_pass(&pair, 1000);
    for (size_t node = 0; node < 3; node++)
        cr_assert_geq(settled(node, "a"), owed);
    pair_deinit(&pair);
}
