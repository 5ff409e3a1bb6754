/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/heap.h"

#include "base/assert.h"
#include "base/memory.h"

void heap_deinit(struct heap *heap)
{
    for (size_t i = 0; i < heap->page_count; i++)
        memory_free(heap->pages[i]);
    memory_free(heap->pages);
    *heap = (struct heap){0};
}

static void put(struct heap *heap, size_t place, struct heap_item moved)
{
    *heap_item(heap, place) = moved;
    moved.node->place = place;
}

static void rise(struct heap *heap, size_t place, struct heap_item moved)
{
    while (place > 1 && heap_item(heap, place / 2)->key > moved.key) {
        put(heap, place, *heap_item(heap, place / 2));
        place /= 2;
    }
    put(heap, place, moved);
}

static void sink(struct heap *heap, size_t place, struct heap_item moved)
{
    while (place * 2 <= heap->count) {
        size_t lower = place * 2;
        if (lower < heap->count && heap_item(heap, lower + 1)->key < heap_item(heap, lower)->key)
            lower++;
        if (heap_item(heap, lower)->key >= moved.key)
            break;
        put(heap, place, *heap_item(heap, lower));
        place = lower;
    }
    put(heap, place, moved);
}

static bool add_page(struct heap *heap)
{
    if (heap->page_count == heap->page_capacity) {
        const size_t capacity = heap->page_capacity > 0 ? heap->page_capacity * 2 : 4;
        struct heap_item **pages = memory_try_realloc(heap->pages, capacity * sizeof pages[0]);
        if (pages == NULL)
            return false;
        heap->pages = pages;
        heap->page_capacity = capacity;
    }
    struct heap_item *page = memory_try_alloc(HEAP_PAGE * sizeof page[0]);
    if (page == NULL)
        return false;
    heap->pages[heap->page_count++] = page;
    return true;
}

bool heap_push(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ensure(node->place == 0);
    if (heap->count == heap->page_count * HEAP_PAGE && !add_page(heap))
        return false;
    node->key = key;
    rise(heap, ++heap->count, (struct heap_item){.key = key, .node = node});
    return true;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    const size_t place = node->place;

    if (place == 0)
        return;
    ensure(place <= heap->count && heap_item(heap, place)->node == node);
    const struct heap_item last = *heap_item(heap, heap->count--);
    if (last.node != node) {
        rise(heap, place, last);
        sink(heap, last.node->place, last);
    }
    node->place = 0;
}
