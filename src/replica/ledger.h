/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ledger of a node: what its workers owe to other nodes, and what other nodes have said that
 * they owe (design: What may vanish). A node owes a version to a replica from the moment that it
 * stamps it until the replica has answered for it: in flight, or as a hint. All numbers are stamps.
 *
 *   bound    of a worker: it owes nothing at or below, and will stamp nothing at or below. It
 *            rises, but for what a comparison finds to be owed
 *   told     by a node: the highest bound that a frame of it carried, but for what is of the same
 *            millisecond as the one noted before; never falls
 *   settled  of a partition: the least that is told by its replicas. Nothing at or below it is
 *            missing anywhere: what vanishes there needs no mark, and nothing enters there late
 *
 * Shared by all workers of a node, without a lock: each number has one writer (bound), or only
 * rises (told).
 */
#ifndef DUNLIN_REPLICA_LEDGER_H
#define DUNLIN_REPLICA_LEDGER_H

#include <stdatomic.h>

#include "base/memory.h"
#include "causal/dot.h"

struct ring;
struct ring_claim;

#define LEDGER_WORKERS_MAX 256

struct ledger {
    _Atomic uint32_t workers; /* 0: none has begun, and nothing is settled */
    /* Partitions whose replicas have to be compared yet: what the node owed there is lost, by a
     * restart or because it dropped hints. Until then it tells nothing (rule 17). */
    _Atomic uint32_t uncompared;
    _Atomic uint32_t doubts; /* how often that rose: who read it before the bounds looks again */
    struct {
        _Alignas(MEMORY_APART) _Atomic uint64_t stamp;
    } bounds[LEDGER_WORKERS_MAX];
    _Atomic uint64_t told[UINT16_MAX + 1]; /* by the number of the node */
};

/* The worker owes nothing at or below `bound`, nor will it stamp anything there. */
void ledger_publish(struct ledger *ledger, uint32_t worker, uint64_t bound);
/* One more partition is to be compared. To be called before the debt that was dropped there is
 * taken out of any bound. */
void ledger_doubt(struct ledger *ledger);
/* One was; what was found to be owed there is in the bounds already. */
void ledger_compared(struct ledger *ledger);
/* What the node tells on its frames: the least of its workers' bounds, at most `ceiling` (rule 21).
 */
uint64_t ledger_bound(const struct ledger *ledger, uint64_t ceiling);
/* A frame of `node` carried `bound`. Noted once a millisecond: with each frame, all workers would
 * write the same line. */
void ledger_hear(struct ledger *ledger, node_number node, uint64_t bound);
/* The settled stamp of a partition with this claim; `self` is this node. */
uint64_t ledger_settled(const struct ledger *ledger, const struct ring_claim *claim,
                        node_number self, uint64_t ceiling);

#endif
