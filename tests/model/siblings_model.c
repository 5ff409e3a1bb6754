/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Siblings against causal histories as plain sets of events.
 *
 * A few replicas keep one key; clients read at one replica and write at another, with the context
 * of any read they made; replicas send their sets to each other, and messages are delayed, lost,
 * reordered and sent twice. Beside every encoded set stands the truth: the set of events that it
 * has heard of. Each event knows which events it overwrote. What must hold of every set at any
 * time:
 *
 *   - its siblings are exactly the values among its events that no event among them overwrote:
 *     none is lost, none comes back, no two are siblings that are not concurrent;
 *   - its context covers exactly its events.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "causal/hlc.h"
#include "lib/timeout.h"
#include "value/siblings.h"

TestSuite(siblings_model, .timeout = TIMEOUT_S(60));

#define REPLICAS   4
#define CLIENTS    4
#define MESSAGES   12
#define EVENTS_MAX 192
#define STEPS      400
#define WORDS      (EVENTS_MAX / 64)

struct events {
    uint64_t words[WORDS];
};

static bool has(const struct events *set, unsigned event)
{
    return (set->words[event / 64] >> event % 64 & 1) != 0;
}

static void add(struct events *set, unsigned event)
{
    set->words[event / 64] |= UINT64_C(1) << event % 64;
}

static void add_all(struct events *set, const struct events *other)
{
    for (int i = 0; i < WORDS; i++)
        set->words[i] |= other->words[i];
}

struct event {
    struct dot dot;
    bool erases;
    int64_t deadline_ms;
    struct events overwrote;
};

struct copy {
    struct buffer bytes;
    struct events events;
};

struct client {
    struct buffer text; /* the context of its last read, empty before */
    struct events events;
};

struct world {
    struct rng rng;
    uint64_t seed;
    int64_t now_ms;
    unsigned event_count;
    struct event events[EVENTS_MAX];
    struct hlc clocks[REPLICAS];
    int64_t clock_error_ms[REPLICAS];
    struct copy replicas[REPLICAS];
    struct copy messages[MESSAGES];
    struct client clients[CLIENTS];
};

static void say_seed(const struct world *world)
{
    fprintf(stderr, "replay: DUNLIN_SEED=%" PRIu64 " ./model_siblings\n", world->seed);
}

#define hold(condition, world, ...)        \
    do {                                   \
        if (!(condition)) {                \
            say_seed(world);               \
            cr_assert(false, __VA_ARGS__); \
        }                                  \
    } while (0)

static unsigned pick(struct world *world, unsigned bound)
{
    return (unsigned)rng_below(&world->rng, bound);
}

static void assign(struct copy *to, const struct copy *from)
{
    buffer_reset(&to->bytes, SIZE_MAX);
    buffer_append_span(&to->bytes, buffer_content(&from->bytes));
    to->events = from->events;
}

static bool is_sibling(const struct world *world, const struct events *events, unsigned event)
{
    if (!has(events, event) || world->events[event].erases)
        return false;
    for (unsigned other = 0; other < world->event_count; other++)
        if (has(events, other) && has(&world->events[other].overwrote, event))
            return false;
    return true;
}

static void check(const struct world *world, const struct copy *copy)
{
    const struct span set = buffer_content(&copy->bytes);
    struct context context;
    struct siblings_cursor cursor;
    struct sibling sibling;
    unsigned expected = 0;

    hold(siblings_valid(set), world, "not valid");
    siblings_context(set, &context);
    for (unsigned event = 0; event < world->event_count; event++) {
        hold(context_covers(&context, world->events[event].dot) == has(&copy->events, event), world,
             "the context is wrong about event %u", event);
        expected += is_sibling(world, &copy->events, event);
    }
    cursor = siblings_begin(set);
    while (siblings_next(&cursor, &sibling)) {
        unsigned event;
        hold(sibling.value.size == sizeof event, world, "a value has %zu bytes",
             sibling.value.size);
        memcpy(&event, sibling.value.data, sizeof event);
        hold(dot_equal(sibling.dot, world->events[event].dot), world, "a dot was swapped");
        hold(is_sibling(world, &copy->events, event), world, "event %u is a false sibling", event);
        expected--;
    }
    hold(expected == 0, world, "%u siblings were lost", expected);
}

static void merge_into(struct world *world, struct copy *to, const struct copy *from)
{
    struct buffer merged = {0};
    struct buffer swapped = {0};
    const struct span a = buffer_content(&to->bytes);
    const struct span b = buffer_content(&from->bytes);

    hold(siblings_merge(a, b, &merged) == SIBLINGS_OK, world, "a merge failed");
    hold(siblings_merge(b, a, &swapped) == SIBLINGS_OK, world, "a merge failed");
    hold(siblings_equal(buffer_content(&merged), buffer_content(&swapped)), world,
         "a merge depends on its order");
    buffer_deinit(&swapped);
    buffer_deinit(&to->bytes);
    to->bytes = merged;
    add_all(&to->events, &from->events);
    check(world, to);
}

static void write_at(struct world *world, unsigned replica, struct client *client)
{
    struct copy *copy = &world->replicas[replica];
    const struct span old = buffer_content(&copy->bytes);
    const unsigned event = world->event_count;
    struct event *record = &world->events[event];
    struct context seen = {0};
    struct context known;
    struct buffer out = {0};
    enum siblings_status status;
    const int64_t wall_ms = world->now_ms + world->clock_error_ms[replica];

    if (event == EVENTS_MAX)
        return;
    if (buffer_size(&client->text) > 0)
        hold(context_from_text(buffer_content(&client->text), &seen), world, "a text was refused");
    siblings_context(old, &known);
    hold(context_merge(&known, &seen), world, "a context is full");
    *record = (struct event){
        .dot = {.stamp = hlc_tick(&world->clocks[replica], wall_ms, context_newest(&known).stamp),
                .node = (node_number)(replica + 1)},
        .erases = rng_chance(&world->rng, 1, 5),
        .deadline_ms = rng_chance(&world->rng, 1, 4) ? world->now_ms + 1 + pick(world, 20)
                                                     : DEADLINE_NEVER,
        .overwrote = client->events,
    };
    for (unsigned other = 0; other < event; other++)
        if (has(&copy->events, other) && world->events[other].deadline_ms <= world->now_ms)
            add(&record->overwrote, other);
    if (record->erases)
        status = siblings_erase(old, &seen, record->dot, world->now_ms, &out);
    else
        status = siblings_write(old, &seen, record->dot, record->deadline_ms,
                                span_of(&event, sizeof event), world->now_ms, &out);
    hold(status == SIBLINGS_OK, world, "a write failed with %d", status);
    world->event_count++;
    add_all(&copy->events, &client->events);
    add(&copy->events, event);
    buffer_deinit(&copy->bytes);
    copy->bytes = out;
    check(world, copy);
}

static void read_at(struct world *world, const struct copy *copy, struct client *client)
{
    struct context context;

    siblings_context(buffer_content(&copy->bytes), &context);
    buffer_reset(&client->text, SIZE_MAX);
    context_to_text(&context, &client->text);
    client->events = copy->events;
    hold(!client->text.failed, world, "no memory");
}

static void step(struct world *world)
{
    const unsigned replica = pick(world, REPLICAS);
    struct client *client = &world->clients[pick(world, CLIENTS)];
    struct copy *message = &world->messages[pick(world, MESSAGES)];

    world->now_ms += pick(world, 3);
    switch (pick(world, 8)) {
    case 0:
    case 1:
        read_at(world, &world->replicas[replica], client);
        break;
    case 2:
    case 3:
        write_at(world, replica, client);
        break;
    case 4: /* sends; what stood in that place before is lost */
    case 5:
        assign(message, &world->replicas[replica]);
        break;
    default: /* arrives, and may arrive again */
        merge_into(world, &world->replicas[replica], message);
        break;
    }
}

static void run(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);

    cr_assert_not_null(world);
    world->seed = seed;
    rng_init(&world->rng, seed);
    world->now_ms = 100;
    for (int i = 0; i < REPLICAS; i++)
        world->clock_error_ms[i] = (int64_t)pick(world, 60) - 30;
    for (int i = 0; i < STEPS; i++)
        step(world);
    for (int i = 1; i < REPLICAS; i++)
        merge_into(world, &world->replicas[0], &world->replicas[i]);
    for (int i = 1; i < REPLICAS; i++) {
        merge_into(world, &world->replicas[i], &world->replicas[0]);
        hold(siblings_equal(buffer_content(&world->replicas[i].bytes),
                            buffer_content(&world->replicas[0].bytes)),
             world, "replicas that exchanged all differ");
    }
    for (int i = 0; i < REPLICAS; i++)
        buffer_deinit(&world->replicas[i].bytes);
    for (int i = 0; i < MESSAGES; i++)
        buffer_deinit(&world->messages[i].bytes);
    for (int i = 0; i < CLIENTS; i++)
        buffer_deinit(&world->clients[i].text);
    free(world);
}

Test(siblings_model, siblings_are_what_causal_histories_say)
{
    const char *given = getenv("DUNLIN_SEED");

    if (given != NULL) {
        run(strtoull(given, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= 200; seed++)
        run(seed);
}
