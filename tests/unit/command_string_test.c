/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Strings and keys: what the handlers answer, and what they want changed.
 */
#include <criterion/criterion.h>

#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_string, .timeout = TIMEOUT_S(10));
TestSuite(command_key, .timeout = TIMEOUT_S(10));

#define NOW   FIXTURE_NOW_MS
#define NEVER DEADLINE_NEVER

#define SYNTAX      "-ERR syntax error\r\n"
#define NO_INTEGER  "-ERR value is not an integer or out of range\r\n"
#define BAD_TIME(n) "-ERR invalid expire time in '" n "' command\r\n"
#define WRONG_TYPE  "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define OK          "+OK\r\n"
#define NIL         "$-1\r\n"

/* A command that answers an error before it looks at its key. */
struct refusal {
    const char *line, *reply;
};

static void expect_refusals(const struct refusal *refusals, size_t count)
{
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < count; i++) {
        fixture_expect(&fixture, refusals[i].line, NULL, refusals[i].reply);
        cr_assert(!fixture.prepared, "%s", refusals[i].line);
    }
    fixture_deinit(&fixture);
}

#define EXPECT_REFUSALS(refusals) expect_refusals(refusals, sizeof refusals / sizeof refusals[0])

Test(command_string, get_answers_the_value_until_its_deadline)
{
    struct fixture fixture;
    const struct version stays = fixture_string("v", NEVER);
    const struct version lives = fixture_string("v", NOW + 1);
    const struct version dead = fixture_string("v", NOW);
    struct version siblings = stays;

    siblings.kind = VALUE_SIBLINGS;
    fixture_init(&fixture);
    fixture_expect(&fixture, "GET k", NULL, NIL);
    fixture_expect(&fixture, "GET k", &stays, "$1\r\nv\r\n");
    fixture_expect(&fixture, "GET k", &lives, "$1\r\nv\r\n");
    fixture_expect(&fixture, "GET k", &dead, NIL);
    fixture_expect(&fixture, "GET k", &siblings, WRONG_TYPE);
    fixture_expect(&fixture, "MGET k", &siblings, NIL);
    fixture_expect(&fixture, "STRLEN k", &siblings, WRONG_TYPE);
    fixture_expect(&fixture, "STRLEN k", &lives, ":1\r\n");
    fixture_expect(&fixture, "STRLEN k", &dead, ":0\r\n");
    session_set_protocol(&fixture.session, 3);
    fixture_expect(&fixture, "GET k", NULL, "_\r\n");
    fixture_deinit(&fixture);
}

Test(command_string, a_plain_set_is_blind_and_clears_the_deadline)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SET k v", NULL, OK);
    cr_assert_eq(fixture.kind, COMMAND_WRITE);
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "SET k v EX 10", NULL, OK);
    cr_assert_eq(fixture.kind, COMMAND_WRITE);
    fixture_expect_put(&fixture, "v", NOW + 10000);
    fixture_expect(&fixture, "SET k v px 10", NULL, OK);
    fixture_expect_put(&fixture, "v", NOW + 10);
    fixture_expect(&fixture, "SET k v EXAT 1700000001", NULL, OK);
    fixture_expect_put(&fixture, "v", NOW + 1000);
    fixture_expect(&fixture, "SET k v PXAT 1700000000001", NULL, OK);
    fixture_expect_put(&fixture, "v", NOW + 1);
    fixture_expect(&fixture, "SET k v PXAT 9223372036854775807", NULL, OK);
    fixture_expect_put(&fixture, "v", NEVER - 1);
    fixture_expect(&fixture, "SETEX k 5 v", NULL, OK);
    fixture_expect_put(&fixture, "v", NOW + 5000);
    fixture_expect(&fixture, "PSETEX k 5 v", NULL, OK);
    fixture_expect_put(&fixture, "v", NOW + 5);
    fixture_expect(&fixture, "MSET k v", NULL, OK);
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_deinit(&fixture);
}

Test(command_string, a_set_whose_time_is_past_deletes)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SET k v EXAT 1", NULL, OK);
    fixture_expect_delete(&fixture);
    fixture_expect(&fixture, "SET k v NX PXAT 1700000000000", NULL, OK);
    fixture_expect_delete(&fixture);
    fixture_deinit(&fixture);
}

Test(command_string, a_conditional_set_looks_at_the_old_version)
{
    struct fixture fixture;
    const struct version old = fixture_string("old", NOW + 50);
    const struct version dead = fixture_string("old", NOW);

    fixture_init(&fixture);
    fixture_expect(&fixture, "SET k v NX", &old, NIL);
    cr_assert_eq(fixture.kind, COMMAND_UPDATE);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SET k v NX", &dead, OK);
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "SET k v XX", &dead, NIL);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SET k v XX", &old, OK);
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "SET k v GET", &old, "$3\r\nold\r\n");
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "SET k v NX GET", &old, "$3\r\nold\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SET k v NX GET", NULL, NIL);
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "SET k v XX GET", NULL, NIL);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SET k v KEEPTTL", &old, OK);
    fixture_expect_put(&fixture, "v", NOW + 50);
    fixture_expect(&fixture, "SET k v KEEPTTL", &dead, OK);
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "SETNX k v", &old, ":0\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "SETNX k v", &dead, ":1\r\n");
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "GETSET k v", &old, "$3\r\nold\r\n");
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "GETDEL k", &old, "$3\r\nold\r\n");
    fixture_expect_delete(&fixture);
    fixture_expect(&fixture, "GETDEL k", &dead, NIL);
    fixture_expect_nothing(&fixture);
    fixture_deinit(&fixture);
}

Test(command_string, set_and_its_like_refuse_bad_options_in_redis_words)
{
    static const struct refusal refusals[] = {
        {"SET k v foo", SYNTAX},
        {"SET k v NX XX", SYNTAX},
        {"SET k v EX", SYNTAX},
        {"SET k v EX 1 PX 1", SYNTAX},
        {"SET k v KEEPTTL EX 1", SYNTAX},
        {"SET k v EX 1 KEEPTTL", SYNTAX},
        {"SET k v EX x", NO_INTEGER},
        {"SET k v EX 0", BAD_TIME("set")},
        {"SET k v PX -1", BAD_TIME("set")},
        {"SET k v EX 9223372036854775807", BAD_TIME("set")},
        {"SET k v PX 9223372036854775807", BAD_TIME("set")},
        {"SETEX k 0 v", BAD_TIME("setex")},
        {"PSETEX k x v", NO_INTEGER},
        {"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n"},
        {"GETEX k PERSIST EX 1", SYNTAX},
        {"GETEX k EX", SYNTAX},
        {"INCRBY k x", NO_INTEGER},
        {"DECRBY k -9223372036854775808", "-ERR decrement would overflow\r\n"},
    };

    EXPECT_REFUSALS(refusals);
}

Test(command_string, getex_moves_the_deadline_of_what_is_there)
{
    struct fixture fixture;
    const struct version stays = fixture_string("v", NEVER);
    const struct version lives = fixture_string("v", NOW + 50);

    fixture_init(&fixture);
    fixture_expect(&fixture, "GETEX k", &lives, "$1\r\nv\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "GETEX k EX 1", &stays, "$1\r\nv\r\n");
    fixture_expect_put(&fixture, "v", NOW + 1000);
    fixture_expect(&fixture, "GETEX k PERSIST", &lives, "$1\r\nv\r\n");
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "GETEX k PERSIST", &stays, "$1\r\nv\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "GETEX k EXAT 1", &stays, "$1\r\nv\r\n");
    fixture_expect_delete(&fixture);
    fixture_expect(&fixture, "GETEX k EX 0", &stays, BAD_TIME("getex"));
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "GETEX k EX 0", NULL, NIL);
    fixture_deinit(&fixture);
}

Test(command_string, append_and_increments_keep_the_deadline)
{
    struct fixture fixture;
    const struct version text = fixture_string("ab", NOW + 50);
    const struct version ten = fixture_string("10", NOW + 50);
    const struct version most = fixture_string("9223372036854775807", NEVER);

    fixture_init(&fixture);
    fixture_expect(&fixture, "APPEND k c", &text, ":3\r\n");
    fixture_expect_put(&fixture, "abc", NOW + 50);
    fixture_expect(&fixture, "APPEND k c", NULL, ":1\r\n");
    fixture_expect_put(&fixture, "c", NEVER);
    fixture.options->proto_max_bulk_len = 2;
    fixture_expect(&fixture, "APPEND k c", &text,
                   "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "INCR k", &ten, ":11\r\n");
    fixture_expect_put(&fixture, "11", NOW + 50);
    fixture_expect(&fixture, "DECRBY k 20", &ten, ":-10\r\n");
    fixture_expect_put(&fixture, "-10", NOW + 50);
    fixture_expect(&fixture, "DECR k", NULL, ":-1\r\n");
    fixture_expect_put(&fixture, "-1", NEVER);
    fixture_expect(&fixture, "INCR k", &text, NO_INTEGER);
    fixture_expect_nothing(&fixture);
    fixture_expect(&fixture, "INCR k", &most, "-ERR increment or decrement would overflow\r\n");
    fixture_expect_nothing(&fixture);
    fixture_deinit(&fixture);
}

Test(command_key, del_writes_its_tombstone_in_any_case)
{
    struct fixture fixture;
    const struct version there = fixture_string("v", NEVER);

    fixture_init(&fixture);
    fixture_expect(&fixture, "DEL k", &there, ":1\r\n");
    fixture_expect_delete(&fixture);
    fixture_expect(&fixture, "UNLINK k", NULL, ":0\r\n");
    fixture_expect_delete(&fixture);
    fixture_expect(&fixture, "EXISTS k", &there, ":1\r\n");
    fixture_expect(&fixture, "TOUCH k", NULL, ":0\r\n");
    fixture_expect(&fixture, "TYPE k", &there, "+string\r\n");
    fixture_expect(&fixture, "TYPE k", NULL, "+none\r\n");
    fixture_deinit(&fixture);
}

Test(command_key, times_to_live_are_told_in_redis_units)
{
    struct fixture fixture;
    const struct version stays = fixture_string("v", NEVER);
    const struct version lives = fixture_string("v", NOW + 1500);

    fixture_init(&fixture);
    fixture_expect(&fixture, "TTL k", NULL, ":-2\r\n");
    fixture_expect(&fixture, "PTTL k", &stays, ":-1\r\n");
    fixture_expect(&fixture, "TTL k", &lives, ":2\r\n");
    fixture_expect(&fixture, "PTTL k", &lives, ":1500\r\n");
    fixture_expect(&fixture, "EXPIRETIME k", &lives, ":1700000002\r\n");
    fixture_expect(&fixture, "PEXPIRETIME k", &lives, ":1700000001500\r\n");
    fixture_expect(&fixture, "PEXPIRETIME k", &stays, ":-1\r\n");
    fixture_deinit(&fixture);
}

Test(command_key, expire_moves_the_deadline_where_its_condition_holds)
{
    static const struct {
        const char *line;
        int64_t old_ms;
        int64_t new_ms; /* 0: no change */
    } cases[] = {
        {"EXPIRE k 10", NEVER, NOW + 10000},
        {"PEXPIRE k 10", NOW + 5, NOW + 10},
        {"EXPIREAT k 1700000001", NEVER, NOW + 1000},
        {"PEXPIREAT k 1700000000001 XX", NOW + 5, NOW + 1},
        {"EXPIRE k 10 NX", NOW + 5, 0},
        {"EXPIRE k 10 NX", NEVER, NOW + 10000},
        {"EXPIRE k 10 XX", NEVER, 0},
        {"PEXPIRE k 10 GT", NOW + 9, NOW + 10},
        {"PEXPIRE k 10 GT", NOW + 10, 0},
        {"PEXPIRE k 10 GT", NEVER, 0},
        {"PEXPIRE k 10 LT", NEVER, NOW + 10},
        {"PEXPIRE k 10 LT", NOW + 10, 0},
        {"PEXPIRE k 10 XX GT", NOW + 9, NOW + 10},
        {"PEXPIREAT k 9223372036854775807", NEVER, NEVER - 1},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct version old = fixture_string("v", cases[i].old_ms);

        fixture_expect(&fixture, cases[i].line, &old, cases[i].new_ms != 0 ? ":1\r\n" : ":0\r\n");
        if (cases[i].new_ms != 0)
            fixture_expect_put(&fixture, "v", cases[i].new_ms);
        else
            fixture_expect_nothing(&fixture);
    }
    fixture_expect(&fixture, "EXPIRE k 10", NULL, ":0\r\n");
    fixture_expect_nothing(&fixture);
    fixture_deinit(&fixture);
}

Test(command_key, a_deadline_in_the_past_deletes_and_persist_takes_it_away)
{
    struct fixture fixture;
    const struct version lives = fixture_string("v", NOW + 50);
    const struct version stays = fixture_string("v", NEVER);

    fixture_init(&fixture);
    fixture_expect(&fixture, "EXPIRE k -1", &lives, ":1\r\n");
    fixture_expect_delete(&fixture);
    fixture_expect(&fixture, "EXPIRE k 0", &stays, ":1\r\n");
    fixture_expect_delete(&fixture);
    fixture_expect(&fixture, "PERSIST k", &lives, ":1\r\n");
    fixture_expect_put(&fixture, "v", NEVER);
    fixture_expect(&fixture, "PERSIST k", &stays, ":0\r\n");
    fixture_expect_nothing(&fixture);
    fixture_deinit(&fixture);
}

Test(command_key, expire_refuses_bad_options_in_redis_words)
{
    static const struct refusal refusals[] = {
        {"EXPIRE k x", NO_INTEGER},
        {"EXPIRE k 1 foo", "-ERR Unsupported option foo\r\n"},
        {"EXPIRE k 1 NX GT",
         "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"},
        {"EXPIRE k 1 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"},
        {"EXPIRE k 9223372036854775807", BAD_TIME("expire")},
        {"PEXPIRE k 9223372036854775807", BAD_TIME("pexpire")},
        {"EXPIREAT k -9223372036854775808", BAD_TIME("expireat")},
    };

    EXPECT_REFUSALS(refusals);
}
