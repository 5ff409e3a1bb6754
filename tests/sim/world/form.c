/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/form.h"

#include <stdio.h>

#include "sim/check/ring.h"
#include "sim/world/client.h"
#include "sim/world/net.h"

#define BEGIN_US_MAX  2000000 /* once all nodes run */
#define ANSWER_US_MAX 15000000
#define AGREE_US_MAX  20000000
#define STEP_US       50000
/* A promise whose withdrawal was lost stands for 10 s: what is asked again has to outlast it. */
#define ROUNDS_MAX 20
#define ROUND_US   750000
/* All of INIT takes some milliseconds. */
#define CUT_DELAY_US_MAX 5000
#define CUT_US_MAX       3000000
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
                                 world_port(i, 0));
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

/* Two nodes do not reach each other for a while: what is asked then may fail, and is asked again.
 */
static void cut(struct world *world, unsigned a, unsigned b, bool blocked)
{
    net_block(world, a, b, blocked);
    net_block(world, b, a, blocked);
}

static void mend(void *object, uint64_t number)
{
    cut(object, (unsigned)number >> 8, (unsigned)number & 255, false);
}

/* Returns when it is mended; 0: nothing was cut. */
static int64_t draw_cut(struct world *world)
{
    const unsigned nodes = world->settings.nodes;

    if (nodes == 1 || !world_chance(world, 1, 3))
        return 0;
    const unsigned a = (unsigned)world_draw(world, 1, nodes);
    const unsigned b = 1 + (a + (unsigned)world_draw(world, 0, nodes - 2)) % nodes;
    const int64_t delay_us = world_draw(world, 0, CUT_DELAY_US_MAX);

    world_run_until(world, world->now_us + delay_us);
    cut(world, a, b, true);
    const int64_t length_us = world_draw(world, CUT_US_MAX / 10, CUT_US_MAX);
    world_after(world, length_us, mend, world, (uint64_t)a << 8 | b);
    return world->now_us + length_us;
}

/* Asks one node, or two at once; returns how many were told that they formed a ring. */
static unsigned ask_round(struct world *world, int64_t *cut_us, struct verdict *verdict)
{
    struct asker askers[2] = {0};
    const unsigned nodes = world->settings.nodes;
    const unsigned count = nodes > 1 && world_chance(world, 1, 4) ? 2 : 1;
    const unsigned first = (unsigned)world_draw(world, 1, nodes);
    unsigned formed = 0;

    for (unsigned i = 0; i < count; i++)
        ask(world, &askers[i], 1 + (first + i - 1) % nodes);
    if (*cut_us == 0)
        *cut_us = draw_cut(world);
    const int64_t end_us = world->now_us + ANSWER_US_MAX;
    while (world->now_us < end_us && !(askers[0].closed && (count < 2 || askers[1].closed)))
        step(world);
    step(world); /* nothing of the clients is on its way any more */
    for (unsigned i = 0; i < count; i++) {
        verdict->judged++;
        formed += askers[i].formed;
        if (askers[i].closed)
            sim_client_destroy(&askers[i].client);
        else
            verdict_wrong(verdict, "ring: RING INIT was not answered");
    }
    return formed;
}

void form_ring(struct world *world, struct verdict *verdict)
{
    unsigned formed = 0;
    int64_t cut_us = 0; /* until then */

    world_run_until(world, WORLD_START_US_MAX + world_draw(world, 0, BEGIN_US_MAX));
    for (unsigned round = 0; round < ROUNDS_MAX && formed == 0; round++) {
        formed = ask_round(world, &cut_us, verdict);
        if (cut_us == 0)
            break;
        if (formed == 0)
            world_run_until(world, world->now_us + ROUND_US);
    }
    if (formed != 1)
        verdict_wrong(verdict, "ring: RING INIT formed %u rings", formed);
    if (world->now_us < cut_us)
        world_run_until(world, cut_us);
    const int64_t agree_us = world->now_us + AGREE_US_MAX;
    while (world->now_us < agree_us && !members_agree(world))
        step(world);
    check_members(world, verdict);
}
