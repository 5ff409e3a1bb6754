/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip_net.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"

#define CLIENT_PORT 7000

enum packet_kind {
    PACKET_DATAGRAM,
    PACKET_CONNECT, /* the sender opens an exchange */
    PACKET_REQUEST,
    PACKET_REPLY,
};

struct packet {
    enum packet_kind kind;
    int64_t at_us;
    uint64_t order;
    size_t from;
    unsigned from_life;
    struct node_address to; /* bus address */
    size_t size;
    uint8_t bytes[];
};

static bool earlier(const struct packet *a, const struct packet *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void heap_push(struct net *net, struct packet *packet)
{
    size_t at = net->packet_count++;

    if (at == net->packet_capacity) {
        net->packet_capacity = at ? at * 2 : 256;
        net->packets = memory_try_realloc(net->packets, net->packet_capacity * sizeof packet);
        ensure(net->packets != NULL);
    }
    for (; at > 0 && earlier(packet, net->packets[(at - 1) / 2]); at = (at - 1) / 2)
        net->packets[at] = net->packets[(at - 1) / 2];
    net->packets[at] = packet;
}

static struct packet *heap_pop(struct net *net)
{
    struct packet *top = net->packets[0], *last = net->packets[--net->packet_count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < net->packet_count) {
        if (child + 1 < net->packet_count && earlier(net->packets[child + 1], net->packets[child]))
            child++;
        if (!earlier(net->packets[child], last))
            break;
        net->packets[at] = net->packets[child];
        at = child;
    }
    net->packets[at] = last;
    return top;
}

static void note(struct net *net, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++)
        net->trace = (net->trace ^ at[i]) * UINT64_C(0x100000001b3);
}

static void put(struct net *net, enum packet_kind kind, size_t from, const struct node_address *to,
                struct span bytes, int64_t delay_us)
{
    struct packet *packet = memory_alloc(sizeof *packet + bytes.size);

    packet->kind = kind;
    packet->at_us = net->now_us + delay_us;
    packet->order = net->packet_order++;
    packet->from = from;
    packet->from_life = net->nodes[from].lives;
    packet->to = *to;
    packet->size = bytes.size;
    if (bytes.size > 0)
        memcpy(packet->bytes, bytes.data, bytes.size);
    note(net, &packet->at_us, sizeof packet->at_us);
    note(net, packet->bytes, packet->size);
    heap_push(net, packet);
}

static int64_t delay(struct net *net)
{
    return net->delay_min_us +
           (int64_t)rng_below(&net->rng, (uint64_t)(net->delay_max_us - net->delay_min_us) + 1);
}

/* ------------------------------------------------------------------------ what the nodes ask for
 */

static void on_send(void *host, const struct node_address *to, struct span datagram)
{
    struct net_node *node = host;
    struct net *net = node->net;

    ensure(datagram.size <= GOSSIP_DATAGRAM_MAX);
    net->datagrams++;
    if (!rng_chance(&net->rng, net->loss_percent, 100))
        put(net, PACKET_DATAGRAM, node->index, to, datagram, delay(net));
    if (rng_chance(&net->rng, net->duplicate_percent, 100))
        put(net, PACKET_DATAGRAM, node->index, to, datagram, delay(net));
}

static void on_exchange(void *host, const struct node_address *to)
{
    struct net_node *node = host;

    put(node->net, PACKET_CONNECT, node->index, to, span_of(NULL, 0), delay(node->net));
}

static bool on_kept(void *host, struct identity identity)
{
    struct net_node *node = host;

    (void)identity;
    return node->net->keep_dead;
}

static struct net_node *node_of(struct net *net, const struct identity *identity)
{
    for (size_t i = 0; i < net->count; i++) {
        struct identity other = net_identity(i);

        if (identity_equal(&other, identity))
            return &net->nodes[i];
    }
    return NULL;
}

static void on_event(void *host, const struct gossip_event *event)
{
    struct net_node *node = host;
    struct net *net = node->net;
    const struct net_node *subject;

    node->events[event->kind]++;
    node->restarts_seen += event->restarted;
    if (event->kind == GOSSIP_EVENT_IDENTITY_CLASH)
        node->clash_ours_is_later = event->ours_is_later;
    if (event->kind != GOSSIP_EVENT_DEAD)
        return;
    net->death_seen_us[node->index] = net->now_us;
    subject = node_of(net, &event->record->identity);
    if (subject != NULL && subject->gossip != NULL && !subject->paused && !node->paused &&
        net->now_us >= subject->excused_until_us && subject->group == node->group)
        net->false_deaths++;
}

static const struct gossip_calls calls = {
    .send = on_send, .event = on_event, .exchange = on_exchange, .kept = on_kept};

/* ------------------------------------------------------------------------------------- the nodes
 */

struct net *net_create(uint64_t seed)
{
    struct net *net = memory_alloc(sizeof *net);

    net->seed = seed;
    rng_init(&net->rng, seed);
    net->now_us = 1000000;
    net->delay_min_us = 200;
    net->delay_max_us = 5000;
    net->keep_dead = true;
    net->trace = UINT64_C(0xcbf29ce484222325);
    return net;
}

void net_destroy(struct net **net)
{
    while ((*net)->packet_count > 0)
        memory_free(heap_pop(*net));
    for (size_t i = 0; i < (*net)->count; i++) {
        if ((*net)->nodes[i].gossip != NULL)
            gossip_destroy(&(*net)->nodes[i].gossip);
    }
    memory_free((*net)->packets);
    memory_free(*net);
    *net = NULL;
}

struct identity net_identity(size_t index)
{
    struct identity identity = {{0}};

    identity.bytes[0] = (uint8_t)(index * 37);
    identity.bytes[1] = (uint8_t)(index + 1);
    identity.bytes[15] = 0xd5;
    return identity;
}

struct instant net_instant(const struct net *net, size_t index)
{
    /* Each node's monotonic clock starts elsewhere; their wall clocks are some ms apart. */
    return (struct instant){.wall_ms = INT64_C(1700000000000) + net->now_us / 1000 + (int64_t)index,
                            .mono_us = net->now_us + (int64_t)index * 1000000000};
}

struct gossip_options net_options(struct net *net, size_t index)
{
    struct gossip_options options = gossip_options_default;
    struct net_node *node = &net->nodes[index];

    snprintf(node->address.host, sizeof node->address.host, "node-%zu", index);
    node->address.port = CLIENT_PORT;
    options.identity = net_identity(index);
    options.host = node->address.host;
    options.client_port = CLIENT_PORT;
    options.zone = "";
    options.boot = (uint64_t)net_instant(net, index).wall_ms;
    options.boot_nonce = rng_next(&net->rng);
    options.seed = rng_next(&net->rng);
    options.cluster_name = SPAN("test");
    return options;
}

void net_start(struct net *net, size_t index, const struct gossip_options *options)
{
    struct net_node *node = &net->nodes[index];

    ensure(node->gossip == NULL && index < NET_NODES_MAX);
    if (index >= net->count)
        net->count = index + 1;
    node->net = net;
    node->index = index;
    node->paused = false;
    node->lives++;
    memset(node->events, 0, sizeof node->events);
    if (options->host != node->address.host)
        snprintf(node->address.host, sizeof node->address.host, "%s", options->host);
    node->gossip = gossip_create(options, &calls, node);
}

void net_start_cluster(struct net *net, size_t count)
{
    struct node_address seeds[2] = {{.host = "node-0", .port = CLIENT_PORT},
                                    {.host = "node-1", .port = CLIENT_PORT}};

    for (size_t i = 0; i < count; i++) {
        struct gossip_options options = net_options(net, i);

        options.seeds = seeds;
        options.seed_count = 2;
        net_start(net, i, &options);
        net_run(net, 1000000 / (int64_t)count);
    }
}

void net_crash(struct net *net, size_t index)
{
    gossip_destroy(&net->nodes[index].gossip);
}

void net_pause(struct net *net, size_t index)
{
    net->nodes[index].paused = true;
}

void net_resume(struct net *net, size_t index)
{
    net->nodes[index].paused = false;
    net->nodes[index].excused_until_us = net->now_us + 1000000;
}

/* --------------------------------------------------------------------------------------- the run
 */

static struct net_node *node_at(struct net *net, const struct node_address *bus)
{
    for (size_t i = 0; i < net->count; i++) {
        if (bus->port == CLIENT_PORT + GOSSIP_BUS_OFFSET &&
            strcmp(net->nodes[i].address.host, bus->host) == 0 && net->nodes[i].gossip != NULL)
            return &net->nodes[i];
    }
    return NULL;
}

static struct node_address bus_of(const struct net_node *node)
{
    struct node_address address = node->address;

    address.port += GOSSIP_BUS_OFFSET;
    return address;
}

static void connect_to(struct net *net, struct net_node *from, const struct packet *packet)
{
    struct buffer request;

    if (from->gossip == NULL || from->lives != packet->from_life)
        return;
    buffer_init(&request);
    gossip_exchange_begin(from->gossip, net_instant(net, from->index), &request);
    put(net, PACKET_REQUEST, from->index, &packet->to, buffer_content(&request), delay(net));
    buffer_deinit(&request);
}

static void deliver(struct net *net, struct packet *packet)
{
    struct net_node *from = &net->nodes[packet->from], *to;
    struct node_address from_bus = bus_of(from);
    struct span bytes = span_of(packet->bytes, packet->size);
    struct buffer reply;

    if (packet->kind == PACKET_CONNECT) {
        connect_to(net, from, packet);
        return;
    }
    to = node_at(net, &packet->to);
    if (to == NULL || to->group != from->group)
        return;
    if (packet->kind == PACKET_DATAGRAM) {
        gossip_receive(to->gossip, net_instant(net, to->index), &from_bus, bytes);
        return;
    }
    buffer_init(&reply);
    gossip_exchange_receive(to->gossip, net_instant(net, to->index), bytes, &reply);
    if (buffer_size(&reply) > 0)
        put(net, PACKET_REPLY, to->index, &from_bus, buffer_content(&reply), delay(net));
    buffer_deinit(&reply);
}

/* A packet for a paused node waits in its socket until it runs again. */
static bool must_wait(struct net *net, const struct packet *packet)
{
    const struct net_node *to = packet->kind == PACKET_CONNECT ? &net->nodes[packet->from]
                                                               : node_at(net, &packet->to);

    return to != NULL && to->paused;
}

/* When the node ticks next, on the net's clock. */
static int64_t node_wake_us(const struct net_node *node)
{
    int64_t wake = gossip_next_wake(node->gossip);

    return wake == INT64_MAX ? wake : wake - (int64_t)node->index * 1000000000;
}

void net_run(struct net *net, int64_t duration_us)
{
    int64_t end_us = net->now_us + duration_us;

    for (;;) {
        int64_t next_us = end_us;
        struct net_node *sleeper = NULL;

        for (size_t i = 0; i < net->count; i++) {
            struct net_node *node = &net->nodes[i];

            if (node->gossip == NULL || node->paused)
                continue;
            if (node_wake_us(node) < next_us) {
                next_us = node_wake_us(node);
                sleeper = node;
            }
        }
        if (net->packet_count > 0 && net->packets[0]->at_us <= next_us &&
            net->packets[0]->at_us < end_us) {
            struct packet *packet = heap_pop(net);

            if (packet->at_us > net->now_us)
                net->now_us = packet->at_us;
            if (must_wait(net, packet)) {
                packet->at_us = net->now_us + 10000;
                heap_push(net, packet);
                continue;
            }
            deliver(net, packet);
            memory_free(packet);
        } else if (sleeper != NULL) {
            if (next_us > net->now_us)
                net->now_us = next_us;
            gossip_tick(sleeper->gossip, net_instant(net, sleeper->index));
        } else {
            net->now_us = end_us;
            return;
        }
    }
}

bool net_run_until(struct net *net, bool (*holds)(struct net *net), int64_t limit_us)
{
    int64_t end_us = net->now_us + limit_us;

    while (!holds(net)) {
        if (net->now_us >= end_us)
            return false;
        net_run(net, 20000);
    }
    return true;
}

/* --------------------------------------------------------------------------------- what they hold
 */

int net_state(struct net *net, size_t observer, size_t subject)
{
    const struct member *member = gossip_find(net->nodes[observer].gossip, net_identity(subject));

    return member == NULL ? -1 : (int)member->record.state;
}

bool net_agrees(struct net *net)
{
    for (size_t i = 0; i < net->count; i++) {
        if (net->nodes[i].gossip == NULL)
            continue;
        for (size_t j = 0; j < net->count; j++) {
            int state = j == i ? -1 : net_state(net, i, j);
            bool living = state == NODE_ALIVE || state == NODE_SUSPECT;

            if (j != i && (net->nodes[j].gossip != NULL ? state != NODE_ALIVE : living))
                return false;
        }
    }
    return true;
}

bool net_all_hold(struct net *net, size_t subject, enum node_state state)
{
    for (size_t i = 0; i < net->count; i++) {
        if (i != subject && net->nodes[i].gossip != NULL &&
            net_state(net, i, subject) != (int)state)
            return false;
    }
    return true;
}
