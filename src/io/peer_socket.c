/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/options.h"
#include "io/listener.h"
#include "io/sockets.h"

static struct peer_socket *find(struct worker *worker, node_number number)
{
    return number < worker->peer_limit ? worker->peers[number] : NULL;
}

static struct peer_socket *find_or_create(struct worker *worker, node_number number)
{
    if (number >= worker->peer_limit) {
        const size_t limit = number + 16u;
        struct peer_socket **peers = memory_alloc_array(limit, sizeof peers[0]);
        if (worker->peer_limit > 0)
            memcpy(peers, worker->peers, worker->peer_limit * sizeof peers[0]);
        memory_free(worker->peers);
        worker->peers = peers;
        worker->peer_limit = limit;
    }
    if (worker->peers[number] == NULL) {
        struct peer_socket *socket = memory_alloc(sizeof *socket);
        socket->worker = worker;
        socket->number = number;
        socket->fd = -1;
        worker->peers[number] = socket;
    }
    return worker->peers[number];
}

static void count_bytes(struct peer_socket *socket)
{
    struct connection *connection = &socket->connection;

    metrics_add(socket->worker->metrics, METRIC_PEER_BYTES_IN, connection->bytes_in);
    metrics_add(socket->worker->metrics, METRIC_PEER_BYTES_OUT, connection->bytes_out);
    connection->bytes_in = connection->bytes_out = 0;
}

static void drop(struct peer_socket *socket)
{
    if (socket->fd >= 0) {
        event_del(&socket->connecting);
        close(socket->fd);
        socket->fd = -1;
    }
    if (socket->open)
        connection_close(&socket->connection);
    socket->open = false;
}

static struct peer_socket *socket_of(struct connection *connection)
{
    return list_entry(connection, struct peer_socket, connection);
}

static void on_input(struct connection *connection)
{
    struct peer_socket *socket = socket_of(connection);
    struct worker *worker = socket->worker;

    count_bytes(socket);
    engine_peer_input(worker->engine, loop_now(worker->loop), socket->number);
}

static void on_closed(struct connection *connection, int error)
{
    struct peer_socket *socket = socket_of(connection);
    struct worker *worker = socket->worker;

    (void)error;
    drop(socket);
    engine_peer_closed(worker->engine, loop_now(worker->loop), socket->number);
}

static const struct connection_calls calls = {.input = on_input, .closed = on_closed};

static void on_connected(evutil_socket_t fd, short what, void *context)
{
    struct peer_socket *socket = context;
    struct worker *worker = socket->worker;
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0 || (what & EV_TIMEOUT)) {
        drop(socket);
        engine_peer_closed(worker->engine, loop_now(worker->loop), socket->number);
        return;
    }
    event_del(&socket->connecting);
    socket->fd = -1;
    socket->open = true;
    listener_tune(fd, worker->options->tcp_keepalive);
    connection_init(&socket->connection, worker->loop, fd,
                    engine_peer_in(worker->engine, socket->number),
                    engine_peer_out(worker->engine, socket->number), &calls);
    engine_peer_opened(worker->engine, loop_now(worker->loop), socket->number);
}

/* A connection attempt to the node's bus address, or -1. */
static int connect_to(const struct view_node *node)
{
    struct sockaddr_storage address;
    socklen_t size;

    if (node == NULL || !listener_address(node->host, node->bus_port, &address, &size))
        return -1;
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

void peer_socket_open(void *context, node_number number)
{
    struct worker *worker = context;
    struct peer_socket *socket = find_or_create(worker, number);
    const int64_t wait_ms = worker->options->request_timeout_ms;
    const struct timeval limit = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};

    ensure(socket->fd < 0 && !socket->open);
    socket->fd = connect_to(view_node(worker->view, number));
    if (socket->fd < 0) {
        /* The engine is told later, not from within its own call. */
        worker_post_peer_failed(worker, number);
        return;
    }
    event_assign(&socket->connecting, loop_base(worker->loop), socket->fd, EV_WRITE, on_connected,
                 socket);
    event_add(&socket->connecting, &limit);
}

void peer_socket_close(void *context, node_number number)
{
    struct peer_socket *socket = find(context, number);

    if (socket != NULL)
        drop(socket);
}

void peer_socket_output(void *context, node_number number)
{
    struct peer_socket *socket = find(context, number);

    if (socket != NULL && socket->open)
        connection_output(&socket->connection);
}

void peer_sockets_destroy(struct worker *worker)
{
    for (size_t i = 0; i < worker->peer_limit; i++) {
        if (worker->peers[i] == NULL)
            continue;
        drop(worker->peers[i]);
        memory_free(worker->peers[i]);
    }
    memory_free(worker->peers);
}
