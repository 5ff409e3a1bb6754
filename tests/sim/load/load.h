/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The load: some clients on every node, each with pipelines of commands on a few keys, drawn from
 * the seed. All that is asked and answered goes into a history.
 *
 *   load.c        the clients, and when they ask
 *   load_ask.c    what they ask
 *   load_reply.c  what the replies say
 *   walker.c      one more, who scans
 *   cacher.c      some more, who keep copies of what they read
 *   trios.c       some more, of transactions
 *   listeners.c   some more, who publish and listen
 */
#ifndef DUNLIN_TESTS_SIM_LOAD_H
#define DUNLIN_TESTS_SIM_LOAD_H

#include "sim/load/history.h"
#include "sim/world/client.h"

/* How much of the load goes on. */
enum load_phase {
    LOAD_CALM,   /* no fault is about: everything must succeed */
    LOAD_CHAOS,  /* anything may fail */
    LOAD_HEALED, /* as calm, and the replicas have converged */
    LOAD_SILENT, /* nothing new is asked */
};

/* One command names as many keys at most as there are at least; an eighth of them are counters, and
 * the history has room for 1024 of those. */
#define LOAD_KEYS_MIN 4
#define LOAD_KEYS_MAX 8000

struct load_settings {
    unsigned clients; /* on each node */
    unsigned keys;
    int64_t think_us;   /* at most between two pipelines */
    bool flushes;       /* FLUSHALL now and then, and no counters, which it would reset */
    bool caches;        /* a client of each node keeps copies of what it reads */
    unsigned listeners; /* who publish and listen */
};

struct cachers;
struct load;

struct load *load_create(struct world *world, const struct load_settings *settings,
                         struct history *history);
/* The world's nodes are gone. */
void load_destroy(struct load **load);
void load_set_phase(struct load *load, enum load_phase phase);
/* Whether all that was asked is answered, or lost. */
bool load_idle(const struct load *load);
/* Those who keep copies; NULL: none do. */
const struct cachers *load_cachers(const struct load *load);

#endif
