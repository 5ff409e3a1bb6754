/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An operation: one read, write or read-modify-write of one key, as its coordinator runs it
 * (Dynamo, section 4.5; design: Reads and writes). It is a state machine that never waits: it is
 * begun, is told what the other replicas answered and that time has passed, and says whether it is
 * done.
 *
 *   read    READING -> REPAIRING -> DONE | FAILED
 *   write              WRITING   -> DONE | FAILED
 *   update  READING -> WRITING   -> DONE | FAILED,   WRITING -> READING when overtaken,
 *           READING -> REPAIRING -> DONE | FAILED    when there is nothing to write
 *
 * READING: this replica's own copy is taken and R - 1 others are asked, with the version that is
 * known, so that one that has the same answers in a few bytes. What differs is merged; the merge is
 * the result. A replica that is slow has its question asked of another as well.
 *
 * REPAIRING: what was read is offered to those that lack it. It is done when N - R + 1 replicas
 * have it, or something newer, or had it: then every later read meets one of them (as R counts at
 * most QUORUM, operation_repair_needed). Where they are as many from the start, the others are
 * offered it behind the answer. Answers that agree need none of this: at QUORUM and above they are
 * as many, and who reads at less wants to be served by so few.
 *
 * WRITING: the version is stamped above all that is known here, kept here, and offered to the other
 * N - 1. At W acknowledgements it is done. A replica that knows a newer dot does not acknowledge
 * (rule 1): a write is stamped above that and offered again, an update reads again and is made
 * anew. So of two writes of one key that run side by side, either may end up the newer: whoever
 * needs an order begins the second when the first is done.
 *
 * The caller owns the structure and the bytes behind its spans; the operation owns its buffers.
 */
#ifndef DUNLIN_REPLICA_OPERATION_H
#define DUNLIN_REPLICA_OPERATION_H

#include "base/level.h"
#include "replica/batch.h"
#include "replica/replica.h"
#include "replica/tally.h"
#include "value/change.h"
#include "value/counter.h"

struct operation;

/* What an operation wants of its host. Never called with a partition's lock held, but `change`, and
 * `found` where one vote is enough. */
struct operation_calls {
    /* Asks the node for the key's version, naming operation->reading.asking. False when it cannot
     * be sent: the node counts as down. */
    bool (*ask)(void *host, struct operation *operation, node_number node);
    /* Offers operation->written to those of operation->nodes whose bit is set. Returns the bits of
     * those that it was sent to: the others count as down. */
    uint16_t (*offer)(void *host, struct operation *operation, uint16_t to);
    /* Whether a question to the node has a chance: it is up, it votes, its link is open. */
    bool (*promising)(void *host, node_number node);
    /* Answers to what was sent before are not to reach the operation any more. */
    void (*renew)(void *host, struct operation *operation);
    /* The operation does nothing until operation_resume, which the host calls a little later, the
     * later the more operation->rounds there were, and not after the same time on all nodes. False:
     * it will not, and the operation goes on at once. */
    bool (*rest)(void *host, struct operation *operation);
    /* Decides what a write or an update does. `current` is what the key has, as clients see it: a
     * string, or nothing; for a write NULL. Called with the partition's lock held; when it is
     * called again, the change before was not made. */
    void (*change)(void *host, struct operation *operation, const struct version *current,
                   struct change *change);
    /* Runs the steps of operation->batch, by batch_value and batch_change; called with the lock
     * held. When it is called again, what the steps changed before was not made. False: they are
     * given up, and nothing is written. */
    bool (*run)(void *host, struct operation *operation);
    /* A read is done; operation->found says what it found. The value is good until this returns. */
    void (*found)(void *host, struct operation *operation);
};

struct coordinator {
    struct replica *replica;
    const struct operation_calls *calls;
    void *host;
};

enum operation_kind { OPERATION_READ, OPERATION_WRITE, OPERATION_UPDATE };
enum operation_state {
    OPERATION_READING,
    OPERATION_REPAIRING,
    OPERATION_WRITING,
    OPERATION_GATHERING, /* the host is to read the keys of the batch again: operation_gathered */
    OPERATION_UNSTAMPED, /* it rests until the ceiling has risen; nothing was written */
    OPERATION_DONE,
    OPERATION_FAILED,
};

/* Why an operation failed. */
enum operation_failure {
    OPERATION_TOO_FEW,      /* answers, in time or at all */
    OPERATION_MEMORY_FULL,  /* here; nothing was written */
    OPERATION_LATE,         /* its stamp would pass its deadline; nothing was written */
    OPERATION_RING_CHANGED, /* here, since it was begun; nothing was written */
    OPERATION_NO_STAMP,     /* the ceiling on disk has not been raised; nothing was written */
    OPERATION_CONTENDED,    /* newer versions kept coming */
    OPERATION_NOT_VOTING,   /* this node forgot; nothing was written */
    OPERATION_TOO_MANY,     /* siblings */
};

/* What an update that wrote nothing was decided on. */
enum operation_basis {
    BASIS_WINNER,  /* what the quorum answered */
    BASIS_STORED,  /* something newer that is stored here; `written` has it */
    BASIS_NOTHING, /* it has vanished here meanwhile */
};

struct operation {
    /* Set by the caller. */
    enum operation_kind kind;
    bool siblings;                 /* the keyspace keeps concurrent values */
    bool slow;                     /* `found` is not to be called with the lock held */
    bool whole_version;            /* `found` is to be all siblings, and not the newest */
    uint8_t read_needed;           /* R */
    uint8_t write_needed;          /* W */
    uint8_t copies;                /* N: how many of `nodes` there are */
    node_number nodes[COPIES_MAX]; /* the preference list, this node among them */
    struct place place;            /* its key stays valid as long as the operation */
    int64_t deadline_wall_ms;      /* no stamp is later */
    struct block *block;     /* of the caller's, what it writes may lie in it; NULL: in none */
    struct batch_run *batch; /* an update of several keys (batch.h); NULL: of the one at `place` */

    /* Results. */
    enum operation_state state;
    enum operation_failure failure;
    uint8_t answered;     /* of those needed, when it failed for too few */
    bool wrote;           /* a failed one may still take effect */
    bool unchanged;       /* an update that had nothing to write */
    bool repaired;        /* `written` is what was read, for those that lack it */
    uint8_t looks;        /* how often a replica was asked again */
    uint8_t awaits;       /* rests for the ceiling, since the host looked last */
    uint64_t evicted;     /* entries that went here to make room */
    struct version found; /* of a read that is done; its value see operation_calls.found */

    /* What is offered to the others. */
    struct version written;
    struct dot over; /* what it was written over */

    /* Private. */
    bool full; /* the store had no room for `written` */
    enum operation_basis basis;
    uint8_t rounds; /* how often somebody knew a newer version */
    bool rests;
    bool ambiguous; /* an addition was made again, and its result is another's as well */
    bool adopted;   /* `written` is another's version, see operation_write.c */
    struct counter_addition addition; /* that `written` has; `opened` 0: none */
    struct write_tally writing;
    struct buffer written_bytes;
    struct read_tally reading; /* last: a write hardly looks at it */
};

/* Rounds before an operation gives up: each needs that somebody else writes the key meanwhile.
 * After the first few it rests before each: those that write one key from many nodes at once, with
 * W nearly N, would overtake each other for ever. */
#define OPERATION_ROUNDS_MAX  16
#define OPERATION_ROUNDS_RUSH 2

/* A zeroed structure may be begun. Buffers are kept from one use to the next, but large ones
 * (operation_rest). */
void operation_rest(struct operation *operation);
void operation_deinit(struct operation *operation);

void operation_begin(struct coordinator *coordinator, struct operation *operation,
                     struct instant now);

/* After operation_calls.rest. */
void operation_resume(struct coordinator *coordinator, struct operation *operation,
                      struct instant now);

/* The answer of one of nodes to `ask`, and to `offer`. */
void operation_answered(struct coordinator *coordinator, struct operation *operation,
                        struct instant now, node_number node, const struct looked *looked);
void operation_acknowledged(struct coordinator *coordinator, struct operation *operation,
                            struct instant now, node_number node, const struct offered *offered);
/* The node's link broke: it will not answer. */
void operation_lost(struct coordinator *coordinator, struct operation *operation,
                    struct instant now, node_number node);
/* An answer takes longer than usual: ask one more, if there is one. */
void operation_hedge(struct coordinator *coordinator, struct operation *operation,
                     struct instant now);
/* The deadline has come. */
void operation_expire(struct operation *operation);

/* How many replicas are to have what was read before it is answered: as many as every later read of
 * this level meets one of, and every one at QUORUM. */
unsigned operation_repair_needed(const struct operation *operation);

/* The replicas that are owed operation->written (rules 2 and 22): it was offered to them, or could
 * not be sent, and they have not answered for it. Fills in `nodes`, returns how many there are. Of
 * a version that was stamped again only the last stamp is owed. True in every state, also of an
 * operation that has failed; `written` is what it was until operation_rest or the next begin. */
unsigned operation_owes(const struct operation *operation, node_number nodes[COPIES_MAX]);

#endif
