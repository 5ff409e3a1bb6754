/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): concurrent values, in keyspaces with the rule
 * `conflict siblings`.
 */
ROW("cget", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST | FLAG_NO_MULTI,
    KEYS(1, 1, 1, "RO access"), .prepare = siblings_prepare_get, .whole_version = true,
    READ(siblings_get),
    DOCS("siblings", "0.1.0", "O(N) with N concurrent values",
         "Answer all concurrent values of a key, and the context to write over them."),
    ARGUMENTS(KEY))

ROW("cset", .arity = -3, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_NO_MULTI,
    KEYS(1, 1, 1, "OW update"), .prepare = siblings_prepare_set, WRITE(siblings_set),
    DOCS("siblings", "0.1.0", "O(N) with N concurrent values",
         "Write over just those values of a key that a context saw."),
    ARGUMENTS(KEY, STRING("value"), OPTIONAL_WITH("context", "string", "CONTEXT"),
              OPTIONAL_WITH("milliseconds", "integer", "PX")))
