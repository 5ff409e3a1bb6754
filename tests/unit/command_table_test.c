/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of commands: every row is whole, and is found under its name.
 */
#include <criterion/criterion.h>

#include "command/handlers.h"
#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_table, .timeout = TIMEOUT_S(10));

Test(command_table, every_row_is_whole)
{
    size_t rows;
    const struct command *table = command_table(&rows);

    for (const struct command *row = table; row < table + rows; row++) {
        cr_assert(row->summary != NULL && row->since != NULL && row->group != NULL &&
                      row->complexity != NULL,
                  "%s", row->name);
        cr_assert_neq(row->arity, 0, "%s", row->name);
        cr_assert_eq(row->first_key != 0 || row->key_count_at != 0, row->key_flags != NULL, "%s",
                     row->name);
        cr_assert_eq(row->first_key != 0, row->key_step != 0, "%s", row->name);
        const bool keyed = row->kind == COMMAND_READ || row->kind == COMMAND_WRITE ||
                           row->kind == COMMAND_UPDATE || row->kind == COMMAND_STEPS;
        /* Shard channels have slots, as keys do. */
        const bool channels = (row->flags & FLAG_PUBSUB) != 0;
        /* VERSION is about a key, and so is MOVE, which is refused. */
        if (row->kind != COMMAND_CLUSTER && row->run != refused_run && !channels)
            cr_assert_eq(keyed, row->first_key != 0, "%s", row->name);
        if (channels)
            cr_assert(row->key_flags == NULL || strcmp(row->key_flags, "not_key") == 0, "%s",
                      row->name);
        else
            cr_assert_eq(row->gather != GATHER_NONE || row->kind == COMMAND_STEPS,
                         row->last_key != row->first_key, "%s", row->name);
        if (keyed && (row->flags & FLAG_MOVABLEKEYS) == 0) /* SORT writes where it stores */
            cr_assert_eq((row->flags & FLAG_WRITE) != 0, row->kind != COMMAND_READ, "%s",
                         row->name);
        if (row->kind != COMMAND_CLUSTER)
            cr_assert_not_null((const void *)(uintptr_t)row->run, "%s", row->name);
        for (const char *at = row->name; *at != '\0'; at++)
            cr_assert(*at < 'A' || *at > 'Z', "%s", row->name);
    }
}

Test(command_table, every_row_is_found_in_any_case_and_only_once)
{
    size_t rows;
    const struct command *table = command_table(&rows);

    for (const struct command *row = table; row < table + rows; row++) {
        char name[32];
        size_t size = 0;

        for (; row->name[size] != '\0'; size++)
            name[size] = row->name[size] >= 'a' && row->name[size] <= 'z'
                             ? (char)(row->name[size] - 'a' + 'A')
                             : row->name[size];
        cr_assert_eq(command_named(span_of(name, size)), row, "%s", row->name);
    }
    cr_assert_null(command_named(SPAN("")));
    cr_assert_null(command_named(SPAN("nosuch")));
    cr_assert_null(command_named(SPAN("client|nosuch")));
    cr_assert_null(command_named(SPAN("get|help")));
}

Test(command_table, a_subcommand_is_no_command_of_its_own)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "client|list", NULL,
                   "-ERR unknown command 'client|list', with args beginning with: \r\n");
    fixture_expect(&fixture, "CLIENT", NULL,
                   "-ERR wrong number of arguments for 'client' command\r\n");
    fixture_expect(&fixture, "CLIENT nosuch", NULL,
                   "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP.\r\n");
    fixture_expect(&fixture, "client ID x", NULL,
                   "-ERR wrong number of arguments for 'client|id' command\r\n");
    fixture_deinit(&fixture);
}

Test(command_table, an_unknown_command_is_quoted_as_far_as_redis_does)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "foo a b", NULL,
                   "-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n");
    fixture_expect(&fixture, "\"f\\r\\no\"", NULL,
                   "-ERR unknown command 'f  o', with args beginning with: \r\n");
    fixture_expect(&fixture, "\"f\\x00o\" a", NULL,
                   "-ERR unknown command 'f', with args beginning with: 'a' \r\n");
    fixture_expect(&fixture, "get", NULL, "-ERR wrong number of arguments for 'get' command\r\n");
    fixture_expect(&fixture, "GET a b", NULL,
                   "-ERR wrong number of arguments for 'get' command\r\n");
    fixture_deinit(&fixture);
}

static void expect_keys(const struct span *argv, size_t argc, size_t count, const size_t *expected)
{
    const struct command *command = command_named(argv[0]);
    size_t indices[8];

    cr_assert_not_null(command);
    cr_assert_eq(command_keys(command, argv, argc, indices), count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(indices[i], expected[i]);
}

#define ARGV(...)                       \
    (const struct span[]){__VA_ARGS__}, \
        sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span)

Test(command_table, keys_are_found_where_the_row_says)
{
    const struct span a = SPAN("a"), b = SPAN("b"), v = SPAN("v");

    expect_keys(ARGV(SPAN("get"), a), 1, (const size_t[]){1});
    expect_keys(ARGV(SPAN("set"), a, v, SPAN("nx")), 1, (const size_t[]){1});
    expect_keys(ARGV(SPAN("del"), a, b, a), 3, (const size_t[]){1, 2, 3});
    expect_keys(ARGV(SPAN("mset"), a, v, b, v), 2, (const size_t[]){1, 3});
    expect_keys(ARGV(SPAN("ping"), a), 0, NULL);
    expect_keys(ARGV(SPAN("at"), SPAN("one"), SPAN("object"), SPAN("freq"), a), 1,
                (const size_t[]){4});
    expect_keys(ARGV(SPAN("at"), SPAN("one"), SPAN("mset"), a, v, b, v), 2, (const size_t[]){3, 5});
    expect_keys(ARGV(SPAN("at"), SPAN("one"), SPAN("get")), 0, NULL);
    expect_keys(ARGV(SPAN("at"), SPAN("one"), SPAN("nosuch"), a), 0, NULL);
    expect_keys(ARGV(SPAN("at"), SPAN("one"), SPAN("at"), SPAN("one"), SPAN("get"), a), 0, NULL);
    expect_keys(ARGV(SPAN("at"), SPAN("one")), 0, NULL);
    expect_keys(ARGV(SPAN("sort"), a, SPAN("alpha")), 1, (const size_t[]){1});
    expect_keys(
        ARGV(SPAN("sort"), a, SPAN("store"), v, SPAN("by"), SPAN("store"), SPAN("STORE"), b), 2,
        (const size_t[]){1, 7});
    expect_keys(ARGV(SPAN("at"), SPAN("one"), SPAN("sort"), a, SPAN("store"), b), 2,
                (const size_t[]){3, 5});
}
