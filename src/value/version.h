/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A version: what one write left of a key. Stores keep versions, replicas exchange them, reads
 * merge them. A tombstone is a version like any other.
 */
#ifndef DUNLIN_VALUE_VERSION_H
#define DUNLIN_VALUE_VERSION_H

#include "base/span.h"
#include "causal/dot.h"

/* What a version's bytes are. Stored and sent: numbers are never reused. */
enum value_kind {
    VALUE_TOMBSTONE = 0, /* the key was deleted: no bytes, or a set without siblings */
    VALUE_STRING = 1,    /* the bytes are the value */
    VALUE_SIBLINGS = 2,  /* a dotted version vector with its values, see value/siblings.h */
    VALUE_BATCH = 3,     /* versions of several keys, see value/batch.h: offered, never stored */
    VALUE_COUNTER = 4,   /* a number with its shares, see value/counter.h */
};

#define DEADLINE_NEVER INT64_MAX

struct version {
    struct dot dot; /* DOT_NONE: there is no version */
    enum value_kind kind;
    int64_t deadline_ms; /* wall clock; served before it, never at or after; DEADLINE_NEVER */
    struct span value;   /* borrowed from whoever filled the structure in */
};

static inline bool version_exists(const struct version *version)
{
    return dot_exists(version->dot);
}

/* Bytes of a tombstone that is a counter (value/counter.h). */
#define TOMBSTONE_COUNTER_SIZE 13

/* Whether it is a set of siblings (value/siblings.h). A set stays one when its last value is
 * deleted: a tombstone with bytes, of which that of a counter has fewer. */
static inline bool version_is_set(const struct version *version)
{
    return version->kind == VALUE_SIBLINGS ||
           (version->kind == VALUE_TOMBSTONE && version->value.size > 0 &&
            version->value.size != TOMBSTONE_COUNTER_SIZE);
}

/* Whether a client sees a value: it exists, is no tombstone, and its time is not up. */
static inline bool version_visible(const struct version *version, int64_t now_ms)
{
    return version_exists(version) && version->kind != VALUE_TOMBSTONE &&
           version->deadline_ms > now_ms;
}

#endif
