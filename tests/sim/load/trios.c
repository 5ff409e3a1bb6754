/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/trios.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "lib/array.h"
#include "sim/load/load_parts.h"

#define USERS   4u
#define TRIOS   2u
#define STEP_US 60000
/* Between WATCH and MULTI. */
#define WATCHED_US 15000
/* Their connections' names begin here, past the others'. */
#define NAMES_FROM (UINT64_C(3) << 32)
#define WORDS_MAX  128

struct trio_user {
    struct trios *trios;
    struct sim_node *node;
    struct sim_client *client; /* NULL: none is open */
    size_t act;                /* in progress, in the history; HISTORY_NONE: none */
    unsigned awaited;          /* replies, the last of them of WATCH or EXEC */
};

struct trios {
    struct world *world;
    struct history *history;
    const enum load_phase *phase;
    struct rng rng;
    uint64_t names, values;
    struct trio_user users[USERS];
    struct sim_client **retired;
    size_t retired_count, retired_capacity;
};

static struct trio_act *act_of(struct trio_user *user)
{
    return &user->trios->history->trio_acts[user->act];
}

/* ---- asking ---- */

static void say(struct trio_user *user, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct trio_user *user, const char *format, ...)
{
    char words[WORDS_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    sim_client_say(user->client, words);
    user->awaited++;
}

static void say_transaction(struct trio_user *user)
{
    struct trio_act *act = act_of(user);

    act->sent_us = user->trios->world->now_us;
    if (act->kind == TRIO_WRITE && act->value % 2 == 0) {
        say(user, "mset {t%u}a %" PRIu64 " {t%u}b %" PRIu64 " {t%u}c %" PRIu64, act->trio,
            act->value, act->trio, act->value, act->trio, act->value);
        return;
    }
    say(user, "multi");
    if (act->kind == TRIO_READ) {
        say(user, "mget {t%u}a {t%u}b {t%u}c", act->trio, act->trio, act->trio);
    } else {
        for (char name = 'a'; name < 'a' + TRIO_KEYS; name++)
            say(user, "set {t%u}%c %" PRIu64, act->trio, name, act->value);
    }
    say(user, "exec");
}

static void go_on(void *object, uint64_t number)
{
    struct trio_user *user = object;

    if (user->act == number && user->client != NULL)
        say_transaction(user);
}

static void begin(struct trio_user *user)
{
    struct trios *trios = user->trios;
    const uint64_t drawn = rng_below(&trios->rng, 4);

    user->act = history_add_trio_act(trios->history);
    struct trio_act *act = act_of(user);
    act->node = user->node->number;
    act->kind = drawn < 2 ? TRIO_READ : drawn == 2 ? TRIO_WRITE : TRIO_WATCHED;
    act->trio = (uint32_t)rng_below(&trios->rng, TRIOS);
    act->value = ++trios->values;
    act->watch_sent_us = trios->world->now_us;
    user->awaited = 0;
    if (act->kind == TRIO_WATCHED)
        say(user, "watch {t%u}a", act->trio);
    else
        say_transaction(user);
}

/* ---- replies ---- */

/* What EXEC told of MGET. */
static void note_values(struct trio_act *act, struct span reply)
{
    struct span values = load_elements(reply);

    values = load_elements(load_next_element(&values));
    for (unsigned i = 0; i < TRIO_KEYS; i++) {
        const struct span bulk = load_next_element(&values);
        if (bulk.data[1] != '-')
            act->values[i] = strtoull((const char *)load_elements(bulk).data, NULL, 10);
    }
}

static void note_exec(struct trio_act *act, struct span reply)
{
    if (reply.data[0] == '-')
        act->outcome = TRIO_FAILED;
    else if (reply.size > 1 && reply.data[0] == '*' && reply.data[1] == '-')
        act->outcome = TRIO_REFUSED;
    else
        act->outcome = TRIO_DONE;
    if (act->outcome == TRIO_DONE && act->kind == TRIO_READ)
        note_values(act, reply);
}

static void on_reply(void *context, struct span reply)
{
    struct trio_user *user = context;
    struct trios *trios = user->trios;

    if (user->act == HISTORY_NONE || --user->awaited > 0)
        return;
    struct trio_act *act = act_of(user);
    act->replied_us = trios->world->now_us;
    if (act->kind == TRIO_WATCHED && act->watched_us == 0) {
        act->watched_us = trios->world->now_us;
        if (reply.data[0] != '-') {
            world_after(trios->world, 1 + (int64_t)rng_below(&trios->rng, WATCHED_US), go_on, user,
                        user->act);
            return;
        }
        act->outcome = TRIO_NOTHING;
    } else {
        note_exec(act, reply);
    }
    user->act = HISTORY_NONE;
}

static void on_closed(void *context)
{
    struct trio_user *user = context;
    struct trios *trios = user->trios;

    if (user->act != HISTORY_NONE)
        act_of(user)->outcome = TRIO_FAILED;
    user->act = HISTORY_NONE;
    trios->retired = array_room(trios->retired, trios->retired_count, &trios->retired_capacity,
                                sizeof trios->retired[0]);
    trios->retired[trios->retired_count++] = user->client;
    user->client = NULL;
}

static void step(void *object, uint64_t number)
{
    struct trio_user *user = object;
    struct trios *trios = user->trios;

    (void)number;
    if (*trios->phase != LOAD_SILENT && sim_node_runs(user->node) && !user->node->paused) {
        if (user->client == NULL) {
            user->client = sim_client_open(user->node, NAMES_FROM + ++trios->names);
            user->client->context = user;
            user->client->on_reply = on_reply;
            user->client->on_closed = on_closed;
        }
        if (user->act == HISTORY_NONE)
            begin(user);
    }
    world_after(trios->world, 1 + (int64_t)rng_below(&trios->rng, STEP_US), step, user, 0);
}

/* ---- its life ---- */

struct trios *trios_create(struct world *world, struct history *history,
                           const enum load_phase *phase)
{
    struct trios *trios = memory_alloc(sizeof *trios);

    trios->world = world;
    trios->history = history;
    trios->phase = phase;
    rng_init(&trios->rng, world->settings.seed ^ UINT64_C(0x7210));
    for (unsigned i = 0; i < USERS; i++) {
        struct trio_user *user = &trios->users[i];
        user->trios = trios;
        user->node = world->nodes[1 + i % world->settings.nodes];
        user->act = HISTORY_NONE;
        world_after(world, 1 + (int64_t)rng_below(&trios->rng, STEP_US), step, user, 0);
    }
    return trios;
}

void trios_destroy(struct trios **trios)
{
    struct trios *t = *trios;

    *trios = NULL;
    for (unsigned i = 0; i < USERS; i++)
        if (t->users[i].client != NULL)
            sim_client_destroy(&t->users[i].client);
    for (size_t i = 0; i < t->retired_count; i++)
        sim_client_destroy(&t->retired[i]);
    memory_free(t->retired);
    memory_free(t);
}
