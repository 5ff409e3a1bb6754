/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/sort.h"

#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* The first option. */
#define OPTIONS_AT 2

/* How many arguments belong to the option at that place, as far as they are there; 0: none of
 * SORT's. */
static size_t option_size(const struct span *argv, size_t argc, size_t at)
{
    static const struct {
        const char *name;
        size_t size;
    } options[] = {{"asc", 1}, {"desc", 1}, {"alpha", 1}, {"limit", 3},
                   {"by", 2},  {"get", 2},  {"store", 2}};

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (span_is(argv[at], options[i].name) && options[i].size <= argc - at)
            return options[i].size;
    return 0;
}

size_t sort_destination(const struct span *argv, size_t argc)
{
    size_t destination = 0;

    for (size_t at = OPTIONS_AT, size; at < argc; at += size) {
        size = option_size(argv, argc, at);
        if (size == 0)
            return destination;
        if (span_is(argv[at], "store"))
            destination = at + 1;
    }
    return destination;
}

bool sort_prepare(struct call *call, enum command_kind *kind)
{
    const bool stores = (call->command->flags & FLAG_WRITE) != 0;
    int64_t number;

    for (size_t at = OPTIONS_AT, size; at < call->argc; at += size) {
        size = option_size(call->argv, call->argc, at);
        if (size == 0 || (span_is(call->argv[at], "store") && !stores))
            return argument_syntax_error(call);
        if (span_is(call->argv[at], "limit") &&
            (!argument_integer(call, call->argv[at + 1], &number) ||
             !argument_integer(call, call->argv[at + 2], &number)))
            return false;
    }
    if (sort_destination(call->argv, call->argc) > 0)
        *kind = COMMAND_STEPS; /* node/across.c has them */
    return true;
}

void sort_read(struct call *call, const struct version *version)
{
    if (version_visible(version, call->now.wall_ms))
        argument_wrong_type(call);
    else
        reply_array(call->reply, 0);
}
