/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A virtual network of controls (node/control.h): a few nodes in one process under a virtual clock.
 * Datagrams and calls take a drawn time, can be lost or cut off; a call runs the real handshake.
 * Disks are buffers. The same seed gives the same run.
 */
#ifndef DUNLIN_TESTS_LIB_CONTROL_NET_H
#define DUNLIN_TESTS_LIB_CONTROL_NET_H

#include "base/log.h"
#include "base/options.h"
#include "base/rng.h"
#include "node/control.h"
#include "replica/replica.h"
#include "store/store.h"

#define NET_NODES_MAX   8
#define NET_PARTITIONS  64
#define NET_WALL_MS     INT64_C(1700000000000)
#define NET_TRACE_BYTES 8192

struct net;
struct net_event;

struct net_node {
    struct net *net;
    unsigned index;
    struct control *control; /* NULL: not running */
    struct store *store;
    struct replica_bounds bounds;
    struct log log;
    struct identity identity;
    char host[64];
    uint16_t port;
    const struct options *options;
    unsigned lives;
    int64_t skew_ms; /* of its wall clock */
    unsigned group;  /* nodes of different groups cannot reach each other */
    int64_t wake_us;
    /* its disk */
    struct buffer disk_ring;
    uint64_t disk_ceiling;
    bool disk_full;
    /* what it said */
    struct view *view;
    unsigned views;
    bool fatal;
    char fatal_text[512];
    struct buffer reply; /* to the last command */
    unsigned replies;
    struct buffer answer;
};

struct net {
    struct net_node nodes[NET_NODES_MAX];
    unsigned count;
    struct rng rng;
    int64_t now_us;
    int64_t delay_min_us, delay_max_us;
    unsigned loss_percent;    /* of calls and answers */
    struct net_event *events; /* by time */
    /* What changes the bytes of datagrams, calls and answers on their way; NULL: nothing. */
    void (*tamper)(void *context, struct buffer *bytes);
    void *tamper_context;
    uint64_t order;
    uint64_t delivered; /* events */
    bool tracing;
    char trace[NET_TRACE_BYTES]; /* of RING INIT's messages */
    size_t trace_size;
};

struct net *net_create(uint64_t seed);
void net_destroy(struct net **net);

/* Adds node 1, 2, ... at 127.0.0.1:7001, 7002, ... `seeds` and `more` are directives' words, with
 * blanks between; NULL: none. It does not run yet. */
struct net_node *net_add(struct net *net, const char *seeds, const char *const *more, size_t count);
/* Starts it, again too; with what is on its disk. */
void net_start(struct net_node *node);
void net_crash(struct net_node *node);

/* Delivers the next event, or wakes a node; false when nothing happens until `until_us`. */
bool net_step(struct net *net, int64_t until_us);
void net_run(struct net *net, int64_t duration_ms);

/* Sends a command, its words with blanks between. */
void net_command(struct net_node *node, const char *words);
/* Sends it and runs until it is answered, at most 30 s. The reply, terminated. */
const char *net_ask(struct net_node *node, const char *words);
const char *net_reply(struct net_node *node);

/* The ring that the node goes by and that was formed; NULL: none. */
const struct ring *net_ring(const struct net_node *node);
/* How many different formed rings there are among all nodes. */
unsigned net_rings(const struct net *net);
/* Puts a key into a partition of the node's store. */
void net_put(struct net_node *node, uint32_t partition);
struct instant net_now(const struct net_node *node);

#endif
