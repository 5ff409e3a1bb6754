/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LCS once both values were read: worked out in steps, of which a turn takes some, and answered as
 * the options in call->options want it.
 */
#ifndef DUNLIN_COMMAND_LCS_H
#define DUNLIN_COMMAND_LCS_H

#include "command/command.h"

/* Work of one step (value/lcs.h): some 100 us. */
#define LCS_WORK_PER_TURN 32768

struct lcs_call;

/* NULL, with the error in the reply, where the strings are too long. They are borrowed. */
struct lcs_call *lcs_call_create(struct call *call, struct span a, struct span b);
void lcs_call_destroy(struct lcs_call **lcs_call);
/* Bytes that it takes. */
uint64_t lcs_call_memory(const struct lcs_call *lcs_call);
/* One step; true when the reply is complete. */
bool lcs_call_proceed(struct lcs_call *lcs_call, struct call *call);

#endif
