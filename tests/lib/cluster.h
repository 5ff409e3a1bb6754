/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A cluster of real dunlin-server processes on free ports of 127.0.0.1, for system tests. Nodes are
 * counted from 1, as in scripts/cluster. Each has its folder and its log in the scratch folder of
 * the case. Whatever does not come to pass in time fails the case.
 */
#ifndef DUNLIN_TESTS_LIB_CLUSTER_H
#define DUNLIN_TESTS_LIB_CLUSTER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#define CLUSTER_NODES_MAX 16

struct cluster_options {
    int nodes;                     /* 1..CLUSTER_NODES_MAX */
    int threads;                   /* of each node; 0: 2 */
    const char *const *directives; /* words for every node, "--name", "value", ..., NULL; or NULL */
    const char *server;            /* the program; NULL: DUNLIN_SERVER of the environment */
};

struct cluster;

/* Starts the nodes, each with the others as its seeds, and waits until all answer. More than one
 * are made a ring by RING INIT, and waited for until each says cluster_state:ok. */
struct cluster *cluster_create(const struct cluster_options *options);
/* The same without RING INIT: the nodes answer, and that is all. */
struct cluster *cluster_create_apart(const struct cluster_options *options);
/* Stops all that run, as cluster_stop does. */
void cluster_destroy(struct cluster **cluster);

int cluster_nodes(const struct cluster *cluster);
uint16_t cluster_port(const struct cluster *cluster, int node);
/* What the node has written, and where it keeps its state. */
const char *cluster_log(const struct cluster *cluster, int node);
const char *cluster_dir(const struct cluster *cluster, int node);
bool cluster_running(struct cluster *cluster, int node);

/* Starts a node that is not running, and waits until it answers PING. */
void cluster_start(struct cluster *cluster, int node);
/* SIGTERM; it must end with status 0. A node that is paused goes on first. */
void cluster_stop(struct cluster *cluster, int node);
void cluster_kill(struct cluster *cluster, int node);   /* SIGKILL */
void cluster_pause(struct cluster *cluster, int node);  /* SIGSTOP */
void cluster_resume(struct cluster *cluster, int node); /* SIGCONT */

/* Waits until the node answers PING. */
void cluster_wait_answering(struct cluster *cluster, int node);
/* Waits until every node that runs and is not paused says cluster_state:ok in CLUSTER INFO. */
void cluster_wait_ok(struct cluster *cluster);

/* A connection, for redisFree. */
redisContext *cluster_connect(const struct cluster *cluster, int node);
/* Sends one command over a connection of its own; the reply is for freeReplyObject, never NULL. */
redisReply *cluster_command(const struct cluster *cluster, int node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
