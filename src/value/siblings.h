/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Siblings: the values of one key whose writes did not see each other, with the causal context that
 * says which writes are accounted for. A dotted version vector (Preguica, Baquero, Almeida, Fonte
 * and Goncalves, arXiv 1011.5808) in its compact form of one context for the whole set: a sibling
 * is a dot and a value; a dot that the context covers and that is no sibling was overwritten,
 * deleted, or its time was up.
 *
 *      0    2    4           4 + 10 e                4 + 10 e + 22 s
 *     +----+----+-----------+-----------------------+---------------------------+
 *     | e  | s  | e rows    | s rows                | s values, back to back    |
 *     |    |    | (context) |                       |                           |
 *     +----+----+-----------+-----------------------+---------------------------+
 *
 *     a context's row: causal/context.h; a sibling's, ascending by dot, every dot covered:
 *
 *      0        8      10          18     22
 *     +--------+------+-----------+------+
 *     | stamp  | node | deadline  | size |      deadline: wall clock ms, DEADLINE_NEVER
 *     +--------+------+-----------+------+
 *
 * No bytes at all stand for the set that knows nothing. One set has one encoding, so equal sets are
 * equal bytes; this is what a read's SAME means, since sets whose largest dots are equal may
 * differ.
 *
 * What the writers owe: a coordinator writes over a set that holds every dot that it issued for the
 * key before (it votes, so it has its own writes), and its new dot is above all of the old set and
 * of the client's context. A coordinator that forgot would cover, and so drop, what it forgot.
 *
 * All functions but siblings_valid want valid sets; bytes from a peer are checked as they enter.
 */
#ifndef DUNLIN_VALUE_SIBLINGS_H
#define DUNLIN_VALUE_SIBLINGS_H

#include "base/buffer.h"
#include "causal/context.h"
#include "value/version.h"

#define SIBLINGS_MAX 128

struct sibling {
    struct dot dot;
    int64_t deadline_ms;
    struct span value; /* points into the set */
};

enum siblings_status {
    SIBLINGS_OK,
    SIBLINGS_TOO_MANY,     /* there would be more than SIBLINGS_MAX */
    SIBLINGS_CONTEXT_FULL, /* the context would have more than CONTEXT_MAX entries */
    SIBLINGS_NO_MEMORY,
};

bool siblings_valid(struct span set);

/* The next six append the new set to `out`, which holds neither `a`, `b` nor `old`. On a failure
 * nothing was appended. */

/* Keeps a sibling unless the other side covers its dot and does not have it. Commutative,
 * associative, idempotent. */
enum siblings_status siblings_merge(struct span a, struct span b, struct buffer *out);
/* `own` with what `old` knows to be over, and none of the values that only `old` has: those may be
 * over themselves, and have been forgotten. A row of the context that covers such a value is left
 * out, so that this does not say of it that it is over. */
enum siblings_status siblings_merge_old(struct span own, struct span old, struct buffer *out);
/* Writes a value over just what `context` covers (the context that the client has from a read, or
 * siblings_context for a write over all). Siblings whose time is up are left out as well. */
enum siblings_status siblings_write(struct span old, const struct context *context, struct dot dot,
                                    int64_t deadline_ms, struct span value, int64_t now_ms,
                                    struct buffer *out);
/* The same, leaving no value. */
enum siblings_status siblings_erase(struct span old, const struct context *context, struct dot dot,
                                    int64_t now_ms, struct buffer *out);
/* The set with another dot, which is above all of it, for the write with dot `from`: its value gets
 * the new dot, if it is still there, and the context covers both. */
enum siblings_status siblings_restamp(struct span set, struct dot from, struct dot to,
                                      struct buffer *out);

/* The set without its values: their time is up. */
enum siblings_status siblings_empty(struct span set, struct buffer *out);
/* The set without its values at or below `dot`: a flush took them, and they are over. */
enum siblings_status siblings_after(struct span set, struct dot dot, struct buffer *out);
/* Whether it has one of those. */
bool siblings_any_before(struct span set, struct dot dot);

void siblings_context(struct span set, struct context *context);
static inline bool siblings_equal(struct span a, struct span b)
{
    return span_equal(a, b);
}
/* Of the context and the dots. Equal sets have equal digests; others practically never. */
uint64_t siblings_digest(struct span set);

/* The same of a version: 0 of what is no set. Versions with one dot and one such digest are equal;
 * a dot alone does not tell sets apart. Values are not looked at: each has its dot. */
static inline uint64_t siblings_digest_of(const struct version *version)
{
    return version_is_set(version) ? siblings_digest(version->value) : 0;
}

/* How many siblings it has. */
uint32_t siblings_count(struct span set);

/* The version that keeps this set: its dot is the largest that the context covers, its deadline the
 * last of the siblings'. A set without siblings makes a tombstone whose bytes are the set, so that
 * the context stays as long as the tombstone does. */
struct version siblings_version(struct span set);

/* The siblings in ascending order of dots, expired ones too. */
struct siblings_cursor {
    const uint8_t *row;
    const uint8_t *value;
    uint32_t left;
};
struct siblings_cursor siblings_begin(struct span set);
bool siblings_next(struct siblings_cursor *cursor, struct sibling *sibling);
/* What a plain GET answers: the sibling with the largest dot whose time is not up. */
bool siblings_newest(struct span set, int64_t now_ms, struct sibling *sibling);

#endif
