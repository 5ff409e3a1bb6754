/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The requests of the world's clients: a real operation each, whose questions and offers go into
 * the virtual network and whose answers are given by real replicas on delivery.
 */
#ifndef DUNLIN_TESTS_REPLICATION_REQUEST_H
#define DUNLIN_TESTS_REPLICATION_REQUEST_H

#include "model/replication_world.h"

enum world_request_action {
    REQUEST_PUT,
    REQUEST_DELETE,
    REQUEST_NOTHING, /* of an update: SET NX where there is something, say */
};

/* False when there is no room for it. `deadline_ms` is on the coordinator's wall clock. */
bool world_request_begin(struct world *world, unsigned node, enum operation_kind kind,
                         enum world_request_action action, int64_t deadline_ms);
/* Its time is up: the client is told so, and what is owed still becomes hints. */
void world_request_give_up(struct world *world, struct world_request *request);
/* An answer takes long: another replica is asked. */
void world_request_hedge(struct world *world, struct world_request *request);
/* The link to `node` broke: it will not answer. */
void world_request_lose(struct world *world, struct world_request *request, unsigned node);
/* Its coordinator crashed. */
void world_request_drop(struct world_request *request);

/* The lowest stamp that the request owes to anybody, if it is one of this node; 0: none. */
uint64_t world_request_owes(const struct world_request *request, unsigned node);

/* A message of a request arrives, or its link to `asked` broke. */
void world_request_receive(struct world *world, const struct message *message);
void world_request_lost(struct world *world, const struct message *message, unsigned asked);

#endif
