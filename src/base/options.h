/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The server's options, made from the directives of base/options_list.h. The syntax is
 * redis.conf's: a directive a line, words as base/words.h cuts them, `#` before a comment, names in
 * any case; the last line for a name counts. On the command line a directive is `--name value ...`.
 *
 * A struct options is filled in by one thread, and immutable from the moment it is handed to
 * others: a change is a new copy. Holders count: whoever keeps one retains it and releases it.
 *
 *     const struct options *options = options_load(path, arguments, count, &reader, &error);
 *     const struct options *next = options_set(options, pairs, 2, &error);
 *     if (next != NULL) { publish it; options_release(&options); }
 *
 * Errors are one line of text without its end, appended to a buffer; what they quote from outside
 * is cut and freed of control characters, and secrets are left out. This module reads no file: a
 * reader is handed in.
 */
#ifndef DUNLIN_BASE_OPTIONS_H
#define DUNLIN_BASE_OPTIONS_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/level.h"

/* The C type of each kind of value (enum option_kind, base/options_table.h). */
#define OPTION_TYPE_YES_NO           bool
#define OPTION_TYPE_INTEGER          int64_t
#define OPTION_TYPE_SECONDS          int64_t
#define OPTION_TYPE_MILLISECONDS     int64_t
#define OPTION_TYPE_SECONDS_OR_NEVER int64_t /* or OPTION_NEVER */
#define OPTION_TYPE_BYTES            uint64_t
#define OPTION_TYPE_CHOICE           int     /* the place of the word in the row's form */
#define OPTION_TYPE_TEXT             char *  /* never NULL */
#define OPTION_TYPE_LEVEL            uint8_t /* base/level.h */
#define OPTION_TYPE_WORDS            struct option_words
#define OPTION_TYPE_ADDRESSES        struct option_addresses
#define OPTION_TYPE_OUTPUT_LIMITS    struct option_output_limits
#define OPTION_TYPE_RULES            struct option_rules

#define OPTION_NEVER (-1)

struct option_words {
    char **items;
    size_t count;
};

struct option_address {
    char *host; /* without brackets */
    uint16_t port;
};

struct option_addresses {
    struct option_address *items;
    size_t count;
};

/* What a client is to client-output-buffer-limit. */
enum option_class {
    OPTION_CLASS_NORMAL,
    OPTION_CLASS_REPLICA, /* no client is one: the limits are kept for tools that set them */
    OPTION_CLASS_PUBSUB,  /* it subscribes */
    OPTION_CLASS_COUNT,
};

struct option_output_limit {
    uint64_t hard_bytes; /* 0: none */
    uint64_t soft_bytes; /* 0: none */
    uint64_t soft_seconds;
};

struct option_output_limits {
    struct option_output_limit of[OPTION_CLASS_COUNT];
};

/* The numbers of the words of `loglevel` (they are enum log_level's, base/log.h) and `conflict`. */
enum option_conflict {
    OPTION_CONFLICT_DEFAULT = -1, /* in a rule that does not say */
    OPTION_CONFLICT_LWW = 0,
    OPTION_CONFLICT_SIBLINGS = 1,
};

/* The longest prefix of a rule, bytes: a ring has room for it. */
#define OPTION_PREFIX_MAX 255

struct option_rule {
    char *prefix;        /* not empty, unique among the rules */
    uint8_t replicas;    /* 0: the default */
    uint8_t read_level;  /* LEVEL_DEFAULT: the default */
    uint8_t write_level; /* LEVEL_DEFAULT: the default */
    enum option_conflict conflict;
};

struct option_rules {
    struct option_rule *items; /* in the order given: the first match holds */
    size_t count;
};

struct options {
#define OPTION_HEADING(title)
#define OPTION(field, name, kind, initial, min, max, change, show, form, text) \
    OPTION_TYPE_##kind field;
#include "base/options_list.h"

    /* This module's own. */
    struct options *self; /* for the holders, who have it const */
    atomic_uint holders;
};

/* All at their defaults; one holder, the caller, who may fill it in. */
struct options *options_create(void);
/* A copy that the caller may change, and is the one holder of. */
struct options *options_copy(const struct options *options);
const struct options *options_retain(const struct options *options);
/* Clears the pointer; the last holder's release frees. Any thread may be the last. */
void options_release(const struct options **options);

/* Whether nodes of other machines may send here: with protected-mode only those that prove that
 * they know the cluster-secret. */
bool options_open_to_peers(const struct options *options);

/* Where files come from. */
struct options_reader {
    /* Appends the file's content to `text`; false with the reason in `error`. */
    bool (*read)(void *context, const char *path, struct buffer *text, struct buffer *error);
    void *context;
};

/* Files that `include` may open in one load, and how deep. */
#define OPTIONS_INCLUDES_MAX      256
#define OPTIONS_INCLUDE_DEPTH_MAX 16

/* The options that the file at `path` (NULL: none), then `arguments` ("--port", "7001", ...), give;
 * what both leave out is at its default. NULL with the first thing that is wrong in `error`: file,
 * line, what was found, what is accepted. */
const struct options *options_load(const char *path, const char *const *arguments, size_t count,
                                   const struct options_reader *reader, struct buffer *error);

/* CONFIG GET: calls `visit` once for each directive that matches one of the patterns (base/glob.h,
 * names in any case), with its value unquoted. Some of Redis' directives that tools ask for are
 * answered with the value that is true here. */
void options_get(const struct options *options, const struct span *patterns, size_t count,
                 void (*visit)(void *context, struct span name, struct span value), void *context);

/* CONFIG SET: `pairs` are name, value, name, value ...; `count` is of pairs. A new copy with all of
 * them, or NULL with Redis' error text (from "ERR" on) in `error`, and nothing has changed. */
const struct options *options_set(const struct options *options, const struct span *pairs,
                                  size_t count, struct buffer *error);

/* CONFIG REWRITE: appends to `text` the file `old` as it has to be for a restart to find `options`.
 * Comments, order and lines that are still right stay as they are; what is new is added at the end;
 * what is at its default and not in the file stays out. */
void options_rewrite(const struct options *options, struct span old, struct buffer *text);

/* What is made of the table for people: the listing of --help, the file conf/dunlin.conf, and the
 * directives' section of dunlin.conf(5) in man(7) macros. */
void options_print_help(struct buffer *text);
void options_print_file(struct buffer *text);
void options_print_manual(struct buffer *text);

#endif
