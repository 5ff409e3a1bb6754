/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): the node, the commands themselves, and what
 * concerns all keys at once. AT never runs: the engine takes it off the command before it looks
 * that up. Its row is for clients that ask.
 */
#define LOADING_FLAGS (FLAG_LOADING | FLAG_STALE)
#define CONFIG_FLAGS  (FLAG_ADMIN | FLAG_NOSCRIPT | LOADING_FLAGS)
#define FLUSH_TYPE \
    ONE_OF("flush_type", ARGUMENT_OPTIONAL, TOKEN("async", "ASYNC"), TOKEN("sync", "SYNC"))
#define COMMAND_NAMES VALUE_OF("command-name", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)

ROW("at", .arity = -3, .flags = FLAG_MOVABLEKEYS | FLAG_NO_MULTI | FLAG_NOSCRIPT, CLUSTER,
    DOCS("generic", "0.1.0", "That of the command.",
         "Run a command that waits for this many replicas."),
    ARGUMENTS(STRING("level"), STRING("command"),
              VALUE_OF("arg", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

ROW("command", .arity = -1, .flags = LOADING_FLAGS, LOCAL(introspect_all),
    DOCS("server", "2.8.13", "O(N) with N commands", "Describe all commands."),
    TIPS("nondeterministic_output_order"), CATEGORIES("connection"))

SUBROW("command|count", .arity = 2, .flags = LOADING_FLAGS, LOCAL(introspect_count),
       DOCS("server", "2.8.13", "O(1)", "Answer how many commands there are."),
       CATEGORIES("connection"))

SUBROW("command|docs", .arity = -2, .flags = LOADING_FLAGS, LOCAL(introspect_docs),
       DOCS("server", "7.0.0", "O(N) with N commands", "Document commands."),
       TIPS("nondeterministic_output_order"), CATEGORIES("connection"), ARGUMENTS(COMMAND_NAMES))

SUBROW("command|getkeys", .arity = -4, .flags = LOADING_FLAGS, LOCAL(introspect_getkeys),
       DOCS("server", "2.8.13", "O(N) with N arguments", "Answer the keys of a command."),
       CATEGORIES("connection"),
       ARGUMENTS(STRING("command"),
                 VALUE_OF("arg", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

SUBROW("command|getkeysandflags", .arity = -4, .flags = LOADING_FLAGS,
       LOCAL(introspect_getkeysandflags),
       DOCS("server", "7.0.0", "O(N) with N arguments",
            "Answer the keys of a command, and what it does with each."),
       CATEGORIES("connection"),
       ARGUMENTS(STRING("command"),
                 VALUE_OF("arg", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

SUBROW("command|help", .arity = 2, .flags = LOADING_FLAGS, LOCAL(introspect_help),
       DOCS("server", "5.0.0", "O(1)", "Show what COMMAND can do."), CATEGORIES("connection"))

SUBROW("command|info", .arity = -2, .flags = LOADING_FLAGS, LOCAL(introspect_info),
       DOCS("server", "2.8.13", "O(N) with N commands", "Describe commands."),
       TIPS("nondeterministic_output_order"), CATEGORIES("connection"), ARGUMENTS(COMMAND_NAMES))

SUBROW("command|list", .arity = -2, .flags = LOADING_FLAGS, LOCAL(introspect_list),
       DOCS("server", "7.0.0", "O(N) with N commands", "Answer the names of commands."),
       TIPS("nondeterministic_output_order"), CATEGORIES("connection"),
       ARGUMENTS({"filterby", "oneof", "FILTERBY", ARGUMENT_OPTIONAL,
                  ARGUMENT_LIST(TOKEN_WITH("module-name", "string", "MODULE"),
                                TOKEN_WITH("category", "string", "ACLCAT"),
                                TOKEN_WITH("pattern", "pattern", "PATTERN"))}))

ROW("config", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("server", "2.0.0", "Depends on subcommand.", "Read and change this node's directives."))

SUBROW("config|get", .arity = -3, .flags = CONFIG_FLAGS, LOCAL(server_config_get),
       DOCS("server", "2.0.0", "O(N) with N directives", "Answer directives and their values."),
       ARGUMENTS(VALUE_OF("parameter", "string", ARGUMENT_MULTIPLE)))

SUBROW("config|help", .arity = 2, .flags = LOADING_FLAGS, LOCAL(introspect_help),
       DOCS("server", "5.0.0", "O(1)", "Show what CONFIG can do."))

SUBROW("config|resetstat", .arity = 2, .flags = CONFIG_FLAGS, LOCAL(server_config_resetstat),
       DOCS("server", "2.0.0", "O(1)", "Set what INFO counts back to zero."))

SUBROW("config|rewrite", .arity = 2, .flags = CONFIG_FLAGS, LOCAL(server_config_rewrite),
       DOCS("server", "2.8.0", "O(1)", "Write the directives in force to the configuration file."))

SUBROW("config|set", .arity = -4, .flags = CONFIG_FLAGS, LOCAL(server_config_set),
       DOCS("server", "2.0.0", "O(N) with N directives", "Change directives, all or none."),
       TIPS("request_policy:all_nodes response_policy:all_succeeded"),
       ARGUMENTS(BLOCK("parameter_value", NULL, ARGUMENT_MULTIPLE, STRING("parameter"),
                       STRING("value"))))

ROW("dbsize", .arity = 1, .flags = FLAG_READONLY | FLAG_FAST, CLUSTER,
    DOCS("server", "1.0.0", "O(N) with N nodes", "Answer how many keys the cluster keeps."),
    TIPS("request_policy:all_shards response_policy:agg_sum"), CATEGORIES("keyspace"))

ROW("flushall", .arity = -1, .flags = FLAG_WRITE, CLUSTER, .prepare = server_prepare_flush,
    DOCS("server", "1.0.0", "O(N) with N partitions", "Delete all keys of the cluster."),
    TIPS("request_policy:all_shards response_policy:all_succeeded"),
    CATEGORIES("keyspace dangerous"), ARGUMENTS(FLUSH_TYPE))

ROW("flushdb", .arity = -1, .flags = FLAG_WRITE, CLUSTER, .prepare = server_prepare_flush,
    DOCS("server", "1.0.0", "O(N) with N partitions", "Delete all keys of the cluster."),
    TIPS("request_policy:all_shards response_policy:all_succeeded"),
    CATEGORIES("keyspace dangerous"), ARGUMENTS(FLUSH_TYPE))

ROW("info", .arity = -1, .flags = LOADING_FLAGS, LOCAL(info_run),
    DOCS("server", "1.0.0", "O(1)", "Describe this node and count what it did."),
    TIPS("nondeterministic_output request_policy:all_shards response_policy:special"),
    CATEGORIES("dangerous"),
    ARGUMENTS(VALUE_OF("section", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

ROW("time", .arity = 1, .flags = LOADING_FLAGS | FLAG_FAST, LOCAL(server_time),
    DOCS("server", "2.6.0", "O(1)", "Answer the time of this node's clock."),
    TIPS("nondeterministic_output"))

ROW("wait", .arity = 3, .flags = FLAG_NOSCRIPT | FLAG_NO_MULTI, CLUSTER,
    .prepare = server_prepare_wait,
    DOCS("generic", "3.0.0", "O(1)",
         "Wait until this connection's writes are on so many replicas, and answer how many."),
    TIPS("request_policy:all_shards response_policy:agg_min"), CATEGORIES("connection"),
    ARGUMENTS(INTEGER("numreplicas"), INTEGER("timeout")))

#undef LOADING_FLAGS
#undef CONFIG_FLAGS
#undef FLUSH_TYPE
#undef COMMAND_NAMES
