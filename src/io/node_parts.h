/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a node is made of, for node.c (life), node_disk.c (what is in its dir), node_control.c (the
 * host of control) and node_environment.c (what commands may look at).
 */
#ifndef DUNLIN_IO_NODE_PARTS_H
#define DUNLIN_IO_NODE_PARTS_H

#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "command/cluster.h"
#include "command/directory.h"
#include "command/environment.h"
#include "command/errorstats.h"
#include "command/latency.h"
#include "command/slowlog.h"
#include "io/caller.h"
#include "io/gossip_udp.h"
#include "io/loop.h"
#include "io/node.h"
#include "io/worker.h"
#include "node/control.h"
#include "replica/replica.h"
#include "script/scripts.h"
#include "store/store.h"

/* The context of one worker's environment functions. */
struct node_worker {
    struct node *node;
    struct worker *worker;
    struct cluster_cache *cluster_cache;
};

/* How often the rates that INFO shows are measured. */
#define RATES_INTERVAL_US 1000000

/* A second each, as they were measured last. */
struct node_rates {
    /* Under the options' lock. */
    uint64_t commands, input_bytes, output_bytes;
    /* The control thread's. */
    int64_t measured_us;
    uint64_t commands_before, input_before, output_before;
};

struct node {
    /* Fixed from the start, or with locks of their own: for all threads. */
    struct log *log;
    struct identity identity;
    struct node_identity facts;
    char dir[4096]; /* not node->options->dir: another thread may replace those meanwhile */
    char config_file[4096];
    char executable[4096];
    char os[256];
    uint64_t boot_nonce;
    struct store *store;
    struct replica_bounds bounds;
    struct directory *directory;
    struct errorstats *errorstats;
    struct scripts *scripts;
    struct slowlog *slowlog;
    struct latency *latency;
    struct metrics *metrics;
    struct node_worker *workers;
    size_t worker_count;
    atomic_uint_least64_t memory_peak;

    /* The options in force, and who may change them: CONFIG SET comes to any worker. */
    pthread_mutex_t options_lock;
    const struct options *options;
    struct node_rates rates;

    /* The control thread's. */
    struct worker_address *addresses; /* to listen at */
    size_t address_count;
    struct loop *loop;
    struct control *control;
    struct view *view; /* published last */
    struct gossip_udp *udp;
    struct caller *caller;
    struct event signals;
    int signal_fd;
    int dir_lock;
    uint64_t boots;
    uint64_t ceiling;  /* as found on disk */
    struct ring *ring; /* as found on disk */
    bool failed;
    bool leaving;
    int64_t leave_by_us;
    uint64_t seed; /* 64 random bits, for the seeds of what it creates */
};

/* ---- node_disk.c ---- */

/* Locks the dir and reads identity, ring, ceiling; a new dir gets them. */
bool node_disk_open(struct node *node, struct buffer *error);
void node_disk_close(struct node *node);
/* True once it is on disk for good; what went wrong is logged. */
bool node_disk_keep_ring(struct node *node, struct span ring);
bool node_disk_keep_ceiling(struct node *node, uint64_t ceiling);

/* ---- node_control.c ---- */

/* Creates control with what it needs and lets it publish its first view. */
bool node_control_open(struct node *node, struct buffer *error);
void node_control_close(struct node *node);
extern const struct worker_calls node_control_worker_calls;
/* Hands new options to control and to all workers. */
void node_control_post_options(struct node *node);

/* ---- node_environment.c ---- */

void node_environment_open(struct node *node, const struct node_options *options);
/* The environment of one worker; its engine fills in ring and options. */
struct environment node_environment(struct node_worker *worker);

/* Measures the rates of INFO, if it is time; the control thread's. */
void node_measure_rates(struct node *node, int64_t now_us);

/* Fills `bytes` with random bits of the system. */
void node_random(void *bytes, size_t size);

#endif
