/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): messages. A shard channel has a slot, by which a
 * cluster-aware client chooses the node that it goes to; here any node will do.
 */
#define LISTEN_FLAGS (FLAG_PUBSUB | FLAG_NOSCRIPT | FLAG_LOADING | FLAG_STALE)
#define SEND_FLAGS   (FLAG_PUBSUB | FLAG_LOADING | FLAG_STALE | FLAG_FAST)
#define ASK_FLAGS    (FLAG_PUBSUB | FLAG_LOADING | FLAG_STALE)

ROW("subscribe", .arity = -2, .flags = LISTEN_FLAGS, .prepare = pubsub_prepare_subscribe,
    LOCAL(pubsub_subscribe),
    DOCS("pubsub", "2.0.0", "O(N) with N channels",
         "Listen to channels, whichever node messages come through."),
    ARGUMENTS(VALUE_OF("channel", "string", ARGUMENT_MULTIPLE)))

ROW("unsubscribe", .arity = -1, .flags = LISTEN_FLAGS, LOCAL(pubsub_unsubscribe),
    DOCS("pubsub", "2.0.0", "O(N) with N channels", "Listen to channels no more, or to none."),
    ARGUMENTS(VALUE_OF("channel", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

ROW("psubscribe", .arity = -2, .flags = LISTEN_FLAGS, .prepare = pubsub_prepare_subscribe,
    LOCAL(pubsub_psubscribe),
    DOCS("pubsub", "2.0.0", "O(N) with N patterns", "Listen to all channels that match patterns."),
    ARGUMENTS(VALUE_OF("pattern", "pattern", ARGUMENT_MULTIPLE)))

ROW("punsubscribe", .arity = -1, .flags = LISTEN_FLAGS, LOCAL(pubsub_punsubscribe),
    DOCS("pubsub", "2.0.0", "O(N) with N patterns", "Listen by patterns no more, or by none."),
    ARGUMENTS(VALUE_OF("pattern", "pattern", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

ROW("ssubscribe", .arity = -2, .flags = LISTEN_FLAGS, KEYS(1, -1, 1, "not_key"),
    .prepare = pubsub_prepare_subscribe, LOCAL(pubsub_ssubscribe),
    DOCS("pubsub", "7.0.0", "O(N) with N channels", "Listen to shard channels, through any node."),
    ARGUMENTS(VALUE_OF("shardchannel", "string", ARGUMENT_MULTIPLE)))

ROW("sunsubscribe", .arity = -1, .flags = LISTEN_FLAGS, KEYS(1, -1, 1, "not_key"),
    LOCAL(pubsub_sunsubscribe),
    DOCS("pubsub", "7.0.0", "O(N) with N channels",
         "Listen to shard channels no more, or to none."),
    ARGUMENTS(VALUE_OF("shardchannel", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

ROW("publish", .arity = 3, .flags = SEND_FLAGS, CLUSTER,
    DOCS("pubsub", "2.0.0", "O(N) with N nodes, patterns and receivers",
         "Send a message to all who listen to a channel, at any node."),
    ARGUMENTS(STRING("channel"), STRING("message")))

ROW("spublish", .arity = 3, .flags = SEND_FLAGS, KEYS(1, 1, 1, "not_key"), CLUSTER,
    DOCS("pubsub", "7.0.0", "O(N) with N nodes and receivers",
         "Send a message to all who listen to a shard channel, at any node."),
    ARGUMENTS(STRING("shardchannel"), STRING("message")))

ROW("pubsub", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("pubsub", "2.8.0", "Depends on subcommand.", "Ask who listens to what, at any node."))

SUBROW("pubsub|channels", .arity = -2, .flags = ASK_FLAGS, .prepare = pubsub_prepare_channels,
       CLUSTER,
       DOCS("pubsub", "2.8.0", "O(N) with N channels",
            "Answer the channels that somebody listens to."),
       ARGUMENTS(VALUE_OF("pattern", "pattern", ARGUMENT_OPTIONAL)))

SUBROW("pubsub|help", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE, LOCAL(introspect_help),
       DOCS("pubsub", "6.2.0", "O(1)", "Show what PUBSUB can do."))

SUBROW("pubsub|numpat", .arity = 2, .flags = ASK_FLAGS, CLUSTER,
       DOCS("pubsub", "2.8.0", "O(N) with N patterns",
            "Answer how many patterns somebody listens by."))

SUBROW("pubsub|numsub", .arity = -2, .flags = ASK_FLAGS, CLUSTER,
       DOCS("pubsub", "2.8.0", "O(N) with N channels", "Answer how many listen to channels."),
       ARGUMENTS(VALUE_OF("channel", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

SUBROW("pubsub|shardchannels", .arity = -2, .flags = ASK_FLAGS, .prepare = pubsub_prepare_channels,
       CLUSTER,
       DOCS("pubsub", "7.0.0", "O(N) with N channels",
            "Answer the shard channels that somebody listens to."),
       ARGUMENTS(VALUE_OF("pattern", "pattern", ARGUMENT_OPTIONAL)))

SUBROW("pubsub|shardnumsub", .arity = -2, .flags = ASK_FLAGS, CLUSTER,
       DOCS("pubsub", "7.0.0", "O(N) with N channels", "Answer how many listen to shard channels."),
       ARGUMENTS(VALUE_OF("shardchannel", "string", ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE)))

#undef LISTEN_FLAGS
#undef SEND_FLAGS
#undef ASK_FLAGS
