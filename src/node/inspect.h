/* SPDX-License-Identifier: BSD-3-Clause
 *
 * VERSION key: asks every replica of the key what it holds, this node's own store included, and
 * answers with a line for each, in the order of the preference list. It decides nothing and repairs
 * nothing: it is for people who want to see why a read answers as it does.
 */
#ifndef DUNLIN_NODE_INSPECT_H
#define DUNLIN_NODE_INSPECT_H

#include "node/parts.h"

void inspect_begin(struct request *request);
void inspect_answered(struct request *request, node_number node,
                      const struct wire_inspected *inspected);
void inspect_lost(struct request *request, node_number node);
void inspect_timeout(struct request *request);
/* Frees what an inspection holds, if the request is one. */
void inspect_end(struct request *request);

/* Another node's question; `place` is NULL where there is no such partition here. */
void inspect_serve(struct link *link, const struct wire_inspect *inspect,
                   const struct place *place);

#endif
