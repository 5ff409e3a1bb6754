/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One turn of a loop, measured and bounded: from the first event after the wait to the last write.
 *
 * A turn's time goes into the worker's histogram: where the wall clock says 1 ms or less, that;
 * where it says more, the thread's own CPU time, since the wall then mostly shows the neighbours.
 * The longest is kept with what it was doing (base/work.h).
 *
 * Reading the thread's CPU time is a system call, and what it was at a turn's begin is wanted only
 * when the turn has turned out to be long. So it is read before its time and seldom: at the begin
 * of a turn when the turns since the last reading took more than TURN_STALE_US by the wall
 * together. That is one short system call in so many us of work at most (0.1 %), none in most turns
 * of a server with little to do, and the CPU time told of a long turn is never too low, and at
 * most TURN_STALE_US too high.
 *
 *     reading    turn turn turn turn | reading    turn      turn
 *        |-----------------------------|-----------------------------| reading, told - 1st reading
 *         more than TURN_STALE_US: read           | over 1 ms: read
 *
 * The wall clock is read at the begin, where the loop wants to know the time anyway, and at the
 * end.
 *
 * A turn is kept short by asking it now and then whether it has had its time (turn_spend): its
 * owner then leaves the events that are ready to the next turn. The clock is asked once for so many
 * events or bytes, and not for each.
 */
#ifndef DUNLIN_IO_TURN_H
#define DUNLIN_IO_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/work.h"

struct metrics_block;

/* Above this by the wall a turn is long, and its CPU time is read, us. */
#define TURN_LONG_US 1000
/* How much work may lie between a reading of the CPU time and a turn's begin, us. */
#define TURN_STALE_US 200

struct turn {
    struct metrics_block *metrics; /* NULL: nobody wants to know */
    int64_t began_us;              /* mono */
    int64_t cpu_us;                /* the thread's CPU time as it was last read */
    int64_t unread_us;             /* what the turns since then took by the wall */
    uint32_t doing;                /* a mask of enum work */
    uint32_t spent;                /* since the clock was asked last */
};

void turn_init(struct turn *turn, struct metrics_block *metrics);
/* In the loop's own thread. */
void turn_begin(struct turn *turn, int64_t mono_us);
void turn_end(struct turn *turn);

static inline void turn_note(struct turn *turn, enum work work)
{
    turn->doing |= work_bit(work);
}

/* An event, with so many bytes, was handled. True when more than `limit_us` have passed since the
 * turn began, as far as the clock was asked. */
bool turn_spend(struct turn *turn, size_t bytes, int64_t limit_us);
/* The same for what takes long enough to ask the clock each time. */
bool turn_passed(const struct turn *turn, int64_t limit_us);

#endif
