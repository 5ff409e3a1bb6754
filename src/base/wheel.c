/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/wheel.h"

#include "base/assert.h"
#include "base/memory.h"

#define DIGIT_MASK ((uint64_t)WHEEL_SLOTS - 1)

/* Maps times to unsigned numbers in the same order, so that digits work for negative times too. */
static uint64_t ordinal(int64_t time)
{
    return (uint64_t)time ^ (UINT64_C(1) << 63);
}

static int64_t time_of(uint64_t ordinal)
{
    return (int64_t)(ordinal ^ (UINT64_C(1) << 63));
}

static unsigned digit(int64_t time, unsigned level)
{
    return (unsigned)((ordinal(time) >> (level * WHEEL_BITS)) & DIGIT_MASK);
}

/* The level of the highest digit in which two different times differ. */
static unsigned level_between(int64_t a, int64_t b)
{
    return (63u - (unsigned)__builtin_clzll(ordinal(a) ^ ordinal(b))) / WHEEL_BITS;
}

void wheel_init(struct wheel *wheel, int64_t now)
{
    *wheel = (struct wheel){.now = now};
    list_init(&wheel->pending);
}

static void free_level(struct wheel *wheel, unsigned level)
{
    if (wheel->levels[level] == NULL)
        return;
    memory_free(wheel->levels[level]);
    wheel->levels[level] = NULL;
    wheel->occupied[level] = 0;
    wheel->level_count--;
}

void wheel_deinit(struct wheel *wheel)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        free_level(wheel, level);
    wheel_init(wheel, wheel->now);
}

/* The slot, which the caller is about to put something into. */
static struct list *occupy(struct wheel *wheel, unsigned level, unsigned index)
{
    if (wheel->levels[level] == NULL) {
        wheel->levels[level] = memory_alloc_array(WHEEL_SLOTS, sizeof(struct list));
        for (unsigned i = 0; i < WHEEL_SLOTS; i++)
            list_init(&wheel->levels[level][i]);
        wheel->level_count++;
    }
    wheel->occupied[level] |= 1u << index;
    return &wheel->levels[level][index];
}

static void place(struct wheel *wheel, struct wheel_timer *timer)
{
    if (timer->deadline <= wheel->now) {
        list_append(&wheel->pending, &timer->link);
        return;
    }
    const unsigned level = level_between(timer->deadline, wheel->now);

    list_append(occupy(wheel, level, digit(timer->deadline, level)), &timer->link);
}

void wheel_insert(struct wheel *wheel, struct wheel_timer *timer, int64_t deadline)
{
    timer->deadline = deadline;
    wheel->count++;
    place(wheel, timer);
}

void wheel_remove(struct wheel *wheel, struct wheel_timer *timer)
{
    ensure(wheel->count > 0);
    list_remove(&timer->link);
    wheel->count--;
}

/* Moves all of `from` to the end of `to`. */
static void move_all(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

/* Below the highest digit that changes, timers were placed for digits that are now in the future.
 * All of them share the old time's digit there, so that is where they wait from now on. */
static void step_back(struct wheel *wheel, int64_t now)
{
    const unsigned top = level_between(wheel->now, now);
    const unsigned index = digit(wheel->now, top);

    for (unsigned level = 0; level < top; level++) {
        for (uint32_t bits = wheel->occupied[level]; bits != 0; bits &= bits - 1) {
            struct list *slot = &wheel->levels[level][__builtin_ctz(bits)];

            if (!list_empty(slot))
                move_all(occupy(wheel, top, index), slot);
        }
        free_level(wheel, level);
    }
    wheel->now = now;
}

/* The first slot that holds a timer, and the time it begins at; NULL when there is none. Slots of a
 * level all end before those of the next begin, so the first level that has any has the first.
 * Levels that turn out to be empty are freed. */
static struct list *first_slot(struct wheel *wheel, int64_t *begin)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint32_t *bits = &wheel->occupied[level];

        while (*bits != 0) {
            const unsigned index = (unsigned)__builtin_ctz(*bits);
            struct list *slot = &wheel->levels[level][index];

            if (list_empty(slot)) {
                *bits &= *bits - 1;
                continue;
            }
            /* The digits above this one are those of now, the digits below are 0. The shift is done
             * in two steps because on the top level the whole may be 64 bits or more. */
            const unsigned shift = level * WHEEL_BITS;
            const uint64_t above = ordinal(wheel->now) >> shift >> WHEEL_BITS << WHEEL_BITS;

            *begin = time_of((above | index) << shift);
            return slot;
        }
        free_level(wheel, level);
    }
    return NULL;
}

/* Goes on to the first slot that begins at or before `now`, whose timers become pending; or, when
 * there is none, to `now`. */
static bool enter_slot(struct wheel *wheel, int64_t now)
{
    int64_t begin;
    struct list *slot = first_slot(wheel, &begin);

    if (slot == NULL || begin > now) {
        wheel->now = now;
        return false;
    }
    wheel->now = begin;
    move_all(&wheel->pending, slot);
    return true;
}

struct wheel_timer *wheel_pop(struct wheel *wheel, int64_t now, uint32_t *work)
{
    if (now < wheel->now)
        step_back(wheel, now);
    do {
        while (!list_empty(&wheel->pending)) {
            struct wheel_timer *timer = list_entry(wheel->pending.next, struct wheel_timer, link);

            if (*work == 0)
                return NULL;
            --*work;
            list_remove(&timer->link);
            if (timer->deadline <= now) {
                wheel->count--;
                return timer;
            }
            /* Past wheel->now, since that is never past `now`: it does not become pending again. */
            place(wheel, timer);
        }
    } while (enter_slot(wheel, now));
    return NULL;
}

int64_t wheel_next(struct wheel *wheel)
{
    int64_t begin;

    if (!list_empty(&wheel->pending))
        return wheel->now;
    return first_slot(wheel, &begin) != NULL ? begin : INT64_MAX;
}
