/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An entry: a key and its version in one allocation.
 *
 *     0        8     12     16    20  22 23 24
 *     +--------+------+------+-----+---+-+-+--------------------+---------+-----------+
 *     | stamp  | key  |value | hash|nod|k|f| [ timer, 24 bytes ]| key ... | value ... |
 *     |        | size | size |     | e |i|l|  deadline and links|         |           |
 *     +--------+------+------+-----+---+-+-+--------------------+---------+-----------+
 *
 * hash: the low half of the key's hash, by which a table finds the entry's bucket when it splits
 * one. kind: enum value_kind. flags: ENTRY_TIMED when the timer is there, which it is only in an
 * entry with a deadline, which stands in the table's wheel, and in a tombstone, which has no
 * deadline and stands in the table's list of tombstones by the same links; ENTRY_USED since the
 * version was read or written over, until the hand of the clock comes by (store/clock.c). Sizes are
 * bytes, below 2^32 each.
 *
 * A 16-byte key with a 64-byte value is 104 bytes, allocated as 112; with a deadline 128, as 128.
 */
#ifndef DUNLIN_STORE_ENTRY_H
#define DUNLIN_STORE_ENTRY_H

#include "base/memory.h"
#include "base/span.h"
#include "base/wheel.h"
#include "value/version.h"

#define ENTRY_TIMED 0x01u
#define ENTRY_USED  0x02u

struct entry {
    uint64_t stamp;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t hash;
    uint16_t node;
    uint8_t kind;
    uint8_t flags;
};

_Static_assert(sizeof(struct entry) == 24, "entry.h draws 24 bytes");
_Static_assert(sizeof(struct wheel_timer) == 24, "entry.h draws 24 bytes");

/* Bytes of all pieces together, which must be below 2^32. */
size_t entry_pieces_size(const struct span *pieces, size_t piece_count);

/* NULL when there is no memory. The value is the concatenation of `pieces`. */
struct entry *entry_create(uint32_t hash, struct span key, const struct version *version,
                           const struct span *pieces, size_t piece_count);
void entry_destroy(struct entry **entry);

/* Writes a new version over the old one. Pieces may point into the old value. False, with nothing
 * changed, when the new one needs an allocation of another size, a timer where there is none or
 * none where there is one, or when the pieces cannot be moved in place. Leaves the timer alone. */
bool entry_overwrite(struct entry *entry, const struct version *version, const struct span *pieces,
                     size_t piece_count);

static inline bool entry_timed(const struct entry *entry)
{
    return (entry->flags & ENTRY_TIMED) != 0;
}

static inline bool entry_tombstone(const struct entry *entry)
{
    return entry->kind == VALUE_TOMBSTONE;
}

static inline bool entry_expires(const struct entry *entry)
{
    return entry_timed(entry) && !entry_tombstone(entry);
}

/* Whether an entry of that version has a timer. */
static inline bool entry_timed_for(const struct version *version)
{
    return version->kind == VALUE_TOMBSTONE || version->deadline_ms != DEADLINE_NEVER;
}

static inline struct dot entry_dot(const struct entry *entry)
{
    return (struct dot){.stamp = entry->stamp, .node = entry->node};
}

static inline size_t entry_header_size(bool timed)
{
    return sizeof(struct entry) + (timed ? sizeof(struct wheel_timer) : 0);
}

static inline struct wheel_timer *entry_timer(struct entry *entry)
{
    return (struct wheel_timer *)(entry + 1);
}

static inline struct entry *entry_of_timer(struct wheel_timer *timer)
{
    return (struct entry *)timer - 1;
}

static inline struct span entry_key(const struct entry *entry)
{
    return span_of((const uint8_t *)entry + entry_header_size(entry_timed(entry)), entry->key_size);
}

static inline struct span entry_value(const struct entry *entry)
{
    const struct span key = entry_key(entry);

    return span_of(key.data + key.size, entry->value_size);
}

/* Bytes that the entry takes, by memory_size_class. */
static inline size_t entry_memory(const struct entry *entry)
{
    return memory_size_class(entry_header_size(entry_timed(entry)) + entry->key_size +
                             (size_t)entry->value_size);
}

/* Bytes that an entry for `key_size`, `value_size` would take. */
static inline size_t entry_memory_for(size_t key_size, size_t value_size, bool timed)
{
    return memory_size_class(entry_header_size(timed) + key_size + value_size);
}

/* The version, with a value that points into the entry. A tombstone has no deadline. */
void entry_read(const struct entry *entry, struct version *version);

#endif
