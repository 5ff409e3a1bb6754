/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_dates, .timeout = TIMEOUT_S(60));

/* Of the key's space; returns what the value is called. */
static uint64_t lease(struct history *history, int64_t sent_us, int64_t replied_us,
                      int64_t lease_us)
{
    const uint64_t name = made_put(history, 1, (uint32_t)history->count, sent_us, replied_us);

    history->records[name].space = 'e';
    history->records[name].lease_us = lease_us;
    return name;
}

static void touch(struct history *history, int64_t sent_us, int64_t replied_us, int64_t lease_us,
                  uint64_t value)
{
    made_see(history, 1, (uint32_t)history->count, sent_us, replied_us, SEEN_VALUE, value);
    struct record *record = &history->records[history->count - 1];
    record->space = 'e';
    record->effect = EFFECT_TOUCH;
    record->lease_us = lease_us;
}

static void look(struct history *history, int64_t sent_us, enum seen seen, uint64_t value)
{
    made_see(history, 2, (uint32_t)history->count, sent_us, sent_us + 10, seen, value);
    history->records[history->count - 1].space = 'e';
}

/* A touch takes the place of a put that ran beside it; another, that tells no value, finds what it
 * left. */
static void chain_touches(struct history *history, int64_t second_us, int64_t look_us)
{
    const uint64_t value = lease(history, 0, 1000, 50000);

    touch(history, 2000, 5000, 200000, value);
    lease(history, 3000, 4000, 900000);
    touch(history, second_us, second_us + 1000, 800000, 0);
    history->records[history->count - 1].seen = SEEN_PRESENT;
    look(history, look_us, SEEN_VALUE, value);
}

/* So many readers saw what was over, and so many did not see what was to be there. Ends it. */
static void expect(struct history *history, uint64_t expired, uint64_t lasted)
{
    struct verdict saw = {0}, missed = {0};

    check_expired(history, &saw);
    check_lasted(history, &missed);
    history_deinit(history);
    cr_expect_eq(saw.wrong, expired);
    cr_expect_eq(missed.wrong, lasted);
}

Test(sim_dates, a_value_must_not_be_seen_after_its_deadline)
{
    struct history history = {0};
    const uint64_t value = lease(&history, 0, 1000, 50000);

    look(&history, 40000, SEEN_VALUE, value);
    look(&history, 52000, SEEN_VALUE, value);
    look(&history, 60000, SEEN_VALUE, value); /* wrong */
    look(&history, 60000, SEEN_ABSENT, 0);
    look(&history, 10000, SEEN_ABSENT, 0); /* wrong */
    expect(&history, 1, 1);
}

Test(sim_dates, clocks_that_differ_move_a_deadline_by_as_much)
{
    struct history history = {0};
    const uint64_t value = lease(&history, 0, 1000, 50000);

    clocks_add(&history.clocks, &(struct clock_step){.node = 1, .since_us = 0, .off_us = 20000});
    clocks_add(&history.clocks, &(struct clock_step){.node = 1, .since_us = 500, .off_us = 0});
    look(&history, 70000, SEEN_VALUE, value);
    look(&history, 90000, SEEN_VALUE, value); /* wrong */
    expect(&history, 1, 0);
}

Test(sim_dates, a_touch_gives_a_value_another_deadline)
{
    struct history shorter = {0}, longer = {0}, none = {0};
    uint64_t value = lease(&shorter, 0, 1000, 900000);

    touch(&shorter, 2000, 3000, 50000, value);
    look(&shorter, 40000, SEEN_VALUE, value);
    look(&shorter, 60000, SEEN_VALUE, value); /* wrong */
    expect(&shorter, 1, 0);
    value = lease(&longer, 0, 1000, 50000);
    touch(&longer, 2000, 3000, 900000, value);
    look(&longer, 60000, SEEN_VALUE, value);
    look(&longer, 60000, SEEN_ABSENT, 0); /* wrong */
    expect(&longer, 0, 1);
    value = lease(&none, 0, 1000, 50000);
    touch(&none, 2000, 3000, 0, value);
    look(&none, 60000, SEEN_VALUE, value);
    expect(&none, 0, 0);
}

Test(sim_dates, a_touch_may_give_time_to_what_another_touch_left)
{
    struct history found = {0}, over = {0}, late = {0};

    chain_touches(&found, 150000, 700000);
    expect(&found, 0, 0);
    chain_touches(&over, 150000, 960000); /* wrong */
    expect(&over, 1, 0);
    chain_touches(&late, 250000, 700000); /* wrong: only the put was left to touch */
    expect(&late, 1, 0);
}

Test(sim_dates, a_touch_finds_nothing_that_is_gone)
{
    struct history history = {0};
    const uint64_t value = lease(&history, 0, 1000, 900000);

    touch(&history, 2000, 3000, 900000, value);
    lease(&history, 4000, 5000, 900000);
    touch(&history, 6000, 7000, 900000, 0);
    history.records[3].seen = SEEN_PRESENT;
    look(&history, 8000, SEEN_VALUE, value); /* wrong */
    expect(&history, 1, 0);
}

Test(sim_dates, an_expired_value_must_not_leave_an_older_one)
{
    struct history history = {0};
    const uint64_t old = lease(&history, 0, 1000, 0);

    lease(&history, 2000, 3000, 5000);
    look(&history, 60000, SEEN_ABSENT, 0);
    look(&history, 60000, SEEN_VALUE, old); /* wrong */
    expect(&history, 1, 0);
}

Test(sim_dates, no_more_time_is_left_than_was_given)
{
    struct history history = {0};

    lease(&history, 0, 1000, 50000);
    look(&history, 20000, SEEN_PRESENT, 0);
    history.records[1].left_us = 31000;
    look(&history, 20000, SEEN_PRESENT, 0); /* wrong */
    history.records[2].left_us = 45000;
    expect(&history, 1, 0);
}

Test(sim_dates, what_failed_may_have_run_late_by_what_clocks_are_apart)
{
    struct history history = {0};
    const uint64_t value = lease(&history, 0, 1000, 50000);

    history.records[value].outcome = OUTCOME_FAILED;
    look(&history, 500000, SEEN_VALUE, value);
    look(&history, 1000000, SEEN_VALUE, value);
    expect(&history, 1, 0);
}
