/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/replication_network.h"

#include "model/replication_engine.h"
#include "model/replication_request.h"

struct message *network_push(struct world *world, struct queue *queue, enum message_kind kind,
                             unsigned from, unsigned to)
{
    const struct replica_bounds *bounds = world->nodes[from].bounds;
    struct message *message = &queue->messages[queue->count];

    if (queue->count == MESSAGES_MAX)
        return NULL;
    queue->count++;
    *message = (struct message){
        .kind = kind,
        .from = from,
        .to = to,
        .sender_life = world->nodes[from].life,
        .bound = ledger_bound(&bounds->ledger, atomic_load(&bounds->ceiling)),
        .hlc = world->nodes[from].replica->hlc.last};
    return message;
}

static struct message take(struct queue *queue, unsigned index)
{
    const struct message message = queue->messages[index];

    queue->count--;
    memmove(&queue->messages[index], &queue->messages[index + 1],
            (queue->count - index) * sizeof queue->messages[0]);
    return message;
}

static bool answers(const struct message *message)
{
    return message->kind == MESSAGE_ANSWER || message->kind == MESSAGE_ACK ||
           message->kind == MESSAGE_REPLY;
}

/* What is lost breaks the link between the two, for whoever asked. */
static void lose(struct world *world, const struct message *message)
{
    const unsigned asker = answers(message) ? message->to : message->from;
    const unsigned asked = answers(message) ? message->from : message->to;

    if (!world->nodes[asker].up || world->nodes[asker].life != message->requester_life)
        return;
    if (message->kind == MESSAGE_QUESTION || message->kind == MESSAGE_REPLY)
        world_engine_lose(world, asker, asked);
    else
        world_request_lost(world, message, asked);
}

void network_deliver(struct world *world, struct queue *queue, unsigned index)
{
    struct message message = take(queue, index);
    const struct node *to = &world->nodes[message.to];

    /* A restart resets links (rule 23). */
    if (!to->up || world->nodes[message.from].life != message.sender_life ||
        (answers(&message) && to->life != message.requester_life)) {
        lose(world, &message);
    } else {
        if (world->frames_tell) {
            ledger_hear(&to->bounds->ledger, world_number(message.from), message.bound);
            hlc_observe(&to->replica->hlc, message.hlc);
        }
        if (message.kind == MESSAGE_QUESTION || message.kind == MESSAGE_REPLY)
            world_engine_receive(world, &message);
        else
            world_request_receive(world, &message);
    }
    buffer_deinit(&message.bytes);
}

void network_lose(struct world *world, struct queue *queue, unsigned index)
{
    struct message message = take(queue, index);

    lose(world, &message);
    buffer_deinit(&message.bytes);
}

void network_repeat(struct queue *queue, unsigned index)
{
    const struct message *original = &queue->messages[index];
    const struct buffer bytes = original->bytes;
    struct message *copy;

    if (answers(original) || queue->count == MESSAGES_MAX)
        return;
    copy = &queue->messages[queue->count++];
    *copy = *original;
    copy->bytes = (struct buffer){0};
    buffer_append_span(&copy->bytes, buffer_content(&bytes));
}

void network_clear(struct queue *queue)
{
    for (unsigned i = 0; i < queue->count; i++)
        buffer_deinit(&queue->messages[i].bytes);
    queue->count = 0;
}
