/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the rows of the table of commands are written with. The rows themselves stand in
 * table_string.h and its siblings, a file a group, and table.c puts them together:
 *
 *     ROW("getdel", .arity = 2, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW access delete"),
 *         UPDATE(string_getdel), DOCS("string", "6.2.0", "O(1)", "Answer a value and delete it."),
 *         ARGUMENTS(KEY))
 *
 * SUBROW is the same for a subcommand; its rows follow their container's.
 */
#ifndef DUNLIN_COMMAND_TABLE_H
#define DUNLIN_COMMAND_TABLE_H

#include "command/command.h"

/* What COMMAND DOCS says of an argument; redis-cli makes its hints from it. */
struct command_argument {
    const char *name;
    const char *type;  /* Redis' word: string, integer, key, pure-token, oneof, block ... */
    const char *token; /* the word to be typed before it, or NULL */
    enum {
        ARGUMENT_OPTIONAL = 1,
        ARGUMENT_MULTIPLE = 2,
        ARGUMENT_MULTIPLE_TOKEN = 4, /* the token before each */
    } flags;
    const struct command_argument *members; /* of a oneof or a block, ended as the list itself */
};

/* The row that argv means, whatever its arity; NULL when there is none. */
const struct command *command_row(const struct span *argv, size_t argc);

#define KEYS(first, last, step, text) \
    .first_key = (first), .last_key = (last), .key_step = (step), .key_flags = (text)
#define LOCAL(handler)  .kind = COMMAND_LOCAL, .run = (handler)
#define READ(handler)   .kind = COMMAND_READ, .read = (handler)
#define WRITE(handler)  .kind = COMMAND_WRITE, .update = (handler)
#define UPDATE(handler) .kind = COMMAND_UPDATE, .update = (handler)
#define STEPS(handler)  .kind = COMMAND_STEPS, .steps = (handler)
#define CLUSTER         .kind = COMMAND_CLUSTER
#define DOCS(group_, since_, complexity_, summary_) \
    .group = (group_), .since = (since_), .complexity = (complexity_), .summary = (summary_)

#define TIPS(words)       .tips = (words)
#define CATEGORIES(words) .categories = (words)

#define ARGUMENT_LIST(...) ((const struct command_argument[]){__VA_ARGS__, {0}})
#define ARGUMENTS(...)     .arguments = ARGUMENT_LIST(__VA_ARGS__)

#define VALUE_OF(name, type, ...)           \
    {                                       \
        name, type, NULL, __VA_ARGS__, NULL \
    }
#define KEY           VALUE_OF("key", "key", 0)
#define KEYS_MANY     VALUE_OF("key", "key", ARGUMENT_MULTIPLE)
#define STRING(name)  VALUE_OF(name, "string", 0)
#define INTEGER(name) VALUE_OF(name, "integer", 0)
#define TIME(name)    VALUE_OF(name, "unix-time", 0)
/* A word alone, and a word with a value behind it. */
#define TOKEN(name, token)                 \
    {                                      \
        name, "pure-token", token, 0, NULL \
    }
#define TOKEN_OPTIONAL(name, token)                        \
    {                                                      \
        name, "pure-token", token, ARGUMENT_OPTIONAL, NULL \
    }
#define TOKEN_WITH(name, type, token) \
    {                                 \
        name, type, token, 0, NULL    \
    }
#define OPTIONAL_WITH(name, type, token)           \
    {                                              \
        name, type, token, ARGUMENT_OPTIONAL, NULL \
    }
#define ONE_OF(name, flags, ...)                               \
    {                                                          \
        name, "oneof", NULL, flags, ARGUMENT_LIST(__VA_ARGS__) \
    }
#define BLOCK(name, token, flags, ...)                          \
    {                                                           \
        name, "block", token, flags, ARGUMENT_LIST(__VA_ARGS__) \
    }

#endif
