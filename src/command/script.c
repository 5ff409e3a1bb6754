/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What EVAL and its like need to know before the script runs: how many keys, which come first.
 */
#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* Of a SHA-1 in hex. */
#define NAME_SIZE 40

bool script_prepare(struct call *call, enum command_kind *kind)
{
    const bool read_only = (call->command->flags & FLAG_READONLY) != 0;
    const bool by_name = strncmp(call->command->name, "evalsha", 7) == 0;
    int64_t keys;

    if (by_name && call->argv[1].size != NAME_SIZE) { /* as Redis has it, whatever follows */
        reply_error(call->reply, "NOSCRIPT No matching script. Please use EVAL.");
        return false;
    }
    if (!span_to_int64(call->argv[call->command->key_count_at], &keys)) {
        reply_error(call->reply, "ERR value is not an integer or out of range");
        return false;
    }
    if (keys < 0) {
        reply_error(call->reply, "ERR Number of keys can't be negative");
        return false;
    }
    if ((uint64_t)keys > call->argc - (size_t)call->command->key_count_at - 1) {
        reply_error(call->reply, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    call->options.integer = keys;
    call->options.flags = (by_name ? SCRIPT_BY_NAME : 0) | (read_only ? SCRIPT_READ_ONLY : 0);
    if (keys > 0)
        *kind = read_only ? COMMAND_READ : COMMAND_UPDATE;
    return true;
}
