/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How many commands of a worker's clients may wait at once before no other is begun.
 *
 * Clients with deep pipelines send thousands of commands before a replica has seen the first,
 * above all where it has the same processor. Each request is touched again with every answer, and
 * of so many none is in the caches by then. So once `size` of them wait the clients rest until
 * answers have made room: replicas that are near send some at once, and nobody is slower for it.
 * Replicas that are far away do not, and there more has to be under way to keep everyone busy
 * (Little's law): a rest of WINDOW_REST_US without room makes the window WINDOW_GROWTH times as
 * large. As others may be near again, it is halved every WINDOW_SHRINK_US. A congestion window
 * does the opposite (Jacobson, SIGCOMM 1988): it shrinks where answers take long, to spare the
 * network; this one spares the caches, and is of no use where the network takes longer.
 */
#ifndef DUNLIN_NODE_WINDOW_H
#define DUNLIN_NODE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests, of some 2 KB: what a second-level cache holds beside all else. */
#define WINDOW_LEAST     256
#define WINDOW_REST_US   2000
#define WINDOW_SHRINK_US 1000000
#define WINDOW_GROWTH    4

struct window {
    size_t taken; /* requests that wait, or did and are not over: request.c counts them */
    size_t size;
    size_t least;      /* that it shrinks to, 1 or more */
    int64_t full_us;   /* mono: since when it is full; INT64_MAX: it is not */
    int64_t shrink_us; /* mono: when it is halved next */
};

void window_init(struct window *window);
/* Whether no command is to be begun. To be asked every turn, since a rest begins when it is. */
bool window_is_full(struct window *window, int64_t now_us);
/* Whether it was full when it was last asked. */
static inline bool window_rests(const struct window *window)
{
    return window->full_us != INT64_MAX;
}
/* Until when, at the latest: a monotonic reading. It is full. */
static inline int64_t window_rests_until(const struct window *window)
{
    return window->full_us + WINDOW_REST_US;
}

#endif
