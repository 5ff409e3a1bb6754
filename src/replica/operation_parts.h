/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an operation is made of, for its own files and for nobody else:
 *
 *   operation.c        how it begins, the answers to what it offered, its end, what it owes
 *   operation_read.c   reading, second looks, the repair of what was read
 *   operation_write.c  deciding, stamping, keeping and offering a version; being overtaken
 *   operation_batch.c  the same of a batch
 *
 * Each phase goes on by itself as far as it can: an update passes from one file to the other, and
 * back when it is overtaken. No lock is held from one call to the next.
 */
#ifndef DUNLIN_REPLICA_OPERATION_PARTS_H
#define DUNLIN_REPLICA_OPERATION_PARTS_H

#include "replica/operation.h"

/* Buffers larger than this are given back between two uses, bytes. */
#define BUFFER_KEEP (16 * 1024)

/* ---- operation.c ---- */

/* Whatever goes wrong after others were offered a version: it was not refused, it has too few
 * acknowledgements. */
void operation_fail(struct operation *operation, enum operation_failure failure);
/* The node's place among `nodes`, -1: it is none of them. */
int operation_index(const struct operation *operation, node_number node);
/* What clients see of a version: of siblings, the newest that is not expired. */
struct version operation_seen(const struct version *version, int64_t now_ms);
/* Who is owed `written`, as bits 1 << replica. */
uint16_t operation_owed_to(const struct operation *operation);

/* ---- operation_read.c ---- */

void operation_read_begin(struct coordinator *coordinator, struct operation *operation,
                          struct instant now);
/* What was read is known: sees to it that no later read finds less. */
void operation_repair(struct coordinator *coordinator, struct operation *operation,
                      struct instant now);
/* What a replica's answer to a repair counts as. */
enum ack_status operation_repair_answer(enum ack_status status);
/* Goes on after an answer. */
void operation_repair_follow(struct coordinator *coordinator, struct operation *operation,
                             struct instant now);

/* ---- operation_write.c ---- */

/* What was found under the lock when a version is to be written. */
struct operation_found {
    struct entry *entry; /* NULL: there is none */
    struct version stored;
    struct dot mark; /* of what vanished here */
};

/* What the quorum answered about a key, if it was asked. */
struct operation_sight {
    bool siblings;
    const struct version *winner; /* NULL: it was not */
    struct dot gone;              /* all at or below this counts as gone */
    uint64_t settled;             /* a stamp: the highest that one who has nothing knew */
    struct buffer *merged;        /* for a merge of sets or counters */
};

/* Those up to operation_build_set are for who holds the partition's lock. */

/* Whether this node may write here now; otherwise the operation has failed. */
bool operation_may_write(struct operation *operation, const struct partition *partition,
                         struct instant now);
void operation_find(struct partition *partition, const struct place *place,
                    struct operation_found *found);
/* The newer of what the quorum answered and what is stored now; of siblings and counters their
 * merge, which lies in sight->merged. Neither counts where something newer has vanished. False: the
 * operation has failed. */
bool operation_newest(struct operation *operation, const struct operation_sight *sight,
                      const struct operation_found *found, struct version *current);
/* What an addition to the key has to know, but for the version's dot. */
struct counter_place operation_counter_place(const struct operation *operation, node_number self,
                                             const struct partition *partition,
                                             const struct operation_found *found,
                                             const struct operation_sight *sight, int64_t now_ms);
/* An addition that is made again was taken out of what the key `has`, and had `left` before. Where
 * others have added since, what it comes to now was told to one of them: it is not told again. */
void operation_note_taken_back(struct operation *operation, const struct version *has,
                               const struct version *left);
/* What became of an addition; false: the operation has failed. */
bool operation_counted(struct operation *operation, enum counter_status status);
/* A stamp above `floor`, or none: then the operation has failed. */
struct dot operation_stamp(struct coordinator *coordinator, struct operation *operation,
                           struct partition *partition, struct instant now, uint64_t floor);
/* The set that the change makes of the old version, in `out`; false: the operation has failed. */
bool operation_build_set(struct operation *operation, const struct version *old,
                         const struct change *change, struct dot dot, int64_t now_ms,
                         struct buffer *out);

/* Where a write has failed for want of a stamp above which the ceiling will soon be, and nothing of
 * it was offered: it rests, and is begun again then. */
void operation_await_ceiling(struct coordinator *coordinator, struct operation *operation);
/* Sends `written` to all other replicas and counts this one. */
void operation_offer_to_all(struct coordinator *coordinator, struct operation *operation);

void operation_write_begin(struct coordinator *coordinator, struct operation *operation,
                           struct instant now);
/* Goes on after an answer. */
void operation_write_follow(struct coordinator *coordinator, struct operation *operation,
                            struct instant now);

/* ---- operation_batch.c ---- */

void operation_batch_begin(struct coordinator *coordinator, struct operation *operation,
                           struct instant now);
/* The same of one that has offered nothing yet, after a rest. */
void operation_batch_again(struct coordinator *coordinator, struct operation *operation,
                           struct instant now);
/* What was offered is stamped again, or it failed; false: the batch is to be run again, once
 * its keys have been read (OPERATION_GATHERING). */
bool operation_batch_overtaken(struct coordinator *coordinator, struct operation *operation,
                               struct instant now);

#endif
