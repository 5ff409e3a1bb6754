/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): strings. The two that clients send most come
 * first, because a look-up goes from the top.
 */
ROW("get", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, 1, 1, "RO access"),
    READ(string_get), DOCS("string", "1.0.0", "O(1)", "Answer the value of a key."), ARGUMENTS(KEY))

ROW("set", .arity = -3, .flags = FLAG_WRITE | FLAG_DENYOOM,
    KEYS(1, 1, 1, "RW access update variable_flags"),
    .key_notes = "RW and ACCESS due to the optional `GET` argument", .prepare = string_prepare_set,
    WRITE(string_set),
    DOCS("string", "1.0.0", "O(1)", "Set the value of a key, whatever it was before."),
    ARGUMENTS(KEY, STRING("value"),
              ONE_OF("condition", ARGUMENT_OPTIONAL, TOKEN("nx", "NX"), TOKEN("xx", "XX")),
              TOKEN_OPTIONAL("get", "GET"),
              ONE_OF("expiration", ARGUMENT_OPTIONAL, TOKEN_WITH("seconds", "integer", "EX"),
                     TOKEN_WITH("milliseconds", "integer", "PX"),
                     TOKEN_WITH("unix-time-seconds", "unix-time", "EXAT"),
                     TOKEN_WITH("unix-time-milliseconds", "unix-time", "PXAT"),
                     TOKEN("keepttl", "KEEPTTL"))))

ROW("incr", .arity = 2, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST,
    KEYS(1, 1, 1, "RW access update"), .prepare = string_prepare_add, UPDATE(string_increment),
    DOCS("string", "1.0.0", "O(1)", "Add one to the integer at a key; an absent key counts as 0."),
    ARGUMENTS(KEY))

ROW("incrby", .arity = 3, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST,
    KEYS(1, 1, 1, "RW access update"), .prepare = string_prepare_add, UPDATE(string_increment),
    DOCS("string", "1.0.0", "O(1)", "Add to the integer at a key; an absent key counts as 0."),
    ARGUMENTS(KEY, INTEGER("increment")))

ROW("decr", .arity = 2, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST,
    KEYS(1, 1, 1, "RW access update"), .prepare = string_prepare_subtract, UPDATE(string_increment),
    DOCS("string", "1.0.0", "O(1)",
         "Take one from the integer at a key; an absent key counts as 0."),
    ARGUMENTS(KEY))

ROW("decrby", .arity = 3, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST,
    KEYS(1, 1, 1, "RW access update"), .prepare = string_prepare_subtract, UPDATE(string_increment),
    DOCS("string", "1.0.0", "O(1)", "Take from the integer at a key; an absent key counts as 0."),
    ARGUMENTS(KEY, INTEGER("decrement")))

ROW("mget", .arity = -2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, -1, 1, "RO access"),
    .gather = GATHER_ARRAY, READ(string_mget),
    DOCS("string", "1.0.0", "O(N) with N keys", "Answer the values of several keys, in order."),
    TIPS("request_policy:multi_shard"), ARGUMENTS(KEYS_MANY))

ROW("mset", .arity = -3, .flags = FLAG_WRITE | FLAG_DENYOOM, KEYS(1, -1, 2, "OW update"),
    .gather = GATHER_OK, .prepare = string_prepare_mset, WRITE(string_set),
    DOCS("string", "1.0.1", "O(N) with N keys", "Set several keys, each by itself."),
    TIPS("request_policy:multi_shard response_policy:all_succeeded"),
    ARGUMENTS(BLOCK("key_value", NULL, ARGUMENT_MULTIPLE, KEY, STRING("value"))))

ROW("append", .arity = 3, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST,
    KEYS(1, 1, 1, "RW insert"), UPDATE(string_append),
    DOCS("string", "2.0.0", "O(N) with N the length of the value",
         "Add bytes to the end of a value; an absent key counts as empty."),
    ARGUMENTS(KEY, STRING("value")))

ROW("getdel", .arity = 2, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW access delete"),
    UPDATE(string_getdel),
    DOCS("string", "6.2.0", "O(1)", "Answer the value of a key and delete it."), ARGUMENTS(KEY))

ROW("getex", .arity = -2, .flags = FLAG_WRITE | FLAG_FAST, KEYS(1, 1, 1, "RW access update"),
    .key_notes = "RW and UPDATE because it changes the TTL", .prepare = string_prepare_getex,
    UPDATE(string_getex),
    DOCS("string", "6.2.0", "O(1)", "Answer the value of a key and set when it expires."),
    ARGUMENTS(KEY, ONE_OF("expiration", ARGUMENT_OPTIONAL, TOKEN_WITH("seconds", "integer", "EX"),
                          TOKEN_WITH("milliseconds", "integer", "PX"),
                          TOKEN_WITH("unix-time-seconds", "unix-time", "EXAT"),
                          TOKEN_WITH("unix-time-milliseconds", "unix-time", "PXAT"),
                          TOKEN("persist", "PERSIST"))))

ROW("getset", .arity = 3, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST,
    KEYS(1, 1, 1, "RW access update"), UPDATE(string_getset),
    DOCS("string", "1.0.0", "O(1)", "Set the value of a key and answer the old one."),
    ARGUMENTS(KEY, STRING("value")))

ROW("setnx", .arity = 3, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST, KEYS(1, 1, 1, "OW insert"),
    UPDATE(string_setnx),
    DOCS("string", "1.0.0", "O(1)", "Set the value of a key that does not exist."),
    ARGUMENTS(KEY, STRING("value")))

ROW("setex", .arity = 4, .flags = FLAG_WRITE | FLAG_DENYOOM, KEYS(1, 1, 1, "OW update"),
    .prepare = string_prepare_setex, WRITE(string_set),
    DOCS("string", "2.0.0", "O(1)", "Set the value of a key for some seconds."),
    ARGUMENTS(KEY, INTEGER("seconds"), STRING("value")))

ROW("psetex", .arity = 4, .flags = FLAG_WRITE | FLAG_DENYOOM, KEYS(1, 1, 1, "OW update"),
    .prepare = string_prepare_psetex, WRITE(string_set),
    DOCS("string", "2.6.0", "O(1)", "Set the value of a key for some milliseconds."),
    ARGUMENTS(KEY, INTEGER("milliseconds"), STRING("value")))

ROW("strlen", .arity = 2, .flags = FLAG_READONLY | FLAG_FAST, KEYS(1, 1, 1, "RO"),
    READ(string_strlen),
    DOCS("string", "2.2.0", "O(1)", "Answer the length of the value of a key, in bytes."),
    ARGUMENTS(KEY))

ROW("getrange", .arity = 4, .flags = FLAG_READONLY, KEYS(1, 1, 1, "RO access"),
    .prepare = range_prepare_get, READ(range_get),
    DOCS("string", "2.4.0", "O(N) with N the bytes that are answered",
         "Answer a part of the value of a key."),
    ARGUMENTS(KEY, INTEGER("start"), INTEGER("end")))

ROW("substr", .arity = 4, .flags = FLAG_READONLY, KEYS(1, 1, 1, "RO access"),
    .prepare = range_prepare_get, READ(range_get),
    DOCS("string", "1.0.0", "O(N) with N the bytes that are answered",
         "Answer a part of the value of a key: the old name of GETRANGE."),
    ARGUMENTS(KEY, INTEGER("start"), INTEGER("end")))

ROW("setrange", .arity = 4, .flags = FLAG_WRITE | FLAG_DENYOOM, KEYS(1, 1, 1, "RW update"),
    .prepare = range_prepare_set, UPDATE(range_set),
    DOCS("string", "2.2.0", "O(N) with N the length of the value",
         "Write over a part of the value of a key; zero bytes fill what lies before it."),
    ARGUMENTS(KEY, INTEGER("offset"), STRING("value")))

ROW("incrbyfloat", .arity = 3, .flags = FLAG_WRITE | FLAG_DENYOOM | FLAG_FAST,
    KEYS(1, 1, 1, "RW access update"), UPDATE(string_increment_float),
    DOCS("string", "2.6.0", "O(1)", "Add to the number at a key; an absent key counts as 0."),
    ARGUMENTS(KEY, VALUE_OF("increment", "double", 0)))

ROW("lcs", .arity = -3, .flags = FLAG_READONLY, KEYS(1, 2, 1, "RO access"), .gather = GATHER_LCS,
    .prepare = lcs_prepare, READ(string_get),
    DOCS("string", "7.0.0", "O(N*M) with N and M the lengths of the values, 64 of these at a time",
         "Answer the longest bytes that the values of two keys have in common, in order."),
    ARGUMENTS({"key1", "key", NULL, 0, NULL}, {"key2", "key", NULL, 0, NULL},
              TOKEN_OPTIONAL("len", "LEN"), TOKEN_OPTIONAL("idx", "IDX"),
              OPTIONAL_WITH("len", "integer", "MINMATCHLEN"),
              TOKEN_OPTIONAL("withmatchlen", "WITHMATCHLEN")))
