/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an operation is made of, for its own files and for nobody else:
 *
 *   operation.c        how it begins, the answers to what it offered, its end, what it owes
 *   operation_read.c   reading, second looks, the repair of what was read
 *   operation_write.c  deciding, stamping, keeping and offering a version; being overtaken
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

void operation_write_begin(struct coordinator *coordinator, struct operation *operation,
                           struct instant now);
/* Goes on after an answer. */
void operation_write_follow(struct coordinator *coordinator, struct operation *operation,
                            struct instant now);

#endif
