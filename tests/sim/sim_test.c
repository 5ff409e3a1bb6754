/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulator itself: every checker finds the fault that it is there for, a seed gives one trace,
 * and some fixed seeds pass.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "lib/timeout.h"
#include "sim/check/stores.h"
#include "sim/fault/faults.h"
#include "sim/run.h"
#include "sim/world/node.h"
#include "wire/wire.h"

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
    struct history value = {0}, presence = {0}, flushed = {0};
    uint64_t old = put(&value, 1, 0, 10, 20);

    erase(&value, 1, 1, 30, 40);
    see(&value, 2, 0, 50, 60, SEEN_VALUE, old);
    cr_assert_eq(wrongs(&value, check_deleted), 1);
    put(&presence, 1, 0, 10, 20);
    erase(&presence, 1, 1, 30, 40);
    see(&presence, 2, 0, 50, 60, SEEN_PRESENT, 0);
    cr_assert_eq(wrongs(&presence, check_deleted), 1);
    old = put(&flushed, 1, 0, 10, 20);
    erase(&flushed, 1, 1, 30, 40);
    flushed.records[1].space = '*';
    see(&flushed, 2, 0, 50, 60, SEEN_VALUE, old);
    cr_assert_eq(wrongs(&flushed, check_deleted), 1);
}

Test(sim, what_was_evicted_may_be_missing_and_nothing_older_may_show)
{
    struct history missing = {.vanishes = true}, older = {.vanishes = true};

    put(&missing, 1, 0, 10, 20);
    see(&missing, 2, 0, 30, 40, SEEN_ABSENT, 0);
    cr_assert_eq(wrongs(&missing, check_kept), 0);
    const uint64_t old = put(&older, 1, 0, 10, 20);
    put(&older, 1, 1, 30, 40);
    see(&older, 2, 0, 50, 60, SEEN_ABSENT, 0);
    see(&older, 2, 1, 70, 80, SEEN_VALUE, old);
    cr_assert_eq(wrongs(&older, check_kept), 1);
}

Test(sim, what_all_nodes_forgot_may_be_missing_and_what_came_later_may_not)
{
    struct history history = {.amnesties = {{.from_us = 100, .to_us = 200}}, .amnesty_count = 1};

    put(&history, 1, 0, 10, 20);
    see(&history, 2, 0, 30, 40, SEEN_ABSENT, 0); /* wrong: nobody had forgotten then */
    see(&history, 2, 1, 210, 220, SEEN_ABSENT, 0);
    put(&history, 1, 1, 230, 240);
    see(&history, 2, 2, 250, 260, SEEN_ABSENT, 0); /* wrong */
    see(&history, 2, 3, 270, 280, SEEN_VALUE, 0);  /* wrong: it is older than what came later */
    cr_assert_eq(wrongs(&history, check_kept), 3);
}

Test(sim, a_read_of_one_replica_counts_once_the_replicas_have_converged)
{
    struct history history = {0};

    for (int healed = 0; healed < 2; healed++) {
        const int64_t at_us = healed * 10000000;
        const uint32_t place = (uint32_t)healed * 3;
        const uint64_t old = put(&history, 1, place, at_us + 10, at_us + 20);
        put(&history, 1, place + 1, at_us + 30, at_us + 40);
        see(&history, 1, place + 2, at_us + 5000000, at_us + 5000010, SEEN_VALUE, old);
        struct record *reader = &history.records[history.count - 1];
        reader->strength = STRENGTH_WEAK;
        reader->healed = healed > 0;
    }
    cr_assert_eq(wrongs(&history, check_kept), 1);
}

Test(sim, a_value_that_was_read_and_replaced_must_not_be_read_again)
{
    struct history good = {0}, bad = {0};
    struct history *histories[] = {&good, &bad};

    for (int i = 0; i < 2; i++) {
        const uint64_t failed = put(histories[i], 1, 0, 10, 20);
        const uint64_t other = put(histories[i], 2, 0, 10, 20);
        histories[i]->records[failed].outcome = OUTCOME_FAILED;
        histories[i]->records[other].outcome = OUTCOME_FAILED;
        see(histories[i], 3, 0, 30, 40, SEEN_VALUE, failed);
        see(histories[i], 3, 1, 50, 60, SEEN_VALUE, other);
        see(histories[i], 3, 2, 70, 80, SEEN_VALUE, i == 0 ? other : failed);
    }
    cr_assert_eq(wrongs(&good, check_order), 0);
    cr_assert_eq(wrongs(&bad, check_order), 1);
}

/* ---- dates ---- */

/* Of the key's space; returns what the value is called. */
static uint64_t lease(struct history *history, int64_t sent_us, int64_t replied_us,
                      int64_t lease_us)
{
    const uint64_t name = put(history, 1, (uint32_t)history->count, sent_us, replied_us);

    history->records[name].space = 'e';
    history->records[name].lease_us = lease_us;
    return name;
}

static void touch(struct history *history, int64_t sent_us, int64_t replied_us, int64_t lease_us,
                  uint64_t value)
{
    see(history, 1, (uint32_t)history->count, sent_us, replied_us, SEEN_VALUE, value);
    struct record *record = &history->records[history->count - 1];
    record->space = 'e';
    record->effect = EFFECT_TOUCH;
    record->lease_us = lease_us;
}

static void look(struct history *history, int64_t sent_us, enum seen seen, uint64_t value)
{
    see(history, 2, (uint32_t)history->count, sent_us, sent_us + 10, seen, value);
    history->records[history->count - 1].space = 'e';
}

Test(sim, a_value_must_not_be_seen_after_its_deadline)
{
    struct history history = {0};
    const uint64_t value = lease(&history, 0, 1000, 50000);

    look(&history, 40000, SEEN_VALUE, value);
    look(&history, 52000, SEEN_VALUE, value);
    look(&history, 60000, SEEN_VALUE, value); /* wrong */
    look(&history, 60000, SEEN_ABSENT, 0);
    look(&history, 10000, SEEN_ABSENT, 0); /* wrong */
    cr_assert_eq(wrongs(&history, check_dates), 2);
}

Test(sim, clocks_that_differ_move_a_deadline_by_as_much)
{
    struct history history = {0};
    const uint64_t value = lease(&history, 0, 1000, 50000);

    clocks_add(&history.clocks, &(struct clock_step){.node = 1, .since_us = 0, .off_us = 20000});
    clocks_add(&history.clocks, &(struct clock_step){.node = 1, .since_us = 500, .off_us = 0});
    look(&history, 70000, SEEN_VALUE, value);
    look(&history, 90000, SEEN_VALUE, value); /* wrong */
    cr_assert_eq(wrongs(&history, check_dates), 1);
}

Test(sim, a_touch_gives_a_value_another_deadline)
{
    struct history shorter = {0}, longer = {0}, none = {0};
    uint64_t value = lease(&shorter, 0, 1000, 900000);

    touch(&shorter, 2000, 3000, 50000, value);
    look(&shorter, 40000, SEEN_VALUE, value);
    look(&shorter, 60000, SEEN_VALUE, value); /* wrong */
    cr_assert_eq(wrongs(&shorter, check_dates), 1);
    value = lease(&longer, 0, 1000, 50000);
    touch(&longer, 2000, 3000, 900000, value);
    look(&longer, 60000, SEEN_VALUE, value);
    look(&longer, 60000, SEEN_ABSENT, 0); /* wrong */
    cr_assert_eq(wrongs(&longer, check_dates), 1);
    value = lease(&none, 0, 1000, 50000);
    touch(&none, 2000, 3000, 0, value);
    look(&none, 60000, SEEN_VALUE, value);
    cr_assert_eq(wrongs(&none, check_dates), 0);
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

Test(sim, a_touch_may_give_time_to_what_another_touch_left)
{
    struct history found = {0}, over = {0}, late = {0};

    chain_touches(&found, 150000, 700000);
    cr_assert_eq(wrongs(&found, check_dates), 0);
    chain_touches(&over, 150000, 960000); /* wrong */
    cr_assert_eq(wrongs(&over, check_dates), 1);
    chain_touches(&late, 250000, 700000); /* wrong: only the put was left to touch */
    cr_assert_eq(wrongs(&late, check_dates), 1);
}

Test(sim, a_touch_finds_nothing_that_is_gone)
{
    struct history history = {0};
    const uint64_t value = lease(&history, 0, 1000, 900000);

    touch(&history, 2000, 3000, 900000, value);
    lease(&history, 4000, 5000, 900000);
    touch(&history, 6000, 7000, 900000, 0);
    history.records[3].seen = SEEN_PRESENT;
    look(&history, 8000, SEEN_VALUE, value); /* wrong */
    cr_assert_eq(wrongs(&history, check_dates), 1);
}

Test(sim, an_expired_value_must_not_leave_an_older_one)
{
    struct history history = {0};
    const uint64_t old = lease(&history, 0, 1000, 0);

    lease(&history, 2000, 3000, 5000);
    look(&history, 60000, SEEN_ABSENT, 0);
    look(&history, 60000, SEEN_VALUE, old); /* wrong */
    cr_assert_eq(wrongs(&history, check_dates), 1);
}

Test(sim, no_more_time_is_left_than_was_given)
{
    struct history history = {0};

    lease(&history, 0, 1000, 50000);
    look(&history, 20000, SEEN_PRESENT, 0);
    history.records[1].left_us = 31000;
    look(&history, 20000, SEEN_PRESENT, 0); /* wrong */
    history.records[2].left_us = 45000;
    cr_assert_eq(wrongs(&history, check_dates), 1);
}

/* ---- connections and counters ---- */

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

/* ---- who forgot ---- */

/* Three nodes, each a replica of every partition, with the detector. */
static struct world *three_replicas(uint64_t seed)
{
    struct run_settings settings;

    run_defaults(&settings);
    settings.world.seed = seed;
    settings.world.nodes = settings.world.replicas = 3;
    settings.world.write_level = LEVEL_ALL;
    settings.world.detector = true;
    return world_create(&settings.world);
}

/* As after a restart, or, where nothing is lost, after FORGOT. */
static void forget(struct world *world, unsigned node, uint64_t lost)
{
    for (uint32_t p = 0; p < world->settings.partitions; p++) {
        struct partition *partition = store_partition(world->nodes[node]->store, p);
        partition->recovering = true;
        partition->recovery += lost == 0;
        partition->forgotten = lost;
    }
}

/* Node 2 asks node 1 for a key, and is told that it has the same. */
static void vote(const struct world *world)
{
    const struct world_watcher *watcher = &world->watchers[0];

    watcher->on_message(watcher->context, 2, 1,
                        &(struct wire_message){.type = WIRE_READ, .read.id = 7});
    watcher->on_message(
        watcher->context, 1, 2,
        &(struct wire_message){.type = WIRE_ANSWER, .answer = {.id = 7, .status = ANSWER_SAME}});
}

static uint64_t wrong_votes(struct world *world, bool recovered_between)
{
    struct votes *votes = votes_create(world);
    struct verdict verdict = {0};

    forget(world, 1, 1000);
    votes_look(votes, false, &verdict);
    if (recovered_between)
        forget(world, 1, 0);
    vote(world);
    votes_look(votes, false, &verdict);
    world_destroy(&world);
    votes_destroy(&votes);
    return verdict.wrong;
}

Test(sim, a_vote_of_one_that_recovers_is_wrong)
{
    cr_assert_eq(wrong_votes(three_replicas(1), false), 1);
}

Test(sim, a_vote_between_two_recoveries_may_be_heard_in_the_second)
{
    cr_assert_eq(wrong_votes(three_replicas(1), true), 0);
}

/* Which node a fault restarts, when 1 and 2 have lost all, and 3 was told that it missed writes;
 * 0: none. */
static unsigned restarted(uint64_t seed)
{
    struct world *world = three_replicas(seed);
    struct history history = {0};
    const struct fault_settings only_restarts = {.rates = {[FAULT_RESTART] = 1}};
    struct faults *faults = faults_create(world, &only_restarts, &history);
    unsigned node = 0;

    forget(world, 1, 1000);
    forget(world, 2, 1000);
    forget(world, 3, 0);
    faults_begin(faults);
    for (unsigned i = 1; i <= 3; i++)
        if (!sim_node_runs(world->nodes[i]))
            node = i;
    faults_destroy(&faults);
    world_destroy(&world);
    return node;
}

Test(sim, who_was_only_told_that_it_missed_writes_has_not_lost_all_yet)
{
    unsigned counts[4] = {0};

    for (uint64_t seed = 1; seed <= 32; seed++)
        counts[restarted(seed)]++;
    cr_assert_gt(counts[0], 0); /* 3 was drawn */
    cr_assert_gt(counts[1], 0);
    cr_assert_gt(counts[2], 0);
    cr_assert_eq(counts[3], 0);
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
