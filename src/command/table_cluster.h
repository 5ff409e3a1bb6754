/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): what Redis Cluster's clients ask of a cluster.
 */
#define REFUSED_FLAGS (FLAG_ADMIN | FLAG_STALE | FLAG_NO_ASYNC_LOADING)

ROW("cluster", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("cluster", "3.0.0", "Depends on subcommand.", "Ask about the nodes and their slots."))

SUBROW("cluster|count-failure-reports", .arity = 3, .flags = FLAG_ADMIN | FLAG_STALE,
       LOCAL(cluster_count_failure_reports),
       DOCS("cluster", "3.0.0", "O(N) with N nodes",
            "Answer how many nodes report a node as failing: this one, or none."),
       TIPS("nondeterministic_output"), ARGUMENTS(STRING("node-id")))

SUBROW("cluster|countkeysinslot", .arity = 3, .flags = FLAG_STALE, CLUSTER,
       .prepare = scan_prepare_slot,
       DOCS("cluster", "3.0.0", "O(N) with N keys of the partition",
            "Answer how many keys of a slot this node keeps."),
       ARGUMENTS(INTEGER("slot")))

SUBROW("cluster|getkeysinslot", .arity = 4, .flags = FLAG_STALE, CLUSTER,
       .prepare = scan_prepare_slot,
       DOCS("cluster", "3.0.0", "O(N) with N keys of the partition",
            "Answer keys of a slot that this node keeps."),
       TIPS("nondeterministic_output"), ARGUMENTS(INTEGER("slot"), INTEGER("count")))

SUBROW("cluster|help", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE, LOCAL(introspect_help),
       DOCS("cluster", "5.0.0", "O(1)", "Show what CLUSTER can do."))

SUBROW("cluster|info", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_info),
       DOCS("cluster", "3.0.0", "O(N) with N nodes", "Describe the cluster as this node sees it."),
       TIPS("nondeterministic_output"))

SUBROW("cluster|keyslot", .arity = 3, .flags = FLAG_STALE, LOCAL(cluster_keyslot),
       DOCS("cluster", "3.0.0", "O(N) with N bytes", "Answer the slot of a key."),
       ARGUMENTS(STRING("key")))

SUBROW("cluster|links", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_links),
       DOCS("cluster", "7.0.0", "O(N) with N nodes",
            "List the connections with other nodes that this connection's worker has."),
       TIPS("nondeterministic_output"))

SUBROW("cluster|myid", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_myid),
       DOCS("cluster", "3.0.0", "O(1)", "Answer this node's identity."))

SUBROW("cluster|nodes", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_nodes),
       DOCS("cluster", "3.0.0", "O(N) with N partitions", "List the nodes and their slots."),
       TIPS("nondeterministic_output"))

SUBROW("cluster|replicas", .arity = 3, .flags = FLAG_ADMIN | FLAG_STALE, LOCAL(cluster_replicas),
       DOCS("cluster", "5.0.0", "O(N) with N nodes",
            "List the replicas of a node: none, for every node is a master."),
       TIPS("nondeterministic_output"), ARGUMENTS(STRING("node-id")))

SUBROW("cluster|saveconfig", .arity = 2, .flags = FLAG_ADMIN | FLAG_STALE | FLAG_NO_ASYNC_LOADING,
       LOCAL(cluster_saveconfig),
       DOCS("cluster", "3.0.0", "O(1)", "Do nothing: a ring is on disk before it holds."))

SUBROW("cluster|shards", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_shards),
       DOCS("cluster", "7.0.0", "O(N) with N partitions",
            "List the nodes, each with the slots that it is the primary of."),
       TIPS("nondeterministic_output"))

SUBROW("cluster|slaves", .arity = 3, .flags = FLAG_ADMIN | FLAG_STALE, LOCAL(cluster_replicas),
       DOCS("cluster", "3.0.0", "O(N) with N nodes",
            "List the replicas of a node: none, for every node is a master."),
       TIPS("nondeterministic_output"), ARGUMENTS(STRING("node-id")))

SUBROW("cluster|slots", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_slots),
       DOCS("cluster", "3.0.0", "O(N) with N partitions",
            "List the slots, each run with the nodes that keep it."),
       TIPS("nondeterministic_output"))

SUBROW("cluster|addslots", .arity = -3, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(VALUE_OF("slot", "integer", ARGUMENT_MULTIPLE)))

SUBROW("cluster|addslotsrange", .arity = -4, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "7.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(BLOCK("start-slot_end-slot", NULL, ARGUMENT_MULTIPLE, INTEGER("start-slot"),
                       INTEGER("end-slot"))))

SUBROW("cluster|bumpepoch", .arity = 2, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       TIPS("nondeterministic_output"))

SUBROW("cluster|delslots", .arity = -3, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(VALUE_OF("slot", "integer", ARGUMENT_MULTIPLE)))

SUBROW("cluster|delslotsrange", .arity = -4, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "7.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(BLOCK("start-slot_end-slot", NULL, ARGUMENT_MULTIPLE, INTEGER("start-slot"),
                       INTEGER("end-slot"))))

SUBROW("cluster|failover", .arity = -2, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(ONE_OF("options", ARGUMENT_OPTIONAL, TOKEN("force", "FORCE"),
                        TOKEN("takeover", "TAKEOVER"))))

SUBROW("cluster|flushslots", .arity = 2, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."))

SUBROW("cluster|forget", .arity = 3, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(STRING("node-id")))

SUBROW("cluster|meet", .arity = -4, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(STRING("ip"), INTEGER("port"),
                 VALUE_OF("cluster-bus-port", "integer", ARGUMENT_OPTIONAL)))

SUBROW("cluster|replicate", .arity = 3, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(STRING("node-id")))

SUBROW("cluster|reset", .arity = -2, .flags = FLAG_ADMIN | FLAG_NOSCRIPT | FLAG_STALE,
       LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(ONE_OF("hard_soft", ARGUMENT_OPTIONAL, TOKEN("hard", "HARD"),
                        TOKEN("soft", "SOFT"))))

SUBROW("cluster|set-config-epoch", .arity = 3, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(INTEGER("config-epoch")))

SUBROW("cluster|setslot", .arity = -4, .flags = REFUSED_FLAGS, LOCAL(refused_run),
       DOCS("cluster", "3.0.0", "O(1)", "Refuse: the ring is formed with RING INIT."),
       ARGUMENTS(INTEGER("slot"), STRING("subcommand")))

ROW("readonly", .arity = 1, .flags = FLAG_LOADING | FLAG_STALE | FLAG_FAST, LOCAL(connection_ok),
    DOCS("cluster", "3.0.0", "O(1)", "Do nothing: every node serves reads of every key."),
    CATEGORIES("connection"))

ROW("readwrite", .arity = 1, .flags = FLAG_LOADING | FLAG_STALE | FLAG_FAST, LOCAL(connection_ok),
    DOCS("cluster", "3.0.0", "O(1)", "Do nothing: every node serves writes of every key."),
    CATEGORIES("connection"))

ROW("asking", .arity = 1, .flags = FLAG_FAST, LOCAL(connection_ok),
    DOCS("cluster", "3.0.0", "O(1)", "Do nothing: no slot is ever half way to another node."),
    CATEGORIES("connection"))

#undef REFUSED_FLAGS
