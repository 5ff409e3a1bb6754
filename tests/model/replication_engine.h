/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parts of a node's engine that a key's replication needs besides its operations, and that are
 * real: hints (node/hints.c), recovery and comparison (node/recover.c, compare.c, pull.c), and the
 * peers' buffers that they write into. What other nodes ask them, link.c answers in a server; here
 * it is answered in a few lines.
 */
#ifndef DUNLIN_TESTS_REPLICATION_ENGINE_H
#define DUNLIN_TESTS_REPLICATION_ENGINE_H

#include "model/replication_world.h"

/* What engines of all nodes and all runs share: options, metrics, log. */
struct engine_fixture;
struct engine_fixture *engine_fixture_create(struct world *world);
void engine_fixture_destroy(struct engine_fixture **fixture);

/* Bounds of the hints for one target; the most there is: none. */
void world_engine_bound_hints(struct world *world, uint64_t bytes, int64_t window_s);

/* The engine of a node that starts; its store is there. */
void world_engine_start(struct world *world, unsigned node);
void world_engine_stop(struct node *node);
struct replica *world_engine_replica(struct node *node);

/* Owes the version to `target` beyond the end of its request. NULL: it is lost, and the target is
 * to be told that it forgot. */
void world_engine_hint(struct world *world, unsigned node, unsigned target, const struct copy *copy,
                       uint64_t stamp);
/* The lowest stamp of a hint; UINT64_MAX: there is none. */
uint64_t world_engine_owes(const struct node *node);

/* Time passes at the node: it sends hints, or goes on with its recovery. */
void world_engine_send_hints(struct world *world, unsigned node);
void world_engine_sync(struct world *world, unsigned node, int64_t passed_us);

/* A message arrives that is an engine's. */
void world_engine_receive(struct world *world, const struct message *message);
/* The link from the node to `other` broke. */
void world_engine_lose(struct world *world, unsigned node, unsigned other);

#endif
