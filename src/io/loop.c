/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "io/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "io/clock.h"
#include "io/connection.h"
#include "io/turn.h"

/* Of a turn's time, us: events that are ready are handled for so long, */
#define EVENTS_US 300
/* its owner begins what can wait as well until then, */
#define OWNER_US 450
/* and until then connections are written. All end well before 1 ms, since one event, or one thing
 * that the owner does, may take some hundreds of us. */
#define FLUSH_US 600
/* Connections that are written however late it is. */
#define FLUSHES_MIN 8

struct loop {
    struct loop_owner owner;
    struct event_base *base;
    /* A timerfd, and none of libevent's timers: those are rounded up to whole milliseconds, and
     * with one pending each wait reads the clock twice and sets a timer in the kernel. */
    int timer;
    struct event timer_event;
    int64_t wake_at_us; /* when the owner is to be woken, INT64_MAX: never */
    bool wake_now;      /* in this turn or the next: no timer is set for that */
    struct instant now;
    bool now_known;
    struct turn turn;
    struct list unread;                     /* of struct connection, by unread_link */
    struct list dirty;                      /* of struct connection, by dirty_link */
    struct buffer blocks[LOOP_BLOCKS_KEPT]; /* the one used last is the last */
    size_t block_count;

    /* From other threads. */
    int bell; /* eventfd */
    struct event bell_event;
    pthread_mutex_t mailbox_lock;
    struct list mailbox; /* of struct errand, under mailbox_lock */
    bool rung;           /* the bell was rung and not yet heard; under mailbox_lock */
    atomic_bool stopping;
};

static void wake(struct loop *loop)
{
    (void)loop_now(loop);
    loop->wake_at_us = INT64_MAX;
    loop->wake_now = false;
    loop->owner.wake(loop->owner.self);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    uint64_t expirations;

    (void)what;
    (void)!read(fd, &expirations, sizeof expirations);
    wake(context);
}

static void move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *link = from->next;
        list_remove(link);
        list_append(to, link);
    }
}

static void on_bell(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    struct list errands;
    uint64_t rings;

    (void)what;
    (void)loop_now(loop);
    loop_note(loop, WORK_CONTROL);
    (void)!read(fd, &rings, sizeof rings);
    list_init(&errands);
    pthread_mutex_lock(&loop->mailbox_lock);
    loop->rung = false;
    move_all(&loop->mailbox, &errands);
    pthread_mutex_unlock(&loop->mailbox_lock);
    while (!list_empty(&errands)) {
        struct list *link = errands.next;
        struct errand *errand = list_entry(link, struct errand, link);
        list_remove(link);
        errand->run(errand);
    }
}

static struct event_base *create_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    ensure(config != NULL);
    /* One thread uses the base; the bell is an eventfd, so libevent's own locks are not needed. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    /* Nor its clock, which it would read in each turn. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
    base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *loop_create(const struct loop_owner *owner)
{
    const int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct event_base *base = bell >= 0 && timer >= 0 ? create_base() : NULL;

    if (base == NULL) {
        close(bell);
        close(timer);
        errno = EMFILE;
        return NULL;
    }
    struct loop *loop = memory_alloc_apart(sizeof *loop);
    loop->owner = *owner;
    turn_init(&loop->turn, owner->metrics);
    loop->base = base;
    loop->bell = bell;
    loop->timer = timer;
    loop->wake_at_us = INT64_MAX;
    list_init(&loop->unread);
    list_init(&loop->dirty);
    list_init(&loop->mailbox);
    pthread_mutex_init(&loop->mailbox_lock, NULL);
    event_assign(&loop->bell_event, base, bell, EV_READ | EV_PERSIST, on_bell, loop);
    event_add(&loop->bell_event, NULL);
    event_assign(&loop->timer_event, base, timer, EV_READ | EV_PERSIST, on_timer, loop);
    event_add(&loop->timer_event, NULL);
    return loop;
}

void loop_destroy(struct loop **loop)
{
    struct loop *l = *loop;

    *loop = NULL;
    while (!list_empty(&l->mailbox)) {
        struct list *link = l->mailbox.next;
        struct errand *errand = list_entry(link, struct errand, link);
        list_remove(link);
        errand->drop(errand);
    }
    event_del(&l->bell_event);
    event_del(&l->timer_event);
    close(l->timer);
    close(l->bell);
    event_base_free(l->base);
    while (l->block_count > 0)
        buffer_deinit(&l->blocks[--l->block_count]);
    pthread_mutex_destroy(&l->mailbox_lock);
    memory_free(l);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

void loop_lend(struct loop *loop, struct buffer *buffer)
{
    if (loop->block_count > 0)
        *buffer = loop->blocks[--loop->block_count];
}

bool loop_take_back(struct loop *loop, struct buffer *buffer)
{
    if (loop->block_count == LOOP_BLOCKS_KEPT)
        return false;
    loop->blocks[loop->block_count++] = *buffer;
    buffer_init(buffer);
    return true;
}

struct instant loop_now(struct loop *loop)
{
    if (!loop->now_known) {
        loop->now = clock_now();
        loop->now_known = true;
        turn_begin(&loop->turn, loop->now.mono_us);
    }
    return loop->now;
}

void loop_note(struct loop *loop, enum work work)
{
    turn_note(&loop->turn, work);
}

void loop_note_mask(struct loop *loop, uint32_t doing)
{
    loop->turn.doing |= doing;
}

bool loop_spend(struct loop *loop, size_t bytes)
{
    if (!turn_spend(&loop->turn, bytes, EVENTS_US))
        return false;
    event_base_loopbreak(loop->base);
    return true;
}

bool loop_late(const struct loop *loop)
{
    return turn_passed(&loop->turn, OWNER_US);
}

/* Those that there is no time for stay dirty, and come first in the next turn. */
static void flush_dirty(struct loop *loop)
{
    bool late = false;

    if (!list_empty(&loop->dirty))
        turn_note(&loop->turn, WORK_OUTPUT);
    for (unsigned i = 0; !list_empty(&loop->dirty) && (i < FLUSHES_MIN || !late); i++) {
        struct list *link = loop->dirty.next;
        list_remove(link);
        const size_t bytes = connection_flush(list_entry(link, struct connection, dirty_link));
        late = turn_spend(&loop->turn, bytes, FLUSH_US) || late;
    }
}

/* Those that the last turn left unread, each once; those that there is no time for come first in
 * the next turn. */
static void read_unread(struct loop *loop)
{
    struct list due;
    bool late = false;

    list_init(&due);
    move_all(&loop->unread, &due);
    while (!list_empty(&due) && !late) {
        struct list *link = due.next;
        list_remove(link);
        late = connection_read(list_entry(link, struct connection, unread_link));
    }
    move_all(&loop->unread, &due);
    move_all(&due, &loop->unread);
}

void loop_run(struct loop *loop)
{
    turn_init(&loop->turn, loop->owner.metrics); /* what was read before was another thread's */
    while (!atomic_load_explicit(&loop->stopping, memory_order_acquire)) {
        const bool waits = list_empty(&loop->dirty) && list_empty(&loop->unread) && !loop->wake_now;
        loop->now_known = false;
        read_unread(loop);
        event_base_loop(loop->base, waits ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
        (void)loop_now(loop);
        if (loop->wake_now)
            wake(loop);
        loop->owner.turn_end(loop->owner.self);
        flush_dirty(loop);
        turn_end(&loop->turn);
    }
}

static void ring(struct loop *loop)
{
    const uint64_t one = 1;

    (void)!write(loop->bell, &one, sizeof one);
}

void loop_stop(struct loop *loop)
{
    atomic_store_explicit(&loop->stopping, true, memory_order_release);
    ring(loop);
}

void loop_post(struct loop *loop, struct errand *errand)
{
    bool first;

    pthread_mutex_lock(&loop->mailbox_lock);
    list_append(&loop->mailbox, &errand->link);
    first = !loop->rung;
    loop->rung = true;
    pthread_mutex_unlock(&loop->mailbox_lock);
    if (first)
        ring(loop);
}

/* A timer that is set for earlier stays: it wakes for nothing once, which costs less than setting
 * it anew whenever the nearest deadline has been met. */
void loop_wake_at(struct loop *loop, int64_t mono_us)
{
    if (mono_us >= loop->wake_at_us)
        return;
    loop->wake_at_us = mono_us;
    loop->wake_now = mono_us <= loop_now(loop).mono_us;
    if (loop->wake_now)
        return;
    const struct itimerspec due = {
        .it_value = {.tv_sec = mono_us / 1000000, .tv_nsec = mono_us % 1000000 * 1000}};
    ensure(timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &due, NULL) == 0);
}

void loop_mark_unread(struct loop *loop, struct list *link)
{
    if (list_empty(link))
        list_append(&loop->unread, link);
}

void loop_mark_dirty(struct loop *loop, struct list *link)
{
    list_append(&loop->dirty, link);
}
