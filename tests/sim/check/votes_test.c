/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/check/made.h"
#include "sim/check/stores.h"
#include "sim/run.h"
#include "sim/world/node.h"
#include "wire/wire.h"

TestSuite(sim_votes, .timeout = TIMEOUT_S(60));

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

    made_forget(world, 1, 1000);
    votes_look(votes, false, &verdict);
    votes_look(votes, false, &verdict);
    if (recovered_between)
        made_forget(world, 1, 0);
    vote(world);
    votes_look(votes, false, &verdict);
    world_destroy(&world);
    votes_destroy(&votes);
    return verdict.wrong;
}

Test(sim_votes, a_vote_of_one_that_recovers_is_wrong)
{
    cr_assert_eq(wrong_votes(made_world(1), false), 1);
}

Test(sim_votes, a_vote_between_two_recoveries_may_be_heard_in_the_second)
{
    cr_assert_eq(wrong_votes(made_world(1), true), 0);
}
