/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A command of many keys (MGET, MSET, DEL, EXISTS and the like, WATCH, LCS): it is cut into parts,
 * one a key, which run side by side wherever each belongs.
 *
 *     cutting    until every part has its memory: nothing of it runs before, so where there is too
 *                little all of it fails
 *     beginning  each part has the whole time of a request from then on
 *     waiting    for the parts that are not done; no step then
 *     gathering  the replies become one, and the parts go
 *
 * The first error of a part is the reply. With more than MANY_PER_TURN keys all but the waiting is
 * done in steps of so many, as a task; with fewer at once.
 *
 * Of MSET, DEL and UNLINK with no more keys than that, those of one class are one part: a group
 * (group.h), whose keys change as one step. Of a larger MSET that writes a key more than once only
 * the last of these is made: side by side an earlier one might be stamped again above it.
 */
#include "node/exec.h"
#include "node/group.h"
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
    bool at_once;      /* it is no work for more than one step */
    bool grouped;      /* what has one class is one part */
    bool failed;       /* the reply is complete, and an error */
    size_t at;         /* the next argument to cut */
    struct list *next; /* the next part to begin */
    struct request *
        *seen; /* GATHER_OK, not grouped: parts by their keys' hashes, mask + 1 places */
    size_t mask;
    size_t count; /* of parts */
    int64_t sum;
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

bool many_has_parts(const struct call *call)
{
    const struct command *command = call->command;

    return command->gather == GATHER_ARRAY || command->gather == GATHER_WATCH ||
           call->argc > (size_t)command->first_key + many_key_stride(command);
}

static struct many *many_of(struct task *task)
{
    return list_entry(task, struct many, task);
}

static void run(struct task *task);

/* To the next step. It may be the last: nothing is done behind it. */
static void go_on(struct many *many)
{
    if (many->at_once)
        run(&many->task);
    else
        task_hurry(&many->task);
}

/* Nothing of it has begun. */
static void fail(struct many *many, const char *error)
{
    reply_error(&many->task.request->reply, error);
    many->failed = true;
    many->stage = MANY_GATHERING;
}

static void spend(const struct many *many, unsigned parts)
{
    if (!many->at_once)
        task_spend(&many->task, parts * MANY_PART_WORK);
}

/* ---- cutting ---- */

/* The part about the key at argv[at]; NULL: it has failed. */
static struct request *cut_part(struct many *many)
{
    struct request *whole = many->task.request;
    const struct call *from = &whole->call;
    struct request *part = request_borrow(whole->engine);
    struct span argv[1 + 4];
    const size_t size = many_key_stride(from->command);

    if (part == NULL) {
        fail(many, "ERR too many requests in flight");
        return NULL;
    }
    ensure(size <= 4 && many->at + size <= from->argc);
    argv[0] = from->argv[0];
    for (size_t i = 0; i < size; i++)
        argv[1 + i] = from->argv[many->at + i];
    request_began(part, whole->began_us);
    part->owner = OWNER_WHOLE;
    part->whole = whole;
    part->call.command = from->command;
    if (from->command->gather == GATHER_LCS) {
        argv[0] = SPAN("GET");
        part->call.command = command_named(argv[0]);
    }
    part->call.protocol = from->protocol;
    part->call.options = from->options;
    part->call.session = from->session;
    part->call.argv = argv;
    part->call.argc = 1 + size;
    part->kind = whole->kind;
    part->read_level = whole->read_level;
    part->write_level = whole->write_level;
    if (!request_reserve(part)) {
        request_abandon(part);
        fail(many, NO_ROOM_FOR_REQUEST);
        return NULL;
    }
    request_keep(part);
    list_append(&whole->parts, &part->link);
    route_find(part, part->call.argv[1]);
    return part;
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

/* The part about these of the whole's keys, by their places among them; NULL: it has failed. */
static struct request *cut_group(struct many *many, const uint8_t *members, size_t count)
{
    struct request *whole = many->task.request;
    const struct call *from = &whole->call;
    const size_t stride = many_key_stride(from->command), argc = 1 + count * stride;
    struct queued *queued = memory_try_alloc(sizeof *queued + argc * sizeof queued->argv[0]);
    const uint32_t index = 0;

    if (queued == NULL) {
        fail(many, NO_ROOM_FOR_REQUEST);
        return NULL;
    }
    *queued = (struct queued){.command = from->command, .argc = argc};
    queued->argv[0] = from->argv[0];
    for (size_t i = 0; i < count; i++)
        memcpy(&queued->argv[1 + i * stride], &from->argv[1 + members[i] * stride],
               stride * sizeof queued->argv[0]);
    const struct group_content content = {.commands = &queued, .indices = &index, .count = 1};
    struct request *part = group_cut(whole, &content);
    memory_free(queued);
    if (part == NULL) {
        many->failed = true;
        many->stage = MANY_GATHERING;
        return NULL;
    }
    route_find(part, group_first_key(part));
    return part;
}

/* Cuts all, a part a class. */
static void cut_classes(struct many *many)
{
    struct request *whole = many->task.request;
    const struct call *call = &whole->call;
    const size_t stride = many_key_stride(call->command), keys = (call->argc - 1) / stride;
    struct route_class classes[MANY_PER_TURN];
    bool cut[MANY_PER_TURN] = {false};
    uint8_t members[MANY_PER_TURN];

    ensure(keys <= MANY_PER_TURN);
    for (size_t i = 0; i < keys; i++)
        route_class_of(whole->engine, call->argv[1 + i * stride], &classes[i]);
    for (size_t i = 0; i < keys && !many->failed; i++) {
        const bool lww = classes[i].rule->conflict == RING_CONFLICT_LWW;
        size_t count = 0;
        if (cut[i])
            continue;
        for (size_t other = i; other < keys; other++)
            if (other == i ||
                (!cut[other] && lww && route_class_same(&classes[i], &classes[other]))) {
                members[count++] = (uint8_t)other;
                cut[other] = true;
            }
        many->at = 1 + i * stride;
        if ((count == 1 ? cut_part(many) : cut_group(many, members, count)) != NULL)
            many->count++;
    }
    many->at = call->argc;
}

static void cut_some(struct many *many)
{
    struct request *whole = many->task.request;
    const size_t last = many_last_argument(&whole->call);
    const size_t stride = many_key_stride(whole->call.command);
    unsigned cut = 0;

    if (many->grouped)
        cut_classes(many);
    for (; cut < MANY_PER_TURN && many->at <= last && !many->failed; cut++) {
        struct request *part = cut_part(many);
        if (part == NULL)
            break;
        many->count++;
        if (many->seen != NULL)
            note_key(many, part);
        many->at += stride;
    }
    if (many->at > last && !many->failed) {
        many->stage = MANY_BEGINNING;
        many->next = whole->parts.next;
        whole->parts_pending = many->count + 1; /* one held until all have begun */
    }
    spend(many, cut);
    go_on(many);
}

/* ---- beginning ---- */

/* As with commands that are read ahead: the memory that the parts will touch is fetched for many at
 * a time. */
static void fetch(const struct many *many)
{
    const struct request *whole = many->task.request;
    struct store *store = whole->engine->own.store;
    struct store_visit visits[STORE_PREFETCH_MAX];
    size_t count = 0;

    for (struct list *link = many->next; link != &whole->parts && count < STORE_PREFETCH_MAX;
         link = link->next) {
        const struct place *place = &list_entry(link, struct request, link)->operation.place;
        visits[count++] = (struct store_visit){
            .partition = store_partition(store, place->partition), .hash = place->hash};
    }
    store_prefetch(visits, count);
}

static void begin_some(struct many *many)
{
    struct request *whole = many->task.request;
    unsigned begun = 0;

    for (; begun < MANY_PER_TURN && many->next != &whole->parts; begun++) {
        struct request *part = list_entry(many->next, struct request, link);
        if (begun % STORE_PREFETCH_MAX == 0)
            fetch(many);
        many->next = many->next->next;
        if (!many->at_once) {
            request_began(part, whole->engine->now.mono_us);
            route_find(part, part->call.argv[1]); /* the ring may have changed */
        }
        route_take(part);
    }
    spend(many, begun);
    if (many->next != &whole->parts) {
        go_on(many);
        return;
    }
    many->stage = MANY_WAITING;
    request_part_done(whole);
}

/* ---- gathering ---- */

/* A group answers an array of one reply, or an error of its own. */
static void unwrap(struct request *part)
{
    if (part->group != NULL && !request_is_error(part))
        buffer_consume(&part->reply, strlen("*1\r\n"));
}

/* What needs all parts at once. False: an error takes its place. */
static bool all_answered(const struct request *whole)
{
    list_for_each(link, &whole->parts)
    {
        if (request_is_error(list_entry(link, struct request, link)))
            return false;
    }
    return true;
}

/* All parts are done. */
static void gathered(struct task *task)
{
    struct many *many = many_of(task);
    struct request *whole = task->request;

    many->stage = MANY_GATHERING;
    switch (whole->call.command->gather) {
    case GATHER_ARRAY:
        reply_array(&whole->reply, many->count);
        break;
    case GATHER_WATCH:
        if (all_answered(whole))
            exec_watch(whole);
        break;
    case GATHER_LCS:
        if (!all_answered(whole))
            break;
        task_end(whole);
        lcs_begin(whole);
        return;
    default:
        break;
    }
    go_on(many);
}

/* A part's error: of one that not all would have, with the part's key. */
static void take_error(struct many *many, const struct request *part)
{
    struct buffer *reply = &many->task.request->reply;
    const struct span error = buffer_content(&part->reply);
    static const char few[] = "-NOQUORUM";
    const size_t line = strlen("\r\n");

    many->failed = true;
    request_reset_reply(many->task.request);
    reply->failed |= part->reply.failed;
    if (many->count == 1 || error.size < sizeof few + line ||
        memcmp(error.data, few, sizeof few - 1) != 0) {
        buffer_append_span(reply, error);
        return;
    }
    const struct span key = part->group != NULL ? group_first_key(part) : part->call.argv[1];
    reply_error_format(reply, "%.*s, key '%.*s'", (int)(error.size - 1 - line),
                       (const char *)error.data + 1, (int)(key.size < 80 ? key.size : 80),
                       (const char *)key.data);
}

static void take(struct many *many, struct request *part)
{
    struct request *whole = many->task.request;
    const struct buffer *reply = &part->reply;
    int64_t value = 0;

    if (many->failed)
        return;
    unwrap(part);
    if (request_is_error(part)) {
        take_error(many, part);
    } else if (whole->call.command->gather == GATHER_ARRAY) {
        request_append_reply(whole, part);
    } else if (whole->call.command->gather == GATHER_SUM) {
        answer_integer(buffer_content(reply), &value);
        many->sum += value;
    }
}

static void end(struct many *many)
{
    struct request *whole = many->task.request;

    if (!many->failed && whole->call.command->gather == GATHER_SUM)
        reply_integer(&whole->reply, many->sum);
    else if (!many->failed && whole->call.command->gather == GATHER_OK)
        reply_ok(&whole->reply);
    task_end(whole);
    request_finish(whole);
}

static void gather_some(struct many *many)
{
    struct request *whole = many->task.request;
    unsigned gathered_now = 0;

    for (; gathered_now < MANY_PER_TURN && !list_empty(&whole->parts); gathered_now++) {
        struct request *part = list_entry(whole->parts.next, struct request, link);
        if (part->stage == STAGE_DONE) {
            take(many, part);
            request_part_taken(part);
        } else { /* not begun */
            request_abandon(part);
        }
    }
    spend(many, gathered_now);
    if (list_empty(&whole->parts))
        end(many);
    else
        go_on(many);
}

/* ---- its life ---- */

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

static void release(struct task *task)
{
    struct many *many = many_of(task);

    memory_free(many->seen);
    if (task->engine->spare_many == NULL)
        task->engine->spare_many = many;
    else
        memory_free(many);
}

static const struct task_kind kind = {
    .work = WORK_CLIENTS, .run = run, .gathered = gathered, .release = release};

/* For note_key. False: out of memory. */
static bool make_table(struct many *many, size_t keys)
{
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

/* Most are over when the next one begins: it takes the memory of the last. */
static struct many *take_spare(struct engine *engine)
{
    struct many *many = engine->spare_many;

    if (many == NULL)
        return memory_alloc(sizeof *many);
    engine->spare_many = NULL;
    memset(many, 0, sizeof *many);
    return many;
}

/* Whether it writes what a batch may, and nothing that a frame has no room for. */
static bool may_group(const struct request *whole)
{
    const struct call *call = &whole->call;
    uint64_t bytes = FRAME_SPARE;

    if (whole->kind == COMMAND_READ || call->command->first_key != 1)
        return false;
    for (size_t i = 0; i < call->argc; i++)
        bytes += call->argv[i].size + sizeof(uint32_t);
    return bytes <= whole->engine->options->peer_frame_max;
}

void many_begin(struct request *whole)
{
    const struct call *call = &whole->call;
    struct many *many = take_spare(whole->engine);
    const size_t first = (size_t)call->command->first_key;
    const size_t keys = (many_last_argument(call) + 1 - first) / many_key_stride(call->command);

    task_init_of(&many->task, &kind, whole);
    many->at_once = keys <= MANY_PER_TURN;
    many->at = first;
    request_wait(whole, STAGE_PARTS);
    many->grouped = many->at_once && may_group(whole);
    if (call->command->gather == GATHER_OK && !many->grouped && !make_table(many, keys))
        fail(many, NO_ROOM_FOR_REQUEST);
    go_on(many);
}
