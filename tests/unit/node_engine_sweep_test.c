/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FLUSHALL and DBSIZE, which ask every node.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_sweep, .timeout = TIMEOUT_S(10));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client;

static void begin(uint32_t replicas)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = replicas};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
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

Test(engine_sweep, dbsize_counts_each_key_once)
{
    for (uint32_t replicas = 1; replicas <= 3; replicas++) {
        begin(replicas);
        pair_ask(client, "DBSIZE", ":0\r\n");
        fill(50);
        pair_ask(client, "DBSIZE", ":50\r\n");
        pair_ask(pair_connect(&pair, 2), "DBSIZE", ":50\r\n");
        end();
    }
}

Test(engine_sweep, dbsize_leaves_out_a_node_that_is_gone_while_others_have_its_keys)
{
    begin(2);
    fill(50);
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 0, 2);
    pair_ask(client, "DBSIZE", ":50\r\n");
    end();
}

Test(engine_sweep, dbsize_says_so_when_keys_cannot_be_counted)
{
    begin(1);
    fill(50);
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 0, 2);
    pair_command(client, "DBSIZE");
    pair_expect_begin(client, "-NOQUORUM ");
    end();
}

Test(engine_sweep, dbsize_of_a_silent_node_ends_with_the_time)
{
    begin(1);
    pair_silence(&pair, 0, 1, true);
    pair_command(client, "DBSIZE");
    pair_pass(&pair, PAIR_TIMEOUT_MS - 1);
    pair_expect(client, "");
    pair_pass(&pair, 1);
    pair_expect(client, "-NOQUORUM too few nodes answered in 500 ms\r\n");
    end();
}

Test(engine_sweep, flushall_empties_all_nodes)
{
    for (uint32_t replicas = 1; replicas <= 3; replicas++) {
        begin(replicas);
        fill(50);
        pair_ask(client, "FLUSHALL", OK);
        pair_ask(client, "DBSIZE", ":0\r\n");
        pair_ask(client, "GET k1", "$-1\r\n");
        fill(5);
        pair_ask(client, "DBSIZE", ":5\r\n");
        pair_ask(pair_connect(&pair, 1), "FLUSHDB", OK);
        pair_ask(client, "DBSIZE", ":0\r\n");
        end();
    }
}

Test(engine_sweep, flushall_keeps_its_place_in_a_pipeline)
{
    begin(2);
    pair_pipeline(client, (const char *const[]){"SET a 1", "FLUSHALL", "GET a", "SET a 2", "INCR b",
                                                "DBSIZE", "FLUSHALL", "MGET a b", NULL});
    pair_expect(client, "+OK\r\n+OK\r\n$-1\r\n+OK\r\n:1\r\n:2\r\n+OK\r\n*2\r\n$-1\r\n$-1\r\n");
    end();
}

Test(engine_sweep, flushall_is_done_at_w)
{
    begin(3);
    fill(20);
    pair_silence(&pair, 0, 2, true);
    pair_ask(client, "FLUSHALL", OK);
    pair_ask(client, "GET k1", "$-1\r\n");
    pair_command(client, "AT ALL FLUSHALL");
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_expect(client, "-NOQUORUM too few nodes answered in 500 ms; the flush may still take "
                        "effect\r\n");
    pair_silence(&pair, 0, 1, true);
    pair_command(client, "FLUSHALL");
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_expect_begin(client, "-NOQUORUM too few nodes answered in ");
    pair_ask(client, "AT ONE FLUSHALL", OK);
    end();
}

/* A level is of each partition's copies, not of the nodes. */
/* Sets of siblings do not know the flush's dot: those of a replica that missed it would come back.
 */
Test(engine_sweep, flushall_needs_every_replica_where_siblings_are_kept)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 3, .siblings = true};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_ask(client, "CSET a 1", OK);
    pair_ask(client, "FLUSHALL", OK);
    pair_ask(client, "GET a", "$-1\r\n");
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 0, 2);
    pair_command(client, "FLUSHALL");
    pair_expect_begin(client, "-NOQUORUM ");
    end();
}

Test(engine_sweep, flushall_needs_w_of_every_partition)
{
    begin(1);
    fill(20);
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 0, 2);
    pair_command(client, "AT ONE FLUSHALL");
    pair_expect_begin(client, "-NOQUORUM ");
    end();
}

Test(engine_sweep, flushall_is_stamped_above_what_others_know)
{
    struct pair_client *ahead;
    struct partition *partition;

    begin(3);
    pair.nodes[1].skew_ms = 400;
    ahead = pair_connect(&pair, 1);
    for (size_t i = 0; i < 3; i++)
        pair_cable(&pair, 1, i)->silent = true;
    pair_ask(ahead, "AT ONE SET k v", OK); /* only there, and stamped ahead */
    pair_ask(client, "AT ALL FLUSHALL", OK);
    cr_assert(!pair_has(&pair, 1, "k", "v"));
    partition = store_partition(pair.nodes[2].store, pair_partition_of(&pair, "k"));
    cr_assert_gt(partition->flushed.stamp, hlc_stamp(PAIR_BEGIN_MS + 400));
    end();
}

/* Since a clock was ahead all stamps are, and what others give meanwhile is just above those; but
 * not as far as the clock is led, or FLUSHALLs would drive each other to the ceiling. */
Test(engine_sweep, flushall_leads_stamps_that_are_ahead_of_the_clock)
{
    const struct partition *partition;

    begin(3);
    partition = store_partition(pair.nodes[2].store, 3);
    pair.nodes[0].engine->replica.hlc.last = hlc_stamp(PAIR_BEGIN_MS + 1000) + 7;
    pair_ask(client, "FLUSHALL", OK);
    cr_assert_gt(partition->flushed.stamp, hlc_stamp(PAIR_BEGIN_MS + 1001) + 7);
    pair_ask(client, "FLUSHALL", OK);
    cr_assert_gt(partition->flushed.stamp, hlc_stamp(PAIR_BEGIN_MS + 1002) + 7);
    cr_assert_lt(partition->flushed.stamp, hlc_stamp(PAIR_BEGIN_MS + 1003));
    end();
}

Test(engine_sweep, flushall_leads_no_further_than_the_ceiling)
{
    const uint64_t known = hlc_stamp(PAIR_BEGIN_MS + 1000);
    const struct partition *partition;

    begin(3);
    partition = store_partition(pair.nodes[2].store, 3);
    pair.nodes[0].engine->replica.hlc.last = known;
    atomic_store(&pair.nodes[0].bounds.ceiling, known + 100);
    pair_ask(client, "FLUSHALL", OK);
    cr_assert_gt(partition->flushed.stamp, known);
    cr_assert_leq(partition->flushed.stamp, known + 100);
    end();
}

/* One that forgot may have acknowledged, and lost, what is newer than the flush (rules 19, 20). */
Test(engine_sweep, flushall_is_stamped_above_what_a_node_may_have_forgotten)
{
    const uint64_t ceiling = hlc_stamp(PAIR_BEGIN_MS + 3000);
    struct partition *partition;

    begin(3);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        partition = store_partition(pair.nodes[1].store, p);
        partition->recovering = true;
        partition->forgotten = ceiling;
    }
    pair_ask(client, "AT ALL FLUSHALL", OK);
    partition = store_partition(pair.nodes[1].store, 3);
    cr_assert_gt(partition->flushed.stamp, ceiling);
    cr_assert(dot_equal(partition->flushed, store_partition(pair.nodes[0].store, 3)->flushed));
    end();
}

/* Somebody writes above it each time before it comes to the ghost. */
static void overtake(struct pair_cable *ghost, bool late)
{
    struct wire_message message;
    size_t frame;

    do
        cr_assert(pair_next(ghost, &message));
    while (message.type != WIRE_FLUSH);
    cr_assert_eq(message.flush.late, late);
    const struct wire_ack ack = {.id = message.flush.id,
                                 .status = late ? ACK_OK : ACK_NEWER,
                                 .known = {message.flush.dot.stamp + 1, UINT16_MAX}};
    wire_put_ack(pair_begin(ghost, &frame), &ack);
    pair_end(ghost, frame);
}

Test(engine_sweep, flushall_leaves_what_is_newer_when_all_have_told_what_they_know)
{
    const struct pair_setup setup = {.nodes = 3, .ghosts = 1u << 2};
    struct pair_cable *ghost;

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    ghost = pair_cable(&pair, 0, 2);
    pair_command(client, "AT ALL FLUSHALL");
    for (unsigned i = 0; i < 5; i++)
        overtake(ghost, false);
    overtake(ghost, true);
    pair_expect(client, OK);
    end();
}

/* Our clock does not follow one that is far ahead, or nothing more could be written here. */
Test(engine_sweep, flushall_does_not_follow_a_clock_that_is_far_ahead)
{
    struct pair_client *ahead;

    begin(3);
    pair.nodes[1].skew_ms = 3600000;
    atomic_store(&pair.nodes[1].bounds.ceiling, hlc_stamp(PAIR_BEGIN_MS + 3700000));
    ahead = pair_connect(&pair, 1);
    pair_command(ahead, "AT ONE SET k v");
    pair_expect(ahead, OK);
    pair_ask(client, "FLUSHALL", OK);
    pair_ask(client, "SET l v", OK);
    end();
}

/* It would reach everybody later, and kill what was written meanwhile. */
Test(engine_sweep, flushall_that_is_stamped_too_far_ahead_fails_before_it_begins)
{
    begin(3);
    fill(1);
    atomic_store(&pair.nodes[0].bounds.ceiling, hlc_stamp(PAIR_BEGIN_MS + 3700000));
    pair.nodes[0].bounds.ceiling_at_start = hlc_stamp(PAIR_BEGIN_MS + 3600000);
    pair_command(client, "FLUSHALL");
    pair_expect_begin(client, "-MISCONF ");
    pair_pass(&pair, 2000);
    for (size_t node = 0; node < 3; node++) {
        cr_assert(pair_has(&pair, node, "k0", "v"));
        cr_assert_not(dot_exists(store_partition(pair.nodes[node].store, 3)->flushed));
    }
    end();
}

Test(engine_sweep, a_version_from_before_the_flush_stays_dead)
{
    struct pair_client *other;

    begin(3);
    other = pair_connect(&pair, 1);
    pair_silence(&pair, 1, 0, true);
    pair_silence(&pair, 1, 2, true);
    pair_ask(other, "AT ONE SET k v", OK);
    pair_ask(client, "FLUSHALL", OK);
    pair_silence(&pair, 1, 0, false); /* the write arrives only now */
    pair_silence(&pair, 1, 2, false);
    pair_ask(client, "AT ALL GET k", "$-1\r\n");
    pair_ask(client, "SET k w", OK);
    pair_ask(client, "AT ALL GET k", "$1\r\nw\r\n");
    end();
}

Test(engine_sweep, a_flush_of_another_ring_is_refused)
{
    uint8_t all[PAIR_PARTITIONS / 8];
    struct wire_flush flush = {.id = 1,
                               .ring_version = ring_version(2, 0),
                               .dot = {hlc_stamp(PAIR_BEGIN_MS + 1), 13},
                               .partitions = span_of(all, sizeof all)};
    struct pair_cable *cable;
    struct wire_message message;
    size_t frame;

    begin(3);
    memset(all, 0xff, sizeof all);
    fill(3);
    cable = pair_stranger(&pair, 0);
    pair_stranger_greets(&pair, 1, WIRE_ROLE_WORKER);
    wire_put_flush(pair_begin(cable, &frame), &flush);
    pair_end(cable, frame);
    cr_assert(pair_next(cable, &message) && message.type == WIRE_ACK);
    cr_assert_eq(message.ack.status, ACK_STALE_CLAIM);
    flush.ring_version = ring_version(1, 0);
    flush.partitions.size = 1; /* a bitmap that is too short names fewer */
    wire_put_flush(pair_begin(cable, &frame), &flush);
    pair_end(cable, frame);
    cr_assert(pair_next(cable, &message) && message.type == WIRE_ACK);
    cr_assert_eq(message.ack.status, ACK_OK);
    cr_assert(dot_exists(store_partition(pair.nodes[0].store, 7)->flushed));
    cr_assert(!dot_exists(store_partition(pair.nodes[0].store, 8)->flushed));
    end();
}

Test(engine_sweep, a_peer_that_closes_in_the_middle_is_done_without)
{
    begin(3);
    fill(10);
    pair_silence(&pair, 0, 1, true);
    pair_command(client, "AT ALL FLUSHALL");
    pair_expect(client, "");
    pair_break(&pair, 0, 1);
    pair_expect(client, "-NOQUORUM too few nodes answered in 0 ms; the flush may still take "
                        "effect\r\n");
    end();
}

/* Of four nodes the first keeps no copy, and owes the flush to the last, which missed it. What the
 * replicas owe each other says nothing of that. */
Test(engine_sweep, what_was_flushed_does_not_come_back_from_who_missed_it)
{
    const struct pair_setup setup = {.nodes = 4, .replicas = 3};
    char key[PAIR_KEY_MAX], line[64];

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    struct pair_client *second = pair_connect(&pair, 1);
    pair_key(&pair, 1, 0, key);
    snprintf(line, sizeof line, "SET %s v", key);
    pair_ask(client, line, OK);
    pair_silence(&pair, 0, 3, true);
    pair_ask(client, "FLUSHALL", OK);
    pair_pass(&pair, 3000);
    cr_assert(pair_has(&pair, 3, key, "v"));
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 1, 2);
    snprintf(line, sizeof line, "GET %s", key);
    pair_ask(second, line, "$-1\r\n");
    pair_silence(&pair, 0, 3, false);
    pair_pass(&pair, 3000);
    cr_assert_not(pair_has(&pair, 3, key, "v"));
    pair_deinit(&pair);
}
