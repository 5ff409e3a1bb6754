/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a worker is made of, for worker.c and the files of its three kinds of connection. All of it
 * belongs to the worker's thread.
 *
 *   client_socket.c  a client that a listener accepted
 *   link_socket.c    a link that another node opened
 *   peer_socket.c    this worker's link to another node
 */
#ifndef DUNLIN_IO_SOCKETS_H
#define DUNLIN_IO_SOCKETS_H

#include <pthread.h>

#include "io/connection.h"
#include "io/loop.h"
#include "io/worker.h"

struct client_socket {
    struct list member; /* worker->clients */
    struct worker *worker;
    struct connection connection;
    struct client *client;
    bool closing;               /* close once all is written */
    int64_t over_us;            /* since when the output is over the soft limit, 0: it is not */
    int64_t active_us;          /* when it last sent something */
    int64_t checked_us;         /* when it was last looked at: worker->clients is in this order */
    uint64_t told_in, told_out; /* bytes already counted */
};

struct link_socket {
    struct list member; /* worker->links */
    struct worker *worker;
    struct connection connection;
    struct link *link;
    bool closing;
};

struct peer_socket {
    struct worker *worker;
    node_number number;
    struct connection connection;
    struct event connecting; /* until the connection is made */
    int fd;                  /* while connecting, or -1 */
    bool open;
};

struct worker {
    struct loop *loop;
    struct engine *engine;
    struct environment environment;
    struct metrics_block *metrics;
    const struct options *options; /* the engine's share outlives it */
    const struct view *view;       /* the same */
    const struct worker_calls *calls;
    void *node;
    pthread_t thread;
    bool started;
    struct list listeners;
    struct list clients;
    struct list links;
    struct peer_socket **peers; /* by number */
    size_t peer_limit;
    int64_t next_check_us; /* of the links' buffers */
};

/* client_socket.c */
void client_socket_accepted(void *worker, int fd);
void client_socket_close(struct client_socket *socket);
void client_socket_output(void *socket);
void client_socket_hold(void *socket, bool hold);
void client_socket_finish(void *socket);
/* Closes those that are idle too long or do not read; of others that are idle takes the buffers.
 * Looks at those whose turn it is. */
void client_sockets_check(struct worker *worker);

/* link_socket.c */
void link_socket_accepted(void *worker, int fd);
void link_socket_close(struct link_socket *socket);
void link_socket_output(void *socket);
void link_socket_finish(void *socket);

/* peer_socket.c */
void peer_socket_open(void *worker, node_number number);
void peer_socket_close(void *worker, node_number number);
void peer_socket_output(void *worker, node_number number);
void peer_sockets_destroy(struct worker *worker);

/* worker.c: tells the engine, not from within its own call, that a peer could not be reached. */
void worker_post_peer_failed(struct worker *worker, node_number number);

#endif
