/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/arguments.h"

#include <ctype.h>

#include "base/decimal.h"
#include "base/options.h"
#include "command/environment.h"
#include "resp/reply.h"

bool argument_syntax_error(struct call *call)
{
    reply_error(call->reply, "ERR syntax error");
    return false;
}

void argument_subcommand_error(struct call *call)
{
    const struct span name = call->argv[1];
    const char *full = call->command->name;
    char container[32];
    size_t size = 0;

    for (; full[size] != '|' && full[size] != '\0' && size < sizeof container - 1; size++)
        container[size] = (char)toupper((unsigned char)full[size]);
    container[size] = '\0';
    reply_error_format(
        call->reply, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
        name.size < 128 ? (int)name.size : 128, (const char *)name.data, container);
}

bool argument_integer(struct call *call, struct span text, int64_t *value)
{
    if (span_to_int64(text, value))
        return true;
    reply_error(call->reply, "ERR value is not an integer or out of range");
    return false;
}

bool argument_database(struct call *call, struct span text, int64_t *index)
{
    if (!argument_integer(call, text, index))
        return false;
    if (*index >= INT32_MIN && *index <= INT32_MAX)
        return true;
    reply_error(call->reply, "ERR value is out of range, value must between -2147483648 and "
                             "2147483647");
    return false;
}

bool argument_decimal(struct call *call, struct span text, long double *value)
{
    if (decimal_read(text, value))
        return true;
    reply_error(call->reply, "ERR value is not a valid float");
    return false;
}

bool argument_timeout(struct call *call, struct span text, int64_t *timeout_ms)
{
    const bool number = span_to_int64(text, timeout_ms);

    if (number && *timeout_ms >= 0)
        return true;
    reply_error(call->reply, number ? "ERR timeout is negative"
                                    : "ERR timeout is not an integer or out of range");
    return false;
}

bool argument_secret(const struct command *command, const struct span *argv, size_t argc, size_t at)
{
    if (strcmp(command->name, "auth") == 0)
        return at >= 1;
    if (strcmp(command->name, "config|set") == 0)
        return at >= 3 && at % 2 == 1 &&
               (span_is(argv[at - 1], "requirepass") || span_is(argv[at - 1], "cluster-secret"));
    if (strcmp(command->name, "hello") != 0)
        return false;
    for (size_t i = 2; i + 2 < argc; i++)
        if (span_is(argv[i], "auth"))
            return at == i + 1 || at == i + 2;
    return false;
}

void argument_wrong_type(struct call *call)
{
    reply_error(call->reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

bool argument_string(struct call *call, const struct version *version)
{
    if (version->kind == VALUE_STRING)
        return true;
    argument_wrong_type(call);
    return false;
}

bool argument_length(struct call *call, uint64_t size, uint64_t more)
{
    const struct options *options = call->environment->options;
    uint64_t whole;

    if (__builtin_add_overflow(size, more, &whole) ||
        whole > (uint64_t)options->proto_max_bulk_len) {
        reply_error(call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return false;
    }
    /* Said before the room is taken, and not when it has been. */
    if (options->maxmemory > 0 && whole > (uint64_t)options->maxmemory) {
        reply_error(call->reply, "OOM command not allowed when used memory > 'maxmemory'.");
        return false;
    }
    return true;
}
