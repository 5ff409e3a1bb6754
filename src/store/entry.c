/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/entry.h"

#include "base/assert.h"
#include "store/store.h"

/* More pieces than this are not checked for overlap one against the other. */
#define PIECES_CHECKED_MAX 8

int64_t entry_timer_deadline_ms(const struct wheel_timer *timer)
{
    const struct entry *entry = (const struct entry *)timer - 1;

    if ((entry->traits & ENTRY_FAR) != 0)
        return *(const int64_t *)(timer + 1);
    return ENTRY_EPOCH_MS + (int64_t)circle_note(&timer->link);
}

int64_t entry_deadline_ms(const struct entry *entry)
{
    if (!entry_expires(entry))
        return DEADLINE_NEVER;
    return entry_timer_deadline_ms((const struct wheel_timer *)(entry + 1));
}

void entry_set_deadline(struct entry *entry, int64_t deadline_ms)
{
    struct wheel_timer *timer = entry_timer(entry);

    ensure(entry_expires(entry) &&
           entry_deadline_near(deadline_ms) == ((entry->traits & ENTRY_FAR) == 0));
    if ((entry->traits & ENTRY_FAR) != 0)
        *(int64_t *)(timer + 1) = deadline_ms;
    else
        circle_set_note(&timer->link, (uint64_t)(deadline_ms - ENTRY_EPOCH_MS));
}

static uint8_t *value_at(struct entry *entry)
{
    return (uint8_t *)entry + entry_header_size(entry->traits) + entry_key(entry).size;
}

static void write_version(struct entry *entry, const struct version *version, size_t value_size)
{
    entry->stamp = version->dot.stamp;
    entry->node = version->dot.node;
    entry->traits = (uint8_t)((entry->traits & ~ENTRY_KIND) | version->kind);
    entry->value_size = (uint32_t)value_size;
}

/* An entry with its key, and with room for so many bytes of value behind it. The whole size class
 * is allocated: a longer value may come to be written over this one. */
static struct entry *create(uint32_t hash, struct span key, const struct version *version,
                            unsigned parts, size_t value_size)
{
    const size_t inside = (parts & ENTRY_APART) != 0 ? 0 : value_size;
    struct entry *entry;

    ensure(key.size <= UINT32_MAX);
    entry = memory_try_alloc(memory_size_class(entry_header_size(parts) + key.size + inside));
    if (entry == NULL)
        return NULL;
    entry->traits = (uint8_t)parts;
    write_version(entry, version, value_size);
    entry->key_size = key.size < ENTRY_KEY_LONG ? (uint8_t)key.size : ENTRY_KEY_LONG;
    if ((parts & ENTRY_TIMED) != 0)
        *entry_timer(entry) = (struct wheel_timer){.link = {.next = 0}};
    if (entry_expires(entry))
        entry_set_deadline(entry, version->deadline_ms);
    if ((parts & ENTRY_LONG) != 0)
        *((struct entry_long *)((uint8_t *)entry + entry_header_size(parts)) -
          1) = (struct entry_long){.key_size = (uint32_t)key.size, .hash = hash};
    if (key.size > 0)
        memcpy(value_at(entry) - key.size, key.data, key.size);
    return entry;
}

struct entry *entry_create(uint32_t hash, struct span key, const struct version *version,
                           const struct span *pieces, size_t piece_count)
{
    struct entry *entry = create(hash, key, version, entry_parts_for(key.size, version),
                                 entry_pieces_size(pieces, piece_count));

    if (entry == NULL)
        return NULL;
    uint8_t *to = value_at(entry);
    for (size_t i = 0; i < piece_count; i++) {
        if (pieces[i].size > 0)
            memcpy(to, pieces[i].data, pieces[i].size);
        to += pieces[i].size;
    }
    return entry;
}

bool store_may_share(size_t capacity, size_t value_size)
{
    return value_size >= BLOCK_SHARED_MIN && value_size <= UINT32_MAX &&
           memory_size_class(capacity) <= memory_size_class(value_size + ENTRY_APART_SLACK);
}

bool entry_may_share(const struct block *block, struct span value)
{
    return store_may_share(block->capacity, value.size) && block_holds(block, value);
}

struct entry *entry_create_apart(uint32_t hash, struct span key, const struct version *version,
                                 struct block *block)
{
    const unsigned parts = entry_parts_for(key.size, version) | ENTRY_APART;
    struct entry *entry;

    ensure(entry_may_share(block, version->value));
    entry = create(hash, key, version, parts, version->value.size);
    if (entry != NULL)
        *(struct entry_apart *)(uintptr_t)entry_apart(entry) = (struct entry_apart){
            .value = version->value.data, .block = block_share(block)};
    return entry;
}

void entry_destroy(struct entry **entry)
{
    if (((*entry)->traits & ENTRY_APART) != 0) {
        struct block *block = entry_apart(*entry)->block;
        block_release(&block);
    }
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
    if (piece_count == 1) /* by far the most */
        return true;
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
    const size_t key_size = entry_key(entry).size;
    const uint8_t parts = entry_parts_for(key_size, version);
    const size_t value_size = entry_pieces_size(pieces, piece_count);
    uint8_t *to = value_at(entry);

    if (parts != (entry->traits & ENTRY_PARTS) ||
        (value_size != entry->value_size &&
         entry_memory_for(parts, key_size, value_size) != entry_memory(entry)) ||
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
    version->kind = entry_kind(entry);
    version->deadline_ms = entry_deadline_ms(entry);
    version->value = entry_value(entry);
}
