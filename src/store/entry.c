/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/entry.h"

#include "base/assert.h"

/* More pieces than this are not checked for overlap one against the other. */
#define PIECES_CHECKED_MAX 8

size_t entry_pieces_size(const struct span *pieces, size_t piece_count)
{
    size_t size = 0;

    for (size_t i = 0; i < piece_count; i++)
        ensure(!__builtin_add_overflow(size, pieces[i].size, &size));
    ensure(size <= UINT32_MAX);
    return size;
}

static uint8_t *value_at(struct entry *entry)
{
    return (uint8_t *)entry + entry_header_size(entry_timed(entry)) + entry->key_size;
}

static void write_version(struct entry *entry, const struct version *version, size_t value_size)
{
    entry->stamp = version->dot.stamp;
    entry->node = version->dot.node;
    entry->kind = (uint8_t)version->kind;
    entry->value_size = (uint32_t)value_size;
}

struct entry *entry_create(uint32_t hash, struct span key, const struct version *version,
                           const struct span *pieces, size_t piece_count)
{
    const bool timed = entry_timed_for(version);
    const size_t value_size = entry_pieces_size(pieces, piece_count);

    ensure(key.size <= UINT32_MAX);
    /* The whole size class: a longer value may come to be written over this one. */
    struct entry *entry = memory_try_alloc(entry_memory_for(key.size, value_size, timed));
    if (entry == NULL)
        return NULL;
    write_version(entry, version, value_size);
    entry->key_size = (uint32_t)key.size;
    entry->hash = hash;
    entry->flags = timed ? ENTRY_TIMED : 0;
    uint8_t *to = value_at(entry);
    if (key.size > 0)
        memcpy(to - key.size, key.data, key.size);
    for (size_t i = 0; i < piece_count; i++) {
        if (pieces[i].size > 0)
            memcpy(to, pieces[i].data, pieces[i].size);
        to += pieces[i].size;
    }
    return entry;
}

void entry_destroy(struct entry **entry)
{
    memory_free(*entry);
    *entry = NULL;
}

static bool overlap(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    return a_size > 0 && b_size > 0 && (uintptr_t)a < (uintptr_t)b + b_size &&
           (uintptr_t)b < (uintptr_t)a + a_size;
}

/* Whether writing the pieces to `to` one after the other never writes over bytes that a later piece
 * is still to be read from. A piece may overlap its own place: that is memmove's job. */
static bool movable(const uint8_t *to, const struct span *pieces, size_t piece_count)
{
    if (piece_count > PIECES_CHECKED_MAX)
        return false;
    for (size_t i = 0; i < piece_count; i++) {
        for (size_t later = i + 1; later < piece_count; later++)
            if (overlap(to, pieces[i].size, pieces[later].data, pieces[later].size))
                return false;
        to += pieces[i].size;
    }
    return true;
}

bool entry_overwrite(struct entry *entry, const struct version *version, const struct span *pieces,
                     size_t piece_count)
{
    const bool timed = entry_timed_for(version);
    const size_t value_size = entry_pieces_size(pieces, piece_count);
    uint8_t *to = value_at(entry);

    if (timed != entry_timed(entry) ||
        entry_memory_for(entry->key_size, value_size, timed) != entry_memory(entry) ||
        !movable(to, pieces, piece_count))
        return false;
    for (size_t i = 0; i < piece_count; i++) {
        if (pieces[i].size > 0)
            memmove(to, pieces[i].data, pieces[i].size);
        to += pieces[i].size;
    }
    write_version(entry, version, value_size);
    return true;
}

void entry_read(const struct entry *entry, struct version *version)
{
    version->dot = entry_dot(entry);
    version->kind = (enum value_kind)entry->kind;
    version->deadline_ms = DEADLINE_NEVER;
    if (entry_expires(entry))
        version->deadline_ms = ((const struct wheel_timer *)(entry + 1))->deadline;
    version->value = entry_value(entry);
}
