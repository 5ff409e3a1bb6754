/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/timeout.h"
#include "main/admin_state.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

TestSuite(admin_state, .timeout = TIMEOUT_S(60));

static struct admin_state made(void)
{
    struct admin_state state = {
        .source = "a:1/2", .match = "x \"y\"\n*", .ring = "89d1", .replace = true};

    state.tally.looked_at = 10;
    state.tally.carried = 7;
    state.tally.vanished = 1;
    admin_tally_types(&state.tally, SPAN("list"), 2);
    struct admin_master *first = admin_state_add(&state, SPAN("a:1"));
    snprintf(first->run_id, sizeof first->run_id, "abc");
    snprintf(first->cursor, sizeof first->cursor, "18446744073709551615");
    admin_state_add(&state, SPAN("[::1]:2"))->done = true;
    return state;
}

Test(admin_state, what_is_written_is_read_back)
{
    struct buffer text = {0}, again = {0}, error = {0};
    struct admin_state state = made();
    struct admin_state read;

    admin_state_write(&state, &text);
    cr_assert(admin_state_read(&read, buffer_content(&text), &error), "%.*s",
              (int)buffer_size(&error), (const char *)buffer_content(&error).data);
    cr_assert_str_eq(read.match, state.match);
    cr_assert_str_eq(read.ring, "89d1");
    cr_assert_eq(read.tally.carried, 7);
    cr_assert_eq(admin_tally_not_carried(&read.tally), 2);
    cr_assert_eq(read.master_count, 2);
    cr_assert_str_eq(read.masters[0].cursor, "18446744073709551615");
    cr_assert_str_eq(read.masters[1].address, "[::1]:2");
    cr_assert_not(read.masters[0].done);
    cr_assert(read.masters[1].done);
    admin_state_write(&read, &again);
    cr_assert(span_equal(buffer_content(&text), buffer_content(&again)));
    cr_assert(admin_state_fits(&state, &read, &error));
    buffer_deinit(&text);
    buffer_deinit(&again);
    admin_state_deinit(&state);
    admin_state_deinit(&read);
}

Test(admin_state, a_file_that_was_cut_anywhere_is_refused)
{
    struct buffer text = {0};
    struct admin_state state = made();

    admin_state_write(&state, &text);
    const struct span whole = buffer_content(&text);
    /* The end of the last line is no loss. */
    for (size_t size = 0; size + 1 < whole.size; size++) {
        struct buffer error = {0};
        struct admin_state read;
        cr_assert_not(admin_state_read(&read, span_of(whole.data, size), &error), "%zu bytes",
                      size);
        cr_assert_gt(buffer_size(&error), 0);
        cr_assert_eq(read.master_count, 0);
        buffer_deinit(&error);
    }
    buffer_deinit(&text);
    admin_state_deinit(&state);
}

Test(admin_state, what_is_wrong_is_told_with_its_line)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "line 1: the end is missing"},
        {"port 6379\n", "line 1: this is no state of an import"},
        {"dunlin-admin-import 2\nend\n", "line 1: this is no state of an import"},
        {"dunlin-admin-import 1\ncount carried -1\nend\n", "line 2: it is not understood"},
        {"dunlin-admin-import 1\ncount other 1\nend\n", "line 2: it is not understood"},
        {"dunlin-admin-import 1\nsource a:1\nmaster a:1 id 12x\nend\n",
         "line 3: it is not understood"},
        {"dunlin-admin-import 1\nmaster a:1 id 123456789012345678901234567890123\nend\n",
         "line 2: it is not understood"},
        {"dunlin-admin-import 1\n\nend\n", "line 2: it is not understood"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer error = {0};
        struct admin_state read;
        cr_assert_not(admin_state_read(&read, span_of_string(rows[i].text), &error));
        cr_assert(span_equal(buffer_content(&error), span_of_string(rows[i].why)), "%.*s",
                  (int)buffer_size(&error), (const char *)buffer_content(&error).data);
        buffer_deinit(&error);
    }
}

Test(admin_state, another_import_is_not_gone_on_with)
{
    struct admin_state state = made();

    for (int i = 0; i < 3; i++) {
        struct admin_state other = {.source = "a:1/2", .match = "x \"y\"\n*", .replace = true};
        struct buffer error = {0};
        cr_assert(admin_state_fits(&state, &other, &error));
        if (i == 0)
            other.source[0] = 'b';
        else if (i == 1)
            other.match[0] = '\0';
        else
            other.replace = false;
        cr_assert_not(admin_state_fits(&state, &other, &error));
        cr_assert_gt(buffer_size(&error), 0);
        buffer_deinit(&error);
    }
    admin_state_deinit(&state);
}

Test(admin_state, masters_have_a_bound)
{
    struct admin_state state = {0};
    char address[ADMIN_ADDRESS_MAX + 1];

    for (int i = 0; i < ADMIN_MASTERS_MAX; i++) {
        snprintf(address, sizeof address, "a:%d", i);
        cr_assert_not_null(admin_state_add(&state, span_of_string(address)));
    }
    cr_assert_null(admin_state_add(&state, SPAN("a:1")));
    admin_state_deinit(&state);
    memset(address, 'a', sizeof address);
    cr_assert_null(admin_state_add(&state, span_of(address, sizeof address)));
    admin_state_deinit(&state);
}
