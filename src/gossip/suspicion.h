/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long a suspect has to refute (Lifeguard, arXiv 1707.00788, section IV.B). One accuser alone
 * may be the sick one, so the time-out starts long and falls as others confirm:
 *
 *      timeout = max - (max - min) * log(confirmations + 1) / log(wanted + 1),   at least min
 *
 * with `wanted` independent confirmations to reach min. Where nobody else could confirm, it is min.
 *
 *      min = suspicion-multiplier * max(1, log10(n)) * probe interval
 *      max = suspicion-max-multiplier * min
 */
#ifndef DUNLIN_GOSSIP_SUSPICION_H
#define DUNLIN_GOSSIP_SUSPICION_H

#include "gossip/message.h"

/* log2(x) * 65536, rounded down; x over 0. Integers, so that every machine agrees. */
uint64_t log2_fixed(uint64_t x);

/* `nodes` counts the living, ourselves too. */
int64_t suspicion_min_us(unsigned multiplier_percent, size_t nodes, int64_t probe_interval_us);

/* Confirmations that bring the time-out down to its minimum, in a cluster of `nodes`. */
unsigned suspicion_wanted(size_t nodes);

int64_t suspicion_timeout_us(int64_t min_us, int64_t max_us, unsigned confirmations,
                             unsigned wanted);

struct suspicion {
    int64_t start_us;
    int64_t min_us;
    int64_t max_us;
    unsigned wanted;
    struct accusers accusers;
};

/* Adds those of `more` that are new; true when there was one and it counts. */
bool suspicion_confirm(struct suspicion *suspicion, const struct accusers *more);
int64_t suspicion_deadline_us(const struct suspicion *suspicion);

/* A retransmit limit: how often a node sends one news item (SWIM, section 4.1). */
unsigned transmit_limit(unsigned multiplier, size_t nodes);

#endif
