/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults of clocks. Within max-clock-skew-ms any clock may be off; beyond it one at a time, since
 * two could be the median that the others go by.
 */
#include "sim/fault/parts.h"

#define SKEW_MS_MAX   5000
#define JUMP_MS_MAX   5000
#define DRIFT_PPM_MAX 500
#define JUMP_US_MIN   30000
#define JUMP_US_MAX   900000

static int64_t skew_us(const struct faults *faults)
{
    return faults->world->options->max_clock_skew_ms * 1000;
}

/* The median of the nodes that are in line is off by at most half of the skew. */
static int64_t draw_in_line_us(struct faults *faults)
{
    return fault_draw_us(faults, -skew_us(faults) / 2, skew_us(faults) / 2 - 1);
}

static int64_t draw_out_of_line_us(struct faults *faults, int64_t most_ms)
{
    const int64_t off_us = fault_draw_us(faults, skew_us(faults), skew_us(faults) + most_ms * 1000);

    return fault_draw(faults, 2) == 0 ? off_us : -off_us;
}

void fault_clock(struct faults *faults, const struct fault_place *at)
{
    if (faults->skewed == at->node)
        return;
    const int64_t off_us = draw_in_line_us(faults);
    const int64_t drift_ppm = fault_draw_us(faults, -DRIFT_PPM_MAX, DRIFT_PPM_MAX);
    sim_node_set_clock(faults->world->nodes[at->node], off_us, drift_ppm);
}

static void mend(void *object, uint64_t number)
{
    fault_mend_clock(object, (unsigned)number);
}

void fault_skew(struct faults *faults, const struct fault_place *at)
{
    if (faults->skewed != 0)
        return;
    faults->skewed = at->node;
    sim_node_set_clock(faults->world->nodes[at->node], draw_out_of_line_us(faults, SKEW_MS_MAX), 0);
    fault_after(faults, at->length_us, mend, at->node);
}

/* Steps, and comes again until the time is over; then the clock is right. */
static void jump(void *object, uint64_t number)
{
    struct faults *faults = object;

    if (!faults->on)
        return;
    if (faults->world->now_us >= faults->jump_us[number]) {
        fault_mend_clock(faults, (unsigned)number);
        return;
    }
    const bool far = faults->skewed == number && fault_draw(faults, 2) == 0;
    const int64_t off_us = far ? draw_out_of_line_us(faults, JUMP_MS_MAX) : draw_in_line_us(faults);
    sim_node_set_clock(faults->world->nodes[number], off_us, 0);
    fault_after(faults, fault_draw_us(faults, JUMP_US_MIN, JUMP_US_MAX), jump, number);
}

void fault_jump(struct faults *faults, const struct fault_place *at)
{
    const bool jumps = faults->world->now_us < faults->jump_us[at->node];

    if (faults->skewed == 0 && fault_draw(faults, 2) == 0)
        faults->skewed = at->node;
    faults->jump_us[at->node] = faults->world->now_us + at->length_us;
    if (!jumps)
        jump(faults, at->node);
}

void fault_mend_clock(struct faults *faults, unsigned number)
{
    sim_node_set_clock(faults->world->nodes[number], 0, 0);
    if (faults->skewed == number)
        faults->skewed = 0;
}
