/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A node: everything of one server process, put together. The thread that calls node_run becomes
 * the control thread; the workers have their own.
 *
 *   dir/lock            held while the process lives: two servers never share one dir
 *   dir/node.state      identity and ring
 *   dir/ceiling.state   the stamp that nothing passes, and how often the node has started
 */
#ifndef DUNLIN_IO_NODE_H
#define DUNLIN_IO_NODE_H

#include "base/buffer.h"
#include "base/log.h"
#include "base/options.h"

struct node;

struct node_options {
    const struct options *options; /* a holder's share is taken */
    struct log *log;
    const char *config_file; /* its path as given, or "" */
    const char *executable;
};

/* Takes the dir, reads what is in it, and listens. NULL, with one line in `error`, when anything is
 * in the way; nothing is left behind. */
struct node *node_create(const struct node_options *options, struct buffer *error);
/* Serves until a signal (SIGTERM, SIGINT) or a SHUTDOWN ends it. True when it ended in order. */
bool node_run(struct node *node);
void node_destroy(struct node **node);

#endif
