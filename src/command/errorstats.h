/* SPDX-License-Identifier: BSD-3-Clause
 *
 * INFO errorstats: how many errors of each kind a node has answered. As in Redis the kind is an
 * error's first word ("ERR", "WRONGTYPE"). A request counts once: the errors within an EXEC's reply
 * do not. One mutex guards all; it is taken for errors and for INFO alone.
 */
#ifndef DUNLIN_COMMAND_ERRORSTATS_H
#define DUNLIN_COMMAND_ERRORSTATS_H

#include <stdint.h>

#include "base/span.h"

/* Kinds that are told apart: all that this server answers, and some that scripts make up. Of any
 * more nothing is kept. */
#define ERRORSTATS_MAX 128
/* The longest, bytes; what is longer is cut. */
#define ERRORSTATS_CODE_MAX 31

struct errorstats;

struct errorstats *errorstats_create(void);
void errorstats_destroy(struct errorstats **errorstats);

/* `reply` begins with "-CODE". */
void errorstats_count(struct errorstats *errorstats, struct span reply);
void errorstats_reset(struct errorstats *errorstats);

/* Calls `visit` for each kind, in the order of their names; none may call back in. */
void errorstats_visit(struct errorstats *errorstats,
                      void (*visit)(void *visitor, const char *code, uint64_t count),
                      void *visitor);

#endif
