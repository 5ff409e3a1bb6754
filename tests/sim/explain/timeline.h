/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A timeline: what happened, a line each, in the order of time, of which the part is printed that a
 * reader can take in. Around a few moments that matter (the focus) most is shown, and away from
 * them only what is rare; lines that are left out are counted.
 */
#ifndef DUNLIN_TESTS_SIM_TIMELINE_H
#define DUNLIN_TESTS_SIM_TIMELINE_H

#include <stdint.h>
#include <stdio.h>

/* Lines that are printed of a timeline. */
#define TIMELINE_PRINTED 100

/* What a line is about, and how many times as near to a moment that matters it has to be as one of
 * TIMELINE_HELD to be printed as well. The first are printed in any case. */
#define TIMELINE_KINDS(ROW)                                                          \
    ROW(SHOWN, '*', 0) /* a command that the violation was reported with */          \
    ROW(RARE, '!', 1)  /* a message that is lost, late or refused; a vote; a hint */ \
    ROW(HELD, ' ', 4)  /* what a replica holds changes */                            \
    ROW(WORLD, '~', 8) /* a fault, a node, a clock */                                \
    ROW(ASKED, ' ', 8) /* a command that writes */                                   \
    ROW(SENT, ' ', 12) /* a message with a version */                                \
    ROW(ROUTINE, ' ', 40)

enum timeline_kind {
#define ROW(NAME, sign, distance) TIMELINE_##NAME,
    TIMELINE_KINDS(ROW)
#undef ROW
        TIMELINE_KIND_COUNT
};

struct timeline;

struct timeline *timeline_create(void);
void timeline_destroy(struct timeline **timeline);

/* Returns the line's name. `who` is a node, or two with > between. */
size_t timeline_add(struct timeline *timeline, int64_t at_us, enum timeline_kind kind,
                    const char *who, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* More at the end of a line, which is of another kind by that. */
void timeline_append(struct timeline *timeline, size_t line, enum timeline_kind kind,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What comes after this is of no interest. */
void timeline_end(struct timeline *timeline, int64_t at_us);
/* Something that matters happened then. */
void timeline_focus(struct timeline *timeline, int64_t at_us);
/* Lines with this word in them are printed rather than others. */
void timeline_seek(struct timeline *timeline, const char *word);
/* Prints at most TIMELINE_PRINTED lines, and a few more about what is left out. */
void timeline_print(struct timeline *timeline, FILE *out);

#endif
