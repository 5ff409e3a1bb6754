/* SPDX-License-Identifier: BSD-3-Clause
 *
 * WAIT: how many replicas beyond its coordinator hold each of a connection's writes, since its last
 * WAIT. A write is answered at W acknowledgements; it lingers until the others have come as well,
 * or its time is up, so that WAIT can tell. What a connection leaves behind is its trail:
 *
 *   lingering   writes that this node coordinated, with acknowledgements yet to come
 *   least       the fewest that any write had whose acknowledgements have all come
 *   elsewhere   nodes that writes were forwarded to: they are asked, with a WAIT of their own
 *
 * The trail of a link is that of all connections whose writes another node's worker forwarded on
 * it: the answer may be too low for one of them, never too high. What it answers to one it forgets,
 * so the node that asked notes it for all of them; and that it knows nothing, when the answer does
 * not come or the link, and so the trail, is gone.
 */
#include "base/assert.h"
#include "node/parts.h"
#include "resp/answer.h"
#include "resp/reply.h"

/* The longest that a WAIT without a time-out takes, ms. */
#define WAIT_MS_MAX (60 * 60 * 1000)

void trail_init(struct trail *trail)
{
    *trail = (struct trail){.least = TRAIL_NOTHING};
    list_init(&trail->lingering);
}

/* Replicas beyond the coordinator. */
static unsigned beyond(const struct request *request)
{
    const unsigned acknowledged = request->operation.writing.acknowledged;

    return acknowledged > 0 ? acknowledged - 1 : 0;
}

static void note(struct trail *trail, unsigned replicas)
{
    if (replicas < trail->least)
        trail->least = (uint8_t)replicas;
}

static bool wrote_here(const struct request *request)
{
    const struct operation *operation = &request->operation;

    return request->coordinated && request->kind != COMMAND_READ &&
           operation->state == OPERATION_DONE && !operation->unchanged;
}

void trail_follow(struct trail *trail, struct request *request, bool lingers)
{
    if (!request->coordinated) {
        if (request->route != 0 && request->route != request->engine->view->self)
            trail_forwarded(trail, request->route);
        return;
    }
    if (!wrote_here(request))
        return;
    if (!lingers) {
        note(trail, beyond(request));
        return;
    }
    request->trail = trail;
    list_append(&trail->lingering, &request->link);
}

static bool went_to(const struct trail *trail, node_number node)
{
    const struct span nodes = buffer_content(&trail->elsewhere);

    for (size_t i = 0; i < nodes.size; i += sizeof node)
        if (memcmp(nodes.data + i, &node, sizeof node) == 0)
            return true;
    return false;
}

void trail_forwarded(struct trail *trail, node_number node)
{
    if (!went_to(trail, node))
        buffer_append(&trail->elsewhere, &node, sizeof node);
}

void trails_note(struct engine *engine, node_number node, unsigned replicas)
{
    list_for_each(link, &engine->clients)
    {
        struct trail *trail = &list_entry(link, struct client, link)->trail;
        if (went_to(trail, node))
            note(trail, replicas);
    }
}

void trail_deinit(struct trail *trail)
{
    while (!list_empty(&trail->lingering)) {
        struct request *request = list_entry(trail->lingering.next, struct request, link);
        list_remove(&request->link); /* it goes on for those that it is owed to */
        request->trail = NULL;
    }
    buffer_deinit(&trail->elsewhere);
}

/* ---- WAIT ---- */

static struct trail *trail_of(const struct request *request)
{
    return request->owner == OWNER_CLIENT ? &request->client->trail : &request->from->trail;
}

static unsigned fewest(const struct request *waiting, bool *open)
{
    const struct trail *trail = trail_of(waiting);
    unsigned least = trail->least < waiting->wait_least ? trail->least : waiting->wait_least;

    *open = waiting->parts_pending > 0;
    list_for_each(link, &trail->lingering)
    {
        const struct request *request = list_entry(link, struct request, link);
        const unsigned replicas = beyond(request);
        *open |= replicas < waiting->wait_wanted;
        least = replicas < least ? replicas : least;
    }
    return least;
}

/* Who wrote nothing is told how many replicas a write would have, as Redis does. */
static unsigned replicas_of_nothing(const struct request *request)
{
    const struct view *view = request->engine->view;
    const unsigned wanted = ring_draft_of(view->ring).base.replicas;
    unsigned others = 0;

    for (size_t i = 0; i < view->node_count; i++)
        others += view->nodes[i].number != view->self && view->nodes[i].health == HEALTH_ALIVE;
    return others < wanted - 1 ? others : wanted - 1;
}

/* For CLIENT LIST and UNBLOCK. */
static void set_blocked(const struct request *request, enum session_blocked blocked)
{
    struct metrics_block *metrics = request->engine->metrics;

    if (request->owner != OWNER_CLIENT)
        return;
    if (atomic_exchange(&request->client->session.blocked, (unsigned char)blocked) != BLOCKED_NOT)
        metrics_subtract(metrics, METRIC_BLOCKED_CLIENTS, 1);
    if (blocked != BLOCKED_NOT)
        metrics_add(metrics, METRIC_BLOCKED_CLIENTS, 1);
}

static void finish(struct request *request, unsigned least)
{
    struct trail *trail = trail_of(request);

    /* COPIES_MAX is what other nodes answer that know of no write. */
    if (least >= COPIES_MAX)
        least = request->owner == OWNER_CLIENT ? replicas_of_nothing(request) : COPIES_MAX;
    trail->waiting = NULL;
    set_blocked(request, BLOCKED_NOT);
    trail->least = TRAIL_NOTHING;
    buffer_reset(&trail->elsewhere, 0);
    if (buffer_size(&request->reply) == 0) /* it is no error */
        reply_integer(&request->reply, (int64_t)least);
    request_finish(request);
}

static void proceed(struct request *request)
{
    bool open;
    const unsigned least = fewest(request, &open);

    if (!open)
        finish(request, least);
    else if (request->stage != STAGE_WAIT) {
        request_wait(request, STAGE_WAIT);
        set_blocked(request, BLOCKED_WAITING);
    }
}

/* Asks the nodes that writes were forwarded to. They have three quarters of the time, so that what
 * they have to tell comes before it is over; and their silence meanwhile is no sign of ill health.
 */
static void ask_elsewhere(struct request *request, int64_t limit_ms)
{
    struct engine *engine = request->engine;
    const struct span nodes = buffer_content(&trail_of(request)->elsewhere);
    const int64_t theirs_ms = limit_ms - limit_ms / 4;
    char text[INT64_TEXT_MAX];
    const struct span argv[] = {request->call.argv[0], request->call.argv[1],
                                span_of(text, int64_to_text(theirs_ms, text))};
    const struct wire_forward message = {
        .id = request->id,
        .deadline_ms = (uint64_t)request->deadline_wall_ms,
        .args = {.count = 3, .items = argv},
    };

    for (size_t i = 0; i < nodes.size; i += sizeof(node_number)) {
        node_number node;
        memcpy(&node, nodes.data + i, sizeof node);
        struct peer *peer = peer_find(engine, node);
        const int64_t asked_us = peer != NULL ? peer->asked_us : 0;
        struct buffer *out = peer_message(engine, node, 256);
        if (out == NULL) {
            request->wait_least = 0; /* nobody can tell */
            continue;
        }
        peer->asked_us = asked_us;
        wire_put_forward(out, &message);
        request->parts_pending++;
    }
}

void wait_begin(struct request *request)
{
    struct trail *trail = trail_of(request);
    const int64_t timeout_ms = request->call.options.deadline_ms;
    const int64_t limit_ms = timeout_ms > 0 && timeout_ms < WAIT_MS_MAX ? timeout_ms : WAIT_MS_MAX;

    if (trail->waiting != NULL) { /* only on a link: the first WAIT there goes on alone */
        request->wait_least = 0;
        reply_integer(&request->reply, 0);
        request_finish(request);
        return;
    }
    trail->waiting = request;
    request->wait_wanted = (unsigned)(request->call.options.integer < COPIES_MAX
                                          ? request->call.options.integer
                                          : COPIES_MAX);
    request->wait_least = TRAIL_NOTHING;
    request->deadline_us = request->engine->now.mono_us + limit_ms * 1000;
    request->deadline_wall_ms = request->engine->now.wall_ms + limit_ms;
    ask_elsewhere(request, limit_ms);
    proceed(request);
}

void wait_answered(struct request *request, node_number node, const struct wire_reply *reply)
{
    int64_t replicas = 0;

    if (reply->status != REPLY_OK || !answer_integer(reply->bytes, &replicas))
        replicas = 0;
    trails_note(request->engine, node, (unsigned)replicas);
    if (replicas < request->wait_least)
        request->wait_least = (unsigned)replicas;
    if (request->parts_pending > 0)
        request->parts_pending--;
    proceed(request);
}

void wait_given_up(struct request *request)
{
    const struct span nodes = buffer_content(&trail_of(request)->elsewhere);

    set_blocked(request, BLOCKED_NOT);
    if (request->parts_pending == 0)
        return;
    for (size_t i = 0; i < nodes.size; i += sizeof(node_number)) {
        node_number node;
        memcpy(&node, nodes.data + i, sizeof node);
        trails_note(request->engine, node, 0);
    }
}

void wait_lost(struct request *request, node_number node)
{
    const struct span nodes = buffer_content(&trail_of(request)->elsewhere);

    for (size_t i = 0; i < nodes.size; i += sizeof node)
        if (memcmp(nodes.data + i, &node, sizeof node) == 0) {
            finish(request, 0); /* nobody can tell */
            return;
        }
}

void wait_timeout(struct request *request)
{
    bool open;

    /* Who has not answered yet may hold nothing. */
    wait_given_up(request);
    finish(request, fewest(request, &open));
}

void wait_unblock(struct client *client)
{
    struct request *request = client->trail.waiting;
    const int blocked = atomic_load_explicit(&client->session.blocked, memory_order_relaxed);

    if (request == NULL || blocked < BLOCKED_TIMES_OUT)
        return;
    if (blocked == BLOCKED_FAILS)
        reply_error(&request->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    wait_timeout(request);
}

/* ---- writes that linger ---- */

void linger_proceed(struct request *request, bool time_is_up)
{
    struct trail *trail = request->trail;

    const bool open = request->sweep != NULL ? sweep_open(request)
                                             : request->operation.writing.waiting > 0;

    if (!open || time_is_up) {
        if (trail != NULL)
            note(trail, beyond(request));
        request_over(request);
    }
    if (trail != NULL && trail->waiting != NULL)
        proceed(trail->waiting);
}
