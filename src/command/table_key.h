/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): keys, whatever their values.
 */
#define EXPIRE_CONDITION                                                         \
    ONE_OF("condition", ARGUMENT_OPTIONAL, TOKEN("nx", "NX"), TOKEN("xx", "XX"), \
           TOKEN("gt", "GT"), TOKEN("lt", "LT"))

ROW("del", .arity = -2, .flags = FLAG_WRITE, KEYS(1, -1, 1, "RM delete"), .gather = GATHER_SUM,
    UPDATE(key_del),
    DOCS("generic", "1.0.0", "O(N) with N keys", "Delete keys and answer how many there were."),
    TIPS("request_policy:multi_shard response_policy:agg_sum"), ARGUMENTS(KEYS_MANY))

ROW("dump", .arity = 2, .flags = FLAG_READONLY, KEYS(1, 1, 1, "RO access"), .slow = true,
    READ(dump_read),
    DOCS("generic", "2.6.0", "O(N) with N the length of the value",
         "Answer the value of a key in Redis' own format, for RESTORE."),
    TIPS("nondeterministic_output"), ARGUMENTS(KEY))

ROW("exists", .arity = -2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, -1, 1, "RO"),
    .gather = GATHER_SUM, READ(key_exists),
    DOCS("generic", "1.0.0", "O(N) with N keys", "Answer how many of the keys exist."),
    TIPS("request_policy:multi_shard response_policy:agg_sum"), ARGUMENTS(KEYS_MANY))

ROW("expire", .arity = -3, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW update"),
    .prepare = key_prepare_expire, UPDATE(key_expire),
    DOCS("generic", "1.0.0", "O(1)", "Let a key expire in some seconds."),
    ARGUMENTS(KEY, INTEGER("seconds"), EXPIRE_CONDITION))

ROW("expireat", .arity = -3, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW update"),
    .prepare = key_prepare_expireat, UPDATE(key_expire),
    DOCS("generic", "1.2.0", "O(1)", "Let a key expire at a time in seconds since 1970."),
    ARGUMENTS(KEY, TIME("unix-time-seconds"), EXPIRE_CONDITION))

ROW("expiretime", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, 1, 1, "RO access"),
    READ(key_expiretime),
    DOCS("generic", "7.0.0", "O(1)", "Answer when a key expires, in seconds since 1970."),
    ARGUMENTS(KEY))

ROW("keys", .arity = 2, .flags = FLAG_READONLY, CLUSTER,
    DOCS("generic", "1.0.0", "O(N) with N keys", "List the keys of the cluster that match."),
    TIPS("request_policy:all_shards nondeterministic_output_order"),
    CATEGORIES("keyspace dangerous"), ARGUMENTS(VALUE_OF("pattern", "pattern", 0)))

ROW("persist", .arity = 2, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW update"),
    UPDATE(key_persist), DOCS("generic", "2.2.0", "O(1)", "Let a key stay until it is deleted."),
    ARGUMENTS(KEY))

ROW("pexpire", .arity = -3, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW update"),
    .prepare = key_prepare_pexpire, UPDATE(key_expire),
    DOCS("generic", "2.6.0", "O(1)", "Let a key expire in some milliseconds."),
    ARGUMENTS(KEY, INTEGER("milliseconds"), EXPIRE_CONDITION))

ROW("pexpireat", .arity = -3, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW update"),
    .prepare = key_prepare_pexpireat, UPDATE(key_expire),
    DOCS("generic", "2.6.0", "O(1)", "Let a key expire at a time in milliseconds since 1970."),
    ARGUMENTS(KEY, TIME("unix-time-milliseconds"), EXPIRE_CONDITION))

ROW("pexpiretime", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, 1, 1, "RO access"),
    READ(key_pexpiretime),
    DOCS("generic", "7.0.0", "O(1)", "Answer when a key expires, in milliseconds since 1970."),
    ARGUMENTS(KEY))

ROW("pttl", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, 1, 1, "RO access"),
    READ(key_pttl),
    DOCS("generic", "2.6.0", "O(1)", "Answer how long a key lives, in milliseconds."),
    TIPS("nondeterministic_output"), ARGUMENTS(KEY))

ROW("object", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("generic", "2.2.3", "Depends on subcommand.", "Ask how the value of a key is kept."))

SUBROW("object|encoding", .arity = 3, .flags = FLAG_READONLY, KEYS(2, 2, 1, "RO"),
       READ(object_encoding),
       DOCS("generic", "2.2.3", "O(1)", "Answer what Redis would keep the value as."),
       TIPS("nondeterministic_output"), ARGUMENTS(KEY))

SUBROW("object|freq", .arity = 3, .flags = FLAG_READONLY, KEYS(2, 2, 1, "RO"), READ(object_freq),
       DOCS("generic", "4.0.0", "O(1)", "Answer an error: how often keys are used is not counted."),
       TIPS("nondeterministic_output"), ARGUMENTS(KEY))

SUBROW("object|help", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE, CATEGORIES("keyspace"),
       LOCAL(introspect_help), DOCS("generic", "6.2.0", "O(1)", "Show what OBJECT can do."))

SUBROW("object|idletime", .arity = 3, .flags = FLAG_READONLY, KEYS(2, 2, 1, "RO"),
       READ(object_idletime),
       DOCS("generic", "2.2.3", "O(1)", "Answer the seconds since the value was written."),
       TIPS("nondeterministic_output"), ARGUMENTS(KEY))

SUBROW("object|refcount", .arity = 3, .flags = FLAG_READONLY, KEYS(2, 2, 1, "RO"),
       READ(object_refcount),
       DOCS("generic", "2.2.3", "O(1)", "Answer how often Redis would refer to the value."),
       TIPS("nondeterministic_output"), ARGUMENTS(KEY))

ROW("randomkey", .arity = 1, .flags = FLAG_READONLY, CLUSTER,
    DOCS("generic", "1.0.0", "O(1)", "Answer some key of the cluster."),
    TIPS("request_policy:all_shards nondeterministic_output"), CATEGORIES("keyspace"))

ROW("restore", .arity = -4, .flags = FLAG_WRITE | FLAG_DENYOOM, KEYS(1, 1, 1, "OW update"),
    CATEGORIES("dangerous"), .prepare = dump_prepare_restore, .make = dump_make,
    UPDATE(dump_restore),
    DOCS("generic", "2.6.0", "O(N) with N the length of the value",
         "Set a key to a value that DUMP answered, here or at a Redis."),
    ARGUMENTS(KEY, INTEGER("ttl"), STRING("serialized-value"), TOKEN_OPTIONAL("replace", "REPLACE"),
              TOKEN_OPTIONAL("absttl", "ABSTTL"), OPTIONAL_WITH("seconds", "integer", "IDLETIME"),
              OPTIONAL_WITH("frequency", "integer", "FREQ")))

ROW("scan", .arity = -2, .flags = FLAG_READONLY, CLUSTER, .prepare = scan_prepare,
    DOCS("generic", "2.8.0", "O(1) for each call",
         "List keys of the cluster piece by piece; any node goes on from a cursor."),
    TIPS("nondeterministic_output request_policy:special"), CATEGORIES("keyspace"),
    ARGUMENTS(INTEGER("cursor"), TOKEN_WITH("pattern", "pattern", "MATCH"),
              TOKEN_WITH("count", "integer", "COUNT"), TOKEN_WITH("type", "string", "TYPE")))

ROW("touch", .arity = -2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, -1, 1, "RO"),
    .gather = GATHER_SUM, READ(key_exists),
    DOCS("generic", "3.2.1", "O(N) with N keys",
         "Read keys, so that they count as used, and answer how many exist."),
    TIPS("request_policy:multi_shard response_policy:agg_sum"), ARGUMENTS(KEYS_MANY))

ROW("ttl", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, 1, 1, "RO access"),
    READ(key_ttl), DOCS("generic", "1.0.0", "O(1)", "Answer how long a key lives, in seconds."),
    TIPS("nondeterministic_output"), ARGUMENTS(KEY))

ROW("type", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, 1, 1, "RO"), READ(key_type),
    DOCS("generic", "1.0.0", "O(1)", "Answer the type of the value of a key."), ARGUMENTS(KEY))

ROW("unlink", .arity = -2, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, -1, 1, "RM delete"),
    .gather = GATHER_SUM, UPDATE(key_del),
    DOCS("generic", "4.0.0", "O(N) with N keys", "Delete keys and answer how many there were."),
    TIPS("request_policy:multi_shard response_policy:agg_sum"), ARGUMENTS(KEYS_MANY))

#undef EXPIRE_CONDITION
