/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The messages about the key: which are sent, which arrive late, and which are lost with their
 * link. A message has arrived when all bytes up to its end have; it is lost when the receiver's end
 * of the connection is gone before.
 */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "lib/array.h"
#include "node/parts.h"
#include "sim/explain/watch_parts.h"
#include "sim/world/describe.h"
#include "sync/stream.h"
#include "wire/wire.h"

/* Later than a link that nothing slows down. */
#define LATE_US 10000

/* ---- questions ---- */

static struct watch_question *question_place(const struct watch *watch, unsigned asker,
                                             unsigned asked, uint64_t id)
{
    const uint64_t words[] = {id, asker * 1000 + asked};

    return &watch->questions[XXH3_64bits(words, sizeof words) % WATCH_QUESTIONS];
}

static void note_question(struct watch *watch, unsigned asker, unsigned asked, uint64_t id,
                          enum watch_question_kind kind)
{
    *question_place(watch, asker, asked, id) = (struct watch_question){
        .id = id, .asker = asker, .asked = asked, .kind = kind};
}

static enum watch_question_kind find_question(const struct watch *watch, unsigned asker,
                                              unsigned asked, uint64_t id)
{
    const struct watch_question *question = question_place(watch, asker, asked, id);

    return question->id == id && question->asker == asker && question->asked == asked
               ? question->kind
               : QUESTION_NONE;
}

/* ---- what a message says ---- */

/* What will be told of it. */
struct told {
    enum timeline_kind kind;
    char text[DESCRIBE_MAX];
};

static bool is_key(const struct watch *watch, struct span key)
{
    return watch->key[0] != '\0' && span_equal(key, watch_key(watch));
}

static bool has_partition(const struct watch *watch, struct span bitmap)
{
    const size_t byte = (size_t)watch->partition / 8;

    return watch->partition >= 0 && byte < bitmap.size &&
           (bitmap.data[byte] >> (watch->partition % 8) & 1) != 0;
}

static bool forwards_key(const struct watch *watch, const struct wire_forward *forward)
{
    struct span packed = forward->args.packed;

    for (uint32_t i = 0; i < forward->args.count; i++)
        if (is_key(watch, wire_next_arg(&packed)))
            return true;
    return false;
}

static void tell_write(struct watch *watch, const struct wire_write *write, struct told *told)
{
    char version[WATCH_VERSION_MAX], dot[DESCRIBE_DOT_MAX];
    const char *what = (write->id & ID_HINT) != 0   ? "a hint"
                       : (write->id & ID_SYNC) != 0 ? "a repair"
                                                    : "write";

    watch_note_version(watch, &write->version);
    told->kind = TIMELINE_SENT;
    snprintf(told->text, sizeof told->text, "%s: %s over %s", what,
             watch_words(&write->version, version), describe_dot(write->over, dot));
}

/* What the part of a partition has of the key; false: nothing. */
static bool tell_chunk(struct watch *watch, const struct wire_chunk *chunk, struct told *told)
{
    struct span rest = chunk->entries;
    struct stream_entry entry;
    char version[WATCH_VERSION_MAX], dot[DESCRIBE_DOT_MAX];

    while (stream_next(&rest, &entry) == STREAM_OK) {
        if (entry.is_mark && entry.hash == watch->key_hash) {
            snprintf(told->text, sizeof told->text, "of its partition: the mark %s",
                     describe_dot(entry.version.dot, dot));
            return true;
        }
        if (!entry.is_mark && is_key(watch, entry.key)) {
            watch_note_version(watch, &entry.version);
            snprintf(told->text, sizeof told->text, "of its partition: %s",
                     watch_words(&entry.version, version));
            return true;
        }
    }
    snprintf(told->text, sizeof told->text, "of its partition%s: %s",
             chunk->cursor == 0 ? ", the last part" : "",
             watch->key[0] != '\0' ? "nothing of the key" : "what it holds");
    return chunk->cursor == 0;
}

/* Questions and offers; false: it is not about the key. */
static bool tell_question(struct watch *watch, unsigned from, unsigned to,
                          const struct wire_message *message, struct told *told)
{
    char version[WATCH_VERSION_MAX];
    enum watch_question_kind kind = QUESTION_OTHER;

    switch (message->type) {
    case WIRE_WRITE:
        if (!is_key(watch, message->write.key))
            return false;
        tell_write(watch, &message->write, told);
        kind = QUESTION_WRITE;
        break;
    case WIRE_HOLD:
        if (!is_key(watch, message->hold.key))
            return false;
        watch_note_version(watch, &message->hold.version);
        told->kind = TIMELINE_RARE;
        snprintf(told->text, sizeof told->text, "hold for node %u: %s", message->hold.target,
                 watch_words(&message->hold.version, version));
        break;
    case WIRE_READ:
        if (!is_key(watch, message->read.key))
            return false;
        describe_message(message, told->text);
        kind = QUESTION_READ;
        break;
    case WIRE_FORWARD:
        if (!forwards_key(watch, &message->forward))
            return false;
        describe_message(message, told->text);
        break;
    case WIRE_PULL:
        if (watch->partition < 0 || message->pull.partition != watch->partition)
            return false;
        describe_message(message, told->text);
        kind = QUESTION_PULL;
        break;
    case WIRE_MARKS:
        if (watch->partition < 0 || message->marks.partition != watch->partition)
            return false;
        describe_message(message, told->text);
        kind = QUESTION_WRITE;
        break;
    case WIRE_FLUSH:
        if (!has_partition(watch, message->flush.partitions))
            return false;
        describe_message(message, told->text);
        told->kind = TIMELINE_SENT;
        break;
    case WIRE_FORGOT:
        if (!has_partition(watch, message->forgot.partitions))
            return false;
        told->kind = TIMELINE_RARE;
        snprintf(told->text, sizeof told->text, "forgot: hints for partition %d were dropped",
                 watch->partition);
        break;
    default:
        return false;
    }
    note_question(watch, from, to, describe_id(message), kind);
    return true;
}

static bool tell_answer(struct watch *watch, unsigned from, unsigned to,
                        const struct wire_message *message, struct told *told)
{
    const enum watch_question_kind kind = find_question(watch, to, from, describe_id(message));
    char version[WATCH_VERSION_MAX];

    if (kind == QUESTION_NONE)
        return false;
    if (message->type == WIRE_CHUNK) {
        told->kind = TIMELINE_SENT;
        return tell_chunk(watch, &message->chunk, told);
    }
    describe_message(message, told->text);
    if (message->type == WIRE_ANSWER && message->answer.status == ANSWER_VERSION)
        snprintf(told->text, sizeof told->text, "answer: %s",
                 watch_words(&message->answer.version, version));
    if (message->type == WIRE_ACK && message->ack.status != ACK_OK)
        told->kind = TIMELINE_RARE;
    return message->type == WIRE_ACK || message->type == WIRE_ANSWER ||
           message->type == WIRE_ABSENT || message->type == WIRE_REPLY;
}

/* ---- sent ---- */

static unsigned sender(const struct watch_message *message)
{
    return message->connection->nodes[message->end];
}

static unsigned receiver(const struct watch_message *message)
{
    return message->connection->nodes[1 - message->end];
}

void watch_sent(void *context, const struct sim_connection *connection, unsigned end,
                uint64_t until, const struct wire_message *message)
{
    struct watch *watch = context;
    const unsigned from = connection->nodes[end];
    const unsigned to = connection->nodes[1 - end];
    const int64_t now_us = connection->world->now_us;
    struct told told = {.kind = TIMELINE_ROUTINE};
    char who[WATCH_WHO_MAX];

    if (!tell_question(watch, from, to, message, &told) &&
        !tell_answer(watch, from, to, message, &told))
        return;
    watch->messages = array_room(watch->messages, watch->message_count, &watch->message_capacity,
                                 sizeof watch->messages[0]);
    watch->messages[watch->message_count++] = (struct watch_message){
        .connection = connection,
        .end = end,
        .until = until,
        .sent_us = now_us,
        .line = timeline_add(watch->timeline, now_us, told.kind, watch_who(from, to, who), "%s",
                             told.text)};
}

/* ---- and then ---- */

static void note_late(struct watch *watch, const struct watch_message *message)
{
    const int64_t now_us = message->connection->world->now_us;

    timeline_append(watch->timeline, message->line, TIMELINE_RARE,
                    " (arrives LATE, at %" PRId64 ".%03" PRId64 ")", now_us / 1000, now_us % 1000);
}

static void note_lost(struct watch *watch, const struct watch_message *message)
{
    const struct world *world = message->connection->world;
    char why[48];

    if (message->connection->lost)
        snprintf(why, sizeof why, "the link broke");
    else if (!world->nodes[receiver(message)]->running)
        snprintf(why, sizeof why, "node %u does not run", receiver(message));
    else if (!world->nodes[sender(message)]->running)
        snprintf(why, sizeof why, "node %u does not run", sender(message));
    else
        snprintf(why, sizeof why, "the link was closed");
    timeline_append(watch->timeline, message->line, TIMELINE_RARE,
                    " (LOST: %s, at %" PRId64 ".%03" PRId64 ")", why, world->now_us / 1000,
                    world->now_us % 1000);
}

static bool is_lost(const struct watch_message *message)
{
    return message->connection->lost || !message->connection->open[1 - message->end];
}

static bool is_there(const struct watch_message *message)
{
    return message->connection->lanes[message->end].arrived >= message->until;
}

/* Takes out those that are over, telling what became of them. */
void watch_look_for_lost(struct watch *watch, const struct world *world)
{
    size_t kept = 0;

    for (size_t i = 0; i < watch->message_count; i++) {
        const struct watch_message *message = &watch->messages[i];
        if (is_there(message)) {
            if (world->now_us > message->sent_us + LATE_US)
                note_late(watch, message);
        } else if (is_lost(message)) {
            note_lost(watch, message);
        } else {
            watch->messages[kept++] = *message;
        }
    }
    watch->message_count = kept;
}

void watch_arrived(void *context, const struct sim_connection *connection, unsigned end)
{
    struct watch *watch = context;

    watch->holdings[connection->nodes[1 - end]].from = connection->nodes[end];
}
