/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/admin_state.h"

#include <inttypes.h>

#include "base/memory.h"
#include "base/words.h"

#define HEAD    "dunlin-admin-import"
#define VERSION "1"

void admin_state_deinit(struct admin_state *state)
{
    memory_free(state->masters);
    *state = (struct admin_state){0};
}

static bool copy(char *to, size_t room, struct span from)
{
    if (from.size >= room || (from.size > 0 && memchr(from.data, '\0', from.size) != NULL))
        return false;
    if (from.size > 0)
        memcpy(to, from.data, from.size);
    to[from.size] = '\0';
    return true;
}

struct admin_master *admin_state_add(struct admin_state *state, struct span address)
{
    if (state->masters == NULL)
        state->masters = memory_alloc_array(ADMIN_MASTERS_MAX, sizeof *state->masters);
    if (state->master_count == ADMIN_MASTERS_MAX)
        return NULL;
    struct admin_master *master = &state->masters[state->master_count];
    if (address.size == 0 || !copy(master->address, sizeof master->address, address))
        return NULL;
    master->cursor[0] = '0';
    state->master_count++;
    return master;
}

/* ---------------------------------------------------------------------------------------- writing
 */

static void write_words(struct buffer *text, const char *first, const char *second)
{
    buffer_append_format(text, "%s ", first);
    words_append(text, span_of_string(second));
    buffer_append_string(text, "\n");
}

static void write_counts(const struct admin_tally *tally, struct buffer *text)
{
#define WRITE(field) buffer_append_format(text, "count %s %" PRIu64 "\n", #field, tally->field);
    ADMIN_COUNTS(WRITE)
#undef WRITE
    for (size_t i = 0; i < tally->type_count; i++) {
        buffer_append_string(text, "type ");
        words_append(text, span_of_string(tally->types[i].name));
        buffer_append_format(text, " %" PRIu64 "\n", tally->types[i].keys.count);
    }
}

void admin_state_write(const struct admin_state *state, struct buffer *text)
{
    buffer_append_string(text, HEAD " " VERSION "\n");
    write_words(text, "source", state->source);
    if (state->match[0] != '\0')
        write_words(text, "match", state->match);
    if (state->ring[0] != '\0')
        write_words(text, "ring", state->ring);
    buffer_append_format(text, "replace %s\n", state->replace ? "yes" : "no");
    write_counts(&state->tally, text);
    for (size_t i = 0; i < state->master_count; i++) {
        const struct admin_master *master = &state->masters[i];
        buffer_append_format(text, "master %s ", master->address);
        words_append(text, span_of_string(master->run_id));
        buffer_append_format(text, " %s\n", master->done ? "done" : master->cursor);
    }
    buffer_append_string(text, "end\n");
}

/* ---------------------------------------------------------------------------------------- reading
 */

static bool read_number(struct span word, uint64_t *number)
{
    int64_t read;

    if (!span_to_int64(word, &read) || read < 0)
        return false;
    *number = (uint64_t)read;
    return true;
}

static bool read_count(struct admin_tally *tally, const struct words *words)
{
    if (words->count != 3)
        return false;
#define READ(field)                       \
    if (span_is(words->items[1], #field)) \
        return read_number(words->items[2], &tally->field);
    ADMIN_COUNTS(READ)
#undef READ
    return false;
}

static bool read_type(struct admin_tally *tally, const struct words *words)
{
    uint64_t count;

    return words->count == 3 && read_number(words->items[2], &count) &&
           admin_tally_types(tally, words->items[1], count);
}

static bool is_cursor(struct span word)
{
    for (size_t i = 0; i < word.size; i++)
        if (word.data[i] < '0' || word.data[i] > '9')
            return false;
    return word.size > 0;
}

static bool read_master(struct admin_state *state, const struct words *words)
{
    if (words->count != 4)
        return false;
    struct admin_master *master = admin_state_add(state, words->items[1]);
    if (master == NULL || !copy(master->run_id, sizeof master->run_id, words->items[2]))
        return false;
    master->done = span_is(words->items[3], "done");
    return master->done || (is_cursor(words->items[3]) &&
                            copy(master->cursor, sizeof master->cursor, words->items[3]));
}

static bool read_line(struct admin_state *state, const struct words *words)
{
    const struct span name = words->items[0];

    if (span_is(name, "source") && words->count == 2)
        return copy(state->source, sizeof state->source, words->items[1]);
    if (span_is(name, "match") && words->count == 2)
        return copy(state->match, sizeof state->match, words->items[1]);
    if (span_is(name, "ring") && words->count == 2)
        return copy(state->ring, sizeof state->ring, words->items[1]);
    if (span_is(name, "replace") && words->count == 2) {
        state->replace = span_is(words->items[1], "yes");
        return state->replace || span_is(words->items[1], "no");
    }
    if (span_is(name, "count"))
        return read_count(&state->tally, words);
    if (span_is(name, "type"))
        return read_type(&state->tally, words);
    return span_is(name, "master") && read_master(state, words);
}

static bool is_head(const struct words *words)
{
    return words->count == 2 && span_is(words->items[0], HEAD) && span_is(words->items[1], VERSION);
}

static bool refuse(struct admin_state *state, unsigned line, const char *why, struct buffer *error)
{
    buffer_append_format(error, "line %u: %s", line, why);
    admin_state_deinit(state);
    return false;
}

bool admin_state_read(struct admin_state *state, struct span text, struct buffer *error)
{
    bool right = true, ended = false;
    unsigned line = 0;

    *state = (struct admin_state){0};
    for (size_t at = 0; right && !ended && at < text.size;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        const size_t size = end != NULL ? (size_t)(end - text.data) - at : text.size - at;
        struct words words;
        right = words_init(&words, span_of(text.data + at, size)) && words.count > 0;
        line++;
        at += size + 1;
        if (right && line == 1)
            right = is_head(&words);
        else if (right && words.count == 1 && span_is(words.items[0], "end"))
            ended = true;
        else if (right)
            right = read_line(state, &words);
        words_deinit(&words);
    }
    if (!right)
        return refuse(state, line,
                      line == 1 ? "this is no state of an import" : "it is not understood", error);
    return ended || refuse(state, line + 1, "the end is missing", error);
}

static bool refuse_other(const char *what, const char *found, const char *wanted,
                         struct buffer *error)
{
    buffer_append_format(error, "it is of an import with %s '%s', and not '%s'", what, found,
                         wanted);
    return false;
}

bool admin_state_fits(const struct admin_state *state, const struct admin_state *other,
                      struct buffer *error)
{
    if (strcmp(state->source, other->source) != 0)
        return refuse_other("the source", other->source, state->source, error);
    if (strcmp(state->match, other->match) != 0)
        return refuse_other("--match", other->match, state->match, error);
    if (state->replace != other->replace)
        return refuse_other("mode", other->replace ? "--replace" : "--skip",
                            state->replace ? "--replace" : "--skip", error);
    return true;
}
