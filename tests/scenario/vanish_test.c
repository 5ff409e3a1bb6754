/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is deleted, evicted, expired or overwritten does not come back.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/play.h"

TestSuite(vanish, .timeout = TIMEOUT_S(30));

/* Two replicas talk to each other, the coordinator of what the third missed does not. */
static void pause_and_join(struct play *play, unsigned coordinator, unsigned a, unsigned b)
{
    play_pause(play, coordinator);
    play_wait_ms(play, 1000); /* the others see it */
    play_join(play, a, b);
    play_wait_ms(play, 1000);
}

static void resume_and_join(struct play *play, unsigned coordinator, unsigned other)
{
    play_join(play, coordinator, other);
    play_resume(play, coordinator);
    play_wait_ms(play, 3000);
}

/* ---- what may not come back ---- */

static void a_late_hint_after_a_delete(struct play *play)
{
    play_begin_with(play, &play_three);
    play_part_from_all(play, 3);
    play_say(play, 1, "set k one");
    play_join_with_all(play, 3);
    play_wait_ms(play, 1500);
    play_copy(play);
    play_say(play, 1, "del k");
    play_wait_ms(play, 1500); /* the delete is settled, and forgotten */
    play_look_at_all(play, "k");
    play_copy_arrives(play, 3);
    play_say(play, 3, "at one get k");
}

Test(vanish, a_late_hint_after_a_delete)
{
    struct play play;

    a_late_hint_after_a_delete(&play);
    play_end(
        &play,
        "-- 3 and 1 are parted\n"
        "-- 3 and 2 are parted\n"
        "1 < set k one\n"
        "1>2 write k: +500.0@1 'one' over none\n"
        "1>3 write k: +500.0@1 'one' over none\n"
        "2>1 ack: ok\n"
        "1 > +OK\n"
        "-- 3 and 1 are joined\n"
        "-- 3 and 2 are joined\n"
        "1>3 write k: +500.0@1 'one' over +500.0@1\n"
        "3>1 ack: ok\n"
        "1 < del k\n"
        "1>2 forward: del k\n"
        "2>1 read k, has +500.0@1\n"
        "1>2 answer: same\n"
        "2>1 write k: +2005.0@2 deleted of 0 bytes over +500.0@1\n"
        "2>3 write k: +2005.0@2 deleted of 0 bytes over +500.0@1\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2>1 reply: ok, 4 bytes\n"
        "1 > :1\n"
        "1 has k: nothing\n"
        "2 has k: nothing\n"
        "3 has k: nothing\n"
        "-- late at 3: write k: +500.0@1 'one' over +500.0@1; ack: newer, knows +3354.65535@65535\n"
        "3 < at one get k\n"
        "3 > $-1\n");
}

Test(vanish, without_rule_9_a_late_hint_brings_back_what_was_deleted)
{
    play_without(9, a_late_hint_after_a_delete,
                 "3 < at one get k\n"
                 "3 > $3 one\n");
}

/* The same before it is settled: what was evicted meanwhile has left a mark. */
static void a_late_hint_after_an_eviction(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one");
    play_copy(play);
    play_part_from_all(play, 3);
    play_say(play, 1, "set k two");
    play_evict(play, 2, "k");
    play_copy_arrives(play, 2);
    play_look(play, 2, "k");
    play_say(play, 2, "at one get k");
}

Test(vanish, a_late_hint_after_an_eviction)
{
    struct play play;

    a_late_hint_after_an_eviction(&play);
    play_end(&play,
             "1 < set k one\n"
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
             "-- 2 evicts k\n"
             "-- late at 2: write k: +500.0@1 'one' over +500.0@1; ack: newer, knows +505.0@1\n"
             "2 has k: nothing, mark +505.0@1\n"
             "2 < at one get k\n"
             "2 > $-1\n");
}

Test(vanish, without_rule_8_a_late_hint_takes_the_place_of_what_was_evicted)
{
    play_without(8, a_late_hint_after_an_eviction,
                 "2 < at one get k\n"
                 "2 > $3 one\n");
}

/* A delete runs at the first replica of the claim, which is 2. */
static void a_delete_that_a_replica_missed(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 2, "del k");
    pause_and_join(play, 2, 1, 3);
    play_look_at_all(play, "k");
    play_say(play, 3, "get k");
}

Test(vanish, a_delete_that_a_replica_missed)
{
    struct play play;

    a_delete_that_a_replica_missed(&play);
    resume_and_join(&play, 2, 3);
    play_look_at_all(&play, "k");
    play_say(&play, 3, "at one get k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "2 < del k\n"
                    "2>1 read k, has +500.0@1\n"
                    "1>2 answer: same\n"
                    "2>1 write k: +505.0@2 deleted of 0 bytes over +500.0@1\n"
                    "2>3 write k: +505.0@2 deleted of 0 bytes over +500.0@1\n"
                    "1>2 ack: ok\n"
                    "2 > :1\n"
                    "-- 2 is paused\n"
                    "-- 1 and 3 are joined\n"
                    "1 has k: +505.0@2 deleted of 0 bytes\n"
                    "2 has k: +505.0@2 deleted of 0 bytes\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 < get k\n"
                    "3>1 read k, has +500.0@1\n"
                    "1>3 answer: version +505.0@2 deleted of 0 bytes\n"
                    "3 > $-1\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 goes on\n"
                    "2>3 write k: +505.0@2 deleted of 0 bytes over +505.0@2\n"
                    "3>2 ack: ok\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: nothing\n"
                    "3 < at one get k\n"
                    "3 > $-1\n");
}

Test(vanish, without_rule_6_a_delete_is_forgotten_before_all_have_it)
{
    play_without(6, a_delete_that_a_replica_missed, "3 > $3 one\n");
}

static void evicted_on_two(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 1, "set k two");
    play_evict(play, 1, "k");
    play_evict(play, 2, "k");
    pause_and_join(play, 1, 2, 3);
    play_look_at_all(play, "k");
    play_say(play, 2, "get k");
    play_say(play, 3, "get k");
}

Test(vanish, evicted_on_two_replicas_while_the_third_holds_an_older_version)
{
    struct play play;

    evicted_on_two(&play);
    resume_and_join(&play, 1, 3);
    play_look_at_all(&play, "k");
    play_say(&play, 3, "at one get k");
    for (unsigned i = 1; i <= 3; i++)
        play_say(&play, i, "get k");
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
                    "-- 1 evicts k\n"
                    "-- 2 evicts k\n"
                    "-- 1 is paused\n"
                    "-- 2 and 3 are joined\n"
                    "1 has k: nothing, mark +505.0@1\n"
                    "2 has k: nothing, mark +505.0@1\n"
                    "3 has k: +500.0@1 'one'\n"
                    "2 < get k\n"
                    "2>3 read k, has none\n"
                    "3>2 answer: version +500.0@1 'one'\n"
                    "2 > $-1\n"
                    "3 < get k\n"
                    "3>2 read k, has +500.0@1\n"
                    "2>3 absent, mark +505.0@1\n"
                    "3 > $-1\n"
                    "-- 1 and 3 are joined\n"
                    "-- 1 goes on\n"
                    "1>3 write k: +505.0@1 'two' over +505.0@1\n"
                    "3>1 ack: ok\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: +505.0@1 'two'\n"
                    "3 < at one get k\n"
                    "3 > $3 two\n"
                    "1 < get k\n"
                    "1>2 read k, has none\n"
                    "2>1 absent\n"
                    "1 > $-1\n"
                    "2 < get k\n"
                    "2>1 read k, has none\n"
                    "1>2 absent\n"
                    "2 > $-1\n"
                    "3 < get k\n"
                    "3>2 read k, has +505.0@1\n"
                    "2>3 absent\n"
                    "3 > $3 two\n");
}

Test(vanish, without_rule_3_what_is_evicted_gives_way_to_something_older)
{
    play_without(3, evicted_on_two, "3 > $3 one\n");
}

Test(vanish, without_rule_4_a_mark_is_forgotten_before_all_have_what_left_it)
{
    play_without(4, evicted_on_two, "3 > $3 one\n");
}

/* There is no room for as many marks as there should be. */
static void evicted_and_the_mark_given_up(struct play *play)
{
    struct world_settings few_marks = play_three;

    few_marks.mark_slots = 8;
    play_begin_with(play, &few_marks);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 1, "set k two");
    play_evict_many(play, 2);
    pause_and_join(play, 1, 2, 3);
    play_look_at_all(play, "k");
    play_say(play, 3, "get k");
}

Test(vanish, a_mark_that_was_given_up_raised_the_floor)
{
    struct play play;

    evicted_and_the_mark_given_up(&play);
    resume_and_join(&play, 1, 3);
    play_look_at_all(&play, "k");
    play_say(&play, 3, "get k");
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
                    "-- 2 evicts k\n"
                    "-- 2 evicts k0\n"
                    "-- 2 evicts k1\n"
                    "-- 2 evicts k2\n"
                    "-- 2 evicts k3\n"
                    "-- 2 evicts k4\n"
                    "-- 2 evicts k5\n"
                    "-- 1 is paused\n"
                    "-- 2 and 3 are joined\n"
                    "1 has k: +505.0@1 'two'\n"
                    "2 has k: nothing\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 < get k\n"
                    "3>2 read k, has +500.0@1\n"
                    "2>3 absent\n"
                    "3 > $-1\n"
                    "-- 1 and 3 are joined\n"
                    "-- 1 goes on\n"
                    "1>3 write k: +505.0@1 'two' over +505.0@1\n"
                    "1>3 write k0: +510.0@1 'x' over +510.0@1\n"
                    "1>3 write k1: +515.0@1 'x' over +515.0@1\n"
                    "1>3 write k2: +520.0@1 'x' over +520.0@1\n"
                    "1>3 write k3: +526.0@1 'x' over +526.0@1\n"
                    "1>3 write k4: +531.0@1 'x' over +531.0@1\n"
                    "1>3 write k5: +536.0@1 'x' over +536.0@1\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 has k: +505.0@1 'two'\n"
                    "2 has k: nothing\n"
                    "3 has k: +505.0@1 'two'\n"
                    "3 < get k\n"
                    "3>2 read k, has +505.0@1\n"
                    "2>3 absent\n"
                    "3>1 read k, has +505.0@1\n"
                    "1>3 answer: same\n"
                    "3 > $3 two\n");
}

Test(vanish, without_rule_5_a_mark_is_given_up_for_nothing)
{
    play_without(5, evicted_and_the_mark_given_up, "3 > $3 one\n");
}

Test(vanish, without_rule_10_nothing_below_the_floor_votes)
{
    play_without(10, evicted_and_the_mark_given_up, "3 > $3 one\n");
}

/* ---- deadlines ---- */

static void a_short_deadline_over_a_long_one(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one px 600000");
    play_part_from_all(play, 3);
    play_say(play, 1, "set k two px 1000");
    play_wait_ms(play, 1000);
    pause_and_join(play, 1, 2, 3);
    play_look_at_all(play, "k");
    play_say(play, 2, "get k");
    play_say(play, 3, "get k");
    resume_and_join(play, 1, 3);
    play_look_at_all(play, "k");
    play_say(play, 3, "at one get k");
}

Test(vanish, a_short_deadline_over_a_long_one)
{
    struct play play;

    a_short_deadline_over_a_long_one(&play);
    play_end(&play, "1 < set k one px 600000\n"
                    "1>2 write k: +500.0@1 'one' until +600500 over none\n"
                    "1>3 write k: +500.0@1 'one' until +600500 over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set k two px 1000\n"
                    "1>2 write k: +505.0@1 'two' until +1505 over +500.0@1\n"
                    "1>3 write k: +505.0@1 'two' until +1505 over +500.0@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 is paused\n"
                    "-- 2 and 3 are joined\n"
                    "1 has k: nothing, mark +505.0@1\n"
                    "2 has k: nothing, mark +505.0@1\n"
                    "3 has k: +500.0@1 'one' until +600500\n"
                    "2 < get k\n"
                    "2>3 read k, has none\n"
                    "3>2 answer: version +500.0@1 'one' until +600500\n"
                    "2 > $-1\n"
                    "3 < get k\n"
                    "3>2 read k, has +500.0@1\n"
                    "2>3 absent, mark +505.0@1\n"
                    "3 > $-1\n"
                    "-- 1 and 3 are joined\n"
                    "-- 1 goes on\n"
                    "1>3 write k: +505.0@1 'two' until +1505 over +505.0@1\n"
                    "3>1 ack: ok\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: nothing\n"
                    "3 < at one get k\n"
                    "3 > $-1\n");
}

Test(vanish, without_rule_7_what_comes_too_late_covers_nothing)
{
    play_without(7, a_short_deadline_over_a_long_one,
                 "3 < at one get k\n"
                 "3 > $3 one\n");
}

/* Nobody but 1 has ever seen it alive. */
Test(vanish, what_expired_before_it_was_told)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set k one");
    play_part_from_all(&play, 1);
    play_say(&play, 1, "at one set k two px 300");
    play_wait_ms(&play, 1500);
    play_say(&play, 2, "get k");
    play_join_with_all(&play, 1);
    play_wait_ms(&play, 3000);
    play_look_at_all(&play, "k");
    for (unsigned i = 1; i <= 3; i++)
        play_say(&play, i, "at one get k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 and 2 are parted\n"
                    "-- 1 and 3 are parted\n"
                    "1 < at one set k two px 300\n"
                    "1>2 write k: +505.0@1 'two' until +805 over +500.0@1\n"
                    "1>3 write k: +505.0@1 'two' until +805 over +500.0@1\n"
                    "1 > +OK\n"
                    "2 < get k\n"
                    "2>3 read k, has +500.0@1\n"
                    "3>2 answer: same\n"
                    "2 > $3 one\n"
                    "-- 1 and 2 are joined\n"
                    "-- 1 and 3 are joined\n"
                    "1>2 write k: +505.0@1 'two' until +805 over +505.0@1\n"
                    "1>3 write k: +505.0@1 'two' until +805 over +505.0@1\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: nothing\n"
                    "1 < at one get k\n"
                    "1 > $-1\n"
                    "2 < at one get k\n"
                    "2 > $-1\n"
                    "3 < at one get k\n"
                    "3 > $-1\n");
}

Test(vanish, a_replica_without_room_does_not_keep_what_is_older)
{
    struct play play;
    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set k one");
    play_note(&play, "3 has no memory left");
    store_set_memory_max(play.world->nodes[3]->store, 1);
    play_say(&play, 1, "set k two-which-takes-more-memory-than-one-took");
    play_look(&play, 3, "k");
    play_say(&play, 3, "at one get k");
    play_say(&play, 3, "get k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 has no memory left\n"
                    "1 < set k two-which-takes-more-memory-than-one-took\n"
                    "1>2 write k: +505.0@1 'two-which-takes-more-mem' over +500.0@1\n"
                    "1>3 write k: +505.0@1 'two-which-takes-more-mem' over +500.0@1\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: full\n"
                    "1 > +OK\n"
                    "3 has k: nothing, mark +505.0@1\n"
                    "3 < at one get k\n"
                    "3 > $-1\n"
                    "3 < get k\n"
                    "3>2 read k, has none\n"
                    "2>3 answer: version +505.0@1 'two-which-takes-more-mem'\n"
                    "3 > $41 two-which-takes-more-memory-than-one-took\n");
}
