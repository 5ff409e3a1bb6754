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
