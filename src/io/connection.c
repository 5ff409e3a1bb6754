/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "io/loop.h"

/* To close a connection and free what belongs to it takes as much of a turn as so many bytes. */
#define CLOSE_SPENDS 4096
/* The most that one write hands to the kernel, bytes: it copies them, and on loopback the same call
 * also runs the receiver's side. What is left waits for the socket, which is writable or will be.
 */
#define WRITE_MAX (256 * 1024)
/* And the most places that it takes them from. */
#define PIECES_A_WRITE 16

/* recv and send of the C library are points where a thread may be cancelled: in a program of
 * several threads that costs two locked instructions a call. No thread is cancelled here. */
static ssize_t receive(int fd, void *at, size_t room)
{
    return syscall(SYS_recvfrom, fd, at, room, 0, NULL, NULL);
}

static ssize_t transmit(int fd, struct span bytes)
{
    return syscall(SYS_sendto, fd, bytes.data, bytes.size, MSG_NOSIGNAL, NULL, 0);
}

/* The owner is told in the next turn, for it may be in the middle of something. */
static void fail_later(struct connection *connection, int error)
{
    connection->error = error;
    event_active(&connection->read_event, EV_READ, 0);
}

static bool try_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Returns how much of the turn that takes, as bytes. The owner may have freed the connection. */
static size_t read_some(struct connection *connection)
{
    struct buffer *in = connection->in;
    const size_t room = connection_room(in);

    if (in->block == NULL && !in->failed)
        loop_lend(connection->loop, in);
    uint8_t *at = buffer_reserve(in, room);
    int error = connection->error != 0 ? connection->error : at == NULL ? ENOMEM : 0;

    if (error == 0) {
        const ssize_t got = receive(connection->fd, at, room);
        if (got > 0) {
            /* Less than there was room for is all that there was, but for an end that has come. */
            if ((size_t)got == room || connection->ended)
                loop_mark_unread(connection->loop, &connection->unread_link);
            buffer_commit(in, (size_t)got);
            connection->bytes_in += (uint64_t)got;
            connection->calls->input(connection);
            return (size_t)got;
        }
        error = errno;
        if (got < 0 && try_again(error))
            return 0;
        if (got == 0)
            error = 0;
    }
    connection->calls->closed(connection, error);
    return CLOSE_SPENDS;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    (void)fd;
    connection->ended |= (what & EV_CLOSED) != 0;
    (void)connection_read(connection);
}

bool connection_read(struct connection *connection)
{
    struct loop *loop = connection->loop;

    (void)loop_now(loop);
    return loop_spend(loop, read_some(connection));
}

static void stop_waiting(struct connection *connection)
{
    if (connection->write_event == NULL)
        return;
    event_del(connection->write_event);
    memory_free(connection->write_event);
    connection->write_event = NULL;
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    (void)fd;
    (void)what;
    (void)loop_now(connection->loop);
    stop_waiting(connection);
    /* Not at once: the owner may be in the middle of a frame that this turn is to complete. */
    connection_output(connection);
}

void connection_init(struct connection *connection, struct loop *loop, int fd, struct buffer *in,
                     struct outbox *out, const struct connection_calls *calls)
{
    *connection = (struct connection){.loop = loop, .fd = fd, .in = in, .out = out, .calls = calls};
    list_init(&connection->dirty_link);
    list_init(&connection->unread_link);
    event_assign(&connection->read_event, loop_base(loop), fd,
                 EV_READ | EV_CLOSED | EV_PERSIST | EV_ET, on_readable, connection);
    event_add(&connection->read_event, NULL);
}

/* What is left is written when the socket takes it, and others come before. */
static void go_on(struct connection *connection)
{
    connection->write_event = memory_alloc(sizeof *connection->write_event);
    event_assign(connection->write_event, loop_base(connection->loop), connection->fd,
                 EV_WRITE | EV_ET, on_writable, connection);
    event_add(connection->write_event, NULL);
}

void connection_close(struct connection *connection)
{
    if (connection->fd < 0)
        return;
    event_del(&connection->read_event);
    stop_waiting(connection);
    list_remove(&connection->dirty_link);
    list_remove(&connection->unread_link);
    close(connection->fd);
    connection->fd = -1;
}

void connection_output(struct connection *connection)
{
    if (connection->fd >= 0 && connection->write_event == NULL && connection->error == 0 &&
        list_empty(&connection->dirty_link))
        loop_mark_dirty(connection->loop, &connection->dirty_link);
}

void connection_emptied(struct connection *connection)
{
    stop_waiting(connection);
}

/* In one call, also where what is to be written lies in several places. */
static ssize_t write_some(const struct connection *connection)
{
    struct span spans[PIECES_A_WRITE];
    struct iovec pieces[PIECES_A_WRITE];
    size_t room = WRITE_MAX;

    const size_t count = outbox_gather(connection->out, spans, PIECES_A_WRITE, room);
    for (size_t i = 0; i < count; i++) {
        const size_t size = spans[i].size < room ? spans[i].size : room;
        pieces[i] = (struct iovec){.iov_base = (void *)(uintptr_t)spans[i].data, .iov_len = size};
        room -= size;
    }
    if (count == 1)
        return transmit(connection->fd, span_of(spans[0].data, pieces[0].iov_len));
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    return sendmsg(connection->fd, &message, MSG_NOSIGNAL);
}

size_t connection_flush(struct connection *connection)
{
    ssize_t sent = 0;

    if (connection->fd < 0 || connection->write_event != NULL || connection->error != 0)
        return 0;
    /* Something between the bytes that are there is missing: the other side would misread the rest.
     */
    if (outbox_failed(connection->out)) {
        fail_later(connection, ENOMEM);
        return 0;
    }
    if (outbox_size(connection->out) > 0) {
        sent = write_some(connection);
        if (sent < 0 && !try_again(errno)) {
            fail_later(connection, errno);
            return 0;
        }
        if (sent > 0) {
            outbox_consume(connection->out, (size_t)sent);
            connection->bytes_out += (uint64_t)sent;
        }
        if (outbox_size(connection->out) > 0 || outbox_failed(connection->out)) {
            go_on(connection);
            return sent > 0 ? (size_t)sent : 0;
        }
    }
    if (connection->calls->drained != NULL)
        connection->calls->drained(connection);
    return sent > 0 ? (size_t)sent : 0;
}

void connection_rest(struct connection *connection)
{
    struct buffer *in = connection->in;

    if (buffer_size(in) > 0 || in->capacity < READ_ROOM || in->failed)
        return;
    if (in->capacity != READ_ROOM || !loop_take_back(connection->loop, in))
        buffer_deinit(in);
}

void connection_trim(struct connection *connection, size_t keep)
{
    struct buffer *both[] = {connection->in, &connection->out->head};

    for (size_t i = 0; i < 2; i++)
        if (buffer_size(both[i]) == 0 && both[i]->capacity > keep && !both[i]->failed)
            buffer_reset(both[i], keep);
}

void connection_pause(struct connection *connection)
{
    if (connection->fd >= 0 && !connection->paused) {
        connection->paused = true;
        list_remove(&connection->unread_link); /* the kernel tells anew when reading goes on */
        if (connection->error == 0)            /* else the event is to tell of it */
            event_del(&connection->read_event);
    }
}

void connection_resume(struct connection *connection)
{
    if (connection->fd >= 0 && connection->paused) {
        connection->paused = false;
        event_add(&connection->read_event, NULL);
    }
}
