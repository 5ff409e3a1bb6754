/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A group at its coordinator: its keys are read, then its commands run.
 */
#include "base/assert.h"
#include "node/group.h"
#include "resp/answer.h"
#include "resp/reply.h"

/* The name, and what belongs to a key. */
#define PART_ARGUMENTS_MAX 5

/* ---- reading ---- */

/* What the quorum answered about a key; the version's bytes are good until this returns. */
static void note_read(struct call *call, const struct version *version)
{
    struct request *part = list_entry(call, struct request, call);
    struct batch_key *key = &part->whole->operation.batch->keys[call->options.integer];

    buffer_reset(&key->winner_bytes, BUFFER_KEEP);
    buffer_append_span(&key->winner_bytes, version->value);
    key->winner = *version;
    key->winner.value = buffer_content(&key->winner_bytes);
    key->gone = part->operation.read_needed > 1 ? part->operation.reading.gone : DOT_NONE;
    key->settled = part->operation.read_needed > 1 ? read_tally_settled(&part->operation.reading)
                                                   : 0;
    key->read = true;
    call->reply->failed |= key->winner_bytes.failed;
}

static const struct command read_row = {
    .name = "batch", .kind = COMMAND_READ, .whole_version = true, .read = note_read};

/* A read of one key, at the levels of the group, here. */
static struct request *cut_read(struct request *request, size_t index)
{
    const struct operation *from = &request->operation;
    const struct place *place = &from->batch->keys[index].place;
    const struct span argv[] = {SPAN("batch"), place->key};
    struct request *part = dispatch_step(request, argv, 2);

    if (part == NULL)
        return NULL;
    part->call.command = &read_row;
    part->call.options.integer = (int64_t)index;
    part->kind = COMMAND_READ;
    part->placed = true;
    part->deadline_us = request->deadline_us;
    part->deadline_wall_ms = request->deadline_wall_ms;
    part->operation.copies = from->copies;
    memcpy(part->operation.nodes, from->nodes, sizeof part->operation.nodes);
    part->operation.siblings = from->siblings;
    part->operation.read_needed = from->read_needed;
    part->operation.write_needed = from->write_needed;
    part->operation.place = *place;
    part->operation.deadline_wall_ms = request->deadline_wall_ms;
    part->hash = part->operation.place.hash != 0 ? part->operation.place.hash : 1;
    part->route = request->route;
    if (!request_reserve(part)) {
        request_abandon(part);
        return NULL;
    }
    request_keep(part); /* what it repairs may be owed for longer than the group is there */
    return part;
}

bool group_gather(struct request *request, const bool *reads)
{
    const struct batch_run *batch = request->operation.batch;
    bool enough = true;

    if (request->operation.read_needed == 1)
        return false;
    for (size_t i = 0; enough && i < batch->count; i++)
        if (reads[i])
            enough = cut_read(request, i) != NULL;
    if (list_empty(&request->parts) && enough)
        return false;
    request->parts_pending = 1; /* held until all have begun */
    list_for_each(link, &request->parts) request->parts_pending++;
    request_wait(request, STAGE_PARTS);
    if (!enough) {
        /* Those that were cut have not begun: one of them says why. */
        list_for_each(link, &request->parts)
            request_fail(list_entry(link, struct request, link), "ERR too many requests in flight");
    } else {
        list_for_each(link, &request->parts)
            coordinate_begin(list_entry(link, struct request, link));
    }
    request_part_done(request);
    return true;
}

/* What takes too long with a lock held. */
static void make(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct group_command *command = &group->commands[i];
        if (!command->refused && command->call.command->make != NULL)
            command->call.command->make(&command->call);
    }
}

static void run(struct request *request)
{
    struct engine *engine = request->engine;
    struct operation *operation = &request->operation;

    if (operation->state == OPERATION_GATHERING) {
        operation_gathered(&engine->coordinator, operation, engine->now);
    } else {
        make(request->group);
        operation_begin(&engine->coordinator, operation, engine->now);
    }
    coordinate_proceed(request);
}

void group_begin(struct request *request)
{
    struct group *group = request->group;
    struct operation *operation = &request->operation;

    operation->batch = &group->batch;
    operation->kind = request->kind == COMMAND_READ ? OPERATION_READ : OPERATION_UPDATE;
    operation->state = OPERATION_READING; /* nothing has begun */
    operation->block = NULL;
    for (size_t i = 0; i < group->batch.count; i++) {
        struct place *place = &group->batch.keys[i].place;
        place->partition = operation->place.partition;
        place->claim_version = operation->place.claim_version;
    }
    if (!group_gather(request, request->group->reads))
        run(request);
}

void group_gather_again(struct request *request)
{
    if (!group_gather(request, request->group->reads))
        run(request);
}

/* A key could not be read. Where the batch was offered before, it may still take effect. */
static void fail(struct request *request, const struct request *part)
{
    if (request->operation.state == OPERATION_GATHERING) {
        request_take_parts(request);
        operation_expire(&request->operation);
        coordinate_proceed(request);
        return;
    }
    buffer_append_span(&request->reply, buffer_content(&part->reply));
    request->reply.failed |= part->reply.failed;
    request_take_parts(request);
    request_finish(request);
}

bool group_reads_failed(struct request *request)
{
    list_for_each(link, &request->parts)
    {
        const struct request *part = list_entry(link, struct request, link);
        if (buffer_size(&part->reply) > 0 || part->reply.failed) {
            fail(request, part);
            return true;
        }
    }
    request_take_parts(request);
    return false;
}

void group_gathered(struct request *request)
{
    if (!group_reads_failed(request))
        run(request);
}

/* ---- running, under the lock ---- */

/* What a command runs on. */
struct runner {
    struct batch_run *batch;
    const struct group_unit *units;
    struct buffer *part;
    bool copied;
};

static bool run_unit(const struct runner *runner, struct group_command *command, struct call *call,
                     size_t key)
{
    const struct version *version = batch_value(runner->batch, key);
    struct change change = {.deadline_ms = DEADLINE_NEVER};

    if (command->kind == COMMAND_READ) {
        call->command->read(call, version);
        return true;
    }
    call->command->update(call, command->kind == COMMAND_WRITE ? NULL : version, &change);
    return batch_change(runner->batch, key, &change, runner->copied);
}

/* One of a command of many keys, which is given the name, the key and what belongs to it. */
static bool run_part(const struct runner *runner, struct group_command *command,
                     const struct group_unit *unit, struct buffer *reply)
{
    struct call *call = &command->call;
    const struct span *argv = call->argv;
    const size_t argc = call->argc, size = many_key_stride(call->command);
    struct buffer *const whole = call->reply;
    struct span part[PART_ARGUMENTS_MAX];

    ensure(size < PART_ARGUMENTS_MAX);
    part[0] = argv[0];
    for (size_t i = 0; i < size; i++)
        part[1 + i] = argv[unit->at + i];
    call->argv = part;
    call->argc = 1 + size;
    call->reply = reply;
    const bool done = run_unit(runner, command, call, unit->key);
    call->argv = argv;
    call->argc = argc;
    call->reply = whole;
    return done;
}

static bool run_many(const struct runner *runner, struct group_command *command)
{
    const enum command_gather gather = command->call.command->gather;
    struct buffer *reply = command->call.reply;
    bool done = true;
    int64_t sum = 0;

    if (gather == GATHER_ARRAY)
        reply_array(reply, command->units);
    for (size_t i = 0; done && i < command->units; i++) {
        int64_t value = 0;
        buffer_reset(runner->part, BUFFER_KEEP);
        done = run_part(runner, command, &runner->units[i],
                        gather == GATHER_ARRAY ? reply : runner->part);
        if (gather == GATHER_SUM)
            answer_integer(buffer_content(runner->part), &value);
        sum += value;
    }
    if (gather == GATHER_SUM)
        reply_integer(reply, sum);
    else if (gather == GATHER_OK)
        reply_ok(reply);
    return done;
}

/* ---- several keys at once ---- */

struct unit_values {
    struct key_values values;
    const struct runner *runner;
};

static const struct version *unit_value(const struct key_values *keys, size_t key)
{
    const struct unit_values *values = (const struct unit_values *)keys;

    return batch_value(values->runner->batch, values->runner->units[key].key);
}

static bool unit_change(const struct key_values *keys, size_t key, const struct change *change)
{
    const struct unit_values *values = (const struct unit_values *)keys;

    return batch_change(values->runner->batch, values->runner->units[key].key, change, true);
}

static bool run_steps(const struct runner *runner, struct group_command *command)
{
    const struct unit_values values = {.values = {.value = unit_value, .change = unit_change},
                                       .runner = runner};

    return command->call.command->steps(&command->call, &values.values);
}

bool group_run_command(struct batch_run *batch, struct group_command *command,
                       const struct group_unit *units, struct buffer *part, bool copied)
{
    const struct runner runner = {.batch = batch, .units = units, .part = part, .copied = copied};

    if (command->kind == COMMAND_STEPS)
        return run_steps(&runner, command);
    if (command->call.command->gather == GATHER_NONE)
        return run_unit(&runner, command, &command->call, units->key);
    return run_many(&runner, command);
}

/* Whether the watched keys are as they were; looked at once, before anything was written. */
static bool watched_hold(const struct operation *operation, const struct group *group,
                         int64_t now_ms)
{
    if (operation->rounds > 0)
        return true;
    for (size_t i = 0; i < group->watched_count; i++)
        if (!watched_holds(&group->watched[i], batch_before(&group->batch, i), now_ms))
            return false;
    return true;
}

static bool run_commands(struct request *request)
{
    struct group *group = request->group;
    const struct group_unit *units = group->units;
    bool done = true;

    reply_array(&request->reply, group->count);
    for (size_t i = 0; done && i < group->count; i++) {
        struct group_command *command = &group->commands[i];
        command->call.now = request->engine->now;
        if (command->refused)
            buffer_append(&request->reply,
                          buffer_content(&group->refusals).data + command->refusal_at,
                          command->refusal_size);
        else
            done = group_run_command(&group->batch, command, units, &group->part, false);
        units += command->units;
    }
    return done;
}

bool group_run(void *host, struct operation *operation)
{
    struct request *request = list_entry(operation, struct request, operation);

    (void)host;
    buffer_reset(&request->reply, BUFFER_KEEP);
    if (!watched_hold(operation, request->group, request->engine->now.wall_ms)) {
        reply_null_array(&request->reply, request->call.protocol);
        return false;
    }
    if (run_commands(request))
        return true;
    request->reply.failed = true; /* out of memory: nothing is written */
    return false;
}
