/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/fault/faults.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/rng.h"
#include "sim/world/net.h"
#include "sim/world/node.h"

#define GAP_US_MAX     900000
#define LENGTH_US_MIN  20000
#define LENGTH_US_MAX  3000000
#define SLOW_US_MAX    400000
#define SKEW_MS_MAX    5000
#define DRIFT_PPM_MAX  500
#define RESTART_US_MIN 300000
#define LOSS_MAX       90
#define KILL_US_MAX    500000
/* A ceiling is good for some seconds. */
#define DISK_TIMES      3
#define AMNESTY_STEP_US 20000
#define EVICT_GAP_US    30000
/* Of one partition, in one go. */
#define VICTIMS_MAX 64

struct faults {
    struct world *world;
    struct rng rng;
    struct fault_settings settings;
    unsigned rates;  /* their sum */
    unsigned spared; /* a node, 0: none */
    struct history *history;
    unsigned forgetful_max;
    unsigned skewed;                      /* the one whose clock is out of line, 0: none */
    uint64_t forced[WORLD_NODES_MAX + 1]; /* by node, as counted last */
    bool on;
    uint64_t made;
};

static uint64_t draw(struct faults *faults, uint64_t bound)
{
    return rng_below(&faults->rng, bound);
}

static int64_t draw_length_us(struct faults *faults)
{
    return LENGTH_US_MIN + (int64_t)draw(faults, LENGTH_US_MAX - LENGTH_US_MIN);
}

/* A node that is not spared and not `other`. */
static unsigned draw_node(struct faults *faults, unsigned other)
{
    unsigned node;

    do
        node = 1 + (unsigned)draw(faults, faults->world->settings.nodes);
    while (node == faults->spared || node == other);
    return node;
}

static void after(struct faults *faults, int64_t delay_us,
                  void (*fire)(void *object, uint64_t number), uint64_t number)
{
    world_after(faults->world, delay_us, fire, faults, number);
}

/* ---- connections ---- */

static void break_between(struct faults *faults, unsigned a, unsigned b)
{
    for (struct sim_connection *c = faults->world->connections; c != NULL; c = c->next)
        if ((c->nodes[0] == a && c->nodes[1] == b) || (c->nodes[0] == b && c->nodes[1] == a))
            if (draw(faults, 3) > 0)
                net_break(c);
}

static void unblock(void *object, uint64_t number)
{
    struct faults *faults = object;
    const unsigned from = (unsigned)number / 100;
    const unsigned to = (unsigned)number % 100;

    /* A connection that was silent for long may have been given up. */
    if (faults->world->blocked[from][to] && draw(faults, 2) == 0)
        break_between(faults, from, to);
    net_block(faults->world, from, to, false);
}

static void block(struct faults *faults, unsigned from, unsigned to, int64_t length_us)
{
    net_block(faults->world, from, to, true);
    after(faults, length_us, unblock, from * 100 + to);
}

static void isolate(struct faults *faults, unsigned node, int64_t length_us)
{
    for (unsigned other = 1; other <= faults->world->settings.nodes; other++) {
        if (other == node || other == faults->spared)
            continue;
        block(faults, node, other, length_us);
        block(faults, other, node, length_us);
    }
}

/* ---- nodes ---- */

static void resume(void *object, uint64_t number)
{
    struct faults *faults = object;

    sim_node_resume(faults->world->nodes[number]);
}

static void quicken(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->slow_us[number] = 0;
}

static void set_clock(struct faults *faults, unsigned node)
{
    /* The median of the nodes that are in line is off by at most half of the skew. */
    const int64_t skew_us = faults->world->options->max_clock_skew_ms * 1000;
    const int64_t off_us = (int64_t)draw(faults, (uint64_t)skew_us) - skew_us / 2;
    const int64_t drift_ppm = (int64_t)draw(faults, 2 * DRIFT_PPM_MAX) - DRIFT_PPM_MAX;

    sim_node_set_clock(faults->world->nodes[node], off_us, drift_ppm);
}

static void mend_clock(void *object, uint64_t number)
{
    struct faults *faults = object;

    sim_node_set_clock(faults->world->nodes[number], 0, 0);
    if (faults->skewed == number)
        faults->skewed = 0;
}

static void skew(struct faults *faults, unsigned node, int64_t length_us)
{
    const int64_t least_us = faults->world->options->max_clock_skew_ms * 1000;
    const int64_t off_us = least_us + (int64_t)draw(faults, SKEW_MS_MAX * 1000);

    if (faults->skewed != 0)
        return; /* two could be the median */
    faults->skewed = node;
    sim_node_set_clock(faults->world->nodes[node], draw(faults, 2) == 0 ? off_us : -off_us, 0);
    after(faults, length_us, mend_clock, node);
}

static void start_again(void *object, uint64_t number)
{
    struct faults *faults = object;

    if (!sim_node_runs(faults->world->nodes[number]))
        sim_node_start(faults->world->nodes[number], true);
}

static unsigned count_forgetful(const struct faults *faults)
{
    unsigned count = 0;

    for (unsigned i = 1; i <= faults->world->settings.nodes; i++)
        count += sim_node_forgetful(faults->world->nodes[i]);
    return count;
}

static bool is_forgetful(const struct sim_node *node, uint32_t partition)
{
    return sim_node_ring(node) == NULL || store_partition(node->store, partition)->recovering;
}

/* Whether what the node had of a partition is lost already. Who was only told that it missed writes
 * still has all that it acknowledged. */
static bool is_lost(const struct sim_node *node, uint32_t partition)
{
    return is_forgetful(node, partition) && sim_node_ring(node) != NULL &&
           store_partition(node->store, partition)->forgotten > 0;
}

static unsigned count_forgetful_others(const struct faults *faults, const struct sim_node *node,
                                       const struct ring_claim *claim, uint32_t partition)
{
    unsigned count = 0;

    for (unsigned i = 0; i < claim->count; i++)
        if (claim->nodes[i] != node->number)
            count += is_forgetful(faults->world->nodes[claim->nodes[i]], partition);
    return count;
}

/* Whether no partition is forgotten by more replicas than the promises stand for, when the node
 * forgets all. What it has lost it may lose again and again. */
static bool may_forget(const struct faults *faults, const struct sim_node *node)
{
    const struct ring *ring = sim_node_ring(node);

    if (ring == NULL)
        return count_forgetful(faults) < faults->forgetful_max;
    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        if (ring_claim_index(claim, (node_number)node->number) >= 0 && !is_lost(node, p) &&
            count_forgetful_others(faults, node, claim, p) >= faults->forgetful_max)
            return false;
    }
    return true;
}

static void restart(struct faults *faults, unsigned number, int64_t length_us)
{
    struct sim_node *node = faults->world->nodes[number];

    if (!sim_node_runs(node) || !may_forget(faults, node))
        return;
    sim_node_kill(node);
    after(faults, RESTART_US_MIN + length_us, start_again, number);
}

/* ---- all nodes ---- */

bool faults_amnesty(const struct faults *faults)
{
    const size_t count = faults->history->amnesty_count;

    return count > 0 && faults->history->amnesties[count - 1].to_us == HISTORY_NEVER_US;
}

/* The promises stand again once all nodes vote. */
static void end_amnesty(void *object, uint64_t number)
{
    struct faults *faults = object;
    struct history *history = faults->history;

    if (count_forgetful(faults) > 0) {
        after(faults, AMNESTY_STEP_US, end_amnesty, number);
        return;
    }
    history->amnesties[history->amnesty_count - 1].to_us = faults->world->now_us;
    world_trace(faults->world, "all nodes vote again");
}

static void kill_one(void *object, uint64_t number)
{
    struct faults *faults = object;

    if (!faults->on)
        return;
    sim_node_kill(faults->world->nodes[number]);
    after(faults, RESTART_US_MIN + draw_length_us(faults) / 2, start_again, number);
}

/* Half of the time not quite at the same moment. */
static void restart_all(struct faults *faults)
{
    struct history *history = faults->history;
    const bool at_once = draw(faults, 2) == 0;

    if (faults_amnesty(faults) || history->amnesty_count == AMNESTIES_MAX)
        return;
    history->amnesties[history->amnesty_count++] = (struct amnesty){
        .from_us = faults->world->now_us, .to_us = HISTORY_NEVER_US};
    for (unsigned i = 1; i <= faults->world->settings.nodes; i++)
        if (at_once)
            kill_one(faults, i);
        else
            after(faults, (int64_t)draw(faults, KILL_US_MAX), kill_one, i);
    after(faults, KILL_US_MAX + AMNESTY_STEP_US, end_amnesty, 0);
}

/* Whether the node has recovered a partition from too few voters since it was asked last. */
static bool was_forced(struct faults *faults, unsigned number)
{
    const struct sim_node *node = faults->world->nodes[number];
    const uint64_t forced = atomic_load_explicit(&node->bounds.recovery.forced,
                                                 memory_order_relaxed);
    const bool more = forced > faults->forced[number];

    faults->forced[number] = forced;
    return more;
}

void faults_note_forced(struct faults *faults, int64_t before_us)
{
    struct history *history = faults->history;
    const int64_t now_us = faults->world->now_us;
    bool forced = false;

    for (unsigned i = 1; i <= faults->world->settings.nodes; i++)
        forced |= was_forced(faults, i);
    if (!forced || faults_amnesty(faults))
        return;
    struct amnesty *last = history->amnesty_count > 0
                               ? &history->amnesties[history->amnesty_count - 1]
                               : NULL;
    if (last != NULL && (last->to_us >= before_us || history->amnesty_count == AMNESTIES_MAX))
        last->to_us = now_us;
    else
        history->amnesties[history->amnesty_count++] = (struct amnesty){.from_us = before_us,
                                                                        .to_us = now_us};
}

/* ---- memory ---- */

static void give_memory(void *object, uint64_t number)
{
    struct faults *faults = object;

    if (sim_node_runs(faults->world->nodes[number]))
        store_set_memory_max(faults->world->nodes[number]->store,
                             faults->world->settings.memory_bytes);
}

static void take_memory(struct faults *faults, unsigned number, int64_t length_us)
{
    struct sim_node *node = faults->world->nodes[number];

    if (!sim_node_runs(node))
        return;
    faults->history->vanishes = true; /* what a full store refuses, it holds no older version of */
    store_set_memory_max(node->store, 1);
    after(faults, length_us, give_memory, number);
}

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
        draw(victims->faults, 100) >= victims->of_100)
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
    struct sim_node *node = faults->world->nodes[number % 100];
    const unsigned of_100 = (unsigned)(number / 100 % 1000);
    const uint64_t left = number / 100000;

    if (!sim_node_runs(node) || !faults->on)
        return;
    for (uint32_t p = 0; p < store_partitions(node->store); p++)
        evict_some(faults, store_partition(node->store, p), of_100);
    if (left > 0)
        after(faults, EVICT_GAP_US, evict, number - 100000);
}

/* All at once, or many little by little. */
static void begin_evicting(struct faults *faults, unsigned node, int64_t length_us)
{
    const uint64_t times = (uint64_t)(length_us / EVICT_GAP_US);

    faults->history->vanishes = true;
    if (draw(faults, 3) == 0)
        evict(faults, 100 * 100 + node);
    else
        evict(faults, times * 100000 + (1 + draw(faults, 20)) * 100 + node);
}

static void lose_none(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->loss_percent[number] = 0;
}

static void free_disk(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->nodes[number]->disk_full = false;
}

/* ---- one by one ---- */

static void make(struct faults *faults, enum fault fault)
{
    const unsigned node = draw_node(faults, 0);
    const unsigned other = draw_node(faults, node);
    const int64_t length_us = draw_length_us(faults);

    world_trace(faults->world, "fault: %s %u %u for %" PRId64, fault_rows[fault].name, node, other,
                length_us);
    faults->made++;
    switch (fault) {
    case FAULT_BREAK:
        break_between(faults, node, other);
        break;
    case FAULT_PARTITION:
        block(faults, node, other, length_us);
        block(faults, other, node, length_us);
        break;
    case FAULT_ONE_WAY:
        block(faults, node, other, length_us);
        break;
    case FAULT_ISOLATE:
        isolate(faults, node, length_us);
        break;
    case FAULT_PAUSE:
        sim_node_pause(faults->world->nodes[node]);
        after(faults, length_us, resume, node);
        break;
    case FAULT_SLOW:
        faults->world->slow_us[node] = (int64_t)draw(faults, SLOW_US_MAX);
        after(faults, length_us, quicken, node);
        break;
    case FAULT_CLOCK:
        if (faults->skewed != node)
            set_clock(faults, node);
        break;
    case FAULT_SKEW:
        skew(faults, node, length_us);
        break;
    case FAULT_RESTART:
        restart(faults, node, length_us);
        break;
    case FAULT_ALL_RESTART:
        restart_all(faults);
        break;
    case FAULT_MEMORY:
        take_memory(faults, node, length_us);
        break;
    case FAULT_EVICT:
        begin_evicting(faults, node, length_us);
        break;
    case FAULT_LOSS:
        faults->world->loss_percent[node] = 1 + (unsigned)draw(faults, LOSS_MAX);
        after(faults, length_us, lose_none, node);
        break;
    case FAULT_DISK:
        faults->world->nodes[node]->disk_full = true;
        after(faults, DISK_TIMES * length_us, free_disk, node);
        break;
    case FAULT_COUNT:
        break;
    }
}

static void next(void *object, uint64_t number)
{
    struct faults *faults = object;
    int fault = 0;

    (void)number;
    if (!faults->on)
        return;
    for (uint64_t at = draw(faults, faults->rates); at >= faults->settings.rates[fault]; fault++)
        at -= faults->settings.rates[fault];
    make(faults, (enum fault)fault);
    after(faults, (int64_t)draw(faults, GAP_US_MAX), next, 0);
}

void faults_begin(struct faults *faults)
{
    faults->on = faults->rates != 0 && faults->world->settings.nodes >= 3;
    next(faults, 0);
}

void faults_end(struct faults *faults)
{
    struct world *world = faults->world;

    world_trace(world, "faults end");
    faults->on = false;
    for (unsigned node = 1; node <= world->settings.nodes; node++) {
        for (unsigned other = 1; other <= world->settings.nodes; other++)
            net_block(world, node, other, false);
        start_again(faults, node);
        sim_node_resume(world->nodes[node]);
        world->slow_us[node] = 0;
        mend_clock(faults, node);
        give_memory(faults, node);
        lose_none(faults, node);
        free_disk(faults, node);
    }
}

uint64_t faults_made(const struct faults *faults)
{
    return faults->made;
}

struct faults *faults_create(struct world *world, const struct fault_settings *settings,
                             struct history *history)
{
    struct faults *faults = memory_alloc(sizeof *faults);
    const unsigned copies = world->settings.replicas < world->settings.nodes
                                ? world->settings.replicas
                                : world->settings.nodes;

    faults->world = world;
    faults->settings = *settings;
    for (int fault = 0; fault < FAULT_COUNT; fault++)
        faults->rates += settings->rates[fault];
    faults->history = history;
    rng_init(&faults->rng, world->settings.seed ^ UINT64_C(0xfa17));
    faults->forgetful_max = level_needed(world->settings.write_level, copies) - 1;
    if (draw(faults, 3) > 0)
        faults->spared = 1 + (unsigned)draw(faults, world->settings.nodes);
    history->vanishes |= world->settings.memory_bytes > 0;
    return faults;
}

void faults_destroy(struct faults **faults)
{
    memory_free(*faults);
    *faults = NULL;
}
