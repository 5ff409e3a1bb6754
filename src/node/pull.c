/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Asking other replicas for a partition's contents, and their answers (recover.h).
 */
#include "base/assert.h"
#include "node/recover.h"
#include "value/merge.h"

/* What a question takes in a frame, bytes, about. */
#define QUESTION_SIZE 64
/* What is asked for at once, bytes: both who gives it and who takes it do other work in between. */
#define PULL_BYTES 8192

struct partition *job_partition(const struct sync *sync, const struct sync_job *job)
{
    return store_partition(sync->engine->own.store, job->partition);
}

struct sync_partition *sync_partition(struct sync *sync, uint32_t partition)
{
    return &sync->partitions[partition / sync->engine->own.workers];
}

static uint64_t next_number(struct sync *sync)
{
    return ++sync->number;
}

/* An id names the job as well, so that its answer finds it. */
static uint64_t id_of(const struct sync *sync, const struct sync_job *job, uint64_t number)
{
    return ID_SYNC | number * SYNC_JOBS | (uint64_t)(job - sync->jobs);
}

static struct sync_job *job_of(struct sync *sync, uint64_t id)
{
    struct sync_job *job = &sync->jobs[id % SYNC_JOBS];

    return job->purpose != JOB_NONE ? job : NULL;
}

static struct sync_source *source_of(struct sync_job *job, node_number node, uint64_t id)
{
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].node == node && job->sources[i].id == id)
            return &job->sources[i];
    return NULL;
}

/* ---- a job's life ---- */

static void ask_for_sums(struct sync *sync, struct sync_job *job, struct sync_source *source)
{
    struct engine *engine = sync->engine;
    struct buffer *out = peer_message(engine, source->node, QUESTION_SIZE);

    source->stage = SOURCE_LOST;
    if (out == NULL)
        return;
    source->stage = SOURCE_ASKED;
    source->sums_at = next_number(sync);
    source->id = id_of(sync, job, source->sums_at);
    wire_put_compare(out, &(struct wire_compare){.id = source->id,
                                                 .claim_version = job->claim_version,
                                                 .partition = (uint16_t)job->partition});
}

static void go_on_when_summed(struct sync *sync, struct sync_job *job)
{
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].stage == SOURCE_ASKED)
            return;
    if (job->purpose == JOB_RECOVER)
        recover_summed(sync, job);
    else
        compare_summed(sync, job);
}

bool job_begin(struct sync *sync, struct sync_job *job, enum job_purpose purpose,
               uint32_t partition_index)
{
    struct engine *engine = sync->engine;
    struct partition *partition = store_partition(engine->own.store, partition_index);
    const struct ring_claim *claim = ring_claim(engine->view->ring, partition_index);
    const int place = ring_claim_index(claim, engine->view->self);

    memset(job, 0, sizeof *job);
    partition_lock(partition);
    const bool may = place >= 0 && partition->eligible &&
                     partition->claim_version == claim->version &&
                     partition->recovering == (purpose == JOB_RECOVER);
    job->recovery = partition->recovery;
    job->doubts = partition->doubts;
    partition_unlock(partition);
    if (!may)
        return false;
    job->purpose = purpose;
    job->stage = JOB_SUMS;
    job->partition = partition_index;
    job->claim_version = claim->version;
    job->own_place = (uint8_t)place;
    job->heard_us = engine->now.mono_us;
    gather_init(&job->gather);
    job->gather.began = sync->engine->replica.hlc.last;
    for (unsigned i = 0; i < claim->count; i++) {
        if (claim->nodes[i] == engine->view->self)
            continue;
        struct sync_source *source = &job->sources[job->source_count++];
        source->node = claim->nodes[i];
        source->place = (uint8_t)i;
        source->index = -1;
        ask_for_sums(sync, job, source);
    }
    go_on_when_summed(sync, job);
    return true;
}

/* What it gathered is freed in steps where it is much, and counts until then. */
static void bury(struct sync *sync, struct sync_job *job)
{
    struct sync_dead *dead = sync->dead;

    while (dead < sync->dead + SYNC_JOBS && dead->gather.key_count > 0)
        dead++;
    if (dead == sync->dead + SYNC_JOBS || job->gather.key_count <= SYNC_FREED_PER_TURN) {
        store_charge(sync->engine->own.store, -job->charged);
        gather_deinit(&job->gather);
        return;
    }
    *dead = (struct sync_dead){.gather = job->gather, .charged = job->charged};
}

bool jobs_free_some(struct sync *sync, size_t most)
{
    for (struct sync_dead *dead = sync->dead; dead < sync->dead + SYNC_JOBS; dead++) {
        if (dead->gather.key_count == 0)
            continue;
        if (gather_free_some(&dead->gather, most))
            return true;
        store_charge(sync->engine->own.store, -dead->charged);
    }
    return false;
}

void job_end(struct sync *sync, struct sync_job *job)
{
    bury(sync, job);
    buffer_deinit(&job->marks);
    for (unsigned i = 0; i < job->source_count; i++)
        buffer_deinit(&job->sources[i].marks);
    memset(job, 0, sizeof *job);
    sync->next_us = sync->look_us = sync->engine->now.mono_us;
}

void job_fail(struct sync *sync, struct sync_job *job)
{
    sync->retry_us = sync->engine->now.mono_us + SYNC_RETRY_US;
    sync_partition(sync, job->partition)->retry_us = sync->retry_us;
    job_end(sync, job);
}

void job_charge(struct sync *sync, struct sync_job *job)
{
    int64_t memory = (int64_t)(gather_memory(&job->gather) + job->marks.capacity);
    uint64_t evicted = 0;

    for (unsigned i = 0; i < job->source_count; i++)
        memory += (int64_t)job->sources[i].marks.capacity;
    store_charge(sync->engine->own.store, memory - job->charged);
    job->charged = memory;
    store_make_room(sync->engine->own.store, 0, &evicted);
    metrics_add(sync->engine->metrics, METRIC_EVICTED_KEYS, evicted);
}

/* ---- sums ---- */

static bool read_sums(struct sync_source *source, struct span leaves)
{
    if (leaves.size != sizeof source->sums)
        return false;
    for (unsigned i = 0; i < PARTITION_LEAVES; i++)
        source->sums[i] = bytes_get_u64(leaves.data + 8 * (size_t)i);
    return true;
}

void sync_compared(struct sync *sync, node_number node, const struct wire_compared *compared)
{
    struct sync_job *job = job_of(sync, compared->id);
    struct sync_source *source = job != NULL ? source_of(job, node, compared->id) : NULL;

    if (source == NULL || source->stage != SOURCE_ASKED)
        return;
    source->id = 0;
    job->heard_us = sync->engine->now.mono_us;
    source->votes = compared->status == ANSWER_VERSION;
    source->floor = compared->floor;
    source->settled = compared->settled;
    source->evicted = compared->evicted;
    source->stage = (source->votes || compared->status == ANSWER_NOT_VOTING) &&
                            read_sums(source, compared->leaves)
                        ? SOURCE_SUMMED
                        : SOURCE_LOST;
    go_on_when_summed(sync, job);
}

void job_sums_late(struct sync *sync, struct sync_job *job)
{
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].stage == SOURCE_ASKED)
            job->sources[i].stage = SOURCE_LOST;
    go_on_when_summed(sync, job);
}

/* ---- contents ---- */

void job_source(struct sync_job *job, struct sync_source *source)
{
    source->index = (int)gather_source(&job->gather, source->place, source->votes);
    gather_begin(&job->gather, (unsigned)source->index, source->floor, source->settled);
}

void job_pull(struct sync *sync, struct sync_job *job, struct sync_source *source, uint16_t leaves)
{
    source->stage = SOURCE_PULLING;
    source->leaves = leaves;
    source->cursor = 0;
    source->id = 0;
    job_ask(sync, job);
}

struct buffer *job_question(struct sync *sync, struct sync_job *job, struct sync_source *source,
                            size_t size)
{
    struct buffer *out = peer_message(sync->engine, source->node, size);

    if (out == NULL)
        return NULL;
    job->heard_us = sync->engine->now.mono_us;
    source->part_at = next_number(sync);
    source->id = id_of(sync, job, source->part_at);
    return out;
}

struct sync_source *job_answered(struct sync *sync, node_number node, uint64_t id,
                                 struct sync_job **job)
{
    *job = job_of(sync, id);
    return *job != NULL ? source_of(*job, node, id) : NULL;
}

void job_ask(struct sync *sync, struct sync_job *job)
{
    struct engine *engine = sync->engine;

    for (unsigned i = 0; i < job->source_count; i++) {
        struct sync_source *source = &job->sources[i];
        if (source->stage != SOURCE_PULLING || source->id != 0)
            continue;
        if (sync->bucket.tokens <= 0 || engine->now.mono_us < sync->rest_us)
            return; /* sync_wake asks again */
        struct buffer *out = job_question(sync, job, source, QUESTION_SIZE);
        if (out == NULL) {
            job_fail(sync, job);
            return;
        }
        wire_put_pull(out, &(struct wire_pull){.id = source->id,
                                               .claim_version = job->claim_version,
                                               .partition = (uint16_t)job->partition,
                                               .leaves = source->leaves,
                                               .cursor = source->cursor,
                                               .bytes = PULL_BYTES});
    }
}

/* Keys that this node keeps no copy of are left out: their rule has fewer copies than others. */
bool job_take(struct sync *sync, struct sync_job *job, unsigned source, uint64_t number,
              struct span entries)
{
    const struct ring *ring = sync->engine->view->ring;
    struct stream_entry entry;
    enum stream_result result;
    uint32_t count = 0;

    while ((result = stream_next(&entries, &entry)) == STREAM_OK) {
        count++;
        unsigned copies = GATHER_SOURCES_MAX;
        uint64_t hash = entry.hash;
        if (!entry.is_mark) {
            copies = ring_key_rule(ring, entry.key)->replicas;
            hash = store_hash(sync->engine->own.store, entry.key);
        }
        if (job->own_place < copies)
            gather_add(&job->gather, source, hash, &entry, copies, number);
    }
    job_charge(sync, job);
    sync_worked(sync, count);
    return result == STREAM_END && !job->gather.failed;
}

static void go_on_when_drained(struct sync *sync, struct sync_job *job)
{
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].stage == SOURCE_PULLING)
            return;
    job_drained(sync, job);
}

void sync_chunk(struct sync *sync, node_number node, const struct wire_chunk *chunk)
{
    struct sync_job *job = job_of(sync, chunk->id);
    struct sync_source *source = job != NULL ? source_of(job, node, chunk->id) : NULL;

    if (source == NULL || source->stage != SOURCE_PULLING)
        return;
    source->id = 0;
    job->heard_us = sync->engine->now.mono_us;
    job->bytes += chunk->entries.size;
    sync->bucket.tokens -= (int64_t)chunk->entries.size;
    const bool votes = chunk->status == ANSWER_VERSION;
    /* Who stopped voting may have lost what it had (rule 12). */
    if ((!votes && (source->votes || chunk->status != ANSWER_NOT_VOTING)) ||
        !job_take(sync, job, (unsigned)source->index, source->part_at, chunk->entries)) {
        job_fail(sync, job);
        return;
    }
    gather_bounds(&job->gather, (unsigned)source->index, chunk->floor, chunk->settled,
                  chunk->flushed, next_number(sync));
    source->cursor = chunk->cursor;
    if (source->cursor == 0)
        source->stage = SOURCE_DRAINED;
    if (source->cursor == 0)
        go_on_when_drained(sync, job);
    else
        job_ask(sync, job);
}

/* ---- single keys ---- */

/* Whether the source is asked for the key in this round: first those that do not have it, and then
 * those that do. */
static bool is_asked(const struct sync_job *job, const struct gather_key *key, unsigned index)
{
    const bool absent = !dot_exists(key->looks[index].dot);

    return job->gather.sources[index].place < key->copies && absent == (job->round == 0);
}

static bool ask_for_key(struct sync *sync, struct sync_job *job, unsigned source,
                        struct gather_key *key)
{
    struct buffer *out = peer_message(sync->engine, job->sources[source].node,
                                      QUESTION_SIZE + key->key.size);
    const uint64_t number = next_number(sync);
    const uint64_t digest = version_digest(&key->version);

    if (out == NULL)
        return false;
    job->looks[job->looks_left] = (struct sync_look){.id = id_of(sync, job, number),
                                                     .key = key,
                                                     .source = source,
                                                     .asked = number,
                                                     .have = key->version.dot,
                                                     .have_digest = digest};
    wire_put_read(out, &(struct wire_read){.id = job->looks[job->looks_left].id,
                                           .claim_version = job->claim_version,
                                           .partition = (uint16_t)job->partition,
                                           .have = key->version.dot,
                                           .have_digest = digest,
                                           .key = key->key});
    job->looks_left++;
    return true;
}

/* The first round asks where a decision stands on an absence; the second, where one was found. */
static bool is_looked_at(const struct sync_job *job, const struct gather_key *key)
{
    return job->round == 0 ? gather_contested(&job->gather, key)
                           : key->looked != 0 && version_exists(&key->version);
}

/* False: one cannot be asked. *all: no keys are left in this round. */
static bool ask_for_keys(struct sync *sync, struct sync_job *job, uint32_t *took, bool *all)
{
    const uint32_t most = SYNC_KEYS_PER_TURN * SYNC_KEYS_FOR_ONE;
    struct gather_key *key = gather_next(&job->gather, job->at);
    uint32_t seen = 0;

    *all = false;
    for (; key != NULL; key = gather_next(&job->gather, key)) {
        if (job->looks_left + job->source_count > SYNC_LOOKS || seen++ == most)
            break;
        job->at = key;
        if (!is_looked_at(job, key))
            continue;
        for (unsigned i = 0; i < job->source_count; i++)
            if (job->sources[i].index >= 0 && is_asked(job, key, (unsigned)job->sources[i].index) &&
                !ask_for_key(sync, job, i, key))
                return false;
    }
    *took += seen / SYNC_KEYS_FOR_ONE;
    *all = key == NULL;
    return true;
}

bool job_look(struct sync *sync, struct sync_job *job, uint32_t *took)
{
    bool all;

    while (job->looks_left == 0) {
        if (!ask_for_keys(sync, job, took, &all)) {
            job_fail(sync, job);
            return false;
        }
        job->heard_us = sync->engine->now.mono_us;
        if (job->looks_left > 0 || !all)
            return false;
        if (job->round == 1)
            return true;
        job->round = 1;
        job->at = NULL;
    }
    return false;
}

void sync_looked(struct sync *sync, node_number node, uint64_t id, const struct looked *looked)
{
    struct sync_job *job = job_of(sync, id);
    unsigned i = 0;

    if (job == NULL || job->stage != JOB_LOOKS)
        return;
    while (i < job->looks_left && job->looks[i].id != id)
        i++;
    if (i == job->looks_left || job->sources[job->looks[i].source].node != node)
        return;
    const struct sync_look look = job->looks[i];
    job->looks[i] = job->looks[--job->looks_left];
    job->heard_us = sync->engine->now.mono_us;
    if (looked->status != ANSWER_SAME && looked->status != ANSWER_NONE &&
        looked->status != ANSWER_VERSION) {
        job_fail(sync, job);
        return;
    }
    const unsigned index = (unsigned)job->sources[look.source].index;
    struct version version = looked->version;
    uint64_t content = look.have_digest;
    if (looked->status == ANSWER_SAME) {
        version = look.key->version; /* what it was asked about is in that */
        version.dot = look.have;
    }
    if (looked->status == ANSWER_NONE)
        version.dot = DOT_NONE;
    if (looked->status == ANSWER_VERSION)
        content = version_digest(&version);
    gather_raise(&job->gather, index, looked->floor, looked->settled);
    gather_look_again(&job->gather, look.key, index, &version, content, looked->mark, look.asked,
                      next_number(sync));
    job_charge(sync, job);
    if (job->gather.failed)
        job_fail(sync, job);
    else if (job->looks_left == 0)
        sync->next_us = sync->engine->now.mono_us;
}

/* ---- links ---- */

void sync_lost(struct sync *sync, node_number node)
{
    for (unsigned j = 0; j < SYNC_JOBS; j++) {
        struct sync_job *job = &sync->jobs[j];
        for (unsigned i = 0; job->purpose != JOB_NONE && i < job->source_count; i++) {
            struct sync_source *source = &job->sources[i];
            if (source->node != node)
                continue;
            if (source->stage == SOURCE_ASKED) {
                source->stage = SOURCE_LOST;
                go_on_when_summed(sync, job);
            } else if (source->stage == SOURCE_PULLING ||
                       (job->stage == JOB_LOOKS && source->index >= 0) ||
                       (job->stage == JOB_MARKS && source->id != 0)) {
                job_fail(sync, job);
            }
            break;
        }
    }
}
