/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/latency.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/options.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "resp/reply.h"

enum event {
    EVENT_COMMAND,
    EVENT_FAST_COMMAND,
    EVENTS,
};

static const char *const names[EVENTS] = {"command", "fast-command"};

struct sample {
    int64_t wall_s;
    uint32_t ms;
};

struct series {
    struct sample samples[LATENCY_SAMPLES]; /* a ring */
    uint32_t next;                          /* where the next one goes */
    uint32_t count;
    uint32_t longest_ms; /* since the last reset */
};

struct latency {
    pthread_mutex_t lock;
    struct series events[EVENTS];
};

struct latency *latency_create(void)
{
    struct latency *latency = memory_alloc(sizeof *latency);

    ensure(pthread_mutex_init(&latency->lock, NULL) == 0);
    return latency;
}

void latency_destroy(struct latency **latency)
{
    if (*latency != NULL)
        pthread_mutex_destroy(&(*latency)->lock);
    memory_free(*latency);
    *latency = NULL;
}

/* The i-th, the oldest is 0. */
static const struct sample *sample_at(const struct series *series, uint32_t i)
{
    return &series->samples[(series->next + LATENCY_SAMPLES - series->count + i) % LATENCY_SAMPLES];
}

static struct sample *latest(struct series *series)
{
    return &series->samples[(series->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
}

static void add(struct series *series, struct sample sample)
{
    if (sample.ms > series->longest_ms)
        series->longest_ms = sample.ms;
    if (series->count > 0 && latest(series)->wall_s == sample.wall_s) {
        if (sample.ms > latest(series)->ms)
            latest(series)->ms = sample.ms;
        return;
    }
    series->samples[series->next] = sample;
    series->next = (series->next + 1) % LATENCY_SAMPLES;
    if (series->count < LATENCY_SAMPLES)
        series->count++;
}

void latency_add(struct latency *latency, const struct call *call, uint64_t usec)
{
    const uint64_t ms = usec / 1000;
    const struct sample sample = {.wall_s = call->now.wall_ms / 1000,
                                  .ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX};

    pthread_mutex_lock(&latency->lock);
    add(&latency
             ->events[(call->command->flags & FLAG_FAST) != 0 ? EVENT_FAST_COMMAND : EVENT_COMMAND],
        sample);
    pthread_mutex_unlock(&latency->lock);
}

/* ---- LATENCY ---- */

/* A copy of what is kept of the event; false when there is none of that name. */
static bool read_series(const struct call *call, struct span name, struct series *series)
{
    struct latency *latency = call->environment->latency;

    for (size_t event = 0; event < EVENTS; event++) {
        if (!span_equal(name, span_of_string(names[event])))
            continue;
        pthread_mutex_lock(&latency->lock);
        *series = latency->events[event];
        pthread_mutex_unlock(&latency->lock);
        return series->count > 0;
    }
    return false;
}

void latency_latest(struct call *call)
{
    struct series series[EVENTS];
    size_t count = 0;

    for (size_t event = 0; event < EVENTS; event++) {
        if (!read_series(call, span_of_string(names[event]), &series[event]))
            series[event].count = 0;
        count += series[event].count > 0;
    }
    reply_array(call->reply, count);
    for (size_t event = 0; event < EVENTS; event++) {
        if (series[event].count == 0)
            continue;
        reply_array(call->reply, 4);
        reply_bulk_string(call->reply, names[event]);
        reply_integer(call->reply, latest(&series[event])->wall_s);
        reply_integer(call->reply, latest(&series[event])->ms);
        reply_integer(call->reply, series[event].longest_ms);
    }
}

void latency_history(struct call *call)
{
    struct series series;

    if (!read_series(call, call->argv[2], &series))
        series.count = 0;
    reply_array(call->reply, series.count);
    for (uint32_t i = 0; i < series.count; i++) {
        reply_array(call->reply, 2);
        reply_integer(call->reply, sample_at(&series, i)->wall_s);
        reply_integer(call->reply, sample_at(&series, i)->ms);
    }
}

/* LATENCY RESET [event ...]; without, all. Answers how many there were. */
void latency_reset(struct call *call)
{
    struct latency *latency = call->environment->latency;
    int64_t reset = 0;

    pthread_mutex_lock(&latency->lock);
    for (size_t event = 0; event < EVENTS; event++) {
        bool meant = call->argc == 2;

        for (size_t i = 2; i < call->argc; i++)
            meant |= span_equal(call->argv[i], span_of_string(names[event]));
        if (!meant || latency->events[event].count == 0)
            continue;
        latency->events[event] = (struct series){0};
        reset++;
    }
    pthread_mutex_unlock(&latency->lock);
    reply_integer(call->reply, reset);
}

/* ---- LATENCY GRAPH ---- */

#define GRAPH_ROWS   4
#define GRAPH_LEVELS 3 /* a row's: "_", "o", "#" */

/* How long ago, in one unit: "15s", "3m". */
static void describe_age(int64_t age_s, char text[16])
{
    if (age_s < 0)
        age_s = 0;
    if (age_s < 60)
        snprintf(text, 16, "%ds", (int)age_s);
    else if (age_s < 60 * 60)
        snprintf(text, 16, "%dm", (int)(age_s / 60));
    else if (age_s < 24 * 60 * 60)
        snprintf(text, 16, "%dh", (int)(age_s / 3600));
    else
        snprintf(text, 16, "%dd", (int)(age_s / 86400 < 99999 ? age_s / 86400 : 99999));
}

static void append_bars(const struct series *series, uint32_t low_ms, uint32_t high_ms,
                        struct buffer *text)
{
    const uint32_t levels = GRAPH_ROWS * GRAPH_LEVELS;

    for (uint32_t row = GRAPH_ROWS; row-- > 0;) {
        for (uint32_t i = 0; i < series->count; i++) {
            const uint64_t above = sample_at(series, i)->ms - low_ms;
            const uint64_t level = high_ms > low_ms ? above * (levels - 1) / (high_ms - low_ms)
                                                    : levels / 2;
            const char mark = level < (uint64_t)row * GRAPH_LEVELS ? ' '
                              : level >= (row + 1) * (uint64_t)GRAPH_LEVELS
                                  ? '|'
                                  : "_o#"[level % GRAPH_LEVELS];
            buffer_append(text, &mark, 1);
        }
        buffer_append_string(text, "\n");
    }
}

/* Under each bar its age, written downwards. */
static void append_ages(const struct series *series, int64_t now_s, struct buffer *text)
{
    bool more = true;

    for (size_t line = 0; more; line++) {
        more = false;
        buffer_append_string(text, "\n");
        for (uint32_t i = 0; i < series->count; i++) {
            char age[16];

            describe_age(now_s - sample_at(series, i)->wall_s, age);
            const size_t size = strlen(age);
            buffer_append(text, line < size ? &age[line] : " ", 1);
            more |= line + 1 < size;
        }
    }
    buffer_append_string(text, "\n");
}

void latency_graph(struct call *call)
{
    const struct span name = call->argv[2];
    uint32_t low_ms = UINT32_MAX, high_ms = 0;
    struct buffer text = {0};
    struct series series;

    if (!read_series(call, name, &series)) {
        reply_error_format(call->reply, "ERR No samples available for event '%.*s'",
                           name.size < 128 ? (int)name.size : 128, (const char *)name.data);
        return;
    }
    for (uint32_t i = 0; i < series.count; i++) {
        const uint32_t ms = sample_at(&series, i)->ms;
        low_ms = ms < low_ms ? ms : low_ms;
        high_ms = ms > high_ms ? ms : high_ms;
    }
    buffer_append_format(
        &text, "%.*s - high %" PRIu32 " ms, low %" PRIu32 " ms (all time high %" PRIu32 " ms)\n",
        (int)name.size, (const char *)name.data, high_ms, low_ms, series.longest_ms);
    for (int i = 0; i < 80; i++)
        buffer_append_string(&text, "-");
    buffer_append_string(&text, "\n");
    append_bars(&series, low_ms, high_ms, &text);
    append_ages(&series, call->now.wall_ms / 1000, &text);
    reply_verbatim(call->reply, buffer_content(&text), call->protocol);
    call->reply->failed |= text.failed;
    buffer_deinit(&text);
}

/* ---- LATENCY DOCTOR ---- */

static void diagnose(struct call *call, struct buffer *text)
{
    size_t seen = 0;

    for (size_t event = 0; event < EVENTS; event++) {
        struct series series;
        uint64_t sum = 0;

        if (!read_series(call, span_of_string(names[event]), &series))
            continue;
        for (uint32_t i = 0; i < series.count; i++)
            sum += sample_at(&series, i)->ms;
        buffer_append_format(text,
                             "%s: %" PRIu32 " slow seconds, %" PRIu64 " ms in the mean, %" PRIu32
                             " ms at worst.\n",
                             names[event], series.count, sum / series.count, series.longest_ms);
        seen++;
    }
    if (seen == 0) {
        buffer_append_string(text, "No request took that long.\n");
        return;
    }
    buffer_append_string(
        text, "SLOWLOG GET shows which requests were slow. A slow request waited for other nodes, "
              "or its worker had a long turn: INFO latency tells how long those are, what asks "
              "other nodes takes, and what the longest turn was at. RING STATUS shows nodes that "
              "do not answer.\n");
}

void latency_doctor(struct call *call)
{
    const int64_t threshold_ms = call->environment->options->latency_monitor_threshold;
    struct buffer text = {0};

    if (threshold_ms == 0) {
        buffer_append_string(&text, "Slow requests are not noted: CONFIG SET "
                                    "latency-monitor-threshold milliseconds begins with it. INFO "
                                    "latency and LATENCY HISTOGRAM always count.\n");
    } else {
        buffer_append_format(&text, "Requests that took %" PRId64 " ms and more:\n", threshold_ms);
        diagnose(call, &text);
    }
    reply_verbatim(call->reply, buffer_content(&text), call->protocol);
    call->reply->failed |= text.failed;
    buffer_deinit(&text);
}

/* ---- LATENCY HISTOGRAM ---- */

/* Calls of at most 1, 2, 4 ... us, where that has grown. */
static void reply_histogram(struct call *call, const struct metric_command *sum)
{
    size_t steps = 0;

    for (size_t i = 0; i < METRICS_COMMAND_BUCKETS; i++)
        steps += sum->buckets[i] > 0;
    reply_map(call->reply, 2, call->protocol);
    reply_bulk_string(call->reply, "calls");
    reply_integer(call->reply, (int64_t)sum->calls);
    reply_bulk_string(call->reply, "histogram_usec");
    reply_map(call->reply, steps, call->protocol);
    uint64_t below = 0;
    for (size_t i = 0; i < METRICS_COMMAND_BUCKETS; i++) {
        if (sum->buckets[i] == 0)
            continue;
        below += sum->buckets[i];
        reply_integer(call->reply, INT64_C(1) << i);
        reply_integer(call->reply, (int64_t)below);
    }
}

/* Whether a name of the call means the row: itself, or its container. */
static bool is_asked(const struct call *call, const struct command *row)
{
    const char *bar = strchr(row->name, '|');

    if (call->argc == 2)
        return true;
    for (size_t i = 2; i < call->argc; i++) {
        const struct command *named = command_named(call->argv[i]);

        if (named == row || (named != NULL && bar != NULL && command_is_container(named) &&
                             strncmp(named->name, row->name, (size_t)(bar - row->name)) == 0 &&
                             strlen(named->name) == (size_t)(bar - row->name)))
            return true;
    }
    return false;
}

/* LATENCY HISTOGRAM [command ...]: of those that were called. */
void latency_histogram(struct call *call)
{
    const struct metrics *metrics = call->environment->metrics;
    struct buffer text = {0};
    struct metric_command sum;
    size_t rows, count = 0;
    const struct command *table = command_table(&rows);
    struct buffer *reply = call->reply;

    call->reply = &text;
    for (size_t row = 0; row < rows; row++) {
        if (!is_asked(call, &table[row]))
            continue;
        metrics_sum_command(metrics, (uint32_t)row, &sum);
        if (sum.calls == 0)
            continue;
        reply_bulk_string(&text, table[row].name);
        reply_histogram(call, &sum);
        count++;
    }
    call->reply = reply;
    reply_map(reply, count, call->protocol);
    buffer_append_span(reply, buffer_content(&text));
    reply->failed |= text.failed;
    buffer_deinit(&text);
}
