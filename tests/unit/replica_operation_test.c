/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations that read or write, and what they owe at their end.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "lib/operation_stage.h"
#include "lib/timeout.h"

TestSuite(operation, .timeout = TIMEOUT_S(10));

/* ---- levels ---- */

Test(operation, a_write_is_done_at_w_acknowledgements_of_n)
{
    for (unsigned n = 1; n <= 5; n++) {
        for (unsigned w = 1; w <= n; w++) {
            stage_begin(OPERATION_WRITE, n, 1, w);
            stage_start();
            cr_assert_eq(stage.offered, ((1u << n) - 1) << 1 & ~(1u << STAGE_SELF),
                         "all others are offered");
            stage_expect_here("w");
            for (unsigned have = 1; have < w; have++) {
                cr_assert_eq(stage.operation.state, OPERATION_WRITING);
                stage_acknowledge((node_number)(have + 1), ACK_OK, DOT_NONE);
            }
            cr_assert_eq(stage.operation.state, OPERATION_DONE);
            stage_end();
        }
    }
}

Test(operation, a_read_asks_r_and_no_more)
{
    for (unsigned n = 1; n <= 5; n++) {
        for (unsigned r = 1; r <= n; r++) {
            stage_begin(OPERATION_READ, n, r, 1);
            stage_put(stage_later(0, 1), "v");
            stage_start();
            cr_assert_eq(stage.sent, r - 1);
            for (unsigned have = 1; have < r; have++) {
                cr_assert_eq(stage.operation.state, OPERATION_READING);
                stage_answer((node_number)(have + 1), ANSWER_SAME, DOT_NONE, "");
            }
            cr_assert_eq(stage.operation.state, OPERATION_DONE);
            cr_assert(span_equal(stage.operation.found.value, SPAN("v")));
            cr_assert_eq(stage.changed, 0);
            stage_end();
        }
    }
}

Test(operation, a_level_above_the_copies_fails_before_anything_is_done)
{
    static const enum operation_kind kinds[] = {OPERATION_READ, OPERATION_WRITE, OPERATION_UPDATE};

    for (size_t i = 0; i < 3; i++) {
        stage_begin(kinds[i], 2, 3, 3);
        stage_start();
        stage_expect_failed(OPERATION_TOO_FEW, false);
        cr_assert_eq(stage.sent, 0);
        cr_assert_eq(stage.changed, 0);
        stage_end();
    }
    stage_begin(OPERATION_READ, 2, 1, 3); /* W is nothing to a read */
    stage_start();
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
}

Test(operation, the_same_structure_serves_again_and_again)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    for (unsigned i = 0; i < 3; i++) {
        stage.operation.kind = OPERATION_WRITE;
        stage_start();
        stage_acknowledge(3, ACK_OK, DOT_NONE);
        cr_assert_eq(stage.operation.state, OPERATION_DONE);
        operation_rest(&stage.operation);
        stage.operation.kind = OPERATION_READ;
        stage_start();
        stage_answer(2, ANSWER_SAME, DOT_NONE, "");
        cr_assert_eq(stage.operation.state, OPERATION_DONE);
        cr_assert(span_equal(stage.operation.found.value, SPAN("w")));
        operation_rest(&stage.operation);
    }
    stage_end();
}

/* ---- reads ---- */

Test(operation, a_read_finds_the_newest_of_r)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(0, 1), "here");
    stage_start();
    stage_answer(2, ANSWER_VERSION, stage_later(5, 2), "there");
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert(span_equal(stage.operation.found.value, SPAN("there")));
    stage_expect_here("there");
    cr_assert_eq(stage.offered, 0, "only this replica lacked it");
    stage_end();
}

Test(operation, a_read_that_finds_nothing_says_so)
{
    stage_begin(OPERATION_READ, 3, 3, 2);
    stage_start();
    stage_answer(2, ANSWER_NONE, DOT_NONE, "");
    stage_answer(3, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert(!version_visible(&stage.operation.found, stage.now.wall_ms));
    stage_end();
}

/* This replica would refuse what a bad clock left, and so may the others: what is answered and
 * offered would be on one of them alone (dunlin-sim --seed 12014). */
Test(operation, a_replica_whose_version_is_too_far_ahead_is_replaced)
{
    const struct dot ahead = {.stamp = hlc_stamp(NOW_MS + 3600), .node = 2};

    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_put(stage_later(0, 1), "here");
    stage_start();
    stage_answer(2, ANSWER_VERSION, ahead, "ahead");
    cr_assert_eq(stage.operation.state, OPERATION_READING);
    cr_assert_eq(stage.asked, 1u << 2 | 1u << 3);
    stage_answer(3, ANSWER_SAME, DOT_NONE, "");
    stage_expect_found("here");
    cr_assert_eq(stage.offered, 0);
    stage_end();
}

Test(operation, a_replica_that_does_not_vote_is_replaced)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_start();
    cr_assert_eq(stage.asked, 1u << 2);
    stage_answer(2, ANSWER_NOT_VOTING, DOT_NONE, "");
    cr_assert_eq(stage.asked, 1u << 2 | 1u << 3);
    stage_answer(3, ANSWER_STALE_CLAIM, DOT_NONE, "");
    stage_expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(stage.operation.answered, 1);
    stage_end();
}

Test(operation, a_replica_that_is_lost_is_replaced)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_start();
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 3); /* it was not asked */
    cr_assert_eq(stage.asked, 1u << 2);
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 2);
    cr_assert_eq(stage.asked, 1u << 2 | 1u << 3);
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 9);
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 3);
    stage_expect_failed(OPERATION_TOO_FEW, false);
    stage_end();
}

Test(operation, who_cannot_answer_is_not_asked)
{
    stage_begin(OPERATION_READ, 4, 2, 2);
    stage.hopeless = 1u << 2;
    stage.down = 1u << 3;
    stage_start();
    cr_assert_eq(stage.asked, 1u << 4);
    stage_answer(4, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage.hopeless = 1u << 2 | 1u << 3;
    stage_start();
    stage_expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(stage.operation.answered, 1);
    stage_end();
}

Test(operation, a_hedge_asks_one_more_and_the_first_answer_counts)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage_start();
    operation_hedge(&stage.coordinator, &stage.operation, stage.now);
    cr_assert_eq(stage.asked, 1u << 2 | 1u << 3);
    operation_hedge(&stage.coordinator, &stage.operation, stage.now);
    cr_assert_eq(stage.sent, 2);
    stage_answer(3, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_answer(2, ANSWER_VERSION, stage_later(9, 2), "late");
    cr_assert(!version_exists(&stage.operation.found));
    operation_hedge(&stage.coordinator, &stage.operation, stage.now);
    cr_assert_eq(stage.sent, 2);
    stage_end();
}

Test(operation, a_hedge_without_anybody_left_fails_nothing)
{
    stage_begin(OPERATION_READ, 3, 2, 2);
    stage.hopeless = 1u << 3;
    stage_start();
    operation_hedge(&stage.coordinator, &stage.operation, stage.now);
    cr_assert_eq(stage.operation.state, OPERATION_READING);
    stage_answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
}

/* ---- writes ---- */

Test(operation, too_few_acknowledgements_say_how_many_there_were)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    stage_acknowledge(2, ACK_FULL, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_WRITING);
    stage_acknowledge(3, ACK_STALE_CLAIM, DOT_NONE);
    stage_expect_failed(OPERATION_TOO_FEW, true);
    cr_assert_eq(stage.operation.answered, 1);
    stage_end();
}

Test(operation, a_write_that_can_be_sent_to_nobody_fails_at_once)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage.down = 1u << 2 | 1u << 3;
    stage_start();
    stage_expect_failed(OPERATION_TOO_FEW, true);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 1);
    stage.down = 1u << 2 | 1u << 3;
    stage_start();
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
}

Test(operation, lost_replicas_do_not_acknowledge)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 2);
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_WRITING);
    operation_lost(&stage.coordinator, &stage.operation, stage.now, 3);
    stage_expect_failed(OPERATION_TOO_FEW, true);
    stage_end();
}

Test(operation, newer_is_stamped_above)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    stage_acknowledge(2, ACK_NEWER, stage_later(7, 2));
    cr_assert_eq(stage.renewed, 1);
    cr_assert_eq(stage.offered, 1u << 2 | 1u << 3);
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(7, 2)), 0);
    cr_assert_str_eq(stage.offer_value, "w");
    cr_assert_gt(stage.replica.hlc.last, stage_later(7, 2).stamp - 1);
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_expect_here("w");
    stage_end();
}

/* Two that overtake each other would do so for ever. */
Test(operation, one_that_is_overtaken_again_and_again_rests_before_it_goes_on)
{
    stage_begin(OPERATION_WRITE, 3, 2, 3);
    stage.rests = true;
    stage_start();
    for (unsigned round = 1; round <= OPERATION_ROUNDS_RUSH; round++)
        stage_acknowledge(2, ACK_NEWER, stage_later(7 * round, 2));
    cr_assert_eq(stage.renewed, OPERATION_ROUNDS_RUSH);
    cr_assert_eq(stage.rested, 0);
    stage_acknowledge(2, ACK_NEWER, stage_later(70, 2));
    cr_assert_eq(stage.rested, 1);
    cr_assert_eq(stage.renewed, OPERATION_ROUNDS_RUSH, "nothing is offered in a rest");
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.rested, 1);
    cr_assert_eq(stage.operation.state, OPERATION_WRITING);
    operation_resume(&stage.coordinator, &stage.operation, stage.now);
    cr_assert_eq(stage.renewed, OPERATION_ROUNDS_RUSH + 1);
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(70, 2)), 0);
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
}

Test(operation, forgetful_is_stamped_above_when_it_is_needed)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    stage_acknowledge(3, ACK_FORGETFUL, stage_later(7, UINT16_MAX));
    cr_assert_lt(dot_compare(stage.offer_dot, stage_later(7, UINT16_MAX)), 0);
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 3);
    stage_start();
    stage_acknowledge(3, ACK_FORGETFUL, stage_later(7, UINT16_MAX));
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(7, UINT16_MAX)), 0);
    cr_assert_eq(stage.operation.state, OPERATION_WRITING);
    stage_end();
}

Test(operation, newer_versions_that_keep_coming_are_given_up_on)
{
    unsigned rounds = 0;

    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    while (stage.operation.state == OPERATION_WRITING) {
        cr_assert_leq(++rounds, 100u);
        stage_acknowledge(2, ACK_NEWER, (struct dot){stage.offer_dot.stamp + 1, 2});
        if (stage.operation.state == OPERATION_WRITING && stage.offered == 0)
            break;
        if (rounds > OPERATION_ROUNDS_MAX)
            stage_acknowledge(3, ACK_NEWER, (struct dot){stage.offer_dot.stamp + 1, 3});
    }
    stage_expect_failed(OPERATION_CONTENDED, true);
    stage_end();
}

/* Another write took its place here; ours goes above it, because it has to be above what was
 * acknowledged before it began. */
Test(operation, a_write_that_was_overwritten_here_is_stamped_above_that_as_well)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    stage_put(stage_later(50, 1), "other");
    stage_acknowledge(2, ACK_NEWER, stage_later(7, 2));
    cr_assert_gt(dot_compare(stage.offer_dot, stage_later(50, 1)), 0);
    cr_assert_str_eq(stage.offer_value, "w");
    stage_end();
}

Test(operation, what_may_not_be_written_here_is_not_written)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage.now.wall_ms += 500;
    stage_start();
    stage_expect_failed(OPERATION_LATE, false);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage.partition->claim_version++;
    stage_start();
    stage_expect_failed(OPERATION_RING_CHANGED, false);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage.partition->recovering = true;
    stage.partition->forgotten = stage.bounds.ceiling_at_start;
    stage_start();
    stage_expect_failed(OPERATION_NOT_VOTING, false);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    atomic_store(&stage.bounds.ceiling, 5);
    stage_start();
    stage_expect_failed(OPERATION_NO_STAMP, false);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    store_set_memory_max(stage.store, 1);
    stage_start();
    stage_expect_failed(OPERATION_MEMORY_FULL, false);
    cr_assert_eq(stage.sent, 0);
    stage_end();
}

/* The ceiling comes late. */
Test(operation, what_has_no_stamp_yet_rests_and_begins_again)
{
    for (enum operation_kind kind = OPERATION_WRITE; kind <= OPERATION_UPDATE; kind++) {
        stage_begin(kind, 3, 2, 2);
        stage.rests = true;
        atomic_store(&stage.bounds.ceiling, 5);
        stage_start();
        if (kind == OPERATION_UPDATE)
            stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
        cr_assert_eq(stage.operation.state, OPERATION_UNSTAMPED);
        cr_assert_eq(stage.offered, 0);
        stage_acknowledge(2, ACK_OK, DOT_NONE);
        operation_lost(&stage.coordinator, &stage.operation, stage.now, 2);
        operation_hedge(&stage.coordinator, &stage.operation, stage.now);
        cr_assert_eq(stage.operation.state, OPERATION_UNSTAMPED);
        atomic_store(&stage.bounds.ceiling, UINT64_MAX);
        operation_resume(&stage.coordinator, &stage.operation, stage.now);
        cr_assert_eq(stage.renewed, 1);
        if (kind == OPERATION_UPDATE) { /* what it read is old by now */
            cr_assert_eq(stage.operation.state, OPERATION_READING);
            cr_assert_eq(stage.asked, 1u << 2);
            stage_answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
        }
        cr_assert_eq(stage.offered, 1u << 2 | 1u << 3);
        stage_acknowledge(2, ACK_OK, DOT_NONE);
        cr_assert_eq(stage.operation.state, OPERATION_DONE);
        stage_end();
    }
}

Test(operation, what_rests_for_a_stamp_in_vain_has_written_nothing)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage.rests = true;
    atomic_store(&stage.bounds.ceiling, 5);
    stage_start();
    operation_expire(&stage.operation);
    stage_expect_failed(OPERATION_NO_STAMP, false);
    stage_end();
}

/* Nobody may be told that nothing was written once others have been offered it. */
Test(operation, what_fails_after_it_was_offered_may_still_take_effect)
{
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    stage.now.wall_ms += 500;
    stage_acknowledge(2, ACK_NEWER, stage_later(7, 2));
    stage_expect_failed(OPERATION_TOO_FEW, true);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 2);
    stage_start();
    stage.partition->claim_version++;
    stage_acknowledge(2, ACK_NEWER, stage_later(7, 2));
    stage_expect_failed(OPERATION_TOO_FEW, true);
    stage_end();
    stage_begin(OPERATION_UPDATE, 3, 1, 2);
    stage_start();
    atomic_store(&stage.bounds.ceiling, 5);
    stage_acknowledge(2, ACK_NEWER, stage_later(7, 2));
    stage_expect_failed(OPERATION_TOO_FEW, true);
    stage_end();
}

Test(operation, time_that_is_up_ends_it_with_what_there_is)
{
    stage_begin(OPERATION_WRITE, 3, 3, 3);
    stage_start();
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    operation_expire(&stage.operation);
    stage_expect_failed(OPERATION_TOO_FEW, true);
    cr_assert_eq(stage.operation.answered, 2);
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(stage.operation.state, OPERATION_FAILED);
    stage_end();
    stage_begin(OPERATION_READ, 3, 3, 3);
    stage_start();
    operation_expire(&stage.operation);
    stage_expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(stage.operation.answered, 1);
    stage_end();
}

/* ---- what is owed ---- */

Test(operation, a_write_is_owed_until_each_replica_has_answered_for_it)
{
    node_number owed[COPIES_MAX];

    stage_begin(OPERATION_WRITE, 5, 2, 2);
    stage.down = 1u << 2;
    stage_start();
    cr_assert_eq(operation_owes(&stage.operation, owed), 4);
    cr_assert_eq(owed[0], 2, "who cannot be reached is owed it");
    stage_acknowledge(3, ACK_OK, DOT_NONE);
    stage_acknowledge(4, ACK_FULL, DOT_NONE);
    stage_acknowledge(5, ACK_FORGETFUL, stage_later(9, 5));
    cr_assert_eq(stage.operation.state, OPERATION_DONE);
    cr_assert_eq(operation_owes(&stage.operation, owed), 2);
    cr_assert_eq(owed[0], 2);
    cr_assert_eq(owed[1], 5);
    stage.operation.kind = OPERATION_READ;
    stage_start();
    cr_assert_eq(operation_owes(&stage.operation, owed), 0);
    stage_end();
}

Test(operation, a_write_that_failed_is_owed_all_the_same)
{
    node_number owed[COPIES_MAX];

    stage_begin(OPERATION_WRITE, 3, 2, 3);
    stage_start();
    operation_expire(&stage.operation);
    cr_assert_eq(operation_owes(&stage.operation, owed), 2);
    stage_acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation_owes(&stage.operation, owed), 1);
    stage_end();
    stage_begin(OPERATION_WRITE, 3, 2, 3);
    stage.now.wall_ms += 500;
    stage_start();
    cr_assert_eq(operation_owes(&stage.operation, owed), 0, "nothing was written");
    stage_end();
}

Test(operation, room_is_made_for_what_a_write_needs)
{
    static char value[2000];
    char key[8];
    unsigned evicted = 0;

    stage_begin(OPERATION_WRITE, 1, 1, 1);
    store_set_policy(stage.store, STORE_ALLKEYS_CLOCK);
    store_set_memory_max(stage.store, 64 * 1024);
    memset(value, 'v', sizeof value);
    stage.write_value = span_of(value, sizeof value);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%u", i);
        stage.operation.place.key = span_of_string(key);
        stage.operation.place.hash = store_hash(stage.store, stage.operation.place.key);
        stage_start();
        cr_assert_eq(stage.operation.state, OPERATION_DONE);
        evicted += (unsigned)stage.operation.evicted;
    }
    cr_assert_gt(evicted, 50u);
    stage.write_value = SPAN("w");
    stage_end();
}
