/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/gossip.h"

#include "base/assert.h"
#include "base/memory.h"
#include "gossip/state.h"

/* Values in one datagram, far more than 1400 bytes of records hold. */
#define DATAGRAM_ITEMS_MAX 2048

const struct gossip_options gossip_options_default = {
    .weight = 1,
    .protocol_min = 1,
    .protocol_max = 1,
    .probe_interval_ms = 1000,
    .probe_timeout_ms = 300,
    .indirect_probes = 3,
    .suspicion_multiplier_percent = 100,
    .suspicion_max_multiplier = 6,
    .awareness_max = AWARENESS_MAX,
    .buddies = true,
    .spread_interval_ms = 200,
    .spread_fanout = 3,
    .retransmit_multiplier = 3,
    .exchange_interval_ms = 30000,
    .reconnect_interval_ms = 5000,
    .forget_after_ms = 3600000,
    .members_max = 4096,
};

void gossip_emit(struct gossip *gossip, enum gossip_event_kind kind, const struct member *member,
                 bool restarted)
{
    struct gossip_event event = {.kind = kind, .record = &member->record, .restarted = restarted};

    gossip->calls->event(gossip->host, &event);
}

void gossip_count_drop(struct gossip *gossip, enum gossip_drop drop)
{
    gossip->counters.dropped[drop]++;
}

static void check_options(const struct gossip_options *options)
{
    ensure(identity_exists(&options->identity));
    ensure(options->host[0] != '\0' && strlen(options->host) <= NODE_HOST_MAX);
    ensure(strlen(options->zone) <= NODE_ZONE_MAX);
    ensure(options->client_port > 0 && options->client_port <= UINT16_MAX - GOSSIP_BUS_OFFSET);
    ensure(options->protocol_min <= options->protocol_max);
    ensure(options->probe_timeout_ms > 0 &&
           options->probe_timeout_ms <= options->probe_interval_ms / 2);
    ensure(options->indirect_probes <= INDIRECT_PROBES_MAX);
    ensure(options->awareness_max <= AWARENESS_MAX);
    ensure(options->spread_fanout > 0 && options->spread_fanout <= SPREAD_FANOUT_MAX);
    ensure(options->spread_interval_ms > 0 && options->exchange_interval_ms > 0);
    ensure(options->retransmit_multiplier > 0 && options->suspicion_max_multiplier > 0);
    ensure(options->suspicion_multiplier_percent > 0 && options->reconnect_interval_ms > 0);
}

static void init_self(struct gossip *gossip, const struct gossip_options *options)
{
    struct node_record *self = &gossip->self.record;

    *self = (struct node_record){.identity = options->identity,
                                 .client_port = options->client_port,
                                 .bus_port = (uint16_t)(options->client_port + GOSSIP_BUS_OFFSET),
                                 .weight = options->weight,
                                 .state = NODE_ALIVE,
                                 .incarnation = options->boot,
                                 .boot = options->boot,
                                 .boot_nonce = options->boot_nonce,
                                 .flags = options->flags,
                                 .protocol_min = options->protocol_min,
                                 .protocol_max = options->protocol_max};
    memcpy(self->host, options->host, strlen(options->host));
    memcpy(self->zone, options->zone, strlen(options->zone));
}

/* Bus addresses of the seeds, without our own. */
static void init_seeds(struct gossip *gossip, const struct gossip_options *options)
{
    struct node_address own = node_record_bus(&gossip->self.record);

    if (options->seed_count > 0)
        gossip->seeds = memory_alloc_array(options->seed_count, sizeof *gossip->seeds);
    for (size_t i = 0; i < options->seed_count; i++) {
        struct node_address seed = options->seeds[i];

        ensure(seed.port > 0 && seed.port <= UINT16_MAX - GOSSIP_BUS_OFFSET);
        seed.port = (uint16_t)(seed.port + GOSSIP_BUS_OFFSET);
        if (!node_address_equal(&seed, &own))
            gossip->seeds[gossip->seed_count++] = seed;
    }
}

struct gossip *gossip_create(const struct gossip_options *options, const struct gossip_calls *calls,
                             void *host)
{
    struct gossip *gossip = memory_alloc(sizeof *gossip);

    check_options(options);
    gossip->options = *options;
    gossip->options.host = gossip->options.zone = NULL;
    gossip->options.seeds = NULL;
    gossip->options.cluster_name = gossip->options.cluster_secret = span_of(NULL, 0);
    gossip->calls = calls;
    gossip->host = host;
    init_self(gossip, options);
    init_seeds(gossip, options);
    gossip->phase = gossip->seed_count > 0 ? GOSSIP_JOINING : GOSSIP_ACTIVE;
    members_init(&gossip->members);
    list_init(&gossip->news);
    rng_init(&gossip->rng, options->seed);
    gossip->awareness.max = (int)options->awareness_max;
    seal_key_init(&gossip->key, options->cluster_name, options->cluster_secret);
    sessions_init(&gossip->sessions, (size_t)options->members_max * 2);
    gossip->number = rng_next(&gossip->rng) >> 1;
    gossip->spread_at_us = NEVER;
    buffer_init(&gossip->out);
    return gossip;
}

void gossip_destroy(struct gossip **gossip)
{
    members_deinit(&(*gossip)->members);
    sessions_deinit(&(*gossip)->sessions);
    buffer_deinit(&(*gossip)->out);
    memory_free((*gossip)->seeds);
    memory_free(*gossip);
    *gossip = NULL;
}

/* ------------------------------------------------------------------------------------- the timer
 */

static void start(struct gossip *gossip, struct instant now)
{
    struct gossip_event event = {.kind = GOSSIP_EVENT_ACTIVE};
    int64_t interval_us = gossip_us(gossip->options.probe_interval_ms);

    gossip->started = true;
    gossip->started_us = now.mono_us;
    /* At random, so that nodes that start together do not probe together. */
    gossip->probe_at_us = now.mono_us + (int64_t)rng_below(&gossip->rng, (uint64_t)interval_us);
    exchange_hurry(gossip, now);
    gossip->reconnect_at_us = now.mono_us + gossip_us(gossip->options.reconnect_interval_ms);
    gossip->forget_at_us = now.mono_us + interval_us;
    if (gossip->phase == GOSSIP_ACTIVE)
        gossip->calls->event(gossip->host, &event);
}

/* When the process was stopped, or starved, what it did not hear in that time says nothing about
 * others: the time does not count, and the health score goes up. */
static void excuse_lateness(struct gossip *gossip, struct instant now)
{
    int64_t late_us = now.mono_us - gossip->wake_us;

    if (gossip->awareness.max == 0 || late_us < gossip_us(gossip->options.probe_timeout_ms) / 2)
        return;
    gossip->counters.late_ticks++;
    awareness_add(&gossip->awareness, 1);
    probe_shift(gossip, late_us);
    merge_shift(gossip, late_us);
}

void gossip_rest(struct gossip *gossip)
{
    const int64_t active[] = {
        gossip->probe_at_us,     gossip->exchange_at_us, gossip->spread_at_us,
        gossip->reconnect_at_us, gossip->forget_at_us,   probe_next_us(gossip),
        merge_next_us(gossip),   twin_next_us(gossip),
    };
    int64_t wake_us = NEVER;

    if (!gossip->started)
        return;
    switch (gossip->phase) {
    case GOSSIP_JOINING:
        wake_us = gossip->exchange_at_us;
        if (twin_next_us(gossip) < wake_us)
            wake_us = twin_next_us(gossip);
        break;
    case GOSSIP_ACTIVE:
        for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
            wake_us = active[i] < wake_us ? active[i] : wake_us;
        break;
    case GOSSIP_LEFT:
        wake_us = gossip->spread_at_us;
        break;
    case GOSSIP_CLASHED:
        break;
    }
    gossip->wake_us = wake_us;
}

/* What only an active node does. */
static void tick_active(struct gossip *gossip, struct instant now)
{
    int64_t interval_us = gossip_us(gossip->options.probe_interval_ms);

    excuse_lateness(gossip, now);
    probe_advance(gossip, now);
    merge_advance(gossip, now);
    if (now.mono_us >= gossip->probe_at_us) {
        gossip->probe_at_us = now.mono_us + awareness_scale(&gossip->awareness, interval_us);
        probe_round(gossip, now);
    }
    if (now.mono_us >= gossip->reconnect_at_us) {
        gossip->reconnect_at_us = now.mono_us + gossip_us(gossip->options.reconnect_interval_ms);
        probe_reconnect(gossip, now);
    }
    if (now.mono_us >= gossip->forget_at_us) {
        gossip->forget_at_us = now.mono_us + interval_us;
        merge_forget(gossip, now);
    }
}

void gossip_tick(struct gossip *gossip, struct instant now)
{
    if (!gossip->started) {
        start(gossip, now);
        gossip_rest(gossip);
    }
    if (gossip->phase == GOSSIP_ACTIVE)
        tick_active(gossip, now);
    if (gossip->phase == GOSSIP_ACTIVE || gossip->phase == GOSSIP_JOINING) {
        twin_advance(gossip, now);
        if (now.mono_us >= gossip->exchange_at_us)
            exchange_round(gossip, now);
    }
    if ((gossip->phase == GOSSIP_ACTIVE || gossip->phase == GOSSIP_LEFT) &&
        now.mono_us >= gossip->spread_at_us)
        spread_round(gossip, now);
    gossip_rest(gossip);
}

int64_t gossip_next_wake(const struct gossip *gossip)
{
    return gossip->wake_us;
}

/* --------------------------------------------------------------------------------- the datagrams
 */

static void challenge(struct gossip *gossip, struct instant now, const struct seal_head *head,
                      const struct node_address *from)
{
    struct message message = {.kind = MESSAGE_CHALLENGE,
                              .nonce = gossip->self.record.boot_nonce,
                              .stamp = (uint64_t)now.mono_us};

    gossip->counters.challenges++;
    spread_send(gossip, now, head->sender, from, &message, 1);
}

/* Answers a challenge; a challenger that we do not know is challenged in the same datagram. What it
 * dropped before it knew us is sent again. */
static void prove(struct gossip *gossip, struct instant now, const struct seal_head *head,
                  const struct node_address *from, const struct message *challenged, bool known)
{
    struct message messages[] = {
        {.kind = MESSAGE_PROOF, .nonce = challenged->nonce, .stamp = challenged->stamp},
        {.kind = MESSAGE_CHALLENGE,
         .nonce = gossip->self.record.boot_nonce,
         .stamp = (uint64_t)now.mono_us},
    };

    spread_send(gossip, now, head->sender, from, messages, known ? 1 : 2);
    probe_repeat(gossip, now, head->sender);
}

static void receive_message(struct gossip *gossip, struct instant now, const struct seal_head *head,
                            const struct node_address *from, const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_PING:
    case MESSAGE_ACK:
    case MESSAGE_NACK:
    case MESSAGE_RELAY:
        probe_receive(gossip, now, head, from, message);
        break;
    case MESSAGE_RECORD:
        merge_record(gossip, now, message, head->sender, MERGE_GOSSIP);
        break;
    case MESSAGE_CHALLENGE: /* handled before */
    case MESSAGE_PROOF:
    case MESSAGE_EXCHANGE:
        break;
    }
}

/* Takes the messages of a datagram whose sender is `known`: this life of it has proved itself. */
static enum gossip_drop receive_body(struct gossip *gossip, struct instant now,
                                     const struct seal_head *head, const struct node_address *from,
                                     struct message_reader *reader, bool known)
{
    enum message_status status;
    enum gossip_drop drop = GOSSIP_DROP_UNPROVEN;
    struct message message;
    bool challenged = false;

    while ((status = message_read(reader, &message)) == MESSAGE_READ) {
        if (message.kind == MESSAGE_CHALLENGE && !challenged) {
            challenged = true;
            prove(gossip, now, head, from, &message, known);
        } else if (message.kind == MESSAGE_PROOF && !known &&
                   session_proof_holds(gossip->self.record.boot_nonce, message.nonce, message.stamp,
                                       now.mono_us)) {
            drop = sessions_open(&gossip->sessions, head, now.mono_us);
            if (drop != GOSSIP_DROP_NONE)
                return drop;
            known = true;
            probe_repeat(gossip, now, head->sender);
        } else if (known) {
            receive_message(gossip, now, head, from, &message);
        }
    }
    if (status == MESSAGE_BAD)
        return GOSSIP_DROP_MALFORMED;
    if (known)
        return GOSSIP_DROP_NONE;
    if (!challenged)
        challenge(gossip, now, head, from);
    return drop;
}

static void receive_twin(struct gossip *gossip, struct instant now, const struct seal_head *head,
                         const struct node_address *from, struct message_reader *reader)
{
    struct message message;

    while (message_read(reader, &message) == MESSAGE_READ)
        twin_receive(gossip, now, head, from, &message);
}

/* What the seal's head alone decides; UNPROVEN and TWIN need a look at the messages. */
static enum gossip_drop admit(struct gossip *gossip, struct instant now,
                              const struct seal_head *head)
{
    const struct node_record *self = &gossip->self.record;

    if (head->kind != SEAL_DATAGRAM)
        return GOSSIP_DROP_MALFORMED;
    if (!identity_equal(&head->recipient, &self->identity))
        return GOSSIP_DROP_WRONG_RECIPIENT;
    if (identity_equal(&head->sender, &self->identity))
        return head->boot_nonce == self->boot_nonce ? GOSSIP_DROP_OWN : GOSSIP_DROP_TWIN;
    if (gossip->phase != GOSSIP_ACTIVE)
        return GOSSIP_DROP_INACTIVE;
    if (identity_exists(&head->ring) && identity_exists(&self->ring) &&
        !identity_equal(&head->ring, &self->ring))
        return GOSSIP_DROP_WRONG_RING;
    return sessions_take(&gossip->sessions, head, now.mono_us);
}

/* Who sends us something knows us, also where all our seeds have moved while we were away: it is as
 * good as a seed. */
static void meet(struct gossip *gossip, struct instant now, const struct node_address *from)
{
    if (gossip->phase != GOSSIP_JOINING || gossip->contacted || now.mono_us < gossip->meet_at_us)
        return;
    gossip->meet_at_us = now.mono_us + gossip_us(gossip->options.probe_interval_ms);
    gossip->calls->exchange(gossip->host, from);
}

enum gossip_drop gossip_receive(struct gossip *gossip, struct instant now,
                                const struct node_address *from, struct span datagram)
{
    struct message_reader reader;
    struct member *member;
    struct seal_head head;
    struct span body;
    enum gossip_drop drop = seal_open(&gossip->key, datagram, &head, &body);

    if (drop == GOSSIP_DROP_NONE)
        drop = admit(gossip, now, &head);
    if (drop == GOSSIP_DROP_INACTIVE)
        meet(gossip, now, from);
    if (drop == GOSSIP_DROP_NONE || drop == GOSSIP_DROP_UNPROVEN || drop == GOSSIP_DROP_TWIN) {
        if (!message_reader_init(&reader, body, DATAGRAM_ITEMS_MAX)) {
            drop = GOSSIP_DROP_MALFORMED;
        } else {
            if (drop == GOSSIP_DROP_TWIN)
                receive_twin(gossip, now, &head, from, &reader);
            else
                drop = receive_body(gossip, now, &head, from, &reader, drop == GOSSIP_DROP_NONE);
            message_reader_deinit(&reader);
        }
    }
    if (drop == GOSSIP_DROP_NONE) {
        gossip->counters.received++;
        member = members_find(&gossip->members, head.sender);
        if (member != NULL)
            member->clock = (struct clock_reading){.peer_wall_ms = head.wall_ms, .received = now};
    } else {
        gossip_count_drop(gossip, drop);
    }
    gossip_rest(gossip);
    return drop;
}

/* ----------------------------------------------------------------------------------- our own news
 */

void gossip_set_ring(struct gossip *gossip, struct instant now, struct identity ring,
                     uint64_t version, uint64_t digest)
{
    gossip->self.record.ring = ring;
    gossip->self.record.ring_version = version;
    gossip->self.record.ring_digest = digest;
    merge_own_change(gossip, now, 0);
    merge_forget_foreign(gossip);
    gossip_rest(gossip);
}

void gossip_set_flags(struct gossip *gossip, struct instant now, uint32_t flags)
{
    if (gossip->self.record.flags == flags)
        return;
    gossip->self.record.flags = flags;
    merge_own_change(gossip, now, 0);
    gossip_rest(gossip);
}

void gossip_leave(struct gossip *gossip, struct instant now)
{
    if (gossip->phase != GOSSIP_ACTIVE) { /* nobody knows us */
        if (gossip->phase == GOSSIP_JOINING)
            gossip->phase = GOSSIP_LEFT;
        return;
    }
    gossip->phase = GOSSIP_LEFT;
    gossip->self.record.state = NODE_LEFT;
    merge_own_change(gossip, now, 0);
    gossip_rest(gossip);
}

bool gossip_farewell_done(const struct gossip *gossip)
{
    return gossip->phase == GOSSIP_LEFT && !gossip->self.pending;
}

enum gossip_phase gossip_phase(const struct gossip *gossip)
{
    return gossip->phase;
}

const struct node_record *gossip_self(const struct gossip *gossip)
{
    return &gossip->self.record;
}

int gossip_health_score(const struct gossip *gossip)
{
    return gossip->awareness.score;
}

const struct gossip_counters *gossip_counters(const struct gossip *gossip)
{
    return &gossip->counters;
}

size_t gossip_member_count(const struct gossip *gossip)
{
    return gossip->members.count;
}

const struct member *gossip_member(const struct gossip *gossip, size_t index)
{
    ensure(index < gossip->members.count);
    return gossip->members.sorted[index];
}

const struct member *gossip_find(const struct gossip *gossip, struct identity identity)
{
    return members_find(&gossip->members, identity);
}
