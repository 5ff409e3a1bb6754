/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ACL, as far as there is anything to tell: one user, "default", who may do everything, and whose
 * password, if any, is requirepass. Its hash is not shown; CONFIG GET shows the password itself to
 * whom it is due.
 */
#include "base/options.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "resp/reply.h"

static bool has_password(const struct call *call)
{
    return call->environment->options->requirepass[0] != '\0';
}

void acl_whoami(struct call *call)
{
    reply_bulk_string(call->reply, "default");
}

void acl_users(struct call *call)
{
    reply_array(call->reply, 1);
    reply_bulk_string(call->reply, "default");
}

void acl_list(struct call *call)
{
    reply_array(call->reply, 1);
    reply_bulk_string(call->reply, has_password(call) ? "user default on ~* &* +@all"
                                                      : "user default on nopass ~* &* +@all");
}

void acl_getuser(struct call *call)
{
    struct buffer *reply = call->reply;

    if (!span_equal(call->argv[2], SPAN("default"))) {
        reply_null(reply, call->protocol);
        return;
    }
    reply_map(reply, 6, call->protocol);
    reply_bulk_string(reply, "flags");
    reply_set(reply, has_password(call) ? 1 : 2, call->protocol);
    reply_bulk_string(reply, "on");
    if (!has_password(call))
        reply_bulk_string(reply, "nopass");
    reply_bulk_string(reply, "passwords");
    reply_array(reply, 0);
    reply_bulk_string(reply, "commands");
    reply_bulk_string(reply, "+@all");
    reply_bulk_string(reply, "keys");
    reply_bulk_string(reply, "~*");
    reply_bulk_string(reply, "channels");
    reply_bulk_string(reply, "&*");
    reply_bulk_string(reply, "selectors");
    reply_array(reply, 0);
}

void acl_log(struct call *call)
{
    int64_t count;

    if (call->argc > 3)
        argument_subcommand_error(call);
    else if (call->argc == 3 && span_is(call->argv[2], "reset"))
        reply_ok(call->reply);
    else if (call->argc < 3 || argument_integer(call, call->argv[2], &count))
        reply_array(call->reply, 0);
}

static void list_category(struct call *call, size_t category)
{
    size_t rows, count = 0;
    const struct command *table = command_table(&rows);

    for (size_t i = 0; i < rows; i++)
        count += command_in_category(&table[i], category);
    reply_array(call->reply, count);
    for (size_t i = 0; i < rows; i++)
        if (command_in_category(&table[i], category))
            reply_bulk_string(call->reply, table[i].name);
}

void acl_cat(struct call *call)
{
    if (call->argc > 3) {
        argument_subcommand_error(call);
        return;
    }
    if (call->argc == 2) {
        reply_array(call->reply, COMMAND_CATEGORIES);
        for (size_t i = 0; i < COMMAND_CATEGORIES; i++)
            reply_bulk_string(call->reply, command_categories[i]);
        return;
    }
    for (size_t i = 0; i < COMMAND_CATEGORIES; i++)
        if (span_is(call->argv[2], command_categories[i])) {
            list_category(call, i);
            return;
        }
    reply_error_format(call->reply, "ERR Unknown category '%.*s'",
                       call->argv[2].size < 128 ? (int)call->argv[2].size : 128,
                       (const char *)call->argv[2].data);
}
