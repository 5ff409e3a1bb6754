/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "main/admin_uri.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

TestSuite(admin_uri, .timeout = TIMEOUT_S(60));

static const char *text_of(struct buffer *buffer)
{
    buffer_append(buffer, "", 1);
    return (const char *)buffer_content(buffer).data;
}

Test(admin_uri, an_address_is_read_in_all_its_forms)
{
    static const struct {
        const char *text;
        struct admin_uri uri;
        const char *shown;
    } rows[] = {
        {"redis://a", {.host = "a", .port = 6379}, "a:6379"},
        {"redis://a/", {.host = "a", .port = 6379}, "a:6379"},
        {"redis://a.b:1", {.host = "a.b", .port = 1}, "a.b:1"},
        {"redis://a:65535/3", {.host = "a", .port = 65535, .database = 3}, "a:65535/3"},
        {"redis://secret@a", {.host = "a", .port = 6379, .password = "secret"}, "a:6379"},
        {"redis://:se:cret@a", {.host = "a", .port = 6379, .password = "se:cret"}, "a:6379"},
        {"redis://me:p%40%2fw@a:7/0",
         {.host = "a", .port = 7, .user = "me", .password = "p@/w"},
         "a:7"},
        {"redis://me:p@w@a",
         {.host = "a", .port = 6379, .user = "me", .password = "p@w"},
         "a:6379"},
        {"redis://[::1]", {.host = "::1", .port = 6379}, "[::1]:6379"},
        {"redis://[::1]:80/12", {.host = "::1", .port = 80, .database = 12}, "[::1]:80/12"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer error = {0}, shown = {0};
        struct admin_uri uri;
        cr_assert(admin_uri_parse(rows[i].text, &uri, &error), "%s", rows[i].text);
        cr_assert_str_eq(uri.host, rows[i].uri.host);
        cr_assert_eq(uri.port, rows[i].uri.port);
        cr_assert_str_eq(uri.user, rows[i].uri.user);
        cr_assert_str_eq(uri.password, rows[i].uri.password);
        cr_assert_eq(uri.database, rows[i].uri.database);
        admin_uri_show(&uri, &shown);
        cr_assert_str_eq(text_of(&shown), rows[i].shown);
        buffer_deinit(&shown);
    }
}

Test(admin_uri, what_is_none_is_told_why_and_its_password_is_not_shown)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "found '': it does not begin with redis://"},
        {"127.0.0.1:6379", "found '127.0.0.1:6379': it does not begin with redis://"},
        {"rediss://me:secret@a", "found 'rediss://me:***@a': there is no TLS"},
        {"redis://", "there is no host"},
        {"redis://:80", "there is no host"},
        {"redis://a:", "the port is no number from 1 to 65535"},
        {"redis://a:0", "the port is no number"},
        {"redis://a:65536", "the port is no number"},
        {"redis://secret@a:x", "found 'redis://***@a:x': the port is no number"},
        {"redis://a/x", "the database is no number"},
        {"redis://a/-1", "the database is no number"},
        {"redis://[::1", "the bracket is not closed"},
        {"redis://[::1]80", "the port is no number"},
        {"redis://%zz@a", "(%XX stands for a byte)"},
        {"redis://%00@a", "(%XX stands for a byte)"},
        {"redis://%4@a", "(%XX stands for a byte)"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer error = {0};
        struct admin_uri uri;
        cr_assert_not(admin_uri_parse(rows[i].text, &uri, &error), "%s", rows[i].text);
        const char *text = text_of(&error);
        cr_assert_not_null(strstr(text, rows[i].why), "'%s' says why: %s", rows[i].text, text);
        cr_assert_null(strstr(text, "secret"), "%s", text);
        buffer_deinit(&error);
    }
}

Test(admin_uri, names_that_are_too_long_are_refused)
{
    char text[2000] = "redis://";
    struct buffer error = {0};
    struct admin_uri uri;

    memset(text + strlen(text), 'a', 300);
    cr_assert_not(admin_uri_parse(text, &uri, &error));
    memset(text + strlen(text), 'b', 1000);
    strcat(text, "@a");
    cr_assert_not(admin_uri_parse(text, &uri, &error));
    buffer_deinit(&error);
}
