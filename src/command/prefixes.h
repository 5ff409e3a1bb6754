/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The prefixes of keys that clients of a worker want to be told of (CLIENT TRACKING ON BCAST), and
 * for each its clients and the keys that changed and were not told yet. The prefixes stand in their
 * order, and each knows the longest other one that it begins with: those that a key begins with are
 * then the last one that is not above the key, if it is one, and what that begins with.
 *
 * Bounds: PREFIXES_MAX of them.
 */
#ifndef DUNLIN_COMMAND_PREFIXES_H
#define DUNLIN_COMMAND_PREFIXES_H

#include "base/buffer.h"
#include "base/list.h"

#define PREFIXES_MAX 16384

struct tracker;

struct prefix {
    struct prefix *begins_with; /* the longest other one; NULL: none */
    struct tracker **trackers;
    size_t tracker_count, tracker_capacity;
    struct list dirty;     /* in prefixes->dirty while `changed` is not empty */
    struct buffer changed; /* store/changes.h: the keys that changed */
    size_t size;
    uint8_t text[];
};

struct prefixes {
    struct prefix **sorted;
    size_t count, capacity;
    struct list dirty; /* of struct prefix */
};

void prefixes_init(struct prefixes *prefixes);
/* Nobody has one any more. */
void prefixes_deinit(struct prefixes *prefixes);

/* The tracker wants this prefix, and has not had it; there are fewer than PREFIXES_MAX. */
void prefixes_add(struct prefixes *prefixes, struct span text, struct tracker *tracker);
/* It wants it no more. */
void prefixes_remove(struct prefixes *prefixes, struct span text, const struct tracker *tracker);

/* The longest prefix that the key begins with; the others are what that begins_with. NULL: none. */
struct prefix *prefixes_of(const struct prefixes *prefixes, struct span key);

static inline struct span prefix_text(const struct prefix *prefix)
{
    return span_of(prefix->text, prefix->size);
}

/* Whether the one is the beginning of the other. */
bool prefix_begins(struct span prefix, struct span text);
/* Below 0, 0 or above 0, by their bytes. */
int prefix_compare(struct span a, struct span b);

#endif
