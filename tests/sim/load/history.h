/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A history: what clients asked, when, and what they were told. One record a key: a command of many
 * keys leaves several. The checkers (checks.h) judge it without knowing how it came about.
 *
 * Keys are a letter and a number. `k`: registers, whose values are unique and name the record that
 * wrote them. `e`: the same, with commands that give them a time to live. `c`: counters, added to
 * at all times; `q`: counters that are added to only while no fault is about. `s`: keys of
 * siblings, with values like registers. `*`: all keys.
 */
#ifndef DUNLIN_TESTS_SIM_HISTORY_H
#define DUNLIN_TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/world/clocks.h"

#define HISTORY_NEVER_US INT64_MAX
#define HISTORY_NONE     SIZE_MAX

/* What the command wrote, if it took effect. */
enum effect {
    EFFECT_NONE,
    EFFECT_PUT,
    EFFECT_DELETE,
    EFFECT_ADD,
    EFFECT_TOUCH, /* the value that was there, with another deadline */
};

/* What the reply says of the key before. */
enum seen { SEEN_NOTHING, SEEN_ABSENT, SEEN_PRESENT, SEEN_VALUE, SEEN_SIBLINGS };

enum outcome {
    OUTCOME_OPEN,   /* no reply yet */
    OUTCOME_OK,     /* acknowledged */
    OUTCOME_FAILED, /* an error: it may still take effect */
    OUTCOME_LOST,   /* the connection went: the same */
};

/* How much of the promise a read has. */
enum strength {
    STRENGTH_FULL, /* R + W > N */
    STRENGTH_WEAK, /* less; once the replicas have converged, the same */
};

/* A command that changes a key on a condition decides anew when its version is overtaken (rule 1):
 * a SETNX that wrote its value, and then finds another, answers 0. Until it does, that value may
 * show; afterwards it is gone. */
struct record {
    uint64_t client; /* the connection */
    uint32_t place;  /* of its command among the connection's, from 0 */
    uint16_t node;   /* that it was sent to */
    uint8_t form;    /* enum form (load_parts.h) */
    bool script;     /* it is of a script, which has its own time */
    uint8_t level;   /* that it asks for, LEVEL_DEFAULT: none */
    char space;
    uint32_t key;
    enum effect effect;
    enum effect undone; /* NONE: what it may have written and found undone at last */
    enum seen seen;
    enum outcome outcome;
    enum strength strength;
    bool alike; /* asks as many as most do: what those were told, it is told (levels_alike) */
    int64_t sent_us, replied_us;
    int64_t stalled_us; /* of that time, its node was paused */
    uint64_t value;     /* SEEN_VALUE: the record that wrote it, or the counter's number */
    size_t siblings;    /* SEEN_SIBLINGS: from there on in the history's, */
    size_t count;       /* so many records that wrote them */
    size_t base;        /* PUT with a context: the record that it is from; else HISTORY_NONE */
    int64_t amount;     /* EFFECT_ADD */
    int64_t lease_us;   /* PUT, TOUCH: the time to live that it gives, 0: none */
    int64_t left_us;    /* SEEN_PRESENT: the time to live that it was told; -1: it was not */
    bool must_succeed;  /* no fault is about, and none was for a while */
    bool healed;        /* after all faults: the replicas have converged */
    char error[48];     /* the beginning of the error's text */
};

/* All nodes forgot, or so many replicas of a partition that it was recovered from too few that
 * vote, where also what was deleted may come back: what was written before `to_us` may be lost for
 * who reads after `from_us`. */
struct amnesty {
    int64_t from_us, to_us; /* HISTORY_NEVER_US: it lasts */
};

#define AMNESTIES_MAX 8

/* A scan from its first call, at cursor 0, to the reply that ended it. */
struct walk {
    int64_t began_us, ended_us;
    uint32_t keys;
    uint8_t *seen; /* a bitmap of the registers that it returned */
};

#define TRIO_KEYS 3

/* What somebody did with a trio (trios.h). */
enum trio_kind { TRIO_READ, TRIO_WRITE, TRIO_WATCHED };
enum trio_outcome {
    TRIO_OPEN,    /* no reply yet */
    TRIO_DONE,    /* EXEC ran */
    TRIO_REFUSED, /* a watched key had changed */
    TRIO_FAILED,  /* an error, or the connection went: it may have run */
    TRIO_NOTHING, /* WATCH failed: it was not asked to */
};

struct trio_act {
    enum trio_kind kind;
    enum trio_outcome outcome;
    unsigned node;
    uint32_t trio;
    int64_t watch_sent_us, watched_us; /* WATCH */
    int64_t sent_us, replied_us;       /* the transaction; 0: it was not sent */
    uint64_t value;                    /* that a write gives to all */
    uint64_t values[TRIO_KEYS];        /* that a read was told; 0: nothing */
};

/* What listeners subscribe to: first the channels that are published to, then patterns. */
#define SUBSCRIBED(ROW) \
    ROW("n0", 1 << 0)   \
    ROW("n1", 1 << 1)   \
    ROW("n2", 1 << 2)   \
    ROW("n*", 7)        \
    ROW("?[12]", 1 << 1 | 1 << 2)
enum {
#define ROW(name, channels) +1
    SUBSCRIBED_KINDS = SUBSCRIBED(ROW),
#undef ROW
    CHANNELS = 3
};
extern const struct subscribed_kind {
    const char *name;
    unsigned channels; /* a bit for each that it fits */
} subscribed_kinds[SUBSCRIBED_KINDS];

static inline bool subscribed_fits(int kind, int channel)
{
    return channel >= 0 && (subscribed_kinds[kind].channels & 1u << channel) != 0;
}

/* A subscription of a connection, from the moment that it was asked for. */
struct subscribed {
    uint64_t listener; /* the connection */
    int kind;          /* by its place in SUBSCRIBED */
    int64_t asked_us, confirmed_us;
    int64_t ending_us, ended_us; /* when its end was asked for, and when it was known to be over */
};

/* A message, as its publisher knows it. */
struct said {
    uint64_t publisher; /* the connection */
    uint32_t number;    /* of its messages, from 1 */
    int channel;
    enum outcome outcome;
    int64_t sent_us, replied_us;
    uint64_t receivers; /* as it was told */
    bool calm;          /* no fault is about */
};

/* And as a listener heard it, by a channel or pattern. */
struct hearing {
    uint64_t listener;
    int kind; /* -1: none that there is; the channel, too */
    int channel;
    uint64_t publisher;
    uint32_t number;
    int64_t at_us;
};

struct history {
    struct record *records;
    size_t count, capacity;
    size_t failed;
    uint64_t *siblings; /* what was seen of keys of siblings: the names of records */
    size_t siblings_count, siblings_capacity;
    unsigned long_every;         /* of so many values one is long */
    uint64_t coordinators[1024]; /* of counter c<i>: a bit for each node that coordinated it */

    struct walk *walks;
    size_t walk_count, walk_capacity;

    struct trio_act *trio_acts;
    size_t trio_act_count, trio_act_capacity;
    struct subscribed *subscriptions;
    size_t subscription_count, subscription_capacity;
    struct said *said;
    size_t said_count, said_capacity;
    struct hearing *heard; /* in the order of time */
    size_t heard_count, heard_capacity;

    /* What happened to the nodes, as far as it bears on what may be seen. */
    struct amnesty amnesties[AMNESTIES_MAX];
    size_t amnesty_count;
    bool vanishes;    /* anything may have been evicted at any time */
    bool bounded;     /* maxmemory is small: what finds no room is refused */
    bool drops_hints; /* hints may have been dropped: partitions change their coordinators then */
    struct clocks clocks;
};

/* A new record, zeroed; its index is its name. The pointer holds until the next one is added. */
struct record *history_add(struct history *history);
/* One more that the record saw, which was the last to see any. */
void history_add_sibling(struct history *history, size_t record, uint64_t writer);
/* A new walk that has returned nothing, over so many registers. */
struct walk *history_add_walk(struct history *history, uint32_t keys);
/* The name of a new one, zeroed. */
size_t history_add_trio_act(struct history *history);
static inline void history_walk_sees(struct walk *walk, uint32_t key)
{
    walk->seen[key / 8] |= (uint8_t)(1u << key % 8);
}
static inline bool history_walk_saw(const struct walk *walk, uint32_t key)
{
    return key < walk->keys && (walk->seen[key / 8] & 1u << key % 8) != 0;
}
/* New ones, whose times are not known yet. */
struct subscribed *history_add_subscribed(struct history *history);
struct said *history_add_said(struct history *history);
struct hearing *history_add_heard(struct history *history);
/* Whether what was written at `from_us` may be lost for who is answered at `to_us`. */
bool history_forgives(const struct history *history, int64_t from_us, int64_t to_us);
void history_deinit(struct history *history);

#endif
