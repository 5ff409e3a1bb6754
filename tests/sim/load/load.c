/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/cacher.h"
#include "sim/load/listeners.h"
#include "sim/load/load_parts.h"
#include "sim/load/trios.h"
#include "sim/load/walker.h"

#include "base/assert.h"
#include "base/memory.h"
#include "value/batch.h"
#include "wire/wire.h"

#define BATCH_MAX 8
#define REOPEN_US 50000
/* Of so many values one is long, and where memory is bound: so that data is much of it. */
#define LONG_EVERY       97
#define LONG_EVERY_BOUND 5
/* Keys that are asked for at once: from here on, keys of siblings. */
#define SIBLINGS_FROM (UINT64_C(1) << 32)

/* ---- replies ---- */

/* Somebody else asks for a key as soon as a write to it is acknowledged. */
static void ask_at_once(void *object, uint64_t number)
{
    struct user *user = object;
    struct load *load = user->load;
    struct buffer out = {0};

    if (user->client == NULL || user->in_flight >= LOAD_IN_FLIGHT_MAX || load->phase == LOAD_SILENT)
        return;
    if (number >= SIBLINGS_FROM)
        load_ask_siblings(user, (uint32_t)(number - SIBLINGS_FROM), &out);
    else
        load_ask_register(user, (uint32_t)number, &out);
    sim_client_send(user->client, buffer_content(&out));
    buffer_deinit(&out);
}

static void tell_others(struct load *load, const struct asked *asked)
{
    struct user *other = &load->users[load_draw(load, load->user_count)];
    const uint64_t key = load->history->records[asked->first].key;

    if ((asked->form == FORM_SET || asked->form == FORM_CSET) && load_draw(load, 3) > 0)
        world_after(load->world, 1 + (int64_t)load_draw(load, 400), ask_at_once, other,
                    key + (asked->form == FORM_CSET ? SIBLINGS_FROM : 0));
}

static void end_asked(struct user *user, enum outcome outcome, struct span reply)
{
    struct history *history = user->load->history;
    ensure(!list_empty(&user->asked));
    struct asked *asked = list_entry(user->asked.next, struct asked, link);

    for (size_t i = 0; i < asked->count; i++) {
        struct record *record = &history->records[asked->first + i];
        record->outcome = outcome;
        record->replied_us = user->load->world->now_us;
        record->stalled_us = sim_node_paused_us(user->node) - asked->paused_us;
        if (outcome == OUTCOME_FAILED)
            load_note_error(record, reply);
    }
    if (outcome == OUTCOME_OK) {
        load_note_reply(history, asked, reply);
        if (asked->form == FORM_CGET)
            load_note_siblings(user->load, asked, reply);
        tell_others(user->load, asked);
    } else if (outcome == OUTCOME_FAILED) {
        history->failed++;
    }
    list_remove(&asked->link);
    memory_free(asked);
    user->in_flight--;
}

static void on_reply(void *context, struct span reply)
{
    struct user *user = context;
    ensure(!list_empty(&user->asked));
    struct asked *asked = list_entry(user->asked.next, struct asked, link);

    if (asked->heralds > 0) {
        asked->heralds--;
        return;
    }
    end_asked(context, reply.data[0] == '-' ? OUTCOME_FAILED : OUTCOME_OK, reply);
}

/* ---- users ---- */

static void on_closed(void *context)
{
    struct user *user = context;
    struct load *load = user->load;

    while (!list_empty(&user->asked))
        end_asked(user, OUTCOME_LOST, span_of(NULL, 0));
    load->retired = memory_try_realloc(load->retired,
                                       (load->retired_count + 1) * sizeof load->retired[0]);
    ensure(load->retired != NULL);
    load->retired[load->retired_count++] = user->client;
    user->client = NULL;
}

static void open_client(struct user *user)
{
    struct load *load = user->load;

    user->client = sim_client_open(user->node, ++load->clients_made);
    user->client->context = user;
    user->client->on_reply = on_reply;
    user->client->on_closed = on_closed;
    user->place = 0;
}

static void send_batch(struct user *user)
{
    struct load *load = user->load;
    struct buffer out = {0};
    unsigned count = load_draw(load, 3) > 0 ? 1 : 1 + (unsigned)load_draw(load, BATCH_MAX);

    while (count-- > 0 && user->in_flight < LOAD_IN_FLIGHT_MAX)
        load_ask_any(user, &out);
    sim_client_send(user->client, buffer_content(&out));
    buffer_deinit(&out);
}

static void work(void *object, uint64_t number)
{
    struct user *user = object;
    struct load *load = user->load;
    int64_t wait_us = (int64_t)load_draw(load, (uint64_t)load->settings.think_us);

    (void)number;
    if (user->client == NULL && sim_node_runs(user->node) && !user->node->paused)
        open_client(user);
    if (user->client == NULL)
        wait_us = REOPEN_US;
    else if (load->phase != LOAD_SILENT)
        send_batch(user);
    world_after(load->world, wait_us, work, user, 0);
}

/* ---- its life ---- */

static void note_coordinator(struct history *history, struct span key, struct dot dot)
{
    int64_t number;

    if (key.size > 1 && key.data[0] == 'c' &&
        span_to_int64(span_of(key.data + 1, key.size - 1), &number))
        history->coordinators[number] |= UINT64_C(1) << dot.node;
}

static void on_message(void *context, unsigned from, unsigned to,
                       const struct wire_message *message)
{
    struct load *load = context;
    struct batch_item item;

    (void)from, (void)to;
    if (message->type != WIRE_WRITE)
        return;
    if (message->write.version.kind != VALUE_BATCH) {
        note_coordinator(load->history, message->write.key, message->write.version.dot);
        return;
    }
    for (struct span rest = message->write.version.value; batch_next(&rest, &item);)
        note_coordinator(load->history, item.key, item.version.dot);
}

const struct cachers *load_cachers(const struct load *load)
{
    return load->cachers;
}

bool load_idle(const struct load *load)
{
    for (unsigned i = 0; i < load->user_count; i++)
        if (load->users[i].client != NULL && load->users[i].in_flight > 0)
            return false;
    return true;
}

void load_set_phase(struct load *load, enum load_phase phase)
{
    load->phase = phase;
}

struct load *load_create(struct world *world, const struct load_settings *settings,
                         struct history *history)
{
    struct load *load = memory_alloc(sizeof *load);

    load->world = world;
    load->settings = *settings;
    load->history = history;
    history->long_every = world->settings.memory_bytes > 0 ? LONG_EVERY_BOUND : LONG_EVERY;
    load->phase = LOAD_SILENT;
    rng_init(&load->rng, world->settings.seed ^ UINT64_C(0x10ad));
    for (int i = 0; i < FORM_COUNT_OF; i++)
        load->weights += load_weight(load, (enum form)i);
    load->user_count = settings->clients * world->settings.nodes;
    load->users = memory_alloc_array(load->user_count, sizeof load->users[0]);
    for (unsigned i = 0; i < load->user_count; i++) {
        struct user *user = &load->users[i];
        user->load = load;
        user->node = world->nodes[1 + i % world->settings.nodes];
        list_init(&user->asked);
        world_after(world, (int64_t)load_draw(load, (uint64_t)settings->think_us), work, user, 0);
    }
    load->listeners = listeners_create(world, settings, history, &load->phase);
    load->walker = walker_create(world, settings, history, &load->phase);
    if (settings->caches)
        load->cachers = cachers_create(world, settings, &load->phase);
    load->trios = trios_create(world, history, &load->phase);
    world_watch(world, on_message, load);
    return load;
}

void load_destroy(struct load **load)
{
    struct load *l = *load;

    *load = NULL;
    for (unsigned i = 0; i < l->user_count; i++) {
        struct user *user = &l->users[i];
        while (!list_empty(&user->asked)) {
            struct asked *asked = list_entry(user->asked.next, struct asked, link);
            list_remove(&asked->link);
            memory_free(asked);
        }
        if (user->client != NULL)
            sim_client_destroy(&user->client);
    }
    for (size_t i = 0; i < l->retired_count; i++)
        sim_client_destroy(&l->retired[i]);
    walker_destroy(&l->walker);
    cachers_destroy(&l->cachers);
    trios_destroy(&l->trios);
    listeners_destroy(&l->listeners);
    load_forget_siblings(l);
    memory_free(l->retired);
    memory_free(l->users);
    memory_free(l);
}
