/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The directory: all sessions of a node, whichever worker they are on, and what concerns all of
 * them: CLIENT PAUSE, who monitors, and the post between workers. One mutex guards the list; it is
 * held for CLIENT LIST and KILL and while a connection comes or goes, never for an ordinary
 * command. Locks are taken in this order: the directory's, then a session's or the monitors', then
 * an inbox's.
 */
#ifndef DUNLIN_COMMAND_DIRECTORY_H
#define DUNLIN_COMMAND_DIRECTORY_H

#include "command/channels.h"
#include "command/monitors.h"
#include "command/post.h"
#include "command/session.h"
#include "command/tracking.h"

struct directory;

/* `wake` makes a worker look at session_killed and session_unblocked of its sessions, at the pause
 * and at its inbox. It is called from any thread, and with locks held: it must not wait, nor call
 * the directory. `seed` is for hashes, which nobody is to guess. */
struct directory *directory_create(void (*wake)(void *context, uint32_t worker), void *context,
                                   uint64_t seed);
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
    int64_t created_by_us;       /* connected then or before; 0: any */
    struct span address;         /* empty: any */
    struct span local_address;   /* empty: any */
    const struct session * not ; /* leave this one out */
    bool subscribers;            /* only those that subscribe to channels */
    bool others;                 /* only those that do not */
    bool none;                   /* none is meant (a type or user that nobody has) */
};

/* Appends the lines of those meant (session_describe), in the order of their ids. */
void directory_describe(struct directory *directory, const struct directory_filter *filter,
                        int64_t now_us, struct buffer *text);

/* The same a few at a time, whoever comes and goes meanwhile. */
struct directory_walk {
    struct list link;  /* directory->walks */
    struct list *next; /* session */
};
void directory_walk_begin(struct directory *directory, struct directory_walk *walk);
/* Looks at the next `most`; false: there are no more. */
bool directory_walk_describe(struct directory *directory, struct directory_walk *walk,
                             const struct directory_filter *filter, size_t most, int64_t now_us,
                             struct buffer *text);
void directory_walk_end(struct directory *directory, struct directory_walk *walk);

/* Marks those meant as killed and wakes their workers; returns how many. `own` is the caller's
 * session, which is closed after its reply; it may be NULL. */
size_t directory_kill(struct directory *directory, const struct directory_filter *filter,
                      struct session *own);

/* Makes the WAIT of that session answer at once, with what it has or with an error. False: it is
 * not in one. */
bool directory_unblock(struct directory *directory, uint64_t id, bool error);

/* How often a session was marked, to be killed or unblocked. */
uint64_t directory_marks(const struct directory *directory);

/* ---- what concerns all clients ---- */

/* What a worker looks at before each command: a mask, 0 nearly always. */
enum directory_alert {
    ALERT_MONITORED = 1,     /* somebody monitors */
    ALERT_WRITES_PAUSED = 2, /* no client's write begins */
    ALERT_ALL_PAUSED = 4,    /* no client's command begins, but those that steer the pause */
    ALERT_TRACKED = 8,       /* changes are noted for those who track (tracking.h) */
};
const atomic_uint *directory_alerts(const struct directory *directory);

/* Pauses clients until then (a monotonic reading). A pause never ends sooner, nor holds less, for
 * another one that begins meanwhile. */
void directory_pause(struct directory *directory, bool all, int64_t now_us, int64_t until_us);
void directory_unpause(struct directory *directory);
/* When the pause ends; one that is over ends here. INT64_MIN: there is none. */
int64_t directory_paused_until(struct directory *directory, int64_t now_us);

/* Makes the worker take a turn. */
void directory_wake(struct directory *directory, uint32_t worker);

/* Whether there is a session with that id, and on which worker. */
bool directory_find(struct directory *directory, uint64_t id, uint32_t *worker);
/* What the session is to be told goes to session->redirect from now on: session->redirect_gone
 * says, now or later, that there is no such session any more. */
void directory_redirected(struct directory *directory, struct session *session);

struct trackers *directory_trackers(struct directory *directory);
struct post *directory_post(const struct directory *directory);
struct channels *directory_channels(const struct directory *directory);
struct monitors *directory_monitors(const struct directory *directory);

#endif
