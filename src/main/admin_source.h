/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The Redis that is imported from: one server, or the masters of a Redis Cluster, of which one is
 * talked to at a time. Whatever breaks, and errors that pass (the server loads its data, say),
 * leave the link closed with the reason in it.
 */
#ifndef DUNLIN_MAIN_ADMIN_SOURCE_H
#define DUNLIN_MAIN_ADMIN_SOURCE_H

#include "main/admin_batch.h"
#include "main/admin_state.h"

struct admin_source {
    struct admin_uri uri; /* as given */
    struct admin_link link;
    bool has_dates; /* it knows PEXPIRETIME, which came with Redis 7.0 */
};

enum admin_found {
    ADMIN_FOUND,
    ADMIN_FOUND_NOT, /* cannot be reached; link.error says why */
    ADMIN_FOUND_BAD, /* no source to import from; link.error says why */
};

/* Asks the given server what it is, and adds the servers to walk to the state. */
enum admin_found admin_source_find(struct admin_source *source, struct admin_state *state);

/* Connects to one of them. `*restarted`: it runs since another moment than its run_id says; the
 * walk of it is then at the beginning again. */
bool admin_source_open(struct admin_source *source, struct admin_master *master, bool *restarted);
void admin_source_deinit(struct admin_source *source);

/* How many keys the one has that is connected; its clock, milliseconds since 1970. -1: broken. */
int64_t admin_source_keys(struct admin_source *source);
int64_t admin_link_time_ms(struct admin_link *link);

/* The answer to SCAN: (next cursor, (key ...)). NULL: broken. */
redisReply *admin_source_scan(struct admin_source *source, const char *cursor, const char *match,
                              size_t count);
/* Asks for the type of each key, and the size of those that are strings. What is no string, and
 * what has vanished, gets its fate. */
bool admin_source_types(struct admin_source *source, struct admin_key *keys, size_t count);
/* Of the keys whose fate is open, asks for the date and, with `verb` (DUMP or GET), for the value,
 * of one moment. What has vanished or fails gets its fate; `read` is the value of the others. */
bool admin_source_read(struct admin_source *source, const char *verb, struct admin_key *keys,
                       size_t count);

#endif
