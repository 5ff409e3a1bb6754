/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/caller.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/memory.h"
#include "gossip/gossip.h"
#include "io/connection.h"
#include "io/listener.h"
#include "io/loop.h"

/* The longest answer: a ring or an exchange of records. */
#define ANSWER_MAX (32u << 20)

struct caller {
    struct loop *loop;
    const struct caller_calls *calls;
    void *host;
    struct rng rng;
    struct list conversations;
};

/* One call. */
struct conversation {
    struct list member;
    struct caller *caller;
    uint64_t call;
    struct event waiting; /* to be connected, and for the time-out all along */
    struct event timeout;
    int fd; /* while connecting, or -1 */
    bool connected;
    struct connection connection;
    struct handshake handshake;
    struct buffer in, question;
    struct outbox out;
};

static void end(struct conversation *conversation, struct span answer, const char *error)
{
    struct caller *caller = conversation->caller;
    const uint64_t call = conversation->call;

    event_del(&conversation->timeout);
    if (conversation->fd >= 0) {
        event_del(&conversation->waiting);
        close(conversation->fd);
    }
    if (conversation->connected)
        connection_close(&conversation->connection);
    list_remove(&conversation->member);
    if (caller->calls != NULL)
        caller->calls->answer(caller->host, call, answer, error);
    buffer_deinit(&conversation->in);
    outbox_deinit(&conversation->out);
    buffer_deinit(&conversation->question);
    memory_free(conversation);
}

static void fail(struct conversation *conversation, const char *error)
{
    end(conversation, span_of(NULL, 0), error);
}

static struct conversation *conversation_of(struct connection *connection)
{
    return list_entry(connection, struct conversation, connection);
}

static void ask(struct conversation *conversation)
{
    const size_t frame = wire_frame_begin(&conversation->out.head, 0, 0);

    buffer_append_span(&conversation->out.head, buffer_content(&conversation->question));
    wire_frame_end(&conversation->out.head, frame);
    connection_output(&conversation->connection);
}

/* False when the conversation has ended. */
static bool greet(struct conversation *conversation, struct wire_frame *frame)
{
    struct caller *caller = conversation->caller;
    const struct handshake_self self = caller->calls->self(caller->host);
    struct wire_message message;
    const char *error = "an empty frame in the handshake";

    if (wire_next_message(&frame->messages, &message, &error) != WIRE_OK) {
        fail(conversation, error);
        return false;
    }
    switch (handshake_message(&conversation->handshake, &self, &message, &conversation->out.head)) {
    case HANDSHAKE_WAITING:
        return true;
    case HANDSHAKE_DONE:
        ask(conversation);
        return true;
    case HANDSHAKE_FAILED:
        fail(conversation, conversation->handshake.error);
        return false;
    }
    return false;
}

static void on_input(struct connection *connection)
{
    struct conversation *conversation = conversation_of(connection);
    struct wire_frame frame;

    for (;;) {
        const enum wire_result result = wire_next_frame(buffer_content(&conversation->in),
                                                        ANSWER_MAX, &frame);
        if (result == WIRE_MORE)
            return;
        if (result != WIRE_OK) {
            fail(conversation, frame.error);
            return;
        }
        if (conversation->handshake.state == HANDSHAKE_DONE) {
            end(conversation,
                span_of(frame.messages.at, (size_t)(frame.messages.end - frame.messages.at)), NULL);
            return;
        }
        if (!greet(conversation, &frame))
            return;
        buffer_consume(&conversation->in, frame.size);
    }
}

static void on_closed(struct connection *connection, int error)
{
    fail(conversation_of(connection), error != 0 ? strerror(error) : "it closed the connection");
}

static const struct connection_calls connection_calls = {.input = on_input, .closed = on_closed};

static void on_timeout(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct conversation *conversation = context;

    fail(conversation,
         conversation->connected ? "it did not answer in time" : "it could not be reached in time");
}

static void on_connected(evutil_socket_t fd, short what, void *context)
{
    struct conversation *conversation = context;
    struct caller *caller = conversation->caller;
    const struct handshake_self self = caller->calls->self(caller->host);
    int error = 0;
    socklen_t size = sizeof error;

    (void)what;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        fail(conversation, strerror(error));
        return;
    }
    event_del(&conversation->waiting);
    conversation->fd = -1;
    conversation->connected = true;
    listener_tune(fd, 0);
    connection_init(&conversation->connection, caller->loop, fd, &conversation->in,
                    &conversation->out, &connection_calls);
    handshake_open(&conversation->handshake, &self, WIRE_ROLE_CONTROL, NULL, &caller->rng,
                   &conversation->out.head);
    connection_output(&conversation->connection);
}

/* An immediate failure is told by the time-out event, made due: never from within the call. */
static void begin(struct conversation *conversation, const struct node_address *to,
                  int64_t timeout_ms)
{
    struct event_base *base = loop_base(conversation->caller->loop);
    struct sockaddr_storage address;
    socklen_t size;
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

    evtimer_assign(&conversation->timeout, base, on_timeout, conversation);
    conversation->fd = -1;
    if (listener_address(to->host, to->port, &address, &size))
        conversation->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conversation->fd >= 0 &&
        connect(conversation->fd, (const struct sockaddr *)&address, size) != 0 &&
        errno != EINPROGRESS) {
        close(conversation->fd);
        conversation->fd = -1;
    }
    if (conversation->fd >= 0) {
        event_assign(&conversation->waiting, base, conversation->fd, EV_WRITE, on_connected,
                     conversation);
        event_add(&conversation->waiting, NULL);
    } else {
        limit = (struct timeval){0};
    }
    event_add(&conversation->timeout, &limit);
}

void caller_call(struct caller *caller, uint64_t call, const struct node_address *to,
                 struct span messages, int64_t timeout_ms)
{
    struct conversation *conversation = memory_alloc(sizeof *conversation);

    outbox_init(&conversation->out);
    conversation->caller = caller;
    conversation->call = call;
    buffer_append_span(&conversation->question, messages);
    list_append(&caller->conversations, &conversation->member);
    begin(conversation, to, timeout_ms);
}

struct caller *caller_create(struct loop *loop, const struct caller_calls *calls, void *host,
                             uint64_t seed)
{
    struct caller *caller = memory_alloc(sizeof *caller);

    *caller = (struct caller){.loop = loop, .calls = calls, .host = host};
    rng_init(&caller->rng, seed);
    list_init(&caller->conversations);
    return caller;
}

void caller_destroy(struct caller **caller)
{
    struct caller *c = *caller;

    *caller = NULL;
    c->calls = NULL; /* nobody is told any more */
    while (!list_empty(&c->conversations))
        fail(list_entry(c->conversations.next, struct conversation, member), "");
    memory_free(c);
}
