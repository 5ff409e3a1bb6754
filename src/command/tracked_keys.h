/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keys that clients of a worker have read and want to be told of when they change, and for each
 * the ids of those clients: a hash table that grows and shrinks by one bucket at a time (linear
 * hashing), so that no step is long.
 *
 * An id stands for a client until that goes, and for nobody afterwards; ids are never used again,
 * and those of who is gone are dropped when the list of a key that they are in would have to grow.
 */
#ifndef DUNLIN_COMMAND_TRACKED_KEYS_H
#define DUNLIN_COMMAND_TRACKED_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct tracked_key {
    struct tracked_key *next;
    uint64_t hash;
    uint32_t size;     /* of the key */
    uint32_t count;    /* of ids, rising */
    uint32_t capacity; /* 1: the id is `one` */
    union {
        uint64_t one;
        uint64_t *many;
    };
    uint8_t key[];
};

struct tracked_keys {
    struct tracked_keys *behind; /* the caller's */
    uint64_t seed;
    struct tracked_key ***segments; /* of buckets; NULL while there is no key */
    size_t segment_capacity;
    size_t bucket_count;
    size_t key_count, item_count; /* items: pairs of a key and an id */
    size_t bytes;                 /* that all of it takes, about */
    size_t hand;                  /* the bucket that tracked_keys_take_any looks at next */
};

/* Whether the id stands for somebody yet. */
typedef bool (*tracked_alive)(const void *context, uint64_t id);

void tracked_keys_init(struct tracked_keys *keys, uint64_t seed);
/* Frees all that is in it, at once. */
void tracked_keys_deinit(struct tracked_keys *keys);

/* The id wants to know of the key. False: out of memory. */
bool tracked_keys_add(struct tracked_keys *keys, struct span key, uint64_t id, tracked_alive alive,
                      const void *context);

/* Takes the key out, for the caller to free; NULL: nobody wants to know of it. */
struct tracked_key *tracked_keys_take(struct tracked_keys *keys, struct span key);
/* The same of one of the keys, NULL: there is none. Looks at `buckets` at the most. */
struct tracked_key *tracked_keys_take_any(struct tracked_keys *keys, size_t buckets);
void tracked_key_free(struct tracked_key **key);

static inline struct span tracked_key_name(const struct tracked_key *key)
{
    return span_of(key->key, key->size);
}
static inline const uint64_t *tracked_key_ids(const struct tracked_key *key)
{
    return key->capacity == 1 ? &key->one : key->many;
}

#endif
