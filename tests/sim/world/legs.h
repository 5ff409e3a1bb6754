/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Legs: a network in which every message between replicas takes exactly the time that was drawn for
 * it, and nothing else takes any. The legs are those of WARS (Bailis et al., "Probabilistically
 * Bounded Staleness", VLDB 2012, section 4.1):
 *
 *   W  the coordinator's write to a replica      A  its acknowledgement
 *   R  the coordinator's read of a replica       S  its response
 *
 * A command that is forwarded to its coordinator takes R, and the reply to it takes S: neither
 * waits for a store. What is none of these (handshakes, pings) goes the usual way, as bytes on a
 * connection (net.h).
 *
 * In the server messages share frames, and frames share a connection that keeps their order, so a
 * message that is late makes those behind it late. Here each is taken out of its frame and arrives
 * in a frame of its own when its time has come, before or after any other. That is the network
 * which the model assumes, and it asks nothing of the protocol that it does not promise: versions
 * carry dots, so that the newer one stays whatever comes first, and answers carry the id of their
 * question. What only a connection's order gives is left alone: the handshake, and the end.
 */
#ifndef DUNLIN_TESTS_SIM_LEGS_H
#define DUNLIN_TESTS_SIM_LEGS_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/rng.h"
#include "sim/world/delay.h"
#include "sim/world/net.h"

enum leg { LEG_WRITE, LEG_ACK, LEG_READ, LEG_RESPONSE, LEG_COUNT };

/* The caller's; it outlives the world that it is in the settings of, which is a calm one. */
struct legs {
    /* Set by the caller. */
    const struct delay *delays[LEG_COUNT]; /* the caller's */
    int64_t distance_us;                   /* added to each */
    void (*on_idle)(void *context);        /* the last one has arrived */
    void *context;

    uint64_t sent[LEG_COUNT]; /* forwarded commands and their replies not among them */
    uint64_t in_flight;
    struct rng rng;
    struct list letters; /* in flight */
};

void legs_init(struct legs *legs, uint64_t seed);
void legs_deinit(struct legs *legs);
/* Draws how long a message takes. */
int64_t legs_draw_us(const struct legs *legs, enum leg leg, struct rng *rng);

/* Takes all frames out of `out`, what the node at that end of the connection has written. */
void legs_send(struct legs *legs, struct sim_connection *connection, enum net_end end,
               struct buffer *out);

#endif
