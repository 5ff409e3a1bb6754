/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/tracked_keys.h"

#include <string.h>
#include <xxhash.h>

#include "base/memory.h"

#define SEGMENT_BUCKETS 512u
/* Keys a bucket, at which one more bucket is made; and a quarter of it, at which one goes. */
#define LOAD_MAX 2u

void tracked_keys_init(struct tracked_keys *keys, uint64_t seed)
{
    *keys = (struct tracked_keys){.seed = seed};
}

void tracked_key_free(struct tracked_key **key)
{
    if ((*key)->capacity > 1)
        memory_free((*key)->many);
    memory_free(*key);
    *key = NULL;
}

static size_t key_bytes(const struct tracked_key *key)
{
    return sizeof *key + key->size + (key->capacity > 1 ? key->capacity * sizeof key->many[0] : 0);
}

/* ---- buckets ---- */

static struct tracked_key **bucket_at(const struct tracked_keys *keys, size_t index)
{
    return &keys->segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS];
}

/* The lowest power of two that is not below. */
static size_t power_over(size_t count)
{
    return count <= 1 ? 1 : (size_t)1 << (64 - __builtin_clzll(count - 1));
}

static size_t index_of(const struct tracked_keys *keys, uint64_t hash)
{
    const size_t power = power_over(keys->bucket_count);
    const size_t index = (size_t)hash & (power - 1);

    return index < keys->bucket_count ? index : index & (power / 2 - 1);
}

/* Makes room for bucket_count + 1 buckets. */
static bool make_segment(struct tracked_keys *keys)
{
    const size_t segment = keys->bucket_count / SEGMENT_BUCKETS;

    if (keys->bucket_count % SEGMENT_BUCKETS != 0)
        return true;
    if (segment == keys->segment_capacity) {
        const size_t capacity = segment == 0 ? 4 : 2 * segment;
        void *segments = memory_try_realloc(keys->segments, capacity * sizeof keys->segments[0]);
        if (segments == NULL)
            return false;
        keys->segments = segments;
        keys->segment_capacity = capacity;
    }
    struct tracked_key **made = memory_try_alloc(SEGMENT_BUCKETS * sizeof made[0]);
    if (made == NULL)
        return false;
    memset(made, 0, SEGMENT_BUCKETS * sizeof made[0]);
    keys->segments[segment] = made;
    keys->bytes += SEGMENT_BUCKETS * sizeof made[0];
    return true;
}

/* One bucket more: it takes its part of the one that had its keys. Without memory the others get
 * longer. */
static bool split(struct tracked_keys *keys)
{
    if (!make_segment(keys))
        return keys->bucket_count > 0;
    const size_t made = keys->bucket_count++;
    if (made == 0)
        return true;
    struct tracked_key **from = bucket_at(keys, made & (power_over(keys->bucket_count) / 2 - 1));
    struct tracked_key **to = bucket_at(keys, made);
    while (*from != NULL) {
        struct tracked_key *key = *from;
        if (index_of(keys, key->hash) != made) {
            from = &key->next;
            continue;
        }
        *from = key->next;
        key->next = *to;
        *to = key;
    }
    return true;
}

static void free_last_segment(struct tracked_keys *keys)
{
    memory_free(keys->segments[keys->bucket_count / SEGMENT_BUCKETS]);
    keys->bytes -= SEGMENT_BUCKETS * sizeof(struct tracked_key *);
    if (keys->bucket_count > 0)
        return;
    memory_free(keys->segments);
    keys->segments = NULL;
    keys->segment_capacity = 0;
}

/* One bucket less: its keys go back to where they came from. */
static void merge(struct tracked_keys *keys)
{
    const size_t last = keys->bucket_count - 1;
    struct tracked_key *rest = *bucket_at(keys, last);

    *bucket_at(keys, last) = NULL;
    keys->bucket_count = last;
    while (rest != NULL) {
        struct tracked_key *key = rest;
        struct tracked_key **to = bucket_at(keys, index_of(keys, key->hash));
        rest = key->next;
        key->next = *to;
        *to = key;
    }
    if (last % SEGMENT_BUCKETS == 0)
        free_last_segment(keys);
}

static void shrink(struct tracked_keys *keys)
{
    for (unsigned i = 0; i < 2; i++) /* faster than it grew */
        if (keys->bucket_count > 1 && keys->key_count < keys->bucket_count * LOAD_MAX / 4)
            merge(keys);
    if (keys->key_count == 0 && keys->bucket_count == 1)
        merge(keys);
}

/* ---- keys ---- */

/* Where the key is referred to, or would be. */
static struct tracked_key **find(const struct tracked_keys *keys, uint64_t hash, struct span name)
{
    struct tracked_key **at = bucket_at(keys, index_of(keys, hash));

    while (*at != NULL && ((*at)->hash != hash || !span_equal(tracked_key_name(*at), name)))
        at = &(*at)->next;
    return at;
}

static uint64_t hash_of(const struct tracked_keys *keys, struct span name)
{
    return XXH3_64bits_withSeed(name.data, name.size, keys->seed);
}

static struct tracked_key *create(struct tracked_keys *keys, uint64_t hash, struct span name)
{
    struct tracked_key *key = memory_try_alloc(sizeof *key + name.size);

    if (key == NULL)
        return NULL;
    *key = (struct tracked_key){.hash = hash, .size = (uint32_t)name.size, .capacity = 1};
    if (name.size > 0)
        memcpy(key->key, name.data, name.size);
    keys->key_count++;
    keys->bytes += key_bytes(key);
    return key;
}

static void drop_dead(struct tracked_key *key, tracked_alive alive, const void *context)
{
    uint64_t *ids = key->capacity == 1 ? &key->one : key->many;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < key->count; i++)
        if (alive(context, ids[i]))
            ids[kept++] = ids[i];
    key->count = kept;
}

static bool grow(struct tracked_key *key)
{
    uint64_t *many = key->capacity == 1 ? NULL : key->many;
    const uint32_t capacity = 4 * key->capacity;

    many = memory_try_realloc(many, capacity * sizeof many[0]);
    if (many == NULL)
        return false;
    if (key->capacity == 1)
        many[0] = key->one;
    key->many = many;
    key->capacity = capacity;
    return true;
}

/* Where the id stands among the rising ids, or would stand. */
static uint32_t place_of(const struct tracked_key *key, uint64_t id)
{
    const uint64_t *ids = tracked_key_ids(key);
    uint32_t low = 0, high = key->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool add_id(struct tracked_key *key, uint64_t id, tracked_alive alive, const void *context)
{
    uint32_t place = place_of(key, id);

    if (place < key->count && tracked_key_ids(key)[place] == id)
        return true;
    if (key->count == key->capacity) {
        drop_dead(key, alive, context);
        /* Room for as many again, or the dead are looked for each time. */
        if (key->count > key->capacity / 2 && !grow(key))
            return false;
        place = place_of(key, id);
    }
    uint64_t *ids = key->capacity == 1 ? &key->one : key->many;
    memmove(ids + place + 1, ids + place, (key->count - place) * sizeof ids[0]);
    ids[place] = id;
    key->count++;
    return true;
}

bool tracked_keys_add(struct tracked_keys *keys, struct span name, uint64_t id, tracked_alive alive,
                      const void *context)
{
    const uint64_t hash = hash_of(keys, name);

    if (keys->key_count >= keys->bucket_count * LOAD_MAX && !split(keys))
        return false;
    struct tracked_key **at = find(keys, hash, name);
    if (*at == NULL && (*at = create(keys, hash, name)) == NULL)
        return false;
    struct tracked_key *key = *at;
    keys->bytes -= key_bytes(key);
    keys->item_count -= key->count;
    const bool done = add_id(key, id, alive, context);
    keys->bytes += key_bytes(key);
    keys->item_count += key->count;
    return done;
}

static struct tracked_key *take_at(struct tracked_keys *keys, struct tracked_key **at)
{
    struct tracked_key *key = *at;

    *at = key->next;
    keys->key_count--;
    keys->item_count -= key->count;
    keys->bytes -= key_bytes(key);
    shrink(keys);
    return key;
}

struct tracked_key *tracked_keys_take(struct tracked_keys *keys, struct span name)
{
    if (keys->key_count == 0)
        return NULL;
    struct tracked_key **at = find(keys, hash_of(keys, name), name);
    return *at != NULL ? take_at(keys, at) : NULL;
}

struct tracked_key *tracked_keys_take_any(struct tracked_keys *keys, size_t buckets)
{
    for (size_t i = 0; i < buckets && keys->key_count > 0; i++, keys->hand++) {
        if (keys->hand >= keys->bucket_count)
            keys->hand = 0;
        struct tracked_key **at = bucket_at(keys, keys->hand);
        if (*at != NULL)
            return take_at(keys, at);
    }
    return NULL;
}

void tracked_keys_deinit(struct tracked_keys *keys)
{
    struct tracked_key *key;

    while ((key = tracked_keys_take_any(keys, SIZE_MAX)) != NULL)
        tracked_key_free(&key);
    while (keys->bucket_count > 0)
        merge(keys);
    memory_free(keys->segments); /* where the first segment got no memory */
    keys->segments = NULL;
}
