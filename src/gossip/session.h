/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who has been heard, in which life, and up to which sequence number: so that no datagram is taken
 * twice, none from an earlier life of its sender, and none that somebody recorded long ago.
 *
 * Replay: for each sender a window of 64 sequence numbers, as IPsec has it (RFC 4303, 3.4.3).
 *
 * Lives are ordered by (boot, nonce). An identity's boot numbers rise by contract, over restarts
 * and clocks set back (gossip.h), so a sender's older life is told without a clock.
 *
 * Freshness: the first datagram of a life that is not known here is dropped and answered with a
 * challenge, which carries our own boot nonce and our monotonic time. The sender sends both back in
 * a sealed datagram for us, the proof. It was made after the challenge, and it stands for
 * SESSION_PROOF_US: within that time the session is kept, so that neither an old nor a repeated
 * proof opens one. Clocks are not compared: a node whose clock is wrong must still be able to say
 * so. The challenge keeps no state, so strangers cannot fill a table; only proofs take memory, and
 * with a secret only its holders can make them. The price is one round trip, once for each pair of
 * lives. The proof's own sequence number starts the window: nothing sent before it is taken.
 *
 * Without a secret all of this keeps out accidents (duplicates, an old life's stragglers, forged
 * source addresses), not an adversary on the path.
 */
#ifndef DUNLIN_GOSSIP_SESSION_H
#define DUNLIN_GOSSIP_SESSION_H

#include "gossip/seal.h"

#define SESSION_PROOF_US 10000000

struct session {
    struct identity sender;
    uint64_t boot;
    uint64_t boot_nonce;
    uint64_t top;  /* the highest sequence number taken */
    uint64_t seen; /* bit i: top - i was taken */
    int64_t used_us;
};

/* Sorted by sender. */
struct sessions {
    struct session *rows;
    size_t count;
    size_t capacity;
    size_t count_max;
};

void sessions_init(struct sessions *sessions, size_t count_max);
void sessions_deinit(struct sessions *sessions);

/* Takes the datagram's sequence number: NONE, REPLAYED, OLD_BOOT, or UNPROVEN for a life to be
 * challenged first. */
enum gossip_drop sessions_take(struct sessions *sessions, const struct seal_head *head,
                               int64_t now_us);

/* Opens a session for a sender that has just proved to live, and takes the number: NONE, OLD_BOOT,
 * or FULL when as many senders were heard in the last SESSION_PROOF_US as there is room for. */
enum gossip_drop sessions_open(struct sessions *sessions, const struct seal_head *head,
                               int64_t now_us);

/* Whether a proof answers a challenge that this life (`nonce`) made not too long ago. */
bool session_proof_holds(uint64_t nonce, uint64_t proof_nonce, uint64_t proof_stamp,
                         int64_t now_us);

#endif
