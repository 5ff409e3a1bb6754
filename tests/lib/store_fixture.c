/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/store_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct fixture fixture_set_up(uint32_t partitions)
{
    struct fixture fixture = {.store = store_create(&(struct store_options){
                                  .partitions = partitions, .seed = 42, .now_ms = NOW})};

    fixture.partition = store_partition(fixture.store, 0);
    return fixture;
}

void fixture_tear_down(struct fixture *fixture)
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

enum store_status fixture_put_pieces(struct fixture *fixture, struct span key, int64_t deadline_ms,
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

enum store_status fixture_put(struct fixture *fixture, struct span key, struct span value,
                              int64_t deadline_ms)
{
    return fixture_put_pieces(fixture, key, deadline_ms, &value, 1);
}

enum store_status fixture_put_tombstone(struct fixture *fixture, struct span key)
{
    const struct version version = {
        .dot = {.stamp = ++fixture->stamp, .node = 3},
        .kind = VALUE_TOMBSTONE,
        .deadline_ms = DEADLINE_NEVER,
    };

    return partition_put(fixture->partition, store_hash(fixture->store, key), key, &version, NULL,
                         0);
}

bool fixture_get(struct fixture *fixture, struct span key, struct version *version)
{
    return partition_get(fixture->partition, store_hash(fixture->store, key), key, version);
}

bool fixture_holds(struct fixture *fixture, struct span key, struct span value)
{
    struct version version;

    return fixture_get(fixture, key, &version) && span_equal(version.value, value);
}

struct span fixture_key(uint32_t number, char text[16])
{
    return span_of(text, (size_t)snprintf(text, 16, "key:%u", number));
}

struct dot fixture_mark(struct fixture *fixture, struct span key)
{
    return partition_mark(fixture->partition, store_hash(fixture->store, key), key);
}

bool fixture_vanish(struct fixture *fixture, struct span key)
{
    return partition_vanish(fixture->partition, store_hash(fixture->store, key), key);
}

struct partition_counts fixture_counts(struct fixture *fixture)
{
    struct partition_counts counts;

    partition_count(fixture->partition, &counts);
    return counts;
}
