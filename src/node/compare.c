/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Comparing the replicas of a partition, and mending what differs (recover.h): after a restart
 * every partition that this node keeps, and after it dropped hints those that they were of, since
 * what it owed is lost (rule 17); after a recovery from too few that vote, since one that was no
 * source may have what that did not find; and at repair-interval those whose first node it is. It
 * needs every replica, up and voting, and tries again until it has them.
 *
 * What a replica lacks at or below its settled stamp has vanished there, and stays so; unless it
 * evicted nothing, and lacks it in two comparisons, a second or more apart: then it lost data by a
 * fault, and is told that it forgot.
 *
 * So it is with the values that a set lacks of a settled one. All replicas have answered for each
 * write of it: each took the value in, or had it covered by its context, which only grows. Who
 * neither has nor covers it now, has lost it with the whole entry, which vanished, and was written
 * anew since; or by a fault. To bring it in by a repair is not safe (replica.c, keep_merged): a
 * copy that is under way while the value is deleted, and the delete is settled and forgotten, would
 * come in behind it. The recovery of one that forgot is safe, because it looks at what the sources
 * have now. Where evictions took values of sets, replicas differ until a write that has seen all
 * values; reads merge them. Contexts are always mended.
 */
#include "base/assert.h"
#include "base/bitmap.h"
#include "base/rule.h"
#include "causal/hlc.h"
#include "node/recover.h"
#include "sync/vanished.h"

/* Where not every replica is up, the next try. */
#define AGAIN_US 1000000
/* The second comparison of one that lacks what it should have. */
#define SUSPECT_US 2000000

/* ---- when ---- */

/* What it owed before the restart may be stamped up to the ceiling of then. Where its clock was
 * ahead, stand-ins (held.c) offer that in vain until the clocks of the replicas come near it: a
 * comparison before would not see what comes to one replica alone behind it. */
static bool is_early(const struct engine *engine)
{
    const struct replica_bounds *bounds = engine->own.bounds;

    return hlc_too_far(bounds->ceiling_at_start, engine->now.wall_ms,
                       atomic_load_explicit(&bounds->ahead_max_ms, memory_order_relaxed));
}

static uint32_t doubts(struct sync *sync, uint32_t index)
{
    struct partition *partition = store_partition(sync->engine->own.store, index);

    partition_lock(partition);
    const uint32_t count = partition->doubts;
    partition_unlock(partition);
    return count;
}

/* Whether it is time: for what is this node's own concern, or by the interval. */
static bool is_time(const struct engine *engine, const struct sync_partition *own, bool concerned)
{
    const int64_t interval_s = engine->options->repair_interval;
    const int64_t now_us = engine->now.mono_us;

    if (!own->compared && is_early(engine))
        return false;
    if (concerned)
        return own->compare_us <= now_us;
    return interval_s > 0 && now_us - own->compare_us >= interval_s * 1000000;
}

bool compare_is_due(struct sync *sync, uint32_t index)
{
    const struct engine *engine = sync->engine;
    const struct sync_partition *own = sync_partition(sync, index);

    if (own->retry_us > engine->now.mono_us)
        return false;
    const bool concerned = !own->compared || own->suspects != 0 || doubts(sync, index) > 0;
    if (!is_time(engine, own, concerned))
        return false;
    const struct ring_claim *claim = ring_claim(engine->view->ring, index);
    const int place = ring_claim_index(claim, engine->view->self);
    return claim->count >= 2 && (place == 0 || (place > 0 && concerned));
}

/* ---- what differs ---- */

static void fail(struct sync *sync, struct sync_job *job)
{
    struct sync_partition *own = sync_partition(sync, job->partition);

    job_fail(sync, job);
    own->retry_us = sync->engine->now.mono_us + AGAIN_US;
}

/* Whether the comparison is to find what this node owed, and does not any more. */
static bool is_thorough(struct sync *sync, const struct sync_job *job)
{
    return !sync_partition(sync, job->partition)->compared || job->doubts > 0;
}

/* All that was in doubt when it began. */
static void end_doubts(struct sync *sync, const struct sync_job *job)
{
    struct partition *partition = job_partition(sync, job);

    partition_lock(partition);
    if (job->doubts > 0 && partition->doubts == job->doubts) {
        partition->doubts = 0;
        ledger_compared(&sync->engine->own.bounds->ledger);
    }
    partition_unlock(partition);
}

void compare_done(struct sync *sync, struct sync_job *job)
{
    struct sync_partition *own = sync_partition(sync, job->partition);

    own->compare_us = sync->engine->now.mono_us + (own->suspects != 0 ? SUSPECT_US : 0);
    owed_publish(sync->engine); /* what was found missing is owed, before anything is told */
    end_doubts(sync, job);
    if (!own->compared && own->suspects == 0) {
        own->compared = true;
        ledger_compared(&sync->engine->own.bounds->ledger);
    }
    metrics_add(sync->engine->metrics, METRIC_COMPARISONS, 1);
    job_end(sync, job);
}

void compare_summed(struct sync *sync, struct sync_job *job)
{
    struct partition *partition = job_partition(sync, job);

    job->leaves = 0;
    partition_lock(partition);
    for (unsigned i = 0; i < job->source_count; i++)
        for (unsigned leaf = 0; leaf < PARTITION_LEAVES; leaf++)
            if (job->sources[i].sums[leaf] != partition->leaves[leaf])
                job->leaves |= (uint16_t)(1u << leaf);
    partition_unlock(partition);
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].stage != SOURCE_SUMMED || !job->sources[i].votes) {
            fail(sync, job);
            return;
        }
    /* Tombstones are in no sum, and are compared all the same where what was owed is lost: one of
     * them may cover what somebody still owes. */
    if (job->leaves == 0 && !is_thorough(sync, job)) {
        sync_partition(sync, job->partition)->suspects = 0;
        compare_done(sync, job);
        return;
    }
    job->gather.comparing = true;
    gather_source(&job->gather, job->own_place, true);
    for (unsigned i = 0; i < job->source_count; i++)
        job_source(job, &job->sources[i]);
    job->stage = JOB_FIRST;
    job->cursor = 0;
    sync->next_us = sync->engine->now.mono_us;
}

/* A part of this node's own contents; returns how many entries it took, about. */
uint32_t compare_read_own(struct sync *sync, struct sync_job *job)
{
    struct partition *partition = job_partition(sync, job);
    const uint64_t number = ++sync->number;

    buffer_reset(&sync->own, BUFFER_KEEP);
    partition_lock(partition);
    job->cursor = stream_read(partition, job->leaves, job->cursor, STREAM_PART_BYTES, &sync->own);
    const uint64_t floor = partition->floor, settled = partition->settled;
    const struct dot flushed = partition->flushed;
    job->own_evicted = partition->evicted_total;
    partition_unlock(partition);
    if (sync->own.failed || !job_take(sync, job, 0, number, buffer_content(&sync->own))) {
        fail(sync, job);
        return 1;
    }
    gather_bounds(&job->gather, 0, floor, settled, flushed, ++sync->number);
    if (job->cursor != 0)
        return STREAM_PART_ENTRIES;
    job->stage = JOB_OTHERS;
    for (unsigned i = 0; i < job->source_count && job->purpose != JOB_NONE; i++)
        job_pull(sync, job, &job->sources[i], job->leaves);
    return STREAM_PART_ENTRIES;
}

/* ---- mending ---- */

/* Whether an absence at the source is the end of what has the dot: it may not come back there. */
static bool is_over(const struct gather *gather, const struct gather_key *key, unsigned index,
                    struct dot dot)
{
    const struct gather_source *source = &gather->sources[index];

    return dot_compare(key->looks[index].mark, dot) >= 0 ||
           dot_compare(source->flushed, dot) >= 0 || source->floor >= dot.stamp ||
           source->settled >= dot.stamp;
}

/* Whether it lacks what it can only have lost: no eviction, no deadline took it. */
static bool is_suspect(const struct sync *sync, const struct sync_job *job,
                       const struct gather_key *key, unsigned index, uint64_t evicted)
{
    const struct gather_source *source = &job->gather.sources[index];
    const struct version *version = &key->version;

    return evicted == 0 && version_visible(version, sync->engine->now.wall_ms) &&
           source->settled >= version->dot.stamp &&
           dot_compare(key->looks[index].mark, version->dot) < 0 &&
           dot_compare(source->flushed, version->dot) < 0 && source->floor < version->dot.stamp;
}

/* False where this node refuses it at this moment (its ceiling, its clock): it lacks it yet, and
 * the comparison begins again. */
static bool mend_own(struct sync *sync, struct sync_job *job, const struct gather_key *key)
{
    struct engine *engine = sync->engine;
    const struct place place = {.partition = job->partition,
                                .claim_version = job->claim_version,
                                .hash = key->hash,
                                .key = key->key};
    const struct offered offered = replica_offer(&engine->replica, engine->now, &place,
                                                 key->version.dot, &key->version);

    metrics_add(engine->metrics, METRIC_COMPARISON_REPAIRS, 1);
    metrics_add(engine->metrics, METRIC_EVICTED_KEYS, offered.evicted);
    return offered.status == ACK_OK || offered.status == ACK_NEWER || offered.status == ACK_FULL;
}

/* Owes it to who lacks it until it is answered, like any write. False: so much is owed already that
 * something would be dropped, and the replica told that it forgot, for what it can be sent a little
 * later. What is too large ever to be owed is left to reads, but for the comparison after a
 * restart: then it may have been owed before, and the replica is told. */
static bool owe(struct sync *sync, const struct sync_job *job, node_number node, struct span key,
                const struct version *version)
{
    struct engine *engine = sync->engine;
    const size_t bytes = key.size + version->value.size;

    if (!hints_may_hold(engine, bytes)) {
        if (!sync_partition(sync, job->partition)->compared)
            hints_keep(engine, node, job->partition, key, version);
        return true;
    }
    if (!hints_have_room(engine, node, bytes))
        return false;
    metrics_add(engine->metrics, METRIC_COMPARISON_REPAIRS, 1);
    hints_keep(engine, node, job->partition, key, version);
    return true;
}

/* Sends the version to who lacks it. */
static bool mend(struct sync *sync, struct sync_job *job, const struct gather_key *key)
{
    for (unsigned i = 0; i < job->gather.source_count; i++) {
        const struct sync_source *source = i > 0 ? &job->sources[i - 1] : NULL;
        if (job->gather.sources[i].place >= key->copies || gather_has_all(key, i))
            continue;
        if (gather_lacks_values(key, i) &&
            is_suspect(sync, job, key, i, source != NULL ? source->evicted : job->own_evicted))
            job->suspects |= (uint8_t)(1u << job->gather.sources[i].place);
        if (!dot_exists(key->looks[i].dot) && is_over(&job->gather, key, i, key->version.dot))
            continue;
        if (source != NULL ? !owe(sync, job, source->node, key->key, &key->version)
                           : !mend_own(sync, job, key))
            return false;
    }
    return true;
}

/* Who has something older than a mark missed what has vanished, and nobody may owe it that any
 * more: it is sent the tombstone that the mark stands for. What this node has itself goes in OWN.
 * Who has nothing, and does not know that it vanished, is given the mark, this node as well: or
 * something older that another owes it would come in behind. */
static bool cover(struct sync *sync, struct sync_job *job, const struct gather_key *key,
                  struct dot mark)
{
    const struct version tombstone = {
        .kind = VALUE_TOMBSTONE, .dot = mark, .deadline_ms = DEADLINE_NEVER};

    for (unsigned i = 0; i < job->gather.source_count; i++) {
        struct sync_source *source = i > 0 ? &job->sources[i - 1] : NULL;
        const struct dot has = key->looks[i].dot;
        if (!dot_exists(has) && !is_over(&job->gather, key, i, mark))
            stream_put_mark(source != NULL ? &source->marks : &job->marks, key->hash, mark);
        if (!dot_exists(has) || dot_compare(has, mark) >= 0 || source == NULL)
            continue;
        if (!owe(sync, job, source->node, key->key, &tombstone))
            return false;
    }
    return true;
}

/* False: what was decided cannot be kept here, or owed, yet. */
static bool apply(struct sync *sync, struct sync_job *job, const struct gather_key *key)
{
    const struct gather_decision decision = gather_decide(&job->gather, key);

    if (decision.outcome == GATHER_VERSION)
        return mend(sync, job, key);
    /* Who missed a flush fetches the partition anew. */
    if (decision.outcome == GATHER_MARK && is_thorough(sync, job) &&
        !dot_equal(decision.dot, gather_flushed(&job->gather)))
        return cover(sync, job, key, decision.dot);
    return true;
}

/* A FLUSHALL that is not settled, and that a replica does not know of: this node may have owed it.
 */
static void tell_of_flush(struct sync *sync, struct sync_job *job)
{
    const struct dot flushed = gather_flushed(&job->gather);

    if (!dot_exists(flushed) || gather_settled(&job->gather) >= flushed.stamp)
        return;
    for (unsigned i = 1; i < job->gather.source_count; i++)
        if (dot_compare(job->gather.sources[i].flushed, flushed) < 0)
            hints_forget(sync->engine, job->sources[i - 1].node, job->partition, flushed.stamp);
}

/* One that another knows of is taken over, as a newer version would be. */
static void take_flush(struct sync *sync, struct sync_job *job)
{
    const struct dot flushed = gather_flushed(&job->gather);
    struct replica *replica = &sync->engine->replica;
    struct partition *partition = job_partition(sync, job);

    if (flushed.stamp > atomic_load_explicit(&replica->bounds->ceiling, memory_order_acquire))
        return;
    hlc_observe(&replica->hlc, flushed.stamp);
    partition_lock(partition);
    partition_flush(partition, flushed);
    if (flushed.stamp > partition->last_stamp)
        partition->last_stamp = flushed.stamp;
    partition_unlock(partition);
}

/* One that lacked what it should have twice. */
static void tell_suspects(struct sync *sync, struct sync_job *job, uint8_t suspects)
{
    struct engine *engine = sync->engine;
    uint8_t bits[(1u << 14) / 8] = {0};
    const size_t size = job->partition / 8 + 1;

    _Static_assert(sizeof bits * 8 == 16384, "a bit for every partition that there may be");
    bitmap_set(bits, job->partition);
    for (unsigned i = 0; i < job->gather.source_count; i++) {
        if ((suspects >> job->gather.sources[i].place & 1) == 0)
            continue;
        log_write(engine->own.log, LOG_WARNING,
                  "partition %u: node %u lacks versions that it had: it is told that it forgot",
                  job->partition, i > 0 ? job->sources[i - 1].node : engine->view->self);
        if (i == 0) {
            replica_recover_anew(job_partition(sync, job));
            continue;
        }
        struct buffer *out = peer_message(engine, job->sources[i - 1].node, size + 64);
        if (out != NULL)
            wire_put_forgot(out, &(struct wire_forgot){
                                     .id = ID_SYNC,
                                     .ring_version = ring_draft_of(engine->view->ring).version,
                                     .partitions = span_of(bits, size)});
    }
}

uint32_t compare_apply(struct sync *sync, struct sync_job *job)
{
    uint32_t count = 0;

    for (; job->at != NULL && count < SYNC_KEYS_PER_LOCK; count++) {
        if (!apply(sync, job, job->at)) {
            fail(sync, job);
            return count + 1;
        }
        job->at = gather_next(&job->gather, job->at);
    }
    if (job->at == NULL) {
        struct sync_partition *own = sync_partition(sync, job->partition);
        const uint8_t twice = own->suspects & job->suspects;
        tell_suspects(sync, job, twice);
        if (!own->compared)
            tell_of_flush(sync, job);
        own->suspects = job->suspects & (uint8_t)~twice;
        take_flush(sync, job);
        job_charge(sync, job);
        job->stage = JOB_MARKS;
    }
    return count + 1;
}

/* ---- marks ---- */

static bool hand_to(struct sync *sync, struct sync_job *job, struct sync_source *source)
{
    const struct span piece = vanished_piece(buffer_content(&source->marks));
    struct buffer *out = job_question(sync, job, source, piece.size + 64);

    if (out == NULL)
        return false;
    wire_put_marks(out, &(struct wire_marks){.id = source->id,
                                             .claim_version = job->claim_version,
                                             .partition = (uint16_t)job->partition,
                                             .entries = piece});
    buffer_consume(&source->marks, piece.size);
    return true;
}

static bool hand_to_own(struct sync *sync, struct sync_job *job)
{
    struct engine *engine = sync->engine;
    const struct span piece = vanished_piece(buffer_content(&job->marks));
    const enum ack_status status = vanished_take(&engine->replica, engine->now, job->partition,
                                                 job->claim_version, piece);

    buffer_consume(&job->marks, piece.size);
    return status == ACK_OK;
}

uint32_t compare_hand_over(struct sync *sync, struct sync_job *job)
{
    bool kept = !job->marks.failed, waits = false;

    if (buffer_size(&job->marks) > 0) {
        if (!kept || !hand_to_own(sync, job))
            fail(sync, job);
        return SYNC_KEYS_PER_TURN;
    }
    for (unsigned i = 0; kept && i < job->source_count; i++) {
        struct sync_source *source = &job->sources[i];
        kept = !source->marks.failed;
        if (kept && source->id == 0 && buffer_size(&source->marks) > 0)
            kept = hand_to(sync, job, source);
        waits |= source->id != 0;
    }
    if (!kept)
        fail(sync, job);
    else if (!waits)
        job_sweep(job);
    return kept && waits ? 0 : 1;
}

void sync_acknowledged(struct sync *sync, node_number node, const struct wire_ack *ack)
{
    struct sync_job *job;
    struct sync_source *source = job_answered(sync, node, ack->id, &job);

    if (source == NULL || job->stage != JOB_MARKS)
        return;
    source->id = 0;
    job->heard_us = sync->engine->now.mono_us;
    if (ack->status != ACK_OK)
        fail(sync, job);
    sync->next_us = sync->engine->now.mono_us;
}
