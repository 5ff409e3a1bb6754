/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each rule of replication is needed: the real code without it does something that a checker finds,
 * and the same run with it passes. The numbers are those of docs/ARCHITECTURE.md (Replication
 * rules). A rule that shows seldom has the seeds at which it was seen first; where the code has
 * changed so that they do not show it any more, `dunlin-sim --without RULE` finds others.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "lib/timeout.h"
#include "sim/rules.h"
#include "sim/run.h"

TestSuite(rules, .timeout = TIMEOUT_S(60));

/* Seeds that are tried. */
struct seeds {
    uint64_t first;
    unsigned count;
};

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
}

static void expect_needed(unsigned rule, struct seeds seeds)
{
    struct run_settings settings;
    struct run_result result;

    for (unsigned i = 0; i < seeds.count; i++) {
        prepare(&settings, seeds.first + i);
        rules_remove(rule);
        run(&settings, NULL, &result);
        rules_restore();
        if (!unsafe(&result))
            continue;
        run(&settings, stderr, &result);
        cr_assert(run_passed(&result), "dunlin-sim --seed %" PRIu64, seeds.first + i);
        return;
    }
    cr_assert_fail("without rule %u, %u seeds from %" PRIu64 " on show nothing wrong", rule,
                   seeds.count, seeds.first);
}
