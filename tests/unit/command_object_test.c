/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OBJECT: what Redis would say of a value that was just SET.
 */
#include <criterion/criterion.h>

#include "causal/hlc.h"
#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_object, .timeout = TIMEOUT_S(10));

#define NEVER DEADLINE_NEVER
#define X22   "xxxxxxxxxxxxxxxxxxxxxx"

Test(command_object, integers_short_strings_and_others_are_told_apart)
{
    static const struct {
        const char *value, *reply;
    } values[] = {
        {"0", "$3\r\nint\r\n"},
        {"-9223372036854775808", "$3\r\nint\r\n"},
        {"9223372036854775808", "$6\r\nembstr\r\n"},
        {"007", "$6\r\nembstr\r\n"},
        {"", "$6\r\nembstr\r\n"},
        {X22 X22, "$6\r\nembstr\r\n"},
        {X22 X22 "x", "$3\r\nraw\r\n"},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const struct version version = fixture_string(values[i].value, NEVER);
        fixture_expect(&fixture, "OBJECT ENCODING k", &version, values[i].reply);
    }
    fixture_deinit(&fixture);
}

Test(command_object, small_integers_are_shared)
{
    const struct version last = fixture_string("9999", NEVER);
    const struct version first_own = fixture_string("10000", NEVER);
    const struct version negative = fixture_string("-1", NEVER);
    const struct version word = fixture_string("word", NEVER);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "OBJECT REFCOUNT k", &last, ":2147483647\r\n");
    fixture_expect(&fixture, "OBJECT REFCOUNT k", &first_own, ":1\r\n");
    fixture_expect(&fixture, "OBJECT REFCOUNT k", &negative, ":1\r\n");
    fixture_expect(&fixture, "OBJECT REFCOUNT k", &word, ":1\r\n");
    fixture_deinit(&fixture);
}

Test(command_object, a_value_is_idle_since_it_was_written)
{
    struct version version = fixture_string("v", NEVER);
    struct fixture fixture;

    fixture_init(&fixture);
    version.dot.stamp = hlc_stamp(FIXTURE_NOW_MS - 2999);
    fixture_expect(&fixture, "OBJECT IDLETIME k", &version, ":2\r\n");
    version.dot.stamp = hlc_stamp(FIXTURE_NOW_MS + 5000);
    fixture_expect(&fixture, "OBJECT IDLETIME k", &version, ":0\r\n");
    fixture_deinit(&fixture);
}

Test(command_object, an_absent_key_is_null_and_how_often_keys_are_used_is_not_known)
{
    const struct version version = fixture_string("v", NEVER);
    const struct version dead = fixture_string("v", FIXTURE_NOW_MS);
    static const char *const lines[] = {"OBJECT ENCODING k", "OBJECT FREQ k", "OBJECT IDLETIME k",
                                        "OBJECT REFCOUNT k"};
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        fixture_expect(&fixture, lines[i], NULL, "$-1\r\n");
        fixture_expect(&fixture, lines[i], &dead, "$-1\r\n");
    }
    fixture_expect(&fixture, "OBJECT FREQ k", &version,
                   "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                   "Please note that when switching between policies at runtime LRU and LFU data "
                   "will take some time to adjust.\r\n");
    fixture_expect(&fixture, "OBJECT ENCODING", NULL,
                   "-ERR wrong number of arguments for 'object|encoding' command\r\n");
    fixture_expect(&fixture, "OBJECT nosuch k", NULL,
                   "-ERR unknown subcommand 'nosuch'. Try OBJECT HELP.\r\n");
    fixture_expect_part(&fixture, "OBJECT HELP", "ENCODING");
    fixture_deinit(&fixture);
}
