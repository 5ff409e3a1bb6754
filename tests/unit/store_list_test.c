/* SPDX-License-Identifier: BSD-3-Clause
 *
 * partition_list: the order that all nodes of a ring scan by.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/rng.h"
#include "lib/store_fixture.h"
#include "lib/timeout.h"
#include "store/hasher.h"

TestSuite(store_list, .timeout = TIMEOUT_S(60));

/* Keys s0, s1, ... stay where they are; keys c0, c1, ... come and go. */
#define STABLE 700
#define COMING 20000

struct seen {
    const struct fixture *fixture;
    unsigned times[STABLE];
    uint64_t from; /* nothing comes below it */
    uint32_t calls;
    uint32_t stop_at; /* the call that wants no more */
};

static struct span name(char kind, uint32_t number, char text[16])
{
    return span_of(text, (size_t)snprintf(text, 16, "%c%" PRIu32, kind, number));
}

static bool see(void *context, uint32_t position, struct span key, const struct version *version)
{
    struct seen *seen = context;
    char text[16];

    cr_assert_geq(position, seen->from);
    cr_assert_eq(position,
                 store_position(seen->fixture->store, store_hash(seen->fixture->store, key)));
    cr_assert(version_exists(version));
    seen->from = position;
    if (key.data[0] == 's') {
        snprintf(text, sizeof text, "%.*s", (int)key.size - 1, (const char *)key.data + 1);
        seen->times[strtoul(text, NULL, 10)]++;
    }
    return ++seen->calls != seen->stop_at;
}

static uint64_t list(struct seen *seen, const struct fixture *fixture, uint64_t position,
                     uint32_t limit)
{
    seen->fixture = fixture;
    seen->from = position;
    seen->calls = 0;
    const uint64_t next = partition_list(fixture->partition, position, limit, see, seen);
    cr_assert_gt(next, position);
    cr_assert(seen->calls == 0 || next > seen->from);
    return next;
}

static void put(struct fixture *fixture, char kind, uint32_t number)
{
    char text[16];

    cr_assert_eq(fixture_put(fixture, name(kind, number, text), SPAN("v"), DEADLINE_NEVER),
                 STORE_OK);
}

static void put_stable(struct fixture *fixture)
{
    for (uint32_t i = 0; i < STABLE; i++)
        put(fixture, 's', i);
}

static void drop(struct fixture *fixture, uint32_t number)
{
    char text[16];
    const struct span key = name('c', number, text);

    partition_remove(fixture->partition, store_hash(fixture->store, key), key);
}

/* Up to 2000 keys come, or go. */
static void change(struct fixture *fixture, struct rng *rng)
{
    const bool come = rng_chance(rng, 1, 2);

    for (uint64_t i = rng_below(rng, 2000); i > 0; i--) {
        const uint32_t number = (uint32_t)rng_below(rng, COMING);
        if (come)
            put(fixture, 'c', number);
        else
            drop(fixture, number);
    }
}

static void expect_all_once(const struct seen *seen, uint64_t seed)
{
    for (uint32_t i = 0; i < STABLE; i++)
        cr_assert_eq(seen->times[i], 1, "s%" PRIu32 " came %u times, seed %" PRIu64, i,
                     seen->times[i], seed);
}

Test(store_list, what_stays_comes_once_while_the_table_grows_and_shrinks)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct fixture fixture = fixture_set_up(1);
        struct seen seen = {.stop_at = 0};
        struct rng rng;

        rng_init(&rng, seed);
        put_stable(&fixture);
        for (uint64_t at = 0; at != POSITION_END;) {
            at = list(&seen, &fixture, at, 1 + (uint32_t)rng_below(&rng, 60));
            change(&fixture, &rng);
        }
        expect_all_once(&seen, seed);
        fixture_tear_down(&fixture);
    }
}

Test(store_list, it_goes_on_in_another_table_of_another_size)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct fixture fixtures[3] = {fixture_set_up(1), fixture_set_up(1), fixture_set_up(1)};
        struct seen seen = {.stop_at = 0};
        struct rng rng;

        rng_init(&rng, seed);
        for (uint32_t i = 0; i < 3; i++) {
            put_stable(&fixtures[i]);
            for (uint32_t number = 0; number < i * i * 4000; number++)
                put(&fixtures[i], 'c', number);
        }
        for (uint64_t at = 0; at != POSITION_END;)
            at = list(&seen, &fixtures[rng_below(&rng, 3)], at, 1 + (uint32_t)rng_below(&rng, 60));
        expect_all_once(&seen, seed);
        for (uint32_t i = 0; i < 3; i++)
            fixture_tear_down(&fixtures[i]);
    }
}

Test(store_list, a_call_has_a_bound_and_ends_where_its_caller_has_enough)
{
    struct fixture fixture = fixture_set_up(1);
    struct seen seen = {.stop_at = 0};

    put_stable(&fixture);
    const uint64_t next = list(&seen, &fixture, 0, 10);
    cr_assert_eq(seen.calls, 10);
    seen.stop_at = 4;
    list(&seen, &fixture, next, 10);
    cr_assert_eq(seen.calls, 4);
    seen.stop_at = 0;
    cr_assert_eq(partition_list(fixture.partition, POSITION_END, 1, see, &seen), POSITION_END);
    fixture_tear_down(&fixture);
    fixture = fixture_set_up(1);
    cr_assert_eq(partition_list(fixture.partition, 0, 1, see, &seen), POSITION_END);
    fixture_tear_down(&fixture);
}

/* A page cannot end between them. */
Test(store_list, keys_of_one_position_come_together)
{
    struct fixture fixture = {
        .store = store_create(&(struct store_options){
            .partitions = 1, .seed = 42, .now_ms = NOW, .hash_cleared = UINT64_MAX})};
    struct seen seen = {.stop_at = 3};

    fixture.partition = store_partition(fixture.store, 0);
    put_stable(&fixture);
    cr_assert_eq(list(&seen, &fixture, 0, 5), 1);
    expect_all_once(&seen, 0);
    fixture_tear_down(&fixture);
}
