/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Siblings are complete, and none is false. A write with a context replaces what the read saw that
 * the context is from, and nothing else (Preguica et al., arXiv 1011.5808). So of a key's values
 *
 *   - no two stand beside each other of which one was written over the other: a set that has a
 *     value has its context, and all that this covers is over, whatever the levels and faults;
 *   - none is back that an acknowledged write replaced, or a FLUSHALL that came after it, or a DEL,
 *     which replaces what its own read met;
 *   - each that was acknowledged is there, unless a write that was sent with a context from where
 *     it was seen, or a DEL or FLUSHALL, may have replaced it.
 *
 * The last two are of reads that meet every acknowledged write: R + W > N, or all that was
 * acknowledged a while ago once the replicas have converged (record_sees). After an amnesty
 * (history.h) they are certain of nothing that was written before. A value with a time to live may
 * be missing.
 *
 * A set that vanishes takes its context with it, and what that covers may come back from a replica
 * that missed it (docs/ARCHITECTURE.md, Known gaps): where anything may be evicted, and around a
 * FLUSHALL that not all replicas took, or not all had taken yet, the second is not judged.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "sim/check/registers.h"

/* That a write was sent with a context that covers a value. */
struct cover {
    size_t value; /* records of the history */
    size_t write;
};

struct family {
    const struct registers *key;
    struct cover *covers; /* by value */
    size_t cover_count;
    size_t *deletes; /* places in the key's records */
    size_t delete_count;
};

/* ---- what was seen ---- */

static const uint64_t *seen_of(const struct history *history, const struct record *reader)
{
    return history->siblings + reader->siblings;
}

static bool saw(const struct history *history, const struct record *reader, uint64_t value)
{
    const uint64_t *seen = seen_of(history, reader);

    for (size_t i = 0; i < reader->count; i++)
        if (seen[i] == value)
            return true;
    return false;
}

/* Whether the write was sent with a context in which the value was seen. */
static bool replaces(const struct history *history, const struct record *write, uint64_t value)
{
    return write->base != HISTORY_NONE && saw(history, &history->records[write->base], value);
}

/* ---- what replaced what ---- */

static int by_value(const void *a, const void *b)
{
    const struct cover *x = a;
    const struct cover *y = b;

    if (x->value != y->value)
        return x->value > y->value ? 1 : -1;
    return (x->write > y->write) - (x->write < y->write);
}

static void family_init(struct family *family, const struct registers *key)
{
    const struct history *history = key->history;
    size_t covers = 0;

    *family = (struct family){.key = key};
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        covers += r->base != HISTORY_NONE ? history->records[r->base].count : 0;
    }
    family->covers = memory_alloc_array(covers + 1, sizeof family->covers[0]);
    family->deletes = memory_alloc_array(key->count + 1, sizeof family->deletes[0]);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        if (r->effect == EFFECT_DELETE)
            family->deletes[family->delete_count++] = i;
        if (r->base == HISTORY_NONE)
            continue;
        const struct record *base = &history->records[r->base];
        for (size_t j = 0; j < base->count; j++)
            family->covers[family->cover_count++] = (struct cover){
                (size_t)seen_of(history, base)[j], key->all[i]};
    }
    qsort(family->covers, family->cover_count, sizeof family->covers[0], by_value);
}

static void family_deinit(struct family *family)
{
    memory_free(family->covers);
    memory_free(family->deletes);
}

/* The first of the covers of the value; those of one value stand together. */
static size_t covers_of(const struct family *family, size_t value)
{
    size_t low = 0;
    size_t high = family->cover_count;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (family->covers[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- judgement ---- */

/* How far clocks that are in line may be apart, and more. */
#define APART_US 1000000

/* Whether the reader was sent when the write had been acknowledged, and can be held to it. */
static bool behind(const struct history *history, const struct record *write,
                   const struct record *reader)
{
    return record_acknowledged(write, EFFECTS_WRITE) &&
           write->replied_us < record_asked_us(reader) &&
           !history_forgives(history, write->sent_us, reader->replied_us);
}

/* Whether the write's context is where the write is. */
static bool context_stays(const struct family *family, const struct record *write,
                          const struct record *reader)
{
    if (family->key->history->vanishes)
        return false;
    for (size_t i = 0; i < family->delete_count; i++) {
        const struct record *flush = register_record(family->key, family->deletes[i]);
        const bool done = flush->outcome == OUTCOME_OK &&
                          flush->replied_us <= record_asked_us(reader);
        if (flush->space == '*' && !done && flush->sent_us <= reader->replied_us &&
            (flush->replied_us == HISTORY_NEVER_US ||
             record_end_us(flush) + APART_US >= write->sent_us))
            return false;
    }
    return true;
}

/* The write that replaced the value for certain before the reader asked; HISTORY_NONE: none. */
static size_t replaced_by(const struct family *family, size_t value, const struct record *reader)
{
    const struct history *history = family->key->history;
    const struct record *written = &history->records[value];

    for (size_t i = covers_of(family, value);
         i < family->cover_count && family->covers[i].value == value; i++) {
        const struct record *write = &history->records[family->covers[i].write];
        if (behind(history, write, reader) && context_stays(family, write, reader))
            return family->covers[i].write;
    }
    for (size_t i = 0; i < family->delete_count; i++) {
        const struct record *delete = register_record(family->key, family->deletes[i]);
        const bool meets = delete->space == '*' || delete->strength == STRENGTH_FULL;
        if (meets && behind(history, delete, reader) &&
            record_acknowledged(written, EFFECTS_WRITE) && written->replied_us < delete->sent_us &&
            context_stays(family, delete, reader))
            return family->key->all[family->deletes[i]];
    }
    return HISTORY_NONE;
}

/* Until when a DEL or FLUSHALL may take effect. One that failed, and was forwarded by a node whose
 * clock is ahead, has a deadline that is as far ahead (docs/ARCHITECTURE.md, Known gaps); a
 * FLUSHALL that failed may reach nodes at any time. */
static int64_t effect_end_us(const struct history *history, const struct record *delete)
{
    const int64_t end_us = record_end_us(delete);
    int64_t least_us, most_us;

    if (delete->outcome == OUTCOME_OK || end_us == HISTORY_NEVER_US)
        return end_us;
    if (delete->space == '*')
        return HISTORY_NEVER_US;
    clocks_range(&history->clocks, delete->sent_us, end_us, &least_us, &most_us);
    return end_us + most_us - least_us + APART_US;
}

/* From when on the value may have been replaced; HISTORY_NEVER_US: it cannot. */
static int64_t over_us_of(const struct family *family, size_t value)
{
    const struct history *history = family->key->history;
    const struct record *written = &history->records[value];
    int64_t over_us = HISTORY_NEVER_US;

    for (size_t i = covers_of(family, value);
         i < family->cover_count && family->covers[i].value == value; i++)
        if (history->records[family->covers[i].write].sent_us < over_us)
            over_us = history->records[family->covers[i].write].sent_us;
    for (size_t i = 0; i < family->delete_count; i++) {
        const struct record *delete = register_record(family->key, family->deletes[i]);
        if (delete->sent_us < over_us && effect_end_us(history, delete) >= written->sent_us)
            over_us = delete->sent_us;
    }
    return over_us;
}

static void blame(const struct history *history, size_t reader, size_t value, size_t other,
                  const char *what, struct verdict *verdict)
{
    verdict_wrong(verdict, "siblings: %s:", what);
    verdict_show(verdict, history, reader);
    if (value < history->count)
        verdict_show(verdict, history, value);
    if (other != HISTORY_NONE)
        verdict_show(verdict, history, other);
}

/* What the reader saw stands rightly beside each other; it could be seen, and each but once. */
static void check_set(const struct family *family, size_t index, struct verdict *verdict)
{
    const struct history *history = family->key->history;
    const struct record *reader = &history->records[index];
    const uint64_t *seen = seen_of(history, reader);

    for (size_t i = 0; i < reader->count; i++) {
        const size_t value = (size_t)seen[i];
        const struct record *writer = value < history->count ? &history->records[value] : NULL;
        if (writer == NULL || writer->space != 's' || writer->key != reader->key ||
            writer->effect != EFFECT_PUT || writer->sent_us > reader->replied_us) {
            blame(history, index, value, HISTORY_NONE, "nobody had written this value", verdict);
            continue;
        }
        for (size_t j = 0; j < reader->count; j++) {
            if (j < i && seen[j] == seen[i])
                blame(history, index, value, HISTORY_NONE, "a value is there twice", verdict);
            if (seen[j] < history->count && seen[j] != seen[i] &&
                replaces(history, &history->records[seen[j]], value))
                blame(history, index, value, (size_t)seen[j],
                      "a value stands beside the one that was written over it", verdict);
        }
    }
}

static void check_false(const struct family *family, size_t index, struct verdict *verdict)
{
    const struct history *history = family->key->history;
    const struct record *reader = &history->records[index];

    for (size_t i = 0; i < reader->count; i++) {
        const size_t value = (size_t)seen_of(history, reader)[i];
        if (value >= history->count)
            continue;
        const size_t by = replaced_by(family, value, reader);
        if (by != HISTORY_NONE)
            blame(history, index, value, by, "a value is back that had been replaced", verdict);
    }
}

/* Each acknowledged value is in the sets of the readers between it and what may replace it. The
 * key's records stand in the order in which they were sent. */
static void check_complete(const struct family *family, size_t place, struct verdict *verdict)
{
    const struct registers *key = family->key;
    const struct history *history = key->history;
    const struct record *written = register_record(key, place);
    const size_t value = key->all[place];

    if (history->vanishes || written->effect != EFFECT_PUT || written->lease_us > 0 ||
        !record_acknowledged(written, EFFECTS_WRITE))
        return;
    const int64_t over_us = over_us_of(family, value);
    for (size_t i = place + 1; i < key->count; i++) {
        const struct record *reader = register_record(key, i);
        if (reader->sent_us >= over_us)
            return;
        if (reader->seen == SEEN_SIBLINGS && record_sees(reader) && reader->replied_us < over_us &&
            behind(history, written, reader) && !saw(history, reader, value))
            blame(history, key->all[i], value, HISTORY_NONE, "an acknowledged value is missing",
                  verdict);
    }
}

static void check_key(const struct registers *key, struct verdict *verdict)
{
    struct family family;

    family_init(&family, key);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        check_complete(&family, i, verdict);
        if (r->seen != SEEN_SIBLINGS)
            continue;
        verdict->judged++;
        check_set(&family, key->all[i], verdict);
        if (record_sees(r))
            check_false(&family, key->all[i], verdict);
    }
    family_deinit(&family);
}

void check_siblings(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 's', verdict, check_key);
}
