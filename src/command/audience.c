/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/audience.h"

#include "base/assert.h"
#include "base/glob.h"
#include "base/memory.h"
#include "command/session.h"

/* What one worker's clients subscribe to. */
struct heard {
    struct name name;
    enum channel_kind kind;
    struct list subscriptions; /* by `member`; the name's bytes stand behind */
};

struct subscription {
    struct name name;   /* in its subscriber's; the text is that of `heard` */
    struct list member; /* in heard->subscriptions */
    struct heard *heard;
    struct session *session;
};

struct audience {
    struct names names[CHANNEL_KINDS]; /* of struct heard */
    struct channels *channels;
    uint32_t worker;

    /* The message in progress. */
    struct span text;
    struct heard *at;  /* whose subscriptions it goes to; NULL: it is through */
    struct list *next; /* the next of them */
    uint64_t turns;    /* how often it went on to another */
};

struct audience *audience_create(struct channels *channels, uint32_t worker)
{
    struct audience *audience = memory_alloc_apart(sizeof *audience);

    for (size_t kind = 0; kind < CHANNEL_KINDS; kind++)
        names_init(&audience->names[kind]);
    audience->channels = channels;
    audience->worker = worker;
    return audience;
}

void audience_destroy(struct audience **pointer)
{
    struct audience *audience = *pointer;

    *pointer = NULL;
    if (audience == NULL)
        return;
    for (size_t kind = 0; kind < CHANNEL_KINDS; kind++)
        ensure(audience->names[kind].count == 0);
    memory_free(audience);
}

/* ---- subscriptions ---- */

static size_t bytes_of(struct span name)
{
    return sizeof(struct subscription) + sizeof(struct heard) + name.size;
}

bool audience_has_room(const struct session *session, size_t count, size_t bytes)
{
    const struct subscriber *subscriber = session_subscriber(session);

    if (subscriber != NULL) {
        count += subscriber->count;
        bytes += subscriber->bytes - subscriber->count * bytes_of(span_of(NULL, 0));
    }
    return count <= SUBSCRIPTIONS_MAX && bytes <= SUBSCRIBED_BYTES_MAX;
}

static struct subscriber *subscriber_of(struct audience *audience, struct session *session)
{
    struct subscriber *subscriber = session_subscriber(session);

    if (subscriber == NULL) {
        subscriber = memory_alloc(sizeof *subscriber);
        for (size_t kind = 0; kind < CHANNEL_KINDS; kind++)
            names_init(&subscriber->names[kind]);
        session_set_subscriber(session, subscriber);
        channels_count_client(audience->channels, true);
    }
    return subscriber;
}

/* One without subscriptions is none. */
static void rest(struct audience *audience, struct session *session)
{
    struct subscriber *subscriber = session_subscriber(session);

    if (subscriber->count > 0)
        return;
    session_set_subscriber(session, NULL);
    memory_free(subscriber);
    channels_count_client(audience->channels, false);
}

static void note(struct subscriber *subscriber, enum channel_kind kind)
{
    atomic_store_explicit(&subscriber->counts[kind], (unsigned)subscriber->names[kind].count,
                          memory_order_relaxed);
}

static struct heard *hear_of(struct audience *audience, enum channel_kind kind, uint64_t hash,
                             struct span name)
{
    struct name *found = names_find(&audience->names[kind], hash, name);

    if (found != NULL)
        return list_entry(found, struct heard, name);
    struct heard *heard = memory_try_alloc(sizeof *heard + name.size);
    if (heard == NULL)
        return NULL;
    if (name.size > 0)
        memcpy(heard + 1, name.data, name.size);
    heard->kind = kind;
    heard->name.hash = hash;
    heard->name.text = span_of(heard + 1, name.size);
    list_init(&heard->subscriptions);
    if (!names_add(&audience->names[kind], &heard->name)) {
        memory_free(heard);
        return NULL;
    }
    return heard;
}

static void go_on(struct audience *audience);

/* Where nobody hears of it, it goes; a message in progress goes on behind it. */
static void forget(struct audience *audience, struct heard *heard)
{
    if (!list_empty(&heard->subscriptions))
        return;
    if (audience->at == heard)
        go_on(audience);
    names_remove(&audience->names[heard->kind], &heard->name);
    memory_free(heard);
}

static bool join(struct audience *audience, struct subscriber *subscriber, enum channel_kind kind,
                 struct heard *heard, struct session *session)
{
    struct subscription *subscription = memory_try_alloc(sizeof *subscription);

    if (subscription == NULL)
        return false;
    *subscription = (struct subscription){
        .name = {.hash = heard->name.hash, .text = heard->name.text},
        .heard = heard,
        .session = session,
    };
    if (!channels_add(audience->channels, kind, heard->name.hash, heard->name.text,
                      audience->worker)) {
        memory_free(subscription);
        return false;
    }
    if (!names_add(&subscriber->names[kind], &subscription->name)) {
        channels_remove(audience->channels, kind, heard->name.hash, heard->name.text,
                        audience->worker);
        memory_free(subscription);
        return false;
    }
    list_append(&heard->subscriptions, &subscription->member);
    subscriber->count++;
    subscriber->bytes += bytes_of(heard->name.text);
    return true;
}

bool audience_subscribe(struct audience *audience, struct session *session, enum channel_kind kind,
                        struct span name)
{
    const uint64_t hash = channels_hash(audience->channels, name);
    struct subscriber *subscriber = session_subscriber(session);

    if (subscriber != NULL && names_find(&subscriber->names[kind], hash, name) != NULL)
        return true;
    struct heard *heard = hear_of(audience, kind, hash, name);
    if (heard == NULL)
        return false;
    subscriber = subscriber_of(audience, session);
    const bool joined = join(audience, subscriber, kind, heard, session);
    forget(audience, heard);
    note(subscriber, kind);
    rest(audience, session);
    return joined;
}

static void leave(struct audience *audience, struct subscriber *subscriber, enum channel_kind kind,
                  struct subscription *subscription)
{
    struct heard *heard = subscription->heard;

    channels_remove(audience->channels, kind, heard->name.hash, heard->name.text, audience->worker);
    names_remove(&subscriber->names[kind], &subscription->name);
    subscriber->count--;
    subscriber->bytes -= bytes_of(heard->name.text);
    if (audience->next == &subscription->member)
        audience->next = subscription->member.next;
    list_remove(&subscription->member);
    memory_free(subscription);
    forget(audience, heard);
    note(subscriber, kind);
}

void audience_unsubscribe(struct audience *audience, struct session *session,
                          enum channel_kind kind, struct span name)
{
    struct subscriber *subscriber = session_subscriber(session);

    if (subscriber == NULL)
        return;
    struct name *found = names_find(&subscriber->names[kind],
                                    channels_hash(audience->channels, name), name);
    if (found == NULL)
        return;
    leave(audience, subscriber, kind, list_entry(found, struct subscription, name));
    rest(audience, session);
}

void audience_leave(struct audience *audience, struct session *session)
{
    struct subscriber *subscriber = session_subscriber(session);
    struct name *name;

    if (subscriber == NULL)
        return;
    for (size_t kind = 0; kind < CHANNEL_KINDS; kind++)
        while ((name = names_first(&subscriber->names[kind])) != NULL)
            leave(audience, subscriber, (enum channel_kind)kind,
                  list_entry(name, struct subscription, name));
    rest(audience, session);
}

/* ---- a message ---- */

static void go_to(struct audience *audience, struct name *name)
{
    audience->at = name != NULL ? list_entry(name, struct heard, name) : NULL;
    audience->next = name != NULL ? audience->at->subscriptions.next : NULL;
    audience->turns++;
}

/* The first pattern that fits, from that one on. */
static void find_pattern(struct audience *audience, struct name *from)
{
    const struct names *patterns = &audience->names[CHANNEL_PATTERN];

    while (from != NULL && !glob_match(from->text, audience->text, false))
        from = names_next(patterns, from);
    go_to(audience, from);
}

static void go_on(struct audience *audience)
{
    const struct names *patterns = &audience->names[CHANNEL_PATTERN];

    switch (audience->at->kind) {
    case CHANNEL_PLAIN:
        find_pattern(audience, names_first(patterns));
        return;
    case CHANNEL_PATTERN:
        find_pattern(audience, names_next(patterns, &audience->at->name));
        return;
    default:
        go_to(audience, NULL);
        return;
    }
}

void audience_begin(struct audience *audience, enum channel_kind kind, struct span name)
{
    struct name *found = names_find(&audience->names[kind], channels_hash(audience->channels, name),
                                    name);

    ensure(audience->at == NULL && kind != CHANNEL_PATTERN);
    audience->text = name;
    if (found != NULL || kind == CHANNEL_SHARD)
        go_to(audience, found);
    else
        find_pattern(audience, names_first(&audience->names[CHANNEL_PATTERN]));
}

bool audience_next(struct audience *audience, struct hearing *hearing)
{
    while (audience->at != NULL && audience->next == &audience->at->subscriptions)
        go_on(audience);
    if (audience->at == NULL)
        return false;
    const struct subscription *subscription = list_entry(audience->next, struct subscription,
                                                         member);
    *hearing = (struct hearing){
        .session = subscription->session,
        .pattern = audience->at->kind == CHANNEL_PATTERN ? &audience->at->name.text : NULL,
        .turn = audience->turns,
    };
    audience->next = audience->next->next;
    return true;
}
