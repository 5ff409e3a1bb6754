/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store against a naive map, over random histories: puts (also in place, from pieces of the old
 * value), removes, expiry under a clock that jumps, clears, scans that go on while the table grows
 * and shrinks, allocations that fail. Versions vanish, are evicted, leave marks and are settled;
 * dots come in any order. Good hashes and bad ones. In the end nothing may be left.
 *
 * DUNLIN_SEED replays one seed.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "lib/allocator.h"
#include "lib/timeout.h"
#include "store/entry.h"
#include "store/store.h"
#include "value/siblings.h"

#define NOW INT64_C(1700000000000)

enum { PARTITIONS = 4, KEYS = 2000, STEPS = 60000, VALUE_MAX = 400, KEY_MAX = 40 };

TestSuite(store_model, .timeout = TIMEOUT_S(120));

static struct allocator allocator;

/* What the naive map has of a key; it belongs to partition number % PARTITIONS. */
struct fact {
    bool present;
    struct version version; /* its value points to `value` */
    uint8_t value[VALUE_MAX];
    uint64_t hash;
    struct dot mark;
    uint64_t arrival; /* the number of the put, in order */
    bool stable;      /* there since the partition's scan began */
    bool visited;     /* by it */
};

struct model {
    struct store *store;
    struct rng rng;
    struct fact facts[KEYS];
    uint64_t cursors[PARTITIONS];
    uint32_t scanned; /* the partition that a visit belongs to */
    uint64_t marks_seen;
    uint64_t stamp;
    uint64_t arrivals;
    uint64_t settled[PARTITIONS];
    uint64_t floors[PARTITIONS]; /* as last seen */
    bool overflows;              /* marks may be given up */
    int64_t now_ms;
    uint32_t put_share; /* of 100 changes, how many are puts */
};

struct place {
    uint32_t number;
    struct partition *partition;
    uint64_t hash;
    struct span key;
    char text[KEY_MAX + 16];
};

static void find_place(struct model *model, uint32_t number, struct place *place)
{
    const int size = snprintf(place->text, sizeof place->text, "%u:%.*s", number,
                              (int)(number * 7 % KEY_MAX),
                              "........................................");

    place->number = number;
    place->partition = store_partition(model->store, number % PARTITIONS);
    place->key = span_of(place->text, (size_t)size);
    place->hash = store_hash(model->store, place->key);
}

/* A mark may only be missing, or be that of an older version, where the floor does its work. */
static void check_mark(struct model *model, const struct place *place)
{
    struct fact *fact = &model->facts[place->number];
    const struct partition *partition = place->partition;
    const struct dot mark = partition_mark(partition, place->hash, place->key);

    if (dot_equal(mark, fact->mark))
        return;
    cr_assert(model->overflows);
    cr_assert_lt(dot_compare(mark, fact->mark), 0);
    cr_assert_leq(fact->mark.stamp, partition->floor);
    fact->mark = mark;
}

static void check_fact(struct model *model, uint32_t number)
{
    const struct fact *fact = &model->facts[number];
    struct version version;
    struct place place;

    find_place(model, number, &place);
    check_mark(model, &place);
    cr_assert_eq(partition_get(place.partition, place.hash, place.key, &version), fact->present);
    cr_assert_eq(version_exists(&version), fact->present);
    if (!fact->present)
        return;
    cr_assert(dot_equal(version.dot, fact->version.dot));
    cr_assert_eq(version.kind, fact->version.kind);
    cr_assert_eq(version.deadline_ms, fact->version.deadline_ms);
    cr_assert(span_equal(version.value, fact->version.value));
}

/* What is kept of the whole partition, against what its facts give. */
static void check_partition(struct model *model, uint32_t index)
{
    const struct partition *partition = store_partition(model->store, index);
    uint64_t leaves[PARTITION_LEAVES] = {0};

    for (uint32_t number = index; number < KEYS; number += PARTITIONS) {
        const struct fact *fact = &model->facts[number];

        if (fact->present && fact->version.kind != VALUE_TOMBSTONE)
            leaves[store_leaf(fact->hash)] += store_version_digest(
                fact->hash, fact->version.dot, siblings_digest_of(&fact->version));
    }
    cr_assert_arr_eq(partition->leaves, leaves, sizeof leaves);
    cr_assert_eq(partition->settled, model->settled[index]);
    cr_assert_geq(partition->floor, model->floors[index]);
    cr_assert(model->overflows || partition->floor == 0);
    model->floors[index] = partition->floor;
}

static void forget(struct fact *fact)
{
    fact->present = fact->stable = false;
}

static void set_mark(struct model *model, uint32_t number, struct dot dot)
{
    struct fact *fact = &model->facts[number];

    if (dot.stamp > model->settled[number % PARTITIONS])
        fact->mark = dot_max(fact->mark, dot);
}

/* As forget, of what was evicted or expired. */
static void vanish(struct model *model, uint32_t number)
{
    forget(&model->facts[number]);
    set_mark(model, number, model->facts[number].version.dot);
}

/* Mostly above all others, sometimes some way back. */
static struct dot draw_dot(struct model *model)
{
    struct rng *rng = &model->rng;
    const uint64_t back = rng_chance(rng, 1, 8) ? rng_below(rng, 3000) : 0;

    model->stamp++;
    return (struct dot){
        .stamp = model->stamp > back ? model->stamp - back : 1,
        .node = (node_number)rng_below(rng, 9),
    };
}

/* A piece of a new value: fresh bytes, or some of the old. */
static struct span draw_piece(struct model *model, struct span old, const uint8_t *fresh)
{
    struct rng *rng = &model->rng;

    if (old.size > 0 && rng_chance(rng, 1, 2)) {
        const size_t from = rng_below(rng, old.size);

        return span_of(old.data + from, rng_below(rng, old.size - from + 1));
    }
    return span_of(fresh, rng_below(rng, rng_chance(rng, 1, 4) ? VALUE_MAX / 3 : 30));
}

static int64_t draw_deadline(struct model *model, const struct fact *fact)
{
    if (rng_chance(&model->rng, 1, 4) && fact->present)
        return fact->version.deadline_ms;
    if (rng_chance(&model->rng, 1, 2))
        return DEADLINE_NEVER;
    if (rng_chance(&model->rng, 1, 16)) /* on both sides of what a timer's note holds */
        return ENTRY_EPOCH_MS + (int64_t)rng_below(&model->rng, 3) - 1 +
               (rng_chance(&model->rng, 1, 2) ? INT64_C(1) << CIRCLE_NOTE_BITS : 0);
    if (rng_chance(&model->rng, 1, 32)) /* or anywhere */
        return (int64_t)rng_next(&model->rng);
    return model->now_ms + (int64_t)(rng_next(&model->rng) >> (30 + rng_below(&model->rng, 34)));
}

static void put(struct model *model, uint32_t number)
{
    struct fact *fact = &model->facts[number];
    struct rng *rng = &model->rng;
    uint8_t fresh[VALUE_MAX], expected[VALUE_MAX];
    struct span pieces[3];
    struct version version = {.dot = draw_dot(model)};
    struct version old;
    struct place place;
    size_t count = rng_below(rng, 4);
    size_t size = 0;

    for (size_t i = 0; i < sizeof fresh; i++)
        fresh[i] = (uint8_t)rng_next(rng);
    find_place(model, number, &place);
    (void)partition_get(place.partition, place.hash, place.key, &old);
    version.kind = rng_chance(rng, 1, 8) ? VALUE_TOMBSTONE : VALUE_STRING;
    version.deadline_ms = draw_deadline(model, fact);
    if (version.kind == VALUE_TOMBSTONE) {
        /* Some have bytes: a set without siblings. */
        count = rng_below(rng, 2);
        version.deadline_ms = DEADLINE_NEVER;
    }
    for (size_t i = 0; i < count; i++) {
        pieces[i] = draw_piece(model, old.value, fresh);
        if (size + pieces[i].size > VALUE_MAX)
            pieces[i].size = VALUE_MAX - size;
        if (pieces[i].size > 0)
            memcpy(expected + size, pieces[i].data, pieces[i].size);
        size += pieces[i].size;
    }
    if (partition_put(place.partition, place.hash, place.key, &version, pieces, count) ==
        STORE_OK) {
        memcpy(fact->value, expected, size);
        version.value = span_of(fact->value, size);
        fact->version = version;
        fact->present = true;
        fact->mark = DOT_NONE;
        fact->arrival = ++model->arrivals;
    } else {
        cr_assert_neq(allocator.of_1000, 0);
    }
    check_fact(model, number);
}

static void drop(struct model *model, uint32_t number)
{
    struct fact *fact = &model->facts[number];
    struct place place;

    find_place(model, number, &place);
    cr_assert_eq(partition_remove(place.partition, place.hash, place.key), fact->present);
    forget(fact);
    check_fact(model, number);
}

static void evict(struct model *model, uint32_t number)
{
    struct fact *fact = &model->facts[number];
    struct place place;

    find_place(model, number, &place);
    cr_assert_eq(partition_vanish(place.partition, place.hash, place.key), fact->present);
    if (fact->present)
        vanish(model, number);
    check_fact(model, number);
}

static void leave_mark(struct model *model, uint32_t number)
{
    const struct dot dot = draw_dot(model);
    struct place place;

    find_place(model, number, &place);
    if (model->facts[number].present)
        return;
    partition_leave_mark(place.partition, model->facts[number].hash, dot);
    set_mark(model, number, dot);
    check_fact(model, number);
}

/* Tombstones go in the order in which they came; one that is not settled holds up the rest. */
static void reap(struct model *model, uint32_t index)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t number = index; number < KEYS; number += PARTITIONS) {
        const struct fact *fact = &model->facts[number];

        if (fact->present && fact->version.kind == VALUE_TOMBSTONE &&
            fact->version.dot.stamp > model->settled[index] && fact->arrival < first)
            first = fact->arrival;
    }
    for (uint32_t number = index; number < KEYS; number += PARTITIONS) {
        struct fact *fact = &model->facts[number];

        if (fact->mark.stamp <= model->settled[index])
            fact->mark = DOT_NONE;
        if (fact->present && fact->version.kind == VALUE_TOMBSTONE && fact->arrival < first)
            forget(fact);
    }
}

static void settle(struct model *model)
{
    struct rng *rng = &model->rng;
    const uint32_t index = (uint32_t)rng_below(rng, PARTITIONS);
    struct partition *partition = store_partition(model->store, index);
    const uint32_t limit = 1 + (uint32_t)rng_below(rng, 40);
    const uint64_t back = rng_below(rng, 4000);
    const uint64_t stamp = model->stamp > back ? model->stamp - back : 0;
    struct partition_counts counts;

    for (bool more = true; more;) {
        partition_count(partition, &counts);
        const uint64_t tombstones = counts.tombstones;

        more = partition_settle(partition, stamp, limit);
        partition_count(partition, &counts);
        cr_assert_leq(tombstones - counts.tombstones, limit);
        cr_assert(!more || tombstones - counts.tombstones == limit);
    }
    if (stamp > model->settled[index])
        model->settled[index] = stamp;
    reap(model, index);
    for (uint32_t number = index; number < KEYS; number += PARTITIONS)
        check_fact(model, number);
}

/* Which entries go is the store's choice. */
static void make_room(struct model *model)
{
    struct rng *rng = &model->rng;
    const uint64_t used = store_memory_used(model->store);
    const size_t bytes = rng_below(rng, 2000);
    uint64_t evicted = 0, gone = 0;

    model->overflows = true; /* where little memory is allowed, that is of few marks */
    store_set_policy(model->store, rng_chance(rng, 1, 8) ? STORE_NOEVICTION : STORE_ALLKEYS_CLOCK);
    store_set_memory_max(model->store, 1 + used - rng_below(rng, used / 8 + 1));
    if (store_make_room(model->store, bytes, &evicted))
        cr_assert_leq(store_memory_used(model->store) + bytes, used + 1);
    store_set_memory_max(model->store, 0);
    for (uint32_t number = 0; number < KEYS; number++) {
        struct version version;
        struct place place;

        find_place(model, number, &place);
        if (model->facts[number].present &&
            !partition_get(place.partition, place.hash, place.key, &version)) {
            vanish(model, number);
            gone++;
        }
        check_fact(model, number);
    }
    cr_assert_eq(gone, evicted);
}

static void expire(struct model *model)
{
    struct rng *rng = &model->rng;
    const uint32_t index = (uint32_t)rng_below(rng, PARTITIONS);
    struct partition *partition = store_partition(model->store, index);
    const uint32_t limit = 1 + (uint32_t)rng_below(rng, 50);
    const int64_t jump = (int64_t)(rng_next(rng) >> (30 + rng_below(rng, 34)));
    uint32_t took;

    model->now_ms += rng_chance(rng, 1, 3) ? -jump : jump;
    do {
        took = partition_expire(partition, model->now_ms, limit);
        cr_assert_leq(took, limit);
    } while (took == limit);
    for (uint32_t number = index; number < KEYS; number += PARTITIONS) {
        struct fact *fact = &model->facts[number];

        if (fact->present && fact->version.deadline_ms <= model->now_ms)
            vanish(model, number);
    }
}

static void clear(struct model *model)
{
    const uint32_t index = (uint32_t)rng_below(&model->rng, PARTITIONS);
    struct partition *partition = store_partition(model->store, index);
    const struct dot dot = draw_dot(model);

    partition->flushed = dot;
    partition_clear(partition);
    for (uint32_t number = index; number < KEYS; number += PARTITIONS) {
        struct fact *fact = &model->facts[number];

        forget(fact);
        if (dot_compare(fact->mark, dot) <= 0)
            fact->mark = DOT_NONE;
    }
}

static void visit(void *context, struct span key, const struct version *version)
{
    struct model *model = context;
    const uint32_t number = (uint32_t)strtoul((const char *)key.data, NULL, 10);
    struct fact *fact = &model->facts[number];

    cr_assert_lt(number, KEYS);
    cr_assert_eq(number % PARTITIONS, model->scanned);
    cr_assert(fact->present);
    cr_assert(dot_equal(version->dot, fact->version.dot));
    cr_assert(span_equal(version->value, fact->version.value));
    cr_assert_not(fact->stable && fact->visited);
    fact->visited = true;
}

/* One step of a partition's scan, which begins anew when it was at its end. */
static void scan(struct model *model)
{
    const uint32_t index = (uint32_t)rng_below(&model->rng, PARTITIONS);

    if (model->cursors[index] == 0)
        for (uint32_t number = index; number < KEYS; number += PARTITIONS) {
            model->facts[number].stable = model->facts[number].present;
            model->facts[number].visited = false;
        }
    model->scanned = index;
    model->cursors[index] = partition_scan(store_partition(model->store, index),
                                           model->cursors[index],
                                           (uint32_t)rng_below(&model->rng, 30), visit, model);
    cr_assert_leq(model->cursors[index], UINT32_MAX);
    if (model->cursors[index] == 0)
        for (uint32_t number = index; number < KEYS; number += PARTITIONS)
            cr_assert(!model->facts[number].stable || model->facts[number].visited);
}

static void count_mark(void *context, uint64_t hash, struct dot dot)
{
    struct model *model = context;
    uint32_t number = model->scanned;

    while (number < KEYS && model->facts[number].hash != hash)
        number += PARTITIONS;
    cr_assert_lt(number, KEYS);
    cr_assert(dot_equal(model->facts[number].mark, dot));
    cr_assert_not(model->facts[number].present);
    model->marks_seen++;
}

static void check_marks(struct model *model, uint32_t index, uint64_t count)
{
    uint64_t expected = 0;

    model->scanned = index;
    model->marks_seen = 0;
    partition_scan_marks(store_partition(model->store, index), count_mark, model);
    for (uint32_t number = index; number < KEYS; number += PARTITIONS)
        expected += dot_exists(model->facts[number].mark);
    cr_assert_eq(count, expected);
    cr_assert_eq(model->marks_seen, expected);
    cr_assert(expected <= 96 || store_partitions(model->store) == PARTITIONS);
}

static void check_all(struct model *model)
{
    struct partition_counts expected[PARTITIONS] = {0};
    uint64_t memory = 0;

    for (uint32_t number = 0; number < KEYS; number++) {
        const struct fact *fact = &model->facts[number];
        struct partition_counts *counts = &expected[number % PARTITIONS];
        struct place place;

        check_fact(model, number);
        if (!fact->present)
            continue;
        find_place(model, number, &place);
        memory += entry_memory_for(entry_parts_for(place.key.size, &fact->version), place.key.size,
                                   fact->version.value.size);
        if (fact->version.kind == VALUE_TOMBSTONE) {
            counts->tombstones++;
        } else {
            counts->keys++;
            counts->expiring += fact->version.deadline_ms != DEADLINE_NEVER;
        }
    }
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        struct partition_counts counts;

        partition_count(store_partition(model->store, i), &counts);
        cr_assert_eq(counts.keys, expected[i].keys);
        cr_assert_eq(counts.tombstones, expected[i].tombstones);
        cr_assert_eq(counts.expiring, expected[i].expiring);
        check_marks(model, i, counts.marks);
        check_partition(model, i);
    }
    cr_assert_geq(store_memory_used(model->store) + PARTITIONS * 4096, memory);
}

static void step(struct model *model)
{
    struct rng *rng = &model->rng;
    const uint32_t number = (uint32_t)rng_below(rng, KEYS);

    if (rng_chance(rng, 1, 2000))
        model->put_share = (uint32_t)rng_below(rng, 101);
    if (rng_chance(rng, 1, 5000))
        clear(model);
    else if (rng_chance(rng, 1, 200))
        expire(model);
    else if (rng_chance(rng, 1, 200))
        settle(model);
    else if (rng_chance(rng, 1, 1000))
        make_room(model);
    else if (rng_chance(rng, 1, 20))
        scan(model);
    else if (rng_chance(rng, 1, 50))
        (void)store_reclaim(model->store, (uint32_t)rng_below(rng, 100));
    else if (rng_chance(rng, model->put_share, 100))
        put(model, number);
    else if (rng_chance(rng, 1, 2))
        drop(model, number);
    else if (rng_chance(rng, 1, 2))
        evict(model, number);
    else
        leave_mark(model, number);
    check_partition(model, number % PARTITIONS);
}

static void play(uint64_t seed)
{
    /* All bits; two buckets' worth; half the tags alike; one bucket and one tag for all. */
    static const uint64_t hash_bits[] = {UINT64_MAX, 0xffff000000000003, 0x0001fffffffffff0, 0};
    struct model *model = memory_alloc(sizeof *model);
    uint32_t partitions =
        PARTITIONS; /* more than are in use, so that each has room for few marks */

    rng_init(&model->rng, seed);
    allocator_init(&allocator, seed);
    const uint64_t bits = hash_bits[rng_chance(&model->rng, 1, 2) ? 0 : rng_below(&model->rng, 4)];
    model->now_ms = NOW;
    model->put_share = 80;
    if (rng_chance(&model->rng, 1, 2))
        partitions = 16384;
    model->store = store_create(&(struct store_options){
        .partitions = partitions, .seed = seed, .now_ms = NOW, .hash_cleared = ~bits});
    for (uint32_t number = 0; number < KEYS; number++) {
        struct place place;

        find_place(model, number, &place);
        model->facts[number].hash = place.hash;
    }
    allocator.of_1000 = rng_chance(&model->rng, 1, 2)
                            ? 0
                            : 1000 / (2 + (unsigned)rng_below(&model->rng, 20));
    model->overflows = allocator.of_1000 > 0 || partitions > PARTITIONS;
    allocator_use(&allocator);
    for (int i = 0; i < STEPS; i++) {
        step(model);
        if (rng_chance(&model->rng, 1, 3000))
            check_all(model);
    }
    check_all(model);
    for (uint32_t number = 0; number < KEYS; number++)
        if (model->facts[number].present)
            drop(model, number);
    while (store_reclaim(model->store, 50))
        continue;
    for (uint32_t i = 0; i < PARTITIONS; i++)
        (void)partition_settle(store_partition(model->store, i), UINT64_MAX, 1);
    cr_assert_eq(store_memory_used(model->store), 0);
    allocator_use(NULL);
    store_destroy(&model->store);
    memory_free(model);
}

Test(store_model, random_histories_give_what_a_naive_map_gives)
{
    const char *given = getenv("DUNLIN_SEED");

    for (uint64_t seed = 1; seed <= 12; seed++) {
        const uint64_t used = given != NULL ? strtoull(given, NULL, 0) : seed;

        fprintf(stderr, "seed %" PRIu64 "; replay: DUNLIN_SEED=%" PRIu64 " ./model_store\n", used,
                used);
        play(used);
        if (given != NULL)
            break;
    }
}
