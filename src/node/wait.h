/* SPDX-License-Identifier: BSD-3-Clause
 *
 * WAIT (wait.c), and the writes that it waits for: those of one connection, in its trail. A write
 * whose reply is out lingers there until the last replica has answered for it.
 */
#ifndef DUNLIN_NODE_WAIT_H
#define DUNLIN_NODE_WAIT_H

#include "base/buffer.h"
#include "base/list.h"
#include "ring/ring.h"
#include "wire/wire.h"

struct client;
struct engine;
struct request;

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

#endif
