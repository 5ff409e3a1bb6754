/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Healthy nodes that are accused: because datagrams are lost, or because slow members accuse them.
 * Slow members are those of Lifeguard's paper (arXiv 1707.00788, section V): a part of the cluster
 * stops for a while, all together, runs for a while, stops again, for two minutes. A stopped node
 * is stopped as SIGSTOP does it: what comes waits in its socket, its timers run out, and when it
 * goes on it sees the timers before what waits, which is the worst order for the others.
 */
#include "base/memory.h"
#include "sim/report/gossip_parts.h"

#define SLOW_RUN_US (120 * SECOND_US)
#define MS_US       (SECOND_US / 1000)

/* Some of the durations and intervals that the paper tries. */
const struct gossip_slowness gossip_slownesses[GOSSIP_SLOWNESSES] = {
    {512 * MS_US, 4 * MS_US},  {512 * MS_US, 64 * MS_US},  {512 * MS_US, 1024 * MS_US},
    {2048 * MS_US, 4 * MS_US}, {2048 * MS_US, 64 * MS_US}, {2048 * MS_US, 1024 * MS_US},
    {8192 * MS_US, 4 * MS_US}, {8192 * MS_US, 64 * MS_US}, {8192 * MS_US, 1024 * MS_US},
};

struct judge {
    const struct mesh *mesh;
    bool slow[MESH_NODES_MAX];
    uint64_t accusations[MESH_NODES_MAX]; /* each node's, as far as they are counted */
    struct gossip_false *result;
};

static void on_event(void *context, const struct mesh_node *observer,
                     const struct gossip_event *event, size_t subject)
{
    struct judge *judge = context;
    struct gossip_false *result = judge->result;

    if (event->kind == GOSSIP_EVENT_SUSPECT) {
        const uint64_t accusations = gossip_counters(observer->gossip)->suspicions;

        /* Otherwise it was told. */
        if (accusations > judge->accusations[observer->index] && !judge->slow[subject])
            result->suspicions++;
        judge->accusations[observer->index] = accusations;
    } else if (event->kind == GOSSIP_EVENT_DEAD) {
        if (judge->slow[subject]) {
            result->deaths_slow++;
        } else {
            result->deaths++;
            result->deaths_healthy += !judge->slow[observer->index];
        }
    }
}

static struct judge *judge_begin(struct mesh *mesh, size_t slow, struct gossip_false *result)
{
    struct judge *judge = memory_alloc(sizeof *judge);

    judge->mesh = mesh;
    judge->result = result;
    while (slow > 0) {
        const size_t index = rng_below(&mesh->rng, mesh->count);

        slow -= !judge->slow[index];
        judge->slow[index] = true;
    }
    for (size_t i = 0; i < mesh->count; i++)
        judge->accusations[i] = gossip_counters(mesh->nodes[i].gossip)->suspicions;
    mesh->watch = (struct mesh_watch){on_event, judge};
    return judge;
}

/* Nobody is counted after this; the cluster is at rest again. */
static void judge_end(struct mesh *mesh, struct judge **judge)
{
    mesh->watch = (struct mesh_watch){0};
    memory_free(*judge);
    *judge = NULL;
    gossip_settle(mesh);
}

static double hours(size_t nodes, int64_t duration_us)
{
    return (double)nodes * (double)duration_us / (3600.0 * (double)SECOND_US);
}

void gossip_loss_measure(struct mesh *mesh, unsigned loss_percent, int64_t duration_us,
                         struct gossip_false *result)
{
    struct judge *judge = judge_begin(mesh, 0, result);

    *result = (struct gossip_false){.node_hours = hours(mesh->count, duration_us)};
    mesh->loss_percent = loss_percent;
    mesh_run(mesh, duration_us);
    mesh->loss_percent = 0;
    judge_end(mesh, &judge);
}

static void each_slow(struct mesh *mesh, const struct judge *judge,
                      void (*act)(struct mesh *mesh, size_t index))
{
    for (size_t i = 0; i < mesh->count; i++) {
        if (judge->slow[i])
            act(mesh, i);
    }
}

void gossip_slow_measure(struct mesh *mesh, size_t slow, const struct gossip_slowness *slowness,
                         struct gossip_false *result)
{
    struct judge *judge = judge_begin(mesh, slow, result);
    const int64_t start_us = mesh->now_us;

    while (mesh->now_us - start_us < SLOW_RUN_US) {
        each_slow(mesh, judge, mesh_pause);
        mesh_run(mesh, slowness->pause_us);
        each_slow(mesh, judge, mesh_resume);
        mesh_run(mesh, slowness->awake_us);
    }
    result->node_hours += hours(mesh->count - slow, mesh->now_us - start_us);
    judge_end(mesh, &judge);
}
