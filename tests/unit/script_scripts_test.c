/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The scripts that a node knows.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "script/scripts.h"

TestSuite(scripts, .timeout = TIMEOUT_S(20));

static struct script *create(const char *text)
{
    struct buffer reply = {0};
    struct script *script = script_create(span_of_string(text), &reply);

    cr_assert_eq(buffer_size(&reply), 0);
    buffer_deinit(&reply);
    return script;
}

static bool knows(struct scripts *scripts, const char *text)
{
    char name[SCRIPT_NAME_SIZE];

    script_name(span_of_string(text), name);
    struct script *found = scripts_find(scripts, name);
    const bool known = found != NULL;
    script_release(&found);
    return known;
}

static void keep(struct scripts *scripts, const char *text, bool fresh)
{
    struct script *script = create(text);

    cr_assert_eq(scripts_keep(scripts, script), fresh);
    script_release(&script);
}

Test(scripts, one_is_found_by_its_name_until_all_are_forgotten)
{
    struct scripts *scripts = scripts_create();
    char name[SCRIPT_NAME_SIZE];

    cr_assert_not(knows(scripts, "return 1"));
    keep(scripts, "return 1", true);
    keep(scripts, "return 1", false);
    keep(scripts, "return 2", true);
    cr_assert(knows(scripts, "return 1"));
    cr_assert_eq(scripts_count(scripts), 2);
    cr_assert(script_name_read(SPAN("E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), name));
    struct script *held = scripts_find(scripts, name);
    cr_assert_not_null(held);
    scripts_flush(scripts);
    cr_assert_not(knows(scripts, "return 1"));
    cr_assert_eq(scripts_bytes(scripts), 0);
    cr_assert(span_equal(span_of(held->text, held->size), SPAN("return 1")), "who holds it has it");
    script_release(&held);
    scripts_destroy(&scripts);
}

Test(scripts, those_that_were_not_asked_for_longest_make_room)
{
    struct scripts *scripts = scripts_create();
    const size_t size = SCRIPTS_BYTES_MAX / 8;
    char *text = malloc(size + 1);

    memset(text, ' ', size);
    text[size] = '\0';
    keep(scripts, "return 'old'", true);
    keep(scripts, "return 'used'", true);
    for (char c = 'a'; c < 'j'; c++) {
        text[0] = c;
        keep(scripts, text, true);
        cr_assert(knows(scripts, "return 'used'"));
        cr_assert_leq(scripts_bytes(scripts), SCRIPTS_BYTES_MAX);
    }
    cr_assert_not(knows(scripts, "return 'old'"));
    free(text);
    scripts_destroy(&scripts);
}

Test(scripts, the_first_line_may_have_flags)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"#!lua name=x\nreturn 1", "-ERR Unknown lua shebang option: name=x\r\n"},
        {"#!lua flags=bogus\nreturn 1", "-ERR Unexpected flag in script shebang: bogus\r\n"},
        {"#!foo\nreturn 1", "-ERR Unexpected engine in script shebang: #!foo\r\n"}};
    struct buffer reply = {0};
    struct script *script = create("#!lua flags=allow-stale,no-writes\nreturn 1");

    cr_assert(script->no_writes);
    script_release(&script);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buffer_reset(&reply, SIZE_MAX);
        cr_assert_null(script_create(span_of_string(rows[i].text), &reply));
        cr_assert(span_equal(buffer_content(&reply), span_of_string(rows[i].error)));
    }
    buffer_deinit(&reply);
}

Test(scripts, those_that_run_are_killed_unless_they_have_written)
{
    struct scripts *scripts = scripts_create();
    struct script_run first = {0}, second = {0};

    cr_assert_eq(scripts_kill(scripts), KILL_NONE_RUNS);
    scripts_run_begin(scripts, &first);
    scripts_run_begin(scripts, &second);
    atomic_store(&second.wrote, true);
    cr_assert_eq(scripts_kill(scripts), KILL_REFUSED);
    cr_assert(atomic_load(&first.killed));
    cr_assert_not(atomic_load(&second.killed));
    scripts_run_end(scripts, &second);
    cr_assert_eq(scripts_kill(scripts), KILL_DONE);
    scripts_run_end(scripts, &first);
    cr_assert_eq(scripts_kill(scripts), KILL_NONE_RUNS);
    scripts_destroy(&scripts);
}
