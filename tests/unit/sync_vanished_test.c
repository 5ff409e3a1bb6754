/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sync/stream.h"
#include "sync/vanished.h"

TestSuite(sync_vanished, .timeout = TIMEOUT_S(60));

#define CLAIM 7

static struct replica_bounds bounds;
static struct replica replica;
static struct partition *partition;
static struct buffer marks;
static const struct instant now = {.wall_ms = 1000, .mono_us = 1000000};

static void begin(void)
{
    const struct store_options options = {.partitions = 2, .seed = 3, .now_ms = 1};

    atomic_store(&bounds.ceiling, hlc_stamp(5000));
    atomic_store(&bounds.ahead_max_ms, 10000);
    replica = (struct replica){.store = store_create(&options), .bounds = &bounds, .self = 1};
    partition = store_partition(replica.store, 1);
    partition->claim_version = CLAIM;
    partition->eligible = true;
}

static void end(void)
{
    buffer_deinit(&marks);
    buffer_deinit(&replica.merged);
    store_destroy(&replica.store);
}

static struct dot dot_of(uint64_t stamp)
{
    return (struct dot){.stamp = stamp, .node = 2};
}

static void put(const char *name, uint64_t stamp)
{
    const struct span key = span_of_string(name), value = SPAN("v");
    const struct version version = {
        .kind = VALUE_STRING, .dot = dot_of(stamp), .deadline_ms = DEADLINE_NEVER};

    partition_put(partition, store_hash(replica.store, key), key, &version, &value, 1);
}

static bool has(const char *name)
{
    const struct span key = span_of_string(name);
    struct version version;

    return partition_get(partition, store_hash(replica.store, key), key, &version);
}

static uint64_t mark_of(const char *name)
{
    const struct span key = span_of_string(name);

    return partition_mark(partition, store_hash(replica.store, key), key).stamp;
}

static void hand(const char *name, uint64_t stamp)
{
    stream_put_mark(&marks, store_hash(replica.store, span_of_string(name)), dot_of(stamp));
}

static enum ack_status take(void)
{
    return vanished_take(&replica, now, 1, CLAIM, buffer_content(&marks));
}

Test(sync_vanished, what_is_older_goes_and_what_is_newer_stays)
{
    begin();
    put("older", 10);
    put("newer", 30);
    put("same", 20);
    put("other", 10);
    hand("nothing", 20);
    hand("older", 20);
    hand("newer", 20);
    hand("same", 20);
    cr_assert_eq(take(), ACK_OK);
    cr_assert_eq(mark_of("nothing"), 20);
    cr_assert_not(has("older"));
    cr_assert_eq(mark_of("older"), 20);
    cr_assert(has("newer"));
    cr_assert(has("same"));
    cr_assert(has("other"));
    struct partition_counts counts;
    partition_count(partition, &counts);
    cr_assert_eq(counts.marks, 2, "none stands beside an entry");
    cr_assert_eq(partition->last_stamp, 20);
    cr_assert_eq(replica.hlc.last, 20);
    end();
}

Test(sync_vanished, a_mark_does_not_take_the_place_of_a_newer_one)
{
    begin();
    partition_leave_mark(partition, store_hash(replica.store, SPAN("k")), dot_of(30));
    hand("k", 20);
    cr_assert_eq(take(), ACK_OK);
    cr_assert_eq(mark_of("k"), 30);
    end();
}

Test(sync_vanished, what_is_settled_or_flushed_leaves_no_mark)
{
    begin();
    partition_settle(partition, 20, 100);
    partition->flushed = dot_of(40);
    hand("settled", 20);
    hand("flushed", 40);
    hand("k", 41);
    cr_assert_eq(take(), ACK_OK);
    cr_assert_eq(mark_of("settled"), 0);
    cr_assert_eq(mark_of("flushed"), 0);
    cr_assert_eq(mark_of("k"), 41);
    end();
}

/* Nothing has changed then. */
static void expect_refusal(enum ack_status status)
{
    cr_assert_eq(take(), status);
    cr_assert(has("k"));
    cr_assert_eq(mark_of("missed"), 0);
    cr_assert_eq(partition->last_stamp, 0);
}

Test(sync_vanished, marks_are_refused_for_a_reason)
{
    begin();
    put("k", 10);
    hand("k", 20);
    hand("missed", 20);
    partition->claim_version++;
    expect_refusal(ACK_STALE_CLAIM);
    partition->claim_version--;
    partition->recovering = true;
    expect_refusal(ACK_FORGETFUL);
    partition->recovering = false;
    atomic_store(&bounds.ceiling, 19);
    expect_refusal(ACK_CEILING);
    atomic_store(&bounds.ceiling, 20);
    cr_assert_eq(vanished_take(&replica, now, 2, CLAIM, buffer_content(&marks)), ACK_STALE_CLAIM);
    cr_assert_eq(take(), ACK_OK);
    end();
}

Test(sync_vanished, bytes_that_are_no_marks_are_refused)
{
    const struct version version = {
        .kind = VALUE_STRING, .dot = {20, 2}, .deadline_ms = DEADLINE_NEVER};

    begin();
    put("k", 10);
    hand("missed", 20);
    buffer_append(&marks, "x", 1);
    expect_refusal(ACK_FULL);
    buffer_reset(&marks, 0);
    hand("missed", 20);
    stream_put_version(&marks, SPAN("k"), &version);
    expect_refusal(ACK_FULL);
    buffer_reset(&marks, 0);
    hand("missed", 0);
    expect_refusal(ACK_FULL);
    buffer_reset(&marks, 0);
    for (unsigned i = 0; i <= VANISHED_MARKS_MAX; i++)
        stream_put_mark(&marks, i + 1, dot_of(20));
    expect_refusal(ACK_FULL);
    end();
}

Test(sync_vanished, a_piece_is_what_is_taken_at_once)
{
    begin();
    for (uint64_t i = 0; i <= VANISHED_MARKS_MAX; i++)
        stream_put_mark(&marks, i * 0x9e3779b97f4a7c15, dot_of(20));
    const struct span piece = vanished_piece(buffer_content(&marks));
    cr_assert_eq(piece.size, VANISHED_MARKS_MAX * STREAM_MARK_BYTES);
    cr_assert_eq(vanished_take(&replica, now, 1, CLAIM, piece), ACK_OK);
    buffer_consume(&marks, piece.size);
    const struct span rest = vanished_piece(buffer_content(&marks));
    cr_assert_eq(rest.size, STREAM_MARK_BYTES);
    cr_assert_eq(vanished_take(&replica, now, 1, CLAIM, rest), ACK_OK);
    struct partition_counts counts;
    partition_count(partition, &counts);
    cr_assert_eq(counts.marks, VANISHED_MARKS_MAX + 1);
    end();
}
