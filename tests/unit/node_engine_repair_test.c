/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Engines of one ring: what reads find where versions have vanished, and what they repair.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "causal/hlc.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_repair, .timeout = TIMEOUT_S(10));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client;
static struct pair_cable *one, *two;

/* Three nodes, three copies, a client at the first. */
static void begin(void)
{
    const struct pair_setup setup = {.nodes = 3};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

/* The two others are ghosts. */
static void begin_with_ghosts(void)
{
    const struct pair_setup setup = {.nodes = 3, .ghosts = 6};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    one = pair_cable(&pair, 0, 1);
    two = pair_cable(&pair, 0, 2);
}

static void end(void)
{
    pair_deinit(&pair);
}

static struct wire_message next(struct pair_cable *cable, enum wire_type type)
{
    struct wire_message message;

    /* What the others are owed since set_alone comes as well (the first bit marks a hint's id). */
    do
        cr_assert(pair_next(cable, &message), "nothing was sent");
    while (message.type == WIRE_WRITE && message.write.id >> 63 != 0);
    cr_assert_eq(message.type, type, "%u and not %u was sent", message.type, type);
    return message;
}

static void expect_nothing(struct pair_cable *cable)
{
    struct wire_message message;

    cr_assert(!pair_next(cable, &message));
}

static void acknowledge(struct pair_cable *cable, uint64_t id, enum ack_status status)
{
    const struct wire_ack ack = {.id = id, .status = (uint8_t)status};
    size_t frame;

    wire_put_ack(pair_begin(cable, &frame), &ack);
    pair_end(cable, frame);
}

static void answer_absent(struct pair_cable *cable, uint64_t id, uint64_t settled)
{
    const struct wire_absent absent = {.id = id, .settled = settled};
    size_t frame;

    wire_put_absent(pair_begin(cable, &frame), &absent);
    pair_end(cable, frame);
}

static void answer(struct pair_cable *cable, uint64_t id, enum answer_status status, struct dot dot)
{
    const struct wire_answer message = {
        .id = id,
        .status = (uint8_t)status,
        .version = {
            .dot = dot, .kind = VALUE_STRING, .deadline_ms = DEADLINE_NEVER, .value = SPAN("v")}};
    size_t frame;

    wire_put_answer(pair_begin(cable, &frame), &message);
    pair_end(cable, frame);
}

/* The first replica has k, and nobody else. */
static void set_alone(void)
{
    pair_ask(client, "AT ONE SET k v", OK);
    acknowledge(one, next(one, WIRE_WRITE).write.id, ACK_STALE_CLAIM);
    acknowledge(two, next(two, WIRE_WRITE).write.id, ACK_STALE_CLAIM);
}

/* As the store does when it wants room. */
static void evict(size_t node, const char *key)
{
    struct store *store = pair.nodes[node].store;
    struct partition *partition = store_partition(store, pair_partition_of(&pair, key));

    partition_lock(partition);
    cr_assert(
        partition_vanish(partition, store_hash(store, span_of_string(key)), span_of_string(key)));
    partition_unlock(partition);
}

/* ---- what has vanished ---- */

Test(engine_repair, what_was_evicted_where_it_was_acknowledged_does_not_bring_the_older_one_back)
{
    begin();
    pair_ask(client, "AT ALL SET k v1", OK);
    pair_silence(&pair, 0, 2, true);
    pair_ask(client, "SET k v2", OK);
    evict(0, "k");
    evict(1, "k");
    cr_assert(pair_has(&pair, 2, "k", "v1"));
    for (size_t i = 0; i < 3; i++)
        pair_ask(pair_connect(&pair, i), "GET k", "$-1\r\n");
    pair_ask(client, "APPEND k w", ":1\r\n");
    end();
}

Test(engine_repair, a_late_version_does_not_enter_where_a_newer_one_has_vanished)
{
    begin();
    pair_silence(&pair, 0, 2, true);
    pair_ask(client, "SET k v1", OK);
    pair_ask(pair_connect(&pair, 1), "SET k v2", OK);
    evict(2, "k");
    pair_silence(&pair, 0, 2, false);
    cr_assert(!pair_has(&pair, 2, "k", "v1"));
    end();
}

/* ---- repairs ---- */

Test(engine_repair, a_read_gives_what_only_one_has_to_another_before_it_answers)
{
    begin_with_ghosts();
    set_alone();
    pair_command(client, "GET k");
    answer_absent(one, next(one, WIRE_READ).read.id, 0);
    pair_expect(client, "");
    const struct wire_message repair = next(one, WIRE_WRITE);
    cr_assert(span_equal(repair.write.version.value, SPAN("v")));
    cr_assert(span_equal(repair.write.key, SPAN("k")));
    expect_nothing(two);
    acknowledge(one, repair.write.id, ACK_OK);
    pair_expect(client, "$1\r\nv\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_READ_REPAIRS), 1);
    end();
}

Test(engine_repair, a_repair_that_takes_too_long_goes_to_another_as_well)
{
    struct wire_message message;

    begin_with_ghosts();
    set_alone();
    pair_command(client, "GET k");
    answer_absent(one, next(one, WIRE_READ).read.id, 0);
    next(one, WIRE_WRITE);
    pair_pass(&pair, PAIR_TIMEOUT_MS / 2);
    while (pair_next(two, &message)) /* the hint of the write that it refused is among them */
        if (message.type == WIRE_WRITE)
            acknowledge(two, message.write.id, ACK_OK);
    pair_expect(client, "$1\r\nv\r\n");
    end();
}

Test(engine_repair, a_read_that_cannot_be_repaired_says_so)
{
    begin_with_ghosts();
    set_alone();
    pair_command(client, "GET k");
    answer_absent(one, next(one, WIRE_READ).read.id, 0);
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_expect(client, "-NOQUORUM needed 2 of 3, got 1 in 500 ms\r\n");
    end();
}

Test(engine_repair, what_enough_have_is_repaired_behind_the_answer)
{
    begin_with_ghosts();
    set_alone();
    pair_command(client, "AT ALL GET k");
    answer(one, next(one, WIRE_READ).read.id, ANSWER_SAME, DOT_NONE);
    answer_absent(two, next(two, WIRE_READ).read.id, 0);
    pair_expect(client, "$1\r\nv\r\n");
    const struct wire_message repair = next(two, WIRE_WRITE);
    pair_ask(client, "PING", "+PONG\r\n");
    acknowledge(two, repair.write.id, ACK_OK);
    end();
}

Test(engine_repair, a_repair_that_is_never_answered_ends_with_its_time)
{
    begin_with_ghosts();
    set_alone();
    for (unsigned i = 0; i < 3; i++) {
        pair_command(client, "AT ALL GET k");
        answer(one, next(one, WIRE_READ).read.id, ANSWER_SAME, DOT_NONE);
        answer_absent(two, next(two, WIRE_READ).read.id, 0);
        pair_expect(client, "$1\r\nv\r\n");
        next(two, WIRE_WRITE);
    }
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}

Test(engine_repair, wait_does_not_count_repairs)
{
    begin_with_ghosts();
    set_alone();
    pair_ask(client, "WAIT 0 10", ":0\r\n");
    pair_command(client, "AT ALL GET k");
    answer(one, next(one, WIRE_READ).read.id, ANSWER_SAME, DOT_NONE);
    answer_absent(two, next(two, WIRE_READ).read.id, 0);
    pair_expect(client, "$1\r\nv\r\n");
    pair_ask(client, "WAIT 2 10", ":2\r\n"); /* nothing was written */
    end();
}

/* ---- second looks ---- */

Test(engine_repair, the_holder_is_asked_again_when_another_has_nothing_any_more)
{
    const struct dot dot = {.stamp = hlc_stamp(PAIR_BEGIN_MS), .node = 2};

    begin_with_ghosts();
    pair_command(client, "AT ALL GET k");
    answer(one, next(one, WIRE_READ).read.id, ANSWER_VERSION, dot);
    answer_absent(two, next(two, WIRE_READ).read.id, dot.stamp);
    pair_expect(client, "");
    const struct wire_message again = next(one, WIRE_READ);
    cr_assert(dot_equal(again.read.have, dot));
    answer(one, again.read.id, ANSWER_SAME, DOT_NONE);
    pair_expect(client, "$1\r\nv\r\n");
    cr_assert(pair_has(&pair, 0, "k", "v"), "who lacked it has it now");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_SECOND_LOOKS), 1);
    end();
}

/* ---- answers that come before a reply's turn ---- */

Test(engine_repair, acknowledgements_count_while_a_write_waits_for_its_turn)
{
    begin_with_ghosts();
    pair_pipeline(client, (const char *const[]){"GET a", "AT ONE SET b 1", NULL});
    const struct wire_message read = next(one, WIRE_READ);
    acknowledge(one, next(one, WIRE_WRITE).write.id, ACK_OK);
    acknowledge(two, next(two, WIRE_WRITE).write.id, ACK_OK);
    answer_absent(one, read.read.id, 0);
    pair_expect(client, "$-1\r\n+OK\r\n");
    pair_ask(client, "WAIT 2 100", ":2\r\n");
    end();
}
