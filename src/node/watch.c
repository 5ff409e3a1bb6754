/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What people do to all clients of a node while it serves: CLIENT PAUSE, MONITOR, CLIENT UNBLOCK.
 * Each command looks at one word, the directory's alerts, which is 0 when there is none of it; only
 * otherwise does anything here run.
 *
 * A pause holds clients' commands before they begin. What other nodes ask is served: a paused node
 * is still a replica, and a coordinator for them. A command that is held is taken back, as one that
 * waits for earlier ones; when the pause is over each client that is held tries again.
 */
#include "node/parts.h"

#include "command/directory.h"
#include "command/handlers.h"
#include "command/latency.h"
#include "command/monitors.h"
#include "command/slowlog.h"

/* ---- CLIENT PAUSE ---- */

/* What steers the pause is not held by it: in Redis a pause of all can only be waited out. */
static bool steers(const struct command *command)
{
    return command->run == client_pause || command->run == client_unpause;
}

bool watch_pauses(const struct engine *engine)
{
    return (engine_alerts(engine) & (ALERT_ALL_PAUSED | ALERT_WRITES_PAUSED)) != 0;
}

bool watch_holds(const struct request *request, unsigned alerts)
{
    struct engine *engine = request->engine;
    const struct command *command = request->call.command;

    if ((alerts & ALERT_ALL_PAUSED) == 0 &&
        ((alerts & ALERT_WRITES_PAUSED) == 0 || (command->flags & FLAG_WRITE) == 0))
        return false;
    if (steers(command) || (request->input != NULL && request->input->inlined))
        return false;
    const int64_t until_us = directory_paused_until(engine->own.environment->directory,
                                                    engine->now.mono_us);
    if (until_us <= engine->now.mono_us)
        return false;
    engine->pause_ends_us = until_us;
    return true;
}

/* Whoever is held for another reason finds out again. */
static void resume(struct engine *engine)
{
    engine->pause_ends_us = INT64_MAX;
    list_for_each(link, &engine->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (client->held && !client->closing && list_empty(&client->resumed))
            list_append(&engine->resumed, &client->resumed);
    }
    engine->calls->wake_at(engine->host, engine->now.mono_us);
}

void watch_wake(struct engine *engine)
{
    if (engine->now.mono_us >= engine->pause_ends_us)
        resume(engine);
}

/* ---- MONITOR ---- */

void watch_show(const struct request *request)
{
    struct engine *engine = request->engine;
    const struct session *session = request->call.session;
    const struct command *command = request->call.command;
    const struct command_input *input = request->input;

    if (command == NULL || !monitors_shows(command) ||
        (!session->authenticated && (command->flags & FLAG_NO_AUTH) == 0))
        return;
    monitors_describe(&engine->seen, command, input->argv, input->argc,
                      input->argc - request->call.argc, session->address, engine->now);
}

/* The worker's monitors: few. */
static struct client **monitors_of(const struct engine *engine, size_t *count)
{
    const struct buffer *monitors = &engine->monitors;

    *count = buffer_size(monitors) / sizeof(struct client *);
    return (struct client **)(void *)(monitors->block + monitors->head);
}

static void find_monitors(struct engine *engine, uint64_t changes)
{
    engine->monitor_changes = changes;
    buffer_reset(&engine->monitors, BUFFER_KEEP);
    list_for_each(link, &engine->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (atomic_load_explicit(&client->session.monitors, memory_order_relaxed))
            buffer_append(&engine->monitors, &client, sizeof client);
    }
}

void watch_forget(struct client *client)
{
    struct engine *engine = client->engine;

    session_unmonitor(&client->session, directory_monitors(engine->own.environment->directory));
    /* Found anew before it is looked at. */
    buffer_reset(&engine->monitors, BUFFER_KEEP);
}

/* Those of now. */
static struct client **monitors_now(struct engine *engine, size_t *count)
{
    const uint64_t changes = monitors_changes(
        directory_monitors(engine->own.environment->directory));

    if (changes != engine->monitor_changes)
        find_monitors(engine, changes);
    return monitors_of(engine, count);
}

size_t watch_shown(struct engine *engine, struct span lines)
{
    size_t count;
    struct client **clients = monitors_now(engine, &count);

    for (size_t i = 0; i < count; i++)
        client_tell(clients[i], lines);
    return count;
}

void watch_missed(struct engine *engine)
{
    size_t count;
    struct client **clients = monitors_now(engine, &count);

    for (size_t i = 0; i < count; i++)
        client_give_up(clients[i]);
}

void watch_turn_end(struct engine *engine)
{
    struct monitors *monitors = directory_monitors(engine->own.environment->directory);

    if (buffer_size(&engine->seen) > 0 && !engine->seen.failed)
        monitors_feed(monitors, engine->own.index, buffer_content(&engine->seen));
    buffer_reset(&engine->seen, BUFFER_KEEP);
}

/* ---- slow requests ---- */

void watch_set_options(struct engine *engine)
{
    const struct options *options = engine->options;
    const int64_t log_us = options->slowlog_log_slower_than;
    const int64_t monitor_ms = options->latency_monitor_threshold;

    engine->slow_us = UINT64_MAX;
    if (engine->own.environment->slowlog == NULL)
        return;
    if (log_us >= 0 && options->slowlog_max_len > 0)
        engine->slow_us = (uint64_t)log_us;
    if (monitor_ms > 0 && (uint64_t)monitor_ms * 1000 < engine->slow_us)
        engine->slow_us = (uint64_t)monitor_ms * 1000;
}

void watch_slow(const struct request *request, uint64_t usec)
{
    const struct environment *environment = request->engine->own.environment;
    const struct options *options = environment->options;
    const int64_t log_us = options->slowlog_log_slower_than;
    const int64_t monitor_ms = options->latency_monitor_threshold;

    if (log_us >= 0 && usec >= (uint64_t)log_us)
        slowlog_add(environment->slowlog, &request->call, usec, (size_t)options->slowlog_max_len);
    if (monitor_ms > 0 && usec >= (uint64_t)monitor_ms * 1000)
        latency_add(environment->latency, &request->call, usec);
}

/* ---- what other workers want of this one's clients ---- */

void engine_heed(struct engine *engine, struct instant now)
{
    const uint64_t marks = directory_marks(engine->own.environment->directory);

    engine->now = now;
    if (marks != engine->marks_seen) {
        engine->marks_seen = marks;
        list_for_each_removable(link, &engine->clients)
        {
            struct client *client = list_entry(link, struct client, link);

            wait_unblock(client);
            client_close_killed(client);
        }
    }
    if (engine->pause_ends_us != INT64_MAX)
        resume(engine);
}
