/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/options_table.h"
#include "lib/timeout.h"

TestSuite(options_load, .timeout = TIMEOUT_S(10));

/* Files that a reader finds, ended by a row without a path. */
struct fake {
    const char *path;
    const char *text;
};

static bool read_fake(void *context, const char *path, struct buffer *text, struct buffer *error)
{
    for (const struct fake *file = context; file->path != NULL; file++) {
        if (strcmp(file->path, path) == 0) {
            buffer_append_string(text, file->text);
            return true;
        }
    }
    buffer_append_format(error, "cannot read '%s': No such file or directory", path);
    return false;
}

static const struct options *load(struct fake *files, const char *const *arguments,
                                  struct buffer *error)
{
    const struct options_reader reader = {.read = read_fake, .context = files};
    size_t count = 0;

    while (arguments != NULL && arguments[count] != NULL)
        count++;
    return options_load(files != NULL ? files[0].path : NULL, arguments, count, &reader, error);
}

static const struct options *load_text(const char *text, struct buffer *error)
{
    struct fake files[] = {{"dunlin.conf", text}, {NULL, NULL}};

    return load(files, NULL, error);
}

/* Asserts that the file is refused with just this error. */
static void assert_refused(const char *text, const char *expected)
{
    struct buffer error = {0};
    const struct options *options = load_text(text, &error);

    cr_assert_null(options, "%s", text);
    cr_assert(span_equal(buffer_content(&error), span_of_string(expected)), "\n%.*s\n%s",
              (int)buffer_size(&error), (const char *)buffer_content(&error).data, expected);
    buffer_deinit(&error);
}

static const struct options *assert_taken(const char *text)
{
    struct buffer error = {0};
    const struct options *options = load_text(text, &error);

    cr_assert_not_null(options, "%s: %.*s", text, (int)buffer_size(&error),
                       (const char *)buffer_content(&error).data);
    buffer_deinit(&error);
    return options;
}

Test(options_load, without_a_file_all_is_at_its_default)
{
    struct buffer error = {0};
    const struct options *options = load(NULL, NULL, &error);

    cr_assert_eq(options->port, 6379);
    cr_assert_eq(options->bind.count, 1);
    cr_assert_str_eq(options->bind.items[0], "127.0.0.1");
    cr_assert(options->protected_mode);
    cr_assert_str_eq(options->requirepass, "");
    cr_assert_eq(options->proto_max_bulk_len, UINT64_C(512) << 20);
    const struct option_output_limit *of = options->client_output_buffer_limit.of;
    cr_assert_eq(of[OPTION_CLASS_NORMAL].hard_bytes, UINT64_C(256) << 20);
    cr_assert_eq(of[OPTION_CLASS_NORMAL].soft_seconds, 60);
    cr_assert_eq(of[OPTION_CLASS_PUBSUB].hard_bytes, UINT64_C(32) << 20);
    cr_assert_eq(of[OPTION_CLASS_PUBSUB].soft_bytes, UINT64_C(8) << 20);
    cr_assert_eq(options->loglevel, LOG_NOTICE);
    cr_assert_eq(options->read_level, LEVEL_QUORUM);
    cr_assert_eq(options->conflict, OPTION_CONFLICT_LWW);
    cr_assert_eq(options->partitions, 1024);
    cr_assert_eq(options->seeds.count, 0);
    cr_assert_eq(options->keyspace.count, 0);
    options_release(&options);
}

Test(options_load, a_file_is_read_in_redis_syntax)
{
    const struct options *options = assert_taken("# comment\r\n"
                                                 "\r\n"
                                                 "  PORT 7001\r\n"
                                                 "bind 127.0.0.1 ::1\n"
                                                 "maxmemory 1k\n"
                                                 "maxmemory 2GB\n"
                                                 "requirepass \"two words \\x41\"\n"
                                                 "daemonize YES\n"
                                                 "loglevel debug\n"
                                                 "seeds a.example:7001 [::1]:7002\n"
                                                 "client-output-buffer-limit normal 10mb 0 5\n"
                                                 "client-output-buffer-limit slave 1 2 3 "
                                                 "PUBSUB 4 5 6\n"
                                                 "write-level all\n"
                                                 "request-timeout-ms 250");

    cr_assert_eq(options->port, 7001);
    cr_assert_eq(options->bind.count, 2);
    cr_assert_str_eq(options->bind.items[1], "::1");
    cr_assert_eq(options->maxmemory, UINT64_C(2) << 30);
    cr_assert_str_eq(options->requirepass, "two words A");
    cr_assert(options->daemonize);
    cr_assert_eq(options->loglevel, LOG_DEBUG);
    cr_assert_eq(options->seeds.count, 2);
    cr_assert_str_eq(options->seeds.items[0].host, "a.example");
    cr_assert_eq(options->seeds.items[0].port, 7001);
    cr_assert_str_eq(options->seeds.items[1].host, "::1");
    cr_assert_eq(options->seeds.items[1].port, 7002);
    const struct option_output_limit *of = options->client_output_buffer_limit.of;
    cr_assert_eq(of[OPTION_CLASS_NORMAL].hard_bytes, 10 << 20);
    cr_assert_eq(of[OPTION_CLASS_NORMAL].soft_bytes, 0);
    cr_assert_eq(of[OPTION_CLASS_REPLICA].soft_seconds, 3);
    cr_assert_eq(of[OPTION_CLASS_PUBSUB].hard_bytes, 4);
    cr_assert_eq(options->write_level, LEVEL_ALL);
    cr_assert_eq(options->request_timeout_ms, 250);
    options_release(&options);
}

Test(options_load, sizes_have_redis_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"7", 7},
        {"7b", 7},
        {"7k", 7000},
        {"7kb", 7 * 1024},
        {"7K", 7000},
        {"7m", 7000000},
        {"7Mb", 7 << 20},
        {"7g", UINT64_C(7000000000)},
        {"7gB", UINT64_C(7) << 30},
        {"9223372036854775807", INT64_MAX},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "maxmemory %s", rows[i].text);
        const struct options *options = assert_taken(line);
        cr_assert_eq(options->maxmemory, rows[i].bytes, "%s", line);
        options_release(&options);
    }
}

Test(options_load, rules_for_keyspaces_add_up_in_order)
{
    const struct options *options = assert_taken(
        "keyspace session: replicas 2 read ONE write QUORUM\n"
        "keyspace cart: conflict siblings\n"
        "keyspace \"a b\" READ 2\n"
        "keyspace session: replicas 1\n");
    const struct option_rules *rules = &options->keyspace;

    cr_assert_eq(rules->count, 3);
    cr_assert_str_eq(rules->items[0].prefix, "session:");
    cr_assert_eq(rules->items[0].replicas, 1);
    cr_assert_eq(rules->items[0].read_level, LEVEL_DEFAULT, "the later rule replaced the earlier");
    cr_assert_eq(rules->items[0].conflict, OPTION_CONFLICT_DEFAULT);
    cr_assert_eq(rules->items[1].conflict, OPTION_CONFLICT_SIBLINGS);
    cr_assert_str_eq(rules->items[2].prefix, "a b");
    cr_assert_eq(rules->items[2].read_level, 2);
    options_release(&options);
}

Test(options_load, arguments_override_the_file)
{
    struct fake files[] = {{"dunlin.conf", "port 7001\nweight 50\nseeds a:1\n"}, {NULL, NULL}};
    const char *const arguments[] = {
        "--port",   "7002", "--seeds",       "b:2", "c:3",    "--keyspace",    "s:",
        "replicas", "2",    "--requirepass", "a b", "--bind", "127.0.0.1 ::1", NULL};
    struct buffer error = {0};
    const struct options *options = load(files, arguments, &error);

    cr_assert_not_null(options);
    cr_assert_eq(options->port, 7002);
    cr_assert_eq(options->weight, 50);
    cr_assert_eq(options->seeds.count, 2);
    cr_assert_str_eq(options->seeds.items[1].host, "c");
    cr_assert_eq(options->keyspace.items[0].replicas, 2);
    cr_assert_str_eq(options->requirepass, "a b");
    cr_assert_eq(options->bind.count, 2, "one word may hold a list");
    options_release(&options);
}

Test(options_load, a_wrong_line_says_where_what_and_what_else)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"port 1\n\n# x\nmaxmemory 10xx\n",
         "dunlin.conf:4: 'maxmemory 10xx': expected a number of bytes such as 100mb, found '10xx'"},
        {"maxmemory -1", "dunlin.conf:1: 'maxmemory -1': expected a number of bytes such as 100mb, "
                         "found '-1'"},
        {"maxmemory 99999999999gb",
         "dunlin.conf:1: 'maxmemory 99999999999gb': expected a number of "
         "bytes such as 100mb, found '99999999999gb'"},
        {"port 0", "dunlin.conf:1: 'port 0': expected a whole number from 1 to 55535, found '0'"},
        {"port", "dunlin.conf:1: 'port': expected a whole number from 1 to 55535, found 0 values"},
        {"port 1 2",
         "dunlin.conf:1: 'port 1 2': expected a whole number from 1 to 55535, found 2 values"},
        {"request-timeout-ms 1s", "dunlin.conf:1: 'request-timeout-ms 1s': expected a whole number "
                                  "of milliseconds from 1 to 600000, found '1s'"},
        {"daemonize maybe", "dunlin.conf:1: 'daemonize maybe': expected yes or no, found 'maybe'"},
        {"loglevel loud", "dunlin.conf:1: 'loglevel loud': expected one of "
                          "debug|verbose|notice|warning, found 'loud'"},
        {"maxmemory-policy allkeys-lru", "dunlin.conf:1: 'maxmemory-policy allkeys-lru': expected "
                                         "one of noeviction|allkeys-clock, found 'allkeys-lru'"},
        {"recovery-wait soon", "dunlin.conf:1: 'recovery-wait soon': expected never, or a whole "
                               "number of seconds from 0 to 2147483647, found 'soon'"},
        {"read-level MOST",
         "dunlin.conf:1: 'read-level MOST': expected ONE, TWO, THREE, QUORUM, ALL "
         "or a number from 1 to 7, found 'MOST'"},
        {"seeds a:1 b", "dunlin.conf:1: 'seeds a:1 b': expected host:port ..., 0 to 64 of them, "
                        "found 'b'"},
        {"seeds ::1:7001", "dunlin.conf:1: 'seeds ::1:7001': expected host:port ..., 0 to 64 of "
                           "them, found '::1:7001'"},
        {"bind \"\"", "dunlin.conf:1: 'bind \"\"': expected address ..., 1 to 16 of them, found 0 "
                      "values"},
        {"client-output-buffer-limit master 1mb 1mb 1",
         "dunlin.conf:1: 'client-output-buffer-limit master 1mb 1mb 1': expected "
         "normal|replica|pubsub hard soft seconds ..., found 'master'"},
        {"client-output-buffer-limit pubsub 1mb 1mb 1 normal 1 x 1",
         "dunlin.conf:1: 'client-output-buffer-limit pubsub 1mb 1mb 1 normal 1 x 1': expected "
         "normal|replica|pubsub hard soft seconds ..., found 'x'"},
        {"client-output-buffer-limit pubsub 1mb 1mb -1",
         "dunlin.conf:1: 'client-output-buffer-limit pubsub 1mb 1mb -1': expected "
         "normal|replica|pubsub hard soft seconds ..., found '-1'"},
        {"client-output-buffer-limit pubsub 1mb",
         "dunlin.conf:1: 'client-output-buffer-limit pubsub 1mb': expected "
         "normal|replica|pubsub hard soft seconds ..., found 2 values"},
        {"client-output-buffer-limit",
         "dunlin.conf:1: 'client-output-buffer-limit': expected "
         "normal|replica|pubsub hard soft seconds ..., found 0 values"},
        {"keyspace a: replicas 9", "dunlin.conf:1: 'keyspace a: replicas 9': expected prefix "
                                   "[replicas n] [read level] [write "
                                   "level] [conflict lww|siblings], found 'replicas'"},
        {"keyspace a:", "dunlin.conf:1: 'keyspace a:': expected prefix [replicas n] [read level] "
                        "[write level] [conflict lww|siblings], found nothing more"},
        {"keyspace a: read ONE read ONE", "dunlin.conf:1: 'keyspace a: read ONE read ONE': "
                                          "expected prefix [replicas n] [read level] "
                                          "[write level] [conflict lww|siblings], found 'read'"},
        {"maxmemry 1mb",
         "dunlin.conf:1: 'maxmemry 1mb': expected a directive, found 'maxmemry'; did "
         "you mean 'maxmemory'?"},
        {"frobnicate yes", "dunlin.conf:1: 'frobnicate yes': expected a directive, found "
                           "'frobnicate'; dunlin.conf(5) and --help list them all"},
        {"save 900 1",
         "dunlin.conf:1: 'save 900 1': expected a directive of Dunlin, found 'save' of "
         "Redis: Dunlin keeps data in memory only, in several copies"},
        {"dir \"a", "dunlin.conf:1: 'dir \"a': expected each quote to be closed, and a blank after "
                    "it"},
        {"zone a\x01z b",
         "dunlin.conf:1: 'zone a?z b': expected a text of 0 to 63 bytes without NUL, "
         "found 2 values"},
        {"zone \"a\\x00\"", "dunlin.conf:1: 'zone \"a\\x00\"': expected a text of 0 to 63 bytes "
                            "without NUL, found 'a?'"},
        {"partitions 1000", "partitions is 1000: expected a power of two from 64 to 16384"},
        {"replicas 2\nwrite-level THREE", "'write-level' is THREE, and there are 2 replicas: "
                                          "expected at most as many, QUORUM or ALL"},
        {"keyspace a: replicas 1 read TWO", "'keyspace a: read' is TWO, and there are 1 replicas: "
                                            "expected at most as many, QUORUM or ALL"},
        {"port 60000",
         "dunlin.conf:1: 'port 60000': expected a whole number from 1 to 55535, found '60000'"},
        {"peer-frame-max 512mb", "proto-max-bulk-len is 536870912 and peer-frame-max 536870912: "
                                 "expected at least 1mb between them"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].text, rows[i].error);
}

Test(options_load, a_secret_stands_in_no_error)
{
    assert_refused("requirepass my secret\n",
                   "dunlin.conf:1: 'requirepass': expected a text of 0 to 512 bytes without NUL, "
                   "found 2 values");
    assert_refused(
        "cluster-secret \"my\\x00secret\"\n",
        "dunlin.conf:1: 'cluster-secret': expected a text of 0 to 512 bytes without NUL");
    assert_refused("requirepass \"my secret\n",
                   "dunlin.conf:1: 'requirepass': expected each quote to be closed, and a blank "
                   "after it");
    struct buffer error = {0};
    const char *const arguments[] = {"--requirepass", "my", "secret", NULL};
    cr_assert_null(load(NULL, arguments, &error));
    cr_assert(span_equal(buffer_content(&error),
                         SPAN("command line: '--requirepass': expected a text of 0 to 512 bytes "
                              "without NUL, found 2 values")));
    buffer_deinit(&error);
}

Test(options_load, a_wrong_argument_is_named_as_well)
{
    static const struct {
        const char *arguments[4];
        const char *error;
    } rows[] = {
        {{"--port", "x", NULL},
         "command line: '--port x': expected a whole number from 1 to 55535, found 'x'"},
        {{"port", "1", NULL}, "command line: expected --directive, found 'port'"},
        {{"--prt", "1", NULL},
         "command line: '--prt 1': expected a directive, found 'prt'; did you mean 'port'?"},
        {{"--dir", NULL},
         "command line: '--dir': expected a text of 1 to 4000 bytes without NUL, "
         "found 0 values"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer error = {0};
        cr_assert_null(load(NULL, rows[i].arguments, &error));
        cr_assert(span_equal(buffer_content(&error), span_of_string(rows[i].error)), "%.*s",
                  (int)buffer_size(&error), (const char *)buffer_content(&error).data);
        buffer_deinit(&error);
    }
}

Test(options_load, included_files_stand_where_they_are_included)
{
    struct fake files[] = {
        {"dunlin.conf", "port 1000\nweight 1\ninclude b.conf\nweight 3\n"},
        {"b.conf", "port 2000\nweight 2\ninclude \"c d.conf\"\n"},
        {"c d.conf", "zone z"},
        {NULL, NULL},
    };
    struct buffer error = {0};
    const struct options *options = load(files, NULL, &error);

    cr_assert_not_null(options);
    cr_assert_eq(options->port, 2000);
    cr_assert_eq(options->weight, 3);
    cr_assert_str_eq(options->zone, "z");
    options_release(&options);

    files[2].text = "\nport x\n";
    cr_assert_null(load(files, NULL, &error));
    cr_assert(
        span_equal(buffer_content(&error),
                   SPAN("c d.conf:2: 'port x': expected a whole number from 1 to 55535, found "
                        "'x'")));
    buffer_reset(&error, SIZE_MAX);
    files[2].path = "other.conf";
    cr_assert_null(load(files, NULL, &error));
    cr_assert(span_equal(buffer_content(&error),
                         SPAN("b.conf:3: 'include \"c d.conf\"': cannot read 'c d.conf': No such "
                              "file or directory")));
    buffer_deinit(&error);
}

Test(options_load, files_that_include_each_other_without_end_are_refused)
{
    struct fake deep[] = {{"dunlin.conf", "include dunlin.conf\n"}, {NULL, NULL}};
    struct fake wide[] = {{"dunlin.conf", "include a\n"},
                          {"a", "include b\ninclude b\ninclude b\ninclude b\ninclude b\n"},
                          {"b", "include c\ninclude c\ninclude c\ninclude c\ninclude c\n"},
                          {"c", "include d\ninclude d\ninclude d\ninclude d\ninclude d\n"},
                          {"d", "include e\ninclude e\ninclude e\ninclude e\ninclude e\n"},
                          {"e", ""},
                          {NULL, NULL}};
    static const char refusal[] = ": expected at most 256 files included, 16 deep: does a file "
                                  "include itself?";
    struct fake *all[] = {deep, wide};

    for (int i = 0; i < 2; i++) {
        struct buffer error = {0};
        cr_assert_null(load(all[i], NULL, &error));
        const struct span text = buffer_content(&error);
        cr_assert(
            text.size > sizeof refusal - 1 &&
            memcmp(text.data + text.size - (sizeof refusal - 1), refusal, sizeof refusal - 1) == 0);
        buffer_deinit(&error);
    }
}

Test(options_load, a_long_wrong_value_is_cut_in_the_error)
{
    struct buffer text = {0};
    struct buffer error = {0};

    buffer_append_string(&text, "zone ");
    for (int i = 0; i < 100000; i++)
        buffer_append_string(&text, "z");
    buffer_append(&text, "", 1);
    cr_assert_null(load_text((const char *)buffer_content(&text).data, &error));
    cr_assert_lt(buffer_size(&error), 400);
    buffer_deinit(&text);
    buffer_deinit(&error);
}

/* ----------------------------------------------------------------------------- what people read */

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = memory_alloc(1 << 20);

    cr_assert_not_null(file, "%s", path);
    const size_t size = fread(text, 1, (1 << 20) - 1, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

Test(options_load, the_configuration_file_in_the_tree_is_what_the_table_says)
{
    char *text = slurp(SOURCE_DIR "/conf/dunlin.conf");
    struct buffer printed = {0};

    options_print_file(&printed);
    cr_assert(span_equal(span_of_string(text), buffer_content(&printed)), "run `make conf`");
    memory_free(text);
    buffer_deinit(&printed);
}

Test(options_load, the_configuration_file_gives_every_directive_its_default)
{
    char *text = slurp(SOURCE_DIR "/conf/dunlin.conf");
    const struct options *from_file = assert_taken(text);
    const struct options *defaults = options_create();

    for (size_t i = 0; i < options_table_size; i++) {
        const struct option *row = &options_table[i];
        struct buffer a = {0};
        struct buffer b = {0};
        char line[96];
        if (row->kind == OPTION_KIND_HEADING)
            continue;
        option_show(row, from_file, true, &a);
        option_show(row, defaults, true, &b);
        cr_assert(span_equal(buffer_content(&a), buffer_content(&b)), "%s", row->name);
        snprintf(line, sizeof line, row->kind == OPTION_KIND_RULES ? "\n# %s " : "\n%s ",
                 row->name);
        cr_assert_not_null(strstr(text, line), "%s", row->name);
        buffer_deinit(&a);
        buffer_deinit(&b);
    }
    memory_free(text);
    options_release(&from_file);
    options_release(&defaults);
}

Test(options_load, help_and_manual_have_every_directive)
{
    struct buffer help = {0};
    struct buffer manual = {0};

    options_print_help(&help);
    options_print_manual(&manual);
    buffer_append(&help, "", 1);
    buffer_append(&manual, "", 1);
    for (size_t i = 0; i < options_table_size; i++) {
        const struct option *row = &options_table[i];
        char escaped[96] = "\\fB";
        char flag[64];
        if (row->kind == OPTION_KIND_HEADING)
            continue;
        snprintf(flag, sizeof flag, "  --%s ", row->name);
        cr_assert_not_null(strstr((const char *)buffer_content(&help).data, flag), "%s", flag);
        for (const char *at = row->name; *at != '\0'; at++)
            snprintf(escaped + strlen(escaped), sizeof escaped - strlen(escaped),
                     *at == '-' ? "\\-" : "%c", *at);
        cr_assert_not_null(strstr((const char *)buffer_content(&manual).data, escaped), "%s",
                           escaped);
    }
    buffer_deinit(&help);
    buffer_deinit(&manual);
}
