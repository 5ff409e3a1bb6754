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

struct checker {
    char violation[CHECKER_TEXT_MAX]; /* "" while all is well */
    struct dot acknowledged;          /* the newest that a client was told of */
    struct dot gone;                  /* the newest that vanished somewhere, or deletes */
    uint32_t run;
    uint32_t dot_count;
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
/* `before` is checker->acknowledged as the request began. */
void checker_write_acknowledged(struct checker *checker, struct dot dot, struct dot before);
void checker_read_value(struct checker *checker, struct dot dot, uint32_t write, struct dot before);
void checker_read_nil(struct checker *checker, struct dot before);
/* Whatever else must not be. */
void checker_report(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
