/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations, with a real replica here and others that the test plays: it records what they are
 * asked and offered, and answers for them.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "lib/timeout.h"
#include "replica/operation.h"
#include "value/siblings.h"

TestSuite(operation, .timeout = TIMEOUT_S(10));

#define NOW_MS INT64_C(1700000000000)
#define CLAIM  5
#define SELF   1

static struct store *store;
static struct replica_bounds bounds;
static struct replica replica;
static struct partition *partition;
static struct coordinator coordinator;
static struct operation operation;
static struct instant now;

/* What others were sent, as bits 1 << node, and how often. */
static unsigned asked, offered, sent, renewed, changed;
static unsigned down;        /* cannot be sent to */
static unsigned hopeless;    /* need not be sent to */
static struct dot offer_dot; /* of the last offer */
static char offer_value[32];
static char appends[8]; /* what an update appends; "": it wants nothing done */
static char put_value[64];
static bool deletes;
static struct span write_value = SPAN("w");

static bool ask(void *host, struct operation *op, node_number node)
{
    (void)host;
    (void)op;
    if (down >> node & 1)
        return false;
    asked |= 1u << node;
    sent++;
    return true;
}

static bool offer(void *host, struct operation *op, node_number node)
{
    (void)host;
    if (down >> node & 1)
        return false;
    offered |= 1u << node;
    sent++;
    offer_dot = op->written.dot;
    snprintf(offer_value, sizeof offer_value, "%.*s", (int)op->written.value.size,
             (const char *)op->written.value.data);
    return true;
}

static bool promising(void *host, node_number node)
{
    (void)host;
    return !(hopeless >> node & 1);
}

static void renew(void *host, struct operation *op)
{
    (void)host;
    (void)op;
    renewed++;
    asked = offered = 0;
}

static void change(void *host, struct operation *op, const struct version *current,
                   struct change *wanted)
{
    int size = 0;

    (void)host;
    changed++;
    cr_assert_eq(current == NULL, op->kind == OPERATION_WRITE);
    wanted->action = deletes ? CHANGE_DELETE : CHANGE_PUT;
    wanted->pieces[0] = write_value;
    wanted->piece_count = 1;
    if (op->kind == OPERATION_WRITE || deletes)
        return;
    if (version_visible(current, now.wall_ms))
        size = snprintf(put_value, sizeof put_value, "%.*s", (int)current->value.size,
                        (const char *)current->value.data);
    snprintf(put_value + size, sizeof put_value - (size_t)size, "%s", appends);
    wanted->pieces[0] = span_of_string(put_value);
    if (appends[0] == '\0')
        wanted->action = CHANGE_NOTHING;
}

static const struct operation_calls calls = {
    .ask = ask, .offer = offer, .promising = promising, .renew = renew, .change = change};

/* N copies on the nodes 1 .. N, this one first. */
static void begin(enum operation_kind kind, unsigned copies, unsigned r, unsigned w)
{
    const struct store_options options = {.partitions = 4, .seed = 1, .now_ms = NOW_MS};

    store = store_create(&options);
    atomic_init(&bounds.ceiling, UINT64_MAX);
    atomic_init(&bounds.ahead_max_ms, 3500);
    replica = (struct replica){.store = store, .bounds = &bounds, .self = SELF};
    coordinator = (struct coordinator){.replica = &replica, .calls = &calls};
    partition = store_partition(store, 2);
    partition->claim_version = CLAIM;
    partition->eligible = true;
    now = (struct instant){.wall_ms = NOW_MS};
    operation = (struct operation){.kind = kind,
                                   .read_needed = (uint8_t)r,
                                   .write_needed = (uint8_t)w,
                                   .copies = (uint8_t)copies,
                                   .place = {.partition = 2,
                                             .claim_version = CLAIM,
                                             .hash = store_hash(store, SPAN("k")),
                                             .key = SPAN("k")},
                                   .deadline_wall_ms = NOW_MS + 500};
    for (unsigned i = 0; i < copies; i++)
        operation.nodes[i] = (node_number)(i + 1);
    asked = offered = sent = renewed = changed = down = hopeless = 0;
    deletes = false;
    snprintf(appends, sizeof appends, "+");
}

static void start(void)
{
    operation_begin(&coordinator, &operation, now);
}

static void end(void)
{
    operation_deinit(&operation);
    store_destroy(&store);
    buffer_deinit(&replica.merged);
}

static struct dot later(uint64_t sequence, node_number node)
{
    return (struct dot){.stamp = hlc_stamp(NOW_MS + 100) + sequence, .node = node};
}

/* What this replica has. */
static void put(struct dot dot, const char *value)
{
    const struct span bytes = span_of_string(value);
    const struct version version = {
        .dot = dot, .kind = VALUE_STRING, .deadline_ms = DEADLINE_NEVER, .value = bytes};

    partition_lock(partition);
    partition_put(partition, operation.place.hash, operation.place.key, &version, &bytes, 1);
    partition_unlock(partition);
}

static void expect_here(const char *value)
{
    struct version version;

    partition_lock(partition);
    cr_assert(partition_get(partition, operation.place.hash, operation.place.key, &version));
    cr_assert(span_equal(version.value, span_of_string(value)), "'%.*s' is here and not '%s'",
              (int)version.value.size, (const char *)version.value.data, value);
    partition_unlock(partition);
}

static void acknowledge(node_number node, enum ack_status status, struct dot known)
{
    const struct offered answer = {.status = status, .known = known};

    operation_acknowledged(&coordinator, &operation, now, node, &answer);
}

static void answer(node_number node, enum answer_status status, struct dot dot, const char *value)
{
    const struct looked looked = {.status = status,
                                  .version = {.dot = dot,
                                              .kind = VALUE_STRING,
                                              .deadline_ms = DEADLINE_NEVER,
                                              .value = span_of_string(value)}};

    operation_answered(&coordinator, &operation, now, node, &looked);
}

static void expect_failed(enum operation_failure failure, bool wrote)
{
    cr_assert_eq(operation.state, OPERATION_FAILED);
    cr_assert_eq(operation.failure, failure, "%d and not %d", operation.failure, failure);
    cr_assert_eq(operation.wrote, wrote);
}

/* ---- levels ---- */

Test(operation, a_write_is_done_at_w_acknowledgements_of_n)
{
    for (unsigned n = 1; n <= 5; n++) {
        for (unsigned w = 1; w <= n; w++) {
            begin(OPERATION_WRITE, n, 1, w);
            start();
            cr_assert_eq(offered, ((1u << n) - 1) << 1 & ~(1u << SELF), "all others are offered");
            expect_here("w");
            for (unsigned have = 1; have < w; have++) {
                cr_assert_eq(operation.state, OPERATION_WRITING);
                acknowledge((node_number)(have + 1), ACK_OK, DOT_NONE);
            }
            cr_assert_eq(operation.state, OPERATION_DONE);
            end();
        }
    }
}

Test(operation, a_read_asks_r_and_no_more)
{
    for (unsigned n = 1; n <= 5; n++) {
        for (unsigned r = 1; r <= n; r++) {
            begin(OPERATION_READ, n, r, 1);
            put(later(0, 1), "v");
            start();
            cr_assert_eq(sent, r - 1);
            for (unsigned have = 1; have < r; have++) {
                cr_assert_eq(operation.state, OPERATION_READING);
                answer((node_number)(have + 1), ANSWER_SAME, DOT_NONE, "");
            }
            cr_assert_eq(operation.state, OPERATION_DONE);
            cr_assert(span_equal(operation.found.value, SPAN("v")));
            cr_assert_eq(changed, 0);
            end();
        }
    }
}

Test(operation, a_level_above_the_copies_fails_before_anything_is_done)
{
    static const enum operation_kind kinds[] = {OPERATION_READ, OPERATION_WRITE, OPERATION_UPDATE};

    for (size_t i = 0; i < 3; i++) {
        begin(kinds[i], 2, 3, 3);
        start();
        expect_failed(OPERATION_TOO_FEW, false);
        cr_assert_eq(sent, 0);
        cr_assert_eq(changed, 0);
        end();
    }
    begin(OPERATION_READ, 2, 1, 3); /* W is nothing to a read */
    start();
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
}

Test(operation, the_same_structure_serves_again_and_again)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    for (unsigned i = 0; i < 3; i++) {
        operation.kind = OPERATION_WRITE;
        start();
        acknowledge(3, ACK_OK, DOT_NONE);
        cr_assert_eq(operation.state, OPERATION_DONE);
        operation_rest(&operation);
        operation.kind = OPERATION_READ;
        start();
        answer(2, ANSWER_SAME, DOT_NONE, "");
        cr_assert_eq(operation.state, OPERATION_DONE);
        cr_assert(span_equal(operation.found.value, SPAN("w")));
        operation_rest(&operation);
    }
    end();
}

/* ---- reads ---- */

Test(operation, a_read_finds_the_newest_of_r)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(0, 1), "here");
    start();
    answer(2, ANSWER_VERSION, later(5, 2), "there");
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert(span_equal(operation.found.value, SPAN("there")));
    expect_here("there");
    cr_assert_eq(offered, 0, "only this replica lacked it");
    end();
}

Test(operation, a_read_that_finds_nothing_says_so)
{
    begin(OPERATION_READ, 3, 3, 2);
    start();
    answer(2, ANSWER_NONE, DOT_NONE, "");
    answer(3, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert(!version_visible(&operation.found, now.wall_ms));
    end();
}

Test(operation, a_replica_that_does_not_vote_is_replaced)
{
    begin(OPERATION_READ, 3, 2, 2);
    start();
    cr_assert_eq(asked, 1u << 2);
    answer(2, ANSWER_NOT_VOTING, DOT_NONE, "");
    cr_assert_eq(asked, 1u << 2 | 1u << 3);
    answer(3, ANSWER_STALE_CLAIM, DOT_NONE, "");
    expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(operation.answered, 1);
    end();
}

Test(operation, a_replica_that_is_lost_is_replaced)
{
    begin(OPERATION_READ, 3, 2, 2);
    start();
    operation_lost(&coordinator, &operation, now, 3); /* it was not asked */
    cr_assert_eq(asked, 1u << 2);
    operation_lost(&coordinator, &operation, now, 2);
    cr_assert_eq(asked, 1u << 2 | 1u << 3);
    operation_lost(&coordinator, &operation, now, 9);
    operation_lost(&coordinator, &operation, now, 3);
    expect_failed(OPERATION_TOO_FEW, false);
    end();
}

Test(operation, who_cannot_answer_is_not_asked)
{
    begin(OPERATION_READ, 4, 2, 2);
    hopeless = 1u << 2;
    down = 1u << 3;
    start();
    cr_assert_eq(asked, 1u << 4);
    answer(4, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
    begin(OPERATION_READ, 3, 2, 2);
    hopeless = 1u << 2 | 1u << 3;
    start();
    expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(operation.answered, 1);
    end();
}

Test(operation, a_hedge_asks_one_more_and_the_first_answer_counts)
{
    begin(OPERATION_READ, 3, 2, 2);
    start();
    operation_hedge(&coordinator, &operation, now);
    cr_assert_eq(asked, 1u << 2 | 1u << 3);
    operation_hedge(&coordinator, &operation, now);
    cr_assert_eq(sent, 2);
    answer(3, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(operation.state, OPERATION_DONE);
    answer(2, ANSWER_VERSION, later(9, 2), "late");
    cr_assert(!version_exists(&operation.found));
    operation_hedge(&coordinator, &operation, now);
    cr_assert_eq(sent, 2);
    end();
}

Test(operation, a_hedge_without_anybody_left_fails_nothing)
{
    begin(OPERATION_READ, 3, 2, 2);
    hopeless = 1u << 3;
    start();
    operation_hedge(&coordinator, &operation, now);
    cr_assert_eq(operation.state, OPERATION_READING);
    answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
}

/* ---- writes ---- */

Test(operation, too_few_acknowledgements_say_how_many_there_were)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    acknowledge(2, ACK_FULL, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_WRITING);
    acknowledge(3, ACK_STALE_CLAIM, DOT_NONE);
    expect_failed(OPERATION_TOO_FEW, true);
    cr_assert_eq(operation.answered, 1);
    end();
}

Test(operation, a_write_that_can_be_sent_to_nobody_fails_at_once)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    down = 1u << 2 | 1u << 3;
    start();
    expect_failed(OPERATION_TOO_FEW, true);
    end();
    begin(OPERATION_WRITE, 3, 2, 1);
    down = 1u << 2 | 1u << 3;
    start();
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
}

Test(operation, lost_replicas_do_not_acknowledge)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    operation_lost(&coordinator, &operation, now, 2);
    acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_WRITING);
    operation_lost(&coordinator, &operation, now, 3);
    expect_failed(OPERATION_TOO_FEW, true);
    end();
}

Test(operation, newer_is_stamped_above)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    acknowledge(2, ACK_NEWER, later(7, 2));
    cr_assert_eq(renewed, 1);
    cr_assert_eq(offered, 1u << 2 | 1u << 3);
    cr_assert_gt(dot_compare(offer_dot, later(7, 2)), 0);
    cr_assert_str_eq(offer_value, "w");
    cr_assert_gt(replica.hlc.last, later(7, 2).stamp - 1);
    acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_DONE);
    expect_here("w");
    end();
}

Test(operation, forgetful_is_stamped_above_when_it_is_needed)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    acknowledge(3, ACK_FORGETFUL, later(7, UINT16_MAX));
    cr_assert_lt(dot_compare(offer_dot, later(7, UINT16_MAX)), 0);
    acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
    begin(OPERATION_WRITE, 3, 2, 3);
    start();
    acknowledge(3, ACK_FORGETFUL, later(7, UINT16_MAX));
    cr_assert_gt(dot_compare(offer_dot, later(7, UINT16_MAX)), 0);
    cr_assert_eq(operation.state, OPERATION_WRITING);
    end();
}

Test(operation, newer_versions_that_keep_coming_are_given_up_on)
{
    unsigned rounds = 0;

    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    while (operation.state == OPERATION_WRITING) {
        cr_assert_leq(++rounds, 100u);
        acknowledge(2, ACK_NEWER, (struct dot){offer_dot.stamp + 1, 2});
        if (operation.state == OPERATION_WRITING && offered == 0)
            break;
        if (rounds > OPERATION_ROUNDS_MAX)
            acknowledge(3, ACK_NEWER, (struct dot){offer_dot.stamp + 1, 3});
    }
    expect_failed(OPERATION_CONTENDED, true);
    end();
}

/* Another write took its place here; ours goes above it, because it has to be above what was
 * acknowledged before it began. */
Test(operation, a_write_that_was_overwritten_here_is_stamped_above_that_as_well)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    put(later(50, 1), "other");
    acknowledge(2, ACK_NEWER, later(7, 2));
    cr_assert_gt(dot_compare(offer_dot, later(50, 1)), 0);
    cr_assert_str_eq(offer_value, "w");
    end();
}

Test(operation, what_may_not_be_written_here_is_not_written)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    now.wall_ms += 500;
    start();
    expect_failed(OPERATION_LATE, false);
    end();
    begin(OPERATION_WRITE, 3, 2, 2);
    partition->claim_version++;
    start();
    expect_failed(OPERATION_RING_CHANGED, false);
    end();
    begin(OPERATION_WRITE, 3, 2, 2);
    partition->recovering = true;
    partition->forgotten = bounds.ceiling_at_start;
    start();
    expect_failed(OPERATION_NOT_VOTING, false);
    end();
    begin(OPERATION_WRITE, 3, 2, 2);
    atomic_store(&bounds.ceiling, 5);
    start();
    expect_failed(OPERATION_NO_STAMP, false);
    end();
    begin(OPERATION_WRITE, 3, 2, 2);
    store_set_memory_max(store, 1);
    start();
    expect_failed(OPERATION_MEMORY_FULL, false);
    cr_assert_eq(sent, 0);
    end();
}

/* Nobody may be told that nothing was written once others have been offered it. */
Test(operation, what_fails_after_it_was_offered_may_still_take_effect)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    now.wall_ms += 500;
    acknowledge(2, ACK_NEWER, later(7, 2));
    expect_failed(OPERATION_TOO_FEW, true);
    end();
    begin(OPERATION_WRITE, 3, 2, 2);
    start();
    partition->claim_version++;
    acknowledge(2, ACK_NEWER, later(7, 2));
    expect_failed(OPERATION_TOO_FEW, true);
    end();
    begin(OPERATION_UPDATE, 3, 1, 2);
    start();
    atomic_store(&bounds.ceiling, 5);
    acknowledge(2, ACK_NEWER, later(7, 2));
    expect_failed(OPERATION_TOO_FEW, true);
    end();
}

Test(operation, time_that_is_up_ends_it_with_what_there_is)
{
    begin(OPERATION_WRITE, 3, 3, 3);
    start();
    acknowledge(2, ACK_OK, DOT_NONE);
    operation_expire(&operation);
    expect_failed(OPERATION_TOO_FEW, true);
    cr_assert_eq(operation.answered, 2);
    acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_FAILED);
    end();
    begin(OPERATION_READ, 3, 3, 3);
    start();
    operation_expire(&operation);
    expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(operation.answered, 1);
    end();
}

/* ---- updates ---- */

Test(operation, an_update_works_on_the_newest_of_the_quorum)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    put(later(0, 1), "old");
    start();
    cr_assert_eq(changed, 0);
    answer(2, ANSWER_VERSION, later(5, 2), "new");
    expect_here("new+");
    cr_assert_gt(dot_compare(offer_dot, later(5, 2)), 0);
    cr_assert(dot_equal(operation.over, later(5, 2)));
    acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
}

Test(operation, an_update_works_on_what_is_stored_meanwhile)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    put(later(0, 1), "old");
    start();
    put(later(9, 1), "meanwhile");
    answer(2, ANSWER_SAME, DOT_NONE, "");
    expect_here("meanwhile+");
    end();
}

Test(operation, an_update_looks_again_at_what_may_have_changed)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    start();
    partition->claim_version++;
    answer(2, ANSWER_SAME, DOT_NONE, "");
    expect_failed(OPERATION_RING_CHANGED, false);
    end();
    begin(OPERATION_UPDATE, 3, 2, 2);
    start();
    now.wall_ms += 500;
    answer(2, ANSWER_SAME, DOT_NONE, "");
    expect_failed(OPERATION_LATE, false);
    cr_assert_eq(changed, 0);
    end();
}

Test(operation, an_update_that_wants_nothing_writes_nothing)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    appends[0] = '\0';
    start();
    answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert(operation.unchanged);
    cr_assert_eq(offered, 0);
    end();
}

Test(operation, an_update_deletes_with_a_tombstone)
{
    struct version version;

    begin(OPERATION_UPDATE, 2, 1, 1);
    deletes = true;
    put(later(0, 1), "v");
    start();
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert(partition_get(partition, operation.place.hash, operation.place.key, &version));
    cr_assert_eq(version.kind, VALUE_TOMBSTONE);
    cr_assert_gt(dot_compare(version.dot, later(0, 1)), 0);
    end();
}

/* It was made of an older version than the one that somebody knows. */
Test(operation, a_delete_of_the_only_copy_leaves_nothing)
{
    struct partition_counts counts;

    begin(OPERATION_UPDATE, 1, 1, 1);
    put(later(0, 1), "v");
    deletes = true;
    start();
    cr_assert_eq(operation.state, OPERATION_DONE);
    partition_count(partition, &counts);
    cr_assert_eq(counts.keys + counts.tombstones, 0);
    end();
}

Test(operation, an_update_that_is_overtaken_reads_again)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    start();
    answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_str_eq(offer_value, "+");
    acknowledge(3, ACK_NEWER, later(7, 3));
    cr_assert_eq(operation.state, OPERATION_READING);
    answer(2, ANSWER_VERSION, later(7, 3), "seven");
    cr_assert_str_eq(offer_value, "seven+");
    cr_assert_gt(dot_compare(offer_dot, later(7, 3)), 0);
    acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_DONE);
    expect_here("seven+");
    end();
}

/* A second update of this coordinator was made of the first one's version: it stands for both. */
Test(operation, an_update_that_was_built_upon_is_not_made_twice)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    start();
    answer(2, ANSWER_SAME, DOT_NONE, "");
    put(later(60, 1), "++");
    acknowledge(2, ACK_NEWER, later(7, 2));
    cr_assert_eq(changed, 1);
    cr_assert_str_eq(offer_value, "++");
    cr_assert(dot_equal(offer_dot, later(60, 1)));
    acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
}

/* ---- what has vanished ---- */

static void answer_absent(node_number node, struct dot mark, struct dot floor, struct dot settled)
{
    const struct looked looked = {
        .status = ANSWER_NONE, .mark = mark, .floor = floor.stamp, .settled = settled.stamp};

    operation_answered(&coordinator, &operation, now, node, &looked);
}

static void vanish(void)
{
    partition_lock(partition);
    cr_assert(partition_vanish(partition, operation.place.hash, operation.place.key));
    partition_unlock(partition);
}

static void settle(struct dot dot)
{
    partition_lock(partition);
    partition_settle(partition, dot.stamp, UINT32_MAX);
    partition_unlock(partition);
}

static void expect_found(const char *value)
{
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert_eq(version_exists(&operation.found), value != NULL);
    if (value != NULL)
        cr_assert(span_equal(operation.found.value, span_of_string(value)));
}

Test(operation, a_mark_above_what_is_found_says_that_it_is_gone)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, later(2, 2), DOT_NONE, DOT_NONE);
    expect_found(NULL);
    cr_assert_eq(offered, 0, "and what is gone is not spread");
    end();
}

/* Rule 10. */
Test(operation, to_have_nothing_below_the_floor_is_no_vote_and_another_is_asked)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, later(1, 0), DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_READING);
    cr_assert_eq(asked, 1u << 2 | 1u << 3);
    answer(3, ANSWER_SAME, DOT_NONE, "");
    expect_found("v");
    cr_assert_eq(offered, 0, "it may have been there");
    end();
}

Test(operation, what_gets_too_few_votes_is_answered_as_nothing_and_not_as_an_error)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    hopeless = 1u << 3;
    start();
    answer_absent(2, DOT_NONE, later(1, 0), DOT_NONE);
    expect_found(NULL);
    end();
}

/* Rule 11: between two looks it may have been replaced everywhere, and its successor forgotten. */
Test(operation, where_nothing_is_left_of_what_is_settled_its_holder_is_looked_at_again)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, later(1, 0));
    expect_found("v");
    cr_assert_eq(operation.looks, 1, "here, which costs no message");
    cr_assert_eq(sent, 1);
    cr_assert_eq(offered, 0);
    end();
}

Test(operation, a_second_look_that_finds_nothing_any_more_finds_nothing)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    settle(later(1, 0));
    vanish();
    answer_absent(2, DOT_NONE, DOT_NONE, later(1, 0));
    expect_found(NULL);
    end();
}

Test(operation, a_second_look_may_find_what_came_meanwhile)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    put(later(2, 1), "w");
    answer_absent(2, DOT_NONE, DOT_NONE, later(1, 0));
    cr_assert_eq(operation.state, OPERATION_REPAIRING, "that is not settled, and one has it");
    cr_assert_str_eq(offer_value, "w");
    acknowledge(2, ACK_OK, DOT_NONE);
    expect_found("w");
    end();
}

Test(operation, an_absence_from_before_the_look_is_a_vote)
{
    begin(OPERATION_READ, 3, 2, 2);
    settle(later(1, 0));
    start();
    answer(2, ANSWER_VERSION, later(1, 2), "v");
    expect_found("v");
    cr_assert_eq(operation.looks, 0);
    end();
}

Test(operation, another_replica_is_asked_again_when_the_only_copy_is_there)
{
    begin(OPERATION_READ, 3, 3, 2);
    start();
    answer(2, ANSWER_VERSION, later(1, 2), "v");
    answer_absent(3, DOT_NONE, DOT_NONE, later(1, 0));
    cr_assert_eq(operation.state, OPERATION_READING);
    cr_assert_eq(sent, 3);
    cr_assert(dot_equal(operation.reading.asking, later(1, 2)), "it is spared its value");
    answer(2, ANSWER_SAME, DOT_NONE, "");
    expect_found("v");
    end();
    begin(OPERATION_READ, 3, 3, 2);
    start();
    answer(2, ANSWER_VERSION, later(1, 2), "v");
    answer_absent(3, DOT_NONE, DOT_NONE, later(1, 0));
    operation_lost(&coordinator, &operation, now, 2);
    expect_found(NULL);
    end();
}

Test(operation, an_update_does_not_work_on_what_is_gone)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    put(later(1, 1), "old");
    start();
    answer_absent(2, later(5, 2), DOT_NONE, DOT_NONE);
    expect_here("+");
    cr_assert_gt(dot_compare(offer_dot, later(5, 2)), 0);
    end();
    begin(OPERATION_UPDATE, 3, 2, 2);
    start();
    put(later(5, 1), "newer");
    vanish();
    answer(2, ANSWER_VERSION, later(1, 2), "old");
    expect_here("+");
    cr_assert_gt(dot_compare(offer_dot, later(5, 1)), 0);
    end();
}

/* It is not another's version that took its place. */
Test(operation, an_update_whose_version_has_vanished_here_reads_again_when_overtaken)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    start();
    answer(2, ANSWER_SAME, DOT_NONE, "");
    vanish();
    acknowledge(2, ACK_NEWER, later(7, 2));
    cr_assert_eq(operation.state, OPERATION_READING);
    answer(2, ANSWER_VERSION, later(7, 2), "seven");
    cr_assert_str_eq(offer_value, "seven+");
    end();
}

Test(operation, a_write_where_something_vanished_is_stamped_above_it)
{
    begin(OPERATION_WRITE, 3, 2, 2);
    put(later(7, 1), "v");
    vanish();
    start();
    cr_assert_gt(dot_compare(offer_dot, later(7, 1)), 0);
    cr_assert(dot_equal(operation.over, later(7, 1)));
    end();
}

/* ---- repairs ---- */

Test(operation, what_only_one_has_is_given_to_another_before_the_answer)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_REPAIRING);
    cr_assert_eq(offered, 1u << 2);
    cr_assert(dot_equal(offer_dot, later(1, 1)), "with its own stamp");
    acknowledge(2, ACK_OK, DOT_NONE);
    expect_found("v");
    cr_assert(!operation.wrote);
    end();
}

Test(operation, what_enough_have_is_given_to_the_rest_behind_the_answer)
{
    node_number owed[COPIES_MAX];

    begin(OPERATION_READ, 3, 3, 2);
    put(later(1, 1), "v");
    start();
    answer(2, ANSWER_SAME, DOT_NONE, "");
    answer_absent(3, DOT_NONE, DOT_NONE, DOT_NONE);
    expect_found("v");
    cr_assert_eq(offered, 1u << 3);
    cr_assert_eq(operation.writing.waiting, 1);
    cr_assert_eq(operation_owes(&operation, owed), 1);
    cr_assert_eq(owed[0], 3);
    acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.writing.waiting, 0);
    cr_assert_eq(operation_owes(&operation, owed), 0);
    end();
}

/* A read at ALL needs nobody's help itself, those at QUORUM that come after it do. */
Test(operation, what_a_read_at_all_found_on_one_is_there_for_those_at_quorum)
{
    begin(OPERATION_READ, 3, 3, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    answer_absent(3, DOT_NONE, DOT_NONE, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_REPAIRING);
    cr_assert_eq(offered, 1u << 2 | 1u << 3);
    acknowledge(3, ACK_OK, DOT_NONE);
    expect_found("v");
    end();
}

Test(operation, who_knows_newer_or_has_no_room_does_not_lack_what_was_read)
{
    static const enum ack_status statuses[] = {ACK_NEWER, ACK_FULL};

    for (unsigned i = 0; i < 2; i++) {
        begin(OPERATION_READ, 3, 2, 2);
        put(later(1, 1), "v");
        start();
        answer(2, ANSWER_VERSION, later(0, 2), "old");
        acknowledge(2, statuses[i], later(9, 2));
        expect_found("v");
        cr_assert_eq(renewed, 0, "a repair is never stamped again");
        end();
    }
}

Test(operation, a_repair_that_is_not_answered_goes_to_one_that_was_not_asked)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_lost(&coordinator, &operation, now, 2);
    cr_assert_eq(offered, 1u << 2 | 1u << 3);
    acknowledge(3, ACK_OK, DOT_NONE);
    expect_found("v");
    end();
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_hedge(&coordinator, &operation, now);
    cr_assert_eq(offered, 1u << 2 | 1u << 3, "nor does one that is slow hold it up");
    acknowledge(3, ACK_OK, DOT_NONE);
    expect_found("v");
    end();
}

/* The next read may not see it. */
Test(operation, what_cannot_be_repaired_is_not_answered)
{
    node_number owed[COPIES_MAX];

    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_lost(&coordinator, &operation, now, 2);
    acknowledge(3, ACK_FORGETFUL, later(9, 3));
    expect_failed(OPERATION_TOO_FEW, false);
    cr_assert_eq(operation.answered, 1);
    cr_assert_eq(operation_owes(&operation, owed), 2);
    end();
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    operation_expire(&operation);
    expect_failed(OPERATION_TOO_FEW, false);
    end();
}

Test(operation, one_answer_knows_of_nobody_who_is_stale)
{
    begin(OPERATION_READ, 3, 1, 2);
    put(later(1, 1), "v");
    start();
    expect_found("v");
    cr_assert_eq(sent, 0);
    end();
}

Test(operation, where_it_vanished_it_is_not_lacking)
{
    begin(OPERATION_READ, 3, 2, 2);
    put(later(1, 1), "v");
    start();
    answer_absent(2, later(1, 1), DOT_NONE, DOT_NONE);
    expect_found("v");
    cr_assert_eq(offered, 0);
    end();
}

Test(operation, an_update_that_writes_nothing_repairs_what_it_has_read)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    appends[0] = '\0';
    put(later(1, 1), "v");
    start();
    answer_absent(2, DOT_NONE, DOT_NONE, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_REPAIRING);
    acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert(operation.unchanged);
    end();
}

Test(operation, an_update_that_writes_nothing_spreads_what_came_here_meanwhile)
{
    begin(OPERATION_UPDATE, 3, 2, 2);
    appends[0] = '\0';
    put(later(1, 1), "v");
    start();
    put(later(2, 1), "meanwhile");
    answer(2, ANSWER_SAME, DOT_NONE, "");
    cr_assert_eq(operation.state, OPERATION_REPAIRING);
    cr_assert_str_eq(offer_value, "meanwhile");
    acknowledge(3, ACK_OK, DOT_NONE);
    cr_assert_eq(operation.state, OPERATION_DONE);
    end();
}

/* ---- what is owed ---- */

Test(operation, a_write_is_owed_until_each_replica_has_answered_for_it)
{
    node_number owed[COPIES_MAX];

    begin(OPERATION_WRITE, 5, 2, 2);
    down = 1u << 2;
    start();
    cr_assert_eq(operation_owes(&operation, owed), 4);
    cr_assert_eq(owed[0], 2, "who cannot be reached is owed it");
    acknowledge(3, ACK_OK, DOT_NONE);
    acknowledge(4, ACK_FULL, DOT_NONE);
    acknowledge(5, ACK_FORGETFUL, later(9, 5));
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert_eq(operation_owes(&operation, owed), 2);
    cr_assert_eq(owed[0], 2);
    cr_assert_eq(owed[1], 5);
    operation.kind = OPERATION_READ;
    start();
    cr_assert_eq(operation_owes(&operation, owed), 0);
    end();
}

Test(operation, a_write_that_failed_is_owed_all_the_same)
{
    node_number owed[COPIES_MAX];

    begin(OPERATION_WRITE, 3, 2, 3);
    start();
    operation_expire(&operation);
    cr_assert_eq(operation_owes(&operation, owed), 2);
    acknowledge(2, ACK_OK, DOT_NONE);
    cr_assert_eq(operation_owes(&operation, owed), 1);
    end();
    begin(OPERATION_WRITE, 3, 2, 3);
    now.wall_ms += 500;
    start();
    cr_assert_eq(operation_owes(&operation, owed), 0, "nothing was written");
    end();
}

Test(operation, room_is_made_for_what_a_write_needs)
{
    static char value[2000];
    char key[8];
    unsigned evicted = 0;

    begin(OPERATION_WRITE, 1, 1, 1);
    store_set_policy(store, STORE_ALLKEYS_CLOCK);
    store_set_memory_max(store, 64 * 1024);
    memset(value, 'v', sizeof value);
    write_value = span_of(value, sizeof value);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%u", i);
        operation.place.key = span_of_string(key);
        operation.place.hash = store_hash(store, operation.place.key);
        start();
        cr_assert_eq(operation.state, OPERATION_DONE);
        evicted += (unsigned)operation.evicted;
    }
    cr_assert_gt(evicted, 50u);
    write_value = SPAN("w");
    end();
}

/* ---- siblings ---- */

static unsigned siblings_of(struct span set)
{
    struct siblings_cursor cursor = siblings_begin(set);
    struct sibling sibling;
    unsigned count = 0;

    while (siblings_next(&cursor, &sibling))
        count++;
    return count;
}

Test(operation, a_plain_write_of_siblings_covers_what_is_here)
{
    begin(OPERATION_WRITE, 1, 1, 1);
    operation.siblings = true;
    start();
    start();
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert_eq(siblings_of(operation.written.value), 1);
    operation.kind = OPERATION_READ;
    start();
    cr_assert_eq(operation.found.kind, VALUE_STRING);
    cr_assert(span_equal(operation.found.value, SPAN("w")));
    operation.kind = OPERATION_UPDATE;
    deletes = true;
    start();
    cr_assert_eq(operation.written.kind, VALUE_TOMBSTONE);
    cr_assert_gt(operation.written.value.size, 0, "the context stays");
    operation.kind = OPERATION_READ;
    start();
    cr_assert(!version_visible(&operation.found, now.wall_ms));
    end();
}

Test(operation, a_read_of_siblings_merges_them)
{
    const struct context nothing = {0};
    struct buffer set = {0};
    struct looked looked = {.status = ANSWER_VERSION};

    begin(OPERATION_WRITE, 2, 2, 1);
    operation.siblings = true;
    start();
    siblings_write(span_of(NULL, 0), &nothing, later(5, 2), DEADLINE_NEVER, SPAN("theirs"), NOW_MS,
                   &set);
    operation.kind = OPERATION_READ;
    operation.whole_version = true;
    start();
    looked.version = siblings_version(buffer_content(&set));
    operation_answered(&coordinator, &operation, now, 2, &looked);
    cr_assert_eq(operation.state, OPERATION_DONE);
    cr_assert_eq(siblings_of(operation.found.value), 2);
    operation.whole_version = false;
    start();
    operation_answered(&coordinator, &operation, now, 2, &looked);
    cr_assert(span_equal(operation.found.value, SPAN("theirs")), "the newest of both");
    buffer_deinit(&set);
    end();
}
