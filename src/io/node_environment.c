/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What commands may look at of the node: the figures of INFO, and the options, which CONFIG SET
 * changes for all workers at once.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/node_parts.h"
#include "io/sockets.h"
#include "ring/slot.h"

#define CONFIG_FILE_MAX (1u << 20)

void node_random(void *bytes, size_t size)
{
    uint8_t *at = bytes;

    while (size > 0) {
        const ssize_t got = getrandom(at, size, 0);
        if (got <= 0)
            continue; /* interrupted before the system's pool was ready */
        at += got;
        size -= (size_t)got;
    }
}

/* ---- the ring ---- */

static enum member_state member_state(void *context, const struct ring_member *member)
{
    const struct node_worker *worker = context;

    return view_member_state(worker->worker->view, member);
}

static struct member_address member_address(void *context, const struct ring_member *member)
{
    const struct node_worker *worker = context;

    return view_member_address(worker->worker->view, member);
}

static void links(void *context, void (*visit)(void *visitor, const struct link_facts *facts),
                  void *visitor)
{
    const struct node_worker *worker = context;

    engine_visit_links(worker->worker->engine, visit, visitor);
}

/* ---- CONFIG ---- */

static void take_effect(struct node *node)
{
    store_set_memory_max(node->store, node->options->maxmemory);
    store_set_policy(node->store, (enum store_policy)node->options->maxmemory_policy);
    log_set_level(node->log, (enum log_level)node->options->loglevel);
    node_control_post_options(node);
}

static bool config_set(void *context, const struct span *pairs, size_t count, struct buffer *error)
{
    const struct node_worker *worker = context;
    struct node *node = worker->node;

    pthread_mutex_lock(&node->options_lock);
    const struct options *next = options_set(node->options, pairs, count, error);
    if (next != NULL) {
        options_release(&node->options);
        node->options = next;
        take_effect(node);
    }
    pthread_mutex_unlock(&node->options_lock);
    return next != NULL;
}

static bool rewrite(struct node *node, struct buffer *error)
{
    struct buffer before = {0}, after = {0};
    bool good = file_read(node->config_file, CONFIG_FILE_MAX, &before, error) != FILE_FAILED;

    if (good) {
        options_rewrite(node->options, buffer_content(&before), &after);
        good = file_replace(node->config_file, buffer_content(&after), 0644, error);
    }
    buffer_deinit(&before);
    buffer_deinit(&after);
    return good;
}

static bool config_rewrite(void *context, struct buffer *error)
{
    const struct node_worker *worker = context;
    struct node *node = worker->node;

    if (node->config_file[0] == '\0') {
        buffer_append_string(error, "The server is running without a config file");
        return false;
    }
    pthread_mutex_lock(&node->options_lock);
    const bool good = rewrite(node, error);
    pthread_mutex_unlock(&node->options_lock);
    return good;
}

/* As if a terminal had: the control thread hears of it (io/node.c). */
static void shut_down(void *context)
{
    (void)context;
    kill(getpid(), SIGTERM);
}

/* ---- INFO ---- */

static void reset_statistics(void *context)
{
    const struct node_worker *worker = context;

    pthread_mutex_lock(&worker->node->options_lock);
    metrics_reset(worker->node->metrics);
    pthread_mutex_unlock(&worker->node->options_lock);
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* By how much it grew a second since the last time. */
static uint64_t rate_of(struct node *node, enum metric metric, uint64_t *before, int64_t gone_us)
{
    const uint64_t now = metrics_sum(node->metrics, metric);
    const uint64_t grown = now > *before ? now - *before : 0; /* a reset sets back */

    *before = now;
    return grown * 1000000 / (uint64_t)gone_us;
}

void node_measure_rates(struct node *node, int64_t now_us)
{
    struct node_rates *rates = &node->rates;
    const int64_t gone_us = now_us - rates->measured_us;

    if (gone_us < RATES_INTERVAL_US)
        return;
    const uint64_t commands = rate_of(node, METRIC_COMMANDS, &rates->commands_before, gone_us);
    const uint64_t in = rate_of(node, METRIC_NET_INPUT_BYTES, &rates->input_before, gone_us);
    const uint64_t out = rate_of(node, METRIC_NET_OUTPUT_BYTES, &rates->output_before, gone_us);
    pthread_mutex_lock(&node->options_lock);
    rates->measured_us = now_us;
    rates->commands = commands;
    rates->input_bytes = in;
    rates->output_bytes = out;
    pthread_mutex_unlock(&node->options_lock);
}

static void facts(void *context, struct node_facts *facts)
{
    const struct node_worker *worker = context;
    struct node *node = worker->node;
    const struct view *view = worker->worker->view;
    struct rusage usage;

    *facts = (struct node_facts){.memory_used = store_memory_used(node->store),
                                 .memory_resident = resident_bytes(),
                                 .memory_system = (uint64_t)sysconf(_SC_PHYS_PAGES) *
                                                  (uint64_t)sysconf(_SC_PAGESIZE)};
    uint64_t peak = atomic_load_explicit(&node->memory_peak, memory_order_relaxed);
    if (facts->memory_used > peak)
        atomic_store_explicit(&node->memory_peak, peak = facts->memory_used, memory_order_relaxed);
    facts->memory_peak = peak;
    pthread_mutex_lock(&node->options_lock);
    facts->commands_per_second = node->rates.commands;
    facts->input_bytes_per_second = node->rates.input_bytes;
    facts->output_bytes_per_second = node->rates.output_bytes;
    pthread_mutex_unlock(&node->options_lock);
    getrusage(RUSAGE_SELF, &usage);
    facts->cpu_user_seconds = seconds_of(usage.ru_utime);
    facts->cpu_system_seconds = seconds_of(usage.ru_stime);
    census_take(node->store, view->ring, view->self, &facts->census);
}

static const struct environment_functions functions = {
    .member_address = member_address,
    .member_state = member_state,
    .links = links,
    .config_set = config_set,
    .config_rewrite = config_rewrite,
    .reset_statistics = reset_statistics,
    .shut_down = shut_down,
    .facts = facts,
};

struct environment node_environment(struct node_worker *worker)
{
    struct node *node = worker->node;

    return (struct environment){
        .identity = &node->facts,
        .metrics = node->metrics,
        .directory = node->directory,
        .errorstats = node->errorstats,
        .scripts = node->scripts,
        .slowlog = node->slowlog,
        .latency = node->latency,
        .cluster_cache = worker->cluster_cache,
        .functions = &functions,
        .context = worker,
    };
}

static void resolve(const char *path, char resolved[4096])
{
    char *real = path[0] != '\0' ? realpath(path, NULL) : NULL;

    snprintf(resolved, 4096, "%s", real != NULL ? real : path);
    free(real);
}

void node_environment_open(struct node *node, const struct node_options *options)
{
    struct utsname system;
    uint8_t run[20];

    resolve(options->config_file, node->config_file);
    resolve(options->executable, node->executable);
    if (uname(&system) == 0)
        snprintf(node->os, sizeof node->os, "%s %s %s", system.sysname, system.release,
                 system.machine);
    cluster_node_id(&node->identity, node->facts.node_id);
    node_random(run, sizeof run);
    for (size_t i = 0; i < sizeof run; i++)
        snprintf(node->facts.run_id + 2 * i, 3, "%02x", run[i]);
    node->facts.version = PACKAGE_VERSION;
    node->facts.os = node->os;
    node->facts.executable = node->executable;
    node->facts.config_file = node->config_file;
    node->facts.process_id = getpid();
    node->facts.started_us = clock_now().mono_us;
}
