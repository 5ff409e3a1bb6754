/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A longest common subsequence of two strings, in steps with a bound. Of the table L that the
 * textbook fills, L(i, j) being the length for the first i bytes of `a` and j of `b`, neighbours in
 * a row differ by 0 or 1. So a row is kept as bits, one a column, and made of the row before it in
 * words (Hyyro, "Bit-parallel LCS-length computation revisited", 2004): U = V & mask of the columns
 * that have a's byte, V' = (V + U) | (V - U); a bit that is 0 is where L grows.
 *
 * Those bits are all that the way back needs. At (i, j), where the bytes differ, L(i - 1, j) is
 * above L(i, j - 1) just where L grows at j in row i: then it goes up, and left otherwise. That is
 * the choice that Redis makes, and of the longest common subsequences its answer is this one.
 *
 * The strings are borrowed. Memory: lcs_memory.
 */
#ifndef DUNLIN_VALUE_LCS_H
#define DUNLIN_VALUE_LCS_H

#include "base/span.h"

struct lcs;

/* A run that both strings have, as long as it goes on. */
struct lcs_match {
    size_t a, b; /* where it begins */
    size_t size;
};

/* Bytes that lcs_create and the steps take at most; a tenth of what the textbook's table takes, and
 * never more than that. */
uint64_t lcs_memory(struct span a, struct span b, bool trace);

/* `trace`: lcs_next will be asked. NULL when out of memory. */
struct lcs *lcs_create(struct span a, struct span b, bool trace);
void lcs_destroy(struct lcs **lcs);

enum lcs_status {
    LCS_MORE, /* the work that was allowed is done: call again */
    LCS_OK,
    LCS_END,       /* of lcs_next: there are no more */
    LCS_NO_MEMORY, /* of lcs_fill */
};

/* Fills the table; `work` is about so many words that are computed or bytes that are looked at, and
 * is lowered by what was done. LCS_OK: the length is known. */
enum lcs_status lcs_fill(struct lcs *lcs, uint64_t *work);
size_t lcs_length(const struct lcs *lcs);

/* The next match, from the strings' ends to their beginnings; once the length is known. */
enum lcs_status lcs_next(struct lcs *lcs, uint64_t *work, struct lcs_match *match);

#endif
