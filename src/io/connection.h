/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TCP connection of one loop, of any kind: a client's, a peer's question link or its answer link.
 * It moves bytes between a socket and a buffer and an outbox that belong to its owner, with raw
 * persistent libevent events, and does nothing else:
 *
 *   - what arrives is read into `in`, and the owner is told. The kernel tells of it once, when it
 *     arrives (EPOLLET), and is not asked again: what one read leaves is read in the next turn;
 *   - what the owner puts in `out` is written once at the end of the turn, after
 *     connection_output; what the socket does not take waits for it to become writable, and for
 *     the end of that turn; a write that fails is told in the next turn;
 *   - a reader may be held back (connection_pause) when its owner cannot take more.
 *
 * The structure is part of its owner's (caller's memory); closing it is the owner's decision.
 */
#ifndef DUNLIN_IO_CONNECTION_H
#define DUNLIN_IO_CONNECTION_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/outbox.h"

/* Room for one read, bytes: what a deep pipeline sends in a turn; more costs memory a connection.
 */
#define READ_ROOM (16 * 1024)
/* Room while a large value or frame arrives, bytes: fewer system calls. It is not so large that the
 * small messages that may follow would take long. */
#define READ_ROOM_LARGE (64 * 1024)
/* And while a very large one does. */
#define READ_ROOM_HUGE (256 * 1024)

/* Room for the next read into `in`, bytes. What the owner made for what it expects is filled first;
 * behind the begin of a message there is room in the same block, as long as that is half of it: it
 * does not grow, for it would not be given back. */
static inline size_t connection_room(const struct buffer *in)
{
    const size_t partial = buffer_size(in), free = in->capacity - in->tail;
    const size_t most = partial >= READ_ROOM_HUGE ? READ_ROOM_HUGE : READ_ROOM_LARGE;
    const size_t left = in->capacity - partial;

    if (partial < READ_ROOM)
        return left >= READ_ROOM / 2 && left < READ_ROOM ? left : READ_ROOM;
    return free > 0 && free < most ? free : most;
}

struct connection;
struct loop;

struct connection_calls {
    /* Bytes were appended to `in`. May close the connection. */
    void (*input)(struct connection *connection);
    /* The other side closed, or the socket failed (errno as `error`, 0: closed in order). The owner
     * calls connection_close, now or later. */
    void (*closed)(struct connection *connection, int error);
    /* All of `out` was written. Optional. */
    void (*drained)(struct connection *connection);
};

struct connection {
    struct list dirty_link;
    struct list
        unread_link; /* there may be more to read, of which the kernel does not tell again */
    struct loop *loop;
    int fd; /* -1 once closed */
    struct event read_event;
    struct event *write_event; /* the socket is full; NULL: it is not, as nearly always */
    struct buffer *in;
    struct outbox *out;
    const struct connection_calls *calls;
    bool paused; /* not reading */
    bool ended;  /* the other side has closed, behind what is there to be read */
    int error;   /* a write failed with this, and the owner is to be told */
    uint64_t bytes_in, bytes_out;
};

/* Takes over `fd`, which is connected and non-blocking, and begins to read. */
void connection_init(struct connection *connection, struct loop *loop, int fd, struct buffer *in,
                     struct outbox *out, const struct connection_calls *calls);
/* Closes the socket. Nothing is called any more. Harmless when it is closed. */
void connection_close(struct connection *connection);

/* There is something in `out`: write it when the turn ends. Cheap to repeat. */
void connection_output(struct connection *connection);
/* The owner has thrown away what was in `out`: nothing waits for the socket any more. */
void connection_emptied(struct connection *connection);
/* Gives the block of `in` to the loop's other connections, once it is used up. For an owner to whom
 * many idle connections belong. */
void connection_rest(struct connection *connection);
/* Gives back the memory of each buffer that is empty and larger than `keep` bytes. */
void connection_trim(struct connection *connection, size_t keep);
/* Writes what is in `out`, in one call of bounded size; for the loop. Returns the bytes written.
 */
size_t connection_flush(struct connection *connection);

/* Reads once; for the loop, of one that is unread. It may be gone afterwards. True when the turn
 * has had its time. */
bool connection_read(struct connection *connection);

void connection_pause(struct connection *connection);
void connection_resume(struct connection *connection);

#endif
