/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Payloads that a redis-server 7.0.15 made, and ours, which are the same where it does not pack.
 */
#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "lib/timeout.h"
#include "value/dump.h"
#include "value/lzf.h"

TestSuite(dump, .timeout = TIMEOUT_S(10));
TestSuite(lzf, .timeout = TIMEOUT_S(10));

#define A10 "aaaaaaaaaa"
#define A80 A10 A10 A10 A10 A10 A10 A10 A10

struct known {
    struct span payload, value;
};

static const struct known plain[] = {
    {SPAN("\x00\xc0\n\n\x00n\x9fWE\x0e\xae"
          "c\xbb"),
     SPAN("10")},
    {SPAN("\x00\xc1\xd4\xfe\n\x00\xc6\xc4\x86#\xfe\xbe\xde."), SPAN("-300")},
    {SPAN("\x00\xc2p\x11\x01\x00\n\x00\x01\xa4\b\xfe\x95"
          "0\x95\xa5"),
     SPAN("70000")},
    {SPAN("\x00\x05hello\n\x00"
          "cr\xdfve4 \n"),
     SPAN("hello")},
    {SPAN("\x00\x00\n\x00]\x9b\\@\x0f\x7f\xa2\xda"), SPAN("")},
};

static const struct known packed[] = {
    {SPAN("\x00\xc3\t@P\x01"
          "aa\xe0"
          "C\x00\x01"
          "aa\n\x00(\xee\xacr\x91\xdb\xc2+"),
     SPAN(A80)},
    {SPAN("\x00\xc3\x13*\x06hello h\xe0\x13\x05\x06, world\n\x00\xb4\xc4(\x96\x05\x9f\x8f\a"),
     SPAN("hello hello hello hello hello hello, world")},
};

static void expect_value(struct span payload, struct span value)
{
    struct buffer unpacked = {0};
    char text[INT64_TEXT_MAX];
    struct dump dump;

    cr_assert_eq(dump_check(payload), DUMP_OK);
    cr_assert_eq(dump_find(payload, text, &dump), DUMP_OK);
    cr_assert_eq(dump.size, value.size);
    if (dump.packed)
        cr_assert(dump_unpack(&dump, &unpacked));
    cr_assert(span_equal(dump.packed ? buffer_content(&unpacked) : dump.bytes, value));
    buffer_deinit(&unpacked);
}

Test(dump, what_redis_writes_is_read)
{
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        expect_value(plain[i].payload, plain[i].value);
    for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++)
        expect_value(packed[i].payload, packed[i].value);
}

Test(dump, what_is_written_is_what_redis_writes)
{
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        struct buffer payload = {0};

        dump_write(plain[i].value, &payload);
        cr_assert(span_equal(buffer_content(&payload), plain[i].payload), "%zu", i);
        buffer_deinit(&payload);
    }
}

Test(dump, every_integer_and_every_length_comes_back)
{
    static const char *const integers[] = {
        "0",          "-1",         "127",         "128",         "-128",
        "-129",       "32767",      "32768",       "-32768",      "-32769",
        "2147483647", "2147483648", "-2147483648", "-2147483649", "007",
        "+1",         "-0",         " 1",          "1.0",         "9223372036854775807"};
    static const size_t lengths[] = {1, 63, 64, 65, 16383, 16384, 16385, 100000};
    struct buffer payload = {0};
    static uint8_t bytes[100000];

    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        buffer_reset(&payload, SIZE_MAX);
        dump_write(span_of_string(integers[i]), &payload);
        expect_value(buffer_content(&payload), span_of_string(integers[i]));
    }
    memset(bytes, 'v', sizeof bytes);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        buffer_reset(&payload, SIZE_MAX);
        dump_write(span_of(bytes, lengths[i]), &payload);
        expect_value(buffer_content(&payload), span_of(bytes, lengths[i]));
    }
    buffer_deinit(&payload);
}

Test(dump, a_payload_that_was_cut_or_changed_is_refused)
{
    const struct span whole = plain[3].payload;
    uint8_t bytes[64];

    for (size_t size = 0; size < whole.size; size++)
        cr_assert_eq(dump_check(span_of(whole.data, size)), DUMP_WRONG);
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        memcpy(bytes, whole.data, whole.size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(dump_check(span_of(bytes, whole.size)), DUMP_WRONG, "bit %zu", bit);
    }
}

/* The body with a footer that is right. */
static struct span sealed(struct buffer *payload, struct span body, unsigned version)
{
    uint8_t footer[10] = {(uint8_t)version, (uint8_t)(version >> 8)};

    buffer_reset(payload, SIZE_MAX);
    buffer_append_span(payload, body);
    buffer_append(payload, footer, 2);
    bytes_put_u64(footer, crc64(0, buffer_content(payload)));
    buffer_append(payload, footer, 8);
    return buffer_content(payload);
}

Test(dump, older_formats_are_read_and_newer_ones_refused)
{
    struct buffer payload = {0};

    expect_value(sealed(&payload, SPAN("\0\x01v"), 1), SPAN("v"));
    expect_value(sealed(&payload, SPAN("\0\x01v"), DUMP_VERSION), SPAN("v"));
    cr_assert_eq(dump_check(sealed(&payload, SPAN("\0\x01v"), DUMP_VERSION + 1)), DUMP_WRONG);
    cr_assert_eq(dump_check(sealed(&payload, SPAN("\0\x01v"), 256)), DUMP_WRONG);
    buffer_deinit(&payload);
}

Test(dump, lengths_are_read_in_all_forms_and_what_follows_is_left)
{
    struct buffer payload = {0};

    expect_value(sealed(&payload, SPAN("\0\x40\x02vw"), 10), SPAN("vw"));
    expect_value(sealed(&payload, SPAN("\0\x80\0\0\0\x02vw"), 10), SPAN("vw"));
    expect_value(sealed(&payload, SPAN("\0\x81\0\0\0\0\0\0\0\x02vw"), 10), SPAN("vw"));
    expect_value(sealed(&payload, SPAN("\0\x02vwxyz"), 10), SPAN("vw"));
    buffer_deinit(&payload);
}

Test(dump, a_value_that_claims_more_than_there_is_is_none)
{
    static const struct span bodies[] = {
        SPAN(""),
        SPAN("\0"),
        SPAN("\0\x01"),
        SPAN("\0\x40"),
        SPAN("\0\x80\0\0\0"),
        SPAN("\0\x80\xff\xff\xff\xff"),
        SPAN("\0\x81\xff\xff\xff\xff\xff\xff\xff\xff"),
        SPAN("\0\x82\0\0\0\x01v"), /* no such length */
        SPAN("\0\xc0"),
        SPAN("\0\xc2\x01\x01\x01"),
        SPAN("\0\xc4\x01\x01\x01"), /* no such code */
        SPAN("\0\xc3"),
        SPAN("\0\xc3\x01"),
        SPAN("\0\xc3\x02\x01\0"),
        SPAN("\0\xc3\xc0\x01\0v"),                        /* a length that is none */
        SPAN("\0\xc3\x03\x80\x7f\xff\xff\xff\xe0\xff\0"), /* 2 GB out of three bytes */
        SPAN("\x08\x01v"),                                /* no such type */
        SPAN("\x14\x01v"),
        SPAN("\xff\x01v"),
    };
    struct buffer payload = {0};
    char text[INT64_TEXT_MAX];
    struct dump dump;

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        cr_assert_eq(dump_find(sealed(&payload, bodies[i], 10), text, &dump), DUMP_BAD, "%zu", i);
    cr_assert_eq(dump_find(SPAN("123"), text, &dump), DUMP_BAD);
    buffer_deinit(&payload);
}

Test(dump, other_types_are_named)
{
    struct buffer payload = {0};
    char text[INT64_TEXT_MAX];
    struct dump dump;

    cr_assert_eq(dump_find(sealed(&payload, SPAN("\x12\x01"), 10), text, &dump), DUMP_FOREIGN);
    cr_assert_str_eq(dump.type, "list");
    cr_assert_eq(dump_find(sealed(&payload, SPAN("\x10\x01"), 10), text, &dump), DUMP_FOREIGN);
    cr_assert_str_eq(dump.type, "hash");
    buffer_deinit(&payload);
}

Test(lzf, bytes_and_repetitions_fill_their_place_and_nothing_else)
{
    static const struct {
        struct span packed;
        size_t size;
        const char *value; /* NULL: refused */
    } cases[] = {
        {SPAN("\x02"
              "abc"),
         3, "abc"},
        {SPAN("\x02"
              "abc\x20\x02"),
         6, "abcabc"},
        {SPAN("\x00"
              "a\xe0\x01\x00"),
         11, "aaaaaaaaaaa"},
        {SPAN(""), 0, ""},
        {SPAN("\x02"
              "abc"),
         4, NULL},
        {SPAN("\x02"
              "abc"),
         2, NULL},
        {SPAN("\x02"
              "ab"),
         3, NULL},
        {SPAN("\x02"
              "abc\x20\x03"),
         6, NULL}, /* begins before the value */
        {SPAN("\x20\x00"), 3, NULL},
        {SPAN("\x02"
              "abc\x20\x02"),
         5, NULL},
        {SPAN("\x02"
              "abc\x20"),
         6, NULL},
        {SPAN("\x02"
              "abc\xe0\x01"),
         13, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t value[32] = {0};
        const bool done = lzf_unpack(cases[i].packed, value, cases[i].size);
        cr_assert_eq(done, cases[i].value != NULL, "%zu", i);
        if (done)
            cr_assert(span_equal(span_of(value, cases[i].size), span_of_string(cases[i].value)));
        for (size_t at = cases[i].size; at < sizeof value; at++)
            cr_assert_eq(value[at], 0);
    }
}
