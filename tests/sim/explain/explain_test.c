/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the simulator says of a failure: a run that breaks a promise, since a rule of replication
 * was taken out, is explained by what clients asked, what nodes held and what was lost between
 * them.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/timeout.h"
#include "sim/explain/explain.h"
#include "sim/explain/timeline.h"
#include "sim/load/history_file.h"
#include "sim/load/load_parts.h"
#include "sim/mutant/rules.h"

TestSuite(explain, .timeout = TIMEOUT_S(60));

/* ---- timelines ---- */

/* To be freed. */
static char *printed(struct timeline *timeline)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    timeline_print(timeline, out);
    fclose(out);
    timeline_destroy(&timeline);
    return text;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

Test(explain, a_timeline_shows_what_is_near_and_counts_the_rest)
{
    struct timeline *timeline = timeline_create();

    for (int i = 0; i < 1000; i++)
        timeline_add(timeline, i * 10000, TIMELINE_SENT, "1>2", "message %d", i);
    timeline_add(timeline, 2000000, TIMELINE_SHOWN, "c1>1", "the first of it");
    timeline_focus(timeline, 2000000);
    timeline_focus(timeline, 5000000);
    char *text = printed(timeline);
    cr_assert_lt(count_lines(text), TIMELINE_PRINTED + 20);
    cr_assert(strstr(text, "*   2000.000    c1>1  the first of it\n") != NULL, "%s", text);
    cr_assert(strstr(text, "message 500\n") != NULL);
    cr_assert(strstr(text, "message 1\n") == NULL);
    cr_assert(strstr(text, "lines left out") != NULL);
    free(text);
}

Test(explain, a_timeline_shows_what_is_rare_or_sought_from_far_away)
{
    struct timeline *timeline = timeline_create();

    for (int i = 0; i < 1000; i++)
        timeline_add(timeline, i * 10000, TIMELINE_ROUTINE, "1>2", "message %d", i);
    const size_t line = timeline_add(timeline, 7000000, TIMELINE_ROUTINE, "2>3", "write");
    timeline_append(timeline, line, TIMELINE_RARE, " (LOST)");
    timeline_add(timeline, 7100000, TIMELINE_HELD, "1", "holds v17 in place of v1");
    timeline_focus(timeline, 5000000);
    timeline_seek(timeline, "v17");
    char *text = printed(timeline);
    cr_assert(strstr(text, "!   7000.000     2>3  write (LOST)\n") != NULL, "%s", text);
    cr_assert(strstr(text, "holds v17") != NULL);
    free(text);
}

Test(explain, a_timeline_ends_with_what_is_explained)
{
    struct timeline *timeline = timeline_create();

    timeline_add(timeline, 100, TIMELINE_HELD, "1", "before");
    timeline_add(timeline, 300, TIMELINE_HELD, "1", "after");
    timeline_end(timeline, 200);
    char *text = printed(timeline);
    cr_assert(strstr(text, "before") != NULL);
    cr_assert(strstr(text, "after") == NULL);
    free(text);
}

/* ---- runs ---- */

/* The explanation of the first of some seeds that fails without the rule; NULL: none does. To be
 * freed. */
static char *explained(unsigned rule, struct run_result *result)
{
    struct run_settings settings;
    char *text = NULL;
    size_t size = 0;

    rules_remove(rule);
    for (uint64_t seed = 1; seed <= 40 && text == NULL; seed++) {
        run_defaults(&settings);
        settings.world.seed = seed;
        run(&settings, NULL, result);
        if (run_passed(result))
            continue;
        FILE *out = open_memstream(&text, &size);
        explain(&settings, result, out);
        fclose(out);
    }
    rules_restore();
    return text;
}

static void expect(const char *text, const char *wanted)
{
    cr_assert(strstr(text, wanted) != NULL, "no '%s' in:\n%s", wanted, text);
}

Test(explain, a_write_that_is_not_sent_again_is_told_with_its_loss)
{
    struct run_result result;
    char *text = explained(2, &result); /* no hints */

    cr_assert(text != NULL);
    expect(text, "wrong; the first, key ");
    expect(text, "The invariant that broke is number ");
    expect(text, "  asks: ");
    expect(text, "  is told: ");
    expect(text, "  holds v");
    expect(text, "  write: ");
    expect(text, "~ ");
    expect(text, "\nThe nodes at ");
    expect(text, ", a replica: holds ");
    cr_assert(strstr(text, "went another way") == NULL, "%s", text);
    free(text);
}

Test(explain, a_vote_of_one_who_forgot_is_told_by_its_partition)
{
    struct run_result result;
    char *text = explained(13, &result);

    cr_assert(text != NULL);
    expect(text, ", partition ");
    expect(text, "does not vote in partition ");
    free(text);
}

Test(explain, the_run_is_the_same_with_a_watch_on_it)
{
    struct run_settings settings;
    struct run_result result;
    char *text = NULL;
    size_t size = 0;

    run_defaults(&settings);
    settings.chaos_us = 2000000;
    run(&settings, NULL, &result);
    struct verdict *verdict = &result.verdicts[CHECK_KEPT];
    verdict->wrong = 1;
    verdict->latest = (struct concern){.space = 'k', .key = 3, .at_us = 4000000, .partition = -1};
    FILE *out = open_memstream(&text, &size);
    explain(&settings, &result, out);
    result.trace_digest++;
    explain(&settings, &result, out);
    fclose(out);
    const char *second = strstr(text, "went another way");
    cr_assert(second != NULL);
    cr_assert(strstr(second + 1, "went another way") == NULL, "only of the second");
    free(text);
}

/* ---- histories ---- */

static struct record *say(struct history *history, enum form form, enum outcome outcome)
{
    struct record *record = history_add(history);

    record->client = 1;
    record->place = (uint32_t)history->count - 1;
    record->node = 2;
    record->form = (uint8_t)form;
    record->space = 'k';
    record->key = 7;
    record->sent_us = (int64_t)history->count * 10;
    record->replied_us = record->sent_us + 5;
    record->outcome = outcome;
    return record;
}

Test(explain, a_history_is_written_an_operation_a_line)
{
    struct history history = {0};
    char *text = NULL;
    size_t size = 0;

    say(&history, FORM_SET, OUTCOME_OK)->effect = EFFECT_PUT;
    struct record *reader = say(&history, FORM_GET, OUTCOME_OK);
    reader->seen = SEEN_VALUE;
    reader->level = LEVEL_ONE;
    struct record *failed = say(&history, FORM_DEL, OUTCOME_FAILED);
    failed->effect = EFFECT_DELETE;
    snprintf(failed->error, sizeof failed->error, "-ERR \"no\"");
    say(&history, FORM_GET, OUTCOME_OPEN)->replied_us = HISTORY_NEVER_US;
    FILE *out = open_memstream(&text, &size);
    history_write(&history, out);
    fclose(out);
    cr_assert_str_eq(
        text,
        "{\"op\":0,\"client\":1,\"place\":0,\"node\":2,\"invoke_us\":10,\"return_us\":15,"
        "\"command\":\"set\",\"key\":\"k7\",\"args\":[\"v0\"],\"effect\":\"put\",\"writes\":\"v0\","
        "\"outcome\":\"ok\"}\n"
        "{\"op\":1,\"client\":1,\"place\":1,\"node\":2,\"invoke_us\":20,\"return_us\":25,"
        "\"level\":\"ONE\",\"command\":\"get\",\"key\":\"k7\",\"args\":[],\"effect\":\"none\","
        "\"outcome\":\"ok\",\"saw\":\"v0\"}\n"
        "{\"op\":2,\"client\":1,\"place\":2,\"node\":2,\"invoke_us\":30,\"return_us\":35,"
        "\"command\":\"del\",\"key\":\"k7\",\"args\":[],\"effect\":\"delete\","
        "\"outcome\":\"unknown\",\"error\":\"ERR \\\"no\\\"\"}\n"
        "{\"op\":3,\"client\":1,\"place\":3,\"node\":2,\"invoke_us\":40,\"return_us\":null,"
        "\"command\":\"get\",\"key\":\"k7\",\"args\":[],\"effect\":\"none\","
        "\"outcome\":\"unknown\",\"error\":\"no reply\"}\n");
    free(text);
    history_deinit(&history);
}
