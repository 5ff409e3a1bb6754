/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A dot names one write event: (stamp, node). The stamp is a hybrid logical clock reading
 * (causal/hlc.h), the node the number that the ring gave to the coordinator. Dots are compared by
 * (stamp, node). The dot whose stamp is 0 stands for "none" and is below every other.
 */
#ifndef DUNLIN_CAUSAL_DOT_H
#define DUNLIN_CAUSAL_DOT_H

#include <stdbool.h>
#include <stdint.h>

/* A node's number in its ring: 1..65535, never given to another node in the same ring. */
typedef uint16_t node_number;

struct dot {
    uint64_t stamp;
    node_number node;
};

#define DOT_NONE ((struct dot){0})

static inline bool dot_exists(struct dot dot)
{
    return dot.stamp != 0;
}

/* Below 0, 0 or above 0, as a is below, equal to or above b. */
static inline int dot_compare(struct dot a, struct dot b)
{
    if (a.stamp != b.stamp)
        return a.stamp < b.stamp ? -1 : 1;
    return (a.node > b.node) - (a.node < b.node);
}

static inline bool dot_equal(struct dot a, struct dot b)
{
    return a.stamp == b.stamp && a.node == b.node;
}

static inline struct dot dot_max(struct dot a, struct dot b)
{
    return dot_compare(a, b) < 0 ? b : a;
}

struct buffer;

/* "1763760000123.4@2", milliseconds, sequence (causal/hlc.h) and node; "none". */
void dot_to_text(struct dot dot, struct buffer *text);
/* "1763760000123.4"; "none" for 0. */
void stamp_to_text(uint64_t stamp, struct buffer *text);

#endif
