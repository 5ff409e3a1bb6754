/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A copied `dir` makes two processes with one identity. Others cannot tell the second from a
 * restart of the first at a new address; the two themselves can. Whoever hears of a record of its
 * own identity from another life asks that record's address: a ping from and to our own identity.
 * An ack of that ping, from another life, proves the twin. When TRIES pings have no answer the
 * other life is over, and if others hold it for the later one we take our place back with a boot
 * number above it.
 *
 * A joining node tells nobody its record before this is settled, so that the newcomer is the one
 * who stops, and the cluster keeps to the elder.
 */
#include "base/assert.h"
#include "gossip/state.h"

#define TRIES 3
/* After a twin was found the elder leaves it some time to stop. */
#define QUIET_US 10000000

static bool own_address(const struct gossip *gossip, const struct node_address *address)
{
    struct node_address own = node_record_bus(&gossip->self.record);

    return node_address_equal(&own, address);
}

/* Whether others prefer the other life's record to ours. */
static bool outranked(const struct gossip *gossip)
{
    return gossip->twin.boot >= gossip->self.record.boot ||
           gossip->twin.incarnation >= gossip->self.record.incarnation;
}

/* The other life is over. */
static void settle(struct gossip *gossip, struct instant now)
{
    struct node_record *self = &gossip->self.record;

    gossip->twin.checking = false;
    if (outranked(gossip)) {
        if (gossip->twin.boot >= self->boot)
            self->boot = gossip->twin.boot + 1;
        merge_own_change(gossip, now, gossip->twin.incarnation);
    }
    exchange_activate(gossip, now);
}

static void check(struct gossip *gossip, struct instant now, const struct node_address *address,
                  uint64_t boot, uint64_t incarnation)
{
    struct twin *twin = &gossip->twin;

    if (boot > twin->boot)
        twin->boot = boot;
    if (incarnation > twin->incarnation)
        twin->incarnation = incarnation;
    if (twin->checking || now.mono_us < twin->quiet_until_us)
        return;
    twin->checking = true;
    twin->address = *address;
    twin->number = ++gossip->number;
    twin->tries = 0;
    twin->next_us = now.mono_us;
}

void twin_suspect(struct gossip *gossip, struct instant now, const struct node_record *record)
{
    struct node_address address = node_record_bus(record);

    if (gossip->phase != GOSSIP_JOINING && gossip->phase != GOSSIP_ACTIVE)
        return;
    if (!own_address(gossip, &address) && record->state != NODE_LEFT) {
        check(gossip, now, &address, record->boot, record->incarnation);
        return;
    }
    /* Over for certain: its address is ours now, or it said farewell. */
    if (gossip->twin.checking)
        return;
    gossip->twin.boot = record->boot;
    gossip->twin.incarnation = record->incarnation;
    settle(gossip, now);
}

void twin_advance(struct gossip *gossip, struct instant now)
{
    struct twin *twin = &gossip->twin;
    struct message message = {.kind = MESSAGE_PING, .number = twin->number};

    if (!twin->checking || now.mono_us < twin->next_us)
        return;
    if (twin->tries == TRIES) {
        settle(gossip, now);
        return;
    }
    twin->tries++;
    twin->next_us = now.mono_us + gossip_us(gossip->options.probe_timeout_ms);
    spread_send(gossip, now, gossip->self.record.identity, &twin->address, &message, 1);
}

int64_t twin_next_us(const struct gossip *gossip)
{
    return gossip->twin.checking ? gossip->twin.next_us : NEVER;
}

/* A joining node gives way to one that is active; else the later life gives way. */
static bool ours_is_later(const struct gossip *gossip, const struct seal_head *head, bool joining)
{
    const struct node_record *self = &gossip->self.record;

    if ((gossip->phase == GOSSIP_JOINING) != joining)
        return !joining;
    return self->boot != head->boot ? self->boot > head->boot : self->boot_nonce > head->boot_nonce;
}

void twin_found(struct gossip *gossip, struct instant now, const struct seal_head *head,
                const struct node_address *address, bool joining)
{
    struct twin *twin = &gossip->twin;
    struct gossip_event event = {.kind = GOSSIP_EVENT_IDENTITY_CLASH, .address = *address};

    event.ours_is_later = ours_is_later(gossip, head, joining);
    twin->address = *address;
    twin->quiet_until_us = now.mono_us + QUIET_US;
    if (head->boot > twin->boot)
        twin->boot = head->boot;
    if (event.ours_is_later) {
        gossip->phase = GOSSIP_CLASHED;
        twin->checking = false;
    } else {
        /* Look again later: when it has stopped we may have to take our place back. */
        twin->checking = outranked(gossip) && address->host[0] != '\0';
        twin->tries = 0;
        twin->next_us = twin->quiet_until_us;
    }
    gossip->calls->event(gossip->host, &event);
}

void twin_receive(struct gossip *gossip, struct instant now, const struct seal_head *head,
                  const struct node_address *from, const struct message *message)
{
    struct message answer = {.kind = MESSAGE_ACK, .number = message->number};

    if (gossip->phase != GOSSIP_JOINING && gossip->phase != GOSSIP_ACTIVE)
        return;
    if (message->kind == MESSAGE_ACK && gossip->twin.checking &&
        message->number == gossip->twin.number) {
        twin_found(gossip, now, head, from, false); /* only the active answer pings */
    } else if (message->kind == MESSAGE_PING && gossip->phase == GOSSIP_ACTIVE) {
        spread_send(gossip, now, gossip->self.record.identity, from, &answer, 1);
        /* That ping may be a recording: ask in return. */
        check(gossip, now, from, 0, 0);
    }
}
