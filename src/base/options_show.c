/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The value of one option, by its kind: shown, copied, freed.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/options_table.h"
#include "base/words.h"

/* The word at `place` in `form`. */
static void choice_show(const char *form, int place, struct buffer *text)
{
    const char *at = form;

    for (; place > 0; place--)
        at += strcspn(at, "|") + 1;
    buffer_append(text, at, strcspn(at, "|"));
}

/* Bytes as a person writes them: in the largest unit that leaves a whole number. */
static void show_bytes(uint64_t bytes, struct buffer *text)
{
    static const char *const units[] = {"", "kb", "mb", "gb"};
    size_t unit = 0;

    while (unit < 3 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    buffer_append_format(text, "%" PRIu64 "%s", bytes, units[unit]);
}

static void show_text(const char *value, bool quoted, struct buffer *text)
{
    if (quoted)
        words_append(text, span_of_string(value));
    else
        buffer_append_string(text, value);
}

/* As Redis has it: CONFIG GET says slave, a file replica. */
static void show_output_limits(const struct option_output_limits *limits, bool quoted,
                               struct buffer *text)
{
    const char *const names[OPTION_CLASS_COUNT] = {"normal", quoted ? "replica" : "slave",
                                                   "pubsub"};

    for (size_t i = 0; i < OPTION_CLASS_COUNT; i++) {
        const struct option_output_limit *limit = &limits->of[i];
        buffer_append_format(text, "%s%s ", i > 0 ? " " : "", names[i]);
        if (quoted) {
            show_bytes(limit->hard_bytes, text);
            buffer_append_string(text, " ");
            show_bytes(limit->soft_bytes, text);
            buffer_append_format(text, " %" PRIu64, limit->soft_seconds);
        } else {
            buffer_append_format(text, "%" PRIu64 " %" PRIu64 " %" PRIu64, limit->hard_bytes,
                                 limit->soft_bytes, limit->soft_seconds);
        }
    }
}

void option_show_rule(const struct option_rule *rule, struct buffer *text)
{
    words_append(text, span_of_string(rule->prefix));
    if (rule->replicas > 0)
        buffer_append_format(text, " replicas %u", rule->replicas);
    if (rule->read_level != LEVEL_DEFAULT)
        buffer_append_format(text, " read %s", level_name(rule->read_level));
    if (rule->write_level != LEVEL_DEFAULT)
        buffer_append_format(text, " write %s", level_name(rule->write_level));
    if (rule->conflict != OPTION_CONFLICT_DEFAULT) {
        buffer_append_string(text, " conflict ");
        choice_show("lww|siblings", rule->conflict, text);
    }
}

static void show_list(const struct option *row, const struct options *options, bool quoted,
                      struct buffer *text)
{
    if (row->kind == OPTION_KIND_WORDS) {
        const struct option_words *list = OPTION_FIELD_OF(row, options, WORDS);
        for (size_t i = 0; i < list->count; i++) {
            buffer_append_string(text, i > 0 ? " " : "");
            show_text(list->items[i], quoted, text);
        }
    } else if (row->kind == OPTION_KIND_ADDRESSES) {
        const struct option_addresses *list = OPTION_FIELD_OF(row, options, ADDRESSES);
        for (size_t i = 0; i < list->count; i++) {
            const struct option_address *item = &list->items[i];
            const bool brackets = strchr(item->host, ':') != NULL;
            struct buffer word = {0};
            buffer_append_format(&word, brackets ? "[%s]:%u" : "%s:%u", item->host, item->port);
            buffer_append_string(text, i > 0 ? " " : "");
            if (quoted)
                words_append(text, buffer_content(&word));
            else
                buffer_append_span(text, buffer_content(&word));
            buffer_deinit(&word);
        }
    } else {
        const struct option_rules *list = OPTION_FIELD_OF(row, options, RULES);
        for (size_t i = 0; i < list->count; i++) {
            buffer_append_string(text, i > 0 ? "; " : "");
            option_show_rule(&list->items[i], text);
        }
    }
}

void option_show(const struct option *row, const struct options *options, bool quoted,
                 struct buffer *text)
{
    const size_t start = buffer_size(text);

    switch (row->kind) {
    case OPTION_KIND_YES_NO:
        buffer_append_string(text, *OPTION_FIELD_OF(row, options, YES_NO) ? "yes" : "no");
        break;
    case OPTION_KIND_INTEGER:
    case OPTION_KIND_SECONDS:
    case OPTION_KIND_MILLISECONDS:
        buffer_append_int64(text, *OPTION_FIELD_OF(row, options, INTEGER));
        break;
    case OPTION_KIND_SECONDS_OR_NEVER:
        if (*OPTION_FIELD_OF(row, options, INTEGER) == OPTION_NEVER)
            buffer_append_string(text, "never");
        else
            buffer_append_int64(text, *OPTION_FIELD_OF(row, options, INTEGER));
        break;
    case OPTION_KIND_BYTES:
        if (quoted)
            show_bytes(*OPTION_FIELD_OF(row, options, BYTES), text);
        else
            buffer_append_format(text, "%" PRIu64, *OPTION_FIELD_OF(row, options, BYTES));
        break;
    case OPTION_KIND_CHOICE:
        choice_show(row->form, *OPTION_FIELD_OF(row, options, CHOICE), text);
        break;
    case OPTION_KIND_LEVEL:
        buffer_append_string(text, level_name(*OPTION_FIELD_OF(row, options, LEVEL)));
        break;
    case OPTION_KIND_TEXT:
        show_text(*OPTION_FIELD_OF(row, options, TEXT), quoted, text);
        break;
    case OPTION_KIND_OUTPUT_LIMITS:
        show_output_limits(OPTION_FIELD_OF(row, options, OUTPUT_LIMITS), quoted, text);
        break;
    case OPTION_KIND_WORDS:
    case OPTION_KIND_ADDRESSES:
    case OPTION_KIND_RULES:
        show_list(row, options, quoted, text);
        break;
    case OPTION_KIND_HEADING:
        ensure(row->kind != OPTION_KIND_HEADING);
    }
    if (quoted && buffer_size(text) == start)
        buffer_append_string(text, "\"\"");
}

void option_clear(const struct option *row, struct options *options)
{
    if (row->kind == OPTION_KIND_TEXT) {
        char **field = OPTION_FIELD(row, options, TEXT);
        memory_free(*field);
        *field = NULL;
    } else if (row->kind == OPTION_KIND_WORDS) {
        struct option_words *field = OPTION_FIELD(row, options, WORDS);
        for (size_t i = 0; i < field->count; i++)
            memory_free(field->items[i]);
        memory_free(field->items);
        *field = (struct option_words){0};
    } else if (row->kind == OPTION_KIND_ADDRESSES) {
        struct option_addresses *field = OPTION_FIELD(row, options, ADDRESSES);
        for (size_t i = 0; i < field->count; i++)
            memory_free(field->items[i].host);
        memory_free(field->items);
        *field = (struct option_addresses){0};
    } else if (row->kind == OPTION_KIND_RULES) {
        struct option_rules *field = OPTION_FIELD(row, options, RULES);
        for (size_t i = 0; i < field->count; i++)
            memory_free(field->items[i].prefix);
        memory_free(field->items);
        *field = (struct option_rules){0};
    }
}

/* Copies each rule, which a text could not carry. */
static void copy_rules(const struct option_rules *from, struct option_rules *to)
{
    to->items = memory_alloc_array(from->count, sizeof *to->items);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->items[i] = from->items[i];
        to->items[i].prefix = memory_copy_string(from->items[i].prefix);
    }
}

void option_copy(const struct option *row, struct options *to, const struct options *from)
{
    struct buffer text = {0};
    struct buffer error = {0};

    if (row->kind == OPTION_KIND_HEADING)
        return;
    if (row->kind == OPTION_KIND_RULES) {
        copy_rules(OPTION_FIELD_OF(row, from, RULES), OPTION_FIELD(row, to, RULES));
        return;
    }
    /* What is shown can be read back: no kind needs a copier of its own. */
    const bool quoted = row->kind == OPTION_KIND_WORDS || row->kind == OPTION_KIND_ADDRESSES;
    option_show(row, from, quoted, &text);
    ensure(option_assign_text(row, to, buffer_content(&text), &error));
    buffer_deinit(&text);
}
