/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The mesh: a virtual network of gossiping nodes under a virtual clock: loss, delay, pauses,
 * partitions and crashes, all drawn from one seed. The same seed gives the same run to the byte.
 */
#ifndef DUNLIN_TESTS_LIB_MESH_H
#define DUNLIN_TESTS_LIB_MESH_H

#include "base/heap.h"
#include "gossip/gossip.h"

#define MESH_NODES_MAX 1024
/* Datagrams that wait in the socket of a paused node; more are lost. */
#define MESH_INBOX_MAX 512

struct mesh;
struct packet;

struct mesh_node {
    struct mesh *mesh;
    size_t index;
    struct gossip *gossip;       /* NULL: not running */
    struct node_address address; /* client */
    bool paused;
    int64_t excused_until_us; /* a node that was paused may be held for dead until then */
    unsigned group;           /* nodes of different groups cannot reach each other */
    unsigned lives;
    struct heap_node wake;                   /* in mesh.sleepers, while it runs and is to wake */
    struct packet *inbox_first, *inbox_last; /* what came while it was paused */
    size_t inbox_count;
    /* what it was told */
    size_t events[GOSSIP_EVENT_IDENTITY_CLASH + 1];
    bool clash_ours_is_later;
    size_t restarts_seen;
};

/* Told of each event of each node, after the mesh's own counters. `subject` is the index of the
 * node that the event is about, SIZE_MAX when it is about no node of the mesh. */
struct mesh_watch {
    void (*event)(void *context, const struct mesh_node *observer, const struct gossip_event *event,
                  size_t subject);
    void *context;
};

struct mesh {
    struct mesh_node nodes[MESH_NODES_MAX];
    size_t count;
    struct heap sleepers; /* nodes by (when they wake, index) */
    struct mesh_watch watch;
    struct gossip_options defaults; /* what mesh_options begins with */
    struct rng rng;
    uint64_t seed;
    int64_t now_us;
    /* faults */
    unsigned loss_percent;
    unsigned duplicate_percent;
    int64_t delay_min_us;
    int64_t delay_max_us;
    bool keep_dead; /* what calls->kept answers */
    /* in flight, a heap by (time, order) */
    struct packet **packets;
    size_t packet_count;
    size_t packet_capacity;
    uint64_t packet_order;
    /* what happened */
    uint64_t trace; /* a hash of all that was sent, and when */
    size_t datagrams;
    uint64_t datagram_bytes; /* sent, lost ones too */
    uint64_t exchange_bytes; /* sent over TCP */
    size_t false_deaths;     /* DEAD told of a node that ran, unpaused, in the observer's group */
    int64_t death_seen_us[MESH_NODES_MAX]; /* when the observer last saw a death */
};

struct mesh *mesh_create(uint64_t seed);
void mesh_destroy(struct mesh **mesh);

/* Options of a new node `index` with the cluster's defaults: identity and address by index, no
 * seeds. The seed list given to mesh_start is copied by gossip. */
struct gossip_options mesh_options(struct mesh *mesh, size_t index);
void mesh_start(struct mesh *mesh, size_t index, const struct gossip_options *options);
/* Starts a node, or starts it again, with the first two nodes as seeds. */
void mesh_join(struct mesh *mesh, size_t index);
/* Adds `count` nodes; all but the first have the first two as seeds, and start within a second. */
void mesh_start_cluster(struct mesh *mesh, size_t count);

void mesh_crash(struct mesh *mesh, size_t index);
/* As SIGSTOP does it: what comes waits. When it goes on, its timers come before what waits. */
void mesh_pause(struct mesh *mesh, size_t index);
void mesh_resume(struct mesh *mesh, size_t index);

void mesh_run(struct mesh *mesh, int64_t duration_us);
/* Runs until `holds` or for at most `limit_us`; whether it held. */
bool mesh_run_until(struct mesh *mesh, bool (*holds)(struct mesh *mesh), int64_t limit_us);

struct instant mesh_instant(const struct mesh *mesh, size_t index);
struct identity mesh_identity(size_t index);
/* Of any identity; SIZE_MAX when it is of no node. */
size_t mesh_index(const struct mesh *mesh, const struct identity *identity);

/* Whether each running node lists each other running node alive, and none else living. */
bool mesh_agrees(struct mesh *mesh);
/* The state that `observer` holds of `subject`; -1 when it is not listed. */
int mesh_state(struct mesh *mesh, size_t observer, size_t subject);
/* Whether each running node holds `subject` for `state`. */
bool mesh_all_hold(struct mesh *mesh, size_t subject, enum node_state state);

#endif
