/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of names, for channels and patterns: found by hash, and kept in the order in which they
 * came. A name is a member of whatever has it, whose owner sets its hash and text and keeps both as
 * they are while it is in a set. Hashes are seeded by who makes them, so that no client can choose
 * names that collide.
 */
#ifndef DUNLIN_COMMAND_NAMES_H
#define DUNLIN_COMMAND_NAMES_H

#include "base/list.h"
#include "base/span.h"

struct name {
    struct list all; /* of its set, in order */
    struct name *next;
    uint64_t hash;
    struct span text;
};

struct names {
    struct name **buckets;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    struct list all;
};

void names_init(struct names *names);
/* Frees what it has of its own; the names are left where they are. */
void names_deinit(struct names *names);

uint64_t names_hash(uint64_t seed, struct span text);

/* NULL: it is not there. */
struct name *names_find(const struct names *names, uint64_t hash, struct span text);
/* It is not there. False: out of memory. */
bool names_add(struct names *names, struct name *name);
void names_remove(struct names *names, struct name *name);

/* The first, and the one behind `name`; NULL: there is none. */
struct name *names_first(const struct names *names);
struct name *names_next(const struct names *names, struct name *name);

#endif
