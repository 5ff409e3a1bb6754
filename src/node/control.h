/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control of a node: who is in the cluster, the ring, and the bounds that all workers share. It
 * does no I/O: the time and events come in, what is to be done goes out through struct
 * control_calls. One thread calls it, and only that one.
 *
 *   gossip    datagrams and exchanges move between control and the nodes (src/gossip)
 *   ring      RING INIT forms one, gossip spreads it, the host keeps it on disk
 *   view      ring, health and votes, published to the engines whenever they change; the headers of
 *             the store's partitions are set before that
 *   ceiling   raised ahead of the clock, on disk before it is used
 *   clock     compared with the peers'; a node out of line neither coordinates nor votes
 *
 * A node without a ring and without seeds is a ring of one that nobody was told of (`implicit`): it
 * serves, is not kept on disk, and gives way to a real ring as long as it holds no data.
 *
 * Start: control_create, then control_wake: before that returns the first view is published and the
 * ceiling raised, so that engines can be created with both. The node's `struct replica_bounds` is
 * filled in by control_create.
 *
 * Calls to other nodes: what goes out through `call` is one or more messages (wire/wire.h) without
 * a frame. The host opens a link to the bus address with the role WIRE_ROLE_CONTROL and the
 * handshake of control_self, sends them in one frame, takes the messages of the one frame that
 * answers, and closes the link. What other nodes send so comes in through control_message.
 */
#ifndef DUNLIN_NODE_CONTROL_H
#define DUNLIN_NODE_CONTROL_H

#include "base/instant.h"
#include "base/span.h"
#include "gossip/gossip.h"
#include "node/handshake.h"
#include "node/view.h"
#include "ring/ring.h"

struct control;
struct log;
struct options;
struct replica_bounds;
struct store;

/* How long the host may take for a call, connecting and handshake included, ms; after that it
 * answers that the call failed. */
#define CONTROL_CALL_TIMEOUT_MS 1000
/* Calls in flight at once. */
#define CONTROL_CALLS_MAX 2048

/* Where an answer goes: the host's, handed back as it was given. */
struct control_asker {
    void *worker;
    uint64_t id; /* of the request, or of the link */
};

/* What control wants done. Calls come from within a call into control; none may call back in. */
struct control_calls {
    /* A datagram of gossip, to a bus address. Losing it is no error. */
    void (*send)(void *host, const struct node_address *to, struct span datagram);
    /* Asks the node at a bus address, see above. `call` is never used twice; every one is answered
     * by control_call_answer, later. */
    void (*call)(void *host, uint64_t call, const struct node_address *to, struct span messages);
    /* The answer to control_message: a message, for the link that asked. */
    void (*answer)(void *host, const struct control_asker *asker, struct span message);
    /* The answer to control_command, in RESP. */
    void (*reply)(void *host, const struct control_asker *asker, struct span reply);
    /* A new view for every engine, this one and those that are created later. The host takes a
     * share (view_retain) for as long as it needs it. */
    void (*publish)(void *host, struct view *view);
    /* Keeps the encoded ring (ring/ring_codec.h) on disk, in place of the one before; true once it
     * is there for good. May block. */
    bool (*persist_ring)(void *host, struct span ring);
    /* The same for the ceiling, a stamp. */
    bool (*persist_ceiling)(void *host, uint64_t ceiling);
    /* Call control_wake at or soon after this time; replaces what was asked before. */
    void (*wake_at)(void *host, int64_t mono_us);
    /* The node cannot go on: log, tell the operator, and end. Control does nothing more. */
    void (*fatal)(void *host, const char *text);
};

struct control_options {
    struct identity identity; /* of the node, over restarts */
    const char *host;         /* as other nodes reach it: an address or a name; copied */
    uint16_t client_port;     /* as others reach it; the bus port is GOSSIP_BUS_OFFSET above */
    uint64_t boot;            /* see gossip.h: above that of every earlier life */
    uint64_t boot_nonce;      /* 64 random bits, of this life */
    uint64_t seed;            /* of random choices, and of identities of rings: 64 random bits */
    uint64_t ceiling;         /* from disk; 0: the node's first start */
    struct ring *ring;        /* from disk, a share of it is taken; NULL: none. The node ran before
                               * with it, and has forgotten what it held */
    const struct options *options;
    struct log *log;
    struct store *store;           /* of ring's partitions, or options->partitions */
    struct replica_bounds *bounds; /* control's to fill in and to change */
};

struct control *control_create(const struct control_options *options,
                               const struct control_calls *calls, void *host, struct instant now);
/* Calls in flight are forgotten; their answers must not come any more. */
void control_destroy(struct control **control);

/* The time asked for by wake_at has come; earlier is harmless. */
void control_wake(struct control *control, struct instant now);
/* A datagram on the bus port; `from` is where it came from, its host in text. */
void control_datagram(struct control *control, struct instant now, const struct node_address *from,
                      struct span datagram);
/* A message that came over a link of the role WIRE_ROLE_CONTROL, as it was sent (engine.h,
 * control_message). Answered at once or later, or, where it makes no sense, not at all. */
void control_message(struct control *control, struct instant now, const struct control_asker *asker,
                     struct span message);
/* A client's command RING ..., of a row of the table of commands. */
void control_command(struct control *control, struct instant now, const struct control_asker *asker,
                     const struct span *argv, size_t argc);
/* A call has come back: with the messages that the other node answered, or with `error` in words,
 * for an operator ("connection refused", handshake->error), and no answer. */
void control_call_answer(struct control *control, struct instant now, uint64_t call,
                         struct span answer, const char *error);
void control_set_options(struct control *control, struct instant now,
                         const struct options *options);

/* Says farewell to the others, for an orderly end; control_left tells when that is done. */
void control_leave(struct control *control, struct instant now);
bool control_left(const struct control *control);

/* What this node says of itself in the handshake of a call. Valid until the next call that takes
 * `now`. */
struct handshake_self control_self(const struct control *control);

/* The view published last; NULL before the first. */
struct view *control_view(const struct control *control);
/* For INFO and metrics. */
const struct gossip *control_gossip(const struct control *control);

#endif
