/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What was read once is kept as if it had been acknowledged: a read repairs what its answer depends
 * on before it answers. So all readers see the values of a register in one order. A value's span
 * goes from the first to the last time that it is known to have been there; the spans of two values
 * must not overlap, nor one moment of a value lie within the span of another (Gibbons and Korach,
 * Testing Shared Memories, 1997, for unique values).
 *
 * A write that is overtaken goes out again under a higher dot, so its value may be seen, vanish
 * behind another and be back: what readers saw while it was under way does not count.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "sim/check/registers.h"

/* When a value was there: `first` is the earliest end of a command that has to do with it, `last`
 * the latest beginning. */
struct stay {
    size_t writer;
    int64_t first_us, last_us;
    size_t first, last; /* whose these are */
};

static void note(struct stay *stay, size_t index, int64_t begin_us, int64_t end_us)
{
    if (end_us < stay->first_us) {
        stay->first_us = end_us;
        stay->first = index;
    }
    if (begin_us > stay->last_us) {
        stay->last_us = begin_us;
        stay->last = index;
    }
}

static int by_writer(const void *a, const void *b)
{
    const struct stay *x = a;
    const struct stay *y = b;

    return (x->writer > y->writer) - (x->writer < y->writer);
}

/* The stays of the key's values that were read at rest; returns how many. */
static size_t collect(const struct registers *key, struct stay *stays)
{
    const struct history *history = key->history;
    size_t count = 0;

    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        if (record_sees(r) && r->strength == STRENGTH_FULL && r->alike && r->seen == SEEN_VALUE &&
            r->value < history->count && r->sent_us > record_end_us(&history->records[r->value]))
            stays[count++] = (struct stay){r->value, r->replied_us, r->sent_us, key->all[i],
                                           key->all[i]};
    }
    qsort(stays, count, sizeof stays[0], by_writer);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && stays[kept - 1].writer == stays[i].writer)
            note(&stays[kept - 1], stays[i].first, stays[i].last_us, stays[i].first_us);
        else
            stays[kept++] = stays[i];
    }
    for (size_t i = 0; i < kept; i++) {
        const struct record *writer = &history->records[stays[i].writer];
        if (writer->outcome == OUTCOME_OK)
            note(&stays[i], stays[i].writer, writer->sent_us, writer->replied_us);
    }
    return kept;
}

/* Whether no order of commands has the two values one after the other. */
static bool mixed(const struct stay *a, const struct stay *b)
{
    const bool long_stay = a->first_us < a->last_us || b->first_us < b->last_us;

    return long_stay && a->first_us < b->last_us && b->first_us < a->last_us;
}

static int64_t begin_of(const struct stay *stay)
{
    return stay->first_us < stay->last_us ? stay->first_us : stay->last_us;
}

static int64_t end_of(const struct stay *stay)
{
    return stay->first_us > stay->last_us ? stay->first_us : stay->last_us;
}

static int by_begin(const void *a, const void *b)
{
    const int64_t x = begin_of(a);
    const int64_t y = begin_of(b);

    return x != y ? (x > y) - (x < y) : by_writer(a, b);
}

static void check_key(const struct registers *key, struct verdict *verdict)
{
    struct stay *stays = memory_alloc_array(key->count + 1, sizeof stays[0]);
    const size_t count = collect(key, stays);

    qsort(stays, count, sizeof stays[0], by_begin);
    for (size_t i = 0; i < count; i++) {
        const struct stay *a = &stays[i];
        verdict->judged++;
        for (size_t j = i + 1; j < count && begin_of(&stays[j]) < end_of(a); j++) {
            const struct stay *b = &stays[j];
            const int64_t from_us = a->first_us < b->first_us ? a->first_us : b->first_us;
            const int64_t to_us = a->last_us > b->last_us ? a->last_us : b->last_us;
            if (!mixed(a, b) || history_forgives(key->history, from_us, to_us))
                continue;
            verdict_wrong(verdict, "order: two values were there at the same time:");
            verdict_show(verdict, key->history, a->writer);
            verdict_show(verdict, key->history, a->first);
            verdict_show(verdict, key->history, a->last);
            verdict_show(verdict, key->history, b->writer);
            verdict_show(verdict, key->history, b->first);
            verdict_show(verdict, key->history, b->last);
        }
    }
    memory_free(stays);
}

void check_order(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'k', verdict, check_key);
}
