/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/log.h"
#include "lib/timeout.h"

struct lines {
    size_t count;
    enum log_level level;
    char last[LOG_LINE_MAX + 1];
};

TestSuite(log, .timeout = TIMEOUT_S(10));

static void sink(void *context, enum log_level level, struct span line)
{
    struct lines *lines = context;

    cr_assert_leq(line.size, LOG_LINE_MAX);
    lines->count++;
    lines->level = level;
    memcpy(lines->last, line.data, line.size);
    lines->last[line.size] = '\0';
}

Test(log, lines_below_the_level_are_not_made)
{
    struct lines lines = {0};
    struct log log;

    log_init(&log, LOG_NOTICE, sink, &lines);
    log_write(&log, LOG_VERBOSE, "unseen %d", 1);
    cr_assert_eq(lines.count, 0);
    log_write(&log, LOG_WARNING, "node %s is %s", "a", "down");
    cr_assert_eq(lines.count, 1);
    cr_assert_eq(lines.level, LOG_WARNING);
    cr_assert_str_eq(lines.last, "node a is down");
    log_set_level(&log, LOG_DEBUG);
    log_write(&log, LOG_DEBUG, "%s", "seen");
    cr_assert_str_eq(lines.last, "seen");
}

Test(log, what_comes_from_outside_forges_no_line)
{
    struct lines lines = {0};
    struct log log;

    log_init(&log, LOG_NOTICE, sink, &lines);
    log_write(&log, LOG_NOTICE, "client named '%s'", "x\n1:M * all is well\x1b[2J\x7f");
    cr_assert_str_eq(lines.last, "client named 'x?1:M * all is well?[2J?'");
}

Test(log, a_long_line_is_cut_and_says_so)
{
    struct lines lines = {0};
    struct log log;
    char text[2 * LOG_LINE_MAX];

    log_init(&log, LOG_NOTICE, sink, &lines);
    memset(text, 'a', sizeof text);
    log_write(&log, LOG_NOTICE, "%.*s", LOG_LINE_MAX, text);
    cr_assert_eq(lines.last[LOG_LINE_MAX - 1], 'a');
    log_write(&log, LOG_NOTICE, "%.*s", LOG_LINE_MAX + 1, text);
    cr_assert_str_eq(lines.last + LOG_LINE_MAX - 4, "a...");
}
