/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A link that another node opened, for its questions (link.c).
 */
#ifndef DUNLIN_NODE_LINK_H
#define DUNLIN_NODE_LINK_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/outbox.h"
#include "node/handshake.h"
#include "node/wait.h"

struct block;
struct engine;

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
    bool tracks;         /* the other node is told of changes; */
    bool tracks_lost;    /* some did not fit, and it is yet to be told so */
};

struct buffer *link_message(struct link *link);
/* The same for a message that ends with what is in pieces (base/outbox.h): it has a frame of its
 * own. It stands at `at` of the buffer, with the first `here` bytes of its last field. */
struct buffer *link_message_alone(struct link *link);
void link_end_alone(struct link *link, size_t at, size_t here, struct list *pieces);
/* Closes links whose handshake takes too long. */
void links_wake(struct engine *engine);
void links_turn_end(struct engine *engine);

#endif
