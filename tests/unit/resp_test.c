/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The request parser, the reply composer and the reader of replies, by example.
 */
#include <criterion/criterion.h>

#include "base/buffer.h"
#include "lib/timeout.h"
#include "resp/answer.h"
#include "resp/parser.h"
#include "resp/reply.h"

#define BULK_MAX (512u * 1024 * 1024)

TestSuite(parser, .timeout = TIMEOUT_S(10));
TestSuite(reply, .timeout = TIMEOUT_S(10));
TestSuite(answer, .timeout = TIMEOUT_S(10));

struct fixture {
    struct parser parser;
    struct buffer input;
};

static void setup(struct fixture *fixture, const void *bytes, size_t size)
{
    parser_init(&fixture->parser, BULK_MAX);
    buffer_init(&fixture->input);
    buffer_append(&fixture->input, bytes, size);
}

static void teardown(struct fixture *fixture)
{
    parser_deinit(&fixture->parser);
    buffer_deinit(&fixture->input);
}

static void expect_command(struct fixture *fixture, size_t argc, const char *const *argv)
{
    cr_assert_eq(parser_next(&fixture->parser, &fixture->input), PARSER_COMMAND);
    cr_assert_eq(fixture->parser.argc, argc);
    for (size_t i = 0; i < argc; i++)
        cr_assert(span_equal(fixture->parser.argv[i], span_of_string(argv[i])), "argument %zu", i);
}

#define EXPECT_COMMAND(fixture, ...)                                                     \
    expect_command(fixture, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), \
                   (const char *const[]){__VA_ARGS__})

static void expect_error(const char *input, bool restricted, const char *error)
{
    struct fixture fixture;

    setup(&fixture, input, strlen(input));
    fixture.parser.restricted = restricted;
    cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_ERROR, "%s", input);
    cr_assert_str_eq(fixture.parser.error, error);
    teardown(&fixture);
}

Test(parser, takes_a_pipeline_of_commands_before_their_bytes_are_given_back)
{
    static const char input[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*0\r\n\r\n*-1\r\n"
                                "*1\r\n$4\r\nECHO\r\n*1\r\n$2\r\na";
    struct fixture fixture;

    setup(&fixture, input, sizeof input - 1);
    EXPECT_COMMAND(&fixture, "GET", "k");
    EXPECT_COMMAND(&fixture, "PING");
    EXPECT_COMMAND(&fixture, "ECHO");
    cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_MORE);
    parser_consume(&fixture.parser, &fixture.input);
    cr_assert_eq(buffer_size(&fixture.input), strlen("*1\r\n$2\r\na"));
    buffer_append_string(&fixture.input, "b\r\n");
    EXPECT_COMMAND(&fixture, "ab");
    parser_consume(&fixture.parser, &fixture.input);
    cr_assert_eq(buffer_size(&fixture.input), 0);
    cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_MORE);
    teardown(&fixture);
}

Test(parser, keeps_the_arguments_of_a_half_command_when_bytes_before_it_are_consumed)
{
    static const char input[] = "PING\r\n*2\r\n$1\r\na\r\n$1\r\n";
    struct fixture fixture;

    setup(&fixture, input, sizeof input - 1);
    EXPECT_COMMAND(&fixture, "PING");
    cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_MORE);
    parser_consume(&fixture.parser, &fixture.input);
    buffer_append_string(&fixture.input, "b\r\n");
    EXPECT_COMMAND(&fixture, "a", "b");
    teardown(&fixture);
}

Test(parser, resolves_the_quotes_of_an_inline_command)
{
    static const char input[] = "set  \"a b\\x41\\n\\q\" 'it\\'s' k\"q\" \"\"\t\n";
    struct fixture fixture;

    setup(&fixture, input, sizeof input - 1);
    EXPECT_COMMAND(&fixture, "set", "a bA\nq", "it's", "kq", "");
    teardown(&fixture);
}

Test(parser, says_what_is_wrong_in_redis_words)
{
    expect_error("*a\r\n", false, "Protocol error: invalid multibulk length");
    expect_error("*1048577\r\n", false, "Protocol error: invalid multibulk length");
    expect_error("*99999999999999999999\r\n", false, "Protocol error: invalid multibulk length");
    expect_error("*\r\n", false, "Protocol error: invalid multibulk length");
    expect_error("*11\r\n", true, "Protocol error: unauthenticated multibulk length");
    expect_error("*1\r\n$16385\r\n", true, "Protocol error: unauthenticated bulk length");
    expect_error("*1\r\nfoo\r\n", false, "Protocol error: expected '$', got 'f'");
    expect_error("*1\r\n\r\n", false, "Protocol error: expected '$', got ' '");
    expect_error("*1\r\n$-1\r\n", false, "Protocol error: invalid bulk length");
    expect_error("*1\r\n$03\r\n", false, "Protocol error: invalid bulk length");
    expect_error("*1\r\n$536870913\r\n", false, "Protocol error: invalid bulk length");
    expect_error("get 'a\r\n", false, "Protocol error: unbalanced quotes in request");
    expect_error("get \"a\"b\r\n", false, "Protocol error: unbalanced quotes in request");
}

Test(parser, bounds_lines_that_do_not_end)
{
    static const struct {
        const char *start, *error;
    } cases[] = {
        {"", "Protocol error: too big inline request"},
        {"*1", "Protocol error: too big mbulk count string"},
        {"*1\r\n$1", "Protocol error: too big bulk count string"},
    };
    static char ones[PARSER_LINE_MAX];

    memset(ones, '1', sizeof ones);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;

        setup(&fixture, cases[i].start, strlen(cases[i].start));
        cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_MORE);
        buffer_append(&fixture.input, ones, sizeof ones - 2);
        cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_MORE);
        buffer_append(&fixture.input, ones, 3);
        cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_ERROR);
        cr_assert_str_eq(fixture.parser.error, cases[i].error);
        teardown(&fixture);
    }
}

Test(parser, takes_no_memory_for_a_count_that_is_only_claimed)
{
    static const char input[] = "*1048576\r\n$536870912\r\nx";
    struct fixture fixture;

    setup(&fixture, input, sizeof input - 1);
    cr_assert_eq(parser_next(&fixture.parser, &fixture.input), PARSER_MORE);
    cr_assert_leq(fixture.parser.capacity, 8);
    cr_assert_leq(fixture.input.capacity, 256);
    teardown(&fixture);
}

static void expect_reply(struct buffer *reply, const char *text)
{
    cr_assert(span_equal(buffer_content(reply), span_of_string(text)), "%.*s is not %s",
              (int)buffer_size(reply), (const char *)buffer_content(reply).data, text);
    buffer_reset(reply, 0);
}

Test(reply, is_written_in_the_protocol_of_the_client)
{
    struct buffer reply = {0};

    reply_ok(&reply);
    reply_simple(&reply, "PONG");
    reply_error(&reply, "ERR a\r\nb");
    reply_error_format(&reply, "ERR no '%s'\r\n", "x");
    expect_reply(&reply, "+OK\r\n+PONG\r\n-ERR a  b\r\n-ERR no 'x'\r\n");
    reply_integer(&reply, INT64_MIN);
    reply_bulk(&reply, SPAN("a\0b"));
    cr_assert_eq(buffer_size(&reply), 23 + 9);
    buffer_reset(&reply, 0);
    reply_bulk_integer(&reply, -7);
    reply_bulk_string(&reply, "");
    expect_reply(&reply, "$2\r\n-7\r\n$0\r\n\r\n");
    reply_null(&reply, 2);
    reply_null(&reply, 3);
    reply_null_array(&reply, 2);
    reply_null_array(&reply, 3);
    expect_reply(&reply, "$-1\r\n_\r\n*-1\r\n_\r\n");
    reply_array(&reply, 2);
    reply_map(&reply, 2, 2);
    reply_map(&reply, 2, 3);
    reply_set(&reply, 2, 2);
    reply_set(&reply, 2, 3);
    expect_reply(&reply, "*2\r\n*4\r\n%2\r\n*2\r\n~2\r\n");
    reply_verbatim(&reply, SPAN("hi"), 2);
    reply_verbatim(&reply, SPAN("hi"), 3);
    expect_reply(&reply, "$2\r\nhi\r\n=6\r\ntxt:hi\r\n");
}

/* What a read leaves of a large value. */
static void read_large(struct buffer *bytes, size_t size)
{
    buffer_begin_behind(bytes, 32, size + 2);
    memset(buffer_reserve(bytes, size), 'v', size);
    buffer_commit(bytes, size);
}

Test(reply, a_large_value_is_not_copied_when_its_buffer_may_be_taken)
{
    struct buffer reply = {0}, bytes = {0}, copied = {0};

    read_large(&bytes, 100000);
    const struct span value = buffer_content(&bytes);
    reply_bulk(&copied, value);
    reply_bulk_taking(&reply, value, &bytes);
    cr_assert(span_equal(buffer_content(&reply), buffer_content(&copied)));
    cr_assert_eq(buffer_content(&reply).data + strlen("$100000\r\n"), value.data);
    cr_assert_null(bytes.block);
    buffer_deinit(&reply);
    buffer_deinit(&copied);
}

Test(reply, a_buffer_is_not_taken_that_holds_more_or_less_or_behind_another_reply)
{
    struct buffer reply = {0}, bytes = {0};

    read_large(&bytes, 100000);
    const struct span value = buffer_content(&bytes);
    reply_bulk_taking(&reply, value, NULL);
    cr_assert_eq(buffer_size(&reply), value.size + 11);
    reply_bulk_taking(&reply, value, &bytes);
    cr_assert_eq(buffer_size(&reply), 2 * (value.size + 11));
    buffer_reset(&reply, 0);
    reply_bulk_taking(&reply, span_of(value.data, value.size - 1), &bytes);
    cr_assert_eq(buffer_size(&reply), value.size - 1 + 10);
    cr_assert_eq(bytes.block + bytes.head, value.data);
    buffer_deinit(&reply);
    buffer_deinit(&bytes);
    buffer_append_string(&bytes, "there is no room before it");
    cr_assert_not(buffer_prepend(&bytes, "x", 1));
    buffer_deinit(&bytes);
}

Test(answer, ends_where_the_reply_ends_however_it_is_cut)
{
    static const char *const replies[] = {
        "+OK\r\n",
        "-ERR x\r\n",
        ":12\r\n",
        "$3\r\na\r\n\r\n",
        "$-1\r\n",
        "$0\r\n\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
        "_\r\n",
        "%1\r\n+a\r\n:1\r\n",
        "=6\r\ntxt:hi\r\n",
        "#t\r\n",
        "|1\r\n+a\r\n+b\r\n:5\r\n",
    };

    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        const size_t size = strlen(replies[i]);
        struct answer answer;
        char bytes[64];

        memcpy(bytes, replies[i], size);
        bytes[size] = ':';
        answer_init(&answer);
        for (size_t cut = 0; cut < size; cut++)
            cr_assert_eq(answer_read(&answer, span_of(bytes, cut)), ANSWER_MORE, "%s", replies[i]);
        cr_assert_eq(answer_read(&answer, span_of(bytes, size + 1)), ANSWER_COMPLETE);
        cr_assert_eq(answer.size, size);
    }
}

Test(answer, refuses_what_is_no_reply)
{
    static const char *const replies[] = {
        "x\r\n",  "\r\n",          "$-2\r\n",
        "$a\r\n", "*-5\r\n",       "$9223372036854775807\r\n",
        "+a\rb",  "$1\r\nabc\r\n", "*9223372036854775807\r\n",
    };

    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct answer answer;

        answer_init(&answer);
        cr_assert_eq(answer_read(&answer, span_of_string(replies[i])), ANSWER_INVALID, "%s",
                     replies[i]);
    }
}

Test(answer, reads_integers_and_nothing_else_as_integers)
{
    int64_t value = 0;

    cr_assert(answer_integer(SPAN(":-42\r\n"), &value));
    cr_assert_eq(value, -42);
    cr_assert(!answer_integer(SPAN("+1\r\n"), &value));
    cr_assert(!answer_integer(SPAN(":\r\n"), &value));
    cr_assert(!answer_integer(SPAN(":1x\r\n"), &value));
}
