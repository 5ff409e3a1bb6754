/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handshake of a link between nodes: each side says who it is, and, when the cluster has a
 * secret, proves over a number that the other drew for this link that it knows the secret. Nothing
 * that was recorded helps to open another link.
 *
 *   opener                          acceptor
 *   HELLO(challenge a)        ->
 *                             <-    HELLO_OK(challenge b, proof over a), or a refusal
 *   PROOF(over b)             ->                      (only with a secret)
 *
 * A proof is HMAC-SHA256(secret, side | cluster's name | both challenges | both identities), so
 * that neither side can be made to compute the other's.
 */
#ifndef DUNLIN_NODE_HANDSHAKE_H
#define DUNLIN_NODE_HANDSHAKE_H

#include "base/buffer.h"
#include "base/rng.h"
#include "ring/identity.h"
#include "wire/wire.h"

#define HANDSHAKE_PROOF_SIZE 32
#define HANDSHAKE_ERROR_MAX  200

/* What a node says of itself. Borrowed for the call. */
struct handshake_self {
    const char *cluster;
    const char *secret; /* "": none */
    struct identity ring, node;
    node_number number;
    uint64_t boot;
};

enum handshake_state {
    HANDSHAKE_WAITING, /* for the other side's next message */
    HANDSHAKE_DONE,
    HANDSHAKE_FAILED, /* `error` says why; what is in the buffer still goes out */
};

struct handshake {
    enum handshake_state state;
    bool opener;
    enum wire_role role;
    struct identity challenge; /* drawn here */
    struct identity other_challenge;
    struct identity other; /* the other node */
    node_number other_number;
    uint64_t other_boot;      /* of its process */
    struct identity expected; /* opener: who should answer; none: anybody */
    char error[HANDSHAKE_ERROR_MAX];
};

/* Begins as the one that opens the link: appends a frame to `out`. */
void handshake_open(struct handshake *handshake, const struct handshake_self *self,
                    enum wire_role role, const struct identity *expected, struct rng *rng,
                    struct buffer *out);
/* Begins as the one that accepts it. */
void handshake_accept(struct handshake *handshake, struct rng *rng);

/* One message of the other side; may append a frame to `out`. */
enum handshake_state handshake_message(struct handshake *handshake,
                                       const struct handshake_self *self,
                                       const struct wire_message *message, struct buffer *out);

#endif
