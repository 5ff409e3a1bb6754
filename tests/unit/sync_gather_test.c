/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/timeout.h"
#include "sync/gather.h"
#include "value/siblings.h"

TestSuite(sync_gather, .timeout = TIMEOUT_S(10));

#define KEY  SPAN("k")
#define HASH UINT64_C(0x8e5b3a1d90c4f276)

static struct gather gather;
static uint64_t number;

static void begin(unsigned sources)
{
    gather_init(&gather);
    number = 0;
    for (unsigned i = 0; i < sources; i++)
        gather_source(&gather, (uint8_t)i, true);
}

static void end(void)
{
    gather_deinit(&gather);
    cr_assert_eq(gather_memory(&gather), 0);
}

static void has(unsigned source, uint64_t stamp, enum value_kind kind)
{
    const struct stream_entry entry = {
        .key = KEY, .version = {.kind = kind, .dot = {stamp, 1}, .deadline_ms = DEADLINE_NEVER}};

    gather_add(&gather, source, HASH, &entry, 3, ++number);
}

static void marks(unsigned source, uint64_t stamp)
{
    const struct stream_entry entry = {
        .is_mark = true, .hash = HASH, .version = {.dot = {stamp, 1}}};

    gather_add(&gather, source, HASH, &entry, GATHER_SOURCES_MAX, ++number);
}

static void ends(unsigned source, uint64_t floor, uint64_t settled)
{
    gather_bounds(&gather, source, floor, settled, DOT_NONE, ++number);
}

static struct gather_key *key(void)
{
    return gather_find(&gather, HASH, KEY);
}

static void expect(enum gather_outcome outcome, uint64_t stamp)
{
    const struct gather_decision decision = gather_decide(&gather, key());

    cr_assert_eq(decision.outcome, outcome, "decided %d", decision.outcome);
    cr_assert_eq(decision.dot.stamp, stamp);
}

Test(sync_gather, the_newest_version_wins)
{
    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    has(1, 7, VALUE_TOMBSTONE);
    ends(1, 0, 0);
    expect(GATHER_VERSION, 7);
    cr_assert_eq(key()->version.kind, VALUE_TOMBSTONE);
    cr_assert_not(gather_contested(&gather, key()));
    end();
}

Test(sync_gather, a_mark_above_covers_and_one_at_the_version_does_not)
{
    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    marks(1, 6);
    ends(1, 0, 0);
    expect(GATHER_MARK, 6);
    end();
    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    marks(1, 5);
    ends(1, 0, 0);
    expect(GATHER_VERSION, 5);
    end();
}

Test(sync_gather, an_absence_below_the_floor_is_no_vote)
{
    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    ends(1, 5, 0);
    expect(GATHER_DROPPED, 5);
    gather.forced = true;
    expect(GATHER_DROPPED, 5);
    gather.sources[1].votes = false; /* what it does not have says nothing */
    expect(GATHER_VERSION, 5);
    end();
    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    ends(1, 4, 0);
    expect(GATHER_VERSION, 5);
    end();
}

Test(sync_gather, a_settled_absence_counts_once_the_other_was_looked_at_again)
{
    struct version version = {.kind = VALUE_STRING, .dot = {5, 1}};

    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 9);
    ends(1, 0, 9);
    expect(GATHER_DROPPED, 5);
    cr_assert(gather_contested(&gather, key()));
    gather_look_again(&gather, key(), 1, &(struct version){0}, 0, DOT_NONE, 100, 101);
    cr_assert_not(gather_contested(&gather, key()));
    expect(GATHER_DROPPED, 5);
    gather_look_again(&gather, key(), 0, &version, 0, DOT_NONE, 102, 103);
    expect(GATHER_VERSION, 5);
    end();
}

Test(sync_gather, an_absence_that_was_looked_at_before_counts)
{
    begin(2);
    ends(1, 0, 9);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 9);
    expect(GATHER_VERSION, 5);
    end();
}

Test(sync_gather, a_second_look_may_find_a_newer_one_or_a_mark)
{
    struct version version = {.kind = VALUE_STRING, .dot = {8, 1}, .value = SPAN("new")};

    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    ends(1, 0, 0);
    gather_look_again(&gather, key(), 1, &version, 0, DOT_NONE, 100, 101);
    expect(GATHER_VERSION, 8);
    cr_assert(span_equal(key()->version.value, SPAN("new")));
    end();
    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    ends(1, 0, 0);
    gather_look_again(&gather, key(), 1, &(struct version){0}, 0, (struct dot){6, 1}, 100, 101);
    expect(GATHER_MARK, 6);
    end();
}

Test(sync_gather, a_flush_is_a_mark_of_every_key)
{
    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 0);
    gather_bounds(&gather, 1, 0, 0, (struct dot){6, 2}, ++number);
    expect(GATHER_MARK, 6);
    cr_assert_eq(gather_flushed(&gather).stamp, 6);
    end();
}

Test(sync_gather, who_keeps_no_copy_of_a_key_has_no_vote_about_it)
{
    const struct stream_entry entry = {
        .key = KEY,
        .version = {.kind = VALUE_STRING, .dot = {5, 1}, .deadline_ms = DEADLINE_NEVER}};

    begin(2);
    gather_add(&gather, 0, HASH, &entry, 1, ++number);
    ends(0, 0, 0);
    ends(1, 9, 9);
    expect(GATHER_VERSION, 5);
    cr_assert_not(gather_contested(&gather, key()));
    end();
}

static void add_leaves(unsigned source, uint64_t sums[PARTITION_LEAVES])
{
    memset(sums, 0, PARTITION_LEAVES * sizeof sums[0]);
    for (const struct gather_key *at = gather_next(&gather, NULL); at != NULL;
         at = gather_next(&gather, at))
        gather_sum(at, source, sums);
}

static void have_same(unsigned source, unsigned from, uint16_t leaves, uint64_t asked)
{
    for (struct gather_key *at = gather_next(&gather, NULL); at != NULL;
         at = gather_next(&gather, at))
        gather_same(at, source, from, leaves, asked);
}

Test(sync_gather, equal_leaves_stand_for_what_is_in_them)
{
    uint64_t sums[PARTITION_LEAVES];
    const unsigned leaf = store_leaf(HASH);

    begin(2);
    has(0, 5, VALUE_STRING);
    ends(0, 0, 9);
    add_leaves(0, sums);
    cr_assert_eq(sums[leaf], store_version_digest(HASH, (struct dot){5, 1}, 0));
    have_same(1, 0, (uint16_t)(1u << leaf), 1);
    ends(1, 0, 9);
    expect(GATHER_VERSION, 5);
    cr_assert_not(gather_contested(&gather, key()));
    end();
}

/* A source has a set of which these bytes are a write beside `old`. */
static void has_set(unsigned source, struct span old, struct dot dot, struct buffer *bytes)
{
    const struct context none = {0};

    cr_assert_eq(siblings_write(old, &none, dot, DEADLINE_NEVER, SPAN("v"), 0, bytes), SIBLINGS_OK);
    const struct stream_entry entry = {.key = KEY,
                                       .version = siblings_version(buffer_content(bytes))};
    gather_add(&gather, source, HASH, &entry, 3, ++number);
}

Test(sync_gather, sets_with_one_largest_dot_are_told_apart)
{
    uint64_t sums[PARTITION_LEAVES], others[PARTITION_LEAVES];
    struct buffer a = {0}, b = {0}, c = {0};
    const struct dot second = {9, 2};

    begin(2);
    has_set(0, span_of(NULL, 0), (struct dot){5, 1}, &a);
    has_set(0, buffer_content(&a), second, &b);
    ends(0, 0, 0);
    has_set(1, span_of(NULL, 0), second, &c);
    ends(1, 0, 0);
    expect(GATHER_VERSION, 9);
    cr_assert_eq(siblings_count(key()->version.value), 2);
    add_leaves(0, sums);
    add_leaves(1, others);
    cr_assert_arr_neq(sums, others, sizeof sums);
    cr_assert(gather_has_all(key(), 0));
    cr_assert_not(gather_has_all(key(), 1));
    cr_assert_not(gather_lacks_values(key(), 0));
    cr_assert(gather_lacks_values(key(), 1));
    const struct version version = {.dot = second};
    gather_look_again(&gather, key(), 1, &version, siblings_digest_of(&key()->version), DOT_NONE,
                      100, 101);
    cr_assert(gather_has_all(key(), 1));
    end();
    buffer_deinit(&a);
    buffer_deinit(&b);
    buffer_deinit(&c);
}

Test(sync_gather, what_others_no_longer_have_is_outlived)
{
    begin(2);
    ends(0, 0, 9);
    ends(1, 0, 3);
    ends(1, 0, 20);
    cr_assert(gather_outlived(&gather, NULL, (struct dot){9, 1}));
    cr_assert_not(gather_outlived(&gather, NULL, (struct dot){10, 1}));
    has(0, 9, VALUE_STRING);
    cr_assert_not(gather_outlived(&gather, key(), (struct dot){9, 1}));
    end();
}

Test(sync_gather, what_settled_after_a_source_gave_its_sums_is_not_outlived)
{
    begin(2);
    gather_begin(&gather, 0, 3, 5);
    gather_begin(&gather, 1, 0, 4);
    ends(0, 9, 9);
    ends(1, 0, 9);
    cr_assert(gather_outlived(&gather, NULL, (struct dot){5, 1}));
    cr_assert_not(gather_outlived(&gather, NULL, (struct dot){6, 1}));
    end();
}

Test(sync_gather, many_keys_are_found_and_gone_through_once)
{
    unsigned count = 0;

    begin(2);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t name = i;
        const struct span bytes = span_of(&name, sizeof name);
        const struct stream_entry entry = {
            .key = bytes, .version = {.kind = VALUE_STRING, .dot = {i + 1, 1}, .value = bytes}};
        gather_add(&gather, 0, i * UINT64_C(0x9e3779b97f4a7c15), &entry, 3, 1);
    }
    for (const struct gather_key *at = gather_next(&gather, NULL); at != NULL;
         at = gather_next(&gather, at))
        count++;
    cr_assert_eq(count, 5000);
    cr_assert_gt(gather_memory(&gather), 5000 * 100);
    end();
}

/* A large partition: its table grows by parts, and is freed in steps. */
Test(sync_gather, many_keys_are_each_there_once_and_freed_some_at_a_time)
{
    enum { KEYS = 5000, STEP = 300 };
    size_t seen = 0, steps = 1;
    char text[16];

    begin(1);
    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(text, sizeof text, "key%u", i);
        const struct stream_entry entry = {.key = span_of_string(text),
                                           .version = {.kind = VALUE_STRING, .dot = {5, 1}}};
        gather_add(&gather, 0, (i + 1) * UINT64_C(0x9e3779b97f4a7c15), &entry, 1, ++number);
    }
    for (const struct gather_key *at = gather_next(&gather, NULL); at != NULL;
         at = gather_next(&gather, at))
        seen++;
    cr_assert_eq(seen, KEYS);
    cr_assert_not_null(gather_find(&gather, UINT64_C(0x9e3779b97f4a7c15), SPAN("key0")));
    while (gather_free_some(&gather, STEP))
        steps++;
    cr_assert(steps >= KEYS / STEP - 2 && steps <= KEYS / STEP + 1, "%zu steps", steps);
    cr_assert_eq(gather.key_count, 0);
    end();
}
