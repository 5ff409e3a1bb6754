/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A binary heap whose nodes live in its members: the one with the lowest key is on top, and any can
 * be taken out. The heap owns its items, the members belong to whoever put them in. The items lie
 * in pages, so that no push copies more than the list of these: a million hints are 16 MB of items,
 * and to move them takes milliseconds. An item has its member's key beside it: members lie
 * anywhere, and to look at two of them on each level is most of what a removal costs. A zeroed heap
 * is an empty one.
 */
#ifndef DUNLIN_BASE_HEAP_H
#define DUNLIN_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key; /* does not change while the node is in a heap */
    size_t place; /* 1 is the top; 0: it is in no heap */
};

struct heap_item {
    uint64_t key; /* the node's */
    struct heap_node *node;
};

/* Items in a page. */
#define HEAP_PAGE 1024

struct heap {
    struct heap_item **pages; /* by place - 1 */
    size_t count;
    size_t page_count, page_capacity;
};

/* The structure that holds `node` as its member `member`. */
#define heap_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* Members that are still in it are forgotten, not touched. */
void heap_deinit(struct heap *heap);
/* `node` is in no heap; false when there is no memory. */
bool heap_push(struct heap *heap, struct heap_node *node, uint64_t key);
/* Takes `node` out of this heap; harmless when it is in none. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* What stands at a place, from 1 to the count, the top first and the rest in no order. */
static inline struct heap_item *heap_item(const struct heap *heap, size_t place)
{
    return &heap->pages[(place - 1) / HEAP_PAGE][(place - 1) % HEAP_PAGE];
}

/* NULL when it is empty. */
static inline struct heap_node *heap_top(const struct heap *heap)
{
    return heap->count > 0 ? heap_item(heap, 1)->node : NULL;
}

#endif
