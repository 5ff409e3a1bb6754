/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/describe.h"

#include <inttypes.h>
#include <stdio.h>

#include "causal/hlc.h"
#include "sim/world/world.h"
#include "value/counter.h"

/* The beginning of a value is enough to tell it. */
#define VALUE_SHOWN 24

const char *describe_dot(struct dot dot, char text[DESCRIBE_DOT_MAX])
{
    if (!dot_exists(dot))
        return "none";
    snprintf(text, DESCRIBE_DOT_MAX, "%+" PRId64 ".%u@%u", hlc_ms(dot.stamp) - WORLD_WALL_MS,
             (unsigned)(dot.stamp & 0xffff), dot.node);
    return text;
}

int describe_counter(const struct version *version, char *text, size_t size)
{
    struct counter_share shares[COUNTER_SHARES_MAX];
    char dot[DESCRIBE_DOT_MAX];
    const unsigned count = counter_shares(version, shares);
    const struct span shown = version->kind == VALUE_COUNTER ? counter_text(version->value)
                                                             : span_of("", 0);
    int at = snprintf(text, size, "counter '%.*s' base %s",
                      (int)(shown.size < VALUE_SHOWN ? shown.size : VALUE_SHOWN),
                      (const char *)shown.data, describe_dot(counter_base(version), dot));

    for (unsigned i = 0; i < count && at < (int)size; i++)
        at += snprintf(text + at, size - (size_t)at, " %s:%+" PRId64 "%s",
                       describe_dot((struct dot){shares[i].opened, shares[i].node}, dot),
                       shares[i].amount, shares[i].folds ? "f" : "");
    return at < (int)size ? at : (int)size - 1;
}

void describe_version(const struct version *version, char text[DESCRIBE_MAX / 2])
{
    static const char *const kinds[] = {"deleted", "string", "siblings", "batch"};
    char dot[DESCRIBE_DOT_MAX];
    const size_t shown = version->value.size < VALUE_SHOWN ? version->value.size : VALUE_SHOWN;

    if (version_is_counter(version)) {
        const int at = snprintf(text, DESCRIBE_MAX / 2, "%s ", describe_dot(version->dot, dot));
        describe_counter(version, text + at, (size_t)(DESCRIBE_MAX / 2 - at));
    } else if (version->kind == VALUE_STRING) {
        const int at = snprintf(text, DESCRIBE_MAX / 2, "%s '%.*s'",
                                describe_dot(version->dot, dot), (int)shown,
                                version->value.size > 0 ? (const char *)version->value.data : "");
        if (version->deadline_ms != DEADLINE_NEVER)
            snprintf(text + at, (size_t)(DESCRIBE_MAX / 2 - at), " until %+" PRId64,
                     version->deadline_ms - WORLD_WALL_MS);
    } else {
        snprintf(text, DESCRIBE_MAX / 2, "%s %s of %zu bytes", describe_dot(version->dot, dot),
                 kinds[version->kind], version->value.size);
    }
}

static const char *const ack_texts[] = {"ok",   "newer",   "stale claim", "forgetful",
                                        "full", "too far", "ceiling",     "held"};
static const char *const answer_texts[] = {"same", "version", "none", "not voting", "stale claim"};
static const char *const reply_texts[] = {"ok", "stale claim", "not voting", "late", "busy"};

#define NAME_OF(table, number) \
    ((size_t)(number) < sizeof(table) / sizeof((table)[0]) ? (table)[number] : "?")

static void describe_answer(const struct wire_answer *answer, char text[DESCRIBE_MAX])
{
    char version[DESCRIBE_MAX / 2] = "";

    if (answer->status == ANSWER_VERSION)
        describe_version(&answer->version, version);
    snprintf(text, DESCRIBE_MAX, "answer: %s%s%s", NAME_OF(answer_texts, answer->status),
             version[0] != '\0' ? " " : "", version);
}

static void describe_forward(const struct wire_forward *forward, char text[DESCRIBE_MAX])
{
    struct span packed = forward->args.packed;
    int at = snprintf(text, DESCRIBE_MAX, "forward:");

    for (uint32_t i = 0; i < forward->args.count && at < DESCRIBE_MAX - VALUE_SHOWN - 2; i++) {
        const struct span word = wire_next_arg(&packed);
        at += snprintf(text + at, (size_t)(DESCRIBE_MAX - at), " %.*s",
                       (int)(word.size < VALUE_SHOWN ? word.size : VALUE_SHOWN),
                       word.size > 0 ? (const char *)word.data : "");
    }
}

/* What nodes say to each other about whole partitions. */
static void describe_sync(const struct wire_message *message, char text[DESCRIBE_MAX])
{
    char dot[DESCRIBE_DOT_MAX];

    switch (message->type) {
    case WIRE_FLUSH:
        snprintf(text, DESCRIBE_MAX, "flush: %s", describe_dot(message->flush.dot, dot));
        return;
    case WIRE_FORGOT:
        snprintf(text, DESCRIBE_MAX, "forgot");
        return;
    case WIRE_PULL:
        snprintf(text, DESCRIBE_MAX, "pull %u: leaves %04x from %" PRIu64, message->pull.partition,
                 message->pull.leaves, message->pull.cursor);
        return;
    case WIRE_CHUNK:
        snprintf(text, DESCRIBE_MAX, "chunk: %s, %zu bytes, next %" PRIu64,
                 NAME_OF(answer_texts, message->chunk.status), message->chunk.entries.size,
                 message->chunk.cursor);
        return;
    case WIRE_COMPARE:
        snprintf(text, DESCRIBE_MAX, "compare %u", message->compare.partition);
        return;
    case WIRE_COMPARED:
        snprintf(text, DESCRIBE_MAX, "compared: %s",
                 NAME_OF(answer_texts, message->compared.status));
        return;
    case WIRE_MARKS:
        snprintf(text, DESCRIBE_MAX, "marks %u: %zu bytes", message->marks.partition,
                 message->marks.entries.size);
        return;
    default:
        snprintf(text, DESCRIBE_MAX, "message of type %d", (int)message->type);
        return;
    }
}

void describe_message(const struct wire_message *message, char text[DESCRIBE_MAX])
{
    char version[DESCRIBE_MAX / 2];
    char dot[DESCRIBE_DOT_MAX];

    switch (message->type) {
    case WIRE_WRITE:
        describe_version(&message->write.version, version);
        snprintf(text, DESCRIBE_MAX, "write %.*s: %s over %s", (int)(message->write.key.size & 63),
                 (const char *)message->write.key.data, version,
                 describe_dot(message->write.over, dot));
        return;
    case WIRE_ACK:
        snprintf(text, DESCRIBE_MAX, "ack: %s%s%s", NAME_OF(ack_texts, message->ack.status),
                 dot_exists(message->ack.known) ? ", knows " : "",
                 dot_exists(message->ack.known) ? describe_dot(message->ack.known, dot) : "");
        return;
    case WIRE_HOLD:
        describe_version(&message->hold.version, version);
        snprintf(text, DESCRIBE_MAX, "hold for %u %.*s: %s", message->hold.target,
                 (int)(message->hold.key.size & 63), (const char *)message->hold.key.data, version);
        return;
    case WIRE_READ:
        snprintf(text, DESCRIBE_MAX, "read %.*s, has %s", (int)(message->read.key.size & 63),
                 (const char *)message->read.key.data, describe_dot(message->read.have, dot));
        return;
    case WIRE_ANSWER:
        describe_answer(&message->answer, text);
        return;
    case WIRE_ABSENT:
        snprintf(text, DESCRIBE_MAX, "absent%s%s",
                 dot_exists(message->absent.mark) ? ", mark " : "",
                 dot_exists(message->absent.mark) ? describe_dot(message->absent.mark, dot) : "");
        return;
    case WIRE_FORWARD:
        describe_forward(&message->forward, text);
        return;
    case WIRE_REPLY:
        snprintf(text, DESCRIBE_MAX, "reply: %s, %zu bytes",
                 NAME_OF(reply_texts, message->reply.status), message->reply.bytes.size);
        return;
    default:
        describe_sync(message, text);
        return;
    }
}

uint64_t describe_id(const struct wire_message *message)
{
    switch (message->type) {
    case WIRE_WRITE:
        return message->write.id;
    case WIRE_ACK:
        return message->ack.id;
    case WIRE_READ:
        return message->read.id;
    case WIRE_ANSWER:
        return message->answer.id;
    case WIRE_ABSENT:
        return message->absent.id;
    case WIRE_FORWARD:
        return message->forward.id;
    case WIRE_REPLY:
        return message->reply.id;
    case WIRE_FLUSH:
        return message->flush.id;
    case WIRE_FORGOT:
        return message->forgot.id;
    case WIRE_HOLD:
        return message->hold.id;
    case WIRE_PULL:
        return message->pull.id;
    case WIRE_CHUNK:
        return message->chunk.id;
    case WIRE_COMPARE:
        return message->compare.id;
    case WIRE_COMPARED:
        return message->compared.id;
    case WIRE_MARKS:
        return message->marks.id;
    default:
        return 0;
    }
}

bool describe_next(struct wire_cursor *messages, struct span *acks, struct wire_message *message)
{
    const char *error;

    if (acks->size == 0) {
        if (wire_next_message(messages, message, &error) != WIRE_OK)
            return false;
        if (message->type != WIRE_ACKS || message->acks.ids.size == 0)
            return true;
        *acks = message->acks.ids;
    }
    *message = (struct wire_message){.type = WIRE_ACK,
                                     .ack = {.id = bytes_get_u64(acks->data), .status = ACK_OK}};
    *acks = span_of(acks->data + WIRE_IDS_STEP, acks->size - WIRE_IDS_STEP);
    return true;
}
