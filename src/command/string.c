/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Strings. A change decides when its value expires: SET and GETSET clear the deadline unless told
 * otherwise, APPEND and INCR keep it. A value whose deadline is past when it is set is a delete.
 */
#include <math.h>

#include "base/assert.h"
#include "base/decimal.h"
#include "command/arguments.h"
#include "command/expiry.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* call->options.flags, of SET and GETEX. */
enum {
    SET_NX = 1 << 0,
    SET_XX = 1 << 1,
    SET_GET = 1 << 2,
    SET_KEEPTTL = 1 << 3,
    SET_PERSIST = 1 << 4,
    SET_EX = 1 << 5,
    SET_PX = 1 << 6,
    SET_EXAT = 1 << 7,
    SET_PXAT = 1 << 8,
    SET_TIMES = SET_EX | SET_PX | SET_EXAT | SET_PXAT,
};

struct set_option {
    const char *name;
    unsigned flag;
    unsigned excludes; /* flags that it does not go with */
};

static const struct set_option set_options[] = {
    {"nx", SET_NX, SET_XX},
    {"xx", SET_XX, SET_NX},
    {"get", SET_GET, 0},
    {"keepttl", SET_KEEPTTL, SET_TIMES},
    {"ex", SET_EX, SET_KEEPTTL | (SET_TIMES & ~SET_EX)},
    {"px", SET_PX, SET_KEEPTTL | (SET_TIMES & ~SET_PX)},
    {"exat", SET_EXAT, SET_KEEPTTL | (SET_TIMES & ~SET_EXAT)},
    {"pxat", SET_PXAT, SET_KEEPTTL | (SET_TIMES & ~SET_PXAT)},
};

static const struct set_option getex_options[] = {
    {"persist", SET_PERSIST, SET_TIMES},
    {"ex", SET_EX, SET_PERSIST | (SET_TIMES & ~SET_EX)},
    {"px", SET_PX, SET_PERSIST | (SET_TIMES & ~SET_PX)},
    {"exat", SET_EXAT, SET_PERSIST | (SET_TIMES & ~SET_EXAT)},
    {"pxat", SET_PXAT, SET_PERSIST | (SET_TIMES & ~SET_PXAT)},
};

#define OPTIONS(table) (table), sizeof(table) / sizeof(table)[0]

/* Reads the options from argv[first] on into call->options.flags; *time is the argument of the time
 * option, if there was one. */
static bool read_options(struct call *call, size_t first, const struct set_option *options,
                         size_t count, size_t *time)
{
    call->options.flags = 0;
    for (size_t i = first; i < call->argc; i++) {
        const struct set_option *option = options;

        while (option < options + count && !span_is(call->argv[i], option->name))
            option++;
        if (option == options + count || (call->options.flags & option->excludes) != 0)
            return argument_syntax_error(call);
        if ((option->flag & SET_TIMES) != 0) {
            if (i + 1 == call->argc)
                return argument_syntax_error(call);
            *time = ++i;
        }
        call->options.flags |= option->flag;
    }
    return true;
}

static struct expiry_unit unit_of(unsigned flags)
{
    return (struct expiry_unit){.ms = (flags & (SET_EX | SET_EXAT)) != 0 ? 1000 : 1,
                                .relative = (flags & (SET_EX | SET_PX)) != 0};
}

/* For the handlers of this file, call->options.integer is the place of the value in argv. */
static void place_value(struct call *call, int64_t place)
{
    call->options.integer = place;
    call->options.deadline_ms = DEADLINE_NEVER;
}

static struct span value_of(const struct call *call)
{
    return call->argv[call->options.integer];
}

bool string_prepare_set(struct call *call, enum command_kind *kind)
{
    size_t time = 0;

    place_value(call, 2);
    if (call->argc == 3) {
        call->options.flags = 0;
        return true;
    }
    if (!read_options(call, 3, OPTIONS(set_options), &time))
        return false;
    if (time > 0 && !expiry_of_value(call, call->argv[time], unit_of(call->options.flags),
                                     &call->options.deadline_ms))
        return false;
    if ((call->options.flags & (SET_NX | SET_XX | SET_GET | SET_KEEPTTL)) != 0)
        *kind = COMMAND_UPDATE;
    return true;
}

bool string_prepare_setex(struct call *call, enum command_kind *kind)
{
    (void)kind;
    place_value(call, 3);
    call->options.flags = SET_EX;
    return expiry_of_value(call, call->argv[2], unit_of(SET_EX), &call->options.deadline_ms);
}

bool string_prepare_psetex(struct call *call, enum command_kind *kind)
{
    (void)kind;
    place_value(call, 3);
    call->options.flags = SET_PX;
    return expiry_of_value(call, call->argv[2], unit_of(SET_PX), &call->options.deadline_ms);
}

bool string_prepare_mset(struct call *call, enum command_kind *kind)
{
    (void)kind;
    place_value(call, 2);
    call->options.flags = 0;
    if (call->argc % 2 == 1)
        return true;
    reply_error(call->reply, "ERR wrong number of arguments for 'mset' command");
    return false;
}

bool string_prepare_getex(struct call *call, enum command_kind *kind)
{
    size_t time = 0;

    (void)kind;
    if (!read_options(call, 2, OPTIONS(getex_options), &time))
        return false;
    /* Of an absent key Redis does not even look at the time. */
    call->options.integer = (int64_t)time;
    return true;
}

static bool prepare_increment(struct call *call, bool negative)
{
    int64_t by = 1;

    if (call->argc > 2 && !argument_integer(call, call->argv[2], &by))
        return false;
    if (negative && by == INT64_MIN) {
        reply_error(call->reply, "ERR decrement would overflow");
        return false;
    }
    call->options.integer = negative ? -by : by;
    return true;
}

bool string_prepare_add(struct call *call, enum command_kind *kind)
{
    (void)kind;
    return prepare_increment(call, false);
}

bool string_prepare_subtract(struct call *call, enum command_kind *kind)
{
    (void)kind;
    return prepare_increment(call, true);
}

static bool visible(const struct call *call, const struct version *version)
{
    return version_visible(version, call->now.wall_ms);
}

/* Without a copy where it is large. */
static inline void reply_bytes(struct call *call, struct span value)
{
    if (__builtin_expect(call->block != NULL, 0))
        reply_bulk_referring(call->reply, call->behind, value, call->block);
    else
        reply_bulk_taking(call->reply, value, call->bytes);
}

/* The value or null; false, with the error appended, when it is no string. */
static inline bool reply_value(struct call *call, const struct version *version)
{
    if (!visible(call, version)) {
        reply_null(call->reply, call->protocol);
        return true;
    }
    if (!argument_string(call, version))
        return false;
    reply_bytes(call, version->value);
    return true;
}

static void put(const struct call *call, struct change *change, struct span value,
                int64_t deadline_ms)
{
    change->action = deadline_ms > call->now.wall_ms ? CHANGE_PUT : CHANGE_DELETE;
    change->deadline_ms = deadline_ms;
    change->pieces[0] = value;
    change->piece_count = 1;
}

void string_get(struct call *call, const struct version *version)
{
    reply_value(call, version);
}

void string_mget(struct call *call, const struct version *version)
{
    /* Redis answers null for what is no string, so that the others are not lost. */
    if (visible(call, version) && version->kind == VALUE_STRING)
        reply_bytes(call, version->value);
    else
        reply_null(call->reply, call->protocol);
}

void string_strlen(struct call *call, const struct version *version)
{
    if (!visible(call, version))
        reply_integer(call->reply, 0);
    else if (argument_string(call, version))
        reply_integer(call->reply, (int64_t)version->value.size);
}

/* SET with NX, XX, GET or KEEPTTL, which depend on the old version. */
static void set_over(struct call *call, const struct version *version, struct change *change)
{
    const unsigned flags = call->options.flags;
    const bool exists = visible(call, version);
    const bool keep = (flags & SET_KEEPTTL) != 0 && exists;

    change->action = CHANGE_NOTHING;
    if ((flags & SET_GET) != 0 && !reply_value(call, version))
        return;
    if (((flags & SET_NX) != 0 && exists) || ((flags & SET_XX) != 0 && !exists)) {
        if ((flags & SET_GET) == 0)
            reply_null(call->reply, call->protocol);
        return;
    }
    if ((flags & SET_GET) == 0)
        reply_ok(call->reply);
    put(call, change, value_of(call), keep ? version->deadline_ms : call->options.deadline_ms);
}

void string_set(struct call *call, const struct version *version, struct change *change)
{
    if ((call->options.flags & (SET_NX | SET_XX | SET_GET | SET_KEEPTTL)) != 0) {
        ensure(version != NULL);
        set_over(call, version, change);
        return;
    }
    reply_ok(call->reply);
    put(call, change, value_of(call), call->options.deadline_ms);
}

void string_setnx(struct call *call, const struct version *version, struct change *change)
{
    change->action = CHANGE_NOTHING;
    reply_integer(call->reply, visible(call, version) ? 0 : 1);
    if (!visible(call, version))
        put(call, change, call->argv[2], DEADLINE_NEVER);
}

void string_getset(struct call *call, const struct version *version, struct change *change)
{
    change->action = CHANGE_NOTHING;
    if (reply_value(call, version))
        put(call, change, call->argv[2], DEADLINE_NEVER);
}

void string_getdel(struct call *call, const struct version *version, struct change *change)
{
    change->action = CHANGE_NOTHING;
    if (reply_value(call, version) && visible(call, version))
        change->action = CHANGE_DELETE;
}

void string_getex(struct call *call, const struct version *version, struct change *change)
{
    const size_t time = (size_t)call->options.integer;
    int64_t deadline_ms = DEADLINE_NEVER;

    change->action = CHANGE_NOTHING;
    if (!visible(call, version)) {
        reply_null(call->reply, call->protocol);
        return;
    }
    if (!argument_string(call, version))
        return;
    if (time > 0 &&
        !expiry_of_value(call, call->argv[time], unit_of(call->options.flags), &deadline_ms))
        return;
    reply_bulk(call->reply, version->value);
    if (call->options.flags != 0 && deadline_ms != version->deadline_ms)
        put(call, change, version->value, deadline_ms);
}

void string_append(struct call *call, const struct version *version, struct change *change)
{
    const struct span added = call->argv[2];
    const bool exists = visible(call, version);
    const size_t old_size = exists ? version->value.size : 0;

    change->action = CHANGE_NOTHING;
    if (exists && !argument_string(call, version))
        return;
    if (!argument_length(call, old_size, added.size))
        return;
    reply_integer(call->reply, (int64_t)(old_size + added.size));
    change->action = CHANGE_PUT;
    change->deadline_ms = exists ? version->deadline_ms : DEADLINE_NEVER;
    change->piece_count = 0;
    if (exists)
        change->pieces[change->piece_count++] = version->value;
    change->pieces[change->piece_count++] = added;
}

void string_increment(struct call *call, const struct version *version, struct change *change)
{
    const bool exists = visible(call, version);
    int64_t value = 0;

    change->action = CHANGE_NOTHING;
    if (exists &&
        (!argument_string(call, version) || !argument_integer(call, version->value, &value)))
        return;
    if (__builtin_add_overflow(value, call->options.integer, &value)) {
        reply_error(call->reply, "ERR increment or decrement would overflow");
        return;
    }
    _Static_assert(sizeof call->scratch >= INT64_TEXT_MAX, "a number fits the scratch");
    const size_t size = int64_to_text(value, (char *)call->scratch);

    reply_integer(call->reply, value);
    put(call, change, span_of(call->scratch, size), exists ? version->deadline_ms : DEADLINE_NEVER);
    change->action = CHANGE_ADD;
    change->amount = call->options.integer;
}

void string_increment_float(struct call *call, const struct version *version, struct change *change)
{
    const bool exists = visible(call, version);
    long double value = 0, by;
    char text[DECIMAL_TEXT_MAX];

    change->action = CHANGE_NOTHING;
    if (exists &&
        (!argument_string(call, version) || !argument_decimal(call, version->value, &value)))
        return;
    if (!argument_decimal(call, call->argv[2], &by))
        return;
    value += by;
    if (!isfinite(value)) {
        reply_error(call->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    buffer_reset(call->made, DECIMAL_TEXT_MAX);
    buffer_append(call->made, text, decimal_write(value, text));
    if (call->made->failed) {
        call->reply->failed = true;
        return;
    }
    reply_bulk(call->reply, buffer_content(call->made));
    put(call, change, buffer_content(call->made), exists ? version->deadline_ms : DEADLINE_NEVER);
}
