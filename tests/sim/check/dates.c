/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Time to live is a date: no reader sees a value after its deadline, nor is told of more time than
 * it was given; and what has no deadline, or has one to come, is there.
 *
 * A deadline is set by the clock of the coordinator and judged by that of another: between them
 * lies what the nodes' clocks were off (clocks.h). A command that sets a deadline writes the value
 * that was there anew, so what a reader sees has a carrier: the command that wrote the value, or
 * one that touched it. A touch carries what it saw, which may have had a carrier of its own: a
 * write beside that one does not take its place for certain, however long the value was there.
 */
#include <string.h>

#include "base/memory.h"
#include "sim/check/registers.h"

/* Clocks are read in ms, on both sides. */
#define ROUND_US 2000
/* A command that was forwarded, and that the network held up, may run by so much later than its
 * client was told an error (max-clock-skew-ms; docs/ARCHITECTURE.md, Known gaps). */
#define FORWARDED_LATE_US 500000

/* Which value a reader may have seen: that of `writer`, through the touches that are `passed`. */
struct dates {
    const struct registers *key;
    struct gone gone;
    struct writes deletes;
    bool *passed; /* by index in `key` */
};

static int64_t end_of(const struct record *carrier)
{
    const int64_t end_us = record_end_us(carrier);

    return end_us < HISTORY_NEVER_US / 2 ? end_us : HISTORY_NEVER_US / 2;
}

/* The latest date that the carrier may have set, and the earliest, by a clock that is right. */
static int64_t latest_date_us(const struct history *history, const struct record *carrier)
{
    int64_t least_us, most_us;

    const int64_t late_us = carrier->outcome == OUTCOME_FAILED ? FORWARDED_LATE_US : 0;
    const int64_t end_us = end_of(carrier) + late_us;

    clocks_range(&history->clocks, carrier->sent_us, end_us, &least_us, &most_us);
    return end_us + most_us + carrier->lease_us + ROUND_US;
}

static int64_t earliest_date_us(const struct history *history, const struct record *carrier)
{
    int64_t least_us, most_us;

    clocks_range(&history->clocks, carrier->sent_us, end_of(carrier), &least_us, &most_us);
    return carrier->sent_us + least_us + carrier->lease_us - ROUND_US;
}

/* The earliest that the reader's clock may have shown. */
static int64_t earliest_look_us(const struct history *history, const struct record *reader)
{
    int64_t least_us, most_us;

    clocks_range(&history->clocks, reader->sent_us, end_of(reader), &least_us, &most_us);
    return reader->sent_us + least_us;
}

/* Whether the reader may see a version that this command left, as far as its date tells. */
static bool in_time(const struct history *history, const struct record *carrier,
                    const struct record *reader)
{
    if (carrier->lease_us == 0)
        return reader->left_us < 0;
    const int64_t left_us = reader->left_us > 0 ? reader->left_us : 0;
    return earliest_look_us(history, reader) + left_us <= latest_date_us(history, carrier);
}

static bool carries(const struct record *carrier, const struct record *reader, int64_t gone_us)
{
    return (record_shows(carrier, EFFECT_PUT, reader) ||
            record_shows(carrier, EFFECT_TOUCH, reader)) &&
           record_may_see(carrier, reader, gone_us);
}

/* Whether the finder may see a value, that of `writer` if it is known, itself or by one touch after
 * another. The finder is the reader, or one of those touches. */
static bool may_find(struct dates *dates, const struct record *finder, const struct record *reader,
                     const struct record *writer)
{
    const struct registers *key = dates->key;
    const int64_t gone_us = gone_for(&dates->gone, finder);

    if (writer != NULL && writer != finder && carries(writer, finder, gone_us) &&
        in_time(key->history, writer, finder))
        return true; /* as it mostly is */
    for (size_t i = key->count; i-- > 0;) {
        const struct record *carrier = register_record(key, i);
        if (carrier == finder || dates->passed[i] || !carries(carrier, finder, gone_us) ||
            !in_time(key->history, carrier, finder))
            continue;
        if (writer == NULL || carrier == writer)
            return true;
        if (carrier->effect == EFFECT_PUT)
            continue;
        dates->passed[i] = true;
        /* What the reader itself was told is what is to be judged. */
        if (carrier != reader && carrier->outcome == OUTCOME_OK && carrier->seen == SEEN_VALUE) {
            if (carrier->value == (uint64_t)(writer - key->history->records))
                return true;
        } else if (may_find(dates, carrier, reader, writer)) {
            return true;
        }
    }
    return false;
}

static bool judge_presence(struct dates *dates, const struct record *reader,
                           const struct record *writer)
{
    memset(dates->passed, 0, dates->key->count * sizeof dates->passed[0]);
    return may_find(dates, reader, reader, writer);
}

/* Whether what the carrier left may have expired before the reader was answered. */
static bool may_be_over(const struct history *history, const struct record *carrier,
                        const struct record *reader)
{
    int64_t least_us, most_us;

    if (carrier->lease_us == 0)
        return false;
    clocks_range(&history->clocks, carrier->sent_us, reader->replied_us, &least_us, &most_us);
    return earliest_date_us(history, carrier) <= reader->replied_us + most_us;
}

static bool judge_absence(const struct dates *dates, const struct record *reader)
{
    const struct registers *key = dates->key;
    const int64_t gone_us = gone_for(&dates->gone, reader);

    if (gone_us == INT64_MIN || key->history->vanishes ||
        writes_any(&dates->deletes, reader, (size_t)(reader - key->history->records), gone_us))
        return true;
    for (size_t i = key->count; i-- > 0;) {
        const struct record *carrier = register_record(key, i);
        if (carrier != reader && carries(carrier, reader, gone_us) &&
            may_be_over(key->history, carrier, reader))
            return true;
    }
    return false;
}

static bool judge(struct dates *dates, const struct record *reader)
{
    const struct history *history = dates->key->history;

    if (reader->seen == SEEN_ABSENT)
        return judge_absence(dates, reader);
    if (reader->seen == SEEN_PRESENT)
        return judge_presence(dates, reader, NULL);
    if (reader->value >= history->count)
        return false;
    const struct record *writer = &history->records[reader->value];
    return writer->space == reader->space && writer->key == reader->key && writer != reader &&
           writer->effect == EFFECT_PUT && judge_presence(dates, reader, writer);
}

/* Of the readers that saw nothing, or of the others. */
static void check_key(const struct registers *key, bool absent, struct verdict *verdict)
{
    struct dates dates = {.key = key};

    gone_init(&dates.gone, key, EFFECTS_ANY);
    writes_init(&dates.deletes, key, EFFECT_BIT(EFFECT_DELETE));
    dates.passed = memory_alloc_array(key->count + 1, sizeof dates.passed[0]);
    for (size_t i = 0; i < key->count; i++) {
        const struct record *reader = register_record(key, i);
        if (!record_sees(reader) || !reader->alike || (reader->seen == SEEN_ABSENT) != absent)
            continue;
        verdict->judged++;
        if (judge(&dates, reader))
            continue;
        verdict_wrong(verdict,
                      absent ? "lasted: what this command did not see was to be there:"
                             : "expired: what this command saw was over, gone, or never there:");
        registers_show(key, key->all[i], gone_for(&dates.gone, reader), verdict);
    }
    gone_deinit(&dates.gone);
    writes_deinit(&dates.deletes);
    memory_free(dates.passed);
}

static void check_key_expired(const struct registers *key, struct verdict *verdict)
{
    check_key(key, false, verdict);
}

static void check_key_lasted(const struct registers *key, struct verdict *verdict)
{
    check_key(key, true, verdict);
}

void check_expired(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'e', verdict, check_key_expired);
}

void check_lasted(const struct history *history, struct verdict *verdict)
{
    registers_each(history, 'e', verdict, check_key_lasted);
}
