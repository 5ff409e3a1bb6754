/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/tracking.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "command/command.h"
#include "command/session.h"
#include "resp/reply.h"
#include "store/store.h"

/* Keys that a step of tracking_reclaim drops or frees, and buckets that it looks at. */
#define RECLAIM_STEPS 300
/* Buffers larger than this are given back between two uses, bytes. */
#define BODY_KEEP 16384

/* The bit is set before anything is noted. Where two workers come and go at once it may stay set
 * for nothing until the next one goes. */
void trackers_listen(struct trackers *trackers, struct store *store, int by)
{
    if (by > 0)
        atomic_fetch_or(trackers->alerts, trackers->bit);
    store_watch(store, by);
    const uint32_t now = atomic_fetch_add(&trackers->listeners, (uint32_t)by) + (uint32_t)by;
    if (now > 0)
        return;
    atomic_fetch_and(trackers->alerts, ~trackers->bit);
    if (atomic_load(&trackers->listeners) > 0)
        atomic_fetch_or(trackers->alerts, trackers->bit);
}

struct tracking *tracking_create(struct trackers *node, uint32_t worker, struct store *store,
                                 uint64_t seed, struct metrics_block *metrics, tracking_tell tell,
                                 void *context)
{
    struct tracking *tracking = memory_alloc(sizeof *tracking);

    tracking->node = node;
    tracking->worker = worker;
    tracking->store = store;
    tracking->seed = seed;
    tracking->metrics = metrics;
    tracking->tell = tell;
    tracking->context = context;
    list_init(&tracking->trackers);
    tracked_keys_init(&tracking->keys, seed);
    prefixes_init(&tracking->prefixes);
    return tracking;
}

/* What its table has more or less than before is told to the node and the metrics. */
static void tell_counts(struct tracking *tracking, size_t keys_before, size_t items_before)
{
    const uint64_t keys = tracking->keys.key_count - keys_before;
    const uint64_t items = tracking->keys.item_count - items_before;

    if (keys != 0)
        atomic_fetch_add_explicit(&tracking->node->keys, keys, memory_order_relaxed);
    metrics_add(tracking->metrics, METRIC_TRACKING_KEYS, keys);
    metrics_add(tracking->metrics, METRIC_TRACKING_ITEMS, items);
}

/* Forgets all keys, and frees them later. */
static void drop_keys(struct tracking *tracking)
{
    const size_t keys = tracking->keys.key_count, items = tracking->keys.item_count;

    if (keys == 0)
        return;
    struct tracked_keys *dropped = memory_alloc(sizeof *dropped);
    *dropped = tracking->keys;
    dropped->behind = tracking->dropped;
    tracking->dropped = dropped;
    tracked_keys_init(&tracking->keys, tracking->seed);
    tell_counts(tracking, keys, items);
}

void tracking_destroy(struct tracking **pointer)
{
    struct tracking *tracking = *pointer;

    *pointer = NULL;
    if (tracking == NULL)
        return;
    ensure(list_empty(&tracking->trackers));
    drop_keys(tracking);
    tracked_keys_deinit(&tracking->keys);
    while (tracking->dropped != NULL) {
        struct tracked_keys *dropped = tracking->dropped;
        tracking->dropped = dropped->behind;
        tracked_keys_deinit(dropped);
        memory_free(dropped);
    }
    prefixes_deinit(&tracking->prefixes);
    buffer_deinit(&tracking->body);
    memory_free(tracking->slots);
    memory_free(tracking);
}

/* ---- trackers ---- */

static struct tracker *tracker_of(const struct tracking *tracking, uint64_t id)
{
    const size_t slot = (uint32_t)id;
    struct tracker *tracker = slot < tracking->slot_count ? tracking->slots[slot] : NULL;

    return tracker != NULL && tracker->id == id ? tracker : NULL;
}

static bool is_alive(const void *context, uint64_t id)
{
    return tracker_of(context, id) != NULL;
}

static size_t free_slot(struct tracking *tracking)
{
    const size_t count = tracking->slot_count;

    for (size_t slot = 0; slot < count; slot++)
        if (tracking->slots[slot] == NULL)
            return slot;
    const size_t grown = count == 0 ? 8 : 2 * count;
    struct tracker **slots = memory_alloc_array(grown, sizeof(struct tracker *));
    if (count > 0)
        memcpy(slots, tracking->slots, count * sizeof(struct tracker *));
    memory_free(tracking->slots);
    tracking->slots = slots;
    tracking->slot_count = grown;
    return count;
}

static struct tracker *create(struct tracking *tracking, struct session *session)
{
    struct tracker *tracker = memory_alloc(sizeof *tracker);
    const size_t slot = free_slot(tracking);

    tracker->tracking = tracking;
    tracker->session = session;
    tracker->id = (uint64_t)++tracking->generation << 32 | slot;
    tracking->slots[slot] = tracker;
    list_append(&tracking->trackers, &tracker->link);
    session->tracker = tracker;
    metrics_add(tracking->metrics, METRIC_TRACKING_CLIENTS, 1);
    atomic_fetch_add(&tracking->node->clients, 1);
    atomic_fetch_add(&tracking->node->workers[tracking->worker].clients, 1);
    trackers_listen(tracking->node, tracking->store, 1);
    return tracker;
}

static void remove_prefixes(struct tracker *tracker)
{
    for (size_t i = 0; i < tracker->prefix_count; i++) {
        prefixes_remove(&tracker->tracking->prefixes, tracker->prefixes[i], tracker);
        memory_free((void *)(uintptr_t)tracker->prefixes[i].data);
    }
}

/* What CLIENT LIST shows. */
static void show(const struct tracker *tracker)
{
    struct session *session = tracker->session;

    atomic_store_explicit(&session->tracking, (unsigned char)(tracker->flags | SESSION_TRACKS),
                          memory_order_relaxed);
    atomic_store_explicit(&session->redirect, (long long)tracker->redirect, memory_order_relaxed);
}

/* Puts a copy among the tracker's own, where it has none yet. */
static void add_prefix(struct tracker *tracker, struct span text)
{
    size_t place = 0;

    if (tracker->prefixes == NULL)
        tracker->prefixes = memory_alloc_array(TRACKING_PREFIXES_MAX, sizeof(struct span));
    struct span *own = tracker->prefixes;
    while (place < tracker->prefix_count && prefix_compare(own[place], text) < 0)
        place++;
    if (place < tracker->prefix_count && span_equal(own[place], text))
        return;
    uint8_t *copy = memory_alloc(text.size);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    memmove(own + place + 1, own + place, (tracker->prefix_count - place) * sizeof own[0]);
    own[place] = span_of(copy, text.size);
    tracker->prefix_count++;
    prefixes_add(&tracker->tracking->prefixes, text, tracker);
}

/* Without any, it is told of all keys. */
static void add_prefixes(struct tracker *tracker, const struct tracking_wish *wish)
{
    if (wish->prefix_count == 0)
        add_prefix(tracker, SPAN(""));
    for (size_t i = 0; i < wish->prefix_count; i++)
        add_prefix(tracker, wish->prefixes[i]);
}

static bool has_room(const struct tracking *tracking, const struct session *session,
                     const struct tracking_wish *wish)
{
    const size_t more = wish->prefix_count + 1;
    const size_t had = session->tracker != NULL ? session->tracker->prefix_count : 0;

    return (wish->flags & TRACKING_BROADCAST) == 0 ||
           (had + more <= TRACKING_PREFIXES_MAX && tracking->prefixes.count + more <= PREFIXES_MAX);
}

bool tracking_enable(struct tracking *tracking, struct session *session,
                     const struct tracking_wish *wish)
{
    if (!has_room(tracking, session, wish))
        return false;
    struct tracker *tracker = session->tracker != NULL ? session->tracker
                                                       : create(tracking, session);
    const size_t prefixes = tracking->prefixes.count;
    if ((wish->flags & TRACKING_BROADCAST) != 0)
        add_prefixes(tracker, wish);
    metrics_add(tracking->metrics, METRIC_TRACKING_PREFIXES, tracking->prefixes.count - prefixes);
    tracker->flags = (tracker->flags & TRACKING_CACHING) | wish->flags;
    tracker->redirect = wish->redirect;
    tracker->redirect_worker = wish->redirect_worker;
    show(tracker);
    return true;
}

void tracking_disable(struct session *session)
{
    struct tracker *tracker = session->tracker;

    if (tracker == NULL)
        return;
    struct tracking *tracking = tracker->tracking;
    const size_t prefixes = tracking->prefixes.count;
    remove_prefixes(tracker);
    metrics_add(tracking->metrics, METRIC_TRACKING_PREFIXES, tracking->prefixes.count - prefixes);
    metrics_subtract(tracking->metrics, METRIC_TRACKING_CLIENTS, 1);
    atomic_store_explicit(&session->tracking, 0, memory_order_relaxed);
    atomic_store_explicit(&session->redirect, -1, memory_order_relaxed);
    session->tracker = NULL;
    tracking->slots[(uint32_t)tracker->id] = NULL;
    list_remove(&tracker->link);
    memory_free(tracker->prefixes);
    memory_free(tracker);
    if (list_empty(&tracking->trackers))
        drop_keys(tracking);
    trackers_listen(tracking->node, tracking->store, -1);
    atomic_fetch_sub(&tracking->node->workers[tracking->worker].clients, 1);
    atomic_fetch_sub(&tracking->node->clients, 1);
}

/* ---- what is read and written ---- */

/* "*1\r\n$3\r\nkey\r\n" */
static void make_body_of_key(struct tracking *tracking, struct span key)
{
    buffer_reset(&tracking->body, BODY_KEEP);
    reply_array(&tracking->body, 1);
    reply_bulk(&tracking->body, key);
}

/* Tells what is in tracking->body. */
static void tell_body(struct tracking *tracking, struct tracker *tracker)
{
    if (tracking->body.failed)
        tracking->missed = true;
    else
        tracking->tell(tracking->context, tracker, buffer_content(&tracking->body));
}

static void note_key(struct tracker *tracker, struct span key)
{
    struct tracking *tracking = tracker->tracking;
    const size_t keys = tracking->keys.key_count, items = tracking->keys.item_count;

    const bool noted = tracked_keys_add(&tracking->keys, key, tracker->id, is_alive, tracking);
    tell_counts(tracking, keys, items);
    if (!noted) /* it will not be told of it, so it is to keep no copy: behind the reply */
        tracking->missed = true;
}

static bool notes(const struct tracker *tracker)
{
    const bool caching = (tracker->flags & TRACKING_CACHING) != 0;

    if ((tracker->flags & TRACKING_BROADCAST) != 0)
        return false;
    if ((tracker->flags & TRACKING_OPT_IN) != 0)
        return caching;
    return (tracker->flags & TRACKING_OPT_OUT) == 0 || !caching;
}

/* A script may read any of its keys, wherever it runs. */
void tracking_reads(struct tracker *tracker, const struct command *command, const struct span *argv,
                    size_t argc)
{
    const bool script = command->key_count_at > 0;

    if ((command->flags & FLAG_READONLY) == 0 && !script)
        return;
    tracker->exposed = true;
    if (!notes(tracker) || (command->first_key == 0 && !script))
        return;
    size_t *indices = memory_alloc_array(argc, sizeof indices[0]);
    const size_t count = command_keys(command, argv, argc, indices);
    for (size_t i = 0; i < count; i++)
        note_key(tracker, argv[indices[i]]);
    memory_free(indices);
}

void tracking_wrote(struct tracker *tracker, struct dot dot)
{
    for (unsigned i = 0; i < TRACKER_OWN_MAX; i++)
        if (dot_equal(tracker->own[i], dot))
            return;
    tracker->own[tracker->own_next++ % TRACKER_OWN_MAX] = dot;
}

/* ---- what is told ---- */

void tracking_broken(struct tracker *tracker)
{
    tracker->flags |= TRACKING_BROKEN;
    show(tracker);
}

/* Whether NOLOOP keeps the change from the client that made it. */
static bool is_own(const struct tracker *tracker, const struct changed *changed)
{
    if ((tracker->flags & TRACKING_NO_LOOP) == 0 || !dot_exists(changed->dot) ||
        changed->kind != CHANGED_WRITTEN)
        return false;
    for (unsigned i = 0; i < TRACKER_OWN_MAX; i++)
        if (dot_equal(tracker->own[i], changed->dot))
            return true;
    return false;
}

/* Tells all who noted the key, which is nobody's any more; but for who is not told of what it wrote
 * itself. Redis forgets the key for that one as well; here another replica may yet get that write,
 * when its client has read the key anew. */
static void tell_key(struct tracking *tracking, struct tracked_key *key,
                     const struct changed *changed)
{
    const uint64_t *ids = tracked_key_ids(key);

    make_body_of_key(tracking, tracked_key_name(key));
    for (uint32_t i = 0; i < key->count; i++) {
        struct tracker *tracker = tracker_of(tracking, ids[i]);
        if (tracker == NULL)
            continue;
        if (changed != NULL && is_own(tracker, changed))
            note_key(tracker, tracked_key_name(key));
        else
            tell_body(tracking, tracker);
    }
    tracked_key_free(&key);
}

static void key_changed(struct tracking *tracking, const struct changed *changed)
{
    const size_t keys = tracking->keys.key_count, items = tracking->keys.item_count;
    struct tracked_key *key = tracked_keys_take(&tracking->keys, changed->key);
    struct prefix *prefix = prefixes_of(&tracking->prefixes, changed->key);

    if (key != NULL) {
        tell_counts(tracking, keys, items);
        tell_key(tracking, key, changed);
    }
    for (; prefix != NULL; prefix = prefix->begins_with) {
        changed_put(&prefix->changed, changed);
        if (list_empty(&prefix->dirty))
            list_append(&tracking->prefixes.dirty, &prefix->dirty);
    }
}

/* A FLUSHALL is told to all, once, and to who has read since. What is not known to have changed is
 * told to who may have a copy. */
static void all_changed(struct tracking *tracking, const struct changed *changed)
{
    const bool told = changed->kind == CHANGED_UNKNOWN ||
                      dot_equal(tracking->flushed, changed->dot);

    if (changed->kind == CHANGED_FLUSHED)
        tracking->flushed = changed->dot;
    drop_keys(tracking);
    list_for_each(link, &tracking->trackers)
    {
        struct tracker *tracker = list_entry(link, struct tracker, link);

        if (told && !tracker->exposed)
            continue;
        buffer_reset(&tracking->body, BODY_KEEP);
        reply_null(&tracking->body, session_protocol(tracker->session));
        tracker->exposed = tracking->body.failed;
        tell_body(tracking, tracker);
    }
}

void tracking_changed(struct tracking *tracking, const struct changed *changed)
{
    if (list_empty(&tracking->trackers))
        return;
    if (changed->kind == CHANGED_WRITTEN || changed->kind == CHANGED_GONE)
        key_changed(tracking, changed);
    else
        all_changed(tracking, changed);
}

/* ---- broadcasts ---- */

static int compare_keys(const void *a, const void *b)
{
    return prefix_compare(((const struct changed *)a)->key, ((const struct changed *)b)->key);
}

/* Makes the body for `tracker`, of keys in their order, each once; NULL: for all that are told of
 * everything. False: there is nothing to tell it. */
static bool make_body(struct tracking *tracking, const struct changed *list, size_t count,
                      const struct tracker *tracker)
{
    size_t told = 0;

    for (unsigned pass = 0; pass < 2; pass++) {
        buffer_reset(&tracking->body, BODY_KEEP);
        reply_array(&tracking->body, told);
        told = 0;
        for (size_t i = 0, last = SIZE_MAX; i < count; i++) {
            if (tracker != NULL && is_own(tracker, &list[i]))
                continue;
            if (last != SIZE_MAX && span_equal(list[last].key, list[i].key))
                continue;
            last = i;
            told++;
            if (pass == 1)
                reply_bulk(&tracking->body, list[i].key);
        }
    }
    return told > 0;
}

static void broadcast(struct tracking *tracking, struct prefix *prefix)
{
    struct span records = buffer_content(&prefix->changed);
    struct changed *list = memory_alloc_array(records.size / CHANGED_HEAD + 1, sizeof list[0]);
    bool made = false;
    size_t count = 0;

    tracking->missed |= prefix->changed.failed;
    while (changed_next(&records, &list[count]))
        count++;
    qsort(list, count, sizeof list[0], compare_keys);
    for (size_t i = 0; i < prefix->tracker_count; i++) {
        struct tracker *tracker = prefix->trackers[i];
        if ((tracker->flags & TRACKING_NO_LOOP) != 0) {
            made = false;
            if (!make_body(tracking, list, count, tracker))
                continue;
        } else if (!made) {
            made = make_body(tracking, list, count, NULL);
        }
        tell_body(tracking, tracker);
    }
    memory_free(list);
}

static int compare_prefixes(const void *a, const void *b)
{
    return prefix_compare(prefix_text(*(struct prefix *const *)a),
                          prefix_text(*(struct prefix *const *)b));
}

/* In the order of the prefixes. */
static void broadcast_all(struct tracking *tracking)
{
    struct list *dirty = &tracking->prefixes.dirty;
    size_t count = 0;

    if (list_empty(dirty))
        return;
    struct prefix **sorted = memory_alloc_array(tracking->prefixes.count, sizeof sorted[0]);
    while (!list_empty(dirty)) {
        sorted[count] = list_entry(dirty->next, struct prefix, dirty);
        list_remove(&sorted[count++]->dirty);
    }
    qsort(sorted, count, sizeof sorted[0], compare_prefixes);
    for (size_t i = 0; i < count; i++) {
        broadcast(tracking, sorted[i]);
        buffer_reset(&sorted[i]->changed, BODY_KEEP);
    }
    memory_free(sorted);
}

void tracking_turn_end(struct tracking *tracking)
{
    const struct changed unknown = {.kind = CHANGED_UNKNOWN};

    broadcast_all(tracking);
    if (!tracking->missed)
        return;
    tracking->missed = false;
    all_changed(tracking, &unknown);
}

/* ---- bounds ---- */

static bool free_dropped(struct tracking *tracking)
{
    struct tracked_keys *dropped = tracking->dropped;

    for (unsigned i = 0; i < RECLAIM_STEPS && dropped->key_count > 0; i++) {
        struct tracked_key *key = tracked_keys_take_any(dropped, RECLAIM_STEPS);
        if (key != NULL)
            tracked_key_free(&key);
    }
    if (dropped->key_count > 0)
        return true;
    tracking->dropped = dropped->behind;
    tracked_keys_deinit(dropped);
    memory_free(dropped);
    return tracking->dropped != NULL;
}

static bool is_over(const struct tracking *tracking, uint64_t keys_max)
{
    return keys_max > 0 && tracking->keys.key_count > 0 &&
           atomic_load_explicit(&tracking->node->keys, memory_order_relaxed) > keys_max;
}

bool tracking_reclaim(struct tracking *tracking, uint64_t keys_max)
{
    for (unsigned i = 0; i < RECLAIM_STEPS && is_over(tracking, keys_max); i++) {
        const size_t keys = tracking->keys.key_count, items = tracking->keys.item_count;
        struct tracked_key *key = tracked_keys_take_any(&tracking->keys, RECLAIM_STEPS);
        if (key == NULL)
            continue;
        tell_counts(tracking, keys, items);
        tell_key(tracking, key, NULL);
    }
    return (tracking->dropped != NULL && free_dropped(tracking)) || is_over(tracking, keys_max);
}

size_t tracking_bytes(const struct tracking *tracking)
{
    size_t bytes = tracking->keys.bytes + tracking->body.capacity +
                   tracking->slot_count * sizeof(struct tracker *);

    for (const struct tracked_keys *keys = tracking->dropped; keys != NULL; keys = keys->behind)
        bytes += keys->bytes;
    return bytes + (tracking->prefixes.count + 1) * sizeof(struct prefix);
}
