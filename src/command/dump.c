/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DUMP and RESTORE: values in Redis' own bytes (value/dump.h), to be carried over from a Redis or
 * to one. What reads the whole payload runs outside the partition's lock: DUMP as a slow reader,
 * RESTORE's check and unpacking in dump_make.
 */
#include "value/dump.h"
#include "command/arguments.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* Room before a payload for the head of the reply, and what a payload is longer than its value. */
#define HEAD_ROOM  32
#define DUMP_SPARE 32

/* call->options.flags of RESTORE; options.integer is what dump_make found, an enum dump_status. */
enum {
    RESTORE_REPLACE = 1 << 0,
    RESTORE_ABSTTL = 1 << 1,
};

void dump_read(struct call *call, const struct version *version)
{
    struct buffer *made = call->made;

    if (!version_visible(version, call->now.wall_ms)) {
        reply_null(call->reply, call->protocol);
        return;
    }
    if (!argument_string(call, version))
        return;
    buffer_reset(made, SIZE_MAX);
    buffer_begin_behind(made, HEAD_ROOM, version->value.size + DUMP_SPARE);
    dump_write(version->value, made);
    if (made->failed)
        call->reply->failed = true;
    else
        reply_bulk_taking(call->reply, buffer_content(made), made);
}

/* How long the value has been idle, or how often it was used: looked at, and not kept. */
static bool usage(struct call *call, struct span text, int64_t max, const char *error)
{
    int64_t value;

    if (!argument_integer(call, text, &value))
        return false;
    if (value >= 0 && value <= max)
        return true;
    reply_error(call->reply, error);
    return false;
}

bool dump_prepare_restore(struct call *call, enum command_kind *kind)
{
    bool idle = false, frequent = false;

    (void)kind;
    call->options.flags = 0;
    for (size_t i = 4; i < call->argc; i++) {
        const struct span word = call->argv[i];
        const bool more = i + 1 < call->argc;

        if (span_is(word, "replace")) {
            call->options.flags |= RESTORE_REPLACE;
        } else if (span_is(word, "absttl")) {
            call->options.flags |= RESTORE_ABSTTL;
        } else if (span_is(word, "idletime") && more && !frequent) {
            if (!usage(call, call->argv[++i], INT64_MAX,
                       "ERR Invalid IDLETIME value, must be >= 0"))
                return false;
            idle = true;
        } else if (span_is(word, "freq") && more && !idle) {
            if (!usage(call, call->argv[++i], UINT8_MAX,
                       "ERR Invalid FREQ value, must be >= 0 and <= 255"))
                return false;
            frequent = true;
        } else {
            return argument_syntax_error(call);
        }
    }
    return true;
}

void dump_make(struct call *call)
{
    const struct span payload = call->argv[3];
    struct buffer *made = call->made;
    const size_t before = buffer_size(call->reply);
    struct dump dump = {.packed = false};

    buffer_reset(made, SIZE_MAX);
    call->options.integer = dump_check(payload);
    if (call->options.integer == DUMP_OK)
        call->options.integer = dump_find(payload, (char *)call->scratch, &dump);
    if (call->options.integer != DUMP_OK || !dump.packed)
        return;
    if (!argument_length(call, dump.size, 0))
        buffer_truncate(call->reply, before); /* dump_restore says so in its turn */
    else if (!dump_unpack(&dump, made) && !made->failed)
        call->options.integer = DUMP_BAD;
}

/* When the key expires: false with the error appended. */
static bool read_ttl(struct call *call, int64_t *deadline_ms)
{
    int64_t ttl;

    if (!argument_integer(call, call->argv[2], &ttl))
        return false;
    if (ttl < 0) {
        reply_error(call->reply, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    *deadline_ms = DEADLINE_NEVER;
    if (ttl == 0)
        return true;
    if ((call->options.flags & RESTORE_ABSTTL) == 0 &&
        __builtin_add_overflow(ttl, call->now.wall_ms, &ttl))
        ttl = DEADLINE_NEVER - 1;
    *deadline_ms = ttl < DEADLINE_NEVER ? ttl : DEADLINE_NEVER - 1;
    return true;
}

/* The value in the payload: false with the error appended. */
static bool read_value(struct call *call, struct span *value)
{
    struct dump dump;

    _Static_assert(sizeof call->scratch >= INT64_TEXT_MAX, "a number fits the scratch");
    dump_find(call->argv[3], (char *)call->scratch, &dump);
    switch ((enum dump_status)call->options.integer) {
    case DUMP_OK:
        break;
    case DUMP_WRONG:
        reply_error(call->reply, "ERR DUMP payload version or checksum are wrong");
        return false;
    case DUMP_BAD:
        reply_error(call->reply, "ERR Bad data format");
        return false;
    case DUMP_FOREIGN:
        reply_error_format(call->reply, "ERR the payload is a %s, and only strings can be kept yet",
                           dump.type);
        return false;
    }
    if (dump.packed && !argument_length(call, dump.size, 0))
        return false;
    if (call->made->failed) {
        call->reply->failed = true;
        return false;
    }
    *value = dump.packed ? buffer_content(call->made) : dump.bytes;
    return true;
}

void dump_restore(struct call *call, const struct version *version, struct change *change)
{
    const bool exists = version_visible(version, call->now.wall_ms);
    int64_t deadline_ms;
    struct span value;

    change->action = CHANGE_NOTHING;
    if (exists && (call->options.flags & RESTORE_REPLACE) == 0) {
        reply_error(call->reply, "BUSYKEY Target key name already exists.");
        return;
    }
    if (!read_ttl(call, &deadline_ms) || !read_value(call, &value))
        return;
    reply_ok(call->reply);
    if (deadline_ms <= call->now.wall_ms) {
        change->action = exists ? CHANGE_DELETE : CHANGE_NOTHING;
        return;
    }
    change->action = CHANGE_PUT;
    change->deadline_ms = deadline_ms;
    change->pieces[0] = value;
    change->piece_count = 1;
}
