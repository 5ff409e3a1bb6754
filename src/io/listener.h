/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Listening sockets. Each worker has its own for each address, all of them on one port
 * (SO_REUSEPORT), so that the kernel spreads connections and no thread hands any to another. Since
 * that option lets a second server bind silently, listener_probe first asks for the port alone.
 */
#ifndef DUNLIN_IO_LISTENER_H
#define DUNLIN_IO_LISTENER_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/list.h"

struct loop;

/* A connection was accepted: `fd` is non-blocking, with TCP_NODELAY, and the callee's. */
typedef void listener_accepted(void *context, int fd);

struct listener {
    struct list link;
    struct loop *loop;
    int fd;
    struct event event;
    struct event retry; /* while there are no descriptors to accept with */
    listener_accepted *accepted;
    void *context;
};

/* One of the forms that `bind` takes ("127.0.0.1", "::1", "*", "::*"), with a port, as a socket
 * address. False when it is none. */
bool listener_address(const char *text, uint16_t port, struct sockaddr_storage *address,
                      socklen_t *size);

/* Whether it is an address of the loopback, which other machines do not have. */
bool listener_is_local(const struct sockaddr_storage *address);

/* Whether nobody listens at the address: 0, or an errno. `kind` is SOCK_STREAM or SOCK_DGRAM. */
int listener_probe(const struct sockaddr_storage *address, socklen_t size, int kind);

/* NULL with errno set. */
struct listener *listener_create(struct loop *loop, const struct sockaddr_storage *address,
                                 socklen_t size, int backlog, listener_accepted *accepted,
                                 void *context);
void listener_destroy(struct listener **listener);

/* "127.0.0.1:6379" or "[::1]:6379" for people. */
void listener_address_text(const struct sockaddr_storage *address, char *text, size_t size);

/* What a connected TCP socket needs: no delay, keepalive after so many seconds (0: none). */
void listener_tune(int fd, int64_t keepalive_s);

#endif
