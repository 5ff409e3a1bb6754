/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Times as clients give them, made into deadlines: in seconds or milliseconds, from now or since
 * 1970. What is not a time is answered with Redis' error.
 */
#ifndef DUNLIN_COMMAND_EXPIRY_H
#define DUNLIN_COMMAND_EXPIRY_H

#include "command/command.h"

struct expiry_unit {
    int64_t ms;    /* 1000: seconds, 1: milliseconds */
    bool relative; /* to call->now */
};

/* For values (SET, GETEX ...): the time is over 0. Below DEADLINE_NEVER. */
bool expiry_of_value(struct call *call, struct span text, struct expiry_unit unit,
                     int64_t *deadline_ms);

/* For EXPIRE and its like: any time, the past as well. Below DEADLINE_NEVER. */
bool expiry_of_key(struct call *call, struct span text, struct expiry_unit unit,
                   int64_t *deadline_ms);

#endif
