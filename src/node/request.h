/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A request's life (request.c): borrowed, begun, finished, answered to its owner.
 *
 * A request is a command that was taken up: a client's, one that another node forwarded, or a part
 * of either. Its owner gets its reply; whatever it waits for finds it by its id.
 */
#ifndef DUNLIN_NODE_REQUEST_H
#define DUNLIN_NODE_REQUEST_H

#include "base/list.h"
#include "base/outbox.h"
#include "base/wheel.h"
#include "command/command.h"
#include "node/engine.h"
#include "node/task.h"
#include "replica/operation.h"
#include "resp/answer.h"

struct block;
struct client;
struct command_input;
struct engine;
struct group;
struct inspection;
struct link;
struct survey;
struct sweep;
struct trail;

/* Requests of one worker in flight at once, over all its clients and links; each takes about 2 KB.
 * A command of many keys takes one a key, and one. */
#define REQUESTS_MAX (1u << 17)
/* Buffers larger than this are given back between two uses, bytes. */
#define BUFFER_KEEP (16 * 1024)

#define NO_ROOM_FOR_REQUEST "OOM out of memory for the request"

/* Who gets a request's reply. */
enum request_owner {
    OWNER_NOBODY, /* its client or link left */
    OWNER_CLIENT, /* in order, behind the replies of the client's earlier requests */
    OWNER_LINK,   /* another node forwarded it */
    OWNER_WHOLE,  /* it is a part of a command of many keys */
};

/* What a request waits for. */
enum request_stage {
    STAGE_FREE,
    STAGE_NEW,
    STAGE_OPERATION, /* this node coordinates: the operation's answers */
    STAGE_FORWARDED, /* the coordinator's reply */
    STAGE_PARTS,     /* its parts */
    STAGE_SWEEP,     /* the nodes' answers to a FLUSHALL or DBSIZE */
    STAGE_INSPECT,   /* the replicas' answers to a VERSION */
    STAGE_LISTING,   /* the replicas' pages, or its turn to ask for them */
    STAGE_PUBLISH,   /* how many receivers a message has at other nodes */
    STAGE_SURVEY,    /* the nodes' answers to a PUBSUB */
    STAGE_SCRIPT,    /* a script: its turn, an interpreter, or what other nodes know of scripts */
    STAGE_STEPS,     /* its own next step (local.c) */
    STAGE_CONTROL,   /* control's answer */
    STAGE_WAIT,      /* a WAIT: acknowledgements */
    STAGE_LINGERING, /* a write that is answered: its last acknowledgements */
    STAGE_DONE,      /* its turn in the order of replies */
};

struct request;

/* A timer of a request in the engine's wheel. */
struct request_timer {
    struct wheel_timer timer; /* the first */
    int64_t due_us;           /* a monotonic reading */
    struct request *request;
    void (*fire)(struct request *request);
    bool running;
};

struct request {
    struct list link; /* in its client's, its whole's or the free list */
    struct engine *engine;
    uint64_t id; /* slot and generation: a late answer finds the right request or none */
    enum request_stage stage;

    enum request_owner owner;
    struct client *client; /* OWNER_CLIENT */
    struct request *whole; /* OWNER_WHOLE */
    struct link *from;     /* OWNER_LINK, and its id there */
    uint64_t from_id;
    struct list from_link; /* in from->requests */

    /* The command. call.argv points to what arrived until request_keep copies it. */
    const struct command_input *input; /* while it is not kept */
    struct call call;
    enum command_kind kind;
    struct span *room; /* where argv is copied to */
    size_t room_capacity;
    struct buffer kept;              /* the arguments' bytes, */
    struct block *block;             /* or a large value's, which the store may share */
    bool owned;                      /* they were copied */
    struct buffer made;              /* what an update was made of, besides them */
    uint8_t read_level, write_level; /* as asked for; LEVEL_DEFAULT: the rule's */
    bool placed;                     /* a coordinator was chosen elsewhere: do not forward again */

    /* Where it runs; the order of one client's requests depends on it. */
    uint64_t hash; /* of its key, 0: of none, or of many */
    node_number route;

    size_t weight;    /* bytes that it holds, as its client counts them */
    size_t footprint; /* the same as maxmemory counts them (footprint.c) */
    bool pushed;      /* it is no request: what its client is told behind the others */
    bool silent;      /* its client wants no reply to it (CLIENT REPLY) */
    /* While its client counts it among those that others may have to wait for (order.h). */
    bool noted;
    bool windowed;                        /* the engine's window counts it */
    bool unordered;                       /* it does more than read */
    struct request *alike, *alike_before; /* keys with the same last bits */
    struct buffer reply; /* complete once STAGE_DONE; `failed` then: nothing can be said */
    struct list behind;  /* of struct outbox_piece: the rest of a reply that has large values */
    struct sweep *sweep;
    struct inspection *inspection;
    struct survey *survey;
    struct task *task;   /* what is done for it in steps (task.h) */
    struct list parts;   /* of struct request, by link */
    struct group *group; /* the commands of a transaction about one partition (group.h) */
    size_t parts_pending;
    uint16_t tried;      /* forwarding: a bit for each of the preference list */
    bool coordinated;    /* here */
    struct trail *trail; /* STAGE_LINGERING: whose */
    struct list owed;    /* in engine->owed while it owes anything, or may */
    uint64_t owed_stamp; /* what it owes from */
    size_t lingering_bytes;
    unsigned wait_wanted; /* STAGE_WAIT: replicas */
    unsigned wait_least;  /* STAGE_WAIT: what other nodes answered */

    struct request_timer deadline;
    struct request_timer hedge; /* once it is started; before that it waits in `hedging` */
    struct list hedging;        /* in engine->hedging */
    int64_t hedging_us;         /* since when */
    int64_t began_us;
    int64_t deadline_us;      /* mono */
    int64_t deadline_wall_ms; /* no stamp of this request is later */
    struct operation operation;
};

/* NULL when REQUESTS_MAX are in flight. */
struct request *request_borrow(struct engine *engine);
/* Its time began then, and not when it was borrowed. */
void request_began(struct request *request, int64_t mono_us);
/* A request in flight, NULL when it is over. One that is done and waits for its turn still counts
 * what it is answered. */
struct request *request_find(struct engine *engine, uint64_t id);
/* Room for an argv of `count` arguments in request->room; false when out of memory. */
bool request_make_room(struct request *request, size_t count);
/* Room for all that request_keep copies; false when out of memory. */
bool request_reserve(struct request *request);
/* Copies the arguments, so that they outlive the input that they came from; there is room. */
void request_keep(struct request *request);
/* Takes over the block of the input, where a large value nearly fills it, for the store to share.
 */
void request_share(struct request *request);
/* The block that a large value lies in, as long as the request does not end; NULL where it is to be
 * copied. */
struct block *request_block_of(const struct request *request, struct span value);
/* Bytes of the arguments that it keeps. */
static inline size_t request_kept_bytes(const struct request *request)
{
    return buffer_size(&request->kept) + (request->block != NULL ? request->block->capacity : 0);
}
/* Gives it another id: answers to what was asked before do not reach it. */
void request_renew(struct request *request);
/* Gives back one that has not begun, with its parts. */
void request_abandon(struct request *request);
/* Whether its time is up, though its timer may not have fired yet. */
bool request_is_late(const struct request *request);
/* It waits: it gets a deadline, and keeps its arguments. */
void request_wait(struct request *request, enum request_stage stage);
/* The timer, which is not running, fires at this monotonic reading. */
void request_start_timer(struct request_timer *timer, int64_t due_us);
/* The bytes of its reply. */
static inline size_t request_reply_size(const struct request *request)
{
    if (__builtin_expect(list_empty(&request->behind), 1))
        return buffer_size(&request->reply);
    return buffer_size(&request->reply) + outbox_pieces_size(&request->behind);
}
/* Whether its reply, in its buffer, is an error, or found no memory. */
static inline bool request_is_error(const struct request *request)
{
    return request->reply.failed || answer_is_error(buffer_content(&request->reply));
}
/* The reply is to be made anew. */
static inline void request_reset_reply(struct request *request)
{
    buffer_reset(&request->reply, BUFFER_KEEP);
    if (__builtin_expect(!list_empty(&request->behind), 0))
        outbox_pieces_free(&request->behind);
}
/* Its reply is complete: gives it to the owner as soon as its turn comes. */
void request_finish(struct request *request);
/* The same with an error. */
void request_fail(struct request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Its owner is gone. */
void request_disown(struct request *request);
/* Its owner has taken the reply. */
void request_delivered(struct request *request);
/* The same of one that never waited. */
void request_answered(struct request *request);
/* It lingered, and is over. */
void request_over(struct request *request);
/* The part's reply goes behind what the whole's has. */
void request_append_reply(struct request *whole, struct request *part);
/* One part less to wait for. */
void request_part_done(struct request *whole);
/* The whole has the part's reply: it goes, or lingers. */
void request_part_taken(struct request *part);
/* The same of all parts, which are done. */
void request_take_parts(struct request *whole);
void requests_destroy(struct engine *engine);

#endif
