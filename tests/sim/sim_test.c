/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulator itself: every checker finds the fault that it is there for, a seed gives one trace,
 * and some fixed seeds pass.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "lib/timeout.h"
#include "sim/faults.h"
#include "sim/run.h"

TestSuite(sim, .timeout = TIMEOUT_S(60));

/* ---- histories made by hand ---- */

static struct record *say(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                          int64_t replied_us)
{
    struct record *record = history_add(history);

    record->client = client;
    record->place = place;
    record->space = 'k';
    record->outcome = OUTCOME_OK;
    record->sent_us = sent_us;
    record->replied_us = replied_us;
    return record;
}

/* Returns what the value is called. */
static uint64_t put(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                    int64_t replied_us)
{
    say(history, client, place, sent_us, replied_us)->effect = EFFECT_PUT;
    return history->count - 1;
}

static void erase(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                  int64_t replied_us)
{
    say(history, client, place, sent_us, replied_us)->effect = EFFECT_DELETE;
}

static void see(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                int64_t replied_us, enum seen seen, uint64_t value)
{
    struct record *record = say(history, client, place, sent_us, replied_us);

    record->seen = seen;
    record->value = value;
}

static void add(struct history *history, uint32_t place, int64_t sent_us, int64_t replied_us,
                uint64_t result, enum outcome outcome)
{
    struct record *record = say(history, 1, place, sent_us, replied_us);

    record->space = 'q';
    record->effect = EFFECT_ADD;
    record->amount = 1;
    record->outcome = outcome;
    record->seen = outcome == OUTCOME_OK ? SEEN_VALUE : SEEN_NOTHING;
    record->value = result;
}

/* How often the rule was broken; ends the history. */
static uint64_t wrongs(struct history *history,
                       void (*check)(const struct history *history, struct verdict *verdict))
{
    struct verdict verdict = {0};

    check(history, &verdict);
    history_deinit(history);
    return verdict.wrong;
}

Test(sim, an_acknowledged_value_must_not_be_followed_by_an_older_one)
{
    struct history good = {0}, bad = {0};
    struct history *histories[] = {&good, &bad};

    for (int i = 0; i < 2; i++) {
        const uint64_t old = put(histories[i], 1, 0, 10, 20);
        const uint64_t new = put(histories[i], 2, 0, 30, 40);
        see(histories[i], 3, 0, 50, 60, SEEN_VALUE, i == 0 ? new : old);
    }
    cr_assert_eq(wrongs(&good, check_kept), 0);
    cr_assert_eq(wrongs(&bad, check_kept), 1);
}

Test(sim, what_overlaps_may_be_seen_in_either_order)
{
    struct history history = {0};
    const uint64_t one = put(&history, 1, 0, 10, 30);
    const uint64_t two = put(&history, 2, 0, 20, 40);

    see(&history, 3, 0, 50, 60, SEEN_VALUE, one);
    see(&history, 3, 1, 70, 80, SEEN_VALUE, two);
    cr_assert_eq(wrongs(&history, check_kept), 0);
}

Test(sim, a_write_that_failed_may_show_at_any_time_after_it_was_sent)
{
    struct history history = {0};
    const uint64_t failed = put(&history, 1, 0, 10, 20);

    history.records[failed].outcome = OUTCOME_FAILED;
    put(&history, 2, 0, 30, 40);
    see(&history, 3, 0, 50, 60, SEEN_VALUE, failed);
    cr_assert_eq(wrongs(&history, check_kept), 0);
}

Test(sim, a_value_must_not_be_seen_before_it_was_sent)
{
    struct history history = {0};

    see(&history, 1, 0, 10, 20, SEEN_VALUE, 1);
    put(&history, 2, 0, 30, 40);
    cr_assert_eq(wrongs(&history, check_kept), 1);
}

Test(sim, a_value_that_nobody_wrote_is_wrong)
{
    struct history history = {0};

    put(&history, 2, 0, 30, 40);
    see(&history, 1, 0, 50, 60, SEEN_VALUE, UINT64_MAX);
    cr_assert_eq(wrongs(&history, check_kept), 1);
}

Test(sim, an_acknowledged_value_must_not_vanish)
{
    struct history history = {0};

    see(&history, 2, 0, 1, 5, SEEN_ABSENT, 0);
    put(&history, 1, 0, 10, 20);
    see(&history, 2, 1, 30, 40, SEEN_ABSENT, 0);
    cr_assert_eq(wrongs(&history, check_kept), 1);
}

Test(sim, what_was_deleted_must_not_come_back)
{
    struct history value = {0}, presence = {0};
    const uint64_t old = put(&value, 1, 0, 10, 20);

    erase(&value, 1, 1, 30, 40);
    see(&value, 2, 0, 50, 60, SEEN_VALUE, old);
    cr_assert_eq(wrongs(&value, check_kept), 1);
    put(&presence, 1, 0, 10, 20);
    erase(&presence, 1, 1, 30, 40);
    see(&presence, 2, 0, 50, 60, SEEN_PRESENT, 0);
    cr_assert_eq(wrongs(&presence, check_kept), 1);
}

Test(sim, a_connection_sees_its_own_write_behind_it_in_a_pipeline)
{
    struct history history = {0};
    const uint64_t old = put(&history, 1, 0, 10, 20);

    put(&history, 2, 0, 30, 60);
    see(&history, 2, 1, 30, 60, SEEN_VALUE, old);
    cr_assert_eq(wrongs(&history, check_session), 1);
}

Test(sim, a_connection_does_not_see_what_it_sends_later)
{
    struct history history = {0};

    see(&history, 2, 0, 30, 60, SEEN_VALUE, 1);
    put(&history, 2, 1, 30, 60);
    cr_assert_eq(wrongs(&history, check_session), 1);
}

Test(sim, a_connection_that_deleted_sees_nothing)
{
    struct history history = {0};

    put(&history, 2, 0, 10, 20);
    erase(&history, 2, 1, 30, 60);
    see(&history, 2, 2, 30, 60, SEEN_PRESENT, 0);
    cr_assert_eq(wrongs(&history, check_session), 1);
}

Test(sim, an_acknowledged_addition_must_not_be_lost)
{
    struct history history = {0};

    add(&history, 0, 10, 20, 1, OUTCOME_OK);
    add(&history, 1, 30, 40, 2, OUTCOME_OK);
    add(&history, 2, 50, 60, 2, OUTCOME_OK);
    cr_assert_eq(wrongs(&history, check_counters), 2, "too low, and the same result twice");
}

Test(sim, an_addition_must_not_count_twice_and_a_failed_one_may_count)
{
    struct history history = {0}, twice = {0};

    add(&history, 0, 10, 20, 1, OUTCOME_OK);
    add(&history, 1, 30, 40, 0, OUTCOME_FAILED);
    add(&history, 2, 50, 60, 3, OUTCOME_OK);
    cr_assert_eq(wrongs(&history, check_counters), 0);
    add(&twice, 0, 10, 20, 1, OUTCOME_OK);
    add(&twice, 1, 30, 40, 3, OUTCOME_OK);
    cr_assert_eq(wrongs(&twice, check_counters), 1);
}

Test(sim, a_command_must_be_answered_and_in_time)
{
    struct history history = {0};
    struct verdict verdict = {0};

    put(&history, 1, 0, 0, 500000);
    put(&history, 1, 1, 0, 900000); /* its turn came when the one before was answered */
    cr_assert_eq(say(&history, 2, 0, 0, 700000)->outcome, OUTCOME_OK);
    say(&history, 3, 0, 0, HISTORY_NEVER_US)->outcome = OUTCOME_OPEN;
    check_answered(&history, 500000, &verdict);
    cr_assert_eq(verdict.judged, 4);
    cr_assert_eq(verdict.wrong, 2);
    history_deinit(&history);
}

Test(sim, nothing_must_fail_when_no_fault_is_about)
{
    struct history history = {0};

    say(&history, 1, 0, 0, 1)->must_succeed = true;
    say(&history, 1, 1, 0, 1)->outcome = OUTCOME_FAILED;
    struct record *record = say(&history, 1, 2, 0, 1);
    record->must_succeed = true;
    record->outcome = OUTCOME_FAILED;
    cr_assert_eq(wrongs(&history, check_liveness), 1);
}

/* ---- runs ---- */

static void short_run(uint64_t seed, FILE *report, struct run_settings *settings,
                      struct run_result *result)
{
    run_defaults(settings);
    settings->world.seed = seed;
    settings->chaos_us = 4000000;
    run(settings, report, result);
}

Test(sim, one_seed_gives_one_trace)
{
    struct run_settings settings;
    struct run_result one, again, other;

    short_run(7, NULL, &settings, &one);
    short_run(7, NULL, &settings, &again);
    short_run(8, NULL, &settings, &other);
    cr_assert_eq(one.trace_lines, again.trace_lines);
    cr_assert_eq(one.trace_digest, again.trace_digest);
    cr_assert_neq(one.trace_digest, other.trace_digest);
}

Test(sim, fixed_seeds_pass)
{
    struct run_settings settings;
    struct run_result result;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        short_run(seed, stderr, &settings, &result);
        cr_assert(run_passed(&result), "dunlin-sim --seed %" PRIu64 " --nodes 3 --chaos 4", seed);
    }
}

Test(sim, a_checker_with_nothing_to_judge_has_not_passed)
{
    struct run_settings settings;
    struct run_result result;

    run_defaults(&settings);
    settings.load.clients = 0;
    settings.chaos_us = 0;
    run(&settings, NULL, &result);
    cr_assert_eq(result.commands, 0);
    cr_assert_not(run_passed(&result));
}
