/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_kept, .timeout = TIMEOUT_S(60));

Test(sim_kept, an_acknowledged_value_must_not_be_followed_by_an_older_one)
{
    struct history good = {0}, bad = {0};
    struct history *histories[] = {&good, &bad};

    for (int i = 0; i < 2; i++) {
        const uint64_t old = made_put(histories[i], 1, 0, 10, 20);
        const uint64_t new = made_put(histories[i], 2, 0, 30, 40);
        made_see(histories[i], 3, 0, 50, 60, SEEN_VALUE, i == 0 ? new : old);
    }
    cr_assert_eq(made_wrongs(&good, check_kept), 0);
    cr_assert_eq(made_wrongs(&bad, check_kept), 1);
}

Test(sim_kept, what_overlaps_may_be_seen_in_either_order)
{
    struct history history = {0};
    const uint64_t one = made_put(&history, 1, 0, 10, 30);
    const uint64_t two = made_put(&history, 2, 0, 20, 40);

    made_see(&history, 3, 0, 50, 60, SEEN_VALUE, one);
    made_see(&history, 3, 1, 70, 80, SEEN_VALUE, two);
    cr_assert_eq(made_wrongs(&history, check_kept), 0);
}

Test(sim_kept, a_write_that_failed_may_show_at_any_time_after_it_was_sent)
{
    struct history history = {0};
    const uint64_t failed = made_put(&history, 1, 0, 10, 20);

    history.records[failed].outcome = OUTCOME_FAILED;
    made_put(&history, 2, 0, 30, 40);
    made_see(&history, 3, 0, 50, 60, SEEN_VALUE, failed);
    cr_assert_eq(made_wrongs(&history, check_kept), 0);
}

/* A SETNX wrote its value, was overtaken, and found that it must not: then it is gone. */
Test(sim_kept, a_value_that_was_undone_may_show_until_that_is_told_and_no_longer)
{
    static const enum seen sees[] = {SEEN_VALUE, SEEN_PRESENT};

    for (int i = 0; i < 4; i++) {
        struct history history = {0};
        const bool late = i % 2 == 1;
        made_delete(&history, 1, 0, 10, 20);
        const uint64_t undone = made_put(&history, 1, 1, 30, 60);
        history.records[undone].effect = EFFECT_NONE;
        history.records[undone].undone = EFFECT_PUT;
        made_see(&history, 2, 0, late ? 70 : 40, late ? 80 : 50, sees[i / 2], undone);
        cr_expect_eq(made_wrongs(&history, check_deleted), late);
    }
}

Test(sim_kept, a_value_must_not_be_seen_before_it_was_sent)
{
    struct history history = {0};

    made_see(&history, 1, 0, 10, 20, SEEN_VALUE, 1);
    made_put(&history, 2, 0, 30, 40);
    cr_assert_eq(made_wrongs(&history, check_kept), 1);
}

Test(sim_kept, a_value_that_nobody_wrote_is_wrong)
{
    struct history history = {0};

    made_put(&history, 2, 0, 30, 40);
    made_see(&history, 1, 0, 50, 60, SEEN_VALUE, UINT64_MAX);
    cr_assert_eq(made_wrongs(&history, check_kept), 1);
}

Test(sim_kept, an_acknowledged_value_must_not_vanish)
{
    struct history history = {0};

    made_see(&history, 2, 0, 1, 5, SEEN_ABSENT, 0);
    made_put(&history, 1, 0, 10, 20);
    made_see(&history, 2, 1, 30, 40, SEEN_ABSENT, 0);
    cr_assert_eq(made_wrongs(&history, check_kept), 1);
}

Test(sim_kept, what_was_deleted_must_not_come_back)
{
    struct history value = {0}, presence = {0}, flushed = {0};
    uint64_t old = made_put(&value, 1, 0, 10, 20);

    made_delete(&value, 1, 1, 30, 40);
    made_see(&value, 2, 0, 50, 60, SEEN_VALUE, old);
    cr_assert_eq(made_wrongs(&value, check_deleted), 1);
    made_put(&presence, 1, 0, 10, 20);
    made_delete(&presence, 1, 1, 30, 40);
    made_see(&presence, 2, 0, 50, 60, SEEN_PRESENT, 0);
    cr_assert_eq(made_wrongs(&presence, check_deleted), 1);
    old = made_put(&flushed, 1, 0, 10, 20);
    made_delete(&flushed, 1, 1, 30, 40);
    flushed.records[1].space = '*';
    made_see(&flushed, 2, 0, 50, 60, SEEN_VALUE, old);
    cr_assert_eq(made_wrongs(&flushed, check_deleted), 1);
}

Test(sim_kept, what_was_evicted_may_be_missing_and_nothing_older_may_show)
{
    struct history missing = {.vanishes = true}, older = {.vanishes = true};

    made_put(&missing, 1, 0, 10, 20);
    made_see(&missing, 2, 0, 30, 40, SEEN_ABSENT, 0);
    cr_assert_eq(made_wrongs(&missing, check_kept), 0);
    const uint64_t old = made_put(&older, 1, 0, 10, 20);
    made_put(&older, 1, 1, 30, 40);
    made_see(&older, 2, 0, 50, 60, SEEN_ABSENT, 0);
    made_see(&older, 2, 1, 70, 80, SEEN_VALUE, old);
    cr_assert_eq(made_wrongs(&older, check_kept), 1);
}

Test(sim_kept, what_all_nodes_forgot_may_be_missing_and_what_came_later_may_not)
{
    struct history history = {.amnesties = {{.from_us = 100, .to_us = 200}}, .amnesty_count = 1};

    made_put(&history, 1, 0, 10, 20);
    made_see(&history, 2, 0, 30, 40, SEEN_ABSENT, 0); /* wrong: nobody had forgotten then */
    made_see(&history, 2, 1, 210, 220, SEEN_ABSENT, 0);
    made_put(&history, 1, 1, 230, 240);
    made_see(&history, 2, 2, 250, 260, SEEN_ABSENT, 0); /* wrong */
    made_see(&history, 2, 3, 270, 280, SEEN_VALUE, 0); /* wrong: it is older than what came later */
    cr_assert_eq(made_wrongs(&history, check_kept), 3);
}

Test(sim_kept, a_read_of_one_replica_counts_once_the_replicas_have_converged)
{
    struct history history = {0};

    for (int healed = 0; healed < 2; healed++) {
        const int64_t at_us = healed * 10000000;
        const uint32_t place = (uint32_t)healed * 3;
        const uint64_t old = made_put(&history, 1, place, at_us + 10, at_us + 20);
        made_put(&history, 1, place + 1, at_us + 30, at_us + 40);
        made_see(&history, 1, place + 2, at_us + 5000000, at_us + 5000010, SEEN_VALUE, old);
        struct record *reader = &history.records[history.count - 1];
        reader->strength = STRENGTH_WEAK;
        reader->healed = healed > 0;
    }
    cr_assert_eq(made_wrongs(&history, check_kept), 1);
}
