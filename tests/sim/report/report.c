/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/span.h"
#include "sim/report/reports.h"
#include "sim/report/staleness.h"

struct report_row {
    const char *name;
    const char *text;
    int (*run)(int argc, char **argv); /* the options after the name; the exit status */
};

static const struct report_row report_rows[] = {
    {"gossip", "how soon failures are found and news is known, and what that costs", report_gossip},
    {"ring", "how evenly the planner spreads copies, and how few it moves", report_ring},
    {"staleness", "how stale reads are: t-visibility and k-staleness, after PBS", staleness_report},
    {NULL, NULL, NULL},
};

bool report_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    int64_t value;

    if (!span_to_int64(span_of_string(text), &value) || value < 0 || (uint64_t)value < min ||
        (uint64_t)value > max)
        return false;
    *number = (uint64_t)value;
    return true;
}

bool report_list(const char *text, uint64_t min, uint64_t max, struct report_list *list)
{
    struct report_list read = {0};

    for (const char *at = text;; at++) {
        const size_t size = strcspn(at, ",");
        char item[24];

        if (size >= sizeof item || read.count == REPORT_LIST_MAX)
            return false;
        memcpy(item, at, size);
        item[size] = '\0';
        if (!report_number(item, min, max, &read.numbers[read.count++]))
            return false;
        at += size;
        if (*at == '\0')
            break;
    }
    *list = read;
    return true;
}

static double real_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct report_work report_work_begin(const char *what, uint64_t nodes)
{
    fprintf(stderr, "%" PRIu64 " nodes, %s ... ", nodes, what);
    return (struct report_work){real_s()};
}

void report_work_end(const struct report_work *work, const char *done)
{
    fprintf(stderr, "%s in %.1f s\n", done, real_s() - work->start_s);
}

static bool set_seed(void *common, const char *value)
{
    return report_number(value, 0, INT64_MAX, &((struct report_common *)common)->seed);
}

static bool set_svg(void *common, const char *value)
{
    ((struct report_common *)common)->svg = value;
    return value[0] != '\0';
}

static bool set_json(void *common, const char *value)
{
    (void)value;
    ((struct report_common *)common)->json = true;
    return true;
}

static const struct report_option common_rows[] = {
    {"--seed", "S", "what all is drawn from; the default is 1", "a number up to 2^63 - 1",
     set_seed},
    {"--svg", "FILE", "plots it too, into a file for a browser", "the name of a file", set_svg},
    {"--json", NULL, "prints JSON", NULL, set_json},
    {NULL, NULL, NULL, NULL, NULL},
};

static void show_options(FILE *out, const struct report_option *rows)
{
    for (; rows->name != NULL; rows++) {
        char left[40];

        snprintf(left, sizeof left, "%s %s", rows->name, rows->value ? rows->value : "");
        fprintf(out, "  %-22s %s\n", left, rows->text);
    }
}

static void show_note(FILE *out, const struct report_option *rows)
{
    while (rows->name != NULL)
        rows++;
    if (rows->text != NULL)
        fprintf(out, "%s\n", rows->text);
}

static const struct report_option *find_option(const struct report_option *rows, const char *name)
{
    for (; rows->name != NULL; rows++) {
        if (strcmp(rows->name, name) == 0)
            return rows;
    }
    return NULL;
}

static int complain(const char *report, const struct report_option *rows, const char *name)
{
    fprintf(stderr, "dunlin-sim: the report %s has no option '%s'; it has\n", report, name);
    show_options(stderr, rows);
    show_options(stderr, common_rows);
    return REPORT_WRONG;
}

int report_parse(const char *report, int argc, char **argv, const struct report_option *rows,
                 void *settings, struct report_common *common)
{
    *common = (struct report_common){.seed = 1};
    for (int i = 0; i < argc; i++) {
        const char *name = argv[i], *value = NULL;
        const struct report_option *row = find_option(rows, name);
        void *target = settings;

        if (strcmp(name, "--help") == 0) {
            printf("usage: dunlin-sim --report %s [option ...]\n", report);
            show_options(stdout, rows);
            show_options(stdout, common_rows);
            show_note(stdout, rows);
            return 0;
        }
        if (row == NULL) {
            row = find_option(common_rows, name);
            target = common;
        }
        if (row == NULL)
            return complain(report, rows, name);
        if (row->value != NULL && i + 1 == argc) {
            fprintf(stderr, "dunlin-sim: nothing follows %s; it wants %s\n", name, row->accepted);
            return REPORT_WRONG;
        }
        if (row->value != NULL)
            value = argv[++i];
        if (!row->set(target, value)) {
            fprintf(stderr, "dunlin-sim: %s wants %s, found '%s'\n", name, row->accepted, value);
            return REPORT_WRONG;
        }
    }
    return REPORT_GO;
}

static bool write_figure(const char *path, const struct figure *figure)
{
    FILE *file = fopen(path, "w");
    bool written;

    if (file == NULL)
        return false;
    figure_write(figure, file);
    written = !ferror(file);
    return fclose(file) == 0 && written;
}

int report_finish(const struct report_common *common, const char *report,
                  const struct table *tables, size_t table_count, const struct figure *figure)
{
    if (common->json) {
        printf("{\"report\": \"%s\", \"seed\": %" PRIu64 ", \"tables\": {\n", report, common->seed);
        for (size_t i = 0; i < table_count; i++) {
            table_print_json(&tables[i], stdout);
            fputs(i + 1 < table_count ? ",\n" : "\n", stdout);
        }
        puts("}}");
    } else {
        printf("dunlin-sim --report %s, seed %" PRIu64 "\n", report, common->seed);
        for (size_t i = 0; i < table_count; i++)
            table_print(&tables[i], stdout);
    }
    if (common->svg != NULL && figure != NULL && !write_figure(common->svg, figure)) {
        fprintf(stderr, "dunlin-sim: cannot write %s\n", common->svg);
        return REPORT_WRONG;
    }
    return 0;
}

static void show_reports(FILE *out)
{
    fputs("usage: dunlin-sim --report NAME [option ...], where NAME is one of\n", out);
    for (const struct report_row *row = report_rows; row->name != NULL; row++)
        fprintf(out, "  %-12s %s\n", row->name, row->text);
    fputs("and --help after it tells its options.\n", out);
}

int report_main(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "--help") == 0) {
        show_reports(stdout);
        return 0;
    }
    for (const struct report_row *row = report_rows; argc > 0 && row->name != NULL; row++) {
        if (strcmp(row->name, argv[0]) == 0)
            return row->run(argc - 1, argv + 1);
    }
    if (argc > 0)
        fprintf(stderr, "dunlin-sim: there is no report '%s'\n", argv[0]);
    show_reports(stderr);
    return REPORT_WRONG;
}
