/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/cacher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/memory.h"
#include "lib/array.h"
#include "resp/reply.h"
#include "sim/load/load_parts.h"

#define STEP_US 40000
/* How often it reads once the load is silent, where it was told to forget all that it had; reads
 * that fail do not count. */
#define LAST_READS 3
/* Commands whose replies are waited for; those about no key are GREETING. */
#define ASKED_MAX 64
#define GREETING  UINT32_MAX
/* Its connections' names begin here, past the load's and the walker's. */
#define NAMES_FROM (UINT64_C(2) << 32)

/* Keys of three spaces: those of the load that clients read with GET. */
static const char spaces[] = {'k', 'e', 'c'};
#define SPACES sizeof spaces

struct held {
    bool kept, found;
    uint64_t digest;
    int64_t since_us;
};

/* The connection to a node. */
struct cacher {
    struct cachers *cachers;
    struct sim_node *node;
    bool broadcast;
    bool refused;              /* its greeting was: it is told of nothing, and keeps no copies */
    struct sim_client *client; /* NULL: none is open */
    uint32_t asked[ASKED_MAX]; /* a ring: places in `copies`, in the order of their replies */
    unsigned first, count;
    unsigned last_reads;
    struct held *copies;
};

struct cachers {
    struct world *world;
    const enum load_phase *phase;
    unsigned keys; /* of each space */
    struct rng rng;
    uint64_t names;
    struct cacher *all;
    unsigned cacher_count;
    struct sim_client **retired;
    size_t retired_count, retired_capacity;
};

uint64_t cacher_digest(struct span value)
{
    return XXH3_64bits(value.data, value.size);
}

static size_t copies_of(const struct cachers *cachers)
{
    return SPACES * cachers->keys;
}

static void forget_all(struct cacher *cacher)
{
    memset(cacher->copies, 0, copies_of(cacher->cachers) * sizeof cacher->copies[0]);
}

/* ---- replies ---- */

static struct span bulk_content(struct span bulk)
{
    const struct span content = load_elements(bulk);

    return span_of(content.data, content.size >= 2 ? content.size - 2 : 0);
}

static void forget(struct cacher *cacher, struct span key)
{
    char text[16];
    const char *space;

    snprintf(text, sizeof text, "%.*s", (int)(key.size < 15 ? key.size : 15),
             (const char *)key.data);
    space = memchr(spaces, text[0], SPACES);
    const unsigned long number = strtoul(text + 1, NULL, 10);
    if (space != NULL && number < cacher->cachers->keys)
        cacher->copies[(size_t)(space - spaces) * cacher->cachers->keys + number].kept = false;
}

static void take_push(struct cacher *cacher, struct span push)
{
    struct span elements = load_elements(push);

    ensure(span_equal(bulk_content(load_next_element(&elements)), SPAN("invalidate")));
    struct span keys = load_next_element(&elements);
    if (keys.data[0] == '_') {
        forget_all(cacher);
        return;
    }
    for (keys = load_elements(keys); keys.size > 0;)
        forget(cacher, bulk_content(load_next_element(&keys)));
}

static void on_reply(void *context, struct span reply)
{
    struct cacher *cacher = context;

    if (reply.data[0] == '>') {
        take_push(cacher, reply);
        return;
    }
    ensure(cacher->count > 0);
    const uint32_t place = cacher->asked[cacher->first];
    cacher->first = (cacher->first + 1) % ASKED_MAX;
    cacher->count--;
    if (place == GREETING)
        cacher->refused |= reply.data[0] == '-';
    if (place == GREETING || cacher->refused)
        return;
    if (reply.data[0] == '-') {
        cacher->last_reads = 0; /* the node does not answer yet */
        return;
    }
    struct held *copy = &cacher->copies[place];
    *copy = (struct held){
        .kept = true, .found = reply.data[0] == '$', .since_us = cacher->cachers->world->now_us};
    if (copy->found)
        copy->digest = cacher_digest(bulk_content(reply));
}

static void on_closed(void *context)
{
    struct cacher *cacher = context;
    struct cachers *cachers = cacher->cachers;

    cachers->retired = array_room(cachers->retired, cachers->retired_count,
                                  &cachers->retired_capacity, sizeof cachers->retired[0]);
    cachers->retired[cachers->retired_count++] = cacher->client;
    cacher->client = NULL;
    cacher->count = 0;
    forget_all(cacher);
}

/* ---- what they ask ---- */

static void note_asked(struct cacher *cacher, uint32_t place)
{
    cacher->asked[(cacher->first + cacher->count++) % ASKED_MAX] = place;
}

static void greet(struct cacher *cacher)
{
    cacher->refused = false;
    sim_client_say(cacher->client, "hello 3");
    note_asked(cacher, GREETING);
    sim_client_say(cacher->client,
                   cacher->broadcast ? "client tracking on bcast" : "client tracking on");
    note_asked(cacher, GREETING);
}

static void connect(struct cacher *cacher)
{
    struct cachers *cachers = cacher->cachers;

    cacher->client = sim_client_open(cacher->node, NAMES_FROM + ++cachers->names);
    cacher->client->context = cacher;
    cacher->client->on_reply = on_reply;
    cacher->client->on_closed = on_closed;
    cacher->broadcast = rng_below(&cachers->rng, 2) == 0;
    greet(cacher);
}

static void read_some(struct cacher *cacher)
{
    struct cachers *cachers = cacher->cachers;
    struct buffer commands = {0};

    if (cacher->client == NULL)
        connect(cacher);
    else if (cacher->refused && cacher->count == 0) /* there was no memory for it, perhaps */
        greet(cacher);
    for (uint64_t i = 1 + rng_below(&cachers->rng, 6); i > 0 && cacher->count < ASKED_MAX; i--) {
        const uint32_t place = (uint32_t)rng_below(&cachers->rng, copies_of(cachers));
        reply_array(&commands, 2);
        reply_bulk_string(&commands, "get");
        load_put_key(&commands, spaces[place / cachers->keys], place % cachers->keys);
        note_asked(cacher, place);
    }
    sim_client_send(cacher->client, buffer_content(&commands));
    buffer_deinit(&commands);
}

static bool keeps_any(const struct cacher *cacher)
{
    for (size_t i = 0; i < copies_of(cacher->cachers); i++)
        if (cacher->copies[i].kept)
            return true;
    return false;
}

/* A FLUSHALL may have been the last that was heard: then there would be nothing to judge. */
static bool wants_more(struct cacher *cacher)
{
    if (*cacher->cachers->phase != LOAD_SILENT)
        return true;
    if (cacher->last_reads == LAST_READS || keeps_any(cacher))
        return false;
    cacher->last_reads++;
    return true;
}

static void step(void *object, uint64_t number)
{
    struct cachers *cachers = object;
    struct cacher *cacher = &cachers->all[number];
    struct world *world = cachers->world;

    if (sim_node_runs(cacher->node) && !cacher->node->paused && cacher->count < ASKED_MAX / 2 &&
        wants_more(cacher))
        read_some(cacher);
    world_after(world, 1 + (int64_t)rng_below(&cachers->rng, STEP_US), step, cachers, number);
}

bool cachers_idle(const struct cachers *cachers)
{
    for (unsigned i = 0; i < cachers->cacher_count; i++)
        if (cachers->all[i].count > 0)
            return false;
    return true;
}

void cachers_visit(const struct cachers *cachers,
                   void (*visit)(void *context, const struct copy *copy), void *context)
{
    for (unsigned i = 0; i < cachers->cacher_count; i++) {
        const struct cacher *cacher = &cachers->all[i];
        for (uint32_t place = 0; place < copies_of(cachers); place++) {
            const struct held *held = &cacher->copies[place];
            struct copy copy = {.node = cacher->node->number,
                                .broadcast = cacher->broadcast,
                                .found = held->found,
                                .digest = held->digest,
                                .since_us = held->since_us};
            snprintf(copy.key, sizeof copy.key, "%c%" PRIu32, spaces[place / cachers->keys],
                     place % cachers->keys);
            if (held->kept)
                visit(context, &copy);
        }
    }
}

/* ---- their life ---- */

struct cachers *cachers_create(struct world *world, const struct load_settings *settings,
                               const enum load_phase *phase)
{
    struct cachers *cachers = memory_alloc(sizeof *cachers);

    cachers->world = world;
    cachers->phase = phase;
    cachers->keys = settings->keys;
    rng_init(&cachers->rng, world->settings.seed ^ UINT64_C(0xcac4));
    cachers->cacher_count = world->settings.nodes;
    cachers->all = memory_alloc_array(cachers->cacher_count, sizeof cachers->all[0]);
    for (unsigned i = 0; i < cachers->cacher_count; i++) {
        struct cacher *cacher = &cachers->all[i];
        cacher->cachers = cachers;
        cacher->node = world->nodes[1 + i];
        cacher->copies = memory_alloc_array(copies_of(cachers), sizeof cacher->copies[0]);
        world_after(world, 1 + (int64_t)rng_below(&cachers->rng, STEP_US), step, cachers, i);
    }
    return cachers;
}

void cachers_destroy(struct cachers **pointer)
{
    struct cachers *cachers = *pointer;

    *pointer = NULL;
    if (cachers == NULL)
        return;
    for (unsigned i = 0; i < cachers->cacher_count; i++) {
        if (cachers->all[i].client != NULL)
            sim_client_destroy(&cachers->all[i].client);
        memory_free(cachers->all[i].copies);
    }
    for (size_t i = 0; i < cachers->retired_count; i++)
        sim_client_destroy(&cachers->retired[i]);
    memory_free(cachers->retired);
    memory_free(cachers->all);
    memory_free(cachers);
}
