/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands that work on several keys as one step: MSETNX, RENAME, RENAMENX, COPY. The handlers see
 * all keys of one partition; where they lie apart the engine goes step by step (node/across.c).
 */
#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"

static bool visible(const struct call *call, const struct key_values *keys, size_t key)
{
    return version_visible(keys->value(keys, key), call->now.wall_ms);
}

/* ---- MSETNX ---- */

bool keys_prepare_msetnx(struct call *call, enum command_kind *kind)
{
    (void)kind;
    if (call->argc % 2 == 1)
        return true;
    reply_error(call->reply, "ERR wrong number of arguments for 'msetnx' command");
    return false;
}

bool keys_msetnx(struct call *call, const struct key_values *keys)
{
    const size_t count = (call->argc - 1) / 2;
    bool done = true;

    for (size_t i = 0; i < count; i++)
        if (visible(call, keys, i)) {
            reply_integer(call->reply, 0);
            return true;
        }
    for (size_t i = 0; done && i < count; i++) {
        const struct change change = {.action = CHANGE_PUT,
                                      .deadline_ms = DEADLINE_NEVER,
                                      .pieces = {call->argv[2 + 2 * i]},
                                      .piece_count = 1};
        done = keys->change(keys, i, &change);
    }
    reply_integer(call->reply, 1);
    return done;
}

/* ---- RENAME, RENAMENX, COPY ---- */

static bool same_key(const struct call *call)
{
    return span_equal(call->argv[1], call->argv[2]);
}

/* The second key gets what the first has. */
static bool copy(const struct key_values *keys)
{
    const struct version *version = keys->value(keys, 0);
    const struct change change = {.action = CHANGE_PUT,
                                  .deadline_ms = version->deadline_ms,
                                  .pieces = {version->value},
                                  .piece_count = 1};

    return keys->change(keys, 1, &change);
}

static bool move(const struct key_values *keys)
{
    const struct change gone = {.action = CHANGE_DELETE, .deadline_ms = DEADLINE_NEVER};

    return copy(keys) && keys->change(keys, 0, &gone);
}

/* Whether there is something to rename; else the error is appended. */
static bool may_move(struct call *call, const struct key_values *keys)
{
    if (visible(call, keys, 0))
        return argument_string(call, keys->value(keys, 0));
    reply_error(call->reply, "ERR no such key");
    return false;
}

bool keys_rename(struct call *call, const struct key_values *keys)
{
    if (!may_move(call, keys))
        return true;
    reply_ok(call->reply);
    return same_key(call) || move(keys);
}

bool keys_renamenx(struct call *call, const struct key_values *keys)
{
    if (!may_move(call, keys))
        return true;
    const bool taken = same_key(call) || visible(call, keys, 1);
    reply_integer(call->reply, taken ? 0 : 1);
    return taken || move(keys);
}

bool keys_prepare_copy(struct call *call, enum command_kind *kind)
{
    int64_t index = 0;

    (void)kind;
    call->options.flags = 0;
    for (size_t i = 3; i < call->argc; i++) {
        if (span_is(call->argv[i], "replace")) {
            call->options.flags = KEYS_REPLACE;
        } else if (span_is(call->argv[i], "db") && i + 1 < call->argc) {
            if (!argument_database(call, call->argv[++i], &index))
                return false;
        } else {
            return argument_syntax_error(call);
        }
    }
    if (index != 0) {
        reply_error(call->reply, "ERR DB index is out of range");
        return false;
    }
    if (!same_key(call))
        return true;
    reply_error(call->reply, "ERR source and destination objects are the same");
    return false;
}

bool keys_copy(struct call *call, const struct key_values *keys)
{
    const bool refused = !visible(call, keys, 0) ||
                         ((call->options.flags & KEYS_REPLACE) == 0 && visible(call, keys, 1));

    if (!refused && !argument_string(call, keys->value(keys, 0)))
        return true;
    reply_integer(call->reply, refused ? 0 : 1);
    return refused || copy(keys);
}
