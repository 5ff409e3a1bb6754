/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The directives for people: --help, conf/dunlin.conf and the manual.
 */
#include <inttypes.h>

#include "base/options_table.h"
#include "base/words.h"

/* The directive that is no option. */
#define INCLUDE_TEXT                                                                           \
    "Reads another file at this place, by its path from where the server was started. A line " \
    "after "                                                                                   \
    "it overrides what it says."

static bool has_range(const struct option *row)
{
    return row->kind == OPTION_KIND_INTEGER || row->kind == OPTION_KIND_SECONDS ||
           row->kind == OPTION_KIND_MILLISECONDS;
}

static const char *shown_initial(const struct option *row)
{
    return row->initial[0] != '\0' ? row->initial : "\"\"";
}

/* "number, 1 to 65535": what may stand behind the name. */
static void append_form(struct buffer *text, const struct option *row)
{
    option_describe_form(row, text);
    if (has_range(row) && row->max < INT32_MAX)
        buffer_append_format(text, ", %" PRId64 " to %" PRId64, row->min, row->max);
}

/* The text up to the end of its first sentence. */
static size_t first_sentence(const char *text)
{
    const char *end = strstr(text, ". ");
    const char *part = strstr(text, "; ");

    if (part != NULL && (end == NULL || part < end))
        return (size_t)(part - text);
    return end != NULL ? (size_t)(end - text) : strlen(text) - 1;
}

void options_print_help(struct buffer *text)
{
    for (size_t i = 0; i < options_table_size; i++) {
        const struct option *row = &options_table[i];
        if (row->kind == OPTION_KIND_HEADING) {
            buffer_append_format(text, "\n%s:\n", row->name);
            continue;
        }
        buffer_append_format(text, "  --%s ", row->name);
        option_describe_form(row, text);
        if (row->kind != OPTION_KIND_RULES)
            buffer_append_format(text, "  (%s)", shown_initial(row));
        buffer_append_format(text, "\n      %.*s\n", (int)first_sentence(row->text), row->text);
    }
}

void options_print_file(struct buffer *text)
{
    buffer_append_wrapped(
        text, "# ",
        "The configuration of dunlin-server, with every directive at its default. The "
        "syntax is redis.conf's: a directive a line, quotes around what holds blanks, "
        "sizes such as 100mb. Each can also be given on the command line, as "
        "--directive value. Directives marked \"live\" can be changed with CONFIG SET "
        "and kept with CONFIG REWRITE. The same text is in dunlin.conf(5).");
    buffer_append_string(text, "#\n# Made from src/base/options_list.h by `make conf`.\n\n"
                               "# include file\n#\n");
    buffer_append_wrapped(text, "# ", INCLUDE_TEXT);
    buffer_append_string(text, "#\n# include /etc/dunlin/local.conf\n");
    for (size_t i = 0; i < options_table_size; i++) {
        const struct option *row = &options_table[i];
        if (row->kind == OPTION_KIND_HEADING) {
            buffer_append_format(text, "\n#### %s\n", row->name);
            continue;
        }
        buffer_append_format(text, "\n# %s ", row->name);
        append_form(text, row);
        buffer_append_string(text, row->live ? " (live)\n#\n" : "\n#\n");
        buffer_append_wrapped(text, "# ", row->text);
        if (row->kind != OPTION_KIND_RULES)
            buffer_append_format(text, "\n%s %s\n", row->name, shown_initial(row));
    }
}

/* Text for man(7): what would be read as a request or an escape is kept from it. */
static void append_roff(struct buffer *text, const char *string)
{
    if (*string == '.' || *string == '\'')
        buffer_append_string(text, "\\&");
    for (; *string != '\0'; string++) {
        if (*string == '\\')
            buffer_append_string(text, "\\e");
        else if (*string == '-')
            buffer_append_string(text, "\\-");
        else if (*string == '"')
            buffer_append_string(text, "\\(dq");
        else
            buffer_append(text, string, 1);
    }
}

void options_print_manual(struct buffer *text)
{
    struct buffer form = {0};

    buffer_append_string(text, ".SS Files\n.TP\n.BI include \" file\"\n");
    append_roff(text, INCLUDE_TEXT);
    buffer_append_string(text, "\n");
    for (size_t i = 0; i < options_table_size; i++) {
        const struct option *row = &options_table[i];
        if (row->kind == OPTION_KIND_HEADING) {
            buffer_append_format(text, ".SS %s\n", row->name);
            continue;
        }
        buffer_reset(&form, SIZE_MAX);
        append_form(&form, row);
        buffer_append(&form, "", 1);
        buffer_append_string(text, ".TP\n\\fB");
        append_roff(text, row->name);
        buffer_append_string(text, "\\fR \\fI");
        append_roff(text, (const char *)buffer_content(&form).data);
        buffer_append_string(text, "\\fR\n");
        append_roff(text, row->text);
        buffer_append_string(text, "\n");
        if (row->kind != OPTION_KIND_RULES) {
            buffer_append_string(text, ".br\nDefault: ");
            append_roff(text, shown_initial(row));
            buffer_append_string(text, row->live ? "; live.\n" : ".\n");
        }
    }
    buffer_deinit(&form);
}
