/* SPDX-License-Identifier: BSD-3-Clause */
#include "causal/hlc.h"

#include "base/assert.h"

uint64_t hlc_tick(struct hlc *clock, int64_t wall_ms, uint64_t floor)
{
    const uint64_t below = floor > clock->last ? floor : clock->last;
    const uint64_t wall = hlc_stamp(wall_ms);

    ensure(below < UINT64_MAX);
    clock->last = wall > below ? wall : below + 1;
    return clock->last;
}
