/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/timeout.h"
#include "main/admin_tally.h"

static struct buffer text;

static void forget(void)
{
    buffer_deinit(&text);
}

TestSuite(admin_tally, .timeout = TIMEOUT_S(60), .fini = forget);

static const char *content(void)
{
    buffer_append(&text, "", 1);
    return (const char *)buffer_content(&text).data;
}

Test(admin_tally, the_first_few_of_each_type_are_named)
{
    struct admin_tally tally = {.looked_at = 1234567, .carried = 1234560};

    for (int i = 0; i < 5; i++) {
        char key[32];
        snprintf(key, sizeof key, "l %d", i);
        admin_tally_type(&tally, SPAN("list"), span_of_string(key));
    }
    admin_tally_type(&tally, SPAN("ReJSON-RL"), SPAN("j"));
    cr_assert_eq(admin_tally_not_carried(&tally), 6);
    cr_assert_not(admin_tally_complete(&tally));
    admin_tally_print(&tally, false, false, &text);
    cr_assert_str_eq(content(), "  looked at                                   1,234,567\n"
                                "  carried                                     1,234,560\n"
                                "  there already                                       0\n"
                                "  vanished (deleted or expired meanwhile)             0\n"
                                "  not carried                                         6\n"
                                "    list                                              5"
                                "  \"l 0\", \"l 1\", \"l 2\", ...\n"
                                "    ReJSON-RL                                         1  j\n"
                                "  failed                                              0\n");
}

Test(admin_tally, types_past_the_bound_are_counted_together)
{
    struct admin_tally tally = {0};

    for (int i = 0; i < 40; i++) {
        char type[32];
        snprintf(type, sizeof type, "type-%d", i);
        admin_tally_type(&tally, span_of_string(type), SPAN("k"));
    }
    cr_assert_eq(admin_tally_not_carried(&tally), 40);
    cr_assert_str_eq(tally.types[ADMIN_TYPES_MAX - 1].name, "other types");
    cr_assert_eq(tally.types[ADMIN_TYPES_MAX - 1].keys.count, 40 - ADMIN_TYPES_MAX + 1);
}

Test(admin_tally, a_long_name_is_cut)
{
    struct admin_names names = {0};
    char key[500];

    memset(key, 'k', sizeof key);
    admin_names_add(&names, span_of(key, sizeof key), "why");
    cr_assert_eq(strlen(names.names[0]), ADMIN_NAME_SIZE - 1);
    cr_assert_str_eq(names.names[0] + ADMIN_NAME_SIZE - 4, "...");
}

Test(admin_tally, a_difference_makes_it_incomplete)
{
    struct admin_tally tally = {.looked_at = 2, .carried = 2, .compared = 2, .same = 2};

    cr_assert(admin_tally_complete(&tally));
    tally.same = 1;
    cr_assert_not(admin_tally_complete(&tally));
    tally.same = 2;
    tally.failed = 1;
    cr_assert_not(admin_tally_complete(&tally));
}

Test(admin_tally, any_bytes_are_json)
{
    admin_append_json(&text, SPAN("a\"\\\n\x7f\xc3\xa4\xff\xe2\x82\xed\xa0\x80\xf0\x9f\x98\x80"));
    cr_assert_str_eq(content(), "\"a\\\"\\\\\\u000a\\u007f\xc3\xa4\\u00ff\\u00e2\\u0082"
                                "\\u00ed\\u00a0\\u0080\xf0\x9f\x98\x80\"");
}

Test(admin_tally, the_summary_as_json_has_all)
{
    struct admin_tally tally = {.looked_at = 3, .carried = 1, .failed = 1};

    admin_tally_type(&tally, SPAN("list"), SPAN("l"));
    admin_names_add(&tally.failures, SPAN("f"), "bad");
    admin_tally_print_json(&tally, true, &text);
    cr_assert_str_eq(content(),
                     "\"looked_at\": 3, \"carried\": 1, \"there_already\": 0, \"vanished\": 0, "
                     "\"not_carried\": {\"list\": {\"count\": 1, \"first\": [\"l\"]}}, "
                     "\"failed\": 1, \"failures\": [\"f (bad)\"], \"compared\": 0, \"same\": 0, "
                     "\"missing\": 0, \"other_value\": 0, \"other_time_to_live\": 0, "
                     "\"not_compared\": 0, \"differences\": []");
}
