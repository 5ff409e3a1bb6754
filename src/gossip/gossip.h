/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Membership: who is in the cluster, where, and who of them lives. SWIM (Das, Gupta, Motivala, DSN
 * 2002) with Lifeguard (Dadgar, Phillips, Currey, arXiv 1707.00788): probes by UDP, indirect probes
 * through others, suspicion that the suspect can refute, records that ride on the probes. What is
 * large or was missed goes by exchanges: two byte strings that the caller carries over TCP.
 *
 * No socket and no clock: datagrams and the time come in as arguments, what is to be done goes out
 * through struct gossip_calls. All functions of one object are called from one thread, and none but
 * the ones that take a const pointer from within a call.
 *
 *      joining --> active --> left
 *         |
 *         +-----> clashed
 *
 * A node with seeds starts joining: it exchanges records with a seed but tells nobody its own until
 * it knows that its identity is not alive elsewhere. Whoever sends it a datagram meanwhile is asked
 * as a seed is. When its identity is alive, the node is clashed, and must stop. Nodes without seeds
 * (or with no seed but themselves) are active at once.
 */
#ifndef DUNLIN_GOSSIP_GOSSIP_H
#define DUNLIN_GOSSIP_GOSSIP_H

#include "gossip/drop.h"
#include "gossip/members.h"

/* A datagram is at most so large: it fits an Ethernet frame with room for tunnels. */
#define GOSSIP_DATAGRAM_MAX 1400
/* An exchange is at most so large; callers refuse longer frames before they store them. */
#define GOSSIP_EXCHANGE_MAX (4 << 20)
/* Bus port = client port + this. */
#define GOSSIP_BUS_OFFSET 10000

struct gossip_options {
    /* Who we are. */
    struct identity identity;
    const char *host;     /* as others reach us; printable, no blanks */
    uint16_t client_port; /* the bus port is GOSSIP_BUS_OFFSET above; at most 55535 */
    const char *zone;
    uint32_t weight;
    uint32_t flags; /* of enum node_flag */
    uint16_t protocol_min;
    uint16_t protocol_max;
    /* This life. `boot` must be above that of every earlier life of this identity, also when the
     * clock was set back: the greater of the wall clock and the ceiling kept in `dir`, both in
     * milliseconds, will do. */
    uint64_t boot;
    uint64_t boot_nonce; /* 64 random bits */
    uint64_t seed;       /* of the random choices */
    /* Whom we talk with. */
    struct span cluster_name;
    struct span cluster_secret;       /* empty: none */
    const struct node_address *seeds; /* client addresses */
    size_t seed_count;

    /* How often one peer is probed, before scaling by local health. A crash is noticed after half
     * of it on average in a small cluster, whatever the cluster's size; lower costs packets. */
    uint32_t probe_interval_ms;
    /* Wait for an ack before relays are asked, and the same again before the probe counts as
     * failed, scaled by local health. Should be above the 99th percentile of round trips and at
     * most half of the interval. Lower finds crashes sooner and suspects slow nodes more. */
    uint32_t probe_timeout_ms;
    /* Relays asked when a probe has no answer. More see around a bad link better and cost 4 packets
     * each, only while a probe is failing. */
    uint32_t indirect_probes;
    /* min = this / 100 * max(1, log10(n)) * probe interval: what a suspect has to refute when
     * enough nodes confirm. Higher gives fewer false deaths and finds true ones later. */
    uint32_t suspicion_multiplier_percent;
    /* max = this * min: what it has while nobody confirms. Matters only when the accuser itself may
     * be the sick one; 1 turns Lifeguard's dynamic time-out off. */
    uint32_t suspicion_max_multiplier;
    /* The worst health score, up to AWARENESS_MAX: a node that is itself slow probes so many times
     * slower, plus 1, and does not count the time that it was stopped. 0 turns Lifeguard's local
     * health off: a slow node then blames the others. */
    uint32_t awareness_max;
    /* A suspect is told at once and first of all in each datagram (Lifeguard's buddy system), so
     * that it can refute. Without, it learns of it as of any other news. */
    bool buddies;
    /* While there is news, it is sent to `spread_fanout` nodes this often, beside what rides on
     * probes. Lower spreads faster, in more packets. */
    uint32_t spread_interval_ms;
    uint32_t spread_fanout;
    /* News is sent this * ceil(log2(n + 1)) times by each node. Higher survives more loss. */
    uint32_t retransmit_multiplier;
    /* A whole exchange of records with a random peer. It mends what datagrams missed. Its size
     * grows with the number of nodes n, so with more than 100 the interval is this * n / 100. */
    uint32_t exchange_interval_ms;
    /* How often one dead node is greeted, so that two sides of a partition find each other again.
     */
    uint32_t reconnect_interval_ms;
    /* How long a dead or left node that no ring names stays listed. */
    uint32_t forget_after_ms;
    /* Bound on other nodes known. Memory is under 1 KB each. */
    uint32_t members_max;
};

/* The defaults of all but who we are, this life, and whom we talk with, which are zero. */
extern const struct gossip_options gossip_options_default;

enum gossip_event_kind {
    GOSSIP_EVENT_ACTIVE,  /* our identity is ours alone as far as can be known; no member */
    GOSSIP_EVENT_JOINED,  /* a node that was not known */
    GOSSIP_EVENT_UPDATED, /* its record says something new, its state is as it was */
    GOSSIP_EVENT_SUSPECT,
    GOSSIP_EVENT_ALIVE, /* again, after suspect, dead or left */
    GOSSIP_EVENT_DEAD,
    GOSSIP_EVENT_LEFT,
    GOSSIP_EVENT_FORGOTTEN,     /* no longer listed */
    GOSSIP_EVENT_RING_NEWER,    /* it has a later version of our ring, or a ring where we have none;
                                 * told again at each exchange while it lasts */
    GOSSIP_EVENT_RING_CONFLICT, /* it has our ring's version with another digest */
    GOSSIP_EVENT_IDENTITY_CLASH, /* `address` answers with our identity */
};

struct gossip_event {
    enum gossip_event_kind kind;
    const struct node_record *record; /* the member's; NULL with ACTIVE and IDENTITY_CLASH */
    bool restarted;                   /* JOINED to LEFT: in another life than before */
    struct node_address address;      /* IDENTITY_CLASH: the twin's bus address; empty if unknown */
    bool ours_is_later;               /* IDENTITY_CLASH: we started later, and must stop */
};

/* What gossip asks of its surroundings. `host` is what gossip_create was given. */
struct gossip_calls {
    /* Sends a datagram to a bus address; losing it is no error. */
    void (*send)(void *host, const struct node_address *to, struct span datagram);
    void (*event)(void *host, const struct gossip_event *event);
    /* Asks for an exchange with a bus address over TCP: connect, call gossip_exchange_begin, send,
     * and hand the answer to gossip_exchange_receive. When it fails nothing need be said. */
    void (*exchange)(void *host, const struct node_address *to);
    /* Whether the ring names this node, so that it stays listed when dead. */
    bool (*kept)(void *host, struct identity identity);
};

/* Counters, each with its name in INFO and metrics. */
#define GOSSIP_COUNTS(row)                                                                        \
    row(sent, "datagrams sent") row(received, "datagrams taken") row(probes, "probes sent")       \
        row(probes_failed, "probes that neither the peer nor a relay answered")                   \
            row(suspicions, "members that this node suspected")                                   \
                row(deaths, "suspicions of members that nobody refuted in time")                  \
                    row(refutations, "suspicions of itself that this node refuted")               \
                        row(challenges, "senders asked to prove that they live now") row(         \
                            late_ticks, "timers that came so late that this node doubted itself") \
                            row(exchanges, "exchanges taken")

struct gossip_counters {
#define GOSSIP_COUNT_FIELD(name, text) uint64_t name;
    GOSSIP_COUNTS(GOSSIP_COUNT_FIELD)
#undef GOSSIP_COUNT_FIELD
    uint64_t dropped[GOSSIP_DROP_COUNT]; /* by reason; datagrams, exchanges and records */
};

enum gossip_phase {
    GOSSIP_JOINING,
    GOSSIP_ACTIVE,
    GOSSIP_LEFT,
    GOSSIP_CLASHED,
};

struct gossip;

/* `calls` must outlive the object; options are copied. Nothing is called before the first tick. */
struct gossip *gossip_create(const struct gossip_options *options, const struct gossip_calls *calls,
                             void *host);
void gossip_destroy(struct gossip **gossip);

/* Does what is due. To be called at gossip_next_wake; earlier is harmless, later than half a probe
 * time-out is taken as a sign of our own ill health. */
void gossip_tick(struct gossip *gossip, struct instant now);
/* When to tick next, monotonic; INT64_MAX for never. Ask again after each call that takes `now`. */
int64_t gossip_next_wake(const struct gossip *gossip);

/* Takes a datagram. `from` is the address that it came from, its host in text. */
enum gossip_drop gossip_receive(struct gossip *gossip, struct instant now,
                                const struct node_address *from, struct span datagram);

/* Appends the opening of an exchange to the empty `request`. */
void gossip_exchange_begin(struct gossip *gossip, struct instant now, struct buffer *request);
/* Takes what came over TCP, an opening or an answer. The answer to an opening is appended to the
 * empty `reply`; when that stays empty there is nothing to send. What is dropped is for the log:
 * wrong-cluster, wrong-ring, wrong-seal and unsealed are an operator's mistakes. The link itself
 * must have proved the secret: an exchange is sealed, but an opening alone shows no freshness. */
enum gossip_drop gossip_exchange_receive(struct gossip *gossip, struct instant now,
                                         struct span bytes, struct buffer *reply);

/* Tells the others of a ring, of our flags. A member of another ring is forgotten. */
void gossip_set_ring(struct gossip *gossip, struct instant now, struct identity ring,
                     uint64_t version, uint64_t digest);
void gossip_set_flags(struct gossip *gossip, struct instant now, uint32_t flags);
/* Says farewell. Keep ticking until gossip_farewell_done, or for as long as you care to. */
void gossip_leave(struct gossip *gossip, struct instant now);
bool gossip_farewell_done(const struct gossip *gossip);

enum gossip_phase gossip_phase(const struct gossip *gossip);
const struct node_record *gossip_self(const struct gossip *gossip);
int gossip_health_score(const struct gossip *gossip); /* 0 is healthy, awareness_max worst */
const struct gossip_counters *gossip_counters(const struct gossip *gossip);

/* The other nodes, in order of identity; pointers hold until the next call that takes `now`. */
size_t gossip_member_count(const struct gossip *gossip);
const struct member *gossip_member(const struct gossip *gossip, size_t index);
const struct member *gossip_find(const struct gossip *gossip, struct identity identity);

#endif
