/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "value/merge.h"

#define NOW 1000

/* Versions of a test; their bytes go at its end. */
static struct buffer made[128];
static unsigned made_count;

static void reset(void)
{
    while (made_count > 0)
        buffer_deinit(&made[--made_count]);
}

TestSuite(counter, .timeout = TIMEOUT_S(10), .fini = reset);

static struct dot dot(uint64_t stamp, node_number node)
{
    return (struct dot){.stamp = stamp, .node = node};
}

static struct buffer *room(void)
{
    cr_assert_lt(made_count, sizeof made / sizeof made[0]);
    return &made[made_count++];
}

static struct version string(struct dot at, const char *value)
{
    return (struct version){.dot = at,
                            .kind = VALUE_STRING,
                            .deadline_ms = DEADLINE_NEVER,
                            .value = span_of_string(value)};
}

static struct version tombstone(struct dot at)
{
    return (struct version){.dot = at, .deadline_ms = DEADLINE_NEVER};
}

/* Node `at.node` adds, holding what it holds there. */
static struct version add_with(struct version old, struct counter_place place, int64_t amount,
                               struct counter_addition *addition)
{
    struct version version;

    place.self = place.dot.node;
    place.held = counter_held(&old);
    place.now_ms = NOW;
    addition->amount = amount;
    cr_assert_eq(counter_add(&old, &place, addition, room(), &version), COUNTER_OK);
    if (version_is_counter(&version))
        cr_assert(counter_valid(&version));
    return version;
}

static struct version add(struct version old, struct dot at, int64_t amount)
{
    const struct counter_place place = {.dot = at};
    struct counter_addition addition;

    return add_with(old, place, amount, &addition);
}

static struct version merge_at(node_number self, struct version kept, struct version other)
{
    struct version version;

    cr_assert_eq(counter_merge(&kept, &other, self, room(), &version), COUNTER_OK);
    if (version_is_counter(&version))
        cr_assert(counter_valid(&version));
    return version;
}

static struct version merge(struct version kept, struct version other)
{
    return merge_at(0, kept, other);
}

static void expect(struct version version, const char *text)
{
    const struct span shown = version.kind == VALUE_COUNTER ? counter_text(version.value)
                                                            : version.value;

    cr_assert_neq(version.kind, VALUE_TOMBSTONE);
    cr_assert(span_is(shown, text), "%s is expected, not %.*s", text, (int)shown.size,
              (const char *)shown.data);
}

static unsigned shares_of(struct version version)
{
    struct counter_share shares[COUNTER_SHARES_MAX];

    return counter_shares(&version, shares);
}

static const struct version nothing = {.deadline_ms = DEADLINE_NEVER};

Test(counter, additions_of_one_node_go_to_one_share)
{
    struct version n = add(string(dot(5, 1), "40"), dot(6, 1), 1);

    expect(n, "41");
    n = add(n, dot(7, 1), -2);
    expect(n, "39");
    cr_assert_eq(shares_of(n), 1);
    cr_assert(dot_equal(counter_base(&n), dot(5, 1)));
    cr_assert(dot_equal(n.dot, dot(7, 1)));
}

Test(counter, a_small_one_takes_little_more_than_its_number)
{
    cr_assert_leq(add(nothing, dot(6, 1), 1).value.size, 1 + 13 + 12);
}

Test(counter, what_two_nodes_added_apart_is_added_up_in_any_order)
{
    const struct version base = string(dot(5, 1), "100");
    struct version a = add(base, dot(6, 1), 1), b = add(base, dot(7, 2), 10);

    a = add(a, dot(9, 1), 1);
    b = add(b, dot(8, 2), 10);
    expect(merge(a, b), "122");
    expect(merge(b, a), "122");
    expect(merge(merge(a, b), b), "122");
    cr_assert_eq(merge(a, b).dot.stamp, 9, "the dot is the higher one");
    cr_assert(dot_equal(merge(b, a).dot, merge(a, b).dot));
}

Test(counter, with_one_dot_digests_tell_them_apart)
{
    const struct version base = string(dot(5, 1), "100");
    const struct version a = add(base, dot(9, 1), 1), b = add(base, dot(7, 2), 10);
    const struct version both = merge(a, b), turned = merge(b, a);

    cr_assert(dot_equal(both.dot, a.dot));
    cr_assert_neq(version_digest(&both), version_digest(&a));
    cr_assert_eq(version_digest(&base), 0);
    cr_assert_eq(version_digest(&both), version_digest(&turned));
}

Test(counter, a_base_covers_the_shares_that_are_older)
{
    const struct version base = string(dot(5, 1), "1");
    const struct version old = add(base, dot(6, 2), 10), young = add(base, dot(9, 3), 100);
    const struct version written = string(dot(8, 1), "7");

    expect(merge(old, written), "7");
    expect(merge(merge(old, young), written), "107");
    expect(merge(written, merge(young, old)), "107");
    cr_assert_eq(merge(old, written).kind, VALUE_STRING, "the base alone needs no more");
}

Test(counter, a_base_below_what_it_covers_keeps_the_higher_dot)
{
    struct version old = add(string(dot(5, 1), "1"), dot(6, 2), 10);

    old = add(old, dot(20, 2), 1);
    const struct version covered = merge(old, string(dot(8, 1), "seven"));
    expect(covered, "seven");
    cr_assert(dot_equal(covered.dot, dot(20, 2)));
    cr_assert(dot_equal(counter_base(&covered), dot(8, 1)));
    const struct version deleted = merge(old, tombstone(dot(8, 1)));
    cr_assert_eq(deleted.kind, VALUE_TOMBSTONE);
    cr_assert(dot_equal(deleted.dot, dot(20, 2)));
    cr_assert(counter_valid(&deleted));
    cr_assert(!version_is_set(&deleted));
    const struct version added = add(tombstone(dot(8, 1)), dot(9, 1), 3);
    expect(merge(deleted, added), "3");
}

Test(counter, shares_over_a_base_that_is_no_number_wait_for_one)
{
    struct version n = add(string(dot(5, 1), "1"), dot(9, 2), 10);

    n = merge(n, string(dot(7, 1), "word"));
    expect(n, "word");
    n = merge(n, string(dot(8, 1), "50"));
    expect(n, "60");
}

Test(counter, two_that_begin_where_nothing_is_both_count)
{
    const struct version a = add(nothing, dot(10, 1), 1), b = add(nothing, dot(11, 2), 1);

    expect(merge(a, b), "2");
    expect(merge(b, a), "2");
}

Test(counter, one_that_begins_anew_counts_nothing_of_what_vanished)
{
    const struct counter_place place = {.dot = dot(50, 2), .gone = dot(9, UINT16_MAX)};
    const struct version old = add(add(nothing, dot(5, 1), 7), dot(9, 1), 7);
    struct counter_addition addition;

    expect(merge(add_with(nothing, place, 1, &addition), old), "1");
    expect(merge(old, add_with(nothing, place, 1, &addition)), "1");
    expect(merge(string(dot(9, UINT16_MAX), "7"), add_with(nothing, place, 1, &addition)), "1");
}

Test(counter, one_whose_time_is_up_begins_anew_without_a_time)
{
    struct version old = string(dot(5, 1), "40");

    old.deadline_ms = NOW;
    const struct version n = add(add(old, dot(6, 1), 1), dot(7, 1), 1);
    expect(n, "2");
    cr_assert_eq(n.deadline_ms, DEADLINE_NEVER);
    expect(merge(n, old), "2");
}

Test(counter, the_deadline_is_the_bases)
{
    struct version base = string(dot(5, 1), "40"), later = string(dot(8, 1), "0");

    base.deadline_ms = NOW + 1;
    later.deadline_ms = NOW + 2;
    const struct version n = add(base, dot(9, 2), 1);
    cr_assert_eq(n.deadline_ms, NOW + 1);
    cr_assert_eq(merge(n, later).deadline_ms, NOW + 2);
}

/* ---- held ---- */

Test(counter, who_holds_none_of_its_shares_opens_another)
{
    struct version n = add(add(nothing, dot(5, 1), 1), dot(6, 1), 1);
    const struct version sent = add(nothing, dot(5, 1), 1); /* an earlier state */

    cr_assert_eq(counter_held(&n), 1);
    struct version back = merge_at(1, nothing, sent);
    cr_assert_eq(counter_held(&back), 0);
    back = add(back, dot(9, 1), 1);
    cr_assert_eq(shares_of(back), 2);
    expect(back, "2");
    expect(merge(back, n), "3");
}

Test(counter, what_comes_to_one_that_is_held_leaves_it_held)
{
    struct version n = add(nothing, dot(5, 1), 1);

    n = merge_at(1, n, add(nothing, dot(6, 2), 1));
    cr_assert_eq(counter_held(&n), 1);
    n = add(n, dot(7, 1), 1);
    cr_assert_eq(shares_of(n), 2);
    n = merge_at(1, n, string(dot(8, 2), "0"));
    cr_assert_eq(counter_held(&n), 0);
}

/* ---- folding ---- */

static struct version of_two_lives(void)
{
    const struct version first = add(add(nothing, dot(5, 1), 1), dot(6, 1), 1);

    return add(merge_at(1, nothing, first), dot(9, 1), 10);
}

Test(counter, earlier_shares_of_a_node_are_folded_once_they_are_settled)
{
    struct counter_place place = {.dot = dot(20, 1), .settled = 8};
    struct counter_addition addition;
    const struct version two = of_two_lives();

    cr_assert_eq(shares_of(add_with(two, place, 10, &addition)), 2, "it is not settled");
    place.settled = 9;
    const struct version one = add_with(two, place, 10, &addition);
    cr_assert_eq(shares_of(one), 1);
    expect(one, "22");
    expect(merge(one, two), "22");
    expect(merge(two, one), "22");
}

Test(counter, a_node_opens_a_bounded_number_of_shares)
{
    struct version n = nothing, more;

    for (unsigned i = 0; i < COUNTER_OWN_MAX; i++) {
        n = add(n, dot(5 + i, 1), 1);
        n = merge_at(1, nothing, n);
    }
    cr_assert_eq(shares_of(n), COUNTER_OWN_MAX);
    struct counter_addition addition = {.amount = 1};
    const struct counter_place place = {.self = 1, .dot = dot(100, 1)};
    cr_assert_eq(counter_add(&n, &place, &addition, room(), &more), COUNTER_TOO_MANY);
    expect(add(n, dot(101, 2), 1), "17");
}

/* As where its coordinator has no memory to keep it. */
Test(counter, one_that_is_never_held_is_added_to_as_often_as_one_likes)
{
    struct version n = nothing;

    for (unsigned i = 0; i < 2 * COUNTER_OWN_MAX; i++) {
        const struct counter_place place = {.dot = dot(5 + i, 1), .settled = i > 3 ? i - 3 + 5 : 0};
        struct counter_addition addition;
        n = merge_at(1, nothing, add_with(n, place, 1, &addition));
        cr_assert_leq(shares_of(n), 6, "the rest is settled");
    }
    expect(n, "32");
}

/* ---- taken back ---- */

Test(counter, an_addition_can_be_made_again_in_another_share)
{
    struct counter_place place = {.dot = dot(6, 1)};
    struct counter_addition addition;
    const struct version first = add_with(string(dot(5, 1), "0"), place, 7, &addition);
    const struct version second = add(first, dot(7, 1), 1); /* of somebody else, meanwhile */
    struct version without;

    place.self = 1;
    place.held = counter_held(&second);
    cr_assert_eq(counter_take_back(&second, &place, &addition, room(), &without), COUNTER_OK);
    expect(without, "1");
    place.dot = dot(9, 1);
    place.above = 8;
    const struct version again = add_with(without, place, 7, &addition);
    expect(again, "8");
    expect(merge(again, second), "8");
    expect(merge(again, string(dot(8, 2), "100")), "107");
}

Test(counter, what_a_base_covered_is_not_taken_back)
{
    struct counter_place place = {.dot = dot(6, 1)};
    struct counter_addition addition;
    const struct version first = add_with(string(dot(5, 1), "0"), place, 7, &addition);
    const struct version covered = merge_at(1, first, string(dot(8, 2), "100"));
    struct version without;

    place.self = 1;
    cr_assert_eq(counter_take_back(&covered, &place, &addition, room(), &without), COUNTER_ABSENT);
    const struct version back = merge_at(1, nothing, first);
    cr_assert_eq(counter_take_back(&back, &place, &addition, room(), &without), COUNTER_NOT_HELD);
}

Test(counter, an_addition_counts_while_its_share_is_there)
{
    const struct version n = add(string(dot(5, 1), "0"), dot(6, 2), 1);

    const struct version over = merge(n, string(dot(4, 1), "0"));
    const struct version under = merge(n, string(dot(9, 1), "0"));

    cr_assert(counter_counts(&n, &over));
    cr_assert(!counter_counts(&n, &under));
}

/* ---- large numbers ---- */

Test(counter, a_sum_that_leaves_64_bits_is_told_in_full)
{
    const struct version base = string(dot(5, 1), "9223372036854775806");
    const struct version a = add(base, dot(6, 1), 1), b = add(base, dot(7, 2), 1);
    int64_t number;

    expect(merge(a, b), "9223372036854775808");
    cr_assert(!span_to_int64(counter_text(merge(a, b).value), &number));
    const struct version low = string(dot(5, 1), "-9223372036854775808");
    expect(merge(add(low, dot(6, 1), -0), add(low, dot(7, 2), -0)), "-9223372036854775808");
    const struct version c = add(nothing, dot(6, 1), INT64_MIN), d = add(nothing, dot(7, 2), -1);
    expect(merge(c, d), "-9223372036854775809");
    expect(merge(merge(c, d), add(nothing, dot(8, 3), INT64_MIN)), "-18446744073709551617");
}

Test(counter, an_amount_that_would_leave_64_bits_goes_to_another_share)
{
    const struct version low = string(dot(5, 1), "-9223372036854775808");
    struct version n = add(low, dot(6, 1), INT64_MAX);

    n = add(n, dot(7, 1), INT64_MAX);
    expect(n, "9223372036854775806");
    cr_assert_eq(shares_of(n), 2);
}

/* ---- bytes ---- */

Test(counter, bytes_that_are_none_are_refused)
{
    const struct version good = merge(add(nothing, dot(6, 1), 300), add(nothing, dot(7, 2), -5));
    uint8_t bytes[128];
    struct version bad = good;
    unsigned refused = 0;

    cr_assert(counter_valid(&good));
    bad.value = span_of(bytes, good.value.size);
    for (size_t size = 0; size < good.value.size; size++) {
        memcpy(bytes, good.value.data + good.value.size - size, size);
        bad.value.size = size;
        refused += !counter_valid(&bad);
    }
    cr_assert_geq(refused, good.value.size - 3, "only a shorter number is one, too");
    bad.value.size = good.value.size;
    for (size_t i = 0; i < good.value.size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct buffer out = {0};
            struct version merged;
            memcpy(bytes, good.value.data, good.value.size);
            bytes[i] ^= (uint8_t)(1u << bit);
            if (counter_valid(&bad))
                cr_assert_eq(counter_merge(&bad, &good, 0, &out, &merged), COUNTER_OK);
            buffer_deinit(&out);
        }
    bad = good;
    bad.dot = dot(6, 9);
    cr_assert(!counter_valid(&bad), "a share from after its last dot");
    bad = good;
    bad.kind = VALUE_TOMBSTONE;
    cr_assert(!version_is_counter(&bad));
    bad = string(dot(5, 1), "1234567890123");
    bad.kind = VALUE_TOMBSTONE;
    cr_assert(version_is_counter(&bad) && !counter_valid(&bad));
}

Test(counter, without_memory_nothing_is_made)
{
    const struct version n = add(nothing, dot(6, 1), 1);
    struct buffer full = {.failed = true};
    struct version merged;

    cr_assert_eq(counter_merge(&n, &nothing, 0, &full, &merged), COUNTER_NO_MEMORY);
}
