/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Circles: order, and notes that stay as they are. What random histories give is unit_wheel's.
 */
#include <criterion/criterion.h>

#include "base/circle.h"
#include "lib/timeout.h"

TestSuite(circle, .timeout = TIMEOUT_S(30));

enum { MEMBERS = 4 };

static const uint64_t note_max = (UINT64_C(1) << CIRCLE_NOTE_BITS) - 1;

static struct circle *fill(struct circle members[MEMBERS])
{
    struct circle *first = NULL;

    for (size_t i = 0; i < MEMBERS; i++) {
        members[i] = (struct circle){0};
        circle_set_note(&members[i], note_max - i);
        circle_append(&first, &members[i]);
    }
    return first;
}

/* Whether the circle has these members, in this order, and each its note. */
static bool is(const struct circle *first, const struct circle *members, const char *order)
{
    const struct circle *at = first;

    if (first == NULL)
        return *order == '\0';
    do {
        const struct circle *expected = &members[*order++ - '0'];

        if (at != expected || circle_previous(circle_next(at)) != at ||
            circle_note(at) != note_max - (uint64_t)(expected - members))
            return false;
        at = circle_next(at);
    } while (at != first && *order != '\0');
    return at == first && *order == '\0';
}

Test(circle, members_stand_in_the_order_in_which_they_came)
{
    struct circle members[MEMBERS];

    cr_assert(is(fill(members), members, "0123"));
}

Test(circle, any_member_may_be_taken_out)
{
    struct circle members[MEMBERS];
    struct circle *first = fill(members);

    circle_remove(&first, &members[2]);
    cr_assert(is(first, members, "013"));
    circle_remove(&first, &members[0]);
    cr_assert(is(first, members, "13"));
    circle_remove(&first, &members[3]);
    cr_assert(is(first, members, "1"));
    circle_remove(&first, &members[1]);
    cr_assert(is(first, members, ""));
    circle_append(&first, &members[3]);
    cr_assert(is(first, members, "3"));
}

Test(circle, one_is_joined_to_another_at_its_end)
{
    struct circle members[MEMBERS];
    struct circle *first = fill(members);
    struct circle *other = NULL;

    circle_join(&other, &first);
    cr_assert_null(first);
    cr_assert(is(other, members, "0123"));
    circle_join(&other, &first);
    cr_assert(is(other, members, "0123"));
    for (size_t i = 0; i < 2; i++) {
        circle_remove(&other, &members[i]);
        circle_append(&first, &members[i]);
    }
    circle_join(&other, &first);
    cr_assert(is(other, members, "2301"));
}

Test(circle, a_note_may_be_any_of_40_bits)
{
    struct circle members[MEMBERS];
    struct circle *first = fill(members);
    static const uint64_t notes[] = {0, 1, 0xfffff, 0x100000, 0x8000000001};

    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        circle_set_note(&members[1], notes[i]);
        cr_assert_eq(circle_note(&members[1]), notes[i]);
    }
    circle_set_note(&members[1], note_max - 1);
    cr_assert(is(first, members, "0123"));
}
