/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/replication_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "model/replication_request.h"
#include "store/internal.h"

#define CLAIM_VERSION 5
#define PARTITIONS    2
#define KEY_PARTITION 1 /* the other is for world_use_another_key */
#define MARK_SLOTS    8 /* of a partition */

static const struct span key = {.data = (const uint8_t *)"key", .size = 3};

/* ---- the run ---- */

struct world *world_create(void)
{
    struct world *world = calloc(1, sizeof *world);

    ensure(world != NULL);
    for (unsigned node = 0; node < NODES_MAX; node++) {
        world->nodes[node].bounds = aligned_alloc(_Alignof(struct replica_bounds),
                                                  sizeof(struct replica_bounds));
        ensure(world->nodes[node].bounds != NULL);
        memset(world->nodes[node].bounds, 0, sizeof(struct replica_bounds));
    }
    return world;
}

static void drop_memory(struct node *node)
{
    if (node->replica.store != NULL)
        store_destroy(&node->replica.store);
    buffer_deinit(&node->replica.merged);
}

void world_destroy(struct world **world)
{
    for (unsigned node = 0; node < NODES_MAX; node++) {
        drop_memory(&(*world)->nodes[node]);
        free((*world)->nodes[node].bounds);
    }
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        operation_deinit(&(*world)->requests[i].operation);
    free(*world);
    *world = NULL;
}

/* The node's memory as it is after a start. */
static void start(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    struct replica_bounds *bounds = node->bounds;
    const struct store_options options = {
        .partitions = PARTITIONS, .seed = 1, .now_ms = world_now(world, index).wall_ms};

    drop_memory(node);
    atomic_store(&bounds->ahead_max_ms, INT64_C(1) << 40);
    bounds->ceiling_at_start = node->life > 0 ? atomic_load(&bounds->ceiling) : 0;
    atomic_store(&bounds->ledger.workers, 1);
    atomic_store(&bounds->ledger.uncompared, node->life > 0);
    ledger_publish(&bounds->ledger, 0, 0);
    for (unsigned other = 0; other < NODES_MAX; other++)
        atomic_store(&bounds->ledger.told[world_number(other)], 0);
    node->replica = (struct replica){
        .store = store_create(&options), .bounds = bounds, .self = world_number(index)};
    ensure(node->replica.store != NULL);
    node->replica.store->mark_slots_max = MARK_SLOTS;
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        struct partition *partition = store_partition(node->replica.store, i);
        partition->claim_version = CLAIM_VERSION;
        partition->eligible = true;
        partition->recovering = node->life > 0;
        partition->forgotten = bounds->ceiling_at_start;
    }
    node->partition = store_partition(node->replica.store, KEY_PARTITION);
    node->place = (struct place){.partition = KEY_PARTITION,
                                 .claim_version = CLAIM_VERSION,
                                 .hash = store_hash(node->replica.store, key),
                                 .key = key};
    node->up = true;
    node->requests_before = world->serial;
    node->hint_count = 0;
    node->shown = (struct copy){0};
    node->shown_mark = DOT_NONE;
    node->shown_floor = node->shown_settled = 0;
    node->shown_recovering = false;
}

void world_begin(struct world *world, struct configuration configuration, uint64_t seed,
                 bool narrates)
{
    world->configuration = configuration;
    world->narrates = narrates;
    world->event = 0;
    world->tempo = 1;
    world->serial = 0;
    rng_init(&world->rng, seed);
    checker_begin(&world->checker);
    world_mend_all(world);
    world->versions.count = world->questions.count = 0;
    world->claim = (struct ring_claim){.version = CLAIM_VERSION, .count = configuration.copies};
    for (unsigned i = 0; i < configuration.copies; i++)
        world->claim.nodes[i] = world_number(i);
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        request_drop(&world->requests[i]);
    for (unsigned i = 0; i < configuration.copies; i++) {
        struct node *node = &world->nodes[i];
        node->life = 0;
        node->clock_ms = 1 + world_any(world, 30);
        atomic_store(&node->bounds->ceiling, 0);
        start(world, i);
    }
}

unsigned world_any(struct world *world, unsigned bound)
{
    return (unsigned)rng_below(&world->rng, bound);
}

void world_say(struct world *world, const char *format, ...)
{
    va_list arguments;

    if (!world->narrates)
        return;
    printf("[%u] ", (unsigned)world->event);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

struct instant world_now(const struct world *world, unsigned node)
{
    return (struct instant){.wall_ms = CHECKER_START_MS + world->nodes[node].clock_ms +
                                       (int64_t)(world->event / world->tempo),
                            .mono_us = (int64_t)world->event};
}

node_number world_number(unsigned node)
{
    return (node_number)(node + 1);
}

/* ---- versions ---- */

struct copy copy_of(const struct version *version)
{
    struct copy copy = {.version = *version, .size = (uint8_t)version->value.size};

    ensure(version->value.size <= VALUE_MAX);
    if (copy.size > 0)
        memcpy(copy.value, version->value.data, copy.size);
    copy.version.value = span_of(NULL, 0);
    return copy;
}

struct version copy_version(const struct copy *copy)
{
    struct version version = copy->version;

    version.value = span_of(copy->value, copy->size);
    return version;
}

struct copy world_holds(const struct world *world, unsigned index)
{
    const struct node *node = &world->nodes[index];
    struct version version;
    struct copy copy = {0};

    partition_lock(node->partition);
    if (partition_get(node->partition, node->place.hash, key, &version))
        copy = copy_of(&version);
    partition_unlock(node->partition);
    return copy;
}

bool world_votes(const struct world *world, unsigned index)
{
    return partition_votes(world->nodes[index].partition);
}

/* ---- links ---- */

bool world_linked(const struct world *world, unsigned from, unsigned to)
{
    return !world->cut[from][to];
}

bool world_reaches(const struct world *world, unsigned from, unsigned to)
{
    return world_linked(world, from, to) && world_linked(world, to, from) &&
           world->nodes[from].up && world->nodes[to].up;
}

void world_cut_or_mend(struct world *world, unsigned from, unsigned to)
{
    world->cut[from][to] = !world->cut[from][to];
}

void world_mend_all(struct world *world)
{
    memset(world->cut, 0, sizeof world->cut);
}

/* ---- turns ---- */

void world_raise_ceiling(struct world *world, unsigned index, uint64_t stamp)
{
    struct node *node = &world->nodes[index];
    const uint64_t known[] = {stamp, node->replica.hlc.last, node->partition->last_stamp,
                              node->partition->floor, node->bounds->ceiling_at_start,
                              hlc_stamp(world_now(world, index).wall_ms)};
    uint64_t needed = 0;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] > needed)
            needed = known[i];
    needed++;
    if (needed > atomic_load(&node->bounds->ceiling))
        atomic_store(&node->bounds->ceiling, needed + world_any(world, 1 + world->stride_max));
}

/* Says what has changed at the node. */
static void narrate(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    const struct copy holds = world_holds(world, index);
    const struct dot mark = partition_mark(node->partition, node->place.hash, key);
    const struct partition *partition = node->partition;
    char dot[CHECKER_DOT_TEXT_MAX], marked[CHECKER_DOT_TEXT_MAX], floor[CHECKER_DOT_TEXT_MAX],
        settled[CHECKER_DOT_TEXT_MAX];

    if (dot_equal(holds.version.dot, node->shown.version.dot) &&
        dot_equal(mark, node->shown_mark) && partition->floor == node->shown_floor &&
        partition->settled == node->shown_settled &&
        partition->recovering == node->shown_recovering)
        return;
    node->shown = holds;
    node->shown_mark = mark;
    node->shown_floor = partition->floor;
    node->shown_settled = partition->settled;
    node->shown_recovering = partition->recovering;
    world_say(world, "    node %u has %s%s, mark %s, floor %s, settled %s%s",
              world_number(index), checker_dot_text(holds.version.dot, dot),
              version_exists(&holds.version) && holds.version.kind == VALUE_TOMBSTONE
                  ? ", a tombstone" : "",
              checker_dot_text(mark, marked),
              checker_dot_text((struct dot){.stamp = partition->floor}, floor),
              checker_dot_text((struct dot){.stamp = partition->settled}, settled),
              partition->recovering ? ", recovering" : "");
}

void world_end_turn(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    uint64_t bound = node->replica.hlc.last;

    for (unsigned i = 0; i < node->hint_count; i++)
        if (node->hints[i].copy.version.dot.stamp - 1 < bound)
            bound = node->hints[i].copy.version.dot.stamp - 1;
    for (unsigned i = 0; i < REQUESTS_MAX; i++) {
        const uint64_t stamp = request_owes(world, &world->requests[i], index);
        if (stamp - 1 < bound)
            bound = stamp - 1;
    }
    ledger_publish(&node->bounds->ledger, 0, bound);
    if (world->narrates && node->up)
        narrate(world, index);
}

/* ---- vanishing ---- */

/* What the node held before, and holds no more, has vanished. */
static void note_vanished(struct world *world, unsigned index, const struct copy *before,
                          const char *why)
{
    const struct copy after = world_holds(world, index);
    char text[CHECKER_DOT_TEXT_MAX];

    if (!version_exists(&before->version) || version_exists(&after.version))
        return;
    checker_gone(&world->checker, before->version.dot);
    world_say(world, "node %u: %s %s", world_number(index),
              checker_dot_text(before->version.dot, text), why);
}

void world_evict(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    const struct copy before = world_holds(world, index);

    partition_lock(node->partition);
    partition_vanish(node->partition, node->place.hash, key);
    partition_unlock(node->partition);
    note_vanished(world, index, &before, "is evicted");
}

void world_expire(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    const struct copy before = world_holds(world, index);

    partition_lock(node->partition);
    partition_expire(node->partition, world_now(world, index).wall_ms, UINT32_MAX);
    partition_unlock(node->partition);
    note_vanished(world, index, &before, "has expired");
}

/* Other keys vanish as well, until the key's mark is the oldest of too many (rule 5). */
void world_overflow(struct world *world, unsigned index)
{
    struct partition *partition = world->nodes[index].partition;
    const struct dot mark = partition_mark(partition, world->nodes[index].place.hash, key);

    partition_lock(partition);
    for (unsigned i = 0; i < MARK_SLOTS && dot_exists(mark); i++)
        partition_leave_mark(partition, ++world->serial * UINT64_C(0x9e3779b97f4a7c15), mark);
    partition_unlock(partition);
}

/* ---- settling ---- */

void world_hear(struct world *world, unsigned index, unsigned other)
{
    const struct replica_bounds *bounds = world->nodes[other].bounds;

    ledger_hear(&world->nodes[index].bounds->ledger, world_number(other),
                ledger_bound(&bounds->ledger, atomic_load(&bounds->ceiling)));
}

void world_settle(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    const uint64_t settled = ledger_settled(&node->bounds->ledger, &world->claim,
                                            world_number(index),
                                            atomic_load(&node->bounds->ceiling));

    partition_lock(node->partition);
    partition_settle(node->partition, settled, UINT32_MAX);
    partition_unlock(node->partition);
}

/* ---- clocks ---- */

/* Other keys share the clock and the ceiling of the node. */
void world_use_another_key(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    struct partition *partition = store_partition(node->replica.store, 1 - KEY_PARTITION);

    world_raise_ceiling(world, index, partition->last_stamp);
    partition_lock(partition);
    replica_stamp(&node->replica, world_now(world, index), partition, 0);
    partition_unlock(partition);
}

void world_run_clock(struct world *world, unsigned index)
{
    world->nodes[index].clock_ms += world_any(world, 3);
}

/* ---- crashes ---- */

void world_crash(struct world *world, unsigned index)
{
    world->nodes[index].up = false;
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        if (world->requests[i].used && world->requests[i].node == index)
            request_drop(&world->requests[i]);
    world_say(world, "node %u crashes", world_number(index));
}

void world_restart(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    char text[CHECKER_DOT_TEXT_MAX];

    node->life++;
    node->clock_ms = world_any(world, (unsigned)node->clock_ms + 1); /* it may have been set back */
    start(world, index);
    world_say(world, "node %u restarts, empty; its ceiling is %s", world_number(index),
              checker_dot_text((struct dot){.stamp = node->bounds->ceiling_at_start}, text));
}
