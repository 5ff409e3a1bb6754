/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripts over the nodes: one that is loaded, or run, anywhere is sent to all, and who does not
 * know one asks the others; so a node that was away needs no list of what it missed. SCRIPT FLUSH
 * and SCRIPT KILL go to all as well. Who does not answer in time is done without.
 */
#include "base/memory.h"
#include "node/script.h"
#include "resp/reply.h"

/* ---- questions ---- */

/* What a question takes in a frame beside its bytes. */
#define QUESTION_SPARE 64

static bool put_question(struct engine *engine, const struct peer *peer, uint64_t id,
                         enum script_question question, struct span bytes)
{
    const struct wire_script script = {.id = id, .what = (uint8_t)question, .bytes = bytes};
    struct buffer *out = peer->stage == PEER_OPEN && !peer->tripped
                             ? peer_message(engine, peer->number, bytes.size + QUESTION_SPARE)
                             : NULL;

    if (out != NULL)
        wire_put_script(out, &script);
    return out != NULL;
}

bool script_ask(struct request *request, struct script_asking *asking,
                enum script_question question, struct span bytes)
{
    struct engine *engine = request->engine;

    for (size_t i = 0; i < engine->peer_limit; i++) {
        const struct peer *peer = engine->peers[i];
        if (peer != NULL && put_question(engine, peer, request->id, question, bytes))
            buffer_append(&asking->waiting, &peer->number, sizeof peer->number);
    }
    return buffer_size(&asking->waiting) > 0;
}

void script_asking_end(struct script_asking *asking)
{
    buffer_deinit(&asking->waiting);
    script_release(&asking->found);
}

void script_spread(struct engine *engine, struct span text)
{
    for (size_t i = 0; i < engine->peer_limit; i++)
        if (engine->peers[i] != NULL)
            put_question(engine, engine->peers[i], 0, SCRIPT_LOAD, text);
}

/* Takes the node out of those that have yet to answer; false: it is none of them. */
static bool heard(struct script_asking *asking, node_number node)
{
    const struct span waiting = buffer_content(&asking->waiting);

    for (size_t i = 0; i < waiting.size; i += sizeof node) {
        if (memcmp(waiting.data + i, &node, sizeof node) != 0)
            continue;
        node_number last;
        memcpy(&last, waiting.data + waiting.size - sizeof last, sizeof last);
        memcpy(asking->waiting.block + asking->waiting.head + i, &last, sizeof last);
        buffer_truncate(&asking->waiting, waiting.size - sizeof last);
        return true;
    }
    return false;
}

/* ---- another node's ---- */

static struct script *create(struct span text)
{
    struct buffer error = {0};
    struct script *script = script_create(text, &error);

    buffer_deinit(&error);
    return script;
}

void script_serve(struct link *link, const struct wire_script *script)
{
    struct scripts *scripts = link->engine->script_pool->scripts;
    struct wire_scripted scripted = {.id = script->id};
    char name[SCRIPT_NAME_SIZE];
    struct script *found = NULL;

    switch ((enum script_question)script->what) {
    case SCRIPT_LOAD:
        found = create(script->bytes);
        if (found != NULL)
            scripts_keep(scripts, found);
        script_release(&found);
        break;
    case SCRIPT_FETCH:
        if (script_name_read(script->bytes, name))
            found = scripts_find(scripts, name);
        scripted.status = found != NULL;
        if (found != NULL)
            scripted.bytes = span_of(found->text, found->size);
        break;
    case SCRIPT_FLUSH:
        scripts_flush(scripts);
        break;
    case SCRIPT_KILL:
        scripted.status = (uint8_t)scripts_kill(scripts);
        break;
    }
    if (script->id != 0)
        wire_put_scripted(link_message(link), &scripted);
    script_release(&found);
}

/* ---- SCRIPT ---- */

struct script_command {
    struct task task;
    struct script_asking asking;
    size_t at; /* EXISTS: the name that is looked for */
};

static void run_command(struct task *task);

static struct script_command *command_of(struct task *task)
{
    return list_entry(task, struct script_command, task);
}

static void release_command(struct task *task)
{
    script_asking_end(&command_of(task)->asking);
    memory_free(command_of(task));
}

static const struct task_kind command_kind = {
    .work = WORK_CLIENTS, .run = run_command, .release = release_command};

static bool is(const struct request *request, const char *name)
{
    return strcmp(request->call.command->name, name) == 0;
}

bool script_is_command(const struct command *command)
{
    return strncmp(command->name, "script|", strlen("script|")) == 0;
}

static void reply_kill(struct buffer *reply, uint8_t status)
{
    switch (status) {
    case KILL_NONE_RUNS:
        reply_error(reply, "NOTBUSY No scripts in execution right now.");
        return;
    case KILL_DONE:
        reply_ok(reply);
        return;
    default:
        reply_error(reply,
                    "UNKILLABLE Sorry the script already executed write commands against the "
                    "dataset. You can either wait the script termination or kill the server in a "
                    "hard way using the SHUTDOWN NOSAVE command.");
    }
}

static void look_for_next(struct script_command *command);

/* All have answered, or will not. */
static void proceed(struct script_command *command)
{
    struct request *request = command->task.request;
    char name[SCRIPT_NAME_SIZE];

    if (is(request, "script|exists")) {
        reply_integer(&request->reply, command->asking.found != NULL);
        if (command->asking.found != NULL)
            scripts_keep(request->engine->script_pool->scripts, command->asking.found);
        script_asking_end(&command->asking);
        look_for_next(command);
        return;
    }
    if (is(request, "script|kill")) {
        reply_kill(&request->reply, command->asking.status);
    } else if (is(request, "script|load")) {
        script_name(request->call.argv[2], name);
        reply_bulk(&request->reply, span_of(name, sizeof name));
    } else {
        reply_ok(&request->reply);
    }
    request_finish(request);
}

static void wait_for_others(struct script_command *command)
{
    struct request *request = command->task.request;
    const int64_t time_us = request->engine->options->request_timeout_ms * 1000;

    request->deadline_us = request->engine->now.mono_us + time_us / 2;
    request_wait(request, STAGE_SCRIPT);
}

/* Asks the others, and waits for them if there are any. */
static void ask(struct script_command *command, enum script_question question, struct span bytes)
{
    if (script_ask(command->task.request, &command->asking, question, bytes))
        wait_for_others(command);
    else
        proceed(command);
}

/* EXISTS: a name after another, first here. */
static void look_for_next(struct script_command *command)
{
    struct request *request = command->task.request;
    struct scripts *scripts = request->engine->script_pool->scripts;
    char name[SCRIPT_NAME_SIZE];

    while (++command->at < request->call.argc) {
        const bool is_name = script_name_read(request->call.argv[command->at], name);
        struct script *found = is_name ? scripts_find(scripts, name) : NULL;
        const bool known = found != NULL;
        script_release(&found);
        if (!known && is_name &&
            script_ask(request, &command->asking, SCRIPT_FETCH, span_of(name, sizeof name))) {
            wait_for_others(command);
            return;
        }
        reply_integer(&request->reply, known);
    }
    request_finish(request);
}

/* Whether it is a script at all. */
static bool load(struct request *request, struct span text)
{
    struct engine *engine = request->engine;
    struct script *script = script_create(text, &request->reply);
    struct interpreter *interpreter = script != NULL ? script_pool_borrow(engine) : NULL;
    bool loaded = false;

    if (script != NULL && interpreter == NULL)
        reply_error(&request->reply, "ERR too many scripts are running");
    if (interpreter != NULL) {
        struct script_task what = {.text = text};
        memcpy(what.name, script->name, sizeof what.name);
        loaded = interpreter_begin(interpreter, &what, &script_calls, NULL, &request->reply);
        script_pool_release(engine, &interpreter);
    }
    if (loaded)
        scripts_keep(engine->script_pool->scripts, script);
    script_release(&script);
    return loaded;
}

static bool flush_is_valid(const struct call *call)
{
    return call->argc == 2 ||
           (call->argc == 3 && (span_is(call->argv[2], "sync") || span_is(call->argv[2], "async")));
}

static void run_command(struct task *task)
{
    proceed(command_of(task));
}

void script_command_begin(struct request *request)
{
    struct script_command *command = memory_alloc(sizeof *command);
    struct scripts *scripts = request->engine->script_pool->scripts;

    task_init_of(&command->task, &command_kind, request);
    if (is(request, "script|exists")) {
        request_keep(request);
        reply_array(&request->reply, request->call.argc - 2);
        command->at = 1;
        look_for_next(command);
    } else if (is(request, "script|load")) {
        if (load(request, request->call.argv[2]))
            ask(command, SCRIPT_LOAD, request->call.argv[2]);
        else
            request_finish(request);
    } else if (is(request, "script|kill")) {
        command->asking.status = (uint8_t)scripts_kill(scripts);
        ask(command, SCRIPT_KILL, span_of(NULL, 0));
    } else if (flush_is_valid(&request->call)) {
        scripts_flush(scripts);
        ask(command, SCRIPT_FLUSH, span_of(NULL, 0));
    } else {
        request_fail(request, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    }
}

/* ---- answers ---- */

/* Who asks for the node's answer; NULL: nobody. */
static struct script_asking *asking_of(struct request *request)
{
    struct script_job *job = script_job_of(request);

    if (request->stage != STAGE_SCRIPT || request->task == NULL)
        return NULL;
    if (job != NULL)
        return &job->asking;
    return request->task->kind == &command_kind ? &command_of(request->task)->asking : NULL;
}

/* A node is heard, or will not be. */
static void note(struct request *request, struct script_asking *asking)
{
    struct script_job *job = script_job_of(request);

    if (buffer_size(&asking->waiting) > 0 && asking->found == NULL)
        return;
    request_renew(request); /* the other answers come too late */
    if (job != NULL)
        script_fetched(job);
    else
        proceed(command_of(request->task));
}

void script_answered(struct request *request, node_number node,
                     const struct wire_scripted *scripted)
{
    struct script_asking *asking = asking_of(request);

    if (asking == NULL || !heard(asking, node))
        return;
    if (scripted->status > asking->status)
        asking->status = scripted->status;
    if (scripted->bytes.size > 0 && asking->found == NULL)
        asking->found = create(scripted->bytes);
    note(request, asking);
}

void script_lost(struct request *request, node_number node)
{
    struct script_asking *asking = asking_of(request);

    if (asking != NULL && heard(asking, node))
        note(request, asking);
}

void script_command_timeout(struct request *request)
{
    request_renew(request);
    proceed(command_of(request->task));
}
