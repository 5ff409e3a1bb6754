/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a record changes. The later of two records of a node wins (record.h), so all nodes end with
 * the same, in whatever order records come. A suspicion that lasts ends in death; the suspect,
 * told, refutes with a higher incarnation (SWIM, section 4.2).
 */
#include "base/assert.h"
#include "gossip/state.h"

/* So many of the nodes that see one come back from the dead react, on average: all of a large
 * cluster would bury it. */
#define HEALERS 8

void merge_own_change(struct gossip *gossip, struct instant now, uint64_t above)
{
    struct node_record *self = &gossip->self.record;

    self->incarnation = (self->incarnation > above ? self->incarnation : above) + 1;
    if (gossip->phase != GOSSIP_JOINING)
        spread_news(gossip, now, &gossip->self);
}

/* A record of ourselves: of this life, or of another. */
static void merge_own(struct gossip *gossip, struct instant now, const struct node_record *record)
{
    const struct node_record *self = &gossip->self.record;

    if (record->boot_nonce != self->boot_nonce) {
        twin_suspect(gossip, now, record);
        return;
    }
    if (gossip->phase != GOSSIP_ACTIVE || node_record_compare(record, self) <= 0)
        return;
    gossip->counters.refutations++;
    awareness_add(&gossip->awareness, 1);
    merge_own_change(gossip, now, record->incarnation);
}

/* Starts the suspicion of a member that has just become suspect. */
static void begin_suspicion(struct gossip *gossip, struct instant now, struct member *member,
                            const struct accusers *accusers)
{
    const struct gossip_options *options = &gossip->options;
    size_t nodes = gossip_cluster_size(gossip);
    struct suspicion *suspicion = &member->suspicion;

    *suspicion = (struct suspicion){.start_us = now.mono_us, .wanted = suspicion_wanted(nodes)};
    suspicion->min_us = suspicion_min_us(options->suspicion_multiplier_percent, nodes,
                                         gossip_us(options->probe_interval_ms));
    suspicion->max_us = suspicion->min_us * options->suspicion_max_multiplier;
    suspicion_confirm(suspicion, accusers);
}

static bool foreign(const struct node_record *self, const struct node_record *record)
{
    return identity_exists(&self->ring) && identity_exists(&record->ring) &&
           !identity_equal(&self->ring, &record->ring);
}

void merge_compare_ring(struct gossip *gossip, const struct member *member)
{
    const struct node_record *self = &gossip->self.record;
    const struct node_record *record = &member->record;

    if (!identity_exists(&record->ring) || !member_lives(member))
        return;
    if (!identity_exists(&self->ring) || record->ring_version > self->ring_version)
        gossip_emit(gossip, GOSSIP_EVENT_RING_NEWER, member, false);
    else if (record->ring_version == self->ring_version && record->ring_digest != self->ring_digest)
        gossip_emit(gossip, GOSSIP_EVENT_RING_CONFLICT, member, false);
}

static void merge_new(struct gossip *gossip, struct instant now, const struct message *message,
                      const struct accusers *accusers)
{
    const struct node_record *record = &message->record;
    struct member *member;

    /* Of the dead only those count that a ring names. The others were forgotten, by somebody at
     * least, and would go round for ever. */
    if ((record->state == NODE_DEAD || record->state == NODE_LEFT) &&
        !gossip->calls->kept(gossip->host, record->identity))
        return;
    if (gossip->members.count >= gossip->options.members_max) {
        gossip_count_drop(gossip, GOSSIP_DROP_FULL);
        return;
    }
    member = members_add(&gossip->members, record, &gossip->rng);
    member->since_us = now.mono_us;
    if (record->state == NODE_SUSPECT)
        begin_suspicion(gossip, now, member, accusers);
    spread_news(gossip, now, member);
    gossip_emit(gossip, GOSSIP_EVENT_JOINED, member, false);
    merge_compare_ring(gossip, member);
}

/* Tells what became of a member that was `before`. */
static void emit_change(struct gossip *gossip, const struct member *member,
                        const struct node_record *before)
{
    static const enum gossip_event_kind kinds[] = {
        [NODE_ALIVE] = GOSSIP_EVENT_ALIVE,
        [NODE_SUSPECT] = GOSSIP_EVENT_SUSPECT,
        [NODE_DEAD] = GOSSIP_EVENT_DEAD,
        [NODE_LEFT] = GOSSIP_EVENT_LEFT,
    };
    bool changed = !node_record_same_content(&member->record, before);
    bool restarted = member->record.boot_nonce != before->boot_nonce;

    if (member->record.state != before->state)
        gossip_emit(gossip, kinds[member->record.state], member, restarted);
    else if (changed)
        gossip_emit(gossip, GOSSIP_EVENT_UPDATED, member, restarted);
    if (changed)
        merge_compare_ring(gossip, member);
}

/* A node came back from the dead: perhaps a partition healed, and each side has much to tell. The
 * node itself is asked at once, others after it. */
static void heal(struct gossip *gossip, struct instant now, const struct member *member)
{
    struct node_address address = node_record_bus(&member->record);

    if (gossip->phase != GOSSIP_ACTIVE || now.mono_us < gossip->heal_at_us ||
        !rng_chance(&gossip->rng, HEALERS, gossip_cluster_size(gossip)))
        return;
    gossip->heal_at_us = now.mono_us + gossip_us(gossip->options.probe_interval_ms);
    exchange_hurry(gossip, now);
    gossip->calls->exchange(gossip->host, &address);
}

/* `record` is later than the member's. */
static void replace(struct gossip *gossip, struct instant now, struct member *member,
                    const struct node_record *record, const struct accusers *accusers)
{
    struct node_record before = member->record;

    members_set_state(&gossip->members, member, record->state);
    member->record = *record;
    if (record->state != before.state)
        member->since_us = now.mono_us;
    if (record->state == NODE_SUSPECT)
        begin_suspicion(gossip, now, member, accusers);
    spread_news(gossip, now, member);
    emit_change(gossip, member, &before);
    if (record->state == NODE_ALIVE && before.state == NODE_DEAD)
        heal(gossip, now, member);
    else if (record->state == NODE_SUSPECT && before.state == NODE_ALIVE)
        probe_verify(gossip, now, member);
}

static void confirm(struct gossip *gossip, struct instant now, struct member *member,
                    const struct accusers *accusers)
{
    if (member->record.state == NODE_SUSPECT && suspicion_confirm(&member->suspicion, accusers))
        spread_news(gossip, now, member);
}

static void merge_known(struct gossip *gossip, struct instant now, struct member *member,
                        struct node_record record, const struct accusers *accusers,
                        enum merge_source source)
{
    int order;

    /* An exchange may bring an old verdict of a node that lives: let it refute first. */
    if (source == MERGE_EXCHANGE && record.state == NODE_DEAD && member_lives(member))
        record.state = NODE_SUSPECT;
    order = node_record_compare(&record, &member->record);
    if (order > 0)
        replace(gossip, now, member, &record, accusers);
    else if (order == 0)
        confirm(gossip, now, member, accusers);
    if (source == MERGE_EXCHANGE)
        merge_compare_ring(gossip, member);
}

void merge_record(struct gossip *gossip, struct instant now, const struct message *message,
                  struct identity sender, enum merge_source source)
{
    const struct node_record *record = &message->record;
    const struct node_record *self = &gossip->self.record;
    struct accusers accusers = message->accusers;
    struct member *member;

    if (foreign(self, record)) {
        gossip_count_drop(gossip, GOSSIP_DROP_WRONG_RING);
        return;
    }
    if (record->protocol_min > self->protocol_max || record->protocol_max < self->protocol_min) {
        gossip_count_drop(gossip, GOSSIP_DROP_WRONG_PROTOCOL);
        return;
    }
    if (identity_equal(&record->identity, &self->identity)) {
        merge_own(gossip, now, record);
        return;
    }
    if (accusers.count == 0)
        accusers.list[accusers.count++] = sender;
    member = members_find(&gossip->members, record->identity);
    if (member == NULL)
        merge_new(gossip, now, message, &accusers);
    else
        merge_known(gossip, now, member, *record, &accusers, source);
}

void merge_suspect(struct gossip *gossip, struct instant now, struct member *member)
{
    struct accusers accusers = {.count = 1, .list = {gossip->self.record.identity}};
    struct node_record before = member->record;

    if (member->record.state != NODE_ALIVE) {
        confirm(gossip, now, member, &accusers);
        return;
    }
    gossip->counters.suspicions++;
    members_set_state(&gossip->members, member, NODE_SUSPECT);
    member->since_us = now.mono_us;
    begin_suspicion(gossip, now, member, &accusers);
    spread_news(gossip, now, member);
    if (gossip->options.buddies) { /* it alone can refute */
        struct node_address address = node_record_bus(&member->record);
        spread_send(gossip, now, member->record.identity, &address, NULL, 0);
    }
    emit_change(gossip, member, &before);
}

void merge_advance(struct gossip *gossip, struct instant now)
{
    if (gossip->members.by_state[NODE_SUSPECT] == 0)
        return;
    for (size_t i = 0; i < gossip->members.count; i++) {
        struct member *member = gossip->members.sorted[i];
        struct node_record before = member->record;

        if (member->record.state != NODE_SUSPECT ||
            now.mono_us < suspicion_deadline_us(&member->suspicion))
            continue;
        gossip->counters.deaths++;
        members_set_state(&gossip->members, member, NODE_DEAD);
        member->since_us = now.mono_us;
        spread_news(gossip, now, member);
        emit_change(gossip, member, &before);
    }
}

void merge_shift(struct gossip *gossip, int64_t by_us)
{
    for (size_t i = 0; i < gossip->members.count; i++)
        gossip->members.sorted[i]->suspicion.start_us += by_us;
}

int64_t merge_next_us(const struct gossip *gossip)
{
    int64_t next = NEVER;

    if (gossip->members.by_state[NODE_SUSPECT] == 0)
        return NEVER;
    for (size_t i = 0; i < gossip->members.count; i++) {
        const struct member *member = gossip->members.sorted[i];

        if (member->record.state == NODE_SUSPECT &&
            suspicion_deadline_us(&member->suspicion) < next)
            next = suspicion_deadline_us(&member->suspicion);
    }
    return next;
}

static void forget(struct gossip *gossip, struct member *member)
{
    spread_drop_news(member);
    gossip_emit(gossip, GOSSIP_EVENT_FORGOTTEN, member, false);
    members_remove(&gossip->members, &member);
}

void merge_forget(struct gossip *gossip, struct instant now)
{
    int64_t after_us = gossip_us(gossip->options.forget_after_ms);

    if (members_living(&gossip->members) == gossip->members.count)
        return;
    for (size_t i = gossip->members.count; i-- > 0;) {
        struct member *member = gossip->members.sorted[i];

        if (!member_lives(member) && now.mono_us - member->since_us >= after_us &&
            !gossip->calls->kept(gossip->host, member->record.identity))
            forget(gossip, member);
    }
}

void merge_forget_foreign(struct gossip *gossip)
{
    for (size_t i = gossip->members.count; i-- > 0;) {
        if (foreign(&gossip->self.record, &gossip->members.sorted[i]->record))
            forget(gossip, gossip->members.sorted[i]);
    }
}
