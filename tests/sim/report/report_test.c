/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the reports are printed with: options, tables and plots.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/timeout.h"
#include "sim/report/report.h"

TestSuite(report, .timeout = TIMEOUT_S(60));

/* What `figure` writes; to be freed. */
static char *written(const struct figure *figure)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    figure_write(figure, out);
    fclose(out);
    return text;
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

Test(report, a_plot_shows_its_texts_and_points_and_escapes_what_xml_would_read)
{
    struct figure figure;
    struct plot *plot;
    struct plot_series *series;
    char *text;

    figure_init(&figure, "Title");
    plot = figure_add(&figure, "a < b & c", "nodes", PLOT_LOG, "time, s", PLOT_LINEAR);
    series = plot_add(plot, "measured", PLOT_LINE);
    plot_point(series, 10, 1);
    plot_spread(series, 100, 2, 1.5, 2.5);
    plot_point(series, 1000, 3);
    series = plot_add(plot, "formula", PLOT_DASHED);
    plot_point(series, 10, 1);
    plot_point(series, 1000, 3);
    text = written(&figure);
    cr_expect_not_null(strstr(text, "a &lt; b &amp; c"));
    cr_expect_eq(occurrences(text, "<circle"), 3);
    cr_expect_eq(occurrences(text, ">measured</text>"), 1);
    cr_expect_eq(occurrences(text, ">formula</text>"), 1);
    cr_expect_eq(occurrences(text, ">time, s</text>"), 1);
    /* The powers of ten stand at equal distances, and the ends stand off the border. */
    cr_expect_not_null(strstr(text, "<circle cx=\"360.0\""));
    cr_expect_eq(occurrences(text, "<g "), occurrences(text, "</g>"));
    free(text);
    figure_deinit(&figure);
}

Test(report, a_plot_leaves_out_what_has_no_place_on_its_axes)
{
    struct figure figure;
    struct plot_series *series;
    char *text;

    figure_init(&figure, "");
    series = plot_add(figure_add(&figure, "", "", PLOT_LOG, "", PLOT_LOG), "s", PLOT_LINE);
    plot_point(series, 0, 1);
    plot_point(series, 1, 0);
    plot_point(series, 1, NAN);
    plot_point(series, 1, INFINITY);
    plot_point(series, 1, 1);
    plot_point(series, 2, 1);
    figure_add(&figure, "empty", "", PLOT_LINEAR, "", PLOT_LINEAR);
    text = written(&figure);
    cr_expect_eq(occurrences(text, "<circle"), 2);
    cr_expect_eq(occurrences(text, "nan"), 0);
    cr_expect_eq(occurrences(text, "inf"), 0);
    free(text);
    figure_deinit(&figure);
}

static const struct table_column columns[] = {{"name", "name", TABLE_TEXT}, {"n", "nodes", 1}};

Test(report, a_table_prints_as_text_and_as_json)
{
    struct table table;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    table_init(&table, "things", "Things", columns, 2);
    table_text(&table, "a \"b\"");
    table_number(&table, 1.25);
    table_text(&table, "none");
    table_number(&table, NAN);
    table_note(&table, "a note");
    cr_expect_eq(table_rows(&table), 2);
    table_print(&table, out);
    table_print_json(&table, out);
    fclose(out);
    cr_expect_str_eq(text, "\nThings\n\n"
                           "  name   nodes\n"
                           "  a \"b\"    1.2\n"
                           "  none       -\n"
                           "\n  a note\n"
                           "  \"things\": [\n"
                           "    {\"name\": \"a \\\"b\\\"\", \"n\": 1.2},\n"
                           "    {\"name\": \"none\", \"n\": null}]");
    free(text);
    table_deinit(&table);
}

Test(report, lists_of_numbers_are_read_whole_or_not_at_all)
{
    struct report_list list = {.count = 7};

    cr_expect(report_list("10,30,1000", 2, 1000, &list));
    cr_expect_eq(list.count, 3);
    cr_expect_eq(list.numbers[2], 1000);
    cr_expect_not(report_list("", 2, 1000, &list));
    cr_expect_not(report_list("10,", 2, 1000, &list));
    cr_expect_not(report_list("10,1001", 2, 1000, &list));
    cr_expect_not(report_list("10;30", 2, 1000, &list));
    cr_expect_eq(list.count, 3);
}

static bool set_nodes(void *settings, const char *value)
{
    return report_number(value, 2, 1000, settings);
}

static const struct report_option options[] = {
    {"--nodes", "N", "how many", "a number from 2 to 1000", set_nodes},
    {NULL, NULL, NULL, NULL, NULL},
};

/* The words of a line as a program gets them. */
struct words {
    char line[80];
    char *list[8];
    int count;
};

static void split(struct words *words, const char *line)
{
    words->count = 0;
    snprintf(words->line, sizeof words->line, "%s", line);
    for (char *at = strtok(words->line, " "); at != NULL; at = strtok(NULL, " "))
        words->list[words->count++] = at;
}

static int parse(const char *line, uint64_t *nodes)
{
    struct report_common common;
    struct words words;

    split(&words, line);
    return report_parse("test", words.count, words.list, options, nodes, &common);
}

static int run_report(const char *line)
{
    struct words words;

    split(&words, line);
    return report_main(words.count, words.list);
}

Test(report, a_wrong_option_ends_with_64)
{
    uint64_t nodes = 0;

    cr_expect_eq(parse("--nodes 3 --seed 5", &nodes), REPORT_GO);
    cr_expect_eq(nodes, 3);
    cr_expect_eq(parse("--nodes 1", &nodes), REPORT_WRONG);
    cr_expect_eq(parse("--nodes", &nodes), REPORT_WRONG);
    cr_expect_eq(parse("--seed x", &nodes), REPORT_WRONG);
    cr_expect_eq(parse("--other", &nodes), REPORT_WRONG);
    cr_expect_eq(run_report("no-such-report"), REPORT_WRONG);
    cr_expect_eq(run_report(""), REPORT_WRONG);
}
