/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bytes between the engines of a pair: carried as a network would, looked at, broken.
 */
#include "lib/engine_pair.h"

#include <criterion/criterion.h>

#include "lib/flat.h"
#include "node/parts.h"

void pair_cable_drop(struct pair_cable *cable)
{
    struct link *link = cable->link;

    cable->wanted = cable->open = cable->finishing = false;
    cable->link = NULL;
    cable->frame_consumed = 0;
    cable->messages = (struct wire_cursor){0};
    buffer_reset(&cable->in, SIZE_MAX);
    buffer_reset(&cable->out, SIZE_MAX);
    if (link != NULL)
        engine_link_closed(cable->to->engine, link);
}

void pair_cable_deinit(struct pair_cable *cable)
{
    if (cable->to != NULL)
        pair_cable_drop(cable);
    buffer_deinit(&cable->in);
    buffer_deinit(&cable->out);
}

/* ---- moving bytes ---- */

static bool move(struct buffer *from, struct buffer *to)
{
    if (buffer_size(from) == 0)
        return false;
    buffer_append_span(to, buffer_content(from));
    buffer_consume(from, buffer_size(from));
    return true;
}

/* More comes while a frame is read: the bytes may move. */
static bool arrive(struct buffer *from, struct pair_cable *cable)
{
    struct wire_cursor *messages = &cable->messages;
    const bool reads = messages->at != NULL;
    const uint8_t *bytes = buffer_content(&cable->in).data;
    const size_t at = reads ? (size_t)(messages->at - bytes) : 0;
    const size_t end = reads ? (size_t)(messages->end - bytes) : 0;
    const bool moved = move(from, &cable->in);

    if (reads && moved) {
        messages->at = buffer_content(&cable->in).data + at;
        messages->end = buffer_content(&cable->in).data + end;
    }
    return moved;
}

static void open_cable(struct pair_cable *cable)
{
    struct pair_node *from = cable->from;
    struct pair_node *to = cable->to;
    struct rng rng;

    cable->wanted = false;
    if (to->unreachable) {
        engine_peer_closed(from->engine, pair_now(from), to->number);
        return;
    }
    cable->open = true;
    if (to->ghost) {
        rng_init(&rng, 77);
        handshake_accept(&cable->handshake, &rng);
    } else {
        cable->link = engine_link_open(to->engine, pair_now(to), cable);
    }
    engine_peer_opened(from->engine, pair_now(from), to->number);
}

static struct handshake_self self_of(const struct pair_node *node)
{
    const struct pair *pair = node->pair;
    const struct options *options = pair->nodes[0].ghost ? pair->nodes[1].options
                                                         : pair->nodes[0].options;

    return (struct handshake_self){.cluster = options->cluster_name,
                                   .secret = options->cluster_secret,
                                   .ring = pair->ring->content.identity,
                                   .node = node->identity,
                                   .number = node->number,
                                   .boot = 1};
}

/* A ghost's side of the handshake. */
static void greet_ghost(struct pair_cable *cable)
{
    const struct handshake_self self = self_of(cable->to);
    struct wire_message message;
    struct wire_frame frame;
    const char *error;

    while (cable->handshake.state == HANDSHAKE_WAITING &&
           wire_next_frame(buffer_content(&cable->in), 1 << 20, &frame) == WIRE_OK) {
        cr_assert_eq(wire_next_message(&frame.messages, &message, &error), WIRE_OK);
        handshake_message(&cable->handshake, &self, &message, &cable->out);
        buffer_consume(&cable->in, frame.size);
    }
}

/* The peer's bytes to the ghost, and back. */
static bool carry_ghost(struct pair_cable *cable)
{
    struct pair_node *from = cable->from;
    engine_turn_end(from->engine, pair_now(from));
    bool moved = arrive(flat(engine_peer_out(from->engine, cable->to->number)), cable);

    if (cable->handshake.state == HANDSHAKE_WAITING)
        greet_ghost(cable);
    if (move(&cable->out, engine_peer_in(from->engine, cable->to->number))) {
        engine_peer_input(from->engine, pair_now(from), cable->to->number);
        moved = true;
    }
    return moved;
}

/* Where bytes are missing the connection ends, as io/connection.c has it. */
static bool lacks_bytes(const struct pair_cable *cable)
{
    return flat(engine_peer_out(cable->from->engine, cable->to->number))->failed ||
           flat(engine_link_out(cable->link))->failed;
}

static bool carry(struct pair_cable *cable)
{
    struct pair_node *from = cable->from;
    struct pair_node *to = cable->to;
    bool moved = false;

    engine_turn_end(from->engine, pair_now(from));
    cable->finishing |= lacks_bytes(cable);
    if (!cable->finishing &&
        move(flat(engine_peer_out(from->engine, to->number)), engine_link_in(cable->link))) {
        engine_link_input(to->engine, pair_now(to), cable->link);
        moved = true;
    }
    engine_turn_end(to->engine, pair_now(to));
    cable->finishing |= lacks_bytes(cable);
    if (move(flat(engine_link_out(cable->link)), engine_peer_in(from->engine, to->number))) {
        engine_peer_input(from->engine, pair_now(from), to->number);
        moved = true;
    }
    if (cable->open && cable->finishing) {
        pair_cable_drop(cable);
        engine_peer_closed(from->engine, pair_now(from), to->number);
        moved = true;
    }
    return moved;
}

static bool carry_stranger(struct pair_cable *cable)
{
    struct pair_node *to = cable->to;
    bool moved = false;

    if (!cable->open)
        return false;
    if (!cable->finishing && move(&cable->out, engine_link_in(cable->link))) {
        engine_link_input(to->engine, pair_now(to), cable->link);
        moved = true;
    }
    engine_turn_end(to->engine, pair_now(to));
    moved |= arrive(flat(engine_link_out(cable->link)), cable);
    if (cable->finishing) {
        struct link *link = cable->link;
        cable->open = false;
        cable->link = NULL;
        engine_link_closed(to->engine, link);
        moved = true;
    }
    return moved;
}

static bool carry_all(struct pair *pair)
{
    bool moved = carry_stranger(&pair->stranger);

    for (size_t i = 0; i < pair->count; i++)
        for (size_t j = 0; j < pair->count; j++) {
            struct pair_cable *cable = &pair->cables[i][j];
            if (cable->wanted) {
                open_cable(cable);
                moved = true;
            }
            if (cable->open && !cable->silent)
                moved |= cable->to->ghost ? carry_ghost(cable) : carry(cable);
        }
    return moved;
}

static bool serve_client(struct pair_client *client)
{
    struct pair_node *node = client->node;

    if (client->client == NULL || client->stalled)
        return false;
    const bool moved = move(flat(engine_client_out(client->client)), &client->got);
    if (!client->closing) {
        engine_client_drained(node->engine, pair_now(node), client->client);
        return moved;
    }
    engine_client_closed(node->engine, pair_now(node), client->client);
    client->client = NULL;
    return true;
}

void pair_settle(struct pair *pair)
{
    bool moved = true;

    for (unsigned turns = 0; moved; turns++) {
        cr_assert_lt(turns, 10000, "the engines do not come to rest");
        moved = false;
        for (size_t i = 0; i < pair->count; i++) {
            struct pair_node *node = &pair->nodes[i];
            if (node->ghost)
                continue;
            if (node->killed)
                engine_heed(node->engine, pair_now(node));
            node->killed = false;
            engine_turn_end(node->engine, pair_now(node));
            if (engine_has_more(node->engine)) { /* their steps take no time */
                engine_wake(node->engine, pair_now(node));
                moved = true;
            }
        }
        moved |= carry_all(pair);
        for (size_t i = 0; i < pair->client_count; i++)
            moved |= serve_client(&pair->clients[i]);
    }
}

void pair_pass(struct pair *pair, int64_t ms)
{
    const int64_t end_us = pair->now.mono_us + ms * 1000;

    while (pair->now.mono_us < end_us) {
        pair->now.mono_us += 1000;
        pair->now.wall_ms += 1;
        for (size_t i = 0; i < pair->count; i++) {
            struct pair_node *node = &pair->nodes[i];
            if (!node->ghost && node->wake_at_us <= pair->now.mono_us)
                engine_wake(node->engine, pair_now(node));
        }
        pair_settle(pair);
    }
}

/* ---- cables ---- */

struct pair_cable *pair_cable(struct pair *pair, size_t from, size_t to)
{
    return &pair->cables[from][to];
}

void pair_silence(struct pair *pair, size_t from, size_t to, bool silent)
{
    pair->cables[from][to].silent = silent;
    pair_settle(pair);
}

void pair_break(struct pair *pair, size_t from, size_t to)
{
    struct pair_node *node = &pair->nodes[from];

    pair_cable_drop(&pair->cables[from][to]);
    engine_peer_closed(node->engine, pair_now(node), pair->nodes[to].number);
    pair_settle(pair);
}

bool pair_next(struct pair_cable *cable, struct wire_message *message)
{
    struct wire_frame frame;
    const char *error;

    for (;;) {
        if (wire_next_message(&cable->messages, message, &error) == WIRE_OK)
            return true;
        buffer_consume(&cable->in, cable->frame_consumed);
        cable->frame_consumed = 0;
        cable->messages = (struct wire_cursor){0};
        if (wire_next_frame(buffer_content(&cable->in), SIZE_MAX, &frame) != WIRE_OK)
            return false;
        cable->frame_consumed = frame.size;
        cable->messages = frame.messages;
    }
}

struct buffer *pair_begin(struct pair_cable *cable, size_t *frame)
{
    *frame = wire_frame_begin(&cable->out, 0, 0);
    return &cable->out;
}

void pair_end(struct pair_cable *cable, size_t frame)
{
    wire_frame_end(&cable->out, frame);
    pair_settle(cable->pair);
}

struct pair_cable *pair_stranger(struct pair *pair, size_t node)
{
    struct pair_cable *cable = &pair->stranger;
    struct pair_node *to = &pair->nodes[node];

    pair_cable_deinit(cable);
    *cable = (struct pair_cable){.pair = pair, .to = to, .open = true};
    cable->link = engine_link_open(to->engine, pair_now(to), cable);
    return cable;
}

void pair_stranger_greets(struct pair *pair, size_t as, enum wire_role role)
{
    struct pair_cable *cable = &pair->stranger;
    const struct handshake_self self = self_of(&pair->nodes[as]);
    struct wire_message message;
    struct rng rng;

    rng_init(&rng, 78);
    handshake_open(&cable->handshake, &self, role, NULL, &rng, &cable->out);
    pair_settle(pair);
    cr_assert(pair_next(cable, &message));
    cr_assert_eq(handshake_message(&cable->handshake, &self, &message, &cable->out), HANDSHAKE_DONE,
                 "%s", cable->handshake.error);
    pair_settle(pair);
}

void pair_stranger_sends(struct pair *pair, const void *bytes, size_t size)
{
    buffer_append(&pair->stranger.out, bytes, size);
    pair_settle(pair);
}
