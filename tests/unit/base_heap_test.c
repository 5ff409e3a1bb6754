/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "base/heap.h"
#include "base/rng.h"
#include "lib/timeout.h"

TestSuite(heap, .timeout = TIMEOUT_S(10));

#define NODES 500

Test(heap, an_empty_one_has_no_top)
{
    struct heap heap = {0};
    struct heap_node node = {0};

    cr_assert_null(heap_top(&heap));
    heap_remove(&heap, &node);
    heap_deinit(&heap);
}

Test(heap, one_of_many_pages_grows_without_moving_what_is_there)
{
    static struct heap_node nodes[3 * HEAP_PAGE + 1];
    const size_t count = sizeof nodes / sizeof nodes[0];
    struct heap heap = {0};

    for (size_t i = 0; i < count; i++) {
        const struct heap_item *const page = i > 0 ? heap.pages[(i - 1) / HEAP_PAGE] : NULL;
        cr_assert(heap_push(&heap, &nodes[i], (uint64_t)(i * 7919 % count)));
        cr_assert(i == 0 || heap.pages[(i - 1) / HEAP_PAGE] == page);
    }
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(heap_top(&heap)->key, i);
        heap_remove(&heap, heap_top(&heap));
    }
    cr_assert_null(heap_top(&heap));
    heap_deinit(&heap);
}

Test(heap, the_lowest_is_always_on_top_whichever_are_taken_out)
{
    static struct heap_node nodes[NODES];
    struct heap heap = {0};
    struct rng rng;

    rng_init(&rng, 17);
    for (unsigned step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[rng_below(&rng, NODES)];
        if (node->place == 0)
            cr_assert(heap_push(&heap, node, rng_below(&rng, 1000)));
        else
            heap_remove(&heap, node);
        uint64_t lowest = UINT64_MAX;
        size_t count = 0;
        for (size_t i = 0; i < NODES; i++) {
            if (nodes[i].place == 0)
                continue;
            count++;
            lowest = nodes[i].key < lowest ? nodes[i].key : lowest;
        }
        cr_assert_eq(heap.count, count);
        cr_assert_eq(heap_top(&heap) != NULL ? heap_top(&heap)->key : UINT64_MAX, lowest);
    }
    heap_deinit(&heap);
}
