/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Those who keep copies: a connection to each node that tracks what it reads (CLIENT TRACKING), and
 * keeps it until it is told that it changed, by Redis' protocol: a reply is kept when it comes, and
 * a push drops what it names. Half of them are told of all keys (BCAST). A connection that is
 * closed takes its copies with it.
 */
#ifndef DUNLIN_TESTS_SIM_CACHER_H
#define DUNLIN_TESTS_SIM_CACHER_H

#include "sim/load/load.h"

struct cachers;

struct cachers *cachers_create(struct world *world, const struct load_settings *settings,
                               const enum load_phase *phase);
/* The world's nodes are gone. */
void cachers_destroy(struct cachers **cachers);
/* Whether all that was asked is answered, or lost. */
bool cachers_idle(const struct cachers *cachers);

/* A copy: of nothing, or of a value with this digest (cacher_digest). */
struct copy {
    unsigned node; /* whose client has it */
    char key[16];
    bool broadcast;
    bool found;
    uint64_t digest;
    int64_t since_us;
};

uint64_t cacher_digest(struct span value);
/* Calls `visit` for each copy that is kept. */
void cachers_visit(const struct cachers *cachers,
                   void (*visit)(void *context, const struct copy *copy), void *context);

#endif
