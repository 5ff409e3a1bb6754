/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): those of Redis that have no meaning here and
 * are refused with a reason of their own, in refused.c. Their arguments are checked no further than
 * the number of them. Subcommands that are refused stand with the others of their container.
 */
#define REFUSED_FLAGS (FLAG_ADMIN | FLAG_NOSCRIPT)

ROW("bgrewriteaof", .arity = 1, .flags = REFUSED_FLAGS | FLAG_NO_ASYNC_LOADING, LOCAL(refused_run),
    DOCS("server", "1.0.0", "O(1)", "Refuse: no data is on disk."))

ROW("bgsave", .arity = -1, .flags = REFUSED_FLAGS | FLAG_NO_ASYNC_LOADING, LOCAL(refused_run),
    DOCS("server", "1.0.0", "O(1)", "Refuse: no data is on disk."),
    ARGUMENTS(TOKEN_OPTIONAL("schedule", "SCHEDULE")))

ROW("debug", .arity = -2, .flags = REFUSED_FLAGS | FLAG_LOADING | FLAG_STALE, LOCAL(refused_run),
    DOCS("server", "1.0.0", "O(1)", "Refuse, as Redis does unless it is told otherwise."))

ROW("failover", .arity = -1, .flags = REFUSED_FLAGS | FLAG_STALE, LOCAL(refused_run),
    DOCS("server", "6.2.0", "O(1)", "Refuse: no node leads another."))

ROW("move", .arity = 3, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW access update"),
    LOCAL(refused_run), DOCS("generic", "1.0.0", "O(1)", "Refuse: there is one database."),
    ARGUMENTS(KEY, INTEGER("db")))

ROW("replicaof", .arity = 3, .flags = REFUSED_FLAGS | FLAG_STALE | FLAG_NO_ASYNC_LOADING,
    LOCAL(refused_run), DOCS("server", "5.0.0", "O(1)", "Refuse: no node leads another."),
    ARGUMENTS(STRING("host"), INTEGER("port")))

ROW("save", .arity = 1, .flags = REFUSED_FLAGS | FLAG_NO_ASYNC_LOADING | FLAG_NO_MULTI,
    LOCAL(refused_run), DOCS("server", "1.0.0", "O(1)", "Refuse: no data is on disk."))

ROW("slaveof", .arity = 3, .flags = REFUSED_FLAGS | FLAG_STALE | FLAG_NO_ASYNC_LOADING,
    LOCAL(refused_run), DOCS("server", "1.0.0", "O(1)", "Refuse: no node leads another."),
    ARGUMENTS(STRING("host"), INTEGER("port")))

ROW("swapdb", .arity = 3, .flags = FLAG_WRITE | FLAG_FAST, LOCAL(refused_run),
    DOCS("server", "4.0.0", "O(1)", "Refuse: there is one database."),
    CATEGORIES("keyspace dangerous"), ARGUMENTS(INTEGER("index1"), INTEGER("index2")))

#undef REFUSED_FLAGS
