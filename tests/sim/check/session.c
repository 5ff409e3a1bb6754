/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One connection sees its own writes in order, and none before it was sent.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "sim/check/registers.h"

/* A command about the key, by its connection. */
struct turn {
    uint64_t client;
    size_t place; /* in the key's records */
};

struct sessions {
    const struct registers *key;
    struct turn *turns; /* those of one connection after those of another, in order */
    size_t *turn_of;    /* by place */
};

static int by_connection(const void *a, const void *b)
{
    const struct turn *x = a;
    const struct turn *y = b;

    if (x->client != y->client)
        return x->client > y->client ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

/* The last write that the reader's connection sent before it, or SIZE_MAX; only if it and all of
 * the connection's writes to the key before were acknowledged is there anything certain. */
static size_t own_write(const struct sessions *sessions, size_t reader_place)
{
    const struct registers *key = sessions->key;
    const struct record *reader = register_record(key, reader_place);

    for (size_t i = sessions->turn_of[reader_place]; i-- > 0;) {
        const struct record *r = register_record(key, sessions->turns[i].place);
        if (r->client != reader->client)
            break;
        if (r->place < reader->place && record_acknowledged(r, EFFECTS_WRITE) &&
            !history_forgives(key->history, r->sent_us, reader->replied_us))
            return key->all[sessions->turns[i].place];
    }
    return SIZE_MAX;
}

/* Whether `writer` is older for certain than the session's own write. */
static bool older(const struct record *writer, const struct record *own)
{
    if (!record_acknowledged(writer, EFFECTS_WRITE) || writer == own)
        return false;
    return writer->client == own->client ? writer->place < own->place
                                         : writer->replied_us < own->sent_us;
}

static bool after_reader(const struct record *writer, const struct record *reader)
{
    return writer->client == reader->client && writer->place > reader->place;
}

static bool judge(const struct sessions *sessions, const struct record *reader,
                  const struct record *own)
{
    const struct registers *key = sessions->key;
    const struct history *history = key->history;

    if (reader->seen == SEEN_VALUE) {
        if (reader->value >= history->count)
            return true; /* check_kept's */
        const struct record *writer = &history->records[reader->value];
        return !after_reader(writer, reader) && (own == NULL || !older(writer, own));
    }
    if (own == NULL || (reader->seen == SEEN_ABSENT && history->vanishes))
        return true;
    const enum effect wanted = reader->seen == SEEN_ABSENT ? EFFECT_DELETE : EFFECT_PUT;
    if (own->effect == wanted)
        return true; /* as it mostly is */
    for (size_t i = key->count; i-- > 0;) {
        const struct record *writer = register_record(key, i);
        if (writer != reader && record_shows(writer, wanted, reader) &&
            writer->sent_us <= reader->replied_us && !after_reader(writer, reader) &&
            !older(writer, own))
            return true;
    }
    return false;
}

static void check_sessions(const struct sessions *sessions, struct verdict *verdict)
{
    const struct registers *key = sessions->key;
    const struct history *history = key->history;

    for (size_t i = 0; i < key->count; i++) {
        const struct record *reader = register_record(key, i);
        if (!record_sees(reader) || reader->strength == STRENGTH_WEAK)
            continue;
        const size_t own = own_write(sessions, i);
        verdict->judged += own != SIZE_MAX;
        if (judge(sessions, reader, own != SIZE_MAX ? &history->records[own] : NULL))
            continue;
        verdict_wrong(verdict, "session: a connection did not see its own writes in order:");
        verdict_show(verdict, history, key->all[i]);
        if (own != SIZE_MAX)
            verdict_show(verdict, history, own);
        if (reader->seen == SEEN_VALUE)
            verdict_show(verdict, history, reader->value);
    }
}

static void check_key(const struct registers *key, struct verdict *verdict)
{
    struct sessions sessions = {.key = key};

    sessions.turns = memory_alloc_array(key->count + 1, sizeof sessions.turns[0]);
    sessions.turn_of = memory_alloc_array(key->count + 1, sizeof sessions.turn_of[0]);
    for (size_t i = 0; i < key->count; i++)
        sessions.turns[i] = (struct turn){register_record(key, i)->client, i};
    qsort(sessions.turns, key->count, sizeof sessions.turns[0], by_connection);
    for (size_t i = 0; i < key->count; i++)
        sessions.turn_of[sessions.turns[i].place] = i;
    check_sessions(&sessions, verdict);
    memory_free(sessions.turns);
    memory_free(sessions.turn_of);
}

void check_session(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'k', verdict, check_key);
}
