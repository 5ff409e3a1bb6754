/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/script.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "command/table.h"
#include "resp/reply.h"

/* Instructions of a script that are one unit of work, as task.h counts. */
#define INSTRUCTIONS_PER_WORK 20

#define NO_SCRIPT "NOSCRIPT No matching script. Please use EVAL."
#define TOO_LONG  "ERR the script ran for longer than it may (lua-time-limit), and was ended"
#define NO_MEMORY "OOM out of memory for the script"

static const struct task_kind kind;

static void run_script(struct script_job *job);
static void after_slice(struct script_job *job, enum script_state state, uint32_t work);
static void read_keys(struct script_job *job);

static struct request *request_of(const struct script_job *job)
{
    return job->task.request;
}

static struct script_job *job_of(struct task *task)
{
    return list_entry(task, struct script_job, task);
}

struct script_job *script_job_of(const struct request *request)
{
    return request->task != NULL && request->task->kind == &kind ? job_of(request->task) : NULL;
}

bool script_has_written(const struct request *request)
{
    const struct script_job *job = script_job_of(request);

    return job != NULL && atomic_load(&job->run.wrote);
}

bool script_is(const struct command *command)
{
    return command->key_count_at > 0;
}

size_t script_first_key(const struct call *call)
{
    const size_t behind = (size_t)call->command->key_count_at + 1;

    return call->options.integer > 0 ? behind : 0;
}

int64_t script_time_us(const struct engine *engine)
{
    return engine->options->lua_time_limit * 1000;
}

/* ---- time ---- */

int64_t script_awaited_us(const struct request *request)
{
    const struct engine *engine = request->engine;
    const int64_t time_us = engine->options->request_timeout_ms * 1000;
    const int64_t last_us = request->began_us + script_time_us(engine) + 2 * time_us;
    const int64_t next_us = engine->now.mono_us + 2 * time_us;

    return next_us < last_us ? next_us : last_us;
}

/* The node that forwarded it waits for a request's time, unless it hears that the script runs. */
static void tell_origin(struct script_job *job)
{
    struct request *request = request_of(job);
    const struct engine *engine = request->engine;
    const int64_t often_us = engine->options->request_timeout_ms * 1000 / 4;
    const struct wire_reply runs = {.id = request->from_id, .status = REPLY_RUNS};

    if (request->owner != OWNER_LINK || engine->now.mono_us - job->told_us < often_us)
        return;
    job->told_us = engine->now.mono_us;
    wire_put_reply(link_message(request->from), &runs);
}

/* What comes has the time of a request, and the script no more than its own. */
static void give_time(struct script_job *job)
{
    struct request *request = request_of(job);
    const struct instant now = request->engine->now;

    tell_origin(job);
    const int64_t left_us = job->last_us - now.mono_us;
    const int64_t time_us = request->engine->options->request_timeout_ms * 1000;
    const int64_t given_us = left_us < time_us ? left_us : time_us;

    request->deadline_us = now.mono_us + given_us;
    request->deadline_wall_ms = now.wall_ms + given_us / 1000;
    request->operation.deadline_wall_ms = request->deadline_wall_ms;
}

static bool is_over_time(const struct script_job *job)
{
    return request_of(job)->engine->now.mono_us >= job->last_us;
}

/* It goes on in another turn, or when something has come. */
static void suspend(struct script_job *job)
{
    struct request *request = request_of(job);

    if (request->stage == STAGE_SCRIPT)
        return;
    request->deadline_us = job->last_us;
    request_wait(request, STAGE_SCRIPT);
}

/* ---- its end ---- */

static void release_interpreter(struct script_job *job)
{
    struct engine *engine = request_of(job)->engine;

    list_remove(&job->queued);
    script_pool_release(engine, &job->interpreter);
    if (job->counted)
        scripts_run_end(engine->script_pool->scripts, &job->run);
    job->counted = false;
}

static void release(struct task *task)
{
    struct script_job *job = job_of(task);

    release_interpreter(job);
    script_asking_end(&job->asking);
    script_release(&job->script);
    batch_deinit(&job->batch);
    batch_deinit(&job->view);
    for (size_t i = 0; i < job->capacity; i++)
        memory_free(job->names[i]);
    memory_free(job->names);
    memory_free(job->batch.keys);
    memory_free(job->view.keys);
    memory_free(job->reads);
    buffer_deinit(&job->record);
    buffer_deinit(&job->call_bytes);
    buffer_deinit(&job->made);
    buffer_deinit(&job->part);
    if (job->task.request->operation.batch == &job->batch)
        job->task.request->operation.batch = NULL;
    memory_free(job);
}

/* The script is ended; `why` NULL: the reply says why. What an earlier run wrote may take effect.
 */
static void end_badly(struct script_job *job, const char *why)
{
    struct request *request = request_of(job);

    release_interpreter(job);
    if (job->asked != NULL)
        request_abandon(job->asked);
    job->asked = NULL;
    if (job->viewed && request->operation.wrote) {
        request_reset_reply(request);
        operation_expire(&request->operation);
        coordinate_proceed(request);
    } else if (why != NULL) {
        request_fail(request, "%s", why);
    } else {
        request_finish(request);
    }
}

/* As above, and it tells what is left of it. */
static void end_unfinished(struct script_job *job, const char *why)
{
    const bool wrote = script_has_written(request_of(job));
    char text[256];

    snprintf(text, sizeof text, "%s; %s", why,
             wrote ? "what it wrote by other commands stays" : "nothing was written");
    end_badly(job, text);
}

/* ---- the operation ---- */

/* Takes the view, or applies what the script did on it. */
static void proceed_operation(struct script_job *job)
{
    struct request *request = request_of(job);
    struct engine *engine = request->engine;
    struct operation *operation = &request->operation;

    give_time(job);
    if (job->viewed) {
        operation->state = OPERATION_GATHERING;
        operation_gathered(&engine->coordinator, operation, engine->now);
    } else {
        job->viewed = true;
        operation->kind = request->kind == COMMAND_READ ? OPERATION_READ : OPERATION_UPDATE;
        operation->block = NULL;
        operation_begin(&engine->coordinator, operation, engine->now);
    }
    coordinate_proceed(request);
}

bool script_settled(struct request *request)
{
    struct script_job *job = script_job_of(request);

    if (job == NULL || !job->stale)
        return false;
    job->stale = false;
    if (job->full)
        end_badly(job, NO_MEMORY);
    else if (job->tries++ == SCRIPT_TRIES_MAX)
        end_unfinished(job, "ERR the keys of the script kept changing");
    else
        run_script(job);
    return true;
}

void script_gather_again(struct request *request)
{
    struct script_job *job = script_job_of(request);

    for (size_t i = 0; i < job->batch.count; i++)
        job->reads[i] = true;
    read_keys(job);
}

/* Reads the keys that are yet to be read, and goes on. */
static void read_keys(struct script_job *job)
{
    struct request *request = request_of(job);
    struct operation *operation = &request->operation;

    give_time(job);
    operation->batch = &job->batch;
    if (!job->viewed || (!operation->wrote && operation->state != OPERATION_GATHERING))
        operation->state = OPERATION_READING; /* what fails has written nothing, and says why */
    else
        operation->state = OPERATION_GATHERING;
    job->asks = false;
    if (!group_gather(request, job->reads))
        proceed_operation(job);
}

/* ---- running ---- */

static void queue(struct script_job *job)
{
    struct script_pool *pool = request_of(job)->engine->script_pool;

    if (pool->count == 0) {
        end_badly(job, NO_MEMORY);
        return;
    }
    list_remove(&job->queued);
    list_append(&pool->queue, &job->queued);
    suspend(job);
}

/* Begins it in an interpreter. False: it has ended. */
static bool begin_in_interpreter(struct script_job *job)
{
    struct request *request = request_of(job);
    struct engine *engine = request->engine;
    const struct call *call = &request->call;
    const size_t first = (size_t)call->command->key_count_at + 1;
    const size_t keys = (size_t)call->options.integer;
    struct script_task what = {.text = span_of(job->script->text, job->script->size),
                               .keys = call->argv + first,
                               .key_count = keys,
                               .arguments = call->argv + first + keys,
                               .argument_count = call->argc - first - keys,
                               .protocol = call->protocol,
                               .seed = job->seed};

    memcpy(what.name, job->script->name, sizeof what.name);
    request_reset_reply(request);
    job->record_at = 0;
    script_view_reset(job);
    if (!interpreter_begin(job->interpreter, &what, &script_calls, job, &request->reply)) {
        end_badly(job, NULL);
        return false;
    }
    if (job->fresh && scripts_keep(engine->script_pool->scripts, job->script))
        script_spread(engine, what.text);
    job->fresh = false;
    return true;
}

static void begin_run(struct script_job *job)
{
    struct request *request = request_of(job);
    uint32_t work = 0;

    if (job->interpreter == NULL)
        job->interpreter = script_pool_borrow(request->engine);
    if (job->interpreter == NULL) {
        queue(job);
        return;
    }
    list_remove(&job->queued);
    if (!begin_in_interpreter(job))
        return;
    after_slice(job, interpreter_proceed(job->interpreter, &request->reply, &work), work);
}

static void run_script(struct script_job *job)
{
    job->runs = false;
    if (task_turn_spent(&job->task)) {
        suspend(job);
        task_hurry(&job->task);
        return;
    }
    begin_run(job);
}

/* Whether it is not to go on: then it is ended. */
static bool is_ended(struct script_job *job)
{
    const struct request *request = request_of(job);

    tell_origin(job);
    if (is_over_time(job))
        end_unfinished(job, TOO_LONG);
    else if (job->counted && atomic_load(&job->run.killed))
        end_badly(job, "ERR Script killed by user with SCRIPT KILL...");
    else if (request->owner == OWNER_NOBODY && !request->operation.wrote)
        end_badly(job, "ERR the client is gone");
    else
        return false;
    return true;
}

/* Its turn has come. */
static void run(struct task *task)
{
    struct script_job *job = job_of(task);
    struct request *request = request_of(job);
    uint32_t work = 0;

    if (is_ended(job))
        return;
    if (job->runs) {
        after_slice(job, interpreter_proceed(job->interpreter, &request->reply, &work), work);
    } else {
        begin_run(job);
    }
}

/* It will be long: SCRIPT KILL is to find it. */
static void count_in(struct script_job *job)
{
    if (!job->counted)
        scripts_run_begin(request_of(job)->engine->script_pool->scripts, &job->run);
    job->counted = true;
}

static void give_way(struct script_job *job)
{
    count_in(job);
    job->runs = true;
    suspend(job);
    task_hurry(&job->task);
}

static unsigned command_flags(const struct request *part)
{
    const struct command *command = command_row(part->call.argv, part->call.argc);

    return command != NULL ? command->flags : 0;
}

/* Begins the command that it waits for. False: its reply is yet to come. */
static bool begin_command(struct script_job *job)
{
    struct request *request = request_of(job);
    struct request *part = job->asked;

    job->asked = NULL;
    job->asks = true;
    tell_origin(job);
    count_in(job);
    if ((command_flags(part) & FLAG_WRITE) != 0)
        atomic_store(&job->run.wrote, true);
    request->parts_pending = 2; /* one is held until it has begun */
    request_wait(request, STAGE_PARTS);
    dispatch_begin_step(part);
    return --request->parts_pending == 0;
}

/* Takes the reply of that command, and goes on. */
static void take_reply(struct script_job *job)
{
    struct request *request = request_of(job);
    struct request *part = list_entry(request->parts.next, struct request, link);
    const struct span answer = script_note_answer(job, exec_flatten(part));
    const bool failed = part->reply.failed || answer.size == 0;
    uint32_t work = 0;

    request_part_taken(part);
    if (failed) {
        end_badly(job, NO_MEMORY);
    } else if (is_ended(job)) {
        return;
    } else if (job->suspended) {
        job->record_at = buffer_size(&job->record);
        after_slice(job, interpreter_answer(job->interpreter, answer, &request->reply, &work),
                    work);
    } else {
        run_script(job);
    }
}

/* It was given up, by its calls or by its bounds. */
static void given_up(struct script_job *job)
{
    if (job->wants) {
        job->wants = false;
        release_interpreter(job);
        if (job->tries++ == SCRIPT_TRIES_MAX)
            end_unfinished(job, "ERR the script names too many keys that it does not declare, one "
                                "after another");
        else
            read_keys(job);
    } else {
        end_badly(job, job->full ? job->why : NULL);
    }
}

static void end_run(struct script_job *job)
{
    release_interpreter(job);
    if (!job->placed) {
        request_finish(request_of(job));
        return;
    }
    job->ran = true;
    job->batch.room = script_view_room(job);
    proceed_operation(job);
}

static void after_slice(struct script_job *job, enum script_state state, uint32_t work)
{
    task_spend(&job->task, work / INSTRUCTIONS_PER_WORK);
    job->runs = false;
    switch (state) {
    case SCRIPT_ENDED:
        end_run(job);
        return;
    case SCRIPT_SLICED:
        give_way(job);
        return;
    case SCRIPT_WAITS:
    case SCRIPT_AGAIN:
        job->suspended = state == SCRIPT_WAITS;
        if (job->asked == NULL) /* its reply is there: an error, which redis.call raises */
            run_script(job);
        else if (begin_command(job))
            take_reply(job);
        return;
    case SCRIPT_GIVEN_UP:
        given_up(job);
        return;
    }
}

/* All its parts are done: its keys were read, or a command of its has run. */
static void gathered(struct task *task)
{
    struct script_job *job = job_of(task);

    if (job->asks) {
        take_reply(job);
        return;
    }
    if (group_reads_failed(request_of(job)))
        return;
    for (size_t i = 0; i < job->batch.count; i++)
        job->reads[i] = false;
    proceed_operation(job);
}

static const struct task_kind kind = {
    .work = WORK_CLIENTS, .run = run, .gathered = gathered, .release = release};

/* ---- its beginning ---- */

static void begin_known(struct script_job *job)
{
    job->read_only |= job->script->no_writes;
    if (job->placed)
        read_keys(job);
    else
        run_script(job);
}

/* Its script, where it is at hand; else the others are asked, or there is none. */
static void find_script(struct script_job *job)
{
    struct request *request = request_of(job);
    struct script_pool *pool = request->engine->script_pool;
    const struct span given = request->call.argv[1];
    char name[SCRIPT_NAME_SIZE];

    if ((request->call.options.flags & SCRIPT_BY_NAME) == 0) {
        script_name(given, name);
        job->script = scripts_find(pool->scripts, name);
        job->fresh = job->script == NULL;
        if (job->fresh)
            job->script = script_create(given, &request->reply);
        if (job->script == NULL)
            request_finish(request);
        else
            begin_known(job);
        return;
    }
    const bool is_name = script_name_read(given, name);
    if (is_name)
        job->script = scripts_find(pool->scripts, name);
    if (job->script != NULL) {
        begin_known(job);
    } else if (is_name &&
               script_ask(request, &job->asking, SCRIPT_FETCH, span_of(name, sizeof name))) {
        give_time(job);
        request_wait(request, STAGE_SCRIPT);
    } else {
        request_fail(request, NO_SCRIPT);
    }
}

void script_fetched(struct script_job *job)
{
    struct request *request = request_of(job);

    job->script = job->asking.found;
    job->asking.found = NULL;
    script_asking_end(&job->asking);
    if (job->script == NULL) {
        request_fail(request, NO_SCRIPT);
        return;
    }
    scripts_keep(request->engine->script_pool->scripts, job->script);
    begin_known(job);
}

void script_timeout(struct request *request)
{
    struct script_job *job = script_job_of(request);

    if (job == NULL)
        script_command_timeout(request);
    else if (job->script == NULL)
        script_fetched(job);
    else
        end_unfinished(job, TOO_LONG);
}

/* The keys of the first one's partition that the script declares. */
static bool declare_keys(struct script_job *job)
{
    const struct request *request = request_of(job);
    const struct call *call = &request->call;
    const size_t first = script_first_key(call);
    struct route_class class;

    if (first == 0)
        return true;
    job->placed = true;
    route_class_of(request->engine, call->argv[first], &job->class);
    for (size_t i = 0; i < (size_t)call->options.integer; i++) {
        const struct span key = call->argv[first + i];
        route_class_of(request->engine, key, &class);
        if (class.partition == job->class.partition && class.rule == job->class.rule &&
            class.levels == job->class.levels && script_key(job, key, true) == SIZE_MAX)
            return false;
    }
    return true;
}

void script_begin(struct request *request)
{
    struct script_job *job = memory_alloc(sizeof *job);

    task_init_of(&job->task, &kind, request);
    list_init(&job->queued);
    job->read_only = (request->call.options.flags & SCRIPT_READ_ONLY) != 0;
    job->last_us = request->deadline_us;
    if (request->owner != OWNER_LINK) /* whose forwarded date has it */
        job->last_us += script_time_us(request->engine);
    job->told_us = request->began_us;
    job->now = request->engine->now;
    job->seed = (uint32_t)rng_next(&request->engine->rng);
    request->operation.wrote = request->operation.repaired = false;
    request->operation.state = OPERATION_READING; /* nothing has begun */
    request_keep(request);                        /* keys and arguments point there */
    if (declare_keys(job))
        find_script(job);
    else
        request_fail(request, "ERR the script has too many keys");
}
