/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/worker.h"

#include <errno.h>
#include <pthread.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/listener.h"
#include "io/sockets.h"

/* How often the buffers of links are looked at. */
#define CHECK_INTERVAL_US 500000
/* What a buffer of a link keeps after a large value, bytes. */
#define LINK_KEEP (256 * 1024)

/* ---- what other threads post ---- */

enum worker_post {
    POST_VIEW,
    POST_OPTIONS,
    POST_CONTROL_ANSWER,
    POST_LINK_ANSWER,
    POST_KILLED,
    POST_PEER_FAILED,
};

struct worker_errand {
    struct errand errand;
    struct worker *worker;
    enum worker_post what;
    uint64_t id;
    struct view *view;
    const struct options *options;
    struct buffer bytes;
};

static void drop_errand(struct errand *errand)
{
    struct worker_errand *post = list_entry(errand, struct worker_errand, errand);

    view_release(&post->view);
    if (post->options != NULL)
        options_release(&post->options);
    buffer_deinit(&post->bytes);
    memory_free(post);
}

static void run_errand(struct errand *errand)
{
    struct worker_errand *post = list_entry(errand, struct worker_errand, errand);
    struct worker *worker = post->worker;
    const struct instant now = loop_now(worker->loop);

    switch (post->what) {
    case POST_VIEW:
        worker->view = post->view;
        engine_set_view(worker->engine, now, post->view);
        break;
    case POST_OPTIONS:
        worker->options = post->options;
        engine_set_options(worker->engine, post->options);
        break;
    case POST_CONTROL_ANSWER:
        engine_control_answer(worker->engine, now, post->id, buffer_content(&post->bytes));
        break;
    case POST_LINK_ANSWER:
        engine_link_answer(worker->engine, now, post->id, buffer_content(&post->bytes));
        break;
    case POST_KILLED:
        engine_heed(worker->engine, now);
        break;
    case POST_PEER_FAILED:
        engine_peer_closed(worker->engine, now, (node_number)post->id);
        break;
    }
    drop_errand(errand);
}

static struct worker_errand *create_errand(struct worker *worker, enum worker_post what)
{
    struct worker_errand *post = memory_alloc(sizeof *post);

    post->errand.run = run_errand;
    post->errand.drop = drop_errand;
    post->worker = worker;
    post->what = what;
    return post;
}

void worker_post_view(struct worker *worker, struct view *view)
{
    struct worker_errand *post = create_errand(worker, POST_VIEW);

    post->view = view_retain(view);
    loop_post(worker->loop, &post->errand);
}

void worker_post_options(struct worker *worker, const struct options *options)
{
    struct worker_errand *post = create_errand(worker, POST_OPTIONS);

    post->options = options_retain(options);
    loop_post(worker->loop, &post->errand);
}

static void post_bytes(struct worker *worker, enum worker_post what, uint64_t id, struct span bytes)
{
    struct worker_errand *post = create_errand(worker, what);

    post->id = id;
    buffer_append_span(&post->bytes, bytes);
    loop_post(worker->loop, &post->errand);
}

void worker_post_control_answer(struct worker *worker, uint64_t request, struct span reply)
{
    post_bytes(worker, POST_CONTROL_ANSWER, request, reply);
}

void worker_post_link_answer(struct worker *worker, uint64_t link, struct span messages)
{
    post_bytes(worker, POST_LINK_ANSWER, link, messages);
}

void worker_post_peer_failed(struct worker *worker, node_number number)
{
    post_bytes(worker, POST_PEER_FAILED, number, span_of(NULL, 0));
}

void worker_post_killed(struct worker *worker)
{
    post_bytes(worker, POST_KILLED, 0, span_of(NULL, 0));
}

/* ---- what the engine wants ---- */

static void control_command(void *host, uint64_t request, const struct span *argv, size_t argc)
{
    struct worker *worker = host;

    worker->calls->control_command(worker->node, worker, request, argv, argc);
}

static void control_message(void *host, uint64_t link, struct span message)
{
    struct worker *worker = host;

    worker->calls->control_message(worker->node, worker, link, message);
}

static void wake_at(void *host, int64_t mono_us)
{
    struct worker *worker = host;

    loop_wake_at(worker->loop, mono_us);
}

static bool late(void *host)
{
    const struct worker *worker = host;

    return loop_late(worker->loop);
}

static const struct engine_calls engine_calls = {
    .client_output = client_socket_output,
    .client_hold = client_socket_hold,
    .client_close = client_socket_finish,
    .link_output = link_socket_output,
    .link_close = link_socket_finish,
    .peer_output = peer_socket_output,
    .peer_open = peer_socket_open,
    .peer_close = peer_socket_close,
    .control_command = control_command,
    .control_message = control_message,
    .wake_at = wake_at,
    .late = late,
};

static void on_wake(void *self)
{
    struct worker *worker = self;

    engine_wake(worker->engine, loop_now(worker->loop));
}

static void trim_links(struct worker *worker)
{
    list_for_each(link, &worker->links)
        connection_trim(&list_entry(link, struct link_socket, member)->connection, LINK_KEEP);
    for (size_t i = 0; i < worker->peer_limit; i++)
        if (worker->peers[i] != NULL && worker->peers[i]->open)
            connection_trim(&worker->peers[i]->connection, LINK_KEEP);
}

static void on_turn_end(void *self)
{
    struct worker *worker = self;
    const struct instant now = loop_now(worker->loop);

    if (now.mono_us >= worker->next_check_us) {
        loop_note(worker->loop, WORK_UPKEEP);
        trim_links(worker);
        worker->next_check_us = now.mono_us + CHECK_INTERVAL_US;
    }
    client_sockets_check(worker);
    engine_turn_end(worker->engine, now);
    loop_note_mask(worker->loop, engine_take_doing(worker->engine));
}

/* ---- life ---- */

static bool listen_at(struct worker *worker, const struct sockaddr_storage *address, socklen_t size,
                      listener_accepted *accepted, struct buffer *error)
{
    char text[128];
    struct listener *listener = listener_create(
        worker->loop, address, size, (int)worker->options->tcp_backlog, accepted, worker);

    if (listener != NULL) {
        list_append(&worker->listeners, &listener->link);
        return true;
    }
    const int reason = errno;
    listener_address_text(address, text, sizeof text);
    buffer_append_format(error, "cannot listen on %s: %s", text, strerror(reason));
    return false;
}

static bool listen_everywhere(struct worker *worker, const struct worker_options *options,
                              struct buffer *error)
{
    for (size_t i = 0; i < options->address_count; i++) {
        const struct worker_address *address = &options->addresses[i];
        if (!listen_at(worker, &address->clients, address->size, client_socket_accepted, error) ||
            !listen_at(worker, &address->peers, address->size, link_socket_accepted, error))
            return false;
    }
    return true;
}

struct worker *worker_create(const struct worker_options *options, struct buffer *error)
{
    struct worker *worker = memory_alloc_apart(sizeof *worker);
    const struct loop_owner owner = {.self = worker,
                                     .wake = on_wake,
                                     .turn_end = on_turn_end,
                                     .metrics = options->engine.metrics};
    struct engine_options engine = options->engine;

    list_init(&worker->listeners);
    list_init(&worker->clients);
    list_init(&worker->links);
    worker->environment = options->environment;
    worker->metrics = engine.metrics;
    worker->options = engine.options;
    worker->view = engine.view;
    worker->calls = options->calls;
    worker->node = options->node;
    worker->loop = loop_create(&owner);
    if (worker->loop == NULL) {
        buffer_append_format(error, "cannot create an event loop: %s", strerror(errno));
        memory_free(worker);
        return NULL;
    }
    engine.environment = &worker->environment;
    worker->engine = engine_create(&engine, &engine_calls, worker, loop_now(worker->loop));
    if (!listen_everywhere(worker, options, error))
        worker_destroy(&worker);
    return worker;
}

static void *run(void *context)
{
    struct worker *worker = context;

    loop_run(worker->loop);
    return NULL;
}

bool worker_start(struct worker *worker)
{
    const int error = pthread_create(&worker->thread, NULL, run, worker);

    worker->started = error == 0;
    errno = error;
    return worker->started;
}

void worker_stop(struct worker *worker)
{
    if (!worker->started)
        return;
    loop_stop(worker->loop);
    pthread_join(worker->thread, NULL);
    worker->started = false;
}

void worker_destroy(struct worker **worker)
{
    struct worker *w = *worker;

    *worker = NULL;
    ensure(!w->started);
    while (!list_empty(&w->listeners)) {
        struct listener *listener = list_entry(w->listeners.next, struct listener, link);
        list_remove(&listener->link);
        listener_destroy(&listener);
    }
    while (!list_empty(&w->clients))
        client_socket_close(list_entry(w->clients.next, struct client_socket, member));
    while (!list_empty(&w->links))
        link_socket_close(list_entry(w->links.next, struct link_socket, member));
    peer_sockets_destroy(w);
    engine_destroy(&w->engine);
    loop_destroy(&w->loop);
    memory_free(w);
}
