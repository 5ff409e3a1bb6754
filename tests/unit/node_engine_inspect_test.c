/* SPDX-License-Identifier: BSD-3-Clause
 *
 * VERSION: what each replica of a key holds, in words.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "ring/ring.h"

TestSuite(node_engine_inspect, .timeout = TIMEOUT_S(20));

static void expect_part(const struct pair_client *client, const char *part)
{
    const struct span got = buffer_content(&client->got);

    cr_assert(got.size > 0 && memmem(got.data, got.size, part, strlen(part)) != NULL,
              "'%.*s' does not hold '%s'", (int)got.size, (const char *)got.data, part);
}

/* Sends VERSION of the key; what came before is dropped. */
static void inspect(struct pair_client *client, const char *key)
{
    char line[64];

    snprintf(line, sizeof line, "VERSION %s", key);
    buffer_reset(&client->got, SIZE_MAX);
    pair_command(client, line);
}

static struct partition *partition_of(struct pair *pair, size_t node, const char *key)
{
    return store_partition(pair->nodes[node].store, pair_partition_of(pair, key));
}

Test(node_engine_inspect, a_ring_of_one_answers_for_itself)
{
    struct pair pair;

    pair_init(&pair, NULL);
    struct pair_client *client = pair_connect(&pair, 0);
    inspect(client, "k");
    pair_expect(client, "*1\r\n$77\r\nnode 10 127.0.0.1:7001: votes; absent; mark none; floor "
                        "none; settled nothing\r\n");
    pair_ask(client, "SET k hello PX 41500", "+OK\r\n");
    inspect(client, "k");
    expect_part(client, "*1\r\n");
    expect_part(client, "node 10 127.0.0.1:7001: votes; dot 17000000");
    expect_part(client, "@10, string of 5 bytes, deadline 2023-11-14 22:14:0");
    expect_part(client, " UTC (in 41 s); mark none; floor none; settled nothing\r\n");
    pair_deinit(&pair);
}

Test(node_engine_inspect, replicas_answer_in_the_order_of_the_preference_list)
{
    const struct pair_setup setup = {.nodes = 3};
    struct pair pair;
    char key[PAIR_KEY_MAX], line[64];

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_key(&pair, 1, 0, key); /* of nodes 1, 2, 0 */
    snprintf(line, sizeof line, "SET %s abc", key);
    pair_ask(client, line, "+OK\r\n");
    inspect(client, key);
    const struct span got = buffer_content(&client->got);
    cr_assert_eq(memcmp(got.data, "*3\r\n", 4), 0);
    const uint8_t *first = memmem(got.data, got.size, "node 13 127.0.0.1:7002: votes; dot ", 35);
    const uint8_t *second = memmem(got.data, got.size, "node 16 127.0.0.1:7003: votes; dot ", 35);
    const uint8_t *third = memmem(got.data, got.size, "node 10 127.0.0.1:7001: votes; dot ", 35);
    cr_assert(first != NULL && first < second && second < third);
    expect_part(client, "string of 3 bytes, no deadline; mark none; floor none; settled");
    pair_deinit(&pair);
}

Test(node_engine_inspect, any_node_may_be_asked)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 1};
    struct pair pair;
    char key[PAIR_KEY_MAX];

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    inspect(client, pair_key(&pair, 2, 0, key));
    expect_part(client, "*1\r\n");
    expect_part(client, "node 16 127.0.0.1:7003: votes; absent; mark none");
    pair_deinit(&pair);
}

Test(node_engine_inspect, what_a_replica_forgot_deleted_and_settled_is_told)
{
    const struct pair_setup setup = {.nodes = 2};
    struct pair pair;
    char key[PAIR_KEY_MAX], line[64];

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_key(&pair, 0, 0, key);
    snprintf(line, sizeof line, "SET %s abc", key);
    pair_ask(client, line, "+OK\r\n");
    snprintf(line, sizeof line, "DEL %s", key);
    pair_ask(client, line, ":1\r\n");
    struct partition *partition = partition_of(&pair, 1, key);
    partition_lock(partition);
    partition->recovering = true;
    partition->floor = hlc_stamp(PAIR_BEGIN_MS - 70000) + 3;
    partition->settled = hlc_stamp(pair_now(&pair.nodes[0]).wall_ms - 12500);
    partition_unlock(partition);
    inspect(client, key);
    expect_part(client, "@10, deleted; mark none");
    expect_part(client,
                "node 13 127.0.0.1:7002: does not vote: it restarted and has not recovered; "
                "dot ");
    expect_part(client, "floor 1699999930000.3; settled 12 s ago\r\n");
    partition_lock(partition);
    partition->recovering = partition->eligible = false;
    partition_unlock(partition);
    inspect(client, key);
    expect_part(client, "node 13 127.0.0.1:7002: does not vote: its clock is out of line; dot ");
    partition_lock(partition);
    partition->claim_version++;
    partition_unlock(partition);
    inspect(client, key);
    expect_part(client, "node 13 127.0.0.1:7002: goes by another claim of the partition\r\n");
    pair_deinit(&pair);
}

Test(node_engine_inspect, siblings_are_shown_with_their_context)
{
    const struct pair_setup setup = {.nodes = 2, .siblings = true};
    struct pair pair;
    char key[PAIR_KEY_MAX], line[64];

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_key(&pair, 0, 0, key);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "CSET %s abc%u", key, i);
        pair_command(client, line);
    }
    inspect(client, key);
    expect_part(client, ", 2 siblings: 17000000");
    expect_part(client, "@10 of 4 bytes (no deadline), 17000000");
    expect_part(client, "@10 of 4 bytes (no deadline); context up to 17000000");
    snprintf(line, sizeof line, "DEL %s", key);
    pair_command(client, line);
    inspect(client, key);
    expect_part(client, "@10, deleted; context up to 17000000");
    pair_deinit(&pair);
}

Test(node_engine_inspect, who_is_silent_down_or_lost_is_named)
{
    const struct pair_setup setup = {.nodes = 3};
    struct pair pair;
    char key[PAIR_KEY_MAX];

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    pair_key(&pair, 0, 0, key);
    pair_silence(&pair, 0, 1, true);
    inspect(client, key);
    cr_assert_eq(buffer_size(&client->got), 0, "it did not wait");
    pair_pass(&pair, PAIR_TIMEOUT_MS + 1);
    expect_part(client, "*3\r\n");
    expect_part(client, "node 13 127.0.0.1:7002: does not answer\r\n");
    expect_part(client, "node 16 127.0.0.1:7003: votes; absent");
    pair_pass(&pair, PAIR_TIMEOUT_MS); /* its circuit breaker opens */
    inspect(client, key);
    expect_part(client, "node 13 127.0.0.1:7002: cannot be reached\r\n");
    pair_silence(&pair, 0, 2, true);
    inspect(client, key);
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 0, 2);
    expect_part(client, "node 16 127.0.0.1:7003: cannot be reached: its link broke\r\n");
    pair_deinit(&pair);
}

Test(node_engine_inspect, what_a_peer_makes_up_is_printed_and_no_more)
{
    const struct pair_setup setup = {.nodes = 2, .ghosts = 2};
    struct pair pair;
    struct wire_message message;
    char key[PAIR_KEY_MAX];
    size_t frame;

    pair_init(&pair, &setup);
    struct pair_client *client = pair_connect(&pair, 0);
    struct pair_cable *cable = pair_cable(&pair, 0, 1);
    inspect(client, pair_key(&pair, 0, 0, key));
    do
        cr_assert(pair_next(cable, &message));
    while (message.type != WIRE_INSPECT);
    const struct wire_inspected inspected = {
        .id = message.inspect.id,
        .status = ANSWER_VERSION,
        .mark = {UINT64_MAX, UINT16_MAX},
        .floor = UINT64_MAX,
        .settled = UINT64_MAX,
        .size = UINT32_MAX,
        .version = {.dot = {UINT64_MAX, 9},
                    .kind = VALUE_STRING,
                    .deadline_ms = INT64_MIN,
                    .value = SPAN("no set")},
    };
    struct buffer *out = pair_begin(cable, &frame);
    wire_put_inspected(out, &inspected);
    wire_put_inspected(out, &inspected); /* twice: the request is over */
    pair_end(cable, frame);
    expect_part(client, "*2\r\n");
    expect_part(client, "does not vote: its clock is out of line; dot 281474976710655.65535@9, "
                        "string of 4294967295 bytes, deadline -9223372036854775808 ms since 1970 "
                        "(expired 1700000000 s ago); mark 281474976710655.65535@65535; floor "
                        "281474976710655.65535; settled 0 ms ago\r\n");
    pair_deinit(&pair);
}
