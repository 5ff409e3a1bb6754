/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"

TestSuite(sim_heard, .timeout = TIMEOUT_S(60));

#define LISTENER  7
#define PUBLISHER 9

/* Somebody listens by n* from 10 on. */
static void listen(struct history *history)
{
    struct subscribed *subscribed = history_add_subscribed(history);

    subscribed->listener = LISTENER;
    subscribed->kind = CHANNELS; /* the first pattern */
    subscribed->asked_us = 5;
    subscribed->confirmed_us = 10;
}

/* A message to n0, sent at the time, and answered 10 us later with one receiver. */
static void publish(struct history *history, uint32_t number, int64_t sent_us)
{
    struct said *said = history_add_said(history);

    said->publisher = PUBLISHER;
    said->number = number;
    said->outcome = OUTCOME_OK;
    said->sent_us = sent_us;
    said->replied_us = sent_us + 10;
    said->receivers = 1;
    said->calm = true;
}

static void hear(struct history *history, uint32_t number, int64_t at_us)
{
    struct hearing *heard = history_add_heard(history);

    heard->listener = LISTENER;
    heard->kind = CHANNELS;
    heard->publisher = PUBLISHER;
    heard->number = number;
    heard->at_us = at_us;
}

Test(sim_heard, what_is_published_is_heard_once_and_in_order)
{
    static const struct {
        uint32_t heard[3];
        uint64_t wrong;
    } cases[] = {
        {{1, 2, 3}, 0}, {{1, 2, 0}, 1}, /* the last is missing */
        {{1, 2, 2}, 2},                 /* heard twice, and the last is missing */
        {{2, 1, 3}, 1}, {{1, 2, 4}, 2}, /* nobody published that */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history history = {0};
        listen(&history);
        for (uint32_t m = 0; m < 3; m++)
            publish(&history, m + 1, 100 + m);
        for (uint32_t m = 0; m < 3 && cases[i].heard[m] > 0; m++)
            hear(&history, cases[i].heard[m], 200 + m);
        cr_expect_eq(made_wrongs(&history, check_heard), cases[i].wrong, "case %zu", i);
    }
}

Test(sim_heard, it_may_be_missed_where_faults_are_about_or_the_subscription_ends)
{
    for (int i = 0; i < 3; i++) {
        struct history history = {0};
        listen(&history);
        publish(&history, 1, 100);
        if (i == 1)
            history.said[0].calm = false;
        if (i == 2)
            history.subscriptions[0].ending_us = 120;
        cr_expect_eq(made_wrongs(&history, check_heard), (uint64_t)(i == 0), "case %d", i);
    }
}

Test(sim_heard, nobody_hears_what_it_does_not_subscribe_to)
{
    for (int i = 0; i < 4; i++) {
        struct history history = {0};
        listen(&history);
        publish(&history, 1, 100);
        hear(&history, 1, 150);
        if (i == 1)
            history.heard[0].kind = 1; /* another channel */
        if (i == 2)
            history.subscriptions[0].ending_us = history.subscriptions[0].ended_us = 120;
        if (i == 3)
            history.heard[0].at_us = 90; /* before it was said */
        history.said[0].calm = false;
        cr_expect_eq(made_wrongs(&history, check_heard), (uint64_t)(i > 0), "case %d", i);
    }
}

Test(sim_heard, publishers_are_told_how_many)
{
    for (uint64_t receivers = 0; receivers < 3; receivers++) {
        struct history history = {0};
        listen(&history);
        publish(&history, 1, 100);
        hear(&history, 1, 150);
        history.said[0].receivers = receivers;
        cr_expect_eq(made_wrongs(&history, check_heard), (uint64_t)(receivers != 1));
    }
}
