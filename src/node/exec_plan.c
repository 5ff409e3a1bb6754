/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a transaction is cut into steps (exec.h).
 */
#include "base/memory.h"
#include "node/exec.h"
#include "node/group.h"
#include "resp/reply.h"

struct plan {
    struct exec *exec;
    const struct engine *engine;
    uint32_t *step_of; /* of each command */
    uint32_t *latest;  /* of each partition: its last step since the last barrier, plus one */
    size_t barrier;    /* the first step behind it */
};

/* Whether all keys of the command have one class. */
static bool of_one_class(const struct engine *engine, const struct queued *queued,
                         struct route_class *class)
{
    const struct command *command = queued->command;
    const struct call call = {.command = command, .argv = queued->argv, .argc = queued->argc};
    struct route_class other;

    if (command->first_key <= 0 || command->kind == COMMAND_CLUSTER ||
        command->kind == COMMAND_LOCAL || command_keys_move(command, queued->argv, queued->argc) ||
        command->gather == GATHER_LCS)
        return false;
    const size_t last = many_last_argument(&call);
    route_class_of(engine, queued->argv[command->first_key], class);
    for (size_t at = (size_t)(command->first_key + command->key_step); at <= last;
         at += (size_t)command->key_step) {
        route_class_of(engine, queued->argv[at], &other);
        if (!route_class_same(class, &other))
            return false;
    }
    return true;
}

static struct exec_step *add_step(struct plan *plan, const struct route_class *class)
{
    struct exec_step *step = &plan->exec->steps[plan->exec->step_count++];

    *step = (struct exec_step){.group = class != NULL};
    if (class != NULL)
        step->class = *class;
    return step;
}

static struct exec_step *group_of(struct plan *plan, const struct route_class *class)
{
    struct exec *exec = plan->exec;
    uint32_t *latest = &plan->latest[class->partition];

    for (uint32_t at = *latest; at > plan->barrier; at = exec->steps[at - 1].next_alike)
        if (route_class_same(&exec->steps[at - 1].class, class))
            return &exec->steps[at - 1];
    struct exec_step *step = add_step(plan, class);
    step->next_alike = *latest;
    *latest = (uint32_t)exec->step_count;
    return step;
}

static void plan_commands(struct plan *plan)
{
    struct exec *exec = plan->exec;
    struct route_class class;

    for (size_t i = 0; i < exec->transaction->count; i++) {
        const bool group = of_one_class(plan->engine, exec->transaction->commands[i], &class);
        struct exec_step *step = group ? group_of(plan, &class) : add_step(plan, NULL);
        plan->step_of[i] = (uint32_t)(step - exec->steps);
        step->count++;
        if (!group)
            plan->barrier = exec->step_count;
    }
}

/* Puts the commands into the order of their steps. */
static void sort(struct plan *plan, size_t from)
{
    struct exec *exec = plan->exec;
    size_t first = 0;

    for (size_t i = from; i < exec->step_count; i++) {
        exec->steps[i].first = first;
        first += exec->steps[i].count;
        exec->steps[i].count = 0;
    }
    for (size_t i = 0; i < exec->transaction->count; i++) {
        struct exec_step *step = &exec->steps[plan->step_of[i]];
        exec->order[step->first + step->count++] = (uint32_t)i;
    }
}

/* Groups that look at watched keys, in places before those of commands, which begin at `behind`.
 * How many there are. */
static size_t plan_watched(struct plan *plan, size_t behind)
{
    struct exec *exec = plan->exec;
    const struct transaction *transaction = exec->transaction;
    struct exec_step *first = exec->step_count > behind ? &exec->steps[behind] : NULL;
    size_t checks = 0, sorted = 0;

    if (first != NULL && !first->group)
        first = NULL;
    for (size_t i = 0; i < transaction->watched_count; i++) {
        struct route_class class;
        size_t at = 0;
        route_class_of(plan->engine, transaction->watched[i]->key, &class);
        if (first != NULL && route_class_same(&first->class, &class)) {
            plan->step_of[i] = (uint32_t)behind;
            first->watched_count++;
            continue;
        }
        while (at < checks && !route_class_same(&exec->steps[at].class, &class))
            at++;
        if (at == checks)
            exec->steps[checks++] = (struct exec_step){.group = true, .class = class};
        exec->steps[at].watched_count++;
        plan->step_of[i] = (uint32_t)at;
    }
    for (size_t s = 0; s < exec->step_count; s++) {
        struct exec_step *step = &exec->steps[s];
        step->watched_first = sorted;
        for (size_t i = 0; step->watched_count > 0 && i < transaction->watched_count; i++)
            if (plan->step_of[i] == s)
                exec->watched_order[sorted++] = (uint32_t)i;
    }
    return checks;
}

/* Whether no group has more than may run at once, or be sent. */
static bool fits(const struct exec *exec)
{
    const uint64_t most = exec->task.request->engine->options->peer_frame_max;

    for (size_t s = 0; s < exec->step_count; s++) {
        const struct exec_step *step = &exec->steps[s];
        uint64_t bytes = FRAME_SPARE;
        for (size_t i = 0; step->group && i < step->count; i++) {
            const struct queued *queued = exec->transaction->commands[exec->order[step->first + i]];
            for (size_t a = 0; a < queued->argc; a++)
                bytes += queued->argv[a].size + sizeof(uint32_t);
        }
        if (step->group && (step->count > GROUP_COMMANDS_MAX || bytes > most))
            return false;
    }
    return true;
}

static bool take_memory(struct exec *exec, struct plan *plan)
{
    const struct transaction *transaction = exec->transaction;
    const size_t most = transaction->count + transaction->watched_count;
    const uint32_t partitions = ring_partition_count(plan->engine->view->ring);

    exec->steps = memory_try_alloc((most + 1) * sizeof exec->steps[0]);
    exec->order = memory_try_alloc((most + 1) * sizeof exec->order[0]);
    exec->watched_order = memory_try_alloc((most + 1) * sizeof exec->watched_order[0]);
    exec->places = memory_try_alloc((most + 1) * sizeof exec->places[0]);
    plan->step_of = memory_try_alloc((most + 1) * sizeof plan->step_of[0]);
    plan->latest = memory_try_alloc(partitions * sizeof plan->latest[0]);
    if (exec->steps == NULL || exec->order == NULL || exec->watched_order == NULL ||
        exec->places == NULL || plan->step_of == NULL || plan->latest == NULL)
        return false;
    memset(plan->latest, 0, partitions * sizeof plan->latest[0]);
    return true;
}

bool exec_plan(struct exec *exec)
{
    struct plan plan = {.exec = exec, .engine = exec->task.request->engine};
    const size_t behind = exec->transaction->watched_count; /* places for their groups */
    bool done = take_memory(exec, &plan);

    if (done) {
        memset(exec->steps, 0, (behind + 1) * sizeof exec->steps[0]);
        exec->step_count = plan.barrier = behind;
        plan_commands(&plan);
        sort(&plan, behind);
        const size_t checks = plan_watched(&plan, behind);
        memmove(exec->steps + checks, exec->steps + behind,
                (exec->step_count - behind) * sizeof exec->steps[0]);
        exec->step_count -= behind - checks;
        done = fits(exec);
        if (!done)
            reply_error(&exec->task.request->reply,
                        "ERR the transaction has more about one partition than may run at once");
    } else {
        reply_error(&exec->task.request->reply, NO_ROOM_FOR_REQUEST);
    }
    memory_free(plan.step_of);
    memory_free(plan.latest);
    return done;
}
