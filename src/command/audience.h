/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The audience: those clients of one worker that subscribe to channels or patterns, and what each
 * subscribes to. It belongs to the worker's thread; of each subscription the node's channels
 * (channels.h) are told.
 *
 *     audience    names -> its subscriptions, in their order      whom a message goes to
 *     subscriber  names -> its subscription                       what a client has, for
 * UNSUBSCRIBE
 *
 * A message goes to one subscriber after another, over several turns where there are many; who
 * subscribes or leaves meanwhile does not disturb that.
 *
 * Bounds: SUBSCRIPTIONS_MAX of a client, with SUBSCRIBED_BYTES_MAX of names.
 */
#ifndef DUNLIN_COMMAND_AUDIENCE_H
#define DUNLIN_COMMAND_AUDIENCE_H

#include <stdatomic.h>

#include "command/channels.h"
#include "command/names.h"

#define SUBSCRIPTIONS_MAX    65536
#define SUBSCRIBED_BYTES_MAX (64u << 20)

struct audience;
struct session;

/* Of a session that subscribes to anything. */
struct subscriber {
    struct names names[CHANNEL_KINDS]; /* of struct subscription */
    atomic_uint counts[CHANNEL_KINDS]; /* of those, for other threads */
    size_t count;
    size_t bytes; /* that all of it takes, about */
};

struct audience *audience_create(struct channels *channels, uint32_t worker);
/* Nobody is in it. */
void audience_destroy(struct audience **audience);

/* Whether the session may have `count` more, whose names have so many bytes together. */
bool audience_has_room(const struct session *session, size_t count, size_t bytes);

/* False: out of memory. One that is there already stays. */
bool audience_subscribe(struct audience *audience, struct session *session, enum channel_kind kind,
                        struct span name);
/* One that is not there is no mistake. */
void audience_unsubscribe(struct audience *audience, struct session *session,
                          enum channel_kind kind, struct span name);
/* The session subscribes to nothing any more. */
void audience_leave(struct audience *audience, struct session *session);

/* ---- a message ---- */

struct hearing {
    struct session *session;
    const struct span *pattern; /* by which it hears of it; NULL: by the channel's name */
    uint64_t turn;              /* the same for all who hear of it by the same, and no others */
};

/* Begins with a message; the last one is through. `name` stays where it is until this is. */
void audience_begin(struct audience *audience, enum channel_kind kind, struct span name);
/* The next who is to get it; false: it is through. */
bool audience_next(struct audience *audience, struct hearing *hearing);

#endif
