/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the engine is made of, for its own files and for nobody else:
 *
 *   engine.c      creation, views, time, turns
 *   client.c      a client's connection: what it sends, and its replies in order
 *   dispatch.c    from a command to a request: its keys, where it begins
 *   order.c       which of one client's requests wait for which
 *   many.c        a command of many keys: its parts, and one reply of theirs
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
 *   script.c      scripts, with script_view.c, script_call.c, script_ask.c and script_pool.c
 *                 (script.h)
 *   local.c       a LOCAL command that is too long for one turn
 *   lcs.c         LCS, once its keys were read
 *   sweep.c       FLUSHALL and DBSIZE, which ask every node
 *   wait.c        WAIT, and the writes that it waits for
 *   inspect.c     VERSION, which asks the replicas of a key
 *   publish.c     PUBLISH and SPUBLISH, at all nodes
 *   survey.c      PUBSUB, the same (publish.h)
 *   deliver.c     what other workers hand to this one's clients
 *   track.c       CLIENT TRACKING: what changes, here and at other nodes
 *   watch.c       CLIENT PAUSE, MONITOR, CLIENT UNBLOCK, SLOWLOG, LATENCY
 *   listing.c     SCAN, KEYS and the like, which go through the ring page by page, with
 *                 listing_page.c and listing_sources.c
 *   footprint.c   what connections and requests hold, for maxmemory
 *   owed.c        what is owed to other nodes, and the bound that follows from it
 *   hints.c       what is owed beyond the end of its request
 *   missed.c      what was given up of that, and FLUSHALLs
 *   held.c        what is owed, and held by stand-ins
 *
 * Those with a header of their own are included here, but for listings, groups, EXEC, inspections,
 * messages and recoveries. An answer finds its request by its id, the request its owner. All state
 * belongs to the engine's thread.
 */
#ifndef DUNLIN_NODE_PARTS_H
#define DUNLIN_NODE_PARTS_H

#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/options.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "base/work.h"
#include "command/command.h"
#include "command/directory.h"
#include "command/environment.h"
#include "node/client.h"
#include "node/engine.h"
#include "node/handshake.h"
#include "node/hints.h"
#include "node/link.h"
#include "node/order.h"
#include "node/peer.h"
#include "node/request.h"
#include "node/task.h"
#include "node/wait.h"
#include "node/window.h"
#include "replica/operation.h"
#include "replica/replica.h"
#include "wire/wire.h"

/* The longest frame of a link that has not finished its handshake, bytes. */
#define HANDSHAKE_FRAME_MAX 4096
/* A frame is ended at this size, bytes: the receiver can begin with it, it stays far below what a
 * receiver takes, and no long one is moved as it grows. */
#define FRAME_SIZE_SOFT OUTBOX_PIECE
/* How long a handshake may take, from either side, us. */
#define HANDSHAKE_US 5000000
/* Room that is made for a long argument or frame because it was announced, bytes: a value of 1 MB,
 * with what stands around it. */
#define ROOM_AHEAD_MAX ((1u << 20) + (64u << 10))
/* For more, so much has to arrive first, and is moved then. Until it arrives, what is believed
 * takes addresses and no memory. */
#define ROOM_PROOF (128u << 10)
/* How long control may take to answer a command (RING INIT asks other nodes), ms. */
#define CONTROL_TIMEOUT_MS 30000
/* What waits for the ceiling looks so often whether it has risen, us. */
#define CEILING_REST_US 3000
/* No stamp may be given: all would be above the ceiling. */
#define NO_STAMP_ERROR                                                                            \
    "MISCONF no version can be given above the ceiling kept in dir: its file cannot be written, " \
    "or the clock has jumped ahead; see the log and RING STATUS"

/* Whose question an answer belongs to: its id says, by one of these bits or none. */
#define ID_HINT (UINT64_C(1) << 63) /* a hint's (hints.c) */
#define ID_SYNC (UINT64_C(1) << 62) /* a recovery's or a comparison's (recover.c) */

/* ---- dispatch (dispatch.c) ---- */

/* One command of a client. False: it has to wait for the client's earlier requests. */
bool dispatch_client(struct client *client, const struct command_input *input);
/* A step of `whole`, not begun, whose arguments stay where they are until then; NULL: there are too
 * many requests. */
struct request *dispatch_step(struct request *whole, const struct span *argv, size_t argc);
/* The step is a command like any other. */
void dispatch_begin_step(struct request *step);
/* A command that another node forwarded, as a request of `link`. */
void dispatch_forwarded(struct link *link, const struct wire_forward *forward);

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

/* ---- those who track (track.c) ---- */

void track_open(struct engine *engine);
void track_close(struct engine *engine);
/* A command of a client that tracks is about to begin, or was not `understood`. */
void track_begins(const struct request *request, bool understood);
/* The request's operation has stamped its version, or goes on; its client may track. */
void track_wrote(const struct request *request);
/* The client is going. */
void track_forget(struct client *client);
/* Hands what has changed in the store to all workers that are to know of it. */
void track_take_changes(struct engine *engine);
/* What was handed to this worker; and that some of it was lost. They return how often clients may
 * have been told. */
size_t track_changed_here(struct engine *engine, struct span records);
size_t track_changed_there(struct engine *engine, struct span records);
size_t track_invalidated(struct engine *engine, struct span record);
void track_missed(struct engine *engine, uint32_t lost);
/* All that was handed out in this turn was. */
void track_turn_end(struct engine *engine);
/* True: there is more to do soon. */
bool track_tick(struct engine *engine);
/* The other end of a link wants to know of changes, or does not any more. */
void track_asked(struct link *link, const struct wire_track *track);
void track_listen(struct link *link, bool on);
/* A peer tells from now on; of changes (false: that is no message of ours); it tells no more. */
void track_tracked(struct peer *peer, const struct wire_tracked *tracked);
bool track_peer_changed(struct peer *peer, const struct wire_changed *changed);
void track_peer_lost(struct peer *peer);

/* What a frame needs beside a command's arguments, bytes. */
#define FRAME_SPARE (64 * 1024)

/* ---- commands of many keys (many.c) ---- */

/* Keys of a command that are cut, begun or gathered in one step: a part takes some 1.5 us of each,
 * more where other nodes are asked. A command of no more is done at once. */
#define MANY_PER_TURN 128

/* How many arguments belong to one key: MSET's key and value. */
size_t many_key_stride(const struct command *command);
/* The last argument that is a key, or belongs to one. */
size_t many_last_argument(const struct call *call);
/* Of one that has a way of gathering: whether it has more than one key, or is one of many with one
 * key as well, as MGET, whose reply is an array. */
bool many_has_parts(const struct call *call);
static inline bool many_is(const struct call *call)
{
    return call->command->gather != GATHER_NONE && many_has_parts(call);
}
/* There is room for what request_wait keeps: it goes on by itself. */
void many_begin(struct request *whole);

/* ---- LOCAL commands in steps (local.c) ---- */

/* The command has left something to be done (call->rest). */
void local_begin(struct request *request);

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
static inline bool route_class_same(const struct route_class *a, const struct route_class *b)
{
    return a->partition == b->partition && a->rule == b->rule && a->levels == b->levels;
}

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
/* Its rest is over. */
void sweep_hedge(struct request *request);
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
    uint64_t slow_us;                /* what takes so long is noted (watch_slow) */
    const atomic_uint *alerts;       /* the directory's */
    int64_t pause_ends_us;           /* INT64_MAX: no client is held by a pause */
    uint64_t marks_seen;             /* directory_marks, as of engine_heed */
    struct buffer monitors;          /* of struct client *: those that are shown what others run */
    uint64_t monitor_changes;        /* as of when */
    struct buffer seen;              /* lines for monitors, of this turn */
    struct inbox *inbox;             /* of this worker (command/post.h) */
    struct buffer changes;           /* what is taken of the store's */
    uint64_t track_id;               /* of the last TRACK */
    bool tracks_peers;               /* other nodes tell it of changes, or did */
    struct buffer posted;            /* what was in it, and is not handed out yet */
    bool announcing;                 /* the first of that is a message on its way to the audience */
    struct buffer pushes[2];         /* it, in RESP2 and RESP3, */
    uint64_t pushes_turn;            /* for those of this turn of the audience */
    uint64_t published;              /* messages that this worker has sent to others */
    struct tasks tasks;              /* what is done in steps */
    struct many *spare_many;         /* memory for the next one, or NULL */
    struct script_pool *script_pool; /* script.h */
    struct list lcs_jobs;            /* of struct lcs_job, by waiting */
    struct list resumed; /* clients whose next command may run: it does at the end of the turn */
    /* What clients have had of this turn (turn_spent in client.c). */
    size_t turn_commands;
    size_t turn_answers; /* of other nodes, which come before */
    size_t turn_ask_at;  /* at so many the host is asked whether the turn is late */
    bool turn_late;      /* the batch that runs is the last */
    size_t turn_bytes;   /* taken or put out */
    struct order_tables order_tables;
    bool settling; /* peers_settling, when it was last looked at */
    struct list links;
    uint64_t next_link;
    struct list dirty_links;
    struct list dirty_peers;
    struct list unread_peers; /* of struct peer, by unread */

    struct peer **peers; /* by number, up to peer_limit */
    size_t peer_limit;

    struct request **slots;
    size_t slot_count, slot_capacity;
    struct list free_requests;
    struct window window; /* of requests that wait */
    size_t lingering;     /* requests in STAGE_LINGERING */
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
/* What is not begun is to wait for the next turn. */
static inline bool engine_late(const struct engine *engine)
{
    return engine->calls->late != NULL && engine->calls->late(engine->host);
}
/* A mask of enum directory_alert. */
static inline unsigned engine_alerts(const struct engine *engine)
{
    return atomic_load_explicit(engine->alerts, memory_order_acquire);
}
/* What may wait for the client to be read: by its class, client-output-buffer-limit. */
static inline const struct option_output_limit *client_output_limit(const struct client *client)
{
    const enum option_class class = session_subscribes(&client->session) ? OPTION_CLASS_PUBSUB
                                                                         : OPTION_CLASS_NORMAL;

    return &client->engine->options->client_output_buffer_limit.of[class];
}
/* Whether there is work that only wants a turn. */
static inline bool engine_has_more(const struct engine *engine)
{
    return tasks_ready(&engine->tasks) || !list_empty(&engine->unread_peers);
}
/* How many of its partitions a worker visits in a tick. */
uint32_t engine_tick_partitions(const struct engine *engine);

/* Makes room in `in` for `missing` more bytes of what has begun to arrive, and no more, so that it
 * fills its block and is moved once at most (ROOM_PROOF). */
void engine_make_room(struct buffer *in, size_t missing);

/* Hands the command to control. */
void control_begin(struct request *request);

#endif
