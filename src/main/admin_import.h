/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dunlin-admin import: a live Redis copied into Dunlin. It walks the source with SCAN, page by
 * page (admin_walk.c); of a page it asks for types, then for values and dates, and hands them to
 * Dunlin with RESTORE (admin_carry.c). A page counts once the fate of each of its keys is known;
 * then the cursor goes on, and once a second into the state file. So whatever ends the import, the
 * next call goes on from a page that is done at the most once more. With --verify it is all walked
 * once more and compared (admin_verify.c).
 *
 * Memory is bounded by a page of keys, a batch of values (admin_batch.h), the list of masters.
 */
#ifndef DUNLIN_MAIN_ADMIN_IMPORT_H
#define DUNLIN_MAIN_ADMIN_IMPORT_H

#include "base/rng.h"
#include "main/admin_batch.h"
#include "main/admin_options.h"
#include "main/admin_screen.h"
#include "main/admin_source.h"
#include "main/admin_state.h"
#include "main/admin_target.h"

enum admin_result {
    ADMIN_OK,
    ADMIN_AGAIN, /* the source broke: the page is to be read again */
    ADMIN_STOP,  /* interrupted, or given up; `error` says why where it is given up */
};

/* Of a side that fails. */
struct admin_patience {
    bool failing;
    int64_t since_ms;
    unsigned attempts;
};

struct admin_import {
    const struct admin_options *options;
    struct admin_source source;
    struct admin_target target;
    char ring[ADMIN_RING_MAX]; /* of the target; "": not asked */
    struct admin_state state;  /* walked by the import; a comparison has masters of its own */
    const char *state_file;    /* NULL: none is kept */
    int64_t saved_ms;
    struct admin_screen screen;
    struct admin_progress progress;
    struct rng rng;       /* draws a sample */
    uint64_t source_keys; /* what the source has at the beginning */
    uint64_t compared;    /* keys that the comparison has walked over */
    struct admin_patience source_patience, target_patience;
    struct buffer report; /* lines that are not written yet */
    struct buffer error;
};

/* What is done with one page. */
struct admin_walk {
    const char *unit;
    enum admin_result (*page)(struct admin_import *import, struct admin_key *keys, size_t count);
    /* The page is done: counts it. */
    bool (*done)(struct admin_import *import, const struct admin_key *keys, size_t count);
    uint64_t (*counted)(const struct admin_import *import);
};

/* Walks all masters that are not done. */
enum admin_result admin_walk(struct admin_import *import, const struct admin_walk *walk,
                             struct admin_master *masters, size_t count);

extern const struct admin_walk admin_carry;
extern const struct admin_walk admin_compare;

/* It failed again, over this link: says so the first time, and waits. False: for too long, or with
 * what no waiting mends, which `error` then says; or interrupted. */
bool admin_fail(struct admin_import *import, struct admin_patience *patience,
                const struct admin_link *link, const char *why);
/* It worked. */
void admin_succeed(struct admin_patience *patience);

bool admin_state_save(struct admin_import *import, bool now);
/* A line for --report. */
void admin_report_add(struct admin_import *import, const char *what, struct span key,
                      const char *reason);

enum admin_exit admin_import(const struct admin_options *options, char *const *words);
enum admin_exit admin_status(const struct admin_options *options);

#endif
