/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_order, .timeout = TIMEOUT_S(60));

Test(sim_order, a_value_that_was_read_and_replaced_must_not_be_read_again)
{
    struct history good = {0}, bad = {0};
    struct history *histories[] = {&good, &bad};

    for (int i = 0; i < 2; i++) {
        const uint64_t failed = made_put(histories[i], 1, 0, 10, 20);
        const uint64_t other = made_put(histories[i], 2, 0, 10, 20);
        histories[i]->records[failed].outcome = OUTCOME_FAILED;
        histories[i]->records[other].outcome = OUTCOME_FAILED;
        made_see(histories[i], 3, 0, 30, 40, SEEN_VALUE, failed);
        made_see(histories[i], 3, 1, 50, 60, SEEN_VALUE, other);
        made_see(histories[i], 3, 2, 70, 80, SEEN_VALUE, i == 0 ? other : failed);
    }
    cr_assert_eq(made_wrongs(&good, check_order), 0);
    cr_assert_eq(made_wrongs(&bad, check_order), 1);
}

Test(sim_order, a_read_of_another_level_may_miss_what_was_only_read)
{
    struct history history = {0};
    const uint64_t acknowledged = made_put(&history, 1, 0, 10, 20);
    const uint64_t failed = made_put(&history, 2, 0, 30, 40);

    history.records[failed].outcome = OUTCOME_FAILED;
    made_see(&history, 3, 0, 50, 60, SEEN_VALUE, failed);
    made_see(&history, 3, 1, 70, 80, SEEN_VALUE, acknowledged);
    history.records[3].alike = false;
    cr_assert_eq(made_wrongs(&history, check_order), 0);
}
