/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/changes.h"

#include "base/bytes.h"

void changes_deinit(struct changes *changes)
{
    buffer_deinit(&changes->records);
}

void changed_put(struct buffer *records, const struct changed *changed)
{
    uint8_t *at = buffer_reserve(records, CHANGED_HEAD + changed->key.size);

    if (at == NULL)
        return;
    bytes_put_u32(at, (uint32_t)changed->key.size);
    at[4] = (uint8_t)changed->kind;
    bytes_put_u64(at + 5, changed->dot.stamp);
    bytes_put_u16(at + 13, changed->dot.node);
    if (changed->key.size > 0)
        memcpy(at + CHANGED_HEAD, changed->key.data, changed->key.size);
    buffer_commit(records, CHANGED_HEAD + changed->key.size);
}

bool changed_next(struct span *records, struct changed *changed)
{
    if (records->size < CHANGED_HEAD)
        return false;
    const uint8_t *at = records->data;
    const uint32_t size = bytes_get_u32(at);
    if (size > records->size - CHANGED_HEAD || at[4] >= CHANGED_KINDS)
        return false;
    *changed = (struct changed){
        .kind = (enum changed_kind)at[4],
        .dot = {.stamp = bytes_get_u64(at + 5), .node = bytes_get_u16(at + 13)},
        .key = span_of(at + CHANGED_HEAD, size)};
    *records = span_of(at + CHANGED_HEAD + size, records->size - CHANGED_HEAD - size);
    return true;
}

/* What cannot be kept is lost, and with it what was. */
static void put(struct changes *changes, const struct changed *changed)
{
    struct buffer *records = &changes->records;

    if (changes->lost)
        return;
    if (buffer_size(records) + CHANGED_HEAD + changed->key.size <= CHANGES_BYTES_MAX)
        changed_put(records, changed);
    else
        records->failed = true;
    if (!records->failed)
        return;
    changes->lost = true;
    buffer_deinit(records);
}

void changes_note(struct changes *changes, enum changed_kind kind, struct dot dot, struct span key)
{
    const struct changed changed = {.kind = kind, .dot = dot, .key = key};
    const bool flush = kind == CHANGED_FLUSHED;

    latch_take(&changes->latch);
    if (!flush || !dot_equal(changes->flushed, dot)) /* one FLUSHALL is about many partitions */
        put(changes, &changed);
    changes->flushed = flush ? dot : DOT_NONE;
    atomic_store_explicit(&changes->waiting, true, memory_order_relaxed);
    latch_release(&changes->latch);
}

void changes_take(struct changes *changes, struct buffer *records)
{
    static const struct changed unknown = {.kind = CHANGED_UNKNOWN};

    latch_take(&changes->latch);
    if (changes->lost)
        changed_put(records, &unknown);
    else
        buffer_append_span(records, buffer_content(&changes->records));
    changes->lost = false;
    changes->flushed = DOT_NONE;
    buffer_reset(&changes->records, 16 * 1024);
    atomic_store_explicit(&changes->waiting, false, memory_order_relaxed);
    latch_release(&changes->latch);
}
