/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The channels of a node: who of its workers has how many subscribers of what. A worker keeps its
 * own subscribers itself (audience.h) and tells here of each that comes or goes; a publisher finds
 * out here how many there are, and puts the message into the inboxes of the workers that have any
 * (post.h), each of which hands it to its own.
 *
 * A record of POST_PUBLISHED:
 *
 *      0      1               9
 *     +------+---------------+---------+---------+
 *     | kind | name's size   | name    | message |       kind: CHANNEL_PLAIN or CHANNEL_SHARD
 *     +------+---------------+---------+---------+
 *
 * One mutex guards the table. A publisher does not take it while nobody subscribes to anything that
 * could be meant, which two loads tell.
 */
#ifndef DUNLIN_COMMAND_CHANNELS_H
#define DUNLIN_COMMAND_CHANNELS_H

#include "base/span.h"

struct channels;
struct post;

enum channel_kind {
    CHANNEL_PLAIN,   /* SUBSCRIBE */
    CHANNEL_PATTERN, /* PSUBSCRIBE: a pattern of names of plain channels */
    CHANNEL_SHARD,   /* SSUBSCRIBE */
    CHANNEL_KINDS
};

struct channels *channels_create(struct post *post, uint64_t seed);
/* Nobody subscribes any more. */
void channels_destroy(struct channels **channels);

/* The hash of a name, as all sets of names of the node have it. */
uint64_t channels_hash(const struct channels *channels, struct span name);

/* A client of the worker, which has an inbox, subscribes, or ends that. False: out of memory. */
bool channels_add(struct channels *channels, enum channel_kind kind, uint64_t hash,
                  struct span name, uint32_t worker);
void channels_remove(struct channels *channels, enum channel_kind kind, uint64_t hash,
                     struct span name, uint32_t worker);
/* A client has its first subscription, or gave up its last. */
void channels_count_client(struct channels *channels, bool more);

/* What became of a message on this node. */
struct announced {
    uint64_t receivers; /* a client counts for each of its subscriptions that fit */
    uint32_t lost;      /* workers whose inbox had no room for it */
};

/* Gives a message to all who subscribe; `kind` is CHANNEL_PLAIN or CHANNEL_SHARD, `own` the
 * caller's worker. */
struct announced channels_publish(struct channels *channels, uint32_t own, enum channel_kind kind,
                                  struct span name, struct span message);
/* Takes a record apart. */
enum channel_kind channels_published(struct span record, struct span *name, struct span *message);

/* Whether the message is the next of what the worker of another node sends, which numbers its
 * messages and begins anew with each life of its process. It is not where a later one was here
 * before: over a link that is closed by now. */
bool channels_in_order(struct channels *channels, uint16_t node, uint64_t boot, uint16_t worker,
                       uint64_t number);

/* How many names of the kind somebody subscribes to; and how many clients there are that do. */
size_t channels_count(const struct channels *channels, enum channel_kind kind);
size_t channels_clients(const struct channels *channels);
/* How many subscribers the name has. */
uint64_t channels_subscribers(struct channels *channels, enum channel_kind kind, struct span name);
/* Calls `visit` for each name that matches the pattern, of all where `pattern` is NULL, until it
 * says false. It is called with the lock held. */
void channels_visit(struct channels *channels, enum channel_kind kind, const struct span *pattern,
                    bool (*visit)(void *visitor, struct span name, uint64_t subscribers),
                    void *visitor);

#endif
