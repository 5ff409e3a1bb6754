/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of the table of commands (command/table.h): what Redis Cluster's clients ask of a cluster.
 */
ROW("cluster", .arity = -2, .flags = 0, LOCAL(introspect_container),
    DOCS("cluster", "3.0.0", "Depends on subcommand.", "Ask about the nodes and their slots."))

SUBROW("cluster|countkeysinslot", .arity = 3, .flags = FLAG_STALE, CLUSTER,
       .prepare = scan_prepare_slot,
       DOCS("cluster", "3.0.0", "O(N) with N keys of the partition",
            "Answer how many keys of a slot this node keeps."),
       ARGUMENTS(INTEGER("slot")))

SUBROW("cluster|getkeysinslot", .arity = 4, .flags = FLAG_STALE, CLUSTER,
       .prepare = scan_prepare_slot,
       DOCS("cluster", "3.0.0", "O(N) with N keys of the partition",
            "Answer keys of a slot that this node keeps."),
       ARGUMENTS(INTEGER("slot"), INTEGER("count")))

SUBROW("cluster|help", .arity = 2, .flags = FLAG_LOADING | FLAG_STALE, LOCAL(introspect_help),
       DOCS("cluster", "5.0.0", "O(1)", "Show what CLUSTER can do."))

SUBROW("cluster|info", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_info),
       DOCS("cluster", "3.0.0", "O(N) with N nodes", "Describe the cluster as this node sees it."))

SUBROW("cluster|keyslot", .arity = 3, .flags = FLAG_STALE, LOCAL(cluster_keyslot),
       DOCS("cluster", "3.0.0", "O(N) with N bytes", "Answer the slot of a key."),
       ARGUMENTS(STRING("key")))

SUBROW("cluster|myid", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_myid),
       DOCS("cluster", "3.0.0", "O(1)", "Answer this node's identity."))

SUBROW("cluster|nodes", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_nodes),
       DOCS("cluster", "3.0.0", "O(N) with N partitions", "List the nodes and their slots."))

SUBROW("cluster|shards", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_shards),
       DOCS("cluster", "7.0.0", "O(N) with N partitions",
            "List the nodes, each with the slots that it is the primary of."))

SUBROW("cluster|slots", .arity = 2, .flags = FLAG_STALE, LOCAL(cluster_slots),
       DOCS("cluster", "3.0.0", "O(N) with N partitions",
            "List the slots, each run with the nodes that keep it."))
