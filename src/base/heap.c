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

static struct heap_node **slot(const struct heap *heap, size_t place)
{
    return &heap->pages[(place - 1) / HEAP_PAGE][(place - 1) % HEAP_PAGE];
}

static struct heap_node *get(const struct heap *heap, size_t place)
{
    return *slot(heap, place);
}

static void put(struct heap *heap, size_t place, struct heap_node *node)
{
    *slot(heap, place) = node;
    node->place = place;
}

static void rise(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;

    while (place > 1 && get(heap, place / 2)->key > node->key) {
        put(heap, place, get(heap, place / 2));
        place /= 2;
    }
    put(heap, place, node);
}

static void sink(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;

    while (place * 2 <= heap->count) {
        size_t lower = place * 2;
        if (lower < heap->count && get(heap, lower + 1)->key < get(heap, lower)->key)
            lower++;
        if (get(heap, lower)->key >= node->key)
            break;
        put(heap, place, get(heap, lower));
        place = lower;
    }
    put(heap, place, node);
}

static bool add_page(struct heap *heap)
{
    if (heap->page_count == heap->page_capacity) {
        const size_t capacity = heap->page_capacity > 0 ? heap->page_capacity * 2 : 4;
        struct heap_node ***pages = memory_try_realloc(heap->pages, capacity * sizeof pages[0]);
        if (pages == NULL)
            return false;
        heap->pages = pages;
        heap->page_capacity = capacity;
    }
    struct heap_node **page = memory_try_alloc(HEAP_PAGE * sizeof page[0]);
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
    put(heap, ++heap->count, node);
    rise(heap, node);
    return true;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->place == 0)
        return;
    ensure(node->place <= heap->count && get(heap, node->place) == node);
    struct heap_node *last = get(heap, heap->count--);
    if (last != node) {
        put(heap, node->place, last);
        rise(heap, last);
        sink(heap, last);
    }
    node->place = 0;
}
