/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The nodes of Dunlin that a command may talk to: those that were given, then those that they name
 * (CLUSTER NODES). One is talked to at a time; when it breaks, the next one that can be reached is
 * taken, as any node serves.
 */
#ifndef DUNLIN_MAIN_ADMIN_TARGET_H
#define DUNLIN_MAIN_ADMIN_TARGET_H

#include "main/admin_link.h"
#include "main/admin_options.h"

#define ADMIN_TARGETS_MAX 64

struct admin_target {
    struct admin_uri nodes[ADMIN_TARGETS_MAX];
    size_t count;
    size_t given;   /* the first so many were named by the user */
    size_t current; /* the one that `link` is or was to */
    struct admin_link link;
};

/* Takes the addresses from the options, and the password from them or the environment. */
bool admin_target_init(struct admin_target *target, const struct admin_options *options,
                       struct buffer *error);
void admin_target_deinit(struct admin_target *target);

/* Connects to the current node or, where that fails, once to each other. False: none can be
 * reached, and link.error says of one of them why. Harmless while connected. */
bool admin_target_open(struct admin_target *target);
/* The label of the ring that the connected node is of. False: it broke, or is no node of Dunlin,
 * which link.error says. */
bool admin_target_ring(struct admin_target *target, char *ring, size_t room);
/* Leaves the node, for another to be tried first by admin_target_open. */
void admin_target_leave(struct admin_target *target);

#endif
