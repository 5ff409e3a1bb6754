/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rows of base/options_list.h as data, and what can be done with the value of one. Private to
 * base/options*.c.
 */
#ifndef DUNLIN_BASE_OPTIONS_TABLE_H
#define DUNLIN_BASE_OPTIONS_TABLE_H

#include "base/options.h"

enum option_kind {
    OPTION_KIND_HEADING, /* no directive: `name` is a title */
    OPTION_KIND_YES_NO,
    OPTION_KIND_INTEGER,
    OPTION_KIND_SECONDS,
    OPTION_KIND_MILLISECONDS,
    OPTION_KIND_SECONDS_OR_NEVER,
    OPTION_KIND_BYTES, /* with b, k, kb, m, mb, g, gb behind the number, as in Redis */
    OPTION_KIND_CHOICE,
    OPTION_KIND_TEXT,
    OPTION_KIND_LEVEL,
    OPTION_KIND_WORDS,
    OPTION_KIND_ADDRESSES,     /* host:port, or [host]:port */
    OPTION_KIND_OUTPUT_LIMITS, /* each directive sets the classes that it names */
    OPTION_KIND_RULES,         /* each directive adds one */
};

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset; /* of the field in struct options */
    const char *initial;
    int64_t min, max;
    bool live, secret;
    const char *form;
    const char *text;
};

/* All rows, headings included, in the list's order. */
extern const struct option options_table[];
extern const size_t options_table_size;

/* The field of `row`, as a pointer to its kind's C type. */
#define OPTION_FIELD(row, options, KIND) \
    ((OPTION_TYPE_##KIND *)(void *)((char *)(options) + (row)->offset))
#define OPTION_FIELD_OF(row, options, KIND) \
    ((OPTION_TYPE_##KIND const *)(const void *)((const char *)(options) + (row)->offset))

/* The row of a directive, its name in any case; NULL when there is none. */
const struct option *option_find(struct span name);

/* A directive of Redis that Dunlin does not have, and that client tools ask for. */
struct option_foreign {
    const char *name;
    const char *value; /* what CONFIG GET answers, and CONFIG SET may repeat */
    const char *why;   /* said where one is found in a file */
};

extern const struct option_foreign options_foreign[];
extern const size_t options_foreign_size;

const struct option_foreign *option_foreign_find(struct span name);

/* Appends the form of the row's value, for manuals: "yes|no", "bytes", "host:port ...". */
void option_describe_form(const struct option *row, struct buffer *text);

/* Gives the option the value of `words`. RULES take one more rule. On false the value is as it was,
 * and `error` says what is accepted and what was found. */
bool option_assign(const struct option *row, struct options *options, const struct span *words,
                   size_t count, struct buffer *error);

/* The same from one text that holds all words, as CONFIG SET has it. */
bool option_assign_text(const struct option *row, struct options *options, struct span value,
                        struct buffer *error);

/* Appends the value in one line: as CONFIG GET shows it, or (`quoted`) as a file has it behind the
 * name. RULES are parted by "; ". */
void option_show(const struct option *row, const struct options *options, bool quoted,
                 struct buffer *text);
/* One rule, as a file has it behind the name. */
void option_show_rule(const struct option_rule *rule, struct buffer *text);

/* Frees what the value holds; it is then empty. */
void option_clear(const struct option *row, struct options *options);
/* Gives `to`, whose value is empty, a copy of the value in `from`. */
void option_copy(const struct option *row, struct options *to, const struct options *from);

/* Whether the values fit together. On false `*related` is a directive that does not, and `error`
 * says why. */
bool options_check(const struct options *options, const char **related, struct buffer *error);

/* Appends 'text' in quotes, cut to a readable length, control characters replaced. */
void option_quote(struct buffer *text, struct span quoted);

#endif
