/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What cluster-aware clients ask, compared with a redis-server of a cluster of one node that has
 * all slots; the rows are as those of commands.h, with one likeness more:
 *
 *   FORM        the same types, counts, words and lines all the way down; numbers and identities of
 *               nodes may be others
 */
/* clang-format off */
COMPARED("cluster|slots", "CLUSTER SLOTS", FORM)
COMPARED("cluster|shards", "CLUSTER SHARDS", FORM)
COMPARED("cluster|nodes", "CLUSTER NODES", FORM)
COMPARED("cluster|links", "CLUSTER LINKS", FORM)
COMPARED("cluster|myid", "CLUSTER MYID", FORM)
COMPARED("cluster|info", "CLUSTER INFO", FORM)
COMPARED("cluster|keyslot", "CLUSTER KEYSLOT <key>", SAME)
COMPARED("cluster|keyslot", "CLUSTER KEYSLOT <pattern>", SAME)
COMPARED("cluster|countkeysinslot", "CLUSTER COUNTKEYSINSLOT <slot>", SAME)
COMPARED("cluster|getkeysinslot", "CLUSTER GETKEYSINSLOT <slot> <count>", LIST)
COMPARED("cluster|countkeysinslot", "CLUSTER COUNTKEYSINSLOT (15495|3300|7365|15891)", SAME)
COMPARED("cluster|getkeysinslot", "CLUSTER GETKEYSINSLOT (15495|3300|7365) <count>", LIST)
COMPARED("cluster|getkeysinslot", "CLUSTER GETKEYSINSLOT 15891 (2|1000)", LIST)
COMPARED("cluster|replicas", "CLUSTER REPLICAS <text>", SAME)
COMPARED("cluster|count-failure-reports", "CLUSTER COUNT-FAILURE-REPORTS <text>", SAME)
COMPARED("cluster|help", "CLUSTER HELP", SHAPE)
COMPARED("cluster", "CLUSTER (NONSENSE|<text>)", SAME)
COMPARED("readonly", "READONLY", SAME)
COMPARED("readwrite", "READWRITE", SAME)
COMPARED("asking", "ASKING", SAME)
COMPARED("select", "SELECT <database>", SAME)
COMPARED("move", "MOVE <key> <database>", SAME)
COMPARED("swapdb", "SWAPDB <database> <database>", SAME)
COMPARED("command|getkeys", "COMMAND GETKEYS (SET|GET|DEL|MSET|LCS|COPY|SORT|OBJECT ENCODING|EVAL) <key> [<key>] [<key>]", SAME)
COMPARED("command|getkeysandflags", "COMMAND GETKEYSANDFLAGS (SET|GET|DEL|MSET|LCS) <key> [<key>]", SAME)
COMPARED("set", "SET <key> <value>", SAME)
COMPARED("get", "GET <key>", SAME)
COMPARED("getdel", "GETDEL <key>", SAME)
COMPARED("dbsize", "DBSIZE", COUNT)
COMPARED("hello", "HELLO [<protocol>]", SHAPE)
/* clang-format on */
