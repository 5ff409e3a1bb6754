/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/turn.h"

#include <time.h>

#include "base/metrics.h"

/* What waiting for events costs the thread itself between two turns, us: about. */
#define WAIT_US 4

/* The clock is asked whenever so much was spent: some 20 us, that is. */
#define SPEND_EVENT 512u
#define SPEND_ASK   4096u

static int64_t read_us(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

void turn_init(struct turn *turn, struct metrics_block *metrics)
{
    /* The thread that runs the turns has not begun: its first turn reads. */
    *turn = (struct turn){.metrics = metrics, .unread_us = TURN_STALE_US + 1};
}

void turn_begin(struct turn *turn, int64_t mono_us)
{
    turn->began_us = mono_us;
    turn->doing = 0;
    turn->spent = 0;
    if (turn->metrics == NULL || turn->unread_us <= TURN_STALE_US)
        return;
    turn->cpu_us = read_us(CLOCK_THREAD_CPUTIME_ID);
    turn->unread_us = 0;
}

void turn_end(struct turn *turn)
{
    if (turn->metrics == NULL)
        return;
    int64_t took_us = read_us(CLOCK_MONOTONIC) - turn->began_us;
    turn->unread_us += took_us + WAIT_US;
    if (took_us > TURN_LONG_US) {
        const int64_t cpu_us = read_us(CLOCK_THREAD_CPUTIME_ID);
        const int64_t used_us = cpu_us - turn->cpu_us;

        took_us = used_us < took_us ? used_us : took_us;
        turn->cpu_us = cpu_us;
        turn->unread_us = 0;
        metrics_add(turn->metrics, METRIC_LONG_TURNS, took_us > TURN_LONG_US);
    }
    metrics_observe(turn->metrics, METRIC_TURN_TIME, (uint64_t)took_us);
    metrics_turn_took(turn->metrics, (uint64_t)took_us, turn->doing);
}

bool turn_spend(struct turn *turn, size_t bytes, int64_t limit_us)
{
    turn->spent += SPEND_EVENT + (uint32_t)(bytes < SPEND_ASK ? bytes : SPEND_ASK);
    if (turn->spent < SPEND_ASK)
        return false;
    turn->spent = 0;
    return turn_passed(turn, limit_us);
}

bool turn_passed(const struct turn *turn, int64_t limit_us)
{
    return read_us(CLOCK_MONOTONIC) - turn->began_us > limit_us;
}
