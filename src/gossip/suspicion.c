/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/suspicion.h"

#include "base/assert.h"

#define LOG2_ONE UINT64_C(65536)
#define LOG2_TEN UINT64_C(217705) /* log2(10) * 65536 */

/* The integer part is the highest bit; each squaring of the rest yields one more binary digit. */
uint64_t log2_fixed(uint64_t x)
{
    ensure(x > 0);
    unsigned top = 63 - (unsigned)__builtin_clzll(x);
    uint64_t mantissa = top >= 31 ? x >> (top - 31) : x << (31 - top); /* [1, 2) * 2^31 */
    uint64_t result = (uint64_t)top << 16;

    for (unsigned bit = 16; bit-- > 0;) {
        mantissa = mantissa * mantissa >> 31;
        if (mantissa >> 32) {
            mantissa >>= 1;
            result |= UINT64_C(1) << bit;
        }
    }
    return result;
}

int64_t suspicion_min_us(unsigned multiplier_percent, size_t nodes, int64_t probe_interval_us)
{
    int64_t base_us = probe_interval_us * multiplier_percent / 100;

    if (nodes <= 10)
        return base_us;
    return (int64_t)((uint64_t)base_us * log2_fixed(nodes) / LOG2_TEN);
}

/* Neither the suspect nor the first accuser confirms. */
unsigned suspicion_wanted(size_t nodes)
{
    size_t others = nodes > 2 ? nodes - 2 : 0;

    return others < ACCUSERS_MAX - 1 ? (unsigned)others : ACCUSERS_MAX - 1;
}

int64_t suspicion_timeout_us(int64_t min_us, int64_t max_us, unsigned confirmations,
                             unsigned wanted)
{
    uint64_t fall;

    if (confirmations >= wanted)
        return min_us;
    fall = (uint64_t)(max_us - min_us) * log2_fixed(confirmations + 1) / log2_fixed(wanted + 1);
    return max_us - (int64_t)fall;
}

static bool accused_by(const struct accusers *accusers, struct identity who)
{
    for (size_t i = 0; i < accusers->count; i++) {
        if (identity_equal(&accusers->list[i], &who))
            return true;
    }
    return false;
}

bool suspicion_confirm(struct suspicion *suspicion, const struct accusers *more)
{
    struct accusers *accusers = &suspicion->accusers;
    bool added = false;

    for (size_t i = 0; i < more->count; i++) {
        if (accusers->count == ACCUSERS_MAX || accused_by(accusers, more->list[i]))
            continue;
        accusers->list[accusers->count++] = more->list[i];
        added = true;
    }
    return added;
}

int64_t suspicion_deadline_us(const struct suspicion *suspicion)
{
    unsigned confirmations = suspicion->accusers.count > 0 ? (unsigned)suspicion->accusers.count - 1
                                                           : 0;

    return suspicion->start_us + suspicion_timeout_us(suspicion->min_us, suspicion->max_us,
                                                      confirmations, suspicion->wanted);
}

unsigned transmit_limit(unsigned multiplier, size_t nodes)
{
    uint64_t log2 = log2_fixed(nodes + 1);

    return multiplier * (unsigned)((log2 + LOG2_ONE - 1) / LOG2_ONE);
}
