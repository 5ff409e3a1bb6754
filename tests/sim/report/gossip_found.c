/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long it takes to find a crashed node. A victim crashes at a random moment of a cluster at
 * rest; when all know, it starts again, and when the cluster is at rest again, the next one goes.
 */
#include "sim/report/gossip_parts.h"

/* Nobody takes longer to be found. */
#define FOUND_MAX_US (60 * SECOND_US)

/* One failure, as the others saw it. Times are the mesh's, 0 for not yet. */
struct failure {
    const struct mesh *mesh;
    size_t victim;
    int64_t suspected_us, dead_us, known_us;
    size_t knowing;
};

static void on_event(void *context, const struct mesh_node *observer,
                     const struct gossip_event *event, size_t subject)
{
    struct failure *failure = context;
    const int64_t now_us = failure->mesh->now_us;

    (void)observer;
    if (subject != failure->victim)
        return;
    if (event->kind == GOSSIP_EVENT_SUSPECT && failure->suspected_us == 0)
        failure->suspected_us = now_us;
    if (event->kind != GOSSIP_EVENT_DEAD)
        return;
    if (failure->dead_us == 0)
        failure->dead_us = now_us;
    if (++failure->knowing == failure->mesh->count - 1)
        failure->known_us = now_us;
}

static bool all_know(struct mesh *mesh)
{
    return ((const struct failure *)mesh->watch.context)->known_us != 0;
}

static void fail(struct mesh *mesh, struct gossip_found *found)
{
    struct failure failure = {.mesh = mesh, .victim = rng_below(&mesh->rng, mesh->count)};
    const double period_us = 1000.0 * mesh->defaults.probe_interval_ms;
    int64_t crash_us;

    mesh_run(mesh, (int64_t)rng_below(&mesh->rng, (uint64_t)SECOND_US));
    crash_us = mesh->now_us;
    mesh_crash(mesh, failure.victim);
    mesh->watch = (struct mesh_watch){on_event, &failure};
    if (!mesh_run_until(mesh, all_know, FOUND_MAX_US))
        found->missed++;
    mesh->watch = (struct mesh_watch){0};
    if (failure.suspected_us != 0)
        sample_add(&found->suspected, (double)(failure.suspected_us - crash_us) / period_us);
    if (failure.dead_us != 0)
        sample_add(&found->dead, (double)(failure.dead_us - crash_us) / period_us);
    if (failure.known_us != 0)
        sample_add(&found->known, (double)(failure.known_us - crash_us) / period_us);
    mesh_join(mesh, failure.victim);
}

void gossip_found_measure(struct mesh *mesh, size_t failures, struct gossip_found *found)
{
    *found = (struct gossip_found){0};
    for (size_t i = 0; i < failures; i++) {
        fail(mesh, found);
        gossip_settle(mesh);
    }
}

void gossip_found_deinit(struct gossip_found *found)
{
    sample_deinit(&found->suspected);
    sample_deinit(&found->dead);
    sample_deinit(&found->known);
}
