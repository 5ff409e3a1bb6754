/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/mesh.h"

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
    struct packet *next;    /* in an inbox */
    struct node_address to; /* bus address */
    size_t size;
    uint8_t bytes[];
};

static bool earlier(const struct packet *a, const struct packet *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void packet_push(struct mesh *mesh, struct packet *packet)
{
    size_t at = mesh->packet_count++;

    if (at == mesh->packet_capacity) {
        mesh->packet_capacity = at ? at * 2 : 256;
        mesh->packets = memory_try_realloc(mesh->packets, mesh->packet_capacity * sizeof packet);
        ensure(mesh->packets != NULL);
    }
    for (; at > 0 && earlier(packet, mesh->packets[(at - 1) / 2]); at = (at - 1) / 2)
        mesh->packets[at] = mesh->packets[(at - 1) / 2];
    mesh->packets[at] = packet;
}

static struct packet *packet_pop(struct mesh *mesh)
{
    struct packet *top = mesh->packets[0], *last = mesh->packets[--mesh->packet_count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < mesh->packet_count) {
        if (child + 1 < mesh->packet_count &&
            earlier(mesh->packets[child + 1], mesh->packets[child]))
            child++;
        if (!earlier(mesh->packets[child], last))
            break;
        mesh->packets[at] = mesh->packets[child];
        at = child;
    }
    mesh->packets[at] = last;
    return top;
}

/* Eight bytes at a time, the last ones filled up with zeros; sizes are in the seal, or fixed. */
static void note(struct mesh *mesh, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;

        memcpy(&word, at + i, size - i < 8 ? size - i : 8);
        mesh->trace = (mesh->trace ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        mesh->trace ^= mesh->trace >> 32;
    }
}

static void put(struct mesh *mesh, enum packet_kind kind, size_t from,
                const struct node_address *to, struct span bytes, int64_t delay_us)
{
    struct packet *packet = memory_alloc(sizeof *packet + bytes.size);

    if (kind == PACKET_REQUEST || kind == PACKET_REPLY)
        mesh->exchange_bytes += bytes.size;
    packet->kind = kind;
    packet->at_us = mesh->now_us + delay_us;
    packet->order = mesh->packet_order++;
    packet->from = from;
    packet->from_life = mesh->nodes[from].lives;
    packet->to = *to;
    packet->size = bytes.size;
    if (bytes.size > 0)
        memcpy(packet->bytes, bytes.data, bytes.size);
    note(mesh, &packet->at_us, sizeof packet->at_us);
    note(mesh, packet->bytes, packet->size);
    packet_push(mesh, packet);
}

static int64_t delay(struct mesh *mesh)
{
    return mesh->delay_min_us +
           (int64_t)rng_below(&mesh->rng, (uint64_t)(mesh->delay_max_us - mesh->delay_min_us) + 1);
}

/* ------------------------------------------------------------------------ what the nodes ask for
 */

static void on_send(void *host, const struct node_address *to, struct span datagram)
{
    struct mesh_node *node = host;
    struct mesh *mesh = node->mesh;

    ensure(datagram.size <= GOSSIP_DATAGRAM_MAX);
    mesh->datagrams++;
    mesh->datagram_bytes += datagram.size;
    if (!rng_chance(&mesh->rng, mesh->loss_percent, 100))
        put(mesh, PACKET_DATAGRAM, node->index, to, datagram, delay(mesh));
    if (rng_chance(&mesh->rng, mesh->duplicate_percent, 100))
        put(mesh, PACKET_DATAGRAM, node->index, to, datagram, delay(mesh));
}

static void on_exchange(void *host, const struct node_address *to)
{
    struct mesh_node *node = host;

    put(node->mesh, PACKET_CONNECT, node->index, to, span_of(NULL, 0), delay(node->mesh));
}

static bool on_kept(void *host, struct identity identity)
{
    struct mesh_node *node = host;

    (void)identity;
    return node->mesh->keep_dead;
}

static void on_event(void *host, const struct gossip_event *event)
{
    struct mesh_node *node = host;
    struct mesh *mesh = node->mesh;
    size_t index = event->record == NULL ? SIZE_MAX : mesh_index(mesh, &event->record->identity);
    const struct mesh_node *subject;

    node->events[event->kind]++;
    node->restarts_seen += event->restarted;
    if (event->kind == GOSSIP_EVENT_IDENTITY_CLASH)
        node->clash_ours_is_later = event->ours_is_later;
    if (mesh->watch.event != NULL)
        mesh->watch.event(mesh->watch.context, node, event, index);
    if (event->kind != GOSSIP_EVENT_DEAD)
        return;
    mesh->death_seen_us[node->index] = mesh->now_us;
    if (index == SIZE_MAX)
        return;
    subject = &mesh->nodes[index];
    if (subject->gossip != NULL && !subject->paused && !node->paused &&
        mesh->now_us >= subject->excused_until_us && subject->group == node->group)
        mesh->false_deaths++;
}

static const struct gossip_calls calls = {
    .send = on_send, .event = on_event, .exchange = on_exchange, .kept = on_kept};

/* ------------------------------------------------------------------------------------- the nodes
 */

struct mesh *mesh_create(uint64_t seed)
{
    struct mesh *mesh = memory_alloc(sizeof *mesh);

    mesh->seed = seed;
    rng_init(&mesh->rng, seed);
    mesh->now_us = 1000000;
    mesh->delay_min_us = 200;
    mesh->delay_max_us = 5000;
    mesh->keep_dead = true;
    mesh->defaults = gossip_options_default;
    mesh->trace = UINT64_C(0xcbf29ce484222325);
    return mesh;
}

static void inbox_clear(struct mesh_node *node)
{
    while (node->inbox_first != NULL) {
        struct packet *packet = node->inbox_first;

        node->inbox_first = packet->next;
        memory_free(packet);
    }
    node->inbox_count = 0;
}

void mesh_destroy(struct mesh **mesh)
{
    while ((*mesh)->packet_count > 0)
        memory_free(packet_pop(*mesh));
    for (size_t i = 0; i < (*mesh)->count; i++) {
        if ((*mesh)->nodes[i].gossip != NULL)
            gossip_destroy(&(*mesh)->nodes[i].gossip);
    }
    for (size_t i = 0; i < (*mesh)->count; i++)
        inbox_clear(&(*mesh)->nodes[i]);
    heap_deinit(&(*mesh)->sleepers);
    memory_free((*mesh)->packets);
    memory_free(*mesh);
    *mesh = NULL;
}

struct identity mesh_identity(size_t index)
{
    struct identity identity = {{0}};

    /* In another order than the indices. */
    identity.bytes[0] = (uint8_t)(index * 37);
    identity.bytes[1] = (uint8_t)(index + 1);
    identity.bytes[2] = (uint8_t)((index + 1) >> 8);
    identity.bytes[15] = 0xd5;
    return identity;
}

size_t mesh_index(const struct mesh *mesh, const struct identity *identity)
{
    const size_t index = (size_t)identity->bytes[1] + ((size_t)identity->bytes[2] << 8) - 1;
    const struct identity same = mesh_identity(index);

    return index < mesh->count && identity_equal(&same, identity) ? index : SIZE_MAX;
}

struct instant mesh_instant(const struct mesh *mesh, size_t index)
{
    /* Each node's monotonic clock starts elsewhere; their wall clocks are some ms apart. */
    return (struct instant){.wall_ms = INT64_C(1700000000000) + mesh->now_us / 1000 +
                                       (int64_t)index,
                            .mono_us = mesh->now_us + (int64_t)index * 1000000000};
}

struct gossip_options mesh_options(struct mesh *mesh, size_t index)
{
    struct gossip_options options = mesh->defaults;
    struct mesh_node *node = &mesh->nodes[index];

    snprintf(node->address.host, sizeof node->address.host, "node-%zu", index);
    node->address.port = CLIENT_PORT;
    options.identity = mesh_identity(index);
    options.host = node->address.host;
    options.client_port = CLIENT_PORT;
    options.zone = "";
    options.boot = (uint64_t)mesh_instant(mesh, index).wall_ms;
    options.boot_nonce = rng_next(&mesh->rng);
    options.seed = rng_next(&mesh->rng);
    options.cluster_name = SPAN("test");
    return options;
}

void mesh_start(struct mesh *mesh, size_t index, const struct gossip_options *options)
{
    struct mesh_node *node = &mesh->nodes[index];

    ensure(node->gossip == NULL && index < MESH_NODES_MAX);
    if (index >= mesh->count)
        mesh->count = index + 1;
    node->mesh = mesh;
    node->index = index;
    node->paused = false;
    node->lives++;
    memset(node->events, 0, sizeof node->events);
    if (options->host != node->address.host)
        snprintf(node->address.host, sizeof node->address.host, "%s", options->host);
    node->gossip = gossip_create(options, &calls, node);
}

void mesh_join(struct mesh *mesh, size_t index)
{
    const struct node_address seeds[2] = {{.host = "node-0", .port = CLIENT_PORT},
                                          {.host = "node-1", .port = CLIENT_PORT}};
    struct gossip_options options = mesh_options(mesh, index);

    options.seeds = seeds;
    options.seed_count = 2;
    mesh_start(mesh, index, &options);
}

void mesh_start_cluster(struct mesh *mesh, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mesh_join(mesh, i);
        mesh_run(mesh, 1000000 / (int64_t)count);
    }
}

void mesh_crash(struct mesh *mesh, size_t index)
{
    heap_remove(&mesh->sleepers, &mesh->nodes[index].wake);
    inbox_clear(&mesh->nodes[index]);
    mesh->nodes[index].paused = false;
    gossip_destroy(&mesh->nodes[index].gossip);
}

void mesh_pause(struct mesh *mesh, size_t index)
{
    heap_remove(&mesh->sleepers, &mesh->nodes[index].wake);
    mesh->nodes[index].paused = true;
}

void mesh_resume(struct mesh *mesh, size_t index)
{
    struct mesh_node *node = &mesh->nodes[index];

    node->paused = false;
    node->excused_until_us = mesh->now_us + 1000000;
    while (node->inbox_first != NULL) {
        struct packet *packet = node->inbox_first;

        node->inbox_first = packet->next;
        packet->at_us = mesh->now_us;
        packet_push(mesh, packet);
    }
    node->inbox_count = 0;
}

/* --------------------------------------------------------------------------------------- the run
 */

static bool is_at(const struct mesh_node *node, const struct node_address *bus)
{
    return node->gossip != NULL && bus->port == CLIENT_PORT + GOSSIP_BUS_OFFSET &&
           strcmp(node->address.host, bus->host) == 0;
}

/* Most nodes have their index in their host's name. */
static struct mesh_node *node_at(struct mesh *mesh, const struct node_address *bus)
{
    size_t guess = 0;

    for (const char *at = bus->host + strcspn(bus->host, "0123456789"); *at >= '0' && *at <= '9';
         at++)
        guess = (guess * 10 + (size_t)(*at - '0')) % MESH_NODES_MAX;
    if (is_at(&mesh->nodes[guess], bus))
        return &mesh->nodes[guess];
    for (size_t i = 0; i < mesh->count; i++) {
        if (is_at(&mesh->nodes[i], bus))
            return &mesh->nodes[i];
    }
    return NULL;
}

static struct node_address bus_of(const struct mesh_node *node)
{
    struct node_address address = node->address;

    address.port += GOSSIP_BUS_OFFSET;
    return address;
}

static void connect_to(struct mesh *mesh, struct mesh_node *from, const struct packet *packet)
{
    struct buffer request;

    if (from->gossip == NULL || from->lives != packet->from_life)
        return;
    buffer_init(&request);
    gossip_exchange_begin(from->gossip, mesh_instant(mesh, from->index), &request);
    put(mesh, PACKET_REQUEST, from->index, &packet->to, buffer_content(&request), delay(mesh));
    buffer_deinit(&request);
}

/* Puts the node where it belongs among the sleepers; after each call into its gossip. */
static void rest(struct mesh *mesh, struct mesh_node *node)
{
    const int64_t wake = gossip_next_wake(node->gossip);
    const int64_t at_us = wake - (int64_t)node->index * 1000000000;
    const uint64_t key = (at_us > 0 ? (uint64_t)at_us : 0) * MESH_NODES_MAX + node->index;

    if (node->wake.place != 0 && wake != INT64_MAX && key == node->wake.key)
        return;
    heap_remove(&mesh->sleepers, &node->wake);
    if (wake != INT64_MAX)
        ensure(heap_push(&mesh->sleepers, &node->wake, key));
}

static void deliver(struct mesh *mesh, struct packet *packet)
{
    struct mesh_node *from = &mesh->nodes[packet->from], *to;
    struct node_address from_bus = bus_of(from);
    struct span bytes = span_of(packet->bytes, packet->size);
    struct buffer reply;

    if (packet->kind == PACKET_CONNECT) {
        connect_to(mesh, from, packet);
        return;
    }
    to = node_at(mesh, &packet->to);
    if (to == NULL || to->group != from->group)
        return;
    if (packet->kind == PACKET_DATAGRAM) {
        gossip_receive(to->gossip, mesh_instant(mesh, to->index), &from_bus, bytes);
        rest(mesh, to);
        return;
    }
    buffer_init(&reply);
    gossip_exchange_receive(to->gossip, mesh_instant(mesh, to->index), bytes, &reply);
    rest(mesh, to);
    if (buffer_size(&reply) > 0)
        put(mesh, PACKET_REPLY, to->index, &from_bus, buffer_content(&reply), delay(mesh));
    buffer_deinit(&reply);
}

/* A packet for a paused node waits in its socket until it runs again. Whether this one does. */
static bool wait(struct mesh *mesh, struct packet *packet)
{
    struct mesh_node *node = packet->kind == PACKET_CONNECT ? &mesh->nodes[packet->from]
                                                            : node_at(mesh, &packet->to);

    if (node == NULL || !node->paused)
        return false;
    if (node->inbox_count == MESH_INBOX_MAX) {
        memory_free(packet);
        return true;
    }
    packet->next = NULL;
    if (node->inbox_first == NULL)
        node->inbox_first = packet;
    else
        node->inbox_last->next = packet;
    node->inbox_last = packet;
    node->inbox_count++;
    return true;
}

static void take_packet(struct mesh *mesh)
{
    struct packet *packet = packet_pop(mesh);

    if (packet->at_us > mesh->now_us)
        mesh->now_us = packet->at_us;
    if (!wait(mesh, packet)) {
        deliver(mesh, packet);
        memory_free(packet);
    }
}

static void tick(struct mesh *mesh, struct mesh_node *node, int64_t at_us)
{
    if (at_us > mesh->now_us)
        mesh->now_us = at_us;
    gossip_tick(node->gossip, mesh_instant(mesh, node->index));
    rest(mesh, node);
}

void mesh_run(struct mesh *mesh, int64_t duration_us)
{
    int64_t end_us = mesh->now_us + duration_us;

    /* What was done to them from outside may have moved their timers. */
    for (size_t i = 0; i < mesh->count; i++) {
        if (mesh->nodes[i].gossip != NULL && !mesh->nodes[i].paused)
            rest(mesh, &mesh->nodes[i]);
    }
    for (;;) {
        struct heap_node *top = heap_top(&mesh->sleepers);
        int64_t next_us = top == NULL ? end_us : (int64_t)(top->key / MESH_NODES_MAX);

        if (next_us > end_us)
            next_us = end_us;
        if (mesh->packet_count > 0 && mesh->packets[0]->at_us <= next_us &&
            mesh->packets[0]->at_us < end_us) {
            take_packet(mesh);
        } else if (top != NULL && next_us < end_us) {
            tick(mesh, heap_entry(top, struct mesh_node, wake), next_us);
        } else {
            mesh->now_us = end_us;
            return;
        }
    }
}

bool mesh_run_until(struct mesh *mesh, bool (*holds)(struct mesh *mesh), int64_t limit_us)
{
    int64_t end_us = mesh->now_us + limit_us;

    while (!holds(mesh)) {
        if (mesh->now_us >= end_us)
            return false;
        mesh_run(mesh, 20000);
    }
    return true;
}

/* --------------------------------------------------------------------------------- what they hold
 */

int mesh_state(struct mesh *mesh, size_t observer, size_t subject)
{
    const struct member *member = gossip_find(mesh->nodes[observer].gossip, mesh_identity(subject));

    return member == NULL ? -1 : (int)member->record.state;
}

bool mesh_agrees(struct mesh *mesh)
{
    size_t running = 0;

    for (size_t i = 0; i < mesh->count; i++)
        running += mesh->nodes[i].gossip != NULL;
    for (size_t i = 0; i < mesh->count; i++) {
        const struct gossip *gossip = mesh->nodes[i].gossip;
        size_t alive = 0;

        for (size_t j = 0; gossip != NULL && j < gossip_member_count(gossip); j++) {
            const struct member *member = gossip_member(gossip, j);
            const size_t index = mesh_index(mesh, &member->record.identity);

            if (index == SIZE_MAX)
                continue;
            if (mesh->nodes[index].gossip == NULL ? member_lives(member)
                                                  : member->record.state != NODE_ALIVE)
                return false;
            alive += mesh->nodes[index].gossip != NULL;
        }
        if (gossip != NULL && alive + 1 != running)
            return false;
    }
    return true;
}

bool mesh_all_hold(struct mesh *mesh, size_t subject, enum node_state state)
{
    for (size_t i = 0; i < mesh->count; i++) {
        if (i != subject && mesh->nodes[i].gossip != NULL &&
            mesh_state(mesh, i, subject) != (int)state)
            return false;
    }
    return true;
}
