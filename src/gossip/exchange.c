/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Exchanges: all that a node knows against all that another knows, in one round over TCP. It is how
 * a node finds the cluster through its seeds, and what mends gaps that lost datagrams left.
 *
 *      asker                                 asked
 *        |  request: number, own record, all   |
 *        |------------------------------------>|  merges
 *        |  reply: the same number, the same   |
 *        |<------------------------------------|
 *      merges
 */
#include "base/assert.h"
#include "gossip/state.h"

/* Values in one exchange: about 45 a record. */
#define ITEMS_PER_RECORD 64
/* Seeds asked at once while joining. */
#define SEEDS_AT_ONCE 3
/* A lonely node asks its seeds after so many probe intervals. */
#define LONELY_INTERVALS 5
/* Clusters up to this size exchange as often as the option says, larger ones less often. */
#define FLAT_FROM_NODES 100

static void ask_seeds(struct gossip *gossip)
{
    for (size_t i = 0; i < SEEDS_AT_ONCE && i < gossip->seed_count; i++) {
        gossip->calls->exchange(gossip->host,
                                &gossip->seeds[gossip->seed_next++ % gossip->seed_count]);
    }
}

static bool fits_exchange(const struct member *member, struct identity except)
{
    (void)except;
    return member->record.state == NODE_ALIVE;
}

/* The size of an exchange grows with the cluster; from here on so does the time between two, and
 * what a node sends in them does not. */
static int64_t exchange_interval_us(const struct gossip *gossip)
{
    int64_t interval_us = gossip_us(gossip->options.exchange_interval_ms);
    size_t nodes = gossip_cluster_size(gossip);

    return nodes <= FLAT_FROM_NODES ? interval_us : interval_us * (int64_t)nodes / FLAT_FROM_NODES;
}

void exchange_round(struct gossip *gossip, struct instant now)
{
    int64_t interval_us = exchange_interval_us(gossip);
    int64_t probe_us = gossip_us(gossip->options.probe_interval_ms);
    struct member *member;

    if (gossip->phase == GOSSIP_JOINING) {
        gossip->exchange_at_us = now.mono_us + probe_us / 2;
        ask_seeds(gossip);
    } else if (members_pick(&gossip->members, &gossip->rng, fits_exchange, IDENTITY_NONE, &member,
                            1) > 0) {
        struct node_address address = node_record_bus(&member->record);

        gossip->exchange_at_us = now.mono_us + gossip->exchange_wait_us / 2 +
                                 (int64_t)rng_below(&gossip->rng,
                                                    (uint64_t)gossip->exchange_wait_us);
        gossip->exchange_wait_us *= 2;
        if (gossip->exchange_wait_us > interval_us)
            gossip->exchange_wait_us = interval_us;
        gossip->calls->exchange(gossip->host, &address);
    } else {
        gossip->exchange_at_us = now.mono_us + LONELY_INTERVALS * probe_us;
        ask_seeds(gossip);
    }
}

/* Soon, and then less and less often: while many nodes join, or two sides of a partition meet, no
 * one exchange knows all, and news counts as sent to those who did not know its sender yet. */
void exchange_hurry(struct gossip *gossip, struct instant now)
{
    gossip->exchange_at_us = now.mono_us;
    gossip->exchange_wait_us = gossip_us(gossip->options.probe_interval_ms);
}

void exchange_activate(struct gossip *gossip, struct instant now)
{
    struct gossip_event event = {.kind = GOSSIP_EVENT_ACTIVE};

    if (gossip->phase != GOSSIP_JOINING || !gossip->contacted || gossip->twin.checking)
        return;
    gossip->phase = GOSSIP_ACTIVE;
    /* What came due while joining was not late. */
    if (gossip->probe_at_us < now.mono_us)
        gossip->probe_at_us = now.mono_us;
    if (gossip->reconnect_at_us < now.mono_us)
        gossip->reconnect_at_us = now.mono_us;
    if (gossip->forget_at_us < now.mono_us)
        gossip->forget_at_us = now.mono_us;
    spread_news(gossip, now, &gossip->self);
    exchange_hurry(gossip, now); /* now that we may tell our own record */
    gossip->calls->event(gossip->host, &event);
}

/* `recipient` is IDENTITY_NONE in a request: a seed's identity is not known yet. */
static void write_all(struct gossip *gossip, struct instant now, enum seal_kind kind,
                      uint64_t number, struct identity recipient, struct buffer *out)
{
    struct seal_head head = {.kind = kind,
                             .ring = gossip->self.record.ring,
                             .sender = gossip->self.record.identity,
                             .recipient = recipient,
                             .boot = gossip->self.record.boot,
                             .boot_nonce = gossip->self.record.boot_nonce,
                             .wall_ms = now.wall_ms};
    struct message message = {
        .kind = MESSAGE_EXCHANGE, .number = number, .joining = gossip->phase == GOSSIP_JOINING};
    struct message_writer writer;

    seal_begin(out);
    message_writer_init(&writer, out, GOSSIP_EXCHANGE_MAX - seal_overhead(&gossip->key));
    message_write(&writer, &message);
    if (gossip->phase != GOSSIP_JOINING) {
        spread_record_message(&gossip->self, &message);
        message_write(&writer, &message);
    }
    for (size_t i = 0; i < gossip->members.count; i++) {
        spread_record_message(gossip->members.sorted[i], &message);
        message_write(&writer, &message); /* one that does not fit rides on datagrams only */
    }
    message_writer_finish(&writer);
    if (!seal_finish(&gossip->key, &head, out))
        buffer_reset(out, 0);
}

void gossip_exchange_begin(struct gossip *gossip, struct instant now, struct buffer *request)
{
    uint64_t number = ++gossip->number;

    gossip->exchanges[gossip->exchange_next++ % EXCHANGES_MAX] = number;
    write_all(gossip, now, SEAL_REQUEST, number, IDENTITY_NONE, request);
}

/* Whether `number` is of an exchange that we began; it is then done. */
static bool take_number(struct gossip *gossip, uint64_t number)
{
    for (size_t i = 0; i < EXCHANGES_MAX; i++) {
        if (number != 0 && gossip->exchanges[i] == number) {
            gossip->exchanges[i] = 0;
            return true;
        }
    }
    return false;
}

/* An answer from a process with our identity to what we asked just now: it lives. */
static void find_twin(struct gossip *gossip, struct instant now, const struct seal_head *head,
                      struct message_reader *reader, bool joining)
{
    struct node_address address = {0};
    struct message message;

    while (message_read(reader, &message) == MESSAGE_READ) {
        if (message.kind == MESSAGE_RECORD &&
            identity_equal(&message.record.identity, &head->sender) &&
            message.record.boot_nonce == head->boot_nonce)
            address = node_record_bus(&message.record);
    }
    twin_found(gossip, now, head, &address, joining);
}

static enum gossip_drop take_messages(struct gossip *gossip, struct instant now,
                                      const struct seal_head *head, struct message_reader *reader,
                                      uint64_t *number)
{
    enum message_status status;
    struct message message;
    bool joining, twin = identity_equal(&head->sender, &gossip->self.record.identity);

    if (message_read(reader, &message) != MESSAGE_READ || message.kind != MESSAGE_EXCHANGE)
        return GOSSIP_DROP_MALFORMED;
    joining = message.joining;
    *number = message.number;
    if (head->kind == SEAL_REPLY && !take_number(gossip, message.number))
        return GOSSIP_DROP_UNASKED;
    if (twin) {
        if (head->kind == SEAL_REPLY)
            find_twin(gossip, now, head, reader, joining);
        return GOSSIP_DROP_TWIN;
    }
    while ((status = message_read(reader, &message)) == MESSAGE_READ) {
        if (message.kind == MESSAGE_RECORD)
            merge_record(gossip, now, &message, head->sender, MERGE_EXCHANGE);
    }
    if (status == MESSAGE_BAD)
        return GOSSIP_DROP_MALFORMED;
    gossip->counters.exchanges++;
    /* One that is joining knows no more than we do; it counts when nobody else is to be had, as
     * when a whole cluster starts. */
    if (!joining ||
        now.mono_us - gossip->started_us >= gossip_us(gossip->options.probe_interval_ms) / 2)
        gossip->contacted = true;
    exchange_activate(gossip, now);
    return GOSSIP_DROP_NONE;
}

static enum gossip_drop admit(struct gossip *gossip, const struct seal_head *head)
{
    const struct node_record *self = &gossip->self.record;

    if (head->kind == SEAL_DATAGRAM)
        return GOSSIP_DROP_MALFORMED;
    if (gossip->phase == GOSSIP_LEFT || gossip->phase == GOSSIP_CLASHED)
        return GOSSIP_DROP_INACTIVE;
    if (head->kind == SEAL_REPLY && !identity_equal(&head->recipient, &self->identity))
        return GOSSIP_DROP_WRONG_RECIPIENT;
    if (identity_equal(&head->sender, &self->identity) && head->boot_nonce == self->boot_nonce)
        return GOSSIP_DROP_OWN;
    if (identity_exists(&head->ring) && identity_exists(&self->ring) &&
        !identity_equal(&head->ring, &self->ring))
        return GOSSIP_DROP_WRONG_RING;
    return GOSSIP_DROP_NONE;
}

enum gossip_drop gossip_exchange_receive(struct gossip *gossip, struct instant now,
                                         struct span bytes, struct buffer *reply)
{
    struct message_reader reader;
    struct seal_head head;
    struct span body;
    uint64_t number = 0;
    enum gossip_drop drop = bytes.size > GOSSIP_EXCHANGE_MAX
                                ? GOSSIP_DROP_MALFORMED
                                : seal_open(&gossip->key, bytes, &head, &body);

    if (drop == GOSSIP_DROP_NONE)
        drop = admit(gossip, &head);
    if (drop == GOSSIP_DROP_NONE) {
        size_t items_max = ((size_t)gossip->options.members_max + 2) * ITEMS_PER_RECORD;

        drop = GOSSIP_DROP_MALFORMED;
        if (message_reader_init(&reader, body, items_max)) {
            drop = take_messages(gossip, now, &head, &reader, &number);
            message_reader_deinit(&reader);
        }
    }
    if (drop != GOSSIP_DROP_NONE)
        gossip_count_drop(gossip, drop);
    /* A twin is answered too: that is how a copy that starts learns of the elder. */
    if ((drop == GOSSIP_DROP_NONE || drop == GOSSIP_DROP_TWIN) && head.kind == SEAL_REQUEST)
        write_all(gossip, now, SEAL_REPLY, number, head.sender, reply);
    gossip_rest(gossip);
    return drop;
}
