/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Recovering what this node forgot (recover.h, rules 12 to 16).
 */
#include "node/recover.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/rule.h"
#include "value/merge.h"

/* ---- who is asked ---- */

/* Where nobody answers there is nothing to merge and nobody to vote with: only an operator, who
 * knows that they are gone for good, ends that. */
static bool waited_enough(const struct sync *sync, int64_t since_us, unsigned summed)
{
    const struct engine *engine = sync->engine;
    const int64_t wait_s = engine->options->recovery_wait;

    if (atomic_load_explicit(&engine->own.bounds->recovery.force, memory_order_relaxed))
        return true;
    return summed > 0 && wait_s != OPTION_NEVER &&
           (engine->now.mono_us - since_us) / 1000000 >= wait_s;
}

static void pull_first(struct sync *sync, struct sync_job *job)
{
    job->stage = JOB_FIRST;
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].index == 0) {
            job_pull(sync, job, &job->sources[i], STREAM_ALL_LEAVES);
            return;
        }
    job_drained(sync, job);
}

/* Too few vote: what those that answer hold is merged, absences count for nothing, and this node
 * votes again. At once where all have answered, since nobody else can know more. */
static void recover_with_few(struct sync *sync, struct sync_job *job, unsigned summed)
{
    struct sync_partition *own = sync_partition(sync, job->partition);

    if (own->lacking_us == 0)
        own->lacking_us = sync->engine->now.mono_us;
    if (summed < job->source_count && !waited_enough(sync, own->lacking_us, summed)) {
        job_fail(sync, job);
        return;
    }
    job->forced = job->gather.forced = true;
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].stage == SOURCE_SUMMED)
            job_source(job, &job->sources[i]);
    pull_first(sync, job);
}

/* As many meet every set of replicas that a write at QUORUM is acknowledged by (rule 13). */
static unsigned sources_needed(unsigned copies)
{
    const unsigned needed = copies - (copies / 2 + 1) + 1;

    return RULE(13) || needed == 1 ? needed : needed - 1;
}

/* Whether enough vote for the keys of which there are `copies`. */
static bool enough_vote(const struct sync_job *job, unsigned copies)
{
    unsigned votes = 0;

    if (copies > job->source_count + 1)
        copies = job->source_count + 1;
    if (copies == 1 || job->own_place >= copies)
        return true; /* nobody else has them, or this node neither */
    for (unsigned i = 0; i < job->source_count; i++)
        votes += job->sources[i].place < copies && job->sources[i].stage == SOURCE_SUMMED &&
                 job->sources[i].votes;
    return votes >= sources_needed(copies);
}

void recover_summed(struct sync *sync, struct sync_job *job)
{
    const struct ring_draft *ring = &sync->engine->view->ring->content;
    unsigned needed = sources_needed(job->source_count + 1), summed = 0;
    bool enough = enough_vote(job, job->source_count + 1);

    /* Of keys with fewer copies it is the first of the claim that count; they are chosen first. */
    for (size_t i = 0; i < ring->rule_count; i++)
        enough &= enough_vote(job, ring->rules[i].replicas);
    enough &= enough_vote(job, ring->base.replicas);
    for (unsigned i = 0; i < job->source_count; i++)
        summed += job->sources[i].stage == SOURCE_SUMMED;
    if (!enough) {
        recover_with_few(sync, job, summed);
        return;
    }
    sync_partition(sync, job->partition)->lacking_us = 0;
    for (unsigned i = 0; i < job->source_count && needed > 0; i++)
        if (job->sources[i].stage == SOURCE_SUMMED && job->sources[i].votes) {
            job_source(job, &job->sources[i]);
            needed--;
        }
    pull_first(sync, job);
}

/* Of the other sources only those leaves that differ from what the first gave. */
static void pull_others(struct sync *sync, struct sync_job *job)
{
    job->stage = JOB_OTHERS;
    for (unsigned i = 0; i < job->source_count && job->purpose != JOB_NONE; i++)
        if (job->sources[i].index > 0)
            job_pull(sync, job, &job->sources[i], job->differ[i]);
}

static void find_differing(struct sync_job *job)
{
    for (unsigned i = 0; i < job->source_count; i++) {
        const struct sync_source *source = &job->sources[i];
        job->differ[i] = 0;
        for (unsigned leaf = 0; leaf < PARTITION_LEAVES; leaf++)
            if (source->sums[leaf] != job->added[leaf])
                job->differ[i] |= (uint16_t)(1u << leaf);
    }
}

/* What the first source gave, another has where their leaves are the same. */
static void note_same(struct sync_job *job, struct gather_key *key)
{
    for (unsigned i = 0; i < job->source_count; i++) {
        const struct sync_source *source = &job->sources[i];
        if (source->index > 0)
            gather_same(key, (unsigned)source->index, 0, (uint16_t)~job->differ[i],
                        source->sums_at);
    }
}

uint32_t recover_add(struct sync *sync, struct sync_job *job)
{
    const uint32_t most = SYNC_KEYS_PER_TURN * SYNC_KEYS_FOR_ONE;
    uint32_t seen = 0;

    for (; job->at != NULL && seen < most; seen++) {
        if (job->round == 0)
            gather_sum(job->at, 0, job->added);
        else
            note_same(job, job->at);
        job->at = gather_next(&job->gather, job->at);
    }
    if (job->at == NULL && job->round == 0) {
        find_differing(job);
        job->round = 1;
        job->at = gather_next(&job->gather, NULL);
    } else if (job->at == NULL) {
        pull_others(sync, job);
    }
    return seen / SYNC_KEYS_FOR_ONE + 1;
}

static void begin_adding(struct sync_job *job)
{
    job->stage = JOB_ADDING;
    job->round = 0;
    memset(job->added, 0, sizeof job->added);
    job->at = gather_next(&job->gather, NULL);
}

void job_drained(struct sync *sync, struct sync_job *job)
{
    sync->next_us = sync->engine->now.mono_us;
    if (job->stage == JOB_FIRST && job->gather.source_count > 1) {
        begin_adding(job);
        return;
    }
    job->stage = JOB_LOOKS;
    job->at = NULL;
    job->round = 0;
}

/* ---- what this node has already ---- */

/* Entries of a piece of the partition that have to go: keys one after another, each behind its
 * size, its hash and the dot of the mark that it leaves. */
struct doomed {
    const struct store *store;
    const struct sync_job *job;
    struct dot flushed; /* of the partition, which has taken over the others' */
    struct buffer *keys;
    uint32_t seen;
};

struct doomed_head {
    size_t size;
    uint64_t hash;
    struct dot mark;
};

/* Whether what is here goes, by what others have of it (`key` NULL: nothing); and the mark that it
 * leaves, if any. */
static bool is_doomed(const struct gather *gather, struct dot flushed, const struct gather_key *key,
                      struct dot own, struct dot *mark)
{

    *mark = DOT_NONE;
    if (dot_compare(flushed, own) >= 0)
        return true;
    if (key == NULL)
        return !gather->comparing && gather_outlived(gather, NULL, own);
    const struct gather_decision decision = gather_decide(gather, key);
    if (decision.outcome == GATHER_MARK && dot_compare(decision.dot, own) > 0) {
        *mark = decision.dot;
        return true;
    }
    if (gather->comparing)
        return false;
    if (decision.outcome == GATHER_DROPPED && dot_compare(decision.dot, own) >= 0)
        return true;
    return gather_outlived(gather, key, own);
}

static void look_at_own(void *context, struct span key, const struct version *version)
{
    struct doomed *doomed = context;
    const struct gather *gather = &doomed->job->gather;
    struct doomed_head head = {.size = key.size, .hash = store_hash(doomed->store, key)};

    doomed->seen++;
    if (!is_doomed(gather, doomed->flushed, gather_find(gather, head.hash, key), version->dot,
                   &head.mark))
        return;
    buffer_append(doomed->keys, &head, sizeof head);
    buffer_append_span(doomed->keys, key);
}

static void drop_doomed(struct partition *partition, struct buffer *keys)
{
    struct doomed_head head;

    while (buffer_size(keys) > 0) {
        memcpy(&head, buffer_content(keys).data, sizeof head);
        buffer_consume(keys, sizeof head);
        const struct span key = span_of(buffer_content(keys).data, head.size);
        partition_remove(partition, head.hash, key);
        if (dot_exists(head.mark))
            partition_leave_mark(partition, head.hash, head.mark);
        buffer_consume(keys, head.size);
    }
}

/* ---- what was decided ---- */

/* False: it is above the ceiling, which is to be raised first. */
static bool keep_version(struct sync *sync, struct sync_job *job, struct partition *partition,
                         const struct gather_key *key)
{
    struct engine *engine = sync->engine;
    const struct place place = {.partition = job->partition, .hash = key->hash, .key = key->key};
    struct version version = key->version, own;
    struct buffer *merged = &engine->replica.merged;

    if (version.dot.stamp >
        atomic_load_explicit(&engine->own.bounds->ceiling, memory_order_acquire))
        return false;
    hlc_observe(&engine->replica.hlc, version.dot.stamp);
    if (!replica_unflushed(&engine->replica, partition, &version)) {
        partition_leave_out(partition, place.hash, place.key, version.dot);
        return true;
    }
    struct entry *entry = replica_current(partition, &place, &own);
    const bool empty = !version_exists(&own) || dot_equal(own.dot, partition->flushed);
    if (empty)
        own.dot = dot_max(own.dot, partition_mark(partition, place.hash, place.key));
    if (version_is_set(&own) && version_is_set(&version)) {
        if (siblings_merge(own.value, version.value, merged) == SIBLINGS_OK)
            version = siblings_version(buffer_content(merged));
    } else if ((empty || !versions_count(&own, &version)) &&
               (dot_compare(version.dot, own.dot) <= 0 ||
                (empty && version.dot.stamp <= partition->floor))) {
        return true;
    } else if (versions_count(&own, &version)) {
        const struct version gathered = version;
        if (empty)
            own = (struct version){.deadline_ms = DEADLINE_NEVER};
        if (counter_merge(&own, &gathered, engine->replica.self, merged, &version) != COUNTER_OK)
            return true;
    }
    if (partition_put_over(partition, place.hash, place.key, entry, &version, &version.value, 1) !=
        STORE_OK)
        partition_leave_out(partition, place.hash, place.key, version.dot);
    else if (version.kind != VALUE_TOMBSTONE)
        job->keys++;
    buffer_reset(merged, BUFFER_KEEP);
    if (version.dot.stamp > partition->last_stamp)
        partition->last_stamp = version.dot.stamp;
    return true;
}

/* It vanished where it was newest: so it does here. */
static void keep_mark(struct partition *partition, const struct gather_key *key, struct dot mark)
{
    struct version own;

    if (key->key.data != NULL && partition_get(partition, key->hash, key->key, &own)) {
        if (dot_compare(own.dot, mark) >= 0)
            return;
        partition_remove(partition, key->hash, key->key);
    }
    partition_leave_mark(partition, key->hash, mark);
}

static bool keep_decided(struct sync *sync, struct sync_job *job, struct partition *partition,
                         const struct gather_key *key)
{
    const struct gather_decision decision = gather_decide(&job->gather, key);

    switch (decision.outcome) {
    case GATHER_NOTHING:
        break;
    case GATHER_VERSION:
        return keep_version(sync, job, partition, key);
    case GATHER_DROPPED:
        job->floor = dot_max(job->floor, decision.dot);
        break;
    case GATHER_MARK: /* a flush's dot needs none */
        if (!dot_equal(decision.dot, gather_flushed(&job->gather)))
            keep_mark(partition, key, decision.dot);
        break;
    }
    return true;
}

/* The bounds of the sources hold here, too, before it is looked through what is here: nothing that
 * they bar comes in behind the look. */
static void take_bounds(struct sync_job *job, struct partition *partition)
{
    if (RULE(16)) {
        partition_flush(partition, gather_flushed(&job->gather));
        partition_raise_floor(partition, gather_floor(&job->gather));
        partition_settle(partition, gather_settled(&job->gather), SYNC_KEYS_PER_LOCK);
    }
    if (partition->flushed.stamp > partition->last_stamp)
        partition->last_stamp = partition->flushed.stamp;
    partition_raise_floor(partition, job->floor.stamp);
}

/* Where too few voted, one that was no source may have had something newer, that settled and
 * vanished there. Comparing all replicas brings that to light. */
static void compare_anew(struct sync *sync, uint32_t partition)
{
    struct sync_partition *own = sync_partition(sync, partition);

    own->compare_us = sync->engine->now.mono_us;
    if (!own->compared)
        return;
    own->compared = false;
    ledger_doubt(&sync->engine->own.bounds->ledger);
}

/* Votes again, unless it was told in between that it forgot more. */
static void finish(struct sync *sync, struct sync_job *job)
{
    struct engine *engine = sync->engine;
    struct partition *partition = job_partition(sync, job);
    struct replica_recovery *progress = &engine->own.bounds->recovery;

    partition_lock(partition);
    const bool same = partition->recovering && partition->recovery == job->recovery &&
                      partition->claim_version == job->claim_version;
    if (same) {
        partition->recovering = false;
        partition->forgotten = 0;
    }
    partition_unlock(partition);
    if (!same) {
        job_fail(sync, job);
        return;
    }
    metrics_add(engine->metrics, METRIC_RECOVERED_PARTITIONS, 1);
    metrics_add(engine->metrics, METRIC_RECOVERED_KEYS, job->keys);
    metrics_add(engine->metrics, METRIC_RECOVERY_BYTES, job->bytes);
    metrics_add(engine->metrics, METRIC_FORCED_RECOVERIES, job->forced);
    atomic_fetch_add_explicit(&progress->keys, job->keys, memory_order_relaxed);
    atomic_fetch_add_explicit(&progress->bytes, job->bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&progress->forced, job->forced, memory_order_relaxed);
    sync_partition(sync, job->partition)->lacking_us = 0;
    if (job->forced)
        compare_anew(sync, job->partition);
    job_end(sync, job);
}

/* Room is made without the lock; one piece takes no more than that. */
uint32_t recover_keep(struct sync *sync, struct sync_job *job)
{
    struct engine *engine = sync->engine;
    struct partition *partition = job_partition(sync, job);
    uint64_t evicted = 0;
    size_t bytes = 0;
    uint32_t count = 0;
    const struct gather_key *end = job->at;

    for (; end != NULL && count < SYNC_KEYS_PER_LOCK && bytes < STREAM_PART_BYTES; count++) {
        bytes += store_room_for(end->key.size, end->version.value.size);
        end = gather_next(&job->gather, end);
    }
    store_make_room(engine->own.store, bytes, &evicted);
    metrics_add(engine->metrics, METRIC_EVICTED_KEYS, evicted);
    partition_lock(partition);
    bool kept = true;
    for (; kept && job->at != end; job->at = gather_next(&job->gather, job->at))
        kept = keep_decided(sync, job, partition, job->at);
    if (kept && end == NULL)
        take_bounds(job, partition);
    partition_unlock(partition);
    if (!kept)
        job_fail(sync, job);
    else if (end == NULL)
        job_sweep(job);
    return count + 1;
}

/* ---- what this node has already, in pieces ---- */

uint32_t job_sweep_own(struct sync *sync, struct sync_job *job)
{
    struct partition *partition = job_partition(sync, job);
    struct doomed doomed = {.store = sync->engine->own.store, .job = job, .keys = &sync->own};

    buffer_reset(&sync->own, BUFFER_KEEP);
    partition_lock(partition);
    doomed.flushed = partition->flushed;
    job->cursor = partition_scan(partition, job->cursor, SYNC_KEYS_PER_LOCK, look_at_own, &doomed);
    if (!sync->own.failed)
        drop_doomed(partition, &sync->own);
    partition_unlock(partition);
    if (sync->own.failed) {
        job_fail(sync, job);
        return doomed.seen;
    }
    if (job->cursor == 0 && job->purpose == JOB_RECOVER)
        finish(sync, job);
    else if (job->cursor == 0)
        compare_done(sync, job);
    return doomed.seen + 1;
}

/* ---- the whole ---- */

struct sync *sync_create(struct engine *engine)
{
    struct sync *sync = memory_alloc_apart(sizeof *sync);
    const uint32_t count = store_partitions(engine->own.store);

    sync->engine = engine;
    sync->partitions = memory_alloc_array(count / engine->own.workers + 1,
                                          sizeof sync->partitions[0]);
    sync->recover_at = sync->compare_at = engine->own.index < count ? engine->own.index : 0;
    const bool compared = atomic_load_explicit(&engine->own.bounds->ledger.uncompared,
                                               memory_order_acquire) == 0;
    for (uint32_t i = 0; i <= count / engine->own.workers; i++) {
        sync->partitions[i].compared = compared;
        sync->partitions[i].compare_us = engine->now.mono_us;
    }
    sync->begin_us = engine->now.mono_us;
    if (RULE(15))
        sync->begin_us += engine->options->request_timeout_ms * 1000;
    sync->bucket.filled_us = engine->now.mono_us;
    sync->next_us = engine->now.mono_us;
    return sync;
}

void sync_destroy(struct sync **sync)
{
    struct sync *s = *sync;

    *sync = NULL;
    for (unsigned j = 0; j < SYNC_JOBS; j++)
        job_end(s, &s->jobs[j]);
    (void)jobs_free_some(s, SIZE_MAX);
    buffer_deinit(&s->own);
    memory_free(s->partitions);
    memory_free(s);
}
