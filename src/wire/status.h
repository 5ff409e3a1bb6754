/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The numbers that messages carry in their u8 fields. Sent: never reused. A receiver takes a number
 * that it does not know for a refusal.
 */
#ifndef DUNLIN_WIRE_STATUS_H
#define DUNLIN_WIRE_STATUS_H

/* HELLO: what the opener wants of the link. */
enum wire_role {
    WIRE_ROLE_WORKER = 0,  /* requests between nodes of one ring */
    WIRE_ROLE_CONTROL = 1, /* exchanges, rings, RING INIT */
};

enum wire_forward_flag {
    WIRE_FORWARD_RESP3 = 1 << 0, /* the client speaks RESP3; otherwise RESP2 */
    WIRE_FORWARD_BATCH = 1 << 1, /* it is a part of a transaction (node/group.h) */
};

/* All but OK and RUNS say that the command did not run, so another coordinator may be asked. */
enum reply_status {
    REPLY_OK = 0,
    REPLY_STALE_CLAIM = 1, /* the two nodes go by different claims */
    REPLY_NOT_VOTING = 2,  /* no replica, or one that forgot */
    REPLY_LATE = 3,        /* its time was up */
    REPLY_BUSY = 4,        /* a bound was reached: no room for another request */
    REPLY_RUNS = 5,        /* a script that takes longer than a request: the reply is to come */
};

enum ack_status {
    ACK_OK = 0,          /* it is kept, or all that it says was known */
    ACK_NEWER = 1,       /* a newer dot is known (model: rule 1) */
    ACK_STALE_CLAIM = 2, /* the two nodes go by different claims */
    ACK_FORGETFUL = 3,   /* one that forgot, and may have acknowledged above it (rules 19, 20) */
    ACK_FULL = 4,        /* memory, or the bound of a context or of siblings */
    ACK_TOO_FAR = 5,     /* stamped too far ahead of the clock */
    ACK_CEILING = 6,     /* above the ceiling, which could not be raised */
    ACK_HELD = 7,        /* a stand-in holds it as a hint */
    ACK_DOWN = 254,      /* never sent: the replica cannot be reached */
};

enum answer_status {
    ANSWER_SAME = 0,    /* what READ named */
    ANSWER_VERSION = 1, /* another version, in the answer */
    ANSWER_NONE = 2,    /* a vote for: there is nothing */
    ANSWER_NOT_VOTING = 3,
    ANSWER_STALE_CLAIM = 4,
    ANSWER_FULL = 253, /* never sent: its version, or what belongs to it, could not be merged
                        * (memory, bounds, a stamp too far ahead) */
    ANSWER_DOWN = 254, /* never sent: the replica cannot be reached */
};

enum promise_status {
    PROMISE_OK = 0,
    PROMISE_HAS_RING = 1, /* it is in a ring */
    PROMISE_OTHER = 2,    /* it has promised another proposer */
    PROMISE_REFUSED = 3,  /* as the text says */
};

#endif
