/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a group is made of its arguments, and these of a transaction. What it does is in group_run.c.
 */
#include "node/group.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "resp/reply.h"

#define HEAD_SIZE    8
#define WATCHED_SIZE WATCH_REPLY_SIZE
/* Arguments before the keys. */
#define ARGS_FIRST 2
/* What a version takes beside its bytes, about, where nothing is known of it. */
#define NUMBER_SIZE 24

static const char name[] = "batch";

/* ---- the arguments ---- */

static size_t head_size(size_t commands, size_t watched)
{
    return HEAD_SIZE + 4 * commands + WATCHED_SIZE * watched;
}

struct measure {
    size_t argc, bytes;
};

static struct measure measure(const struct group_content *content)
{
    struct measure m = {.argc = ARGS_FIRST + content->watched_count,
                        .bytes = 1 + sizeof name - 1 +
                                 head_size(content->count, content->watched_count)};

    for (size_t i = 0; i < content->watched_count; i++)
        m.bytes += content->watched[content->watched_indices[i]]->key.size;
    for (size_t i = 0; i < content->count; i++) {
        const struct queued *queued = content->commands[content->indices[i]];
        m.argc += queued->argc;
        for (size_t a = 0; a < queued->argc; a++)
            m.bytes += queued->argv[a].size;
    }
    return m;
}

static uint8_t *add(struct request *request, uint8_t *at, struct span argument)
{
    if (argument.size > 0)
        memcpy(at, argument.data, argument.size);
    request->room[request->call.argc++] = span_of(at, argument.size);
    return at + argument.size;
}

static uint8_t *add_head(struct request *request, uint8_t *at, const struct group_content *content)
{
    uint8_t *const from = at;

    bytes_put_u32(at, (uint32_t)content->count);
    bytes_put_u32(at + 4, (uint32_t)content->watched_count);
    at += HEAD_SIZE;
    for (size_t i = 0; i < content->count; i++, at += 4)
        bytes_put_u32(at, (uint32_t)content->commands[content->indices[i]]->argc);
    for (size_t i = 0; i < content->watched_count; i++, at += WATCHED_SIZE) {
        const struct watched *watched = content->watched[content->watched_indices[i]];
        const struct watch_reply seen = {.visible = watched->visible, .dot = watched->dot};
        watch_reply_put(at, &seen);
    }
    request->room[request->call.argc++] = span_of(from, (size_t)(at - from));
    return at;
}

static void add_all(struct request *request, uint8_t *at, const struct group_content *content)
{
    request->call.argc = 0;
    at = add(request, at, SPAN("batch"));
    at = add_head(request, at, content);
    for (size_t i = 0; i < content->watched_count; i++)
        at = add(request, at, content->watched[content->watched_indices[i]]->key);
    for (size_t i = 0; i < content->count; i++) {
        const struct queued *queued = content->commands[content->indices[i]];
        for (size_t a = 0; a < queued->argc; a++)
            at = add(request, at, queued->argv[a]);
    }
    request->call.argv = request->room;
    request->owned = true;
}

struct request *group_cut(struct request *whole, const struct group_content *content)
{
    const struct measure m = measure(content);
    struct request *request = dispatch_step(whole, NULL, 0);
    uint8_t *at;

    if (request == NULL) {
        reply_error(&whole->reply, "ERR too many requests in flight");
        return NULL;
    }
    if (!request_make_room(request, m.argc) ||
        (at = buffer_reserve(&request->kept, m.bytes)) == NULL) {
        request_abandon(request);
        reply_error(&whole->reply, NO_ROOM_FOR_REQUEST);
        return NULL;
    }
    buffer_commit(&request->kept, m.bytes - 1);
    add_all(request, at, content);
    if (group_create(request))
        return request;
    buffer_append_span(&whole->reply, buffer_content(&request->reply));
    whole->reply.failed |= request->reply.failed;
    request_abandon(request);
    return NULL;
}

/* ---- the group ---- */

static bool refuse(struct request *request, const char *why)
{
    reply_error(&request->reply, why);
    return false;
}

/* Whether the head says what there is. */
static bool read_head(const struct call *call, struct group *group)
{
    if (call->argc < ARGS_FIRST || !span_is(call->argv[0], name) || call->argv[1].size < HEAD_SIZE)
        return false;
    const struct span head = call->argv[1];
    const uint32_t count = bytes_get_u32(head.data), watched = bytes_get_u32(head.data + 4);
    size_t left = call->argc - ARGS_FIRST;
    if (count > GROUP_COMMANDS_MAX || watched > WATCHED_MAX || count + watched == 0 ||
        head.size != head_size(count, watched) || watched > left)
        return false;
    left -= watched;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t argc = bytes_get_u32(head.data + HEAD_SIZE + 4 * (size_t)i);
        if (argc == 0 || argc > left)
            return false;
        left -= argc;
    }
    group->count = count;
    group->watched_count = watched;
    return left == 0;
}

/* Keys at or behind `from` of the command. */
size_t group_next_key(const struct call *call, size_t from)
{
    return from == 0 ? (size_t)call->command->first_key : from + (size_t)call->command->key_step;
}

static size_t count_units(const struct call *call)
{
    size_t count = 0;

    for (size_t at = group_next_key(call, 0); at <= many_last_argument(call);
         at = group_next_key(call, at))
        count++;
    return count;
}

bool group_read_command(const struct request *request, struct group_command *command,
                        const struct span *argv, size_t argc, struct buffer *refusals)
{
    struct call *call = &command->call;
    const size_t before = buffer_size(refusals);

    command->made = (struct buffer){0};
    *call = (struct call){.argv = argv,
                          .argc = argc,
                          .reply = refusals,
                          .made = &command->made,
                          .protocol = request->call.protocol,
                          .siblings = request->call.siblings,
                          .now = request->engine->now,
                          .environment = request->engine->own.environment};
    call->command = command_find(argv, argc, NULL, refusals);
    if (call->command == NULL || call->command->first_key <= 0 ||
        command_keys_move(call->command, argv, argc) || call->command->gather == GATHER_LCS)
        return false;
    command->kind = call->command->kind;
    command->refused = call->command->prepare != NULL &&
                       !call->command->prepare(call, &command->kind);
    command->refusal_at = before;
    command->refusal_size = buffer_size(refusals) - before;
    if (command->kind != COMMAND_READ && command->kind != COMMAND_WRITE &&
        command->kind != COMMAND_UPDATE && command->kind != COMMAND_STEPS)
        return false;
    command->units = command->refused ? 0 : count_units(call);
    return true;
}

static bool read_command(struct request *request, struct group *group, size_t index,
                         const struct span *argv, size_t argc)
{
    struct group_command *command = &group->commands[index];

    if (!group_read_command(request, command, argv, argc, &group->refusals))
        return false;
    command->call.reply = &request->reply;
    group->unit_count += command->units;
    return true;
}

static bool read_commands(struct request *request, struct group *group)
{
    const uint8_t *argcs = request->call.argv[1].data + HEAD_SIZE;
    const struct span *argv = request->call.argv + ARGS_FIRST + group->watched_count;

    for (size_t i = 0; i < group->count; i++) {
        const size_t argc = bytes_get_u32(argcs + 4 * i);
        group->made_count++;
        if (!read_command(request, group, i, argv, argc))
            return false;
        argv += argc;
    }
    return true;
}

/* ---- its keys ---- */

/* Finds each key once: places are indices of keys, plus one. */
struct finder {
    uint32_t *places;
    size_t mask;
};

static size_t key_index(const struct request *request, struct group *group,
                        const struct finder *finder, struct span key)
{
    const uint64_t hash = store_hash(request->engine->own.store, key);
    size_t at = (size_t)hash & finder->mask;

    for (; finder->places[at] != 0; at = (at + 1) & finder->mask)
        if (span_equal(group->batch.keys[finder->places[at] - 1].place.key, key))
            return finder->places[at] - 1;
    const size_t index = group->batch.count++;
    group->batch.keys[index].place = (struct place){.hash = hash, .key = key};
    finder->places[at] = (uint32_t)index + 1;
    return index;
}

static void read_watched(struct request *request, struct group *group, const struct finder *finder)
{
    const uint8_t *at = request->call.argv[1].data + HEAD_SIZE + 4 * group->count;

    for (size_t i = 0; i < group->watched_count; i++, at += WATCHED_SIZE) {
        const struct watch_reply seen = watch_reply_get(at);
        const size_t key = key_index(request, group, finder, request->call.argv[ARGS_FIRST + i]);
        group->watched[i] = (struct watched){.visible = seen.visible, .dot = seen.dot};
        group->reads[key] = true;
    }
}

static void read_units(struct request *request, struct group *group, const struct finder *finder)
{
    struct group_unit *unit = group->units;

    group->batch.blind = group->watched_count == 0;
    for (size_t i = 0; i < group->count; i++) {
        struct group_command *command = &group->commands[i];
        const struct call *call = &command->call;
        size_t at = 0;
        for (size_t u = 0; u < command->units; u++, unit++) {
            at = group_next_key(call, at);
            unit->at = at;
            unit->key = key_index(request, group, finder, call->argv[at]);
            if (command->kind != COMMAND_WRITE) {
                group->reads[unit->key] = true;
                group->batch.blind = false;
            }
        }
        if (command->kind != COMMAND_READ)
            request->kind = COMMAND_UPDATE;
        for (size_t a = 1; command->kind != COMMAND_READ && a < call->argc; a++)
            group->batch.room += store_room_for(call->argv[a].size, NUMBER_SIZE);
    }
}

static bool find_keys(struct request *request, struct group *group)
{
    const size_t most = group->watched_count + group->unit_count;
    struct finder finder = {.mask = 1};

    while (finder.mask < 2 * most)
        finder.mask *= 2;
    finder.places = memory_try_alloc(finder.mask * sizeof finder.places[0]);
    group->batch.keys = memory_try_alloc((most + 1) * sizeof group->batch.keys[0]);
    group->units = memory_try_alloc((group->unit_count + 1) * sizeof group->units[0]);
    group->watched = memory_try_alloc((group->watched_count + 1) * sizeof group->watched[0]);
    group->reads = memory_try_alloc((most + 1) * sizeof group->reads[0]);
    if (finder.places == NULL || group->batch.keys == NULL || group->units == NULL ||
        group->watched == NULL || group->reads == NULL) {
        memory_free(finder.places);
        return false;
    }
    memset(finder.places, 0, finder.mask * sizeof finder.places[0]);
    memset(group->batch.keys, 0, (most + 1) * sizeof group->batch.keys[0]);
    memset(group->reads, 0, (most + 1) * sizeof group->reads[0]);
    finder.mask--;
    read_watched(request, group, &finder);
    const bool each_once = group->batch.count == group->watched_count;
    read_units(request, group, &finder);
    memory_free(finder.places);
    return each_once;
}

struct span group_first_key(const struct request *request)
{
    const struct group *group = request->group;

    if (group->watched_count > 0)
        return request->call.argv[ARGS_FIRST];
    const struct call *call = &group->commands[0].call;
    return call->argv[call->command->first_key];
}

bool group_create(struct request *request)
{
    struct group *group = request->owned ? memory_try_alloc(sizeof *group) : NULL;

    if (group == NULL)
        return refuse(request, NO_ROOM_FOR_REQUEST);
    memset(group, 0, sizeof *group);
    request->group = group;
    request->kind = COMMAND_READ;
    request->call.command = command_named(SPAN("exec"));
    if (!read_head(&request->call, group))
        return refuse(request, "ERR what a node forwarded is no part of a transaction");
    group->commands = memory_try_alloc((group->count + 1) * sizeof group->commands[0]);
    if (group->commands == NULL)
        return refuse(request, NO_ROOM_FOR_REQUEST);
    if (!read_commands(request, group))
        return refuse(request, "ERR what a node forwarded is no part of a transaction");
    if (!find_keys(request, group))
        return refuse(request, NO_ROOM_FOR_REQUEST);
    return true;
}

void group_destroy(struct request *request)
{
    struct group *group = request->group;

    request->group = NULL;
    request->operation.batch = NULL;
    if (group == NULL)
        return;
    for (size_t i = 0; i < group->made_count; i++)
        buffer_deinit(&group->commands[i].made);
    batch_deinit(&group->batch);
    buffer_deinit(&group->refusals);
    buffer_deinit(&group->part);
    memory_free(group->batch.keys);
    memory_free(group->commands);
    memory_free(group->units);
    memory_free(group->watched);
    memory_free(group->reads);
    memory_free(group);
}
