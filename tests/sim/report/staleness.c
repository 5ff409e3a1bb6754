/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `dunlin-sim --report staleness`: its options, its tables, its figure.
 */
#include "sim/report/staleness.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/report.h"

#define TRIALS_MAX 1000000
/* The formula is cheap: what it says is to be the surer of the two. */
#define MODEL_FACTOR     10
#define MODEL_TRIALS_MAX 1000000
#define MS_MAX           3600000.0
/* A message that takes longer may be one in a thousand; that is found out by so many. */
#define LONG_US    60000000
#define LONG_DRAWS 10000

#define SSD  "pareto(0.235,10):0.9122+exp(1.66):0.0878"
#define DISK "pareto(1.05,1.51):0.38+exp(0.183):0.62"

/* Table 3 of the paper, and its section 5.5 for the distance of WAN: what was measured at LinkedIn
 * and Yammer, fitted. */
static const struct preset {
    const char *name;
    const char *texts[LEG_COUNT];
    int64_t distance_us;
} presets[] = {
    {"LNKD-SSD", {SSD, SSD, SSD, SSD}, 0},
    {"LNKD-DISK", {DISK, SSD, SSD, SSD}, 0},
    {"YMMR",
     {"pareto(3,3.35):0.939+exp(0.0028):0.061", "pareto(1.5,3.8):0.982+exp(0.0217):0.018",
      "pareto(1.5,3.8):0.982+exp(0.0217):0.018", "pareto(1.5,3.8):0.982+exp(0.0217):0.018"},
     0},
    {"WAN", {DISK, SSD, SSD, SSD}, 75000},
};

static const char *const leg_letters[] = {"W", "A", "R", "S"};
static const char *const coordinators[] = {"any", "same", "outside"};

struct settings {
    struct staleness_plan plan;
    const char *texts[LEG_COUNT];
};

/* ---- options ---- */

static bool set_copies(void *settings, const char *value)
{
    uint64_t number;

    if (!report_number(value, 1, COPIES_MAX, &number))
        return false;
    ((struct settings *)settings)->plan.copies = (unsigned)number;
    return true;
}

static bool set_read(void *settings, const char *value)
{
    return level_parse(span_of_string(value), &((struct settings *)settings)->plan.read_level);
}

static bool set_write(void *settings, const char *value)
{
    return level_parse(span_of_string(value), &((struct settings *)settings)->plan.write_level);
}

static bool set_latency(void *settings, const char *value)
{
    struct settings *s = settings;

    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        if (strcmp(presets[i].name, value) == 0) {
            memcpy(s->texts, presets[i].texts, sizeof s->texts);
            s->plan.distance_us = presets[i].distance_us;
            return true;
        }
    return false;
}

static bool set_leg(struct settings *settings, enum leg leg, const char *value)
{
    settings->texts[leg] = value; /* read when all options are there: it says what is wrong */
    return true;
}

static bool set_w(void *settings, const char *value)
{
    return set_leg(settings, LEG_WRITE, value);
}

static bool set_a(void *settings, const char *value)
{
    return set_leg(settings, LEG_ACK, value);
}

static bool set_r(void *settings, const char *value)
{
    return set_leg(settings, LEG_READ, value);
}

static bool set_s(void *settings, const char *value)
{
    return set_leg(settings, LEG_RESPONSE, value);
}

/* Milliseconds; what is behind the number is left in *end. */
static bool take_ms(const char *text, int64_t *us, const char **end)
{
    char *behind;

    if (*text == '\0' || strchr("0123456789.", *text) == NULL)
        return false;
    const double ms = strtod(text, &behind);
    *end = behind;
    if (behind == text || !(ms <= MS_MAX))
        return false;
    *us = llround(ms * 1000);
    return true;
}

static bool set_distance(void *settings, const char *value)
{
    const char *end;

    return take_ms(value, &((struct settings *)settings)->plan.distance_us, &end) && *end == '\0';
}

static bool set_interval(void *settings, const char *value)
{
    const char *end;
    int64_t us;

    if (!take_ms(value, &us, &end) || *end != '\0' || us < 1000)
        return false;
    ((struct settings *)settings)->plan.interval_us = us;
    return true;
}

static bool set_coordinator(void *settings, const char *value)
{
    for (size_t i = 0; i < sizeof coordinators / sizeof coordinators[0]; i++)
        if (strcmp(coordinators[i], value) == 0) {
            ((struct settings *)settings)->plan.coordinator = (enum staleness_coordinator)i;
            return true;
        }
    return false;
}

static bool set_times(void *settings, const char *value)
{
    struct staleness_plan *plan = &((struct settings *)settings)->plan;
    size_t count = 0;

    for (;;) {
        if (count == STALENESS_TIMES_MAX || !take_ms(value, &plan->times_us[count], &value))
            return false;
        count++;
        if (*value == '\0')
            break;
        if (*value++ != ',')
            return false;
    }
    plan->time_count = count;
    return true;
}

static bool set_trials(void *settings, const char *value)
{
    return report_number(value, 100, TRIALS_MAX, &((struct settings *)settings)->plan.trials);
}

static const struct report_option rows[] = {
    {"--replicas", "N", "copies of a key; the default is 3", "a number from 1 to 7", set_copies},
    {"--read", "R", "answers that a read waits for; the default is ONE", LEVEL_FORMS, set_read},
    {"--write", "W", "acknowledgements that a write waits for; the default is ONE", LEVEL_FORMS,
     set_write},
    {"--latency", "NAME", "the legs as LNKD-SSD (the default), LNKD-DISK, YMMR or WAN has them",
     "LNKD-SSD, LNKD-DISK, YMMR or WAN", set_latency},
    {"--w", "DIST", "how long a write takes to a replica, as pareto(0.235,10):0.9+exp(1.66):0.1",
     "a distribution", set_w},
    {"--a", "DIST", "how long its acknowledgement takes", "a distribution", set_a},
    {"--r", "DIST", "how long a read takes to a replica", "a distribution", set_r},
    {"--s", "DIST", "how long the response takes", "a distribution", set_s},
    {"--distance", "MS", "added to each message between nodes; the default is 0",
     "milliseconds up to an hour", set_distance},
    {"--coordinator", "WHO",
     "any replica (the default), same: the first one, outside: through a node that is none",
     "any, same or outside", set_coordinator},
    {"--times", "MS,MS...", "the t of t-visibility", "up to 24 milliseconds with commas between",
     set_times},
    {"--interval", "MS", "from a write's return to the next one, for k-staleness; the default is 1",
     "milliseconds from 1 up", set_interval},
    {"--trials", "T", "for each t, and for k-staleness; the default is 10000",
     "a number from 100 to 1000000", set_trials},
    {NULL, NULL, NULL, NULL, NULL},
};

/* False, and said on stderr, when they do not go together. */
static bool check(const struct settings *settings)
{
    const struct staleness_plan *plan = &settings->plan;
    const struct {
        const char *option;
        uint8_t level;
    } levels[] = {{"--read", plan->read_level}, {"--write", plan->write_level}};

    for (int i = 0; i < 2; i++)
        if (level_needed(levels[i].level, plan->copies) > plan->copies) {
            fprintf(stderr, "dunlin-sim: %s %s of %u replicas is never reached; at most ALL is\n",
                    levels[i].option, level_name(levels[i].level), plan->copies);
            return false;
        }
    return true;
}

/* A request has ten minutes (staleness_measure.c): what is late beside that is no latency. */
static bool is_short(const struct delay *delay, int64_t distance_us)
{
    struct rng rng;
    int longer = 0;

    rng_init(&rng, 1);
    for (int i = 0; i < LONG_DRAWS; i++)
        longer += delay_draw_us(delay, &rng) + distance_us > LONG_US;
    return longer <= LONG_DRAWS / 1000;
}

static bool read_delays(const struct settings *settings, struct delay *delays[LEG_COUNT])
{
    static const char *const names[] = {"--w", "--a", "--r", "--s"};
    char error[DELAY_ERROR_MAX];

    for (int leg = 0; leg < LEG_COUNT; leg++) {
        delays[leg] = delay_create(settings->texts[leg], error);
        if (delays[leg] == NULL) {
            fprintf(stderr, "dunlin-sim: %s: %s\n", names[leg], error);
            return false;
        }
        if (!is_short(delays[leg], settings->plan.distance_us)) {
            fprintf(
                stderr,
                "dunlin-sim: %s: with '%s' and a distance of %g ms over one message in 1000 takes "
                "longer than a minute; such legs are not measured\n",
                names[leg], settings->texts[leg], (double)settings->plan.distance_us / 1000);
            return false;
        }
    }
    return true;
}

/* ---- tables ---- */

struct report {
    const struct settings *settings;
    struct staleness_result measured, dunlin, pbs;
};

enum { TABLE_PLAN, TABLE_TIMES, TABLE_VERSIONS, TABLE_LATENCIES, TABLE_COUNT };

static const struct table_column plan_columns[] = {
    {"name", "what", TABLE_TEXT},
    {"value", "value", TABLE_TEXT},
};

static const struct table_column time_columns[] = {
    {"t_ms", "t, ms", 2},          {"trials", "trials", 0},
    {"measured", "measured", 5},   {"low", "from", 5},
    {"high", "to (95 %)", 5},      {"model", "WARS, as Dunlin asks", 5},
    {"pbs", "WARS, as in PBS", 5},
};

static const struct table_column version_columns[] = {
    {"k", "newest k", 0},          {"trials", "trials", 0},
    {"measured", "measured", 5},   {"low", "from", 5},
    {"high", "to (95 %)", 5},      {"model", "WARS, as Dunlin asks", 5},
    {"pbs", "WARS, as in PBS", 5}, {"fixed", "quorums do not grow", 5},
};

static const struct table_column latency_columns[] = {
    {"operation", "operation", TABLE_TEXT},
    {"percentile", "percentile", 1},
    {"trials", "trials", 0},
    {"measured_ms", "measured, ms", 3},
    {"low_ms", "from", 3},
    {"high_ms", "to (95 %)", 3},
    {"model_ms", "WARS, as Dunlin asks", 3},
    {"pbs_ms", "WARS, as in PBS", 3},
};

#define COLUMNS(columns) columns, sizeof(columns) / sizeof(columns)[0]

static void add_fact(struct table *table, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_fact(struct table *table, const char *name, const char *format, ...)
{
    char text[TABLE_CELL_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    table_text(table, name);
    table_text(table, text);
}

static void fill_plan(struct table *table, const struct report *report)
{
    const struct settings *settings = report->settings;
    const struct staleness_plan *plan = &settings->plan;
    const struct staleness_result *measured = &report->measured;
    const double reads = (double)measured->reads.count;

    table_init(table, "plan", "What was measured", COLUMNS(plan_columns));
    add_fact(table, "N, R, W", "%u, %s, %s", plan->copies, level_name(plan->read_level),
             level_name(plan->write_level));
    for (int leg = 0; leg < LEG_COUNT; leg++)
        add_fact(table, leg_letters[leg], "%s", settings->texts[leg]);
    add_fact(table, "distance, ms", "%.3f", (double)plan->distance_us / 1000);
    add_fact(table, "coordinator", "%s", coordinators[plan->coordinator]);
    add_fact(table, "reads that asked one more", "%.4f", (double)measured->asked_more / reads);
    add_fact(table, "reads that repaired", "%.4f", (double)measured->repaired / reads);
    add_fact(table, "operations that failed", "%llu", (unsigned long long)measured->failed);
    add_fact(table, "virtual seconds", "%.0f", (double)measured->lasted_us / 1e6);
}

static double part(uint64_t hits, uint64_t trials)
{
    return (double)hits / (double)trials;
}

/* The measured part with its interval, and the two formulas'. */
static void add_parts(struct table *table, const struct report *report, uint64_t measured,
                      uint64_t dunlin, uint64_t pbs)
{
    double low, high;

    staleness_interval(measured, report->measured.trials, &low, &high);
    table_number(table, (double)report->measured.trials);
    table_number(table, part(measured, report->measured.trials));
    table_number(table, low);
    table_number(table, high);
    table_number(table, part(dunlin, report->dunlin.trials));
    table_number(table, part(pbs, report->pbs.trials));
}

static void fill_times(struct table *table, const struct report *report)
{
    const struct staleness_plan *plan = &report->settings->plan;

    table_init(table, "t_visibility",
               "t-visibility: a read that begins t after a write's return sees it",
               COLUMNS(time_columns));
    for (size_t i = 0; i < plan->time_count; i++) {
        table_number(table, (double)plan->times_us[i] / 1000);
        add_parts(table, report, report->measured.seen[i], report->dunlin.seen[i],
                  report->pbs.seen[i]);
    }
}

/* Reads that saw one of the newest k. */
static uint64_t within(const struct staleness_result *result, unsigned k)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < k; i++)
        sum += result->behind[i];
    return sum;
}

static void fill_versions(struct table *table, const struct report *report)
{
    table_init(table, "k_staleness",
               "k-staleness: a read right behind 8 writes sees one of the newest k versions",
               COLUMNS(version_columns));
    for (unsigned k = 1; k <= STALENESS_VERSIONS; k++) {
        table_number(table, k);
        add_parts(table, report, within(&report->measured, k), within(&report->dunlin, k),
                  within(&report->pbs, k));
        table_number(table, staleness_fixed(&report->settings->plan, k));
    }
}

static void add_latencies(struct table *table, const char *operation,
                          const struct staleness_latencies *measured,
                          const struct staleness_latencies *dunlin,
                          const struct staleness_latencies *pbs)
{
    const double percentiles[] = {50, 99, 99.9};

    for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++) {
        int64_t low, high, ignored;
        const double quantile = percentiles[i] / 100;
        const int64_t took_us = staleness_quantile(measured, quantile, &low, &high);
        table_text(table, operation);
        table_number(table, percentiles[i]);
        table_number(table, (double)measured->count);
        table_number(table, (double)took_us / 1000);
        table_number(table, (double)low / 1000);
        table_number(table, (double)high / 1000);
        table_number(table,
                     (double)staleness_quantile(dunlin, quantile, &ignored, &ignored) / 1000);
        table_number(table, (double)staleness_quantile(pbs, quantile, &ignored, &ignored) / 1000);
    }
}

static void fill_latencies(struct table *table, const struct report *report)
{
    table_init(table, "latency", "How long operations take", COLUMNS(latency_columns));
    add_latencies(table, "write", &report->measured.writes, &report->dunlin.writes,
                  &report->pbs.writes);
    add_latencies(table, "read", &report->measured.reads, &report->dunlin.reads,
                  &report->pbs.reads);
    table_note(table,
               "The coordinator is a replica: its own copy takes no time, with W = 1 a write "
               "and with R = 1 a read neither.");
    table_note(table,
               "A read that finds replicas behind repairs them before it returns, from R = 2 on; "
               "PBS has no such wait.");
    table_note(table, "When an answer takes unusually long one more replica is asked, which the "
                      "formulas do not know.");
}

/* ---- the figure ---- */

/* A logarithmic axis has no 0: it stands at half of the shortest t. */
static double place_of(const struct staleness_plan *plan, int64_t t_us)
{
    int64_t shortest_us = INT64_MAX;

    for (size_t i = 0; i < plan->time_count; i++)
        if (plan->times_us[i] > 0 && plan->times_us[i] < shortest_us)
            shortest_us = plan->times_us[i];
    if (t_us == 0)
        return shortest_us == INT64_MAX ? 1 : (double)shortest_us / 2000;
    return (double)t_us / 1000;
}

static void plot_times(struct figure *figure, const struct report *report)
{
    const struct staleness_plan *plan = &report->settings->plan;
    struct plot *plot = figure_add(figure, "t-visibility", "t, ms (0 is at the left edge)",
                                   PLOT_LOG, "probability to see the write", PLOT_LINEAR);
    struct plot_series *measured = plot_add(plot, "measured", PLOT_LINE);
    struct plot_series *dunlin = plot_add(plot, "WARS, as Dunlin asks", PLOT_DASHED);
    struct plot_series *pbs = plot_add(plot, "WARS, as in PBS", PLOT_DASHED);

    for (size_t i = 0; i < plan->time_count; i++) {
        const double t = place_of(plan, plan->times_us[i]);
        double low, high;
        staleness_interval(report->measured.seen[i], report->measured.trials, &low, &high);
        plot_spread(measured, t, part(report->measured.seen[i], report->measured.trials), low,
                    high);
        plot_point(dunlin, t, part(report->dunlin.seen[i], report->dunlin.trials));
        plot_point(pbs, t, part(report->pbs.seen[i], report->pbs.trials));
    }
}

static void plot_versions(struct figure *figure, const struct report *report)
{
    struct plot *plot = figure_add(figure, "k-staleness", "newest k versions", PLOT_LINEAR,
                                   "probability to see one of them", PLOT_LINEAR);
    struct plot_series *measured = plot_add(plot, "measured", PLOT_LINE);
    struct plot_series *dunlin = plot_add(plot, "WARS, as Dunlin asks", PLOT_DASHED);
    struct plot_series *pbs = plot_add(plot, "WARS, as in PBS", PLOT_DASHED);

    for (unsigned k = 1; k <= STALENESS_VERSIONS; k++) {
        double low, high;
        const uint64_t hits = within(&report->measured, k);
        staleness_interval(hits, report->measured.trials, &low, &high);
        plot_spread(measured, k, part(hits, report->measured.trials), low, high);
        plot_point(dunlin, k, part(within(&report->dunlin, k), report->dunlin.trials));
        plot_point(pbs, k, part(within(&report->pbs, k), report->pbs.trials));
    }
}

/* Which part of the operations took no longer than that. */
static void plot_latencies(struct plot *plot, const char *name,
                           const struct staleness_latencies *latencies)
{
    struct plot_series *series = plot_add(plot, name, PLOT_CURVE);
    const size_t points = 200;

    for (size_t i = 0; i <= points; i++) {
        const size_t at = (latencies->count - 1) * i / points;
        plot_point(series, (double)latencies->us[at] / 1000,
                   (double)(at + 1) / (double)latencies->count);
    }
}

static void fill_figure(struct figure *figure, const struct report *report)
{
    const struct staleness_plan *plan = &report->settings->plan;
    char title[PLOT_TEXT_MAX];

    snprintf(title, sizeof title, "Staleness: N = %u, R = %s, W = %s", plan->copies,
             level_name(plan->read_level), level_name(plan->write_level));
    figure_init(figure, title);
    plot_times(figure, report);
    plot_versions(figure, report);
    struct plot *plot = figure_add(figure, "How long operations take", "ms (0 is left out)",
                                   PLOT_LOG, "part that took no longer", PLOT_LINEAR);
    plot_latencies(plot, "writes", &report->measured.writes);
    plot_latencies(plot, "reads", &report->measured.reads);
}

/* ---- the whole ---- */

static int print(const struct report_common *common, const struct report *report)
{
    struct table tables[TABLE_COUNT];
    struct figure figure;

    fill_plan(&tables[TABLE_PLAN], report);
    fill_times(&tables[TABLE_TIMES], report);
    fill_versions(&tables[TABLE_VERSIONS], report);
    fill_latencies(&tables[TABLE_LATENCIES], report);
    fill_figure(&figure, report);
    const int status = report_finish(common, "staleness", tables, TABLE_COUNT, &figure);
    for (int i = 0; i < TABLE_COUNT; i++)
        table_deinit(&tables[i]);
    figure_deinit(&figure);
    return status;
}

static int run(struct settings *settings, const struct report_common *common)
{
    struct report report = {.settings = settings};
    uint64_t model_trials = settings->plan.trials * MODEL_FACTOR;

    if (model_trials > MODEL_TRIALS_MAX)
        model_trials = MODEL_TRIALS_MAX;
    settings->plan.seed = common->seed;
    staleness_measure(&settings->plan, &report.measured);
    staleness_model(&settings->plan, MODEL_DUNLIN, model_trials, &report.dunlin);
    staleness_model(&settings->plan, MODEL_PBS, model_trials, &report.pbs);
    int status = print(common, &report);
    if (status == 0 && report.measured.failed > 0)
        status = 1;
    staleness_result_deinit(&report.measured);
    staleness_result_deinit(&report.dunlin);
    staleness_result_deinit(&report.pbs);
    return status;
}

int staleness_report(int argc, char **argv)
{
    struct settings settings = {
        .plan = {.copies = 3,
                 .read_level = LEVEL_ONE,
                 .write_level = LEVEL_ONE,
                 .trials = 10000,
                 .interval_us = 1000},
    };
    struct delay *delays[LEG_COUNT] = {NULL};
    struct report_common common;

    set_latency(&settings, "LNKD-SSD");
    set_times(&settings, "0,0.1,0.2,0.3,0.5,1,2,5,10,20,50,100");
    int status = report_parse("staleness", argc, argv, rows, &settings, &common);
    if (status != REPORT_GO)
        return status;
    status = REPORT_WRONG;
    if (check(&settings) && read_delays(&settings, delays)) {
        for (int leg = 0; leg < LEG_COUNT; leg++)
            settings.plan.delays[leg] = delays[leg];
        status = run(&settings, &common);
    }
    for (int leg = 0; leg < LEG_COUNT; leg++)
        delay_destroy(&delays[leg]);
    return status;
}
