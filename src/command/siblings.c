/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Concurrent values for who wants to see them. Other commands work in a keyspace of siblings as
 * well: they see the newest value, and write over all that their coordinator has.
 */
#include "value/siblings.h"

#include "causal/hlc.h"
#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* How far ahead of the clock a context may reach, ms: more than any version that was accepted. */
#define CONTEXT_AHEAD_MS 60000

static bool want_siblings(struct call *call)
{
    if (call->siblings)
        return true;
    reply_error(call->reply,
                "ERR the key's keyspace keeps one value (conflict lww): use GET and SET");
    return false;
}

bool siblings_prepare_get(struct call *call, enum command_kind *kind)
{
    (void)kind;
    return want_siblings(call);
}

/* Whether the argument is a context that some CGET answered. */
static bool read_context(struct call *call, struct span text)
{
    struct context context;

    if (context_from_text(text, &context) &&
        !hlc_too_far(context_newest(&context).stamp, call->now.wall_ms, CONTEXT_AHEAD_MS))
        return true;
    reply_error(call->reply, "ERR invalid context: expected one that CGET answered");
    return false;
}

static bool read_expiry(struct call *call, struct span text)
{
    int64_t ms;

    if (!argument_integer(call, text, &ms))
        return false;
    if (ms > 0 && !__builtin_add_overflow(call->now.wall_ms, ms, &call->options.deadline_ms))
        return true;
    reply_error(call->reply, "ERR invalid expire time in 'cset' command");
    return false;
}

bool siblings_prepare_set(struct call *call, enum command_kind *kind)
{
    (void)kind;
    call->options.deadline_ms = DEADLINE_NEVER;
    call->options.integer = 0; /* the context's place in argv */
    for (size_t i = 3; i < call->argc; i += 2) {
        if (i + 1 < call->argc && span_is(call->argv[i], "context")) {
            if (!read_context(call, call->argv[i + 1]))
                return false;
            call->options.integer = (int64_t)i + 1;
        } else if (i + 1 < call->argc && span_is(call->argv[i], "px")) {
            if (!read_expiry(call, call->argv[i + 1]))
                return false;
        } else {
            return argument_syntax_error(call);
        }
    }
    return want_siblings(call);
}

/* [context, [value, ...]]; the newest value comes last. */
void siblings_get(struct call *call, const struct version *version)
{
    const struct span set = version->value;
    struct siblings_cursor cursor = siblings_begin(set);
    struct buffer text = {0};
    struct context context;
    struct sibling sibling;
    size_t count = 0;

    while (siblings_next(&cursor, &sibling))
        count += sibling.deadline_ms > call->now.wall_ms;
    siblings_context(set, &context);
    context_to_text(&context, &text);
    reply_array(call->reply, 2);
    reply_bulk(call->reply, buffer_content(&text));
    reply_array(call->reply, count);
    cursor = siblings_begin(set);
    while (siblings_next(&cursor, &sibling))
        if (sibling.deadline_ms > call->now.wall_ms)
            reply_bulk(call->reply, sibling.value);
    buffer_deinit(&text);
}

void siblings_set(struct call *call, const struct version *version, struct change *change)
{
    (void)version;
    change->action = CHANGE_PUT;
    change->deadline_ms = call->options.deadline_ms;
    change->pieces[0] = call->argv[2];
    change->piece_count = 1;
    change->blind = true;
    if (call->options.integer > 0)
        change->context = call->argv[call->options.integer];
    reply_ok(call->reply);
}
