/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DUMP and RESTORE: what is refused, in the order in which Redis looks at it, and what becomes of
 * the key.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_dump, .timeout = TIMEOUT_S(10));

#define NOW   FIXTURE_NOW_MS
#define NEVER DEADLINE_NEVER

#define OK     "+OK\r\n"
#define BUSY   "-BUSYKEY Target key name already exists.\r\n"
#define WRONG  "-ERR DUMP payload version or checksum are wrong\r\n"
#define SYNTAX "-ERR syntax error\r\n"

/* As redis-cli shows them: made by a redis-server 7.0.15. */
#define HELLO  "\"\\x00\\x05hello\\n\\x00cr\\xdfve4 \\n\""
#define TEN    "\"\\x00\\xc0\\n\\n\\x00n\\x9fWE\\x0e\\xaec\\xbb\""
#define PACKED "\"\\x00\\xc3\\t@P\\x01aa\\xe0C\\x00\\x01aa\\n\\x00(\\xee\\xacr\\x91\\xdb\\xc2+\""
#define LIST                                                                                     \
    "\"\\x12\\x01\\x02\\n\\n\\x00\\x00\\x00\\x01\\x00\\x81a\\x02\\xff\\n\\x00\\t\\xb9\\xed\\xf5" \
    "\\x94\\xde\\xd9\\x95\""
#define NOTHING "\"\\x0a\\x00\\x5d\\x9b\\x5c\\x40\\x0f\\x7f\\xa2\\xda\""
#define SHORT   "\"\\x00\\x05\\x68\\x65\\x6c\\x6c\\x0a\\x00\\x65\\x04\\x75\\x97\\x72\\xaa\\xf5\\x95\""
#define TORN    "\"\\x00\\xc3\\x02\\x03\\x02\\x61\\x0a\\x00\\x56\\x07\\xf4\\x0d\\xa9\\xac\\xbb\\x57\""
#define A10     "aaaaaaaaaa"
#define A80     A10 A10 A10 A10 A10 A10 A10 A10

Test(command_dump, a_value_is_answered_as_redis_writes_it)
{
    const struct version hello = fixture_string("hello", NOW + 1);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_run(&fixture, "DUMP k", &hello);
    cr_assert(span_equal(buffer_content(&fixture.reply), SPAN("$17\r\n\x00\x05hello\n\x00"
                                                              "cr\xdfve4 \n\r\n")));
    fixture_expect(&fixture, "DUMP k", NULL, "$-1\r\n");
    session_set_protocol(&fixture.session, 3);
    fixture_expect(&fixture, "DUMP k", NULL, "_\r\n");
    fixture_deinit(&fixture);
}

Test(command_dump, a_payload_becomes_the_value)
{
    const struct version old = fixture_string("old", NOW + 50);
    const struct version dead = fixture_string("old", NOW);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "RESTORE k 0 " HELLO, NULL, OK);
    fixture_expect_put(&fixture, "hello", NEVER);
    fixture_expect(&fixture, "RESTORE k 0 " TEN, &dead, OK);
    fixture_expect_put(&fixture, "10", NEVER);
    fixture_expect(&fixture, "RESTORE k 0 " PACKED " REPLACE", &old, OK);
    fixture_expect_put(&fixture, A80, NEVER);
    fixture_deinit(&fixture);
}

Test(command_dump, a_time_to_live_is_from_now_or_a_date)
{
    const struct version old = fixture_string("old", NEVER);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "RESTORE k 100 " HELLO, NULL, OK);
    fixture_expect_put(&fixture, "hello", NOW + 100);
    fixture_expect(&fixture, "RESTORE k 1700000000005 " HELLO " absttl", NULL, OK);
    fixture_expect_put(&fixture, "hello", NOW + 5);
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " ABSTTL", NULL, OK);
    fixture_expect_put(&fixture, "hello", NEVER);
    fixture_expect(&fixture, "RESTORE k 9223372036854775807 " HELLO, NULL, OK);
    fixture_expect_put(&fixture, "hello", NEVER - 1);
    /* What has expired is not kept, and its key is free. */
    fixture_expect(&fixture, "RESTORE k 5 " HELLO " ABSTTL", NULL, OK);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "RESTORE k 5 " HELLO " ABSTTL REPLACE", &old, OK);
    fixture_expect_delete(&fixture);
    fixture_deinit(&fixture);
}

Test(command_dump, how_it_was_used_is_looked_at_and_not_kept)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " IDLETIME 10 replace IDLETIME 11", NULL, OK);
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " FREQ 255", NULL, OK);
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " FREQ 256", NULL,
                   "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " IDLETIME -1", NULL,
                   "-ERR Invalid IDLETIME value, must be >= 0\r\n");
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " FREQ x", NULL,
                   "-ERR value is not an integer or out of range\r\n");
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " IDLETIME 1 FREQ 1", NULL, SYNTAX);
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " FREQ", NULL, SYNTAX);
    fixture_expect(&fixture, "RESTORE k 0 " HELLO " NOSUCH", NULL, SYNTAX);
    fixture_deinit(&fixture);
}

Test(command_dump, the_key_is_looked_at_before_the_time_and_that_before_the_payload)
{
    const struct version old = fixture_string("old", NEVER);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "RESTORE k x junk", &old, BUSY);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "RESTORE k x junk", NULL,
                   "-ERR value is not an integer or out of range\r\n");
    fixture_expect(&fixture, "RESTORE k -1 junk REPLACE", &old,
                   "-ERR Invalid TTL value, must be >= 0\r\n");
    fixture_expect(&fixture, "RESTORE k 0 junk", NULL, WRONG);
    fixture_expect(&fixture, "RESTORE k 0 \"\"", NULL, WRONG);
    fixture_expect(&fixture, "RESTORE k 0 " LIST " REPLACE", &old,
                   "-ERR the payload is a list, and only strings can be kept yet\r\n");
    fixture_expect_nothing(&fixture);
    fixture_deinit(&fixture);
}

Test(command_dump, a_value_without_its_bytes_is_bad)
{
    struct fixture fixture;

    fixture_init(&fixture);
    /* A footer that is right, of nothing and of a length that is more than there is. */
    fixture_expect(&fixture, "RESTORE k 0 " NOTHING, NULL, "-ERR Bad data format\r\n");
    fixture_expect(&fixture, "RESTORE k 0 " SHORT, NULL, "-ERR Bad data format\r\n");
    fixture_expect(&fixture, "RESTORE k 0 " TORN, NULL, "-ERR Bad data format\r\n");
    fixture_deinit(&fixture);
}

Test(command_dump, what_would_be_too_long_is_not_unpacked)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.options->proto_max_bulk_len = 79;
    fixture_expect(&fixture, "RESTORE k 0 " PACKED, NULL,
                   "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    fixture_expect_nothing(&fixture);
    cr_assert_eq(buffer_size(&fixture.made), 0);
    fixture.options->proto_max_bulk_len = 80;
    fixture_expect(&fixture, "RESTORE k 0 " PACKED, NULL, OK);
    fixture_deinit(&fixture);
}
