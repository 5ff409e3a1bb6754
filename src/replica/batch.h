/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A batch operation: steps about keys of one partition, run as one at its coordinator. The host
 * reads the keys at the request's level, outside every lock, and notes what the quorum answered. In
 * one hold of the partition's lock the steps then run on the newer of that and what is stored by
 * now, each on what those before it left, and all versions that they leave get one dot and are
 * kept, or nothing is. They are offered to the other replicas as one version (value/batch.h), which
 * is acknowledged, owed, hinted and stamped again as a whole.
 *
 *   WRITING -> DONE | FAILED
 *   WRITING -> GATHERING -> WRITING    overtaken: the keys are read again
 *
 * Overtaken. While all that the batch wrote is still in place, nobody has built on it: it is run
 * again, on what the keys had before it and what is newer. Where something else has taken a place,
 * that was made of what the batch left, or came after it: then what is in place is stamped above
 * what is known, and the others go along with their own dots. So does a batch of blind writes.
 *
 * What a step saw that is newer here than what the quorum answered may be here and nowhere else: it
 * goes along with the offer, so that no later read finds less.
 *
 * The host owns the structure and the bytes behind its places; the batch owns its buffers.
 */
#ifndef DUNLIN_REPLICA_BATCH_H
#define DUNLIN_REPLICA_BATCH_H

#include "replica/replica.h"
#include "value/change.h"
#include "value/counter.h"

struct operation;

struct batch_key {
    /* Set by the host. */
    struct place place;
    bool read;             /* `winner` and `gone` are what the quorum answered */
    struct version winner; /* as it is kept: of siblings all */
    struct dot gone;       /* all at or below this counts as gone */
    uint64_t settled;      /* a stamp: the highest that one who has nothing knew */
    struct buffer winner_bytes;

    /* Private. */
    size_t stored;          /* bytes that are here of it, and 1; 0: it is not here */
    struct version old;     /* what it has before the steps */
    struct version seen;    /* what the next step sees */
    struct version written; /* what the steps leave */
    struct dot over;
    bool changed; /* by a step of this run */
    bool adds;    /* all of them added; `sum` is how much in all */
    int64_t sum;
    struct counter_addition addition; /* that an earlier run made; `opened` 0: none */
    struct counter_place counting;
    bool wrote;                 /* by an earlier run; `base` is what it had before */
    struct version base;        /* its value is in base_bytes */
    struct buffer base_bytes;   /* kept only where the batch may be run again */
    struct buffer bytes, spare; /* of `seen`, where no argument has them */
    struct buffer set;          /* of siblings: merged, then written */
};

struct batch_run {
    struct batch_key *keys;
    size_t count;
    bool blind;  /* no step depends on what a key has */
    size_t room; /* bytes that the steps are thought to add */
    struct buffer items;
};

void batch_deinit(struct batch_run *batch);

/* ---- for operation_calls.run, with the partition's lock held ---- */

/* What the next step sees of the key: a string, or nothing. Its bytes are good until the key is
 * changed. */
static inline const struct version *batch_value(const struct batch_run *batch, size_t key)
{
    return &batch->keys[key].seen;
}

/* What the key had before the batch: of siblings the whole set's dot. */
static inline const struct version *batch_before(const struct batch_run *batch, size_t key)
{
    return &batch->keys[key].old;
}

/* A step changes the key. A single piece is borrowed, unless `copied`: it stays as it is until the
 * operation is over. False: out of memory. */
bool batch_change(struct batch_run *batch, size_t key, const struct change *change, bool copied);

/* ---- the operation ---- */

/* In OPERATION_GATHERING: the keys were read again. */
struct coordinator;
void operation_gathered(struct coordinator *coordinator, struct operation *operation,
                        struct instant now);

#endif
