/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker: one thread with a loop, an engine, its own listening sockets, its clients, the links
 * that other nodes opened to it, and its links to other nodes. A request runs here from its first
 * byte to its reply.
 */
#ifndef DUNLIN_IO_WORKER_H
#define DUNLIN_IO_WORKER_H

#include <sys/socket.h>

#include "command/environment.h"
#include "node/engine.h"

struct worker;

/* Where to listen: each address with the port for clients and the one for peers. */
struct worker_address {
    struct sockaddr_storage clients, peers;
    socklen_t size;
};

/* What a worker hands to the node's control, in its own thread; answered with worker_post_*. */
struct worker_calls {
    void (*control_command)(void *node, struct worker *worker, uint64_t request,
                            const struct span *argv, size_t argc);
    void (*control_message)(void *node, struct worker *worker, uint64_t link, struct span message);
};

struct worker_options {
    struct engine_options engine; /* all but the environment and the waker, which are made here */
    struct environment environment;
    const struct worker_address *addresses; /* at least one; copied */
    size_t address_count;
    const struct worker_calls *calls;
    void *node;
};

/* Opens the sockets. NULL, with the reason in `error`, when that fails. */
struct worker *worker_create(const struct worker_options *options, struct buffer *error);
/* Starts its thread; false with errno. */
bool worker_start(struct worker *worker);
/* Ends its thread and waits for it; connections are closed. */
void worker_stop(struct worker *worker);
void worker_destroy(struct worker **worker);

/* These may be called from any thread. Bytes are copied, shares are taken. */
void worker_post_view(struct worker *worker, struct view *view);
/* CLIENT KILL has marked clients of this worker. */
void worker_post_killed(struct worker *worker);
void worker_post_options(struct worker *worker, const struct options *options);
void worker_post_control_answer(struct worker *worker, uint64_t request, struct span reply);
void worker_post_link_answer(struct worker *worker, uint64_t link, struct span messages);

#endif
