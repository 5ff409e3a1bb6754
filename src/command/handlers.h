/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handlers that the table of commands names, by the file that holds them. What each kind is
 * given and owes: command/command.h.
 */
#ifndef DUNLIN_COMMAND_HANDLERS_H
#define DUNLIN_COMMAND_HANDLERS_H

#include "command/command.h"

#define PREPARE(name) bool name(struct call *call, enum command_kind *kind);
#define RUN(name)     void name(struct call *call);
#define READER(name)  void name(struct call *call, const struct version *version);
#define UPDATER(name) \
    void name(struct call *call, const struct version *version, struct change *change);

/* string.c */
PREPARE(string_prepare_set)
PREPARE(string_prepare_setex)
PREPARE(string_prepare_psetex)
PREPARE(string_prepare_mset)
PREPARE(string_prepare_getex)
PREPARE(string_prepare_add)
PREPARE(string_prepare_subtract)
READER(string_get)
READER(string_mget)
READER(string_strlen)
UPDATER(string_set)
UPDATER(string_setnx)
UPDATER(string_getset)
UPDATER(string_getdel)
UPDATER(string_getex)
UPDATER(string_append)
UPDATER(string_increment)

/* key.c */
PREPARE(key_prepare_expire)
PREPARE(key_prepare_pexpire)
PREPARE(key_prepare_expireat)
PREPARE(key_prepare_pexpireat)
READER(key_exists)
READER(key_type)
READER(key_ttl)
READER(key_pttl)
READER(key_expiretime)
READER(key_pexpiretime)
UPDATER(key_del)
UPDATER(key_expire)
UPDATER(key_persist)

/* scan.c */
PREPARE(scan_prepare)
PREPARE(scan_prepare_slot)

/* connection.c */
RUN(connection_ping)
RUN(connection_echo)
RUN(connection_quit)
RUN(connection_reset)
RUN(connection_hello)
RUN(connection_auth)
RUN(connection_select)
RUN(connection_consistency)

/* client.c */
RUN(client_getname)
RUN(client_id)
RUN(client_info)
RUN(client_kill)
RUN(client_list)
RUN(client_no_evict)
RUN(client_no_touch)
RUN(client_setinfo)
RUN(client_setname)

/* server.c */
PREPARE(server_prepare_flush)
PREPARE(server_prepare_wait)
RUN(server_config_get)
RUN(server_config_resetstat)
RUN(server_config_rewrite)
RUN(server_config_set)
RUN(server_time)

/* cluster.c */
RUN(cluster_info)
RUN(cluster_keyslot)
RUN(cluster_myid)
RUN(cluster_nodes)
RUN(cluster_shards)
RUN(cluster_slots)

/* info.c */
RUN(info_run)

/* introspect.c: COMMAND, and what all containers share */
RUN(introspect_all)
RUN(introspect_container)
RUN(introspect_count)
RUN(introspect_docs)
RUN(introspect_getkeys)
RUN(introspect_help)
RUN(introspect_info)
RUN(introspect_list)

/* siblings.c */
PREPARE(siblings_prepare_get)
PREPARE(siblings_prepare_set)
READER(siblings_get)
UPDATER(siblings_set)

#undef PREPARE
#undef RUN
#undef READER
#undef UPDATER

#endif
