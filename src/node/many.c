/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A command of so many keys that a turn is too short for it (MGET, MSET, DEL, EXISTS): it is cut
 * into its parts, begun and gathered MANY_PER_TURN keys at a time, and every other request has its
 * turns in between. dispatch.c does all at once where there are fewer keys.
 *
 *     cutting    until every part has its memory: nothing of it runs before, so where there is too
 *                little all of it fails
 *     beginning  each part has the whole time of a request from then on
 *     waiting    for the parts that are not done; no step then
 *     gathering  the replies become one, and the parts go
 *
 * As with fewer keys the first error of a part is the reply, and of writes to one key only the last
 * is made.
 */
#include "node/parts.h"

#include "base/assert.h"
#include "base/memory.h"
#include "resp/answer.h"
#include "resp/reply.h"

/* What a part takes in a step, as task.h counts. */
#define MANY_PART_WORK (TASKS_WORK_PER_TURN / MANY_PER_TURN)

enum many_stage { MANY_CUTTING, MANY_BEGINNING, MANY_WAITING, MANY_GATHERING };

struct many {
    struct task task;
    enum many_stage stage;
    size_t at;             /* the next argument to cut */
    struct list *next;     /* the next part to begin */
    struct request **seen; /* GATHER_OK: parts by their keys' hashes, mask + 1 places */
    size_t mask;
    size_t count; /* of parts */
    int64_t sum;
    bool failed; /* the reply is a part's error */
};

size_t many_key_stride(const struct command *command)
{
    return command->key_step > 0 ? (size_t)command->key_step : 1;
}

size_t many_last_argument(const struct call *call)
{
    const int last = call->command->last_key;

    return last < 0 ? call->argc - (size_t)-last : (size_t)last;
}

bool many_is(const struct call *call)
{
    if (call->command->gather == GATHER_WATCH) /* WATCHED_MAX is the bound */
        return false;
    return (many_last_argument(call) + 1 - (size_t)call->command->first_key) /
               many_key_stride(call->command) >
           MANY_PER_TURN;
}

static struct many *many_of(struct task *task)
{
    return list_entry(task, struct many, task);
}

/* The part takes the place of an earlier one of the same key. */
static void note_key(struct many *many, struct request *part)
{
    size_t at = (size_t)part->hash & many->mask;

    while (many->seen[at] != NULL && !span_equal(many->seen[at]->call.argv[1], part->call.argv[1]))
        at = (at + 1) & many->mask;
    if (many->seen[at] != NULL) {
        request_abandon(many->seen[at]);
        many->count--;
    }
    many->seen[at] = part;
}

static void cut_some(struct many *many)
{
    struct request *whole = many->task.request;
    const size_t last = many_last_argument(&whole->call);

    for (unsigned i = 0; i < MANY_PER_TURN && many->at <= last; i++) {
        struct request *part = dispatch_cut_part(whole, many->at);
        if (part == NULL) { /* the reply says why */
            many->failed = true;
            many->stage = MANY_GATHERING;
            task_hurry(&many->task);
            return;
        }
        many->count++;
        task_spend(&many->task, MANY_PART_WORK);
        if (many->seen != NULL)
            note_key(many, part);
        many->at += many_key_stride(whole->call.command);
    }
    task_hurry(&many->task);
    if (many->at <= last)
        return;
    many->stage = MANY_BEGINNING;
    many->next = whole->parts.next;
    whole->parts_pending = many->count + 1; /* one held until all have begun */
}

static void begin_some(struct many *many)
{
    struct request *whole = many->task.request;

    for (unsigned i = 0; i < MANY_PER_TURN && many->next != &whole->parts; i++) {
        struct request *part = list_entry(many->next, struct request, link);
        many->next = many->next->next;
        task_spend(&many->task, MANY_PART_WORK);
        request_began(part, whole->engine->now.mono_us);
        route_find(part, part->call.argv[1]); /* the ring may have changed */
        route_take(part);
    }
    if (many->next != &whole->parts) {
        task_hurry(&many->task);
        return;
    }
    many->stage = MANY_WAITING;
    request_part_done(whole);
}

static void gather(struct task *task)
{
    struct many *many = many_of(task);
    struct request *whole = task->request;

    many->stage = MANY_GATHERING;
    if (whole->call.command->gather == GATHER_ARRAY)
        reply_array(&whole->reply, many->count);
    task_hurry(task);
}

static void take(struct many *many, struct request *part)
{
    struct request *whole = many->task.request;
    const struct buffer *reply = &part->reply;
    const struct span content = buffer_content(reply);
    int64_t value = 0;

    if (many->failed)
        return;
    if (reply->failed || (content.size > 0 && content.data[0] == '-')) {
        many->failed = true;
        outbox_pieces_free(&whole->behind);
        buffer_reset(&whole->reply, BUFFER_KEEP);
        buffer_append_span(&whole->reply, content);
        whole->reply.failed |= reply->failed;
    } else if (whole->call.command->gather == GATHER_ARRAY) {
        request_append_reply(whole, part);
    } else if (whole->call.command->gather == GATHER_SUM) {
        answer_integer(content, &value);
        many->sum += value;
    }
}

static void gather_some(struct many *many)
{
    struct request *whole = many->task.request;

    for (unsigned i = 0; i < MANY_PER_TURN && !list_empty(&whole->parts); i++) {
        struct request *part = list_entry(whole->parts.next, struct request, link);
        if (part->stage == STAGE_DONE) {
            take(many, part);
            request_part_taken(part);
        } else { /* not begun */
            request_abandon(part);
        }
        task_spend(&many->task, MANY_PART_WORK);
    }
    if (!list_empty(&whole->parts)) {
        task_hurry(&many->task);
        return;
    }
    if (!many->failed && whole->call.command->gather == GATHER_SUM)
        reply_integer(&whole->reply, many->sum);
    else if (!many->failed && whole->call.command->gather == GATHER_OK)
        reply_ok(&whole->reply);
    task_end(whole);
    request_finish(whole);
}

static void run(struct task *task)
{
    struct many *many = many_of(task);

    switch (many->stage) {
    case MANY_CUTTING:
        cut_some(many);
        return;
    case MANY_BEGINNING:
        begin_some(many);
        return;
    case MANY_GATHERING:
        gather_some(many);
        return;
    case MANY_WAITING:
        ensure(!"a command that waits for its parts has no step to do");
    }
}

/* ---- its life ---- */

static void release(struct task *task)
{
    struct many *many = many_of(task);

    memory_free(many->seen);
    memory_free(many);
}

static const struct task_kind kind = {
    .work = WORK_CLIENTS, .run = run, .gathered = gather, .release = release};

bool many_create(struct request *whole)
{
    const struct call *call = &whole->call;
    struct many *many = memory_alloc(sizeof *many);
    const size_t keys = (many_last_argument(call) + 1) / many_key_stride(call->command);

    task_init_of(&many->task, &kind, whole);
    many->at = (size_t)call->command->first_key;
    whole->route = 0;
    if (call->command->gather != GATHER_OK)
        return true;
    many->mask = 1;
    while (many->mask < 2 * keys)
        many->mask *= 2;
    many->seen = memory_try_alloc(many->mask * sizeof many->seen[0]);
    if (many->seen == NULL)
        return false;
    memset(many->seen, 0, many->mask * sizeof many->seen[0]);
    many->mask--;
    return true;
}

void many_begin(struct request *whole)
{
    request_wait(whole, STAGE_PARTS);
    task_hurry(whole->task);
}
