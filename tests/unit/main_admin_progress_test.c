/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "main/admin_progress.h"

static struct buffer text;

static void forget(void)
{
    buffer_deinit(&text);
}

TestSuite(admin_progress, .timeout = TIMEOUT_S(60), .fini = forget);

static const char *render(const struct admin_progress *progress, size_t columns)
{
    buffer_reset(&text, 0);
    admin_progress_render(progress, "keys", columns, false, &text);
    buffer_append(&text, "", 1);
    return (const char *)buffer_content(&text).data;
}

Test(admin_progress, a_line_says_how_far_how_fast_and_how_long)
{
    struct admin_progress progress;

    admin_progress_init(&progress, 0, 100000, 5000);
    cr_assert_str_eq(render(&progress, 200),
                     "[>                   ]   0 %  0 of 100,000 keys  0 keys/s");
    admin_progress_note(&progress, 45000, 14000);
    cr_assert_eq(admin_progress_rate(&progress), 5000);
    cr_assert_str_eq(
        render(&progress, 200),
        "[=========>          ]  45 %  45,000 of 100,000 keys  5,000 keys/s  0:11 left");
    admin_progress_note(&progress, 100000, 15000);
    cr_assert_eq(admin_progress_left_ms(&progress), 0);
}

Test(admin_progress, the_rate_is_that_of_late)
{
    struct admin_progress progress;
    uint64_t done = 0;

    admin_progress_init(&progress, 0, 1000000, 0);
    for (int64_t ms = 1000; ms <= 60000; ms += 1000)
        admin_progress_note(&progress, done += 10000, ms);
    cr_assert_eq(admin_progress_rate(&progress), 10000);
    for (int64_t ms = 61000; ms <= 120000; ms += 1000)
        admin_progress_note(&progress, done += 100, ms);
    cr_assert_eq(admin_progress_rate(&progress), 100);
}

Test(admin_progress, what_was_done_before_is_no_speed)
{
    struct admin_progress progress;

    admin_progress_init(&progress, 900, 1000, 0);
    admin_progress_note(&progress, 910, 1000);
    cr_assert_eq(admin_progress_rate(&progress), 10);
    cr_assert_eq(admin_progress_left_ms(&progress), 9000);
}

Test(admin_progress, more_may_come_than_was_counted)
{
    struct admin_progress progress;

    admin_progress_init(&progress, 0, 10, 0);
    admin_progress_note(&progress, 20, 1000);
    cr_assert_str_eq(render(&progress, 200),
                     "[====================] 100 %  20 of 10 keys  20 keys/s  0:00 left");
}

Test(admin_progress, without_a_total_there_is_no_end_in_sight)
{
    struct admin_progress progress;

    admin_progress_init(&progress, 0, 0, 0);
    admin_progress_note(&progress, 1234, 1000);
    cr_assert_str_eq(render(&progress, 200), "1,234 keys  1,234 keys/s");
    cr_assert_eq(admin_progress_left_ms(&progress), -1);
}

Test(admin_progress, a_line_is_no_wider_than_it_may_be)
{
    struct admin_progress progress;

    admin_progress_init(&progress, 0, 100000, 0);
    admin_progress_note(&progress, 50000, 1000);
    for (size_t columns = 1; columns < 100; columns++)
        cr_assert_leq(strlen(render(&progress, columns)), columns);
    buffer_reset(&text, 0);
    admin_progress_render(&progress, "keys", 50, true, &text);
    cr_assert_eq(buffer_size(&text), 50 + strlen("\033[32m\033[0m"));
}

Test(admin_progress, times_are_read_as_on_a_clock)
{
    admin_append_time(&text, 0);
    buffer_append_string(&text, " ");
    admin_append_time(&text, 61499);
    buffer_append_string(&text, " ");
    admin_append_time(&text, 3723000);
    cr_assert(span_equal(buffer_content(&text), SPAN("0:00 1:01 1:02:03")));
}
