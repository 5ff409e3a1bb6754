/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the control is made of, for its own files and for nobody else:
 *
 *   control.c          creation, time, gossip, calls to other nodes and their answers
 *   control_serve.c    what other nodes ask
 *   control_ring.c     the ring: the implicit one, adoption, fetching a newer one
 *   control_promise.c  the acceptor's side of RING INIT
 *   control_init.c     the proposer's side
 *   control_view.c     partition headers and views
 *   control_bounds.c   the ceiling, and the clock
 *   control_recovery.c how far the workers are with recovering
 *   control_status.c   RING STATUS
 *
 * Gossip tells events while it works and must not be called from them: they leave notes in struct
 * control (the *_due fields and the like), which control_settle works off at the end of each entry.
 */
#ifndef DUNLIN_NODE_CONTROL_PARTS_H
#define DUNLIN_NODE_CONTROL_PARTS_H

#include "base/list.h"
#include "base/log.h"
#include "base/options.h"
#include "base/rng.h"
#include "node/control.h"
#include "replica/replica.h"
#include "ring/planner.h"
#include "wire/wire.h"

/* How often clock, ceiling and unknown members are looked after. */
#define TICK_US 500000
/* The same while partitions recover, so that others soon know that this node votes again. */
#define RECOVERY_TICK_US 100000
/* Bus addresses that gossip wants an exchange with, at most; more are dropped, it asks again. */
#define EXCHANGES_WAITING_MAX 16
/* Members of the ring that gossip does not know are asked for an exchange, so many a tick. */
#define INTRODUCTIONS_PER_TICK 4
/* What was fetched and refused is not fetched again for so long. */
#define FETCH_AGAIN_US 5000000
/* Texts for operators, with the terminator. */
#define REASON_MAX 256

/* ---- RING INIT, the times ----
 *
 *   0 s                 5 s                  9 s         10 s
 *   |--- PREPARE ------>|                                 |
 *   |    the proposer decides in this time    |           |
 *   |                   |--- COMMIT, again and again ---->| promises lapse
 */
/* After its first PREPARE a proposer decides within this, or gives up. */
#define INIT_DECIDE_US 5000000
/* It tries to reach all nodes with the ring until then. */
#define INIT_COMMIT_US 9000000
/* A promise stands so long. The proposer's clock started before it was given. */
#define PROMISE_US 10000000
/* Between two COMMITs to one node. */
#define INIT_COMMIT_AGAIN_US 300000

struct forming;
struct question;

/* A call in flight. `message` is the first of the answer; NULL when the call failed, with `error`.
 */
typedef void question_answered(struct control *control, const struct question *question,
                               const struct wire_message *message, const char *error);

struct question {
    struct list link; /* control->questions */
    uint64_t id;
    question_answered *answered; /* NULL: nobody wants to know */
    struct node_address to;
    struct identity subject; /* INIT: the ring it forms */
    size_t index;            /* INIT: the candidate */
};

struct promise {
    bool given;
    struct identity ring, proposer;
    int64_t until_us;
};

/* The recovery that goes on, or the last one. */
struct control_recovery {
    uint32_t total; /* partitions; 0: there was none */
    uint32_t left;  /* of them, as of the last look */
    bool restarted; /* that is why; else others dropped what they owed */
    bool early;     /* its stamps would be ahead of the clock, see control_recovery.c */
    bool most;      /* more than half of what this node keeps is left */
    int64_t began_us, ended_us;
    int64_t log_us; /* when it was last told in the log */
    /* While it goes on, the workers' sums at its beginning; then what it came to. */
    uint64_t keys, bytes, forced;
};

struct control {
    const struct control_calls *calls;
    void *host;
    struct instant now; /* of the call in progress */
    const struct options *options;
    struct log *log;
    struct store *store;
    struct replica_bounds *bounds;
    struct rng rng;
    bool started;
    bool ended; /* after `fatal` */
    int64_t tick_us;

    /* This node. */
    struct identity identity;
    char host_name[NODE_HOST_MAX + 1];
    char zone[NODE_ZONE_MAX + 1];
    uint16_t client_port;
    uint64_t boot_nonce;
    struct gossip *gossip;

    /* The ring. */
    struct ring *ring;        /* NULL: none */
    bool implicit;            /* see struct view */
    size_t introduced;        /* members were looked at up to here */
    bool restored;            /* from disk: what it held before is forgotten */
    char refusal[REASON_MAX]; /* why a ring that was seen elsewhere was not taken; "": none was */
    char persistence[REASON_MAX]; /* what could not be kept on disk; "": nothing */

    /* RING INIT. */
    struct promise promise;
    struct forming *forming; /* this node is the proposer; NULL: no */

    /* The clock, against the peers'. */
    bool clock_known;        /* there are readings */
    int64_t clock_offset_ms; /* this node's less the median */
    bool out_of_line;

    /* The ceiling. */
    uint64_t stamp_known; /* the highest */

    struct control_recovery recovery;

    /* Notes of gossip's events. */
    bool view_due;
    bool clashed;
    struct node_address clash;
    struct node_address exchanges[EXCHANGES_WAITING_MAX];
    size_t exchange_count;
    bool fetch_wanted;
    bool fetching;
    struct node_address fetch_from;
    struct identity fetch_ring; /* which one */
    uint64_t fetch_version;
    struct identity refused_ring; /* fetched in vain */
    uint64_t refused_version;
    int64_t refused_until_us;
    bool conflict_logged;

    struct view *view; /* published last */
    struct list questions;
    uint64_t last_question;
    struct buffer out; /* messages being written; empty between calls */
};

/* ---- control.c ---- */

/* Sends what is in control->out as a call, and empties it. */
struct question *control_ask(struct control *control, const struct node_address *to,
                             question_answered *answered);
/* The bus address for a client address. */
struct node_address control_bus(const char *host, uint16_t client_port);
void control_fatal(struct control *control, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "1f00ab42", for logs and operators. */
#define IDENTITY_SHORT_MAX 9
const char *control_short(const struct identity *identity, char text[IDENTITY_SHORT_MAX]);
static inline struct identity control_identity(const uint8_t bytes[WIRE_ID_SIZE])
{
    struct identity identity;

    memcpy(identity.bytes, bytes, IDENTITY_SIZE);
    return identity;
}
/* Draws a new identity. */
struct identity control_draw(struct control *control);

/* ---- control_serve.c ---- */

/* Appends the answer to control->out; false when the message makes no sense here. */
bool serve_message(struct control *control, const struct wire_message *message);

/* ---- control_ring.c ---- */

/* The ring that others may be told of; NULL: none. */
static inline struct ring *control_real_ring(const struct control *control)
{
    return control->implicit ? NULL : control->ring;
}
void ring_begin_implicit(struct control *control);
/* The rules of a new ring, from the options; `rules` is the draft's then. */
void ring_set_rules(struct ring_draft *draft, struct ring_rule rules[RING_RULES_MAX],
                    const struct options *options);
/* Gives the draft claims, all of the draft's version. They are the plan's, for the caller to end.
 */
bool ring_plan(struct ring_draft *draft, struct planner_plan *plan, char reason[REASON_MAX]);
/* Takes a share of `ring`: checks it, keeps it on disk, goes by it. False with the reason. */
bool ring_adopt(struct control *control, struct ring *ring, char reason[REASON_MAX]);
void ring_fetch(struct control *control);
void ring_introduce(struct control *control);
/* Whether the store holds keys. Freezes the partitions: the caller sets the headers again. */
bool ring_store_holds_keys(struct control *control);
void ring_tell_gossip(struct control *control);

/* ---- control_promise.c ---- */

/* Gives a promise to a proposer, or says why not. */
enum promise_status promise_give(struct control *control, const struct identity *ring,
                                 const struct identity *proposer, uint32_t partitions,
                                 char reason[REASON_MAX]);
/* Adopts the ring that was promised. */
enum promise_status promise_keep(struct control *control, struct ring *ring,
                                 const struct identity *proposer, char reason[REASON_MAX]);
void promise_void(struct control *control, const struct identity *ring,
                  const struct identity *proposer);
/* Lapses when its time is over. */
void promise_wake(struct control *control);

/* ---- control_init.c ---- */

void init_command(struct control *control, const struct control_asker *asker,
                  const struct span *argv, size_t argc);
void init_wake(struct control *control);
/* When it wants to be woken. */
int64_t init_next_us(const struct control *control);
void init_destroy(struct control *control);

/* ---- control_view.c ---- */

/* Writes every partition's header: by the ring, or closed. */
void view_write_headers(struct control *control, bool closed);
/* Builds a view and publishes it when it differs from the last. */
void view_publish(struct control *control);

/* ---- control_bounds.c ---- */

void bounds_begin(struct control *control, uint64_t ceiling);
void bounds_follow_options(struct control *control);
void bounds_raise_ceiling(struct control *control);
/* The clock against the peers'; true when this node went out of line or came back. */
bool bounds_check_clock(struct control *control);

/* ---- control_recovery.c ---- */

/* A node that was restored has forgotten its partitions: once, before the workers begin. */
void recovery_begin(struct control *control);
/* Looks how far the workers are, and tells it where that changes this node's vote. */
void recovery_look(struct control *control);
/* A partition of this node recovers: the node does not vote as a whole. */
bool recovery_goes_on(const struct control *control);
/* Because of it this node neither coordinates nor votes, on any partition. */
bool recovery_silences(const struct control *control);
/* RING RECOVER FORCE. */
void recovery_force(struct control *control);
void recovery_status(const struct control *control, struct buffer *text);

/* ---- control_status.c ---- */

void status_write(const struct control *control, struct buffer *text);

#endif
