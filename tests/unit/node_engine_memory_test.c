/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What counts against maxmemory, and how an engine gets back below it.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(node_engine_memory, .timeout = TIMEOUT_S(20));

/* Longer than any round over all that an engine of these tests has. */
#define ROUND_MS 500

#define LONG_BYTES (1 << 20)

static uint64_t used(const struct pair *pair)
{
    return store_memory_used(pair->nodes[0].store);
}

static void send_repeated(struct pair_client *client, const char *begin, size_t size)
{
    struct buffer bytes = {0};

    buffer_append_string(&bytes, begin);
    for (size_t i = 0; i < size; i++)
        buffer_append_string(&bytes, "x");
    const struct span content = buffer_content(&bytes);
    pair_send(client, content.data, content.size);
    buffer_deinit(&bytes);
}

Test(node_engine_memory, what_a_client_sent_by_half_counts_until_it_is_gone)
{
    struct pair pair;

    pair_init(&pair, NULL);
    pair_pass(&pair, ROUND_MS);
    const uint64_t before = used(&pair);
    struct pair_client *client = pair_connect(&pair, 0);
    send_repeated(client, "*2\r\n$4\r\nECHO\r\n$2000000\r\n", LONG_BYTES);
    pair_pass(&pair, ROUND_MS);
    cr_assert_geq(used(&pair), before + LONG_BYTES);
    cr_assert_geq(pair_metric(&pair, 0, METRIC_CLIENT_BYTES), (uint64_t)LONG_BYTES);
    pair_disconnect(client);
    pair_pass(&pair, ROUND_MS);
    cr_assert_lt(used(&pair), before + LONG_BYTES);
    pair_deinit(&pair);
}

Test(node_engine_memory, replies_that_a_client_does_not_take_count)
{
    struct pair pair;

    pair_init(&pair, NULL);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_pass(&pair, ROUND_MS);
    const uint64_t before = used(&pair);
    client->stalled = true;
    send_repeated(client, "*2\r\n$4\r\nECHO\r\n$1048576\r\n", LONG_BYTES);
    pair_send(client, "\r\n", 2);
    pair_pass(&pair, ROUND_MS);
    cr_assert_geq(used(&pair), before + LONG_BYTES);
    pair_deinit(&pair);
}

Test(node_engine_memory, what_waits_for_a_silent_peer_counts)
{
    const struct pair_setup setup = {.nodes = 3};
    struct pair pair;

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_pass(&pair, ROUND_MS);
    const uint64_t before = pair_metric(&pair, 0, METRIC_LINK_BYTES);
    pair_silence(&pair, 0, 1, true);
    send_repeated(client, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1048576\r\n", LONG_BYTES);
    pair_send(client, "\r\n", 2);
    pair_pass(&pair, ROUND_MS / 2);
    cr_assert_geq(pair_metric(&pair, 0, METRIC_LINK_BYTES), before + LONG_BYTES);
    pair_deinit(&pair);
}

Test(node_engine_memory, nobody_is_counted_twice)
{
    struct pair pair;

    pair_init(&pair, NULL);
    pair_pass(&pair, ROUND_MS);
    const uint64_t before = pair_metric(&pair, 0, METRIC_CLIENT_BYTES);
    for (unsigned i = 0; i < PAIR_CLIENTS_MAX; i++)
        pair_ask(pair_connect(&pair, 0), "PING", "+PONG\r\n");
    pair_pass(&pair, ROUND_MS);
    const uint64_t with = pair_metric(&pair, 0, METRIC_CLIENT_BYTES);
    cr_assert_gt(with, before);
    pair_pass(&pair, ROUND_MS);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CLIENT_BYTES), with);
    pair_deinit(&pair);
}

/* ---- eviction ---- */

#define KEYS    4000
#define LIMIT_S "200000"
#define LIMIT   200000u

static void fill(struct pair_client *client)
{
    char line[64];

    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(line, sizeof line, "SET key%u 0123456789012345678901234567890123456789", i);
        pair_ask(client, line, "+OK\r\n");
    }
}

Test(node_engine_memory, a_lowered_maxmemory_evicts_until_it_is_kept)
{
    struct pair pair;

    pair_init(&pair, NULL);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_configure(&pair, 0, "maxmemory-policy", "allkeys-clock");
    fill(client);
    cr_assert_gt(used(&pair), LIMIT);
    pair_configure(&pair, 0, "maxmemory", LIMIT_S);
    pair_pass(&pair, ROUND_MS);
    cr_assert_leq(used(&pair), LIMIT);
    cr_assert_gt(pair_metric(&pair, 0, METRIC_EVICTED_KEYS), 0);
    pair_deinit(&pair);
}

Test(node_engine_memory, what_a_client_sends_evicts)
{
    static const char *const options[] = {"--maxmemory", "3000000", "--maxmemory-policy",
                                          "allkeys-clock", NULL};
    const struct pair_setup setup = {.options = options};
    struct pair pair;

    pair_init(&pair, &setup);
    fill(pair_connect(&pair, 0));
    pair_pass(&pair, ROUND_MS);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_EVICTED_KEYS), 0);
    send_repeated(pair_connect(&pair, 0), "*2\r\n$4\r\nECHO\r\n$9000000\r\n", 3 * LONG_BYTES);
    pair_pass(&pair, ROUND_MS);
    cr_assert_gt(pair_metric(&pair, 0, METRIC_EVICTED_KEYS), 0);
    pair_deinit(&pair);
}

Test(node_engine_memory, noeviction_evicts_nothing_until_the_policy_is_another)
{
    struct pair pair;

    pair_init(&pair, NULL);
    struct pair_client *client = pair_connect(&pair, 0);
    fill(client);
    pair_configure(&pair, 0, "maxmemory", LIMIT_S);
    pair_pass(&pair, ROUND_MS);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_EVICTED_KEYS), 0);
    pair_ask(client, "SET another value",
             "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    pair_ask(client, "GET key1", "$40\r\n0123456789012345678901234567890123456789\r\n");
    pair_configure(&pair, 0, "maxmemory-policy", "allkeys-clock");
    pair_pass(&pair, ROUND_MS);
    cr_assert_leq(used(&pair), LIMIT);
    pair_ask(client, "SET another value", "+OK\r\n");
    pair_deinit(&pair);
}

/* Its coordinator has one of two keys: what the other had at other replicas is no room here. */
Test(node_engine_memory, of_a_batch_that_has_no_room_nothing_is_kept)
{
    const struct pair_setup setup = {.nodes = 3};
    char name[PAIR_KEY_MAX], here[PAIR_KEY_MAX + 8], elsewhere[PAIR_KEY_MAX + 8], line[256];
    struct pair pair;

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_key(&pair, 0, 0, name);
    snprintf(here, sizeof here, "{%s}here", name);
    snprintf(elsewhere, sizeof elsewhere, "{%s}gone", name);
    snprintf(line, sizeof line, "MSET %s one %s two", here, elsewhere);
    pair_ask(client, line, "+OK\r\n");
    struct store *store = pair.nodes[0].store;
    struct partition *partition = store_partition(store, pair_partition_of(&pair, here));
    partition_remove(partition, store_hash(store, span_of_string(elsewhere)),
                     span_of_string(elsewhere));
    store_set_memory_max(store, 1);
    snprintf(line, sizeof line,
             "EVAL \"redis.call('set',KEYS[1],'ONE') return redis.call('set',KEYS[2],'TWO')\" 2 %s "
             "%s",
             here, elsewhere);
    pair_ask(client, line, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    for (size_t node = 0; node < 3; node++)
        cr_assert(pair_has(&pair, node, here, "one"));
    store_set_memory_max(store, 0);
    pair_ask(client, line, "+OK\r\n");
    cr_assert(pair_has(&pair, 0, elsewhere, "TWO"));
    pair_deinit(&pair);
}
