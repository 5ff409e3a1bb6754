/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Connections, sessions and the directory of them.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>

#include "base/level.h"
#include "command_fixture.h"
#include "lib/timeout.h"

TestSuite(command_connection, .timeout = TIMEOUT_S(10));
TestSuite(command_client, .timeout = TIMEOUT_S(10));

#define OK     "+OK\r\n"
#define SYNTAX "-ERR syntax error\r\n"

Test(command_connection, answers_what_needs_no_state)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "PING", NULL, "+PONG\r\n");
    fixture_expect(&fixture, "PING hi", NULL, "$2\r\nhi\r\n");
    fixture_expect(&fixture, "PING a b", NULL,
                   "-ERR wrong number of arguments for 'ping' command\r\n");
    fixture_expect(&fixture, "ECHO hi", NULL, "$2\r\nhi\r\n");
    fixture_expect(&fixture, "SELECT 0", NULL, OK);
    fixture_expect(&fixture, "SELECT 1", NULL, "-ERR SELECT is not allowed in cluster mode\r\n");
    fixture_expect(&fixture, "SELECT 2147483648", NULL,
                   "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
    fixture_expect(&fixture, "SELECT x", NULL, "-ERR value is not an integer or out of range\r\n");
    cr_assert(!session_closing(&fixture.session));
    fixture_expect(&fixture, "QUIT", NULL, OK);
    cr_assert(session_closing(&fixture.session));
    fixture_deinit(&fixture);
}

Test(command_connection, nothing_runs_before_the_password_is_given)
{
    struct fixture fixture;
    struct buffer reply = {0};

    fixture_init(&fixture);
    fixture_set_password(&fixture, "secret");
    fixture.session.authenticated = false;
    cr_assert(!session_authorize(&fixture.session, command_named(SPAN("get")), &reply));
    cr_assert(span_equal(buffer_content(&reply), SPAN("-NOAUTH Authentication required.\r\n")));
    cr_assert(session_authorize(&fixture.session, command_named(SPAN("auth")), &reply));
    fixture_expect_part(&fixture, "HELLO 3", "-NOAUTH HELLO must be called with the client");
    cr_assert_eq(session_protocol(&fixture.session), 2);
    fixture_expect(&fixture, "AUTH secre", NULL,
                   "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    fixture_expect(&fixture, "AUTH secrets", NULL,
                   "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    fixture_expect(&fixture, "AUTH nobody secret", NULL,
                   "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    fixture_expect(&fixture, "AUTH a b c", NULL, SYNTAX);
    cr_assert(!fixture.session.authenticated);
    fixture_expect(&fixture, "AUTH secret", NULL, OK);
    cr_assert(fixture.session.authenticated);
    fixture_expect(&fixture, "RESET", NULL, "+RESET\r\n");
    cr_assert(!fixture.session.authenticated);
    fixture_expect_part(&fixture, "HELLO 2 AUTH default secret SETNAME me", "$6\r\nserver\r\n");
    cr_assert(fixture.session.authenticated);
    cr_assert_str_eq(session_text(&fixture.session, SESSION_NAME), "me");
    buffer_deinit(&reply);
    fixture_deinit(&fixture);
}

Test(command_connection, without_a_password_auth_says_so)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "AUTH x", NULL,
                   "-ERR AUTH <password> called without any password configured for the default "
                   "user. Are you sure your configuration is correct?\r\n");
    fixture_expect(&fixture, "AUTH default x", NULL, OK);
    fixture_deinit(&fixture);
}

Test(command_connection, hello_chooses_the_protocol_of_its_own_answer)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "HELLO 3", NULL,
                   "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\n"
                   "proto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n"
                   "$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    cr_assert_eq(session_protocol(&fixture.session), 3);
    fixture_expect_part(&fixture, "HELLO", "%7\r\n");
    fixture_expect_part(&fixture, "HELLO 2", "*14\r\n");
    fixture_expect(&fixture, "HELLO 4", NULL, "-NOPROTO unsupported protocol version\r\n");
    fixture_expect(&fixture, "HELLO x", NULL,
                   "-ERR Protocol version is not an integer or out of range\r\n");
    fixture_expect(&fixture, "HELLO 3 AUTH a", NULL,
                   "-ERR Syntax error in HELLO option 'AUTH'\r\n");
    fixture_expect(&fixture, "HELLO 3 SETNAME \"a b\"", NULL,
                   "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
    cr_assert_eq(session_protocol(&fixture.session), 2);
    fixture_deinit(&fixture);
}

Test(command_connection, consistency_holds_until_it_is_reset)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "CONSISTENCY READ one WRITE ALL", NULL, OK);
    cr_assert_eq(fixture.session.read_level, LEVEL_ONE);
    cr_assert_eq(fixture.session.write_level, LEVEL_ALL);
    fixture_expect(&fixture, "CONSISTENCY", NULL,
                   "*4\r\n$4\r\nread\r\n$3\r\nONE\r\n$5\r\nwrite\r\n$3\r\nALL\r\n");
    fixture_expect(&fixture, "CONSISTENCY WRITE 5", NULL, OK);
    fixture_expect(&fixture, "CONSISTENCY READ default", NULL, OK);
    fixture_expect(&fixture, "CONSISTENCY", NULL,
                   "*4\r\n$4\r\nread\r\n$7\r\nDEFAULT\r\n$5\r\nwrite\r\n$1\r\n5\r\n");
    fixture_expect(&fixture, "CONSISTENCY READ TWO WRITE 8", NULL,
                   "-ERR unknown level, expected DEFAULT, " LEVEL_FORMS "\r\n");
    cr_assert_eq(fixture.session.read_level, LEVEL_DEFAULT);
    fixture_expect(&fixture, "CONSISTENCY READ", NULL, SYNTAX);
    fixture_expect(&fixture, "CONSISTENCY foo ONE", NULL, SYNTAX);
    fixture_expect(&fixture, "RESET", NULL, "+RESET\r\n");
    cr_assert_eq(fixture.session.write_level, LEVEL_DEFAULT);
    fixture_deinit(&fixture);
}

Test(command_client, names_are_one_word)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "CLIENT GETNAME", NULL, "$-1\r\n");
    fixture_expect(&fixture, "CLIENT SETNAME me", NULL, OK);
    fixture_expect(&fixture, "CLIENT GETNAME", NULL, "$2\r\nme\r\n");
    fixture_expect(&fixture, "CLIENT SETNAME \"a b\"", NULL,
                   "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
    fixture_expect(&fixture, "CLIENT SETINFO LIB-NAME lib", NULL, OK);
    fixture_expect(&fixture, "CLIENT SETINFO lib-ver 1.0", NULL, OK);
    fixture_expect(&fixture, "CLIENT SETINFO foo 1", NULL, "-ERR Unrecognized option 'foo'\r\n");
    fixture_expect(&fixture, "CLIENT SETINFO LIB-VER \"1 0\"", NULL,
                   "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n");
    fixture_expect(&fixture, "CLIENT SETNAME \"\"", NULL, OK);
    fixture_expect(&fixture, "CLIENT GETNAME", NULL, "$-1\r\n");
    fixture_expect(&fixture, "RESET", NULL, "+RESET\r\n");
    cr_assert_str_eq(session_text(&fixture.session, SESSION_LIB_NAME), "lib");
    fixture_deinit(&fixture);
}

Test(command_client, info_is_the_line_that_redis_tools_parse)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.session.descriptor = 8;
    fixture_run(&fixture, "CLIENT SETNAME me", NULL);
    fixture_expect(&fixture, "CLIENT NO-TOUCH ON", NULL, OK);
    fixture_expect(&fixture, "CLIENT NO-TOUCH maybe", NULL, SYNTAX);
    session_note_buffers(&fixture.session, 10, 20, 30);
    fixture_expect_part(
        &fixture, "CLIENT INFO",
        "id=1 addr=127.0.0.1:4711 laddr=127.0.0.1:6379 fd=8 name=me age=0 idle=0 flags=T db=0 "
        "sub=0 "
        "psub=0 ssub=0 multi=-1 qbuf=10 qbuf-free=20 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 "
        "oll=0 omem=30 tot-mem=");
    fixture_expect_part(
        &fixture, "CLIENT INFO",
        " events=r cmd=client|info user=default redir=-1 resp=2 lib-name= lib-ver=");
    fixture_expect(&fixture, "CLIENT NO-TOUCH off", NULL, OK);
    fixture_expect(&fixture, "CLIENT NO-EVICT on", NULL, OK);
    fixture_expect_part(&fixture, "CLIENT INFO", " flags=e ");
    fixture_deinit(&fixture);
}

struct crowd {
    struct fixture fixture;
    struct session others[2]; /* ids 2 and 3, of workers 0 and 1 */
};

static void crowd_init(struct crowd *crowd)
{
    fixture_init(&crowd->fixture);
    for (uint32_t i = 0; i < 2; i++) {
        session_init(&crowd->others[i], i == 0 ? "10.0.0.1:1" : "10.0.0.2:2", "10.0.0.9:6379",
                     (struct instant){.mono_us = 0}, true);
        crowd->others[i].worker = i;
        directory_add(crowd->fixture.environment.directory, &crowd->others[i]);
    }
}

static void crowd_deinit(struct crowd *crowd)
{
    for (size_t i = 0; i < 2; i++) {
        directory_remove(crowd->fixture.environment.directory, &crowd->others[i]);
        session_deinit(&crowd->others[i]);
    }
    fixture_deinit(&crowd->fixture);
}

Test(command_client, list_shows_the_sessions_of_all_workers)
{
    struct crowd crowd;

    crowd_init(&crowd);
    cr_assert_eq(directory_count(crowd.fixture.environment.directory), 3);
    fixture_expect_part(&crowd.fixture, "CLIENT LIST", "id=3 addr=10.0.0.2:2 ");
    fixture_expect_part(&crowd.fixture, "CLIENT LIST TYPE normal", "age=5 idle=5 flags=N");
    fixture_expect_part(&crowd.fixture, "CLIENT LIST", " cmd=NULL ");
    fixture_expect(&crowd.fixture, "CLIENT LIST TYPE pubsub", NULL, "$0\r\n\r\n");
    fixture_expect(&crowd.fixture, "CLIENT LIST ID 99 -1", NULL, "$0\r\n\r\n");
    fixture_run(&crowd.fixture, "CLIENT LIST ID 3 2", NULL);
    const struct span text = buffer_content(&crowd.fixture.reply);
    const uint8_t *third = memmem(text.data, text.size, "id=3", 4);
    const uint8_t *second = memmem(text.data, text.size, "id=2", 4);
    cr_assert(third != NULL && second > third);
    fixture_expect(&crowd.fixture, "CLIENT LIST TYPE foo", NULL,
                   "-ERR Unknown client type 'foo'\r\n");
    fixture_expect(&crowd.fixture, "CLIENT LIST ID x", NULL, "-ERR Invalid client ID\r\n");
    fixture_expect(&crowd.fixture, "CLIENT LIST ID", NULL, SYNTAX);
    crowd_deinit(&crowd);
}

Test(command_client, kill_marks_the_session_and_wakes_its_worker)
{
    struct crowd crowd;
    struct fixture *fixture = &crowd.fixture;

    crowd_init(&crowd);
    fixture_expect(fixture, "CLIENT KILL 10.0.0.1:1", NULL, OK);
    cr_assert(session_killed(&crowd.others[0]) && !session_killed(&crowd.others[1]));
    cr_assert_eq(fixture->woken, 1u << 0);
    fixture_expect(fixture, "CLIENT KILL 10.0.0.1:7", NULL, "-ERR No such client\r\n");
    fixture_expect(fixture, "CLIENT KILL ID 3 LADDR 10.0.0.9:6379", NULL, ":1\r\n");
    cr_assert(session_killed(&crowd.others[1]));
    cr_assert_eq(fixture->woken, 1u << 0 | 1u << 1);
    fixture_expect(fixture, "CLIENT KILL TYPE normal", NULL, ":0\r\n"); /* they were */
    cr_assert(!session_closing(&fixture->session));
    fixture_expect(fixture, "CLIENT KILL USER default SKIPME no", NULL, ":1\r\n");
    cr_assert(fixture->session.close_after_reply && !session_killed(&fixture->session));
    crowd_deinit(&crowd);
}

Test(command_client, kill_refuses_bad_filters_in_redis_words)
{
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"CLIENT KILL ID x", "-ERR client-id should be greater than 0\r\n"},
        {"CLIENT KILL ID 0", "-ERR client-id should be greater than 0\r\n"},
        {"CLIENT KILL ID 99", ":0\r\n"},
        {"CLIENT KILL TYPE foo", "-ERR Unknown client type 'foo'\r\n"},
        {"CLIENT KILL USER nobody", "-ERR No such user 'nobody'\r\n"},
        {"CLIENT KILL SKIPME maybe", SYNTAX},
        {"CLIENT KILL foo bar", SYNTAX},
        {"CLIENT KILL ID 1 TYPE", SYNTAX},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        fixture_expect(&fixture, cases[i].line, NULL, cases[i].reply);
    cr_assert(!session_closing(&fixture.session));
    fixture_deinit(&fixture);
}
