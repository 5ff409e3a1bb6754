/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations that read, change and write; and those on sets of siblings.
 */
#include <criterion/criterion.h>

#include "lib/operation_stage.h"
#include "lib/timeout.h"
#include "value/siblings.h"

TestSuite(operation_update, .timeout = TIMEOUT_S(10));

/* ---- updates ---- */

Test(operation_update, an_update_works_on_the_newest_of_the_quorum)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_put(stage_later(0, 1), "old");
    stage_start();
    cr_assert_eq(stage.changed, 0);
    stage_answer(2, ANSWER_VERSION, stage_later(5, 2), "new");
    stage_expect_here("new+");
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(5, 2)), 0);
    cr_assert(dot_equal(stage.operation.over, stage_later(5, 2)));
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
}

Test(operation_update, an_update_works_on_what_is_stored_meanwhile)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_put(stage_later(0, 1), "old");
    stage_start();
    stage_put(stage_later(9, 1), "meanwhile");
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    stage_expect_here("meanwhile+");
    stage_end();
}

Test(operation_update, an_update_looks_again_at_what_may_have_changed)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_start();
    stage.partition->claim_version++;
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    stage_expect_failed(OPERATION_RING_CHANGED, false);
    stage_end();
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_start();
    stage.now.wall_ms += 500;
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    stage_expect_failed(OPERATION_LATE, false);
    cr_assert_eq(stage.changed, 0);
    stage_end();
}

Test(operation_update, an_update_that_wants_nothing_writes_nothing)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage.appends[0] = '\0';
    stage_start();
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert(stage.operation.unchanged);
    cr_assert_eq(stage.offered, 0);
    stage_end();
}

Test(operation_update, an_update_deletes_with_a_tombstone)
{
    struct version version;

    stage_begin(OPERATION_UPDATE, 2, 1, 1);
    stage.deletes = true;
    stage_put(stage_later(0, 1), "v");
    stage_start();
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert(partition_get(stage.partition, stage.operation.place.hash, stage.operation.place.key,
                            &version));
    cr_assert_eq(version.kind, VALUE_TOMBSTONE);
    cr_assert_gt(dot_compare(version.dot, stage_later(0, 1)), 0);
    stage_end();
}

/* It was made of an older version than the one that somebody knows. */
Test(operation_update, a_delete_of_the_only_copy_leaves_nothing)
{
    struct partition_counts counts;

    stage_begin(OPERATION_UPDATE, 1, 1, 1);
    stage_put(stage_later(0, 1), "v");
    stage.deletes = true;
    stage_start();
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    partition_count(stage.partition, &counts);
    cr_assert_eq(counts.keys + counts.tombstones, 0);
    stage_end();
}

Test(operation_update, an_update_that_is_overtaken_reads_again)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_start();
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_str_eq(stage.offer_value, "+");
    stage_acknowledge(3, ACK_NEWER, stage_later(7, 3));
    cr_assert_eq(stage.operation.state, OPERATION_READING);
    stage_answer(2, ANSWER_VERSION, stage_later(7, 3), "seven");
    cr_assert_str_eq(stage.offer_value, "seven+");
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(7, 3)), 0);
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_expect_here("seven+");
    stage_end();
}

/* A second update of this coordinator was made of the first one's version: it stands for both. */
Test(operation_update, an_update_that_was_built_upon_is_not_made_twice)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_start();
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    stage_put(stage_later(60, 1), "++");
    stage_acknowledge(2, ACK_NEWER, stage_later(7, 2));
    cr_assert_eq(stage.changed, 1);
    cr_assert_str_eq(stage.offer_value, "++");
    cr_assert(dot_equal(stage.offer_dot, stage_later(60, 1)));
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
}

/* ---- siblings ---- */

static unsigned siblings_of(struct span set)
{
    struct siblings_cursor cursor = siblings_begin(set);
    struct sibling sibling;
    unsigned count = 0;

    while (siblings_next(&cursor, &sibling))
        count++;
    return count;
}

Test(operation_update, a_plain_write_of_siblings_covers_what_is_here)
{
    stage_begin(OPERATION_WRITE, 1, 1, 1);
    stage.operation.siblings = true;
    stage_start();
    stage_start();
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert_eq(siblings_of(stage.operation.written.value), 1);
    stage.operation.kind = OPERATION_READ;
    stage_start();
    cr_assert_eq(stage.operation.found.kind, VALUE_STRING);
    cr_assert(span_equal(stage.operation.found.value, SPAN("w")));
    stage.operation.kind = OPERATION_UPDATE;
    stage.deletes = true;
    stage_start();
    cr_assert_eq(stage.operation.written.kind, VALUE_TOMBSTONE);
    cr_assert_gt(stage.operation.written.value.size, 0, "the context stays");
    stage.operation.kind = OPERATION_READ;
    stage_start();
    cr_assert(!version_visible(&stage.operation.found, stage.now.wall_ms));
    stage_end();
}

Test(operation_update, a_read_of_siblings_merges_them)
{
    const struct context nothing = {0};
    struct buffer set = {0};
    struct looked looked = {.status = ANSWER_VERSION};

    stage_begin(OPERATION_WRITE, 2, 2, 1);
    stage.operation.siblings = true;
    stage_start();
    siblings_write(span_of(NULL, 0), &nothing, stage_later(5, 2), DEADLINE_NEVER, SPAN("theirs"),
                   NOW_MS, &set);
    stage.operation.kind = OPERATION_READ;
    stage.operation.whole_version = true;
    stage_start();
    looked.version = siblings_version(buffer_content(&set));
    operation_answered(&stage.coordinator, &stage.operation, stage.now, 2, &looked);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert_eq(siblings_of(stage.operation.found.value), 2);
    stage.operation.whole_version = false;
    stage_start();
    operation_answered(&stage.coordinator, &stage.operation, stage.now, 2, &looked);
    cr_assert(span_equal(stage.operation.found.value, SPAN("theirs")), "the newest of both");
    buffer_deinit(&set);
    stage_end();
}
