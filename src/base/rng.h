/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A seeded generator: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021), its state filled by splitmix64. The same seed gives the same numbers on every
 * machine. Not for secrets.
 */
#ifndef DUNLIN_BASE_RNG_H
#define DUNLIN_BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* Uniform in [0, bound), without bias; `bound` is over 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* True `numerator` times in `denominator` on average. */
bool rng_chance(struct rng *rng, uint64_t numerator, uint64_t denominator);

#endif
