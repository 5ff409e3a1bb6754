/* SPDX-License-Identifier: BSD-3-Clause
 *
 * redis.call of a script: on the view, or as a command of its own.
 */
#include "base/bytes.h"
#include "base/memory.h"
#include "command/table.h"
#include "node/script.h"
#include "resp/reply.h"

static struct request *request_of(const struct script_job *job)
{
    return job->task.request;
}

/* ---- keys ---- */

static bool grow(struct script_job *job)
{
    const size_t capacity = job->capacity == 0 ? 8 : 2 * job->capacity;
    const size_t more = capacity - job->capacity;
    struct batch_key *keys = memory_try_realloc(job->batch.keys, capacity * sizeof keys[0]);

    if (keys == NULL)
        return false;
    job->batch.keys = keys;
    struct batch_key *seen = memory_try_realloc(job->view.keys, capacity * sizeof seen[0]);
    if (seen == NULL)
        return false;
    job->view.keys = seen;
    bool *reads = memory_try_realloc(job->reads, capacity * sizeof reads[0]);
    if (reads == NULL)
        return false;
    job->reads = reads;
    uint8_t **names = memory_try_realloc(job->names, capacity * sizeof names[0]);
    if (names == NULL)
        return false;
    job->names = names;
    memset(keys + job->capacity, 0, more * sizeof keys[0]);
    memset(seen + job->capacity, 0, more * sizeof seen[0]);
    memset(names + job->capacity, 0, more * sizeof names[0]);
    job->capacity = capacity;
    return true;
}

static size_t find_key(const struct script_job *job, struct span key, uint64_t hash)
{
    for (size_t i = 0; i < job->batch.count; i++)
        if (job->batch.keys[i].place.hash == hash && span_equal(job->batch.keys[i].place.key, key))
            return i;
    return SIZE_MAX;
}

size_t script_key(struct script_job *job, struct span key, bool declared)
{
    const struct request *request = request_of(job);
    const uint64_t hash = store_hash(request->engine->own.store, key);
    size_t index = find_key(job, key, hash);

    if (index != SIZE_MAX)
        return index;
    if (job->batch.count == SCRIPT_KEYS_MAX || (job->batch.count == job->capacity && !grow(job)))
        return SIZE_MAX;
    index = job->batch.count;
    if (!declared) { /* its bytes are the script's */
        job->names[index] = memory_try_alloc(key.size + 1);
        if (job->names[index] == NULL)
            return SIZE_MAX;
        if (key.size > 0)
            memcpy(job->names[index], key.data, key.size);
        key.data = job->names[index];
    }
    job->batch.keys[index].place = (struct place){
        .partition = request->operation.place.partition,
        .claim_version = request->operation.place.claim_version,
        .hash = hash,
        .key = key};
    job->reads[index] = true;
    job->batch.count = job->view.count = index + 1;
    return index;
}

static bool of_class(const struct script_job *job, struct span key)
{
    struct route_class class;

    route_class_of(request_of(job)->engine, key, &class);
    return class.partition == job->class.partition && class.rule == job->class.rule &&
           class.levels == job->class.levels;
}

/* ---- on the view ---- */

enum on_view { ON_VIEW, ELSEWHERE, NOT_VIEWED, TOO_MANY };

/* Finds the keys of a command among those that are viewed. */
static enum on_view find_units(struct script_job *job, const struct group_command *command,
                               struct group_unit *units)
{
    const struct call *call = &command->call;
    const size_t last = many_last_argument(call);
    size_t count = 0;
    bool known = true;

    for (size_t at = group_next_key(call, 0); at <= last; at = group_next_key(call, at))
        if (!of_class(job, call->argv[at]))
            return ELSEWHERE;
    for (size_t at = group_next_key(call, 0); at <= last; at = group_next_key(call, at)) {
        const size_t before = job->batch.count;
        units[count].at = at;
        units[count].key = script_key(job, call->argv[at], false);
        if (units[count].key == SIZE_MAX)
            return TOO_MANY;
        known = known && units[count].key < before;
        count++;
    }
    return known ? ON_VIEW : NOT_VIEWED;
}

static enum script_called give_up(struct script_job *job, const char *why)
{
    job->full = true;
    job->why = why;
    return CALLED_STOP;
}

#define UNITS_HERE 8

/* Runs a command about keys of the partition; false: it is one of others as well. */
static bool run_on_view(struct script_job *job, const struct span *argv, size_t argc, int protocol,
                        struct buffer *reply, enum script_called *called)
{
    struct group_unit here[UNITS_HERE], *units = here;
    struct group_command command;
    bool done = true;

    if (!job->placed)
        return false;
    const size_t before = buffer_size(reply);
    if (!group_read_command(request_of(job), &command, argv, argc, reply)) {
        buffer_truncate(reply, before);
        return false;
    }
    /* The view has the newest of siblings, and not all. */
    if (command.call.command->whole_version || strcmp(command.call.command->name, "cset") == 0) {
        buffer_truncate(reply, before);
        return false;
    }
    *called = CALLED_REPLY;
    if (command.refused)
        return true;
    command.call.protocol = protocol;
    command.call.now = job->now;
    command.call.made = &job->made;
    buffer_reset(&job->made, BUFFER_KEEP);
    if (command.units > UNITS_HERE)
        units = memory_try_alloc(command.units * sizeof units[0]);
    const enum on_view where = units != NULL ? find_units(job, &command, units) : TOO_MANY;
    if (where == ON_VIEW) {
        if (command.call.command->make != NULL)
            command.call.command->make(&command.call);
        done = group_run_command(&job->view, &command, units, &job->part, true);
    }
    if (where == TOO_MANY || !done || reply->failed)
        *called = give_up(job, "OOM the script works on more keys, or more bytes, than it may");
    if (where == NOT_VIEWED) {
        job->wants = true;
        *called = CALLED_STOP;
    }
    if (units != here)
        memory_free(units);
    return where != ELSEWHERE;
}

/* ---- elsewhere ---- */

static bool write_arguments(struct script_job *job, const struct span *argv, size_t argc)
{
    struct buffer *out = &job->call_bytes;
    uint8_t size[4];

    buffer_reset(out, BUFFER_KEEP);
    for (size_t i = 0; i < argc; i++) {
        bytes_put_u32(size, (uint32_t)argv[i].size);
        buffer_append(out, size, sizeof size);
        buffer_append_span(out, argv[i]);
    }
    return !out->failed && buffer_size(out) <= SCRIPT_RECORD_MAX;
}

/* One of the record's; moves `at` behind it. */
static struct span take_record(const struct script_job *job, size_t *at)
{
    const uint8_t *from = buffer_content(&job->record).data + *at;
    const uint32_t size = bytes_get_u32(from);

    *at += sizeof size + size;
    return span_of(from + sizeof size, size);
}

/* What the same call answered when the script ran before. From where it went another way, the
 * record is void. */
static bool recorded(struct script_job *job, struct buffer *reply)
{
    size_t at = job->record_at;

    if (at >= buffer_size(&job->record))
        return false;
    if (!span_equal(take_record(job, &at), buffer_content(&job->call_bytes))) {
        buffer_truncate(&job->record, job->record_at);
        return false;
    }
    buffer_append_span(reply, take_record(job, &at));
    job->record_at = at;
    return true;
}

struct span script_note_answer(struct script_job *job, struct span reply)
{
    const struct span parts[] = {buffer_content(&job->call_bytes), reply};
    uint8_t size[4];

    for (size_t i = 0; i < 2; i++) {
        bytes_put_u32(size, (uint32_t)parts[i].size);
        buffer_append(&job->record, size, sizeof size);
        buffer_append_span(&job->record, parts[i]);
    }
    if (job->record.failed || buffer_size(&job->record) > SCRIPT_RECORD_MAX)
        return span_of(NULL, 0);
    const struct span all = buffer_content(&job->record);
    return span_of(all.data + all.size - reply.size, reply.size);
}

static enum script_called ask(struct script_job *job, const struct span *argv, size_t argc,
                              int protocol, struct buffer *reply)
{
    struct request *request = request_of(job);

    if (!write_arguments(job, argv, argc))
        return give_up(job, "OOM out of memory for a command of the script");
    if (recorded(job, reply))
        return CALLED_REPLY;
    struct request *part = dispatch_step(request, argv, argc);
    if (part == NULL || !request_reserve(part)) {
        if (part != NULL)
            request_abandon(part);
        return give_up(job, "ERR too many requests in flight");
    }
    request_keep(part);
    request_began(part, request->engine->now.mono_us);
    part->call.protocol = protocol;
    job->asked = part;
    return CALLED_WAITS;
}

/* ---- all of them ---- */

/* What this node answers by itself. */
static void run_local(struct script_job *job, const struct command *command,
                      const struct span *argv, size_t argc, int protocol, struct buffer *reply)
{
    struct engine *engine = request_of(job)->engine;
    enum command_kind kind = COMMAND_LOCAL;
    struct call call = {.command = command,
                        .argv = argv,
                        .argc = argc,
                        .reply = reply,
                        .protocol = protocol,
                        .now = job->now,
                        .environment = engine->own.environment,
                        .session = &engine->script_pool->session};

    session_set_protocol(call.session, protocol);
    if (command->prepare == NULL || command->prepare(&call, &kind))
        command->run(&call);
}

static enum script_called call(void *host, const struct span *argv, size_t argc, int protocol,
                               struct buffer *reply)
{
    struct script_job *job = host;
    const struct command *command = argv[0].size > 0 ? command_row(argv, argc) : NULL;
    enum script_called called;

    if (command == NULL) {
        reply_error(reply, "ERR Unknown Redis command called from script");
    } else if (!command_arity_fits(command, argc)) {
        reply_error(reply, "ERR Wrong number of args calling Redis command from script");
    } else if ((command->flags & FLAG_NOSCRIPT) != 0) {
        reply_error(reply, "ERR This Redis command is not allowed from script");
    } else if (job->read_only && (command->flags & FLAG_WRITE) != 0) {
        reply_error(reply, "ERR Write commands are not allowed from read-only scripts.");
    } else if (command->kind == COMMAND_LOCAL) {
        run_local(job, command, argv, argc, protocol, reply);
    } else if (!run_on_view(job, argv, argc, protocol, reply, &called)) {
        return ask(job, argv, argc, protocol, reply);
    } else {
        return called;
    }
    return CALLED_REPLY;
}

static void write_log(void *host, int level, struct span text)
{
    const struct script_job *job = host;

    log_write(request_of(job)->engine->own.log, (enum log_level)level, "script: %.*s",
              (int)(text.size < 1024 ? text.size : 1024), (const char *)text.data);
}

static bool knows(void *host, const struct span *argv, size_t argc)
{
    (void)host;
    return argv[0].size > 0 && command_row(argv, argc) != NULL;
}

const struct script_host script_calls = {.call = call, .log = write_log, .knows = knows};
