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
        "2>1 compare 0\n"
        "2>3 compare 0\n"
        "-- 2 votes\n"
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
