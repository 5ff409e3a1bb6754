/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys: whether they exist, and until when.
 */
#include "command/arguments.h"
#include "command/expiry.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* call->options.flags of EXPIRE and its like. */
enum {
    EXPIRE_NX = 1 << 0,
    EXPIRE_XX = 1 << 1,
    EXPIRE_GT = 1 << 2,
    EXPIRE_LT = 1 << 3,
};

static bool visible(const struct call *call, const struct version *version)
{
    return version_visible(version, call->now.wall_ms);
}

void key_del(struct call *call, const struct version *version, struct change *change)
{
    /* The tombstone is written in any case: a value may be on its way from elsewhere. */
    change->action = CHANGE_DELETE;
    reply_integer(call->reply, visible(call, version) ? 1 : 0);
}

void key_exists(struct call *call, const struct version *version)
{
    reply_integer(call->reply, visible(call, version) ? 1 : 0);
}

void key_type(struct call *call, const struct version *version)
{
    reply_simple(call->reply, visible(call, version) ? "string" : "none");
}

/* Redis' -2 of an absent key and -1 of one that stays, or false. */
static bool reply_no_time(struct call *call, const struct version *version)
{
    if (!visible(call, version))
        reply_integer(call->reply, -2);
    else if (version->deadline_ms == DEADLINE_NEVER)
        reply_integer(call->reply, -1);
    else
        return false;
    return true;
}

/* To the nearest second, as Redis does. */
static int64_t to_seconds(int64_t ms)
{
    return ms / 1000 + (ms % 1000 >= 500 ? 1 : 0);
}

void key_ttl(struct call *call, const struct version *version)
{
    if (!reply_no_time(call, version))
        reply_integer(call->reply, to_seconds(version->deadline_ms - call->now.wall_ms));
}

void key_pttl(struct call *call, const struct version *version)
{
    if (!reply_no_time(call, version))
        reply_integer(call->reply, version->deadline_ms - call->now.wall_ms);
}

void key_expiretime(struct call *call, const struct version *version)
{
    if (!reply_no_time(call, version))
        reply_integer(call->reply, to_seconds(version->deadline_ms));
}

void key_pexpiretime(struct call *call, const struct version *version)
{
    if (!reply_no_time(call, version))
        reply_integer(call->reply, version->deadline_ms);
}

static bool read_conditions(struct call *call)
{
    static const struct {
        const char *name;
        unsigned flag;
    } conditions[] = {{"nx", EXPIRE_NX}, {"xx", EXPIRE_XX}, {"gt", EXPIRE_GT}, {"lt", EXPIRE_LT}};
    unsigned flags = 0;

    for (size_t i = 3; i < call->argc; i++) {
        unsigned flag = 0;

        for (size_t c = 0; c < sizeof conditions / sizeof conditions[0]; c++)
            if (span_is(call->argv[i], conditions[c].name))
                flag = conditions[c].flag;
        if (flag == 0) {
            const int shown = call->argv[i].size < 128 ? (int)call->argv[i].size : 128;
            reply_error_format(call->reply, "ERR Unsupported option %.*s", shown,
                               (const char *)call->argv[i].data);
            return false;
        }
        flags |= flag;
    }
    call->options.flags = flags;
    if ((flags & EXPIRE_NX) != 0 && flags != EXPIRE_NX) {
        reply_error(call->reply,
                    "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((flags & EXPIRE_GT) != 0 && (flags & EXPIRE_LT) != 0) {
        reply_error(call->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

static bool prepare(struct call *call, struct expiry_unit unit)
{
    return read_conditions(call) &&
           expiry_of_key(call, call->argv[2], unit, &call->options.deadline_ms);
}

bool key_prepare_expire(struct call *call, enum command_kind *kind)
{
    (void)kind;
    return prepare(call, (struct expiry_unit){.ms = 1000, .relative = true});
}

bool key_prepare_pexpire(struct call *call, enum command_kind *kind)
{
    (void)kind;
    return prepare(call, (struct expiry_unit){.ms = 1, .relative = true});
}

bool key_prepare_expireat(struct call *call, enum command_kind *kind)
{
    (void)kind;
    return prepare(call, (struct expiry_unit){.ms = 1000, .relative = false});
}

bool key_prepare_pexpireat(struct call *call, enum command_kind *kind)
{
    (void)kind;
    return prepare(call, (struct expiry_unit){.ms = 1, .relative = false});
}

/* Whether the conditions let the deadline change from `old` to `new`. A key that stays counts as
 * one whose deadline is infinitely late. */
static bool conditions_hold(unsigned flags, int64_t old_ms, int64_t new_ms)
{
    const bool stays = old_ms == DEADLINE_NEVER;

    return !((flags & EXPIRE_NX) != 0 && !stays) && !((flags & EXPIRE_XX) != 0 && stays) &&
           !((flags & EXPIRE_GT) != 0 && new_ms <= old_ms) &&
           !((flags & EXPIRE_LT) != 0 && new_ms >= old_ms);
}

/* Keeps the value and changes its deadline. */
static void move_deadline(const struct call *call, const struct version *version,
                          int64_t deadline_ms, struct change *change)
{
    change->action = deadline_ms > call->now.wall_ms ? CHANGE_PUT : CHANGE_DELETE;
    change->deadline_ms = deadline_ms;
    change->pieces[0] = version->value;
    change->piece_count = 1;
}

void key_expire(struct call *call, const struct version *version, struct change *change)
{
    change->action = CHANGE_NOTHING;
    if (visible(call, version) && !argument_string(call, version))
        return;
    if (!visible(call, version) ||
        !conditions_hold(call->options.flags, version->deadline_ms, call->options.deadline_ms)) {
        reply_integer(call->reply, 0);
        return;
    }
    reply_integer(call->reply, 1);
    move_deadline(call, version, call->options.deadline_ms, change);
}

void key_persist(struct call *call, const struct version *version, struct change *change)
{
    change->action = CHANGE_NOTHING;
    if (visible(call, version) && !argument_string(call, version))
        return;
    if (!visible(call, version) || version->deadline_ms == DEADLINE_NEVER) {
        reply_integer(call->reply, 0);
        return;
    }
    reply_integer(call->reply, 1);
    move_deadline(call, version, DEADLINE_NEVER, change);
}
