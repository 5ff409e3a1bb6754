/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/names.h"

#include <xxhash.h>

#include "base/assert.h"
#include "base/memory.h"

#define CAPACITY_MIN 4

void names_init(struct names *names)
{
    *names = (struct names){0};
    list_init(&names->all);
}

void names_deinit(struct names *names)
{
    memory_free(names->buckets);
    names_init(names);
}

uint64_t names_hash(uint64_t seed, struct span text)
{
    return XXH3_64bits_withSeed(text.data, text.size, seed);
}

struct name *names_find(const struct names *names, uint64_t hash, struct span text)
{
    if (names->count == 0)
        return NULL;
    for (struct name *name = names->buckets[hash & (names->capacity - 1)]; name != NULL;
         name = name->next)
        if (name->hash == hash && span_equal(name->text, text))
            return name;
    return NULL;
}

static void put(struct names *names, struct name *name)
{
    struct name **bucket = &names->buckets[name->hash & (names->capacity - 1)];

    name->next = *bucket;
    *bucket = name;
}

static bool grow(struct names *names)
{
    const size_t capacity = names->capacity > 0 ? 2 * names->capacity : CAPACITY_MIN;
    struct name **buckets = memory_try_alloc(capacity * sizeof buckets[0]);

    if (buckets == NULL)
        return false;
    memset(buckets, 0, capacity * sizeof buckets[0]);
    memory_free(names->buckets);
    names->buckets = buckets;
    names->capacity = capacity;
    list_for_each(link, &names->all) put(names, list_entry(link, struct name, all));
    return true;
}

bool names_add(struct names *names, struct name *name)
{
    if (names->count == names->capacity && !grow(names))
        return false;
    put(names, name);
    list_append(&names->all, &name->all);
    names->count++;
    return true;
}

void names_remove(struct names *names, struct name *name)
{
    struct name **at = &names->buckets[name->hash & (names->capacity - 1)];

    while (*at != name) {
        ensure(*at != NULL);
        at = &(*at)->next;
    }
    *at = name->next;
    list_remove(&name->all);
    if (--names->count == 0)
        names_deinit(names);
}

static struct name *at(const struct names *names, struct list *link)
{
    return link != &names->all ? list_entry(link, struct name, all) : NULL;
}

struct name *names_first(const struct names *names)
{
    return at(names, names->all.next);
}

struct name *names_next(const struct names *names, struct name *name)
{
    return at(names, name->all.next);
}
