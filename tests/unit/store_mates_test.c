/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The batches that a partition remembers.
 */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "lib/store_fixture.h"
#include "lib/timeout.h"
#include "store/mates.h"

TestSuite(store_mates, .timeout = TIMEOUT_S(30));

#define STAMPS 2000

static struct dot dot(uint64_t stamp)
{
    return (struct dot){.stamp = stamp, .node = 3};
}

/* One of two keys, the first named by its stamp. */
static void note(struct partition *partition, uint64_t stamp)
{
    struct buffer items = {0};
    struct batch_item item = {.version = {.dot = dot(stamp), .deadline_ms = DEADLINE_NEVER}};

    item.key = span_of(&stamp, sizeof stamp);
    batch_append(&items, &item);
    item.key = SPAN("other");
    batch_append(&items, &item);
    const struct version batch = batch_version(buffer_content(&items), dot(stamp));
    partition_note_batch(partition, &batch);
    buffer_deinit(&items);
}

/* Whether it is remembered, with its own keys. */
static bool has(struct partition *partition, uint64_t stamp)
{
    const struct mates *mates = partition_mates(partition, dot(stamp));
    struct span rest, key;

    if (mates == NULL)
        return false;
    rest = span_of(mates->keys, mates->size);
    cr_assert(mates_next_key(&rest, &key) && span_equal(key, span_of(&stamp, sizeof stamp)));
    cr_assert(mates_next_key(&rest, &key) && span_equal(key, SPAN("other")));
    cr_assert_not(mates_next_key(&rest, &key));
    return true;
}

Test(store_mates, the_newest_are_remembered_in_whatever_order_they_come)
{
    struct fixture fixture = fixture_set_up(1);
    struct rng rng;

    rng_init(&rng, 7);
    for (unsigned round = 0; round < 20; round++) {
        bool noted[STAMPS] = {false};
        const uint64_t count = 1 + rng_below(&rng, STAMPS - 1);
        for (uint64_t i = 0; i < count; i++) {
            const uint64_t stamp = 1 + rng_below(&rng, STAMPS - 1);
            note(fixture.partition, stamp);
            note(fixture.partition, stamp); /* offered again */
            noted[stamp] = true;
        }
        unsigned newer = 0, remembered = 0;
        for (uint64_t stamp = STAMPS - 1; stamp > 0; stamp--) {
            const bool here = has(fixture.partition, stamp);
            cr_assert(noted[stamp] || !here, "%llu was never noted", (unsigned long long)stamp);
            cr_assert(here || !noted[stamp] || newer >= MATES_MAX - 1,
                      "%llu was forgotten, %u are newer", (unsigned long long)stamp, newer);
            newer += noted[stamp];
            remembered += here;
        }
        cr_assert_leq(remembered, MATES_MAX + MATES_MORE);
        cr_assert_eq(remembered, fixture.partition->mates_count);
        partition_drop_mates(fixture.partition, UINT64_MAX);
        cr_assert_eq(store_memory_used(fixture.store), 0);
    }
    fixture_tear_down(&fixture);
}

Test(store_mates, what_is_settled_is_forgotten_and_not_noted_again)
{
    struct fixture fixture = fixture_set_up(1);

    for (uint64_t stamp = 1; stamp <= 9; stamp++)
        note(fixture.partition, stamp);
    partition_settle(fixture.partition, 5, 100);
    for (uint64_t stamp = 1; stamp <= 9; stamp++)
        cr_assert_eq(has(fixture.partition, stamp), stamp > 5);
    note(fixture.partition, 5);
    cr_assert_not(has(fixture.partition, 5));
    partition_settle(fixture.partition, 9, 100);
    cr_assert_null(fixture.partition->mates);
    cr_assert_eq(store_memory_used(fixture.store), 0);
    fixture_tear_down(&fixture);
}
