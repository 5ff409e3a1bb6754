/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the engine is made of, for its own files and for nobody else:
 *
 *   engine.c      creation, views, time, turns
 *   client.c      a client's connection: what it sends, and its replies in order
 *   dispatch.c    from a command to a request: its order, its keys, its parts
 *   exec.c        EXEC: its groups, one after another, and its reply; exec_plan.c cuts them
 *   group.c       a group: the commands of a transaction about one partition; group_run.c runs them
 *   route.c       where a request runs: its place, its levels, its coordinator
 *   request.c     a request's life: borrowed, begun, finished, answered to its owner
 *   coordinate.c  the operations that this node coordinates
 *   peer.c        links for questions to other nodes, and the circuit breaker
 *   answers.c     other nodes' answers, and those that will not come
 *   link.c        other nodes' questions
 *   recover.c     partitions made whole, with due.c, compare.c and pull.c (recover.h)
 *   task.c        work that is done in steps, some of them a turn (task.h)
 *   lcs.c         LCS, once its keys were read
 *   sweep.c       FLUSHALL and DBSIZE, which ask every node
 *   wait.c        WAIT, and the writes that it waits for
 *   inspect.c     VERSION, which asks the replicas of a key
 *   deliver.c     what other workers hand to this one's clients
 *   watch.c       CLIENT PAUSE, MONITOR, CLIENT UNBLOCK, SLOWLOG, LATENCY
 *   listing.c     SCAN, KEYS and the like, which go through the ring page by page
 *   footprint.c   what connections and requests hold, for maxmemory
 *   owed.c        what is owed to other nodes, and the bound that follows from it
 *   hints.c       what is owed beyond the end of its request
 *   missed.c      what was given up of that, and FLUSHALLs
 *   held.c        what is owed, and held by stand-ins
 *
 * An answer finds its request by its id, the request its owner. All state belongs to the engine's
 * thread.
 */
#ifndef DUNLIN_NODE_PARTS_H
#define DUNLIN_NODE_PARTS_H

#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/options.h"
#include "base/outbox.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "base/work.h"
#include "command/command.h"
#include "command/directory.h"
#include "command/environment.h"
#include "command/session.h"
#include "node/engine.h"
#include "node/handshake.h"
#include "node/hints.h"
#include "node/task.h"
#include "replica/operation.h"
#include "replica/replica.h"
#include "resp/parser.h"
#include "wire/wire.h"

/* Requests of one client in flight at once; a deeper pipeline waits in its socket. */
#define CLIENT_IN_FLIGHT_MAX 1024
/* What they may hold together before no other is begun, bytes: arguments, answers, replies. */
#define CLIENT_BYTES_IN_FLIGHT_MAX (16u << 20)
/* Room that is made for a long argument or frame because it was announced, bytes: a value of 1 MB,
 * with what stands around it. */
#define ROOM_AHEAD_MAX ((1u << 20) + (64u << 10))
/* For more, so much has to arrive first, and is moved then. Until it arrives, what is believed
 * takes addresses and no memory. */
#define ROOM_PROOF (128u << 10)
/* What clients' commands may keep or put out in one turn, bytes; then the next turn begins. */
#define CLIENT_BYTES_A_TURN (1u << 20)
/* Requests of one worker in flight at once, over all its clients and links; each takes about 1.5
 * KB. A command of many keys takes one a key, and one. */
#define REQUESTS_MAX (1u << 17)
/* Buffers larger than this are given back between two uses, bytes. */
#define BUFFER_KEEP (16 * 1024)
/* The longest frame of a link that has not finished its handshake, bytes. */
#define HANDSHAKE_FRAME_MAX 4096
/* A frame is ended at this size, bytes: the receiver can begin with it, it stays far below what a
 * receiver takes, and no long one is moved as it grows. */
#define FRAME_SIZE_SOFT OUTBOX_PIECE
/* How long a handshake may take, from either side, us. */
#define HANDSHAKE_US 5000000
/* How long control may take to answer a command (RING INIT asks other nodes), ms. */
#define CONTROL_TIMEOUT_MS 30000
/* No stamp may be given: all would be above the ceiling. */
#define NO_STAMP_ERROR                                                                            \
    "MISCONF no version can be given above the ceiling kept in dir: its file cannot be written, " \
    "or the clock has jumped ahead; see the log and RING STATUS"

/* Whose question an answer belongs to: its id says, by one of these bits or none. */
#define ID_HINT (UINT64_C(1) << 63) /* a hint's (hints.c) */
#define ID_SYNC (UINT64_C(1) << 62) /* a recovery's or a comparison's (recover.c) */

/* ---- what WAIT waits for (wait.c) ---- */

#define TRAIL_NOTHING UINT8_MAX
/* Writes of one worker that linger at once, and the bytes that they hold; past either, one counts
 * what it had when it was answered, and what it owes becomes a hint. */
#define LINGERING_MAX       8192
#define LINGERING_BYTES_MAX (64u << 20)

/* The writes of a connection since its last WAIT. */
struct trail {
    struct list lingering;   /* of struct request, by link */
    struct buffer elsewhere; /* node numbers that writes were forwarded to */
    uint8_t least;           /* replicas that a write had at the least; TRAIL_NOTHING: no write */
    struct request *waiting; /* the WAIT in progress */
};

void trail_init(struct trail *trail);
void trail_deinit(struct trail *trail);

/* ---- requests (request.c) ---- */

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

    size_t weight;       /* bytes that it holds, as its client counts them */
    size_t footprint;    /* the same as maxmemory counts them (footprint.c) */
    bool silent;         /* its client wants no reply to it (CLIENT REPLY) */
    bool noted;          /* its client counts it among those that others may have to wait for */
    bool unordered;      /* see dispatch.c */
    struct buffer reply; /* complete once STAGE_DONE; `failed` then: nothing can be said */
    struct list behind;  /* of struct outbox_piece: the rest of a reply that has large values */
    struct sweep *sweep;
    struct inspection *inspection;
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
/* Gives back the parts, which have not begun or are done. */
void request_drop_parts(struct request *whole);
/* Gives back one that has not begun. */
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
void requests_destroy(struct engine *engine);

/* ---- clients (client.c) ---- */

/* Commands that are read ahead of being run, so that the memory that they touch is on its way. */
#define BATCH_COMMANDS_MAX STORE_PREFETCH_MAX
/* Commands of clients that are run in one turn: well below a millisecond, also where each asks
 * other nodes; fewer where other nodes' answers came in it. What is left is the next turn's. */
#define CLIENT_COMMANDS_PER_TURN 512
/* A command of more arguments is not read ahead. */
#define BATCH_ARGUMENTS_MAX 8

/* A command as it was read, with what was found out about its first key. */
struct command_input {
    const struct span *argv;
    size_t argc;
    size_t taken;       /* of the parser, before it */
    uint32_t partition; /* of argv[1], if there is one and a ring */
    uint64_t hash;      /* store_hash of argv[1] */
    bool hashed;
    bool inlined; /* it cannot be taken back */
};

/* One batch is of as many clients as it has room for: where each sends one command at a time, their
 * keys are fetched together all the same. */
struct batch {
    size_t count;          /* of commands */
    size_t argument_count; /* of arguments */
    struct command_input commands[BATCH_COMMANDS_MAX];
    struct span arguments[BATCH_COMMANDS_MAX * BATCH_ARGUMENTS_MAX];
};

struct client {
    struct list link; /* engine->clients */
    struct engine *engine;
    void *connection; /* the host's */
    struct session session;
    struct parser parser;
    struct buffer in;
    struct outbox out;
    struct list pending; /* of struct request, in the order of their replies */
    struct list resumed; /* engine->resumed: its next commands may run */
    struct trail trail;
    size_t footprint; /* bytes, see footprint.c */
    size_t weight;    /* of those in flight */
    uint16_t in_flight;
    uint16_t unordered; /* of those that had to wait, whose order needs care (dispatch.c) */
    uint16_t wide;      /* of those that had to wait, the ones of many keys or of all */
    uint16_t keyed;     /* of those that had to wait, the ones of one key */
    /* Of what was read of it into the engine's batch (clients_proceed). */
    uint8_t ahead; /* commands */
    uint8_t
        status;   /* enum parser_status, why there are no more; PARSER_COMMAND: there was no room */
    bool waits;   /* the next one of those read ahead has to wait */
    bool running; /* its commands run now: the host is told of output behind them */
    bool held;    /* not read: a command waits for those before it, for its turn, or to be read */
    bool stopped; /* held until the output was taken */
    bool closing; /* no command is read any more; closed once its replies are out */
    bool dropped; /* closed already, without them */
    /* How many of those that had to wait are about a key with this hash, by its last bits: most
     * commands need not be compared with every one that is in flight. NULL while none is: who is
     * idle has none. */
    uint16_t *by_hash;
    int64_t waits_us; /* since when its next command waits for links, 0: it does not */
};

#define CLIENT_HASHES 512
/* Tables `by_hash` that a worker keeps for whoever needs one next. */
#define CLIENT_TABLES_KEPT 64
_Static_assert(CLIENT_IN_FLIGHT_MAX <= UINT16_MAX, "16 bits count them");
_Static_assert(BATCH_COMMANDS_MAX <= UINT8_MAX, "8 bits count them");

/* Puts a request behind those whose replies come before its own. One that is first, and is answered
 * at once, is never put there. */
void client_append(struct client *client, struct request *request);
/* The request waits: later ones may have to wait for it. */
void client_note_waiting(struct request *request);
/* Answers a command that no request was found for; none is pending. */
void client_refuse(struct client *client, const char *error);
/* Frees the tables that are kept. */
void clients_destroy(struct engine *engine);
/* Counts what a request of the client holds by now. */
void client_weigh(struct request *request);
/* Gives it bytes that are no reply. */
void client_tell(struct client *client, struct span bytes);
/* Closes it at once, for it does not keep up. */
void client_give_up(struct client *client);
/* Closes it if CLIENT KILL has marked it. */
void client_close_killed(struct client *client);
/* The request is done, was never put behind others, and none is before it. */
void client_answer(struct request *request);
/* The requests at the head that are done give their replies. */
void client_deliver(struct client *client);
/* Runs what engine->resumed have sent, as far as their earlier requests allow. */
void clients_proceed(struct engine *engine);

/* ---- dispatch (dispatch.c) ---- */

/* One command of a client. False: it has to wait for the client's earlier requests. */
bool dispatch_client(struct client *client, const struct command_input *input);
/* The part of `whole` that is about the key at argv[at], placed and not begun; NULL with an error
 * in the whole's reply. */
struct request *dispatch_cut_part(struct request *whole, size_t at);
/* A step of `whole`, not begun, whose arguments stay where they are until then; NULL: there are too
 * many requests. */
struct request *dispatch_step(struct request *whole, const struct span *argv, size_t argc);
/* The step is a command like any other. */
void dispatch_begin_step(struct request *step);
/* A command that another node forwarded, as a request of `link`. */
void dispatch_forwarded(struct link *link, const struct wire_forward *forward);
/* Whether the order of this request and its client's other ones needs care. */
bool dispatch_unordered(const struct request *request);

/* ---- what people do to all clients (watch.c) ---- */

/* Whether commands of clients are held. */
bool watch_pauses(const struct engine *engine);
/* Whether the request, which could begin, has to wait for the end of a pause; `alerts` is not 0. */
bool watch_holds(const struct request *request, unsigned alerts);
/* Shows a client's command to those who monitor. */
void watch_show(const struct request *request);
/* The client, which monitored, is going. */
void watch_forget(struct client *client);
/* What takes how long is noted, by the options. */
void watch_set_options(struct engine *engine);
/* A client's request took engine->slow_us or more. */
void watch_slow(const struct request *request, uint64_t usec);
void watch_wake(struct engine *engine);
/* Hands the turn's lines to the monitors of all workers. */
void watch_turn_end(struct engine *engine);
/* Puts lines out to this worker's monitors, and says to how many; or what they were to be shown has
 * a gap. */
size_t watch_shown(struct engine *engine, struct span lines);
void watch_missed(struct engine *engine);

/* ---- what other workers hand to this one's clients (deliver.c) ---- */

/* Opens the inbox, or goes on with what was in it. */
void deliver_turn_end(struct engine *engine);

/* ---- commands of many keys (many.c) ---- */

/* Keys of a command that are cut, begun or gathered in one turn: a part takes some 1.5 us of each,
 * more where other nodes are asked. A command of no more is done at once. */
#define MANY_PER_TURN 128

/* How many arguments belong to one key: MSET's key and value. */
size_t many_key_stride(const struct command *command);
/* The last argument that is a key, or belongs to one. */
size_t many_last_argument(const struct call *call);
/* Whether a command of many keys has more than fit a turn. */
bool many_is(const struct call *call);
/* Prepares for that. False: out of memory. */
bool many_create(struct request *whole);
/* There is room for what request_wait keeps: it goes on by itself. */
void many_begin(struct request *whole);

/* ---- LCS (lcs.c) ---- */

/* Its parts have read the values. */
void lcs_begin(struct request *whole);

/* ---- routes (route.c) ---- */

/* Keys of which all three are the same have one coordinator, and the same replicas and levels. */
struct route_class {
    uint32_t partition;
    const struct ring_rule *rule;
    const struct option_rule *levels;
};
void route_class_of(const struct engine *engine, struct span key, struct route_class *class);

/* Fills in what depends on the request's key (its place, its replicas, its levels), and chooses its
 * coordinator: request->route, 0 when none can be reached. */
void route_find(struct request *request, struct span key);
/* Sends the request to the coordinator that was chosen, or coordinates it here. */
void route_take(struct request *request);
/* The same after a coordinator could not run it. */
void route_again(struct request *request, node_number failed);
/* This node forgot the partition, and nothing ran: another replica is to coordinate. False when
 * there is none. */
bool route_elsewhere(struct request *request);
/* Tells the node that forwarded a request why this one does not run it. */
void route_refuse(struct link *link, uint64_t id, enum reply_status status);

/* ---- operations (coordinate.c) ---- */

void coordinate_begin(struct request *request);
void coordinate_proceed(struct request *request);
void coordinate_hedge(struct request *request);
/* Starts timers of those that have waited so long that they may need one, and when to look again.
 */
void hedges_proceed(struct engine *engine);
int64_t hedges_next(const struct engine *engine);
/* The time is up, or the coordinator elsewhere was lost. */
void coordinate_timeout(struct request *request);
void coordinate_lost(struct request *request);
extern const struct operation_calls coordinate_calls;

/* ---- sweeps (sweep.c) ---- */

void sweep_begin(struct request *request);
void sweep_acknowledged(struct request *request, node_number node, const struct offered *offered);
void sweep_counted(struct request *request, node_number node, const struct wire_counted *counted);
void sweep_lost(struct request *request, node_number node);
void sweep_timeout(struct request *request);
/* Whether answers may still come, and what to do with them once the reply is out. */
bool sweep_open(const struct request *request);
/* It ends: nodes that have not answered are owed the flush. */
void sweep_keep_hints(struct request *request);
/* Frees what a sweep holds, if it is one. */
void sweep_end(struct request *request);
/* This node's part of others' sweeps; a flush is `late` that this node missed. */
struct offered sweep_flush(struct engine *engine, uint64_t ring_version, struct dot dot,
                           struct span partitions, bool late);
void sweep_count(struct engine *engine, struct span partitions, uint64_t *keys, uint64_t *expiring);

/* ---- WAIT (wait.c) ---- */

/* A write or update is over for its owner: notes it in the trail, where it goes on if it
 * `lingers`. */
void trail_follow(struct trail *trail, struct request *request, bool lingers);
void trail_forwarded(struct trail *trail, node_number node);
/* The node has told, of all the writes that clients sent to it, that each is on so many replicas
 * beyond it, and tells no more of them. */
void trails_note(struct engine *engine, node_number node, unsigned replicas);
void wait_begin(struct request *request);
void wait_answered(struct request *request, node_number node, const struct wire_reply *reply);
/* It ends, and answers may still come. */
void wait_given_up(struct request *request);
/* The node will not answer any more. */
void wait_lost(struct request *request, node_number node);
void wait_timeout(struct request *request);
/* Ends the client's WAIT, if CLIENT UNBLOCK wants that. */
void wait_unblock(struct client *client);
/* A lingering write has another acknowledgement, or no more time. */
void linger_proceed(struct request *request, bool time_is_up);

/* ---- what is owed (owed.c) ---- */

/* The request's version was stamped, and is about to be offered: it is owed from now on. */
void owed_note(struct request *request);
/* Whether a request whose reply is out waits for more answers. */
bool owed_lingers(struct request *request);
/* It begins to. */
void owed_linger(struct request *request);
/* The request is over: what it still owes becomes hints. */
void owed_end(struct request *request);
/* Publishes this worker's bound. */
void owed_publish(struct engine *engine);
/* Tells this worker's partitions what is settled; true when there is more to do. */
bool owed_settle(struct engine *engine);

/* ---- peers (peer.c) ---- */

enum peer_stage { PEER_CLOSED, PEER_OPENING, PEER_GREETING, PEER_OPEN };

struct peer {
    struct engine *engine;
    node_number number;
    enum peer_stage stage;
    bool trusted; /* the view has nothing against asking it */
    struct handshake handshake;
    struct buffer in;
    struct outbox out;
    size_t footprint;      /* bytes, see footprint.c */
    struct buffer *framed; /* in `out`: where a frame is begun, NULL: none is */
    size_t frame_at;
    struct list dirty; /* engine->dirty_peers while one is */

    /* The circuit breaker: open while questions wait and nothing is heard. */
    int64_t asked_us; /* when the first question since anything was heard went out; 0: none */
    bool tripped;
    int64_t ping_us;  /* when it is asked again whether it is back */
    int64_t sent_us;  /* when a frame was begun last */
    int64_t usual_us; /* a moving average of how long an answer takes */
    int64_t created_us;
    bool mates_refused; /* what belongs to the answer that comes next could not enter (rule 24) */
    bool known;         /* its link was open once, or could not be opened */
    int64_t retry_us;   /* not opened again before */
    int64_t retry_wait_us;
};

struct peer *peer_find(struct engine *engine, node_number number);
/* Whether a question to it has a chance. */
bool peer_promising(struct engine *engine, node_number number);
/* The buffer to put a message into; NULL when it cannot be sent. The frame is sent when the turn
 * ends. */
struct buffer *peer_message(struct engine *engine, node_number number, size_t size);
/* The same for a message whose last field is bytes of a block, which are not copied: it has a frame
 * of its own. It stands at `at` of the buffer, without them. */
struct buffer *peer_message_alone(struct engine *engine, node_number number, size_t size);
void peer_end_alone(struct engine *engine, node_number number, size_t at, struct block *block,
                    struct span bytes);
/* Such a message: a WRITE, of a value that lies in the block. */
void peer_put_write(struct engine *engine, node_number number, struct buffer *out,
                    const struct wire_write *write, struct block *block);
/* Whether links to nodes that are new to this one are still being opened. What needs other nodes
 * waits for that, at most half the time of a request: a ring that was just formed and a node that
 * just started serve their first client. */
bool peers_settling(const struct engine *engine);
void peers_follow_view(struct engine *engine);
void peers_wake(struct engine *engine);
void peers_turn_end(struct engine *engine);
void peers_destroy(struct engine *engine);

/* ---- answers (answers.c) ---- */

/* Gives a message to whoever asked. False: it is no answer. */
bool answers_take(struct peer *peer, const struct wire_message *message);
/* Every request that waits for the node learns that it will not answer. */
void answers_lost(struct engine *engine, node_number number);

/* ---- links (link.c) ---- */

struct link {
    struct list member; /* engine->links */
    struct engine *engine;
    void *connection;
    uint64_t id;
    struct handshake handshake;
    int64_t opened_us;
    struct buffer in;
    struct outbox out;
    size_t footprint;      /* bytes, see footprint.c */
    struct buffer *framed; /* in `out`: where a frame is begun, NULL: none is */
    size_t frame_at;
    size_t acks_at;       /* the last ACKS in that frame, */
    size_t acks_end;      /* which others may join while nothing is behind it; 0: there is none */
    struct list dirty;    /* engine->dirty_links while one is */
    struct list requests; /* forwarded ones, by from_link */
    struct trail trail;
    struct block *taken; /* that of the frame in progress, once a value in it is kept there */
    bool broken;         /* it is being closed */
};

struct buffer *link_message(struct link *link);
/* The same for a message that ends with what is in pieces (base/outbox.h): it has a frame of its
 * own. It stands at `at` of the buffer, with the first `here` bytes of its last field. */
struct buffer *link_message_alone(struct link *link);
void link_end_alone(struct link *link, size_t at, size_t here, struct list *pieces);
/* Closes links whose handshake takes too long. */
void links_wake(struct engine *engine);
void links_turn_end(struct engine *engine);

/* ---- the footprint (footprint.c) ---- */

/* Looks at some of what holds memory, and tells the store of what has changed. */
void footprint_wake(struct engine *engine);
/* Gives back to the store all that it was told of. */
void footprint_end(struct engine *engine);

/* ---- the engine (engine.c) ---- */

struct engine {
    struct engine_options own; /* what it was created with */
    const struct engine_calls *calls;
    void *host;
    struct instant now; /* of the call in progress */
    const struct options *options;
    struct view *view;
    bool coordinates; /* this node: it votes, and its clock is in line; as the view has it */
    struct metrics_block *metrics;
    uint32_t doing; /* a mask of enum work, see engine_take_doing */
    struct rng rng;
    struct replica replica;
    struct coordinator coordinator;
    struct wheel wheel; /* mono_us */

    struct batch batch; /* of the clients that are being read */
    struct list clients;
    uint64_t slow_us;          /* what takes so long is noted (watch_slow) */
    const atomic_uint *alerts; /* the directory's */
    int64_t pause_ends_us;     /* INT64_MAX: no client is held by a pause */
    uint64_t marks_seen;       /* directory_marks, as of engine_heed */
    struct buffer monitors;    /* of struct client *: those that are shown what others run */
    uint64_t monitor_changes;  /* as of when */
    struct buffer seen;        /* lines for monitors, of this turn */
    struct inbox *inbox;       /* of this worker (command/post.h) */
    struct buffer posted;      /* what was in it, and is not handed out yet */
    struct tasks tasks;        /* what is done in steps */
    struct list lcs_jobs;      /* of struct lcs_job, by waiting */
    struct list resumed; /* clients whose next command may run: it does at the end of the turn */
    /* What clients have had of this turn (turn_spent in client.c). */
    size_t turn_commands;
    size_t turn_answers;                       /* of other nodes, which come before */
    size_t turn_bytes;                         /* taken or put out */
    uint16_t *hash_tables[CLIENT_TABLES_KEPT]; /* all zeros */
    size_t hash_table_count;
    bool settling; /* peers_settling, when it was last looked at */
    struct list links;
    uint64_t next_link;
    struct list dirty_links;
    struct list dirty_peers;

    struct peer **peers; /* by number, up to peer_limit */
    size_t peer_limit;

    struct request **slots;
    size_t slot_count, slot_capacity;
    struct list free_requests;
    size_t lingering; /* requests in STAGE_LINGERING */
    size_t lingering_bytes;

    struct list hedging; /* of struct request, by hedging, the one that has waited longest first */
    struct list owed;    /* of struct request, by owed, in the order of their stamps */
    struct hints hints;
    uint64_t bound;            /* as it was published last */
    uint32_t settle_partition; /* the next of this worker's to be settled */
    bool settle_more;          /* that one was not done with it */

    struct {
        uint64_t clients;                        /* bytes of clients and of all requests */
        uint64_t links;                          /* of links and peers */
        uint64_t clients_charged, links_charged; /* what the store was told */
        size_t post;                             /* bytes of what others hand to its clients */
        size_t slot, peer;                       /* to be looked at next */
        int64_t next_us;
    } footprint;
    struct sync *sync; /* recover.h */

    struct buffer looked;      /* the value of the answer in progress */
    struct buffer mates;       /* what belongs to it (rule 24) */
    uint32_t expiry_partition; /* the next of this worker's to be looked at */
    int64_t next_tick_us;
};

/* What this node says of itself on a new link. */
struct handshake_self engine_self(const struct engine *engine);
/* Another node's clock. */
void engine_observe(struct engine *engine, uint64_t stamp);
/* The wall clock, or what the others' say where this node's is out of line or was just set. */
int64_t engine_date_ms(const struct engine *engine);
/* What this node tells of what it owes, for the head of a frame. */
uint64_t engine_bound(const struct engine *engine);
/* The engine is at work of that kind. */
static inline void engine_note(struct engine *engine, enum work work)
{
    engine->doing |= work_bit(work);
}
/* A mask of enum directory_alert. */
static inline unsigned engine_alerts(const struct engine *engine)
{
    return atomic_load_explicit(engine->alerts, memory_order_acquire);
}
/* How many of its partitions a worker visits in a tick. */
uint32_t engine_tick_partitions(const struct engine *engine);

/* Makes room in `in` for `missing` more bytes of what has begun to arrive, and no more, so that it
 * fills its block and is moved once at most (ROOM_PROOF). */
void engine_make_room(struct buffer *in, size_t missing);

/* Hands the command to control. */
void control_begin(struct request *request);

#endif
