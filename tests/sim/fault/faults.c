/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/fault/faults.h"

#include <inttypes.h>

#include "base/memory.h"
#include "sim/fault/parts.h"

#define GAP_US_MAX    900000
#define LENGTH_US_MIN 20000
#define LENGTH_US_MAX 3000000

static void (*const beginnings[FAULT_COUNT])(struct faults *faults,
                                             const struct fault_place *at) = {
#define ROW(NAME, name, rate, of_12, begin, text) fault_##begin,
    FAULTS(ROW)
#undef ROW
};

/* A node that is not spared and not `other`. */
static unsigned draw_node(struct faults *faults, unsigned other)
{
    unsigned node;

    do
        node = 1 + (unsigned)fault_draw(faults, faults->world->settings.nodes);
    while (node == faults->spared || node == other);
    return node;
}

void faults_make(struct faults *faults, enum fault fault, unsigned node, unsigned other,
                 int64_t length_us)
{
    const struct fault_place at = {.node = node, .other = other, .length_us = length_us};

    world_trace(faults->world, "fault: %s %u %u for %" PRId64, fault_rows[fault].name, node, other,
                length_us);
    faults->made++;
    beginnings[fault](faults, &at);
}

static void next(void *object, uint64_t number)
{
    struct faults *faults = object;
    int fault = 0;

    (void)number;
    if (!faults->on)
        return;
    for (uint64_t at = fault_draw(faults, faults->rates); at >= faults->settings.rates[fault];
         fault++)
        at -= faults->settings.rates[fault];
    const unsigned node = draw_node(faults, 0);
    const unsigned other = draw_node(faults, node);
    const int64_t length_us = fault_draw_us(faults, LENGTH_US_MIN, LENGTH_US_MAX);
    faults_make(faults, (enum fault)fault, node, other, length_us);
    fault_after(faults, fault_draw_us(faults, 0, GAP_US_MAX), next, 0);
}

void faults_begin(struct faults *faults)
{
    faults->on = faults->rates != 0 && faults->world->settings.nodes >= 3;
    next(faults, 0);
}

void faults_end(struct faults *faults)
{
    world_trace(faults->world, "faults end");
    faults->on = false;
    fault_mend_net(faults);
    for (unsigned node = 1; node <= faults->world->settings.nodes; node++) {
        fault_mend_disk(faults, node);
        fault_mend_process(faults, node);
        fault_mend_clock(faults, node);
        fault_mend_memory(faults, node);
    }
}

uint64_t faults_made(const struct faults *faults)
{
    return faults->made;
}

static const struct options *cramped_options(const struct world *world)
{
    struct world_settings settings = world->settings;

    settings.hint_bytes = 1;
    return world_options(&settings, 1);
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
    faults->cramped = cramped_options(world);
    rng_init(&faults->rng, world->settings.seed ^ UINT64_C(0xfa17));
    faults->forgetful_max = level_needed(world->settings.write_level, copies) - 1;
    if (fault_draw(faults, 3) > 0)
        faults->spared = 1 + (unsigned)fault_draw(faults, world->settings.nodes);
    history->vanishes |= world->settings.memory_bytes > 0;
    history->bounded = world->settings.memory_bytes > 0;
    history->drops_hints = world->settings.hint_bytes > 0;
    return faults;
}

void faults_destroy(struct faults **faults)
{
    options_release(&(*faults)->cramped);
    for (int i = 0; i < FAULT_DELAYS; i++)
        delay_destroy(&(*faults)->delays[i]);
    memory_free(*faults);
    *faults = NULL;
}
