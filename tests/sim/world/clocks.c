/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/clocks.h"

#include "base/memory.h"
#include "lib/array.h"

void clocks_deinit(struct clocks *clocks)
{
    memory_free(clocks->steps);
    *clocks = (struct clocks){0};
}

void clocks_add(struct clocks *clocks, const struct clock_step *step)
{
    clocks->steps = array_room(clocks->steps, clocks->count, &clocks->capacity,
                               sizeof clocks->steps[0]);
    for (size_t i = clocks->count; i-- > 0;)
        if (clocks->steps[i].node == step->node) {
            clocks->steps[i].until_us = step->since_us;
            break;
        }
    clocks->steps[clocks->count] = *step;
    clocks->steps[clocks->count++].until_us = INT64_MAX;
}

void clocks_range(const struct clocks *clocks, int64_t from_us, int64_t to_us, int64_t *least_us,
                  int64_t *most_us)
{
    *least_us = *most_us = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        const struct clock_step *step = &clocks->steps[i];
        if (step->since_us > to_us || step->until_us < from_us)
            continue;
        const int64_t until_us = to_us < step->until_us ? to_us : step->until_us;
        const int64_t drifted_us = (until_us - step->since_us) * step->drift_ppm / 1000000;
        const int64_t off_us = step->off_us + drifted_us;
        if (step->off_us < *least_us)
            *least_us = step->off_us;
        if (off_us < *least_us)
            *least_us = off_us;
        if (step->off_us > *most_us)
            *most_us = step->off_us;
        if (off_us > *most_us)
            *most_us = off_us;
    }
}
