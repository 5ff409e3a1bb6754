/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a replica that missed something is given when it is back: hints, with their bounds, and
 * those that a stand-in holds.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "scenario/play.h"

TestSuite(repair, .timeout = TIMEOUT_S(30));

/* ---- hints ---- */

static void a_hint_is_replayed(struct play *play)
{
    play_begin_with(play, &play_three);
    play_part_from_all(play, 3);
    play_say(play, 1, "set k one");
    play_say(play, 1, "set e soon px 60000");
    play_wait_ms(play, 1000);
    play_join_with_all(play, 3);
    play_wait_ms(play, 2000);
    play_look(play, 3, "k");
    play_look(play, 3, "e");
    play_say(play, 3, "at one get e");
    play_say(play, 3, "at one get k");
}

Test(repair, a_hint_is_replayed_with_its_version_and_its_deadline)
{
    struct play play;

    a_hint_is_replayed(&play);
    play_end(&play, "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set e soon px 60000\n"
                    "1>2 write e: +505.0@1 'soon' until +60505 over none\n"
                    "1>3 write e: +505.0@1 'soon' until +60505 over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are joined\n"
                    "-- 3 and 2 are joined\n"
                    "1>3 write k: +500.0@1 'one' over +500.0@1\n"
                    "1>3 write e: +505.0@1 'soon' until +60505 over +505.0@1\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 has e: +505.0@1 'soon' until +60505\n"
                    "3 < at one get e\n"
                    "3 > $4 soon\n"
                    "3 < at one get k\n"
                    "3 > $3 one\n");
}

Test(repair, without_rule_2_nobody_hands_on_what_a_replica_missed)
{
    play_without(2, a_hint_is_replayed,
                 "3 < at one get k\n"
                 "3 > $-1\n");
}

/* ---- hints dropped ---- */

Test(repair, one_for_whom_hints_were_dropped_is_told_that_it_forgot)
{
    struct world_settings small = play_three;
    struct play play;

    small.hint_bytes = 200;
    play_begin_with(&play, &small);
    play_say(&play, 1, "set a one");
    play_part_from_all(&play, 3);
    play_say(&play, 1, "set a two");
    play_say(&play, 1, "set b two");
    play_wait_ms(&play, 1000);
    play_say(&play, 1, "set c two");
    play_wait_ms(&play, 500);
    play_join_with_all(&play, 3);
    play_wait_ms(&play, 3000);
    for (const char *const *key = (const char *const[]){"a", "b", "c", NULL}; *key != NULL; key++)
        play_look(&play, 3, *key);
    play_say(&play, 3, "at one get a");
    play_say(&play, 3, "at one get b");
    play_say(&play, 3, "at one get c");
    play_end(&play, "1 < set a one\n"
                    "1>2 write a: +500.0@1 'one' over none\n"
                    "1>3 write a: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set a two\n"
                    "1>2 write a: +505.0@1 'two' over +500.0@1\n"
                    "1>3 write a: +505.0@1 'two' over +500.0@1\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set b two\n"
                    "1>2 write b: +510.0@1 'two' over none\n"
                    "1>3 write b: +510.0@1 'two' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set c two\n"
                    "1>2 write c: +1515.0@1 'two' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are joined\n"
                    "-- 3 and 2 are joined\n"
                    "1>3 write c: +1515.0@1 'two' over +1515.0@1\n"
                    "1>3 forgot\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3>1 compare 0\n"
                    "3>2 compare 0\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "1>3 compared: version\n"
                    "2>3 compared: version\n"
                    "2>1 compared: version\n"
                    "3>2 pull 0: leaves ffff from 0\n"
                    "3>1 compared: not voting\n"
                    "2>3 chunk: version, 96 bytes, next 0\n"
                    "3>1 pull 0: leaves 0000 from 0\n"
                    "1>3 chunk: version, 0 bytes, next 0\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "2>1 compared: version\n"
                    "3>1 compared: version\n"
                    "1>2 pull 0: leaves 0000 from 0\n"
                    "1>3 pull 0: leaves 0000 from 0\n"
                    "2>1 chunk: version, 0 bytes, next 0\n"
                    "3>1 chunk: version, 0 bytes, next 0\n"
                    "3 has a: +505.0@1 'two'\n"
                    "3 has b: +510.0@1 'two'\n"
                    "3 has c: +1515.0@1 'two'\n"
                    "3 < at one get a\n"
                    "3 > $3 two\n"
                    "3 < at one get b\n"
                    "3 > $3 two\n"
                    "3 < at one get c\n"
                    "3 > $3 two\n");
}

Test(repair, a_hint_is_not_kept_for_ever)
{
    struct world_settings short_window = play_three;
    struct play play;

    short_window.hint_window_s = 1;
    play_begin_with(&play, &short_window);
    play_part_from_all(&play, 3);
    play_say(&play, 1, "set k one");
    play_wait_ms(&play, 2000);
    play_join_with_all(&play, 3);
    play_wait_ms(&play, 3000);
    play_look(&play, 3, "k");
    play_say(&play, 3, "at one get k");
    play_end(&play, "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are joined\n"
                    "-- 3 and 2 are joined\n"
                    "1>3 forgot\n"
                    "3>1 ack: ok\n"
                    "3>1 compare 0\n"
                    "3>2 compare 0\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "1>3 compared: version\n"
                    "2>3 compared: version\n"
                    "2>1 compared: version\n"
                    "3>2 pull 0: leaves ffff from 0\n"
                    "3>1 compared: not voting\n"
                    "2>3 chunk: version, 32 bytes, next 0\n"
                    "3>1 pull 0: leaves 0000 from 0\n"
                    "1>3 chunk: version, 0 bytes, next 0\n"
                    "1>2 compare 0\n"
                    "1>3 compare 0\n"
                    "2>1 compared: version\n"
                    "3>1 compared: version\n"
                    "1>2 pull 0: leaves 0000 from 0\n"
                    "1>3 pull 0: leaves 0000 from 0\n"
                    "2>1 chunk: version, 0 bytes, next 0\n"
                    "3>1 chunk: version, 0 bytes, next 0\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 < at one get k\n"
                    "3 > $3 one\n");
}

/* ---- stand-ins ---- */

static const struct world_settings four = {.nodes = 4,
                                           .replicas = 3,
                                           .read_level = LEVEL_QUORUM,
                                           .write_level = LEVEL_QUORUM,
                                           .partitions = 8};

/* 3 is one of the three that keep k, 4 is not. */
static void a_stand_in(struct play *play)
{
    struct world_settings small = four;

    small.hint_bytes = 200;
    play_begin_with(play, &small);
    play_part_from_all(play, 3);
    play_say(play, 1, "set k one");
    play_say(play, 1, "set {k}l two");
    play_wait_ms(play, 1000);
    play_pause(play, 1);
    play_join(play, 3, 2);
    play_join(play, 3, 4);
    play_wait_ms(play, 2000);
    play_look(play, 3, "k");
    play_look(play, 3, "{k}l");
    play_join(play, 3, 1);
    play_resume(play, 1);
    play_wait_ms(play, 2000);
    play_look(play, 3, "k");
    play_look(play, 3, "{k}l");
}

Test(repair, a_stand_in_holds_what_there_is_no_room_for)
{
    struct play play;

    a_stand_in(&play);
    play_end(&play, "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "-- 3 and 4 are parted\n"
                    "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set {k}l two\n"
                    "1>2 write {k}l: +505.0@1 'two' over none\n"
                    "1>3 write {k}l: +505.0@1 'two' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1>4 hold for 3 k: +500.0@1 'one'\n"
                    "4>1 ack: held\n"
                    "-- 1 is paused\n"
                    "-- 3 and 2 are joined\n"
                    "-- 3 and 4 are joined\n"
                    "4>3 write k: +500.0@1 'one' over +500.0@1\n"
                    "3>4 ack: ok\n"
                    "4>1 ack: ok\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 has {k}l: nothing\n"
                    "-- 3 and 1 are joined\n"
                    "-- 1 goes on\n"
                    "1>3 write {k}l: +505.0@1 'two' over +505.0@1\n"
                    "3>1 ack: ok\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 has {k}l: +505.0@1 'two'\n");
}

static void a_write_with_two_replicas_down(struct play *play, bool sloppy)
{
    struct world_settings settings = four;

    settings.sloppy_quorum = sloppy;
    play_begin_with(play, &settings);
    play_part_from_all(play, 3);
    play_part_from_all(play, 2);
    play_wait_ms(play, 1000);
    play_say(play, 1, "set k one");
    play_wait_ms(play, 1000);
    play_join_with_all(play, 2);
    play_join_with_all(play, 3);
    play_wait_ms(play, 2000);
    play_look_at_all(play, "k");
    play_say(play, 3, "get k");
}

Test(repair, a_write_with_two_replicas_down)
{
    struct play play;

    a_write_with_two_replicas_down(&play, false);
    play_end(&play, "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "-- 3 and 4 are parted\n"
                    "-- 2 and 1 are parted\n"
                    "-- 2 and 3 are parted\n"
                    "-- 2 and 4 are parted\n"
                    "1 < set k one\n"
                    "1 > -NOQUORUM needed 2 of 3, got 1 in 0 ms; the write may still take effect\n"
                    "-- 2 and 1 are joined\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 and 4 are joined\n"
                    "-- 3 and 1 are joined\n"
                    "-- 3 and 2 are joined\n"
                    "-- 3 and 4 are joined\n"
                    "1>2 write k: +1500.0@1 'one' over +1500.0@1\n"
                    "1>3 write k: +1500.0@1 'one' over +1500.0@1\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 has k: +1500.0@1 'one'\n"
                    "2 has k: +1500.0@1 'one'\n"
                    "3 has k: +1500.0@1 'one'\n"
                    "4 has k: nothing\n"
                    "3 < get k\n"
                    "3>2 read k, has +1500.0@1\n"
                    "2>3 answer: same\n"
                    "3 > $3 one\n");
}

Test(repair, a_write_with_two_replicas_down_and_a_sloppy_quorum)
{
    struct play play;

    a_write_with_two_replicas_down(&play, true);
    play_end(&play, "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "-- 3 and 4 are parted\n"
                    "-- 2 and 1 are parted\n"
                    "-- 2 and 3 are parted\n"
                    "-- 2 and 4 are parted\n"
                    "1 < set k one\n"
                    "1>4 hold for 2 k: +1500.0@1 'one'\n"
                    "4>1 ack: held\n"
                    "1 > +OK\n"
                    "-- 2 and 1 are joined\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 and 4 are joined\n"
                    "-- 3 and 1 are joined\n"
                    "-- 3 and 2 are joined\n"
                    "-- 3 and 4 are joined\n"
                    "4>2 write k: +1500.0@1 'one' over +1500.0@1\n"
                    "1>3 write k: +1500.0@1 'one' over +1500.0@1\n"
                    "2>4 ack: ok\n"
                    "3>1 ack: ok\n"
                    "4>1 ack: ok\n"
                    "1 has k: +1500.0@1 'one'\n"
                    "2 has k: +1500.0@1 'one'\n"
                    "3 has k: +1500.0@1 'one'\n"
                    "4 has k: nothing\n"
                    "3 < get k\n"
                    "3>2 read k, has +1500.0@1\n"
                    "2>3 answer: same\n"
                    "3 > $3 one\n");
}

Test(repair, with_a_stand_in_a_hint_is_lost)
{
    struct world_settings small = four;
    struct play play;

    small.hint_bytes = 200;
    play_begin_with(&play, &small);
    play_part_from_all(&play, 3);
    play_say(&play, 1, "set k one");
    play_say(&play, 1, "set {k}l two");
    play_wait_ms(&play, 1000);
    play_kill(&play, 4);
    play_join(&play, 3, 2);
    play_join(&play, 3, 1);
    play_wait_ms(&play, 3000);
    play_look(&play, 3, "k");
    play_look(&play, 3, "{k}l");
    play_end(&play, "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "-- 3 and 4 are parted\n"
                    "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1 < set {k}l two\n"
                    "1>2 write {k}l: +505.0@1 'two' over none\n"
                    "1>3 write {k}l: +505.0@1 'two' over none\n"
                    "2>1 ack: ok\n"
                    "1 > +OK\n"
                    "1>4 hold for 3 k: +500.0@1 'one'\n"
                    "4>1 ack: held\n"
                    "-- 4 is killed\n"
                    "-- 3 and 2 are joined\n"
                    "-- 3 and 1 are joined\n"
                    "1>3 write {k}l: +505.0@1 'two' over +505.0@1\n"
                    "1>3 forgot\n"
                    "3>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "3>1 compare 3\n"
                    "3>2 compare 3\n"
                    "1>2 compare 3\n"
                    "1>3 compare 3\n"
                    "1>3 compared: version\n"
                    "2>3 compared: version\n"
                    "2>1 compared: version\n"
                    "3>2 pull 3: leaves ffff from 0\n"
                    "3>1 compared: not voting\n"
                    "2>3 chunk: version, 67 bytes, next 0\n"
                    "3>1 pull 3: leaves 0000 from 0\n"
                    "1>3 chunk: version, 0 bytes, next 0\n"
                    "1>2 compare 3\n"
                    "1>3 compare 3\n"
                    "2>1 compared: version\n"
                    "3>1 compared: version\n"
                    "1>2 pull 3: leaves 0000 from 0\n"
                    "1>3 pull 3: leaves 0000 from 0\n"
                    "2>1 chunk: version, 0 bytes, next 0\n"
                    "3>1 chunk: version, 0 bytes, next 0\n"
                    "3 has k: +500.0@1 'one'\n"
                    "3 has {k}l: +505.0@1 'two'\n");
}

/* ---- stand-ins ---- */

/* Of five nodes and two partitions. 1, 3 and 4 keep the key; 2 and 5 hold a write for 3 and 4, and
 * 1 restarts. When 2 brings it to 4, 1 has compared them all, and 5 reaches nobody. */
Test(repair, what_a_stand_in_alone_still_knows_reaches_all)
{
    struct world_settings five = play_three;
    struct play play;

    five.nodes = 5;
    five.partitions = 2;
    five.sloppy_quorum = true;
    play_begin_with(&play, &five);
    play_say(&play, 1, "set k one");
    play_part_from_all(&play, 3);
    play_part_from_all(&play, 4);
    play_say(&play, 1, "get k");
    play_wait_ms(&play, 500); /* they count as gone by then */
    play_say(&play, 1, "set k two");
    play_kill(&play, 1);
    play_join(&play, 1, 3);
    play_join(&play, 1, 4);
    play_join(&play, 3, 4);
    play_start(&play, 1);
    play_wait_ms(&play, 2000);
    play_look(&play, 1, "k");
    play_join(&play, 2, 3);
    play_join(&play, 2, 4);
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "k");
    play_end(&play, "1 < set k one\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "1>4 write k: +500.0@1 'one' over none\n"
                    "3>1 ack: ok\n"
                    "4>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 and 1 are parted\n"
                    "-- 3 and 2 are parted\n"
                    "-- 3 and 4 are parted\n"
                    "-- 3 and 5 are parted\n"
                    "-- 4 and 1 are parted\n"
                    "-- 4 and 2 are parted\n"
                    "-- 4 and 3 are parted\n"
                    "-- 4 and 5 are parted\n"
                    "1 < get k\n"
                    "1>3 read k, has +500.0@1\n"
                    "1>4 read k, has +500.0@1\n"
                    "1 > -NOQUORUM needed 2 of 3, got 1 in 500 ms\n"
                    "1 < set k two\n"
                    "1>2 hold for 4 k: +1510.0@1 'two'\n"
                    "1>5 hold for 3 k: +1510.0@1 'two'\n"
                    "2>1 ack: held\n"
                    "5>1 ack: held\n"
                    "1 > +OK\n"
                    "-- 1 is killed\n"
                    "-- 1 and 3 are joined\n"
                    "-- 1 and 4 are joined\n"
                    "-- 3 and 4 are joined\n"
                    "-- 1 starts, empty\n"
                    "1>2 compare 1\n"
                    "1>3 compare 0\n"
                    "1>4 compare 0\n"
                    "1>5 compare 1\n"
                    "2>1 compared: version\n"
                    "3>1 compared: version\n"
                    "4>1 compared: version\n"
                    "5>1 compared: version\n"
                    "1>3 pull 0: leaves ffff from 0\n"
                    "1>5 pull 1: leaves ffff from 0\n"
                    "3>1 chunk: version, 32 bytes, next 0\n"
                    "5>1 chunk: version, 0 bytes, next 0\n"
                    "1>2 pull 1: leaves 0000 from 0\n"
                    "1>4 pull 0: leaves 0000 from 0\n"
                    "2>1 chunk: version, 0 bytes, next 0\n"
                    "4>1 chunk: version, 0 bytes, next 0\n"
                    "1>2 compare 1\n"
                    "1>3 compare 0\n"
                    "1>4 compare 0\n"
                    "1>5 compare 1\n"
                    "2>1 compared: version\n"
                    "3>1 compared: version\n"
                    "4>1 compared: version\n"
                    "5>1 compared: version\n"
                    "1>3 pull 0: leaves 0000 from 0\n"
                    "1>4 pull 0: leaves 0000 from 0\n"
                    "3>1 chunk: version, 0 bytes, next 0\n"
                    "4>1 chunk: version, 0 bytes, next 0\n"
                    "1>2 pull 1: leaves 0000 from 0\n"
                    "1>5 pull 1: leaves 0000 from 0\n"
                    "2>1 chunk: version, 0 bytes, next 0\n"
                    "5>1 chunk: version, 0 bytes, next 0\n"
                    "1 has k: +500.0@1 'one'\n"
                    "-- 2 and 3 are joined\n"
                    "-- 2 and 4 are joined\n"
                    "2>4 write k: +1510.0@1 'two' over +1510.0@1\n"
                    "4>2 ack: ok\n"
                    "2>1 write k: +1510.0@1 'two' over +1510.0@1\n"
                    "2>3 write k: +1510.0@1 'two' over +1510.0@1\n"
                    "1>2 ack: ok\n"
                    "3>2 ack: ok\n"
                    "1 has k: +1510.0@1 'two'\n"
                    "2 has k: nothing\n"
                    "3 has k: +1510.0@1 'two'\n"
                    "4 has k: +1510.0@1 'two'\n"
                    "5 has k: nothing\n");
}

/* ---- faults ---- */

/* Nothing was evicted at 3, and what it lacks is settled: it is looked at twice. */
Test(repair, what_is_lost_by_a_fault_is_found_unread)
{
    struct world_settings often = play_three;
    struct play play;

    often.repair_interval_s = 2;
    play_begin_with(&play, &often);
    play_say(&play, 1, "set k one");
    play_wait_ms(&play, 1000);
    play_lose(&play, 3, "k");
    play_wait_ms(&play, 6000);
    play_look_at_all(&play, "k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 loses k\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves 8000 from 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "1>2 chunk: version, 32 bytes, next 0\n"
                    "3>2 chunk: version, 0 bytes, next 0\n"
                    "2>3 read k, has +500.0@1\n"
                    "3>2 absent\n"
                    "2>1 read k, has +500.0@1\n"
                    "1>2 answer: same\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves 8000 from 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "1>2 chunk: version, 32 bytes, next 0\n"
                    "3>2 chunk: version, 0 bytes, next 0\n"
                    "2>3 read k, has +500.0@1\n"
                    "3>2 absent\n"
                    "2>1 read k, has +500.0@1\n"
                    "1>2 answer: same\n"
                    "2>3 forgot\n"
                    "3>2 ack: ok\n"
                    "3>1 compare 0\n"
                    "3>2 compare 0\n"
                    "1>3 compared: version\n"
                    "2>3 compared: version\n"
                    "3>2 pull 0: leaves ffff from 0\n"
                    "2>3 chunk: version, 32 bytes, next 0\n"
                    "3>1 pull 0: leaves 0000 from 0\n"
                    "1>3 chunk: version, 0 bytes, next 0\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "1 has k: +500.0@1 'one'\n"
                    "2 has k: +500.0@1 'one'\n"
                    "3 has k: +500.0@1 'one'\n");
}

Test(repair, what_is_evicted_is_not_filled_up_again)
{
    struct world_settings often = play_three;
    struct play play;

    often.repair_interval_s = 2;
    play_begin_with(&play, &often);
    play_say(&play, 1, "set k one");
    play_wait_ms(&play, 1000);
    play_evict(&play, 3, "k");
    play_wait_ms(&play, 2000);
    play_look_at_all(&play, "k");
    play_end(&play, "1 < set k one\n"
                    "1>2 write k: +500.0@1 'one' over none\n"
                    "1>3 write k: +500.0@1 'one' over none\n"
                    "2>1 ack: ok\n"
                    "3>1 ack: ok\n"
                    "1 > +OK\n"
                    "-- 3 evicts k\n"
                    "2>1 compare 0\n"
                    "2>3 compare 0\n"
                    "1>2 compared: version\n"
                    "3>2 compared: version\n"
                    "2>1 pull 0: leaves 8000 from 0\n"
                    "2>3 pull 0: leaves 8000 from 0\n"
                    "1>2 chunk: version, 32 bytes, next 0\n"
                    "3>2 chunk: version, 0 bytes, next 0\n"
                    "2>3 read k, has +500.0@1\n"
                    "3>2 absent\n"
                    "2>1 read k, has +500.0@1\n"
                    "1>2 answer: same\n"
                    "1 has k: +500.0@1 'one'\n"
                    "2 has k: +500.0@1 'one'\n"
                    "3 has k: nothing\n");
}

/* ---- reads ---- */

Test(repair, a_read_repairs_what_its_answer_stands_on)
{
    struct play play;

    play_begin_with(&play, &play_three);
    play_say(&play, 1, "set k one");
    play_part_from_all(&play, 3);
    play_say(&play, 1, "set k two");
    play_pause(&play, 1);
    play_join(&play, 2, 3);
    play_wait_ms(&play, 1500);
    play_say(&play, 3, "get k");
    play_kill(&play, 2);
    play_say(&play, 3, "at one get k");
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
                    "-- 2 and 3 are joined\n"
                    "3 < get k\n"
                    "3>2 read k, has +500.0@1\n"
                    "2>3 answer: version +505.0@1 'two'\n"
                    "3 > $3 two\n"
                    "-- 2 is killed\n"
                    "3 < at one get k\n"
                    "3 > $3 two\n");
}
