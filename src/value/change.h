/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A change: what an update wants done to a key, decided under the partition's lock.
 */
#ifndef DUNLIN_VALUE_CHANGE_H
#define DUNLIN_VALUE_CHANGE_H

#include "base/buffer.h"
#include "value/version.h"

enum change_action {
    CHANGE_NOTHING, /* the version stays as it is; the reply is sent */
    CHANGE_PUT,     /* a string: change_value, with `deadline_ms` */
    CHANGE_DELETE,  /* a tombstone */
    CHANGE_ADD,     /* the number grows by `amount`, and so becomes what change_value says */
};

#define CHANGE_PIECES_MAX 3

struct change {
    enum change_action action;
    int64_t deadline_ms; /* wall clock; DEADLINE_NEVER */
    /* Borrowed; may point into the old version. One without data is that many zero bytes. */
    struct span pieces[CHANGE_PIECES_MAX];
    size_t piece_count;
    int64_t amount; /* CHANGE_ADD */
    /* Of siblings: what the change is written over. */
    bool blind;          /* over just what `context` covers, and not over all that is there */
    struct span context; /* as context_to_text wrote it; empty: nothing is covered */
};

/* Appends what a CHANGE_PUT makes of its pieces, one after the other. */
void change_value(const struct change *change, struct buffer *value);

#endif
