/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checkers: each judges a whole history by one rule, and says how much there was to judge. One
 * that had nothing to judge has not passed.
 */
#ifndef DUNLIN_TESTS_SIM_CHECKS_H
#define DUNLIN_TESTS_SIM_CHECKS_H

#include <stdio.h>

#include "sim/load/history.h"

#define CONCERN_RECORDS_MAX 8

/* What a violation is about, for explain.h. */
struct concern {
    int64_t at_us; /* when it showed; HISTORY_NEVER_US: that is not known */
    char space;    /* of the key; 0: it is about none */
    uint32_t key;
    unsigned node;                       /* 0: it is about none */
    int partition;                       /* -1: the same */
    size_t records[CONCERN_RECORDS_MAX]; /* those that it was reported with */
    size_t record_count;
};

struct verdict {
    uint64_t judged;
    uint64_t wrong;
    FILE *report;          /* the first of what is wrong; may be NULL */
    struct concern first;  /* the earliest of what is wrong, but the latest */
    struct concern latest; /* what was found last */
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
/* Who reads keys in one transaction sees no half of what another wrote in one. */
void check_halves(const struct history *history, struct verdict *verdict);
/* A transaction is refused exactly where a key that it watches was written to. */
void check_watched(const struct history *history, struct verdict *verdict);
/* A scan returns all registers that were there throughout. */
void check_scanned(const struct history *history, struct verdict *verdict);
/* Messages are heard once, in order, by who subscribes; with no fault about, by all of them. */
void check_heard(const struct history *history, struct verdict *verdict);
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
/* The latest violation is about a key, or about a node, a partition or both. Records say it by
 * themselves. */
void verdict_about_key(struct verdict *verdict, char space, uint32_t key, int64_t at_us);
void verdict_about(struct verdict *verdict, unsigned node, int partition, int64_t at_us);
/* The earliest of what is wrong; something is. */
const struct concern *verdict_concern(const struct verdict *verdict);
/* The record in words, on a line of its own. */
void verdict_show(struct verdict *verdict, const struct history *history, size_t index);

#endif
