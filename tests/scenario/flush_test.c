/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FLUSHALL, where a replica misses it.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/play.h"

TestSuite(flush, .timeout = TIMEOUT_S(30));

static void a_flush_that_a_replica_missed(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 1, "flushall");
    play_wait_ms(play, 1000);
    play_say(play, 1, "set l two");
    play_look_at_all(play, "k");
    play_join_with_all(play, 3);
    play_wait_ms(play, 3000);
    play_look_at_all(play, "l");
    play_say(play, 3, "at one get k");
}

Test(flush, a_flush_reaches_the_replica_that_missed_it)
{
    struct play play;

    a_flush_that_a_replica_missed(&play);
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < flushall\n"
                    "1>2 flush: +509.1@1\n"
                    "1>3 flush: +509.1@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set l two\n"
                    "1>2 write l: +1510.0@1 'two' over +509.1@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: +500.0@1 'one'\n"
                    "-- 3 and 1 are joined\n"
                    "-- 3 and 2 are joined\n"
                    "1>3 flush: +509.1@1\n"
                    "1>3 write l: +1510.0@1 'two' over +1510.0@1\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 has l: +1510.0@1 'two'\n"
                    "2 has l: +1510.0@1 'two'\n"
                    "3 has l: +1510.0@1 'two'\n"
                    "3 < at one get k\n"
                    "3 > $-1\n");
}

Test(flush, without_rule_2_a_flush_is_missed_for_good)
{
    play_without(2, a_flush_that_a_replica_missed,
                 "3 < at one get k\n"
                 "3 > $3 one\n");
}

/* What 3 has written since may not go, what it had before may not stay. */
Test(flush, a_flush_that_comes_behind_newer_writes)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set k one");
    play_part(&play, 1, 3);
    play_say(&play, 1, "flushall");
    play_say(&play, 3, "set l two");
    play_look_at_all(&play, "k");
    play_look_at_all(&play, "l");
    play_wait_ms(&play, 1000);
    play_join(&play, 1, 3);
    play_wait_ms(&play, 3000);
    play_look_at_all(&play, "k");
    play_look_at_all(&play, "l");
    play_say(&play, 3, "at one get k");
    play_say(&play, 3, "at one get l");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 1 and 3 are parted\n"
                    "1 < flushall\n"
                    "1>2 flush: +509.1@1\n"
                    "1>3 flush: +509.1@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "3 < set l two\n"
                    "3>1 write l: +510.0@3 'two' over none\n"
                    "3>2 write l: +510.0@3 'two' over none\n"
                    "2>3 ack: ok\n"
                    "3 > +OK\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: +500.0@1 'one'\n"
                    "1 has l: nothing\n"
                    "2 has l: +510.0@3 'two'\n"
                    "3 has l: +510.0@3 'two'\n"
                    "-- 1 and 3 are joined\n"
                    "1>3 flush: +509.1@1\n"
                    "3>1 write l: +510.0@3 'two' over +510.0@3\n"
                    "3>1 ack: ok\n"
                    "1>3 ack: ok\n"
                    "1 has k: nothing\n"
                    "2 has k: nothing\n"
                    "3 has k: nothing\n"
                    "1 has l: +510.0@3 'two'\n"
                    "2 has l: +510.0@3 'two'\n"
                    "3 has l: +510.0@3 'two'\n"
                    "3 < at one get k\n"
                    "3 > $-1\n"
                    "3 < at one get l\n"
                    "3 > $3 two\n");
}

/* The read comes before 2 has compared what it has with the others. */
static void a_flush_and_a_restart(struct play *play)
{
    play_begin_with(play, &play_three);
    play_say(play, 1, "set k one");
    play_part_from_all(play, 3);
    play_say(play, 1, "flushall");
    play_kill(play, 2);
    play_join(play, 2, 3);
    play_start(play, 2);
    play_recover(play, 2);
    play_kill(play, 1);
    play_wait_ms(play, 300); /* the others see both */
    play_look(play, 2, "k");
    play_look(play, 3, "k");
    play_say(play, 2, "get k");
}

Test(flush, one_that_restarts_takes_over_a_flush)
{
    struct play play;

    a_flush_and_a_restart(&play);
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < flushall\n"
                    "1>2 flush: +509.1@1\n"
                    "1>3 flush: +509.1@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 2 is killed\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 starts, empty\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves ffff from 0\n"
                    "1>2 chunk: version, 0 bytes, next 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "3>2 chunk: version, 32 bytes, next 0\n"
                    "-- 2 votes\n"
                    "-- 1 is killed\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "3>2 compared: version\n"
                    "2 has k: nothing\n"
                    "3 has k: +500.0@1 'one'\n"
                    "2 < get k\n"
                    "2>3 read k, has +509.1@1\n"
                    "3>2 answer: version +500.0@1 ''\n"
                    "2>3 write k: +509.1@1 deleted of 0 bytes over +509.1@1\n"
                    "3>2 ack: ok\n"
                    "2 > $-1\n");
}

Test(flush, without_rule_16_one_that_restarts_does_not_know_what_was_flushed)
{
    play_without(16, a_flush_and_a_restart, "2 > $3 one\n");
}
