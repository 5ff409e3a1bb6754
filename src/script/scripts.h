/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The scripts that a node knows, by the SHA-1 of their texts, shared by its workers. It has a lock
 * of its own, held for a look-up; nothing else happens under it. What is kept is bounded: past
 * SCRIPTS_BYTES_MAX those that were not asked for longest go, and are asked of other nodes, or told
 * as unknown (NOSCRIPT), as after a restart.
 */
#ifndef DUNLIN_SCRIPT_SCRIPTS_H
#define DUNLIN_SCRIPT_SCRIPTS_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/span.h"
#include "script/interpreter.h"

#define SCRIPTS_BYTES_MAX (32u << 20)

/* A script, immutable and counted. */
struct script {
    struct list link; /* under the lock, while it is kept */
    struct script *next;
    atomic_uint holders;
    char name[SCRIPT_NAME_SIZE];
    bool no_writes; /* "#!lua flags=no-writes" */
    size_t size;
    uint8_t text[];
};

struct scripts;

struct scripts *scripts_create(void);
void scripts_destroy(struct scripts **scripts);

/* The name of a text. */
void script_name(struct span text, char name[SCRIPT_NAME_SIZE]);
/* Whether it may be one, and writes it in lower case. */
bool script_name_read(struct span given, char name[SCRIPT_NAME_SIZE]);

/* A script of this text, held once. NULL: its first line is wrong, or there is no memory, and
 * `reply` says so. */
struct script *script_create(struct span text, struct buffer *reply);
void script_release(struct script **script);

/* Keeps it, unless one of its name is. Returns whether it is new. */
bool scripts_keep(struct scripts *scripts, struct script *script);
/* One more holder's share; NULL: it is not known. */
struct script *scripts_find(struct scripts *scripts, const char name[SCRIPT_NAME_SIZE]);
/* Forgets all. */
void scripts_flush(struct scripts *scripts);
/* Bytes that are kept; how many scripts; how often all were forgotten. */
size_t scripts_bytes(struct scripts *scripts);
size_t scripts_count(struct scripts *scripts);
uint64_t scripts_flushes(const struct scripts *scripts);

/* ---- those that run, for SCRIPT KILL ---- */

struct script_run {
    struct list link;
    atomic_bool killed;
    atomic_bool wrote; /* what it did already cannot be undone */
};

/* In the answers of several nodes the greatest counts. */
enum script_kill { KILL_NONE_RUNS, KILL_DONE, KILL_REFUSED };

/* It is in the way of SCRIPT KILL until it ends. It was zeroed once; what an earlier run of the
 * same script wrote counts on. */
void scripts_run_begin(struct scripts *scripts, struct script_run *run);
void scripts_run_end(struct scripts *scripts, struct script_run *run);
enum script_kill scripts_kill(struct scripts *scripts);

#endif
