/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Why a datagram or an exchange was dropped: one row a reason, with its name in counters and logs.
 */
#ifndef DUNLIN_GOSSIP_DROP_H
#define DUNLIN_GOSSIP_DROP_H

#define GOSSIP_DROPS(row)                                                                         \
    row(NONE, "accepted")                                                                         \
        row(MALFORMED, "malformed")         /* too short, or its messages cannot be read */       \
        row(WRONG_FORMAT, "wrong-format")   /* another magic or datagram format */                \
        row(WRONG_CLUSTER, "wrong-cluster") /* another cluster-name */                            \
        row(UNSEALED, "unsealed")           /* no HMAC though this node has a cluster-secret */   \
        row(WRONG_SEAL, "wrong-seal")       /* the HMAC is not of our secret */                   \
        row(WRONG_RECIPIENT, "wrong-recipient") /* meant for another identity */                  \
        row(WRONG_RING, "wrong-ring")           /* of a node in another ring */                   \
        row(WRONG_PROTOCOL, "wrong-protocol") /* a record whose protocol versions are not ours */ \
        row(OLD_BOOT, "old-boot")             /* from an earlier life of its sender */            \
        row(REPLAYED, "replayed")             /* seen before, or too far behind to know */        \
        row(UNPROVEN, "unproven")             /* of a sender yet to answer our challenge */       \
        row(UNASKED, "unasked")               /* the answer to no exchange of ours */             \
        row(OWN, "own")                       /* sent by this very process */                     \
        row(TWIN, "twin")                     /* sent by another process with our identity */     \
        row(INACTIVE, "inactive")             /* came while this node was joining, or had left */ \
        row(FULL, "full")                     /* a bound on nodes or senders was reached */

enum gossip_drop {
#define GOSSIP_DROP_ENUM(name, text) GOSSIP_DROP_##name,
    GOSSIP_DROPS(GOSSIP_DROP_ENUM)
#undef GOSSIP_DROP_ENUM
        GOSSIP_DROP_COUNT,
};

const char *gossip_drop_name(enum gossip_drop drop);

#endif
