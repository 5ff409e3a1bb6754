/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keys that clients track, against a table of bits; and the prefixes, against a look at each.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/rng.h"
#include "command/prefixes.h"
#include "command/tracked_keys.h"
#include "lib/timeout.h"

TestSuite(command_tracked_keys, .timeout = TIMEOUT_S(20));
TestSuite(command_prefixes, .timeout = TIMEOUT_S(20));

#define KEYS 3000
#define IDS  40

static bool alive[IDS];
static bool wants[KEYS][IDS];

static bool is_alive(const void *context, uint64_t id)
{
    (void)context;
    return alive[id];
}

static struct span key_named(unsigned number, char name[16])
{
    return span_of(name, (size_t)snprintf(name, 16, "key:%u", number));
}

/* Who is alive and wanted the key is in it, once; who is gone may be. */
static void expect_taken(struct tracked_key *key, unsigned number)
{
    size_t expected = 0, found = 0;

    for (unsigned id = 0; id < IDS; id++)
        expected += wants[number][id] && alive[id];
    cr_assert(key != NULL || expected == 0, "key %u is lost", number);
    for (uint32_t i = 0; key != NULL && i < key->count; i++) {
        const uint64_t id = tracked_key_ids(key)[i];
        cr_assert(wants[number][id]);
        cr_assert(i == 0 || id > tracked_key_ids(key)[i - 1]);
        found += alive[id];
    }
    cr_assert_eq(found, expected);
    memset(wants[number], 0, sizeof wants[number]);
    if (key != NULL)
        tracked_key_free(&key);
}

static unsigned number_of(const struct tracked_key *key)
{
    char name[16] = {0};
    unsigned number = KEYS;

    memcpy(name, key->key, key->size);
    cr_assert_eq(sscanf(name, "key:%u", &number), 1);
    return number;
}

static void step(struct tracked_keys *keys, struct rng *rng, bool grows)
{
    const unsigned number = (unsigned)rng_below(rng, KEYS);
    const unsigned id = (unsigned)rng_below(rng, IDS);
    char name[16];

    if (rng_below(rng, 500) == 0) {
        alive[id] = false;
    } else if (rng_below(rng, 10) < (grows ? 9u : 2u)) {
        if (!alive[id])
            return;
        cr_assert(tracked_keys_add(keys, key_named(number, name), id, is_alive, NULL));
        wants[number][id] = true;
    } else if (rng_below(rng, 2) == 0) {
        expect_taken(tracked_keys_take(keys, key_named(number, name)), number);
    } else {
        struct tracked_key *key = tracked_keys_take_any(keys, SIZE_MAX);
        if (key != NULL)
            expect_taken(key, number_of(key));
    }
}

Test(command_tracked_keys, whoever_wants_a_key_is_found_by_it)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct tracked_keys keys;
        struct rng rng;
        char name[16];

        rng_init(&rng, seed);
        tracked_keys_init(&keys, seed);
        for (unsigned id = 0; id < IDS; id++)
            alive[id] = true;
        for (unsigned i = 0; i < 40000; i++)
            step(&keys, &rng, i % 20000 < 10000);
        for (unsigned number = 0; number < KEYS; number++)
            expect_taken(tracked_keys_take(&keys, key_named(number, name)), number);
        cr_assert_eq(keys.key_count, 0);
        cr_assert_eq(keys.item_count, 0);
        cr_assert_eq(keys.bytes, 0, "all is given back");
        tracked_keys_deinit(&keys);
    }
}

Test(command_tracked_keys, those_who_are_gone_do_not_pile_up_at_a_key)
{
    struct tracked_keys keys;
    char name[16];

    tracked_keys_init(&keys, 1);
    memset(alive, 0, sizeof alive);
    for (unsigned i = 0; i < 1000; i++) {
        alive[i % IDS] = true;
        cr_assert(tracked_keys_add(&keys, key_named(1, name), i % IDS, is_alive, NULL));
        alive[i % IDS] = false;
    }
    cr_assert_leq(keys.item_count, 4);
    tracked_keys_deinit(&keys);
}

/* ---- prefixes ---- */

static struct span random_text(struct rng *rng, char text[8])
{
    const size_t size = (size_t)rng_below(rng, 6);

    for (size_t i = 0; i < size; i++)
        text[i] = (char)("ab\xff"[rng_below(rng, 3)]);
    return span_of(text, size);
}

Test(command_prefixes, all_that_a_key_begins_with_are_found)
{
    struct prefixes prefixes;
    struct tracker *const nobody = NULL;
    struct rng rng;
    char texts[200][8], name[8];
    struct span had[200];

    rng_init(&rng, 7);
    prefixes_init(&prefixes);
    for (size_t i = 0; i < 200; i++) {
        had[i] = random_text(&rng, texts[i]);
        prefixes_add(&prefixes, had[i], nobody);
        const struct span key = random_text(&rng, name);
        size_t expected = 0, found = 0;
        for (size_t j = 0; j <= i; j++)
            expected += prefix_begins(had[j], key);
        for (struct prefix *at = prefixes_of(&prefixes, key); at != NULL; at = at->begins_with) {
            cr_assert(prefix_begins(prefix_text(at), key));
            found += at->tracker_count;
        }
        cr_assert_eq(found, expected);
    }
    for (size_t i = 0; i < 200; i++) {
        prefixes_remove(&prefixes, had[i], nobody);
        const struct span key = random_text(&rng, name);
        size_t expected = 0, found = 0;
        for (size_t j = i + 1; j < 200; j++)
            expected += prefix_begins(had[j], key);
        for (struct prefix *at = prefixes_of(&prefixes, key); at != NULL; at = at->begins_with)
            found += at->tracker_count;
        cr_assert_eq(found, expected);
    }
    prefixes_deinit(&prefixes);
}
