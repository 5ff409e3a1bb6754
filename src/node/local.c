/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A LOCAL command that is too long for one turn (CLIENT LIST of many): what it left to be done
 * (command.h) is done in steps. There is no deadline: the work is bounded, and who has left is not
 * waited for.
 */
#include "node/parts.h"

#include "base/memory.h"

static void run(struct task *task)
{
    struct request *request = task->request;

    task_spend(task, TASKS_WORK_PER_TURN);
    if (request->owner != OWNER_NOBODY && !request->call.rest->proceed(&request->call)) {
        if (request->owner == OWNER_CLIENT)
            client_weigh(request);
        task_hurry(task);
        return;
    }
    task_end(request);
    request_finish(request);
}

static void release(struct task *task)
{
    struct call_rest *rest = task->request->call.rest;

    task->request->call.rest = NULL;
    rest->destroy(rest);
    memory_free(task);
}

static const struct task_kind kind = {.work = WORK_CLIENTS, .run = run, .release = release};

void local_begin(struct request *request)
{
    struct task *task = memory_alloc(sizeof *task);

    task_init_of(task, &kind, request);
    if (!request_reserve(request)) {
        task_end(request);
        request_fail(request, NO_ROOM_FOR_REQUEST);
        return;
    }
    request_wait(request, STAGE_STEPS);
    task_hurry(task);
}
