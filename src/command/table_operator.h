/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): what operators ask of a node.
 */
#define OPERATOR_FLAGS (FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_LOADING | FLAG_STALE)
#define HELP_FLAGS     (FLAG_LOADING | FLAG_STALE)

ROW("acl", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("server", "6.0.0", "Depends on subcommand.",
         "Ask about users: there is one, \"default\", whose password is requirepass."))

SUBROW("acl|cat", .arity = -2, .flags = FLAG_NOSCRIPT | HELP_FLAGS, LOCAL(acl_cat),
       DOCS("server", "6.0.0", "O(N) with N commands",
            "Answer the categories of commands, or the commands of one."),
       ARGUMENTS(VALUE_OF("category", "string", ARGUMENT_OPTIONAL)))

SUBROW("acl|getuser", .arity = 3, .flags = OPERATOR_FLAGS, LOCAL(acl_getuser),
       DOCS("server", "6.0.0", "O(1)", "Describe a user."), ARGUMENTS(STRING("username")))

SUBROW("acl|help", .arity = 2, .flags = HELP_FLAGS, LOCAL(introspect_help),
       DOCS("server", "6.0.0", "O(1)", "Show what ACL can do."))

SUBROW("acl|list", .arity = 2, .flags = OPERATOR_FLAGS, LOCAL(acl_list),
       DOCS("server", "6.0.0", "O(1)", "Describe the users, each in a line."))

SUBROW("acl|log", .arity = -2, .flags = OPERATOR_FLAGS, LOCAL(acl_log),
       DOCS("server", "6.0.0", "O(1)", "Answer nothing: what was refused is not kept."),
       ARGUMENTS(ONE_OF("operation", ARGUMENT_OPTIONAL, INTEGER("count"), TOKEN("reset", "RESET"))))

SUBROW("acl|users", .arity = 2, .flags = OPERATOR_FLAGS, LOCAL(acl_users),
       DOCS("server", "6.0.0", "O(1)", "Answer the names of the users."))

SUBROW("acl|whoami", .arity = 2, .flags = FLAG_NOSCRIPT | HELP_FLAGS, LOCAL(acl_whoami),
       DOCS("server", "6.0.0", "O(1)", "Answer the name of this connection's user."))

ROW("lastsave", .arity = 1, .flags = HELP_FLAGS | FLAG_FAST, LOCAL(server_lastsave),
    DOCS("server", "1.0.0", "O(1)", "Answer when this node started: no data is on disk."),
    TIPS("nondeterministic_output"), CATEGORIES("admin dangerous"))

ROW("latency", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("server", "2.8.13", "Depends on subcommand.", "Ask how long requests take."))

SUBROW("latency|doctor", .arity = 2, .flags = OPERATOR_FLAGS, LOCAL(latency_doctor),
       DOCS("server", "2.8.13", "O(1)", "Describe the slow requests of this node in words."),
       TIPS("nondeterministic_output request_policy:all_nodes response_policy:special"))

SUBROW("latency|graph", .arity = 3, .flags = OPERATOR_FLAGS, LOCAL(latency_graph),
       DOCS("server", "2.8.13", "O(1)", "Draw when an event was slow."),
       TIPS("nondeterministic_output request_policy:all_nodes response_policy:special"),
       ARGUMENTS(STRING("event")))

SUBROW("latency|help", .arity = 2, .flags = HELP_FLAGS, LOCAL(introspect_help),
       DOCS("server", "2.8.13", "O(1)", "Show what LATENCY can do."))

SUBROW("latency|histogram", .arity = -2, .flags = OPERATOR_FLAGS, LOCAL(latency_histogram),
       DOCS("server", "7.0.0", "O(N) with N commands", "Answer how long calls of commands took."),
       TIPS("nondeterministic_output request_policy:all_nodes response_policy:special"),
       ARGUMENTS(VALUE_OF("command", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

SUBROW("latency|history", .arity = 3, .flags = OPERATOR_FLAGS, LOCAL(latency_history),
       DOCS("server", "2.8.13", "O(1)", "Answer when an event was slow, and how slow."),
       TIPS("nondeterministic_output request_policy:all_nodes response_policy:special"),
       ARGUMENTS(STRING("event")))

SUBROW("latency|latest", .arity = 2, .flags = OPERATOR_FLAGS, LOCAL(latency_latest),
       DOCS("server", "2.8.13", "O(1)", "Answer when each event was slow last."),
       TIPS("nondeterministic_output request_policy:all_nodes response_policy:special"))

SUBROW("latency|reset", .arity = -2, .flags = OPERATOR_FLAGS, LOCAL(latency_reset),
       DOCS("server", "2.8.13", "O(1)", "Forget when events were slow."),
       TIPS("request_policy:all_nodes response_policy:all_succeeded"),
       ARGUMENTS(VALUE_OF("event", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

ROW("lolwut", .arity = -1, .flags = FLAG_READONLY | FLAG_FAST, LOCAL(server_lolwut),
    DOCS("server", "5.0.0", "O(1)", "Show a dunlin, and the versions."),
    ARGUMENTS(OPTIONAL_WITH("version", "integer", "VERSION")))

ROW("memory", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("server", "4.0.0", "Depends on subcommand.", "Ask what memory went to."))

SUBROW("memory|doctor", .arity = 2, .flags = 0, LOCAL(memory_doctor),
       DOCS("server", "4.0.0", "O(1)", "Say what is wrong with this node's memory."),
       TIPS("nondeterministic_output request_policy:all_shards response_policy:special"))

SUBROW("memory|help", .arity = 2, .flags = HELP_FLAGS, LOCAL(introspect_help),
       DOCS("server", "4.0.0", "O(1)", "Show what MEMORY can do."))

SUBROW("memory|malloc-stats", .arity = 2, .flags = 0, LOCAL(memory_malloc_stats),
       DOCS("server", "4.0.0", "Depends on the allocator.", "Show what the allocator says."),
       TIPS("nondeterministic_output request_policy:all_shards response_policy:special"))

SUBROW("memory|purge", .arity = 2, .flags = 0, LOCAL(memory_purge),
       DOCS("server", "4.0.0", "Depends on the allocator.",
            "Give memory that is free back to the system at once."),
       TIPS("request_policy:all_shards response_policy:all_succeeded"))

SUBROW("memory|stats", .arity = 2, .flags = 0, LOCAL(memory_stats),
       DOCS("server", "4.0.0", "O(1)", "Answer what this node's memory went to."),
       TIPS("nondeterministic_output request_policy:all_shards response_policy:special"))

SUBROW("memory|usage", .arity = -3, .flags = FLAG_READONLY, KEYS(2, 2, 1, "RO"),
       .prepare = memory_prepare_usage, READ(memory_usage),
       DOCS("server", "4.0.0", "O(1)", "Answer the bytes that a key and its value take."),
       ARGUMENTS(KEY, OPTIONAL_WITH("count", "integer", "SAMPLES")))

ROW("module", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("server", "4.0.0", "Depends on subcommand.", "Ask about modules: there are none."))

SUBROW("module|help", .arity = 2, .flags = HELP_FLAGS, LOCAL(introspect_help),
       DOCS("server", "5.0.0", "O(1)", "Show what MODULE can do."))

SUBROW("module|list", .arity = 2, .flags = FLAG_ADMIN | FLAG_NOSCRIPT, LOCAL(refused_module_list),
       DOCS("server", "4.0.0", "O(1)", "Answer the modules: none."),
       TIPS("nondeterministic_output_order"))

SUBROW("module|load", .arity = -3, .flags = FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_NO_ASYNC_LOADING,
       LOCAL(refused_run), DOCS("server", "4.0.0", "O(1)", "Refuse: modules are not loaded."),
       ARGUMENTS(STRING("path"), VALUE_OF("arg", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

SUBROW("module|loadex", .arity = -3, .flags = FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_NO_ASYNC_LOADING,
       LOCAL(refused_run), DOCS("server", "7.0.0", "O(1)", "Refuse: modules are not loaded."),
       ARGUMENTS(STRING("path")))

SUBROW("module|unload", .arity = 3, .flags = FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_NO_ASYNC_LOADING,
       LOCAL(refused_run), DOCS("server", "4.0.0", "O(1)", "Refuse: modules are not loaded."),
       ARGUMENTS(STRING("name")))

ROW("monitor", .arity = 1, .flags = OPERATOR_FLAGS, LOCAL(client_monitor),
    DOCS("server", "1.0.0", "O(1); then O(N) a command with N its length",
         "Show this connection what all clients of the node run."))

ROW("role", .arity = 1, .flags = FLAG_NOSCRIPT | HELP_FLAGS | FLAG_FAST, LOCAL(server_role),
    DOCS("server", "2.8.12", "O(1)", "Answer \"master\", as every node does."),
    CATEGORIES("admin dangerous"))

ROW("shutdown", .arity = -1, .flags = OPERATOR_FLAGS | FLAG_NO_MULTI | FLAG_ALLOW_BUSY,
    LOCAL(server_shutdown),
    DOCS("server", "1.0.0", "O(1)", "End this node; it tells the others first."),
    ARGUMENTS(ONE_OF("nosave_save", ARGUMENT_OPTIONAL, TOKEN("nosave", "NOSAVE"),
                     TOKEN("save", "SAVE")),
              TOKEN_OPTIONAL("now", "NOW"), TOKEN_OPTIONAL("force", "FORCE"),
              TOKEN_OPTIONAL("abort", "ABORT")))

ROW("slowlog", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("server", "2.2.12", "Depends on subcommand.", "Ask which requests were slow."))

SUBROW("slowlog|get", .arity = -2, .flags = FLAG_ADMIN | HELP_FLAGS, LOCAL(slowlog_get),
       DOCS("server", "2.2.12", "O(N) with N entries",
            "Answer the last slow requests of this node's clients."),
       TIPS("request_policy:all_nodes nondeterministic_output"),
       ARGUMENTS(VALUE_OF("count", "integer", ARGUMENT_OPTIONAL)))

SUBROW("slowlog|help", .arity = 2, .flags = HELP_FLAGS, LOCAL(introspect_help),
       DOCS("server", "6.2.0", "O(1)", "Show what SLOWLOG can do."))

SUBROW("slowlog|len", .arity = 2, .flags = FLAG_ADMIN | HELP_FLAGS, LOCAL(slowlog_len),
       DOCS("server", "2.2.12", "O(1)", "Answer how many slow requests are kept."),
       TIPS("request_policy:all_nodes response_policy:agg_sum nondeterministic_output"))

SUBROW("slowlog|reset", .arity = 2, .flags = FLAG_ADMIN | HELP_FLAGS, LOCAL(slowlog_reset),
       DOCS("server", "2.2.12", "O(N) with N entries", "Forget the slow requests."),
       TIPS("request_policy:all_nodes response_policy:all_succeeded"))

#undef OPERATOR_FLAGS
#undef HELP_FLAGS
