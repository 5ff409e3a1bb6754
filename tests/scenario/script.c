/* SPDX-License-Identifier: BSD-3-Clause */
#include "scenario/script.h"

#include <criterion/criterion.h>

#include "sim/describe.h"

#define REPLY_WAIT_US 5000000

static void on_message(void *context, unsigned from, unsigned to,
                       const struct wire_message *message)
{
    struct script *script = context;
    char text[DESCRIBE_MAX];

    if (describe_id(message) == 0)
        return; /* handshakes, PING */
    describe_message(message, text);
    buffer_append_format(&script->trace, "%u>%u %s\n", from, to, text);
}

static void on_reply(void *context, struct span reply)
{
    struct script *script = context;

    buffer_append_format(&script->trace, "%u > ", script->speaker);
    for (size_t i = 0; i < reply.size; i++) {
        if (reply.data[i] == '\r')
            buffer_append_string(&script->trace, i + 2 < reply.size ? " " : "\n");
        else if (reply.data[i] != '\n')
            buffer_append(&script->trace, &reply.data[i], 1);
    }
    script->heard = true;
}

static void on_closed(void *context)
{
    (void)context;
}

void script_begin(struct script *script, enum ring_conflict conflict)
{
    const struct world_settings settings = {.seed = 1,
                                            .nodes = 3,
                                            .replicas = 3,
                                            .read_level = LEVEL_QUORUM,
                                            .write_level = LEVEL_QUORUM,
                                            .partitions = 64,
                                            .conflict = conflict,
                                            .calm = true,
                                            .detector = true};

    *script = (struct script){.world = world_create(&settings)};
    for (unsigned i = 1; i <= 3; i++) {
        script->clients[i] = sim_client_open(script->world->nodes[i], i);
        script->clients[i]->context = script;
        script->clients[i]->on_reply = on_reply;
        script->clients[i]->on_closed = on_closed;
    }
    script_wait_ms(script, 500); /* the links open */
    world_watch(script->world, on_message, script);
}

void script_end(struct script *script, const char *expected)
{
    buffer_append(&script->trace, "", 1);
    const char *trace = (const char *)buffer_content(&script->trace).data;
    const bool same = strcmp(trace, expected) == 0;

    if (!same)
        fprintf(stderr, "---- expected\n%s---- came\n%s----\n", expected, trace);
    world_destroy(&script->world);
    for (unsigned i = 1; i <= 3; i++)
        sim_client_destroy(&script->clients[i]);
    buffer_deinit(&script->trace);
    cr_assert(same, "the trace is another one");
}

void script_say(struct script *script, unsigned node, const char *words)
{
    struct world *world = script->world;
    const int64_t end_us = world->now_us + REPLY_WAIT_US;

    buffer_append_format(&script->trace, "%u < %s\n", node, words);
    script->speaker = node;
    script->heard = false;
    sim_client_say(script->clients[node], words);
    while (!script->heard && world->now_us < end_us)
        world_run_until(world, world->now_us + 100);
    cr_assert(script->heard, "no reply to '%s'", words);
    script_wait_ms(script, 5); /* what is still on its way */
}

void script_wait_ms(struct script *script, int64_t ms)
{
    world_run_until(script->world, script->world->now_us + ms * 1000);
}

void script_note(struct script *script, const char *text)
{
    buffer_append_format(&script->trace, "-- %s\n", text);
}

void script_part(struct script *script, unsigned a, unsigned b)
{
    buffer_append_format(&script->trace, "-- %u and %u are parted\n", a, b);
    net_block(script->world, a, b, true);
    net_block(script->world, b, a, true);
}

void script_join(struct script *script, unsigned a, unsigned b)
{
    buffer_append_format(&script->trace, "-- %u and %u are joined\n", a, b);
    for (struct sim_connection *c = script->world->connections; c != NULL; c = c->next)
        if ((c->nodes[0] == a && c->nodes[1] == b) || (c->nodes[0] == b && c->nodes[1] == a))
            net_break(c);
    net_block(script->world, a, b, false);
    net_block(script->world, b, a, false);
}
