/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Workers whose connections come and go, run commands and are named, while others list and kill
 * them, monitor and pause: for ThreadSanitizer, and for the counts at the end.
 */
#include <pthread.h>

#include "command/directory.h"
#include "lib/check.h"

#define WORKERS 4
#define ROUNDS  300

struct node {
    struct directory *directory;
    atomic_size_t woken;
};

static void wake(void *context, uint32_t worker)
{
    struct node *node = context;

    (void)worker;
    atomic_fetch_add_explicit(&node->woken, 1, memory_order_relaxed);
}

static void run_round(struct node *node, uint32_t worker, int round)
{
    const struct instant now = {.mono_us = round};
    const struct directory_filter own_kind = {.address = SPAN("10.0.0.1:1")};
    struct session session;
    struct buffer text = {0};

    session_init(&session, worker % 2 == 0 ? "10.0.0.1:1" : "10.0.0.2:2", "10.0.0.9:6379", now,
                 true);
    session.worker = worker;
    directory_add(node->directory, &session);
    session_note(&session, command_named(SPAN("get")), now);
    session_note_buffers(&session, 1, 2, 3);
    session_set_text(&session, SESSION_NAME, SPAN("me"));
    session_set_protocol(&session, 3);
    directory_describe(node->directory, &(struct directory_filter){0}, round, &text);
    check_that(buffer_size(&text) > 0, "at least this session is listed");
    if (round % 7 == 0)
        directory_kill(node->directory, &own_kind, &session);
    (void)session_closing(&session);
    session_reset(&session, true);
    directory_remove(node->directory, &session);
    session_deinit(&session);
    buffer_deinit(&text);
}

struct worker {
    pthread_t thread;
    struct node *node;
    uint32_t index;
};

static void *run_worker(void *context)
{
    const struct worker *worker = context;

    for (int round = 0; round < ROUNDS; round++)
        run_round(worker->node, worker->index, round);
    return NULL;
}

static void workers_list_and_kill_each_others_sessions(void)
{
    struct node node = {0};
    struct worker workers[WORKERS];

    node.directory = directory_create(wake, &node, 1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.node = &node, .index = i};
        check_that(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0,
                   "a thread");
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    check_that(directory_count(node.directory) == 0, "all sessions are gone");
    directory_destroy(&node.directory);
}

/* Each is shown at least what it fed itself, whatever the others do. */
static void *run_monitor(void *context)
{
    const struct worker *worker = context;
    struct directory *directory = worker->node->directory;
    struct monitors *monitors = directory_monitors(directory);
    struct inbox *inbox = post_open(directory_post(directory), worker->index);
    struct session session;

    session_init(&session, "10.0.0.1:1", "10.0.0.9:6379", (struct instant){0}, true);
    session.worker = worker->index;
    directory_add(directory, &session);
    for (int round = 0; round < ROUNDS; round++) {
        struct buffer lines = {0};
        struct post_record record;

        session_monitor(&session, monitors);
        check_that((*directory_alerts(directory) & ALERT_MONITORED) != 0, "somebody monitors");
        monitors_feed(monitors, worker->index, SPAN("+line\r\n"));
        check_that(post_waits(inbox), "there is something to be opened");
        check_that(post_take(inbox, &lines) == 0, "nothing is lost");
        struct span records = buffer_content(&lines);
        check_that(records.size > 0, "at least its own");
        while (post_next(&records, &record))
            check_that(record.kind == POST_SHOWN && span_equal(record.bytes, SPAN("+line\r\n")),
                       "whole lines");
        buffer_deinit(&lines);
        if (round % 5 == 0)
            directory_pause(directory, round % 2 == 0, round, round + 10);
        (void)directory_paused_until(directory, round);
        (void)directory_unblock(directory, session.id, false);
        if (round % 5 == 3)
            directory_unpause(directory);
        if (round % 3 == 0)
            session_unmonitor(&session, monitors);
    }
    session_unmonitor(&session, monitors);
    directory_remove(directory, &session);
    session_deinit(&session);
    return NULL;
}

static void workers_monitor_each_other_and_pause(void)
{
    struct node node = {0};
    struct worker workers[WORKERS];

    node.directory = directory_create(wake, &node, 1);
    for (uint32_t i = 0; i < WORKERS; i++)
        post_open(directory_post(node.directory), i);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.node = &node, .index = i};
        check_that(pthread_create(&workers[i].thread, NULL, run_monitor, &workers[i]) == 0,
                   "a thread");
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    directory_unpause(node.directory);
    check_that(*directory_alerts(node.directory) == 0, "nobody monitors or pauses");
    directory_destroy(&node.directory);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"workers list and kill each other's sessions", 30,
         workers_list_and_kill_each_others_sessions},
        {"workers monitor each other and pause", 30, workers_monitor_each_other_and_pause},
    };

    return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
