/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tracking over the cluster: clients that keep copies of what they read (command/tracking.h) are
 * told of what changes at any replica.
 *
 *   a replica's store   notes what changes while anybody listens (store/changes.h)
 *   the worker          that ends its turn first takes the notes and posts them to the workers that
 *                       have trackers, or links to nodes that do (POST_CHANGED_HERE)
 *   a link              CHANGED, after TRACK has asked for it
 *   worker 0            asks the other nodes, and posts what they say to the workers with trackers
 *                       (POST_CHANGED_THERE); it goes no further
 *
 * So who has read a copy, here or through a coordinator, hears of every change of that copy that
 * comes after: the copies that a read was made of, and not the write, are what it depends on, and a
 * write that reaches one replica later is told once more.
 *
 * What may have been lost is told as "any key": a link that broke, one that was opened anew (what
 * was read before could have changed unheard), a queue that was full. Who has begun no read since
 * it was told so is not told again.
 *
 * A push stands behind the replies of all requests of its client that were in flight when it came:
 * one of them may have read what was there before.
 *
 * Bounds: POST_BYTES_MAX for what waits for a worker, `peer-queue-bytes` for a link.
 */
#include "node/exec.h"
#include "node/parts.h"

#include "base/memory.h"
#include "command/handlers.h"
#include "resp/reply.h"
#include "store/changes.h"

/* Changes of one record of the post: it is handled in one go. */
#define CHANGES_PER_RECORD 64

static const struct changed unknown = {.kind = CHANGED_UNKNOWN};

static struct tracking *tracking_of(const struct engine *engine)
{
    return engine->own.environment->tracking;
}

static struct trackers *trackers_of(const struct engine *engine)
{
    return directory_trackers(engine->own.environment->directory);
}

/* ---- telling clients ---- */

static struct client *client_of(struct session *session)
{
    return list_entry(session, struct client, session);
}

static void push(struct client *client, struct span head, struct span body)
{
    const struct span pieces[] = {head, body};

    client_push_behind(client, pieces, 2);
}

/* To whom others redirect: RESP2 has it as a message of a channel. */
static void push_redirected(struct client *client, struct span body)
{
    if (session_protocol(&client->session) >= 3)
        push(client, SPAN(">2\r\n$10\r\ninvalidate\r\n"), body);
    else if (session_subscribes(&client->session))
        push(client, SPAN("*3\r\n$7\r\nmessage\r\n$20\r\n" TRACKING_CHANNEL "\r\n"), body);
}

static struct client *find_client(struct engine *engine, uint64_t id)
{
    list_for_each(link, &engine->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (client->session.id == id)
            return client;
    }
    return NULL;
}

size_t track_invalidated(struct engine *engine, struct span record)
{
    if (record.size < 8)
        return 0;
    struct client *client = find_client(engine, bytes_get_u64(record.data));

    if (client != NULL)
        push_redirected(client, span_of(record.data + 8, record.size - 8));
    return 1;
}

/* The connection that it redirects to is gone. */
static void tell_broken(struct tracker *tracker)
{
    struct buffer push_bytes = {0};

    tracking_broken(tracker);
    if (session_protocol(tracker->session) < 3)
        return;
    buffer_append_string(&push_bytes, ">2\r\n");
    reply_bulk_string(&push_bytes, "tracking-redir-broken");
    reply_integer(&push_bytes, (int64_t)tracker->redirect);
    push(client_of(tracker->session), buffer_content(&push_bytes), SPAN(""));
    buffer_deinit(&push_bytes);
}

static void tell(void *context, struct tracker *tracker, struct span body)
{
    struct engine *engine = context;
    uint8_t id[8];

    if (tracker->redirect == 0) {
        if (session_protocol(tracker->session) >= 3)
            push(client_of(tracker->session), SPAN(">2\r\n$10\r\ninvalidate\r\n"), body);
        return;
    }
    if (atomic_load_explicit(&tracker->session->redirect_gone, memory_order_relaxed)) {
        tell_broken(tracker);
        return;
    }
    bytes_put_u64(id, tracker->redirect);
    const struct span pieces[] = {span_of(id, sizeof id), body};
    post_put(directory_post(engine->own.environment->directory), engine->own.index,
             tracker->redirect_worker, POST_INVALIDATED, pieces, 2);
}

/* What was to be told to those whom others redirect to was too much. */
static void forget_all_redirected(struct engine *engine)
{
    list_for_each(link, &engine->clients)
    {
        struct client *client = list_entry(link, struct client, link);

        if (atomic_load_explicit(&client->session.redirected_to, memory_order_relaxed))
            push_redirected(client, session_protocol(&client->session) >= 3 ? SPAN("_\r\n")
                                                                            : SPAN("$-1\r\n"));
    }
}

/* ---- commands of trackers ---- */

static bool is_of_client(const struct command *command)
{
    return command != NULL && strncmp(command->name, "client|", 7) == 0;
}

static void read_queued(struct tracker *tracker, const struct transaction *transaction)
{
    for (size_t i = 0; transaction != NULL && i < transaction->count; i++) {
        const struct queued *queued = transaction->commands[i];
        tracking_reads(tracker, queued->command, queued->argv, queued->argc);
    }
}

void track_begins(const struct request *request, bool understood)
{
    const struct call *call = &request->call;
    const struct command *command = call->command;
    struct session *session = call->session;
    struct tracker *tracker = session->tracker;
    bool runs_queue = false;

    if (understood && command != NULL) {
        runs_queue = strcmp(command->name, "exec") == 0;
        if (runs_queue)
            read_queued(tracker, session->transaction);
        else
            tracking_reads(tracker, command, call->argv, call->argc);
        if (command->run == multi_begin)
            return;
    }
    /* CLIENT CACHING is about one command, or one transaction. */
    if (!is_of_client(command) && (!session->queueing || runs_queue))
        tracker->flags &= ~(unsigned)TRACKING_CACHING;
}

void track_wrote(const struct request *request)
{
    const struct operation *operation = &request->operation;
    const struct request *whole = request;

    while (whole->owner == OWNER_WHOLE)
        whole = whole->whole;
    if (whole->owner != OWNER_CLIENT || whole->client == NULL ||
        whole->client->session.tracker == NULL || request->kind == COMMAND_READ ||
        operation->unchanged || operation->repaired || operation->adopted ||
        (operation->state != OPERATION_WRITING && operation->state != OPERATION_DONE))
        return;
    tracking_wrote(whole->client->session.tracker, operation->written.dot);
}

void track_forget(struct client *client)
{
    tracking_disable(&client->session);
}

/* ---- changes between workers ---- */

/* To the workers that have trackers or, of what changed `here`, such links. */
static void post(struct engine *engine, enum post_kind kind, struct span records)
{
    struct post *post = directory_post(engine->own.environment->directory);
    struct trackers *trackers = trackers_of(engine);

    for (uint32_t worker = 0; worker < post_workers(post); worker++) {
        const bool clients = atomic_load(&trackers->workers[worker].clients) > 0;
        const bool links = atomic_load(&trackers->workers[worker].links) > 0;
        if (clients || (links && kind == POST_CHANGED_HERE))
            post_put(post, engine->own.index, worker, kind, &records, 1);
    }
}

static void post_unknown(struct engine *engine, enum post_kind kind)
{
    struct buffer records = {0};

    changed_put(&records, &unknown);
    post(engine, kind, buffer_content(&records));
    buffer_deinit(&records);
}

/* Takes what the store has noted; another worker may have noted some of it. */
static void post_changes(struct engine *engine)
{
    struct buffer *taken = &engine->changes;
    struct changed changed;

    buffer_reset(taken, BUFFER_KEEP);
    store_take_changes(engine->own.store, taken);
    if (taken->failed) {
        post_unknown(engine, POST_CHANGED_HERE);
        return;
    }
    for (struct span rest = buffer_content(taken); rest.size > 0;) {
        const struct span from = rest;
        for (unsigned i = 0; i < CHANGES_PER_RECORD && changed_next(&rest, &changed); i++)
            continue;
        post(engine, POST_CHANGED_HERE, span_of(from.data, from.size - rest.size));
    }
}

static size_t take_changes(struct engine *engine, struct span records)
{
    struct changed changed;
    size_t count = 0;

    for (; changed_next(&records, &changed); count++)
        tracking_changed(tracking_of(engine), &changed);
    return count;
}

static void tell_links(struct engine *engine, struct span records);

size_t track_changed_here(struct engine *engine, struct span records)
{
    tell_links(engine, records);
    return take_changes(engine, records);
}

size_t track_changed_there(struct engine *engine, struct span records)
{
    return take_changes(engine, records);
}

void track_missed(struct engine *engine, uint32_t lost)
{
    struct buffer records = {0};

    if ((lost & 1u << POST_INVALIDATED) != 0)
        forget_all_redirected(engine);
    if ((lost & (1u << POST_CHANGED_HERE | 1u << POST_CHANGED_THERE)) == 0)
        return;
    changed_put(&records, &unknown);
    if ((lost & 1u << POST_CHANGED_HERE) != 0)
        tell_links(engine, buffer_content(&records));
    take_changes(engine, buffer_content(&records));
    buffer_deinit(&records);
}

/* ---- this node tells others ---- */

void track_listen(struct link *link, bool on)
{
    struct engine *engine = link->engine;
    struct trackers *trackers = trackers_of(engine);

    link->tracks_lost = false;
    if (link->tracks == on)
        return;
    link->tracks = on;
    if (on) {
        atomic_fetch_add(&trackers->workers[engine->own.index].links, 1);
        trackers_listen(trackers, engine->own.store, 1);
    } else {
        trackers_listen(trackers, engine->own.store, -1);
        atomic_fetch_sub(&trackers->workers[engine->own.index].links, 1);
    }
}

void track_asked(struct link *link, const struct wire_track *track)
{
    const struct wire_tracked tracked = {.id = track->id};

    track_listen(link, track->on != 0);
    wire_put_tracked(link_message(link), &tracked);
}

static void tell_link(struct link *link, struct span records)
{
    const uint64_t most = link->engine->options->peer_queue_bytes;
    const struct wire_changed changed = {.records = records};
    struct buffer any = {0};

    if (link->tracks_lost ? outbox_size(&link->out) > most / 2
                          : outbox_size(&link->out) + records.size > most) {
        link->tracks_lost = true;
        return;
    }
    if (link->tracks_lost) {
        changed_put(&any, &unknown);
        const struct wire_changed all = {.records = buffer_content(&any)};
        wire_put_changed(link_message(link), &all);
        buffer_deinit(&any);
        link->tracks_lost = false;
    }
    if (records.size > 0)
        wire_put_changed(link_message(link), &changed);
}

static void tell_links(struct engine *engine, struct span records)
{
    if (atomic_load(&trackers_of(engine)->workers[engine->own.index].links) == 0)
        return;
    list_for_each(member, &engine->links)
    {
        struct link *link = list_entry(member, struct link, member);

        if (link->tracks && !link->broken)
            tell_link(link, records);
    }
}

/* Links that were too slow, and have room again. */
static void make_up(struct engine *engine)
{
    list_for_each(member, &engine->links)
    {
        struct link *link = list_entry(member, struct link, member);

        if (link->tracks_lost && !link->broken)
            tell_link(link, SPAN(""));
    }
}

/* ---- other nodes tell this one ---- */

static void ask(struct peer *peer, bool on)
{
    struct engine *engine = peer->engine;
    const struct wire_track track = {.id = ++engine->track_id, .on = on};
    struct buffer *out = peer_message(engine, peer->number, 64);

    if (out == NULL)
        return;
    wire_put_track(out, &track);
    peer->track_id = track.id;
    peer->tracks = on ? PEER_TRACK_ASKED : PEER_TRACKS_NOT;
}

/* As long as any client of the node tracks, all other nodes are to tell. */
static void follow(struct engine *engine)
{
    const bool wanted = atomic_load(&trackers_of(engine)->clients) > 0;

    if (engine->own.index != 0 || (!wanted && !engine->tracks_peers))
        return;
    engine->tracks_peers = wanted;
    for (size_t number = 0; number < engine->peer_limit; number++) {
        struct peer *peer = engine->peers[number];
        if (peer == NULL || peer->stage != PEER_OPEN)
            continue;
        if (wanted != (peer->tracks != PEER_TRACKS_NOT))
            ask(peer, wanted);
        engine->tracks_peers |= peer->tracks != PEER_TRACKS_NOT;
    }
}

void track_tracked(struct peer *peer, const struct wire_tracked *tracked)
{
    if (peer->tracks != PEER_TRACK_ASKED || peer->track_id != tracked->id)
        return;
    peer->tracks = PEER_TRACKS;
    post_unknown(peer->engine, POST_CHANGED_THERE);
}

bool track_peer_changed(struct peer *peer, const struct wire_changed *changed)
{
    struct span rest = changed->records;
    struct changed each;

    while (changed_next(&rest, &each))
        continue;
    if (rest.size > 0)
        return false;
    if (peer->tracks != PEER_TRACKS_NOT)
        post(peer->engine, POST_CHANGED_THERE, changed->records);
    return true;
}

void track_peer_lost(struct peer *peer)
{
    if (peer->tracks != PEER_TRACKS_NOT)
        post_unknown(peer->engine, POST_CHANGED_THERE);
    peer->tracks = PEER_TRACKS_NOT;
}

/* ---- turns ---- */

void track_open(struct engine *engine)
{
    engine->own.environment->tracking = tracking_create(trackers_of(engine), engine->own.index,
                                                        engine->own.store, rng_next(&engine->rng),
                                                        engine->metrics, tell, engine);
}

void track_close(struct engine *engine)
{
    tracking_destroy(&engine->own.environment->tracking);
    buffer_deinit(&engine->changes);
}

void track_take_changes(struct engine *engine)
{
    if (store_changed(engine->own.store))
        post_changes(engine);
    follow(engine);
}

void track_turn_end(struct engine *engine)
{
    tracking_turn_end(tracking_of(engine));
}

bool track_tick(struct engine *engine)
{
    struct tracking *tracking = tracking_of(engine);

    follow(engine);
    if (atomic_load(&trackers_of(engine)->workers[engine->own.index].links) > 0)
        make_up(engine);
    return tracking_reclaim(tracking, (uint64_t)engine->options->tracking_table_max_keys);
}
