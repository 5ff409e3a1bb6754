/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/span.h"
#include "lib/timeout.h"

TestSuite(span, .timeout = TIMEOUT_S(10));

Test(span, equal_spans_hold_the_same_bytes_nul_included)
{
    cr_assert(span_equal(SPAN("a\0b"), span_of("a\0b", 3)));
    cr_assert_not(span_equal(SPAN("a\0b"), SPAN("a\0c")));
    cr_assert_not(span_equal(SPAN("a"), SPAN("ab")));
    cr_assert(span_equal(span_of(NULL, 0), SPAN("")));
}

Test(span, names_are_compared_in_any_case)
{
    cr_assert(span_is(SPAN("GeT"), "get"));
    cr_assert(span_is(SPAN("get"), "GET"));
    cr_assert(span_is(span_of(NULL, 0), ""));
    cr_assert_not(span_is(SPAN("get"), "gets"));
    cr_assert_not(span_is(SPAN("gets"), "get"));
    cr_assert_not(span_is(SPAN("get\0"), "get"));
    cr_assert_not(span_is(SPAN("["), "{"), "only letters fold");
}

Test(span, integers_are_read_in_redis_canonical_form)
{
    static const struct {
        const char *text;
        int64_t value;
    } right[] = {
        {"0", 0},
        {"7", 7},
        {"-1", -1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const wrong[] = {
        "",
        "-",
        "+1",
        "01",
        "-0",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "--1",
        "1a",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
    };
    int64_t value;

    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        cr_assert(span_to_int64(span_of_string(right[i].text), &value), "%s", right[i].text);
        cr_assert_eq(value, right[i].value, "%s", right[i].text);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        value = 42;
        cr_assert_not(span_to_int64(span_of_string(wrong[i]), &value), "'%s'", wrong[i]);
        cr_assert_eq(value, 42, "'%s'", wrong[i]);
    }
}

Test(span, integers_are_written_as_they_are_read)
{
    static const int64_t values[] = {0, 1, -1, 10, -10, 12345678901234, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[INT64_TEXT_MAX];
        int64_t value;
        const size_t size = int64_to_text(values[i], text);
        cr_assert(span_to_int64(span_of(text, size), &value));
        cr_assert_eq(value, values[i]);
    }
}

Test(span, numbers_in_byte_layouts_are_little_endian_and_unaligned)
{
    uint8_t bytes[9] = {0};

    bytes_put_u64(bytes + 1, UINT64_C(0x0102030405060708));
    cr_assert_eq(bytes[1], 8);
    cr_assert_eq(bytes[8], 1);
    cr_assert_eq(bytes_get_u64(bytes + 1), UINT64_C(0x0102030405060708));
    cr_assert_eq(bytes_get_u32(bytes + 1), 0x05060708);
    cr_assert_eq(bytes_get_u16(bytes + 1), 0x0708);
}
