/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The operations that this node coordinates: begins them, carries their questions to the peers, and
 * makes replies of their results.
 */
#include "base/assert.h"
#include "node/group.h"
#include "node/parts.h"
#include "node/script.h"
#include "resp/reply.h"
#include "value/siblings.h"

/* A read asks another replica when an answer takes this many times as long as usual. */
#define HEDGE_FACTOR 4
#define HEDGE_US_MIN 3000
/* The first rest of an operation that is overtaken, and how often that is doubled. */
#define REST_US        500
#define REST_DOUBLINGS 6

static bool hedge_waits(const struct request *request)
{
    return request->hedge.running || !list_empty(&request->hedging);
}

static struct request *request_of(struct operation *operation)
{
    return list_entry(operation, struct request, operation);
}

/* ---- what the operation wants ---- */

static bool ask(void *host, struct operation *operation, node_number node)
{
    const struct place *place = &operation->place;
    const struct wire_read read = {.id = request_of(operation)->id,
                                   .claim_version = place->claim_version,
                                   .partition = (uint16_t)place->partition,
                                   .have = operation->reading.asking,
                                   .have_digest = operation->reading.asking_digest,
                                   .key = place->key};
    struct buffer *out = peer_message(host, node, place->key.size + 64);

    if (out == NULL)
        return false;
    wire_put_read(out, &read);
    return true;
}

static bool reachable(struct engine *engine, node_number node)
{
    const struct peer *peer = peer_find(engine, node);

    return node == engine->view->self ||
           (peer != NULL && peer->stage == PEER_OPEN && !peer->tripped);
}

/* The node is down. Where the replicas alone are too few, and the operator has chosen so, a
 * stand-in's acknowledgement counts for it: one stand-in for each. */
static bool offer_stand_in(struct engine *engine, struct operation *operation, node_number node,
                           const struct version *version)
{
    unsigned up = 0, skip = 0;
    bool before = true;

    if (!engine->options->sloppy_quorum)
        return false;
    for (unsigned i = 0; i < operation->copies; i++) {
        const bool other_up = reachable(engine, operation->nodes[i]);
        before &= operation->nodes[i] != node;
        up += other_up;
        skip += before && !other_up;
    }
    return up < operation->write_needed &&
           held_hand_over(engine, node, operation->place.partition, operation->place.key, version,
                          request_of(operation)->id, skip);
}

/* Rule 24: who is given one version of a batch is given all of it. */
static struct version with_mates(struct engine *engine, const struct operation *operation)
{
    if (!operation->repaired && !operation->adopted)
        return operation->written;
    buffer_reset(&engine->mates, BUFFER_KEEP);
    return replica_with_mates(&engine->replica, operation->place.partition, operation->place.key,
                              &operation->written, &engine->mates);
}

/* One message for all: it is laid out for the first, and copied for the others. */
static uint16_t offer(void *host, struct operation *operation, uint16_t to)
{
    struct request *request = request_of(operation);
    const struct place *place = &operation->place;
    const struct wire_write write = {.id = request->id,
                                     .claim_version = place->claim_version,
                                     .partition = (uint16_t)place->partition,
                                     .over = operation->over,
                                     .key = place->key,
                                     .version = with_mates(host, operation)};
    const size_t size_max = place->key.size + write.version.value.size + 128;
    struct block *block = request_block_of(request, write.version.value);
    const struct buffer *first = NULL;
    size_t at = 0, size = 0;
    uint16_t sent = 0;

    owed_note(request);
    for (unsigned i = 0; to >> i != 0; i++) {
        if ((to >> i & 1) == 0)
            continue;
        struct buffer *out = block == NULL
                                 ? peer_message(host, operation->nodes[i], size_max)
                                 : peer_message_alone(host, operation->nodes[i], size_max);
        if (out == NULL) {
            if (offer_stand_in(host, operation, operation->nodes[i], &write.version))
                sent |= (uint16_t)(1u << i);
            continue;
        }
        sent |= (uint16_t)(1u << i);
        if (operation->repaired)
            metrics_add(request->engine->metrics, METRIC_READ_REPAIRS, 1);
        if (__builtin_expect(block != NULL, 0)) {
            peer_put_write(host, operation->nodes[i], out, &write, block);
            continue;
        }
        if (first != NULL && !first->failed) {
            buffer_append(out, buffer_content(first).data + at, size);
            continue;
        }
        first = out;
        at = buffer_size(out);
        wire_put_write(out, &write);
        size = buffer_size(out) - at;
    }
    return sent;
}

static bool promising(void *host, node_number node)
{
    return peer_promising(host, node);
}

static void renew(void *host, struct operation *operation)
{
    (void)host;
    request_renew(request_of(operation));
}

/* How long an answer may take before it is late. */
static int64_t patience_us(const struct request *request)
{
    struct engine *engine = request->engine;
    int64_t usual_us = 0;

    for (unsigned i = 0; i < request->operation.copies; i++) {
        const struct peer *peer = peer_find(engine, request->operation.nodes[i]);
        if (peer != NULL && peer->usual_us > usual_us)
            usual_us = peer->usual_us;
    }
    int64_t wait_us = usual_us * HEDGE_FACTOR;
    const int64_t most_us = (request->deadline_us - engine->now.mono_us) / 4;
    if (wait_us < HEDGE_US_MIN)
        wait_us = HEDGE_US_MIN;
    return wait_us > most_us ? most_us : wait_us;
}

/* At first as long as answers may take. Then twice as long each time, and not the same for all that
 * overtake each other: their numbers and clocks differ. A hedge that is still to come ends the rest
 * as well. */
static bool rest(void *host, struct operation *operation)
{
    struct request *request = request_of(operation);
    struct engine *engine = host;
    int64_t wait_us;

    if (operation->state == OPERATION_UNSTAMPED) {
        wait_us = CEILING_REST_US;
    } else if (operation->rounds < OPERATION_ROUNDS_RUSH) {
        wait_us = patience_us(request);
    } else {
        const unsigned doublings = operation->rounds - OPERATION_ROUNDS_RUSH;
        const uint64_t share = operation->written.dot.stamp + operation->written.dot.node * 5u;
        const int64_t most_us = REST_US
                                << (doublings < REST_DOUBLINGS ? doublings : REST_DOUBLINGS);
        wait_us = most_us * (int64_t)(1 + share % 8) / 8;
    }
    if (!hedge_waits(request))
        request_start_timer(&request->hedge, engine->now.mono_us + wait_us);
    return true;
}

/* A reply may refer to the version's value where it lies in a block. */
static void lend_block(struct request *request, const struct version *version)
{
    struct block *block = request->operation.reading.block;
    const bool lent = block_holds(block, version->value);

    request->call.block = lent ? block : NULL;
    request->call.behind = lent ? &request->behind : NULL;
}

static void change(void *host, struct operation *operation, const struct version *current,
                   struct change *wanted)
{
    struct request *request = request_of(operation);

    (void)host;
    request_reset_reply(request);
    request->call.now = request->engine->now; /* what has expired meanwhile is gone */
    if (__builtin_expect(operation->reading.block != NULL, 0) && current != NULL)
        lend_block(request, current);
    request->call.command->update(&request->call, current, wanted);
}

static void found(void *host, struct operation *operation)
{
    struct request *request = request_of(operation);
    struct engine *engine = host;
    const bool hit = version_visible(&operation->found, engine->now.wall_ms);

    metrics_add(engine->metrics, hit ? METRIC_KEYSPACE_HITS : METRIC_KEYSPACE_MISSES, 1);
    request->call.now = engine->now;
    /* What was read may still be on its way to those that lack it. */
    request->call.bytes = operation->repaired ? NULL : &operation->reading.bytes;
    if (__builtin_expect(operation->reading.block != NULL, 0))
        lend_block(request, &operation->found);
    request->call.command->read(&request->call, &operation->found);
}

static bool run(void *host, struct operation *operation)
{
    return request_of(operation)->group != NULL ? group_run(host, operation)
                                                : script_run(host, operation);
}

const struct operation_calls coordinate_calls = {
    .ask = ask,
    .offer = offer,
    .promising = promising,
    .renew = renew,
    .rest = rest,
    .change = change,
    .run = run,
    .found = found,
};

/* ---- results ---- */

static void fail_too_few(struct request *request)
{
    struct engine *engine = request->engine;
    const struct operation *operation = &request->operation;
    unsigned needed = operation->write_needed;

    if (operation->repaired) /* what was read is on too few, and may not be there for the next */
        needed = operation_repair_needed(operation);
    else if (request->kind == COMMAND_READ ||
             (request->kind == COMMAND_UPDATE && !operation->wrote))
        needed = operation->read_needed;
    metrics_add(engine->metrics, METRIC_QUORUM_FAILURES, 1);
    request_fail(request, "NOQUORUM needed %u of %u, got %u in %lld ms%s", needed,
                 operation->copies, operation->answered,
                 (long long)((engine->now.mono_us - request->began_us) / 1000),
                 operation->wrote ? "; the write may still take effect" : "");
}

/* What would be done again elsewhere, or by the client, if nothing of it were done. */
static bool fail_half_done(struct request *request, const char *why)
{
    if (!script_has_written(request))
        return false;
    request_fail(request, "ERR %s; what the script wrote by other commands stays", why);
    return true;
}

static void fail(struct request *request)
{
    switch (request->operation.failure) {
    case OPERATION_TOO_FEW:
        fail_too_few(request);
        return;
    case OPERATION_MEMORY_FULL:
        metrics_add(request->engine->metrics, METRIC_OOM_REFUSALS, 1);
        request_fail(request, "OOM command not allowed when used memory > 'maxmemory'.");
        return;
    case OPERATION_LATE:
        if (!fail_half_done(request, "the request's time was up"))
            request_fail(request, "NOQUORUM the request's time was up before it began");
        return;
    case OPERATION_RING_CHANGED:
        if (!fail_half_done(request, "the ring has changed meanwhile"))
            request_fail(request, "TRYAGAIN the ring has changed meanwhile");
        return;
    case OPERATION_NOT_VOTING:
        if (fail_half_done(request, "this replica votes no more"))
            return;
        request_reset_reply(request); /* it begins anew elsewhere */
        if (script_job_of(request) != NULL)
            task_end(request);
        if (route_elsewhere(request))
            return;
        request_fail(request, "TRYAGAIN this replica was restarted and has not recovered");
        return;
    case OPERATION_NO_STAMP:
        if (!fail_half_done(request, "no version could be given above the ceiling"))
            request_fail(request, NO_STAMP_ERROR);
        return;
    case OPERATION_CONTENDED:
        request_fail(request,
                     "NOQUORUM newer versions kept coming; the write may still take effect");
        return;
    case OPERATION_TOO_MANY:
        request_fail(request, "ERR too many concurrent values of the key");
        return;
    }
}

static void note_latency(struct request *request)
{
    const int64_t took_us = request->engine->now.mono_us - request->began_us;

    metrics_observe(request->engine->metrics,
                    request->kind == COMMAND_READ ? METRIC_READ_LATENCY : METRIC_WRITE_LATENCY,
                    (uint64_t)took_us);
}

static void succeed(struct request *request)
{
    if (request->stage == STAGE_OPERATION)
        note_latency(request);
    request_finish(request);
}

static void arm_hedge(struct request *request)
{
    struct engine *engine = request->engine;
    const int64_t wait_us = patience_us(request);

    request->hedge.due_us = engine->now.mono_us + wait_us;
    if (wait_us < HEDGE_US_MIN) {
        request_start_timer(&request->hedge, request->hedge.due_us);
        return;
    }
    request->hedging_us = engine->now.mono_us;
    list_append(&engine->hedging, &request->hedging);
}

/* Nearly all answers come before a hedge could be due, so requests stand in the order in which they
 * were asked, and only one that has waited HEDGE_US_MIN gets a timer. */
void hedges_proceed(struct engine *engine)
{
    while (hedges_next(engine) <= engine->now.mono_us) {
        struct request *request = list_entry(engine->hedging.next, struct request, hedging);
        list_remove(&request->hedging);
        request_start_timer(&request->hedge, request->hedge.due_us);
    }
}

int64_t hedges_next(const struct engine *engine)
{
    if (list_empty(&engine->hedging))
        return INT64_MAX;
    return list_entry(engine->hedging.next, struct request, hedging)->hedging_us + HEDGE_US_MIN;
}

/* What happens to few operations. */
static void count_rare(struct request *request)
{
    struct metrics_block *metrics = request->engine->metrics;

    metrics_add(metrics, METRIC_SECOND_LOOKS, request->operation.looks);
    metrics_add(metrics, METRIC_CEILING_RESTS, request->operation.awaits);
    metrics_add(metrics, METRIC_EVICTED_KEYS, request->operation.evicted);
    request->operation.looks = 0;
    request->operation.awaits = 0;
    request->operation.evicted = 0;
}

void coordinate_proceed(struct request *request)
{
    if ((request->operation.evicted | request->operation.looks | request->operation.awaits) != 0)
        count_rare(request);
    if (__builtin_expect(engine_alerts(request->engine) & ALERT_TRACKED, 0))
        track_wrote(request);
    switch (request->operation.state) {
    case OPERATION_REPAIRING:
    case OPERATION_READING:
    case OPERATION_UNSTAMPED:
    case OPERATION_WRITING:
        if (request->stage == STAGE_OPERATION) {
            if (request->operation.state == OPERATION_REPAIRING && !hedge_waits(request))
                arm_hedge(request);
            return;
        }
        metrics_add(request->engine->metrics,
                    request->kind == COMMAND_READ ? METRIC_READS_COORDINATED
                                                  : METRIC_WRITES_COORDINATED,
                    1);
        request_wait(request, STAGE_OPERATION);
        if (request->operation.state != OPERATION_WRITING &&
            request->operation.state != OPERATION_UNSTAMPED)
            arm_hedge(request);
        return;
    case OPERATION_GATHERING:
        if (request->group != NULL)
            group_gather_again(request);
        else
            script_gather_again(request);
        return;
    case OPERATION_DONE:
        if (__builtin_expect(request->task != NULL, 0) && script_settled(request))
            return;
        succeed(request);
        return;
    case OPERATION_FAILED:
        fail(request);
        return;
    }
}

void coordinate_begin(struct request *request)
{
    struct engine *engine = request->engine;
    static const enum operation_kind kinds[] = {
        [COMMAND_READ] = OPERATION_READ,
        [COMMAND_WRITE] = OPERATION_WRITE,
        [COMMAND_UPDATE] = OPERATION_UPDATE,
    };

    request->coordinated = true;
    request->operation.kind = kinds[request->kind];
    if (request->group != NULL) {
        group_begin(request);
        return;
    }
    if (__builtin_expect(script_is(request->call.command), 0)) {
        script_begin(request);
        return;
    }
    request->operation.whole_version = request->call.command->whole_version;
    request->operation.slow = request->call.command->slow;
    if (request->kind != COMMAND_READ)
        request_share(request);
    if (request->call.command->make != NULL)
        request->call.command->make(&request->call);
    request->operation.block = request->block;
    operation_begin(&engine->coordinator, &request->operation, engine->now);
    coordinate_proceed(request);
}

void coordinate_hedge(struct request *request)
{
    if (request->stage != STAGE_OPERATION)
        return;
    if (request->operation.rests)
        operation_resume(&request->engine->coordinator, &request->operation, request->engine->now);
    else
        operation_hedge(&request->engine->coordinator, &request->operation, request->engine->now);
    coordinate_proceed(request);
    /* Of more replicas than three that one may not answer either. */
    if (request->stage == STAGE_OPERATION && request->operation.state == OPERATION_READING &&
        read_tally_count(&request->operation.reading, TALLY_UNASKED) > 0)
        arm_hedge(request);
}

/* ---- a coordinator elsewhere ---- */

void coordinate_lost(struct request *request)
{
    request->operation.wrote = request->kind != COMMAND_READ;
    request->operation.answered = 0;
    fail_too_few(request);
}

void coordinate_timeout(struct request *request)
{
    metrics_add(request->engine->metrics, METRIC_TIMEOUTS, 1);
    if (request->stage == STAGE_FORWARDED) {
        coordinate_lost(request);
        return;
    }
    operation_expire(&request->operation);
    coordinate_proceed(request);
}
