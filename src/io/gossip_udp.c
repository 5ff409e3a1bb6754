/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/gossip_udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/list.h"
#include "base/memory.h"
#include "gossip/gossip.h"
#include "io/listener.h"
#include "io/loop.h"

/* Datagrams taken in one turn. */
#define RECEIVES_PER_TURN 64

struct udp_socket {
    struct list member;
    struct gossip_udp *udp;
    struct event event;
    int fd;
    int family;
};

struct gossip_udp {
    struct loop *loop;
    gossip_udp_received *received;
    void *context;
    struct list sockets;
    bool local_only;
};

struct gossip_udp *gossip_udp_create(struct loop *loop, gossip_udp_received *received,
                                     void *context)
{
    struct gossip_udp *udp = memory_alloc(sizeof *udp);

    *udp = (struct gossip_udp){.loop = loop, .received = received, .context = context};
    list_init(&udp->sockets);
    return udp;
}

void gossip_udp_destroy(struct gossip_udp **udp)
{
    struct gossip_udp *u = *udp;

    *udp = NULL;
    while (!list_empty(&u->sockets)) {
        struct udp_socket *socket = list_entry(u->sockets.next, struct udp_socket, member);
        list_remove(&socket->member);
        event_del(&socket->event);
        close(socket->fd);
        memory_free(socket);
    }
    memory_free(u);
}

void gossip_udp_set_local_only(struct gossip_udp *udp, bool local_only)
{
    udp->local_only = local_only;
}

static void from_sockaddr(const struct sockaddr_storage *from, struct node_address *address)
{
    memset(address, 0, sizeof *address);
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)from;
        inet_ntop(AF_INET, &four->sin_addr, address->host, sizeof address->host);
        address->port = ntohs(four->sin_port);
    } else {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
        inet_ntop(AF_INET6, &six->sin6_addr, address->host, sizeof address->host);
        address->port = ntohs(six->sin6_port);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct udp_socket *socket = context;
    struct gossip_udp *udp = socket->udp;
    uint8_t datagram[GOSSIP_DATAGRAM_MAX + 1]; /* one more, so that what is too long is seen */

    (void)what;
    for (int i = 0; i < RECEIVES_PER_TURN; i++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        struct node_address address;
        const ssize_t got = recvfrom(fd, datagram, sizeof datagram, 0, (struct sockaddr *)&from,
                                     &size);
        if (got < 0)
            return;
        if (udp->local_only && !listener_is_local(&from))
            continue;
        from_sockaddr(&from, &address);
        udp->received(udp->context, &address, span_of(datagram, (size_t)got));
    }
}

bool gossip_udp_listen(struct gossip_udp *udp, const struct sockaddr_storage *address,
                       socklen_t size)
{
    const int on = 1;
    const int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    /* As the listeners have it: one that takes version 4 as well cannot stand beside one that does.
     */
    if (address->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, size) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return false;
    }
    struct udp_socket *socket = memory_alloc(sizeof *socket);
    socket->udp = udp;
    socket->fd = fd;
    socket->family = address->ss_family;
    list_append(&udp->sockets, &socket->member);
    event_assign(&socket->event, loop_base(udp->loop), fd, EV_READ | EV_PERSIST, on_readable,
                 socket);
    event_add(&socket->event, NULL);
    return true;
}

void gossip_udp_send(struct gossip_udp *udp, const struct node_address *to, struct span datagram)
{
    struct sockaddr_storage address;
    socklen_t size;

    if (!listener_address(to->host, to->port, &address, &size))
        return;
    list_for_each(link, &udp->sockets)
    {
        const struct udp_socket *socket = list_entry(link, struct udp_socket, member);
        if (socket->family != address.ss_family)
            continue;
        /* From a loopback address nothing goes to other machines: the next one may. */
        if (sendto(socket->fd, datagram.data, datagram.size, MSG_NOSIGNAL,
                   (const struct sockaddr *)&address, size) >= 0)
            return;
    }
}
