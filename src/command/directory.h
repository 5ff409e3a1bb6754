/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The directory: all sessions of a node, whichever worker they are on. One mutex guards the list;
 * it is held for CLIENT LIST and KILL and while a connection comes or goes, never for an ordinary
 * command. Locks are taken in this order: the directory's, then a session's.
 */
#ifndef DUNLIN_COMMAND_DIRECTORY_H
#define DUNLIN_COMMAND_DIRECTORY_H

#include "command/session.h"

struct directory;

/* `wake` makes a worker look at session_killed of its sessions. It is called from any thread, with
 * the directory's lock held: it must not wait, nor call the directory. */
struct directory *directory_create(void (*wake)(void *context, uint32_t worker), void *context);
/* It is empty. */
void directory_destroy(struct directory **directory);

/* Gives the session its id and lets the others see it. */
void directory_add(struct directory *directory, struct session *session);
/* From then on nobody else looks at the session; its worker may be woken until this returns. */
void directory_remove(struct directory *directory, struct session *session);

size_t directory_count(struct directory *directory);

/* Which sessions are meant. Zeroed, all are. */
struct directory_filter {
    uint64_t id;                 /* 0: any */
    struct span address;         /* empty: any */
    struct span local_address;   /* empty: any */
    const struct session * not ; /* leave this one out */
    bool none;                   /* none is meant (a type or user that nobody has) */
};

/* Appends the lines of those meant (session_describe), in the order of their ids. */
void directory_describe(struct directory *directory, const struct directory_filter *filter,
                        int64_t now_us, struct buffer *text);

/* Marks those meant as killed and wakes their workers; returns how many. `own` is the caller's
 * session, which is closed after its reply; it may be NULL. */
size_t directory_kill(struct directory *directory, const struct directory_filter *filter,
                      struct session *own);

#endif
