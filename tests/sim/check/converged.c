/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "lib/array.h"
#include "sim/check/stores.h"
#include "sim/world/node.h"
#include "value/merge.h"

#define KEY_MAX 16
/* More than clocks are apart. */
#define SOON_MS 60000

/* What one replica holds for a key. */
struct holding {
    char key[KEY_MAX];
    unsigned node;
    struct dot dot;
    size_t size;
    uint64_t digest;
    bool deleted, merges;
};

struct holdings {
    const struct sim_node *node;
    struct holding *all;
    size_t count, capacity;
    int64_t now_ms;
    int64_t soon_ms; /* the same for all nodes */
    uint64_t leaves[PARTITION_LEAVES];
};

/* Of the values: contexts alone may differ in what is settled and over, until a comparison. Values
 * whose time is up, or soon, may have gone with a write. */
static uint64_t digest_of(const struct version *version, int64_t soon_ms)
{
    struct sibling sibling;
    uint64_t digest = 0;

    if (version_is_counter(version))
        return version_digest(version);
    if (!version_is_set(version))
        return XXH3_64bits(version->value.data, version->value.size);
    for (struct siblings_cursor at = siblings_begin(version->value);
         siblings_next(&at, &sibling);) {
        if (sibling.deadline_ms <= soon_ms)
            continue;
        digest ^= sibling.dot.stamp ^ (uint64_t)sibling.deadline_ms;
        digest = XXH3_64bits_withSeed(sibling.value.data, sibling.value.size,
                                      digest + sibling.dot.node);
    }
    return digest;
}

static void add(void *context, struct span key, const struct version *version)
{
    struct holdings *holdings = context;
    const uint64_t hash = store_hash(holdings->node->store, key);

    if (version->kind != VALUE_TOMBSTONE)
        holdings->leaves[store_leaf(hash)] += store_version_digest(hash, version->dot,
                                                                   version_digest(version));
    /* What is over may be reaped at any moment. */
    if (version->deadline_ms != DEADLINE_NEVER && version->deadline_ms <= holdings->now_ms)
        return;
    holdings->all = array_room(holdings->all, holdings->count, &holdings->capacity,
                               sizeof holdings->all[0]);
    struct holding *holding = &holdings->all[holdings->count++];
    *holding = (struct holding){.node = holdings->node->number,
                                .dot = version->dot,
                                .size = version->value.size,
                                .digest = digest_of(version, holdings->soon_ms),
                                .merges = version_is_set(version) || version_is_counter(version),
                                .deleted = version->kind == VALUE_TOMBSTONE};
    snprintf(holding->key, sizeof holding->key, "%.*s", (int)key.size, (const char *)key.data);
}

static void check_leaves(const struct holdings *holdings, const struct partition *partition,
                         struct verdict *verdict)
{
    verdict->judged++;
    if (memcmp(holdings->leaves, partition->leaves, sizeof holdings->leaves) == 0)
        return;
    verdict_wrong(verdict, "converged: node %u has wrong sums of partition %u",
                  holdings->node->number, partition->index);
    verdict_about(verdict, holdings->node->number, (int)partition->index,
                  holdings->node->world->now_us);
}

static int by_key(const void *a, const void *b)
{
    const struct holding *x = a;
    const struct holding *y = b;
    const int order = strcmp(x->key, y->key);

    return order != 0 ? order : (x->node > y->node) - (x->node < y->node);
}

/* What vanishes takes the values of a set with it, of which others may be written anew, and the
 * shares of a counter. */
static bool same(const struct holding *a, const struct holding *b, bool vanishes)
{
    if (vanishes && a->merges && b->merges)
        return true;
    return dot_equal(a->dot, b->dot) && a->digest == b->digest && a->deleted == b->deleted;
}

/* `count` replicas of `copies` hold the key. */
static void check_key(const struct holding *holdings, size_t count, unsigned copies, bool vanishes,
                      struct verdict *verdict)
{
    bool good = count == copies || vanishes;

    for (size_t i = 1; i < count; i++)
        good &= same(&holdings[i], &holdings[0], vanishes);
    verdict->judged++;
    if (good)
        return;
    verdict_wrong(verdict, "converged: %s is at %zu of %u replicas, or they differ:", holdings->key,
                  count, copies);
    verdict_about_key(verdict, holdings->key[0], (uint32_t)strtoul(holdings->key + 1, NULL, 10),
                      HISTORY_NEVER_US);
    for (size_t i = 0; i < count; i++)
        verdict_add(verdict, "    node %u: %llx@%u, %zu bytes%s", holdings[i].node,
                    (unsigned long long)holdings[i].dot.stamp, holdings[i].dot.node,
                    holdings[i].size, holdings[i].deleted ? ", deleted" : "");
}

static void check_partition(const struct world *world, const struct ring_claim *claim, uint32_t p,
                            bool vanishes, struct verdict *verdict)
{
    struct holdings holdings = {0};

    for (unsigned i = 0; i < claim->count; i++) {
        const struct sim_node *node = world->nodes[claim->nodes[i]];
        struct partition *partition = store_partition(node->store, p);
        holdings.node = node;
        holdings.now_ms = sim_node_now(node).wall_ms;
        if (i == 0)
            holdings.soon_ms = holdings.now_ms + SOON_MS;
        memset(holdings.leaves, 0, sizeof holdings.leaves);
        partition_lock(partition);
        partition_scan(partition, 0, UINT32_MAX, add, &holdings);
        check_leaves(&holdings, partition, verdict);
        partition_unlock(partition);
    }
    if (holdings.count > 0)
        qsort(holdings.all, holdings.count, sizeof holdings.all[0], by_key);
    for (size_t from = 0, to; from < holdings.count; from = to) {
        for (to = from; to < holdings.count; to++)
            if (strcmp(holdings.all[from].key, holdings.all[to].key) != 0)
                break;
        check_key(&holdings.all[from], to - from, claim->count, vanishes, verdict);
    }
    memory_free(holdings.all);
}

void check_converged(const struct world *world, bool vanishes, struct verdict *verdict)
{
    const struct ring *ring = sim_node_ring(world->nodes[1]);

    for (unsigned i = 1; i <= world->settings.nodes; i++)
        if (!sim_node_runs(world->nodes[i]))
            return;
    if (ring == NULL)
        return;
    for (uint32_t p = 0; p < ring_partition_count(ring); p++)
        check_partition(world, ring_claim(ring, p), p, vanishes, verdict);
}
