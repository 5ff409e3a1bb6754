/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): scripts.
 */
#define EVAL_FLAGS \
    (FLAG_NOSCRIPT | FLAG_STALE | FLAG_SKIP_MONITOR | FLAG_NO_MANDATORY_KEYS | FLAG_MOVABLEKEYS)
#define SCRIPT_FLAGS FLAG_NOSCRIPT
#define SCRIPT_ARGUMENTS(script)                                             \
    ARGUMENTS(STRING(script), INTEGER("numkeys"),                            \
              VALUE_OF("key", "key", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE), \
              VALUE_OF("arg", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE))

ROW("eval", .arity = -3, .flags = EVAL_FLAGS, .key_count_at = 2, .key_flags = "RW access update",
    .prepare = script_prepare, CLUSTER,
    DOCS("scripting", "2.6.0", "That of the script.", "Run a Lua script as one step."),
    SCRIPT_ARGUMENTS("script"))

ROW("evalsha", .arity = -3, .flags = EVAL_FLAGS, .key_count_at = 2, .key_flags = "RW access update",
    .prepare = script_prepare, CLUSTER,
    DOCS("scripting", "2.6.0", "That of the script.",
         "Run a Lua script that the cluster knows, by the SHA-1 of its text."),
    SCRIPT_ARGUMENTS("sha1"))

ROW("eval_ro", .arity = -3, .flags = EVAL_FLAGS | FLAG_READONLY, .key_count_at = 2,
    .key_flags = "RO access", .prepare = script_prepare, CLUSTER,
    DOCS("scripting", "7.0.0", "That of the script.", "Run a Lua script that writes nothing."),
    SCRIPT_ARGUMENTS("script"))

ROW("evalsha_ro", .arity = -3, .flags = EVAL_FLAGS | FLAG_READONLY, .key_count_at = 2,
    .key_flags = "RO access", .prepare = script_prepare, CLUSTER,
    DOCS("scripting", "7.0.0", "That of the script.",
         "Run a Lua script that writes nothing and that the cluster knows, by its SHA-1."),
    SCRIPT_ARGUMENTS("sha1"))

ROW("script", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("scripting", "2.6.0", "By subcommand.", "Holds the commands about scripts."))

SUBROW("script|debug", .arity = 3, .flags = SCRIPT_FLAGS, LOCAL(refused_run),
       DOCS("scripting", "3.2.0", "O(1)", "Refuse: there is no debugger."),
       ARGUMENTS(ONE_OF("mode", 0, TOKEN("yes", "YES"), TOKEN("sync", "SYNC"), TOKEN("no", "NO"))))

SUBROW("script|exists", .arity = -3, .flags = SCRIPT_FLAGS, CLUSTER,
       DOCS("scripting", "2.6.0", "O(N) with N scripts",
            "Answer which of the scripts the cluster knows."),
       ARGUMENTS(VALUE_OF("sha1", "string", ARGUMENT_MULTIPLE)))

SUBROW("script|flush", .arity = -2, .flags = SCRIPT_FLAGS, CLUSTER,
       DOCS("scripting", "2.6.0", "O(N) with N scripts", "Forget all scripts, at every node."),
       ARGUMENTS(ONE_OF("async", ARGUMENT_OPTIONAL, TOKEN("async", "ASYNC"),
                        TOKEN("sync", "SYNC"))))

SUBROW("script|help", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE, LOCAL(introspect_help),
       DOCS("scripting", "5.0.0", "O(1)", "Show what SCRIPT can do."))

SUBROW("script|kill", .arity = 2, .flags = SCRIPT_FLAGS | FLAG_ALLOW_BUSY, CLUSTER,
       DOCS("scripting", "2.6.0", "O(1)", "End the scripts that run, at every node."))

SUBROW("script|load", .arity = 3, .flags = SCRIPT_FLAGS | FLAG_STALE, CLUSTER,
       DOCS("scripting", "2.6.0", "O(N) with N the length of the script",
            "Give a script to every node, and answer its SHA-1."),
       ARGUMENTS(STRING("script")))

#undef EVAL_FLAGS
#undef SCRIPT_FLAGS
#undef SCRIPT_ARGUMENTS
