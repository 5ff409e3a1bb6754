/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A world: some nodes, the network between them, and one virtual clock. It owns the time, the
 * events to come, the trace and the generator that all chance is drawn from: two worlds of one seed
 * that are told the same do the same, to the byte. Times are microseconds since the world began.
 */
#ifndef DUNLIN_TESTS_SIM_WORLD_H
#define DUNLIN_TESTS_SIM_WORLD_H

#include <stdio.h>

#include "base/list.h"
#include "base/options.h"
#include "base/rng.h"
#include "ring/ring.h"
#include "sim/world/clocks.h"
#include "sim/world/events.h"

#define WORLD_NODES_MAX    31
#define WORLD_START_US_MAX 600000

/* When a world begins, by the wall clock of a node whose clock is right: 2024-01-01. */
#define WORLD_WALL_MS INT64_C(1704067200000)

/* Where node n is: at this port + n. Each time that it moves, its port is a step higher. */
#define WORLD_HOST       "127.0.0.1"
#define WORLD_PORT       7000
#define WORLD_PLACE_STEP 100
#define WORLD_PLACES_MAX 100

struct delay;
struct history;
struct legs;
struct node_address;
struct sim_connection;
struct sim_node;
struct wire_message;
struct world;

/* Sees what passes between the nodes, and is asked to look around after every event: for explain.h,
 * which runs a seed a second time. It changes nothing, so that the run is the same. */
struct world_witness {
    void *context;
    void (*on_step)(void *context, const struct world *world);
    /* What happened to a node, a link, a clock: the trace's lines, without those of bytes. */
    void (*on_line)(void *context, int64_t at_us, const char *line);
    /* The end sends a message. It has arrived when so many bytes of the lane have. */
    void (*on_sent)(void *context, const struct sim_connection *connection, unsigned end,
                    uint64_t until, const struct wire_message *message);
    void (*on_arrived)(void *context, const struct sim_connection *connection, unsigned end);
    /* All is over; the nodes are as they were at the end. */
    void (*on_end)(void *context, const struct world *world, const struct history *history);
};

#define WORLD_DELAY_MAX 128

/* What holds for a world from its beginning. */
struct world_settings {
    uint64_t seed;
    unsigned nodes;    /* 1..WORLD_NODES_MAX */
    unsigned replicas; /* N */
    unsigned zones;    /* that the nodes are spread over, in turn; 0: none is named */
    uint8_t read_level, write_level;
    unsigned partitions;
    enum ring_conflict conflict;
    char delay[WORLD_DELAY_MAX]; /* of all that nodes send (delay.h); "": some hundred us */
    bool calm;                   /* no chance in delays, pieces and turns: for scripts */
    bool detector;     /* detector.c in the place of control, and a ring that is there at once */
    FILE *trace_file;  /* NULL: the trace is only digested */
    struct legs *legs; /* how long each message takes, and all else nothing (legs.h); may be NULL */
    const struct world_witness *witness; /* NULL: nobody */

    /* Bounds, 0: that of the options. */
    uint64_t memory_bytes; /* maxmemory of each node */
    bool evicts;           /* maxmemory-policy allkeys-clock */
    uint64_t hint_bytes;
    int64_t hint_window_s;
    int64_t request_timeout_ms;
    int64_t repair_interval_s;
    bool sloppy_quorum;
    uint32_t mark_slots; /* of a partition; about as many marks are kept there */
    uint32_t window;     /* requests of a node that wait before its clients rest, at the least */
};

/* A ring that some node went by. */
struct world_ring {
    struct identity identity;
    uint64_t version, digest;
};

#define WORLD_RINGS_MAX 8

/* Hears of every message when it is sent. */
struct world_watcher {
    void (*on_message)(void *context, unsigned from, unsigned to,
                       const struct wire_message *message);
    void *context;
};

#define WORLD_WATCHERS_MAX 3

/* What is wrong with a node's line: with all that it sends, and with all datagrams to it. */
struct world_line {
    int64_t slow_us;           /* the most that is added to a delay, each as likely */
    const struct delay *delay; /* NULL, or what else is added (delay.h) */
    unsigned loss_percent;     /* of datagrams: they do not arrive */
    unsigned double_percent;   /* they arrive twice */
    unsigned late_percent;     /* they may be overtaken */
};

/* From one node to another. */
struct world_route {
    bool blocked;
    unsigned bytes_s;    /* so many pass in a second; 0: as many as there are */
    int64_t free_us;     /* when all of them have passed that were sent */
    int64_t datagram_us; /* when the last datagram that is not late arrives */
};

struct world {
    struct world_settings settings;
    int64_t now_us;
    struct rng rng;
    struct delay *delay; /* as the settings say; NULL */
    struct events events;
    uint64_t trace_digest;
    uint64_t trace_lines;
    const struct options *options;
    struct ring *ring; /* the detector's */
    struct world_ring rings[WORLD_RINGS_MAX];
    size_t ring_count;
    struct sim_node *nodes[WORLD_NODES_MAX + 1]; /* by number, from 1 */

    /* The network (net.h). */
    struct sim_connection *connections;
    uint64_t last_connection;
    struct world_line lines[WORLD_NODES_MAX + 1];
    struct world_route routes[WORLD_NODES_MAX + 1][WORLD_NODES_MAX + 1]; /* from, to */
    struct list datagrams;                                               /* on their way */

    struct world_watcher watchers[WORLD_WATCHERS_MAX];
    size_t watcher_count;
    struct clocks *clocks; /* are told of each step of a clock; may be NULL */
};

/* What the node's zone is called. */
#define WORLD_ZONE_SIZE 16
void world_zone(const struct world_settings *settings, unsigned number,
                char text[static WORLD_ZONE_SIZE]);

/* Those that the node is started with; the caller is their holder. */
const struct options *world_options(const struct world_settings *settings, unsigned number);

/* With the detector all nodes run and see each other as alive. Else they start one by one, within
 * WORLD_START_US_MAX, without a ring (form.h). */
struct world *world_create(const struct world_settings *settings);
void world_destroy(struct world **world);

/* Lets all happen that is due until then. */
void world_run_until(struct world *world, int64_t until_us);
void world_after(struct world *world, int64_t delay_us, void (*fire)(void *object, uint64_t number),
                 void *object, uint64_t number);
/* From `low` to `high`; `low` in a calm world. Two draws stand in two statements: compilers differ
 * in the order of arguments, and a seed is to give one trace with all of them. */
int64_t world_draw(struct world *world, int64_t low, int64_t high);
/* How long a host takes for something: as world_draw, and no time where only messages take any. */
int64_t world_work(struct world *world, int64_t low, int64_t high);
bool world_chance(struct world *world, unsigned numerator, unsigned denominator);

void world_watch(struct world *world,
                 void (*on_message)(void *context, unsigned from, unsigned to,
                                    const struct wire_message *message),
                 void *context);
/* The port that the node serves clients at, in the place that it has moved to so often. */
uint16_t world_port(unsigned number, unsigned place);
/* Whose bus address this is, and in which of its places; 0: nobody's that there ever was. */
unsigned world_find(const struct world *world, const char *host, uint16_t bus_port,
                    unsigned *place);
/* A node goes by the ring. */
void world_note_ring(struct world *world, const struct ring *ring);

/* A line of the trace: the time comes before it. */
void world_trace(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same of bytes that go to and fro: no witness hears of them. */
void world_trace_bytes(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line that only the trace's file has, where there is one: not digested, so that a run with a
 * file has the digest of one without. */
void world_remark(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
