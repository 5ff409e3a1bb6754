/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parts of strings, and numbers with fractions.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_range, .timeout = TIMEOUT_S(10));
TestSuite(command_float, .timeout = TIMEOUT_S(10));

#define NOW   FIXTURE_NOW_MS
#define NEVER DEADLINE_NEVER

#define NO_INTEGER "-ERR value is not an integer or out of range\r\n"
#define NO_FLOAT   "-ERR value is not a valid float\r\n"
#define TOO_LONG   "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
#define EMPTY      "$0\r\n\r\n"

Test(command_range, places_count_from_either_end_and_what_is_outside_is_left_out)
{
    static const struct {
        const char *places, *reply;
    } ranges[] = {
        {"0 3", "$4\r\nThis\r\n"},
        {"0 -1", "$8\r\nThis is.\r\n"},
        {"-3 -1", "$3\r\nis.\r\n"},
        {"5 100", "$3\r\nis.\r\n"},
        {"-100 1", "$2\r\nTh\r\n"},
        {"-1 -3", EMPTY},
        {"3 1", EMPTY},
        {"8 9", EMPTY},
        {"-100 -99", "$1\r\nT\r\n"}, /* as Redis does */
        {"0 -100", "$1\r\nT\r\n"},
        {"-9223372036854775808 9223372036854775807", "$8\r\nThis is.\r\n"},
    };
    const struct version old = fixture_string("This is.", NOW + 1);
    const struct version empty = fixture_string("", NEVER);
    struct fixture fixture;
    char line[100];

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        snprintf(line, sizeof line, "GETRANGE k %s", ranges[i].places);
        fixture_expect(&fixture, line, &old, ranges[i].reply);
        snprintf(line, sizeof line, "substr k %s", ranges[i].places);
        fixture_expect(&fixture, line, &old, ranges[i].reply);
        fixture_expect(&fixture, line, &empty, EMPTY);
        fixture_expect(&fixture, line, NULL, EMPTY);
    }
    fixture_expect(&fixture, "GETRANGE k a 1", &old, NO_INTEGER);
    fixture_expect(&fixture, "GETRANGE k 1 1.5", NULL, NO_INTEGER);
    fixture_deinit(&fixture);
}

Test(command_range, a_part_is_written_over_and_the_deadline_stays)
{
    const struct version old = fixture_string("Hello World", NOW + 50);
    const struct version dead = fixture_string("Hello World", NOW);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SETRANGE k 6 Redis", &old, ":11\r\n");
    fixture_expect_put(&fixture, "Hello Redis", NOW + 50);
    fixture_expect(&fixture, "SETRANGE k 0 J", &old, ":11\r\n");
    fixture_expect_put(&fixture, "Jello World", NOW + 50);
    fixture_expect(&fixture, "SETRANGE k 11 !", &old, ":12\r\n");
    fixture_expect_put(&fixture, "Hello World!", NOW + 50);
    fixture_expect(&fixture, "SETRANGE k 0 v", &dead, ":1\r\n");
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_deinit(&fixture);
}

static struct span change_content(const struct fixture *fixture, struct buffer *whole)
{
    change_value(&fixture->change, whole);
    return buffer_content(whole);
}

Test(command_range, zeros_fill_what_lies_before_the_part)
{
    const struct version old = fixture_string("ab", NEVER);
    struct buffer whole = {0};
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SETRANGE k 4 x", &old, ":5\r\n");
    cr_assert(span_equal(change_content(&fixture, &whole), SPAN("ab\0\0x")));
    buffer_reset(&whole, SIZE_MAX);
    fixture_expect(&fixture, "SETRANGE k 2 x", NULL, ":3\r\n");
    cr_assert(span_equal(change_content(&fixture, &whole), SPAN("\0\0x")));
    buffer_deinit(&whole);
    fixture_deinit(&fixture);
}

Test(command_range, nothing_written_changes_nothing)
{
    const struct version old = fixture_string("ab", NEVER);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SETRANGE k 100 \"\"", &old, ":2\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SETRANGE k 9223372036854775807 \"\"", NULL, ":0\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SETRANGE k -1 \"\"", NULL, "-ERR offset is out of range\r\n");
    fixture_expect(&fixture, "SETRANGE k 1.0 x", NULL, NO_INTEGER);
    fixture_deinit(&fixture);
}

Test(command_range, no_string_grows_past_the_bounds)
{
    const struct version old = fixture_string("ab", NEVER);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SETRANGE k 536870912 x", &old, TOO_LONG);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SETRANGE k 9223372036854775807 x", NULL, TOO_LONG);
    fixture_expect(&fixture, "SETRANGE k 536870911 x", NULL, ":536870912\r\n");
    fixture.options->maxmemory = 1000;
    fixture_expect(&fixture, "SETRANGE k 1000 x", &old,
                   "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SETRANGE k 999 x", &old, ":1000\r\n");
    fixture_deinit(&fixture);
}

Test(command_float, a_fraction_is_added_and_the_deadline_stays)
{
    const struct version old = fixture_string("10.50", NOW + 50);
    const struct version dead = fixture_string("10.50", NOW);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "INCRBYFLOAT k 0.1", &old, "$4\r\n10.6\r\n");
    fixture_expect_put(&fixture, "10.6", NOW + 50);
    fixture_expect(&fixture, "INCRBYFLOAT k -10.5", &old, "$1\r\n0\r\n");
    fixture_expect_put(&fixture, "0", NOW + 50);
    fixture_expect(&fixture, "INCRBYFLOAT k 5.0e3", &dead, "$4\r\n5000\r\n");
    fixture_expect_put(&fixture, "5000", NEVER);
    fixture_expect(&fixture, "INCRBYFLOAT k 3", NULL, "$1\r\n3\r\n");
    fixture_expect_put(&fixture, "3", NEVER);
    fixture_run(&fixture, "INCRBYFLOAT k 1e4000", NULL);
    cr_assert_geq(buffer_size(&fixture.made), 4000); /* or one more, as it is rounded */
    fixture_deinit(&fixture);
}

Test(command_float, the_old_value_is_looked_at_before_the_argument)
{
    const struct version word = fixture_string("word", NEVER);
    const struct version endless = fixture_string("inf", NEVER);
    const struct version one = fixture_string("1", NEVER);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "INCRBYFLOAT k 1", &word, NO_FLOAT);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "INCRBYFLOAT k x", &one, NO_FLOAT);
    fixture_expect(&fixture, "INCRBYFLOAT k inf", &one,
                   "-ERR increment would produce NaN or Infinity\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "INCRBYFLOAT k -inf", &endless,
                   "-ERR increment would produce NaN or Infinity\r\n");
    fixture_expect(&fixture, "INCRBYFLOAT k 1e-4932", NULL, "$1\r\n0\r\n");
    fixture_deinit(&fixture);
}
