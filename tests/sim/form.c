/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/form.h"

#include <stdio.h>

#include "sim/check_ring.h"
#include "sim/client.h"

#define BEGIN_US_MAX  2000000 /* once all nodes run */
#define ANSWER_US_MAX 15000000
#define AGREE_US_MAX  20000000
#define STEP_US       50000
/* Clients of the load count from 1. */
#define CLIENT_ID 1000000

/* A client that asks for a ring. */
struct asker {
    struct sim_client *client;
    bool answered, formed, closed;
};

static void on_reply(void *context, struct span reply)
{
    struct asker *asker = context;

    if (!asker->answered)
        asker->formed = reply.data[0] == '+';
    asker->answered = true;
}

static void on_closed(void *context)
{
    struct asker *asker = context;

    asker->closed = true;
}

static void ask(struct world *world, struct asker *asker, unsigned number)
{
    char words[WORLD_NODES_MAX * 24 + 16] = "ring init";
    size_t size = strlen(words);

    for (unsigned i = 1; i <= world->settings.nodes; i++)
        size += (size_t)snprintf(words + size, sizeof words - size, " %s:%u", WORLD_HOST,
                                 WORLD_PORT + i);
    asker->client = sim_client_open(world->nodes[number], CLIENT_ID + number);
    asker->client->context = asker;
    asker->client->on_reply = on_reply;
    asker->client->on_closed = on_closed;
    sim_client_say(asker->client, words);
    sim_client_say(asker->client, "quit");
}

static void step(struct world *world)
{
    world_run_until(world, world->now_us + STEP_US);
}

/* What two that ask at once are told: one ring is formed. */
static void check_answers(const struct asker *askers, unsigned count, struct verdict *verdict)
{
    unsigned formed = 0;

    verdict->judged++;
    for (unsigned i = 0; i < count; i++) {
        formed += askers[i].formed;
        if (!askers[i].answered)
            verdict_wrong(verdict, "ring: RING INIT was not answered");
    }
    if (formed != 1)
        verdict_wrong(verdict, "ring: RING INIT succeeded %u times, asked %u times", formed, count);
}

void form_ring(struct world *world, struct verdict *verdict)
{
    struct asker askers[2] = {0};
    const unsigned nodes = world->settings.nodes;
    const unsigned count = nodes > 1 && world_chance(world, 1, 4) ? 2 : 1;
    const unsigned first = (unsigned)world_draw(world, 1, nodes);

    world_run_until(world, WORLD_START_US_MAX + world_draw(world, 0, BEGIN_US_MAX));
    for (unsigned i = 0; i < count; i++)
        ask(world, &askers[i], 1 + (first + i - 1) % nodes);
    const int64_t end_us = world->now_us + ANSWER_US_MAX;
    while (world->now_us < end_us && !(askers[0].closed && (count < 2 || askers[1].closed)))
        step(world);
    check_answers(askers, count, verdict);
    step(world); /* nothing of the clients is on its way any more */
    for (unsigned i = 0; i < count; i++)
        if (askers[i].closed)
            sim_client_destroy(&askers[i].client);
    const int64_t agree_us = world->now_us + AGREE_US_MAX;
    while (world->now_us < agree_us && !members_agree(world))
        step(world);
    check_members(world, verdict);
}
