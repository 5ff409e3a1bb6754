/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One command of a stream: its words, over which connection it goes, and how its replies compare.
 */
#ifndef DUNLIN_TESTS_SYSTEM_COMPARE_STEP_H
#define DUNLIN_TESTS_SYSTEM_COMPARE_STEP_H

#include "base/buffer.h"
#include "system/compare/draw.h"

/* Connections to each server: the first begins in RESP2, the second in RESP3. */
#define SERVER_CONNECTIONS 2

/* A row of system/compare/commands.h, which says what these mean. */
struct compared {
    const char *name, *syntax;
    enum compared_likeness {
        COMPARED_SAME,
        COMPARED_SECONDS,
        COMPARED_MILLISECONDS,
        COMPARED_SHAPE,
        COMPARED_FORM,
        COMPARED_COUNT, /* from here on, what is about all keys */
        COMPARED_LIST,
        COMPARED_ANY,
        COMPARED_WALK,
    } likeness;
};

struct step {
    struct line line;
    const struct compared *compared;
    int connection;
};

static inline bool step_is_of_all_keys(const struct step *step)
{
    return step->compared->likeness >= COMPARED_COUNT;
}

/* Appends the command as one would type it in redis-cli. */
void step_print(const struct step *step, size_t bytes_max, struct buffer *text);

#endif
