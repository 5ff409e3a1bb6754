/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands that are drawn: a row of the table, and arguments that its row, or any other, has a word
 * for. A byte or two choose an argument, so that changing one byte of the input changes one thing.
 */
#include "base/bytes.h"
#include "base/crc64.h"
#include "command/table.h"
#include "fuzz/scene.h"
#include "value/dump.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const keys[] = {"a", "b", "{a}b", "{a}c", "n", "user:1", "{}", ""};

static const char *const numbers[] = {
    "0",
    "1",
    "-1",
    "2",
    "10",
    "100",
    "3000",
    "-5",
    "5.5",
    "1e300",
    "-1e-5",
    "4294967296",
    "-2147483649",
    "9223372036854775807",
    "+1",
    "01",
    " 1",
    "",
    "inf",
    "nan",
    "-9223372036854775808",
    "16384",
    "16383",
    "1700000000",
    "1700000000500",
    "1700000100000",
    "0x10",
    "3.0e3",
};

/* What the table does not know: names of directives, levels, patterns, sections. */
static const char *const words[] = {
#define OPTION_HEADING(title)
#define OPTION(field, name, kind, initial, min, max, change, show, form, text) name,
#include "base/options_list.h"
    "ONE",
    "TWO",
    "THREE",
    "QUORUM",
    "ALL",
    "READ",
    "WRITE",
    "AT",
    "*",
    "a*",
    "[^b]?",
    "{a}*",
    "\\*",
    "h[a-",
    "default",
    "everything",
    "commandstats",
    "errorstats",
    "keyspace",
    "replication",
    "yes",
    "no",
    "string",
    "list",
    "allkeys-lru",
    "volatile-ttl",
    "noeviction",
    "127.0.0.1:4711",
    "normal",
    "pubsub",
    "node",
    "unlink",
    "1mb",
    "normal 0 0 0",
    "0102030405060708090a0b0c0d0e0f0000000000",
    "return 1",
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "return redis.call('GET', KEYS[1])",
    "\r\n",
    "$-1",
    "%s",
};

#define TOKENS_MAX 512

/* All words of all rows' arguments; a row's own are from[row] to from[row + 1]. */
struct dictionary {
    const char *tokens[TOKENS_MAX];
    size_t from[TOKENS_MAX + 1];
    size_t count;
};

static void collect(struct dictionary *dictionary, const struct command_argument *arguments)
{
    for (; arguments != NULL && arguments->name != NULL; arguments++) {
        if (arguments->token != NULL) {
            cr_assert_lt(dictionary->count, TOKENS_MAX);
            dictionary->tokens[dictionary->count++] = arguments->token;
        }
        collect(dictionary, arguments->members);
    }
}

static const struct dictionary *get_dictionary(void)
{
    static struct dictionary dictionary;
    size_t rows;
    const struct command *table = command_table(&rows);

    cr_assert_lt(rows, TOKENS_MAX);
    if (dictionary.count == 0)
        for (size_t row = 0; row < rows; row++) {
            collect(&dictionary, table[row].arguments);
            dictionary.from[row + 1] = dictionary.count;
        }
    return &dictionary;
}

struct span scene_draw_key(struct draw *draw)
{
    return span_of_string(keys[draw_below(draw, COUNT(keys))]);
}

/* The arguments so far stay where they are: there is room for all. */
static struct span room(struct buffer *bytes, size_t size)
{
    const struct span span = span_of(buffer_reserve(bytes, size), size);

    buffer_commit(bytes, size);
    return span;
}

static struct span repeated(struct buffer *bytes, uint8_t byte, size_t size)
{
    const struct span span = room(bytes, size);

    memset((uint8_t *)(uintptr_t)span.data, byte, size);
    return span;
}

/* A payload of DUMP, or nearly one: with the right sum, which no mutation finds. */
static struct span payload(struct buffer *bytes, struct span content)
{
    const struct span span = room(bytes, content.size + 10);
    uint8_t *at = (uint8_t *)(uintptr_t)span.data;

    if (content.size > 0)
        memcpy(at, content.data, content.size);
    bytes_put_u16(at + content.size, DUMP_VERSION);
    bytes_put_u64(at + content.size + 2, crc64(0, span_of(at, content.size + 2)));
    return span;
}

static struct span draw_argument(struct draw *draw, struct buffer *bytes, size_t row, bool is_key)
{
    const struct dictionary *dictionary = get_dictionary();
    const uint8_t byte = draw_byte(draw);
    const size_t own = dictionary->from[row + 1] - dictionary->from[row];
    size_t rows, rest = byte >> 3;

    switch (byte & 7) {
    case 0:
        return span_of_string(keys[rest % COUNT(keys)]);
    case 1:
        if (own > 0 && !is_key)
            return span_of_string(dictionary->tokens[dictionary->from[row] + rest % own]);
        return span_of_string(keys[rest % COUNT(keys)]);
    case 2:
        return span_of_string(numbers[rest % COUNT(numbers)]);
    case 3:
        return draw_span(draw, rest);
    case 4:
        rest = rest << 8 | draw_byte(draw);
        return rest % 2 ? span_of_string(words[rest / 2 % COUNT(words)])
                        : span_of_string(dictionary->tokens[rest / 2 % dictionary->count]);
    case 5:
        return repeated(bytes, (uint8_t)('0' + rest), rest * 64 % SCENE_BYTES_MAX);
    case 6:
        if (rest % 2)
            return payload(bytes, draw_span(draw, rest / 2));
        rest = rest << 8 | draw_byte(draw);
        command_table(&rows);
        return span_of_string(command_table(&rows)[rest / 2 % rows].name);
    default:
        return is_key ? span_of_string(keys[rest % COUNT(keys)])
                      : span_of_string(numbers[rest % COUNT(numbers)]);
    }
}

static bool is_key_at(const struct command *row, size_t at)
{
    const int position = (int)at;

    return row->first_key > 0 && position >= row->first_key &&
           (row->last_key < 0 || position <= row->last_key) &&
           (position - row->first_key) % row->key_step == 0;
}

size_t scene_draw_command(struct draw *draw, struct buffer *bytes, struct span argv[SCENE_ARGS_MAX])
{
    size_t rows, argc = 0;
    const struct command *table = command_table(&rows);
    const size_t index = draw_below(draw, rows);
    const struct command *row = &table[index];
    const char *bar = strchr(row->name, '|');
    const uint8_t shape = draw_byte(draw);
    const size_t least = (size_t)(row->arity < 0 ? -row->arity : row->arity);

    buffer_reset(bytes, SIZE_MAX);
    buffer_reserve(bytes, SCENE_ARGS_MAX * (SCENE_BYTES_MAX + 10));
    argv[argc++] = bar == NULL ? span_of_string(row->name)
                               : span_of(row->name, (size_t)(bar - row->name));
    if (bar != NULL)
        argv[argc++] = span_of_string(bar + 1);
    /* As many as it takes, some more where it takes more, now and then any number. */
    size_t wanted = (shape & 7) == 7 ? shape >> 4 : least + (row->arity < 0 ? shape >> 3 & 7 : 0);
    if (wanted > SCENE_ARGS_MAX)
        wanted = SCENE_ARGS_MAX;
    while (argc < wanted) {
        argv[argc] = draw_argument(draw, bytes, index, is_key_at(row, argc));
        argc++;
    }
    return argc;
}
