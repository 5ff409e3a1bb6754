/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The inside of gossip, shared by its files and by nobody else. Who does what:
 *
 *      gossip.c     life cycle, the timer, the door for datagrams
 *      probe.c      probes, relays and their judgement
 *      merge.c      a record came in: what changes, who is told; suspicion and its end
 *      spread.c     building datagrams; which news rides on them
 *      exchange.c   whole exchanges, seeds, the end of joining
 *      twin.c       whether our own identity lives elsewhere
 */
#ifndef DUNLIN_GOSSIP_STATE_H
#define DUNLIN_GOSSIP_STATE_H

#include "gossip/awareness.h"
#include "gossip/gossip.h"
#include "gossip/session.h"

#define NEVER INT64_MAX

/* One is for the round, the others verify what peers suspect. */
#define PROBES_MAX          4
#define RELAYS_MAX          64
#define INDIRECT_PROBES_MAX 16
#define SPREAD_FANOUT_MAX   16
/* Exchanges begun whose answer has not come yet; older ones are given up. */
#define EXCHANGES_MAX 8

struct probe {
    bool busy;
    bool relayed; /* relays were asked */
    struct identity target;
    uint64_t number;
    int64_t relay_at_us;
    int64_t judge_at_us;
    unsigned relays;
    unsigned nacks;
};

/* A ping that we sent for somebody else. */
struct relay {
    bool busy;
    bool nacked;
    struct identity asker;
    struct node_address asker_address;
    uint64_t asker_number;
    struct identity target;
    uint64_t number;
    int64_t nack_at_us;
    int64_t end_at_us;
};

/* The search for another process with our identity. */
struct twin {
    bool checking;
    struct node_address address;
    uint64_t boot;        /* the highest of theirs that we know */
    uint64_t incarnation; /* the same */
    uint64_t number;      /* of the pings that ask it */
    unsigned tries;
    int64_t next_us;
    int64_t quiet_until_us; /* no new check before */
};

struct gossip {
    struct gossip_options options; /* its pointers are not kept */
    const struct gossip_calls *calls;
    void *host;
    enum gossip_phase phase;
    struct member self; /* record and news; its suspicion and clock are unused */
    struct members members;
    struct list news; /* members (and ourselves) with news, in the order in which it goes */
    uint64_t changes;
    struct rng rng;
    struct awareness awareness;
    struct gossip_counters counters;

    struct seal_key key;
    struct sessions sessions;
    uint64_t sequence; /* of the last datagram sent */
    uint64_t number;   /* of the last ping or exchange */
    struct buffer out;

    struct probe probes[PROBES_MAX];
    struct relay relays[RELAYS_MAX];
    uint64_t exchanges[EXCHANGES_MAX]; /* numbers; 0 for none */
    size_t exchange_next;
    struct twin twin;
    struct node_address *seeds; /* bus addresses */
    size_t seed_count;
    size_t seed_next;
    int64_t meet_at_us; /* not before is a stranger asked as if it were a seed */
    bool contacted;     /* while joining: somebody told us whom it knows */

    bool started;
    int64_t started_us;
    int64_t probe_at_us;
    int64_t spread_at_us; /* the earliest next time to spread news */
    int64_t exchange_at_us;
    int64_t exchange_wait_us; /* until the one after; doubles up to the interval */
    int64_t heal_at_us;       /* no exchange with a node that came back before */
    int64_t reconnect_at_us;
    int64_t forget_at_us;
    int64_t wake_us;
};

static inline int64_t gossip_us(uint32_t duration_ms)
{
    return (int64_t)duration_ms * 1000;
}

/* The living, ourselves too. */
static inline size_t gossip_cluster_size(const struct gossip *gossip)
{
    return members_living(&gossip->members) + 1;
}

void gossip_emit(struct gossip *gossip, enum gossip_event_kind kind, const struct member *member,
                 bool restarted);
void gossip_count_drop(struct gossip *gossip, enum gossip_drop drop);
/* Works out when to wake next; the last act of every entry that takes `now`. */
void gossip_rest(struct gossip *gossip);

/* probe.c */
void probe_round(struct gossip *gossip, struct instant now);
/* Probes a node that somebody else suspects, at once, unless all probes are busy. */
void probe_verify(struct gossip *gossip, struct instant now, struct member *member);
void probe_advance(struct gossip *gossip, struct instant now);
/* Moves all deadlines on. */
void probe_shift(struct gossip *gossip, int64_t by_us);
int64_t probe_next_us(const struct gossip *gossip);
void probe_receive(struct gossip *gossip, struct instant now, const struct seal_head *head,
                   const struct node_address *from, const struct message *message);
/* Sends again what waits for an answer of `identity`, whose session has just opened. */
void probe_repeat(struct gossip *gossip, struct instant now, struct identity identity);
/* Greets one dead node. */
void probe_reconnect(struct gossip *gossip, struct instant now);

/* merge.c */
enum merge_source {
    MERGE_GOSSIP,
    MERGE_EXCHANGE, /* a whole state, which may be old: it makes no member dead at once */
};
void merge_record(struct gossip *gossip, struct instant now, const struct message *message,
                  struct identity sender, enum merge_source source);
/* Our own probe of `member` failed. */
void merge_suspect(struct gossip *gossip, struct instant now, struct member *member);
void merge_advance(struct gossip *gossip, struct instant now);
void merge_shift(struct gossip *gossip, int64_t by_us);
int64_t merge_next_us(const struct gossip *gossip);
/* Our own record has changed: the next incarnation, at least `above` + 1, goes out. */
void merge_own_change(struct gossip *gossip, struct instant now, uint64_t above);
/* Forgets the dead whom no ring names any more. */
void merge_forget(struct gossip *gossip, struct instant now);
void merge_forget_foreign(struct gossip *gossip);
/* Tells of a ring that is newer than ours, or in conflict with it. */
void merge_compare_ring(struct gossip *gossip, const struct member *member);

/* spread.c */
/* The member's record is news. */
void spread_news(struct gossip *gossip, struct instant now, struct member *member);
/* Takes a member that goes out of the news. */
void spread_drop_news(struct member *member);
/* Sends `messages` to a node, and as much news as fits. */
void spread_send(struct gossip *gossip, struct instant now, struct identity to,
                 const struct node_address *address, const struct message *messages,
                 size_t message_count);
void spread_round(struct gossip *gossip, struct instant now);
/* A record message with the member's accusers. */
void spread_record_message(const struct member *member, struct message *message);

/* exchange.c */
void exchange_round(struct gossip *gossip, struct instant now);
/* An exchange at once, and several in the next seconds. */
void exchange_hurry(struct gossip *gossip, struct instant now);
/* Ends joining when nothing stands against it any more. */
void exchange_activate(struct gossip *gossip, struct instant now);

/* twin.c */
/* A record of our own identity that is not of this life. */
void twin_suspect(struct gossip *gossip, struct instant now, const struct node_record *record);
void twin_advance(struct gossip *gossip, struct instant now);
/* A datagram from a process with our identity. */
void twin_receive(struct gossip *gossip, struct instant now, const struct seal_head *head,
                  const struct node_address *from, const struct message *message);
/* It answered us in person; `joining` tells whether it is no further than that. */
void twin_found(struct gossip *gossip, struct instant now, const struct seal_head *head,
                const struct node_address *address, bool joining);
int64_t twin_next_us(const struct gossip *gossip);

#endif
