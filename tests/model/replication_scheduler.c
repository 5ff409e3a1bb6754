/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/replication_scheduler.h"

#include "model/replication_engine.h"
#include "model/replication_network.h"
#include "model/replication_request.h"

/* What a comparison needs: questions and answers for sums, contents, single keys. */
#define COMPARE_STEPS 8

/* Weights of events; per cent. */
struct weather {
    unsigned write, give_up, deliver, lose, repeat, hint, cut;
    unsigned evict, expire, settle, overflow, hear;
    unsigned read, look, crash, fetch, compare, clock_runs, other_key;
    unsigned percent_deletes, percent_expiring, percent_updates;
    unsigned percent_newest_first; /* so that the oldest messages linger */
};

struct scheduler {
    struct world *world;
    struct weather weather;
    unsigned total;
    unsigned dice;
};

#define ONE_OF(world, ...)                           \
    one_of((world), (const unsigned[]){__VA_ARGS__}, \
           sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static unsigned one_of(struct world *world, const unsigned *choices, unsigned count)
{
    return choices[world_any(world, count)];
}

/* ---- weather ---- */

static struct weather draw_mixed(struct world *world)
{
    return (struct weather){
        .write = ONE_OF(world, 1, 1, 2, 4, 8),
        .give_up = ONE_OF(world, 1, 2, 10),
        .deliver = ONE_OF(world, 10, 20, 40),
        .lose = ONE_OF(world, 0, 2, 10),
        .repeat = ONE_OF(world, 0, 0, 2),
        .hint = ONE_OF(world, 0, 2, 7),
        .cut = ONE_OF(world, 0, 1, 4),
        .evict = ONE_OF(world, 0, 1, 4, 10),
        .expire = ONE_OF(world, 0, 2, 10),
        .settle = ONE_OF(world, 1, 2, 10),
        .overflow = ONE_OF(world, 0, 1, 5),
        .hear = ONE_OF(world, 2, 5, 10, 20),
        .read = ONE_OF(world, 1, 4, 8),
        .look = ONE_OF(world, 8, 14, 30),
        .crash = ONE_OF(world, 0, 1, 4, 10),
        .fetch = ONE_OF(world, 5, 10, 20),
        .compare = ONE_OF(world, 0, 1, 5),
        .clock_runs = ONE_OF(world, 0, 3, 15),
        .other_key = ONE_OF(world, 0, 2, 10),
        .percent_deletes = ONE_OF(world, 0, 0, 10, 40),
        .percent_expiring = ONE_OF(world, 0, 0, 10, 40),
        .percent_updates = ONE_OF(world, 0, 0, 20),
        .percent_newest_first = ONE_OF(world, 0, 50, 90),
    };
}

/* Nodes restart all the time, while messages linger and little is mended: violations that need
 * several mishaps in a row are found here. */
static struct weather draw_storm(struct world *world)
{
    struct weather drawn = draw_mixed(world);

    drawn.write = ONE_OF(world, 1, 3);
    drawn.give_up = 1;
    drawn.deliver = ONE_OF(world, 4, 10);
    drawn.lose = ONE_OF(world, 0, 0, 4);
    drawn.hint = ONE_OF(world, 0, 0, 5);
    drawn.cut = ONE_OF(world, 0, 0, 2);
    drawn.evict = drawn.expire = drawn.settle = ONE_OF(world, 0, 3, 10);
    drawn.hear = ONE_OF(world, 5, 15);
    drawn.read = ONE_OF(world, 1, 4);
    drawn.look = 8;
    drawn.crash = ONE_OF(world, 2, 8);
    drawn.fetch = ONE_OF(world, 15, 40);
    drawn.compare = ONE_OF(world, 0, 0, 1);
    drawn.other_key = ONE_OF(world, 2, 10);
    drawn.percent_newest_first = ONE_OF(world, 50, 90);
    return drawn;
}

/* Little is lost, all settles at once and is forgotten at once, but some reads and messages linger.
 */
static struct weather draw_haste(struct world *world)
{
    struct weather drawn = draw_mixed(world);

    drawn.write = ONE_OF(world, 2, 4);
    drawn.give_up = 1;
    drawn.deliver = ONE_OF(world, 20, 40);
    drawn.lose = ONE_OF(world, 0, 0, 1);
    drawn.hint = ONE_OF(world, 1, 5);
    drawn.cut = 0;
    drawn.evict = ONE_OF(world, 1, 4, 10);
    drawn.expire = drawn.settle = 10;
    drawn.overflow = ONE_OF(world, 0, 0, 1);
    drawn.hear = 30;
    drawn.read = 4;
    drawn.look = ONE_OF(world, 4, 10);
    drawn.crash = ONE_OF(world, 0, 0, 2, 8);
    drawn.percent_newest_first = ONE_OF(world, 50, 90);
    return drawn;
}

static struct weather draw_weather(struct world *world)
{
    switch (world_any(world, 3)) {
    case 0:
        return draw_mixed(world);
    case 1:
        return draw_storm(world);
    default:
        return draw_haste(world);
    }
}

static unsigned total_of(const struct weather *w)
{
    return w->write + w->give_up + w->deliver + w->lose + w->repeat + w->hint + w->cut + w->evict +
           w->expire + w->settle + w->overflow + w->hear + w->read + w->look + w->crash + w->fetch +
           w->compare + w->clock_runs + w->other_key;
}

/* ---- events ---- */

static bool percent(struct scheduler *scheduler, unsigned chance)
{
    return world_any(scheduler->world, 100) < chance;
}

static unsigned any_node(struct scheduler *scheduler)
{
    return world_any(scheduler->world, scheduler->world->configuration.copies);
}

static unsigned waiting_one(struct scheduler *scheduler, unsigned count)
{
    if (percent(scheduler, scheduler->weather.percent_newest_first))
        return count - 1;
    return world_any(scheduler->world, count);
}

/* A request that is in use, or NULL. */
static struct world_request *any_request(struct scheduler *scheduler)
{
    struct world *world = scheduler->world;
    struct world_request *used[WORLD_REQUESTS_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++)
        if (world->requests[i].used)
            used[count++] = &world->requests[i];
    return count > 0 ? used[world_any(world, count)] : NULL;
}

static void write(struct scheduler *scheduler, unsigned node)
{
    struct world *world = scheduler->world;
    const bool updates = percent(scheduler, scheduler->weather.percent_updates);
    const bool deletes = percent(scheduler, scheduler->weather.percent_deletes);
    const bool expires = !deletes && percent(scheduler, scheduler->weather.percent_expiring);
    const bool nothing = updates && !deletes && world_any(world, 4) == 0;
    const int64_t life_ms = 1 + world_any(world, 300) / (int64_t)world->tempo;

    world_request_begin(world, node, updates ? OPERATION_UPDATE : OPERATION_WRITE,
                        deletes   ? REQUEST_DELETE
                        : nothing ? REQUEST_NOTHING
                                  : REQUEST_PUT,
                        expires ? world_now(world, node).wall_ms + life_ms : DEADLINE_NEVER);
}

static void give_up(struct scheduler *scheduler)
{
    struct world_request *request = any_request(scheduler);

    if (request != NULL)
        world_request_give_up(scheduler->world, request);
}

static void deliver(struct scheduler *scheduler, struct queue *queue)
{
    struct world *world = scheduler->world;

    if (queue->count == 0)
        return;
    const unsigned index = waiting_one(scheduler, queue->count);
    if (world_linked(world, queue->messages[index].from, queue->messages[index].to))
        network_deliver(world, queue, index);
}

static void lose(struct scheduler *scheduler)
{
    struct world *world = scheduler->world;
    struct queue *queue = world_any(world, 4) == 0 ? &world->questions : &world->versions;

    if (queue->count > 0)
        network_lose(world, queue, world_any(world, queue->count));
}

static void repeat(struct scheduler *scheduler)
{
    struct world *world = scheduler->world;

    if (world->versions.count > 0)
        network_repeat(&world->versions, world_any(world, world->versions.count));
}

/* Most of the time a question or its answer gets on; sometimes another is asked. */
static void look(struct scheduler *scheduler)
{
    struct world_request *request;

    if (world_any(scheduler->world, 12) > 0) {
        deliver(scheduler, &scheduler->world->questions);
        return;
    }
    request = any_request(scheduler);
    if (request != NULL && request->operation.state == OPERATION_READING)
        world_request_hedge(scheduler->world, request);
}

static void hear(struct scheduler *scheduler, unsigned node, unsigned other)
{
    struct world *world = scheduler->world;

    if (world->nodes[node].up && world->nodes[other].up && world_linked(world, other, node))
        world_hear(world, node, other);
}

static void all_hear_all(struct scheduler *scheduler)
{
    struct world *world = scheduler->world;

    for (unsigned node = 0; node < world->configuration.copies; node++) {
        for (unsigned other = 0; other < world->configuration.copies; other++)
            hear(scheduler, node, other);
        if (world->nodes[node].up && world_any(world, 2) == 0)
            world_settle(world, node);
    }
}

/* All promises stand while fewer than W replicas are forgetful at once. */
static void crash_or_restart(struct scheduler *scheduler, unsigned node)
{
    struct world *world = scheduler->world;
    unsigned forgetful = 0;

    if (!world->nodes[node].up) {
        world_restart(world, node);
        return;
    }
    for (unsigned i = 0; i < world->configuration.copies; i++)
        forgetful += !world->nodes[i].up || world->nodes[i].partition->recovering;
    if (forgetful + 1 > world->configuration.copies / 2u && !world->configuration.forgets_more)
        return;
    world_crash(world, node);
    if (world_any(world, 2) == 0)
        world_restart(world, node);
}

/* Who restarted waits until all that was in flight then is over (rule 15). */
static bool may_sync(struct scheduler *scheduler, unsigned node)
{
    struct world *world = scheduler->world;
    const bool time_passes = world_any(world, 6) == 0;
    bool over = true;

    for (unsigned i = 0; i < WORLD_REQUESTS_MAX; i++) {
        struct world_request *request = &world->requests[i];
        if (!request->used || request->answered || request->node == node ||
            request->serial > world->nodes[node].requests_before)
            continue;
        if (time_passes)
            world_request_give_up(world, request);
        over = over && time_passes;
    }
    return over;
}

/* Most of what the node's recovery has asked, and been answered, gets on. */
static void deliver_sync(struct scheduler *scheduler, unsigned node)
{
    struct world *world = scheduler->world;
    struct queue *queue = &world->questions;

    for (unsigned i = queue->count; i-- > 0;) {
        const struct message *message = &queue->messages[i];
        const bool asked = message->kind == MESSAGE_QUESTION && message->from == node;
        const bool answered = message->kind == MESSAGE_REPLY && message->to == node;
        if ((asked || answered) && world_linked(world, message->from, message->to) &&
            world_any(world, 4) > 0)
            network_deliver(world, queue, i);
    }
}

/* Mostly a moment; at times so long that what was asked has had its time. */
static void sync(struct scheduler *scheduler, unsigned node)
{
    struct world *world = scheduler->world;

    if (!may_sync(scheduler, node))
        return;
    world_engine_sync(world, node, world_any(world, 12) == 0 ? 600000 : 60000);
    deliver_sync(scheduler, node);
}

static void compare(struct scheduler *scheduler, unsigned node)
{
    struct world *world = scheduler->world;

    if (!world->nodes[node].up || !may_sync(scheduler, node))
        return;
    world_engine_sync(world, node, 1100000);
    for (unsigned step = 0; step < COMPARE_STEPS; step++) {
        deliver_sync(scheduler, node);
        world_engine_sync(world, node, 1000);
    }
}

static bool falls_on(struct scheduler *scheduler, unsigned weight)
{
    const bool falls = scheduler->dice < weight;

    scheduler->dice -= weight; /* past its own it is huge, and falls on nothing more */
    return falls;
}

static void pick_for(struct scheduler *scheduler, unsigned node)
{
    const struct weather *weather = &scheduler->weather;
    struct world *world = scheduler->world;

    if (falls_on(scheduler, weather->write))
        write(scheduler, node);
    else if (falls_on(scheduler, weather->hint))
        world_engine_send_hints(world, node);
    else if (falls_on(scheduler, weather->evict))
        world_evict(world, node);
    else if (falls_on(scheduler, weather->expire))
        world_expire(world, node);
    else if (falls_on(scheduler, weather->settle))
        world_settle(world, node);
    else if (falls_on(scheduler, weather->overflow))
        world_overflow(world, node);
    else if (falls_on(scheduler, weather->read))
        world_request_begin(world, node, OPERATION_READ, REQUEST_NOTHING, DEADLINE_NEVER);
    else if (falls_on(scheduler, weather->fetch))
        sync(scheduler, node);
    else if (falls_on(scheduler, weather->clock_runs))
        world_run_clock(world, node);
    else if (falls_on(scheduler, weather->other_key))
        world_use_another_key(world, node);
    else if (world_any(world, 2) == 0)
        hear(scheduler, node, any_node(scheduler));
    else
        all_hear_all(scheduler);
    world_end_turn(world, node);
}

static void pick(struct scheduler *scheduler)
{
    const struct weather *weather = &scheduler->weather;
    struct world *world = scheduler->world;
    const unsigned node = any_node(scheduler);

    if (world->configuration.runs_full && world->nodes[node].up && world_any(world, 40) == 0)
        world_squeeze(world, node);
    scheduler->dice = world_any(world, scheduler->total);
    if (falls_on(scheduler, weather->deliver))
        deliver(scheduler, &world->versions);
    else if (falls_on(scheduler, weather->lose))
        lose(scheduler);
    else if (falls_on(scheduler, weather->repeat))
        repeat(scheduler);
    else if (falls_on(scheduler, weather->cut))
        world_any(world, 3) == 0 ? world_mend_all(world)
                                 : world_cut_or_mend(world, node, any_node(scheduler));
    else if (falls_on(scheduler, weather->give_up))
        give_up(scheduler);
    else if (falls_on(scheduler, weather->look))
        look(scheduler);
    else if (falls_on(scheduler, weather->crash))
        crash_or_restart(scheduler, node);
    else if (falls_on(scheduler, weather->compare))
        compare(scheduler, node);
    else if (world->nodes[node].up)
        pick_for(scheduler, node);
}

bool scheduler_run(struct world *world, struct configuration configuration, uint64_t seed,
                   unsigned events, bool narrates)
{
    struct scheduler scheduler = {.world = world};

    world_begin(world, configuration, seed, narrates);
    scheduler.weather = draw_weather(world);
    scheduler.total = total_of(&scheduler.weather);
    world->tempo = ONE_OF(world, 1, 10, 10, 1000);
    world->stride_max = ONE_OF(world, 0, 2, 10);
    world->frames_tell = world_any(world, 2) == 0;
    world->links_are_known = world_any(world, 2) == 0;
    world->compares = scheduler.weather.compare > 0;
    if (configuration.drops_hints)
        world_engine_bound_hints(world, ONE_OF(world, 0, 200, 400, 1000000),
                                 ONE_OF(world, 0, 1, 2, 1000000));
    while (world->event < events && world->checker.violation[0] == '\0') {
        world->event++;
        pick(&scheduler);
        world_judge(world);
    }
    return world->checker.violation[0] == '\0';
}
