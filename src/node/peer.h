/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A link for questions to another node, with its circuit breaker (peer.c), and what comes back on
 * it (answers.c).
 */
#ifndef DUNLIN_NODE_PEER_H
#define DUNLIN_NODE_PEER_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/outbox.h"
#include "node/engine.h"
#include "node/handshake.h"
#include "node/task.h"
#include "wire/wire.h"

struct block;
struct engine;

/* Answers that are taken in one turn, of all peers, before the rest is left to the next: one is
 * about half a command. A hint that is kept counts as one more. */
#define PEER_ANSWERS_PER_TURN 512
/* As many are taken before the host is asked whether the turn is late. */
#define PEER_ANSWERS_UNASKED 32

enum peer_stage { PEER_CLOSED, PEER_OPENING, PEER_GREETING, PEER_OPEN };

/* Whether it tells this node of changes (track.c). */
enum peer_tracks { PEER_TRACKS_NOT, PEER_TRACK_ASKED, PEER_TRACKS };

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

    /* Answers that came, and are another turn's (PEER_ANSWERS_PER_TURN). */
    struct list unread; /* engine->unread_peers while there are any */
    size_t taken;       /* of the messages of the frame that `in` begins with, bytes */

    /* While requests learn that its link broke, and it is not opened again (answers_lost). */
    struct task losing;
    bool loses;
    size_t losing_at, losing_end; /* slots of requests */

    /* The circuit breaker: open while questions wait and nothing is heard. */
    int64_t asked_us; /* when the first question since anything was heard went out; 0: none */
    bool tripped;
    int64_t ping_us;  /* when it is asked again whether it is back */
    int64_t sent_us;  /* when a frame was begun last */
    int64_t usual_us; /* a moving average of how long an answer takes */
    int64_t created_us;
    enum peer_tracks tracks;
    uint64_t track_id;  /* of the last TRACK */
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
/* Goes on with answers that a turn was too short for. */
void peers_proceed(struct engine *engine);
void peers_turn_end(struct engine *engine);
void peers_destroy(struct engine *engine);

/* ---- answers (answers.c) ---- */

/* Gives a message to whoever asked. False: it is no answer. */
bool answers_take(struct peer *peer, const struct wire_message *message);
/* Its link broke: every request that waits for the node learns that it will not answer, in steps.
 * What is begun meanwhile knows it already, and so it is not opened again before all is done. */
void answers_lost(struct peer *peer);
extern const struct task_kind answers_losing;

#endif
