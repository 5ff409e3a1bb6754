/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LCS: both values are read as GETs, which may run anywhere, and then compared here, a step a turn
 * (command/lcs.h). It may take many times the memory of the values, so a worker works at one LCS at
 * a time; the others wait, and hold no more than what was read. There is no deadline once all was
 * read: the work is bounded, and who has left is not waited for.
 */
#include "node/parts.h"

#include "base/memory.h"
#include "command/lcs.h"

struct lcs_job {
    struct task task;
    struct list waiting;   /* engine->lcs_jobs, of which the first is worked at */
    struct lcs_call *work; /* NULL until it is its turn */
};

/* The value in a GET's reply: an absent one is empty, as Redis has it, and a large one may be
 * referred to behind its head. */
static struct span value_of(const struct request *part)
{
    const struct span none = span_of(NULL, 0), content = buffer_content(&part->reply);
    const uint8_t *end = content.size > 0 ? memchr(content.data, '\n', content.size) : NULL;
    int64_t size;

    if (!list_empty(&part->behind))
        return list_entry(part->behind.next, struct outbox_piece, link)->referred;
    if (end == NULL || content.data[0] != '$' || end - content.data < 3 ||
        !span_to_int64(span_of(content.data + 1, (size_t)(end - content.data) - 2), &size))
        return none;
    const size_t left = content.size - (size_t)(end + 1 - content.data);
    return size > 0 && (uint64_t)size <= left ? span_of(end + 1, (size_t)size) : none;
}

static struct lcs_job *job_of(struct task *task)
{
    return list_entry(task, struct lcs_job, task);
}

/* One step. True: the reply is complete. */
static bool step(struct lcs_job *job)
{
    struct request *whole = job->task.request;

    if (whole->owner == OWNER_NOBODY)
        return true;
    if (job->work != NULL)
        return lcs_call_proceed(job->work, &whole->call);
    const struct request *first = list_entry(whole->parts.next, struct request, link);
    const struct request *second = list_entry(whole->parts.previous, struct request, link);
    job->work = lcs_call_create(&whole->call, value_of(first), value_of(second));
    if (job->work == NULL)
        return true;
    store_charge(whole->engine->own.store, (int64_t)lcs_call_memory(job->work));
    return false;
}

static void run(struct task *task)
{
    struct request *whole = task->request;

    task_spend(task, TASKS_WORK_PER_TURN); /* LCS_WORK_PER_TURN */
    if (!step(job_of(task))) {
        task_hurry(task);
        return;
    }
    task_end(whole);
    while (!list_empty(&whole->parts))
        request_part_taken(list_entry(whole->parts.next, struct request, link));
    request_finish(whole);
}

static void release(struct task *task)
{
    struct lcs_job *job = job_of(task);
    const struct list *jobs = &task->engine->lcs_jobs;

    if (job->work != NULL)
        store_charge(task->engine->own.store, -(int64_t)lcs_call_memory(job->work));
    lcs_call_destroy(&job->work);
    list_remove(&job->waiting);
    memory_free(job);
    if (!list_empty(jobs))
        task_hurry(&list_entry(jobs->next, struct lcs_job, waiting)->task);
}

static const struct task_kind kind = {.work = WORK_CLIENTS, .run = run, .release = release};

void lcs_begin(struct request *whole)
{
    struct lcs_job *job = memory_alloc(sizeof *job);
    struct list *jobs = &whole->engine->lcs_jobs;

    task_init_of(&job->task, &kind, whole);
    list_append(jobs, &job->waiting);
    if (jobs->next == &job->waiting)
        task_hurry(&job->task);
}
