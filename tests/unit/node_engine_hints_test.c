/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is owed: hints, and what settles.
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

/* ---- what is sent, as a ghost sees it ---- */

#define GHOST 2

static struct pair_cable *ghost;

static void begin_with_ghost(const char *const *options)
{
    begin_with(&(const struct pair_setup){.nodes = 3, .ghosts = 1u << GHOST, .options = options});
    ghost = pair_cable(&pair, 0, GHOST);
}

static void acknowledge(uint64_t id, enum ack_status status)
{
    const struct wire_ack ack = {.id = id, .status = (uint8_t)status};
    size_t frame;

    wire_put_ack(pair_begin(ghost, &frame), &ack);
    pair_end(ghost, frame);
}

/* The next message that is no PING; false when there is none. PINGs are answered. */
static bool next(struct wire_message *message)
{
    size_t frame;

    while (pair_next(ghost, message)) {
        if (message->type != WIRE_PING)
            return true;
        wire_put_pong(pair_begin(ghost, &frame), &(const struct wire_pong){.id = 0});
        pair_end(ghost, frame);
    }
    return false;
}

/* The next is a WRITE of the key. */
static uint64_t next_write(const char *key)
{
    struct wire_message message;

    cr_assert(next(&message), "nothing was sent");
    cr_assert_eq(message.type, WIRE_WRITE, "%u was sent", message.type);
    cr_assert(span_equal(message.write.key, span_of_string(key)), "'%.*s' and not '%s' was sent",
              (int)message.write.key.size, (const char *)message.write.key.data, key);
    return message.write.id;
}

static void expect_nothing(void)
{
    struct wire_message message;

    cr_assert_not(next(&message), "%u was sent", message.type);
}

Test(engine_hints, the_oldest_go_first_and_are_acknowledged_one_by_one)
{
    char line[64], deleted[PAIR_KEY_MAX];

    begin_with_ghost(NULL);
    take_away(GHOST);
    pair_ask(client, "SET a 1", OK);
    pair_ask(client, "SET b 2 PXAT 1900000000000", OK);
    pair_key(&pair, 0, 0, deleted); /* which this node coordinates */
    snprintf(line, sizeof line, "DEL %s", deleted);
    pair_ask(client, line, ":0\r\n");
    bring_back(GHOST);
    const uint64_t a = next_write("a");
    struct wire_message b;
    cr_assert(next(&b));
    cr_assert(span_equal(b.write.version.value, span_of_string("2")));
    cr_assert_eq(b.write.version.deadline_ms, 1900000000000);
    cr_assert_eq(b.write.version.dot.stamp, stamp_of(0, "b"));
    cr_assert_eq(b.write.version.dot.node, pair.nodes[0].number);
    const uint64_t b_id = b.write.id;
    const uint64_t c = next_write(deleted);
    expect_nothing();
    acknowledge(b_id, ACK_OK);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 2);
    cr_assert_eq(bound(0), stamp_of(0, "a") - 1);
    acknowledge(b_id, ACK_OK); /* that counts once */
    acknowledge(a, ACK_NEWER);
    cr_assert_eq(bound(0), stamp_of(0, deleted) - 1);
    acknowledge(c, ACK_FULL);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 0);
    cr_assert_geq(bound(0), stamp_of(0, deleted));
    pair_deinit(&pair);
}

Test(engine_hints, one_that_is_refused_is_sent_again_and_keeps_no_other_back)
{
    begin_with_ghost(NULL);
    take_away(GHOST);
    pair_ask(client, "SET a 1", OK);
    bring_back(GHOST);
    acknowledge(next_write("a"), ACK_FORGETFUL);
    pair_pass(&pair, 99);
    expect_nothing();
    pair_pass(&pair, 51);
    acknowledge(next_write("a"), ACK_STALE_CLAIM);
    pair_ask(client, "SET b 1", OK);
    acknowledge(next_write("b"), ACK_FORGETFUL); /* the write itself */
    pair_pass(&pair, 50);
    acknowledge(next_write("b"), ACK_OK);
    pair_pass(&pair, 200);
    acknowledge(next_write("a"), ACK_OK);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 0);
    pair_deinit(&pair);
}

Test(engine_hints, what_was_on_its_way_when_the_link_broke_is_sent_again)
{
    begin_with_ghost(NULL);
    take_away(GHOST);
    pair_ask(client, "SET a 1", OK);
    bring_back(GHOST);
    const uint64_t before = next_write("a");
    take_away(GHOST);
    bring_back(GHOST);
    acknowledge(before, ACK_OK); /* an id is of one sending */
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 1);
    acknowledge(next_write("a"), ACK_OK);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 0);
    pair_deinit(&pair);
}

/* The newer one may be lost with its coordinator: until the replica has answered for either, what
 * the older one covers is not settled. */
Test(engine_hints, one_that_was_overwritten_meanwhile_is_owed_all_the_same)
{
    begin_with_ghost(NULL);
    take_away(GHOST);
    pair_ask(client, "SET a 1", OK);
    const uint64_t first = stamp_of(0, "a");
    pair_ask(client, "SET a 2", OK);
    bring_back(GHOST);
    const uint64_t older = next_write("a");
    acknowledge(next_write("a"), ACK_FORGETFUL);
    cr_assert_eq(bound(0), first - 1);
    acknowledge(older, ACK_OK);
    cr_assert_eq(bound(0), stamp_of(0, "a") - 1);
    pair_deinit(&pair);
}

Test(engine_hints, a_write_lingers_until_all_have_answered)
{
    begin_with_ghost(NULL);
    pair_ask(client, "SET a 1", OK);
    const uint64_t id = next_write("a");
    pair_pass(&pair, 100);
    cr_assert_eq(bound(0), stamp_of(0, "a") - 1);
    acknowledge(id, ACK_OK);
    cr_assert_geq(bound(0), stamp_of(0, "a"));
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_KEPT), 0);
    pair_deinit(&pair);
}

Test(engine_hints, a_write_whose_client_has_left_and_one_that_failed_are_owed_all_the_same)
{
    begin_with_ghost(NULL);
    pair_command(client, "AT ALL SET a 1");
    pair_disconnect(client);
    client = pair_connect(&pair, 0);
    pair_command(client, "AT ALL SET b 1");
    next_write("a");
    next_write("b");
    pair_pass(&pair, PAIR_TIMEOUT_MS + 50);
    pair_expect_begin(client, "-NOQUORUM ");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 2);
    cr_assert_eq(bound(0), stamp_of(0, "a") - 1);
    pair_deinit(&pair);
}

/* ---- bounds ---- */

static void set_large(const char *key, size_t size)
{
    struct buffer command = {0};

    buffer_append_format(&command, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(key), key,
                         size);
    memset(buffer_reserve(&command, size), 'x', size);
    buffer_commit(&command, size);
    buffer_append_string(&command, "\r\n");
    pair_send(client, buffer_content(&command).data, buffer_size(&command));
    pair_expect(client, OK);
    buffer_deinit(&command);
}

/* It was told that it forgot; it may have recovered since. */
static bool recovers(size_t node, const char *key)
{
    return store_partition(pair.nodes[node].store, pair_partition_of(&pair, key))->recovery > 0;
}

Test(engine_hints, past_the_bound_the_oldest_are_dropped_and_the_replica_forgets)
{
    char first[PAIR_KEY_MAX], second[PAIR_KEY_MAX], third[PAIR_KEY_MAX];

    begin_with(&(const struct pair_setup){
        .nodes = 3, .options = (const char *const[]){"--hint-bytes", "1mb", NULL}});
    pair_key(&pair, 0, 0, first);
    pair_key(&pair, 1, 0, second);
    pair_key(&pair, 2, 0, third);
    take_away(2);
    set_large(first, 400000);
    const uint64_t dropped = stamp_of(0, first);
    set_large(second, 400000);
    set_large(third, 400000);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 2);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DROPPED), 1);
    cr_assert_leq(pair_metric(&pair, 0, METRIC_HINT_BYTES), 1 << 20);
    pair_pass(&pair, 1000);
    cr_assert_eq(bound(0), dropped - 1);
    bring_back(2);
    pair_pass(&pair, 1000);
    cr_assert(recovers(2, first));
    cr_assert_not(recovers(2, second));
    cr_assert_not(recovers(2, third));
    cr_assert_eq(store_partition(pair.nodes[2].store, pair_partition_of(&pair, first))->forgotten,
                 0);
    cr_assert_gt(bound(0), stamp_of(0, third));
    struct buffer *log = &pair.nodes[0].logged;
    buffer_append(log, "", 1);
    cr_assert_not_null(strstr((const char *)buffer_content(log).data, "dropped (hint-bytes)"));
    pair_deinit(&pair);
}

Test(engine_hints, what_is_too_old_is_dropped)
{
    begin_with(&(const struct pair_setup){
        .nodes = 3, .options = (const char *const[]){"--hint-window", "2", NULL}});
    take_away(2);
    pair_ask(client, "SET a 1", OK);
    pair_pass(&pair, 1900);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 1);
    pair_pass(&pair, 200);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 0);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINT_BYTES), 0);
    bring_back(2);
    cr_assert(recovers(2, "a"));
    pair_deinit(&pair);
}

Test(engine_hints, a_dropped_one_is_owed_until_the_replica_has_heard_that_it_forgot)
{
    struct wire_message message;

    begin_with_ghost((const char *const[]){"--hint-window", "1", NULL});
    take_away(GHOST);
    pair_ask(client, "SET a 1", OK);
    pair_pass(&pair, 1100);
    bring_back(GHOST);
    cr_assert(next(&message));
    cr_assert_eq(message.type, WIRE_FORGOT);
    const uint32_t partition = pair_partition_of(&pair, "a");
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++)
        cr_assert_eq(message.forgot.partitions.data[p / 8] >> p % 8 & 1, p == partition);
    cr_assert_eq(bound(0), stamp_of(0, "a") - 1);
    acknowledge(message.forgot.id, ACK_STALE_CLAIM);
    for (unsigned i = 0; i < 9; i++) {
        cr_assert_not(next(&message));
        pair_pass(&pair, 100);
    }
    pair_pass(&pair, 200);
    cr_assert(next(&message));
    cr_assert_eq(message.type, WIRE_FORGOT);
    cr_assert_eq(bound(0), stamp_of(0, "a") - 1);
    acknowledge(message.forgot.id, ACK_OK);
    cr_assert_geq(bound(0), stamp_of(0, "a"));
    pair_deinit(&pair);
}

Test(engine_hints, replay_keeps_to_its_rate)
{
    char key[PAIR_KEY_MAX];

    begin_with(&(const struct pair_setup){
        .nodes = 3, .options = (const char *const[]){"--hint-rate", "64kb", NULL}});
    take_away(2);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(key, sizeof key, "k%u", i);
        set_large(key, 32000);
    }
    pair.nodes[2].unreachable = false;
    pair_pass(&pair, 1000);
    const uint64_t first = pair_metric(&pair, 0, METRIC_HINTS_DELIVERED);
    cr_assert(first >= 1 && first <= 3, "%zu", (size_t)first);
    pair_pass(&pair, 4000);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DELIVERED), 8);
    pair_deinit(&pair);
}

/* ---- FLUSHALL ---- */

Test(engine_hints, a_flush_reaches_a_node_that_was_down)
{
    begin();
    pair_ask(client, "SET a 1", OK);
    cr_assert(pair_has(&pair, 2, "a", "1"));
    take_away(2);
    pair_ask(client, "FLUSHALL", OK);
    const uint64_t before = bound(0);
    pair_pass(&pair, 1000);
    cr_assert_eq(bound(0), before);
    cr_assert(pair_has(&pair, 2, "a", "1"));
    bring_back(2);
    cr_assert_not(pair_has(&pair, 2, "a", "1"));
    cr_assert_not(recovers(2, "a"));
    cr_assert_gt(bound(0), before);
    pair_deinit(&pair);
}

static bool flushed(size_t node, const char *key)
{
    return dot_exists(
        store_partition(pair.nodes[node].store, pair_partition_of(&pair, key))->flushed);
}

static void ask_about(struct pair_client *asker, const char *verb, const char *key,
                      const char *rest, const char *reply)
{
    char line[64];

    snprintf(line, sizeof line, "%s %s %s", verb, key, rest);
    pair_ask(asker, line, reply);
}

Test(engine_hints, a_node_that_missed_a_flush_keeps_what_is_newer_and_forgets_nothing)
{
    char key[PAIR_KEY_MAX];

    begin();
    for (unsigned i = 0; i < 40; i++)
        ask_about(client, "SET", pair_key(&pair, i % 3, i, key), "old", OK);
    take_away(2);
    pair_ask(client, "FLUSHALL", OK);
    pair_pass(&pair, 10);
    struct pair_client *other = pair_connect(&pair, 1);
    for (unsigned i = 0; i < 40; i += 2)
        ask_about(other, "SET", pair_key(&pair, i % 3, i, key), "new", OK);
    cr_assert(pair_has(&pair, 2, pair_key(&pair, 0, 0, key), "new"));
    cr_assert(pair_has(&pair, 2, pair_key(&pair, 1, 1, key), "old"));
    bring_back(2);
    pair_pass(&pair, 1000);
    for (unsigned i = 0; i < 40; i++) {
        pair_key(&pair, i % 3, i, key);
        cr_assert_not(recovers(2, key));
        cr_assert_not(pair_has(&pair, 2, key, "old"));
        cr_assert_eq(pair_has(&pair, 2, key, "new"), i % 2 == 0);
        ask_about(client, "GET", key, "", i % 2 == 0 ? "$3\r\nnew\r\n" : "$-1\r\n");
    }
    cr_assert_gt(bound(0), stamp_of(1, pair_key(&pair, 0, 0, key)));
    pair_deinit(&pair);
}

Test(engine_hints, a_flush_is_known_also_where_one_who_is_no_replica_owes_it)
{
    char key[PAIR_KEY_MAX];

    begin_with(&(const struct pair_setup){.nodes = 4, .replicas = 3});
    pair_key(&pair, 1, 0, key); /* of nodes 1, 2 and 3 */
    ask_about(client, "SET", key, "old", OK);
    pair_pass(&pair, 100);
    take_away(3);
    pair_ask(client, "FLUSHALL", OK);
    const uint64_t before = settled(1, key);
    pair_pass(&pair, 1000);
    cr_assert_gt(settled(1, key), before);
    cr_assert(flushed(1, key) && flushed(2, key) && !flushed(3, key));
    cr_assert(pair_has(&pair, 3, key, "old"));
    for (size_t node = 1; node < 4; node++)
        ask_about(pair_connect(&pair, node), "GET", key, "", "$-1\r\n");
    bring_back(3);
    pair_pass(&pair, 1000);
    cr_assert_not(pair_has(&pair, 3, key, "old"));
    cr_assert(flushed(3, key));
    pair_deinit(&pair);
}

Test(engine_hints, a_flush_that_another_took_the_place_of_is_owed_until_that_is_answered)
{
    begin();
    take_away(2);
    pair_ask(client, "FLUSHALL", OK);
    const uint64_t before = bound(0);
    pair_pass(&pair, 100);
    pair_ask(client, "FLUSHALL", OK);
    pair_pass(&pair, 1000);
    cr_assert_eq(bound(0), before);
    bring_back(2);
    cr_assert_gt(bound(0), before);
    pair_deinit(&pair);
}

Test(engine_hints, a_flush_that_a_node_cannot_take_yet_is_sent_again)
{
    struct wire_message message;

    begin_with_ghost(NULL);
    pair_ask(client, "FLUSHALL", OK);
    const uint64_t before = bound(0);
    cr_assert(next(&message));
    acknowledge(message.flush.id, ACK_NEWER); /* it is done: no other stamp */
    pair_pass(&pair, 100);
    cr_assert(next(&message));
    cr_assert_eq(message.type, WIRE_FLUSH);
    acknowledge(message.flush.id, ACK_FORGETFUL);
    expect_nothing();
    while (!next(&message)) /* PINGs are answered */
        pair_pass(&pair, 100);
    cr_assert_eq(message.type, WIRE_FLUSH);
    cr_assert_eq(bound(0), before);
    acknowledge(message.flush.id, ACK_OK);
    cr_assert_gt(bound(0), before);
    pair_deinit(&pair);
}

Test(engine_hints, a_flush_that_a_node_answers_late_leaves_nothing_owed)
{
    struct wire_message message;

    begin_with_ghost(NULL);
    pair_ask(client, "FLUSHALL", OK);
    const uint64_t before = bound(0);
    cr_assert(next(&message));
    cr_assert_eq(message.type, WIRE_FLUSH);
    pair_pass(&pair, 100);
    cr_assert_eq(bound(0), before);
    acknowledge(message.flush.id, ACK_OK);
    cr_assert_gt(bound(0), before);
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    expect_nothing();
    pair_deinit(&pair);
}

/* ---- what a node forgot ---- */

Test(engine_hints, commands_of_a_partition_that_a_node_forgot_go_to_another)
{
    char key[PAIR_KEY_MAX], line[64];

    begin();
    pair_key(&pair, 0, 0, key);
    store_partition(pair.nodes[0].store, pair_partition_of(&pair, key))->recovering = true;
    snprintf(line, sizeof line, "SET %s 1", key);
    pair_ask(client, line, OK);
    snprintf(line, sizeof line, "INCR %s", key);
    pair_ask(pair_connect(&pair, 1), line, ":2\r\n"); /* of which node 0 is the first replica */
    snprintf(line, sizeof line, "GET %s", key);
    pair_ask(client, line, "$1\r\n2\r\n");
    cr_assert(pair_has(&pair, 0, key, "2"));
    pair_deinit(&pair);
}

/* ---- stand-ins: of a key whose replicas are 0, 1 and 2, node 3 is the first, 4 the next ---- */

static void begin_with_stand_ins(size_t nodes, const char *const *options)
{
    begin_with(&(const struct pair_setup){.nodes = nodes, .replicas = 3, .options = options});
}

static void cut_off(size_t node)
{
    pair.nodes[node].unreachable = true;
    for (size_t other = 0; other < pair.count; other++)
        if (other != node && pair_cable(&pair, other, node)->open)
            pair_break(&pair, other, node);
}

Test(engine_hints, a_stand_in_holds_what_there_is_no_room_for)
{
    char keys[3][PAIR_KEY_MAX];

    begin_with_stand_ins(4, (const char *const[]){"--hint-bytes", "1mb", NULL});
    cut_off(2);
    for (unsigned i = 0; i < 3; i++)
        set_large(pair_key(&pair, 0, i, keys[i]), 400000);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 2);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DROPPED), 0);
    cr_assert_eq(pair_metric(&pair, 3, METRIC_HINTS), 1);
    cr_assert_eq(bound(0), stamp_of(0, keys[0]) - 1);
    bring_back(2);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(stamp_of(2, keys[i]), stamp_of(0, keys[i]));
        cr_assert_not(recovers(2, keys[i]));
    }
    cr_assert_eq(pair_metric(&pair, 3, METRIC_HINTS), 0);
    cr_assert_gt(bound(0), stamp_of(0, keys[2]));
    pair_deinit(&pair);
}

Test(engine_hints, what_a_stand_in_drops_or_is_lost_with_counts_as_dropped)
{
    char keys[4][PAIR_KEY_MAX];

    begin_with_stand_ins(4, (const char *const[]){"--hint-bytes", "1mb", NULL});
    cut_off(2);
    for (unsigned i = 0; i < 3; i++)
        set_large(pair_key(&pair, 0, i, keys[i]), 400000);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DROPPED), 0);
    pair_break(&pair, 0, 3);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DROPPED), 1);
    pair_pass(&pair, 1100);
    for (unsigned i = 3; i < 5; i++)
        set_large(pair_key(&pair, 0, i, keys[3]), 400000);
    cr_assert_eq(pair_metric(&pair, 3, METRIC_HINTS), 2); /* and no room for a third */
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DROPPED), 2);
    cr_assert_eq(bound(0), stamp_of(0, keys[0]) - 1);
    bring_back(2);
    pair_pass(&pair, 100);
    cr_assert(recovers(2, keys[0]));
    cr_assert_gt(bound(0), stamp_of(0, keys[3]));
    pair_deinit(&pair);
}

Test(engine_hints, a_stand_in_counts_towards_w_where_the_operator_wants_that)
{
    char key[PAIR_KEY_MAX], line[64];

    for (int sloppy = 0; sloppy < 2; sloppy++) {
        begin_with_stand_ins(5,
                             (const char *const[]){"--sloppy-quorum", sloppy ? "yes" : "no", NULL});
        snprintf(line, sizeof line, "SET %s 1", pair_key(&pair, 0, 0, key));
        cut_off(1);
        cut_off(2);
        pair_command(client, line);
        if (sloppy)
            pair_expect(client, OK);
        else
            pair_expect_begin(client, "-NOQUORUM ");
        cr_assert_eq(pair_metric(&pair, 3, METRIC_HINTS), sloppy ? 1u : 0u);
        cr_assert_eq(pair_metric(&pair, 4, METRIC_HINTS), sloppy ? 1u : 0u);
        pair_pass(&pair, PAIR_TIMEOUT_MS);
        cr_assert_eq(bound(0), stamp_of(0, key) - 1);
        pair.nodes[1].unreachable = false;
        bring_back(2);
        cr_assert(pair_has(&pair, 1, key, "1") && pair_has(&pair, 2, key, "1"));
        cr_assert_gt(bound(0), stamp_of(0, key));
        pair_deinit(&pair);
    }
}

Test(engine_hints, a_stand_in_that_refuses_does_not_count)
{
    char key[PAIR_KEY_MAX], line[64];
    struct wire_message message;

    begin_with(&(const struct pair_setup){
        .nodes = 4,
        .replicas = 3,
        .ghosts = 1u << 3,
        .options = (const char *const[]){"--sloppy-quorum", "yes", NULL}});
    ghost = pair_cable(&pair, 0, 3);
    snprintf(line, sizeof line, "SET %s 1", pair_key(&pair, 0, 0, key));
    cut_off(1);
    cut_off(2);
    pair_command(client, line);
    cr_assert(next(&message));
    cr_assert_eq(message.type, WIRE_HOLD);
    cr_assert_eq(message.hold.target, pair.nodes[1].number);
    acknowledge(message.hold.id, ACK_FULL);
    pair_expect_begin(client, "-NOQUORUM ");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 2);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DROPPED), 0);
    pair_deinit(&pair);
}

/* The next WRITE that node 0 sends to the ghost, which takes it. */
static bool takes_from_stand_in(size_t node, const char *key)
{
    struct wire_message message;

    ghost = pair_cable(&pair, 0, node);
    if (!next(&message))
        return false;
    cr_assert_eq(message.type, WIRE_WRITE);
    cr_assert(span_equal(message.write.key, span_of_string(key)));
    acknowledge(message.write.id, ACK_OK);
    return true;
}

Test(engine_hints, a_stand_in_offers_all_what_the_one_that_handed_it_over_may_have_forgotten)
{
    char key[PAIR_KEY_MAX];
    size_t frame;

    for (int gone = 0; gone < 2; gone++) {
        begin_with(&(const struct pair_setup){.nodes = 4, .replicas = 3, .ghosts = 14});
        pair_key(&pair, 1, 0, key);
        const uint32_t partition = pair_partition_of(&pair, key);
        const struct wire_hold hold = {
            .id = UINT64_C(1) << 63 | 5,
            .claim_version = ring_claim(pair.ring, partition)->version,
            .partition = (uint16_t)partition,
            .target = pair.nodes[2].number,
            .key = span_of_string(key),
            .version = {.dot = {.stamp = hlc_stamp(pair_now(&pair.nodes[0]).wall_ms), .node = 2},
                        .kind = VALUE_STRING,
                        .deadline_ms = DEADLINE_NEVER,
                        .value = span_of_string("1")}};
        pair_stranger(&pair, 0);
        pair_stranger_greets(&pair, 1, WIRE_ROLE_WORKER);
        wire_put_hold(pair_begin(&pair.stranger, &frame), &hold);
        pair_end(&pair.stranger, frame);
        if (gone)
            pair_cable_drop(&pair.stranger);
        pair_pass(&pair, 100);
        cr_assert(takes_from_stand_in(2, key));
        pair_pass(&pair, 100);
        cr_assert_eq(takes_from_stand_in(1, key), gone);
        cr_assert_eq(takes_from_stand_in(3, key), gone);
        pair_pass(&pair, 100);
        for (size_t node = 1; node <= 3; node++)
            cr_assert_not(takes_from_stand_in(node, key));
        cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS), 0);
        pair_deinit(&pair);
    }
}
