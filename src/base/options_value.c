/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The value of one option, by its kind: read from words, or refused.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/options_table.h"
#include "base/words.h"

/* What CONFIG SET may give a list: far more than any list that is accepted takes. */
#define TEXT_MAX (64 * 1024)

/* What an error quotes of a value, bytes. */
#define QUOTE_MAX 80

/* class, hard limit, soft limit, seconds */
#define OUTPUT_LIMIT_WORDS 4

void option_quote(struct buffer *text, struct span quoted)
{
    buffer_append_string(text, "'");
    for (size_t i = 0; i < quoted.size && i < QUOTE_MAX; i++) {
        const bool control = quoted.data[i] < ' ' || quoted.data[i] == 0x7f;
        buffer_append(text, control ? (const uint8_t *)"?" : &quoted.data[i], 1);
    }
    buffer_append_string(text, quoted.size > QUOTE_MAX ? "...'" : "'");
}

/* ---------------------------------------------------------------------------------- single words
 */

static char *string_of(struct span span)
{
    char *string = memory_alloc(span.size + 1);

    if (span.size > 0)
        memcpy(string, span.data, span.size);
    return string;
}

static bool parse_integer(struct span word, int64_t min, int64_t max, int64_t *value)
{
    int64_t number;

    if (!span_to_int64(word, &number) || number < min || number > max)
        return false;
    *value = number;
    return true;
}

static bool parse_bytes(struct span word, uint64_t min, uint64_t max, uint64_t *value)
{
    /* Redis: k is a thousand, kb 1024. The empty unit stands last: every number ends with it. */
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {
        {"kb", UINT64_C(1) << 10},
        {"mb", UINT64_C(1) << 20},
        {"gb", UINT64_C(1) << 30},
        {"k", 1000},
        {"m", 1000000},
        {"g", 1000000000},
        {"b", 1},
        {"", 1},
    };
    size_t digits = 0;
    size_t unit = 0;
    int64_t number;
    uint64_t bytes;

    while (digits < word.size && word.data[digits] >= '0' && word.data[digits] <= '9')
        digits++;
    const struct span suffix = span_of(word.data + digits, word.size - digits);
    while (unit < sizeof units / sizeof units[0] && !span_is(suffix, units[unit].name))
        unit++;
    if (unit == sizeof units / sizeof units[0] ||
        !span_to_int64(span_of(word.data, digits), &number) ||
        __builtin_mul_overflow((uint64_t)number, units[unit].factor, &bytes) || bytes < min ||
        bytes > max)
        return false;
    *value = bytes;
    return true;
}

/* The place of `word` among the words of `form`, which are parted by '|'; -1 when it is none. */
static int choice_find(const char *form, struct span word)
{
    int place = 0;

    for (const char *at = form;; place++) {
        const size_t size = strcspn(at, "|");
        char name[32] = {0};
        ensure(size < sizeof name);
        memcpy(name, at, size);
        if (span_is(word, name))
            return place;
        if (at[size] == '\0')
            return -1;
        at += size + 1;
    }
}

static bool is_text(struct span word)
{
    return word.size == 0 || memchr(word.data, '\0', word.size) == NULL;
}

static bool assign_text(const struct option *row, struct options *options, struct span word)
{
    char **field = OPTION_FIELD(row, options, TEXT);

    if (!is_text(word) || word.size < (size_t)row->min || word.size > (size_t)row->max)
        return false;
    memory_free(*field);
    *field = string_of(word);
    return true;
}

static bool assign_word(const struct option *row, struct options *options, struct span word)
{
    switch (row->kind) {
    case OPTION_KIND_YES_NO:
        if (!span_is(word, "yes") && !span_is(word, "no"))
            return false;
        *OPTION_FIELD(row, options, YES_NO) = span_is(word, "yes");
        return true;
    case OPTION_KIND_INTEGER:
    case OPTION_KIND_SECONDS:
    case OPTION_KIND_MILLISECONDS:
        return parse_integer(word, row->min, row->max, OPTION_FIELD(row, options, INTEGER));
    case OPTION_KIND_SECONDS_OR_NEVER:
        if (span_is(word, "never")) {
            *OPTION_FIELD(row, options, INTEGER) = OPTION_NEVER;
            return true;
        }
        return parse_integer(word, row->min, row->max, OPTION_FIELD(row, options, INTEGER));
    case OPTION_KIND_BYTES:
        return parse_bytes(word, (uint64_t)row->min, (uint64_t)row->max,
                           OPTION_FIELD(row, options, BYTES));
    case OPTION_KIND_CHOICE: {
        const int place = choice_find(row->form, word);
        if (place >= 0)
            *OPTION_FIELD(row, options, CHOICE) = place;
        return place >= 0;
    }
    case OPTION_KIND_LEVEL:
        return level_parse(word, OPTION_FIELD(row, options, LEVEL));
    default:
        ensure(row->kind == OPTION_KIND_TEXT);
        return assign_text(row, options, word);
    }
}

/* ----------------------------------------------------------------------------------------- lists
 */

static bool assign_words(const struct option *row, struct options *options,
                         const struct span *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i].size == 0 || !is_text(words[i]))
            return false;
    option_clear(row, options);
    struct option_words *field = OPTION_FIELD(row, options, WORDS);
    field->items = memory_alloc_array(count, sizeof *field->items);
    field->count = count;
    for (size_t i = 0; i < count; i++)
        field->items[i] = string_of(words[i]);
    return true;
}

/* host:port or [host]:port; a host with a colon (IPv6) needs the brackets. */
static bool split_address(struct span word, struct span *host, uint16_t *port)
{
    size_t colon = word.size;
    int64_t number;

    while (colon > 0 && word.data[colon - 1] != ':')
        colon--;
    if (colon < 2 || !is_text(word) ||
        !parse_integer(span_of(word.data + colon, word.size - colon), 1, UINT16_MAX, &number))
        return false;
    *host = span_of(word.data, colon - 1);
    *port = (uint16_t)number;
    if (host->size > 2 && host->data[0] == '[' && host->data[host->size - 1] == ']') {
        *host = span_of(host->data + 1, host->size - 2);
        return true;
    }
    return memchr(host->data, ':', host->size) == NULL && host->data[0] != '[';
}

static bool assign_addresses(const struct option *row, struct options *options,
                             const struct span *words, size_t count, size_t *wrong)
{
    struct span host;
    uint16_t port;

    for (*wrong = 0; *wrong < count; ++*wrong)
        if (!split_address(words[*wrong], &host, &port))
            return false;
    option_clear(row, options);
    struct option_addresses *field = OPTION_FIELD(row, options, ADDRESSES);
    field->items = memory_alloc_array(count, sizeof *field->items);
    field->count = count;
    for (size_t i = 0; i < count; i++) {
        split_address(words[i], &host, &field->items[i].port);
        field->items[i].host = string_of(host);
    }
    return true;
}

static bool read_class(struct span word, enum option_class *class)
{
    static const char *const names[OPTION_CLASS_COUNT] = {"normal", "replica", "pubsub"};

    for (int i = 0; i < OPTION_CLASS_COUNT; i++)
        if (span_is(word, names[i]) || (i == OPTION_CLASS_REPLICA && span_is(word, "slave"))) {
            *class = (enum option_class)i;
            return true;
        }
    return false;
}

static bool read_limit(const struct span *words, struct option_output_limit *limit, size_t *wrong)
{
    int64_t seconds;

    *wrong = 0;
    if (!parse_bytes(words[0], 0, INT64_MAX, &limit->hard_bytes))
        return false;
    *wrong = 1;
    if (!parse_bytes(words[1], 0, INT64_MAX, &limit->soft_bytes))
        return false;
    *wrong = 2;
    if (!parse_integer(words[2], 0, INT32_MAX, &seconds))
        return false;
    limit->soft_seconds = (uint64_t)seconds;
    return true;
}

/* class hard soft seconds, any number of times; the other classes stay as they are. */
static bool assign_output_limits(const struct option *row, struct options *options,
                                 const struct span *words, size_t count, size_t *wrong)
{
    struct option_output_limits limits = *OPTION_FIELD(row, options, OUTPUT_LIMITS);
    enum option_class class;

    for (size_t i = 0; i < count; i += OUTPUT_LIMIT_WORDS) {
        *wrong = i;
        if (!read_class(words[i], &class))
            return false;
        if (!read_limit(words + i + 1, &limits.of[class], wrong)) {
            *wrong += i + 1;
            return false;
        }
    }
    *OPTION_FIELD(row, options, OUTPUT_LIMITS) = limits;
    return true;
}

/* Reads `name value` into the rule; each name at most once. */
static bool read_rule_setting(struct option_rule *rule, struct span name, struct span value)
{
    if (span_is(name, "read"))
        return rule->read_level == LEVEL_DEFAULT && level_parse(value, &rule->read_level);
    if (span_is(name, "write"))
        return rule->write_level == LEVEL_DEFAULT && level_parse(value, &rule->write_level);
    if (span_is(name, "conflict")) {
        const bool first = rule->conflict == OPTION_CONFLICT_DEFAULT;
        rule->conflict = (enum option_conflict)choice_find("lww|siblings", value);
        return first && rule->conflict != OPTION_CONFLICT_DEFAULT;
    }
    int64_t replicas;
    if (!span_is(name, "replicas") || rule->replicas != 0 ||
        !parse_integer(value, 1, COPIES_MAX, &replicas))
        return false;
    rule->replicas = (uint8_t)replicas;
    return true;
}

/* Adds a rule, in place of one with the same prefix. On false `*wrong` is the word that is. */
static bool assign_rule(const struct option *row, struct options *options, const struct span *words,
                        size_t count, size_t *wrong)
{
    struct option_rules *field = OPTION_FIELD(row, options, RULES);
    struct option_rule rule = {.conflict = OPTION_CONFLICT_DEFAULT};
    size_t at = 0;

    *wrong = 0;
    if (words[0].size == 0 || words[0].size > OPTION_PREFIX_MAX || !is_text(words[0]))
        return false;
    for (size_t i = 1; i < count; i += 2) {
        *wrong = i;
        if (i + 1 == count || !read_rule_setting(&rule, words[i], words[i + 1]))
            return false;
    }
    *wrong = count;
    if (count == 1)
        return false;
    while (at < field->count && !span_equal(words[0], span_of_string(field->items[at].prefix)))
        at++;
    if (at == (size_t)row->max)
        return false;
    rule.prefix = string_of(words[0]);
    if (at < field->count) {
        memory_free(field->items[at].prefix);
    } else {
        struct option_rule *items = memory_alloc_array(field->count + 1, sizeof *items);
        if (field->count > 0)
            memcpy(items, field->items, field->count * sizeof *items);
        memory_free(field->items);
        field->items = items;
        field->count++;
    }
    field->items[at] = rule;
    return true;
}

/* ---------------------------------------------------------------------------------------- errors
 */

static void describe_accepted(const struct option *row, struct buffer *error)
{
    switch (row->kind) {
    case OPTION_KIND_YES_NO:
        buffer_append_string(error, "yes or no");
        break;
    case OPTION_KIND_INTEGER:
    case OPTION_KIND_SECONDS:
    case OPTION_KIND_MILLISECONDS:
        buffer_append_format(error, "a whole number%s from %" PRId64 " to %" PRId64,
                             row->kind == OPTION_KIND_SECONDS        ? " of seconds"
                             : row->kind == OPTION_KIND_MILLISECONDS ? " of milliseconds"
                                                                     : "",
                             row->min, row->max);
        break;
    case OPTION_KIND_SECONDS_OR_NEVER:
        buffer_append_format(error,
                             "never, or a whole number of seconds from %" PRId64 " to %" PRId64,
                             row->min, row->max);
        break;
    case OPTION_KIND_BYTES:
        buffer_append_string(error, "a number of bytes such as 100mb");
        if (row->min > 0)
            buffer_append_format(error, ", at least %" PRId64, row->min);
        if (row->max < INT64_MAX)
            buffer_append_format(error, ", at most %" PRId64, row->max);
        break;
    case OPTION_KIND_CHOICE:
        buffer_append_format(error, strchr(row->form, '|') != NULL ? "one of %s" : "%s", row->form);
        break;
    case OPTION_KIND_LEVEL:
        buffer_append_string(error, LEVEL_FORMS);
        break;
    case OPTION_KIND_TEXT:
        buffer_append_format(error, "a text of %" PRId64 " to %" PRId64 " bytes without NUL",
                             row->min, row->max);
        break;
    case OPTION_KIND_WORDS:
    case OPTION_KIND_ADDRESSES:
        buffer_append_format(error, "%s, %" PRId64 " to %" PRId64 " of them", row->form, row->min,
                             row->max);
        break;
    case OPTION_KIND_OUTPUT_LIMITS:
    case OPTION_KIND_RULES:
        buffer_append_string(error, row->form);
        break;
    case OPTION_KIND_HEADING:
        ensure(row->kind != OPTION_KIND_HEADING);
    }
}

/* Says what is accepted and that `found` is not; a span without data is said to be the end. */
static bool refuse(const struct option *row, struct span found, struct buffer *error)
{
    buffer_append_string(error, "expected ");
    describe_accepted(row, error);
    if (row->secret)
        return false;
    buffer_append_string(error, ", found ");
    if (found.data == NULL)
        buffer_append_string(error, "nothing more");
    else
        option_quote(error, found);
    return false;
}

static bool refuse_count(const struct option *row, size_t count, struct buffer *error)
{
    buffer_append_string(error, "expected ");
    describe_accepted(row, error);
    buffer_append_format(error, ", found %zu values", count);
    return false;
}

static bool takes_many(const struct option *row)
{
    return row->kind == OPTION_KIND_WORDS || row->kind == OPTION_KIND_ADDRESSES ||
           row->kind == OPTION_KIND_OUTPUT_LIMITS || row->kind == OPTION_KIND_RULES;
}

static bool assign_many(const struct option *row, struct options *options, const struct span *words,
                        size_t count, struct buffer *error)
{
    size_t wrong = 0;
    bool right;

    switch (row->kind) {
    case OPTION_KIND_WORDS:
    case OPTION_KIND_ADDRESSES:
        if (count < (size_t)row->min || count > (size_t)row->max)
            return refuse_count(row, count, error);
        right = row->kind == OPTION_KIND_WORDS
                    ? assign_words(row, options, words, count)
                    : assign_addresses(row, options, words, count, &wrong);
        break;
    case OPTION_KIND_OUTPUT_LIMITS:
        if (count % OUTPUT_LIMIT_WORDS != 0)
            return refuse_count(row, count, error);
        right = assign_output_limits(row, options, words, count, &wrong);
        break;
    default:
        if (count == 0)
            return refuse_count(row, count, error);
        right = assign_rule(row, options, words, count, &wrong);
        break;
    }
    return right || refuse(row, wrong < count ? words[wrong] : span_of(NULL, 0), error);
}

bool option_assign(const struct option *row, struct options *options, const struct span *words,
                   size_t count, struct buffer *error)
{
    /* Redis takes none from CONFIG SET, but not in a file. */
    if (row->kind == OPTION_KIND_OUTPUT_LIMITS && count == 0)
        return refuse_count(row, count, error);
    /* As in Redis, one quoted word may hold the whole list. */
    if (takes_many(row) && count == 1)
        return option_assign_text(row, options, words[0], error);
    if (takes_many(row))
        return assign_many(row, options, words, count, error);
    if (count != 1)
        return refuse_count(row, count, error);
    return assign_word(row, options, words[0]) || refuse(row, words[0], error);
}

bool option_assign_text(const struct option *row, struct options *options, struct span value,
                        struct buffer *error)
{
    struct words words;

    if (!takes_many(row))
        return option_assign(row, options, &value, 1, error);
    if (value.size > TEXT_MAX)
        return refuse(row, value, error);
    bool right = words_init(&words, value);
    if (right) {
        /* "" is an empty list. */
        const bool empty = words.count == 1 && words.items[0].size == 0;
        right = assign_many(row, options, words.items, empty ? 0 : words.count, error);
    } else {
        refuse(row, value, error);
    }
    words_deinit(&words);
    return right;
}
