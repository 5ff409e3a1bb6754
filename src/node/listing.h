/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands that list keys: SCAN, KEYS, RANDOMKEY, CLUSTER GETKEYSINSLOT and COUNTKEYSINSLOT.
 *
 * A listing goes through the ring in the order of places (sync/page.h), in rounds. A round asks R
 * replicas of the partition at hand, which vote, for a page from its place on, and goes on with as
 * many partitions as the same nodes can answer for; its end is the least of the ends that they
 * answer. So what one replica missed another of the R tells, and what every key that was there
 * throughout rests on is what a read does (docs/CONSISTENCY.md). A node that does not answer is
 * left out, and another asked.
 *
 *     queued --> a round: its own page is read, others are asked --> they answered --+--> the reply
 *        ^                                                                           |
 *        +---------------------------------------------------------------------------+
 *
 * SCAN's cursor is a place, and holds for any node: nothing is kept between two calls.
 */
#ifndef DUNLIN_NODE_LISTING_H
#define DUNLIN_NODE_LISTING_H

#include "node/parts.h"

struct listing;

/* Whether the command is one of them. */
bool listing_is(const struct command *command);
void listing_begin(struct request *request);
void listing_answered(struct request *request, node_number node, const struct wire_listed *listed);
void listing_lost(struct request *request, node_number node);
/* Some have not answered for a while. */
void listing_hedge(struct request *request);
void listing_timeout(struct request *request);
/* Another node's question. */
void listing_serve(struct link *link, const struct wire_list *list);

#endif
