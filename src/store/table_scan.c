/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Read a 32-bit hash from its low end: its reversal. A bucket holds the hashes that agree in their
 * low d bits, d being the depth at which it was last split, and those are an interval of the
 * reversals: its own number's, reversed, and the next 2^(32-d). So at every number of buckets the
 * buckets cut [0, 2^32) into intervals; a split halves one, a merge joins two.
 *
 * A cursor is a place in [0, 2^32): all entries whose reversed hash lies below it have been
 * visited, if they were there. That does not depend on how many buckets there are. A step visits,
 * of the bucket whose interval holds the cursor, the entries at or above the cursor, and returns
 * the end of the interval. So an entry that stays from first to last is visited, and (but for a
 * change of its own) once.
 */

#include "store/store.h"
#include "store/table_parts.h"

/* The end of the interval of bucket `index`, up to 2^32. */
static uint64_t interval_end(uint32_t index, uint32_t count)
{
    const unsigned level = 31u - (unsigned)__builtin_clz(count); /* 2^level <= count */
    const uint32_t power = UINT32_C(1) << level;
    const bool split = index >= power || index < count - power;
    const unsigned depth = level + (split ? 1 : 0);

    return (uint64_t)table_position(index) + (UINT64_C(1) << (32 - depth));
}

uint64_t table_scan(const struct table *table, uint64_t cursor, uint32_t limit,
                    void (*visit)(void *context, const struct entry *entry), void *context)
{
    uint32_t visited = 0;

    while (cursor <= UINT32_MAX) {
        const uint32_t index = table_address(table_position((uint32_t)cursor), table->bucket_count);

        for (const struct bucket *bucket = table_bucket_at(table, index); bucket != NULL;
             bucket = bucket->overflow)
            for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0; i++) {
                const struct entry *entry = word_entry(bucket->words[i]);

                if (table_position(hash_of(table, entry)) < cursor)
                    continue;
                visit(context, entry);
                visited++;
            }
        cursor = interval_end(index, table->bucket_count);
        if (visited >= limit)
            break;
    }
    return cursor <= UINT32_MAX ? cursor : 0;
}

/* The entries of a bucket in the order of their positions, as many as have room: those of the
 * lowest positions. */
#define ORDERED_MAX 32u

struct ordered {
    uint32_t count;
    uint64_t end; /* below it none is missing */
    struct {
        uint32_t position;
        const struct entry *entry;
    } at[ORDERED_MAX];
};

static void order_in(struct ordered *ordered, uint32_t position, const struct entry *entry)
{
    uint32_t i = ordered->count;

    if (position >= ordered->end)
        return;
    if (i == ORDERED_MAX) {
        i--;
        ordered->end = position > ordered->at[i].position ? position : ordered->at[i].position;
        if (position >= ordered->end)
            return;
    } else {
        ordered->count++;
    }
    for (; i > 0 && ordered->at[i - 1].position > position; i--)
        ordered->at[i] = ordered->at[i - 1];
    ordered->at[i].position = position;
    ordered->at[i].entry = entry;
}

/* Those of bucket `index` at or above `position`. */
static void order_bucket(const struct table *table, uint32_t index, uint64_t position,
                         struct ordered *ordered)
{
    const struct bucket *first = table_bucket_at(table, index);

    ordered->count = 0;
    ordered->end = interval_end(index, table->bucket_count);
    for (const struct bucket *bucket = first; bucket != NULL; bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0; i++)
            __builtin_prefetch(word_entry(bucket->words[i]));
    for (const struct bucket *bucket = first; bucket != NULL; bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0; i++) {
            const struct entry *entry = word_entry(bucket->words[i]);
            const uint32_t at = table_position(hash_of(table, entry));

            if (at >= position)
                order_in(ordered, at, entry);
        }
}

/* All of one position, which are more than have room: only a bad hash has so many. */
static bool visit_position(const struct table *table, uint32_t index, uint32_t position,
                           bool (*visit)(void *context, uint32_t position,
                                         const struct entry *entry),
                           void *context)
{
    bool more = true;

    for (const struct bucket *bucket = table_bucket_at(table, index); bucket != NULL;
         bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0; i++) {
            const struct entry *entry = word_entry(bucket->words[i]);

            if (table_position(hash_of(table, entry)) == position)
                more &= visit(context, position, entry);
        }
    return more;
}

uint64_t table_list(const struct table *table, uint64_t position, uint32_t limit,
                    bool (*visit)(void *context, uint32_t position, const struct entry *entry),
                    void *context)
{
    uint32_t visited = 0;
    bool more = true;

    while (position < POSITION_END) {
        struct ordered ordered;
        const uint32_t index = table_address(table_position((uint32_t)position),
                                             table->bucket_count);
        uint32_t i = 0;

        order_bucket(table, index, position, &ordered);
        if (ordered.count == ORDERED_MAX && ordered.at[0].position >= ordered.end) {
            more &= visit_position(table, index, ordered.at[0].position, visit, context);
            visited += ORDERED_MAX;
            ordered.end = ordered.at[0].position + UINT64_C(1);
            ordered.count = 0;
        }
        while (i < ordered.count && ordered.at[i].position < ordered.end) {
            if (i > 0 && ordered.at[i].position != ordered.at[i - 1].position &&
                (!more || visited >= limit))
                return ordered.at[i].position;
            more &= visit(context, ordered.at[i].position, ordered.at[i].entry);
            visited++;
            i++;
        }
        position = ordered.end;
        if (!more || visited >= limit)
            break;
    }
    return position;
}
