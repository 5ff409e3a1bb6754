/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/replication_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/rule.h"
#include "model/replication_engine.h"
#include "model/replication_network.h"
#include "model/replication_request.h"
#include "store/internal.h"

#define CLAIM_VERSION 5
#define MARK_SLOTS    8 /* of a partition */

static const char *const ack_names[] = {"kept", "NEWER",   "STALE_CLAIM", "FORGETFUL",
                                        "FULL", "TOO_FAR", "CEILING",     "HELD"};

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
    world->fixture = engine_fixture_create(world);
    return world;
}

static void stop(struct node *node)
{
    world_engine_stop(node);
    if (node->store != NULL)
        store_destroy(&node->store);
}

void world_destroy(struct world **world)
{
    struct world *w = *world;

    network_clear(&w->versions);
    network_clear(&w->questions);
    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++)
        operation_deinit(&w->requests[i].operation);
    for (unsigned node = 0; node < NODES_MAX; node++) {
        stop(&w->nodes[node]);
        free(w->nodes[node].bounds);
    }
    if (w->ring != NULL)
        ring_release(&w->ring);
    engine_fixture_destroy(&w->fixture);
    free(w);
    *world = NULL;
}

/* A ring of one partition, which all nodes keep. */
static struct ring *form(unsigned copies)
{
    struct ring_member members[NODES_MAX] = {0};
    struct ring_claim claim = {.version = CLAIM_VERSION, .count = (uint16_t)copies};
    char error[RING_ERROR_MAX];

    for (unsigned i = 0; i < copies; i++) {
        members[i].identity.bytes[0] = (uint8_t)(i + 1);
        members[i].number = claim.nodes[i] = world_number(i);
        members[i].weight = 1;
    }
    const struct ring_draft draft = {.identity = {.bytes = {1}},
                                     .version = CLAIM_VERSION,
                                     .partition_count = 1,
                                     .last_number = world_number(copies - 1),
                                     .base = {.replicas = copies},
                                     .members = members,
                                     .member_count = copies,
                                     .claims = &claim};
    struct ring *ring = ring_create(&draft, error);
    ensure(ring != NULL);
    return ring;
}

/* The header of the only partition: a node that was there before has forgotten. */
static void start_partition(struct node *node)
{
    struct replica_bounds *bounds = node->bounds;
    const bool forgot = node->life > 0;

    node->partition = store_partition(node->store, 0);
    node->partition->claim_version = CLAIM_VERSION;
    node->partition->eligible = true;
    node->partition->recovering = forgot;
    node->partition->forgotten = bounds->ceiling_at_start;
    atomic_store(&bounds->ledger.uncompared, RULE(17) && forgot);
    node->place = (struct place){
        .claim_version = CLAIM_VERSION, .hash = store_hash(node->store, key), .key = key};
}

/* The node's memory as it is after a start. */
static void start(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    struct replica_bounds *bounds = node->bounds;
    const struct store_options options = {
        .partitions = 1, .seed = 1, .now_ms = world_now(world, index).wall_ms};

    stop(node);
    atomic_store(&bounds->ahead_max_ms, INT64_C(1) << 40);
    bounds->ceiling_at_start = node->life > 0 && RULE(18) ? atomic_load(&bounds->ceiling) : 0;
    atomic_store(&bounds->ledger.workers, 1);
    ledger_publish(&bounds->ledger, 0, 0);
    for (unsigned other = 0; other < NODES_MAX; other++)
        atomic_store(&bounds->ledger.told[world_number(other)], 0);
    node->store = store_create(&options);
    ensure(node->store != NULL);
    node->store->mark_slots_max = MARK_SLOTS;
    start_partition(node);
    world_engine_start(world, index);
    node->replica = world_engine_replica(node);
    node->up = true;
    node->lost = node->life > 0;
    node->requests_before = world->serial;
    node->shown = (struct copy){0};
    node->held = node->shown_mark = DOT_NONE;
    node->evicted = 0;
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
    world->compares = true;
    world->serial = 0;
    rng_init(&world->rng, seed);
    checker_begin(&world->checker);
    world_mend_all(world);
    network_clear(&world->versions);
    network_clear(&world->questions);
    if (world->ring != NULL)
        ring_release(&world->ring);
    world->ring = form(configuration.copies);
    world_engine_bound_hints(world, UINT64_MAX, INT64_MAX);
    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++)
        world_request_drop(&world->requests[i]);
    for (unsigned i = 0; i < NODES_MAX; i++)
        stop(&world->nodes[i]);
    for (unsigned i = 0; i < configuration.copies; i++) {
        struct node *node = &world->nodes[i];
        node->life = 0;
        node->clock_ms = 1 + world_any(world, 30);
        node->mono_us = 0;
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
                            .mono_us = world->nodes[node].mono_us};
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
    const uint64_t known[] = {stamp,
                              node->replica->hlc.last,
                              node->partition->last_stamp,
                              node->partition->floor,
                              node->bounds->ceiling_at_start,
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
    world_say(world, "    node %u has %s%s, mark %s, floor %s, settled %s%s", world_number(index),
              checker_dot_text(holds.version.dot, dot),
              version_exists(&holds.version) && holds.version.kind == VALUE_TOMBSTONE
                  ? ", a tombstone"
                  : "",
              checker_dot_text(mark, marked),
              checker_dot_text((struct dot){.stamp = partition->floor}, floor),
              checker_dot_text((struct dot){.stamp = partition->settled}, settled),
              partition->recovering ? ", recovering" : "");
}

void world_end_turn(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    uint64_t lowest = world_engine_owes(node);

    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++) {
        const uint64_t stamp = world_request_owes(&world->requests[i], index);
        if (stamp != 0 && stamp < lowest)
            lowest = stamp;
    }
    ledger_publish(&node->bounds->ledger, 0,
                   lowest <= node->replica->hlc.last ? lowest - 1 : node->replica->hlc.last);
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

struct offered world_offer(struct world *world, unsigned index, unsigned from, struct dot over,
                           const struct version *version, const char *what)
{
    struct node *node = &world->nodes[index];
    const struct copy before = world_holds(world, index);
    char text[CHECKER_DOT_TEXT_MAX];

    world_raise_ceiling(world, index, version->dot.stamp);
    const struct offered offered = replica_offer(node->replica, world_now(world, index),
                                                 &node->place, over, version);
    world_say(world, "node %u is offered %s by node %u (%s): %s", world_number(index),
              checker_dot_text(version->dot, text), world_number(from), what,
              ack_names[offered.status]);
    if (offered.status == ACK_FULL)
        checker_gone(&world->checker, version->dot);
    note_vanished(world, index, &before, "gave way");
    return offered;
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

/* A bound below what is there lets nothing in, one little above it takes what little is there. */
void world_squeeze(struct world *world, unsigned index)
{
    struct store *store = world->nodes[index].store;
    const uint64_t used = store_memory_used(store);
    const uint64_t bounds[] = {0, 0, 1, used / 2 + 1, used + world_any(world, 2048)};
    const uint64_t bound = bounds[world_any(world, sizeof bounds / sizeof bounds[0])];

    store_set_policy(store, world_any(world, 2) == 0 ? STORE_NOEVICTION : STORE_ALLKEYS_CLOCK);
    store_set_memory_max(store, bound);
    world_say(world, "node %u: memory is bounded by %u", world_number(index), (unsigned)bound);
}

void world_note_room_made(struct world *world, unsigned index)
{
    const struct node *node = &world->nodes[index];
    struct version version;

    if (!partition_get(node->partition, node->place.hash, key, &version))
        checker_gone(&world->checker, node->held);
}

/* What went to make room was here, or has left a mark, or raised the floor. A recovery's find that
 * found no room may have left none of these: it was what is promised, or older. */
static void note_full(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    const struct dot holds = world_holds(world, index).version.dot;

    if (!dot_exists(holds)) {
        if (node->partition->evicted_total != node->evicted)
            checker_gone(&world->checker, world->checker.promise.kept);
        checker_gone(&world->checker, node->held);
        checker_gone(&world->checker, partition_mark(node->partition, node->place.hash, key));
    }
    checker_gone(&world->checker, (struct dot){.stamp = node->partition->floor});
    node->held = holds;
    node->evicted = node->partition->evicted_total;
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
    const uint64_t settled = ledger_settled(&node->bounds->ledger, ring_claim(world->ring, 0),
                                            world_number(index),
                                            atomic_load(&node->bounds->ceiling));

    partition_lock(node->partition);
    replica_settle(node->partition, settled, UINT32_MAX);
    partition_unlock(node->partition);
}

/* ---- clocks ---- */

/* Other keys share the clock and the ceiling of the node. */
void world_use_another_key(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];

    world_raise_ceiling(world, index, 0);
    hlc_tick(&node->replica->hlc, world_now(world, index).wall_ms, node->bounds->ceiling_at_start);
    world_raise_ceiling(world, index, node->replica->hlc.last);
}

void world_run_clock(struct world *world, unsigned index)
{
    world->nodes[index].clock_ms += world_any(world, 3);
}

/* ---- promises ---- */

void world_judge(struct world *world)
{
    const struct configuration configuration = world->configuration;
    unsigned forgetful = 0, lost = 0, voting = 0, voids = 0;

    for (unsigned i = 0; i < configuration.copies; i++) {
        struct node *node = &world->nodes[i];
        node->lost = node->lost && node->partition->recovering;
        if (configuration.runs_full && node->up)
            note_full(world, i);
        forgetful += !node->up || node->partition->recovering;
        lost += !node->up || node->lost;
        if (!node->up || node->partition->recovering)
            continue;
        voting++;
        checker_settled(&world->checker, node->partition->settled);
    }
    voids |= forgetful >= configuration.write ? VOID_ACKNOWLEDGED : 0;
    voids |= lost >= configuration.write ? VOID_KEPT : 0;
    voids |= voting == 0 ? VOID_FIRM : 0;
    if (voids == 0)
        return;
    checker_void(&world->checker, voids);
    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++) {
        struct world_request *request = &world->requests[i];
        checker_void_promise(&request->before, voids);
        request->voids |= voids;
    }
}

/* ---- crashes ---- */

void world_crash(struct world *world, unsigned index)
{
    world->nodes[index].up = false;
    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++)
        if (world->requests[i].used && world->requests[i].node == index)
            world_request_drop(&world->requests[i]);
    world_say(world, "node %u crashes", world_number(index));
}

void world_restart(struct world *world, unsigned index)
{
    struct node *node = &world->nodes[index];
    char text[CHECKER_DOT_TEXT_MAX];

    node->life++;
    node->clock_ms = world_any(world, (unsigned)node->clock_ms + 1); /* it may have been set back */
    start(world, index);
    for (unsigned other = 0; other < world->configuration.copies; other++)
        if (other != index && world->nodes[other].up)
            world_engine_lose(world, other, index);
    world_say(world, "node %u restarts, empty; its ceiling is %s", world_number(index),
              checker_dot_text((struct dot){.stamp = node->bounds->ceiling_at_start}, text));
}
