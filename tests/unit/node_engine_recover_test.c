/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Engines of one ring of which some forgot what they had: how they recover it, and vote again.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/recover.h"
#include "value/siblings.h"

TestSuite(engine_recover, .timeout = TIMEOUT_S(10));

#define OK   "+OK\r\n"
#define KEYS 60
/* Of one partition, more than 1 MB. */
#define LONG_VALUE  100000
#define LONG_VALUES 20

static struct pair pair;
static struct pair_client *client;

/* Three nodes, three copies, a client at the first. */
static void begin(const char *const *options)
{
    const struct pair_setup setup = {.nodes = 3, .options = options};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

static void end(void)
{
    pair_deinit(&pair);
}

static void set(const char *key, unsigned value)
{
    char line[64];

    snprintf(line, sizeof line, "SET %s %u", key, value);
    pair_ask(client, line, OK);
}

static void set_all(unsigned value)
{
    char key[PAIR_KEY_MAX];

    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        set(key, value + i);
    }
}

static bool has_all(size_t node, unsigned value)
{
    char key[PAIR_KEY_MAX], text[16];

    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        snprintf(text, sizeof text, "%u", value + i);
        if (!pair_has(&pair, node, key, text))
            return false;
    }
    return true;
}

static struct partition *partition_at(size_t node, uint32_t index)
{
    return store_partition(pair.nodes[node].store, index);
}

/* The node has lost its memory: as after a restart, but with its links. */
static void forget(size_t node)
{
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        struct partition *partition = partition_at(node, p);
        partition_clear(partition);
        partition->recovering = true;
        partition->recovery++;
        partition->forgotten = hlc_stamp(pair.now.wall_ms);
        partition->last_stamp = partition->floor = partition->settled = 0;
        partition->flushed = DOT_NONE;
    }
}

static unsigned recovering(size_t node)
{
    unsigned count = 0;

    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++)
        count += partition_at(node, p)->recovering;
    return count;
}

Test(engine_recover, what_one_forgot_it_fetches_from_two_others)
{
    begin(NULL);
    set_all(100);
    pair_ask(client, "DEL key:7", ":1\r\n");
    forget(2);
    cr_assert(!has_all(2, 100));
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    set("key:7", 107);
    cr_assert(has_all(2, 100));
    cr_assert_eq(pair_metric(&pair, 2, METRIC_RECOVERED_PARTITIONS), PAIR_PARTITIONS);
    cr_assert_eq(pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES), 0);
    cr_assert_geq(pair_metric(&pair, 2, METRIC_RECOVERED_KEYS), KEYS - 1);
    end();
}

Test(engine_recover, nobody_recovers_before_writes_in_flight_are_over)
{
    begin(NULL);
    set_all(100);
    forget(2);
    pair_pass(&pair, PAIR_TIMEOUT_MS - 10);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    pair_pass(&pair, 200);
    cr_assert_eq(recovering(2), 0);
    end();
}

Test(engine_recover, a_version_that_one_of_the_others_missed_is_fetched)
{
    begin(NULL);
    pair_silence(&pair, 0, 1, true);
    set_all(100);
    forget(2);
    pair_break(&pair, 0, 1);
    pair_silence(&pair, 0, 1, false);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 100));
    end();
}

Test(engine_recover, writes_go_on_meanwhile)
{
    begin(NULL);
    set_all(100);
    forget(2);
    for (unsigned i = 0; i < 70; i++) {
        set_all(1000 * i);
        pair_pass(&pair, 10);
    }
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 69000));
    end();
}

Test(engine_recover, bounds_are_taken_over)
{
    begin(NULL);
    set_all(100);
    forget(2);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        partition_raise_floor(partition_at(0, p), 5000 + p);
        partition_raise_floor(partition_at(1, p), 4000 + p);
        partition_settle(partition_at(1, p), 6000 + p, 100);
    }
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        cr_assert_eq(partition_at(2, p)->floor, 5000 + p);
        cr_assert_geq(partition_at(2, p)->settled, 6000 + p);
    }
    end();
}

Test(engine_recover, where_all_forgot_they_vote_again_by_themselves)
{
    begin(NULL);
    set_all(100);
    for (size_t i = 0; i < 3; i++)
        forget(i);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 500);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(recovering(i), 0);
    cr_assert_gt(pair_metric(&pair, 0, METRIC_FORCED_RECOVERIES) +
                     pair_metric(&pair, 1, METRIC_FORCED_RECOVERIES) +
                     pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES),
                 0);
    pair_pass(&pair, 3000);
    set_all(300);
    cr_assert(has_all(1, 300));
    end();
}

Test(engine_recover, one_that_cannot_be_reached_is_waited_for)
{
    static const char *const options[] = {"--recovery-wait", "3", NULL};

    begin(options);
    set_all(100);
    forget(2);
    pair.nodes[1].unreachable = true;
    pair_break(&pair, 2, 1);
    pair_pass(&pair, 3000);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    pair_pass(&pair, 1500);
    cr_assert_eq(recovering(2), 0);
    cr_assert_eq(pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES), PAIR_PARTITIONS);
    cr_assert(has_all(2, 100));
    end();
}

Test(engine_recover, never_means_that_only_an_operator_ends_the_wait)
{
    static const char *const options[] = {"--recovery-wait", "never", NULL};

    begin(options);
    set_all(100);
    forget(2);
    pair.nodes[1].unreachable = true;
    pair_break(&pair, 2, 1);
    pair_pass(&pair, 100000);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    atomic_store(&pair.nodes[2].bounds.recovery.force, true);
    pair_pass(&pair, 500);
    cr_assert_eq(recovering(2), 0);
    end();
}

Test(engine_recover, one_that_is_silent_is_waited_for_and_then_asked_again)
{
    begin(NULL);
    set_all(100);
    forget(2);
    pair_silence(&pair, 2, 1, true);
    pair_pass(&pair, 3000);
    cr_assert_eq(recovering(2), PAIR_PARTITIONS);
    pair_silence(&pair, 2, 1, false);
    pair_pass(&pair, 1000);
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 100));
    cr_assert_eq(pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES), 0);
    end();
}

Test(engine_recover, who_was_told_meanwhile_that_it_forgot_begins_again)
{
    begin(NULL);
    set_all(100);
    forget(2);
    pair_pass(&pair, PAIR_TIMEOUT_MS - 100);
    pair_silence(&pair, 2, 0, true);
    pair_pass(&pair, 200);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++)
        partition_at(2, p)->recovery++;
    pair_silence(&pair, 2, 0, false);
    pair_pass(&pair, 1000);
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 100));
    end();
}

/* One that has its data, and was told that hints for it were dropped. */
Test(engine_recover, what_was_deleted_without_it_does_not_come_back)
{
    begin(NULL);
    set_all(100);
    pair_pass(&pair, 500);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        struct partition *partition = partition_at(2, p);
        for (size_t node = 0; node < 2; node++) {
            /* The delete was owed and dropped, and has settled by then. */
            const uint32_t home = pair_partition_of(&pair, "key:5");
            if (p == home)
                partition_remove(partition_at(node, p),
                                 store_hash(pair.nodes[node].store, SPAN("key:5")), SPAN("key:5"));
            partition_settle(partition_at(node, p), hlc_stamp(pair.now.wall_ms), 1000);
        }
        partition->recovering = true;
        partition->recovery++;
    }
    cr_assert(pair_has(&pair, 2, "key:5", "105"));
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    cr_assert_not(pair_has(&pair, 2, "key:5", "105"));
    cr_assert(pair_has(&pair, 2, "key:6", "106"));
    end();
}

static struct dot dot_at(size_t node, const char *key)
{
    struct store *store = pair.nodes[node].store;
    struct version version;

    partition_get(partition_at(node, pair_partition_of(&pair, key)),
                  store_hash(store, span_of_string(key)), span_of_string(key), &version);
    return version.dot;
}

static void remove_at(size_t node, const char *key)
{
    partition_remove(partition_at(node, pair_partition_of(&pair, key)),
                     store_hash(pair.nodes[node].store, span_of_string(key)), span_of_string(key));
}

static void vanish_at(size_t node, const char *key)
{
    partition_vanish(partition_at(node, pair_partition_of(&pair, key)),
                     store_hash(pair.nodes[node].store, span_of_string(key)), span_of_string(key));
}

static void put_at(size_t node, const char *key, const char *value, struct dot dot)
{
    const struct span bytes = span_of_string(value);
    const struct version version = {
        .kind = VALUE_STRING, .dot = dot, .deadline_ms = DEADLINE_NEVER, .value = bytes};

    partition_put(partition_at(node, pair_partition_of(&pair, key)),
                  store_hash(pair.nodes[node].store, span_of_string(key)), span_of_string(key),
                  &version, &bytes, 1);
}

/* v2 vanished at the first, unsettled, and the second missed it: it holds v1. */
Test(engine_recover, a_mark_is_taken_over_and_covers_what_is_older)
{
    begin(NULL);
    for (size_t node = 0; node < 3; node++) /* nothing settles */
        atomic_store(&pair.nodes[node].bounds.ledger.uncompared, 1);
    set("k", 1);
    const struct dot old = dot_at(1, "k");
    set("k", 2);
    put_at(1, "k", "1", old);
    for (size_t node = 0; node < 3; node++)
        partition_at(node, pair_partition_of(&pair, "k"))->settled = 0;
    vanish_at(0, "k");
    forget(2);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 60);
    cr_assert_eq(recovering(2), 0);
    cr_assert_not(pair_has(&pair, 2, "k", "1"));
    cr_assert_not(pair_has(&pair, 2, "k", "2"));
    end();
}

Test(engine_recover, what_settled_and_is_gone_at_one_is_fetched_from_the_other_that_has_it)
{
    begin(NULL);
    set_all(100);
    pair_pass(&pair, 1000);
    vanish_at(0, "key:9"); /* evicted: it has settled, and leaves no mark */
    cr_assert_eq(partition_mark(partition_at(0, pair_partition_of(&pair, "key:9")),
                                store_hash(pair.nodes[0].store, SPAN("key:9")), SPAN("key:9"))
                     .stamp,
                 0);
    forget(2);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    cr_assert(has_all(2, 100));
    end();
}

/* The floor bars what would enter an empty place, and not what takes the place of something older:
 * as when one is told that it missed a write, and has given up many marks since. */
Test(engine_recover, what_is_newer_comes_in_below_the_floor_where_there_is_something_older)
{
    begin(NULL);
    set("k", 1);
    const struct dot old = dot_at(1, "k");
    set("k", 2);
    pair_pass(&pair, 500);
    struct partition *partition = partition_at(2, pair_partition_of(&pair, "k"));
    put_at(2, "k", "1", old);
    partition_raise_floor(partition, dot_at(1, "k").stamp);
    replica_recover_anew(partition);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 200);
    cr_assert_eq(recovering(2), 0);
    cr_assert(pair_has(&pair, 2, "k", "2"));
    end();
}

/* ---- comparisons ---- */

static const char *const often[] = {"--repair-interval", "1", NULL};

Test(engine_recover, a_comparison_mends_what_one_replica_has_too_old)
{
    begin(often);
    set("k", 1);
    const struct dot old = dot_at(1, "k");
    set("k", 2);
    for (size_t node = 0; node < 3; node++) {
        pair_pass(&pair, 500);
        put_at(node, "k", "1", old);
        cr_assert(pair_has(&pair, node, "k", "1"));
        pair_pass(&pair, 3000);
        cr_assert(pair_has(&pair, node, "k", "2"), "at %zu", node);
    }
    cr_assert_gt(pair_metric(&pair, 0, METRIC_COMPARISONS), 0);
    end();
}

static void nothing_settles(void)
{
    for (size_t node = 0; node < 3; node++)
        ledger_doubt(&pair.nodes[node].bounds.ledger);
}

static void all_may_settle(void)
{
    for (size_t node = 0; node < 3; node++)
        ledger_compared(&pair.nodes[node].bounds.ledger);
}

/* As many differ in one partition as hint-bytes has no room for: what is sent a little later is
 * dropped for nobody. */
Test(engine_recover, a_comparison_with_much_to_mend_drops_nothing)
{
    static const char *const small[] = {"--repair-interval", "1", "--hint-bytes", "1mb", NULL};
    char key[PAIR_KEY_MAX];
    char *value = memory_alloc(LONG_VALUE + 1);

    memset(value, 'v', LONG_VALUE);
    begin(small);
    pair_pass(&pair, 500);
    nothing_settles();
    const uint32_t home = pair_partition_of(&pair, "k");
    size_t first = 0; /* it compares */
    while (pair.nodes[first].engine->view->self != ring_claim(pair.ring, home)->nodes[0])
        first++;
    const uint64_t stamp = hlc_stamp(pair.now.wall_ms);
    for (unsigned i = 0, put = 0; put < LONG_VALUES; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        if (pair_partition_of(&pair, key) == home)
            put_at(first, key, value, (struct dot){stamp + put++, 1});
    }
    pair_pass(&pair, 6000);
    for (size_t node = 0; node < 3; node++) {
        cr_assert_arr_eq(partition_at(node, home)->leaves, partition_at(first, home)->leaves,
                         sizeof(uint64_t[PARTITION_LEAVES]));
        cr_assert_eq(pair_metric(&pair, node, METRIC_HINTS_DROPPED), 0);
        cr_assert_eq(partition_at(node, home)->recovery, 0);
    }
    memory_free(value);
    end();
}

/* The set of a write beside what the node has, which nobody else hears of. */
static void write_set_at(size_t node, const char *name, struct dot dot, bool alone)
{
    struct store *store = pair.nodes[node].store;
    struct partition *partition = partition_at(node, pair_partition_of(&pair, name));
    const struct span key = span_of_string(name);
    const struct context none = {0};
    struct buffer bytes = {0};
    struct version version;
    struct span old = span_of(NULL, 0);

    if (!alone && partition_get(partition, store_hash(store, key), key, &version))
        old = version.value;
    cr_assert_eq(siblings_write(old, &none, dot, DEADLINE_NEVER, SPAN("v"), 0, &bytes),
                 SIBLINGS_OK);
    version = siblings_version(buffer_content(&bytes));
    cr_assert_eq(partition_put(partition, store_hash(store, key), key, &version, &version.value, 1),
                 STORE_OK);
    buffer_deinit(&bytes);
}

static unsigned values_at(size_t node, const char *name)
{
    struct version version;
    const struct span key = span_of_string(name);

    if (!partition_get(partition_at(node, pair_partition_of(&pair, name)),
                       store_hash(pair.nodes[node].store, key), key, &version))
        return 0;
    return siblings_count(version.value);
}

static void begin_with_sets(void)
{
    const struct pair_setup setup = {.nodes = 3, .siblings = true, .options = often};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

/* All have two values with one largest dot, but one has the newer alone. */
static void write_sets(void)
{
    const uint64_t stamp = hlc_stamp(pair.now.wall_ms);

    for (size_t node = 0; node < 3; node++) {
        if (node != 1)
            write_set_at(node, "k", (struct dot){stamp, 1}, false);
        write_set_at(node, "k", (struct dot){stamp + 1, 2}, false);
    }
}

Test(engine_recover, a_comparison_mends_a_set_that_lacks_a_value)
{
    begin_with_sets();
    pair_pass(&pair, 500);
    nothing_settles();
    write_sets();
    cr_assert_eq(values_at(1, "k"), 1);
    pair_pass(&pair, 3000);
    for (size_t node = 0; node < 3; node++) {
        cr_assert_eq(values_at(node, "k"), 2, "at %zu", node);
        cr_assert_eq(partition_at(node, pair_partition_of(&pair, "k"))->recovery, 0);
    }
    cr_assert_arr_eq(partition_at(0, pair_partition_of(&pair, "k"))->leaves,
                     partition_at(1, pair_partition_of(&pair, "k"))->leaves,
                     sizeof(uint64_t[PARTITION_LEAVES]));
    end();
}

Test(engine_recover, who_lost_a_value_of_a_settled_set_is_told_that_it_forgot)
{
    begin_with_sets();
    write_sets();
    pair_pass(&pair, 9000);
    for (size_t node = 0; node < 3; node++)
        cr_assert_eq(values_at(node, "k"), 2, "at %zu", node);
    cr_assert_eq(partition_at(1, pair_partition_of(&pair, "k"))->recovery, 1);
    end();
}

Test(engine_recover, a_comparison_leaves_alone_what_was_evicted)
{
    begin(often);
    set("k", 1);
    pair_pass(&pair, 500);
    vanish_at(1, "k");
    partition_at(1, pair_partition_of(&pair, "k"))->evicted_total++;
    pair_pass(&pair, 6000);
    cr_assert_not(pair_has(&pair, 1, "k", "1"));
    cr_assert(pair_has(&pair, 0, "k", "1"));
    cr_assert_eq(partition_at(1, pair_partition_of(&pair, "k"))->recovery, 0);
    end();
}

Test(engine_recover, who_lost_what_had_settled_is_told_that_it_forgot)
{
    begin(often);
    set("k", 1);
    for (size_t node = 0; node < 3; node++) {
        pair_pass(&pair, 500);
        remove_at(node, "k");
        pair_pass(&pair, 6000);
        cr_assert(pair_has(&pair, node, "k", "1"), "at %zu", node);
        cr_assert_eq(partition_at(node, pair_partition_of(&pair, "k"))->recovery, 1);
    }
    end();
}

/* Two recover without the third, where what they keep has settled and is gone. */
Test(engine_recover, a_recovery_from_too_few_is_followed_by_a_comparison_with_all)
{
    static const char *const options[] = {"--recovery-wait", "1", NULL};

    begin(options);
    set("k", 1);
    pair_pass(&pair, 500);
    remove_at(1, "k");
    pair.nodes[1].unreachable = true;
    for (size_t node = 0; node < 3; node += 2) {
        pair_break(&pair, node, 1);
        replica_recover_anew(partition_at(node, pair_partition_of(&pair, "k")));
    }
    pair_pass(&pair, 4000);
    cr_assert_eq(recovering(0) + recovering(2), 0);
    cr_assert_gt(pair_metric(&pair, 2, METRIC_FORCED_RECOVERIES), 0);
    cr_assert_eq(atomic_load(&pair.nodes[2].bounds.ledger.uncompared), 1);
    pair.nodes[1].unreachable = false;
    pair_pass(&pair, 10000);
    for (size_t node = 0; node < 3; node++) {
        cr_assert(pair_has(&pair, node, "k", "1"), "at %zu", node);
        cr_assert_eq(atomic_load(&pair.nodes[node].bounds.ledger.uncompared), 0);
    }
    end();
}

/* A write failed: its coordinator alone has it, and the hints for it are dropped. Those that are
 * told so ask the first three that vote, and the coordinator is not among them; nor can they reach
 * it. */
Test(engine_recover, what_was_dropped_does_not_settle_before_its_node_has_compared)
{
    static const char *const brief[] = {"--hint-window", "1", NULL};
    const struct pair_setup setup = {.nodes = 5, .options = brief};
    char key[PAIR_KEY_MAX];

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_key(&pair, 1, 0, key); /* of which the client's node has the last place */
    for (size_t node = 1; node < 5; node++)
        pair.nodes[node].unreachable = true;
    for (size_t node = 1; node < 5; node++)
        pair_break(&pair, 0, node);
    char line[64];
    snprintf(line, sizeof line, "SET %s 1", key);
    pair_command(client, line);
    pair_expect_begin(client, "-NOQUORUM");
    pair_pass(&pair, 2500);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_HINTS_DROPPED), 4);
    for (size_t node = 1; node < 5; node++) {
        pair.nodes[node].unreachable = false;
        pair_silence(&pair, node, 0, true);
        pair_pass(&pair, 1000); /* one after another, so that enough vote */
    }
    pair_pass(&pair, 3000);
    for (size_t node = 1; node < 5; node++)
        pair_silence(&pair, node, 0, false);
    pair_pass(&pair, 3000);
    for (size_t node = 0; node < 5; node++) {
        cr_assert(pair_has(&pair, node, key, "1"), "at %zu", node);
        cr_assert_eq(atomic_load(&pair.nodes[node].bounds.ledger.uncompared), 0);
    }
    end();
}

/* It restarted, and what it owed is lost with it: its partitions are to be compared. */
static void restarted(size_t node, uint32_t partition)
{
    struct pair_node *at = &pair.nodes[node];

    ledger_doubt(&at->bounds.ledger);
    at->engine->sync->partitions[partition].compared = false;
}

Test(engine_recover, what_a_comparison_found_missing_is_owed_before_anything_is_told)
{
    begin(NULL);
    nothing_settles();
    set("k", 1);
    const struct dot dot = dot_at(0, "k");
    remove_at(1, "k");
    atomic_store(&pair.nodes[1].bounds.ceiling, dot.stamp - 1); /* it refuses the version */
    pair_pass(&pair, PAIR_TIMEOUT_MS + 100);
    all_may_settle();
    restarted(2, pair_partition_of(&pair, "k"));

    struct engine *engine = pair.nodes[2].engine;
    for (unsigned i = 0; i < 100 && atomic_load(&pair.nodes[2].bounds.ledger.uncompared); i++) {
        engine->now = pair_now(&pair.nodes[2]);
        sync_hurry(engine->sync);
        engine->sync->rest_us = 0; /* no time passes here */
        sync_wake(engine->sync);
        /* Another worker may tell it now. */
        cr_assert_lt(engine_bound(engine), dot.stamp);
        engine_turn_end(engine, pair_now(&pair.nodes[2]));
        pair_settle(&pair);
    }
    cr_assert_not(atomic_load(&pair.nodes[2].bounds.ledger.uncompared));
    cr_assert_lt(engine_bound(engine), dot.stamp);
    end();
}

/* The third wrote v2 with a clock that was ahead, restarted, and a stand-in offers it to the second
 * in vain for a while: until the clocks have come near. */
Test(engine_recover, a_node_that_restarted_compares_when_nobody_refuses_its_last_stamps_any_more)
{
    begin(NULL);
    set("k", 1);
    const int64_t near_ms = pair.now.wall_ms + atomic_load(&pair.nodes[2].bounds.ahead_max_ms);
    const struct dot ahead = {.stamp = hlc_stamp(near_ms + 2000), .node = 3};
    pair.nodes[2].bounds.ceiling_at_start = hlc_stamp(near_ms + 3000);
    restarted(2, pair_partition_of(&pair, "k"));
    pair_pass(&pair, 2500);
    cr_assert(atomic_load(&pair.nodes[2].bounds.ledger.uncompared));
    put_at(1, "k", "2", ahead);
    pair_pass(&pair, 2500);
    cr_assert_not(atomic_load(&pair.nodes[2].bounds.ledger.uncompared));
    for (size_t node = 0; node < 3; node++)
        cr_assert(pair_has(&pair, node, "k", "2"), "at %zu", node);
    end();
}

/* v2 vanished at the first, unsettled; the third owed it to the second, who has v1, and restarted.
 */
Test(engine_recover, what_is_older_than_a_mark_goes_everywhere_in_the_comparison)
{
    begin(NULL);
    nothing_settles();
    set("k", 1);
    const struct dot old = dot_at(1, "k");
    set("k", 2);
    put_at(1, "k", "1", old);
    vanish_at(0, "k");
    forget(2);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 60);
    cr_assert_eq(recovering(2), 0);
    cr_assert(pair_has(&pair, 1, "k", "1"));
    all_may_settle();
    restarted(2, pair_partition_of(&pair, "k"));
    pair_pass(&pair, 3000);
    cr_assert_not(atomic_load(&pair.nodes[2].bounds.ledger.uncompared));
    cr_assert_not(pair_has(&pair, 1, "k", "1"));
    pair_ask(client, "GET k", "$-1\r\n");
    end();
}

static bool is_compared(size_t node, uint32_t partition)
{
    return pair.nodes[node].engine->sync->partitions[partition].compared;
}

/* v2 vanished at the first and the third, unsettled; the third owed it to the second, and
 * restarted; the first owes the second v1, which it never had. Nobody knows the key by name. */
Test(engine_recover, what_is_older_than_a_mark_does_not_come_in_behind_the_comparison)
{
    begin(NULL);
    nothing_settles();
    set("k", 1);
    set("k", 2);
    const struct dot newer = dot_at(0, "k");
    remove_at(1, "k");
    vanish_at(0, "k");
    vanish_at(2, "k");
    pair_pass(&pair, PAIR_TIMEOUT_MS + 60);
    const struct partition *partition = partition_at(1, pair_partition_of(&pair, "k"));
    const uint64_t hash = store_hash(pair.nodes[1].store, SPAN("k"));
    cr_assert_not(dot_exists(partition_mark(partition, hash, SPAN("k"))));
    restarted(2, pair_partition_of(&pair, "k"));
    pair_pass(&pair, 3000);
    cr_assert(dot_equal(partition_mark(partition, hash, SPAN("k")), newer));
    cr_assert_eq(partition->recovery, 0, "it went on voting");
    cr_assert(is_compared(2, partition->index));
    end();
}

/* The same of more keys than a message has marks of; and the one that compares missed them, too. */
Test(engine_recover, many_marks_are_handed_over_before_a_comparison_is_done)
{
    char keys[600][PAIR_KEY_MAX];
    const uint32_t home = 0;
    unsigned count = 0;

    begin(NULL);
    nothing_settles();
    for (unsigned i = 0; count < 600; i++) {
        snprintf(keys[count], PAIR_KEY_MAX, "m%u", i);
        if (pair_partition_of(&pair, keys[count]) != home)
            continue;
        set(keys[count], 1);
        vanish_at(0, keys[count]);
        remove_at(1, keys[count]);
        remove_at(2, keys[count]);
        count++;
    }
    pair_pass(&pair, PAIR_TIMEOUT_MS + 60);
    restarted(2, home);
    while (!is_compared(2, home))
        pair_pass(&pair, 1);
    for (size_t node = 1; node < 3; node++) {
        struct partition_counts counts;
        partition_count(partition_at(node, home), &counts);
        cr_assert_eq(counts.marks, 600, "at %zu", node);
    }
    end();
}

Test(engine_recover, a_flush_that_was_owed_reaches_who_missed_it_by_the_comparison)
{
    begin(NULL);
    nothing_settles();
    set("k", 1);
    const struct dot old = dot_at(1, "k");
    const uint32_t home = pair_partition_of(&pair, "k");
    pair_ask(client, "FLUSHALL", OK);
    const struct dot flushed = partition_at(0, home)->flushed;
    cr_assert(dot_exists(flushed));
    partition_at(1, home)->flushed = DOT_NONE;
    put_at(1, "k", "1", old);
    restarted(2, home);
    pair_pass(&pair, 600);
    cr_assert_eq(recovering(1), 0);
    cr_assert_not(pair_has(&pair, 1, "k", "1"));
    cr_assert(dot_equal(partition_at(1, home)->flushed, flushed));
    all_may_settle();
    pair_pass(&pair, 3000);
    cr_assert_not(pair_has(&pair, 1, "k", "1"));
    pair_ask(client, "GET k", "$-1\r\n");
    end();
}

/* What it has gathered is counted, and given back with the rest (pair_deinit looks at that). */
Test(engine_recover, a_node_that_stops_in_a_recovery_gives_back_what_it_counted)
{
    static const char *const slow[] = {"--recovery-rate", "64kb", NULL};
    char line[512];
    int64_t charged = 0;

    begin(slow);
    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(line, sizeof line, "SET key:%u %0400u", i, i);
        pair_ask(client, line, OK);
    }
    forget(2);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 100);
    for (unsigned i = 0; i < SYNC_JOBS; i++)
        charged += pair.nodes[2].engine->sync->jobs[i].charged;
    cr_assert_gt(charged, 0);
    end();
}
