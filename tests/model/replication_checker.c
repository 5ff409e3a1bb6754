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
    checker->acknowledged = checker->gone = DOT_NONE;
    checker->dot_count = 0;
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

void checker_write_acknowledged(struct checker *checker, struct dot dot, struct dot before)
{
    char below[CHECKER_DOT_TEXT_MAX], text[CHECKER_DOT_TEXT_MAX];

    if (dot_compare(dot, before) < 0)
        checker_report(checker, "LOST: %s is acknowledged below %s, acknowledged before it began",
                       checker_dot_text(dot, below), checker_dot_text(before, text));
    checker->acknowledged = dot_max(checker->acknowledged, dot);
}

void checker_read_value(struct checker *checker, struct dot dot, uint32_t write, struct dot before)
{
    const struct checker_dot *slot = find(checker, dot);
    char below[CHECKER_DOT_TEXT_MAX], text[CHECKER_DOT_TEXT_MAX];

    if (dot_compare(dot, before) < 0)
        checker_report(checker, "STALE: a read returned %s after %s was acknowledged",
                       checker_dot_text(dot, below), checker_dot_text(before, text));
    if (slot->run != checker->run || slot->write != write)
        checker_report(checker, "FOREIGN: a read returned %s with the value of write %u",
                       checker_dot_text(dot, text), write);
}

void checker_read_nil(struct checker *checker, struct dot before)
{
    char text[CHECKER_DOT_TEXT_MAX];

    /* A floor is a stamp: it counts for all dots that have that stamp. */
    if (checker->gone.stamp < before.stamp)
        checker_report(checker,
                       "MISSING: a read returned nil after %s was acknowledged, and nothing as new "
                       "ever vanished",
                       checker_dot_text(before, text));
}
