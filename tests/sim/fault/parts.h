/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the faults are made of, for their own files and for nobody else.
 */
#ifndef DUNLIN_TESTS_SIM_FAULT_PARTS_H
#define DUNLIN_TESTS_SIM_FAULT_PARTS_H

#include "base/rng.h"
#include "sim/fault/faults.h"
#include "sim/world/delay.h"
#include "sim/world/node.h"

/* Distributions that a line may have. */
#define FAULT_DELAYS 5
/* A killed process is gone for that long at least. */
#define RESTART_US_MIN 300000

struct faults {
    struct world *world;
    struct rng rng;
    struct fault_settings settings;
    unsigned rates;  /* their sum */
    unsigned spared; /* a node, 0: none */
    bool on;
    uint64_t made;

    /* What the promises stand for. */
    struct history *history;
    unsigned forgetful_max;
    uint64_t forced[WORLD_NODES_MAX + 1]; /* by node, as counted last */
    bool doomed[WORLD_NODES_MAX + 1];     /* will be killed in its next write */
    unsigned skewed;                      /* the one whose clock is out of line, 0: none */

    /* Until when they go on. */
    int64_t flap_us[WORLD_NODES_MAX + 1][WORLD_NODES_MAX + 1]; /* the lower number first */
    int64_t jump_us[WORLD_NODES_MAX + 1];
    int64_t torn_us[WORLD_NODES_MAX + 1];

    struct delay *delays[FAULT_DELAYS]; /* those that lines had already */
    const struct options *cramped;      /* the world's, with no room for hints */
};

/* Where a fault is, and for how long. */
struct fault_place {
    unsigned node, other;
    int64_t length_us;
};

/* The functions that begin one. */
#define ROW(NAME, name, rate, of_12, begin, text) \
    void fault_##begin(struct faults *faults, const struct fault_place *at);
FAULTS(ROW)
#undef ROW

static inline uint64_t fault_draw(struct faults *faults, uint64_t bound)
{
    return rng_below(&faults->rng, bound);
}

static inline int64_t fault_draw_us(struct faults *faults, int64_t least_us, int64_t most_us)
{
    return least_us + (int64_t)fault_draw(faults, (uint64_t)(most_us - least_us + 1));
}

static inline void fault_after(struct faults *faults, int64_t delay_us,
                               void (*fire)(void *object, uint64_t number), uint64_t number)
{
    world_after(faults->world, delay_us, fire, faults, number);
}

/* Two nodes in the number of an event. */
static inline uint64_t fault_pair(unsigned from, unsigned to)
{
    return (uint64_t)from << 8 | to;
}

/* ---- the ends of those that last ---- */

void fault_mend_net(struct faults *faults);
void fault_mend_process(struct faults *faults, unsigned node);
void fault_mend_clock(struct faults *faults, unsigned node);
void fault_mend_memory(struct faults *faults, unsigned node);
void fault_mend_disk(struct faults *faults, unsigned node);

/* ---- process.c ---- */

/* Whether no partition is forgotten by more replicas than the promises stand for, when the node
 * forgets all. */
bool fault_may_forget(const struct faults *faults, const struct sim_node *node);
/* It starts, with no data: later, if its disk does not let it. An event. */
void fault_start_again(void *faults, uint64_t node);

#endif
