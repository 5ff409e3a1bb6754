/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A complete reply of RESP2 or RESP3 as a tree, for tests that compare replies. Unlike a client
 * library it keeps every difference that is on the wire: a simple string is no bulk string.
 *
 * As text:
 *
 *   +OK   -ERR text   :5   ,1.5   #t   (12345   as on the wire, without the line's end
 *   "bulk"            bytes that do not print are \xHH
 *   nil   nil*   _    the null bulk string, the null array, RESP3's null
 *   *(a, b)           and so %( ) for maps, ~( ) for sets, >( ) for pushes
 */
#ifndef DUNLIN_TESTS_LIB_TREE_H
#define DUNLIN_TESTS_LIB_TREE_H

#include "base/buffer.h"
#include "base/span.h"

struct tree {
    char type;        /* the first byte on the wire */
    bool null;        /* of '$' and '*' */
    struct span text; /* in the bytes that were read; empty of what has members */
    size_t count;     /* members; of a map, keys and values */
    struct tree *members;
};

/* Reads one reply, which must be complete and well formed: fails the case otherwise. Returns how
 * many bytes it was. tree_deinit frees the members; the bytes must stay until then. */
size_t tree_init(struct tree *tree, struct span bytes);
void tree_deinit(struct tree *tree);

bool tree_is_error(const struct tree *tree);
bool tree_is_null(const struct tree *tree);

/* Appends the reply as text, ended by a zero that is not part of the content. Of a longer bulk
 * string than `bytes_max`, the beginning and its size. */
void tree_print(const struct tree *tree, size_t bytes_max, struct buffer *text);
/* Appends an argument or a bulk string in quotes. */
void tree_print_bytes(struct span bytes, size_t bytes_max, struct buffer *text);

enum tree_likeness {
    TREE_SAME,      /* byte for byte; of a map and a set, in any order */
    TREE_UNORDERED, /* of an array too */
    TREE_NEAR,      /* integers, or bulk strings of them, may differ by the tolerance */
    TREE_SHAPE,     /* the same types at the top; errors and nulls are the same */
    TREE_FORM, /* integers, and digits and identities of nodes in bulk strings, may be others */
};

bool tree_alike(const struct tree *a, const struct tree *b, enum tree_likeness likeness,
                int64_t tolerance);

#endif
