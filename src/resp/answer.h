/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A reader of replies, for the nodes that gather the replies of other nodes: it tells where one
 * complete reply ends, and reads integers. It takes no memory, knows RESP2 and RESP3, and looks at
 * no byte twice. Nesting costs nothing: what counts is only how many values are yet to come.
 */
#ifndef DUNLIN_RESP_ANSWER_H
#define DUNLIN_RESP_ANSWER_H

#include "base/span.h"

/* A header line longer than this is no reply of ours, bytes. Simple texts and errors count too. */
#define ANSWER_LINE_MAX (64 * 1024)
/* The largest size or count in a header, and the values that may be outstanding at a time over all
 * levels of nesting. No memory hangs on it; it keeps the sums far from an overflow. */
#define ANSWER_COUNT_MAX ((int64_t)1 << 40)

enum answer_progress {
    ANSWER_COMPLETE,
    ANSWER_MORE, /* not all has arrived: call again with the same bytes and more */
    ANSWER_INVALID,
};

struct answer {
    size_t size;      /* bytes of the reply understood so far; of all of it once complete */
    size_t scanned;   /* bytes searched for a line's end */
    uint64_t pending; /* values yet to come */
};

void answer_init(struct answer *answer);

/* `bytes` starts with the reply. answer_init again before the next one. */
enum answer_progress answer_read(struct answer *answer, struct span bytes);

/* Whether the reply, of which there is a beginning, is an error. */
static inline bool answer_is_error(struct span bytes)
{
    return bytes.size > 0 && bytes.data[0] == '-';
}

/* Whether the complete reply `bytes` is an integer (":5\r\n"), and which. */
bool answer_integer(struct span bytes, int64_t *value);

#endif
