/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each rule of replication is needed: the real code without it does something that a checker finds,
 * and the same run with it passes. The numbers are those of docs/ARCHITECTURE.md (Replication
 * rules); `dunlin-sim --without RULE` shows more.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "lib/timeout.h"
#include "sim/mutant/rules.h"
#include "sim/run.h"

TestSuite(rules, .timeout = TIMEOUT_S(60));

#define CHAOS_US 5000000

/* Seeds that are tried: many times as many as it takes, since any change of the code moves them. */
#define SEEDS_MAX 64

static bool unsafe(const struct run_result *result)
{
    for (int check = 0; check < CHECK_COUNT; check++)
        if (check_rows[check].safety && result->verdicts[check].wrong > 0)
            return true;
    return false;
}

static void prepare(struct run_settings *settings, uint64_t seed)
{
    run_defaults(settings);
    settings->world.seed = seed;
    run_vary(settings);
    settings->chaos_us = CHAOS_US;
    settings->world.read_level = settings->world.write_level = LEVEL_QUORUM;
    settings->world.sloppy_quorum = false;
}

static void expect_needed(unsigned rule, uint64_t first)
{
    struct run_settings settings;
    struct run_result result;

    for (unsigned i = 0; i < SEEDS_MAX; i++) {
        prepare(&settings, first + i);
        if (settings.world.conflict != RING_CONFLICT_LWW || settings.world.replicas < 3)
            continue;
        rules_remove(rule);
        run(&settings, NULL, &result);
        rules_restore();
        if (!unsafe(&result))
            continue;
        run(&settings, stderr, &result);
        cr_assert(run_passed(&result), "seed %" PRIu64, first + i);
        return;
    }
    cr_assert_fail("without rule %u, %d seeds from %" PRIu64 " on show nothing wrong", rule,
                   SEEDS_MAX, first);
}

Test(rules, a_replica_that_knows_a_newer_dot_does_not_acknowledge)
{
    expect_needed(1, 8);
}

Test(rules, a_version_is_owed_until_it_is_answered_for)
{
    expect_needed(2, 2);
}

Test(rules, what_vanishes_leaves_a_mark)
{
    expect_needed(3, 2);
}

Test(rules, a_mark_stays_until_it_is_settled)
{
    expect_needed(4, 2);
}

Test(rules, a_tombstone_stays_until_it_is_settled)
{
    expect_needed(6, 2);
}

Test(rules, a_version_past_its_deadline_covers_older_ones)
{
    expect_needed(7, 2);
}

Test(rules, nothing_enters_at_or_below_a_mark_or_the_floor)
{
    expect_needed(8, 2);
}

Test(rules, who_forgot_does_not_vote)
{
    expect_needed(12, 4);
}

Test(rules, who_recovers_asks_enough_of_those_who_vote)
{
    expect_needed(13, 4);
}
