/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Versions that a dot does not tell apart: sets of siblings and counters. Where two versions meet
 * of which these are, they are merged; of all others the newer is kept.
 */
#ifndef DUNLIN_VALUE_MERGE_H
#define DUNLIN_VALUE_MERGE_H

#include "value/counter.h"
#include "value/siblings.h"

/* Versions with one dot and one such digest are equal; 0 of what its dot tells. */
static inline uint64_t version_digest(const struct version *version)
{
    if (__builtin_expect(version->kind == VALUE_STRING, 1))
        return 0;
    if (version_is_counter(version))
        return counter_digest(version);
    return siblings_digest_of(version);
}

static inline bool versions_count(const struct version *a, const struct version *b)
{
    return __builtin_expect(version_is_counter(a) || version_is_counter(b), 0);
}

#endif
