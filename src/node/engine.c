/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "base/memory.h"
#include "command/audience.h"
#include "node/parts.h"
#include "node/recover.h"
#include "node/script.h"

/* How often peers are looked after and expired entries dropped, when nothing else wakes. */
#define TICK_US 50000
/* The same while links are opened for the first time. */
#define SETTLING_TICK_US 5000
/* A partition is visited once in so many ticks, so that a node at rest costs little: what is
 * settled and what has expired is dropped a little later. */
#define TICKS_PER_ROUND 4
/* Steps of expiry in one turn. A step misses the cache some five times: about 0.3 ms together. */
#define EXPIRY_STEPS_PER_TURN 400
/* Entries of dropped tables that are freed in one turn: about 0.2 ms. */
#define RECLAIMS_PER_TURN 600
/* When either has more to do, the next turn for it comes so soon: half of the time is the clients'.
 */
#define MORE_US 400
/* Timers that fire in one turn, requests that are given up among them. */
#define TIMERS_PER_TURN 300

static int64_t request_timer_due(const struct wheel_timer *timer)
{
    return ((const struct request_timer *)timer)->due_us; /* its first member */
}

/* What is asked of the view with each command is looked up once. */
static void read_view(struct engine *engine)
{
    const struct view *view = engine->view;
    const struct view_node *self = view_node(view, view->self);

    engine->replica.self = view->self;
    engine->own.environment->ring = view->ring;
    engine->coordinates = self != NULL && self->votes && view->self_in_line;
}

struct engine *engine_create(const struct engine_options *options, const struct engine_calls *calls,
                             void *host, struct instant now)
{
    struct engine *engine = memory_alloc_apart(sizeof *engine);

    engine->own = *options;
    engine->calls = calls;
    engine->host = host;
    engine->now = now;
    engine->options = options_retain(options->options);
    engine->view = view_retain(options->view);
    engine->metrics = options->metrics;
    rng_init(&engine->rng, options->seed);
    engine->replica.store = options->store;
    engine->replica.bounds = options->bounds;
    engine->coordinator = (struct coordinator){
        .replica = &engine->replica, .calls = &coordinate_calls, .host = engine};
    wheel_init(&engine->wheel, now.mono_us, request_timer_due);
    list_init(&engine->clients);
    engine->alerts = directory_alerts(options->environment->directory);
    engine->inbox = post_open(directory_post(options->environment->directory), options->index);
    engine->own.environment->audience = audience_create(
        directory_channels(options->environment->directory), options->index);
    engine->pause_ends_us = INT64_MAX;
    tasks_init(&engine->tasks);
    list_init(&engine->lcs_jobs);
    list_init(&engine->resumed);
    list_init(&engine->links);
    list_init(&engine->dirty_links);
    list_init(&engine->dirty_peers);
    list_init(&engine->unread_peers);
    list_init(&engine->free_requests);
    window_init(&engine->window);
    list_init(&engine->hedging);
    list_init(&engine->owed);
    hints_init(engine);
    script_pool_create(engine, options->environment->scripts);
    engine->next_tick_us = now.mono_us;
    engine->expiry_partition = options->index;
    engine->settle_partition = options->index;
    /* Nothing is told before all workers have published a bound. */
    ensure(options->workers <= LEDGER_WORKERS_MAX);
    ledger_publish(&options->bounds->ledger, options->index, 0);
    atomic_store_explicit(&options->bounds->ledger.workers, options->workers, memory_order_release);
    engine->own.environment->options = engine->options;
    watch_set_options(engine);
    read_view(engine);
    engine->sync = sync_create(engine);
    track_open(engine);
    peers_follow_view(engine);
    calls->wake_at(host, now.mono_us);
    return engine;
}

void engine_destroy(struct engine **engine)
{
    struct engine *e = *engine;

    *engine = NULL;
    ensure(list_empty(&e->clients) && list_empty(&e->links));
    footprint_end(e);
    track_close(e);
    order_tables_deinit(&e->order_tables);
    requests_destroy(e);
    script_pool_destroy(e);
    hints_deinit(e);
    peers_destroy(e);
    sync_destroy(&e->sync);
    wheel_deinit(&e->wheel);
    memory_free(e->spare_many);
    buffer_deinit(&e->looked);
    buffer_deinit(&e->seen);
    buffer_deinit(&e->monitors);
    buffer_deinit(&e->posted);
    buffer_deinit(&e->pushes[0]);
    buffer_deinit(&e->pushes[1]);
    audience_destroy(&e->own.environment->audience);
    buffer_deinit(&e->mates);
    buffer_deinit(&e->replica.merged);
    buffer_deinit(&e->replica.unflushed);
    view_release(&e->view);
    options_release(&e->options);
    memory_free(e);
}

void engine_set_view(struct engine *engine, struct instant now, struct view *view)
{
    engine->now = now;
    struct view *before = engine->view;

    engine->view = view_retain(view);
    read_view(engine);
    peers_follow_view(engine);
    if (engine->settling)
        engine->next_tick_us = now.mono_us;
    view_release(&before);
    sync_hurry(engine->sync);
}

void engine_set_options(struct engine *engine, const struct options *options)
{
    const struct options *before = engine->options;

    engine->options = options_retain(options);
    engine->own.environment->options = engine->options;
    watch_set_options(engine);
    options_release(&before);
    list_for_each(link, &engine->clients) list_entry(link, struct client, link)->parser.bulk_max =
        (size_t)engine->options->proto_max_bulk_len;
}

struct handshake_self engine_self(const struct engine *engine)
{
    const struct view *view = engine->view;
    struct handshake_self self = {.cluster = engine->options->cluster_name,
                                  .secret = engine->options->cluster_secret,
                                  .node = engine->own.identity,
                                  .number = view->self,
                                  .boot = engine->own.boot};

    if (view->ring != NULL && view->self != 0 && !view->implicit)
        self.ring = ring_draft_of(view->ring).identity;
    return self;
}

/* The other node's clock comes with every frame, and ours follows it, unless it runs too far
 * ahead: then what it stamps is refused as well, or this node could give no stamp above it. Where
 * it comes near our ceiling, that is to rise before we are offered such a stamp. */
void engine_observe(struct engine *engine, uint64_t stamp)
{
    struct replica_bounds *bounds = engine->own.bounds;
    const int64_t ahead_max_ms = atomic_load_explicit(&bounds->ahead_max_ms, memory_order_relaxed);
    const uint64_t ceiling = atomic_load_explicit(&bounds->ceiling, memory_order_acquire);

    if (hlc_too_far(stamp, engine->now.wall_ms, ahead_max_ms))
        return;
    if (stamp < ceiling)
        hlc_observe(&engine->replica.hlc, stamp);
    if (stamp + hlc_stamp(CEILING_AHEAD_MS / 2) > ceiling)
        replica_want_ceiling(bounds, stamp);
}

int64_t engine_date_ms(const struct engine *engine)
{
    const int64_t offset_ms = atomic_load_explicit(&engine->own.bounds->date_offset_ms,
                                                   memory_order_relaxed);

    return offset_ms != 0 ? engine->now.mono_us / 1000 + offset_ms : engine->now.wall_ms;
}

uint64_t engine_bound(const struct engine *engine)
{
    return ledger_bound(&engine->own.bounds->ledger,
                        atomic_load_explicit(&engine->own.bounds->ceiling, memory_order_acquire));
}

/* ---- time ---- */

static void fire_timers(struct engine *engine)
{
    uint32_t work = TIMERS_PER_TURN;
    struct wheel_timer *timer;

    while ((timer = wheel_pop(&engine->wheel, engine->now.mono_us, &work)) != NULL) {
        struct request_timer *fired = (struct request_timer *)timer;
        fired->running = false;
        engine_note(engine, WORK_TIMERS);
        fired->fire(fired->request);
    }
}

uint32_t engine_tick_partitions(const struct engine *engine)
{
    const uint32_t own = store_partitions(engine->own.store) / engine->own.workers + 1;

    return (own + TICKS_PER_ROUND - 1) / TICKS_PER_ROUND;
}

/* Drops what has expired in this worker's partitions: every worker has its own, so that no two do
 * the same. True when there is more to do. */
static bool expire_some(struct engine *engine)
{
    const uint32_t most = engine_tick_partitions(engine);
    struct store *store = engine->own.store;
    const uint32_t count = store_partitions(store);
    uint32_t steps = EXPIRY_STEPS_PER_TURN;
    struct partition_counts before, after;

    for (uint32_t visited = 0; visited < most && steps > 0; visited++) {
        if (engine->expiry_partition >= count)
            engine->expiry_partition = engine->own.index;
        if (engine->expiry_partition >= count)
            return false;
        struct partition *partition = store_partition(store, engine->expiry_partition);
        partition_lock(partition);
        partition_count(partition, &before);
        const uint32_t took = partition_expire(partition, engine->now.wall_ms, steps);
        partition_count(partition, &after);
        partition_unlock(partition);
        metrics_add(engine->metrics, METRIC_EXPIRED_KEYS, after.expired - before.expired);
        if (took > 0)
            engine_note(engine, WORK_EXPIRY);
        if (took >= steps)
            return true;
        steps -= took;
        engine->expiry_partition += engine->own.workers;
    }
    return false;
}

/* What came in without asking for room (buffers grow, entries are replaced by larger ones), or a
 * maxmemory that was lowered, is made up for here. True when there is more to evict. */
static bool evict_some(struct engine *engine)
{
    struct store *store = engine->own.store;
    const uint64_t max = engine->options->maxmemory;
    uint64_t evicted = 0;

    if (max == 0 || store_memory_used(store) <= max)
        return false;
    engine_note(engine, WORK_EVICTION);
    const bool room = store_make_room(store, 0, &evicted);
    metrics_add(engine->metrics, METRIC_EVICTED_KEYS, evicted);
    return !room && evicted > 0;
}

static void tick(struct engine *engine)
{
    engine_note(engine, WORK_UPKEEP);
    peers_wake(engine);
    links_wake(engine);
    footprint_wake(engine);
    hints_tick(engine);
    bool more = owed_settle(engine);
    if (more)
        engine_note(engine, WORK_SETTLE);
    more |= expire_some(engine);
    more |= track_tick(engine);
    const bool over = evict_some(engine);
    const bool garbage = engine->own.index == 0 &&
                         store_reclaim(engine->own.store, RECLAIMS_PER_TURN);
    if (garbage)
        engine_note(engine, WORK_RECLAIM);
    engine->next_tick_us = engine->now.mono_us + (more || garbage || over ? MORE_US
                                                  : engine->settling      ? SETTLING_TICK_US
                                                                          : TICK_US);
}

void engine_wake(struct engine *engine, struct instant now)
{
    engine->now = now;
    peers_proceed(engine); /* before the time of anything is up */
    hedges_proceed(engine);
    watch_wake(engine);
    fire_timers(engine);
    if (now.mono_us >= engine->next_tick_us)
        tick(engine);
    if (now.mono_us >= engine->sync->next_us)
        sync_wake(engine->sync);
    tasks_proceed(engine);
}

/* A block of another size than what arrives needs could not be kept with it. */
static void begin_anew(struct buffer *in, size_t size)
{
    struct buffer fresh = {0};

    if (buffer_reserve_exactly(&fresh, size) == NULL)
        return;
    buffer_append_span(&fresh, buffer_content(in));
    buffer_deinit(in);
    *in = fresh;
}

void engine_make_room(struct buffer *in, size_t missing)
{
    const size_t arrived = buffer_size(in), size = arrived + missing;

    if (in->failed)
        return;
    if (missing > ROOM_AHEAD_MAX && arrived < ROOM_PROOF)
        missing = ROOM_PROOF - arrived;
    else if (size >= BLOCK_SHARED_MIN && arrived <= size / 4 &&
             memory_size_class(in->capacity) > memory_size_class(size))
        begin_anew(in, size);
    if (buffer_reserve_exactly(in, missing) == NULL)
        in->failed = false; /* it may fit in pieces */
}

uint32_t engine_take_doing(struct engine *engine)
{
    const uint32_t doing = engine->doing;

    engine->doing = 0;
    return doing;
}

/* What is only to be done while somebody monitors, or tracks. */
static void alerted_turn_end(struct engine *engine)
{
    watch_turn_end(engine);
    track_take_changes(engine);
}

void engine_turn_end(struct engine *engine, struct instant now)
{
    engine->now = now;
    clients_proceed(engine);
    const unsigned alerts = engine_alerts(engine);
    if (alerts != 0)
        alerted_turn_end(engine);
    if (post_waits(engine->inbox) || buffer_size(&engine->posted) > 0)
        deliver_turn_end(engine);
    if ((alerts & ALERT_TRACKED) != 0)
        track_turn_end(engine);
    tasks_turn_end(&engine->tasks);
    owed_publish(engine);
    peers_turn_end(engine);
    links_turn_end(engine);
    int64_t next_us = wheel_next(&engine->wheel);
    if (engine->next_tick_us < next_us)
        next_us = engine->next_tick_us;
    if (hedges_next(engine) < next_us)
        next_us = hedges_next(engine);
    if (engine->pause_ends_us < next_us)
        next_us = engine->pause_ends_us;
    if (engine->sync->next_us < next_us)
        next_us = engine->sync->next_us;
    if (clients_next(engine) < next_us)
        next_us = clients_next(engine);
    if (engine_has_more(engine) || buffer_size(&engine->posted) > 0 || post_waits(engine->inbox))
        next_us = now.mono_us;
    engine->calls->wake_at(engine->host, next_us);
}

/* ---- links, to be looked at ---- */

void engine_visit_links(const struct engine *engine,
                        void (*visit)(void *visitor, const struct link_facts *facts), void *visitor)
{
    for (size_t i = 0; i < engine->peer_limit; i++) {
        const struct peer *peer = engine->peers[i];

        if (peer != NULL && peer->stage == PEER_OPEN)
            visit(visitor, &(struct link_facts){.node = peer->handshake.other,
                                                .to = true,
                                                .opened_us = peer->created_us,
                                                .waiting = outbox_size(&peer->out),
                                                .room = outbox_capacity(&peer->out)});
    }
    list_for_each(entry, &engine->links)
    {
        const struct link *link = list_entry(entry, struct link, member);

        if (!link->broken && link->handshake.state == HANDSHAKE_DONE)
            visit(visitor, &(struct link_facts){.node = link->handshake.other,
                                                .opened_us = link->opened_us,
                                                .waiting = outbox_size(&link->out),
                                                .room = outbox_capacity(&link->out)});
    }
}

/* ---- control ---- */

void control_begin(struct request *request)
{
    struct engine *engine = request->engine;

    request->deadline_us = engine->now.mono_us + CONTROL_TIMEOUT_MS * 1000;
    request_wait(request, STAGE_CONTROL);
    engine->calls->control_command(engine->host, request->id, request->call.argv,
                                   request->call.argc);
}

void engine_control_answer(struct engine *engine, struct instant now, uint64_t id,
                           struct span reply)
{
    struct request *request = request_find(engine, id);

    engine->now = now;
    if (request != NULL && request->stage == STAGE_CONTROL) {
        buffer_append_span(&request->reply, reply);
        request_finish(request);
    }
}
