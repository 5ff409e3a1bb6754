/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The encoded replies of CLUSTER SLOTS, SHARDS and NODES. They are long (SLOTS of a fragmented ring
 * takes 200 KB) and clients ask for them whenever they connect, so a worker keeps them until the
 * ring or the state of a member changes.
 */
#ifndef DUNLIN_COMMAND_CLUSTER_H
#define DUNLIN_COMMAND_CLUSTER_H

#include "ring/identity.h"

struct cluster_cache;

struct cluster_cache *cluster_cache_create(void);
void cluster_cache_destroy(struct cluster_cache **cache);

/* A node's identity as Redis' tools want it: 40 digits, of which the last 8 are 0. */
#define CLUSTER_NODE_ID_SIZE 41 /* with the terminator */
void cluster_node_id(const struct identity *identity, char text[CLUSTER_NODE_ID_SIZE]);

#endif
