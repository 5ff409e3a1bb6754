/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "replica/tally.h"
#include "value/siblings.h"

TestSuite(write_tally, .timeout = TIMEOUT_S(10));
TestSuite(read_tally, .timeout = TIMEOUT_S(10));

static struct dot dot(uint64_t stamp, node_number node)
{
    return (struct dot){.stamp = stamp, .node = node};
}

/* ---- writes ---- */

static struct write_tally write;

static enum tally_state answer(unsigned replica, uint8_t status)
{
    return write_tally_add(&write, replica, status, DOT_NONE, 0);
}

Test(write_tally, two_of_three_are_a_quorum_and_the_third_is_still_counted)
{
    write_tally_begin(&write, 3, 2, 3, dot(10, 1));
    cr_assert_eq(answer(0, ACK_OK), TALLY_PENDING);
    cr_assert_eq(answer(2, ACK_OK), TALLY_DONE);
    cr_assert_eq(answer(1, ACK_OK), TALLY_DONE);
    cr_assert_eq(write.acknowledged, 3);
}

Test(write_tally, an_answer_that_comes_twice_counts_once)
{
    write_tally_begin(&write, 3, 2, 3, dot(10, 1));
    answer(1, ACK_OK);
    cr_assert_eq(answer(1, ACK_OK), TALLY_PENDING);
    cr_assert_eq(write.acknowledged, 1);
    cr_assert_eq(write.waiting, 2);
}

Test(write_tally, fails_as_soon_as_the_rest_cannot_be_enough)
{
    write_tally_begin(&write, 3, 2, 3, dot(10, 1));
    cr_assert_eq(answer(1, ACK_DOWN), TALLY_PENDING);
    cr_assert_eq(answer(2, ACK_FULL), TALLY_FAILED);
    cr_assert_eq(write_tally_count(&write, ACK_FULL), 1);
    cr_assert_eq(answer(0, ACK_OK), TALLY_FAILED);
    cr_assert_eq(write.acknowledged, 1);
}

Test(write_tally, newer_asks_for_a_stamp_above_and_everybody_is_asked_again)
{
    write_tally_begin(&write, 3, 2, 1, dot(10, 1));
    answer(0, ACK_OK);
    cr_assert_eq(write_tally_add(&write, 1, ACK_NEWER, dot(20, 3), 0), TALLY_RESTAMP);
    cr_assert(dot_equal(write.known, dot(20, 3)));
    write_tally_restamp(&write, dot(21, 1));
    cr_assert_eq(write.acknowledged, 0);
    cr_assert_eq(answer(0, ACK_OK), TALLY_PENDING);
    cr_assert_eq(answer(1, ACK_OK), TALLY_DONE);
}

Test(write_tally, acknowledgements_are_enough_until_there_is_a_stamp_above)
{
    write_tally_begin(&write, 3, 2, 1, dot(10, 1));
    answer(0, ACK_OK);
    cr_assert_eq(write_tally_add(&write, 1, ACK_NEWER, dot(20, 3), 0), TALLY_RESTAMP);
    cr_assert(write_tally_may_do(&write));
    cr_assert_eq(answer(2, ACK_OK), TALLY_DONE);

    write_tally_begin(&write, 3, 2, 1, dot(10, 1));
    answer(0, ACK_OK);
    cr_assert_eq(write_tally_add(&write, 1, ACK_NEWER, dot(20, 3), 0), TALLY_RESTAMP);
    cr_assert_eq(answer(2, ACK_DOWN), TALLY_RESTAMP);
    cr_assert_not(write_tally_may_do(&write));
}

Test(write_tally, newer_is_a_refusal_once_no_restamp_is_left)
{
    write_tally_begin(&write, 3, 2, 0, dot(10, 1));
    cr_assert_eq(write_tally_add(&write, 1, ACK_NEWER, dot(20, 3), 0), TALLY_PENDING);
    answer(0, ACK_OK);
    cr_assert_eq(answer(2, ACK_OK), TALLY_DONE);
}

Test(write_tally, newer_with_an_older_dot_is_a_refusal)
{
    write_tally_begin(&write, 3, 3, 3, dot(10, 1));
    cr_assert_eq(write_tally_add(&write, 1, ACK_NEWER, dot(9, 3), 0), TALLY_FAILED);
}

Test(write_tally, one_that_forgot_is_left_out_while_the_others_are_enough)
{
    write_tally_begin(&write, 3, 2, 3, dot(10, 1));
    answer(0, ACK_OK);
    cr_assert_eq(write_tally_add(&write, 1, ACK_FORGETFUL, dot(50, 65535), 0), TALLY_PENDING);
    cr_assert_eq(answer(2, ACK_OK), TALLY_DONE);

    write_tally_begin(&write, 3, 2, 3, dot(10, 1));
    answer(0, ACK_OK);
    cr_assert_eq(write_tally_add(&write, 1, ACK_FORGETFUL, dot(50, 65535), 0), TALLY_PENDING);
    cr_assert_eq(answer(2, ACK_DOWN), TALLY_RESTAMP);
    cr_assert_eq(write.known.stamp, 50);
}

Test(write_tally, one_that_forgot_wants_a_stamp_above_its_ceiling)
{
    write_tally_begin(&write, 2, 2, 3, dot(10, 1));
    cr_assert_eq(write_tally_add(&write, 1, ACK_FORGETFUL, dot(50, 65535), 0), TALLY_RESTAMP);
    write_tally_restamp(&write, dot(51, 1));
    answer(0, ACK_OK);
    cr_assert_eq(answer(1, ACK_OK), TALLY_DONE);
}

Test(write_tally, remembers_the_newest_claim_that_refused_it)
{
    write_tally_begin(&write, 3, 2, 3, dot(10, 1));
    write_tally_add(&write, 0, ACK_STALE_CLAIM, DOT_NONE, 7);
    write_tally_add(&write, 1, ACK_STALE_CLAIM, DOT_NONE, 5);
    cr_assert_eq(write.claim_version, 7);
    cr_assert_eq(write.state, TALLY_FAILED);
}

Test(write_tally, any_number_that_a_peer_sends_is_at_worst_a_refusal)
{
    for (unsigned status = 0; status <= UINT8_MAX; status++) {
        write_tally_begin(&write, 1, 1, 0, dot(10, 1));
        cr_assert_eq(answer(0, (uint8_t)status), status == ACK_OK ? TALLY_DONE : TALLY_FAILED);
    }
}

/* ---- reads ---- */

static struct read_tally tally;

static void give_back(void)
{
    read_tally_deinit(&tally);
}

static struct version string(uint64_t stamp, node_number node, const char *value)
{
    return (struct version){.dot = dot(stamp, node),
                            .kind = VALUE_STRING,
                            .deadline_ms = DEADLINE_NEVER,
                            .value = span_of_string(value)};
}

static const struct version none;

static enum tally_state vote(unsigned replica, uint8_t status)
{
    return read_tally_add(&tally, replica, status, NULL, NULL, 0);
}

Test(read_tally, a_replica_that_has_the_same_says_so_and_no_more, .fini = give_back)
{
    const struct version have = string(10, 1, "value");

    cr_assert(read_tally_begin(&tally, false, 3, 2, &have));
    cr_assert_eq(vote(0, ANSWER_SAME), TALLY_ASK);
    cr_assert_eq(read_tally_ask(&tally), 1);
    cr_assert_eq(tally.state, TALLY_PENDING);
    cr_assert_eq(vote(1, ANSWER_SAME), TALLY_DONE);
    cr_assert(span_equal(tally.winner.value, SPAN("value")));
    cr_assert_eq(read_tally_stale(&tally), 0);
}

Test(read_tally, a_large_value_has_room_around_it_for_a_reply, .fini = give_back)
{
    static uint8_t bytes[100000];
    struct version have = string(10, 1, "");

    have.value = span_of(bytes, sizeof bytes);
    cr_assert(read_tally_begin(&tally, false, 3, 2, &have));
    cr_assert(span_equal(tally.winner.value, have.value));
    cr_assert(span_equal(buffer_content(&tally.bytes), have.value));
    const uint8_t *const block = tally.bytes.block;
    cr_assert(buffer_prepend(&tally.bytes, "$100000\r\n", 9));
    buffer_append(&tally.bytes, "\r\n", 2);
    cr_assert_eq(tally.bytes.block, block);
}

Test(read_tally, the_newer_version_wins_and_the_stale_are_named, .fini = give_back)
{
    struct version have = string(10, 1, "old");
    struct version newer = string(20, 2, "newer");

    cr_assert(read_tally_begin(&tally, false, 3, 3, &have));
    vote(0, ANSWER_SAME);
    read_tally_ask(&tally);
    read_tally_ask(&tally);
    read_tally_add(&tally, 1, ANSWER_VERSION, &newer, NULL, 0);
    newer.value = SPAN("the bytes may go once they were handed in");
    cr_assert_eq(vote(2, ANSWER_NONE), TALLY_DONE);
    cr_assert(span_equal(tally.winner.value, SPAN("newer")));
    cr_assert_eq(read_tally_stale(&tally), 1 << 0 | 1 << 2);
}

Test(read_tally, an_older_answer_does_not_win, .fini = give_back)
{
    const struct version have = string(20, 1, "new");
    const struct version older = string(10, 2, "older");

    cr_assert(read_tally_begin(&tally, false, 2, 2, &have));
    vote(0, ANSWER_SAME);
    read_tally_ask(&tally);
    cr_assert_eq(read_tally_add(&tally, 1, ANSWER_VERSION, &older, NULL, 0), TALLY_DONE);
    cr_assert(span_equal(tally.winner.value, SPAN("new")));
    cr_assert_eq(read_tally_stale(&tally), 1 << 1);
}

Test(read_tally, who_forgot_does_not_vote_and_another_is_asked, .fini = give_back)
{
    cr_assert(read_tally_begin(&tally, false, 3, 2, &none));
    vote(0, ANSWER_SAME);
    cr_assert_eq(read_tally_ask(&tally), 1);
    cr_assert_eq(vote(1, ANSWER_NOT_VOTING), TALLY_ASK);
    cr_assert_eq(read_tally_ask(&tally), 2);
    cr_assert_eq(vote(2, ANSWER_NONE), TALLY_DONE);
    cr_assert_not(version_exists(&tally.winner));
    cr_assert_eq(read_tally_stale(&tally), 0);
}

Test(read_tally, fails_as_soon_as_too_few_are_left, .fini = give_back)
{
    cr_assert(read_tally_begin(&tally, false, 3, 2, &none));
    vote(2, ANSWER_DOWN);
    cr_assert_eq(tally.state, TALLY_ASK);
    cr_assert_eq(read_tally_add(&tally, 1, ANSWER_STALE_CLAIM, NULL, NULL, 9), TALLY_FAILED);
    cr_assert_eq(tally.claim_version, 9);
    cr_assert_eq(vote(0, ANSWER_SAME), TALLY_FAILED);
    cr_assert_eq(read_tally_count(&tally, ANSWER_DOWN), 1);
}

Test(read_tally, a_hedge_may_answer_in_place_of_the_slow, .fini = give_back)
{
    cr_assert(read_tally_begin(&tally, false, 3, 2, &none));
    vote(0, ANSWER_SAME);
    read_tally_ask(&tally);
    cr_assert_eq(read_tally_ask(&tally), 2);
    cr_assert_eq(read_tally_ask(&tally), -1);
    cr_assert_eq(vote(2, ANSWER_NONE), TALLY_DONE);
    cr_assert_eq(vote(1, ANSWER_NONE), TALLY_DONE);
    cr_assert_eq(tally.votes, 2);
}

Test(read_tally, concurrent_values_are_merged_and_all_who_lack_one_are_stale, .fini = give_back)
{
    static const struct context nothing;
    struct buffer left = {0}, right = {0};
    struct siblings_cursor cursor;
    struct sibling sibling;

    siblings_write(SPAN(""), &nothing, dot(10, 1), DEADLINE_NEVER, SPAN("left"), 0, &left);
    siblings_write(SPAN(""), &nothing, dot(20, 2), DEADLINE_NEVER, SPAN("right"), 0, &right);
    const struct version have = siblings_version(buffer_content(&left));
    const struct version other = siblings_version(buffer_content(&right));
    cr_assert(read_tally_begin(&tally, true, 3, 2, &have));
    vote(0, ANSWER_SAME);
    read_tally_ask(&tally);
    cr_assert_eq(read_tally_add(&tally, 1, ANSWER_VERSION, &other, NULL, 0), TALLY_DONE);
    cursor = siblings_begin(tally.winner.value);
    cr_assert(siblings_next(&cursor, &sibling));
    cr_assert(span_equal(sibling.value, SPAN("left")));
    cr_assert(siblings_next(&cursor, &sibling));
    cr_assert(span_equal(sibling.value, SPAN("right")));
    cr_assert_eq(read_tally_stale(&tally), 1 << 0 | 1 << 1, "both, though one had the last dot");
    buffer_deinit(&left);
    buffer_deinit(&right);
}

Test(read_tally, a_plain_version_in_a_siblings_keyspace_is_the_set_of_one_write, .fini = give_back)
{
    const struct version have = string(10, 1, "plain");
    const struct version other = string(20, 2, "other");
    const struct version gone = {.dot = dot(30, 3), .deadline_ms = DEADLINE_NEVER};

    cr_assert(read_tally_begin(&tally, true, 4, 4, &have));
    vote(0, ANSWER_SAME);
    read_tally_add(&tally, 1, ANSWER_VERSION, &other, NULL, 0);
    read_tally_add(&tally, 2, ANSWER_VERSION, &gone, NULL, 0);
    cr_assert_eq(read_tally_add(&tally, 3, ANSWER_VERSION, &have, NULL, 0), TALLY_DONE);
    cr_assert(dot_equal(tally.winner.dot, dot(30, 3)));
    cr_assert_eq(tally.winner.kind, VALUE_SIBLINGS);
    cr_assert_eq(read_tally_stale(&tally), 0xf);
}

Test(read_tally, a_version_that_cannot_be_merged_is_no_vote, .fini = give_back)
{
    static struct context crowd[2]; /* together too many nodes for one context */
    struct buffer sets[2] = {{0}};

    for (int side = 0; side < 2; side++) {
        for (uint16_t i = 1; i < CONTEXT_MAX; i++)
            context_add(&crowd[side], dot(1, (node_number)(side * 1000 + i)));
        cr_assert_eq(siblings_erase(SPAN(""), &crowd[side], dot(2, (node_number)(side * 1000 + 1)),
                                    0, &sets[side]),
                     SIBLINGS_OK);
    }
    const struct version have = siblings_version(buffer_content(&sets[0]));
    const struct version other = siblings_version(buffer_content(&sets[1]));
    cr_assert(read_tally_begin(&tally, true, 3, 2, &have));
    vote(0, ANSWER_SAME);
    read_tally_ask(&tally);
    cr_assert_eq(read_tally_add(&tally, 1, ANSWER_VERSION, &other, NULL, 0), TALLY_ASK);
    cr_assert_eq(read_tally_count(&tally, ANSWER_FULL), 1);
    read_tally_ask(&tally);
    cr_assert_eq(vote(2, ANSWER_SAME), TALLY_DONE);
    cr_assert(span_equal(tally.winner.value, have.value));
    buffer_deinit(&sets[0]);
    buffer_deinit(&sets[1]);
}

Test(read_tally, large_values_do_not_stay_behind, .fini = give_back)
{
    static uint8_t large[1 << 20];
    const struct version have = {.dot = dot(10, 1),
                                 .kind = VALUE_STRING,
                                 .deadline_ms = DEADLINE_NEVER,
                                 .value = {large, sizeof large}};

    cr_assert(read_tally_begin(&tally, false, 1, 1, &have));
    cr_assert_eq(vote(0, ANSWER_SAME), TALLY_DONE);
    cr_assert_eq(tally.winner.value.size, sizeof large);
    read_tally_end(&tally);
    cr_assert_lt(tally.bytes.capacity + tally.spare.capacity, sizeof large);
}

Test(read_tally, any_number_that_a_peer_sends_is_at_worst_a_refusal, .fini = give_back)
{
    for (unsigned status = 0; status <= UINT8_MAX; status++) {
        cr_assert(read_tally_begin(&tally, false, 1, 1, &none));
        const enum tally_state state = read_tally_add(&tally, 0, (uint8_t)status, &none, NULL, 0);
        cr_assert_eq(state, status <= ANSWER_NONE ? TALLY_DONE : TALLY_FAILED);
    }
}
