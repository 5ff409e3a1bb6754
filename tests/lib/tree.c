/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"

#define IDENTITY_TEXT_SIZE 40

#define TEXT_ROOM 64

/* ---- reading ---- */

static bool is_aggregate(char type)
{
    return type == '*' || type == '%' || type == '~' || type == '>';
}

static bool is_sized(char type)
{
    return type == '$' || type == '=' || type == '!';
}

/* The line after the type byte; *size becomes that of the line with its type and its end. */
static struct span read_line(struct span bytes, size_t *size)
{
    const uint8_t *end = memchr(bytes.data, '\n', bytes.size);

    check_that(end != NULL && end - bytes.data >= 2 && end[-1] == '\r', "a reply's line ends");
    *size = (size_t)(end - bytes.data) + 1;
    return span_of(bytes.data + 1, *size - 3);
}

size_t tree_init(struct tree *tree, struct span bytes)
{
    size_t size;
    int64_t number = 0;

    check_that(bytes.size > 0, "a reply is whole");
    const struct span line = read_line(bytes, &size);
    *tree = (struct tree){.type = (char)bytes.data[0], .text = line};
    if (!is_aggregate(tree->type) && !is_sized(tree->type))
        return size;
    check_that(span_to_int64(line, &number) && number >= -1, "'%.*s' is a size", (int)line.size,
               (const char *)line.data);
    tree->null = number < 0;
    tree->text = span_of(NULL, 0);
    if (tree->null)
        return size;
    if (is_sized(tree->type)) {
        check_that(bytes.size >= size + (size_t)number + 2, "a bulk string is whole");
        tree->text = span_of(bytes.data + size, (size_t)number);
        return size + (size_t)number + 2;
    }
    tree->count = (size_t)number * (tree->type == '%' ? 2 : 1);
    tree->members = calloc(tree->count + 1, sizeof *tree->members);
    check_that(tree->members != NULL, "memory");
    for (size_t i = 0; i < tree->count; i++)
        size += tree_init(&tree->members[i], span_of(bytes.data + size, bytes.size - size));
    return size;
}

void tree_deinit(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        tree_deinit(&tree->members[i]);
    free(tree->members);
    *tree = (struct tree){0};
}

bool tree_is_error(const struct tree *tree)
{
    return tree->type == '-' || tree->type == '!';
}

bool tree_is_null(const struct tree *tree)
{
    return tree->null || tree->type == '_';
}

/* ---- printing ---- */

void tree_print_bytes(struct span bytes, size_t bytes_max, struct buffer *text)
{
    const size_t shown = bytes.size < bytes_max ? bytes.size : bytes_max;
    char piece[TEXT_ROOM];

    buffer_append_string(text, "\"");
    for (size_t i = 0; i < shown; i++) {
        const uint8_t byte = bytes.data[i];
        if (byte == '"' || byte == '\\')
            snprintf(piece, sizeof piece, "\\%c", byte);
        else
            snprintf(piece, sizeof piece, byte >= ' ' && byte < 0x7f ? "%c" : "\\x%02x", byte);
        buffer_append_string(text, piece);
    }
    buffer_append_string(text, "\"");
    if (shown < bytes.size) {
        snprintf(piece, sizeof piece, "...(%zu bytes)", bytes.size);
        buffer_append_string(text, piece);
    }
}

static void print(const struct tree *tree, size_t bytes_max, struct buffer *text)
{
    if (tree->null) {
        buffer_append_string(text, tree->type == '*' ? "nil*" : "nil");
        return;
    }
    if (tree->type == '$') {
        tree_print_bytes(tree->text, bytes_max, text);
        return;
    }
    buffer_append(text, &tree->type, 1);
    buffer_append_span(text, tree->text);
    if (!is_aggregate(tree->type))
        return;
    buffer_append_string(text, "(");
    for (size_t i = 0; i < tree->count; i++) {
        buffer_append_string(text, i > 0 ? ", " : "");
        print(&tree->members[i], bytes_max, text);
    }
    buffer_append_string(text, ")");
}

void tree_print(const struct tree *tree, size_t bytes_max, struct buffer *text)
{
    print(tree, bytes_max, text);
    check_that(buffer_reserve(text, 1) != NULL, "memory");
    *buffer_reserve(text, 1) = '\0';
}

/* ---- comparing ---- */

static bool near(struct span a, struct span b, int64_t tolerance)
{
    int64_t one, other, apart;

    return span_to_int64(a, &one) && span_to_int64(b, &other) &&
           !__builtin_sub_overflow(one, other, &apart) && apart >= -tolerance &&
           apart <= tolerance && (one < 0) == (other < 0);
}

static bool is_word(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '-';
}

/* Of the bytes at `at` on: how many are one number, or one identity. */
static size_t figure_size(struct span text, size_t at)
{
    size_t size = 0, digits = 0;

    while (at + size < text.size && is_word(text.data[at + size]))
        size++;
    if (size == IDENTITY_TEXT_SIZE)
        return size;
    while (at + digits < text.size && text.data[at + digits] >= '0' &&
           text.data[at + digits] <= '9')
        digits++;
    return digits;
}

static bool same_form(struct span a, struct span b)
{
    size_t i = 0, j = 0;

    while (i < a.size && j < b.size) {
        const size_t one = figure_size(a, i), other = figure_size(b, j);
        if ((one == 0) != (other == 0) || (one == 0 && a.data[i] != b.data[j]) ||
            (one == IDENTITY_TEXT_SIZE) != (other == IDENTITY_TEXT_SIZE))
            return false;
        i += one == 0 ? 1 : one;
        j += other == 0 ? 1 : other;
    }
    return i == a.size && j == b.size;
}

/* Whether each entry (`step` members) of `a` has one of its own among those of `b`. */
static bool alike_in_any_order(const struct tree *a, const struct tree *b, size_t step,
                               enum tree_likeness likeness, int64_t tolerance)
{
    bool *taken = calloc(b->count + 1, sizeof *taken);
    bool all = taken != NULL;

    for (size_t i = 0; all && i < a->count; i += step) {
        bool found = false;
        for (size_t j = 0; !found && j < b->count; j += step) {
            found = !taken[j];
            for (size_t k = 0; found && k < step; k++)
                found = tree_alike(&a->members[i + k], &b->members[j + k], likeness, tolerance);
            taken[j] |= found;
        }
        all = found;
    }
    free(taken);
    return all;
}

bool tree_alike(const struct tree *a, const struct tree *b, enum tree_likeness likeness,
                int64_t tolerance)
{
    if (a->type != b->type || a->null != b->null)
        return false;
    if (likeness == TREE_SHAPE && !tree_is_error(a))
        return true;
    if (likeness == TREE_NEAR && near(a->text, b->text, tolerance))
        return true;
    const bool same_text = likeness == TREE_FORM && !tree_is_error(a)
                               ? a->type == ':' || same_form(a->text, b->text)
                               : span_equal(a->text, b->text);
    if (!same_text || a->count != b->count)
        return false;
    if (a->type == '%' || a->type == '~' || (a->type == '*' && likeness == TREE_UNORDERED))
        return alike_in_any_order(a, b, a->type == '%' ? 2 : 1, likeness, tolerance);
    for (size_t i = 0; i < a->count; i++)
        if (!tree_alike(&a->members[i], &b->members[i], likeness, tolerance))
            return false;
    return true;
}
