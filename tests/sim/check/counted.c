/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters count, at any level: once the replicas have converged, each has all that was
 * acknowledged to any node, however many of them coordinated at once, and nothing twice.
 */
#include "sim/check/stores.h"
#include "sim/load/history.h"
#include "sim/world/node.h"
#include "value/counter.h"

#define KEYS_MAX 1024

struct counted {
    struct verdict *verdict;
    unsigned node;
    int64_t least[KEYS_MAX], most[KEYS_MAX];
};

static void visit(void *context, struct span key, const struct version *version)
{
    struct counted *counted = context;
    int64_t number, value = 0;

    if (key.size < 2 || key.data[0] != 'c' ||
        !span_to_int64(span_of(key.data + 1, key.size - 1), &number) || number >= KEYS_MAX)
        return;
    counted->verdict->judged++;
    const struct span text = version->kind == VALUE_COUNTER ? counter_text(version->value)
                                                            : version->value;
    if (version->kind != VALUE_TOMBSTONE && span_to_int64(text, &value) &&
        value >= counted->least[number] && value <= counted->most[number])
        return;
    verdict_wrong(counted->verdict,
                  "counted: node %u has %lld in c%lld, between %lld and %lld were added",
                  counted->node, (long long)value, (long long)number,
                  (long long)counted->least[number], (long long)counted->most[number]);
    verdict_about_key(counted->verdict, 'c', (uint32_t)number, HISTORY_NEVER_US);
}

static void add_up(const struct history *history, struct counted *counted)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct record *r = &history->records[i];
        if (r->space != 'c' || r->effect != EFFECT_ADD || r->key >= KEYS_MAX)
            continue;
        counted->most[r->key] += r->amount;
        counted->least[r->key] += r->outcome == OUTCOME_OK ? r->amount : 0;
    }
}

void check_counted(const struct world *world, const struct history *history,
                   struct verdict *verdict)
{
    const struct ring *ring = sim_node_ring(world->nodes[1]);
    static const struct counted nothing;
    struct counted counted = nothing;

    counted.verdict = verdict;
    add_up(history, &counted);
    for (uint32_t p = 0; ring != NULL && p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        for (unsigned i = 0; i < claim->count; i++) {
            struct partition *partition = store_partition(world->nodes[claim->nodes[i]]->store, p);
            counted.node = claim->nodes[i];
            partition_lock(partition);
            partition_scan(partition, 0, UINT32_MAX, visit, &counted);
            partition_unlock(partition);
        }
    }
}
