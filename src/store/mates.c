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

/* Where the first is that is not newer than the dot: they are in the order of their dots, and most
 * that come are newer than all. */
static struct mates **place_of(struct partition *partition, struct dot dot)
{
    struct mates **link = &partition->mates;

    while (*link != NULL && dot_compare((*link)->dot, dot) > 0)
        link = &(*link)->next;
    return link;
}

/* From there on. */
static void forget(struct partition *partition, struct mates **link)
{
    while (*link != NULL) {
        struct mates *mates = *link;
        *link = mates->next;
        partition->mates_count--;
        store_charge(partition->store, -(int64_t)memory_of(mates->size));
        memory_free(mates);
    }
}

/* Several at once, so that not each that comes goes through all of them. */
static void drop_oldest(struct partition *partition)
{
    struct mates **link = &partition->mates;

    if (partition->mates_count < MATES_MAX + MATES_MORE)
        return;
    for (unsigned i = 0; i < MATES_MAX; i++)
        link = &(*link)->next;
    forget(partition, link);
}

static bool is_noted(struct partition *partition, struct dot dot)
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
    struct mates **link = place_of(partition, dot);
    *mates = (struct mates){.next = *link, .dot = dot, .size = size};
    *link = mates;
    partition->mates_count++;
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

struct mates *partition_mates(struct partition *partition, struct dot dot)
{
    struct mates *mates = *place_of(partition, dot);

    return RULE(24) && mates != NULL && dot_equal(mates->dot, dot) ? mates : NULL;
}

void partition_drop_mates(struct partition *partition, uint64_t stamp)
{
    forget(partition, place_of(partition, (struct dot){.stamp = stamp, .node = UINT16_MAX}));
}
