/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Local health (Lifeguard, arXiv 1707.00788, section IV.A): a node that fails to hear from many
 * suspects itself. The score saturates at the option awareness_max; probe interval and probe
 * time-out are multiplied by score + 1.
 *
 *      a probe succeeded                         -1
 *      a probe failed, no relay was asked        +1
 *      a probe failed, relays were asked         +1 for each nack that did not come: a relay lives
 *                                                (or we would not have asked), so silence is ours
 *      a suspicion of ourselves was refuted      +1
 *      our own timer was late                    +1
 */
#ifndef DUNLIN_GOSSIP_AWARENESS_H
#define DUNLIN_GOSSIP_AWARENESS_H

#include <stdint.h>

/* As memberlist has it. */
#define AWARENESS_MAX 8

struct awareness {
    int score; /* 0 (healthy) to `max` */
    int max;   /* 0 to AWARENESS_MAX */
};

static inline void awareness_add(struct awareness *awareness, int delta)
{
    int score = awareness->score + delta;

    awareness->score = score < 0 ? 0 : score > awareness->max ? awareness->max : score;
}

static inline int64_t awareness_scale(const struct awareness *awareness, int64_t duration_us)
{
    return duration_us * (awareness->score + 1);
}

#endif
