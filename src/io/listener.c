/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/loop.h"

/* Connections taken in one turn, where its time is not up before: with 10,000 opening at once the
 * others still get theirs. */
#define ACCEPTS_PER_TURN 64
/* One takes some ten system calls: as much time as that many bytes. */
#define ACCEPT_SPENDS 4096
/* How long nothing is accepted once the system has no descriptors or memory for it. */
#define RETRY_US 100000

bool listener_address(const char *text, uint16_t port, struct sockaddr_storage *address,
                      socklen_t *size)
{
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof *address);
    if (strcmp(text, "*") == 0)
        text = "0.0.0.0";
    else if (strcmp(text, "::*") == 0)
        text = "::";
    else if (strcmp(text, "localhost") == 0)
        text = "127.0.0.1";
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        *size = sizeof *four;
        return true;
    }
    if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        *size = sizeof *six;
        return true;
    }
    return false;
}

bool listener_is_local(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        return (ntohl(four->sin_addr.s_addr) >> 24) == 127;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    }
    return false;
}

static int open_socket(const struct sockaddr_storage *address, socklen_t size, int kind,
                       bool shared)
{
    const int on = 1;
    const int fd = socket(address->ss_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (kind == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, size) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int listener_probe(const struct sockaddr_storage *address, socklen_t size, int kind)
{
    const int fd = open_socket(address, size, kind, false);

    if (fd < 0)
        return errno;
    const int error = kind == SOCK_STREAM && listen(fd, 1) != 0 ? errno : 0;
    close(fd);
    return error;
}

void listener_tune(int fd, int64_t keepalive_s)
{
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (keepalive_s <= 0)
        return;
    const int idle_s = (int)keepalive_s;
    const int interval_s = idle_s / 3 > 0 ? idle_s / 3 : 1;
    const int probes = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    struct listener *listener = context;

    (void)fd;
    (void)what;
    event_add(&listener->event, NULL);
}

/* Who waits stays in the kernel's queue, and makes the socket readable for as long: without a rest
 * the loop would do nothing but ask again. */
static void rest(struct listener *listener)
{
    const struct timeval wait = {.tv_usec = RETRY_US};

    event_del(&listener->event);
    event_add(&listener->retry, &wait);
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    struct listener *listener = context;

    (void)what;
    (void)loop_now(listener->loop);
    loop_note(listener->loop, WORK_ACCEPT);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                rest(listener);
            return; /* the kernel will tell again */
        }
        listener->accepted(listener->context, accepted);
        if (loop_spend(listener->loop, ACCEPT_SPENDS))
            return;
    }
}

struct listener *listener_create(struct loop *loop, const struct sockaddr_storage *address,
                                 socklen_t size, int backlog, listener_accepted *accepted,
                                 void *context)
{
    const int fd = open_socket(address, size, SOCK_STREAM, true);

    if (fd < 0)
        return NULL;
    if (listen(fd, backlog) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return NULL;
    }
    struct listener *listener = memory_alloc(sizeof *listener);
    listener->loop = loop;
    listener->fd = fd;
    listener->accepted = accepted;
    listener->context = context;
    list_init(&listener->link);
    event_assign(&listener->event, loop_base(loop), fd, EV_READ | EV_PERSIST, on_acceptable,
                 listener);
    evtimer_assign(&listener->retry, loop_base(loop), on_retry, listener);
    event_add(&listener->event, NULL);
    return listener;
}

void listener_destroy(struct listener **listener)
{
    struct listener *l = *listener;

    *listener = NULL;
    event_del(&l->event);
    event_del(&l->retry);
    close(l->fd);
    memory_free(l);
}

void listener_address_text(const struct sockaddr_storage *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        snprintf(text, size, "%s:%u", host, ntohs(four->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        snprintf(text, size, "[%s]:%u", host, ntohs(six->sin6_port));
    } else {
        snprintf(text, size, "?:0");
    }
}
