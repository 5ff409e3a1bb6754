/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): what the replicas of a key hold, for people.
 */
ROW("version", .arity = 2, .flags = FLAG_READONLY | FLAG_NOSCRIPT | FLAG_NO_MULTI,
    KEYS(1, 1, 1, "RO access"), CLUSTER,
    DOCS("cluster", "0.1.0", "O(N) with N replicas",
         "Show what each replica holds for a key: its version, mark and vote."),
    ARGUMENTS(KEY))
