/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a node counts. INFO, the exported metrics and the manual of them are made from these rows.
 *
 *   METRIC(NAME, "name", COUNTER or GAUGE, "unit", "help")
 *   METRIC_LATENCY(NAME, "name", "help")      a histogram of microseconds
 *
 * A counter only grows, until CONFIG RESETSTAT; a gauge goes up and down, and no reset touches it.
 * Included by whoever defines the two, once for each use; both are undefined at the end.
 */
/* clang-format off */

METRIC(CONNECTIONS, "connected_clients", GAUGE, "connections", "Clients connected now")
METRIC(BLOCKED_CLIENTS, "blocked_clients", GAUGE, "connections", "Clients in a WAIT now")
METRIC(TRACKING_CLIENTS, "tracking_clients", GAUGE, "connections",
       "Clients that are told when what they read changes")
METRIC(TRACKING_KEYS, "tracking_total_keys", GAUGE, "keys",
       "Keys of which such clients are to be told, counted once a worker")
METRIC(TRACKING_ITEMS, "tracking_total_items", GAUGE, "pairs",
       "Such keys, counted once a client")
METRIC(TRACKING_PREFIXES, "tracking_total_prefixes", GAUGE, "prefixes",
       "Prefixes of keys of which such clients are to be told, counted once a worker")
METRIC(CONNECTIONS_RECEIVED, "total_connections_received", COUNTER, "connections",
       "Client connections accepted")
METRIC(CONNECTIONS_REJECTED, "rejected_connections", COUNTER, "connections",
       "Client connections closed because maxclients was reached or the mode is protected")
METRIC(CLIENT_LIMIT_CLOSES, "client_limit_closes", COUNTER, "connections",
       "Clients closed at the bound of their input or output buffer")
METRIC(CLIENT_LIMIT_STOPS, "client_limit_stops", COUNTER, "times",
       "Clients whose commands had to wait until they had read their output")
METRIC(CLIENT_RESTS, "client_rests", COUNTER, "turns",
       "Turns at whose end as many requests waited for other nodes as may at once, and clients' next "
       "commands waited with them")
METRIC(COMMANDS, "total_commands_processed", COUNTER, "commands", "Commands executed for clients")
METRIC(ERRORS, "total_error_replies", COUNTER, "replies", "Commands answered with an error")
METRIC(PROTOCOL_ERRORS, "protocol_errors", COUNTER, "errors",
       "Connections closed because what they sent is no RESP")
METRIC(KEYSPACE_HITS, "keyspace_hits", COUNTER, "keys", "Reads that found their key")
METRIC(KEYSPACE_MISSES, "keyspace_misses", COUNTER, "keys", "Reads that did not find their key")
METRIC(EXPIRED_KEYS, "expired_keys", COUNTER, "keys", "Keys dropped at their deadline")
METRIC(EVICTED_KEYS, "evicted_keys", COUNTER, "keys", "Keys dropped for want of memory")
METRIC(CLIENT_BYTES, "mem_clients_normal", GAUGE, "bytes",
       "Memory of clients' connections and of requests")
METRIC(LINK_BYTES, "mem_cluster_links", GAUGE, "bytes", "Memory of links to and from other nodes")
METRIC(OOM_REFUSALS, "oom_refusals", COUNTER, "writes", "Writes refused at maxmemory")
METRIC(MESSAGES_DELIVERED, "messages_delivered", COUNTER, "messages",
       "Published messages given to this node's clients")
METRIC(MESSAGES_LOST, "messages_lost", COUNTER, "messages",
       "Published messages that did not go to a node, or to a worker, which had no room for them or "
       "could not be reached")
METRIC(NET_INPUT_BYTES, "total_net_input_bytes", COUNTER, "bytes", "Bytes read from clients")
METRIC(NET_OUTPUT_BYTES, "total_net_output_bytes", COUNTER, "bytes", "Bytes written to clients")

METRIC(REQUESTS_FORWARDED, "requests_forwarded", COUNTER, "requests",
       "Requests sent on to a replica of their key")
METRIC(READS_COORDINATED, "reads_coordinated", COUNTER, "requests",
       "Reads for which this node asked other replicas")
METRIC(WRITES_COORDINATED, "writes_coordinated", COUNTER, "requests",
       "Writes that this node sent to other replicas")
METRIC(QUORUM_FAILURES, "quorum_failures", COUNTER, "requests",
       "Requests that too few replicas answered")
METRIC(TIMEOUTS, "timeouts", COUNTER, "requests", "Requests that were answered by their deadline")
METRIC(CEILING_RESTS, "ceiling_rests", COUNTER, "rests",
       "Rests of a few ms that writes took until this node's ceiling had risen")
METRIC(RESTAMPS, "restamps", COUNTER, "writes",
       "Writes stamped again because a replica knew a newer version (NEWER)")
METRIC(DIVERGENCES, "divergences", COUNTER, "versions",
       "Versions met that had been written without knowledge of each other")
METRIC(CLAIM_REFUSALS, "claim_refusals", COUNTER, "messages",
       "Peer requests refused because they went by another claim version")

METRIC(READ_REPAIRS, "read_repairs", COUNTER, "versions",
       "Versions sent to replicas that a read found stale")
METRIC(SECOND_LOOKS, "second_looks", COUNTER, "questions",
       "Replicas asked again in a read because another had nothing")
METRIC(HINTS, "hints", GAUGE, "hints", "Writes kept now for replicas that have not answered")
METRIC(HINT_BYTES, "hint_bytes", GAUGE, "bytes", "Memory of those")
METRIC(HINTS_KEPT, "hints_kept", COUNTER, "hints", "Writes kept for a replica")
METRIC(HINTS_DELIVERED, "hints_delivered", COUNTER, "hints", "Kept writes that the replica has now")
METRIC(HINTS_DROPPED, "hints_dropped", COUNTER, "hints",
       "Kept writes given up, by age or for want of room; the replica forgets and fetches anew")
METRIC(RECOVERED_PARTITIONS, "recovered_partitions", COUNTER, "partitions",
       "Partitions fetched anew after this node forgot them")
METRIC(RECOVERED_KEYS, "recovered_keys", COUNTER, "keys", "Keys taken over in that")
METRIC(RECOVERY_BYTES, "recovery_bytes", COUNTER, "bytes", "Bytes fetched for that")
METRIC(FORCED_RECOVERIES, "forced_recoveries", COUNTER, "partitions",
       "Partitions recovered from too few voters: acknowledged writes may be missing")
METRIC(COMPARISONS, "comparisons", COUNTER, "partitions",
       "Partitions whose replicas were compared (anti-entropy)")
METRIC(COMPARISON_REPAIRS, "comparison_repairs", COUNTER, "versions",
       "Versions that a comparison found missing or stale at a replica")

METRIC(PEERS_CONNECTED, "peers_connected", GAUGE, "connections", "Peer links that are up now")
METRIC(PEER_MESSAGES_IN, "peer_messages_in", COUNTER, "messages", "Messages from peers")
METRIC(PEER_MESSAGES_OUT, "peer_messages_out", COUNTER, "messages", "Messages to peers")
METRIC(PEER_BYTES_IN, "peer_bytes_in", COUNTER, "bytes", "Bytes read from peers")
METRIC(PEER_BYTES_OUT, "peer_bytes_out", COUNTER, "bytes", "Bytes written to peers")
METRIC(PEER_QUEUE_REFUSALS, "peer_queue_refusals", COUNTER, "messages",
       "Messages not sent because the peer's queue was full")
METRIC(PEER_PROTOCOL_ERRORS, "peer_protocol_errors", COUNTER, "errors",
       "Peer links closed, and datagrams dropped, because of what they held")
METRIC(CIRCUIT_OPENS, "circuit_opens", COUNTER, "events",
       "Times that the circuit breaker of a peer opened")

METRIC(LONG_TURNS, "long_turns", COUNTER, "turns",
       "Turns of a worker's loop that took over 1 ms of its thread's CPU time")

METRIC_LATENCY(TURN_TIME, "turn",
               "A turn of a worker's loop: the wall clock's time up to 1 ms, above it CPU time")
METRIC_LATENCY(READ_LATENCY, "read_latency",
               "From a read's last byte in to its answer, reads that asked other replicas")
METRIC_LATENCY(WRITE_LATENCY, "write_latency",
               "From a write's last byte in to its answer, writes that went to other replicas")
METRIC_LATENCY(PEER_LATENCY, "peer_latency", "From a question to a peer to its answer")

/* clang-format on */
#undef METRIC
#undef METRIC_LATENCY
