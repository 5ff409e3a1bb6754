/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/post.h"

#include "base/assert.h"
#include "base/bytes.h"

#define RECORD_HEAD (8 + 1)

_Static_assert(POST_KINDS <= 32, "a mask holds them");

struct post {
    void (*wake)(void *context, uint32_t worker);
    void *context;
    uint32_t workers;
    struct inbox *inboxes[POST_WORKERS_MAX];
};

struct post *post_create(void (*wake)(void *context, uint32_t worker), void *context)
{
    struct post *post = memory_alloc(sizeof *post);

    post->wake = wake;
    post->context = context;
    return post;
}

void post_destroy(struct post **pointer)
{
    struct post *post = *pointer;

    *pointer = NULL;
    if (post == NULL)
        return;
    for (uint32_t worker = 0; worker < post->workers; worker++) {
        struct inbox *inbox = post->inboxes[worker];
        if (inbox == NULL)
            continue;
        buffer_deinit(&inbox->records);
        pthread_mutex_destroy(&inbox->lock);
        memory_free(inbox);
    }
    memory_free(post);
}

struct inbox *post_open(struct post *post, uint32_t worker)
{
    ensure(worker < POST_WORKERS_MAX);
    if (post->inboxes[worker] == NULL) {
        struct inbox *inbox = memory_alloc_apart(sizeof *inbox);
        ensure(pthread_mutex_init(&inbox->lock, NULL) == 0);
        post->inboxes[worker] = inbox;
    }
    if (worker >= post->workers)
        post->workers = worker + 1;
    return post->inboxes[worker];
}

uint32_t post_workers(const struct post *post)
{
    return post->workers;
}

/* Puts it there, if there is room. */
static bool put(struct inbox *inbox, enum post_kind kind, const struct span *pieces, size_t count,
                size_t size)
{
    struct buffer *records = &inbox->records;

    if (inbox->bytes[kind] > 0 && inbox->bytes[kind] + size > POST_BYTES_MAX)
        return false;
    uint8_t *at = buffer_reserve(records, RECORD_HEAD + size);
    if (at == NULL) {
        records->failed = false; /* what it holds is whole */
        return false;
    }
    bytes_put_u64(at, size);
    at[8] = (uint8_t)kind;
    at += RECORD_HEAD;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > 0)
            memcpy(at, pieces[i].data, pieces[i].size);
        at += pieces[i].size;
    }
    buffer_commit(records, RECORD_HEAD + size);
    inbox->bytes[kind] += RECORD_HEAD + size;
    return true;
}

bool post_put(struct post *post, uint32_t own, uint32_t worker, enum post_kind kind,
              const struct span *pieces, size_t count)
{
    struct inbox *inbox = worker < post->workers ? post->inboxes[worker] : NULL;
    size_t size = 0;

    ensure(inbox != NULL);
    for (size_t i = 0; i < count; i++)
        size += pieces[i].size;
    pthread_mutex_lock(&inbox->lock);
    const bool kept = put(inbox, kind, pieces, count, size);
    if (!kept)
        inbox->lost |= 1u << kind;
    const bool waited = atomic_exchange_explicit(&inbox->waits, true, memory_order_relaxed);
    pthread_mutex_unlock(&inbox->lock);
    if (!waited && worker != own)
        post->wake(post->context, worker);
    return kept;
}

uint32_t post_take(struct inbox *inbox, struct buffer *records)
{
    pthread_mutex_lock(&inbox->lock);
    const struct buffer taken = *records;
    const uint32_t lost = inbox->lost;
    *records = inbox->records;
    inbox->records = taken;
    inbox->lost = 0;
    memset(inbox->bytes, 0, sizeof inbox->bytes);
    atomic_store_explicit(&inbox->waits, false, memory_order_relaxed);
    pthread_mutex_unlock(&inbox->lock);
    return lost;
}

size_t post_footprint(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    const size_t bytes = inbox->records.capacity;
    pthread_mutex_unlock(&inbox->lock);
    return bytes;
}

bool post_next(struct span *records, struct post_record *record)
{
    if (records->size == 0)
        return false;
    const size_t size = (size_t)bytes_get_u64(records->data);
    record->kind = (enum post_kind)records->data[8];
    record->bytes = span_of(records->data + RECORD_HEAD, size);
    *records = span_of(records->data + RECORD_HEAD + size, records->size - RECORD_HEAD - size);
    return true;
}
