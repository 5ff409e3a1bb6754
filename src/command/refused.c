/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands of Redis that have no meaning here, and why. Where Redis refuses one itself, as a node
 * of a cluster or by its default configuration, the text is Redis' own.
 */
#include "base/assert.h"
#include "command/handlers.h"
#include "resp/reply.h"

#define NOTHING_TO_SAVE "ERR this node keeps no data on disk: there is nothing to save"
#define SLOTS_ARE_THE_RING_S                                                                    \
    "ERR slots belong to the ring, which RING INIT forms and no single node changes; see RING " \
    "HELP"
#define NOT_ALLOWED(command, option)                                                              \
    "ERR " command " command not allowed. If the " option " option is set to \"local\", you can " \
    "run it from a local connection, otherwise you need to set this option in the configuration " \
    "file, and then restart the server."
#define NO_DEBUG   NOT_ALLOWED("DEBUG", "enable-debug-command")
#define NO_MODULES NOT_ALLOWED("MODULE", "enable-module-command")

static const struct {
    const char *name;
    const char *why;
} refusals[] = {
    {"bgrewriteaof", NOTHING_TO_SAVE},
    {"bgsave", NOTHING_TO_SAVE},
    {"debug", NO_DEBUG},
    {"failover", "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead."},
    {"module|load", NO_MODULES},
    {"module|loadex", NO_MODULES},
    {"module|unload", NO_MODULES},
    {"move", "ERR MOVE is not allowed in cluster mode"},
    {"replicaof", "ERR REPLICAOF not allowed in cluster mode."},
    {"save", NOTHING_TO_SAVE},
    {"script|debug", "ERR there is no debugger for scripts here"},
    {"slaveof", "ERR REPLICAOF not allowed in cluster mode."},
    {"swapdb", "ERR SWAPDB is not allowed in cluster mode"},
};

void refused_run(struct call *call)
{
    const char *why = NULL;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strcmp(call->command->name, refusals[i].name) == 0)
            why = refusals[i].why;
    if (why == NULL && strncmp(call->command->name, "cluster|", 8) == 0)
        why = SLOTS_ARE_THE_RING_S;
    ensure(why != NULL);
    reply_error(call->reply, why);
}

void refused_module_list(struct call *call)
{
    reply_array(call->reply, 0);
}
