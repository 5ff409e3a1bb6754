/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Marks that a node hands to another (message MARKS): of versions that vanished where they were,
 * and that the other missed. Entries are those of stream.h, marks only.
 *
 * A mark names no key. What is here of the key and older is found by looking at all entries of the
 * partition, so a piece of many marks costs little more than one of a single mark.
 */
#ifndef DUNLIN_SYNC_VANISHED_H
#define DUNLIN_SYNC_VANISHED_H

#include "replica/replica.h"

/* Marks in one piece. */
#define VANISHED_MARKS_MAX 256u

/* The first piece of what stream_put_mark wrote. */
struct span vanished_piece(struct span marks);

/* Takes marks over, as if those versions had been here and vanished: what is older goes, and where
 * nothing newer is, the mark stays. ACK_OK: all that they bar is barred. Else nothing has changed:
 * ACK_STALE_CLAIM, ACK_FORGETFUL where this node does not vote, ACK_CEILING where a stamp may not
 * enter (replica_may_enter), ACK_FULL where there is no memory or the bytes are no such marks. */
enum ack_status vanished_take(struct replica *replica, struct instant now, uint32_t partition,
                              uint64_t claim_version, struct span marks);

#endif
