/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Nobody waits for ever, and nothing fails where no fault is about.
 */
#include "sim/check/checks.h"

#include <stdio.h>
#include <string.h>

/* What delays, turns and timers may add to a time-out. */
#define SLACK_US  100000
#define CONTENDED "-NOQUORUM newer versions kept coming"
#define TOO_FEW   "-NOQUORUM needed "
#define NO_ROOM   "-OOM "

static bool begins(const struct record *record, const char *text)
{
    return strncmp(record->error, text, strlen(text)) == 0;
}

/* Whether it gave up for others that write the same key (OPERATION_ROUNDS_MAX): that is a bound,
 * and needs no fault. */
static bool was_contended(const struct record *record)
{
    return begins(record, CONTENDED);
}

static bool is_beside(const struct record *a, const struct record *b)
{
    return a->client == b->client && a->place == b->place;
}

/* Whether it writes, or is of one request with something that does: of a MULTI. */
static bool goes_with_a_write(const struct history *history, size_t index)
{
    const struct record *records = history->records, *it = &records[index];
    size_t at = index;

    while (at > 0 && is_beside(&records[at - 1], it))
        at--;
    for (; at < history->count && is_beside(&records[at], it); at++)
        if (records[at].effect != EFFECT_NONE)
            return true;
    return false;
}

/* Whether a write may have found no room: at so many replicas that too few are left, or here. Where
 * hints have no room either, what replicas had none for is soon dropped; they do not vote before
 * they have fetched it, and a read may find too few. */
static bool had_no_room(const struct history *history, size_t index)
{
    const struct record *record = &history->records[index];

    if (!history->bounded || !(begins(record, TOO_FEW) || begins(record, NO_ROOM)))
        return false;
    return goes_with_a_write(history, index) || (history->drops_hints && begins(record, TOO_FEW));
}

/* Whether it needed all replicas where one may just fetch its partition anew: a comparison that
 * finds versions gone from where they were evicted, and no mark of them left, says that the node
 * forgot. */
static bool had_one_too_few(const struct history *history, const struct record *record)
{
    unsigned needed, copies, got;

    return history->vanishes &&
           sscanf(record->error, TOO_FEW "%u of %u, got %u", &needed, &copies, &got) == 3 &&
           needed == copies && got + 1 == needed;
}

void check_liveness(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct record *r = &history->records[i];
        if (!r->must_succeed)
            continue;
        verdict->judged++;
        if (r->outcome != OUTCOME_OK && !was_contended(r) && !had_no_room(history, i) &&
            !had_one_too_few(history, r)) {
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

/* lua-time-limit: the commands of a script, and its reads and writes, have a request's time each.
 */
#define SCRIPT_US INT64_C(5000000)

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
        } else if (r->replied_us - turn_us(history, i) - r->stalled_us >
                   timeout_us + SLACK_US + (r->script ? SCRIPT_US : 0)) {
            verdict_wrong(verdict, "answered: a command was answered late");
            verdict_show(verdict, history, i);
        }
    }
}
