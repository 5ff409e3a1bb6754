/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The replica's side: what a node does with a version that is offered to it and with a question
 * about one, whoever asks. Each function takes the partition's lock for the time of one operation
 * on memory. The rules named are those of the replication model (docs/ARCHITECTURE.md).
 *
 * A `struct replica` belongs to one worker; what workers share is behind its pointers.
 */
#ifndef DUNLIN_REPLICA_REPLICA_H
#define DUNLIN_REPLICA_REPLICA_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/memory.h"
#include "causal/hlc.h"
#include "replica/ledger.h"
#include "store/store.h"
#include "value/version.h"
#include "wire/status.h"

/* How far ahead of the clock a ceiling is raised, ms: stamps may run ahead by so much, beside the
 * skew that the operator allows. */
#define CEILING_AHEAD_MS 3000

/* How far the workers are with recovering partitions (node/recover.h), for control to tell. */
struct replica_recovery {
    _Atomic uint64_t keys;   /* taken over */
    _Atomic uint64_t bytes;  /* fetched */
    _Atomic uint64_t forced; /* partitions recovered from too few voters */
    _Atomic bool force;      /* RING RECOVER FORCE: do not wait for voters */
};

/* What all workers of a node share. Only control changes it, but for `wanted`. */
struct replica_bounds {
    /* No stamp above it is issued or accepted; on disk ahead of use. */
    _Atomic uint64_t ceiling;
    /* The last attempt to raise it has failed: nobody need wait for the next. */
    _Atomic bool ceiling_failed;
    /* The ceiling that was on disk when the node started; 0: its first start. */
    uint64_t ceiling_at_start;
    /* Stamps further ahead of the clock are refused, ms. */
    _Atomic int64_t ahead_max_ms;
    /* What the wall clock was ahead of the monotonic one when it was compared with the others'
     * last, less what it was out of line by, ms; 0: it has not been compared. */
    _Atomic int64_t date_offset_ms;
    /* The highest stamp that others are known to have, of those that are near the ceiling or above
     * it: the ceiling is to rise. Away from what is read for each version. */
    _Alignas(MEMORY_APART) _Atomic uint64_t wanted;
    struct ledger ledger; /* the workers' own */
    struct replica_recovery recovery;
};

/* Notes such a stamp; the caller has made sure that it is not too far ahead of the clock. */
void replica_want_ceiling(struct replica_bounds *bounds, uint64_t stamp);

struct replica {
    struct store *store;
    struct replica_bounds *bounds;
    struct hlc hlc;
    node_number self;        /* 0: no ring yet */
    struct buffer unflushed; /* siblings that a flush left, until the next call */
    struct buffer merged;    /* siblings being merged, keys being dropped; empty between calls */
    struct block *lent; /* the caller's: a value in it that is offered may be kept there; NULL */
};

/* Where a key lives. */
struct place {
    uint32_t partition;
    uint64_t claim_version; /* the sender's */
    uint64_t hash;          /* store_hash of the key */
    struct span key;
};

/* The answer to an offer. */
struct offered {
    bool diverged; /* it was not written over what it replaced */
    enum ack_status status;
    struct dot known;       /* ACK_NEWER and ACK_FORGETFUL: stamp above this */
    uint64_t claim_version; /* ACK_STALE_CLAIM: this replica's */
    uint64_t evicted;       /* entries that went to make room for it */
};

/* Offers a version, written over `over`, to this node's store (rules 1, 7, 8, 9, 19, 20). A version
 * past its deadline is kept like any other, because it covers older ones. Takes memory below
 * memory_max by evicting; a version that finds no room all the same is ACK_FULL: it was here and
 * vanished at once, so what is older is dropped and a mark has its dot. */
struct offered replica_offer(struct replica *replica, struct instant now, const struct place *place,
                             struct dot over, const struct version *version);

/* As replica_offer, of all versions of a batch (value/batch.h) in one hold of the lock: nobody sees
 * a part of them here. Each enters as if it came alone; the answer is the worst of theirs. */
struct offered replica_offer_batch(struct replica *replica, struct instant now,
                                   const struct place *place, const struct version *batch);

/* The same of one that was refused for its stamp or the claim: where the partition recovers it
 * takes each version as it comes, whatever its stamp, and is to know then which belong together.
 * False: it does not recover. */
bool replica_note_recovering(struct replica *replica, const struct place *place,
                             const struct version *batch);

/* Where the version with this dot is one that an unsettled batch wrote: all that this batch wrote
 * which is here, appended to `bytes` as a batch; false where it is not (rule 24). */
bool replica_mates(struct replica *replica, uint32_t partition, struct dot dot,
                   struct buffer *bytes, struct version *batch);

/* A version with all that belongs to it, as one to be offered: a batch in `bytes`, which are
 * empty, or the version as it is. It need not be here itself. Where a FLUSHALL has taken it here,
 * the flush's tombstone goes in its place: what belonged to it is forgotten. */
struct version replica_with_mates(struct replica *replica, uint32_t partition, struct span key,
                                  const struct version *version, struct buffer *bytes);

/* Why a stamp may not enter this node, or be given here, whatever the key (design: Versions);
 * ACK_OK: it may. */
enum ack_status replica_stamp_refusal(struct replica_bounds *bounds, struct instant now,
                                      uint64_t stamp);

/* Whether a version with this stamp is one that replica_offer does not refuse for it: it is not too
 * far ahead, nor above the ceiling. */
bool replica_may_enter(struct replica *replica, struct instant now, uint64_t stamp);

/* Whether the clock alone leaves room for a stamp below the ceiling. */
bool replica_may_stamp(const struct replica *replica, struct instant now);

/* The answer to a question. */
struct looked {
    enum answer_status status;
    bool mates;             /* ANSWER_VERSION: an unsettled batch wrote it (replica_mates) */
    uint64_t claim_version; /* ANSWER_STALE_CLAIM: this replica's */
    struct version version; /* its bytes were appended to the caller's buffer, */
    struct block *block;    /* or are in this one, of which the caller gets a share; NULL */
    /* ANSWER_NONE, and ANSWER_SAME where there is nothing: how much of a vote that is. */
    struct dot mark;
    uint64_t floor, settled;
};

/* What has settled, as the ledger says, reaches the partition; the lock is held. At most `limit`
 * tombstones are forgotten; true: there are more. A partition that recovers forgets nothing: what
 * its sources have shown may be older than what came and vanished here since, and only a mark or a
 * tombstone keeps that away. */
bool replica_settle(struct partition *partition, uint64_t settled, uint32_t limit);

/* This replica lacks versions that it never acknowledged. What it acknowledged it still has, so it
 * goes on acknowledging (`forgotten` is 0 where it voted); but it does not vote before it has
 * fetched what it missed. A recovery that is in progress may have read its sources too early, and
 * begins again. To be called without the lock. */
void replica_recover_anew(struct partition *partition);

/* What this node owed to a replica of the partition was dropped: nobody else may owe it, and those
 * whom the replica recovers from need not have it. So the replicas are to be compared before it
 * counts as settled (rule 17). To be called without the lock. */
void replica_doubt(struct replica *replica, struct partition *partition);

/* Looks at the key (rule 12), and where there is nothing, at what may have been there. When the
 * version here is the one with `have` (and, of siblings, with `digest`), its value is left out.
 * When the one here is older, its value is left out, too. Value bytes are appended to `bytes`, or a
 * share of their block is given. An absence below a FLUSHALL shows as a tombstone, unless something
 * newer may have been there since: then the flush counts as a mark. */
struct looked replica_look(struct replica *replica, const struct place *place, struct dot have,
                           uint64_t digest, struct buffer *bytes);

/* Evicts, where that is needed, so that the key finds room with a value of so many bytes. To be
 * called without a lock. `evicted` is raised. */
bool replica_make_room(struct replica *replica, const struct place *place, size_t value_size,
                       uint64_t *evicted);

/* The next ten are for who holds the partition's lock. */

/* The same, where the version is here. */
bool replica_append_mates(struct replica *replica, struct partition *partition, struct dot dot,
                          struct buffer *bytes);

/* What replica_offer does with one version, whose stamp may enter, once the claims agree. */
void replica_offer_here(struct replica *replica, struct partition *partition, struct instant now,
                        const struct place *place, struct dot over, const struct version *version,
                        struct offered *offered);

/* A set or a counter that was read before a FLUSHALL, and merged with what was written after it,
 * has a dot above the flush: it loses what the flush took. The version then is good until the next
 * call, and has the same dot. False: there is no memory for that. */
bool replica_unflushed(struct replica *replica, const struct partition *partition,
                       struct version *version);

/* Whether this replica's answers count in a read's R (rule 12), and it may coordinate. */
bool replica_votes(const struct partition *partition);

/* The entry, as partition_find; NULL, with version->dot none, where there is none. One that a
 * FLUSHALL killed is none: it goes now. */
struct entry *replica_find(struct partition *partition, const struct place *place,
                           struct version *version);

/* Removes entries that a FLUSHALL killed, of so many that it looks at, about; how many went.
 * partition->flushing says whether there may be more. */
uint32_t replica_drop_dead(struct replica *replica, struct partition *partition, uint32_t limit);

/* What is stored now: the entry, which is returned, or the tombstone of a flush. */
struct entry *replica_current(struct partition *partition, const struct place *place,
                              struct version *current);

/* The same as a vote shows it; false when there is nothing, and `looked` says in mark, floor and
 * settled how much of a vote that is. */
bool replica_see(struct partition *partition, const struct place *place, struct version *current,
                 struct looked *looked);

/* The dot of the version that vanished where replica_current found no value; DOT_NONE where there
 * is an entry, and where nothing is known. */
struct dot replica_mark(const struct partition *partition, const struct place *place,
                        const struct version *current);

/* A stamp for a write at `partition`, above all that is known of it and above `floor`. 0 when it
 * would pass the ceiling. */
uint64_t replica_stamp(struct replica *replica, struct instant now, struct partition *partition,
                       uint64_t floor);

/* Everything in the partition at or below `dot` is dead (FLUSHALL). ACK_NEWER when the partition
 * has seen a stamp above it, ACK_FORGETFUL when it may have: a FLUSHALL that is going on is above
 * all that was acknowledged before it (rule 1). `known` then is above all that it has seen, or may
 * have. A `late` one, of which that is known, is never ACK_NEWER: what is above it stays, the rest
 * is dropped little by little. */
struct offered replica_flush(struct replica *replica, struct instant now, uint32_t partition,
                             struct dot dot, bool late);

#endif
