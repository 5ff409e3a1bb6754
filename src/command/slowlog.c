/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/slowlog.h"

#include <pthread.h>
#include <stdio.h>

#include "base/assert.h"

#include "base/list.h"
#include "base/memory.h"
#include "command/arguments.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "command/session.h"
#include "resp/reply.h"

struct entry {
    struct list link; /* the newest first */
    uint64_t id;
    int64_t wall_s; /* when it ended */
    uint64_t usec;
    struct buffer tail; /* RESP: arguments, address and name */
};

struct slowlog {
    pthread_mutex_t lock;
    struct list entries;
    size_t count;
    uint64_t next_id;
};

struct slowlog *slowlog_create(void)
{
    struct slowlog *slowlog = memory_alloc(sizeof *slowlog);

    ensure(pthread_mutex_init(&slowlog->lock, NULL) == 0);
    list_init(&slowlog->entries);
    return slowlog;
}

static void trim(struct slowlog *slowlog, size_t entries_max)
{
    while (slowlog->count > entries_max) {
        struct entry *oldest = list_entry(slowlog->entries.previous, struct entry, link);
        list_remove(&oldest->link);
        slowlog->count--;
        buffer_deinit(&oldest->tail);
        memory_free(oldest);
    }
}

void slowlog_destroy(struct slowlog **slowlog)
{
    struct slowlog *s = *slowlog;

    *slowlog = NULL;
    if (s == NULL)
        return;
    trim(s, 0);
    pthread_mutex_destroy(&s->lock);
    memory_free(s);
}

static void put_argument(struct buffer *tail, struct span argument)
{
    struct buffer text = {0};

    if (argument.size <= SLOWLOG_ARGUMENT_MAX) {
        reply_bulk(tail, argument);
        return;
    }
    buffer_append(&text, argument.data, SLOWLOG_ARGUMENT_MAX);
    buffer_append_format(&text, "... (%zu more bytes)", argument.size - SLOWLOG_ARGUMENT_MAX);
    reply_bulk(tail, buffer_content(&text));
    buffer_deinit(&text);
}

static void put_arguments(struct buffer *tail, const struct call *call)
{
    const bool cut = call->argc > SLOWLOG_ARGUMENTS_MAX;
    const size_t shown = cut ? SLOWLOG_ARGUMENTS_MAX - 1 : call->argc;
    char more[48];

    reply_array(tail, cut ? SLOWLOG_ARGUMENTS_MAX : call->argc);
    for (size_t i = 0; i < shown; i++)
        if (argument_secret(call->command, call->argv, call->argc, i))
            reply_bulk_string(tail, "(redacted)");
        else
            put_argument(tail, call->argv[i]);
    if (cut) {
        snprintf(more, sizeof more, "... (%zu more arguments)", call->argc - shown);
        reply_bulk_string(tail, more);
    }
}

void slowlog_add(struct slowlog *slowlog, const struct call *call, uint64_t usec,
                 size_t entries_max)
{
    const char *name = session_text(call->session, SESSION_NAME);
    struct entry *entry = memory_alloc(sizeof *entry);

    entry->wall_s = call->now.wall_ms / 1000;
    entry->usec = usec;
    put_arguments(&entry->tail, call);
    reply_bulk_string(&entry->tail, call->session->address);
    reply_bulk_string(&entry->tail, name != NULL ? name : "");
    pthread_mutex_lock(&slowlog->lock);
    entry->id = slowlog->next_id++;
    list_prepend(&slowlog->entries, &entry->link);
    slowlog->count++;
    trim(slowlog, entries_max);
    pthread_mutex_unlock(&slowlog->lock);
}

/* ---- SLOWLOG ---- */

static struct slowlog *slowlog_of(const struct call *call)
{
    return call->environment->slowlog;
}

/* SLOWLOG GET [count]; -1: all */
void slowlog_get(struct call *call)
{
    struct slowlog *slowlog = slowlog_of(call);
    int64_t count = 10;

    if (call->argc > 3) {
        argument_subcommand_error(call);
        return;
    }
    if (call->argc == 3 && (!span_to_int64(call->argv[2], &count) || count < -1)) {
        reply_error(call->reply, "ERR count should be greater than or equal to -1");
        return;
    }
    pthread_mutex_lock(&slowlog->lock);
    size_t left = count < 0 || (uint64_t)count > slowlog->count ? slowlog->count : (size_t)count;
    reply_array(call->reply, left);
    list_for_each(link, &slowlog->entries)
    {
        const struct entry *entry = list_entry(link, struct entry, link);
        if (left-- == 0)
            break;
        reply_array(call->reply, 6);
        reply_integer(call->reply, (int64_t)entry->id);
        reply_integer(call->reply, entry->wall_s);
        reply_integer(call->reply, (int64_t)entry->usec);
        buffer_append_span(call->reply, buffer_content(&entry->tail));
        call->reply->failed |= entry->tail.failed;
    }
    pthread_mutex_unlock(&slowlog->lock);
}

void slowlog_len(struct call *call)
{
    struct slowlog *slowlog = slowlog_of(call);

    pthread_mutex_lock(&slowlog->lock);
    reply_integer(call->reply, (int64_t)slowlog->count);
    pthread_mutex_unlock(&slowlog->lock);
}

void slowlog_reset(struct call *call)
{
    struct slowlog *slowlog = slowlog_of(call);

    pthread_mutex_lock(&slowlog->lock);
    trim(slowlog, 0);
    pthread_mutex_unlock(&slowlog->lock);
    reply_ok(call->reply);
}
