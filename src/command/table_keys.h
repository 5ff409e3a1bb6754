/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): several keys as one step.
 */
ROW("msetnx", .arity = -3, .flags = FLAG_WRITE | FLAG_DENYOOM, KEYS(1, -1, 2, "OW insert"),
    .prepare = keys_prepare_msetnx, STEPS(keys_msetnx),
    DOCS("string", "1.0.1", "O(N) with N keys", "Set several keys, if none of them exists."),
    ARGUMENTS(BLOCK("data", NULL, ARGUMENT_MULTIPLE, KEY, STRING("value"))))

ROW("rename", .arity = 3, .flags = FLAG_WRITE, KEYS(1, 2, 1, "RW access delete"),
    STEPS(keys_rename),
    DOCS("generic", "1.0.0", "O(1)", "Give a key another name, whatever had that before."),
    ARGUMENTS(KEY, VALUE_OF("newkey", "key", 0)))

ROW("renamenx", .arity = 3, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 2, 1, "RW access delete"),
    STEPS(keys_renamenx),
    DOCS("generic", "1.0.0", "O(1)", "Give a key another name, if no key has that."),
    ARGUMENTS(KEY, VALUE_OF("newkey", "key", 0)))

ROW("copy", .arity = -3, .flags = FLAG_WRITE | FLAG_DENYOOM, KEYS(1, 2, 1, "RW access"),
    .prepare = keys_prepare_copy, STEPS(keys_copy),
    DOCS("generic", "6.2.0", "O(N) with N the length of the value", "Copy a value to another key."),
    ARGUMENTS(VALUE_OF("source", "key", 0), VALUE_OF("destination", "key", 0),
              OPTIONAL_WITH("destination-db", "integer", "DB"),
              TOKEN_OPTIONAL("replace", "REPLACE")))

#define SORT_ORDER                                                                  \
    ONE_OF("order", ARGUMENT_OPTIONAL, TOKEN("asc", "ASC"), TOKEN("desc", "DESC")), \
        TOKEN_OPTIONAL("sorting", "ALPHA")
#define SORT_LIMIT \
    BLOCK("offset_count", "LIMIT", ARGUMENT_OPTIONAL, INTEGER("offset"), INTEGER("count"))
#define SORT_BY OPTIONAL_WITH("pattern", "pattern", "BY")
#define SORT_GET                                                                 \
    {                                                                            \
        "pattern", "pattern", "GET", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE, NULL \
    }

ROW("sort", .arity = -2, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_MOVABLEKEYS,
    KEYS(1, 1, 1, "RO access"), .prepare = sort_prepare, READ(sort_read),
    DOCS("generic", "1.0.0", "O(1)", "Sort a list or a set, of which there are none yet."),
    CATEGORIES("set sortedset list dangerous"),
    ARGUMENTS(KEY, SORT_BY, SORT_LIMIT, SORT_GET, SORT_ORDER,
              OPTIONAL_WITH("destination", "key", "STORE")))

ROW("sort_ro", .arity = -2, .flags = FLAG_READONLY | FLAG_MOVABLEKEYS, KEYS(1, 1, 1, "RO access"),
    .prepare = sort_prepare, READ(sort_read),
    DOCS("generic", "7.0.0", "O(1)", "Sort a list or a set, without STORE."),
    CATEGORIES("set sortedset list dangerous"),
    ARGUMENTS(KEY, SORT_BY, SORT_LIMIT, SORT_GET, SORT_ORDER))
