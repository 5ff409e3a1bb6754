/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The hash of a store's keys: XXH3, seeded, so that no client can choose keys that collide. It is
 * of this node alone; what nodes tell each other goes by store_key_digest.
 */
#ifndef DUNLIN_STORE_HASHER_H
#define DUNLIN_STORE_HASHER_H

#include <xxhash.h>

#include "base/span.h"

struct hasher {
    uint64_t seed;
    uint64_t cleared; /* bits that no hash has set: none, but in tests of collisions */
};

static inline uint64_t hasher_hash(const struct hasher *hasher, struct span key)
{
    return XXH3_64bits_withSeed(key.data, key.size, hasher->seed) & ~hasher->cleared;
}

#endif
