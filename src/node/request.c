/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A request's life. It is borrowed when a command is taken up, may wait for others (and then has a
 * deadline and keeps its arguments, request_kept.c), is finished with a complete reply, and goes
 * back to the pool once its owner took the reply. A request that finishes at once never copies
 * anything.
 *
 * Where memory is lacking for the copy nothing of it runs (dispatch.c). Where it is lacking for the
 * reply an error takes its place, and where it is lacking for that as well the reply stays
 * `failed`: who would have got it must not take the next one for it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "command/errorstats.h"
#include "node/group.h"
#include "node/inspect.h"
#include "node/listing.h"
#include "node/parts.h"
#include "node/publish.h"
#include "node/script.h"
#include "resp/reply.h"

#define SLOT_BITS 17

/* Requests lie in blocks, an odd number of cache lines from one to the next. Each by itself would
 * take 2048 bytes of the allocator's, and the same field of all of them would lie in a few sets of
 * the processor's caches, which hold no more than some hundred then. */
#define BLOCK_REQUESTS 16
#define REQUEST_STRIDE (((sizeof(struct request) + 63) / 64 | 1) * 64)

#define NO_ROOM_FOR_REPLY "OOM out of memory for the reply"

_Static_assert(REQUESTS_MAX == 1u << SLOT_BITS, "an id holds the slot and its generation");

/* The timer of the deadline stays in the wheel when its request ends, or its deadline moves: most
 * slots are borrowed again long before it fires, and it waits for the new deadline then. So none is
 * inserted and removed for every request. */
static void time_is_up(struct request *request)
{
    if (request->stage == STAGE_FREE)
        return;
    if (!request_is_late(request)) {
        request_start_timer(&request->deadline, request->deadline_us);
        return;
    }
    switch (request->stage) {
    case STAGE_OPERATION:
    case STAGE_FORWARDED:
        coordinate_timeout(request);
        return;
    case STAGE_SWEEP:
        sweep_timeout(request);
        return;
    case STAGE_INSPECT:
        inspect_timeout(request);
        return;
    case STAGE_LISTING:
        listing_timeout(request);
        return;
    case STAGE_PUBLISH:
        publish_timeout(request);
        return;
    case STAGE_SURVEY:
        survey_timeout(request);
        return;
    case STAGE_SCRIPT:
        script_timeout(request);
        return;
    case STAGE_CONTROL:
        request_fail(request, "TRYAGAIN control did not answer in time; see RING STATUS");
        return;
    case STAGE_WAIT:
        wait_timeout(request);
        return;
    case STAGE_LINGERING:
        linger_proceed(request, true);
        return;
    default:
        return; /* a command of many keys ends when its parts do */
    }
}

static void hedge_is_due(struct request *request)
{
    if (request->stage == STAGE_LISTING)
        listing_hedge(request);
    else if (request->stage == STAGE_SWEEP)
        sweep_hedge(request);
    else
        coordinate_hedge(request);
}

/* Zeroed memory for the request of the next slot. */
static struct request *next_place(const struct engine *engine)
{
    if (engine->slot_count % BLOCK_REQUESTS == 0)
        return memory_alloc_apart(BLOCK_REQUESTS * REQUEST_STRIDE);
    return (struct request *)(void *)((uint8_t *)engine->slots[engine->slot_count - 1] +
                                      REQUEST_STRIDE);
}

static struct request *add_slot(struct engine *engine)
{
    if (engine->slot_count == REQUESTS_MAX)
        return NULL;
    if (engine->slot_count == engine->slot_capacity) {
        const size_t capacity = engine->slot_capacity > 0 ? engine->slot_capacity * 2 : 64;
        struct request **slots = memory_try_realloc(engine->slots,
                                                    capacity * sizeof engine->slots[0]);
        if (slots == NULL)
            return NULL;
        engine->slots = slots;
        engine->slot_capacity = capacity;
    }
    struct request *request = next_place(engine);
    request->engine = engine;
    request->id = engine->slot_count;
    request->call.made = &request->made;
    request->deadline = (struct request_timer){.request = request, .fire = time_is_up};
    request->hedge = (struct request_timer){.request = request, .fire = hedge_is_due};
    list_init(&request->link);
    list_init(&request->behind);
    list_init(&request->parts);
    list_init(&request->from_link);
    list_init(&request->owed);
    list_init(&request->hedging);
    engine->slots[engine->slot_count++] = request;
    return request;
}

void request_began(struct request *request, int64_t mono_us)
{
    const struct engine *engine = request->engine;
    const int64_t timeout_ms = engine->options->request_timeout_ms;
    const int64_t gone_us = engine->now.mono_us - mono_us;

    request->began_us = mono_us;
    request->deadline_us = mono_us + timeout_ms * 1000;
    request->deadline_wall_ms = engine->now.wall_ms + timeout_ms;
    if (gone_us > 0)
        request->deadline_wall_ms -= gone_us / 1000;
}

/* All but the scratch, which nobody reads before writing it, and what never changes. */
static void begin_call(struct request *request)
{
    struct call *call = &request->call;

    call->command = NULL;
    call->argv = NULL;
    call->argc = 0;
    call->reply = &request->reply;
    call->bytes = NULL;
    call->block = NULL;
    call->behind = NULL;
    call->siblings = false;
    call->protocol = 0;
    call->now = request->engine->now;
    call->environment = request->engine->own.environment;
    call->session = NULL;
    call->rest = NULL;
    call->options.flags = 0;
    call->options.deadline_ms = 0;
    call->options.integer = 0;
}

struct request *request_borrow(struct engine *engine)
{
    struct request *request;

    if (list_empty(&engine->free_requests)) {
        request = add_slot(engine);
        if (request == NULL)
            return NULL;
    } else {
        request = list_entry(engine->free_requests.next, struct request, link);
        list_remove(&request->link);
    }
    request_renew(request);
    request->owned = false;
    request->stage = STAGE_NEW;
    request->kind = COMMAND_LOCAL;
    request->owner = OWNER_NOBODY;
    request->client = NULL;
    request->whole = NULL;
    request->from = NULL;
    request->input = NULL;
    begin_call(request);
    request->placed = false;
    request->hash = 0;
    request->route = 0;
    request->parts_pending = 0;
    request->tried = 0;
    request->coordinated = false;
    request->trail = NULL;
    request->weight = 0;
    request->pushed = false;
    request->silent = false;
    request->noted = false;
    request_began(request, engine->now.mono_us);
    return request;
}

struct request *request_find(struct engine *engine, uint64_t id)
{
    const size_t slot = (size_t)(id & (REQUESTS_MAX - 1));

    if (slot >= engine->slot_count || engine->slots[slot]->id != id ||
        engine->slots[slot]->stage == STAGE_FREE)
        return NULL;
    return engine->slots[slot];
}

void request_renew(struct request *request)
{
    request->id += 1u << SLOT_BITS; /* the slot's next generation */
}

void request_start_timer(struct request_timer *timer, int64_t due_us)
{
    timer->due_us = due_us;
    timer->running = true;
    wheel_insert(&timer->request->engine->wheel, &timer->timer);
}

static void stop_timer(struct request_timer *timer)
{
    if (timer->running)
        wheel_remove(&timer->request->engine->wheel, &timer->timer);
    timer->running = false;
}

static void stop_hedge(struct request *request)
{
    stop_timer(&request->hedge);
    list_remove(&request->hedging);
}

static void start_deadline(struct request *request)
{
    struct request_timer *timer = &request->deadline;

    if (timer->running && timer->due_us <= request->deadline_us)
        return; /* it fires before, and is started again */
    stop_timer(timer);
    request_start_timer(timer, request->deadline_us);
}

/* Back to the pool, when all that it had beyond its command and its reply is gone. */
static inline void rest(struct request *request)
{
    ensure(!request->noted);
    request->engine->window.taken -= request->windowed;
    request->windowed = false;
    request->stage = STAGE_FREE;
    request->owner = OWNER_NOBODY;
    request_reset_reply(request);
    buffer_reset(&request->kept, BUFFER_KEEP);
    if (request->made.block != NULL)
        buffer_reset(&request->made, BUFFER_KEEP);
    if (request->kind != COMMAND_LOCAL)
        operation_rest(&request->operation);
    list_prepend(&request->engine->free_requests, &request->link);
}

static void give_back(struct request *request)
{
    ensure(list_empty(&request->parts));
    stop_hedge(request);
    if (!list_empty(&request->owed) || request->stage == STAGE_LINGERING)
        owed_end(request); /* what it owes may lie in its task */
    task_end(request);
    if (request->sweep != NULL)
        sweep_end(request);
    if (request->inspection != NULL)
        inspect_end(request);
    if (request->survey != NULL)
        survey_end(request);
    list_remove(&request->link);
    list_remove(&request->from_link);
    if (request->block != NULL)
        block_release(&request->block);
    if (request->group != NULL)
        group_destroy(request);
    rest(request);
}

bool request_is_late(const struct request *request)
{
    return request->engine->now.mono_us >= request->deadline_us;
}

/* Those of clients are counted: what other nodes forward is in their windows, and of a command of
 * many keys the parts are begun in steps of their own. */
static inline void enter_window(struct request *request)
{
    request->engine->window.taken += !request->windowed;
    request->windowed = true;
}

void request_wait(struct request *request, enum request_stage stage)
{
    request->stage = stage;
    if (request->owner == OWNER_CLIENT) {
        enter_window(request);
        if (list_empty(&request->link))
            client_append(request->client, request);
        client_note_waiting(request);
    }
    start_deadline(request);
    request_keep(request);
    if (request->owner == OWNER_CLIENT)
        client_weigh(request);
}

/* The parts, which have not begun or are done. */
static void drop_parts(struct request *whole)
{
    while (!list_empty(&whole->parts))
        give_back(list_entry(whole->parts.next, struct request, link));
}

void request_abandon(struct request *request)
{
    drop_parts(request);
    give_back(request);
}

/* Its owner has what it wanted. A write goes on for those that have not answered, and in the
 * owner's trail, for WAIT. */
static void let_go(struct request *request, struct trail *trail)
{
    const bool lingers = !list_empty(&request->owed) && owed_lingers(request);

    if (lingers) {
        list_remove(&request->link);
        list_remove(&request->from_link);
    }
    if (trail != NULL && (request->kind == COMMAND_WRITE || request->kind == COMMAND_UPDATE))
        trail_follow(trail, request, lingers);
    if (!lingers) {
        give_back(request);
        return;
    }
    if (request->owner == OWNER_CLIENT)
        enter_window(request);
    request->owner = OWNER_NOBODY;
    request->client = NULL;
    request->whole = NULL;
    request->from = NULL;
    request_reset_reply(request);
    owed_linger(request);
    request_wait(request, STAGE_LINGERING);
}

/* ---- parts ---- */

void request_append_reply(struct request *whole, struct request *part)
{
    struct buffer *last = outbox_pieces_last(&whole->reply, &whole->behind);

    buffer_append_span(last, buffer_content(&part->reply));
    whole->reply.failed |= last->failed;
    while (!list_empty(&part->behind)) {
        struct list *piece = part->behind.next;
        list_remove(piece);
        list_append(&whole->behind, piece);
    }
}

void request_part_taken(struct request *part)
{
    const struct request *whole = part->whole;

    while (whole->owner == OWNER_WHOLE)
        whole = whole->whole;
    let_go(part, whole->owner == OWNER_CLIENT ? &whole->client->trail : NULL);
}

void request_take_parts(struct request *whole)
{
    while (!list_empty(&whole->parts))
        request_part_taken(list_entry(whole->parts.next, struct request, link));
}

void request_part_done(struct request *whole)
{
    if (--whole->parts_pending > 0)
        return;
    if (whole->task != NULL)
        whole->task->kind->gathered(whole->task);
    else
        group_gathered(whole);
}

/* ---- the end ---- */

static void count_error(const struct request *request)
{
    struct errorstats *errorstats = request->engine->own.environment->errorstats;
    const struct span reply = buffer_content(&request->reply);

    metrics_add(request->engine->metrics, METRIC_ERRORS, 1);
    if (errorstats != NULL && reply.size > 0)
        errorstats_count(errorstats, reply);
}

/* A command of many keys counts once, and a forwarded one where it came from. */
static void count(struct request *request)
{
    struct metrics_block *metrics = request->engine->metrics;
    const bool error = request_is_error(request);
    const uint64_t usec = (uint64_t)(request->engine->now.mono_us - request->began_us);

    if (request->owner != OWNER_CLIENT)
        return;
    metrics_add(metrics, METRIC_COMMANDS, 1);
    if (error)
        count_error(request);
    if (request->call.command == NULL)
        return;
    metrics_command_called(metrics, command_index(request->call.command), usec, error);
    if (usec >= request->engine->slow_us)
        watch_slow(request, usec);
}

static void answer_link(struct request *request)
{
    static const char no_room[] = "-" NO_ROOM_FOR_REPLY "\r\n";
    const struct wire_reply reply = {.id = request->from_id,
                                     .status = REPLY_OK,
                                     .bytes = request->reply.failed
                                                  ? span_of(no_room, sizeof no_room - 1)
                                                  : buffer_content(&request->reply)};
    struct link *link = request->from;

    if (__builtin_expect(list_empty(&request->behind), 1)) {
        wire_put_reply(link_message(link), &reply);
        return;
    }
    struct buffer *out = link_message_alone(link);
    const size_t at = buffer_size(out);
    wire_put_reply(out, &reply);
    link_end_alone(link, at, reply.bytes.size, &request->behind);
}

void request_finish(struct request *request)
{
    ensure(request->stage != STAGE_DONE);
    if (request->reply.failed) {
        outbox_pieces_free(&request->behind);
        buffer_reset(&request->reply, SIZE_MAX); /* the error may have room in what it has */
        reply_error(&request->reply, NO_ROOM_FOR_REPLY);
    }
    stop_hedge(request); /* the deadline is also that of one that is to linger */
    if (!list_empty(&request->owed))
        request_keep(request); /* what it owes outlives the input that it came from */
    request->stage = STAGE_DONE;
    count(request);
    switch (request->owner) {
    case OWNER_CLIENT:
        if (request->noted)
            order_forget(&request->client->order, request);
        if (list_empty(&request->link))
            client_answer(request);
        else if (request->client->pending.next == &request->link)
            client_deliver(request->client);
        else
            client_weigh(request);
        return;
    case OWNER_LINK:
        answer_link(request);
        let_go(request, &request->from->trail);
        return;
    case OWNER_WHOLE:
        request_part_done(request->whole);
        return;
    case OWNER_NOBODY:
        let_go(request, NULL);
        return;
    }
}

void request_fail(struct request *request, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    request_reset_reply(request);
    reply_error(&request->reply, text);
    request_finish(request);
}

void request_delivered(struct request *request)
{
    let_go(request, request->client != NULL ? &request->client->trail : NULL);
}

/* Its command was answered as soon as it ran. Then it has no timer, nor waits anywhere; what it may
 * still have is looked at here, and nothing else. */
void request_answered(struct request *request)
{
    struct trail *trail = &request->client->trail;

    if (request->owned || request->task != NULL || request->kind == COMMAND_CLUSTER ||
        !list_empty(&request->owed)) {
        let_go(request, trail);
        return;
    }
    ensure(list_empty(&request->parts));
    if (request->kind == COMMAND_WRITE || request->kind == COMMAND_UPDATE)
        trail_follow(trail, request, false);
    rest(request);
}

void request_over(struct request *request)
{
    give_back(request);
}

void request_disown(struct request *request)
{
    list_remove(&request->link);
    list_remove(&request->from_link);
    if (request->noted)
        order_forget(&request->client->order, request);
    if (request->stage == STAGE_WAIT) { /* its trail goes as well */
        wait_given_up(request);
        give_back(request);
        return;
    }
    request->owner = OWNER_NOBODY;
    request->client = NULL;
    request->from = NULL;
    if (request->stage == STAGE_DONE)
        let_go(request, NULL);
}

void requests_destroy(struct engine *engine)
{
    for (size_t i = 0; i < engine->slot_count; i++) {
        struct request *request = engine->slots[i];
        task_end(request);
        group_destroy(request);
        sweep_end(request);
        inspect_end(request);
        survey_end(request);
        buffer_deinit(&request->reply);
        outbox_pieces_free(&request->behind);
        buffer_deinit(&request->kept);
        buffer_deinit(&request->made);
        block_release(&request->block);
        memory_free(request->room);
        operation_deinit(&request->operation);
    }
    for (size_t i = 0; i < engine->slot_count; i += BLOCK_REQUESTS)
        memory_free(engine->slots[i]);
    memory_free(engine->slots);
}
