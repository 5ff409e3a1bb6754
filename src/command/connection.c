/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Connections: the greeting, who is at the other end, and what this one wants of its replies.
 */
#include "base/assert.h"
#include "base/level.h"
#include "base/options.h"
#include "command/arguments.h"
#include "command/audience.h"
#include "command/directory.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "command/session.h"
#include "resp/reply.h"

static struct session *session_of(const struct call *call)
{
    ensure(call->session != NULL); /* LOCAL commands are not forwarded */
    return call->session;
}

/* Among messages a reply has to look like one. */
static void reply_heard(struct call *call)
{
    reply_array(call->reply, 2);
    reply_bulk_string(call->reply, "pong");
    reply_bulk(call->reply, call->argc == 2 ? call->argv[1] : SPAN(""));
}

void connection_ping(struct call *call)
{
    if (call->argc > 2)
        reply_error(call->reply, "ERR wrong number of arguments for 'ping' command");
    else if (call->session != NULL && session_only_listens(call->session)) /* none in a script */
        reply_heard(call);
    else if (call->argc == 2)
        reply_bulk(call->reply, call->argv[1]);
    else
        reply_pong(call->reply);
}

void connection_echo(struct call *call)
{
    reply_bulk(call->reply, call->argv[1]);
}

void connection_quit(struct call *call)
{
    session_of(call)->close_after_reply = true;
    reply_ok(call->reply);
}

/* READONLY, READWRITE, ASKING: every node serves every key, with or without. */
void connection_ok(struct call *call)
{
    reply_ok(call->reply);
}

static bool has_password(const struct call *call)
{
    return call->environment->options->requirepass[0] != '\0';
}

void connection_reset(struct call *call)
{
    session_unmonitor(session_of(call), directory_monitors(call->environment->directory));
    audience_leave(call->environment->audience, session_of(call));
    session_reset(session_of(call), !has_password(call));
    call->protocol = 2;
    reply_simple(call->reply, "RESET");
}

/* Takes the same time however much of `given` is right. */
static bool same_secret(struct span given, const char *secret)
{
    const size_t size = strlen(secret);
    unsigned difference = given.size != size;

    for (size_t i = 0; i < given.size; i++)
        difference |= (unsigned)given.data[i] ^ (uint8_t)secret[i < size ? i : size];
    return difference == 0;
}

/* There is one user, "default", as in Redis without access control lists. */
static bool authenticate(struct call *call, struct span user, struct span password)
{
    const char *secret = call->environment->options->requirepass;

    if (!span_equal(user, SPAN("default")) ||
        (has_password(call) && !same_secret(password, secret))) {
        reply_error(call->reply, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    session_of(call)->authenticated = true;
    return true;
}

void connection_auth(struct call *call)
{
    if (call->argc > 3) {
        argument_syntax_error(call);
        return;
    }
    if (call->argc == 2 && !has_password(call)) {
        reply_error(call->reply,
                    "ERR AUTH <password> called without any password configured for the default "
                    "user. Are you sure your configuration is correct?");
        return;
    }
    const struct span user = call->argc == 3 ? call->argv[1] : SPAN("default");
    if (authenticate(call, user, call->argv[call->argc - 1]))
        reply_ok(call->reply);
}

struct greeting {
    int64_t protocol;
    const struct span *user; /* NULL: none; the password is behind it */
    const struct span *name; /* NULL: none */
};

static bool read_greeting(struct call *call, struct greeting *greeting)
{
    if (call->argc > 1) {
        if (!span_to_int64(call->argv[1], &greeting->protocol)) {
            reply_error(call->reply, "ERR Protocol version is not an integer or out of range");
            return false;
        }
        if (greeting->protocol != 2 && greeting->protocol != 3) {
            reply_error(call->reply, "NOPROTO unsupported protocol version");
            return false;
        }
    }
    for (size_t i = 2; i < call->argc; i++) {
        const size_t behind = call->argc - 1 - i;

        if (span_is(call->argv[i], "auth") && behind >= 2) {
            greeting->user = &call->argv[i + 1];
            i += 2;
        } else if (span_is(call->argv[i], "setname") && behind >= 1) {
            greeting->name = &call->argv[++i];
        } else {
            const int shown = call->argv[i].size < 128 ? (int)call->argv[i].size : 128;
            reply_error_format(call->reply, "ERR Syntax error in HELLO option '%.*s'", shown,
                               (const char *)call->argv[i].data);
            return false;
        }
    }
    return true;
}

static void reply_greeting(struct call *call)
{
    reply_map(call->reply, 7, call->protocol);
    reply_bulk_string(call->reply, "server");
    reply_bulk_string(call->reply, "redis");
    reply_bulk_string(call->reply, "version");
    reply_bulk_string(call->reply, REDIS_VERSION);
    reply_bulk_string(call->reply, "proto");
    reply_integer(call->reply, call->protocol);
    reply_bulk_string(call->reply, "id");
    reply_integer(call->reply, (int64_t)session_of(call)->id);
    reply_bulk_string(call->reply, "mode");
    reply_bulk_string(call->reply, "cluster");
    reply_bulk_string(call->reply, "role");
    reply_bulk_string(call->reply, "master");
    reply_bulk_string(call->reply, "modules");
    reply_array(call->reply, 0);
}

void connection_hello(struct call *call)
{
    struct session *session = session_of(call);
    struct greeting greeting = {.protocol = call->protocol};

    if (!read_greeting(call, &greeting))
        return;
    if (greeting.user != NULL && !authenticate(call, greeting.user[0], greeting.user[1]))
        return;
    if (!session->authenticated) {
        reply_error(call->reply,
                    "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                    "the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the "
                    "client and select the RESP protocol version at the same time");
        return;
    }
    if (greeting.name != NULL && !session_set_text(session, SESSION_NAME, *greeting.name)) {
        reply_error(call->reply, SESSION_NAME_ERROR);
        return;
    }
    call->protocol = (int)greeting.protocol;
    session_set_protocol(session, call->protocol);
    reply_greeting(call);
}

void connection_select(struct call *call)
{
    int64_t index;

    if (!argument_database(call, call->argv[1], &index))
        return;
    if (index != 0)
        reply_error(call->reply, "ERR SELECT is not allowed in cluster mode");
    else
        reply_ok(call->reply);
}

static bool read_level(struct call *call, struct span text, uint8_t *level)
{
    if (span_is(text, "default")) {
        *level = LEVEL_DEFAULT;
        return true;
    }
    if (level_parse(text, level))
        return true;
    reply_error(call->reply, "ERR unknown level, expected DEFAULT, " LEVEL_FORMS);
    return false;
}

/* CONSISTENCY [READ level] [WRITE level]; without arguments it shows both. */
void connection_consistency(struct call *call)
{
    struct session *session = session_of(call);
    uint8_t read = session->read_level, write = session->write_level;

    if (call->argc == 1) {
        reply_map(call->reply, 2, call->protocol);
        reply_bulk_string(call->reply, "read");
        reply_bulk_string(call->reply, level_name(read));
        reply_bulk_string(call->reply, "write");
        reply_bulk_string(call->reply, level_name(write));
        return;
    }
    for (size_t i = 1; i < call->argc; i += 2) {
        uint8_t *level = span_is(call->argv[i], "read")    ? &read
                         : span_is(call->argv[i], "write") ? &write
                                                           : NULL;

        if (level == NULL || i + 1 == call->argc) {
            argument_syntax_error(call);
            return;
        }
        if (!read_level(call, call->argv[i + 1], level))
            return;
    }
    session->read_level = read;
    session->write_level = write;
    reply_ok(call->reply);
}
