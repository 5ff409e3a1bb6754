/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What comes before what: clocks that differ, answers of different moments, acknowledgements that
 * are older than a crash.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/script.h"

TestSuite(moments, .timeout = TIMEOUT_S(30));

/* The clock of 2 is behind, and it has not heard of the write of 1. */
static void a_write_below_another(struct script *script)
{
    script_begin_with(script, &script_three);
    script_note(script, "the clock of 2 is 400 ms behind");
    sim_node_set_clock(script->world->nodes[2], -400000, 0);
    script_part(script, 1, 2);
    script_wait_ms(script, 100);
    script_say(script, 1, "set k one");
    script_say(script, 2, "set k two");
    script_say(script, 3, "get k");
}

Test(moments, a_write_below_another_is_stamped_again)
{
    struct script script;

    a_write_below_another(&script);
    script_end(&script, "-- the clock of 2 is 400 ms behind\n"
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

Test(moments, without_rule_1_a_write_below_another_is_acknowledged_and_lost)
{
    script_without(1, a_write_below_another,
                   "2 > +OK\n"
                   "3 < get k\n"
                   "3>2 read k, has +600.0@1\n"
                   "2>3 answer: version +505.0@2 ''\n"
                   "3>2 write k: +600.0@1 'one' over +600.0@1\n"
                   "2>3 ack: ok\n"
                   "3 > $3 one\n");
}

/* 3 has a write of 1 by the repair of a read, and writes over it, before 1 offers it. */
static void a_write_that_was_read_and_written_over(struct script *script)
{
    script_begin_with(script, &script_three);
    script_hold(script, 1, 3);
    script_hold(script, 2, 1);
    script_ask(script, 1, "set k one");
    script_wait_ms(script, 5);
    script_say(script, 2, "get k");
    script_say(script, 3, "set k two");
    script_say(script, 2, "get k");
    script_free(script, 1, 3);
    script_wait_ms(script, 5);
    script_free(script, 2, 1);
    script_wait_ms(script, 50);
    script_say(script, 2, "get k");
}

Test(moments, a_write_that_was_read_and_written_over_does_not_come_back)
{
    struct script script;

    a_write_that_was_read_and_written_over(&script);
    script_end(&script, "-- what 1 sends to 3 is held up\n"
                        "-- what 2 sends to 1 is held up\n"
                        "1 < set k one\n"
                        "1>2 write k: +500.0@1 'one' over none\n"
                        "1>3 write k: +500.0@1 'one' over none\n"
                        "2>1 ack: ok\n"
                        "2 < get k\n"
                        "2>1 read k, has +500.0@1\n"
                        "2>3 read k, has +500.0@1\n"
                        "3>2 absent\n"
                        "2>3 write k: +500.0@1 'one' over +500.0@1\n"
                        "3>2 ack: ok\n"
                        "2 > $3 one\n"
                        "3 < set k two\n"
                        "3>1 write k: +513.0@3 'two' over +500.0@1\n"
                        "3>2 write k: +513.0@3 'two' over +500.0@1\n"
                        "1>3 ack: ok\n"
                        "2>3 ack: ok\n"
                        "3 > +OK\n"
                        "2 < get k\n"
                        "2>1 read k, has +513.0@3\n"
                        "2>3 read k, has +513.0@3\n"
                        "3>2 answer: same\n"
                        "2 > $3 two\n"
                        "-- what 1 sends to 3 arrives\n"
                        "3>1 ack: ok\n"
                        "1 > +OK\n"
                        "-- what 2 sends to 1 arrives\n"
                        "1>2 answer: version +513.0@3 'two'\n"
                        "1>2 answer: same\n"
                        "2 < get k\n"
                        "2>1 read k, has +513.0@3\n"
                        "1>2 answer: same\n"
                        "2 > $3 two\n");
}

Test(moments, without_rule_25_a_write_that_was_read_and_written_over_is_back)
{
    script_without(25, a_write_that_was_read_and_written_over, "2 > $3 one\n");
}

/* 1 looks at what it has, and the answer of 2 comes when all is over. The clock of 1 is ahead, so
 * that nothing is waited for from 1. The second look is 1's own, and stands in no message. */
static void answers_of_different_moments(struct script *script)
{
    script_begin_with(script, &script_three);
    script_note(script, "the clock of 1 is 300 ms ahead");
    sim_node_set_clock(script->world->nodes[1], 300000, 0);
    script_say(script, 3, "set k one");
    script_hold(script, 1, 3);
    script_hold(script, 3, 1);
    script_wait_ms(script, 3000); /* the links between 1 and 3 are given up */
    script_say(script, 3, "set k two");
    script_hold(script, 1, 2);
    script_ask(script, 1, "get k");
    script_wait_ms(script, 20);
    script_free(script, 1, 3);
    script_free(script, 3, 1);
    script_wait_ms(script, 300);
    script_look_at_all(script, "k");
    script_evict(script, 2, "k");
    script_evict(script, 3, "k");
    script_look_at_all(script, "k");
    script_free(script, 1, 2);
    script_hear(script, 1);
}

Test(moments, the_answers_to_one_read_are_of_different_moments)
{
    struct script script;

    answers_of_different_moments(&script);
    script_end(&script, "-- the clock of 1 is 300 ms ahead\n"
                        "3 < set k one\n"
                        "3>1 write k: +500.0@3 'one' over none\n"
                        "3>2 write k: +500.0@3 'one' over none\n"
                        "1>3 ack: ok\n"
                        "2>3 ack: ok\n"
                        "3 > +OK\n"
                        "-- what 1 sends to 3 is held up\n"
                        "-- what 3 sends to 1 is held up\n"
                        "3 < set k two\n"
                        "3>2 write k: +3755.0@3 'two' over +500.0@3\n"
                        "2>3 ack: ok\n"
                        "3 > +OK\n"
                        "-- what 1 sends to 2 is held up\n"
                        "1 < get k\n"
                        "1>2 read k, has +500.0@3\n"
                        "-- what 1 sends to 3 arrives\n"
                        "-- what 3 sends to 1 arrives\n"
                        "3>1 write k: +3755.0@3 'two' over +3755.0@3\n"
                        "1>3 ack: ok\n"
                        "1 has k: +3755.0@3 'two'\n"
                        "2 has k: +3755.0@3 'two'\n"
                        "3 has k: +3755.0@3 'two'\n"
                        "-- 2 evicts k\n"
                        "-- 3 evicts k\n"
                        "1 has k: +3755.0@3 'two'\n"
                        "2 has k: nothing\n"
                        "3 has k: nothing\n"
                        "-- what 1 sends to 2 arrives\n"
                        "2>1 absent\n"
                        "1 > $3 two\n");
}

Test(moments, without_rule_11_an_old_look_and_a_late_absence_bring_back_the_old)
{
    script_without(11, answers_of_different_moments, "1 > $3 one\n");
}

static const struct world_settings five = {
    .nodes = 5, .replicas = 5, .read_level = LEVEL_ONE, .write_level = LEVEL_ALL, .partitions = 1};

/* At W = N and R = 1. The write of 1 is on its way to 3, 4 and 5 while 2, which has acknowledged
 * it, crashes; 2 recovers without 1. With three replicas it could not: it asks two that vote. */
static void a_stale_acknowledgement(struct script *script)
{
    script_begin_with(script, &five);
    script_say(script, 1, "set k one");
    for (unsigned i = 3; i <= 5; i++)
        script_hold(script, 1, i);
    script_ask(script, 1, "set k two");
    script_wait_ms(script, 5);
    script_kill(script, 2);
    script_part(script, 1, 2);
    script_start(script, 2);
    script_wait_ms(script, 350);
    script_look(script, 2, "k");
    for (unsigned i = 3; i <= 5; i++)
        script_free(script, 1, i);
    script_hear(script, 1);
    script_wait_ms(script, 500);
    script_say(script, 2, "get k");
}

Test(moments, an_acknowledgement_given_before_a_crash)
{
    struct script script;

    a_stale_acknowledgement(&script);
    script_end(&script, "1 < set k one\n"
                        "1>2 write k: +500.0@1 'one' over none\n"
                        "1>3 write k: +500.0@1 'one' over none\n"
                        "1>4 write k: +500.0@1 'one' over none\n"
                        "1>5 write k: +500.0@1 'one' over none\n"
                        "2>1 ack: ok\n"
                        "3>1 ack: ok\n"
                        "4>1 ack: ok\n"
                        "5>1 ack: ok\n"
                        "1 > +OK\n"
                        "-- what 1 sends to 3 is held up\n"
                        "-- what 1 sends to 4 is held up\n"
                        "-- what 1 sends to 5 is held up\n"
                        "1 < set k two\n"
                        "1>2 write k: +505.0@1 'two' over +500.0@1\n"
                        "1>3 write k: +505.0@1 'two' over +500.0@1\n"
                        "1>4 write k: +505.0@1 'two' over +500.0@1\n"
                        "1>5 write k: +505.0@1 'two' over +500.0@1\n"
                        "2>1 ack: ok\n"
                        "-- 2 is killed\n"
                        "-- 1 and 2 are parted\n"
                        "-- 2 starts, empty\n"
                        "2 has k: nothing, does not vote\n"
                        "-- what 1 sends to 3 arrives\n"
                        "-- what 1 sends to 4 arrives\n"
                        "-- what 1 sends to 5 arrives\n"
                        "3>1 ack: ok\n"
                        "4>1 ack: ok\n"
                        "5>1 ack: ok\n"
                        "1 > +OK\n"
                        "2>3 compare 0\n"
                        "2>4 compare 0\n"
                        "2>5 compare 0\n"
                        "3>2 compared: version\n"
                        "4>2 compared: version\n"
                        "5>2 compared: version\n"
                        "2>5 pull 0: leaves ffff from 0\n"
                        "5>2 chunk: version, 32 bytes, next 0\n"
                        "2>3 pull 0: leaves 0000 from 0\n"
                        "2>4 pull 0: leaves 0000 from 0\n"
                        "3>2 chunk: version, 0 bytes, next 0\n"
                        "4>2 chunk: version, 0 bytes, next 0\n"
                        "2>3 compare 0\n"
                        "2>4 compare 0\n"
                        "2>5 compare 0\n"
                        "3>2 compared: version\n"
                        "4>2 compared: version\n"
                        "5>2 compared: version\n"
                        "2 < get k\n"
                        "2 > $3 two\n");
}

Test(moments, without_rule_15_an_acknowledgement_given_before_a_crash_is_worth_nothing)
{
    script_without(15, a_stale_acknowledgement,
                   "2 < get k\n"
                   "2 > $3 one\n");
}

Test(moments, an_acknowledgement_given_before_a_crash_of_one_of_three)
{
    struct world_settings all = script_three;
    struct script script;

    all.read_level = LEVEL_ONE;
    all.write_level = LEVEL_ALL;
    script_begin_with(&script, &all);
    script_say(&script, 1, "set k one");
    script_hold(&script, 1, 3);
    script_ask(&script, 1, "set k two");
    script_wait_ms(&script, 5);
    script_kill(&script, 2);
    script_start(&script, 2);
    script_wait_ms(&script, 350);
    script_free(&script, 1, 3);
    script_hear(&script, 1);
    script_say(&script, 2, "get k");
    script_wait_ms(&script, 500);
    script_look(&script, 2, "k");
    script_say(&script, 2, "get k");
    script_end(&script, "1 < set k one\n"
                        "1>2 write k: +500.0@1 'one' over none\n"
                        "1>3 write k: +500.0@1 'one' over none\n"
                        "2>1 ack: ok\n"
                        "3>1 ack: ok\n"
                        "1 > +OK\n"
                        "-- what 1 sends to 3 is held up\n"
                        "1 < set k two\n"
                        "1>2 write k: +505.0@1 'two' over +500.0@1\n"
                        "1>3 write k: +505.0@1 'two' over +500.0@1\n"
                        "2>1 ack: ok\n"
                        "-- 2 is killed\n"
                        "-- 2 starts, empty\n"
                        "-- what 1 sends to 3 arrives\n"
                        "3>1 ack: ok\n"
                        "1 > +OK\n"
                        "2 < get k\n"
                        "2>1 forward: get k\n"
                        "1>2 reply: ok, 9 bytes\n"
                        "2 > $3 two\n"
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
                        "2 has k: +505.0@1 'two'\n"
                        "2 < get k\n"
                        "2 > $3 two\n");
}

/* 1 is stopped before 3 has heard of its write, and goes on when 3 has acknowledged it; meanwhile
 * 2, which had acknowledged it as well, has crashed and recovered without it. The time of the write
 * is up by then, though 1 reads what 3 says before it looks at its clock. */
static void a_coordinator_that_was_stopped(struct script *script)
{
    struct world_settings quorum = five;

    quorum.read_level = quorum.write_level = LEVEL_QUORUM;
    script_begin_with(script, &quorum);
    script_say(script, 1, "set k one");
    for (unsigned i = 3; i <= 5; i++)
        script_hold(script, 1, i);
    script_ask(script, 1, "set k two");
    script_wait_ms(script, 5);
    script_pause(script, 1);
    script_kill(script, 2);
    script_start(script, 2);
    script_wait_ms(script, 2000);
    script_look(script, 2, "k");
    script_free(script, 1, 3);
    script_wait_ms(script, 5);
    script_part(script, 1, 2);
    script_part(script, 3, 2);
    script_resume(script, 1);
    script_hear(script, 1);
    script_say(script, 2, "get k");
}

Test(moments, an_acknowledgement_given_before_a_crash_and_a_coordinator_that_was_stopped)
{
    struct script script;

    a_coordinator_that_was_stopped(&script);
    script_end(&script,
               "1 < set k one\n"
               "1>2 write k: +500.0@1 'one' over none\n"
               "1>3 write k: +500.0@1 'one' over none\n"
               "1>4 write k: +500.0@1 'one' over none\n"
               "1>5 write k: +500.0@1 'one' over none\n"
               "2>1 ack: ok\n"
               "3>1 ack: ok\n"
               "4>1 ack: ok\n"
               "5>1 ack: ok\n"
               "1 > +OK\n"
               "-- what 1 sends to 3 is held up\n"
               "-- what 1 sends to 4 is held up\n"
               "-- what 1 sends to 5 is held up\n"
               "1 < set k two\n"
               "1>2 write k: +505.0@1 'two' over +500.0@1\n"
               "1>3 write k: +505.0@1 'two' over +500.0@1\n"
               "1>4 write k: +505.0@1 'two' over +500.0@1\n"
               "1>5 write k: +505.0@1 'two' over +500.0@1\n"
               "2>1 ack: ok\n"
               "-- 1 is paused\n"
               "-- 2 is killed\n"
               "-- 2 starts, empty\n"
               "2>3 compare 0\n"
               "2>4 compare 0\n"
               "2>5 compare 0\n"
               "3>2 compared: version\n"
               "4>2 compared: version\n"
               "5>2 compared: version\n"
               "2>5 pull 0: leaves ffff from 0\n"
               "5>2 chunk: version, 32 bytes, next 0\n"
               "2>3 pull 0: leaves 0000 from 0\n"
               "2>4 pull 0: leaves 0000 from 0\n"
               "3>2 chunk: version, 0 bytes, next 0\n"
               "4>2 chunk: version, 0 bytes, next 0\n"
               "2>3 compare 0\n"
               "2>4 compare 0\n"
               "2>5 compare 0\n"
               "3>2 compared: version\n"
               "4>2 compared: version\n"
               "5>2 compared: version\n"
               "2>3 compare 0\n"
               "2>4 compare 0\n"
               "2>5 compare 0\n"
               "3>2 compared: version\n"
               "4>2 compared: version\n"
               "5>2 compared: version\n"
               "2 has k: +500.0@1 'one'\n"
               "-- what 1 sends to 3 arrives\n"
               "3>1 ack: ok\n"
               "-- 1 and 2 are parted\n"
               "-- 3 and 2 are parted\n"
               "-- 1 goes on\n"
               "1 > -NOQUORUM needed 3 of 5, got 2 in 2010 ms; the write may still take effect\n"
               "2 < get k\n"
               "2>3 read k, has +500.0@1\n"
               "2>5 read k, has +500.0@1\n"
               "5>2 answer: same\n"
               "2>4 read k, has +500.0@1\n"
               "4>2 answer: same\n"
               "2 > $3 one\n");
}

Test(moments, without_rule_15_a_coordinator_that_was_stopped_counts_what_is_forgotten)
{
    script_without(15, a_coordinator_that_was_stopped,
                   "1 > +OK\n"
                   "2 < get k\n"
                   "2>3 read k, has +500.0@1\n"
                   "2>5 read k, has +500.0@1\n"
                   "5>2 answer: same\n"
                   "2>4 read k, has +500.0@1\n"
                   "4>2 answer: same\n"
                   "2 > $3 one\n");
}
