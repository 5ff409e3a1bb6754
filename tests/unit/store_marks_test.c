/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is left of a version that is gone: marks, the floor, tombstones, a flush; and how it goes
 * once it is settled.
 */
#include <criterion/criterion.h>

#include "lib/allocator.h"
#include "lib/store_fixture.h"
#include "lib/timeout.h"

TestSuite(store_marks, .timeout = TIMEOUT_S(30));

Test(store_marks, what_vanishes_leaves_a_mark_until_it_is_settled)
{
    struct fixture fixture = fixture_set_up(1);

    cr_assert_not(fixture_vanish(&fixture, SPAN("k")));
    fixture_put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    cr_assert_not(dot_exists(fixture_mark(&fixture, SPAN("k"))));
    cr_assert(fixture_vanish(&fixture, SPAN("k")));
    cr_assert_not(fixture_holds(&fixture, SPAN("k"), SPAN("v")));
    cr_assert(dot_equal(fixture_mark(&fixture, SPAN("k")), (struct dot){.stamp = 1, .node = 3}));
    cr_assert_eq(fixture_counts(&fixture).marks, 1);
    cr_assert_eq(fixture_counts(&fixture).evicted, 1);
    cr_assert_gt(store_memory_used(fixture.store), 0);
    cr_assert_not(partition_settle(fixture.partition, 1, 100));
    cr_assert_not(dot_exists(fixture_mark(&fixture, SPAN("k"))));
    cr_assert_eq(fixture_counts(&fixture).marks, 0);
    cr_assert_eq(store_memory_used(fixture.store), 0);
    fixture_tear_down(&fixture);
}

Test(store_marks, what_is_settled_vanishes_without_a_trace)
{
    struct fixture fixture = fixture_set_up(1);

    fixture_put(&fixture, SPAN("evicted"), SPAN("v"), DEADLINE_NEVER);
    fixture_put(&fixture, SPAN("expired"), SPAN("v"), NOW + 1);
    fixture_put(&fixture, SPAN("newer"), SPAN("v"), NOW + 1);
    partition_settle(fixture.partition, 2, 100);
    fixture_vanish(&fixture, SPAN("evicted"));
    partition_expire(fixture.partition, NOW + 1, 100);
    cr_assert_eq(fixture_counts(&fixture).marks, 1);
    cr_assert_eq(fixture_mark(&fixture, SPAN("newer")).stamp, 3);
    partition_leave_mark(fixture.partition, store_hash(fixture.store, SPAN("late")),
                         (struct dot){.stamp = 2, .node = 9});
    cr_assert_not(dot_exists(fixture_mark(&fixture, SPAN("late"))));
    fixture_tear_down(&fixture);
}

Test(store_marks, a_version_takes_the_place_of_its_mark_and_a_failed_one_does_not)
{
    struct fixture fixture = fixture_set_up(1);

    fixture_put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    fixture_vanish(&fixture, SPAN("k"));
    store_set_memory_max(fixture.store, 1);
    cr_assert_eq(fixture_put(&fixture, SPAN("k"), SPAN("w"), DEADLINE_NEVER), STORE_FULL);
    cr_assert_eq(fixture_mark(&fixture, SPAN("k")).stamp, 1);
    store_set_memory_max(fixture.store, 0);
    cr_assert_eq(fixture_put(&fixture, SPAN("k"), SPAN("w"), DEADLINE_NEVER), STORE_OK);
    cr_assert_eq(fixture_counts(&fixture).marks, 0);
    fixture_tear_down(&fixture);
}

Test(store_marks, a_higher_mark_stays)
{
    struct fixture fixture = fixture_set_up(1);
    const uint64_t digest = store_hash(fixture.store, SPAN("k"));

    partition_leave_mark(fixture.partition, digest, (struct dot){.stamp = 7, .node = 2});
    partition_leave_mark(fixture.partition, digest, (struct dot){.stamp = 5, .node = 9});
    cr_assert(dot_equal(fixture_mark(&fixture, SPAN("k")), (struct dot){.stamp = 7, .node = 2}));
    partition_leave_mark(fixture.partition, digest, (struct dot){.stamp = 7, .node = 3});
    cr_assert(dot_equal(fixture_mark(&fixture, SPAN("k")), (struct dot){.stamp = 7, .node = 3}));
    cr_assert_eq(fixture_counts(&fixture).marks, 1);
    fixture_tear_down(&fixture);
}

Test(store_marks, too_many_marks_give_up_the_oldest_eighth_and_raise_the_floor)
{
    /* With so many partitions, one has 128 slots: 96 marks. */
    struct fixture fixture = fixture_set_up(16384);
    char text[16];

    for (uint32_t i = 0; i < 97; i++)
        fixture_put(&fixture, fixture_key(i, text), SPAN("v"), DEADLINE_NEVER);
    for (uint32_t i = 97; i > 1; i--)
        fixture_vanish(&fixture, fixture_key(i - 1, text));
    cr_assert_eq(fixture_counts(&fixture).marks, 96);
    cr_assert_eq(fixture.partition->floor, 0);
    fixture_vanish(&fixture, fixture_key(0, text));
    const uint64_t floor = fixture.partition->floor;
    cr_assert_geq(floor, 2 + 96 / 8);
    cr_assert_leq(floor, 2 + 96 / 4);
    cr_assert_eq(fixture_mark(&fixture, fixture_key(0, text)).stamp, 1);
    for (uint32_t i = 1; i < 97; i++) {
        const struct dot mark = fixture_mark(&fixture, fixture_key(i, text));

        cr_assert_eq(mark.stamp, i + 1 > floor ? i + 1 : 0);
    }
    fixture_tear_down(&fixture);
}

Test(store_marks, marks_take_no_more_than_an_eighth_of_the_memory_allowed)
{
    struct fixture fixture = fixture_set_up(1);

    store_set_memory_max(fixture.store, 80000);
    for (uint64_t digest = 1; digest <= 10000; digest++)
        partition_leave_mark(fixture.partition, digest << 28, (struct dot){.stamp = digest});
    cr_assert_leq(store_memory_used(fixture.store), 12000);
    cr_assert_gt(fixture_counts(&fixture).marks, 250);
    cr_assert_gt(fixture.partition->floor, 9000);
    store_set_memory_max(fixture.store, 1);
    for (uint64_t digest = 1; digest <= 100; digest++)
        partition_leave_mark(fixture.partition, digest << 28,
                             (struct dot){.stamp = 20000 + digest});
    cr_assert_leq(fixture_counts(&fixture).marks, 6);
    cr_assert_leq(store_memory_used(fixture.store), 4096);
    fixture_tear_down(&fixture);
}

Test(store_marks, without_memory_for_a_mark_the_floor_stands_for_it)
{
    struct fixture fixture = fixture_set_up(1);
    struct allocator allocator;
    char text[16];

    for (uint32_t i = 0; i < 60; i++)
        fixture_put(&fixture, fixture_key(i, text), SPAN("v"), DEADLINE_NEVER);
    allocator_grant(&allocator, 0);
    fixture_vanish(&fixture, fixture_key(9, text));
    cr_assert_eq(fixture_counts(&fixture).marks, 0);
    cr_assert_eq(fixture.partition->floor, 10);
    allocator_grant(&allocator, 1);
    for (uint32_t i = 20; i < 60; i++) {
        fixture_vanish(&fixture, fixture_key(i, text));
        cr_assert(fixture.partition->floor > i ||
                  fixture_mark(&fixture, fixture_key(i, text)).stamp > i);
    }
    allocator_use(NULL);
    cr_assert_gt(fixture_counts(&fixture).marks, 0);
    cr_assert_lt(fixture.partition->floor, 60);
    fixture_tear_down(&fixture);
}

Test(store_marks, tombstones_go_once_they_are_settled_a_few_at_a_time)
{
    struct fixture fixture = fixture_set_up(1);
    char text[16];

    fixture_put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    for (uint32_t i = 0; i < 100; i++)
        fixture_put_tombstone(&fixture, fixture_key(i, text));
    cr_assert_not(partition_settle(fixture.partition, 1, 10));
    cr_assert_eq(fixture_counts(&fixture).tombstones, 100);
    cr_assert(partition_settle(fixture.partition, 51, 30));
    cr_assert_eq(fixture_counts(&fixture).tombstones, 70);
    cr_assert_not(partition_settle(fixture.partition, 51, 30));
    cr_assert_eq(fixture_counts(&fixture).tombstones, 50);
    cr_assert_not(partition_settle(fixture.partition, 0, 30));
    cr_assert_eq(fixture.partition->settled, 51);
    cr_assert_not(partition_settle(fixture.partition, 101, 50));
    cr_assert_eq(fixture_counts(&fixture).tombstones, 0);
    cr_assert(fixture_holds(&fixture, SPAN("k"), SPAN("v")));
    cr_assert_eq(fixture_counts(&fixture).marks, 0);
    fixture_tear_down(&fixture);
}

Test(store_marks, a_tombstone_may_have_bytes_has_no_deadline_and_leaves_a_mark_when_evicted)
{
    struct fixture fixture = fixture_set_up(1);
    struct version version = {
        .dot = {.stamp = 5, .node = 3}, .kind = VALUE_TOMBSTONE, .deadline_ms = NOW + 1};
    const struct span bytes = SPAN("no siblings");
    const struct span key = SPAN("k");
    const uint64_t hash = store_hash(fixture.store, key);

    partition_put(fixture.partition, hash, key, &version, &bytes, 1);
    cr_assert(fixture_get(&fixture, key, &version));
    cr_assert_eq(version.deadline_ms, DEADLINE_NEVER);
    cr_assert(span_equal(version.value, bytes));
    cr_assert_eq(partition_expire(fixture.partition, NOW + 1, 10), 0);
    cr_assert(fixture_vanish(&fixture, key));
    cr_assert_eq(fixture_mark(&fixture, key).stamp, 5);
    partition_put(fixture.partition, hash, key, &version, &bytes, 1);
    cr_assert_not(partition_settle(fixture.partition, 5, 1));
    cr_assert_eq(fixture_counts(&fixture).tombstones, 0);
    fixture_tear_down(&fixture);
}

Test(store_marks, values_and_tombstones_take_turns_in_one_place)
{
    struct fixture fixture = fixture_set_up(1);
    const struct span key = SPAN("k");

    /* All of one size, so that each is written over the one before. */
    for (uint32_t i = 0; i < 20; i++) {
        cr_assert_eq(fixture_put(&fixture, key, SPAN("v"), NOW + 1 + i % 3), STORE_OK);
        cr_assert_eq(fixture_counts(&fixture).expiring, 1);
        cr_assert_not(partition_settle(fixture.partition, fixture.stamp, 10));
        cr_assert(fixture_holds(&fixture, key, SPAN("v")));
        cr_assert_eq(fixture_put_tombstone(&fixture, key), STORE_OK);
        cr_assert_eq(fixture_put_tombstone(&fixture, key), STORE_OK);
        cr_assert_eq(fixture_counts(&fixture).tombstones, 1);
        cr_assert_eq(partition_expire(fixture.partition, NOW + 9, 10), 0);
    }
    cr_assert_not(partition_settle(fixture.partition, fixture.stamp, 10));
    cr_assert_eq(store_memory_used(fixture.store), 0);
    fixture_tear_down(&fixture);
}

Test(store_marks, a_flush_takes_the_marks_below_it_and_is_forgotten_when_nobody_owes_it)
{
    struct fixture fixture = fixture_set_up(1);

    fixture_put(&fixture, SPAN("below"), SPAN("v"), DEADLINE_NEVER);
    fixture_put(&fixture, SPAN("above"), SPAN("v"), DEADLINE_NEVER);
    fixture_vanish(&fixture, SPAN("below"));
    fixture_vanish(&fixture, SPAN("above"));
    fixture.partition->flushed = (struct dot){.stamp = 1, .node = 3};
    partition_clear(fixture.partition);
    cr_assert_not(dot_exists(fixture_mark(&fixture, SPAN("below"))));
    cr_assert_eq(fixture_mark(&fixture, SPAN("above")).stamp, 2);
    partition_settle(fixture.partition, 1, 1);
    cr_assert(dot_exists(fixture.partition->flushed), "one who is no replica may owe it yet");
    fixture_tear_down(&fixture);
}

Test(store_marks, a_late_flush_is_known_as_long_as_what_it_killed_may_be_here)
{
    struct fixture fixture = fixture_set_up(1);

    fixture_put(&fixture, SPAN("below"), SPAN("v"), DEADLINE_NEVER);
    fixture_vanish(&fixture, SPAN("below"));
    fixture_put(&fixture, SPAN("here"), SPAN("v"), DEADLINE_NEVER);
    partition_flush(fixture.partition, (struct dot){.stamp = 1, .node = 3});
    cr_assert_not(dot_exists(fixture_mark(&fixture, SPAN("below"))));
    cr_assert(fixture_holds(&fixture, SPAN("here"), SPAN("v")), "the caller drops entries");
    cr_assert(fixture.partition->flushing);
    partition_flush(fixture.partition, DOT_NONE);
    cr_assert_eq(fixture.partition->flushed.stamp, 1);
    partition_clear(fixture.partition);
    cr_assert_not(fixture.partition->flushing);
    fixture_tear_down(&fixture);
}
