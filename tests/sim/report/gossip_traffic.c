/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gossip costs a cluster at rest: nobody comes, nobody goes, nothing is lost.
 */
#include "sim/report/gossip_parts.h"

void gossip_traffic_measure(uint64_t seed, size_t nodes, int64_t duration_us,
                            struct gossip_traffic *traffic)
{
    struct mesh *mesh = gossip_cluster(seed, nodes, &gossip_variants[VARIANT_LIFEGUARD]);
    const double node_seconds = (double)nodes * (double)duration_us / (double)SECOND_US;
    const size_t datagrams = mesh->datagrams;
    const uint64_t datagram_bytes = mesh->datagram_bytes, exchange_bytes = mesh->exchange_bytes;

    mesh_run(mesh, duration_us);
    *traffic = (struct gossip_traffic){
        .datagrams = (double)(mesh->datagrams - datagrams) / node_seconds,
        .datagram_bytes = (double)(mesh->datagram_bytes - datagram_bytes) / node_seconds,
        .exchange_bytes = (double)(mesh->exchange_bytes - exchange_bytes) / node_seconds,
    };
    mesh_destroy(&mesh);
}
