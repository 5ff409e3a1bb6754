/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/mates.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/rule.h"

bool mates_next_key(struct span *rest, struct span *key)
{
    if (rest->size < 4)
        return false;
    *key = span_of(rest->data + 4, bytes_get_u32(rest->data));
    *rest = span_of(rest->data + 4 + key->size, rest->size - 4 - key->size);
    return true;
}

/* What went along with the batch, and is older, is not of it. */
static bool is_mate(const struct version *batch, const struct batch_item *item)
{
    return dot_compare(item->version.dot, batch->dot) >= 0;
}

/* How many items are the batch's, or newer, and the bytes that their names take here. */
static size_t own_items(const struct version *batch, size_t *bytes)
{
    struct span rest = batch->value;
    struct batch_item item;
    size_t count = 0;

    *bytes = 0;
    while (batch_next(&rest, &item))
        if (is_mate(batch, &item)) {
            *bytes += 4 + item.key.size;
            count++;
        }
    return count;
}

static size_t memory_of(size_t size)
{
    return memory_size_class(sizeof(struct mates) + size);
}

static void forget(struct partition *partition, struct mates **link)
{
    struct mates *mates = *link;

    *link = mates->next;
    store_charge(partition->store, -(int64_t)memory_of(mates->size));
    memory_free(mates);
}

/* Keeps the newest MATES_MAX - 1. */
static void drop_oldest(struct partition *partition)
{
    struct mates **link = &partition->mates;

    for (unsigned i = 1; *link != NULL && i < MATES_MAX; i++)
        link = &(*link)->next;
    while (*link != NULL)
        forget(partition, link);
}

void partition_note_batch(struct partition *partition, const struct version *batch)
{
    struct span rest = batch->value;
    struct batch_item item;
    size_t size;

    if (own_items(batch, &size) < 2 || size > MATES_BYTES_MAX ||
        batch->dot.stamp <= partition->settled || partition_mates(partition, batch->dot) != NULL)
        return;
    struct mates *mates = memory_try_alloc(sizeof *mates + size);
    if (mates == NULL)
        return;
    drop_oldest(partition);
    *mates = (struct mates){.next = partition->mates, .dot = batch->dot, .size = size};
    partition->mates = mates;
    for (uint8_t *at = mates->keys; batch_next(&rest, &item);) {
        if (!is_mate(batch, &item))
            continue;
        bytes_put_u32(at, (uint32_t)item.key.size);
        if (item.key.size > 0)
            memcpy(at + 4, item.key.data, item.key.size);
        at += 4 + item.key.size;
    }
    store_charge(partition->store, (int64_t)memory_of(size));
}

struct mates *partition_mates(const struct partition *partition, struct dot dot)
{
    struct mates *mates = partition->mates;

    if (!RULE(24))
        return NULL;
    while (mates != NULL && !dot_equal(mates->dot, dot))
        mates = mates->next;
    return mates;
}

void partition_drop_mates(struct partition *partition, uint64_t stamp)
{
    struct mates **link = &partition->mates;

    while (*link != NULL)
        if ((*link)->dot.stamp <= stamp)
            forget(partition, link);
        else
            link = &(*link)->next;
}
