/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Acknowledged is kept, and one connection sees its own writes in order. Both go key by key over
 * the registers' records; both need, for a reader, the time since which what was acknowledged is
 * gone: of the acknowledged writes that had their reply before the reader asked, the latest
 * sending.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim/checks.h"

/* The records of one key, by index. */
struct register_records {
    size_t *all;
    size_t count;
};

static bool writes(const struct record *record)
{
    return record->effect == EFFECT_PUT || record->effect == EFFECT_DELETE;
}

static bool acknowledged(const struct record *record)
{
    return writes(record) && record->outcome == OUTCOME_OK;
}

static bool sees(const struct record *record)
{
    return record->seen != SEEN_NOTHING && record->outcome == OUTCOME_OK;
}

/* ---- gone ---- */

/* For each time of a reply to an acknowledged write, the latest sending up to then. */
struct gone {
    struct gone_step {
        int64_t replied_us;
        int64_t sent_us;
    } * steps;
    size_t count;
};

static int by_reply(const void *a, const void *b)
{
    const struct gone_step *x = a;
    const struct gone_step *y = b;

    return (x->replied_us > y->replied_us) - (x->replied_us < y->replied_us);
}

static void gone_init(struct gone *gone, const struct history *history,
                      const struct register_records *key)
{
    int64_t latest_us = INT64_MIN;

    gone->count = 0;
    gone->steps = memory_alloc_array(key->count, sizeof gone->steps[0]);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = &history->records[key->all[i]];
        if (acknowledged(r))
            gone->steps[gone->count++] = (struct gone_step){r->replied_us, r->sent_us};
    }
    qsort(gone->steps, gone->count, sizeof gone->steps[0], by_reply);
    for (size_t i = 0; i < gone->count; i++) {
        if (gone->steps[i].sent_us > latest_us)
            latest_us = gone->steps[i].sent_us;
        gone->steps[i].sent_us = latest_us;
    }
}

/* An acknowledged write whose reply came before this time is gone for who asks at `asked_us`;
 * INT64_MIN: none is, nor is the absence at the beginning. */
static int64_t gone_before(const struct gone *gone, int64_t asked_us)
{
    size_t low = 0;
    size_t high = gone->count;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (gone->steps[middle].replied_us < asked_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? gone->steps[low - 1].sent_us : INT64_MIN;
}

/* Whether the reader may see what `writer` wrote, as far as times tell. */
static bool may_see(const struct record *writer, const struct record *reader, int64_t gone_us)
{
    return writer->sent_us <= reader->replied_us &&
           !(acknowledged(writer) && writer->replied_us < gone_us);
}

/* Whether there is any write of this effect that the reader may see. */
static bool any_may(const struct history *history, const struct register_records *key,
                    enum effect effect, const struct record *reader, int64_t gone_us)
{
    for (size_t i = 0; i < key->count; i++) {
        const struct record *writer = &history->records[key->all[i]];
        if (writer != reader && writer->effect == effect && may_see(writer, reader, gone_us))
            return true;
    }
    return false;
}

static bool judge_kept(const struct history *history, const struct register_records *key,
                       const struct record *reader, int64_t gone_us)
{
    switch (reader->seen) {
    case SEEN_ABSENT:
        return gone_us == INT64_MIN || any_may(history, key, EFFECT_DELETE, reader, gone_us);
    case SEEN_PRESENT:
        return any_may(history, key, EFFECT_PUT, reader, gone_us);
    case SEEN_VALUE:
        if (reader->value >= history->count)
            return false;
        const struct record *writer = &history->records[reader->value];
        return writer->space == reader->space && writer->key == reader->key &&
               writer->effect == EFFECT_PUT && writer != reader && may_see(writer, reader, gone_us);
    case SEEN_NOTHING:
        break;
    }
    return true;
}

static void check_key_kept(const struct history *history, const struct register_records *key,
                           struct verdict *verdict)
{
    struct gone gone;

    gone_init(&gone, history, key);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *reader = &history->records[key->all[i]];
        if (!sees(reader))
            continue;
        const int64_t gone_us = gone_before(&gone, reader->sent_us);
        verdict->judged += gone_us != INT64_MIN;
        if (judge_kept(history, key, reader, gone_us))
            continue;
        verdict_wrong(verdict, "kept: what this command saw was gone, or was never there:");
        verdict_show(verdict, history, key->all[i]);
        if (reader->seen == SEEN_VALUE && reader->value < history->count)
            verdict_show(verdict, history, reader->value);
        for (size_t j = 0; j < key->count; j++) {
            const struct record *r = &history->records[key->all[j]];
            if (acknowledged(r) && r->sent_us == gone_us)
                verdict_show(verdict, history, key->all[j]);
        }
    }
    memory_free(gone.steps);
}

/* ---- sessions ---- */

/* The last write that the reader's connection sent before it, or SIZE_MAX; only if it and all of
 * the connection's writes to the key before were acknowledged is there anything certain. */
static size_t own_write(const struct history *history, const struct register_records *key,
                        const struct record *reader)
{
    size_t own = SIZE_MAX;

    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = &history->records[key->all[i]];
        if (r->client == reader->client && r->place < reader->place && acknowledged(r))
            own = key->all[i];
    }
    return own;
}

/* Whether `writer` is older for certain than the session's own write. */
static bool older(const struct record *writer, const struct record *own)
{
    if (!acknowledged(writer) || writer == own)
        return false;
    return writer->client == own->client ? writer->place < own->place
                                         : writer->replied_us < own->sent_us;
}

static bool after_reader(const struct record *writer, const struct record *reader)
{
    return writer->client == reader->client && writer->place > reader->place;
}

static bool judge_session(const struct history *history, const struct register_records *key,
                          const struct record *reader, const struct record *own)
{
    if (reader->seen == SEEN_VALUE) {
        if (reader->value >= history->count)
            return true; /* check_kept's */
        const struct record *writer = &history->records[reader->value];
        return !after_reader(writer, reader) && (own == NULL || !older(writer, own));
    }
    if (own == NULL)
        return true;
    const enum effect wanted = reader->seen == SEEN_ABSENT ? EFFECT_DELETE : EFFECT_PUT;
    for (size_t i = 0; i < key->count; i++) {
        const struct record *writer = &history->records[key->all[i]];
        if (writer != reader && writer->effect == wanted && writer->sent_us <= reader->replied_us &&
            !after_reader(writer, reader) && !older(writer, own))
            return true;
    }
    return false;
}

static void check_key_session(const struct history *history, const struct register_records *key,
                              struct verdict *verdict)
{
    for (size_t i = 0; i < key->count; i++) {
        const struct record *reader = &history->records[key->all[i]];
        if (!sees(reader))
            continue;
        const size_t own = own_write(history, key, reader);
        verdict->judged += own != SIZE_MAX;
        if (judge_session(history, key, reader, own != SIZE_MAX ? &history->records[own] : NULL))
            continue;
        verdict_wrong(verdict, "session: a connection did not see its own writes in order:");
        verdict_show(verdict, history, key->all[i]);
        if (own != SIZE_MAX)
            verdict_show(verdict, history, own);
        if (reader->seen == SEEN_VALUE)
            verdict_show(verdict, history, reader->value);
    }
}

/* ---- key by key ---- */

static void each_key(const struct history *history, struct verdict *verdict,
                     void (*check)(const struct history *history,
                                   const struct register_records *key, struct verdict *verdict))
{
    uint32_t keys = 0;

    for (size_t i = 0; i < history->count; i++)
        if (history->records[i].space == 'k' && history->records[i].key >= keys)
            keys = history->records[i].key + 1;
    if (keys == 0)
        return;
    struct register_records *by_key = memory_alloc_array(keys, sizeof by_key[0]);
    for (size_t i = 0; i < history->count; i++)
        if (history->records[i].space == 'k')
            by_key[history->records[i].key].count++;
    for (uint32_t k = 0; k < keys; k++) {
        by_key[k].all = memory_alloc_array(by_key[k].count + 1, sizeof by_key[k].all[0]);
        by_key[k].count = 0;
    }
    for (size_t i = 0; i < history->count; i++)
        if (history->records[i].space == 'k') {
            struct register_records *key = &by_key[history->records[i].key];
            key->all[key->count++] = i;
        }
    for (uint32_t k = 0; k < keys; k++) {
        if (by_key[k].count > 0)
            check(history, &by_key[k], verdict);
        memory_free(by_key[k].all);
    }
    memory_free(by_key);
}

void check_kept(const struct history *history, struct verdict *verdict)
{
    each_key(history, verdict, check_key_kept);
}

void check_session(const struct history *history, struct verdict *verdict)
{
    each_key(history, verdict, check_key_session);
}
