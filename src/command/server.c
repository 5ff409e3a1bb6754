/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The node: its directives and its clock; and the arguments of the commands that concern all keys,
 * which the engine runs.
 */
#include "base/options.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/handlers.h"
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
    reply_ok(call->reply);
}

void server_time(struct call *call)
{
    reply_array(call->reply, 2);
    reply_bulk_integer(call->reply, call->now.wall_ms / 1000);
    reply_bulk_integer(call->reply, call->now.wall_ms % 1000 * 1000);
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
    if (!span_to_int64(call->argv[2], &timeout_ms)) {
        reply_error(call->reply, "ERR timeout is not an integer or out of range");
        return false;
    }
    if (timeout_ms < 0) {
        reply_error(call->reply, "ERR timeout is negative");
        return false;
    }
    call->options.deadline_ms = timeout_ms;
    return true;
}
