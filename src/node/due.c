/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which partitions are due to be recovered or compared, and whose turn it is: a worker's jobs go on
 * in pieces, a bounded number of entries in each turn, with pauses between them (recover.h).
 */
#include "node/recover.h"

/* Partitions to be worked on are looked for so long behind the next tick when nothing says that
 * there are some, and else with it. */
#define LOOK_US 150000
/* What may be asked for after a pause, as a part of a second's worth. */
#define BURST_SHARE 20
/* After so much work there is a pause, entries: a client's request waits for one such piece. */
#define WORK_UNTIL_PAUSE 128
#define PAUSE_US         300

/* ---- which partitions ---- */

static bool recovery_is_due(struct sync *sync, uint32_t index)
{
    struct partition *partition = store_partition(sync->engine->own.store, index);

    if (sync_partition(sync, index)->retry_us > sync->engine->now.mono_us)
        return false;
    partition_lock(partition);
    const bool recovering = partition->eligible && partition->recovering;
    partition_unlock(partition);
    return recovering;
}

static bool is_busy(const struct sync *sync, uint32_t index)
{
    for (unsigned j = 0; j < SYNC_JOBS; j++)
        if (sync->jobs[j].purpose != JOB_NONE && sync->jobs[j].partition == index)
            return true;
    return false;
}

static struct sync_job *free_job(struct sync *sync)
{
    for (unsigned j = 0; j < SYNC_JOBS; j++)
        if (sync->jobs[j].purpose == JOB_NONE)
            return &sync->jobs[j];
    return NULL;
}

static bool works(const struct sync *sync)
{
    for (unsigned j = 0; j < SYNC_JOBS; j++)
        if (sync->jobs[j].purpose != JOB_NONE)
            return true;
    return false;
}

/* Goes once through this worker's partitions, from where the last call ended, and begins with those
 * that are due, as far as there are jobs free; false when it has not come round. */
static bool begin_due(struct sync *sync, enum job_purpose purpose, uint32_t *at,
                      bool (*is_due)(struct sync *sync, uint32_t index))
{
    const struct engine *engine = sync->engine;
    const uint32_t count = store_partitions(engine->own.store);
    unsigned begun = 0;

    for (uint32_t seen = 0; seen < count; seen += engine->own.workers) {
        struct sync_job *job = free_job(sync);
        const uint32_t index = *at;
        if (job == NULL || begun == SYNC_BEGINS_PER_TURN)
            return false;
        *at += engine->own.workers;
        if (*at >= count)
            *at = engine->own.index;
        if (is_due(sync, index) && !is_busy(sync, index))
            begun += job_begin(sync, job, purpose, index);
    }
    return true;
}

/* ---- turns ---- */

static bool waits_for_answers(const struct sync_job *job)
{
    for (unsigned i = 0; i < job->source_count; i++)
        if (job->sources[i].id != 0)
            return true;
    return job->looks_left > 0;
}

/* One that waits for answers in vain. */
static void check_time(struct sync *sync, struct sync_job *job)
{
    struct engine *engine = sync->engine;

    if (!waits_for_answers(job))
        job->heard_us = engine->now.mono_us; /* it waits until it may ask */

    if (engine->now.mono_us - job->heard_us < engine->options->request_timeout_ms * 1000)
        return;
    if (job->stage != JOB_SUMS) {
        job_fail(sync, job);
        return;
    }
    job_sums_late(sync, job);
}

/* Goes on with one job; returns how many entries it took. */
static uint32_t run(struct sync *sync, struct sync_job *job)
{
    uint32_t took = 0;

    switch (job->stage) {
    case JOB_SUMS:
        check_time(sync, job);
        return 0;
    case JOB_ADDING:
        return recover_add(sync, job);
    case JOB_FIRST:
    case JOB_OTHERS:
        if (job->stage == JOB_FIRST && job->purpose == JOB_COMPARE)
            return compare_read_own(sync, job);
        job_ask(sync, job);
        if (job->purpose != JOB_NONE)
            check_time(sync, job);
        return 0;
    case JOB_LOOKS:
        if (job_look(sync, job, &took)) {
            job->stage = JOB_KEEP;
            job->at = gather_next(&job->gather, NULL);
            return SYNC_LOOKS;
        }
        if (job->purpose != JOB_NONE)
            check_time(sync, job);
        return took;
    case JOB_OWN:
        return job_sweep_own(sync, job);
    case JOB_KEEP:
        return job->purpose == JOB_RECOVER ? recover_keep(sync, job) : compare_apply(sync, job);
    case JOB_MARKS:
        took = compare_hand_over(sync, job);
        if (took == 0 && job->purpose != JOB_NONE)
            check_time(sync, job);
        return took;
    }
    return 0;
}

void sync_wake(struct sync *sync)
{
    struct engine *engine = sync->engine;
    const int64_t now_us = engine->now.mono_us;
    uint32_t took = 0;

    sync->next_us = engine->next_tick_us + LOOK_US;
    if (now_us < sync->begin_us) {
        sync->next_us = sync->begin_us;
        return;
    }
    if (engine->view->ring == NULL || engine->view->self == 0)
        return;
    if (now_us < sync->rest_us) {
        sync->next_us = sync->rest_us;
        return;
    }
    engine_note(engine, WORK_RECOVERY);
    bucket_fill(&sync->bucket, engine->options->recovery_rate / engine->own.workers, BURST_SHARE,
                now_us);
    if (jobs_free_some(sync, SYNC_FREED_PER_TURN))
        took = SYNC_KEYS_PER_TURN / 2;
    for (unsigned j = 0; j < SYNC_JOBS; j++) {
        struct sync_job *job = &sync->jobs[j];
        while (job->purpose != JOB_NONE && took < SYNC_KEYS_PER_TURN) {
            const uint32_t more = run(sync, job);
            took += more;
            if (more == 0)
                break;
        }
    }
    if (free_job(sync) != NULL && sync->look_us <= now_us) {
        if (begin_due(sync, JOB_RECOVER, &sync->recover_at, recovery_is_due))
            sync->look_us = now_us < sync->retry_us ? engine->next_tick_us : sync->next_us;
        begin_due(sync, JOB_COMPARE, &sync->compare_at, compare_is_due);
    }
    const bool waits = works(sync);
    if (took > 0)
        sync->next_us = now_us;
    else if (waits && sync->bucket.tokens <= 0)
        sync->next_us = now_us + PAUSE_US;
    else if (waits || now_us < sync->retry_us)
        sync->next_us = engine->next_tick_us;
    sync_worked(sync, took);
}

void sync_worked(struct sync *sync, uint32_t entries)
{
    sync->worked += entries;
    if (sync->worked < WORK_UNTIL_PAUSE)
        return;
    sync->worked = 0;
    sync->rest_us = sync->next_us = sync->engine->now.mono_us + PAUSE_US;
}

void sync_hurry(struct sync *sync)
{
    sync->next_us = sync->look_us = sync->engine->now.mono_us;
}
