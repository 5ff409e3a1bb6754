/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The virtual network: messages are delivered in any order, late, twice or never.
 */
#ifndef DUNLIN_TESTS_REPLICATION_NETWORK_H
#define DUNLIN_TESTS_REPLICATION_NETWORK_H

#include "model/replication_world.h"

/* A message at the end of the queue, for the caller to fill in; NULL when the queue is full. It is
 * valid until the next. */
struct message *network_push(struct world *world, struct queue *queue, enum message_kind kind,
                             unsigned from, unsigned to);
/* The message of this place arrives, or is lost, or arrives once more than it was sent. */
void network_deliver(struct world *world, struct queue *queue, unsigned index);
void network_lose(struct world *world, struct queue *queue, unsigned index);
void network_repeat(struct queue *queue, unsigned index);
void network_clear(struct queue *queue);

#endif
