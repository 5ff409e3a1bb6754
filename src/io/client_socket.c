/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/metrics.h"
#include "base/options.h"
#include "io/listener.h"
#include "io/sockets.h"

/* Who sent nothing for so long holds no buffers. */
#define IDLE_US 1000000
/* How often each is looked at, us, and at most how many in one turn. */
#define CHECK_US        500000
#define CHECKS_PER_TURN 200
/* A larger block is given back as soon as it is empty, bytes: the next large value of any client
 * takes the same one, which is in the caches. */
#define OUTPUT_KEEP (64 * 1024)

static struct client_socket *socket_of(struct connection *connection)
{
    return list_entry(connection, struct client_socket, connection);
}

static void count_bytes(struct client_socket *socket)
{
    struct connection *connection = &socket->connection;

    metrics_add(socket->worker->metrics, METRIC_NET_INPUT_BYTES,
                connection->bytes_in - socket->told_in);
    metrics_add(socket->worker->metrics, METRIC_NET_OUTPUT_BYTES,
                connection->bytes_out - socket->told_out);
    socket->told_in = connection->bytes_in;
    socket->told_out = connection->bytes_out;
}

void client_socket_close(struct client_socket *socket)
{
    struct worker *worker = socket->worker;

    loop_note(worker->loop, WORK_CLIENTS);
    count_bytes(socket);
    connection_close(&socket->connection);
    engine_client_closed(worker->engine, loop_now(worker->loop), socket->client);
    list_remove(&socket->member);
    memory_free(socket);
}

static void on_input(struct connection *connection)
{
    struct client_socket *socket = socket_of(connection);
    struct worker *worker = socket->worker;
    const struct instant now = loop_now(worker->loop);

    socket->active_us = now.mono_us;
    engine_client_input(worker->engine, now, socket->client);
}

static void on_closed(struct connection *connection, int error)
{
    (void)error;
    client_socket_close(socket_of(connection));
}

static void on_drained(struct connection *connection)
{
    struct client_socket *socket = socket_of(connection);

    socket->over_us = 0;
    count_bytes(socket);
    connection_rest(connection);
    connection_trim(connection, OUTPUT_KEEP);
    if (socket->closing)
        client_socket_close(socket);
    else if (connection->paused)
        engine_client_drained(socket->worker->engine, loop_now(socket->worker->loop),
                              socket->client);
}

static const struct connection_calls calls = {
    .input = on_input, .closed = on_closed, .drained = on_drained};

void client_socket_accepted(void *context, int fd)
{
    struct worker *worker = context;
    struct client_socket *socket = memory_alloc(sizeof *socket);
    struct sockaddr_storage remote = {0}, local = {0};
    socklen_t remote_size = sizeof remote, local_size = sizeof local;
    char remote_text[SESSION_ADDRESS_MAX], local_text[SESSION_ADDRESS_MAX];
    struct buffer refusal = {0};

    getpeername(fd, (struct sockaddr *)&remote, &remote_size);
    getsockname(fd, (struct sockaddr *)&local, &local_size);
    listener_address_text(&remote, remote_text, sizeof remote_text);
    listener_address_text(&local, local_text, sizeof local_text);
    listener_tune(fd, worker->options->tcp_keepalive);
    const struct engine_client about = {.address = remote_text,
                                        .local_address = local_text,
                                        .descriptor = fd,
                                        .local = listener_is_local(&remote)};
    const struct instant now = loop_now(worker->loop);
    socket->worker = worker;
    socket->active_us = socket->checked_us = now.mono_us;
    socket->client = engine_client_open(worker->engine, now, socket, &about, &refusal);
    if (socket->client == NULL) {
        (void)!send(fd, buffer_content(&refusal).data, buffer_size(&refusal), MSG_NOSIGNAL);
        close(fd);
        memory_free(socket);
    } else {
        list_append(&worker->clients, &socket->member);
        connection_init(&socket->connection, worker->loop, fd, engine_client_in(socket->client),
                        engine_client_out(socket->client), &calls);
    }
    buffer_deinit(&refusal);
}

void client_socket_output(void *context)
{
    struct client_socket *socket = context;

    connection_output(&socket->connection);
}

void client_socket_hold(void *context, bool hold)
{
    struct client_socket *socket = context;

    if (hold)
        connection_pause(&socket->connection);
    else
        connection_resume(&socket->connection);
}

void client_socket_finish(void *context)
{
    struct client_socket *socket = context;

    socket->closing = true;
    connection_pause(&socket->connection);
    if (outbox_size(engine_client_out(socket->client)) == 0)
        connection_emptied(&socket->connection);
    connection_output(&socket->connection);
}

/* client-output-buffer-limit, as Redis has it: over the hard limit at once, over the soft one for
 * so many seconds. */
static bool reads_too_slowly(struct client_socket *socket, int64_t now_us)
{
    const struct option_output_limit *limit = engine_client_limit(socket->client);
    const size_t waiting = outbox_size(engine_client_out(socket->client));

    if (limit->hard_bytes > 0 && waiting > limit->hard_bytes)
        return true;
    if (limit->soft_bytes == 0 || waiting <= limit->soft_bytes) {
        socket->over_us = 0;
        return false;
    }
    if (socket->over_us == 0)
        socket->over_us = now_us;
    return now_us - socket->over_us > (int64_t)limit->soft_seconds * 1000000;
}

static void check(struct client_socket *socket, int64_t now_us, int64_t timeout_us)
{
    struct worker *worker = socket->worker;

    list_remove(&socket->member);
    list_append(&worker->clients, &socket->member);
    socket->checked_us = now_us;
    if (reads_too_slowly(socket, now_us)) {
        metrics_add(worker->metrics, METRIC_CLIENT_LIMIT_CLOSES, 1);
        client_socket_close(socket);
    } else if (timeout_us > 0 && now_us - socket->active_us > timeout_us) {
        client_socket_close(socket);
    } else {
        count_bytes(socket);
        if (now_us - socket->active_us > IDLE_US)
            connection_trim(&socket->connection, 0);
    }
}

/* Who was looked at goes to the end of the list, so the first is always the next. */
void client_sockets_check(struct worker *worker)
{
    const int64_t now_us = loop_now(worker->loop).mono_us;
    const int64_t timeout_us = worker->options->timeout * 1000000;

    for (unsigned i = 0; i < CHECKS_PER_TURN && !list_empty(&worker->clients); i++) {
        struct client_socket *first = list_entry(worker->clients.next, struct client_socket,
                                                 member);
        if (now_us - first->checked_us < CHECK_US)
            return;
        loop_note(worker->loop, WORK_UPKEEP);
        check(first, now_us, timeout_us);
    }
}
