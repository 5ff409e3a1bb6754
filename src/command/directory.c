/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/directory.h"

#include "base/assert.h"
#include "base/memory.h"

struct directory {
    pthread_mutex_t lock;
    struct list sessions; /* by id */
    size_t count;
    uint64_t last_id;

    /* immutable */
    void (*wake)(void *context, uint32_t worker);
    void *context;
};

void directory_destroy(struct directory **pointer)
{
    struct directory *directory = *pointer;

    *pointer = NULL;
    if (directory == NULL)
        return;
    ensure(list_empty(&directory->sessions));
    pthread_mutex_destroy(&directory->lock);
    memory_free(directory);
}

struct directory *directory_create(void (*wake)(void *context, uint32_t worker), void *context)
{
    struct directory *directory = memory_alloc(sizeof *directory);

    ensure(pthread_mutex_init(&directory->lock, NULL) == 0);
    list_init(&directory->sessions);
    directory->wake = wake;
    directory->context = context;
    return directory;
}

void directory_add(struct directory *directory, struct session *session)
{
    pthread_mutex_lock(&directory->lock);
    session->id = ++directory->last_id;
    list_append(&directory->sessions, &session->link);
    directory->count++;
    pthread_mutex_unlock(&directory->lock);
}

void directory_remove(struct directory *directory, struct session *session)
{
    pthread_mutex_lock(&directory->lock);
    ensure(!list_empty(&session->link));
    list_remove(&session->link);
    directory->count--;
    pthread_mutex_unlock(&directory->lock);
}

size_t directory_count(struct directory *directory)
{
    pthread_mutex_lock(&directory->lock);
    const size_t count = directory->count;
    pthread_mutex_unlock(&directory->lock);
    return count;
}

static bool is_meant(const struct session *session, const struct directory_filter *filter)
{
    if (filter->none || session == filter->not )
        return false;
    if (filter->id != 0 && session->id != filter->id)
        return false;
    if (filter->address.size > 0 && !span_equal(filter->address, span_of_string(session->address)))
        return false;
    return filter->local_address.size == 0 ||
           span_equal(filter->local_address, span_of_string(session->local_address));
}

void directory_describe(struct directory *directory, const struct directory_filter *filter,
                        int64_t now_us, struct buffer *text)
{
    pthread_mutex_lock(&directory->lock);
    list_for_each(link, &directory->sessions)
    {
        struct session *session = list_entry(link, struct session, link);

        if (is_meant(session, filter))
            session_describe(session, now_us, text);
    }
    pthread_mutex_unlock(&directory->lock);
}

size_t directory_kill(struct directory *directory, const struct directory_filter *filter,
                      struct session *own)
{
    size_t killed = 0;

    pthread_mutex_lock(&directory->lock);
    list_for_each(link, &directory->sessions)
    {
        struct session *session = list_entry(link, struct session, link);

        if (!is_meant(session, filter))
            continue;
        killed++;
        if (session == own) {
            session->close_after_reply = true;
        } else if (!atomic_exchange_explicit(&session->killed, true, memory_order_relaxed)) {
            directory->wake(directory->context, session->worker);
        }
    }
    pthread_mutex_unlock(&directory->lock);
    return killed;
}
