/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/channels.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/glob.h"
#include "base/memory.h"
#include "command/names.h"
#include "command/post.h"

#define RECORD_HEAD (1 + 8)

struct channel {
    struct name name;
    uint64_t subscribers;
    uint32_t workers;
    uint32_t by_worker[]; /* how many of them are whose; the name's bytes stand behind */
};

/* What was heard last of the workers of another node. */
struct source {
    uint64_t boot;
    uint64_t numbers[POST_WORKERS_MAX];
};

struct channels {
    pthread_mutex_t lock;
    struct names names[CHANNEL_KINDS]; /* of struct channel */

    pthread_mutex_t sources_lock;
    struct source **sources; /* by the node's number */
    size_t source_count;

    /* immutable */
    uint64_t seed;
    struct post *post;

    /* Read by publishers without the lock. */
    _Alignas(MEMORY_APART) atomic_size_t counts[CHANNEL_KINDS];
    atomic_size_t clients;
};

struct channels *channels_create(struct post *post, uint64_t seed)
{
    struct channels *channels = memory_alloc_apart(sizeof *channels);

    ensure(pthread_mutex_init(&channels->lock, NULL) == 0);
    ensure(pthread_mutex_init(&channels->sources_lock, NULL) == 0);
    for (size_t kind = 0; kind < CHANNEL_KINDS; kind++)
        names_init(&channels->names[kind]);
    channels->seed = seed;
    channels->post = post;
    return channels;
}

void channels_destroy(struct channels **pointer)
{
    struct channels *channels = *pointer;

    *pointer = NULL;
    if (channels == NULL)
        return;
    for (size_t kind = 0; kind < CHANNEL_KINDS; kind++)
        ensure(channels->names[kind].count == 0);
    for (size_t i = 0; i < channels->source_count; i++)
        memory_free(channels->sources[i]);
    memory_free(channels->sources);
    pthread_mutex_destroy(&channels->sources_lock);
    pthread_mutex_destroy(&channels->lock);
    memory_free(channels);
}

uint64_t channels_hash(const struct channels *channels, struct span name)
{
    return names_hash(channels->seed, name);
}

/* ---- who subscribes ---- */

static struct channel *find(const struct channels *channels, enum channel_kind kind, uint64_t hash,
                            struct span name)
{
    struct name *found = names_find(&channels->names[kind], hash, name);

    return found != NULL ? list_entry(found, struct channel, name) : NULL;
}

static struct channel *create(struct channels *channels, enum channel_kind kind, uint64_t hash,
                              struct span name)
{
    const uint32_t workers = post_workers(channels->post);
    const size_t head = sizeof(struct channel) + workers * sizeof(uint32_t);
    struct channel *channel = memory_try_alloc(head + name.size);

    if (channel == NULL)
        return NULL;
    memset(channel, 0, head);
    uint8_t *text = (uint8_t *)channel + head;
    if (name.size > 0)
        memcpy(text, name.data, name.size);
    channel->name.hash = hash;
    channel->name.text = span_of(text, name.size);
    channel->workers = workers;
    if (!names_add(&channels->names[kind], &channel->name)) {
        memory_free(channel);
        return NULL;
    }
    atomic_fetch_add_explicit(&channels->counts[kind], 1, memory_order_relaxed);
    return channel;
}

bool channels_add(struct channels *channels, enum channel_kind kind, uint64_t hash,
                  struct span name, uint32_t worker)
{
    pthread_mutex_lock(&channels->lock);
    struct channel *channel = find(channels, kind, hash, name);
    if (channel == NULL)
        channel = create(channels, kind, hash, name);
    if (channel != NULL) {
        ensure(worker < channel->workers);
        channel->by_worker[worker]++;
        channel->subscribers++;
    }
    pthread_mutex_unlock(&channels->lock);
    return channel != NULL;
}

void channels_remove(struct channels *channels, enum channel_kind kind, uint64_t hash,
                     struct span name, uint32_t worker)
{
    pthread_mutex_lock(&channels->lock);
    struct channel *channel = find(channels, kind, hash, name);
    ensure(channel != NULL && worker < channel->workers && channel->by_worker[worker] > 0);
    channel->by_worker[worker]--;
    if (--channel->subscribers == 0) {
        names_remove(&channels->names[kind], &channel->name);
        memory_free(channel);
        atomic_fetch_sub_explicit(&channels->counts[kind], 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&channels->lock);
}

void channels_count_client(struct channels *channels, bool more)
{
    if (more)
        atomic_fetch_add_explicit(&channels->clients, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&channels->clients, 1, memory_order_relaxed);
}

/* ---- messages ---- */

struct receivers {
    uint64_t count;
    uint8_t workers[POST_WORKERS_MAX / 8]; /* a bitmap */
};

static void receive(struct receivers *receivers, const struct channel *channel)
{
    receivers->count += channel->subscribers;
    for (uint32_t worker = 0; worker < channel->workers; worker++)
        if (channel->by_worker[worker] > 0)
            bitmap_set(receivers->workers, worker);
}

static void find_receivers(struct channels *channels, enum channel_kind kind, struct span name,
                           struct receivers *receivers)
{
    const struct names *patterns = &channels->names[CHANNEL_PATTERN];

    pthread_mutex_lock(&channels->lock);
    const struct channel *channel = find(channels, kind, channels_hash(channels, name), name);
    if (channel != NULL)
        receive(receivers, channel);
    for (struct name *pattern = kind == CHANNEL_PLAIN ? names_first(patterns) : NULL;
         pattern != NULL; pattern = names_next(patterns, pattern))
        if (glob_match(pattern->text, name, false))
            receive(receivers, list_entry(pattern, struct channel, name));
    pthread_mutex_unlock(&channels->lock);
}

struct announced channels_publish(struct channels *channels, uint32_t own, enum channel_kind kind,
                                  struct span name, struct span message)
{
    struct receivers receivers = {0};
    struct announced announced = {0};
    uint8_t head[RECORD_HEAD];

    if (channels_count(channels, kind) == 0 &&
        (kind == CHANNEL_SHARD || channels_count(channels, CHANNEL_PATTERN) == 0))
        return announced;
    find_receivers(channels, kind, name, &receivers);
    announced.receivers = receivers.count;
    if (receivers.count == 0)
        return announced;
    head[0] = (uint8_t)kind;
    bytes_put_u64(head + 1, name.size);
    const struct span pieces[] = {span_of(head, sizeof head), name, message};
    const struct span workers = span_of(receivers.workers, sizeof receivers.workers);
    for (uint32_t worker = 0; worker < post_workers(channels->post); worker++)
        if (bitmap_has(workers, worker) &&
            !post_put(channels->post, own, worker, POST_PUBLISHED, pieces, 3))
            announced.lost++;
    return announced;
}

enum channel_kind channels_published(struct span record, struct span *name, struct span *message)
{
    const size_t size = (size_t)bytes_get_u64(record.data + 1);

    *name = span_of(record.data + RECORD_HEAD, size);
    *message = span_of(record.data + RECORD_HEAD + size, record.size - RECORD_HEAD - size);
    return (enum channel_kind)record.data[0];
}

static struct source *source_of(struct channels *channels, uint16_t node)
{
    if (node >= channels->source_count) {
        struct source **sources = memory_alloc_array(node + 1u, sizeof sources[0]);
        if (channels->source_count > 0)
            memcpy(sources, channels->sources, channels->source_count * sizeof sources[0]);
        memory_free(channels->sources);
        channels->sources = sources;
        channels->source_count = node + 1u;
    }
    if (channels->sources[node] == NULL)
        channels->sources[node] = memory_alloc(sizeof *channels->sources[node]);
    return channels->sources[node];
}

bool channels_in_order(struct channels *channels, uint16_t node, uint64_t boot, uint16_t worker,
                       uint64_t number)
{
    bool in_order = false;

    if (worker >= POST_WORKERS_MAX)
        return false;
    pthread_mutex_lock(&channels->sources_lock);
    struct source *source = source_of(channels, node);
    if (source->boot != boot)
        *source = (struct source){.boot = boot};
    if (number > source->numbers[worker]) {
        source->numbers[worker] = number;
        in_order = true;
    }
    pthread_mutex_unlock(&channels->sources_lock);
    return in_order;
}

/* ---- to be looked at ---- */

size_t channels_count(const struct channels *channels, enum channel_kind kind)
{
    return atomic_load_explicit(&channels->counts[kind], memory_order_relaxed);
}

size_t channels_clients(const struct channels *channels)
{
    return atomic_load_explicit(&channels->clients, memory_order_relaxed);
}

uint64_t channels_subscribers(struct channels *channels, enum channel_kind kind, struct span name)
{
    pthread_mutex_lock(&channels->lock);
    const struct channel *channel = find(channels, kind, channels_hash(channels, name), name);
    const uint64_t subscribers = channel != NULL ? channel->subscribers : 0;
    pthread_mutex_unlock(&channels->lock);
    return subscribers;
}

void channels_visit(struct channels *channels, enum channel_kind kind, const struct span *pattern,
                    bool (*visit)(void *visitor, struct span name, uint64_t subscribers),
                    void *visitor)
{
    const struct names *names = &channels->names[kind];

    pthread_mutex_lock(&channels->lock);
    for (struct name *name = names_first(names); name != NULL; name = names_next(names, name))
        if ((pattern == NULL || glob_match(*pattern, name->text, false)) &&
            !visit(visitor, name->text, list_entry(name, struct channel, name)->subscribers))
            break;
    pthread_mutex_unlock(&channels->lock);
}
