/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The promises about one key, checked at every event of a run:
 *
 *   KEPT       an acknowledged write is never below one that was acknowledged before it began
 *              (LOST)
 *   NOT STALE  a read never returns a value older than the newest write acknowledged before the
 *              read began (STALE); it returns nil only if that write, or a newer one, was evicted
 *              or expired somewhere, or deletes (MISSING)
 *   ONE NAME   a dot names one write (TWICE), and a read returns that write's value (FOREIGN)
 *
 * How far they stand depends on how many replicas are forgetful at once: those that are down or
 * restarted have lost what they had; those that were told FORGOT have all that they acknowledged,
 * and miss something.
 *
 *   fewer than W are forgetful         all of them, for all that was acknowledged (acknowledged)
 *   fewer than W lost theirs           nothing is lost: KEPT and NOT STALE stand as long as nothing
 *                                      as new has vanished; what vanished may be undercut (kept)
 *   at every moment one of them votes  what was acknowledged and has settled at one that votes is
 *                                      not undercut: deleted and settled stays deleted (firm)
 *   always                             ONE NAME
 *
 * What was acknowledged while a promise did not stand, or before, is not counted for it later on.
 */
#ifndef DUNLIN_TESTS_REPLICATION_CHECKER_H
#define DUNLIN_TESTS_REPLICATION_CHECKER_H

#include "causal/dot.h"

#define CHECKER_TEXT_MAX 200
/* Dots of one run, a power of two. */
#define CHECKER_DOTS_MAX 8192

struct checker_dot {
    struct dot dot;
    uint32_t write;
    uint32_t run; /* of an earlier run: the slot is free */
};

/* What no answer may undercut: the newest dots of the three promises. */
struct checker_promise {
    struct dot acknowledged, kept, firm;
};

struct checker {
    char violation[CHECKER_TEXT_MAX]; /* "" while all is well */
    struct checker_promise promise;
    struct dot gone; /* the newest that vanished somewhere, or deletes */
    uint32_t run;
    uint32_t dot_count;
    uint32_t unsettled_count; /* acknowledged, and not settled at any that votes */
    struct dot unsettled[CHECKER_DOTS_MAX];
    struct checker_dot dots[CHECKER_DOTS_MAX];
};

/* A text for people: "12.3+45.2", milliseconds since the start of the run, sequence, node. */
#define CHECKER_DOT_TEXT_MAX 48
const char *checker_dot_text(struct dot dot, char text[CHECKER_DOT_TEXT_MAX]);
/* The wall clock at which all runs begin. */
#define CHECKER_START_MS INT64_C(1700000000000)

/* A new run. */
void checker_begin(struct checker *checker);
/* The write of this number, over 0, was stamped. */
void checker_issued(struct checker *checker, struct dot dot, uint32_t write, bool deletes);
/* The version of this dot was evicted, expired or found no room. */
void checker_gone(struct checker *checker, struct dot dot);
enum checker_void { VOID_ACKNOWLEDGED = 1, VOID_KEPT = 2, VOID_FIRM = 4 };
/* `before` is checker->promise as the request began; what was void since then is not promised of
 * the write. */
void checker_write_acknowledged(struct checker *checker, struct dot dot,
                                struct checker_promise before, unsigned voids);
void checker_read_value(struct checker *checker, struct dot dot, uint32_t write,
                        struct checker_promise before);
void checker_read_nil(struct checker *checker, struct checker_promise before);
/* At a replica that votes this stamp has settled. */
void checker_settled(struct checker *checker, uint64_t stamp);
/* These promises do not stand: what was counted for them is void. */
void checker_void(struct checker *checker, unsigned voids);
void checker_void_promise(struct checker_promise *promise, unsigned voids);
/* Whatever else must not be. */
void checker_report(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
