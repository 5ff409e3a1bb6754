/* SPDX-License-Identifier: BSD-3-Clause
 *
 * docs/COMPATIBILITY.md, from the table of commands, that of Redis' commands (redis_commands.h), of
 * what differs (differences.h) and of why something is not there (absent.h).
 */
#ifndef DUNLIN_MAIN_COMPATIBILITY_H
#define DUNLIN_MAIN_COMPATIBILITY_H

#include "base/buffer.h"

/* Appends the page. False, with the reason on stderr, when the tables do not fit together. */
bool compatibility_print(struct buffer *text);

#endif
