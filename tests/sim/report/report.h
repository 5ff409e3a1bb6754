/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `dunlin-sim --report NAME [option ...]`: what Dunlin shows at scale, measured on the real code
 * and printed with the formula beside it. A report is a row of `report_rows`; it reads its options
 * with report_parse, fills tables (table.h) and a figure (plot.h), and hands both to report_finish.
 *
 * All reports take --seed S, --svg FILE, --json and --help. The same seed gives the same bytes.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_REPORT_H
#define DUNLIN_TESTS_SIM_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/report/plot.h"
#include "sim/report/table.h"

/* What every report is asked. */
struct report_common {
    uint64_t seed;
    const char *svg; /* where the figure goes; NULL: nowhere */
    bool json;       /* instead of text */
};

/* One option of one report. A list of them ends with a row without a name, whose text, if any, is
 * printed below them. */
struct report_option {
    const char *name;     /* with its dashes */
    const char *value;    /* what follows it, as the usage names it; NULL: nothing */
    const char *text;     /* what it does, and its default */
    const char *accepted; /* said when `set` refuses; NULL where it never does */
    bool (*set)(void *settings, const char *value); /* value is NULL where nothing follows */
};

enum { REPORT_GO = -1, REPORT_WRONG = 64 };

/* Reads the options: REPORT_GO, or the exit status to end with (--help was asked, or something was
 * wrong and has been said on stderr). `settings` is handed to the rows' `set`. */
int report_parse(const char *report, int argc, char **argv, const struct report_option *rows,
                 void *settings, struct report_common *common);

/* Prints the tables and writes the figure, which may be NULL; the exit status. */
int report_finish(const struct report_common *common, const char *report,
                  const struct table *tables, size_t table_count, const struct figure *figure);

/* Says on stderr what is going on, and then what came of it and how long it took: real time is
 * not the seed's, and stdout holds what is. */
struct report_work {
    double start_s;
};
struct report_work report_work_begin(const char *what, uint64_t nodes);
void report_work_end(const struct report_work *work, const char *done);

/* A whole number from min to max; false, and nothing set, for anything else. */
bool report_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* Several of them with commas between. */
#define REPORT_LIST_MAX 32
struct report_list {
    size_t count;
    uint64_t numbers[REPORT_LIST_MAX];
};
bool report_list(const char *text, uint64_t min, uint64_t max, struct report_list *list);

/* argv[0] is the report's name, what follows are its options; the exit status. */
int report_main(int argc, char **argv);

#endif
