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

void verdict_wrong(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

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
