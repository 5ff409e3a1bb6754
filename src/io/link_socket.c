/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/metrics.h"
#include "base/options.h"
#include "io/listener.h"
#include "io/sockets.h"

static struct link_socket *socket_of(struct connection *connection)
{
    return list_entry(connection, struct link_socket, connection);
}

void link_socket_close(struct link_socket *socket)
{
    connection_close(&socket->connection);
    engine_link_closed(socket->worker->engine, socket->link);
    list_remove(&socket->member);
    memory_free(socket);
}

static void on_input(struct connection *connection)
{
    struct link_socket *socket = socket_of(connection);
    struct worker *worker = socket->worker;

    metrics_add(worker->metrics, METRIC_PEER_BYTES_IN, connection->bytes_in);
    metrics_add(worker->metrics, METRIC_PEER_BYTES_OUT, connection->bytes_out);
    connection->bytes_in = connection->bytes_out = 0;
    engine_link_input(worker->engine, loop_now(worker->loop), socket->link);
    /* Who asks and does not read the answers is not listened to until it has. */
    if (outbox_size(connection->out) > worker->options->peer_queue_bytes)
        connection_pause(connection);
}

static void on_closed(struct connection *connection, int error)
{
    (void)error;
    link_socket_close(socket_of(connection));
}

static void on_drained(struct connection *connection)
{
    struct link_socket *socket = socket_of(connection);

    if (socket->closing)
        link_socket_close(socket);
    else
        connection_resume(connection);
}

static const struct connection_calls calls = {
    .input = on_input, .closed = on_closed, .drained = on_drained};

/* protected-mode: a node of another machine proves itself, or is no more welcome than a client. */
static bool may_link(const struct worker *worker, int fd)
{
    struct sockaddr_storage remote = {0};
    socklen_t size = sizeof remote;

    return options_open_to_peers(worker->options) ||
           (getpeername(fd, (struct sockaddr *)&remote, &size) == 0 && listener_is_local(&remote));
}

void link_socket_accepted(void *context, int fd)
{
    struct worker *worker = context;

    if (!may_link(worker, fd)) {
        close(fd);
        return;
    }
    struct link_socket *socket = memory_alloc(sizeof *socket);
    listener_tune(fd, worker->options->tcp_keepalive);
    socket->worker = worker;
    socket->link = engine_link_open(worker->engine, loop_now(worker->loop), socket);
    list_append(&worker->links, &socket->member);
    connection_init(&socket->connection, worker->loop, fd, engine_link_in(socket->link),
                    engine_link_out(socket->link), &calls);
}

void link_socket_output(void *context)
{
    struct link_socket *socket = context;

    connection_output(&socket->connection);
}

void link_socket_finish(void *context)
{
    struct link_socket *socket = context;

    socket->closing = true;
    connection_pause(&socket->connection);
    connection_output(&socket->connection);
}
