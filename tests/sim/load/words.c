/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/level.h"
#include "sim/load/load_parts.h"

void words_key(const struct record *record, char text[WORDS_ARG_MAX])
{
    if (record->space == '*' || record->space == '-')
        text[0] = '\0';
    else
        snprintf(text, WORDS_ARG_MAX, "%c%" PRIu32, record->space, record->key);
}

const char *words_command(const struct record *record)
{
    return form_rows[record->form].word;
}

__attribute__((format(printf, 2, 3))) static void add(struct words *words, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words->args[words->count++], WORDS_ARG_MAX, format, arguments);
    va_end(arguments);
}

void words_args(const struct history *history, size_t index, struct words *words)
{
    const struct record *record = &history->records[index];
    const int64_t lease_ms = record->lease_us / 1000;

    *words = (struct words){0};
    switch (form_rows[record->form].shape) {
    case SHAPE_VALUE:
    case SHAPE_VALUES:
        add(words, "v%zu", index);
        break;
    case SHAPE_AMOUNT:
        add(words, "%" PRId64, record->amount);
        break;
    case SHAPE_VALUE_PX:
        add(words, "v%zu", index);
        add(words, "px");
        add(words, "%" PRId64, lease_ms);
        break;
    case SHAPE_MS_VALUE:
        add(words, "%" PRId64, lease_ms);
        add(words, "v%zu", index);
        break;
    case SHAPE_MS:
        add(words, "%" PRId64, lease_ms);
        break;
    case SHAPE_PX:
        add(words, "px");
        add(words, "%" PRId64, lease_ms);
        break;
    case SHAPE_PERSIST:
        add(words, "persist");
        break;
    case SHAPE_CONTEXT:
        add(words, "v%zu", index);
        if (record->base != HISTORY_NONE) {
            add(words, "context");
            add(words, "of %zu", record->base);
        }
        if (lease_ms > 0) {
            add(words, "px");
            add(words, "%" PRId64, lease_ms);
        }
        break;
    case SHAPE_NONE:
    case SHAPE_KEY:
    case SHAPE_KEYS:
    case SHAPE_MULTI: /* its records are of other forms */
    case SHAPE_SCRIPT:
        break;
    }
}

const char *words_asked(const struct history *history, size_t index, char text[WORDS_MAX])
{
    const struct record *record = &history->records[index];
    char key[WORDS_ARG_MAX];
    struct words words;
    int at = 0;

    words_key(record, key);
    words_args(history, index, &words);
    if (record->level != LEVEL_DEFAULT)
        at += snprintf(text + at, (size_t)(WORDS_MAX - at), "at %s ", level_name(record->level));
    at += snprintf(text + at, (size_t)(WORDS_MAX - at), "%s", words_command(record));
    if (key[0] != '\0')
        at += snprintf(text + at, (size_t)(WORDS_MAX - at), " %s", key);
    for (size_t i = 0; i < words.count && at < WORDS_MAX; i++)
        at += snprintf(text + at, (size_t)(WORDS_MAX - at), " %s", words.args[i]);
    return text;
}

static void tell_siblings(const struct history *history, const struct record *record,
                          char text[WORDS_MAX])
{
    int at = snprintf(text, WORDS_MAX, "{");

    for (size_t i = 0; i < record->count && at < WORDS_MAX - WORDS_ARG_MAX; i++)
        at += snprintf(text + at, (size_t)(WORDS_MAX - at), "%sv%" PRIu64, i > 0 ? ", " : "",
                       history->siblings[record->siblings + i]);
    snprintf(text + at, (size_t)(WORDS_MAX - at), "}");
}

static void tell_seen(const struct history *history, const struct record *record,
                      char text[WORDS_MAX])
{
    switch (record->seen) {
    case SEEN_NOTHING:
        snprintf(text, WORDS_MAX, "ok");
        break;
    case SEEN_ABSENT:
        snprintf(text, WORDS_MAX, "nothing there");
        break;
    case SEEN_PRESENT:
        if (record->left_us >= 0)
            snprintf(text, WORDS_MAX, "%" PRId64 " ms left", record->left_us / 1000);
        else
            snprintf(text, WORDS_MAX, "something there");
        break;
    case SEEN_VALUE:
        if (record->space == 'c' || record->space == 'q')
            snprintf(text, WORDS_MAX, "%" PRId64, (int64_t)record->value);
        else if (record->value >= history->count)
            snprintf(text, WORDS_MAX, "a value that nobody wrote");
        else
            snprintf(text, WORDS_MAX, "v%" PRIu64, record->value);
        break;
    case SEEN_SIBLINGS:
        tell_siblings(history, record, text);
        break;
    }
}

const char *words_told(const struct history *history, size_t index, char text[WORDS_MAX])
{
    const struct record *record = &history->records[index];

    switch (record->outcome) {
    case OUTCOME_OPEN:
        snprintf(text, WORDS_MAX, "never answered");
        break;
    case OUTCOME_FAILED:
        snprintf(text, WORDS_MAX, "an error: %s",
                 record->error[0] == '-' ? record->error + 1 : record->error);
        break;
    case OUTCOME_LOST:
        snprintf(text, WORDS_MAX, "the connection is gone, and nobody knows");
        break;
    case OUTCOME_OK:
        tell_seen(history, record, text);
        break;
    }
    return text;
}
