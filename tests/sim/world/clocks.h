/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the clocks of a world's nodes showed: of any span of time, the earliest and the latest that
 * any of them did. So a checker knows what a date may have meant.
 */
#ifndef DUNLIN_TESTS_SIM_CLOCKS_H
#define DUNLIN_TESTS_SIM_CLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* From then on the node's clock is off by so much, and goes wrong by drift_ppm. */
struct clock_step {
    int64_t since_us;
    int64_t off_us;
    int64_t drift_ppm;
    unsigned node;
    int64_t until_us; /* the node took another; clocks_add fills it in */
};

struct clocks {
    struct clock_step *steps;
    size_t count, capacity;
};

void clocks_deinit(struct clocks *clocks);
void clocks_add(struct clocks *clocks, const struct clock_step *step);
/* By how much a clock was off at the least, and at the most, at any time from `from_us` to `to_us`;
 * with no steps at all both are 0. */
void clocks_range(const struct clocks *clocks, int64_t from_us, int64_t to_us, int64_t *least_us,
                  int64_t *most_us);

#endif
