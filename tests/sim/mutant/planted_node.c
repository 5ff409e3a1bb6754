/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mutants of requests and hints (mutants_list.h).
 */
#include "command/channels.h"
#include "command/transaction.h"
#include "node/parts.h"
#include "sim/mutant/planted.h"
#include "sync/page.h"

/* ---- requests ---- */

WRAP(void, coordinate_timeout, struct request *request)
{
    if (!PLANTED(NO_TIME_OUT))
        __real_coordinate_timeout(request);
}

WRAP(bool, watched_holds, const struct watched *watched, const struct version *version,
     int64_t now_ms)
{
    return PLANTED(WATCH_BLIND) || __real_watched_holds(watched, version, now_ms);
}

/* Without a hash that is like another's, nothing waits. */
WRAP(void, client_append, struct client *client, struct request *request)
{
    if (PLANTED(UNORDERED))
        request->hash = request->id + 1;
    __real_client_append(client, request);
}

WRAP(struct request *, request_find, struct engine *engine, uint64_t id)
{
    const size_t slot = (size_t)(id & (REQUESTS_MAX - 1));

    if (!PLANTED(REQUEST_BY_SLOT))
        return __real_request_find(engine, id);
    return slot < engine->slot_count && engine->slots[slot]->stage != STAGE_FREE
               ? engine->slots[slot]
               : NULL;
}

WRAP(void, dispatch_forwarded, struct link *link, const struct wire_forward *forward)
{
    struct wire_forward late = *forward;

    if (PLANTED(FORWARDED_LATE))
        late.deadline_ms += 5000;
    __real_dispatch_forwarded(link, &late);
    if (PLANTED(FORWARDED_TWICE) && mutants_now_and_then(4))
        __real_dispatch_forwarded(link, &late);
}

WRAP(bool, peer_promising, struct engine *engine, node_number number)
{
    if (PLANTED(NEVER_PROMISING) && mutants_called_more_than(2000))
        return false;
    return __real_peer_promising(engine, number);
}

/* The first source's, whatever the others say. */
WRAP(void, page_merge_add, struct page_merge *merge, struct span entries, struct span marks,
     uint64_t end)
{
    if (PLANTED(SCAN_OF_ONE) && merge->count > 0)
        entries = marks = span_of(NULL, 0);
    __real_page_merge_add(merge, entries, marks, end);
}

/* ---- tracking ---- */

WRAP(void, client_push_behind, struct client *client, const struct span *pieces, size_t count)
{
    if (!PLANTED(PUSH_AHEAD)) {
        __real_client_push_behind(client, pieces, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        client_push(client, pieces[i]);
}

WRAP(void, track_peer_lost, struct peer *peer)
{
    if (PLANTED(CHANGES_UNHEARD))
        peer->tracks = PEER_TRACKS_NOT;
    __real_track_peer_lost(peer);
}

WRAP(void, track_tracked, struct peer *peer, const struct wire_tracked *tracked)
{
    if (PLANTED(CHANGES_UNHEARD) && peer->tracks == PEER_TRACK_ASKED)
        peer->tracks = PEER_TRACKS;
    else
        __real_track_tracked(peer, tracked);
}

WRAP(struct announced, channels_publish, struct channels *channels, uint32_t own,
     enum channel_kind kind, struct span name, struct span message)
{
    if (PLANTED(MESSAGE_TWICE) && mutants_now_and_then(10))
        (void)__real_channels_publish(channels, own, kind, name, message);
    return __real_channels_publish(channels, own, kind, name, message);
}

WRAP(bool, post_put, struct post *post, uint32_t own, uint32_t worker, enum post_kind kind,
     const struct span *pieces, size_t count)
{
    if (PLANTED(MESSAGE_LOST) && kind == POST_PUBLISHED && mutants_now_and_then(10))
        return true;
    return __real_post_put(post, own, worker, kind, pieces, count);
}

/* ---- hints ---- */

WRAP(void, hints_keep, struct engine *engine, node_number target, uint32_t partition,
     struct span key, const struct version *version)
{
    const struct options *options = engine->options;
    struct options unbounded = *options;
    struct version kept = *version;

    if (PLANTED(HINT_LOST))
        return;
    if (PLANTED(HINT_RESTAMPED)) {
        kept.dot.stamp = hlc_tick(&engine->replica.hlc, engine->now.wall_ms, 0);
        kept.dot.node = engine->replica.self;
    }
    if (PLANTED(HINTS_UNBOUNDED)) {
        unbounded.hint_bytes = INT64_MAX;
        engine->options = &unbounded;
    }
    __real_hints_keep(engine, target, partition, key, &kept);
    engine->options = options;
}

WRAP(uint64_t, hints_lowest, const struct engine *engine)
{
    return PLANTED(HINTS_SETTLED) ? UINT64_MAX : __real_hints_lowest(engine);
}
