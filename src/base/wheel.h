/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987,
 * scheme 7) over timers that live in the structures they time. Insert and remove take constant
 * time; a timer is moved at most once a level on its way to being due.
 *
 * Times are int64_t in whatever unit the owner likes (the store: wall clock milliseconds), and a
 * timer is due when its deadline is at or before the time handed in: exactly, nothing is rounded.
 * The time may jump either way. Forward, all that became due is popped; back, timers wait again.
 * Either costs a bounded number of steps, whatever the distance and however many the timers.
 *
 * An unused wheel is sizeof(struct wheel). A level of slots (WHEEL_LEVEL_SIZE bytes) is there only
 * while timers need it.
 *
 * A time is read as digits of WHEEL_BITS bits. A timer stands on the level of the highest digit in
 * which its deadline differs from the wheel's time, in the slot of its deadline's digit there:
 *
 *     now      ... 3 7 20 11
 *     deadline ... 3 9  0  2     level 2, slot 9: looked at when `now` gets to ... 3 9 0 0
 *
 * The wheel owns its levels; timers belong to whoever inserted them. It holds pointers to itself:
 * it must not be copied or moved.
 */
#ifndef DUNLIN_BASE_WHEEL_H
#define DUNLIN_BASE_WHEEL_H

#include <stdint.h>

#include "base/list.h"

#define WHEEL_BITS       5
#define WHEEL_SLOTS      (1u << WHEEL_BITS)
#define WHEEL_LEVELS     ((64 + WHEEL_BITS - 1) / WHEEL_BITS)
#define WHEEL_LEVEL_SIZE (WHEEL_SLOTS * sizeof(struct list))

struct wheel_timer {
    struct list link;
    int64_t deadline; /* read only while the timer is in a wheel */
};

struct wheel {
    int64_t now;                       /* the time up to which slots have been looked at */
    uint64_t count;                    /* timers in the wheel */
    struct list pending;               /* timers to be looked at one by one: due, or to be placed */
    struct list *levels[WHEEL_LEVELS]; /* WHEEL_SLOTS lists each, NULL while unused */
    uint32_t occupied[WHEEL_LEVELS];   /* a bit a slot; removing leaves the bit for wheel_pop */
    uint32_t level_count;              /* levels that are allocated */
};

void wheel_init(struct wheel *wheel, int64_t now);
/* Frees the levels. Timers that are still in the wheel are forgotten, not touched. */
void wheel_deinit(struct wheel *wheel);

/* `timer` is in no wheel. A deadline in the past is due at the next wheel_pop. */
void wheel_insert(struct wheel *wheel, struct wheel_timer *timer, int64_t deadline);
/* `timer` is in this wheel. */
void wheel_remove(struct wheel *wheel, struct wheel_timer *timer);

/* Takes out a timer that is due at `now`, in no particular order; NULL when none is left, or when
 * *work ran out first. Each timer that is looked at costs 1 of *work, so that NULL with *work above
 * 0 means: nothing is due. The wheel may be changed in any way between two calls. */
struct wheel_timer *wheel_pop(struct wheel *wheel, int64_t now, uint32_t *work);

/* A time at or before the earliest deadline, after which wheel_pop has something to do (perhaps
 * only moving timers to a finer level); INT64_MAX when the wheel is empty. */
int64_t wheel_next(struct wheel *wheel);

/* Bytes of the levels. */
static inline uint64_t wheel_memory(const struct wheel *wheel)
{
    return wheel->level_count * (uint64_t)WHEEL_LEVEL_SIZE;
}

#endif
