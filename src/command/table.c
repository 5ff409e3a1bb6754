/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/table.h"

#include <ctype.h>

#include "base/bytes.h"
#include "command/handlers.h"
#include "command/sort.h"
#include "resp/reply.h"

/* clang-format off */
static const struct command rows[] = {
#define ROW(name_, ...) {.name = name_, __VA_ARGS__},
#define SUBROW(name_, ...) {.name = name_, __VA_ARGS__},
#include "command/table_rows.h"
#undef ROW
#undef SUBROW
};

/* A row's tag is its name's length and its first seven bytes, so that a look-up compares one number a
 * row, and hardly ever a longer name as well. A subcommand's is 0, which no name has. */
#define TAG_BYTES 7
#define BYTE(name, i)                                                                              \
    ((uint64_t)(uint8_t)((i) < sizeof name ? name[(i) < sizeof name ? (i) : 0] : 0) << 8 * (i))
#define TAG(name)                                                                                  \
    ((uint64_t)(sizeof name - 1) << 56 | BYTE(name, 0) | BYTE(name, 1) | BYTE(name, 2) |           \
     BYTE(name, 3) | BYTE(name, 4) | BYTE(name, 5) | BYTE(name, 6))

static const uint64_t tags[] = {
#define ROW(name_, ...) TAG(name_),
#define SUBROW(name_, ...) 0,
#include "command/table_rows.h"
#undef ROW
#undef SUBROW
};

/* A byte of each tag, mixed, to be searched by memchr: that is some rows at a time. */
#define MARK(tag) ((uint8_t)((tag) * UINT64_C(0x9e3779b97f4a7c15) >> 56))

static const uint8_t marks[] = {
#define ROW(name_, ...) MARK(TAG(name_)),
#define SUBROW(name_, ...) MARK(0),
#include "command/table_rows.h"
#undef ROW
#undef SUBROW
};
/* clang-format on */

#define ROWS (sizeof rows / sizeof rows[0])

/* Bytes of a name, and of all arguments together, that the error for an unknown command quotes. */
#define QUOTED_MAX 128

const struct command *command_table(size_t *count)
{
    *count = ROWS;
    return rows;
}

uint32_t command_index(const struct command *command)
{
    return (uint32_t)(command - rows);
}

bool command_is_subcommand(const struct command *command)
{
    return tags[command - rows] == 0;
}

bool command_is_container(const struct command *command)
{
    const size_t next = (size_t)(command - rows) + 1;

    return !command_is_subcommand(command) && next < ROWS && tags[next] == 0;
}

bool command_arity_fits(const struct command *command, size_t argc)
{
    return command->arity >= 0 ? argc == (size_t)command->arity : argc >= (size_t)-command->arity;
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* A to Z become lower case, in all bytes at once. */
static uint64_t fold(uint64_t bytes)
{
    const uint64_t low = bytes & EACH_BYTE(0x7f); /* the sums below stay in their bytes */
    const uint64_t from_a = low + EACH_BYTE(0x80 - 'A'), past_z = low + EACH_BYTE(0x7f - 'Z');

    return bytes | (from_a & ~past_z & ~bytes & EACH_BYTE(0x80)) >> 2;
}

/* The first TAG_BYTES of a name, which is not empty. Reads overlap where it is short. */
static uint64_t first_bytes(struct span name)
{
    const size_t size = name.size < TAG_BYTES ? name.size : TAG_BYTES;
    const uint8_t *at = name.data;

    if (size >= 4)
        return bytes_get_u32(at) | (uint64_t)bytes_get_u32(at + size - 4) << 8 * (size - 4);
    return at[0] | (uint64_t)at[size / 2] << 8 * (size / 2) |
           (uint64_t)at[size - 1] << 8 * (size - 1);
}

/* `guess` may be the row, or NULL: it is looked at first. */
static const struct command *find_row(struct span name, const struct command *guess)
{
    if (name.size == 0 || name.size > UINT8_MAX)
        return NULL;
    const uint64_t tag = (uint64_t)name.size << 56 | fold(first_bytes(name));
    if (guess != NULL && tags[guess - rows] == tag && name.size <= TAG_BYTES)
        return guess;
    const uint8_t *at = marks;
    while ((at = memchr(at, MARK(tag), (size_t)(marks + ROWS - at))) != NULL) {
        const size_t row = (size_t)(at++ - marks);
        if (tags[row] == tag && (name.size <= TAG_BYTES || span_is(name, rows[row].name)))
            return &rows[row];
    }
    return NULL;
}

static const struct command *find_subrow(const struct command *container, struct span name)
{
    const size_t prefix = strlen(container->name) + 1;

    for (const struct command *row = container + 1; row < rows + ROWS && command_is_subcommand(row);
         row++)
        if (span_is(name, row->name + prefix))
            return row;
    return NULL;
}

const struct command *command_named(struct span name)
{
    const uint8_t *bar = name.size > 0 ? memchr(name.data, '|', name.size) : NULL;

    if (bar == NULL)
        return find_row(name, NULL);
    const size_t prefix = (size_t)(bar - name.data);
    const struct command *container = find_row(span_of(name.data, prefix), NULL);

    return container == NULL ? NULL
                             : find_subrow(container, span_of(bar + 1, name.size - prefix - 1));
}

/* What "%.*s" shows of an argument: up to `max` bytes, and nothing from a NUL on. */
static struct span quoted(struct span argument, size_t max)
{
    const size_t size = argument.size < max ? argument.size : max;
    const uint8_t *nul = size > 0 ? memchr(argument.data, '\0', size) : NULL;

    return span_of(argument.data, nul != NULL ? (size_t)(nul - argument.data) : size);
}

static void reply_unknown(const struct span *argv, size_t argc, struct buffer *reply)
{
    const struct span name = quoted(argv[0], QUOTED_MAX);
    char text[2 * QUOTED_MAX + 80];
    size_t size = 0, arguments = 0;

    for (size_t i = 1; i < argc && arguments < QUOTED_MAX; i++) {
        const struct span argument = quoted(argv[i], QUOTED_MAX - arguments);

        text[size++] = '\'';
        if (argument.size > 0)
            memcpy(text + size, argument.data, argument.size);
        size += argument.size;
        text[size++] = '\'';
        text[size++] = ' ';
        arguments += argument.size + 3;
    }
    reply_error_format(reply, "ERR unknown command '%.*s', with args beginning with: %.*s",
                       (int)name.size, (const char *)name.data, (int)size, text);
}

static void reply_unknown_subcommand(const struct command *container, struct span given,
                                     struct buffer *reply)
{
    const struct span name = quoted(given, QUOTED_MAX);
    char upper[32];
    size_t size = 0;

    for (; container->name[size] != '\0' && size < sizeof upper - 1; size++)
        upper[size] = (char)toupper((unsigned char)container->name[size]);
    upper[size] = '\0';
    reply_error_format(reply, "ERR unknown subcommand '%.*s'. Try %s HELP.", (int)name.size,
                       (const char *)name.data, upper);
}

static inline const struct command *row_of(const struct span *argv, size_t argc,
                                           const struct command *guess)
{
    const struct command *command = find_row(argv[0], guess);

    return command != NULL && argc > 1 && command_is_container(command)
               ? find_subrow(command, argv[1])
               : command;
}

const struct command *command_row(const struct span *argv, size_t argc)
{
    return row_of(argv, argc, NULL);
}

const struct command *command_find(const struct span *argv, size_t argc,
                                   const struct command *guess, struct buffer *reply)
{
    const struct command *command = row_of(argv, argc, guess);

    if (command == NULL) {
        const struct command *container = find_row(argv[0], NULL);
        if (container == NULL)
            reply_unknown(argv, argc, reply);
        else
            reply_unknown_subcommand(container, argv[1], reply);
        return NULL;
    }
    if (!command_arity_fits(command, argc)) {
        reply_error_format(reply, "ERR wrong number of arguments for '%s' command", command->name);
        return NULL;
    }
    return command;
}

bool command_names_keys(const struct command *command)
{
    return command->first_key != 0 && strcmp(command->key_flags, "not_key") != 0;
}

/* The keys of a command that stands at argv[first]. */
static size_t plain_keys(const struct command *command, size_t first, size_t argc, size_t *indices)
{
    size_t count = 0;

    if (!command_names_keys(command))
        return 0;
    /* A negative last key counts from the end: -1 is the last argument. */
    const long end = (long)argc - (long)first;
    const long last = command->last_key < 0 ? end + command->last_key : command->last_key;

    for (long i = command->first_key; i <= last && i < end; i += command->key_step)
        indices[count++] = first + (size_t)i;
    return count;
}

/* Those that an argument counts. */
static size_t counted_keys(const struct command *command, const struct span *argv, size_t argc,
                           size_t *indices)
{
    const size_t first = (size_t)command->key_count_at + 1;
    int64_t count;

    if (argc < first || !span_to_int64(argv[first - 1], &count) || count < 0 ||
        (uint64_t)count > argc - first)
        return 0;
    for (size_t i = 0; i < (size_t)count; i++)
        indices[i] = first + i;
    return (size_t)count;
}

bool command_keys_move(const struct command *command, const struct span *argv, size_t argc)
{
    return (command->flags & FLAG_MOVABLEKEYS) != 0 &&
           (command->first_key == 0 || sort_destination(argv, argc) > 0);
}

/* Those of a command at argv[first], whatever its options say. */
static size_t keys_of(const struct command *command, size_t first, const struct span *argv,
                      size_t argc, size_t *indices)
{
    const size_t count = plain_keys(command, first, argc, indices);

    if (count == 0 || !command_keys_move(command, argv + first, argc - first))
        return count;
    indices[count] = first + sort_destination(argv + first, argc - first);
    return count + 1;
}

size_t command_keys(const struct command *command, const struct span *argv, size_t argc,
                    size_t *indices)
{
    const size_t inner_at = 2; /* "at level command ..." */

    if (command->key_count_at > 0)
        return counted_keys(command, argv, argc, indices);
    if ((command->flags & FLAG_MOVABLEKEYS) == 0 || command->first_key > 0)
        return keys_of(command, 0, argv, argc, indices);
    if (argc <= inner_at)
        return 0;
    const struct command *inner = command_row(argv + inner_at, argc - inner_at);

    /* An AT within an AT is refused, and so has no keys. */
    if (inner == NULL || ((inner->flags & FLAG_MOVABLEKEYS) != 0 && inner->first_key == 0) ||
        !command_arity_fits(inner, argc - inner_at))
        return 0;
    return keys_of(inner, inner_at, argv, argc, indices);
}
