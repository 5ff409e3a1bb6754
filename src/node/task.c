/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/task.h"

#include "base/assert.h"
#include "node/parts.h"

void tasks_init(struct tasks *tasks)
{
    list_init(&tasks->ready);
    tasks->work = 0;
}

static void run_step(struct task *task)
{
    struct engine *engine = task->engine;

    list_remove(&task->link);
    engine_note(engine, task->kind->work);
    engine->tasks.work += TASK_STEP_WORK;
    task->kind->run(task);
}

void tasks_proceed(struct engine *engine)
{
    struct tasks *tasks = &engine->tasks;

    while (tasks_ready(tasks) && tasks->work < TASKS_WORK_PER_TURN)
        run_step(list_entry(tasks->ready.next, struct task, link));
}

void task_init(struct task *task, const struct task_kind *kind, struct engine *engine)
{
    list_init(&task->link);
    task->kind = kind;
    task->engine = engine;
    task->request = NULL;
}

void task_init_of(struct task *task, const struct task_kind *kind, struct request *request)
{
    ensure(request->task == NULL);
    task_init(task, kind, request->engine);
    task->request = request;
    request->task = task;
}

void task_hurry(struct task *task)
{
    if (list_empty(&task->link))
        list_append(&task->engine->tasks.ready, &task->link);
}

void task_hurry_at_once(struct task *task)
{
    const bool others = tasks_ready(&task->engine->tasks);

    task_hurry(task);
    if (!others && !task_turn_spent(task))
        run_step(task);
}

void task_spend(const struct task *task, unsigned work)
{
    task->engine->tasks.work += work;
}

bool task_turn_spent(const struct task *task)
{
    return task->engine->tasks.work >= TASKS_WORK_PER_TURN;
}

void task_end(struct request *request)
{
    struct task *task = request->task;

    if (task == NULL)
        return;
    list_remove(&task->link);
    request->task = NULL;
    task->kind->release(task);
}
