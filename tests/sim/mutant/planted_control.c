/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mutants of control and gossip (mutants_list.h).
 */
#include "gossip/state.h"
#include "node/control_parts.h"
#include "sim/mutant/planted.h"

/* ---- control ---- */

WRAP(enum promise_status, promise_give, struct control *control, const struct identity *ring,
     const struct identity *proposer, uint32_t partitions, char reason[REASON_MAX])
{
    if (PLANTED(PROMISE_BROKEN))
        control->promise.given = false;
    return __real_promise_give(control, ring, proposer, partitions, reason);
}

/* Swaps the first two replicas of a partition, as one would who plans it differently. */
static void plan_differently(struct ring *ring)
{
    struct ring_claim *claim = (struct ring_claim *)(uintptr_t)ring_claim(ring, 0);
    const node_number first = claim->nodes[0];

    claim->nodes[0] = claim->nodes[1];
    claim->nodes[1] = first;
}

WRAP(enum promise_status, promise_keep, struct control *control, struct ring *ring,
     const struct identity *proposer, char reason[REASON_MAX])
{
    if (PLANTED(PROMISE_BROKEN))
        control->promise = (struct promise){.given = true,
                                            .ring = ring->content.identity,
                                            .proposer = *proposer,
                                            .until_us = INT64_MAX};
    if (PLANTED(RINGS_DIFFER) && mutants_now_and_then(2) && ring_claim(ring, 0)->count > 1)
        plan_differently(ring);
    return __real_promise_keep(control, ring, proposer, reason);
}

/* All nodes are in one zone. */
WRAP(bool, planner_plan, const struct planner_input *input, struct planner_plan *plan,
     char error[RING_ERROR_MAX])
{
    struct planner_node nodes[RING_MEMBERS_MAX];
    struct planner_input blind = *input;

    if (!PLANTED(ZONES_OVERLOOKED))
        return __real_planner_plan(input, plan, error);
    for (size_t i = 0; i < input->node_count; i++) {
        nodes[i] = input->nodes[i];
        nodes[i].zone = "";
    }
    blind.nodes = nodes;
    return __real_planner_plan(&blind, plan, error);
}

WRAP(void, recovery_begin, struct control *control)
{
    if (!PLANTED(VOTES_AT_ONCE))
        __real_recovery_begin(control);
}

WRAP(void, bounds_raise_ceiling, struct control *control)
{
    const uint64_t ahead = hlc_stamp(control->now.wall_ms + CEILING_AHEAD_MS);

    if (!PLANTED(CEILING_PASSED))
        __real_bounds_raise_ceiling(control);
    else if (ahead > atomic_load(&control->bounds->ceiling))
        atomic_store(&control->bounds->ceiling, ahead);
}

/* One node goes by a claim that the others have never had, and nobody compares (planted_replica.c).
 */
WRAP(void, view_write_headers, struct control *control, bool closed)
{
    __real_view_write_headers(control, closed);
    if (!PLANTED(CLAIM_UNCOMPARED) || closed || control->ring == NULL ||
        control->client_port % 3 != 0)
        return;
    for (uint32_t p = 0; p < store_partitions(control->store); p++)
        store_partition(control->store, p)->claim_version++;
}

/* ---- gossip ---- */

WRAP(void, merge_record, struct gossip *gossip, struct instant now, const struct message *message,
     struct identity sender, enum merge_source source)
{
    if (!PLANTED(UNREFUTED) ||
        !identity_equal(&message->record.identity, &gossip->self.record.identity))
        __real_merge_record(gossip, now, message, sender, source);
}

WRAP(void, control_datagram, struct control *control, struct instant now,
     const struct node_address *from, struct span datagram)
{
    if (!PLANTED(DEAF) || !mutants_called_more_than(300))
        __real_control_datagram(control, now, from, datagram);
}
