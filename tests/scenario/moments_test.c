/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What comes before what: clocks that differ, answers of different moments, acknowledgements that
 * are older than a crash.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/play.h"

TestSuite(moments, .timeout = TIMEOUT_S(30));

/* The clock of 2 is behind, and it has not heard of the write of 1. */
static void a_write_below_another(struct play *play)
{
    play_begin_with(play, &play_three);
    play_note(play, "the clock of 2 is 400 ms behind");
    sim_node_set_clock(play->world->nodes[2], -400000, 0);
    play_part(play, 1, 2);
    play_wait_ms(play, 100);
    play_say(play, 1, "set k one");
    play_say(play, 2, "set k two");
    play_say(play, 3, "get k");
}

Test(moments, a_write_below_another_is_stamped_again)
{
    struct play play;

    a_write_below_another(&play);
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

Test(moments, without_rule_1_a_write_below_another_is_acknowledged_and_lost)
{
    play_without(1, a_write_below_another,
                 "2 > +OK\n"
                 "3 < get k\n"
                 "3>2 read k, has +600.0@1\n"
                 "2>3 answer: version +505.0@2 ''\n"
                 "3>2 write k: +600.0@1 'one' over +600.0@1\n"
                 "2>3 ack: ok\n"
                 "3 > $3 one\n");
}

/* 3 has a write of 1 by the repair of a read, and writes over it, before 1 offers it. */
static void a_write_that_was_read_and_written_over(struct play *play)
{
    play_begin_with(play, &play_three);
    play_hold(play, 1, 3);
    play_hold(play, 2, 1);
    play_ask(play, 1, "set k one");
    play_wait_ms(play, 5);
    play_say(play, 2, "get k");
    play_say(play, 3, "set k two");
    play_say(play, 2, "get k");
    play_free(play, 1, 3);
    play_wait_ms(play, 5);
    play_free(play, 2, 1);
    play_wait_ms(play, 50);
    play_say(play, 2, "get k");
}

Test(moments, a_write_that_was_read_and_written_over_does_not_come_back)
{
    struct play play;

    a_write_that_was_read_and_written_over(&play);
    play_end(&play, "-- what 1 sends to 3 is held up\n"
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
    play_without(25, a_write_that_was_read_and_written_over, "2 > $3 one\n");
}

/* 1 looks at what it has, and the answer of 2 comes when all is over. The clock of 1 is ahead, so
 * that nothing is waited for from 1. The second look is 1's own, and stands in no message. */
static void answers_of_different_moments(struct play *play)
{
    play_begin_with(play, &play_three);
    play_note(play, "the clock of 1 is 300 ms ahead");
    sim_node_set_clock(play->world->nodes[1], 300000, 0);
    play_say(play, 3, "set k one");
    play_hold(play, 1, 3);
    play_hold(play, 3, 1);
    play_wait_ms(play, 3000); /* the links between 1 and 3 are given up */
    play_say(play, 3, "set k two");
    play_hold(play, 1, 2);
    play_ask(play, 1, "get k");
    play_wait_ms(play, 20);
    play_free(play, 1, 3);
    play_free(play, 3, 1);
    play_wait_ms(play, 300);
    play_look_at_all(play, "k");
    play_evict(play, 2, "k");
    play_evict(play, 3, "k");
    play_look_at_all(play, "k");
    play_free(play, 1, 2);
    play_hear(play, 1);
}

Test(moments, the_answers_to_one_read_are_of_different_moments)
{
    struct play play;

    answers_of_different_moments(&play);
    play_end(&play, "-- the clock of 1 is 300 ms ahead\n"
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
    play_without(11, answers_of_different_moments, "1 > $3 one\n");
}

static const struct world_settings five = {
    .nodes = 5, .replicas = 5, .read_level = LEVEL_ONE, .write_level = LEVEL_ALL, .partitions = 1};

/* At W = N and R = 1. The write of 1 is on its way to 3, 4 and 5 while 2, which has acknowledged
 * it, crashes; 2 recovers without 1. With three replicas it could not: it asks two that vote. */
static void a_stale_acknowledgement(struct play *play)
{
    play_begin_with(play, &five);
    play_say(play, 1, "set k one");
    for (unsigned i = 3; i <= 5; i++)
        play_hold(play, 1, i);
    play_ask(play, 1, "set k two");
    play_wait_ms(play, 5);
    play_kill(play, 2);
    play_part(play, 1, 2);
    play_start(play, 2);
    play_wait_ms(play, 350);
    play_look(play, 2, "k");
    for (unsigned i = 3; i <= 5; i++)
        play_free(play, 1, i);
    play_hear(play, 1);
    play_wait_ms(play, 500);
    play_say(play, 2, "get k");
}

Test(moments, an_acknowledgement_given_before_a_crash)
{
    struct play play;

    a_stale_acknowledgement(&play);
    play_end(&play, "1 < set k one\n"
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
    play_without(15, a_stale_acknowledgement,
                 "2 < get k\n"
                 "2 > $3 one\n");
}

Test(moments, an_acknowledgement_given_before_a_crash_of_one_of_three)
{
    struct world_settings all = play_three;
    struct play play;

    all.read_level = LEVEL_ONE;
    all.write_level = LEVEL_ALL;
    play_begin_with(&play, &all);
    play_say(&play, 1, "set k one");
    play_hold(&play, 1, 3);
    play_ask(&play, 1, "set k two");
    play_wait_ms(&play, 5);
    play_kill(&play, 2);
    play_start(&play, 2);
    play_wait_ms(&play, 350);
    play_free(&play, 1, 3);
    play_hear(&play, 1);
    play_say(&play, 2, "get k");
    play_wait_ms(&play, 500);
    play_look(&play, 2, "k");
    play_say(&play, 2, "get k");
    play_end(&play, "1 < set k one\n"
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
static void a_coordinator_that_was_stopped(struct play *play)
{
    struct world_settings quorum = five;

    quorum.read_level = quorum.write_level = LEVEL_QUORUM;
    play_begin_with(play, &quorum);
    play_say(play, 1, "set k one");
    for (unsigned i = 3; i <= 5; i++)
        play_hold(play, 1, i);
    play_ask(play, 1, "set k two");
    play_wait_ms(play, 5);
    play_pause(play, 1);
    play_kill(play, 2);
    play_start(play, 2);
    play_wait_ms(play, 2000);
    play_look(play, 2, "k");
    play_free(play, 1, 3);
    play_wait_ms(play, 5);
    play_part(play, 1, 2);
    play_part(play, 3, 2);
    play_resume(play, 1);
    play_hear(play, 1);
    play_say(play, 2, "get k");
}

Test(moments, an_acknowledgement_given_before_a_crash_and_a_coordinator_that_was_stopped)
{
    struct play play;

    a_coordinator_that_was_stopped(&play);
    play_end(&play,
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
    play_without(15, a_coordinator_that_was_stopped,
                 "1 > +OK\n"
                 "2 < get k\n"
                 "2>3 read k, has +500.0@1\n"
                 "2>5 read k, has +500.0@1\n"
                 "5>2 answer: same\n"
                 "2>4 read k, has +500.0@1\n"
                 "4>2 answer: same\n"
                 "2 > $3 one\n");
}
