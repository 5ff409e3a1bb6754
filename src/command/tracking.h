/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tracking: the clients of a worker that keep copies of what they read and are told when it changes
 * (CLIENT TRACKING), which keys they are to be told of, and what they are told. Where changes come
 * from is node/track.c's. A tracker is one such client:
 *
 *   by default  its reads note their keys; who is told of a key is not told again before it has
 *               read it anew
 *   broadcast   it is told of every key that begins with one of its prefixes; nothing is noted
 *
 * It is told in its own connection where that speaks RESP3, or in another one of the node
 * (REDIRECT), which with RESP2 has to have subscribed to something. Who tracks in RESP2 without
 * either is told nothing, as in Redis.
 *
 * All of it belongs to one worker's thread, but the counts of `struct trackers`.
 *
 * Bounds: `tracking-table-max-keys` for the keys of all workers together: past it keys are dropped,
 * and who noted them is told as if they had changed. TRACKING_PREFIXES_MAX prefixes a client.
 */
#ifndef DUNLIN_COMMAND_TRACKING_H
#define DUNLIN_COMMAND_TRACKING_H

#include <stdatomic.h>

#include "base/metrics.h"
#include "command/prefixes.h"
#include "command/tracked_keys.h"
#include "store/changes.h"

struct command;
struct session;
struct store;

#define TRACKING_PREFIXES_MAX 256
/* What a client wrote of late, which NOLOOP does not tell it of, is known by so many dots. */
#define TRACKER_OWN_MAX 32
/* Where RESP2 is told. */
#define TRACKING_CHANNEL "__redis__:invalidate"

enum tracking_flag {
    TRACKING_BROADCAST = 1,
    TRACKING_OPT_IN = 2,
    TRACKING_OPT_OUT = 4,
    TRACKING_NO_LOOP = 8,
    TRACKING_CACHING = 16, /* CLIENT CACHING came: of the next command it is the other way round */
    TRACKING_BROKEN = 32,  /* the connection that it redirects to is gone */
};

/* ---- of the whole node ---- */

/* Who tracks on a node: counts that all workers read. */
struct trackers {
    _Atomic uint32_t clients;   /* that track, on all workers */
    _Atomic uint32_t listeners; /* workers and links that want to know of changes */
    _Atomic uint64_t keys;      /* in the tables of all workers */
    struct {
        _Atomic uint32_t clients, links; /* of one worker: its own, and those to nodes that track */
    } workers[256];
    atomic_uint *alerts; /* the directory's; `bit` is set while there are listeners */
    unsigned bit;
};

/* One listener more (1) or less (-1): the store notes changes while there is one. */
void trackers_listen(struct trackers *trackers, struct store *store, int by);

/* ---- of a worker ---- */

struct tracker {
    struct list link; /* tracking->trackers */
    struct tracking *tracking;
    struct session *session;
    uint64_t id;       /* never used again; its last 32 bits are a place in tracking->slots */
    unsigned flags;    /* enum tracking_flag */
    uint64_t redirect; /* a session, 0: none */
    uint32_t redirect_worker;
    struct span *prefixes; /* its own copies, in their order */
    size_t prefix_count;
    bool exposed; /* it has begun a read since it was told to forget all */
    struct dot own[TRACKER_OWN_MAX];
    unsigned own_next;
};

/* Tells the tracker: `body` is what comes behind "invalidate", an array of keys or null. */
typedef void (*tracking_tell)(void *context, struct tracker *tracker, struct span body);

struct tracking {
    struct trackers *node;
    struct store *store;
    uint32_t worker;
    uint64_t seed;
    struct metrics_block *metrics;
    tracking_tell tell;
    void *context;

    struct list trackers;
    struct tracker **slots;
    size_t slot_count;
    uint32_t generation;
    struct tracked_keys keys;
    struct tracked_keys *dropped; /* through `behind`: what is freed little by little */
    struct prefixes prefixes;
    struct dot flushed; /* of the FLUSHALL that was told last */
    struct buffer body; /* of what is being told; empty between calls */
    bool missed;        /* something could not be noted, or told */
};

struct tracking *tracking_create(struct trackers *node, uint32_t worker, struct store *store,
                                 uint64_t seed, struct metrics_block *metrics, tracking_tell tell,
                                 void *context);
/* Nobody tracks any more. */
void tracking_destroy(struct tracking **tracking);

/* What CLIENT TRACKING ON asks for, checked. */
struct tracking_wish {
    unsigned flags;
    uint64_t redirect;
    uint32_t redirect_worker;
    const struct span *prefixes; /* none of them overlaps another, nor one that the client has */
    size_t prefix_count;
};

/* The session tracks from now on, or in another way. False: there are too many prefixes. */
bool tracking_enable(struct tracking *tracking, struct session *session,
                     const struct tracking_wish *wish);
/* It tracks no more; it may not have. */
void tracking_disable(struct session *session);

/* A command of the tracker is about to begin; it is told of the keys that it reads. */
void tracking_reads(struct tracker *tracker, const struct command *command, const struct span *argv,
                    size_t argc);
/* It wrote a version with that dot. */
void tracking_wrote(struct tracker *tracker, struct dot dot);

/* The connection that it redirects to is gone. */
void tracking_broken(struct tracker *tracker);

/* A change, here or at another node. */
void tracking_changed(struct tracking *tracking, const struct changed *changed);
/* Tells broadcasts; and where there was no memory to note or to tell something, "any key" to all.
 */
void tracking_turn_end(struct tracking *tracking);
/* Drops keys while there are more than `keys_max` (0: as many as there are), and frees what was
 * dropped; a step of it. True: there is more to do. */
bool tracking_reclaim(struct tracking *tracking, uint64_t keys_max);

/* Bytes that all of it takes, about. */
size_t tracking_bytes(const struct tracking *tracking);

#endif
