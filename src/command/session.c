/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/session.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/level.h"
#include "base/memory.h"
#include "command/audience.h"
#include "command/monitors.h"
#include "command/tracking.h"
#include "command/transaction.h"
#include "resp/reply.h"

void session_init(struct session *session, const char *address, const char *local_address,
                  struct instant now, bool authenticated)
{
    *session = (struct session){
        .descriptor = -1,
        .created_us = now.mono_us,
        .authenticated = authenticated,
        .read_level = LEVEL_DEFAULT,
        .write_level = LEVEL_DEFAULT,
        .protocol = 2,
        .queued = -1,
        .redirect = -1,
        .active_us = now.mono_us,
    };
    session->address = memory_copy_string(address);
    session->local_address = memory_copy_string(local_address);
    list_init(&session->link);
}

void session_deinit(struct session *session)
{
    ensure(list_empty(&session->link) && session_subscriber(session) == NULL);
    for (size_t i = 0; i < SESSION_TEXTS; i++)
        memory_free(session->texts[i]);
    transaction_destroy(&session->transaction);
    memory_free(session->address);
    memory_free(session->local_address);
}

void session_end_transaction(struct session *session)
{
    transaction_destroy(&session->transaction);
    session->queueing = false;
    session_note_queued(session);
}

void session_note_queued(struct session *session)
{
    const short queued = session->queueing ? (short)session->transaction->count : -1;

    atomic_store_explicit(&session->queued, queued, memory_order_relaxed);
}

void session_reset(struct session *session, bool authenticated)
{
    session_end_transaction(session);
    tracking_disable(session);
    session_set_protocol(session, 2);
    session_set_text(session, SESSION_NAME, SPAN(""));
    session->authenticated = authenticated;
    session->read_level = LEVEL_DEFAULT;
    session->write_level = LEVEL_DEFAULT;
    session->replies = REPLIES_ON;
    session->walks_primaries = false;
    atomic_store_explicit(&session->no_evict, false, memory_order_relaxed);
    atomic_store_explicit(&session->no_touch, false, memory_order_relaxed);
}

void session_set_protocol(struct session *session, int protocol)
{
    atomic_store_explicit(&session->protocol, (unsigned char)protocol, memory_order_relaxed);
}

bool session_set_text(struct session *session, enum session_text which, struct span text)
{
    char *copy = NULL;

    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '!' || text.data[i] > '~')
            return false;
    if (text.size > 0) {
        copy = memory_alloc(text.size + 1);
        memcpy(copy, text.data, text.size);
    }
    latch_take(&session->lock);
    char *old = session->texts[which];
    session->texts[which] = copy;
    latch_release(&session->lock);
    memory_free(old);
    return true;
}

const char *session_text(const struct session *session, enum session_text which)
{
    return session->texts[which];
}

void session_monitor(struct session *session, struct monitors *monitors)
{
    if (!atomic_exchange_explicit(&session->monitors, true, memory_order_relaxed))
        monitors_add(monitors, session->worker);
}

void session_unmonitor(struct session *session, struct monitors *monitors)
{
    if (atomic_exchange_explicit(&session->monitors, false, memory_order_relaxed))
        monitors_remove(monitors, session->worker);
}

void session_set_subscriber(struct session *session, struct subscriber *subscriber)
{
    latch_take(&session->lock);
    atomic_store_explicit(&session->subscriber, subscriber, memory_order_relaxed);
    latch_release(&session->lock);
}

bool session_authorize(const struct session *session, const struct command *command,
                       struct buffer *reply)
{
    if (session->authenticated || (command->flags & FLAG_NO_AUTH) != 0)
        return true;
    reply_error(reply, "NOAUTH Authentication required.");
    return false;
}

static const char *shown(const char *text)
{
    return text != NULL ? text : "";
}

static unsigned subscribed(const struct subscriber *subscriber, enum channel_kind kind)
{
    return subscriber != NULL
               ? atomic_load_explicit(&subscriber->counts[kind], memory_order_relaxed)
               : 0;
}

void session_describe(struct session *session, int64_t now_us, struct buffer *text)
{
    const struct command *command = atomic_load_explicit(&session->command, memory_order_relaxed);
    const size_t query = atomic_load_explicit(&session->query_bytes, memory_order_relaxed);
    const size_t room = atomic_load_explicit(&session->query_free, memory_order_relaxed);
    const size_t output = atomic_load_explicit(&session->output_bytes, memory_order_relaxed);
    const int64_t active_us = atomic_load_explicit(&session->active_us, memory_order_relaxed);
    const unsigned tracking = atomic_load_explicit(&session->tracking, memory_order_relaxed);
    char flags[12];
    size_t size = 0;

    if (atomic_load_explicit(&session->monitors, memory_order_relaxed))
        flags[size++] = 'O';
    if (session_subscribes(session))
        flags[size++] = 'P';
    if (atomic_load_explicit(&session->blocked, memory_order_relaxed) != BLOCKED_NOT)
        flags[size++] = 'b';
    if ((tracking & SESSION_TRACKS) != 0)
        flags[size++] = 't';
    if ((tracking & TRACKING_BROKEN) != 0)
        flags[size++] = 'R';
    if ((tracking & TRACKING_BROADCAST) != 0)
        flags[size++] = 'B';
    if (session_killed(session))
        flags[size++] = 'A';
    if (atomic_load_explicit(&session->no_evict, memory_order_relaxed))
        flags[size++] = 'e';
    if (atomic_load_explicit(&session->no_touch, memory_order_relaxed))
        flags[size++] = 'T';
    if (size == 0)
        flags[size++] = 'N';
    flags[size] = '\0';

    latch_take(&session->lock);
    const struct subscriber *subscriber = session_subscriber(session);
    buffer_append_format(
        text,
        "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%s age=%" PRId64 " idle=%" PRId64
        " flags=%s db=0 sub=%u psub=%u ssub=%u multi=%d qbuf=%zu qbuf-free=%zu argv-mem=0"
        " multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%zu tot-mem=%zu events=r cmd=%s user=default"
        " redir=%lld resp=%d lib-name=%s lib-ver=%s\n",
        session->id, session->address, session->local_address, session->descriptor,
        shown(session->texts[SESSION_NAME]), (now_us - session->created_us) / 1000000,
        active_us < now_us ? (now_us - active_us) / 1000000 : 0, flags,
        subscribed(subscriber, CHANNEL_PLAIN), subscribed(subscriber, CHANNEL_PATTERN),
        subscribed(subscriber, CHANNEL_SHARD),
        atomic_load_explicit(&session->queued, memory_order_relaxed), query, room, output,
        sizeof *session + query + room + output, command != NULL ? command->name : "NULL",
        atomic_load_explicit(&session->redirect, memory_order_relaxed), session_protocol(session),
        shown(session->texts[SESSION_LIB_NAME]), shown(session->texts[SESSION_LIB_VERSION]));
    latch_release(&session->lock);
}
