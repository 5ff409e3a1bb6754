/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/walker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/rng.h"
#include "lib/array.h"
#include "sim/load/load_parts.h"

#define STEP_US     30000
#define PATIENCE_US 3000000
/* Its connections' names begin here, past the load's. */
#define NAMES_FROM (UINT64_C(1) << 32)

/* The walker's connection to a node. */
struct path {
    struct walker *walker;
    struct sim_client *client; /* NULL: none is open */
    unsigned late;             /* replies that are not waited for any more */
};

struct walker {
    struct world *world;
    struct history *history;
    const enum load_phase *phase;
    unsigned keys;
    struct rng rng;
    uint64_t names;
    struct path paths[WORLD_NODES_MAX + 1];
    struct sim_client **retired;
    size_t retired_count, retired_capacity;

    bool walking;
    uint64_t cursor;
    struct walk walk;   /* in progress; its bitmap is the walker's */
    struct path *asked; /* NULL: no call is on its way */
    int64_t asked_us;
};

/* ---- replies ---- */

static void begin_walk(struct walker *walker)
{
    walker->walking = true;
    walker->cursor = 0;
    walker->walk = (struct walk){.began_us = walker->world->now_us,
                                 .keys = walker->keys,
                                 .seen = memory_alloc(walker->keys / 8 + 1)};
}

static void end_walk(struct walker *walker)
{
    struct walk *walk = history_add_walk(walker->history, walker->keys);

    memcpy(walk->seen, walker->walk.seen, walker->keys / 8 + 1);
    walk->began_us = walker->walk.began_us;
    walk->ended_us = walker->world->now_us;
    memory_free(walker->walk.seen);
    walker->walking = false;
}

static void take_page(struct walker *walker, struct span reply)
{
    struct span elements = load_elements(reply);
    char text[32];

    walker->cursor = strtoull(load_text(load_next_element(&elements), text), NULL, 10);
    struct span keys = load_elements(load_next_element(&elements));
    while (keys.size > 0) {
        load_text(load_next_element(&keys), text);
        if (text[0] == 'k' && strtoul(text + 1, NULL, 10) < walker->keys)
            history_walk_sees(&walker->walk, (uint32_t)strtoul(text + 1, NULL, 10));
    }
    if (walker->cursor == 0)
        end_walk(walker);
}

static void on_reply(void *context, struct span reply)
{
    struct path *path = context;
    struct walker *walker = path->walker;

    if (path->late > 0) {
        path->late--;
        return;
    }
    ensure(walker->asked == path);
    walker->asked = NULL;
    if (reply.data[0] != '-')
        take_page(walker, reply);
}

static void on_closed(void *context)
{
    struct path *path = context;
    struct walker *walker = path->walker;

    if (walker->asked == path)
        walker->asked = NULL;
    walker->retired = array_room(walker->retired, walker->retired_count, &walker->retired_capacity,
                                 sizeof walker->retired[0]);
    walker->retired[walker->retired_count++] = path->client;
    path->client = NULL;
    path->late = 0;
}

/* ---- calls ---- */

static void call(struct walker *walker, struct sim_node *node)
{
    struct path *path = &walker->paths[node->number];
    char words[64];

    if (path->client == NULL) {
        path->client = sim_client_open(node, NAMES_FROM + ++walker->names);
        path->client->context = path;
        path->client->on_reply = on_reply;
        path->client->on_closed = on_closed;
    }
    if (!walker->walking)
        begin_walk(walker);
    snprintf(words, sizeof words, "scan %" PRIu64 " count %" PRIu64, walker->cursor,
             1 + rng_below(&walker->rng, 10 + walker->keys / 4));
    walker->asked = path;
    walker->asked_us = walker->world->now_us;
    sim_client_say(path->client, words);
}

static void step(void *object, uint64_t number)
{
    struct walker *walker = object;
    struct world *world = walker->world;
    struct sim_node *node = world->nodes[1 + rng_below(&walker->rng, world->settings.nodes)];

    (void)number;
    if (walker->asked != NULL && world->now_us - walker->asked_us > PATIENCE_US) {
        walker->asked->late++;
        walker->asked = NULL;
    }
    if (walker->asked == NULL && *walker->phase != LOAD_SILENT && sim_node_runs(node) &&
        !node->paused)
        call(walker, node);
    world_after(world, 1 + (int64_t)rng_below(&walker->rng, STEP_US), step, walker, 0);
}

/* ---- its life ---- */

struct walker *walker_create(struct world *world, const struct load_settings *settings,
                             struct history *history, const enum load_phase *phase)
{
    struct walker *walker = memory_alloc(sizeof *walker);

    walker->world = world;
    walker->history = history;
    walker->phase = phase;
    walker->keys = settings->keys;
    rng_init(&walker->rng, world->settings.seed ^ UINT64_C(0x3a1c));
    for (unsigned i = 0; i <= WORLD_NODES_MAX; i++)
        walker->paths[i].walker = walker;
    world_after(world, 1 + (int64_t)rng_below(&walker->rng, STEP_US), step, walker, 0);
    return walker;
}

void walker_destroy(struct walker **walker)
{
    struct walker *w = *walker;

    *walker = NULL;
    for (unsigned i = 0; i <= WORLD_NODES_MAX; i++)
        if (w->paths[i].client != NULL)
            sim_client_destroy(&w->paths[i].client);
    for (size_t i = 0; i < w->retired_count; i++)
        sim_client_destroy(&w->retired[i]);
    memory_free(w->retired);
    if (w->walking)
        memory_free(w->walk.seen);
    memory_free(w);
}
