/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/clock.h"

#include <time.h>

struct instant clock_now(void)
{
    struct timespec wall, mono;

    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    return (struct instant){
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
        .mono_us = (int64_t)mono.tv_sec * 1000000 + mono.tv_nsec / 1000,
    };
}
