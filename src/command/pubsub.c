/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SUBSCRIBE and its kin: what a connection listens to. PUBLISH and PUBSUB ask other nodes, and are
 * the engine's (node/publish.c, node/survey.c).
 */
#include "base/assert.h"
#include "command/arguments.h"
#include "command/audience.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "command/session.h"
#include "resp/reply.h"

bool pubsub_prepare_subscribe(struct call *call, enum command_kind *kind)
{
    size_t bytes = 0;

    (void)kind;
    for (size_t i = 1; i < call->argc; i++)
        bytes += call->argv[i].size;
    if (call->session == NULL || audience_has_room(call->session, call->argc - 1, bytes))
        return true;
    reply_error(call->reply, "ERR too many subscriptions of one connection");
    return false;
}

/* What the reply counts: the channels and patterns, or the shard channels. */
static int64_t count(const struct session *session, enum channel_kind kind)
{
    const struct subscriber *subscriber = session_subscriber(session);

    if (subscriber == NULL)
        return 0;
    if (kind == CHANNEL_SHARD)
        return (int64_t)subscriber->names[CHANNEL_SHARD].count;
    return (int64_t)(subscriber->names[CHANNEL_PLAIN].count +
                     subscriber->names[CHANNEL_PATTERN].count);
}

/* `name` is NULL where there was nothing to end. */
static void confirm(struct call *call, enum channel_kind kind, const struct span *name)
{
    reply_push(call->reply, 3, call->protocol);
    reply_bulk_string(call->reply, call->command->name);
    if (name != NULL)
        reply_bulk(call->reply, *name);
    else
        reply_null(call->reply, call->protocol);
    reply_integer(call->reply, count(call->session, kind));
}

static void subscribe(struct call *call, enum channel_kind kind)
{
    ensure(call->session != NULL); /* LOCAL commands are not forwarded */
    for (size_t i = 1; i < call->argc; i++) {
        if (!audience_subscribe(call->environment->audience, call->session, kind, call->argv[i])) {
            reply_error(call->reply, "OOM out of memory for the subscription");
            return;
        }
        confirm(call, kind, &call->argv[i]);
    }
}

static void unsubscribe_all(struct call *call, enum channel_kind kind)
{
    struct session *session = call->session;
    struct subscriber *subscriber = session_subscriber(session);
    struct name *name;

    if (subscriber == NULL || subscriber->names[kind].count == 0) {
        confirm(call, kind, NULL);
        return;
    }
    while ((subscriber = session_subscriber(session)) != NULL &&
           (name = names_first(&subscriber->names[kind])) != NULL) {
        /* The name goes with its last subscription. */
        reply_push(call->reply, 3, call->protocol);
        reply_bulk_string(call->reply, call->command->name);
        reply_bulk(call->reply, name->text);
        audience_unsubscribe(call->environment->audience, session, kind, name->text);
        reply_integer(call->reply, count(session, kind));
    }
}

static void unsubscribe(struct call *call, enum channel_kind kind)
{
    ensure(call->session != NULL);
    if (call->argc == 1) {
        unsubscribe_all(call, kind);
        return;
    }
    for (size_t i = 1; i < call->argc; i++) {
        audience_unsubscribe(call->environment->audience, call->session, kind, call->argv[i]);
        confirm(call, kind, &call->argv[i]);
    }
}

void pubsub_subscribe(struct call *call)
{
    subscribe(call, CHANNEL_PLAIN);
}

void pubsub_psubscribe(struct call *call)
{
    subscribe(call, CHANNEL_PATTERN);
}

void pubsub_ssubscribe(struct call *call)
{
    subscribe(call, CHANNEL_SHARD);
}

void pubsub_unsubscribe(struct call *call)
{
    unsubscribe(call, CHANNEL_PLAIN);
}

void pubsub_punsubscribe(struct call *call)
{
    unsubscribe(call, CHANNEL_PATTERN);
}

void pubsub_sunsubscribe(struct call *call)
{
    unsubscribe(call, CHANNEL_SHARD);
}

bool pubsub_changes(const struct command *command)
{
    return (command->flags & FLAG_PUBSUB) != 0 && command->kind == COMMAND_LOCAL;
}

bool pubsub_allows(const struct command *command)
{
    static const char *const others[] = {"ping", "quit", "reset"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(command->name, others[i]) == 0)
            return true;
    return pubsub_changes(command);
}

/* PUBSUB CHANNELS and SHARDCHANNELS take one pattern at most. */
bool pubsub_prepare_channels(struct call *call, enum command_kind *kind)
{
    (void)kind;
    if (call->argc <= 3)
        return true;
    argument_subcommand_error(call);
    return false;
}
