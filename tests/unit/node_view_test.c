/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(view, .timeout = TIMEOUT_S(10));

Test(view, knows_the_members_of_its_ring_by_number)
{
    const struct pair_setup setup = {.nodes = 5, .ghosts = 0x1e};
    struct pair pair;

    pair_init(&pair, &setup);
    const struct view *view = pair.nodes[0].view;
    cr_assert_eq(view->node_count, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct view_node *node = view_node(view, pair.nodes[i].number);
        cr_assert_not_null(node);
        cr_assert_eq(node->number, pair.nodes[i].number);
        cr_assert_eq(node->port, 7001 + i);
        cr_assert_eq(node->bus_port, 17001 + i);
        cr_assert_str_eq(node->host, "127.0.0.1");
    }
    for (node_number number = 0; number < 30; number++)
        cr_assert((view_node(view, number) != NULL) ==
                  (number >= 10 && number <= 22 && (number - 10) % 3 == 0));
    pair_deinit(&pair);
}

Test(view, of_no_ring_has_no_nodes)
{
    struct view *view = view_create(NULL, 0);
    struct view *other = view_retain(view);

    cr_assert_null(view_node(view, 1));
    view_release(&view);
    cr_assert_null(view);
    cr_assert_eq(other->node_count, 0);
    view_release(&other);
    view_release(&other);
}
