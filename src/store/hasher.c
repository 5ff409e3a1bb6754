/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/hasher.h"

#include <xxhash.h>

uint64_t hasher_hash(const struct hasher *hasher, struct span key)
{
    return XXH3_64bits_withSeed(key.data, key.size, hasher->seed) & ~hasher->cleared;
}
