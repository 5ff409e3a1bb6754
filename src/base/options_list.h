/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The directives. One row says all there is to say of one: the fields of struct options, the
 * parser, its errors, CONFIG GET, SET and REWRITE, --help, dunlin.conf and the manual are made from
 * it.
 *
 *   OPTION_HEADING(title)                    the rows that follow belong together
 *   OPTION(field, name, kind, initial, min, max, change, show, form, text)
 *
 *   kind     see enum option_kind; it gives the field its C type (base/options.h)
 *   initial  the value without a directive, without quotes
 *   min, max of a number: its range; of a text: its length in bytes; of a list: its items
 *   change   LIVE: CONFIG SET changes it, at once; FIXED: it holds from start to end
 *   show     SECRET: its value stands in no log and no error text
 *   form     the value's form for manuals; of a CHOICE its words, in the order of its numbers.
 *            NULL: what the kind says
 *   text     what it does and what it costs, in sentences; the first stands alone in --help
 *
 * Included by whoever defines OPTION and OPTION_HEADING, once for each use; both are undefined at
 * the end.
 */
/* clang-format off */
#define MB (INT64_C(1) << 20)
#define GB (INT64_C(1) << 30)

OPTION_HEADING("Network")

OPTION(bind, "bind", WORDS, "127.0.0.1", 1, 16, FIXED, PLAIN, "address ...",
       "The addresses to listen on, for clients, for peers and for gossip. \"*\" and \"::*\" stand for "
       "all of IPv4 and of IPv6; a minus before an address lets the server start without it. The "
       "default reaches this machine only: before opening more, set requirepass and cluster-secret, "
       "or anyone who reaches the port owns the data.")

OPTION(port, "port", INTEGER, "6379", 1, 55535, FIXED, PLAIN, NULL,
       "The port for clients (TCP). Other nodes use port + 10000: peer messages over TCP, gossip over "
       "UDP. That is where cluster-aware Redis clients and tools expect it.")

OPTION(protected_mode, "protected-mode", YES_NO, "yes", 0, 0, LIVE, PLAIN, NULL,
       "Whether to refuse clients from other machines as long as requirepass is empty, and nodes of "
       "other machines as long as cluster-secret is. Turning it off without a password and a secret "
       "opens the cache to everyone who can reach the ports.")

OPTION(requirepass, "requirepass", TEXT, "", 0, 512, LIVE, SECRET, "password",
       "The password that clients give with AUTH or HELLO; empty asks for none. A client can try many "
       "passwords a second, so make it long. Connections that are authenticated stay so when it "
       "changes.")

OPTION(maxclients, "maxclients", INTEGER, "10000", 1, 1000000, LIVE, PLAIN, NULL,
       "How many clients may be connected at once; one more is told so and closed. Each takes a file "
       "descriptor and some kilobytes. When the system's limit on open files is lower, that counts.")

OPTION(timeout, "timeout", SECONDS, "0", 0, INT32_MAX, LIVE, PLAIN, NULL,
       "Close a client that has been silent for this long; 0 never does. A low value frees what "
       "forgotten connections hold, and costs clients with idle pools a reconnect.")

OPTION(tcp_keepalive, "tcp-keepalive", SECONDS, "300", 0, INT32_MAX, LIVE, PLAIN, NULL,
       "Ask the other end of a silent connection for a sign of life this often; 0 never does. It "
       "finds dead peers and keeps middleboxes from forgetting the connection, for a packet each time.")

OPTION(tcp_backlog, "tcp-backlog", INTEGER, "511", 1, 65535, FIXED, PLAIN, NULL,
       "How many connections may wait to be accepted. The system cuts it to net.core.somaxconn. Too "
       "low, and a burst of new clients sees connections refused or delayed by seconds.")

OPTION(threads, "threads", INTEGER, "0", 0, 256, FIXED, PLAIN, NULL,
       "How many workers serve clients; 0 means one for each core. Each has its own connections and "
       "its own link to every other node, so more workers than cores only cost memory and switches.")

OPTION_HEADING("Limits")

OPTION(maxmemory, "maxmemory", BYTES, "0", 0, INT64_MAX, LIVE, PLAIN, NULL,
       "The bound on memory for data, hints and the buffers of connections; 0 sets none. At the bound "
       "maxmemory-policy decides. What the process takes in all is some percent more, so leave room.")

OPTION(maxmemory_policy, "maxmemory-policy", CHOICE, "noeviction", 0, 0, LIVE, PLAIN,
       "noeviction|allkeys-clock",
       "What happens at maxmemory. noeviction refuses writes that need memory with Redis' OOM error; "
       "reads and deletes go on. allkeys-clock drops keys that were not used lately (CLOCK, a second "
       "chance for each). Every node drops for itself: what one drops, others may still have.")

OPTION(proto_max_bulk_len, "proto-max-bulk-len", BYTES, "512mb", MB, 512 * MB, LIVE, PLAIN, NULL,
       "The longest key or value that a client may send. A lower bound protects a small node from one "
       "large request; it must be at least 1mb below peer-frame-max.")

OPTION(client_query_buffer_limit, "client-query-buffer-limit", BYTES, "1gb", MB, INT64_MAX, LIVE,
       PLAIN, NULL,
       "How much of one client's input may wait to be executed; a client past it is closed. One "
       "command of very many or very large arguments is what meets it.")

OPTION(client_output_buffer_limit, "client-output-buffer-limit", OUTPUT_LIMITS,
       "normal 256mb 64mb 60 replica 256mb 64mb 60 pubsub 32mb 8mb 60", 0, 0, LIVE, PLAIN,
       "normal|replica|pubsub hard soft seconds ...",
       "Close a client whose unread answers take more than the hard limit, or more than the soft limit "
       "for that many seconds; 0 lifts a limit. Over the soft limit no further command of it is begun "
       "until it has read, so only one very large answer goes past it. A client that subscribes is of the "
       "class pubsub, any other normal, one that monitors included; replica is accepted, and no client is "
       "one. A class that is not named stays as it was. Redis lifts both limits for ordinary clients: one "
       "that never reads can then take all memory.")

OPTION(tracking_table_max_keys, "tracking-table-max-keys", INTEGER, "1000000", 0, INT64_MAX, LIVE,
       PLAIN, NULL,
       "Of how many keys the node remembers which clients have read them (CLIENT TRACKING); 0 sets no "
       "bound. Past it keys are forgotten, and whoever has read them is told as if they had changed.")

OPTION(request_timeout_ms, "request-timeout-ms", MILLISECONDS, "500", 1, 600000, LIVE, PLAIN, NULL,
       "How long a request may wait for other nodes before it is answered with an error. Shorter, and "
       "a pause of a peer shows as errors; longer, and clients wait for it. A peer that has said "
       "nothing for so long is left out until it is heard. The same on all nodes: one that recovers "
       "waits so long for what the others have in flight.")

OPTION(peer_queue_bytes, "peer-queue-bytes", BYTES, "64mb", MB, INT64_MAX, LIVE, PLAIN, NULL,
       "The bound on what waits to be sent to one peer, for each worker. At the bound, requests that "
       "need the peer do without it at once. One frame of any size fits an empty queue. Larger rides "
       "out longer pauses, for memory.")

OPTION(peer_frame_max, "peer-frame-max", BYTES, "600mb", 2 * MB, 2 * GB, FIXED, PLAIN, NULL,
       "The longest frame taken from a peer; one that announces more is cut off. It must be the same "
       "on all nodes, and at least 1mb over proto-max-bulk-len. A key and a value that do not fit it "
       "together do not reach other nodes.")

OPTION(lua_time_limit, "lua-time-limit", MILLISECONDS, "5000", 1, 600000, LIVE, PLAIN, NULL,
       "How long a script may run; then it is ended with an error, and what it did to the keys of its "
       "partition is dropped. Other clients are served meanwhile, and SCRIPT KILL ends it sooner. Its "
       "reads and its writes have the time of a request each, beside that.")

OPTION(script_memory_limit, "script-memory-limit", BYTES, "64mb", MB, 4 * GB, LIVE, PLAIN, NULL,
       "The memory that a script may have; one that needs more is ended with an error. A worker may "
       "have 16 scripts at once, so that many times as much is the most. What they have counts for "
       "maxmemory.")

OPTION_HEADING("General")

OPTION(dir, "dir", TEXT, "./", 1, 4000, FIXED, PLAIN, "folder",
       "Where the node keeps what must survive a restart: its identity, the ring, its ceiling of "
       "versions; no data. Two servers never share one. A node that starts without it is a new node.")

OPTION(daemonize, "daemonize", YES_NO, "no", 0, 0, FIXED, PLAIN, NULL,
       "Whether to leave the terminal and go on in the background. Under systemd leave it off.")

OPTION(pidfile, "pidfile", TEXT, "", 0, 4000, FIXED, PLAIN, "file",
       "A file that holds the process number while the server runs; empty writes none.")

OPTION(loglevel, "loglevel", CHOICE, "notice", 0, 0, LIVE, PLAIN, "debug|verbose|notice|warning",
       "The least that is logged. notice is for production; verbose adds exchanges between "
       "nodes that failed, debug each datagram that was dropped.")

OPTION(logfile, "logfile", TEXT, "", 0, 4000, FIXED, PLAIN, "file",
       "The file that log lines are appended to; empty means standard output, or nowhere when "
       "daemonized.")

OPTION(slowlog_log_slower_than, "slowlog-log-slower-than", INTEGER, "10000", -1, INT64_MAX, LIVE,
       PLAIN, "microseconds",
       "SLOWLOG keeps the requests of clients that took longer, waits for other nodes included; 0 keeps "
       "all, -1 none. What begins and ends within one turn of its worker counts as 0.")

OPTION(slowlog_max_len, "slowlog-max-len", INTEGER, "128", 0, 1000000, LIVE, PLAIN, NULL,
       "How many requests SLOWLOG keeps, the last ones. Each takes up to some kilobytes, which do not "
       "count against maxmemory.")

OPTION(latency_monitor_threshold, "latency-monitor-threshold", MILLISECONDS, "0", 0, INT32_MAX, LIVE,
       PLAIN, NULL,
       "LATENCY keeps when requests of clients took at least so long; 0 keeps nothing. INFO latency and "
       "LATENCY HISTOGRAM always count.")

OPTION_HEADING("Cluster")

OPTION(cluster_name, "cluster-name", TEXT, "dunlin", 1, 64, FIXED, PLAIN, "name",
       "Nodes speak only to nodes of the same cluster-name. It keeps a mistaken seed from mixing two "
       "clusters; it is no secret.")

OPTION(cluster_secret, "cluster-secret", TEXT, "", 0, 512, FIXED, SECRET, "secret",
       "Peers and gossip must prove that they know this; empty asks for no proof. Everyone who can "
       "reach an open bus port can otherwise join, read and write. The same on all nodes. It proves "
       "who sends; it does not encrypt.")

OPTION(seeds, "seeds", ADDRESSES, "", 0, 64, FIXED, PLAIN, "host:port ...",
       "Client addresses of some nodes of the cluster, to find the others by; numeric, not names. Not all "
       "are needed, but name enough that one of them is up. With none, the node is a ring of one until "
       "others name it.")

OPTION(zone, "zone", TEXT, "", 0, 63, FIXED, PLAIN, "name",
       "What this node fails together with: a rack, a room, a region. The copies of a key are put into "
       "different zones while there are enough. Name all nodes' zones or none.")

OPTION(weight, "weight", INTEGER, "100", 1, 10000, FIXED, PLAIN, NULL,
       "This node's share of the keys, relative to the other nodes'. Twice the memory, twice the "
       "weight. It is read at RING INIT and then part of the ring.")

OPTION(cluster_announce_ip, "cluster-announce-ip", TEXT, "", 0, 255, FIXED, PLAIN, "address",
       "The address that other nodes and cluster-aware clients are told to reach this node by; empty "
       "means the first single address of bind, or of this machine where bind is \"*\". For nodes "
       "behind address translation, as in containers.")

OPTION(cluster_announce_port, "cluster-announce-port", INTEGER, "0", 0, 55535, FIXED, PLAIN, NULL,
       "The client port that others are told, and with it the bus port, 10000 above; 0 means port.")

OPTION(gossip_interval_ms, "gossip-interval-ms", MILLISECONDS, "1000", 10, 60000, FIXED, PLAIN, NULL,
       "How often a node probes another one. A dead node is noticed after a few intervals. Shorter "
       "notices sooner, and suspects more nodes that are only slow. The same on all nodes.")

OPTION(max_clock_skew_ms, "max-clock-skew-ms", MILLISECONDS, "500", 1, 3600000, LIVE, PLAIN, NULL,
       "A node whose clock is further than this from the median of its peers neither coordinates nor "
       "votes until it is back. Where reads and writes do not overlap, clocks decide which write is "
       "the newer, so keep it small and run NTP.")

OPTION_HEADING("Copies and consistency")

OPTION(partitions, "partitions", INTEGER, "1024", 64, 16384, FIXED, PLAIN, NULL,
       "How many parts the keys are cut into, a power of two. It must be the same on all nodes at RING "
       "INIT, and holds for the life of the ring. More spread the keys more evenly over many nodes and "
       "move in smaller pieces, for some bytes a key; 1024 serve about a hundred nodes.")

OPTION(replicas, "replicas", INTEGER, "3", 1, 7, FIXED, PLAIN, NULL,
       "How many nodes keep each key (N). It is read at RING INIT and then part of the ring. Three "
       "stand the loss of one node at QUORUM; each copy more costs its memory and a message a write.")

OPTION(read_level, "read-level", LEVEL, "QUORUM", 0, 0, LIVE, PLAIN, NULL,
       "How many replicas must answer a read (R), unless the keyspace, the connection or the request "
       "says otherwise. With R + W over N a read sees every acknowledged write. ONE answers from the "
       "nearest copy, which may be old.")

OPTION(write_level, "write-level", LEVEL, "QUORUM", 0, 0, LIVE, PLAIN, NULL,
       "How many replicas must have a write before it is acknowledged (W), unless the keyspace, the "
       "connection or the request says otherwise. All N get every write in any case; a lower level "
       "only answers sooner, and may lose the write with the nodes that had it.")

OPTION(conflict, "conflict", CHOICE, "lww", 0, 0, FIXED, PLAIN, "lww|siblings",
       "What becomes of writes that did not know of each other. lww keeps the last by version; "
       "siblings keeps all until a client merges them with CGET and CSET, for memory and care in the "
       "client. It is read at RING INIT and then part of the ring.")

OPTION(keyspace, "keyspace", RULES, "", 0, 256, FIXED, PLAIN,
       "prefix [replicas n] [read level] [write level] [conflict lww|siblings]",
       "Other rules for the keys that start with a prefix; the first rule that matches holds, and "
       "what it leaves out follows the defaults. May be given many times, once for a prefix. replicas "
       "and conflict are read at RING INIT and then part of the ring. "
       "Example: keyspace session: replicas 2 read ONE write QUORUM")

OPTION(sloppy_quorum, "sloppy-quorum", YES_NO, "no", 0, 0, LIVE, PLAIN, NULL,
       "Whether a stand-in that holds a write for a replica that is down counts towards W. yes keeps "
       "writes going while too few replicas are up; a read may then miss them until the hints are "
       "delivered.")

OPTION_HEADING("Repair")

OPTION(hint_window, "hint-window", SECONDS, "10800", 1, INT32_MAX, LIVE, PLAIN, NULL,
       "How long a write is kept for a replica that is down. A replica that is away for longer comes "
       "back as one who forgot: it fetches its partitions anew before it votes.")

OPTION(hint_bytes, "hint-bytes", BYTES, "256mb", MB, INT64_MAX, LIVE, PLAIN, NULL,
       "The bound on what is kept for one replica that is down. Past it the oldest hints are dropped, "
       "and the replica fetches those partitions anew when it is back. Counts against maxmemory, of "
       "which it takes an eighth at the most.")

OPTION(hint_rate, "hint-rate", BYTES, "32mb", 64 * 1024, INT64_MAX, LIVE, PLAIN, NULL,
       "How much a node sends a second, to each replica that is back, of what it kept for it. Higher "
       "is sooner whole, and takes more from clients meanwhile.")

OPTION(recovery_rate, "recovery-rate", BYTES, "32mb", 64 * 1024, INT64_MAX, LIVE, PLAIN, NULL,
       "How much a node that restarted fetches a second of the partitions that it lost. Higher is "
       "sooner whole, and takes more from clients meanwhile.")

OPTION(recovery_wait, "recovery-wait", SECONDS_OR_NEVER, "60", 0, INT32_MAX, LIVE, PLAIN, NULL,
       "How long a node that restarted waits for enough replicas that vote. Then it takes what those "
       "that it reaches have, and votes: what only the others had may be lost, and this is logged. "
       "never waits for RING RECOVER FORCE. With every replica up and without its data there is "
       "nothing to wait for.")

OPTION(repair_interval, "repair-interval", SECONDS, "3600", 0, INT32_MAX, LIVE, PLAIN, NULL,
       "How often the replicas of each partition are compared and mended (anti-entropy); 0 never does. "
       "It finds what a fault of memory or of the software left behind.")

#undef MB
#undef GB
/* clang-format on */
#undef OPTION
#undef OPTION_HEADING
