/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The versions that a partition remembers to have taken.
 */
#include <criterion/criterion.h>

#include "lib/store_fixture.h"
#include "lib/timeout.h"
#include "store/taken.h"

TestSuite(store_taken, .timeout = TIMEOUT_S(30));

static struct dot dot(uint64_t stamp)
{
    return (struct dot){.stamp = stamp, .node = 3};
}

Test(store_taken, the_last_are_remembered_until_all_are_settled)
{
    struct fixture fixture = fixture_set_up(1);
    struct partition *partition = fixture.partition;

    cr_assert_not(partition_has_taken(partition, 1, dot(1)));
    for (uint64_t i = 1; i <= TAKEN_MAX + 1; i++)
        partition_note_taken(partition, i, dot(i));
    cr_assert_gt(store_memory_used(fixture.store), 0);
    cr_assert_not(partition_has_taken(partition, 1, dot(1)));
    for (uint64_t i = 2; i <= TAKEN_MAX + 1; i++)
        cr_assert(partition_has_taken(partition, i, dot(i)));
    cr_assert_not(partition_has_taken(partition, 2, dot(3)));
    partition_settle(partition, TAKEN_MAX, 100);
    cr_assert(partition_has_taken(partition, 2, dot(2)));
    partition_settle(partition, TAKEN_MAX + 1, 100);
    cr_assert_not(partition_has_taken(partition, 2, dot(2)));
    cr_assert_eq(store_memory_used(fixture.store), 0);
    fixture_tear_down(&fixture);
}

Test(store_taken, what_is_settled_or_below_the_floor_is_not_remembered)
{
    struct fixture fixture = fixture_set_up(1);
    struct partition *partition = fixture.partition;

    partition_settle(partition, 5, 100);
    partition_raise_floor(partition, 7);
    partition_note_taken(partition, 1, dot(5));
    partition_note_taken(partition, 2, dot(7));
    cr_assert_eq(store_memory_used(fixture.store), 0);
    partition_note_taken(partition, 3, dot(8));
    cr_assert(partition_has_taken(partition, 3, dot(8)));
    fixture_tear_down(&fixture);
}
