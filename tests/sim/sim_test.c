/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulator itself: a seed gives one trace, and some fixed seeds pass. That each checker finds
 * what it is there for is in check/.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "lib/timeout.h"
#include "sim/check/made.h"
#include "sim/fault/faults.h"
#include "sim/run.h"
#include "sim/world/node.h"

TestSuite(sim, .timeout = TIMEOUT_S(60));

/* ---- who forgot ---- */

/* Which node a fault restarts, when 1 and 2 have lost all, and 3 was told that it missed writes;
 * 0: none. */
static unsigned restarted(uint64_t seed)
{
    struct world *world = made_world(seed);
    struct history history = {0};
    const struct fault_settings only_restarts = {.rates = {[FAULT_RESTART] = 1}};
    struct faults *faults = faults_create(world, &only_restarts, &history);
    unsigned node = 0;

    made_forget(world, 1, 1000);
    made_forget(world, 2, 1000);
    made_forget(world, 3, 0);
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
        cr_assert(run_passed(&result), "seed %" PRIu64, seed);
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
