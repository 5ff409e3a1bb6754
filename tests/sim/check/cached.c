/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A copy that a client keeps because it was told of no change is what its key has: looked at when
 * all is quiet, in the stores of the key's replicas. Where what vanishes makes replicas differ, one
 * of them must have it so.
 */
#include <stdlib.h>

#include "sim/check/stores.h"
#include "sim/load/cacher.h"
#include "sim/world/node.h"
#include "value/counter.h"
#include "value/siblings.h"

/* What is over may be reaped, and told, a little later; and clocks are apart. */
#define SOON_MS 60000

struct view_of_copies {
    const struct world *world;
    const struct ring *ring;
    struct verdict *verdict;
};

/* What clients are shown: the newest of siblings, a counter's number, or the string. */
static struct version shown(const struct version *version, int64_t now_ms)
{
    struct version seen = *version;
    struct sibling newest;

    if (version->kind == VALUE_COUNTER)
        seen.value = counter_text(version->value);
    if (version->kind == VALUE_COUNTER || !version_is_set(version))
        return seen;
    if (!siblings_newest(version->value, now_ms, &newest))
        return (struct version){.deadline_ms = version->deadline_ms}; /* over, perhaps not reaped */
    return (struct version){.dot = newest.dot,
                            .kind = VALUE_STRING,
                            .deadline_ms = newest.deadline_ms,
                            .value = newest.value};
}

static bool agrees(const struct sim_node *node, uint32_t index, const struct copy *copy)
{
    struct partition *partition = store_partition(node->store, index);
    const struct span key = span_of_string(copy->key);
    const int64_t now_ms = sim_node_now(node).wall_ms;
    struct version version;

    partition_lock(partition);
    partition_get(partition, store_hash(node->store, key), key, &version);
    if (dot_compare(version.dot, partition->flushed) <= 0)
        version = (struct version){.deadline_ms = DEADLINE_NEVER};
    version = version_exists(&version) ? shown(&version, now_ms) : version;
    const bool visible = version_visible(&version, now_ms);
    bool same = copy->found == visible &&
                (!visible || cacher_digest(version.value) == copy->digest);
    if (version.deadline_ms != DEADLINE_NEVER && version.deadline_ms < now_ms + SOON_MS)
        same = true;
    partition_unlock(partition);
    return same;
}

static void judge(void *context, const struct copy *copy)
{
    const struct view_of_copies *view = context;
    struct verdict *verdict = view->verdict;
    const uint32_t p = ring_key_partition(view->ring, span_of_string(copy->key));
    const struct ring_claim *claim = ring_claim(view->ring, p);

    verdict->judged++;
    for (unsigned i = 0; i < claim->count; i++)
        if (agrees(view->world->nodes[claim->nodes[i]], p, copy))
            return;
    verdict_wrong(verdict,
                  "cached: a client of node %u keeps %s of %s since %lld us%s, and no replica has "
                  "it so",
                  copy->node, copy->found ? "a value" : "nothing", copy->key,
                  (long long)copy->since_us, copy->broadcast ? " (BCAST)" : "");
    verdict_about_key(verdict, copy->key[0], (uint32_t)strtoul(copy->key + 1, NULL, 10),
                      copy->since_us);
}

void check_cached(const struct world *world, const struct cachers *cachers, struct verdict *verdict)
{
    struct view_of_copies view = {
        .world = world, .ring = sim_node_ring(world->nodes[1]), .verdict = verdict};

    for (unsigned i = 1; i <= world->settings.nodes; i++)
        if (!sim_node_runs(world->nodes[i]))
            return;
    if (view.ring != NULL && cachers != NULL)
        cachers_visit(cachers, judge, &view);
}
