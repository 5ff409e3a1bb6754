/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "sim/report/gossip_parts.h"

/* Everybody knows everybody within so long, and has no news left to pass on after so much more:
 * what each datagram of a period is then for is a ping or its ack. */
#define CONVERGE_MAX_US (120 * SECOND_US)
#define REST_MAX_US     (900 * SECOND_US)
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
    static const int64_t step_us = SECOND_US;

    mesh_run(mesh, step_us);
    return mesh_agrees(mesh);
}

static void come_to_rest(struct mesh *mesh)
{
    const int64_t start_us = mesh->now_us;
    const size_t few = mesh->count * 2 * (REST_STEP_US / SECOND_US) * 11 / 10 + 2;
    size_t before;

    do {
        before = mesh->datagrams;
        ensure(mesh->now_us - start_us < REST_MAX_US);
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
    ensure(mesh_run_until(mesh, converged, CONVERGE_MAX_US));
    come_to_rest(mesh);
    return mesh;
}
