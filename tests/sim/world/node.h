/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A node of a world: the process (a store, an engine, control), the host around it that moves the
 * bytes, and what survives a restart. What happens to a node that is paused waits for it, in order;
 * its clock goes on.
 *
 * The host of control is control.c. Where a script wants no message but its own, detector.c stands
 * in for it: it watches the other nodes, raises the ceiling and publishes views. What it does is
 * behind sim_node_watch.
 */
#ifndef DUNLIN_TESTS_SIM_NODE_H
#define DUNLIN_TESTS_SIM_NODE_H

#include "base/log.h"
#include "command/environment.h"
#include "lib/allocator.h"
#include "node/engine.h"
#include "replica/replica.h"
#include "sim/world/disk.h"
#include "sim/world/net.h"

/* How far ahead of its clock a node takes stamps, ms. */
#define NODE_AHEAD_MS(options) (CEILING_AHEAD_MS + (options)->max_clock_skew_ms)

/* What a node knows of another. */
struct sim_sight {
    bool reached;     /* at the last look */
    int64_t since_us; /* it is so since then */
    enum node_health health;
    bool votes;
};

struct sim_control;

struct sim_node {
    struct world *world;
    unsigned number;
    struct identity identity;
    const struct options *options; /* the world's, with its own zone */
    unsigned place;                /* how often it has moved (world_port) */
    bool running;
    bool paused;
    struct list backlog; /* what waits for the end of a pause */
    int64_t paused_since_us;
    int64_t paused_for_us; /* in all, up to then */

    /* Its clock, by the world's. */
    int64_t clock_off_us;
    int64_t clock_since_us;
    int64_t drift_ppm;

    /* On disk. */
    struct sim_disk disk; /* empty with the detector */
    uint64_t ceiling;     /* as the disk has it, or the detector */
    unsigned boots;

    /* In the memory of the process. */
    struct allocator allocator; /* its engine's; survives the process */
    uint64_t *evicted;          /* of each partition, by the processes that have ended */
    bool forgot;
    bool failed;   /* its control cannot go on */
    uint64_t boot; /* drawn at its start */
    struct store *store;
    struct replica_bounds bounds;
    struct engine *engine;
    struct sim_control *control; /* NULL with the detector */
    struct view *view;           /* published last; NULL with the detector */
    struct environment environment;
    struct metrics *metrics;
    struct log log;
    bool in_line;
    struct sim_sight sights[WORLD_NODES_MAX + 1];

    /* The host. */
    struct sim_connection *peers[WORLD_NODES_MAX + 1]; /* by the node they lead to */
    bool peer_dirty[WORLD_NODES_MAX + 1];
    struct list links;   /* of struct sim_link */
    struct list clients; /* of struct sim_client, the open ones */
    bool turning;        /* the end of a turn is due */
    int64_t wake_us;     /* by the world's time */
    int64_t waking_us;   /* the earliest event for it; INT64_MAX: none */
};

struct identity sim_node_identity(unsigned number);
struct sim_node *sim_node_create(struct world *world, unsigned number);
void sim_node_destroy(struct sim_node **node);

/* The process begins; `forgot`: it was in the ring before, and does not vote. It does not run
 * afterwards where it refused what is on its disk. */
void sim_node_start(struct sim_node *node, bool forgot);
/* The process ends at once, as by SIGKILL. */
void sim_node_kill(struct sim_node *node);
bool sim_node_runs(const struct sim_node *node);
/* How often the node has ever evicted something of the partition. */
uint64_t sim_node_evicted(const struct sim_node *node, uint32_t partition);
/* It will listen at a port where no node ever was. It does not run. */
void sim_node_move(struct sim_node *node);
/* Other options come into force, as by CONFIG SET. */
void sim_node_set_options(struct sim_node *node, const struct options *options);
void sim_node_pause(struct sim_node *node);
void sim_node_resume(struct sim_node *node);
/* The ring that its process goes by; NULL: it has none, or is not there. */
const struct ring *sim_node_ring(const struct sim_node *node);
/* Whether what it had is lost and not fetched anew: it does not run, or has partitions in which it
 * does not vote for that. */
bool sim_node_forgetful(const struct sim_node *node);
/* How long it has been paused in all. */
int64_t sim_node_paused_us(const struct sim_node *node);
/* Its clock is off by so much from now on, and goes wrong by drift_ppm. */
void sim_node_set_clock(struct sim_node *node, int64_t off_us, int64_t drift_ppm);
int64_t sim_node_clock_off_us(const struct sim_node *node);
struct instant sim_node_now(const struct sim_node *node);
/* The world's time, by the node's monotonic one. */
int64_t sim_node_world_us(const struct sim_node *node, int64_t mono_us);

/* True: the node is paused, and `fire` is called again when it goes on. */
bool sim_node_defers(struct sim_node *node, void (*fire)(void *object, uint64_t number),
                     void *object, uint64_t number);
/* Something was done to the engine: its turn is to end soon. */
void sim_node_touch(struct sim_node *node);

/* ---- node_host.c: around the engine, and from the network ---- */

extern const struct engine_calls sim_node_calls;
/* The time has come that the engine wants to be woken at. */
void sim_node_wake(void *node, uint64_t boots);
/* Its process is gone, and with it its ends of clients' and other nodes' connections. */
void sim_node_lose_all(struct sim_node *node);

void sim_node_link_opened(struct sim_node *node, struct sim_connection *connection);
void sim_node_peer_opened(struct sim_node *node, struct sim_connection *connection);
void sim_node_input(struct sim_node *node, struct sim_connection *connection, enum net_end end,
                    struct span bytes);
/* The node's end of the connection is gone. */
void sim_node_lost(struct sim_node *node, struct sim_connection *connection, enum net_end end);

/* ---- detector.c ---- */

/* The view that a process begins with: all others are alive, or unknown to one that forgot. */
struct view *sim_node_first_view(struct sim_node *node);
/* Looks around, again and again. */
void sim_node_watch(struct sim_node *node);
void sim_node_raise_ceiling(struct sim_node *node);
/* What the process had is lost: it has to fetch all partitions anew. */
void sim_node_forget(struct sim_node *node);
/* Goes by the ring's claims, and votes in them if it may. */
void sim_node_set_headers(struct sim_node *node);

#endif
