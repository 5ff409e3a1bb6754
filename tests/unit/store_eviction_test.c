/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What goes from the store when it is full, and what does not.
 */
#include <criterion/criterion.h>

#include "lib/store_fixture.h"
#include "lib/timeout.h"

TestSuite(store_eviction, .timeout = TIMEOUT_S(30));

/* Fills partition after partition with `count` keys of `size` bytes, and reads one in two. */
static void fill(struct fixture *fixture, uint32_t count, size_t size)
{
    static uint8_t bytes[100000];
    struct version version;
    char text[16];

    for (uint32_t i = 0; i < count; i++) {
        fixture->partition = store_partition(fixture->store, i % store_partitions(fixture->store));
        cr_assert_eq(
            fixture_put(fixture, fixture_key(i, text), span_of(bytes, size), DEADLINE_NEVER),
            STORE_OK);
        if (i / store_partitions(fixture->store) % 2 == 0)
            cr_assert(fixture_get(fixture, fixture_key(i, text), &version));
    }
}

/* What is evicted from now on leaves no mark, which would take memory of its own. */
static void settle_all(struct fixture *fixture)
{
    for (uint32_t i = 0; i < store_partitions(fixture->store); i++)
        cr_assert_not(partition_settle(store_partition(fixture->store, i), fixture->stamp, 1));
}

/* Keys that are left, of those that were read and of the others. */
static void count_left(struct fixture *fixture, uint32_t count, uint32_t left[2])
{
    struct version version;
    char text[16];

    left[0] = left[1] = 0;
    for (uint32_t i = 0; i < count; i++) {
        fixture->partition = store_partition(fixture->store, i % store_partitions(fixture->store));
        left[i / store_partitions(fixture->store) % 2] += fixture_get(fixture, fixture_key(i, text),
                                                                      &version);
    }
}

Test(store_eviction, without_a_policy_that_evicts_nothing_goes)
{
    struct fixture fixture = fixture_set_up(16);
    uint64_t evicted = 0;
    uint32_t left[2];

    cr_assert(store_make_room(fixture.store, SIZE_MAX, &evicted));
    fill(&fixture, 1000, 64);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    cr_assert(store_make_room(fixture.store, 0, &evicted));
    cr_assert_not(store_make_room(fixture.store, 1, &evicted));
    cr_assert_eq(evicted, 0);
    count_left(&fixture, 1000, left);
    cr_assert_eq(left[0] + left[1], 1000);
    fixture_tear_down(&fixture);
}

Test(store_eviction, what_was_not_used_goes_first)
{
    struct fixture fixture = fixture_set_up(16);
    uint64_t evicted = 0;
    uint32_t left[2];

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 8000, 64);
    settle_all(&fixture);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    for (uint32_t call = 0; evicted < 3500; call++) {
        cr_assert_lt(call, 8000);
        const uint64_t before = evicted;
        cr_assert(store_make_room(fixture.store, 10000, &evicted));
        cr_assert_leq(evicted - before, 256 + 10000 / 32);
        store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    }
    count_left(&fixture, 8000, left);
    cr_assert_eq(left[0] + left[1] + evicted, 8000);
    cr_assert_gt(left[0], 3900);
    fixture_tear_down(&fixture);
}

Test(store_eviction, a_value_of_any_length_fits_in_the_room_that_was_made_for_it)
{
    static uint8_t bytes[100000];
    struct fixture fixture = fixture_set_up(16);
    uint64_t evicted = 0;
    char text[16];

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    store_set_memory_max(fixture.store, 1 << 20);
    fill(&fixture, 16 * 400, 64);
    settle_all(&fixture);
    for (uint32_t i = 0; i < 200; i++) {
        const struct span key = fixture_key(1000000 + i, text);
        const struct span value = span_of(bytes, (size_t)i * 311);

        fixture.partition = store_partition(fixture.store, i % 16);
        cr_assert(store_make_room(fixture.store, store_room_for(key.size, value.size), &evicted));
        cr_assert_eq(fixture_put(&fixture, key, value, NOW + 100000), STORE_OK, "of %zu",
                     value.size);
    }
    cr_assert_gt(evicted, 6000);
    fixture_tear_down(&fixture);
}

Test(store_eviction, what_a_partition_had_not_told_makes_way_after_a_refusal)
{
    static uint8_t bytes[4000];
    struct fixture fixture = fixture_set_up(2);
    uint64_t evicted = 0;
    char text[16];

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(
            fixture_put(&fixture, fixture_key(i, text), span_of(bytes, 64), DEADLINE_NEVER),
            STORE_OK);
    fixture.partition = store_partition(fixture.store, 1);
    /* The bound that comes has less slack than what is untold by now. */
    cr_assert_eq(fixture_put(&fixture, SPAN("untold"), span_of(bytes, 3000), DEADLINE_NEVER),
                 STORE_OK);
    settle_all(&fixture);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    cr_assert(store_make_room(fixture.store, store_room_for(1, 100), &evicted));
    cr_assert_eq(fixture_put(&fixture, SPAN("k"), span_of(bytes, 100), DEADLINE_NEVER), STORE_FULL);
    cr_assert(store_make_room(fixture.store, store_room_for(1, 100), &evicted));
    cr_assert_eq(fixture_put(&fixture, SPAN("k"), span_of(bytes, 100), DEADLINE_NEVER), STORE_OK);
    fixture_tear_down(&fixture);
}

Test(store_eviction, where_all_was_used_there_is_room_all_the_same)
{
    struct fixture fixture = fixture_set_up(1);
    uint64_t evicted = 0;
    char text[16];
    struct version version;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 20000, 64);
    for (uint32_t i = 0; i < 20000; i++)
        fixture_get(&fixture, fixture_key(i, text), &version);
    settle_all(&fixture);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    cr_assert(store_make_room(fixture.store, 112, &evicted));
    cr_assert_gt(evicted, 0);
    cr_assert_lt(evicted, 100);
    /* The hand is still in the first of 16 slices. */
    cr_assert_eq(fixture.partition->clock_visit, 0);
    fixture_tear_down(&fixture);
}

Test(store_eviction, eviction_is_spread_over_the_partitions)
{
    struct fixture fixture = fixture_set_up(16);
    uint64_t evicted = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 16 * 1000, 64);
    settle_all(&fixture);
    const uint64_t used = store_memory_used(fixture.store);
    store_set_memory_max(fixture.store, used - used / 4);
    for (uint32_t call = 0; !store_make_room(fixture.store, 0, &evicted); call++)
        cr_assert_lt(call, 100);
    for (uint32_t i = 0; i < 16; i++) {
        fixture.partition = store_partition(fixture.store, i);
        cr_assert_geq(fixture_counts(&fixture).evicted, evicted / 16 - 100);
        cr_assert_leq(fixture_counts(&fixture).evicted, evicted / 16 + 100);
    }
    fixture_tear_down(&fixture);
}

Test(store_eviction, a_bound_that_is_lowered_is_reached_in_bounded_steps)
{
    struct fixture fixture = fixture_set_up(16);
    uint64_t evicted = 0;
    uint32_t calls = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 10000, 64);
    settle_all(&fixture);
    store_set_memory_max(fixture.store, 20000);
    for (bool room = false; !room; calls++) {
        const uint64_t before = evicted;

        cr_assert_lt(calls, 100);
        room = store_make_room(fixture.store, 0, &evicted);
        cr_assert_leq(evicted - before, 256);
    }
    cr_assert_geq(calls, 30);
    cr_assert_leq(store_memory_used(fixture.store), 20000);
    cr_assert_gt(store_memory_used(fixture.store), 10000);
    fixture_tear_down(&fixture);
}

Test(store_eviction, a_large_value_takes_the_room_of_many_small_ones)
{
    struct fixture fixture = fixture_set_up(16);
    static uint8_t bytes[500000];
    uint64_t evicted = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 20000, 64);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    settle_all(&fixture);
    cr_assert(store_make_room(fixture.store, sizeof bytes + 100000, &evicted));
    cr_assert_eq(fixture_put(&fixture, SPAN("large"), span_of(bytes, sizeof bytes), DEADLINE_NEVER),
                 STORE_OK);
    cr_assert_lt(evicted, 10000);
    fixture_tear_down(&fixture);
}

Test(store_eviction, for_a_value_that_can_never_fit_nothing_goes)
{
    struct fixture fixture = fixture_set_up(1);
    uint64_t evicted = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 100, 64);
    store_set_memory_max(fixture.store, 100000);
    cr_assert_not(store_make_room(fixture.store, 100001, &evicted));
    cr_assert_eq(evicted, 0);
    fixture_tear_down(&fixture);
}

Test(store_eviction, few_large_entries_in_many_partitions_are_found)
{
    struct fixture fixture = fixture_set_up(16384);
    static uint8_t bytes[100000];
    uint64_t evicted = 0;
    char text[16];

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    for (uint32_t i = 0; i < 400; i++) {
        fixture.partition = store_partition(fixture.store, i * 41);
        fixture_put(&fixture, fixture_key(i, text), span_of(bytes, sizeof bytes), DEADLINE_NEVER);
    }
    store_set_memory_max(fixture.store, store_memory_used(fixture.store) / 2);
    for (uint32_t call = 0; !store_make_room(fixture.store, 0, &evicted); call++)
        cr_assert_lt(call, 1000);
    cr_assert_geq(evicted, 200);
    cr_assert_lt(evicted, 220);
    fixture_tear_down(&fixture);
}

Test(store_eviction, what_others_hold_counts_and_makes_entries_go)
{
    struct fixture fixture = fixture_set_up(1);
    uint64_t evicted = 0;

    store_charge(fixture.store, 60000);
    cr_assert_eq(store_memory_used(fixture.store), 60000);
    store_set_memory_max(fixture.store, 60100);
    cr_assert_eq(fixture_put(&fixture, SPAN("k"),
                             SPAN("0123456789012345678901234567890123456789"
                                  "0123456789012345678901234567890123456789"),
                             DEADLINE_NEVER),
                 STORE_FULL);
    store_charge(fixture.store, -60000);
    store_set_memory_max(fixture.store, 0);
    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 200, 64);
    store_set_memory_max(fixture.store, 60000);
    cr_assert(store_make_room(fixture.store, 0, &evicted));
    cr_assert_eq(evicted, 0);
    store_charge(fixture.store, 40000);
    cr_assert(store_make_room(fixture.store, 0, &evicted));
    cr_assert_gt(evicted, 0);
    cr_assert_leq(store_memory_used(fixture.store), 60000);
    store_charge(fixture.store, -40000);
    fixture_tear_down(&fixture);
}

Test(store_eviction, what_was_cleared_is_freed_before_anything_is_evicted)
{
    struct fixture fixture = fixture_set_up(2);
    uint64_t evicted = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 200, 64);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    partition_clear(store_partition(fixture.store, 0));
    cr_assert(store_make_room(fixture.store, 1000, &evicted));
    cr_assert_eq(evicted, 0);
    fixture_tear_down(&fixture);
}
