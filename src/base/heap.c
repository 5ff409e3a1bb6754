/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/heap.h"

#include "base/assert.h"
#include "base/memory.h"

void heap_deinit(struct heap *heap)
{
    memory_free(heap->nodes);
    *heap = (struct heap){0};
}

static void put(struct heap *heap, size_t place, struct heap_node *node)
{
    heap->nodes[place - 1] = node;
    node->place = place;
}

static void rise(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;

    while (place > 1 && heap->nodes[place / 2 - 1]->key > node->key) {
        put(heap, place, heap->nodes[place / 2 - 1]);
        place /= 2;
    }
    put(heap, place, node);
}

static void sink(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;

    while (place * 2 <= heap->count) {
        size_t lower = place * 2;
        if (lower < heap->count && heap->nodes[lower]->key < heap->nodes[lower - 1]->key)
            lower++;
        if (heap->nodes[lower - 1]->key >= node->key)
            break;
        put(heap, place, heap->nodes[lower - 1]);
        place = lower;
    }
    put(heap, place, node);
}

bool heap_push(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ensure(node->place == 0);
    if (heap->count == heap->capacity) {
        const size_t capacity = heap->capacity > 0 ? heap->capacity * 2 : 64;
        struct heap_node **nodes = memory_try_realloc(heap->nodes, capacity * sizeof nodes[0]);
        if (nodes == NULL)
            return false;
        heap->nodes = nodes;
        heap->capacity = capacity;
    }
    node->key = key;
    put(heap, ++heap->count, node);
    rise(heap, node);
    return true;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->place == 0)
        return;
    ensure(node->place <= heap->count && heap->nodes[node->place - 1] == node);
    struct heap_node *last = heap->nodes[--heap->count];
    if (last != node) {
        put(heap, node->place, last);
        rise(heap, last);
        sink(heap, last);
    }
    node->place = 0;
}
