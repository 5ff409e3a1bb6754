/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(trios, .timeout = TIMEOUT_S(10));

static struct history history;

/* A transaction from `sent_us` to `replied_us`, of whoever watched, if so, from 10 to 20 before. */
static struct trio_act *add(enum trio_kind kind, enum trio_outcome outcome, int64_t sent_us,
                            int64_t replied_us)
{
    const size_t index = history_add_trio_act(&history);
    struct trio_act *act = &history.trio_acts[index];

    act->kind = kind;
    act->outcome = outcome;
    act->watch_sent_us = sent_us - 20;
    act->watched_us = sent_us - 10;
    act->sent_us = sent_us;
    act->replied_us = replied_us;
    return act;
}

static void read_trio(uint64_t a, uint64_t b, uint64_t c)
{
    struct trio_act *act = add(TRIO_READ, TRIO_DONE, 100, 110);

    act->values[0] = a;
    act->values[1] = b;
    act->values[2] = c;
}

Test(trios, a_half_of_a_transaction_is_not_to_be_seen)
{
    read_trio(0, 0, 0);
    read_trio(3, 3, 3);
    cr_assert_eq(made_wrongs(&history, check_halves), 0);
    read_trio(3, 3, 4);
    read_trio(0, 4, 4);
    cr_assert_eq(made_wrongs(&history, check_halves), 2);
}

Test(trios, exec_is_refused_where_a_watched_key_was_written)
{
    add(TRIO_WATCHED, TRIO_REFUSED, 100, 110);
    add(TRIO_WRITE, TRIO_DONE, 92, 98);
    cr_assert_eq(made_wrongs(&history, check_watched), 0);
    add(TRIO_WATCHED, TRIO_DONE, 100, 110);
    add(TRIO_WRITE, TRIO_DONE, 92, 98);
    cr_assert_eq(made_wrongs(&history, check_watched), 1);
}

Test(trios, exec_is_refused_nowhere_else)
{
    add(TRIO_WATCHED, TRIO_REFUSED, 100, 110);
    add(TRIO_WRITE, TRIO_DONE, 60, 79);
    add(TRIO_READ, TRIO_DONE, 92, 98);
    add(TRIO_WATCHED, TRIO_REFUSED, 101, 109);
    cr_assert_eq(made_wrongs(&history, check_watched), 2);
}

/* Of what runs beside it, and of what may have run at any time, either is right. */
Test(trios, what_runs_beside_a_transaction_may_come_before_or_behind)
{
    for (int done = 0; done < 2; done++) {
        add(TRIO_WATCHED, done ? TRIO_DONE : TRIO_REFUSED, 100, 110);
        add(TRIO_WRITE, TRIO_DONE, 85, 95);
        cr_assert_eq(made_wrongs(&history, check_watched), 0);
        add(TRIO_WATCHED, done ? TRIO_DONE : TRIO_REFUSED, 100, 110);
        add(TRIO_WRITE, TRIO_FAILED, 30, 40);
        cr_assert_eq(made_wrongs(&history, check_watched), 0);
    }
}
