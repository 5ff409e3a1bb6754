/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/load/load_parts.h"

#include <stdio.h>

uint64_t load_value_writer(const struct history *history, struct span reply)
{
    struct buffer expected = {0};
    const char *at = memchr(reply.data, 'v', reply.size);
    uint64_t record = UINT64_MAX;

    if (at != NULL) {
        record = strtoull(at + 1, NULL, 10);
        load_put_value(history, &expected, record);
        if (!span_equal(buffer_content(&expected), reply))
            record = UINT64_MAX;
        buffer_deinit(&expected);
    }
    return record;
}

static uint64_t bulk_number(struct span reply)
{
    const uint8_t *line = memchr(reply.data, '\n', reply.size);

    return line != NULL ? strtoull((const char *)line + 1, NULL, 10) : UINT64_MAX;
}

static bool is_nothing(struct span reply)
{
    return reply.size >= 2 && reply.data[0] == '$' && reply.data[1] == '-';
}

static int64_t integer(struct span reply)
{
    int64_t number = 0;

    answer_integer(reply, &number);
    return number;
}

/* It answers that it did nothing. */
static void note_nothing_done(struct record *record)
{
    record->undone = record->effect;
    record->effect = EFFECT_NONE;
}

static void note_value(const struct history *history, struct record *record, struct span reply)
{
    record->seen = is_nothing(reply) ? SEEN_ABSENT : SEEN_VALUE;
    if (record->seen == SEEN_VALUE)
        record->value = load_value_writer(history, reply);
    else if (record->effect == EFFECT_DELETE || record->effect == EFFECT_TOUCH)
        note_nothing_done(record); /* there was nothing to delete, or to touch */
}

/* -2: there is no key, -1: it has no time to live. */
static void note_left(struct record *record, int64_t left_ms)
{
    record->seen = left_ms == -2 ? SEEN_ABSENT : SEEN_PRESENT;
    record->left_us = left_ms >= 0 ? left_ms * 1000 : -1;
}

void load_note_record(struct history *history, size_t index, enum form form, struct span reply)
{
    struct record *record = &history->records[index];

    switch (form) {
    case FORM_GET:
    case FORM_GETSET:
    case FORM_GETDEL:
    case FORM_MGET:
    case FORM_EGET:
    case FORM_GETEX:
    case FORM_GETEX_PERSIST:
        note_value(history, record, reply);
        break;
    case FORM_DEL:
    case FORM_EDEL:
    case FORM_EXISTS:
        record->seen = integer(reply) > 0 ? SEEN_PRESENT : SEEN_ABSENT;
        break;
    case FORM_SETNX:
        record->seen = integer(reply) > 0 ? SEEN_ABSENT : SEEN_PRESENT;
        if (record->seen == SEEN_PRESENT)
            note_nothing_done(record);
        break;
    case FORM_PEXPIRE:
        record->seen = integer(reply) > 0 ? SEEN_PRESENT : SEEN_ABSENT;
        if (record->seen == SEEN_ABSENT)
            note_nothing_done(record);
        break;
    case FORM_PERSIST: /* 0: there is no key, or it has no time to live */
        if (integer(reply) > 0)
            record->seen = SEEN_PRESENT;
        else
            note_nothing_done(record);
        break;
    case FORM_PTTL:
        note_left(record, integer(reply));
        break;
    case FORM_INCR:
        record->seen = SEEN_VALUE;
        record->value = (uint64_t)integer(reply);
        break;
    case FORM_COUNT:
        record->seen = SEEN_VALUE;
        record->value = is_nothing(reply) ? 0 : bulk_number(reply);
        break;
    case FORM_SET:
    case FORM_MSET:
    case FORM_MDEL:
    case FORM_ESET:
    case FORM_SETPX:
    case FORM_PSETEX:
    case FORM_CGET: /* load_note_siblings */
    case FORM_CSET:
    case FORM_CDEL:
    case FORM_MULTI: /* load_note_multi */
    case FORM_SCRIPT:
    case FORM_DBSIZE:
    case FORM_FLUSHALL:
    case FORM_COUNT_OF:
        break;
    }
}

struct span load_elements(struct span reply)
{
    const uint8_t *line = memchr(reply.data, '\n', reply.size);
    const size_t head = (size_t)(line - reply.data) + 1;

    return span_of(reply.data + head, reply.size - head);
}

const char *load_text(struct span bulk, char text[32])
{
    const struct span content = load_elements(bulk);
    const size_t size = content.size >= 2 ? content.size - 2 : 0;

    snprintf(text, 32, "%.*s", (int)(size < 31 ? size : 31), (const char *)content.data);
    return text;
}

struct span load_next_element(struct span *elements)
{
    struct answer answer;

    answer_init(&answer);
    ensure(answer_read(&answer, *elements) == ANSWER_COMPLETE);
    const struct span element = span_of(elements->data, answer.size);
    *elements = span_of(elements->data + answer.size, elements->size - answer.size);
    return element;
}

void load_note_reply(struct history *history, const struct asked *asked, struct span reply)
{
    struct span elements = asked->form == FORM_MGET ? load_elements(reply) : reply;

    if (asked->form == FORM_MULTI || asked->form == FORM_SCRIPT) {
        load_note_multi(history, asked, reply);
        return;
    }
    for (size_t i = 0; i < asked->count; i++)
        load_note_record(history, asked->first + i, asked->form,
                         asked->form == FORM_MGET ? load_next_element(&elements) : reply);
}

void load_note_error(struct record *record, struct span reply)
{
    size_t size = reply.size < sizeof record->error - 1 ? reply.size : sizeof record->error - 1;

    memcpy(record->error, reply.data, size);
    record->error[size] = '\0';
    record->error[strcspn(record->error, "\r")] = '\0';
}
