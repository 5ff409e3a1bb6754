/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A session: what belongs to one client connection as far as commands see it. The connection embeds
 * it, on one worker; CLIENT LIST and CLIENT KILL reach it from any, through the directory. Its
 * fields are grouped by who may touch them:
 *
 *   fixed      written before directory_add, then read by all
 *   owner      the worker's own
 *   shared     atomics: written by the worker, read by all (`killed` is written by all)
 *   texts      written by the worker, read by all, under `lock`
 */
#ifndef DUNLIN_COMMAND_SESSION_H
#define DUNLIN_COMMAND_SESSION_H

#include <stdatomic.h>

#include "base/latch.h"
#include "base/list.h"
#include "command/command.h"

struct monitors;
struct tracker; /* command/tracking.h */

/* In session->tracking, beside enum tracking_flag. */
#define SESSION_TRACKS 128

/* Text forms of addresses: "host:port" of IPv6 with a scope, and the terminator. */
#define SESSION_ADDRESS_MAX 96

/* What a client is told whose name session_set_text refuses. */
#define SESSION_NAME_ERROR "ERR Client names cannot contain spaces, newlines or special characters."

/* Which of its replies a client gets (CLIENT REPLY). */
enum session_replies {
    REPLIES_ON,
    REPLIES_SKIP_ONE, /* the next one not */
    REPLIES_OFF,
};

/* Whether a client is in a WAIT, and whether CLIENT UNBLOCK ends that. */
enum session_blocked {
    BLOCKED_NOT,
    BLOCKED_WAITING,
    BLOCKED_TIMES_OUT, /* it is to answer what it has */
    BLOCKED_FAILS,     /* it is to answer an error */
};
struct subscriber;
struct transaction; /* command/transaction.h */

enum session_text {
    SESSION_NAME,        /* CLIENT SETNAME */
    SESSION_LIB_NAME,    /* CLIENT SETINFO LIB-NAME */
    SESSION_LIB_VERSION, /* CLIENT SETINFO LIB-VER */
    SESSION_TEXTS,
};

struct session {
    /* fixed */
    uint64_t id;         /* given by directory_add, from 1 on, never twice */
    char *address;       /* of the client */
    char *local_address; /* of ours */
    int descriptor;      /* shown in CLIENT LIST; -1 until somebody sets it */
    uint32_t worker;     /* the owner, for the directory's wake */
    int64_t created_us;  /* mono */

    /* owner */
    struct transaction *transaction; /* NULL: it queues and watches nothing */
    struct tracker *tracker;         /* NULL: it does not track */
    bool authenticated;
    bool queueing;          /* MULTI came, and EXEC did not yet */
    bool close_after_reply; /* QUIT, or a CLIENT KILL of itself */
    uint8_t read_level;     /* base/level.h; LEVEL_DEFAULT: what the key's rule says */
    uint8_t write_level;
    uint8_t replies;      /* enum session_replies */
    bool walks_primaries; /* it asked for the slots' nodes, and is taken to ask each for its own */

    /* shared */
    atomic_bool killed;
    atomic_bool no_evict;
    atomic_bool no_touch;
    atomic_bool monitors;                    /* MONITOR: it is shown what others run */
    atomic_uchar tracking;                   /* SESSION_TRACKS and how; 0: it does not */
    atomic_bool redirected_to;               /* another one's invalidations may go to it */
    atomic_bool redirect_gone;               /* the one that its own go to was closed */
    atomic_llong redirect;                   /* that one's id, 0: none, -1: it does not track */
    atomic_uchar blocked;                    /* enum session_blocked */
    atomic_uchar protocol;                   /* 2 or 3 */
    atomic_short queued;                     /* commands, -1: it is not queueing */
    struct latch lock;                       /* of the texts */
    atomic_llong active_us;                  /* mono, when the last command began */
    _Atomic(const struct command *) command; /* the last one, or NULL */
    _Atomic(struct subscriber *) subscriber; /* command/audience.h; NULL: it subscribes to nothing.
                                              * Others look at what it points to under `lock` */
    atomic_size_t query_bytes;               /* unread input */
    atomic_size_t query_free;                /* room in the input buffer */
    atomic_size_t output_bytes;              /* output that the client has yet to take */

    /* texts */
    char *texts[SESSION_TEXTS]; /* NULL: none */

    struct list link; /* under the directory's lock */
};

/* The addresses ("127.0.0.1:4711") are copied. `authenticated` from the start, when no password is
 * set. The owner sets `worker` before directory_add. */
void session_init(struct session *session, const char *address, const char *local_address,
                  struct instant now, bool authenticated);
/* It is in no directory any more. */
void session_deinit(struct session *session);

/* Back to how it was opened, but for the library's name (RESET). */
void session_reset(struct session *session, bool authenticated);

static inline int session_protocol(const struct session *session)
{
    return atomic_load_explicit(&session->protocol, memory_order_relaxed);
}
void session_set_protocol(struct session *session, int protocol);

/* Throws away what it has queued, and watches nothing any more. */
void session_end_transaction(struct session *session);
/* What CLIENT LIST is to show of it. */
void session_note_queued(struct session *session);

/* For every command, before it runs; NULL for one that is unknown. */
static inline void session_note(struct session *session, const struct command *command,
                                struct instant now)
{
    if (command != NULL)
        atomic_store_explicit(&session->command, command, memory_order_relaxed);
    atomic_store_explicit(&session->active_us, now.mono_us, memory_order_relaxed);
}

/* Once a turn of the event loop. */
static inline void session_note_buffers(struct session *session, size_t query_bytes,
                                        size_t query_free, size_t output_bytes)
{
    atomic_store_explicit(&session->query_bytes, query_bytes, memory_order_relaxed);
    atomic_store_explicit(&session->query_free, query_free, memory_order_relaxed);
    atomic_store_explicit(&session->output_bytes, output_bytes, memory_order_relaxed);
}

/* Whether somebody wants the connection closed at once. */
static inline bool session_killed(const struct session *session)
{
    return atomic_load_explicit(&session->killed, memory_order_relaxed);
}

/* Whether no further command is to be read: it was killed, or is to be closed after its reply. */
static inline bool session_closing(const struct session *session)
{
    return session->close_after_reply || session_killed(session);
}

/* For directory_unblock. False: it is in no WAIT, or is unblocked already. */
static inline bool session_unblock(struct session *session, bool error)
{
    unsigned char waiting = BLOCKED_WAITING;

    return atomic_compare_exchange_strong(&session->blocked, &waiting,
                                          error ? BLOCKED_FAILS : BLOCKED_TIMES_OUT);
}

/* Keeps a copy of `text`; none when it is empty. False, and nothing has changed, when it holds
 * anything but printable ASCII without blanks: it has to fit a line of CLIENT LIST. */
bool session_set_text(struct session *session, enum session_text which, struct span text);
/* The text, NULL for none. For the owner only; valid until it sets it again. */
const char *session_text(const struct session *session, enum session_text which);

/* MONITOR begins, and ends; either may be so already. */
void session_monitor(struct session *session, struct monitors *monitors);
void session_unmonitor(struct session *session, struct monitors *monitors);

/* What it subscribes to, for the owner; NULL: nothing. */
static inline struct subscriber *session_subscriber(const struct session *session)
{
    return atomic_load_explicit(&session->subscriber, memory_order_relaxed);
}

/* Whether it subscribes to channels or patterns: Redis' class "pubsub". From any thread. */
static inline bool session_subscribes(const struct session *session)
{
    return session_subscriber(session) != NULL;
}
void session_set_subscriber(struct session *session, struct subscriber *subscriber);

/* Whether it is told what is published, and nothing else: it subscribes, and its protocol has
 * nothing by which it could tell a reply from a message. */
static inline bool session_only_listens(const struct session *session)
{
    return session_subscribes(session) && session_protocol(session) == 2;
}

/* Whether the session may run the command. If not, NOAUTH is in `reply`. */
bool session_authorize(const struct session *session, const struct command *command,
                       struct buffer *reply);

/* The last command that was noted, NULL: none. */
static inline const struct command *session_command(const struct session *session)
{
    return atomic_load_explicit(&session->command, memory_order_relaxed);
}

/* Appends the line of CLIENT LIST and CLIENT INFO, with its '\n'. From any thread. */
void session_describe(struct session *session, int64_t now_us, struct buffer *text);

#endif
