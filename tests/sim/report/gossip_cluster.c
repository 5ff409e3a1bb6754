/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "sim/report/gossip_parts.h"

/* So long it may take until all know all, and until what they tell of it has gone round. */
#define CONVERGE_MAX_US (120 * SECOND_US)
#define REST_MAX_US     (600 * SECOND_US)
#define REST_STEP_US    (5 * SECOND_US)
/* What two nodes send beside ping and ack when they meet for the first time, at most: challenges,
 * proofs, and what was dropped once more (src/gossip/session.h). It is 4.7 on average. */
#define MEETING_DATAGRAMS 5

const struct gossip_variant gossip_variants[GOSSIP_VARIANTS] = {
    [VARIANT_SWIM] = {"swim", "SWIM alone", false, false, false},
    [VARIANT_HEALTH] = {"health", "+ local health", true, false, false},
    [VARIANT_DYNAMIC] = {"dynamic", "+ dynamic suspicion", false, true, false},
    [VARIANT_BUDDIES] = {"buddies", "+ buddy system", false, false, true},
    [VARIANT_LIFEGUARD] = {"lifeguard", "all: Lifeguard", true, true, true},
};

struct activity {
    uint64_t datagrams;
    uint64_t probes;
    uint64_t meetings;
};

static struct activity activity_so_far(const struct mesh *mesh)
{
    struct activity activity = {.datagrams = mesh->datagrams};

    for (size_t i = 0; i < mesh->count; i++) {
        const struct gossip_counters *counters = gossip_counters(mesh->nodes[i].gossip);

        activity.probes += counters->probes;
        activity.meetings += counters->challenges;
    }
    return activity;
}

/* Runs for a step; what went on in it. */
static struct activity step(struct mesh *mesh)
{
    const struct activity before = activity_so_far(mesh);
    struct activity activity;

    mesh_run(mesh, REST_STEP_US);
    activity = activity_so_far(mesh);
    activity.datagrams -= before.datagrams;
    activity.probes -= before.probes;
    activity.meetings -= before.meetings;
    return activity;
}

static bool converged(struct mesh *mesh)
{
    mesh_run(mesh, SECOND_US);
    return mesh_agrees(mesh);
}

/* There is no news when datagrams are probes, their acks and meetings, with a tenth for chance. */
static bool is_quiet(const struct activity *activity)
{
    return activity->datagrams <=
           activity->probes * 2 * 11 / 10 + activity->meetings * MEETING_DATAGRAMS + 2;
}

void gossip_settle(struct mesh *mesh)
{
    struct activity activity;
    int64_t end_us;

    ensure(mesh_run_until(mesh, converged, CONVERGE_MAX_US));
    end_us = mesh->now_us + REST_MAX_US;
    do {
        ensure(mesh->now_us < end_us);
        activity = step(mesh);
    } while (!is_quiet(&activity));
}

void gossip_meet(struct mesh *mesh)
{
    /* Each probes each within two rounds (SWIM, section 4.3). */
    const int64_t end_us = mesh->now_us + 2 * (int64_t)mesh->count * SECOND_US + REST_MAX_US;
    struct activity activity;

    do {
        ensure(mesh->now_us < end_us);
        activity = step(mesh);
    } while (activity.meetings * 100 > activity.probes);
}

struct mesh *gossip_cluster(uint64_t seed, size_t nodes, const struct gossip_variant *variant)
{
    struct mesh *mesh = mesh_create(seed);

    if (!variant->health)
        mesh->defaults.awareness_max = 0;
    if (!variant->dynamic)
        mesh->defaults.suspicion_max_multiplier = 1;
    mesh->defaults.buddies = variant->buddies;
    mesh_start_cluster(mesh, nodes);
    gossip_settle(mesh);
    return mesh;
}
