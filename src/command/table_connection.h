/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): connections.
 */
#define CONNECTION_FLAGS (FLAG_NOSCRIPT | FLAG_LOADING | FLAG_STALE)
#define ENTRY_FLAGS      (CONNECTION_FLAGS | FLAG_FAST | FLAG_NO_AUTH | FLAG_ALLOW_BUSY)
#define CLIENT_TYPE                                                                    \
    TOKEN("normal", "NORMAL"), TOKEN("master", "MASTER"), TOKEN("replica", "REPLICA"), \
        TOKEN("pubsub", "PUBSUB")
#define ON_OFF(name)       ONE_OF(name, 0, TOKEN("on", "ON"), TOKEN("off", "OFF"))
#define LEVEL(name, token) OPTIONAL_WITH(name, "string", token)

ROW("ping", .arity = -1, .flags = FLAG_FAST, LOCAL(connection_ping),
    DOCS("connection", "1.0.0", "O(1)", "Answer PONG, or the message."),
    TIPS("request_policy:all_shards response_policy:all_succeeded"),
    ARGUMENTS(VALUE_OF("message", "string", ARGUMENT_OPTIONAL)))

ROW("echo", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE | FLAG_FAST, LOCAL(connection_echo),
    DOCS("connection", "1.0.0", "O(1)", "Answer the message."), ARGUMENTS(STRING("message")))

ROW("quit", .arity = -1, .flags = ENTRY_FLAGS, LOCAL(connection_quit),
    DOCS("connection", "1.0.0", "O(1)", "Close the connection."))

ROW("reset", .arity = 1, .flags = ENTRY_FLAGS, LOCAL(connection_reset),
    DOCS("connection", "6.2.0", "O(1)", "Put the connection back to how it was when it opened."))

ROW("hello", .arity = -1, .flags = ENTRY_FLAGS, LOCAL(connection_hello),
    DOCS("connection", "6.0.0", "O(1)", "Choose the protocol, and authenticate if asked to."),
    ARGUMENTS(BLOCK("arguments", NULL, ARGUMENT_OPTIONAL, INTEGER("protover"),
                    BLOCK("username_password", "AUTH", ARGUMENT_OPTIONAL, STRING("username"),
                          STRING("password")),
                    OPTIONAL_WITH("clientname", "string", "SETNAME"))))

ROW("auth", .arity = -2, .flags = ENTRY_FLAGS, LOCAL(connection_auth),
    DOCS("connection", "1.0.0", "O(1)", "Authenticate the connection."),
    ARGUMENTS(VALUE_OF("username", "string", ARGUMENT_OPTIONAL), STRING("password")))

ROW("select", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE | FLAG_FAST, LOCAL(connection_select),
    DOCS("connection", "1.0.0", "O(1)", "Choose the database; there is only number 0."),
    ARGUMENTS(INTEGER("index")))

ROW("consistency", .arity = -1, .flags = CONNECTION_FLAGS | FLAG_FAST,
    LOCAL(connection_consistency),
    DOCS("connection", "0.1.0", "O(1)",
         "Show or set how many replicas this connection's reads and writes wait for."),
    ARGUMENTS(LEVEL("read-level", "READ"), LEVEL("write-level", "WRITE")))

ROW("client", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("connection", "2.4.0", "Depends on subcommand.", "Ask about and steer connections."))

SUBROW("client|caching", .arity = 3, .flags = CONNECTION_FLAGS, LOCAL(client_caching),
       DOCS("connection", "6.0.0", "O(1)",
            "Let the next command's keys be tracked, or not, in OPTIN and OPTOUT mode."),
       ARGUMENTS(ONE_OF("mode", 0, TOKEN("yes", "YES"), TOKEN("no", "NO"))))

SUBROW("client|getname", .arity = 2, .flags = CONNECTION_FLAGS, LOCAL(client_getname),
       DOCS("connection", "2.6.9", "O(1)", "Answer this connection's name."))

SUBROW("client|getredir", .arity = 2, .flags = CONNECTION_FLAGS, LOCAL(client_getredir),
       DOCS("connection", "6.0.0", "O(1)",
            "Answer which connection is told of this one's keys, 0 or -1."))

SUBROW("client|help", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE, LOCAL(introspect_help),
       DOCS("connection", "5.0.0", "O(1)", "Show what CLIENT can do."))

SUBROW("client|id", .arity = 2, .flags = CONNECTION_FLAGS, LOCAL(client_id),
       DOCS("connection", "5.0.0", "O(1)", "Answer this connection's number."))

SUBROW("client|info", .arity = 2, .flags = CONNECTION_FLAGS, LOCAL(client_info),
       DOCS("connection", "6.2.0", "O(1)", "Describe this connection."),
       TIPS("nondeterministic_output"))

SUBROW("client|kill", .arity = -3, .flags = CONNECTION_FLAGS | FLAG_ADMIN, LOCAL(client_kill),
       DOCS("connection", "2.4.0", "O(N) with N connections", "Close connections of this node."),
       ARGUMENTS(ONE_OF(
           "filter", 0, STRING("old-format"),
           BLOCK("new-format", NULL, ARGUMENT_MULTIPLE, OPTIONAL_WITH("client-id", "integer", "ID"),
                 {"client-type", "oneof", "TYPE", ARGUMENT_OPTIONAL, ARGUMENT_LIST(CLIENT_TYPE)},
                 OPTIONAL_WITH("username", "string", "USER"),
                 OPTIONAL_WITH("addr", "string", "ADDR"), OPTIONAL_WITH("laddr", "string", "LADDR"),
                 {"skipme", "oneof", "SKIPME", ARGUMENT_OPTIONAL,
                  ARGUMENT_LIST(TOKEN("yes", "YES"), TOKEN("no", "NO"))},
                 OPTIONAL_WITH("maxage", "integer", "MAXAGE")))))

SUBROW("client|list", .arity = -2, .flags = CONNECTION_FLAGS | FLAG_ADMIN, LOCAL(client_list),
       DOCS("connection", "2.4.0", "O(N) with N connections", "Describe this node's connections."),
       TIPS("nondeterministic_output"),
       ARGUMENTS({"client-type", "oneof", "TYPE", ARGUMENT_OPTIONAL, ARGUMENT_LIST(CLIENT_TYPE)},
                 BLOCK("id", "ID", ARGUMENT_OPTIONAL,
                       VALUE_OF("client-id", "integer", ARGUMENT_MULTIPLE))))

SUBROW("client|no-evict", .arity = 3, .flags = CONNECTION_FLAGS | FLAG_ADMIN,
       LOCAL(client_no_evict),
       DOCS("connection", "7.0.0", "O(1)", "Keep this connection when memory runs short."),
       ARGUMENTS(ON_OFF("enabled")))

SUBROW("client|no-touch", .arity = 3, .flags = CONNECTION_FLAGS, LOCAL(client_no_touch),
       DOCS("connection", "7.2.0", "O(1)", "Let this connection's reads not count as use."),
       ARGUMENTS(ON_OFF("enabled")))

SUBROW("client|pause", .arity = -3, .flags = CONNECTION_FLAGS | FLAG_ADMIN, LOCAL(client_pause),
       DOCS("connection", "2.9.50", "O(1)",
            "Begin no command of this node's clients for some time, or none that writes."),
       ARGUMENTS(INTEGER("timeout"),
                 ONE_OF("mode", ARGUMENT_OPTIONAL, TOKEN("write", "WRITE"), TOKEN("all", "ALL"))))

SUBROW("client|reply", .arity = 3, .flags = CONNECTION_FLAGS, LOCAL(client_reply),
       DOCS("connection", "3.2.0", "O(1)", "Choose which replies this connection gets."),
       ARGUMENTS(ONE_OF("on_off_skip", 0, TOKEN("on", "ON"), TOKEN("off", "OFF"),
                        TOKEN("skip", "SKIP"))))

SUBROW("client|setinfo", .arity = 4, .flags = CONNECTION_FLAGS, LOCAL(client_setinfo),
       DOCS("connection", "7.2.0", "O(1)", "Tell which client library is at the other end."),
       ARGUMENTS(ONE_OF("attr", 0, TOKEN_WITH("libname", "string", "LIB-NAME"),
                        TOKEN_WITH("libver", "string", "LIB-VER"))))

SUBROW("client|setname", .arity = 3, .flags = CONNECTION_FLAGS, LOCAL(client_setname),
       DOCS("connection", "2.6.9", "O(1)", "Name this connection."),
       ARGUMENTS(STRING("connection-name")))

SUBROW("client|tracking", .arity = -3, .flags = CONNECTION_FLAGS, LOCAL(client_tracking),
       DOCS("connection", "6.0.0", "O(1). Some options may introduce additional complexity.",
            "Tell this connection when keys change that it has read."),
       ARGUMENTS(ONE_OF("status", 0, TOKEN("on", "ON"), TOKEN("off", "OFF")),
                 OPTIONAL_WITH("client-id", "integer", "REDIRECT"),
                 {"prefix", "string", "PREFIX",
                  ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE | ARGUMENT_MULTIPLE_TOKEN, NULL},
                 TOKEN_OPTIONAL("bcast", "BCAST"), TOKEN_OPTIONAL("optin", "OPTIN"),
                 TOKEN_OPTIONAL("optout", "OPTOUT"), TOKEN_OPTIONAL("noloop", "NOLOOP")))

SUBROW("client|trackinginfo", .arity = 2, .flags = CONNECTION_FLAGS, LOCAL(client_trackinginfo),
       DOCS("connection", "6.2.0", "O(1)", "Describe how this connection tracks."))

SUBROW("client|unblock", .arity = -3, .flags = CONNECTION_FLAGS | FLAG_ADMIN, LOCAL(client_unblock),
       DOCS("connection", "5.0.0", "O(N) with N connections",
            "Let the WAIT of another connection answer at once."),
       ARGUMENTS(INTEGER("client-id"),
                 ONE_OF("timeout_error", ARGUMENT_OPTIONAL, TOKEN("timeout", "TIMEOUT"),
                        TOKEN("error", "ERROR"))))

SUBROW("client|unpause", .arity = 2, .flags = CONNECTION_FLAGS | FLAG_ADMIN, LOCAL(client_unpause),
       DOCS("connection", "6.2.0", "O(N) with N connections", "End a CLIENT PAUSE."))

#undef CONNECTION_FLAGS
#undef ENTRY_FLAGS
#undef CLIENT_TYPE
#undef ON_OFF
#undef LEVEL
