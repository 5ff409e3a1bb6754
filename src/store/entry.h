/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An entry: a key and its version in one allocation, or a large value in a block of its own.
 *
 *     0        8    10  11  12     16
 *     +--------+----+---+---+------+----------------------------------------------+-----+-------+
 *     | stamp  |node|kin|key|value | [timer, 16] [date, 8] [apart, 16] [long, 8]  | key | value |
 *     |        |    |+fl|siz| size |                                              |     |       |
 *     +--------+----+---+---+------+----------------------------------------------+-----+-------+
 *
 * The byte at 10 is enum value_kind in its low three bits and the flags in the others. What is in
 * brackets is there when its flag is:
 *
 *   ENTRY_TIMED   timer: of an entry with a deadline, which stands in the table's wheel, and of a
 *                 tombstone, which has no deadline and stands in the table's list of tombstones by
 *                 the same links. Its note is the deadline, in 40 bits of milliseconds since
 *                 ENTRY_EPOCH_MS: 2020 to 2054.
 *   ENTRY_FAR     date: a deadline that this does not hold, int64_t.
 *   ENTRY_APART   apart: where the value is, and the block that it is in, of which the entry has a
 *                 share: that in which it arrived. Only large values are kept so, and such as fill
 *                 their block. Nothing follows the key.
 *   ENTRY_LONG    long: the size of a key of 255 bytes and more, uint32_t (in the header it is then
 *                 255), and the low half of its hash, uint32_t. That of a short key is computed
 *                 anew when it is wanted, as when a table splits a bucket; a long key would take
 *                 too long.
 *
 * ENTRY_USED: the version was read or written over since the hand of the clock came by
 * (store/clock.c). Sizes are bytes, below 2^32 each.
 *
 * A 16-byte key with a 64-byte value is 96 bytes, with a deadline 112: both are allocated as that.
 */
#ifndef DUNLIN_STORE_ENTRY_H
#define DUNLIN_STORE_ENTRY_H

#include "base/assert.h"
#include "base/block.h"
#include "base/memory.h"
#include "base/wheel.h"
#include "value/version.h"

#define ENTRY_KIND  0x07u
#define ENTRY_APART 0x08u
#define ENTRY_TIMED 0x10u
#define ENTRY_FAR   0x20u
#define ENTRY_LONG  0x40u
#define ENTRY_USED  0x80u

/* What is in brackets. */
#define ENTRY_PARTS (ENTRY_TIMED | ENTRY_FAR | ENTRY_APART | ENTRY_LONG)

/* A value may be kept in the block in which it arrived with about so many bytes of the command that
 * brought it. */
#define ENTRY_APART_SLACK 256u

#define ENTRY_KEY_LONG 255u
#define ENTRY_EPOCH_MS INT64_C(1577836800000) /* 2020-01-01 */

struct entry {
    uint64_t stamp;
    uint16_t node;
    uint8_t traits; /* kind and flags */
    uint8_t key_size;
    uint32_t value_size;
};

struct entry_apart {
    const uint8_t *value;
    struct block *block;
};

struct entry_long {
    uint32_t key_size;
    uint32_t hash;
};

_Static_assert(sizeof(struct entry) == 16, "entry.h draws 16 bytes");
_Static_assert(sizeof(struct wheel_timer) == 16, "entry.h draws 16 bytes");
_Static_assert(sizeof(struct entry_apart) == 16, "entry.h draws 16 bytes");
_Static_assert(sizeof(struct entry_long) == 8, "entry.h draws 8 bytes");

/* Bytes of all pieces together, which must be below 2^32. */
static inline size_t entry_pieces_size(const struct span *pieces, size_t piece_count)
{
    size_t size = 0;

    for (size_t i = 0; i < piece_count; i++)
        ensure(!__builtin_add_overflow(size, pieces[i].size, &size));
    ensure(size <= UINT32_MAX);
    return size;
}

/* NULL when there is no memory. The value is the concatenation of `pieces`; the timer is in no
 * wheel yet. */
struct entry *entry_create(uint32_t hash, struct span key, const struct version *version,
                           const struct span *pieces, size_t piece_count);
/* Whether the value may be kept in the block that it lies in. */
bool entry_may_share(const struct block *block, struct span value);
/* The same as entry_create, with a share of such a block in place of a copy of version->value. */
struct entry *entry_create_apart(uint32_t hash, struct span key, const struct version *version,
                                 struct block *block);
void entry_destroy(struct entry **entry);

/* Writes a new version over the old one. Pieces may point into the old value. False, with nothing
 * changed, when the new one needs an allocation of another size or other parts, or when the pieces
 * cannot be moved in place. Leaves the timer and the deadline alone. */
bool entry_overwrite(struct entry *entry, const struct version *version, const struct span *pieces,
                     size_t piece_count);

/* Whether the entry is a string without any part, and the version one with a value of its size. */
static inline bool entry_alike(const struct entry *entry, const struct version *version,
                               size_t value_size)
{
    return (entry->traits & (ENTRY_KIND | ENTRY_PARTS)) == VALUE_STRING &&
           version->kind == VALUE_STRING && version->deadline_ms == DEADLINE_NEVER &&
           entry->value_size == value_size;
}

/* Writes over the value of such an entry; `value` may lie in it. */
static inline void entry_rewrite(struct entry *entry, struct dot dot, struct span value)
{
    if (value.size > 0)
        memmove((uint8_t *)(entry + 1) + entry->key_size, value.data, value.size);
    entry->stamp = dot.stamp;
    entry->node = dot.node;
}

static inline enum value_kind entry_kind(const struct entry *entry)
{
    return (enum value_kind)(entry->traits & ENTRY_KIND);
}

static inline bool entry_timed(const struct entry *entry)
{
    return (entry->traits & ENTRY_TIMED) != 0;
}

static inline bool entry_tombstone(const struct entry *entry)
{
    return entry_kind(entry) == VALUE_TOMBSTONE;
}

static inline bool entry_expires(const struct entry *entry)
{
    return entry_timed(entry) && !entry_tombstone(entry);
}

static inline struct dot entry_dot(const struct entry *entry)
{
    return (struct dot){.stamp = entry->stamp, .node = entry->node};
}

/* Bytes before the key, by the flags among `traits`. Most entries have no parts. */
static inline size_t entry_header_size(unsigned traits)
{
    if (__builtin_expect((traits & ENTRY_PARTS) == 0, 1))
        return sizeof(struct entry);
    return sizeof(struct entry) + ((traits & ENTRY_TIMED) != 0 ? sizeof(struct wheel_timer) : 0) +
           ((traits & ENTRY_FAR) != 0 ? sizeof(int64_t) : 0) +
           ((traits & ENTRY_APART) != 0 ? sizeof(struct entry_apart) : 0) +
           ((traits & ENTRY_LONG) != 0 ? sizeof(struct entry_long) : 0);
}

static inline struct wheel_timer *entry_timer(struct entry *entry)
{
    return (struct wheel_timer *)(entry + 1);
}

static inline struct entry *entry_of_timer(struct wheel_timer *timer)
{
    return (struct entry *)timer - 1;
}

static inline const struct entry_long *entry_long(const struct entry *entry)
{
    return (const struct entry_long *)((const uint8_t *)entry + entry_header_size(entry->traits)) -
           1;
}

static inline const struct entry_apart *entry_apart(const struct entry *entry)
{
    const size_t behind = (entry->traits & ENTRY_LONG) != 0 ? sizeof(struct entry_long) : 0;

    return (const struct entry_apart *)((const uint8_t *)entry + entry_header_size(entry->traits) -
                                        behind) -
           1;
}

static inline struct span entry_key(const struct entry *entry)
{
    const uint8_t *key = (const uint8_t *)entry + entry_header_size(entry->traits);

    if (__builtin_expect((entry->traits & ENTRY_LONG) != 0, 0))
        return span_of(key, entry_long(entry)->key_size);
    return span_of(key, entry->key_size);
}

static inline struct span entry_value(const struct entry *entry)
{
    const struct span key = entry_key(entry);

    if (__builtin_expect((entry->traits & ENTRY_APART) != 0, 0))
        return span_of(entry_apart(entry)->value, entry->value_size);
    return span_of(key.data + key.size, entry->value_size);
}

/* Whether a deadline fits in a timer's note. */
static inline bool entry_deadline_near(int64_t deadline_ms)
{
    return ((uint64_t)deadline_ms - (uint64_t)ENTRY_EPOCH_MS) >> CIRCLE_NOTE_BITS == 0;
}

/* The parts that an entry of that key and version has. */
static inline uint8_t entry_parts_for(size_t key_size, const struct version *version)
{
    unsigned parts = key_size >= ENTRY_KEY_LONG ? ENTRY_LONG : 0;

    if (version->kind == VALUE_TOMBSTONE)
        parts |= ENTRY_TIMED;
    else if (version->deadline_ms != DEADLINE_NEVER)
        parts |= ENTRY_TIMED | (entry_deadline_near(version->deadline_ms) ? 0 : ENTRY_FAR);
    return (uint8_t)parts;
}

/* Bytes that an entry with these parts would take, by memory_size_class. */
static inline size_t entry_memory_for(unsigned parts, size_t key_size, size_t value_size)
{
    if (__builtin_expect((parts & ENTRY_APART) != 0, 0))
        return memory_size_class(entry_header_size(parts) + key_size) +
               memory_size_class(sizeof(struct block)) +
               memory_size_class(value_size + ENTRY_APART_SLACK);
    return memory_size_class(entry_header_size(parts) + key_size + value_size);
}

/* Bytes that the entry takes. */
static inline size_t entry_memory(const struct entry *entry)
{
    return entry_memory_for(entry->traits, entry_key(entry).size, entry->value_size);
}

/* DEADLINE_NEVER where it does not expire. */
int64_t entry_deadline_ms(const struct entry *entry);
/* When the timer of an entry is due in the wheel, also of one that has been written over since. */
int64_t entry_timer_deadline_ms(const struct wheel_timer *timer);
/* The entry expires, has the part that this deadline wants, and its timer is in no wheel. */
void entry_set_deadline(struct entry *entry, int64_t deadline_ms);

/* The version, with a value that points into the entry. A tombstone has no deadline. */
void entry_read(const struct entry *entry, struct version *version);

#endif
