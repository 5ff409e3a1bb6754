/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One that restarted has forgotten, and does not vote before it has recovered.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/script.h"

TestSuite(forgot, .timeout = TIMEOUT_S(30));

/* ---- who forgot ---- */

static void a_forgetful_node_beside_a_stale_one(struct script *script)
{
    script_begin_with(script, &script_three);
    script_say(script, 1, "set k one");
    script_part_from_all(script, 3);
    script_say(script, 1, "set k two");
    script_pause(script, 1);
    script_kill(script, 2);
    script_join(script, 2, 3);
    script_start(script, 2);
    script_wait_ms(script, 50);
    script_look(script, 2, "k");
    script_say(script, 3, "get k");
}

/* 2 has had the time to recover by then, if it could. */
static void a_forgetful_node_after_a_while(struct script *script)
{
    a_forgetful_node_beside_a_stale_one(script);
    script_wait_ms(script, 300);
    script_look(script, 2, "k");
    script_say(script, 3, "get k");
}

Test(forgot, a_forgetful_node_beside_a_stale_one)
{
    struct script script;

    a_forgetful_node_after_a_while(&script);
    script_say(&script, 2, "get k");
    script_resume(&script, 1);
    script_wait_ms(&script, 2000);
    script_look_at_all(&script, "k");
    script_say(&script, 2, "at one get k");
    script_say(&script, 3, "get k");
    script_join(&script, 1, 3);
    script_wait_ms(&script, 2000);
    script_look_at_all(&script, "k");
    script_end(&script, "1 < set k one\n"
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
    script_without(12, a_forgetful_node_beside_a_stale_one, "3 > $3 one\n");
}

Test(forgot, without_rule_13_who_forgot_recovers_from_a_stale_one)
{
    script_without(13, a_forgetful_node_after_a_while, "3 > $3 one\n");
}

/* The clock of 1 is behind, and it has not heard of the write of 3. */
static void a_write_below_the_ceiling(struct script *script)
{
    script_begin_with(script, &script_three);
    script_note(script, "the clock of 1 is 400 ms behind");
    sim_node_set_clock(script->world->nodes[1], -400000, 0);
    script_part(script, 1, 3);
    script_part(script, 1, 2);
    script_say(script, 3, "set k two");
    script_kill(script, 2);
    script_join(script, 1, 2);
    script_start(script, 2);
    script_wait_ms(script, 100);
    script_say(script, 1, "set k one");
    script_join(script, 1, 3);
    script_wait_ms(script, 2000);
    script_look_at_all(script, "k");
    script_say(script, 3, "get k");
}

Test(forgot, a_write_below_the_ceiling_of_one_that_restarted)
{
    struct script script;

    a_write_below_the_ceiling(&script);
    script_end(&script,
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
    script_without(19, a_write_below_the_ceiling,
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
static void a_stale_one_and_a_floor(struct script *script)
{
    struct world_settings few_marks = script_three;

    few_marks.mark_slots = 8;
    script_begin_with(script, &few_marks);
    script_say(script, 1, "set k one");
    script_part_from_all(script, 3);
    script_say(script, 1, "set k two");
    script_evict_many(script, 1);
    script_kill(script, 2);
    script_join(script, 2, 3);
    script_start(script, 2);
    script_wait_ms(script, 1500);
    script_look_at_all(script, "k");
    script_say(script, 3, "get k");
}

Test(forgot, one_that_restarts_decides_as_a_read_does)
{
    struct script script;

    a_stale_one_and_a_floor(&script);
    script_end(&script, "1 < set k one\n"
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
    script_without(14, a_stale_one_and_a_floor, "3 > $3 one\n");
}

/* 2 owed 3 what has vanished everywhere, and lost that with the name of the key; what 1 owes 3 is
 * older, and comes behind the comparison. */
Test(forgot, what_vanished_everywhere_bars_what_is_older_at_one_that_missed_both)
{
    struct script script;

    script_begin_with(&script, &script_three);
    script_part_from_all(&script, 3);
    script_say(&script, 1, "set k one");
    script_say(&script, 2, "set k two");
    script_evict(&script, 1, "k");
    script_kill(&script, 2);
    script_join(&script, 2, 3);
    script_start(&script, 2);
    script_wait_ms(&script, 2500);
    script_join(&script, 1, 3);
    script_wait_ms(&script, 2000);
    script_look_at_all(&script, "k");
    script_say(&script, 3, "get k");
    script_end(&script, "-- 3 and 1 are parted\n"
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
static void a_debt_that_is_lost(struct script *script)
{
    script_begin_with(script, &script_three);
    script_say(script, 1, "set k one");
    script_part_from_all(script, 3);
    script_say(script, 1, "set k two");
    script_kill(script, 1);
    script_join_with_all(script, 3);
    script_start(script, 1);
    script_wait_ms(script, 2000);
    script_look_at_all(script, "k");
    script_evict(script, 1, "k");
    script_evict(script, 2, "k");
    script_say(script, 3, "get k");
}

Test(forgot, a_debt_that_is_lost_is_found_by_comparing)
{
    struct script script;

    a_debt_that_is_lost(&script);
    script_end(&script, "1 < set k one\n"
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
    script_without(17, a_debt_that_is_lost, "3 > $3 one\n");
}

/* ---- too few are left ---- */

Test(forgot, all_nodes_restart_at_once)
{
    struct script script;

    script_begin_with(&script, &script_three);
    script_say(&script, 1, "set k one");
    for (unsigned i = 1; i <= 3; i++)
        script_kill(&script, i);
    for (unsigned i = 1; i <= 3; i++)
        script_start(&script, i);
    script_wait_ms(&script, 200);
    script_say(&script, 1, "get k");
    script_wait_ms(&script, 2000);
    script_say(&script, 1, "get k");
    script_wait_ms(&script, 4000);
    script_say(&script, 1, "set k two");
    script_say(&script, 2, "get k");
    script_end(&script, "1 < set k one\n"
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
    struct script script;

    script_begin_with(&script, &script_three);
    script_say(&script, 1, "set k one");
    script_kill(&script, 2);
    script_kill(&script, 3);
    script_start(&script, 2);
    script_start(&script, 3);
    script_wait_ms(&script, 200);
    script_say(&script, 1, "get k");
    script_wait_ms(&script, 2000);
    script_look_at_all(&script, "k");
    script_say(&script, 2, "get k");
    script_end(&script, "1 < set k one\n"
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
