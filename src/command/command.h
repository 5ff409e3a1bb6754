/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of commands: one row says all there is to say of a command, and everything else
 * (dispatch, COMMAND DOCS, the arity errors, the metrics, the man page) is made from it.
 *
 * A handler never waits. What a command needs of the cluster is told by its kind; the engine
 * (src/node) gathers it and calls the handler when it is there:
 *
 *   LOCAL    run(call)            answers on the spot, from this node's own state
 *   READ     read(call, version)  after R replicas agreed on the key's version
 *   WRITE    update(call, NULL, change)  blind: the change does not depend on the old version
 *   UPDATE   update(call, version, change)  read-modify-write, at one replica, under the
 *                                           partition's lock; answers once W replicas have it
 *   STEPS    steps(call, keys)    reads and changes several keys as one step, where they are in one
 *                                 partition; else the engine goes command by command
 *   CLUSTER  the engine runs it by itself (FLUSHALL, DBSIZE, WAIT, RING ...)
 *
 * Commands of many keys are split by the engine into one call a key ("scatter"), each with argv
 * cut to the command's name, that key and the arguments of its step, and gathered as `gather` says.
 */
#ifndef DUNLIN_COMMAND_COMMAND_H
#define DUNLIN_COMMAND_COMMAND_H

#include "base/buffer.h"
#include "base/instant.h"
#include "base/span.h"
#include "value/change.h"
#include "value/version.h"

struct call;
struct environment; /* command/environment.h: what LOCAL commands may look at */
struct block;
struct buffer;
struct list;
struct session; /* command/session.h: what belongs to one client connection */

enum command_kind {
    COMMAND_LOCAL,
    COMMAND_READ,
    COMMAND_WRITE,
    COMMAND_UPDATE,
    COMMAND_CLUSTER,
    COMMAND_STEPS,
};

/* What a STEPS command works on: its keys, in their order, as they are by now. */
struct key_values {
    const struct version *(*value)(const struct key_values *keys, size_t key);
    /* The pieces are copied. False: out of memory. */
    bool (*change)(const struct key_values *keys, size_t key, const struct change *change);
};

/* call->options.flags of COPY. */
#define KEYS_REPLACE 1u
/* And of EVAL and its like: it names its script, and it may not write. */
#define SCRIPT_BY_NAME   1u
#define SCRIPT_READ_ONLY 2u

/* How the replies of a scattered command become one. */
enum command_gather {
    GATHER_NONE,  /* one key, one reply */
    GATHER_ARRAY, /* MGET: an array of the replies in the order of the keys */
    GATHER_SUM,   /* DEL, EXISTS: the sum of the integers */
    GATHER_OK,    /* MSET: +OK */
    GATHER_LCS,   /* LCS: its keys are read by GET, and the rest is done on what that answers */
    GATHER_WATCH, /* WATCH: +OK, and the session watches the keys */
};

struct call;

/* The rest of a LOCAL command, in a structure of its own. The session may be gone meanwhile. */
struct call_rest {
    /* One step, of some 0.2 ms; true: the reply is complete. */
    bool (*proceed)(struct call *call);
    void (*destroy)(struct call_rest *rest); /* also where it is not done */
};

struct call {
    const struct command *command;
    const struct span *argv; /* argv[0] is the command's name as it was sent */
    size_t argc;
    struct buffer *reply; /* RESP bytes are appended here */
    /* Where the version's value lies, for a reply that takes it, or refers to it, in place of a
     * copy; each may be NULL,
     * the last two together. */
    struct buffer *bytes; /* a READ's value is all that is in it */
    struct block *block;  /* or it lies in this one, */
    struct list *behind;  /* and there the reply goes on that refers to it */
    struct buffer *made;  /* an UPDATE's change may point into what is made here */
    bool siblings;        /* the first key's keyspace keeps concurrent values */
    int protocol;         /* 2 or 3 */
    struct instant now;
    struct environment *environment;
    struct session *session; /* NULL when another node forwarded the command */
    /* What a LOCAL command that is too long for a turn leaves to be done in steps; NULL: nothing.
     */
    struct call_rest *rest;
    /* Filled in by the command's prepare, for its own handlers. */
    struct {
        unsigned flags;
        int64_t deadline_ms;
        int64_t integer;
    } options;
    uint8_t scratch[64];
};

struct command_argument; /* COMMAND DOCS' arguments, see command/table.h */

struct command {
    const char *name; /* lower case; a subcommand is a row of its own: "client|list" */
    int arity;        /* as in Redis: the number of arguments with the name, -n: at least n */
    unsigned flags;
    int first_key, last_key, key_step; /* as in COMMAND INFO; 0, 0, 0: no keys */
    int key_count_at;      /* the argument that says how many keys follow it; 0: none does */
    bool whole_version;    /* a READ that is given siblings as they are kept, and not the newest */
    bool slow;             /* a READ that is not to hold the partition's lock */
    const char *key_flags; /* of COMMAND INFO's key specification: "RW access"; NULL: no keys */
    enum command_kind kind;
    enum command_gather gather;

    /* Optional: looks at the options, fills in call->options. False when it has appended an error
     * to the reply. May lower or raise *kind (SET is a WRITE, SET NX an UPDATE). Called once on
     * each node that the call passes, before anything else; with many keys, once for the whole and
     * once for each part. */
    bool (*prepare)(struct call *call, enum command_kind *kind);
    /* Optional, of an UPDATE: called where it runs before anything is read, without a lock, for
     * what would take too long with one. It may leave bytes in call->made. */
    void (*make)(struct call *call);
    union {
        void (*run)(struct call *call);
        /* `version` is not visible (version_visible) when the key is absent for the client. */
        void (*read)(struct call *call, const struct version *version);
        /* Appends the reply that is to be sent once the change is acknowledged. */
        void (*update)(struct call *call, const struct version *version, struct change *change);
        /* False: out of memory; then nothing is changed. */
        bool (*steps)(struct call *call, const struct key_values *keys);
    };
    const char *group, *since, *complexity, *summary;
    /* COMMAND INFO's, words parted by blanks, or NULL: tips, and categories of access control that
     * do not follow from the rest of the row. */
    const char *tips, *categories;
    const char *key_notes;                    /* of its key specification, or NULL */
    const struct command_argument *arguments; /* NULL, or ended by a row without a name */
};

/* Redis' flag names, in COMMAND INFO's words. */
#define COMMAND_FLAGS(X)                           \
    X(FLAG_WRITE, "write")                         \
    X(FLAG_READONLY, "readonly")                   \
    X(FLAG_DENYOOM, "denyoom")                     \
    X(FLAG_ADMIN, "admin")                         \
    X(FLAG_PUBSUB, "pubsub")                       \
    X(FLAG_NOSCRIPT, "noscript")                   \
    X(FLAG_LOADING, "loading")                     \
    X(FLAG_STALE, "stale")                         \
    X(FLAG_FAST, "fast")                           \
    X(FLAG_NO_AUTH, "no_auth")                     \
    X(FLAG_SKIP_MONITOR, "skip_monitor")           \
    X(FLAG_NO_MANDATORY_KEYS, "no_mandatory_keys") \
    X(FLAG_MOVABLEKEYS, "movablekeys")             \
    X(FLAG_NO_MULTI, "no_multi")                   \
    X(FLAG_ALLOW_BUSY, "allow_busy")               \
    X(FLAG_NO_ASYNC_LOADING, "no_async_loading")

enum command_flag_bit {
#define X(flag, word) flag##_BIT,
    COMMAND_FLAGS(X)
#undef X
        COMMAND_FLAG_COUNT
};
enum command_flag {
#define X(flag, word) flag = 1u << flag##_BIT,
    COMMAND_FLAGS(X)
#undef X
};

/* The row for argv, looking at argv[1] where argv[0] is a container ("client"). NULL when unknown:
 * then the error, Redis' own text, is in `reply`. A wrong arity is answered likewise. `argc` is
 * over 0. `guess`, which may be NULL, is the row of an earlier command: clients repeat themselves,
 * and then nothing is searched for. */
const struct command *command_find(const struct span *argv, size_t argc,
                                   const struct command *guess, struct buffer *reply);

/* The row of that name, "client|list" as well; NULL when there is none. */
const struct command *command_named(struct span name);

/* All rows, in table order, containers directly before their subcommands. */
const struct command *command_table(size_t *count);
/* The row's place in it. */
uint32_t command_index(const struct command *command);

/* Whether the row is a subcommand, and whether it has some. */
bool command_is_subcommand(const struct command *command);
bool command_is_container(const struct command *command);

/* Redis' categories of access control, in Redis' order, and whether a row is in one. */
#define COMMAND_CATEGORIES 21
extern const char *const command_categories[COMMAND_CATEGORIES];
bool command_in_category(const struct command *command, size_t category);

/* Whether argc fits the row. */
bool command_arity_fits(const struct command *command, size_t argc);

/* Whether it has keys where the row says; a shard channel has a key's place and slot, and is none.
 */
bool command_names_keys(const struct command *command);

/* Whether it has keys, or may have, that do not stand where the row says. */
bool command_keys_move(const struct command *command, const struct span *argv, size_t argc);

/* The indices in argv of the command's keys, each at most once, written to `indices` (room for
 * argc); returns how many, 0 for none. Knows AT ("at level command ..."). */
size_t command_keys(const struct command *command, const struct span *argv, size_t argc,
                    size_t *indices);

#endif
