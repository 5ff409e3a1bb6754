/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The engine: one worker's requests, from a client's first byte to its reply. It does no I/O: bytes
 * and the time come in, bytes go out into buffers, and the host (src/io, or the simulator) moves
 * them. A node has an engine for each worker; they share the store, the directory of clients and
 * nothing else, and each is called by its own thread only.
 *
 *   clients  connections that speak Redis' protocol
 *   links    connections that other nodes opened: their questions come in, our answers go out
 *   peers    connections to other nodes, one each: our questions go out, their answers come in
 *
 * The order of a turn: any of the calls below, each with the time; then engine_turn_end, after
 * which every buffer that the host was told of is complete and may be written.
 */
#ifndef DUNLIN_NODE_ENGINE_H
#define DUNLIN_NODE_ENGINE_H

#include "base/buffer.h"
#include "base/instant.h"
#include "base/outbox.h"
#include "base/span.h"
#include "command/session.h"
#include "node/view.h"

struct client;
struct engine;
struct environment;
struct link;
struct log;
struct metrics_block;
struct option_output_limit;
struct options;
struct replica_bounds;
struct store;

/* What the engine wants done; all calls come from within a call into the engine. */
struct engine_calls {
    /* There are bytes in client_out: write them when the turn ends. */
    void (*client_output)(void *connection);
    /* Stop reading from the client (its requests wait for earlier ones), or go on. */
    void (*client_hold)(void *connection, bool hold);
    /* Close once all of client_out is written: when the turn ends, where it was emptied. */
    void (*client_close)(void *connection);

    void (*link_output)(void *connection);
    void (*link_close)(void *connection);

    /* There are bytes in engine_peer_out. */
    void (*peer_output)(void *host, node_number node);
    /* Connect to the node (engine_peer_opened tells that it is done), or close the connection. */
    void (*peer_open)(void *host, node_number node);
    void (*peer_close)(void *host, node_number node);

    /* A command that this node's control answers (RING ...), or what a peer's control sent. The
     * answer comes with engine_control_answer or engine_link_answer; `argv` is valid in the call.
     */
    void (*control_command)(void *host, uint64_t request, const struct span *argv, size_t argc);
    void (*control_message)(void *host, uint64_t link, struct span message);

    /* Call engine_wake at or soon after this time; replaces what was asked before. */
    void (*wake_at)(void *host, int64_t mono_us);
    /* Whether the turn has lasted so long that what is not begun had better wait for the next.
     * NULL: it never has, and a turn ends after so many commands and answers. */
    bool (*late)(void *host);
};

struct engine_options {
    uint32_t index;   /* of the worker, from 0 */
    uint32_t workers; /* of the node */
    uint64_t seed;
    uint64_t boot; /* drawn at the start of the process */
    struct identity identity;
    struct log *log;
    struct store *store;
    struct replica_bounds *bounds;
    struct environment *environment; /* this worker's */
    struct metrics_block *metrics;   /* this worker's */
    const struct options *options;   /* a holder's share is taken */
    struct view *view;               /* the same */
};

struct engine *engine_create(const struct engine_options *options, const struct engine_calls *calls,
                             void *host, struct instant now);
/* Clients, links and requests go with it; the host has closed its connections. */
void engine_destroy(struct engine **engine);

/* Takes over a share of the new view; takes a share of its own of the new options. */
void engine_set_view(struct engine *engine, struct instant now, struct view *view);
void engine_set_options(struct engine *engine, const struct options *options);

/* The time asked for by wake_at has come. */
void engine_wake(struct engine *engine, struct instant now);
/* The directory's wake: it wants something of clients of this engine. */
void engine_heed(struct engine *engine, struct instant now);
/* Completes what goes out; tells the host of it. */
void engine_turn_end(struct engine *engine, struct instant now);

/* What it did since it was asked last: a mask of enum work. */
uint32_t engine_take_doing(struct engine *engine);

struct link_facts; /* command/environment.h */

/* For CLUSTER LINKS. */
void engine_visit_links(const struct engine *engine,
                        void (*visit)(void *visitor, const struct link_facts *facts),
                        void *visitor);

/* ---- clients ---- */

/* What the host knows of a new client. */
struct engine_client {
    const char *address;       /* "127.0.0.1:4711" */
    const char *local_address; /* of this end */
    int descriptor;
    bool local; /* the other end is this machine */
};

/* NULL when it is not served: `refusal` then holds what to tell it before closing. */
struct client *engine_client_open(struct engine *engine, struct instant now, void *connection,
                                  const struct engine_client *about, struct buffer *refusal);
struct buffer *engine_client_in(struct client *client);
struct outbox *engine_client_out(struct client *client);
/* What may wait in client_out, and how long. */
const struct option_output_limit *engine_client_limit(const struct client *client);
/* Bytes were appended to client_in. Its commands run at the end of the turn, with those of others.
 */
void engine_client_input(struct engine *engine, struct instant now, struct client *client);
/* All of client_out was taken: what waits for that goes on, in the next turn. */
void engine_client_drained(struct engine *engine, struct instant now, struct client *client);
/* The connection is gone; so is `client`. Its requests run on, their replies are dropped. */
void engine_client_closed(struct engine *engine, struct instant now, struct client *client);

/* ---- links from other nodes ---- */

struct link *engine_link_open(struct engine *engine, struct instant now, void *connection);
struct buffer *engine_link_in(struct link *link);
struct outbox *engine_link_out(struct link *link);
void engine_link_input(struct engine *engine, struct instant now, struct link *link);
void engine_link_closed(struct engine *engine, struct link *link);

/* ---- peers ---- */

struct buffer *engine_peer_in(struct engine *engine, node_number node);
/* What to write to it; the outbox stays the same one. */
struct outbox *engine_peer_out(struct engine *engine, node_number node);
void engine_peer_opened(struct engine *engine, struct instant now, node_number node);
void engine_peer_input(struct engine *engine, struct instant now, node_number node);
/* Or it could not be opened. */
void engine_peer_closed(struct engine *engine, struct instant now, node_number node);

/* ---- control's answers ---- */

/* `reply` is RESP. Unknown requests (timed out meanwhile) are ignored. */
void engine_control_answer(struct engine *engine, struct instant now, uint64_t request,
                           struct span reply);
void engine_link_answer(struct engine *engine, struct instant now, uint64_t link,
                        struct span messages);

#endif
