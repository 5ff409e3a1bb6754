/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_siblings, .timeout = TIMEOUT_S(60));

#define STEP_US 100

/* Commands one after the other: each is answered before the next one is sent. */
static struct record *next(struct history *history)
{
    const int64_t at_us = (int64_t)history->count * STEP_US;
    struct record *record = made_record(history, 1, (uint32_t)history->count, at_us + 1,
                                        at_us + STEP_US - 1);

    record->space = 's';
    return record;
}

/* Returns what the value is called; `base`: the read that the context is from. */
static uint64_t write_over(struct history *history, size_t base)
{
    struct record *record = next(history);

    record->effect = EFFECT_PUT;
    record->base = base;
    return history->count - 1;
}

/* Returns what the read is called. */
static size_t read_set(struct history *history, size_t count, const uint64_t *values)
{
    next(history)->seen = SEEN_SIBLINGS;
    for (size_t i = 0; i < count; i++)
        history_add_sibling(history, history->count - 1, values[i]);
    return history->count - 1;
}

static size_t read_one(struct history *history, uint64_t value)
{
    return read_set(history, 1, &value);
}

Test(sim_siblings, writes_that_did_not_see_each_other_are_both_there)
{
    struct history both = {0}, lost = {0};
    struct history *histories[] = {&both, &lost};

    for (int i = 0; i < 2; i++) {
        const uint64_t one = write_over(histories[i], HISTORY_NONE);
        const uint64_t two = write_over(histories[i], HISTORY_NONE);
        read_set(histories[i], i == 0 ? 2 : 1, (uint64_t[]){two, one});
    }
    cr_assert_eq(made_wrongs(&both, check_siblings), 0);
    cr_assert_eq(made_wrongs(&lost, check_siblings), 1);
}

Test(sim_siblings, a_write_replaces_what_its_context_saw_and_nothing_else)
{
    struct history history = {0};
    const uint64_t old = write_over(&history, HISTORY_NONE);
    const size_t sight = read_one(&history, old);
    const uint64_t beside = write_over(&history, HISTORY_NONE);
    const uint64_t over = write_over(&history, sight);

    read_set(&history, 2, (uint64_t[]){beside, over});
    read_one(&history, over);                         /* wrong: one is missing */
    read_set(&history, 2, (uint64_t[]){beside, old}); /* wrong: one is missing, one is back */
    cr_assert_eq(made_wrongs(&history, check_siblings), 3);
}

Test(sim_siblings, what_was_written_over_never_stands_beside_what_was_written)
{
    struct history history = {.amnesties = {{.from_us = 0, .to_us = HISTORY_NEVER_US}},
                              .amnesty_count = 1};
    const uint64_t old = write_over(&history, HISTORY_NONE);
    const uint64_t over = write_over(&history, read_one(&history, old));

    history.records[over].outcome = OUTCOME_FAILED;
    read_one(&history, old);
    read_one(&history, over);
    read_set(&history, 2, (uint64_t[]){old, over}); /* wrong */
    cr_assert_eq(made_wrongs(&history, check_siblings), 1);
}

Test(sim_siblings, a_write_that_failed_may_have_replaced_or_not)
{
    struct history history = {0};
    const uint64_t old = write_over(&history, HISTORY_NONE);
    const uint64_t over = write_over(&history, read_one(&history, old));

    history.records[over].outcome = OUTCOME_FAILED;
    read_one(&history, old);
    read_set(&history, 0, NULL);
    read_one(&history, over);
    cr_assert_eq(made_wrongs(&history, check_siblings), 0);
}

Test(sim_siblings, a_delete_replaces_all_before_it_and_nothing_after)
{
    struct history history = {0};
    const uint64_t old = write_over(&history, HISTORY_NONE);

    next(&history)->effect = EFFECT_DELETE;
    read_set(&history, 0, NULL);
    const uint64_t new = write_over(&history, HISTORY_NONE);
    read_one(&history, new);
    read_set(&history, 2, (uint64_t[]){old, new}); /* wrong */
    read_set(&history, 0, NULL);                   /* wrong */
    cr_assert_eq(made_wrongs(&history, check_siblings), 2);
}

Test(sim_siblings, a_value_is_there_once_and_somebody_wrote_it)
{
    struct history history = {0};
    const uint64_t value = write_over(&history, HISTORY_NONE);

    read_set(&history, 2, (uint64_t[]){value, value});             /* wrong */
    read_set(&history, 2, (uint64_t[]){value, UINT64_MAX});        /* wrong */
    read_set(&history, 2, (uint64_t[]){value, history.count + 1}); /* wrong: it comes later */
    write_over(&history, HISTORY_NONE);
    cr_assert_eq(made_wrongs(&history, check_siblings), 3);
}

Test(sim_siblings, a_weak_read_is_held_to_what_has_spread_among_converged_replicas)
{
    struct history history = {0};

    write_over(&history, HISTORY_NONE);
    for (int healed = 0; healed < 2; healed++) {
        struct record *reader = &history.records[read_set(&history, 0, NULL)];
        reader->sent_us += 5000000;
        reader->replied_us += 5000000;
        reader->strength = STRENGTH_WEAK;
        reader->healed = healed > 0; /* wrong */
    }
    cr_assert_eq(made_wrongs(&history, check_siblings), 1);
}

Test(sim_siblings, what_all_nodes_forgot_or_has_a_time_to_live_may_be_missing)
{
    struct history forgot = {.amnesties = {{.from_us = 0, .to_us = STEP_US}}, .amnesty_count = 1};
    struct history leased = {0};

    write_over(&forgot, HISTORY_NONE);
    read_set(&forgot, 0, NULL);
    write_over(&forgot, HISTORY_NONE);
    read_set(&forgot, 0, NULL); /* wrong: the second came after */
    cr_assert_eq(made_wrongs(&forgot, check_siblings), 1);
    write_over(&leased, HISTORY_NONE);
    leased.records[0].lease_us = 5;
    read_set(&leased, 0, NULL);
    cr_assert_eq(made_wrongs(&leased, check_siblings), 0);
}

#define LATER_US 1000000000

Test(sim_siblings, what_was_replaced_may_be_back_where_the_context_may_have_vanished)
{
    for (int vanishes = 0; vanishes < 4; vanishes++) {
        struct history history = {.vanishes = vanishes == 1};
        const uint64_t old = write_over(&history, HISTORY_NONE);

        write_over(&history, read_one(&history, old));
        if (vanishes >= 2) { /* it failed, or is not done yet */
            struct record *flush = next(&history);
            flush->space = '*';
            flush->effect = EFFECT_DELETE;
            flush->outcome = vanishes == 2 ? OUTCOME_FAILED : OUTCOME_OK;
            flush->replied_us += vanishes == 2 ? 0 : LATER_US;
        }
        read_one(&history, old); /* wrong where it may not: one is back, one is missing */
        cr_expect_eq(made_wrongs(&history, check_siblings), vanishes == 0 ? 2 : 0);
    }
}

Test(sim_siblings, a_delete_that_reads_too_few_may_have_missed_a_value)
{
    struct history history = {0};
    const uint64_t old = write_over(&history, HISTORY_NONE);
    struct record *deletes = next(&history);

    deletes->effect = EFFECT_DELETE;
    deletes->strength = STRENGTH_WEAK;
    read_one(&history, old);
    cr_assert_eq(made_wrongs(&history, check_siblings), 0);
}
