/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/prefixes.h"

#include "base/assert.h"
#include "base/memory.h"

void prefixes_init(struct prefixes *prefixes)
{
    *prefixes = (struct prefixes){0};
    list_init(&prefixes->dirty);
}

void prefixes_deinit(struct prefixes *prefixes)
{
    ensure(prefixes->count == 0);
    memory_free(prefixes->sorted);
}

bool prefix_begins(struct span prefix, struct span text)
{
    return prefix.size <= text.size &&
           (prefix.size == 0 || memcmp(prefix.data, text.data, prefix.size) == 0);
}

int prefix_compare(struct span a, struct span b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* How many are at or below the text. */
static size_t place_behind(const struct prefixes *prefixes, struct span text)
{
    size_t low = 0, high = prefixes->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (prefix_compare(prefix_text(prefixes->sorted[middle]), text) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest of a prefix and of those that it begins with that the text begins with. */
static struct prefix *longest(struct prefix *prefix, struct span text)
{
    while (prefix != NULL && !prefix_begins(prefix_text(prefix), text))
        prefix = prefix->begins_with;
    return prefix;
}

static struct prefix *find(const struct prefixes *prefixes, struct span text)
{
    const size_t place = place_behind(prefixes, text);
    struct prefix *found = place > 0 ? prefixes->sorted[place - 1] : NULL;

    return found != NULL && span_equal(prefix_text(found), text) ? found : NULL;
}

/* Those from the place on that begin with the text may begin with the prefix that came there, or
 * went. */
static void relate(struct prefixes *prefixes, size_t place, struct span text)
{
    for (size_t i = place; i < prefixes->count; i++) {
        struct prefix *prefix = prefixes->sorted[i];
        if (!prefix_begins(text, prefix_text(prefix)))
            break;
        prefix->begins_with = i > 0 ? longest(prefixes->sorted[i - 1], prefix_text(prefix)) : NULL;
    }
}

static struct prefix *insert(struct prefixes *prefixes, struct span text)
{
    const size_t place = place_behind(prefixes, text);
    struct prefix *prefix = memory_alloc(sizeof *prefix + text.size);

    if (prefixes->count == prefixes->capacity) {
        const size_t capacity = prefixes->capacity == 0 ? 8 : 2 * prefixes->capacity;
        struct prefix **sorted = memory_alloc_array(capacity, sizeof sorted[0]);
        if (prefixes->count > 0)
            memcpy(sorted, prefixes->sorted, prefixes->count * sizeof sorted[0]);
        memory_free(prefixes->sorted);
        prefixes->sorted = sorted;
        prefixes->capacity = capacity;
    }
    list_init(&prefix->dirty);
    prefix->size = text.size;
    if (text.size > 0)
        memcpy(prefix->text, text.data, text.size);
    memmove(prefixes->sorted + place + 1, prefixes->sorted + place,
            (prefixes->count - place) * sizeof prefixes->sorted[0]);
    prefixes->sorted[place] = prefix;
    prefixes->count++;
    relate(prefixes, place, text);
    return prefix;
}

void prefixes_add(struct prefixes *prefixes, struct span text, struct tracker *tracker)
{
    struct prefix *prefix = find(prefixes, text);

    ensure(prefix != NULL || prefixes->count < PREFIXES_MAX);
    if (prefix == NULL)
        prefix = insert(prefixes, text);
    if (prefix->tracker_count == prefix->tracker_capacity) {
        const size_t capacity = prefix->tracker_capacity == 0 ? 1 : 2 * prefix->tracker_capacity;
        struct tracker **trackers = memory_alloc_array(capacity, sizeof(struct tracker *));
        if (prefix->tracker_count > 0)
            memcpy(trackers, prefix->trackers, prefix->tracker_count * sizeof(struct tracker *));
        memory_free(prefix->trackers);
        prefix->trackers = trackers;
        prefix->tracker_capacity = capacity;
    }
    prefix->trackers[prefix->tracker_count++] = tracker;
}

static void destroy(struct prefixes *prefixes, struct prefix *prefix)
{
    const size_t place = place_behind(prefixes, prefix_text(prefix)) - 1;

    memmove(prefixes->sorted + place, prefixes->sorted + place + 1,
            (prefixes->count - place - 1) * sizeof prefixes->sorted[0]);
    prefixes->count--;
    list_remove(&prefix->dirty);
    buffer_deinit(&prefix->changed);
    memory_free(prefix->trackers);
    relate(prefixes, place, prefix_text(prefix));
    memory_free(prefix);
}

void prefixes_remove(struct prefixes *prefixes, struct span text, const struct tracker *tracker)
{
    struct prefix *prefix = find(prefixes, text);
    size_t i = 0;

    ensure(prefix != NULL);
    while (i < prefix->tracker_count && prefix->trackers[i] != tracker)
        i++;
    ensure(i < prefix->tracker_count);
    prefix->trackers[i] = prefix->trackers[--prefix->tracker_count];
    if (prefix->tracker_count == 0)
        destroy(prefixes, prefix);
}

struct prefix *prefixes_of(const struct prefixes *prefixes, struct span key)
{
    const size_t place = place_behind(prefixes, key);

    return place > 0 ? longest(prefixes->sorted[place - 1], key) : NULL;
}
