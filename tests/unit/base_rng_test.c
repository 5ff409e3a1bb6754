/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "lib/timeout.h"

TestSuite(rng, .timeout = TIMEOUT_S(10));

Test(rng, the_same_seed_gives_the_same_numbers_on_every_machine)
{
    /* splitmix64 from seed 0 is known: e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f,
     * f88bb8a8724c81ec; the first number of xoshiro256** over it is of the second word. */
    struct rng rng;

    rng_init(&rng, 0);
    cr_assert_eq(rng.state[0], UINT64_C(0xe220a8397b1dcdaf));
    cr_assert_eq(rng.state[1], UINT64_C(0x6e789e6aa1b965f4));
    cr_assert_eq(rng.state[2], UINT64_C(0x06c45d188009454f));
    cr_assert_eq(rng.state[3], UINT64_C(0xf88bb8a8724c81ec));
    cr_assert_eq(rng_next(&rng), UINT64_C(0x99ec5f36cb75f2b4));
}

Test(rng, numbers_below_a_bound_are_even)
{
    struct rng rng;
    uint32_t counts[7] = {0};

    rng_init(&rng, 1);
    for (int i = 0; i < 70000; i++) {
        const uint64_t number = rng_below(&rng, 7);
        cr_assert_lt(number, 7);
        counts[number]++;
    }
    for (int i = 0; i < 7; i++)
        cr_assert(counts[i] > 9500 && counts[i] < 10500, "%d: %u", i, counts[i]);
    cr_assert_eq(rng_below(&rng, 1), 0);
}

Test(rng, a_chance_is_as_likely_as_it_says)
{
    struct rng rng;
    int hits = 0;

    rng_init(&rng, 2);
    for (int i = 0; i < 30000; i++)
        hits += rng_chance(&rng, 1, 3);
    cr_assert(hits > 9600 && hits < 10400, "%d", hits);
    cr_assert_not(rng_chance(&rng, 0, 5));
    cr_assert(rng_chance(&rng, 5, 5));
}
