/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Other nodes' answers: each finds the request, the hint or the recovery that asked by its id, and
 * what it does there depends on what that waits for. One that finds nothing is late, and dropped.
 * A link that breaks is the answer to all that was asked on it.
 */
#include "base/rule.h"
#include "node/inspect.h"
#include "node/listing.h"
#include "node/parts.h"
#include "node/publish.h"
#include "node/recover.h"
#include "node/script.h"

/* What a request that learns of a loss takes, and one that is over, as task.h counts. */
#define LOSING_WORK      8u
#define LOSING_FREE_WORK 1u

/* How long the node takes usually: a moving average over about eight answers. */
static void note_time(struct peer *peer, const struct request *request)
{
    const int64_t took_us = peer->engine->now.mono_us - request->began_us;

    peer->usual_us += (took_us - peer->usual_us) / 8;
    metrics_observe(peer->engine->metrics, METRIC_PEER_LATENCY, (uint64_t)took_us);
}

static void on_ack(struct peer *peer, const struct wire_ack *ack, struct request *request)
{
    struct engine *engine = peer->engine;
    const struct offered offered = {.status = (enum ack_status)ack->status,
                                    .known = ack->known,
                                    .claim_version = ack->claim_version};

    /* A write that waits counts none that comes after its time: who gave one before may have
     * crashed since, and has waited no longer for this one (rule 15). A process that was stopped
     * reads what has come meanwhile before its timers fire. */
    if (RULE(15) && (request->stage == STAGE_SWEEP || request->stage == STAGE_OPERATION) &&
        request_is_late(request))
        return;
    if (request->stage == STAGE_SWEEP) {
        sweep_acknowledged(request, peer->number, &offered);
        return;
    }
    if (request->stage == STAGE_DONE && request->coordinated) {
        operation_acknowledged(&engine->coordinator, &request->operation, engine->now, peer->number,
                               &offered);
        return;
    }
    if (request->stage == STAGE_LINGERING) {
        if (request->sweep != NULL)
            sweep_acknowledged(request, peer->number, &offered);
        else
            operation_acknowledged(&engine->coordinator, &request->operation, engine->now,
                                   peer->number, &offered);
        linger_proceed(request, false);
        return;
    }
    if (request->stage != STAGE_OPERATION)
        return;
    if (ack->status == ACK_NEWER && !request->operation.repaired)
        metrics_add(engine->metrics, METRIC_RESTAMPS, 1);
    note_time(peer, request);
    operation_acknowledged(&engine->coordinator, &request->operation, engine->now, peer->number,
                           &offered);
    coordinate_proceed(request);
}

static void answered(struct peer *peer, uint64_t id, const struct looked *looked)
{
    struct engine *engine = peer->engine;

    if ((id & ID_SYNC) != 0) {
        sync_looked(engine->sync, peer->number, id, looked);
        return;
    }
    struct request *request = request_find(engine, id);
    if (request == NULL || request->stage != STAGE_OPERATION)
        return;
    note_time(peer, request);
    operation_answered(&engine->coordinator, &request->operation, engine->now, peer->number,
                       looked);
    coordinate_proceed(request);
}

static void on_answer(struct peer *peer, const struct wire_answer *answer)
{
    struct looked looked = {.status = (enum answer_status)answer->status,
                            .version = answer->version,
                            .claim_version = answer->claim_version};

    if (peer->mates_refused)
        looked.status = ANSWER_FULL;
    peer->mates_refused = false;
    answered(peer, answer->id, &looked);
}

static void on_absent(struct peer *peer, const struct wire_absent *absent)
{
    const struct looked looked = {.status = ANSWER_NONE,
                                  .mark = absent->mark,
                                  .floor = absent->floor,
                                  .settled = absent->settled};

    answered(peer, absent->id, &looked);
}

static bool is_refusal(enum ack_status status)
{
    return status == ACK_CEILING || status == ACK_TOO_FAR || status == ACK_STALE_CLAIM;
}

/* The versions that belong to the one in the answer behind it, or to some of a part of a partition
 * (rule 24). They may be newer than those, and so refused where those would not be (the ceiling, a
 * clock): then the answer is refused as well. Not by one that recovers: it takes key by key what it
 * fetches, remembers what belongs together, and does not vote. */
static void on_mates(struct peer *peer, const struct wire_mates *mates)
{
    struct engine *engine = peer->engine;
    const struct place place = {.partition = mates->partition,
                                .claim_version = mates->claim_version};

    if (mates->partition >= store_partitions(engine->own.store) ||
        mates->version.kind != VALUE_BATCH)
        return;
    const struct offered offered = replica_offer(&engine->replica, engine->now, &place,
                                                 mates->version.dot, &mates->version);
    metrics_add(engine->metrics, METRIC_EVICTED_KEYS, offered.evicted);
    if (is_refusal(offered.status))
        peer->mates_refused |= !replica_note_recovering(&engine->replica, &place, &mates->version);
}

static void on_chunk(struct peer *peer, const struct wire_chunk *chunk)
{
    struct wire_chunk taken = *chunk;

    if (peer->mates_refused)
        taken.status = ANSWER_FULL;
    peer->mates_refused = false;
    sync_chunk(peer->engine->sync, peer->number, &taken);
}

static void on_reply(struct peer *peer, const struct wire_reply *reply, struct request *request)
{
    if (request->stage == STAGE_WAIT) {
        wait_answered(request, peer->number, reply);
        return;
    }
    if (request->stage != STAGE_FORWARDED || request->route != peer->number)
        return;
    if (reply->status == REPLY_RUNS) { /* the timer goes by that when it fires */
        request->deadline_us = script_awaited_us(request);
    } else if (reply->status == REPLY_LATE) {
        coordinate_timeout(request);
    } else if (reply->status != REPLY_OK) {
        route_again(request, peer->number);
    } else {
        buffer_append_span(&request->reply, reply->bytes);
        request_finish(request);
    }
}

static void take_ack(struct peer *peer, const struct wire_ack *ack)
{
    struct engine *engine = peer->engine;
    struct request *request;

    if ((ack->id & (ID_HINT | ID_SYNC)) == 0) {
        request = request_find(engine, ack->id);
        if (request != NULL)
            on_ack(peer, ack, request);
    } else if ((ack->id & ID_HINT) != 0) {
        hints_acknowledged(engine, peer->number, ack);
    } else {
        sync_acknowledged(engine->sync, peer->number, ack);
    }
}

static void take_acks(struct peer *peer, struct span ids)
{
    struct wire_ack ack = {.status = ACK_OK};

    for (size_t at = 0; at < ids.size && peer->stage == PEER_OPEN; at += WIRE_IDS_STEP) {
        ack.id = bytes_get_u64(ids.data + at);
        take_ack(peer, &ack);
    }
    peer->engine->turn_answers += ids.size / WIRE_IDS_STEP;
}

bool answers_take(struct peer *peer, const struct wire_message *message)
{
    struct engine *engine = peer->engine;
    struct request *request;

    metrics_add(engine->metrics, METRIC_PEER_MESSAGES_IN, 1);
    engine->turn_answers += message->type != WIRE_ACKS;
    switch (message->type) {
    case WIRE_ACK:
        take_ack(peer, &message->ack);
        break;
    case WIRE_ACKS:
        take_acks(peer, message->acks.ids);
        break;
    case WIRE_ANSWER:
        on_answer(peer, &message->answer);
        break;
    case WIRE_ABSENT:
        on_absent(peer, &message->absent);
        break;
    case WIRE_REPLY:
        request = request_find(engine, message->reply.id);
        if (request != NULL)
            on_reply(peer, &message->reply, request);
        break;
    case WIRE_COUNTED:
        request = request_find(engine, message->counted.id);
        if (request != NULL && request->stage == STAGE_SWEEP)
            sweep_counted(request, peer->number, &message->counted);
        break;
    case WIRE_CHUNK:
        on_chunk(peer, &message->chunk);
        break;
    case WIRE_COMPARED:
        sync_compared(engine->sync, peer->number, &message->compared);
        break;
    case WIRE_INSPECTED:
        request = request_find(engine, message->inspected.id);
        if (request != NULL && request->stage == STAGE_INSPECT)
            inspect_answered(request, peer->number, &message->inspected);
        break;
    case WIRE_LISTED:
        request = request_find(engine, message->listed.id);
        if (request != NULL && request->stage == STAGE_LISTING)
            listing_answered(request, peer->number, &message->listed);
        break;
    case WIRE_PUBLISHED:
        request = request_find(engine, message->published.id);
        if (request != NULL && request->stage == STAGE_PUBLISH)
            publish_answered(request, peer->number, &message->published);
        break;
    case WIRE_SURVEYED:
        request = request_find(engine, message->surveyed.id);
        if (request != NULL && request->stage == STAGE_SURVEY)
            survey_answered(request, peer->number, &message->surveyed);
        break;
    case WIRE_SCRIPTED:
        request = request_find(engine, message->scripted.id);
        if (request != NULL)
            script_answered(request, peer->number, &message->scripted);
        break;
    case WIRE_MATES:
        on_mates(peer, &message->mates);
        break;
    case WIRE_TRACKED:
        track_tracked(peer, &message->tracked);
        break;
    case WIRE_CHANGED:
        return track_peer_changed(peer, &message->changed);
    case WIRE_PONG:
        break;
    default:
        return false;
    }
    return true;
}

/* ---- no answer ---- */

static void lose(struct request *request, node_number number)
{
    struct engine *engine = request->engine;

    switch (request->stage) {
    case STAGE_OPERATION:
        operation_lost(&engine->coordinator, &request->operation, engine->now, number);
        coordinate_proceed(request);
        return;
    case STAGE_FORWARDED:
        if (request->route != number)
            return;
        /* What may have run is sent to nobody else, unless it is a read. */
        if (request->kind == COMMAND_READ)
            route_again(request, number);
        else
            coordinate_lost(request);
        return;
    case STAGE_SWEEP:
        sweep_lost(request, number);
        return;
    case STAGE_INSPECT:
        inspect_lost(request, number);
        return;
    case STAGE_LISTING:
        listing_lost(request, number);
        return;
    case STAGE_PUBLISH:
        publish_lost(request, number);
        return;
    case STAGE_SURVEY:
        survey_lost(request, number);
        return;
    case STAGE_SCRIPT:
        script_lost(request, number);
        return;
    case STAGE_LINGERING:
        if (request->sweep != NULL)
            sweep_lost(request, number);
        else
            operation_lost(&engine->coordinator, &request->operation, engine->now, number);
        linger_proceed(request, false);
        return;
    case STAGE_DONE:
        if (request->coordinated)
            operation_lost(&engine->coordinator, &request->operation, engine->now, number);
        return;
    case STAGE_WAIT:
        wait_lost(request, number);
        return;
    default:
        return;
    }
}

static void lose_some(struct task *task)
{
    struct peer *peer = list_entry(task, struct peer, losing);
    struct engine *engine = task->engine;
    unsigned work = 0;

    while (peer->losing_at < peer->losing_end && work < TASKS_WORK_PER_TURN) {
        struct request *request = engine->slots[peer->losing_at++];
        work += request->stage == STAGE_FREE ? LOSING_FREE_WORK : LOSING_WORK;
        lose(request, peer->number);
    }
    task_spend(task, work);
    peer->loses = peer->losing_at < peer->losing_end;
    if (peer->loses)
        task_hurry(task);
}

const struct task_kind answers_losing = {.work = WORK_PEERS, .run = lose_some};

void answers_lost(struct peer *peer)
{
    peer->losing_at = 0;
    peer->losing_end = peer->engine->slot_count;
    peer->loses = true;
    task_hurry_at_once(&peer->losing);
}
