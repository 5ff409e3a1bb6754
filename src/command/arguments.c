/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/arguments.h"

#include "resp/reply.h"

bool argument_syntax_error(struct call *call)
{
    reply_error(call->reply, "ERR syntax error");
    return false;
}

bool argument_integer(struct call *call, struct span text, int64_t *value)
{
    if (span_to_int64(text, value))
        return true;
    reply_error(call->reply, "ERR value is not an integer or out of range");
    return false;
}

bool argument_string(struct call *call, const struct version *version)
{
    if (version->kind == VALUE_STRING)
        return true;
    reply_error(call->reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}
