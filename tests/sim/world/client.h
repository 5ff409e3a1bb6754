/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A virtual client: a connection to one node that carries bytes both ways, in order, in pieces,
 * with a little delay, and that is lost with the node's process. Replies come out one by one.
 */
#ifndef DUNLIN_TESTS_SIM_CLIENT_H
#define DUNLIN_TESTS_SIM_CLIENT_H

#include "resp/answer.h"
#include "sim/world/node.h"

struct client;

struct sim_client {
    struct list link; /* node->clients */
    struct sim_node *node;
    unsigned boot; /* of the node that it was opened to */
    uint64_t id;
    bool open;                  /* for the client */
    struct client *engine;      /* NULL: the node's end is gone */
    bool held;                  /* the node does not read */
    bool dirty, closing;        /* the node wants to write, or to close */
    struct buffer arrived;      /* at the node's host, not read yet */
    struct list sent, answered; /* pieces on their way */
    int64_t sent_us, answered_us;
    struct buffer replies;
    struct answer answer;

    void (*on_reply)(void *context, struct span reply);
    void (*on_closed)(void *context);
    void *context;
};

/* Connected at once; the node runs. */
struct sim_client *sim_client_open(struct sim_node *node, uint64_t id);
void sim_client_destroy(struct sim_client **client);
void sim_client_send(struct sim_client *client, struct span bytes);
/* One command, its words parted by blanks. */
void sim_client_say(struct sim_client *client, const char *words);

/* ---- for node.c ---- */

extern void sim_client_output(void *connection);
extern void sim_client_hold(void *connection, bool hold);
extern void sim_client_close(void *connection);
/* At the end of a turn. */
void sim_client_flush(struct sim_client *client);
/* The node's process ended. */
void sim_client_lost(struct sim_client *client);

#endif
