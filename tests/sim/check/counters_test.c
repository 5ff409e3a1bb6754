/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_counters, .timeout = TIMEOUT_S(60));

static void add(struct history *history, uint32_t place, int64_t sent_us, int64_t replied_us,
                uint64_t result, enum outcome outcome)
{
    struct record *record = made_record(history, 1, place, sent_us, replied_us);

    record->space = 'q';
    record->effect = EFFECT_ADD;
    record->amount = 1;
    record->outcome = outcome;
    record->seen = outcome == OUTCOME_OK ? SEEN_VALUE : SEEN_NOTHING;
    record->value = result;
}

Test(sim_counters, an_acknowledged_addition_must_not_be_lost)
{
    struct history history = {0};

    add(&history, 0, 10, 20, 1, OUTCOME_OK);
    add(&history, 1, 30, 40, 2, OUTCOME_OK);
    add(&history, 2, 50, 60, 2, OUTCOME_OK);
    cr_assert_eq(made_wrongs(&history, check_counters), 2, "too low, and the same result twice");
}

Test(sim_counters, an_addition_must_not_count_twice_and_a_failed_one_may_count)
{
    struct history history = {0}, twice = {0};

    add(&history, 0, 10, 20, 1, OUTCOME_OK);
    add(&history, 1, 30, 40, 0, OUTCOME_FAILED);
    add(&history, 2, 50, 60, 3, OUTCOME_OK);
    cr_assert_eq(made_wrongs(&history, check_counters), 0);
    add(&twice, 0, 10, 20, 1, OUTCOME_OK);
    add(&twice, 1, 30, 40, 3, OUTCOME_OK);
    cr_assert_eq(made_wrongs(&twice, check_counters), 1);
}
