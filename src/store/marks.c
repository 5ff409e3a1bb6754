/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/marks.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* Of 256 slots, how many may be filled before a table grows, and at the bound; between them is a
 * step of growth. */
#define FULL_MIN 160u
#define FULL_MAX 192u

/* Below a mark for this many slots, a table is made smaller. */
#define SPARSE 8u

static size_t size_of(uint32_t slot_count)
{
    return sizeof(struct marks) + slot_count * sizeof(struct mark);
}

/* At least `slot_count` slots, and as many as the size class has room for. */
static uint32_t slots_for(uint32_t slot_count)
{
    const size_t size = memory_size_class(size_of(slot_count));

    return (uint32_t)((size - sizeof(struct marks)) / sizeof(struct mark));
}

static uint32_t home_of(const struct marks *marks, uint64_t hash)
{
    return (uint32_t)(((hash & UINT32_MAX) * marks->slot_count) >> 32);
}

static uint32_t next_slot(const struct marks *marks, uint32_t at)
{
    return at + 1 < marks->slot_count ? at + 1 : 0;
}

/* Steps from slot `from` on to slot `to`. */
static uint32_t distance(const struct marks *marks, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : to + marks->slot_count - from;
}

/* Where the hash is, or the free slot where it would go. */
static uint32_t seek(const struct marks *marks, uint64_t hash)
{
    uint32_t at = home_of(marks, hash);

    while (dot_exists(marks->slots[at].dot) && marks->slots[at].hash != hash)
        at = next_slot(marks, at);
    return at;
}

struct dot marks_find(const struct marks *marks, uint64_t hash)
{
    return marks != NULL ? marks->slots[seek(marks, hash)].dot : DOT_NONE;
}

static void fill(struct marks *marks, uint32_t at, uint64_t hash, struct dot dot)
{
    marks->slots[at] = (struct mark){.hash = hash, .dot = dot};
    marks->count++;
    if (dot.stamp < marks->lowest)
        marks->lowest = dot.stamp;
}

/* False, with nothing changed, when there is no memory. */
static bool resize(struct marks **marks_pointer, uint32_t slot_count)
{
    struct marks *old = *marks_pointer;
    struct marks *marks = memory_try_alloc(size_of(slot_count));

    if (marks == NULL)
        return false;
    memset(marks, 0, size_of(slot_count));
    marks->memory = memory_size_class(size_of(slot_count));
    marks->slot_count = slot_count;
    marks->lowest = UINT64_MAX;
    marks->full = old != NULL ? old->full : FULL_MAX;
    for (uint32_t i = 0; old != NULL && i < old->slot_count; i++) {
        const struct mark *mark = &old->slots[i];

        if (dot_exists(mark->dot))
            fill(marks, seek(marks, mark->hash), mark->hash, mark->dot);
    }
    memory_free(old);
    *marks_pointer = marks;
    return true;
}

/* Makes room for one more; false when there is none. */
static bool grow(struct marks **marks_pointer, uint64_t hash, uint32_t slots_max)
{
    const struct marks *marks = *marks_pointer;

    if (marks == NULL) {
        if (!resize(marks_pointer, MARKS_SLOTS_MIN))
            return false;
        (*marks_pointer)->full = FULL_MIN + (hash >> 32) % (FULL_MAX - FULL_MIN);
        return true;
    }
    const bool largest = marks->slot_count >= slots_max;
    const uint64_t slots = largest ? slots_max : marks->slot_count;
    if (marks->count * UINT64_C(256) < slots * (largest ? FULL_MAX : marks->full))
        return true;
    if (largest)
        return false;
    const uint32_t slot_count = slots_for(marks->slot_count + 1);
    return resize(marks_pointer, slot_count < slots_max ? slot_count : slots_max);
}

bool marks_put(struct marks **marks_pointer, uint64_t hash, struct dot dot, uint32_t slots_max)
{
    struct marks *marks = *marks_pointer;

    ensure(dot_exists(dot));
    if (marks != NULL) {
        struct dot *there = &marks->slots[seek(marks, hash)].dot;

        if (dot_exists(*there)) {
            *there = dot_max(*there, dot);
            return true;
        }
    }
    if (!grow(marks_pointer, hash, slots_max))
        return false;
    marks = *marks_pointer;
    fill(marks, seek(marks, hash), hash, dot);
    return true;
}

/* Frees the slot, and closes the gap that this leaves in the chain of those behind it. */
static void free_slot(struct marks *marks, uint32_t gap)
{
    marks->count--;
    for (uint32_t at = next_slot(marks, gap); dot_exists(marks->slots[at].dot);
         at = next_slot(marks, at)) {
        const uint32_t home = home_of(marks, marks->slots[at].hash);

        /* It may move to the gap unless its home lies behind that. */
        if (distance(marks, home, at) >= distance(marks, gap, at)) {
            marks->slots[gap] = marks->slots[at];
            gap = at;
        }
    }
    marks->slots[gap] = (struct mark){0};
}

/* Gives back what is too much after something went. Without memory for a smaller table the larger
 * one goes on. */
static void tighten(struct marks **marks_pointer)
{
    const struct marks *marks = *marks_pointer;

    if (marks->count == 0) {
        memory_free(*marks_pointer);
        *marks_pointer = NULL;
        return;
    }
    if (marks->slot_count > MARKS_SLOTS_MIN && marks->count < marks->slot_count / SPARSE)
        (void)resize(marks_pointer, marks->count * 2 > MARKS_SLOTS_MIN ? slots_for(marks->count * 2)
                                                                       : MARKS_SLOTS_MIN);
}

void marks_remove(struct marks **marks_pointer, uint64_t hash)
{
    struct marks *marks = *marks_pointer;

    if (marks == NULL)
        return;
    const uint32_t at = seek(marks, hash);
    if (!dot_exists(marks->slots[at].dot))
        return;
    free_slot(marks, at);
    tighten(marks_pointer);
}

void marks_drop(struct marks **marks_pointer, struct dot dot)
{
    struct marks *marks = *marks_pointer;

    if (marks == NULL || marks->lowest > dot.stamp)
        return;
    marks->lowest = UINT64_MAX;
    for (uint32_t at = 0; at < marks->slot_count;) {
        const struct dot there = marks->slots[at].dot;

        /* Another mark may move to a slot that is freed, so that is looked at again. What moves
         * past the end of the table to its beginning has been looked at, and stays. */
        if (dot_exists(there) && dot_compare(there, dot) <= 0) {
            free_slot(marks, at);
            continue;
        }
        if (dot_exists(there) && there.stamp < marks->lowest)
            marks->lowest = there.stamp;
        at++;
    }
    tighten(marks_pointer);
}

/* How many marks are at or below `stamp`. */
static uint32_t count_below(const struct marks *marks, uint64_t stamp)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < marks->slot_count; i++)
        count += dot_exists(marks->slots[i].dot) && marks->slots[i].dot.stamp <= stamp;
    return count;
}

uint64_t marks_oldest_eighth(const struct marks *marks)
{
    const uint32_t wanted = marks->count / 8 + 1;
    uint64_t low = marks->lowest - 1; /* fewer than wanted are at or below it */
    uint64_t high = 0;                /* enough are */

    for (uint32_t i = 0; i < marks->slot_count; i++)
        if (marks->slots[i].dot.stamp > high)
            high = marks->slots[i].dot.stamp;
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        const uint32_t count = count_below(marks, middle);

        if (count < wanted) {
            low = middle;
        } else {
            high = middle;
            if (count <= wanted + wanted / 2)
                break;
        }
    }
    return high;
}
