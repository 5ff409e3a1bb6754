/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987,
 * scheme 7) over timers that live in the structures they time. Insert and remove take constant
 * time; a timer is moved at most once a level on its way to being due.
 *
 * A timer is its links. When it is due, its owner keeps, and tells by the function that the wheel
 * was made with; 40 bits that the links have to spare are the owner's, for that or anything else
 * (circle_note). As long as a timer is in a wheel, its deadline stays what it is.
 *
 * Times are int64_t in whatever unit the owner likes (the store: wall clock milliseconds), and a
 * timer is due when its deadline is at or before the time handed in: exactly, nothing is rounded.
 * The time may jump either way. Forward, all that became due is popped; back, timers wait again.
 * Either costs a bounded number of steps, whatever the distance and however many the timers.
 *
 * A time is read as digits of WHEEL_BITS bits. A timer stands on the level of the highest digit in
 * which its deadline differs from the wheel's time, in the slot of its deadline's digit there:
 *
 *     now      ... 3 7 20 11
 *     deadline ... 3 9  0  2     level 2, slot 9: looked at when `now` gets to ... 3 9 0 0
 *
 * Only slots that hold a timer are there, one word each, in one array, the first to be entered
 * last: timers that were started at about one time, for about one time, share a slot or two. With a
 * wheel a partition, what the wheels take is little beside some hundred timers each.
 *
 *      63      48 47                    0
 *     +----------+-----------------------+
 *     |level,slot| its first timer       |
 *     +----------+-----------------------+
 *
 * The wheel owns its slots; timers belong to whoever inserted them.
 */
#ifndef DUNLIN_BASE_WHEEL_H
#define DUNLIN_BASE_WHEEL_H

#include "base/circle.h"
#include "base/memory.h"

#define WHEEL_BITS      5
#define WHEEL_LEVELS    ((64 + WHEEL_BITS - 1) / WHEEL_BITS)
#define WHEEL_SLOTS_MAX (WHEEL_LEVELS << WHEEL_BITS)

struct wheel_timer {
    struct circle link;
};

struct wheel {
    int64_t now;            /* the time up to which slots have been looked at */
    uint64_t count;         /* timers in the wheel */
    struct circle *pending; /* timers to be looked at one by one: due, or to be placed */
    uint64_t *slots;
    uint32_t slot_count;    /* at most WHEEL_SLOTS_MAX */
    uint32_t slot_capacity; /* words; few are kept when there are no slots */
    int64_t (*deadline)(const struct wheel_timer *timer);
};

void wheel_init(struct wheel *wheel, int64_t now,
                int64_t (*deadline)(const struct wheel_timer *timer));
/* Frees the slots. Timers that are still in the wheel are forgotten, not touched. */
void wheel_deinit(struct wheel *wheel);

/* `timer` is in no wheel. With a deadline in the past it is due at the next wheel_pop. */
void wheel_insert(struct wheel *wheel, struct wheel_timer *timer);
/* `timer` is in this wheel. */
void wheel_remove(struct wheel *wheel, struct wheel_timer *timer);

/* Takes out a timer that is due at `now`, in no particular order; NULL when none is left, or when
 * *work ran out first. Each timer that is looked at costs 1 of *work, so that NULL with *work above
 * 0 means: nothing is due. The wheel may be changed in any way between two calls. */
struct wheel_timer *wheel_pop(struct wheel *wheel, int64_t now, uint32_t *work);

/* A time at or before the earliest deadline, after which wheel_pop has something to do (perhaps
 * only moving timers to a finer level); INT64_MAX when the wheel is empty. */
int64_t wheel_next(const struct wheel *wheel);

/* Bytes of the slots. */
static inline uint64_t wheel_memory(const struct wheel *wheel)
{
    return memory_size_class(wheel->slot_capacity * sizeof *wheel->slots);
}

#endif
