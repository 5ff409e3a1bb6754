/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The hash of a key: XXH3, seeded, so that no client can choose keys that collide. All nodes of a
 * ring have the same seed (ring_hash_seed), so it says where a key stands in a table, and what
 * nodes tell each other of a key: marks, leaves, the place that a SCAN has come to.
 */
#ifndef DUNLIN_STORE_HASHER_H
#define DUNLIN_STORE_HASHER_H

#include <stdatomic.h>
#include <xxhash.h>

#include "base/span.h"

struct hasher {
    _Atomic uint64_t seed; /* changed while there is no key (store_set_seed) */
    uint64_t cleared;      /* bits that tables do not see: none, but in tests of collisions */
};

static inline uint64_t hasher_hash(const struct hasher *hasher, struct span key)
{
    return XXH3_64bits_withSeed(key.data, key.size,
                                atomic_load_explicit(&hasher->seed, memory_order_relaxed));
}

#endif
