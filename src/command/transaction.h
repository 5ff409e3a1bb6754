/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A transaction: what one connection has queued since MULTI, and the keys that it watches. It
 * belongs to the session until EXEC takes it over (node/exec.h), or DISCARD, RESET or the end of
 * the connection throws it away. Each command is one allocation, with its arguments.
 */
#ifndef DUNLIN_COMMAND_TRANSACTION_H
#define DUNLIN_COMMAND_TRANSACTION_H

#include "base/bytes.h"
#include "command/command.h"

/* Keys that a connection watches, and commands that it queues. */
#define WATCHED_MAX 1024
#define QUEUED_MAX  16384

struct queued {
    const struct command *command;
    size_t argc;
    struct span argv[];
};

/* What WATCH saw: a value with this dot, or none that is newer than it. */
struct watched {
    bool visible;
    struct dot dot;
    struct span key; /* in the same allocation */
};

struct transaction {
    bool aborted; /* something could not be queued: EXEC refuses all */
    struct queued **commands;
    size_t count, capacity;
    struct watched **watched;
    size_t watched_count;
    size_t bytes; /* that all of it takes, about */
};

struct transaction *transaction_create(void);
/* NULL is none. */
void transaction_destroy(struct transaction **transaction);

/* Keeps a copy; false when it would take more than `bytes_max` or memory is lacking. */
bool transaction_queue(struct transaction *transaction, const struct command *command,
                       const struct span *argv, size_t argc, size_t bytes_max);
/* The key was seen so. One that is watched already keeps what it was seen like first. False: there
 * are too many, or memory is lacking. */
bool transaction_watch(struct transaction *transaction, struct span key, bool visible,
                       struct dot dot);
void transaction_unwatch(struct transaction *transaction);

/* Whether the key is still as it was watched. What has expired since, or was deleted, is not. */
bool watched_holds(const struct watched *watched, const struct version *version, int64_t now_ms);

/* What a key's replica answers to WATCH, as the bytes of a bulk string. */
struct watch_reply {
    bool visible;
    struct dot dot;
};
#define WATCH_REPLY_SIZE 11

static inline void watch_reply_put(uint8_t *at, const struct watch_reply *reply)
{
    at[0] = reply->visible;
    bytes_put_u64(at + 1, reply->dot.stamp);
    bytes_put_u16(at + 9, reply->dot.node);
}

static inline struct watch_reply watch_reply_get(const uint8_t *at)
{
    return (struct watch_reply){
        .visible = at[0] != 0,
        .dot = {.stamp = bytes_get_u64(at + 1), .node = bytes_get_u16(at + 9)}};
}

/* Whether MULTI leaves the command to run at once. */
bool transaction_passes(const struct command *command);

#endif
