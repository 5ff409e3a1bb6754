/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/listing.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/bitmap.h"
#include "base/memory.h"
#include "resp/reply.h"
#include "ring/slot.h"

/* As task.h counts, an entry is one, and so are so many partitions that are passed over. */
#define LISTING_PARTITION_WORK 8u
/* Entries of a round of RANDOMKEY, of which it takes one. */
#define LISTING_SAMPLE 16u
/* Who has not answered after this part of a request's time is left out, where another can be asked.
 */
#define LISTING_PATIENCE 8
/* Room for a few keys of a reply, bytes. */
#define LISTING_ROOM 1024

static struct listing *listing_of(const struct request *request)
{
    return list_entry(request->task, struct listing, task);
}

static const struct {
    const char *name;
    enum listing_kind kind;
} kinds[] = {
    {"scan", LISTING_SCAN},
    {"keys", LISTING_KEYS},
    {"randomkey", LISTING_RANDOM},
    {"cluster|getkeysinslot", LISTING_SLOT_KEYS},
    {"cluster|countkeysinslot", LISTING_SLOT_COUNT},
};

static bool find_kind(const struct command *command, enum listing_kind *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(command->name, kinds[i].name) == 0) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

bool listing_is(const struct command *command)
{
    enum listing_kind kind;

    return find_kind(command, &kind);
}

static bool is_local(const struct listing *listing)
{
    return listing->kind == LISTING_SLOT_KEYS || listing->kind == LISTING_SLOT_COUNT;
}

static bool in_scope(const struct listing *listing, uint32_t partition)
{
    if (listing->only != UINT32_MAX)
        return partition == listing->only;
    return !listing->primaries || view_leader(listing->view, partition) == listing->view->self;
}

/* ---- the reply ---- */

/* SCAN's next cursor is `cursor`. */
static void finish(struct listing *listing, uint64_t cursor)
{
    struct request *request = listing->task.request;
    struct buffer *reply = &request->reply;
    struct buffer head = {0};
    char text[24];

    switch (listing->kind) {
    case LISTING_SCAN:
        snprintf(text, sizeof text, "%" PRIu64, cursor);
        reply_array(&head, 2);
        reply_bulk_string(&head, text);
        reply_array(&head, listing->given);
        reply_put_head(reply, &head);
        break;
    case LISTING_KEYS:
    case LISTING_SLOT_KEYS:
        reply_array(&head, listing->given);
        reply_put_head(reply, &head);
        break;
    case LISTING_SLOT_COUNT:
        reply_integer(reply, (int64_t)listing->given);
        break;
    case LISTING_RANDOM:
        if (listing->given > 0)
            reply_bulk(reply, buffer_content(&listing->chosen));
        else
            reply_null(reply, request->call.protocol);
        break;
    }
    buffer_deinit(&head);
    task_end(request);
    request_finish(request);
}

static void give_up(struct request *request)
{
    struct engine *engine = request->engine;

    metrics_add(engine->metrics, METRIC_QUORUM_FAILURES, 1);
    task_end(request);
    request_fail(request, "NOQUORUM too few nodes answered in %lld ms",
                 (long long)((engine->now.mono_us - request->began_us) / 1000));
}

static void take_key(struct listing *listing, struct span key)
{
    struct request *request = listing->task.request;

    switch (listing->kind) {
    case LISTING_SLOT_KEYS:
    case LISTING_SLOT_COUNT:
        if (ring_slot(key) != listing->slot ||
            (listing->kind == LISTING_SLOT_KEYS && listing->given >= listing->words.count))
            return;
        listing->given++;
        if (listing->kind == LISTING_SLOT_KEYS)
            reply_bulk(&request->reply, key);
        return;
    case LISTING_RANDOM: /* each of them with the same chance */
        if (rng_below(&request->engine->rng, ++listing->given) > 0)
            return;
        buffer_reset(&listing->chosen, BUFFER_KEEP);
        buffer_append_span(&listing->chosen, key);
        request->reply.failed |= listing->chosen.failed;
        return;
    case LISTING_SCAN:
    case LISTING_KEYS:
        if (listing->words.none)
            return;
        listing->given++;
        reply_bulk(&request->reply, key);
    }
}

/* ---- rounds ---- */

/* Whether the reply is complete, or has to be. */
static bool has_enough(const struct listing *listing)
{
    const struct request *request = listing->task.request;
    const struct engine *engine = request->engine;

    switch (listing->kind) {
    case LISTING_SCAN: /* a cursor in time is better than an error */
        return listing->seen >= listing->words.count ||
               buffer_size(&request->reply) >= CLIENT_BYTES_A_TURN ||
               engine->now.mono_us - request->began_us >
                   engine->options->request_timeout_ms * 1000 / 2;
    case LISTING_SLOT_KEYS:
        return listing->given >= listing->words.count;
    case LISTING_RANDOM:
        return listing->given > 0;
    case LISTING_KEYS:
    case LISTING_SLOT_COUNT:
        return false;
    }
    return false;
}

/* False: it is at its end. */
static bool at_next_place(struct listing *listing)
{
    const uint32_t count = ring_partition_count(listing->view->ring);

    for (;;) {
        const uint64_t stop = listing->wrapped ? listing->began_at : listing->stop;
        uint32_t p = page_partition(listing->place);
        while (p < count && listing->place < stop && !in_scope(listing, p)) {
            listing->place = page_place(++p, 0);
            listing->lost_count = 0;
        }
        if (p < count && listing->place < stop)
            return true;
        if (listing->kind != LISTING_RANDOM || listing->wrapped)
            return false;
        listing->wrapped = true;
        listing->place = 0;
    }
}

static void merge(struct listing *listing)
{
    struct request *request = listing->task.request;
    struct engine *engine = request->engine;
    struct page_merge merge;
    struct span key;

    page_merge_init(&merge, engine->own.store);
    for (unsigned i = 0; i < listing->source_count; i++) {
        const struct listing_source *source = &listing->sources[i];
        page_merge_add(&merge, buffer_content(&source->entries), buffer_content(&source->marks),
                       source->end < listing->round_stop ? source->end : listing->round_stop);
    }
    while (page_merge_next(&merge, engine->now.wall_ms, &key))
        take_key(listing, key);
    /* What the one saw whose page is the shortest. */
    for (unsigned i = 0; i < listing->source_count; i++)
        if (listing->sources[i].end <= merge.end || listing->source_count == 1) {
            listing->seen += listing->sources[i].seen;
            break;
        }
    if (page_partition(merge.end) != page_partition(listing->place))
        listing->lost_count = 0;
    listing->place = merge.end;
    request->reply.failed |= merge.failed;
    page_merge_deinit(&merge);
}

/* All sources have answered. */
static void round_over(struct listing *listing)
{
    struct request *request = listing->task.request;
    const struct engine *engine = request->engine;
    const uint64_t most =
        engine->options->client_output_buffer_limit.of[OPTION_CLASS_NORMAL].hard_bytes;

    merge(listing);
    if (request->owner == OWNER_NOBODY || request->reply.failed || !at_next_place(listing)) {
        finish(listing, 0);
    } else if (has_enough(listing)) {
        finish(listing, listing->place);
    } else if (most > 0 && buffer_size(&request->reply) > most) {
        task_end(request);
        request_fail(request, "ERR the reply is longer than client-output-buffer-limit");
    } else {
        /* Each round has the time of a request, but SCAN, which can end with what it has. */
        if (listing->kind != LISTING_SCAN)
            request->deadline_us = engine->now.mono_us + engine->options->request_timeout_ms * 1000;
        if (request->owner == OWNER_CLIENT)
            client_weigh(request);
        task_hurry(&listing->task);
    }
}

/* The partitions of a round: as many in a row as its sources can answer for. */
static void set_partitions(struct listing *listing)
{
    const uint32_t count = ring_partition_count(listing->view->ring);
    const uint64_t stop = listing->wrapped ? listing->began_at : listing->stop;
    uint8_t *map = listing->partitions.block;
    uint32_t p = page_partition(listing->place), taken = 0;

    memset(map, 0, bitmap_size(count));
    for (; p < count && page_place(p, 0) < stop && taken < LISTING_PARTITIONS_MAX; p++) {
        if (!in_scope(listing, p))
            continue;
        if (taken > 0 && !is_local(listing) && !listing_covers(listing, p, LISTING_COVER_NOW))
            break;
        bitmap_set(map, p);
        taken++;
    }
    listing->round_stop = page_place(p, 0) < stop ? page_place(p, 0) : stop;
}

static bool ask(struct listing *listing, struct listing_source *source)
{
    struct request *request = listing->task.request;
    const struct span partitions = span_of(listing->partitions.block,
                                           bitmap_size(ring_partition_count(listing->view->ring)));
    struct buffer *out = peer_message(request->engine, source->node,
                                      partitions.size + listing->words.pattern.size + 64);

    if (out == NULL)
        return false;
    wire_put_list(out,
                  &(struct wire_list){.id = request->id,
                                      .ring_version = ring_draft_of(listing->view->ring).version,
                                      .place = listing->place,
                                      .limit = listing->limit,
                                      .partitions = partitions,
                                      .matched = listing->words.matched,
                                      .pattern = listing->words.pattern});
    source->waits = true;
    listing->waiting++;
    return true;
}

static bool ask_here(struct listing *listing, struct listing_source *source)
{
    struct engine *engine = listing->task.request->engine;
    struct page page = {.matched = listing->words.matched,
                        .pattern = listing->words.pattern,
                        .entries = &source->entries,
                        .marks = &source->marks};
    const struct listing_question question = {
        .ring_version = ring_draft_of(listing->view->ring).version,
        .place = listing->place,
        .limit = listing->limit,
        .partitions = span_of(listing->partitions.block,
                              bitmap_size(ring_partition_count(listing->view->ring))),
        .own = is_local(listing)};
    const struct listing_answer answer = listing_page_read(engine, &question, &page);

    source->end = answer.end;
    source->seen = page.seen;
    listing->task.request->reply.failed |= source->entries.failed || source->marks.failed;
    return answer.end > listing->place;
}

static uint32_t limit_of(const struct listing *listing)
{
    uint64_t limit = LISTING_ENTRIES_MAX;

    if (listing->kind == LISTING_SCAN)
        limit = listing->words.count - listing->seen;
    else if (listing->kind == LISTING_RANDOM)
        limit = LISTING_SAMPLE;
    return limit < LISTING_ENTRIES_MAX ? (uint32_t)limit : LISTING_ENTRIES_MAX;
}

static void leave_out(struct listing *listing, node_number node)
{
    if (listing->lost_count < COPIES_MAX)
        listing->lost[listing->lost_count++] = node;
}

static void begin_again(struct listing *listing)
{
    listing->source_count = listing->waiting = 0;
    request_renew(listing->task.request); /* answers that come yet are late */
    task_hurry(&listing->task);
}

/* Chooses whom to ask, and asks. False: one of them cannot answer, and is left out now. */
static bool ask_all(struct listing *listing)
{
    listing->waiting = 0;
    request_renew(listing->task.request); /* answers to an earlier round are late */
    for (unsigned i = 0; i < listing->source_count; i++) {
        struct listing_source *source = &listing->sources[i];
        const bool asked = source->node == listing->view->self ? ask_here(listing, source)
                                                               : ask(listing, source);
        if (!asked) {
            leave_out(listing, source->node);
            return false;
        }
    }
    return true;
}

/* Not for good: who is slow now may be asked in the next round. */
static void watch_round(struct listing *listing)
{
    struct request *request = listing->task.request;
    const int64_t patience_us = request->engine->options->request_timeout_ms * 1000 /
                                LISTING_PATIENCE;

    listing->round_us = request->engine->now.mono_us;
    if (!request->hedge.running)
        request_start_timer(&request->hedge, listing->round_us + patience_us);
}

void listing_hedge(struct request *request)
{
    struct listing *listing = listing_of(request);
    const int64_t patience_us = request->engine->options->request_timeout_ms * 1000 /
                                LISTING_PATIENCE;
    const unsigned lost_count = listing->lost_count;

    if (listing->waiting == 0)
        return;
    if (request->engine->now.mono_us < listing->round_us + patience_us) { /* of an earlier round */
        request_start_timer(&request->hedge, listing->round_us + patience_us);
        return;
    }
    for (unsigned i = 0; i < listing->source_count; i++)
        if (listing->sources[i].waits)
            leave_out(listing, listing->sources[i].node);
    if (listing_covers(listing, page_partition(listing->place), LISTING_COVER_POSSIBLE))
        begin_again(listing);
    else
        listing->lost_count = lost_count;
}

/* One round; it is over at once where only this node was asked. */
static void begin_round(struct task *task)
{
    struct listing *listing = list_entry(task, struct listing, task);

    if (!at_next_place(listing)) {
        finish(listing, 0);
        return;
    }
    listing->limit = limit_of(listing);
    do {
        listing->source_count = 0;
        if (is_local(listing))
            listing_add_source(listing, listing->view->self);
        else if (!listing_covers(listing, page_partition(listing->place), LISTING_COVER_ADDING)) {
            give_up(listing->task.request);
            return;
        }
        set_partitions(listing);
    } while (!ask_all(listing));
    for (unsigned i = 0; i < listing->source_count; i++)
        if (!listing->sources[i].waits)
            task_spend(task, listing->sources[i].seen);
    task_spend(task, (page_partition(listing->round_stop) - page_partition(listing->place)) /
                         LISTING_PARTITION_WORK);
    if (listing->waiting == 0)
        round_over(listing);
    else
        watch_round(listing);
}

void listing_answered(struct request *request, node_number node, const struct wire_listed *listed)
{
    struct listing *listing = listing_of(request);

    for (unsigned i = 0; i < listing->source_count; i++) {
        struct listing_source *source = &listing->sources[i];
        if (source->node != node || !source->waits)
            continue;
        if (listed->end <= listing->place) { /* it does not vote, or goes by another ring */
            listing_lost(request, node);
            return;
        }
        source->waits = false;
        source->end = listed->end;
        source->seen = listed->seen;
        buffer_append_span(&source->entries, listed->entries);
        buffer_append_span(&source->marks, listed->marks);
        request->reply.failed |= source->entries.failed || source->marks.failed;
        if (--listing->waiting == 0)
            round_over(listing);
        return;
    }
}

void listing_lost(struct request *request, node_number node)
{
    struct listing *listing = listing_of(request);

    for (unsigned i = 0; i < listing->source_count; i++)
        if (listing->sources[i].node == node && listing->sources[i].waits) {
            leave_out(listing, node);
            begin_again(listing);
            return;
        }
}

void listing_timeout(struct request *request)
{
    metrics_add(request->engine->metrics, METRIC_TIMEOUTS, 1);
    give_up(request);
}

/* ---- its life ---- */

static void release(struct task *task)
{
    struct listing *listing = list_entry(task, struct listing, task);

    for (unsigned i = 0; i < COPIES_MAX; i++) {
        buffer_deinit(&listing->sources[i].entries);
        buffer_deinit(&listing->sources[i].marks);
    }
    buffer_deinit(&listing->partitions);
    buffer_deinit(&listing->chosen);
    view_release(&listing->view);
    memory_free(listing);
}

static const struct task_kind task_kind = {
    .work = WORK_CLIENTS, .run = begin_round, .release = release};

/* The words of a command that `prepare` took. */
static void read_words(struct listing *listing)
{
    struct call *call = &listing->task.request->call;
    struct scan_words *words = &listing->words;
    uint32_t slot;

    switch (listing->kind) {
    case LISTING_SCAN:
        ensure(scan_parse(call, words));
        break;
    case LISTING_KEYS:
        words->pattern = call->argv[1];
        words->matched = words->pattern.size != 1 || words->pattern.data[0] != '*';
        break;
    case LISTING_SLOT_KEYS:
    case LISTING_SLOT_COUNT:
        ensure(scan_parse_slot(call, &listing->slot, &words->count));
        listing->only = ring_slot_partition(listing->slot,
                                            ring_partition_count(listing->view->ring));
        return;
    case LISTING_RANDOM:
        break;
    }
    if (words->matched && scan_one_slot(words->pattern, &slot))
        listing->only = ring_slot_partition(slot, ring_partition_count(listing->view->ring));
}

static void set_off(struct listing *listing)
{
    struct engine *engine = listing->task.request->engine;
    const uint32_t count = ring_partition_count(listing->view->ring);

    listing->stop = page_place(count, 0);
    listing->place = listing->words.cursor < listing->stop ? listing->words.cursor : listing->stop;
    if (listing->only != UINT32_MAX) {
        const uint64_t first = page_place(listing->only, 0);
        if (listing->place < first)
            listing->place = first;
        listing->stop = page_place(listing->only + 1, 0);
    }
    if (listing->kind == LISTING_RANDOM)
        listing->place = page_place((uint32_t)rng_below(&engine->rng, count),
                                    rng_below(&engine->rng, POSITION_END));
    listing->began_at = listing->place;
}

void listing_begin(struct request *request)
{
    struct engine *engine = request->engine;
    struct listing *listing = memory_alloc(sizeof *listing);
    const size_t map = bitmap_size(ring_partition_count(engine->view->ring));
    const struct session *session = request->call.session;

    task_init_of(&listing->task, &task_kind, request);
    listing->view = view_retain(engine->view);
    listing->only = UINT32_MAX;
    listing->primaries = session != NULL && session->walks_primaries;
    ensure(find_kind(request->call.command, &listing->kind));
    request_wait(request, STAGE_LISTING); /* the words point to what it keeps */
    if (buffer_reserve(&listing->partitions, map) == NULL) {
        task_end(request);
        request_fail(request, NO_ROOM_FOR_REQUEST);
        return;
    }
    read_words(listing);
    set_off(listing);
    if (listing->kind != LISTING_RANDOM && listing->kind != LISTING_SLOT_COUNT)
        buffer_begin_behind(&request->reply, REPLY_HEAD_MAX, LISTING_ROOM);
    task_hurry_at_once(&listing->task);
}
