/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dissemination (SWIM, section 4.1): news rides on every datagram, each item a limited number of
 * times, those sent least often first and of these the newest. While there is any, some datagrams
 * go out for its sake alone. A node that is not alive as far as we know is told so first of all, in
 * every datagram to it (Lifeguard, section IV.C, the buddy system), for only it can refute.
 */
#include "base/assert.h"
#include "gossip/state.h"

/* Items in one datagram at most. A record takes some 100 bytes, so it is full before. */
#define NEWS_MAX 32

/* Whether news of `left` goes before that of `right`. No two changes have one number. */
static bool goes_before(const struct member *left, const struct member *right)
{
    return left->sent != right->sent ? left->sent < right->sent : left->changed > right->changed;
}

/* Puts news in its place in the list. What is new belongs to the front and what was just sent
 * towards the back, where nearly all of it is alike while many nodes join: so both ends are tried
 * at once. */
static void file_news(struct gossip *gossip, struct member *member)
{
    struct list *front = gossip->news.next, *back = gossip->news.previous;

    while (front != &gossip->news) {
        if (goes_before(member, list_entry(front, struct member, news))) {
            list_append(front, &member->news);
            return;
        }
        if (!goes_before(member, list_entry(back, struct member, news))) {
            list_prepend(back, &member->news);
            return;
        }
        front = front->next;
        back = back->previous;
    }
    list_append(&gossip->news, &member->news);
}

void spread_news(struct gossip *gossip, struct instant now, struct member *member)
{
    spread_drop_news(member);
    member->pending = true;
    member->sent = 0;
    member->changed = ++gossip->changes;
    file_news(gossip, member);
    if (gossip->spread_at_us == NEVER)
        gossip->spread_at_us = now.mono_us;
}

void spread_drop_news(struct member *member)
{
    if (member->pending)
        list_remove(&member->news);
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

static void write_news(struct gossip *gossip, struct message_writer *writer,
                       const struct member *recipient)
{
    unsigned limit = transmit_limit(gossip->options.retransmit_multiplier,
                                    gossip_cluster_size(gossip));
    struct member *written[NEWS_MAX];
    size_t count = 0;
    struct message message = {0};

    list_for_each(link, &gossip->news)
    {
        struct member *member = list_entry(link, struct member, news);

        if (count == NEWS_MAX)
            break;
        spread_record_message(member, &message);
        /* The recipient knows itself, and was told first when it need be. */
        if ((member != recipient || !gossip->options.buddies) && !message_write(writer, &message))
            break;
        written[count++] = member;
    }
    for (size_t i = 0; i < count; i++) {
        spread_drop_news(written[i]);
        if (++written[i]->sent < limit) {
            written[i]->pending = true;
            file_news(gossip, written[i]);
        }
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

    if (list_empty(&gossip->news)) {
        gossip->spread_at_us = NEVER;
        return;
    }
    gossip->spread_at_us = now.mono_us + gossip_us(gossip->options.spread_interval_ms);
    count = members_pick(&gossip->members, &gossip->rng, fits_spread, IDENTITY_NONE, picked,
                         gossip->options.spread_fanout);
    for (size_t i = 0; i < count && !list_empty(&gossip->news); i++) {
        struct node_address address = node_record_bus(&picked[i]->record);

        spread_send(gossip, now, picked[i]->record.identity, &address, NULL, 0);
    }
    if (count == 0) { /* nobody to tell: those who come later get it all in an exchange */
        spread_drop_news(&gossip->self);
        for (size_t i = 0; i < gossip->members.count; i++)
            spread_drop_news(gossip->members.sorted[i]);
    }
}
