/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What became of the keys of an import, counted, and named where it was not carried.
 */
#ifndef DUNLIN_MAIN_ADMIN_TALLY_H
#define DUNLIN_MAIN_ADMIN_TALLY_H

#include "base/buffer.h"

/* Other types than these are counted together, as the last one. */
#define ADMIN_TYPES_MAX 16
/* Keys that a summary names of each, and the bytes that it shows of one. */
#define ADMIN_NAMES_MAX 3
#define ADMIN_NAME_SIZE 64
#define ADMIN_TYPE_SIZE 32

/* ADMIN_COUNT(field): what a state file keeps */
#define ADMIN_COUNTS(ADMIN_COUNT) \
    ADMIN_COUNT(looked_at)        \
    ADMIN_COUNT(carried)          \
    ADMIN_COUNT(there)            \
    ADMIN_COUNT(vanished)         \
    ADMIN_COUNT(failed)

struct admin_names {
    uint64_t count;
    size_t known;
    char names[ADMIN_NAMES_MAX][ADMIN_NAME_SIZE];
};

struct admin_type {
    char name[ADMIN_TYPE_SIZE];
    struct admin_names keys;
};

struct admin_tally {
#define FIELD(field) uint64_t field;
    ADMIN_COUNTS(FIELD)
#undef FIELD
    uint64_t compared, same, missing, differs, other_date, not_compared;
    struct admin_type types[ADMIN_TYPES_MAX]; /* what is not carried */
    size_t type_count;
    struct admin_names failures, differences; /* first few, with the reason */
};

/* One more key of a type that is not carried. */
void admin_tally_type(struct admin_tally *tally, struct span type, struct span key);
/* The same, so many at once and unnamed; for a state file. */
bool admin_tally_types(struct admin_tally *tally, struct span type, uint64_t count);
/* Remembers the key, quoted and cut to a readable length, with the reason where there is one. */
void admin_names_add(struct admin_names *names, struct span key, const char *reason);

uint64_t admin_tally_not_carried(const struct admin_tally *tally);
/* Whether all that was looked at is in Dunlin, as far as is known. */
bool admin_tally_complete(const struct admin_tally *tally);

/* The summary, for people and as members of a JSON object; `dry`: nothing was written, `verified`:
 * with the comparison. */
void admin_tally_print(const struct admin_tally *tally, bool dry, bool verified,
                       struct buffer *text);
void admin_tally_print_json(const struct admin_tally *tally, bool verified, struct buffer *text);

/* A number with commas: 1,234,567. */
void admin_append_number(struct buffer *text, uint64_t number);
/* "text" in quotes, as JSON has it; what is no UTF-8 there becomes \u00XX, byte by byte. */
void admin_append_json(struct buffer *text, struct span string);

#endif
