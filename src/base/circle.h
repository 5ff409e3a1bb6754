/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A circle: members linked both ways, the last to the first. Whoever owns one keeps the address of
 * its first member, NULL while it is empty. A member is 16 bytes, and has 40 bits to spare, its
 * note:
 *
 *                63                          20 19              0
 *                +-----------------------------+-----------------+
 *     next       | address / 16, 44 bits       | note, high half |
 *     previous   | address / 16, 44 bits       | note, low half  |
 *                +-----------------------------+-----------------+
 *
 * So a member stands at a multiple of 16 below 2^48: all that the allocator gives for 16 bytes or
 * more does, as it does for a structure that has a member in it.
 */
#ifndef DUNLIN_BASE_CIRCLE_H
#define DUNLIN_BASE_CIRCLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

#define CIRCLE_NOTE_BITS 40

#define CIRCLE_HALF_BITS (CIRCLE_NOTE_BITS / 2)
#define CIRCLE_HALF      ((UINT64_C(1) << CIRCLE_HALF_BITS) - 1)

struct circle {
    _Alignas(16) uint64_t next;
    uint64_t previous;
};

_Static_assert(sizeof(struct circle) == 16, "circle.h draws 16 bytes");

static inline struct circle *circle_next(const struct circle *member)
{
    return (struct circle *)(uintptr_t)(member->next >> CIRCLE_HALF_BITS << 4);
}

static inline struct circle *circle_previous(const struct circle *member)
{
    return (struct circle *)(uintptr_t)(member->previous >> CIRCLE_HALF_BITS << 4);
}

static inline uint64_t circle_note(const struct circle *member)
{
    return (member->next & CIRCLE_HALF) << CIRCLE_HALF_BITS | (member->previous & CIRCLE_HALF);
}

/* `note` is below 2^40. Being appended, removed and joined leaves it as it is. */
static inline void circle_set_note(struct circle *member, uint64_t note)
{
    member->next = (member->next & ~CIRCLE_HALF) | note >> CIRCLE_HALF_BITS;
    member->previous = (member->previous & ~CIRCLE_HALF) | (note & CIRCLE_HALF);
}

static inline uint64_t circle_place(const struct circle *member)
{
    const uint64_t address = (uintptr_t)member;

    ensure((address >> 48 | (address & 15)) == 0);
    return address >> 4 << CIRCLE_HALF_BITS;
}

/* Puts `after` behind `before`. */
static inline void circle_link(struct circle *before, struct circle *after)
{
    before->next = (before->next & CIRCLE_HALF) | circle_place(after);
    after->previous = (after->previous & CIRCLE_HALF) | circle_place(before);
}

/* `member`, which is in no circle, becomes the last. */
static inline void circle_append(struct circle **first, struct circle *member)
{
    if (*first == NULL) {
        *first = member;
        circle_link(member, member);
        return;
    }
    circle_link(circle_previous(*first), member);
    circle_link(member, *first);
}

/* Takes out `member`, which is in this circle. */
static inline void circle_remove(struct circle **first, struct circle *member)
{
    struct circle *next = circle_next(member);

    ensure(next != member || *first == member);
    circle_link(circle_previous(member), next);
    if (*first == member)
        *first = next != member ? next : NULL;
}

/* Moves all of `from` behind the last of `to`. */
static inline void circle_join(struct circle **to, struct circle **from)
{
    struct circle *first = *to;
    struct circle *joined = *from;

    *from = NULL;
    if (joined == NULL)
        return;
    if (first == NULL) {
        *to = joined;
        return;
    }
    struct circle *last = circle_previous(joined);

    circle_link(circle_previous(first), joined);
    circle_link(last, first);
}

#endif
