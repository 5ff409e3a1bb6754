/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Staleness as the real code has it: a world of nodes, one trial after another. A trial begins when
 * the last message of the one before has arrived, so that no trial meets another's writes.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim/report/staleness.h"
#include "sim/world/client.h"
#include "sim/world/world.h"

#define KEYS       64
#define PARTITIONS 16
/* Links are open by then. */
#define START_US 3000000
/* As long as the server lets it be: no hint, no error takes the place of a late message. */
#define REQUEST_TIMEOUT_MS 600000
#define STEP_US            1000000

enum phase { PHASE_WRITING, PHASE_READING, PHASE_SETTLING, PHASE_OVER };

struct measurement {
    const struct staleness_plan *plan;
    struct staleness_result *result;
    struct legs legs;
    struct world *world;
    struct sim_client *clients[WORLD_NODES_MAX + 1]; /* by the node that each is at */
    struct rng rng;
    unsigned read_needed;

    /* The trial. */
    uint64_t number; /* from 0; those before `keys` only make the keys */
    uint64_t last;   /* the number of the last one, and one more */
    unsigned key;
    unsigned versions; /* yet to be written */
    bool counted;      /* for k-staleness */
    size_t time;       /* of the plan's times_us */
    enum phase phase;
    int64_t began_us;                     /* the operation */
    uint64_t reads_before, writes_before; /* legs, before the read */
    uint64_t newest[KEYS];                /* the version that was written last */
};

static void begin_trial(struct measurement *m);

/* ---- operations ---- */

static void name_key(unsigned key, char name[16])
{
    snprintf(name, 16, "k%u", key);
}

/* The client whose command comes next. */
static struct sim_client *choose_client(struct measurement *m)
{
    const struct ring *ring = m->world->ring;
    const unsigned nodes = m->world->settings.nodes;
    char name[16];
    unsigned node = 1;

    name_key(m->key, name);
    const struct ring_claim *claim = ring_claim(ring,
                                                ring_key_partition(ring, span_of_string(name)));
    switch (m->plan->coordinator) {
    case COORDINATOR_ANY:
        node = 1 + (unsigned)rng_below(&m->rng, nodes);
        break;
    case COORDINATOR_SAME:
        node = claim->nodes[0];
        break;
    case COORDINATOR_OUTSIDE:
        while (ring_claim_index(claim, (node_number)node) >= 0)
            node++;
        break;
    }
    ensure(node <= nodes);
    return m->clients[node];
}

static void ask(struct measurement *m, const char *words)
{
    m->began_us = m->world->now_us;
    sim_client_say(choose_client(m), words);
}

static void write_next(void *object, uint64_t number)
{
    struct measurement *m = object;
    char name[16], words[64];

    (void)number;
    name_key(m->key, name);
    snprintf(words, sizeof words, "SET %s %llu", name, (unsigned long long)++m->newest[m->key]);
    m->versions--;
    ask(m, words);
}

static void read_it(void *object, uint64_t number)
{
    struct measurement *m = object;
    char name[16], words[64];

    (void)number;
    name_key(m->key, name);
    snprintf(words, sizeof words, "GET %s", name);
    m->phase = PHASE_READING;
    m->reads_before = m->legs.sent[LEG_READ];
    m->writes_before = m->legs.sent[LEG_WRITE];
    ask(m, words);
}

/* ---- the end of a trial ---- */

static void settle(void *object, uint64_t number)
{
    struct measurement *m = object;

    if (m->phase != PHASE_SETTLING || m->number != number || m->legs.in_flight > 0)
        return;
    if (++m->number == m->last)
        m->phase = PHASE_OVER;
    else
        begin_trial(m);
}

/* What arrived last may be answered in the turn that it began, which takes no time. */
static void on_idle(void *context)
{
    struct measurement *m = context;

    if (m->phase == PHASE_SETTLING)
        world_after(m->world, 1, settle, m, m->number);
}

static void end_trial(struct measurement *m)
{
    m->phase = PHASE_SETTLING;
    if (m->legs.in_flight == 0)
        on_idle(m);
}

static void fail(struct measurement *m)
{
    m->result->failed++;
    end_trial(m);
}

/* ---- replies ---- */

/* "$2\r\n17\r\n": 17; 0 for all else. */
static uint64_t version_of(struct span reply)
{
    uint64_t version = 0;
    size_t at = 0;

    if (reply.size == 0 || reply.data[0] != '$')
        return 0;
    while (at < reply.size && reply.data[at] != '\n')
        at++;
    for (at++; at < reply.size && reply.data[at] >= '0' && reply.data[at] <= '9'; at++)
        version = version * 10 + (uint64_t)(reply.data[at] - '0');
    return version;
}

static void on_read(struct measurement *m, struct span reply)
{
    struct staleness_result *result = m->result;
    const uint64_t version = version_of(reply);

    if (version == 0 || version > m->newest[m->key]) {
        fail(m);
        return;
    }
    const uint64_t behind = m->newest[m->key] - version;
    staleness_note(&result->reads, m->world->now_us - m->began_us);
    result->asked_more += m->legs.sent[LEG_READ] - m->reads_before > m->read_needed - 1;
    result->repaired += m->legs.sent[LEG_WRITE] > m->writes_before;
    if (m->counted)
        result->behind[behind <= STALENESS_VERSIONS ? behind : STALENESS_VERSIONS]++;
    else
        result->seen[m->time] += behind == 0;
    end_trial(m);
}

static void on_written(struct measurement *m, struct span reply)
{
    if (reply.size == 0 || reply.data[0] != '+') {
        fail(m);
        return;
    }
    if (m->number < KEYS) { /* it only makes the key */
        end_trial(m);
        return;
    }
    staleness_note(&m->result->writes, m->world->now_us - m->began_us);
    if (m->versions > 0)
        world_after(m->world, m->plan->interval_us, write_next, m, 0);
    else if (m->counted || m->plan->times_us[m->time] == 0)
        read_it(m, 0);
    else
        world_after(m->world, m->plan->times_us[m->time], read_it, m, 0);
}

static void on_reply(void *context, struct span reply)
{
    struct measurement *m = context;

    if (m->phase == PHASE_WRITING)
        on_written(m, reply);
    else
        on_read(m, reply);
}

static void on_closed(void *context)
{
    (void)context; /* with the world */
}

/* ---- trials ---- */

/* First each key is made; then the times take turns, and last is k-staleness. */
static void begin_trial(struct measurement *m)
{
    const uint64_t timed = m->plan->trials * m->plan->time_count;

    m->phase = PHASE_WRITING;
    m->key = (unsigned)(m->number % KEYS);
    m->versions = 1;
    m->counted = m->number >= KEYS + timed;
    if (m->counted)
        m->versions = STALENESS_VERSIONS;
    else if (m->number >= KEYS)
        m->time = (size_t)((m->number - KEYS) % m->plan->time_count);
    write_next(m, 0);
}

static void open_world(struct measurement *m)
{
    const struct staleness_plan *plan = m->plan;
    const struct world_settings settings = {
        .seed = plan->seed,
        .nodes = plan->copies + (plan->coordinator == COORDINATOR_OUTSIDE),
        .replicas = plan->copies,
        .read_level = plan->read_level,
        .write_level = plan->write_level,
        .partitions = PARTITIONS,
        .calm = true,
        .detector = true,
        .legs = &m->legs,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .repair_interval_s = INT32_MAX, /* never: replicas are not compared */
    };

    legs_init(&m->legs, plan->seed + 1);
    for (int leg = 0; leg < LEG_COUNT; leg++)
        m->legs.delays[leg] = plan->delays[leg];
    m->legs.distance_us = plan->distance_us;
    m->legs.on_idle = on_idle;
    m->legs.context = m;
    m->world = world_create(&settings);
    world_run_until(m->world, START_US);
    for (unsigned node = 1; node <= settings.nodes; node++) {
        struct sim_client *client = sim_client_open(m->world->nodes[node], node);
        client->on_reply = on_reply;
        client->on_closed = on_closed;
        client->context = m;
        m->clients[node] = client;
    }
}

static void close_world(struct measurement *m)
{
    const unsigned nodes = m->world->settings.nodes;

    for (unsigned node = 1; node <= nodes; node++)
        sim_node_kill(m->world->nodes[node]);
    for (unsigned node = 1; node <= nodes; node++)
        sim_client_destroy(&m->clients[node]);
    world_destroy(&m->world);
    legs_deinit(&m->legs);
}

void staleness_measure(const struct staleness_plan *plan, struct staleness_result *result)
{
    struct measurement *m = memory_alloc(sizeof *m);

    *result = (struct staleness_result){.trials = plan->trials};
    m->plan = plan;
    m->result = result;
    m->read_needed = level_needed(plan->read_level, plan->copies);
    m->last = KEYS + plan->trials * (plan->time_count + 1);
    rng_init(&m->rng, plan->seed + 2);
    open_world(m);
    begin_trial(m);
    while (m->phase != PHASE_OVER)
        world_run_until(m->world, m->world->now_us + STEP_US);
    result->lasted_us = m->world->now_us;
    close_world(m);
    memory_free(m);
    staleness_sort(result);
}
