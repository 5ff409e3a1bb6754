/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The acceptor's side of RING INIT, as in two-phase commit. A promise ties this node to one
 * proposer: no other INIT gets it, and nothing is written here meanwhile, because a node with data
 * could not take the ring. It lapses when the proposer is not heard any more; by then the proposer
 * has decided or given up, and if it decided, gossip brings the ring, which names this node.
 *
 * A promise is not kept on disk. A node that restarts after it gave one may give another; if the
 * first proposer decided just then, and names other nodes than the second, this node ends up in one
 * of the rings and is missing in the other, which RING STATUS of that one shows.
 */
#include <inttypes.h>
#include <stdio.h>

#include "node/control_parts.h"

static bool same_promise(const struct promise *promise, const struct identity *ring,
                         const struct identity *proposer)
{
    return promise->given && identity_equal(&promise->ring, ring) &&
           identity_equal(&promise->proposer, proposer);
}

static void give_up(struct control *control)
{
    control->promise.given = false;
    view_write_headers(control, false);
}

enum promise_status promise_give(struct control *control, const struct identity *ring,
                                 const struct identity *proposer, uint32_t partitions,
                                 char reason[REASON_MAX])
{
    const struct ring *current = control_real_ring(control);
    struct promise *promise = &control->promise;
    char id[IDENTITY_SHORT_MAX];

    if (current != NULL) {
        snprintf(reason, REASON_MAX, "it is in ring %016" PRIx64 " already",
                 ring_label(&current->content.identity));
        return PROMISE_HAS_RING;
    }
    if (promise->given && !same_promise(promise, ring, proposer)) {
        snprintf(reason, REASON_MAX, "it takes part in another RING INIT, of node %s",
                 control_short(&promise->proposer, id));
        return PROMISE_OTHER;
    }
    if (partitions != store_partitions(control->store)) {
        snprintf(reason, REASON_MAX, "its directive partitions is %u, not %u",
                 store_partitions(control->store), partitions);
        return PROMISE_REFUSED;
    }
    if (ring_store_holds_keys(control)) {
        give_up(control);
        snprintf(reason, REASON_MAX, "it has data");
        return PROMISE_REFUSED;
    }
    *promise = (struct promise){.given = true,
                                .ring = *ring,
                                .proposer = *proposer,
                                .until_us = control->now.mono_us + PROMISE_US};
    return PROMISE_OK;
}

enum promise_status promise_keep(struct control *control, struct ring *ring,
                                 const struct identity *proposer, char reason[REASON_MAX])
{
    const struct ring *current = control_real_ring(control);

    if (current == NULL && !same_promise(&control->promise, &ring->content.identity, proposer)) {
        snprintf(reason, REASON_MAX, "its promise has lapsed");
        return PROMISE_OTHER;
    }
    if (ring_adopt(control, ring, reason))
        return PROMISE_OK;
    return current != NULL ? PROMISE_HAS_RING : PROMISE_REFUSED;
}

void promise_void(struct control *control, const struct identity *ring,
                  const struct identity *proposer)
{
    if (same_promise(&control->promise, ring, proposer))
        give_up(control);
}

void promise_wake(struct control *control)
{
    if (control->promise.given && control->now.mono_us >= control->promise.until_us) {
        log_write(control->log, LOG_NOTICE, "a promise to a RING INIT has lapsed");
        give_up(control);
    }
}
