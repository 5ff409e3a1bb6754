/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads and writes over three nodes, and what each node says to the others about them.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/play.h"

TestSuite(scenario, .timeout = TIMEOUT_S(30));

Test(scenario, a_write_and_a_read_with_all_replicas_up)
{
    struct play play;

    play_begin(&play, RING_CONFLICT_LWW);
    play_say(&play, 1, "set k one");
    play_say(&play, 2, "get k");
    play_say(&play, 3, "incr n");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "2 < get k\n"
                    "2>3 read k, has +500.0@1\n"
                    "3>2 answer: same\n"
                    "2 > $3 one\n"
                    "3 < incr n\n"
                    "3>2 forward: incr n\n"
                    "2>3 read n, has none\n"
                    "3>2 absent\n"
                    "2>1 write n: +510.0@2 counter '1' base +254.65535@65535 "
                    "+510.0@2:+1 over none\n"
                    "2>3 write n: +510.0@2 counter '1' base +254.65535@65535 "
                    "+510.0@2:+1 over none\n"
                    "1>2 ack: ok\n"
                    "3>2 ack: ok\n"
                    "2>3 reply: ok, 4 bytes\n"
                    "3 > :1\n");
}

Test(scenario, a_write_with_one_replica_down)
{
    struct play play;

    play_begin(&play, RING_CONFLICT_LWW);
    play_note(&play, "3 is killed");
    sim_node_kill(play.world->nodes[3]);
    play_wait_ms(&play, 5);
    play_say(&play, 1, "set k one");
    play_say(&play, 2, "get k");
    play_say(&play, 2, "at all get k");
    play_note(&play, "2 is killed");
    sim_node_kill(play.world->nodes[2]);
    play_wait_ms(&play, 5);
    play_say(&play, 1, "set k two");
    play_say(&play, 1, "at one get k");
    play_end(&play, "-- 3 is killed\n"
                    "1 < set k one\n"
                    "1>2 write k: +505.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "2 < get k\n"
                    "2>1 read k, has +505.0@1\n"
                    "1>2 answer: same\n"
                    "2 > $3 one\n"
                    "2 < at all get k\n"
                    "2>1 read k, has +505.0@1\n"
                    "2 > -NOQUORUM needed 3 of 3, got 1 in 0 ms\n"
                    "1>2 answer: same\n"
                    "-- 2 is killed\n"
                    "1 < set k two\n"
                    "1 > -NOQUORUM needed 2 of 3, got 1 in 0 ms; the write may still take effect\n"
                    "1 < at one get k\n"
                    "1 > $3 two\n");
}

/* Each side takes its own write at ONE; the later stamp wins when they meet. */
Test(scenario, divergent_writes_on_two_sides_of_a_partition_lww)
{
    struct play play;

    play_begin(&play, RING_CONFLICT_LWW);
    play_part(&play, 1, 2);
    play_part(&play, 1, 3);
    play_say(&play, 1, "at one set k one");
    play_say(&play, 2, "at one set k two");
    play_say(&play, 1, "at one get k");
    play_join(&play, 1, 2);
    play_join(&play, 1, 3);
    play_wait_ms(&play, 1000);
    play_say(&play, 1, "get k");
    play_say(&play, 3, "get k");
    play_end(&play, "-- 1 and 2 are parted\n"
                    "-- 1 and 3 are parted\n"
                    "1 < at one set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "1 > +OK\n"
                    "2 < at one set k two\n"
                    "2>1 write k: +505.0@2 'two' over none\n"
                    "2>3 write k: +505.0@2 'two' over none\n"
                    "2 > +OK\n"
                    "3>2 ack: ok\n"
                    "1 < at one get k\n"
                    "1 > $3 one\n"
                    "-- 1 and 2 are joined\n"
                    "-- 1 and 3 are joined\n"
                    "1>2 write k: +500.0@1 'one' over +500.0@1\n"
                    "1>3 write k: +500.0@1 'one' over +500.0@1\n"
                    "2>1 write k: +505.0@2 'two' over +505.0@2\n"
                    "2>1 ack: newer, knows +505.0@2\n"
                    "3>1 ack: newer, knows +505.0@2\n"
                    "1>2 ack: ok\n"
                    "1 < get k\n"
                    "1>2 read k, has +505.0@2\n"
                    "2>1 answer: same\n"
                    "1 > $3 two\n"
                    "3 < get k\n"
                    "3>2 read k, has +505.0@2\n"
                    "2>3 answer: same\n"
                    "3 > $3 two\n");
}

/* Both values are kept. A plain GET answers the newest of them. */
Test(scenario, divergent_writes_on_two_sides_of_a_partition_siblings)
{
    struct play play;

    play_begin(&play, RING_CONFLICT_SIBLINGS);
    play_part(&play, 1, 2);
    play_part(&play, 1, 3);
    play_say(&play, 1, "at one set k one");
    play_say(&play, 2, "at one set k two");
    play_join(&play, 1, 2);
    play_join(&play, 1, 3);
    play_wait_ms(&play, 1000);
    play_say(&play, 1, "get k");
    play_say(&play, 3, "set k three");
    play_say(&play, 1, "get k");
    play_end(&play, "-- 1 and 2 are parted\n"
                    "-- 1 and 3 are parted\n"
                    "1 < at one set k one\n"
                    "1>2 write k: +500.0@1 siblings of 39 bytes over none\n"
                    "1>3 write k: +500.0@1 siblings of 39 bytes over none\n"
                    "1 > +OK\n"
                    "2 < at one set k two\n"
                    "2>1 write k: +505.0@2 siblings of 39 bytes over none\n"
                    "2>3 write k: +505.0@2 siblings of 39 bytes over none\n"
                    "2 > +OK\n"
                    "3>2 ack: ok\n"
                    "-- 1 and 2 are joined\n"
                    "-- 1 and 3 are joined\n"
                    "1>2 write k: +500.0@1 siblings of 39 bytes over +500.0@1\n"
                    "1>3 write k: +500.0@1 siblings of 39 bytes over +500.0@1\n"
                    "2>1 write k: +505.0@2 siblings of 39 bytes over +505.0@2\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1>2 ack: ok\n"
                    "1 < get k\n"
                    "1>2 read k, has +505.0@2\n"
                    "2>1 answer: same\n"
                    "1 > $3 two\n"
                    "3 < set k three\n"
                    "3>1 write k: +1515.0@3 siblings of 61 bytes over +505.0@2\n"
                    "3>2 write k: +1515.0@3 siblings of 61 bytes over +505.0@2\n"
                    "1>3 ack: ok\n"
                    "2>3 ack: ok\n"
                    "3 > +OK\n"
                    "1 < get k\n"
                    "1>2 read k, has +1515.0@3\n"
                    "2>1 answer: same\n"
                    "1 > $5 three\n");
}

/* 2 has not heard of the write through 1, and its clock is behind: 3 tells it of the newer dot. */
Test(scenario, a_lagging_clock_meets_a_newer_write)
{
    struct play play;

    play_begin(&play, RING_CONFLICT_LWW);
    play_note(&play, "the clock of 2 is 400 ms behind");
    sim_node_set_clock(play.world->nodes[2], -400000, 0);
    play_part(&play, 1, 2);
    play_wait_ms(&play, 100); /* 2 has heard of 500 from 3, whose link was idle */
    play_say(&play, 1, "set k one");
    play_say(&play, 2, "set k two");
    play_say(&play, 3, "get k");
    play_end(&play, "-- the clock of 2 is 400 ms behind\n"
                    "-- 1 and 2 are parted\n"
                    "1 < set k one\n"
                    "1>2 write k: +600.0@1 'one' over none\n"
                    "1>3 write k: +600.0@1 'one' over none\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "2 < set k two\n"
                    "2>1 write k: +505.0@2 'two' over none\n"
                    "2>3 write k: +505.0@2 'two' over none\n"
                    "3>2 ack: newer, knows +600.0@1\n"
                    "2>1 write k: +605.0@2 'two' over none\n"
                    "2>3 write k: +605.0@2 'two' over none\n"
                    "3>2 ack: ok\n"
                    "2 > +OK\n"
                    "3 < get k\n"
                    "3>2 read k, has +605.0@2\n"
                    "2>3 answer: same\n"
                    "3 > $3 two\n");
}

/* 3 goes by a claim that 1 and 2 have not heard of. */
Test(scenario, a_request_with_an_old_claim_version)
{
    struct play play;

    play_begin(&play, RING_CONFLICT_LWW);
    play_note(&play, "3 goes by claim 2");
    for (uint32_t i = 0; i < 64; i++)
        store_partition(play.world->nodes[3]->store, i)->claim_version = 2;
    play_say(&play, 1, "set k one");
    play_say(&play, 1, "at all set k two");
    play_say(&play, 2, "at all get k");
    play_say(&play, 3, "get k");
    play_end(&play, "-- 3 goes by claim 2\n"
                    "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: stale claim\n"
                    "1 > +OK\n"
                    "1>3 write k: +500.0@1 'one' over +500.0@1\n"
                    "3>1 ack: stale claim\n"
                    "1 < at all set k two\n"
                    "1>2 write k: +505.0@1 'two' over +500.0@1\n"
                    "1>3 write k: +505.0@1 'two' over +500.0@1\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: stale claim\n"
                    "1 > -NOQUORUM needed 3 of 3, got 2 in 0 ms; the write may still take effect\n"
                    "2 < at all get k\n"
                    "2>1 read k, has +505.0@1\n"
                    "2>3 read k, has +505.0@1\n"
                    "1>2 answer: same\n"
                    "3>2 answer: stale claim\n"
                    "2 > -NOQUORUM needed 3 of 3, got 2 in 0 ms\n"
                    "3 < get k\n"
                    "3 > -TRYAGAIN the ring has changed meanwhile\n");
}

/* What it stamped is taken by nobody, and nobody's clock follows it. */
Test(scenario, a_clock_that_is_far_ahead_drags_no_other_along)
{
    struct play play;

    play_begin(&play, RING_CONFLICT_LWW);
    play_note(&play, "the clock of 2 is 4 s ahead");
    sim_node_set_clock(play.world->nodes[2], 4000000, 0);
    play_say(&play, 2, "at one set k far");
    play_note(&play, "the clock of 2 is right again");
    sim_node_set_clock(play.world->nodes[2], 0, 0);
    play_say(&play, 1, "at all set k one");
    play_say(&play, 1, "set k two");
    play_end(&play, "-- the clock of 2 is 4 s ahead\n"
                    "2 < at one set k far\n"
                    "2>1 write k: +4500.0@2 'far' over none\n"
                    "2>3 write k: +4500.0@2 'far' over none\n"
                    "2 > +OK\n"
                    "1>2 ack: too far\n"
                    "3>2 ack: too far\n"
                    "2>1 write k: +4500.0@2 'far' over +4500.0@2\n"
                    "2>3 write k: +4500.0@2 'far' over +4500.0@2\n"
                    "3>2 ack: too far\n"
                    "1>2 ack: too far\n"
                    "-- the clock of 2 is right again\n"
                    "1 < at all set k one\n"
                    "1>2 write k: +505.0@1 'one' over none\n"
                    "1>3 write k: +505.0@1 'one' over none\n"
                    "2>1 ack: newer, knows +4500.0@2\n"
                    "3>1 ack: ok\n"
                    "1 > -NOQUORUM needed 3 of 3, got 1 in 0 ms; the write may still take effect\n"
                    "1 < set k two\n"
                    "1>2 write k: +510.0@1 'two' over +505.0@1\n"
                    "1>3 write k: +510.0@1 'two' over +505.0@1\n"
                    "2>1 ack: newer, knows +4500.0@2\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n");
}
