/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What operators ask of a node, and what has no meaning here and is refused with a reason.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_operator, .timeout = TIMEOUT_S(10));

#define OK     "+OK\r\n"
#define SYNTAX "-ERR syntax error\r\n"

Test(command_operator, each_refusal_says_why)
{
    size_t rows, refused = 0;
    const struct command *table = command_table(&rows);
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < rows; i++) {
        char line[256];
        const char *bar = strchr(table[i].name, '|');

        if (strncmp(table[i].summary, "Refuse:", 7) != 0 &&
            strncmp(table[i].summary, "Refuse,", 7) != 0)
            continue;
        refused++;
        snprintf(line, sizeof line, "%.*s %s%.*s",
                 bar != NULL ? (int)(bar - table[i].name) : (int)strlen(table[i].name),
                 table[i].name, bar != NULL ? bar + 1 : "",
                 2 * (abs(table[i].arity) - (bar != NULL ? 2 : 1)), " a a a a a a");
        fixture_expect_part(&fixture, line, "-ERR ");
        cr_assert_null(memmem(buffer_content(&fixture.reply).data, buffer_size(&fixture.reply),
                              "wrong number", 12),
                       "%s", line);
        cr_assert_not(session_closing(&fixture.session));
    }
    cr_assert_geq(refused, 25);
    fixture_expect(&fixture, "SWAPDB 0 1", NULL, "-ERR SWAPDB is not allowed in cluster mode\r\n");
    fixture_expect(&fixture, "REPLICAOF no one", NULL,
                   "-ERR REPLICAOF not allowed in cluster mode.\r\n");
    fixture_expect_part(&fixture, "DEBUG SLEEP 1",
                        "-ERR DEBUG command not allowed. If the enable-debug-command option is");
    fixture_expect_part(&fixture, "MODULE LOAD x", "-ERR MODULE command not allowed.");
    fixture_expect(&fixture, "MODULE LIST", NULL, "*0\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, there_is_one_user)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "ACL WHOAMI", NULL, "$7\r\ndefault\r\n");
    fixture_expect(&fixture, "ACL USERS", NULL, "*1\r\n$7\r\ndefault\r\n");
    fixture_expect(&fixture, "ACL LIST", NULL,
                   "*1\r\n$34\r\nuser default on nopass ~* &* +@all\r\n");
    fixture_expect_part(&fixture, "ACL GETUSER default",
                        "*12\r\n$5\r\nflags\r\n*2\r\n$2\r\non\r\n$6\r\nnopass\r\n");
    fixture_expect(&fixture, "ACL GETUSER foo", NULL, "$-1\r\n");
    fixture_expect(&fixture, "ACL LOG", NULL, "*0\r\n");
    fixture_expect(&fixture, "ACL LOG RESET", NULL, OK);
    fixture_expect(&fixture, "ACL LOG x", NULL, "-ERR value is not an integer or out of range\r\n");
    fixture_expect(&fixture, "ACL CAT foo", NULL, "-ERR Unknown category 'foo'\r\n");
    fixture_expect_part(&fixture, "ACL CAT", "*21\r\n$8\r\nkeyspace\r\n");
    fixture_expect_part(&fixture, "ACL CAT string", "$3\r\nget\r\n");
    fixture_expect(&fixture, "ACL CAT a b", NULL,
                   "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL "
                   "HELP.\r\n");
    fixture_set_password(&fixture, "secret");
    fixture_expect(&fixture, "ACL LIST", NULL, "*1\r\n$27\r\nuser default on ~* &* +@all\r\n");
    fixture_expect_part(&fixture, "ACL GETUSER default", "*1\r\n$2\r\non\r\n$9\r\npasswords\r\n");
    fixture_deinit(&fixture);
}

Test(command_operator, shutdown_ends_the_node_and_is_answered_only_when_refused)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "SHUTDOWN foo", NULL, SYNTAX);
    fixture_expect(&fixture, "SHUTDOWN SAVE NOSAVE", NULL, SYNTAX);
    fixture_expect(&fixture, "SHUTDOWN ABORT NOW", NULL, SYNTAX);
    fixture_expect(&fixture, "SHUTDOWN ABORT", NULL, "-ERR No shutdown in progress.\r\n");
    cr_assert_not(fixture.shut_down);
    fixture_expect(&fixture, "SHUTDOWN NOSAVE NOW FORCE", NULL, "");
    cr_assert(fixture.shut_down);
    cr_assert(session_closing(&fixture.session));
    fixture_deinit(&fixture);
}

Test(command_operator, answers_what_tools_ask_first)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.identity.started_us = FIXTURE_NOW_US - 3000000;
    fixture_expect(&fixture, "ROLE", NULL, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    fixture_expect(&fixture, "LASTSAVE", NULL, ":1699999997\r\n");
    fixture_expect_part(&fixture, "LOLWUT VERSION 5 1", "Dunlin ver. 0.1.0\nRedis ver. 7.0.15\n");
    fixture_expect(&fixture, "READONLY", NULL, OK);
    fixture_expect(&fixture, "READWRITE", NULL, OK);
    fixture_expect(&fixture, "ASKING", NULL, OK);
    fixture_deinit(&fixture);
}
