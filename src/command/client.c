/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CLIENT: this connection, and the others of the node. There is one user ("default"), and clients
 * are "normal" or "pubsub", so that filters for others find nobody.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "command/arguments.h"
#include "command/directory.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "resp/reply.h"

/* Clients whose lines CLIENT LIST makes in one step: each takes 1.6 us. */
#define LIST_PER_STEP 128
/* Room for a line, bytes: that nothing is moved as the list grows. */
#define LIST_LINE 320

static struct session *session_of(const struct call *call)
{
    ensure(call->session != NULL); /* LOCAL commands are not forwarded */
    return call->session;
}

/* Answers `text` and gives up its memory. */
static void reply_text(struct call *call, struct buffer *text)
{
    if (text->failed)
        call->reply->failed = true;
    else
        reply_verbatim(call->reply, buffer_content(text), call->protocol);
    buffer_deinit(text);
}

void client_id(struct call *call)
{
    reply_integer(call->reply, (int64_t)session_of(call)->id);
}

void client_getname(struct call *call)
{
    const char *name = session_text(session_of(call), SESSION_NAME);

    if (name == NULL)
        reply_null(call->reply, call->protocol);
    else
        reply_bulk_string(call->reply, name);
}

void client_setname(struct call *call)
{
    if (session_set_text(session_of(call), SESSION_NAME, call->argv[2]))
        reply_ok(call->reply);
    else
        reply_error(call->reply, SESSION_NAME_ERROR);
}

void client_setinfo(struct call *call)
{
    const bool name = span_is(call->argv[2], "lib-name");
    const enum session_text which = name ? SESSION_LIB_NAME : SESSION_LIB_VERSION;

    if (!name && !span_is(call->argv[2], "lib-ver")) {
        const int shown = call->argv[2].size < 128 ? (int)call->argv[2].size : 128;
        reply_error_format(call->reply, "ERR Unrecognized option '%.*s'", shown,
                           (const char *)call->argv[2].data);
        return;
    }
    if (session_set_text(session_of(call), which, call->argv[3]))
        reply_ok(call->reply);
    else
        reply_error_format(call->reply,
                           "ERR %s cannot contain spaces, newlines or special characters.",
                           name ? "lib-name" : "lib-ver");
}

static void set_flag(struct call *call, atomic_bool *flag)
{
    const bool on = span_is(call->argv[2], "on");

    if (!on && !span_is(call->argv[2], "off")) {
        argument_syntax_error(call);
        return;
    }
    atomic_store_explicit(flag, on, memory_order_relaxed);
    reply_ok(call->reply);
}

void client_no_evict(struct call *call)
{
    set_flag(call, &session_of(call)->no_evict);
}

void client_no_touch(struct call *call)
{
    set_flag(call, &session_of(call)->no_touch);
}

void client_info(struct call *call)
{
    struct buffer text = {0};

    session_describe(session_of(call), call->now.mono_us, &text);
    reply_text(call, &text);
}

/* Reads a type of clients. */
static bool read_type(struct call *call, struct span type, struct directory_filter *filter)
{
    filter->others = span_is(type, "normal");
    filter->subscribers = span_is(type, "pubsub");
    if (filter->others || filter->subscribers)
        return true;
    filter->none = true;
    if (span_is(type, "master") || span_is(type, "replica") || span_is(type, "slave"))
        return true;
    reply_error_format(call->reply, "ERR Unknown client type '%.*s'",
                       type.size < 128 ? (int)type.size : 128, (const char *)type.data);
    return false;
}

static void list_ids(struct call *call, struct buffer *text)
{
    for (size_t i = 3; i < call->argc; i++) {
        struct directory_filter filter = {0};
        int64_t id;

        if (!span_to_int64(call->argv[i], &id)) {
            reply_error(call->reply, "ERR Invalid client ID");
            buffer_deinit(text);
            return;
        }
        filter.id = id > 0 ? (uint64_t)id : 0;
        if (id > 0)
            directory_describe(call->environment->directory, &filter, call->now.mono_us, text);
    }
    reply_text(call, text);
}

/* CLIENT LIST of all, or of those of a type: its lines go into the reply, behind room for the head
 * that tells how long they are. */
struct list_rest {
    struct call_rest rest;
    struct directory *directory;
    struct directory_walk walk;
    struct directory_filter filter;
    int64_t now_us;
};

static bool list_some(struct call *call)
{
    struct list_rest *list = (struct list_rest *)call->rest; /* its first member */
    struct buffer *reply = call->reply;

    if (directory_walk_describe(list->directory, &list->walk, &list->filter, LIST_PER_STEP,
                                list->now_us, reply) &&
        !reply->failed)
        return false;
    reply_verbatim_around(reply, call->protocol);
    return true;
}

static void destroy_list(struct call_rest *rest)
{
    struct list_rest *list = (struct list_rest *)rest;

    directory_walk_end(list->directory, &list->walk);
    memory_free(list);
}

static void list_all(struct call *call, const struct directory_filter *filter)
{
    struct list_rest *list = memory_alloc(sizeof *list);

    list->rest = (struct call_rest){.proceed = list_some, .destroy = destroy_list};
    list->directory = call->environment->directory;
    list->filter = *filter;
    list->now_us = call->now.mono_us;
    directory_walk_begin(list->directory, &list->walk);
    buffer_begin_behind(call->reply, REPLY_HEAD_MAX, directory_count(list->directory) * LIST_LINE);
    call->rest = &list->rest;
    if (!list_some(call))
        return;
    call->rest = NULL;
    destroy_list(&list->rest);
}

void client_list(struct call *call)
{
    struct directory_filter filter = {0};
    struct buffer text = {0};

    if (call->argc > 3 && span_is(call->argv[2], "id")) {
        list_ids(call, &text);
        return;
    }
    if (call->argc == 4 && span_is(call->argv[2], "type")) {
        if (!read_type(call, call->argv[3], &filter))
            return;
    } else if (call->argc != 2) {
        argument_syntax_error(call);
        return;
    }
    list_all(call, &filter);
}

/* When whoever has been here for so long connected, at the latest. */
static int64_t created_by(struct instant now, int64_t age_s)
{
    return age_s < now.mono_us / 1000000 ? now.mono_us - age_s * 1000000 : 0;
}

/* One option of CLIENT KILL, whose value is argv[i + 1]. */
static bool read_kill_option(struct call *call, size_t i, struct directory_filter *filter)
{
    const struct span option = call->argv[i];
    const struct span value = call->argv[i + 1];
    bool found = true;
    int64_t id;

    if (span_is(option, "id")) {
        if (!span_to_int64(value, &id) || id <= 0) {
            reply_error(call->reply, "ERR client-id should be greater than 0");
            return false;
        }
        filter->id = (uint64_t)id;
    } else if (span_is(option, "type")) {
        if (!read_type(call, value, filter))
            return false;
    } else if (span_is(option, "addr")) {
        filter->address = value;
        found = value.size > 0; /* empty, it would not filter */
    } else if (span_is(option, "laddr")) {
        filter->local_address = value;
        found = value.size > 0;
    } else if (span_is(option, "user")) {
        if (!span_equal(value, SPAN("default"))) {
            reply_error_format(call->reply, "ERR No such user '%.*s'",
                               value.size < 128 ? (int)value.size : 128, (const char *)value.data);
            return false;
        }
    } else if (span_is(option, "maxage")) {
        if (!span_to_int64(value, &id)) {
            reply_error(call->reply, "ERR maxage is not an integer or out of range");
            return false;
        }
        if (id <= 0) {
            reply_error(call->reply, "ERR maxage should be greater than 0");
            return false;
        }
        filter->created_by_us = created_by(call->now, id);
        filter->none |= filter->created_by_us <= 0;
    } else if (span_is(option, "skipme") && span_is(value, "yes")) {
        filter->not = call->session;
    } else if (span_is(option, "skipme") && span_is(value, "no")) {
        filter->not = NULL;
    } else {
        return argument_syntax_error(call);
    }
    filter->none = filter->none || !found;
    return true;
}

void client_kill(struct call *call)
{
    struct directory *directory = call->environment->directory;
    struct directory_filter filter = {0};

    if (call->argc == 3) { /* CLIENT KILL address */
        filter.address = call->argv[2];
        filter.none = filter.address.size == 0;
        if (directory_kill(directory, &filter, session_of(call)) > 0)
            reply_ok(call->reply);
        else
            reply_error(call->reply, "ERR No such client");
        return;
    }
    filter.not = session_of(call);
    for (size_t i = 2; i < call->argc; i += 2) {
        if (i + 1 == call->argc) {
            argument_syntax_error(call);
            return;
        }
        if (!read_kill_option(call, i, &filter))
            return;
    }
    reply_integer(call->reply, (int64_t)directory_kill(directory, &filter, session_of(call)));
}

/* ---- replies, pauses, MONITOR ---- */

/* CLIENT REPLY ON|OFF|SKIP. Only ON is answered, and an error where replies are on. */
void client_reply(struct call *call)
{
    struct session *session = session_of(call);
    const struct span mode = call->argv[2];
    const enum session_replies before = session->replies;

    if (before == REPLIES_SKIP_ONE) /* this was the one */
        session->replies = REPLIES_ON;
    if (span_is(mode, "on")) {
        session->replies = REPLIES_ON;
        reply_ok(call->reply);
    } else if (span_is(mode, "off")) {
        session->replies = REPLIES_OFF;
    } else if (span_is(mode, "skip")) {
        if (before != REPLIES_OFF)
            session->replies = REPLIES_SKIP_ONE;
    } else if (before == REPLIES_ON) {
        argument_syntax_error(call);
    }
}

/* CLIENT PAUSE milliseconds [WRITE|ALL] */
void client_pause(struct call *call)
{
    const bool writes = call->argc == 4 && span_is(call->argv[3], "write");
    int64_t timeout_ms, until_us;

    if (call->argc > 4) {
        argument_subcommand_error(call);
        return;
    }
    if (call->argc == 4 && !writes && !span_is(call->argv[3], "all")) {
        reply_error(call->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!argument_timeout(call, call->argv[2], &timeout_ms))
        return;
    if (__builtin_mul_overflow(timeout_ms, 1000, &until_us) ||
        __builtin_add_overflow(until_us, call->now.mono_us, &until_us))
        until_us = INT64_MAX - 1;
    directory_pause(call->environment->directory, !writes, call->now.mono_us, until_us);
    reply_ok(call->reply);
}

void client_unpause(struct call *call)
{
    directory_unpause(call->environment->directory);
    reply_ok(call->reply);
}

/* CLIENT UNBLOCK id [TIMEOUT|ERROR] */
void client_unblock(struct call *call)
{
    const bool error = call->argc == 4 && span_is(call->argv[3], "error");
    int64_t id;

    if (call->argc > 4) {
        argument_subcommand_error(call);
        return;
    }
    if (call->argc == 4 && !error && !span_is(call->argv[3], "timeout")) {
        reply_error(call->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!argument_integer(call, call->argv[2], &id))
        return;
    reply_integer(call->reply,
                  id > 0 && directory_unblock(call->environment->directory, (uint64_t)id, error));
}

/* As in Redis, who monitors already is not answered again. */
void client_monitor(struct call *call)
{
    struct session *session = session_of(call);

    if (atomic_load_explicit(&session->monitors, memory_order_relaxed))
        return;
    session_monitor(session, directory_monitors(call->environment->directory));
    reply_ok(call->reply);
}
