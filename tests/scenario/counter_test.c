/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters that two coordinators add to (value/counter.h).
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/play.h"

TestSuite(counter, .timeout = TIMEOUT_S(30));

Test(counter, two_coordinators_that_are_kept_apart_lose_no_addition)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set n 5");
    play_part_from_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_say(&play, 1, "at one incr n");
    play_say(&play, 2, "at one incrby n 10");
    play_say(&play, 1, "at one incr n");
    play_say(&play, 2, "at one incrby n 10");
    play_join_with_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "n");
    play_say(&play, 3, "get n");
    play_end(&play,
             "1 < set n 5\n"
             "1>2 write n: +500.0@1 '5' over none\n"
             "1>3 write n: +500.0@1 '5' over none\n"
             "2>1 ack: ok\n"
             "3>1 ack: ok\n"
             "1 > +OK\n"
             "-- 1 and 2 are parted\n"
             "-- 1 and 3 are parted\n"
             "1 < at one incr n\n"
             "1 > :6\n"
             "2 < at one incrby n 10\n"
             "2>3 write n: +2510.0@2 counter '15' base +500.0@1 +2510.0@2:+10 over +500.0@1\n"
             "2 > :15\n"
             "3>2 ack: ok\n"
             "1 < at one incr n\n"
             "1 > :7\n"
             "2 < at one incrby n 10\n"
             "2>3 write n: +2520.0@2 counter '25' base +500.0@1 +2510.0@2:+20 over +2510.0@2\n"
             "2 > :25\n"
             "3>2 ack: ok\n"
             "-- 1 and 2 are joined\n"
             "-- 1 and 3 are joined\n"
             "2>1 write n: +2510.0@2 counter '15' base +500.0@1 +2510.0@2:+10 over +2510.0@2\n"
             "2>1 write n: +2520.0@2 counter '25' base +500.0@1 +2510.0@2:+20 over +2520.0@2\n"
             "1>2 write n: +2505.0@1 counter '6' base +500.0@1 +2505.0@1:+1 over +2505.0@1\n"
             "1>2 write n: +2515.0@1 counter '7' base +500.0@1 +2505.0@1:+2 over +2515.0@1\n"
             "1>3 write n: +2505.0@1 counter '6' base +500.0@1 +2505.0@1:+1 over +2505.0@1\n"
             "1>3 write n: +2515.0@1 counter '7' base +500.0@1 +2505.0@1:+2 over +2515.0@1\n"
             "1>2 ack: ok\n"
             "1>2 ack: ok\n"
             "2>1 ack: ok\n"
             "2>1 ack: ok\n"
             "3>1 ack: ok\n"
             "3>1 ack: ok\n"
             "1 has n: +2520.0@2 counter '27' base +500.0@1 +2505.0@1:+2 +2510.0@2:+20\n"
             "2 has n: +2520.0@2 counter '27' base +500.0@1 +2505.0@1:+2 +2510.0@2:+20\n"
             "3 has n: +2520.0@2 counter '27' base +500.0@1 +2505.0@1:+2 +2510.0@2:+20\n"
             "3 < get n\n"
             "3>2 read n, has +2520.0@2\n"
             "2>3 answer: same\n"
             "3 > $2 27\n");
}

Test(counter, a_key_that_two_begin_to_count_in_has_both)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_part_from_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_say(&play, 1, "at one incr n");
    play_say(&play, 2, "at one incrby n 10");
    play_join_with_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "n");
    play_say(&play, 3, "incr n");
    play_end(
        &play,
        "-- 1 and 2 are parted\n"
        "-- 1 and 3 are parted\n"
        "1 < at one incr n\n"
        "1 > :1\n"
        "2 < at one incrby n 10\n"
        "2>3 write n: +2505.0@2 counter '10' base +254.65535@65535 +2505.0@2:+10 over none\n"
        "2 > :10\n"
        "3>2 ack: ok\n"
        "-- 1 and 2 are joined\n"
        "-- 1 and 3 are joined\n"
        "1>2 write n: +2500.0@1 counter '1' base +254.65535@65535 +2500.0@1:+1 over +2500.0@1\n"
        "1>3 write n: +2500.0@1 counter '1' base +254.65535@65535 +2500.0@1:+1 over +2500.0@1\n"
        "2>1 write n: +2505.0@2 counter '10' base +254.65535@65535 +2505.0@2:+10 over +2505.0@2\n"
        "2>1 ack: ok\n"
        "3>1 ack: ok\n"
        "1>2 ack: ok\n"
        "1 has n: +2505.0@2 counter '11' base +254.65535@65535 +2500.0@1:+1 +2505.0@2:+10\n"
        "2 has n: +2505.0@2 counter '11' base +254.65535@65535 +2500.0@1:+1 +2505.0@2:+10\n"
        "3 has n: +2505.0@2 counter '11' base +254.65535@65535 +2500.0@1:+1 +2505.0@2:+10\n"
        "3 < incr n\n"
        "3>2 forward: incr n\n"
        "2>1 read n, has +2505.0@2\n"
        "1>2 answer: same\n"
        "2>1 write n: +4510.0@2 counter '12' base +254.65535@65535 +2500.0@1:+1 +2505.0@2:+11 over "
        "+2505.0@2\n"
        "2>3 write n: +4510.0@2 counter '12' base +254.65535@65535 +2500.0@1:+1 +2505.0@2:+11 over "
        "+2505.0@2\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2>3 reply: ok, 5 bytes\n"
        "3 > :12\n");
}

Test(counter, who_restarted_opens_another_share_and_later_folds_the_first)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 2, "incr n");
    play_say(&play, 2, "incr n");
    play_kill(&play, 2);
    play_start(&play, 2);
    play_recover(&play, 2);
    play_wait_ms(&play, 1000);
    play_say(&play, 2, "incr n");
    play_look(&play, 1, "n");
    play_wait_ms(&play, 3000);
    play_say(&play, 2, "incr n");
    play_look(&play, 1, "n");
    play_end(
        &play,
        "2 < incr n\n"
        "2>1 read n, has none\n"
        "1>2 absent\n"
        "2>1 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
        "2>3 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2 > :1\n"
        "2 < incr n\n"
        "2>1 read n, has +500.0@2\n"
        "1>2 answer: same\n"
        "2>1 write n: +505.0@2 counter '2' base +254.65535@65535 +500.0@2:+2 over +500.0@2\n"
        "2>3 write n: +505.0@2 counter '2' base +254.65535@65535 +500.0@2:+2 over +500.0@2\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2 > :2\n"
        "-- 2 is killed\n"
        "-- 2 starts, empty\n"
        "2>1 compare 0\n"
        "2>3 compare 0\n"
        "1>2 compared: version\n"
        "3>2 compared: version\n"
        "2>1 pull 0: leaves ffff from 0\n"
        "1>2 chunk: version, 55 bytes, next 0\n"
        "2>3 pull 0: leaves 0000 from 0\n"
        "3>2 chunk: version, 0 bytes, next 0\n"
        "-- 2 votes\n"
        "2>1 compare 0\n"
        "2>3 compare 0\n"
        "1>2 compared: version\n"
        "3>2 compared: version\n"
        "2>1 pull 0: leaves 0000 from 0\n"
        "2>3 pull 0: leaves 0000 from 0\n"
        "1>2 chunk: version, 0 bytes, next 0\n"
        "3>2 chunk: version, 0 bytes, next 0\n"
        "2 < incr n\n"
        "2>1 read n, has +505.0@2\n"
        "1>2 answer: same\n"
        "2>1 write n: +4500.1@2 counter '3' base +254.65535@65535 +500.0@2:+2 +4500.1@2:+1 over "
        "+505.0@2\n"
        "2>3 write n: +4500.1@2 counter '3' base +254.65535@65535 +500.0@2:+2 +4500.1@2:+1 over "
        "+505.0@2\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2 > :3\n"
        "1 has n: +4500.1@2 counter '3' base +254.65535@65535 +500.0@2:+2 +4500.1@2:+1\n"
        "2 < incr n\n"
        "2>1 read n, has +4500.1@2\n"
        "1>2 answer: same\n"
        "2>1 write n: +5017.0@2 counter '4' base +254.65535@65535 +4500.1@2:+4f over +4500.1@2\n"
        "2>3 write n: +5017.0@2 counter '4' base +254.65535@65535 +4500.1@2:+4f over +4500.1@2\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2 > :4\n"
        "1 has n: +5017.0@2 counter '4' base +254.65535@65535 +4500.1@2:+4f\n");
}

Test(counter, a_set_covers_what_was_added_beside_it_unseen)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 2, "incr n");
    play_part_from_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_say(&play, 1, "at one incr n");
    play_say(&play, 2, "set n 100");
    play_say(&play, 1, "at one incr n");
    play_say(&play, 2, "incr n");
    play_join_with_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "n");
    play_say(&play, 3, "get n");
    play_end(&play,
             "2 < incr n\n"
             "2>1 read n, has none\n"
             "1>2 absent\n"
             "2>1 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
             "2>3 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
             "1>2 ack: ok\n"
             "3>2 ack: ok\n"
             "2 > :1\n"
             "-- 1 and 2 are parted\n"
             "-- 1 and 3 are parted\n"
             "1 < at one incr n\n"
             "1 > :2\n"
             "2 < set n 100\n"
             "2>3 write n: +2510.0@2 '100' over +500.0@2\n"
             "3>2 ack: ok\n"
             "2 > +OK\n"
             "1 < at one incr n\n"
             "1 > :3\n"
             "2 < incr n\n"
             "2>3 read n, has +2510.0@2\n"
             "3>2 answer: same\n"
             "2>3 write n: +2520.0@2 counter '101' base +2510.0@2 +2520.0@2:+1 over +2510.0@2\n"
             "3>2 ack: ok\n"
             "2 > :101\n"
             "-- 1 and 2 are joined\n"
             "-- 1 and 3 are joined\n"
             "1>2 write n: +2505.0@1 counter '2' base +254.65535@65535 +2505.0@1:+1 +500.0@2:+1 "
             "over +2505.0@1\n"
             "1>2 write n: +2515.0@1 counter '3' base +254.65535@65535 +2505.0@1:+2 +500.0@2:+1 "
             "over +2515.0@1\n"
             "1>3 write n: +2505.0@1 counter '2' base +254.65535@65535 +2505.0@1:+1 +500.0@2:+1 "
             "over +2505.0@1\n"
             "1>3 write n: +2515.0@1 counter '3' base +254.65535@65535 +2505.0@1:+2 +500.0@2:+1 "
             "over +2515.0@1\n"
             "2>1 write n: +2510.0@2 '100' over +2510.0@2\n"
             "2>1 write n: +2520.0@2 counter '101' base +2510.0@2 +2520.0@2:+1 over +2520.0@2\n"
             "2>1 ack: newer, knows +2520.0@2\n"
             "2>1 ack: newer, knows +2520.0@2\n"
             "3>1 ack: newer, knows +2520.0@2\n"
             "3>1 ack: newer, knows +2520.0@2\n"
             "1>2 ack: ok\n"
             "1>2 ack: ok\n"
             "1 has n: +2520.0@2 counter '101' base +2510.0@2 +2520.0@2:+1\n"
             "2 has n: +2520.0@2 counter '101' base +2510.0@2 +2520.0@2:+1\n"
             "3 has n: +2520.0@2 counter '101' base +2510.0@2 +2520.0@2:+1\n"
             "3 < get n\n"
             "3>2 read n, has +2520.0@2\n"
             "2>3 answer: same\n"
             "3 > $3 101\n");
}

Test(counter, who_restarted_adds_to_no_share_of_which_others_may_have_a_later_state)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 2, "incr n");
    play_hold(&play, 2, 1);
    play_hold(&play, 2, 3);
    play_say(&play, 1, "consistency read one write quorum");
    play_say(&play, 3, "consistency read one write quorum");
    play_ask(&play, 1, "incrby n 10");
    play_ask(&play, 3, "incrby n 10");
    play_wait_ms(&play, 20);
    play_copy(&play);
    play_kill(&play, 2);
    play_part_from_all(&play, 2);
    play_free(&play, 2, 1);
    play_free(&play, 2, 3);
    play_join_with_all(&play, 2);
    play_hear(&play, 1);
    play_hear(&play, 3);
    play_start(&play, 2);
    play_recover(&play, 2);
    play_wait_ms(&play, 1000);
    play_say(&play, 2, "incrby n 100");
    play_copy_arrives(&play, 3);
    play_wait_ms(&play, 10);
    play_look_at_all(&play, "n");
    play_say(&play, 3, "at all get n");
    play_end(
        &play,
        "2 < incr n\n"
        "2>1 read n, has none\n"
        "1>2 absent\n"
        "2>1 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
        "2>3 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2 > :1\n"
        "-- what 2 sends to 1 is held up\n"
        "-- what 2 sends to 3 is held up\n"
        "1 < consistency read one write quorum\n"
        "1 > +OK\n"
        "3 < consistency read one write quorum\n"
        "3 > +OK\n"
        "1 < incrby n 10\n"
        "3 < incrby n 10\n"
        "1>2 forward: incrby n 10\n"
        "3>2 forward: incrby n 10\n"
        "2>1 write n: +515.0@2 counter '11' base +254.65535@65535 +500.0@2:+11 over +500.0@2\n"
        "2>1 write n: +515.1@2 counter '21' base +254.65535@65535 +500.0@2:+21 over +515.0@2\n"
        "2>3 write n: +515.0@2 counter '11' base +254.65535@65535 +500.0@2:+11 over +500.0@2\n"
        "2>3 write n: +515.1@2 counter '21' base +254.65535@65535 +500.0@2:+21 over +515.0@2\n"
        "-- 2 is killed\n"
        "-- 2 and 1 are parted\n"
        "-- 2 and 3 are parted\n"
        "-- what 2 sends to 1 arrives\n"
        "-- what 2 sends to 3 arrives\n"
        "-- 2 and 1 are joined\n"
        "-- 2 and 3 are joined\n"
        "1 > -NOQUORUM needed 2 of 3, got 0 in 21 ms; the write may still take effect\n"
        "3 > -NOQUORUM needed 2 of 3, got 0 in 21 ms; the write may still take effect\n"
        "-- 2 starts, empty\n"
        "2>1 compare 0\n"
        "2>3 compare 0\n"
        "1>2 compared: version\n"
        "3>2 compared: version\n"
        "2>1 pull 0: leaves ffff from 0\n"
        "1>2 chunk: version, 55 bytes, next 0\n"
        "2>3 pull 0: leaves 0000 from 0\n"
        "3>2 chunk: version, 0 bytes, next 0\n"
        "-- 2 votes\n"
        "2>1 compare 0\n"
        "2>3 compare 0\n"
        "1>2 compared: version\n"
        "3>2 compared: version\n"
        "2>1 pull 0: leaves 0000 from 0\n"
        "2>3 pull 0: leaves 0000 from 0\n"
        "1>2 chunk: version, 0 bytes, next 0\n"
        "3>2 chunk: version, 0 bytes, next 0\n"
        "2 < incrby n 100\n"
        "2>1 read n, has +500.0@2\n"
        "1>2 answer: same\n"
        "2>1 write n: +4500.1@2 counter '101' base +254.65535@65535 +500.0@2:+1 +4500.1@2:+100 "
        "over +500.0@2\n"
        "2>3 write n: +4500.1@2 counter '101' base +254.65535@65535 +500.0@2:+1 +4500.1@2:+100 "
        "over +500.0@2\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2 > :101\n"
        "-- late at 3: write n: +515.1@2 counter '21' base +254.65535@65535 +500.0@2:+21 over "
        "+515.1@2; ack: ok\n"
        "1 has n: +4500.1@2 counter '101' base +254.65535@65535 +500.0@2:+1 +4500.1@2:+100\n"
        "2 has n: +4500.1@2 counter '101' base +254.65535@65535 +500.0@2:+1 +4500.1@2:+100\n"
        "3 has n: +4500.1@2 counter '121' base +254.65535@65535 +500.0@2:+21 +4500.1@2:+100\n"
        "3 < at all get n\n"
        "3>1 read n, has +4500.1@2\n"
        "3>2 read n, has +4500.1@2\n"
        "1>3 answer: version +4500.1@2 counter '101' base +254.65535@65535 +500.0@2:+1 "
        "+4500.1@2:+100\n"
        "2>3 answer: version +4500.1@2 counter '101' base +254.65535@65535 +500.0@2:+1 "
        "+4500.1@2:+100\n"
        "3>1 write n: +4500.1@2 counter '121' base +254.65535@65535 +500.0@2:+21 +4500.1@2:+100 "
        "over +4500.1@2\n"
        "3>2 write n: +4500.1@2 counter '121' base +254.65535@65535 +500.0@2:+21 +4500.1@2:+100 "
        "over +4500.1@2\n"
        "1>3 ack: ok\n"
        "2>3 ack: ok\n"
        "3 > $3 121\n");
}

Test(counter, an_addition_under_a_set_that_it_did_not_see_is_made_again_above_it)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 2, "incr n");
    play_say(&play, 2, "consistency read one write quorum");
    play_hold(&play, 1, 2);
    play_hold(&play, 2, 1);
    play_hold(&play, 2, 3);
    play_ask(&play, 2, "incrby n 10");
    play_wait_ms(&play, 20);
    play_say(&play, 1, "at one set n 100");
    play_wait_ms(&play, 20);
    play_free(&play, 2, 3);
    play_hear(&play, 2);
    play_look(&play, 2, "n");
    play_look(&play, 3, "n");
    play_free(&play, 1, 2);
    play_free(&play, 2, 1);
    play_wait_ms(&play, 50);
    play_look_at_all(&play, "n");
    play_end(
        &play,
        "2 < incr n\n"
        "2>1 read n, has none\n"
        "1>2 absent\n"
        "2>1 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
        "2>3 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
        "1>2 ack: ok\n"
        "3>2 ack: ok\n"
        "2 > :1\n"
        "2 < consistency read one write quorum\n"
        "2 > +OK\n"
        "-- what 1 sends to 2 is held up\n"
        "-- what 2 sends to 1 is held up\n"
        "-- what 2 sends to 3 is held up\n"
        "2 < incrby n 10\n"
        "2>1 write n: +510.0@2 counter '11' base +254.65535@65535 +500.0@2:+11 over +500.0@2\n"
        "2>3 write n: +510.0@2 counter '11' base +254.65535@65535 +500.0@2:+11 over +500.0@2\n"
        "1 < at one set n 100\n"
        "1>2 write n: +530.0@1 '100' over +500.0@2\n"
        "1>3 write n: +530.0@1 '100' over +500.0@2\n"
        "1 > +OK\n"
        "3>1 ack: ok\n"
        "-- what 2 sends to 3 arrives\n"
        "3>2 ack: newer, knows +530.0@1\n"
        "2>1 write n: +578.0@2 counter '11' base +254.65535@65535 +500.0@2:+1 +578.0@2:+10 over "
        "+510.0@2\n"
        "2>3 write n: +578.0@2 counter '11' base +254.65535@65535 +500.0@2:+1 +578.0@2:+10 over "
        "+510.0@2\n"
        "3>2 ack: ok\n"
        "2 > :11\n"
        "2 has n: +578.0@2 counter '11' base +254.65535@65535 +500.0@2:+1 +578.0@2:+10\n"
        "3 has n: +578.0@2 counter '110' base +530.0@1 +578.0@2:+10\n"
        "-- what 1 sends to 2 arrives\n"
        "-- what 2 sends to 1 arrives\n"
        "2>1 ack: newer, knows +578.0@2\n"
        "1>2 ack: newer, knows +530.0@1\n"
        "1>2 ack: ok\n"
        "1 has n: +578.0@2 counter '110' base +530.0@1 +578.0@2:+10\n"
        "2 has n: +578.0@2 counter '110' base +530.0@1 +578.0@2:+10\n"
        "3 has n: +578.0@2 counter '110' base +530.0@1 +578.0@2:+10\n");
}

Test(counter, transactions_on_two_sides_both_count)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set n 5");
    play_part_from_all(&play, 1);
    play_wait_ms(&play, 2000);
    for (unsigned node = 1; node <= 2; node++) {
        play_say(&play, node, "consistency read one write one");
        play_say(&play, node, "multi");
        play_say(&play, node, "incr n");
        play_say(&play, node, "append s x");
        play_say(&play, node, "incrby n 10");
        play_say(&play, node, "exec");
    }
    play_join_with_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "n");
    play_end(&play, "1 < set n 5\n"
                    "1>2 write n: +500.0@1 '5' over none\n"
                    "1>3 write n: +500.0@1 '5' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 and 2 are parted\n"
                    "-- 1 and 3 are parted\n"
                    "1 < consistency read one write one\n"
                    "1 > +OK\n"
                    "1 < multi\n"
                    "1 > +OK\n"
                    "1 < incr n\n"
                    "1 > +QUEUED\n"
                    "1 < append s x\n"
                    "1 > +QUEUED\n"
                    "1 < incrby n 10\n"
                    "1 > +QUEUED\n"
                    "1 < exec\n"
                    "1 > *3 :6 :1 :16\n"
                    "2 < consistency read one write one\n"
                    "2 > +OK\n"
                    "2 < multi\n"
                    "2 > +OK\n"
                    "2 < incr n\n"
                    "2 > +QUEUED\n"
                    "2 < append s x\n"
                    "2 > +QUEUED\n"
                    "2 < incrby n 10\n"
                    "2 > +QUEUED\n"
                    "2 < exec\n"
                    "2>3 write n: +2561.0@2 batch of 104 bytes over none\n"
                    "2 > *3 :6 :1 :16\n"
                    "3>2 ack: ok\n"
                    "-- 1 and 2 are joined\n"
                    "-- 1 and 3 are joined\n"
                    "2>1 write n: +2561.0@2 batch of 104 bytes over +2561.0@2\n"
                    "1>2 write n: +2530.0@1 batch of 104 bytes over +2530.0@1\n"
                    "1>3 write n: +2530.0@1 batch of 104 bytes over +2530.0@1\n"
                    "1>2 ack: ok\n"
                    "2>1 ack: newer, knows +2561.0@2\n"
                    "3>1 ack: newer, knows +2561.0@2\n"
                    "1 has n: +2561.0@2 counter '27' base +500.0@1 +2530.0@1:+11 +2561.0@2:+11\n"
                    "2 has n: +2561.0@2 counter '27' base +500.0@1 +2530.0@1:+11 +2561.0@2:+11\n"
                    "3 has n: +2561.0@2 counter '27' base +500.0@1 +2530.0@1:+11 +2561.0@2:+11\n");
}

Test(counter, one_that_was_deleted_meanwhile_has_what_was_added_after)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 2, "incr n");
    play_part_from_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_say(&play, 1, "at one incr n");
    play_say(&play, 2, "del n");
    play_say(&play, 1, "at one incr n");
    play_join_with_all(&play, 1);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "n");
    play_say(&play, 3, "get n");
    play_say(&play, 3, "incr n");
    play_wait_ms(&play, 3000);
    play_look_at_all(&play, "n");
    play_end(&play,
             "2 < incr n\n"
             "2>1 read n, has none\n"
             "1>2 absent\n"
             "2>1 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
             "2>3 write n: +500.0@2 counter '1' base +254.65535@65535 +500.0@2:+1 over none\n"
             "1>2 ack: ok\n"
             "3>2 ack: ok\n"
             "2 > :1\n"
             "-- 1 and 2 are parted\n"
             "-- 1 and 3 are parted\n"
             "1 < at one incr n\n"
             "1 > :2\n"
             "2 < del n\n"
             "2>3 read n, has +500.0@2\n"
             "3>2 answer: same\n"
             "2>3 write n: +2510.0@2 deleted of 0 bytes over +500.0@2\n"
             "3>2 ack: ok\n"
             "2 > :1\n"
             "1 < at one incr n\n"
             "1 > :3\n"
             "-- 1 and 2 are joined\n"
             "-- 1 and 3 are joined\n"
             "1>2 write n: +2505.0@1 counter '2' base +254.65535@65535 +2505.0@1:+1 +500.0@2:+1 "
             "over +2505.0@1\n"
             "1>2 write n: +2515.0@1 counter '3' base +254.65535@65535 +2505.0@1:+2 +500.0@2:+1 "
             "over +2515.0@1\n"
             "1>3 write n: +2505.0@1 counter '2' base +254.65535@65535 +2505.0@1:+1 +500.0@2:+1 "
             "over +2505.0@1\n"
             "1>3 write n: +2515.0@1 counter '3' base +254.65535@65535 +2505.0@1:+2 +500.0@2:+1 "
             "over +2515.0@1\n"
             "2>1 write n: +2510.0@2 deleted of 0 bytes over +2510.0@2\n"
             "2>1 ack: newer, knows +2510.0@2\n"
             "2>1 ack: newer, knows +2515.0@1\n"
             "3>1 ack: newer, knows +2510.0@2\n"
             "3>1 ack: newer, knows +2515.0@1\n"
             "1>2 ack: ok\n"
             "1 has n: nothing\n"
             "2 has n: nothing\n"
             "3 has n: nothing\n"
             "3 < get n\n"
             "3>2 read n, has none\n"
             "2>3 absent\n"
             "3 > $-1\n"
             "3 < incr n\n"
             "3>2 forward: incr n\n"
             "2>1 read n, has none\n"
             "1>2 absent\n"
             "2>1 write n: +4526.0@2 counter '1' base +4354.65535@65535 +4526.0@2:+1 over none\n"
             "2>3 write n: +4526.0@2 counter '1' base +4354.65535@65535 +4526.0@2:+1 over none\n"
             "1>2 ack: ok\n"
             "3>2 ack: ok\n"
             "2>3 reply: ok, 4 bytes\n"
             "3 > :1\n"
             "1 has n: +4526.0@2 counter '1' base +4354.65535@65535 +4526.0@2:+1\n"
             "2 has n: +4526.0@2 counter '1' base +4354.65535@65535 +4526.0@2:+1\n"
             "3 has n: +4526.0@2 counter '1' base +4354.65535@65535 +4526.0@2:+1\n");
}
