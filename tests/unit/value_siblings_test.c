/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "value/siblings.h"

#define NOW 1000

static struct buffer out;

static void reset(void)
{
    buffer_deinit(&out);
}

TestSuite(siblings, .timeout = TIMEOUT_S(10), .fini = reset);

static const struct context nothing;

static struct dot dot(uint64_t stamp, node_number node)
{
    return (struct dot){.stamp = stamp, .node = node};
}

/* A set kept apart from `out`, so that it can be an argument. Never more than a few a test. */
struct kept {
    uint8_t bytes[4096];
    size_t size;
};

static struct span span_of_kept(const struct kept *kept)
{
    return span_of(kept->bytes, kept->size);
}

static struct kept keep(enum siblings_status status)
{
    struct kept kept = {.size = buffer_size(&out)};

    cr_assert_eq(status, SIBLINGS_OK);
    cr_assert_leq(kept.size, sizeof kept.bytes);
    if (kept.size > 0)
        memcpy(kept.bytes, buffer_content(&out).data, kept.size);
    buffer_reset(&out, SIZE_MAX);
    cr_assert(siblings_valid(span_of_kept(&kept)));
    return kept;
}

static struct kept written(const struct kept *old, const struct context *context, struct dot at,
                           int64_t deadline_ms, const char *value)
{
    const struct span before = old == NULL ? span_of(NULL, 0) : span_of_kept(old);

    return keep(siblings_write(before, context, at, deadline_ms, span_of_string(value), NOW, &out));
}

static struct kept merged(const struct kept *a, const struct kept *b)
{
    return keep(siblings_merge(span_of_kept(a), span_of_kept(b), &out));
}

/* The values in order, each followed by a blank. */
static const char *values(const struct kept *set)
{
    static char text[256];
    struct siblings_cursor cursor = siblings_begin(span_of_kept(set));
    struct sibling sibling;
    size_t size = 0;

    while (siblings_next(&cursor, &sibling)) {
        memcpy(text + size, sibling.value.data, sibling.value.size);
        size += sibling.value.size;
        text[size++] = ' ';
    }
    text[size] = '\0';
    return text;
}

Test(siblings, a_write_over_what_its_client_saw_replaces_it)
{
    struct context seen;
    const struct kept first = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "first");

    siblings_context(span_of_kept(&first), &seen);
    const struct kept second = written(&first, &seen, dot(20, 2), DEADLINE_NEVER, "second");
    cr_assert_str_eq(values(&second), "second ");
}

Test(siblings, a_write_that_saw_nothing_becomes_a_sibling)
{
    const struct kept first = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "first");
    const struct kept both = written(&first, &nothing, dot(20, 1), DEADLINE_NEVER, "second");

    cr_assert_str_eq(values(&both), "first second ");
}

Test(siblings, two_clients_that_read_the_same_do_not_overwrite_each_other)
{
    struct context seen;
    const struct kept base = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "base");

    siblings_context(span_of_kept(&base), &seen);
    const struct kept one = written(&base, &seen, dot(20, 1), DEADLINE_NEVER, "one");
    const struct kept two = written(&one, &seen, dot(30, 1), DEADLINE_NEVER, "two");
    cr_assert_str_eq(values(&two), "one two ");
}

Test(siblings, an_overwritten_value_does_not_come_back_from_a_stale_replica)
{
    struct context seen;
    const struct kept stale = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "old");

    siblings_context(span_of_kept(&stale), &seen);
    const struct kept newer = written(&stale, &seen, dot(20, 2), DEADLINE_NEVER, "new");
    struct kept both = merged(&stale, &newer);
    cr_assert_str_eq(values(&both), "new ");
    cr_assert(siblings_equal(span_of_kept(&both), span_of_kept(&newer)));
    both = merged(&newer, &stale);
    cr_assert_str_eq(values(&both), "new ");
}

Test(siblings, writes_on_two_sides_of_a_partition_are_both_kept)
{
    const struct kept left = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "left");
    const struct kept right = written(NULL, &nothing, dot(10, 2), DEADLINE_NEVER, "right");
    const struct kept both = merged(&right, &left);

    cr_assert_str_eq(values(&both), "left right ");
}

Test(siblings, an_erased_sibling_leaves_only_its_trace_in_the_context)
{
    struct context seen;
    const struct kept set = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "value");

    siblings_context(span_of_kept(&set), &seen);
    const struct kept erased = keep(
        siblings_erase(span_of_kept(&set), &seen, dot(20, 2), NOW, &out));
    cr_assert_str_eq(values(&erased), "");
    const struct kept both = merged(&set, &erased);
    cr_assert(siblings_equal(span_of_kept(&both), span_of_kept(&erased)));
}

Test(siblings, an_erase_spares_what_its_client_did_not_see)
{
    struct context seen;
    const struct kept one = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "one");

    siblings_context(span_of_kept(&one), &seen);
    const struct kept two = written(&one, &nothing, dot(20, 1), DEADLINE_NEVER, "two");
    const struct kept erased = keep(
        siblings_erase(span_of_kept(&two), &seen, dot(30, 1), NOW, &out));
    cr_assert_str_eq(values(&erased), "two ");
}

Test(siblings, the_version_of_a_set_has_its_largest_dot_and_its_last_deadline)
{
    struct context seen;
    const struct kept one = written(NULL, &nothing, dot(10, 2), 5000, "one");
    const struct kept two = written(&one, &nothing, dot(20, 1), 3000, "two");
    struct version version = siblings_version(span_of_kept(&two));

    cr_assert(dot_equal(version.dot, dot(20, 1)));
    cr_assert_eq(version.kind, VALUE_SIBLINGS);
    cr_assert_eq(version.deadline_ms, 5000);
    cr_assert(span_equal(version.value, span_of_kept(&two)));

    siblings_context(span_of_kept(&two), &seen);
    const struct kept erased = keep(
        siblings_erase(span_of_kept(&two), &seen, dot(30, 1), NOW, &out));
    version = siblings_version(span_of_kept(&erased));
    cr_assert(dot_equal(version.dot, dot(30, 1)));
    cr_assert_eq(version.kind, VALUE_TOMBSTONE);
    cr_assert_eq(version.deadline_ms, DEADLINE_NEVER);
    cr_assert_gt(version.value.size, 0);
    cr_assert_not(version_exists(&(struct version){.dot = siblings_version(SPAN("")).dot}));
}

Test(siblings, a_plain_get_sees_the_newest_whose_time_is_not_up)
{
    const struct kept one = written(NULL, &nothing, dot(10, 2), DEADLINE_NEVER, "one");
    const struct kept two = written(&one, &nothing, dot(20, 1), 3000, "two");
    struct sibling sibling;

    cr_assert(siblings_newest(span_of_kept(&two), 2999, &sibling));
    cr_assert(span_equal(sibling.value, SPAN("two")));
    cr_assert(siblings_newest(span_of_kept(&two), 3000, &sibling));
    cr_assert(span_equal(sibling.value, SPAN("one")));
    cr_assert_not(siblings_newest(SPAN(""), 0, &sibling));
}

Test(siblings, a_write_sweeps_out_what_has_expired)
{
    const struct kept one = written(NULL, &nothing, dot(10, 1), NOW, "expired");
    const struct kept two = written(&one, &nothing, dot(20, 1), NOW + 1, "living");
    const struct kept both = merged(&one, &two);

    cr_assert_str_eq(values(&two), "living ");
    cr_assert_str_eq(values(&both), "living ");
}

Test(siblings, values_may_be_empty_and_hold_any_byte)
{
    const struct kept one = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "");
    const struct span zeros = SPAN("\0\xff\0");
    const struct kept two = keep(
        siblings_write(span_of_kept(&one), &nothing, dot(20, 1), DEADLINE_NEVER, zeros, NOW, &out));
    struct siblings_cursor cursor = siblings_begin(span_of_kept(&two));
    struct sibling sibling;

    cr_assert(siblings_next(&cursor, &sibling));
    cr_assert_eq(sibling.value.size, 0);
    cr_assert(siblings_next(&cursor, &sibling));
    cr_assert(span_equal(sibling.value, zeros));
    cr_assert_not(siblings_next(&cursor, &sibling));
}

Test(siblings, too_many_are_a_status_and_nothing_is_written)
{
    struct kept set = written(NULL, &nothing, dot(1, 1), DEADLINE_NEVER, "");

    for (uint64_t i = 2; i <= SIBLINGS_MAX; i++)
        set = written(&set, &nothing, dot(i, 1), DEADLINE_NEVER, "");
    cr_assert_eq(siblings_write(span_of_kept(&set), &nothing, dot(1000, 1), DEADLINE_NEVER,
                                SPAN("x"), NOW, &out),
                 SIBLINGS_TOO_MANY);
    const struct kept other = written(NULL, &nothing, dot(5, 2), DEADLINE_NEVER, "x");
    cr_assert_eq(siblings_merge(span_of_kept(&set), span_of_kept(&other), &out), SIBLINGS_TOO_MANY);
    cr_assert_eq(buffer_size(&out), 0);
}

Test(siblings, a_full_context_is_a_status_and_is_never_cut)
{
    struct context seen;
    struct kept set = written(NULL, &nothing, dot(1, 1), DEADLINE_NEVER, "");

    for (uint16_t i = 2; i <= CONTEXT_MAX; i++) {
        siblings_context(span_of_kept(&set), &seen);
        set = written(&set, &seen, dot(i, i), DEADLINE_NEVER, "");
    }
    cr_assert_eq(siblings_erase(span_of_kept(&set), &nothing, dot(1000, 1000), NOW, &out),
                 SIBLINGS_CONTEXT_FULL);
    const struct kept other = written(NULL, &nothing, dot(5, 1000), DEADLINE_NEVER, "x");
    cr_assert_eq(siblings_merge(span_of_kept(&set), span_of_kept(&other), &out),
                 SIBLINGS_CONTEXT_FULL);
    cr_assert_eq(buffer_size(&out), 0);
}

Test(siblings, a_digest_tells_sets_of_one_largest_dot_apart)
{
    const struct kept left = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "left");
    const struct kept right = written(NULL, &nothing, dot(20, 2), DEADLINE_NEVER, "right");
    const struct kept both = merged(&left, &right);

    cr_assert(dot_equal(siblings_version(span_of_kept(&both)).dot,
                        siblings_version(span_of_kept(&right)).dot));
    cr_assert_neq(siblings_digest(span_of_kept(&both)), siblings_digest(span_of_kept(&right)));
    cr_assert_eq(siblings_digest(SPAN("")), 0);
}

Test(siblings, cut_bytes_are_not_valid_and_changed_bytes_do_no_harm)
{
    const struct kept one = written(NULL, &nothing, dot(10, 2), 5000, "one");
    const struct kept two = written(&one, &nothing, dot(20, 1), 3000, "two");
    struct kept changed;

    for (size_t size = 1; size < two.size; size++)
        cr_assert_not(siblings_valid(span_of(two.bytes, size)));
    for (size_t bit = 0; bit < two.size * 8; bit++) {
        changed = two;
        changed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (siblings_valid(span_of_kept(&changed))) {
            struct siblings_cursor cursor = siblings_begin(span_of_kept(&changed));
            struct sibling sibling;
            size_t bytes = 0;
            while (siblings_next(&cursor, &sibling))
                bytes += sibling.value.size;
            cr_assert_eq(bytes, 6);
        }
    }
}

/* ---- what is not written by a client ---- */

Test(siblings, a_write_that_is_stamped_again_is_one_value_with_a_new_dot)
{
    const struct kept one = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "one");
    const struct kept both = written(&one, &nothing, dot(20, 2), DEADLINE_NEVER, "two");
    const struct kept moved = keep(
        siblings_restamp(span_of_kept(&both), dot(10, 1), dot(30, 1), &out));
    const struct kept with_copy = merged(&moved, &one);

    cr_assert_str_eq(values(&moved), "two one ");
    cr_assert(dot_equal(siblings_version(span_of_kept(&moved)).dot, dot(30, 1)));
    cr_assert_str_eq(values(&with_copy), "two one ");
    const struct kept later = keep(
        siblings_restamp(span_of_kept(&both), dot(15, 3), dot(30, 3), &out));
    cr_assert_str_eq(values(&later), "one two ", "its value was written over meanwhile");
    cr_assert(dot_equal(siblings_version(span_of_kept(&later)).dot, dot(30, 3)));
}

Test(siblings, an_old_set_brings_what_is_over_and_no_values)
{
    struct context seen;
    const struct kept one = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "one");
    siblings_context(span_of_kept(&one), &seen);
    const struct kept two = written(&one, &seen, dot(20, 2), DEADLINE_NEVER, "two");
    const struct kept three = written(&two, &nothing, dot(30, 3), DEADLINE_NEVER, "three");
    const struct kept own = written(&one, &nothing, dot(30, 3), DEADLINE_NEVER, "three");

    const struct kept met = keep(
        siblings_merge_old(span_of_kept(&own), span_of_kept(&three), &out));
    cr_assert_str_eq(values(&met), "three ", "one is over, and two is not brought");
    const struct kept all = merged(&met, &three);
    cr_assert_str_eq(values(&all), "two three ", "it does not say of two that it is over");
    const struct kept same = keep(siblings_merge_old(span_of_kept(&all), span_of_kept(&all), &out));
    cr_assert(siblings_equal(span_of_kept(&same), span_of_kept(&all)));
}

Test(siblings, an_emptied_set_knows_what_it_had)
{
    const struct kept one = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "one");
    const struct kept empty = keep(siblings_empty(span_of_kept(&one), &out));
    const struct kept both = merged(&empty, &one);

    cr_assert_eq(siblings_count(span_of_kept(&one)), 1);
    cr_assert_eq(siblings_count(span_of_kept(&empty)), 0);
    cr_assert_eq(siblings_version(span_of_kept(&empty)).kind, VALUE_TOMBSTONE);
    cr_assert(dot_equal(siblings_version(span_of_kept(&empty)).dot, dot(10, 1)));
    cr_assert_str_eq(values(&both), "");
}

Test(siblings, what_a_flush_took_goes_out_of_a_set_and_is_known_to_be_over)
{
    const struct kept one = written(NULL, &nothing, dot(10, 1), DEADLINE_NEVER, "one");
    const struct kept both = written(&one, &nothing, dot(30, 2), DEADLINE_NEVER, "two");
    const struct kept left = keep(siblings_after(span_of_kept(&both), dot(20, 3), &out));
    const struct kept met = merged(&left, &one);

    cr_assert(siblings_any_before(span_of_kept(&both), dot(10, 1)));
    cr_assert_not(siblings_any_before(span_of_kept(&both), dot(9, 1)));
    cr_assert_not(siblings_any_before(span_of_kept(&left), dot(20, 3)));
    cr_assert_str_eq(values(&left), "two ");
    cr_assert(dot_equal(siblings_version(span_of_kept(&left)).dot, dot(30, 2)));
    cr_assert_str_eq(values(&met), "two ");
}
