/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What differs from Redis on purpose. docs/COMPATIBILITY.md lists these rows, and the comparison
 * with a real redis-server (tests/system/compare.c) lets pass just what they describe:
 *
 *   DIFFERS(commands, command, redis, dunlin, what, reason)
 *
 *   commands   the names of the table that the row is about, parted by blanks: they are listed as
 *              "differs"
 *   command    of which commands, as a pattern (fnmatch, upper and lower case alike) over the words
 *              in quotes: "\"SELECT\" *"; NULL where the comparison does not see it
 *   redis,     patterns of the replies, as tests/lib/tree.h writes them
 *   dunlin
 *
 * A row that a long comparison never meets is out of date, and fails it. With DIFFERS_FOR_LONG in
 * the place of DIFFERS, what the servers hold, or what state a connection is in, differs from there
 * on: a compared stream ends with it.
 */
#ifndef DIFFERS_FOR_LONG
#define DIFFERS_FOR_LONG DIFFERS
#endif

/* clang-format off */
DIFFERS("set", NULL, "", "",
    "SET with a date that is over deletes the key at once; with Redis, DBSIZE counts it for a while.",
    "Whatever is past its date is gone for every command.")
DIFFERS("hello", NULL, "", "",
    "HELLO with an option that is wrong sets nothing; Redis sets what stands before it.",
    "A command that fails changes nothing.")
DIFFERS("dbsize keys randomkey scan", NULL, "", "",
    "In a cluster DBSIZE, KEYS, RANDOMKEY and SCAN may be behind a write by a message between nodes.",
    "They ask each node once, and wait for no quorum.")
DIFFERS("readonly", "READONLY", "-ERR This instance has cluster support disabled", "+OK",
    "READONLY is accepted, and changes nothing.",
    "Every node is one of a cluster, and answers reads of every key at the level asked for.")
DIFFERS("readwrite", "READWRITE", "-ERR This instance has cluster support disabled", "+OK",
    "READWRITE is accepted, and changes nothing.", "The same.")
DIFFERS("asking", "ASKING", "-ERR This instance has cluster support disabled", "+OK",
    "ASKING is accepted, and changes nothing.", "No slot migrates while clients watch.")
DIFFERS("select", "SELECT *", "-ERR *", "-ERR SELECT is not allowed in cluster mode",
    "There is database 0 and no other.", "As in a Redis Cluster.")
DIFFERS("object|encoding", "OBJECT ENCODING *", "\"[re]*\"", "\"[ei]*\"",
    "OBJECT ENCODING goes by the value, and not by the commands that made it.",
    "A value has one form; the names are there for who asks.")
DIFFERS("object|refcount", NULL, "", "",
    "OBJECT REFCOUNT goes by the value as well: what Redis shares are the integers below 10000.",
    "The same.")
DIFFERS("object|idletime", NULL, "", "",
    "OBJECT IDLETIME is the time since the value was written; RESTORE's IDLETIME and FREQ are not kept.",
    "Reads leave no time behind.")
DIFFERS("sort sort_ro", NULL, "", "",
    "SORT and SORT_RO have no lists and sets to sort: they answer as Redis does where there is none.",
    "Strings are the one type yet.")
DIFFERS("move", "MOVE *", "*", "-ERR MOVE is not allowed in cluster mode",
    "MOVE is refused.", "There is one database, as in a Redis Cluster.")
DIFFERS("swapdb", "SWAPDB *", "*", "-ERR SWAPDB is not allowed in cluster mode",
    "SWAPDB is refused.", "There is one database, as in a Redis Cluster.")
DIFFERS("dump", "DUMP *", "\"?x00?xc3*", "\"?x00*",
    "DUMP does not compress.", "Every Redis reads what is not compressed, and RESTORE reads both.")
DIFFERS("restore", NULL, "", "",
    "RESTORE with a time to live beyond all dates keeps the key; with Redis it is over at once.",
    "Redis' sum wraps around.")
DIFFERS("restore", NULL, "", "",
    "RESTORE of what is no string is refused, and the error names its type.",
    "Only strings can be kept yet.")
DIFFERS("lolwut", "LOLWUT *", "-ERR *", "[\"=]*",
    "LOLWUT takes any argument, and draws a dunlin.", "It has one picture.")
DIFFERS_FOR_LONG("multi", "WAIT *", "+QUEUED", "-ERR Command not allowed inside a transaction",
    "WAIT is refused in a transaction.", "What it would wait for is done by EXEC, after it.")
DIFFERS_FOR_LONG("watch", "EXEC", "[*]*", "[n_]*",
    "EXEC fails as well when a key that was not there was watched and deleted.",
    "A delete always writes its tombstone, which is a new version.")
DIFFERS_FOR_LONG("watch", "EXEC", "[n_]*", "[*]*",
    "EXEC passes where a watched key was not there, came, and went again.",
    "What is deleted leaves no trace once all replicas are known to have dropped it.")
DIFFERS_FOR_LONG("exec", "EXEC ?*", "-EXECABORT *wrong number*", "-ERR wrong number*",
    "EXEC with an argument is refused in the words that any other command is.",
    "An argument too many is no failed transaction.")
DIFFERS("publish spublish", NULL, "", "",
    "Who publishes to itself, or subscribes and publishes in one transaction, may get the message behind the reply.",
    "What is delivered stands between replies, never within that of an EXEC, as with Redis from 7.2 on.")
DIFFERS("ssubscribe spublish", NULL, "", "",
    "Shard channels are served by every node, and the names of one command may be of many slots.",
    "Messages go to all nodes; a cluster-aware client meets those that came through another one.")
DIFFERS("pubsub|channels pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub", NULL, "", "",
    "PUBSUB and the counts of PUBLISH are of the whole cluster, as far as nodes answer in time.",
    "The cluster stands in for one Redis; a Redis Cluster's nodes tell of themselves alone.")
DIFFERS("keys scan", NULL, "", "",
    "A pattern of several asterisks fits the empty key.", "So does one asterisk.")
DIFFERS("wait", "WAIT *", ":0", ":[1-9]",
    "WAIT answers how many other replicas have the connection's writes.",
    "A cluster has replicas of every key, and a write has reached W of them when it is answered.")
DIFFERS("client|pause client|unpause", NULL, "", "",
    "A CLIENT PAUSE of all does not hold CLIENT PAUSE and CLIENT UNPAUSE, and no question of another node.",
    "Whoever pauses a node can go on, and the cluster does not lose a replica meanwhile.")
DIFFERS("monitor", NULL, "", "",
    "MONITOR shows the commands of the clients of one node, with the time to the millisecond, and cuts "
    "arguments of over 64 KB. A monitor that does not read is closed at client-output-buffer-limit.",
    "Each node has its own clients; what is shown has a bound.")
DIFFERS("client|tracking", NULL, "", "",
    "Invalidations of keys changed through any node. A key may be named more often than it changed, once for each "
    "replica that gets the change; null (all keys) is sent as well when a link between nodes broke. Pushes come "
    "behind the replies of the commands that were sent before them in one piece. With NOLOOP a key that the client "
    "wrote itself stays tracked, where Redis forgets it. At most 256 prefixes a client.",
    "What is told has to be enough for who caches a value that any replica had.")
DIFFERS("slowlog|get latency|latest latency|history latency|histogram", NULL, "", "",
    "The time of a slow request is from the turn of its worker in which it was read to that in which its "
    "reply was complete, waits for other nodes included; within one turn it is 0.",
    "Redis measures while it does nothing else; here others are served meanwhile.")
DIFFERS("latency|doctor latency|graph memory|doctor memory|malloc-stats", NULL, "", "",
    "The texts for people have words of their own.", "They are about this server.")
DIFFERS("memory|usage memory|stats", NULL, "", "",
    "MEMORY USAGE answers what the entry takes here; MEMORY STATS leaves out figures that there are none of.",
    "Data is kept in another form.")
DIFFERS("save bgsave bgrewriteaof", NULL, "", "",
    "SAVE, BGSAVE and BGREWRITEAOF are refused, and LASTSAVE is when the node started.",
    "No data is on disk, and nobody should believe that it is.")
DIFFERS("cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|delslots cluster|delslotsrange "
    "cluster|failover cluster|flushslots cluster|forget cluster|meet cluster|replicate cluster|reset "
    "cluster|set-config-epoch cluster|setslot", NULL, "", "",
    "What changes slots and nodes by hand is refused.",
    "The ring is formed with RING INIT, on all nodes at once.")
DIFFERS("cluster|links", NULL, "", "",
    "CLUSTER LINKS lists the connections of the worker that serves the client.",
    "Each worker has its own to every other node.")
DIFFERS("script|debug", "SCRIPT DEBUG *", "*", "-ERR there is no debugger for scripts here",
    "SCRIPT DEBUG is refused.", "Scripts run beside other requests, and nothing waits for a person.")
DIFFERS("script|kill eval evalsha eval_ro evalsha_ro", NULL, "", "",
    "Other clients are served while a script runs, and nobody is told BUSY. What is ended by SCRIPT KILL, "
    "lua-time-limit or script-memory-limit leaves nothing that it did to the keys of its first key's "
    "partition, so SCRIPT KILL ends scripts that have written, too.",
    "A script's effects are applied as one step, at its end.")
DIFFERS("script|flush", NULL, "", "",
    "SCRIPT LOAD, EXISTS, FLUSH and KILL are about all nodes.", "Clients may be at any of them.")
DIFFERS("acl|log", NULL, "", "",
    "ACL LOG is always empty.", "Refusals are counted, and not kept.")
DIFFERS("", "*", "-*abcdefghijabcdefghij*", "-*abcdefghijabcdefghij*",
    "Errors that quote an argument may cut it, after 80 bytes at least.",
    "An error's text has a bound.")
DIFFERS("config|set", "CONFIG SET *", "-ERR Unknown option *", "-ERR Unknown option *[?]*",
    "Where an error quotes a directive, control characters are question marks, not blanks.",
    "The same text goes to the log.")
/* clang-format on */
#undef DIFFERS_FOR_LONG
