/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Draws commands from their syntax, which is written as Redis' documentation writes it:
 *
 *   SET <key> <value> [NX|XX] [GET] [EX <seconds>|PX <milliseconds>|KEEPTTL]
 *
 *   WORD        as it is, in upper or lower case
 *   <kind>      a value of that kind (draw.c lists them), now and then one that is not valid
 *   [A|B]       one of them, or nothing       (A|B)   one of them
 *   X ...       X, up to four times; X is a value or a group
 *
 * Some commands are then spoilt: an argument too many or too few, two swapped, one replaced.
 */
#ifndef DUNLIN_TESTS_SYSTEM_COMPARE_DRAW_H
#define DUNLIN_TESTS_SYSTEM_COMPARE_DRAW_H

#include "base/rng.h"
#include "base/span.h"

#define LINE_WORDS_MAX 32

/* A command: its words point to memory that stays. */
struct line {
    size_t count;
    struct span words[LINE_WORDS_MAX];
};

/* Fails the case when the syntax is wrong. */
void draw_line(struct line *line, const char *syntax, struct rng *rng);

#endif
