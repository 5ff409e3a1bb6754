/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_session, .timeout = TIMEOUT_S(60));

Test(sim_session, a_connection_sees_its_own_write_behind_it_in_a_pipeline)
{
    struct history history = {0};
    const uint64_t old = made_put(&history, 1, 0, 10, 20);

    made_put(&history, 2, 0, 30, 60);
    made_see(&history, 2, 1, 30, 60, SEEN_VALUE, old);
    cr_assert_eq(made_wrongs(&history, check_session), 1);
}

Test(sim_session, a_connection_does_not_see_what_it_sends_later)
{
    struct history history = {0};

    made_see(&history, 2, 0, 30, 60, SEEN_VALUE, 1);
    made_put(&history, 2, 1, 30, 60);
    cr_assert_eq(made_wrongs(&history, check_session), 1);
}

Test(sim_session, a_connection_that_deleted_sees_nothing)
{
    struct history history = {0};

    made_put(&history, 2, 0, 10, 20);
    made_delete(&history, 2, 1, 30, 60);
    made_see(&history, 2, 2, 30, 60, SEEN_PRESENT, 0);
    cr_assert_eq(made_wrongs(&history, check_session), 1);
}
