/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the watch is made of, for its own files and for nobody else.
 */
#ifndef DUNLIN_TESTS_SIM_WATCH_PARTS_H
#define DUNLIN_TESTS_SIM_WATCH_PARTS_H

#include "base/buffer.h"
#include "sim/explain/watch.h"
#include "sim/world/net.h"
#include "sim/world/node.h"

#define WATCH_KEY_MAX     16
#define WATCH_VERSION_MAX 256
/* Messages whose answers are awaited, and versions of the key: powers of two. An older one in the
 * same place is forgotten. */
#define WATCH_QUESTIONS 65536u
#define WATCH_STAMPS    65536u

/* What a node held when it was looked at last. */
struct watch_holding {
    unsigned boots; /* 0: it was not there */
    bool there;
    struct dot dot;
    int64_t deadline_ms;
    uint64_t digest; /* of the value */
    struct dot mark;
    bool votes, recovering;
    uint64_t evicted;                /* of the partition, ever */
    uint64_t hints_moved;            /* kept, answered for and dropped, ever */
    uint64_t hints_dropped;          /* ever */
    unsigned from;                   /* the node whose bytes arrived in this event; 0: none */
    char version[WATCH_VERSION_MAX]; /* in words */
};

/* A hint for a version of the key. */
struct watch_hint {
    unsigned holder, target;
    uint64_t stamp;
    bool seen; /* at this look */
};

/* A version of the key that was ever seen. */
struct watch_stamp {
    uint64_t stamp;
    char version[WATCH_VERSION_MAX];
};

enum watch_question_kind {
    QUESTION_NONE,
    QUESTION_WRITE,
    QUESTION_READ,
    QUESTION_OTHER,
    QUESTION_PULL
};

struct watch_question {
    uint64_t id;
    unsigned asker, asked;
    enum watch_question_kind kind;
};

/* A message on its way. */
struct watch_message {
    const struct sim_connection *connection;
    unsigned end; /* that sent it */
    uint64_t until;
    int64_t sent_us;
    size_t line;
};

struct watch {
    struct world_witness witness;
    const struct concern *concern;
    struct timeline *timeline;
    char key[WATCH_KEY_MAX]; /* empty: only the partition, or only the nodes */
    uint64_t key_hash;       /* once a node was looked at: a ring's hash */
    int partition;           /* -1: none; known from the first event on */

    struct watch_holding holdings[WORLD_NODES_MAX + 1];
    struct watch_hint *hints;
    size_t hint_count, hint_capacity;
    struct watch_stamp *stamps;
    struct watch_question *questions;
    struct watch_message *messages;
    size_t message_count, message_capacity;

    int64_t line_us; /* of the last line about blocked directions, and its name */
    size_t line;
    bool state_kept;
    struct buffer state; /* in words */
};

static inline struct span watch_key(const struct watch *watch)
{
    return span_of_string(watch->key);
}

/* "2" and "2>3". */
#define WATCH_WHO_MAX 24
const char *watch_who(unsigned from, unsigned to, char text[WATCH_WHO_MAX]);

/* ---- watch_stores.c ---- */

/* The version in few words: "v12 +4000.0@1 until +9000". */
const char *watch_words(const struct version *version, char text[WATCH_VERSION_MAX]);
/* There is such a version of the key. */
void watch_note_version(struct watch *watch, const struct version *version);
struct watch_stamp *watch_stamp_place(const struct watch *watch, uint64_t stamp);
void watch_look(struct watch *watch, const struct world *world);
void watch_keep_state(struct watch *watch, const struct world *world);

/* ---- watch_hints.c ---- */

/* The node's hints have changed; `dropped`: also by dropping some. */
void watch_look_at_hints(struct watch *watch, const struct sim_node *node, bool dropped,
                         int64_t at_us);
/* They went with the node's process. */
void watch_forget_hints(struct watch *watch, unsigned holder);

/* ---- watch_messages.c ---- */

void watch_sent(void *watch, const struct sim_connection *connection, unsigned end, uint64_t until,
                const struct wire_message *message);
void watch_arrived(void *watch, const struct sim_connection *connection, unsigned end);
/* Those on broken links are lost. */
void watch_look_for_lost(struct watch *watch, const struct world *world);

#endif
