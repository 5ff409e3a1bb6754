/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes: of which keys a read may find something else here than before, for those who watch (the
 * nodes with clients that track, node/track.c). The store notes each change under the partition's
 * lock, whoever makes it: a write, a repair, a hint, expiry, eviction, a FLUSHALL. So who has read
 * a copy and hears of all changes noted from then on misses none.
 *
 *      0          4      5           13         15
 *     +----------+------+-----------+----------+-----+
 *     | size u32 | kind | stamp u64 | node u16 | key |        size: of the key
 *     +----------+------+-----------+----------+-----+
 *
 * Bounds: what was not taken is CHANGES_BYTES_MAX at most; then one record that says so takes the
 * place of all.
 *
 * Locks are taken in this order: a partition's, then the latch in here.
 */
#ifndef DUNLIN_STORE_CHANGES_H
#define DUNLIN_STORE_CHANGES_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/latch.h"
#include "base/memory.h"
#include "causal/dot.h"

#define CHANGES_BYTES_MAX (4u << 20)
#define CHANGED_HEAD      15

enum changed_kind {
    CHANGED_WRITTEN, /* the key has a version with this dot, which may be a delete */
    CHANGED_GONE,    /* the key's version with this dot is not here any more */
    CHANGED_FLUSHED, /* all at or below the dot is dead, in some partitions; no key */
    CHANGED_UNKNOWN, /* any key may have changed; no key */
    CHANGED_KINDS
};

struct changed {
    enum changed_kind kind;
    struct dot dot;
    struct span key;
};

struct changes {
    _Alignas(MEMORY_APART) struct latch latch;
    atomic_bool waiting; /* `records` are not empty */
    bool lost;
    struct dot flushed; /* of the last record in `records`, where that is a flush; else none */
    struct buffer records;
};

void changes_deinit(struct changes *changes);

void changes_note(struct changes *changes, enum changed_kind kind, struct dot dot, struct span key);

/* Whether there is anything to take; without the latch. */
static inline bool changes_wait(const struct changes *changes)
{
    return atomic_load_explicit(&changes->waiting, memory_order_relaxed);
}

/* Appends all records to `records`. */
void changes_take(struct changes *changes, struct buffer *records);

/* Appends a record; where there is no memory, records->failed. */
void changed_put(struct buffer *records, const struct changed *changed);

/* The next record, whose key points into `records`, which moves on. False: there is none, or it is
 * not whole, or none of ours: then `records` is not empty. */
bool changed_next(struct span *records, struct changed *changed);

#endif
