/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <float.h>

#include "base/decimal.h"
#include "lib/timeout.h"

TestSuite(decimal, .timeout = TIMEOUT_S(10));

Test(decimal, numbers_are_read_in_every_form_of_strtold)
{
    static const struct {
        const char *text;
        long double value;
    } numbers[] = {{"0", 0},     {"-3", -3},         {"+3", 3},           {"5.", 5},
                   {".5", 0.5L}, {"1e3", 1000},      {"-2.5E-1", -0.25L}, {"0x10", 16},
                   {"0x1p3", 8}, {"1e4000", 1e4000L}};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        long double value = 77;
        cr_assert(decimal_read(span_of_string(numbers[i].text), &value), "%s", numbers[i].text);
        cr_assert(value == numbers[i].value, "%s", numbers[i].text);
    }
}

Test(decimal, what_is_no_number_or_out_of_range_is_refused)
{
    static const char *const wrong[] = {"",    " 1",  "1 ",  "abc", "1a",     "1e",
                                        "--1", "nan", "1,5", "\n1", "1e5000", "1e-5000"};
    char many[DECIMAL_TEXT_MAX];
    long double value = 77;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_not(decimal_read(span_of_string(wrong[i]), &value), "%s", wrong[i]);
    cr_assert_not(decimal_read(SPAN("1\0"), &value));
    memset(many, '1', sizeof many);
    cr_assert_not(decimal_read(span_of(many, sizeof many), &value));
    cr_assert(value == 77);
    many[1] = '.';
    cr_assert(decimal_read(span_of(many, sizeof many - 1), &value));
}

static void expect_text(long double value, const char *text)
{
    char given[DECIMAL_TEXT_MAX];
    const size_t size = decimal_write(value, given);

    cr_assert(span_equal(span_of(given, size), span_of_string(text)), "%.*s and not %s", (int)size,
              given, text);
}

Test(decimal, numbers_are_written_with_what_says_something)
{
    char largest[DECIMAL_TEXT_MAX];

    expect_text(0, "0");
    expect_text(-0.0L, "0");
    expect_text(-1e-18L, "0");
    expect_text(10, "10");
    expect_text(-100, "-100");
    expect_text(3.14L, "3.14");
    expect_text(0.1L + 0.2L, "0.3");
    expect_text(1e-17L, "0.00000000000000001");
    cr_assert_gt(decimal_write(-LDBL_MAX, largest), 300);
}
