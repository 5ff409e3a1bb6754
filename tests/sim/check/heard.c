/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages: who hears one was subscribed to what it came by, hears it once, and of each publisher's
 * connection in its order. With no fault about all hear it who subscribe, and PUBLISH counts them.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sim/check/checks.h"

/* How long behind its answer a message may arrive where no fault is about. */
#define LATER_US 500000

struct view {
    const struct history *history;
    const struct hearing **heard; /* by listener, kind, publisher; what was heard first is first */
    const struct said **said;     /* by publisher and number */
    struct verdict *verdict;
};

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_way(const struct hearing *a, const struct hearing *b)
{
    const int listener = compare(a->listener, b->listener);
    const int kind = compare((uint64_t)a->kind, (uint64_t)b->kind);

    return listener != 0 ? listener : kind != 0 ? kind : compare(a->publisher, b->publisher);
}

static int compare_heard(const void *a, const void *b)
{
    const struct hearing *one = *(const struct hearing *const *)a;
    const struct hearing *other = *(const struct hearing *const *)b;
    const int way = by_way(one, other);

    return way != 0 ? way : (one > other) - (one < other);
}

static int compare_said(const void *a, const void *b)
{
    const struct said *one = *(const struct said *const *)a;
    const struct said *other = *(const struct said *const *)b;
    const int publisher = compare(one->publisher, other->publisher);

    return publisher != 0 ? publisher : compare(one->number, other->number);
}

static const struct said *find_said(const struct view *view, const struct hearing *heard)
{
    const struct said wanted = {.publisher = heard->publisher, .number = heard->number};
    const struct said *key = &wanted;
    const struct said *const *found = bsearch(&key, view->said, view->history->said_count,
                                              sizeof view->said[0], compare_said);

    return found != NULL ? *found : NULL;
}

/* ---- what was heard ---- */

static bool is_subscribed(const struct history *history, const struct hearing *heard)
{
    for (size_t i = 0; i < history->subscription_count; i++) {
        const struct subscribed *subscribed = &history->subscriptions[i];
        if (subscribed->listener == heard->listener && subscribed->kind == heard->kind &&
            subscribed->confirmed_us <= heard->at_us && subscribed->ended_us >= heard->at_us)
            return true;
    }
    return false;
}

static void check_one(const struct view *view, const struct hearing *heard)
{
    const struct said *said = find_said(view, heard);
    const char *wrong = NULL;

    view->verdict->judged++;
    if (said == NULL || said->channel != heard->channel || said->sent_us > heard->at_us)
        wrong = "nobody published it";
    else if (heard->kind < 0 || !subscribed_fits(heard->kind, heard->channel))
        wrong = "it does not fit";
    else if (!is_subscribed(view->history, heard))
        wrong = "it does not subscribe to that";
    if (wrong == NULL)
        return;
    verdict_wrong(view->verdict,
                  "heard: %" PRIu64 " hears %" PRIu64 ".%" PRIu32 " at %" PRId64 " by %s: %s",
                  heard->listener, heard->publisher, heard->number, heard->at_us,
                  heard->kind >= 0 ? subscribed_kinds[heard->kind].name : "something else", wrong);
    verdict_about(view->verdict, 0, -1, heard->at_us);
}

static void check_order_of(const struct view *view, const struct hearing *before,
                           const struct hearing *heard)
{
    if (by_way(before, heard) != 0 || before->number < heard->number)
        return;
    verdict_wrong(view->verdict,
                  "heard: %" PRIu64 " hears %" PRIu64 ".%" PRIu32 " at %" PRId64
                  ", and has heard .%" PRIu32 " at %" PRId64,
                  heard->listener, heard->publisher, heard->number, heard->at_us, before->number,
                  before->at_us);
    verdict_about(view->verdict, 0, -1, heard->at_us);
}

/* ---- what was said ---- */

static bool was_heard(const struct view *view, const struct said *said,
                      const struct subscribed *subscribed)
{
    const struct hearing wanted = {
        .listener = subscribed->listener, .kind = subscribed->kind, .publisher = said->publisher};
    size_t low = 0, high = view->history->heard_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (by_way(view->heard[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < view->history->heard_count && by_way(view->heard[low], &wanted) == 0; low++)
        if (view->heard[low]->number == said->number)
            return true;
    return false;
}

static void check_said(const struct view *view, const struct said *said)
{
    const struct history *history = view->history;
    uint64_t least = 0, most = 0;

    if (said->outcome != OUTCOME_OK)
        return;
    view->verdict->judged++;
    for (size_t i = 0; i < history->subscription_count; i++) {
        const struct subscribed *subscribed = &history->subscriptions[i];
        if (!subscribed_fits(subscribed->kind, said->channel))
            continue;
        most += subscribed->asked_us <= said->replied_us && subscribed->ended_us >= said->sent_us;
        if (!said->calm || subscribed->confirmed_us >= said->sent_us)
            continue;
        least += subscribed->ending_us > said->replied_us;
        if (subscribed->ending_us <= said->replied_us + LATER_US ||
            was_heard(view, said, subscribed))
            continue;
        verdict_wrong(view->verdict,
                      "heard: %" PRIu64 ".%" PRIu32 ", published at %" PRId64
                      " with no fault about, is not heard by %" PRIu64 " by %s",
                      said->publisher, said->number, said->sent_us, subscribed->listener,
                      subscribed_kinds[subscribed->kind].name);
        verdict_about(view->verdict, 0, -1, said->replied_us);
    }
    if (said->receivers >= least && said->receivers <= most)
        return;
    verdict_wrong(view->verdict,
                  "heard: %" PRIu64 ".%" PRIu32 ", published at %" PRId64 ", has %" PRIu64
                  " receivers, and not %" PRIu64 " to %" PRIu64,
                  said->publisher, said->number, said->sent_us, said->receivers, least, most);
    verdict_about(view->verdict, 0, -1, said->replied_us);
}

void check_heard(const struct history *history, struct verdict *verdict)
{
    struct view view = {
        .history = history,
        .heard = memory_alloc_array(history->heard_count + 1, sizeof view.heard[0]),
        .said = memory_alloc_array(history->said_count + 1, sizeof view.said[0]),
        .verdict = verdict,
    };

    for (size_t i = 0; i < history->heard_count; i++)
        view.heard[i] = &history->heard[i];
    for (size_t i = 0; i < history->said_count; i++)
        view.said[i] = &history->said[i];
    qsort(view.heard, history->heard_count, sizeof view.heard[0], compare_heard);
    qsort(view.said, history->said_count, sizeof view.said[0], compare_said);
    for (size_t i = 0; i < history->heard_count; i++) {
        check_one(&view, view.heard[i]);
        if (i > 0)
            check_order_of(&view, view.heard[i - 1], view.heard[i]);
    }
    for (size_t i = 0; i < history->said_count; i++)
        check_said(&view, &history->said[i]);
    memory_free(view.heard);
    memory_free(view.said);
}
