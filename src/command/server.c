/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The node: its directives and its clock; and the arguments of the commands that concern all keys,
 * which the engine runs.
 */
#include "base/options.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/errorstats.h"
#include "command/handlers.h"
#include "command/session.h"
#include "resp/reply.h"

struct config_answer {
    struct buffer text;
    size_t pairs;
};

static void add_directive(void *context, struct span name, struct span value)
{
    struct config_answer *answer = context;

    reply_bulk(&answer->text, name);
    reply_bulk(&answer->text, value);
    answer->pairs++;
}

void server_config_get(struct call *call)
{
    struct config_answer answer = {0};

    options_get(call->environment->options, call->argv + 2, call->argc - 2, add_directive, &answer);
    reply_map(call->reply, answer.pairs, call->protocol);
    buffer_append_span(call->reply, buffer_content(&answer.text));
    call->reply->failed |= answer.text.failed;
    buffer_deinit(&answer.text);
}

/* Answers OK, or the error with `prefix` before it. */
static void reply_outcome(struct call *call, bool done, const char *prefix, struct buffer *error)
{
    const struct span text = buffer_content(error);

    if (done)
        reply_ok(call->reply);
    else
        reply_error_format(call->reply, "%s%.*s", prefix, (int)text.size, (const char *)text.data);
    buffer_deinit(error);
}

void server_config_set(struct call *call)
{
    const struct environment *environment = call->environment;
    struct buffer error = {0};

    if (call->argc % 2 == 1) {
        argument_syntax_error(call);
        return;
    }
    const bool done = environment->functions->config_set(environment->context, call->argv + 2,
                                                         (call->argc - 2) / 2, &error);
    reply_outcome(call, done, "", &error);
}

void server_config_rewrite(struct call *call)
{
    const struct environment *environment = call->environment;
    struct buffer error = {0};

    if (environment->identity->config_file[0] == '\0') {
        reply_error(call->reply, "ERR The server is running without a config file");
        return;
    }
    const bool done = environment->functions->config_rewrite(environment->context, &error);
    reply_outcome(call, done, "ERR Rewriting config file: ", &error);
}

void server_config_resetstat(struct call *call)
{
    call->environment->functions->reset_statistics(call->environment->context);
    if (call->environment->errorstats != NULL)
        errorstats_reset(call->environment->errorstats);
    reply_ok(call->reply);
}

void server_time(struct call *call)
{
    reply_array(call->reply, 2);
    reply_bulk_integer(call->reply, call->now.wall_ms / 1000);
    reply_bulk_integer(call->reply, call->now.wall_ms % 1000 * 1000);
}

/* Nothing is ever saved, so it is when there was nothing to save: as this node started. */
void server_lastsave(struct call *call)
{
    const int64_t up_us = call->now.mono_us - call->environment->identity->started_us;

    reply_integer(call->reply, (call->now.wall_ms - up_us / 1000) / 1000);
}

void server_role(struct call *call)
{
    reply_array(call->reply, 3);
    reply_bulk_string(call->reply, "master");
    reply_integer(call->reply, 0);
    reply_array(call->reply, 0);
}

void server_lolwut(struct call *call)
{
    struct buffer text = {0};

    buffer_append_format(&text,
                         "           __\n"
                         "      ____/ o\\___\n"
                         " ____/  ~~    /---`\n"
                         " `--.___  _,-'\n"
                         "       ||\n"
                         "      _||_\n\n"
                         "Dunlin ver. %s\nRedis ver. " REDIS_VERSION "\n",
                         call->environment->identity->version);
    reply_verbatim(call->reply, buffer_content(&text), call->protocol);
    call->reply->failed |= text.failed;
    buffer_deinit(&text);
}

/* SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE], or ABORT. There is nothing to save. As in Redis only a
 * refusal is answered. */
void server_shutdown(struct call *call)
{
    const struct environment *environment = call->environment;
    bool save = false, nosave = false, abort = false;

    for (size_t i = 1; i < call->argc; i++) {
        const struct span option = call->argv[i];

        save |= span_is(option, "save");
        nosave |= span_is(option, "nosave");
        abort |= span_is(option, "abort");
        if (!span_is(option, "save") && !span_is(option, "nosave") && !span_is(option, "abort") &&
            !span_is(option, "now") && !span_is(option, "force")) {
            argument_syntax_error(call);
            return;
        }
    }
    if ((save && nosave) || (abort && call->argc > 2)) {
        argument_syntax_error(call);
    } else if (abort) {
        reply_error(call->reply, "ERR No shutdown in progress.");
    } else {
        call->session->close_after_reply = true;
        environment->functions->shut_down(environment->context);
    }
}

bool server_prepare_flush(struct call *call, enum command_kind *kind)
{
    (void)kind;
    if (call->argc == 1)
        return true;
    if (call->argc == 2 && (span_is(call->argv[1], "sync") || span_is(call->argv[1], "async")))
        return true;
    return argument_syntax_error(call);
}

/* WAIT replicas timeout-ms: call->options.integer becomes the number, options.deadline_ms the
 * time-out, 0 for none. */
bool server_prepare_wait(struct call *call, enum command_kind *kind)
{
    int64_t timeout_ms;

    (void)kind;
    if (!argument_integer(call, call->argv[1], &call->options.integer))
        return false;
    if (!argument_timeout(call, call->argv[2], &timeout_ms))
        return false;
    call->options.deadline_ms = timeout_ms;
    return true;
}
