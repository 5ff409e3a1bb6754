/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/wheel.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"

#define DIGIT_MASK ((UINT64_C(1) << WHEEL_BITS) - 1)

/* Up to so many words of slots are kept when there are none: those that a wheel of few timers needs
 * again and again. */
#define SLOTS_KEPT 8u

#define KEY_SHIFT 48
#define FIRST     ((UINT64_C(1) << KEY_SHIFT) - 1)

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

void wheel_init(struct wheel *wheel, int64_t now,
                int64_t (*deadline)(const struct wheel_timer *timer))
{
    *wheel = (struct wheel){.now = now, .deadline = deadline};
}

void wheel_deinit(struct wheel *wheel)
{
    memory_free(wheel->slots);
    wheel_init(wheel, wheel->now, wheel->deadline);
}

/* --------------------------------------------------------------------------------------- slots */

/* Slots are entered in the order of their keys: those of a level all end before those of the next
 * begin. */
static unsigned slot_key(unsigned level, unsigned index)
{
    return level << WHEEL_BITS | index;
}

static unsigned key_of(uint64_t slot)
{
    return (unsigned)(slot >> KEY_SHIFT);
}

static struct circle *first_of(uint64_t slot)
{
    return (struct circle *)(uintptr_t)(slot & FIRST);
}

static uint64_t slot_make(unsigned key, const struct circle *first)
{
    return (uint64_t)key << KEY_SHIFT | (uint64_t)(uintptr_t)first;
}

/* How many slots are entered after the one of `key`: its place, if it is there. */
static uint32_t find_slot(const struct wheel *wheel, unsigned key)
{
    uint32_t low = 0;
    uint32_t high = wheel->slot_count;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;

        if (key_of(wheel->slots[middle]) > key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool slot_is(const struct wheel *wheel, uint32_t at, unsigned key)
{
    return at < wheel->slot_count && key_of(wheel->slots[at]) == key;
}

/* Makes room for `count` slots and what the allocator gives beyond. */
static void resize(struct wheel *wheel, uint32_t count)
{
    const size_t bytes = memory_size_class(count * sizeof *wheel->slots);
    uint64_t *slots = memory_alloc(bytes);

    if (wheel->slot_count > 0)
        memcpy(slots, wheel->slots, wheel->slot_count * sizeof *slots);
    memory_free(wheel->slots);
    wheel->slots = slots;
    wheel->slot_capacity = (uint32_t)(bytes / sizeof *slots);
}

/* Puts the circle that begins with `first` behind what is in the slot. */
static void fill_slot(struct wheel *wheel, unsigned key, struct circle *first)
{
    const uint32_t at = find_slot(wheel, key);

    if (slot_is(wheel, at, key)) {
        struct circle *there = first_of(wheel->slots[at]);

        circle_join(&there, &first);
        return;
    }
    if (wheel->slot_count == wheel->slot_capacity)
        resize(wheel, wheel->slot_count + 1);
    memmove(&wheel->slots[at + 1], &wheel->slots[at],
            (wheel->slot_count - at) * sizeof *wheel->slots);
    wheel->slots[at] = slot_make(key, first);
    wheel->slot_count++;
}

/* Drops the slot, which is empty. */
static void drop_slot(struct wheel *wheel, uint32_t at)
{
    wheel->slot_count--;
    memmove(&wheel->slots[at], &wheel->slots[at + 1],
            (wheel->slot_count - at) * sizeof *wheel->slots);
    if (wheel->slot_capacity > SLOTS_KEPT && wheel->slot_count < wheel->slot_capacity / 4)
        resize(wheel, wheel->slot_capacity / 2);
}

/* Takes out the slot that is entered next: its timers. */
static struct circle *take_slot(struct wheel *wheel)
{
    struct circle *first = first_of(wheel->slots[wheel->slot_count - 1]);

    drop_slot(wheel, wheel->slot_count - 1);
    return first;
}

/* -------------------------------------------------------------------------------------- timers */

static void place(struct wheel *wheel, struct wheel_timer *timer)
{
    const int64_t deadline = wheel->deadline(timer);

    if (deadline <= wheel->now) {
        circle_append(&wheel->pending, &timer->link);
        return;
    }
    const unsigned level = level_between(deadline, wheel->now);
    struct circle *alone = NULL;

    circle_append(&alone, &timer->link);
    fill_slot(wheel, slot_key(level, digit(deadline, level)), alone);
}

void wheel_insert(struct wheel *wheel, struct wheel_timer *timer)
{
    wheel->count++;
    place(wheel, timer);
}

/* A timer that is not pending stands where it would be placed now: when the time goes on to the
 * first slot, or back, the highest digit in which it differs from a deadline becomes another one
 * only for timers that are moved then. */
void wheel_remove(struct wheel *wheel, struct wheel_timer *timer)
{
    const int64_t deadline = wheel->deadline(timer);

    ensure(wheel->count > 0);
    wheel->count--;
    if (deadline > wheel->now && wheel->pending != &timer->link) {
        const unsigned level = level_between(deadline, wheel->now);
        const unsigned key = slot_key(level, digit(deadline, level));
        const uint32_t at = find_slot(wheel, key);
        struct circle *first = slot_is(wheel, at, key) ? first_of(wheel->slots[at]) : NULL;

        if (first == &timer->link) {
            circle_remove(&first, &timer->link);
            wheel->slots[at] = slot_make(key, first);
            if (first == NULL)
                drop_slot(wheel, at);
            return;
        }
    }
    /* The first of those that are pending, or of none. */
    circle_remove(&wheel->pending, &timer->link);
}

/* Below the highest digit that changes, timers were placed for digits that are now in the future.
 * All of them share the old time's digit there, so that is where they wait from now on. */
static void step_back(struct wheel *wheel, int64_t now)
{
    const unsigned top = level_between(wheel->now, now);
    struct circle *moved = NULL;

    while (wheel->slot_count > 0 &&
           key_of(wheel->slots[wheel->slot_count - 1]) < slot_key(top, 0)) {
        struct circle *first = take_slot(wheel);

        circle_join(&moved, &first);
    }
    if (moved != NULL)
        fill_slot(wheel, slot_key(top, digit(wheel->now, top)), moved);
    wheel->now = now;
}

/* The time at which the first slot begins: the digits above its level are those of now, those below
 * are 0. There is a slot. */
static int64_t next_begin(const struct wheel *wheel)
{
    const unsigned key = key_of(wheel->slots[wheel->slot_count - 1]);
    const unsigned shift = (key >> WHEEL_BITS) * WHEEL_BITS;
    /* Shifted in two steps because on the top level the whole may be 64 bits or more. */
    const uint64_t above = ordinal(wheel->now) >> shift >> WHEEL_BITS << WHEEL_BITS;

    return time_of((above | (key & DIGIT_MASK)) << shift);
}

/* Goes on to the first slot, if it begins at or before `now`, whose timers become pending (none
 * is); if not, to `now`. */
static bool enter_slot(struct wheel *wheel, int64_t now)
{
    if (wheel->slot_count == 0 || next_begin(wheel) > now) {
        wheel->now = now;
        return false;
    }
    wheel->now = next_begin(wheel);
    wheel->pending = take_slot(wheel);
    return true;
}

struct wheel_timer *wheel_pop(struct wheel *wheel, int64_t now, uint32_t *work)
{
    if (now < wheel->now)
        step_back(wheel, now);
    do {
        while (wheel->pending != NULL) {
            struct wheel_timer *timer = (struct wheel_timer *)wheel->pending;

            if (*work == 0)
                return NULL;
            --*work;
            circle_remove(&wheel->pending, &timer->link);
            if (wheel->deadline(timer) <= now) {
                wheel->count--;
                return timer;
            }
            /* Past wheel->now, since that is never past `now`: it does not become pending again. */
            place(wheel, timer);
        }
    } while (enter_slot(wheel, now));
    return NULL;
}

int64_t wheel_next(const struct wheel *wheel)
{
    if (wheel->pending != NULL)
        return wheel->now;
    return wheel->slot_count > 0 ? next_begin(wheel) : INT64_MAX;
}
