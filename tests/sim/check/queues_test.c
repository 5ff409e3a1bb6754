/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "node/missed.h"
#include "node/parts.h"
#include "sim/check/stores.h"
#include "sim/world/node.h"

TestSuite(sim_queues, .timeout = TIMEOUT_S(60));

/* Three nodes that have run for a moment, of which one is looked at. */
static struct world *some_world(struct verdict *verdict)
{
    const struct world_settings settings = {.seed = 1,
                                            .nodes = 3,
                                            .replicas = 3,
                                            .read_level = LEVEL_QUORUM,
                                            .write_level = LEVEL_QUORUM,
                                            .partitions = 64,
                                            .calm = true,
                                            .detector = true};
    struct world *world = world_create(&settings);

    world_run_until(world, 1000000);
    *verdict = (struct verdict){0};
    check_queues(world, verdict);
    return world;
}

Test(sim_queues, queues_within_their_bounds_are_judged_and_right)
{
    struct verdict verdict;
    struct world *world = some_world(&verdict);

    cr_expect_gt(verdict.judged, 0);
    cr_expect_eq(verdict.wrong, 0);
    world_destroy(&world);
}

Test(sim_queues, a_queue_past_its_bound_is_wrong)
{
    struct verdict verdict;
    struct world *world = some_world(&verdict);
    struct engine *engine = world->nodes[2]->engine;
    struct hints_target target = {.bytes = (uint64_t)world->options->hint_bytes + 1};

    engine->lingering = LINGERING_MAX + 1;
    check_queues(world, &verdict);
    cr_expect_eq(verdict.wrong, 1);
    engine->lingering = 0;
    list_append(&engine->hints.all, &target.link);
    check_queues(world, &verdict);
    cr_expect_eq(verdict.wrong, 2);
    list_remove(&target.link);
    world_destroy(&world);
}
