/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/admin_options.h"

#include <inttypes.h>
#include <stddef.h>

enum kind { KIND_TEXT, KIND_NUMBER, KIND_FLAG, KIND_LIST };

struct row {
    enum admin_command command; /* NONE: all take it */
    char letter;
    const char *name;
    enum kind kind;
    size_t offset;
    const char *initial;
    int64_t min, max;
    const char *form;
    const char *text;
};

#define ADMIN_COMMAND_ALL ADMIN_COMMAND_NONE

static const struct row rows[] = {
#define ADMIN_OPTION(command_, field, letter_, name_, KIND, initial_, min_, max_, form_, text_) \
    {.command = ADMIN_COMMAND_##command_,                                                       \
     .letter = (letter_),                                                                       \
     .name = (name_),                                                                           \
     .kind = KIND_##KIND,                                                                       \
     .offset = offsetof(struct admin_options, field),                                           \
     .initial = (initial_),                                                                     \
     .min = (min_),                                                                             \
     .max = (max_),                                                                             \
     .form = (form_),                                                                           \
     .text = (text_)},
#include "main/admin_options_list.h"
};

#define ROWS (sizeof rows / sizeof rows[0])

static const struct {
    enum admin_command command;
    const char *name;
    const char *arguments;
    size_t argument_count;
    const char *text;
} commands[] = {
    {ADMIN_COMMAND_IMPORT, "import", "redis://[[user:]password@]host[:port][/database]", 1,
     "Copies the strings of a live Redis into Dunlin, with their times to live. Of a Redis Cluster "
     "all masters are walked. Lists, hashes and other types are counted and named: Dunlin has none "
     "yet. Reading changes nothing at the source. There is no TLS."},
    {ADMIN_COMMAND_STATUS, "status", "", 0,
     "The nodes of the ring, as the node asked sees them: RING STATUS as a table."},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

/* ---------------------------------------------------------------------------------------- parsing
 */

static void *field_of(const struct row *row, struct admin_options *options)
{
    return (char *)options + row->offset;
}

static bool refuse_value(const struct row *row, const char *value, struct buffer *error)
{
    if (row->kind == KIND_NUMBER && row->max < INT64_MAX)
        buffer_append_format(
            error, "--%s: expected a whole number from %" PRId64 " to %" PRId64 ", found '%s'",
            row->name, row->min, row->max, value);
    else if (row->kind == KIND_NUMBER)
        buffer_append_format(error,
                             "--%s: expected a whole number, at least %" PRId64 ", found '%s'",
                             row->name, row->min, value);
    else
        buffer_append_format(error, "--%s: at most %" PRId64 " of them", row->name, row->max);
    return false;
}

static bool assign(const struct row *row, struct admin_options *options, const char *value,
                   struct buffer *error)
{
    struct admin_list *list = field_of(row, options);
    int64_t number;

    switch (row->kind) {
    case KIND_TEXT:
        *(const char **)field_of(row, options) = value;
        return true;
    case KIND_FLAG:
        *(bool *)field_of(row, options) = true;
        return true;
    case KIND_NUMBER:
        if (!span_to_int64(span_of_string(value), &number) || number < row->min ||
            number > row->max)
            return refuse_value(row, value, error);
        *(int64_t *)field_of(row, options) = number;
        return true;
    case KIND_LIST:
        if (list->count == ADMIN_LIST_MAX)
            return refuse_value(row, value, error);
        list->items[list->count++] = value;
        return true;
    }
    return false;
}

/* The row that `word`, "-x", "--name" or "--name=value", is about; the value behind '=', or NULL,
 * is left in *value. */
static const struct row *find_row(const char *word, const char **value)
{
    const size_t size = strcspn(word, "=");

    *value = word[size] == '=' ? word + size + 1 : NULL;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (word[1] != '-' && word[1] == row->letter && word[1] != '\0' && word[2] == '\0')
            return row;
        if (word[1] == '-' && size == strlen(row->name) + 2 &&
            memcmp(word + 2, row->name, size - 2) == 0)
            return row;
    }
    return NULL;
}

static bool refuse_option(const char *word, struct buffer *error)
{
    buffer_append_format(error, "unknown option '%s'; accepted are", word);
    for (size_t i = 0; i < ROWS; i++)
        buffer_append_format(error, "%s --%s", i > 0 ? "," : "", rows[i].name);
    return false;
}

/* Reads the option at words[*at], and its value. */
static bool read_option(struct admin_options *options, const char *const *words, size_t count,
                        size_t *at, struct buffer *error)
{
    const char *word = words[*at];
    const char *value;
    const struct row *row = find_row(word, &value);

    if (row == NULL)
        return refuse_option(word, error);
    if (row->kind == KIND_FLAG && value != NULL) {
        buffer_append_format(error, "--%s takes no value, found '%s'", row->name, value);
        return false;
    }
    if (row->kind != KIND_FLAG && value == NULL) {
        if (++*at == count) {
            buffer_append_format(error, "--%s: expected %s, found nothing more", row->name,
                                 row->form);
            return false;
        }
        value = words[*at];
    }
    return assign(row, options, value, error);
}

static bool read_command(struct admin_options *options, const char *word, struct buffer *error)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            options->command = commands[i].command;
    if (options->command != ADMIN_COMMAND_NONE)
        return true;
    buffer_append_format(error, "unknown command '%s'; accepted are", word);
    for (size_t i = 0; i < COMMANDS; i++)
        buffer_append_format(error, "%s %s", i > 0 ? "," : "", commands[i].name);
    return false;
}

static bool read_word(struct admin_options *options, const char *word, struct buffer *error)
{
    if (options->command == ADMIN_COMMAND_NONE)
        return read_command(options, word, error);
    if (options->arguments.count == ADMIN_LIST_MAX) {
        buffer_append_string(error, "too many arguments");
        return false;
    }
    options->arguments.items[options->arguments.count++] = word;
    return true;
}

/* Whether the row's value is another than the one it begins with. */
static bool is_given(const struct row *row, struct admin_options *options)
{
    struct admin_options initial = {0};
    struct buffer error = {0};
    const size_t size = row->kind == KIND_NUMBER ? sizeof(int64_t) : sizeof(bool);

    if (row->kind == KIND_TEXT)
        return *(const char **)field_of(row, options) != row->initial;
    if (row->kind == KIND_NUMBER)
        assign(row, &initial, row->initial, &error);
    return row->kind != KIND_LIST &&
           memcmp(field_of(row, options), field_of(row, &initial), size) != 0;
}

/* What single words cannot show. */
static bool check(struct admin_options *options, struct buffer *error)
{
    if (options->help || options->version)
        return true;
    if (options->command == ADMIN_COMMAND_NONE) {
        buffer_append_string(error, "expected a command: import or status");
        return false;
    }
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].command != ADMIN_COMMAND_NONE && rows[i].command != options->command &&
            is_given(&rows[i], options)) {
            buffer_append_format(error, "--%s is no option of this command", rows[i].name);
            return false;
        }
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].command == options->command &&
            commands[i].argument_count != options->arguments.count) {
            buffer_append_format(error, "%s: expected %s, found %zu arguments", commands[i].name,
                                 commands[i].argument_count > 0 ? commands[i].arguments
                                                                : "no argument",
                                 options->arguments.count);
            return false;
        }
    if (options->skip && options->replace) {
        buffer_append_string(error, "--skip and --replace: expected one of them");
        return false;
    }
    if (options->sample > 0 && !options->verify) {
        buffer_append_string(error, "--sample: expected --verify with it");
        return false;
    }
    return true;
}

bool admin_options_parse(struct admin_options *options, const char *const *words, size_t count,
                         struct buffer *error)
{
    bool right = true;

    *options = (struct admin_options){0};
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].initial != NULL)
            assign(&rows[i], options, rows[i].initial, error);
    for (size_t i = 0; right && i < count; i++)
        right = words[i][0] == '-' && words[i][1] != '\0'
                    ? read_option(options, words, count, &i, error)
                    : read_word(options, words[i], error);
    return right && check(options, error);
}

/* --------------------------------------------------------------------------------- for people */

static void help_rows(enum admin_command command, struct buffer *text)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->command != command)
            continue;
        buffer_append_string(text, "  ");
        if (row->letter != '\0')
            buffer_append_format(text, "-%c, ", row->letter);
        buffer_append_format(text, "--%s%s%s", row->name, row->form != NULL ? " " : "",
                             row->form != NULL ? row->form : "");
        if (row->initial != NULL)
            buffer_append_format(text, "  (%s)", row->initial);
        buffer_append_string(text, "\n");
        buffer_append_wrapped(text, "      ", row->text);
    }
}

void admin_options_print_help(enum admin_command command, struct buffer *text)
{
    buffer_append_string(text, "Usage: dunlin-admin [option ...] command [argument ...]\n"
                               "       dunlin-admin --help | --version | command --help\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (command != ADMIN_COMMAND_NONE && command != commands[i].command)
            continue;
        buffer_append_format(text, "\n%s%s%s\n", commands[i].name,
                             commands[i].arguments[0] != '\0' ? " " : "", commands[i].arguments);
        buffer_append_wrapped(text, "  ", commands[i].text);
        help_rows(commands[i].command, text);
    }
    buffer_append_string(text, "\nEvery command takes:\n");
    help_rows(ADMIN_COMMAND_NONE, text);
    buffer_append_string(text, "\nExit status: 0 done; 1 it could not begin or go on; 2 wrong use; "
                               "3 it came to\nits end, and something is amiss; 130 interrupted.\n");
}

/* A minus that stays one when copied from a page. */
static void append_escaped(struct buffer *text, const char *string)
{
    for (; *string != '\0'; string++)
        buffer_append_string(text, *string == '-'    ? "\\-"
                                   : *string == '\\' ? "\\e"
                                                     : (const char[]){*string, '\0'});
}

static void manual_rows(enum admin_command command, struct buffer *text)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->command != command)
            continue;
        buffer_append_string(text, ".TP\n");
        if (row->letter != '\0')
            buffer_append_format(text, "\\fB\\-%c\\fR, ", row->letter);
        buffer_append_string(text, "\\fB\\-\\-");
        append_escaped(text, row->name);
        buffer_append_string(text, "\\fR");
        if (row->form != NULL) {
            buffer_append_string(text, " \\fI");
            append_escaped(text, row->form);
            buffer_append_string(text, "\\fR");
        }
        if (row->initial != NULL)
            buffer_append_format(text, " (%s)", row->initial);
        buffer_append_string(text, "\n");
        append_escaped(text, row->text);
        buffer_append_string(text, "\n");
    }
}

void admin_options_print_manual(struct buffer *text)
{
    buffer_append_string(text, ".SH COMMANDS\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        buffer_append_format(text, ".SS %s ", commands[i].name);
        append_escaped(text, commands[i].arguments);
        buffer_append_string(text, "\n");
        append_escaped(text, commands[i].text);
        buffer_append_string(text, "\n");
        manual_rows(commands[i].command, text);
    }
    buffer_append_string(text, ".SH OPTIONS\n");
    manual_rows(ADMIN_COMMAND_NONE, text);
}
