/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How checkers say what they found.
 */
#include "sim/check/checks.h"

#include <inttypes.h>
#include <stdarg.h>

#define REPORTED_MAX 5

static void say(struct verdict *verdict, const char *format, va_list arguments)
{
    if (verdict->report == NULL || verdict->wrong > REPORTED_MAX)
        return;
    vfprintf(verdict->report, format, arguments);
    fputc('\n', verdict->report);
}

const struct concern *verdict_concern(const struct verdict *verdict)
{
    return verdict->wrong > 1 && verdict->first.at_us <= verdict->latest.at_us ? &verdict->first
                                                                               : &verdict->latest;
}

void verdict_about_key(struct verdict *verdict, char space, uint32_t key, int64_t at_us)
{
    verdict->latest.space = space;
    verdict->latest.key = key;
    verdict->latest.at_us = at_us;
}

void verdict_about(struct verdict *verdict, unsigned node, int partition, int64_t at_us)
{
    verdict->latest.node = node;
    verdict->latest.partition = partition;
    verdict->latest.at_us = at_us;
}

/* It showed when the last of its records was there. */
static void note_record(struct concern *concern, const struct record *record, size_t index)
{
    if (concern->record_count == CONCERN_RECORDS_MAX)
        return;
    if (concern->record_count == 0) {
        concern->space = record->space;
        concern->key = record->key;
    }
    if (concern->record_count == 0 || record->replied_us > concern->at_us)
        concern->at_us = record->replied_us;
    concern->records[concern->record_count++] = index;
}

void verdict_wrong(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

    verdict->first = *verdict_concern(verdict);
    verdict->latest = (struct concern){.at_us = HISTORY_NEVER_US, .partition = -1};
    verdict->wrong++;
    va_start(arguments, format);
    say(verdict, format, arguments);
    va_end(arguments);
}

void verdict_add(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(verdict, format, arguments);
    va_end(arguments);
}

void verdict_show(struct verdict *verdict, const struct history *history, size_t index)
{
    static const char *const effects[] = {"reads", "puts", "deletes", "adds", "touches"};
    static const char *const sights[] = {"", ", saw nothing", ", saw some value", ", saw", ", saw"};
    static const char *const outcomes[] = {"open", "ok", "failed", "lost"};
    const struct record *r = &history->records[index];

    note_record(&verdict->latest, r, index);
    if (verdict->report == NULL || verdict->wrong > REPORTED_MAX)
        return;
    fprintf(verdict->report, "    #%zu c%" PRIu64 ".%u %s %c%u%s", index, r->client, r->place,
            effects[r->effect], r->space, r->key, sights[r->seen]);
    if (r->seen == SEEN_VALUE)
        fprintf(verdict->report, " %" PRIu64, r->value);
    if (r->seen == SEEN_SIBLINGS)
        fprintf(verdict->report, " %zu siblings:", r->count);
    for (size_t i = 0; i < r->count; i++)
        fprintf(verdict->report, " %" PRIu64, history->siblings[r->siblings + i]);
    if (r->base != HISTORY_NONE)
        fprintf(verdict->report, ", with the context of #%zu", r->base);
    if (r->lease_us > 0)
        fprintf(verdict->report, " for %" PRId64 " us", r->lease_us);
    if (r->left_us >= 0)
        fprintf(verdict->report, ", %" PRId64 " us left", r->left_us);
    if (r->strength == STRENGTH_WEAK)
        fprintf(verdict->report, " at one");
    fprintf(verdict->report, ": %s, sent %" PRId64, outcomes[r->outcome], r->sent_us);
    if (r->replied_us != HISTORY_NEVER_US)
        fprintf(verdict->report, ", replied %" PRId64, r->replied_us);
    fprintf(verdict->report, "%s%s\n", r->error[0] != '\0' ? " " : "", r->error);
}
