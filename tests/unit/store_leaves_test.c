/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sums of a partition's contents, by which replicas compare it, and the digests in them.
 */
#include <criterion/criterion.h>

#include "lib/store_fixture.h"
#include "lib/timeout.h"
#include "value/siblings.h"

TestSuite(store_leaves, .timeout = TIMEOUT_S(30));

Test(store_leaves, leaves_are_of_the_contents_whatever_the_order_they_came_in)
{
    struct fixture one = fixture_set_up(1), other = fixture_set_up(1);
    const uint64_t empty[PARTITION_LEAVES] = {0};
    char text[16];

    for (uint32_t i = 0; i < 500; i++) {
        one.stamp = i;
        fixture_put(&one, fixture_key(i, text), SPAN("v"), i % 3 == 0 ? NOW + 5 : DEADLINE_NEVER);
    }
    for (uint32_t i = 500; i-- > 0;) {
        other.stamp = i + 1000;
        fixture_put(&other, fixture_key(i, text), SPAN("older"), DEADLINE_NEVER);
        other.stamp = i;
        fixture_put(&other, fixture_key(i, text), SPAN("v"), i % 3 == 0 ? NOW + 5 : DEADLINE_NEVER);
        fixture_put_tombstone(&other, SPAN("a tombstone"));
        fixture_put(&other, SPAN("a key"), SPAN("v"), DEADLINE_NEVER);
        fixture_vanish(&other, SPAN("a key"));
    }
    cr_assert_arr_eq(one.partition->leaves, other.partition->leaves, sizeof empty);
    partition_expire(one.partition, NOW + 5, 1000);
    cr_assert_arr_neq(one.partition->leaves, other.partition->leaves, sizeof empty);
    partition_expire(other.partition, NOW + 5, 1000);
    cr_assert_arr_eq(one.partition->leaves, other.partition->leaves, sizeof empty);
    partition_clear(one.partition);
    cr_assert_arr_eq(one.partition->leaves, empty, sizeof empty);
    fixture_tear_down(&one);
    fixture_tear_down(&other);
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

Test(store_leaves, leaves_tell_sets_with_one_largest_dot_apart)
{
    struct fixture one = fixture_set_up(1), other = fixture_set_up(1);
    const uint64_t empty[PARTITION_LEAVES] = {0};
    const struct dot first = {.stamp = 5, .node = 1}, second = {.stamp = 9, .node = 2};

    put_set(&one, SPAN("k"), second, false, NOW + 5);
    put_set(&other, SPAN("k"), first, false, NOW + 5);
    put_set(&other, SPAN("k"), second, false, NOW + 5);
    cr_assert_arr_neq(one.partition->leaves, other.partition->leaves, sizeof empty);
    put_set(&one, SPAN("k"), (struct dot){.stamp = 10, .node = 1}, true, NOW + 5);
    put_set(&other, SPAN("k"), (struct dot){.stamp = 10, .node = 1}, true, NOW + 5);
    cr_assert_arr_eq(one.partition->leaves, other.partition->leaves, sizeof empty);
    fixture_vanish(&one, SPAN("k"));
    cr_assert_arr_eq(one.partition->leaves, empty, sizeof empty);
    partition_expire(other.partition, NOW + 5, 1000);
    cr_assert_arr_eq(other.partition->leaves, empty, sizeof empty);
    fixture_tear_down(&one);
    fixture_tear_down(&other);
}

Test(store_leaves, a_set_whose_time_is_up_leaves_its_context_until_it_is_settled)
{
    struct fixture fixture = fixture_set_up(1);
    const struct dot dot = {.stamp = 5, .node = 1};
    struct version version;
    struct partition_counts counts;

    put_set(&fixture, SPAN("k"), dot, false, NOW + 5);
    put_set(&fixture, SPAN("l"), (struct dot){.stamp = 6, .node = 1}, false, NOW + 9);
    partition_expire(fixture.partition, NOW + 5, 1000);
    cr_assert(fixture_get(&fixture, SPAN("k"), &version));
    cr_assert_eq(version.kind, VALUE_TOMBSTONE);
    cr_assert(dot_equal(version.dot, dot));
    cr_assert_eq(siblings_count(version.value), 0);
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.expired, 1);
    cr_assert_eq(counts.tombstones, 1);
    partition_settle(fixture.partition, 6, 10);
    cr_assert_not(fixture_get(&fixture, SPAN("k"), &version));
    partition_expire(fixture.partition, NOW + 9, 1000);
    cr_assert_not(fixture_get(&fixture, SPAN("l"), &version), "it was settled");
    partition_count(fixture.partition, &counts);
    cr_assert_eq(counts.expired, 2);
    fixture_tear_down(&fixture);
}

Test(store_leaves, digests_are_the_same_on_all_machines)
{
    struct fixture fixture = fixture_set_up(1);

    cr_expect_eq(store_hash(fixture.store, SPAN("a key")), UINT64_C(0xe243ba54978ef358));
    fixture_tear_down(&fixture);
    cr_expect_eq(store_version_digest(1, (struct dot){.stamp = 2, .node = 3}, 0),
                 UINT64_C(0x0e1abd04dc7d6a63));
}
