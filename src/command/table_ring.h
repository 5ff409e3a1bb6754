/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): the ring, for operators. The node's control
 * answers them (node/control.h).
 */
ROW("ring", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("cluster", "7.0.0", "Depends on subcommand.", "Form the ring, and look at it."))

SUBROW("ring|help", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE, LOCAL(introspect_help),
       DOCS("cluster", "7.0.0", "O(1)", "Show what RING can do."))

SUBROW("ring|init", .arity = -3, .flags = FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_STALE | FLAG_NO_MULTI,
       CLUSTER,
       DOCS("cluster", "7.0.0", "O(N) with N nodes",
            "Form a ring of the nodes with these client addresses, none of which has one."),
       ARGUMENTS(VALUE_OF("host:port", "string", ARGUMENT_MULTIPLE)))

SUBROW("ring|recover", .arity = 3, .flags = FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_STALE, CLUSTER,
       DOCS("cluster", "7.0.0", "O(1)",
            "Let this node recover from whoever answers, and vote, though too few others do."),
       ARGUMENTS(TOKEN("force", "FORCE")))

SUBROW("ring|status", .arity = 2, .flags = FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_STALE, CLUSTER,
       DOCS("cluster", "7.0.0", "O(N) with N partitions",
            "Show the ring, its nodes, who does not vote and why."))
