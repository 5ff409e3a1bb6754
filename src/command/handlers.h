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
UPDATER(string_increment_float)

/* range.c */
PREPARE(range_prepare_get)
PREPARE(range_prepare_set)
READER(range_get)
UPDATER(range_set)

/* dump.c */
PREPARE(dump_prepare_restore)
RUN(dump_make)
READER(dump_read)
UPDATER(dump_restore)

/* lcs.c */
PREPARE(lcs_prepare)

/* script.c */
PREPARE(script_prepare)

/* object.c */
READER(object_encoding)
READER(object_freq)
READER(object_idletime)
READER(object_refcount)

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

/* keys.c */
PREPARE(keys_prepare_copy)
PREPARE(keys_prepare_msetnx)
bool keys_copy(struct call *call, const struct key_values *keys);
bool keys_msetnx(struct call *call, const struct key_values *keys);
bool keys_rename(struct call *call, const struct key_values *keys);
bool keys_renamenx(struct call *call, const struct key_values *keys);

/* sort.c */
PREPARE(sort_prepare)
READER(sort_read)

/* multi.c */
PREPARE(multi_prepare_watch)
RUN(multi_begin)
RUN(multi_discard)
RUN(multi_unwatch)
READER(multi_watch)

/* pubsub.c */
PREPARE(pubsub_prepare_subscribe)
PREPARE(pubsub_prepare_channels)
RUN(pubsub_subscribe)
RUN(pubsub_psubscribe)
RUN(pubsub_ssubscribe)
RUN(pubsub_unsubscribe)
RUN(pubsub_punsubscribe)
RUN(pubsub_sunsubscribe)
/* Whether it changes what a connection listens to; its replies are messages, which nothing keeps
 * back (CLIENT REPLY), and stand in the order of all others. */
bool pubsub_changes(const struct command *command);
/* Whether one that only listens may run it (session_only_listens). */
bool pubsub_allows(const struct command *command);

/* connection.c */
RUN(connection_ping)
RUN(connection_echo)
RUN(connection_quit)
RUN(connection_reset)
RUN(connection_hello)
RUN(connection_auth)
RUN(connection_select)
RUN(connection_consistency)
RUN(connection_ok)

/* client.c */
RUN(client_getname)
RUN(client_id)
RUN(client_info)
RUN(client_kill)
RUN(client_list)
RUN(client_monitor)
RUN(client_no_evict)
RUN(client_no_touch)
RUN(client_pause)
RUN(client_reply)
RUN(client_setinfo)
RUN(client_setname)
RUN(client_unblock)
RUN(client_unpause)

/* client_tracking.c */
RUN(client_caching)
RUN(client_getredir)
RUN(client_tracking)
RUN(client_trackinginfo)

/* server.c */
PREPARE(server_prepare_flush)
PREPARE(server_prepare_wait)
RUN(server_config_get)
RUN(server_config_resetstat)
RUN(server_config_rewrite)
RUN(server_config_set)
RUN(server_lastsave)
RUN(server_lolwut)
RUN(server_role)
RUN(server_shutdown)
RUN(server_time)

/* acl.c */
RUN(acl_cat)
RUN(acl_getuser)
RUN(acl_list)
RUN(acl_log)
RUN(acl_users)
RUN(acl_whoami)

/* slowlog.c */
RUN(slowlog_get)
RUN(slowlog_len)
RUN(slowlog_reset)

/* latency.c */
RUN(latency_doctor)
RUN(latency_graph)
RUN(latency_histogram)
RUN(latency_history)
RUN(latency_latest)
RUN(latency_reset)

/* memory.c */
PREPARE(memory_prepare_usage)
READER(memory_usage)
RUN(memory_doctor)
RUN(memory_malloc_stats)
RUN(memory_purge)
RUN(memory_stats)

/* refused.c */
RUN(refused_run)
RUN(refused_module_list)

/* cluster.c */
RUN(cluster_count_failure_reports)
RUN(cluster_info)
RUN(cluster_keyslot)
RUN(cluster_links)
RUN(cluster_myid)
RUN(cluster_nodes)
RUN(cluster_replicas)
RUN(cluster_saveconfig)
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
RUN(introspect_getkeysandflags)
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
