/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/outbox.h"

#include "base/memory.h"

static struct outbox_block *first(const struct outbox *outbox)
{
    return list_entry(outbox->behind.next, struct outbox_block, link);
}

static struct outbox_block *last(const struct outbox *outbox)
{
    return list_entry(outbox->behind.previous, struct outbox_block, link);
}

void outbox_init(struct outbox *outbox)
{
    buffer_init(&outbox->head);
    list_init(&outbox->behind);
    outbox->between = 0;
}

void outbox_deinit(struct outbox *outbox)
{
    buffer_deinit(&outbox->head);
    while (!list_empty(&outbox->behind)) {
        struct outbox_block *block = first(outbox);
        list_remove(&block->link);
        buffer_deinit(&block->bytes);
        memory_free(block);
    }
    outbox->between = 0;
}

struct buffer *outbox_last_block(struct outbox *outbox)
{
    if (!list_empty(&outbox->behind)) {
        if (buffer_size(&last(outbox)->bytes) < OUTBOX_BLOCK)
            return &last(outbox)->bytes;
        outbox->between += buffer_size(&last(outbox)->bytes);
    }
    struct outbox_block *block = memory_alloc(sizeof *block);
    list_append(&outbox->behind, &block->link);
    return &block->bytes;
}

bool outbox_next(struct outbox *outbox)
{
    ensure(buffer_size(&outbox->head) == 0);
    if (list_empty(&outbox->behind))
        return false;
    struct outbox_block *block = first(outbox);
    list_remove(&block->link);
    if (!list_empty(&outbox->behind))
        outbox->between -= buffer_size(&block->bytes);
    buffer_deinit(&outbox->head);
    outbox->head = block->bytes;
    memory_free(block);
    return true;
}

size_t outbox_capacity(const struct outbox *outbox)
{
    size_t capacity = outbox->head.capacity;

    list_for_each(link, &outbox->behind)
        capacity += list_entry(link, struct outbox_block, link)->bytes.capacity;
    return capacity;
}
