/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What RING STATUS says, read, and drawn as a table or as JSON.
 */
#ifndef DUNLIN_MAIN_ADMIN_RING_H
#define DUNLIN_MAIN_ADMIN_RING_H

#include "base/buffer.h"

/* A line "node N: ..." in parts; the spans point into the text. */
struct admin_ring_node {
    struct span number, id, address, zone, weight, health, vote, primary, in_all;
    bool asked; /* it is the one that answered */
};

/* False: the line is none of a node. */
bool admin_ring_node_read(struct span line, struct admin_ring_node *node);

/* Whether every partition has all of its replicas. */
bool admin_ring_whole(struct span status);

void admin_ring_print(struct span status, bool colour, struct buffer *text);
void admin_ring_print_json(struct span status, struct buffer *text);

#endif
