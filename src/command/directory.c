/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/directory.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/memory.h"

/* Workers that are woken once and not for each of their sessions. */
#define WORKERS_TOLD_APART 256

struct directory {
    pthread_mutex_t lock;
    struct list sessions; /* by id */
    struct list walks;    /* of struct directory_walk */
    size_t count;
    uint64_t last_id;
    atomic_uint_least64_t marks;
    int64_t paused_until_us; /* INT64_MIN: there is no pause */

    /* immutable */
    void (*wake)(void *context, uint32_t worker);
    void *context;
    struct post *post;
    struct monitors *monitors;
    struct channels *channels;

    struct trackers trackers; /* its counts are atomics */

    /* Read by all workers before each command, and hardly ever written. */
    _Alignas(MEMORY_APART) atomic_uint alerts;
};

void directory_destroy(struct directory **pointer)
{
    struct directory *directory = *pointer;

    *pointer = NULL;
    if (directory == NULL)
        return;
    ensure(list_empty(&directory->sessions));
    channels_destroy(&directory->channels);
    monitors_destroy(&directory->monitors);
    post_destroy(&directory->post);
    pthread_mutex_destroy(&directory->lock);
    memory_free(directory);
}

struct directory *directory_create(void (*wake)(void *context, uint32_t worker), void *context,
                                   uint64_t seed)
{
    struct directory *directory = memory_alloc_apart(sizeof *directory);

    ensure(pthread_mutex_init(&directory->lock, NULL) == 0);
    list_init(&directory->sessions);
    list_init(&directory->walks);
    directory->wake = wake;
    directory->context = context;
    directory->paused_until_us = INT64_MIN;
    directory->post = post_create(wake, context);
    directory->monitors = monitors_create(directory->post, &directory->alerts, ALERT_MONITORED);
    directory->channels = channels_create(directory->post, seed);
    directory->trackers.alerts = &directory->alerts;
    directory->trackers.bit = ALERT_TRACKED;
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

static struct session *find(const struct directory *directory, uint64_t id)
{
    list_for_each(link, &directory->sessions)
    {
        struct session *session = list_entry(link, struct session, link);

        if (session->id == id)
            return session;
    }
    return NULL;
}

/* Those that redirect to it learn that it is gone. */
static void tell_redirecting(struct directory *directory, uint64_t id)
{
    list_for_each(link, &directory->sessions)
    {
        struct session *session = list_entry(link, struct session, link);

        if (atomic_load_explicit(&session->redirect, memory_order_relaxed) == (long long)id)
            atomic_store_explicit(&session->redirect_gone, true, memory_order_relaxed);
    }
}

void directory_remove(struct directory *directory, struct session *session)
{
    pthread_mutex_lock(&directory->lock);
    ensure(!list_empty(&session->link));
    list_for_each(link, &directory->walks)
    {
        struct directory_walk *walk = list_entry(link, struct directory_walk, link);
        if (walk->next == &session->link)
            walk->next = session->link.next;
    }
    list_remove(&session->link);
    directory->count--;
    if (atomic_load_explicit(&session->redirected_to, memory_order_relaxed))
        tell_redirecting(directory, session->id);
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
    if ((filter->subscribers && !session_subscribes(session)) ||
        (filter->others && session_subscribes(session)))
        return false;
    if (filter->id != 0 && session->id != filter->id)
        return false;
    if (filter->created_by_us != 0 && session->created_us > filter->created_by_us)
        return false;
    if (filter->address.size > 0 && !span_equal(filter->address, span_of_string(session->address)))
        return false;
    return filter->local_address.size == 0 ||
           span_equal(filter->local_address, span_of_string(session->local_address));
}

void directory_walk_begin(struct directory *directory, struct directory_walk *walk)
{
    pthread_mutex_lock(&directory->lock);
    walk->next = directory->sessions.next;
    list_append(&directory->walks, &walk->link);
    pthread_mutex_unlock(&directory->lock);
}

bool directory_walk_describe(struct directory *directory, struct directory_walk *walk,
                             const struct directory_filter *filter, size_t most, int64_t now_us,
                             struct buffer *text)
{
    pthread_mutex_lock(&directory->lock);
    for (; walk->next != &directory->sessions && most > 0; most--) {
        struct session *session = list_entry(walk->next, struct session, link);

        walk->next = walk->next->next;
        if (is_meant(session, filter))
            session_describe(session, now_us, text);
    }
    const bool more = walk->next != &directory->sessions;
    pthread_mutex_unlock(&directory->lock);
    return more;
}

void directory_walk_end(struct directory *directory, struct directory_walk *walk)
{
    pthread_mutex_lock(&directory->lock);
    list_remove(&walk->link);
    pthread_mutex_unlock(&directory->lock);
}

void directory_describe(struct directory *directory, const struct directory_filter *filter,
                        int64_t now_us, struct buffer *text)
{
    struct directory_walk walk;

    directory_walk_begin(directory, &walk);
    directory_walk_describe(directory, &walk, filter, SIZE_MAX, now_us, text);
    directory_walk_end(directory, &walk);
}

/* A session is marked; its worker is to look for it. */
static void mark(struct directory *directory)
{
    atomic_fetch_add_explicit(&directory->marks, 1, memory_order_release);
}

uint64_t directory_marks(const struct directory *directory)
{
    return atomic_load_explicit(&directory->marks, memory_order_acquire);
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
        if (session == own) {
            session->close_after_reply = true;
            killed++;
        } else if (!atomic_exchange_explicit(&session->killed, true, memory_order_relaxed)) {
            killed++; /* not who was killed before, and is not gone yet */
            mark(directory);
            directory->wake(directory->context, session->worker);
        }
    }
    pthread_mutex_unlock(&directory->lock);
    return killed;
}

bool directory_unblock(struct directory *directory, uint64_t id, bool error)
{
    bool done = false;

    pthread_mutex_lock(&directory->lock);
    list_for_each(link, &directory->sessions)
    {
        struct session *session = list_entry(link, struct session, link);

        if (session->id != id)
            continue;
        done = session_unblock(session, error);
        if (done) {
            mark(directory);
            directory->wake(directory->context, session->worker);
        }
        break;
    }
    pthread_mutex_unlock(&directory->lock);
    return done;
}

/* ---- what concerns all clients ---- */

const atomic_uint *directory_alerts(const struct directory *directory)
{
    return &directory->alerts;
}

void directory_wake(struct directory *directory, uint32_t worker)
{
    directory->wake(directory->context, worker);
}

bool directory_find(struct directory *directory, uint64_t id, uint32_t *worker)
{
    pthread_mutex_lock(&directory->lock);
    const struct session *found = find(directory, id);
    if (found != NULL)
        *worker = found->worker;
    pthread_mutex_unlock(&directory->lock);
    return found != NULL;
}

void directory_redirected(struct directory *directory, struct session *session)
{
    const long long id = atomic_load_explicit(&session->redirect, memory_order_relaxed);

    pthread_mutex_lock(&directory->lock);
    struct session *target = find(directory, (uint64_t)id);
    if (target != NULL)
        atomic_store_explicit(&target->redirected_to, true, memory_order_relaxed);
    atomic_store_explicit(&session->redirect_gone, target == NULL, memory_order_relaxed);
    pthread_mutex_unlock(&directory->lock);
}

struct trackers *directory_trackers(struct directory *directory)
{
    return &directory->trackers;
}

struct post *directory_post(const struct directory *directory)
{
    return directory->post;
}

struct channels *directory_channels(const struct directory *directory)
{
    return directory->channels;
}

struct monitors *directory_monitors(const struct directory *directory)
{
    return directory->monitors;
}

static void end_pause(struct directory *directory)
{
    directory->paused_until_us = INT64_MIN;
    atomic_fetch_and_explicit(&directory->alerts,
                              ~(unsigned)(ALERT_WRITES_PAUSED | ALERT_ALL_PAUSED),
                              memory_order_release);
}

void directory_pause(struct directory *directory, bool all, int64_t now_us, int64_t until_us)
{
    pthread_mutex_lock(&directory->lock);
    if (directory->paused_until_us <= now_us)
        end_pause(directory);
    if (until_us > directory->paused_until_us)
        directory->paused_until_us = until_us;
    atomic_fetch_or_explicit(&directory->alerts, all ? ALERT_ALL_PAUSED : ALERT_WRITES_PAUSED,
                             memory_order_release);
    pthread_mutex_unlock(&directory->lock);
}

void directory_unpause(struct directory *directory)
{
    bool woken[WORKERS_TOLD_APART] = {false};

    pthread_mutex_lock(&directory->lock);
    end_pause(directory);
    list_for_each(link, &directory->sessions)
    {
        const uint32_t worker = list_entry(link, struct session, link)->worker;

        if (worker < WORKERS_TOLD_APART && woken[worker])
            continue;
        if (worker < WORKERS_TOLD_APART)
            woken[worker] = true;
        directory->wake(directory->context, worker);
    }
    pthread_mutex_unlock(&directory->lock);
}

int64_t directory_paused_until(struct directory *directory, int64_t now_us)
{
    pthread_mutex_lock(&directory->lock);
    if (directory->paused_until_us <= now_us)
        end_pause(directory);
    const int64_t until_us = directory->paused_until_us;
    pthread_mutex_unlock(&directory->lock);
    return until_us;
}
