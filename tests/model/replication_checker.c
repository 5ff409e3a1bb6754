/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/replication_checker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "causal/hlc.h"

const char *checker_dot_text(struct dot dot, char text[CHECKER_DOT_TEXT_MAX])
{
    const uint64_t sequence = dot.stamp & ((UINT64_C(1) << HLC_SEQUENCE_BITS) - 1);

    if (!dot_exists(dot))
        snprintf(text, CHECKER_DOT_TEXT_MAX, "none");
    else
        snprintf(text, CHECKER_DOT_TEXT_MAX, "%" PRId64 "+%" PRIu64 ".%u",
                 hlc_ms(dot.stamp) - CHECKER_START_MS, sequence, dot.node);
    return text;
}

void checker_begin(struct checker *checker)
{
    checker->violation[0] = '\0';
    checker->promise = (struct checker_promise){0};
    checker->gone = DOT_NONE;
    checker->dot_count = checker->unsettled_count = 0;
    checker->run++;
}

void checker_report(struct checker *checker, const char *format, ...)
{
    va_list arguments;

    if (checker->violation[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(checker->violation, sizeof checker->violation, format, arguments);
    va_end(arguments);
}

/* The dot's slot, or the free one for it. */
static struct checker_dot *find(struct checker *checker, struct dot dot)
{
    uint64_t slot = (dot.stamp * 16 + dot.node) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    for (;; slot++) {
        struct checker_dot *found = &checker->dots[slot % CHECKER_DOTS_MAX];
        if (found->run != checker->run || dot_equal(found->dot, dot))
            return found;
    }
}

void checker_issued(struct checker *checker, struct dot dot, uint32_t write, bool deletes)
{
    struct checker_dot *slot = find(checker, dot);
    char text[CHECKER_DOT_TEXT_MAX];

    if (slot->run == checker->run) {
        checker_report(checker, "TWICE: %s names the writes %u and %u", checker_dot_text(dot, text),
                       slot->write, write);
        return;
    }
    ensure(++checker->dot_count < CHECKER_DOTS_MAX / 4 * 3);
    *slot = (struct checker_dot){.dot = dot, .write = write, .run = checker->run};
    if (deletes)
        checker_gone(checker, dot);
}

void checker_gone(struct checker *checker, struct dot dot)
{
    checker->gone = dot_max(checker->gone, dot);
}

/* The newest dot that an answer may not be below, by what stood as it began. */
static struct dot least(const struct checker *checker, struct checker_promise before)
{
    struct dot least = dot_max(before.acknowledged, before.firm);

    if (checker->gone.stamp < before.kept.stamp)
        least = dot_max(least, before.kept);
    return least;
}

void checker_write_acknowledged(struct checker *checker, struct dot dot,
                                struct checker_promise before, unsigned voids)
{
    const struct dot bar = least(checker, before);
    struct checker_promise *promise = &checker->promise;
    char below[CHECKER_DOT_TEXT_MAX], text[CHECKER_DOT_TEXT_MAX];

    if (dot_compare(dot, bar) < 0)
        checker_report(checker, "LOST: %s is acknowledged below %s, acknowledged before it began",
                       checker_dot_text(dot, below), checker_dot_text(bar, text));
    if ((voids & VOID_ACKNOWLEDGED) == 0)
        promise->acknowledged = dot_max(promise->acknowledged, dot);
    if ((voids & VOID_KEPT) == 0)
        promise->kept = dot_max(promise->kept, dot);
    ensure(checker->unsettled_count < CHECKER_DOTS_MAX);
    if ((voids & VOID_FIRM) == 0)
        checker->unsettled[checker->unsettled_count++] = dot;
}

void checker_read_value(struct checker *checker, struct dot dot, uint32_t write,
                        struct checker_promise before)
{
    const struct dot bar = least(checker, before);
    const struct checker_dot *slot = find(checker, dot);
    char below[CHECKER_DOT_TEXT_MAX], text[CHECKER_DOT_TEXT_MAX];

    if (dot_compare(dot, bar) < 0)
        checker_report(checker, "STALE: a read returned %s after %s was acknowledged%s",
                       checker_dot_text(dot, below), checker_dot_text(bar, text),
                       dot_equal(bar, before.firm) ? " and had settled" : "");
    if (slot->run != checker->run || slot->write != write)
        checker_report(checker, "FOREIGN: a read returned %s with the value of write %u",
                       checker_dot_text(dot, text), write);
}

void checker_read_nil(struct checker *checker, struct checker_promise before)
{
    const struct dot bar = dot_max(dot_max(before.acknowledged, before.kept), before.firm);
    char text[CHECKER_DOT_TEXT_MAX];

    /* A floor is a stamp: it counts for all dots that have that stamp. */
    if (checker->gone.stamp < bar.stamp)
        checker_report(checker,
                       "MISSING: a read returned nil after %s was acknowledged, and nothing as new "
                       "ever vanished",
                       checker_dot_text(bar, text));
}

void checker_settled(struct checker *checker, uint64_t stamp)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < checker->unsettled_count; i++)
        if (checker->unsettled[i].stamp <= stamp)
            checker->promise.firm = dot_max(checker->promise.firm, checker->unsettled[i]);
        else
            checker->unsettled[count++] = checker->unsettled[i];
    checker->unsettled_count = count;
}

void checker_void(struct checker *checker, unsigned voids)
{
    checker_void_promise(&checker->promise, voids);
    if ((voids & VOID_FIRM) != 0)
        checker->unsettled_count = 0;
}

void checker_void_promise(struct checker_promise *promise, unsigned voids)
{
    if ((voids & VOID_ACKNOWLEDGED) != 0)
        promise->acknowledged = DOT_NONE;
    if ((voids & VOID_KEPT) != 0)
        promise->kept = DOT_NONE;
    if ((voids & VOID_FIRM) != 0)
        promise->firm = DOT_NONE;
}
