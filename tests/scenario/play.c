/* SPDX-License-Identifier: BSD-3-Clause */
#include "scenario/play.h"

#include <criterion/criterion.h>

#include "base/rule.h"
#include "node/parts.h"
#include "ring/slot.h"
#include "sim/mutant/rules.h"
#include "sim/world/describe.h"

#define REPLY_WAIT_US 5000000

const struct world_settings play_three = {.nodes = 3,
                                          .replicas = 3,
                                          .read_level = LEVEL_QUORUM,
                                          .write_level = LEVEL_QUORUM,
                                          .partitions = 1};

static void line(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(struct play *play, const char *format, ...)
{
    char text[2 * DESCRIBE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_format(&play->trace, "%s\n", text);
}

static void on_message(void *context, unsigned from, unsigned to,
                       const struct wire_message *message)
{
    struct play *play = context;
    char text[DESCRIBE_MAX];

    if (describe_id(message) == 0)
        return;
    describe_message(message, text);
    line(play, "%u>%u %s", from, to, text);
    if (message->type != WIRE_WRITE || play->copies)
        return;
    buffer_reset(&play->copied_key, 0);
    buffer_reset(&play->copied_value, 0);
    buffer_append_span(&play->copied_key, message->write.key);
    buffer_append_span(&play->copied_value, message->write.version.value);
    play->copied = message->write.version;
    play->copied.value = buffer_content(&play->copied_value);
}

static void on_reply(void *context, struct span reply)
{
    struct play_client *client = context;
    struct buffer *trace = &client->play->trace;

    buffer_append_format(trace, "%u > ", client->node);
    for (size_t i = 0; i < reply.size; i++) {
        if (reply.data[i] == '\r')
            buffer_append_string(trace, i + 2 < reply.size ? " " : "\n");
        else if (reply.data[i] != '\n')
            buffer_append(trace, &reply.data[i], 1);
    }
    client->heard = true;
}

static void on_closed(void *context)
{
    (void)context;
}

/* ---- the whole ---- */

static void open_client(struct play *play, unsigned node)
{
    struct play_client *client = &play->clients[node];

    client->play = play;
    client->node = node;
    client->connection = sim_client_open(play->world->nodes[node], node);
    client->connection->context = client;
    client->connection->on_reply = on_reply;
    client->connection->on_closed = on_closed;
}

void play_begin_with(struct play *play, const struct world_settings *settings)
{
    struct world_settings calm = *settings;

    calm.seed = 1;
    calm.calm = calm.detector = true;
    *play = (struct play){.world = world_create(&calm)};
    for (unsigned i = 1; i <= calm.nodes; i++)
        open_client(play, i);
    play_wait_ms(play, 500); /* the links open */
    world_watch(play->world, on_message, play);
}

void play_begin(struct play *play, enum ring_conflict conflict)
{
    struct world_settings settings = play_three;

    settings.partitions = 64;
    settings.conflict = conflict;
    play_begin_with(play, &settings);
}

static void end(struct play *play, const char *expected, bool whole)
{
    buffer_append(&play->trace, "", 1);
    const char *trace = (const char *)buffer_content(&play->trace).data;
    const size_t size = strlen(trace), want = strlen(expected);
    const bool same = size >= want && (!whole || size == want) &&
                      strcmp(trace + size - want, expected) == 0;

    if (!same)
        fprintf(stderr, "---- expected\n%s---- came\n%s----\n", expected, trace);
    for (unsigned i = 1; i <= play->world->settings.nodes; i++)
        sim_node_kill(play->world->nodes[i]);
    for (unsigned i = 1; i <= play->world->settings.nodes; i++)
        sim_client_destroy(&play->clients[i].connection);
    world_destroy(&play->world);
    buffer_deinit(&play->trace);
    buffer_deinit(&play->copied_key);
    buffer_deinit(&play->copied_value);
    cr_assert(same, "the trace is another one");
}

void play_end(struct play *play, const char *expected)
{
    end(play, expected, true);
}

void play_without(unsigned rule, void (*story)(struct play *play), const char *expected)
{
    struct play play;

    rules_remove(rule);
    story(&play);
    rules_restore();
    end(&play, expected, false);
}

/* ---- clients ---- */

void play_ask(struct play *play, unsigned node, const char *words)
{
    struct play_client *client = &play->clients[node];

    line(play, "%u < %s", node, words);
    client->heard = false;
    sim_client_say(client->connection, words);
}

void play_hear(struct play *play, unsigned node)
{
    const struct play_client *client = &play->clients[node];
    struct world *world = play->world;
    const int64_t end_us = world->now_us + REPLY_WAIT_US;

    while (!client->heard && world->now_us < end_us)
        world_run_until(world, world->now_us + 100);
    cr_assert(client->heard, "no reply to the client of %u", node);
    play_wait_ms(play, 5); /* what is still on its way */
}

void play_say(struct play *play, unsigned node, const char *words)
{
    play_ask(play, node, words);
    play_hear(play, node);
}

/* ---- what happens ---- */

void play_wait_ms(struct play *play, int64_t ms)
{
    world_run_until(play->world, play->world->now_us + ms * 1000);
}

void play_note(struct play *play, const char *text)
{
    line(play, "-- %s", text);
}

void play_part(struct play *play, unsigned a, unsigned b)
{
    line(play, "-- %u and %u are parted", a, b);
    net_block(play->world, a, b, true);
    net_block(play->world, b, a, true);
}

void play_join(struct play *play, unsigned a, unsigned b)
{
    line(play, "-- %u and %u are joined", a, b);
    for (struct sim_connection *c = play->world->connections; c != NULL; c = c->next)
        if ((c->nodes[0] == a && c->nodes[1] == b) || (c->nodes[0] == b && c->nodes[1] == a))
            net_break(c);
    net_block(play->world, a, b, false);
    net_block(play->world, b, a, false);
}

void play_part_from_all(struct play *play, unsigned node)
{
    for (unsigned i = 1; i <= play->world->settings.nodes; i++)
        if (i != node)
            play_part(play, node, i);
}

void play_join_with_all(struct play *play, unsigned node)
{
    for (unsigned i = 1; i <= play->world->settings.nodes; i++)
        if (i != node)
            play_join(play, node, i);
}

void play_hold(struct play *play, unsigned from, unsigned to)
{
    line(play, "-- what %u sends to %u is held up", from, to);
    net_block(play->world, from, to, true);
}

void play_free(struct play *play, unsigned from, unsigned to)
{
    line(play, "-- what %u sends to %u arrives", from, to);
    net_block(play->world, from, to, false);
}

void play_kill(struct play *play, unsigned node)
{
    line(play, "-- %u is killed", node);
    sim_node_kill(play->world->nodes[node]);
    play_wait_ms(play, 1); /* what its client sent is lost */
}

void play_start(struct play *play, unsigned node)
{
    struct sim_node *it = play->world->nodes[node];

    line(play, "-- %u starts, empty", node);
    sim_client_destroy(&play->clients[node].connection);
    sim_node_start(it, true);
    open_client(play, node);
}

void play_recover(struct play *play, unsigned node)
{
    struct world *world = play->world;
    const int64_t end_us = world->now_us + REPLY_WAIT_US;

    while (sim_node_forgetful(world->nodes[node]) && world->now_us < end_us)
        world_run_until(world, world->now_us + 10);
    cr_assert(!sim_node_forgetful(world->nodes[node]), "%u does not recover", node);
    line(play, "-- %u votes", node);
}

void play_pause(struct play *play, unsigned node)
{
    line(play, "-- %u is paused", node);
    sim_node_pause(play->world->nodes[node]);
}

void play_resume(struct play *play, unsigned node)
{
    line(play, "-- %u goes on", node);
    sim_node_resume(play->world->nodes[node]);
}

/* ---- stores ---- */

static struct partition *place_of(struct play *play, unsigned node, struct span key,
                                  struct place *place)
{
    struct store *store = play->world->nodes[node]->store;
    const uint32_t index = ring_slot_partition(ring_slot(key), store_partitions(store));

    *place = (struct place){
        .partition = index,
        .claim_version = ring_claim(play->world->ring, index)->version,
        .hash = store_hash(store, key),
        .key = key,
    };
    return store_partition(store, index);
}

void play_evict(struct play *play, unsigned node, const char *key)
{
    struct place place;
    struct partition *partition = place_of(play, node, span_of_string(key), &place);

    partition_lock(partition);
    const bool was = partition_vanish(partition, place.hash, place.key);
    partition_unlock(partition);
    cr_assert(was);
    line(play, "-- %u evicts %s", node, key);
}

void play_lose(struct play *play, unsigned node, const char *key)
{
    struct place place;
    struct partition *partition = place_of(play, node, span_of_string(key), &place);

    partition_lock(partition);
    const bool was = partition_remove(partition, place.hash, place.key);
    partition_unlock(partition);
    cr_assert(was);
    line(play, "-- %u loses %s", node, key);
}

void play_evict_many(struct play *play, unsigned node)
{
    char words[32], key[16];

    for (unsigned i = 0; i < 6; i++) {
        snprintf(words, sizeof words, "set k%u x", i);
        play_say(play, 1, words);
    }
    play_evict(play, node, "k");
    for (unsigned i = 0; i < 6; i++) {
        snprintf(key, sizeof key, "k%u", i);
        play_evict(play, node, key);
    }
}

void play_copy(struct play *play)
{
    play->copies = true;
}

void play_copy_arrives(struct play *play, unsigned node)
{
    struct sim_node *it = play->world->nodes[node];
    const struct span key = buffer_content(&play->copied_key);
    struct wire_message write = {.type = WIRE_WRITE}, ack = {.type = WIRE_ACK};
    char text[DESCRIBE_MAX], answer[DESCRIBE_MAX];
    struct place place;

    place_of(play, node, key, &place);
    write.write.key = key;
    write.write.version = play->copied;
    write.write.over = play->copied.dot;
    const struct offered offered = replica_offer(&it->engine->replica, sim_node_now(it), &place,
                                                 write.write.over, &write.write.version);
    ack.ack.status = (uint8_t)offered.status;
    ack.ack.known = offered.known;
    describe_message(&write, text);
    describe_message(&ack, answer);
    line(play, "-- late at %u: %s; %s", node, text, answer);
}

void play_look(struct play *play, unsigned node, const char *key)
{
    char text[DESCRIBE_MAX / 2] = "nothing", mark[DESCRIBE_DOT_MAX];
    struct version version;
    struct place place;
    struct partition *partition = place_of(play, node, span_of_string(key), &place);

    partition_lock(partition);
    const struct dot left = partition_mark(partition, place.hash, place.key);
    if (partition_get(partition, place.hash, place.key, &version))
        describe_version(&version, text);
    line(play, "%u has %s: %s%s%s%s", node, key, text, dot_exists(left) ? ", mark " : "",
         dot_exists(left) ? describe_dot(left, mark) : "",
         partition->recovering ? ", does not vote" : "");
    partition_unlock(partition);
}

void play_look_at_all(struct play *play, const char *key)
{
    for (unsigned i = 1; i <= play->world->settings.nodes; i++)
        play_look(play, i, key);
}
