/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_answered, .timeout = TIMEOUT_S(60));

Test(sim_answered, a_command_must_be_answered_and_in_time)
{
    struct history history = {0};
    struct verdict verdict = {0};

    made_put(&history, 1, 0, 0, 500000);
    made_put(&history, 1, 1, 0, 900000); /* its turn came when the one before was answered */
    cr_assert_eq(made_record(&history, 2, 0, 0, 700000)->outcome, OUTCOME_OK);
    made_record(&history, 3, 0, 0, HISTORY_NEVER_US)->outcome = OUTCOME_OPEN;
    check_answered(&history, 500000, &verdict);
    cr_assert_eq(verdict.judged, 4);
    cr_assert_eq(verdict.wrong, 2);
    history_deinit(&history);
}

Test(sim_answered, nothing_must_fail_when_no_fault_is_about)
{
    struct history history = {0};

    made_record(&history, 1, 0, 0, 1)->must_succeed = true;
    made_record(&history, 1, 1, 0, 1)->outcome = OUTCOME_FAILED;
    struct record *record = made_record(&history, 1, 2, 0, 1);
    record->must_succeed = true;
    record->outcome = OUTCOME_FAILED;
    cr_assert_eq(made_wrongs(&history, check_liveness), 1);
}

Test(sim_answered, a_write_may_find_no_room_where_memory_is_bound)
{
    for (int bounded = 0; bounded < 2; bounded++) {
        struct history history = {.bounded = bounded == 1};
        struct record *record = made_record(&history, 1, 0, 0, 1);

        record->must_succeed = true;
        record->effect = EFFECT_PUT;
        record->outcome = OUTCOME_FAILED;
        strcpy(record->error, "-NOQUORUM needed 3 of 3, got 2");
        cr_expect_eq(made_wrongs(&history, check_liveness), 1 - (uint64_t)bounded);
    }
}

Test(sim_answered, a_write_may_give_up_for_others_of_the_same_key)
{
    struct history history = {0};
    struct record *record = made_record(&history, 1, 0, 0, 1);

    record->must_succeed = true;
    record->outcome = OUTCOME_FAILED;
    strcpy(record->error, "-NOQUORUM newer versions kept coming; the write");
    cr_assert_eq(made_wrongs(&history, check_liveness), 0);
}

Test(sim_answered, one_who_evicted_may_fetch_its_partition_anew)
{
    static const struct {
        bool vanishes;
        const char *error;
        uint64_t wrong;
    } cases[] = {
        {true, "-NOQUORUM needed 3 of 3, got 2 in 0 ms", 0},
        {false, "-NOQUORUM needed 3 of 3, got 2 in 0 ms", 1},
        {true, "-NOQUORUM needed 3 of 3, got 1 in 0 ms", 1},
        {true, "-NOQUORUM needed 2 of 3, got 1 in 0 ms", 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history history = {.vanishes = cases[i].vanishes};
        struct record *record = made_record(&history, 1, 0, 0, 1);

        record->must_succeed = true;
        record->outcome = OUTCOME_FAILED;
        strcpy(record->error, cases[i].error);
        cr_expect_eq(made_wrongs(&history, check_liveness), cases[i].wrong, "case %zu", i);
    }
}
