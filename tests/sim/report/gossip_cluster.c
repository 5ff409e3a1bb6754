/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "sim/report/gossip_parts.h"

/* Everybody knows everybody within so long, and has no news left to pass on after so much more:
 * datagrams are then pings and their acks, with a tenth for chance.
 * Two nodes that meet for the first time challenge each other, and each meets all others in as many
 * periods as there are nodes: so long it takes. */
#define CONVERGE_MAX_US (120 * SECOND_US)
#define REST_MAX_US     (7200 * SECOND_US)
#define REST_STEP_US    (5 * SECOND_US)

const struct gossip_variant gossip_variants[GOSSIP_VARIANTS] = {
    [VARIANT_SWIM] = {"swim", "SWIM alone", false, false, false},
    [VARIANT_HEALTH] = {"health", "+ local health", true, false, false},
    [VARIANT_DYNAMIC] = {"dynamic", "+ dynamic suspicion", false, true, false},
    [VARIANT_BUDDIES] = {"buddies", "+ buddy system", false, false, true},
    [VARIANT_LIFEGUARD] = {"lifeguard", "all: Lifeguard", true, true, true},
};

static bool converged(struct mesh *mesh)
{
    mesh_run(mesh, SECOND_US);
    return mesh_agrees(mesh);
}

void gossip_settle(struct mesh *mesh)
{
    const size_t few = mesh->count * 2 * (REST_STEP_US / SECOND_US) * 11 / 10 + 2;
    int64_t end_us;
    size_t before;

    ensure(mesh_run_until(mesh, converged, CONVERGE_MAX_US));
    end_us = mesh->now_us + REST_MAX_US;
    do {
        before = mesh->datagrams;
        ensure(mesh->now_us < end_us);
        mesh_run(mesh, REST_STEP_US);
    } while (mesh->datagrams - before > few);
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
