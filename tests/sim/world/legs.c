/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/legs.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim/world/node.h"
#include "wire/wire.h"

/* A message on its way. */
struct letter {
    struct list link; /* legs->letters */
    struct legs *legs;
    struct sim_connection *connection;
    enum net_end from;
    struct buffer frame;
};

static const char *const leg_names[] = {"write", "ack", "read", "response"};

void legs_init(struct legs *legs, uint64_t seed)
{
    *legs = (struct legs){0};
    rng_init(&legs->rng, seed);
    list_init(&legs->letters);
}

static void free_letter(struct letter *letter)
{
    list_remove(&letter->link);
    buffer_deinit(&letter->frame);
    memory_free(letter);
}

void legs_deinit(struct legs *legs)
{
    list_for_each_removable(at, &legs->letters) free_letter(list_entry(at, struct letter, link));
}

int64_t legs_draw_us(const struct legs *legs, enum leg leg, struct rng *rng)
{
    return delay_draw_us(legs->delays[leg], rng) + legs->distance_us;
}

static void arrive(void *object, uint64_t number)
{
    struct letter *letter = object;
    struct legs *legs = letter->legs;
    struct sim_connection *connection = letter->connection;
    struct world *world = connection->world;
    const enum net_end to = letter->from == NET_OPENER ? NET_ACCEPTOR : NET_OPENER;

    world_trace_bytes(world, "%u>%u #%" PRIu64 " %s", connection->nodes[letter->from],
                      connection->nodes[to], connection->id, leg_names[number]);
    legs->in_flight--;
    if (!connection->lost && connection->open[to])
        sim_node_input(world->nodes[connection->nodes[to]], connection, to,
                       buffer_content(&letter->frame));
    free_letter(letter);
    if (legs->in_flight == 0 && legs->on_idle != NULL)
        legs->on_idle(legs->context);
}

static void append_frame(struct buffer *out, const struct wire_frame *head, struct span messages)
{
    const size_t place = wire_frame_begin(out, head->hlc, head->settled);

    buffer_append_span(out, messages);
    wire_frame_end(out, place);
}

static void send_letter(struct legs *legs, struct sim_connection *connection, enum net_end end,
                        const struct wire_frame *head, struct span message, enum leg leg)
{
    struct letter *letter = memory_alloc(sizeof *letter);

    letter->legs = legs;
    letter->connection = connection;
    letter->from = end;
    append_frame(&letter->frame, head, message);
    ensure(!letter->frame.failed);
    list_append(&legs->letters, &letter->link);
    legs->in_flight++;
    world_after(connection->world, legs_draw_us(legs, leg, &legs->rng), arrive, letter, leg);
}

/* False: it is none. */
static bool leg_of(enum wire_type type, enum leg *leg)
{
    switch (type) {
    case WIRE_WRITE:
        *leg = LEG_WRITE;
        return true;
    case WIRE_ACK:
        *leg = LEG_ACK;
        return true;
    case WIRE_READ:
    case WIRE_FORWARD:
        *leg = LEG_READ;
        return true;
    case WIRE_ANSWER:
    case WIRE_ABSENT:
    case WIRE_REPLY:
        *leg = LEG_RESPONSE;
        return true;
    default:
        return false;
    }
}

/* Acknowledgements that left together, each by itself. */
static void send_acks(struct legs *legs, struct sim_connection *connection, enum net_end end,
                      struct wire_frame *frame, struct span ids)
{
    for (size_t at = 0; at < ids.size; at += WIRE_IDS_STEP) {
        const struct wire_acks one = {.ids = span_of(ids.data + at, WIRE_IDS_STEP)};
        struct buffer bytes = {0};

        wire_put_acks(&bytes, &one);
        legs->sent[LEG_ACK]++;
        send_letter(legs, connection, end, frame, buffer_content(&bytes), LEG_ACK);
        buffer_deinit(&bytes);
    }
}

/* The messages of one frame: those that are legs go by themselves, the others stay together. */
static void send_frame(struct legs *legs, struct sim_connection *connection, enum net_end end,
                       struct wire_frame *frame)
{
    struct wire_message message;
    struct buffer others = {0}, stream = {0};
    const char *error;
    bool any = false;

    for (;;) {
        const uint8_t *before = frame->messages.at;
        if (wire_next_message(&frame->messages, &message, &error) != WIRE_OK)
            break;
        const struct span bytes = span_of(before, (size_t)(frame->messages.at - before));
        enum leg leg;
        if (message.type == WIRE_ACKS) {
            send_acks(legs, connection, end, frame, message.acks.ids);
            any = true;
        } else if (leg_of(message.type, &leg)) {
            legs->sent[leg] += message.type != WIRE_FORWARD && message.type != WIRE_REPLY;
            send_letter(legs, connection, end, frame, bytes, leg);
            any = true;
        } else {
            buffer_append_span(&others, bytes);
        }
    }
    if (!any || buffer_size(&others) > 0) {
        append_frame(&stream, frame, buffer_content(&others));
        net_send(connection, end, buffer_content(&stream));
    }
    buffer_deinit(&others);
    buffer_deinit(&stream);
}

void legs_send(struct legs *legs, struct sim_connection *connection, enum net_end end,
               struct buffer *out)
{
    struct wire_frame frame;

    ensure(connection->world->settings.calm); /* no frame arrives in pieces */
    while (wire_next_frame(buffer_content(out), SIZE_MAX / 2, &frame) == WIRE_OK) {
        send_frame(legs, connection, end, &frame);
        buffer_consume(out, frame.size);
    }
    ensure(buffer_size(out) == 0);
}
