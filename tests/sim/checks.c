/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What all checkers use, and those that are a few lines.
 */
#include "sim/checks.h"

#include <inttypes.h>
#include <stdarg.h>

#define REPORTED_MAX 5
/* What delays, turns and timers may add to a time-out. */
#define SLACK_US 100000

void verdict_wrong(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

    verdict->wrong++;
    if (verdict->report == NULL || verdict->wrong > REPORTED_MAX)
        return;
    va_start(arguments, format);
    vfprintf(verdict->report, format, arguments);
    va_end(arguments);
    fputc('\n', verdict->report);
}

void verdict_show(struct verdict *verdict, const struct history *history, size_t index)
{
    static const char *const effects[] = {"reads", "puts", "deletes", "adds"};
    static const char *const sights[] = {"", ", saw nothing", ", saw some value", ", saw"};
    static const char *const outcomes[] = {"open", "ok", "failed", "lost"};
    const struct record *r = &history->records[index];

    if (verdict->report == NULL || verdict->wrong > REPORTED_MAX)
        return;
    fprintf(verdict->report, "    #%zu c%" PRIu64 ".%u %s %c%u%s", index, r->client, r->place,
            effects[r->effect], r->space, r->key, sights[r->seen]);
    if (r->seen == SEEN_VALUE)
        fprintf(verdict->report, " %" PRIu64, r->value);
    fprintf(verdict->report, ": %s, sent %" PRId64, outcomes[r->outcome], r->sent_us);
    if (r->replied_us != HISTORY_NEVER_US)
        fprintf(verdict->report, ", replied %" PRId64, r->replied_us);
    fprintf(verdict->report, "%s%s\n", r->error[0] != '\0' ? " " : "", r->error);
}

void check_liveness(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct record *r = &history->records[i];
        if (!r->must_succeed)
            continue;
        verdict->judged++;
        if (r->outcome != OUTCOME_OK) {
            verdict_wrong(verdict, "liveness: a command failed with no fault about");
            verdict_show(verdict, history, i);
        }
    }
}

/* A command may wait for those before it on its connection: its time begins when they are answered.
 */
static int64_t turn_us(const struct history *history, size_t index)
{
    const struct record *r = &history->records[index];

    for (size_t i = index; i-- > 0;) {
        const struct record *before = &history->records[i];
        if (before->client != r->client || before->place == r->place)
            continue;
        return before->replied_us > r->sent_us && before->replied_us <= r->replied_us
                   ? before->replied_us
                   : r->sent_us;
    }
    return r->sent_us;
}

void check_answered(const struct history *history, int64_t timeout_us, struct verdict *verdict)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct record *r = &history->records[i];
        if (r->outcome == OUTCOME_LOST)
            continue;
        verdict->judged++;
        if (r->outcome == OUTCOME_OPEN) {
            verdict_wrong(verdict, "answered: a command was never answered");
            verdict_show(verdict, history, i);
        } else if (r->replied_us - turn_us(history, i) - r->stalled_us > timeout_us + SLACK_US) {
            verdict_wrong(verdict, "answered: a command was answered late");
            verdict_show(verdict, history, i);
        }
    }
}
