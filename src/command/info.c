/* SPDX-License-Identifier: BSD-3-Clause
 *
 * INFO: sections of "field:value" lines, under the names that Redis' tools read. What Dunlin has no
 * use for but tools insist on is there with the value that is true of it.
 */
#include <inttypes.h>

#include "base/metrics.h"
#include "base/options.h"
#include "base/work.h"
#include "command/arguments.h"
#include "command/directory.h"
#include "command/environment.h"
#include "command/errorstats.h"
#include "command/handlers.h"
#include "resp/reply.h"

struct info {
    const struct call *call;
    const struct environment *environment;
    struct node_facts facts;
    struct buffer text;
};

struct section {
    const char *name;
    const char *title;
    bool by_default;
    void (*append)(struct info *info);
};

#define LINE(info, ...) buffer_append_format(&(info)->text, __VA_ARGS__)

/* "name:" and "name_human:", the latter in the largest unit that leaves a digit before the point.
 */
static void append_bytes(struct info *info, const char *name, uint64_t bytes)
{
    static const char units[] = "BKMGTP";
    double scaled = (double)bytes;
    size_t unit = 0;

    while (scaled >= 1024 && unit + 2 < sizeof units) {
        scaled /= 1024;
        unit++;
    }
    LINE(info, "%s:%" PRIu64 "\r\n", name, bytes);
    if (unit == 0)
        LINE(info, "%s_human:%" PRIu64 "B\r\n", name, bytes);
    else
        LINE(info, "%s_human:%.2f%c\r\n", name, scaled, units[unit]);
}

static uint64_t sum(const struct info *info, enum metric metric)
{
    return metrics_sum(info->environment->metrics, metric);
}

static void append_metric(struct info *info, enum metric metric)
{
    LINE(info, "%s:%" PRIu64 "\r\n", metric_describe(metric)->name, sum(info, metric));
}

static void append_server(struct info *info)
{
    const struct node_identity *identity = info->environment->identity;
    const struct instant now = info->call->now;
    const int64_t up_s = (now.mono_us - identity->started_us) / 1000000;

    LINE(info, "redis_version:" REDIS_VERSION "\r\n");
    LINE(info, "dunlin_version:%s\r\n", identity->version);
    LINE(info, "redis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_build_id:0\r\n");
    LINE(info, "redis_mode:cluster\r\n");
    LINE(info, "os:%s\r\n", identity->os);
    LINE(info, "arch_bits:%zu\r\n", 8 * sizeof(void *));
    LINE(info, "multiplexing_api:libevent\r\n");
    LINE(info, "process_id:%" PRId64 "\r\n", identity->process_id);
    LINE(info, "run_id:%s\r\n", identity->run_id);
    LINE(info, "node_id:%s\r\n", identity->node_id);
    LINE(info, "tcp_port:%" PRId64 "\r\n", info->environment->options->port);
    LINE(info, "server_time_usec:%" PRId64 "\r\n", now.wall_ms * 1000);
    LINE(info, "uptime_in_seconds:%" PRId64 "\r\n", up_s);
    LINE(info, "uptime_in_days:%" PRId64 "\r\n", up_s / (24 * 60 * 60));
    LINE(info, "executable:%s\r\n", identity->executable);
    LINE(info, "config_file:%s\r\n", identity->config_file);
}

static void append_clients(struct info *info)
{
    LINE(info, "connected_clients:%zu\r\n", directory_count(info->environment->directory));
    LINE(info, "maxclients:%" PRId64 "\r\n", info->environment->options->maxclients);
    append_metric(info, METRIC_BLOCKED_CLIENTS);
    append_metric(info, METRIC_TRACKING_CLIENTS);
    LINE(info, "pubsub_clients:%zu\r\n",
         channels_clients(directory_channels(info->environment->directory)));
}

static void append_policy(void *context, struct span name, struct span value)
{
    struct info *info = context;

    (void)name;
    LINE(info, "maxmemory_policy:%.*s\r\n", (int)value.size, (const char *)value.data);
}

static void append_memory(struct info *info)
{
    const struct span policy = SPAN("maxmemory-policy");
    const struct node_facts *facts = &info->facts;
    const double used = facts->memory_used > 0 ? (double)facts->memory_used : 1;
    const uint64_t clients = sum(info, METRIC_CLIENT_BYTES);
    const uint64_t links = sum(info, METRIC_LINK_BYTES);
    const uint64_t hints = sum(info, METRIC_HINT_BYTES);
    const uint64_t overhead = clients + links + hints + facts->census.mark_bytes;

    append_bytes(info, "used_memory", facts->memory_used);
    append_bytes(info, "used_memory_rss", facts->memory_resident);
    append_bytes(info, "used_memory_peak", facts->memory_peak);
    LINE(info, "used_memory_peak_perc:%.2f%%\r\nused_memory_startup:0\r\n",
         facts->memory_peak > 0 ? used * 100 / (double)facts->memory_peak : 0);
    /* The sums are not of one moment. */
    LINE(info, "used_memory_overhead:%" PRIu64 "\r\n", overhead);
    LINE(info, "used_memory_dataset:%" PRIu64 "\r\n",
         facts->memory_used > overhead ? facts->memory_used - overhead : 0);
    append_bytes(info, "total_system_memory", facts->memory_system);
    append_bytes(info, "maxmemory", info->environment->options->maxmemory);
    options_get(info->environment->options, &policy, 1, append_policy, info);
    LINE(info, "mem_fragmentation_ratio:%.2f\r\n", (double)facts->memory_resident / used);
    LINE(info, "mem_fragmentation_bytes:%" PRId64 "\r\nmem_clients_slaves:0\r\n",
         (int64_t)facts->memory_resident - (int64_t)facts->memory_used);
    LINE(info, "mem_clients_normal:%" PRIu64 "\r\nmem_cluster_links:%" PRIu64 "\r\n", clients,
         links);
    LINE(info, "mem_hints:%" PRIu64 "\r\nmem_marks:%" PRIu64 "\r\n", hints,
         facts->census.mark_bytes);
    LINE(info, "mem_allocator:jemalloc\r\n");
}

static void append_persistence(struct info *info)
{
    LINE(info, "loading:0\r\nasync_loading:0\r\nrdb_changes_since_last_save:0\r\n"
               "rdb_bgsave_in_progress:0\r\nrdb_last_save_time:0\r\n"
               "rdb_last_bgsave_status:ok\r\naof_enabled:0\r\naof_rewrite_in_progress:0\r\n"
               "aof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\n");
}

static bool of_repair(enum metric metric)
{
    return metric >= METRIC_READ_REPAIRS && metric <= METRIC_COMPARISON_REPAIRS;
}

/* In another section than Stats. */
static bool stands_elsewhere(enum metric metric)
{
    return metric == METRIC_CONNECTIONS || metric == METRIC_BLOCKED_CLIENTS ||
           metric == METRIC_TRACKING_CLIENTS || metric == METRIC_CLIENT_BYTES ||
           metric == METRIC_LINK_BYTES || metric == METRIC_LONG_TURNS || of_repair(metric);
}

/* What this node remembers of what vanished, what it owes to others, and what it fetched from them.
 */
static void append_repair(struct info *info)
{
    const struct census *census = &info->facts.census;

    LINE(info, "settled_age_ms:%" PRId64 "\r\n",
         census_settled_age_ms(census, info->call->now.wall_ms));
    LINE(info, "tombstones:%" PRIu64 "\r\nmarks:%" PRIu64 "\r\nfloors:%" PRIu32 "\r\n",
         census->tombstones, census->marks, census->floors);
    LINE(info, "recovering_partitions:%" PRIu32 "\r\n", census->recovering);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        if (of_repair(metric))
            append_metric(info, metric);
}

/* The metrics, under their own names, and what Redis' tools look for besides. */
static void append_stats(struct info *info)
{
    const struct channels *channels = directory_channels(info->environment->directory);

    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        if (!stands_elsewhere(metric))
            append_metric(info, metric);
    LINE(info, "instantaneous_ops_per_sec:%" PRIu64 "\r\n", info->facts.commands_per_second);
    LINE(info, "instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n",
         (double)info->facts.input_bytes_per_second / 1024,
         (double)info->facts.output_bytes_per_second / 1024);
    LINE(info, "sync_full:0\r\nsync_partial_ok:0\r\nsync_partial_err:0\r\n");
    LINE(info, "pubsub_channels:%zu\r\npubsub_patterns:%zu\r\npubsubshard_channels:%zu\r\n",
         channels_count(channels, CHANNEL_PLAIN), channels_count(channels, CHANNEL_PATTERN),
         channels_count(channels, CHANNEL_SHARD));
    LINE(info, "latest_fork_usec:0\r\n");
}

static void append_replication(struct info *info)
{
    LINE(info, "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n");
    LINE(info, "master_replid:%s\r\n", info->environment->identity->run_id);
    LINE(info, "master_repl_offset:0\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:0\r\n");
}

static void append_cpu(struct info *info)
{
    LINE(info, "used_cpu_sys:%.6f\r\n", info->facts.cpu_system_seconds);
    LINE(info, "used_cpu_user:%.6f\r\n", info->facts.cpu_user_seconds);
    LINE(info, "used_cpu_sys_children:0.000000\r\nused_cpu_user_children:0.000000\r\n");
}

static void append_modules(struct info *info)
{
    (void)info;
}

static void append_commandstats(struct info *info)
{
    size_t rows;
    const struct command *table = command_table(&rows);

    for (size_t row = 0; row < rows; row++) {
        struct metric_command sum;

        metrics_sum_command(info->environment->metrics, (uint32_t)row, &sum);
        if (sum.calls == 0)
            continue;
        LINE(info,
             "cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64
             ",usec_per_call=%.2f,rejected_calls=0,failed_calls=%" PRIu64 "\r\n",
             table[row].name, sum.calls, sum.usec, (double)sum.usec / (double)sum.calls,
             sum.errors);
    }
}

static void append_latency_of(struct info *info, enum metric_latency latency)
{
    const char *name = metric_latency_describe(latency)->name;
    struct histogram sum;

    metrics_sum_latency(info->environment->metrics, latency, &sum);
    LINE(info,
         "%s_usec:count=%" PRIu64 ",p50=%" PRIu64 ",p99=%" PRIu64 ",p99.9=%" PRIu64 ",max=%" PRIu64
         "\r\n",
         name, histogram_count(&sum), histogram_percentile(&sum, 500),
         histogram_percentile(&sum, 990), histogram_percentile(&sum, 999),
         histogram_percentile(&sum, 1000));
    /* As LATENCY HISTOGRAM tells them: how many were at or below each power of two. */
    LINE(info, "%s_usec_histogram:", name);
    uint64_t below = 0;
    uint64_t told = 0;
    for (uint32_t bucket = 0, power = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        below += sum.counts[bucket];
        if (histogram_bucket_max(bucket) + 1 < UINT64_C(2) << power)
            continue;
        if (below > told)
            LINE(info, "%s%" PRIu64 "=%" PRIu64, told > 0 ? "," : "", histogram_bucket_max(bucket),
                 below);
        told = below;
        power++;
    }
    LINE(info, "\r\n");
}

/* How long turns of the workers' loops and what asks other nodes take, in microseconds. */
static void append_latency(struct info *info)
{
    uint32_t doing;
    const uint64_t longest = metrics_longest_turn(info->environment->metrics, &doing);
    const char *separator = "";

    append_metric(info, METRIC_LONG_TURNS);
    LINE(info, "longest_turn_usec:%" PRIu64 "\r\nlongest_turn_doing:", longest);
    for (enum work work = 0; work < WORK_COUNT; work++)
        if ((doing & work_bit(work)) != 0) {
            LINE(info, "%s%s", separator, work_name(work));
            separator = "+";
        }
    LINE(info, "\r\n");
    for (enum metric_latency latency = 0; latency < METRIC_LATENCY_COUNT; latency++)
        append_latency_of(info, latency);
}

static void append_error(void *visitor, const char *code, uint64_t count)
{
    struct info *info = visitor;

    LINE(info, "errorstat_%s:count=%" PRIu64 "\r\n", code, count);
}

static void append_errorstats(struct info *info)
{
    if (info->environment->errorstats != NULL)
        errorstats_visit(info->environment->errorstats, append_error, info);
}

static void append_cluster(struct info *info)
{
    LINE(info, "cluster_enabled:1\r\n");
}

static void append_keyspace(struct info *info)
{
    if (info->facts.census.keys > 0)
        LINE(info, "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0\r\n",
             info->facts.census.keys, info->facts.census.expiring);
}

static const struct section sections[] = {
    {"server", "Server", true, append_server},
    {"clients", "Clients", true, append_clients},
    {"memory", "Memory", true, append_memory},
    {"persistence", "Persistence", true, append_persistence},
    {"stats", "Stats", true, append_stats},
    {"repair", "Repair", true, append_repair},
    {"replication", "Replication", true, append_replication},
    {"cpu", "CPU", true, append_cpu},
    {"modules", "Modules", true, append_modules},
    {"commandstats", "Commandstats", false, append_commandstats},
    {"latency", "Latency", false, append_latency},
    {"errorstats", "Errorstats", true, append_errorstats},
    {"cluster", "Cluster", true, append_cluster},
    {"keyspace", "Keyspace", true, append_keyspace},
};

static bool is_wanted(const struct call *call, const struct section *section)
{
    if (call->argc == 1)
        return section->by_default;
    for (size_t i = 1; i < call->argc; i++) {
        const struct span asked = call->argv[i];

        if (span_is(asked, section->name) || span_is(asked, "all") ||
            span_is(asked, "everything") || (span_is(asked, "default") && section->by_default))
            return true;
    }
    return false;
}

void info_run(struct call *call)
{
    struct info info = {.call = call, .environment = call->environment};

    info.environment->functions->facts(info.environment->context, &info.facts);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (!is_wanted(call, &sections[i]))
            continue;
        LINE(&info, "%s# %s\r\n", buffer_size(&info.text) > 0 ? "\r\n" : "", sections[i].title);
        sections[i].append(&info);
    }
    if (info.text.failed)
        call->reply->failed = true;
    else
        reply_verbatim(call->reply, buffer_content(&info.text), call->protocol);
    buffer_deinit(&info.text);
}
