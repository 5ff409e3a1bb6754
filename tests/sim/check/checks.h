/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checkers: each judges a whole history by one rule, and says how much there was to judge. One
 * that had nothing to judge has not passed.
 */
#ifndef DUNLIN_TESTS_SIM_CHECKS_H
#define DUNLIN_TESTS_SIM_CHECKS_H

#include <stdio.h>

#include "sim/load/history.h"

struct verdict {
    uint64_t judged;
    uint64_t wrong;
    FILE *report; /* the first of what is wrong; may be NULL */
};

/* Acknowledged is kept: no reply shows a version that is gone, nor one that nobody wrote. */
void check_kept(const struct history *history, struct verdict *verdict);
/* The same where the last certain write deleted: what is deleted stays so. */
void check_deleted(const struct history *history, struct verdict *verdict);
/* All readers see the values of a register in one order: what was read once is kept. */
void check_order(const struct history *history, struct verdict *verdict);
/* Time to live is a date: nothing shows after it, nor is told to have longer to go. */
void check_expired(const struct history *history, struct verdict *verdict);
/* And until then what was written is there. */
void check_lasted(const struct history *history, struct verdict *verdict);
/* Siblings are complete, and none is false. */
void check_siblings(const struct history *history, struct verdict *verdict);
/* One connection sees its own writes in order, and none before it was sent. */
void check_session(const struct history *history, struct verdict *verdict);
/* Counters count: what was acknowledged is in, once; what failed may be; nothing else. */
void check_counters(const struct history *history, struct verdict *verdict);
/* Each command is answered in time, and in the order of its connection. */
void check_answered(const struct history *history, int64_t timeout_us, struct verdict *verdict);
/* Where no fault is about, every command succeeds. */
void check_liveness(const struct history *history, struct verdict *verdict);

/* Counts a violation, and reports the first ones. */
void verdict_wrong(struct verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Another line about the last violation. */
void verdict_add(struct verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The record in words, on a line of its own. */
void verdict_show(struct verdict *verdict, const struct history *history, size_t index);

#endif
