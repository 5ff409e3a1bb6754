/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The environment: all that handlers may look at besides their arguments and the key's version. A
 * worker has one, fills it in once, and puts in options and ring anew when they have changed. What
 * only upper layers know comes through functions, so that a test can stand in for them. Functions
 * are called on the worker's thread and with no lock held.
 */
#ifndef DUNLIN_COMMAND_ENVIRONMENT_H
#define DUNLIN_COMMAND_ENVIRONMENT_H

#include "base/buffer.h"
#include "base/options.h"
#include "command/command.h"
#include "replica/census.h"
#include "ring/identity.h"

/* The Redis that clients may take us for. */
#define REDIS_VERSION "7.0.15"

struct audience;
struct cluster_cache; /* command/cluster.h */
struct directory;
struct errorstats;
struct latency;
struct metrics;
struct ring;
struct ring_member;
struct scripts;
struct slowlog;
struct tracking;

/* What INFO shows besides the metrics, of the whole node. */
struct node_facts {
    uint64_t memory_used;         /* bytes that maxmemory counts: data, marks, hints, buffers */
    uint64_t memory_peak;         /* the most that memory_used has been */
    uint64_t memory_resident;     /* bytes of the process */
    uint64_t memory_system;       /* bytes of the machine */
    uint64_t commands_per_second; /* of the last second or so */
    uint64_t input_bytes_per_second, output_bytes_per_second;
    struct census census; /* of this node's partitions */
    double cpu_user_seconds, cpu_system_seconds;
};

/* What INFO and HELLO show that never changes. */
struct node_identity {
    char node_id[41];        /* in hex, as in CLUSTER MYID */
    char run_id[41];         /* of this process */
    const char *version;     /* of Dunlin */
    const char *os;          /* "Linux 6.1.0 x86_64" */
    const char *executable;  /* its path */
    const char *config_file; /* its path, or "" */
    int64_t process_id;
    int64_t started_us; /* mono */
};

/* What this node holds of a member of the ring. */
enum member_state {
    MEMBER_UP,
    MEMBER_SUSPECT,
    MEMBER_DOWN,
    MEMBER_MUTE, /* up, and does not vote: it was restarted, or its clock is off */
};

/* Where a member is now; it may have moved since the ring was formed. */
struct member_address {
    const char *host; /* valid in the call */
    uint16_t client_port, bus_port;
};

/* A connection with another node. */
struct link_facts {
    struct identity node;
    bool to;           /* this node asks by it; it answers by the others */
    int64_t opened_us; /* mono */
    size_t waiting;    /* bytes to be sent */
    size_t room;       /* bytes of the buffers that hold them */
};

struct environment_functions {
    struct member_address (*member_address)(void *context, const struct ring_member *member);
    enum member_state (*member_state)(void *context, const struct ring_member *member);
    /* The connections of the worker with other nodes. */
    void (*links)(void *context, void (*visit)(void *visitor, const struct link_facts *facts),
                  void *visitor);
    /* CONFIG SET, all of the pairs or none. False with Redis' error text in `error`. */
    bool (*config_set)(void *context, const struct span *pairs, size_t count, struct buffer *error);
    /* CONFIG REWRITE. False with the error text (without "ERR") in `error`. */
    bool (*config_rewrite)(void *context, struct buffer *error);
    /* SHUTDOWN: the node ends soon. */
    void (*shut_down)(void *context);
    /* CONFIG RESETSTAT. */
    void (*reset_statistics)(void *context);
    void (*facts)(void *context, struct node_facts *facts);
};

struct environment {
    const struct options *options; /* those in force */
    const struct node_identity *identity;
    const struct metrics *metrics; /* commands by their place in command_table */
    const struct ring *ring;       /* the one published last; NULL: there is none */
    struct directory *directory;
    struct scripts *scripts;       /* of the node; NULL: the engine has its own */
    struct errorstats *errorstats; /* NULL: errors are not counted by kind */
    struct slowlog *slowlog;       /* NULL: nothing is kept of slow requests, in both */
    struct latency *latency;
    struct cluster_cache *cluster_cache; /* the worker's own */
    struct audience *audience;           /* the same (command/audience.h) */
    struct tracking *tracking;           /* the worker's own; its engine's */
    const struct environment_functions *functions;
    void *context; /* of the functions */
};

#endif
