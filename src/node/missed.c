/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/missed.h"

#include "node/recover.h"

/* ---- what was dropped ---- */

void missed_drop(struct engine *engine, struct hints_target *target, uint32_t partition,
                 uint64_t stamp, const char *why)
{
    if (!target->logged)
        log_write(engine->own.log, LOG_WARNING,
                  "writes kept for node %u are dropped (%s): it will fetch those partitions anew",
                  target->number, why);
    target->logged = true;
    bitmap_set(target->dropped.partitions, partition);
    if (stamp < target->dropped.lowest)
        target->dropped.lowest = stamp;
    metrics_add(engine->metrics, METRIC_HINTS_DROPPED, 1);
}

static void merge_dropped(struct engine *engine, struct dropped *into, struct dropped *from)
{
    const size_t size = hints_bitmap_size(engine);

    for (size_t i = 0; i < size; i++)
        into->partitions[i] |= from->partitions[i];
    if (from->lowest < into->lowest)
        into->lowest = from->lowest;
    memset(from->partitions, 0, size);
    from->lowest = UINT64_MAX;
}

void missed_tell(struct engine *engine, struct hints_target *target)
{
    const size_t size = hints_bitmap_size(engine);
    struct buffer *out;

    if (target->dropped.lowest == UINT64_MAX || target->forgot_id != 0 ||
        engine->now.mono_us < target->forgot_us ||
        (out = peer_message(engine, target->number, size + 64)) == NULL)
        return;
    merge_dropped(engine, &target->told, &target->dropped);
    target->forgot_id = hints_new_id(target, HINTS_SLOT_FORGOT);
    const struct wire_forgot forgot = {.id = target->forgot_id,
                                       .ring_version = ring_draft_of(engine->view->ring).version,
                                       .partitions = span_of(target->told.partitions, size)};
    wire_put_forgot(out, &forgot);
}

/* The replica fetches from some of the others what it missed; what this node alone has, it may not
 * find. */
static void doubt(struct engine *engine, const struct dropped *told)
{
    const struct span partitions = span_of(told->partitions, hints_bitmap_size(engine));
    const struct ring *ring = engine->view->ring;

    for (uint32_t p = 0; ring != NULL && p < ring_partition_count(ring); p++)
        if (bitmap_has(partitions, p) &&
            ring_claim_index(ring_claim(ring, p), engine->view->self) >= 0)
            replica_doubt(&engine->replica, store_partition(engine->own.store, p));
    sync_hurry(engine->sync);
}

void missed_told(struct engine *engine, struct hints_target *target, bool done)
{
    target->forgot_id = 0;
    if (!done) {
        merge_dropped(engine, &target->dropped, &target->told);
        target->forgot_us = engine->now.mono_us + HINTS_PAUSE_US_MAX;
        return;
    }
    doubt(engine, &target->told);
    memset(target->told.partitions, 0, hints_bitmap_size(engine));
    target->told.lowest = UINT64_MAX;
    target->logged = target->dropped.lowest != UINT64_MAX;
}

/* ---- FLUSHALL ---- */

void missed_keep_flush(struct engine *engine, struct hints_target *target, struct dot dot,
                       uint64_t lowest, struct span partitions)
{
    struct missed_flush *flush = &target->flush;

    if (partitions.size != hints_bitmap_size(engine))
        return;
    /* A newer flush is of all that an older one was of; but other replicas may know the older one
     * alone, so that is owed until the newer one is answered. */
    if (!dot_exists(flush->dot) || lowest < flush->lowest)
        flush->lowest = lowest;
    if (dot_compare(dot, flush->dot) <= 0)
        return;
    memcpy(flush->partitions, partitions.data, partitions.size);
    flush->dot = dot;
    target->flush_id = 0;
    target->flush_us = 0;
}

void missed_send_flush(struct engine *engine, struct hints_target *target)
{
    const size_t size = hints_bitmap_size(engine);
    struct buffer *out;

    if (!dot_exists(target->flush.dot) || target->flush_id != 0 ||
        engine->now.mono_us < target->flush_us ||
        (out = peer_message(engine, target->number, size + 64)) == NULL)
        return;
    target->flush_id = hints_new_id(target, HINTS_SLOT_FLUSH);
    const struct wire_flush flush = {.id = target->flush_id,
                                     .ring_version = ring_draft_of(engine->view->ring).version,
                                     .dot = target->flush.dot,
                                     .partitions = span_of(target->flush.partitions, size),
                                     .late = 1};
    wire_put_flush(out, &flush);
}

void missed_flush_answered(struct engine *engine, struct hints_target *target, uint8_t status)
{
    target->flush_id = 0;
    if (status == ACK_OK)
        target->flush.dot = DOT_NONE;
    else
        target->flush_us = engine->now.mono_us + HINTS_PAUSE_US_MAX;
}
