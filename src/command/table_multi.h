/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): transactions.
 */
#define MULTI_FLAGS (FLAG_NOSCRIPT | FLAG_LOADING | FLAG_STALE)

ROW("multi", .arity = 1, .flags = MULTI_FLAGS | FLAG_FAST, LOCAL(multi_begin),
    DOCS("transactions", "1.2.0", "O(1)", "Queue the commands that follow, for EXEC."))

ROW("exec", .arity = 1, .flags = MULTI_FLAGS, CLUSTER,
    DOCS("transactions", "1.2.0", "That of the queued commands.",
         "Run the queued commands, those of one partition as one step."))

ROW("discard", .arity = 1, .flags = MULTI_FLAGS | FLAG_FAST, LOCAL(multi_discard),
    DOCS("transactions", "2.0.0", "O(N) with N queued commands", "Drop the queued commands."))

ROW("watch", .arity = -2, .flags = MULTI_FLAGS | FLAG_FAST, KEYS(1, -1, 1, "RO"),
    .gather = GATHER_WATCH, .prepare = multi_prepare_watch, .whole_version = true,
    READ(multi_watch),
    DOCS("transactions", "2.2.0", "O(N) with N keys",
         "Let the next EXEC fail if one of the keys changes before it."),
    ARGUMENTS(KEYS_MANY))

ROW("unwatch", .arity = 1, .flags = MULTI_FLAGS | FLAG_FAST, LOCAL(multi_unwatch),
    DOCS("transactions", "2.2.0", "O(1)", "Watch no key any more."))

#undef MULTI_FLAGS
