/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/table_parts.h"

#include "base/assert.h"

/* Entries a bucket: above the first the table grows, below the second it shrinks. The first trades
 * bytes a key (a half less costs 1 byte of some 130) against look-ups that read an overflow bucket,
 * whose cost tests/perf/store_perf.c cannot tell from noise up to 6; the distance keeps a table
 * from going back and forth. */
#define GROW_ABOVE   5u
#define SHRINK_BELOW 2u

static uint64_t tag_of(const struct table *table, uint64_t hash)
{
    const uint64_t tag = (hash & table->seen) >> TAG_SHIFT;

    return tag != 0 ? tag : 1;
}

static uint64_t word_make(uint64_t tag, const struct entry *entry)
{
    ensure(((uint64_t)(uintptr_t)entry >> TAG_SHIFT) == 0);
    return (tag << TAG_SHIFT) | (uint64_t)(uintptr_t)entry;
}

/* ------------------------------------------------------------------------------------- memory */

static void *take(struct table *table, size_t alignment, size_t size)
{
    void *block = memory_try_alloc_aligned(alignment, size);

    if (block == NULL)
        return NULL;
    table->memory += memory_size_class(size);
    return memset(block, 0, size);
}

static void give(struct table *table, void *block, size_t size)
{
    if (block == NULL)
        return;
    table->memory -= memory_size_class(size);
    memory_free(block);
}

static struct bucket *take_bucket(struct table *table)
{
    return take(table, sizeof(struct bucket), sizeof(struct bucket));
}

static void give_bucket(struct table *table, struct bucket *bucket)
{
    give(table, bucket, sizeof *bucket);
}

/* Buckets that the first segment has room for in a table of `count`: it grows by doubling. */
static uint32_t first_segment_buckets(uint32_t count)
{
    if (count >= SEGMENT_BUCKETS)
        return SEGMENT_BUCKETS;
    return count > 1 ? (UINT32_MAX >> __builtin_clz(count - 1)) + 1 : 1;
}

static bool resize_directory(struct table *table, uint32_t capacity)
{
    struct bucket **segments = take(table, sizeof(void *), capacity * sizeof(void *));
    const uint32_t old = table->segment_capacity;

    if (segments == NULL)
        return false;
    if (old > 0)
        memcpy(segments, table->segments, (old < capacity ? old : capacity) * sizeof(void *));
    give(table, table->segments, old * sizeof(void *));
    table->segments = segments;
    table->segment_capacity = capacity;
    return true;
}

/* Puts `segment` in the place of the first, of `old` buckets, with the first `kept` of them. */
static void replace_first_segment(struct table *table, struct bucket *segment, uint32_t old,
                                  uint32_t kept)
{
    memcpy(segment, table->segments[0], kept * sizeof(struct bucket));
    give(table, table->segments[0], old * sizeof(struct bucket));
    table->segments[0] = segment;
}

/* Makes room for bucket number `index`, the one after the last. */
static bool extend(struct table *table, uint32_t index)
{
    const uint32_t segment = index / SEGMENT_BUCKETS;

    if (segment == 0) {
        const uint32_t old = first_segment_buckets(index);
        const uint32_t new = first_segment_buckets(index + 1);

        if (old == new)
            return true;
        struct bucket *larger = take(table, sizeof(struct bucket), new * sizeof(struct bucket));
        if (larger == NULL)
            return false;
        replace_first_segment(table, larger, old, old);
        return true;
    }
    if (segment >= table->segment_capacity && !resize_directory(table, segment * 2))
        return false;
    if (table->segments[segment] == NULL)
        table->segments[segment] = take(table, sizeof(struct bucket),
                                        SEGMENT_BUCKETS * sizeof(struct bucket));
    return table->segments[segment] != NULL;
}

/* The memory for a smaller first segment where one is due when bucket number `index` goes. */
static bool reserve_smaller(struct table *table, uint32_t index, struct bucket **smaller)
{
    const uint32_t new = first_segment_buckets(index);

    *smaller = NULL;
    if (index >= SEGMENT_BUCKETS || new == first_segment_buckets(index + 1))
        return true;
    *smaller = take(table, sizeof(struct bucket), new * sizeof(struct bucket));
    return *smaller != NULL;
}

/* Gives back the room of bucket number `index`, until now the last. `smaller` is what
 * reserve_smaller gave for it. A directory that could be halved and cannot for want of memory stays
 * as it is. */
static void retract(struct table *table, uint32_t index, struct bucket *smaller)
{
    const uint32_t segment = index / SEGMENT_BUCKETS;

    if (smaller != NULL) {
        replace_first_segment(table, smaller, first_segment_buckets(index + 1), index);
    } else if (segment > 0 && index % SEGMENT_BUCKETS == 0) {
        give(table, table->segments[segment], SEGMENT_BUCKETS * sizeof(struct bucket));
        table->segments[segment] = NULL;
        if (segment <= table->segment_capacity / 4)
            (void)resize_directory(table, table->segment_capacity / 2);
    }
}

struct table *table_create(const struct hasher *hasher)
{
    struct table *table = memory_try_alloc(sizeof *table);

    if (table == NULL)
        return NULL;
    *table = (struct table){
        .hasher = hasher,
        .bucket_count = 1,
        .seen = ~hasher->cleared,
        .memory = memory_size_class(sizeof *table),
    };
    if (resize_directory(table, 1)) {
        table->segments[0] = take_bucket(table);
        if (table->segments[0] != NULL)
            return table;
    }
    memory_free(table->segments);
    memory_free(table);
    return NULL;
}

/* ------------------------------------------------------------------------------------- chains
 *
 * A chain is a bucket with its overflow buckets. */

/* Where words are appended to a chain. */
struct tail {
    struct bucket *bucket;
    unsigned used; /* words in `bucket` */
};

static unsigned words_used(const struct bucket *bucket)
{
    unsigned used = 0;

    while (used < BUCKET_SLOTS && bucket->words[used] != 0)
        used++;
    return used;
}

static struct tail chain_tail(struct bucket *bucket)
{
    while (bucket->overflow != NULL)
        bucket = bucket->overflow;
    return (struct tail){.bucket = bucket, .used = words_used(bucket)};
}

/* Appends `word`, taking the bucket it may need from *spare, a list through `overflow`. */
static void tail_append(struct tail *tail, uint64_t word, struct bucket **spare)
{
    if (tail->used == BUCKET_SLOTS) {
        struct bucket *bucket = *spare;

        ensure(bucket != NULL);
        *spare = bucket->overflow;
        memset(bucket, 0, sizeof *bucket);
        tail->bucket->overflow = bucket;
        *tail = (struct tail){.bucket = bucket};
    }
    tail->bucket->words[tail->used++] = word;
}

static void give_chain(struct table *table, struct bucket *bucket)
{
    while (bucket != NULL) {
        struct bucket *next = bucket->overflow;

        give_bucket(table, bucket);
        bucket = next;
    }
}

/* Overflow buckets that a chain of `words` has. */
static uint32_t overflow_buckets(uint32_t words)
{
    return words > 0 ? (words - 1) / BUCKET_SLOTS : 0;
}

/* `count` buckets in a list through `overflow`; false when there are not so many. */
static bool take_spare(struct table *table, uint32_t count, struct bucket **spare)
{
    *spare = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct bucket *bucket = take_bucket(table);

        if (bucket == NULL) {
            give_chain(table, *spare);
            return false;
        }
        bucket->overflow = *spare;
        *spare = bucket;
    }
    return true;
}

/* The word of an entry that is in the chain. */
static uint64_t *find_word(struct bucket *bucket, const struct entry *entry)
{
    for (; bucket != NULL; bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS; i++)
            if (word_entry(bucket->words[i]) == entry)
                return &bucket->words[i];
    ensure(!"the entry is in the table");
    return NULL;
}

/* Moves the last word of the chain at `bucket` to `word`, which is in it, and drops the overflow
 * bucket that this empties. */
static void chain_drop(struct table *table, struct bucket *bucket, uint64_t *word)
{
    struct bucket *before = NULL;

    while (bucket->overflow != NULL) {
        before = bucket;
        bucket = bucket->overflow;
    }
    uint64_t *last = &bucket->words[words_used(bucket) - 1];

    *word = *last;
    *last = 0;
    if (bucket->words[0] == 0 && before != NULL) {
        give_bucket(table, bucket);
        before->overflow = NULL;
    }
}

/* ------------------------------------------------------------------------- growing, shrinking */

/* The words of a chain that are to move, by their places in it: a bit each of the first 64, which
 * is all but of a bad hash; those behind are looked at once more. */
struct movers {
    uint64_t bits;
    uint32_t count;
};

#define MOVERS_BITS 64u

/* Those whose entries hash to bucket `index` among `count`. The entries are fetched all at once, so
 * that the wait is for one memory access and not for each. */
static struct movers find_movers(const struct table *table, const struct bucket *bucket,
                                 uint32_t index, uint32_t count)
{
    struct movers movers = {0};
    uint32_t place = 0;

    for (const struct bucket *b = bucket; b != NULL; b = b->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS && b->words[i] != 0; i++)
            __builtin_prefetch(word_entry(b->words[i]));
    for (; bucket != NULL; bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0; i++, place++) {
            if (table_address(hash_of(table, word_entry(bucket->words[i])), count) != index)
                continue;
            movers.count++;
            if (place < MOVERS_BITS)
                movers.bits |= UINT64_C(1) << place;
        }
    return movers;
}

/* Adds a bucket and moves to it what hashes there. All memory is taken before anything moves. */
static void grow(struct table *table)
{
    const uint32_t index = table->bucket_count;
    const uint32_t count = index + 1;
    struct bucket *spare;

    if (index == UINT32_MAX)
        return;
    const uint32_t split = table_address(index, index);
    const struct movers movers = find_movers(table, table_bucket_at(table, split), index, count);
    if (!take_spare(table, overflow_buckets(movers.count), &spare))
        return;
    if (!extend(table, index)) {
        give_chain(table, spare);
        return;
    }
    struct tail old = {.bucket = table_bucket_at(table, split)};
    struct tail new = {.bucket = table_bucket_at(table, index)};
    struct bucket *chain = old.bucket;
    uint32_t place = 0;

    /* What stays is written back to the same chain from its front, which never overtakes the
     * reading; what is left of the chain behind it is given back. */
    for (struct bucket *next; chain != NULL; chain = next) {
        next = chain->overflow;
        for (unsigned i = 0; i < BUCKET_SLOTS && chain->words[i] != 0; i++, place++) {
            const uint64_t word = chain->words[i];

            chain->words[i] = 0;
            if (place < MOVERS_BITS
                    ? (movers.bits >> place & 1) != 0
                    : table_address(hash_of(table, word_entry(word)), count) == index) {
                tail_append(&new, word, &spare);
                continue;
            }
            if (old.used == BUCKET_SLOTS)
                old = (struct tail){.bucket = old.bucket->overflow};
            old.bucket->words[old.used++] = word;
        }
    }
    give_chain(table, old.bucket->overflow);
    old.bucket->overflow = NULL;
    table->bucket_count = count;
}

/* Takes the last bucket away and appends what it holds to the bucket that it was split from. */
static void shrink(struct table *table)
{
    const uint32_t count = table->bucket_count - 1;
    struct bucket *from = table_bucket_at(table, count);
    struct bucket *smaller, *spare;

    /* The words of `from` itself and those of its first overflow bucket may take a bucket each;
     * after that each finds the one before it free. */
    if (!take_spare(table, 2, &spare))
        return;
    if (!reserve_smaller(table, count, &smaller)) {
        give_chain(table, spare);
        return;
    }
    struct tail tail = chain_tail(table_bucket_at(table, table_address(count, count)));

    for (struct bucket *bucket = from; bucket != NULL;) {
        struct bucket *next = bucket->overflow;

        for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0; i++)
            tail_append(&tail, bucket->words[i], &spare);
        if (bucket != from) {
            bucket->overflow = spare;
            spare = bucket;
        }
        bucket = next;
    }
    memset(from, 0, sizeof *from);
    give_chain(table, spare);
    table->bucket_count = count;
    retract(table, count, smaller);
}

/* -------------------------------------------------------------------------------- operations */

/* Keys are short: a call would cost more than to compare them. */
static bool same_key(struct span a, struct span b)
{
    uint64_t word_a, word_b;
    size_t at = 0;

    if (a.size != b.size)
        return false;
    for (; at + sizeof word_a <= a.size; at += sizeof word_a) {
        memcpy(&word_a, a.data + at, sizeof word_a);
        memcpy(&word_b, b.data + at, sizeof word_b);
        if (word_a != word_b)
            return false;
    }
    for (; at < a.size; at++)
        if (a.data[at] != b.data[at])
            return false;
    return true;
}

struct entry *table_find(const struct table *table, uint64_t hash, struct span key)
{
    const uint64_t tag = tag_of(table, hash);

    for (const struct bucket *bucket = table_bucket(table, hash); bucket != NULL;
         bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS; i++)
            if (bucket->words[i] >> TAG_SHIFT == tag) {
                struct entry *entry = word_entry(bucket->words[i]);

                if (same_key(entry_key(entry), key))
                    return entry;
            }
    return NULL;
}

const struct entry *table_likely(const struct table *table, uint64_t hash)
{
    const struct bucket *bucket = table_bucket(table, hash);
    const uint64_t tag = tag_of(table, hash);

    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        if (bucket->words[i] >> TAG_SHIFT == tag)
            return word_entry(bucket->words[i]);
    return NULL;
}

bool table_insert(struct table *table, uint64_t hash, struct entry *entry)
{
    struct tail tail = chain_tail(table_bucket(table, hash));
    struct bucket *spare;

    if (!take_spare(table, tail.used == BUCKET_SLOTS ? 1 : 0, &spare))
        return false;
    tail_append(&tail, word_make(tag_of(table, hash), entry), &spare);
    table->entry_count++;
    table->memory += entry_memory(entry);
    if (table->entry_count > (uint64_t)table->bucket_count * GROW_ABOVE)
        grow(table);
    return true;
}

void table_replace(struct table *table, uint64_t hash, struct entry *old, struct entry *new)
{
    uint64_t *word = find_word(table_bucket(table, hash), old);

    *word = word_make(*word >> TAG_SHIFT, new);
    table->memory += entry_memory(new);
    table->memory -= entry_memory(old);
}

void table_remove(struct table *table, uint64_t hash, struct entry *entry)
{
    struct bucket *bucket = table_bucket(table, hash);

    chain_drop(table, bucket, find_word(bucket, entry));
    table->entry_count--;
    table->memory -= entry_memory(entry);
    if (table->bucket_count > 1 &&
        table->entry_count < (uint64_t)table->bucket_count * SHRINK_BELOW)
        shrink(table);
}

unsigned table_bucket_entries(const struct table *table, uint32_t index, struct entry **entries,
                              unsigned max)
{
    unsigned count = 0;

    for (const struct bucket *bucket = table_bucket_at(table, index); bucket != NULL;
         bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0 && count < max; i++) {
            entries[count] = word_entry(bucket->words[i]);
            __builtin_prefetch(entries[count++]);
        }
    return count;
}

/* -------------------------------------------------------------------------------- dismantling */

static uint64_t give_entries(struct table *table, struct bucket *bucket)
{
    struct bucket *overflow = bucket->overflow;
    uint64_t entries = 0;

    for (; bucket != NULL; bucket = bucket->overflow)
        for (unsigned i = 0; i < BUCKET_SLOTS && bucket->words[i] != 0; i++) {
            struct entry *entry = word_entry(bucket->words[i]);

            table->memory -= entry_memory(entry);
            entry_destroy(&entry);
            entries++;
        }
    give_chain(table, overflow);
    return entries;
}

void table_dismantle(struct table **table_pointer, uint64_t *work)
{
    struct table *table = *table_pointer;

    while (table->bucket_count > 0 && *work > 0) {
        const uint32_t count = table->bucket_count;
        /* One bucket, but of the first segment all: its size follows from their number. */
        const uint32_t first = count > SEGMENT_BUCKETS ? count - 1 : 0;
        uint64_t entries = 0;

        for (uint32_t index = first; index < count; index++)
            entries += give_entries(table, table_bucket_at(table, index));
        if (first % SEGMENT_BUCKETS == 0)
            give(table, table->segments[first / SEGMENT_BUCKETS],
                 first_segment_buckets(count) * sizeof(struct bucket));
        table->bucket_count = first;
        *work -= entries == 0 ? 1 : entries < *work ? entries : *work;
    }
    if (table->bucket_count > 0)
        return;
    memory_free(table->segments);
    if (table->wheel != NULL)
        wheel_deinit(table->wheel);
    memory_free(table->wheel);
    memory_free(table);
    *table_pointer = NULL;
}
