/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A causal context: a version vector over the nodes that coordinated a key, at most one entry a
 * node. The entry (node, stamp) covers every dot of that node up to the stamp: a coordinator stamps
 * above all that it knows and sends all that it knows, so who has one of its dots has had the
 * earlier ones.
 *
 * A context is never cut: an entry that is left out would bring overwritten values back. What does
 * not fit is a status, and the context stays as it was.
 *
 * As bytes, a row an entry, ascending by node:
 *
 *      0      2                10
 *     +------+----------------+----
 *     | node | stamp          | ...
 *     +------+----------------+----
 *
 * As text, for clients that must only hand it back: base64url (RFC 4648, section 5, no padding) of
 *
 *      0     1           1 + 10 n      5 + 10 n
 *     +-----+-----------+-------------+
 *     |  1  |  n rows   | check (u32) |      check: XXH3 of all before it, the low 32 bits
 *     +-----+-----------+-------------+
 *
 * The check finds a context that was cut or mistyped. It is no signature: a client can make one up,
 * so whoever takes one looks at context_newest with hlc_too_far before merging it.
 */
#ifndef DUNLIN_CAUSAL_CONTEXT_H
#define DUNLIN_CAUSAL_CONTEXT_H

#include "base/buffer.h"
#include "causal/dot.h"

#define CONTEXT_MAX      64
#define CONTEXT_ROW_SIZE 10

struct context {
    uint32_t count;                  /* 0 to begin with */
    struct dot entries[CONTEXT_MAX]; /* ascending by node, every stamp and node over 0 */
};

bool context_covers(const struct context *context, struct dot dot);

/* Covers `dot` from now on. False, and nothing changed, when there is no room for its node. */
bool context_add(struct context *context, struct dot dot);
/* Covers all that `other` covers. False, and nothing changed, when there is no room. */
bool context_merge(struct context *context, const struct context *other);

/* The largest dot that it covers; DOT_NONE when it is empty. */
struct dot context_newest(const struct context *context);

/* Writes context->count rows to `rows`. */
void context_encode(const struct context *context, uint8_t *rows);
/* False, and *context undefined, when `rows` is not what context_encode writes. */
bool context_decode(struct span rows, struct context *context);

void context_to_text(const struct context *context, struct buffer *text);
/* False, and *context undefined, for anything but what context_to_text writes. */
bool context_from_text(struct span text, struct context *context);

#endif
