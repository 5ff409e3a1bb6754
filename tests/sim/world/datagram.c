/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Datagrams: what gossip is sent in (net.h).
 */
#include <inttypes.h>
#include <xxhash.h>

#include "base/memory.h"
#include "sim/world/control.h"
#include "sim/world/net.h"
#include "sim/world/node.h"

struct datagram {
    struct list link; /* world->datagrams */
    struct world *world;
    unsigned from, to;
    unsigned from_place, place; /* where they listened, or are thought to */
    size_t size;
    uint8_t bytes[];
};

static void free_datagram(struct datagram *datagram)
{
    list_remove(&datagram->link);
    memory_free(datagram);
}

static void arrive(void *object, uint64_t number)
{
    struct datagram *datagram = object;
    struct world *world = datagram->world;
    struct sim_node *node = world->nodes[datagram->to];

    if (sim_node_defers(node, arrive, object, number))
        return;
    if (node->control != NULL && node->place == datagram->place &&
        !world->routes[datagram->from][datagram->to].blocked) {
        world_trace_bytes(world, "%u>%u datagram %zu %016" PRIx64, datagram->from, datagram->to,
                          datagram->size, (uint64_t)XXH3_64bits(datagram->bytes, datagram->size));
        sim_control_datagram(node, datagram->from, datagram->from_place,
                             span_of(datagram->bytes, datagram->size));
    }
    free_datagram(datagram);
}

/* When it arrives: behind the ones before it, if it is not a late one. */
static int64_t draw_arrival_us(struct world *world, unsigned from, unsigned to, size_t size)
{
    struct world_route *route = &world->routes[from][to];
    const int64_t delay_us = net_delay_us(world, from);
    const int64_t at_us = net_pass_us(world, from, to, size) + delay_us;
    const unsigned late = world->lines[from].late_percent;

    if (late > 0 && world_chance(world, late, 100))
        return at_us + world_draw(world, 0, NET_LATE_US);
    if (at_us > route->datagram_us)
        route->datagram_us = at_us;
    return route->datagram_us;
}

static void send_once(struct world *world, unsigned from, unsigned to, unsigned place,
                      struct span bytes)
{
    struct datagram *datagram = memory_alloc(sizeof *datagram + bytes.size);

    datagram->world = world;
    datagram->from = from;
    datagram->from_place = world->nodes[from]->place;
    datagram->to = to;
    datagram->place = place;
    datagram->size = bytes.size;
    memcpy(datagram->bytes, bytes.data, bytes.size);
    list_append(&world->datagrams, &datagram->link);
    events_add(&world->events, draw_arrival_us(world, from, to, bytes.size), arrive, datagram, 0);
}

static unsigned loss_percent(const struct world *world, unsigned from, unsigned to)
{
    const unsigned out = world->lines[from].loss_percent;
    const unsigned in = world->lines[to].loss_percent;

    return out > in ? out : in;
}

void net_send_datagram(struct world *world, unsigned from, unsigned to, unsigned place,
                       struct span bytes)
{
    const unsigned loss = loss_percent(world, from, to);
    const unsigned twice = world->lines[from].double_percent;

    if (world->routes[from][to].free_us > world->now_us + NET_QUEUE_US ||
        (loss > 0 && world_chance(world, loss, 100)))
        return;
    send_once(world, from, to, place, bytes);
    if (twice > 0 && world_chance(world, twice, 100))
        send_once(world, from, to, place, bytes);
}

void net_destroy_datagrams(struct world *world)
{
    list_for_each_removable(at, &world->datagrams)
        free_datagram(list_entry(at, struct datagram, link));
}
