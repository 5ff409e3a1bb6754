/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the load is made of, for its own files and for nobody else.
 */
#ifndef DUNLIN_TESTS_SIM_LOAD_PARTS_H
#define DUNLIN_TESTS_SIM_LOAD_PARTS_H

#include "base/rng.h"
#include "sim/load/load.h"

#define LOAD_IN_FLIGHT_MAX 64

/* The words of a command after its name. */
enum shape {
    SHAPE_NONE,
    SHAPE_KEY,
    SHAPE_KEYS,
    SHAPE_VALUE,    /* key value */
    SHAPE_VALUES,   /* key value key value ... */
    SHAPE_AMOUNT,   /* key number */
    SHAPE_VALUE_PX, /* key value PX ms */
    SHAPE_MS_VALUE, /* key ms value */
    SHAPE_MS,       /* key ms */
    SHAPE_PX,       /* key PX ms */
    SHAPE_PERSIST,  /* key PERSIST */
    SHAPE_CONTEXT,  /* key value [CONTEXT context] [PX ms] */
    SHAPE_MULTI,    /* several commands, between MULTI and EXEC (load_multi.c) */
    SHAPE_SCRIPT,   /* the same, run by a script */
};

/* The commands: name, word, how often it is drawn, the space of its keys (history.h), shape,
 * effect. Of those in the space `-` only the answer counts. */
#define FORMS(ROW)                                      \
    ROW(GET, "get", 240, 'k', KEY, NONE)                \
    ROW(SET, "set", 200, 'k', VALUE, PUT)               \
    ROW(DEL, "del", 50, 'k', KEY, DELETE)               \
    ROW(GETSET, "getset", 40, 'k', VALUE, PUT)          \
    ROW(GETDEL, "getdel", 30, 'k', KEY, DELETE)         \
    ROW(SETNX, "setnx", 40, 'k', VALUE, PUT)            \
    ROW(EXISTS, "exists", 20, 'k', KEY, NONE)           \
    ROW(MGET, "mget", 40, 'k', KEYS, NONE)              \
    ROW(MSET, "mset", 40, 'k', VALUES, PUT)             \
    ROW(MDEL, "del", 20, 'k', KEYS, DELETE)             \
    ROW(INCR, "incrby", 100, 'c', AMOUNT, ADD)          \
    ROW(COUNT, "get", 40, 'c', KEY, NONE)               \
    ROW(ESET, "set", 15, 'e', VALUE, PUT)               \
    ROW(SETPX, "set", 50, 'e', VALUE_PX, PUT)           \
    ROW(PSETEX, "psetex", 15, 'e', MS_VALUE, PUT)       \
    ROW(EGET, "get", 70, 'e', KEY, NONE)                \
    ROW(PTTL, "pttl", 20, 'e', KEY, NONE)               \
    ROW(GETEX, "getex", 12, 'e', PX, TOUCH)             \
    ROW(GETEX_PERSIST, "getex", 6, 'e', PERSIST, TOUCH) \
    ROW(PEXPIRE, "pexpire", 12, 'e', MS, TOUCH)         \
    ROW(PERSIST, "persist", 8, 'e', KEY, TOUCH)         \
    ROW(EDEL, "del", 12, 'e', KEY, DELETE)              \
    ROW(CGET, "cget", 400, 's', KEY, NONE)              \
    ROW(CSET, "cset", 250, 's', CONTEXT, PUT)           \
    ROW(CDEL, "del", 8, 's', KEY, DELETE)               \
    ROW(MULTI, "multi", 60, 'k', MULTI, NONE)           \
    ROW(SCRIPT, "eval", 40, 'k', SCRIPT, NONE)          \
    ROW(DBSIZE, "dbsize", 10, '-', NONE, NONE)          \
    ROW(FLUSHALL, "flushall", 2, '*', NONE, DELETE)

enum form {
#define ROW(NAME, word, weight, space, shape, effect) FORM_##NAME,
    FORMS(ROW)
#undef ROW
        FORM_COUNT_OF
};

struct form_row {
    const char *word;
    unsigned weight;
    char space;
    enum shape shape;
    enum effect effect;
};

extern const struct form_row form_rows[FORM_COUNT_OF];

/* A command that waits for its reply; replies come in order. */
struct asked {
    struct list link;
    enum form form;
    size_t first, count; /* its records */
    unsigned heralds;    /* replies that come before its own: those of MULTI, and QUEUED */
    int64_t paused_us;   /* how long the node had been paused in all when it was sent */
};

/* What some client saw of a key of siblings, with the context that it may write with. */
struct sight {
    struct buffer context; /* empty: none */
    size_t record;
    size_t count; /* of values */
};

#define SIBLING_KEYS 8
#define SIGHTS_KEPT  4

struct user {
    struct load *load;
    struct sim_node *node;
    struct sim_client *client;
    struct list asked;
    unsigned in_flight;
    uint32_t place;
};

struct load {
    struct world *world;
    struct load_settings settings;
    struct history *history;
    struct walker *walker;
    struct cachers *cachers; /* NULL: none */
    struct trios *trios;
    struct listeners *listeners;
    enum load_phase phase;
    struct rng rng;
    unsigned weights;
    uint64_t clients_made;
    struct sight sights[SIBLING_KEYS][SIGHTS_KEPT]; /* the last first, then some earlier ones */
    unsigned unseen[SIBLING_KEYS];                  /* writes since then */
    struct user *users;
    unsigned user_count;
    struct sim_client **retired; /* closed ones, to be freed at the end */
    size_t retired_count;
};

static inline uint64_t load_draw(struct load *load, uint64_t bound)
{
    return rng_below(&load->rng, bound);
}

/* ---- asking (load_ask.c) ---- */

/* How often the form is drawn, with the load's settings. */
unsigned load_weight(const struct load *load, enum form form);
/* Appends a command that is drawn, or a GET or SET of the register, or a CGET. */
void load_ask_any(struct user *user, struct buffer *out);
void load_ask_register(struct user *user, uint32_t key, struct buffer *out);
void load_ask_siblings(struct user *user, uint32_t key, struct buffer *out);
/* As a bulk string: "v<record>:" and a filling that follows from the number. */
void load_put_value(const struct history *history, struct buffer *out, size_t record);

/* A record of a command about the key. */
struct record *load_add_record(struct user *user, enum form form, char space, uint32_t key);
void load_put_key(struct buffer *out, char space, uint32_t key);
void load_put_lease(struct load *load, struct record *record, struct buffer *out);

void load_put_words(struct user *user, enum form form, char space, uint32_t key,
                    struct buffer *out);

/* ---- transactions (load_multi.c) ---- */

/* MULTI, commands with a record each, EXEC; how many commands. */
unsigned load_put_multi(struct user *user, uint32_t key, struct buffer *out);
/* The same commands as the arguments of a script, which runs them one after another. */
void load_put_script(struct user *user, uint32_t key, struct buffer *out);
/* The reply to EXEC, or to the script: what it says of each. */
void load_note_multi(struct history *history, const struct asked *asked, struct span reply);

/* ---- siblings (load_siblings.c) ---- */

/* A CSET, mostly with a context: the last one or one that is a little old. */
void load_put_cset(struct user *user, uint32_t key, struct buffer *out);
/* Whether the key has been written so often since anybody saw it that it is to be looked at first:
 * else it would come to have more siblings than a key may. */
bool load_siblings_unseen(const struct load *load, uint32_t key);
/* What a CGET answered. */
void load_note_siblings(struct load *load, const struct asked *asked, struct span reply);
void load_forget_siblings(struct load *load);

/* ---- replies (load_reply.c) ---- */

/* The record that wrote the bulk string, or one that does not exist when it is none of ours. */
uint64_t load_value_writer(const struct history *history, struct span reply);
/* What follows an array's head, and its first element, which is taken from it. */
struct span load_elements(struct span reply);
struct span load_next_element(struct span *elements);
/* What a bulk string says, which is short. */
const char *load_text(struct span bulk, char text[32]);

/* The reply to a command that succeeded. */
void load_note_reply(struct history *history, const struct asked *asked, struct span reply);
/* The same of one of its records. */
void load_note_record(struct history *history, size_t index, enum form form, struct span reply);
void load_note_error(struct record *record, struct span reply);

#endif
