/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations on what has vanished somewhere, and the repairs of what was read.
 */
#include <criterion/criterion.h>

#include "lib/operation_stage.h"
#include "lib/timeout.h"

TestSuite(operation_repair, .timeout = TIMEOUT_S(10));

/* ---- what has vanished ---- */

Test(operation_repair, a_mark_above_what_is_found_says_that_it_is_gone)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, stage_later(2, 2), DOT_NONE, DOT_NONE);
    stage_expect_found(NULL);
    cr_assert_eq(stage.offered, 0, "and what is gone is not spread");
    stage_end();
}

/* Rule 10. */
Test(operation_repair, to_have_nothing_below_the_floor_is_no_vote_and_another_is_asked)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, stage_later(1, 0), DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_READING);
    cr_assert_eq(stage.asked, 1u << 2 | 1u << 3);
    stage_answer(3, ANSWER_SAME, DOT_NONE, "");
    stage_expect_found("v");
    cr_assert_eq(stage.offered, 0, "it may have been there");
    stage_end();
}

Test(operation_repair, what_gets_too_few_votes_is_answered_as_nothing_and_not_as_an_error)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage.hopeless = 1u << 3;
    stage_start();
    stage_answer_absent(2, DOT_NONE, stage_later(1, 0), DOT_NONE);
    stage_expect_found(NULL);
    stage_end();
}

/* Rule 11: between two looks it may have been replaced everywhere, and its successor forgotten. */
Test(operation_repair, where_nothing_is_left_of_what_is_settled_its_holder_is_looked_at_again)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, stage_later(1, 0));
    stage_expect_found("v");
    cr_assert_eq(stage.operation.looks, 1, "here, which costs no message");
    cr_assert_eq(stage.sent, 1);
    cr_assert_eq(stage.offered, 0);
    stage_end();
}

Test(operation_repair, a_second_look_that_finds_nothing_any_more_finds_nothing)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_settle(stage_later(1, 0));
    stage_vanish();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, stage_later(1, 0));
    stage_expect_found(NULL);
    stage_end();
}

Test(operation_repair, a_second_look_may_find_what_came_meanwhile)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_put(stage_later(2, 1), "w");
    stage_answer_absent(2, DOT_NONE, DOT_NONE, stage_later(1, 0));
    cr_assert_eq(stage.operation.state, OPERATION_REPAIRING, "that is not settled, and one has it");
    cr_assert_str_eq(stage.offer_value, "w");
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    stage_expect_found("w");
    stage_end();
}

Test(operation_repair, an_absence_from_before_the_look_is_a_vote)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_settle(stage_later(1, 0));
    stage_start();
    stage_answer(2, ANSWER_VERSION, stage_later(1, 2), "v");
    stage_expect_found("v");
    cr_assert_eq(stage.operation.looks, 0);
    stage_end();
}

Test(operation_repair, another_replica_is_asked_again_when_the_only_copy_is_there)
{
    stage_begin(OPERATION_READ, 3, 3, 2);
    stage_start();
    stage_answer(2, ANSWER_VERSION, stage_later(1, 2), "v");
    stage_answer_absent(3, DOT_NONE, DOT_NONE, stage_later(1, 0));
    cr_assert_eq(stage.operation.state, OPERATION_READING);
    cr_assert_eq(stage.sent, 3);
    cr_assert(dot_equal(stage.operation.reading.asking, stage_later(1, 2)),
              "it is spared its value");
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    stage_expect_found("v");
    stage_end();
    stage_begin(OPERATION_READ, 3, 3, 2);
    stage_start();
    stage_answer(2, ANSWER_VERSION, stage_later(1, 2), "v");
    stage_answer_absent(3, DOT_NONE, DOT_NONE, stage_later(1, 0));
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 2);
    stage_expect_found(NULL);
    stage_end();
}

Test(operation_repair, an_update_does_not_work_on_what_is_gone)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_put(stage_later(1, 1), "old");
    stage_start();
    stage_answer_absent(2, stage_later(5, 2), DOT_NONE, DOT_NONE);
    stage_expect_here("+");
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(5, 2)), 0);
    stage_end();
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_start();
    stage_put(stage_later(5, 1), "newer");
    stage_vanish();
    stage_answer(2, ANSWER_VERSION, stage_later(1, 2), "old");
    stage_expect_here("+");
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(5, 1)), 0);
    stage_end();
}

/* It is not another's version that took its place. */
Test(operation_repair, an_update_whose_version_has_vanished_here_reads_again_when_overtaken)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage_start();
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    stage_vanish();
    stage_acknowledge(2, ACK_NEWER, stage_later(7, 2));
    cr_assert_eq(stage.operation.state, OPERATION_READING);
    stage_answer(2, ANSWER_VERSION, stage_later(7, 2), "seven");
    cr_assert_str_eq(stage.offer_value, "seven+");
    stage_end();
}

Test(operation_repair, a_write_where_something_vanished_is_stamped_above_it)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_put(stage_later(7, 1), "v");
    stage_vanish();
    stage_start();
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(7, 1)), 0);
    cr_assert(dot_equal(stage.operation.over, stage_later(7, 1)));
    stage_end();
}

/* ---- repairs ---- */

Test(operation_repair, what_only_one_has_is_given_to_another_before_the_answer)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_REPAIRING);
    cr_assert_eq(stage.offered, 1u << 2);
    cr_assert(dot_equal(stage.offer_dot, stage_later(1, 1)), "with its own stamp");
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    stage_expect_found("v");
    cr_assert(!stage.operation.wrote);
    stage_end();
}

Test(operation_repair, what_enough_have_is_given_to_the_rest_behind_the_answer)
{
    node_number owed[COPIES_MAX];

    stage_begin(OPERATION_READ, 3, 3, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    stage_answer_absent(3, DOT_NONE, DOT_NONE, DOT_NONE);
    stage_expect_found("v");
    cr_assert_eq(stage.offered, 1u << 3);
    cr_assert_eq(stage.operation.writing.waiting, 1);
    cr_assert_eq(operation_owes(&stage.operation, owed), 1);
    cr_assert_eq(owed[0], 3);
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.writing.waiting, 0);
    cr_assert_eq(operation_owes(&stage.operation, owed), 0);
    stage_end();
}

/* A read at ALL needs nobody's help itself, those at QUORUM that come after it do. */
Test(operation_repair, what_a_read_at_all_found_on_one_is_there_for_those_at_quorum)
{
    stage_begin(OPERATION_READ, 3, 3, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    stage_answer_absent(3, DOT_NONE, DOT_NONE, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_REPAIRING);
    cr_assert_eq(stage.offered, 1u << 2 | 1u << 3);
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    stage_expect_found("v");
    stage_end();
}

Test(operation_repair, who_knows_newer_or_has_no_room_does_not_lack_what_was_read)
{
    static const enum ack_status statuses[] = {ACK_NEWER, ACK_FULL};

    for (unsigned i = 0; i < 2; i++) {
        stage_begin(OPERATION_READ, 3, 2, 2);
        stage_put(stage_later(1, 1), "v");
        stage_start();
        stage_answer(2, ANSWER_VERSION, stage_later(0, 2), "old");
        stage_acknowledge(2, statuses[i], stage_later(9, 2));
        stage_expect_found("v");
        cr_assert_eq(stage.renewed, 0, "a repair is never stamped again");
        stage_end();
    }
}

Test(operation_repair, a_repair_that_is_not_answered_goes_to_one_that_was_not_asked)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 2);
    cr_assert_eq(stage.offered, 1u << 2 | 1u << 3);
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    stage_expect_found("v");
    stage_end();
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_hedge(&stage.coordinator, &stage.operation, stage.now);
    cr_assert_eq(stage.offered, 1u << 2 | 1u << 3, "nor does one that is slow hold it up");
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    stage_expect_found("v");
    stage_end();
}

/* The next read may not see it. */
Test(operation_repair, what_cannot_be_repaired_is_not_answered)
{
    node_number owed[COPIES_MAX];

    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 2);
    stage_acknowledge(3, ACK_FORGETFUL, stage_later(9, 3));
    stage_expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(stage.operation.answered, 1);
    cr_assert_eq(operation_owes(&stage.operation, owed), 2);
    stage_end();
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_expire(&stage.operation);
    stage_expect_failed(OPERATION_TOO_FEW, false);
    stage_end();
}

Test(operation_repair, one_answer_knows_of_nobody_who_is_stale)
{
    stage_begin(OPERATION_READ, 3, 1, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_expect_found("v");
    cr_assert_eq(stage.sent, 0);
    stage_end();
}

Test(operation_repair, where_it_vanished_it_is_not_lacking)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, stage_later(1, 1), DOT_NONE, DOT_NONE);
    stage_expect_found("v");
    cr_assert_eq(stage.offered, 0);
    stage_end();
}

Test(operation_repair, an_update_that_writes_nothing_repairs_what_it_has_read)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage.appends[0] = '\0';
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_REPAIRING);
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert(stage.operation.unchanged);
    stage_end();
}

Test(operation_repair, an_update_that_writes_nothing_spreads_what_came_here_meanwhile)
{
    stage_begin(OPERATION_UPDATE, 3, 2, 2);
    stage.appends[0] = '\0';
    stage_put(stage_later(1, 1), "v");
    stage_start();
    stage_put(stage_later(2, 1), "meanwhile");
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(stage.operation.state, OPERATION_REPAIRING);
    cr_assert_str_eq(stage.offer_value, "meanwhile");
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
}
