/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The time, as it is handed into the core with every event. The core reads no clock.
 */
#ifndef DUNLIN_BASE_INSTANT_H
#define DUNLIN_BASE_INSTANT_H

#include <stdint.h>

struct instant {
    int64_t wall_ms; /* since 1970, may jump either way: stamps, times to live */
    int64_t mono_us; /* since some moment, never goes back: deadlines, time-outs, latencies */
};

#endif
