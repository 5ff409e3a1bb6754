/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check/registers.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* How long a write goes on to replicas beyond W: a weak read of converged replicas may miss it. */
#define SPREAD_US 1000000
/* How long a write whose client is gone may go on. */
#define LINGER_US 1000000

static bool concerns(const struct record *record, char space)
{
    return record->space == space || record->space == '*';
}

static void add_to(struct registers *key, size_t index)
{
    key->all[key->count++] = index;
}

void registers_each(const struct history *history, char space, struct verdict *verdict,
                    void (*check)(const struct registers *key, struct verdict *verdict))
{
    uint32_t keys = 0;
    size_t all = 0;

    for (size_t i = 0; i < history->count; i++) {
        const struct record *r = &history->records[i];
        if (r->space == space && r->key >= keys)
            keys = r->key + 1;
        all += r->space == '*';
    }
    if (keys == 0)
        return;
    struct registers *by_key = memory_alloc_array(keys, sizeof by_key[0]);
    for (size_t i = 0; i < history->count; i++)
        if (history->records[i].space == space)
            by_key[history->records[i].key].count++;
    for (uint32_t k = 0; k < keys; k++) {
        by_key[k].history = history;
        by_key[k].all = memory_alloc_array(by_key[k].count + all + 1, sizeof by_key[k].all[0]);
        by_key[k].count = 0;
    }
    for (size_t i = 0; i < history->count; i++) {
        const struct record *r = &history->records[i];
        if (!concerns(r, space))
            continue;
        for (uint32_t k = r->space == '*' ? 0 : r->key; k < keys; k++) {
            add_to(&by_key[k], i);
            if (r->space != '*')
                break;
        }
    }
    for (uint32_t k = 0; k < keys; k++) {
        check(&by_key[k], verdict);
        memory_free(by_key[k].all);
    }
    memory_free(by_key);
}

bool record_sees(const struct record *record)
{
    return record->seen != SEEN_NOTHING && record->outcome == OUTCOME_OK &&
           (record->strength == STRENGTH_FULL || record->healed);
}

int64_t record_end_us(const struct record *record)
{
    if (record->outcome == OUTCOME_LOST)
        return record->replied_us + LINGER_US;
    return record->replied_us;
}

int64_t record_asked_us(const struct record *reader)
{
    return reader->sent_us - (reader->strength == STRENGTH_WEAK ? SPREAD_US : 0);
}

/* ---- gone ---- */

static int by_reply(const void *a, const void *b)
{
    const struct gone_step *x = a;
    const struct gone_step *y = b;

    return (x->replied_us > y->replied_us) - (x->replied_us < y->replied_us);
}

/* What is certain once so many amnesties have begun. */
static void fill_in(struct gone *gone, const struct registers *key, unsigned effects, size_t begun)
{
    int64_t certain_us = INT64_MIN;
    struct gone_step *steps = memory_alloc_array(key->count + 1, sizeof steps[0]);
    size_t count = 0;

    for (size_t i = 0; i < begun; i++)
        if (gone->history->amnesties[i].to_us > certain_us)
            certain_us = gone->history->amnesties[i].to_us;
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        if (record_acknowledged(r, effects) && r->sent_us >= certain_us)
            steps[count++] = (struct gone_step){r->replied_us, r->sent_us,
                                                r->effect == EFFECT_DELETE};
    }
    qsort(steps, count, sizeof steps[0], by_reply);
    for (size_t i = 1; i < count; i++)
        if (steps[i].sent_us <= steps[i - 1].sent_us) {
            steps[i].sent_us = steps[i - 1].sent_us;
            steps[i].deletes = steps[i - 1].deletes;
        }
    gone->steps[begun] = steps;
    gone->counts[begun] = count;
}

void gone_init(struct gone *gone, const struct registers *key, unsigned effects)
{
    *gone = (struct gone){.history = key->history};
    for (size_t begun = 0; begun <= key->history->amnesty_count; begun++)
        fill_in(gone, key, effects, begun);
}

void gone_deinit(struct gone *gone)
{
    for (size_t i = 0; i <= gone->history->amnesty_count; i++)
        memory_free(gone->steps[i]);
}

/* The last step before the reader asked; NULL: there is none. */
static const struct gone_step *find_step(const struct gone *gone, const struct record *reader)
{
    const int64_t asked_us = record_asked_us(reader);
    size_t begun = 0;

    while (begun < gone->history->amnesty_count &&
           gone->history->amnesties[begun].from_us <= reader->replied_us)
        begun++;
    const struct gone_step *steps = gone->steps[begun];
    size_t low = 0;
    size_t high = gone->counts[begun];
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (steps[middle].replied_us < asked_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &steps[low - 1] : NULL;
}

int64_t gone_for(const struct gone *gone, const struct record *reader)
{
    const struct gone_step *step = find_step(gone, reader);

    return step != NULL ? step->sent_us : INT64_MIN;
}

bool gone_deleted(const struct gone *gone, const struct record *reader)
{
    const struct gone_step *step = find_step(gone, reader);

    return step != NULL && step->deletes;
}

bool record_shows(const struct record *writer, enum effect effect, const struct record *reader)
{
    return writer->effect == effect ||
           (writer->undone == effect && record_asked_us(reader) <= writer->replied_us);
}

bool record_may_see(const struct record *writer, const struct record *reader, int64_t gone_us)
{
    return writer->sent_us <= reader->replied_us &&
           !(record_acknowledged(writer, EFFECTS_ANY) && writer->replied_us < gone_us);
}

/* ---- any write ---- */

/* When the write is gone at the latest; what was not acknowledged may show at any time. */
static int64_t gone_at_us(const struct record *writer)
{
    return record_acknowledged(writer, EFFECTS_ANY) ? writer->replied_us : HISTORY_NEVER_US;
}

void writes_init(struct writes *writes, const struct registers *key, unsigned effects)
{
    struct writes_step step = {.ends_us = {INT64_MIN, INT64_MIN}, .last = HISTORY_NONE};

    *writes = (struct writes){0};
    writes->steps = memory_alloc_array(key->count + 1, sizeof writes->steps[0]);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *writer = register_record(key, i);
        const int64_t end_us = gone_at_us(writer);
        if ((EFFECT_BIT(writer->effect) & effects) == 0)
            continue;
        if (end_us > step.ends_us[0]) {
            step.ends_us[1] = step.ends_us[0];
            step.ends_us[0] = end_us;
            step.last = key->all[i];
        } else if (end_us > step.ends_us[1]) {
            step.ends_us[1] = end_us;
        }
        step.sent_us = writer->sent_us;
        writes->steps[writes->count++] = step;
    }
}

void writes_deinit(struct writes *writes)
{
    memory_free(writes->steps);
}

bool writes_any(const struct writes *writes, const struct record *reader, size_t index,
                int64_t gone_us)
{
    size_t low = 0;
    size_t high = writes->count;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (writes->steps[middle].sent_us <= reader->replied_us)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    const struct writes_step *step = &writes->steps[low - 1];
    return step->ends_us[step->last == index ? 1 : 0] >= gone_us &&
           step->ends_us[step->last == index ? 1 : 0] > INT64_MIN;
}

void registers_show(const struct registers *key, size_t index, int64_t gone_us,
                    struct verdict *verdict)
{
    const struct history *history = key->history;
    const struct record *reader = &history->records[index];

    verdict_show(verdict, history, index);
    if (reader->seen == SEEN_VALUE && reader->value < history->count)
        verdict_show(verdict, history, reader->value);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *r = register_record(key, i);
        if (record_acknowledged(r, EFFECTS_ANY) && r->sent_us == gone_us)
            verdict_show(verdict, history, key->all[i]);
    }
}
