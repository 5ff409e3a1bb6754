/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store's entries, story by story: versions in, versions out, deadlines, memory. What random
 * histories give is model_store's.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/allocator.h"
#include "lib/store_fixture.h"
#include "lib/timeout.h"
#include "store/entry.h"
#include "store/table.h"

TestSuite(store, .timeout = TIMEOUT_S(30));

Test(store, a_version_comes_back_as_it_was_given)
{
    struct fixture fixture = fixture_set_up(4);
    struct version version;

    cr_assert_eq(fixture_put(&fixture, SPAN("a\0key"), SPAN("a\0value"), NOW + 5), STORE_OK);
    cr_assert(fixture_get(&fixture, SPAN("a\0key"), &version));
    cr_assert_eq(version.dot.stamp, 1);
    cr_assert_eq(version.dot.node, 3);
    cr_assert_eq(version.kind, VALUE_STRING);
    cr_assert_eq(version.deadline_ms, NOW + 5);
    cr_assert(span_equal(version.value, SPAN("a\0value")));
    fixture_tear_down(&fixture);
}

Test(store, an_absent_key_has_no_version)
{
    struct fixture fixture = fixture_set_up(1);
    struct version version = {.dot = {.stamp = 1}};

    cr_assert_not(fixture_get(&fixture, SPAN("nobody"), &version));
    cr_assert_not(version_exists(&version));
    cr_assert_eq(fixture_put(&fixture, SPAN("somebody"), SPAN("v"), DEADLINE_NEVER), STORE_OK);
    cr_assert_not(fixture_get(&fixture, SPAN("nobody"), &version));
    cr_assert_not(partition_remove(fixture.partition, 1, SPAN("nobody")));
    fixture_tear_down(&fixture);
}

Test(store, the_empty_key_and_the_empty_value_are_like_others)
{
    struct fixture fixture = fixture_set_up(1);

    cr_assert_eq(fixture_put(&fixture, span_of(NULL, 0), span_of(NULL, 0), DEADLINE_NEVER),
                 STORE_OK);
    cr_assert(fixture_holds(&fixture, SPAN(""), SPAN("")));
    cr_assert_eq(fixture_put(&fixture, SPAN(""), SPAN("x"), DEADLINE_NEVER), STORE_OK);
    cr_assert(fixture_holds(&fixture, SPAN(""), SPAN("x")));
    fixture_tear_down(&fixture);
}

Test(store, sixteen_bytes_of_key_and_sixty_four_of_value_take_96_or_112_with_a_deadline)
{
    struct version version = {.kind = VALUE_STRING, .deadline_ms = DEADLINE_NEVER};

    cr_assert_eq(sizeof(struct entry), 16);
    cr_assert_eq(entry_memory_for(entry_parts_for(16, &version), 16, 64), 96);
    version.deadline_ms = NOW + 1;
    cr_assert_eq(entry_memory_for(entry_parts_for(16, &version), 16, 64), 112);
}

/* A block as a client's input is: what comes before the value, the value, and the end of a line. */
static struct block *arrive(size_t value_size, struct span *value)
{
    static const char before[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n";
    struct buffer input = {0};

    cr_assert_not_null(buffer_reserve_exactly(&input, sizeof before + value_size + 2));
    buffer_append(&input, before, sizeof before);
    memset(input.block + input.tail, 'v', value_size);
    *value = span_of(input.block + input.tail, value_size);
    return block_adopt(&input);
}

static void put_block(struct fixture *fixture, struct span key, int64_t deadline_ms,
                      struct span value, struct block *block)
{
    const struct version version = {.dot = {.stamp = ++fixture->stamp, .node = 3},
                                    .kind = VALUE_STRING,
                                    .deadline_ms = deadline_ms,
                                    .value = value};

    const uint64_t hash = store_hash(fixture->store, key);
    struct version before;
    struct entry *old = partition_find(fixture->partition, hash, key, &before);

    cr_assert_eq(partition_put_block(fixture->partition, hash, key, old, &version, block),
                 STORE_OK);
}

Test(store, a_large_value_stays_in_the_block_in_which_it_arrived)
{
    static const int64_t deadlines[] = {DEADLINE_NEVER, NOW + 1000, INT64_MAX - 1};
    struct fixture fixture = fixture_set_up(1);
    char bytes[300] = "a key whose size does not fit the header";
    const struct span keys[] = {SPAN("k"), span_of(bytes, sizeof bytes)};

    for (unsigned i = 0; i < 6; i++) {
        const struct span key = keys[i % 2];
        struct version version;
        struct span value;
        struct block *block = arrive(100000, &value);
        put_block(&fixture, key, deadlines[i / 2], value, block);
        cr_assert(fixture_get(&fixture, key, &version));
        cr_assert_eq(version.value.data, value.data, "not a copy");
        cr_assert_eq(version.value.size, value.size);
        cr_assert_eq(version.deadline_ms, deadlines[i / 2]);
        cr_assert_eq(atomic_load(&block->shares), 2);
        /* Nothing is written into it: others may read it. */
        cr_assert_eq(fixture_put(&fixture, key, SPAN("short"), deadlines[i / 2]), STORE_OK);
        cr_assert(fixture_holds(&fixture, key, SPAN("short")));
        cr_assert_eq(atomic_load(&block->shares), 1);
        put_block(&fixture, key, deadlines[i / 2], value, block);
        put_block(&fixture, key, deadlines[i / 2], value, block);
        cr_assert_eq(atomic_load(&block->shares), 2);
        cr_assert(fixture_vanish(&fixture, key));
        cr_assert_eq(atomic_load(&block->shares), 1);
        block_release(&block);
    }
    fixture_tear_down(&fixture);
}

Test(store, a_block_that_its_value_does_not_fill_is_not_kept)
{
    struct fixture fixture = fixture_set_up(1);
    struct version version;
    struct span value;
    struct block *block = arrive(200000, &value);

    for (size_t size = 1000; size <= 100000; size *= 10) {
        put_block(&fixture, SPAN("k"), DEADLINE_NEVER, span_of(value.data, size), block);
        cr_assert(fixture_get(&fixture, SPAN("k"), &version));
        cr_assert_eq(version.value.size, size);
        cr_assert_neq(version.value.data, value.data);
        cr_assert_eq(atomic_load(&block->shares), 1);
    }
    block_release(&block);
    fixture_tear_down(&fixture);
}

Test(store, a_value_in_its_block_takes_what_the_block_takes)
{
    struct fixture fixture = fixture_set_up(1);
    struct span value;
    struct block *block = arrive(100000, &value);

    put_block(&fixture, SPAN("k"), DEADLINE_NEVER, value, block);
    const uint64_t used = store_memory_used(fixture.store);
    cr_assert_geq(used, block->capacity);
    cr_assert_leq(used, memory_size_class(block->capacity) + 8192); /* with the table */
    block_release(&block);
    fixture_tear_down(&fixture);
}

/* 255 bytes is where the size of a key leaves the header. */
Test(store, keys_of_any_size_come_back_also_after_the_table_grew_and_shrank)
{
    static const size_t sizes[] = {0, 1, 253, 254, 255, 256, 257, 300, 65535, 65536, 1 << 20};
    enum { SIZES = sizeof sizes / sizeof sizes[0], COUNT = 300 };
    struct fixture fixture = fixture_set_up(1);
    uint8_t *bytes = memory_alloc(sizes[SIZES - 1]);
    char text[16];

    memset(bytes, 'k', sizes[SIZES - 1]);
    for (int round = 0; round < 3; round++) {
        const int64_t deadline_ms = round == 0   ? DEADLINE_NEVER
                                    : round == 1 ? NOW + 1000
                                                 : INT64_MAX - 1;
        for (size_t i = 0; i < SIZES; i++)
            cr_assert_eq(fixture_put(&fixture, span_of(bytes, sizes[i]),
                                     fixture_key((uint32_t)i, text), deadline_ms),
                         STORE_OK);
        for (uint32_t number = 100; number < 100 + COUNT; number++)
            fixture_put(&fixture, fixture_key(number, text), SPAN("v"), DEADLINE_NEVER);
        for (size_t i = 0; i < SIZES; i++)
            cr_assert(
                fixture_holds(&fixture, span_of(bytes, sizes[i]), fixture_key((uint32_t)i, text)));
        for (uint32_t number = 100; number < 100 + COUNT; number++) {
            const struct span key = fixture_key(number, text);

            cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
        }
        for (size_t i = 0; i < SIZES; i++) {
            const struct span key = span_of(bytes, sizes[i]);
            struct version version;

            cr_assert(fixture_holds(&fixture, key, fixture_key((uint32_t)i, text)));
            fixture_get(&fixture, key, &version);
            cr_assert_eq(version.deadline_ms, deadline_ms);
        }
    }
    for (size_t i = 0; i < SIZES; i++) {
        const struct span key = span_of(bytes, sizes[i]);

        cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
    }
    memory_free(bytes);
    fixture_tear_down(&fixture);
}

/* A timer's note holds deadlines from 2020 to 2054. */
Test(store, every_deadline_is_kept_to_the_millisecond_and_kept_to)
{
    static const int64_t deadlines[] = {
        INT64_MIN,
        -1,
        0,
        ENTRY_EPOCH_MS - 1,
        ENTRY_EPOCH_MS,
        NOW,
        NOW + 1,
        ENTRY_EPOCH_MS + (INT64_C(1) << 40) - 1,
        ENTRY_EPOCH_MS + (INT64_C(1) << 40),
        ENTRY_EPOCH_MS + (INT64_C(1) << 40) + 1,
        INT64_MAX - 1,
    };
    enum { COUNT = sizeof deadlines / sizeof deadlines[0] };
    struct fixture fixture = fixture_set_up(1);

    /* From each to each: some are written over in place, some want other parts. */
    for (uint32_t i = 0; i < COUNT * COUNT; i++) {
        struct version version;

        fixture_put(&fixture, SPAN("k"), SPAN("v"), deadlines[i % COUNT]);
        fixture_put(&fixture, SPAN("k"), SPAN("v"), deadlines[i / COUNT]);
        cr_assert(fixture_get(&fixture, SPAN("k"), &version));
        cr_assert_eq(version.deadline_ms, deadlines[i / COUNT]);
        cr_assert_eq(fixture_counts(&fixture).expiring, 1);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[16];
        const struct span key = fixture_key(i, text);

        fixture_put(&fixture, SPAN("k"), SPAN("v"), deadlines[i]);
        fixture_put(&fixture, key, SPAN("v"), deadlines[i]);
        if (deadlines[i] > NOW) {
            while (partition_expire(fixture.partition, deadlines[i] - 1, 100) == 100)
                continue;
            cr_assert_eq(fixture_counts(&fixture).keys, 2);
        }
        while (partition_expire(fixture.partition, deadlines[i] > NOW ? deadlines[i] : NOW, 100) ==
               100)
            continue;
        cr_assert_eq(fixture_counts(&fixture).keys, 0);
        while (partition_expire(fixture.partition, NOW, 100) == 100)
            continue;
    }
    partition_settle(fixture.partition, UINT64_MAX, 100);
    fixture_tear_down(&fixture);
}

Test(store, appending_in_place_keeps_what_was_there)
{
    struct fixture fixture = fixture_set_up(1);
    struct version version;

    fixture_put(&fixture, SPAN("k"), SPAN("0123456789"), DEADLINE_NEVER);
    fixture_get(&fixture, SPAN("k"), &version);
    const uint8_t *where = version.value.data;
    const struct span pieces[] = {version.value, SPAN("abc")};
    cr_assert_eq(fixture_put_pieces(&fixture, SPAN("k"), DEADLINE_NEVER, pieces, 2), STORE_OK);
    cr_assert(fixture_holds(&fixture, SPAN("k"), SPAN("0123456789abc")));
    fixture_get(&fixture, SPAN("k"), &version);
    cr_assert_eq(version.value.data, where);
    fixture_tear_down(&fixture);
}

Test(store, pieces_of_the_old_value_may_change_places)
{
    struct fixture fixture = fixture_set_up(1);
    struct version version;

    fixture_put(&fixture, SPAN("k"), SPAN("0123456789"), DEADLINE_NEVER);
    fixture_get(&fixture, SPAN("k"), &version);
    const uint8_t *at = version.value.data;
    const struct span swapped[] = {span_of(at + 6, 4), span_of(at + 1, 5), span_of(at, 1)};
    fixture_put_pieces(&fixture, SPAN("k"), DEADLINE_NEVER, swapped, 3);
    cr_assert(fixture_holds(&fixture, SPAN("k"), SPAN("6789123450")));
    fixture_get(&fixture, SPAN("k"), &version);
    at = version.value.data;
    const struct span cut[] = {span_of(at + 2, 5)};
    fixture_put_pieces(&fixture, SPAN("k"), DEADLINE_NEVER, cut, 1);
    cr_assert(fixture_holds(&fixture, SPAN("k"), SPAN("89123")));
    fixture_get(&fixture, SPAN("k"), &version);
    at = version.value.data;
    const struct span moved[] = {SPAN("<"), span_of(at, 5), SPAN(">")};
    fixture_put_pieces(&fixture, SPAN("k"), NOW + 1, moved, 3);
    cr_assert(fixture_holds(&fixture, SPAN("k"), SPAN("<89123>")));
    fixture_get(&fixture, SPAN("k"), &version);
    at = version.value.data;
    const struct span shifted[] = {SPAN("["), span_of(at, 7), SPAN("]")};
    fixture_put_pieces(&fixture, SPAN("k"), NOW + 1, shifted, 3);
    cr_assert(fixture_holds(&fixture, SPAN("k"), SPAN("[<89123>]")));
    fixture_tear_down(&fixture);
}

Test(store, a_key_goes_at_its_deadline_unread)
{
    struct fixture fixture = fixture_set_up(1);
    struct partition_counts counts;

    fixture_put(&fixture, SPAN("short"), SPAN("v"), NOW + 1000);
    fixture_put(&fixture, SPAN("long"), SPAN("v"), NOW + 100000);
    fixture_put(&fixture, SPAN("ever"), SPAN("v"), DEADLINE_NEVER);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 3);
    cr_assert_eq(counts.expiring, 2);
    while (partition_expire(fixture.partition, NOW + 999, 100) == 100)
        continue;
    cr_assert(fixture_holds(&fixture, SPAN("short"), SPAN("v")));
    while (partition_expire(fixture.partition, NOW + 1000, 100) == 100)
        continue;
    cr_assert_not(fixture_holds(&fixture, SPAN("short"), SPAN("v")));
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 2);
    cr_assert_eq(counts.expiring, 1);
    cr_assert_eq(counts.expired, 1);
    fixture_tear_down(&fixture);
}

Test(store, a_new_version_takes_its_own_deadline_or_none)
{
    struct fixture fixture = fixture_set_up(1);

    fixture_put(&fixture, SPAN("later"), SPAN("v"), NOW + 10);
    fixture_put(&fixture, SPAN("later"), SPAN("w"), NOW + 1000);
    fixture_put(&fixture, SPAN("never"), SPAN("v"), NOW + 10);
    fixture_put(&fixture, SPAN("never"), SPAN("w"), DEADLINE_NEVER);
    fixture_put(&fixture, SPAN("sooner"), SPAN("v"), DEADLINE_NEVER);
    fixture_put(&fixture, SPAN("sooner"), SPAN("w"), NOW + 10);
    cr_assert_lt(partition_expire(fixture.partition, NOW + 10, 100), 100);
    cr_assert(fixture_holds(&fixture, SPAN("later"), SPAN("w")));
    cr_assert(fixture_holds(&fixture, SPAN("never"), SPAN("w")));
    cr_assert_not(fixture_holds(&fixture, SPAN("sooner"), SPAN("w")));
    fixture_tear_down(&fixture);
}

Test(store, tombstones_are_entries_and_not_keys)
{
    struct fixture fixture = fixture_set_up(1);
    struct partition_counts counts;
    struct version version;

    fixture_put(&fixture, SPAN("k"), SPAN("v"), NOW + 10);
    fixture_put_tombstone(&fixture, SPAN("k"));
    cr_assert(fixture_get(&fixture, SPAN("k"), &version));
    cr_assert_eq(version.kind, VALUE_TOMBSTONE);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 0);
    cr_assert_eq(counts.tombstones, 1);
    cr_assert_eq(counts.expiring, 0);
    fixture_tear_down(&fixture);
}

Test(store, at_the_bound_it_refuses_what_grows_and_takes_what_frees)
{
    struct fixture fixture = fixture_set_up(1);
    static uint8_t bytes[5000];
    uint32_t number = 0;
    char text[16];

    store_set_memory_max(fixture.store, 100000);
    while (fixture_put(&fixture, fixture_key(number, text), span_of(bytes, 990), DEADLINE_NEVER) ==
           STORE_OK)
        number++;
    cr_assert_gt(number, 80);
    cr_assert_lt(number, 100);
    cr_assert_not(fixture_holds(&fixture, fixture_key(number, text), span_of(bytes, 990)));
    cr_assert_eq(fixture_put(&fixture, fixture_key(0, text), span_of(bytes, 5000), DEADLINE_NEVER),
                 STORE_FULL);
    cr_assert(fixture_holds(&fixture, fixture_key(0, text), span_of(bytes, 990)));
    cr_assert_eq(fixture_put(&fixture, fixture_key(0, text), span_of(bytes, 980), DEADLINE_NEVER),
                 STORE_OK);
    cr_assert_eq(fixture_put_tombstone(&fixture, fixture_key(number, text)), STORE_OK);
    store_set_memory_max(fixture.store, 0);
    cr_assert_eq(fixture_put(&fixture, fixture_key(0, text), span_of(bytes, 5000), DEADLINE_NEVER),
                 STORE_OK);
    fixture_tear_down(&fixture);
}

Test(store, a_cleared_partition_is_empty_at_once_and_freed_in_pieces)
{
    struct fixture fixture = fixture_set_up(1);
    struct partition_counts counts;
    uint32_t calls = 1;
    char text[16];

    for (uint32_t i = 0; i < 5000; i++)
        fixture_put(&fixture, fixture_key(i, text), SPAN("v"),
                    i % 2 == 0 ? NOW + i : DEADLINE_NEVER);
    const uint64_t used = store_memory_used(fixture.store);
    partition_clear(fixture.partition);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.keys, 0);
    cr_assert_not(fixture_holds(&fixture, fixture_key(1, text), SPAN("v")));
    cr_assert_geq(store_memory_used(fixture.store), used - 4096);
    fixture_put(&fixture, SPAN("new"), SPAN("v"), NOW + 1);
    while (store_reclaim(fixture.store, 100))
        calls++;
    cr_assert_geq(calls, 45);
    cr_assert(fixture_holds(&fixture, SPAN("new"), SPAN("v")));
    partition_settle(fixture.partition, fixture.stamp, 10);
    cr_assert_eq(partition_expire(fixture.partition, NOW + 1, 10), 1);
    cr_assert_eq(store_memory_used(fixture.store), 0);
    fixture_tear_down(&fixture);
}

Test(store, a_partition_that_was_emptied_takes_nothing)
{
    struct fixture fixture = fixture_set_up(16384);
    char text[16];

    cr_assert_eq(store_memory_used(fixture.store), 0);
    for (uint32_t i = 0; i < 3000; i++)
        fixture_put(&fixture, fixture_key(i, text), SPAN("v"), NOW + i);
    const uint64_t full = store_memory_used(fixture.store);
    for (uint32_t i = 0; i < 2900; i++) {
        const struct span key = fixture_key(i, text);

        cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
    }
    cr_assert_lt(store_memory_used(fixture.store), full / 10);
    for (uint32_t i = 2900; i < 3000; i++) {
        const struct span key = fixture_key(i, text);

        cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
    }
    cr_assert_eq(store_memory_used(fixture.store), 0);
    cr_assert_null(fixture.partition->table);
    fixture_tear_down(&fixture);
}

Test(store, a_prefetch_changes_nothing_and_waits_for_nobody)
{
    struct fixture fixture = fixture_set_up(1);
    const struct store_visit visits[] = {
        {.partition = fixture.partition, .hash = 7},
        {.partition = fixture.partition, .hash = store_hash(fixture.store, SPAN("k"))},
    };

    store_prefetch(visits, 2);
    fixture_put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    store_prefetch(visits, 2);
    partition_lock(fixture.partition);
    store_prefetch(visits, 2);
    partition_unlock(fixture.partition);
    store_prefetch(visits, 0);
    cr_assert(fixture_holds(&fixture, SPAN("k"), SPAN("v")));
    fixture_tear_down(&fixture);
}

static void expect_place(const struct partition *partition)
{
    const struct table *table = partition->table;

    cr_assert_eq(partition->table_at, table);
    cr_assert_eq(partition->segments_at, table != NULL ? table->segments : NULL);
    cr_assert_eq(partition->buckets, table != NULL ? table->bucket_count : 0);
}

/* Nothing but time would tell that the wrong memory is fetched. */
Test(store, what_is_fetched_ahead_is_where_the_table_is)
{
    struct fixture fixture = fixture_set_up(1);
    char key[16];

    expect_place(fixture.partition);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        fixture_put(&fixture, span_of_string(key), SPAN("v"), DEADLINE_NEVER);
        expect_place(fixture.partition);
    }
    cr_assert_gt(fixture.partition->buckets, SEGMENT_BUCKETS);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        const uint64_t hash = store_hash(fixture.store, span_of_string(key));
        struct bucket *const *segments = fixture.partition->segments_at;
        const struct bucket *segment = segments[table_segment(hash, fixture.partition->buckets)];
        const struct bucket *bucket = table_bucket(fixture.partition->table, hash);
        cr_assert(bucket >= segment && bucket < segment + SEGMENT_BUCKETS);
        partition_remove(fixture.partition, hash, span_of_string(key));
        expect_place(fixture.partition);
    }
    cr_assert_null(fixture.partition->table);
    fixture_put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    partition_clear(fixture.partition);
    expect_place(fixture.partition);
    fixture_tear_down(&fixture);
}

static void fail_visit(void *context, struct span key, const struct version *version)
{
    (void)context, (void)key, (void)version;
    cr_assert_fail("there is nothing to visit");
}

Test(store, a_scan_takes_any_cursor)
{
    struct fixture fixture = fixture_set_up(1);

    cr_assert_eq(partition_scan(fixture.partition, 0, 10, fail_visit, NULL), 0);
    fixture_put(&fixture, SPAN("k"), SPAN("v"), DEADLINE_NEVER);
    cr_assert_eq(partition_scan(fixture.partition, UINT64_MAX, 10, fail_visit, NULL), 0);
    cr_assert_eq(partition_scan(fixture.partition, UINT64_C(1) << 32, 10, fail_visit, NULL), 0);
    fixture_tear_down(&fixture);
}

Test(store, out_of_memory_a_put_fails_whole_and_the_table_goes_on)
{
    struct fixture fixture = fixture_set_up(1);
    struct allocator allocator;
    uint32_t failed = 0;
    char text[16];

    for (uint32_t i = 0; i < 400; i++) {
        const int64_t deadline_ms = i % 3 == 0 ? NOW + i : DEADLINE_NEVER;

        /* Grants one allocation more at each try, so that each is the one to fail. */
        for (uint64_t granted = 0;; granted++) {
            allocator_grant(&allocator, granted);
            const enum store_status status = fixture_put(&fixture, fixture_key(i, text), SPAN("v"),
                                                         deadline_ms);
            allocator_use(NULL);
            if (status == STORE_OK)
                break;
            failed++;
            cr_assert_eq(status, STORE_NO_MEMORY);
            cr_assert_not(fixture_holds(&fixture, fixture_key(i, text), SPAN("v")));
            cr_assert(i == 0 || fixture_holds(&fixture, fixture_key(i - 1, text), SPAN("v")));
        }
    }
    cr_assert_gt(failed, 400);
    for (uint32_t i = 0; i < 400; i++)
        cr_assert(fixture_holds(&fixture, fixture_key(i, text), SPAN("v")));
    for (uint32_t i = 0; i < 400; i++) {
        const struct span key = fixture_key(i, text);

        allocator_grant(&allocator, i % 4);
        cr_assert(partition_remove(fixture.partition, store_hash(fixture.store, key), key));
        allocator_use(NULL);
        for (uint32_t other = i + 1; other < 400; other += 37)
            cr_assert(fixture_holds(&fixture, fixture_key(other, text), SPAN("v")));
    }
    cr_assert_eq(store_memory_used(fixture.store), 0);
    fixture_tear_down(&fixture);
}
