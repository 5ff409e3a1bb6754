/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The seal around every datagram and every exchange: who sends it to whom, in which life, as the
 * how-manieth; and with a cluster-secret an HMAC-SHA256 over all of it. Numbers are little-endian.
 *
 *       0        2    3    4              8
 *      +--------+----+----+--------------+------------------------------+
 *      | "DG"   | 1  |kind| flags (u32)  | cluster: hash of its name    |
 *      +--------+----+----+--------------+------------------------------+
 *      | 16 ring identity of the sender, zero for none         16 bytes |
 *      | 32 sender                                             16 bytes |
 *      | 48 recipient; zero in an exchange with a seed         16 bytes |
 *      | 64 boot (u64)                   72 boot nonce (u64)            |
 *      | 80 sequence number (u64)        88 sender's clock, ms (i64)    |
 *      +----------------------------------------------------------------+
 *      | 96 body: a msgpack array of messages (message.h)               |
 *      +----------------------------------------------------------------+
 *      | HMAC-SHA256 of all before it, when flag 1 is set      32 bytes |
 *      +----------------------------------------------------------------+
 *
 * What the seal proves, given a secret: a holder of the secret made it, for this recipient. That it
 * is neither old nor a repetition is proved by session.h.
 */
#ifndef DUNLIN_GOSSIP_SEAL_H
#define DUNLIN_GOSSIP_SEAL_H

#include "base/buffer.h"
#include "gossip/drop.h"
#include "ring/identity.h"

#define SEAL_HEAD_BYTES 96
#define SEAL_HMAC_BYTES 32

enum seal_kind {
    SEAL_DATAGRAM = 1,
    SEAL_REQUEST = 2, /* opens an exchange */
    SEAL_REPLY = 3,   /* answers it */
};

/* What all nodes of a cluster share. */
struct seal_key {
    uint64_t cluster;
    bool secret;
    uint8_t key[SEAL_HMAC_BYTES]; /* SHA-256 of a label and the secret */
};

struct seal_head {
    enum seal_kind kind;
    struct identity ring;
    struct identity sender;
    struct identity recipient;
    uint64_t boot;
    uint64_t boot_nonce;
    uint64_t sequence;
    int64_t wall_ms;
};

/* `secret` of size 0: none. */
void seal_key_init(struct seal_key *key, struct span cluster_name, struct span secret);

/* Bytes that a seal adds to a body. */
size_t seal_overhead(const struct seal_key *key);

/* Makes room for the head in an empty buffer; the body is appended behind it. */
void seal_begin(struct buffer *buffer);
/* Fills the head in and appends the HMAC. False when the buffer had failed. */
bool seal_finish(const struct seal_key *key, const struct seal_head *head, struct buffer *buffer);

/* Checks format, cluster and HMAC, in this order, and reads the head; *body borrows from `bytes`.
 */
enum gossip_drop seal_open(const struct seal_key *key, struct span bytes, struct seal_head *head,
                           struct span *body);

#endif
