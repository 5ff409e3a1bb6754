/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `dunlin-sim --report gossip`: what gossip promises at scale, measured on the real code.
 */
#include <inttypes.h>
#include <math.h>

#include "base/memory.h"
#include "sim/report/gossip_parts.h"
#include "sim/report/report.h"
#include "sim/report/reports.h"

#define NODES_MIN 2
/* Fewer draw too few events, more add nothing. */
#define SAMPLES_MIN 2
#define SAMPLES_MAX 10000
/* Crashes in a cluster of n: this / n, within the bounds. */
#define FAILURES_NODES 20000
#define FAILURES_MIN   30
#define FAILURES_MAX   200
#define SLOW_RUNS_MAX  10

/* The report's tables, one an experiment. */
#define PARTS(row)                                                                  \
    row(TRAFFIC, "traffic", "bytes that each node sends")                           \
        row(FOUND, "found", "how long it takes to find a crashed node")             \
            row(NEWS, "news", "how long a change takes to get around")              \
                row(LOSS, "loss", "healthy nodes accused while datagrams are lost") \
                    row(SLOW, "slow", "healthy nodes accused while others are slow")

enum part {
#define PART(name, key, text) PART_##name,
    PARTS(PART)
#undef PART
        PART_COUNT,
};

static const struct {
    const char *key;
    const char *text;
} part_rows[] = {
#define PART(name, key, text) {key, text},
    PARTS(PART)
#undef PART
};

struct settings {
    struct report_list nodes;
    uint64_t failures;     /* and changes, for each number of nodes; 0: by that number */
    uint64_t node_seconds; /* of the runs with loss, for each number of nodes and rate */
    uint64_t seconds;      /* of the runs at rest */
    uint64_t slow_nodes;   /* the largest cluster that gets slow members */
    unsigned parts;        /* by bit */
};

/* What is being made. */
struct report {
    struct report_common common;
    struct settings settings;
    struct table tables[PART_COUNT];
    struct figure figure;
    struct plot *plots[PART_COUNT];
    struct plot_series *series[PART_COUNT][PLOT_SERIES_MAX];
};

/* ------------------------------------------------------------------------------------ the options
 */

static bool set_nodes(void *settings, const char *value)
{
    return report_list(value, NODES_MIN, MESH_NODES_MAX, &((struct settings *)settings)->nodes);
}

static bool set_failures(void *settings, const char *value)
{
    return report_number(value, SAMPLES_MIN, SAMPLES_MAX, &((struct settings *)settings)->failures);
}

static bool set_node_seconds(void *settings, const char *value)
{
    return report_number(value, 1, 100000000, &((struct settings *)settings)->node_seconds);
}

static bool set_seconds(void *settings, const char *value)
{
    return report_number(value, 1, 100000, &((struct settings *)settings)->seconds);
}

static bool set_slow_nodes(void *settings, const char *value)
{
    return report_number(value, NODES_MIN, MESH_NODES_MAX,
                         &((struct settings *)settings)->slow_nodes);
}

static bool set_parts(void *settings, const char *value)
{
    struct settings *set = settings;

    set->parts = 0;
    for (const char *at = value;;) {
        const size_t size = strcspn(at, ",");
        enum part part = 0;

        while (part < PART_COUNT &&
               (strlen(part_rows[part].key) != size || strncmp(part_rows[part].key, at, size) != 0))
            part++;
        if (part == PART_COUNT)
            return false;
        set->parts |= 1u << part;
        at += size;
        if (*at++ == '\0')
            return true;
    }
}

static const struct report_option option_rows[] = {
    {"--nodes", "N,N,...", "sizes of clusters; the default is 10,30,100,300,1000",
     "numbers from 2 to 1024 with commas between", set_nodes},
    {"--parts", "P,P,...", "of found, news, loss, slow and traffic; the default is all",
     "found, news, loss, slow, traffic, or some with commas between", set_parts},
    {"--failures", "K", "crashes, and changes, in each cluster; default 20000 / n, 30 to 200",
     "a number from 2 to 10000", set_failures},
    {"--node-seconds", "S", "virtual time of each run with loss, times nodes; default 90000",
     "a number from 1 to 100000000", set_node_seconds},
    {"--seconds", "S", "virtual time of each run at rest; the default is 120",
     "a number from 1 to 100000", set_seconds},
    {"--slow-nodes", "N",
     "the largest cluster that gets slow members, and those of all runs; default 100",
     "a number from 2 to 1024", set_slow_nodes},
    {NULL, NULL,
     "Without options it takes some ten minutes of one core, half of them for 1000 nodes. It says "
     "on\nstderr how far it is.",
     NULL, NULL},
};

/* ------------------------------------------------------------------------------------ the progress
 */

static void work_end(const struct report_work *work, const struct mesh *mesh, int64_t start_us)
{
    char done[64];

    if (mesh->now_us > start_us)
        snprintf(done, sizeof done, "%" PRId64 " s of virtual time",
                 (mesh->now_us - start_us) / SECOND_US);
    else
        snprintf(done, sizeof done, "done"); /* on other clusters */
    report_work_end(work, done);
}

/* Each cluster has its own. */
static uint64_t seed_of(const struct report *report, uint64_t nodes, uint64_t run)
{
    struct rng rng;

    rng_init(&rng, report->common.seed);
    rng_init(&rng, rng_next(&rng) ^ nodes ^ run << 32);
    return rng_next(&rng);
}

/* How many crashes, and changes: of small clusters more, where they cost less. */
static uint64_t failures_of(const struct report *report, uint64_t nodes)
{
    const uint64_t enough = FAILURES_NODES / nodes;

    if (report->settings.failures > 0)
        return report->settings.failures;
    return enough < FAILURES_MIN ? FAILURES_MIN : enough > FAILURES_MAX ? FAILURES_MAX : enough;
}

/* How many clusters get slow members, one after another: as many nodes in all as the largest. */
static uint64_t slow_runs_of(const struct report *report, uint64_t nodes)
{
    const uint64_t enough = report->settings.slow_nodes / nodes;

    return enough > SLOW_RUNS_MAX ? SLOW_RUNS_MAX : enough;
}

/* ------------------------------------------------------------------------------------ found
 */

static void plot_median(struct plot_series *series, double nodes, struct sample *sample)
{
    const double median = sample_quantile(sample, 0.5);

    plot_spread(series, nodes, median, median, sample_quantile(sample, 0.95));
}

static const struct table_column found_columns[] = {
    {"nodes", "nodes", 0},
    {"failures", "failures", 0},
    {"suspected", "suspected: mean", 2},
    {"suspected_formula", "e/(e-1)", 2},
    {"suspected_median", "median", 2},
    {"suspected_p95", "p95", 2},
    {"dead", "first dead: mean", 2},
    {"dead_formula", "formula", 2},
    {"known", "all know: mean", 2},
    {"known_formula", "formula", 2},
    {"known_median", "median", 2},
    {"known_p95", "p95", 2},
    {"known_max", "max", 2},
};

static void found_row(struct table *table, double nodes, struct gossip_found *found)
{
    table_number(table, nodes);
    table_number(table, (double)found->known.count);
    table_number(table, sample_mean(&found->suspected));
    table_number(table, gossip_formula_detection());
    table_number(table, sample_quantile(&found->suspected, 0.5));
    table_number(table, sample_quantile(&found->suspected, 0.95));
    table_number(table, sample_mean(&found->dead));
    table_number(table, gossip_formula_detection() + gossip_formula_suspicion(nodes));
    table_number(table, sample_mean(&found->known));
    table_number(table, gossip_formula_known(nodes));
    table_number(table, sample_quantile(&found->known, 0.5));
    table_number(table, sample_quantile(&found->known, 0.95));
    table_number(table, sample_quantile(&found->known, 1));
}

static void found_begin(struct report *report)
{
    struct table *table = &report->tables[PART_FOUND];
    struct plot_series **series = report->series[PART_FOUND];
    struct plot *plot = figure_add(&report->figure, "How long it takes to find a crashed node",
                                   "nodes", PLOT_LOG, "protocol periods", PLOT_LINEAR);

    series[0] = plot_add(plot, "suspected, median, to p95", PLOT_LINE);
    series[1] = plot_add(plot, "all know, median, to p95", PLOT_LINE);
    series[2] = plot_add(plot, "SWIM: e/(e-1)", PLOT_DASHED);
    series[3] = plot_add(plot, "e/(e-1) + max(1, log10 n) + spreading", PLOT_DASHED);
    table_init(table, part_rows[PART_FOUND].key,
               "A crashed node, in protocol periods after the crash", found_columns,
               sizeof found_columns / sizeof found_columns[0]);
    table_note(table, "first dead: e/(e-1) + max(1, log10 n), the shortest suspicion");
    table_note(table, "all know:   the same + the rounds to spread a change");
}

static void found_measure(struct report *report, struct mesh *mesh)
{
    const double nodes = (double)mesh->count;
    struct plot_series **series = report->series[PART_FOUND];
    struct gossip_found found;

    gossip_found_measure(mesh, failures_of(report, mesh->count), &found);
    found_row(&report->tables[PART_FOUND], nodes, &found);
    plot_median(series[0], nodes, &found.suspected);
    plot_median(series[1], nodes, &found.known);
    plot_point(series[2], nodes, gossip_formula_detection());
    plot_point(series[3], nodes, gossip_formula_known(nodes));
    gossip_found_deinit(&found);
}

/* ------------------------------------------------------------------------------------ news
 */

static const struct table_column news_columns[] = {
    {"nodes", "nodes", 0},
    {"changes", "changes", 0},
    {"half", "half know: mean", 2},
    {"all", "all know: mean", 2},
    {"all_formula", "formula", 2},
    {"all_median", "median", 2},
    {"all_p95", "p95", 2},
    {"all_max", "max", 2},
    {"periods", "all know, periods: mean", 2},
    {"log", "ln n", 2},
};

static void news_begin(struct report *report)
{
    struct table *table = &report->tables[PART_NEWS];
    struct plot_series **series = report->series[PART_NEWS];
    struct plot *plot = figure_add(&report->figure, "How long a change takes to get around",
                                   "nodes", PLOT_LOG, "rounds of spreading", PLOT_LINEAR);

    series[0] = plot_add(plot, "all know, median, to p95", PLOT_LINE);
    series[1] = plot_add(plot, "half know, median", PLOT_LINE);
    series[2] = plot_add(plot, "ln n / f, f = 3", PLOT_DASHED);
    table_init(table, part_rows[PART_NEWS].key,
               "A change of one node, in rounds of spreading (5 a protocol period)", news_columns,
               sizeof news_columns / sizeof news_columns[0]);
    table_note(table,
               "formula: ln n / f with a fan-out f of 3; who hears of it tells f others at once");
    table_note(table, "SWIM promises a small multiple of log n protocol periods");
}

static void news_measure(struct report *report, struct mesh *mesh)
{
    struct table *table = &report->tables[PART_NEWS];
    struct plot_series **series = report->series[PART_NEWS];
    const double nodes = (double)mesh->count;
    struct gossip_news news;

    gossip_news_measure(mesh, failures_of(report, mesh->count), &news);
    table_number(table, nodes);
    table_number(table, (double)news.all.count);
    table_number(table, sample_mean(&news.half));
    table_number(table, sample_mean(&news.all));
    table_number(table, gossip_formula_rounds(nodes));
    table_number(table, sample_quantile(&news.all, 0.5));
    table_number(table, sample_quantile(&news.all, 0.95));
    table_number(table, sample_quantile(&news.all, 1));
    table_number(table, sample_mean(&news.all) * news.round_periods);
    table_number(table, log(nodes));
    plot_median(series[0], nodes, &news.all);
    plot_point(series[1], nodes, sample_quantile(&news.half, 0.5));
    plot_point(series[2], nodes, gossip_formula_rounds(nodes));
    gossip_news_deinit(&news);
}

/* ------------------------------------------------------------------------------------ loss
 */

static const unsigned loss_percents[] = {0, 1, 2, 5, 10};
#define LOSSES (sizeof loss_percents / sizeof loss_percents[0])

static const struct table_column loss_columns[] = {
    {"nodes", "nodes", 0},
    {"loss_percent", "loss, %", 0},
    {"node_hours", "node-hours", 1},
    {"suspicions", "suspicions", 0},
    {"suspicions_formula", "formula", 1},
    {"deaths", "deaths", 0},
};

static void loss_begin(struct report *report)
{
    struct table *table = &report->tables[PART_LOSS];

    report->plots[PART_LOSS] = figure_add(
        &report->figure, "False suspicions while datagrams are lost", "datagrams lost, %",
        PLOT_LINEAR, "suspicions a node-hour", PLOT_LINEAR);
    report->series[PART_LOSS][0] = plot_add(report->plots[PART_LOSS],
                                            "(1 - q^2)^2 (1 - q^4)^3 a probe", PLOT_DASHED);
    for (size_t i = 0; i < LOSSES; i++)
        plot_point(report->series[PART_LOSS][0], loss_percents[i],
                   3600 * gossip_formula_probe_fails(loss_percents[i] / 100.0, 5));
    table_init(table, part_rows[PART_LOSS].key,
               "Healthy nodes accused while datagrams are lost (no node fails)", loss_columns,
               sizeof loss_columns / sizeof loss_columns[0]);
    table_note(table,
               "suspicions: by a node's own probe; formula: (1 - q^2)^2 (1 - q^4)^3 a probe, "
               "where q = 1 - loss");
    table_note(table, "deaths: each node that takes a living one for dead counts");
}

static void loss_measure(struct report *report, struct mesh *mesh)
{
    struct table *table = &report->tables[PART_LOSS];
    const double nodes = (double)mesh->count;
    const int64_t seconds = (int64_t)(report->settings.node_seconds / mesh->count) + 1;
    struct plot_series *series;
    char name[40];

    snprintf(name, sizeof name, "%zu nodes", mesh->count);
    series = plot_add(report->plots[PART_LOSS], name, PLOT_LINE);
    for (size_t i = 0; i < LOSSES; i++) {
        struct gossip_false result;

        gossip_loss_measure(mesh, loss_percents[i], seconds * SECOND_US, &result);
        table_number(table, nodes);
        table_number(table, loss_percents[i]);
        table_number(table, result.node_hours);
        table_number(table, (double)result.suspicions);
        table_number(table, gossip_formula_probe_fails(loss_percents[i] / 100.0, nodes) * 3600 *
                                result.node_hours);
        table_number(table, (double)result.deaths);
        plot_point(series, loss_percents[i], (double)result.suspicions / result.node_hours);
    }
}

/* ------------------------------------------------------------------------------------ slow
 */

static const struct table_column slow_columns[] = {
    {"nodes", "nodes", 0},
    {"slow", "slow", 0},
    {"runs", "runs", 0},
    {"variant", "gossip", TABLE_TEXT},
    {"node_hours", "node-hours", 1},
    {"suspicions", "false suspicions", 0},
    {"suspicions_removed", "removed, %", 1},
    {"deaths", "false deaths", 0},
    {"deaths_removed", "removed, %", 1},
    {"deaths_removed_formula", "Lifeguard's paper, %", 0},
    {"deaths_healthy", "seen by healthy", 0},
    {"deaths_slow", "deaths of slow", 0},
};

struct slow_case {
    uint64_t nodes, slow, runs;
};

static double removed_percent(uint64_t before, uint64_t after)
{
    return before > 0 ? 100 * (1 - (double)after / (double)before) : NAN;
}

static void slow_row(struct table *table, const struct slow_case *slow_case, int variant,
                     const struct gossip_false *swim, const struct gossip_false *result)
{
    const bool base = variant == VARIANT_SWIM;

    table_number(table, (double)slow_case->nodes);
    table_number(table, (double)slow_case->slow);
    table_number(table, (double)slow_case->runs * GOSSIP_SLOWNESSES);
    table_text(table, gossip_variants[variant].text);
    table_number(table, result->node_hours);
    table_number(table, (double)result->suspicions);
    table_number(table, base ? NAN : removed_percent(swim->suspicions, result->suspicions));
    table_number(table, (double)result->deaths);
    table_number(table, base ? NAN : removed_percent(swim->deaths, result->deaths));
    table_number(table, variant == VARIANT_LIFEGUARD ? 98 : NAN);
    table_number(table, (double)result->deaths_healthy);
    table_number(table, (double)result->deaths_slow);
}

static void slow_begin(struct report *report)
{
    struct table *table = &report->tables[PART_SLOW];
    struct plot *plot = figure_add(&report->figure,
                                   "False deaths while a tenth of the nodes is slow", "nodes",
                                   PLOT_LOG, "false deaths a node-hour", PLOT_LINEAR);

    for (int variant = 0; variant < GOSSIP_VARIANTS; variant++)
        report->series[PART_SLOW][variant] = plot_add(plot, gossip_variants[variant].text,
                                                      PLOT_LINE);
    table_init(table, part_rows[PART_SLOW].key,
               "Healthy nodes accused while a tenth of the nodes stops again and again",
               slow_columns, sizeof slow_columns / sizeof slow_columns[0]);
    table_note(table,
               "slow nodes stop for 0.5, 2 or 8 s and run for 4, 64 or 1024 ms, each for two "
               "minutes");
    table_note(table, "deaths: each node that takes a living one for dead counts");
    table_note(table,
               "the buddy system alone spares those that are seen by healthy nodes; one that "
               "was stopped finds");
    table_note(table, "the refutation in its socket only after the suspicion has run out");
}

static void slow_run(uint64_t seed, const struct slow_case *slow_case, int variant,
                     struct gossip_false *result)
{
    struct mesh *mesh = gossip_cluster(seed, slow_case->nodes, &gossip_variants[variant]);

    for (size_t i = 0; i < GOSSIP_SLOWNESSES; i++)
        gossip_slow_measure(mesh, slow_case->slow, &gossip_slownesses[i], result);
    mesh_destroy(&mesh);
}

/* Each variant has clusters of its own; the plain one is not for this. */
static void slow_measure(struct report *report, struct mesh *plain)
{
    const struct slow_case slow_case = {.nodes = plain->count,
                                        .slow = (plain->count + 9) / 10,
                                        .runs = slow_runs_of(report, plain->count)};
    struct gossip_false results[GOSSIP_VARIANTS] = {{0}};

    for (int variant = 0; variant < GOSSIP_VARIANTS; variant++) {
        struct gossip_false *result = &results[variant];

        for (uint64_t run = 0; run < slow_case.runs; run++)
            slow_run(seed_of(report, slow_case.nodes, run), &slow_case, variant, result);
        slow_row(&report->tables[PART_SLOW], &slow_case, variant, &results[VARIANT_SWIM], result);
        plot_point(report->series[PART_SLOW][variant], (double)slow_case.nodes,
                   (double)result->deaths / result->node_hours);
    }
}

/* ------------------------------------------------------------------------------------ traffic
 */

static const struct table_column traffic_columns[] = {
    {"nodes", "nodes", 0},
    {"datagrams", "datagrams/s", 2},
    {"datagrams_formula", "formula", 0},
    {"datagram_bytes", "bytes/s in them", 0},
    {"exchange_bytes", "bytes/s in exchanges", 0},
};

static void traffic_begin(struct report *report)
{
    struct table *table = &report->tables[PART_TRAFFIC];
    struct plot *plot = figure_add(&report->figure, "What each node sends, at rest", "nodes",
                                   PLOT_LOG, "bytes a second", PLOT_LINEAR);

    report->series[PART_TRAFFIC][0] = plot_add(plot, "datagrams", PLOT_LINE);
    report->series[PART_TRAFFIC][1] = plot_add(plot, "exchanges over TCP", PLOT_LINE);
    table_init(table, part_rows[PART_TRAFFIC].key, "What each node sends in a cluster at rest",
               traffic_columns, sizeof traffic_columns / sizeof traffic_columns[0]);
    table_note(table, "formula: a ping and an ack each period, whatever the cluster's size");
    table_note(table, "it begins when all know and have met each other");
}

static void traffic_measure(struct report *report, struct mesh *mesh)
{
    struct table *table = &report->tables[PART_TRAFFIC];
    const double nodes = (double)mesh->count;
    struct gossip_traffic traffic;

    gossip_traffic_measure(mesh, (int64_t)report->settings.seconds * SECOND_US, &traffic);
    table_number(table, nodes);
    table_number(table, traffic.datagrams);
    table_number(table, 2);
    table_number(table, traffic.datagram_bytes);
    table_number(table, traffic.exchange_bytes);
    plot_point(report->series[PART_TRAFFIC][0], nodes, traffic.datagram_bytes);
    plot_point(report->series[PART_TRAFFIC][1], nodes, traffic.exchange_bytes);
}

/* ------------------------------------------------------------------------------------ all of it
 */

static const struct {
    void (*begin)(struct report *report);
    void (*measure)(struct report *report, struct mesh *mesh);
} part_acts[PART_COUNT] = {
    [PART_TRAFFIC] = {traffic_begin, traffic_measure}, [PART_FOUND] = {found_begin, found_measure},
    [PART_NEWS] = {news_begin, news_measure},          [PART_LOSS] = {loss_begin, loss_measure},
    [PART_SLOW] = {slow_begin, slow_measure},
};

static bool measures(const struct report *report, enum part part, uint64_t nodes)
{
    return report->settings.parts & 1u << part &&
           (part != PART_SLOW || nodes <= report->settings.slow_nodes);
}

/* All parts on one cluster: to start a thousand nodes takes longer than most. */
static void measure_size(struct report *report, uint64_t nodes)
{
    struct report_work work = report_work_begin("start", nodes);
    struct mesh *mesh = gossip_cluster(seed_of(report, nodes, 0), nodes,
                                       &gossip_variants[VARIANT_LIFEGUARD]);

    work_end(&work, mesh, 0);
    for (enum part part = 0; part < PART_COUNT; part++) {
        const int64_t start_us = mesh->now_us;

        if (!measures(report, part, nodes))
            continue;
        work = report_work_begin(part_rows[part].key, nodes);
        part_acts[part].measure(report, mesh);
        work_end(&work, mesh, start_us);
    }
    mesh_destroy(&mesh);
}

int report_gossip(int argc, char **argv)
{
    struct report report = {.settings = {.nodes = {5, {10, 30, 100, 300, 1000}},
                                         .node_seconds = 90000,
                                         .seconds = 120,
                                         .slow_nodes = 100,
                                         .parts = (1u << PART_COUNT) - 1}};
    size_t tables = 0;
    int status = report_parse("gossip", argc, argv, option_rows, &report.settings, &report.common);

    if (status != REPORT_GO)
        return status;
    figure_init(&report.figure, "Gossip at scale");
    for (enum part part = 0; part < PART_COUNT; part++) {
        if (report.settings.parts & 1u << part)
            part_acts[part].begin(&report);
    }
    for (size_t i = 0; i < report.settings.nodes.count; i++)
        measure_size(&report, report.settings.nodes.numbers[i]);
    for (enum part part = 0; part < PART_COUNT; part++) {
        if (report.settings.parts & 1u << part)
            report.tables[tables++] = report.tables[part];
    }
    status = report_finish(&report.common, "gossip", report.tables, tables, &report.figure);
    for (size_t i = 0; i < tables; i++)
        table_deinit(&report.tables[i]);
    figure_deinit(&report.figure);
    return status;
}
