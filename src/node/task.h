/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work of a worker that is too long for one turn: it is done in steps, a few of them a turn, and
 * all else has its turns in between. Tasks with a step to do stand in one list. A step is of the
 * first one, which then goes behind the others if it has more to do; so each gets its share,
 * whatever the others are. The steps of one turn take TASKS_WORK_PER_TURN together.
 *
 *     task_hurry:  it has a step to do --> its turn comes: `run` --> task_hurry, or not
 *
 * Another kind of work takes a structure with a struct task in it, and a struct task_kind.
 *
 * Work is counted in units of some 0.2 us: an entry that a listing looks at is one. All belongs to
 * the engine's thread.
 */
#ifndef DUNLIN_NODE_TASK_H
#define DUNLIN_NODE_TASK_H

#include "base/list.h"
#include "base/work.h"

struct engine;
struct request;
struct task;

/* What a turn does of all tasks, in units: some 0.2 ms. A step may be as long by itself, so that
 * twice as much is possible. */
#define TASKS_WORK_PER_TURN 1024u
/* What any step takes, at the least. */
#define TASK_STEP_WORK 16u

struct task_kind {
    enum work work; /* what the turn is at */
    /* One step: tells what it takes with task_spend, and calls task_hurry where more is to be done
     * now. The task may be gone behind it. */
    void (*run)(struct task *task);
    /* Of a request's: all parts of the request are done. NULL: it has none. */
    void (*gathered)(struct task *task);
    /* Of a request's: frees it, at whatever it is. It is in no list any more. */
    void (*release)(struct task *task);
};

struct task {
    struct list link; /* engine->tasks.ready while it has a step to do */
    const struct task_kind *kind;
    struct engine *engine;
    struct request *request; /* whose command it does; NULL: nobody's */
};

/* Of one engine. */
struct tasks {
    struct list ready;
    unsigned work; /* what they had of this turn */
};

void tasks_init(struct tasks *tasks);
/* Whether there is a step to do. */
static inline bool tasks_ready(const struct tasks *tasks)
{
    return !list_empty(&tasks->ready);
}
/* The steps that the turn has time for. */
void tasks_proceed(struct engine *engine);
/* The next turn begins. */
static inline void tasks_turn_end(struct tasks *tasks)
{
    tasks->work = 0;
}

void task_init(struct task *task, const struct task_kind *kind, struct engine *engine);
/* The same of a request's: request->task. */
void task_init_of(struct task *task, const struct task_kind *kind, struct request *request);
/* It has a step to do; it may have had one before. */
void task_hurry(struct task *task);
/* The same; the first step is done at once where no other task waits and the turn has time. */
void task_hurry_at_once(struct task *task);
/* What is done for it took so many units of the turn. */
void task_spend(const struct task *task, unsigned work);
/* Whether the turn has no time left: what may wait is for the next one. */
bool task_turn_spent(const struct task *task);
/* Ends the request's task, if it has one. */
void task_end(struct request *request);

#endif
