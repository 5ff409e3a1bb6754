/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The replication of one key, at random: the real store, replica's side, operations, ledger and
 * decisions of recovery, under events, weather and promises like those of the project's random
 * model of the protocol. With all rules, nothing may go wrong; with any one taken out of the real
 * code, something must.
 *
 *   DUNLIN_SEED=n DUNLIN_RUNS=n     other runs than those of the test
 *   DUNLIN_NARRATE=1                tells the story of the run that went wrong
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/rule.h"
#include "lib/timeout.h"
#include "model/replication_scheduler.h"

TestSuite(replication, .timeout = TIMEOUT_S(300));

#define EVENTS_IN_A_RUN 3000

static const struct configuration three_majority = {3, 2, 2};
static const struct configuration three_write_all = {3, 1, 3};
static const struct configuration five_majority = {5, 3, 3};

bool rule_removed[RULE_COUNT];

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* The seed of the first run that went wrong, or 0. */
static uint64_t find_violation(struct world *world, struct configuration configuration,
                               uint64_t first_seed, uint64_t runs)
{
    for (uint64_t seed = first_seed; seed < first_seed + runs; seed++)
        if (!scheduler_run(world, configuration, seed, EVENTS_IN_A_RUN, false))
            return seed;
    return 0;
}

static void expect_promises(struct configuration configuration)
{
    const uint64_t seed = number_from("DUNLIN_SEED", 1);
    struct world *world = world_create();
    const uint64_t wrong = find_violation(world, configuration, seed,
                                          number_from("DUNLIN_RUNS", 1000));

    if (wrong != 0 && number_from("DUNLIN_NARRATE", 0) != 0)
        scheduler_run(world, configuration, wrong, EVENTS_IN_A_RUN, true);
    cr_assert(wrong == 0,
              "N=%u R=%u W=%u: %s\n"
              "  replay: DUNLIN_SEED=%" PRIu64 " DUNLIN_RUNS=1 DUNLIN_NARRATE=1 "
              "./model_replication --filter 'replication/*%u_%u_%u'",
              configuration.copies, configuration.read, configuration.write,
              world->checker.violation, wrong, configuration.copies, configuration.read,
              configuration.write);
    world_destroy(&world);
}

Test(replication, nothing_is_lost_or_comes_back_at_3_2_2)
{
    expect_promises(three_majority);
}

Test(replication, nothing_is_lost_or_comes_back_at_3_1_3)
{
    expect_promises(three_write_all);
}

Test(replication, nothing_is_lost_or_comes_back_at_5_3_3)
{
    expect_promises(five_majority);
}
