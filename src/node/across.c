/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MSETNX, RENAME, RENAMENX and COPY whose keys lie in several partitions, and SORT with STORE
 * wherever they lie: ordinary commands, one after another, without isolation. Somebody may see the
 * state between two of them, and where one fails, what those before it did stays.
 *
 *   MSETNX    EXISTS of all keys -> MSET
 *   RENAME..  the source's GET and PEXPIRETIME, as one step -> SET, with NX -> DEL
 *   SORT      SORT_RO of the key, which finds nothing or fails -> DEL of the destination
 */
#include "command/sort.h"
#include "node/exec.h"
#include "node/group.h"
#include "resp/answer.h"
#include "resp/reply.h"

#include "base/memory.h"

enum { STAGE_LOOK, STAGE_PUT, STAGE_DELETE };

static bool is(const struct exec *exec, const char *name)
{
    return strcmp(exec->transaction->commands[0]->command->name, name) == 0;
}

static const struct queued *asked(const struct exec *exec)
{
    return exec->transaction->commands[0];
}

/* Begins a command; false: the reply says why not. */
static bool begin(struct exec *exec, const struct span *argv, size_t argc)
{
    struct request *part = dispatch_step(exec->task.request, argv, argc);

    if (part == NULL) {
        reply_error(&exec->task.request->reply, "ERR too many requests in flight");
        return false;
    }
    dispatch_begin_step(part);
    return true;
}

static bool look_at_sorted(struct exec *exec)
{
    const struct span argv[] = {SPAN("sort_ro"), asked(exec)->argv[1]};

    return begin(exec, argv, 2);
}

static bool delete_destination(struct exec *exec)
{
    const struct queued *queued = asked(exec);
    const struct span argv[] = {SPAN("del"),
                                queued->argv[sort_destination(queued->argv, queued->argc)]};

    return begin(exec, argv, 2);
}

static bool look_at_source(struct exec *exec)
{
    static const uint32_t indices[] = {1, 2};
    const struct span source = asked(exec)->argv[1];
    const struct span get[] = {SPAN("get"), source}, until[] = {SPAN("pexpiretime"), source};
    struct transaction *transaction = exec->transaction;

    if (!transaction_queue(transaction, command_named(get[0]), get, 2, SIZE_MAX) ||
        !transaction_queue(transaction, command_named(until[0]), until, 2, SIZE_MAX)) {
        reply_error(&exec->task.request->reply, NO_ROOM_FOR_REQUEST);
        return false;
    }
    const struct group_content content = {
        .commands = transaction->commands, .indices = indices, .count = 2};
    struct request *part = group_cut(exec->task.request, &content);
    if (part == NULL)
        return false;
    route_find(part, group_first_key(part));
    route_take(part);
    return true;
}

static bool look_at_all(struct exec *exec)
{
    const struct queued *queued = asked(exec);
    const size_t count = (queued->argc - 1) / 2;
    struct span *argv = memory_alloc_array(1 + count, sizeof argv[0]);

    argv[0] = SPAN("exists");
    for (size_t i = 0; i < count; i++)
        argv[1 + i] = queued->argv[1 + 2 * i];
    const bool begun = begin(exec, argv, 1 + count);
    memory_free(argv);
    return begun;
}

static bool put_all(struct exec *exec)
{
    const struct queued *queued = asked(exec);
    struct span *argv = memory_alloc_array(queued->argc, sizeof argv[0]);

    memcpy(argv, queued->argv, queued->argc * sizeof argv[0]);
    argv[0] = SPAN("mset");
    const bool begun = begin(exec, argv, queued->argc);
    memory_free(argv);
    return begun;
}

/* The bytes of a bulk string; false for a null. */
static bool bulk(struct span reply, struct span *value)
{
    const uint8_t *line = memchr(reply.data, '\n', reply.size);

    if (reply.data[0] != '$' || reply.data[1] == '-' || line == NULL)
        return false;
    *value = span_of(line + 1, (size_t)(reply.data + reply.size - line) - 3);
    return true;
}

/* What the source has is written to the destination; false: there is nothing, or it could not be
 * begun. */
static bool put_copy(struct exec *exec, struct span reply)
{
    const bool replaces = is(exec, "rename") ||
                          (is(exec, "copy") &&
                           (exec->task.request->call.options.flags & KEYS_REPLACE) != 0);
    const uint8_t *line = memchr(reply.data, '\n', reply.size);
    struct span rest = span_of(line + 1, (size_t)(reply.data + reply.size - line) - 1), value;
    struct answer answer;
    int64_t deadline_ms = -1;
    char text[INT64_TEXT_MAX];
    size_t argc = 3;

    answer_init(&answer);
    if (answer_read(&answer, rest) != ANSWER_COMPLETE ||
        !bulk(span_of(rest.data, answer.size), &value)) {
        if (is(exec, "copy"))
            reply_integer(&exec->task.request->reply, 0);
        else
            reply_error(&exec->task.request->reply, "ERR no such key");
        return false;
    }
    answer_integer(span_of(rest.data + answer.size, rest.size - answer.size), &deadline_ms);
    struct span argv[6] = {SPAN("set"), asked(exec)->argv[2], value};
    if (!replaces)
        argv[argc++] = SPAN("nx");
    if (deadline_ms > 0) {
        argv[argc++] = SPAN("pxat");
        argv[argc++] = span_of(text, int64_to_text(deadline_ms, text));
    }
    return begin(exec, argv, argc);
}

static bool is_null(struct span reply)
{
    return reply.data[0] == '_' || (reply.size > 1 && reply.data[0] == '$' && reply.data[1] == '-');
}

static void reply_done(struct exec *exec)
{
    if (is(exec, "rename"))
        reply_ok(&exec->task.request->reply);
    else
        reply_integer(&exec->task.request->reply, is(exec, "sort") ? 0 : 1);
}

/* Goes on after the command of a stage; false: it is over, and the reply complete. */
static bool go_on(struct exec *exec, struct span reply)
{
    const struct span argv[] = {SPAN("del"), asked(exec)->argv[1]};
    int64_t count = 0;

    switch (exec->next++) {
    case STAGE_LOOK:
        if (is(exec, "sort"))
            return delete_destination(exec);
        if (!is(exec, "msetnx"))
            return put_copy(exec, reply);
        answer_integer(reply, &count);
        if (count == 0)
            return put_all(exec);
        reply_integer(&exec->task.request->reply, 0);
        return false;
    case STAGE_PUT:
        if (is_null(reply)) {
            reply_integer(&exec->task.request->reply, 0);
            return false;
        }
        if (is(exec, "rename") || is(exec, "renamenx"))
            return begin(exec, argv, 2);
        reply_done(exec);
        return false;
    default:
        reply_done(exec);
        return false;
    }
}

bool across_begin(struct exec *exec)
{
    exec->task.request->parts_pending = 2; /* one is held by who begins it */
    exec->next = STAGE_LOOK;
    if (is(exec, "sort"))
        return look_at_sorted(exec);
    return is(exec, "msetnx") ? look_at_all(exec) : look_at_source(exec);
}

bool across_take(struct exec *exec)
{
    struct request *request = exec->task.request;
    struct request *part = list_entry(request->parts.next, struct request, link);
    const struct span reply = exec_flatten(part);
    bool more = false;

    if (part->reply.failed || reply.size == 0 || reply.data[0] == '-') {
        request_append_reply(request, part);
        request_part_taken(part);
        return false;
    }
    list_remove(&part->link); /* the next one is the first */
    request->parts_pending = 2;
    more = go_on(exec, reply);
    request_part_taken(part);
    return more;
}
