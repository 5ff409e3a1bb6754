/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options from files and from the command line, line by line. Files that are included lie on a
 * stack of bounded depth; every error begins with where it was met:
 *
 *     dunlin.conf:12: 'maxmemory 10xx': expected a number of bytes such as 100mb, found '10xx'
 *     command line: '--port 0': expected a whole number from 1 to 65535, found '0'
 */
#include "base/assert.h"
#include "base/memory.h"
#include "base/options_table.h"
#include "base/words.h"

/* How many letters may differ for a name to be suggested, and the longest name looked at. */
#define SUGGEST_DISTANCE_MAX 2
#define SUGGEST_NAME_MAX     40

/* A file that is being read. */
struct file {
    char *path;
    struct buffer text; /* consumed line by line */
    size_t line;
};

struct load {
    struct options *options;
    const struct options_reader *reader;
    struct buffer *error;
    struct file files[OPTIONS_INCLUDE_DEPTH_MAX + 1]; /* the last is the one that is read */
    size_t depth;
    size_t opened;
};

/* --------------------------------------------------------------------------------- suggestions */

/* Letters to insert, delete or change to make `a` of `b` (Levenshtein); `a` is short. */
static size_t distance(struct span a, struct span b)
{
    size_t row[SUGGEST_NAME_MAX + 1];

    for (size_t i = 0; i <= a.size; i++)
        row[i] = i;
    for (size_t j = 0; j < b.size; j++) {
        size_t diagonal = row[0];
        row[0] = j + 1;
        for (size_t i = 0; i < a.size; i++) {
            const size_t changed =
                diagonal + (span_equal(span_of(a.data + i, 1), span_of(b.data + j, 1)) ? 0 : 1);
            const size_t shorter = (row[i] < row[i + 1] ? row[i] : row[i + 1]) + 1;
            diagonal = row[i + 1];
            row[i + 1] = changed < shorter ? changed : shorter;
        }
    }
    return row[a.size];
}

static const char *suggestion(struct span name)
{
    const char *best = NULL;
    size_t best_distance = SUGGEST_DISTANCE_MAX + 1;

    if (name.size > SUGGEST_NAME_MAX)
        return NULL;
    for (size_t i = 0; i < options_table_size; i++) {
        const struct option *row = &options_table[i];
        if (row->kind == OPTION_KIND_HEADING)
            continue;
        const size_t away = distance(name, span_of_string(row->name));
        if (away < best_distance) {
            best = row->name;
            best_distance = away;
        }
    }
    return best;
}

static bool refuse_unknown(struct span name, struct buffer *error)
{
    const struct option_foreign *foreign = option_foreign_find(name);

    if (foreign != NULL) {
        buffer_append_format(error, "expected a directive of Dunlin, found '%s' of Redis: %s",
                             foreign->name, foreign->why);
        return false;
    }
    const char *known = suggestion(name);
    buffer_append_string(error, "expected a directive, found ");
    option_quote(error, name);
    if (known != NULL)
        buffer_append_format(error, "; did you mean '%s'?", known);
    else
        buffer_append_string(error, "; dunlin.conf(5) and --help list them all");
    return false;
}

/* ----------------------------------------------------------------------------------- directives */

static bool open_file(struct load *load, const char *path)
{
    if (load->depth > OPTIONS_INCLUDE_DEPTH_MAX || load->opened > OPTIONS_INCLUDES_MAX) {
        buffer_append_format(load->error,
                             "expected at most %d files included, %d deep: does a file include "
                             "itself?",
                             OPTIONS_INCLUDES_MAX, OPTIONS_INCLUDE_DEPTH_MAX);
        return false;
    }
    struct file *file = &load->files[load->depth];
    *file = (struct file){.path = memory_copy_string(path)};
    load->depth++;
    load->opened++;
    return load->reader->read(load->reader->context, path, &file->text, load->error);
}

static void close_file(struct load *load)
{
    struct file *file = &load->files[--load->depth];

    memory_free(file->path);
    buffer_deinit(&file->text);
}

static bool include(struct load *load, const struct span *words, size_t count)
{
    if (count != 2 || words[1].size == 0 || memchr(words[1].data, '\0', words[1].size) != NULL) {
        buffer_append_string(load->error, "expected include and one file");
        return false;
    }
    char *path = memory_alloc(words[1].size + 1);
    memcpy(path, words[1].data, words[1].size);
    const bool opened = open_file(load, path);
    memory_free(path);
    return opened;
}

/* Takes over one directive: its name, then its values. */
static bool apply(struct load *load, const struct span *words, size_t count)
{
    if (span_is(words[0], "include"))
        return include(load, words, count);
    const struct option *row = option_find(words[0]);
    if (row == NULL)
        return refuse_unknown(words[0], load->error);
    return option_assign(row, load->options, words + 1, count - 1, load->error);
}

/* ---------------------------------------------------------------------------------------- files */

/* Puts "path:line: 'line': " before the error that stands from `start` on. */
static void place_error(struct buffer *error, size_t start, const char *where, struct span line)
{
    const struct span all = buffer_content(error);
    struct buffer placed = {0};

    for (; *where != '\0'; where++) /* a path as `include` has it */
        buffer_append(&placed, (uint8_t)*where < ' ' || *where == 0x7f ? "?" : where, 1);
    buffer_append_string(&placed, ": ");
    if (line.size > 0) {
        option_quote(&placed, line);
        buffer_append_string(&placed, ": ");
    }
    buffer_append(&placed, all.data + start, all.size - start);
    buffer_truncate(error, start);
    buffer_append_span(error, buffer_content(&placed));
    buffer_deinit(&placed);
}

/* What an error may quote of a line that opens with `name`. */
static struct span quotable(struct span line, struct span name)
{
    const struct option *row = option_find(name);

    return row != NULL && row->secret ? name : line;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct span trimmed(struct span line)
{
    while (line.size > 0 && is_blank(line.data[line.size - 1]))
        line.size--;
    while (line.size > 0 && is_blank(line.data[0]))
        line = span_of(line.data + 1, line.size - 1);
    return line;
}

static struct span first_word(struct span line)
{
    size_t size = 0;

    while (size < line.size && !is_blank(line.data[size]))
        size++;
    return span_of(line.data, size);
}

static bool apply_line(struct load *load, const struct file *file, struct span line)
{
    const size_t start = buffer_size(load->error);
    struct words words;
    bool right = words_init(&words, line);

    if (!right)
        buffer_append_string(load->error, "expected each quote to be closed, and a blank after it");
    else
        right = words.count == 0 || apply(load, words.items, words.count);
    if (!right) {
        struct buffer where = {0};
        buffer_append_format(&where, "%s:%zu", file->path, file->line);
        buffer_append(&where, "", 1);
        place_error(load->error, start, (const char *)buffer_content(&where).data,
                    quotable(line, first_word(line)));
        buffer_deinit(&where);
    }
    words_deinit(&words);
    return right;
}

/* Reads on until every file on the stack is at its end. */
static bool read_files(struct load *load)
{
    while (load->depth > 0) {
        struct file *file = &load->files[load->depth - 1];
        const struct span rest = buffer_content(&file->text);
        if (rest.size == 0) {
            close_file(load);
            continue;
        }
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        const size_t size = end != NULL ? (size_t)(end - rest.data) : rest.size;
        const struct span line = trimmed(span_of(rest.data, size));
        file->line++;
        if (line.size > 0 && line.data[0] != '#' && !apply_line(load, file, line))
            return false;
        buffer_consume(&file->text, end != NULL ? size + 1 : size);
    }
    return true;
}

static bool load_file(struct load *load, const char *path)
{
    const size_t start = buffer_size(load->error);

    if (!open_file(load, path)) {
        place_error(load->error, start, path, span_of(NULL, 0));
        return false;
    }
    return read_files(load);
}

/* --------------------------------------------------------------------------------- command line */

static bool is_directive(const char *argument)
{
    return strncmp(argument, "--", 2) == 0 && argument[2] != '\0';
}

/* Takes over arguments[0], a directive, and the `count` - 1 values behind it. */
static bool apply_arguments(struct load *load, const char *const *arguments, size_t count)
{
    const size_t start = buffer_size(load->error);
    struct span *words = memory_alloc_array(count, sizeof *words);
    struct buffer line = {0};
    bool right;

    words[0] = span_of_string(arguments[0] + 2);
    buffer_append_string(&line, arguments[0]);
    for (size_t i = 1; i < count; i++) {
        words[i] = span_of_string(arguments[i]);
        buffer_append_string(&line, " ");
        words_append(&line, words[i]);
    }
    right = apply(load, words, count);
    if (!right) {
        const struct option *row = option_find(words[0]);
        place_error(load->error, start, "command line",
                    row != NULL && row->secret ? span_of_string(arguments[0])
                                               : buffer_content(&line));
    }
    memory_free(words);
    buffer_deinit(&line);
    return right && read_files(load);
}

static bool load_arguments(struct load *load, const char *const *arguments, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        if (!is_directive(arguments[i])) {
            buffer_append_string(load->error, "command line: expected --directive, found ");
            option_quote(load->error, span_of_string(arguments[i]));
            return false;
        }
        while (end < count && !is_directive(arguments[end]))
            end++;
        if (!apply_arguments(load, arguments + i, end - i))
            return false;
        i = end;
    }
    return true;
}

const struct options *options_load(const char *path, const char *const *arguments, size_t count,
                                   const struct options_reader *reader, struct buffer *error)
{
    struct load load = {.options = options_create(), .reader = reader, .error = error};
    const struct options *loaded = load.options;
    const char *related;

    const bool right = (path == NULL || load_file(&load, path)) &&
                       load_arguments(&load, arguments, count) &&
                       options_check(loaded, &related, error);
    while (load.depth > 0)
        close_file(&load);
    if (!right)
        options_release(&loaded);
    return loaded;
}
