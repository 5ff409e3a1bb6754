/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parts of strings: GETRANGE (which SUBSTR is an old name of) and SETRANGE. Places count from 0,
 * GETRANGE's from the end as well, where they are negative.
 */
#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"

bool range_prepare_get(struct call *call, enum command_kind *kind)
{
    int64_t first, last;

    (void)kind;
    return argument_integer(call, call->argv[2], &first) &&
           argument_integer(call, call->argv[3], &last);
}

/* A place counted from the end, made one from the start; the start, where there is none. */
static uint64_t place_of(int64_t place, size_t size)
{
    if (place < 0)
        place = place >= -(int64_t)size ? (int64_t)size + place : 0;
    return (uint64_t)place;
}

static struct span cut(struct span value, int64_t from, int64_t to)
{
    const bool backwards = from < 0 && to < 0 && from > to;
    const uint64_t first = place_of(from, value.size);
    uint64_t last = place_of(to, value.size);

    if (value.size > 0 && last >= value.size)
        last = value.size - 1;
    if (backwards || value.size == 0 || first > last)
        return span_of(NULL, 0);
    return span_of(value.data + first, last - first + 1);
}

void range_get(struct call *call, const struct version *version)
{
    int64_t from = 0, to = 0;

    if (!version_visible(version, call->now.wall_ms)) {
        reply_bulk(call->reply, span_of(NULL, 0));
        return;
    }
    if (!argument_string(call, version))
        return;
    span_to_int64(call->argv[2], &from); /* range_prepare_get has looked at both */
    span_to_int64(call->argv[3], &to);
    reply_bulk(call->reply, cut(version->value, from, to));
}

bool range_prepare_set(struct call *call, enum command_kind *kind)
{
    (void)kind;
    if (!argument_integer(call, call->argv[2], &call->options.integer))
        return false;
    if (call->options.integer >= 0)
        return true;
    reply_error(call->reply, "ERR offset is out of range");
    return false;
}

void range_set(struct call *call, const struct version *version, struct change *change)
{
    const struct span written = call->argv[3];
    const uint64_t offset = (uint64_t)call->options.integer;
    const bool exists = version_visible(version, call->now.wall_ms);

    change->action = CHANGE_NOTHING;
    if (exists && !argument_string(call, version))
        return;
    const struct span old = exists ? version->value : span_of(NULL, 0);
    if (written.size == 0) {
        reply_integer(call->reply, (int64_t)old.size);
        return;
    }
    if (!argument_length(call, offset, written.size))
        return;
    const size_t end = offset + written.size;
    reply_integer(call->reply, (int64_t)(end > old.size ? end : old.size));
    change->action = CHANGE_PUT;
    change->deadline_ms = exists ? version->deadline_ms : DEADLINE_NEVER;
    change->piece_count = 0;
    if (offset > 0 && old.size > 0)
        change->pieces[change->piece_count++] = span_of(old.data,
                                                        offset < old.size ? offset : old.size);
    if (offset > old.size)
        change->pieces[change->piece_count++] = span_of(NULL, offset - old.size);
    change->pieces[change->piece_count++] = written;
    if (end < old.size)
        change->pieces[change->piece_count++] = span_of(old.data + end, old.size - end);
    _Static_assert(CHANGE_PIECES_MAX >= 3, "what is before, what is written, what is behind");
}
