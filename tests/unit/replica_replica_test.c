/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The replica's side: what it keeps, what it refuses and why, and what it answers.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "lib/timeout.h"
#include "replica/replica.h"
#include "ring/ring.h"
#include "store/mates.h"
#include "sync/stream.h"
#include "value/batch.h"
#include "value/siblings.h"

TestSuite(replica, .timeout = TIMEOUT_S(10));

#define NOW_MS  INT64_C(1700000000000)
#define CLAIM   5
#define AHEAD   3500
#define CEILING 100000

static struct store *store;
static struct replica_bounds bounds;
static struct replica replica;
static struct partition *partition;
static struct place place;
static const struct instant now = {.wall_ms = NOW_MS};
static struct buffer bytes;

static void begin(void)
{
    const struct store_options options = {.partitions = 4, .seed = 1, .now_ms = NOW_MS};

    store = store_create(&options);
    bounds.ceiling_at_start = 0;
    atomic_init(&bounds.ceiling, hlc_stamp(NOW_MS + CEILING));
    atomic_init(&bounds.ahead_max_ms, AHEAD);
    replica = (struct replica){.store = store, .bounds = &bounds, .self = 1};
    partition = store_partition(store, 2);
    partition->claim_version = CLAIM;
    partition->eligible = true;
    place = (struct place){.partition = 2,
                           .claim_version = CLAIM,
                           .hash = store_hash(store, SPAN("k")),
                           .key = SPAN("k")};
}

static void end(void)
{
    store_destroy(&store);
    buffer_deinit(&bytes);
    buffer_deinit(&replica.merged);
    buffer_deinit(&replica.unflushed);
}

static struct dot dot(uint64_t sequence, node_number node)
{
    return (struct dot){.stamp = hlc_stamp(NOW_MS) + sequence, .node = node};
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

static struct offered offer(struct version version)
{
    return replica_offer(&replica, now, &place, DOT_NONE, &version);
}

static struct looked look(struct dot have)
{
    buffer_reset(&bytes, SIZE_MAX);
    return replica_look(&replica, &place, have, 0, &bytes);
}

static void expect_value(const char *value)
{
    const struct looked looked = look(DOT_NONE);

    cr_assert_eq(looked.status, ANSWER_VERSION);
    cr_assert_eq(looked.version.kind, VALUE_STRING);
    cr_assert(span_equal(looked.version.value, span_of_string(value)));
}

/* ---- offers ---- */

Test(replica, the_newer_version_wins_whatever_came_first)
{
    begin();
    cr_assert_eq(offer(string(dot(5, 2), "five")).status, ACK_OK);
    const struct offered older = offer(string(dot(4, 3), "four"));
    cr_assert_eq(older.status, ACK_NEWER);
    cr_assert(dot_equal(older.known, dot(5, 2)));
    expect_value("five");
    cr_assert_eq(offer(string(dot(5, 3), "a higher node")).status, ACK_OK);
    expect_value("a higher node");
    cr_assert_eq(offer(string(dot(5, 2), "five")).status, ACK_NEWER);
    end();
}

Test(replica, what_comes_twice_is_acknowledged_twice)
{
    begin();
    cr_assert_eq(offer(string(dot(5, 2), "v")).status, ACK_OK);
    cr_assert_eq(offer(string(dot(5, 2), "v")).status, ACK_OK);
    expect_value("v");
    end();
}

Test(replica, a_tombstone_is_a_version)
{
    begin();
    offer(string(dot(5, 2), "v"));
    cr_assert_eq(offer(tombstone(dot(6, 2))).status, ACK_OK);
    cr_assert_eq(offer(string(dot(5, 9), "v")).status, ACK_NEWER);
    const struct looked looked = look(DOT_NONE);
    cr_assert_eq(looked.status, ANSWER_VERSION);
    cr_assert_eq(looked.version.kind, VALUE_TOMBSTONE);
    end();
}

Test(replica, a_version_past_its_deadline_covers_older_ones)
{
    struct version expired = string(dot(6, 2), "gone");

    begin();
    expired.deadline_ms = NOW_MS - 1;
    offer(string(dot(5, 2), "v"));
    cr_assert_eq(offer(expired).status, ACK_OK);
    cr_assert_eq(look(DOT_NONE).version.deadline_ms, NOW_MS - 1);
    end();
}

Test(replica, a_write_that_did_not_know_what_it_replaces_has_diverged)
{
    const struct version second = string(dot(7, 2), "w"), third = string(dot(8, 2), "x");

    begin();
    offer(string(dot(5, 3), "v"));
    cr_assert(replica_offer(&replica, now, &place, dot(4, 3), &second).diverged);
    cr_assert(!replica_offer(&replica, now, &place, dot(7, 2), &third).diverged);
    end();
}

Test(replica, another_claim_is_refused_with_our_own)
{
    begin();
    place.claim_version = CLAIM - 1;
    const struct offered offered = offer(string(dot(5, 2), "v"));
    cr_assert_eq(offered.status, ACK_STALE_CLAIM);
    cr_assert_eq(offered.claim_version, CLAIM);
    const struct looked looked = look(DOT_NONE);
    cr_assert_eq(looked.status, ANSWER_STALE_CLAIM);
    cr_assert_eq(looked.claim_version, CLAIM);
    place.claim_version = CLAIM;
    cr_assert_eq(look(DOT_NONE).status, ANSWER_SAME, "and nothing was kept");
    end();
}

Test(replica, who_forgot_keeps_only_what_is_above_its_old_ceiling)
{
    begin();
    partition->recovering = true;
    partition->forgotten = dot(100, 1).stamp;
    const struct offered offered = offer(string(dot(100, 2), "v"));
    cr_assert_eq(offered.status, ACK_FORGETFUL);
    cr_assert_geq(dot_compare(offered.known, dot(100, 2)), 0);
    cr_assert_eq(offer(string(dot(101, 2), "v")).status, ACK_OK);
    cr_assert_eq(look(DOT_NONE).status, ANSWER_NOT_VOTING);
    partition->recovering = false;
    expect_value("v");
    cr_assert_eq(offer(string(dot(50, 2), "w")).status, ACK_NEWER, "who votes knows");
    end();
}

Test(replica, nothing_passes_the_ceiling)
{
    begin();
    atomic_store(&bounds.ceiling, dot(10, 1).stamp);
    cr_assert_eq(offer(string(dot(10, 9), "v")).status, ACK_OK);
    cr_assert_eq(offer(string(dot(11, 1), "w")).status, ACK_CEILING);
    cr_assert_eq(replica_flush(&replica, now, 2, dot(11, 1), false).status, ACK_CEILING);
    expect_value("v");
    end();
}

Test(replica, a_stamp_too_far_ahead_is_refused_and_not_followed)
{
    const struct dot far = {.stamp = hlc_stamp(NOW_MS + AHEAD + 1), .node = 2};
    const struct dot near = {.stamp = hlc_stamp(NOW_MS + AHEAD), .node = 2};

    begin();
    cr_assert_eq(offer(string(far, "v")).status, ACK_TOO_FAR);
    cr_assert_eq(replica_flush(&replica, now, 2, far, false).status, ACK_TOO_FAR);
    cr_assert_lt(replica.hlc.last, far.stamp);
    cr_assert_eq(offer(string(near, "v")).status, ACK_OK);
    cr_assert_eq(replica.hlc.last, near.stamp);
    end();
}

Test(replica, full_memory_refuses_values_and_takes_tombstones)
{
    begin();
    store_set_memory_max(store, 1);
    cr_assert_eq(offer(string(dot(5, 2), "v")).status, ACK_FULL);
    cr_assert_eq(offer(tombstone(dot(6, 2))).status, ACK_OK);
    end();
}

/* ---- looks ---- */

Test(replica, an_answer_is_short_when_the_asker_has_the_same)
{
    begin();
    cr_assert_eq(look(DOT_NONE).status, ANSWER_SAME);
    cr_assert_eq(look(dot(1, 1)).status, ANSWER_NONE);
    offer(string(dot(5, 2), "v"));
    cr_assert_eq(look(dot(5, 2)).status, ANSWER_SAME);
    cr_assert_eq(buffer_size(&bytes), 0);
    end();
}

Test(replica, an_answer_has_the_value_when_it_is_the_newer_one)
{
    begin();
    offer(string(dot(5, 2), "v"));
    cr_assert_eq(look(dot(4, 9)).status, ANSWER_VERSION);
    cr_assert(span_equal(buffer_content(&bytes), SPAN("v")));
    const struct looked older = look(dot(6, 1));
    cr_assert_eq(older.status, ANSWER_VERSION);
    cr_assert(dot_equal(older.version.dot, dot(5, 2)));
    cr_assert_eq(buffer_size(&bytes), 0);
    end();
}

Test(replica, answers_may_follow_each_other_in_a_buffer)
{
    struct looked looked;

    begin();
    offer(string(dot(5, 2), "v"));
    buffer_append_string(&bytes, "before");
    looked = replica_look(&replica, &place, DOT_NONE, 0, &bytes);
    cr_assert(span_equal(looked.version.value, SPAN("v")));
    cr_assert_eq(buffer_size(&bytes), 7);
    end();
}

/* ---- stamps ---- */

Test(replica, stamps_rise_above_all_that_is_known)
{
    uint64_t stamp, next;

    begin();
    partition_lock(partition);
    stamp = replica_stamp(&replica, now, partition, 0);
    cr_assert_geq(stamp, hlc_stamp(NOW_MS));
    next = replica_stamp(&replica, now, partition, 0);
    cr_assert_gt(next, stamp);
    next = replica_stamp(&replica, now, partition, stamp + 1000);
    cr_assert_gt(next, stamp + 1000);
    partition->last_stamp = stamp + 2000; /* another worker's */
    next = replica_stamp(&replica, now, partition, 0);
    cr_assert_gt(next, stamp + 2000);
    cr_assert_eq(partition->last_stamp, next);
    partition_unlock(partition);
    end();
}

Test(replica, no_stamp_passes_the_ceiling_and_none_is_lost)
{
    begin();
    const uint64_t before = replica.hlc.last;
    atomic_store(&bounds.ceiling, hlc_stamp(NOW_MS) - 1);
    partition_lock(partition);
    cr_assert_eq(replica_stamp(&replica, now, partition, 0), 0);
    cr_assert_eq(replica.hlc.last, before);
    atomic_store(&bounds.ceiling, hlc_stamp(NOW_MS));
    cr_assert_eq(replica_stamp(&replica, now, partition, 0), hlc_stamp(NOW_MS));
    partition_unlock(partition);
    end();
}

/* ---- flushes ---- */

Test(replica, what_is_flushed_is_gone_and_stays_gone)
{
    begin();
    offer(string(dot(5, 2), "v"));
    cr_assert_eq(replica_flush(&replica, now, 2, dot(9, 3), false).status, ACK_OK);
    const struct looked looked = look(DOT_NONE);
    cr_assert_eq(looked.status, ANSWER_VERSION, "an absence below a flush shows as its tombstone");
    cr_assert_eq(looked.version.kind, VALUE_TOMBSTONE);
    cr_assert(dot_equal(looked.version.dot, dot(9, 3)));
    const struct offered late = offer(string(dot(8, 2), "w"));
    cr_assert_eq(late.status, ACK_NEWER);
    cr_assert(dot_equal(late.known, dot(9, 3)));
    cr_assert_eq(offer(string(dot(10, 2), "x")).status, ACK_OK);
    expect_value("x");
    end();
}

Test(replica, a_flush_of_what_is_newer_is_refused)
{
    begin();
    offer(string(dot(5, 2), "v"));
    const struct offered offered = replica_flush(&replica, now, 2, dot(5, 1), false);
    cr_assert_eq(offered.status, ACK_NEWER);
    cr_assert_geq(dot_compare(offered.known, dot(5, 2)), 0);
    expect_value("v");
    cr_assert_eq(replica_flush(&replica, now, 2, dot(6, 1), false).status, ACK_OK);
    cr_assert_eq(replica_flush(&replica, now, 2, dot(6, 1), false).status, ACK_OK,
                 "it came before");
    cr_assert_eq(replica_flush(&replica, now, 2, dot(5, 9), false).status, ACK_NEWER);
    end();
}

static void offer_numbered(unsigned number, uint64_t sequence)
{
    char key[16];
    const struct span name = span_of(key, (size_t)snprintf(key, sizeof key, "n%u", number));
    const struct place at = {
        .partition = 2, .claim_version = CLAIM, .hash = store_hash(store, name), .key = name};
    const struct version version = string(dot(sequence, 2), "v");

    cr_assert_eq(replica_offer(&replica, now, &at, DOT_NONE, &version).status, ACK_OK);
}

Test(replica, a_late_flush_leaves_what_is_newer_and_kills_the_rest_at_once)
{
    struct partition_counts counts;

    begin();
    offer(string(dot(5, 2), "v"));
    for (unsigned i = 0; i < 1000; i++)
        offer_numbered(i, i % 2 == 0 ? 4 : 10);
    cr_assert_eq(replica_flush(&replica, now, 2, dot(9, 3), true).status, ACK_OK);
    cr_assert_eq(replica_flush(&replica, now, 2, dot(9, 3), true).status, ACK_OK, "it came before");
    cr_assert_eq(replica_flush(&replica, now, 2, dot(8, 3), true).status, ACK_OK, "a higher one");
    cr_assert_eq(partition->flushed.stamp, dot(9, 3).stamp);
    cr_assert_eq(partition->last_stamp, dot(10, 2).stamp);
    const struct looked looked = look(DOT_NONE);
    cr_assert_eq(looked.version.kind, VALUE_TOMBSTONE);
    cr_assert(dot_equal(looked.version.dot, dot(9, 3)));
    cr_assert_eq(offer(string(dot(6, 2), "w")).status, ACK_NEWER);
    uint32_t dropped = 0, turns = 0;
    for (; partition->flushing; turns++)
        dropped += replica_drop_dead(&replica, partition, 100);
    cr_assert_eq(dropped, 500, "the one that was looked at went then");
    cr_assert_geq(turns, 5);
    partition_count(partition, &counts);
    cr_assert_eq(counts.keys, 500);
    end();
}

Test(replica, a_late_flush_of_a_partition_without_newer_stamps_is_a_flush)
{
    begin();
    offer(string(dot(5, 2), "v"));
    cr_assert_eq(replica_flush(&replica, now, 2, dot(9, 3), true).status, ACK_OK);
    cr_assert_not(partition->flushing);
    cr_assert_eq(partition->last_stamp, dot(9, 3).stamp);
    end();
}

/* What is killed is never sent, or a set of it would come to life in another. */
Test(replica, what_a_late_flush_killed_is_not_streamed)
{
    struct stream_entry entry;

    begin();
    offer(string(dot(5, 2), "v"));
    offer_numbered(1, 10);
    replica_flush(&replica, now, 2, dot(9, 3), true);
    cr_assert_eq(stream_read(partition, STREAM_ALL_LEAVES, 0, 1000, &bytes), 0);
    struct span rest = buffer_content(&bytes);
    cr_assert_eq(stream_next(&rest, &entry), STREAM_OK);
    cr_assert(span_equal(entry.key, SPAN("n1")));
    cr_assert_eq(stream_next(&rest, &entry), STREAM_END);
    end();
}

Test(replica, who_forgot_has_a_late_flush_only_above_its_old_ceiling)
{
    begin();
    partition->recovering = true;
    partition->forgotten = dot(100, 1).stamp;
    cr_assert_eq(replica_flush(&replica, now, 2, dot(100, 2), true).status, ACK_FORGETFUL);
    partition->recovering = false;
    cr_assert_eq(replica_flush(&replica, now, 2, dot(100, 2), true).status, ACK_OK);
    end();
}

Test(replica, who_forgot_flushes_only_above_its_old_ceiling)
{
    begin();
    partition->recovering = true;
    partition->forgotten = dot(100, 1).stamp;
    const struct offered offered = replica_flush(&replica, now, 2, dot(100, 2), false);
    cr_assert_eq(offered.status, ACK_FORGETFUL);
    cr_assert_geq(dot_compare(offered.known, dot(100, 2)), 0);
    cr_assert_eq(replica_flush(&replica, now, 2, dot(101, 2), false).status, ACK_OK);
    end();
}

/* ---- what has vanished ---- */

static void vanish(void)
{
    partition_lock(partition);
    cr_assert(partition_vanish(partition, place.hash, place.key));
    partition_unlock(partition);
}

static void settle(struct dot at)
{
    partition_lock(partition);
    partition_settle(partition, at.stamp, UINT32_MAX);
    partition_unlock(partition);
}

static void raise_floor(struct dot at)
{
    partition_lock(partition);
    partition_raise_floor(partition, at.stamp);
    partition_unlock(partition);
}

static void expect_newer(struct version version, struct dot known)
{
    const struct offered offered = offer(version);

    cr_assert_eq(offered.status, ACK_NEWER);
    cr_assert(dot_equal(offered.known, known));
}

/* Rule 8. */
Test(replica, where_a_version_vanished_nothing_as_old_enters_again)
{
    begin();
    offer(string(dot(5, 2), "v"));
    vanish();
    expect_newer(string(dot(4, 9), "older"), dot(5, 2));
    expect_newer(string(dot(5, 2), "a second copy"), dot(5, 2));
    cr_assert_eq(offer(string(dot(5, 3), "newer")).status, ACK_OK);
    expect_value("newer");
    end();
}

/* Rule 8. */
Test(replica, below_the_floor_nothing_enters_an_empty_place)
{
    begin();
    offer(string(dot(3, 2), "here"));
    raise_floor(dot(7, 0));
    cr_assert_eq(offer(string(dot(4, 2), "over an entry")).status, ACK_OK);
    expect_value("over an entry");
    partition_lock(partition);
    partition_remove(partition, place.hash, place.key);
    partition_unlock(partition);
    expect_newer(string(dot(7, 9), "late"), dot(7, UINT16_MAX));
    cr_assert_eq(offer(string(dot(8, 1), "new")).status, ACK_OK);
    end();
}

/* Rule 9. */
Test(replica, what_is_settled_and_not_here_is_a_second_copy)
{
    begin();
    offer(string(dot(3, 2), "here"));
    settle(dot(7, 0));
    cr_assert_eq(offer(string(dot(4, 2), "over an entry")).status, ACK_OK);
    vanish();
    cr_assert(!dot_exists(look(dot(1, 1)).mark), "it was settled");
    expect_newer(string(dot(4, 2), "again"), dot(7, UINT16_MAX));
    expect_newer(tombstone(dot(7, 9)), dot(7, UINT16_MAX));
    cr_assert_eq(offer(string(dot(8, 1), "new")).status, ACK_OK);
    end();
}

Test(replica, an_absence_says_what_may_have_been_there)
{
    begin();
    offer(string(dot(5, 2), "v"));
    settle(dot(2, 0));
    raise_floor(dot(3, 0));
    vanish();
    for (unsigned turn = 0; turn < 2; turn++) {
        const struct looked looked = look(turn == 0 ? DOT_NONE : dot(4, 4));
        cr_assert_eq(looked.status, turn == 0 ? ANSWER_SAME : ANSWER_NONE);
        cr_assert(!version_exists(&looked.version));
        cr_assert(dot_equal(looked.mark, dot(5, 2)));
        cr_assert_eq(looked.floor, dot(3, 0).stamp);
        cr_assert_eq(looked.settled, dot(2, 0).stamp);
    }
    end();
}

/* The tombstone of a flush is a vote against all that is newer, and must not be one when it cannot
 * tell. */
Test(replica, a_flush_shows_as_a_tombstone_until_something_newer_may_have_vanished)
{
    begin();
    replica_flush(&replica, now, 2, dot(9, 3), false);
    cr_assert_eq(look(DOT_NONE).status, ANSWER_VERSION);
    offer(string(dot(10, 2), "v"));
    vanish();
    cr_assert_eq(look(dot(1, 1)).status, ANSWER_NONE);
    cr_assert(dot_equal(look(dot(1, 1)).mark, dot(10, 2)));
    end();
    begin();
    replica_flush(&replica, now, 2, dot(9, 3), false);
    raise_floor(dot(12, 0));
    cr_assert_eq(look(dot(1, 1)).status, ANSWER_NONE);
    cr_assert(dot_equal(look(dot(1, 1)).mark, dot(9, 3)), "it counts as a mark");
    end();
}

Test(replica, a_stamp_is_above_the_floor)
{
    begin();
    raise_floor(dot(500, 0));
    partition_lock(partition);
    cr_assert_gt(replica_stamp(&replica, now, partition, 0), dot(500, 0).stamp);
    partition_unlock(partition);
    end();
}

/* What the writer wrote over may have vanished where it wrote, once it was settled. */
Test(replica, a_write_over_what_is_settled_has_not_diverged)
{
    begin();
    offer(string(dot(5, 3), "v"));
    settle(dot(5, 0));
    cr_assert(!offer(string(dot(7, 2), "w")).diverged);
    end();
}

/* As if it had been kept and evicted at once: what is older must not stay behind. */
Test(replica, a_version_without_room_takes_the_older_one_with_it)
{
    begin();
    offer(string(dot(5, 2), "v"));
    store_set_memory_max(store, 1);
    cr_assert_eq(offer(string(dot(6, 2), "much longer than what was there before it")).status,
                 ACK_FULL);
    const struct looked looked = look(dot(1, 1));
    cr_assert_eq(looked.status, ANSWER_NONE);
    cr_assert(dot_equal(looked.mark, dot(6, 2)));
    store_set_memory_max(store, 0);
    expect_newer(string(dot(5, 2), "v"), dot(6, 2));
    partition_lock(partition);
    cr_assert_gt(replica_stamp(&replica, now, partition, 0), dot(6, 2).stamp);
    partition_unlock(partition);
    end();
}

Test(replica, room_is_made_by_evicting)
{
    static char value[1000];
    uint64_t evicted = 0;

    begin();
    memset(value, 'v', sizeof value - 1);
    store_set_policy(store, STORE_ALLKEYS_CLOCK);
    store_set_memory_max(store, 64 * 1024);
    for (unsigned i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        place.key = span_of_string(key);
        place.hash = store_hash(store, place.key);
        const struct offered offered = offer(string(dot(10 + i, 2), value));
        cr_assert_eq(offered.status, ACK_OK);
        evicted += offered.evicted;
    }
    cr_assert_gt(evicted, 100);
    end();
}

/* ---- siblings ---- */

/* The set that `node` makes of `old` without having seen anything of it but its own. */
static struct version set_of(struct span old, struct dot at, const char *value, struct buffer *out)
{
    struct context nothing = {0};

    buffer_reset(out, SIZE_MAX);
    cr_assert_eq(
        siblings_write(old, &nothing, at, DEADLINE_NEVER, span_of_string(value), NOW_MS, out),
        SIBLINGS_OK);
    return siblings_version(buffer_content(out));
}

static unsigned count_siblings(void)
{
    const struct looked looked = look(DOT_NONE);
    struct siblings_cursor cursor = siblings_begin(looked.version.value);
    struct sibling sibling;
    unsigned count = 0;

    while (siblings_next(&cursor, &sibling))
        count++;
    return count;
}

Test(replica, concurrent_sets_are_merged_in_any_order)
{
    struct buffer a = {0}, b = {0};

    for (unsigned turn = 0; turn < 2; turn++) {
        begin();
        const struct version one = set_of(span_of(NULL, 0), dot(5, 2), "v", &a);
        const struct version two = set_of(span_of(NULL, 0), dot(4, 3), "w", &b);
        cr_assert_eq(offer(turn == 0 ? one : two).status, ACK_OK);
        cr_assert_eq(offer(turn == 0 ? two : one).status, ACK_OK);
        cr_assert_eq(offer(one).status, ACK_OK);
        cr_assert_eq(count_siblings(), 2);
        cr_assert(dot_equal(look(DOT_NONE).version.dot, dot(5, 2)));
        end();
    }
    buffer_deinit(&a);
    buffer_deinit(&b);
}

Test(replica, a_set_from_before_a_flush_stays_dead)
{
    struct buffer a = {0};

    begin();
    cr_assert_eq(replica_flush(&replica, now, 2, dot(9, 2), false).status, ACK_OK);
    const struct version late = set_of(span_of(NULL, 0), dot(5, 3), "v", &a);
    cr_assert_eq(offer(late).status, ACK_OK, "as if it had been kept and flushed");
    cr_assert_eq(count_siblings(), 0);
    buffer_reset(&a, 0);
    cr_assert_eq(offer(set_of(span_of(NULL, 0), dot(10, 3), "w", &a)).status, ACK_OK);
    cr_assert_eq(count_siblings(), 1);
    buffer_reset(&a, 0);
    cr_assert_eq(offer(set_of(span_of(NULL, 0), dot(6, 4), "x", &a)).status, ACK_OK);
    cr_assert_eq(count_siblings(), 1);
    buffer_deinit(&a);
    end();
}

/* Rule 9: what it has and this replica has not was removed since. */
Test(replica, a_settled_set_adds_nothing_to_what_is_here)
{
    struct buffer a = {0}, b = {0};

    begin();
    const struct version one = set_of(span_of(NULL, 0), dot(5, 2), "v", &a);
    const struct version two = set_of(span_of(NULL, 0), dot(4, 3), "w", &b);
    offer(one);
    settle(dot(4, 0));
    cr_assert_eq(offer(two).status, ACK_OK);
    cr_assert_eq(count_siblings(), 1);
    cr_assert_eq(offer(set_of(span_of(NULL, 0), dot(6, 4), "x", &b)).status, ACK_OK);
    cr_assert_eq(count_siblings(), 2);
    buffer_deinit(&a);
    buffer_deinit(&b);
    end();
}

Test(replica, a_set_is_the_same_only_with_its_digest)
{
    struct buffer a = {0};
    struct looked looked;

    begin();
    const struct version set = set_of(span_of(NULL, 0), dot(5, 2), "v", &a);
    offer(set);
    looked = replica_look(&replica, &place, dot(5, 2), siblings_digest(set.value), &bytes);
    cr_assert_eq(looked.status, ANSWER_SAME);
    looked = replica_look(&replica, &place, dot(5, 2), 1, &bytes);
    cr_assert_eq(looked.status, ANSWER_VERSION);
    cr_assert(span_equal(looked.version.value, set.value));
    buffer_reset(&bytes, SIZE_MAX);
    looked = replica_look(&replica, &place, dot(9, 2), 1, &bytes);
    cr_assert(span_equal(looked.version.value, set.value), "also when its newest dot is older");
    buffer_deinit(&a);
    end();
}

Test(replica, a_set_that_is_none_is_refused)
{
    struct version bad = string(dot(5, 2), "no set");

    begin();
    bad.kind = VALUE_SIBLINGS;
    cr_assert_eq(offer(bad).status, ACK_FULL);
    bad.kind = VALUE_TOMBSTONE;
    cr_assert_eq(offer(bad).status, ACK_FULL);
    cr_assert_eq(look(DOT_NONE).status, ANSWER_SAME);
    end();
}

/* A reader had the one's answer from before the flush, merged it with what came after, and sends
 * both. */
Test(replica, a_set_loses_what_a_flush_took_of_it)
{
    struct buffer a = {0}, b = {0};

    begin();
    const struct version one = set_of(span_of(NULL, 0), dot(5, 2), "v", &a);
    const struct version both = set_of(one.value, dot(12, 3), "w", &b);
    cr_assert_eq(offer(one).status, ACK_OK);
    cr_assert_eq(replica_flush(&replica, now, 2, dot(9, 3), false).status, ACK_OK);
    cr_assert_eq(offer(both).status, ACK_OK);
    cr_assert_eq(count_siblings(), 1);
    cr_assert_eq(offer(both).status, ACK_OK, "the same to one that has it");
    cr_assert_eq(count_siblings(), 1);
    cr_assert(dot_equal(look(DOT_NONE).version.dot, dot(12, 3)));
    end();
    buffer_deinit(&a);
    buffer_deinit(&b);
}

Test(replica, a_set_loses_what_a_late_flush_took_of_it)
{
    struct buffer a = {0}, b = {0};

    begin();
    const struct version one = set_of(span_of(NULL, 0), dot(5, 2), "v", &a);
    const struct version both = set_of(one.value, dot(12, 3), "w", &b);
    cr_assert_eq(offer(both).status, ACK_OK);
    cr_assert_eq(replica_flush(&replica, now, 2, dot(9, 3), true).status, ACK_OK);
    cr_assert(partition->flushing);
    while (partition->flushing)
        replica_drop_dead(&replica, partition, 100);
    cr_assert_eq(count_siblings(), 1);
    cr_assert(dot_equal(look(DOT_NONE).version.dot, dot(12, 3)));
    end();
    buffer_deinit(&a);
    buffer_deinit(&b);
}

Test(replica, siblings_stop_at_their_bound)
{
    struct buffer a = {0};
    unsigned i = 0;

    begin();
    while (i < 1000 &&
           offer(set_of(span_of(NULL, 0), dot(i, (node_number)(i % 60 + 1)), "v", &a)).status ==
               ACK_OK)
        i++;
    cr_assert_leq(count_siblings(), SIBLINGS_MAX);
    cr_assert_geq(count_siblings(), 60);
    buffer_deinit(&a);
    end();
}

/* ---- the ledger ---- */

Test(replica, what_a_node_tells_of_its_bound_is_written_once_a_millisecond)
{
    const struct ring_claim claim = {.count = 1, .nodes = {7}};
    const uint64_t first = hlc_stamp(NOW_MS) + 3, later = hlc_stamp(NOW_MS + 1) + 5;

    ledger_hear(&bounds.ledger, 7, first);
    cr_assert_eq(ledger_settled(&bounds.ledger, &claim, 1, UINT64_MAX), first);
    ledger_hear(&bounds.ledger, 7, first + 1);
    cr_assert_eq(ledger_settled(&bounds.ledger, &claim, 1, UINT64_MAX), first);
    ledger_hear(&bounds.ledger, 7, later);
    cr_assert_eq(ledger_settled(&bounds.ledger, &claim, 1, UINT64_MAX), later);
    ledger_hear(&bounds.ledger, 7, first);
    cr_assert_eq(ledger_settled(&bounds.ledger, &claim, 1, UINT64_MAX), later);
}

/* ---- batches (rule 24) ---- */

static void add_item(struct buffer *items, const char *key, struct version version)
{
    const struct batch_item item = {
        .over = version.dot, .key = span_of_string(key), .version = version};

    batch_append(items, &item);
}

static void offer_items(const struct buffer *items, struct dot at)
{
    const struct version batch = batch_version(buffer_content(items), at);

    cr_assert_eq(replica_offer(&replica, now, &place, at, &batch).status, ACK_OK);
}

/* The version of the key among those of the batch; none: it is not. */
static struct version item_of(const struct version *batch, const char *key)
{
    struct span rest = batch->value;
    struct batch_item item;

    cr_assert_eq(batch->kind, VALUE_BATCH);
    while (batch_next(&rest, &item))
        if (span_equal(item.key, span_of_string(key)))
            return item.version;
    return (struct version){0};
}

/* Where the version is handed on that an evicted one left a tombstone or a hint of. */
Test(replica, what_is_handed_on_with_its_mates_need_not_be_here_itself, .init = begin, .fini = end)
{
    const struct version gone = tombstone(dot(5, 2));
    struct buffer items = {0};

    add_item(&items, "k", string(dot(5, 2), "a"));
    add_item(&items, "l", string(dot(5, 2), "b"));
    offer_items(&items, dot(5, 2));
    partition_leave_out(partition, place.hash, place.key, dot(5, 2));
    const struct version whole = replica_with_mates(&replica, 2, SPAN("k"), &gone, &bytes);
    cr_expect(dot_equal(item_of(&whole, "k").dot, dot(5, 2)));
    cr_expect_eq(item_of(&whole, "k").kind, VALUE_TOMBSTONE);
    cr_expect(dot_equal(item_of(&whole, "l").dot, dot(5, 2)));
    buffer_deinit(&items);
}

Test(replica, a_batch_that_another_took_along_is_handed_on_as_a_whole, .init = begin, .fini = end)
{
    const struct version second = string(dot(7, 3), "c");
    struct buffer items = {0};

    /* "l" was written by a second batch, which wrote "m" as well. */
    add_item(&items, "k", string(dot(5, 2), "a"));
    add_item(&items, "l", second);
    add_item(&items, "m", second);
    offer_items(&items, dot(5, 2));
    const struct version whole = replica_with_mates(&replica, 2, SPAN("m"), &second, &bytes);
    cr_expect(dot_equal(item_of(&whole, "l").dot, dot(7, 3)));
    cr_expect(dot_equal(item_of(&whole, "m").dot, dot(7, 3)));
    buffer_deinit(&items);
}

/* A FLUSHALL took the batch, and what it was with it. */
Test(replica, for_what_was_flushed_here_its_tombstone_is_handed_on, .init = begin, .fini = end)
{
    const struct version first = string(dot(5, 2), "a"), later = string(dot(8, 2), "c");
    struct buffer items = {0};

    add_item(&items, "k", first);
    add_item(&items, "l", string(dot(5, 2), "b"));
    offer_items(&items, dot(5, 2));
    partition_flush(partition, dot(7, 3));
    const struct version whole = replica_with_mates(&replica, 2, SPAN("k"), &first, &bytes);
    cr_expect(dot_equal(whole.dot, dot(5, 2)), "it is owed from there");
    cr_expect(dot_equal(item_of(&whole, "k").dot, dot(7, 3)));
    cr_expect_eq(item_of(&whole, "k").kind, VALUE_TOMBSTONE);
    buffer_reset(&bytes, 4096);
    cr_expect_eq(replica_with_mates(&replica, 2, SPAN("k"), &later, &bytes).kind, VALUE_STRING);
    buffer_deinit(&items);
}

/* A replica that recovers fetches key by key, whatever the stamps. */
Test(replica, one_that_recovers_remembers_a_batch_that_it_refuses, .init = begin, .fini = end)
{
    const struct dot far = {.stamp = hlc_stamp(NOW_MS + AHEAD + 1), .node = 2};
    const struct version first = string(far, "a"), second = string(far, "b");
    struct place other = place;
    struct buffer items = {0};

    add_item(&items, "k", first);
    add_item(&items, "l", second);
    const struct version batch = batch_version(buffer_content(&items), far);
    for (int recovering = 0; recovering < 2; recovering++) {
        partition->recovering = recovering == 1;
        cr_assert_eq(replica_offer(&replica, now, &place, far, &batch).status, ACK_TOO_FAR);
        cr_assert_eq(replica_note_recovering(&replica, &place, &batch), recovering == 1);
        cr_assert_eq(partition_mates(partition, far) != NULL, recovering == 1);
    }
    other.key = SPAN("l");
    other.hash = store_hash(store, other.key);
    partition_put(partition, place.hash, place.key, &first, &first.value, 1);
    partition_put(partition, other.hash, other.key, &second, &second.value, 1);
    partition->recovering = false;
    const struct version whole = replica_with_mates(&replica, 2, SPAN("k"), &first, &bytes);
    cr_expect(dot_equal(item_of(&whole, "k").dot, far));
    cr_expect(dot_equal(item_of(&whole, "l").dot, far));
    buffer_deinit(&items);
}

/* Sets know of no flush, and the flush of one key is the tombstone of it as well. */
Test(replica, for_a_set_that_was_flushed_here_the_tombstone_is_handed_on, .init = begin,
     .fini = end)
{
    struct buffer items = {0}, a = {0}, b = {0};
    const struct version first = set_of(span_of(NULL, 0), dot(5, 2), "a", &a);

    add_item(&items, "k", first);
    add_item(&items, "l", set_of(span_of(NULL, 0), dot(5, 2), "b", &b));
    offer_items(&items, dot(5, 2));
    partition_flush(partition, dot(7, 3));
    const struct version whole = replica_with_mates(&replica, 2, SPAN("k"), &first, &bytes);
    cr_expect(dot_equal(item_of(&whole, "k").dot, dot(7, 3)));
    cr_expect_eq(item_of(&whole, "k").kind, VALUE_TOMBSTONE);
    buffer_deinit(&items);
    buffer_deinit(&a);
    buffer_deinit(&b);
}

Test(replica, an_older_batch_that_came_along_is_handed_on_as_a_whole, .init = begin, .fini = end)
{
    const struct version first = string(dot(3, 3), "c");
    struct buffer items = {0};

    add_item(&items, "k", string(dot(5, 2), "a"));
    add_item(&items, "l", first);
    add_item(&items, "m", first);
    offer_items(&items, dot(5, 2));
    const struct version whole = replica_with_mates(&replica, 2, SPAN("m"), &first, &bytes);
    cr_expect(dot_equal(item_of(&whole, "l").dot, dot(3, 3)));
    buffer_reset(&bytes, 4096);
    const struct version alone = string(dot(5, 2), "a");
    cr_expect_eq(replica_with_mates(&replica, 2, SPAN("k"), &alone, &bytes).kind, VALUE_STRING);
    buffer_deinit(&items);
}
