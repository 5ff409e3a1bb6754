/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The requests of the world's clients: a real operation each, whose questions and offers go into
 * the virtual network and whose answers are given by real replicas on delivery; and the hints that
 * are left of them.
 */
#ifndef DUNLIN_TESTS_REPLICATION_REQUEST_H
#define DUNLIN_TESTS_REPLICATION_REQUEST_H

#include "model/replication_world.h"

enum request_action {
    REQUEST_PUT,
    REQUEST_DELETE,
    REQUEST_NOTHING, /* of an update: SET NX where there is something, say */
};

/* False when there is no room for it. `deadline_ms` is on the coordinator's wall clock. */
bool request_begin(struct world *world, unsigned node, enum operation_kind kind,
                   enum request_action action, int64_t deadline_ms);
/* Its time is up: the client is told so, and what is owed still becomes hints. */
void request_give_up(struct world *world, struct request *request);
/* An answer takes long: another replica is asked. */
void request_hedge(struct world *world, struct request *request);
/* The link to `node` broke: it will not answer. */
void request_lose(struct world *world, struct request *request, unsigned node);
/* Its coordinator crashed. */
void request_drop(struct request *request);

/* The lowest stamp that the request owes to anybody, if it is one of this node; 0: none. */
uint64_t request_owes(struct world *world, const struct request *request, unsigned node);

/* Sends a hint of the node, drawn at random. */
void request_send_hint(struct world *world, unsigned node);
/* Owes the version to `target`. */
void request_hint(struct world *world, unsigned node, unsigned target, const struct copy *copy);

/* A message of the queue arrives, or is lost. */
void request_deliver(struct world *world, struct queue *queue, unsigned index);
void request_lose_message(struct world *world, struct queue *queue, unsigned index);
/* A WRITE arrives once more than it was sent. */
void request_repeat(struct world *world, unsigned index);

#endif
