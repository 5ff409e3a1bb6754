/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/memory.h"
#include "lib/flat.h"

#define DELAY_US_MIN 20
#define DELAY_US_MAX 300

struct piece {
    struct list link;
    bool end; /* no bytes: the node closed the connection */
    size_t size;
    uint8_t bytes[];
};

static void add_piece(struct sim_client *client, struct list *list, int64_t *last_us, bool end,
                      struct span bytes, void (*arrive)(void *object, uint64_t number))
{
    struct world *world = client->node->world;
    struct piece *piece = memory_alloc(sizeof *piece + bytes.size);
    int64_t at_us = world->now_us + world_work(world, DELAY_US_MIN, DELAY_US_MAX);

    if (at_us < *last_us)
        at_us = *last_us;
    *last_us = at_us;
    piece->end = end;
    piece->size = bytes.size;
    if (bytes.size > 0)
        memcpy(piece->bytes, bytes.data, bytes.size);
    list_append(list, &piece->link);
    events_add(&world->events, at_us, arrive, client, 0);
}

static void drop_pieces(struct list *list)
{
    while (!list_empty(list)) {
        struct piece *piece = list_entry(list->next, struct piece, link);
        list_remove(&piece->link);
        memory_free(piece);
    }
}

/* ---- to the node ---- */

static void read_on(void *object, uint64_t number)
{
    struct sim_client *client = object;
    struct sim_node *node = client->node;

    if (client->engine == NULL || client->held || client->closing ||
        buffer_size(&client->arrived) == 0 || sim_node_defers(node, read_on, object, number))
        return;
    buffer_append_span(engine_client_in(client->engine), buffer_content(&client->arrived));
    buffer_reset(&client->arrived, 0);
    allocator_use(&node->allocator);
    engine_client_input(node->engine, sim_node_now(node), client->engine);
    allocator_use(NULL);
    sim_node_touch(node);
}

static void arrive_at_node(void *object, uint64_t number)
{
    struct sim_client *client = object;
    struct world *world = client->node->world;

    (void)number;
    if (list_empty(&client->sent))
        return;
    struct piece *piece = list_entry(client->sent.next, struct piece, link);
    list_remove(&piece->link);
    if (client->engine != NULL) {
        world_trace_bytes(world, "c%" PRIu64 ">%u %zu %016" PRIx64, client->id,
                          client->node->number, piece->size,
                          (uint64_t)XXH3_64bits(piece->bytes, piece->size));
        buffer_append(&client->arrived, piece->bytes, piece->size);
        read_on(client, 0);
    }
    memory_free(piece);
}

void sim_client_send(struct sim_client *client, struct span bytes)
{
    struct world *world = client->node->world;

    while (bytes.size > 0) {
        size_t size = bytes.size;
        if (world_chance(world, 1, 8))
            size = (size_t)world_draw(world, 1, (int64_t)bytes.size);
        add_piece(client, &client->sent, &client->sent_us, false, span_of(bytes.data, size),
                  arrive_at_node);
        bytes = span_of(bytes.data + size, bytes.size - size);
    }
}

void sim_client_say(struct sim_client *client, const char *words)
{
    struct buffer line = {0};

    buffer_append_string(&line, words);
    buffer_append_string(&line, "\r\n");
    sim_client_send(client, buffer_content(&line));
    buffer_deinit(&line);
}

/* ---- from the node ---- */

static void arrive_at_client(void *object, uint64_t number)
{
    struct sim_client *client = object;

    (void)number;
    ensure(!list_empty(&client->answered));
    struct piece *piece = list_entry(client->answered.next, struct piece, link);
    list_remove(&piece->link);
    buffer_append(&client->replies, piece->bytes, piece->size);
    const bool end = piece->end;
    memory_free(piece);
    while (buffer_size(&client->replies) > 0) {
        const enum answer_progress progress = answer_read(&client->answer,
                                                          buffer_content(&client->replies));
        ensure(progress != ANSWER_INVALID);
        if (progress == ANSWER_MORE)
            break;
        const size_t size = client->answer.size;
        client->on_reply(client->context, span_of(buffer_content(&client->replies).data, size));
        buffer_consume(&client->replies, size);
        answer_init(&client->answer);
    }
    if (end) {
        client->open = false;
        client->on_closed(client->context);
    }
}

void sim_client_output(void *connection)
{
    struct sim_client *client = connection;

    client->dirty = true;
}

void sim_client_hold(void *connection, bool hold)
{
    struct sim_client *client = connection;

    client->held = hold;
    if (!hold)
        world_after(client->node->world, world_draw(client->node->world, 0, 20), read_on, client,
                    0);
}

void sim_client_close(void *connection)
{
    struct sim_client *client = connection;

    client->closing = client->dirty = true;
}

/* Whoever waits for the node's end hears of it behind what was written. */
static void end_for_client(struct sim_client *client)
{
    list_remove(&client->link);
    client->engine = NULL;
    add_piece(client, &client->answered, &client->answered_us, true, span_of(NULL, 0),
              arrive_at_client);
}

void sim_client_flush(struct sim_client *client)
{
    struct sim_node *node = client->node;
    struct world *world = node->world;

    struct buffer *out = flat(engine_client_out(client->engine));
    if (!client->dirty && !out->failed)
        return;
    client->dirty = false;
    client->closing |= out->failed; /* as io/connection.c does: bytes are missing behind it */
    size_t size = buffer_size(out);
    if (size > 1 && world_chance(world, 1, 16))
        size = (size_t)world_draw(world, 1, (int64_t)size);
    if (size > 0) {
        add_piece(client, &client->answered, &client->answered_us, false,
                  span_of(buffer_content(out).data, size), arrive_at_client);
        buffer_consume(out, size);
    }
    if (buffer_size(out) > 0) {
        client->dirty = true;
        sim_node_touch(node);
    } else if (client->closing) {
        engine_client_closed(node->engine, sim_node_now(node), client->engine);
        end_for_client(client);
    } else {
        engine_client_drained(node->engine, sim_node_now(node), client->engine);
    }
}

void sim_client_lost(struct sim_client *client)
{
    engine_client_closed(client->node->engine, sim_node_now(client->node), client->engine);
    end_for_client(client);
}

/* ---- its life ---- */

struct sim_client *sim_client_open(struct sim_node *node, uint64_t id)
{
    struct sim_client *client = memory_alloc(sizeof *client);
    struct buffer refusal = {0};
    char address[32];

    ensure(sim_node_runs(node));
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)(20000 + id % 40000));
    client->node = node;
    client->id = id;
    client->open = true;
    list_init(&client->sent);
    list_init(&client->answered);
    answer_init(&client->answer);
    const struct engine_client about = {
        .address = address, .local_address = "127.0.0.1:7000", .descriptor = 5, .local = true};
    client->engine = engine_client_open(node->engine, sim_node_now(node), client, &about, &refusal);
    ensure(client->engine != NULL);
    list_append(&node->clients, &client->link);
    buffer_deinit(&refusal);
    return client;
}

void sim_client_destroy(struct sim_client **client)
{
    struct sim_client *c = *client;

    *client = NULL;
    ensure(c->engine == NULL);
    drop_pieces(&c->sent);
    drop_pieces(&c->answered);
    buffer_deinit(&c->arrived);
    buffer_deinit(&c->replies);
    memory_free(c);
}
