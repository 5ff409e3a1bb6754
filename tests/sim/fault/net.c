/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults of the network: links that break, are blocked or clogged, and lines that lose datagrams,
 * double them, or let them wait.
 */
#include "base/assert.h"
#include "sim/fault/parts.h"

#define FLAP_US_MIN 10000
#define FLAP_US_MAX 500000
/* From what a few requests a second need to what all of the load does. */
#define CLOG_BYTES_S_MIN 2000
#define CLOG_BYTES_S_MAX 200000
#define SLOW_US_MAX      400000
#define LOSS_MAX         90

/* ---- links ---- */

static void break_between(struct faults *faults, unsigned a, unsigned b)
{
    for (struct sim_connection *c = faults->world->connections; c != NULL; c = c->next)
        if ((c->nodes[0] == a && c->nodes[1] == b) || (c->nodes[0] == b && c->nodes[1] == a))
            if (fault_draw(faults, 3) > 0)
                net_break(c);
}

void fault_break(struct faults *faults, const struct fault_place *at)
{
    break_between(faults, at->node, at->other);
}

static void unblock(void *object, uint64_t number)
{
    struct faults *faults = object;
    const unsigned from = (unsigned)(number >> 8);
    const unsigned to = (unsigned)(number & 255);

    /* A connection that was silent for long may have been given up. */
    if (faults->world->routes[from][to].blocked && fault_draw(faults, 2) == 0)
        break_between(faults, from, to);
    net_block(faults->world, from, to, false);
}

static void block(struct faults *faults, unsigned from, unsigned to, int64_t length_us)
{
    net_block(faults->world, from, to, true);
    fault_after(faults, length_us, unblock, fault_pair(from, to));
}

void fault_one_way(struct faults *faults, const struct fault_place *at)
{
    block(faults, at->node, at->other, at->length_us);
}

void fault_partition(struct faults *faults, const struct fault_place *at)
{
    block(faults, at->node, at->other, at->length_us);
    block(faults, at->other, at->node, at->length_us);
}

void fault_isolate(struct faults *faults, const struct fault_place *at)
{
    for (unsigned other = 1; other <= faults->world->settings.nodes; other++) {
        if (other == at->node || other == faults->spared)
            continue;
        block(faults, at->node, other, at->length_us);
        block(faults, other, at->node, at->length_us);
    }
}

/* Opens what is closed, or closes what is open, and comes again until the time is over. */
static void flap(void *object, uint64_t number)
{
    struct faults *faults = object;
    struct world *world = faults->world;
    const unsigned a = (unsigned)(number >> 8);
    const unsigned b = (unsigned)(number & 255);
    const bool goes_on = faults->on && world->now_us < faults->flap_us[a][b];
    const bool blocked = goes_on && !world->routes[a][b].blocked;

    if (!faults->on)
        return;
    net_block(world, a, b, blocked);
    net_block(world, b, a, blocked);
    if (goes_on)
        fault_after(faults, fault_draw_us(faults, FLAP_US_MIN, FLAP_US_MAX), flap, number);
}

void fault_flap(struct faults *faults, const struct fault_place *at)
{
    const unsigned a = at->node < at->other ? at->node : at->other;
    const unsigned b = at->node < at->other ? at->other : at->node;
    int64_t *until_us = &faults->flap_us[a][b];
    const bool flaps = faults->world->now_us < *until_us;

    *until_us = faults->world->now_us + at->length_us;
    if (!flaps)
        flap(faults, fault_pair(a, b));
}

static void unclog(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->routes[number >> 8][number & 255].bytes_s = 0;
}

/* Both ways, or one way only. */
void fault_clog(struct faults *faults, const struct fault_place *at)
{
    const unsigned bytes_s = (unsigned)fault_draw_us(faults, CLOG_BYTES_S_MIN, CLOG_BYTES_S_MAX);
    const bool both = fault_draw(faults, 2) == 0;

    faults->world->routes[at->node][at->other].bytes_s = bytes_s;
    fault_after(faults, at->length_us, unclog, fault_pair(at->node, at->other));
    if (!both)
        return;
    faults->world->routes[at->other][at->node].bytes_s = bytes_s;
    fault_after(faults, at->length_us, unclog, fault_pair(at->other, at->node));
}

/* ---- lines ---- */

static void quicken(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->lines[number].slow_us = 0;
}

void fault_slow(struct faults *faults, const struct fault_place *at)
{
    faults->world->lines[at->node].slow_us = fault_draw_us(faults, 1, SLOW_US_MAX);
    fault_after(faults, at->length_us, quicken, at->node);
}

/* A fast disk and a slow one, as LinkedIn measured them (Bailis et al., VLDB 2012, table 3); a line
 * that is far, one with few long waits, one with many. */
static const char *const delay_texts[FAULT_DELAYS] = {
    "pareto(0.235,10):0.9122+exp(1.66):0.0878",
    "pareto(1.05,1.51):0.9122+exp(0.183):0.0878",
    "uniform(30,50)",
    "const(1):0.99+uniform(200,1500):0.01",
    "exp(0.02)",
};

/* One is made when it is drawn first. */
static const struct delay *draw_delay(struct faults *faults)
{
    const size_t i = fault_draw(faults, FAULT_DELAYS);
    char error[DELAY_ERROR_MAX];

    if (faults->delays[i] == NULL)
        faults->delays[i] = delay_create(delay_texts[i], error);
    ensure(faults->delays[i] != NULL);
    return faults->delays[i];
}

static void end_delay(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->lines[number].delay = NULL;
}

void fault_delay(struct faults *faults, const struct fault_place *at)
{
    const struct delay *delay = draw_delay(faults);

    world_trace(faults->world, "%u sends with %s", at->node, delay_text(delay));
    faults->world->lines[at->node].delay = delay;
    fault_after(faults, at->length_us, end_delay, at->node);
}

static void lose_none(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->lines[number].loss_percent = 0;
}

void fault_loss(struct faults *faults, const struct fault_place *at)
{
    faults->world->lines[at->node].loss_percent = 1 + (unsigned)fault_draw(faults, LOSS_MAX);
    fault_after(faults, at->length_us, lose_none, at->node);
}

static void double_none(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->lines[number].double_percent = 0;
}

void fault_duplicate(struct faults *faults, const struct fault_place *at)
{
    faults->world->lines[at->node].double_percent = 1 + (unsigned)fault_draw(faults, 100);
    fault_after(faults, at->length_us, double_none, at->node);
}

static void order_all(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->lines[number].late_percent = 0;
}

void fault_reorder(struct faults *faults, const struct fault_place *at)
{
    faults->world->lines[at->node].late_percent = 1 + (unsigned)fault_draw(faults, 100);
    fault_after(faults, at->length_us, order_all, at->node);
}

void fault_mend_net(struct faults *faults)
{
    struct world *world = faults->world;

    for (unsigned from = 1; from <= world->settings.nodes; from++) {
        world->lines[from] = (struct world_line){.slow_us = 0};
        for (unsigned to = 1; to <= world->settings.nodes; to++) {
            net_block(world, from, to, false);
            world->routes[from][to].bytes_s = 0;
        }
    }
}
