/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/node.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "io/listener.h"
#include "io/node_parts.h"
#include "ring/slot.h"

/* How long the farewell to the other nodes may take. */
#define LEAVE_US 300000
/* Descriptors for other things than clients: links of each worker, files. */
#define DESCRIPTORS_SPARE 128

/* ---- addresses ---- */

static bool probe(const struct sockaddr_storage *address, socklen_t size, int kind,
                  struct buffer *error)
{
    char text[128];
    const int reason = listener_probe(address, size, kind);

    if (reason == 0)
        return true;
    listener_address_text(address, text, sizeof text);
    buffer_append_format(error, "cannot listen on %s%s: %s", text,
                         kind == SOCK_DGRAM ? " (UDP)" : "", strerror(reason));
    return false;
}

static bool add_address(struct node *node, const char *text, struct buffer *error)
{
    const struct options *options = node->options;
    struct worker_address *address = &node->addresses[node->address_count];
    const bool optional = text[0] == '-';
    const uint16_t port = (uint16_t)options->port;
    const size_t before = buffer_size(error);

    if (optional)
        text++;
    if (!listener_address(text, port, &address->clients, &address->size) ||
        !listener_address(text, (uint16_t)(port + GOSSIP_BUS_OFFSET), &address->peers,
                          &address->size)) {
        buffer_append_format(error,
                             "bind: '%s' is no address; expected one such as 127.0.0.1, ::1, "
                             "* or ::*",
                             text);
        return false;
    }
    if (probe(&address->clients, address->size, SOCK_STREAM, error) &&
        probe(&address->peers, address->size, SOCK_STREAM, error) &&
        probe(&address->peers, address->size, SOCK_DGRAM, error)) {
        node->address_count++;
        return true;
    }
    if (optional) {
        log_write(node->log, LOG_NOTICE, "%.*s; going on without it", (int)buffer_size(error),
                  (const char *)buffer_content(error).data);
        buffer_truncate(error, before);
    }
    return optional;
}

/* Says so once: from outside such a node looks like one that hangs. */
static void warn_of_protection(struct node *node)
{
    bool outside = false;

    for (size_t i = 0; i < node->address_count; i++)
        outside |= !listener_is_local(&node->addresses[i].clients);
    if (outside && !options_open_to_peers(node->options))
        log_write(node->log, LOG_WARNING,
                  "protected-mode: without a cluster-secret this node hears no node of another "
                  "machine");
}

static bool find_addresses(struct node *node, struct buffer *error)
{
    const struct option_words *bind = &node->options->bind;

    node->addresses = memory_alloc_array(bind->count, sizeof node->addresses[0]);
    for (size_t i = 0; i < bind->count; i++)
        if (!add_address(node, bind->items[i], error))
            return false;
    if (node->address_count > 0) {
        warn_of_protection(node);
        return true;
    }
    buffer_append_string(error, "bind: none of the addresses can be listened on");
    return false;
}

/* ---- signals ---- */

static void leave(struct node *node)
{
    const struct instant now = loop_now(node->loop);

    if (node->leaving) {
        loop_stop(node->loop);
        return;
    }
    log_write(node->log, LOG_NOTICE, "ending: telling the other nodes");
    node->leaving = true;
    node->leave_by_us = now.mono_us + LEAVE_US;
    control_leave(node->control, now);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
    struct node *node = context;
    struct signalfd_siginfo info;

    (void)what;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        leave(node);
}

/* Signals come to the control thread alone; workers inherit the mask. */
static bool open_signals(struct node *node, struct buffer *error)
{
    sigset_t wanted;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    node->signal_fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    if (node->signal_fd < 0) {
        buffer_append_format(error, "cannot wait for signals: %s", strerror(errno));
        return false;
    }
    event_assign(&node->signals, loop_base(node->loop), node->signal_fd, EV_READ | EV_PERSIST,
                 on_signal, node);
    event_add(&node->signals, NULL);
    return true;
}

/* ---- the control thread's loop ---- */

static void on_wake(void *self)
{
    struct node *node = self;

    if (node->control != NULL)
        control_wake(node->control, loop_now(node->loop));
}

static void on_turn_end(void *self)
{
    struct node *node = self;

    node_measure_rates(node, loop_now(node->loop).mono_us);
    loop_wake_at(node->loop, node->rates.measured_us + RATES_INTERVAL_US);
    if (!node->leaving)
        return;
    if (control_left(node->control) || loop_now(node->loop).mono_us >= node->leave_by_us)
        loop_stop(node->loop);
    else
        loop_wake_at(node->loop, loop_now(node->loop).mono_us + 10000);
}

/* ---- life ---- */

static void wake_worker(void *context, uint32_t index)
{
    struct node *node = context;

    worker_post_killed(node->workers[index].worker);
}

/* As many descriptors as maxclients wants, if the system lets us. */
static void raise_descriptors(struct node *node)
{
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)node->options->maxclients + DESCRIPTORS_SPARE;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted)
        log_write(node->log, LOG_WARNING,
                  "maxclients is %lld, but the system allows %llu open files: fewer clients fit",
                  (long long)node->options->maxclients, (unsigned long long)limit.rlim_cur);
}

static void create_store(struct node *node)
{
    const struct store_options options = {
        .partitions = node->ring != NULL ? ring_partition_count(node->ring)
                                         : (uint32_t)node->options->partitions,
        .now_ms = loop_now(node->loop).wall_ms,
    };

    if (options.partitions != (uint32_t)node->options->partitions)
        log_write(node->log, LOG_WARNING,
                  "partitions is %lld, but this node's ring has %u: that holds",
                  (long long)node->options->partitions, options.partitions);
    node->store = store_create(&options);
    store_set_memory_max(node->store, node->options->maxmemory);
    store_set_policy(node->store, (enum store_policy)node->options->maxmemory_policy);
}

static bool create_workers(struct node *node, struct buffer *error)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t count = node->options->threads > 0 ? (size_t)node->options->threads
                                                    : (size_t)(cores > 0 ? cores : 1);
    size_t commands;

    command_table(&commands);
    node->metrics = metrics_create((uint32_t)count, (uint32_t)commands);
    node->workers = memory_alloc_array(count, sizeof node->workers[0]);
    for (size_t i = 0; i < count; i++) {
        struct node_worker *worker = &node->workers[i];
        worker->node = node;
        worker->cluster_cache = cluster_cache_create();
        const struct worker_options options = {
            .engine = {.index = (uint32_t)i,
                       .workers = (uint32_t)count,
                       .seed = node->seed + i,
                       .boot = node->boot_nonce,
                       .identity = node->identity,
                       .log = node->log,
                       .store = node->store,
                       .bounds = &node->bounds,
                       .metrics = metrics_block(node->metrics, (uint32_t)i),
                       .options = node->options,
                       .view = node->view},
            .environment = node_environment(worker),
            .addresses = node->addresses,
            .address_count = node->address_count,
            .calls = &node_control_worker_calls,
            .node = node,
        };
        worker->worker = worker_create(&options, error);
        if (worker->worker == NULL) {
            cluster_cache_destroy(&worker->cluster_cache);
            return false;
        }
        node->worker_count++;
    }
    return true;
}

static bool open_all(struct node *node, const struct node_options *options, struct buffer *error)
{
    const struct loop_owner owner = {.self = node, .wake = on_wake, .turn_end = on_turn_end};

    node->loop = loop_create(&owner);
    if (node->loop == NULL) {
        buffer_append_format(error, "cannot create an event loop: %s", strerror(errno));
        return false;
    }
    if (!find_addresses(node, error) || !node_disk_open(node, error) || !open_signals(node, error))
        return false;
    node_environment_open(node, options);
    raise_descriptors(node);
    create_store(node);
    return node_control_open(node, error) && create_workers(node, error);
}

struct node *node_create(const struct node_options *options, struct buffer *error)
{
    struct node *node = memory_alloc_apart(sizeof *node);

    node->log = options->log;
    node->options = options_retain(options->options);
    node->dir_lock = node->signal_fd = -1;
    pthread_mutex_init(&node->options_lock, NULL);
    node_random(&node->seed, sizeof node->seed);
    node_random(&node->boot_nonce, sizeof node->boot_nonce);
    node->directory = directory_create(wake_worker, node, node->seed);
    node->errorstats = errorstats_create();
    node->scripts = scripts_create();
    node->slowlog = slowlog_create();
    node->latency = latency_create();
    if (!open_all(node, options, error))
        node_destroy(&node);
    return node;
}

static void stop_workers(struct node *node)
{
    for (size_t i = 0; i < node->worker_count; i++)
        worker_stop(node->workers[i].worker);
}

bool node_run(struct node *node)
{
    /* Once a worker runs, CONFIG SET may change node->options. */
    const long long port = (long long)node->options->port;

    for (size_t i = 0; i < node->worker_count; i++) {
        if (worker_start(node->workers[i].worker))
            continue;
        log_write(node->log, LOG_WARNING, "cannot start a thread: %s", strerror(errno));
        stop_workers(node);
        return false;
    }
    log_write(node->log, LOG_NOTICE, "node %s serves on port %lld with %zu workers",
              node->facts.node_id, port, node->worker_count);
    loop_run(node->loop);
    stop_workers(node);
    log_write(node->log, LOG_NOTICE, "ended");
    return !node->failed;
}

void node_destroy(struct node **node)
{
    struct node *n = *node;

    *node = NULL;
    for (size_t i = 0; i < n->worker_count; i++) {
        worker_destroy(&n->workers[i].worker);
        cluster_cache_destroy(&n->workers[i].cluster_cache);
    }
    node_control_close(n);
    node_disk_close(n);
    memory_free(n->workers);
    memory_free(n->addresses);
    directory_destroy(&n->directory);
    errorstats_destroy(&n->errorstats);
    scripts_destroy(&n->scripts);
    slowlog_destroy(&n->slowlog);
    latency_destroy(&n->latency);
    if (n->metrics != NULL)
        metrics_destroy(&n->metrics);
    if (n->store != NULL)
        store_destroy(&n->store);
    if (n->signal_fd >= 0) {
        event_del(&n->signals);
        close(n->signal_fd);
    }
    if (n->loop != NULL)
        loop_destroy(&n->loop);
    options_release(&n->options);
    pthread_mutex_destroy(&n->options_lock);
    memory_free(n);
}
