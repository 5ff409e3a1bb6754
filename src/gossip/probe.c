/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Probes (SWIM, section 3.1, Lifeguard, section IV.A). A probe of one node, T the scaled time-out:
 *
 *      0    ping
 *      T    no ack yet: ping once more, and ask k others to ping it (a relay); a relay that has no
 *           ack after 0.8 T says so (a nack), which shows that the relay and the way to it are well
 *      2T   no ack, direct or relayed: suspect
 *
 * A node that hears of a suspicion verifies it with a probe of its own at once, about eight nodes
 * in the cluster do. So in a small cluster the confirmation that shortens a suspicion comes within
 * 2T and not a round later, and a live suspect is asked by more than its accuser.
 */
#include "base/assert.h"
#include "gossip/state.h"

/* So many of the nodes that hear of a suspicion verify it, on average. */
#define VERIFIERS 8

static int64_t timeout_us(const struct gossip *gossip)
{
    return awareness_scale(&gossip->awareness, gossip_us(gossip->options.probe_timeout_ms));
}

static void send_number(struct gossip *gossip, struct instant now, enum message_kind kind,
                        uint64_t number, struct identity to, const struct node_address *address)
{
    struct message message = {.kind = kind, .number = number};

    spread_send(gossip, now, to, address, &message, 1);
}

static void ping(struct gossip *gossip, struct instant now, const struct member *member,
                 uint64_t number)
{
    struct node_address address = node_record_bus(&member->record);

    send_number(gossip, now, MESSAGE_PING, number, member->record.identity, &address);
}

static void start(struct gossip *gossip, struct instant now, struct probe *probe,
                  const struct member *member)
{
    int64_t timeout = timeout_us(gossip);

    *probe = (struct probe){.busy = true,
                            .target = member->record.identity,
                            .number = ++gossip->number,
                            .relay_at_us = now.mono_us + timeout,
                            .judge_at_us = now.mono_us + 2 * timeout};
    gossip->counters.probes++;
    ping(gossip, now, member, probe->number);
}

void probe_round(struct gossip *gossip, struct instant now)
{
    struct probe *probe = &gossip->probes[0];
    struct member *member;

    if (probe->busy) /* the score rose after it started: it must be judged first */
        return;
    member = members_next(&gossip->members, &gossip->rng);
    if (member != NULL)
        start(gossip, now, probe, member);
}

void probe_verify(struct gossip *gossip, struct instant now, struct member *member)
{
    struct probe *idle = NULL;

    if (gossip->phase != GOSSIP_ACTIVE ||
        !rng_chance(&gossip->rng, VERIFIERS, gossip_cluster_size(gossip)))
        return;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *probe = &gossip->probes[i];

        if (probe->busy && identity_equal(&probe->target, &member->record.identity))
            return;
        if (!probe->busy && i > 0)
            idle = probe;
    }
    if (idle != NULL)
        start(gossip, now, idle, member);
}

static bool fits_relay(const struct member *member, struct identity target)
{
    return member->record.state == NODE_ALIVE && !identity_equal(&member->record.identity, &target);
}

static void ask_relays(struct gossip *gossip, struct instant now, struct probe *probe,
                       const struct member *target)
{
    struct member *picked[INDIRECT_PROBES_MAX];
    struct message message = {.kind = MESSAGE_RELAY,
                              .number = probe->number,
                              .target = probe->target,
                              .address = node_record_bus(&target->record)};

    probe->relayed = true;
    probe->relays = (unsigned)members_pick(&gossip->members, &gossip->rng, fits_relay,
                                           probe->target, picked, gossip->options.indirect_probes);
    for (unsigned i = 0; i < probe->relays; i++) {
        struct node_address address = node_record_bus(&picked[i]->record);

        spread_send(gossip, now, picked[i]->record.identity, &address, &message, 1);
    }
    ping(gossip, now, target, probe->number);
}

static void judge(struct gossip *gossip, struct instant now, struct probe *probe,
                  struct member *target)
{
    probe->busy = false;
    gossip->counters.probes_failed++;
    awareness_add(&gossip->awareness, probe->relays == 0 ? 1 : (int)(probe->relays - probe->nacks));
    merge_suspect(gossip, now, target);
}

static void advance_relay(struct gossip *gossip, struct instant now, struct relay *relay)
{
    if (!relay->nacked && now.mono_us >= relay->nack_at_us) {
        relay->nacked = true;
        send_number(gossip, now, MESSAGE_NACK, relay->asker_number, relay->asker,
                    &relay->asker_address);
    }
    if (now.mono_us >= relay->end_at_us)
        relay->busy = false;
}

void probe_advance(struct gossip *gossip, struct instant now)
{
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        if (gossip->relays[i].busy)
            advance_relay(gossip, now, &gossip->relays[i]);
    }
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *probe = &gossip->probes[i];
        struct member *target;

        if (!probe->busy)
            continue;
        target = members_find(&gossip->members, probe->target);
        if (target == NULL || !member_lives(target)) {
            probe->busy = false;
            continue;
        }
        if (now.mono_us >= probe->judge_at_us && probe->relayed)
            judge(gossip, now, probe, target);
        else if (now.mono_us >= probe->relay_at_us && !probe->relayed)
            ask_relays(gossip, now, probe, target);
    }
}

void probe_shift(struct gossip *gossip, int64_t by_us)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        gossip->probes[i].relay_at_us += by_us;
        gossip->probes[i].judge_at_us += by_us;
    }
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        gossip->relays[i].nack_at_us += by_us;
        gossip->relays[i].end_at_us += by_us;
    }
}

int64_t probe_next_us(const struct gossip *gossip)
{
    int64_t next = NEVER;

    for (size_t i = 0; i < PROBES_MAX; i++) {
        const struct probe *probe = &gossip->probes[i];
        int64_t at = probe->relayed ? probe->judge_at_us : probe->relay_at_us;

        if (probe->busy && at < next)
            next = at;
    }
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        const struct relay *relay = &gossip->relays[i];
        int64_t at = relay->nacked ? relay->end_at_us : relay->nack_at_us;

        if (relay->busy && at < next)
            next = at;
    }
    return next;
}

static void receive_ack(struct gossip *gossip, struct instant now, const struct seal_head *head,
                        uint64_t number)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        if (gossip->probes[i].busy && gossip->probes[i].number == number) {
            gossip->probes[i].busy = false;
            awareness_add(&gossip->awareness, -1);
            return;
        }
    }
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        struct relay *relay = &gossip->relays[i];

        if (relay->busy && relay->number == number &&
            identity_equal(&relay->target, &head->sender)) {
            relay->busy = false;
            send_number(gossip, now, MESSAGE_ACK, relay->asker_number, relay->asker,
                        &relay->asker_address);
            return;
        }
    }
}

/* The oldest of too many is given up: the asker has asked others as well. */
static struct relay *take_relay(struct gossip *gossip)
{
    struct relay *oldest = &gossip->relays[0];

    for (size_t i = 0; i < RELAYS_MAX; i++) {
        struct relay *relay = &gossip->relays[i];

        if (!relay->busy)
            return relay;
        if (relay->end_at_us < oldest->end_at_us)
            oldest = relay;
    }
    return oldest;
}

static void receive_relay(struct gossip *gossip, struct instant now, const struct seal_head *head,
                          const struct node_address *from, const struct message *message)
{
    struct relay *relay = take_relay(gossip);
    int64_t timeout = gossip_us(gossip->options.probe_timeout_ms);

    *relay = (struct relay){.busy = true,
                            .asker = head->sender,
                            .asker_address = *from,
                            .asker_number = message->number,
                            .target = message->target,
                            .number = ++gossip->number,
                            .nack_at_us = now.mono_us + timeout * 4 / 5,
                            .end_at_us = now.mono_us + timeout * 2};
    send_number(gossip, now, MESSAGE_PING, relay->number, message->target, &message->address);
}

void probe_receive(struct gossip *gossip, struct instant now, const struct seal_head *head,
                   const struct node_address *from, const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_PING:
        send_number(gossip, now, MESSAGE_ACK, message->number, head->sender, from);
        break;
    case MESSAGE_ACK:
        receive_ack(gossip, now, head, message->number);
        break;
    case MESSAGE_NACK:
        for (size_t i = 0; i < PROBES_MAX; i++) {
            struct probe *probe = &gossip->probes[i];

            if (probe->busy && probe->number == message->number && probe->nacks < probe->relays)
                probe->nacks++;
        }
        break;
    case MESSAGE_RELAY:
        receive_relay(gossip, now, head, from, message);
        break;
    default:
        ensure(!"a message of probes");
    }
}

void probe_repeat(struct gossip *gossip, struct instant now, struct identity identity)
{
    struct member *member = members_find(&gossip->members, identity);

    if (member == NULL)
        return;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        const struct probe *probe = &gossip->probes[i];

        if (probe->busy && identity_equal(&probe->target, &identity))
            ping(gossip, now, member, probe->number);
    }
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        const struct relay *relay = &gossip->relays[i];

        if (relay->busy && identity_equal(&relay->target, &identity))
            ping(gossip, now, member, relay->number);
    }
}

static bool fits_reconnect(const struct member *member, struct identity except)
{
    (void)except;
    return member->record.state == NODE_DEAD;
}

/* The greeting carries the node's own record as we have it (spread.c), dead, which it refutes. */
void probe_reconnect(struct gossip *gossip, struct instant now)
{
    struct member *member;

    if (gossip->members.by_state[NODE_DEAD] == 0)
        return;
    if (members_pick(&gossip->members, &gossip->rng, fits_reconnect, IDENTITY_NONE, &member, 1) > 0)
        ping(gossip, now, member, ++gossip->number);
}
