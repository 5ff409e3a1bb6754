/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What control tells of the recovery of this node's partitions. The workers recover them
 * (recover.h); control says at first what is to be recovered, looks at the headers from time to
 * time, and tells the other nodes, the log and RING STATUS.
 *
 * The stamps of a node that restarted begin above its old ceiling (rule 18), which may be up to
 * CEILING_AHEAD_MS ahead of the clock. Others would follow those stamps or refuse them, and nodes
 * that restart one after another would drive all clocks on. So such a node neither coordinates nor
 * votes before its clock has passed the old ceiling, however long that takes where the clock was
 * set back meanwhile: nobody's ceiling needs to be further ahead of its clock than clocks may
 * differ.
 *
 * A node that was told of dropped hints forgot some partitions. While these are fewer than half of
 * those that it keeps, it goes on with the others: who asks about one that it forgot is told so.
 */
#include <inttypes.h>

#include "base/rule.h"
#include "node/control_parts.h"

/* How often the log has a line of a recovery that goes on. */
#define LOG_US 5000000

/* Where this node keeps the only copy there is nobody who remembers: what it has is what there is.
 */
static bool is_forgotten(const struct control *control, const struct ring_member *self,
                         uint32_t partition)
{
    const struct ring_claim *claim = ring_claim(control->ring, partition);

    return claim->count > 1 && ring_claim_index(claim, self->number) >= 0;
}

void recovery_begin(struct control *control)
{
    const struct ring_member *self = control->restored ? ring_member_by_identity(control->ring,
                                                                                 &control->identity)
                                                       : NULL;

    for (uint32_t p = 0; self != NULL && p < ring_partition_count(control->ring); p++) {
        struct partition *partition = store_partition(control->store, p);
        if (!is_forgotten(control, self, p))
            continue;
        partition_lock(partition);
        partition->recovering = true;
        partition->forgotten = control->bounds->ceiling_at_start;
        partition_unlock(partition);
        control->recovery.left++;
    }
    /* What this node owed is lost: until all is compared it tells nothing (rule 17). */
    if (control->recovery.left > 0)
        atomic_store_explicit(&control->bounds->ledger.uncompared, control->recovery.left,
                              memory_order_release);
    control->recovery.total = control->recovery.left;
    control->recovery.early = control->recovery.restarted = control->recovery.left > 0;
    control->recovery.began_us = control->recovery.log_us = control->now.mono_us;
    if (control->recovery.left > 0)
        log_write(control->log, LOG_NOTICE,
                  "recovery begins: %" PRIu32 " partitions, forgotten in the restart",
                  control->recovery.left);
}

static uint32_t count_recovering(const struct control *control, uint32_t *kept)
{
    uint32_t count = 0;

    *kept = 0;

    for (uint32_t p = 0; p < store_partitions(control->store); p++) {
        struct partition *partition = store_partition(control->store, p);
        partition_lock(partition);
        count += partition->recovering;
        *kept += partition->eligible || partition->recovering;
        partition_unlock(partition);
    }
    return count;
}

static uint64_t load(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static double seconds_since(const struct control *control, int64_t us)
{
    return (double)(control->now.mono_us - us) / 1e6;
}

static void begin_again(struct control *control, uint32_t left)
{
    struct control_recovery *recovery = &control->recovery;

    *recovery = (struct control_recovery){
        .total = left,
        .began_us = control->now.mono_us,
        .log_us = control->now.mono_us,
        .keys = load(&control->bounds->recovery.keys),
        .bytes = load(&control->bounds->recovery.bytes),
        .forced = load(&control->bounds->recovery.forced),
    };
    log_write(control->log, LOG_WARNING,
              "recovery begins: %" PRIu32 " partitions, of which others dropped what they owed",
              left);
}

static void end(struct control *control)
{
    struct control_recovery *recovery = &control->recovery;
    struct replica_recovery *workers = &control->bounds->recovery;

    recovery->ended_us = control->now.mono_us;
    recovery->keys = load(&workers->keys) - recovery->keys;
    recovery->bytes = load(&workers->bytes) - recovery->bytes;
    recovery->forced = load(&workers->forced) - recovery->forced;
    atomic_store_explicit(&workers->force, false, memory_order_relaxed);
    log_write(control->log, LOG_NOTICE,
              "recovered %" PRIu32 " partitions, %" PRIu64 " keys, %" PRIu64
              " bytes in %.1f s; this node votes again",
              recovery->total, recovery->keys, recovery->bytes,
              seconds_since(control, recovery->began_us));
    if (recovery->forced > 0)
        log_write(control->log, LOG_WARNING,
                  "%" PRIu64 " of these partitions were recovered from too few that vote: writes "
                  "that were acknowledged may be missing",
                  recovery->forced);
}

static int64_t early_ms(const struct control *control)
{
    const int64_t ahead_ms = hlc_ms(control->bounds->ceiling_at_start) - control->now.wall_ms;

    return RULE(18) && control->recovery.early && ahead_ms >= 0 ? ahead_ms + 1 : 0;
}

/* About how long it takes yet, by what it took so far; -1: that says nothing. */
static double left_s(const struct control *control)
{
    const struct control_recovery *recovery = &control->recovery;
    const uint32_t done = recovery->total - recovery->left;

    return done == 0 ? -1
                     : seconds_since(control, recovery->began_us) * recovery->left / (double)done;
}

static void write_progress(const struct control *control, struct buffer *text)
{
    const struct control_recovery *recovery = &control->recovery;
    const uint32_t done = recovery->total - recovery->left;

    buffer_append_format(text, "recovery: %" PRIu32 " of %" PRIu32 " partitions, %" PRIu32 " %%",
                         done, recovery->total, (uint32_t)((uint64_t)done * 100 / recovery->total));
    if (recovery->left == 0)
        buffer_append_format(text, ", votes in %.1f s: its clock has to pass its last ceiling",
                             (double)early_ms(control) / 1e3);
    else if (left_s(control) >= 0)
        buffer_append_format(text, ", about %.0f s left", left_s(control));
    else if (control->options->recovery_wait == OPTION_NEVER)
        buffer_append_string(text, ", waiting for other replicas, or for RING RECOVER FORCE");
    else
        buffer_append_string(text, ", waiting for other replicas");
}

static void log_progress(struct control *control)
{
    struct buffer text = {0};

    control->recovery.log_us = control->now.mono_us;
    write_progress(control, &text);
    log_write(control->log, LOG_NOTICE, "%.*s", (int)buffer_size(&text),
              (const char *)buffer_content(&text).data);
    buffer_deinit(&text);
}

void recovery_look(struct control *control)
{
    struct control_recovery *recovery = &control->recovery;
    const bool before = recovery_goes_on(control);
    const bool silent_before = recovery_silences(control);
    uint32_t kept;
    const uint32_t left = count_recovering(control, &kept);

    if (!before && left > 0)
        begin_again(control, left);
    recovery->left = left;
    if (left > recovery->total)
        recovery->total = left;
    recovery->early = early_ms(control) > 0;
    recovery->most = left > kept / 2;
    const bool goes_on = recovery_goes_on(control);
    if (before && !goes_on)
        end(control);
    else if (goes_on && control->now.mono_us - recovery->log_us >= LOG_US)
        log_progress(control);
    if (before != goes_on || silent_before != recovery_silences(control)) {
        ring_tell_gossip(control);
        control->view_due = true;
    }
}

bool recovery_goes_on(const struct control *control)
{
    return control->recovery.left > 0 || control->recovery.early;
}

bool recovery_silences(const struct control *control)
{
    const struct control_recovery *recovery = &control->recovery;

    return recovery_goes_on(control) && (recovery->restarted || recovery->most);
}

void recovery_force(struct control *control)
{
    atomic_store_explicit(&control->bounds->recovery.force, true, memory_order_relaxed);
    log_write(control->log, LOG_WARNING,
              "RING RECOVER FORCE: partitions are recovered from whoever answers");
}

void recovery_status(const struct control *control, struct buffer *text)
{
    const struct control_recovery *recovery = &control->recovery;
    const uint32_t uncompared = atomic_load_explicit(&control->bounds->ledger.uncompared,
                                                     memory_order_relaxed);

    if (recovery_goes_on(control)) {
        write_progress(control, text);
        buffer_append_string(text, "\n");
    } else if (recovery->total > 0) {
        buffer_append_format(text,
                             "recovery: done (%" PRIu32 " partitions, %" PRIu64 " keys, %" PRIu64
                             " bytes in %.1f s%s)\n",
                             recovery->total, recovery->keys, recovery->bytes,
                             (double)(recovery->ended_us - recovery->began_us) / 1e6,
                             recovery->forced > 0 ? "; forced: acknowledged writes may be missing"
                                                  : "");
    }
    if (uncompared > 0)
        buffer_append_format(text, "comparing: %" PRIu32 " partitions left\n", uncompared);
}
