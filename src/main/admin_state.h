/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How far an import has come, kept in a file so that another call goes on from there. Lines of
 * words, as redis.conf has them:
 *
 *     dunlin-admin-import 1
 *     source host:port/database       the address that was given
 *     match "pattern"                 only where there is one
 *     ring label                      which keys went into, see RING STATUS
 *     replace yes|no
 *     count name number               what became of the keys up to here
 *     type name number                of them, those that are not carried, by type
 *     master host:port run_id cursor|done
 *     end
 *
 * A cursor holds as long as the server runs that gave it, which its run_id tells.
 */
#ifndef DUNLIN_MAIN_ADMIN_STATE_H
#define DUNLIN_MAIN_ADMIN_STATE_H

#include "main/admin_tally.h"

#define ADMIN_MASTERS_MAX 1024
#define ADMIN_ADDRESS_MAX 320
#define ADMIN_RUN_ID_MAX  64
#define ADMIN_CURSOR_MAX  32
#define ADMIN_STATE_MAX   (1u << 20) /* a state file's bytes */
#define ADMIN_RING_MAX    64
#define ADMIN_PATTERN_MAX 4096

/* A server that is walked. */
struct admin_master {
    char address[ADMIN_ADDRESS_MAX];
    char run_id[ADMIN_RUN_ID_MAX];
    char cursor[ADMIN_CURSOR_MAX]; /* the next to ask for; "0": the beginning */
    bool done;
};

struct admin_state {
    char source[ADMIN_ADDRESS_MAX];
    char match[ADMIN_PATTERN_MAX]; /* "": all keys */
    char ring[ADMIN_RING_MAX];     /* "": not known yet */
    bool replace;
    struct admin_tally tally;
    struct admin_master *masters; /* ours */
    size_t master_count;
};

void admin_state_deinit(struct admin_state *state);
/* Adds a server that is not walked yet, and returns it; NULL: too many, or too long an address. */
struct admin_master *admin_state_add(struct admin_state *state, struct span address);

void admin_state_write(const struct admin_state *state, struct buffer *text);
/* Reads what admin_state_write wrote. On false `error` says in which line what is wrong, and the
 * state is empty. To be given to admin_state_deinit in either case. */
bool admin_state_read(struct admin_state *state, struct span text, struct buffer *error);

/* Whether `other` is a state of the same import, as far as is known before Dunlin is asked; else
 * `error` says what is different. */
bool admin_state_fits(const struct admin_state *state, const struct admin_state *other,
                      struct buffer *error);

#endif
