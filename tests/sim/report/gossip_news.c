/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long a change takes to get around: a node at random changes a flag of its record, and the
 * others count as knowing when they tell of it.
 */
#include "sim/report/gossip_parts.h"

#define NEWS_MAX_US (60 * SECOND_US)

struct change {
    const struct mesh *mesh;
    size_t origin;
    int64_t half_us, all_us; /* 0: not yet */
    size_t knowing;
};

static void on_event(void *context, const struct mesh_node *observer,
                     const struct gossip_event *event, size_t subject)
{
    struct change *change = context;
    const size_t others = change->mesh->count - 1;

    (void)observer;
    if (subject != change->origin || event->kind != GOSSIP_EVENT_UPDATED)
        return;
    change->knowing++;
    if (change->knowing == (others + 1) / 2)
        change->half_us = change->mesh->now_us;
    if (change->knowing == others)
        change->all_us = change->mesh->now_us;
}

static bool all_know(struct mesh *mesh)
{
    return ((const struct change *)mesh->watch.context)->all_us != 0;
}

static void spread(struct mesh *mesh, struct gossip_news *news)
{
    struct change change = {.mesh = mesh, .origin = rng_below(&mesh->rng, mesh->count)};
    struct gossip *gossip = mesh->nodes[change.origin].gossip;
    const double round_us = 1000.0 * mesh->defaults.spread_interval_ms;
    const uint32_t flags = gossip_self(gossip)->flags ^ NODE_CLOCK_OUT_OF_LINE;
    int64_t start_us;

    mesh_run(mesh, (int64_t)rng_below(&mesh->rng, (uint64_t)SECOND_US));
    start_us = mesh->now_us;
    mesh->watch = (struct mesh_watch){on_event, &change};
    gossip_set_flags(gossip, mesh_instant(mesh, change.origin), flags);
    if (!mesh_run_until(mesh, all_know, NEWS_MAX_US))
        news->missed++;
    mesh->watch = (struct mesh_watch){0};
    if (change.half_us != 0)
        sample_add(&news->half, (double)(change.half_us - start_us) / round_us);
    if (change.all_us != 0)
        sample_add(&news->all, (double)(change.all_us - start_us) / round_us);
}

void gossip_news_measure(struct mesh *mesh, size_t changes, struct gossip_news *news)
{
    *news = (struct gossip_news){.round_periods = (double)mesh->defaults.spread_interval_ms /
                                                  mesh->defaults.probe_interval_ms};
    for (size_t i = 0; i < changes; i++) {
        spread(mesh, news);
        gossip_settle(mesh);
    }
}

void gossip_news_deinit(struct gossip_news *news)
{
    sample_deinit(&news->half);
    sample_deinit(&news->all);
}
