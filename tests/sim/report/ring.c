/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `dunlin-sim --report ring`: how evenly the planner lays out a ring, and how little it moves when
 * nodes join and leave.
 */
#include <inttypes.h>
#include <math.h>

#include "sim/report/report.h"
#include "sim/report/reports.h"
#include "sim/report/ring_parts.h"

/* With fewer, a heavy node's share could be capped. */
#define NODES_MIN 10

struct settings {
    struct report_list nodes;
    uint64_t partitions;
    uint64_t replicas;
    uint64_t rounds;
};

enum { TABLE_BALANCE, TABLE_MOVEMENT, TABLES };

struct report {
    struct report_common common;
    struct settings settings;
    struct table tables[TABLES];
    struct figure figure;
    struct plot_series *largest[RING_KINDS], *over[RING_KINDS], *bound;
};

static bool set_nodes(void *settings, const char *value)
{
    return report_list(value, NODES_MIN, RING_MEMBERS_MAX, &((struct settings *)settings)->nodes);
}

static bool set_partitions(void *settings, const char *value)
{
    uint64_t *partitions = &((struct settings *)settings)->partitions;

    return report_number(value, 64, RING_SLOTS, partitions) &&
           (*partitions & (*partitions - 1)) == 0;
}

static bool set_replicas(void *settings, const char *value)
{
    return report_number(value, 1, 3, &((struct settings *)settings)->replicas);
}

static bool set_rounds(void *settings, const char *value)
{
    return report_number(value, 1, 100, &((struct settings *)settings)->rounds);
}

static const struct report_option option_rows[] = {
    {"--nodes", "N,N,...", "sizes of clusters; the default is 10,30,100,300,1000",
     "numbers from 10 to 1024 with commas between", set_nodes},
    {"--partitions", "Q", "of the ring; the default is 16384", "a power of two from 64 to 16384",
     set_partitions},
    {"--replicas", "N", "copies of each partition; the default is 3", "a number from 1 to 3",
     set_replicas},
    {"--rounds", "K",
     "times that a node leaves, one joins, a tenth leaves, a tenth joins; "
     "the default is 5",
     "a number from 1 to 100", set_rounds},
    {NULL, NULL,
     "Without options it takes half a minute of one core. It says on stderr how far it is.", NULL,
     NULL},
};

static const struct table_column balance_columns[] = {
    {"nodes", "nodes", 0},
    {"cluster", "cluster", TABLE_TEXT},
    {"plans", "plans", 0},
    {"share", "mean share, copies", 1},
    {"least", "least / share", 3},
    {"least_formula", "floor(s) / s", 3},
    {"largest", "largest / share", 3},
    {"largest_formula", "ceil(s) / s", 3},
    {"primary_largest", "primaries: largest / share", 3},
    {"primaries_loose", "not within one", 0},
};

static const struct table_column movement_columns[] = {
    {"nodes", "nodes", 0},
    {"cluster", "cluster", TABLE_TEXT},
    {"change", "change", TABLE_TEXT},
    {"moved", "copies moved: mean", 1},
    {"least", "least possible", 1},
    {"formula", "share of who came or went", 1},
    {"over_mean", "moved / least: mean", 4},
    {"over_max", "max", 4},
};

static void balance_row(struct report *report, double nodes, const struct ring_kind *kind,
                        const struct ring_balance *balance)
{
    struct table *table = &report->tables[TABLE_BALANCE];

    table_number(table, nodes);
    table_text(table, kind->text);
    table_number(table, (double)balance->plans);
    table_number(table, balance->share);
    table_number(table, balance->least);
    table_number(table, balance->low);
    table_number(table, balance->largest);
    table_number(table, balance->high);
    table_number(table, balance->primary_largest);
    table_number(table, (double)balance->primaries_loose);
}

static void movement_row(struct report *report, double nodes, const struct ring_kind *kind,
                         const struct ring_change *change, struct ring_movement *movement)
{
    struct table *table = &report->tables[TABLE_MOVEMENT];

    table_number(table, nodes);
    table_text(table, kind->text);
    table_text(table, change->text);
    table_number(table, sample_mean(&movement->moved));
    table_number(table, sample_mean(&movement->least));
    table_number(table, sample_mean(&movement->formula));
    table_number(table, sample_mean(&movement->over));
    table_number(table, sample_quantile(&movement->over, 1));
}

static void measure(struct report *report, uint64_t nodes, size_t kind)
{
    const struct ring_shape shape = {.nodes = nodes,
                                     .partitions = (uint32_t)report->settings.partitions,
                                     .replicas = (uint32_t)report->settings.replicas};
    const double n = (double)nodes;
    struct ring_movement movements[RING_CHANGES];
    struct ring_balance balance;
    double worst = 0;
    const struct report_work work = report_work_begin(ring_kinds[kind].text, nodes);
    char done[32];

    ring_measure(report->common.seed + nodes, &shape, &ring_kinds[kind],
                 (unsigned)report->settings.rounds, &balance, movements);
    snprintf(done, sizeof done, "%" PRIu64 " plans", balance.plans);
    report_work_end(&work, done);
    balance_row(report, n, &ring_kinds[kind], &balance);
    for (size_t i = 0; i < RING_CHANGES; i++) {
        movement_row(report, n, &ring_kinds[kind], &ring_changes[i], &movements[i]);
        worst = fmax(worst, sample_quantile(&movements[i].over, 1));
        ring_movement_deinit(&movements[i]);
    }
    plot_point(report->largest[kind], n, balance.largest);
    plot_point(report->over[kind], n, worst);
    if (kind == 0)
        plot_point(report->bound, n, balance.high);
}

static void begin(struct report *report)
{
    struct plot *balance, *movement;

    table_init(&report->tables[TABLE_BALANCE], "balance",
               "Copies on each node over its share, the worst of all plans", balance_columns,
               sizeof balance_columns / sizeof balance_columns[0]);
    table_note(&report->tables[TABLE_BALANCE],
               "s, a node's share: its weight's part of all copies, or of its zone's");
    table_note(&report->tables[TABLE_BALANCE],
               "not within one: plans in which some node's primaries are more than one off");
    table_init(&report->tables[TABLE_MOVEMENT], "movement", "Copies that a change moves",
               movement_columns, sizeof movement_columns / sizeof movement_columns[0]);
    table_note(&report->tables[TABLE_MOVEMENT],
               "least possible: what each node lacks to its share rounded down, or all copies less "
               "what can stay");
    figure_init(&report->figure, "The planner");
    balance = figure_add(&report->figure, "Copies on the fullest node", "nodes", PLOT_LOG,
                         "copies over share", PLOT_LINEAR);
    movement = figure_add(&report->figure, "Copies moved by a join or leave, the worst of all",
                          "nodes", PLOT_LOG, "moved over the least possible", PLOT_LINEAR);
    for (size_t kind = 0; kind < RING_KINDS; kind++) {
        report->largest[kind] = plot_add(balance, ring_kinds[kind].text, PLOT_LINE);
        report->over[kind] = plot_add(movement, ring_kinds[kind].text, PLOT_LINE);
    }
    report->bound = plot_add(balance, "ceil(s) / s, equal nodes", PLOT_DASHED);
}

int report_ring(int argc, char **argv)
{
    struct report report = {.settings = {.nodes = {5, {10, 30, 100, 300, 1000}},
                                         .partitions = RING_SLOTS,
                                         .replicas = 3,
                                         .rounds = 5}};
    int status = report_parse("ring", argc, argv, option_rows, &report.settings, &report.common);

    if (status != REPORT_GO)
        return status;
    begin(&report);
    for (size_t i = 0; i < report.settings.nodes.count; i++) {
        for (size_t kind = 0; kind < RING_KINDS; kind++)
            measure(&report, report.settings.nodes.numbers[i], kind);
    }
    status = report_finish(&report.common, "ring", report.tables, TABLES, &report.figure);
    for (size_t i = 0; i < TABLES; i++)
        table_deinit(&report.tables[i]);
    figure_deinit(&report.figure);
    return status;
}
