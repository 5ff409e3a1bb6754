/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gossip costs a cluster at rest: nobody comes, nobody goes, nothing is lost. It begins when
 * all have met: each pair of nodes challenges each other once, which is some 2n datagrams from each
 * node in its first n periods and then none.
 */
#include "sim/report/gossip_parts.h"

void gossip_traffic_measure(struct mesh *mesh, int64_t duration_us, struct gossip_traffic *traffic)
{
    const double node_seconds = (double)mesh->count * (double)duration_us / (double)SECOND_US;
    uint64_t datagrams, datagram_bytes, exchange_bytes;

    gossip_meet(mesh);
    datagrams = mesh->datagrams;
    datagram_bytes = mesh->datagram_bytes;
    exchange_bytes = mesh->exchange_bytes;
    mesh_run(mesh, duration_us);
    *traffic = (struct gossip_traffic){
        .datagrams = (double)(mesh->datagrams - datagrams) / node_seconds,
        .datagram_bytes = (double)(mesh->datagram_bytes - datagram_bytes) / node_seconds,
        .exchange_bytes = (double)(mesh->exchange_bytes - exchange_bytes) / node_seconds,
    };
}
