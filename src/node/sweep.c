/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands about all keys of the cluster, which ask every node.
 *
 * FLUSHALL is a dot for each partition, replicated, below which everything is dead. One dot serves
 * all partitions: it is stamped above what this node knows, offered to every node for the
 * partitions that the node keeps, and stamped again when a node knows of anything newer. It is done
 * when each partition has the acknowledgements of W of its replicas.
 *
 * In a wide cluster some have always heard of it, and write above it, before the last one has. So
 * after the first few times it need not be the newest: once W replicas of each partition have told
 * what they know, a stamp above that is above all that was acknowledged before the FLUSHALL began,
 * and what is newer yet was written beside it. It is offered as a late one then, which leaves that.
 *
 * DBSIZE gives each partition to one node that votes on it, and adds up.
 */
#include "base/assert.h"
#include "base/bitmap.h"
#include "base/memory.h"
#include "node/parts.h"
#include "resp/reply.h"

/* A FLUSHALL gives up when newer writes have overtaken it so often. After the first few it is
 * stamped again only where too few others are left, and as a late one if it may be. */
#define SWEEP_RESTAMPS_MAX  8
#define SWEEP_RESTAMPS_RUSH 4
/* How far ahead of the clock a FLUSHALL is stamped at first, ms; twice as far each time that it is
 * overtaken, so by less than CEILING_AHEAD_MS / 2. */
#define SWEEP_LEAD_MS 4
/* How far ahead of all known stamps: a millisecond of them. No more, or FLUSHALLs that overtake
 * each other would drive all stamps to the ceilings. */
#define SWEEP_LEAD_STAMPS (UINT64_C(1) << HLC_SEQUENCE_BITS)
_Static_assert((SWEEP_LEAD_MS << SWEEP_RESTAMPS_MAX) < CEILING_AHEAD_MS / 2,
               "it is below a ceiling");

enum sweep_answer { SWEEP_UNASKED, SWEEP_ASKED, SWEEP_DONE, SWEEP_LOST };

struct sweep {
    struct view *view; /* it was begun with */
    bool flushes;
    bool late;      /* it leaves what is newer */
    bool unstamped; /* it rests until the ceiling has risen; nobody was asked */
    struct dot dot;
    struct dot known; /* the highest that one who was not asked again wants it above */
    unsigned restamps;
    size_t node_count;
    uint64_t keys, expiring;
    uint8_t *partitions; /* a bitmap for each node, in the view's order */
    uint8_t *heard;      /* a bitmap of nodes: `dot`, or `known`, is above all that they know */
    size_t bitmap_size;
    uint8_t answers[]; /* enum sweep_answer, the same */
};

static size_t index_of(const struct view *view, node_number number)
{
    const struct view_node *node = view_node(view, number);

    return node != NULL ? (size_t)(node - view->nodes) : SIZE_MAX;
}

static uint8_t *bitmap(struct sweep *sweep, size_t node)
{
    return sweep->partitions + node * sweep->bitmap_size;
}

static struct sweep *create(struct engine *engine, bool flushes)
{
    struct view *view = engine->view;
    struct sweep *sweep = memory_alloc(sizeof *sweep + view->node_count);

    sweep->view = view_retain(view);
    sweep->flushes = flushes;
    sweep->node_count = view->node_count;
    sweep->bitmap_size = bitmap_size(ring_partition_count(view->ring));
    sweep->partitions = memory_alloc_array(view->node_count, sweep->bitmap_size);
    sweep->heard = memory_alloc(bitmap_size(view->node_count));
    return sweep;
}

bool sweep_open(const struct request *request)
{
    const struct sweep *sweep = request->sweep;

    for (size_t i = 0; i < sweep->node_count; i++)
        if (sweep->answers[i] == SWEEP_ASKED)
            return true;
    return false;
}

void sweep_keep_hints(struct request *request)
{
    struct sweep *sweep = request->sweep;

    for (size_t i = 0; i < sweep->node_count; i++)
        if (sweep->view->nodes[i].number != sweep->view->self &&
            (sweep->answers[i] == SWEEP_ASKED || sweep->answers[i] == SWEEP_LOST))
            hints_keep_flush(request->engine, sweep->view->nodes[i].number, sweep->dot,
                             request->owed_stamp, span_of(bitmap(sweep, i), sweep->bitmap_size));
}

void sweep_end(struct request *request)
{
    if (request->sweep == NULL)
        return;
    view_release(&request->sweep->view);
    memory_free(request->sweep->partitions);
    memory_free(request->sweep->heard);
    memory_free(request->sweep);
    request->sweep = NULL;
}

/* ---- this node's part ---- */

/* Whether the flush is to be stamped above offered->known. */
static bool wants_above(const struct offered *offered)
{
    return offered->status == ACK_NEWER || offered->status == ACK_FORGETFUL;
}

struct offered sweep_flush(struct engine *engine, uint64_t ring_version, struct dot dot,
                           struct span partitions, bool late)
{
    struct offered worst = {.status = ACK_OK};

    if (engine->view->ring == NULL || ring_draft_of(engine->view->ring).version != ring_version)
        return (struct offered){.status = ACK_STALE_CLAIM};
    for (uint32_t p = 0; p < store_partitions(engine->own.store); p++) {
        if (!bitmap_has(partitions, p))
            continue;
        const struct offered offered = replica_flush(&engine->replica, engine->now, p, dot, late);
        if (offered.status == ACK_OK)
            continue;
        if (!wants_above(&worst) || dot_compare(offered.known, worst.known) > 0)
            worst = offered;
    }
    return worst;
}

void sweep_count(struct engine *engine, struct span partitions, uint64_t *keys, uint64_t *expiring)
{
    struct partition_counts counts;

    *keys = *expiring = 0;
    for (uint32_t p = 0; p < store_partitions(engine->own.store); p++) {
        if (!bitmap_has(partitions, p))
            continue;
        struct partition *partition = store_partition(engine->own.store, p);
        partition_lock(partition);
        partition_count(partition, &counts);
        partition_unlock(partition);
        *keys += counts.keys;
        *expiring += counts.expiring;
    }
}

/* ---- the asker's part ---- */

/* Sets of siblings do not know the dot of a flush: merging them with those of a replica that missed
 * it would bring values back. Where any keyspace keeps them, all replicas have to acknowledge. */
static bool keeps_siblings(const struct ring *ring)
{
    const struct ring_draft draft = ring_draft_of(ring);
    bool any = draft.base.conflict == RING_CONFLICT_SIBLINGS;

    for (size_t i = 0; i < draft.rule_count; i++)
        any |= draft.rules[i].conflict == RING_CONFLICT_SIBLINGS;
    return any;
}

static unsigned acknowledgements_needed(const struct request *request,
                                        const struct ring_claim *claim, bool by_all)
{
    return by_all ? claim->count : level_needed(request->write_level, claim->count);
}

/* Whether W of the replicas of each partition have answered, or can still. */
static void tally(struct request *request, bool *done, bool *possible)
{
    const struct sweep *sweep = request->sweep;
    const struct ring *ring = sweep->view->ring;
    const bool by_all = keeps_siblings(ring);

    *done = *possible = true;
    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        const unsigned needed = acknowledgements_needed(request, claim, by_all);
        unsigned answered = 0, open = 0;
        for (unsigned i = 0; i < claim->count; i++) {
            const size_t node = index_of(sweep->view, claim->nodes[i]);
            const enum sweep_answer answer = node < sweep->node_count
                                                 ? (enum sweep_answer)sweep->answers[node]
                                                 : SWEEP_LOST;
            answered += answer == SWEEP_DONE;
            open += answer == SWEEP_ASKED;
        }
        *done &= answered >= needed;
        *possible &= answered + open >= needed;
    }
}

/* Whether a dot above `known` is above all that was acknowledged before the FLUSHALL began. */
static bool heard_enough(const struct request *request)
{
    const struct sweep *sweep = request->sweep;
    const struct ring *ring = sweep->view->ring;
    const struct span heard_of = span_of(sweep->heard, bitmap_size(sweep->node_count));
    const bool by_all = keeps_siblings(ring);

    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        unsigned heard = 0;
        for (unsigned i = 0; i < claim->count; i++)
            heard += bitmap_has(heard_of, index_of(sweep->view, claim->nodes[i]));
        if (heard < acknowledgements_needed(request, claim, by_all))
            return false;
    }
    return true;
}

static void finish(struct request *request)
{
    if (request->sweep->flushes)
        reply_ok(&request->reply);
    else
        reply_integer(&request->reply, (int64_t)request->sweep->keys);
    request_finish(request);
}

static void give_up(struct request *request)
{
    struct engine *engine = request->engine;

    metrics_add(engine->metrics, METRIC_QUORUM_FAILURES, 1);
    request_fail(request, "NOQUORUM too few nodes answered in %lld ms%s",
                 (long long)((engine->now.mono_us - request->began_us) / 1000),
                 request->sweep->flushes ? "; the flush may still take effect" : "");
}

static bool ask_above(struct request *request, struct dot known);

static void proceed(struct request *request)
{
    struct sweep *sweep = request->sweep;
    bool done, possible;

    if (sweep->flushes) {
        tally(request, &done, &possible);
        if (!possible && dot_exists(sweep->known) && sweep->restamps < SWEEP_RESTAMPS_MAX) {
            if (!ask_above(request, sweep->known))
                return;
            tally(request, &done, &possible);
        }
    } else {
        done = possible = true;
        for (size_t i = 0; i < sweep->node_count; i++) {
            done &= sweep->answers[i] == SWEEP_DONE || sweep->answers[i] == SWEEP_UNASKED;
            possible &= sweep->answers[i] != SWEEP_LOST;
        }
    }
    if (!possible)
        give_up(request);
    else if (done)
        finish(request);
    else if (request->stage != STAGE_SWEEP)
        request_wait(request, STAGE_SWEEP);
}

static bool ask_node(struct request *request, size_t node)
{
    struct engine *engine = request->engine;
    struct sweep *sweep = request->sweep;
    const struct span partitions = span_of(bitmap(sweep, node), sweep->bitmap_size);
    struct buffer *out = peer_message(engine, sweep->view->nodes[node].number,
                                      sweep->bitmap_size + 64);

    if (out == NULL)
        return false;
    if (sweep->flushes) {
        const struct wire_flush flush = {.id = request->id,
                                         .ring_version = ring_draft_of(sweep->view->ring).version,
                                         .dot = sweep->dot,
                                         .partitions = partitions,
                                         .late = sweep->late};
        wire_put_flush(out, &flush);
    } else {
        const struct wire_count count = {.id = request->id, .partitions = partitions};
        wire_put_count(out, &count);
    }
    return true;
}

/* The highest of `floor` and of all stamps that this node has given or seen. */
static uint64_t highest_stamp(struct engine *engine, uint64_t floor)
{
    if (engine->replica.hlc.last > floor)
        floor = engine->replica.hlc.last;
    for (uint32_t p = 0; p < store_partitions(engine->own.store); p++) {
        struct partition *partition = store_partition(engine->own.store, p);
        partition_lock(partition);
        if (partition->last_stamp > floor)
            floor = partition->last_stamp;
        partition_unlock(partition);
    }
    if (engine->own.bounds->ceiling_at_start > floor)
        floor = engine->own.bounds->ceiling_at_start;
    return floor;
}

/* That, with a lead before what others stamp until they hear of it: by the clock, which goes on,
 * or, where stamps are ahead of it since a clock was, one by one. */
static uint64_t lead(const struct engine *engine, const struct sweep *sweep, uint64_t floor)
{
    const uint64_t by_clock = hlc_stamp(engine->now.wall_ms +
                                        ((int64_t)SWEEP_LEAD_MS << sweep->restamps));
    const uint64_t by_stamps = floor + SWEEP_LEAD_STAMPS;
    const uint64_t led = by_clock > by_stamps ? by_clock : by_stamps;

    return led <= atomic_load_explicit(&engine->own.bounds->ceiling, memory_order_acquire) ? led
                                                                                           : floor;
}

/* No stamp may be given. Where the ceiling will soon be above it, and nobody was asked yet, the
 * flush rests, and looks again. */
static void await_ceiling(struct request *request, uint64_t stamp)
{
    struct engine *engine = request->engine;
    struct sweep *sweep = request->sweep;
    struct replica_bounds *bounds = engine->own.bounds;

    sweep->unstamped = !dot_exists(sweep->dot) &&
                       replica_stamp_refusal(bounds, engine->now, stamp) == ACK_CEILING &&
                       !atomic_load_explicit(&bounds->ceiling_failed, memory_order_relaxed);
    if (!sweep->unstamped) {
        request_fail(request, NO_STAMP_ERROR);
        return;
    }
    if (request->stage != STAGE_SWEEP)
        request_wait(request, STAGE_SWEEP);
    metrics_add(engine->metrics, METRIC_CEILING_RESTS, 1);
    request_start_timer(&request->hedge, engine->now.mono_us + CEILING_REST_US);
}

/* A dot above everything that this node's partitions have seen, and what others stamp until it has
 * reached them: a node that has seen something newer by then has to be told again, and to fetch its
 * partitions anew where the flush goes on without it. */
static bool stamp(struct request *request, uint64_t floor)
{
    struct engine *engine = request->engine;
    struct sweep *sweep = request->sweep;

    floor = lead(engine, sweep, highest_stamp(engine, floor));
    const uint64_t before = engine->replica.hlc.last;
    const uint64_t now = hlc_tick(&engine->replica.hlc, engine->now.wall_ms, floor);
    /* Nobody would take one too far ahead before its time has come, this node neither: by then it
     * would kill what was written meanwhile. */
    const int64_t ahead_max_ms = atomic_load_explicit(&engine->own.bounds->ahead_max_ms,
                                                      memory_order_relaxed);
    if (now > atomic_load_explicit(&engine->own.bounds->ceiling, memory_order_acquire) ||
        hlc_too_far(now, engine->now.wall_ms, ahead_max_ms)) {
        engine->replica.hlc.last = before;
        await_ceiling(request, now);
        return false;
    }
    sweep->dot = (struct dot){.stamp = now, .node = sweep->view->self};
    /* One that is stamped again is owed from its first stamp: some may have it under that one. */
    if (list_empty(&request->owed))
        owed_note(request);
    return true;
}

/* What the others are owed from then on, this node has as well, though it may be too late to count.
 */
static struct offered flush_here(struct engine *engine, const struct sweep *sweep,
                                 struct span partitions)
{
    const uint64_t version = ring_draft_of(sweep->view->ring).version;
    const struct offered offered = sweep_flush(engine, version, sweep->dot, partitions,
                                               sweep->late);

    if (offered.status != ACK_OK)
        (void)sweep_flush(engine, version, sweep->dot, partitions, true);
    return offered;
}

static bool ask_here(struct request *request, size_t node)
{
    struct engine *engine = request->engine;
    struct sweep *sweep = request->sweep;
    const struct span partitions = span_of(bitmap(sweep, node), sweep->bitmap_size);
    uint64_t keys, expiring;

    if (!sweep->flushes) {
        sweep_count(engine, partitions, &keys, &expiring);
        sweep->keys += keys;
        sweep->answers[node] = SWEEP_DONE;
        return true;
    }
    struct offered offered = flush_here(engine, sweep, partitions);
    /* Other workers of this node may have stamped meanwhile. */
    while (wants_above(&offered) && sweep->restamps++ < SWEEP_RESTAMPS_MAX) {
        if (!stamp(request, offered.known.stamp))
            return false;
        offered = flush_here(engine, sweep, partitions);
    }
    sweep->answers[node] = offered.status == ACK_OK ? SWEEP_DONE : SWEEP_LOST;
    if (offered.status == ACK_OK)
        bitmap_set(sweep->heard, node);
    return true;
}

static bool has_any(struct sweep *sweep, size_t node)
{
    for (size_t i = 0; i < sweep->bitmap_size; i++)
        if (bitmap(sweep, node)[i] != 0)
            return true;
    return false;
}

/* Asks every node that has partitions to answer for, this one first: it may raise the dot. */
static bool ask_all(struct request *request)
{
    struct sweep *sweep = request->sweep;
    const size_t self = index_of(sweep->view, sweep->view->self);

    for (size_t i = 0; i < sweep->node_count; i++) /* owed, as long as they are not asked */
        if (i != self && has_any(sweep, i))
            sweep->answers[i] = SWEEP_LOST;
    if (self < sweep->node_count && has_any(sweep, self) && !ask_here(request, self))
        return false;
    for (size_t i = 0; i < sweep->node_count; i++)
        if (i != self && has_any(sweep, i))
            sweep->answers[i] = ask_node(request, i) ? SWEEP_ASKED : SWEEP_LOST;
    return true;
}

/* The same again, with a dot above `known`. */
static bool ask_above(struct request *request, struct dot known)
{
    struct sweep *sweep = request->sweep;

    sweep->restamps++;
    sweep->known = DOT_NONE;
    sweep->late = sweep->restamps > SWEEP_RESTAMPS_RUSH && heard_enough(request);
    hlc_observe(&request->engine->replica.hlc, known.stamp);
    request_renew(request);
    return stamp(request, known.stamp) && ask_all(request);
}

/* False when there is a partition that nobody can answer for. */
static bool share_out(struct request *request)
{
    struct engine *engine = request->engine;
    struct sweep *sweep = request->sweep;
    const struct ring *ring = sweep->view->ring;
    const struct session *session = request->call.session;
    const bool primaries = !sweep->flushes && session != NULL && session->walks_primaries;

    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        bool shared = false;
        if (primaries && view_leader(sweep->view, p) != sweep->view->self)
            continue; /* its cluster client asks that one */
        for (unsigned i = 0; i < claim->count && (sweep->flushes || !shared); i++) {
            const size_t node = index_of(sweep->view, claim->nodes[i]);
            const bool self = claim->nodes[i] == sweep->view->self;
            const bool votes = self ? view_node(sweep->view, claim->nodes[i])->votes
                                    : peer_promising(engine, claim->nodes[i]);
            if (!sweep->flushes && !votes)
                continue;
            bitmap_set(bitmap(sweep, node), p);
            shared = true;
        }
        if (!shared)
            return false;
    }
    return true;
}

void sweep_begin(struct request *request)
{
    struct engine *engine = request->engine;
    const bool flushes = (request->call.command->flags & FLAG_WRITE) != 0;

    request->sweep = create(engine, flushes);
    if (request->write_level == LEVEL_DEFAULT)
        request->write_level = engine->options->write_level;
    if (!share_out(request))
        give_up(request);
    else if ((!flushes || stamp(request, 0)) && ask_all(request))
        proceed(request);
}

/* Whether a stamp may be given above `known`: the others would refuse one above what a bad clock
 * left, and our own clock would follow. One that has just restarted may be ahead of our ceiling. */
static bool in_reach(const struct engine *engine, struct dot known)
{
    const struct replica_bounds *bounds = engine->own.bounds;

    return known.stamp < atomic_load_explicit(&bounds->ceiling, memory_order_acquire) &&
           !hlc_too_far(known.stamp, engine->now.wall_ms,
                        atomic_load_explicit(&bounds->ahead_max_ms, memory_order_relaxed));
}

void sweep_acknowledged(struct request *request, node_number node, const struct offered *offered)
{
    struct sweep *sweep = request->sweep;
    const size_t index = index_of(sweep->view, node);

    if (index >= sweep->node_count || !sweep->flushes)
        return;
    if (request->stage == STAGE_LINGERING) { /* it is done: no other stamp */
        sweep->answers[index] = offered->status == ACK_OK ? SWEEP_DONE : SWEEP_LOST;
        return;
    }
    sweep->answers[index] = offered->status == ACK_OK ? SWEEP_DONE : SWEEP_LOST;
    if (offered->status == ACK_OK)
        bitmap_set(sweep->heard, index);
    if (wants_above(offered) && in_reach(request->engine, offered->known)) {
        bitmap_set(sweep->heard, index);
        sweep->known = dot_max(sweep->known, offered->known);
        if (sweep->restamps < SWEEP_RESTAMPS_RUSH && !ask_above(request, sweep->known))
            return;
    }
    proceed(request);
}

void sweep_counted(struct request *request, node_number node, const struct wire_counted *counted)
{
    struct sweep *sweep = request->sweep;
    const size_t index = index_of(sweep->view, node);

    if (index >= sweep->node_count || sweep->flushes || sweep->answers[index] != SWEEP_ASKED)
        return;
    sweep->answers[index] = SWEEP_DONE;
    sweep->keys += counted->keys;
    proceed(request);
}

void sweep_lost(struct request *request, node_number node)
{
    struct sweep *sweep = request->sweep;
    const size_t index = index_of(sweep->view, node);

    if (index >= sweep->node_count || sweep->answers[index] != SWEEP_ASKED)
        return;
    sweep->answers[index] = SWEEP_LOST;
    if (request->stage != STAGE_LINGERING)
        proceed(request);
}

void sweep_hedge(struct request *request)
{
    struct sweep *sweep = request->sweep;

    if (!sweep->unstamped)
        return;
    sweep->unstamped = false;
    if (stamp(request, 0) && ask_all(request))
        proceed(request);
}

void sweep_timeout(struct request *request)
{
    metrics_add(request->engine->metrics, METRIC_TIMEOUTS, 1);
    if (request->sweep->unstamped)
        request_fail(request, NO_STAMP_ERROR);
    else
        give_up(request);
}
