/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/listeners.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/rng.h"
#include "lib/array.h"
#include "sim/load/load_parts.h"

#define STEP_US       60000
#define IN_FLIGHT_MAX 32
#define PIPELINE_MAX  4
/* Connections' names begin here, past all others'. */
#define NAMES_FROM (UINT64_C(4) << 32)

struct listener {
    struct listeners *all;
    struct sim_client *ear, *mouth;      /* NULL: it is not connected */
    size_t subscribed[SUBSCRIBED_KINDS]; /* of what it subscribes to; HISTORY_NONE: it does not */
    size_t said[IN_FLIGHT_MAX];          /* messages that are not answered, in order */
    unsigned in_flight;
    uint32_t number;              /* of the connection's messages */
    int turned[SUBSCRIBED_KINDS]; /* what its commands are about that are not answered yet */
    size_t turned_count;
};

struct listeners {
    struct world *world;
    struct history *history;
    const enum load_phase *phase;
    struct rng rng;
    uint64_t names;
    struct listener *listeners;
    unsigned count;
    struct sim_client **retired;
    size_t retired_count, retired_capacity;
};

static void retire(struct listeners *all, struct sim_client **client)
{
    all->retired = array_room(all->retired, all->retired_count, &all->retired_capacity,
                              sizeof all->retired[0]);
    all->retired[all->retired_count++] = *client;
    *client = NULL;
}

/* ---- what it hears ---- */

static int kind_of(const char *name)
{
    for (int kind = 0; kind < SUBSCRIBED_KINDS; kind++)
        if (strcmp(subscribed_kinds[kind].name, name) == 0)
            return kind;
    return -1;
}

static void hear(struct listener *listener, int kind, struct span channel, struct span message)
{
    struct hearing *heard = history_add_heard(listener->all->history);
    char text[32];

    heard->listener = listener->ear->id;
    heard->kind = kind;
    heard->at_us = listener->all->world->now_us;
    load_text(channel, text);
    heard->channel = kind_of(text);
    load_text(message, text);
    heard->publisher = strtoull(text, NULL, 10);
    const char *dot = strchr(text, '.');
    heard->number = dot != NULL ? (uint32_t)strtoul(dot + 1, NULL, 10) : UINT32_MAX;
}

/* What the oldest command that is not answered yet is about. */
static int take_turned(struct listener *listener)
{
    ensure(listener->turned_count > 0);
    const int kind = listener->turned[0];
    memmove(listener->turned, listener->turned + 1,
            --listener->turned_count * sizeof listener->turned[0]);
    return kind;
}

/* There was no memory for it, or for its reply: it may have taken effect, and may not. So what
 * comes may be heard from now on, and need not. */
static void note_refused(struct listener *listener)
{
    const int64_t now_us = listener->all->world->now_us;
    const int kind = take_turned(listener);
    struct subscribed *subscribed =
        &listener->all->history->subscriptions[listener->subscribed[kind]];

    if (subscribed->confirmed_us > now_us)
        subscribed->confirmed_us = now_us;
    if (subscribed->ending_us > now_us)
        subscribed->ending_us = now_us;
    listener->subscribed[kind] = HISTORY_NONE;
}

static void note_confirmed(struct listener *listener, const char *word, int kind)
{
    struct history *history = listener->all->history;
    const size_t at = kind >= 0 ? listener->subscribed[kind] : HISTORY_NONE;

    const int turned = take_turned(listener);

    ensure(at != HISTORY_NONE && turned == kind);
    if (strstr(word, "unsubscribe") != NULL) {
        history->subscriptions[at].ended_us = listener->all->world->now_us;
        listener->subscribed[kind] = HISTORY_NONE;
    } else {
        history->subscriptions[at].confirmed_us = listener->all->world->now_us;
    }
}

static void on_heard(void *context, struct span reply)
{
    struct listener *listener = context;
    char word[32], name[32];

    if (reply.data[0] == '-')
        note_refused(listener);
    if (reply.data[0] != '*')
        return;
    struct span elements = load_elements(reply);
    load_text(load_next_element(&elements), word);
    const struct span first = load_next_element(&elements);
    load_text(first, name);
    if (strcmp(word, "message") == 0)
        hear(listener, kind_of(name), first, elements);
    else if (strcmp(word, "pmessage") == 0) {
        const struct span channel = load_next_element(&elements);
        hear(listener, kind_of(name), channel, elements);
    } else {
        note_confirmed(listener, word, kind_of(name));
    }
}

static void on_ear_closed(void *context)
{
    struct listener *listener = context;
    struct listeners *all = listener->all;

    for (int kind = 0; kind < SUBSCRIBED_KINDS; kind++) {
        if (listener->subscribed[kind] == HISTORY_NONE)
            continue;
        struct subscribed *subscribed = &all->history->subscriptions[listener->subscribed[kind]];
        subscribed->ended_us = all->world->now_us;
        if (subscribed->ending_us > all->world->now_us)
            subscribed->ending_us = all->world->now_us;
        listener->subscribed[kind] = HISTORY_NONE;
    }
    listener->turned_count = 0;
    retire(all, &listener->ear);
}

/* ---- what it says ---- */

static struct said *take_said(struct listener *listener)
{
    ensure(listener->in_flight > 0);
    struct said *said = &listener->all->history->said[listener->said[0]];
    memmove(listener->said, listener->said + 1, --listener->in_flight * sizeof listener->said[0]);
    return said;
}

static void on_counted(void *context, struct span reply)
{
    struct listener *listener = context;
    struct said *said = take_said(listener);

    said->replied_us = listener->all->world->now_us;
    said->outcome = reply.data[0] == ':' ? OUTCOME_OK : OUTCOME_FAILED;
    if (said->outcome == OUTCOME_OK)
        said->receivers = strtoull((const char *)reply.data + 1, NULL, 10);
}

static void on_mouth_closed(void *context)
{
    struct listener *listener = context;

    while (listener->in_flight > 0)
        take_said(listener)->outcome = OUTCOME_LOST;
    retire(listener->all, &listener->mouth);
}

static void say(struct listener *listener)
{
    struct listeners *all = listener->all;
    const uint64_t most = 1 + rng_below(&all->rng, PIPELINE_MAX);
    char words[64];

    for (uint64_t i = 0; i < most && listener->in_flight < IN_FLIGHT_MAX; i++) {
        const int channel = (int)rng_below(&all->rng, CHANNELS);
        listener->said[listener->in_flight++] = all->history->said_count;
        struct said *said = history_add_said(all->history);
        said->publisher = listener->mouth->id;
        said->number = ++listener->number;
        said->channel = channel;
        said->sent_us = all->world->now_us;
        said->calm = *all->phase == LOAD_CALM || *all->phase == LOAD_HEALED;
        snprintf(words, sizeof words, "publish %s %" PRIu64 ".%" PRIu32,
                 subscribed_kinds[channel].name, said->publisher, said->number);
        sim_client_say(listener->mouth, words);
    }
}

/* ---- steps ---- */

/* Subscribes to something, or unsubscribes where it did. */
static void turn(struct listener *listener)
{
    struct listeners *all = listener->all;
    const int kind = (int)rng_below(&all->rng, SUBSCRIBED_KINDS);
    const bool pattern = kind >= CHANNELS;
    char words[64];

    if (listener->subscribed[kind] == HISTORY_NONE) {
        listener->subscribed[kind] = all->history->subscription_count;
        struct subscribed *subscribed = history_add_subscribed(all->history);
        subscribed->listener = listener->ear->id;
        subscribed->kind = kind;
        subscribed->asked_us = all->world->now_us;
        snprintf(words, sizeof words, "%ssubscribe %s", pattern ? "p" : "",
                 subscribed_kinds[kind].name);
    } else {
        struct subscribed *subscribed = &all->history->subscriptions[listener->subscribed[kind]];
        if (subscribed->confirmed_us == HISTORY_NEVER_US ||
            subscribed->ending_us != HISTORY_NEVER_US)
            return;
        subscribed->ending_us = all->world->now_us;
        snprintf(words, sizeof words, "%sunsubscribe %s", pattern ? "p" : "",
                 subscribed_kinds[kind].name);
    }
    listener->turned[listener->turned_count++] = kind;
    sim_client_say(listener->ear, words);
}

static struct sim_client *open_client(struct listener *listener,
                                      void (*on_reply)(void *context, struct span reply),
                                      void (*on_closed)(void *context))
{
    struct listeners *all = listener->all;
    struct world *world = all->world;
    struct sim_node *node = world->nodes[1 + rng_below(&all->rng, world->settings.nodes)];

    if (!sim_node_runs(node) || node->paused)
        return NULL;
    struct sim_client *client = sim_client_open(node, NAMES_FROM + ++all->names);
    client->context = listener;
    client->on_reply = on_reply;
    client->on_closed = on_closed;
    return client;
}

static void step(void *object, uint64_t number)
{
    struct listener *listener = object;
    struct listeners *all = listener->all;

    (void)number;
    if (*all->phase != LOAD_SILENT) {
        if (listener->ear == NULL)
            listener->ear = open_client(listener, on_heard, on_ear_closed);
        if (listener->ear != NULL && rng_below(&all->rng, 3) == 0)
            turn(listener);
        if (listener->mouth == NULL) {
            listener->mouth = open_client(listener, on_counted, on_mouth_closed);
            listener->number = 0;
        }
        if (listener->mouth != NULL)
            say(listener);
    }
    world_after(all->world, 1 + (int64_t)rng_below(&all->rng, STEP_US), step, listener, 0);
}

/* ---- their life ---- */

struct listeners *listeners_create(struct world *world, const struct load_settings *settings,
                                   struct history *history, const enum load_phase *phase)
{
    struct listeners *all = memory_alloc(sizeof *all);

    all->world = world;
    all->history = history;
    all->phase = phase;
    all->count = settings->listeners;
    all->listeners = memory_alloc_array(all->count + 1, sizeof all->listeners[0]);
    rng_init(&all->rng, world->settings.seed ^ UINT64_C(0x7a1c));
    for (unsigned i = 0; i < all->count; i++) {
        all->listeners[i].all = all;
        for (int kind = 0; kind < SUBSCRIBED_KINDS; kind++)
            all->listeners[i].subscribed[kind] = HISTORY_NONE;
        world_after(world, 1 + (int64_t)rng_below(&all->rng, STEP_US), step, &all->listeners[i], 0);
    }
    return all;
}

void listeners_destroy(struct listeners **listeners)
{
    struct listeners *all = *listeners;

    *listeners = NULL;
    for (unsigned i = 0; i < all->count; i++) {
        if (all->listeners[i].ear != NULL)
            sim_client_destroy(&all->listeners[i].ear);
        if (all->listeners[i].mouth != NULL)
            sim_client_destroy(&all->listeners[i].mouth);
    }
    for (size_t i = 0; i < all->retired_count; i++)
        sim_client_destroy(&all->retired[i]);
    memory_free(all->retired);
    memory_free(all->listeners);
    memory_free(all);
}
