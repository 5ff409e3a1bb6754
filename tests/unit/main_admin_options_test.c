/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/timeout.h"
#include "main/admin_options.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define PARSE(...)    parse((const char *[]){__VA_ARGS__, NULL})
#define REFUSED(...)  refused((const char *[]){__VA_ARGS__, NULL})
#define IMPORT_SOURCE "import", "redis://a"

static struct admin_options options;
static struct buffer error;

static void forget(void)
{
    buffer_deinit(&error);
}

TestSuite(admin_options, .timeout = TIMEOUT_S(60), .fini = forget);

static bool parse(const char *const *words)
{
    size_t count = 0;

    while (words[count] != NULL)
        count++;
    return admin_options_parse(&options, words, count, &error);
}

static const char *refused(const char *const *words)
{
    buffer_reset(&error, 0);
    cr_assert_not(parse(words));
    buffer_append(&error, "", 1);
    return (const char *)buffer_content(&error).data;
}

Test(admin_options, what_is_not_said_has_its_default)
{
    cr_assert(PARSE(IMPORT_SOURCE));
    cr_assert_eq(options.command, ADMIN_COMMAND_IMPORT);
    cr_assert_str_eq(options.arguments.items[0], "redis://a");
    cr_assert_str_eq(options.host, "127.0.0.1");
    cr_assert_eq(options.port, 6379);
    cr_assert_eq(options.pipeline, 128);
    cr_assert_eq(options.rate, 0);
    cr_assert_null(options.match);
    cr_assert_not(options.replace || options.dry_run || options.verify || options.json);
}

Test(admin_options, options_stand_anywhere_and_in_three_forms)
{
    cr_assert(PARSE("-p", "7001", "import", "--host=b", "redis://a", "--match", "x*", "--replace"));
    cr_assert_str_eq(options.host, "b");
    cr_assert_eq(options.port, 7001);
    cr_assert_str_eq(options.match, "x*");
    cr_assert(options.replace);
    cr_assert(PARSE("-u", "redis://a", "--uri=redis://b", "status", "--json"));
    cr_assert_eq(options.uris.count, 2);
    cr_assert_str_eq(options.uris.items[1], "redis://b");
    cr_assert(options.json);
    cr_assert(PARSE("--help"));
    cr_assert(PARSE("import", "--help"));
    cr_assert_eq(options.command, ADMIN_COMMAND_IMPORT);
}

Test(admin_options, what_is_wrong_is_told_with_what_is_accepted)
{
    cr_assert_str_eq(REFUSED("--json"), "expected a command: import or status");
    cr_assert_str_eq(REFUSED("imports"), "unknown command 'imports'; accepted are import, status");
    cr_assert_not_null(strstr(REFUSED("--ratee", "5", IMPORT_SOURCE),
                              "unknown option '--ratee'; accepted are --host, --port"));
    cr_assert_str_eq(REFUSED(IMPORT_SOURCE, "--rate", "fast"),
                     "--rate: expected a whole number from 0 to 100000000, found 'fast'");
    cr_assert_str_eq(REFUSED(IMPORT_SOURCE, "--pipeline=0"),
                     "--pipeline: expected a whole number from 1 to 4096, found '0'");
    cr_assert_str_eq(REFUSED(IMPORT_SOURCE, "--match"),
                     "--match: expected pattern, found nothing more");
    cr_assert_str_eq(REFUSED(IMPORT_SOURCE, "--verify=yes"),
                     "--verify takes no value, found 'yes'");
    cr_assert_str_eq(REFUSED(IMPORT_SOURCE, "--skip", "--replace"),
                     "--skip and --replace: expected one of them");
    cr_assert_str_eq(REFUSED(IMPORT_SOURCE, "--sample", "5"),
                     "--sample: expected --verify with it");
    cr_assert_not_null(strstr(REFUSED("import"), "import: expected redis://"));
    cr_assert_str_eq(REFUSED("status", "x"), "status: expected no argument, found 1 arguments");
    cr_assert_str_eq(REFUSED("status", "--rate", "5"), "--rate is no option of this command");
    cr_assert_str_eq(REFUSED("status", "--replace"), "--replace is no option of this command");
    cr_assert_str_eq(REFUSED("status", "--state", "f"), "--state is no option of this command");
}

Test(admin_options, the_help_and_the_page_name_every_option)
{
    static const char *const names[] = {"host", "uri", "match", "rate", "state", "dry-run", "json"};
    struct buffer help = {0}, page = {0};

    admin_options_print_help(ADMIN_COMMAND_NONE, &help);
    admin_options_print_manual(&page);
    buffer_append(&help, "", 1);
    buffer_append(&page, "", 1);
    for (size_t i = 0; i < COUNT(names); i++) {
        char name[32];
        snprintf(name, sizeof name, "--%s", names[i]);
        cr_assert_not_null(strstr((const char *)buffer_content(&help).data, name), "%s", name);
    }
    cr_assert_not_null(strstr((const char *)buffer_content(&page).data, "\\fB\\-\\-dry\\-run\\fR"));
    buffer_deinit(&help);
    buffer_deinit(&page);
}
