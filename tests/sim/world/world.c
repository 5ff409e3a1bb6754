/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/world.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/assert.h"
#include "base/memory.h"
#include "node/control.h"
#include "ring/planner.h"
#include "ring/ring_codec.h"
#include "sim/mutant/rules.h"
#include "sim/world/delay.h"
#include "sim/world/digest.h"
#include "sim/world/net.h"
#include "sim/world/node.h"
#include "store/store.h"

#define LINE_MAX_BYTES 512
/* Shorter than the default: nodes notice each other's end within the faults of a run. */
#define GOSSIP_INTERVAL_MS 200
/* The same: shorter than what a run waits for its nodes to be whole. */
#define RECOVERY_WAIT_S 3

static void write_line(struct world *world, const char *format, va_list arguments)
{
    char line[LINE_MAX_BYTES];
    const int size = snprintf(line, sizeof line, "%" PRId64 " ", world->now_us);

    vsnprintf(line + size, sizeof line - (size_t)size, format, arguments);
    fprintf(world->settings.trace_file, "%s\n", line);
}

static void tell_witness(struct world *world, const char *format, va_list arguments)
{
    const struct world_witness *witness = world->settings.witness;
    char line[LINE_MAX_BYTES];

    struct allocator *before = allocator_use(NULL);

    vsnprintf(line, sizeof line, format, arguments);
    witness->on_line(witness->context, world->now_us, line);
    allocator_use(before);
}

static void digest(struct world *world, const char *format, va_list arguments)
{
    va_list again;

    va_copy(again, arguments);
    world->trace_digest = digest_line(world->trace_digest, world->now_us, format, arguments);
    world->trace_lines++;
    if (world->settings.trace_file != NULL)
        write_line(world, format, again);
    va_end(again);
}

void world_trace(struct world *world, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    digest(world, format, arguments);
    va_end(arguments);
    if (world->settings.witness == NULL)
        return;
    va_start(arguments, format);
    tell_witness(world, format, arguments);
    va_end(arguments);
}

void world_trace_bytes(struct world *world, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    digest(world, format, arguments);
    va_end(arguments);
}

void world_remark(struct world *world, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line(world, format, arguments);
    va_end(arguments);
}

int64_t world_draw(struct world *world, int64_t low, int64_t high)
{
    if (world->settings.calm || high <= low)
        return low;
    return low + (int64_t)rng_below(&world->rng, (uint64_t)(high - low + 1));
}

int64_t world_work(struct world *world, int64_t low, int64_t high)
{
    return world->settings.legs != NULL ? 0 : world_draw(world, low, high);
}

bool world_chance(struct world *world, unsigned numerator, unsigned denominator)
{
    return !world->settings.calm && rng_chance(&world->rng, numerator, denominator);
}

void world_after(struct world *world, int64_t delay_us, void (*fire)(void *object, uint64_t number),
                 void *object, uint64_t number)
{
    events_add(&world->events, world->now_us + delay_us, fire, object, number);
}

void world_run_until(struct world *world, int64_t until_us)
{
    struct event event;

    while (events_take(&world->events, until_us, &event)) {
        ensure(event.at_us >= world->now_us);
        world->now_us = event.at_us;
        event.fire(event.object, event.number);
        if (world->settings.witness != NULL)
            world->settings.witness->on_step(world->settings.witness->context, world);
    }
    world->now_us = until_us;
}

/* ---- the ring ---- */

void world_zone(const struct world_settings *settings, unsigned number,
                char text[static WORLD_ZONE_SIZE])
{
    text[0] = '\0';
    if (settings->zones > 0)
        snprintf(text, WORLD_ZONE_SIZE, "z%u", number % settings->zones);
}

uint16_t world_port(unsigned number, unsigned place)
{
    return (uint16_t)(WORLD_PORT + place * WORLD_PLACE_STEP + number);
}

unsigned world_find(const struct world *world, const char *host, uint16_t bus_port, unsigned *place)
{
    const unsigned least = WORLD_PORT + GOSSIP_BUS_OFFSET;
    const unsigned number = (bus_port - least) % WORLD_PLACE_STEP;

    if (strcmp(host, WORLD_HOST) != 0 || bus_port <= least || number == 0 ||
        number > world->settings.nodes)
        return 0;
    *place = (bus_port - least) / WORLD_PLACE_STEP;
    return number;
}

static void fill_member(const struct world_settings *settings, struct ring_member *member,
                        unsigned number)
{
    *member = (struct ring_member){
        .number = (node_number)number,
        .client_port = world_port(number, 0),
        .bus_port = (uint16_t)(world_port(number, 0) + GOSSIP_BUS_OFFSET),
        .weight = 100};
    member->identity = sim_node_identity(number);
    memcpy(member->host, WORLD_HOST, sizeof WORLD_HOST);
    world_zone(settings, number, member->zone);
}

static struct ring *make_ring(const struct world_settings *settings)
{
    struct planner_node nodes[WORLD_NODES_MAX];
    struct ring_member members[WORLD_NODES_MAX];
    struct planner_plan plan;
    char error[RING_ERROR_MAX];

    for (unsigned i = 0; i < settings->nodes; i++) {
        fill_member(settings, &members[i], i + 1);
        nodes[i] = (struct planner_node){
            .number = (node_number)(i + 1), .weight = 100, .zone = members[i].zone};
    }
    const struct planner_input input = {.partition_count = settings->partitions,
                                        .replicas = settings->replicas,
                                        .nodes = nodes,
                                        .node_count = settings->nodes};
    ensure(planner_plan(&input, &plan, error));
    for (unsigned i = 0; i < settings->partitions; i++)
        plan.claims[i].version = 1;
    struct ring_draft draft = {
        .version = ring_version(1, 0),
        .partition_count = settings->partitions,
        .last_number = (node_number)settings->nodes,
        .base = {.replicas = settings->replicas, .conflict = settings->conflict},
        .members = members,
        .member_count = settings->nodes,
        .claims = plan.claims};
    memset(draft.identity.bytes, 0xd0, IDENTITY_SIZE);
    struct ring *ring = ring_create(&draft, error);
    ensure(ring != NULL);
    planner_plan_deinit(&plan);
    return ring;
}

void world_watch(struct world *world,
                 void (*on_message)(void *context, unsigned from, unsigned to,
                                    const struct wire_message *message),
                 void *context)
{
    ensure(world->watcher_count < WORLD_WATCHERS_MAX);
    world->watchers[world->watcher_count++] = (struct world_watcher){on_message, context};
}

void world_note_ring(struct world *world, const struct ring *ring)
{
    const struct world_ring seen = {.identity = ring->content.identity,
                                    .version = ring->content.version,
                                    .digest = ring_digest(ring)};

    for (size_t i = 0; i < world->ring_count; i++) {
        const struct world_ring *known = &world->rings[i];
        if (identity_equal(&known->identity, &seen.identity) && known->version == seen.version &&
            known->digest == seen.digest)
            return;
    }
    ensure(world->ring_count < WORLD_RINGS_MAX);
    world->rings[world->ring_count++] = seen;
}

const struct options *world_options(const struct world_settings *settings, unsigned number)
{
    struct options *options = options_create();
    char zone[WORLD_ZONE_SIZE];

    options->read_level = settings->read_level;
    options->write_level = settings->write_level;
    options->replicas = settings->replicas;
    options->partitions = settings->partitions;
    options->conflict = (int)settings->conflict;
    options->gossip_interval_ms = GOSSIP_INTERVAL_MS;
    options->recovery_wait = RECOVERY_WAIT_S;
    options->maxmemory = (int64_t)settings->memory_bytes;
    options->maxmemory_policy = settings->evicts ? STORE_ALLKEYS_CLOCK : STORE_NOEVICTION;
    if (settings->hint_bytes > 0)
        options->hint_bytes = (int64_t)settings->hint_bytes;
    options->sloppy_quorum = settings->sloppy_quorum;
    if (settings->request_timeout_ms > 0)
        options->request_timeout_ms = settings->request_timeout_ms;
    if (settings->hint_window_s > 0)
        options->hint_window = settings->hint_window_s;
    if (settings->repair_interval_s > 0)
        options->repair_interval = settings->repair_interval_s;
    world_zone(settings, number, zone);
    memory_free(options->zone);
    options->zone = memory_copy_string(zone);
    memory_free(options->seeds.items);
    options->seeds.count = settings->nodes;
    options->seeds.items = memory_alloc_array(settings->nodes, sizeof options->seeds.items[0]);
    for (unsigned i = 0; i < settings->nodes; i++)
        options->seeds.items[i] = (struct option_address){.host = memory_copy_string(WORLD_HOST),
                                                          .port = world_port(i + 1, 0)};
    return options;
}

static void start(void *object, uint64_t number)
{
    (void)number;
    sim_node_start(object, false);
}

struct world *world_create(const struct world_settings *settings)
{
    struct world *world = memory_alloc(sizeof *world);
    char error[DELAY_ERROR_MAX];

    ensure(settings->nodes >= 1 && settings->nodes <= WORLD_NODES_MAX);
    world->settings = *settings;
    world->trace_digest = DIGEST_EMPTY;
    rng_init(&world->rng, settings->seed);
    world->options = world_options(settings, 1);
    list_init(&world->datagrams);
    if (settings->delay[0] != '\0') {
        world->delay = delay_create(settings->delay, error);
        ensure(world->delay != NULL);
    }
    for (unsigned rule = 1; rule < RULE_COUNT; rule++)
        if (rules_removed(rule))
            world_trace(world, "without rule %u", rule);
    if (settings->detector)
        world->ring = make_ring(settings);
    for (unsigned i = 1; i <= settings->nodes; i++)
        world->nodes[i] = sim_node_create(world, i);
    for (unsigned i = 1; i <= settings->nodes; i++)
        if (settings->detector)
            sim_node_start(world->nodes[i], false);
        else
            world_after(world, world_draw(world, 0, WORLD_START_US_MAX), start, world->nodes[i], 0);
    return world;
}

void world_destroy(struct world **world)
{
    struct world *w = *world;

    *world = NULL;
    for (unsigned i = 1; i <= w->settings.nodes; i++)
        sim_node_destroy(&w->nodes[i]);
    net_destroy(w);
    events_deinit(&w->events);
    if (w->ring != NULL)
        ring_release(&w->ring);
    options_release(&w->options);
    delay_destroy(&w->delay);
    memory_free(w);
}
