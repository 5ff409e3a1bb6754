/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The UDP side of gossip: a socket for each address that the node listens on, at the bus port.
 */
#ifndef DUNLIN_IO_GOSSIP_UDP_H
#define DUNLIN_IO_GOSSIP_UDP_H

#include <sys/socket.h>

#include "base/buffer.h"
#include "gossip/record.h"

struct gossip_udp;
struct loop;

typedef void gossip_udp_received(void *context, const struct node_address *from,
                                 struct span datagram);

struct gossip_udp *gossip_udp_create(struct loop *loop, gossip_udp_received *received,
                                     void *context);
void gossip_udp_destroy(struct gossip_udp **udp);

/* Whether datagrams of other machines are dropped unread. */
void gossip_udp_set_local_only(struct gossip_udp *udp, bool local_only);
/* Listens at one more address; false with errno. */
bool gossip_udp_listen(struct gossip_udp *udp, const struct sockaddr_storage *address,
                       socklen_t size);
/* Sends from the first socket that can send there; what cannot be sent is lost. */
void gossip_udp_send(struct gossip_udp *udp, const struct node_address *to, struct span datagram);

#endif
