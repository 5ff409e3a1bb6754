/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One that restarted has forgotten, and does not vote before it has recovered.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/play.h"

TestSuite(forgot, .timeout = TIMEOUT_S(30));

/* ---- who forgot ---- */

static void a_forgetful_node_beside_a_stale_one(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 1, "set k two");
    play_pause(play, 1);
    play_kill(play, 2);
    play_join(play, 2, 3);
    play_start(play, 2);
    play_wait_ms(play, 50);
    play_look(play, 2, "k");
    play_say(play, 3, "get k");
}

/* 2 has had the time to recover by then, if it could. */
static void a_forgetful_node_after_a_while(struct play *play)
{
    a_forgetful_node_beside_a_stale_one(play);
    play_wait_ms(play, 300);
    play_look(play, 2, "k");
    play_say(play, 3, "get k");
}

Test(forgot, a_forgetful_node_beside_a_stale_one)
{
    struct play play;

    a_forgetful_node_after_a_while(&play);
    play_say(&play, 2, "get k");
    play_resume(&play, 1);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "k");
    play_say(&play, 2, "at one get k");
    play_say(&play, 3, "get k");
    play_join(&play, 1, 3);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set k two\n"
                    "1>2 write k: +505.0@1 'two' over +500.0@1\n"
                    "1>3 write k: +505.0@1 'two' over +500.0@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 is paused\n"
                    "-- 2 is killed\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 starts, empty\n"
                    "2 has k: nothing, does not vote\n"
                    "3 < get k\n"
                    "3>2 read k, has +500.0@1\n"
                    "2>3 answer: not voting\n"
                    "3>1 read k, has +500.0@1\n"
                    "2>3 compare 0\n"
                    "3>2 compared: version\n"
                    "3 > -NOQUORUM needed 2 of 3, got 1 in 500 ms\n"
                    "2>3 compare 0\n"
                    "3>2 compared: version\n"
                    "2>3 compare 0\n"
                    "3>2 compared: version\n"
                    "2 has k: nothing, does not vote\n"
                    "3 < get k\n"
                    "3 > -NOQUORUM needed 2 of 3, got 1 in 0 ms\n"
                    "2 < get k\n"
                    "2>3 forward: get k\n"
                    "3>2 reply: ok, 40 bytes\n"
                    "2 > -NOQUORUM needed 2 of 3, got 1 in 0 ms\n"
                    "-- 1 goes on\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves ffff from 0\n"
                    "1>2 chunk: version, 32 bytes, next 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "3>2 chunk: version, 32 bytes, next 0\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves 8000 from 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "1>2 chunk: version, 32 bytes, next 0\n"
                    "3>2 chunk: version, 32 bytes, next 0\n"
                    "2>3 write k: +505.0@1 'two' over +505.0@1\n"
                    "3>2 ack: ok\n"
                    "1 has k: +505.0@1 'two'\n"
                    "2 has k: +505.0@1 'two'\n"
                    "3 has k: +505.0@1 'two'\n"
                    "2 < at one get k\n"
                    "2 > $3 two\n"
                    "3 < get k\n"
                    "3>2 read k, has +505.0@1\n"
                    "2>3 answer: same\n"
                    "3 > $3 two\n"
                    "-- 1 and 3 are joined\n"
                    "1>3 write k: +505.0@1 'two' over +505.0@1\n"
                    "3>1 ack: ok\n"
                    "1 has k: +505.0@1 'two'\n"
                    "2 has k: +505.0@1 'two'\n"
                    "3 has k: +505.0@1 'two'\n");
}

Test(forgot, without_rule_12_who_forgot_votes_for_something_older)
{
    play_without(12, a_forgetful_node_beside_a_stale_one, "3 > $3 one\n");
}

Test(forgot, without_rule_13_who_forgot_recovers_from_a_stale_one)
{
    play_without(13, a_forgetful_node_after_a_while, "3 > $3 one\n");
}

/* The clock of 1 is behind, and it has not heard of the write of 3. */
static void a_write_below_the_ceiling(struct play *play)
{
    play_begin_with(play, &play_three);
    play_note(play, "the clock of 1 is 400 ms behind");
    sim_node_set_clock(play->world->nodes[1], -400000, 0);
    play_part(play, 1, 3);
    play_part(play, 1, 2);
    play_say(play, 3, "set k two");
    play_kill(play, 2);
    play_join(play, 1, 2);
    play_start(play, 2);
    play_wait_ms(play, 100);
    play_say(play, 1, "set k one");
    play_join(play, 1, 3);
    play_wait_ms(play, 2000);
    play_look_at_all(play, "k");
    play_say(play, 3, "get k");
}

Test(forgot, a_write_below_the_ceiling_of_one_that_restarted)
{
    struct play play;

    a_write_below_the_ceiling(&play);
    play_end(&play,
             "-- the clock of 1 is 400 ms behind\n"
             "-- 1 and 3 are parted\n"
             "-- 1 and 2 are parted\n"
             "3 < set k two\n"
             "3>1 write k: +500.0@3 'two' over none\n"
             "3>2 write k: +500.0@3 'two' over none\n"
             "2>3 ack: ok\n"
             "3 > +OK\n"
             "-- 2 is killed\n"
             "-- 1 and 2 are joined\n"
             "-- 2 starts, empty\n"
             "1 < set k one\n"
             "1>2 write k: +455.0@1 'one' over none\n"
             "1>3 write k: +455.0@1 'one' over none\n"
             "2>1 ack: forgetful, knows +4500.0@65535\n"
             "2>1 compare 0\n"
             "2>3 compare 0\n"
             "1>2 compared: version\n"
             "3>2 compared: version\n"
             "2>1 pull 0: leaves ffff from 0\n"
             "1>2 chunk: version, 32 bytes, next 0\n"
             "2>3 pull 0: leaves 8000 from 0\n"
             "3>2 chunk: version, 32 bytes, next 0\n"
             "2>1 compare 0\n"
             "2>3 compare 0\n"
             "1>2 compared: version\n"
             "3>2 compared: version\n"
             "2>1 pull 0: leaves 8000 from 0\n"
             "2>3 pull 0: leaves 8000 from 0\n"
             "1>2 chunk: version, 32 bytes, next 0\n"
             "3>2 chunk: version, 32 bytes, next 0\n"
             "2>1 write k: +500.0@3 'two' over +500.0@3\n"
             "1>2 ack: ok\n"
             "1 > -NOQUORUM needed 2 of 3, got 1 in 500 ms; the write may still take effect\n"
             "-- 1 and 3 are joined\n"
             "1>2 write k: +455.0@1 'one' over +455.0@1\n"
             "2>1 ack: newer, knows +500.0@3\n"
             "3>1 write k: +500.0@3 'two' over +500.0@3\n"
             "1>3 write k: +455.0@1 'one' over +455.0@1\n"
             "1>3 ack: ok\n"
             "3>1 ack: newer, knows +500.0@3\n"
             "1 has k: +500.0@3 'two'\n"
             "2 has k: +500.0@3 'two'\n"
             "3 has k: +500.0@3 'two'\n"
             "3 < get k\n"
             "3>2 read k, has +500.0@3\n"
             "2>3 answer: same\n"
             "3 > $3 two\n");
}

Test(forgot, without_rule_19_who_forgot_acknowledges_below_what_it_forgot)
{
    play_without(19, a_write_below_the_ceiling,
                 "1 > +OK\n"
                 "-- 1 and 3 are joined\n"
                 "1>3 write k: +455.0@1 'one' over +455.0@1\n"
                 "3>1 write k: +500.0@3 'two' over +500.0@3\n"
                 "3>1 ack: newer, knows +500.0@3\n"
                 "1>3 ack: ok\n"
                 "2>1 compare 0\n"
                 "2>3 compare 0\n"
                 "1>2 compared: version\n"
                 "3>2 compared: version\n"
                 "2>1 pull 0: leaves ffff from 0\n"
                 "1>2 chunk: version, 32 bytes, next 0\n"
                 "2>3 pull 0: leaves 0000 from 0\n"
                 "3>2 chunk: version, 0 bytes, next 0\n"
                 "2>1 compare 0\n"
                 "2>3 compare 0\n"
                 "1>2 compared: version\n"
                 "3>2 compared: version\n"
                 "2>1 pull 0: leaves 0000 from 0\n"
                 "2>3 pull 0: leaves 0000 from 0\n"
                 "1>2 chunk: version, 0 bytes, next 0\n"
                 "3>2 chunk: version, 0 bytes, next 0\n"
                 "1 has k: +500.0@3 'two'\n"
                 "2 has k: +500.0@3 'two'\n"
                 "3 has k: +500.0@3 'two'\n"
                 "3 < get k\n"
                 "3>2 read k, has +500.0@3\n"
                 "2>3 answer: same\n"
                 "3 > $3 two\n");
}

/* 1 had a newer version, and does not know which. */
static void a_stale_one_and_a_floor(struct play *play)
{
    struct world_settings few_marks = play_three;

    few_marks.mark_slots = 8;
    play_begin_with(play, &few_marks);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 1, "set k two");
    play_evict_many(play, 1);
    play_kill(play, 2);
    play_join(play, 2, 3);
    play_start(play, 2);
    play_wait_ms(play, 1500);
    play_look_at_all(play, "k");
    play_say(play, 3, "get k");
}

Test(forgot, one_that_restarts_decides_as_a_read_does)
{
    struct play play;

    a_stale_one_and_a_floor(&play);
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set k two\n"
                    "1>2 write k: +505.0@1 'two' over +500.0@1\n"
                    "1>3 write k: +505.0@1 'two' over +500.0@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set k0 x\n"
                    "1>2 write k0: +510.0@1 'x' over none\n"
                    "1>3 write k0: +510.0@1 'x' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set k1 x\n"
                    "1>2 write k1: +515.0@1 'x' over none\n"
                    "1>3 write k1: +515.0@1 'x' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set k2 x\n"
                    "1>2 write k2: +520.0@1 'x' over none\n"
                    "1>3 write k2: +520.0@1 'x' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set k3 x\n"
                    "1>2 write k3: +526.0@1 'x' over none\n"
                    "1>3 write k3: +526.0@1 'x' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set k4 x\n"
                    "1>2 write k4: +531.0@1 'x' over none\n"
                    "1>3 write k4: +531.0@1 'x' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set k5 x\n"
                    "1>2 write k5: +536.0@1 'x' over none\n"
                    "1>3 write k5: +536.0@1 'x' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 evicts k\n"
                    "-- 1 evicts k0\n"
                    "-- 1 evicts k1\n"
                    "-- 1 evicts k2\n"
                    "-- 1 evicts k3\n"
                    "-- 1 evicts k4\n"
                    "-- 1 evicts k5\n"
                    "-- 2 is killed\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 starts, empty\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves ffff from 0\n"
                    "1>2 chunk: version, 114 bytes, next 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "3>2 chunk: version, 32 bytes, next 0\n"
                    "2>1 read k, has +500.0@1\n"
                    "1>2 absent\n"
                    "2>3 read k, has +500.0@1\n"
                    "3>2 answer: same\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves 8000 from 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "1>2 chunk: version, 114 bytes, next 0\n"
                    "3>2 chunk: version, 32 bytes, next 0\n"
                    "2>1 read k, has +500.0@1\n"
                    "1>2 absent\n"
                    "2>3 read k, has +500.0@1\n"
                    "3>2 answer: same\n"
                    "2>3 marks 0: 114 bytes\n"
                    "3>2 ack: ok\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 < get k\n"
                    "3>2 read k, has +500.0@1\n"
                    "2>3 absent\n"
                    "3 > $-1\n");
}

Test(forgot, without_rule_14_one_that_restarts_takes_what_it_finds)
{
    play_without(14, a_stale_one_and_a_floor, "3 > $3 one\n");
}

/* 2 owed 3 what has vanished everywhere, and lost that with the name of the key; what 1 owes 3 is
 * older, and comes behind the comparison. */
Test(forgot, what_vanished_everywhere_bars_what_is_older_at_one_that_missed_both)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_part_from_all(&play, 3);
    play_say(&play, 1, "set k one");
    play_say(&play, 2, "set k two");
    play_evict(&play, 1, "k");
    play_kill(&play, 2);
    play_join(&play, 2, 3);
    play_start(&play, 2);
    play_wait_ms(&play, 2500);
    play_join(&play, 1, 3);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "k");
    play_say(&play, 3, "get k");
    play_end(&play, "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "2 < set k two\n"
                    "2>1 write k: +505.0@2 'two' over +500.0@1\n"
                    "2>3 write k: +505.0@2 'two' over +500.0@1\n"
                    "1>2 ack: ok\n"
                    "2 > +OK\n"
                    "-- 1 evicts k\n"
                    "-- 2 is killed\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 starts, empty\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves ffff from 0\n"
                    "1>2 chunk: version, 19 bytes, next 0\n"
                    "2>3 pull 0: leaves 0000 from 0\n"
                    "3>2 chunk: version, 0 bytes, next 0\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves 0000 from 0\n"
                    "2>3 pull 0: leaves 0000 from 0\n"
                    "1>2 chunk: version, 19 bytes, next 0\n"
                    "3>2 chunk: version, 0 bytes, next 0\n"
                    "2>3 marks 0: 19 bytes\n"
                    "3>2 ack: ok\n"
                    "-- 1 and 3 are joined\n"
                    "1>3 write k: +500.0@1 'one' over +500.0@1\n"
                    "3>1 ack: newer, knows +505.0@2\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: nothing\n"
                    "3 < get k\n"
                    "3>2 read k, has none\n"
                    "2>3 absent\n"
                    "3 > $-1\n");
}

/* What 1 owed is lost with it. */
static void a_debt_that_is_lost(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 1, "set k two");
    play_kill(play, 1);
    play_join_with_all(play, 3);
    play_start(play, 1);
    play_wait_ms(play, 2000);
    play_look_at_all(play, "k");
    play_evict(play, 1, "k");
    play_evict(play, 2, "k");
    play_say(play, 3, "get k");
}

Test(forgot, a_debt_that_is_lost_is_found_by_comparing)
{
    struct play play;

    a_debt_that_is_lost(&play);
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set k two\n"
                    "1>2 write k: +505.0@1 'two' over +500.0@1\n"
                    "1>3 write k: +505.0@1 'two' over +500.0@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 is killed\n"
                    "-- 3 and 1 are joined\n"
                    "-- 3 and 2 are joined\n"
                    "-- 1 starts, empty\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "2>1 compared: version\n"
                    "3>1 compared: version\n"
                    "1>2 pull 0: leaves ffff from 0\n"
                    "2>1 chunk: version, 32 bytes, next 0\n"
                    "1>3 pull 0: leaves 8000 from 0\n"
                    "3>1 chunk: version, 32 bytes, next 0\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "2>1 compared: version\n"
                    "3>1 compared: version\n"
                    "1>2 pull 0: leaves 8000 from 0\n"
                    "1>3 pull 0: leaves 8000 from 0\n"
                    "2>1 chunk: version, 32 bytes, next 0\n"
                    "3>1 chunk: version, 32 bytes, next 0\n"
                    "1>3 write k: +505.0@1 'two' over +505.0@1\n"
                    "3>1 ack: ok\n"
                    "1 has k: +505.0@1 'two'\n"
                    "2 has k: +505.0@1 'two'\n"
                    "3 has k: +505.0@1 'two'\n"
                    "-- 1 evicts k\n"
                    "-- 2 evicts k\n"
                    "3 < get k\n"
                    "3>2 read k, has +505.0@1\n"
                    "2>3 absent\n"
                    "3 > $3 two\n");
}

Test(forgot, without_rule_17_a_debt_that_is_lost_passes_for_settled)
{
    play_without(17, a_debt_that_is_lost, "3 > $3 one\n");
}

/* ---- too few are left ---- */

Test(forgot, all_nodes_restart_at_once)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set k one");
    for (unsigned i = 1; i <= 3; i++)
        play_kill(&play, i);
    for (unsigned i = 1; i <= 3; i++)
        play_start(&play, i);
    play_wait_ms(&play, 200);
    play_say(&play, 1, "get k");
    play_wait_ms(&play, 2000);
    play_say(&play, 1, "get k");
    play_wait_ms(&play, 4000);
    play_say(&play, 1, "set k two");
    play_say(&play, 2, "get k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 is killed\n"
                    "-- 2 is killed\n"
                    "-- 3 is killed\n"
                    "-- 1 starts, empty\n"
                    "-- 2 starts, empty\n"
                    "-- 3 starts, empty\n"
                    "1 < get k\n"
                    "1 > -NOQUORUM needed 2 of 3, got 0: no replica of the key can be reached\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "3>1 compare 0\n"
                    "3>2 compare 0\n"
                    "2>1 compared: not voting\n"
                    "2>3 compared: not voting\n"
                    "3>1 compared: not voting\n"
                    "3>2 compared: not voting\n"
                    "1>2 compared: not voting\n"
                    "1>3 compared: not voting\n"
                    "1>2 pull 0: leaves ffff from 0\n"
                    "3>2 pull 0: leaves ffff from 0\n"
                    "2>1 pull 0: leaves ffff from 0\n"
                    "2>1 chunk: not voting, 0 bytes, next 0\n"
                    "2>3 chunk: not voting, 0 bytes, next 0\n"
                    "1>2 chunk: not voting, 0 bytes, next 0\n"
                    "1>3 pull 0: leaves 0000 from 0\n"
                    "3>1 pull 0: leaves 0000 from 0\n"
                    "2>3 pull 0: leaves 0000 from 0\n"
                    "3>1 chunk: not voting, 0 bytes, next 0\n"
                    "3>2 chunk: not voting, 0 bytes, next 0\n"
                    "1>3 chunk: not voting, 0 bytes, next 0\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "3>1 compare 0\n"
                    "3>2 compare 0\n"
                    "2>1 compared: version\n"
                    "2>3 compared: version\n"
                    "3>1 compared: version\n"
                    "3>2 compared: version\n"
                    "1>2 compared: version\n"
                    "1>3 compared: version\n"
                    "1>2 pull 0: leaves 0000 from 0\n"
                    "1>3 pull 0: leaves 0000 from 0\n"
                    "3>1 pull 0: leaves 0000 from 0\n"
                    "3>2 pull 0: leaves 0000 from 0\n"
                    "2>1 pull 0: leaves 0000 from 0\n"
                    "2>3 pull 0: leaves 0000 from 0\n"
                    "2>1 chunk: version, 0 bytes, next 0\n"
                    "2>3 chunk: version, 0 bytes, next 0\n"
                    "3>1 chunk: version, 0 bytes, next 0\n"
                    "3>2 chunk: version, 0 bytes, next 0\n"
                    "1>2 chunk: version, 0 bytes, next 0\n"
                    "1>3 chunk: version, 0 bytes, next 0\n"
                    "1 < get k\n"
                    "1>2 read k, has none\n"
                    "2>1 absent\n"
                    "1 > $-1\n"
                    "1 < set k two\n"
                    "1>2 write k: +6718.0@1 'two' over none\n"
                    "1>3 write k: +6718.0@1 'two' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "2 < get k\n"
                    "2>1 read k, has +6718.0@1\n"
                    "1>2 answer: same\n"
                    "2 > $3 two\n");
}

Test(forgot, two_of_three_restart_at_once)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set k one");
    play_kill(&play, 2);
    play_kill(&play, 3);
    play_start(&play, 2);
    play_start(&play, 3);
    play_wait_ms(&play, 200);
    play_say(&play, 1, "get k");
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "k");
    play_say(&play, 2, "get k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 2 is killed\n"
                    "-- 3 is killed\n"
                    "-- 2 starts, empty\n"
                    "-- 3 starts, empty\n"
                    "1 < get k\n"
                    "1 > -NOQUORUM needed 2 of 3, got 1 in 0 ms\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "3>1 compare 0\n"
                    "3>2 compare 0\n"
                    "1>2 compared: version\n"
                    "1>3 compared: version\n"
                    "3>2 compared: not voting\n"
                    "2>3 compared: not voting\n"
                    "2>1 pull 0: leaves ffff from 0\n"
                    "3>2 pull 0: leaves ffff from 0\n"
                    "1>2 chunk: version, 32 bytes, next 0\n"
                    "2>3 chunk: not voting, 0 bytes, next 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "3>1 pull 0: leaves 8000 from 0\n"
                    "3>2 chunk: not voting, 0 bytes, next 0\n"
                    "1>3 chunk: version, 32 bytes, next 0\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "3>1 compare 0\n"
                    "3>2 compare 0\n"
                    "1>2 compared: version\n"
                    "1>3 compared: version\n"
                    "3>2 compared: version\n"
                    "2>3 compared: version\n"
                    "2>1 pull 0: leaves 0000 from 0\n"
                    "2>3 pull 0: leaves 0000 from 0\n"
                    "3>1 pull 0: leaves 0000 from 0\n"
                    "3>2 pull 0: leaves 0000 from 0\n"
                    "1>2 chunk: version, 0 bytes, next 0\n"
                    "1>3 chunk: version, 0 bytes, next 0\n"
                    "3>2 chunk: version, 0 bytes, next 0\n"
                    "2>3 chunk: version, 0 bytes, next 0\n"
                    "1 has k: +500.0@1 'one'\n"
                    "2 has k: +500.0@1 'one'\n"
                    "3 has k: +500.0@1 'one'\n"
                    "2 < get k\n"
                    "2>1 read k, has +500.0@1\n"
                    "1>2 answer: same\n"
                    "2 > $3 one\n");
}
