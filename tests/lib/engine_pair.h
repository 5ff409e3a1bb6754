/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Engines in memory: up to PAIR_NODES_MAX nodes of one ring, their clients, and the cables between
 * them. The test moves the time and says which cables carry; nothing else happens by itself. Every
 * function that moves anything ends with pair_settle.
 *
 * A node may be a ghost: it has a place in the ring and no engine. Its cables do the handshake and
 * then keep what is asked, for the test to read and to answer by hand.
 *
 * Partition p belongs to the nodes p % nodes, p % nodes + 1, ... so that keys of any preference
 * list are easy to find (pair_key). Nodes are named by index; their numbers in the ring are others.
 */
#ifndef DUNLIN_TESTS_LIB_ENGINE_PAIR_H
#define DUNLIN_TESTS_LIB_ENGINE_PAIR_H

#include "base/log.h"
#include "base/metrics.h"
#include "base/options.h"
#include "command/directory.h"
#include "command/environment.h"
#include "node/engine.h"
#include "node/handshake.h"
#include "replica/replica.h"
#include "store/store.h"
#include "wire/wire.h"

#define PAIR_NODES_MAX   5
#define PAIR_CLIENTS_MAX 8
#define PAIR_PARTITIONS  16
#define PAIR_KEY_MAX     16
#define PAIR_BEGIN_MS    INT64_C(1700000000000)
#define PAIR_TIMEOUT_MS  500

struct pair;

struct pair_node {
    struct pair *pair;
    size_t index;
    node_number number;
    struct identity identity;
    bool ghost;
    bool unreachable; /* connections to it fail */
    int64_t skew_ms;  /* of its wall clock */
    const struct options *options;
    struct store *store;
    struct replica_bounds bounds;
    struct metrics *metrics;
    struct environment environment;
    struct node_identity about;
    struct log log;
    struct view *view;
    struct engine *engine;
    int64_t wake_at_us;
    bool late;              /* each turn has lasted long, whenever the engine asks */
    bool killed;            /* the directory woke it */
    struct buffer logged;   /* lines */
    struct buffer commands; /* control's: argv with blanks and a line's end */
    uint64_t command;       /* the last one's id */
    struct buffer messages; /* for control, as they came */
    uint64_t message_link;
};

/* From a node that asks (its peer) to one that answers (its link). */
struct pair_cable {
    struct pair *pair;
    struct pair_node *from; /* NULL: a stranger, whose bytes the test writes */
    struct pair_node *to;
    bool wanted; /* the asker waits for it to open */
    bool open;
    bool silent;       /* what is sent waits */
    bool finishing;    /* the answerer closes it once its answers are out */
    struct link *link; /* of the answerer */

    /* Of a ghost or a stranger. */
    struct handshake handshake;
    struct buffer in;      /* what came */
    struct buffer out;     /* to be sent */
    size_t frame_consumed; /* of `in`: a frame that was read */
    struct wire_cursor messages;
};

struct pair_client {
    struct pair_node *node;
    struct client *client; /* NULL once it is closed */
    bool held;
    bool closing;
    bool stalled; /* does not take its replies */
    struct buffer got;
};

struct pair_setup {
    size_t nodes;      /* 1 if it is 0 */
    uint32_t replicas; /* as many as nodes if it is 0 */
    bool siblings;
    bool no_ring;
    uint32_t ghosts;            /* a bit for each node that is one */
    const char *const *options; /* "--directive", "value", ... NULL */
};

struct pair {
    struct pair_setup setup;
    struct instant now;
    struct ring *ring;
    size_t count;
    struct pair_node nodes[PAIR_NODES_MAX];
    struct pair_cable cables[PAIR_NODES_MAX][PAIR_NODES_MAX]; /* [from][to] */
    struct pair_cable stranger;
    struct pair_client clients[PAIR_CLIENTS_MAX];
    size_t client_count;
};

/* All links are open when it returns. */
void pair_init(struct pair *pair, const struct pair_setup *setup);
void pair_deinit(struct pair *pair);

/* Moves everything that can move, until nothing does. */
void pair_settle(struct pair *pair);
/* Lets time pass, waking engines when they asked for it. */
void pair_pass(struct pair *pair, int64_t ms);
struct instant pair_now(const struct pair_node *node);

/* The `nth` key whose preference list begins with the node. */
const char *pair_key(const struct pair *pair, size_t node, unsigned nth, char key[PAIR_KEY_MAX]);
uint32_t pair_partition_of(const struct pair *pair, const char *key);
/* Whether the node has the key, and its value. */
bool pair_has(struct pair *pair, size_t node, const char *key, const char *value);
uint64_t pair_metric(const struct pair *pair, size_t node, enum metric metric);

/* Publishes the node's view anew after `votes` and `health` of another were set. */
void pair_see(struct pair *pair, size_t node, size_t other, bool votes, enum node_health health);
/* The node has lost its memory, as after a restart, and says so: it does not vote. */
void pair_forget(struct pair *pair, size_t node);
void pair_configure(struct pair *pair, size_t node, const char *name, const char *value);

/* ---- clients ---- */

struct pair_client *pair_connect(struct pair *pair, size_t node);
void pair_disconnect(struct pair_client *client);
void pair_send(struct pair_client *client, const void *bytes, size_t size);
/* Sends the words of the line as one RESP command (inline quoting). */
void pair_command(struct pair_client *client, const char *line);
/* Sends several in one piece: an array that ends with NULL. */
void pair_pipeline(struct pair_client *client, const char *const *lines);
/* What was answered since the last time is `reply`, and no more. */
void pair_expect(struct pair_client *client, const char *reply);
/* What was answered begins with `begin`, and is one line. */
void pair_expect_begin(struct pair_client *client, const char *begin);
/* Sends the command, and expects the reply. */
void pair_ask(struct pair_client *client, const char *line, const char *reply);

/* ---- cables ---- */

struct pair_cable *pair_cable(struct pair *pair, size_t from, size_t to);
void pair_silence(struct pair *pair, size_t from, size_t to, bool silent);
/* The connection breaks; both ends are told. */
void pair_break(struct pair *pair, size_t from, size_t to);

/* The next message that a ghost, or a stranger, was sent; false when there is none. */
bool pair_next(struct pair_cable *cable, struct wire_message *message);
/* Where a ghost, or a stranger, puts one message, between these two. */
struct buffer *pair_begin(struct pair_cable *cable, size_t *frame);
void pair_end(struct pair_cable *cable, size_t frame);

/* A stranger connects to the node. */
struct pair_cable *pair_stranger(struct pair *pair, size_t node);
/* It does the handshake as the node `as`. */
void pair_stranger_greets(struct pair *pair, size_t as, enum wire_role role);
/* Sends bytes as they are. */
void pair_stranger_sends(struct pair *pair, const void *bytes, size_t size);

/* ---- for its own files ---- */

void pair_cable_deinit(struct pair_cable *cable);
/* The link is closed, at both ends. */
void pair_cable_drop(struct pair_cable *cable);

#endif
