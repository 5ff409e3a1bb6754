/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Other nodes' questions. Each comes on a link that the other node opened, and is answered on it;
 * the answers of one turn leave in one frame. What control answers (RING INIT, exchanges of node
 * records) goes to it as it came.
 */
#include "base/assert.h"
#include "base/bitmap.h"
#include "base/memory.h"
#include "base/rule.h"
#include "node/inspect.h"
#include "node/listing.h"
#include "node/parts.h"
#include "node/publish.h"
#include "node/recover.h"
#include "node/script.h"
#include "sync/stream.h"
#include "sync/vanished.h"

/* Bytes of one ACKS, so that who gets it may leave the next to another turn. */
#define ACKS_SIZE_MAX 512u

struct link *engine_link_open(struct engine *engine, struct instant now, void *connection)
{
    struct link *link = memory_alloc(sizeof *link);

    engine->now = now;
    link->engine = engine;
    link->connection = connection;
    link->id = ++engine->next_link;
    link->opened_us = now.mono_us;
    outbox_init(&link->out);
    list_init(&link->dirty);
    list_init(&link->requests);
    trail_init(&link->trail);
    list_append(&engine->links, &link->member);
    handshake_accept(&link->handshake, &engine->rng);
    return link;
}

struct buffer *engine_link_in(struct link *link)
{
    return &link->in;
}

struct outbox *engine_link_out(struct link *link)
{
    return &link->out;
}

void engine_link_closed(struct engine *engine, struct link *link)
{
    engine->footprint.links -= link->footprint;
    while (!list_empty(&link->requests))
        request_disown(list_entry(link->requests.next, struct request, from_link));
    trail_deinit(&link->trail);
    track_listen(link, false);
    list_remove(&link->dirty);
    list_remove(&link->member);
    buffer_deinit(&link->in);
    outbox_deinit(&link->out);
    memory_free(link);
}

static void end_frame(struct link *link)
{
    if (link->framed != NULL)
        wire_frame_end(link->framed, link->frame_at);
    link->framed = NULL;
}

struct buffer *link_message(struct link *link)
{
    struct engine *engine = link->engine;

    if (link->framed != NULL && buffer_size(link->framed) - link->frame_at > FRAME_SIZE_SOFT)
        end_frame(link);
    if (link->framed == NULL) {
        link->framed = outbox_last(&link->out);
        link->frame_at = wire_frame_begin(link->framed, engine->replica.hlc.last,
                                          engine_bound(engine));
        link->acks_end = 0;
        if (list_empty(&link->dirty))
            list_append(&engine->dirty_links, &link->dirty);
    }
    metrics_add(engine->metrics, METRIC_PEER_MESSAGES_OUT, 1);
    return link->framed;
}

struct buffer *link_message_alone(struct link *link)
{
    end_frame(link);
    return link_message(link);
}

void link_end_alone(struct link *link, size_t at, size_t here, struct list *pieces)
{
    const size_t behind = outbox_pieces_size(pieces);

    wire_extend_message(link->framed, at, here, behind);
    wire_frame_end_behind(link->framed, link->frame_at, behind);
    link->framed = NULL;
    outbox_append_pieces(&link->out, pieces);
}

/* ACK_OK for a WRITE. */
static void acknowledge(struct link *link, uint64_t id)
{
    struct buffer *out = link->framed;
    uint8_t ids[WIRE_IDS_STEP];

    if (out != NULL && link->acks_end == buffer_size(out) &&
        link->acks_end - link->acks_at < ACKS_SIZE_MAX) {
        wire_acks_add(out, link->acks_at, id);
    } else {
        const struct wire_acks acks = {.ids = span_of(ids, sizeof ids)};
        bytes_put_u64(ids, id);
        out = link_message(link);
        link->acks_at = buffer_size(out);
        wire_put_acks(out, &acks);
    }
    link->acks_end = buffer_size(out);
}

void links_turn_end(struct engine *engine)
{
    while (!list_empty(&engine->dirty_links)) {
        struct link *link = list_entry(engine->dirty_links.next, struct link, dirty);
        list_remove(&link->dirty);
        end_frame(link);
        engine->calls->link_output(link->connection);
    }
}

static void break_link(struct link *link, const char *why)
{
    struct engine *engine = link->engine;

    metrics_add(engine->metrics, METRIC_PEER_PROTOCOL_ERRORS, 1);
    log_write(engine->own.log, LOG_WARNING, "link from another node closed: %s", why);
    link->broken = true;
    engine->calls->link_close(link->connection);
}

void links_wake(struct engine *engine)
{
    list_for_each(member, &engine->links)
    {
        struct link *link = list_entry(member, struct link, member);
        if (!link->broken && link->handshake.state == HANDSHAKE_WAITING &&
            engine->now.mono_us - link->opened_us > HANDSHAKE_US)
            break_link(link, "its handshake takes too long");
    }
}

/* ---- questions ---- */

static bool place_of(const struct engine *engine, uint16_t partition, uint64_t claim_version,
                     struct span key, struct place *place)
{
    if (partition >= store_partitions(engine->own.store))
        return false;
    *place = (struct place){.partition = partition,
                            .claim_version = claim_version,
                            .hash = store_hash(engine->own.store, key),
                            .key = key};
    return true;
}

/* The block of the frame in progress, where a value may be kept in it: then it is the link's input
 * no more. NULL: the value is to be copied. */
static struct block *lend_frame(struct link *link, struct span value)
{
    if (__builtin_expect(value.size < BLOCK_SHARED_MIN, 1))
        return NULL;
    if (link->taken == NULL && store_may_share(link->in.capacity, value.size))
        link->taken = block_adopt(&link->in);
    return link->taken;
}

/* `place` is NULL where there is no such partition here. */
static void on_write(struct link *link, const struct wire_write *write, const struct place *place)
{
    struct engine *engine = link->engine;
    struct offered offered = {.status = ACK_STALE_CLAIM};

    if (place != NULL) {
        engine->replica.lent = lend_frame(link, write->version.value);
        offered = replica_offer(&engine->replica, engine->now, place, write->over, &write->version);
        engine->replica.lent = NULL;
    }
    if (offered.diverged)
        metrics_add(engine->metrics, METRIC_DIVERGENCES, 1);
    if (offered.evicted > 0)
        metrics_add(engine->metrics, METRIC_EVICTED_KEYS, offered.evicted);
    if (offered.status == ACK_OK) {
        acknowledge(link, write->id);
        return;
    }
    if (offered.status == ACK_STALE_CLAIM)
        metrics_add(engine->metrics, METRIC_CLAIM_REFUSALS, 1);
    const struct wire_ack ack = {.id = write->id,
                                 .status = (uint8_t)offered.status,
                                 .known = offered.known,
                                 .claim_version = offered.claim_version};
    wire_put_ack(link_message(link), &ack);
}

/* Rule 24: who is shown one version of a batch has all of it first. False: no batch wrote it, or it
 * is settled. */
static bool put_mates(struct link *link, const struct place *place, struct dot dot)
{
    struct engine *engine = link->engine;
    struct wire_mates mates = {.claim_version = place->claim_version,
                               .partition = (uint16_t)place->partition};

    buffer_reset(&engine->mates, BUFFER_KEEP);
    if (!replica_mates(&engine->replica, place->partition, dot, &engine->mates, &mates.version))
        return false;
    wire_put_mates(link_message(link), &mates);
    return true;
}

static void on_read(struct link *link, const struct wire_read *read, const struct place *place)
{
    struct engine *engine = link->engine;
    struct looked looked = {.status = ANSWER_STALE_CLAIM};

    buffer_reset(&engine->looked, BUFFER_KEEP);
    if (place != NULL)
        looked = replica_look(&engine->replica, place, read->have, read->have_digest,
                              &engine->looked);
    if (looked.status == ANSWER_STALE_CLAIM)
        metrics_add(engine->metrics, METRIC_CLAIM_REFUSALS, 1);
    if ((looked.status == ANSWER_SAME || looked.status == ANSWER_NONE) &&
        !version_exists(&looked.version)) {
        const struct wire_absent absent = {
            .id = read->id, .mark = looked.mark, .floor = looked.floor, .settled = looked.settled};
        wire_put_absent(link_message(link), &absent);
        return;
    }
    if (looked.mates)
        (void)put_mates(link, place, looked.version.dot);
    struct wire_answer answer = {
        .id = read->id, .status = (uint8_t)looked.status, .claim_version = looked.claim_version};
    if (looked.status == ANSWER_VERSION)
        answer.version = looked.version;
    if (__builtin_expect(looked.block == NULL, 1)) {
        wire_put_answer(link_message(link), &answer);
        return;
    }
    struct list pieces;
    list_init(&pieces);
    outbox_pieces_refer(&pieces, looked.block, looked.version.value);
    block_release(&looked.block);
    struct buffer *out = link_message_alone(link);
    const size_t at = buffer_size(out);
    answer.version.value.size = 0;
    wire_put_answer(out, &answer);
    link_end_alone(link, at, 0, &pieces);
}

static void on_flush(struct link *link, const struct wire_flush *flush)
{
    const struct offered offered = sweep_flush(link->engine, flush->ring_version, flush->dot,
                                               flush->partitions, flush->late != 0);
    const struct wire_ack ack = {.id = flush->id,
                                 .status = (uint8_t)offered.status,
                                 .known = offered.known,
                                 .claim_version = offered.claim_version};

    wire_put_ack(link_message(link), &ack);
}

/* Hints for this node were dropped. */
static void on_forgot(struct link *link, const struct wire_forgot *forgot)
{
    struct engine *engine = link->engine;
    const struct ring *ring = engine->view->ring;
    struct wire_ack ack = {.id = forgot->id, .status = ACK_STALE_CLAIM};

    if (ring != NULL && ring_draft_of(ring).version == forgot->ring_version) {
        ack.status = ACK_OK;
        for (uint32_t p = 0; p < ring_partition_count(ring); p++)
            if (bitmap_has(forgot->partitions, p) &&
                ring_claim_index(ring_claim(ring, p), engine->view->self) >= 0)
                replica_recover_anew(store_partition(engine->own.store, p));
        sync_hurry(engine->sync);
    }
    wire_put_ack(link_message(link), &ack);
}

static void on_hold(struct link *link, const struct wire_hold *hold)
{
    const enum ack_status status = hints_hold(link->engine, hold, link->id);
    const struct wire_ack ack = {.id = hold->id, .status = (uint8_t)status};

    wire_put_ack(link_message(link), &ack);
}

static void on_count(struct link *link, const struct wire_count *count)
{
    struct wire_counted counted = {.id = count->id};

    sweep_count(link->engine, count->partitions, &counted.keys, &counted.expiring);
    wire_put_counted(link_message(link), &counted);
}

/* ---- a partition's contents ---- */

/* What this node may answer for the partition: ANSWER_VERSION where it votes. The lock is held. */
static enum answer_status answer_status(const struct partition *partition, uint64_t claim_version)
{
    if (partition->claim_version != claim_version)
        return ANSWER_STALE_CLAIM;
    return partition_votes(partition) || !RULE(12) ? ANSWER_VERSION : ANSWER_NOT_VOTING;
}

/* The mates of all versions in a part. Of those that one batch wrote they go once. */
static void put_mates_of(struct link *link, const struct wire_pull *pull, struct span entries)
{
    const struct place place = {.partition = pull->partition, .claim_version = pull->claim_version};
    struct dot told[STREAM_PART_ENTRIES];
    struct stream_entry entry;
    size_t count = 0;

    while (count < STREAM_PART_ENTRIES && stream_next(&entries, &entry) == STREAM_OK) {
        size_t i = 0;
        while (i < count && !dot_equal(told[i], entry.version.dot))
            i++;
        if (!entry.is_mark && i == count && put_mates(link, &place, entry.version.dot))
            told[count++] = entry.version.dot;
    }
}

static void on_pull(struct link *link, const struct wire_pull *pull)
{
    struct engine *engine = link->engine;
    struct wire_chunk chunk = {.id = pull->id, .status = ANSWER_STALE_CLAIM};
    bool batches = false;

    buffer_reset(&engine->looked, BUFFER_KEEP);
    if (pull->partition < store_partitions(engine->own.store)) {
        struct partition *partition = store_partition(engine->own.store, pull->partition);
        partition_lock(partition);
        chunk.status = (uint8_t)answer_status(partition, pull->claim_version);
        chunk.claim_version = partition->claim_version;
        if (chunk.status != ANSWER_STALE_CLAIM)
            chunk.cursor = stream_read(partition, pull->leaves, pull->cursor, pull->bytes,
                                       &engine->looked);
        chunk.floor = partition->floor;
        chunk.settled = partition->settled;
        chunk.flushed = partition->flushed;
        batches = partition->mates != NULL;
        partition_unlock(partition);
    }
    if (engine->looked.failed) /* it cannot say what it has */
        chunk.status = ANSWER_STALE_CLAIM;
    else
        chunk.entries = buffer_content(&engine->looked);
    if (batches)
        put_mates_of(link, pull, chunk.entries);
    wire_put_chunk(link_message(link), &chunk);
}

static void on_compare(struct link *link, const struct wire_compare *compare)
{
    struct engine *engine = link->engine;
    struct wire_compared compared = {.id = compare->id, .status = ANSWER_STALE_CLAIM};
    uint8_t leaves[PARTITION_LEAVES * 8];

    if (compare->partition < store_partitions(engine->own.store)) {
        struct partition *partition = store_partition(engine->own.store, compare->partition);
        partition_lock(partition);
        compared.status = (uint8_t)answer_status(partition, compare->claim_version);
        compared.claim_version = partition->claim_version;
        compared.evicted = partition->evicted_total;
        compared.floor = partition->floor;
        compared.settled = partition->settled;
        for (size_t i = 0; i < PARTITION_LEAVES; i++)
            bytes_put_u64(leaves + 8 * i, partition->leaves[i]);
        partition_unlock(partition);
        compared.leaves = span_of(leaves, sizeof leaves);
    }
    wire_put_compared(link_message(link), &compared);
}

/* What this node missed vanished elsewhere. */
static void on_marks(struct link *link, const struct wire_marks *marks)
{
    struct engine *engine = link->engine;
    const enum ack_status status = vanished_take(&engine->replica, engine->now, marks->partition,
                                                 marks->claim_version, marks->entries);
    const struct wire_ack ack = {.id = marks->id, .status = (uint8_t)status};

    wire_put_ack(link_message(link), &ack);
}

/* A question, and the place of its key if it is about one. */
struct question {
    struct wire_message message;
    struct place place;
    bool placed;
};

static void receive(struct link *link, const struct question *question)
{
    const struct wire_message *message = &question->message;
    const struct place *place = question->placed ? &question->place : NULL;

    metrics_add(link->engine->metrics, METRIC_PEER_MESSAGES_IN, 1);
    switch (message->type) {
    case WIRE_WRITE:
        on_write(link, &message->write, place);
        return;
    case WIRE_READ:
        on_read(link, &message->read, place);
        return;
    case WIRE_FORWARD:
        dispatch_forwarded(link, &message->forward);
        return;
    case WIRE_FLUSH:
        on_flush(link, &message->flush);
        return;
    case WIRE_FORGOT:
        on_forgot(link, &message->forgot);
        return;
    case WIRE_HOLD:
        on_hold(link, &message->hold);
        return;
    case WIRE_COUNT:
        on_count(link, &message->count);
        return;
    case WIRE_PULL:
        on_pull(link, &message->pull);
        return;
    case WIRE_COMPARE:
        on_compare(link, &message->compare);
        return;
    case WIRE_MARKS:
        on_marks(link, &message->marks);
        return;
    case WIRE_INSPECT:
        inspect_serve(link, &message->inspect, place);
        return;
    case WIRE_LIST:
        listing_page_serve(link, &message->list);
        return;
    case WIRE_PUBLISH:
        publish_serve(link, &message->publish);
        return;
    case WIRE_SURVEY:
        survey_serve(link, &message->survey);
        return;
    case WIRE_SCRIPT:
        script_serve(link, &message->script);
        return;
    case WIRE_TRACK:
        track_asked(link, &message->track);
        return;
    case WIRE_PING: {
        const struct wire_pong pong = {.id = message->ping.id};
        wire_put_pong(link_message(link), &pong);
        return;
    }
    default:
        break_link(link, "it sent an answer on a link for questions");
        return;
    }
}

static void greet(struct link *link, const struct wire_message *message)
{
    const struct handshake_self self = engine_self(link->engine);

    if (handshake_message(&link->handshake, &self, message, &link->out.head) == HANDSHAKE_FAILED)
        break_link(link, link->handshake.error);
    link->engine->calls->link_output(link->connection);
}

/* The first messages of a link, and those for control, which go there as they came. */
static enum wire_result receive_one_by_one(struct link *link, struct wire_cursor *messages,
                                           const char **error)
{
    struct engine *engine = link->engine;
    struct wire_message message;

    while (!link->broken) {
        const uint8_t *before = messages->at;
        const enum wire_result result = wire_next_message(messages, &message, error);
        if (result != WIRE_OK)
            return result;
        if (link->handshake.state != HANDSHAKE_DONE)
            greet(link, &message);
        else
            engine->calls->control_message(engine->host, link->id,
                                           span_of(before, (size_t)(messages->at - before)));
    }
    return WIRE_END;
}

static void find_place(const struct engine *engine, struct question *question)
{
    const struct wire_message *message = &question->message;

    question->placed = false;
    if (message->type == WIRE_WRITE)
        question->placed = place_of(engine, message->write.partition, message->write.claim_version,
                                    message->write.key, &question->place);
    else if (message->type == WIRE_READ)
        question->placed = place_of(engine, message->read.partition, message->read.claim_version,
                                    message->read.key, &question->place);
    else if (message->type == WIRE_INSPECT)
        question->placed = place_of(engine, message->inspect.partition,
                                    message->inspect.claim_version, message->inspect.key,
                                    &question->place);
}

/* As with clients' commands, the memory that questions touch is fetched for many at a time. */
static void fetch(struct engine *engine, const struct question *questions, size_t count)
{
    struct store_visit visits[BATCH_COMMANDS_MAX];
    size_t visited = 0;

    for (size_t i = 0; i < count; i++)
        if (questions[i].placed)
            visits[visited++] = (struct store_visit){
                .partition = store_partition(engine->own.store, questions[i].place.partition),
                .hash = questions[i].place.hash};
    store_prefetch(visits, visited);
}

static enum wire_result receive_questions(struct link *link, struct wire_cursor *messages,
                                          const char **error)
{
    struct question questions[BATCH_COMMANDS_MAX];
    enum wire_result result = WIRE_OK;

    while (result == WIRE_OK && !link->broken) {
        size_t count = 0;
        while (count < BATCH_COMMANDS_MAX &&
               (result = wire_next_message(messages, &questions[count].message, error)) == WIRE_OK)
            find_place(link->engine, &questions[count++]);
        if (count > 1)
            fetch(link->engine, questions, count);
        for (size_t i = 0; i < count && !link->broken; i++)
            receive(link, &questions[i]);
    }
    return result;
}

static void receive_frame(struct link *link, struct wire_frame *frame)
{
    const bool greeting = link->handshake.state != HANDSHAKE_DONE;
    const char *error = NULL;
    enum wire_result result;

    /* Who has proven nothing does not move our clock. */
    if (!greeting) {
        engine_observe(link->engine, frame->hlc);
        if (link->handshake.role == WIRE_ROLE_WORKER)
            ledger_hear(&link->engine->own.bounds->ledger, link->handshake.other_number,
                        frame->settled);
    }
    if (greeting || link->handshake.role == WIRE_ROLE_CONTROL)
        result = receive_one_by_one(link, &frame->messages, &error);
    else
        result = receive_questions(link, &frame->messages, &error);
    if (result == WIRE_BAD && !link->broken)
        break_link(link, error);
}

void engine_link_input(struct engine *engine, struct instant now, struct link *link)
{
    struct wire_frame frame;

    engine->now = now;
    engine_note(engine, WORK_LINKS);
    while (!link->broken) {
        /* Before the handshake is over nobody makes this node take much memory. */
        const size_t frame_max = link->handshake.state == HANDSHAKE_DONE
                                     ? engine->options->peer_frame_max
                                     : HANDSHAKE_FRAME_MAX;
        const enum wire_result result = wire_next_frame(buffer_content(&link->in), frame_max,
                                                        &frame);
        if (result == WIRE_BAD)
            break_link(link, frame.error);
        if (result == WIRE_MORE && frame.size > BUFFER_KEEP)
            engine_make_room(&link->in, frame.size - buffer_size(&link->in));
        if (result != WIRE_OK)
            break;
        const struct span input = buffer_content(&link->in);
        receive_frame(link, &frame);
        if (__builtin_expect(link->taken == NULL, 1)) {
            buffer_consume(&link->in, frame.size);
            continue;
        }
        buffer_append(&link->in, input.data + frame.size, input.size - frame.size);
        block_release(&link->taken);
    }
}

void engine_link_answer(struct engine *engine, struct instant now, uint64_t id, struct span message)
{
    engine->now = now;
    list_for_each(member, &engine->links)
    {
        struct link *link = list_entry(member, struct link, member);
        if (link->id == id && !link->broken) {
            buffer_append_span(link_message(link), message);
            return;
        }
    }
}
