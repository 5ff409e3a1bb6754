/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults of memory: a store, a hint store or an allocator that has nothing left, and keys that are
 * evicted.
 */
#include "base/buffer.h"
#include "sim/fault/parts.h"

#define EVICT_GAP_US 30000
/* Of one partition, in one go. */
#define VICTIMS_MAX 64
/* Of a thousand allocations. */
#define REFUSED_MAX 300
/* Half of the time only larger ones fail, bytes. */
#define LARGE 512

/* ---- a full store ---- */

static void give_memory(void *object, uint64_t number)
{
    struct faults *faults = object;

    if (sim_node_runs(faults->world->nodes[number]))
        store_set_memory_max(faults->world->nodes[number]->store,
                             faults->world->settings.memory_bytes);
}

void fault_memory(struct faults *faults, const struct fault_place *at)
{
    struct sim_node *node = faults->world->nodes[at->node];

    if (!sim_node_runs(node))
        return;
    faults->history->vanishes = true; /* what a full store refuses, it holds no older version of */
    store_set_memory_max(node->store, 1);
    fault_after(faults, at->length_us, give_memory, at->node);
}

/* ---- eviction ---- */

/* Keys that are to go. */
struct victims {
    struct faults *faults;
    unsigned of_100; /* how many of a hundred */
    struct buffer keys;
    size_t sizes[VICTIMS_MAX];
    size_t count;
};

static void choose(void *context, struct span key, const struct version *version)
{
    struct victims *victims = context;

    if (version->kind == VALUE_TOMBSTONE || victims->count == VICTIMS_MAX ||
        fault_draw(victims->faults, 100) >= victims->of_100)
        return;
    buffer_append_span(&victims->keys, key);
    victims->sizes[victims->count++] = key.size;
}

static void evict_some(struct faults *faults, struct partition *partition, unsigned of_100)
{
    struct victims victims = {.faults = faults, .of_100 = of_100};

    partition_lock(partition);
    partition_scan(partition, 0, UINT32_MAX, choose, &victims);
    const uint8_t *at = buffer_content(&victims.keys).data;
    for (size_t i = 0; i < victims.count; i++) {
        const struct span key = span_of(at, victims.sizes[i]);
        partition_vanish(partition, store_hash(partition->store, key), key);
        at += key.size;
    }
    partition_unlock(partition);
    buffer_deinit(&victims.keys);
}

static void evict(void *object, uint64_t number)
{
    struct faults *faults = object;
    struct sim_node *node = faults->world->nodes[number & 255];
    const unsigned of_100 = (unsigned)(number >> 8 & 255);
    const uint64_t left = number >> 16;

    if (!sim_node_runs(node) || !faults->on)
        return;
    for (uint32_t p = 0; p < store_partitions(node->store); p++)
        evict_some(faults, store_partition(node->store, p), of_100);
    if (left > 0)
        fault_after(faults, EVICT_GAP_US, evict, number - (UINT64_C(1) << 16));
}

/* All at once, or many little by little. */
void fault_evict(struct faults *faults, const struct fault_place *at)
{
    const uint64_t times = (uint64_t)(at->length_us / EVICT_GAP_US);

    faults->history->vanishes = true;
    if (fault_draw(faults, 3) == 0)
        evict(faults, fault_pair(100, at->node));
    else
        evict(faults, times << 16 | fault_pair(1 + (unsigned)fault_draw(faults, 20), at->node));
}

/* ---- a full hint store ---- */

static void give_hints_room(void *object, uint64_t number)
{
    struct faults *faults = object;

    if (sim_node_runs(faults->world->nodes[number]))
        sim_node_set_options(faults->world->nodes[number], faults->world->nodes[number]->options);
}

void fault_hints(struct faults *faults, const struct fault_place *at)
{
    struct sim_node *node = faults->world->nodes[at->node];

    if (!sim_node_runs(node))
        return;
    faults->history->drops_hints = true;
    sim_node_set_options(node, faults->cramped);
    fault_after(faults, at->length_us, give_hints_room, at->node);
}

/* ---- allocations ---- */

static void allocate_all(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->nodes[number]->allocator.of_1000 = 0;
}

void fault_alloc(struct faults *faults, const struct fault_place *at)
{
    struct allocator *allocator = &faults->world->nodes[at->node]->allocator;

    /* What has no room is as in a full store. */
    faults->history->vanishes = true;
    faults->history->drops_hints = true;
    allocator->of_1000 = 1 + (unsigned)fault_draw(faults, REFUSED_MAX);
    allocator->least = fault_draw(faults, 2) == 0 ? LARGE : 0;
    fault_after(faults, at->length_us, allocate_all, at->node);
}

void fault_mend_memory(struct faults *faults, unsigned number)
{
    give_memory(faults, number);
    give_hints_room(faults, number);
    allocate_all(faults, number);
}
