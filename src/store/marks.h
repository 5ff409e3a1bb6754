/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The marks of a partition (design: What may vanish): for a key that had a version which vanished,
 * the hash of the key and the dot of the version. A hash table with open addressing and linear
 * probing (Knuth, TAOCP 6.4, algorithms L and R). Without marks there is no table: NULL is the
 * empty set of marks, and every function takes it.
 *
 * A table is at most three quarters full. It grows by a quarter at most (to the next size class),
 * up to the slots that its owner allows; beyond that, or without memory, marks_put refuses, and the
 * owner gives up the oldest. How full a table gets before it grows differs from one to the other:
 * while eviction goes round the partitions, they must not all grow in the same round, or it would
 * gain nothing by it.
 */
#ifndef DUNLIN_STORE_MARKS_H
#define DUNLIN_STORE_MARKS_H

#include <stddef.h>

#include "causal/dot.h"

/* The fewest slots of a table. */
#define MARKS_SLOTS_MIN 8u

struct mark {
    uint64_t hash;
    struct dot dot; /* none: a free slot */
};

_Static_assert(sizeof(struct mark) == 24, "a mark takes three words");

struct marks {
    uint32_t slot_count;
    uint32_t count;
    uint32_t full;   /* marks beyond which it grows, of 256 slots */
    uint64_t lowest; /* a stamp: no mark is below it */
    uint64_t memory; /* bytes */
    struct mark slots[];
};

/* DOT_NONE where there is none. */
struct dot marks_find(const struct marks *marks, uint64_t hash);
/* Keeps the higher of `dot` and what is there. False, with nothing changed, when there is no room
 * in `slots_max` slots, at least MARKS_SLOTS_MIN, or no memory. */
bool marks_put(struct marks **marks, uint64_t hash, struct dot dot, uint32_t slots_max);
void marks_remove(struct marks **marks, uint64_t hash);

/* Drops the marks at or below `dot`; it looks at each, unless none can be. */
void marks_drop(struct marks **marks, struct dot dot);
/* The stamp at or below which an eighth of the marks lie, the oldest, or a few more. There are
 * some. It looks at each a few times. */
uint64_t marks_oldest_eighth(const struct marks *marks);

static inline uint64_t marks_memory(const struct marks *marks)
{
    return marks != NULL ? marks->memory : 0;
}

static inline uint32_t marks_count(const struct marks *marks)
{
    return marks != NULL ? marks->count : 0;
}

#endif
