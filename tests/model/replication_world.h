/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A few replicas of one key: the real store, replica, ledger, operations and recovery of a node
 * each, and between them a virtual network and the parts of the engine that a single key needs
 * (requests, hints, the tick), made as plain as they can be. All that happens is drawn from one
 * seed, by replication_scheduler.
 *
 * A node's wall clock is its own: it hardly moves, so that stamps are told apart by their sequence,
 * and it may be set back while the node is down.
 */
#ifndef DUNLIN_TESTS_REPLICATION_WORLD_H
#define DUNLIN_TESTS_REPLICATION_WORLD_H

#include "base/rng.h"
#include "model/replication_checker.h"
#include "replica/operation.h"
#include "ring/ring.h"

#define NODES_MAX          5
#define WORLD_REQUESTS_MAX 24
#define MESSAGES_MAX       256 /* of each queue */
#define VALUE_MAX          12

struct configuration {
    uint8_t copies, read, write; /* N, R, W */
    bool drops_hints;            /* there is little room for hints, and replicas are told FORGOT */
    bool runs_full;              /* memory is tight now and then, at one node or all */
    bool forgets_more;           /* as many replicas restart as may be, and more */
};

/* A version with its value. */
struct copy {
    struct version version; /* without its value */
    uint8_t size;
    char value[VALUE_MAX];
};

/* Of requests, and as the engines wrote them: a question of hints or of a recovery, its answer. */
enum message_kind {
    MESSAGE_READ,
    MESSAGE_ANSWER,
    MESSAGE_WRITE,
    MESSAGE_ACK,
    MESSAGE_QUESTION,
    MESSAGE_REPLY,
};

struct message {
    enum message_kind kind;
    unsigned from, to;       /* indices of nodes */
    uint32_t sender_life;    /* of `from` */
    uint32_t requester_life; /* of the one that asked */
    uint64_t bound, hlc;     /* what the sender told, and its clock, as it was sent */
    uint32_t request;        /* its serial; 0: an engine's */
    uint32_t generation;     /* of the request: see struct world_request */
    uint32_t serial;         /* of the question */
    struct dot over, have;
    uint64_t have_digest;
    struct copy copy; /* of WRITE, and of ANSWER */
    struct looked looked;
    struct offered offered;
    struct buffer bytes; /* of QUESTION and REPLY: one message, as on the wire */
};

/* Messages in the order in which they were sent. */
struct queue {
    unsigned count;
    struct message messages[MESSAGES_MAX];
};

/* An operation of a client, from its beginning until all that it owes has been answered for or has
 * become hints. */
struct world_request {
    struct operation operation; /* the first: the calls get its address */
    bool used;
    bool answered;                 /* the client has its answer */
    bool deletes;                  /* of a write or an update */
    bool nothing;                  /* an update that leaves things as they are */
    unsigned node;                 /* the coordinator */
    uint32_t serial;               /* also what its value says */
    uint32_t generation;           /* answers to what was sent before the last renewal are void */
    uint32_t questions[NODES_MAX]; /* the serial that the answer of each must have, 0: none */
    struct dot issued;             /* the last stamp that was its own */
    struct checker_promise before; /* what was promised as it began */
    unsigned voids;                /* promises that did not stand all the while */
    int64_t deadline_ms;
    char value[VALUE_MAX];
};

struct node {
    bool up;
    bool lost; /* it restarted, and has not recovered */
    uint32_t life;
    int64_t clock_ms; /* how far its clock is ahead of the start of the run */
    int64_t mono_us;
    struct replica_bounds *bounds; /* its ceiling alone outlives a crash */
    struct engine *engine;         /* its hints and its recovery: replication_engine */
    struct store *store;
    struct replica *replica;
    struct partition *partition; /* of the key */
    struct place place;
    uint32_t requests_before; /* the last serial before it restarted */
    struct dot held;          /* when it was looked at last, where memory is tight */
    uint64_t evicted;         /* entries, as of then */
    struct copy shown;        /* narrated last, with: */
    struct dot shown_mark;
    uint64_t shown_floor, shown_settled;
    bool shown_recovering;
};

struct engine_fixture;

struct world {
    struct engine_fixture *fixture;
    struct configuration configuration;
    struct checker checker;
    struct rng rng;
    bool narrates;
    uint64_t event;       /* the number of the one that happens */
    unsigned tempo;       /* events in a millisecond of all clocks */
    unsigned stride_max;  /* how far ahead of need a ceiling is raised, in stamps */
    bool frames_tell;     /* every message carries what its sender owes, and its clock */
    bool links_are_known; /* what is sent into a cut link is refused at once */
    bool compares;        /* restarted nodes compare their replicas */
    uint32_t serial;      /* the last that was given */
    struct ring *ring;
    struct node nodes[NODES_MAX];
    bool cut[NODES_MAX][NODES_MAX];
    struct queue versions;  /* WRITE and ACK, and those of hints */
    struct queue questions; /* READ and ANSWER, and those of recoveries */
    struct world_request requests[WORLD_REQUESTS_MAX];
};

struct world *world_create(void);
void world_destroy(struct world **world);
/* A new run. */
void world_begin(struct world *world, struct configuration configuration, uint64_t seed,
                 bool narrates);

/* Uniform in [0, bound). */
unsigned world_any(struct world *world, unsigned bound);
void world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct instant world_now(const struct world *world, unsigned node);
node_number world_number(unsigned node);

struct copy copy_of(const struct version *version);
/* Its value points into the copy. */
struct version copy_version(const struct copy *copy);

/* What the node holds of the key. */
struct copy world_holds(const struct world *world, unsigned node);
/* What its header and marks say; for narration and checks. */
bool world_votes(const struct world *world, unsigned node);
bool world_linked(const struct world *world, unsigned from, unsigned to);
/* Both ways, and both are up. */
bool world_reaches(const struct world *world, unsigned from, unsigned to);
void world_cut_or_mend(struct world *world, unsigned from, unsigned to);
void world_mend_all(struct world *world);

/* The control of the node raises its ceiling, on disk, to above all that the node knows and to
 * `stamp`. */
void world_raise_ceiling(struct world *world, unsigned node, uint64_t stamp);
/* The version, written over `over`, is offered to the node's replica; `what` says how, in the
 * story.
 */
struct offered world_offer(struct world *world, unsigned node, unsigned from, struct dot over,
                           const struct version *version, const char *what);
/* The end of a turn: what the node owes is published. */
void world_end_turn(struct world *world, unsigned node);

void world_evict(struct world *world, unsigned node);
void world_expire(struct world *world, unsigned node);
/* A mark of the node finds no room any more. */
void world_overflow(struct world *world, unsigned node);
/* The node's memory becomes tight, or ample again. */
void world_squeeze(struct world *world, unsigned node);
/* Tells the checker of what the node held after the last event, and holds no more; the lock is
 * held. */
void world_note_room_made(struct world *world, unsigned node);
void world_hear(struct world *world, unsigned node, unsigned other);
/* The worker's tick: what is settled reaches the partition. */
void world_settle(struct world *world, unsigned node);
void world_use_another_key(struct world *world, unsigned node);
void world_run_clock(struct world *world, unsigned node);

/* Which promises do not stand, after an event: what they counted is void. */
void world_judge(struct world *world);

void world_crash(struct world *world, unsigned node);
void world_restart(struct world *world, unsigned node);

#endif
