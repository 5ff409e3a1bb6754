/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/rng.h"
#include "lib/timeout.h"
#include "sync/stream.h"

TestSuite(sync_stream, .timeout = TIMEOUT_S(10));

static struct store *store;
static struct partition *partition;

static void begin(void)
{
    const struct store_options options = {.partitions = 1, .seed = 3, .now_ms = 1};

    store = store_create(&options);
    partition = store_partition(store, 0);
}

static void end(void)
{
    store_destroy(&store);
}

static void put(unsigned i, enum value_kind kind, size_t size)
{
    char key[16];
    uint8_t *value = memory_alloc(size + 1);
    const struct span bytes = span_of(value, size);
    const struct version version = {
        .kind = kind, .dot = {100 + i, 1}, .deadline_ms = DEADLINE_NEVER};

    snprintf(key, sizeof key, "k%u", i);
    partition_put(partition, store_hash(store, span_of_string(key)), span_of_string(key), &version,
                  &bytes, 1);
    memory_free(value);
}

/* Reads the whole partition; counts by dots what comes, and checks how large parts are. */
static void read_all(uint16_t leaves, uint32_t bytes, unsigned *times, size_t count,
                     size_t part_max)
{
    uint64_t cursor = 0;
    unsigned parts = 0;

    do {
        struct buffer out = {0};
        struct stream_entry entry;
        enum stream_result result;
        cursor = stream_read(partition, leaves, cursor, bytes, &out);
        cr_assert_leq(buffer_size(&out), part_max);
        cr_assert_lt(++parts, 5000u);
        struct span rest = buffer_content(&out);
        while ((result = stream_next(&rest, &entry)) == STREAM_OK) {
            cr_assert_lt(entry.version.dot.stamp - 100, count);
            times[entry.version.dot.stamp - 100]++;
        }
        cr_assert_eq(result, STREAM_END);
        buffer_deinit(&out);
    } while (cursor != 0);
}

Test(sync_stream, every_entry_comes_once_in_parts_that_are_bounded)
{
    static unsigned times[3000];

    begin();
    for (unsigned i = 0; i < 3000; i++)
        put(i, i % 7 == 0 ? VALUE_TOMBSTONE : VALUE_STRING, i % 7 == 0 ? 0 : i % 300);
    read_all(STREAM_ALL_LEAVES, 8000, times, 3000, 8000 + 10 * 400);
    for (unsigned i = 0; i < 3000; i++)
        cr_assert_eq(times[i], 1, "%u came %u times", i, times[i]);
    end();
}

Test(sync_stream, values_larger_than_a_part_come_one_by_one)
{
    static unsigned times[60];

    begin();
    for (unsigned i = 0; i < 60; i++)
        put(i, VALUE_STRING, i % 2 == 0 ? 100000 : 10);
    read_all(STREAM_ALL_LEAVES, 1u << 30, times, 60, 100000 + 100);
    for (unsigned i = 0; i < 60; i++)
        cr_assert_eq(times[i], 1, "%u came %u times", i, times[i]);
    end();
}

Test(sync_stream, of_no_leaves_only_tombstones_and_marks_come)
{
    static unsigned times[200];

    begin();
    for (unsigned i = 0; i < 200; i++)
        put(i, i % 5 == 0 ? VALUE_TOMBSTONE : VALUE_STRING, 0);
    cr_assert(partition_vanish(partition, store_hash(store, SPAN("k7")), SPAN("k7")));
    read_all(0, 4000, times, 200, 65536);
    for (unsigned i = 0; i < 200; i++)
        cr_assert_eq(times[i], i % 5 == 0 || i == 7, "%u", i);
    end();
}

Test(sync_stream, an_empty_partition_is_one_empty_part)
{
    struct buffer out = {0};

    begin();
    cr_assert_eq(stream_read(partition, STREAM_ALL_LEAVES, 0, 1000, &out), 0);
    cr_assert_eq(buffer_size(&out), 0);
    buffer_deinit(&out);
    end();
}

Test(sync_stream, bytes_cut_short_or_changed_are_refused_or_read_within_bounds)
{
    struct buffer whole = {0};
    struct rng rng;

    rng_init(&rng, 17);
    stream_put_version(
        &whole, SPAN("key"),
        &(struct version){.kind = VALUE_STRING, .dot = {5, 1}, .value = SPAN("a value")});
    stream_put_mark(&whole, 77, (struct dot){9, 2});
    const struct span bytes = buffer_content(&whole);
    for (unsigned i = 0; i < 20000; i++) {
        struct stream_entry entry;
        const size_t size = rng_next(&rng) % (bytes.size + 1);
        uint8_t *copy = memory_alloc(size + 1); /* exactly as many bytes: sanitizers look */
        memcpy(copy, bytes.data, size);
        for (unsigned n = rng_next(&rng) % 3; n > 0 && size > 0; n--)
            copy[rng_next(&rng) % size] = (uint8_t)rng_next(&rng);
        struct span rest = span_of(copy, size);
        while (stream_next(&rest, &entry) == STREAM_OK)
            cr_assert(dot_exists(entry.version.dot));
        memory_free(copy);
    }
    for (size_t size = 1; size < bytes.size; size++) {
        struct stream_entry entry;
        struct span rest = span_of(bytes.data, size);
        enum stream_result result;
        while ((result = stream_next(&rest, &entry)) == STREAM_OK)
            continue;
        cr_assert(result == STREAM_BAD || size == bytes.size - 19);
    }
    buffer_deinit(&whole);
}

Test(sync_stream, a_set_of_siblings_that_is_none_is_refused)
{
    struct buffer out = {0};
    struct stream_entry entry;

    stream_put_version(
        &out, SPAN("key"),
        &(struct version){.kind = VALUE_SIBLINGS, .dot = {5, 1}, .value = SPAN("no set")});
    struct span rest = buffer_content(&out);
    cr_assert_eq(stream_next(&rest, &entry), STREAM_BAD);
    buffer_deinit(&out);
}
