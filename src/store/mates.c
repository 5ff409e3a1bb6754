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
static bool is_mate(struct dot dot, const struct batch_item *item)
{
    return dot_compare(item->version.dot, dot) >= 0;
}

/* How many items are the batch's, or newer, and the bytes that their names take here. */
static size_t own_items(struct span items, struct dot dot, size_t *bytes)
{
    struct batch_item item;
    size_t count = 0;

    *bytes = 0;
    while (batch_next(&items, &item))
        if (is_mate(dot, &item)) {
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

static bool is_noted(const struct partition *partition, struct dot dot)
{
    return dot.stamp <= partition->settled || partition_mates(partition, dot) != NULL;
}

static void note(struct partition *partition, struct span items, struct dot dot)
{
    struct batch_item item;
    size_t size;

    if (own_items(items, dot, &size) < 2 || size > MATES_BYTES_MAX)
        return;
    struct mates *mates = memory_try_alloc(sizeof *mates + size);
    if (mates == NULL)
        return;
    drop_oldest(partition);
    *mates = (struct mates){.next = partition->mates, .dot = dot, .size = size};
    partition->mates = mates;
    for (uint8_t *at = mates->keys; batch_next(&items, &item);) {
        if (!is_mate(dot, &item))
            continue;
        bytes_put_u32(at, (uint32_t)item.key.size);
        if (item.key.size > 0)
            memcpy(at + 4, item.key.data, item.key.size);
        at += 4 + item.key.size;
    }
    store_charge(partition->store, (int64_t)memory_of(size));
}

void partition_note_batch(struct partition *partition, const struct version *batch)
{
    struct span rest = batch->value;
    struct batch_item item;

    if (!is_noted(partition, batch->dot))
        note(partition, batch->value, batch->dot);
    for (unsigned others = 0; others < MATES_OTHERS_MAX && batch_next(&rest, &item);)
        if (!dot_equal(item.version.dot, batch->dot) && !is_noted(partition, item.version.dot)) {
            note(partition, batch->value, item.version.dot);
            others++;
        }
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
