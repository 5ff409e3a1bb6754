/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/crc64.h"
#include "lib/timeout.h"

TestSuite(crc64, .timeout = TIMEOUT_S(10));

/* Bit by bit, as the polynomial says. */
static uint64_t slowly(struct span bytes)
{
    uint64_t crc = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT64_C(0x95ac9329ac4bc9b5) : 0);
    }
    return crc;
}

Test(crc64, the_sum_is_that_of_the_standards_test)
{
    cr_assert_eq(crc64(0, SPAN("123456789")), UINT64_C(0xe9c6d914c4b8d9ca));
    cr_assert_eq(crc64(0, SPAN("")), 0);
}

Test(crc64, many_bytes_at_a_time_give_what_single_bits_give)
{
    uint8_t bytes[2048];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i / 3 + i * 7 + (i >> 8));
    for (size_t size = 0; size < 300; size++)
        cr_assert_eq(crc64(0, span_of(bytes + size, size)), slowly(span_of(bytes + size, size)));
    cr_assert_eq(crc64(0, span_of(bytes, sizeof bytes)), slowly(span_of(bytes, sizeof bytes)));
}

Test(crc64, a_sum_goes_on_from_where_it_was)
{
    const struct span whole = SPAN("a sum that is made in two parts");

    for (size_t cut = 0; cut <= whole.size; cut++) {
        const uint64_t first = crc64(0, span_of(whole.data, cut));
        cr_assert_eq(crc64(first, span_of(whole.data + cut, whole.size - cut)), crc64(0, whole));
    }
}
