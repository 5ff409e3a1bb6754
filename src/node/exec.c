/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/exec.h"

#include "base/assert.h"
#include "base/memory.h"
#include "node/group.h"
#include "resp/answer.h"
#include "resp/reply.h"

/* What a command takes, as task.h counts. */
#define EXEC_COMMAND_WORK (TASKS_WORK_PER_TURN / EXEC_COMMANDS_PER_TURN)

static struct exec *exec_of(struct task *task)
{
    return list_entry(task, struct exec, task);
}

/* ---- the reply ---- */

static bool is_null(struct span reply)
{
    return span_equal(reply, SPAN("*-1\r\n")) || span_equal(reply, SPAN("_\r\n"));
}

static void end(struct request *request)
{
    task_end(request);
    request_finish(request);
}

struct span exec_flatten(struct request *part)
{
    list_for_each(link, &part->behind)
    {
        const struct outbox_piece *piece = list_entry(link, struct outbox_piece, link);
        buffer_append_span(&part->reply,
                           piece->block != NULL ? piece->referred : buffer_content(&piece->bytes));
    }
    outbox_pieces_free(&part->behind);
    return buffer_content(&part->reply);
}

static void note(struct exec *exec, uint32_t command, struct span reply)
{
    exec->places[command] = (struct exec_reply){.at = buffer_size(&exec->replies),
                                                .size = reply.size};
    buffer_append_span(&exec->replies, reply);
}

/* Takes a group's array apart, or gives its error to each of its commands. */
static void note_group(struct exec *exec, const struct exec_step *step, struct span reply)
{
    struct span rest = reply;

    if (!answer_is_error(reply)) {
        const uint8_t *line = memchr(reply.data, '\n', reply.size);
        ensure(line != NULL);
        rest = span_of(line + 1, (size_t)(reply.data + reply.size - line) - 1);
    }
    for (size_t i = 0; i < step->count; i++) {
        struct span one = reply;
        if (!answer_is_error(reply)) {
            struct answer answer;
            answer_init(&answer);
            if (answer_read(&answer, rest) != ANSWER_COMPLETE) {
                exec->replies.failed = true; /* what a node answered is no reply */
                return;
            }
            one = span_of(rest.data, answer.size);
            rest = span_of(rest.data + answer.size, rest.size - answer.size);
        }
        note(exec, exec->order[step->first + i], one);
    }
}

static void reply_all(struct exec *exec)
{
    struct request *request = exec->task.request;
    const size_t count = exec->transaction->count;

    reply_array(&request->reply, count);
    for (size_t i = 0; i < count && !exec->replies.failed; i++)
        buffer_append_span(&request->reply,
                           span_of(buffer_content(&exec->replies).data + exec->places[i].at,
                                   exec->places[i].size));
    request->reply.failed |= exec->replies.failed;
}

/* The step that ran is done: takes its reply. False: the transaction is over. */
static bool take_step(struct exec *exec)
{
    struct request *request = exec->task.request;
    const struct exec_step *step = &exec->steps[exec->next - 1];
    struct request *part = list_entry(request->parts.next, struct request, link);
    const bool whole = exec->step_count == 1 && step->group && step->count > 0;
    const struct span reply = whole ? buffer_content(&part->reply) : exec_flatten(part);
    const bool watched_changed = step->watched_count > 0 && is_null(reply);
    const bool unknown = step->count == 0 && answer_is_error(reply);

    request->reply.failed |= part->reply.failed;
    if (!step->group)
        request->call.protocol = part->call.protocol; /* HELLO may have changed it */
    if (part->reply.failed) {
        request_part_taken(part); /* there was no memory for it: the connection ends */
        return false;
    }
    if (watched_changed) {
        reply_null_array(&request->reply, request->call.protocol);
    } else if (whole && exec->alone && !answer_is_error(reply)) {
        const size_t head = strlen("*1\r\n");
        buffer_append(&request->reply, reply.data + head, reply.size - head);
    } else if (unknown || whole) {
        request_append_reply(request, part);
    } else if (step->group) {
        note_group(exec, step, reply);
    } else {
        note(exec, exec->order[step->first], reply);
    }
    request_part_taken(part);
    return !watched_changed && !unknown && !whole;
}

/* ---- steps ---- */

static bool begin_step(struct exec *exec)
{
    struct request *request = exec->task.request;
    const struct exec_step *step = &exec->steps[exec->next++];
    struct transaction *transaction = exec->transaction;
    struct request *part;

    task_spend(&exec->task, (unsigned)(step->count + 1) * EXEC_COMMAND_WORK);
    request->parts_pending = 2; /* one is held by who begins it */
    if (!step->group) {
        const struct queued *queued = transaction->commands[exec->order[step->first]];
        part = dispatch_step(request, queued->argv, queued->argc);
        if (part == NULL) {
            reply_error(&request->reply, "ERR too many requests in flight");
            return false;
        }
        dispatch_begin_step(part);
        return true;
    }
    const struct group_content content = {.commands = transaction->commands,
                                          .indices = exec->order + step->first,
                                          .count = step->count,
                                          .watched = transaction->watched,
                                          .watched_indices = exec->watched_order +
                                                             step->watched_first,
                                          .watched_count = step->watched_count};
    part = group_cut(request, &content);
    if (part == NULL)
        return false;
    route_find(part, group_first_key(part));
    route_take(part);
    return true;
}

/* One of several partitions goes on as long as its commands end at once. */
static void proceed_across(struct exec *exec, bool more)
{
    struct request *request = exec->task.request;

    while (more && --request->parts_pending == 0)
        more = across_take(exec);
    if (!more)
        end(request);
}

static void proceed(struct exec *exec)
{
    struct request *request = exec->task.request;

    while (exec->next < exec->step_count) {
        if (task_turn_spent(&exec->task)) {
            task_hurry(&exec->task);
            return;
        }
        if (!begin_step(exec)) {
            end(request);
            return;
        }
        if (--request->parts_pending > 0)
            return;
        if (!take_step(exec)) {
            end(request);
            return;
        }
    }
    reply_all(exec);
    end(request);
}

/* The step that was begun is done. */
static void gathered(struct task *task)
{
    struct exec *exec = exec_of(task);

    if (exec->across)
        proceed_across(exec, across_take(exec));
    else if (take_step(exec))
        proceed(exec);
    else
        end(task->request);
}

/* Its turn was over: it goes on. */
static void run(struct task *task)
{
    proceed(exec_of(task));
}

/* ---- its life ---- */

static void release(struct task *task)
{
    struct exec *exec = exec_of(task);

    transaction_destroy(&exec->transaction);
    memory_free(exec->steps);
    memory_free(exec->order);
    memory_free(exec->watched_order);
    memory_free(exec->places);
    buffer_deinit(&exec->replies);
    memory_free(exec);
}

static const struct task_kind kind = {
    .work = WORK_CLIENTS, .run = run, .gathered = gathered, .release = release};

static struct exec *create(struct request *request, struct transaction *transaction)
{
    struct exec *exec = memory_alloc(sizeof *exec);

    task_init_of(&exec->task, &kind, request);
    exec->transaction = transaction;
    return exec;
}

/* The session's transaction; NULL: the request has failed. */
static struct exec *take_transaction(struct request *request)
{
    struct session *session = request->call.session;

    if (!session->queueing) {
        request_fail(request, "ERR EXEC without MULTI");
        return NULL;
    }
    if (session->transaction->aborted) {
        session_end_transaction(session);
        request_fail(request, "EXECABORT Transaction discarded because of previous errors.");
        return NULL;
    }
    struct exec *exec = create(request, session->transaction);
    session->transaction = NULL;
    session_end_transaction(session);
    return exec;
}

void exec_begin(struct request *request)
{
    if (request->call.session == NULL) {
        request_fail(request, "ERR EXEC without MULTI");
        return;
    }
    struct exec *exec = take_transaction(request);
    if (exec == NULL)
        return;
    if (!exec_plan(exec)) {
        end(request);
        return;
    }
    request_wait(request, STAGE_PARTS);
    proceed(exec);
}

void exec_begin_alone(struct request *request)
{
    const struct call *call = &request->call;

    struct exec *exec = create(request, transaction_create());
    exec->alone = true;
    if (!transaction_queue(exec->transaction, call->command, call->argv, call->argc, SIZE_MAX)) {
        task_end(request);
        request_fail(request, NO_ROOM_FOR_REQUEST);
        return;
    }
    if (!exec_plan(exec)) {
        end(request);
        return;
    }
    request_wait(request, STAGE_PARTS);
    exec->across = !exec->steps[0].group;
    if (exec->across)
        proceed_across(exec, across_begin(exec));
    else
        proceed(exec);
}

/* ---- WATCH ---- */

static bool watch(struct session *session, const struct request *part)
{
    const struct span reply = buffer_content(&part->reply);
    const size_t tail = WATCH_REPLY_SIZE + 2; /* and the line's end */

    if (reply.size < tail)
        return false;
    const struct watch_reply seen = watch_reply_get(reply.data + reply.size - tail);
    return transaction_watch(session->transaction, part->call.argv[1], seen.visible, seen.dot);
}

void exec_watch(struct request *whole)
{
    struct session *session = whole->client != NULL ? &whole->client->session : NULL;
    bool done = true;

    if (session != NULL && session->transaction == NULL)
        session->transaction = transaction_create();
    list_for_each(link, &whole->parts)
        done = done && session != NULL && watch(session, list_entry(link, struct request, link));
    if (done)
        reply_ok(&whole->reply);
    else
        reply_error(&whole->reply, "ERR too many keys are watched");
}
