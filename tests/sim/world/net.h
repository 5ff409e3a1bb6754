/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The network between the nodes: connections that carry bytes as TCP does. What arrives, arrives in
 * order and whole, in pieces of any size; when a connection breaks, what was on its way is lost and
 * each end hears of it by itself. A blocked direction holds its bytes back until it is free again.
 * An end writes as much as a socket has room for: what was sent and has not arrived fills it.
 * Datagrams arrive once and in order where nothing is wrong (world.h: struct world_line), are lost
 * where a direction is blocked, and where it is clogged and too many wait.
 *
 *   net.c       connections, and how long anything takes
 *   datagram.c  datagrams
 */
#ifndef DUNLIN_TESTS_SIM_NET_H
#define DUNLIN_TESTS_SIM_NET_H

#include "base/list.h"
#include "base/span.h"
#include "sim/world/world.h"

/* What a socket holds of bytes that have not arrived. */
#define NET_SOCKET_BYTES (32u << 10)
/* A datagram that would wait for longer to pass a clogged route is dropped. */
#define NET_QUEUE_US 400000
/* How much longer one is on its way that may be overtaken, at the most. */
#define NET_LATE_US 600000

enum net_end { NET_OPENER, NET_ACCEPTOR };

struct link;
struct sim_call;

/* Bytes on their way from one end to the other. */
struct net_lane {
    struct list chunks;
    int64_t last_us;        /* when the last of them arrives */
    unsigned held;          /* arrivals that wait for the direction to be free */
    uint64_t sent, arrived; /* bytes in all */
    size_t bytes;           /* in the chunks */
    bool wanted;            /* who sends waits for room */
};

struct sim_connection {
    struct sim_connection *next;
    struct world *world;
    uint64_t id;
    unsigned nodes[2];        /* by enum net_end */
    unsigned place;           /* where the acceptor is, as the opener has it */
    bool open[2];             /* the end is there */
    bool answered;            /* the acceptor's host took the connection */
    bool lost;                /* nothing arrives any more */
    struct net_lane lanes[2]; /* by the end that sends */
    struct link *link;        /* the acceptor's */
    struct sim_call *call;    /* the opener's, where its control opened it */
    size_t seen[2];           /* bytes of what the end has yet to write that were traced already */
};

/* Who does not run, or listens in another place, refuses it. */
struct sim_connection *net_open(struct world *world, unsigned from, unsigned to, unsigned place);
/* How many bytes the end may send now; with 0 the node is touched once there is room. */
size_t net_room(struct sim_connection *connection, enum net_end end);
/* From the given end to the other. */
void net_send(struct sim_connection *connection, enum net_end end, struct span bytes);
/* The end goes; the other hears of it behind what was sent before. */
void net_close(struct sim_connection *connection, enum net_end end);
/* Both ends lose it. */
void net_break(struct sim_connection *connection);
/* What `from` sends to `to` does not arrive, or does again. */
void net_block(struct world *world, unsigned from, unsigned to, bool blocked);
/* It may arrive, later than the next one, twice, or not at all: for sure where `to` listens in
 * another place by then. */
void net_send_datagram(struct world *world, unsigned from, unsigned to, unsigned place,
                       struct span bytes);
/* The node's process ended. */
void net_node_died(struct world *world, unsigned node);
void net_destroy(struct world *world);

/* ---- between the two files ---- */

/* How long what the node sends is on its way, drawn. */
int64_t net_delay_us(struct world *world, unsigned from);
/* When so many more bytes have passed the route, by the world's time. */
int64_t net_pass_us(struct world *world, unsigned from, unsigned to, size_t size);
void net_destroy_datagrams(struct world *world);

#endif
