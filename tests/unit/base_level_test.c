/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/level.h"
#include "lib/timeout.h"

TestSuite(level, .timeout = TIMEOUT_S(10));

Test(level, every_level_is_read_back_from_its_name)
{
    int valid = 0;

    for (int byte = 1; byte < 256; byte++) {
        uint8_t level = 0;
        if (!level_valid((uint8_t)byte))
            continue;
        valid++;
        cr_assert(level_parse(span_of_string(level_name((uint8_t)byte)), &level));
        cr_assert_eq(level, byte);
    }
    cr_assert_eq(valid, COPIES_MAX + 2);
    cr_assert_str_eq(level_name(LEVEL_DEFAULT), "DEFAULT");
}

Test(level, names_are_read_in_any_case_and_small_numbers_as_well)
{
    uint8_t level = 99;

    cr_assert(level_parse(SPAN("quorum"), &level));
    cr_assert_eq(level, LEVEL_QUORUM);
    cr_assert(level_parse(SPAN("2"), &level));
    cr_assert_eq(level, 2);
    cr_assert_str_eq(level_name(2), "TWO");
    static const char *const wrong[] = {"", "0", "8", "-1", "01", "default", "most", "QUORUMS"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        level = 99;
        cr_assert_not(level_parse(span_of_string(wrong[i]), &level), "%s", wrong[i]);
        cr_assert_eq(level, 99);
    }
}

Test(level, a_quorum_is_more_than_half_of_the_copies)
{
    static const unsigned quorums[] = {0, 1, 2, 2, 3, 3, 4, 4};

    for (unsigned copies = 1; copies <= COPIES_MAX; copies++) {
        cr_assert_eq(level_needed(LEVEL_QUORUM, copies), quorums[copies]);
        cr_assert_eq(level_needed(LEVEL_ALL, copies), copies);
        cr_assert_eq(level_needed(LEVEL_ONE, copies), 1);
    }
    cr_assert_eq(level_needed(3, 2), 3, "a number is not cut down to the copies there are");
}
