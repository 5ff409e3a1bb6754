/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The network between the nodes: connections that carry bytes as TCP does. What arrives, arrives in
 * order and whole, in pieces of any size; when a connection breaks, what was on its way is lost and
 * each end hears of it by itself. A blocked direction holds its bytes back until it is free again.
 * Datagrams overtake each other, and get lost where a direction is blocked or a node's line is bad.
 */
#ifndef DUNLIN_TESTS_SIM_NET_H
#define DUNLIN_TESTS_SIM_NET_H

#include "base/list.h"
#include "base/span.h"
#include "sim/world/world.h"

enum net_end { NET_OPENER, NET_ACCEPTOR };

struct link;
struct sim_call;

/* Bytes on their way from one end to the other. */
struct net_lane {
    struct list chunks;
    int64_t last_us;        /* when the last of them arrives */
    unsigned held;          /* arrivals that wait for the direction to be free */
    uint64_t sent, arrived; /* bytes in all */
};

struct sim_connection {
    struct sim_connection *next;
    struct world *world;
    uint64_t id;
    unsigned nodes[2];        /* by enum net_end */
    bool open[2];             /* the end is there */
    bool answered;            /* the acceptor's host took the connection */
    bool lost;                /* nothing arrives any more */
    struct net_lane lanes[2]; /* by the end that sends */
    struct link *link;        /* the acceptor's */
    struct sim_call *call;    /* the opener's, where its control opened it */
    size_t seen[2];           /* bytes of what the end has yet to write that were traced already */
};

struct sim_connection *net_open(struct world *world, unsigned from, unsigned to);
/* From the given end to the other. */
void net_send(struct sim_connection *connection, enum net_end end, struct span bytes);
/* The end goes; the other hears of it behind what was sent before. */
void net_close(struct sim_connection *connection, enum net_end end);
/* Both ends lose it. */
void net_break(struct sim_connection *connection);
/* What `from` sends to `to` does not arrive, or does again. */
void net_block(struct world *world, unsigned from, unsigned to, bool blocked);
/* It may arrive, later than the next one, twice, or not at all. */
void net_send_datagram(struct world *world, unsigned from, unsigned to, struct span bytes);
/* The node's process ended. */
void net_node_died(struct world *world, unsigned node);
void net_destroy(struct world *world);

#endif
