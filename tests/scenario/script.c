/* SPDX-License-Identifier: BSD-3-Clause */
#include "scenario/script.h"

#include <criterion/criterion.h>

#include "base/rule.h"
#include "node/parts.h"
#include "ring/slot.h"
#include "sim/mutant/rules.h"
#include "sim/world/describe.h"

#define REPLY_WAIT_US 5000000

const struct world_settings script_three = {.nodes = 3,
                                            .replicas = 3,
                                            .read_level = LEVEL_QUORUM,
                                            .write_level = LEVEL_QUORUM,
                                            .partitions = 1};

static void line(struct script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void line(struct script *script, const char *format, ...)
{
    char text[2 * DESCRIBE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_format(&script->trace, "%s\n", text);
}

static void on_message(void *context, unsigned from, unsigned to,
                       const struct wire_message *message)
{
    struct script *script = context;
    char text[DESCRIBE_MAX];

    if (describe_id(message) == 0)
        return;
    describe_message(message, text);
    line(script, "%u>%u %s", from, to, text);
    if (message->type != WIRE_WRITE || script->copies)
        return;
    buffer_reset(&script->copied_key, 0);
    buffer_reset(&script->copied_value, 0);
    buffer_append_span(&script->copied_key, message->write.key);
    buffer_append_span(&script->copied_value, message->write.version.value);
    script->copied = message->write.version;
    script->copied.value = buffer_content(&script->copied_value);
}

static void on_reply(void *context, struct span reply)
{
    struct script_client *client = context;
    struct buffer *trace = &client->script->trace;

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

static void open_client(struct script *script, unsigned node)
{
    struct script_client *client = &script->clients[node];

    client->script = script;
    client->node = node;
    client->connection = sim_client_open(script->world->nodes[node], node);
    client->connection->context = client;
    client->connection->on_reply = on_reply;
    client->connection->on_closed = on_closed;
}

void script_begin_with(struct script *script, const struct world_settings *settings)
{
    struct world_settings calm = *settings;

    calm.seed = 1;
    calm.calm = calm.detector = true;
    *script = (struct script){.world = world_create(&calm)};
    for (unsigned i = 1; i <= calm.nodes; i++)
        open_client(script, i);
    script_wait_ms(script, 500); /* the links open */
    world_watch(script->world, on_message, script);
}

void script_begin(struct script *script, enum ring_conflict conflict)
{
    struct world_settings settings = script_three;

    settings.partitions = 64;
    settings.conflict = conflict;
    script_begin_with(script, &settings);
}

static void end(struct script *script, const char *expected, bool whole)
{
    buffer_append(&script->trace, "", 1);
    const char *trace = (const char *)buffer_content(&script->trace).data;
    const size_t size = strlen(trace), want = strlen(expected);
    const bool same = size >= want && (!whole || size == want) &&
                      strcmp(trace + size - want, expected) == 0;

    if (!same)
        fprintf(stderr, "---- expected\n%s---- came\n%s----\n", expected, trace);
    for (unsigned i = 1; i <= script->world->settings.nodes; i++)
        sim_node_kill(script->world->nodes[i]);
    for (unsigned i = 1; i <= script->world->settings.nodes; i++)
        sim_client_destroy(&script->clients[i].connection);
    world_destroy(&script->world);
    buffer_deinit(&script->trace);
    buffer_deinit(&script->copied_key);
    buffer_deinit(&script->copied_value);
    cr_assert(same, "the trace is another one");
}

void script_end(struct script *script, const char *expected)
{
    end(script, expected, true);
}

void script_without(unsigned rule, void (*story)(struct script *script), const char *expected)
{
    struct script script;

    rules_remove(rule);
    story(&script);
    rules_restore();
    end(&script, expected, false);
}

/* ---- clients ---- */

void script_ask(struct script *script, unsigned node, const char *words)
{
    struct script_client *client = &script->clients[node];

    line(script, "%u < %s", node, words);
    client->heard = false;
    sim_client_say(client->connection, words);
}

void script_hear(struct script *script, unsigned node)
{
    const struct script_client *client = &script->clients[node];
    struct world *world = script->world;
    const int64_t end_us = world->now_us + REPLY_WAIT_US;

    while (!client->heard && world->now_us < end_us)
        world_run_until(world, world->now_us + 100);
    cr_assert(client->heard, "no reply to the client of %u", node);
    script_wait_ms(script, 5); /* what is still on its way */
}

void script_say(struct script *script, unsigned node, const char *words)
{
    script_ask(script, node, words);
    script_hear(script, node);
}

/* ---- what happens ---- */

void script_wait_ms(struct script *script, int64_t ms)
{
    world_run_until(script->world, script->world->now_us + ms * 1000);
}

void script_note(struct script *script, const char *text)
{
    line(script, "-- %s", text);
}

void script_part(struct script *script, unsigned a, unsigned b)
{
    line(script, "-- %u and %u are parted", a, b);
    net_block(script->world, a, b, true);
    net_block(script->world, b, a, true);
}

void script_join(struct script *script, unsigned a, unsigned b)
{
    line(script, "-- %u and %u are joined", a, b);
    for (struct sim_connection *c = script->world->connections; c != NULL; c = c->next)
        if ((c->nodes[0] == a && c->nodes[1] == b) || (c->nodes[0] == b && c->nodes[1] == a))
            net_break(c);
    net_block(script->world, a, b, false);
    net_block(script->world, b, a, false);
}

void script_part_from_all(struct script *script, unsigned node)
{
    for (unsigned i = 1; i <= script->world->settings.nodes; i++)
        if (i != node)
            script_part(script, node, i);
}

void script_join_with_all(struct script *script, unsigned node)
{
    for (unsigned i = 1; i <= script->world->settings.nodes; i++)
        if (i != node)
            script_join(script, node, i);
}

void script_hold(struct script *script, unsigned from, unsigned to)
{
    line(script, "-- what %u sends to %u is held up", from, to);
    net_block(script->world, from, to, true);
}

void script_free(struct script *script, unsigned from, unsigned to)
{
    line(script, "-- what %u sends to %u arrives", from, to);
    net_block(script->world, from, to, false);
}

void script_kill(struct script *script, unsigned node)
{
    line(script, "-- %u is killed", node);
    sim_node_kill(script->world->nodes[node]);
    script_wait_ms(script, 1); /* what its client sent is lost */
}

void script_start(struct script *script, unsigned node)
{
    struct sim_node *it = script->world->nodes[node];

    line(script, "-- %u starts, empty", node);
    sim_client_destroy(&script->clients[node].connection);
    sim_node_start(it, true);
    open_client(script, node);
}

void script_recover(struct script *script, unsigned node)
{
    struct world *world = script->world;
    const int64_t end_us = world->now_us + REPLY_WAIT_US;

    while (sim_node_forgetful(world->nodes[node]) && world->now_us < end_us)
        world_run_until(world, world->now_us + 10);
    cr_assert(!sim_node_forgetful(world->nodes[node]), "%u does not recover", node);
    line(script, "-- %u votes", node);
}

void script_pause(struct script *script, unsigned node)
{
    line(script, "-- %u is paused", node);
    sim_node_pause(script->world->nodes[node]);
}

void script_resume(struct script *script, unsigned node)
{
    line(script, "-- %u goes on", node);
    sim_node_resume(script->world->nodes[node]);
}

/* ---- stores ---- */

static struct partition *place_of(struct script *script, unsigned node, struct span key,
                                  struct place *place)
{
    struct store *store = script->world->nodes[node]->store;
    const uint32_t index = ring_slot_partition(ring_slot(key), store_partitions(store));

    *place = (struct place){
        .partition = index,
        .claim_version = ring_claim(script->world->ring, index)->version,
        .hash = store_hash(store, key),
        .key = key,
    };
    return store_partition(store, index);
}

void script_evict(struct script *script, unsigned node, const char *key)
{
    struct place place;
    struct partition *partition = place_of(script, node, span_of_string(key), &place);

    partition_lock(partition);
    const bool was = partition_vanish(partition, place.hash, place.key);
    partition_unlock(partition);
    cr_assert(was);
    line(script, "-- %u evicts %s", node, key);
}

void script_lose(struct script *script, unsigned node, const char *key)
{
    struct place place;
    struct partition *partition = place_of(script, node, span_of_string(key), &place);

    partition_lock(partition);
    const bool was = partition_remove(partition, place.hash, place.key);
    partition_unlock(partition);
    cr_assert(was);
    line(script, "-- %u loses %s", node, key);
}

void script_evict_many(struct script *script, unsigned node)
{
    char words[32], key[16];

    for (unsigned i = 0; i < 6; i++) {
        snprintf(words, sizeof words, "set k%u x", i);
        script_say(script, 1, words);
    }
    script_evict(script, node, "k");
    for (unsigned i = 0; i < 6; i++) {
        snprintf(key, sizeof key, "k%u", i);
        script_evict(script, node, key);
    }
}

void script_copy(struct script *script)
{
    script->copies = true;
}

void script_copy_arrives(struct script *script, unsigned node)
{
    struct sim_node *it = script->world->nodes[node];
    const struct span key = buffer_content(&script->copied_key);
    struct wire_message write = {.type = WIRE_WRITE}, ack = {.type = WIRE_ACK};
    char text[DESCRIBE_MAX], answer[DESCRIBE_MAX];
    struct place place;

    place_of(script, node, key, &place);
    write.write.key = key;
    write.write.version = script->copied;
    write.write.over = script->copied.dot;
    const struct offered offered = replica_offer(&it->engine->replica, sim_node_now(it), &place,
                                                 write.write.over, &write.write.version);
    ack.ack.status = (uint8_t)offered.status;
    ack.ack.known = offered.known;
    describe_message(&write, text);
    describe_message(&ack, answer);
    line(script, "-- late at %u: %s; %s", node, text, answer);
}

void script_look(struct script *script, unsigned node, const char *key)
{
    char text[DESCRIBE_MAX / 2] = "nothing", mark[DESCRIBE_DOT_MAX];
    struct version version;
    struct place place;
    struct partition *partition = place_of(script, node, span_of_string(key), &place);

    partition_lock(partition);
    const struct dot left = partition_mark(partition, place.hash, place.key);
    if (partition_get(partition, place.hash, place.key, &version))
        describe_version(&version, text);
    line(script, "%u has %s: %s%s%s%s", node, key, text, dot_exists(left) ? ", mark " : "",
         dot_exists(left) ? describe_dot(left, mark) : "",
         partition->recovering ? ", does not vote" : "");
    partition_unlock(partition);
}

void script_look_at_all(struct script *script, const char *key)
{
    for (unsigned i = 1; i <= script->world->settings.nodes; i++)
        script_look(script, i, key);
}
