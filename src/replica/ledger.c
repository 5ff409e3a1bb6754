/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/ledger.h"

#include "base/assert.h"
#include "base/rule.h"
#include "causal/hlc.h"
#include "ring/ring.h"

_Static_assert(sizeof((struct ledger *)0)->bounds[0] == MEMORY_APART,
               "no two workers write one cache line");

void ledger_publish(struct ledger *ledger, uint32_t worker, uint64_t bound)
{
    ensure(worker < LEDGER_WORKERS_MAX);
    atomic_store_explicit(&ledger->bounds[worker].stamp, bound, memory_order_release);
}

void ledger_doubt(struct ledger *ledger)
{
    atomic_fetch_add_explicit(&ledger->doubts, 1, memory_order_acq_rel);
    atomic_fetch_add_explicit(&ledger->uncompared, 1, memory_order_acq_rel);
}

void ledger_compared(struct ledger *ledger)
{
    const uint32_t before = atomic_fetch_sub_explicit(&ledger->uncompared, 1, memory_order_acq_rel);

    ensure(before > 0);
}

uint64_t ledger_bound(const struct ledger *ledger, uint64_t ceiling)
{
    const uint32_t doubts = atomic_load_explicit(&ledger->doubts, memory_order_acquire);
    const uint32_t workers = atomic_load_explicit(&ledger->workers, memory_order_acquire);
    uint64_t least = RULE(21) ? ceiling : UINT64_MAX;

    if (workers == 0 ||
        (RULE(17) && atomic_load_explicit(&ledger->uncompared, memory_order_acquire) > 0))
        return 0;
    for (uint32_t worker = 0; worker < workers; worker++) {
        const uint64_t bound = atomic_load_explicit(&ledger->bounds[worker].stamp,
                                                    memory_order_acquire);
        if (bound < least)
            least = bound;
    }
    /* A worker may have taken what it dropped out of its bound just now. */
    if (RULE(17) && atomic_load_explicit(&ledger->doubts, memory_order_acquire) != doubts)
        return 0;
    return least;
}

void ledger_hear(struct ledger *ledger, node_number node, uint64_t bound)
{
    uint64_t before = atomic_load_explicit(&ledger->told[node], memory_order_relaxed);

    while (hlc_ms(bound) > hlc_ms(before) &&
           !atomic_compare_exchange_weak_explicit(&ledger->told[node], &before, bound,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

static uint64_t told_by(const struct ledger *ledger, node_number node, node_number self,
                        uint64_t ceiling)
{
    return node == self ? ledger_bound(ledger, ceiling)
                        : atomic_load_explicit(&ledger->told[node], memory_order_acquire);
}

uint64_t ledger_settled(const struct ledger *ledger, const struct ring_claim *claim,
                        node_number self, uint64_t ceiling)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < claim->count; i++) {
        const uint64_t told = told_by(ledger, claim->nodes[i], self, ceiling);
        if (told < least)
            least = told;
    }
    return claim->count > 0 ? least : 0;
}
