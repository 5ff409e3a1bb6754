/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PUBLISH and SPUBLISH. A message goes to those who subscribe at this node, and to every other node
 * that can be reached, which hands it to its own and answers how many they were. It is sent once:
 * a node that cannot be reached, or whose queue is full, does without, as Redis' clients do that
 * are cut off.
 *
 * No node tells the others whether anybody subscribes there, so that they could save themselves the
 * message: who is told that its subscription holds gets what is published from then on, through any
 * node. That a node has its first subscriber would have to reach all others before.
 *
 * Order: what one client publishes leaves in its order, and on one link to each node. The next
 * command does not wait for the count. Where a link is closed and another opened, what is still
 * read of the first might come behind what came by the second; the receiver drops that.
 */
#include "node/publish.h"
#include "node/parts.h"

#include "base/bitmap.h"
#include "command/directory.h"
#include "resp/reply.h"

/* ---- whom a request waits for ---- */

bool asked_begin(struct request *request)
{
    const size_t size = bitmap_size(request->engine->peer_limit);

    buffer_reset(&request->made, BUFFER_KEEP);
    request->parts_pending = 0;
    uint8_t *map = buffer_reserve(&request->made, size + 1);
    if (map == NULL)
        return false;
    memset(map, 0, size);
    buffer_commit(&request->made, size);
    return true;
}

void asked_add(struct request *request, node_number node)
{
    bitmap_set(request->made.block + request->made.head, node);
    request->parts_pending++;
}

bool asked_take(struct request *request, node_number node)
{
    uint8_t *map = request->made.block + request->made.head;

    if (!bitmap_has(buffer_content(&request->made), node))
        return false;
    map[node / 8] &= (uint8_t) ~(1u << node % 8);
    request->parts_pending--;
    return true;
}

/* ---- messages ---- */

static uint64_t announce(struct engine *engine, enum channel_kind kind, struct span name,
                         struct span message)
{
    const struct announced announced = channels_publish(
        directory_channels(engine->own.environment->directory), engine->own.index, kind, name,
        message);

    if (announced.lost > 0)
        metrics_add(engine->metrics, METRIC_MESSAGES_LOST, announced.lost);
    return announced.receivers;
}

static void send_to_others(struct request *request, const struct wire_publish *publish)
{
    struct engine *engine = request->engine;
    const struct view *view = engine->view;
    const size_t size = publish->name.size + publish->message.size + 64;

    for (size_t i = 0; i < view->node_count; i++) {
        const node_number node = view->nodes[i].number;
        if (node == view->self)
            continue;
        struct buffer *out = peer_message(engine, node, size);
        if (out == NULL) {
            metrics_add(engine->metrics, METRIC_MESSAGES_LOST, 1);
            continue;
        }
        wire_put_publish(out, publish);
        asked_add(request, node);
    }
}

static void finish(struct request *request)
{
    reply_integer(&request->reply, request->call.options.integer);
    request_finish(request);
}

static void publish(struct request *request)
{
    struct engine *engine = request->engine;
    const struct call *call = &request->call;
    const struct span name = call->argv[1], message = call->argv[2];
    const enum channel_kind kind = call->command->first_key > 0 ? CHANNEL_SHARD : CHANNEL_PLAIN;
    const bool alone = engine->view->node_count <= 1;

    if (!alone && name.size + message.size + FRAME_SPARE > engine->options->peer_frame_max) {
        request_fail(request,
                     "ERR the channel and the message together are longer than peer-frame-max");
        return;
    }
    if (!alone && !asked_begin(request)) {
        request_fail(request, NO_ROOM_FOR_REQUEST);
        return;
    }
    request->call.options.integer = (int64_t)announce(engine, kind, name, message);
    if (alone) {
        finish(request);
        return;
    }
    const struct wire_publish out = {.id = request->id,
                                     .worker = (uint16_t)engine->own.index,
                                     .number = ++engine->published,
                                     .kind = (uint8_t)kind,
                                     .name = name,
                                     .message = message};
    send_to_others(request, &out);
    if (request->parts_pending == 0) {
        finish(request);
        return;
    }
    /* All of it is done but the count: no other command has to wait for that. */
    request->kind = COMMAND_LOCAL;
    request_wait(request, STAGE_PUBLISH);
}

void publish_begin(struct request *request)
{
    if (strncmp(request->call.command->name, "pubsub|", strlen("pubsub|")) == 0)
        survey_begin(request);
    else
        publish(request);
}

void publish_answered(struct request *request, node_number node,
                      const struct wire_published *published)
{
    if (!asked_take(request, node))
        return;
    request->call.options.integer += (int64_t)published->receivers;
    if (request->parts_pending == 0)
        finish(request);
}

void publish_lost(struct request *request, node_number node)
{
    if (asked_take(request, node) && request->parts_pending == 0)
        finish(request);
}

/* Those count that were told of in time. */
void publish_timeout(struct request *request)
{
    finish(request);
}

void publish_serve(struct link *link, const struct wire_publish *publish)
{
    struct engine *engine = link->engine;
    struct channels *channels = directory_channels(engine->own.environment->directory);
    struct wire_published published = {.id = publish->id};

    if ((publish->kind == CHANNEL_PLAIN || publish->kind == CHANNEL_SHARD) &&
        channels_in_order(channels, link->handshake.other_number, link->handshake.other_boot,
                          publish->worker, publish->number))
        published.receivers = announce(engine, (enum channel_kind)publish->kind, publish->name,
                                       publish->message);
    wire_put_published(link_message(link), &published);
}
