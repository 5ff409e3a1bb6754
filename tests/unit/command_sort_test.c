/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>

#include "command_fixture.h"
#include "lib/timeout.h"

#define NEVER       DEADLINE_NEVER
#define WRONG_TYPE  "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define SYNTAX      "-ERR syntax error\r\n"
#define NOT_INTEGER "-ERR value is not an integer or out of range\r\n"

TestSuite(command_sort, .timeout = TIMEOUT_S(60));

Test(command_sort, nothing_is_an_empty_list_and_a_string_none)
{
    const struct version version = fixture_string("v", NEVER);
    const struct version dead = fixture_string("v", FIXTURE_NOW_MS);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SORT k", NULL, "*0\r\n");
    fixture_expect(&fixture, "SORT k", &dead, "*0\r\n");
    fixture_expect(&fixture, "SORT k", &version, WRONG_TYPE);
    fixture_expect(&fixture, "SORT_RO k LIMIT 0 -1 BY w_* GET # GET o_* DESC ALPHA", NULL,
                   "*0\r\n");
    fixture_expect(&fixture, "SORT_RO k ASC", &version, WRONG_TYPE);
    fixture_deinit(&fixture);
}

Test(command_sort, options_are_read_as_redis_does)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SORT k up", NULL, SYNTAX);
    fixture_expect(&fixture, "SORT k LIMIT 1", NULL, SYNTAX);
    fixture_expect(&fixture, "SORT k LIMIT a 1", NULL, NOT_INTEGER);
    fixture_expect(&fixture, "SORT k LIMIT 1 b", NULL, NOT_INTEGER);
    fixture_expect(&fixture, "SORT k BY", NULL, SYNTAX);
    fixture_expect(&fixture, "SORT k GET", NULL, SYNTAX);
    fixture_expect(&fixture, "SORT k STORE", NULL, SYNTAX);
    fixture_expect(&fixture, "SORT_RO k STORE b", NULL, SYNTAX);
    fixture_expect(&fixture, "SORT k BY STORE", NULL, "*0\r\n");
    fixture_expect(&fixture, "SORT", NULL, "-ERR wrong number of arguments for 'sort' command\r\n");
    fixture_deinit(&fixture);
}
