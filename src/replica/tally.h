/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The count of answers for one request: what a coordinator knows so far, and what follows from it.
 * No more than that: who is asked how, and when time is up, is the caller's. (Riak keeps its
 * quorums so, as riak_kv_put_core and riak_kv_get_core; the rules are numbered in the project's
 * model of the replication of one key.)
 *
 * Replicas are indices 0..copies-1 into the caller's preference list, the coordinator among them.
 * An answer that comes twice counts once. Statuses are those of wire/status.h; one that is not
 * known is a refusal.
 */
#ifndef DUNLIN_REPLICA_TALLY_H
#define DUNLIN_REPLICA_TALLY_H

#include "base/block.h"
#include "base/level.h"
#include "value/version.h"
#include "wire/status.h"

#define TALLY_COPIES_MAX COPIES_MAX

/* In the place of a replica's status while it has none; no u8 of a message is one of them. */
#define TALLY_WAITING 256 /* it was asked */
#define TALLY_UNASKED 257

enum tally_state {
    TALLY_PENDING, /* answers that may decide it are on their way */
    TALLY_DONE,
    TALLY_RESTAMP, /* writes: stamp above `known` and send again */
    TALLY_ASK,     /* too few were asked: ask read_tally_ask's, offer it write_tally_ask's */
    TALLY_LOOK,    /* reads: ask read_tally_look's again */
    TALLY_FAILED,  /* what is still to come cannot be enough */
};

/* ---- writes ----
 *
 * Asked are all copies at once. An acknowledgement counts whether its replica votes or not: who
 * forgot takes writes (rules 12, 19, 20 leave only dots at or below its ceiling out, which it
 * answers with FORGETFUL). NEWER and FORGETFUL are no acknowledgement (rule 1): the write gets a
 * stamp above, as often as there are restamps left; then they are refusals. NEWER calls for that at
 * once, though as long as it has not got one, acknowledgements still make it DONE. FORGETFUL does
 * only where the others are not enough: its ceiling is seconds ahead of all
 * clocks, and the clocks pass it soon.
 */
struct write_tally {
    enum tally_state state;
    uint8_t copies;       /* N */
    uint8_t needed;       /* W */
    uint8_t acknowledged; /* still rises once the state is DONE: WAIT asks for it */
    uint8_t waiting;      /* replicas that have not answered */
    uint8_t restamps_left;
    struct dot dot;                      /* of the write, as it was stamped last */
    struct dot known;                    /* the highest that a replica wants it above */
    struct dot forgotten;                /* the same of those that forgot */
    uint64_t claim_version;              /* the highest that a refusal named, 0: none did */
    uint16_t statuses[TALLY_COPIES_MAX]; /* enum ack_status, or TALLY_WAITING */
};

/* 1 <= needed <= copies <= TALLY_COPIES_MAX. */
void write_tally_begin(struct write_tally *tally, unsigned copies, unsigned needed,
                       unsigned restamps, struct dot dot);

/* Counts an answer: `status` and, of an ACK, its `known` and its claim version. The caller has made
 * sure that `known` is not too far ahead (causal/hlc.h). */
enum tally_state write_tally_add(struct write_tally *tally, unsigned replica, uint8_t status,
                                 struct dot known, uint64_t claim_version);

/* After RESTAMP: begins again with `dot`. It is above `known`, or it is of a later write that took
 * this one's place meanwhile; where that is not above `known` either, the next answers say so.
 * Answers to what was sent before are not to be added any more: the new writes go out under a new
 * id. */
void write_tally_restamp(struct write_tally *tally, struct dot dot);

/* A repair: a version that some have (`holders`, as bits 1 << replica) is offered to some that lack
 * it (`stale`), until `needed` have it; where they do not answer, write_tally_ask names others. It
 * is never stamped again. */
void write_tally_begin_repair(struct write_tally *tally, unsigned copies, unsigned needed,
                              struct dot dot, uint16_t holders, uint16_t stale);

/* Whether those that have not answered may be enough to make it DONE. */
bool write_tally_may_do(const struct write_tally *tally);

/* The next replica to offer a repair to, now taken as asked; -1 when all were. */
int write_tally_ask(struct write_tally *tally);

/* How many replicas answered with `status`. */
unsigned write_tally_count(const struct write_tally *tally, unsigned status);

/* ---- reads ----
 *
 * The caller asks whom read_tally_ask names, naming the version that `asking` says, and adds what
 * they answer; its own vote is an ANSWER_SAME. R answers that vote decide: the winner is the newest
 * of them, of a siblings keyspace their merge. Who does not vote is not counted, and another is
 * asked in its place (rule 12).
 *
 * To have nothing is no vote for just any version, because versions vanish (design: What may
 * vanish). A mark above the winner says that it is gone, and the answer is nothing. An absence is
 * no vote for a version at or below its floor (rule 10), nor for one at or below its settled stamp,
 * unless that version was looked at afterwards (rule 11): then TALLY_LOOK wants its holder to be
 * asked again. What gets no R votes though R replicas voted is answered as nothing.
 *
 * The tally keeps the bytes of the winner in buffers of its own, which stay from request to
 * request, or has a share of the block that they lie in; all that is handed in may go as soon as
 * the call returns.
 */

/* How often one read looks again; each needs that another answer came in between. */
#define TALLY_LOOKS_MAX 4

/* What a replica that has nothing says of what it may have had. */
struct absence {
    struct dot mark;
    uint64_t floor, settled; /* stamps */
};

/* What a tally knows of one replica. */
struct read_vote {
    uint16_t status; /* enum answer_status, TALLY_WAITING or TALLY_UNASKED */
    bool absent;     /* it votes, and has nothing */
    bool lost;       /* it was asked again, and could not tell */
    /* When it was asked last, and when it answered: numbers that only rise. */
    uint16_t asked, answered;
    struct dot dot; /* of a vote: what it has */
};

/* What most reads need not look at, so that it is not in the way of what they do. */
struct read_detail {
    uint64_t digest; /* of a vote, where versions are merged: version_digest of what it has */
    struct absence absence; /* of a vote that is absent */
};

struct read_tally {
    struct buffer bytes;
    struct buffer spare;
    struct block *block; /* a share, of the block that the value of `have` lies in; NULL */
    enum tally_state state;
    bool siblings;
    bool differing; /* not all votes were ANSWER_SAME */
    uint8_t copies; /* N */
    uint8_t needed; /* R */
    uint8_t votes;
    uint8_t waiting;
    uint8_t answers;  /* replicas that have answered, or were given up */
    uint8_t absences; /* of the votes */
    uint8_t looks;    /* how often one was asked again */
    int8_t looking;   /* the replica that is being asked again, or -1 */
    uint16_t moment;  /* the last number given to a question or an answer */
    uint16_t looking_since;
    struct version winner; /* merged so far, `have` included; its value is in `bytes` or
                            * `block`. When the state is DONE: what was decided on, with no dot if
                            * that is nothing */
    struct dot have;
    struct dot asking; /* what the question to the replica that was named last is to name */
    struct read_vote replicas[TALLY_COPIES_MAX];
    struct dot gone; /* when nothing was decided on: all at or below this counts as gone */
    uint64_t have_digest, asking_digest, winner_digest; /* version_digest of what they are */
    uint64_t claim_version; /* the highest that a refusal named, 0: none did */
    struct read_detail details[TALLY_COPIES_MAX]; /* of replicas */
};

/* A zeroed tally is one to begin with. */
void read_tally_deinit(struct read_tally *tally);

/* The value of the `have` that comes next lies in this block; takes over the share. */
void read_tally_lend(struct read_tally *tally, struct block *block);

/* `have` is what the coordinator has; its dot is none where it has nothing, or does not vote. In a
 * siblings keyspace a version that is no set counts as the set of that one write. False when there
 * is no memory for it. */
bool read_tally_begin(struct read_tally *tally, bool siblings, unsigned copies, unsigned needed,
                      const struct version *have);

/* The winner was looked at for the last time: gives memory back that is not worth keeping. */
void read_tally_end(struct read_tally *tally);

/* The next replica to ask, lowest index first, now taken as asked; -1 when all were. To be called
 * while the state is ASK, and for a hedge at any time before DONE. */
int read_tally_ask(struct read_tally *tally);

/* Whom to ask again while the state is LOOK, now taken as asked: `self` if it can tell, for that
 * costs nothing. What it answered before counts until it has answered. */
unsigned read_tally_look(struct read_tally *tally, unsigned self);

/* Counts an answer; `version` is looked at when the status is ANSWER_VERSION, `absence` when the
 * replica has nothing: ANSWER_NONE, or ANSWER_SAME where that is what was named. Replicas that were
 * never asked may be added (the coordinator, those known to be down). Of a tally that is DONE or
 * FAILED nothing changes any more. */
enum tally_state read_tally_add(struct read_tally *tally, unsigned replica, uint8_t status,
                                const struct version *version, const struct absence *absence,
                                uint64_t claim_version);

/* Of a tally that is DONE: the replicas that vote and lack the winner, as bits 1 << replica. They
 * are to be sent it; the coordinator may be one of them. Where it has vanished it is not lacking.
 */
uint16_t read_tally_stale(const struct read_tally *tally);
/* The highest stamp that a voter which has nothing knows to be settled, 0: there is none. */
uint64_t read_tally_settled(const struct read_tally *tally);
/* Those that vote. */
uint16_t read_tally_voters(const struct read_tally *tally);

/* How many replicas answered with `status`. */
unsigned read_tally_count(const struct read_tally *tally, unsigned status);

#endif
