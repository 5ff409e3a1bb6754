/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_scanned, .timeout = TIMEOUT_S(60));

/* A walk that saw k0, or did not. */
static void walk(struct history *history, int64_t began_us, int64_t ended_us, bool saw)
{
    struct walk *made = history_add_walk(history, 1);

    made->began_us = began_us;
    made->ended_us = ended_us;
    if (saw)
        history_walk_sees(made, 0);
}

Test(sim_scanned, what_was_there_throughout_has_to_be_returned)
{
    for (int i = 0; i < 2; i++) {
        struct history history = {0};
        made_put(&history, 1, 0, 10, 20);
        walk(&history, 30, 40, i == 0);
        cr_expect_eq(made_wrongs(&history, check_scanned), (uint64_t)i);
    }
}

Test(sim_scanned, what_came_or_may_have_gone_meanwhile_need_not_be)
{
    static const struct {
        int64_t put_us[2], delete_us[2];
        uint64_t wrong;
    } cases[] = {
        {{10, 35}, {0, 0}, 0},   /* it was acknowledged later */
        {{10, 20}, {35, 50}, 0}, /* it was deleted meanwhile */
        {{10, 20}, {15, 25}, 0}, /* nobody knows which came first */
        {{10, 20}, {41, 50}, 1}, /* it was deleted behind it */
        {{10, 20}, {1, 9}, 1},   /* and before */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history history = {0};
        made_put(&history, 1, 0, cases[i].put_us[0], cases[i].put_us[1]);
        if (cases[i].delete_us[1] > 0)
            made_delete(&history, 2, 0, cases[i].delete_us[0], cases[i].delete_us[1]);
        walk(&history, 30, 40, false);
        cr_expect_eq(made_wrongs(&history, check_scanned), cases[i].wrong, "case %zu", i);
    }
}

Test(sim_scanned, a_delete_that_failed_may_take_effect_at_any_time)
{
    struct history history = {0};

    made_delete(&history, 2, 0, 1, 5);
    history.records[0].outcome = OUTCOME_FAILED;
    made_put(&history, 1, 0, 10, 20);
    walk(&history, 30, 40, false);
    cr_assert_eq(made_wrongs(&history, check_scanned), 0);
}
