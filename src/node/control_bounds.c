/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What bounds this node's stamps (design: Versions).
 *
 * The ceiling is kept CEILING_AHEAD_MS above the clock and above every stamp that this node knows,
 * and raised when less than half of that is left; on disk first, then in struct replica_bounds.
 *
 *      stamps known, clock         ceiling on disk
 *      ------------|-------------------|-------->  time
 *                  |<- AHEAD/2..AHEAD ->|
 *
 * The clock is compared with the median of all clocks of the cluster, this node's own included,
 * so that of three nodes with one wrong clock each finds the same one wrong. Of an even number the
 * middle one that is nearer to this node's counts: two nodes that differ cannot know which is
 * wrong, and both go on. A peer's clock is read from its datagrams, late by the way of one packet.
 * Out of line is a node further from the median than max-clock-skew-ms; it is back when it is
 * nearer than three quarters of that, so that a clock at the limit does not flap.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "node/control_parts.h"

/* Readings older than this do not count, us: the peer is not heard any more. */
#define READING_AGE_MAX_US 30000000

/* ---- the ceiling ---- */

void bounds_follow_options(struct control *control)
{
    atomic_store_explicit(&control->bounds->ahead_max_ms,
                          control->options->max_clock_skew_ms + CEILING_AHEAD_MS,
                          memory_order_relaxed);
}

void bounds_begin(struct control *control, uint64_t ceiling)
{
    control->bounds->ceiling_at_start = ceiling;
    control->stamp_known = ceiling;
    atomic_store_explicit(&control->bounds->ceiling, ceiling, memory_order_release);
    bounds_follow_options(control);
}

static uint64_t highest_stamp(struct control *control)
{
    /* A clock that is out of line would drive the ceiling to where, after a restart, all others
     * refuse this node's stamps: there the median counts. */
    const int64_t wrong_ms = control->out_of_line ? control->clock_offset_ms : 0;
    uint64_t highest = hlc_stamp(control->now.wall_ms - wrong_ms);

    if (control->stamp_known > highest)
        highest = control->stamp_known;
    const uint64_t refused = atomic_load_explicit(&control->bounds->wanted, memory_order_relaxed);
    if (refused > highest)
        highest = refused;
    for (uint32_t p = 0; p < store_partitions(control->store); p++) {
        struct partition *partition = store_partition(control->store, p);
        partition_lock(partition);
        if (partition->last_stamp > highest)
            highest = partition->last_stamp;
        partition_unlock(partition);
    }
    return highest;
}

void bounds_raise_ceiling(struct control *control)
{
    const uint64_t ceiling = atomic_load_explicit(&control->bounds->ceiling, memory_order_relaxed);
    const uint64_t highest = highest_stamp(control);
    const uint64_t wanted = hlc_stamp(hlc_ms(highest) + CEILING_AHEAD_MS);

    control->stamp_known = highest;
    if (hlc_ms(ceiling) - hlc_ms(highest) >= CEILING_AHEAD_MS / 2 || wanted <= ceiling)
        return;
    const bool failed = atomic_load_explicit(&control->bounds->ceiling_failed,
                                             memory_order_relaxed);
    if (control->calls->persist_ceiling(control->host, wanted)) {
        atomic_store_explicit(&control->bounds->ceiling, wanted, memory_order_release);
        if (failed)
            log_write(control->log, LOG_NOTICE, "the ceiling is kept on disk again");
        atomic_store_explicit(&control->bounds->ceiling_failed, false, memory_order_relaxed);
        return;
    }
    if (!failed)
        log_write(control->log, LOG_WARNING,
                  "the ceiling cannot be kept on disk: this node takes no writes once the clock "
                  "has passed the one that is there");
    atomic_store_explicit(&control->bounds->ceiling_failed, true, memory_order_relaxed);
}

/* ---- the clock ---- */

static int compare_offsets(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* How far the peers' clocks are ahead of ours, and a 0 for our own; returns how many. */
static size_t gather_offsets(const struct control *control, int64_t *offsets)
{
    const size_t members = gossip_member_count(control->gossip);
    size_t count = 0;

    offsets[count++] = 0;
    for (size_t i = 0; i < members; i++) {
        const struct member *member = gossip_member(control->gossip, i);
        const struct clock_reading *reading = &member->clock;
        const int64_t age_us = control->now.mono_us - reading->received.mono_us;

        if (reading->received.mono_us == 0 || age_us > READING_AGE_MAX_US ||
            !member_lives(member) || reading->peer_wall_ms < 0 ||
            reading->peer_wall_ms > HLC_MS_MAX)
            continue;
        /* By the monotonic clock: ours may have been set since the reading. */
        offsets[count++] = reading->peer_wall_ms + age_us / 1000 - control->now.wall_ms;
    }
    return count;
}

static int64_t median(int64_t *offsets, size_t count)
{
    qsort(offsets, count, sizeof offsets[0], compare_offsets);
    const int64_t upper = offsets[count / 2];
    const int64_t lower = offsets[(count - 1) / 2];

    return llabs(lower) < llabs(upper) ? lower : upper;
}

/* By what all clocks say, for dates that go to other nodes: ours may be out of line, and may be set
 * before it is compared again. */
static void publish_date(struct control *control)
{
    const int64_t wrong_ms = control->out_of_line ? control->clock_offset_ms : 0;
    const int64_t offset_ms = control->now.wall_ms - wrong_ms - control->now.mono_us / 1000;

    atomic_store_explicit(&control->bounds->date_offset_ms, control->clock_known ? offset_ms : 0,
                          memory_order_relaxed);
}

bool bounds_check_clock(struct control *control)
{
    const int64_t limit_ms = control->options->max_clock_skew_ms;
    int64_t *offsets = memory_alloc_array(gossip_member_count(control->gossip) + 1,
                                          sizeof *offsets);
    const size_t count = gather_offsets(control, offsets);
    const bool before = control->out_of_line;

    control->clock_known = count > 1;
    control->clock_offset_ms = -median(offsets, count);
    memory_free(offsets);
    const int64_t distance_ms = llabs(control->clock_offset_ms);
    if (distance_ms > limit_ms)
        control->out_of_line = true;
    else if (distance_ms <= limit_ms - limit_ms / 4)
        control->out_of_line = false;
    publish_date(control);
    if (control->out_of_line == before)
        return false;
    if (control->out_of_line)
        log_write(control->log, LOG_WARNING,
                  "this node's clock is %+" PRId64 " ms off the median of its peers, more than "
                  "max-clock-skew-ms (%" PRId64 "): it neither coordinates nor votes",
                  control->clock_offset_ms, limit_ms);
    else
        log_write(control->log, LOG_NOTICE, "this node's clock is in line again (%+" PRId64 " ms)",
                  control->clock_offset_ms);
    return true;
}
