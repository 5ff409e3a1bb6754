/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/options.h"
#include "lib/timeout.h"

TestSuite(options_config, .timeout = TIMEOUT_S(10));

/* Values given one by one are in order: "name=value\n" for each that CONFIG GET answers. */
static void collect(void *context, struct span name, struct span value)
{
    struct buffer *text = context;

    buffer_append_span(text, name);
    buffer_append_string(text, "=");
    buffer_append_span(text, value);
    buffer_append_string(text, "\n");
}

static void assert_get(const struct options *options, const char *pattern, const char *expected)
{
    const struct span patterns[] = {span_of_string(pattern), SPAN("no-such-thing")};
    struct buffer found = {0};

    options_get(options, patterns, 2, collect, &found);
    cr_assert(span_equal(buffer_content(&found), span_of_string(expected)), "%.*s",
              (int)buffer_size(&found), (const char *)buffer_content(&found).data);
    buffer_deinit(&found);
}

/* CONFIG SET of up to four words, NULL after the last. */
static const struct options *set(const struct options *options, const char *const *words,
                                 struct buffer *error)
{
    struct span pairs[8];
    size_t count = 0;

    for (; words[count] != NULL; count++)
        pairs[count] = span_of_string(words[count]);
    return options_set(options, pairs, count / 2, error);
}

static void assert_set_refused(const char *const *words, const char *expected)
{
    const struct options *options = options_create();
    struct buffer error = {0};

    cr_assert_null(set(options, words, &error));
    cr_assert(span_equal(buffer_content(&error), span_of_string(expected)), "%.*s",
              (int)buffer_size(&error), (const char *)buffer_content(&error).data);
    assert_get(options, "maxmemory", "maxmemory=0\n");
    options_release(&options);
    buffer_deinit(&error);
}

static const struct options *assert_set(const struct options *options, const char *const *words)
{
    struct buffer error = {0};
    const struct options *next = set(options, words, &error);

    cr_assert_not_null(next, "%.*s", (int)buffer_size(&error),
                       (const char *)buffer_content(&error).data);
    return next;
}

Test(options_config, get_answers_patterns_in_any_case)
{
    const struct options *options = options_create();

    assert_get(options, "port", "port=6379\n");
    assert_get(options, "MAXMEMORY*", "maxmemory=0\nmaxmemory-policy=noeviction\n");
    assert_get(options, "proto-max-bulk-le?", "proto-max-bulk-len=536870912\n");
    assert_get(
        options, "client-output*",
        "client-output-buffer-limit=normal 268435456 67108864 60 slave 268435456 67108864 60 "
        "pubsub 33554432 8388608 60\n");
    assert_get(options, "requirepass", "requirepass=\n");
    assert_get(options, "nothing", "");
    options_release(&options);
}

Test(options_config, get_answers_what_redis_tools_ask_for)
{
    const struct options *options = options_create();

    assert_get(options, "save", "save=\n");
    assert_get(options, "appendonly", "appendonly=no\n");
    options_release(&options);
}

Test(options_config, get_answers_a_directive_once_however_many_patterns_match)
{
    const struct options *options = options_create();
    const struct span patterns[] = {SPAN("por*"), SPAN("port"), SPAN("P*T")};
    struct buffer found = {0};

    options_get(options, patterns, 3, collect, &found);
    cr_assert(span_equal(buffer_content(&found), SPAN("port=6379\n")));
    options_release(&options);
    buffer_deinit(&found);
}

Test(options_config, set_makes_a_new_snapshot_and_leaves_the_old)
{
    const struct options *old = options_create();
    const struct options *new = assert_set(
        old,
        (const char *[]){"maxmemory", "100mb", "READ-level", "one", "requirepass", "a b", NULL});

    cr_assert_eq(old->maxmemory, 0);
    cr_assert_eq(new->maxmemory, 100 << 20);
    cr_assert_eq(new->read_level, LEVEL_ONE);
    cr_assert_str_eq(new->requirepass, "a b");
    options_release(&old);
    assert_get(new, "bind", "bind=127.0.0.1\n");
    options_release(&new);
}

Test(options_config, a_list_is_set_from_one_text)
{
    const struct options *old = options_create();
    const struct options *new = assert_set(
        old, (const char *[]){"client-output-buffer-limit", "normal 1mb 2kb 3", "save", "", NULL});

    const struct option_output_limit *of = new->client_output_buffer_limit.of;
    cr_assert_eq(of[OPTION_CLASS_NORMAL].soft_bytes, 2048);
    cr_assert_eq(of[OPTION_CLASS_PUBSUB].soft_bytes, 8 << 20, "it was not named");
    options_release(&old);
    options_release(&new);
}

Test(options_config, classes_of_clients_are_set_together_or_one_by_one)
{
    const struct options *old = options_create();
    const struct options *two = assert_set(
        old, (const char *[]){"client-output-buffer-limit", "pubsub 1 2 3 REPLICA 4 5 6", NULL});
    const struct options *none = assert_set(
        two, (const char *[]){"client-output-buffer-limit", "", NULL});

    assert_get(
        none, "client-output*",
        "client-output-buffer-limit=normal 268435456 67108864 60 slave 4 5 6 pubsub 1 2 3\n");
    options_release(&old);
    options_release(&two);
    options_release(&none);
}

Test(options_config, set_changes_all_or_none_and_says_why_as_redis_does)
{
    assert_set_refused(
        (const char *[]){"maxmemory", "1mb", "timeout", "x", NULL},
        "ERR CONFIG SET failed (possibly related to argument 'timeout') - expected a "
        "whole number of seconds from 0 to 2147483647, found 'x'");
    assert_set_refused((const char *[]){"maxmemory", "1mb", "port", "7001", NULL},
                       "ERR CONFIG SET failed (possibly related to argument 'port') - can't set "
                       "immutable config");
    assert_set_refused(
        (const char *[]){"maxmemory", "1mb", "MaxMemory", "2mb", NULL},
        "ERR CONFIG SET failed (possibly related to argument 'MaxMemory') - duplicate "
        "parameter");
    assert_set_refused((const char *[]){"maxmemory", "1mb", "foo\nbar", "x", NULL},
                       "ERR Unknown option or number of arguments for CONFIG SET - 'foo?bar'");
    assert_set_refused((const char *[]){"maxmemory", "1mb", "write-level", "7", NULL},
                       "ERR CONFIG SET failed (possibly related to argument 'write-level') - "
                       "'write-level' is 7, and there are 3 replicas: expected at most as many, "
                       "QUORUM or ALL");
    assert_set_refused((const char *[]){"appendonly", "yes", NULL},
                       "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Dunlin "
                       "keeps data in memory only, in several copies");
}

Test(options_config, a_snapshot_lives_until_its_last_holder_lets_go)
{
    const struct options *first = options_create();
    const struct options *second = options_retain(first);

    options_release(&first);
    cr_assert_null(first);
    cr_assert_eq(second->port, 6379);
    options_release(&second);
}

/* --------------------------------------------------------------------------------------- rewrite
 */

struct reading {
    struct span text;
};

static bool read_text(void *context, const char *path, struct buffer *text, struct buffer *error)
{
    const struct reading *reading = context;

    (void)path;
    (void)error;
    buffer_append_span(text, reading->text);
    return true;
}

static const struct options *parsed(struct span text)
{
    struct reading reading = {text};
    const struct options_reader reader = {.read = read_text, .context = &reading};
    struct buffer error = {0};
    const struct options *options = options_load("conf", NULL, 0, &reader, &error);

    cr_assert_not_null(options, "%.*s", (int)buffer_size(&error),
                       (const char *)buffer_content(&error).data);
    return options;
}

/* The file `old` is loaded, `words` are set, and the file has to become `expected`, which has to
 * say the same when it is loaded, and has to stay as it is when it is rewritten again. */
static void assert_rewrite(const char *old, const char *const *words, const char *expected)
{
    const struct options *before = parsed(span_of_string(old));
    const struct options *after = assert_set(before, words);
    const struct span everything = SPAN("*");
    struct buffer text = {0};
    struct buffer again = {0};
    struct buffer wanted = {0};
    struct buffer found = {0};

    options_rewrite(after, span_of_string(old), &text);
    cr_assert(span_equal(buffer_content(&text), span_of_string(expected)), "\n%.*s",
              (int)buffer_size(&text), (const char *)buffer_content(&text).data);
    const struct options *reloaded = parsed(buffer_content(&text));
    options_get(after, &everything, 1, collect, &wanted);
    options_get(reloaded, &everything, 1, collect, &found);
    cr_assert(span_equal(buffer_content(&wanted), buffer_content(&found)));
    options_rewrite(reloaded, buffer_content(&text), &again);
    cr_assert(span_equal(buffer_content(&again), span_of_string(expected)));
    options_release(&before);
    options_release(&after);
    options_release(&reloaded);
    buffer_deinit(&text);
    buffer_deinit(&again);
    buffer_deinit(&wanted);
    buffer_deinit(&found);
}

Test(options_config, rewrite_keeps_comments_order_and_lines_that_are_still_right)
{
    assert_rewrite("# mine\n"
                   "\n"
                   "maxmemory 1024mb\n"
                   "  # port 1\n"
                   "PORT   7001\n"
                   "timeout 5\n",
                   (const char *[]){"timeout", "7", NULL},
                   "# mine\n"
                   "\n"
                   "maxmemory 1024mb\n"
                   "  # port 1\n"
                   "PORT   7001\n"
                   "timeout 7\n");
}

Test(options_config, rewrite_writes_all_classes_of_clients_in_one_line)
{
    assert_rewrite("client-output-buffer-limit normal 1 2 3\n"
                   "client-output-buffer-limit pubsub 4 5 6\n"
                   "port 7001\n",
                   (const char *[]){"maxmemory", "0", NULL},
                   "client-output-buffer-limit normal 1 2 3 replica 256mb 64mb 60 pubsub 4 5 6\n"
                   "port 7001\n");
    assert_rewrite("client-output-buffer-limit pubsub 4 5 6\n",
                   (const char *[]){"maxmemory", "0", NULL},
                   "client-output-buffer-limit pubsub 4 5 6\n");
}

Test(options_config, rewrite_adds_what_is_new_at_the_end_and_signs_once)
{
    assert_rewrite("port 7001",
                   (const char *[]){"maxmemory", "104857600", "requirepass", "a \"b\"", NULL},
                   "port 7001\n"
                   "# Generated by CONFIG REWRITE\n"
                   "requirepass \"a \\\"b\\\"\"\n"
                   "maxmemory 100mb\n");
    assert_rewrite("# Generated by CONFIG REWRITE\nmaxmemory 1mb\n",
                   (const char *[]){"timeout", "1", NULL},
                   "# Generated by CONFIG REWRITE\nmaxmemory 1mb\ntimeout 1\n");
}

Test(options_config, rewrite_writes_a_default_only_where_the_file_had_the_directive)
{
    assert_rewrite("timeout 5\n", (const char *[]){"timeout", "0", "maxmemory", "0", NULL},
                   "timeout 0\n");
}

Test(options_config, rewrite_drops_lines_that_a_later_one_overrode)
{
    assert_rewrite("timeout 5\nport 7001\ntimeout 6\n", (const char *[]){"maxmemory", "0", NULL},
                   "timeout 6\nport 7001\n");
    assert_rewrite("keyspace a: replicas 1\nkeyspace b: read ONE\nkeyspace a: replicas 2\n",
                   (const char *[]){"maxmemory", "0", NULL},
                   "keyspace a: replicas 2\nkeyspace b: read ONE\n");
}

Test(options_config, rewrite_of_no_file_holds_what_is_not_at_its_default)
{
    assert_rewrite("", (const char *[]){"loglevel", "debug", "protected-mode", "no", NULL},
                   "# Generated by CONFIG REWRITE\nprotected-mode no\nloglevel debug\n");
}
