/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SCAN, KEYS, RANDOMKEY and the keys of slots, which go through the ring page by page.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"
#include "resp/answer.h"
#include "ring/slot.h"

TestSuite(engine_listing, .timeout = TIMEOUT_S(20));

#define OK       "+OK\r\n"
#define KEYS_MAX 600

static struct pair pair;
static struct pair_client *client;
static unsigned times[KEYS_MAX]; /* that key k<i> was listed */

static void begin(uint32_t replicas)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = replicas};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    memset(times, 0, sizeof times);
}

static void end(void)
{
    pair_deinit(&pair);
}

static void fill(unsigned keys)
{
    char line[64];

    for (unsigned i = 0; i < keys; i++) {
        snprintf(line, sizeof line, "SET k%u v", i);
        pair_ask(client, line, OK);
    }
}

static size_t primary_of(uint32_t partition)
{
    size_t node = 0;

    while (pair.nodes[node].number != ring_claim(pair.ring, partition)->nodes[0])
        node++;
    return node;
}

/* The next line of a reply, without its end. */
static struct span next_line(struct span *rest)
{
    const uint8_t *stop = memchr(rest->data, '\r', rest->size);

    cr_assert_not_null(stop);
    const struct span line = span_of(rest->data, (size_t)(stop - rest->data));
    *rest = span_of(stop + 2, rest->size - line.size - 2);
    return line;
}

/* Counts the keys of an array. */
static size_t count_keys(struct span *rest)
{
    char text[24];
    struct span line = next_line(rest);

    snprintf(text, sizeof text, "%.*s", (int)line.size, (const char *)line.data);
    cr_assert_eq(text[0], '*', "%s", text);
    const size_t count = strtoul(text + 1, NULL, 10);
    for (size_t i = 0; i < count; i++) {
        next_line(rest);
        line = next_line(rest);
        snprintf(text, sizeof text, "%.*s", (int)line.size, (const char *)line.data);
        cr_assert_eq(text[0], 'k', "%s", text);
        times[strtoul(text + 1, NULL, 10) % KEYS_MAX]++;
    }
    return count;
}

/* One call of SCAN; returns the next cursor. */
static uint64_t scan(struct pair_client *asker, uint64_t cursor, const char *options)
{
    char line[96], text[24];

    snprintf(line, sizeof line, "SCAN %" PRIu64 " %s", cursor, options);
    pair_command(asker, line);
    pair_settle(&pair);
    if (buffer_size(&asker->got) == 0) /* one does not answer, and another is asked */
        pair_pass(&pair, PAIR_TIMEOUT_MS / 4);
    struct span rest = buffer_content(&asker->got);
    cr_assert_gt(rest.size, 0);
    const struct span head = next_line(&rest);
    cr_assert(span_is(head, "*2"), "%.*s", (int)head.size, (const char *)head.data);
    next_line(&rest);
    const struct span next = next_line(&rest);
    snprintf(text, sizeof text, "%.*s", (int)next.size, (const char *)next.data);
    count_keys(&rest);
    cr_assert_eq(rest.size, 0);
    buffer_reset(&asker->got, SIZE_MAX);
    return strtoull(text, NULL, 10);
}

static void expect_times(unsigned keys, unsigned expected)
{
    for (unsigned i = 0; i < KEYS_MAX; i++)
        cr_assert_eq(times[i], i < keys ? expected : 0, "k%u came %u times", i, times[i]);
}

Test(engine_listing, a_scan_returns_all_keys_once_whatever_nodes_it_asks)
{
    for (uint32_t replicas = 1; replicas <= 3; replicas++) {
        begin(replicas);
        fill(500);
        struct pair_client *askers[] = {client, pair_connect(&pair, 1), pair_connect(&pair, 2)};
        uint64_t cursor = 0;
        unsigned calls = 0;
        do {
            cursor = scan(askers[calls++ % 3], cursor, "COUNT 20");
            cr_assert_lt(cursor, UINT64_C(1) << 53);
        } while (cursor != 0);
        expect_times(500, 1);
        cr_assert_geq(calls, 500 / 20 / 2);
        end();
    }
}

/* A write that one replica missed is acknowledged all the same. */
Test(engine_listing, what_one_replica_missed_is_returned_by_any_node)
{
    begin(3);
    pair_silence(&pair, 0, 1, true);
    fill(100);
    for (size_t node = 0; node < 3; node++) {
        uint64_t cursor = 0;
        do
            cursor = scan(pair_connect(&pair, node), cursor, "COUNT 1000");
        while (cursor != 0);
        expect_times(100, (unsigned)node + 1);
    }
    end();
}

/* What deletes a key is missing at one replica, which shows the key. */
Test(engine_listing, what_is_deleted_at_w_is_not_returned)
{
    char key[PAIR_KEY_MAX], line[64];

    begin(3);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 0, i, key));
        pair_ask(client, line, OK);
    }
    pair_silence(&pair, 0, 1, true);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(line, sizeof line, "DEL %s", pair_key(&pair, 0, i, key));
        pair_command(client, line);
        pair_pass(&pair, PAIR_TIMEOUT_MS / 2); /* another replica is asked in its place */
        pair_expect(client, ":1\r\n");
    }
    cr_assert(pair_has(&pair, 1, key, "v"));
    for (size_t node = 0; node < 3; node++) {
        struct pair_client *asker = pair_connect(&pair, node);
        pair_command(asker, "KEYS *");
        pair_pass(&pair, PAIR_TIMEOUT_MS / 4);
        pair_expect(asker, "*0\r\n");
    }
    end();
}

Test(engine_listing, a_scan_goes_on_without_a_node_that_is_gone)
{
    begin(3);
    fill(200);
    uint64_t cursor = scan(client, 0, "COUNT 50");
    cr_assert_neq(cursor, 0);
    pair.nodes[1].unreachable = true;
    pair_break(&pair, 0, 1);
    do
        cursor = scan(client, cursor, "COUNT 50");
    while (cursor != 0);
    expect_times(200, 1);
    end();
}

/* The question is out when the link breaks: another replica is asked. */
Test(engine_listing, a_node_that_is_lost_on_the_way_is_replaced)
{
    begin(3);
    fill(50);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "KEYS k4?");
    pair_settle(&pair);
    pair_expect(client, "");
    pair_silence(&pair, 0, 2, false);
    pair_break(&pair, 0, 1);
    pair_settle(&pair);
    struct span rest = buffer_content(&client->got);
    cr_assert_eq(count_keys(&rest), 10);
    end();
}

Test(engine_listing, too_few_that_answer_are_an_error_in_time)
{
    begin(3);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "SCAN 0");
    pair_pass(&pair, PAIR_TIMEOUT_MS - 1);
    pair_expect(client, "");
    pair_pass(&pair, 1);
    pair_expect(client, "-NOQUORUM too few nodes answered in 500 ms\r\n");
    pair.nodes[1].unreachable = pair.nodes[2].unreachable = true;
    pair_break(&pair, 0, 1);
    pair_break(&pair, 0, 2);
    pair_command(client, "SCAN 0");
    pair_expect_begin(client, "-NOQUORUM too few nodes answered");
    pair_command(client, "AT ONE SCAN 0 MATCH nothing");
    pair_settle(&pair);
    pair_expect(client, "*2\r\n$1\r\n0\r\n*0\r\n");
    end();
}

/* A replica that does not vote is no source. */
Test(engine_listing, who_forgot_is_not_asked)
{
    begin(3);
    fill(60);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        struct partition *partition = store_partition(pair.nodes[0].store, p);
        partition_clear(partition);
        partition->recovering = true;
    }
    for (uint64_t cursor = 0, calls = 0; cursor != 0 || calls == 0; calls++)
        cursor = scan(client, cursor, "COUNT 7");
    expect_times(60, 1);
    end();
}

Test(engine_listing, keys_lists_what_matches)
{
    begin(2);
    fill(120);
    pair_command(client, "KEYS k11*");
    pair_settle(&pair);
    struct span rest = buffer_content(&client->got);
    cr_assert_eq(count_keys(&rest), 11);
    buffer_reset(&client->got, SIZE_MAX);
    pair_command(client, "KEYS *");
    pair_settle(&pair);
    rest = buffer_content(&client->got);
    cr_assert_eq(count_keys(&rest), 120);
    buffer_reset(&client->got, SIZE_MAX);
    pair_ask(client, "KEYS k7", "*1\r\n$2\r\nk7\r\n");
    pair_ask(client, "KEYS nothing*", "*0\r\n");
    end();
}

/* Of all partitions only that of the tag is asked. */
Test(engine_listing, a_pattern_with_a_tag_stays_in_one_partition)
{
    begin(1);
    pair_ask(client, "SET {tag}1 v", OK);
    pair_ask(client, "SET {tag}2 v", OK);
    const uint32_t partition = pair_partition_of(&pair, "{tag}1");
    pair_command(client, "SCAN 0 MATCH {tag}[12] COUNT 100");
    pair_settle(&pair);
    cr_assert_eq(memcmp(buffer_content(&client->got).data, "*2\r\n$1\r\n0\r\n*2\r\n", 15), 0);
    buffer_reset(&client->got, SIZE_MAX);
    /* Its nodes are enough. */
    const size_t node = primary_of(partition);
    struct pair_client *own = pair_connect(&pair, node);
    for (size_t other = 0; other < 3; other++)
        if (other != node) {
            pair.nodes[other].unreachable = true;
            pair_break(&pair, node, other);
        }
    pair_command(own, "KEYS {tag}?");
    pair_settle(&pair);
    cr_assert_eq(memcmp(buffer_content(&own->got).data, "*2\r\n", 4), 0);
    buffer_reset(&own->got, SIZE_MAX);
    pair_command(own, "KEYS *{tag}?");
    pair_expect_begin(own, "-NOQUORUM ");
    end();
}

Test(engine_listing, expired_keys_are_not_listed)
{
    begin(3);
    pair_ask(client, "SET k1 v PX 100", OK);
    pair_ask(client, "SET k2 v", OK);
    pair_ask(client, "KEYS k1", "*1\r\n$2\r\nk1\r\n");
    pair.now.wall_ms += 100;
    pair_ask(client, "KEYS *", "*1\r\n$2\r\nk2\r\n");
    pair_ask(client, "RANDOMKEY", "$2\r\nk2\r\n");
    pair_ask(client, "DEL k2", ":1\r\n");
    pair_ask(client, "RANDOMKEY", "$-1\r\n");
    end();
}

Test(engine_listing, any_key_may_be_the_random_one)
{
    unsigned different = 0;

    begin(2);
    fill(40);
    for (unsigned i = 0; i < 400; i++) {
        pair_command(client, "RANDOMKEY");
        pair_settle(&pair);
        struct span rest = buffer_content(&client->got);
        next_line(&rest);
        const struct span line = next_line(&rest);
        char text[16];
        snprintf(text, sizeof text, "%.*s", (int)line.size - 1, (const char *)line.data + 1);
        different += times[strtoul(text, NULL, 10)]++ == 0;
        buffer_reset(&client->got, SIZE_MAX);
    }
    cr_assert_gt(different, 30);
    end();
}

/* A cluster client asks each primary, and adds up. */
Test(engine_listing, who_asked_for_the_slots_is_told_of_each_nodes_own)
{
    int64_t sum = 0, size;

    begin(2);
    fill(150);
    for (size_t node = 0; node < 3; node++) {
        struct pair_client *walker = pair_connect(&pair, node);
        walker->client->session.walks_primaries = true; /* as after CLUSTER NODES */
        for (uint64_t cursor = 0, calls = 0; cursor != 0 || calls == 0; calls++)
            cursor = scan(walker, cursor, "COUNT 9");
        pair_command(walker, "DBSIZE");
        pair_settle(&pair);
        cr_assert(answer_integer(buffer_content(&walker->got), &size));
        sum += size;
        cr_assert_lt(size, 150);
        buffer_reset(&walker->got, SIZE_MAX);
        pair_ask(walker, "RESET", "+RESET\r\n");
        pair_ask(walker, "DBSIZE", ":150\r\n");
    }
    cr_assert_eq(sum, 150);
    expect_times(150, 1);
    end();
}

Test(engine_listing, keys_of_a_slot_are_this_nodes)
{
    char line[64];

    begin(1);
    const uint32_t slot = ring_slot(SPAN("k7"));
    const size_t node = primary_of(pair_partition_of(&pair, "k7"));
    fill(300);
    struct pair_client *own = pair_connect(&pair, node);
    struct pair_client *other = pair_connect(&pair, (node + 1) % 3);
    snprintf(line, sizeof line, "CLUSTER COUNTKEYSINSLOT %" PRIu32, slot);
    pair_ask(own, line, ":1\r\n");
    pair_ask(other, line, ":0\r\n");
    snprintf(line, sizeof line, "CLUSTER GETKEYSINSLOT %" PRIu32 " 10", slot);
    pair_ask(own, line, "*1\r\n$2\r\nk7\r\n");
    pair_ask(other, line, "*0\r\n");
    snprintf(line, sizeof line, "CLUSTER GETKEYSINSLOT %" PRIu32 " 0", slot);
    pair_ask(own, line, "*0\r\n");
    pair_ask(own, "CLUSTER COUNTKEYSINSLOT 16384", "-ERR Invalid slot\r\n");
    pair_ask(own, "CLUSTER COUNTKEYSINSLOT x", "-ERR value is not an integer or out of range\r\n");
    pair_ask(own, "CLUSTER GETKEYSINSLOT 1 -1", "-ERR Invalid slot or number of keys\r\n");
    end();
}

Test(engine_listing, what_is_wrong_is_told_in_redis_words)
{
    begin(3);
    pair_ask(client, "SCAN x", "-ERR invalid cursor\r\n");
    pair_ask(client, "SCAN 1.5", "-ERR invalid cursor\r\n");
    pair_ask(client, "SCAN 99999999999999999999", "-ERR invalid cursor\r\n");
    pair_ask(client, "SCAN 0 COUNT", "-ERR syntax error\r\n");
    pair_ask(client, "SCAN 0 COUNT 0", "-ERR syntax error\r\n");
    pair_ask(client, "SCAN 0 COUNT many", "-ERR value is not an integer or out of range\r\n");
    pair_ask(client, "SCAN 0 NONE 1", "-ERR syntax error\r\n");
    pair_ask(client, "SCAN 18446744073709551615", "*2\r\n$1\r\n0\r\n*0\r\n");
    pair_ask(client, "SET k1 v", OK);
    pair_ask(client, "SCAN 0 TYPE hash COUNT 100", "*2\r\n$1\r\n0\r\n*0\r\n");
    pair_ask(client, "SCAN 0 TYPE STRING COUNT 100", "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nk1\r\n");
    end();
}
