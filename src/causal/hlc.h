/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks",
 * 2014, figure 5), folded into one number so that stamps compare as integers:
 *
 *      63                                          16 15              0
 *     +----------------------------------------------+-----------------+
 *     | milliseconds since 1970 (48 bits, to 10889)  | sequence        |
 *     +----------------------------------------------+-----------------+
 *
 * A sequence that overflows carries into the milliseconds: the clock then runs ahead of the wall by
 * one, and never stands still. A clock belongs to one worker; the stamps of two workers of a node
 * are told apart by the partition's last stamp, which is part of the floor (design: Versions).
 */
#ifndef DUNLIN_CAUSAL_HLC_H
#define DUNLIN_CAUSAL_HLC_H

#include <stdbool.h>
#include <stdint.h>

#define HLC_SEQUENCE_BITS 16
#define HLC_MS_MAX        ((INT64_C(1) << (64 - HLC_SEQUENCE_BITS)) - 1)

struct hlc {
    uint64_t last; /* the highest stamp issued or observed; 0 at the start */
};

/* The first stamp of a millisecond. A time outside the range counts as its nearest end. */
static inline uint64_t hlc_stamp(int64_t wall_ms)
{
    if (wall_ms < 0)
        wall_ms = 0;
    if (wall_ms > HLC_MS_MAX)
        wall_ms = HLC_MS_MAX;
    return (uint64_t)wall_ms << HLC_SEQUENCE_BITS;
}

static inline int64_t hlc_ms(uint64_t stamp)
{
    return (int64_t)(stamp >> HLC_SEQUENCE_BITS);
}

/* A new stamp: above `floor` and all that the clock issued or observed, and not below the wall. The
 * caller keeps stamps that are too far ahead (hlc_too_far) out of the clock and out of `floor`. */
uint64_t hlc_tick(struct hlc *clock, int64_t wall_ms, uint64_t floor);

/* Follows a stamp that came from elsewhere, so that the next tick is above it. */
static inline void hlc_observe(struct hlc *clock, uint64_t remote)
{
    if (remote > clock->last)
        clock->last = remote;
}

/* Whether `stamp` is more than max_ahead_ms ahead of the wall. Such a stamp is refused before
 * anything merges it: one bad clock would otherwise drag all others along, for good. */
static inline bool hlc_too_far(uint64_t stamp, int64_t wall_ms, int64_t max_ahead_ms)
{
    int64_t limit_ms;

    if (__builtin_add_overflow(wall_ms, max_ahead_ms, &limit_ms))
        return max_ahead_ms < 0;
    return hlc_ms(stamp) > limit_ms;
}

#endif
