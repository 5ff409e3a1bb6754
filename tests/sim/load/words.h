/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A record in words: the command as it was sent, for one key, and what came of it. A value is
 * called by its unique name, "v" and the index of the record that wrote it; its filling is left
 * out.
 */
#ifndef DUNLIN_TESTS_SIM_WORDS_H
#define DUNLIN_TESTS_SIM_WORDS_H

#include "sim/load/history.h"

#define WORDS_ARGS_MAX 6
#define WORDS_ARG_MAX  24
#define WORDS_MAX      160

struct words {
    char args[WORDS_ARGS_MAX][WORDS_ARG_MAX];
    size_t count;
};

/* Of the key: "k108"; empty for a command that names none. */
void words_key(const struct record *record, char text[WORDS_ARG_MAX]);
/* The command's name, "set". */
const char *words_command(const struct record *record);
/* What stands behind the key: "v12" "px" "300". */
void words_args(const struct history *history, size_t index, struct words *words);
/* All of that in one line, with the level before it, if it asks for one. Returns `text`. */
const char *words_asked(const struct history *history, size_t index, char text[WORDS_MAX]);
/* What the client was told: "v12", "nothing", "an error: ...". Returns `text`. */
const char *words_told(const struct history *history, size_t index, char text[WORDS_MAX]);

#endif
