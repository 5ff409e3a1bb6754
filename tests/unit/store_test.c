/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store, story by story. What random histories give is model_store's.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "lib/timeout.h"
#include "store/entry.h"
#include "store/store.h"
#include "value/siblings.h"

#define NOW INT64_C(1700000000000)

TestSuite(store, .timeout = TIMEOUT_S(30));

/* Allocations that are still granted; this program is linked with --wrap to count them. */
static uint64_t allocations_left = UINT64_MAX;

void *__real_memory_try_alloc(size_t size);
void *__real_memory_try_alloc_aligned(size_t alignment, size_t size);
void *__wrap_memory_try_alloc(size_t size);
void *__wrap_memory_try_alloc_aligned(size_t alignment, size_t size);

static bool grant(void)
{
    if (allocations_left == 0)
        return false;
    allocations_left--;
    return true;
}

void *__wrap_memory_try_alloc(size_t size)
{
    return grant() ? __real_memory_try_alloc(size) : NULL;
}

void *__wrap_memory_try_alloc_aligned(size_t alignment, size_t size)
{
    return grant() ? __real_memory_try_alloc_aligned(alignment, size) : NULL;
}

struct fixture {
    struct store *store;
    struct partition *partition;
    uint64_t stamp;
};

static struct fixture set_up(uint32_t partitions)
{
    struct fixture fixture = {.store = store_create(&(struct store_options){
                                  .partitions = partitions, .seed = 42, .now_ms = NOW})};

    fixture.partition = store_partition(fixture.store, 0);
    return fixture;
}

/* Every story ends with an empty store, and an empty store has no memory. */
static void tear_down(struct fixture *fixture)
{
    for (uint32_t i = 0; i < store_partitions(fixture->store); i++) {
        partition_clear(store_partition(fixture->store, i));
        cr_assert_not(partition_settle(store_partition(fixture->store, i), UINT64_MAX, 1));
    }
    while (store_reclaim(fixture->store, 10))
        continue;
    cr_assert_eq(store_memory_used(fixture->store), 0);
    store_destroy(&fixture->store);
    cr_assert_null(fixture->store);
}

static enum store_status put_pieces(struct fixture *fixture, struct span key, int64_t deadline_ms,
                                    const struct span *pieces, size_t count)
{
    const struct version version = {
        .dot = {.stamp = ++fixture->stamp, .node = 3},
        .kind = VALUE_STRING,
        .deadline_ms = deadline_ms,
    };

    return partition_put(fixture->partition, store_hash(fixture->store, key), key, &version, pieces,
                         count);
}

static enum store_status put(struct fixture *fixture, struct span key, struct span value,
                             int64_t deadline_ms)
{
    return put_pieces(fixture, key, deadline_ms, &value, 1);
}

static enum store_status put_tombstone(struct fixture *fixture, struct span key)
{
    const struct version version = {
        .dot = {.stamp = ++fixture->stamp, .node = 3},
        .kind = VALUE_TOMBSTONE,
        .deadline_ms = DEADLINE_NEVER,
    };

    return partition_put(fixture->partition, store_hash(fixture->store, key), key, &version, NULL,
                         0);
}

static bool get(struct fixture *fixture, struct span key, struct version *version)
{
    return partition_get(fixture->partition, store_hash(fixture->store, key), key, version);
}

static bool holds(struct fixture *fixture, struct span key, struct span value)
{
    struct version version;

    return get(fixture, key, &version) && span_equal(version.value, value);
}

static struct span number_key(uint32_t number, char text[16])
{
    return span_of(text, (size_t)snprintf(text, 16, "key:%u", number));
}

Test(store, a_version_comes_back_as_it_was_given)
{
    struct fixture fixture = set_up(4);
    struct version version;

    cr_assert_eq(put(&fixture, SPAN("a\0key"), SPAN("a\0value"), NOW + 5), STORE_OK);
    cr_assert(get(&fixture, SPAN("a\0key"), &version));
    cr_assert_eq(version.dot.stamp, 1);
    cr_assert_eq(version.dot.node, 3);
    cr_assert_eq(version.kind, VALUE_STRING);
    cr_assert_eq(version.deadline_ms, NOW + 5);
    cr_assert(span_equal(version.value, SPAN("a\0value")));
    tear_down(&fixture);
}

Test(store, an_absent_key_has_no_version)
{
    struct fixture fixture = set_up(1);
    struct version version = {.dot = {.stamp = 1}};

    cr_assert_not(get(&fixture, SPAN("nobody"), &version));
    cr_assert_not(version_exists(&version));
    cr_assert_eq(put(&fixture, SPAN("somebody"), SPAN("v"), DEADLINE_NEVER), STORE_OK);
    cr_assert_not(get(&fixture, SPAN("nobody"), &version));
    cr_assert_not(partition_remove(fixture.partition, 1, SPAN("nobody")));
    tear_down(&fixture);
}

Test(store, the_empty_key_and_the_empty_value_are_like_others)
{
    struct fixture fixture = set_up(1);

    cr_assert_eq(put(&fixture, span_of(NULL, 0), span_of(NULL, 0), DEADLINE_NEVER), STORE_OK);
    cr_assert(holds(&fixture, SPAN(""), SPAN("")));
    cr_assert_eq(put(&fixture, SPAN(""), SPAN("x"), DEADLINE_NEVER), STORE_OK);
    cr_assert(holds(&fixture, SPAN(""), SPAN("x")));
    tear_down(&fixture);
}

Test(store, sixteen_bytes_of_key_and_sixty_four_of_value_take_112_or_128_with_a_deadline)
{
    cr_assert_eq(entry_memory_for(16, 64, false), 112);
    cr_assert_eq(entry_memory_for(16, 64, true), 128);
}

Test(store, appending_in_place_keeps_what_was_there)
{
    struct fixture fixture = set_up(1);
    struct version version;

    put(&fixture, SPAN("k"), SPAN("0123456789"), DEADLINE_NEVER);
    get(&fixture, SPAN("k"), &version);
    const uint8_t *where = version.value.data;
    const struct span pieces[] = {version.value, SPAN("abc")};
    cr_assert_eq(put_pieces(&fixture, SPAN("k"), DEADLINE_NEVER, pieces, 2), STORE_OK);
    cr_assert(holds(&fixture, SPAN("k"), SPAN("0123456789abc")));
    get(&fixture, SPAN("k"), &version);
    cr_assert_eq(version.value.data, where);
    tear_down(&fixture);
}

Test(store, pieces_of_the_old_value_may_change_places)
{
    struct fixture fixture = set_up(1);
    struct version version;

    put(&fixture, SPAN("k"), SPAN("0123456789"), DEADLINE_NEVER);
    get(&fixture, SPAN("k"), &version);
    const uint8_t *at = version.value.data;
    const struct span swapped[] = {span_of(at + 6, 4), span_of(at + 1, 5), span_of(at, 1)};
    put_pieces(&fixture, SPAN("k"), DEADLINE_NEVER, swapped, 3);
    cr_assert(holds(&fixture, SPAN("k"), SPAN("6789123450")));
    get(&fixture, SPAN("k"), &version);
    at = version.value.data;
    const struct span cut[] = {span_of(at + 2, 5)};
    put_pieces(&fixture, SPAN("k"), DEADLINE_NEVER, cut, 1);
    cr_assert(holds(&fixture, SPAN("k"), SPAN("89123")));
    get(&fixture, SPAN("k"), &version);
    at = version.value.data;
    const struct span moved[] = {SPAN("<"), span_of(at, 5), SPAN(">")};
    put_pieces(&fixture, SPAN("k"), NOW + 1, moved, 3);
    cr_assert(holds(&fixture, SPAN("k"), SPAN("<89123>")));
    get(&fixture, SPAN("k"), &version);
    at = version.value.data;
    const struct span shifted[] = {SPAN("["), span_of(at, 7), SPAN("]")};
    put_pieces(&fixture, SPAN("k"), NOW + 1, shifted, 3);
    cr_assert(holds(&fixture, SPAN("k"), SPAN("[<89123>]")));
    tear_down(&fixture);
}

Test(store, a_key_goes_at_its_deadline_unread)
{
    struct fixture fixture = set_up(1);
    struct partition_counts counts;

    put(&fixture, SPAN("short"), SPAN("v"), NOW + 1000);
    put(&fixture, SPAN("long"), SPAN("v"), NOW + 100000);
    put(&fixture, SPAN("ever"), SPAN("v"), DEADLINE_NEVER);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 3);
    cr_assert_eq(counts.expiring, 2);
    while (partition_expire(fixture.partition, NOW + 999, 100) == 100)
        continue;
    cr_assert(holds(&fixture, SPAN("short"), SPAN("v")));
    while (partition_expire(fixture.partition, NOW + 1000, 100) == 100)
        continue;
    cr_assert_not(holds(&fixture, SPAN("short"), SPAN("v")));
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 2);
    cr_assert_eq(counts.expiring, 1);
    cr_assert_eq(counts.expired, 1);
    tear_down(&fixture);
}

Test(store, a_new_version_takes_its_own_deadline_or_none)
{
    struct fixture fixture = set_up(1);

    put(&fixture, SPAN("later"), SPAN("v"), NOW + 10);
    put(&fixture, SPAN("later"), SPAN("w"), NOW + 1000);
    put(&fixture, SPAN("never"), SPAN("v"), NOW + 10);
    put(&fixture, SPAN("never"), SPAN("w"), DEADLINE_NEVER);
    put(&fixture, SPAN("sooner"), SPAN("v"), DEADLINE_NEVER);
    put(&fixture, SPAN("sooner"), SPAN("w"), NOW + 10);
    cr_assert_lt(partition_expire(fixture.partition, NOW + 10, 100), 100);
    cr_assert(holds(&fixture, SPAN("later"), SPAN("w")));
    cr_assert(holds(&fixture, SPAN("never"), SPAN("w")));
    cr_assert_not(holds(&fixture, SPAN("sooner"), SPAN("w")));
    tear_down(&fixture);
}

Test(store, tombstones_are_entries_and_not_keys)
{
    struct fixture fixture = set_up(1);
    struct partition_counts counts;
    struct version version;

    put(&fixture, SPAN("k"), SPAN("v"), NOW + 10);
    put_tombstone(&fixture, SPAN("k"));
    cr_assert(get(&fixture, SPAN("k"), &version));
    cr_assert_eq(version.kind, VALUE_TOMBSTONE);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 0);
    cr_assert_eq(counts.tombstones, 1);
    cr_assert_eq(counts.expiring, 0);
    tear_down(&fixture);
}

Test(store, at_the_bound_it_refuses_what_grows_and_takes_what_frees)
{
    struct fixture fixture = set_up(1);
    static uint8_t bytes[5000];
    uint32_t number = 0;
    char text[16];

    store_set_memory_max(fixture.store, 100000);
    while (put(&fixture, number_key(number, text), span_of(bytes, 990), DEADLINE_NEVER) == STORE_OK)
        number++;
    cr_assert_gt(number, 80);
    cr_assert_lt(number, 100);
    cr_assert_not(holds(&fixture, number_key(number, text), span_of(bytes, 990)));
    cr_assert_eq(put(&fixture, number_key(0, text), span_of(bytes, 5000), DEADLINE_NEVER),
                 STORE_FULL);
    cr_assert(holds(&fixture, number_key(0, text), span_of(bytes, 990)));
    cr_assert_eq(put(&fixture, number_key(0, text), span_of(bytes, 980), DEADLINE_NEVER), STORE_OK);
    cr_assert_eq(put_tombstone(&fixture, number_key(number, text)), STORE_OK);
    store_set_memory_max(fixture.store, 0);
    cr_assert_eq(put(&fixture, number_key(0, text), span_of(bytes, 5000), DEADLINE_NEVER),
                 STORE_OK);
    tear_down(&fixture);
}

Test(store, a_cleared_partition_is_empty_at_once_and_freed_in_pieces)
{
    struct fixture fixture = set_up(1);
    struct partition_counts counts;
    uint32_t calls = 1;
    char text[16];

    for (uint32_t i = 0; i < 5000; i++)
        put(&fixture, number_key(i, text), SPAN("v"), i % 2 == 0 ? NOW + i : DEADLINE_NEVER);
    const uint64_t used = store_memory_used(fixture.store);
    partition_clear(fixture.partition);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 0);
    cr_assert_not(holds(&fixture, number_key(1, text), SPAN("v")));
    cr_assert_geq(store_memory_used(fixture.store), used - 4096);
    put(&fixture, SPAN("new"), SPAN("v"), NOW + 1);
    while (store_reclaim(fixture.store, 100))
        calls++;
    cr_assert_geq(calls, 45);
    cr_assert(holds(&fixture, SPAN("new"), SPAN("v")));
    partition_settle(fixture.partition, fixture.stamp, 10);
    cr_assert_eq(partition_expire(fixture.partition, NOW + 1, 10), 1);
    cr_assert_eq(store_memory_used(fixture.store), 0);
    tear_down(&fixture);
}

Test(store, a_partition_that_was_emptied_takes_nothing)
{
    struct fixture fixture = set_up(16384);
    char text[16];

    cr_assert_eq(store_memory_used(fixture.store), 0);
    for (uint32_t i = 0; i < 3000; i++)
        put(&fixture, number_key(i, text), SPAN("v"), NOW + i);
    const uint64_t full = store_memory_used(fixture.store);
    for (uint32_t i = 0; i < 2900; i++) {
        const struct span key = number_key(i, text);

        cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
    }
    cr_assert_lt(store_memory_used(fixture.store), full / 10);
    for (uint32_t i = 2900; i < 3000; i++) {
        const struct span key = number_key(i, text);

        cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
    }
    cr_assert_eq(store_memory_used(fixture.store), 0);
    cr_assert_null(fixture.partition->table);
    tear_down(&fixture);
}

Test(store, a_prefetch_changes_nothing_and_waits_for_nobody)
{
    struct fixture fixture = set_up(1);

    partition_prefetch(fixture.partition, 7);
    put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    partition_prefetch(fixture.partition, store_hash(fixture.store, SPAN("k")));
    partition_lock(fixture.partition);
    partition_prefetch(fixture.partition, 7);
    partition_unlock(fixture.partition);
    cr_assert(holds(&fixture, SPAN("k"), SPAN("v")));
    tear_down(&fixture);
}

static void fail_visit(void *context, struct span key, const struct version *version)
{
    (void)context, (void)key, (void)version;
    cr_assert_fail("there is nothing to visit");
}

Test(store, a_scan_takes_any_cursor)
{
    struct fixture fixture = set_up(1);

    cr_assert_eq(partition_scan(fixture.partition, 0, 10, fail_visit, NULL), 0);
    put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    cr_assert_eq(partition_scan(fixture.partition, UINT64_MAX, 10, fail_visit, NULL), 0);
    cr_assert_eq(partition_scan(fixture.partition, UINT64_C(1) << 32, 10, fail_visit, NULL), 0);
    tear_down(&fixture);
}

Test(store, out_of_memory_a_put_fails_whole_and_the_table_goes_on)
{
    struct fixture fixture = set_up(1);
    uint32_t failed = 0;
    char text[16];

    for (uint32_t i = 0; i < 400; i++) {
        const int64_t deadline_ms = i % 3 == 0 ? NOW + i : DEADLINE_NEVER;

        /* Grants one allocation more at each try, so that each is the one to fail. */
        for (uint64_t granted = 0;; granted++) {
            allocations_left = granted;
            const enum store_status status = put(&fixture, number_key(i, text), SPAN("v"),
                                                 deadline_ms);
            allocations_left = UINT64_MAX;
            if (status == STORE_OK)
                break;
            failed++;
            cr_assert_eq(status, STORE_NO_MEMORY);
            cr_assert_not(holds(&fixture, number_key(i, text), SPAN("v")));
            cr_assert(i == 0 || holds(&fixture, number_key(i - 1, text), SPAN("v")));
        }
    }
    cr_assert_gt(failed, 400);
    for (uint32_t i = 0; i < 400; i++)
        cr_assert(holds(&fixture, number_key(i, text), SPAN("v")));
    for (uint32_t i = 0; i < 400; i++) {
        const struct span key = number_key(i, text);

        allocations_left = i % 4;
        cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
        allocations_left = UINT64_MAX;
        for (uint32_t other = i + 1; other < 400; other += 37)
            cr_assert(holds(&fixture, number_key(other, text), SPAN("v")));
    }
    cr_assert_eq(store_memory_used(fixture.store), 0);
    tear_down(&fixture);
}

/* ---- marks, tombstones, settled ---- */

static struct dot mark_of(struct fixture *fixture, struct span key)
{
    return partition_mark(fixture->partition, store_hash(fixture->store, key), key);
}

static bool vanish(struct fixture *fixture, struct span key)
{
    return partition_vanish(fixture->partition, store_hash(fixture->store, key), key);
}

static struct partition_counts counts_of(struct fixture *fixture)
{
    struct partition_counts counts;

    partition_count(fixture->partition, &counts);
    return counts;
}

Test(store, what_vanishes_leaves_a_mark_until_it_is_settled)
{
    struct fixture fixture = set_up(1);

    cr_assert_not(vanish(&fixture, SPAN("k")));
    put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    cr_assert_not(dot_exists(mark_of(&fixture, SPAN("k"))));
    cr_assert(vanish(&fixture, SPAN("k")));
    cr_assert_not(holds(&fixture, SPAN("k"), SPAN("v")));
    cr_assert(dot_equal(mark_of(&fixture, SPAN("k")), (struct dot){.stamp = 1, .node = 3}));
    cr_assert_eq(counts_of(&fixture).marks, 1);
    cr_assert_eq(counts_of(&fixture).evicted, 1);
    cr_assert_gt(store_memory_used(fixture.store), 0);
    cr_assert_not(partition_settle(fixture.partition, 1, 100));
    cr_assert_not(dot_exists(mark_of(&fixture, SPAN("k"))));
    cr_assert_eq(counts_of(&fixture).marks, 0);
    cr_assert_eq(store_memory_used(fixture.store), 0);
    tear_down(&fixture);
}

Test(store, what_is_settled_vanishes_without_a_trace)
{
    struct fixture fixture = set_up(1);

    put(&fixture, SPAN("evicted"), SPAN("v"), DEADLINE_NEVER);
    put(&fixture, SPAN("expired"), SPAN("v"), NOW + 1);
    put(&fixture, SPAN("newer"), SPAN("v"), NOW + 1);
    partition_settle(fixture.partition, 2, 100);
    vanish(&fixture, SPAN("evicted"));
    partition_expire(fixture.partition, NOW + 1, 100);
    cr_assert_eq(counts_of(&fixture).marks, 1);
    cr_assert_eq(mark_of(&fixture, SPAN("newer")).stamp, 3);
    partition_leave_mark(fixture.partition, store_key_digest(SPAN("late")),
                         (struct dot){.stamp = 2, .node = 9});
    cr_assert_not(dot_exists(mark_of(&fixture, SPAN("late"))));
    tear_down(&fixture);
}

Test(store, a_version_takes_the_place_of_its_mark_and_a_failed_one_does_not)
{
    struct fixture fixture = set_up(1);

    put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    vanish(&fixture, SPAN("k"));
    store_set_memory_max(fixture.store, 1);
    cr_assert_eq(put(&fixture, SPAN("k"), SPAN("w"), DEADLINE_NEVER), STORE_FULL);
    cr_assert_eq(mark_of(&fixture, SPAN("k")).stamp, 1);
    store_set_memory_max(fixture.store, 0);
    cr_assert_eq(put(&fixture, SPAN("k"), SPAN("w"), DEADLINE_NEVER), STORE_OK);
    cr_assert_eq(counts_of(&fixture).marks, 0);
    tear_down(&fixture);
}

Test(store, a_higher_mark_stays)
{
    struct fixture fixture = set_up(1);
    const uint64_t digest = store_key_digest(SPAN("k"));

    partition_leave_mark(fixture.partition, digest, (struct dot){.stamp = 7, .node = 2});
    partition_leave_mark(fixture.partition, digest, (struct dot){.stamp = 5, .node = 9});
    cr_assert(dot_equal(mark_of(&fixture, SPAN("k")), (struct dot){.stamp = 7, .node = 2}));
    partition_leave_mark(fixture.partition, digest, (struct dot){.stamp = 7, .node = 3});
    cr_assert(dot_equal(mark_of(&fixture, SPAN("k")), (struct dot){.stamp = 7, .node = 3}));
    cr_assert_eq(counts_of(&fixture).marks, 1);
    tear_down(&fixture);
}

Test(store, too_many_marks_give_up_the_oldest_eighth_and_raise_the_floor)
{
    /* With so many partitions, one has 128 slots: 96 marks. */
    struct fixture fixture = set_up(16384);
    char text[16];

    for (uint32_t i = 0; i < 97; i++)
        put(&fixture, number_key(i, text), SPAN("v"), DEADLINE_NEVER);
    for (uint32_t i = 97; i > 1; i--)
        vanish(&fixture, number_key(i - 1, text));
    cr_assert_eq(counts_of(&fixture).marks, 96);
    cr_assert_eq(fixture.partition->floor, 0);
    vanish(&fixture, number_key(0, text));
    const uint64_t floor = fixture.partition->floor;
    cr_assert_geq(floor, 2 + 96 / 8);
    cr_assert_leq(floor, 2 + 96 / 4);
    cr_assert_eq(mark_of(&fixture, number_key(0, text)).stamp, 1);
    for (uint32_t i = 1; i < 97; i++) {
        const struct dot mark = mark_of(&fixture, number_key(i, text));

        cr_assert_eq(mark.stamp, i + 1 > floor ? i + 1 : 0);
    }
    tear_down(&fixture);
}

Test(store, marks_take_no_more_than_an_eighth_of_the_memory_allowed)
{
    struct fixture fixture = set_up(1);

    store_set_memory_max(fixture.store, 80000);
    for (uint64_t digest = 1; digest <= 10000; digest++)
        partition_leave_mark(fixture.partition, digest << 28, (struct dot){.stamp = digest});
    cr_assert_leq(store_memory_used(fixture.store), 12000);
    cr_assert_gt(counts_of(&fixture).marks, 250);
    cr_assert_gt(fixture.partition->floor, 9000);
    store_set_memory_max(fixture.store, 1);
    for (uint64_t digest = 1; digest <= 100; digest++)
        partition_leave_mark(fixture.partition, digest << 28,
                             (struct dot){.stamp = 20000 + digest});
    cr_assert_leq(counts_of(&fixture).marks, 6);
    cr_assert_leq(store_memory_used(fixture.store), 4096);
    tear_down(&fixture);
}

Test(store, without_memory_for_a_mark_the_floor_stands_for_it)
{
    struct fixture fixture = set_up(1);
    char text[16];

    for (uint32_t i = 0; i < 60; i++)
        put(&fixture, number_key(i, text), SPAN("v"), DEADLINE_NEVER);
    allocations_left = 0;
    vanish(&fixture, number_key(9, text));
    cr_assert_eq(counts_of(&fixture).marks, 0);
    cr_assert_eq(fixture.partition->floor, 10);
    allocations_left = 1;
    for (uint32_t i = 20; i < 60; i++) {
        vanish(&fixture, number_key(i, text));
        cr_assert(fixture.partition->floor > i || mark_of(&fixture, number_key(i, text)).stamp > i);
    }
    allocations_left = UINT64_MAX;
    cr_assert_gt(counts_of(&fixture).marks, 0);
    cr_assert_lt(fixture.partition->floor, 60);
    tear_down(&fixture);
}

Test(store, tombstones_go_once_they_are_settled_a_few_at_a_time)
{
    struct fixture fixture = set_up(1);
    char text[16];

    put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    for (uint32_t i = 0; i < 100; i++)
        put_tombstone(&fixture, number_key(i, text));
    cr_assert_not(partition_settle(fixture.partition, 1, 10));
    cr_assert_eq(counts_of(&fixture).tombstones, 100);
    cr_assert(partition_settle(fixture.partition, 51, 30));
    cr_assert_eq(counts_of(&fixture).tombstones, 70);
    cr_assert_not(partition_settle(fixture.partition, 51, 30));
    cr_assert_eq(counts_of(&fixture).tombstones, 50);
    cr_assert_not(partition_settle(fixture.partition, 0, 30));
    cr_assert_eq(fixture.partition->settled, 51);
    cr_assert_not(partition_settle(fixture.partition, 101, 50));
    cr_assert_eq(counts_of(&fixture).tombstones, 0);
    cr_assert(holds(&fixture, SPAN("k"), SPAN("v")));
    cr_assert_eq(counts_of(&fixture).marks, 0);
    tear_down(&fixture);
}

Test(store, a_tombstone_may_have_bytes_has_no_deadline_and_leaves_a_mark_when_evicted)
{
    struct fixture fixture = set_up(1);
    struct version version = {
        .dot = {.stamp = 5, .node = 3}, .kind = VALUE_TOMBSTONE, .deadline_ms = NOW + 1};
    const struct span bytes = SPAN("no siblings");
    const struct span key = SPAN("k");
    const uint64_t hash = store_hash(fixture.store, key);

    partition_put(fixture.partition, hash, key, &version, &bytes, 1);
    cr_assert(get(&fixture, key, &version));
    cr_assert_eq(version.deadline_ms, DEADLINE_NEVER);
    cr_assert(span_equal(version.value, bytes));
    cr_assert_eq(partition_expire(fixture.partition, NOW + 1, 10), 0);
    cr_assert(vanish(&fixture, key));
    cr_assert_eq(mark_of(&fixture, key).stamp, 5);
    partition_put(fixture.partition, hash, key, &version, &bytes, 1);
    cr_assert_not(partition_settle(fixture.partition, 5, 1));
    cr_assert_eq(counts_of(&fixture).tombstones, 0);
    tear_down(&fixture);
}

Test(store, values_and_tombstones_take_turns_in_one_place)
{
    struct fixture fixture = set_up(1);
    const struct span key = SPAN("k");

    /* All of one size, so that each is written over the one before. */
    for (uint32_t i = 0; i < 20; i++) {
        cr_assert_eq(put(&fixture, key, SPAN("v"), NOW + 1 + i % 3), STORE_OK);
        cr_assert_eq(counts_of(&fixture).expiring, 1);
        cr_assert_not(partition_settle(fixture.partition, fixture.stamp, 10));
        cr_assert(holds(&fixture, key, SPAN("v")));
        cr_assert_eq(put_tombstone(&fixture, key), STORE_OK);
        cr_assert_eq(put_tombstone(&fixture, key), STORE_OK);
        cr_assert_eq(counts_of(&fixture).tombstones, 1);
        cr_assert_eq(partition_expire(fixture.partition, NOW + 9, 10), 0);
    }
    cr_assert_not(partition_settle(fixture.partition, fixture.stamp, 10));
    cr_assert_eq(store_memory_used(fixture.store), 0);
    tear_down(&fixture);
}

Test(store, a_flush_takes_the_marks_below_it_and_is_forgotten_when_nobody_owes_it)
{
    struct fixture fixture = set_up(1);

    put(&fixture, SPAN("below"), SPAN("v"), DEADLINE_NEVER);
    put(&fixture, SPAN("above"), SPAN("v"), DEADLINE_NEVER);
    vanish(&fixture, SPAN("below"));
    vanish(&fixture, SPAN("above"));
    fixture.partition->flushed = (struct dot){.stamp = 1, .node = 3};
    partition_clear(fixture.partition);
    cr_assert_not(dot_exists(mark_of(&fixture, SPAN("below"))));
    cr_assert_eq(mark_of(&fixture, SPAN("above")).stamp, 2);
    partition_settle(fixture.partition, 1, 1);
    cr_assert(dot_exists(fixture.partition->flushed), "one who is no replica may owe it yet");
    tear_down(&fixture);
}

Test(store, a_late_flush_is_known_as_long_as_what_it_killed_may_be_here)
{
    struct fixture fixture = set_up(1);

    put(&fixture, SPAN("below"), SPAN("v"), DEADLINE_NEVER);
    vanish(&fixture, SPAN("below"));
    put(&fixture, SPAN("here"), SPAN("v"), DEADLINE_NEVER);
    partition_flush(fixture.partition, (struct dot){.stamp = 1, .node = 3});
    cr_assert_not(dot_exists(mark_of(&fixture, SPAN("below"))));
    cr_assert(holds(&fixture, SPAN("here"), SPAN("v")), "the caller drops entries");
    cr_assert(fixture.partition->flushing);
    partition_flush(fixture.partition, DOT_NONE);
    cr_assert_eq(fixture.partition->flushed.stamp, 1);
    partition_clear(fixture.partition);
    cr_assert_not(fixture.partition->flushing);
    tear_down(&fixture);
}

/* ---- leaves ---- */

Test(store, leaves_are_of_the_contents_whatever_the_order_they_came_in)
{
    struct fixture one = set_up(1), other = set_up(1);
    const uint64_t empty[PARTITION_LEAVES] = {0};
    char text[16];

    for (uint32_t i = 0; i < 500; i++) {
        one.stamp = i;
        put(&one, number_key(i, text), SPAN("v"), i % 3 == 0 ? NOW + 5 : DEADLINE_NEVER);
    }
    for (uint32_t i = 500; i-- > 0;) {
        other.stamp = i + 1000;
        put(&other, number_key(i, text), SPAN("older"), DEADLINE_NEVER);
        other.stamp = i;
        put(&other, number_key(i, text), SPAN("v"), i % 3 == 0 ? NOW + 5 : DEADLINE_NEVER);
        put_tombstone(&other, SPAN("a tombstone"));
        put(&other, SPAN("a key"), SPAN("v"), DEADLINE_NEVER);
        vanish(&other, SPAN("a key"));
    }
    cr_assert_arr_eq(one.partition->leaves, other.partition->leaves, sizeof empty);
    partition_expire(one.partition, NOW + 5, 1000);
    cr_assert_arr_neq(one.partition->leaves, other.partition->leaves, sizeof empty);
    partition_expire(other.partition, NOW + 5, 1000);
    cr_assert_arr_eq(one.partition->leaves, other.partition->leaves, sizeof empty);
    partition_clear(one.partition);
    cr_assert_arr_eq(one.partition->leaves, empty, sizeof empty);
    tear_down(&one);
    tear_down(&other);
}

/* A set with one value, written over `old` or beside it. */
static void put_set(struct fixture *fixture, struct span key, struct dot dot, bool over,
                    int64_t deadline_ms)
{
    const uint64_t hash = store_hash(fixture->store, key);
    struct buffer bytes = {0};
    struct context context = {0};
    struct version version;
    struct span old = span_of(NULL, 0);

    if (partition_get(fixture->partition, hash, key, &version))
        old = version.value;
    if (over)
        siblings_context(old, &context);
    cr_assert_eq(siblings_write(old, &context, dot, deadline_ms, SPAN("v"), 0, &bytes),
                 SIBLINGS_OK);
    version = siblings_version(buffer_content(&bytes));
    cr_assert_eq(partition_put(fixture->partition, hash, key, &version, &version.value, 1),
                 STORE_OK);
    buffer_deinit(&bytes);
}

Test(store, leaves_tell_sets_with_one_largest_dot_apart)
{
    struct fixture one = set_up(1), other = set_up(1);
    const uint64_t empty[PARTITION_LEAVES] = {0};
    const struct dot first = {.stamp = 5, .node = 1}, second = {.stamp = 9, .node = 2};

    put_set(&one, SPAN("k"), second, false, NOW + 5);
    put_set(&other, SPAN("k"), first, false, NOW + 5);
    put_set(&other, SPAN("k"), second, false, NOW + 5);
    cr_assert_arr_neq(one.partition->leaves, other.partition->leaves, sizeof empty);
    put_set(&one, SPAN("k"), (struct dot){.stamp = 10, .node = 1}, true, NOW + 5);
    put_set(&other, SPAN("k"), (struct dot){.stamp = 10, .node = 1}, true, NOW + 5);
    cr_assert_arr_eq(one.partition->leaves, other.partition->leaves, sizeof empty);
    vanish(&one, SPAN("k"));
    cr_assert_arr_eq(one.partition->leaves, empty, sizeof empty);
    partition_expire(other.partition, NOW + 5, 1000);
    cr_assert_arr_eq(other.partition->leaves, empty, sizeof empty);
    tear_down(&one);
    tear_down(&other);
}

Test(store, a_set_whose_time_is_up_leaves_its_context_until_it_is_settled)
{
    struct fixture fixture = set_up(1);
    const struct dot dot = {.stamp = 5, .node = 1};
    struct version version;
    struct partition_counts counts;

    put_set(&fixture, SPAN("k"), dot, false, NOW + 5);
    put_set(&fixture, SPAN("l"), (struct dot){.stamp = 6, .node = 1}, false, NOW + 9);
    partition_expire(fixture.partition, NOW + 5, 1000);
    cr_assert(get(&fixture, SPAN("k"), &version));
    cr_assert_eq(version.kind, VALUE_TOMBSTONE);
    cr_assert(dot_equal(version.dot, dot));
    cr_assert_eq(siblings_count(version.value), 0);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.expired, 1);
    cr_assert_eq(counts.tombstones, 1);
    partition_settle(fixture.partition, 6, 10);
    cr_assert_not(get(&fixture, SPAN("k"), &version));
    partition_expire(fixture.partition, NOW + 9, 1000);
    cr_assert_not(get(&fixture, SPAN("l"), &version), "it was settled");
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.expired, 2);
    tear_down(&fixture);
}

Test(store, digests_are_the_same_on_all_machines)
{
    cr_expect_eq(store_key_digest(SPAN("a key")), UINT64_C(0xdfda7b285e8e615e));
    cr_expect_eq(store_version_digest(1, (struct dot){.stamp = 2, .node = 3}, 0),
                 UINT64_C(0x0e1abd04dc7d6a63));
}

/* ---- eviction ---- */

/* Fills partition after partition with `count` keys of `size` bytes, and reads one in two. */
static void fill(struct fixture *fixture, uint32_t count, size_t size)
{
    static uint8_t bytes[100000];
    struct version version;
    char text[16];

    for (uint32_t i = 0; i < count; i++) {
        fixture->partition = store_partition(fixture->store, i % store_partitions(fixture->store));
        cr_assert_eq(put(fixture, number_key(i, text), span_of(bytes, size), DEADLINE_NEVER),
                     STORE_OK);
        if (i / store_partitions(fixture->store) % 2 == 0)
            cr_assert(get(fixture, number_key(i, text), &version));
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
        left[i / store_partitions(fixture->store) % 2] += get(fixture, number_key(i, text),
                                                              &version);
    }
}

Test(store, without_a_policy_that_evicts_nothing_goes)
{
    struct fixture fixture = set_up(16);
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
    tear_down(&fixture);
}

Test(store, what_was_not_used_goes_first)
{
    struct fixture fixture = set_up(16);
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
    tear_down(&fixture);
}

Test(store, a_value_of_any_length_fits_in_the_room_that_was_made_for_it)
{
    static uint8_t bytes[100000];
    struct fixture fixture = set_up(16);
    uint64_t evicted = 0;
    char text[16];

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    store_set_memory_max(fixture.store, 1 << 20);
    fill(&fixture, 16 * 400, 64);
    settle_all(&fixture);
    for (uint32_t i = 0; i < 200; i++) {
        const struct span key = number_key(1000000 + i, text);
        const struct span value = span_of(bytes, (size_t)i * 311);

        fixture.partition = store_partition(fixture.store, i % 16);
        cr_assert(store_make_room(fixture.store, store_room_for(key.size, value.size), &evicted));
        cr_assert_eq(put(&fixture, key, value, NOW + 100000), STORE_OK, "of %zu", value.size);
    }
    cr_assert_gt(evicted, 6000);
    tear_down(&fixture);
}

Test(store, what_a_partition_had_not_told_makes_way_after_a_refusal)
{
    static uint8_t bytes[4000];
    struct fixture fixture = set_up(2);
    uint64_t evicted = 0;
    char text[16];

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(put(&fixture, number_key(i, text), span_of(bytes, 64), DEADLINE_NEVER),
                     STORE_OK);
    fixture.partition = store_partition(fixture.store, 1);
    /* The bound that comes has less slack than what is untold by now. */
    cr_assert_eq(put(&fixture, SPAN("untold"), span_of(bytes, 3000), DEADLINE_NEVER), STORE_OK);
    settle_all(&fixture);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    cr_assert(store_make_room(fixture.store, store_room_for(1, 100), &evicted));
    cr_assert_eq(put(&fixture, SPAN("k"), span_of(bytes, 100), DEADLINE_NEVER), STORE_FULL);
    cr_assert(store_make_room(fixture.store, store_room_for(1, 100), &evicted));
    cr_assert_eq(put(&fixture, SPAN("k"), span_of(bytes, 100), DEADLINE_NEVER), STORE_OK);
    tear_down(&fixture);
}

Test(store, where_all_was_used_there_is_room_all_the_same)
{
    struct fixture fixture = set_up(1);
    uint64_t evicted = 0;
    char text[16];
    struct version version;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 20000, 64);
    for (uint32_t i = 0; i < 20000; i++)
        get(&fixture, number_key(i, text), &version);
    settle_all(&fixture);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    cr_assert(store_make_room(fixture.store, 112, &evicted));
    cr_assert_gt(evicted, 0);
    cr_assert_lt(evicted, 100);
    /* The hand is still in the first of 16 slices. */
    cr_assert_eq(fixture.partition->clock_visit, 0);
    tear_down(&fixture);
}

Test(store, eviction_is_spread_over_the_partitions)
{
    struct fixture fixture = set_up(16);
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
        cr_assert_geq(counts_of(&fixture).evicted, evicted / 16 - 100);
        cr_assert_leq(counts_of(&fixture).evicted, evicted / 16 + 100);
    }
    tear_down(&fixture);
}

Test(store, a_bound_that_is_lowered_is_reached_in_bounded_steps)
{
    struct fixture fixture = set_up(16);
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
    tear_down(&fixture);
}

Test(store, a_large_value_takes_the_room_of_many_small_ones)
{
    struct fixture fixture = set_up(16);
    static uint8_t bytes[500000];
    uint64_t evicted = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 20000, 64);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    settle_all(&fixture);
    cr_assert(store_make_room(fixture.store, sizeof bytes + 100000, &evicted));
    cr_assert_eq(put(&fixture, SPAN("large"), span_of(bytes, sizeof bytes), DEADLINE_NEVER),
                 STORE_OK);
    cr_assert_lt(evicted, 10000);
    tear_down(&fixture);
}

Test(store, for_a_value_that_can_never_fit_nothing_goes)
{
    struct fixture fixture = set_up(1);
    uint64_t evicted = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 100, 64);
    store_set_memory_max(fixture.store, 100000);
    cr_assert_not(store_make_room(fixture.store, 100001, &evicted));
    cr_assert_eq(evicted, 0);
    tear_down(&fixture);
}

Test(store, few_large_entries_in_many_partitions_are_found)
{
    struct fixture fixture = set_up(16384);
    static uint8_t bytes[100000];
    uint64_t evicted = 0;
    char text[16];

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    for (uint32_t i = 0; i < 400; i++) {
        fixture.partition = store_partition(fixture.store, i * 41);
        put(&fixture, number_key(i, text), span_of(bytes, sizeof bytes), DEADLINE_NEVER);
    }
    store_set_memory_max(fixture.store, store_memory_used(fixture.store) / 2);
    for (uint32_t call = 0; !store_make_room(fixture.store, 0, &evicted); call++)
        cr_assert_lt(call, 1000);
    cr_assert_geq(evicted, 200);
    cr_assert_lt(evicted, 220);
    tear_down(&fixture);
}

Test(store, what_others_hold_counts_and_makes_entries_go)
{
    struct fixture fixture = set_up(1);
    uint64_t evicted = 0;

    store_charge(fixture.store, 60000);
    cr_assert_eq(store_memory_used(fixture.store), 60000);
    store_set_memory_max(fixture.store, 60100);
    cr_assert_eq(put(&fixture, SPAN("k"),
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
    tear_down(&fixture);
}

Test(store, what_was_cleared_is_freed_before_anything_is_evicted)
{
    struct fixture fixture = set_up(2);
    uint64_t evicted = 0;

    store_set_policy(fixture.store, STORE_ALLKEYS_CLOCK);
    fill(&fixture, 200, 64);
    store_set_memory_max(fixture.store, store_memory_used(fixture.store));
    partition_clear(store_partition(fixture.store, 0));
    cr_assert(store_make_room(fixture.store, 1000, &evicted));
    cr_assert_eq(evicted, 0);
    tear_down(&fixture);
}
