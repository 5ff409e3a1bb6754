/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/admin_ring.h"

#include "main/admin_tally.h"

#define RED   "\033[31m"
#define GREEN "\033[32m"
#define BOLD  "\033[1m"
#define PLAIN "\033[0m"

/* ---------------------------------------------------------------------------------------- reading
 */

/* The place of `wanted` in the text, or its size. */
static size_t find(struct span text, const char *wanted)
{
    const size_t size = strlen(wanted);

    for (size_t at = 0; at + size <= text.size; at++)
        if (memcmp(text.data + at, wanted, size) == 0)
            return at;
    return text.size;
}

/* Takes what stands before `end` off the text, and `end` itself; false: it is not there. */
static bool take(struct span *text, const char *end, struct span *taken)
{
    const size_t at = find(*text, end);

    if (at == text->size)
        return false;
    *taken = span_of(text->data, at);
    *text = span_of(text->data + at + strlen(end), text->size - at - strlen(end));
    return true;
}

static bool take_line(struct span *text, struct span *line)
{
    if (text->size == 0)
        return false;
    if (!take(text, "\n", line)) {
        *line = *text;
        text->size = 0;
    }
    return true;
}

/* node 1: 0123abcd (this node) 127.0.0.1:7001 zone 'a' weight 100, alive, votes, partitions 341
 * primary 1024 in all */
bool admin_ring_node_read(struct span line, struct admin_ring_node *node)
{
    struct span before;

    *node = (struct admin_ring_node){0};
    if (!take(&line, "node ", &before) || before.size > 0 || !take(&line, ": ", &node->number) ||
        !take(&line, " ", &node->id))
        return false;
    node->asked = take(&line, "(this node) ", &before);
    return take(&line, " zone '", &node->address) && take(&line, "' weight ", &node->zone) &&
           take(&line, ", ", &node->weight) && take(&line, ", ", &node->health) &&
           take(&line, ", partitions ", &node->vote) && take(&line, " primary ", &node->primary) &&
           take(&line, " in all", &node->in_all);
}

static bool has_line(struct span status, const char *wanted)
{
    struct span line;

    while (take_line(&status, &line))
        if (span_equal(line, span_of_string(wanted)))
            return true;
    return false;
}

bool admin_ring_whole(struct span status)
{
    return has_line(status, "whole: yes");
}

/* --------------------------------------------------------------------------------------- drawing
 */

enum { COLUMNS = 8 };

static const struct {
    const char *title;
    bool to_the_right;
} columns[COLUMNS] = {
    {"node", true},    {"address", false}, {"zone", false},  {"weight", true},
    {"health", false}, {"primary", true},  {"in all", true}, {"", false},
};

static struct span cell(const struct admin_ring_node *node, size_t column)
{
    const struct span cells[COLUMNS] = {
        node->number, node->address, node->zone.size > 0 ? node->zone : SPAN("-"),
        node->weight, node->health,  node->primary,
        node->in_all, node->vote,
    };

    return cells[column];
}

static void widen(size_t widths[COLUMNS], struct span status)
{
    struct admin_ring_node node;
    struct span line;

    for (size_t i = 0; i < COLUMNS; i++)
        widths[i] = strlen(columns[i].title);
    while (take_line(&status, &line))
        for (size_t i = 0; admin_ring_node_read(line, &node) && i < COLUMNS; i++)
            if (cell(&node, i).size > widths[i])
                widths[i] = cell(&node, i).size;
}

static void append_cell(struct buffer *text, size_t column, struct span shown, size_t width)
{
    const size_t blanks = width - shown.size;
    const bool last = column + 1 == COLUMNS;

    buffer_append_format(text, "%*s", columns[column].to_the_right ? (int)blanks : 0, "");
    buffer_append_span(text, shown);
    if (!last)
        buffer_append_format(text, "%*s", (columns[column].to_the_right ? 0 : (int)blanks) + 2, "");
}

static void append_node(const struct admin_ring_node *node, const size_t widths[COLUMNS],
                        bool colour, struct buffer *text)
{
    const bool well = span_is(node->health, "alive") && span_is(node->vote, "votes");

    buffer_append_string(text, node->asked ? "* " : "  ");
    for (size_t i = 0; i < COLUMNS; i++) {
        const bool coloured = colour && (i == 4 || i + 1 == COLUMNS);
        buffer_append_string(text, coloured ? (well ? GREEN : RED) : "");
        append_cell(text, i, cell(node, i), widths[i]);
        buffer_append_string(text, coloured ? PLAIN : "");
    }
    buffer_append_string(text, "\n");
}

static void append_head(const size_t widths[COLUMNS], bool colour, struct buffer *text)
{
    buffer_append_string(text, colour ? "\n" BOLD "  " : "\n  ");
    for (size_t i = 0; i < COLUMNS; i++)
        append_cell(text, i, span_of_string(columns[i].title), widths[i]);
    while (buffer_content(text).data[buffer_size(text) - 1] == ' ')
        buffer_truncate(text, buffer_size(text) - 1);
    buffer_append_string(text, colour ? PLAIN "\n" : "\n");
}

/* The nodes stand together, as a table in the place of their lines. */
void admin_ring_print(struct span status, bool colour, struct buffer *text)
{
    struct admin_ring_node node;
    size_t widths[COLUMNS];
    struct span line;
    bool in_table = false;

    widen(widths, status);
    while (take_line(&status, &line)) {
        const bool is_node = admin_ring_node_read(line, &node);
        if (is_node && !in_table)
            append_head(widths, colour, text);
        if (!is_node && in_table)
            buffer_append_string(text, "\n");
        in_table = is_node;
        if (is_node) {
            append_node(&node, widths, colour, text);
            continue;
        }
        const bool whole = span_equal(line, SPAN("whole: yes"));
        const bool broken = span_equal(line, SPAN("whole: no"));
        buffer_append_string(text, !colour ? "" : whole ? GREEN : broken ? RED : "");
        buffer_append_span(text, line);
        buffer_append_string(text, colour && (whole || broken) ? PLAIN "\n" : "\n");
    }
}

/* ------------------------------------------------------------------------------------------- JSON
 */

static void append_member(struct buffer *text, const char *name, struct span value)
{
    int64_t number;

    buffer_append_format(text, "\"%s\": ", name);
    if (span_to_int64(value, &number))
        buffer_append_span(text, value);
    else
        admin_append_json(text, value);
}

static void append_node_json(const struct admin_ring_node *node, struct buffer *text)
{
    buffer_append_string(text, "{");
    append_member(text, "node", node->number);
    buffer_append_string(text, ", \"id\": ");
    admin_append_json(text, node->id);
    buffer_append_string(text, ", \"address\": ");
    admin_append_json(text, node->address);
    buffer_append_string(text, ", \"zone\": ");
    admin_append_json(text, node->zone);
    buffer_append_string(text, ", ");
    append_member(text, "weight", node->weight);
    buffer_append_string(text, ", ");
    append_member(text, "health", node->health);
    buffer_append_format(text, ", \"votes\": %s", span_is(node->vote, "votes") ? "true" : "false");
    buffer_append_string(text, ", \"vote\": ");
    admin_append_json(text, node->vote);
    buffer_append_string(text, ", ");
    append_member(text, "primary", node->primary);
    buffer_append_string(text, ", ");
    append_member(text, "in_all", node->in_all);
    buffer_append_format(text, ", \"asked\": %s}", node->asked ? "true" : "false");
}

/* The lines as they are, under their names, and the nodes in parts. */
void admin_ring_print_json(struct span status, struct buffer *text)
{
    struct span rest = status, line, name;
    struct admin_ring_node node;
    size_t nodes = 0;

    buffer_append_format(text, "{\"whole\": %s, \"nodes\": [",
                         admin_ring_whole(status) ? "true" : "false");
    while (take_line(&rest, &line))
        if (admin_ring_node_read(line, &node)) {
            buffer_append_string(text, nodes++ > 0 ? ", " : "");
            append_node_json(&node, text);
        }
    buffer_append_string(text, "], \"status\": {");
    for (bool first = true; take_line(&status, &line); first = false) {
        if (admin_ring_node_read(line, &node) || span_equal(line, SPAN("whole: yes")) ||
            span_equal(line, SPAN("whole: no")))
            continue;
        if (!take(&line, ": ", &name)) {
            name = line;
            line = SPAN("");
        }
        buffer_append_string(text, first ? "" : ", ");
        admin_append_json(text, name);
        buffer_append_string(text, ": ");
        admin_append_json(text, line);
    }
    buffer_append_string(text, "}}\n");
}
