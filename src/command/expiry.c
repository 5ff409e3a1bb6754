/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/expiry.h"

#include "command/arguments.h"
#include "resp/reply.h"

/* The scaled time, from now where it is relative. False on an overflow. */
static bool to_deadline(const struct call *call, int64_t time, struct expiry_unit unit,
                        int64_t *deadline_ms)
{
    int64_t deadline;

    if (__builtin_mul_overflow(time, unit.ms, &deadline) ||
        __builtin_add_overflow(deadline, unit.relative ? call->now.wall_ms : 0, &deadline))
        return false;
    *deadline_ms = deadline < DEADLINE_NEVER ? deadline : DEADLINE_NEVER - 1;
    return true;
}

static bool refuse(struct call *call)
{
    reply_error_format(call->reply, "ERR invalid expire time in '%s' command", call->command->name);
    return false;
}

bool expiry_of_value(struct call *call, struct span text, struct expiry_unit unit,
                     int64_t *deadline_ms)
{
    int64_t time;

    if (!argument_integer(call, text, &time))
        return false;
    return (time > 0 && to_deadline(call, time, unit, deadline_ms)) || refuse(call);
}

bool expiry_of_key(struct call *call, struct span text, struct expiry_unit unit,
                   int64_t *deadline_ms)
{
    int64_t time;

    if (!argument_integer(call, text, &time))
        return false;
    return to_deadline(call, time, unit, deadline_ms) || refuse(call);
}
