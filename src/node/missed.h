/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For hints.c and missed.c alone: one replica that is owed something, and what it has missed beside
 * single versions:
 *
 *   dropped  partitions of which hints were given up, told by FORGOT. The lowest dropped stamp is
 *            owed until that is answered by OK; from then on the partitions are in doubt, and this
 *            node tells nothing as settled before it has compared them
 *   flush    the newest FLUSHALL that it has not answered for. It comes late: what is newer than it
 *            stays
 */
#ifndef DUNLIN_NODE_MISSED_H
#define DUNLIN_NODE_MISSED_H

#include "base/bitmap.h"
#include "base/bucket.h"
#include "node/parts.h"

/* The longest wait before what was refused is sent again. */
#define HINTS_PAUSE_US_MAX 1000000

struct hint;

/* Partitions of which hints were given up. */
struct dropped {
    uint8_t *partitions; /* a bitmap */
    uint64_t lowest;     /* stamp; UINT64_MAX: there are none */
};

/* One FLUSH. */
struct missed_flush {
    struct dot dot;  /* none: no flush is owed */
    uint64_t lowest; /* a stamp, owed from there: its first, or of one that it took the place of */
    uint8_t *partitions;
};

struct hints_target {
    struct list link; /* in hints->all */
    node_number number;
    struct heap owed, waiting, paused;
    uint64_t bytes; /* of hints */
    struct {
        uint64_t id;
        struct hint *hint;
    } window[HINTS_WINDOW];
    unsigned sent;
    uint64_t next_number;

    struct dropped dropped; /* to be told */
    struct dropped told;    /* told, and not answered yet */
    bool logged;            /* in this episode */
    uint64_t forgot_id;     /* 0: not on its way */
    int64_t forgot_us;      /* not told again before */

    struct missed_flush flush;
    uint64_t flush_id; /* 0: not on its way */
    int64_t flush_us;

    struct bucket bucket; /* bytes that may be sent */
};

static inline size_t hints_bitmap_size(const struct engine *engine)
{
    return bitmap_size(store_partitions(engine->own.store));
}

static inline uint64_t hints_new_id(struct hints_target *target, unsigned slot)
{
    return ID_HINT | ++target->next_number << HINTS_SLOT_BITS | slot;
}

/* A version that the target is owed is given up; `why` is for the log. */
void missed_drop(struct engine *engine, struct hints_target *target, uint32_t partition,
                 uint64_t stamp, const char *why);
/* Sends FORGOT if it is due. */
void missed_tell(struct engine *engine, struct hints_target *target);
/* It was answered; or not `done`: refused, or lost with the link. */
void missed_told(struct engine *engine, struct hints_target *target, bool done);

void missed_keep_flush(struct engine *engine, struct hints_target *target, struct dot dot,
                       uint64_t lowest, struct span partitions);
/* Sends FLUSH if it is due. */
void missed_send_flush(struct engine *engine, struct hints_target *target);
void missed_flush_answered(struct engine *engine, struct hints_target *target, uint8_t status);

#endif
