/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dissemination (SWIM, section 4.1): news rides on every datagram, each item a limited number of
 * times, those sent least often first and of these the newest. While there is any, some datagrams
 * go out for its sake alone. A node that is not alive as far as we know is told so first of all, in
 * every datagram to it (Lifeguard, section IV.C, the buddy system), for only it can refute.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "gossip/state.h"

void spread_news(struct gossip *gossip, struct instant now, struct member *member)
{
    if (!member->pending)
        gossip->pending_count++;
    member->pending = true;
    member->sent = 0;
    member->changed = ++gossip->changes;
    if (gossip->spread_at_us == NEVER)
        gossip->spread_at_us = now.mono_us;
}

void spread_drop_news(struct gossip *gossip, struct member *member)
{
    if (member->pending)
        gossip->pending_count--;
    member->pending = false;
}

void spread_record_message(const struct member *member, struct message *message)
{
    message->kind = MESSAGE_RECORD;
    message->record = member->record;
    message->accusers.count = 0;
    if (member->record.state == NODE_SUSPECT)
        message->accusers = member->suspicion.accusers;
}

static int compare_news(const void *a, const void *b)
{
    const struct member *left = *(struct member *const *)a;
    const struct member *right = *(struct member *const *)b;

    if (left->sent != right->sent)
        return left->sent < right->sent ? -1 : 1;
    return (left->changed < right->changed) - (left->changed > right->changed);
}

/* The pending members, in the order in which they should go. */
static size_t gather_news(struct gossip *gossip)
{
    size_t count = 0;

    if (gossip->scratch_capacity < gossip->pending_count) {
        memory_free(gossip->scratch);
        gossip->scratch_capacity = gossip->members.capacity + 1;
        gossip->scratch = memory_alloc_array(gossip->scratch_capacity, sizeof *gossip->scratch);
    }
    if (gossip->self.pending)
        gossip->scratch[count++] = &gossip->self;
    for (size_t i = 0; i < gossip->members.count && count < gossip->pending_count; i++) {
        if (gossip->members.sorted[i]->pending)
            gossip->scratch[count++] = gossip->members.sorted[i];
    }
    ensure(count == gossip->pending_count);
    qsort(gossip->scratch, count, sizeof *gossip->scratch, compare_news);
    return count;
}

static void write_news(struct gossip *gossip, struct message_writer *writer,
                       const struct member *recipient)
{
    unsigned limit = transmit_limit(gossip->options.retransmit_multiplier,
                                    gossip_cluster_size(gossip));
    size_t count = gossip->pending_count > 0 ? gather_news(gossip) : 0;
    struct message message = {0};

    for (size_t i = 0; i < count; i++) {
        struct member *member = gossip->scratch[i];

        spread_record_message(member, &message);
        /* The recipient knows itself, and was told first when it need be. */
        if ((member != recipient || !gossip->options.buddies) && !message_write(writer, &message))
            break;
        if (++member->sent >= limit)
            spread_drop_news(gossip, member);
    }
}

void spread_send(struct gossip *gossip, struct instant now, struct identity to,
                 const struct node_address *address, const struct message *messages,
                 size_t message_count)
{
    const struct member *recipient = members_find(&gossip->members, to);
    struct seal_head head = {.kind = SEAL_DATAGRAM,
                             .ring = gossip->self.record.ring,
                             .sender = gossip->self.record.identity,
                             .recipient = to,
                             .boot = gossip->self.record.boot,
                             .boot_nonce = gossip->self.record.boot_nonce,
                             .sequence = ++gossip->sequence,
                             .wall_ms = now.wall_ms};
    struct message_writer writer;

    buffer_reset(&gossip->out, GOSSIP_DATAGRAM_MAX * 2);
    seal_begin(&gossip->out);
    message_writer_init(&writer, &gossip->out, GOSSIP_DATAGRAM_MAX - seal_overhead(&gossip->key));
    for (size_t i = 0; i < message_count; i++)
        ensure(message_write(&writer, &messages[i]) || gossip->out.failed);
    if (recipient != NULL && recipient->record.state != NODE_ALIVE &&
        (gossip->options.buddies || !member_lives(recipient))) {
        struct message message = {0};

        spread_record_message(recipient, &message);
        message_write(&writer, &message);
        if (!member_lives(recipient)) { /* it may hold us for dead in turn */
            spread_record_message(&gossip->self, &message);
            message_write(&writer, &message);
        }
    }
    if (recipient != NULL && member_lives(recipient))
        write_news(gossip, &writer, recipient);
    message_writer_finish(&writer);
    if (!seal_finish(&gossip->key, &head, &gossip->out))
        return; /* out of memory: as if it were lost */
    ensure(buffer_size(&gossip->out) <= GOSSIP_DATAGRAM_MAX);
    gossip->counters.sent++;
    gossip->calls->send(gossip->host, address, buffer_content(&gossip->out));
}

static bool fits_spread(const struct member *member, struct identity except)
{
    (void)except;
    return member_lives(member);
}

void spread_round(struct gossip *gossip, struct instant now)
{
    struct member *picked[SPREAD_FANOUT_MAX];
    size_t count;

    if (gossip->pending_count == 0) {
        gossip->spread_at_us = NEVER;
        return;
    }
    gossip->spread_at_us = now.mono_us + gossip_us(gossip->options.spread_interval_ms);
    count = members_pick(&gossip->members, &gossip->rng, fits_spread, IDENTITY_NONE, picked,
                         gossip->options.spread_fanout);
    for (size_t i = 0; i < count && gossip->pending_count > 0; i++) {
        struct node_address address = node_record_bus(&picked[i]->record);

        spread_send(gossip, now, picked[i]->record.identity, &address, NULL, 0);
    }
    if (count == 0) { /* nobody to tell: those who come later get it all in an exchange */
        spread_drop_news(gossip, &gossip->self);
        for (size_t i = 0; i < gossip->members.count; i++)
            spread_drop_news(gossip, gossip->members.sorted[i]);
    }
}
